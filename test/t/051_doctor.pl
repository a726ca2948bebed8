# What joor.doctor finds.
#
# Proves: with all in order no check has a problem; each trouble that it knows
# is found, with what to do, and gone when that has been done; no token is
# shown; a role that may do nothing but call it gets all of it, without an
# error; it reads only, makes no call, and works on a hot standby, in a
# read-only transaction and without the library being preloaded.

use strict;
use warnings;

use JoorNode;
use JoorSimulator;
use JSON::PP;
use Test::More;

my $joor = JoorSimulator->new;
my $node = JoorNode->new('doctor', preload => 1, init => { allows_streaming => 1 });

$node->account($joor, 'joor', options => q{credits '300', warehouses 'Milano'}, token => 'very-secret');
$node->safe_psql('postgres', q{
	CREATE TABLE stock (sku int, upc text, inventory int);
	CREATE TABLE reserved (sku int, pieces int);
	SELECT joor.create_feed('shop', 'SELECT sku, upc, inventory FROM public.stock', key => 'sku');
	SELECT joor.watch('shop', 'stock', 'sku');
	CREATE ROLE bare LOGIN;
	GRANT USAGE ON SCHEMA joor TO bare;
	GRANT EXECUTE ON FUNCTION joor.doctor TO bare;});

sub sql { return $node->safe_psql('postgres', $_[0]) }

