/*-------------------------------------------------------------------------
 *
 * feed_evaluation.h
 *	  Reads a part of a feed, and keeps the items that a request can hold.
 *
 * Floor 5: of feed_batch.c only.
 *
 * IDENTIFICATION
 *	  src/feed_evaluation.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef JOOR_FEED_EVALUATION_H
#define JOOR_FEED_EVALUATION_H

#include "feed_batch.h"

/* What is asked. */
typedef struct JoorFeedQuestion
{
	const JoorFeed		*feed;
	const JoorItemRules *rules;
	JoorFeedPart		 part;
	Oid					 serverid;
	int					 nkeys; /* the batch's changes' first keys */
	int					 limit; /* most items */
	bool				 after; /* only items of higher hash than ... */
	int64				 hash;	/* ... this one; nkeys is 1 then */
} JoorFeedQuestion;

/*
 * Fills in items, hashes, keys, gone, count, done, unfinished and invalid of
 * a batch whose changes are there, in the current memory context.  Throws the
 * errors of the feed's query.
 */
extern void joor_feed_evaluate(const JoorFeedQuestion *question,
							   JoorFeedBatch		  *batch);

/*
 * Makes an entry of everything one of all keys that the feed has or that were
 * published for it, in the current transaction; their number.
 */
extern int64 joor_feed_expand(const JoorFeed *feed, Oid serverid,
							  const JoorChangeRow *row);

#endif /* JOOR_FEED_EVALUATION_H */
