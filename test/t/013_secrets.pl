# A token is seen by JOOR, and by nobody else.
#
# Proves: after a run full of errors, with all statements, their plans
# (auto_explain) and debug5 messages logged, neither the token nor its Base64 is in the server's log, in any
# table or view of ours, in the statistics, in pg_stat_activity or in what
# psql shows; a token file must be a plain file that nobody else can read, and
# a changed one counts from the next request on.

use strict;
use warnings;

use File::Temp ();
use IPC::Run ();
use JoorNode;
use JoorSimulator;
use JSON::PP;
use MIME::Base64 qw(encode_base64);
use Test::More;

my $token = 'tok-9f8e7d6c5b4a-%/+&<"\'\\-secret';
my $second = 'tok-of-the-second-hour-secret';
my $base64 = encode_base64($token, '');
my $joor = JoorSimulator->new;
my $dir = File::Temp->newdir;
my $said = '';

# The account is made while statements are not logged; from then on all is.
my $node = JoorNode->new('secrets', conf => <<'CONF');
shared_preload_libraries = 'pg_stat_statements, auto_explain'
pg_stat_statements.track = all
track_activity_query_size = 16384
log_statement = none
log_min_duration_statement = -1
CONF
$node->safe_psql('postgres', 'CREATE EXTENSION pg_stat_statements');

sub run_sql
{
	my ($sql) = @_;
	my ($out, $err) = ('', '');

	$node->psql('postgres', "\\set VERBOSITY verbose\n$sql", stdout => \$out, stderr => \$err,
		on_error_stop => 0);
	$said .= "$out\n$err\n";
	return ($out, $err);
}

