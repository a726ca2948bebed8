# Strange answers, and what keeps a call from JOOR: nothing is lost.
#
# Proves what 040_fault_matrix.pl does for answers that cannot be read, do not
# end or are bombs, for names that do not resolve, ports that refuse, swallow
# or speak something else, and certificates that cannot be trusted.  Proves
# that a feed gets over a 200 that was not JOOR's.

use strict;
use warnings;

use FaultMatrix;
use Test::More;

my $matrix = FaultMatrix->new('answers');

$matrix->run($_) foreach $matrix->answer_faults, $matrix->network_faults;
$matrix->run_lie;
$matrix->finish;
done_testing();
