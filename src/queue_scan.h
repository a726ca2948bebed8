/*-------------------------------------------------------------------------
 *
 * queue_scan.h
 *	  Where a reader of the queue begins.
 *
 * Entries that were consumed stay behind in the table and its indexes as long
 * as any snapshot might see them; a reader that began at the first id each
 * time would walk over all of them.  It may skip the ids up to `begin`, for
 * there is no entry left: all transactions that could have added one have
 * ended, and what they added has been read.  Whoever adds an entry has an xid
 * before he takes an id.
 *
 * Floor 3: knows no table.
 *
 * IDENTIFICATION
 *	  src/queue_scan.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef JOOR_QUEUE_SCAN_H
#define JOOR_QUEUE_SCAN_H

#include "compat.h"

#include "access/transam.h"

typedef struct JoorQueueScan
{
	int64		  begin;   /* ids up to this one are done */
	int64		  decided; /* no entry up to this id can turn up any more */
	int64		  watched; /* becomes decided when ... */
	TransactionId horizon; /* ... all transactions before this one ended;
							* invalid: nothing is watched */
} JoorQueueScan;

/*
 * Moves the beginning of a scan on, after a walk in the active snapshot.
 * first_id: the first entry there is now; 0: none.  last_id: the highest id
 * seen.
 */
extern void joor_queue_scan_advance(JoorQueueScan *scan, int64 first_id,
									int64 last_id);

#endif /* JOOR_QUEUE_SCAN_H */
