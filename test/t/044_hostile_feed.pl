# A feed written to hurt hurts its own account only.
#
# A role without any right but that to make feeds of its own account has one
# function in its feed, which is harmless when the feed is made and something
# else when the worker reads it.  Proves for each attack that the worker lives
# on, that another account's item is sent meanwhile, that no code of the role
# ran with another's rights, and that the worker's locks and settings are what
# they were.  Then the same feeds are read in a superuser's session.

use strict;
use warnings;

use JoorNode;
use JoorSimulator;
use Test::More;

my $ample = 100_000_000;
my $joor = JoorSimulator->new;
my $node = JoorNode->new('hostile', preload => 1, conf => "joor_inventory.feed_timeout = '1s'");
my $worker = q{backend_type = 'joor_inventory worker'};

sub sql { return $node->safe_psql('postgres', $_[0]) }

$node->account($joor, $_, options => "credits '$ample'", simulator => { credits => $ample }) foreach qw(mallorys victims);
sql(q{
	CREATE ROLE mallory;
	GRANT USAGE ON SCHEMA joor TO mallory;
	GRANT EXECUTE ON FUNCTION joor.create_feed, joor.watch, joor.drop_feed, joor.push, joor.enqueue, joor.wait,
		joor.activate, joor.push_sku, joor.push_feed, joor.sync TO mallory;
	GRANT USAGE ON FOREIGN SERVER mallorys TO mallory;
	CREATE SCHEMA mallory AUTHORIZATION mallory;
	SET ROLE mallory;
	CREATE TABLE mallory.stock (id int PRIMARY KEY, n int NOT NULL);
	CREATE TABLE mallory.loot (who text, session text);
	GRANT INSERT ON mallory.loot TO PUBLIC;
	GRANT USAGE ON SCHEMA mallory TO PUBLIC;
	INSERT INTO mallory.stock SELECT g, g FROM generate_series(1, 3) g;
	CREATE TABLE mallory.deferred (a int);
	CREATE FUNCTION mallory.note() RETURNS trigger LANGUAGE plpgsql AS
		$$BEGIN INSERT INTO mallory.loot VALUES (current_user, session_user); RETURN NULL; END$$;
	CREATE CONSTRAINT TRIGGER t AFTER INSERT ON mallory.deferred DEFERRABLE INITIALLY DEFERRED
		FOR EACH ROW EXECUTE FUNCTION mallory.note();
	GRANT ALL ON mallory.deferred TO PUBLIC;
	CREATE FUNCTION mallory.eq(oid, oid) RETURNS boolean LANGUAGE plpgsql AS
		$$BEGIN INSERT INTO mallory.loot VALUES (current_user, session_user); RETURN oideq($1, $2); END$$;
	CREATE OPERATOR mallory.= (FUNCTION = mallory.eq, LEFTARG = oid, RIGHTARG = oid);
	CREATE FUNCTION mallory.eq(text, text) RETURNS boolean LANGUAGE plpgsql AS
		$$BEGIN INSERT INTO mallory.loot VALUES (current_user, session_user); RETURN texteq($1, $2); END$$;
	CREATE OPERATOR mallory.= (FUNCTION = mallory.eq, LEFTARG = text, RIGHTARG = text);
	CREATE FUNCTION mallory.eq(bigint, bigint) RETURNS boolean LANGUAGE plpgsql AS
		$$BEGIN INSERT INTO mallory.loot VALUES (current_user, session_user); RETURN int8eq($1, $2); END$$;
	CREATE OPERATOR mallory.= (FUNCTION = mallory.eq, LEFTARG = bigint, RIGHTARG = bigint);
});

my $turn = 0;
my $harmless = 'BEGIN RETURN $1; END';

sub evil
{
	my ($body) = @_;
	sql("SET ROLE mallory; CREATE OR REPLACE FUNCTION mallory.evil(int) RETURNS int LANGUAGE plpgsql AS \$evil\$$body\$evil\$");
	return;
}

# Whether the victim's item is sent while the feed does its worst.
sub victim_is_served
{
	my ($name) = @_;
	$turn++;
	sql(qq{SELECT joor.enqueue('SELECT ''v$turn''::text AS upc, $turn AS inventory', 'victims')});
	is(sql(q{SELECT joor.wait('victims', '60 s')}), 't', "$name: another account is served");
	return;
}

