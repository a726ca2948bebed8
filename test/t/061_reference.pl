# doc/reference.md is complete and true.
#
# Proves that every function of the schema joor is in the pages with its exact
# arguments, every relation by its name, every column where its view is
# described, every parameter with its default, unit and context, every option,
# outcome, state, reason to wait, wait event and SQLSTATE; and that the pages
# name no object, parameter, option, outcome, wait event or SQLSTATE that does
# not exist.  The truth is the catalog's, the validator's hint, and, for wait
# events and error codes, the sources'.

use strict;
use warnings;

use JoorNode;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = JoorNode->new('reference', preload => 1);
my %page = map { $_ => slurp_file($_) } 'README.md', 'SECURITY.md', glob('doc/*.md');
my $reference = $page{'doc/reference.md'};
my $pages = join("\n", values %page);

sub column { return split /\n/, $node->safe_psql('postgres', $_[0]) }

# Sets are equal: what is documented, and what there is.
sub same
{
	my ($documented, $there, $name) = @_;
	my %documented = map { $_ => 1 } @$documented;
	my %there = map { $_ => 1 } @$there;

	is_deeply([ grep { !$documented{$_} } sort keys %there ], [], "$name: none is missing");
	is_deeply([ grep { !$there{$_} } sort keys %documented ], [], "$name: none is named that is not there");
	return;
}

