# A feed follows stock that was not made for this project.
#
# Proves that after 10,000 random stock movements by sessions at the same time
# JOOR has what the feed says, for data with all their oddities: a feed over
# products, locations and stock with all its bins, watched on two tables.
#
# Runs only if JOOR_ADVENTUREWORKS names the folder of Microsoft's sample, as
# test/bench/stock describes it: Product.csv, Location.csv and
# ProductInventory.csv, readable for the user who runs the tests.  JOOR_STEPS is
# the number of movements; JOOR_SEED repeats them.

use strict;
use warnings;

use IPC::Run;
use JoorNode;
use JoorSimulator;
use Test::More;
use Time::HiRes qw(time);

my $folder = $ENV{JOOR_ADVENTUREWORKS};
plan skip_all => 'JOOR_ADVENTUREWORKS names no folder' unless $folder;

my $ample = 100_000_000;
my $movements = $ENV{JOOR_STEPS} || 10_000;
my $sessions = 4;
my $seed = $ENV{JOOR_SEED} || int time;
my $joor = JoorSimulator->new;
my $node = JoorNode->new('adventureworks', preload => 1);

note("JOOR_SEED=$seed");
srand($seed);

sub sql { return $node->safe_psql('postgres', $_[0]) }

sub load
{
	my ($table, $file, $columns) = @_;
	sql("\\copy $table $columns FROM '$folder/$file' (FORMAT csv, DELIMITER E'\\t', QUOTE E'\\b', NULL '')");
	return;
}

sub pick { return $_[ int rand @_ ] }

#
# The data
#
sql(q{
	CREATE TABLE product (
		productid int PRIMARY KEY, name text NOT NULL, productnumber text NOT NULL,
		makeflag boolean, finishedgoodsflag boolean, color text, safetystocklevel int,
		reorderpoint int, standardcost numeric, listprice numeric, size text,
		sizeunitmeasurecode text, weightunitmeasurecode text, weight numeric,
		daystomanufacture int, productline text, class text, style text,
		productsubcategoryid int, productmodelid int, sellstartdate timestamp,
		sellenddate timestamp, discontinueddate timestamp, rowguid uuid, modifieddate timestamp);
	CREATE TABLE location (
		locationid int PRIMARY KEY, name text NOT NULL, costrate numeric,
		availability numeric, modifieddate timestamp);
	CREATE TABLE productinventory (
		number serial, productid int NOT NULL REFERENCES product,
		locationid int NOT NULL REFERENCES location, shelf text, bin int,
		quantity int NOT NULL, rowguid uuid, modifieddate timestamp);
	CREATE INDEX ON productinventory (productid);
});
open(my $file, '<', "$folder/ProductInventory.csv") or die "could not open ProductInventory.csv: $!";
my $columns = () = <$file> =~ /\t/g;
close($file);
load('product', 'Product.csv', '');
load('location', 'Location.csv', '');
load('productinventory', 'ProductInventory.csv',
	$columns == 7 ? '' : '(productid, locationid, shelf, bin, quantity, rowguid, modifieddate)');
sql(q{SELECT setval('productinventory_number_seq', max(number)) FROM productinventory});
my @products = split /\n/, sql('SELECT DISTINCT productid FROM productinventory ORDER BY 1');
my @locations = split /\n/, sql('SELECT locationid FROM location ORDER BY 1');
my $names = sql(q{SELECT string_agg(name, ', ' ORDER BY name) FROM location});

