# What JOOR acknowledged last, and what an overwrite would drop of it.
#
# Proves: joor.published equals JOOR's state after pushes in both formats, the
# single-SKU call and the worker, with warehouses and dates apart and one row
# for a position however often it is sent; what JOOR rejects, refuses, or gives
# no readable answer to changes nothing; made to order has no quantity; a push
# that is rolled back has published; an acknowledged overwrite deletes what it
# left out; the overwrite guard counts, refuses before any call, and is lifted
# by force and by its parameter; preview warns of it; a dump keeps the rows,
# and activation there gives them to the servers of their names, even if the
# server ids changed places.

use strict;
use warnings;

use JoorNode;
use JoorSimulator;
use PostgreSQL::Test::Utils;
use Test::More;

my $joor = JoorSimulator->new;
my $node = JoorNode->new('published', preload => 1);
my %ample = (options => "credits '100000000'", simulator => { credits => 100_000_000,
		warehouses => [ 'Default', 'East' ] });
my $db = 'postgres';

$node->account($joor, 'joor', %ample);

sub sql { return $node->safe_psql($db, $_[0]) }

# Rows of joor.published as lines: warehouse, date, UPC or style, quantity.
sub published
{
	my ($account) = @_;

	return [ sort split /\n/, sql("SELECT concat_ws(' ', warehouse, inventory_date,
		coalesce(upc, concat_ws('-', style_number, style_identifier, color_code, size)),
		coalesce(inventory::text, 'none'), CASE WHEN made_to_order THEN 'mto' END)
		FROM joor.published WHERE account = '" . ($account // 'joor') . "'") ];
}

sub state_of
{
	my ($account) = @_;

	return [ sort map
		{
			join ' ', grep { defined } $_->{warehouse}, $_->{inventory_date},
			  $_->{upc} // join('-', @$_{qw(style_number style_identifier color_code size)}),
			  $_->{inventory} // 'none', $_->{made_to_order} ? 'mto' : undef
		} @{ $joor->state($account // 'joor') } ];
}

sub push_report { return "SELECT outcome FROM joor.push(\$q\$$_[0]\$q\$, on_failure => 'report')" }

# Nothing of a published row may change by what runs.
sub changes_nothing
{
	my ($sql, $name) = @_;
	my $rows = 'SELECT r FROM joor.published_item r ORDER BY serverid, hash';
	my $before = sql($rows);

	$node->try_sql($sql);
	is(sql($rows), $before, $name);
	return;
}

my $mixed = q{SELECT * FROM (VALUES
	('a', NULL, NULL, NULL, NULL, 'Default', NULL::date, 1, NULL::boolean),
	('a', NULL, NULL, NULL, NULL, 'East', NULL, 2, NULL),
	('a', NULL, NULL, NULL, NULL, 'East', '2030-01-02', 3, NULL),
	('b', NULL, NULL, NULL, NULL, NULL, NULL, 4, NULL),
	('c', NULL, NULL, NULL, NULL, NULL, NULL, 9, true),
	('d', NULL, NULL, NULL, NULL, NULL, NULL, NULL, true),
	(NULL, 'S', 'I', 'C', 'M', NULL, NULL, 5, false))
	v(upc, style_number, style_identifier, color_code, size, warehouse, inventory_date, inventory, made_to_order)};

foreach my $format (qw(xml json))
{
	sql("ALTER SERVER joor OPTIONS (ADD format '$format')");
	$joor->reset('inventory');
	sql('TRUNCATE joor.published_item');
	is(sql(push_report($mixed)), 'delivered', "$format: pushed");
	is_deeply(published(), [
			'Default S-I-C-M 5', 'Default a 1', 'Default b 4', 'Default c none mto', 'Default d none mto',
			'East 2030-01-02 a 3', 'East a 2'
		], "$format: published");
	is_deeply(published(), state_of(), "$format: as JOOR has it");
	sql(push_report(q{SELECT 'b' AS upc, 6 AS inventory}));
	sql(push_report(q{SELECT 'b' AS upc, 6 AS inventory, NULL::boolean AS made_to_order UNION ALL SELECT 'd', 7, false}));
	is_deeply(published(), state_of(), "$format: sent again: as JOOR has it");
	is(sql('SELECT count(*) FROM joor.published_item'), 7, "$format: no second row for a position");
	is(sql(q{SELECT count(*) FROM joor.published p JOIN joor.request r ON r.id = p.request_id
		WHERE upc IN ('b', 'd') AND r.id = (SELECT max(id) FROM joor.request)
		AND p.published_at BETWEEN r.started_at AND clock_timestamp() AND feed IS NULL AND key IS NULL}), 2,
		"$format: with the last request, and of no feed");
	sql('ALTER SERVER joor OPTIONS (DROP format)');
}

# What JOOR does not acknowledge
$joor->account('joor', reject => ['b']);
is(sql(push_report(q{SELECT 'a' AS upc, 11 AS inventory UNION ALL SELECT 'b', 12})), 'partly_rejected', 'one of two is rejected');
is_deeply(published(), state_of(), 'the other one is published');
is(sql(q{SELECT inventory FROM joor.published WHERE upc = 'a' AND warehouse = 'Default'}), 11, 'with its quantity');
changes_nothing(push_report(q{SELECT 'b' AS upc, 13 AS inventory}), 'rejected alone: nothing changes');
changes_nothing(q{SELECT * FROM joor.push($$SELECT 'b' AS upc, 13 AS inventory$$, overwrite => true, force => true)},
	'not by an overwrite that is rejected, either');
$joor->account('joor', reject => []);
my %fault = (
	'refused, 400' => { status => 400 },
	'failed, 503' => { status => 503 },
	'cut before the answer' => { cut => 'before_answer' },
	'cut, though it took effect' => { cut => 'before_answer', applied => 1 },
	'cut in the answer' => { cut => 'in_answer' },
	'no code in the answer' => { body => '{}' });
foreach my $name (sort keys %fault)
{
	$joor->fault(%{ $fault{$name} });
	changes_nothing(push_report(q{SELECT 'a' AS upc, 99 AS inventory}), "$name: nothing changes");
	$joor->fault(%{ $fault{$name} });
	changes_nothing(
		q{SELECT * FROM joor.push($$SELECT 'a' AS upc, 99 AS inventory$$, overwrite => true, force => true)},
		"$name, an overwrite: nothing changes");
}
$joor->clear_faults;
$joor->account('joor', reject => ['b']);
$joor->fault(answer => { log => 'missing', sku_count => 'fewer' });
is(sql(push_report(q{SELECT 'a' AS upc, 14 AS inventory UNION ALL SELECT 'c', 15})), 'unknown', 'accepted, but not item by item');
is(sql(q{SELECT string_agg(upc || inventory, ' ' ORDER BY upc) FROM joor.published
	WHERE upc IN ('a', 'c') AND warehouse = 'Default'}), 'a14 c15', 'counts as acknowledged');
$joor->account('joor', reject => []);

# The single-SKU call, in a transaction that is rolled back
sql(q{BEGIN; SELECT * FROM joor.push_sku('S', 'I', 21, color_code => 'C', size => 'M');
	SELECT * FROM joor.push_sku('S', 'I', 22, upc => 'e', warehouse => 'East', inventory_date => '2030-01-02');
	SELECT * FROM joor.push($$SELECT 'b' AS upc, 23 AS inventory$$); ROLLBACK});
is_deeply([ grep { /S-I| e | b / } @{ published() } ],
	[ 'Default S-I-C-M 21', 'Default b 23', 'East 2030-01-02 e 22' ], 'rolled back, published nevertheless');
changes_nothing(q{SELECT * FROM joor.push_sku('S', 'I', -1, upc => 'e', server => 'nowhere')}, 'an error publishes nothing');

# The worker
sql(q{SELECT joor.enqueue($$SELECT 'w' || i AS upc, i AS inventory FROM generate_series(1, 700) i$$)});
sql(q{SELECT joor.enqueue($$SELECT 'b' AS upc, 31 AS inventory$$)});
is(sql("SELECT joor.wait(timeout => '30 s')"), 't', 'the worker has sent');
is(sql(q{SELECT count(*), sum(inventory) FROM joor.published WHERE upc LIKE 'w%'}), '700|245350', 'all of it is published');
is(sql(q{SELECT count(DISTINCT request_id) FROM joor.published WHERE upc LIKE 'w%'}), 2, 'by two requests');
is(sql(q{SELECT inventory FROM joor.published WHERE upc = 'b'}), 31, 'and a row of a push is updated');

# Overwrite
my @outcome = split /\n/, sql(q{SELECT outcome FROM joor.push(
	$$SELECT 'w' || i AS upc, i + 1 AS inventory FROM generate_series(1, 400) i UNION ALL SELECT 'new', 1$$,
	overwrite => true)});
is_deeply(\@outcome, ['delivered'], 'an overwrite that drops less than half');
is(sql(q{SELECT count(*), sum(inventory) FROM joor.published}), '401|80601', 'what it left out is published no more');

# The guard
$node->account($joor, 'other', %ample);
is(sql(q{SELECT outcome FROM joor.push($$SELECT 'o' AS upc, 1 AS inventory$$, 'other', overwrite => true)}),
	'delivered', 'another account, with nothing published yet: any overwrite');
my $calls = $joor->summary->{calls};
my $ten = q{SELECT 'w' || i AS upc, 5 AS inventory FROM generate_series(1, 10) i};
my $replace = "joor.push(\$\$$ten\$\$, overwrite => true";
foreach my $mode (qw(error report))
{
	my ($code, $out, $err) = $node->try_sql("\\set VERBOSITY verbose\nSELECT * FROM $replace, on_failure => '$mode')");
	like($err, qr/ERROR:  53400: cannot overwrite: too much of what is published would be dropped$/m, "$mode: refused");
	like($err, qr/DETAIL:  Of 401 positions that JOOR acknowledged for server "joor", the overwrite leaves out 391; joor_inventory.overwrite_max_drop permits 50 percent\.$/m,
		"$mode: with the counts");
	like($err, qr/HINT:  .*force => true/, "$mode: and what to do");
}
my (undef, $body, $warning) = $node->try_sql("SELECT items FROM joor.preview(\$\$$ten\$\$, overwrite => true)");
is($body, 10, 'preview shows the request');
like($warning, qr/WARNING:  an overwrite would be refused.*\nDETAIL:  Of 401 .* leaves out 391;/, 'and warns');
(undef, undef, $warning) = $node->try_sql("SELECT items FROM joor.preview(\$\$$ten\$\$)");
is($warning, '', 'but not without overwrite');
is($joor->summary->{calls}, $calls, 'nothing was sent');
is(sql("SET joor_inventory.overwrite_max_drop = 97.6; SELECT outcome FROM $replace)"), 'delivered', 'the parameter permits it');
is(sql("SELECT outcome FROM joor.push(\$\$$ten LIMIT 5\$\$, overwrite => true)"), 'delivered', 'exactly half is permitted');
my ($code, undef, $err) = $node->try_sql("SET joor_inventory.overwrite_max_drop = 0; SELECT * FROM joor.push(\$\$$ten LIMIT 4\$\$, overwrite => true)");
like($err, qr/Of 5 positions .* leaves out 1; .* permits 0 percent/, 'and with 0 nothing may be left out');
is(sql("SET joor_inventory.overwrite_max_drop = 0; SELECT outcome FROM $replace)"), 'delivered', 'adding is no drop');
is(sql(q{SELECT outcome FROM joor.push($$SELECT 'f' AS upc, 1 AS inventory$$, overwrite => true, force => true)}),
	'delivered', 'force passes');
is_deeply(published(), ['Default f 1'], 'only that is left');
is(sql(q{SELECT outcome FROM joor.push($$SELECT 'g' AS upc, 2 AS inventory$$, force => true)}),
	'delivered', 'force without overwrite is harmless');
is_deeply(published(), [ 'Default f 1', 'Default g 2' ], 'and drops nothing');
is_deeply(published('other'), ['Default o 1'], 'nor did any overwrite reach another account');

# What feeds sent stays theirs, and intended rows are not published.
sql(q{UPDATE joor.published_item SET feed = 'stock', key = '7' WHERE upc = 'f';
	INSERT INTO joor.published_item (serverid, server, hash, feed, key, warehouse, upc)
	SELECT serverid, server, 1, 'stock', '8', 'Default', 'h' FROM joor.published_item WHERE upc = 'f'});
sql(push_report(q{SELECT 'f' AS upc, 3 AS inventory}));
is(sql(q{SELECT feed, key, inventory FROM joor.published WHERE upc = 'f'}), 'stock|7|3', 'a push leaves feed and key');
is(sql(q{SELECT count(*) FROM joor.published WHERE upc = 'h'}), 0, 'an intended row is not published');
is(sql(q{SET joor_inventory.overwrite_max_drop = 0; SELECT outcome FROM joor.push(
	$$SELECT 'f' AS upc, 4 AS inventory UNION ALL SELECT 'g', 4$$, overwrite => true)}), 'delivered', 'nor does the guard count it');
is(sql(q{SELECT count(*) FROM joor.published_item WHERE upc = 'h'}), 0, 'and an overwrite deletes it');

# A dump keeps the rows.  There the server ids have changed places: each of
# the two servers bears the id of the other one's rows, all but one, whose id
# is right by chance.  Both have a row for one position.
sql(q{SELECT * FROM joor.push($$SELECT 'f' AS upc, 9 AS inventory$$, 'other')});
sql('CREATE DATABASE copy');
my $dump = $node->basedir . '/dump.sql';
command_ok([ 'pg_dump', '-d', $node->connstr('postgres'), '-f', $dump ], 'pg_dump');
command_ok([ 'psql', '-Xq', '-v', 'ON_ERROR_STOP=1', '-d', $node->connstr('copy'), '-f', $dump ], 'restore');
my ($f, $o) = ([ 'Default f 4', 'Default g 4' ], [ 'Default f 9', 'Default o 1' ]);
$db = 'copy';
is_deeply([ published(), published('other') ], [ $f, $o ], 'restored');
sql(q{CREATE TEMP TABLE moved AS SELECT * FROM joor.published_item WHERE upc <> 'g';
	UPDATE moved p SET serverid = s.oid FROM pg_foreign_server s WHERE s.srvname <> p.server;
	DELETE FROM joor.published_item WHERE upc <> 'g';
	INSERT INTO joor.published_item SELECT * FROM moved;
	UPDATE joor.published_item p SET serverid = s.oid FROM pg_foreign_server s
	WHERE s.srvname = p.server AND upc = 'g'});
$joor->reset('inventory');
sql("SELECT joor.set_token('$_', 'token-of-$_'); SELECT * FROM joor.activate('$_')") foreach qw(other joor);
is(sql(q{SELECT count(*) FROM joor.published_item p JOIN pg_foreign_server s ON s.oid = p.serverid AND s.srvname = p.server}), 4,
	'activated: all rows are those of the server of their name');
is_deeply([ published(), published('other') ], [ $f, $o ], 'none is lost');
is(sql('SELECT count(request_id) FROM joor.published'), 0, 'and none names a request of the original');
is(sql(q{SELECT outcome FROM joor.push($$SELECT 'f' AS upc, 5 AS inventory$$)}), 'delivered', 'a push there');
is_deeply(published(), [ 'Default f 5', 'Default g 4' ], 'updates the row');
($code, undef, $err) = $node->try_sql(
	q{SELECT * FROM joor.push($$SELECT 'z' AS upc, 5 AS inventory$$, overwrite => true)}, db => $db);
like($err, qr/Of 2 positions .* leaves out 2/, 'and the guard counts there, too');
is(sql(q{SELECT outcome FROM joor.push($$SELECT 'g' AS upc, 6 AS inventory$$, overwrite => true)}), 'delivered', 'an overwrite');
is_deeply(published(), ['Default g 6'], 'and its deletion, whose request has a number of the original');

# A server with another name
sql(q{ALTER SERVER joor RENAME TO renamed; SELECT joor.deactivate('renamed'); SELECT * FROM joor.activate('renamed')});
is_deeply(published('renamed'), ['Default g 6'], 'a renamed server keeps its rows');

$db = 'postgres';
is_deeply($joor->violations, [], 'no rule of JOOR was broken');
unlike(slurp_file($node->logfile), qr/PANIC|TRAP|terminated by signal/, 'no crash');
$node->stop;
done_testing();
