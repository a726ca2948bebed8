# Versions: what was installed before goes on, and becomes what is new.
#
# Proves that released scripts are frozen; that an extension updated from any
# older version is the same as a new one: members, columns, definitions,
# comments, privileges, and all that pg_dump writes of them; that this library
# serves the SQL of each older version, by push, queue and feed; that an update
# while the worker sends loses nothing and leaves the worker at work; and that
# all the library's functions can be called by the SQL of some version.

use strict;
use warnings;

use Digest::SHA;
use File::Basename qw(basename dirname);
use JoorNode;
use JoorSimulator;
use PostgreSQL::Test::Utils;
use Test::More;

my $sql_dir = dirname(__FILE__) . '/../../sql';
my $ample = 100_000_000;
my $joor = JoorSimulator->new;
my $node = JoorNode->new('versions', preload => 1, bare => 1);

sub sql
{
	my ($statement, $db) = @_;

	return $node->safe_psql($db // 'postgres', $statement);
}

my ($newest) = slurp_file("$sql_dir/../joor_inventory.control") =~ /^default_version *= *'(.*)'/m;
my %version = map { /--([^-]+)\.sql$/ ? ($1 => 1) : () } glob("$sql_dir/*.sql");
my @older = grep { $_ ne $newest } sort keys %version;

is($older[0], '1.0', 'there is an older version');

# A database with the extension in that version.
sub database
{
	my ($db, $version) = @_;

	sql("CREATE DATABASE $db");
	sql("CREATE EXTENSION joor_inventory VERSION '$version'", $db);
	return;
}

# Whether two texts are equal; prints the lines that only one of them has.
sub same
{
	my ($got, $expected, $name) = @_;
	my %only;

	$only{$_}++ foreach split /\n/, $got;
	$only{$_}-- foreach split /\n/, $expected;
	ok($got eq $expected, $name) or diag(join "\n", map { ($only{$_} > 0 ? '+' : '-') . $_ } grep { $only{$_} } sort keys %only);
	return;
}

#
# Released scripts
#
# sql/frozen.sha256 is written by: cd sql && sha256sum SCRIPT... > frozen.sha256
#
my %frozen = reverse map { split } split /\n/, slurp_file("$sql_dir/frozen.sha256");
foreach my $file (map { basename($_) } glob("$sql_dir/*.sql"))
{
	my ($version) = $file =~ /--([^-]+)\.sql$/;

	next if $version eq $newest && !exists $frozen{$file};
	is(Digest::SHA->new(256)->addfile("$sql_dir/$file")->hexdigest, delete $frozen{$file}, "$file is as it was released");
}
is(join(' ', keys %frozen), '', 'all that was released is there');

#
# New and updated
#
# What a database has of the extension, without OIDs.
sub contents
{
	my ($db) = @_;

	return sql(<<'SQL', $db);
SELECT extversion, n.nspname, extconfig::regclass[], extcondition
FROM pg_extension e JOIN pg_namespace n ON n.oid = extnamespace WHERE extname = 'joor_inventory';
CREATE TEMP VIEW member AS
	SELECT classid, objid, pg_describe_object(classid, objid, 0) AS name FROM pg_depend
	WHERE deptype = 'e' AND refobjid = (SELECT oid FROM pg_extension WHERE extname = 'joor_inventory');
SELECT name, obj_description(objid, classid::regclass::name) FROM member ORDER BY name;
SELECT name, attnum, attname, format_type(atttypid, atttypmod), attnotnull, attidentity, attgenerated, attisdropped,
	pg_get_expr(adbin, adrelid), col_description(objid, attnum)
FROM member JOIN pg_attribute a ON classid = 'pg_class'::regclass AND attrelid = objid
	LEFT JOIN pg_attrdef ON adrelid = attrelid AND adnum = attnum
WHERE attnum > 0 ORDER BY name, attnum;
SELECT name, relkind, relpersistence, reloptions, relowner::regrole, relrowsecurity, replace(relacl::text, relowner::regrole::text, 'owner'),
	CASE relkind WHEN 'v' THEN pg_get_viewdef(objid) END
FROM member JOIN pg_class ON classid = 'pg_class'::regclass AND pg_class.oid = objid ORDER BY name;
SELECT name, pg_get_indexdef(indexrelid) FROM member JOIN pg_index ON classid = 'pg_class'::regclass AND indrelid = objid ORDER BY 2;
SELECT name, conname, pg_get_constraintdef(c.oid) FROM member JOIN pg_constraint c ON classid = 'pg_class'::regclass AND conrelid = objid ORDER BY 1, 2;
SELECT name, pg_get_functiondef(objid), proowner::regrole, proacl FROM member JOIN pg_proc ON classid = 'pg_proc'::regclass AND pg_proc.oid = objid
ORDER BY name;
SELECT nspacl, fdwacl FROM pg_namespace, pg_foreign_data_wrapper WHERE nspname = 'joor' AND fdwname = 'joor_inventory';
SELECT name, i.privtype, i.initprivs FROM member JOIN pg_init_privs i ON i.classoid = classid AND i.objoid = objid ORDER BY name;
SQL
}

# pg_dump's output, without the names and numbers of a single database.
sub dump_of
{
	my ($db, @options) = @_;
	my $file = $node->basedir . "/$db.sql";

	command_ok([ 'pg_dump', @options, '-d', $node->connstr($db), '-f', $file ], "pg_dump @options of $db");
	return join '', map { s/'\{[\d,]+\}'/'{...}'/r }
	  grep { !/binary_upgrade_set_next|relfrozenxid|^WHERE oid = '|^\\(?:un)?restrict / } split /^/, slurp_file($file);
}

database('fresh', $newest);
my $contents = contents('fresh');
like($contents, qr/^function joor\.push\(/m, 'there is something to compare');
my @dumps = ([], ['--schema-only'], [ '--schema-only', '--binary-upgrade' ]);
my @fresh = map { dump_of('fresh', @$_) } @dumps;
like($fresh[2], qr/CREATE TABLE joor\.request/, 'with --binary-upgrade the members, too');
foreach my $version (@older)
{
	my $db = 'updated_' . $version =~ tr/./_/r;

	database($db, $version);
	is(sql('SELECT extversion FROM pg_extension WHERE extname = \'joor_inventory\'', $db), $version, "$version is installed");
	sql('ALTER EXTENSION joor_inventory UPDATE', $db);
	same(contents($db), $contents, "$version updated is the same as $newest");
	same(dump_of($db, @{ $dumps[$_] }), $fresh[$_], 'and to pg_dump, too') foreach 0 .. $#dumps;
}

#
# An older version with this library, and its update under load
#
sub stock
{
	my ($account) = @_;

	return { map { $_->{upc} => $_->{inventory} } @{ $joor->state($account) } };
}

foreach my $version (@older)
{
	my $db = 'served_' . $version =~ tr/./_/r;
	my $account = "joor_$db";

	database($db, $version);
	$node->account($joor, $account, db => $db, options => "credits '$ample', max_items '5'", simulator => { credits => $ample });

	# All that is called as it was.
	is(sql("SELECT outcome FROM joor.push('SELECT ''p'' || 1 AS upc, 1 AS inventory', '$account')", $db), 'delivered', "$version: a push");
	is(sql("SELECT sum(items) FROM joor.preview('SELECT ''p'' || 1 AS upc, 1 AS inventory', '$account')", $db), 1, "$version: a preview");
	is(sql("SELECT outcome FROM joor.push_sku('s', 'i', 2, upc => 'p2', server => '$account')", $db), 'delivered', "$version: a single SKU");
	is(sql("SELECT joor.enqueue('SELECT ''q'' || g AS upc, g AS inventory FROM generate_series(1, 7) g', '$account')", $db), 7, "$version: the queue");
	sql(<<"SQL", $db);
CREATE TABLE stock (id int PRIMARY KEY, n int NOT NULL);
INSERT INTO stock SELECT g, 1 FROM generate_series(1, 30) g;
SELECT joor.create_feed('f', 'SELECT id, ''u'' || id AS upc, n AS inventory FROM public.stock', '$account', 'id');
SELECT joor.watch('f', 'stock', 'id');
SELECT joor.sync('f');
SQL
	is(sql("SELECT joor.wait('$account', '60 s')", $db), 't', "$version: a feed");
	is_deeply(stock($account), { p1 => 1, p2 => 2, (map { ("q$_" => $_) } 1 .. 7), map { ("u$_" => 1) } 1 .. 30 }, "$version: all arrived");
	is(sql("SELECT count(*) FROM joor.drift('f')", $db), 0, "$version: drift");
	is(sql("SELECT count(*) > 0 FROM joor.push_feed('f')", $db), 't', "$version: push_feed");
	foreach my $view (split /\n/, sql(q{SELECT oid::regclass FROM pg_class WHERE relnamespace = 'joor'::regnamespace AND relkind = 'v'}, $db))
	{
		my ($code, undef, $err) = $node->try_sql("SELECT count(*) FROM $view", db => $db);
		is($code, 0, "$version: $view can be read") or diag($err);
	}

	# The first of six requests hangs while the extension is updated.
	$joor->fault(account => $account, operation => 'bulk', hold => 1);
	sql('UPDATE stock SET n = 2', $db);
	ok($joor->wait_for(held => 1), "$version: the worker sends");
	my $worker = sql("SELECT worker_pid FROM joor.status WHERE account = '$account'", $db);
	sql("ALTER EXTENSION joor_inventory UPDATE; UPDATE stock SET n = 3 WHERE id <= 10", $db);
	is(sql("SELECT count(*) FROM joor.request WHERE outcome = 'sending'", $db), 1, "$version: updated while a request was under way");
	sql("DELETE FROM stock WHERE id = 30; SELECT joor.enqueue('SELECT ''q1''::text AS upc, 9 AS inventory', '$account')", $db);
	$joor->release;
	is(sql("SELECT joor.wait('$account', '60 s')", $db), 't', "$version: all is sent");
	is_deeply(
		stock($account),
		{ p1 => 1, p2 => 2, q1 => 9, u30 => 0, (map { ("q$_" => $_) } 2 .. 7), map { ("u$_" => $_ <= 10 ? 3 : 2) } 1 .. 29 },
		"$version: nothing is lost, nothing stale");
	is(sql("SELECT DISTINCT pid FROM joor.request WHERE source = 'worker' AND id > (SELECT min(id) FROM joor.request WHERE http_status = 200 AND pid = $worker)", $db),
		$worker, "$version: by the same worker");
	is(sql("SELECT count(*) FROM joor.request WHERE outcome <> 'delivered' AND source <> 'activate'", $db), 0, "$version: every request was delivered");
	same(contents($db), $contents, "$version: updated with data, it is the same, too");
}

#
# The library's functions
#
my $library = (grep { -f } map { s/\$libdir/$node->config_data('--pkglibdir')/er . '/joor_inventory.so' } split /:/,
	sql('SHOW dynamic_library_path'))[0];
my %function = map { $_ => 1 } `nm -D --defined-only $library` =~ /\bpg_finfo_(\w+)/g;
my %called;
foreach my $version (@older, $newest)
{
	my $db = 'called_' . $version =~ tr/./_/r;

	database($db, $version);
	$called{$_} = 1 foreach split /\n/, sql(q{SELECT prosrc FROM pg_proc WHERE probin LIKE '%joor_inventory'}, $db);
}
is_deeply([ sort keys %called ], [ sort keys %function ], 'each function of the library is called by SQL, and each that SQL calls is there');
is($joor->summary->{refused}, 0, 'no 429');
unlike(slurp_file($node->logfile), qr/PANIC|TRAP|was terminated by signal|XX000/, 'no crash');
done_testing();
