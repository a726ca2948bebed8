# The cluster, the load and the comparing of test/campaign/patroni.
#
# All quantities only grow: each is the number of the change that made it.  So
# what was sent with less than before was stale.

use strict;
use warnings;

use Cwd ();
use File::Basename qw(dirname);
use File::Temp ();
use HTTP::Tiny;
use IO::Socket::INET;
use IPC::Run;
use JSON::PP;
use JoorSimulator;
use POSIX ();
use Time::HiRes qw(sleep time);

use constant {
	CLUSTER => 'shop',
	DEADLINE => 120,
	ITEMS => 60,
	SESSIONS => 2,
	# a write in half a second
	CREDITS => 3000
};

my $rounds = shift @ARGV // 1;
my $tree = Cwd::abs_path(dirname(__FILE__) . '/../..');
my $dir = File::Temp::tempdir(DIR => $tree);    # it stays, with its logs, until the next time
my $joor = JoorSimulator->new;
my $http = HTTP::Tiny->new(timeout => 10);
my $etcd = free_port();
my $failed = 0;
my (%members, @sessions);
my $number = 0;      # of the newest change that a session may have made
my $seen = 0;        # calls that were looked at
my %newest;          # what was sent last, by UPC
my $stale = 0;
my $complaint = '';  # of the last command

$| = 1;

sub free_port
{
	my $socket = IO::Socket::INET->new(Listen => 1, LocalAddr => '127.0.0.1') or die "no port: $!";

	return $socket->sockport;
}

sub slurp
{
	my ($file) = @_;

	open(my $handle, '<', $file) or return '';
	local $/;
	return <$handle> // '';
}

# A program whose output goes to a log; its pid.
sub start
{
	my ($log, @command) = @_;
	my $pid = fork() // die "could not fork: $!";

	return $pid if $pid;
	open(STDIN, '<', '/dev/null');
	open(STDOUT, '>>', $log) && open(STDERR, '>&', \*STDOUT) && exec { $command[0] } @command;
	POSIX::_exit(127);
}

# What a command prints, or undef if it fails; then $complaint is why.
sub output
{
	my (@command) = @_;
	my $out = '';

	eval { IPC::Run::run(\@command, '<', \undef, '>', \$out, '2>', \$complaint, IPC::Run::timeout(DEADLINE)) } or return;
	chomp $out;
	return $out;
}

sub try_sql
{
	my ($name, $sql) = @_;

	return output('psql', '-XAtq', '-v', 'ON_ERROR_STOP=1', '-d', "host=127.0.0.1 port=$members{$name}{port} user=postgres dbname=postgres connect_timeout=5", '-c', $sql);
}

