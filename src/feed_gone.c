/*-------------------------------------------------------------------------
 *
 * feed_gone.c
 *	  Positions that were published for a feed and that it has no more.
 *
 * Floor 5.
 *
 * IDENTIFICATION
 *	  src/feed_gone.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_operator.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "utils/memutils.h"
#include "utils/tuplesort.h"

#include "feed_gone.h"

struct JoorGone
{
	Tuplesortstate *hashes;
};

void
joor_gone_item(JoorItem *item, const JoorPublishedRow *row,
			   const JoorItemRules *rules)
{
	uint32		  inventory = JOOR_FIELD_BIT(JOOR_FIELD_INVENTORY);
	JoorViolation violation;

	joor_item_copy(item, &row->item);
	if ((item->present & JOOR_FIELD_BIT(JOOR_FIELD_MADE_TO_ORDER)) != 0)
		item->value[JOOR_FIELD_MADE_TO_ORDER].boolean = false;
	item->present |= inventory;
	item->value[JOOR_FIELD_INVENTORY].integer = 0;
	item->sent = 0;
	/* it was valid when it was sent; a rule that came later must not leave
	 * stock on JOOR that is not there */
	if (!joor_item_check(item, rules, &violation) &&
		joor_item_complete_position(item, rules, &violation))
		item->sent |= inventory;
}

JoorGone *
joor_gone_create(void)
{
	JoorGone *gone = palloc(sizeof(JoorGone));

	gone->hashes = tuplesort_begin_datum(INT8OID, Int8LessOperator, InvalidOid,
										 false, work_mem, NULL, false);
	return gone;
}

void
joor_gone_note(JoorGone *gone, int64 hash)
{
	tuplesort_putdatum(gone->hashes, Int64GetDatum(hash), false);
}

/* Moves on to the first noted hash that is not below one; false: none is. */
static bool
move_to(JoorGone *gone, int64 hash, int64 *noted, bool *ended)
{
	while (!*ended && *noted < hash)
	{
		Datum datum;
		bool  isnull;

		*ended = !joor_tuplesort_getdatum(gone->hashes, &datum, &isnull);
		if (!*ended)
			*noted = DatumGetInt64(datum);
	}
	return !*ended;
}

void
joor_gone_walk(JoorGone *gone, const JoorFeed *feed, const JoorItemRules *rules,
			   bool	 detached, void (*found)(void *arg, JoorItem *item),
			   void *arg)
{
	MemoryContext context = AllocSetContextCreate(
		CurrentMemoryContext, "joor_inventory gone item", ALLOCSET_SMALL_SIZES);
	MemoryContext			old = CurrentMemoryContext;
	JoorPublishedCursor	   *cursor;
	const JoorPublishedRow *row;
	JoorTables				tables;
	int64					noted = PG_INT64_MIN;
	bool					ended = false;

	tuplesort_performsort(gone->hashes);
	joor_tables_open(&tables);
	MemoryContextSwitchTo(old);
	cursor = joor_published_open(feed->serverid, feed->name);
	/* a hash as low as noted's first value is as good as never */
	while ((row = joor_published_next(cursor)) != NULL)
	{
		JoorItem item;

		CHECK_FOR_INTERRUPTS();
		if (!row->of_feed || (row->item.key == NULL && !detached) ||
			(move_to(gone, row->hash, &noted, &ended) && noted == row->hash))
			continue;
		MemoryContextSwitchTo(context);
		joor_gone_item(&item, row, rules);
		found(arg, &item);
		MemoryContextSwitchTo(old);
		MemoryContextReset(context);
	}
	joor_published_close(cursor);
	joor_tables_close(&tables);
	tuplesort_end(gone->hashes);
	MemoryContextDelete(context);
	pfree(gone);
}
