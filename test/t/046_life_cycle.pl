# Whatever is renamed, given away or dropped, JOOR follows or status says why.
#
# Proves, with a worker that runs all the while: after the renaming of table,
# column, schema, server, role and database a change still arrives; likewise
# after another owner of server and feed, and REASSIGN OWNED; that without a
# user mapping, a table or a server the queue waits and says so, and goes out
# when they are back; that ALTER EXTENSION SET SCHEMA is refused; that DROP
# EXTENSION and CREATE EXTENSION under a request leave nothing behind; and that
# dumps of the schema joor alone and of data alone restore.

use strict;
use warnings;

use JoorNode;
use JoorSimulator;
use PostgreSQL::Test::Utils;
use Test::More;

my $ample = 100_000_000;
my $joor = JoorSimulator->new;
my $node = JoorNode->new('life', preload => 1);
my $db = 'shop';
my $table = 'public.stock';
my $column = 'n';
my $server = 'joor';
my $turn = 10;

sub sql { return $node->safe_psql($db, $_[0]) }

# A change of the table as it is called now arrives; another item is no matter.
sub arrives
{
	my ($name) = @_;
	$turn++;
	sql("UPDATE $table SET $column = $turn");
	is(sql("SELECT joor.wait('$server', '60 s')"), 't', "$name: it is sent");
	is_deeply({ map { $_->{upc} => $_->{inventory} } grep { $_->{upc} ne 'other' } @{ $joor->state('joor') } }, { u1 => $turn, u2 => $turn }, "$name: JOOR has it");
	return;
}

# A change waits, for a reason that status or the feed names.
sub waits
{
	my ($name, $why) = @_;
	$turn++;
	sql("UPDATE $table SET $column = $turn");
	$node->wait_until("SELECT why_not_now ~ '$why' FROM joor.status", "$name: it waits, and status says why", $db);
	cmp_ok(sql('SELECT count(*) FROM joor.queue'), '>', 0, "$name: the key stays queued");
	return;
}

$node->safe_psql('postgres', 'CREATE DATABASE shop; CREATE ROLE maker; CREATE ROLE heir');
sql('CREATE EXTENSION joor_inventory');
$node->account($joor, 'joor', db => $db, options => "credits '$ample'", simulator => { credits => $ample });
sql(q{GRANT USAGE ON SCHEMA joor TO maker, heir; GRANT EXECUTE ON FUNCTION joor.create_feed, joor.watch TO maker;
	GRANT USAGE ON FOREIGN SERVER joor TO maker; CREATE TABLE stock (id int, n int); ALTER TABLE stock OWNER TO maker;
	INSERT INTO stock VALUES (1, 1), (2, 2);
	SET ROLE maker;
	SELECT joor.create_feed('f', 'SELECT id, ''u'' || id AS upc, n AS inventory FROM public.stock', 'joor', 'id');
	SELECT joor.watch('f', 'stock', 'id', '{n}')});
arrives('at first');

#
# Renamed
#
sql('ALTER TABLE stock RENAME TO level');
$table = 'public.level';
arrives('a table renamed');
sql('ALTER TABLE level RENAME n TO pieces');
$column = 'pieces';
arrives('a column renamed');
sql('CREATE SCHEMA depot; ALTER TABLE level SET SCHEMA depot');
$table = 'depot.level';
arrives('another schema');
sql('ALTER SCHEMA depot RENAME TO "De Pot"');
$table = '"De Pot".level';
arrives('a schema renamed');
sql('ALTER SERVER joor RENAME TO "JOOR main"');
$server = 'JOOR main';
arrives('the server renamed');
sql('ALTER ROLE maker RENAME TO "the maker"');
arrives('the owner renamed');
$node->wait_until(q{SELECT NOT EXISTS (SELECT FROM pg_stat_activity WHERE datname = 'shop')}, 'an idle worker leaves');
$node->safe_psql('postgres', 'ALTER DATABASE shop RENAME TO "Shop 2"');
$db = 'Shop 2';
arrives('the database renamed');
is(sql('SELECT state FROM joor.status'), 'active', 'the account is still active');

#
# Given away
#
sql('ALTER SERVER "JOOR main" OWNER TO heir');
arrives('another owner of the server');
sql('REASSIGN OWNED BY "the maker" TO heir');
arrives('all of the owner\'s reassigned');
is(sql('SELECT owner FROM joor.feed'), 'heir', 'also the feed');
sql('DROP OWNED BY "the maker"; DROP ROLE "the maker"');
arrives('the former owner dropped');

