# Counters of what was sent: joor.stat.
#
# Proves: push, push_sku, feed and worker are counted alike, each request once,
# and exactly as joor.request says, whatever became of it; a sender that is
# gone is counted when its request becomes unknown; counters outlive the rows
# of joor.request, a crash and a rollback of the push; a reset is part of its
# transaction and holds up nobody; a server that runs the SQL objects of 1.0
# sends all the same.

use strict;
use warnings;

use IPC::Run ();
use JoorNode;
use JoorSimulator;
use JSON::PP;
use Test::More;

my $joor = JoorSimulator->new;
my $node = JoorNode->new('stat', preload => 1, conf => "autovacuum = off\nrestart_after_crash = on");

$node->account($joor, 'joor', options => "credits '1000000', window '1s', max_items '2', timeout '5s'",
	simulator => { credits => 1_000_000 });
$node->account($joor, 'other');

sub sql { return $node->safe_psql('postgres', $_[0]) }
sub stat_of { return $node->rows("SELECT * FROM joor.stat WHERE account = '$_[0]'")->[0] }

# What joor.request adds up to, with what its rows alone do not tell left out.
my $counted = q{requests, delivered, partly_rejected, refused, unknown, failed, unreachable,
	throttled, items, items_rejected, bytes, credits, round(total_time::numeric, 3) AS total_time,
	round(max_time::numeric, 3) AS max_time};
my $recorded = q{
	SELECT s.srvname AS account, count(r.id) AS requests,
		count(*) FILTER (WHERE outcome = 'delivered') AS delivered,
		count(*) FILTER (WHERE outcome = 'partly_rejected') AS partly_rejected,
		count(*) FILTER (WHERE outcome = 'refused') AS refused,
		count(*) FILTER (WHERE outcome = 'unknown') AS unknown,
		count(*) FILTER (WHERE outcome = 'failed') AS failed,
		count(*) FILTER (WHERE outcome = 'failed' AND http_status IS NULL) AS unreachable,
		count(*) FILTER (WHERE outcome = 'throttled') AS throttled,
		sum(items) AS items, sum(coalesce(rejected, 0)) AS items_rejected, sum(bytes) AS bytes,
		sum(credits) AS credits,
		round(sum(coalesce(extract(epoch FROM duration) * 1000, 0))::numeric, 3) AS total_time,
		round(max(coalesce(extract(epoch FROM duration) * 1000, 0))::numeric, 3) AS max_time
	FROM joor.request r JOIN pg_foreign_server s ON s.oid = r.serverid
	WHERE outcome <> 'sending' GROUP BY s.srvname};

sub compare
{
	my ($name) = @_;

	is_deeply($node->rows("SELECT account, $counted FROM joor.stat ORDER BY account"),
		$node->rows("SELECT * FROM ($recorded) r ORDER BY account"), "$name: as joor.request says");
	return;
}

