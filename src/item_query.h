/*-------------------------------------------------------------------------
 *
 * item_query.h
 *	  An item query as a stream of items.
 *
 * Words: an item query is any query whose columns are named after JOOR's
 * item fields.  A key column is the one column more that a feed may have.
 *
 * Life: open (parse, plan, check the columns) - scan (run it once, each row
 * to a visitor) - next (the items that the visitor kept) - close.  The caller
 * is connected to SPI from open to close, and rights, search_path and
 * snapshot are those in force when open is called.  The query is read-only,
 * runs through a portal and is never run twice; kept items lie in an item
 * store bound by work_mem, so memory does not grow with their number.
 *
 * Floor 2: knows neither formats nor HTTP.
 *
 * IDENTIFICATION
 *	  src/item_query.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef JOOR_ITEM_QUERY_H
#define JOOR_ITEM_QUERY_H

#include "item.h"

typedef struct JoorItemQuery JoorItemQuery;

/*
 * Called for each row: `violation` is NULL, or says why the row could not be
 * converted (then the item's other fields are still set, as far as they could
 * be).  The visitor runs in a memory context that is reset when it returns:
 * until then live the item's texts, the violation's value and all that the
 * visitor allocates there.  True keeps the item for joor_item_query_next(), as
 * the visitor leaves it: what it has checked stays checked.
 */
typedef bool (*JoorItemVisitor)(void *arg, JoorItem *item,
								JoorViolation *violation);

/*
 * Opens an item query in the current memory context.  Errors: a syntax or
 * planning error as PostgreSQL words it; more than one statement or one that
 * returns no rows or would write (ERRCODE_INVALID_CURSOR_DEFINITION or
 * core's own); unknown, repeated or wrongly typed columns
 * (ERRCODE_UNDEFINED_COLUMN, ERRCODE_DUPLICATE_COLUMN,
 * ERRCODE_DATATYPE_MISMATCH), a query that can have no identity or no
 * quantity (ERRCODE_UNDEFINED_COLUMN), with detail and hint.  key_column:
 * the column that becomes the item's key, or NULL.
 */
extern JoorItemQuery *joor_item_query_open(const char *query,
										   const char *key_column);

/* Runs the query to its end, once; returns the number of rows. */
extern int64 joor_item_query_scan(JoorItemQuery *query, JoorItemVisitor visitor,
								  void *arg);

/* Keeps one more item after the scan. */
extern void joor_item_query_append(JoorItemQuery *query, const JoorItem *item);

/*
 * The next kept item, as the visitor left it; false at the end.  Texts are
 * allocated in the current memory context, where they stay valid until the
 * caller resets it.
 */
extern bool joor_item_query_next(JoorItemQuery *query, JoorItem *item);

/* Frees cursor and kept items; an aborted transaction does it by itself. */
extern void joor_item_query_close(JoorItemQuery *query);

#endif /* JOOR_ITEM_QUERY_H */