# The worker reads a feed with that function; what it says in the end: the
# failure that a pattern matches, or undef: it is sent.
sub attack
{
	my ($name, $failure, $body) = @_;

	evil($harmless);
	sql(q{SET ROLE mallory;
		SELECT joor.create_feed('f', 'SELECT id, ''m'' || id AS upc, mallory.evil(n) AS inventory FROM mallory.stock', 'mallorys', 'id');
		SELECT joor.watch('f', 'mallory.stock', 'id')});
	evil($body);
	sql('UPDATE mallory.stock SET n = n + 1');
	victim_is_served($name);
	if (defined $failure)
	{
		$node->wait_until(qq{SELECT failure ~ '$failure' AND length(failure) <= 1000 FROM joor.feed WHERE name = 'f'}, "$name: the feed fails")
		  or diag(sql(q{SELECT left(failure, 200) FROM joor.feed}));
	}
	else
	{
		is(sql(q{SELECT joor.wait('mallorys', '60 s')}), 't', "$name: the feed is sent");
	}
	evil($harmless);
	sql(q{SELECT joor.drop_feed('f'); SELECT joor.resume('mallorys')});
	return;
}

attack('an operator of ones own', undef, q{BEGIN
	PERFORM set_config('search_path', 'mallory, pg_catalog', false); RETURN $1; END});
attack('settings', undef, q{BEGIN
	SET lock_timeout = 1; SET statement_timeout = 1; SET synchronous_commit = off; SET enable_indexscan = off;
	SET DateStyle = 'German'; SET application_name = 'mallory'; RETURN $1; END});
# What core refuses to a feed is refused; one entry for each statement.
my @refused = ('SET ROLE postgres', 'RESET ROLE', 'SET SESSION AUTHORIZATION DEFAULT', 'INSERT INTO mallory.deferred VALUES (1)',
	'CREATE TEMP TABLE t (a int)', 'PREPARE p AS SELECT 1', 'DECLARE c CURSOR WITH HOLD FOR SELECT 1', 'LISTEN mallory',
	'DISCARD ALL', 'SET exit_on_error = on', 'COMMIT', 'SELECT pg_terminate_backend(pg_backend_pid())',
	'SELECT pg_cancel_backend(pg_backend_pid())', q{SELECT joor.push('SELECT ''w''::text AS upc, 1 AS inventory', 'mallorys')},
	q{SELECT joor.push_sku('s', 'i', 1, upc => 'w', server => 'mallorys')}, q{SELECT joor.activate('mallorys')},
	q{SELECT joor.enqueue('SELECT ''w''::text AS upc, 1 AS inventory', 'victims')}, 'TABLE joor.queue',
	q{COPY mallory.loot TO PROGRAM 'true'}, 'ALTER SERVER mallorys OPTIONS (SET url $$https://elsewhere$$)');
