# Whatever ends the worker or the server, the queue goes out in the end.
#
# Proves that the worker comes back by itself after pg_cancel_backend,
# pg_terminate_backend, kill -9, an immediate shutdown and a restart, without a
# restart storm, and after it could not even connect; and that after a random
# campaign of these under load JOOR has the last value of every item.  The seed
# is printed; JOOR_SEED repeats it, JOOR_ROUNDS makes it longer.

use strict;
use warnings;

use JoorNode;
use JoorSimulator;
use PostgreSQL::Test::Utils;
use Test::More;

my $ample = 100_000_000;
my $skus = 200;
my $rounds = $ENV{JOOR_ROUNDS} || 20;
my $seed = $ENV{JOOR_SEED} || time;
my $joor = JoorSimulator->new;
my $node = JoorNode->new('crash', preload => 1,
	conf => "restart_after_crash = on\nlog_min_messages = debug1\nfsync = off");
my $worker = q{backend_type = 'joor_inventory worker'};

diag("JOOR_SEED=$seed");
srand($seed);
$node->account($joor, 'joor', options => "credits '$ample', max_items '50'", simulator => { credits => $ample });

sub sql { return $node->safe_psql('postgres', $_[0]) }

sub stock { return { map { $_->{upc} => $_->{inventory} } @{ $joor->state('joor') } } }

sub enqueue
{
	my ($upc, $quantity) = @_;
	return "SELECT joor.enqueue('SELECT ''$upc''::text AS upc, $quantity AS inventory');";
}

sub drained
{
	my ($what) = @_;
	$node->wait_until('SELECT NOT EXISTS (SELECT FROM joor.queue)', "$what: the queue goes out by itself");
	return;
}

sub worker_pid { return sql("SELECT coalesce(max(pid), 0) FROM pg_stat_activity WHERE $worker") }

# Holds a request of that item, does it, and lets go.
sub disturb
{
	my ($what, $upc, $action) = @_;

	$joor->fault(account => 'joor', operation => 'bulk', hold => 1);
	sql(enqueue($upc, 1));
	ok($joor->wait_for(held => 1), "$what: a request is in flight");
	$action->();
	$joor->release;
	drained($what);
	is(stock()->{$upc}, 1, "$what: it arrived");
	return;
}

