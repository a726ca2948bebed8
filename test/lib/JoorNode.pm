# A private PostgreSQL with joor_inventory, and its accounts at a simulator.
#
#   my $node = JoorNode->new('name', preload => 1, conf => "...");
#       preload => 'pg_cron, joor_inventory' names all libraries
#   $node->account($simulator, 'joor', options => "max_items '10'", token => 't')
#       creates the account at both ends and activates it
#   $node->push_query($query, %arguments) rows of joor.push as hashes
#   $node->rows($sql)                    rows of any query as hashes
#   $node->try_sql($sql)                 (exit code, stdout, stderr)
#   $node->wait_until($sql, $message)    polls until a query says t
#   $node->wait_until_up                 polls until connections are taken
# The rest is PostgreSQL::Test::Cluster's.
package JoorNode;
use strict;
use warnings;
use parent 'PostgreSQL::Test::Cluster';
use PostgreSQL::Test::Utils;
use JSON::PP;
use Test::More;
use Time::HiRes qw(sleep time);

sub new
{
	my ($class, $name, %option) = @_;
	my $self = $class->SUPER::new($name);
	# whatever the locale of whoever tests
	$self->init(extra => [ '--encoding=UTF8', '--no-locale' ], %{ $option{init} // {} });
	$self->append_conf('postgresql.conf', install_settings());
	my $preload = $option{preload};
	$preload = 'joor_inventory' if $preload and $preload eq '1';
	$self->append_conf('postgresql.conf', "shared_preload_libraries = '$preload'")
	  if $preload;
	$self->append_conf('postgresql.conf', $option{conf}) if $option{conf};
	$self->start;
	$self->safe_psql('postgres', 'CREATE EXTENSION joor_inventory')
	  unless $option{bare};
	return $self;
}

# Settings by which the server finds an extension that is not installed into
# the system; empty if it is.
sub install_settings
{
	my $file = $ENV{JOOR_INSTALL_SETTINGS} or return '';
	return PostgreSQL::Test::Utils::slurp_file($file);
}

sub account
{
	my ($self, $simulator, $name, %option) = @_;
	my $token = $option{token} // "token-of-$name";
	my $db = $option{db} // 'postgres';
	my $options = $option{options} ? ", $option{options}" : '';
	$simulator->account($name, token => $token, any_sku => JSON::PP::true,
		%{ $option{simulator} // {} });
	$self->safe_psql($db, sprintf(
		q{CREATE SERVER %s FOREIGN DATA WRAPPER joor_inventory OPTIONS (url '%s'%s);
		  SELECT joor.set_token('%s', '%s');},
		$name, $simulator->url, $options, $name, $token));
	$self->safe_psql($db, "SELECT * FROM joor.activate('$name')")
	  unless $option{inactive};
	return;
}

sub rows
{
	my ($self, $sql, $db) = @_;
	my $json = $self->safe_psql($db // 'postgres',
		"SELECT coalesce(json_agg(r), '[]') FROM ($sql) r");
	return decode_json($json);
}

sub push_query
{
	my ($self, $query, %argument) = @_;
	my $arguments = join '', map { ", $_ => $argument{$_}" } sort keys %argument;
	return $self->rows("SELECT * FROM joor.push(\$q\$$query\$q\$$arguments)");
}

sub try_sql
{
	my ($self, $sql, %option) = @_;
	my ($out, $err) = ('', '');
	my $code = $self->psql($option{db} // 'postgres', $sql, stdout => \$out,
		stderr => \$err, on_error_stop => 1);
	return ($code, $out, $err);
}

sub wait_until
{
	my ($self, $sql, $message, $db) = @_;
	ok($self->poll_query_until($db // 'postgres', $sql), $message);
	return;
}

# Without a query: psql that is refused ends before it has read any.
sub wait_until_up
{
	my ($self) = @_;
	my $deadline = time + $PostgreSQL::Test::Utils::timeout_default;

	until (run_log([ 'pg_isready', '-q', '-h', $self->host, '-p', $self->port ]))
	{
		die 'the server does not come back' if time > $deadline;
		sleep(0.05);
	}
	return;
}

1;
