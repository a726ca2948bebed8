/*-------------------------------------------------------------------------
 *
 * item_store.h
 *	  Items put aside, to be read again in the same order.
 *
 * Up to work_mem they lie in memory, beyond it in a temporary file.  An item
 * comes back as it was put: with its row, and checked if it was checked.
 *
 * Floor 2: knows neither queries nor formats.
 *
 * IDENTIFICATION
 *	  src/item_store.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef JOOR_ITEM_STORE_H
#define JOOR_ITEM_STORE_H

#include "item.h"

typedef struct JoorItemStore JoorItemStore;

/* Makes an empty store in the current memory context and resource owner. */
extern JoorItemStore *joor_item_store_create(void);

extern void joor_item_store_put(JoorItemStore *store, const JoorItem *item);

/*
 * The next item; false at the end.  Its texts are allocated in the current
 * memory context.
 */
extern bool joor_item_store_next(JoorItemStore *store, JoorItem *item);

/* Frees the store; an aborted transaction does it by itself. */
extern void joor_item_store_free(JoorItemStore *store);

#endif /* JOOR_ITEM_STORE_H */
