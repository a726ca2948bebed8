# What a push supersedes, and what it must not.
#
# Proves that entries which were committed when a push read its query leave the
# queue with it, and that a change which was enqueued before but committed
# after that is sent after the push, though its entry has the lower id: the push
# could not see it.
use strict;
use warnings;

use JoorNode;
use JoorSimulator;
use IPC::Run;
use Test::More;

my $joor = JoorSimulator->new;
my $node = JoorNode->new('supersede', preload => 1);
$node->account($joor, 'joor', options => "credits '100000000'", simulator => { credits => 100_000_000 });

sub sql { return $node->safe_psql('postgres', $_[0]) }

# A session that goes on while others do: its handle, and its input and output.
sub session
{
	my ($in, $out) = ('', '');
	my $handle = IPC::Run::start([ 'psql', '-XAtq', '-d', $node->connstr('postgres'), @_ ],
		'<', \$in, '>', \$out, '2>&1', IPC::Run::timeout(60));
	return { handle => $handle, in => \$in, out => \$out };
}

sub say_to
{
	my ($session, $text, $until) = @_;
	${ $session->{in} } .= $text;
	$session->{handle}->pump until ${ $session->{out} } =~ $until;
	return;
}

sub quantity
{
	my ($upc) = @_;
	my ($position) = grep { $_->{upc} eq $upc } @{ $joor->state('joor') };
	return $position ? $position->{inventory} : undef;
}

sql("CREATE TABLE stock (upc text, inventory integer); INSERT INTO stock VALUES ('x', 3), ('z', 7)");

# A change that is enqueued, and not committed yet
my $seller = session();
say_to($seller, "BEGIN; UPDATE stock SET inventory = 5 WHERE upc = 'x';
	SELECT 'queued ' || joor.enqueue(\$\$SELECT upc, inventory FROM stock WHERE upc = 'x'\$\$);\n", qr/queued 1/);

# A request of the worker is in flight, and more is queued: an older z, and y
$joor->fault(hold => 1, operation => 'bulk', times => 2);
sql(q{SELECT joor.enqueue($$SELECT 'y' AS upc, 1 AS inventory$$)});
ok($joor->wait_for(held => 1, operation => 'bulk'), 'a request is in flight');
sql(q{SELECT joor.enqueue($$SELECT 'y' AS upc, 2 AS inventory UNION ALL SELECT 'z', 1$$)});

# The push waits for it, then reads the query, and is held as well
my $pusher = session('-c', q{SELECT outcome FROM joor.push('SELECT upc, inventory FROM stock')});
ok($node->poll_query_until('postgres', 'SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted)'), 'a push waits for it');
$joor->release;
ok($joor->wait_for(arrived => 2, operation => 'bulk'), 'the push is in flight');
say_to($seller, "COMMIT; SELECT 'committed';\n", qr/committed/);
$joor->release;
$pusher->{handle}->finish;
is(${ $pusher->{out} }, "delivered\n", 'the push is delivered');
is(sql(q{SELECT joor.wait(timeout => '20 s')}), 't', 'all was sent');

is(quantity('x'), 5, 'a change that was committed after the push had read is not lost');
is(quantity('z'), 7, 'an entry that it could see does not overwrite what it sent');
is(quantity('y'), 2, 'other entries are sent');
is(scalar(grep { $_->{abreast} } @{ $joor->calls }), 0, 'one request at a time');

${ $seller->{in} } .= "\\q\n";
$seller->{handle}->finish;
$node->stop;
done_testing();
