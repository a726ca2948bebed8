# What was sent is recorded, whatever becomes of the session that sent it.
#
# Proves: a failure half-way says what was delivered before; the rows of
# joor.request and joor.rejection stay after ROLLBACK; a cancel, a time-out,
# a terminated and a killed backend leave a request of unknown outcome, and
# the next push works; rejections are opened, counted and closed; on_failure
# report tells each fate; pushes of an account never overlap, and a later one
# sends later values; where all background workers are in use a push waits for
# one, but not for ever; a call that hangs holds up neither DROP DATABASE nor a
# fast shutdown nor DROP SERVER.

use strict;
use warnings;

use IPC::Run ();
use JoorNode;
use JoorSimulator;
use JSON::PP;
use Test::More;
use Time::HiRes qw(time);

my $joor = JoorSimulator->new;
my $node = JoorNode->new('record', conf => 'restart_after_crash = on');

$node->account($joor, 'joor', options => "credits '1000000'", simulator => { credits => 1_000_000 });

# Starts SQL in a session of its own.
sub begin_sql
{
	my ($sql, %option) = @_;
	my %session = (out => '', err => '');
	my $db = $option{db} // 'postgres';

	$session{run} = IPC::Run::start(
		[ 'psql', '-XAtq', '-d', $node->connstr($db) . ' application_name=' . ($option{name} // 'pusher'),
			'-v', 'VERBOSITY=verbose', '-c', $sql ],
		'<', \undef, '>', \$session{out}, '2>', \$session{err}, IPC::Run::timeout(60));
	return \%session;
}

# Its end; what it said on stderr.
sub end_sql
{
	my ($session) = @_;

	$session->{run}->finish;
	return $session->{err};
}

sub push_sql
{
	my ($upc, $quantity, $more) = @_;

	return "SELECT * FROM joor.push(\$\$SELECT '$upc' AS upc, $quantity AS inventory\$\$" . ($more // '') . ');';
}

# A push whose call hangs: its session, when JOOR holds it.
sub begin_hanging
{
	my ($sql, %option) = @_;

	$joor->reset(qw(calls faults));
	$joor->fault(hold => JSON::PP::true, applied => 'late');
	my $session = begin_sql($sql, %option);
	$joor->wait_for(held => 1) or die "no call is held: $session->{err}";
	return $session;
}

sub one { return $node->safe_psql($_[1] // 'postgres', "SELECT $_[0]") }

sub last_request
{
	return $node->rows('SELECT * FROM joor.request ORDER BY id DESC LIMIT 1', $_[0])->[0];
}

sub wait_for_unknown
{
	my ($name, $db) = @_;

	$node->wait_until(
		q{SELECT outcome = 'unknown' AND message = 'the sender ended before an answer came'
			AND finished_at IS NOT NULL AND credits = 5 FROM joor.request ORDER BY id DESC LIMIT 1},
		"$name: the request is unknown", $db);
	return;
}

subtest 'half-way failure' => sub {
	my $five = q{SELECT 'u' || i AS upc, i AS inventory FROM generate_series(1, 5) i};

	$node->safe_psql('postgres', q{ALTER SERVER joor OPTIONS (ADD max_items '2')});
	$joor->account('joor', reject => ['u1']);
	$joor->fault(status => 503, after => 1);
	my ($code, undef, $err) = $node->try_sql("BEGIN; SELECT * FROM joor.push(\$\$$five\$\$)");
	is($code, 3, 'an error');
	like($err, qr/DETAIL:  Before it, 1 requests with 1 items were delivered; the failed request has 2 items, and 1 more were not sent\./,
		'its detail');
	is_deeply($node->rows('SELECT outcome, items, rejected FROM joor.request WHERE source = \'push\' ORDER BY id'),
		[ { outcome => 'partly_rejected', items => 2, rejected => 1 },
			{ outcome => 'failed', items => 2, rejected => 0 } ], 'joor.request after the rollback');
	is_deeply($node->rows('SELECT upc, inventory, "row", times FROM joor.rejection WHERE closed_at IS NULL'),
		[ { upc => 'u1', inventory => 1, row => 1, times => 1 } ], 'joor.rejection after the rollback');

	$joor->fault(status => 503, after => 1);
	my $rows = $node->push_query($five, on_failure => q{'report'});
	is_deeply([ map { [ @$_{qw(items outcome rejected)} ] } @$rows ],
		[ [ 2, 'partly_rejected', 1 ], [ 2, 'failed', 0 ], [ 1, 'not_sent', 0 ] ], 'as rows');
	is($rows->[2]{id}, undef, 'what was not sent has no request');
	is_deeply($node->rows('SELECT upc, times FROM joor.rejection WHERE closed_at IS NULL'),
		[ { upc => 'u1', times => 2 } ], 'the rejection is counted');

	# A body that JOOR refuses keeps nothing back; a stop does.
	$joor->fault(status => 422, after => 1);
	$rows = $node->push_query($five, on_failure => q{'report'});
	is_deeply([ map { [ @$_{qw(items outcome)} ] } @$rows ],
		[ [ 2, 'partly_rejected' ], [ 2, 'refused' ], [ 1, 'delivered' ] ], 'a refused body');
	$joor->fault(status => 403, after => 1);
	$rows = $node->push_query($five, on_failure => q{'report'});
	is_deeply([ map { [ @$_{qw(items outcome)} ] } @$rows ],
		[ [ 2, 'partly_rejected' ], [ 2, 'refused' ], [ 1, 'not_sent' ] ], 'a refused token');
	$node->safe_psql('postgres',
		q{SELECT joor.resume('joor'); ALTER SERVER joor OPTIONS (DROP max_items)});

	# A success that is rolled back is recorded all the same.
	$joor->account('joor', reject => []);
	my $before = last_request()->{id};
	$node->safe_psql('postgres', "BEGIN; SELECT * FROM joor.push(\$\$$five\$\$); ROLLBACK");
	my $request = last_request();
	cmp_ok($request->{id}, '>', $before, 'a success that is rolled back');
	is($request->{outcome}, 'delivered', 'is recorded');
	is(one('count(*) FROM joor.rejection WHERE closed_at IS NULL'), 0, 'and closes the rejection');
	is_deeply($joor->violations, [], 'violations');
};

subtest 'rejections' => sub {
	my $open = q{SELECT upc, source, reason, times, inventory, "row" FROM joor.rejection
		WHERE closed_at IS NULL ORDER BY upc};
	my $query = q{SELECT * FROM (VALUES ('good', 1.0), ('bad', 2), ('half', 0.5), ('', 4)) v(upc, inventory)};

	$joor->reset(qw(calls faults violations));
	$joor->account('joor', reject => ['bad']);
	my $rows = $node->push_query($query, on_failure => q{'report'});
	is_deeply([ map { [ @$_{qw(items outcome rejected)} ] } @$rows ],
		[ [ 1, 'invalid', 1 ], [ 1, 'invalid', 1 ], [ 2, 'partly_rejected', 1 ] ], 'a row for each fate');
	like($rows->[0]{message}, qr/^row 3, column "inventory": value "0\.5" is not a whole number$/, 'which says why');
	my $found = $node->rows($open);
	is_deeply([ map { [ @$_{qw(upc source times inventory row)} ] } @$found ],
		[ [ '', 'validation', 1, 4, 4 ], [ 'bad', 'joor', 1, 2, 2 ], [ 'half', 'validation', 1, undef, 3 ] ],
		'three are open');
	like($found->[2]{reason}, qr/is not a whole number/, 'with the reason of ours');
	is(one('rejections_open FROM joor.status'), 3, 'joor.status counts them');
	is(one("count(*) FROM joor.rejection r JOIN joor.request q ON q.id = r.request_id WHERE upc = 'bad' AND q.outcome = 'partly_rejected'"),
		1, 'JOOR\'s has its request');

	$node->push_query($query, on_failure => q{'report'});
	is_deeply([ map { $_->{times} } @{ $node->rows($open) } ], [ 2, 2, 2 ], 'they are counted, not repeated');
	$joor->account('joor', reject => []);
	$node->push_query(q{SELECT * FROM (VALUES ('bad', 2), ('half', 1)) v(upc, inventory)});
	is_deeply([ map { $_->{upc} } @{ $node->rows($open) } ], [''], 'closed when they succeed');
	is(one("count(*) FROM joor.rejection WHERE closed_at IS NOT NULL AND upc IN ('bad', 'half')"), 2, 'and kept');
	$joor->account('joor', reject => ['bad']);
	$node->push_query(q{SELECT 'bad' AS upc, 9 AS inventory});
	is(one("times FROM joor.rejection WHERE upc = 'bad' AND closed_at IS NULL"), 1, 'opened anew');
	$joor->account('joor', reject => []);

	# Another warehouse is another position.
	$node->push_query(q{SELECT 'Other' AS warehouse, 'bad' AS upc, 9 AS inventory});
	is(one("count(*) FROM joor.rejection WHERE upc = 'bad' AND closed_at IS NULL"), 1,
		'not closed by another position');
	$node->push_query(q{SELECT 'Default' AS warehouse, 'bad' AS upc, 9 AS inventory});
	is(one("count(*) FROM joor.rejection WHERE upc = 'bad' AND closed_at IS NULL"), 0, 'but by the same one');

	# Nothing but invalid rows: nothing is sent.
	my $calls = $joor->summary->{calls};
	$rows = $node->push_query(q{SELECT NULL::text AS upc, 1 AS inventory}, on_failure => q{'report'});
	is_deeply([ map { $_->{outcome} } @$rows ], ['invalid'], 'only invalid rows');
	is($joor->summary->{calls}, $calls, 'no call');

	# Many invalid rows, recorded in several messages.  The time for it must not
	# grow with the square of their number.
	my $start = time();
	$rows = $node->rows(q{SELECT count(*) FROM joor.push($$SELECT repeat('x', 101) || i AS upc, i AS inventory
		FROM generate_series(1, 20000) i$$, on_failure => 'report')});
	cmp_ok(time() - $start, '<', 10, 'many invalid rows');
	note(sprintf('they took %.1f s', time() - $start));
	is($rows->[0]{count}, 20000, 'many rows of theirs');
	is(one("count(*) FROM joor.rejection WHERE closed_at IS NULL AND upc LIKE 'xxx%'"), 20000, 'are all recorded');
};

subtest 'cancel' => sub {
	my $session = begin_hanging(push_sql('c', 1));
	my $start = time();
	is(one(q{pg_cancel_backend(pid) FROM pg_stat_activity WHERE application_name = 'pusher'}), 't', 'cancelled');
	my $err = end_sql($session);
	my $took = time() - $start;
	like($err, qr/ERROR:  57014: canceling statement due to user request/, 'the error');
	cmp_ok($took, '<', 2, 'at once');
	note(sprintf('cancel took %.0f ms, two psql included', $took * 1000));
	wait_for_unknown('cancel');
	$joor->release;
	is($node->push_query(q{SELECT 'c' AS upc, 2 AS inventory})->[0]{outcome}, 'delivered',
		'the next push');

	# In a session that goes on.
	$joor->reset(qw(calls faults inventory));
	$joor->fault(hold => JSON::PP::true);
	my (undef, $out) = $node->try_sql(<<"SQL");
SET statement_timeout = '300ms';
\\set ON_ERROR_STOP 0
@{[ push_sql('sp', 1) ]}
SET statement_timeout = 0;
\\echo sqlstate :LAST_ERROR_SQLSTATE
DO \$do\$
BEGIN
	FOR i IN 1 .. 1000 LOOP
		EXIT WHEN (SELECT outcome FROM joor.request ORDER BY id DESC LIMIT 1) = 'unknown';
		PERFORM pg_sleep(0.01);
	END LOOP;
END \$do\$;
SELECT outcome FROM joor.request ORDER BY id DESC LIMIT 1;
SELECT outcome FROM joor.push(\$\$SELECT 'sp' AS upc, 2 AS inventory\$\$);
SQL
	like($out, qr/sqlstate 57014\nunknown\ndelivered$/,
		'statement_timeout: unknown while the session stays, and its next push');
	wait_for_request_unknown('statement_timeout');
	$joor->release;
};

# That of the last but one: the next push was made at once.
sub wait_for_request_unknown
{
	my ($name) = @_;

	$node->wait_until(q{SELECT array_agg(outcome) = '{delivered,unknown}' FROM
		(SELECT outcome FROM joor.request ORDER BY id DESC LIMIT 2) r}, "$name: the request is unknown");
	return;
}

subtest 'a caught failure' => sub {
	$joor->reset(qw(calls faults inventory));
	$joor->fault(status => 503);
	my (undef, $out, $err) = $node->try_sql(<<'SQL');
DO $do$
BEGIN
	BEGIN
		PERFORM * FROM joor.push($$SELECT 'e' AS upc, 1 AS inventory$$);
	EXCEPTION WHEN connection_failure THEN RAISE NOTICE 'caught %', SQLSTATE;
	END;
	PERFORM * FROM joor.push($$SELECT 'e' AS upc, 2 AS inventory$$);
END $do$;
SQL
	like($err, qr/NOTICE:  caught 08006/, 'caught');
	is($joor->state('joor')->[0]{inventory}, 2, 'and pushed again in the same transaction');
	is(one("count(*) FROM pg_locks WHERE locktype = 'object' AND objsubid = 1"), 0, 'no place is kept');
};

subtest 'terminated' => sub {
	my $session = begin_hanging(push_sql('t', 1));
	is(one(q{pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'pusher'}), 't', 'terminated');
	like(end_sql($session), qr/57P01|terminating connection/, 'its end');
	wait_for_unknown('terminate');
	$joor->release;
	is($node->push_query(q{SELECT 't' AS upc, 2 AS inventory})->[0]{outcome}, 'delivered', 'the next push');
	$node->wait_until('SELECT count(*) = 0 FROM pg_stat_activity WHERE backend_type = \'joor_inventory recorder\'',
		'recorders end');
};

subtest 'killed' => sub {
	my $session = begin_hanging(push_sql('k', 1));
	my $pid = one(q{pid FROM pg_stat_activity WHERE application_name = 'pusher'});
	ok(kill('KILL', $pid), 'kill -9');
	end_sql($session);
	$node->wait_until_up;
	$joor->release;
	is(last_request()->{outcome}, 'sending', 'nobody was left to record it');
	is($node->push_query(q{SELECT 'k' AS upc, 2 AS inventory})->[0]{outcome}, 'delivered',
		'the next push after recovery');
	wait_for_request_unknown('kill');
};

subtest 'order' => sub {
	$node->safe_psql('postgres', 'CREATE TABLE truth AS SELECT 1 AS inventory');
	my $push = q{SELECT outcome FROM joor.push($$SELECT 'o' AS upc, inventory FROM truth$$);};
	my $session = begin_hanging($push);
	my @waiting = map { begin_sql($push, name => "waiting$_") } 1 .. 3;

	$node->wait_until(q{SELECT count(*) = 3 FROM pg_stat_activity WHERE application_name LIKE 'waiting%'
		AND wait_event_type = 'Lock'}, 'three wait for the first');
	$node->safe_psql('postgres', 'UPDATE truth SET inventory = 2');
	$joor->release;
	is(end_sql($_), '', 'its end') foreach $session, @waiting;
	is_deeply([ map { $_->{out} } $session, @waiting ], [ ("delivered\n") x 4 ], 'outcomes');
	is($joor->state('joor')->[-1]{inventory}, 2, 'the latest value');
	my @bodies = map { $joor->body($_->{number}) =~ m{<inventory>(\d+)<} } @{ $joor->calls };
	is_deeply(\@bodies, [ 1, 2, 2, 2 ], 'a push that waited sends what is true after the wait');
	is($joor->summary->{most_abreast}, 0, 'no call met another of the account');
	my @calls = @{ $joor->calls };
	is(scalar(grep { $calls[$_]{arrived} < $calls[ $_ - 1 ]{ended} } 1 .. $#calls), 0, 'one after the other');

	# A wait for the place can be cancelled.
	$session = begin_hanging($push);
	my $second = begin_sql($push, name => 'waiting');
	$node->wait_until(q{SELECT count(*) = 1 FROM pg_stat_activity WHERE application_name = 'waiting'
		AND wait_event_type = 'Lock'}, 'one waits');
	one(q{pg_cancel_backend(pid) FROM pg_stat_activity WHERE application_name = 'waiting'});
	like(end_sql($second), qr/ERROR:  57014/, 'and is cancelled');
	$joor->release;
	is(end_sql($session), '', 'the first goes on');

	# Another account does not wait.
	$joor->account('other', token => 'token-of-other', any_sku => 1);
	$node->account($joor, 'other');
	$session = begin_hanging($push);
	is($node->push_query(q{SELECT 'o' AS upc, 7 AS inventory}, server => q{'other'})->[0]{outcome}, 'delivered',
		'another account does not wait');
	$joor->release;
	is(end_sql($session), '', 'the first goes on');
};

subtest 'no worker to record it' => sub {
	$node->append_conf('postgresql.conf', 'max_worker_processes = 2'); # the logical replication launcher is one
	$node->restart;
	my $mine = push_sql('w', 1);
	my $other = push_sql('w', 2, q{, server => 'other'});

	my $session = begin_hanging($mine);
	my ($code, undef, $err) = $node->try_sql($other);
	is($code, 3, 'all are in use all the time: an error');
	like($err, qr/ERROR:  could not start a process to record the request\nDETAIL:  All background workers were in use for 5 seconds\.\nHINT:  You may need to increase "max_worker_processes"\./,
		'which says so');
	is($joor->summary->{calls}, 1, 'nothing was sent');
	my $second = begin_sql($other, name => 'second');
	$node->wait_until(q{SELECT count(*) = 1 FROM pg_stat_activity WHERE application_name = 'second'
		AND wait_event_type = 'Extension'}, 'another one waits');
	$joor->release;
	is(end_sql($session), '', 'the first is recorded');
	is(end_sql($second), '', 'so is the other, by the worker that became free');
	$node->append_conf('postgresql.conf', 'max_worker_processes = 8');
	$node->restart;
};

subtest 'a call that hangs holds nothing up' => sub {
	my $session = begin_hanging(push_sql('h', 1));

	$node->safe_psql('postgres', 'CREATE DATABASE fresh');
	my $start = time();
	$node->safe_psql('postgres', 'DROP DATABASE fresh');
	my $took = time() - $start;
	cmp_ok($took, '<', 5, 'DROP DATABASE of another');
	note(sprintf('DROP DATABASE took %.0f ms', $took * 1000));

	# Without waiting for the call, and without a trace that makes no sense.
	my ($code, undef, $err) = $node->try_sql(q{SET lock_timeout = '2s'; DROP SERVER other CASCADE});
	is($code, 0, 'DROP SERVER of another account') or diag($err);
	$start = time();
	($code, undef, $err) = $node->try_sql(q{SET lock_timeout = '2s'; DROP SERVER joor CASCADE});
	cmp_ok(time() - $start, '<', 5, 'DROP SERVER of the account itself returns');
	is($code, 0, 'DROP SERVER of the account itself') or diag($err);
	$joor->release;
	is(end_sql($session), '', 'the push ends well');
	is(last_request()->{outcome}, 'delivered', 'and is recorded');
	$joor->reset;
	$node->account($joor, 'joor');

	$session = begin_hanging(push_sql('h', 2));
	$start = time();
	$node->stop('fast');
	$took = time() - $start;
	cmp_ok($took, '<', 5, 'fast shutdown');
	note(sprintf('fast shutdown took %.0f ms', $took * 1000));
	end_sql($session);
	$joor->release;
	$node->start;
	is($node->push_query(q{SELECT 'h' AS upc, 3 AS inventory})->[0]{outcome}, 'delivered', 'a push after the start');
	wait_for_request_unknown('shutdown');
};

subtest 'an older snapshot' => sub {
	my $other = sprintf q{\! %s/psql -X -q -d '%s' -c "SELECT FROM joor.push('SELECT ''r'' AS upc, 2 AS inventory')"},
		$node->config_data('--bindir'), $node->connstr('postgres');
	my ($code, undef, $err) = $node->try_sql(<<"SQL");
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT * FROM joor.push('SELECT ''r'' AS upc, 1 AS inventory');
SELECT * FROM joor.push('SELECT ''r'' AS upc, 1 AS inventory');
COMMIT;
SQL
	is($code, 0, 'two pushes in one snapshot') or diag($err);
	($code, undef, $err) = $node->try_sql(<<"SQL");
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT count(*) FROM joor.request;
$other
\\set VERBOSITY verbose
SELECT * FROM joor.push('SELECT ''r'' AS upc, 1 AS inventory');
SQL
	like($err, qr/40001.*was sent newer quantities/, 'a push after a newer one is refused');
	is($joor->state('joor')->[-1]{inventory}, 2, 'the newer quantity stays');
};

subtest 'a database of its own' => sub {
	$node->safe_psql('postgres', 'CREATE DATABASE mine');
	$node->safe_psql('mine', 'CREATE EXTENSION joor_inventory');
	$node->account($joor, 'mine', db => 'mine');
	$node->safe_psql('mine', "SELECT * FROM joor.push(\$\$SELECT '1' AS upc, 1 AS inventory\$\$, 'mine')");
	my $start = time();
	$node->safe_psql('postgres', 'DROP DATABASE mine');
	cmp_ok(time() - $start, '<', 7, 'DROP DATABASE after a push: its recorder does not stay');
	is($node->safe_psql('postgres', "SELECT * FROM joor.push(\$\$SELECT '1' AS upc, 1 AS inventory\$\$) LIMIT 0"), '',
		'a push elsewhere');

	my ($code, undef, $err) = $node->try_sql(<<'SQL');
SELECT * FROM joor.push($$SELECT '1' AS upc, 1 AS inventory$$);
DROP EXTENSION joor_inventory CASCADE;
CREATE EXTENSION joor_inventory;
SELECT count(*) FROM joor.request;
SQL
	is($code, 0, 'DROP EXTENSION in the session that pushed, and CREATE EXTENSION') or diag($err);
};

$node->stop('fast');
my $log = PostgreSQL::Test::Utils::slurp_file($node->logfile);
is(scalar(() = $log =~ /terminated by signal/g), 1, 'no process crashed but the one that was killed');
unlike($log, qr/PANIC|TRAP:|signal 11/, 'no crash');
is(scalar(() = $log =~ /could not start a process to record/g), 1, 'no recorder was missing but where there was no worker');
unlike($log, qr/unknown message to the recorder/, 'no trouble with recorders');
done_testing();
