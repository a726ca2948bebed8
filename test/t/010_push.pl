# A push makes JOOR show what the query says.
#
# Proves, against the simulator: in every format, shape and method the state
# after a push equals the query, whatever identities, warehouses, dates and
# characters it has, in UTF-8 and in other encodings; items are batched by
# number and by size; dec_pending, overwrite, made_to_order, the spelling of
# style_identifier, bearer and the single-SKU call do what they promise; what
# must not be sent is refused before any call.

use strict;
use warnings;

use JoorNode;
use JoorSimulator;
use JSON::PP;
use Test::More;

my $joor = JoorSimulator->new;
my $node = JoorNode->new('push');
my @fields = qw(warehouse inventory_date style_number style_identifier style_id
  color_code style_color_id size size_code upc inventory made_to_order);
my $columns = join ', ', @fields;
my $warehouses = [ 'Default', 'East & <West> "1"', "M\x{fc}nchen/\x{6771}\x{4eac}" ];

$node->account($joor, 'joor', options => "credits '1000000'",
	simulator => { credits => 1_000_000, warehouses => $warehouses });

# Items as lines that can be compared, from a query or from JOOR's state.
sub lines
{
	my ($items) = @_;

	return [ sort map
		{
			my $item = $_;
			my %value = map { $_ => $item->{$_} } @fields;

			$value{warehouse} //= 'Default';
			$value{made_to_order} = $value{made_to_order} ? 'yes' : undef;
			$value{inventory} = undef if $value{made_to_order};
			join ' ', map { "$_=$value{$_}" } grep { defined $value{$_} } @fields;
		} @$items ];
}

sub state_is
{
	my ($query, $name, $db) = @_;

	is_deeply(lines($joor->state('joor')), lines($node->rows($query, $db)), $name);
	return;
}

sub start_again
{
	my (%options) = @_;

	$joor->reset(qw(inventory calls violations faults));
	$joor->account('joor', pending => 0, style_identifier_field => 'documented',
		json_shape => 'either', auth => 'oauth2', %options);
	return;
}

sub set_options
{
	my (%option) = @_;
	my %is_set = map { (split /=/)[0] => 1 } split /,/, $node->safe_psql('postgres',
		"SELECT array_to_string(srvoptions, ',') FROM pg_foreign_server WHERE srvname = 'joor'");

	$node->safe_psql('postgres', 'ALTER SERVER joor OPTIONS ('
		  . join(', ', map { ($is_set{$_} ? 'SET' : 'ADD') . " $_ '$option{$_}'" } sort keys %option)
		  . ')');
	return;
}

# Errors with that SQLSTATE and words, and no call reaches JOOR.
sub refused
{
	my ($sql, $state, $words, $name) = @_;
	my $before = $joor->summary->{calls};
	my ($code, undef, $err) = $node->try_sql("\\set VERBOSITY verbose\n$sql");

	is($code, 3, "$name: refused");
	like($err, qr/ERROR:  $state: .*$words/s, "$name: words");
	is($joor->summary->{calls}, $before, "$name: no call");
	return;
}

# All identities times warehouses and dates, and characters that formats and
# encodings find hard.
$node->safe_psql('postgres', <<'SQL');
CREATE TABLE stock (warehouse text, inventory_date date, style_number text,
	style_identifier text, style_id bigint, color_code text, style_color_id bigint,
	size text, size_code text, upc text, inventory bigint, made_to_order boolean);
INSERT INTO stock
SELECT w, d, CASE WHEN s = 0 THEN '00' || n END, CASE WHEN s = 0 THEN 'Spring' END,
	CASE WHEN s = 1 THEN 4000000000 + n END,
	CASE WHEN c = 0 THEN '007' END, CASE WHEN c = 1 THEN 70 END,
	CASE WHEN z = 0 THEN 'XL' END, CASE WHEN z = 1 THEN '0' END,
	NULL, (n * 7919 + s + c + z) % 1000
FROM unnest(ARRAY[NULL, 'East & <West> "1"', U&'M\00FCnchen/\6771\4EAC']) w,
	unnest(ARRAY[NULL, '2027-01-31', '9999-12-31']::date[]) d,
	generate_series(0, 1) s, generate_series(0, 1) c, generate_series(0, 1) z,
	generate_series(1, 3) n;
