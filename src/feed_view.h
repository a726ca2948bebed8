/*-------------------------------------------------------------------------
 *
 * feed_view.h
 *	  The view that a feed is: made and changed for one who may not create
 *	  anything in schema joor.
 *
 * The text becomes a query with the rights and the search_path of the caller,
 * as in CREATE VIEW.  That is more than reading: a literal is converted by its
 * type's input function, which for an array or a row of domains evaluates
 * their CHECK constraints.  So nothing of the text is looked at again with
 * other rights: what is done with those of the extension's owner is to enter
 * a relation with columns of given names and types into the catalogs.
 *
 * Floor 5.
 *
 * IDENTIFICATION
 *	  src/feed_view.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef JOOR_FEED_VIEW_H
#define JOOR_FEED_VIEW_H

#include "feed.h"

#include "nodes/parsenodes.h"

/*
 * The query of a text that joor_item_query_open() has accepted.  Errors:
 * temporary tables in it (ERRCODE_FEATURE_NOT_SUPPORTED).
 */
extern Query *joor_feed_view_analyze(const char *text);

/*
 * Makes the view of the feed of that name.  Errors: there is such a relation
 * (ERRCODE_DUPLICATE_TABLE).
 */
extern void joor_feed_view_create(const char *name, Query *query, Oid owner);

/*
 * Gives the view of an open feed another query.  When its columns differ it
 * is made anew, with the same owner and grants, unless something depends on
 * it (ERRCODE_DEPENDENT_OBJECTS_STILL_EXIST).
 */
extern void joor_feed_view_replace(const JoorFeed *feed, Query *query);

/* Drops it; the same error. */
extern void joor_feed_view_drop(const JoorFeed *feed);

#endif /* JOOR_FEED_VIEW_H */
