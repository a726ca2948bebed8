/*-------------------------------------------------------------------------
 *
 * feed_compare.c
 *	  What differs between a feed and what JOOR acknowledged last.
 *
 * Floor 5.
 *
 * IDENTIFICATION
 *	  src/feed_compare.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/tupdesc.h"
#include "catalog/pg_operator.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "executor/tuptable.h"
#include "miscadmin.h"
#include "utils/memutils.h"
#include "utils/tuplesort.h"

#include "feed_compare.h"
#include "item_bytes.h"

typedef struct Compare
{
	JoorComparison		   *comparison;
	MemoryContext			context; /* as long as the comparison */
	MemoryContext			row;	 /* of the current rows; reset for each */
	Tuplesortstate		   *sort;	 /* hash, item as bytes */
	TupleTableSlot		   *slot;	 /* that is read */
	TupleTableSlot		   *put;	 /* that is written */
	StringInfoData			bytes;	 /* scratch */
	JoorPublishedCursor	   *cursor;
	const JoorPublishedRow *published; /* the next one; NULL: no more */
	bool					has_item;  /* the slot has the next item */
	int64					hash;	   /* of it */
	bool					ended;	   /* there are no more items */
} Compare;

/*
 * Reading.
 */

static void
begin_sort(Compare *compare)
{
	TupleDesc  desc = CreateTemplateTupleDesc(2);
	AttrNumber column = 1;
	Oid		   less = Int8LessOperator;
	Oid		   collation = InvalidOid;
	bool	   nulls_first = false;

	TupleDescInitEntry(desc, 1, "hash", INT8OID, -1, 0);
	TupleDescInitEntry(desc, 2, "item", BYTEAOID, -1, 0);
	compare->slot = MakeSingleTupleTableSlot(desc, &TTSOpsMinimalTuple);
	compare->put = MakeSingleTupleTableSlot(desc, &TTSOpsVirtual);
	compare->sort = tuplesort_begin_heap(desc, 1, &column, &less, &collation,
										 &nulls_first, work_mem, NULL, false);
	initStringInfo(&compare->bytes);
}

static void
sort_item(Compare *compare, const JoorItem *item)
{
	StringInfo		bytes = &compare->bytes;
	TupleTableSlot *slot = compare->put;

	resetStringInfo(bytes);
	enlargeStringInfo(bytes, VARHDRSZ);
	bytes->len = VARHDRSZ;
	joor_item_bytes_put(bytes, item);
	SET_VARSIZE(bytes->data, bytes->len);
	ExecClearTuple(slot);
	slot->tts_values[0] = Int64GetDatum((int64) joor_item_hash(item));
	slot->tts_values[1] = PointerGetDatum(bytes->data);
	slot->tts_isnull[0] = slot->tts_isnull[1] = false;
	ExecStoreVirtualTuple(slot);
	tuplesort_puttupleslot(compare->sort, slot);
}

/*
 * Callback of the item list: a row that breaks a rule.  Its position is there,
 * though without a quantity to compare.
 */
static void
take_invalid(void *arg, JoorItem *item, const JoorViolation *violation)
{
	Compare		   *compare = arg;
	JoorComparison *comparison = compare->comparison;

	comparison->invalid(comparison->arg, item, violation);
	if (!joor_item_complete_position(item, comparison->rules, violation))
		return;
	item->sent &= JOOR_POSITION_FIELDS;
	item->present = item->sent;
	sort_item(compare, item);
}

/* Callback of the item list: a valid row. */
static void
take_item(void *arg, JoorItem *item)
{
	Compare *compare = arg;

	sort_item(compare, item);
	compare->comparison->items++;
}

static void
read_feed(Compare *compare)
{
	const JoorFeed	  *feed = compare->comparison->feed;
	JoorItemListReader reader = {0};
	JoorFeedState	   state;

	reader.rules = compare->comparison->rules;
	reader.key_column = feed->key_column;
	reader.valid = take_item;
	reader.invalid = take_invalid;
	reader.arg = compare;
	joor_feed_enter(feed, &state);
	joor_item_list_close(joor_item_list_read(
		joor_feed_query(feed, JOOR_FEED_ALL, NULL, 0), &reader));
	joor_feed_leave(&state);
	tuplesort_performsort(compare->sort);
}

/*
 * Merging.
 */

/* The feed's next item, in the row context; false: there is none. */
static bool
next_item(Compare *compare, JoorItem *item)
{
	bool  isnull;
	Datum bytes;

	if (!compare->has_item && !compare->ended)
	{
		compare->has_item = tuplesort_gettupleslot(compare->sort, true, false,
												   compare->slot, NULL);
		compare->ended = !compare->has_item;
	}
	if (compare->ended)
		return false;
	compare->hash = DatumGetInt64(slot_getattr(compare->slot, 1, &isnull));
	bytes = slot_getattr(compare->slot, 2, &isnull);
	(void) joor_item_bytes_take(VARDATA_ANY(DatumGetPointer(bytes)), item);
	return true;
}

