# A process that is done with a token has forgotten it.
#
# Proves: with the token in a file, neither the token nor its Base64 nor a part
# of them is in the memory (but see the stack) of a session after an activation,
# a push, an error or a cancelled call, nor of a worker that has sent what there
# was, by HTTP and by HTTPS, nor on the stack of the thread that looked up a
# name; and while a call is under way they are there, so that a reader of memory
# would find them.  Of a token that is an option, which PostgreSQL keeps itself,
# the header is forgotten.

use strict;
use warnings;

use Errno qw(EACCES EPERM ENOENT);
use File::Temp ();
use IPC::Run;
use JoorNode;
use JoorSimulator;
use JSON::PP;
use MIME::Base64 qw(encode_base64);
use Test::More;
use Time::HiRes qw(time usleep);

my $dir = File::Temp->newdir;
my $plain = JoorSimulator->new;
my $tls = JoorSimulator->new(tls => 1);
my $slow = JoorSimulator->new;
my $node = JoorNode->new('memory', preload => 1, conf => "shared_buffers = '4MB'\n");

sub sql { return $node->safe_psql('postgres', $_[0]) }

# Longer than what libcurl, or printf, first makes room for.
sub make_token { return join '', map { chr(97 + int(rand(26))) } 1 .. 300 }

# Each part of 16 bytes of the texts, at least one of which is in any 24.
sub parts
{
	my @parts;

	foreach my $text (@_)
	{
		push @parts, map { substr($text, 8 * $_, 16) } 0 .. length($text) / 8 - 2;
	}
	return join '|', map { quotemeta } @parts;
}

