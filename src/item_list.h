/*-------------------------------------------------------------------------
 *
 * item_list.h
 *	  The items of a query that an account accepts.
 *
 * The query is run once.  Each row is converted and checked against the
 * account's rules; what breaks one goes to the `invalid` callback, or is
 * counted and remembered for joor_item_list_refuse().  Two items for one
 * position are an error at the end of the scan, since neither is right.
 * Nothing has been sent by then.
 *
 * SPI is connected from read to close.  Items that a callback gets live until
 * it returns; those of joor_item_list_next() in the current memory context.
 *
 * Floor 3.
 *
 * IDENTIFICATION
 *	  src/item_list.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef JOOR_ITEM_LIST_H
#define JOOR_ITEM_LIST_H

#include "item_query.h"

typedef struct JoorItemListReader
{
	const JoorItemRules *rules;
	const char *key_column; /* of a feed; without a key a row is invalid */
	/* What to do with a valid item; NULL: keep it for joor_item_list_next() */
	void (*valid)(void *arg, JoorItem *item);
	/* What to do with an invalid row; NULL: joor_item_list_refuse() it */
	void (*invalid)(void *arg, JoorItem *item, const JoorViolation *violation);
	/* What to do with the position of any row that has one; NULL: nothing */
	void (*seen)(void *arg, const JoorItem *item);
	void *arg;
} JoorItemListReader;

typedef struct JoorItemList JoorItemList;

/*
 * Runs an item query with the caller's rights, in a snapshot taken now.
 * Errors: those of joor_item_query_open(), and two rows for one position
 * (ERRCODE_CARDINALITY_VIOLATION).
 */
extern JoorItemList *joor_item_list_read(const char				  *query,
										 const JoorItemListReader *reader);

extern int64		 joor_item_list_valid(const JoorItemList *list);

/* Adds a checked item at the end, before any was taken. */
extern void joor_item_list_append(JoorItemList *list, const JoorItem *item);

/* How many negative quantities were made 0. */
extern int64 joor_item_list_clamped(const JoorItemList *list);

/*
 * Errors out if there were invalid rows, naming row, column, value and rule
 * of the first ones (ERRCODE_INVALID_PARAMETER_VALUE).
 */
extern void joor_item_list_refuse(const JoorItemList *list);

/* The next item that was kept; false at the end. */
extern bool joor_item_list_next(JoorItemList *list, JoorItem *item);

extern void joor_item_list_close(JoorItemList *list);

#endif /* JOOR_ITEM_LIST_H */
