# Pushes in which malloc fails, for test/campaign/resources.
#
#   failing_malloc.pl LIBRARY      of failing_malloc.c
#
# Each try pushes one item while the n-th malloc of libcurl or libxml2 fails,
# alone or with all that follow, and then another without, in the same session.
# `new` tries have a session each; the others share one, in which connections
# and handles of the tries before are still there.

use strict;
use warnings;

use JoorNode;
use JoorSimulator;
use PostgreSQL::Test::Utils;
use Test::More;

use constant MOST => 3000;

my ($library) = @ARGV;
open(my $figures, '>&=', 3) or die "descriptor 3: $!";
$figures->autoflush(1);

my $joor = JoorSimulator->new(tls => 1);
my $node = do
{
	local $ENV{LD_PRELOAD} = $library;
	JoorNode->new('failing_malloc', preload => 1, conf => "restart_after_crash = on\nlog_line_prefix = '%m [%p] %e '\n");
};
$node->account($joor, $_, options => "credits '100000000', format '$_', ca_file '@{[$joor->ca_file]}'", simulator => { credits => 100_000_000 })
  foreach qw(xml json);
$node->safe_psql('postgres', qq{
	CREATE FUNCTION fail_malloc(n bigint, onwards boolean) RETURNS void LANGUAGE c AS '$library';
	CREATE FUNCTION failed_mallocs() RETURNS bigint LANGUAGE c AS '$library'});

# The upc has to be escaped, which libxml2 does.
sub try_sql
{
	my ($format, $n, $onwards) = @_;
	return qq{
		SELECT fail_malloc($n, $onwards);
		SELECT 'tried $n', outcome FROM joor.push('SELECT ''a&b'' AS upc, $n AS inventory', '$format', on_failure => 'report');
		SELECT 'failed', failed_mallocs();
		SELECT 'shown', inventory FROM joor.published_item WHERE upc = 'a&b' AND server = '$format';
		SELECT 'next', outcome FROM joor.push('SELECT ''next'' AS upc, $n AS inventory', '$format');
	};
}

# Runs tries in one session; its lines, errors included.
sub lines
{
	my ($sql) = @_;
	my ($out, $err) = ('', '');
	$node->psql('postgres', "\\set VERBOSITY sqlstate\nLOAD 'joor_inventory';\n$sql", stdout => \$out, stderr => \$err, on_error_stop => 0, timeout => 500);
	return ($out, [ $err =~ /(?:ERROR|FATAL|PANIC): +(\w{5})|(server closed)/g ]);
}

sub shown_by_joor
{
	my ($format, $upc) = @_;
	my ($item) = grep { $_->{upc} eq $upc } @{ $joor->state($format) };
	return $item ? $item->{inventory} : 0;
}

my (%total, %code, %outcome, @wrong);

# What is wrong with one try; has is what JOOR shows after it, if it is known.
sub judge
{
	my ($what, $n, $out, $has) = @_;
	my ($outcome) = $out =~ /^tried $n\|(.*)$/m;
	my ($shown) = $out =~ /^shown\|(\d+)$/m;

	$outcome{ $outcome // 'error' }++;
	push @wrong, "$what, n $n: the next push is not delivered" if $out !~ /^next\|delivered$/m;
	return if !defined $has;
	push @wrong, "$what, n $n: delivered, and JOOR has $has" if ($outcome // '') eq 'delivered' && $has != $n;
	push @wrong, "$what, n $n: $shown is noted, and JOOR has $has" if ($shown // 0) == $n && $has != $n;
	return;
}

# Sessions of their own; the last n that failed.
sub new_sessions
{
	my ($format, $onwards) = @_;

	foreach my $n (1 .. MOST)
	{
		my ($out, $errors) = lines(try_sql($format, $n, $onwards));
		my ($failed) = $out =~ /^failed\|(\d+)$/m;

		$code{$_ // 'crash'}++ foreach grep { defined } @$errors;
		judge("new, $format, $onwards", $n, $out, shown_by_joor($format, 'a&b'));
		return $n - 1 if defined $failed && $failed == 0;
		$total{tries}++;
		$total{failed} += $failed // 0;
	}
	push @wrong, "new, $format, $onwards: no end after " . MOST;
	return MOST;
}

# All in one session; open files at its beginning and its end.
sub one_session
{
	my ($format, $onwards, $last) = @_;
	my $files = q{SELECT 'files', count(*) FROM pg_ls_dir('/proc/self/fd');};
	my ($out, $errors) = lines(join '', try_sql($format, 0, 'false'), $files, (map { try_sql($format, $_, $onwards) } 1 .. $last), try_sql($format, 0, 'false'), $files);
	my ($before, $after) = $out =~ /^files\|(\d+)$/mg;

	$code{$_}++ foreach grep { defined } @$errors;
	my $tries = () = $out =~ /^failed\|[1-9]/mg;
	my $next = () = $out =~ /^next\|delivered$/mg;
	$outcome{$_}++ foreach $out =~ /^tried [1-9]\d*\|(.*)$/mg;
	$total{tries} += $tries;
	$total{failed} += $_ foreach $out =~ /^failed\|(\d+)$/mg;
	push @wrong, "one session, $format, $onwards: @{[$last + 2 - $next]} next pushes not delivered" if $next != $last + 2;
	push @wrong, "one session, $format, $onwards: open files $before, in the end " . ($after // 'none') if ($after // 1e6) > $before + 4;
	return $tries;
}

print $figures "| session | format | fails | tries | mallocs failed | outcomes | errors |\n| --- | --- | --- | --- | --- | --- | --- |\n";
foreach my $format (qw(xml json))
{
	foreach my $onwards (qw(false true))
	{
		my $last;
		foreach my $session (qw(new one))
		{
			(%total, %code, %outcome) = (tries => 0, failed => 0);
			$last = $session eq 'new' ? new_sessions($format, $onwards) : one_session($format, $onwards, $last);
			printf $figures "| %s | %s | %s | %d | %d | %s | %s |\n", $session, $format, $onwards eq 'true' ? 'all from n on' : 'the n-th', @total{qw(tries failed)},
			  map { my $h = $_; join ', ', map { "$_ $h->{$_}" } sort keys %$h } \%outcome, \%code;
		}
	}
}
push @wrong, 'a request is left open' if $node->safe_psql('postgres', q{SELECT count(*) FROM joor.request WHERE outcome = 'sending'}) > 0;
push @wrong, grep { /PANIC|TRAP|signal|XX000/ } split /^/m, slurp_file($node->logfile);
print $figures map { "malloc: $_\n" } @wrong;
is(join("\n", @wrong), '', 'each push ends in order, and so does the next');
$node->stop;
done_testing();
