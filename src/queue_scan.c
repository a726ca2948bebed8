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

/*
 * The active snapshot may be older than what was walked: it still tells who
 * has ended.  Its xmax would not do for the horizon, since a transaction may
 * have its xid before others end, and be beyond it all the same.
 */
void
joor_queue_scan_advance(JoorQueueScan *scan, int64 first_id, int64 last_id)
{
	TransactionId xmin = GetActiveSnapshot()->xmin;
	int64		  done = first_id > 0 ? first_id - 1 : PG_INT64_MAX;

	scan->begin = Max(scan->begin, Min(scan->decided, done));
	if (TransactionIdIsValid(scan->horizon) &&
		TransactionIdFollowsOrEquals(xmin, scan->horizon))
	{
		scan->decided = Max(scan->decided, scan->watched);
		scan->horizon = InvalidTransactionId;
	}
	if (!TransactionIdIsValid(scan->horizon) && last_id > scan->decided)
	{
		scan->watched = last_id;
		scan->horizon = XidFromFullTransactionId(ReadNextFullTransactionId());
	}
}
