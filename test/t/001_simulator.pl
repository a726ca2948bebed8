# The JOOR simulator keeps JOOR's contract: what the other tests rely on.
#
# Proves, for each documented rule of the API, that a call which keeps it is
# taken and one which breaks it is not; that credits are counted as JOOR
# counts them; and that each fault does on the wire what it says.

use strict;
use warnings;

use Errno qw(ECONNRESET);
use File::Temp ();
use HTTP::Tiny;
use IO::Select;
use IO::Socket::INET;
use IPC::Run qw(run timeout);
use JoorSimulator;
use JSON::PP qw(decode_json encode_json);
use MIME::Base64 qw(encode_base64);
use Test::More;
use Time::HiRes qw(time);

use constant DEADLINE => 20;    # seconds; none of it is ever waited for
use constant TOKEN => 'a token: ' . 'x' x 100;

my $joor = JoorSimulator->new;
my $http = HTTP::Tiny->new(timeout => DEADLINE, keep_alive => 1);
my $lonely = HTTP::Tiny->new(
	timeout => DEADLINE,
	keep_alive => 0,
	max_redirect => 0);

# Everything forgotten, but for an account that knows any SKU.
sub start_again
{
	my (%options) = @_;

	$joor->reset;
	$joor->account(
		'main',
		token => TOKEN,
		any_sku => 1,
		credits => 1_000_000,
		%options);
	return;
}

sub headers
{
	my ($format, %more) = @_;
	my %headers = (
		'Authorization' => 'OAuth2 ' . encode_base64(TOKEN, ''),
		'Content-Type' => "application/$format",
		'Accept' => 'application/json',
		%more);

	delete $headers{$_} foreach grep { !defined $headers{$_} } keys %headers;
	return \%headers;
}

sub xml_body
{
	my (@items) = @_;
	my $body = '<?xml version="1.0" encoding="UTF-8"?><inventory_items>';

	foreach my $item (@items)
	{
		my @fields = %$item;

		$body .= '<inventory_item>';
		while (my ($name, $value) = splice(@fields, 0, 2))
		{
			$body .= "<$name>$value</$name>";
		}
		$body .= '</inventory_item>';
	}
	return "$body</inventory_items>";
}

sub json_body
{
	my (@items) = @_;

	return encode_json({ inventory_items => { inventory_item => \@items } });
}

