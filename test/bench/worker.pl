# The measurements of test/bench/worker, which starts this.
use strict;
use warnings;

use JoorNode;
use JoorSimulator;
use IO::Handle;
use IPC::Run;
use Test::More;
use Time::HiRes qw(time sleep);

my $scale = shift @ARGV || 1;
my $ample = 100_000_000;
my $joor = JoorSimulator->new;
my $node = JoorNode->new('bench', preload => 1, conf => "log_statement = none\nlog_min_messages = warning");

open(my $figures, '>&=', 3) or die "no descriptor 3: $!";
$figures->autoflush(1);

sub say_figure
{
	my ($format, @values) = @_;
	printf {$figures} "$format\n", @values;
	return;
}

sub sql { return $node->safe_psql('postgres', $_[0]) }

sub percentile
{
	my ($share, @values) = @_;
	@values = sort { $a <=> $b } @values;
	return $values[ int($share * (@values - 1) + 0.5) ];
}

sub stock { return { map { $_->{upc} => $_->{inventory} } @{ $joor->state($_[0]) } } }

# Runs a file of SQL in a session of its own.
sub run_sql
{
	my ($text) = @_;
	my ($out, $err) = ('', '');
	IPC::Run::run([ 'psql', '-XAtq', '-v', 'ON_ERROR_STOP=1', '-d', $node->connstr('postgres'), '-f', '-' ],
		'<', \$text, '>', \$out, '2>', \$err)
	  or die $err;
	return $out;
}

