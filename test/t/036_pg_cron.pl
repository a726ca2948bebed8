# pg_cron and feeds: a sync every minute, an overwrite at night.
#
# Proves that a role that is no superuser, with the grants that doc/recipes.md
# names and no others, can have both as jobs, in both ways in which pg_cron runs
# them: through a connection and in a background worker.  The sync brings to
# JOOR what no trigger has marked; the overwrite takes away what JOOR has and
# the feed does not; pg_cron's record says that they succeeded, and of a job
# that fails, why.
#
# pg_cron of PostgreSQL 15 in Debian 12 knows minutes only: all jobs run in
# one, of both servers.

use strict;
use warnings;

use JoorNode;
use JoorSimulator;
use Test::More;

chomp(my $sharedir = `pg_config --sharedir`);
plan skip_all => 'pg_cron is not installed for this PostgreSQL'
  unless -e "$sharedir/extension/pg_cron.control";

my %server;
foreach my $way (qw(connection worker))
{
	my $joor = JoorSimulator->new;
	my $node = JoorNode->new("cron_$way", preload => 'pg_cron, joor_inventory',
		conf => "cron.database_name = 'postgres'\nmax_worker_processes = 20\n"
		  . ($way eq 'worker' ? "cron.use_background_workers = on\n" : ''));
	if ($way eq 'connection')
	{
		# there is no TCP port: by the socket, whose folder is known only now
		$node->append_conf('postgresql.conf', sprintf("cron.host = '%s'\n", $node->host));
		$node->restart;
	}
	$node->account($joor, $_) foreach qw(joor nightly);
	$server{$way} = { joor => $joor, node => $node };
}

# One role that owns feeds, one whose jobs run.
my $setup = q{
	CREATE EXTENSION pg_cron;
	CREATE ROLE brand LOGIN;
	CREATE ROLE jobs LOGIN;
	GRANT USAGE ON SCHEMA joor TO brand, jobs;
	GRANT USAGE ON SCHEMA cron TO jobs;
	GRANT EXECUTE ON FUNCTION joor.create_feed, joor.watch TO brand;
	GRANT EXECUTE ON FUNCTION joor.sync, joor.push_feed TO jobs;
	GRANT USAGE ON FOREIGN SERVER joor, nightly TO brand, jobs;
	CREATE SCHEMA shop AUTHORIZATION brand;

	SET SESSION AUTHORIZATION brand;
	CREATE TABLE shop.stock (upc text, on_hand integer);
	INSERT INTO shop.stock SELECT 'u' || g, g FROM generate_series(1, 10) g;
	SELECT joor.create_feed('stock', 'SELECT upc, on_hand AS inventory FROM shop.stock', key => 'upc');
	SELECT joor.create_feed('all', 'SELECT upc, on_hand AS inventory FROM shop.stock', 'nightly', key => 'upc');
	SELECT joor.watch('stock', 'shop.stock', key => 'upc');
	GRANT SELECT ON joor.feed_stock, joor.feed_all TO jobs;
	UPDATE shop.stock SET on_hand = on_hand;
	RESET SESSION AUTHORIZATION;
	SELECT joor.wait('joor', '60 s');
};

# What no trigger marks.
my $unseen = q{
	SET SESSION AUTHORIZATION brand;
	ALTER TABLE shop.stock DISABLE TRIGGER USER;
	UPDATE shop.stock SET on_hand = 100 WHERE upc = 'u1';
	DELETE FROM shop.stock WHERE upc = 'u2';
	INSERT INTO shop.stock VALUES ('u11', 11);
	ALTER TABLE shop.stock ENABLE ALWAYS TRIGGER joor_stock;
};

my $schedule = q{
	SET SESSION AUTHORIZATION jobs;
	SELECT cron.schedule('joor sync', '* * * * *', $$SELECT joor.sync('stock')$$);
	SELECT cron.schedule('joor overwrite', '* * * * *', $$SELECT * FROM joor.push_feed('all', overwrite => true)$$);
	SELECT cron.schedule('joor mistake', '* * * * *', $$SELECT joor.sync('stok')$$);
};

foreach my $way (sort keys %server)
{
	my ($joor, $node) = @{ $server{$way} }{qw(joor node)};

	$node->safe_psql('postgres', $setup);
	is(scalar @{ $joor->state('joor') }, 10, "$way: the feed is on JOOR");
	$joor->set_state('nightly', { upc => 'stranger', inventory => 99 });
	$node->safe_psql('postgres', $unseen);
	is($node->safe_psql('postgres', q{SELECT count(*) FROM joor.drift('stock')}), 3,
		"$way: it differs from JOOR, and nothing is marked");
	$node->safe_psql('postgres', $schedule);
}

my %wanted = (u1 => 100, u11 => 11, map { ("u$_" => $_) } 3 .. 10);

foreach my $way (sort keys %server)
{
	my ($joor, $node) = @{ $server{$way} }{qw(joor node)};
	my $stock = sub { return { map { $_->{sku} => $_->{inventory} } @{ $joor->state($_[0]) } } };

	$node->wait_until(q{SELECT count(DISTINCT jobid) = 3 FROM cron.job_run_details WHERE end_time IS NOT NULL},
		"$way: all jobs have run");
	is($node->safe_psql('postgres', q{
			SELECT jobname, d.username, min(status) FROM cron.job_run_details d JOIN cron.job USING (jobid)
			WHERE end_time IS NOT NULL GROUP BY 1, 2 ORDER BY 1}),
		"joor mistake|jobs|failed\njoor overwrite|jobs|succeeded\njoor sync|jobs|succeeded",
		"$way: they succeeded, but for the mistake");
	like($node->safe_psql('postgres', q{SELECT return_message FROM cron.job_run_details WHERE status = 'failed' LIMIT 1}),
		qr/feed "stok" does not exist/, "$way: of which pg_cron says why it failed");
	is($node->safe_psql('postgres', q{SELECT joor.wait('joor', '60 s')}), 't', "$way: what the sync found is sent");
	is_deeply($stock->('joor'), { %wanted, u2 => 0 }, "$way: JOOR has what the feed says");
	is($node->safe_psql('postgres', q{SELECT count(*) FROM joor.drift('stock')}), 0, "$way: nothing differs");
	is_deeply($stock->('nightly'), { %wanted, stranger => undef },
		"$way: the overwrite has replaced what was there");
	is($node->safe_psql('postgres', q{SELECT DISTINCT user_name, source, overwrite, outcome FROM joor.request
			WHERE server = 'nightly' AND operation = 'bulk_inventory'}),
		'jobs|push_feed|t|delivered', "$way: and is recorded");
	is_deeply([ grep { $_->{rule} !~ /^token$/ } @{ $joor->violations } ], [], "$way: no rule of JOOR was broken")
	  or diag(explain($joor->violations));
	unlike(PostgreSQL::Test::Utils::slurp_file($node->logfile), qr/PANIC|TRAP|was terminated by signal/, "$way: no crash");
	$node->stop;
}
done_testing();
