# A standby sends nothing, and finishes the drain when it is promoted.
#
# Proves that queue, ledger and arming are replicated; that a standby with the
# library preloaded makes no call and says why; and that after a promotion in
# the middle of a drain it goes on by itself.

use strict;
use warnings;

use JoorNode;
use JoorSimulator;
use Test::More;

my $ample = 100_000_000;
my $joor = JoorSimulator->new;
my $primary = JoorNode->new('primary', preload => 1, init => { allows_streaming => 1 });

$primary->account($joor, 'joor', options => "credits '$ample', max_items '10'", simulator => { credits => $ample });
$primary->backup('backup');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($primary, 'backup', has_streaming => 1);
$standby->start;

# The third of ten requests hangs.
$joor->fault(account => 'joor', operation => 'bulk', after => 2, hold => 1);
$primary->safe_psql('postgres',
	"SELECT joor.enqueue('SELECT ''s'' || g AS upc, g AS inventory FROM generate_series(1, 100) g')");
ok($joor->wait_for(held => 1), 'a drain is under way');
$primary->wait_for_catchup($standby);
is($standby->safe_psql('postgres', 'SELECT count(*) FROM joor.queue'), 80, 'the standby has the rest of the queue');
is($standby->safe_psql('postgres', 'SELECT state FROM joor.status'), 'standby', 'status of a standby');
is($standby->safe_psql('postgres', 'SELECT why_not_now FROM joor.status'), 'this server is a standby; the primary sends', 'and why');
is($standby->safe_psql('postgres', q{SELECT count(*) FROM pg_stat_activity WHERE backend_type LIKE 'joor_inventory%'}), 0,
	'no process of ours on a standby');
my ($out, $err);
isnt($standby->psql('postgres', "SELECT joor.enqueue('SELECT ''x''::text AS upc, 1 AS inventory')", stdout => \$out, stderr => \$err), 0,
	'nothing can be queued there');
like($err, qr/read-only transaction|during recovery/, 'as it says');

$primary->stop('immediate');
$standby->promote;
$joor->release;
ok($standby->poll_query_until('postgres', 'SELECT NOT EXISTS (SELECT FROM joor.queue)'), 'promoted, it finishes the drain');
is_deeply({ map { $_->{upc} => $_->{inventory} } @{ $joor->state('joor') } }, { map { ("s$_" => $_) } 1 .. 100 },
	'JOOR has every item');
is($standby->safe_psql('postgres', q{SELECT count(*) FROM joor.request WHERE outcome = 'sending'}), 0, 'no request is left open');
is($standby->safe_psql('postgres', q{SELECT count(*) FROM joor.request WHERE outcome = 'unknown'}), 1, 'the one in flight is of unknown outcome');
is($standby->safe_psql('postgres', 'SELECT state FROM joor.status'), 'active', 'the account is active without another activation');
is($joor->summary->{refused}, 0, 'no 429');
$standby->stop;
done_testing();
