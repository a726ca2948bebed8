# The worker's life: who starts it, when it leaves, what keeps it from sending.
#
# Proves, with and without preloading, that queued items are sent without
# anybody's help; that an idle worker leaves, so that its database can be
# dropped; that joor_inventory.enabled, joor.pause, an account that is not
# active and a restored dump keep the queue, with the reason in joor.status;
# and that neither a hanging request nor a dropped database holds anything up.

use strict;
use warnings;

use JoorNode;
use JoorSimulator;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time usleep);

my $ample = 100_000_000;
my $joor = JoorSimulator->new;
my %ample = (options => "credits '$ample'", simulator => { credits => $ample });
my $worker = q{backend_type = 'joor_inventory worker'};

sub stock
{
	return { map { $_->{upc} => $_->{inventory} } @{ $joor->state($_[0]) } };
}

sub enqueue
{
	my ($upc, $quantity, $server) = @_;
	$server //= 'joor';
	return "SELECT joor.enqueue('SELECT ''$upc''::text AS upc, $quantity AS inventory', '$server');";
}

#
# Without preloading
#
my $node = JoorNode->new('plain');
my $db = 'postgres';

sub sql { return $node->safe_psql($db, $_[0]) }

$node->account($joor, 'joor', %ample);
$node->wait_until("SELECT NOT EXISTS (SELECT FROM pg_stat_activity WHERE $worker)",
	'not preloaded: no worker as yet, or not the one that looked for work when the account was activated any more');
sql(enqueue('a', 1));
is(sql("SELECT joor.wait('joor', '20 s')"), 't', 'the first enqueue starts a worker');
is(stock('joor')->{a}, 1, 'which sends');
sql(enqueue('a', 2));
is(sql("SELECT joor.wait('joor', '20 s')"), 't', 'it is woken again');
$node->wait_until("SELECT NOT EXISTS (SELECT FROM pg_stat_activity WHERE $worker)", 'an idle worker leaves');
sql('SELECT joor.start_worker()');
sql("SELECT joor.pause('joor');" . enqueue('a', 3));
sql('SELECT joor.stop_worker()');
$node->wait_until("SELECT NOT EXISTS (SELECT FROM pg_stat_activity WHERE $worker)", 'stop_worker ends it');
sql("SELECT joor.resume('joor')");
is(sql("SELECT joor.wait('joor', '20 s')"), 't', 'joor.resume starts one');
is(stock('joor')->{a}, 3, 'and the queue goes out');
# many sessions at the same time start one worker between them
sql('SELECT joor.stop_worker()');
$node->wait_until("SELECT NOT EXISTS (SELECT FROM pg_stat_activity WHERE $worker)", 'none is there');
my @sessions = map {
	my ($in, $out, $err) = ('', '', '');
	IPC::Run::start([ 'psql', '-XAtq', '-d', $node->connstr($db), '-c', enqueue("many$_", $_) ],
		'<', \$in, '>', \$out, '2>', \$err, IPC::Run::timeout(60))
} 1 .. 8;
IPC::Run::finish($_) foreach @sessions;
is(sql("SELECT joor.wait('joor', '20 s')"), 't', 'eight sessions enqueue at once');
is(scalar(grep { /^many/ } keys %{ stock('joor') }), 8, 'everything arrives');
is(sql("SELECT count(*) <= 1 FROM pg_stat_activity WHERE $worker"), 't', 'by one worker');
is($joor->summary->{most_abreast}, 0, 'one request at a time');
$node->wait_until("SELECT NOT EXISTS (SELECT FROM pg_stat_activity WHERE $worker)", 'it leaves');
$node->stop;

#
# Preloaded
#
# The start of a background worker is logged at this level.
$node = JoorNode->new('preloaded', preload => 1, conf => 'log_min_messages = debug1');
$db = 'postgres';
is(sql(q{SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'joor_inventory launcher'}), 1, 'preloaded: a launcher');
sql('CREATE DATABASE shop');
$node->safe_psql('shop', 'CREATE EXTENSION joor_inventory');
$node->account($joor, 'first', %ample);
$node->account($joor, 'second', %ample, db => 'shop');