disturb('pg_cancel_backend', 'c', sub { sql("SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE $worker") });
my $calls = grep { 1 } @{ $joor->calls(operation => 'bulk') };
is($calls, 1, 'a cancel does not repeat the request');
disturb('pg_terminate_backend', 't', sub { sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE $worker") });
disturb('kill -9 of the worker', 'k', sub { kill 9, worker_pid(); $node->wait_until_up; });
disturb('restart', 'r', sub { $node->restart });
disturb('immediate shutdown', 'i', sub { $node->stop('immediate'); $node->start });
disturb('end of the launcher', 'l', sub {
	sql(q{SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE backend_type = 'joor_inventory launcher'});
	sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE $worker"); });

# What is written down before a request leaves is on disk by then.
sql("ALTER DATABASE postgres SET synchronous_commit = off; ALTER SYSTEM SET wal_writer_delay = '10s'");
$node->restart;
my $unknown = q{SELECT count(*) FROM joor.request WHERE outcome = 'unknown'};
my $before = sql($unknown);
$joor->fault(account => 'joor', operation => 'bulk', hold => 1);
sql('SET synchronous_commit = on; ' . enqueue('s', 1));
ok($joor->wait_for(held => 1), 'commits need not be on disk: a request is in flight');
$node->stop('immediate');
$joor->release;
$node->start;
drained('a crash without commits on disk');
is(sql($unknown), $before + 1, 'its request was written down');
sql('ALTER DATABASE postgres RESET synchronous_commit; ALTER SYSTEM RESET wal_writer_delay');
$node->reload;

# A push that is killed is not repeated; its request does not stay under way.
$joor->fault(account => 'joor', operation => 'bulk', hold => 1);
my $push = $node->background_psql('postgres', on_error_stop => 0);
$push->query_until(qr/pushing/, "\\echo pushing\nSELECT joor.push('SELECT ''p''::text AS upc, 1 AS inventory');\n");
ok($joor->wait_for(held => 1), 'a push is in flight');
kill 9, sql(q{SELECT pid FROM pg_stat_activity WHERE query LIKE 'SELECT joor.push%'});
$node->wait_until(q{SELECT outcome = 'unknown' FROM joor.request ORDER BY id DESC LIMIT 1}, 'kill -9 of a push: its outcome is unknown');
$joor->release;
eval { $push->quit };
is(sql(q{SELECT count(*) FROM joor.request WHERE outcome = 'sending'}), 0, 'no request is left as being sent');
cmp_ok(sql(q{SELECT count(*) FROM joor.request WHERE outcome = 'unknown'}), '>=', 4, 'those of unknown outcome say so');

# No restart storm: a worker that is ended again and again is started with pauses.
my $log_at = -s $node->logfile;
$joor->fault(account => 'joor', operation => 'bulk', hold => 1, times => 0);
sql(enqueue('storm', 1));
foreach (1 .. 20)
{
	sql("SELECT joor.start_worker(); SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE $worker");
}
my $starts = () = slurp_file($node->logfile, $log_at) =~ /starting background worker process "joor_inventory worker/g;
cmp_ok($starts, '<=', 10, "a worker that ends at once is not started in a storm ($starts starts)");
$joor->clear_faults;
$joor->release;
drained('after the storm');

#
# A worker that cannot connect, as on a full disk
#
sql('CREATE DATABASE shop');
$node->safe_psql('shop', 'CREATE EXTENSION joor_inventory');
$node->account($joor, 'shop', db => 'shop', options => "credits '$ample'", simulator => { credits => $ample });
$node->safe_psql('shop', q{SELECT joor.stop_worker(), joor.enqueue('SELECT ''s''::text AS upc, 5 AS inventory', 'shop')});
my $shop = sql(q{SELECT oid FROM pg_database WHERE datname = 'shop'});
my $map = $node->data_dir . "/base/$shop/pg_filenode.map";
my $count_starts = sub { return scalar(() = slurp_file($node->logfile, $log_at) =~ /starting background worker process "joor_inventory worker for database $shop"/g) };
$node->stop;
$log_at = -s $node->logfile;
chmod 0, $map or die "cannot chmod $map: $!";
$node->start;
my $deadline = time + $PostgreSQL::Test::Utils::timeout_default;
select(undef, undef, undef, 0.1) while $count_starts->() < 3 && time < $deadline;
cmp_ok($count_starts->(), '>=', 3, 'a worker that ends before it has connected is started again');
chmod 0600, $map or die "cannot chmod $map: $!";
$node->wait_until('SELECT NOT EXISTS (SELECT FROM joor.queue)', 'and sends what is queued when it can', 'shop');
is((map { $_->{inventory} } grep { $_->{upc} eq 's' } @{ $joor->state('shop') })[0], 5, 'it arrived');
cmp_ok($count_starts->(), '<=', 10, 'after pauses');

#
# The campaign: a session enqueues, others end the worker or the server
#
my %last;
my $value = 0;
$log_at = -s $node->logfile;
foreach my $round (1 .. $rounds)
{
	my $batch = 1 + int rand 5;
	my $kind = int rand 6;

	$joor->fault(account => 'joor', operation => 'bulk', times => 1 + int rand 2,
		rand() < 0.5 ? (delay => 0.05) : (status => 503, applied => rand() < 0.5 ? 1 : 0))
	  if rand() < 0.3;
	foreach (1 .. $batch)
	{
		my $from = 1 + int rand $skus;
		my $to = $from + int rand 60;
		$to = $skus if $to > $skus;
		$value++;
		my ($code) = $node->try_sql("SELECT joor.enqueue('SELECT ''u'' || g AS upc, $value AS inventory FROM generate_series($from, $to) g')");
		if ($code != 0)
		{
			# Whether it was committed is not known: say it again.
			$node->wait_until_up;
			$value++;
			sql("SELECT joor.enqueue('SELECT ''u'' || g AS upc, $value AS inventory FROM generate_series($from, $to) g')");
		}
		$last{"u$_"} = $value foreach $from .. $to;
	}
	select(undef, undef, undef, rand 0.05);
	my $pid = worker_pid();
	if ($kind == 0 && $pid) { kill 9, $pid }
	elsif ($kind == 1) { $node->stop('immediate'); $node->start }
	elsif ($kind == 2 && $pid) { kill 15, $pid }
	elsif ($kind == 3 && $pid) { kill 2, $pid }
	elsif ($kind == 4) { $node->restart }
	$node->wait_until_up;
}
$joor->clear_faults;
drained("campaign of $rounds rounds");
my $stock = stock();
is_deeply({ map { $_ => $stock->{$_} } keys %last }, \%last, 'JOOR has the last value of every item');
is(scalar(grep { $_->{abreast} } @{ $joor->calls }) <= $rounds + 10, 1, 'only requests whose sender was killed may overlap');
is(sql('SELECT count(*) FROM joor.rejection'), 0, 'nothing was rejected');
my $log = slurp_file($node->logfile);
unlike($log, qr/PANIC|TRAP|signal 11|signal 6/, 'no crash that was not ours');
$starts = () = slurp_file($node->logfile, $log_at) =~ /starting background worker process "joor_inventory worker/g;
cmp_ok($starts, '<=', 10 * $rounds, "no restart storm ($starts starts in $rounds rounds)");
is_deeply([ grep { $_->{rule} ne 'broken' } @{ $joor->violations } ], [], 'no rule of JOOR was broken');
$node->stop;
done_testing();
