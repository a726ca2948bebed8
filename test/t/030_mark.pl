# joor.mark_changed() beyond a single session: what a transaction marked is
# queued with it, exactly once, however it ends and wherever it comes from.
#
# Proves that two-phase transactions queue at PREPARE and lose nothing by a
# restart; that numbers go up after a crash; that MERGE and transactions with
# parallel plans mark; that a logical-replication subscriber marks what it
# applies; that a marked commit starts the worker, with the library preloaded
# and without; and that joor.wait and activation in a restored database know of
# the entries of feeds.

use strict;
use warnings;

use JoorNode;
use JoorSimulator;
use PostgreSQL::Test::Utils;
use Test::More;

my $joor = JoorSimulator->new;
my $node = JoorNode->new('mark', preload => 1,
	conf => "max_prepared_transactions = 10\nlog_min_messages = debug1\n");

sub sql { return $node->safe_psql('postgres', $_[0]) }

# The keys of each entry that is queued, in the order of the entries.
sub marked
{
	my ($on) = @_;
	return ($on // $node)->safe_psql('postgres', q{
		SELECT string_agg(entry, '; ' ORDER BY queued_at, xid) FROM (
			SELECT queued_at, xid, COALESCE(string_agg(key, ' ' ORDER BY length(key), key), '(everything)') AS entry
			FROM joor.queue_change LEFT JOIN LATERAL unnest(keys) AS key ON true GROUP BY queued_at, xid, feed) q});
}

