# A feed: JOOR follows a query.
#
# Proves that what JOOR has is what the feed says once the queue is empty: for
# keys that come, change, move and go, for TRUNCATE, for keys of many items,
# for warehouses and dates that disappear; that what is sent is read at the
# moment of sending; that a feed that fails keeps its keys and disturbs no
# other; and that bad rows become rejections while the others are sent.

use strict;
use warnings;

use JoorNode;
use JoorSimulator;
use List::Util qw(sum);
use Test::More;

my $ample = 100_000_000;
my $joor = JoorSimulator->new;
my $node = JoorNode->new('feed', preload => 1);

$node->account($joor, $_, options => "format 'json', json_shape 'flat', credits '$ample', warehouses 'Milano, Paris'",
	simulator => { credits => $ample, warehouses => [qw(Default Milano Paris)] })
  foreach qw(joor other);

sub sql { return $node->safe_psql('postgres', $_[0]) }

# What JOOR has, as "warehouse date sku" => quantity.
sub stock
{
	my ($server) = @_;
	return { map { join(' ', $_->{warehouse}, $_->{inventory_date} // '-', $_->{sku}) => $_->{inventory} }
		  @{ $joor->state($server // 'joor') } };
}

# Waits until all is sent, and compares JOOR with the feed: every position that
# JOOR has is in it with its quantity, or is 0.
sub follows
{
	my ($what, $feed, $server) = @_;
	$feed //= 'stock';
	$server //= 'joor';
	is(sql("SELECT joor.wait('$server', '60 s')"), 't', "$what: the queue is empty in the end");
	my %wanted = map { /^(.*) (\d+)$/ ? ($1 => $2) : () } split /\n/,
	  sql(qq{SELECT warehouse || ' ' || coalesce(inventory_date::text, '-') || ' ' || upc || ' ' || greatest(inventory, 0) FROM joor."feed_$feed"});
	my $has = stock($server);
	$wanted{$_} //= 0 foreach keys %$has;
	is_deeply($has, \%wanted, "$what: JOOR has what the feed says");
	return;
}

sub last_call
{
	my $calls = $joor->calls;
	return @$calls ? $calls->[-1]{number} : 0;
}

sql(q{
	CREATE TABLE sku (id int PRIMARY KEY, upc text NOT NULL);
	CREATE TABLE bin (id serial PRIMARY KEY, sku int REFERENCES sku, warehouse text NOT NULL DEFAULT 'Milano', due date, pieces int NOT NULL);
	CREATE INDEX ON bin (sku);
	CREATE TABLE reserved (sku int, warehouse text, pieces int);
	INSERT INTO sku SELECT g, 'u' || g FROM generate_series(1, 100) g;
	INSERT INTO bin (sku, warehouse, pieces) SELECT g, w, g FROM generate_series(1, 100) g, unnest('{Milano,Paris}'::text[]) w;
	SELECT joor.create_feed('stock', $$
		SELECT s.id AS sku_id, s.upc, b.warehouse, b.due AS inventory_date,
			sum(b.pieces) - coalesce((SELECT sum(r.pieces) FROM reserved r WHERE r.sku = s.id AND r.warehouse = b.warehouse AND b.due IS NULL), 0) AS inventory
		FROM sku s JOIN bin b ON b.sku = s.id GROUP BY s.id, b.warehouse, b.due$$, key => 'sku_id');
	SELECT joor.watch('stock', 'sku', key => 'id');
	SELECT joor.watch('stock', 'bin', key => 'sku');
	SELECT joor.watch('stock', 'reserved', key => 'sku');
});
is($joor->summary->{calls}, 2, 'creating a feed sends nothing');

#
# Keys come, change, move and go
#
sql('UPDATE bin SET pieces = pieces + 1 WHERE sku <= 10');
is(sql("SELECT joor.wait('joor', '60 s')"), 't', 'an update is sent');
is(scalar(keys %{ stock() }), 20, 'only what changed is sent');
is(sql(q{SELECT difference || ' ' || count(*) FROM joor.drift('stock') GROUP BY difference}), 'missing 180', 'joor.drift: the rest is missing');
is(sql(q{SELECT joor.sync('stock')}), 180, 'joor.sync queues it');
follows('sync');
is(sql(q{SELECT count(*) FROM joor.drift('stock')}), 0, 'nothing differs any more');
is(sql(q{SELECT joor.sync('stock')}), 0, 'and nothing is queued');
sql(q{INSERT INTO reserved VALUES (3, 'Milano', 2), (3, 'Milano', 1), (4, 'Paris', 100)});
follows('another table, and a negative sum');
is(stock()->{'Milano - u3'}, 1, 'summed over both');
sql(q{INSERT INTO bin (sku, warehouse, due, pieces) VALUES (5, 'Paris', '2031-02-01', 7)});
follows('a future date comes');
is(stock()->{'Paris 2031-02-01 u5'}, 7, 'as a position of its own');
sql(q{UPDATE bin SET due = '2031-03-01' WHERE due IS NOT NULL});
follows('a date disappears');
is(stock()->{'Paris 2031-02-01 u5'}, 0, 'and is sent as 0');
sql(q{DELETE FROM bin WHERE sku = 6 AND warehouse = 'Paris'});
follows('a warehouse disappears');
sql('DELETE FROM bin WHERE sku = 7');
follows('a key disappears');
is(stock()->{'Milano - u7'}, 0, 'it is sent as 0');
sql('UPDATE bin SET sku = 9 WHERE sku = 8');
follows('rows move to another key');
sql(q{UPDATE sku SET upc = 'v10' WHERE id = 10});
follows('another SKU for a key');
is(stock()->{'Milano - u10'}, 0, 'the old one is sent as 0');
is(sql(q{SELECT count(*) FROM joor.published WHERE feed = 'stock' AND key IS NULL AND inventory = 0}),
	2 + 2 + 1 + 2 + 1, 'what is gone is published as 0, and given up');
my $since = last_call();
sql('UPDATE bin SET pieces = pieces WHERE sku = 7; UPDATE bin SET pieces = pieces WHERE sku = 6');
follows('a key whose 0 was acknowledged');
is(join(' ', map { $_->{items} } @{ $joor->calls(since => $since) }), '1', 'zeros are not sent again');

#
# What is sent is read at the moment of sending
#
$joor->fault(account => 'joor', operation => 'bulk', hold => 1);
sql('UPDATE bin SET pieces = 50 WHERE sku = 11');
ok($joor->wait_for(held => 1, account => 'joor'), 'a request is under way');
$since = last_call();
sql("UPDATE bin SET pieces = $_ WHERE sku = 12") foreach 60 .. 70;
is(sql(q{SELECT count(*) FROM joor.queue WHERE keys = '{12}'}), 11, 'a key that changed eleven times has eleven entries');
$joor->release;
follows('a key that changes often');
is(join(' ', map { $_->{items} } @{ $joor->calls(account => 'joor', since => $since) }), '2', 'it is sent once');

# More such keys than fit a request: each is done with the request that has it.
sql("ALTER SERVER joor OPTIONS (ADD max_items '7'); SELECT joor.pause('joor')");
sql("UPDATE bin SET pieces = $_ WHERE sku BETWEEN 31 AND 50") foreach 71 .. 80;
$since = last_call();
sql("SELECT joor.resume('joor')");
follows('more keys that change often than fit a request');
is(sum(map { $_->{items} } @{ $joor->calls(account => 'joor', since => $since, operation => 'bulk') }), 40, 'each is sent once');
sql('ALTER SERVER joor OPTIONS (DROP max_items)');

# A request of unknown outcome: what it may have brought to JOOR is known.
$joor->fault(account => 'joor', operation => 'bulk', cut => 'before_answer', applied => 1);
sql(q{INSERT INTO sku VALUES (200, 'w200'); INSERT INTO bin (sku, pieces) VALUES (200, 5)});
$node->wait_until(q{SELECT EXISTS (SELECT FROM joor.request WHERE outcome IN ('failed', 'unknown'))}, 'an answer is lost');
sql('BEGIN; DELETE FROM bin WHERE sku = 200; DELETE FROM sku WHERE id = 200; COMMIT');
follows('gone before it was acknowledged');
is(stock()->{'Milano - w200'}, 0, 'a 0 is sent all the same');

#
# Everything
#
sql('UPDATE bin SET pieces = pieces + 1');
follows('all of it');
sql('TRUNCATE reserved');
follows('TRUNCATE of a table beside');
sql('TRUNCATE bin');
follows('TRUNCATE');
is(scalar(grep { $_ != 0 } values %{ stock() }), 0, 'all is 0');
is(sql('SELECT count(*) FROM joor.published WHERE key IS NOT NULL'), 0, 'and given up');

#
# A push of a feed
#
sql(q{INSERT INTO bin (sku, pieces) SELECT g, 4 FROM generate_series(30, 49) g});
is(sql("SELECT joor.wait('joor', '60 s')"), 't', 'more rows are sent');
sql('SELECT joor.stop_worker()');
sql('UPDATE bin SET pieces = 5 WHERE sku < 40; DELETE FROM bin WHERE sku >= 45');
is(sql("SELECT count(*) FROM joor.queue WHERE feed = 'stock'"), 2, 'keys wait');
$since = last_call();
my ($code, $out, $err) = $node->try_sql(q{BEGIN; UPDATE bin SET pieces = 99 WHERE sku = 30; SELECT * FROM joor.push_feed('stock'); COMMIT});
like($err, qr/cannot run in a transaction that has changed something/, 'joor.push_feed sends nothing that is not committed');
is($joor->summary(since => $since)->{calls}, 0, 'no call');
($code, $out, $err) = $node->try_sql(q{SELECT sum(items) FROM joor.push_feed('stock')});
is($code, 0, 'joor.push_feed') or diag($err);
like($out, qr/^20$/m, 'sends all rows, and zeros for those that are gone');
is(sql("SELECT count(*) FROM joor.queue WHERE feed = 'stock'"), 0, 'the keys that waited are done');
sql('SELECT joor.start_worker()');
follows('push of a feed');
is(sql(q{SELECT count(*) FROM joor.drift('stock')}), 0, 'nothing differs after it');
($code, $out, $err) = $node->try_sql(q{SELECT items, outcome FROM joor.push_feed('stock', overwrite => true)});
is($code, 0, 'an overwrite by a feed') or diag($err);
my ($items) = $out =~ /^(\d+)\|delivered$/;
is($items, scalar(keys %{ stock() }), 'with all that JOOR ever had of it, as 0 if need be');
follows('overwrite by a feed');
sql('TRUNCATE bin');
follows('TRUNCATE once more');

# A row without a key could not be sent as 0 when it goes, so it is not sent.
sql(q{
	CREATE TABLE keyless (id int, upc text);
	INSERT INTO keyless VALUES (1, 'k1');
	SELECT joor.create_feed('keyless', 'SELECT id, upc, 5 AS inventory FROM keyless', 'other', 'id');
	INSERT INTO keyless VALUES (NULL, 'k2')});
($code, $out, $err) = $node->try_sql(q{SELECT * FROM joor.push_feed('keyless')});
like($err, qr/row 2 has no key/, 'a row without a key is an error');
is(sql(q{SELECT items, outcome, message FROM joor.push_feed('keyless', on_failure => 'report')}),
	"1|invalid|row 2 has no key\n1|delivered|", 'or is left out and reported');
is_deeply(stock('other'), { 'Default - k1' => 5 }, 'and is not sent');
sql(q{SELECT joor.drop_feed('keyless')});

#
# A key of more items than fit a request
#
sql("ALTER SERVER joor OPTIONS (ADD max_items '7')");
sql(q{INSERT INTO bin (sku, warehouse, due, pieces) SELECT 1, 'Paris', '2031-01-01'::date + g, g FROM generate_series(1, 40) g;
	INSERT INTO bin (sku, pieces) SELECT g, 3 FROM generate_series(2, 6) g;});
$since = last_call();
follows('a large key');
my @sizes = map { $_->{items} } @{ $joor->calls(account => 'joor', operation => 'bulk', since => $since) };
is(scalar(grep { $_ > 7 } @sizes), 0, "no request is too large (@sizes)");
$joor->fault(account => 'joor', operation => 'bulk', after => 2, hold => 1);
sql('UPDATE bin SET pieces = pieces + 100 WHERE sku = 1');
ok($joor->wait_for(held => 1, account => 'joor'), 'parts of it are sent');
sql('UPDATE bin SET pieces = pieces + 100 WHERE sku = 1');
$joor->release;
follows('a large key that changes meanwhile');
sql('DELETE FROM bin WHERE sku = 1');
follows('a large key that goes');
sql("ALTER SERVER joor OPTIONS (DROP max_items)");

#
# Bad rows, refused items
#
sql(q{INSERT INTO bin (sku, pieces) SELECT g, 5 FROM generate_series(20, 60) g});
$joor->account('joor', reject => ['u21'], poison => ['u22']);
sql('UPDATE bin SET pieces = 6 WHERE sku BETWEEN 20 AND 60');
is(sql("SELECT joor.wait('joor', '60 s')"), 't', 'bad items: the queue is empty in the end');
is(sql(q{SELECT string_agg(upc, ',' ORDER BY upc) FROM joor.rejection WHERE closed_at IS NULL AND source = 'joor'}), 'u21,u22', 'they are rejected');
is(scalar(grep { $_ == 6 } map { stock()->{"Milano - u$_"} // -1 } 20 .. 60), 39, 'all others are there');
is(sql(q{SELECT joor.sync('stock')}), 0, 'joor.sync does not repeat what JOOR has just rejected');
my $times = sql(q{SELECT min(times) FROM joor.rejection WHERE closed_at IS NULL AND source = 'joor'});
is(sql(q{SELECT joor.sync('stock', everything => true) > 0}), 't', 'unless it is asked for everything');
is(sql("SELECT joor.wait('joor', '60 s')"), 't', 'everything is sent');
is(sql(q{SELECT min(times) FROM joor.rejection WHERE closed_at IS NULL AND source = 'joor'}), $times + 1, 'and rejected again');
$joor->account('joor', reject => ['u21', 'u50', 'new']);
sql(q{INSERT INTO sku VALUES (300, 'new'); INSERT INTO bin (sku, pieces) VALUES (300, 3)});
is(sql("SELECT joor.wait('joor', '60 s')"), 't', 'an item that JOOR does not know');
sql('DELETE FROM bin WHERE sku = 300; DELETE FROM sku WHERE id = 300');
is(sql("SELECT joor.wait('joor', '60 s')"), 't', 'it goes before JOOR has ever taken it');
is(sql(q{SELECT joor.sync('stock')}), 0, 'and is given up');
is(sql(q{SELECT count(*), count(closed_at) FROM joor.rejection WHERE upc = 'new'}), '1|1', 'nobody has to do anything about it');

# What a request without an answer may have brought there is not given up.
$joor->account('joor', reject => ['u21', 'u50']);
$since = last_call();
$joor->fault(account => 'joor', operation => 'bulk', cut => 'before_answer', applied => 1);
sql(q{INSERT INTO sku VALUES (300, 'doubt'); INSERT INTO bin (sku, pieces) VALUES (300, 3)});
ok($joor->wait_for(ended => 1, account => 'joor', operation => 'bulk', since => $since), 'an item whose answer never came');
$joor->account('joor', reject => ['u21', 'u50', 'doubt']);
sql('DELETE FROM bin WHERE sku = 300; DELETE FROM sku WHERE id = 300');
is(sql("SELECT joor.wait('joor', '60 s')"), 't', 'it goes, and JOOR rejects the 0');
is(stock()->{'Milano - doubt'}, 3, 'JOOR has it');
is(sql(q{SELECT upc FROM joor.drift('stock') WHERE difference = 'gone'}), 'doubt', 'which is known to be possible');
$joor->account('joor', reject => ['u21', 'u50']);
is(sql(q{SELECT joor.sync('stock') > 0}), 't', 'and sends it again');
is(sql("SELECT joor.wait('joor', '60 s')"), 't', 'it is sent');
is(stock()->{'Milano - doubt'}, 0, 'until JOOR has the 0');
$joor->account('joor', reject => [], poison => []);
sql(q{UPDATE bin SET warehouse = 'Roma' WHERE sku = 23; UPDATE bin SET pieces = 7 WHERE sku = 24});
is(sql("SELECT joor.wait('joor', '60 s')"), 't', 'an unknown warehouse: the queue is empty in the end');
is(sql(q{SELECT upc FROM joor.rejection WHERE closed_at IS NULL AND source = 'validation' AND server = 'joor'}), 'u23', 'the row is rejected');
is(stock()->{'Milano - u24'}, 7, 'others are sent');
sql(q{UPDATE bin SET warehouse = 'Milano' WHERE sku = 23; UPDATE bin SET pieces = pieces WHERE sku IN (21, 22)});
follows('mended');

# joor.wait waits for what was handed over to be tried one by one, too.
$joor->account('joor', poison => ['u26']);
$joor->fault(account => 'joor', operation => 'bulk', hold => 1) foreach 1, 2;
sql('UPDATE bin SET pieces = 11 WHERE sku BETWEEN 24 AND 29');
ok($joor->wait_for(held => 1, account => 'joor'), 'a request that will be refused is held');
my $waiter = $node->background_psql('postgres');
$waiter->query_until(qr/begun/, "\\echo begun\nSELECT joor.wait('joor', '120 s');\n");
my $waits = q{SELECT count(*) = 1 FROM pg_stat_activity WHERE state = 'active' AND query ~ '^SELECT joor.wait'};
$node->wait_until($waits, 'somebody waits for it');
$joor->release;
$node->wait_until(q{SELECT EXISTS (SELECT FROM joor.queue_item WHERE since IS NOT NULL)}, 'its items are tried one by one');
ok($joor->wait_for(held => 1, account => 'joor'), 'the next request is held');
is(sql("SELECT pg_sleep(0.3); $waits") =~ s/^\n//r, 't', 'and is waited for');
$joor->release;
$node->wait_until('SELECT NOT EXISTS (SELECT FROM joor.queue)', 'handed over: the queue is empty in the end');
$node->wait_until($waits =~ s/= 1/= 0/r, 'and the wait has ended');
$waiter->quit;
$joor->account('joor', poison => []);
sql('UPDATE bin SET pieces = 12 WHERE sku = 26');
follows('after the hunt');

#
# A feed that fails
#
sql(q{
	CREATE TABLE loose (id int PRIMARY KEY, upc text, divisor int);
	INSERT INTO loose SELECT g, 'x' || g, 1 FROM generate_series(1, 5) g;
	SELECT joor.create_feed('loose', 'SELECT id, upc, ''Milano'' AS warehouse, NULL::date AS inventory_date, 10 / divisor AS inventory FROM loose', key => 'id');
	SELECT joor.watch('loose', 'loose', key => 'id');
});
sql('UPDATE loose SET divisor = 0 WHERE id = 2; UPDATE bin SET pieces = 8 WHERE sku = 25');
$node->wait_until(q{SELECT failure ~ 'division by zero' FROM joor.feed WHERE name = 'loose'}, 'a feed that fails says why');
like(sql(q{SELECT why_not_now FROM joor.status WHERE account = 'joor'}), qr/^feed "loose" fails: division by zero/, 'joor.status says so, too');
is(sql(q{SELECT count(*) FROM joor.queue WHERE feed = 'loose'}), 1, 'its keys stay');
sql('UPDATE bin SET pieces = 9 WHERE sku = 25');
$node->wait_until(q{SELECT NOT EXISTS (SELECT FROM joor.queue WHERE feed = 'stock')}, 'another feed of the account goes on');
is(stock()->{'Milano - u25'}, 9, 'with its quantities');
sql(q{UPDATE loose SET divisor = 5 WHERE id = 2; SELECT joor.resume('joor')});
is(sql("SELECT joor.wait('joor', '60 s')"), 't', 'mended: its queue is empty in the end');
is(stock()->{'Milano - x2'}, 2, 'with its quantity');
is(sql(q{SELECT failed_at IS NULL AND failure IS NULL FROM joor.feed WHERE name = 'loose'}), 't', 'and it fails no longer');

# A row of nothing but its key is refused, and the others of its feed are sent.
sql(q{
	CREATE TABLE hollow (id int PRIMARY KEY, upc text, pieces int);
	SELECT joor.create_feed('hollow', 'SELECT id, upc, pieces AS inventory FROM hollow', server => 'other', key => 'id');
	SELECT joor.watch('hollow', 'hollow', key => 'id');
	INSERT INTO hollow VALUES (1, 'y1', 3), (2, NULL, NULL);
});
is(sql("SELECT joor.wait('other', '30 s')"), 't', 'a row of nulls: the queue is empty in the end');
is(stock('other')->{'Default - y1'}, 3, 'the other row is sent');
like(sql(q{SELECT reason FROM joor.rejection WHERE server = 'other' AND closed_at IS NULL}), qr/has no identity$/, 'the row of nulls is rejected');
sql(q{SELECT joor.drop_feed('hollow'); DROP TABLE hollow});

# One whose keys were pushed while it rested keeps nobody awake.
sql('UPDATE loose SET divisor = 0 WHERE id = 4');
$node->wait_until(q{SELECT failure ~ 'division by zero' FROM joor.feed WHERE name = 'loose'}, 'a feed fails again');
sql('UPDATE loose SET divisor = 2 WHERE id = 4');
sql(q{SELECT * FROM joor.push_feed('loose')});
$node->wait_until(q{SELECT NOT EXISTS (SELECT FROM joor.queue)}, 'it is mended, and pushed');
$node->wait_until(q{SELECT bool_and(worker_pid IS NULL) FROM joor.status}, 'the worker leaves');
is(sql(q{SELECT failure IS NULL FROM joor.feed WHERE name = 'loose'}), 't', 'and the feed fails no longer');

# Keys get their number from the worker: rows that somebody has locked are left
# for the next time, and joor.wait() waits for them all the same
sql("SELECT joor.pause('joor')");
sql('UPDATE bin SET pieces = 11 WHERE sku = 26');
sql('UPDATE bin SET pieces = 12 WHERE sku = 27');
is(sql(q{SELECT count(*), count(id) FROM joor.queue WHERE feed = 'stock'}), '2|0', 'a commit gives no number');
my $holder = $node->background_psql('postgres');
$holder->query_safe(q{BEGIN; SELECT 1 FROM joor.queue_change WHERE keys = '{26}' FOR UPDATE});
sql("SELECT joor.resume('joor')");
$node->wait_until(q{SELECT count(*) = 1 AND count(id) = 0 FROM joor.queue WHERE feed = 'stock'}, 'a locked row is passed over, the others are sent');
is(sql("SELECT joor.wait('joor', '0 s')"), 'f', 'what has no number is waited for');
$holder->query_safe('COMMIT');
$holder->quit;
$node->wait_until(q{SELECT NOT EXISTS (SELECT FROM joor.queue WHERE feed = 'stock')}, 'unlocked, it is sent without being asked for');

# While another account's request is under way, reading a feed leaves that
# account's place to the worker
$joor->fault(account => 'other', operation => 'bulk', hold => 1);
sql(q{SELECT joor.enqueue('SELECT ''held'' AS upc, 1 AS inventory', 'other')});
ok($joor->wait_for(held => 1, account => 'other'), 'a request of another account is under way');
sql('UPDATE bin SET pieces = 13 WHERE sku = 26');
is(sql("SELECT joor.wait('joor', '60 s')"), 't', 'meanwhile a feed is read and sent');
is(sql(q{SELECT count(*) FROM pg_locks l JOIN pg_foreign_server s ON l.objid = s.oid JOIN joor.status t ON t.worker_pid = l.pid AND t.account = 'joor'
	WHERE s.srvname = 'other' AND l.classid = 'pg_foreign_server'::regclass AND l.objsubid = 1 AND l.granted}), 1, 'the worker still has the place of the other account');
$joor->release;
is(sql("SELECT joor.wait('other', '60 s')"), 't', 'which is answered');

# A feed whose table somebody has locked, and one whose owner lost his right
sql("SELECT joor.pause('joor'); UPDATE loose SET divisor = 3 WHERE id = 3");
my $other = $node->background_psql('postgres');
$other->query_safe('BEGIN; LOCK TABLE loose');
sql("SELECT joor.resume('joor')");
sql('UPDATE bin SET pieces = 10 WHERE sku = 25');
$node->wait_until(q{SELECT failure ~ 'lock timeout' FROM joor.feed WHERE name = 'loose'}, 'a feed whose table is locked says so');
$node->wait_until(q{SELECT NOT EXISTS (SELECT FROM joor.queue WHERE feed = 'stock')}, 'another one goes on');
$other->query_safe('COMMIT');
$other->quit;
sql("SELECT joor.resume('joor')");
is(sql("SELECT joor.wait('joor', '60 s')"), 't', 'unlocked: its queue is empty in the end');
sql(q{CREATE ROLE keeper; ALTER VIEW joor.feed_loose OWNER TO keeper; GRANT SELECT ON loose TO keeper; GRANT USAGE ON SCHEMA joor TO keeper;
	UPDATE loose SET divisor = 2 WHERE id = 3});
$node->wait_until(q{SELECT failure ~ 'permission denied for foreign server joor' FROM joor.feed WHERE name = 'loose'}, 'USAGE on the server is what permits to send');
sql(q{GRANT USAGE ON FOREIGN SERVER joor TO keeper; SELECT joor.resume('joor')});
is(sql("SELECT joor.wait('joor', '60 s')"), 't', 'granted: it is sent');
is(stock()->{'Milano - x3'}, 5, 'as its owner reads it');
sql('REVOKE SELECT ON loose FROM keeper; UPDATE loose SET divisor = 1 WHERE id = 3');
$node->wait_until(q{SELECT failure ~ 'permission denied for table loose' FROM joor.feed WHERE name = 'loose'}, 'a feed has the rights of its owner');
sql(q{GRANT SELECT ON loose TO keeper; SELECT joor.resume('joor')});
is(sql("SELECT joor.wait('joor', '60 s')"), 't', 'granted: it is sent, too');

is_deeply([ grep { $_->{rule} !~ /^(?:token|too_large)$/ } @{ $joor->violations } ], [], 'no rule of JOOR was broken')
  or diag(explain($joor->violations));
my $log = PostgreSQL::Test::Utils::slurp_file($node->logfile);
unlike($log, qr/PANIC|TRAP|was terminated by signal/, 'no crash');
unlike($log, qr/you don't own a lock/, 'no lock was lost');
$node->stop;
done_testing();
