/*-------------------------------------------------------------------------
 *
 * change_queue.h
 *	  Reads and deletes what joor.queue_change holds of a feed.
 *
 * Words: changes are the rows that a reader took up, and their distinct keys,
 * numbered in the order in which they wait.  A key is done when what the feed
 * says of it has been acknowledged by JOOR; rows whose keys are all done leave
 * the queue.  Rows that came later, also for the same keys, are not touched.
 *
 * A row has no number when it is written, and gets one by the worker that is
 * about to read: so a commit pays for no index and no sequence.  Only rows
 * with a number are read; all functions that delete see the others, too.
 *
 * All functions are called with joor_tables_open().
 *
 * Floor 4: the SQL text of joor.queue_change stands here.
 *
 * IDENTIFICATION
 *	  src/change_queue.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef JOOR_CHANGE_QUEUE_H
#define JOOR_CHANGE_QUEUE_H

#include "queue_scan.h"
#include "tables.h"

typedef struct JoorChangeRow
{
	int64 id;
	int	  part;
	int	  first_key; /* lowest number of its keys */
	int	  last_key;	 /* highest; INT_MAX: there are keys that were not taken */
} JoorChangeRow;

typedef struct JoorChanges
{
	bool		   everything; /* may have changed; it is the only row */
	char		 **keys;	   /* texts in the server's encoding */
	int			   nkeys;
	JoorChangeRow *rows;
	int			   nrows;
} JoorChanges;

/*
 * Gives numbers to rows of an account's feeds that have none, many at a time,
 * in about the order in which they came.  Rows that another transaction has
 * locked are left for the next time.
 */
extern void joor_changes_number(Oid serverid);

/*
 * Whether an account's feeds have rows without a number, of transactions that
 * began before one.
 */
extern bool joor_changes_unnumbered(Oid serverid, uint64 before_xid);

/* The lowest id that waits; 0: nothing does. */
extern int64 joor_changes_first(const char *feed, const JoorQueueScan *scan);

/*
 * Takes up at most max_keys keys, those that have waited longest first, with
 * all rows met on the way; and rows beyond that have these keys, too, as long
 * as they are frequent.  An entry that says everything is taken up alone.
 * Allocated in the current memory context.
 */
extern void joor_changes_read(const char *feed, int max_keys,
							  JoorQueueScan *scan, JoorChanges *changes);

/* The first `done` keys are done. */
extern void joor_changes_delete(const char *feed, const JoorChanges *changes,
								int done);

/*
 * All of the feed was sent as of a snapshot, or is queued as the keys of one
 * entry: rows that the snapshot sees are done, but for these keys (0: none).
 */
extern void joor_changes_supersede(const char *feed, const char *snapshot,
								   int64 entry);

/* Deletes rows that are an hour old, of feeds that are no more. */
extern void joor_changes_expire(void);

/*
 * Adds a row of keys to the entry of a row; parts are numbered
 * from 1.  So an entry of everything becomes one of many keys, and keeps its
 * place.
 */
extern void joor_changes_put(const char *feed, const JoorChangeRow *row,
							 int part, char *const *keys, int nkeys);

#endif /* JOOR_CHANGE_QUEUE_H */
