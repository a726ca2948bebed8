# Metrics for Prometheus, by the exporter as Debian packages it.
#
# Proves: monitoring/postgres_exporter.yaml works with the real exporter, as a
# role with no more than the grants of doc/monitoring.md, and its values are
# those of the views; every metric of the Grafana dashboard is scraped, and
# every metric that is scraped has a help text and no label but those meant.

use strict;
use warnings;

use HTTP::Tiny;
use IPC::Run ();
use JoorNode;
use JoorSimulator;
use JSON::PP;
use PostgreSQL::Test::Utils ();
use Test::More;
use Time::HiRes qw(sleep time);

my $program = 'prometheus-postgres-exporter';
plan skip_all => "Debian's package $program is not installed" unless grep { -x "$_/$program" } split /:/, $ENV{PATH};

my $joor = JoorSimulator->new;
my $node = JoorNode->new('exporter', preload => 1);

sub sql { return $node->safe_psql('postgres', $_[0]) }

$node->account($joor, 'joor', options => "max_items '2'");
$node->account($joor, 'idle', inactive => 1);
$joor->account('joor', reject => ['p1']);
sql(q{CREATE TABLE stock (sku int, upc text, inventory int);
	SELECT joor.create_feed('shop', 'SELECT sku, upc, inventory FROM public.stock', key => 'sku');
	SELECT joor.watch('shop', 'stock', 'sku');
	SELECT outcome FROM joor.push($$SELECT 'p' || i AS upc, i AS inventory FROM generate_series(1, 5) i$$);
	SELECT joor.enqueue('SELECT ''q'' AS upc, 1 AS inventory', 'idle');
	UPDATE joor.queue_item SET queued_at = queued_at - interval '1 hour'});

# The grants are those that the documentation gives.
my $manual = PostgreSQL::Test::Utils::slurp_file('doc/monitoring.md');
my ($grants) = $manual =~ /```sql\n(CREATE ROLE joor_monitor .*?)```/s or die 'no grants in doc/monitoring.md';
sql($grants);

my $port = PostgreSQL::Test::Cluster::get_free_port();
$ENV{DATA_SOURCE_NAME} = sprintf 'host=%s port=%d user=joor_monitor dbname=postgres sslmode=disable', $node->host, $node->port;
my $log = '';
my $exporter = IPC::Run::start(
	[ $program, "--web.listen-address=127.0.0.1:$port", '--extend.query-path=monitoring/postgres_exporter.yaml',
		'--disable-default-metrics', '--disable-settings-metrics' ],
	'<', \undef, '>', \$log, '2>', \$log);

my $scrape = '';
my $deadline = time() + 60;
until ($scrape =~ /^joor_/m)
{
	if (time() > $deadline)
	{
		IPC::Run::pump_nb($exporter);
		die "no metric was scraped: $log";
	}
	my $answer = HTTP::Tiny->new(timeout => 20)->get("http://127.0.0.1:$port/metrics");
	$scrape = $answer->{success} ? $answer->{content} : '';
	sleep(0.1) unless $scrape =~ /^joor_/m;
}
$exporter->kill_kill;