# From a heading to the next one of its rank or a higher one.
sub section
{
	my ($heading) = @_;
	my ($rank) = $heading =~ /^(#+)/;
	my ($text) = $reference =~ /^\Q$heading\E\n(.*?)(?=^#{1,@{[length $rank]}} |\z)/ms
	  or die "there is no \"$heading\"";

	return $text;
}

# The rows of the tables in a text, without their heads: arrays of cells.
sub table
{
	my ($text) = @_;

	return map { [ map { s/^\s+|\s+$//gr } (split /(?<!\\)\|/)[ 1 .. 9 ] ] }
	  grep { !/^\| ?-/ } map { s/\A.*\n//r =~ /^\|.*$/mg } $text =~ /((?:^\|.*\n)+)/mg;
}

# The code at the beginning of the first cells.
sub first_cells
{
	return map { $_->[0] =~ /^`([^`]+)`/ ? $1 : () } table($_[0]);
}

#
# Functions
#
my @functions = column(q{
	SELECT format('joor.%s(%s)', p.proname, pg_get_function_arguments(p.oid))
	FROM pg_proc p WHERE p.pronamespace = 'joor'::regnamespace});
my $words = $pages =~ s/\s+/ /gr;
is_deeply(
	[ grep { index($words, '`' . s/(?:, )?OUT [^,)]+//gr =~ s/::[a-z ]+(?:\[\])?(?=[,)])//gr . '`') < 0 } @functions ],
	[], 'every function is there with its arguments');
cmp_ok(scalar @functions, '>=', 23, 'there are functions to look for');

#
# Objects, and their columns
#
my @relations = column(q{SELECT 'joor.' || relname FROM pg_class
	WHERE relnamespace = 'joor'::regnamespace AND relkind IN ('r', 'v', 'S')
		AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = pg_class.oid AND d.deptype = 'i')});
my @objects = (@relations, map { s/\(.*//r } @functions);
my %there = map { $_ => 1 } @objects;
my %named = map { $_ => 1 } grep { !/^joor\.feed_/ } $pages =~ /\b(?<![\/.-])(joor\.(?!html\b)[a-z_]+)\b(?!\.)/g;
same([ keys %named ], [ grep { !/^joor\.feed_/ } keys %there ], 'functions, views, tables');

my @fields = column(q{SELECT attname FROM pg_attribute
	WHERE attrelid = 'joor.published'::regclass AND attnum BETWEEN 2 AND 13});
foreach my $view (qw(status feed watch_trigger published progress request rejection queue))
{
	my ($text) = $reference =~ /^(\*\*`joor\.$view`\*\*.*?)(?=^\*\*`|^## |^```)/ms;
	my @columns = column(qq{SELECT attname FROM pg_attribute
		WHERE attrelid = 'joor.$view'::regclass AND attnum > 0 AND NOT attisdropped});

	@columns = grep { my $column = $_; !grep { $_ eq $column } @fields } @columns
	  if $text =~ /item(?:'s)?\s+fields/;
	is_deeply([ grep { $text !~ /`$_`/ } @columns ], [], "joor.$view: every column is described");
}
foreach my $function (qw(preview push activate drift))
{
	my $text = section("#### $function");
	my ($columns) = column(qq{SELECT array_to_string(proargnames[pronargs + 1:], ' ')
		FROM pg_proc WHERE oid::regprocedure::text LIKE 'joor.$function(%'});
	my @columns = split / /, $columns;

	@columns = grep { my $column = $_; !grep { $_ eq $column } @fields } @columns
	  if $text =~ /item\s+fields/;
	is_deeply([ grep { $text !~ /`$_[ `]/ } @columns ], [], "joor.$function: every column of its result is described");
}

#
# Parameters
#
my @documented = map { join '|', map { tr/`//dr } @$_[ 0 .. 3 ] } table(section('## Configuration parameters'));
same(\@documented,
	[ column(q{SELECT concat_ws('|', name, current_setting(name), coalesce(unit, ''), context)
		FROM pg_settings WHERE name LIKE 'joor\_inventory.%'}) ],
	'parameters, with default, unit and context');
my %parameter = map { $_ => 1 } column(q{SELECT name FROM pg_settings WHERE name LIKE 'joor\_inventory.%'});
is_deeply([ grep { !$parameter{$_} } $pages =~ /\b(joor_inventory\.(?!(?:control|so|conf)\b)[a-z_]+)/g ], [],
	'no parameter is named that is not there');

#
# Options, as the validator's hint lists them
#
sub valid_options
{
	my ($sql) = @_;
	my (undef, undef, $error) = $node->try_sql($sql);
	my ($list) = $error =~ /^.*HINT:.*?: (.*)$/m;

	return $list =~ /([a-z_]+)/g;
}
$node->safe_psql('postgres', q{CREATE SERVER joor FOREIGN DATA WRAPPER joor_inventory OPTIONS (url 'http://127.0.0.1:9/v2')});
same([ first_cells(section('### Server options')) ],
	[ valid_options(q{ALTER SERVER joor OPTIONS (ADD nonsense '1')}) ], 'options of servers');
same([ first_cells(section('### User mapping options')) ],
	[ valid_options(q{CREATE USER MAPPING FOR PUBLIC SERVER joor OPTIONS (nonsense '1')}) ], 'options of user mappings');

#
# Outcomes, kinds of rejections, states, and reasons to wait
#
sub allowed
{
	my ($table, $column) = @_;

	return column(qq[SELECT unnest(substring(pg_get_constraintdef(oid) FROM '{.*}')::text[])
		FROM pg_constraint WHERE conrelid = 'joor.$table'::regclass AND contype = 'c'
			AND pg_get_constraintdef(oid) LIKE '%$column%']);
}
same([ first_cells(section('## Outcomes')), section('## Outcomes') =~ /says `(sending)`/ ],
	[ allowed('request', 'outcome'), 'invalid', 'not_sent' ], 'outcomes');
same([ $reference =~ /`source` \(`(joor)`, or `(validation)`/ ], [ allowed('rejection', 'source') ], 'who rejects');

my ($definition) = $node->safe_psql('postgres', q{SELECT pg_get_viewdef('joor.status'::regclass)});
my ($states) = $definition =~ /CASE(.*?)END AS state/s;
my ($reasons) = $definition =~ /END AS reason(.*?)END AS why_not_now/s;
my $views = section('## Views');
is_deeply([ grep { $views !~ /^\| `\Q$_\E` \|/m } $states =~ /(?:THEN|ELSE) '([^']+)'/g ], [], 'every state is there');
# What a reason says before its colon: what follows is another's, or a statement.
my @reasons = map { s/:.*//sr } $reasons =~ /(?:THEN|ELSE) (?:COALESCE\([^']*|\(*)'([^']+)'/g;
cmp_ok(scalar @reasons, '>=', 12, 'there are reasons to wait');
is_deeply([ grep { $views !~ /`[^`]*\Q$_\E/ } @reasons ], [], 'every reason to wait is there');

#
# Wait events and SQLSTATEs
#
my $sources = join '', map { slurp_file($_) } glob('src/*.c src/*.h');
same([ first_cells(section('## Wait events')) ], [ $sources =~ /"(JoorInventory\w+)"/g ], 'wait events');

chomp(my $sharedir = `pg_config --sharedir`);
SKIP:
{
	skip('this PostgreSQL has no errcodes.txt', 3) unless -e "$sharedir/errcodes.txt";
	my %code = reverse slurp_file("$sharedir/errcodes.txt") =~ /^(\w{5})\s+\w\s+(ERRCODE_\w+)/mg;
	my %known = map { $_ => 1 } values %code;
	my $errors = section('## Errors');

	is_deeply([ grep { $errors !~ /\b$code{$_}\b/ } sort { $a cmp $b } keys %{ { map { $_ => 1 } $sources =~ /errcode\((ERRCODE_\w+)\)/g } } ],
		[], 'every SQLSTATE that is raised is there');
	is_deeply([ grep { !$known{$_} } map { /\b([0-9A-Z]{5})\b/g } map { $_->[0] } table($errors) ], [], 'no other is named');
	is_deeply([ grep { $errors !~ /\b$_\b/ } map { /\b([0-9A-Z]{5})\b/g } section('## Functions') =~ /(?<=Errors)([^.]*)\./g ],
		[], 'functions name no other');
}

done_testing();