# Two databases side by side
$joor->fault(account => 'first', operation => 'bulk', hold => 1);
sql(enqueue('x', 1, 'first'));
ok($joor->wait_for(held => 1, account => 'first'), 'a request of one database hangs');
is($node->safe_psql('shop', enqueue('x', 2, 'second') . "SELECT joor.wait('second', '20 s')"), "1\nt",
	'another database is served meanwhile');
is(sql("SELECT count(*) FROM pg_stat_activity WHERE $worker"), 2, 'each database has a worker');
$joor->release;
is(sql("SELECT joor.wait('first', '20 s')"), 't', 'the first goes on');
is(stock('first')->{x} . stock('second')->{x}, '12', 'each account has what is its');

# Idle: plain DROP DATABASE
my $begun = time;
my ($code, undef, $err) = $node->try_sql('DROP DATABASE shop');
is($code, 0, 'a database whose worker is idle can be dropped') or diag($err);

# Switched off and on by a reload
sql("ALTER SYSTEM SET joor_inventory.enabled = off; SELECT pg_reload_conf()");
$node->wait_until(q{SELECT current_setting('joor_inventory.enabled', true) = 'off'}, 'switched off');
sql(enqueue('y', 1, 'first'));
is(sql('SELECT state FROM joor.status'), 'disabled', 'status: disabled');
is(sql('SELECT why_not_now FROM joor.status'), 'sending is switched off: joor_inventory.enabled', 'and why nothing is sent');
sql('SELECT joor.start_worker()');
is(sql("SELECT joor.wait('first', '500 ms')"), 'f', 'nothing is sent');
is(sql("SELECT count(*) FROM pg_stat_activity WHERE $worker AND state = 'active'"), 0, 'nobody is busy with it');
sql("ALTER SYSTEM RESET joor_inventory.enabled; SELECT pg_reload_conf()");
is(sql("SELECT joor.wait('first', '20 s')"), 't', 'switched on: it goes out by itself');