# A bulk call; what HTTP::Tiny says, and the answer's JSON as `json`.
sub bulk
{
	my ($body, %options) = @_;
	my $answer = ($options{http} // $http)->request(
		$options{method} // 'POST',
		$joor->url . '/bulk-inventory' . ($options{query} // ''),
		{
			content => $body,
			headers =>
			  headers($options{format} // 'xml', %{ $options{headers} // {} })
		});

	$answer->{json} = eval { decode_json($answer->{content}) };
	return $answer;
}

sub statuses
{
	my ($answer) = @_;

	return join ' ',
	  map { $_->{status} } @{ $answer->{json}{inventory}{inventory_log} // [] };
}

sub rules
{
	return join ' ', map { $_->{rule} } @{ $joor->violations };
}

# sku => inventory, with marks for what else there is.
sub stock
{
	my %stock;

	foreach my $position (@{ $joor->state('main') })
	{
		my $key = join '/',
		  grep { defined }
		  @$position{qw(sku warehouse inventory_date)};

		$key =~ s{/Default}{};
		$stock{$key} = ($position->{inventory} // 'none')
		  . ($position->{made_to_order} ? ' mto' : '')
		  . ($position->{lost} ? ' lost' : '');
	}
	return \%stock;
}

# Sends the bytes, reads to the end: what came, and how it ended.
sub raw
{
	my ($request, %options) = @_;
	my $socket = IO::Socket::INET->new(
		PeerAddr => '127.0.0.1',
		PeerPort => $joor->port)
	  or die "could not connect: $!";
	my $answer = '';
	my $end;

	local $SIG{PIPE} = 'IGNORE';
	$socket->autoflush(1);
	syswrite($socket, $request);
	while (IO::Select->new($socket)->can_read(DEADLINE))
	{
		my $got = sysread($socket, $answer, 65536, length $answer);

		$end = !defined $got ? ($! == ECONNRESET ? 'reset' : "$!") : 'eof'
		  if !$got;
		last if defined $end;
		$options{on_data}->($socket, $answer) if $options{on_data};
		last if $options{until} && $options{until}->($answer);
	}
	return { bytes => $answer, end => $end // 'open', socket => $socket };
}

sub raw_bulk
{
	my ($body, %more) = @_;
	my $headers = headers('xml', 'Content-Length' => length $body, %more);

	return "POST /v2/bulk-inventory HTTP/1.1\r\nHost: localhost\r\n"
	  . join('', map { "$_: $headers->{$_}\r\n" } sort keys %$headers)
	  . "\r\n$body";
}

my %ONE = (upc => '0001', inventory => 7);
my $one = xml_body(\%ONE);

subtest 'bulk call' => sub {
	start_again();
	my $sample =
		'<?xml version="1.0" encoding="UTF-8"?><inventory_items>'
	  . '<inventory_item><warehouse>Default</warehouse>'
	  . '<upc>8001234567898</upc>'
	  . '<inventory>123</inventory></inventory_item></inventory_items>';
	my $answer = bulk($sample);

	is($answer->{status}, 200, "JOOR's sample is taken");
	is($answer->{headers}{'content-type'},
		'application/json', 'Accept sets the format of the answer');
	is_deeply(stock(), { '8001234567898' => '123' }, 'it is shown');

	my $inventory = $answer->{json}{inventory};
	is($inventory->{response}{code}, 0, 'code 0');
	is($inventory->{sku_count}, 1, 'sku_count');
	is($inventory->{inventory_log}[0]{sku}, '8001234567898', 'sku');
	like($inventory->{inventory_log}[0]{inventory_log_id},
		qr/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/, 'a UUID');
	ok($answer->{headers}{'x-throttling-account-id'}, 'throttling header');

	is(bulk($sample, method => 'PUT')->{status}, 200, 'PUT does the same');
	$answer = bulk($sample, headers => { Accept => 'application/xml' });
	like($answer->{content},
		qr{<sku_count>1</sku_count><inventory_log><sku>8001234567898</sku>},
		'an answer in XML');
	is(bulk(json_body(\%ONE), format => 'json')->{status}, 200, 'nested JSON');
	is(bulk(encode_json({ inventory_items => [ \%ONE ] }), format => 'json')
		  ->{status}, 200, 'flat JSON');
	is(rules(), '', 'no violation');
	is($joor->body(1), $sample, 'the body is kept');
	is($joor->calls->[0]{authorization}, 'ok', 'the log knows the token');
	unlike(encode_json($joor->calls), qr/OAuth2/, 'and does not show it');

	$joor->account('main', json_shape => 'nested');
	is(bulk(encode_json({ inventory_items => [ \%ONE ] }), format => 'json')
		  ->{status}, 400, 'flat JSON where only nested is known');
	$joor->account('main', json_shape => 'flat');
	is(bulk(json_body(\%ONE), format => 'json')->{status},
		400, 'nested JSON where only flat is known');
};

subtest 'headers' => sub {
	start_again();
	my @cases = (
		[ 'wrong token', { Authorization => 'OAuth2 d3Jvbmc=' }, 401, '' ],
		[ 'no token', { Authorization => undef }, 401, '' ],
		[ 'unencoded token', { Authorization => 'OAuth2 ' . TOKEN }, 401, '' ],
		[ 'Bearer', { Authorization => 'Bearer ' . TOKEN }, 401, '' ],
		[ 'no Content-Type', { 'Content-Type' => '' }, 415, 'content_type' ],
		[
			"libcurl's Content-Type",
			{ 'Content-Type' => 'application/x-www-form-urlencoded' },
			415, 'content_type'
		],
		[
			'charset',
			{ 'Content-Type' => 'application/xml; charset=utf-8' },
			200, ''
		],
		[
			'other charset',
			{ 'Content-Type' => 'application/xml; charset=latin1' },
			415, 'content_type'
		],
		[ 'no Accept', { Accept => undef }, 200, 'accept' ],
		[ 'Accept of anything', { Accept => '*/*' }, 200, 'accept' ],
		[ 'unknown Accept', { Accept => 'text/html' }, 406, 'accept' ]);

	foreach my $case (@cases)
	{
		my ($what, $headers, $status, $rule) = @$case;

		is(bulk($one, headers => $headers)->{status}, $status, $what);
		is(rules(), $rule, "$what: violation");
		$joor->reset('violations');
	}

	my $request = raw_bulk($one, Connection => 'close');
	$request =~ s/Content-Type: .*?\r\n//;
	like(raw($request)->{bytes}, qr{^HTTP/1.1 400}, 'no Content-Type at all');
	# A server need not say 100 when the body is there already: libmicrohttpd 1.
	like(raw(raw_bulk($one, Connection => 'close',
				Expect => '100-continue'))->{bytes},
		qr{^(?:HTTP/1.1 100 Continue\r\n\r\n)?HTTP/1.1 200}, '100-continue');
	$request = raw_bulk($one, Connection => 'close');
	$request =~ s/(Accept: .*?\r\n)/$1$1/;
	like(raw($request)->{bytes}, qr{^HTTP/1.1 400}, 'a header twice');
	is(rules(), 'content_type expect header_twice', 'their violations');

	$request = raw_bulk($one, Connection => 'close',
		Authorization => 'OAuth2 ' . encode_base64(TOKEN, "\r\n "));
	like(raw($request)->{bytes}, qr{^HTTP/1.1 40[01]},
		'a token on several lines');
	is(scalar(@{ $joor->calls(since => 0, status => 200) }),
		4, 'those that were taken');

	$joor->account('main', auth => 'bearer');
	is(bulk($one, headers => { Authorization => 'Bearer ' . TOKEN })->{status},
		200, 'Bearer where it is known');
	is(bulk($one)->{status}, 401, 'OAuth2 where it is not');
	$joor->account('main', auth => 'both');
	is(bulk($one)->{status}, 200, 'OAuth2 where both are');
	$joor->account('main', disabled => 1);
	is(bulk($one)->{status}, 403, 'a disabled account');
};

subtest 'addresses and queries' => sub {
	start_again();
	my @cases = (
		[ 'POST', '/v2/bulk-inventory?overwrite=1', 200 ],
		[ 'POST', '/v2/bulk-inventory?dec_pending=0', 200 ],
		[ 'POST', '/v2/bulk-inventory?overwrite=0', 400 ],
		[ 'POST', '/v2/bulk-inventory?dec_pending=true', 400 ],
		[ 'POST', '/v2/bulk-inventory?verbose=1', 400 ],
		[ 'POST', '/v2/bulk-inventory?overwrite=1&overwrite=1', 400 ],
		[ 'POST', '/v2/bulk-inventory?overwrite=%zz', 400 ],
		[ 'POST', '/v2/bulk-inventory/', 404 ],
		[ 'POST', '/bulk-inventory', 404 ],
		[ 'GET', '/v2/bulk-inventory', 405 ],
		[ 'GET', '/v2/style?count=1', 200 ],
		[ 'GET', '/v2/style?count=x', 400 ],
		[ 'GET', '/v2/style?page=1', 400 ],
		[ 'PUT', '/v2/style?count=1', 405 ]);
	my $base = $joor->url =~ s{/v2$}{}r;

	foreach my $case (@cases)
	{
		my ($method, $path, $status) = @$case;
		my $answer = $http->request($method, $base . $path,
			{
				headers => headers('xml'),
				$method eq 'GET' ? () : (content => $one)
			});

		is($answer->{status}, $status, "$method $path");
	}
	is(scalar(@{ $joor->violations }), 11, 'violations');
};

sub put_sku
{
	my ($path, %options) = @_;

	my $answer = $http->request('PUT', $joor->url . "/style-number/$path",
		{ headers => headers('xml'), %options });

	$answer->{json} = eval { decode_json($answer->{content}) };
	return $answer;
}

subtest 'single-SKU call' => sub {
	start_again(warehouses => [ 'Default', 'East' ]);
	is(put_sku('S1/I1/inventory/?inventory=5&upc=0042')->{status},
		200, 'by UPC');
	is(put_sku('S1/I1/inventory/?inventory=6&color_code=001&size=M'
			  . '&warehouse=East&inventory_date=2030-02-28')->{status},
		200, 'by style, colour and size');
	is(put_sku('A%2FB/C%20%C3%A9/inventory/?inventory=7&color_code=1%2B1'
			  . '&size=%26')->{status},
		200, 'percent-encoded');
	is(put_sku('S1/I1/inventory/?inventory=8&upc=0042&color_code=1&size=2')
		  ->{status}, 200, 'with a UPC, colour and size are ignored');
	is_deeply(
		stock(),
		{
			'0042' => '8',
			'S1-I1-001-M/East/2030-02-28' => '6',
			"A/B-C \x{e9}-1+1-&" => '7'
		},
		'what is shown');
	is(rules(), '', 'no violation');

	is(put_sku('S1/I1/inventory/?inventory=5&color_code=1')->{json}{inventory}
		  {inventory_log}[0]{status}, 'fail', 'no identity');
	is(put_sku('S1/I1/inventory?inventory=5&upc=1')->{status},
		404, 'no trailing slash');
	is(put_sku('S1/I1/inventory/?upc=1')->{status}, 400, 'no inventory');
	is(put_sku('S1/I1/inventory/?inventory=1&upc=1&overwrite=1')->{status},
		400, 'overwrite is not known here');
	is(put_sku('S1/I1/inventory/?inventory=1&upc=1&made_to_order=true')
		  ->{status}, 400, 'nor is made_to_order');
	is(put_sku('S1/I1/inventory/?inventory=1&upc=1', content => 'x')->{status},
		400, 'a body');
	is( rules(),
		'identity_missing trailing_slash inventory_missing query_unknown '
		  . 'query_unknown body',
		'their violations');
};

subtest 'fields of an item' => sub {
	start_again();
	my $long = "\x{e9}" x 100;
	utf8::encode(my $long_utf8 = $long);
	my %style = (
		style_number => 'S',
		style_identifer => 'I',
		color_code => 'C',
		size => 'M',
		inventory => 1);
	my @cases = (
		[ {%style}, 'pass', '' ],
		[ { %ONE, upc => $long_utf8 }, 'pass', '' ],
		[ { %ONE, upc => $long_utf8 . 'x' }, 'fail', 'text_length' ],
		[ { %ONE, warehouse => 'w' x 151 }, 'fail', 'text_length' ],
		[ { %style, style_number => 's' x 46 }, 'fail', 'text_length' ],
		[ { %ONE, upc => '' }, 'fail', 'text_empty' ],
		[ { %ONE, inventory => 2147483647 }, 'pass', '' ],
		[ { %ONE, inventory => 2147483648 }, 'fail', 'inventory_range' ],
		[ { %ONE, inventory => -1 }, 'fail', 'inventory_negative' ],
		[ { %ONE, inventory => '1.0' }, 'fail', 'integer' ],
		[ { %ONE, inventory => '007' }, 'fail', 'integer' ],
		[ { %ONE, inventory => ' 7' }, 'fail', 'integer' ],
		[ { upc => 1 }, 'fail', 'inventory_missing' ],
		[ { %ONE, inventory_date => '2028-02-29' }, 'pass', '' ],
		[ { %ONE, inventory_date => '2027-02-29' }, 'fail', 'date' ],
		[ { %ONE, inventory_date => '29.02.2028' }, 'fail', 'date' ],
		[ { upc => 1, made_to_order => 'true' }, 'pass', '' ],
		[ { %ONE, made_to_order => 'f' }, 'fail', 'boolean' ],
		[ { %ONE, size => 'M' }, 'fail', 'identity_twice' ],
		[ { %style, style_id => 5 }, 'fail', 'identity_twice' ],
		[ { %style, size_code => 5 }, 'fail', 'identity_twice' ],
		[ { inventory => 1, size => 'M' }, 'fail', 'identity_missing' ],
		[
			{ style_number => 'S', color_code => 1, size => 1, inventory => 1 },
			'fail', 'identity_missing'
		],
		[
			{
				style_id => 5,
				style_color_id => 6,
				size_code => 'x',
				inventory => 1
			},
			'pass', ''
		],
		[
			{ style_id => 'x', style_color_id => 6, size => 1, inventory => 1 },
			'fail', 'integer'
		],
		[ { %ONE, price => 1 }, '', 'unknown_field' ],
		[ { %ONE, style_identifier => 'I' }, '', 'unknown_field' ]);

	foreach my $case (@cases)
	{
		my ($item, $status, $rule) = @$case;
		my $what = join ' ', map { "$_=" . substr($item->{$_}, 0, 12) }
		  sort keys %$item;

		is(statuses(bulk(xml_body($item))), $status, $what);
		is(rules(), $rule, "$what: violation");
		$joor->reset('violations');
	}

	# What JSON quotes, and what it does not.
	@cases = (
		[ '{"upc":"1","inventory":1,"made_to_order":false}', 'pass' ],
		[ '{"upc":1,"inventory":1}', 'fail' ],
		[ '{"upc":"1","inventory":"1"}', 'fail' ],
		[ '{"upc":"1","inventory":1.0}', 'fail' ],
		[ '{"upc":"1","inventory":null}', 'fail' ],
		[ '{"upc":"1","inventory":1,"made_to_order":"true"}', 'fail' ],
		[ '{"upc":"1","inventory":1,"made_to_order":1}', 'fail' ],
		[ '{"upc":"1","inventory":1,"inventory":2}', '' ]);
	foreach my $case (@cases)
	{
		my ($item, $status) = @$case;
		my $body = "{\"inventory_items\":{\"inventory_item\":[$item]}}";

		is(statuses(bulk($body, format => 'json')), $status, $item);
	}

	start_again(allow_negative => 1, tolerant => 1,
		made_to_order_inventory => 1);
	is(statuses(bulk(xml_body({ %ONE, inventory => -5 }))),
		'pass', 'negative where it is allowed');
	is(statuses(bulk(xml_body({ %ONE, size => 'M' }))),
		'pass', 'two identities where that is tolerated');
	is(statuses(bulk(xml_body({ upc => 1, made_to_order => 'true' }))),
		'fail', 'made to order without inventory where it is demanded');
	is(rules(), 'identity_twice inventory_missing', 'violations all the same');
	$joor->account('main', bad_item_refuses => 1);
	is(bulk(xml_body(\%ONE, { upc => 1 }))->{status},
		400, 'a body refused for one of its items');

	my %corrected = (%style, style_identifier => 'J');
	delete $corrected{style_identifer};
	start_again(style_identifier_field => 'corrected');
	is(statuses(bulk(xml_body(\%corrected))), 'pass', 'corrected spelling');
	is(bulk(xml_body(\%style))->{status}, 400, 'documented one, not known');
	$joor->account('main', style_identifier_field => 'both');
	is(statuses(bulk(xml_body(\%corrected, \%style))),
		'pass pass', 'both known');
	is(statuses(bulk(xml_body({ %style, style_identifier => 'I' }))),
		'pass', 'both sent');
	is(statuses(bulk(xml_body({ %style, style_identifier => 'J' }))),
		'fail', 'both sent, and they differ');
};

subtest 'structure of the body' => sub {
	start_again();
	my $item = '<inventory_item><upc>1</upc><inventory>1</inventory>'
	  . '</inventory_item>';
	my $begin = '<?xml version="1.0" encoding="UTF-8"?>';
	my @xml = (
		[ "$begin<inventory_items>\n\t$item\n</inventory_items>\n", 200, '' ],
		[ "$begin<inventory_items><!-- c -->$item</inventory_items>", 200, '' ],
		[ "<inventory_items>$item</inventory_items>", 200, 'xml_declaration' ],
		[ "$begin<inventory_items></inventory_items>", 400, 'empty' ],
		[ "$begin<items>$item</items>", 400, 'structure' ],
		[ "$begin$item", 400, 'structure' ],
		[
			"$begin<inventory_items><item></item></inventory_items>",
			400, 'structure'
		],
		[ "$begin<inventory_items>x$item</inventory_items>", 400, 'structure' ],
		[
			"$begin<inventory_items a='1'>$item</inventory_items>",
			400, 'structure'
		],
		[
			"$begin<inventory_items xmlns='urn:x'>$item</inventory_items>",
			400, 'structure'
		],
		[
			"$begin<inventory_items><inventory_item><upc><b>1</b></upc>"
			  . '</inventory_item></inventory_items>',
			400, 'structure'
		],
		[
			"$begin<!DOCTYPE x><inventory_items>$item</inventory_items>",
			400, 'structure'
		],
		[ "$begin<inventory_items>$item", 400, 'xml' ],
		[ "$begin<inventory_items>&nbsp;$item</inventory_items>", 400, 'xml' ],
		[
			"$begin<inventory_items><inventory_item><upc>\xff</upc>"
			  . '</inventory_item></inventory_items>',
			400, 'utf8'
		],
		[
			'<?xml version="1.0" encoding="ISO-8859-1"?>'
			  . "<inventory_items>$item</inventory_items>",
			400, 'encoding'
		],
		[
			"$begin<inventory_items><inventory_item><upc>1</upc><upc>2</upc>"
			  . '</inventory_item></inventory_items>',
			400, 'field_twice'
		],
		[ '', 400, 'xml_declaration xml' ]);
	my @json = (
		[ '{"inventory_items":{"inventory_item":{}}}', 400, 'structure' ],
		[ '{"inventory_items":{"inventory_item":[]}}', 400, 'empty' ],
		[ '{"inventory_items":[1]}', 400, 'structure' ],
		[ '{"inventory_items":[],"x":1}', 400, 'structure' ],
		[ '[{"upc":"1","inventory":1}]', 400, 'structure' ],
		[ '{"inventory_items":[', 400, 'json' ],
		[ "{\"inventory_items\":[{\"upc\":\"\xff\"}]}", 400, 'utf8' ]);

	foreach my $case (@xml, @json)
	{
		my ($body, $status, $rule) = @$case;
		my $format = $body =~ /^[{\[]/ ? 'json' : 'xml';
		my $what = $body =~ s/<.xml.*?>//r;

		is(bulk($body, format => $format)->{status}, $status, $what);
		is(rules(), $rule, "$what: violation");
		$joor->reset('violations');
	}

	$joor->reset('inventory');
	is(bulk(xml_body({ %ONE, upc => 'a&amp;b&lt;&#xe9;' }))->{status},
		200, 'entities of XML');
	is_deeply(stock(), { "a&b<\x{e9}" => '7' }, 'are read');
};

subtest 'what JOOR knows' => sub {
	start_again(
		any_sku => 0,
		upcs => [ '0001', 'A' ],
		skus => [
			{
				upc => '99',
				style_number => 'S',
				style_identifier => 'I',
				style_id => 5,
				color_code => '001',
				style_color_id => 6,
				size => 'M',
				size_code => 'mm'
			}
		],
		warehouses => ['East'],
		reject => ['A']);

	is( statuses(
			bulk(
				xml_body(
					{ upc => '0001', inventory => 1, warehouse => 'East' },
					{ upc => '1', inventory => 2, warehouse => 'East' },
					{ upc => 'a', inventory => 2, warehouse => 'East' },
					{ upc => 'A', inventory => 2, warehouse => 'East' },
					{ upc => '0001', inventory => 3, warehouse => 'east' },
					{ upc => '0001', inventory => 4 }))),
		'pass fail fail fail pass pass',
		'unknown, unlike in case, rejected');
	is_deeply(
		stock(),
		{
			'0001/East' => '1',
			'0001/east' => '3 lost',
			'0001' => '4 lost'
		},
		'unknown warehouses pass, and lose the quantity');

	my @identities;
	foreach my $style ({ style_number => 'S', style_identifer => 'I' },
		{ style_id => 5 })
	{
		foreach my $color ({ color_code => '001' }, { style_color_id => 6 })
		{
			push @identities, { %$style, %$color, %$_ }
			  foreach { size => 'M' }, { size_code => 'mm' };
		}
	}
	$joor->reset('inventory');
	is(statuses(bulk(xml_body({ upc => '99', inventory => 0 }))),
		'pass', 'UPC');
	is(statuses(bulk(xml_body({ %{ $identities[$_] }, inventory => $_ + 1 }))),
		'pass', "mixed keys $_")
	  foreach 0 .. $#identities;
	is(scalar(@{ $joor->state('main') }), 1, 'all of them the same SKU');
	is($joor->state('main')->[0]{inventory}, 8, 'and the last wins');
	is(rules(), '', 'no violation');

	bulk(xml_body(
		{ upc => '0001', inventory => 1 }, { upc => '0001', inventory => 2 }));
	is(rules(), 'position_twice', 'a position twice in a call');
	is(stock()->{'0001'}, '2 lost', 'the last wins');
};

subtest 'overwrite, made to order, pending' => sub {
	start_again();
	bulk(xml_body(
		{ upc => 'a', inventory => 1 }, { upc => 'b', inventory => 2 }));
	bulk(xml_body(
			{ upc => 'b', inventory => 3 }, { upc => 'c', inventory => 0 }),
		query => '?overwrite=1');
	is_deeply(
		stock(),
		{ a => 'none mto', b => '3', c => '0' },
		'what an overwrite leaves out becomes made to order');
	bulk(xml_body({ upc => 'a', inventory => 4 }));
	is(stock()->{a}, '4 mto', 'made_to_order left out leaves it as it is');
	bulk(xml_body({ upc => 'a', inventory => 5, made_to_order => 'false' }));
	is(stock()->{a}, '5', 'false ends it');
	bulk(xml_body({ upc => 'a', inventory => 6, made_to_order => 'true' }));
	is(stock()->{a}, 'none mto', 'true clears the inventory');

	is(bulk(xml_body(), query => '?overwrite=1')->{status},
		400, 'an empty overwrite is refused');
	$joor->account('main', empty_allowed => 1);
	is(bulk(xml_body(), query => '?overwrite=1')->{status},
		200, 'unless taken');
	is_deeply(
		stock(),
		{ a => 'none mto', b => 'none mto', c => 'none mto' },
		'and then it empties the account');

	start_again(pending =>
		  [ { upc => 'a', inventory => 4 }, { upc => 'b', inventory => 5 } ]);
	is_deeply(stock(), {}, 'what orders hold is no position');
	bulk(xml_body(
			{ upc => 'a', inventory => 10 }, { upc => 'b', inventory => 3 }),
		query => '?dec_pending=1');
	is_deeply(stock(), { a => '6', b => '-2' }, 'pending is subtracted');
	bulk(xml_body({ upc => 'a', inventory => 10 }), query => '?dec_pending=0');
	is(stock()->{a}, '10', 'or not');

	$joor->set_state('main', { upc => 'a', inventory => 9 });
	is(stock()->{a}, '9', 'JOOR itself changes a position');
	is($joor->state_tsv('main'),
		"Default\t\\N\ta\ta" . "\t\\N" x 7 . "\t9\tf\tf\n"
		  . "Default\t\\N\tb\tb" . "\t\\N" x 7 . "\t-2\tf\tf\n",
		'positions for COPY');
};

subtest 'refused bodies' => sub {
	start_again(poison => [ 'b', 'S-I-C-M' ]);
	my @items = map { { upc => $_, inventory => 1 } } 'a' .. 'd';

	is(bulk(xml_body(@items))->{status}, 400, 'a poisoned body');
	is_deeply(stock(), {}, 'nothing of it is taken');
	is(bulk(xml_body(@items[ 0, 2, 3 ]))->{status}, 200, 'without the poison');
	$joor->account('main', poison_status => 200, poison_code => 17);
	my $answer = bulk(xml_body(@items));
	is($answer->{status}, 200, 'refused by its code alone');
	is($answer->{json}{inventory}{response}{code}, 17, 'the code');
	is(stock()->{b}, undef, 'nothing of it is taken');

	start_again(max_bytes => length($one), max_items => 1);
	is(bulk($one)->{status}, 200, 'a body of the largest size');
	is(bulk(xml_body({ upc => '1', inventory => 1 }, \%ONE))->{status},
		413, 'a larger one');
	$joor->account('main', max_bytes => 0);
	is(bulk(xml_body({ upc => '1', inventory => 1 }, \%ONE))->{status},
		413, 'more items');
	is(rules(), 'too_large', 'the larger one is flagged');
};

subtest 'wording of the answer' => sub {
	my @two = ({ upc => 'a', inventory => 1 }, { upc => 'b', inventory => 1 });

	start_again(reject => ['b']);
	my %cases = (
		code_type => [ 'string', qr/"code":"0"/ ],
		code => [ 5, qr/"code":5/ ],
		comment => [ 'missing', qr/"response":\{"code":0,"log_id":/ ],
		comment_text => [ 'Done', qr/"comment":"Done"/ ],
		log_id => [ 'missing', qr/"response":\{"code":0,"comment":""\}/ ],
		log => [ 'missing', qr/"sku_count":1\}\}$/ ],
		sku_count => [ 'missing', qr/\},"inventory_log"/ ],
		sku => [ 'missing', qr/\[\{"inventory_log_id"/ ],
		root => [ 'bulk', qr/^\{"bulk":/ ],
		wrapped => [ 0, qr/^\{"response":/ ],
		pass => [ 'Success', qr/"status":"Success".*"status":"fail"/ ],
		fail => [ 'other', qr/"status":"pass".*"status":"other"/ ]);

	foreach my $name (sort keys %cases)
	{
		my ($value, $pattern) = @{ $cases{$name} };

		$joor->fault(answer => { $name => $value });
		like(bulk(xml_body(@two))->{content}, $pattern, "$name $value");
	}
	my $answer = sub {
		$joor->fault(answer => {@_});
		return bulk(xml_body(@two))->{json}{inventory};
	};
	like($answer->(response => 'text')->{response}, qr/^[0-9a-f-]{36}$/,
		'the log id as a bare string');
	is($answer->(response => 'missing')->{response}, undef, 'no response');
	is($answer->(sku_count => 'fewer')->{sku_count}, 0, 'fewer');
	is(scalar(@{ $answer->(log => 'short')->{inventory_log} }), 1, 'short log');
	is(scalar(@{ $answer->(log => 'empty')->{inventory_log} }), 0, 'empty log');
	is($answer->(log => 'reversed')->{inventory_log}[0]{sku}, 'b', 'reversed');
	$joor->fault(answer => { single_list => 0 });
	is(bulk($one)->{json}{inventory}{inventory_log}{sku},
		'0001', 'a list of one as an object');
	like(bulk(xml_body({ upc => 'b', inventory => 1 }))->{content},
		qr/"status":"fail"/, 'rejected items fail');
	$joor->account('main', answer => { pass => 'ok' });
	is(statuses(bulk($one)), 'ok', 'a wording of the account');
};

subtest 'credits' => sub {
	start_again(credits => 11, window => 300, retry_after => 'seconds');
	$joor->account('other', token => 'other', any_sku => 1);
	is(bulk($one)->{headers}{'x-throttling-remaining'}, 6, 'a write costs 5');
	is($http->get($joor->url . '/style?count=1', { headers => headers('xml') })
		  ->{headers}{'x-throttling-remaining'}, 5, 'a read costs 1');
	is(bulk($one)->{status}, 200, 'the last credits');
	my $refused = bulk($one);
	is($refused->{status}, 429, 'out of credits');
	like($refused->{headers}{'retry-after'}, qr/^(299|300)$/, 'Retry-After');
	is($joor->summary->{refused}, 1, 'counted');
	ok(!$joor->calls(status => 429)->[0]{applied}, 'not applied');
	is(bulk($one, headers => { Authorization => 'OAuth2 b3RoZXI=' })->{status},
		200, 'another account has its own');

	$joor->refill;
	is(bulk($one)->{status}, 200, 'the next window');
	is($joor->account_info('main')->{credits}, 6, 'is refilled whole');
	bulk($one) foreach 1 .. 2;
	$joor->account('main', credits => 15);
	is(bulk($one)->{status}, 429, 'a refused call counted too');
	$joor->account('main', retry_after => 'date');
	like(bulk($one)->{headers}{'retry-after'},
		qr/^\w\w\w, \d\d \w\w\w \d{4} \d\d:\d\d:\d\d GMT$/, 'a date');
	$joor->account('main', retry_after => 'off');
	is(bulk($one)->{headers}{'retry-after'}, undef, 'no Retry-After');

	start_again(credits => 5, window => 0.05);
	is(bulk($one)->{status}, 200, 'a short window');
	my $waited = time() + DEADLINE;
	my $answer;
	do { $answer = bulk($one) }
	  while ($answer->{status} == 429 && time() < $waited);
	is($answer->{status}, 200, 'ends by itself');
};

subtest 'faults: statuses' => sub {
	start_again();
	$joor->fault(status => 503, after => 1, times => 2, retry_after => 7,
		name => 'busy');
	$joor->fault(status => 500, account => 'another');
	$joor->fault(status => 502, operation => 'read');
	$joor->fault(status => 422, applied => 1);
	is(join(' ', map { bulk($one)->{status} } 1 .. 5),
		'200 503 503 422 200', 'a script of faults');
	is($http->get($joor->url . '/style?count=1', { headers => headers('xml') })
		  ->{status}, 502, 'of one operation');
	is(scalar(@{ $joor->faults }), 1, 'one is left, of another account');
	my $calls = $joor->calls;
	is($calls->[1]{fault}, 'busy', 'the log names the fault');
	is_deeply(
		[ map { $_->{applied} ? 1 : 0 } @$calls[ 0 .. 4 ] ],
		[ 1, 0, 0, 1, 1 ],
		'and knows what took effect');
	$joor->clear_faults;

	$joor->fault(status => 429, retry_after => 'Wed, 21 Oct 2015 07:28:00 GMT',
		headers => { 'X-Throttling-Foo' => 'bar' });
	my $answer = bulk($one);
	is($answer->{headers}{'retry-after'}, 'Wed, 21 Oct 2015 07:28:00 GMT',
		'Retry-After as a date');
	is($answer->{headers}{'x-throttling-foo'}, 'bar', 'more headers');

	foreach my $status (301, 302, 307, 308)
	{
		$joor->fault(status => $status);
		$answer = bulk($one, http => $lonely);
		is($answer->{status}, $status, "redirect $status");
		is($answer->{headers}{location}, $joor->trap_url, 'to the trap');
	}
	is($joor->trap, 0, 'the trap is empty');
	$lonely->get($joor->trap_url);
	is($joor->trap, 1, 'and notices a visit');

	$joor->fault(status => 999);
	is(bulk($one, http => $lonely)->{status}, 999, 'any status');
	ok(!eval { $joor->fault(colour => 'red') }, 'an unknown field is told');
	like($@, qr{there is no .*colour}, 'by its name');
	ok(!eval { $joor->fault(cut => 'here') }, 'an unknown word is told');
};

subtest 'faults: bodies' => sub {
	start_again();
	my %body = (
		empty => qr/^$/,
		garbage => qr/^.{1000}$/s,
		html => qr/<html>/,
		invalid_utf8 => qr/\xc3\x28/,
		nul => qr/a\0b/,
		deep => qr{^\[{60000}\[*\]{60000}\]*$});

	foreach my $kind (sort keys %body)
	{
		$joor->fault(body_kind => $kind);
		my $answer = bulk($one);

		is($answer->{status}, 200, "$kind: status");
		like($answer->{content}, $body{$kind}, "$kind: body");
	}
	my $xml = { Accept => 'application/xml' };
	$joor->fault(body_kind => 'entity_bomb');
	like(bulk($one, headers => $xml)->{content}, qr/&e9;/, 'entity bomb');
	$joor->fault(body_kind => 'external_entity');
	like(bulk($one, headers => $xml)->{content},
		qr/SYSTEM "\Q@{[$joor->trap_url]}\E"/, 'external entity');
	$joor->fault(
		body_kind => 'external_entity',
		target => 'file:///etc/passwd');
	like(bulk($one, headers => $xml)->{content},
		qr/SYSTEM "file:/, 'external entity of a file');
	$joor->fault(body_kind => 'deep', size => 10);
	like(bulk($one, headers => $xml)->{content},
		qr{\?>\n(<a>){10}(</a>){10}$}, 'deep XML');

	$joor->fault(body => 'Oops', status => 500, content_type => 'text/plain');
	my $answer = bulk($one);
	is($answer->{content}, 'Oops', 'any text');
	is($answer->{headers}{'content-type'}, 'text/plain', 'any type');
	$joor->fault(body_base64 => encode_base64("\0\1\2", ''));
	is(bulk($one)->{content}, "\0\1\2", 'any bytes');
	$joor->fault(content_type => 'application/xml');
	$answer = bulk($one);
	is($answer->{headers}{'content-type'}, 'application/xml', 'announces XML');
	like($answer->{content}, qr/^\{/, 'and is JSON');
	$joor->fault(content_type => 'none');
	is(bulk($one)->{headers}{'content-type'}, undef, 'no type');

	$joor->fault(body_kind => 'huge', size => 3_000_000);
	is(length(bulk($one, http => $lonely)->{content}), 3_000_000, 'huge');
	$joor->fault(body_kind => 'endless');
	my $got = raw(raw_bulk($one), until => sub { length $_[0] > 2_000_000 });
	is($got->{end}, 'open', 'endless');
	my $endless = $joor->calls->[-1]{number};
	close($got->{socket});
	ok($joor->wait_for(ended => 1, since => $endless - 1),
		'until the client goes');
};

subtest 'faults: on the wire' => sub {
	start_again();
	my $request = raw_bulk($one);
	my @cases = (
		[ { cut => 'before_body' }, qr/^$/, 'reset', 0 ],
		[ { cut => 'in_body' }, qr/^$/, 'reset', 0 ],
		[ { cut => 'before_answer' }, qr/^$/, 'reset', 1 ],
		[ { cut => 'before_answer', applied => 0 }, qr/^$/, 'reset', 0 ],
		[ { cut => 'before_answer', how => 'close' }, qr/^$/, 'eof', 1 ],
		[ { cut => 'in_headers' }, qr/^HTTP(?!.*\r\n\r\n)/s, 'reset', 1 ],
		[ { cut => 'in_answer' }, qr/\r\n\r\n\{.*[^}]$/s, 'reset', 1 ],
		[
			{ cut => 'in_answer', how => 'close', cut_after => 12 },
			qr/\r\n\r\n.{12}$/, 'eof', 1
		],
		[ { cut => 'after_answer' }, qr/\}$/, 'reset', 1 ],
		[
			{
				cut => 'after_answer',
				body_kind => 'huge',
				size => 1_000_000
			},
			qr/\r\n\r\nx+$/, 'reset', 1
		],
		[
			{ content_length => 1000 },
			qr/Content-Length: 1000\r\n.*\}$/s, 'eof', 1
		],
		[ { content_length => 3 }, qr/Content-Length: 3\r\n.*\}$/s, 'eof', 1 ],
		[ { http10 => 1 }, qr{^HTTP/1\.0 200 .*\}$}s, 'eof', 1 ],
		[
			{ chunked => 1 },
			qr/chunked\r\n\r?\n?.*\r\n[0-9a-f]+\r\n\{.*\r\n0\r\n\r\n$/s,
			'eof', 1
		],
		[
			{ slow_bytes => 100, slow_interval => 0.005 },
			qr/^HTTP.*\}$/s, 'eof', 1
		]);

	foreach my $case (@cases)
	{
		my ($fault, $bytes, $end, $applied) = @$case;
		my $what = join ' ', map { "$_=$fault->{$_}" } sort keys %$fault;

		$joor->reset('calls', 'inventory');
		$joor->fault(%$fault);
		my $got = raw($request);

		like($got->{bytes}, $bytes, "$what: bytes");
		is($got->{end}, $end, "$what: end");
		ok($joor->wait_for(ended => 1, timeout => DEADLINE), "$what: ended");
		is(scalar keys %{ stock() }, $applied, "$what: effect");
	}

	# A client that has not sent all of the body.
	$joor->fault(cut => 'before_body');
	my $got = raw(substr($request, 0, -1));
	is($got->{end}, 'reset', 'reset while the client sends');
	$joor->fault(status => 413, early => 1);
	$got = raw(substr($request, 0, -1));
	like($got->{bytes}, qr{^HTTP/1.1 413}, 'answered while the client sends');

	$joor->fault(cut => 'in_answer', how => 'half_close');
	$got = raw($request);
	is($got->{end}, 'eof', 'half-closed');
	ok(syswrite($got->{socket}, 'x') && syswrite($got->{socket}, 'y'),
		'and still open for the client');
	is(scalar(@{ $joor->calls(status => 200) }) > 0, 1, 'the log has it');
};

subtest 'faults: pauses' => sub {
	start_again();
	my $begin = time();
	$joor->fault(delay => 0.1);
	is(bulk($one)->{status}, 200, 'a delayed answer');
	cmp_ok(time() - $begin, '>=', 0.1, 'is late');

	# One that is held delays nobody else, and ends when it is let go.
	$joor->reset('calls', 'inventory');
	$joor->fault(hold => 1, name => 'held');
	my $socket = IO::Socket::INET->new(
		PeerAddr => '127.0.0.1',
		PeerPort => $joor->port);
	syswrite($socket, raw_bulk($one, Connection => 'close'));
	ok($joor->wait_for(held => 1), 'a call is held');
	is(bulk(xml_body({ upc => 'x', inventory => 1 }))->{status},
		200, 'another is not');
	is($joor->calls->[-1]{abreast}, 1, 'and was beside it');
	$joor->release;
	ok(IO::Select->new($socket)->can_read(DEADLINE), 'let go');
	sysread($socket, my $answer, 100_000);
	like($answer, qr{^HTTP/1.1 200}, 'and answered');

	# The client gives up, and the call takes effect all the same, later.
	$joor->reset('calls', 'inventory');
	$joor->fault(hold => 1, applied => 'late');
	$socket = IO::Socket::INET->new(
		PeerAddr => '127.0.0.1',
		PeerPort => $joor->port);
	syswrite($socket, raw_bulk($one));
	ok($joor->wait_for(held => 1), 'held before it takes effect');
	is_deeply(stock(), {}, 'no effect yet');
	close($socket);
	ok($joor->wait_for(ended => 1), 'the client goes');
	is_deeply(stock(), { '0001' => '7' }, 'the effect comes late');
	is($joor->calls->[0]{status}, 0, 'without an answer');

	# One that is forgotten goes on, and is not taken for another.
	$joor->reset('calls', 'inventory');
	$joor->fault(hold => 1, applied => 'late');
	$socket = IO::Socket::INET->new(
		PeerAddr => '127.0.0.1',
		PeerPort => $joor->port);
	syswrite($socket, raw_bulk($one, Connection => 'close'));
	ok($joor->wait_for(held => 1), 'held again');
	$joor->reset('calls');
	is($joor->summary->{$_}, 0, "forgotten: $_") foreach qw(calls under_way held);
	is_deeply($joor->calls, [], 'forgotten: not listed');
	$joor->release;
	ok(IO::Select->new($socket)->can_read(DEADLINE), 'let go, too');
	sysread($socket, $answer, 100_000);
	like($answer, qr{^HTTP/1.1 200}, 'and answered, too');
	is_deeply(stock(), { '0001' => '7' }, 'and taken');
	is($joor->summary->{calls}, 0, 'but not counted');
};

subtest 'log' => sub {
	start_again();
	$joor->account('other', token => 'other', any_sku => 1);
	my @mine = map { bulk($one) } 1 .. 3;
	bulk($one, headers => { Authorization => 'OAuth2 b3RoZXI=' });
	is(scalar(@{ $joor->calls(account => 'main') }), 3, 'by account');
	is(scalar(@{ $joor->calls(since => $joor->calls->[1]{number}) }),
		2, 'since a number');
	my $call = $joor->calls->[0];
	is($call->{log_id}, $mine[0]{json}{inventory}{response}{log_id}, 'log id');
	cmp_ok($call->{arrived}, '<=', $call->{booked}, 'arrived, then booked');
	cmp_ok($call->{booked}, '<=', $call->{ended}, 'then ended');
	cmp_ok(abs($call->{arrived} / 1e6 - time()), '<', 60, 'by the clock');
	is($joor->summary->{operations}{bulk}, 4, 'summary');
	is($joor->summary(account => 'other')->{items}, 1, 'summary of an account');
	ok(!$joor->wait_for(arrived => 5, timeout => 0.01), 'waits no longer');
	ok(!eval { $joor->state('nobody') }, 'an unknown account is told');
	$joor->drop_account('other');
	is(bulk($one, headers => { Authorization => 'OAuth2 b3RoZXI=' })->{status},
		401, 'a dropped account');
	$joor->account('caf\x{e9}/1', token => 'x');
	is($joor->account_info('caf\x{e9}/1')->{credits}, 300, 'any name');
};

# What openssl's client gets for a request, or its complaint.
sub over_tls
{
	my ($server, @options) = @_;
	my ($output, $errors) = ('', '');
	my $request = File::Temp->new;

	# From a file, for it may refuse the certificate before it reads.
	print {$request} raw_bulk($one, Connection => 'close');
	close($request);
	run([
			'openssl', 's_client', '-quiet', '-connect',
			'127.0.0.1:' . $server->port, '-CAfile', $server->ca_file,
			'-verify_return_error', '-verify_hostname', 'localhost',
			'-ign_eof', @options
		],
		'<', $request->filename, '>', \$output, '2>', \$errors,
		timeout(DEADLINE));
	return $output . $errors;
}

subtest 'TLS' => sub {
	my $secure = JoorSimulator->new(tls => 1);

	like($secure->url, qr{^https://localhost:\d+/v2$}, 'address');
	$secure->account('main', token => TOKEN, any_sku => 1);
	like(over_tls($secure), qr{^HTTP/1.1 200}m, 'a call');
	$secure->fault(cut => 'in_answer', cut_after => 13);
	like(over_tls($secure), qr/\n\{"inventory":(?!\{)/, 'a cut answer');
	$secure->fault(content_length => 5000);
	like(over_tls($secure), qr/Content-Length: 5000/, 'a wrong length');
	is(scalar(@{ $secure->calls(status => 200) }), 3, 'the log');

	my %complaint = (
		expired => qr/expired/,
		wrong_host => qr/hostname mismatch/i,
		self_signed => qr/self.signed/);
	foreach my $cert (sort keys %complaint)
	{
		my $server = JoorSimulator->new(tls => 1, cert => $cert);

		like(over_tls($server), $complaint{$cert}, $cert);
		is_deeply($server->calls, [], "$cert: no call");
	}
};

subtest 'life' => sub {
	my $second = JoorSimulator->new;
	my $pid = $second->pid;

	isnt($second->port, $joor->port, 'a port of its own');
	ok(kill(0, $pid), 'it runs');
	is($second->stop, 0, 'ends well');
	ok(!kill(0, $pid), 'and is gone');

	# A held call does not delay the end.
	$second = JoorSimulator->new;
	$second->account('main', token => TOKEN, any_sku => 1);
	$second->fault(hold => 1);
	my $socket = IO::Socket::INET->new(
		PeerAddr => '127.0.0.1',
		PeerPort => $second->port);
	syswrite($socket, raw_bulk($one));
	ok($second->wait_for(held => 1), 'a call is held');
	is($second->stop, 0, 'ends all the same');

	my ($output, $errors);
	run([ JoorSimulator::program(), '--help' ], '>', \$output);
	like($output, qr/PUT \/account.*max_bytes/s, 'help');
	ok(!run([ JoorSimulator::program(), '--colour' ], '2>', \$errors),
		'an unknown option');
	run([ JoorSimulator::program(), '--exit-with-stdin' ],
		'<', \'', '>', \$output, timeout(DEADLINE));
	like($output, qr/^\d+ \d+$/, 'ends with its input');
};

is($joor->stop, 0, 'the simulator ends well');
done_testing();
