# What JOOR's answers may look like, and what their header says.
#
# Proves that texts of an answer are kept as UTF-8 without control characters,
# whichever way they are written, and are cut where they are long; that an
# answer with bytes that are no UTF-8 is unreadable and not an error, also where
# libxml2 lets them pass; that the format follows from the content type or the
# first character; and how each form of Retry-After and of a code is read.

use strict;
use warnings;
use utf8;

use Encode qw(encode_utf8);
use IPC::Run ();
use JoorNode;
use JoorSimulator;
use MIME::Base64 qw(encode_base64);
use POSIX qw(strftime setlocale LC_TIME);
use Test::More;

my $joor = JoorSimulator->new;
my $node = JoorNode->new('answers');

$node->account($joor, 'joor', options => q{credits '1000000'}, simulator => { credits => 1_000_000 });

# The last row of joor.request after a push of an item that met a fault, with
# the reason of the rejection.  A body is bytes.
sub answer
{
	my (%fault) = @_;
	$fault{body_base64} = encode_base64(delete $fault{body}, '') if defined $fault{body};
	$joor->reset(qw(calls faults inventory));
	$joor->fault(%fault);
	$node->safe_psql('postgres',
		q{SET client_min_messages = error; SELECT FROM joor.push($$SELECT 'a' AS upc, 1 AS inventory$$, on_failure => 'report')});
	return $node->rows('SELECT r.*, j.reason FROM joor.request r LEFT JOIN joor.rejection j ON j.request_id = r.id ORDER BY r.id DESC LIMIT 1')->[0];
}

# An answer of one item that is rejected, with that reason (bytes).
sub xml { return qq{<r><response><code>0</code></response><inventory_log><log><sku>a</sku><status>fail</status><message>$_[0]</message></log></inventory_log></r>} }
sub json { return qq{{"response":{"code":0},"inventory_log":[{"sku":"a","status":"fail","message":"$_[0]"}]}} }

subtest 'texts' => sub {
	my @texts = (
		[ 'a pair of surrogates', json('\ud83d\uDE00!'), '😀!' ],
		[ 'an escape', json('\u00e9\u20AC'), 'é€' ],
		[ 'a quoted escape', json('\\\\u00e9 \"'), '\u00e9 "' ],
		[ 'control characters, JSON', json('a\u0001b\u0085c\u009Fd\u007fe'), 'a b  c  d e' ],
		[ 'control characters, XML', xml('a&#x85;b&#x7f;c&#9;d'), 'a  b c d' ],
		[ 'CDATA', xml('<![CDATA[a<b]]>'), 'a<b' ],
		[ 'CDATA and text', xml(' a<!-- --><![CDATA[b]]>c '), 'abc' ],
		[ 'declared Latin 1', '<?xml version="1.0" encoding="ISO-8859-1"?>' . xml("\xe9"), 'é' ],
		[ 'a reason that is an object', json('') =~ s/"message":""/"error":{"number":7,"message":"no","more":{"a":[1]}}/r, 'no' ],
		[ 'a reason of elements', xml('<number>7</number><error>no</error>'), 'no' ]);

	foreach my $text (@texts)
	{
		my ($name, $body, $reason) = @$text;
		my $row = answer(body => $body, content_type => 'none');
		is_deeply([ @$row{qw(outcome rejected reason)} ], [ 'refused', 1, $reason ], $name);
	}

	# Longer than what is kept, than a buffer of the parser, than its largest.
	foreach my $length (400, 4000, 400_000)
	{
		my $long = encode_utf8('x' . '€' x $length);
		foreach my $body (json($long), xml($long), xml("<![CDATA[$long]]>"))
		{
			like(answer(body => $body, content_type => 'none')->{reason}, qr/^x€{50,400}/, "a long text of $length");
		}
	}
};

subtest 'unreadable' => sub {
	my @bodies = (
		[ 'a character longer than need be, CDATA', xml("<![CDATA[a\xc0\xbf]]>") ],
		[ 'a character longer than need be, text', xml("a\xc0\xbf") ],
		[ 'a surrogate in XML', xml("<![CDATA[\xed\xa0\x80]]>") ],
		[ 'a character of four bytes and too high', xml("<![CDATA[\xf4\x90\x80\x80]]>") ],
		[ 'the same in JSON', json("\xc0\xbf") ],
		[ 'half a pair of surrogates', json('\ud83d') ],
		[ 'the other half', json('\ude00') ],
		[ 'a pair of no surrogates', json('\ud83d\u0041') ],
		[ 'an escape that is none', json('\u00g0') ],
		[ 'an escape that is cut', '{"response":"\u00' ],
		[ 'NUL escaped', json('\u0000') ],
		[ 'blanks', " \r\n\t" ],
		[ 'a word', 'accepted' ]);

	foreach my $body (@bodies)
	{
		my $row = answer(body => $body->[1], content_type => 'none');
		is($row->{outcome}, 'unknown', "$body->[0]: outcome");
		like($row->{message}, qr/cannot be read/, "$body->[0]: message");
	}
};