# A request in flight is finished when sending is switched off.
$joor->fault(account => 'first', operation => 'bulk', hold => 1);
sql(enqueue('y', 2, 'first'));
$joor->wait_for(held => 1, account => 'first');
sql("ALTER SYSTEM SET joor_inventory.enabled = off; SELECT pg_reload_conf()");
sql(enqueue('y', 3, 'first'));
$joor->release;
$node->wait_until("SELECT count(*) = 1 FROM joor.queue", 'the one in flight is finished');
my $calls = $joor->summary->{calls};
my $ticks = sub { my @stat = split ' ', slurp_file("/proc/$_[0]/stat"); return $stat[13] + $stat[14] };
my $pid = sql("SELECT pid FROM pg_stat_activity WHERE $worker");
if ($pid ne '')
{
	my $before = $ticks->($pid);
	sql('SELECT pg_sleep(0.5)');
	cmp_ok(eval { $ticks->($pid) } // 0, '<', $before + 20, 'a worker that may not send does not spin');
}
is($joor->summary->{calls}, $calls, 'nothing more is sent');
sql("ALTER SYSTEM RESET joor_inventory.enabled; SELECT pg_reload_conf()");
is(sql("SELECT joor.wait('first', '20 s')"), 't', 'switched on again: the rest goes out');
is(stock('first')->{y}, 3, 'with the latest quantity');

# Not activated
$node->account($joor, 'third', %ample, inactive => 1);
sql(enqueue('z', 1, 'third'));
is(sql(q{SELECT state FROM joor.status WHERE account = 'third'}), 'not activated', 'status: not activated');
like(sql(q{SELECT why_not_now FROM joor.status WHERE account = 'third'}), qr/^the account is not activated: SELECT/, 'and what to do');
is(sql("SELECT joor.wait('third', '300 ms')"), 'f', 'nothing is sent');
is($joor->summary(account => 'third')->{calls}, 0, 'no call at all');
is(sql(enqueue('x', 7, 'first') . "SELECT joor.wait('first', '20 s')"), "1\nt", 'others are sent');
sql("SELECT * FROM joor.activate('third')");
is(sql("SELECT joor.wait('third', '20 s')"), 't', 'activated: it drains');
sql("SELECT joor.deactivate('third');" . enqueue('z', 2, 'third'));
is(sql("SELECT joor.wait('third', '300 ms')"), 'f', 'deactivated: it keeps');

# A restored dump
sql("SELECT joor.pause('first')");
sql(enqueue('copy', 1, 'first') . enqueue('copy', 2, 'first'));
sql('CREATE DATABASE staging');
my $dump = $node->basedir . '/dump.sql';
command_ok([ 'pg_dump', '-d', $node->connstr('postgres'), '-f', $dump ], 'pg_dump');
command_ok([ 'psql', '-Xq', '-v', 'ON_ERROR_STOP=1', '-d', $node->connstr('staging'), '-f', $dump ], 'restore');
sql("SELECT joor.resume('first')");
is(sql("SELECT joor.wait('first', '20 s')"), 't', 'the original sends');
$calls = $joor->summary(account => 'first')->{calls};
$db = 'staging';
is(sql(q{SELECT state FROM joor.status WHERE account = 'first'}), 'copied', 'status of the copy: copied');
like(sql(q{SELECT reason FROM joor.status WHERE account = 'first'}), qr/of which this one is a copy/, 'and why');
is(sql('SELECT count(*) FROM joor.queue'), 3, 'its queue came along');
sql(enqueue('copy', 3, 'first') . 'SELECT joor.start_worker()');
is(sql("SELECT joor.wait('first', '500 ms')"), 'f', 'it does not send');
is($joor->summary(account => 'first')->{calls}, $calls, 'not one call');
($code, undef, $err) = $node->try_sql("SELECT * FROM joor.push('SELECT 1::text AS upc, 1 AS inventory', 'first')", db => $db);
like($err, qr/is not active/, 'nor does joor.push');
my ($before) = grep { $_->{upc} eq 'copy' } @{ $joor->state('first') };
is($before->{inventory}, 2, 'JOOR has what the original says');
sql("SELECT joor.set_token('first', 'token-of-first')");
sql("SELECT * FROM joor.activate('first')");
is(sql("SELECT joor.wait('first', '20 s')"), 't', 'activated there: its entries go out');
is(stock('first')->{copy}, 3, 'with the latest quantity');
is($joor->summary(account => 'first', operation => 'bulk')->{calls} + 0,
	scalar @{ $joor->calls(account => 'first', operation => 'bulk') }, 'calls are counted');
is(scalar(grep { $_->{number} > $before->{call} } @{ $joor->calls(account => 'first', operation => 'bulk') }), 1,
	'once, in one call');
$db = 'postgres';

# A database that is dropped with work in its queue wants no worker any more.
$node->safe_psql('staging', "SELECT joor.pause('first');" . enqueue('copy', 4, 'first') . 'SELECT joor.start_worker()');
sql('DROP DATABASE staging WITH (FORCE)');
my $log_at = -s $node->logfile;

# A copy of the database, the same to the last oid: its worker does not send.
sql('ALTER SYSTEM SET joor_inventory.enabled = off; SELECT pg_reload_conf()');
sql(enqueue('twin', 5, 'first'));
$node->wait_until(q{SELECT worker_pid IS NULL FROM joor.status WHERE account = 'first'}, 'the worker has left');
$begun = time;
my $copied = 1;
while ((($node->try_sql('CREATE DATABASE twin TEMPLATE postgres', db => 'template1'))[0] // 1) != 0)
{
	$copied = 0, last if time - $begun > 60;
	usleep(100_000);
}
ok($copied, 'the database is copied');
$calls = $joor->summary(account => 'first')->{calls};
sql('ALTER SYSTEM RESET joor_inventory.enabled; SELECT pg_reload_conf()');
$node->safe_psql('twin', 'SELECT joor.start_worker()');
is(sql("SELECT joor.wait('first', '20 s')"), 't', 'switched on again: the original sends');
ok($node->poll_query_until('twin', q{SELECT EXISTS (SELECT FROM joor.drain WHERE state = 'blocked')}), 'the worker of the copy does not send');
is($node->safe_psql('twin', "SELECT joor.wait('first', '500 ms')"), 'f', 'and keeps its queue');
is($joor->summary(account => 'first')->{calls}, $calls + 1, 'one call: that of the original');
$node->safe_psql('postgres', 'DROP DATABASE twin WITH (FORCE)');

# While a request hangs
$joor->fault(account => 'first', operation => 'bulk', hold => 1);
sql(enqueue('h', 1, 'first'));
ok($joor->wait_for(held => 1, account => 'first'), 'a request hangs');
sql('CREATE DATABASE neighbour');
$node->safe_psql('neighbour', 'CREATE EXTENSION joor_inventory');
$begun = time;
$node->safe_psql('neighbour', 'DROP EXTENSION joor_inventory');
sql('DROP DATABASE neighbour');
note(sprintf 'DROP EXTENSION and DROP DATABASE of another database: %.0f ms', 1000 * (time - $begun));
cmp_ok(time - $begun, '<', 8, 'another database, and the extension in it, can be dropped');
$begun = time;
sql('SET lock_timeout = 5000; BEGIN; DROP EXTENSION joor_inventory CASCADE; ROLLBACK');
note(sprintf 'DROP EXTENSION: %.0f ms', 1000 * (time - $begun));
cmp_ok(time - $begun, '<', 4, 'DROP EXTENSION waits for no request');
$begun = time;
$node->stop('fast');
note(sprintf 'fast shutdown: %.0f ms', 1000 * (time - $begun));
cmp_ok(time - $begun, '<', 5, 'nor does a fast shutdown');
$joor->release;
$node->start;
is(sql("SELECT joor.wait('first', '20 s')"), 't', 'started again: the queue goes out by itself');
is(stock('first')->{h}, 1, 'nothing was lost');
my %asked;
my $said = slurp_file($node->logfile, $log_at);
$asked{$1}++ while $said =~ /FATAL:  database (\d+) does not exist/g;
is(scalar(grep { $_ > 1 } values %asked), 0, 'a dropped database is asked for once at most');
unlike(slurp_file($node->logfile), qr/PANIC|TRAP|terminated by signal/, 'no crash');
is_deeply($joor->violations, [], 'no rule of JOOR was broken');
# An extension that is dropped wants no worker any more.
$node->safe_psql('postgres', q{SELECT joor.enqueue($$SELECT 'd' AS upc, 1 AS inventory$$, 'first')});
is(sql("SELECT joor.wait('first', '20 s')"), 't', 'a worker is there');
$log_at = -s $node->logfile;
sql('DROP EXTENSION joor_inventory CASCADE');
$node->wait_until(q{SELECT NOT EXISTS (SELECT FROM pg_stat_activity WHERE datname = 'postgres' AND backend_type = 'joor_inventory worker')},
	'DROP EXTENSION: its worker leaves');
my ($until, $starts) = (time + 4, 0);
while (time < $until && !$starts)
{
	$starts = () = slurp_file($node->logfile, $log_at) =~ /starting background worker process "joor_inventory worker/g;
	select(undef, undef, undef, 0.1);
}
is($starts, 0, 'and the launcher starts no other one');
sql('CREATE EXTENSION joor_inventory');
$node->account($joor, 'again', options => "credits '100000000'", simulator => { credits => 100_000_000 });
sql(enqueue('a', 1, 'again'));
is(sql("SELECT joor.wait('again', '20 s')"), 't', 'made anew: its worker starts at once');
$node->stop;
done_testing();
