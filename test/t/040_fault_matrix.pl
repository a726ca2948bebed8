# Whatever JOOR answers, by whatever way items are sent: nothing is lost.
#
# Proves, for every status and every connection that breaks, for joor.push,
# joor.enqueue, a feed and joor.activate, in XML and in JSON: the outcome, the
# SQLSTATE, what joor.status says, and that once the fault is gone JOOR has
# what the query, the queue and the feed say, no quantity having been sent
# after a newer one.  Prints the table.  042_fault_answers.pl has the rest.

use strict;
use warnings;

use FaultMatrix;
use Test::More;

my $matrix = FaultMatrix->new('matrix');

$matrix->run($_) foreach $matrix->status_faults, $matrix->cut_faults;
$matrix->finish;
done_testing();
