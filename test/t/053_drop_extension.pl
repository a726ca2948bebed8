# DROP EXTENSION while the worker looks into the queue.
#
# Proves: it waits for the worker's transaction, or the worker for it, and
# neither ends by a deadlock, in whatever order the two go through the tables;
# afterwards the worker leaves.

use strict;
use warnings;

use IPC::Run ();
use JoorNode;
use Test::More;

my $node = JoorNode->new('drop_extension', preload => 1, conf => 'deadlock_timeout = 10ms');

sub sql { return $node->safe_psql('postgres', $_[0]) }

sub enqueue { return "SELECT joor.enqueue('SELECT ''$_[0]'' AS upc, 1 AS inventory')" }

# Whether a session that is told by this condition waits for a lock.
sub waits_for_lock
{
	my ($condition, $name) = @_;

	$node->wait_until("SELECT count(*) > 0 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND $condition", $name);
	return;
}

# Nothing can be sent: the worker looks whether the account was resumed.
sql(q{CREATE SERVER joor FOREIGN DATA WRAPPER joor_inventory OPTIONS (url 'http://127.0.0.1:9/v2')});
my $enqueuer = $node->background_psql('postgres');
sql(enqueue('a'));
$node->wait_until(q{SELECT state = 'blocked' FROM joor.drain}, 'the account is blocked');

# The worker is woken while DROP EXTENSION has begun and waits for a table.
my $locker = $node->background_psql('postgres');
$enqueuer->query_safe('BEGIN; ' . enqueue('b'));
$locker->query_safe('BEGIN; LOCK TABLE joor.account IN ACCESS EXCLUSIVE MODE');
my ($out, $err) = ('', '');
my $drop = IPC::Run::start(
	[ 'psql', '-XAtq', '-v', 'ON_ERROR_STOP=1', '-d', $node->connstr('postgres'), '-c', 'DROP EXTENSION joor_inventory CASCADE' ],
	'<', \undef, '>', \$out, '2>', \$err, IPC::Run::timeout(60));
waits_for_lock(q{query LIKE 'DROP EXTENSION%'}, 'DROP EXTENSION waits for a table');
$enqueuer->query_safe('COMMIT');
$enqueuer->quit;
waits_for_lock(q{backend_type = 'joor_inventory worker'}, 'the worker waits');
$locker->query_safe('COMMIT');
$locker->quit;
$drop->finish;
unlike($err, qr/deadlock/, 'no deadlock');
is(sql(q{SELECT count(*) FROM pg_extension WHERE extname = 'joor_inventory'}), 0, 'the extension is dropped');
$node->wait_until(q{SELECT count(*) = 0 FROM pg_stat_activity WHERE backend_type = 'joor_inventory worker'}, 'the worker leaves');
unlike(PostgreSQL::Test::Utils::slurp_file($node->logfile), qr/deadlock detected/, 'nor in the log');

done_testing();