# 100,000 changes on 5,000 SKUs over 60 s, in transactions of 100.
sub load
{
	my ($name, $credits, $window) = @_;
	my $seconds = 60 * $scale;
	my $transactions = int(1000 * $scale) || 1;
	my $skus = 5000;

	$joor->account($name, token => 't', any_sku => 1, credits => $credits, window => $window);
	sql("CREATE SERVER $name FOREIGN DATA WRAPPER joor_inventory OPTIONS (url '" . $joor->url
		  . "', credits '$credits', \"window\" '${window}s'); SELECT joor.set_token('$name', 't');");
	sql("SELECT * FROM joor.activate('$name'); SET client_min_messages = warning; CREATE TABLE IF NOT EXISTS last_value (upc text PRIMARY KEY, inventory integer); TRUNCATE last_value");
	run_sql("DO \$do\$
		DECLARE began timestamptz := clock_timestamp(); i integer; pause float;
		BEGIN
		FOR i IN 1 .. $transactions LOOP
			CREATE TEMP TABLE change ON COMMIT DROP AS
				SELECT DISTINCT ON (upc) 'u' || (random() * ($skus - 1))::integer AS upc, (i * 100 + g) AS inventory
				FROM generate_series(1, 100) g ORDER BY upc, g DESC;
			INSERT INTO last_value SELECT * FROM change ON CONFLICT (upc) DO UPDATE SET inventory = EXCLUDED.inventory;
			PERFORM joor.enqueue('SELECT upc, inventory FROM change', '$name');
			COMMIT;
			pause := extract(epoch FROM began)::float8 + i * ${seconds}::float8 / $transactions - extract(epoch FROM clock_timestamp())::float8;
			IF pause > 0 THEN PERFORM pg_sleep(pause); END IF;
		END LOOP;
		END \$do\$;");
	my $begun = time;
	my $drained = sql("SELECT joor.wait('$name', '10 minutes')");
	my $last = { map { split /\|/ } split /\n/, sql('SELECT upc, inventory FROM last_value') };
	my $stock = stock($name);
	my $same = !grep { ($stock->{$_} // -1) != $last->{$_} } keys %$last;
	my $summary = $joor->summary(account => $name, operation => 'bulk');
	say_figure('%d credits per %d s: %d changes on %d SKUs in %d s: %d writes, %d answers 429, drained %s %.1f s later, final state %s',
		$credits, $window, $transactions * 100, scalar keys %$last, $seconds, $summary->{calls}, $summary->{refused},
		$drained eq 't' ? 'yes,' : 'NO,', time - $begun, $same ? 'equal' : 'DIFFERENT');
	sql("SELECT joor.deactivate('$name')");
	return;
}

# Commit to arrival: the server's clock just after the commit against the simulator's.
sub latency
{
	my ($what, $count, $pause) = @_;
	my $upc = "latency$count";
	my $since = @{ $joor->calls } ? $joor->calls->[-1]{number} : 0;
	my $text = '';
	foreach my $i (1 .. $count)
	{
		$text .= "SELECT joor.enqueue('SELECT ''$upc.$i''::text AS upc, $i AS inventory', 'fast');\n"
		  . "SELECT extract(epoch FROM clock_timestamp()); SELECT pg_sleep($pause);\n";
	}
	my @committed = grep { /^\d{9,}\./ } split /\n/, run_sql($text);
	sql("SELECT joor.wait('fast', '1 minute')");
	my @arrived = sort { $a <=> $b } map { $_->{arrived} > 1e12 ? $_->{arrived} / 1e6 : $_->{arrived} }
	  @{ $joor->calls(account => 'fast', operation => 'bulk', since => $since) };
	my @latency;
	foreach my $at (@committed)
	{
		# the first request that arrived at or after the commit (the clock is read after it)
		shift @arrived while @arrived && $arrived[0] < $at - 0.02;
		push @latency, 1000 * (shift(@arrived) - $at) if @arrived;
	}
	say_figure('commit to arrival, %s: p50 %.1f ms, p95 %.1f ms, max %.1f ms (%d commits, %d requests matched)',
		$what, percentile(0.5, @latency), percentile(0.95, @latency), percentile(1, @latency), $count, scalar @latency);
	return;
}

sub drain_speed
{
	my ($what, $rows, $hold) = @_;
	my ($in, $out, $err) = ("BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT 1;\n", '', '');
	my $holder;
	if ($hold)
	{
		$holder = IPC::Run::start([ 'psql', '-XAtq', '-d', $node->connstr('postgres') ],
			'<', \$in, '>', \$out, '2>', \$err, IPC::Run::timeout(3600));
		$holder->pump until $out =~ /1/;
	}
	# Passes in ten portions, so that what was consumed is behind what comes.
	my @speeds;
	foreach my $portion (1 .. 10)
	{
		my $count = int($rows / 10) || 1;
		sql("SELECT joor.pause('fast')");
		sql("SELECT joor.enqueue('SELECT ''$what'' || g AS upc, $portion AS inventory FROM generate_series(1, $count) g', 'fast')");
		my $begun = time;
		sql("SELECT joor.resume('fast')");
		sql("SELECT joor.wait('fast', '30 minutes')") eq 't' or say_figure('%s: NOT drained', $what);
		push @speeds, $count / (time - $begun);
	}
	if ($holder)
	{
		$in .= "\\q\n";
		$holder->finish;
	}
	say_figure('drain, %s: %d rows, %.0f items/s in the first tenth, %.0f in the last',
		$hold ? 'a snapshot held' : 'no snapshot held', $rows, $speeds[0], $speeds[-1]);
	return $speeds[-1];
}

$node->account($joor, 'fast', options => "credits '$ample', max_items '500'", simulator => { credits => $ample });
latency('idle', int(50 * $scale) || 5, 0.5 * ($scale < 1 ? 0.4 : 1));
latency('20 commits a second', int(200 * $scale) || 10, 0.05);
my $free = drain_speed('free', 1_000_000 * $scale, 0);
my $held = drain_speed('held', 1_000_000 * $scale, 1);
say_figure('drain with a snapshot held: %.0f %% of the speed without', 100 * $held / $free);
load('wide', 300, 300);
load('narrow', 30, 10);
$node->stop;
pass('measured');
done_testing();
