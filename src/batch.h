/*-------------------------------------------------------------------------
 *
 * batch.h
 *	  The items of one request, and its body.
 *
 * A batch is filled from an item list until the account's max_items or
 * max_bytes is reached; the item that did not fit begins the next one.  Its
 * memory is used anew for each batch, so that a push of any size needs no
 * more than one request.
 *
 * Floor 4: knows no HTTP.
 *
 * IDENTIFICATION
 *	  src/batch.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef JOOR_BATCH_H
#define JOOR_BATCH_H

#include "account.h"
#include "item_list.h"
#include "payload.h"

typedef struct JoorBatch
{
	JoorItem   *items;
	int			count;
	JoorPayload payload; /* body of all items, or of joor_batch_build()'s */
	int			max_items;
	/* private */
	int			  allocated;
	MemoryContext current; /* texts of the items */
	MemoryContext other;   /* the previous batch's, free */
	JoorItem	  pending; /* read, but for the next batch */
	bool		  has_pending;
} JoorBatch;

/* Makes an empty batch for an account, in the current memory context. */
extern JoorBatch *joor_batch_create(const JoorAccount *account);

/* Fills the batch with the next items; false: there are none. */
extern bool joor_batch_fill(JoorBatch *batch, JoorItemList *list);

/* Whether nothing is left for another batch. */
extern bool joor_batch_is_last(JoorBatch *batch, JoorItemList *list);

/* Builds the body of a part of the items only. */
extern void joor_batch_build(JoorBatch *batch, int from, int count);

#endif /* JOOR_BATCH_H */
