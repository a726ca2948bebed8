# What our statements read, in a database whose statistics are stale.
#
# The planner takes a queue that has just been filled for as short as it was, or
# finds an index that need not be read in order.  Proves that each statement of a drain and
# of a push still reads in proportion to what is sent: auto_explain writes down every plan with the
# rows that each of its nodes went through.
use strict;
use warnings;

use JoorNode;
use JoorSimulator;
use JSON::PP;
use List::Util qw(max sum0);
use Test::More;

my $items = 20_000;
my $most = 4 * $items; # rows that the busiest node of a statement may go through

my $joor = JoorSimulator->new;
my $node = JoorNode->new('plans', preload => 'auto_explain, joor_inventory', conf => <<~CONF);
	autovacuum = off
	auto_explain.log_min_duration = 0
	auto_explain.log_nested_statements = on
	auto_explain.log_analyze = on
	auto_explain.log_timing = off
	auto_explain.log_format = json
	CONF
$node->account($joor, 'joor', options => "credits '100000000'", simulator => { credits => 100_000_000 });

sub sql { return $node->safe_psql('postgres', $_[0]) }

# Rows that a node went through, and those below it, each as a number.
sub work
{
	my ($plan) = @_;
	my @removed = map { $plan->{$_} } grep { /^Rows Removed by/ } keys %$plan;
	return (($plan->{'Actual Rows'} + sum0(@removed)) * $plan->{'Actual Loops'},
		map { work($_) } @{ $plan->{Plans} // [] });
}

# Runs a statement, and gives the work of each statement's busiest node.
sub watched
{
	my ($sql, $expected, $name) = @_;
	my $begin = -s $node->logfile;
	is(sql($sql), $expected, $name);
	my $log = PostgreSQL::Test::Utils::slurp_file($node->logfile, $begin);
	my %work;
	while ($log =~ /plan:\n((?:\t.*\n)+)/g)
	{
		my $explained = decode_json($1);
		$work{ $explained->{'Query Text'} } += max(work($explained->{Plan}));
	}
	return \%work;
}

sub drain
{
	return watched(q{SELECT joor.resume('joor'); SELECT joor.wait(timeout => '3 minutes')}, "\nt", 'all is sent');
}

sub is_economical
{
	my ($work, $name) = @_;
	my @most = sort { $work->{$b} <=> $work->{$a} } keys %$work;
	ok(scalar(@most), "$name: plans were written down");
	is(join("\n", map { "$work->{$_} rows: $_" } grep { $work->{$_} > $most } @most),
		'', "$name: no statement reads much more than is sent");
	note("$work->{$_} rows: ", substr($_, 0, 100)) for @most[ 0 .. 4 ];
	return;
}

# The worker has plans that it made when there was next to nothing to send
sql(q{SELECT joor.enqueue($$SELECT 'first' AS upc, 1 AS inventory$$); SELECT joor.wait()});
sql(qq{SELECT joor.pause('joor');
	SELECT joor.enqueue(\$\$SELECT 'q' || g AS upc, 1 AS inventory FROM generate_series(1, $items) g\$\$)});
sql('VACUUM joor.queue_item'); # so that an index alone would do
is_economical(drain(), 'queue');
is(scalar(@{ $joor->state('joor') }), $items + 1, 'JOOR has all of it');

sql(qq{CREATE TABLE stock (id integer PRIMARY KEY, pieces integer);
	INSERT INTO stock SELECT g * 2, 1 FROM generate_series(1, $items) g;
	SELECT joor.create_feed('stock', \$\$SELECT id, 'f' || id AS upc, pieces AS inventory FROM stock\$\$, key => 'id');
	SELECT joor.watch('stock', 'stock', key => 'id');
	SELECT joor.pause('joor');
	UPDATE stock SET pieces = 2});
is_economical(drain(), 'feed');
is(scalar(@{ $joor->state('joor') }), 2 * $items + 1, 'JOOR has all of that, too');

# Half of what is published is another quantity, the other half gone
sql(q{ALTER TABLE stock DISABLE TRIGGER ALL;
	DELETE FROM stock WHERE id % 4 = 0;
	UPDATE stock SET pieces = 3;
	SELECT joor.pause('joor')});
is_economical(watched("SELECT joor.sync('stock')", $items, 'all that differs is queued'), 'sync');
is_economical(drain(), 'what differs');

# A push takes out of the queue what it supersedes, though it has none of the
# plans that the worker has
sql(qq{SELECT joor.pause('joor');
	SELECT joor.enqueue(\$\$SELECT 'q' || g AS upc, 3 AS inventory FROM generate_series(1, $items) g\$\$)});
is_economical(
	watched("SELECT joor.resume('joor'); SELECT sum(items) FROM joor.push('SELECT ''q'' || g AS upc, 4 AS inventory FROM generate_series(1, $items) g')",
		"\n$items", 'a push is sent'), 'push');
is(sql('SELECT joor.wait()'), 't', 'what is left of the queue is sent');

# As many rejections are open, and some of them are closed
my $rejections = q{SELECT count(*) FROM joor.rejection WHERE closed_at IS NULL};
$joor->account('joor', reject => [ map { "r$_" } 1 .. $items ]);
sql(qq{SELECT joor.enqueue(\$\$SELECT 'r' || g AS upc, 6 AS inventory FROM generate_series(1, $items) g\$\$);
	SELECT joor.wait(timeout => '1 minute')});
is(sql($rejections), $items, 'rejections are open');
$joor->account('joor', reject => []);
sql(qq{SELECT joor.pause('joor');
	SELECT joor.enqueue(\$\$SELECT CASE WHEN g % 100 = 0 THEN 'r' ELSE 'q' END || g AS upc, 6 AS inventory
		FROM generate_series(1, $items) g\$\$)});
is_economical(drain(), 'open rejections');
is(sql($rejections), $items - $items / 100, 'some are closed');

# An overwrite asks what of all that is published it leaves out
sql("ALTER SERVER joor OPTIONS (ADD max_items '50000', ADD max_bytes '8MB')");
is_economical(
	watched("SELECT items FROM joor.push('SELECT ''q'' || g AS upc, 5 AS inventory FROM generate_series(1, $items) g',
		overwrite => true, force => true)", $items, 'an overwrite is sent'), 'overwrite');
is(scalar(grep { ($_->{inventory} // -1) == 5 } @{ $joor->state('joor') }), $items, 'JOOR has all of it as well');

$node->stop;
done_testing();