static bool
has_quantity(const JoorItem *item)
{
	return (item->sent & (JOOR_FIELD_BIT(JOOR_FIELD_INVENTORY) |
						  JOOR_FIELD_BIT(JOOR_FIELD_MADE_TO_ORDER))) != 0;
}

static bool
is_made_to_order(const JoorItem *item, uint32 fields)
{
	return (fields & JOOR_FIELD_BIT(JOOR_FIELD_MADE_TO_ORDER)) != 0 &&
		   item->value[JOOR_FIELD_MADE_TO_ORDER].boolean;
}

/* Whether an item would change what was published. */
static bool
is_different(const JoorItem *item, const JoorItem *published)
{
	uint32 inventory = JOOR_FIELD_BIT(JOOR_FIELD_INVENTORY);

	if (is_made_to_order(item, item->sent) ||
		is_made_to_order(published, published->present))
		return is_made_to_order(item, item->sent) !=
			   is_made_to_order(published, published->present);
	return (published->present & inventory) == 0 ||
		   item->value[JOOR_FIELD_INVENTORY].integer !=
			   published->value[JOOR_FIELD_INVENTORY].integer;
}

static bool
is_zero(const JoorPublishedRow *row)
{
	return row->acknowledged &&
		   !is_made_to_order(&row->item, row->item.present) &&
		   (row->item.present & JOOR_FIELD_BIT(JOOR_FIELD_INVENTORY)) != 0 &&
		   row->item.value[JOOR_FIELD_INVENTORY].integer == 0;
}

/* A position that the feed has. */
static void
compare_item(Compare *compare, const JoorItem *item,
			 const JoorPublishedRow *published)
{
	JoorComparison *comparison = compare->comparison;

	if (!has_quantity(item))
		return; /* not valid */
	if (published == NULL || !published->acknowledged)
		comparison->differs(comparison->arg, JOOR_FEED_MISSING, item, NULL);
	else if (is_different(item, &published->item))
		comparison->differs(comparison->arg, JOOR_FEED_DIFFERENT, item,
							published);
}

/* A position that the feed does not have. */
static void
compare_published(Compare *compare, const JoorPublishedRow *published)
{
	JoorComparison *comparison = compare->comparison;

	if (!published->of_feed || published->item.key == NULL)
		return;
	comparison->gone++;
	if (!is_zero(published))
		comparison->differs(comparison->arg, JOOR_FEED_GONE, NULL, published);
}

/* The next position of either side; false: there are no more. */
static bool
step(Compare *compare)
{
	const JoorPublishedRow *published = compare->published;
	JoorItem				item;
	bool					has_item = next_item(compare, &item);

	if (!has_item && published == NULL)
		return false;
	if (has_item && (published == NULL || compare->hash <= published->hash))
	{
		bool both = published != NULL && compare->hash == published->hash;

		compare_item(compare, &item, both ? published : NULL);
		compare->has_item = false;
		if (both)
			compare->published = joor_published_next(compare->cursor);
		return true;
	}
	compare_published(compare, published);
	compare->published = joor_published_next(compare->cursor);
	return true;
}

static void
merge(Compare *compare)
{
	JoorTables tables;

	joor_tables_open(&tables);
	MemoryContextSwitchTo(compare->context);
	compare->cursor = joor_published_open(compare->comparison->feed->serverid,
										  compare->comparison->feed->name);
	compare->published = joor_published_next(compare->cursor);
	for (;;)
	{
		bool more;

		MemoryContextSwitchTo(compare->row);
		more = step(compare);
		MemoryContextSwitchTo(compare->context);
		MemoryContextReset(compare->row);
		if (!more)
			break;
		CHECK_FOR_INTERRUPTS();
	}
	joor_published_close(compare->cursor);
	joor_tables_close(&tables);
}

void
joor_feed_compare(JoorComparison *comparison)
{
	MemoryContext old = CurrentMemoryContext;
	Compare		  compare = {0};

	compare.comparison = comparison;
	compare.context = AllocSetContextCreate(old, "joor_inventory comparison",
											ALLOCSET_DEFAULT_SIZES);
	compare.row = AllocSetContextCreate(
		compare.context, "joor_inventory comparison row", ALLOCSET_SMALL_SIZES);
	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "SPI_connect failed");
	MemoryContextSwitchTo(compare.context);
	comparison->items = 0;
	comparison->gone = 0;
	begin_sort(&compare);
	read_feed(&compare);
	merge(&compare);
	ExecDropSingleTupleTableSlot(compare.slot);
	ExecDropSingleTupleTableSlot(compare.put);
	tuplesort_end(compare.sort);
	SPI_finish();
	MemoryContextSwitchTo(old);
	MemoryContextDelete(compare.context);
}
