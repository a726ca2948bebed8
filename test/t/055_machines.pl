# More than one machine: a subscriber that sends for a primary, and a failover
# from which the old primary comes back.
#
# Proves that with the extension on a logical subscriber only, JOOR follows the
# primary, which has nothing of ours: by the first copy, by inserts, updates,
# deletes and TRUNCATE, after a restart of the subscriber and while JOOR is
# down, which holds up no replication; that triggers enabled otherwise would
# not fire; that a change committed just before a crash is sent after the
# promotion; and that the old primary, rewound and brought back as a standby,
# sends nothing.

use strict;
use warnings;

use JoorNode;
use JoorSimulator;
use PostgreSQL::Test::Utils;
use Test::More;

my $ample = 100_000_000;
my $options = "credits '$ample', max_items '5'";
my $joor = JoorSimulator->new;

sub stock
{
	my ($account) = @_;

	return { map { $_->{upc} => $_->{inventory} } @{ $joor->state($account) } };
}

# Makes the table of stock; with the feed, if an account is named.
sub make_stock
{
	my ($node, $account) = @_;

	$node->safe_psql('postgres', 'CREATE TABLE stock (id int PRIMARY KEY, n int NOT NULL)');
	$node->safe_psql('postgres', <<"SQL") if $account;
SELECT joor.create_feed('f', 'SELECT id, ''u'' || id AS upc, n AS inventory FROM public.stock', '$account', 'id');
SELECT joor.watch('f', 'stock', 'id');
SQL
	return;
}

subtest 'a logical subscriber' => sub {
	my $primary = JoorNode->new('publisher', bare => 1, init => { allows_streaming => 'logical' });
	my $subscriber = JoorNode->new('subscriber', preload => 1);

	# What the primary has committed has arrived at JOOR.
	my $follows = sub {
		my ($what) = @_;
		my %wanted = map { split /\|/ } split /\n/, $primary->safe_psql('postgres', q{SELECT 'u' || id, n FROM stock});

		$primary->wait_for_catchup('stock');
		is($subscriber->safe_psql('postgres', q{SELECT joor.wait('joor', '60 s')}), 't', "$what: all is sent");
		my %has = %{ stock('joor') };
		is_deeply({ map { $_ => $has{$_} } grep { $has{$_} || exists $wanted{$_} } keys %has }, \%wanted, "$what: JOOR has it");
		is($subscriber->safe_psql('postgres', q{SELECT count(*) FROM joor.drift('f')}), 0, "$what: no drift");
		return;
	};

	make_stock($primary);
	$primary->safe_psql('postgres', 'INSERT INTO stock SELECT g, g FROM generate_series(1, 12) g; CREATE PUBLICATION stock FOR TABLE stock');
	$subscriber->account($joor, 'joor', options => $options, simulator => { credits => $ample });
	make_stock($subscriber, 'joor');
	my $connection = $primary->connstr('postgres') . ' application_name=stock';
	$subscriber->safe_psql('postgres', "CREATE SUBSCRIPTION stock CONNECTION \$\$$connection\$\$ PUBLICATION stock");
	$subscriber->wait_until(q{SELECT count(*) = 1 FROM pg_subscription_rel WHERE srsubstate = 'r'}, 'the first copy is over');
	$follows->('the first copy');
	$primary->safe_psql('postgres', 'UPDATE stock SET n = n + 100 WHERE id <= 6; INSERT INTO stock VALUES (20, 7)');
	$follows->('changes');
	$primary->safe_psql('postgres', 'DELETE FROM stock WHERE id = 1; UPDATE stock SET id = 30 WHERE id = 2');
	$follows->('a deletion and another key');
	is(stock('joor')->{u1} + stock('joor')->{u2}, 0, 'what is gone is 0');

	# JOOR's trouble is not the primary's, nor replication's.
	$joor->fault(account => 'joor', operation => 'bulk', hold => 1);
	$primary->safe_psql('postgres', 'UPDATE stock SET n = 1');
	ok($joor->wait_for(held => 1), 'JOOR hangs');
	$primary->safe_psql('postgres', 'UPDATE stock SET n = 2');
	$primary->wait_for_catchup('stock');
	is($subscriber->safe_psql('postgres', 'SELECT count(*) FROM stock WHERE n <> 2'), 0, 'the subscriber goes on applying');
	$subscriber->restart;
	$joor->release;
	$follows->('after a restart of the subscriber');

	$primary->safe_psql('postgres', 'TRUNCATE stock');
	$follows->('TRUNCATE');
	is((grep { $_ } values %{ stock('joor') }), 0, 'everything is 0');

	is($primary->safe_psql('postgres', q{SELECT count(*) FROM pg_extension WHERE extname = 'joor_inventory'}), 0, 'the primary has no extension');
	is($primary->safe_psql('postgres', q{SELECT count(*) FROM pg_trigger WHERE NOT tgisinternal}), 0, 'and no trigger');
	unlike($primary->safe_psql('postgres', 'SHOW shared_preload_libraries'), qr/joor/, 'and no library');

	# Why the triggers are what they are: others do not see what is applied.
	is($subscriber->safe_psql('postgres', q{SELECT string_agg(DISTINCT tgenabled::text, '') FROM pg_trigger WHERE tgname LIKE 'joor\_%'}), 'A',
		'triggers are ENABLE ALWAYS');
	$subscriber->safe_psql('postgres', 'ALTER TABLE stock DISABLE TRIGGER USER; ALTER TABLE stock ENABLE TRIGGER USER');
	$primary->safe_psql('postgres', 'INSERT INTO stock VALUES (40, 4)');
	$primary->wait_for_catchup('stock');
	is($subscriber->safe_psql('postgres', q{SELECT (SELECT count(*) FROM joor.queue) || ' ' || (SELECT count(*) FROM joor.drift('f'))}), '0 1',
		'enabled by hand as usual they miss a change');
	$subscriber->safe_psql('postgres', q{SELECT joor.watch('f', 'stock', 'id'); SELECT joor.sync('f')});
	$follows->('joor.watch and joor.sync mend it');

	unlike(slurp_file($_->logfile), qr/PANIC|TRAP|was terminated by signal|XX000/, 'no crash of ' . $_->name) foreach $primary, $subscriber;
	$subscriber->safe_psql('postgres', 'DROP SUBSCRIPTION stock');
	$_->stop foreach $subscriber, $primary;
};

