/*-------------------------------------------------------------------------
 *
 * feed_batch.h
 *	  What a feed has to say of its changed keys, as the items of a request.
 *
 * Words: a source is a feed as the worker of its account sees it.  A batch is
 * read from it: the feed, restricted to keys that changed, as of the snapshot
 * in which it is read, and a 0 for each position that was published for these
 * keys and is there no more.  Its items are ordered by key; a request carries
 * those of whole keys, unless a single key has more items than fit one
 * request: then it goes out in parts, and the key is done with the last.
 *
 * Life: open the account's sources - read a batch - fit, when the body holds
 * fewer items - then one of accept (JOOR took it) and hand over (JOOR refused
 * it).  A batch that is forgotten is read anew, for its keys are still queued.
 *
 * A feed whose query fails is left alone for a while, growing with each
 * failure; the error is noted in joor.feed_definition, and the keys stay.
 *
 * All but note are called with joor_tables_open() in a worker's transaction.
 *
 * Floor 5.
 *
 * IDENTIFICATION
 *	  src/feed_batch.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef JOOR_FEED_BATCH_H
#define JOOR_FEED_BATCH_H

#include "account.h"
#include "change_queue.h"
#include "feed.h"
#include "item.h"

#include "utils/timestamp.h"

/* All of it as long as the drain. */
typedef struct JoorFeedSource
{
	char		 *name;
	TimestampTz	  created_at;
	MemoryContext context; /* of all of this */
	JoorQueueScan scan;
	double		  items_per_key; /* as of late */
	int64		  known_keys;	 /* of the whole feed; 0: not known */
	int			  failures;		 /* in a row */
	TimestampTz	  retry_at;		 /* not read before */
	char		 *failure;		 /* why; NULL: it does not fail */
	bool		  noted;		 /* the definition says the same */
	bool		  seen;			 /* by the last open */
	/* A key of which some items have been sent; nkeys 0: there is none. */
	MemoryContext part_context;
	JoorChanges	  part;		 /* the key is the first one */
	int64		  part_hash; /* the last item sent */
} JoorFeedSource;

/* In the memory context in which it was read. */
typedef struct JoorFeedBatch
{
	JoorFeedSource *source;
	JoorChanges		changes;
	JoorItem	   *items; /* checked, each with its key */
	int64		   *hashes;
	int			   *keys;	 /* numbers of the items' keys, ascending */
	bool		   *gone;	 /* the item is the 0 of a position that is gone */
	bool		   *untaken; /* likewise, and JOOR has none of it */
	int				count;
	int				done;		/* keys that are done with these items */
	bool			unfinished; /* the last item is not the last of its key */
	char		   *invalid;	/* items that broke a rule, for
								* joor_rejection_record(); NULL: none */
	char		   *snapshot;	/* no later than the one it was read in */
} JoorFeedBatch;

typedef enum JoorFeedResult
{
	JOOR_FEED_NOTHING, /* no key of it waits, or it fails */
	JOOR_FEED_AGAIN,   /* there may be more, but no items this time */
	JOOR_FEED_ITEMS
} JoorFeedResult;

/*
 * Brings a list of sources up to date with the feeds of a server; list and
 * sources live in that memory context, what else is needed in the current one.
 */
extern List *joor_feed_sources(List *sources, Oid serverid,
							   MemoryContext context);

/* Those that fail are read again without delay. */
extern void joor_feed_sources_retry(List *sources);

/* Nothing waits to be read from the feed: it fails no longer, if it did. */
extern void joor_feed_source_clear(JoorFeedSource *source);

/* A transaction in which they were read has failed: they begin anew. */
extern void joor_feed_sources_rewind(List *sources);

/*
 * Reads the next batch, of at most limit items.  On JOOR_FEED_AGAIN, invalid
 * may be set, too.  Errors of the feed's are caught and remembered in the
 * source.
 */
extern JoorFeedResult joor_feed_batch_read(JoorFeedSource	 *source,
										   const JoorAccount *account,
										   int limit, JoorFeedBatch *batch);

/* Only the first count items fit; how many of these are to be sent. */
extern int joor_feed_batch_fit(JoorFeedBatch *batch, int count);

/*
 * JOOR took the items, but for those whose `rejected` is true (NULL: nobody
 * knows, since its answer could not be read): their keys are
 * done, positions that are gone are given up, and what was queued for the
 * same positions before is superseded.  A position of which JOOR has none, and
 * whose 0 it rejects, is given up, too.
 */
extern void joor_feed_batch_accept(JoorFeedBatch *batch, Oid serverid,
								   const bool *rejected);

/*
 * JOOR refused the body: its items go into the queue as they are, to be tried
 * one by one, and their keys are done.
 */
extern void joor_feed_batch_hand_over(JoorFeedBatch		*batch,
									  const JoorAccount *account);

/*
 * Writes down whether the sources fail, where that has changed, in a
 * transaction of its own.
 */
extern void joor_feed_sources_note(List *sources);

#endif /* JOOR_FEED_BATCH_H */
