# CrashCampaign: kill -9 under load, and what JOOR has in the end.
#
#   my $campaign = CrashCampaign->new('name', $seed);
#       A PostgreSQL, a simulator and three accounts: two with a feed, items
#       that are enqueued and items that are pushed, and one whose feed is
#       sent by overwrites.
#       Other arguments are JoorNode's.
#   $campaign->round($number)   kills once; what is wrong afterwards, a list
#   $campaign->finish           what the log has that is not ours, a list
#   $campaign->totals           hash: rounds, kills by kind, what was in
#                               flight, lost, stale, crashes
#   $campaign->node             its JoorNode
# For rounds of another kind of trouble:
#   $campaign->start_session    load; {name, handle, output}, a file
#   $campaign->come_back        restarts a postmaster that is gone
#   $campaign->settle           pushes, waits for the queue and compares; what
#                               is wrong, a list
#
# What a round does depends on the seed and its number only, so that a
# campaign can be resumed at any round.
#
# All quantities only grow, and those that are enqueued are changed in the
# transaction that enqueues them.  So lost is an item of which JOOR has not
# what its table says when the queue is empty, and stale one that was sent
# with less than it had been sent with before.  A push promises nothing when
# its session is killed: its items are pushed again before they are compared.

package CrashCampaign;

use strict;
use warnings;

use Cwd ();
use File::Temp ();
use IPC::Run;
use JoorNode;
use JoorSimulator;
use PostgreSQL::Test::Utils;
use Time::HiRes qw(sleep time);

use constant AMPLE => 100_000_000;
use constant ITEMS => 60;
use constant WORKER => q{backend_type = 'joor_inventory worker'};

