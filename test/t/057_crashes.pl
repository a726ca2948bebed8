# Whatever process is killed while whatever is under way, JOOR has in the end
# what the queries say.
#
# Proves, by rounds in which four sessions mark, enqueue, push, sync, overwrite
# and activate over three accounts while the worker, a session or the
# postmaster gets a kill -9, that no item is lost, none is sent with an older
# quantity after a newer, no request is left open and no process crashes by
# itself.  The seed is printed; JOOR_SEED repeats it, as far as processes that
# run at the same time can be repeated; JOOR_ROUNDS makes it longer.

use strict;
use warnings;

use CrashCampaign;
use Test::More;

my $rounds = $ENV{JOOR_ROUNDS} || 20;
my $seed = $ENV{JOOR_SEED} || time;
my $campaign = CrashCampaign->new('crashes', $seed);

note("JOOR_SEED=$seed JOOR_ROUNDS=$rounds");
is(join("\n", $campaign->round($_)), '', "round $_ (seed $seed)") foreach 1 .. $rounds;
is(join("\n", $campaign->finish), '', 'no rule of JOOR was broken, nothing was rejected, no crash that was not ours');
my %total = $campaign->totals;
note("$_: $total{$_}") foreach sort keys %total;
done_testing();
