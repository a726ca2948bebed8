# What a worker keeps does not grow with what it has sent.
#
# Proves that each memory context of ours in a worker that has sent some
# hundred requests of queue and feed, and had some rejected, holds no more than
# it did after the first ones.
use strict;
use warnings;

use JoorNode;
use JoorSimulator;
use Test::More;

my $joor = JoorSimulator->new;
my $node = JoorNode->new('memory', preload => 1);
$node->account($joor, 'joor', options => "credits '100000000'", simulator => { credits => 100_000_000, reject => ['e7'] });

sub sql { return $node->safe_psql('postgres', $_[0]) }

if (sql('SHOW server_version_num') < 140000)
{
	plan skip_all => 'before 14 PostgreSQL does not show the memory of another process';
}

sql(q{CREATE TABLE stock (id integer PRIMARY KEY, pieces integer);
	INSERT INTO stock SELECT g, 0 FROM generate_series(1, 100) g;
	SELECT joor.create_feed('stock', $$SELECT id, 'f' || id AS upc, pieces AS inventory FROM stock$$, key => 'id');
	SELECT joor.watch('stock', 'stock', key => 'id');});

my $pid;

# Changes and enqueued items, until they are sent; in one session.
sub send_rounds
{
	my ($count) = @_;
	my $out = sql(join("\n", map {
			"UPDATE stock SET pieces = pieces + 1 WHERE id % 7 = $_ % 7;
			SELECT joor.enqueue(\$\$SELECT 'e' || g AS upc, $_ AS inventory FROM generate_series(1, 10) g\$\$) > 0;
			SELECT joor.wait(timeout => '20 s');"
	} 1 .. $count));
	is($out =~ tr/f//, 0, "$count rounds are sent");
	my $now = sql(q{SELECT pid FROM pg_stat_activity WHERE backend_type = 'joor_inventory worker'});
	is($now, $pid, 'by the same worker') if $pid;
	$pid = $now;
	return;
}

# Bytes that each context of ours in the worker holds, as the log says.
sub contexts
{
	my $begin = -s $node->logfile;
	my %used;
	# it is written when the worker gets to it, so before it sends this
	sql(qq{SELECT pg_log_backend_memory_contexts($pid);
		SELECT joor.enqueue(\$\$SELECT 'last' AS upc, 1 AS inventory\$\$);
		SELECT joor.wait(timeout => '20 s')});
	my $log = PostgreSQL::Test::Utils::slurp_file($node->logfile, $begin);
	$used{$1} += $2 while $log =~ /level: \d+; (joor_inventory [^:]*): .* (\d+) used$/mg;
	ok($used{'joor_inventory drains'}, 'the worker has said what it holds');
	return \%used;
}

send_rounds(50);
my $before = contexts();
send_rounds(250);
my $after = contexts();
is(join(', ', map { "$_: $before->{$_} to $after->{$_}" }
		grep { $after->{$_} > ($before->{$_} // 0) + 1000 } sort keys %$after),
	'', 'no context has grown');

$node->stop;
done_testing();