# Its rows, those for which the condition holds.
sub doctor
{
	my ($where, $server) = @_;

	return ($server // $node)->rows("SELECT * FROM joor.doctor() WHERE $where");
}

sub problems { return [ map { $_->{check} } @{ doctor(q{state <> 'ok'}) } ] }

# A check is fine, has the problem with that advice, and is fine again.
sub finds
{
	my ($check, $harm, $detail, $advice, $mend) = @_;

	$harm->();
	my ($row) = @{ doctor("\"check\" = '$check'") };
	is($row->{state}, 'problem', "$check: a problem") or diag explain doctor('true');
	like($row->{detail}, $detail, "$check: what");
	like($row->{advice}, $advice, "$check: what to do");
	$mend->() if $mend;
	is_deeply(problems(), [], "$check: mended") if $mend;
	return;
}

# The launcher may still be starting.
$node->wait_until(q{SELECT NOT EXISTS (SELECT FROM joor.doctor() WHERE state <> 'ok')}, 'all is in order');
my $calls = $joor->summary->{calls};
my $all = doctor('true');
is($joor->summary->{calls}, $calls, 'it makes no call');
is(scalar(@$all), 22, 'its checks');
unlike(encode_json($all), qr/very-secret/, 'no token is shown');
is(scalar(grep { $_->{advice} } @$all), 0, 'no advice where there is nothing to do');
is(sql('BEGIN TRANSACTION READ ONLY; SELECT count(*) FROM joor.doctor(); COMMIT'), 22, 'in a read-only transaction');
is(sql('SELECT pg_current_xact_id_if_assigned() IS NULL FROM (SELECT count(*) FROM joor.doctor()) d'), 't', 'it writes nothing');

# A role that may do nothing else.
my ($code, $out, $err) = $node->try_sql('SET ROLE bare; SELECT "check", detail FROM joor.doctor()');
is($code, 0, 'a role that sees nothing') or diag $err;
like($out, qr/account joor: token of bare\|none is needed/, 'it sends nothing');
sql('GRANT USAGE ON FOREIGN SERVER joor TO bare');
like(sql('SET ROLE bare; SELECT "check", detail FROM joor.doctor()'), qr/token of bare\|there is one/,
	'with USAGE it would send with the token of PUBLIC');
unlike(sql('SET ROLE bare; SELECT d::text FROM joor.doctor() d'), qr/very-secret/, 'which it does not show');

# Accounts.
finds('account joor', sub { sql("SELECT joor.pause('joor')") }, qr/^paused at /, qr/^SELECT joor\.resume\('joor'\)$/,
	sub { sql((doctor(q{"check" = 'account joor'}))->[0]{advice}) });
finds('account joor', sub { sql("SELECT joor.deactivate('joor')") }, qr/^not activated/, qr/^SELECT \* FROM joor\.activate\('joor'\)$/,
	sub { sql((doctor(q{"check" = 'account joor'}))->[0]{advice}) });
finds('account joor: token of the worker',
	sub { sql('DROP USER MAPPING FOR PUBLIC SERVER joor') }, qr/no user mapping/, qr/SELECT joor\.set_token\('joor', '\.\.\.'\)/,
	sub { sql("SELECT joor.set_token('joor', 'very-secret')") });
finds('account joor: token of the worker',
	sub { sql(q{ALTER USER MAPPING FOR PUBLIC SERVER joor OPTIONS (DROP token, ADD token_file '/nowhere')}) },
	qr/could not open token file/, qr/joor\.set_token\(\)/,
	sub { sql(q{ALTER USER MAPPING FOR PUBLIC SERVER joor OPTIONS (DROP token_file, ADD token 'very-secret')}) });
finds('account joor: options', sub { sql(q{ALTER SERVER joor OPTIONS (ADD reserve '200')}) },
	qr/reserve/, qr/^ALTER SERVER joor OPTIONS/, sub { sql('ALTER SERVER joor OPTIONS (DROP reserve)') });
finds('account joor: options', sub { sql(q{ALTER SERVER joor OPTIONS (ADD connect_timeout '200s')}) },
	qr/connect_timeout/, qr/^ALTER SERVER joor OPTIONS/, sub { sql('ALTER SERVER joor OPTIONS (DROP connect_timeout)') });
finds('account joor: options', sub { sql(q{ALTER SERVER joor OPTIONS (SET credits '100000000')}) },
	qr/more than JOOR gives/, qr/^ALTER SERVER joor OPTIONS/, sub { sql(q{ALTER SERVER joor OPTIONS (SET credits '300')}) });
sql('ALTER SERVER joor OPTIONS (DROP warehouses)');
is_deeply([ map { [ @$_{qw(state advice)} ] } @{ doctor(q{"check" = 'account joor: warehouses'}) } ],
	[ [ 'unknown', q{ALTER SERVER joor OPTIONS (ADD warehouses '...')} ] ], 'no list of warehouses');
sql(q{ALTER SERVER joor OPTIONS (ADD warehouses 'Milano')});

# What JOOR says.
my $one = q{SELECT outcome FROM joor.push($$SELECT 'a' AS upc, 1 AS inventory$$, on_failure => 'report')};
finds('account joor: errors', sub { $joor->fault(status => 503); sql($one) }, qr/503/, qr/^SELECT \* FROM joor\.request WHERE server = 'joor'/,
	sub { sql($one) });
finds('account joor: rejections', sub { $joor->account('joor', reject => ['a']); sql($one) }, qr/^1 open$/, qr/SELECT joor\.retry\(/,
	sub { $joor->account('joor', reject => []); sql($one) });
$joor->fault(status => 401);
finds('account joor', sub { sql($one) }, qr/401/, qr/joor\.activate/, undef);
sql("SELECT * FROM joor.activate('joor')");

# The queue: the account is paused, what waits grows old.
sql(q{SELECT joor.pause('joor'); SELECT joor.enqueue('SELECT ''b'' AS upc, 1 AS inventory');
	UPDATE joor.queue_item SET queued_at = queued_at - interval '1 hour'});
finds('account joor: queue', sub { }, qr/^1 entries, the oldest for 01:00:\d\d: the account is paused/, qr/^SELECT why_not_now/, undef);
sql(q{SELECT joor.resume('joor')});
is(sql('SELECT joor.wait()'), 't', 'the queue is drained');

# Feeds.
finds('feed shop: watches', sub { sql(q{DO $$ BEGIN EXECUTE (SELECT format('ALTER TABLE stock DISABLE TRIGGER %I', "trigger")
		FROM joor.watch_trigger WHERE for_each_row LIMIT 1); END $$}) },
	qr/stock: its trigger is disabled/, qr/^SELECT joor\.watch\('shop'/, sub { sql(q{SELECT joor.watch('shop', 'stock', 'sku')}) });
finds('feed shop: watches', sub { sql(q{DO $$ BEGIN EXECUTE (SELECT format('DROP TRIGGER %I ON stock', "trigger")
		FROM joor.watch_trigger WHERE NOT for_each_row); END $$}) },
	qr/no trigger for TRUNCATE: (public\.)?stock/, qr/^SELECT joor\.watch\('shop'/, sub { sql(q{SELECT joor.watch('shop', 'stock', 'sku')}) });
sql(q{SELECT joor.alter_feed('shop', 'SELECT s.sku, s.upc, s.inventory - r.pieces AS inventory FROM public.stock s JOIN public.reserved r USING (sku)')});
is_deeply([ map { [ @$_{qw(state detail)} ] } @{ doctor(q{"check" = 'feed shop: watches'}) } ],
	[ [ 'unknown', 'it reads, without watching it: public.reserved' ] ], 'a table that the feed reads and does not watch');
sql(q{SELECT joor.watch('shop', 'reserved', 'sku')});
is_deeply(problems(), [], 'it is watched');
sql(q{SELECT joor.alter_feed('shop', 'SELECT sku, upc, 1 / pieces AS inventory FROM public.stock JOIN public.reserved USING (sku)');
	INSERT INTO stock VALUES (1, 'c', 1); INSERT INTO reserved VALUES (1, 0)});
$node->wait_until(q{SELECT failed_at IS NOT NULL FROM joor.feed}, 'a feed fails');
finds('feed shop', sub { }, qr/division by zero/, qr/joor\.alter_feed\('shop'/, undef);
sql(q{SELECT joor.alter_feed('shop', 'SELECT sku, upc, inventory FROM public.stock'); SELECT joor.resume('joor')});
is(sql('SELECT joor.wait()'), 't', 'it is mended');
sql('DROP VIEW joor.feed_shop CASCADE');
finds('feed shop', sub { }, qr/its view was dropped/, qr/^SELECT joor\.drop_feed\('shop'\)$/,
	sub { sql((doctor(q{"check" = 'feed shop'}))->[0]{advice}) });

# The cluster.
sub set
{
	$node->append_conf('postgresql.conf', $_[0]);
	$node->reload;
	my ($name, $value) = $_[0] =~ /^(\S+) = (\S+)$/;
	$node->poll_query_until('postgres', "SELECT reset_val = '$value' FROM pg_settings WHERE name = '$name'") or die;
	return;
}
finds('enabled', sub { sql("LOAD 'joor_inventory'"); set('joor_inventory.enabled = off') }, qr/sends nothing/, qr/joor_inventory\.enabled = on/,
	sub { set('joor_inventory.enabled = on') });
finds('record', sub { set('joor_inventory.request_max_rows = 0'); set('joor_inventory.request_retention = 0') }, qr/never deleted/,
	qr/request_retention/, sub { set('joor_inventory.request_max_rows = 10') });
sql(q{UPDATE pg_extension SET extversion = '1.0' WHERE extname = 'joor_inventory'});
finds('version', sub { }, qr/^library \S+, SQL objects 1\.0$/, qr/^ALTER EXTENSION joor_inventory UPDATE$/,
	sub { sql(q{UPDATE pg_extension SET extversion = '1.1' WHERE extname = 'joor_inventory'}) });

# A hot standby.
$node->backup('copy');
my $standby = PostgreSQL::Test::Cluster->new('doctor_standby');
bless $standby, 'JoorNode';
$standby->init_from_backup($node, 'copy', has_streaming => 1);
$standby->start;
is_deeply(doctor(q{state <> 'ok'}, $standby), [], 'a standby has no problem');
like(encode_json(doctor(q{"check" = 'server'}, $standby)), qr/a standby: the primary sends/, 'and says that it is one');
like($standby->safe_psql('postgres', 'SELECT joor.report()'), qr/^<!DOCTYPE html>/, 'joor.report works there');
$standby->stop;

# Without preloading.
$node->append_conf('postgresql.conf', q{shared_preload_libraries = ''});
$node->restart;
is_deeply(problems(), ['preload'], 'the library is not preloaded');
is(doctor(q{"check" = 'preload'})->[0]{advice},
	q{ALTER SYSTEM SET shared_preload_libraries = 'joor_inventory'; then restart the server}, 'what to do');

done_testing();
