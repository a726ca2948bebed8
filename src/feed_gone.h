/*-------------------------------------------------------------------------
 *
 * feed_gone.h
 *	  Positions that were published for a feed and that it has no more.
 *
 * Life: create - note each position that the feed has, once or more - walk.
 * Memory is bounded by work_mem.
 *
 * Floor 5.
 *
 * IDENTIFICATION
 *	  src/feed_gone.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef JOOR_FEED_GONE_H
#define JOOR_FEED_GONE_H

#include "feed.h"
#include "published.h"

typedef struct JoorGone JoorGone;

/* Makes one in the current memory context. */
extern JoorGone *joor_gone_create(void);

/* The feed has a position. */
extern void joor_gone_note(JoorGone *gone, int64 hash);

/*
 * Hands the 0 of each published position of the feed that was not noted to
 * `found`, checked and with its key; detached: of those, too, whose 0 JOOR
 * has acknowledged already.  The item lives until the callback returns.  Opens
 * the tables by itself.  Ends it.
 */
extern void joor_gone_walk(JoorGone *gone, const JoorFeed *feed,
						   const JoorItemRules *rules, bool detached,
						   void (*found)(void *arg, JoorItem *item), void *arg);

/*
 * The 0 of a published position, checked; its texts and key are allocated in
 * the current memory context.
 */
extern void joor_gone_item(JoorItem *item, const JoorPublishedRow *row,
						   const JoorItemRules *rules);

#endif /* JOOR_FEED_GONE_H */
