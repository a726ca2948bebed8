# The rounds of test/campaign/crashes.

use strict;
use warnings;

use CrashCampaign;
use Test::More;

my $rounds = shift @ARGV // 500;
my $seed = shift @ARGV // time;
open(my $figures, '>&=', 3) or die "descriptor 3: $!";
$figures->autoflush(1);
print $figures "seed $seed\n";

my $campaign = CrashCampaign->new('crashes', $seed);

sub print_totals
{
	my %total = $campaign->totals;
	print $figures join(', ', map { "$_ $total{$_}" } sort keys %total) . "\n";
	return;
}

foreach my $round (1 .. $rounds)
{
	my @wrong = $campaign->round($round);
	print $figures map { "round $round: $_\n" } @wrong;
	is(join("\n", @wrong), '', "round $round");
	print_totals() if $round % 50 == 0;
}
my @wrong = $campaign->finish;
print $figures map { "in the end: $_\n" } @wrong;
is(join("\n", @wrong), '', 'no rule broken, nothing rejected, no crash that was not ours');
print_totals();
done_testing();
