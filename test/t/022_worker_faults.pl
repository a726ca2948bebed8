# Trouble at JOOR's end: nothing is lost, nothing is sent for ever, and one
# account's trouble is not another's.
#
# Proves, for each kind of failure of the contract's table, what becomes of
# the queue: retried, halved, rejected one by one, paced, or kept while the
# account is stopped with its reason; and that joor.status says which.

use strict;
use warnings;

use JoorNode;
use JoorSimulator;
use JSON::PP qw(decode_json);
use Test::More;
use Time::HiRes qw(time);

my $ample = 100_000_000;
my $joor = JoorSimulator->new;
my $node = JoorNode->new('faults', preload => 1);
my $options = "format 'json', json_shape 'flat', credits '$ample', timeout '60'";

$node->account($joor, $_, options => $options, simulator => { credits => $ample })
  foreach qw(joor other);

sub sql { return $node->safe_psql('postgres', $_[0]) }

sub stock
{
	my ($server) = @_;
	return { map { $_->{upc} => $_->{inventory} } @{ $joor->state($server // 'joor') } };
}

# Queues items with that prefix, 1 to count, each with that quantity.
sub enqueue
{
	my ($prefix, $count, $quantity, $server) = @_;
	$server //= 'joor';
	return sql("SELECT joor.enqueue('SELECT ''$prefix'' || g AS upc, $quantity AS inventory"
		  . " FROM generate_series(1, $count) g', '$server')");
}

sub drained
{
	my ($what, $server) = @_;
	$server //= 'joor';
	is(sql("SELECT joor.wait('$server', '40 s')"), 't', "$what: the queue is empty in the end");
	return;
}

# All items of that prefix have that quantity.
sub arrived
{
	my ($what, $prefix, $count, $quantity) = @_;
	my $stock = stock();

	is(scalar(grep { ($stock->{"$prefix$_"} // -1) == $quantity } 1 .. $count), $count,
		"$what: all arrived");
	return;
}

sub bulk_calls
{
	my ($since) = @_;
	return $joor->calls(account => 'joor', operation => 'bulk', since => $since);
}

sub last_call
{
	my $calls = $joor->calls;
	return @$calls ? $calls->[-1]{number} : 0;
}

sub why { return sql("SELECT why_not_now FROM joor.status WHERE account = '" . ($_[0] // 'joor') . "'") }

sub wait_why
{
	my ($pattern, $message) = @_;
	$node->wait_until("SELECT why_not_now ~ '$pattern' FROM joor.status WHERE account = 'joor'", $message);
	return;
}

#
# One account's trouble is not another's: it hangs, then fails
#
$joor->fault(account => 'joor', hold => 1, operation => 'bulk');
enqueue('h', 3, 1);
ok($joor->wait_for(held => 1, account => 'joor'), 'one account hangs');
foreach my $round (1 .. 10)
{
	enqueue('o', 3, $round, 'other');
	drained("other account, round $round", 'other') if $round % 5 == 0;
}
is(stock('other')->{o3}, 10, 'another one is served meanwhile');
is(why(), 'a request is in flight', 'status says which hangs');
is(why('other'), 'nothing is queued', 'and which does not');
is(sql(q{SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'joor_inventory worker'
	AND backend_xmin IS NULL AND wait_event = 'Extension'}), 1, 'the worker waits without a snapshot')
  if sql('SHOW server_version_num') < 170000;
my $begun = time;
sql('CREATE DATABASE neighbour');
$begun = time;
sql('DROP DATABASE neighbour');
cmp_ok(time - $begun, '<', 5, 'another database can be dropped while a request hangs');
$joor->release;
drained('hanging account');
arrived('hanging account', 'h', 3, 1);

#
# JOOR's and the network's trouble is retried, and nothing is dropped
#
my @trouble = (
	[ 'status 500' => { status => 500 } ],
	[ 'status 503, though it took effect' => { status => 503, applied => 1 } ],
	[ 'status 408' => { status => 408 } ],
	[ 'reset before the body was read' => { cut => 'before_body' } ],
	[ 'reset before the answer' => { cut => 'before_answer' } ],
	[ 'reset before the answer, applied' => { cut => 'before_answer', applied => 1 } ],
	[ 'closed before the answer' => { cut => 'before_answer', how => 'close' } ]);
foreach my $trouble (@trouble)
{
	my ($name, $fault) = @$trouble;
	my $since = last_call();

	$joor->fault(account => 'joor', operation => 'bulk', %$fault);
	enqueue('n', 3, $since);
	drained($name);
	arrived($name, 'n', 3, $since);
	is(scalar @{ bulk_calls($since) }, 2, "$name: one retry");
}
is(sql('SELECT count(*) FROM joor.rejection'), 0, 'none of that rejects an item');

# A newer quantity that came meanwhile is what is retried.
$joor->fault(account => 'joor', operation => 'bulk', status => 500, times => 2);
$joor->fault(account => 'joor', operation => 'bulk', status => 500, hold => 1);
enqueue('s', 1, 1);
$node->wait_until(
	q{SELECT why_not_now ~ '^JOOR has trouble: .*500' AND next_send IS NOT NULL FROM joor.status WHERE account = 'joor'},
	'status: JOOR has trouble, which, and when the worker tries again');
ok($joor->wait_for(held => 1, account => 'joor'), 'a retry hangs');
my $since = last_call();
enqueue('s', 1, 2);
$joor->release;
drained('newer quantity');
is_deeply([ map { decode_json($joor->body($_->{number}))->{inventory_items}[0]{inventory} } @{ bulk_calls($since) } ],
	[2], 'the old quantity is not sent any more');
$joor->fault(account => 'joor', operation => 'bulk', cut => 'in_answer', how => 'close');
$since = last_call();
enqueue('b', 2, 5);
drained('answer that breaks off');
is(scalar @{ bulk_calls($since) }, 1, 'an accepted call whose answer broke off is not repeated');
arrived('answer that breaks off', 'b', 2, 5);

#
# Too large: halved, and the size that works is remembered
#
$joor->account('joor', max_items => 3);
$since = last_call();
enqueue('l', 16, 1);
drained('413');
arrived('413', 'l', 16, 1);
my @sizes = map { $_->{items} } @{ bulk_calls($since) };
is_deeply([ grep { $_->{status} == 413 } @{ bulk_calls($since) } ], [ grep { $_->{items} > 3 } @{ bulk_calls($since) } ],
	'413: every larger call was refused');
cmp_ok(scalar(grep { $_ > 3 } @sizes), '<=', 3, "413: the size that works is remembered (@sizes)");
$joor->account('joor', max_items => 0, max_bytes => 40);
enqueue('m', 2, 1);
drained('413 for a single item');
is(sql(q{SELECT count(*) FROM joor.rejection WHERE upc LIKE 'm%' AND closed_at IS NULL}), 2,
	'what is too large on its own is rejected, and not sent for ever');
$joor->account('joor', max_bytes => 0);
sql("SELECT joor.stop_worker()");
$node->wait_until('SELECT bool_and(worker_pid IS NULL) FROM joor.status', 'the worker forgets the size with its end');
sql("SELECT joor.start_worker()");

# A time-out on a large body, likewise; the time-out passes, so the size grows again.
sql("ALTER SERVER joor OPTIONS (SET timeout '1')");
$joor->fault(account => 'joor', operation => 'bulk', delay => 3);
$since = last_call();
enqueue('q', 16, 1);
drained('time-out');
arrived('time-out', 'q', 16, 1);
is(bulk_calls($since)->[1]{items}, 8, 'time-out: half of it is tried next');
sql("ALTER SERVER joor OPTIONS (SET timeout '60')");

#
# Poison: a body that is refused as a whole
#
$joor->account('joor', poison => [ 'p7', 'p40', 'p41' ]);
$since = last_call();
enqueue('p', 64, 2);
drained('poison');
is(sql(q{SELECT string_agg(upc, ',' ORDER BY length(upc), upc) FROM joor.rejection WHERE upc LIKE 'p%' AND closed_at IS NULL}),
	'p7,p40,p41', 'poison: the guilty items are rejected');
my $stock = stock();
is(scalar(grep { ($stock->{"p$_"} // 0) == 2 } 1 .. 64), 61, 'poison: all others are delivered');
cmp_ok(scalar @{ bulk_calls($since) }, '<', 45, 'poison: within a sensible share of the credits');
is(sql(q{SELECT state FROM joor.status WHERE account = 'joor'}), 'active', 'poison: the account goes on');
$joor->account('joor', poison_status => 200);
enqueue('p', 8, 3);
drained('poison with a code');
is(stock()->{p6}, 3, 'a code that is no success is the same as a status');
is(sql(q{SELECT times FROM joor.rejection WHERE upc = 'p7' AND closed_at IS NULL}), 2, 'and so is its rejection');
$joor->account('joor', poison => [], poison_status => 400);
enqueue('p', 64, 4);
drained('no poison');
is(sql(q{SELECT count(*) FROM joor.rejection WHERE upc LIKE 'p%' AND closed_at IS NULL}), 0, 'accepted later: closed');

# Guilty items side by side, more than any single search could explain
$joor->account('joor', poison => [ map { "q$_" } 1 .. 40 ]);
$since = last_call();
enqueue('q', 64, 11);
drained('clustered poison');
is(sql(q{SELECT count(*) FROM joor.rejection WHERE upc ~ '^q\d' AND closed_at IS NULL}), 40,
	'clustered poison: the guilty items are rejected');
$stock = stock();
is(scalar(grep { ($stock->{"q$_"} // 0) == 11 } 41 .. 64), 24, 'clustered poison: all others are delivered');
is(sql(q{SELECT state FROM joor.status WHERE account = 'joor'}), 'active', 'clustered poison: the account goes on');
cmp_ok(scalar @{ bulk_calls($since) }, '<=', 95, 'clustered poison: about two calls for each');
is(sql(q{SELECT count(*) FROM joor.rejection r JOIN joor.request q ON q.id = r.request_id
	WHERE r.upc ~ '^q\d' AND q.items = 1 AND q.outcome = 'refused'}), 40, 'each was refused alone');

# What comes meanwhile does not wait for the end of the hunt.
$joor->fault(account => 'joor', operation => 'bulk', after => 4, hold => 1);
enqueue('q', 64, 12);
ok($joor->wait_for(held => 1, account => 'joor'), 'the hunt is under way again');
enqueue('u', 30, 1);
$joor->release;
drained('clustered poison again');
cmp_ok(sql(q{SELECT count(*) FROM joor.request WHERE outcome = 'refused' AND items > 1 AND id >
	(SELECT max(id) FROM joor.request WHERE outcome = 'delivered' AND items = 30)}), '>', 10, 'others are delivered during the hunt');
is(sql(q{SELECT count(*) FROM joor.rejection WHERE upc ~ '^u'}), 0, 'and none of them is rejected');
$joor->account('joor', poison => []);

# A newer entry for a suspect, queued while halving goes on, is what counts.
$joor->account('joor', poison => ['w1']);
$joor->fault(account => 'joor', operation => 'bulk', after => 1, hold => 1);
enqueue('w', 4, 1);
ok($joor->wait_for(held => 1, account => 'joor'), 'halving is under way');
enqueue('w', 4, 2);
$joor->release;
drained('newer entries for suspects');
$stock = stock();
is_deeply([ map { $stock->{"w$_"} } 2 .. 4 ], [ 2, 2, 2 ], 'their latest quantities arrive');
$joor->account('joor', poison => []);

#
# Everything is refused: no item is to blame, and the queue is kept
#
$joor->fault(account => 'joor', operation => 'bulk', status => 422, times => 0);
$since = last_call();
enqueue('e', 300, 1);
wait_why('refuses every request', 'everything refused: status says so');
cmp_ok(scalar @{ bulk_calls($since) }, '<=', 30, 'after a bounded number of calls');
is(sql(q{SELECT state FROM joor.status WHERE account = 'joor'}), 'active', 'the account is tried again from time to time');
is(sql(q{SELECT count(*) FROM joor.rejection WHERE upc ~ '^e\d'}), 0, 'no item is taken for guilty');
is(sql("SELECT count(*) FROM joor.queue"), 300, 'all stay queued');
my $last = sql('SELECT max(id) FROM joor.request');
$node->wait_until("SELECT count(*) >= 2 FROM joor.request WHERE id > $last AND outcome = 'refused'", 'it is tried again');
is(sql("SELECT max(items) FROM joor.request WHERE id > $last"), 1, 'with single items');
$joor->clear_faults;
drained('accepted again');
arrived('accepted again', 'e', 300, 1);
is(sql(q{SELECT count(*) FROM joor.rejection WHERE upc ~ '^e\d' AND closed_at IS NULL}), 0, 'and nothing was rejected');

# joor.resume does not wait for the end of a pause.
$joor->fault(account => 'joor', operation => 'bulk', status => 503, times => 0);
enqueue('e', 3, 2);
$node->wait_until(q{SELECT next_send > now() + interval '8 s' FROM joor.status WHERE account = 'joor'}, 'a pause has grown long');
$joor->clear_faults;
$since = last_call();
my $paused = time;
sql("SELECT joor.resume('joor')");
drained('after resume');
arrived('after resume', 'e', 3, 2);
cmp_ok(time - $paused, '<', 6, 'joor.resume ends a pause');

# A single guilty item, with nothing else to send
$joor->account('joor', poison => ['g1']);
enqueue('g', 1, 1);
drained('a guilty item alone');
is(sql(q{SELECT count(*) FROM joor.rejection WHERE upc = 'g1' AND closed_at IS NULL}), 1, 'a guilty item alone is rejected');
$joor->account('joor', poison => []);

# 404 everywhere: a probe finds that it is the address
$joor->fault(account => 'joor', status => 404, times => 0);
$since = last_call();
enqueue('a', 30, 1);
$node->wait_until("SELECT state = 'stopped' FROM joor.status WHERE account = 'joor'", '404 everywhere: the account is stopped');
is(join(' ', map { $_->{operation} } @{ $joor->calls(account => 'joor', since => $since) }), 'bulk read',
	'after one probe');
is(sql('SELECT count(*) FROM joor.queue'), 30, 'the queue is kept');
$joor->clear_faults;
sql("SELECT joor.resume('joor')");
drained('address corrected');
arrived('address corrected', 'a', 30, 1);

# 404 for the body only: the probe is answered, halving goes on
$joor->account('joor', poison => ['k2'], poison_status => 404);
$since = last_call();
enqueue('k', 8, 1);
drained('404 for one item');
is(sql(q{SELECT string_agg(upc, ',') FROM joor.rejection WHERE upc LIKE 'k%' AND closed_at IS NULL}), 'k2', '404: the guilty item is rejected');
cmp_ok(scalar(grep { $_->{operation} eq 'read' } @{ $joor->calls(account => 'joor', since => $since) }), '<=', 2,
	'404: a probe after a success, and no more');
# a probe that is refused in another way is no news
$joor->fault(account => 'joor', operation => 'read', status => 400);
enqueue('k', 8, 2);
drained('probe that is refused');
is(stock()->{k8}, 2, 'a refused probe does no harm');
$joor->account('joor', poison => [], poison_status => 400);

# The token
$joor->account('joor', token => 'another');
$since = last_call();
enqueue('t', 5, 1);
$node->wait_until("SELECT state = 'stopped' FROM joor.status WHERE account = 'joor'", '401: the account is stopped');
is(scalar @{ $joor->calls(since => $since, operation => 'bulk') }, 1, '401: after one call');
like(why(), qr/token|stopped/, 'status says why');
enqueue('t', 5, 2);
enqueue('o', 3, 99, 'other');
drained('other account meanwhile', 'other');
is(scalar(grep { $_->{status} == 401 } @{ $joor->calls(since => $since) }), 1, '401: no second try with the same token');
sql("SELECT joor.set_token('joor', 'another'); SELECT joor.resume('joor')");
drained('new token');
arrived('new token', 't', 5, 2);
is(sql(q{SELECT state FROM joor.status WHERE account = 'joor'}), 'active', 'status: active again');

# A redirect
$joor->fault(account => 'joor', operation => 'bulk', status => 302);
enqueue('t', 5, 3);
$node->wait_until("SELECT state = 'stopped' FROM joor.status WHERE account = 'joor'", '302: the account is stopped');
is($joor->trap, 0, 'and nobody followed it');
sql("SELECT joor.resume('joor')");
drained('redirect');

#
# 429
#
$joor->fault(account => 'joor', operation => 'bulk', status => 429, retry_after => 2);
$since = last_call();
enqueue('r', 4, 1);
wait_why('credits', 'status: out of credits');
drained('429 with Retry-After');
arrived('429 with Retry-After', 'r', 4, 1);
my @times = map { $_->{arrived} } @{ bulk_calls($since) };
is(scalar @times, 2, '429: one more call');
cmp_ok($times[1] - $times[0], '>=', $times[0] > 1e12 ? 1.99e6 : 1.99, 'not before the time that JOOR said');
is(sql("SELECT count(*) FROM joor.rejection WHERE upc LIKE 'r%'"), 0, '429 rejects nothing');
is(sql("SELECT outcome FROM joor.request WHERE http_status = 429"), 'throttled', 'and is no failure');

is(sql(q{SELECT count(*) FROM joor.request WHERE outcome = 'sending'}), 0, 'no request is left open');
is($joor->summary->{most_abreast}, 0, 'never two requests of an account at a time');
is_deeply([ grep { $_->{rule} !~ /^(?:token|too_large)$/ } @{ $joor->violations } ], [], 'no rule of JOOR was broken')
  or diag(JSON::PP->new->canonical->encode($joor->violations));
my $log = PostgreSQL::Test::Utils::slurp_file($node->logfile);
unlike($log, qr/PANIC|TRAP|was terminated by signal/, 'no crash');
$node->stop;
done_testing();
