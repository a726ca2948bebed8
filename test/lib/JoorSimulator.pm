# JoorSimulator: starts a JOOR to test against, and gives it orders.
#
# The program is test/simulator/joor_simulator, or what JOOR_SIMULATOR names;
# it is not built here (make -C test/simulator).  Its --help describes every
# field of an account, a fault, a call.  All methods die when the simulator
# refuses.
#
#   my $joor = JoorSimulator->new;
#       Starts it and waits until it listens.  Options:
#       tls => 1         HTTPS, with certificates made for the occasion
#       cert => 'good' | 'expired' | 'wrong_host' | 'self_signed'
#       tls_priorities => 'NORMAL:-VERS-ALL:+VERS-TLS1.1'
#       port => N        else any that is free
#       timeout => S     for the start: 20 seconds
#   $joor->url           base address for the product:
#                        http://127.0.0.1:PORT/v2 or https://localhost:PORT/v2
#   $joor->port, $joor->control_port, $joor->control_url, $joor->pid
#   $joor->ca_file       the certificate to trust, with tls
#   $joor->trap_url, $joor->trap
#                        an address where no client must come, and how often
#                        one did
#
#   $joor->account($name, token => 't', any_sku => 1, ...)
#       Makes an account, or changes what is named.
#   $joor->account_info($name)            {name, credits, rest}
#   $joor->drop_account($name)
#   $joor->state($name)                   array of positions, in the order in
#                                         which they came
#   $joor->state_tsv($name)               the same as text, for COPY
#   $joor->set_state($name, {upc => '1', inventory => 5}, ...)
#       JOOR itself changes positions, as when orders come in.
#   $joor->refill                         the next call of each account begins
#                                         a new window
#
#   $joor->fault(status => 503, times => 2, ...)
#       Queues a fault for calls to come; its number.
#   $joor->faults                         array of those still queued
#   $joor->clear_faults
#   $joor->release                        lets go the calls that are held now
#
#   $joor->calls(account => 'main', operation => 'bulk', status => 200,
#                since => $number)        array of calls, oldest first
#   $joor->summary(%filter)               counts
#   $joor->violations(%filter)            array; empty is what tests want
#   $joor->body($number)                  bytes of a call's body; undef: it is
#                                         not kept
#   $joor->wait_for(arrived => N, %filter)
#       Also ended => N, under_way => N, timeout => S (10).  True when there
#       are at least so many calls, false when the time is over.  With
#       held => N: calls in the pause of a fault, which a release lets go.
#   $joor->reset, $joor->reset('calls', 'violations')
#       Forgets everything, or these only (calls, violations, faults, credits,
#       inventory, accounts).  A call that is under way goes on, but is counted
#       and listed no more.
#   $joor->stop
#       Ends it; so does the end of the test, however it comes.  Only the
#       process that started the simulator ends it.  Returns its exit status.
#   $joor->log                            what it wrote to its standard error

package JoorSimulator;

use strict;
use warnings;

use Carp qw(croak);
use Cwd ();
use File::Basename qw(basename dirname);
use File::Spec;
use File::Temp ();
use HTTP::Tiny;
use IPC::Run ();
use JSON::PP ();
use Scalar::Util ();
use Time::HiRes qw(sleep time);

use constant START_TIMEOUT => 20;
use constant STOP_TIMEOUT => 20;

my %running;    # pid => object, of this process

sub new
{
	my ($class, %options) = @_;
	my $self = bless {
		owner => $$,
		dir => File::Temp->newdir('joor_simulator_XXXXXX', TMPDIR => 1),
		timeout => START_TIMEOUT,
		%options
	}, $class;

	$self->_make_certificates if $self->{tls};
	$self->_start;
	$self->{json} = JSON::PP->new->utf8->canonical->allow_nonref;
	$self->{http} = HTTP::Tiny->new(
		timeout => 120,
		proxy => undef,
		http_proxy => undef,
		https_proxy => undef);
	return $self;
}

sub program
{
	my $file = $ENV{JOOR_SIMULATOR};

	if (!defined $file)
	{
		my $lib = dirname(Cwd::abs_path(__FILE__));

		$file = File::Spec->catfile(dirname($lib), 'simulator',
			'joor_simulator');
	}
	croak "there is no $file: run make -C test/simulator" if !-x $file;
	return $file;
}

sub url
{
	my ($self) = @_;

	return "https://localhost:$self->{port}/v2" if $self->{tls};
	return "http://127.0.0.1:$self->{port}/v2";
}

sub port { return $_[0]{port} }
sub control_port { return $_[0]{control_port} }
sub control_url { return "http://127.0.0.1:$_[0]{control_port}" }
sub trap_url { return $_[0]->control_url . '/trap' }
sub pid { return $_[0]{pid} }
sub ca_file { return $_[0]{ca_file} }

