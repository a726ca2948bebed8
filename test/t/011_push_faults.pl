# Whatever JOOR or the network answers, a push says what became of the items.
#
# Proves, for every status, broken connection and strange answer that the
# simulator knows, the outcome, the SQLSTATE, the row of joor.request and its
# credits, once with on_failure error and once with report: nothing is called
# delivered that was not, a push makes one call and never follows a redirect,
# and no message shows a secret.  Proves what stops an account and what ends
# the stop; that 413 is halved until it gets through; and what the variants of
# a good answer mean.

use strict;
use warnings;

use JoorNode;
use JoorSimulator;
use JSON::PP;
use MIME::Base64 qw(encode_base64);
use Test::More;

use constant TOKEN => 'secret-of-the-faults-0123456789';
use constant CREDITS => 1_000_000;

my $joor = JoorSimulator->new;
my $node = JoorNode->new('faults');
my $base64 = encode_base64(TOKEN, '');
my $said = '';    # all that psql printed
my $quantity = 0;

$node->account($joor, 'joor', token => TOKEN, options => 'credits \'' . CREDITS . '\'',
	simulator => { credits => CREDITS });

# Runs SQL in one session, errors and all: (lines, what went to stderr).
sub session
{
	my ($sql) = @_;
	my ($out, $err) = ('', '');

	$node->psql('postgres', "\\set VERBOSITY verbose\n$sql", stdout => \$out, stderr => \$err,
		on_error_stop => 0);
	$said .= "$out\n$err\n";
	return ([ split /\n/, $out ], $err);
}

# A push of two items with a quantity of its own, as SQL that prints JSON.
sub push_sql
{
	my ($mode) = @_;

	$quantity++;
	return "SELECT row_to_json(r) FROM joor.push(\$\$SELECT u AS upc, $quantity AS inventory"
	  . " FROM (VALUES ('a'), ('b')) v(u)\$\$, on_failure => '$mode') r;\n";
}

# How many items of the simulator have the latest quantity.
sub arrived
{
	return scalar grep { defined $_->{inventory} && $_->{inventory} == $quantity }
	  @{ $joor->state('joor') };
}

my $last_request = "SELECT row_to_json(r) FROM joor.request r ORDER BY id DESC LIMIT 1;\n";
my $resume = "SELECT FROM joor.resume('joor');\n";