#
# Dropped
#
sql('DROP USER MAPPING FOR PUBLIC SERVER "JOOR main"');
waits('the mapping dropped', 'has no user mapping');
sql(q{SELECT joor.set_token('JOOR main', 'token-of-joor')});
arrives('a mapping again');
my (undef, undef, $err) = $node->try_sql('DROP TABLE "De Pot".level', db => $db);
like($err, qr/cannot drop table .* because other objects depend on it.*feed_f/s, 'a table that a feed reads is not dropped by the way');
(undef, undef, $err) = $node->try_sql('DROP EXTENSION joor_inventory', db => $db);
like($err, qr/cannot drop extension joor_inventory because other objects depend on it/, 'nor is the extension');
(undef, undef, $err) = $node->try_sql('ALTER EXTENSION joor_inventory SET SCHEMA "De Pot"', db => $db);
like($err, qr/extension "joor_inventory" does not support SET SCHEMA/, 'nor moved');
(undef, undef, $err) = $node->try_sql('ALTER SCHEMA joor RENAME TO rooj; SELECT * FROM joor.status', db => $db);
sql('ALTER SCHEMA rooj RENAME TO joor') if sql(q{SELECT to_regnamespace('rooj') IS NOT NULL}) eq 't';
arrives('the schema of the extension renamed, and back');
sql('CREATE TABLE safe AS SELECT * FROM "De Pot".level; DROP TABLE "De Pot".level CASCADE');
is(sql('SELECT view IS NULL, watched FROM joor.feed'), 't|[]', 'dropped with CASCADE: the view is gone, the triggers as well');
sql(qq{SELECT joor.enqueue('SELECT ''other'' AS upc, 1 AS inventory', '$server')});
is(sql("SELECT joor.wait('$server', '60 s')"), 't', 'what else is queued is sent');
sql(q{SELECT joor.drop_feed('f'); CREATE TABLE stock AS TABLE safe;
	SELECT joor.create_feed('f', 'SELECT id, ''u'' || id AS upc, pieces AS inventory FROM public.stock', 'JOOR main', 'id'); SELECT joor.watch('f', 'stock', 'id')});
$table = 'public.stock';
arrives('a feed made again');
sql(q{DROP SERVER "JOOR main" CASCADE});
$turn++;
sql("UPDATE $table SET $column = $turn");
is(sql('SELECT account, queued > 0 FROM joor.feed'), 'JOOR main|t', 'the server dropped: its feed waits');
$server = 'joor';
$node->account($joor, 'joor', db => $db, options => "credits '$ample'", simulator => { credits => $ample });
sql(q{SELECT joor.alter_feed('f', server => 'joor')});
arrives('another server for it');

#
# Dumps
#
my $dir = $node->basedir;
sql("SELECT joor.pause('joor'); UPDATE $table SET $column = $column");
$node->safe_psql('postgres', 'CREATE DATABASE single; CREATE DATABASE data');
foreach my $copy (qw(single data))
{
	$node->safe_psql($copy, q{CREATE EXTENSION joor_inventory; CREATE TABLE stock (id int, pieces int);
		CREATE SERVER joor FOREIGN DATA WRAPPER joor_inventory OPTIONS (url 'http://127.0.0.1:9/v2')});
}
my $state = sql('SELECT name, key FROM joor.feed; SELECT feed, keys FROM joor.queue; SELECT upc, inventory FROM joor.published ORDER BY 1');
command_ok([ 'pg_dump', '-n', 'joor', '-d', $node->connstr($db), '-f', "$dir/single.sql" ], 'a dump of schema joor');
command_ok([ 'psql', '-Xq', '-v', 'ON_ERROR_STOP=1', '-d', $node->connstr('single'), '-f', "$dir/single.sql" ], 'is restored');
is($node->safe_psql('single', 'SELECT count(*) FROM joor.feed_f'), 0, 'with its feed as a view');
command_ok([ 'pg_dump', '-a', '-d', $node->connstr($db), '-f', "$dir/data.sql" ], 'a dump of data');
command_ok([ 'psql', '-Xq', '-v', 'ON_ERROR_STOP=1', '-d', $node->connstr('data'), '-c', 'CREATE TABLE safe (id int, pieces int)',
	'-f', "$dir/data.sql" ], 'is restored');
is($node->safe_psql('data', 'SELECT name, key FROM joor.feed; SELECT feed, keys FROM joor.queue; SELECT upc, inventory FROM joor.published ORDER BY 1'),
	$state, 'with feeds, queue and published quantities');
is($node->safe_psql('data', 'SELECT state FROM joor.status'), 'copied', 'and sends nothing by itself');
$node->safe_psql('data', q{SELECT joor.drop_feed('f')});
is($node->safe_psql('data', 'SELECT count(*) FROM joor.queue'), 0, 'a feed without its view can be dropped');

#
# The extension, under a request
#
$joor->fault(account => 'joor', operation => 'bulk', hold => 1);
sql("SELECT joor.resume('joor')");
ok($joor->wait_for(under_way => 1), 'a request is under way');
sql(q{SET lock_timeout = '30s'; DROP EXTENSION joor_inventory CASCADE; CREATE EXTENSION joor_inventory});
$joor->release;
$node->account($joor, 'joor', db => $db, options => "credits '$ample'", simulator => { credits => $ample });
is(sql(q{SELECT count(*) FROM pg_trigger WHERE tgname LIKE 'joor%'}), 0, 'no trigger is left');
sql(q{SELECT joor.create_feed('f', 'SELECT id, ''u'' || id AS upc, pieces AS inventory FROM public.stock', 'joor', 'id'); SELECT joor.watch('f', 'stock', 'id')});
arrives('the extension dropped and created while a request was under way');
is(sql(q{SELECT count(*) FROM joor.request WHERE outcome = 'sending'}), 0, 'no request is left open');
my ($code) = $node->try_sql('SELECT 1', db => $db);
is($code, 0, 'the server is there');
$node->safe_psql('postgres', qq{DROP DATABASE "$db" WITH (FORCE)});
is_deeply([ grep { $_->{rule} !~ /^token$/ } @{ $joor->violations } ], [], 'no rule of JOOR was broken') or diag(explain($joor->violations));
unlike(slurp_file($node->logfile), qr/PANIC|TRAP|was terminated by signal|XX000/, 'no crash, nothing internal');
$node->stop;
done_testing();