INSERT INTO stock (warehouse, inventory_date, upc, inventory)
SELECT w, d, u, 2147483647
FROM unnest(ARRAY[NULL, 'East & <West> "1"']) w,
	unnest(ARRAY[NULL, '2026-12-01']::date[]) d,
	unnest(ARRAY['0', '00', '0012345', U&'\00C4\00D6\00FC\20AC\+01F45F', ' blanks ',
		'<upc>&amp;"''\/]]>', E'tab\tline\nreturn\r', 'a,b;c%20+?#=|', repeat('9', 100),
		'{"x":[1]}', '\u0041\', U&'e\0301', U&'\00E9', U&'\200B\FEFF', '--', 'null', 'x:y',
		'a&b', 'a<b', 'a>b', 'a"b', 'a''b', 'a\b', '&#65;', '&lt;']) u;
SQL
my $count = $node->safe_psql('postgres', 'SELECT count(*) FROM stock');
my $query = "SELECT $columns FROM stock";

subtest 'formats and methods' => sub {
	foreach my $format ([ 'xml', 'nested' ], [ 'json', 'nested' ], [ 'json', 'flat' ])
	{
		foreach my $method (qw(post put))
		{
			my ($kind, $shape) = @$format;
			my $name = join ' ', @$format, $method;

			start_again(json_shape => $kind eq 'xml' ? 'either' : $shape);
			set_options(format => $kind, json_shape => $shape, method => $method);
			my $rows = $node->push_query($query);
			is_deeply([ map { [ @$_{qw(outcome items sku_count rejected http_status message)} ] } @$rows ],
				[ [ 'delivered', $count, $count, 0, 200, undef ] ], "$name: row");
			state_is($query, "$name: state");
			is_deeply($joor->violations, [], "$name: violations");
			my ($call) = @{ $joor->calls };
			is_deeply([ @$call{qw(method content_type accept authorization query expect)} ],
				[ uc $method, "application/$kind", "application/$kind", 'ok', '', '' ],
				"$name: call");
			my ($request) = @{ $node->rows('SELECT * FROM joor.request ORDER BY id DESC LIMIT 1') };
			is_deeply([ @$request{qw(source operation method items bytes credits outcome http_status
						sku_count rejected run_items overwrite dec_pending log_id)} ],
				[ 'push', 'bulk_inventory', uc $method, $count, $call->{bytes}, 5, 'delivered', 200,
					$count, 0, $count, JSON::PP::false, JSON::PP::false, $call->{log_id} ],
				"$name: request");
			is($request->{id}, $rows->[0]{id}, "$name: its number");
			like($request->{throttling}, qr/^X-Throttling-/, "$name: throttling headers");
		}
	}
	set_options(format => 'xml', json_shape => 'nested', method => 'post');
};

subtest 'the same once more' => sub {
	start_again();
	$node->push_query($query);
	my $before = lines($joor->state('joor'));
	$node->push_query($query);
	is_deeply(lines($joor->state('joor')), $before, 'the state');
	is(scalar(@$before), $count, 'all of it');
	is($joor->summary->{operations}{bulk}, 2, 'two calls');
};

subtest 'another encoding' => sub {
	$node->safe_psql('postgres',
		q{CREATE DATABASE latin ENCODING 'LATIN1' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0});
	$node->safe_psql('latin', 'CREATE EXTENSION joor_inventory');
	local $ENV{PGCLIENTENCODING} = 'UTF8';
	my $umlauts = q{SELECT U&'\00C4rmel \00A3\00DF <&>' AS upc, 7 AS inventory
		UNION ALL SELECT U&'\00FF', 8};

	$joor->reset;
	$node->account($joor, 'joor', db => 'latin');
	foreach my $format (qw(xml json))
	{
		start_again(reject => ["\x{ff}"], answer => {});
		$node->safe_psql('latin', "ALTER SERVER joor OPTIONS (ADD format '$format')")
		  if $format eq 'json';
		my $rows = $node->rows("SELECT * FROM joor.push(\$q\$$umlauts\$q\$)", 'latin');
		is($rows->[0]{outcome}, 'partly_rejected', "$format: outcome");
		is_deeply([ map { "$_->{upc} $_->{inventory}" } @{ $joor->state('joor') } ],
			["\x{c4}rmel \x{a3}\x{df} <&> 7"], "$format: state");
		is_deeply($joor->violations, [], "$format: violations");
		is_deeply($node->rows('SELECT upc, times FROM joor.rejection', 'latin'),
			[ { upc => "\x{ff}", times => $format eq 'xml' ? 1 : 2 } ], "$format: rejection");
	}

	# JOOR may speak of what the database's encoding does not have.
	start_again(reject => [], poison => ['1'], answer => { comment_text => "\x{6771}\x{4eac}" });
	my (undef, undef, $err) = $node->try_sql(
		q{SELECT * FROM joor.push($$SELECT '1' AS upc, 1 AS inventory$$)}, db => 'latin');
	like($err, qr/JOOR refused the request \(400\)/, 'a comment beyond the encoding');
	is($node->safe_psql('latin', q{SELECT count(*) FROM joor.request WHERE outcome = 'refused'}),
		1, 'is recorded');
	$joor->reset;
	$joor->account('joor', token => 'token-of-joor', any_sku => 1, credits => 1_000_000,
		warehouses => $warehouses);
};