# The same, and then nothing is queued any more.
sub take
{
	my ($on) = @_;
	my $marked = marked($on);
	($on // $node)->safe_psql('postgres', 'TRUNCATE joor.queue_change');
	return $marked;
}

my $watched = q{
	CREATE TABLE stock (id integer PRIMARY KEY, sku integer, on_hand integer);
};
my $watch = q{
	CREATE TRIGGER mark AFTER INSERT OR UPDATE OR DELETE ON stock
		FOR EACH ROW EXECUTE FUNCTION joor.mark_changed('stock', 'sku');
	CREATE TRIGGER mark_all AFTER TRUNCATE ON stock EXECUTE FUNCTION joor.mark_changed('stock', 'sku');
	ALTER TABLE stock ENABLE ALWAYS TRIGGER mark;
	ALTER TABLE stock ENABLE ALWAYS TRIGGER mark_all;
};
# Feeds of a server, as far as the queue goes: they have no view to be read.
my $define = q{
	INSERT INTO joor.feed_definition (name, serverid, server, key_column, created_at)
	SELECT f, oid, srvname, 'sku', now() FROM pg_foreign_server, (VALUES ('stock'), ('other')) v (f);
};
$node->account($joor, 'joor');
sql("SELECT joor.pause('joor'); $define $watched $watch");

#
# Two-phase commit
#
sql(q{BEGIN; INSERT INTO stock VALUES (1, 1, 1), (2, 2, 2); PREPARE TRANSACTION 'one'});
is(marked(), '', 'prepared: nothing to be seen yet');
$node->restart;
sql(q{COMMIT PREPARED 'one'});
is(take(), '1 2', 'committed after a restart: one entry');
sql(q{BEGIN; UPDATE stock SET on_hand = 5; PREPARE TRANSACTION 'two'});
sql(q{UPDATE stock SET on_hand = 6 WHERE false; INSERT INTO stock VALUES (3, 3, 3)});
sql(q{ROLLBACK PREPARED 'two'});
is(take(), '3', 'a prepared transaction that is rolled back leaves nothing');
sql(q{BEGIN; TRUNCATE stock; PREPARE TRANSACTION 'three'; COMMIT PREPARED 'three'});
is(take(), '(everything)', 'TRUNCATE, prepared');
my $log_at = -s $node->logfile;
is(sql(q{SET work_mem = '64kB'; SET log_temp_files = 0; BEGIN;
	INSERT INTO stock SELECT g, g, 0 FROM generate_series(1, 300000) g; PREPARE TRANSACTION 'four';
	UPDATE stock SET on_hand = 0 WHERE false; COMMIT PREPARED 'four';
	SELECT count(DISTINCT key) FROM joor.queue_change, unnest(keys) AS key}),
	300000, 'more keys than fit into memory, prepared');
like(slurp_file($node->logfile, $log_at), qr/temporary file: path/, 'they went to a temporary file');
sql('TRUNCATE stock; TRUNCATE joor.queue_change');

#
# Numbers after a crash
#
sql("INSERT INTO stock VALUES ($_, $_, 1)") for 1 .. 5;
take();
sub enqueue { return sql(q{SELECT joor.enqueue('SELECT ''1'' AS upc, 1 AS inventory'); SELECT max(id) FROM joor.queue_item}) =~ s/.*\n//sr }
enqueue() for 1 .. 4;
my $last = enqueue();
is(sql('SELECT last_value FROM joor.queue_id_seq'), $last, 'the sequence stands at the last number');
sql("UPDATE stock SET on_hand = 2 WHERE id = $_") for 1 .. 5;
$node->stop('immediate');
$node->start;
is(sql('SELECT count(*) FROM joor.queue_change'), 5, 'committed entries survive a crash');
cmp_ok(sql('SELECT last_value FROM joor.queue_id_seq'), '>=', $last, 'so does the number');
sql(q{SELECT nextval('joor.queue_id_seq')});
my $next = enqueue();
cmp_ok($next, '>', $last + 1, 'ours follows that of nextval()');
$node->stop('immediate');
$node->start;
cmp_ok(enqueue(), '>', $next, 'and goes up after another crash');
sql('DELETE FROM joor.queue_item');
sql('INSERT INTO stock VALUES (6, 6, 1), (7, 7, 1)');
take();

#
# Parallel plans
#
sql('CREATE TABLE much AS SELECT g AS id, g % 10 AS sku FROM generate_series(1, 100000) g; ANALYZE much');
my $parallel = 'SET parallel_setup_cost = 0; SET parallel_tuple_cost = 0; SET min_parallel_table_scan_size = 0;';
like(sql("$parallel EXPLAIN SELECT count(*) FROM much"), qr/Gather/, 'a plan is parallel');
sql("$parallel BEGIN; UPDATE stock SET on_hand = 2 WHERE id <= 2; SELECT count(*) FROM much; COMMIT");
is(take(), '1 2', 'a parallel plan beside marked keys');
sql("$parallel UPDATE stock SET on_hand = n FROM (SELECT sku, count(*) AS n FROM much GROUP BY sku) m WHERE m.sku = stock.sku");
is(take(), '1 2 3 4 5 6 7', 'a parallel plan below an UPDATE');

#
# MERGE
#
SKIP:
{
	skip 'no MERGE before PostgreSQL 15', 1 if sql('SHOW server_version_num') < 150000;
	sql(q{MERGE INTO stock s USING (VALUES (1, 1), (2, 20), (8, 8), (3, 3)) v (id, sku) ON s.id = v.id
		WHEN MATCHED AND v.sku = 3 THEN DELETE
		WHEN MATCHED AND v.sku = 1 THEN DO NOTHING
		WHEN MATCHED THEN UPDATE SET sku = v.sku
		WHEN NOT MATCHED THEN INSERT VALUES (v.id, v.sku, 0)});
	is(take(), '2 3 8 20', 'MERGE');
}

#
# The worker is told, and so is joor.wait
#
sql('UPDATE stock SET on_hand = 3 WHERE id = 1');
is(sql("SELECT joor.wait('joor', '100 ms')"), 'f', 'joor.wait knows of an entry of a feed');
take();
is(sql("SELECT joor.wait('joor', '10 s')"), 't', 'and that it is gone');
sql(q{INSERT INTO joor.queue_change VALUES ('unknown', nextval('joor.queue_id_seq'), 0, now(), pg_current_xact_id(), '{1}')});
is(sql("SELECT joor.wait('joor', '10 s')"), 't', 'an entry of a feed that is not there keeps nobody waiting');
take();

my $starts = sub {
	my $count = () = slurp_file($node->logfile) =~ /starting background worker process "joor_inventory worker/g;
	return $count;
};
my $no_worker = q{SELECT NOT EXISTS (SELECT FROM pg_stat_activity WHERE backend_type = 'joor_inventory worker')};
my $wait_start = sub {
	my ($before, $what) = @_;
	my $deadline = time + 30;
	select(undef, undef, undef, 0.05) while $starts->() == $before && time < $deadline;
	cmp_ok($starts->(), '>', $before, $what);
};
$node->wait_until($no_worker, 'the worker has left');
my $before = $starts->();
sql('BEGIN; UPDATE stock SET on_hand = 4; ROLLBACK');
sql('UPDATE stock SET on_hand = 4 WHERE false');
is($starts->(), $before, 'nothing marked, nobody woken');
sql('UPDATE stock SET on_hand = 4 WHERE id = 1');
$wait_start->($before, 'preloaded: a marked commit starts the worker');
take();

# An entry of a feed makes the worker look at its account; the feed has no view,
# so all it can do is to say so.
sql("SELECT joor.resume('joor'); DELETE FROM joor.drain");
sql('UPDATE stock SET on_hand = 5 WHERE id = 1');
$node->wait_until(q{SELECT EXISTS (SELECT FROM joor.drain)}, 'the worker looks at the account of the feed');
sql("SELECT joor.pause('joor')");
take();

# Many commits announce themselves; all are seen.
sql('DO $$ BEGIN FOR i IN 1 .. 2000 LOOP UPDATE stock SET on_hand = i WHERE id = 1; COMMIT; END LOOP; END $$');
is(sql('SELECT count(*) FROM joor.queue_change'), 2000, 'an entry for each commit');
take();

$node->append_conf('postgresql.conf', "shared_preload_libraries = ''");
$node->restart;
$node->wait_until($no_worker, 'not preloaded: no worker');
$before = $starts->();
sql('UPDATE stock SET on_hand = 6 WHERE id = 1');
$wait_start->($before, 'not preloaded: a marked commit starts the worker');
is(take(), '1', 'and is queued');
$node->wait_until($no_worker, 'the worker has left');
$before = $starts->();
sql(q{BEGIN; UPDATE stock SET on_hand = 6 WHERE id = 1; PREPARE TRANSACTION 'five'});
$wait_start->($before, 'not preloaded: so does a prepared transaction');
sql(q{COMMIT PREPARED 'five'});
is(take(), '1', 'and is queued');

#
# A restored dump: feeds belong to the server of the name they carry
#
sql('UPDATE stock SET on_hand = 7 WHERE id = 1');
my $dump = $node->basedir . '/dump.sql';
command_ok([ 'pg_dump', '-d', $node->connstr('postgres'), '-f', $dump ], 'pg_dump');
sql('CREATE DATABASE copy');
command_ok([ 'psql', '-Xq', '-v', 'ON_ERROR_STOP=1', '-d', $node->connstr('copy'), '-f', $dump ], 'restore');
my $copy = sub { return $node->safe_psql('copy', $_[0]) };
is($copy->(q{SELECT string_agg(keys::text, ';') FROM joor.queue_change}), '{1}', 'queued keys came along');
is($copy->(q{SELECT count(*) FROM pg_trigger WHERE tgrelid = 'stock'::regclass AND tgenabled = 'A'}), 2, 'so did the triggers');
my $xid = $copy->('SELECT xid FROM joor.queue_change');
$copy->("SELECT joor.set_token('joor', 'token-of-joor'); SELECT * FROM joor.activate('joor')");
is($copy->(q{SELECT count(*) FROM joor.feed_definition f JOIN pg_foreign_server s ON s.oid = f.serverid}),
	2, 'activation adopts the feeds');
isnt($copy->('SELECT COALESCE(max(xid::text), $$gone$$) FROM joor.queue_change'), $xid, 'and what they have queued');
$node->stop;

#
# Logical replication: the trigger is on the subscriber only
#
my $publisher = JoorNode->new('publisher', bare => 1, init => { allows_streaming => 'logical' });
my $subscriber = JoorNode->new('subscriber', preload => 1);
$publisher->safe_psql('postgres', "$watched CREATE PUBLICATION stock FOR TABLE stock");
$subscriber->account($joor, 'subscriber', inactive => 1);
$subscriber->safe_psql('postgres', "$define $watched $watch");
$subscriber->safe_psql('postgres', sprintf('CREATE SUBSCRIPTION stock CONNECTION $$%s$$ PUBLICATION stock',
	$publisher->connstr('postgres')));
$subscriber->wait_until(q{SELECT NOT EXISTS (SELECT FROM pg_subscription_rel WHERE srsubstate NOT IN ('r', 's'))},
	'subscribed');
my $applied = sub {
	my ($text, $expected, $what) = @_;
	$publisher->safe_psql('postgres', $text);
	$publisher->wait_for_catchup('stock');
	is(take($subscriber), $expected, "subscriber: $what");
};
$applied->('INSERT INTO stock VALUES (1, 1, 1), (2, 2, 1), (3, 2, 1)', '1 2', 'INSERT');
$applied->('UPDATE stock SET sku = 4, on_hand = 2 WHERE id = 1', '1 4', 'UPDATE of the key');
$applied->('BEGIN; DELETE FROM stock WHERE id = 2; UPDATE stock SET on_hand = 3; COMMIT', '2 4', 'DELETE');
$applied->('TRUNCATE stock', '(everything)', 'TRUNCATE');
$subscriber->stop;
$publisher->stop;

done_testing();
