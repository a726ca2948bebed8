# Several clusters that share one account of JOOR's.
#
# Proves that two clusters whose options `credits` add up to what JOOR gives
# are never refused for want of credits, with workers and pushes at once, and
# that `reserve` keeps its part for pushes in each; that two which both count
# on all of it are refused and lose nothing; and that a third party that spends
# the account's credits delays items, and loses, reorders and rejects none.

use strict;
use warnings;

use HTTP::Tiny;
use JoorNode;
use JoorSimulator;
use MIME::Base64;
use PostgreSQL::Test::Utils;
use Test::More;

use constant WINDOW => 2;    # seconds
use constant CREDITS => 60;

my $joor = JoorSimulator->new;
my $number = 0;
my @cluster = map { JoorNode->new($_, preload => 1) } 'milano', 'new_york';

# What both tell JOOR of a cluster: its own warehouse, so that no item is in two.
foreach my $node (@cluster)
{
	$node->account($joor, 'joor', simulator => { credits => CREDITS, window => WINDOW },
		options => "credits '" . CREDITS / 2 . "', window '" . WINDOW . " s', reserve '10', max_items '1', warehouse '" . $node->name . "'");
	$node->safe_psql('postgres', <<'SQL');
CREATE TABLE stock (id int PRIMARY KEY, n int NOT NULL);
SELECT joor.create_feed('f', 'SELECT id, ''u'' || id AS upc, n AS inventory FROM public.stock', key => 'id');
SELECT joor.watch('f', 'stock', 'id');
INSERT INTO stock SELECT g, 1 FROM generate_series(1, 12) g;
SQL
}

# What JOOR has, by warehouse and item.
sub stock
{
	return { map { ("$_->{warehouse} $_->{upc}" => $_->{inventory}) } @{ $joor->state('joor') } };
}

sub wanted
{
	my ($n, %more) = @_;

	return { (map { my $name = $_->name; map { ("$name u$_" => $n) } 1 .. 12 } @cluster), %more };
}

sub all_sent
{
	my ($what) = @_;

	is($_->safe_psql('postgres', q{SELECT joor.wait('joor', '120 s')}), 't', $_->name . ": $what") foreach @cluster;
	is($_->safe_psql('postgres', 'SELECT count(*) FROM joor.rejection'), 0, $_->name . ': nothing is blamed') foreach @cluster;
	return;
}

# A third party takes all that is left of the window: the status of its last call.
sub spend_all
{
	my $http = HTTP::Tiny->new;
	my $body = '<?xml version="1.0" encoding="UTF-8"?><inventory_items><inventory_item><warehouse>other</warehouse>'
	  . '<upc>o</upc><inventory>1</inventory></inventory_item></inventory_items>';
	my $status = 0;

	for (my $i = 0; $i < 2 * CREDITS && $status != 429; $i++)
	{
		$status = $http->post($joor->url . '/bulk-inventory',
			{
				headers => {
					'Content-Type' => 'application/xml',
					Accept => 'application/xml',
					Authorization => 'OAuth2 ' . encode_base64('token-of-joor', '')
				},
				content => $body
			})->{status};
	}
	return $status;
}

# How many requests of the clusters were refused by 429, as their records say.
sub throttled
{
	my $count = 0;

	$count += $_->safe_psql('postgres', q{SELECT count(*) FROM joor.request WHERE outcome = 'throttled'}) foreach @cluster;
	return $count;
}

# Makes changes, to another number each time, until JOOR has refused a request
# of a cluster for them: on a busy machine a window may end before it comes to
# that.  The last number.
sub until_refused
{
	my ($change) = @_;
	my $before = throttled();
	my $deadline = time + $PostgreSQL::Test::Utils::timeout_default;

	do
	{
		$number += 10;
		$change->($number);
		all_sent("all $number are sent all the same");
	} until (throttled() > $before or time > $deadline);
	cmp_ok(throttled(), '>', $before, 'some were refused by 429, which their records show');
	return $number;
}

subtest 'half for each' => sub {
	# More requests than credits, and pushes besides.
	foreach my $node (@cluster, @cluster)
	{
		is($node->safe_psql('postgres', q{SELECT outcome FROM joor.push('SELECT ''p''::text AS upc, 1 AS inventory')}), 'delivered',
			$node->name . ': a push');
	}
	all_sent('all is sent');
	is($joor->summary->{refused}, 0, 'no 429');
	is_deeply(stock(), wanted(1, map { ($_->name . ' p' => 1) } @cluster), 'JOOR has both');
	cmp_ok($joor->summary->{calls} * 5, '>', 2 * CREDITS, 'that took more than two windows of credits');

	# The worker has spent its part of a window; the rest is for a push.
	my $node = $cluster[0];
	$node->safe_psql('postgres', 'UPDATE stock SET n = 2');
	$node->wait_until(q{SELECT why_not_now LIKE 'waiting for credits%' OR why_not_now LIKE '%credits%' FROM joor.status}, 'the worker waits for credits');
	my ($code, $out, $err) = $node->try_sql(q{SELECT outcome FROM joor.push('SELECT ''p''::text AS upc, 2 AS inventory')});
	is($out, 'delivered', 'a push is sent');
	unlike($err, qr/waiting for credits/, 'without a wait');
	$cluster[1]->safe_psql('postgres', 'UPDATE stock SET n = 2');
	all_sent('and the rest');
	is_deeply(stock(), wanted(2, $node->name . ' p' => 2, $cluster[1]->name . ' p' => 1), 'JOOR has it');
	is($joor->summary->{refused}, 0, 'no 429');
};

subtest 'a third party' => sub {
	my $n = until_refused(
		sub {
			my ($n) = @_;

			is(spend_all(), 429, 'it has spent the credits');
			$_->safe_psql('postgres', "UPDATE stock SET n = $n; UPDATE stock SET n = $n + 1 WHERE id = 12") foreach @cluster;
		});
	is_deeply(stock(), wanted($n, 'other o' => 1, (map { ($_->name . ' u12' => $n + 1) } @cluster),
			$cluster[0]->name . ' p' => 2, $cluster[1]->name . ' p' => 1), 'JOOR has the latest');
};

subtest 'all for each' => sub {
	$_->safe_psql('postgres', "ALTER SERVER joor OPTIONS (SET credits '" . CREDITS . "', SET reserve '0')") foreach @cluster;
	my $n = until_refused(
		sub {
			my ($n) = @_;

			$_->safe_psql('postgres', "UPDATE stock SET n = $n") foreach @cluster;
		});
	is_deeply(stock(), wanted($n, 'other o' => 1, $cluster[0]->name . ' p' => 2, $cluster[1]->name . ' p' => 1), 'nothing is lost');
};

unlike(slurp_file($_->logfile), qr/PANIC|TRAP|was terminated by signal|XX000/, 'no crash of ' . $_->name) foreach @cluster;
done_testing();
