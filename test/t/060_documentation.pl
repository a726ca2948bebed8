# What the documentation shows, works.
#
# Proves that every example of SQL in README.md and doc/*.md runs, in order, in
# a server of its own for each page and against a simulator, and prints what
# the page says that it prints; that every link and anchor leads somewhere; and
# that no call broke a rule of JOOR's.
#
# An example is a fenced block marked sql, as psql takes it.  An unmarked block
# right after it is what its last statement prints; blanks, rules and times
# count for nothing there, and "..." stands for the rest.  A page begins in a
# database in which test/doc/account.sql was run, and test/doc/<page>.sql, if
# that exists; README.md begins in an empty one.  A line
# <!-- test: ... --> before an example says what a reader knows without it:
#
#   fresh [NAME]       it begins in another database
#   fresh, empty       and nothing was run there
#   error SQLSTATE     it fails so
#   until it shows     it is repeated until it prints what the page says
#   on publisher       it runs in another server, erp.example
#   prints otherwise   what follows is not what it prints here
#   skip: REASON       it is not run
#
# Where pg_cron is not installed, what begins in the database of its jobs, shop,
# is not run.
#
# JOOR's addresses become the simulator's, each token of the page is an account
# there, and all have credits for any number of calls.

use strict;
use warnings;

use File::Basename qw(basename dirname);
use IPC::Run qw(run timeout);
use JoorNode;
use JoorSimulator;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(sleep time);

use constant DEADLINE => 60;
use constant AMPLE => 1_000_000;

my @pages = ('README.md', 'SECURITY.md', 'CHANGELOG.md', sort glob('doc/*.md'));
chomp(my $sharedir = `pg_config --sharedir`);
my $has_cron = -e "$sharedir/extension/pg_cron.control";
my %text = map { $_ => slurp_file($_) } @pages;

