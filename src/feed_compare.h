/*-------------------------------------------------------------------------
 *
 * feed_compare.h
 *	  What differs between a feed and what JOOR acknowledged last.
 *
 * Words: a difference is a position that the feed has and JOOR never
 * acknowledged (missing), one of another quantity (different), or one that
 * was published for the feed, is there no more, and not 0 yet (gone).  A row
 * of the feed that breaks a rule is invalid: it is no difference, nor is its
 * position gone.
 *
 * What was published is read first, then the feed, once and as its owner; in
 * bounded memory.
 *
 * Floor 5.
 *
 * IDENTIFICATION
 *	  src/feed_compare.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef JOOR_FEED_COMPARE_H
#define JOOR_FEED_COMPARE_H

#include "feed.h"
#include "item_list.h"
#include "published.h"

typedef enum JoorDifference
{
	JOOR_FEED_MISSING,
	JOOR_FEED_DIFFERENT,
	JOOR_FEED_GONE
} JoorDifference;

typedef struct JoorComparison
{
	const JoorFeed		*feed;
	const JoorItemRules *rules;
	/*
	 * A difference.  item: the feed's, checked; NULL: it is gone.  published:
	 * what was acknowledged, NULL: nothing; its position and key are there if
	 * it is gone.  Both live until the callback returns.
	 */
	void (*differs)(void *arg, JoorDifference difference, const JoorItem *item,
					const JoorPublishedRow *published);
	/* A row that is not valid; as of a JoorItemListReader. */
	void (*invalid)(void *arg, JoorItem *item, const JoorViolation *violation);
	void *arg;
	int64 items; /* result: valid rows of the feed */
	int64 gone;	 /* likewise: positions that are gone, though 0 already */
} JoorComparison;

/*
 * Compares.  Connects to SPI by itself; the callbacks run in a memory context
 * that is reset after each.  Errors: those of joor_item_list_read().
 */
extern void joor_feed_compare(JoorComparison *comparison);

#endif /* JOOR_FEED_COMPARE_H */
