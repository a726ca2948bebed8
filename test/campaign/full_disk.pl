# A disk that fills up under load and gets space again, for
# test/campaign/resources.
#
#   full_disk.pl NAME DISK WAL ROUNDS SEED
#       DISK is what is filled up; WAL is where pg_wal goes, if not into the
#       data folder.

use strict;
use warnings;

use CrashCampaign;
use List::Util qw(max);
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(sleep time);

use constant ENOUGH_ERRORS => 40;

my ($name, $disk, $wal, $rounds, $seed) = @ARGV;
open(my $figures, '>&=', 3) or die "descriptor 3: $!";
$figures->autoflush(1);

my $campaign = CrashCampaign->new($name, $seed,
	init => { extra => [ '--wal-segsize=1', $wal ? ('-X', $wal) : () ] },
	conf => "min_wal_size = '2MB'\nmax_wal_size = '8MB'\n");
my $node = $campaign->node;
my %total = (panics => 0, restarts => 0, wrong => 0, longest => 0, oversized => 0);
my %code;

sub fill_up
{
	open(my $ballast, '>', "$disk/ballast") or die "$disk/ballast: $!";
	foreach my $size (1 << 16, 1 << 12)
	{
		1 while defined syswrite($ballast, "\1" x $size);
	}
	return;
}

# Statements that the server has refused since the log had that length.
sub errors_since
{
	my ($from) = @_;
	return slurp_file($node->logfile, $from) =~ /\] (\w{5}) (?:ERROR|FATAL|PANIC): /g;
}

sub is_running
{
	my ($pid) = slurp_file($node->data_dir . '/postmaster.pid') =~ /^(\d+)/;
	return $pid && (readlink("/proc/$pid/cwd") // '') ne '';
}

# The errors of one round, in which the disk is full for a while.
sub trouble
{
	my $from = -s $node->logfile;
	my @sessions = map { $campaign->start_session } 1 .. 4;

	sleep(rand 0.3);
	# One that needs more space than there is, while it fills up by itself.
	if ($name ne 'wal')
	{
		my ($status) = $node->try_sql(q{SELECT joor.enqueue('SELECT ''big'' || g AS upc, 1 AS inventory FROM generate_series(1, 3000000) g', 'one')});
		$total{oversized} += $status != 0;
	}
	fill_up();
	my $deadline = time + 10;
	sleep(0.05) while time < $deadline && errors_since($from) < ENOUGH_ERRORS;
	unlink "$disk/ballast" or die "$disk/ballast: $!";
	sleep(rand 0.3);
	$_->{handle}->kill_kill foreach @sessions;
	return $from;
}

foreach my $round (1 .. $rounds)
{
	srand($seed * 100_003 + $round);
	my $from = trouble();
	my $freed = time;

	if (!eval { is_running() })
	{
		$node->kill9;
		$campaign->come_back;
		$total{restarts}++;
	}
	# What a session has begun it may still end.
	$node->poll_query_until('postgres', q{SELECT count(*) = 1 FROM pg_stat_activity WHERE backend_type = 'client backend'});
	my @wrong = $campaign->settle;
	$total{longest} = max($total{longest}, time - $freed);
	$total{wrong} += @wrong;
	print $figures map { "$name, round $round: $_\n" } @wrong;
	is(join("\n", @wrong), '', "round $round");
	$code{$_}++ foreach errors_since($from);
}

# A panic for want of space is the server's, and ends by signal 6; so is the
# error about its file of catalogs, which has no code of its own.
my @end = $campaign->finish;
$total{panics} = grep { /PANIC: .*No space left on device/ } @end;
@end = grep { !/PANIC: .*No space left on device|was terminated by signal 6|could not write init file/ } @end;
print $figures map { "$name, in the end: $_\n" } @end;
is(join("\n", @end), '', 'no rule broken, nothing rejected, no crash of another kind');
my %all = ($campaign->totals, %total);
printf $figures "| %s | %d | %d | %d | %d | %d | %d | %d | %.1f s | %s |\n", $name, $rounds,
  @all{qw(oversized panics restarts lost stale)}, scalar @end, $all{longest}, join ', ', map { "$_ $code{$_}" } sort keys %code;
done_testing();
