# joor.enqueue and the queue: what is queued arrives, once, in its last form.
#
# Proves that entries are part of the caller's transaction and stay until they
# are acknowledged; that of many entries for one position only the latest
# quantity is ever sent, with dec_pending groups kept apart; that nothing stale
# overtakes something newer, whether it comes by the queue or by joor.push; and
# that joor.wait, joor.retry, joor.status and joor.progress tell the truth.

use strict;
use warnings;

use JoorNode;
use JoorSimulator;
use JSON::PP qw(decode_json);
use PostgreSQL::Test::Utils;
use Test::More;

my $ample = 100_000_000;
my $joor = JoorSimulator->new;
my $node = JoorNode->new('queue', preload => 1);

$node->account($joor, 'joor',
	options => "format 'json', json_shape 'flat', max_items '10', credits '$ample'",
	simulator => { credits => $ample });

# Quantities by UPC, as JOOR has them.
sub stock
{
	return { map { $_->{upc} => $_->{inventory} } @{ $joor->state($_[0] // 'joor') } };
}

sub quantities
{
	my $stock = stock();
	return [ map { $stock->{$_} } @_ ];
}

# The items of each bulk call after a number: [{upc => quantity}, ...].
sub bodies
{
	my ($since) = @_;
	my @bodies;

	foreach my $call (@{ $joor->calls(operation => 'bulk', since => $since) })
	{
		my $body = decode_json($joor->body($call->{number}));
		push @bodies,
		  { map { $_->{upc} => $_->{inventory} } @{ $body->{inventory_items} } };
	}
	return \@bodies;
}

sub last_call
{
	my $calls = $joor->calls;
	return @$calls ? $calls->[-1]{number} : 0;
}

sub sql { return $node->safe_psql('postgres', $_[0]) }

sub wait_drained
{
	my ($what, $server) = @_;
	$server //= 'joor';
	is(sql("SELECT joor.wait('$server', '30 s')"), 't', "$what: all was sent");
	return;
}

sub enqueue
{
	my ($upc, $quantity, $more) = @_;
	$more //= '';
	return "SELECT joor.enqueue('SELECT ''$upc''::text AS upc, $quantity AS inventory'$more);";
}

#
# Transactions
#
is(sql("SELECT joor.enqueue('SELECT g::text AS upc, g AS inventory FROM generate_series(1, 25) g')"),
	25, 'enqueue counts the items');
wait_drained('first batch');
is_deeply(stock(), { map { $_ => $_ } 1 .. 25 }, 'all items arrived');
is(scalar @{ $joor->calls(operation => 'bulk') }, 3, 'max_items 10 makes three calls of 25');
is(sql("SELECT joor.enqueue('SELECT 1::text AS upc, 1 AS inventory WHERE false')"),
	0, 'no items, nothing queued');

sql("SELECT joor.pause('joor')");
sql('BEGIN;' . enqueue('rolled', 1) . 'ROLLBACK');
is(sql('SELECT count(*) FROM joor.queue'), 0, 'a rolled-back enqueue leaves nothing');
sql('BEGIN; SAVEPOINT s;' . enqueue('rolled', 1) . 'ROLLBACK TO s;'
	  . enqueue('kept', 1) . 'COMMIT');
is(sql('SELECT string_agg(upc, $$,$$) FROM joor.queue'),
	'kept', 'a rolled-back savepoint leaves nothing, the rest stays');
my ($code, undef, $err) = $node->try_sql(
	q{SELECT joor.enqueue('SELECT ''x''::text AS upc, 1 AS inventory UNION ALL SELECT ''y'', NULL')});
isnt($code, 0, 'an item without a quantity is refused at once');
is(sql('SELECT count(*) FROM joor.queue'), 1, 'and nothing of that query is queued');
($code, undef, $err) = $node->try_sql('BEGIN READ ONLY;' . enqueue('x', 1));
like($err, qr/read-only transaction/, 'a read-only transaction cannot enqueue');
is(sql("SELECT joor.wait('joor', '100 ms')"), 'f', 'joor.wait says false when the time is up');
like(sql('SELECT why_not_now FROM joor.status'), qr/^the account is paused/, 'status: paused');
my $since = last_call();
sql("SELECT joor.resume('joor')");
wait_drained('after the pause');
is_deeply(bodies($since), [ { kept => 1 } ], 'what was committed during the pause goes out by joor.resume');
is(sql("SELECT joor.wait('joor', '0')"), 't', 'joor.wait with nothing queued is true at once');
is(sql('SELECT why_not_now FROM joor.status'), 'nothing is queued', 'status: nothing is queued');

#
# From a trigger, by a role that has the rights for it and no others
#
sql(q{
	CREATE ROLE shop;
	GRANT USAGE ON SCHEMA joor TO shop;
	GRANT USAGE ON FOREIGN SERVER joor TO shop;
	GRANT EXECUTE ON FUNCTION joor.enqueue TO shop;
	CREATE TABLE stock (upc text PRIMARY KEY, inventory integer);
	GRANT ALL ON stock TO shop;
	CREATE FUNCTION tell_joor() RETURNS trigger LANGUAGE plpgsql AS $$
	BEGIN
		PERFORM joor.enqueue(format('SELECT %L::text AS upc, %s AS inventory', NEW.upc, NEW.inventory));
		RETURN NULL;
	END $$;
	CREATE TRIGGER tell AFTER INSERT OR UPDATE ON stock FOR EACH ROW EXECUTE FUNCTION tell_joor();
});
sql(q{SET ROLE shop; INSERT INTO stock VALUES ('t1', 4); UPDATE stock SET inventory = 3});
wait_drained('trigger');
is(stock()->{t1}, 3, 'a trigger function enqueues');
($code, undef, $err) = $node->try_sql('SET ROLE shop; SELECT * FROM joor.queue');
like($err, qr/permission denied/, 'to enqueue gives no right to read the queue');
sql('CREATE ROLE nobody; GRANT USAGE ON SCHEMA joor TO nobody; GRANT EXECUTE ON FUNCTION joor.enqueue TO nobody');
($code, undef, $err) = $node->try_sql('SET ROLE nobody;' . enqueue('x', 1));
like($err, qr/permission denied for foreign server/, 'without USAGE on the server nothing is queued');

#
# Coalescing
#
sql("SELECT joor.pause('joor')");
foreach my $round (1 .. 20)
{
	sql(join '', map { enqueue("c$_", 100 * $_ + $round) } 1 .. 3);
}
is(sql('SELECT count(*) FROM joor.queue'), 60, 'sixty entries for three positions');
$since = last_call();
sql("SELECT joor.resume('joor')");
wait_drained('coalescing');
is_deeply(bodies($since), [ { c1 => 120, c2 => 220, c3 => 320 } ],
	'one call with the latest quantities, and none of the others was ever sent');

# Warehouse and date make positions of their own; so does the kind of identity.
sql("SELECT joor.pause('joor')");
sql(q{SELECT joor.enqueue($$SELECT 'w'::text AS upc, 1 AS inventory, NULL::text AS warehouse, NULL::date AS inventory_date
	UNION ALL SELECT 'w', 2, 'Paris', NULL UNION ALL SELECT 'w', 3, NULL, '2031-01-01'
	UNION ALL SELECT 'w', 4, 'Paris', '2031-01-01'$$)});
sql(q{SELECT joor.enqueue($$SELECT 'w'::text AS upc, 5 AS inventory, 'Paris'::text AS warehouse$$)});
$joor->account('joor', any_warehouse => 1);
$since = last_call();
sql("SELECT joor.resume('joor')");
wait_drained('positions');
is_deeply([ sort map { $_->{inventory} } grep { ($_->{upc} // '') eq 'w' } @{ $joor->state('joor') } ],
	[ 1, 3, 4, 5 ], 'each warehouse and date is a position of its own');
is(scalar @{ $joor->calls(operation => 'bulk', since => $since) }, 1, 'all in one call');

# dec_pending
sql("SELECT joor.pause('joor')");
sql(enqueue('d1', 1, ', dec_pending => true') . enqueue('d2', 2)
	  . enqueue('d3', 3, ', dec_pending => true') . enqueue('d4', 4)
	  . enqueue('d5', 5, ', dec_pending => true') . enqueue('d5', 6));
$since = last_call();
sql("SELECT joor.resume('joor')");
wait_drained('dec_pending');
my %group = map {
	my $query = $_->{query};
	(($query =~ /dec_pending=(\d)/ ? $1 : 0) => decode_json($joor->body($_->{number}))->{inventory_items})
} @{ $joor->calls(operation => 'bulk', since => $since) };
is(scalar @{ $joor->calls(operation => 'bulk', since => $since) }, 2, 'two calls');
is_deeply([ sort map { $_->{upc} } @{ $group{1} } ], [ 'd1', 'd3' ], 'one with dec_pending');
is_deeply({ map { $_->{upc} => $_->{inventory} } @{ $group{0} } },
	{ d2 => 2, d4 => 4, d5 => 6 }, 'one without; of one position only the latest entry counts');

#
# In flight: entries stay, newer ones follow, nothing goes beside it
#
$since = last_call();
$joor->fault(hold => 1, operation => 'bulk');
sql(enqueue('f1', 1) . enqueue('f2', 1));
ok($joor->wait_for(held => 1), 'a request is held');
$node->wait_until("SELECT why_not_now = 'a request is in flight' AND sending = 1 FROM joor.status",
	'status: a request is in flight');
sql(enqueue('f1', 2) . enqueue('f3', 1));
is(sql("SELECT count(*) FROM joor.queue"), 4, 'entries stay until they are acknowledged');
my ($progress) = @{ $node->rows('SELECT *, now() - started_at AS since FROM joor.progress') };
is($progress->{source}, 'worker', 'progress of a drain: who');
is($progress->{items_total}, 4, 'progress of a drain: of how many');
is($progress->{account}, 'joor', 'progress of a drain: account');
is(sql(q{SELECT count(*) FROM pg_stat_activity a JOIN joor.status s ON a.pid = s.worker_pid
	WHERE backend_xmin IS NULL AND backend_xid IS NULL AND a.state = 'idle' AND xact_start IS NULL}),
	1, 'the worker holds no transaction and no snapshot while it waits');
is(sql(q{SELECT count(*) FROM pg_locks l JOIN joor.status s ON l.pid = s.worker_pid WHERE locktype = 'relation'}),
	0, 'and no lock on any table');
$joor->release;
wait_drained('after the hold');
is_deeply(quantities(qw(f1 f2 f3)), [ 2, 1, 1 ], 'the latest arrived');
is($joor->summary(account => 'joor')->{most_abreast}, 0, 'never two requests of an account at a time');

#
# A push waits for the request in flight, and supersedes what is queued
#
$since = last_call();
$joor->fault(hold => 1, operation => 'bulk');
sql(enqueue('p1', 1));
$joor->wait_for(held => 1, operation => 'bulk');
sql(enqueue('p1', 2) . enqueue('p2', 2));
my ($in, $out, $errors) = ('', '', '');
my $push = IPC::Run::start([ 'psql', '-XAtq', '-d', $node->connstr('postgres'), '-c',
	q{SELECT outcome FROM joor.push($$SELECT 'p1'::text AS upc, 3 AS inventory$$)} ],
	'<', \$in, '>', \$out, '2>', \$errors, IPC::Run::timeout(60));
$node->wait_until(q{SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted AND locktype = 'object')},
	'a push waits for the request in flight');
is(scalar @{ $joor->calls(operation => q(bulk), since => $since) }, 1, "nothing else went out");
$joor->release;
IPC::Run::finish($push);
is($out, "delivered\n", 'then it delivers');
wait_drained('after the push');
is_deeply(quantities(qw(p1 p2)), [ 3, 2 ], 'the push has the last word on its item, others are sent');
my @sent = map { exists $_->{p1} ? $_->{p1} : () } @{ bodies($since) };
is_deeply(\@sent, [ 1, 3 ], 'what was queued before the push is not sent any more');

# Beyond the push, the queue goes on: a later entry is not superseded.
$joor->fault(hold => 1, operation => 'bulk');
($out, $errors) = ('', '');
$push = IPC::Run::start([ 'psql', '-XAtq', '-d', $node->connstr('postgres'), '-c',
	q{SELECT outcome FROM joor.push($$SELECT 'p3'::text AS upc, 1 AS inventory$$)} ],
	'<', \$in, '>', \$out, '2>', \$errors, IPC::Run::timeout(60));
ok($joor->wait_for(under_way => 1, operation => 'bulk'), 'a push is in flight');
($progress) = @{ $node->rows('SELECT * FROM joor.progress') };
is("$progress->{source} $progress->{items_total}", 'push 1', 'progress of a push');
sql(enqueue('p3', 2));
$node->wait_until(q{SELECT why_not_now = 'another session sends for the account' FROM joor.status},
	'status: another session sends');
$joor->release;
IPC::Run::finish($push);
wait_drained('entry after a push');
is(stock()->{p3}, 2, 'an entry later than the push is sent after it');
is($joor->summary(account => 'joor')->{most_abreast}, 0, 'and never beside it');

#
# Rejections: recorded, retried
#
$joor->account('joor', reject => ['r2']);
sql(q{SELECT joor.enqueue($$SELECT 'r' || g AS upc, g AS inventory FROM generate_series(1, 3) g$$)});
wait_drained('rejections');
is(sql(q{SELECT upc || ' ' || source || ' ' || inventory FROM joor.rejection WHERE closed_at IS NULL}),
	'r2 joor 2', 'an item that JOOR refuses is a rejection');
is(sql('SELECT rejections_open FROM joor.status'), 1, 'status counts it');
is_deeply(quantities(qw(r1 r3)), [ 1, 3 ], 'the others are delivered');
is(sql('SELECT joor.retry(id) FROM joor.rejection WHERE closed_at IS NULL'), 1, 'joor.retry queues it');
wait_drained('retried in vain');
is(sql('SELECT times FROM joor.rejection WHERE closed_at IS NULL'), 2, 'refused again: the same row');
$joor->account('joor', reject => []);
is(sql('SELECT joor.retry(VARIADIC array_agg(id)) FROM joor.rejection WHERE closed_at IS NULL'), 1, 'once more');
wait_drained('retried');
is(stock()->{r2}, 2, 'it arrives');
is(sql('SELECT count(*) FROM joor.rejection WHERE closed_at IS NULL'), 0, 'the rejection is closed');
is(sql('SELECT joor.retry(VARIADIC array_agg(id)) FROM joor.rejection'), 0, 'a closed one is not sent again');

# Rules that were tightened since: rejected by validation, the rest is sent.
sql("SELECT joor.pause('joor')");
sql(q{SELECT joor.enqueue($$SELECT 'v1'::text AS upc, 1 AS inventory, 'Rome'::text AS warehouse
	UNION ALL SELECT 'v2', 2, 'Paris'$$)});
sql(q{ALTER SERVER joor OPTIONS (ADD warehouses 'Default,Paris'); SELECT joor.resume('joor')});
wait_drained('tightened rules');
is(sql(q{SELECT upc || ' ' || source FROM joor.rejection WHERE closed_at IS NULL}),
	'v1 validation', 'an entry that breaks a new rule leaves the queue as a rejection');
is(stock()->{v2}, 2, 'the others are delivered');
sql('ALTER SERVER joor OPTIONS (DROP warehouses)');

#
# Retention
#
sql(q{UPDATE joor.request SET started_at = started_at - interval '3 days', finished_at = finished_at - interval '3 days',
		counts_until = counts_until - interval '3 days';
	UPDATE joor.rejection SET closed_at = closed_at - interval '3 days' WHERE closed_at IS NOT NULL;
	ALTER SYSTEM SET joor_inventory.request_max_rows = 2; SELECT pg_reload_conf()});
my $requests = sql('SELECT count(*) FROM joor.request');
cmp_ok($requests, '>', 5, 'there are old requests');
sql('SELECT joor.stop_worker()');
$node->wait_until('SELECT worker_pid IS NULL FROM joor.status', 'no worker');
sql(enqueue('z', 1));
is(sql('SELECT why_not_now FROM joor.status'), 'no worker is running: SELECT joor.start_worker()',
	'a stopped worker stays away, whatever is queued');
sql('SELECT joor.start_worker()');
wait_drained('after start_worker');
$node->wait_until('SELECT count(*) <= 3 FROM joor.request', 'request_max_rows lets old requests go');
sql(q{ALTER SYSTEM RESET joor_inventory.request_max_rows;
	ALTER SYSTEM SET joor_inventory.request_retention = '1d'; SELECT pg_reload_conf();
	UPDATE joor.request SET started_at = started_at - interval '3 days', finished_at = finished_at - interval '3 days',
		counts_until = counts_until - interval '3 days'});
sql('SELECT joor.stop_worker()');
$node->wait_until('SELECT worker_pid IS NULL FROM joor.status', 'no worker');
sql('SELECT joor.start_worker()');
$node->wait_until('SELECT NOT EXISTS (SELECT FROM joor.request) AND NOT EXISTS (SELECT FROM joor.rejection WHERE closed_at IS NOT NULL)',
	'request_retention lets old requests and closed rejections go, without any traffic');
is(sql('SELECT count(*) FROM joor.rejection'), 1, 'an open rejection stays');

#
# Credits: never more than a window has, evenly spent, the reserve kept
#
$node->account($joor, 'small',
	options => q{format 'json', json_shape 'flat', credits '30', "window" '2s', reserve '10'},
	simulator => { credits => 30, window => 2 });
# what activation has cost is past
$node->poll_query_until('postgres', q{SELECT credits_left = 30 FROM joor.status WHERE account = 'small'});
$since = last_call();
my ($load_in, $load_out, $load_err) = ('', '', '');
my $changes = q{DO $do$
	BEGIN
		FOR i IN 1 .. 120 LOOP
			PERFORM joor.enqueue(format('SELECT ''k%s''::text AS upc, %s AS inventory', i % 7, i), 'small');
			COMMIT;
			PERFORM pg_sleep(0.05);
		END LOOP;
	END $do$;};
my $load = IPC::Run::start([ 'psql', '-XAtq', '-v', 'ON_ERROR_STOP=1', '-d', $node->connstr('postgres'), '-c', $changes ],
	'<', \$load_in, '>', \$load_out, '2>', \$load_err, IPC::Run::timeout(60));
ok($joor->wait_for(arrived => 5, account => 'small', operation => 'bulk', timeout => 20), 'a load on few credits');
$node->wait_until(q{SELECT why_not_now = 'requests are spaced so that the credits last' AND next_send IS NOT NULL
	FROM joor.status WHERE account = 'small'}, 'status: spaced');
($code, $out, $err) = $node->try_sql(
	q{SELECT outcome FROM joor.push($$SELECT 'mine'::text AS upc, 1 AS inventory$$, 'small')});
is("$out$err", 'delivered', 'a push finds the reserve, and need not wait');
IPC::Run::finish($load);
wait_drained('load on few credits', 'small');
my @writes = @{ $joor->calls(account => 'small', operation => 'bulk', since => $since) };
my @arrived = sort { $a <=> $b } map { $_->{arrived} > 1e12 ? $_->{arrived} / 1e6 : $_->{arrived} }
  grep { decode_json($joor->body($_->{number}))->{inventory_items}[0]{upc} ne 'mine' } @writes;
is(scalar(grep { $arrived[ $_ + 4 ] - $arrived[$_] < 2 } 0 .. $#arrived - 4), 0,
	'the worker never spends more in a window than its share');
is($joor->summary(account => 'small')->{refused}, 0, 'not one 429');
cmp_ok(scalar @arrived, '>=', 6, 'but it spends what there is');
is_deeply([ map { stock('small')->{"k$_"} } 0 .. 6 ], [ 119, 120, 114 .. 118 ], 'the last quantities arrive');

is_deeply($joor->violations, [], 'no rule of JOOR was broken');
is($joor->summary->{refused}, 0, 'no 429');
$node->stop;
done_testing();
