# A dump keeps feeds and watches.
#
# Proves that pg_dump writes feeds as the views and watches as the triggers
# they are, that both restore without an error by psql and by pg_restore, with
# owner, grants, ENABLE ALWAYS and partitions; that the copy's dump is the
# original's; that its feeds belong to the accounts of the same names, even if
# OIDs coincide crosswise; and that they can be altered and dropped there.

use strict;
use warnings;

use JoorNode;
use JoorSimulator;
use PostgreSQL::Test::Utils;
use Test::More;

my $joor = JoorSimulator->new;
my $node = JoorNode->new('dump');

sub sql
{
	my ($statement, $db) = @_;

	return $node->safe_psql($db // 'postgres', $statement);
}

# What a database has of feeds, but for OIDs.
sub feeds
{
	my ($db) = @_;

	return sql(<<'SQL', $db);
SELECT name, account, owner, query, key, watched, queued, created_at, view FROM joor.feed ORDER BY name;
SELECT c.oid::regclass, tgname, tgenabled, tgparentid <> 0, pg_get_triggerdef(t.oid)
FROM pg_trigger t JOIN pg_class c ON c.oid = tgrelid WHERE tgname LIKE 'joor%' ORDER BY c.oid::regclass::text, tgname;
SELECT relname, relacl FROM pg_class WHERE relname LIKE 'feed\_%' AND relkind = 'v' ORDER BY 1;
SELECT feed, id, part, keys FROM joor.queue_change ORDER BY 1, 2, 3;
SQL
}

$node->account($joor, $_, inactive => 1) for qw(first second);
sql(<<'SQL');
CREATE EXTENSION citext;
CREATE ROLE maker;
CREATE ROLE reader;
GRANT USAGE ON SCHEMA joor TO maker;
GRANT EXECUTE ON FUNCTION joor.create_feed, joor.watch TO maker;
GRANT USAGE ON FOREIGN SERVER first TO maker;
CREATE SCHEMA "Shop" AUTHORIZATION maker;
SET ROLE maker;
SET search_path = "Shop", public;
CREATE TABLE "Stock" (sku integer, upc text, code citext, doc json, n integer);
CREATE TABLE part (sku integer, n integer) PARTITION BY RANGE (sku);
CREATE TABLE part1 PARTITION OF part FOR VALUES FROM (0) TO (10);
CREATE TABLE parent (sku integer);
CREATE TABLE child () INHERITS (parent);
INSERT INTO "Stock" VALUES (1, '001', 'a', '{}', 5), (2, '002', 'b', '{}', 6);
SELECT joor.create_feed('a', 'SELECT sku, upc, sum(n) AS inventory FROM "Stock" GROUP BY 1, 2', 'first', 'sku');
SELECT joor.watch('a', '"Stock"', 'sku', '{n,code,doc}');
SELECT joor.watch('a', 'part', 'sku', '{n}');
SELECT joor.watch('a', 'parent', 'sku');
GRANT SELECT ON joor.feed_a TO reader;
RESET ROLE;
SELECT joor.create_feed('B "b''', 'SELECT upc, n AS inventory FROM "Shop"."Stock"', 'second', 'upc');
SELECT joor.watch('B "b''', '"Stock"', 'upc');
INSERT INTO joor.queue_change VALUES ('a', 3, 0, now(), pg_current_xact_id(), '{1,2}'), ('a', 4, 0, now(), pg_current_xact_id(), NULL),
	('a', NULL, 0, now(), pg_current_xact_id(), '{3}');
CREATE DATABASE plain;
CREATE DATABASE custom;
SQL
my $before = feeds('postgres');
like($before, qr/"Stock"\|joor_a_update\|A\|f\|.* WHEN/, 'there are triggers to dump');

my $dir = $node->basedir;
command_ok([ 'pg_dump', '-d', $node->connstr('postgres'), '-f', "$dir/plain.sql" ], 'pg_dump');
command_ok([ 'psql', '-Xq', '-v', 'ON_ERROR_STOP=1', '-d', $node->connstr('plain'), '-f', "$dir/plain.sql" ], 'psql restores it');
command_ok([ 'pg_dump', '-d', $node->connstr('postgres'), '-Fc', '-f', "$dir/custom" ], 'pg_dump -Fc');
command_ok([ 'pg_restore', '--exit-on-error', '-d', $node->connstr('custom'), "$dir/custom" ], 'pg_restore restores it');
is(feeds('plain'), $before, 'psql: feeds, triggers, grants and queue are the same');
is(feeds('custom'), $before, 'pg_restore: likewise');
command_ok([ 'pg_dump', '-d', $node->connstr('plain'), '-f', "$dir/again.sql" ], 'pg_dump of the copy');
my ($once, $again) = map { slurp_file("$dir/$_.sql") } qw(plain again);
s/^\\(un)?restrict .*$//mg for $once, $again; # a random key, in newer ones
is($again, $once, 'the copy gives the same dump');

# The OIDs of servers are others here; let them be each other's.
sql(<<'SQL', 'custom');
UPDATE joor.feed_definition f SET serverid = s.oid FROM pg_foreign_server s WHERE s.srvname <> f.server;
SELECT joor.set_token('first', 'token-of-first'), joor.set_token('second', 'token-of-second');
SQL
sql("SELECT * FROM joor.activate('$_')", 'custom') for qw(first second);
is(sql('SELECT name, account FROM joor.feed ORDER BY name', 'custom'), "B \"b'|second\na|first",
	'activated, each feed belongs to the account of its name');
sql("SELECT * FROM joor.activate('first')", 'plain');
sql('ALTER SERVER first RENAME TO premier', 'plain');
is(sql("SELECT account FROM joor.feed WHERE name = 'a'", 'plain'), 'premier', 'renamed after that, its feed follows');
sql("SELECT joor.deactivate('premier'); SELECT * FROM joor.activate('premier')", 'plain');
is(sql("SELECT account FROM joor.feed WHERE name = 'a'", 'plain'), 'premier', 'activated under its new name, too');
is(sql("SELECT server FROM joor.feed_definition WHERE name = 'a'", 'plain'), 'premier', 'which the next dump will have');

is(sql('SELECT upc, inventory FROM joor.feed_a ORDER BY 1', 'custom'), "001|5\n002|6", 'the feed can be read there');
sql(q{SELECT joor.alter_feed('a', 'SELECT sku, upc, 0 AS inventory FROM "Shop"."Stock"');
	SELECT joor.watch('a', '"Shop".part', 'sku'), joor.unwatch('a', '"Shop"."Stock"');}, 'custom');
is(sql("SELECT watched->0->>'table' FROM joor.feed WHERE name = 'a'", 'custom'), '"Shop".child', 'altered, watched, unwatched');
sql('SELECT joor.drop_feed(name) FROM joor.feed', 'custom');
is(sql(q{SELECT count(*) FROM pg_trigger WHERE tgname LIKE 'joor%'}, 'custom'), 0, 'dropped there: no trigger is left');
is(feeds('postgres'), $before, 'all the while the original is what it was');
$node->stop;
done_testing();