# The examples of a page: {line, sql, output, test}.
sub examples
{
	my ($page) = @_;
	my @examples;

	while ($text{$page} =~
		m/(?:^<!-- test: ([^\n]*?) -->\n)?^```sql\n(.*?)^```\n(?:\n```\n(.*?)^```\n)?/msg)
	{
		push @examples,
		  { test => $1 // '', sql => $2, output => $3, line => 1 + (substr($text{$page}, 0, $-[2]) =~ tr/\n//) };
	}
	return @examples;
}

sub for_simulator
{
	my ($sql, $joor, $publisher) = @_;
	my $url = $joor->url;

	$sql =~ s{(OPTIONS\s*\(\s*)url 'https://api(?:sandbox)?\.jooraccess\.com/v2'}{$1credits '@{[AMPLE]}', url '$url'}g;
	if ($publisher)
	{
		my $there = $publisher->connstr('postgres');
		$there =~ s/'/''/g;
		$sql =~ s/host=erp\.example dbname=erp user=replicator/$there/g;
	}
	return $sql;
}

# Blanks, rules and times aside.
sub plain
{
	my ($output) = @_;
	my @lines = split /\n/, $output;

	foreach (@lines)
	{
		s/\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(\.\d+)?[+-]\d\d/TIME/g;
		s/-{2,}/--/g;
		s/[ ]+/ /g;
		s/^ | $//g;
	}
	return join("\n", grep { $_ ne '' } @lines);
}

# Whether what psql wrote ends as the page says.
sub prints
{
	my ($output, $expected) = map { plain($_) } @_;
	my $more = $expected =~ s/\n\.\.\.\z//;

	$expected = quotemeta $expected;
	return $more ? $output =~ /(^|\n)$expected(\n|\z)/ : $output =~ /(^|\n)$expected\z/;
}

# Runs an example: SQLSTATE or '', and what psql wrote.
sub psql
{
	my ($node, $db, $sql) = @_;
	my $output = '';

	run([ 'psql', '-X', '-q', '-v', 'ON_ERROR_STOP=1', '-v', 'VERBOSITY=verbose',
			'-d', $node->connstr($db), '-f', '-' ],
		'<', \$sql, '>&', \$output, timeout(3 * DEADLINE));
	my ($state) = $output =~ /ERROR:  ([0-9A-Z]{5}):/;
	$output =~ s/^(?:psql:\S+ )?((?:NOTICE|WARNING|ERROR):  )[0-9A-Z]{5}: /$1/mg;
	$output =~ s/^LOCATION: .*\n//mg;
	return ($state // '', $output);
}

sub run_example
{
	my ($name, $example, $node, $db, $sql) = @_;
	my ($error) = $example->{test} =~ /error (\w{5})/;
	my $expected = $example->{test} =~ /prints otherwise/ ? undef : $example->{output};
	my $deadline = time() + DEADLINE;
	my ($state, $output) = psql($node, $db, $sql);

	while ($example->{test} =~ /until it shows/ and !prints($output, $expected) and time() < $deadline)
	{
		sleep(0.1);
		($state, $output) = psql($node, $db, $sql);
	}
	is($state, $error // '', "$name runs" . (defined $error ? ", and fails as it says" : '')) or diag($output);
	return unless defined $expected;
	ok(prints($output, $expected), "$name prints what the page says") or diag("$output\ninstead of\n$expected");
	return;
}

sub test_page
{
	my ($page) = @_;
	my @examples = examples($page) or return;
	my $name = basename($page, '.md');
	my $cron = $text{$page} =~ /CREATE EXTENSION pg_cron/;
	my $joor = JoorSimulator->new;
	my $node = JoorNode->new("page_$name", preload => 1, bare => 1, conf => "max_worker_processes = 20\n");
	my $publisher;
	my $databases = 0;

	foreach my $token (sort { $a cmp $b } ($text{$page} =~ /(?:set_token\('\w+', |token )'([\w-]+)'/g), 'sandbox-token')
	{
		$joor->account($token, token => $token, any_sku => 1, credits => AMPLE);
	}
	if ($cron and $has_cron)
	{
		$node->safe_psql('postgres', 'CREATE DATABASE shop');
		$node->append_conf('postgresql.conf',
			"shared_preload_libraries = 'pg_cron,joor_inventory'\ncron.database_name = 'shop'\ncron.use_background_workers = on\n");
		$node->restart;
	}
	if (grep { $_->{test} =~ /on publisher/ } @examples)
	{
		$publisher = JoorNode->new("publisher_$name", bare => 1, init => { allows_streaming => 'logical' });
	}

	my $db;
	my $lacks = 0;
	foreach my $example (@examples)
	{
		my $test = $example->{test};
		my $here = "$page:$example->{line}";

		$lacks = ($cron and !$has_cron and $test =~ /fresh shop/) if $test =~ /fresh/;
		if (!$lacks and (!defined $db or $test =~ /fresh/))
		{
			$db = $test =~ /fresh (\w+)/ ? $1 : 'd' . ++$databases;
			$node->safe_psql('postgres', "CREATE DATABASE $db") unless $db eq 'shop' and $cron;
			foreach my $file ($page eq 'README.md' || $test =~ /empty/ ? () : ('test/doc/account.sql', "test/doc/$name.sql"))
			{
				next unless -e $file;
				my ($state, $output) = psql($node, $db, for_simulator(slurp_file($file), $joor));
				is($state, '', "$here: $file") or diag($output);
			}
		}
	  SKIP:
		{
			skip("$here: $1", 1) if $test =~ /skip: (.+)/;
			skip("$here: pg_cron is not installed", 1) if $lacks and $test !~ /on publisher/;
			run_example($here, $example, $test =~ /on publisher/ ? ($publisher, 'postgres') : ($node, $db),
				for_simulator($example->{sql}, $joor, $publisher));
		}
	}
	is_deeply($joor->violations, [], "$page: no call breaks a rule of JOOR's");
	$_->stop('immediate') foreach grep { defined } $node, $publisher;
	return;
}

# Headings as anchors, as GitHub makes them.
sub anchors
{
	my ($page) = @_;
	my $body = $text{$page} =~ s/^```.*?^```$//msgr;

	return map { (lc) =~ s/[^\w\- ]//gr =~ tr/ /-/r } $body =~ /^#+ (.*)$/mg;
}

foreach my $page (@pages)
{
	my %leads = map { ("#$_" => 1) } anchors($page);
	my @dead;

	while ($text{$page} =~ m/\]\(([^)\s]+)\)/g)
	{
		my ($file, $anchor) = split /#/, $1;

		next if $file =~ /^https?:/;
		my $target = $file eq '' ? $page : dirname($page) . "/$file";
		$target =~ s{^\./|[^/]+/\.\./}{}g;
		if (!-e $target) { push @dead, $target }
		elsif (defined $anchor and $target =~ /\.md$/)
		{
			push @dead, "$target#$anchor" unless grep { $_ eq $anchor } anchors($target);
		}
	}
	is_deeply(\@dead, [], "$page: its links lead somewhere");
	test_page($page);
}

done_testing();