subtest 'batches by number' => sub {
	my $twenty = q{SELECT to_char(i, 'FM000') AS upc, i AS inventory FROM generate_series(1, 20) i};

	start_again();
	set_options(max_items => 7);
	my $rows = $node->push_query($twenty);
	is_deeply([ map { $_->{items} } @$rows ], [ 7, 7, 6 ], 'three requests');
	state_is($twenty, 'state');
	is_deeply([ map { $_->{items} } @{ $joor->calls } ], [ 7, 7, 6 ], 'three calls');
	is_deeply(
		$node->rows(
			"SELECT count(DISTINCT coalesce(run, id)) AS runs, min(run_items) AS items FROM joor.request"
			  . " WHERE id >= $rows->[0]{id}"),
		[ { runs => 1, items => 20 } ], 'one run');
	my ($first, $last) = @{ $joor->calls }[ 0, 2 ];
	is($first->{connection}, $last->{connection}, 'over one connection');
	start_again();
	set_options(max_items => 1);
	is(scalar(@{ $node->push_query($twenty) }), 20, 'one item in each');
	state_is($twenty, 'state of 20 calls');
	is_deeply($joor->violations, [], 'violations');
	is_deeply($node->push_query('SELECT NULL::text AS upc, 1 AS inventory WHERE false'), [],
		'no rows, no request');
	set_options(max_items => 500);
};

subtest 'batches by size' => sub {
	my $wide = q{SELECT repeat('<', 90) || i AS upc, i AS inventory FROM generate_series(1, 300) i};

	foreach my $format (qw(xml json))
	{
		start_again();
		set_options(max_bytes => 16384, format => $format);
		my $rows = $node->push_query($wide);
		my @bytes = map { $_->{bytes} } @{ $joor->calls };

		cmp_ok(scalar(@bytes), '>', 1, "$format: several requests");
		is(scalar(grep { $_ > 16384 } @bytes), 0, "$format: none too large");
		is_deeply([ map { $_->{bytes} } @$rows ], \@bytes, "$format: sizes");
		cmp_ok($bytes[0], '>', 16384 - 1000, "$format: they are used");
		state_is($wide, "$format: state");
	}
	set_options(max_bytes => 1048576, format => 'xml');
};

subtest 'dec_pending' => sub {
	my $items = q{SELECT 'a' AS upc, 10 AS inventory UNION ALL SELECT 'b', 3};
	my $stock = sub {
		return { map { $_->{upc} => $_->{inventory} } @{ $joor->state('joor') } };
	};

	start_again(pending => 3);
	$node->push_query($items, dec_pending => 'true');
	is_deeply($stock->(), { a => 7, b => 0 }, 'what orders hold is subtracted');
	is($joor->calls->[0]{query}, 'dec_pending=1', 'the parameter');
	$node->push_query($items);
	is_deeply($stock->(), { a => 10, b => 3 }, 'not by default');
	set_options(dec_pending => 'true');
	$node->push_query($items);
	is_deeply($stock->(), { a => 7, b => 0 }, 'by the account');
	$node->push_query($items, dec_pending => 'false');
	is_deeply($stock->(), { a => 10, b => 3 }, 'against the account');
	$node->safe_psql('postgres', q{SELECT joor.push_sku('s', 'i', 9, upc => 'a')});
	is($stock->()->{a}, 6, 'single SKU, by the account');
	$node->safe_psql('postgres', q{SELECT joor.push_sku('s', 'i', 9, upc => 'a', dec_pending => false)});
	is($stock->()->{a}, 9, 'single SKU, against it');
	is_deeply($node->rows('SELECT dec_pending FROM joor.request ORDER BY id DESC LIMIT 2'),
		[ { dec_pending => JSON::PP::false }, { dec_pending => JSON::PP::true } ], 'recorded');
	set_options(dec_pending => 'false');
};

