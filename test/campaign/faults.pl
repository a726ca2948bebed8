# The rounds of test/campaign/faults.

use strict;
use warnings;

use FaultMatrix;
use List::Util qw(shuffle);
use Test::More;

my $rounds = shift @ARGV // 1;
my $seed = shift @ARGV // (time ^ $$ << 8);
open(my $figures, '>&=', 3) or die "descriptor 3: $!";
$figures->autoflush(1);
srand($seed);
print $figures "seed $seed\n";

my $matrix = FaultMatrix->new('faults');
my @faults = ($matrix->status_faults, $matrix->cut_faults, $matrix->answer_faults, $matrix->network_faults);

foreach my $round (1 .. $rounds)
{
	$matrix->run($_) foreach $round == 1 ? @faults : shuffle(@faults);
	print $figures "$_\n" foreach $round == 1 ? $matrix->table : ();
	my %total = $matrix->totals;
	printf $figures "round %d: %s; tests that failed: %d\n", $round,
	  join(', ', map { "$_ $total{$_}" } sort keys %total), scalar grep { !$_ } Test::More->builder->summary;
}
$matrix->finish;
done_testing();