sub account
{
	my ($self, $name, %options) = @_;

	return $self->_order('PUT', 'account/' . _escape($name), \%options);
}

sub account_info
{
	my ($self, $name) = @_;

	return $self->_order('GET', 'account/' . _escape($name));
}

sub drop_account
{
	my ($self, $name) = @_;

	return $self->_order('DELETE', 'account/' . _escape($name));
}

sub state
{
	my ($self, $name) = @_;

	return $self->_order('GET', 'state/' . _escape($name));
}

sub state_tsv
{
	my ($self, $name) = @_;

	return $self->_ask('GET', 'state/' . _escape($name) . '?format=tsv');
}

sub set_state
{
	my ($self, $name, @items) = @_;

	return $self->_order('POST', 'state/' . _escape($name), \@items);
}

sub refill { return $_[0]->_order('POST', 'refill') }

sub fault
{
	my ($self, %fault) = @_;

	return $self->_order('POST', 'fault', \%fault)->{number};
}

sub faults { return $_[0]->_order('GET', 'fault') }
sub clear_faults { return $_[0]->_order('DELETE', 'fault') }
sub release { return $_[0]->_order('POST', 'release') }

sub calls
{
	my ($self, %filter) = @_;

	return $self->_order('GET', 'calls' . _query(%filter));
}

sub summary
{
	my ($self, %filter) = @_;

	return $self->_order('GET', 'calls' . _query(%filter, summary => 1));
}

sub violations
{
	my ($self, %filter) = @_;

	return $self->_order('GET', 'violations' . _query(%filter));
}

sub body
{
	my ($self, $number) = @_;
	my $answer = $self->{http}->get($self->control_url . "/body/$number");

	return $answer->{success} ? $answer->{content} : undef;
}

sub wait_for
{
	my ($self, %what) = @_;

	return $self->_order('GET', 'wait' . _query(%what))->{met};
}

sub trap { return $_[0]->_order('GET', 'health')->{trap} }

sub reset
{
	my ($self, @what) = @_;
	my $query = @what ? _query(what => join(',', @what)) : '';

	return $self->_order('POST', "reset$query");
}

sub log
{
	my ($self) = @_;

	open(my $file, '<', "$self->{dir}/log") or return '';
	local $/;
	return <$file> // '';
}

sub stop
{
	my ($self) = @_;
	my $pid = $self->{pid};
	my $deadline = time() + STOP_TIMEOUT;

	return if !defined $pid || $self->{owner} != $$;
	delete $self->{pid};
	delete $running{$pid};
	local ($?, $!);
	close($self->{stdin});
	kill('TERM', $pid);
	while (waitpid($pid, 1) == 0)
	{
		if (time() > $deadline)
		{
			kill('KILL', $pid);
			waitpid($pid, 0);
			last;
		}
		sleep(0.002);
	}
	return $self->{exit_status} = $?;
}

sub DESTROY
{
	my ($self) = @_;

	$self->stop;
	return;
}

END
{
	$_->stop foreach grep { $_->{owner} == $$ } values %running;
}