sub push_items
{
	my ($count, $more) = @_;

	return $node->try_sql("SELECT outcome FROM joor.push(\$\$SELECT 'p' || i AS upc, i AS inventory"
		  . " FROM generate_series(1, $count) i\$\$" . ($more // '') . ')');
}

is_deeply([ map { $_->{requests} } stat_of('joor'), stat_of('other') ], [ 1, 1 ], 'activation is counted');
compare('activation');

# Each way to send.
push_items(3);
sql("BEGIN; SELECT * FROM joor.push_sku('s', 'i', 1, upc => 'one'); ROLLBACK");
sql("SELECT joor.enqueue('SELECT ''q'' || i AS upc, i AS inventory FROM generate_series(1, 4) i')");
sql(q{CREATE TABLE stock (sku int, upc text, inventory int);
	INSERT INTO stock VALUES (1, 'f1', 1), (2, 'f2', 2), (3, 'f3', 3);
	SELECT joor.create_feed('f', 'SELECT sku, upc, inventory FROM public.stock', key => 'sku');
	SELECT joor.sync('f');});
is(sql('SELECT joor.wait()'), 't', 'the queue is drained');
$joor->account('joor', reject => ['p1']);
push_items(2);
compare('each way to send');
my $stat = stat_of('joor');
is_deeply([ @$stat{qw(delivered partly_rejected refused items items_accepted items_rejected items_drained)} ],
	[ $stat->{requests} - 1, 1, 0, 13, 12, 1, 7 ], 'items');
cmp_ok($stat->{mean_time}, '<=', $stat->{max_time}, 'the mean is no more than the longest');
is($stat->{retries}, 0, 'no retry so far');

# Each way to fail.
$joor->account('joor', reject => []);
for my $fault (
	{ status => 503 }, { status => 422 }, { status => 429, retry_after => 1 },
	{ cut => 'before_body' }, { cut => 'before_answer' })
{
	$joor->fault(%$fault);
	push_items(1);
}
push_items(1);
compare('each way to fail');
$stat = stat_of('joor');
is($stat->{throttled}, 1, 'a 429');
cmp_ok($stat->{credit_wait_time}, '>=', 900, 'which was waited for');
cmp_ok($stat->{retries}, '>=', 2, 'retries');
is($stat->{stopped}, 0, 'no stop so far');
$joor->clear_faults;
$joor->fault(status => 401);
push_items(1);
sql("SELECT joor.resume('joor')");
is(stat_of('joor')->{stopped}, 1, 'a stop');
compare('a stop');

# A push whose call JOOR holds.
my ($out, $err);
sub begin_hanging
{
	$joor->reset(qw(calls faults));
	$joor->fault(hold => JSON::PP::true);
	($out, $err) = ('', '');
	my $session = IPC::Run::start([ 'psql', '-XAtq', '-d', $node->connstr('postgres') . ' application_name=hanging', '-c',
			q{SELECT outcome FROM joor.push($$SELECT 'h' AS upc, 1 AS inventory$$)} ],
		'<', \undef, '>', \$out, '2>', \$err, IPC::Run::timeout(60));
	$joor->wait_for(held => 1) or die "no call is held: $err";
	return $session;
}

# An outcome that is recorded twice, as by a recorder that ended before it
# answered, is counted once.
my $session = begin_hanging();
$stat = stat_of('joor');
sql(q{UPDATE joor.request SET outcome = 'delivered' WHERE outcome = 'sending'});
$joor->release;
$session->finish;
is($out, "delivered\n", 'an outcome that was recorded before');
is_deeply(stat_of('joor'), $stat, 'is not counted again');
sql(q{DELETE FROM joor.request WHERE id = (SELECT max(id) FROM joor.request)});

# The session ends before an answer comes.
$session = begin_hanging();
is(sql("SELECT count(*) FROM joor.request WHERE outcome = 'sending'"), 1, 'a request in flight');
my $unknown = stat_of('joor')->{unknown};
sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'hanging'");
$session->finish;
$node->wait_until("SELECT unknown = $unknown + 1 FROM joor.stat WHERE account = 'joor'", 'it is counted as unknown');
$joor->release;
compare('a sender that is gone');

# Old requests go, the counters stay; so they do in a crash.
my $before = sql('SELECT s FROM joor.stat s ORDER BY 1');
$node->stop('immediate');
$node->start;
is(sql('SELECT s FROM joor.stat s ORDER BY 1'), $before, 'they outlive a crash');
$node->append_conf('postgresql.conf', 'joor_inventory.request_max_rows = 1');
$node->reload;
my ($requests) = $before =~ /^\(joor,(\d+)/;
my $left;
for (1 .. 100)
{
	push_items(1);
	$requests++;
	$left = sql(q{SELECT count(*) FROM joor.request WHERE server = 'joor'});
	last if $left < $requests / 2;
}
cmp_ok($left, '<', $requests / 2, 'old requests go');
is(stat_of('joor')->{requests}, $requests, 'they outlive the rows of joor.request');

# A reset is part of its transaction, and holds up nobody.
$before = sql("SELECT s FROM joor.stat s WHERE account = 'joor'");
sql('BEGIN; SELECT joor.stat_reset(); ROLLBACK');
is(sql("SELECT s FROM joor.stat s WHERE account = 'joor'"), $before, 'a reset that is rolled back');
$requests = stat_of('joor')->{requests};
my $resetter = $node->background_psql('postgres');
$resetter->query_safe(q{BEGIN; SELECT joor.stat_reset('joor')});
my ($code) = push_items(1);
is($code, 0, 'a push while a reset is not committed');
is(stat_of('joor')->{requests}, $requests + 1, 'is counted with what was before');
($code) = $node->try_sql("SET statement_timeout = '10s'; SELECT joor.stat_reset('joor')");
is($code, 0, 'another reset does not wait');
$resetter->query_safe('COMMIT');
$resetter->quit;
is_deeply([ @{ stat_of('joor') }{qw(requests max_time items mean_time)} ], [ 0, 0, 0, undef ], 'after the reset');
cmp_ok(stat_of('other')->{requests}, '>', 0, 'another account is not reset');
push_items(3);
is_deeply([ @{ stat_of('joor') }{qw(requests items items_accepted)} ], [ 2, 3, 3 ], 'it counts anew');
$node->wait_until('SELECT count(*) = count(DISTINCT serverid) FROM joor.counter', 'what was before goes');
sql('SELECT joor.stat_reset()');
is(sql('SELECT sum(requests) FROM joor.stat'), 0, 'a reset of all');
($code, undef, $err) = $node->try_sql("SELECT joor.stat_reset('none')");
like($err, qr/server "none" does not exist/, 'an account that is not there');

# The library of now over the SQL objects of 1.0.
sql(q{CREATE DATABASE old});
$node->safe_psql('old', q{CREATE EXTENSION joor_inventory VERSION '1.0'});
$node->account($joor, 'older', db => 'old');
is($node->safe_psql('old', q{SELECT outcome FROM joor.push($$SELECT 'o' AS upc, 1 AS inventory$$, 'older')}),
	'delivered', 'SQL objects of 1.0: a push');
$node->safe_psql('old', 'ALTER EXTENSION joor_inventory UPDATE');
is($node->safe_psql('old', q{SELECT requests, stats_reset IS NULL FROM joor.stat}), '0|t', 'it counts from the update on');
is($node->safe_psql('old', q{SELECT outcome FROM joor.push($$SELECT 'o' AS upc, 1 AS inventory$$, 'older')}),
	'delivered', 'a push');
is($node->safe_psql('old', q{SELECT requests FROM joor.stat}), '1', 'is counted');

done_testing();