# How much of the secrets is in a process; undef, with $!, if none may look.
# Not on the process's own stack, where the kernel puts the registers when a
# signal comes, which hold what was copied last.
sub count_parts
{
	my ($pid, $parts) = @_;
	my ($found, $read) = (0, 0);

	open(my $memory, '<:raw', "/proc/$pid/mem") or return;
	open(my $maps, '<', "/proc/$pid/maps") or return;
	while (my $line = <$maps>)
	{
		my ($from, $to) = $line =~ /^([0-9a-f]+)-([0-9a-f]+) r.* (?!\[[vs])\S*$/ or next;
		my $length = hex($to) - hex($from);
		my $bytes = '';

		next if $length > 2**32;    # a sanitizer's, about the rest
		sysseek($memory, hex $from, 0) or next;
		1 while sysread($memory, $bytes, $length - length $bytes, length $bytes);
		$read += length $bytes;
		$found++ while $bytes =~ /$parts/g;
	}
	$! = 0;
	return $read > 0 ? $found : undef;
}

# A process is idle a moment after others see what it did.
sub forgets
{
	my ($pid, $parts, $message) = @_;
	my $deadline = time() + 10;
	my $found;

	usleep(50_000) while ($found = count_parts($pid, $parts)) and time() < $deadline;
	is($found, 0, $message);
	return;
}

sub write_token
{
	my ($name, $token) = @_;

	open(my $file, '>', "$dir/$name") or die "could not write: $!";
	chmod(0600, "$dir/$name") or die "could not change: $!";
	print {$file} "$token\n";
	close($file) or die "could not write: $!";
	return;
}

# An account whose token only its file, the simulator and this test know.
sub create_account
{
	my ($simulator, $name, $options, $scheme) = @_;
	my $token = make_token();

	write_token($name, $token);
	$simulator->account($name, token => $token, any_sku => JSON::PP::true, auth => $scheme // 'oauth2',
		credits => 100_000_000);
	sql("CREATE SERVER $name FOREIGN DATA WRAPPER joor_inventory OPTIONS (url '" . $simulator->url
		  . "', credits '100000000'$options);
		 CREATE USER MAPPING FOR PUBLIC SERVER $name OPTIONS (token_file '$dir/$name')");
	return $token;
}

# A session that stays: its handle, its input and output, its process.
sub session
{
	my ($in, $out) = ('', '');
	my $handle = IPC::Run::start([ 'psql', '-XAtq', '-d', $node->connstr('postgres') ],
		'<', \$in, '>', \$out, '2>&1', IPC::Run::timeout(120));
	my $session = { handle => $handle, in => \$in, out => \$out };

	$session->{pid} = say_to($session, 'SELECT pg_backend_pid();') + 0;
	return $session;
}

# Its answer, or nothing if it is not waited for.
sub say_to
{
	my ($session, $text, $no_wait) = @_;

	${ $session->{out} } = '';
	${ $session->{in} } .= "$text\n" . ($no_wait ? '' : "\\echo done\n");
	$session->{handle}->pump_nb while ${ $session->{in} } ne '';
	$session->{handle}->pump until $no_wait or ${ $session->{out} } =~ /^done$/m;
	return ${ $session->{out} };
}

sub push_to
{
	my ($server, $quantity) = @_;
	return "SELECT outcome FROM joor.push('SELECT ''a'' AS upc, $quantity AS inventory', '$server');";
}

my $session = session();
if (!defined count_parts($session->{pid}, 'no such text'))
{
	plan skip_all => "the memory of another process of the same user cannot be read here: $!"
	  if $! == EACCES || $! == EPERM || $! == ENOENT;
	die "could not read memory: $!";
}

my $slow_token = create_account($slow, 'slow', ", timeout '600'");
my @tokens = (create_account($plain, 'plain', ''),
	create_account($tls, 'tls', ", auth_scheme 'bearer', ca_file '" . $tls->ca_file . "'", 'bearer'));
my $lost_token = create_account($plain, 'lost', '');
my $secrets = parts(map { $_, encode_base64($_, '') } @tokens, $slow_token, $lost_token);
my $slow_secrets = parts($slow_token, encode_base64($slow_token, ''));

# Recent versions of libcurl know "localhost" without a thread that looks it up.
sql(q{ALTER SERVER lost OPTIONS (SET url 'https://joor.invalid/v2')});

subtest 'a session' => sub {
	foreach my $server (qw(plain tls))
	{
		like(say_to($session, "SELECT http_status FROM joor.activate('$server');"), qr/^200$/m,
			"$server: activated");
		forgets($session->{pid}, $secrets, "$server: and forgotten");
		like(say_to($session, push_to($server, 1)), qr/^delivered$/m, "$server: delivered");
		forgets($session->{pid}, $secrets, "$server: and forgotten");
		like(say_to($session, "SELECT count(*) FROM joor.doctor();"), qr/^\d+$/m, "$server: examined");
		forgets($session->{pid}, $secrets, "$server: and forgotten");
		my $simulator = $server eq 'plain' ? $plain : $tls;
		$simulator->fault(cut => 'before_answer');
		like(say_to($session, "BEGIN;\n" . push_to($server, 2)), qr/ERROR/, "$server: an error");
		forgets($session->{pid}, $secrets, "$server: and forgotten");
		say_to($session, 'ROLLBACK;');
	}
	like(say_to($session, q{SELECT joor.activate('lost');}), qr/not reached/, 'a name without an address');
	forgets($session->{pid}, $secrets, 'and forgotten');
};

subtest 'a call under way' => sub {
	say_to($session, q{SELECT joor.activate('slow');});
	$slow->fault(hold => JSON::PP::true);
	say_to($session, push_to('slow', 1), 1);
	ok($slow->wait_for(held => 1), 'it hangs');
	cmp_ok(count_parts($session->{pid}, $slow_secrets), '>', 0, 'its token can be read');
	sql("SELECT pg_cancel_backend($session->{pid})");
	like(say_to($session, ''), qr/canceling statement/, 'it is cancelled');
	forgets($session->{pid}, $slow_secrets, 'and forgotten');
};

# One that has nothing at all to do would leave, so there is a call that hangs.
subtest 'a worker' => sub {
	$slow->reset('calls');
	$slow->fault(hold => JSON::PP::true);
	sql(q{SELECT joor.enqueue('SELECT ''a'' AS upc, 2 AS inventory', 'slow')});
	ok($slow->wait_for(held => 1), 'a call hangs');
	my $worker = sql(q{SELECT pid FROM pg_stat_activity WHERE backend_type = 'joor_inventory worker'});
	cmp_ok(count_parts($worker, $slow_secrets), '>', 0, 'its token can be read');
	my $others = parts(map { $_, encode_base64($_, '') } @tokens);
	foreach my $server (qw(plain tls))
	{
		sql("SELECT joor.enqueue('SELECT ''a'' AS upc, 3 AS inventory', '$server')");
		is(sql("SELECT joor.wait('$server', '20 s')"), 't', "$server: the queue is sent");
		forgets($worker, $others, "$server: and forgotten");
	}

	my $drain = q{FROM joor.drain d JOIN pg_foreign_server s ON s.oid = d.serverid WHERE s.srvname = 'plain'};

	# What fails is tried again, after a pause in which it waits.
	$plain->fault(status => 503, times => 1000);
	sql(q{SELECT joor.enqueue('SELECT ''a'' AS upc, 4 AS inventory', 'plain')});
	$node->wait_until("SELECT state = 'failed' $drain", 'a request fails');
	forgets($worker, $others, 'and is forgotten');
	unlink "$dir/plain";
	is(sql(q{SELECT joor.resume('plain')}), '', 'the token is gone');
	$node->wait_until("SELECT state = 'blocked' $drain", 'nothing can be sent');
	forgets($worker, $others, 'and all is forgotten');
	is(sql(q{SELECT pid FROM pg_stat_activity WHERE backend_type = 'joor_inventory worker'}),
		$worker, 'all in the same process');
	$plain->clear_faults;
	$slow->release;
};

subtest 'a token that is an option' => sub {
	my $token = make_token();

	$plain->account('plain', token => $token);
	sql("ALTER USER MAPPING FOR PUBLIC SERVER plain OPTIONS (DROP token_file, ADD token '$token')");
	like(say_to($session, push_to('plain', 5)), qr/^delivered$/m, 'delivered');
	forgets($session->{pid}, parts(encode_base64($token, '')), 'its header is forgotten');
};

say_to($session, '\\q', 1);
$session->{handle}->finish;
done_testing();
