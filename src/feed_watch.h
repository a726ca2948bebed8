/*-------------------------------------------------------------------------
 *
 * feed_watch.h
 *	  The triggers by which tables say what has changed for a feed.
 *
 * Floor 8.
 *
 * IDENTIFICATION
 *	  src/feed_watch.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef JOOR_FEED_WATCH_H
#define JOOR_FEED_WATCH_H

#include "feed.h"

/*
 * Errors out unless the key columns of all watched tables fit the feed's key
 * (ERRCODE_DATATYPE_MISMATCH).  Those that are no more are passed over.
 */
extern void joor_feed_check_watches(JoorFeed *feed);

/* Drops the triggers of a feed from all tables.  Rights are not checked. */
extern void joor_feed_unwatch_all(const char *feed);

#endif /* JOOR_FEED_WATCH_H */