subtest 'a failover and a failback' => sub {
	my $old = JoorNode->new('old', preload => 1, init => { allows_streaming => 1 }, conf => "wal_log_hints = on\nwal_keep_size = '256MB'");

	$old->account($joor, 'failover', options => $options, simulator => { credits => $ample });
	make_stock($old, 'failover');
	$old->safe_psql('postgres', 'INSERT INTO stock SELECT g, 1 FROM generate_series(1, 12) g');
	is($old->safe_psql('postgres', q{SELECT joor.wait('failover', '60 s')}), 't', 'all is sent');
	$old->backup('backup');
	my $new = PostgreSQL::Test::Cluster->new('new');
	$new->init_from_backup($old, 'backup', has_streaming => 1);
	$new->start;

	# The last commits before the crash are at the standby, and not at JOOR.
	$joor->fault(account => 'failover', operation => 'bulk', hold => 1);
	$old->safe_psql('postgres', 'UPDATE stock SET n = 2');
	ok($joor->wait_for(held => 1), 'a request is under way');
	$old->safe_psql('postgres', 'UPDATE stock SET n = 3 WHERE id > 6');
	$old->wait_for_catchup($new);
	$old->stop('immediate');
	$new->promote;
	$joor->release;
	is($new->safe_psql('postgres', q{SELECT joor.wait('failover', '60 s')}), 't', 'the promoted one sends all');
	is_deeply(stock('failover'), { map { ("u$_" => $_ > 6 ? 3 : 2) } 1 .. 12 }, 'JOOR has the last commits');

	# The old one comes back as a standby; before, it must not start alone.
	$new->safe_psql('postgres', 'CHECKPOINT');
	command_ok(
		[ 'pg_rewind', '--target-pgdata', $old->data_dir, '--source-server', $new->connstr('postgres'), '--no-sync' ],
		'pg_rewind');
	$old->append_conf('postgresql.conf', 'port = ' . $old->port);
	$old->append_conf('postgresql.conf', 'unix_socket_directories = \'' . $old->host . "'");
	$old->enable_streaming($new);
	$old->set_standby_mode;
	$old->start;
	$new->safe_psql('postgres', 'UPDATE stock SET n = 4 WHERE id = 1');
	is($new->safe_psql('postgres', q{SELECT joor.wait('failover', '60 s')}), 't', 'the new primary sends');
	$new->wait_for_catchup($old);
	is($old->safe_psql('postgres', q{SELECT state FROM joor.status}), 'standby',
		'the old one does not');
	is($old->safe_psql('postgres', q{SELECT count(*) FROM pg_stat_activity WHERE backend_type LIKE 'joor_inventory%'}), 0, 'it has no worker');

	# And back again, as planned.
	$new->stop('fast');
	$old->promote;
	$old->safe_psql('postgres', 'UPDATE stock SET n = 5 WHERE id = 2');
	is($old->safe_psql('postgres', q{SELECT joor.wait('failover', '60 s')}), 't', 'promoted again, it sends');
	is_deeply(stock('failover'), { u1 => 4, u2 => 5, map { ("u$_" => $_ > 6 ? 3 : 2) } 3 .. 12 }, 'JOOR has all');
	is($old->safe_psql('postgres', q{SELECT count(*) FROM joor.drift('f')}), 0, 'and it knows');
	unlike(slurp_file($_->logfile), qr/PANIC|TRAP|was terminated by signal|XX000/, 'no crash of ' . $_->name) foreach $old, $new;
	$old->stop;
};

is($joor->summary->{refused}, 0, 'no 429');
done_testing();
