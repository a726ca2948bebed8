/*-------------------------------------------------------------------------
 *
 * queue.h
 *	  joor.queue_item: items that wait to be sent.
 *
 * Words: an entry is a row of the queue, one item as it was enqueued.  Of the
 * entries for one position only the latest, the one with the highest id, is
 * ever sent; the older ones leave the queue with it.  An entry stays until
 * the request that carries it, or a later one, is acknowledged.
 *
 * Adding never waits for another transaction: there is no unique key but the
 * id, and entries are inserted past SPI.  A transaction has its xid before it
 * takes an id, so that a reader can tell when no entry with a lower id can
 * turn up any more; see JoorQueueScan.
 *
 * Floor 4.
 *
 * IDENTIFICATION
 *	  src/queue.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef JOOR_QUEUE_H
#define JOOR_QUEUE_H

#include "item.h"
#include "queue_scan.h"
#include "tables.h"

#include "nodes/pg_list.h"

/* The entries of a batch, an array for each thing, in the same order. */
typedef struct JoorQueueBatch
{
	JoorItem *items; /* the latest of each position; not yet checked */
	int64	 *ids;	 /* of these entries */
	int64	 *hashes;
	int		  count;
	bool	  dec_pending; /* of all of them */
} JoorQueueBatch;

typedef struct JoorQueueWriter JoorQueueWriter;

/*
 * Adds checked items, in the caller's transaction.  since: the entry of changed
 * keys that they come from, so that joor.wait() waits for them as for it; 0:
 * of none.  Begin, any number of add,
 * end; an error in between ends it with the transaction.
 */
extern JoorQueueWriter *joor_queue_begin(Oid serverid, const char *server,
										 bool dec_pending, int64 since);
extern void joor_queue_add(JoorQueueWriter *writer, const JoorItem *item);
extern void joor_queue_end(JoorQueueWriter *writer);

/*
 * All below are called with joor_tables_open().
 */

/*
 * Servers that have entries, or whose feeds have, a list of Oid that lives as
 * long as the transaction.
 */
extern List *joor_queue_servers(void);

/*
 * Reads the latest entries of at most max_items positions, those that have
 * waited longest first; all with the same dec_pending.  held: hashes of
 * positions that are left out.  Allocated in the current memory context;
 * items' texts are UTF-8.  No entries: count is 0.
 */
extern void joor_queue_read(Oid serverid, int max_items, const int64 *held,
							int nheld, JoorQueueScan *scan,
							JoorQueueBatch *batch);

/* The lowest id of an account's entries; 0: there is none. */
extern int64 joor_queue_first(Oid serverid, const JoorQueueScan *scan);

/* Reads the latest entries of given positions, by their hashes. */
extern void joor_queue_read_positions(Oid serverid, const int64 *hashes,
									  int count, JoorQueueBatch *batch);

/*
 * Reads the items of open rejections of a server; the arguments are its Oid
 * and an array of rejection ids.
 */
extern void joor_queue_read_rejections(JoorArgs *args, JoorQueueBatch *batch);

/* Deletes entries and all older ones of the same positions. */
extern void joor_queue_delete(Oid serverid, const int64 *hashes,
							  const int64 *ids, int count);

/*
 * Deletes the entries of given positions that a snapshot sees.  What was not
 * committed by then may be newer than what was read in it, and stays.
 */
extern void joor_queue_supersede(Oid serverid, const int64 *hashes, int count,
								 const char *snapshot);

/*
 * The current snapshot as text, palloc'd, for joor_queue_supersede().  Opens
 * the tables itself.
 */
extern char *joor_queue_snapshot(void);

/* Highest id that was given out so far; 0: none.  Opens the tables itself. */
extern int64 joor_queue_last_id(void);

/*
 * Whether an account, or one of its feeds, has entries up to an id.  Of those
 * that have no number yet, joor_changes_unnumbered() tells.
 */
extern bool joor_queue_has(Oid serverid, int64 last_id);

/*
 * After a dump was restored, or a server made anew: entries are those of the
 * server whose name they carry, those of feeds that joor_feed_adopt() has made
 * the server's.  Called when an account is activated in a database where it
 * was not.
 */
extern void joor_queue_adopt(Oid serverid, const char *server);

#endif /* JOOR_QUEUE_H */
