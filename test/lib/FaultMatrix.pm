# FaultMatrix: every fault by every way of sending, in both formats.
#
#   my $matrix = FaultMatrix->new('name');
#       A PostgreSQL, a simulator and eight accounts: one for each way (push,
#       enqueue, feed, activate) and format (xml, json).
#   $matrix->run($_) foreach $matrix->status_faults, $matrix->cut_faults,
#       $matrix->answer_faults, $matrix->network_faults;
#       One fault: one test for each of the eight cells.
#   $matrix->run_lie         an answer of somebody else's to the feeds
#   $matrix->finish          tests of the whole
#   $matrix->table           what was seen, as lines of Markdown
#   $matrix->totals          hash: cells, requests, lost, stale, rejected
#
# A fault is a hash: name; class, below; fault, what the simulator is told, if
# anything; options of the accounts while it lasts; says, a pattern of the
# message where the class alone does not tell it; activate_class, if it means
# something else to a read; stops, what it does though its class does not, to all
# but a push; breaks, the rule of JOOR's that it makes calls
# break.
#
# A 2xx whose answer cannot be read counts as taken, as JOOR's contract has it,
# and the simulator does take it; what becomes of a feed where such an answer
# lies is told by run_lie.
#
# Words: a class is what a fault means to the sender, whatever causes it; it
# has an outcome (of joor.request) and a SQLSTATE (of joor.push).  A lasting
# one hits all calls until it is cleared, the others hit one.
#
# A cell goes like this.  The items a, b and c get new quantities and are sent,
# which meets the fault.  When joor.status shows that, b gets a newer quantity
# and c goes from its feed; then the fault is taken away and the account is
# resumed.  Lost are items that JOOR does not have as the query, the queue or
# the feed has them in the end; stale are quantities that were sent after a
# newer one of the same item.

package FaultMatrix;

use strict;
use warnings;

use IO::Socket::INET;
use JSON::PP;
use JoorNode;
use JoorSimulator;
use Socket qw(SOCK_STREAM);
use Test::More;

use constant AMPLE => 100_000_000;
use constant WAYS => qw(push enqueue feed activate);
use constant FORMATS => qw(xml json);
# Long enough for any answer that comes, and short where none does.
use constant PATIENT => (timeout => 60, connect_timeout => 10);
use constant BRIEF => (timeout => '0.4', connect_timeout => '0.3');

# outcome and SQLSTATE; lasting; stops: the account, until someone acts.
# activate: SQLSTATE of joor.activate, if it is another.
my %class = (
	fine => { outcome => 'delivered', sqlstate => '00000' },
	unread => { outcome => 'unknown', sqlstate => '00000', activate => 'HV000', says => qr/^accepted, but the answer/ },
	refused => { outcome => 'refused', sqlstate => 'HV000', says => qr/^JOOR refused the request/ },
	large => { outcome => 'refused', sqlstate => '00000', activate => 'HV000', says => qr/\(413\)/ },
	throttled => { outcome => 'throttled', sqlstate => '00000', says => qr/\(429\)/ },
	trouble => { outcome => 'failed', sqlstate => '08006', lasting => 1, says => qr/^JOOR has trouble \(\d+\)|^JOOR timed out/ },
	lost => { outcome => 'unknown', sqlstate => '08006', lasting => 1, says => qr/^sent, but no answer came: / },
	unreached => { outcome => 'failed', sqlstate => '08006', lasting => 1, says => qr/^JOOR was not reached: / },
	token => { outcome => 'refused', sqlstate => '28000', lasting => 1, stops => 1, says => qr/^JOOR refused the token/ },
	address => { outcome => 'refused', sqlstate => 'HV000', lasting => 1, stops => 1, says => qr/^the address is wrong: it redirects/ },
	untrusted => { outcome => 'failed', sqlstate => '08006', lasting => 1, stops => 1, says => qr/^the address cannot be trusted: / });

