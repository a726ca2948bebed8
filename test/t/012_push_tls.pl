# The token goes only to a peer that shows who it is.
#
# Proves: with a trusted certificate a push gets through; with an unknown
# authority, an expired, foreign or self-signed certificate, TLS 1.1 or a
# missing ca_file nothing is sent, nothing is paid, and where no retry can
# help the account stops until someone acts.

use strict;
use warnings;

use JoorNode;
use JoorSimulator;
use JSON::PP;
use Test::More;

my $good = JoorSimulator->new(tls => 1);
my $node = JoorNode->new('tls');

$node->account($good, 'joor', options => "ca_file '" . $good->ca_file . "'");
is($good->summary->{operations}{read}, 1, 'activated over TLS');

# A push, as psql shows it.
sub push_says
{
	my ($arguments) = @_;
	my (undef, undef, $err) = $node->try_sql("\\set VERBOSITY verbose\n"
		  . 'SELECT * FROM joor.push($$SELECT \'1\' AS upc, 2 AS inventory$$' . ($arguments // '') . ')');

	return $err;
}

sub last_request
{
	return $node->rows('SELECT * FROM joor.request ORDER BY id DESC LIMIT 1')->[0];
}

# Sends the account to another address; back to the good one if none is named.
sub go_to
{
	my ($simulator, $ca_file) = @_;

	$simulator //= $good;
	$ca_file //= $good->ca_file;
	$node->safe_psql('postgres',
		'ALTER SERVER joor OPTIONS (SET url \'' . $simulator->url . "', SET ca_file '$ca_file')");
	return;
}

is(push_says(), '', 'a push over TLS');
is($good->state('joor')->[0]{inventory}, 2, 'arrives');
is_deeply($good->violations, [], 'violations');

my %other = (
	'unknown authority' => [ JoorSimulator->new(tls => 1), $good->ca_file, 1 ],
	'wrong host' => [ JoorSimulator->new(tls => 1, cert => 'wrong_host'), undef, 1, qr/localhost/ ],
	expired => [ JoorSimulator->new(tls => 1, cert => 'expired'), undef, 1, qr/expired/ ],
	'self-signed' => [ JoorSimulator->new(tls => 1, cert => 'self_signed'), $good->ca_file, 1 ],
	'no ca_file' => [ $good, '/nonexistent/ca.pem', 1 ],
	'TLS 1.1' => [ JoorSimulator->new(tls => 1, tls_priorities => 'NORMAL:-VERS-ALL:+VERS-TLS1.1'), undef, 0 ],
	'plain HTTP behind it' => [ undef, undef, 0 ]);

foreach my $name (sort keys %other)
{
	my ($simulator, $ca_file, $stops, $detail) = @{ $other{$name} };
	my $plain;

	if (!$simulator)
	{
		$plain = JoorSimulator->new;
		$node->safe_psql('postgres',
			'ALTER SERVER joor OPTIONS (SET url \'https://localhost:' . $plain->port . '/v2\')');
		$simulator = $plain;
	}
	else
	{
		$simulator->account('joor', token => 'token-of-joor', any_sku => 1);
		go_to($simulator, $ca_file // $simulator->ca_file);
	}
	$node->safe_psql('postgres', "SELECT joor.resume('joor')");
	foreach my $mode (qw(error report))
	{
		my $test = "$name, $mode";
		my $calls = $simulator->summary(operation => 'bulk')->{calls};
		my $err = push_says(", on_failure => '$mode'");
		my $request = last_request();
		my $says = $stops ? 'the address cannot be trusted: ' : 'JOOR was not reached: ';

		if ($mode eq 'error')
		{
			like($err, qr/ERROR:  08006: could not send to account "joor": $says/, "$test: error");
			like($err, $detail, "$test: says why") if $detail;
			like($err, $stops ? qr/HINT:  Correct the server's url/ : qr/HINT:  Quantities are absolute.*joor\.request WHERE id = \d+ /, "$test: hint");
		}
		else
		{
			unlike($err, qr/ERROR/, "$test: no error");
		}
		is_deeply([ @$request{qw(outcome credits http_status)} ], [ 'failed', 0, undef ], "$test: request");
		is($simulator->summary(operation => 'bulk')->{calls}, $calls, "$test: no call");
		is($node->safe_psql('postgres', 'SELECT state FROM joor.status'), $stops ? 'stopped' : 'active',
			"$test: state");
		like(push_says(), qr/ERROR:  55000: account "joor" is stopped/, "$test: and stays so") if $stops;
		$node->safe_psql('postgres', "SELECT joor.resume('joor')");
	}
	my (undef, undef, $err) = $node->try_sql("\\set VERBOSITY verbose\nSELECT * FROM joor.activate('joor')");
	like($err, qr/ERROR:  08006: /, "$name: cannot be activated either");
	go_to();
	is(push_says(), '', "$name: a push to the good one after it");
}

unlike(PostgreSQL::Test::Utils::slurp_file($node->logfile), qr/terminated by signal|PANIC|TRAP:/,
	'the server stayed up');
done_testing();