# Starts the program, whose standard input is a pipe from here: it ends when
# this process does, even if that is killed.
sub _start
{
	my ($self) = @_;
	my $port_file = "$self->{dir}/ports";
	my @command = (
		program(), '--exit-with-stdin', '--port-file', $port_file,
		'--port', $self->{port} // 0);

	push @command, '--tls-cert', $self->{cert_file}, '--tls-key',
	  $self->{key_file}
	  if $self->{tls};
	push @command, '--tls-priorities', $self->{tls_priorities}
	  if $self->{tls_priorities};

	pipe(my $input, my $stdin) or croak "could not make a pipe: $!";
	my $pid = fork() // croak "could not fork: $!";
	if ($pid == 0)
	{
		_become($input, "$self->{dir}/log", @command);
	}
	close($input);
	$self->{stdin} = $stdin;
	$self->{pid} = $pid;
	$running{$pid} = $self;
	Scalar::Util::weaken($running{$pid});
	$self->_read_ports($port_file);
	return;
}

# In the child: never returns, and runs none of the parent's END blocks.
sub _become
{
	my ($input, $log, @command) = @_;

	open(STDIN, '<&', $input)
	  && open(STDOUT, '>', $log)
	  && open(STDERR, '>>', $log)
	  && exec { $command[0] } @command;
	require POSIX;
	POSIX::_exit(127);
}

sub _read_ports
{
	my ($self, $port_file) = @_;
	my $deadline = time() + $self->{timeout};

	while (!-s $port_file)
	{
		if (waitpid($self->{pid}, 1) != 0)
		{
			delete $running{ delete $self->{pid} };
			croak 'the simulator did not start: ' . $self->log;
		}
		croak 'the simulator does not listen: ' . $self->log
		  if time() > $deadline;
		sleep(0.002);
	}
	open(my $file, '<', $port_file) or croak "could not read $port_file: $!";
	@$self{qw(port control_port)} = split ' ', <$file>;
	return;
}

sub _ask
{
	my ($self, $method, $path, $content) = @_;
	my $answer = $self->{http}->request(
		$method,
		$self->control_url . "/$path",
		{ defined $content ? (content => $content) : () });

	croak "$method /$path: $answer->{status} $answer->{content}"
	  if !$answer->{success};
	return $answer->{content};
}

sub _order
{
	my ($self, $method, $path, $data) = @_;
	my $json = $self->{json};

	return $json->decode(
		$self->_ask(
			$method, $path, defined $data ? $json->encode($data) : undef));
}

sub _escape
{
	my ($text) = @_;

	utf8::encode($text);
	$text =~ s/([^A-Za-z0-9_.~-])/sprintf('%%%02X', ord $1)/ge;
	return $text;
}

sub _query
{
	my (%query) = @_;

	return '' if !%query;
	return '?'
	  . join('&', map { "$_=" . _escape($query{$_}) } sort keys %query);
}

# A certificate authority, under a name of its own, and a certificate of it,
# for as long as this lives.
sub _make_certificates
{
	my ($self) = @_;
	my $dir = $self->{dir};
	my $kind = $self->{cert} // 'good';
	my $host = $kind eq 'wrong_host' ? 'joor.invalid' : 'localhost';
	my $names = "DNS:$host";

	$names .= ',IP:127.0.0.1' if $kind ne 'wrong_host';
	_write_file("$dir/ca.cnf",
		    "[req]\ndistinguished_name = dn\nx509_extensions = ca\n"
		  . "[dn]\n[ca]\nbasicConstraints = critical,CA:TRUE\n"
		  . "keyUsage = critical,keyCertSign,cRLSign\n"
		  . "subjectKeyIdentifier = hash\n");
	_write_file("$dir/cert.cnf",
		    "[req]\ndistinguished_name = dn\n[dn]\n[ext]\n"
		  . "basicConstraints = CA:FALSE\nsubjectAltName = $names\n"
		  . "extendedKeyUsage = serverAuth\n"
		  . "[ca]\ndefault_ca = here\n"
		  . "[here]\ndatabase = $dir/index.txt\nnew_certs_dir = $dir\n"
		  . "serial = $dir/serial\ndefault_md = sha256\npolicy = any\n"
		  . "[any]\ncommonName = supplied\n");
	_write_file("$dir/index.txt", '');
	_write_file("$dir/serial", "01\n");

	my @key = qw(-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes);
	_openssl('req', '-x509', @key, '-config', "$dir/ca.cnf", '-subj',
		'/CN=Test CA ' . basename($dir), '-days', 2, '-keyout', "$dir/ca.key", '-out',
		"$dir/ca.pem");
	_openssl('req', '-new', @key, '-config', "$dir/cert.cnf", '-subj',
		"/CN=$host", '-keyout', "$dir/cert.key", '-out', "$dir/cert.csr");
	if ($kind eq 'self_signed')
	{
		_openssl('x509', '-req', '-in', "$dir/cert.csr", '-signkey',
			"$dir/cert.key", '-days', 2, '-extfile', "$dir/cert.cnf",
			'-extensions', 'ext', '-out', "$dir/cert.pem");
	}
	else
	{
		my @from = $kind eq 'expired' ? (2020, 2021) : (2020, 2099);

		_openssl('ca', '-batch', '-notext', '-config', "$dir/cert.cnf",
			'-cert', "$dir/ca.pem", '-keyfile', "$dir/ca.key", '-in',
			"$dir/cert.csr", '-extensions', 'ext', '-startdate',
			"$from[0]0101000000Z", '-enddate', "$from[1]0101000000Z", '-out',
			"$dir/cert.pem");
	}
	$self->{cert_file} = "$dir/cert.pem";
	$self->{key_file} = "$dir/cert.key";
	$self->{ca_file} = "$dir/ca.pem";
	return;
}

sub _write_file
{
	my ($path, $text) = @_;

	open(my $file, '>', $path) or croak "could not write $path: $!";
	print {$file} $text;
	close($file) or croak "could not write $path: $!";
	return;
}

sub _openssl
{
	my (@arguments) = @_;
	my $errors = '';

	IPC::Run::run([ 'openssl', @arguments ], '<', \'', '>', \my $output,
		'2>', \$errors)
	  or croak "openssl @arguments: $errors";
	return;
}

1;