# Metric => { labels => value }, the label of the server left out.
my %value;
while ($scrape =~ /^(joor_\w+)(?:\{(.*)\})? (\S+)$/mg)
{
	my ($metric, $labels, $number) = ($1, $2 // '', $3);
	$labels = join ',', sort grep { !/^server=/ } $labels =~ /(\w+="[^"]*")/g;
	$value{$metric}{$labels} = 0 + $number;
}
unlike($scrape, qr/^pg_exporter_last_scrape_error\{?.*\}? 1$/m, 'the scrape had no error') or diag $log;
unlike($scrape, qr/^pg_exporter_user_queries_load_error\{.*\} 1$/m, 'the queries were read');
is($scrape =~ /token-of-joor/ ? 1 : 0, 0, 'no token');
is_deeply([ grep { $scrape !~ /^# HELP $_ \S/m } sort keys %value ], [], 'every metric has a help text');

# What the views say.
my %expected;
sub expects
{
	my ($metric, $labels, $query) = @_;

	for my $row (@{ $node->rows($query) })
	{
		my $key = join ',', sort map { qq($_="$row->{$_}") } @$labels;
		$expected{$metric}{$key} = 0 + $row->{value};
	}
	return;
}
expects('joor_requests_total', [qw(account outcome)], qq{SELECT account, '$_' AS outcome, $_ AS value FROM joor.stat})
  for qw(delivered partly_rejected refused unknown failed throttled);
expects("joor_sent_${_}_total", ['account'], "SELECT account, $_ AS value FROM joor.stat")
  for qw(items items_accepted items_rejected items_drained bytes credits retries unreachable);
expects('joor_sent_stops_total', ['account'], 'SELECT account, stopped AS value FROM joor.stat');
expects('joor_sent_call_seconds_total', ['account'], 'SELECT account, total_time / 1000 AS value FROM joor.stat');
expects('joor_sent_call_seconds_max', ['account'], 'SELECT account, max_time / 1000 AS value FROM joor.stat');
expects('joor_sent_credit_wait_seconds_total', ['account'], 'SELECT account, credit_wait_time / 1000 AS value FROM joor.stat');
expects('joor_account_active', ['account'], q{SELECT account, (state = 'active')::int AS value FROM joor.status});
expects('joor_account_queued_entries', ['account'], 'SELECT account, queued AS value FROM joor.status');
expects('joor_account_credits_left', ['account'], 'SELECT account, credits_left AS value FROM joor.status');
expects('joor_account_rejections_open', ['account'], 'SELECT account, rejections_open AS value FROM joor.status');
expects('joor_account_requests_in_flight', ['account'], 'SELECT account, sending AS value FROM joor.status');
expects("joor_account_last_${_}_timestamp_seconds", ['account'],
	"SELECT account, coalesce(extract(epoch FROM last_$_), 0) AS value FROM joor.status")
  for qw(success error);
expects('joor_feed_queued_entries', [qw(feed account)], 'SELECT name AS feed, account, queued AS value FROM joor.feed');
expects('joor_feed_queue_age_seconds', [qw(feed account)], 'SELECT name AS feed, account, 0 AS value FROM joor.feed');
expects('joor_feed_watched_tables', [qw(feed account)], 'SELECT name AS feed, account, 1 AS value FROM joor.feed');
expects("joor_feed_$_", [qw(feed account)], 'SELECT name AS feed, account, 0 AS value FROM joor.feed')
  for qw(failing broken_watches);
for my $metric (sort keys %expected)
{
	is_deeply([ sort keys %{ $value{$metric} // {} } ], [ sort keys %{ $expected{$metric} } ], "$metric: its labels");
	cmp_ok(abs(($value{$metric}{$_} // -1) - $expected{$metric}{$_}), '<', 1e-3, "$metric\{$_\}")
	  for sort keys %{ $expected{$metric} };
}
is($value{joor_requests_total}{'account="joor",outcome="partly_rejected"'}, 1, 'a request that was partly rejected');
is($value{joor_sent_items_total}{'account="joor"'}, 5, 'items');
cmp_ok($value{joor_account_queue_age_seconds}{'account="idle"'}, '>=', 3600, 'the age of an entry');
is($value{joor_account_queue_age_seconds}{'account="joor"'}, 0, 'and of none');
is_deeply([ sort keys %{ $value{joor_account_worker_running} } ], [ 'account="idle"', 'account="joor"' ], 'whether there is a worker');
is_deeply([ sort keys %{ $value{joor_doctor_checks} } ], [ map { qq(state="$_") } qw(ok problem unknown) ], 'what the doctor found');
cmp_ok($value{joor_doctor_checks}{'state="problem"'}, '>=', 3, 'problems: not activated, the queue is old, a rejection is open');
is_deeply([ grep { !$expected{$_} } sort keys %value ],
	[qw(joor_account_queue_age_seconds joor_account_worker_running joor_doctor_checks)], 'no other metric');

# The dashboard, and the documentation.
my $dashboard = decode_json(PostgreSQL::Test::Utils::slurp_file('monitoring/grafana_dashboard.json'));
my %shown;
for my $panel (@{ $dashboard->{panels} })
{
	ok($panel->{title} && @{ $panel->{targets} }, "a panel: $panel->{title}");
	$shown{$_}++ for map { $_->{expr} =~ /\b(joor_\w+)/g } @{ $panel->{targets} };
}
cmp_ok(scalar(keys %shown), '>', 10, 'metrics on the dashboard');
is_deeply([ grep { !$value{$_} } sort keys %shown ], [], 'each of them is scraped');
my %place;
$place{"@{ $_->{gridPos} }{qw(x y)}"}++ for @{ $dashboard->{panels} };
is(scalar(keys %place), scalar(@{ $dashboard->{panels} }), 'each panel has a place of its own');
is_deeply([ grep { $manual !~ /\b$_\b/ } sort keys %value ], [], 'each metric is documented');

done_testing();