subtest 'overwrite' => sub {
	my $five = q{SELECT 'u' || i AS upc, i AS inventory FROM generate_series(1, 5) i};
	my $two = "SELECT * FROM ($five) f WHERE inventory < 3";

	start_again();
	$node->push_query($five);
	my $rows = $node->push_query($two, overwrite => 'true', force => 'true');
	is_deeply([ map { [ @$_{qw(items outcome)} ] } @$rows ], [ [ 2, 'delivered' ] ], 'one request');
	is($joor->calls->[1]{query}, 'overwrite=1', 'the parameter');
	is_deeply([ map { $_->{upc} . ($_->{made_to_order} ? ' made to order' : " $_->{inventory}") }
		  sort { $a->{upc} cmp $b->{upc} } @{ $joor->state('joor') } ],
		[ 'u1 1', 'u2 2', map { "$_ made to order" } qw(u3 u4 u5) ],
		'what it left out is made to order');
	my $push = sub {
		return "SELECT * FROM joor.push(\$\$$_[0]\$\$, overwrite => true"
		  . ($_[1] ? ", on_failure => 'report')" : ')');
	};
	foreach my $report (0, 1)
	{
		my $mode = $report ? 'report' : 'error';
		set_options(max_items => 4);
		refused($push->($five, $report), '54000', 'do not fit one request', "too many items, $mode");
		set_options(max_items => 500, max_bytes => 16384);
		refused($push->(q{SELECT repeat('<', 90) || i AS upc, 1 AS inventory FROM generate_series(1, 200) i},
				$report), '54000', 'do not fit one request', "too many bytes, $mode");
		set_options(max_bytes => 1048576);
		refused($push->("$five LIMIT 0", $report), '22023', 'returns no rows', "no items, $mode");
		refused($push->("$five UNION ALL SELECT NULL, 3", $report), '22023', 'row 6 has no identity',
			"an invalid row, $mode");
	}

	# What JOOR finds too large is not halved: the second half would wipe the first.
	start_again(max_items => 3);
	my ($code, undef, $err) = $node->try_sql($push->($five));
	like($err, qr/JOOR refused the request \(413\)/, 'too large for JOOR');
	is($joor->summary->{calls}, 1, 'is not tried in halves');
	is_deeply($joor->state('joor'), [], 'and changes nothing');
	$joor->account('joor', max_items => 0);
	set_options(max_items => 5);
	start_again(max_items => 0);
	is(scalar(@{ $node->push_query($five, overwrite => 'true') }), 1, 'a request that is just full');
	state_is($five, 'state');
	set_options(max_items => 500);
};

