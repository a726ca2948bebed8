# A token is seen by nobody when feeds send, either.
#
# Proves: with all statements, parse trees and plans logged at debug5 and
# backtraces of errors, neither the token nor its Base64 is in the log, the
# statistics, any relation of ours, pg_stat_activity, a dump by a role that may
# read all data, or what psql shows with \errverbose, after worker, sync, drift
# and push_feed have met JOOR's faults; and that another token, in the mapping
# or in its file, counts from the worker's next request on.

use strict;
use warnings;

use File::Temp ();
use JoorNode;
use JoorSimulator;
use JSON::PP;
use MIME::Base64 qw(encode_base64);
use PostgreSQL::Test::Utils;
use Test::More;

my @tokens = map { "tok-$_-9f8e7d6c5b4a-%/+&<\"\\-secret" } qw(one two three four);
my $joor = JoorSimulator->new;
my $dir = File::Temp->newdir;
my $said = '';
my $node = JoorNode->new('feed_secrets', preload => 'pg_stat_statements, joor_inventory', conf => <<'CONF');
pg_stat_statements.track = all
track_activity_query_size = 16384
log_min_error_statement = panic
CONF

sub run_sql
{
	my ($sql) = @_;
	my ($out, $err) = ('', '');

	$node->psql('postgres', "\\set VERBOSITY verbose\n$sql\n\\errverbose", stdout => \$out, stderr => \$err, on_error_stop => 0);
	$said .= "$out\n$err\n";
	return ($out, $err);
}

sub sql { return $node->safe_psql('postgres', $_[0]) }

# Before this, tokens were named by statements that are logged.
my $begin;

# Changes a row, and waits until the worker has made calls for it.
sub worker_calls
{
	my ($name, $outcome) = @_;
	my $last = sql('SELECT coalesce(max(id), 0) FROM joor.request');

	sql('UPDATE stock SET n = n + 1');
	$node->wait_until("SELECT EXISTS (SELECT FROM joor.request WHERE id > $last AND source = 'worker' AND outcome = '$outcome')",
		"worker: $name");
	run_sql('SELECT * FROM joor.status; SELECT * FROM joor.feed; SELECT * FROM pg_stat_activity;');
	return;
}

$node->account($joor, 'joor', token => $tokens[0], options => "credits '100000000'", simulator => { credits => 100_000_000 });
sql('CREATE EXTENSION pg_stat_statements; CREATE TABLE stock (id int, n int); INSERT INTO stock VALUES (1, 1), (2, 2)');
sql('CREATE TABLE vault (place int, token text)');
sql("INSERT INTO vault VALUES ($_, \$\$$tokens[$_]\$\$)") foreach 0 .. $#tokens;
sql(q{SELECT joor.create_feed('f', 'SELECT id, ''u'' || id AS upc, 10 / nullif(n, 100) AS inventory FROM stock', key => 'id');
	SELECT joor.watch('f', 'stock', 'id'); SELECT pg_stat_statements_reset()});
$begin = -s $node->logfile;
$node->append_conf('postgresql.conf', <<'CONF');
log_statement = all
log_min_messages = debug5
log_min_error_statement = debug5
log_error_verbosity = verbose
log_min_duration_statement = 0
debug_print_parse = on
debug_print_rewritten = on
debug_print_plan = on
backtrace_functions = 'joor_call_raise,read_token_file,check_token_file,joor_account_authorize,joor_account_check_secret,refuse_statement'
CONF
$node->reload;
$node->wait_until(q{SELECT current_setting('log_min_messages') = 'debug5'}, 'everything is logged');

worker_calls('delivered', 'delivered');
foreach my $fault ([ { status => 500 }, 'failed' ], [ { cut => 'before_answer' }, 'unknown' ], [ { body_kind => 'garbage' }, 'unknown' ],
	[ { status => 400 }, 'refused' ], [ { status => 401 }, 'refused' ], [ { status => 429, retry_after => 1 }, 'throttled' ])
{
	$joor->fault(account => 'joor', %{ $fault->[0] });
	my $last = sql('SELECT coalesce(max(id), 0) FROM joor.request');
	sql('UPDATE stock SET n = n + 1');
	$node->wait_until("SELECT EXISTS (SELECT FROM joor.request WHERE id > $last AND outcome <> 'sending')",
		'worker: ' . encode_json($fault->[0]));
	run_sql(q{SELECT * FROM joor.status; SELECT joor.resume('joor')});
	is(sql(q{SELECT joor.wait('joor', '60 s')}), 't', 'and goes on');
}
foreach my $fault ({ status => 401 }, { status => 500 }, { status => 400 }, { cut => 'in_answer' }, { status => 302 })
{
	$joor->fault(account => 'joor', %$fault);
	run_sql(q{SELECT * FROM joor.push_feed('f'); SELECT joor.sync('f', true); SELECT * FROM joor.drift('f'); SELECT joor.resume('joor')});
	is(sql(q{SELECT joor.wait('joor', '60 s')}), 't', 'push_feed and sync: ' . encode_json($fault));
}
run_sql(q{SELECT * FROM joor.push_feed('nowhere'); SELECT joor.sync(NULL); SELECT * FROM joor.drift('nowhere');
	SELECT joor.create_feed('g', 'SELECT 1; SELECT 2', key => 'id'); SELECT joor.alter_feed('f', 'SELECT 1 AS x')});

