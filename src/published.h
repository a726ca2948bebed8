/*-------------------------------------------------------------------------
 *
 * published.h
 *	  joor.published_item: what JOOR acknowledged last for each position.
 *
 * Words: a row is acknowledged once a request with its position was a success
 * at JOOR; its quantity is that of the last such request.  A row of a feed is
 * there before that: intended, since the position was sent, or is about to
 * be.  So a position that a feed once sent is found again by its key, even
 * when no answer ever came.  A detached row has lost its key: the feed has
 * the position no more, and JOOR has acknowledged the 0, or never took any
 * other quantity.
 *
 * Invariants: only the holder of the account's place in the order of sends
 * writes rows of the account, and in the transaction that records a request,
 * so that no two processes write them at a time; but who drops a feed, when
 * nobody reads it any more.  Rows are written in the order of their hashes.  A position is known by its hash: of two that share
 * one, which is next to impossible, one row remains.
 *
 * A row without an acknowledgement is uncertain while a request of the feed
 * may have brought its position to JOOR, such as one whose answer never came;
 * that request's id, or 0 in a restored copy, stands in the row.  Without one
 * it is untaken: JOOR is known to have none of it.
 *
 * All but next and close of a cursor are called with joor_tables_open().
 *
 * Floor 4: the SQL text of joor.published_item stands here.
 *
 * IDENTIFICATION
 *	  src/published.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef JOOR_PUBLISHED_H
#define JOOR_PUBLISHED_H

#include "item.h"

/* A row as it is read. */
typedef struct JoorPublishedRow
{
	int64	 hash;
	bool	 acknowledged; /* else the item has no quantity */
	bool	 untaken;	   /* likewise, and JOOR has none of it */
	bool	 of_feed;	   /* that was asked for; it may be detached */
	JoorItem item; /* position and quantity, present but not yet checked; its
					* key, NULL: of no feed, or detached */
} JoorPublishedRow;

typedef struct JoorPublishedCursor JoorPublishedCursor;

/*
 * A feed is about to send checked items, each with its key: rows that are
 * missing are added, and all of these become rows of the feed and the key.
 * Those untaken are uncertain by this request.  Called before the request
 * leaves, in the transaction that writes its row.
 */
extern void joor_published_intend(Oid serverid, const char *server,
								  int64 request_id, const char *feed,
								  const JoorItem *items, int count);

/*
 * JOOR did not take these positions of a request: rows that are uncertain by
 * it alone are untaken again.
 */
extern void joor_published_refuse(Oid serverid, int64 request_id,
								  const int64 *hashes, int count);

/*
 * JOOR acknowledged checked items.  Feed and key of a row stay as they are.
 * An overwrite deletes all other rows of the account, since what it left out
 * is published no longer.
 */
extern void joor_published_record(Oid serverid, const char *server,
								  int64 request_id, bool overwrite,
								  const JoorItem *const *items, int count);

/*
 * Positions are gone, and JOOR acknowledged the 0, or has none of them: no key
 * any more.
 */
extern void joor_published_detach(Oid serverid, const int64 *hashes, int count);

/*
 * A feed is dropped: its rows, of any account, become rows of no feed.  Waits
 * for a request that is being recorded, not for one that is in flight.
 */
extern void joor_published_forget(const char *feed);

/*
 * Reads all rows of a feed's keys, in the order of hash.  Allocated in the current memory context.
 */
extern JoorPublishedRow *joor_published_of_keys(Oid serverid, const char *feed,
												char *const *keys, int nkeys,
												int *count);

/* Likewise, the rows of positions, in any order. */
extern JoorPublishedRow *joor_published_of_hashes(Oid		   serverid,
												  const char  *feed,
												  const int64 *hashes,
												  int nhashes, int *count);

/*
 * The feed and the key of a position's row, palloc'd; false: it is of none, or
 * detached.
 */
extern bool joor_published_find_key(Oid serverid, int64 hash, char **feed,
									char **key);

/*
 * Walks all rows of an account, detached ones too, in the order of hash and in
 * a snapshot taken now, in bounded memory; each says whether it is a feed's.  The cursor lives in the current
 * memory context; if that is not the one of joor_tables_open(), it may be read
 * after joor_tables_close().  It ends with close or with the (sub)transaction.
 * A row is valid until the next one is asked for; NULL: there are no more.
 */
extern JoorPublishedCursor *joor_published_open(Oid serverid, const char *feed);
extern const JoorPublishedRow *joor_published_next(JoorPublishedCursor *cursor);
extern void joor_published_close(JoorPublishedCursor *cursor);

/*
 * Counts the account's acknowledged rows, and those of them that are among
 * these hashes, each of which is given once.
 */
extern void joor_published_count(Oid serverid, const int64 *hashes, int count,
								 int64 *all, int64 *among);

/*
 * After a dump was restored, or a server made anew: rows are those of the
 * server whose name they carry, and request ids mean nothing any more.
 * Called when an account is activated in a database where it was not.
 */
extern void joor_published_adopt(Oid serverid, const char *server);

#endif /* JOOR_PUBLISHED_H */
