# Whatever an item query holds, a row goes out as it is or is refused by the
# right rule.
#
# Proves with thousands of random rows, in databases of five encodings: a
# second set of the rules, written here in Perl from doc/reference.md, refuses
# the same rows with the same words; what is accepted says the same after it
# was read by parsers that share no code with the extension (expat, JSON::PP); a
# push of all rows delivers the good ones and records the others.  The seed is
# printed; JOOR_SEED repeats a run, JOOR_ROWS makes it longer.

use strict;
use warnings;

use Encode ();
use JoorNode;
use JoorSimulator;
use JSON::PP ();
use Math::BigInt;
use Test::More;
use XML::Parser;

my $seed = $ENV{JOOR_SEED} || time ^ $$ << 8;
my $rows = $ENV{JOOR_ROWS} || 1500;
srand($seed);
note("seed $seed");

my @texts = qw(warehouse style_number style_identifier color_code size size_code upc);
my @fields = qw(warehouse inventory_date style_number style_identifier style_id color_code style_color_id size size_code
  upc inventory made_to_order);
my %longest = (warehouse => 150, style_number => 45, map { ($_ => 100) } qw(style_identifier color_code size size_code upc));
my @negative = qw(clamp reject send);
my %encodings = (UTF8 => 1, LATIN1 => 0.3, WIN1252 => 0.3, EUC_JP => 0.3, SQL_ASCII => 0.3);
my $joor = JoorSimulator->new;
my $node = JoorNode->new('input', conf => "log_statement = 'none'\nlog_min_error_statement = panic\n", bare => 1);
my $has_infinity = $node->safe_psql('postgres', 'SHOW server_version_num') >= 140000;
my %count;

sub pick { return $_[ rand @_ ] }

