# The load and the measuring of test/campaign/endurance.

use strict;
use warnings;

use IPC::Run;
use JoorNode;
use JoorSimulator;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time sleep);

my $minutes = shift @ARGV;
open(my $figures, '>&=', 3) or die "descriptor 3: $!";
$figures->autoflush(1);

my $joor = JoorSimulator->new;
my $node = JoorNode->new('endurance', preload => 1,
	conf => "fsync = off\nautovacuum_naptime = '10 s'\nlog_min_messages = warning\njoor_inventory.request_max_rows = 5000\n");

sub sql { return $node->safe_psql('postgres', $_[0]) }

# A session that lives as long as the campaign and repeats a script.
sub load
{
	my ($name, $script, @options) = @_;
	my $file = $node->basedir . "/$name.sql";
	PostgreSQL::Test::Utils::append_to_file($file, $script);
	my ($out, $err) = ('', '');
	return IPC::Run::start([ 'pgbench', '-n', '-T', $minutes * 60 + 30, '-f', $file, @options, '-h', $node->host, '-p', $node->port, 'postgres' ],
		'<', \undef, '>', '/dev/null', '2>', $node->basedir . "/$name.err");
}

$node->account($joor, $_, options => "credits '3000', window '60 s', max_items '200', timeout '10'",
	simulator => { credits => 3000, window => 60 })
  foreach qw(joor other);
sql(q{
	CREATE TABLE sku (id int PRIMARY KEY, upc text NOT NULL);
	CREATE TABLE bin (id int PRIMARY KEY, sku int NOT NULL, pieces int NOT NULL);
	CREATE INDEX ON bin (sku);
	INSERT INTO sku SELECT g, 'u' || g FROM generate_series(1, 5000) g;
	INSERT INTO bin SELECT g, 1 + g % 5000, 10 FROM generate_series(1, 15000) g;
	SELECT joor.create_feed('stock', 'SELECT s.id, s.upc, sum(b.pieces) AS inventory FROM sku s JOIN bin b ON b.sku = s.id GROUP BY s.id', key => 'id');
	SELECT joor.watch('stock', 'sku', key => 'id');
	SELECT joor.watch('stock', 'bin', key => 'sku');
	SELECT joor.sync('stock', everything => true);
});

my @loads = (
	load('sell', "\\set bin random(1, 15000)\nUPDATE bin SET pieces = greatest(pieces - 1, 0) WHERE id = :bin;\n", '-R', 50, '-c', 2),
	load('restock', "\\set sku random(1, 5000)\nUPDATE bin SET pieces = pieces + 5 WHERE sku BETWEEN :sku AND :sku + 20;\n", '-R', 2),
	load('move', "\\set bin random(1, 15000)\n\\set sku random(1, 5000)\nBEGIN;\nSAVEPOINT a;\nUPDATE bin SET sku = :sku WHERE id = :bin;\nROLLBACK TO a;\nUPDATE bin SET sku = :sku WHERE id = :bin;\nCOMMIT;\n", '-R', 2),
	load('enqueue', "\\set n random(1, 300)\nSELECT joor.enqueue('SELECT ''o'' || ' || :n || ' AS upc, ' || :n || ' AS inventory', 'other');\n", '-R', 5),
	load('push', "SELECT joor.push('SELECT ''p'' || g AS upc, g AS inventory FROM generate_series(1, 300) g', 'other', on_failure => 'report');\n", '-R', 0.1),
	load('sync', "SELECT joor.sync('stock');\nSELECT count(*) FROM joor.drift('stock');\nSELECT * FROM joor.status;\n", '-R', 0.05));

# Memory of its own in kB and open files of a process.
sub process
{
	my ($pid) = @_;
	my ($rss) = (-r "/proc/$pid/status" ? slurp_file("/proc/$pid/status") : '') =~ /^RssAnon:\s+(\d+)/m;
	my @files = glob("/proc/$pid/fd/*");
	return sprintf '%6.1f MB %3d files', ($rss // 0) / 1024, scalar @files;
}

sub report
{
	my ($begun) = @_;
	my %pid = map { split /\|/ } split /\n/, sql(q{SELECT backend_type, min(pid) FROM pg_stat_activity WHERE backend_type ~ '^joor_inventory (worker|launcher)' GROUP BY 1
		UNION ALL (SELECT 'session', pid FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid() ORDER BY backend_start, pid LIMIT 1)});
	my $size = sql(q{SELECT string_agg(relname || ' ' || pg_size_pretty(pg_total_relation_size(oid)), ', ' ORDER BY relname) FROM pg_class
		WHERE relnamespace = 'joor'::regnamespace AND relkind = 'r' AND pg_total_relation_size(oid) > 100000});
	my $requests = sql(q{SELECT string_agg(outcome || ' ' || n, ', ') FROM (SELECT outcome, count(*) AS n FROM joor.request GROUP BY 1 ORDER BY 1) o});
	my $log = () = slurp_file($node->logfile) =~ /(?:WARNING|ERROR|FATAL|PANIC):/g;
	printf $figures "%5.1f min  %s\n           tables: %s\n           requests kept: %s; newest %s; log lines above LOG: %d\n", (time - $begun) / 60,
	  join('; ', map { "$_ " . process($pid{$_}) } sort keys %pid), $size, $requests, sql('SELECT max(id) FROM joor.request'), $log;
	return;
}

my @faults = ({ status => 503 }, { cut => 'before_answer', applied => 1 }, { cut => 'before_body' }, { delay => 3 }, { status => 429, retry_after => 1 }, { body_kind => 'garbage' });
my $begun = time;
my $next = 60;
while (time - $begun < $minutes * 60)
{
	my $fault = $faults[ int(rand(@faults)) ];
	$joor->fault(operation => 'bulk', %$fault);
	$joor->account('joor', reject => [ map { 'u' . (1 + int(rand(5000))) } 1 .. 3 ]);
	$_->pump_nb foreach @loads;
	sleep(5 + rand(10));
	next if time - $begun < $next;
	report($begun);
	$next += $minutes > 20 ? 300 : 60;
}
$_->finish foreach @loads;
$joor->clear_faults;
$joor->account('joor', reject => []);
sql(q{SELECT joor.sync('stock')});
# a sync leaves out what JOOR has just rejected
sql('SELECT joor.retry(VARIADIC ARRAY(SELECT id FROM joor.rejection WHERE closed_at IS NULL))');
printf $figures "queue empty in the end: %s\n", sql("SELECT joor.wait('joor', '10 min') AND joor.wait('other', '10 min')");
report($begun);
my %feed = map { split /\|/ } split /\n/, sql('SELECT upc, inventory FROM joor.feed_stock');
my %stock = map { $_->{upc} => $_->{inventory} } grep { $_->{upc} =~ /^u/ } @{ $joor->state('joor') };
my @wrong = grep { ($stock{$_} // -1) != ($feed{$_} // 0) } keys %{ { %feed, %stock } };
printf $figures "%d items compared, %d wrong\n", scalar(keys %stock), scalar @wrong;
my $log = slurp_file($node->logfile);
printf $figures "crashes: %d\n", scalar(() = $log =~ /PANIC|TRAP|was terminated by signal/g);
$node->stop;
