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

/* Drops the triggers of a feed from all tables.  Rights are not checked. */
extern void joor_feed_unwatch_all(const char *feed);

#endif /* JOOR_FEED_WATCH_H */