sub new
{
	my ($class, $name) = @_;
	my $self = bless { joor => JoorSimulator->new, quantity => 0, lines => [], seen => {}, total => {} }, $class;
	my $node = $self->{node} = JoorNode->new($name, preload => 1);

	foreach my $way (WAYS)
	{
		foreach my $format (FORMATS)
		{
			my %option = (format => $format, credits => AMPLE, ca_file => '/nonexistent', PATIENT);
			my $account = "${way}_$format";

			push @{ $self->{cells} }, { way => $way, format => $format, account => $account };
			$node->account($self->{joor}, $account, options => join(', ', map { "$_ '$option{$_}'" } sort keys %option),
				simulator => { credits => AMPLE });
			$self->_create_feed($account) if $way eq 'feed';
		}
	}
	return $self;
}

sub _sql { return $_[0]{node}->safe_psql('postgres', $_[1]) }

sub _create_feed
{
	my ($self, $account) = @_;

	$self->_sql(qq{
		CREATE TABLE stock_$account (upc text PRIMARY KEY, pieces int);
		SELECT joor.create_feed('$account', 'SELECT upc, pieces AS inventory FROM stock_$account', server => '$account', key => 'upc');
		SELECT joor.watch('$account', 'stock_$account', key => 'upc')});
	return;
}

sub _true { return JSON::PP::true }

# A fault of the simulator, by its name, class and members.
sub _fault
{
	my ($name, $class, $fault, %more) = @_;
	return { name => $name, class => $class, fault => $fault, %more };
}

# Statuses.
sub status_faults
{
	my $t = _true();

	return (
		(map { _fault("status $_", 'refused', { status => $_ }) } 400, 404, 405, 409, 410, 418, 422),
		(map { _fault("status $_", 'trouble', { status => $_ }) } 408, 500, 502, 503, 504, 599),
		_fault('500, but applied', 'trouble', { status => 500, applied => $t }),
		_fault('503 with Retry-After', 'trouble', { status => 503, retry_after => 1 }),
		_fault('500 with garbage', 'trouble', { status => 500, body_kind => 'garbage' }),
		_fault('502 with HTML', 'trouble', { status => 502, body_kind => 'html' }),
		_fault('503 before the body is read', 'trouble', { early => $t, status => 503 }),
		(map { _fault("status $_", 'token', { status => $_ }) } 401, 403),
		(map { _fault("redirect $_", 'address', { status => $_ }) } 301, 302, 303, 307, 308),
		_fault('status 413', 'large', { status => 413 }),
		_fault('429 with Retry-After', 'throttled', { status => 429, retry_after => 1 }),
		_fault('code 1', 'refused', { answer => { code => 1, comment_text => 'no' } }, activate_class => 'fine'),
		_fault('status 201', 'fine', { status => 201, applied => $t }),
		_fault('status 204', 'unread', { status => 204, body_kind => 'empty', applied => $t }));
}

# Connections that break, and answers that take too long.
sub cut_faults
{
	my @brief = (options => {BRIEF});
	my $t = _true();

	return (
		(map {
			my $how = $_;
			map { _fault("$how $_", 'lost', { cut => $_, how => $how }) } qw(before_body in_body before_answer in_headers)
		} qw(reset close half_close)),
		_fault('reset, but applied', 'lost', { cut => 'before_answer', applied => $t }),
		(map { _fault("$_ in_answer", 'unread', { cut => 'in_answer', how => $_ }) } qw(reset close half_close)),
		(map { _fault("$_ after_answer", 'fine', { cut => 'after_answer', how => $_ }) } qw(reset close half_close)),

		_fault('no answer in time', 'lost', { delay => 2, applied => JSON::PP::false }, @brief),
		_fault('no answer in time, but applied', 'lost', { hold => $t, applied => $t }, @brief),
		_fault('bytes that come too slowly', 'unread',
			{ body_kind => 'huge', size => 1_000_000, slow_bytes => 200, slow_interval => 0.02 },
			options => { BRIEF, timeout => 2 }),    # its header comes in time
		_fault('slow bytes in time', 'fine', { slow_bytes => 60, slow_interval => 0.001 }));
}

