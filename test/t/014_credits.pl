# A push waits for credits instead of being refused for want of them.
#
# Proves: with a small window pushes wait, say until when, and JOOR never
# answers 429; when a 429 comes all the same, its Retry-After is kept, and the
# push goes on by itself; the wait can be cancelled; sessions share the
# ledger, which survives a restart; a read costs 1; what never left costs
# nothing, and calls of unknown outcome are counted.

use strict;
use warnings;

use IPC::Run ();
use JoorNode;
use JoorSimulator;
use JSON::PP;
use Test::More;
use Time::HiRes qw(time);

use constant WINDOW => 2;    # seconds

my $joor = JoorSimulator->new;
my $node = JoorNode->new('credits');
my $push = q{SELECT outcome FROM joor.push($$SELECT 'a' AS upc, 1 AS inventory$$);};

$node->account($joor, 'joor', options => "credits '20', window '" . WINDOW . " s', max_items '1'",
	simulator => { credits => 20, window => WINDOW });

sub begin_sql
{
	my ($sql, $name) = @_;
	my %session = (out => '', err => '');

	$session{run} = IPC::Run::start(
		[ 'psql', '-XAtq', '-d', $node->connstr('postgres') . ' application_name=' . ($name // 'pusher'),
			'-v', 'VERBOSITY=verbose', '-c', $sql ],
		'<', \undef, '>', \$session{out}, '2>', \$session{err}, IPC::Run::timeout(60));
	return \%session;
}

sub end_sql
{
	my ($session) = @_;

	$session->{run}->finish;
	return $session->{err};
}

sub status
{
	my $account = shift // 'joor';

	return $node->rows("SELECT * FROM joor.status WHERE account = '$account'")->[0];
}

# Until a whole window has passed without a request.
sub new_window
{
	$node->wait_until('SELECT credits_left = (SELECT option_value::int FROM pg_foreign_server,'
		  . " pg_options_to_table(srvoptions) WHERE srvname = 'joor' AND option_name = 'credits')"
		  . " FROM joor.status WHERE account = 'joor'",
		'all credits are there again');
	return;
}

is($node->safe_psql('postgres', q{SELECT credits FROM joor.request WHERE source = 'activate'}), 1,
	'a read costs 1');

subtest 'a small window' => sub {
	my $start = time();
	my (undef, $out, $err) = $node->try_sql(
		q{SELECT outcome FROM joor.push($$SELECT 'n' || i AS upc, i AS inventory FROM generate_series(1, 10) i$$)});
	my $took = time() - $start;

	is($out, join("\n", ('delivered') x 10), 'ten requests of five credits');
	is($joor->summary->{refused}, 0, 'none was refused');
	is(scalar(@{ $joor->state('joor') }), 10, 'state');
	like($err, qr/NOTICE:  waiting for credits of account "joor" until \d{4}-/, 'the waits are told');
	cmp_ok(scalar(() = $err =~ /NOTICE/g), '<', 8, 'once each');
	cmp_ok($took, '>', WINDOW, 'there were some');
	cmp_ok($took, '<', 10 * WINDOW, 'and not too many');
	is($node->safe_psql('postgres', q{SELECT count(*) FROM joor.request WHERE outcome = 'throttled'}), 0,
		'no 429 in joor.request');
	is(status()->{rejections_open}, 0, 'no item is blamed');
};

subtest 'sessions share the ledger' => sub {
	$joor->reset('calls');
	my @session = map { begin_sql($push, "pusher$_") } 1 .. 6;
	is(end_sql($_) =~ /ERROR/, '', 'no error') foreach @session;
	is_deeply([ map { $_->{out} } @session ], [ ("delivered\n") x 6 ], 'outcomes');
	is($joor->summary->{refused}, 0, 'none was refused');
	is($joor->summary->{calls}, 6, 'six calls');
};

# An account whose window lasts: what is spent stays spent.
sub long_account
{
	my ($name) = @_;

	$node->account($joor, $name, options => "credits '21', window '300 s'");
	return;
}

sub push_to
{
	my ($account) = @_;

	return "SELECT outcome FROM joor.push(\$\$SELECT 'a' AS upc, 1 AS inventory\$\$, '$account');";
}

subtest 'the wait can be cancelled' => sub {
	long_account('slow');
	is(status('slow')->{credits_left}, 20, 'activation has cost one');
	$node->safe_psql('postgres', push_to('slow')) foreach 1 .. 4;
	is(status('slow')->{credits_left}, 0, 'no credits are left');
	my $calls = $joor->summary->{calls};

	my $session = begin_sql(push_to('slow'));
	$node->wait_until(q{SELECT count(*) = 1 FROM pg_stat_activity WHERE application_name = 'pusher'
		AND wait_event_type = 'Extension'}, 'a push waits');
	my $start = time();
	$node->safe_psql('postgres', q{SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE application_name = 'pusher'});
	my $err = end_sql($session);
	my $took = time() - $start;
	like($err, qr/NOTICE:  00000: waiting for credits.*ERROR:  57014: canceling statement due to user request/s,
		'cancelled');
	cmp_ok($took, '<', 2, 'at once');
	note(sprintf('cancel of a wait for credits took %.0f ms, two psql included', $took * 1000));

	(undef, undef, $err) = $node->try_sql("SET statement_timeout = '300ms';\n" . push_to('slow'));
	like($err, qr/canceling statement due to statement timeout/, 'statement_timeout');
	is($joor->summary->{calls}, $calls, 'nothing was sent');
	is($node->safe_psql('postgres', q{SELECT count(*) FROM joor.request WHERE outcome = 'sending'}), 0,
		'and nothing recorded');

	# The ledger is in the database.
	$node->restart;
	is(status('slow')->{credits_left}, 0, 'after a restart: none either');
	(undef, undef, $err) = $node->try_sql("SET statement_timeout = '300ms';\n" . push_to('slow'));
	like($err, qr/waiting for credits/, 'a push waits');
	is($joor->summary->{calls}, $calls, 'and sends nothing');
};

subtest 'a call that never left costs nothing' => sub {
	long_account('far');
	$node->safe_psql('postgres', q{ALTER SERVER far OPTIONS (SET url 'http://127.0.0.1:1/v2')});
	foreach (1 .. 6)
	{
		my (undef, undef, $err) = $node->try_sql(push_to('far'));
		like($err, qr/^(?!.*waiting).*was not reached/s, 'no wait');
	}
	is(status('far')->{credits_left}, 20, 'all credits are left');
	$node->safe_psql('postgres', "ALTER SERVER far OPTIONS (SET url '" . $joor->url . "')");

	# What was sent counts, whatever came back.
	foreach my $fault ({ cut => 'before_answer' }, { status => 500 }, { status => 400 })
	{
		$joor->fault(%$fault);
		$node->try_sql(push_to('far'));
	}
	is(status('far')->{credits_left}, 5, 'cut off, 500 and 400 cost five each');
};

# JOOR's window may begin earlier than we know: others use the account, too.
subtest 'a 429 all the same' => sub {
	foreach my $case ([ 'seconds', 1 ], [ 'without Retry-After', undef ], [ 'a date', 'date' ])
	{
		my ($name, $after) = @$case;

		new_window();
		$joor->reset('calls', 'inventory', 'credits');
		if (defined $after && $after eq 'date')
		{
			my @t = gmtime(time() + 3);
			my $date = sprintf('%s, %02d %s %d %02d:%02d:%02d GMT',
				(qw(Sun Mon Tue Wed Thu Fri Sat))[ $t[6] ], $t[3],
				(qw(Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec))[ $t[4] ], $t[5] + 1900, @t[ 2, 1, 0 ]);
			$joor->fault(status => 429, headers => { 'Retry-After' => $date });
		}
		else
		{
			$joor->fault(status => 429, defined $after ? (retry_after => $after) : ());
		}
		my (undef, $out, $err) = $node->try_sql($push);
		is($out, "throttled\ndelivered", "$name: both tries are rows");
		like($err, qr/NOTICE:  waiting for credits/, "$name: the wait is told");
		is(scalar(@{ $joor->state('joor') }), 1, "$name: it arrives");
		my @calls = @{ $joor->calls };
		is(scalar(@calls), 2, "$name: two calls");
		my $pause = ($calls[1]{arrived} - $calls[0]{ended}) / 1e6;
		cmp_ok($pause, '>=', defined $after ? 1 : WINDOW - 0.1, "$name: not before its time");
		my ($request) = @{ $node->rows('SELECT * FROM (SELECT outcome, http_status, credits,'
			  . ' retry_at > finished_at AS later, (SELECT count(*) FROM joor.rejection) AS rejections'
			  . ' FROM joor.request ORDER BY id DESC OFFSET 1 LIMIT 1) r') };
		is_deeply($request,
			{ outcome => 'throttled', http_status => 429, credits => 5, later => JSON::PP::true, rejections => 0 },
			"$name: its request");
	}
	is($joor->state('joor')->[0]{inventory}, 1, 'state');

	# A single SKU waits likewise, and so does activation.
	new_window();
	$joor->reset('calls');
	$joor->fault(status => 429, retry_after => 1);
	my (undef, $out) = $node->try_sql(q{SELECT outcome FROM joor.push_sku('s', 'i', 1, upc => 'u')});
	is($out, "throttled\ndelivered", 'a single SKU');
	$joor->fault(status => 429, retry_after => 1);
	my ($code) = $node->try_sql(q{SELECT * FROM joor.activate('joor')});
	is($code, 0, 'activation');

	# A Retry-After that is far away is cut to 900 s, and the wait can be cancelled.
	new_window();
	$joor->fault(status => 429, retry_after => 100_000);
	my (undef, undef, $err) = $node->try_sql("SET statement_timeout = '1s';\n$push");
	like($err, qr/waiting for credits.*statement timeout/s, 'a long Retry-After');
	is($node->safe_psql('postgres', q{SELECT retry_at - finished_at BETWEEN '899 s' AND '901 s'
		FROM joor.request ORDER BY id DESC LIMIT 1}), 't', 'is believed up to 900 s');
	my $status = status();
	is($status->{state}, 'active', 'joor.status: still active');
	is(
		$node->safe_psql('postgres',
			"SELECT credits_until - now() > '800 s' FROM joor.status WHERE account = 'joor'"),
		't', 'joor.status: until when');
};

unlike(PostgreSQL::Test::Utils::slurp_file($node->logfile), qr/terminated by signal|PANIC|TRAP:/,
	'the server stayed up');
done_testing();