$node->account($joor, 'joor', simulator => { credits => $ample, warehouses => [ 'Default', split /, /, $names ] },
	options => "format 'json', json_shape 'flat', credits '$ample', warehouses '" . ($names =~ s/'/''/gr) . "'");
sql(q{
	SELECT joor.create_feed('stock', $$
		SELECT i.productid, lpad(i.productid::text, 13, '0') AS upc, l.name AS warehouse, sum(i.quantity) AS inventory
		FROM productinventory i JOIN product p USING (productid) JOIN location l USING (locationid)
		WHERE p.discontinueddate IS NULL GROUP BY i.productid, l.name$$, key => 'productid');
	SELECT joor.watch('stock', 'productinventory', key => 'productid');
	SELECT joor.watch('stock', 'product', key => 'productid', columns => '{discontinueddate}');
});

# How often and how much was sent since a request.
sub sent
{
	my ($since) = @_;
	return @{ $node->rows("SELECT count(*) AS requests, coalesce(sum(items), 0) AS items, max(id) AS last FROM joor.request WHERE id > $since") }[0];
}

sub follows
{
	my ($what) = @_;
	my %wanted = map { ("$_->{warehouse}|$_->{upc}" => $_->{inventory}) }
	  @{ $node->rows('SELECT warehouse, upc, greatest(inventory, 0) AS inventory FROM joor.feed_stock') };
	my %has = map { ("$_->{warehouse}|$_->{upc}" => $_->{inventory}) } @{ $joor->state('joor') };
	my $zeros = grep { !exists $wanted{$_} } keys %has;
	$wanted{$_} //= 0 foreach keys %has;
	is_deeply(\%has, \%wanted, "$what: JOOR has what the feed says, $zeros zeros among it (seed $seed)");
	return scalar keys %has;
}

#
# All of it
#
my $begun = time;
my $last = sent(0)->{last};
my $items = sql(q{SELECT joor.sync('stock')});
is(sql("SELECT joor.wait('joor', '120 s')"), 't', 'all of it is sent');
my $sent = sent($last);
note(sprintf('%d positions of %d products at %d locations: %d requests in %.1f s', $items, scalar @products, scalar @locations,
	$sent->{requests}, time - $begun));
follows('all of it');

#
# Movements
#

# A bin of a product, whichever it is.
sub bin { return "(SELECT number FROM productinventory WHERE productid = $_[0] ORDER BY number OFFSET " . int(rand 3) . ' LIMIT 1)' }

# A movement: goods are sold, come in, move to another bin or location, are
# sold out, or a product is discontinued, or sold again.
sub movement
{
	my ($product, $location, $pieces) = (pick(@products), pick(@locations), 1 + int rand 20);
	my $to = "$product, $location, '" . pick('A' .. 'Z') . "', " . int(rand 50);
	return pick(
		("UPDATE productinventory SET quantity = quantity - $pieces WHERE number = " . bin($product)) x 8,
		("UPDATE productinventory SET quantity = quantity + $pieces WHERE number = " . bin($product)) x 3,
		("INSERT INTO productinventory (productid, locationid, shelf, bin, quantity) VALUES ($to, $pieces)") x 2,
		("BEGIN; UPDATE productinventory SET quantity = quantity - $pieces WHERE number = " . bin($product)
			  . "; INSERT INTO productinventory (productid, locationid, shelf, bin, quantity) VALUES ($to, $pieces); COMMIT") x 3,
		("UPDATE productinventory SET locationid = $location WHERE number = " . bin($product)) x 2,
		('DELETE FROM productinventory WHERE number = ' . bin($product)) x 2,
		"UPDATE product SET discontinueddate = CASE WHEN discontinueddate IS NULL THEN now() END WHERE productid = $product");
}

$last = sent(0)->{last};
$begun = time;
my @running;
foreach my $session (1 .. $sessions)
{
	my $count = int($movements * $session / $sessions) - int($movements * ($session - 1) / $sessions);
	my $script = "SET synchronous_commit = off;\n" . join('', map { movement() . ";\n" } 1 .. $count);
	my ($out, $err) = ('', '');
	push @running, [ IPC::Run::start([ 'psql', '-XAtq', '-d', $node->connstr('postgres') ], '<', \$script, '>', \$out, '2>', \$err), \$err ];
}
$_->[0]->finish foreach @running;
my $moved = time - $begun;
is(join('', map { ${ $_->[1] } } @running), '', 'no session met an error');
is(sql("SELECT joor.wait('joor', '120 s')"), 't', 'all movements are sent');
my $took = time - $begun;
$sent = sent($last);
my $positions = follows("$movements movements");
is(sql(q{SELECT count(*) FROM joor.drift('stock')}), 0, 'nothing differs from what is published');
is(sql(q{SELECT count(*) FROM joor.rejection}), 0, 'nothing was rejected');
note(sprintf('%d movements in %.1f s by %d sessions, sent %.1f s after: %d requests with %d items, %d positions in the end',
	$movements, $moved, $sessions, $took - $moved, $sent->{requests}, $sent->{items}, $positions));
is_deeply($joor->violations, [], 'no rule of JOOR was broken');
$node->stop;
done_testing();