#
# Random values.  A text is its bytes in the database's encoding, and what it
# is in Unicode: undef, if it is nothing there.
#
my @alphabets = (
	[ 0x20 .. 0x7e ], [ 0x30 .. 0x39 ], [ map { ord } split //, q{<>&"'\\]/} ], [ 0x09, 0x0a, 0x0d, 0x20, 0xa0, 0x2028, 0x3000, 0xfeff ],
	[ 0x01 .. 0x1f, 0x7f ], [ 0x80 .. 0x9f ], [ 0xa1 .. 0x17f ], [ 0x300 .. 0x36f, 0x61 .. 0x65 ],
	[ 0x5d0 .. 0x5ea, 0x627 .. 0x64a, 0x202a .. 0x202e, 0x200b .. 0x200f ], [ 0x4e00 .. 0x4eff ], [ 0xd7ff, 0xe000, 0xfdd0, 0xfffd, 0xfffe, 0xffff ],
	[ 0x1f600 .. 0x1f64f, 0x1fffe, 0x1ffff, 0x10fffd, 0x10ffff, 0x10000, 0x20000 ]);

sub unicode_text
{
	my ($length) = @_;
	my @of = map { @{ pick(@alphabets[ 0 .. 3, 0 .. 3, 6 .. 9, 11 ]) } } 1 .. 2;
	my $text = join '', map { chr(pick(@of)) } 1 .. $length;

	# Most texts would be refused if anything could be in them.
	substr($text, rand length $text, 1) = chr(pick(@{ pick(@alphabets) })) if $length > 0 && rand() < 0.2;
	return $text;
}

my %make = (
	UTF8 => sub {
		my $text = unicode_text($_[0]);
		return (Encode::encode('utf8', $text), $text);
	},
	LATIN1 => sub {
		my $text = join '', map { chr(rand() < 0.03 ? 1 + rand 255 : pick(0x20 .. 0x7e, 0xa0 .. 0xff)) } 1 .. $_[0];
		return (Encode::encode('iso-8859-1', $text), $text);
	},
	WIN1252 => sub {
		my $bytes = join '', map { chr(rand() < 0.03 ? 1 + rand 255 : pick(0x20 .. 0x7e, 0x80, 0x82 .. 0x8c, 0xa0 .. 0xff)) } 1 .. $_[0];
		return ($bytes, $bytes =~ /[\x81\x8d\x8f\x90\x9d]/ ? undef : Encode::decode('cp1252', $bytes));
	},
	EUC_JP => sub {
		# Kana and the kanji of level 1; now and then a row that has none.
		my $bytes = join '', map {
			my $row = rand() < 0.01 ? 0xa9 : pick(0, 0xa4, 0xa5, 0xb0 .. 0xce);
			$row == 0 ? chr(pick(0x20 .. 0x7e)) : chr($row) . chr(0xa1 + rand($row == 0xa4 ? 83 : $row == 0xa5 ? 86 : 94));
		} 1 .. $_[0];
		return ($bytes, $bytes =~ /^(?:[\x20-\x7e]|[\xa1-\xfe]{2})*?\xa9/ ? undef : Encode::decode('euc-jp', $bytes));
	},
	SQL_ASCII => sub {
		my $bytes = Encode::encode('utf8', unicode_text($_[0]));
		substr($bytes, rand length $bytes, 1) = chr(1 + rand 255) if $bytes ne '' && rand() < 0.1;
		my $is_utf8 = $bytes =~ /^(?:[\x00-\x7f]|[\xc2-\xdf][\x80-\xbf]|\xe0[\xa0-\xbf][\x80-\xbf]|[\xe1-\xec\xee\xef][\x80-\xbf]{2}
			|\xed[\x80-\x9f][\x80-\xbf]|\xf0[\x90-\xbf][\x80-\xbf]{2}|[\xf1-\xf3][\x80-\xbf]{3}|\xf4[\x80-\x8f][\x80-\xbf]{2})*\z/x;
		return ($bytes, $is_utf8 ? Encode::decode('utf8', $bytes) : undef);
	});

sub random_length
{
	my ($field) = @_;
	my $dice = rand();

	return 0 if $dice < 0.02;
	return $longest{$field} - 2 + int rand 4 if $dice < 0.1;
	return 1_000_000 if $dice > 0.9995;
	return 1 + int rand 12;
}

# A text for a field; identities begin with the number of the row, since two
# rows must not be one position.
sub random_text
{
	my ($encoding, $field, $row) = @_;
	my $prefix = $field =~ /^(?:upc|style_number)$/ ? "$row." : '';
	my $length = random_length($field);

	return [ '', '' ] if $length == 0;
	return [ ($prefix . 'x' x $length) x 2 ] if $length == 1_000_000;
	my ($bytes, $text) = $make{$encoding}->($length > length $prefix ? $length - length $prefix : 0);
	return [ "$prefix$bytes", defined $text ? "$prefix$text" : undef ];
}

my @integers = (0, 0, 1, 7, -1, -5, 2147483647, 2147483648, -2147483648, -2147483649, '9223372036854775807', '-9223372036854775808');
my @numerics = (@integers, '1.0', '7.000000', '0.1', '-0.5', '-3.00', '0.000', '9223372036854775808', '-9223372036854775809',
	'1' . '0' x 1000, '0.' . '0' x 300 . '1', 'NaN', $has_infinity ? ('Infinity', '-Infinity') : ());
# A literal, what is sent, and the rule it breaks.
my @days = (
	[ 'infinity', undef, 'is not finite' ], [ '-infinity', undef, 'is not finite' ], [ '0001-01-01', '0001-01-01' ],
	[ '0001-12-31 BC', undef, 'is outside of the years 1 to 9999' ], [ '4713-01-01 BC', undef, 'is outside of the years 1 to 9999' ],
	[ '9999-12-31', '9999-12-31' ], [ '10000-01-01', undef, 'is outside of the years 1 to 9999' ],
	[ '294276-12-31', undef, 'is outside of the years 1 to 9999' ], map { [ ($_) x 2 ] } qw(1999-12-31 2000-02-29 2031-06-30 1582-10-10));
my @moments = (map { [ $_, undef, 'is not at midnight' ] } '2031-01-01 00:00:00.000001', '0044-03-15 23:59:59 BC', '9999-12-31 12:00');

sub random_row
{
	my ($encoding, $id) = @_;
	my $row = { id => $id, variant => $id % 3, negative => $id / 3 % 3 };
	my $is_numeric = $row->{variant} == 1;

	return $row if $id <= 9; # nothing at all
	$row->{inventory} = 'NaN' if $id == 10; # nothing that can be read
	return $row if $id == 10;
	foreach my $field (@texts)
	{
		my $wanted = $field eq 'upc' ? 0.5 : $field eq 'warehouse' ? 0.3 : 0.6;
		$row->{$field} = random_text($encoding, $field, $id) if rand() < $wanted;
	}
	$row->{warehouse} = [ (pick('Default', 'Milano', 'Paris', 'Paris', 'milano', 'Milano ')) x 2 ]
	  if $row->{warehouse} && rand() < 0.8;
	$row->{inventory} = rand() < 0.5 ? int rand 1000 : pick($is_numeric ? @numerics : @integers) if rand() < 0.97;
	$row->{style_id} = rand() < 0.9 ? 1 + $id : pick(@integers) if rand() < 0.5;
	$row->{style_color_id} = rand() < 0.8 ? 1 + int rand 99 : pick($is_numeric ? @numerics : @integers) if rand() < 0.5;
	$row->{inventory_date} = pick(@days, $is_numeric ? @moments : ()) if rand() < 0.3;
	$row->{made_to_order} = pick(0, 1) if rand() < 0.1;
	return $row;
}

#
# The rules, once more
#
sub number_rule
{
	my ($number) = @_;

	return 'is not a whole number' if $number !~ /^-?\d+(?:\.0*)?\z/;
	my $whole = Math::BigInt->new($number =~ s/\..*//r);
	return $whole > Math::BigInt->new('9223372036854775807') || $whole < Math::BigInt->new('-9223372036854775808')
	  ? 'is out of range for type bigint' : undef;
}

sub text_rule
{
	my ($field, $text, $encoding) = @_;

	return 'is empty' if $text eq '';
	return "is longer than $longest{$field} characters" if length $text > $longest{$field};
	return 'has a character that XML cannot carry' if $text =~ /[\x00-\x08\x0b\x0c\x0e-\x1f\x{fffe}\x{ffff}]/;
	return 'is not a warehouse of the account' if $field eq 'warehouse' && $text !~ /^(?:Default|Milano|Paris)\z/;
	return;
}

# What cannot even be read, in the order of the columns.
sub read_rule
{
	my ($row, $encoding) = @_;

	foreach my $field (@fields)
	{
		my $value = $row->{$field} // next;
		my $rule;
		$rule = $encoding eq 'SQL_ASCII' ? 'is not valid UTF-8' : 'has a character that UTF-8 does not have'
		  if $longest{$field} && !defined $value->[1];
		$rule = $value->[2] if $field eq 'inventory_date' && ($value->[2] // '') eq 'is not at midnight';
		$rule = number_rule($value) if $field =~ /^(?:inventory|style_color_id)$/;
		return ($field, $rule) if $rule;
	}
	return;
}

# The keys that identify the item, or what it lacks.
sub identity
{
	my ($row) = @_;
	my %has = map { ($_ => 1) } grep { defined $row->{$_} } @fields;

	return ['upc'] if $has{upc};
	my @style = $has{style_number} && $has{style_identifier} ? qw(style_number style_identifier) : $has{style_id} ? 'style_id' : ();
	my @color = $has{color_code} ? 'color_code' : $has{style_color_id} ? 'style_color_id' : ();
	my @size = $has{size} ? 'size' : $has{size_code} ? 'size_code' : ();
	return [ @style, @color, @size ] if @style && @color && @size;
	return (undef, 'has no identity')
	  if !grep { $has{$_} } qw(style_number style_identifier style_id color_code style_color_id size size_code);
	return (undef, @color ? 'has no size key' : 'has no colour key') if @style;
	return (undef, 'has a style_number but no style_identifier') if $has{style_number};
	return (undef, 'has a style_identifier but no style_number') if $has{style_identifier};
	return (undef, 'has no style key');
}

sub quantity
{
	my ($row) = @_;
	my $number = Math::BigInt->new($row->{inventory} =~ s/\..*//r);
	my $negative = $negative[ $row->{negative} ];

	return (undef, 'is above 2147483647') if $number > 2147483647;
	return ("$number") if $number >= 0;
	return ('0') if $negative eq 'clamp';
	return (undef, 'is negative') if $negative eq 'reject';
	return $number < -2147483648 ? (undef, 'is below -2147483648') : ("$number");
}

# What goes out of a row, as a hash; or undef, the field and the rule.
sub judge
{
	my ($row, $encoding) = @_;
	my ($field, $rule) = read_rule($row, $encoding);
	my ($identity, $lacks) = identity($row);
	my %sent;

	return (undef, $field, $rule) if $rule;
	return (undef, undef, $lacks) if !$identity;
	return (undef, 'inventory', 'is missing') if !defined $row->{inventory} && !$row->{made_to_order};
	my %goes = map { ($_ => 1) } qw(warehouse inventory_date inventory made_to_order), @$identity;
	foreach my $name (grep { $goes{$_} && defined $row->{$_} } @fields)
	{
		my $value = $row->{$name};
		if ($longest{$name}) { $rule = text_rule($name, $value->[1]); $sent{$name} = $value->[1] }
		elsif ($name eq 'inventory_date') { $rule = $value->[2]; $sent{$name} = $value->[1] }
		elsif ($name eq 'inventory') { ($sent{$name}, $rule) = quantity($row) }
		elsif ($name eq 'made_to_order') { $sent{$name} = $value ? 'true' : 'false' }
		else { $rule = 'is below 1' if $value <= 0; $sent{$name} = $value =~ s/\..*//r }
		return (undef, $name, $rule) if $rule;
	}
	$sent{warehouse} //= 'Default';
	$sent{style_identifer} = delete $sent{style_identifier} if exists $sent{style_identifier};
	return \%sent;
}

#
# In the database
#
sub literal
{
	my ($field, $value, $encoding) = @_;

	return 'NULL' if !defined $value;
	return "repeat('x', 1000000)" if ref $value && length $value->[0] > 500_000;
	return "convert_from('\\x" . unpack('H*', $value->[0]) . "', '$encoding')" if $longest{$field};
	return "'$value->[0]'" if ref $value;
	return $value ? 'true' : 'false' if $field eq 'made_to_order';
	return "'$value'";
}

sub load
{
	my ($db, $encoding, $cases) = @_;

	$node->safe_psql($db, q{
		CREATE TABLE cases (id int PRIMARY KEY, variant int, negative int, warehouse text, inventory_date text, style_number text,
			style_identifier text, style_id bigint, color_code text, style_color_id numeric, size text, size_code text, upc text,
			inventory numeric, made_to_order boolean);
		CREATE FUNCTION item_query(variant int, negative int, which text) RETURNS text LANGUAGE sql AS $$
			SELECT format('SELECT warehouse, inventory_date::%s, style_number%s, style_identifier, style_id, color_code, style_color_id%s,'
				' size%s, size_code, upc, inventory%s, made_to_order FROM cases WHERE variant = %s AND negative = %s AND %s ORDER BY id',
				CASE variant WHEN 1 THEN 'timestamp' ELSE 'date' END, CASE variant WHEN 2 THEN '::varchar' END,
				CASE variant WHEN 1 THEN '' ELSE '::bigint' END, CASE variant WHEN 2 THEN '::varchar(1100000)' END,
				CASE variant WHEN 1 THEN '' ELSE '::bigint' END, variant, negative, which) $$;
		CREATE FUNCTION verdict(query text, server text) RETURNS text LANGUAGE plpgsql AS $$
			BEGIN
				PERFORM FROM joor.preview(query, server);
				RETURN 'accepted';
			EXCEPTION WHEN OTHERS THEN
				RETURN SQLSTATE || ' ' || SQLERRM;
			END $$;});
	my $values = join ",\n", map {
		my $row = $_;
		"($row->{id}, $row->{variant}, $row->{negative}, " . join(', ', map { literal($_, $row->{$_}, $encoding) } @fields) . ')';
	} @$cases;
	$node->safe_psql($db, 'INSERT INTO cases (id, variant, negative, ' . join(', ', @fields) . ") VALUES $values");
	return;
}

sub parse_xml
{
	my ($bytes) = @_;
	my (@items, $field);
	my $parser = XML::Parser->new(
		Handlers => {
			Start => sub { $_[1] eq 'inventory_item' ? push @items, {} : $_[1] ne 'inventory_items' ? $items[-1]{ $field = $_[1] } = '' : 1 },
			End => sub { $field = undef },
			Char => sub { $items[-1]{$field} .= $_[1] if defined $field } });

	$parser->parse($bytes);
	return @items;
}

sub parse_json
{
	my ($bytes) = @_;
	my $items = JSON::PP->new->utf8->allow_bignum->decode($bytes)->{inventory_items}{inventory_item};

	return map { my $item = $_; ref $_ ? $_ = $_ ? 'true' : 'false' : 1 foreach grep { ref eq 'JSON::PP::Boolean' } values %$item; $item } @$items;
}

# An item as one text in ASCII.
sub shown
{
	my ($item) = @_;
	return join ', ', map { "$_ " . join '', map { /[!-~]/ ? $_ : sprintf '{%x}', ord } split //, "$item->{$_}" } sort keys %{ $item // {} };
}

# The bodies that preview makes of accepted rows: items of which hold
# something else than what they should, at most three.
sub differing
{
	my ($db, $server, $format, $query, @wanted) = @_;
	my $parse = $format eq 'xml' ? \&parse_xml : \&parse_json;
	my @bodies = split /\n/, $node->safe_psql($db,
		"SELECT encode(convert_to(body, 'UTF8'), 'hex') FROM joor.preview($query, '$server', format => '$format')");
	my @items = map { $parse->(pack('H*', $_)) } @bodies;
	my @differ = grep { shown($items[$_]) ne shown($wanted[$_]) } 0 .. $#wanted;

	$count{items} += @items;
	push @differ, 0 if @items != @wanted;
	splice @differ, 3 if @differ > 3;
	return [ map { ('got ' . shown($items[$_]), 'for ' . shown($wanted[$_])) } @differ ];
}

foreach my $encoding (sort keys %encodings)
{
	my $db = lc "input_$encoding";
	srand($seed);
	my @cases = map { random_row($encoding, $_) } 1 .. $rows * $encodings{$encoding};
	my (@wrong, %good, %refused);

	$node->safe_psql('postgres', "CREATE DATABASE $db ENCODING '$encoding' LOCALE 'C' TEMPLATE template0");
	$node->safe_psql('postgres', "ALTER DATABASE $db SET client_encoding = 'SQL_ASCII'") if $encoding ne 'UTF8';
	$node->safe_psql($db, 'CREATE EXTENSION joor_inventory');
	load($db, $encoding, \@cases);
	$node->account($joor, "${db}_$_", db => $db,
		options => "warehouses 'Milano, Paris', negative '$negative[$_]', credits '1000000'",
		simulator => { credits => 1_000_000, warehouses => [qw(Default Milano Paris)], allow_negative => 1 })
	  foreach 0 .. 2;

	my %verdict = map { /^(\d+)\|(\w+)$/ ? ($1 => pack 'H*', $2) : () } split /\n/, $node->safe_psql($db,
		"SELECT id, encode(convert_to(verdict(item_query(variant, negative, 'id = ' || id), '${db}_' || negative), '$encoding'), 'hex') FROM cases");
	foreach my $row (@cases)
	{
		my ($sent, $field, $rule) = judge($row, $encoding);
		my $verdict = $verdict{ $row->{id} } // 'none';
		my $cell = "$row->{variant} $row->{negative}";
		my $right = $sent ? $verdict eq 'accepted'
		  : $verdict =~ /^22023 row 1(?:, column "(\w+)")?.* \Q$rule\E\z/s && ($1 // '') eq ($field // '');

		push @{ $good{$cell} }, { id => $row->{id}, sent => $sent } if $sent;
		$refused{$cell}++ if !$sent;
		$count{$rule}++ if !$sent;
		$count{accepted}++ if $sent;
		push @wrong, "row $row->{id}: " . ($sent ? 'accepted' : ($field // '') . " $rule") . ', not ' . substr($verdict, 0, 200) if !$right;
	}
	is(scalar(@wrong), 0, "$encoding: " . @cases . ' rows, each by the right rule') or diag(join "\n", "seed $seed", splice @wrong, 0, 10);

	foreach my $cell (sort keys %good)
	{
		my ($variant, $negative) = split / /, $cell;
		my $of = "variant $variant, $negative[$negative]";
		my $server = "${db}_$negative";
		my $query = "item_query($variant, $negative, 'id IN (" . join(', ', map { $_->{id} } @{ $good{$cell} }) . ")')";
		my @wanted = map { $_->{sent} } @{ $good{$cell} };

		is(join("\n", @{ differing($db, $server, $_, $query, @wanted) }), '', "$encoding, $of: $_ says the same") or diag("seed $seed")
		  foreach qw(xml json);
		$joor->reset(qw(inventory calls));
		my $pushed = $node->safe_psql($db, "SELECT count(*) FILTER (WHERE message LIKE 'row %'),"
			  . " coalesce(sum(items) FILTER (WHERE outcome = 'delivered'), 0) FROM joor.push(item_query($variant, $negative, 'true'), '$server', on_failure => 'report')");
		is($pushed, ($refused{$cell} // 0) . '|' . @wanted, "$encoding, $of: pushed all but those refused") or diag("seed $seed");
		is(scalar @{ $joor->state($server) }, scalar @wanted, "$encoding, $of: they arrive");
	}
	is_deeply([ grep { $_->{rule} } @{ $joor->violations } ], [], "$encoding: no rule of JOOR is broken") or diag("seed $seed");
	$joor->reset('violations');
}
note(sprintf '%6d %s', $count{$_}, $_) foreach sort { $count{$b} <=> $count{$a} } keys %count;
unlike(PostgreSQL::Test::Utils::slurp_file($node->logfile), qr/PANIC|TRAP|was terminated by signal/, 'no crash');
$node->stop;
done_testing();