sub sql { return try_sql(@_) // die "failed at $_[0]: $_[1]: $complaint\n" }

sub patronictl
{
	my (@arguments) = @_;

	return output('patronictl', '-c', "$dir/one.yml", @arguments) // die "patronictl @arguments failed: $complaint\n";
}

# Looks at the calls that are new, so that no body is forgotten before.
sub look_at_calls
{
	foreach my $call (@{ $joor->calls(operation => 'bulk', since => $seen) })
	{
		last unless $call->{ended};
		$seen = $call->{number};
		next unless $call->{applied};
		my $body = decode_json($joor->body($seen) // die "the body of call $seen is gone\n");
		foreach my $item (@{ $body->{inventory_items}{inventory_item} })
		{
			my ($upc, $quantity) = @$item{qw(upc inventory)};
			$stale++ if $quantity < ($newest{$upc} // 0);
			$newest{$upc} = $quantity;
		}
	}
	return;
}

# Waits until a condition holds, and returns it.
sub until_true
{
	my ($what, $condition) = @_;
	my $deadline = time + DEADLINE;

	while (1)
	{
		my $value = $condition->();
		look_at_calls();
		return $value if $value;
		die "not in @{[DEADLINE]} seconds: $what\n" if time > $deadline;
		sleep 0.1;
	}
}

# Members as one of them sees them: {name => {role, state, ...}}.
sub view
{
	my ($name) = @_;
	my $answer = $http->get("http://127.0.0.1:$members{$name}{api}/cluster");

	return $answer->{success} ? { map { $_->{name} => $_ } @{ decode_json($answer->{content})->{members} } } : {};
}

# Whether one leads, and the other follows, as a replica or a sync_standby.
sub is_pair
{
	my ($leader, $standby, $role) = @_;
	my $view = view($leader);

	return ($view->{$leader}{role} // '') eq 'leader'
	  && ($view->{$standby}{role} // '') eq $role
	  && $view->{$standby}{state} =~ /^(?:running|streaming)$/
	  && (try_sql($leader, q{SELECT state FROM pg_stat_replication}) // '') eq 'streaming';
}

sub write_configuration
{
	my ($name) = @_;
	my $member = $members{$name} = { port => free_port(), api => free_port(), log => "$dir/$name.log", data => "$dir/$name" };

	open(my $file, '>', "$dir/$name.yml") or die $!;
	print $file encode_json({
		scope => CLUSTER,
		name => $name,
		restapi => { listen => "127.0.0.1:$member->{api}", connect_address => "127.0.0.1:$member->{api}" },
		etcd3 => { host => "127.0.0.1:$etcd" },
		bootstrap => {
			dcs => {},
			initdb => [ { encoding => 'UTF8' }, { locale => 'C' } ],
			pg_hba => [ 'host all all 127.0.0.1/32 trust', 'host replication all 127.0.0.1/32 trust' ] },
		postgresql => {
			listen => "127.0.0.1:$member->{port}",
			connect_address => "127.0.0.1:$member->{port}",
			data_dir => $member->{data},
			pgpass => "$dir/$name.pgpass",
			authentication => {
				superuser => { username => 'postgres' },
				replication => { username => 'replicator' } },
			parameters => { unix_socket_directories => "$dir", log_line_prefix => '%n ' } } });
	close($file) or die $!;
	return;
}

sub start_member
{
	my ($name) = @_;

	$members{$name}{pid} = start($members{$name}{log}, 'patroni', "$dir/$name.yml");
	return;
}

# The first block of YAML of the recipe.
sub recipe
{
	my ($yaml) = slurp("$tree/doc/recipes.md") =~ /^## Patroni\n.*?^```yaml\n(.*?)^```/ms or die "no settings in the recipe\n";

	return $yaml;
}

# A process that changes one item after the other, until it is told to end;
# numbers of the changes that were committed go to its file.
sub start_session
{
	my ($which) = @_;
	my $mine = $number + $which;
	my $connection = sprintf 'host=127.0.0.1,127.0.0.1 port=%d,%d user=postgres dbname=postgres target_session_attrs=read-write connect_timeout=5',
	  map { $members{$_}{port} } qw(one two);
	my $file = "$dir/changes.$which";
	my $pid = fork() // die "could not fork: $!";

	return { pid => $pid, file => $file } if $pid;
	my $over = 0;
	local $SIG{TERM} = sub { $over = 1 };
	open(my $committed, '>>', $file);
	open(STDERR, '>', "$dir/session.$which.err");
	$committed->autoflush(1);
	for (; !$over; $mine += SESSIONS)
	{
		my $id = $mine % ITEMS;
		my $status = system('psql', '-XAtq', '-v', 'ON_ERROR_STOP=1', '-d', $connection, '-c',
			"WITH m AS (INSERT INTO movement VALUES ($mine)) UPDATE stock SET on_hand = $mine WHERE upc = 'u$id'");
		print $committed "$mine\n" if $status == 0;
		sleep 0.02;
	}
	print $committed "next $mine\n";
	POSIX::_exit(0);
}

sub start_changes { @sessions = map { start_session($_) } 1 .. SESSIONS; return }

# Ends the sessions; numbers of what they committed since they began.
sub stop_changes
{
	my @committed;

	kill 'TERM', map { $_->{pid} } @sessions;
	foreach my $session (@sessions)
	{
		until_true('a session ends', sub { waitpid($session->{pid}, POSIX::WNOHANG()) == $session->{pid} });
		my ($next) = slurp($session->{file}) =~ /^next (\d+)/m or die "a session failed\n";
		push @committed, slurp($session->{file}) =~ /^(\d+)$/mg;
		$number = $next if $next > $number;
		unlink $session->{file};
	}
	# session 1 has the odd numbers, always the same items
	$number += $number % SESSIONS;
	return @committed;
}

sub calls { return $joor->summary(operation => 'bulk')->{calls} }

sub more_calls
{
	my ($what, $count) = @_;
	my $wanted = calls() + $count;

	until_true($what, sub { calls() >= $wanted });
	return;
}

# On a standby nothing of the extension runs, and its status says so.
sub check_standby
{
	my ($name) = @_;
	my $status = sql($name, q{SELECT pg_is_in_recovery(), state FROM joor.status});
	my $processes = sql($name, q{SELECT count(*) FROM pg_stat_activity WHERE backend_type LIKE 'joor_inventory%'});

	return if $status eq 't|standby' and $processes == 0;
	print "the standby $name: $status, $processes processes\n";
	$failed = 1;
	return;
}

# How many items JOOR has otherwise than the feed.
sub wrong_items
{
	my ($name) = @_;

	sql($name, q{SELECT joor.wait('joor', '60 s')}) eq 't' or die "the queue does not empty\n";
	my %feed = map { split /\|/ } split /\n/, sql($name, 'SELECT upc, inventory FROM joor.feed_stock');
	my %stock = map { $_->{upc} => $_->{inventory} } @{ $joor->state('joor') };
	return scalar grep { ($feed{$_} // -1) != ($stock{$_} // -1) } keys %{ { %feed, %stock } };
}

# How many of the changes a member does not know.
sub lost_changes
{
	my ($name, @changes) = @_;
	my %made = map { $_ => 1 } split /\n/, sql($name, 'SELECT id FROM movement');

	return scalar grep { !$made{$_} } @changes;
}

# Kills a postmaster, and the Patroni that would start it again.
sub kill_leader
{
	my ($name) = @_;
	my ($postmaster) = slurp("$members{$name}{data}/postmaster.pid") =~ /^(\d+)/;

	kill('KILL', $members{$name}{pid}, $postmaster) == 2 or die "could not kill $name\n";
	waitpid($members{$name}{pid}, 0);
	return;
}

sub wait_for_leader
{
	my ($name) = @_;

	until_true("$name leads", sub { (try_sql($name, 'SELECT pg_is_in_recovery()') // '') eq 'f' });
	return;
}

# Makes the other member the leader, by what is given, and prints what happened.
sub report
{
	my ($event, $leader, $standby, $change, $come_back) = @_;
	my $result = sub { sql($standby, "SELECT $_[0] FROM joor.request WHERE operation = 'bulk_inventory'") };
	my ($before, $stale_before) = (calls(), $stale);
	my $unknown = sql($leader, q{SELECT count(*) FROM joor.request WHERE outcome = 'unknown'});

	start_changes();
	more_calls("$leader sends", 10);
	check_standby($standby);
	my $log = length slurp($members{$standby}{log});
	my $begun = time;

	$change->();
	wait_for_leader($standby);
	my ($promoted) = substr(slurp($members{$standby}{log}), $log) =~ /^(\d+\.\d+) LOG:  received promote request/m or die "$standby was not promoted\n";
	my $first = until_true("$standby sends", sub { $result->("extract(epoch FROM min(started_at) FILTER (WHERE started_at > to_timestamp($promoted)))") });
	more_calls("$standby goes on", 10);
	$come_back->();
	until_true("$leader is a standby", sub { is_pair($standby, $leader, 'sync_standby') });
	my $back = time;
	more_calls("$standby goes on with $leader", 10);
	check_standby($leader);

	my @changes = stop_changes();
	my $wrong = wrong_items($standby);
	check_standby($leader);
	look_at_calls();
	my $lost = lost_changes($standby, @changes);
	my $unrecorded = calls() - $result->('count(*)');
	$unrecorded = 0 if $unrecorded < 0;
	printf "| %s | %.2f | %.2f | %.1f | %d | %d | %d | %d | %d | %d | %d |\n",
	  $event, $promoted - $begun, $first - $begun, $back - $begun, scalar @changes, calls() - $before,
	  $result->(q{count(*) FILTER (WHERE outcome = 'unknown')}) - $unknown,
	  $lost, $stale - $stale_before, $wrong, $unrecorded;
	$failed = 1 if $lost or $wrong or $unrecorded or $stale > $stale_before;
	return;
}

sub run_rounds
{
	my ($leader, $standby) = qw(one two);

	print "| event | promoted | sends | back | changes | requests | unknown | lost | stale | wrong | unrecorded |\n";
	print '| --- |' . ' ---: |' x 10 . "\n";
	foreach (1 .. $rounds)
	{
		report('switchover', $leader, $standby,
			sub { patronictl('switchover', CLUSTER, '--candidate', $standby, '--force') },
			sub { });
		($leader, $standby) = ($standby, $leader);
		report('failover', $leader, $standby,
			sub { kill_leader($leader) },
			sub { start_member($leader) });
		($leader, $standby) = ($standby, $leader);
	}
	return ($leader, $standby);
}

# An asynchronous standby that gets nothing any more when the leader dies, so
# that JOOR has changes that the new leader has not; and what the recipe says.
sub lose_changes
{
	my ($leader, $standby) = @_;

	patronictl('edit-config', CLUSTER, '-s', 'synchronous_mode=false', '--force');
	until_true('commits do not wait for the standby', sub { sql($leader, 'SHOW synchronous_standby_names') eq '' });
	start_changes();
	more_calls("$leader sends", 5);
	my $receiver = sql($standby, 'SELECT pid FROM pg_stat_wal_receiver');
	kill('STOP', $receiver) or die "could not stop the receiver\n";
	more_calls("$leader sends what $standby has not", 5);
	my @changes = stop_changes();
	wrong_items($leader) == 0 or die "JOOR has not what $leader has\n";
	kill_leader($leader);
	# it ends before it reads what the network still has
	kill($_, $receiver) foreach qw(TERM CONT);
	wait_for_leader($standby);
	start_member($leader);
	until_true("$leader is a standby", sub { is_pair($standby, $leader, 'replica') });

	my $lost = lost_changes($standby, @changes) or die "nothing was lost\n";
	my $wrong = wrong_items($standby) or die "JOOR has nothing that was lost\n";
	sql($standby, 'SELECT joor.sync(name, everything => true) FROM joor.feed');
	my $left = wrong_items($standby);
	printf "asynchronous: %d of %d changes lost; %d of %d items wrong, %d after joor.sync\n", $lost, scalar @changes, $wrong, ITEMS, $left;
	$failed = 1 if $left;
	check_standby($leader);
	return;
}

sub make_cluster
{
	my $peer = 'http://127.0.0.1:' . free_port();

	start("$dir/etcd.log", 'etcd', '--data-dir', "$dir/etcd",
		'--listen-client-urls', "http://127.0.0.1:$etcd", '--advertise-client-urls', "http://127.0.0.1:$etcd",
		'--listen-peer-urls', $peer, '--initial-advertise-peer-urls', $peer, '--initial-cluster', "default=$peer");
	write_configuration($_) foreach qw(one two);
	until_true('etcd listens', sub { $http->get("http://127.0.0.1:$etcd/health")->{success} });
	start_member('one');
	until_true('one leads', sub { (view('one')->{one}{role} // '') eq 'leader' });
	start_member('two');
	until_true('two follows', sub { is_pair('one', 'two', 'replica') });

	# As the recipe says.
	open(my $settings, '>', "$dir/recipe.yml") or die $!;
	print $settings recipe();
	close($settings) or die $!;
	patronictl('edit-config', CLUSTER, '--apply', "$dir/recipe.yml", '--force');
	foreach my $name (qw(two one))
	{
		until_true("$name is to be restarted", sub { view('one')->{$name}{pending_restart} });
		patronictl('restart', CLUSTER, $name, '--force');
		until_true("$name is back", sub { (try_sql($name, 'SHOW shared_preload_libraries') // '') eq 'joor_inventory' });
	}
	until_true('two is the synchronous standby', sub { is_pair('one', 'two', 'sync_standby') });
	return;
}

sub make_account
{
	my $url = $joor->url;

	$joor->account('joor', token => 'token', any_sku => 1, credits => CREDITS);
	sql('one', $_) foreach split /;\n/, <<"SQL";
CREATE EXTENSION joor_inventory;
CREATE SERVER joor FOREIGN DATA WRAPPER joor_inventory OPTIONS (url '$url', credits '@{[CREDITS]}', format 'json');
SELECT joor.set_token('joor', 'token');
SELECT joor.activate('joor');
CREATE TABLE stock (upc text PRIMARY KEY, on_hand bigint NOT NULL);
CREATE TABLE movement (id bigint PRIMARY KEY);
INSERT INTO stock SELECT 'u' || g, 0 FROM generate_series(0, @{[ITEMS - 1]}) g;
SELECT joor.create_feed('stock', 'SELECT upc, on_hand AS inventory FROM stock', key => 'upc');
SELECT joor.watch('stock', 'stock', key => 'upc');
SELECT joor.sync('stock')
SQL
	return;
}

sub run_campaign
{
	make_cluster();
	make_account();
	# so that a request is under way most of the time
	$joor->fault(operation => 'bulk', delay => 0.3, times => 0);
	lose_changes(run_rounds());
	print patronictl('list', CLUSTER), "\n";
	my $summary = $joor->summary;
	printf "%d calls answered 429, %d broke a rule, at most %d at the same time\n",
	  $summary->{refused}, $summary->{violations}, 1 + $summary->{most_abreast};
	foreach my $name (qw(one two))
	{
		my $crashes = () = slurp($members{$name}{log}) =~ /PANIC|TRAP|was terminated by signal|XX000/g;
		print "$name: $crashes crashes\n" if $crashes;
		$failed = 1 if $crashes;
	}
	$failed = 1 if $summary->{refused} or $summary->{violations} or $summary->{most_abreast};
	return;
}

eval { run_campaign(); 1 } or do {
	my $error = $@;
	print "$error\n", map { "--- $_\n" . (slurp("$dir/$_.log") =~ /((?:.*\n){0,40})\z/)[0] } qw(etcd one two);
	$failed = 1;
};
exit $failed;
