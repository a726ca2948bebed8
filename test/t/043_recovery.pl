# A standby can be read, and a cluster put back to a point in time catches up.
#
# Proves that on a hot standby every view can be read, joor.preview and
# joor.drift work and what writes is refused; that a cluster restored to a
# point in time, with feeds, marks and a request in flight, sends what it had
# queued then and nothing else, so that JOOR shows the stock of that point for
# all keys that had changed, loses none, and joor.sync makes the rest equal.

use strict;
use warnings;

use Cwd qw(abs_path);
use JoorNode;
use JoorSimulator;
use PostgreSQL::Test::Utils;
use Test::More;

my $ample = 100_000_000;
my $joor = JoorSimulator->new;
my $primary = JoorNode->new('recovery_primary', preload => 1, init => { allows_streaming => 1, has_archiving => 1 });

# The server's working directory is another than ours.
my $archive = abs_path($primary->archive_dir);
$primary->append_conf('postgresql.conf', "archive_command = 'cp \"%p\" \"$archive/%f\"'");
$primary->reload;

sub sql { return $primary->safe_psql('postgres', $_[0]) }

sub stock
{
	return { map { $_->{upc} => $_->{inventory} } @{ $joor->state('joor') } };
}

$primary->account($joor, 'joor', options => "credits '$ample', max_items '5'", simulator => { credits => $ample });
sql(q{CREATE TABLE stock (id int PRIMARY KEY, n int NOT NULL); INSERT INTO stock SELECT g, 1 FROM generate_series(1, 20) g;
	SELECT joor.create_feed('f', 'SELECT id, ''u'' || id AS upc, n AS inventory FROM public.stock', key => 'id');
	SELECT joor.watch('f', 'stock', 'id'); SELECT joor.sync('f')});
is(sql(q{SELECT joor.wait('joor', '60 s')}), 't', 'all is sent');
$primary->backup('backup');

#
# A hot standby
#
my $standby = PostgreSQL::Test::Cluster->new('recovery_standby');
$standby->init_from_backup($primary, 'backup', has_streaming => 1);
$standby->start;
sql('UPDATE stock SET n = 2 WHERE id = 1');
is(sql(q{SELECT joor.wait('joor', '60 s')}), 't', 'a change is sent');
$primary->wait_for_catchup($standby);
foreach my $view (split /\n/, sql(q{SELECT oid::regclass FROM pg_class WHERE relnamespace = 'joor'::regnamespace AND relkind IN ('r', 'v')}))
{
	my ($out, $err) = ('', '');
	is($standby->psql('postgres', "SELECT count(*) FROM $view", stdout => \$out, stderr => \$err), 0, "standby: $view can be read")
	  or diag($err);
}
is($standby->safe_psql('postgres', q{SELECT sum(items) FROM joor.preview('SELECT ''u'' || id AS upc, n AS inventory FROM stock')}), 20,
	'standby: joor.preview');
is($standby->safe_psql('postgres', q{SELECT count(*) FROM joor.drift('f')}), 0, 'standby: joor.drift');
foreach my $call (q{joor.sync('f')}, q{joor.sync('f', true)}, q{joor.push_feed('f')}, q{joor.enqueue('SELECT ''u1'' AS upc, 1 AS inventory')},
	q{joor.push('SELECT ''u1'' AS upc, 1 AS inventory')}, q{joor.activate('joor')}, q{joor.pause('joor')}, q{joor.drop_feed('f')},
	q{joor.create_feed('g', 'SELECT id, ''u'' || id AS upc, n AS inventory FROM public.stock', key => 'id')}, q{joor.retry(1)})
{
	my ($out, $err) = ('', '');
	$standby->psql('postgres', "SELECT * FROM $call", stdout => \$out, stderr => \$err);
	like($err, qr/ERROR:  .*(?:read-only transaction|during recovery|standby)/, "standby: $call is refused");
	unlike($err, qr/XX000/, "standby: $call: no internal error");
}
$standby->stop;

#
# A point in time
#
# The first of four requests hangs, at the point to which we shall return.
$joor->fault(account => 'joor', operation => 'bulk', hold => 1);
sql('UPDATE stock SET n = 3');
ok($joor->wait_for(under_way => 1), 'a request is under way');
is(sql(q{SELECT count(*) FROM joor.request WHERE outcome = 'sending'}), 1, 'and its row says so');
sql(q{SELECT pg_create_restore_point('then')});
sql('UPDATE stock SET n = 4 WHERE id <= 10');
$joor->release;
is(sql(q{SELECT joor.wait('joor', '60 s')}), 't', 'later, all is sent');
is_deeply(stock(), { map { ("u$_" => $_ <= 10 ? 4 : 3) } 1 .. 20 }, 'JOOR is ahead of the point');
sql('SELECT pg_switch_wal()');
$primary->stop;

my $back = PostgreSQL::Test::Cluster->new('recovery_back');
$back->init_from_backup($primary, 'backup', has_restoring => 1, standby => 0);
$back->append_conf('postgresql.conf', "restore_command = 'cp \"$archive/%f\" \"%p\"'\nrecovery_target_name = 'then'\nrecovery_target_action = 'promote'");
my $before = $joor->summary->{calls};
$back->start;
ok($back->poll_query_until('postgres', 'SELECT NOT pg_is_in_recovery()'), 'back at that point');
ok($back->poll_query_until('postgres', 'SELECT NOT EXISTS (SELECT FROM joor.queue)'), 'it sends what it had queued');
is($back->safe_psql('postgres', q{SELECT count(*) FROM joor.request WHERE outcome = 'unknown'}), 1, 'the request that was under way is of unknown outcome');
is($back->safe_psql('postgres', q{SELECT count(*) FROM joor.request WHERE outcome = 'sending'}), 0, 'none is left open');
is_deeply(stock(), { map { ("u$_" => 3) } 1 .. 20 }, 'JOOR shows the stock of that point: nothing is lost, nothing stale is left');
note($joor->summary->{calls} - $before, ' requests were made after the return');
is($back->safe_psql('postgres', q{SELECT count(*) FROM joor.drift('f')}), 0, 'and it knows');
# what JOOR had got since is not known there: a change that was not queued then
$joor->set_state('joor', map { { upc => "u$_", inventory => 9 } } 1 .. 20);
is($back->safe_psql('postgres', q{SELECT joor.sync('f', everything => true)}), 20, 'joor.sync with everything sends all');
is($back->safe_psql('postgres', q{SELECT joor.wait('joor', '60 s')}), 't', 'again');
is_deeply(stock(), { map { ("u$_" => 3) } 1 .. 20 }, 'JOOR is equal');
unlike(slurp_file($_->logfile), qr/PANIC|TRAP|was terminated by signal|XX000/, 'no crash of ' . $_->name) foreach $primary, $standby, $back;
$back->stop;
done_testing();