sub new
{
	my ($class, $name, $seed, %option) = @_;
	my $self = bless { joor => JoorSimulator->new, seed => $seed, dir => File::Temp->newdir(TMPDIR => 1), last => {}, total => { lost => 0, stale => 0 } }, $class;
	my $node = $self->{node} = JoorNode->new($name, preload => 1, %option,
		conf => "restart_after_crash = on\nfsync = off\nlog_line_prefix = '%m [%p] %e '\n" . ($option{conf} // ''));

	foreach my $account (qw(one two whole))
	{
		my $format = $account eq 'two' ? 'json' : 'xml';
		$node->account($self->{joor}, $account, options => "credits '@{[AMPLE]}', max_items '@{[$account eq 'whole' ? 500 : 17]}', format '$format'",
			simulator => { credits => AMPLE });
		$node->safe_psql('postgres', join '', map { sprintf q{
			CREATE TABLE %1$s_%2$s (id int PRIMARY KEY, upc text NOT NULL, n int NOT NULL);
			INSERT INTO %1$s_%2$s SELECT g, '%2$s' || g, 1 FROM generate_series(1, %3$d) g;}, $account, $_, ITEMS } qw(fed queued pushed));
		$node->safe_psql('postgres', qq{
			SELECT joor.create_feed('$account', 'SELECT id, upc, n AS inventory FROM ${account}_fed', '$account', 'id');
			SELECT joor.watch('$account', '${account}_fed', 'id');
			SELECT joor.sync('$account')});
		next if $account eq 'whole';
		$node->safe_psql('postgres', "SELECT joor.enqueue('SELECT upc, n AS inventory FROM ${account}_queued', '$account')");
	}
	return $self;
}

sub _pick { return $_[ int rand @_ ] }

# SQL of one session, by name.
sub _load
{
	my $account = _pick(qw(one two));
	my ($from, $to) = sort { $a <=> $b } map { 1 + int rand ITEMS } 1 .. 2;
	my $some = "SET n = n + 1 WHERE id BETWEEN $from AND $to";
	my %sql = (
		mark => "UPDATE ${account}_fed $some; UPDATE whole_fed $some;",
		nested => "BEGIN; SAVEPOINT s; UPDATE ${account}_fed $some; ROLLBACK TO s; UPDATE ${account}_fed $some; COMMIT;",
		enqueue => "BEGIN; UPDATE ${account}_queued $some; SELECT joor.enqueue('SELECT upc, n AS inventory FROM ${account}_queued WHERE id BETWEEN $from AND $to', '$account'); COMMIT;",
		push => "UPDATE ${account}_pushed $some; SELECT FROM joor.push('SELECT upc, n AS inventory FROM ${account}_pushed', '$account');",
		push_feed => "UPDATE ${account}_fed $some; SELECT FROM joor.push_feed('$account');",
		overwrite => "UPDATE whole_fed $some; SELECT FROM joor.push_feed('whole', overwrite => true);",
		sync => "SELECT joor.sync('$account', everything => " . _pick('true', 'false') . ');',
		activate => "SELECT FROM joor.activate('$account');");
	my $name = _pick(sort keys %sql);

	return ($name, $sql{$name} x 1000);
}

sub start_session
{
	my ($self) = @_;
	my ($name, $sql) = _load();
	my $file = "$self->{dir}/load_" . ++$self->{sessions};

	# Updates of two sessions over the same rows may wait for each other in a circle.
	append_to_file("$file.sql", "\\set VERBOSITY sqlstate\nSET deadlock_timeout = '50ms';\n$sql");
	return {
		name => $name,
		output => "$file.out",
		handle => IPC::Run::start([ 'psql', '-XAtq', '-d', $self->{node}->connstr('postgres'), '-f', "$file.sql" ],
			'<', \undef, '>', "$file.out", '2>&1', IPC::Run::timeout(120)) };
}

# Ends one process of a kind by kill -9.
sub _kill
{
	my ($self, $kind) = @_;
	my $node = $self->{node};
	my $which = $kind eq 'worker' ? WORKER : q{backend_type = 'client backend' AND pid <> pg_backend_pid() AND query <> ''};

	if ($kind eq 'postmaster')
	{
		$node->kill9;
		return;
	}
	# There may be none yet of the kind, and it may end by itself.
	my ($deadline, $pid) = (time + 30, '');
	until ($pid && kill(9, $pid))
	{
		die "there is no $kind" if time > $deadline;
		(undef, $pid) = $node->try_sql("SELECT pid FROM pg_stat_activity WHERE $which ORDER BY md5(pid::text) LIMIT 1");
	}
	return;
}

# Processes that are alive and work in the data directory.
sub _alive
{
	my ($self) = @_;
	my $directory = Cwd::abs_path($self->{node}->data_dir);
	return grep { (readlink($_) // '') eq $directory } glob('/proc/[0-9]*/cwd');
}

# A postmaster that was killed leaves its lock files, and its children end by
# themselves.  Where nobody reaps it, its number seems to be that of a process.
sub come_back
{
	my ($self) = @_;
	my $node = $self->{node};
	my $deadline = time + 60;

	while ($self->_alive)
	{
		die 'children of the postmaster live on' if time > $deadline;
		sleep(0.02);
	}
	unlink $node->data_dir . '/postmaster.pid', $node->host . '/.s.PGSQL.' . $node->port . '.lock';
	$node->start;
	return;
}

# Counts quantities that were sent after a greater one of the same item.
sub _stale
{
	my ($self) = @_;
	my $joor = $self->{joor};
	my @stale;

	foreach my $call (@{ $joor->calls(operation => 'bulk') })
	{
		my $body = $joor->body($call->{number}) // next;
		foreach my $item ($body =~ /((?:<upc>|"upc":).*?)(?:<\/inventory>|\})/sg)
		{
			my ($upc) = $item =~ /upc[">:]+(\w+)/ or next;
			my ($n) = $item =~ /inventory[">:]+(\d+)/ or next;
			my $last = \$self->{last}{"$call->{account} $upc"};

			push @stale, "stale: $call->{account} $upc: $n after $$last" if $n < ($$last // 0);
			$$last = $n if $n > ($$last // 0);
		}
	}
	$joor->reset('calls');
	$self->{total}{stale} += @stale;
	return @stale;
}

sub _lost
{
	my ($self) = @_;
	my @lost;

	foreach my $account (qw(one two whole))
	{
		my %has = map { ($_->{upc} => $_->{inventory}) } @{ $self->{joor}->state($account) };
		my @kinds = $account eq 'whole' ? 'fed' : qw(fed queued pushed);
		my $rows = $self->{node}->safe_psql('postgres', join ' UNION ALL ', map { "SELECT upc, n FROM ${account}_$_" } @kinds);

		foreach (split /\n/, $rows)
		{
			my ($upc, $n) = split /\|/;
			push @lost, "lost: $account $upc: JOOR has " . ($has{$upc} // 'none') . ", wanted is $n" if ($has{$upc} // -1) != $n;
		}
	}
	$self->{total}{lost} += @lost;
	return @lost;
}

# Old rows of the log go in time, so each is counted when it is new.
sub _count_unknown
{
	my ($self) = @_;
	my ($unknown, $last) = split /\|/, $self->{node}->safe_psql('postgres', sprintf(
		q{SELECT count(*) FILTER (WHERE outcome = 'unknown' AND id > %1$d), coalesce(max(id), %1$d) FROM joor.request}, $self->{last_request} // 0));

	$self->{total}{'in flight request'} += $unknown;
	$self->{last_request} = $last;
	return;
}

sub round
{
	my ($self, $number) = @_;
	my ($node, $total) = @$self{qw(node total)};

	srand($self->{seed} * 100_003 + $number);
	my $kind = _pick(qw(worker worker backend backend postmaster));
	my @sessions = map { $self->start_session } 1 .. 4;
	sleep(rand 0.4);
	$self->_kill($kind);
	$total->{rounds}++;
	$total->{"killed $kind"}++;
	foreach (@sessions)
	{
		eval { $_->{handle}->finish };
		$total->{"in flight $_->{name}"}++ if slurp_file($_->{output}) =~ /server closed|connection to server was lost|FATAL/;
	}
	$self->come_back if $kind eq 'postmaster';
	return $self->settle;
}

# What is wrong when the trouble is over.  A request whose end nobody saw
# counts as one that was in flight.
sub settle
{
	my ($self) = @_;
	my $node = $self->{node};
	my @wrong;

	$node->wait_until_up;
	foreach my $account (qw(one two))
	{
		my $outcomes = $node->safe_psql('postgres',
			"SELECT DISTINCT outcome FROM joor.push('SELECT upc, n AS inventory FROM ${account}_pushed', '$account')");
		push @wrong, "push to $account: $outcomes" if $outcomes ne 'delivered';
	}
	$node->poll_query_until('postgres', q{SELECT NOT EXISTS (SELECT FROM joor.feed WHERE queued > 0)
		AND bool_and(queued = 0 AND sending = 0) FROM joor.status}) or push @wrong, 'the queue does not go out';
	push @wrong, 'a request is left open' if $node->safe_psql('postgres', q{SELECT count(*) FROM joor.request WHERE outcome = 'sending'}) > 0;
	$self->_count_unknown;
	return (@wrong, $self->_lost, $self->_stale);
}

sub finish
{
	my ($self) = @_;
	my @wrong = map { "rule of JOOR's: $_->{rule}" } grep { $_->{rule} ne 'broken' } @{ $self->{joor}->violations };
	my @crashes = grep { /PANIC|TRAP|you don't own a lock|signal (?:11|6|7)\b|XX000|XX001/ } split /^/m, slurp_file($self->{node}->logfile);

	$self->{total}{crashes} = @crashes;
	push @wrong, "rejected: $_" foreach grep { $_ > 0 } $self->{node}->safe_psql('postgres', 'SELECT count(*) FROM joor.rejection');
	$self->{node}->stop;
	return (@wrong, @crashes);
}

sub totals { return %{ $_[0]{total} } }
sub node { return $_[0]{node} }

1;