# Answers that are strange.
sub answer_faults
{
	my $t = _true();

	return (
		(map { _fault("body $_", 'unread', { body_kind => $_ }) }
			  qw(empty garbage html invalid_utf8 nul deep entity_bomb external_entity)),
		_fault('deep JSON', 'unread', { body => '[' x 100_000, content_type => 'application/json' }),
		_fault('1 GB', 'unread', { body_kind => 'huge', size => 1_000_000_000 }),
		_fault('endless answer', 'unread', { body_kind => 'endless' }),
		_fault('400 with 1 GB', 'lost', { status => 400, body_kind => 'huge', size => 1_000_000_000 },
			says => qr/too large/),
		_fault('4 headers of 10 kB', 'fine', { headers => { map { ("X-Header-$_" => 'x' x 10_000) } 1 .. 4 } }),
		_fault('content type html', 'fine', { content_type => 'text/html' }),
		_fault('no content type', 'fine', { content_type => 'none' }),
		_fault('Content-Length too large', 'unread', { content_length => 5000 }),
		_fault('Content-Length too small', 'unread', { content_length => 20 }),
		_fault('Content-Length 0', 'unread', { content_length => 0 }),
		_fault('HTTP/1.0', 'fine', { http10 => $t }),
		_fault('HTTP/1.0, 503', 'trouble', { http10 => $t, status => 503 }),
		_fault('chunked', 'fine', { chunked => $t }),
		_fault('chunked, cut', 'unread', { chunked => $t, cut => 'in_answer' }));
}

# What keeps a call from reaching JOOR at all.
sub network_faults
{
	my ($self) = @_;
	my @brief = BRIEF;
	my $plain = $self->{joor}->port;
	my %tls = map { ($_ => JoorSimulator->new(tls => 1, cert => $_)) } qw(good expired wrong_host self_signed);
	my $old = JoorSimulator->new(tls => 1, tls_priorities => 'NORMAL:-VERS-ALL:+VERS-TLS1.1');

	$self->{tls} = [ values %tls, $old ];
	return (
		_fault('unknown host', 'unreached', undef, options => { url => 'https://joor.invalid/v2' }),
		_fault('connection refused', 'unreached', undef, options => { url => 'http://127.0.0.1:1/v2' }),
		_fault('no answer to the connection', 'unreached', undef, options => { url => $self->_blackhole, @brief }),
		_fault('silence after the connection', 'lost', undef, options => { url => $self->_silence, @brief }),
		_fault('another protocol', 'lost', undef, options => { url => $self->_babble("SSH-2.0-OpenSSH_9.2\r\n") }),
		_fault('an answer without headers', 'lost', undef, options => { url => $self->_babble('<html></html>') }),
		_fault('closed at once', 'lost', undef, options => { url => $self->_babble('') }),
		_fault('path of another service', 'refused', undef, options => { url => "http://127.0.0.1:$plain/v3" },
			breaks => 'path', stops => 1),
		_fault('TLS expired', 'untrusted', undef, options => { url => $tls{expired}->url, ca_file => $tls{expired}->ca_file }),
		_fault('TLS wrong host', 'untrusted', undef,
			options => { url => $tls{wrong_host}->url, ca_file => $tls{wrong_host}->ca_file }),
		_fault('TLS unknown CA', 'untrusted', undef, options => { url => $tls{good}->url, ca_file => $tls{expired}->ca_file }),
		_fault('TLS self-signed', 'untrusted', undef,
			options => { url => $tls{self_signed}->url, ca_file => $tls{good}->ca_file }),
		_fault('TLS without its ca_file', 'untrusted', undef, options => { url => $tls{good}->url }),
		_fault('TLS 1.1', 'unreached', undef, options => { url => $old->url, ca_file => $old->ca_file }),
		_fault('HTTP where TLS is due', 'unreached', undef, 
			options => { url => "https://localhost:$plain/v2", ca_file => $tls{good}->ca_file }));
}

sub _listen
{
	my ($self, $backlog) = @_;
	my $socket = IO::Socket::INET->new(LocalAddr => '127.0.0.1', Listen => $backlog, Proto => 'tcp')
	  or die "could not listen: $!";

	push @{ $self->{sockets} }, $socket;
	return ($socket, 'http://127.0.0.1:' . $socket->sockport . '/v2');
}