subtest 'made to order' => sub {
	start_again();
	my $items = q{SELECT 'a' AS upc, 5 AS inventory, NULL::boolean AS made_to_order
		UNION ALL SELECT 'b', NULL, true UNION ALL SELECT 'c', 3, false};
	my $say = sub {
		return [ map { join ' ', $_->{upc}, $_->{inventory} // 'none', $_->{made_to_order} ? 'mto' : '-' }
			  sort { $a->{upc} cmp $b->{upc} } @{ $joor->state('joor') } ];
	};

	foreach my $format (qw(xml json))
	{
		start_again();
		set_options(format => $format);
		$node->push_query($items);
		is_deeply($say->(), [ 'a 5 -', 'b none mto', 'c 3 -' ], "$format: as said");
		$node->push_query(q{SELECT 'b' AS upc, 4 AS inventory, false AS made_to_order});
		is_deeply($say->(), [ 'a 5 -', 'b 4 -', 'c 3 -' ], "$format: and back");
		is_deeply($joor->violations, [], "$format: violations");
	}
	set_options(format => 'xml');
	refused(q{SELECT * FROM joor.push($$SELECT 'b' AS upc, NULL::int AS inventory, false AS made_to_order$$)},
		'22023', 'is missing', 'neither quantity nor made to order');
};

subtest 'spelling of style_identifier' => sub {
	my $item = q{SELECT 'n' AS style_number, 'i' AS style_identifier, 'c' AS color_code, 's' AS size,
		1 AS inventory};

	foreach my $format (qw(xml json))
	{
		foreach my $spelling (qw(documented corrected both))
		{
			start_again(style_identifier_field => $spelling);
			set_options(style_identifier_field => $spelling, format => $format);
			$node->push_query($item);
			state_is($item, "$format, $spelling: state");
			is_deeply($joor->violations, [], "$format, $spelling: violations");
		}
	}
	start_again(style_identifier_field => 'corrected');
	set_options(style_identifier_field => 'documented', format => 'xml');
	$node->push_query($item, on_failure => q{'report'});
	is_deeply($joor->state('joor'), [], 'JOOR minds the spelling');
};

subtest 'bearer' => sub {
	start_again(auth => 'bearer');
	my $push = q{SELECT * FROM joor.push($$SELECT '1' AS upc, 1 AS inventory$$)};
	my (undef, undef, $err) = $node->try_sql($push);
	like($err, qr/JOOR refused the token \(401\)/, 'the other scheme is refused');
	set_options(auth_scheme => 'bearer');
	is(($node->try_sql($push))[0], 0, 'a changed server ends the stop');
	is(scalar(@{ $joor->state('joor') }), 1, 'state');
	set_options(auth_scheme => 'oauth2');
};

subtest 'warehouses' => sub {
	start_again();
	set_options(warehouse => 'East & <West> "1"', warehouses => 'Default');
	$node->push_query(q{SELECT NULL AS warehouse, 'a' AS upc, 1 AS inventory UNION ALL SELECT 'Default', 'a', 2});
	is_deeply([ map { "$_->{warehouse} $_->{inventory}" } sort { $a->{inventory} <=> $b->{inventory} }
			@{ $joor->state('joor') } ],
		[ 'East & <West> "1" 1', 'Default 2' ], 'the account\'s own, and one that is allowed');
	refused(q{SELECT * FROM joor.push($$SELECT 'default' AS warehouse, 'a' AS upc, 1 AS inventory$$)},
		'22023', 'is not a warehouse of the account', 'another one');
	refused(q{SELECT * FROM joor.push_sku('s', 'i', 1, upc => 'a', warehouse => 'default')},
		'22023', 'is not a warehouse of the account', 'another one for a single SKU');
	$node->safe_psql('postgres', 'ALTER SERVER joor OPTIONS (DROP warehouse, DROP warehouses)');
};

subtest 'what must not be sent' => sub {
	start_again();
	refused(q{SELECT * FROM joor.push($$SELECT 'a' AS upc, 1 AS inventory UNION ALL SELECT 'b', 2147483648$$)},
		'22023', 'row 2, column "inventory": .*is above 2147483647', 'a quantity too large');
	refused(q{SELECT * FROM joor.push($$SELECT 'a' AS upc, 1.5 AS inventory$$)},
		'22023', 'is not a whole number', 'a fraction');
	refused(q{SELECT * FROM joor.push($$SELECT E'a\x01' AS upc, 1 AS inventory$$)},
		'22023', 'XML cannot carry', 'a control character');
	foreach my $mode (qw(error report))
	{
		refused(qq{SELECT * FROM joor.push(\$\$SELECT 'a' AS upc, i AS inventory FROM generate_series(1, 2) i\$\$,
			on_failure => '$mode')}, '21000', 'more than one row for the same item.*Rows 1 and 2',
			"a repeated item, $mode");
	}
	refused(q{SELECT * FROM joor.push($$SELECT 'a' AS upc, 1 AS inventory$$, on_failure => 'ignore')},
		'22023', 'on_failure', 'another on_failure');
	refused(q{SELECT * FROM joor.push($$DELETE FROM stock RETURNING upc, inventory$$)}, '\S+', '', 'a DELETE');
	refused(q{SELECT * FROM joor.push(NULL)}, '22004', 'query', 'no query');
	my $rows = $node->push_query(q{SELECT 'a' AS upc, -4 AS inventory});
	is($joor->state('joor')->[0]{inventory}, 0, 'a negative quantity becomes 0');
	my (undef, undef, $err) = $node->try_sql(q{SELECT * FROM joor.push($$SELECT 'a' AS upc, -4 AS inventory$$)});
	like($err, qr/NOTICE:  1 negative quantity was sent as 0/, 'and is counted');
	set_options(negative => 'reject');
	refused(q{SELECT * FROM joor.push($$SELECT 'a' AS upc, -4 AS inventory$$)}, '22023', 'is negative',
		'a negative quantity');
	start_again(allow_negative => 1);
	set_options(negative => 'send');
	$node->push_query(q{SELECT 'a' AS upc, -4 AS inventory});
	is($joor->state('joor')->[0]{inventory}, -4, 'or is sent');
	set_options(negative => 'clamp');
};

subtest 'a single SKU' => sub {
	my $push = sub { return "SELECT * FROM joor.push_sku($_[0])" };
	my @ways = (
		[ q{'n', 'i', 1, upc => '007'}, 'warehouse=Default upc=007 inventory=1' ],
		[ q{'n', 'i', 0, color_code => '001', size => 'M/L'},
			'warehouse=Default style_number=n style_identifier=i color_code=001 size=M/L inventory=0' ],
		[ q{U&'\00DC & <b>/?#%+', U&'i \6771', 2147483647, color_code => 'a b', size => '"'},
			"warehouse=Default style_number=\x{dc} & <b>/?#%+ style_identifier=i \x{6771} color_code=a b size=\" inventory=2147483647" ],
		[ q{'n', 'i', 5, upc => 'u', color_code => 'ignored', size => 'ignored',
			inventory_date => '2027-02-28', warehouse => 'East & <West> "1"'},
			'warehouse=East & <West> "1" inventory_date=2027-02-28 upc=u inventory=5' ],
		[ q{'...', '.a', 6, upc => 'dots'}, 'warehouse=Default upc=dots inventory=6' ]);

	foreach my $way (@ways)
	{
		my $name = $way->[0] =~ s/\s+/ /gr;

		start_again();
		my $rows = $node->rows($push->($way->[0]));
		is($rows->[0]{outcome}, 'delivered', "$name: outcome");
		is_deeply(lines($joor->state('joor')), [ $way->[1] ], "$name: state");
		is_deeply($joor->violations, [], "$name: violations");
		is_deeply([ @{ $joor->calls->[0] }{qw(method operation)} ], [ 'PUT', 'sku' ], "$name: call");
	}
	my ($request) = @{ $node->rows('SELECT * FROM joor.request ORDER BY id DESC LIMIT 1') };
	is_deeply([ @$request{qw(source operation method items bytes credits outcome)} ],
		[ 'push_sku', 'sku_inventory', 'PUT', 1, 0, 5, 'delivered' ], 'request');
	unlike($request->{url}, qr/\?/, 'no query string is kept');

	start_again();
	refused($push->(q{'n', 'i', 1}), '22023', 'has no colour key', 'no identity');
	refused($push->(q{'n', 'i', 1, color_code => 'c'}), '22023', 'has no size key', 'no size');
	refused($push->(q{'n', 'i', NULL, upc => 'u'}), '\S+', 'is missing', 'no quantity');
	refused($push->(q{NULL, 'i', 1, upc => 'u'}), '22004', 'style_number', 'no style number');
	refused($push->(q{'n', NULL, 1, upc => 'u'}), '22004', 'style_identifier', 'no style identifier');
	refused($push->(q{'n', 'i', 2147483648, upc => 'u'}), '22023', 'is above 2147483647', 'too many');
	refused($push->(q{'n', 'i', 1, upc => ''}), '22023', 'is empty', 'an empty UPC');

	# They are part of the address even if a UPC identifies the item.
	refused($push->(q{'', 'i', 1, upc => 'u'}), '22023', '"style_number".* is empty',
		'an empty style number');
	refused($push->(q{'n', '', 1, upc => 'u'}), '22023', '"style_identifier".* is empty',
		'an empty style identifier');
	refused($push->(q{repeat('n', 46), 'i', 1, upc => 'u'}), '22023', '"style_number".*longer',
		'a long style number');
	foreach my $dots ('.', '..')
	{
		refused($push->(qq{'$dots', 'i', 1, upc => 'u'}), '22023', '"style_number"', "style number $dots");
		refused($push->(qq{'n', '$dots', 1, color_code => 'c', size => 's'}), '22023', '"style_identifier"',
			"style identifier $dots");
	}

	$joor->account('joor', reject => ['bad']);
	my ($code, undef, $err) = $node->try_sql("\\set VERBOSITY verbose\n" . $push->(q{'n', 'i', 1, upc => 'bad'}));
	like($err, qr/ERROR:  HV000: could not send to account "joor": JOOR rejected 1 of 1 items/,
		'a rejection is an error');
	is_deeply($node->rows(q{SELECT upc, inventory, source FROM joor.rejection WHERE upc = 'bad'}),
		[ { upc => 'bad', inventory => 1, source => 'joor' } ], 'and is recorded');
	$joor->account('joor', reject => []);
};

done_testing();
