# A feed follows whatever is done to the tables that it reads.
#
# Proves that two open transactions which change two rows of one sum end with
# the sum of both at JOOR, which a value computed in a trigger would not; that
# a transaction which was prepared long ago is found, and so are keys whose
# reading was cancelled; that retrying an item brings no older quantity back;
# and that after a random campaign JOOR has what the feeds say of every item,
# with zeros for what is gone: several sessions insert, update, delete, move,
# truncate, roll back, use savepoints and prepare over the tables of three
# feeds, while JOOR throttles, fails, resets, rejects and refuses, the worker
# and the server are ended and killed, and accounts are paused.
#
# The seed is printed; JOOR_SEED repeats it, as far as processes that run at
# the same time can be repeated.  JOOR_STEPS is the number of transactions.

use strict;
use warnings;

use IPC::Run;
use JoorNode;
use JoorSimulator;
use PostgreSQL::Test::Utils;
use Test::More;

my $ample = 100_000_000;
my $steps = $ENV{JOOR_STEPS} || 1200;
my $seed = $ENV{JOOR_SEED} || time;
my $sessions = 4;
my $skus = 40;
my @warehouses = qw(Milano Paris);
my %feeds = (joor => [qw(stock held)], other => [qw(place)]);
my $worker = q{backend_type = 'joor_inventory worker'};
my $joor = JoorSimulator->new;
my $node = JoorNode->new('random', preload => 1,
	conf => "max_prepared_transactions = 50\nrestart_after_crash = on\nfsync = off\n");

note("JOOR_SEED=$seed JOOR_STEPS=$steps");
srand($seed);

sub sql { return $node->safe_psql('postgres', $_[0]) }

# A simulated account as it is without trouble.
sub calm
{
	my ($account, %option) = @_;
	$joor->account($account, credits => $ample, window => 300, retry_after => 'seconds', reject => [], poison => [], %option);
	return;
}

# A session that goes on while others do: its handle, and its input and output.
sub session
{
	my ($in, $out) = ('', '');
	my $handle = IPC::Run::start([ 'psql', '-XAtq', '-d', $node->connstr('postgres') ],
		'<', \$in, '>', \$out, '2>&1', IPC::Run::timeout(180));
	return { handle => $handle, in => \$in, out => \$out };
}

sub say_to
{
	my ($session, $text) = @_;
	${ $session->{out} } = '';
	${ $session->{in} } .= "$text;\n\\echo done\n";
	$session->{handle}->pump until ${ $session->{out} } =~ /^done$/m;
	return ${ $session->{out} };
}

sub drained
{
	my ($what) = @_;
	$node->wait_until('SELECT NOT EXISTS (SELECT FROM joor.queue)', "$what: the queue is empty in the end (seed $seed)");
	return;
}

