/*-------------------------------------------------------------------------
 *
 * change_set.h
 *	  The keys that the current transaction has marked as changed.
 *
 * Words: to mark a key is to remember that the rows of a feed with that key
 * may be others after this transaction.  A set holds the distinct keys of one
 * type that were marked for one feed.
 *
 * What was marked is written into the queue once, just before the transaction
 * commits or is prepared, and forgotten when it aborts.  What a savepoint
 * marked stays marked when it is rolled back, which costs a lookup and harms
 * nobody.  Memory is bounded; see change_set.c.
 *
 * Sets live until the transaction ends.
 *
 * Floor 4.
 *
 * IDENTIFICATION
 *	  src/change_set.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef JOOR_CHANGE_SET_H
#define JOOR_CHANGE_SET_H

#include "compat.h"

#include "access/tupdesc.h"

typedef struct JoorChangeSet JoorChangeSet;

/* The set of a feed for keys of a column's type. */
extern JoorChangeSet *joor_change_set(const char	   *feed,
									  Form_pg_attribute column);

/* Marks a value of that column, not null. */
extern void joor_change_set_add(JoorChangeSet *set, Datum value);

/* Marks everything of a feed: further keys are not kept. */
extern void joor_change_set_everything(const char *feed);

#endif /* JOOR_CHANGE_SET_H */