sql('SET ROLE mallory; CREATE TABLE mallory.said (statement text PRIMARY KEY, error text)');
attack('what a feed must not do', undef, 'DECLARE s text; BEGIN FOREACH s IN ARRAY ARRAY['
	  . join(', ', map { s/'/''/gr =~ s/^(.*)$/'$1'/sr } @refused)
	  . q{] LOOP BEGIN EXECUTE s; INSERT INTO mallory.said VALUES (s, 'done') ON CONFLICT DO NOTHING;
	EXCEPTION WHEN OTHERS THEN INSERT INTO mallory.said VALUES (s, SQLERRM) ON CONFLICT DO NOTHING; END; END LOOP; RETURN $1; END});
foreach my $statement (@refused)
{
	my $quoted = $statement =~ s/'/''/gr;
	like(sql("SELECT error FROM mallory.said WHERE statement = '$quoted'"),
		qr/security-(?:restricted|definer)|superuser|permission denied|must be owner|invalid transaction termination|EXECUTE of transaction commands|cannot be executed/,
		"$statement: refused");
}
attack('a cancel that is none', 'out of stock', q{BEGIN RAISE 'out of stock' USING ERRCODE = '57014'; END});
attack('a shutdown that is none', 'out of stock', q{BEGIN RAISE 'out of stock' USING ERRCODE = '57P01'; END});
attack('a crash that is none', 'out of stock', q{BEGIN RAISE 'out of stock' USING ERRCODE = 'XX001'; END});
attack('recursion', 'stack depth limit exceeded', 'BEGIN RETURN mallory.evil($1); END');
attack('a long error', '^x+$', q{BEGIN RAISE '%', repeat('x', 10000000); END});
attack('a long sleep', 'feed_timeout', 'BEGIN PERFORM pg_sleep(600); RETURN $1; END');
attack('an endless loop', 'feed_timeout', 'BEGIN LOOP NULL; END LOOP; END');
attack('a loop that catches cancels', 'feed_timeout', q{BEGIN LOOP
	BEGIN PERFORM pg_sleep(600); EXCEPTION WHEN query_canceled THEN NULL; END; END LOOP; END});
attack('a huge result', 'feed_timeout', q{BEGIN RETURN (SELECT sum(a.a % 7) FROM generate_series(1, 100000) a, generate_series(1, 100000) b); END});
attack('waiting from within', 'feed_timeout', q{BEGIN PERFORM joor.wait('mallorys', '1 hour'); RETURN $1; END});
attack('a read-only transaction', undef, 'BEGIN SET transaction_read_only = on; RETURN $1; END');

# Locks that outlive the transaction, and the worker's own.
attack('advisory locks', undef, q{BEGIN
	PERFORM pg_advisory_lock(g) FROM generate_series(1, 50) g; RETURN $1; END});
is(sql(q{SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'}), 0, 'no advisory lock is left');
attack('giving up all locks', 'out of stock', q{BEGIN
	PERFORM pg_advisory_unlock_all(); RAISE 'out of stock'; END});
$joor->fault(account => 'mallorys', operation => 'bulk', hold => 1);
attack_and_hold();
sub attack_and_hold
{
	evil('BEGIN PERFORM pg_advisory_unlock_all(); RETURN $1; END');
	sql(q{SET ROLE mallory;
		SELECT joor.create_feed('f', 'SELECT id, ''m'' || id AS upc, mallory.evil(n) AS inventory FROM mallory.stock', 'mallorys', 'id');
		SELECT joor.watch('f', 'mallory.stock', 'id')});
	sql('UPDATE mallory.stock SET n = n + 1');
	ok($joor->wait_for(under_way => 1, account => 'mallorys'), 'a request of a feed that gave up all locks is under way');
	is(sql(q{SELECT worker_pid IS NOT NULL FROM joor.status WHERE account = 'victims'}), 't', 'the worker still has its claim');
	is(sql(q{SELECT count(*) FROM joor.progress WHERE account = 'mallorys' AND source = 'worker'}), 1, 'and its place in the order');
	is(sql(q{SELECT count(*) FROM pg_locks WHERE locktype = 'object' AND classid = 'pg_foreign_server'::regclass
		AND objsubid = 1 AND granted}), 1, 'which nobody else can take');
	$joor->release;
	is(sql(q{SELECT joor.wait('mallorys', '60 s')}), 't', 'it is answered');
	sql(q{SELECT joor.drop_feed('f')});
	is(sql(q{SELECT count(*) FROM pg_locks WHERE locktype = 'object' AND classid = 'pg_foreign_server'::regclass
		AND objsubid = 1 AND granted}), 0, 'after it the place is free');
	return;
}

is(sql(q{SELECT string_agg(DISTINCT who || '/' || session, ', ') FROM mallory.loot}), '', 'nothing ran with rights of others in the worker');
is($joor->summary->{most_abreast}, 0, 'one request at a time');

# A superuser reads such a feed in his own session.
evil($harmless);
sql(q{SET ROLE mallory;
	SELECT joor.create_feed('f', 'SELECT id, ''m'' || id AS upc, mallory.evil(n) AS inventory FROM mallory.stock', 'mallorys', 'id')});
my @readings = (q{joor.sync('f')}, q{joor.sync('f', true)}, q{joor.drift('f')}, q{joor.push_feed('f')}, q{joor.alter_feed('f', key => 'id')});
evil(q{BEGIN PERFORM set_config('search_path', 'mallory, pg_catalog', false), set_config('row_security', 'off', false); RETURN $1; END});
foreach my $reading (@readings)
{
	is(sql("SET search_path = public; SELECT FROM $reading; SHOW search_path; SHOW row_security") =~ s/^\s+|\n(?=\n)//gr,
		"public\non", "$reading leaves the session's settings");
}
foreach my $body ('SET ROLE postgres', 'RESET ROLE', 'SET SESSION AUTHORIZATION DEFAULT', 'INSERT INTO mallory.deferred VALUES (1)',
	q{PERFORM joor.push('SELECT ''w''::text AS upc, 1 AS inventory', 'victims')})
{
	evil("BEGIN $body; RETURN \$1; END");
	foreach my $reading (@readings)
	{
		my (undef, undef, $err) = $node->try_sql("SELECT * FROM $reading");
		like($err, qr/ERROR:  .*(?:security-restricted|security-definer|permission denied)/, "$reading: $body");
	}
}
is(sql(q{SELECT count(*) FROM mallory.loot}), 0, 'nothing ran with rights of others in a session');

my $log = PostgreSQL::Test::Utils::slurp_file($node->logfile);
unlike($log, qr/PANIC|FATAL|TRAP|was terminated by signal|exited with exit code [^0]/, 'no process has died')
  or diag(grep { /PANIC|FATAL|TRAP|terminated by|exit code/ } split /^/m, $log);
$node->stop;
done_testing();