# name, fault, outcome, SQLSTATE ('' if it is no error), http_status, message;
# then: calls (1), credits (5), stops (0), options of the server.
my @short = (options => [ "timeout '1'", 'timeout' ]);
my @cases = (
	[ 'bad request', { status => 400 }, 'refused', 'HV000', 400, qr/JOOR refused the request \(400\)/ ],
	[ 'unauthorized', { status => 401 }, 'refused', '28000', 401, qr/refused the token \(401\)/, stops => 1 ],
	[ 'forbidden', { status => 403 }, 'refused', '28000', 403, qr/refused the token \(403\)/, stops => 1 ],
	[ 'not found', { status => 404 }, 'refused', 'HV000', 404, qr/\(404\)/ ],
	[ 'time-out', { status => 408 }, 'failed', '08006', 408, qr/JOOR timed out/ ],
	[ 'conflict', { status => 409 }, 'refused', 'HV000', 409, qr/\(409\)/ ],
	[ 'unprocessable', { status => 422 }, 'refused', 'HV000', 422, qr/\(422\)/ ],
	[ 'teapot', { status => 418 }, 'refused', 'HV000', 418, qr/\(418\)/ ],
	[ 'internal error', { status => 500 }, 'failed', '08006', 500, qr/JOOR has trouble \(500\)/ ],
	[ 'unavailable', { status => 503, retry_after => 1 }, 'failed', '08006', 503, qr/\(503\)/ ],
	[ 'error that was applied', { status => 500, applied => JSON::PP::true }, 'failed', '08006', 500, qr/\(500\)/ ],
	[ 'created', { status => 201, applied => JSON::PP::true, body_kind => 'usual' }, 'delivered', '', 201 ],
	[ 'no content', { status => 204, body_kind => 'empty' }, 'unknown', '', 204, qr/cannot be read/ ],
	(map {
		[ "redirect $_", { status => $_ }, 'refused', 'HV000', $_,
			qr/the address is wrong: it redirects \($_\) to http/, stops => 1 ]
	} 301, 302, 303, 307, 308),
	[ 'redirect with a secret', { status => 302, location => 'https://joor.invalid/x?token=hidden' },
		'refused', 'HV000', 302, qr{to https://joor\.invalid/x$}, stops => 1 ],
	[ 'not modified', { status => 304, location => '' }, 'refused', 'HV000', 304, qr/redirects/, stops => 1 ],

	(map {
		my $how = $_;
		map {
			[ "$how $_", { cut => $_, how => $how }, 'unknown', '08006', undef, qr/sent, but no answer came: / ]
		  } qw(before_body in_body before_answer in_headers)
	} qw(reset close)),
	[ 'cut, but applied', { cut => 'before_answer', applied => JSON::PP::true }, 'unknown', '08006', undef,
		qr/no answer came/ ],
	(map {
		[ "$_ in answer", { cut => 'in_answer', how => $_ }, 'unknown', '', 200,
			qr/accepted, but the answer broke off/ ]
	} qw(reset close half_close)),
	[ 'half close before answer', { cut => 'before_answer', how => 'half_close' }, 'unknown', '08006', undef,
		qr/no answer came/ ],
	[ 'cut after answer', { cut => 'after_answer' }, 'delivered', '', 200 ],

	[ 'slow answer', { delay => 60 }, 'unknown', '08006', undef, qr/sent, but no answer came: .*timed out/i, @short ],
	[ 'held answer', { hold => JSON::PP::true, applied => 'late' }, 'unknown', '08006', undef, qr/no answer came/, @short ],
	[ 'slow bytes', { body_kind => 'huge', size => 1_000_000, slow_bytes => 200, slow_interval => 0.02 }, 'unknown', '', 200,
		qr/the answer broke off/, options => [ "timeout '3'", 'timeout' ] ],
	[ 'slow, but in time', { slow_bytes => 40, slow_interval => 0.001 }, 'delivered', '', 200 ],
	[ 'early answer', { early => JSON::PP::true, status => 503 }, 'failed', '08006', 503, qr/\(503\)/ ],

	(map { [ "body $_", { body_kind => $_ }, 'unknown', '', 200, qr/accepted, but the answer cannot be read/ ] }
		  qw(empty garbage html invalid_utf8 nul deep entity_bomb external_entity)),
	[ 'deep JSON', { body => '[' x 100_000, content_type => 'application/json' }, 'unknown', '', 200,
		qr/cannot be read/ ],
	[ 'huge answer', { body_kind => 'huge', size => 20_000_000 }, 'unknown', '', 200, qr/too large/ ],
	[ 'endless answer', { body_kind => 'endless' }, 'unknown', '', 200, qr/too large/ ],
	[ 'huge refusal', { status => 400, body_kind => 'huge', size => 20_000_000 }, 'unknown', '08006', 400,
		qr/too large/ ],
	[ 'garbage refusal', { status => 500, body_kind => 'garbage' }, 'failed', '08006', 500, qr/\(500\)$/ ],
	[ 'content type html', { content_type => 'text/html' }, 'delivered', '', 200 ],
	[ 'no content type', { content_type => 'none' }, 'delivered', '', 200 ],
	[ 'wrong content type', { content_type => 'application/json' }, 'unknown', '', 200, qr/cannot be read/ ],
	[ 'length too large', { content_length => 5000 }, 'unknown', '', 200, qr/broke off/ ],
	[ 'length too small', { content_length => 40 }, 'unknown', '', 200, qr/cannot be read/ ],
	[ 'HTTP/1.0', { http10 => JSON::PP::true }, 'delivered', '', 200 ],
	[ 'chunked', { chunked => JSON::PP::true }, 'delivered', '', 200 ],
	[ 'code 1', { answer => { code => 1, comment_text => 'no' } }, 'refused', 'HV000', 200,
		qr/refused the request with code 1: no/ ],

	[ 'closed port', undef, 'failed', '08006', undef, qr/JOOR was not reached: /, calls => 0, credits => 0,
		options => [ "url 'http://127.0.0.1:1/v2'", "url '" . $joor->url . "'" ] ],
	[ 'unknown host', undef, 'failed', '08006', undef, qr/JOOR was not reached: /, calls => 0, credits => 0,
		options => [ "url 'https://joor.invalid/v2'", "url '" . $joor->url . "'" ] ],
	[ 'path of another service', undef, 'refused', 'HV000', 404, qr/\(404\)/,
		options => [ "url 'http://127.0.0.1:" . $joor->port . "/v3'", "url '" . $joor->url . "'" ] ]);

sub set_option
{
	my ($setting) = @_;
	my ($name, $value) = split / /, $setting, 2;
	my $is_set = $node->safe_psql('postgres', "SELECT count(*) FROM pg_foreign_server,"
		  . " pg_options_to_table(srvoptions) WHERE srvname = 'joor' AND option_name = '$name'");
	my $what = !defined $value ? 'DROP' : $is_set ? 'SET' : 'ADD';

	$node->safe_psql('postgres', "ALTER SERVER joor OPTIONS ($what $setting)");
	return;
}

# One push with the fault; the row of joor.push or undef, and of joor.request.
sub one_push
{
	my ($case, $mode) = @_;
	my (undef, $fault, undef, undef, undef, undef, %more) = @$case;

	$joor->reset(qw(calls faults inventory));
	$joor->fault(%$fault) if $fault;
	my ($lines, $err) = session(push_sql($mode) . $last_request . $resume);
	$joor->release;

	# What the push has given up may not even have come to JOOR yet.
	$joor->wait_for(ended => $more{calls} // 1);
	my @rows = map { decode_json($_) } grep { /^\{/ } @$lines;
	return ($err, pop @rows, @rows);
}

foreach my $case (@cases)
{
	my ($name, $fault, $outcome, $sqlstate, $status, $message, %more) = @$case;
	my $calls = $more{calls} // 1;

	set_option($more{options}[0]) if $more{options};
	foreach my $mode (qw(error report))
	{
		my ($err, $request, @rows) = one_push($case, $mode);
		my $test = "$name, $mode";
		my $is_error = $mode eq 'error' && $sqlstate ne '';

		is($request->{outcome}, $outcome, "$test: outcome");
		is($request->{http_status}, $status, "$test: status");
		like($request->{message} // '', $message, "$test: message") if $message;
		is($request->{credits}, $more{credits} // 5, "$test: credits");
		ok(defined $request->{finished_at} && defined $request->{duration}, "$test: finished");
		is($joor->summary->{calls}, $calls, "$test: calls");
		if ($is_error)
		{
			like($err, qr/ERROR:  $sqlstate: could not send to account "joor": \Q$request->{message}\E/,
				"$test: error");
			is(scalar(@rows), 0, "$test: no rows");
		}
		else
		{
			unlike($err, qr/ERROR/, "$test: no error");
			is_deeply(
				[ map { [ @$_{qw(id items http_status outcome rejected message)} ] } @rows ],
				[ [ @$request{qw(id items http_status outcome rejected message)} ] ],
				"$test: its row");
		}
		is(arrived(), 2, "$test: they are there") if $request->{outcome} eq 'delivered';
		is(
			$node->safe_psql('postgres',
				"SELECT count(*) FROM joor.stop s JOIN joor.request r USING (serverid)"
				  . " WHERE r.id = $request->{id} AND s.stopped_at >= r.started_at"),
			$more{stops} // 0,
			"$test: stop");
	}
	set_option($more{options}[1]) if $more{options};
}
is($joor->trap, 0, 'no redirect and no external entity was followed');

subtest 'a reused connection breaks' => sub {
	foreach my $how (qw(reset close))
	{
		$joor->reset(qw(calls faults inventory));
		$joor->fault(cut => 'before_answer', how => $how, after => 1);
		my ($lines, $err) = session(push_sql('report') . push_sql('report') . $last_request);
		my @rows = map { decode_json($_) } grep { /^\{/ } @$lines;

		# libcurl by itself would send again when a connection that is reused breaks.
		is_deeply([ map { $_->{outcome} } @rows ], [qw(delivered unknown unknown)], "$how: outcomes");
		is($joor->summary->{calls}, 2, "$how: two calls");
	}

	# A server closes a connection that it finds idle.
	$joor->reset(qw(calls faults inventory));
	$joor->fault(cut => 'after_answer', how => 'close');
	my ($lines) = session(push_sql('report') . push_sql('report'));
	is_deeply([ map { decode_json($_)->{outcome} } grep { /^\{/ } @$lines ], [qw(delivered delivered)],
		'closed after an answer: outcomes');
	is($joor->summary->{calls}, 2, 'closed after an answer: two calls');
};

subtest 'what ends a stop' => sub {
	my $state = sub { return $node->safe_psql('postgres', 'SELECT state FROM joor.status') };
	my %end = (
		'joor.resume' => "SELECT joor.resume('joor')",
		'joor.activate' => "SELECT * FROM joor.activate('joor')",
		'a token' => "SELECT joor.set_token('joor', '" . TOKEN . "')",
		'a changed server' => q{ALTER SERVER joor OPTIONS (ADD connect_timeout '9')});

	foreach my $end (sort keys %end)
	{
		$joor->reset(qw(calls faults));
		$joor->fault(status => 401);
		my (undef, $err) = session(push_sql('error'));
		like($err, qr/HINT:  Correct the server's url/, "before $end: a hint");
		is($state->(), 'stopped', "before $end: the state");
		(undef, $err) = session(push_sql('report'));
		like($err, qr/ERROR:  55000: account "joor" is stopped\nDETAIL:  JOOR refused the token \(401\)/,
			"before $end: the next push is refused");
		is($joor->summary->{calls}, 1, "before $end: without a call");
		session("$end{$end};\n");
		my ($lines) = session(push_sql('report'));
		is(decode_json($lines->[0])->{outcome}, 'delivered', "after $end: the next push is sent");
	}
	session('ALTER SERVER joor OPTIONS (DROP connect_timeout);');
};

subtest 'too large for JOOR' => sub {
	my $ten = q{SELECT 'h' || i AS upc, i AS inventory FROM generate_series(1, 10) i};
	my $push = sub { return "SELECT row_to_json(r) FROM joor.push(\$\$$ten\$\$, on_failure => '$_[0]') r;\n" };
	my $outcomes = sub {
		return [ map { my $row = decode_json($_); "$row->{items} $row->{outcome}" } grep { /^\{/ } @{ $_[0] } ];
	};

	$joor->reset(qw(calls violations faults inventory));
	$joor->account('joor', max_items => 3);
	my ($lines, $err) = session($push->('error'));
	is_deeply($outcomes->($lines),
		[ '10 refused', '5 refused', '2 delivered', '3 delivered', '5 refused', '2 delivered', '3 delivered' ],
		'halved until it gets through');
	is_deeply([ sort { $a <=> $b } map { $_->{inventory} } @{ $joor->state('joor') } ], [ 1 .. 10 ], 'state');
	is_deeply([ grep { $_ ne 'too_large' } map { $_->{rule} } @{ $joor->violations } ], [], 'violations');

	# Smaller requests follow: what was found out is kept for the rest.
	$joor->reset(qw(calls faults inventory));
	set_option("max_items '4'");
	($lines) = session($push->('error'));
	is_deeply($outcomes->($lines), [ '4 refused', map { '2 delivered' } 1 .. 5 ], 'the size is remembered');
	set_option("max_items '500'");

	$joor->reset(qw(calls faults inventory));
	$joor->account('joor', max_items => 0, max_bytes => 400);
	($lines) = session($push->('error'));
	is(scalar(@{ $joor->state('joor') }), 10, 'by bytes, too');
	$joor->account('joor', max_bytes => 0);

	$joor->reset(qw(calls faults inventory));
	$joor->fault(status => 413, times => 0);
	($lines, $err) = session($push->('error'));
	like($err, qr/ERROR:  HV000: .*JOOR refused the request \(413\)/, 'a single item is an error');
	($lines) = session($push->('report'));
	is(scalar(grep { /^1 refused/ } @{ $outcomes->($lines) }), 10, 'or a row, and the others follow');
	$joor->clear_faults;
};

# Answers of three items, of which JOOR rejects some.
# name, answer, rejected UPCs, outcome, rejected, sku_count, has log_id, message
my @answers = (
	[ 'as documented', {}, ['b'], 'partly_rejected', ['b'], 2, 1, qr/JOOR rejected 1 of 3 items$/ ],
	[ 'all pass', {}, [], 'delivered', [], 3, 1 ],
	[ 'all fail', {}, [qw(a b c)], 'refused', [qw(a b c)], 0, 1, qr/rejected 3 of 3/ ],
	[ 'code as string', { code_type => 'string' }, ['b'], 'partly_rejected', ['b'], 2, 1 ],
	[ 'code 00', { code => '00', code_type => 'string' }, [], 'delivered', [], 3, 1 ],
	[ 'no comment', { comment => 'missing' }, ['b'], 'partly_rejected', ['b'], 2, 1 ],
	[ 'no log id', { log_id => 'missing' }, ['b'], 'partly_rejected', ['b'], 2, 0 ],
	[ 'no sku', { sku => 'missing' }, ['c'], 'partly_rejected', ['c'], 2, 1 ],
	[ 'response is text', { response => 'text' }, ['b'], 'partly_rejected', ['b'], 2, 1 ],
	[ 'no response', { response => 'missing' }, ['b'], 'partly_rejected', ['b'], 2, 0 ],
	[ 'no log', { log => 'missing' }, [], 'delivered', [], 3, 1 ],
	[ 'no log, one failed', { log => 'missing' }, ['b'], 'unknown', [], 2, 1, qr/outcome of 3 of 3 items is unknown/ ],
	[ 'no log, no count', { log => 'missing', sku_count => 'missing' }, [], 'delivered', [], undef, 1 ],
	[ 'empty log', { log => 'empty' }, [], 'delivered', [], 3, 1 ],
	[ 'empty log, one failed', { log => 'empty' }, ['b'], 'unknown', [], 2, 1, qr/is unknown/ ],
	[ 'short log', { log => 'short' }, ['a'], 'unknown', ['a'], 2, 1,
		qr/outcome of 1 of 3 items is unknown, others were rejected/ ],
	[ 'reversed log', { log => 'reversed' }, ['a'], 'partly_rejected', ['a'], 2, 1 ],
	[ 'reversed log, no sku', { log => 'reversed', sku => 'missing' }, ['b'], 'partly_rejected', ['b'], 2, 1 ],
	[ 'fewer counted', { sku_count => 'fewer' }, [], 'delivered', [], 2, 1, qr/JOOR counts 2 of 3 items/ ],
	[ 'count as string', { sku_count => 'string' }, ['b'], 'partly_rejected', ['b'], 2, 1 ],
	[ 'no count', { sku_count => 'missing' }, ['b'], 'partly_rejected', ['b'], undef, 1 ],
	[ 'PASSED and Failed', { pass => 'PASSED', fail => 'Failed' }, ['b'], 'partly_rejected', ['b'], 2, 1 ],
	[ 'Success and ERROR', { pass => 'Success', fail => 'ERROR' }, ['b'], 'partly_rejected', ['b'], 2, 1 ],
	[ 'ok and error', { pass => 'ok', fail => 'error' }, ['b'], 'partly_rejected', ['b'], 2, 1 ],
	[ 'another word', { pass => 'queued' }, [], 'unknown', [], 3, 1, qr/outcome of 3 of 3 items is unknown/ ],
	[ 'another word and fail', { pass => 'queued' }, ['b'], 'unknown', ['b'], 2, 1, qr/others were rejected/ ],
	[ 'another root', { root => 'data' }, ['b'], 'partly_rejected', ['b'], 2, 1 ],
	[ 'not wrapped', { wrapped => JSON::PP::false }, ['b'], 'partly_rejected', ['b'], 2, 1 ]);

subtest 'answers' => sub {
	foreach my $format (qw(xml json))
	{
		set_option("format '$format'");
		foreach my $answer (@answers)
		{
			my ($name, $words, $reject, $outcome, $rejected, $sku_count, $has_id, $message) = @$answer;
			my $test = "$format, $name";

			$joor->reset(qw(calls faults inventory));
			$joor->account('joor', reject => $reject);
			$joor->fault(answer => $words) if %$words;
			my ($lines, $err) = session(<<"SQL");
SELECT row_to_json(r) FROM joor.push(\$\$SELECT u AS upc, 1 AS inventory
	FROM (VALUES ('a'), ('b'), ('c')) v(u)\$\$) r;
SELECT json_build_object('upcs', json_agg(upc ORDER BY upc)) FROM joor.rejection
	WHERE request_id = (SELECT max(id) FROM joor.request);
SQL
			my ($row, $upcs) = map { decode_json($_) } @$lines;
			is_deeply([ @$row{qw(outcome rejected sku_count items)} ],
				[ $outcome, scalar(@$rejected), $sku_count, 3 ], "$test: row");
			is_deeply($upcs->{upcs} // [], $rejected, "$test: rejections");
			is(defined $row->{log_id} ? 1 : 0, $has_id, "$test: log id");
			like($row->{message} // '', $message // qr/./, "$test: message") if $message;
			is($row->{message}, undef, "$test: no message") if !$message && $outcome eq 'delivered';
			like($err, qr/WARNING:  01000: JOOR rejected/, "$test: warning") if @$rejected;
			like($err, qr/WARNING:  01000: JOOR accepted 1 request without saying/, "$test: warning, unknown")
			  if $outcome eq 'unknown';
		}

		# A list of one may come as its element.
		$joor->account('joor', reject => ['a']);
		$joor->fault(answer => { single_list => JSON::PP::false });
		my ($lines) = session(q{SELECT row_to_json(r) FROM joor.push($$SELECT 'a' AS upc, 1 AS inventory$$) r;});
		is_deeply([ @{ decode_json($lines->[0]) }{qw(outcome rejected)} ], [ 'refused', 1 ],
			"$format, one item: outcome");
	}
};

my $log = PostgreSQL::Test::Utils::slurp_file($node->logfile);
unlike($log, qr/terminated by signal|PANIC|TRAP:/, 'the server stayed up');
unlike("$said$log" =~ s/joor\.set_token\('joor', '\Q${\TOKEN}\E'\)//gr, qr/\Q${\TOKEN}\E|\Q$base64\E/,
	'no token in messages and log');
is($node->safe_psql('postgres', "SELECT count(*) FROM joor.request WHERE outcome = 'sending'"), 0,
	'no request is left open');
is(
	$node->safe_psql('postgres', "SELECT count(*) FROM joor.request r WHERE r::text ~ '"
		  . TOKEN . "' OR strpos(r::text, '$base64') > 0 OR r::text ~ 'hidden'"),
	0, 'no secret in joor.request');
done_testing();