# Takes connections, and never says a word.
sub _silence
{
	my ($self) = @_;
	my (undef, $url) = $self->_listen(100);
	return $url;
}

# Answers no SYN: those who wait to be accepted are too many already.
sub _blackhole
{
	my ($self) = @_;
	my ($socket, $url) = $self->_listen(1);

	push @{ $self->{sockets} },
	  IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $socket->sockport, Proto => 'tcp', Blocking => 0)
	  foreach 1 .. 5;
	return $url;
}

# Says the same to everybody, and hangs up.
sub _babble
{
	my ($self, $words) = @_;
	my ($socket, $url) = $self->_listen(100);
	my $pid = fork() // die "could not fork: $!";

	if ($pid == 0)
	{
		local $SIG{PIPE} = 'IGNORE';
		while (my $client = $socket->accept)
		{
			$client->recv(my $ignored, 100_000);
			$client->send($words) if $words ne '';
			close($client);
		}
		require POSIX;
		POSIX::_exit(0);
	}
	push @{ $self->{children} }, $pid;
	return $url;
}

sub DESTROY
{
	my ($self) = @_;

	local ($?, $!);
	foreach my $pid (@{ $self->{children} // [] })
	{
		kill('KILL', $pid);
		waitpid($pid, 0);
	}
	return;
}

# Options of all accounts, as SQL.
sub _alter
{
	my ($self, %option) = @_;
	my $options = join ', ', map { "SET $_ '$option{$_}'" } sort keys %option;

	return join '', map { "ALTER SERVER $_->{account} OPTIONS ($options);\n" } @{ $self->{cells} };
}

# The quantities that a cell has in the end, after those of the first sending.
sub _newer
{
	my ($self, $cell) = @_;
	my $q = $self->{quantity};

	return { a => $q, b => $q + 1, c => $cell->{way} eq 'feed' ? 0 : $q };
}

sub _item_query
{
	my ($of) = @_;
	return 'SELECT * FROM (VALUES ' . join(', ', map { "(''$_'', $of->{$_})" } sort keys %$of) . ') v (upc, inventory)';
}

# SQL that sends quantities by the cell's way.
sub _send
{
	my ($cell, $of) = @_;
	my $account = $cell->{account};
	my $query = _item_query($of);

	return "SELECT FROM joor.push('$query', '$account');\n" if $cell->{way} eq 'push';
	return "SELECT joor.enqueue('$query', '$account');\n" if $cell->{way} eq 'enqueue';
	return "SELECT FROM joor.activate('$account');\n" if $cell->{way} eq 'activate';
	return join '', 'BEGIN;', (map {
		$of->{$_} == 0 ? "DELETE FROM stock_$account WHERE upc = '$_';"
		  : "INSERT INTO stock_$account VALUES ('$_', $of->{$_}) ON CONFLICT (upc) DO UPDATE SET pieces = excluded.pieces;"
	} sort keys %$of), "COMMIT;\n";
}

# Runs SQL that sends, for some cells; the SQLSTATE for each account.
sub _session
{
	my ($self, $of, @cells) = @_;
	my $sql = join '', map { _send($_, $of->($_)) . "\\echo \@ $_->{account} :SQLSTATE\n" } @cells;
	my ($out, $err) = ('', '');

	$self->{node}->psql('postgres', $sql, stdout => \$out, stderr => \$err, on_error_stop => 0);
	return { $out =~ /^\@ (\w+) (\w+)$/mg };
}

sub _is_worker { return $_[0]{way} eq 'enqueue' || $_[0]{way} eq 'feed' }

# Rows of all accounts, by account.
sub _by_account
{
	my ($self, $sql) = @_;
	return { map { ($_->{account} => $_) } @{ $self->{node}->rows($sql) } };
}

# Waits until the worker has met the fault, and joor.status says so.
sub _wait_for_fault
{
	my ($self, $fault, $class) = @_;
	my $met = "EXISTS (SELECT FROM joor.request r WHERE r.server = s.account AND r.id > $self->{mark} AND r.outcome <> 'sending')";

	if ($fault->{stops} || $class->{lasting})
	{
		$met .= $class->{stops} || $fault->{stops} ? q{ AND s.state = 'stopped' AND s.why_not_now = s.last_error_message}
		  : q{ AND s.why_not_now LIKE 'JOOR has trouble: %'};
	}
	return $self->{node}->poll_query_until('postgres',
		"SELECT bool_and($met) FROM joor.status s WHERE s.account ~ '^(enqueue|feed)_'");
}

# Quantities that were sent after a newer one of the same item.
sub _count_stale
{
	my ($self, $cell) = @_;
	my $q = $self->{quantity};
	my %age = (a => { $q => 1 }, b => { $q => 1, $q + 1 => 2 }, c => { $q => 1, 0 => 2 });
	my (%last, $stale);

	foreach my $call (@{ $self->{joor}->calls(account => $cell->{account}, operation => 'bulk') })
	{
		my $body = $self->{joor}->body($call->{number}) // '';
		$self->{total}{requests}++;
		foreach my $item ($body =~ /((?:<upc>|"upc":).*?)(?:<\/inventory>|\})/sg)
		{
			my ($upc) = $item =~ /upc[">:]+(\w+)/ or next;
			my ($inventory) = $item =~ /inventory[">:]+(\d+)/ or next;
			my $age = $age{$upc}{$inventory} // 0;

			$stale++ if $age < ($last{$upc} // 0) || $age == 0;
			$last{$upc} = $age if $age > ($last{$upc} // 0);
		}
	}
	return $stale // 0;
}

# Items that JOOR does not have as the cell has them in the end.
sub _count_lost
{
	my ($self, $cell) = @_;
	my $has = { map { ($_->{upc} => $_->{inventory}) } @{ $self->{joor}->state($cell->{account}) } };
	my $wanted = $self->_newer($cell);

	return 0 if $cell->{way} eq 'activate';
	return scalar grep { ($has->{$_} // -1) != $wanted->{$_} } keys %$wanted;
}

# A read has no body in which it could be cut.
sub _shaped
{
	my ($cell, $fault) = @_;
	return (%$fault, cut => 'before_body') if $cell->{way} eq 'activate' && ($fault->{cut} // '') eq 'in_body';
	return %$fault;
}

# The first sending, which meets the fault.
sub _meet
{
	my ($self, $fault, $class) = @_;
	my $joor = $self->{joor};
	my $q = $self->{quantity} += 10;
	my @cells = sort { _is_worker($b) <=> _is_worker($a) } @{ $self->{cells} };

	$joor->reset(qw(calls violations faults inventory));
	$self->{mark} = $self->_sql(($fault->{options} ? $self->_alter(%{ $fault->{options} }) : '')
		. 'SELECT coalesce(max(id), 0) FROM joor.request');
	if ($fault->{fault})
	{
		$joor->fault(account => $_->{account}, operation => $_->{way} eq 'activate' ? 'read' : 'bulk',
			times => $class->{lasting} ? 0 : 1, _shaped($_, $fault->{fault}))
		  foreach @cells;
	}
	return $self->_session(sub { return { a => $q, b => $q, c => $q } }, @cells);
}

# Newer quantities come, the fault goes: the SQLSTATE for each account.
sub _heal
{
	my ($self, $fault) = @_;
	my $newer = sub { return $self->_newer($_[0]) };
	my @cells = @{ $self->{cells} };
	my $later = sub { my $of = $newer->($_[0]); delete $of->{a}; return $of };

	$self->_session($later, grep { _is_worker($_) } @cells);
	$self->{joor}->clear_faults;
	$self->{joor}->release;
	$self->_sql(($fault->{options} ? $self->_alter(url => $self->{joor}->url, ca_file => '/nonexistent', PATIENT) : '')
		. join('', map { "SELECT joor.resume('$_->{account}');" } @cells));
	my $states = $self->_session($newer, grep { !_is_worker($_) } @cells);
	return $states;
}

# Until all is sent, what was rejected and what is not known to have arrived
# once more; accounts and their open rejections in between.
sub _settle
{
	my ($self) = @_;
	my @workers = grep { _is_worker($_) } @{ $self->{cells} };
	my $waits = join '', map { "SELECT joor.wait('$_->{account}', '90 s');\n" } @workers;
	my $syncs = join '', map { "SELECT FROM joor.sync('$_->{account}');\n" } grep { $_->{way} eq 'feed' } @workers;
	my $out = $self->_sql($waits
		  . "SELECT account, rejections_open FROM joor.status;\n"
		  . "SELECT joor.retry(VARIADIC coalesce(array_agg(id), '{}')) FROM joor.rejection WHERE closed_at IS NULL;\n"
		  . $waits . $syncs . $waits);

	$self->{rejected} = { $out =~ /^(\w+)\|(\d+)$/mg };
	return;
}

# What a cell has come to, as a hash that a test compares.
sub _judge
{
	my ($self, $cell, $class, $fault, $seen) = @_;
	my $account = $cell->{account};
	my $request = $seen->{request}{$account} // {};
	my $status = $seen->{status}{$account};
	my $message = $request->{message} // '';
	my $pattern = $fault->{says} // $class->{says};
	my $says_it = $class->{outcome} =~ /^(?:refused|unknown|failed)$/
	  ? ($cell->{way} eq 'push' && $class->{sqlstate} ne '00000') || $class->{stops} ? ($status->{last_error_message} // '') eq $message : 1
	  : 1;

	return {
		outcome => $request->{outcome},
		says => !$pattern || $message =~ $pattern ? 'so' : $message,
		sqlstate => $seen->{sqlstate}{$account},
		state => $status->{state},
		status_says => $says_it ? 'so' : $status->{last_error_message},
		healed => $seen->{healed}{$account} // '00000',
		lost => $self->_count_lost($cell),
		stale => $self->_count_stale($cell),
		queued => $seen->{after}{$account}{queued},
		sending => $seen->{after}{$account}{sending},
		state_after => $seen->{after}{$account}{state},
		violations => scalar grep { $_->{rule} ne ($fault->{breaks} // '') } @{ $self->{joor}->violations(account => $account) },
	};
}

# What the fault means to a cell.
sub _class_of
{
	my ($cell, $fault) = @_;
	return $class{ $cell->{way} eq 'activate' && $fault->{activate_class} || $fault->{class} };
}

sub _expected
{
	my ($cell, $class, $fault) = @_;
	my $sqlstate = $cell->{way} eq 'activate' ? $class->{activate} // $class->{sqlstate} : $class->{sqlstate};
	my $stops = $class->{stops} || $fault->{stops} && $cell->{way} ne 'push'
	  || $cell->{way} eq 'activate' && ($fault->{fault}{status} // 0) == 404;

	return {
		outcome => $class->{outcome},
		says => 'so',
		sqlstate => _is_worker($cell) ? '00000' : $sqlstate,
		state => $stops ? 'stopped' : 'active',
		status_says => 'so',
		healed => '00000',
		lost => 0,
		stale => 0,
		queued => 0,
		sending => 0,
		state_after => 'active',
		violations => 0,
	};
}

sub run
{
	my ($self, $fault) = @_;
	my $class = $class{ $fault->{class} };
	my %seen;
	my $status = 'SELECT account, state, why_not_now, last_error_message, queued, sending FROM joor.status';

	$seen{sqlstate} = $self->_meet($fault, $class);
	ok($self->_wait_for_fault($fault, $class), "$fault->{name}: joor.status shows it");
	$seen{status} = $self->_by_account($status);
	$seen{request} = $self->_by_account('SELECT DISTINCT ON (server) server AS account, outcome, http_status, message'
		  . " FROM joor.request WHERE id > $self->{mark} AND outcome <> 'sending' ORDER BY server, id");
	$seen{healed} = $self->_heal($fault);
	$self->_settle;
	$seen{after} = $self->_by_account($status);
	foreach my $cell (@{ $self->{cells} })
	{
		my $means = _class_of($cell, $fault);
		my $got = $self->_judge($cell, $means, $fault, \%seen);
		is_deeply($got, _expected($cell, $means, $fault), "$fault->{name}: $cell->{way}, $cell->{format}")
		  or diag(JSON::PP->new->canonical->pretty->encode({ got => $got, status => $seen{status}{ $cell->{account} },
			  request => $seen{request}{ $cell->{account} }, violations => $self->{joor}->violations(account => $cell->{account}) }));
		$self->_note($cell, $fault, $got, \%seen);
	}
	return;
}

# A page of somebody else's, with status 200, for items that JOOR never saw.
sub run_lie
{
	my ($self) = @_;
	my @feeds = map { $_->{account} } grep { $_->{way} eq 'feed' } @{ $self->{cells} };

	$self->{joor}->reset(qw(calls violations faults inventory));
	foreach my $feed (@feeds)
	{
		$self->{joor}->fault(account => $feed, operation => 'bulk', body_kind => 'html', status => 200);
		$self->_sql("UPDATE stock_$feed SET pieces = 7");
		is($self->_sql("SELECT joor.wait('$feed', '90 s')"), 't', "a lie to $feed: it counts as taken");
		is($self->_sql("SELECT outcome FROM joor.request WHERE server = '$feed' ORDER BY id DESC LIMIT 1"),
			'unknown', "a lie to $feed: but the outcome as unknown");
		is($self->_sql("SELECT count(*) FROM joor.drift('$feed')"), 2, "a lie to $feed: joor.drift tells");
		is($self->_sql("SELECT joor.sync('$feed'); SELECT joor.wait('$feed', '90 s')"), "2\nt", "a lie to $feed: joor.sync sends again");
		is(join(' ', map { $_->{inventory} } @{ $self->{joor}->state($feed) }), '7 7', "a lie to $feed: and it arrives");
	}
	return;
}

sub _note
{
	my ($self, $cell, $fault, $got, $seen) = @_;
	my $status = $seen->{status}{ $cell->{account} };
	my $rejected = $self->{rejected}{ $cell->{account} };
	my $says = $status->{state} eq 'stopped' ? "stopped: $status->{last_error_message}"
	  : _is_worker($cell) ? $status->{why_not_now}
	  : ($got->{outcome} // '') =~ /^(?:delivered|throttled)$/ ? '' : $status->{last_error_message} // '';
	my $total = $self->{total};

	$total->{cells}++;
	$total->{rejected} += $rejected;
	$total->{$_} += $got->{$_} foreach qw(lost stale violations);
	$says =~ s/[|\n]/ /g;
	push @{ $self->{lines} }, sprintf('| %s | %s | %s | %s | %s | %s | %d | %d | %d |', $fault->{name}, @$cell{qw(way format)},
		$got->{outcome} // '', _is_worker($cell) ? '' : $got->{sqlstate}, substr($says, 0, 90), $got->{lost}, $got->{stale}, $rejected);
	return;
}

sub table
{
	my ($self) = @_;
	return ('| fault | way | format | outcome | SQLSTATE | joor.status says | lost | stale | rejected |', '| --- ' x 9 . '|',
		@{ $self->{lines} });
}

sub totals { return %{ $_[0]{total} } }

sub finish
{
	my ($self) = @_;
	my $node = $self->{node};
	my $log = PostgreSQL::Test::Utils::slurp_file($node->logfile);

	# one that has had no work for some seconds may have left, which is not logged
	unlike($log, qr/background worker "joor_inventory \w+" \(PID \d+\) (?:exited|was terminated)/,
		'no worker ended against its will');
	is($self->_sql(q{SELECT count(*) FROM joor.request WHERE outcome = 'sending'}), 0, 'no request is left open');
	is($self->_sql('SELECT count(*) FROM joor.queue'), 0, 'nothing is left in the queue');
	is($self->_sql(join(' + ', map { "(SELECT count(*) FROM joor.drift('$_->{account}'))" } grep { $_->{way} eq 'feed' } @{ $self->{cells} })
			=~ s/^/SELECT /r), 0, 'no feed differs from what is published');
	is($self->{joor}->trap, 0, 'no redirect and no external entity was followed');
	is($_->summary->{calls}, 0, 'no call to an address that is not trusted') foreach @{ $self->{tls} // [] };
	unlike($log, qr/PANIC|TRAP|was terminated by signal/, 'no crash');
	note($_) foreach $self->table;
	$node->stop;
	return;
}

1;