subtest 'format' => sub {
	my @bodies = (
		[ 'mark and blanks before XML', "\xef\xbb\xbf \r\n" . xml('no') =~ s/^<r>/ <r>/r, 'none' ],
		[ 'mark before JSON', "\xef\xbb\xbf" . json('no'), 'none' ],
		[ 'a list', '[' . json('no') . ']', 'none' ],
		[ 'JSON as text', json('no'), 'text/plain' ],
		[ 'XML as text', xml('no'), 'text/plain; charset=json' ],
		[ 'JSON of a vendor', json('no'), 'application/vnd.joor+JSON' ]);

	foreach my $body (@bodies)
	{
		my $row = answer(body => $body->[1], content_type => $body->[2]);
		is_deeply([ @$row{qw(outcome reason)} ], [ 'refused', 'no' ], $body->[0]);
	}
	is(answer(body => json('no'), content_type => 'text/xml')->{outcome}, 'unknown', 'JSON as XML');
	is(answer(body => xml('no'), content_type => 'application/json')->{outcome}, 'unknown', 'XML as JSON');
};

subtest 'code and count' => sub {
	my %outcome = ('0' => 'delivered', '00' => 'delivered', '+0' => 'delivered', '-0' => 'delivered',
		'0.0' => 'delivered', '0.' => 'delivered', '0.1' => 'refused', '-' => 'refused', '.0' => 'refused',
		'x' => 'refused', '10' => 'refused');

	foreach my $code (sort keys %outcome)
	{
		is(answer(body => qq{{"response":{"code":"$code"}}}, content_type => 'none')->{outcome}, $outcome{$code}, "code $code");
	}
	my %count = ('1' => 1, '001' => 1, '-1' => undef, '1.0' => undef, 'x' => undef, '1234567890123456789' => undef);
	foreach my $count (sort keys %count)
	{
		is(answer(body => qq{{"response":{"code":0,"sku_count":"$count"}}}, content_type => 'none')->{sku_count},
			$count{$count}, "count $count");
	}
};

subtest 'Retry-After' => sub {
	setlocale(LC_TIME, 'C');
	# Dates in ten minutes: what is left is at most that, and not much less.
	my @then = gmtime(time() + 600);
	my @forms = (
		[ 'a number', '600' ],
		[ 'the usual form', strftime('%a, %d %b %Y %H:%M:%S GMT', @then) ],
		[ 'that of RFC 850', strftime('%A, %d-%b-%y %H:%M:%S GMT', @then) ],
		[ "that of C's asctime", strftime('%a %b %e %H:%M:%S %Y', @then) ]);

	foreach my $form (@forms)
	{
		my $last = $node->safe_psql('postgres', 'SELECT max(id) FROM joor.request');

		# The push then waits, until it is cancelled.
		$joor->reset(qw(calls faults inventory));
		$joor->fault(status => 429, headers => { 'Retry-After' => $form->[1] });
		my $push = IPC::Run::start(
			[ 'psql', '-X', '-d', $node->connstr('postgres'), '-c',
				q{SELECT FROM joor.push($$SELECT 'a' AS upc, 1 AS inventory$$)} ],
			'>&', \my $said);
		$node->wait_until("SELECT count(*) = 1 FROM joor.request WHERE id > $last AND outcome = 'throttled'",
			"$form->[0]: throttled");
		$node->safe_psql('postgres', q{SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE query LIKE 'SELECT FROM joor.push%'});
		$push->finish;
		my $wait = $node->safe_psql('postgres',
			"SELECT extract(epoch FROM retry_at - started_at) FROM joor.request WHERE id > $last");
		ok($wait > 300 && $wait < 660, "$form->[0]: when it goes on") or diag("$form->[1]: $wait");
		$node->safe_psql('postgres', q{UPDATE joor.request SET retry_at = NULL, counts_until = NULL});
	}
};

subtest 'where it went' => sub {
	my $row = answer(status => 302, location => 'http://user:word@other.example/path?hidden=1#more');
	unlike($row->{message}, qr/user|word|hidden|more/, 'no user name, query or fragment');
	like($row->{message}, qr{http://other\.example/path}, 'but the address');
};

unlike(PostgreSQL::Test::Utils::slurp_file($node->logfile), qr/terminated by signal|PANIC|TRAP:|invalid byte sequence/,
	'no trouble in the log');
done_testing();
