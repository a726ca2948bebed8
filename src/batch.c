/*-------------------------------------------------------------------------
 *
 * batch.c
 *	  The items of one request, and its body.
 *
 * Floor 4.
 *
 * IDENTIFICATION
 *	  src/batch.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "utils/memutils.h"

#include "batch.h"

#define ITEMS_MIN 64

JoorBatch *
joor_batch_create(const JoorAccount *account)
{
	JoorBatch *batch = palloc0(sizeof(JoorBatch));

	batch->max_items = account->max_items;
	batch->allocated = Min(ITEMS_MIN, batch->max_items);
	batch->items = palloc(sizeof(JoorItem) * batch->allocated);
	batch->current = AllocSetContextCreate(
		CurrentMemoryContext, "joor_inventory batch", ALLOCSET_DEFAULT_SIZES);
	batch->other = AllocSetContextCreate(CurrentMemoryContext,
										 "joor_inventory batch (other)",
										 ALLOCSET_DEFAULT_SIZES);
	joor_payload_init(&batch->payload, &account->style, account->max_bytes);
	return batch;
}

/* Reads an item into the batch's pending place, unless one is there. */
static bool
read_pending(JoorBatch *batch, JoorItemList *list)
{
	MemoryContext old;

	if (batch->has_pending)
		return true;
	old = MemoryContextSwitchTo(batch->current);
	batch->has_pending = joor_item_list_next(list, &batch->pending);
	MemoryContextSwitchTo(old);
	return batch->has_pending;
}

/* The pending item becomes one of the batch's. */
static void
take_pending(JoorBatch *batch)
{
	if (batch->count == batch->allocated)
	{
		batch->allocated = Min(batch->allocated * 2, batch->max_items);
		batch->items = repalloc_huge(batch->items, sizeof(JoorItem) *
													   (Size) batch->allocated);
	}
	batch->items[batch->count++] = batch->pending;
	batch->has_pending = false;
}

/* A new batch: only the pending item's texts move on to it. */
static void
start_over(JoorBatch *batch)
{
	MemoryContext free = batch->other;
	JoorItem	  pending = batch->pending;

	if (batch->has_pending)
	{
		MemoryContext old = MemoryContextSwitchTo(free);

		joor_item_copy(&batch->pending, &pending);
		MemoryContextSwitchTo(old);
	}
	MemoryContextReset(batch->current);
	batch->other = batch->current;
	batch->current = free;
	batch->count = 0;
}

bool
joor_batch_fill(JoorBatch *batch, JoorItemList *list)
{
	start_over(batch);
	joor_payload_begin(&batch->payload);
	while (batch->count < batch->max_items && read_pending(batch, list) &&
		   joor_payload_add(&batch->payload, &batch->pending))
		take_pending(batch);
	joor_payload_end(&batch->payload);
	if (batch->count == 0 && batch->has_pending)
		elog(ERROR, "an item exceeds the limit of a request");
	return batch->count > 0;
}

bool
joor_batch_is_last(JoorBatch *batch, JoorItemList *list)
{
	return !read_pending(batch, list);
}

void
joor_batch_build(JoorBatch *batch, int from, int count)
{
	int i;

	joor_payload_begin(&batch->payload);
	for (i = from; i < from + count; i++)
		if (!joor_payload_add(&batch->payload, &batch->items[i]))
			elog(ERROR, "a part of a request exceeds its limit");
	joor_payload_end(&batch->payload);
}