sub write_token
{
	my ($path, $content, $mode) = @_;

	unlink $path;
	open(my $file, '>', $path) or die "could not write $path: $!";
	print {$file} $content;
	close($file) or die "could not write $path: $!";
	chmod($mode // 0600, $path) or die "could not change $path: $!";
	return;
}

my $push = q{SELECT outcome FROM joor.push($$SELECT 'a' AS upc, 1 AS inventory$$);};

subtest 'set_token with ddl logged' => sub {
	$joor->account('joor', token => $token, any_sku => 1);
	my ($out, $err) = run_sql('CREATE SERVER joor FOREIGN DATA WRAPPER joor_inventory OPTIONS (url \''
		  . $joor->url . "', credits '1000000');");
	my $quoted = $token =~ s/'/''/gr;

	# The token comes out of a table, as it would come as a parameter.
	run_sql("CREATE TABLE vault AS SELECT '$quoted'::text COLLATE \"C\" AS token;");
	$said = '';
	$node->safe_psql('postgres', 'SELECT pg_stat_statements_reset()');
	$node->append_conf('postgresql.conf',
		"log_statement = all\nlog_min_messages = debug5\nlog_min_error_statement = debug5\nlog_error_verbosity = verbose\n"
		  . "debug_print_parse = off\nlog_min_duration_statement = 0\n"
		  . "auto_explain.log_min_duration = 0\nauto_explain.log_nested_statements = on\n"
		  . "auto_explain.log_verbose = on\nauto_explain.log_analyze = on\n");
	$node->reload;
	$node->wait_until(q{SELECT current_setting('log_min_messages') = 'debug5'}, 'everything is logged');
	(undef, $err) = run_sql("SELECT joor.set_token('joor', token) FROM vault;");
	unlike($err, qr/ERROR/, 'a new mapping');
	(undef, $err) = run_sql("SELECT joor.set_token('joor', token) FROM vault;");
	unlike($err, qr/ERROR/, 'a changed one');
	(undef, $err) = run_sql("SELECT * FROM joor.activate('joor');");
	unlike($err, qr/ERROR/, 'activated');
	is($joor->violations->[0], undef, 'JOOR knows the token');

	# Values that cannot be a token are refused without being shown.
	(undef, $err) = run_sql("SELECT joor.set_token('joor', token || E'\\n') FROM vault;"
		  . "SELECT joor.set_token('joor', token || ' ') FROM vault;"
		  . "SELECT joor.set_token('joor', token, 'nobody') FROM vault;"
		  . "SELECT joor.set_token('nowhere', token) FROM vault;");
	is(scalar(() = $err =~ /ERROR/g), 4, 'four errors');
};

subtest 'a run full of errors' => sub {
	my @faults = ({ status => 401 }, { status => 403 }, { status => 302 }, { status => 500 }, { status => 400 },
		{ cut => 'before_answer' }, { cut => 'in_answer' }, { body_kind => 'garbage' },
		{ body_kind => 'endless' }, { status => 429, retry_after => 1 });

	foreach my $fault (@faults)
	{
		$joor->fault(%$fault);
		run_sql(($fault->{status} // 0) == 429 ? $push : "$push\nSELECT joor.resume('joor');");
	}
	foreach my $url ('http://127.0.0.1:1/v2', 'https://joor.invalid/v2', 'https://127.0.0.1:' . $joor->port)
	{
		run_sql("ALTER SERVER joor OPTIONS (SET url '$url');\n$push\nSELECT joor.resume('joor');");
	}
	run_sql("ALTER SERVER joor OPTIONS (SET url '" . $joor->url . "', ADD auth_scheme 'bearer');\n$push");
	run_sql("ALTER SERVER joor OPTIONS (DROP auth_scheme);\n$push");
	run_sql("SELECT joor.push_sku('s', 'i', 1, upc => 'u');");
	$joor->account('joor', reject => ['a']);
	run_sql($push);
	$joor->account('joor', reject => []);

	# What other sessions see while a call hangs.
	$joor->reset(qw(calls faults));
	$joor->fault(hold => JSON::PP::true);
	my ($out, $err) = ('', '');
	my $session = IPC::Run::start([ 'psql', '-XAtq', '-d', $node->connstr('postgres'), '-c', $push ],
		'<', \undef, '>', \$out, '2>', \$err, IPC::Run::timeout(60));
	ok($joor->wait_for(held => 1), 'a call hangs');
	run_sql('SELECT * FROM pg_stat_activity; SELECT * FROM pg_locks; SELECT * FROM joor.progress;');
	$joor->release;
	$session->finish;
	$said .= "$out$err";
};

subtest 'nothing of it is anywhere' => sub {
	my %seen = ('what psql shows' => $said);

	# Not with psql's own echo of the query that asks: no literal has the token.
	foreach my $relation (qw(joor.request joor.rejection joor.status joor.account joor.stop joor.queue
		joor.drain joor.progress pg_stat_statements pg_stat_activity))
	{
		$seen{$relation} = $node->safe_psql('postgres', "SELECT r::text FROM $relation r");
	}
	$seen{'the log'} = PostgreSQL::Test::Utils::slurp_file($node->logfile);
	isnt($seen{'joor.request'}, '', 'there are requests');
	like($seen{pg_stat_statements}, qr/joor\.push/, 'there are statistics');
	like($seen{'the log'}, qr/plan:\s+Query Text: SELECT joor\.set_token/, 'plans are logged');
	like($seen{'the log'}, qr/plan:\s+Query Text: \S+ [^;]*\$1/, 'and those of nested statements');
	like($seen{'the log'}, qr/DEBUG:.*(?:AUTHORIZATION|could not send to account)/s, 'the log is verbose');

	# The one statement that had to name it is from before all was logged.
	foreach my $where (sort keys %seen)
	{
		foreach my $secret ($token, $base64, 'Bearer tok', 'OAuth2 ')
		{
			is(index($seen{$where}, $secret), -1, "$where: no " . ($secret eq $token ? 'token' :
					$secret eq $base64 ? 'Base64' : $secret));
		}
	}
};

subtest 'token files' => sub {
	my $path = "$dir/token";
	my $set = "ALTER USER MAPPING FOR PUBLIC SERVER joor OPTIONS";

	write_token($path, "$token\n");
	my (undef, $err) = run_sql("$set (ADD token_file '$path');");
	like($err, qr/ERROR/, 'not both a token and a file');
	(undef, $err) = run_sql("$set (DROP token, ADD token_file '$path');\n$push");
	is($err, '', 'a file of mode 0600, with a line end');
	$joor->account('joor', token => $second);
	my ($out) = run_sql("$push\nSELECT state FROM joor.status;");
	like($out, qr/stopped/, 'JOOR has changed the token');
	write_token($path, $second);
	utime(time() + 5, time() + 5, $path);
	($out, $err) = run_sql($push);
	is("$out$err", 'delivered', 'a changed file counts from the next push on, and ends the stop');

	# In one session, between two pushes.
	$joor->account('joor', token => $token);
	write_token("$path.next", $token);
	utime(time() + 9, time() + 9, "$path.next");
	($out, $err) = run_sql("\\! mv $path.next $path\n$push");
	is("$out$err", 'delivered', 'and so in a session that is there already');
	write_token($path, "$token\r\n");
	($out, $err) = run_sql("SELECT joor.resume('joor');\n$push");
	like($out, qr/delivered/, 'another line end');

	my $refused = sub {
		my ($words, $name) = @_;
		my $calls = $joor->summary->{calls};
		my (undef, $err) = run_sql($push);

		like($err, qr/ERROR:  .*$words/, "$name: refused");
		is($joor->summary->{calls}, $calls, "$name: no call");
	};
	foreach my $mode (0644, 0640, 0604, 0660, 0700 | 0010)
	{
		write_token($path, $token, $mode);
		$refused->('has group or world access', sprintf('mode %04o', $mode));
	}
	write_token($path, $token, 0400);
	($out, $err) = run_sql($push);
	is("$out$err", 'delivered', 'mode 0400');
	write_token($path, '');
	$refused->('invalid value for option "token_file"', 'an empty file');
	write_token($path, 'two words');
	$refused->('invalid value for option "token_file"', 'a space in it');
	write_token($path, "tok\x01en");
	$refused->('invalid value for option "token_file"', 'a control character in it');
	write_token($path, 'x' x 10_000);
	$refused->('is too long', 'a long file');
	unlink $path;
	$refused->('could not open token file', 'no file');
	mkdir $path or die;
	$refused->('(?:could not open|is not a regular file)', 'a directory');
	rmdir $path;
	PostgreSQL::Test::Utils::system_or_bail('mkfifo', '-m', '0600', $path);
	$refused->('is not a regular file', 'a pipe');
	unlink $path;

	# The rules are those of the file that a link names.
	write_token("$dir/target", $token);
	symlink("$dir/target", $path) or die;
	($out, $err) = run_sql($push);
	is("$out$err", 'delivered', 'a link to a good file');
	chmod(0644, "$dir/target");
	$refused->('has group or world access', 'a link to an open file');
	unlink $path;
	symlink('/etc/hostname', $path) or die;
	$refused->('has group or world access', 'a link to a file of root\'s that all can read');
	unlink $path;

	# Who is no superuser cannot make the server read files.
	$node->safe_psql('postgres', q{CREATE ROLE clerk; GRANT USAGE ON FOREIGN SERVER joor TO clerk});
	(undef, $err) = run_sql(
		qq{SET ROLE clerk; CREATE USER MAPPING FOR clerk SERVER joor OPTIONS (token_file '$dir/target');});
	like($err, qr/ERROR/, 'not for everybody');
	write_token($path, $token);
	($out, $err) = run_sql($push);
	is("$out$err", 'delivered', 'and all is well again');
	(undef, $err) = run_sql("SELECT joor.set_token('joor', token) FROM vault;\n$push");
	is($err, '', 'set_token takes the place of a file');
	is($node->safe_psql('postgres', "SELECT count(*) FROM pg_user_mappings WHERE umoptions::text ~ 'token_file'"),
		0, 'which is forgotten');
};

my $log = PostgreSQL::Test::Utils::slurp_file($node->logfile);
is(index("$said$log", $_), -1, 'no token after that either') foreach $token, $base64, $second, 'two words';
unlike($log, qr/terminated by signal|PANIC|TRAP:/, 'the server stayed up');
done_testing();
