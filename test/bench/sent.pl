# Prints the items that reached the simulator, tab-separated, one a line: when
# their request arrived and when it was answered, in seconds of the epoch, UPC
# and inventory.  Of the last hundred requests, in JSON of the flat shape.
#
#   perl test/bench/sent.pl CONTROL_PORT ACCOUNT
use strict;
use warnings;

use HTTP::Tiny;
use JSON::PP qw(decode_json);

my ($port, $account) = @ARGV;
my $http = HTTP::Tiny->new(proxy => undef, http_proxy => undef, timeout => 120);

sub get
{
	my ($path) = @_;
	my $answer = $http->get("http://127.0.0.1:$port$path");
	die "$path: $answer->{status} $answer->{content}\n" unless $answer->{success};
	return decode_json($answer->{content});
}

foreach my $call (@{ get("/calls?account=$account&operation=bulk&status=200") })
{
	foreach my $item (@{ get("/body/$call->{number}")->{inventory_items} })
	{
		printf "%.6f\t%.6f\t%s\t%d\n", (map { $_ / 1e6 } @$call{qw(arrived ended)}), @$item{qw(upc inventory)};
	}
}