# Another token, in the mapping; in a file; in the file's successor.
sub counts_at_once
{
	my ($place, $name) = @_;

	my $refused = scalar grep { $_->{rule} eq 'token' } @{ $joor->violations };
	worker_calls($name, 'delivered');
	is(scalar(grep { $_->{rule} eq 'token' } @{ $joor->violations }), $refused, "$name: counts from the next request on");
	my (undef, $err) = run_sql(q{SELECT * FROM joor.push_feed('f')});
	unlike($err, qr/ERROR/, "$name: and in a session");
	return;
}

sub write_token
{
	my ($name, $token) = @_;
	open(my $file, '>', "$dir/$name") or die "could not write $name: $!";
	print {$file} "$token\n";
	close($file) or die "could not write $name: $!";
	chmod(0600, "$dir/$name") or die "could not change $name: $!";
	return;
}

$joor->account('joor', token => $tokens[1]);
run_sql(q{SELECT joor.set_token('joor', token) FROM vault WHERE place = 1});
counts_at_once(1, 'a changed mapping');
write_token('token', $tokens[2]);
$joor->account('joor', token => $tokens[2]);
run_sql("ALTER USER MAPPING FOR PUBLIC SERVER joor OPTIONS (DROP token, ADD token_file '$dir/token')");
counts_at_once(2, 'a token file');
write_token('next', $tokens[3]);
$joor->account('joor', token => $tokens[3]);
rename("$dir/next", "$dir/token") or die "could not rename: $!";
counts_at_once(3, 'a file that took its place');

# A file that becomes unfit keeps the worker from sending, and says so.
chmod(0644, "$dir/token") or die;
my $calls = $joor->summary->{calls};
sql('UPDATE stock SET n = n + 1');
$node->wait_until(q{SELECT why_not_now ~ 'has group or world access' FROM joor.status}, 'worker: others can read the file');
is($joor->summary->{calls}, $calls, 'no call is made');
my (undef, $error) = run_sql(q{SELECT * FROM joor.push_feed('f')});
like($error, qr/F0000: token file .* has group or world access/, 'push_feed: likewise');
chmod(0600, "$dir/token") or die;
(undef, $error) = run_sql("ALTER USER MAPPING FOR PUBLIC SERVER joor OPTIONS (SET token_file 'token')");
like($error, qr/token_file/, 'a path that is not absolute is refused');
run_sql(q{SELECT joor.resume('joor')});
is(sql(q{SELECT joor.wait('joor', '60 s')}), 't', 'mended: it is sent');

#
# Nothing of it is anywhere
#
my $many = sql('SELECT count(*) FROM joor.request');
my %seen = ('what psql shows' => $said);
foreach my $relation ((split /\n/, sql(q{SELECT c.oid::regclass FROM pg_class c WHERE relnamespace = 'joor'::regnamespace AND relkind IN ('r', 'v')})),
	'pg_stat_statements', 'pg_stat_activity')
{
	$seen{$relation} = $node->safe_psql('postgres', "SELECT r::text FROM $relation r");
}
sql(q{CREATE ROLE dumper LOGIN; GRANT USAGE ON SCHEMA joor TO dumper; GRANT SELECT ON ALL TABLES IN SCHEMA joor, public TO dumper;
	GRANT SELECT ON ALL SEQUENCES IN SCHEMA joor TO dumper; REVOKE ALL ON vault FROM dumper; GRANT USAGE ON FOREIGN SERVER joor TO dumper});
command_ok([ 'pg_dump', '-U', 'dumper', '-d', $node->connstr('postgres'), '-T', 'vault', '-f', "$dir/dump" ], 'a dump by a role that may read');
$seen{'the dump'} = slurp_file("$dir/dump");
$seen{'the log'} = substr(slurp_file($node->logfile), $begin);
like($seen{pg_stat_statements}, qr/push_feed/, 'there are statistics');
like($seen{'the log'}, qr/BACKTRACE:/, 'there are backtraces');
like($seen{'the dump'}, qr/CREATE SERVER joor .*CREATE VIEW joor\.feed_f/s, 'there is a dump');
cmp_ok($many, '>', 20, 'there are requests');
foreach my $where (sort keys %seen)
{
	foreach my $secret ((map { ($_, encode_base64($_, '')) } @tokens), 'OAuth2 ', 'Bearer ')
	{
		fail("$where has " . substr($secret, 0, 9) . ' in it: ' . substr($seen{$where}, index($seen{$where}, $secret) - 200, 300))
		  if index($seen{$where}, $secret) >= 0;
	}
	pass("$where was searched");
}
unlike($seen{'the log'}, qr/terminated by signal|PANIC|TRAP:/, 'no crash');
$node->stop;
done_testing();
