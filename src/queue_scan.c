/*-------------------------------------------------------------------------
 *
 * queue_scan.c
 *	  Where a reader of the queue begins.
 *
 * Floor 3.
 *
 * IDENTIFICATION
 *	  src/queue_scan.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "utils/snapmgr.h"

#include "queue_scan.h"

void
joor_queue_scan_advance(JoorQueueScan *scan, int64 first_id, int64 last_id)
{
	Snapshot snapshot = GetActiveSnapshot();
	int64	 done = first_id > 0 ? first_id - 1 : PG_INT64_MAX;

	scan->begin = Max(scan->begin, Min(scan->decided, done));
	if (TransactionIdIsValid(scan->horizon) &&
		TransactionIdFollowsOrEquals(snapshot->xmin, scan->horizon))
	{
		scan->decided = Max(scan->decided, scan->watched);
		scan->horizon = InvalidTransactionId;
	}
	if (!TransactionIdIsValid(scan->horizon) && last_id > scan->decided)
	{
		scan->watched = last_id;
		scan->horizon = snapshot->xmax;
	}
}