sub position { return "$_[0]->{warehouse} " . ($_[0]->{inventory_date} // '-') . ' ' . ($_[0]->{upc} // $_[0]->{sku}) }

sub stock { return { map { position($_) => $_->{inventory} } @{ $joor->state($_[0]) } } }

# JOOR has what the feeds of an account say, but for the positions left out.
sub follows
{
	my ($what, $account, %left_out) = @_;
	my %wanted;
	foreach my $feed (@{ $feeds{$account} })
	{
		$wanted{ position($_) } = $_->{inventory}
		  foreach @{ $node->rows(qq{SELECT warehouse, inventory_date, upc, greatest(inventory, 0) AS inventory FROM joor."feed_$feed"}) };
	}
	my $has = stock($account);
	my @wrong = map { "$_: JOOR has " . ($has->{$_} // 'none') . ', the feed says ' . ($wanted{$_} // 'none') }
	  grep { !$left_out{$_} && ($has->{$_} // -1) != ($wanted{$_} // 0) } sort keys %{ { %$has, %wanted } };
	is(join("\n", @wrong), '', "$what: account $account has what its feeds say (seed $seed)");
	return;
}

$node->account($joor, $_->[0], simulator => { credits => $ample, warehouses => [ 'Default', @warehouses ] },
	options => "format 'json', json_shape 'flat', credits '$ample', window '2 s', timeout '5', max_items '$_->[1]', warehouses 'Milano, Paris'")
  foreach [ 'joor', 20 ], [ 'other', 7 ];
sql(qq{
	CREATE TABLE sku (id int PRIMARY KEY, upc text NOT NULL UNIQUE);
	CREATE TABLE bin (id serial PRIMARY KEY, sku int, warehouse text NOT NULL, due date, pieces int NOT NULL);
	CREATE INDEX ON bin (sku);
	CREATE TABLE reserved (id serial PRIMARY KEY, sku int, warehouse text NOT NULL, pieces int NOT NULL);
	INSERT INTO sku SELECT g, 'u' || g FROM generate_series(1, $skus) g;
	INSERT INTO bin (sku, warehouse, pieces) SELECT g, w, g FROM generate_series(1, $skus) g, unnest('{Milano,Paris,Paris}'::text[]) w;
	SELECT joor.create_feed('stock', \$\$
		SELECT s.id AS sku_id, s.upc, b.warehouse, b.due AS inventory_date,
			sum(b.pieces) - coalesce((SELECT sum(r.pieces) FROM reserved r WHERE r.sku = s.id AND r.warehouse = b.warehouse AND b.due IS NULL), 0) AS inventory
		FROM sku s JOIN bin b ON b.sku = s.id GROUP BY s.id, b.warehouse, b.due\$\$, key => 'sku_id');
	SELECT joor.watch('stock', 'sku', key => 'id');
	SELECT joor.watch('stock', 'bin', key => 'sku');
	SELECT joor.watch('stock', 'reserved', key => 'sku');
	SELECT joor.create_feed('held', \$\$
		SELECT sku, 'h' || sku AS upc, warehouse, NULL::date AS inventory_date, sum(pieces) AS inventory FROM reserved GROUP BY sku, warehouse\$\$, key => 'sku');
	SELECT joor.watch('held', 'reserved', key => 'sku');
	SELECT joor.create_feed('place', \$\$
		SELECT warehouse AS place, warehouse, 'p' || sku AS upc, NULL::date AS inventory_date, sum(pieces) AS inventory
		FROM bin WHERE sku IS NOT NULL GROUP BY warehouse, sku\$\$, 'other', key => 'place');
	SELECT joor.watch('place', 'bin', key => 'warehouse');
});

#
# Two rows of one sum
#
sql(q{
	CREATE TABLE computed (number serial, sku int, warehouse text, pieces int);
	CREATE FUNCTION compute() RETURNS trigger LANGUAGE plpgsql AS
	$$ BEGIN INSERT INTO computed (sku, warehouse, pieces) SELECT sku, warehouse, sum(pieces) FROM bin
		WHERE sku = NEW.sku AND warehouse = NEW.warehouse GROUP BY sku, warehouse; RETURN NULL; END $$;
	CREATE TRIGGER compute AFTER UPDATE ON bin FOR EACH ROW EXECUTE FUNCTION compute();
});
my ($one, $two) = (session(), session());
my @bins = split /\n/, sql(q{SELECT id FROM bin WHERE sku = 5 AND warehouse = 'Paris' ORDER BY id});
say_to($one, "BEGIN; UPDATE bin SET pieces = pieces + 10 WHERE id = $bins[0]");
say_to($two, "BEGIN; UPDATE bin SET pieces = pieces + 100 WHERE id = $bins[1]");
say_to($_, 'COMMIT') foreach $one, $two;
drained('two rows of one sum');
is(stock('joor')->{'Paris - u5'}, 120, 'JOOR has the sum of two rows that were changed at the same time');
is(stock('other')->{'Paris - p5'}, 120, 'and so it is with a key of more items than fit a request');
is(sql(q{SELECT string_agg(pieces::text, ',' ORDER BY number) FROM computed WHERE sku = 5}), '20,110', 'a trigger that computes sees neither');
sql('DROP TRIGGER compute ON bin');

#
# The queue's numbers and those of transactions are in different orders
#
say_to($one, 'BEGIN; SELECT pg_current_xact_id()');
say_to($two, q{BEGIN; UPDATE bin SET pieces = 77 WHERE sku = 6 AND warehouse = 'Milano'; PREPARE TRANSACTION 'early'});
say_to($one, 'UPDATE bin SET pieces = pieces + 1 WHERE sku = 7; COMMIT');
drained('later changes of earlier transactions');
foreach (1 .. 4)
{
	sql('UPDATE bin SET pieces = pieces + 1 WHERE sku = 8');
	drained("change $_ while another is prepared");
}
sql(q{COMMIT PREPARED 'early'; UPDATE bin SET pieces = pieces + 1 WHERE sku = 8});
drained('committed long after');
is(stock('joor')->{'Milano - u6'}, 77, 'a transaction that was prepared before others is not missed');

#
# Reading is cancelled after rows without items were done
#
sql("ALTER SERVER joor OPTIONS (SET max_items '1'); SELECT joor.pause('joor')");
say_to($one, 'BEGIN; LOCK TABLE joor.request IN SHARE MODE');
say_to($two, "INSERT INTO sku VALUES ($_, 'w$_')") foreach 1001 .. 1050;
say_to($two, "UPDATE sku SET upc = upc WHERE id = 9; SELECT joor.resume('joor')");
my $waits = "FROM pg_stat_activity a JOIN pg_locks l USING (pid) WHERE a.$worker AND NOT l.granted AND l.relation = 'joor.request'::regclass";
$node->wait_until("SELECT EXISTS (SELECT $waits)", 'the worker waits for a lock');
sql("SELECT pg_cancel_backend(a.pid) $waits");
say_to($one, 'COMMIT');
drained('after a cancel');
sql("ALTER SERVER joor OPTIONS (SET max_items '20'); DELETE FROM sku WHERE id > $skus");

#
# A rejected item is retried while a newer quantity is on its way
#
$joor->account('joor', reject => ['u10']);
sql(q{UPDATE bin SET pieces = 5 WHERE sku = 10 AND warehouse = 'Milano'});
drained('a rejected item');
calm('joor');
$joor->fault(account => 'joor', operation => 'bulk', hold => 1);
sql(q{UPDATE bin SET pieces = 7 WHERE sku = 10 AND warehouse = 'Milano'});
ok($joor->wait_for(held => 1, account => 'joor'), 'a request is under way');
is(sql('SELECT joor.retry(VARIADIC ARRAY(SELECT id FROM joor.rejection WHERE closed_at IS NULL))'), 2, 'what was rejected is retried');
$joor->release;
drained('retried');
is(stock('joor')->{'Milano - u10'}, 7, 'the newer quantity is there');

${ $_->{in} } .= "\\q\n" foreach $one, $two;
$_->{handle}->finish foreach $one, $two;
sql('SELECT joor.sync($$stock$$), joor.sync($$place$$)');
drained('before the campaign');
follows('before the campaign', $_) foreach sort keys %feeds;

#
# The campaign
#

sub pick { return $_[ int rand @_ ] }

# A key: a few of them are in great demand.
sub sku { return 1 + int rand(rand() < 0.4 ? 3 : $skus) }

sub warehouse { return "'" . pick(@warehouses) . "'" }

sub due { return rand() < 0.7 ? 'NULL' : sprintf("'2031-01-%02d'", 1 + int rand 4) }

# One statement over the tables.
sub statement
{
	my ($sku, $other, $number) = (sku(), sku(), int rand 3);
	my $plus = int(rand 21) - 8;
	my $bin = sub { return "$_[0], " . warehouse() . ', ' . due() . ', ' . int rand 50 };
	my @kinds = (
		(sub { "UPDATE bin SET pieces = pieces + $plus WHERE sku = $sku AND id % 3 = $number" }) x 8,
		(sub { 'INSERT INTO bin (sku, warehouse, due, pieces) VALUES (' . $bin->($sku) . ')' }) x 4,
		(sub { "UPDATE bin SET sku = $other WHERE sku = $sku AND id % 3 = $number" }) x 2,
		(sub { 'INSERT INTO reserved (sku, warehouse, pieces) VALUES (' . "$sku, " . warehouse() . ', ' . int(rand 5) . ')' }) x 3,
		(sub { "DELETE FROM reserved WHERE sku = $sku AND id % 3 = $number" }) x 2,
		(sub { "DELETE FROM bin WHERE sku = $sku AND id % 3 = $number" }) x 3,
		sub { "DELETE FROM bin WHERE sku = $sku" },
		sub { "UPDATE bin SET pieces = pieces + 1 WHERE sku BETWEEN $sku AND $sku + 5" },
		sub { 'UPDATE bin SET warehouse = ' . warehouse() . ', due = ' . due() . " WHERE sku = $sku AND id % 3 = $number" },
		sub { "UPDATE reserved SET sku = $other, pieces = pieces + 1 WHERE sku = $sku" },
		sub { "UPDATE sku SET upc = 'u" . sku() . "' WHERE id = $sku" },
		sub { "UPDATE sku SET upc = 'u' || $skus + $sku WHERE id = $sku" },
		sub { "DELETE FROM sku WHERE id = $sku" },
		(sub { "INSERT INTO sku VALUES ($sku, 'u$sku') ON CONFLICT (id) DO NOTHING" }) x 2,
		sub { 'INSERT INTO bin (id, sku, warehouse, due, pieces) VALUES (' . (1 + int rand 200) . ', ' . $bin->($sku)
			  . ') ON CONFLICT (id) DO UPDATE SET sku = EXCLUDED.sku, pieces = EXCLUDED.pieces' },
		sub { "COPY bin (sku, warehouse, pieces) FROM STDIN;\n" . join('', map { sku() . "\t" . pick(@warehouses) . "\t$_\n" } 1 .. 5) . "\\." },
		(sub { 'SELECT pg_sleep(' . rand(0.01) . ')' }) x 2);
	return 'TRUNCATE ' . pick(qw(reserved bin)) if rand() < 0.006;
	return pick(@kinds)->();
}

my $prepared = 0;

# One transaction.
sub transaction
{
	my @lines = ('BEGIN ISOLATION LEVEL ' . pick(('READ COMMITTED') x 3, 'REPEATABLE READ', 'SERIALIZABLE'));
	foreach (1 .. 1 + int rand 4)
	{
		my $nested = rand() < 0.2;
		push @lines, 'SAVEPOINT s' if $nested;
		push @lines, statement();
		push @lines, pick('ROLLBACK TO s', 'RELEASE s') if $nested;
	}
	my $end = rand();
	if ($end < 0.12)
	{
		my $name = "prepared_" . ++$prepared;
		push @lines, "PREPARE TRANSACTION '$name'";
		# some are left for others to end
		push @lines, pick('COMMIT', 'ROLLBACK') . " PREPARED '$name'" if rand() < 0.8 || grep { /^TRUNCATE/ } @lines;
	}
	else { push @lines, $end < 0.25 ? 'ROLLBACK' : 'COMMIT' }
	return join('', map { /\\\.$/ ? "$_\n" : "$_;\n" } @lines);
}

my (%running, %errors);
my $left = $steps;
my $lost = 0;

# Ends sessions that have done their part, and starts others.
sub tend_sessions
{
	foreach my $number (1 .. $sessions)
	{
		my $session = $running{$number};
		if ($session)
		{
			# a psql whose server was stopped ends before it has read all its input
			eval { $session->{handle}->pump_nb if $session->{handle}->pumpable; 1 } or $session->{handle}->kill_kill;
			next if $session->{handle}->pumpable;
			eval { $session->{handle}->finish };
			$errors{$_}++ foreach ${ $session->{out} } =~ /^(?:psql:.*?)?ERROR:  (\w+)/mg;
			$lost++ if ${ $session->{out} } =~ /connection to server was lost|server closed|FATAL/;
			delete $running{$number};
		}
		next if $left <= 0;
		$session = $running{$number} = session();
		my $part = $left < 15 ? $left : 15;
		$left -= $part;
		${ $session->{in} } = "\\set VERBOSITY sqlstate\nSET lock_timeout = '300ms';\n" . join('', map { transaction() } 1 .. $part) . "\\q\n";
		eval { $session->{handle}->pump_nb };
	}
	return scalar keys %running;
}

# Ends one of the transactions that were left prepared.
sub end_prepared
{
	my ($code, $names) = $node->try_sql('SELECT gid FROM pg_prepared_xacts ORDER BY prepared');
	my $name = pick(split /\n/, $names) // return;
	$node->try_sql(pick('COMMIT', 'COMMIT', 'ROLLBACK') . " PREPARED '$name'");
	return;
}

sub some_upcs { return [ map { pick('u', 'u', 'h', 'p') . sku() } 1 .. int rand 4 ] }

sub kill_worker
{
	my ($code, $pid) = $node->try_sql("SELECT pid FROM pg_stat_activity WHERE $worker");
	kill 9, $pid if $pid;
	$node->wait_until_up;
	return;
}

# One disturbance.
sub disturb
{
	my $account = pick(sort keys %feeds);
	my $feed = pick(@{ $feeds{$account} });
	my @faults = (
		{ status => 429, retry_after => 1 }, { status => 500 }, { status => 503, applied => 1 }, { status => 503 },
		{ cut => 'before_answer', applied => 1 }, { cut => 'before_answer' }, { cut => 'in_answer' }, { cut => 'before_body' },
		{ cut => 'in_body', how => 'close' }, { cut => 'in_headers' }, { delay => 0.05 }, { delay => 0.1 }, { status => 400 }, { status => 413 },
		{ body_kind => 'garbage' });
	my @kinds = (
		(sub { $joor->fault(account => $account, operation => 'bulk', times => 1 + int rand 2, %{ pick(@faults) }) }) x 8,
		(sub { $node->try_sql("SELECT joor.resume('$_')") foreach sort keys %feeds }) x 8,
		(sub { $joor->account($account, pick('reject', 'poison') => some_upcs()) }) x 3,
		(sub { calm($account) }) x 2,
		sub { $joor->account($account, credits => 30, window => 1) },
		(sub { end_prepared() }) x 4,
		(sub { $node->try_sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE $worker") }) x 2,
		sub { $node->try_sql("SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE $worker") },
		sub { kill_worker() if rand() < 0.4 },
		sub { if (rand() < 0.3) { $node->stop('immediate'); $node->start } },
		sub { $node->try_sql("ALTER SERVER $account OPTIONS (SET max_items '" . (1 + int rand 25) . "')") },
		sub { $node->try_sql("SELECT joor.pause('$account')") },
		sub { $node->try_sql("SET lock_timeout = '1s'; SELECT joor.sync('$feed', everything => " . pick('true', 'false') . ')') },
		sub { $node->try_sql("SET lock_timeout = '1s'; SET statement_timeout = '3s'; SELECT count(*) FROM joor.push_feed('$feed')") },
		sub { $node->try_sql('SELECT joor.retry(VARIADIC ARRAY(SELECT id FROM joor.rejection WHERE closed_at IS NULL))') });
	pick(@kinds)->();
	return;
}

my $begun = time;
while (tend_sessions() > 0)
{
	# a session has done nothing yet: there is a pause between two looks
	select(undef, undef, undef, 0.01);
	disturb() if rand() < 0.2;
}
my $took = time - $begun;

# Trouble ends, but for some items, and all goes out by itself.
$joor->clear_faults;
calm($_, reject => [qw(u1 h2 p3)], poison => [qw(u2 h3 p1)]) foreach sort keys %feeds;
$joor->refill;
while (sql('SELECT count(*) FROM pg_prepared_xacts') > 0) { end_prepared() }
sql('UPDATE bin SET pieces = pieces + 1 WHERE sku <= 5; UPDATE reserved SET pieces = pieces + 1 WHERE sku <= 5');
sql("SELECT joor.resume('$_')") foreach sort keys %feeds;
drained('campaign');
my $rejected = $node->rows(q{SELECT s.srvname AS account, r.warehouse, r.inventory_date, r.upc, r.source, p.feed, p.key
	FROM joor.rejection r JOIN pg_foreign_server s ON s.oid = r.serverid
	LEFT JOIN joor.published_item p ON p.serverid = r.serverid AND p.upc = r.upc AND p.warehouse = r.warehouse
		AND p.inventory_date IS NOT DISTINCT FROM r.inventory_date WHERE r.closed_at IS NULL});
foreach my $account (sort keys %feeds)
{
	follows('campaign', $account, map { $_->{account} eq $account ? (position($_) => 1) : () } @$rejected);
}

# What was rejected is sent again when its key is touched.
calm($_) foreach sort keys %feeds;
foreach (@$rejected)
{
	my ($sku, $place) = $_->{feed} eq 'place' ? ('NULL', "'$_->{key}'") : ($_->{key} // 0, "'Milano'");
	sql("BEGIN; WITH b AS (INSERT INTO bin (sku, warehouse, pieces) VALUES ($sku, $place, 0) RETURNING id) SELECT set_config('test.id', id::text, true) FROM b;"
		. "DELETE FROM bin WHERE id = current_setting('test.id')::int;"
		. "WITH b AS (INSERT INTO reserved (sku, warehouse, pieces) VALUES ($sku, $place, 0) RETURNING id) SELECT set_config('test.id', id::text, true) FROM b;"
		. "DELETE FROM reserved WHERE id = current_setting('test.id')::int; COMMIT");
}
drained('touched');
is(sql('SELECT count(*) FROM joor.rejection WHERE closed_at IS NULL'), 0, "no rejection is open (seed $seed)");
follows('touched', $_) foreach sort keys %feeds;

# And everything once more.
sql("SELECT joor.sync('$_', everything => true)") foreach map { @$_ } values %feeds;
drained('everything');
follows('everything', $_) foreach sort keys %feeds;
is(sql("SELECT count(*) FROM joor.drift('$_')"), 0, "feed $_ differs in nothing from what is published (seed $seed)")
  foreach map { @{ $feeds{$_} } } sort keys %feeds;

# 42601: psql may take the lines of a COPY that failed for statements
my %expected = map { $_ => 1 } qw(23505 25P02 3B001 40001 40P01 42601 55P03 42704 57P01 57P02);
is(join(' ', grep { !$expected{$_} } sort keys %errors), '', "no session met an error of ours (seed $seed)");
note("$steps transactions in $took s, $lost sessions lost, errors: " . join(', ', map { "$_ $errors{$_}" } sort keys %errors));
note(scalar(@$rejected) . ' open rejections after the campaign; requests: '
	  . sql(q{SELECT string_agg(outcome || ' ' || n, ', ' ORDER BY outcome) FROM (SELECT outcome, count(*) AS n FROM joor.request GROUP BY 1) r}));
is_deeply([ grep { $_->{rule} !~ /^(?:token|too_large|broken)$/ } @{ $joor->violations } ], [], "no rule of JOOR was broken (seed $seed)")
  or diag(explain($joor->violations));
my $log = slurp_file($node->logfile);
unlike($log, qr/PANIC|TRAP|signal 11|signal 6/, "no crash that was not ours (seed $seed)");
$node->stop;
done_testing();
