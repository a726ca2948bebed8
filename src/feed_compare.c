/*-------------------------------------------------------------------------
 *
 * feed_compare.c
 *	  What differs between a feed and what JOOR acknowledged last.
 *
 * What was published is loaded into a map, and each item of the feed looked up
 * in it, a portion of them at a time, while the processor fetches the entries
 * of all of them; what no item was looked for is gone.  Where the map has more
 * than one part, items of the later parts wait in a file for theirs.
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
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "executor/tuptable.h"
#include "miscadmin.h"
#include "utils/memutils.h"
#include "utils/resowner.h"
#include "utils/tuplestore.h"

#include "feed_compare.h"
#include "item_bytes.h"
#include "published_map.h"

/* Memory of a file of items before it is one, in kB. */
#define WAITING_MEMORY 1024

/* Positions that are gone, whose rows are read at a time. */
#define GONE_CHUNK 1000

/* Items that are looked up at a time. */
#define PORTION 16

typedef struct Compare
{
	JoorComparison	  *comparison;
	MemoryContext	   context; /* as long as the comparison */
	MemoryContext	   scratch; /* of a callback; reset after each */
	ResourceOwner	   owner;	/* of what callbacks open */
	JoorPublishedParts parts;
	JoorPublishedMap  *map;		/* of the current part */
	Tuplestorestate	 **waiting; /* items of the other parts, by part */
	TupleTableSlot	  *slot;	/* of an item as bytes */
	StringInfoData	   bytes;	/* scratch */
	int64			   portion[PORTION];
	int				   nportion;
	StringInfoData	   items; /* of the portion, as bytes */
	int64			   gone[GONE_CHUNK];
	int				   ngone;
} Compare;

/*
 * Comparing.
 */

/* Tells the caller, who may open what outlives the feed's query. */
static void
report(Compare *compare, JoorDifference difference, const JoorItem *item,
	   const JoorPublishedRow *published)
{
	MemoryContext old = MemoryContextSwitchTo(compare->scratch);
	ResourceOwner owner = CurrentResourceOwner;

	CurrentResourceOwner = compare->owner;
	compare->comparison->differs(compare->comparison->arg, difference, item,
								 published);
	CurrentResourceOwner = owner;
	MemoryContextSwitchTo(old);
	MemoryContextReset(compare->scratch);
}

static bool
has_quantity(const JoorItem *item)
{
	return (item->sent & (JOOR_FIELD_BIT(JOOR_FIELD_INVENTORY) |
						  JOOR_FIELD_BIT(JOOR_FIELD_MADE_TO_ORDER))) != 0;
}

static bool
is_made_to_order(const JoorItem *item)
{
	return (item->sent & JOOR_FIELD_BIT(JOOR_FIELD_MADE_TO_ORDER)) != 0 &&
		   item->value[JOOR_FIELD_MADE_TO_ORDER].boolean;
}

/* Whether an item would change what was published. */
static bool
is_different(const JoorItem *item, const JoorPublishedEntry *entry)
{
	bool made_to_order = (entry->flags & JOOR_PUBLISHED_MADE_TO_ORDER) != 0;

	if (is_made_to_order(item) || made_to_order)
		return is_made_to_order(item) != made_to_order;
	return (entry->flags & JOOR_PUBLISHED_INVENTORY) == 0 ||
		   item->value[JOOR_FIELD_INVENTORY].integer != entry->inventory;
}

static bool
is_zero(const JoorPublishedEntry *entry)
{
	return (entry->flags & JOOR_PUBLISHED_ACKNOWLEDGED) != 0 &&
		   (entry->flags & JOOR_PUBLISHED_MADE_TO_ORDER) == 0 &&
		   (entry->flags & JOOR_PUBLISHED_INVENTORY) != 0 &&
		   entry->inventory == 0;
}

/* A published row that says no more than its quantity. */
static void
fill_row(JoorPublishedRow *row, const JoorPublishedEntry *entry)
{
	MemSet(row, 0, sizeof(*row));
	row->hash = entry->hash;
	row->acknowledged = true;
	if ((entry->flags & JOOR_PUBLISHED_INVENTORY) != 0)
		row->item.present |= JOOR_FIELD_BIT(JOOR_FIELD_INVENTORY);
	if ((entry->flags & JOOR_PUBLISHED_MADE_TO_ORDER_SAID) != 0)
		row->item.present |= JOOR_FIELD_BIT(JOOR_FIELD_MADE_TO_ORDER);
	row->item.value[JOOR_FIELD_INVENTORY].integer = entry->inventory;
	row->item.value[JOOR_FIELD_MADE_TO_ORDER].boolean =
		(entry->flags & JOOR_PUBLISHED_MADE_TO_ORDER) != 0;
}

/* A position that the feed has, of the current part. */
static void
compare_item(Compare *compare, const JoorItem *item, int64 hash)
{
	JoorPublishedEntry *entry = joor_published_map_find(compare->map, hash);
	JoorPublishedRow	row;

	if (entry != NULL)
		entry->flags |= JOOR_PUBLISHED_SEEN;
	if (!has_quantity(item))
		return; /* not valid */
	if (entry == NULL || (entry->flags & JOOR_PUBLISHED_ACKNOWLEDGED) == 0)
		report(compare, JOOR_FEED_MISSING, item, NULL);
	else if (is_different(item, entry))
	{
		fill_row(&row, entry);
		report(compare, JOOR_FEED_DIFFERENT, item, &row);
	}
}

static void
compare_portion(Compare *compare)
{
	const char *bytes = compare->items.data;
	int			i;

	for (i = 0; i < compare->nportion; i++)
	{
		JoorItem item;

		bytes = joor_item_bytes_take(bytes, &item);
		compare_item(compare, &item, compare->portion[i]);
	}
	compare->nportion = 0;
	resetStringInfo(&compare->items);
}

/* Adds an item of the current part to the portion. */
static void
add_to_portion(Compare *compare, const JoorItem *item, int64 hash)
{
	joor_published_map_prefetch(compare->map, hash);
	joor_item_bytes_put(&compare->items, item);
	compare->portion[compare->nportion++] = hash;
	if (compare->nportion == PORTION)
		compare_portion(compare);
}

/*
 * Positions that the feed does not have.
 */

static void
report_gone(Compare *compare)
{
	MemoryContext context = AllocSetContextCreate(
		compare->context, "joor_inventory gone rows", ALLOCSET_DEFAULT_SIZES);
	JoorTables		  tables;
	JoorPublishedRow *rows;
	int				  count;
	int				  i;

	joor_tables_open(&tables);
	MemoryContextSwitchTo(context);
	rows =
		joor_published_of_hashes(compare->parts.serverid, compare->parts.feed,
								 compare->gone, compare->ngone, &count);
	for (i = 0; i < count; i++)
		if (rows[i].of_feed && rows[i].item.key != NULL)
			report(compare, JOOR_FEED_GONE, NULL, &rows[i]);
	compare->ngone = 0;
	joor_tables_close(&tables);
	MemoryContextSwitchTo(compare->context);
	MemoryContextDelete(context);
}

/* Callback of the map. */
static void
take_entry(void *arg, const JoorPublishedEntry *entry)
{
	Compare *compare = arg;

	CHECK_FOR_INTERRUPTS();
	if ((entry->flags & JOOR_PUBLISHED_SEEN) != 0 ||
		(entry->flags & JOOR_PUBLISHED_KEPT) == 0)
		return;
	compare->comparison->gone++;
	if (is_zero(entry))
		return;
	compare->gone[compare->ngone++] = entry->hash;
	if (compare->ngone == GONE_CHUNK)
		report_gone(compare);
}

/*
 * Parts.
 */

static void
begin_part(Compare *compare, int part)
{
	if (part == 0)
		joor_published_parts_init(&compare->parts,
								  compare->comparison->feed->serverid,
								  compare->comparison->feed->name);
	compare->map = joor_published_map_load(&compare->parts, part);
}

static void
end_part(Compare *compare)
{
	compare_portion(compare);
	joor_published_map_walk(compare->map, take_entry, compare);
	if (compare->ngone > 0)
		report_gone(compare);
	joor_published_map_free(compare->map);
}

static void
create_waiting(Compare *compare)
{
	TupleDesc desc = CreateTemplateTupleDesc(1);
	int		  part;

	TupleDescInitEntry(desc, 1, "item", BYTEAOID, -1, 0);
	compare->slot = MakeSingleTupleTableSlot(desc, &TTSOpsMinimalTuple);
	initStringInfo(&compare->bytes);
	compare->waiting = palloc(sizeof(Tuplestorestate *) * compare->parts.count);
	for (part = 1; part < compare->parts.count; part++)
		compare->waiting[part] =
			tuplestore_begin_heap(false, false, WAITING_MEMORY);
}

/* Keeps an item for its part. */
static void
let_wait(Compare *compare, const JoorItem *item, int part)
{
	StringInfo bytes = &compare->bytes;
	Datum	   value;
	bool	   isnull = false;

	resetStringInfo(bytes);
	enlargeStringInfo(bytes, VARHDRSZ);
	bytes->len = VARHDRSZ;
	joor_item_bytes_put(bytes, item);
	SET_VARSIZE(bytes->data, bytes->len);
	value = PointerGetDatum(bytes->data);
	tuplestore_putvalues(compare->waiting[part],
						 compare->slot->tts_tupleDescriptor, &value, &isnull);
}

static void
compare_waiting(Compare *compare, int part)
{
	Tuplestorestate *waiting = compare->waiting[part];

	while (tuplestore_gettupleslot(waiting, true, false, compare->slot))
	{
		bool	 isnull;
		Datum	 bytes = slot_getattr(compare->slot, 1, &isnull);
		JoorItem item;

		CHECK_FOR_INTERRUPTS();
		(void) joor_item_bytes_take(VARDATA_ANY(DatumGetPointer(bytes)), &item);
		add_to_portion(compare, &item, (int64) joor_item_hash(&item));
	}
	ExecClearTuple(compare->slot);
	tuplestore_end(waiting);
}

/*
 * Reading the feed.
 */

static void
take_position(Compare *compare, const JoorItem *item)
{
	int64 hash = (int64) joor_item_hash(item);
	int	  part = joor_published_part(&compare->parts, hash);

	if (part == 0)
		add_to_portion(compare, item, hash);
	else
		let_wait(compare, item, part);
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
	take_position(compare, item);
}

/* Callback of the item list: a valid row. */
static void
take_item(void *arg, JoorItem *item)
{
	Compare *compare = arg;

	compare->comparison->items++;
	take_position(compare, item);
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
}

void
joor_feed_compare(JoorComparison *comparison)
{
	MemoryContext old = CurrentMemoryContext;
	MemoryContext context = AllocSetContextCreate(
		old, "joor_inventory comparison", ALLOCSET_DEFAULT_SIZES);
	Compare *compare = MemoryContextAllocZero(context, sizeof(Compare));
	int		 part;

	compare->comparison = comparison;
	compare->context = context;
	compare->scratch = AllocSetContextCreate(
		context, "joor_inventory comparison row", ALLOCSET_SMALL_SIZES);
	compare->owner = CurrentResourceOwner;
	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "SPI_connect failed");
	MemoryContextSwitchTo(context);
	initStringInfo(&compare->items);
	comparison->items = 0;
	comparison->gone = 0;
	begin_part(compare, 0);
	create_waiting(compare);
	read_feed(compare);
	end_part(compare);
	for (part = 1; part < compare->parts.count; part++)
	{
		begin_part(compare, part);
		compare_waiting(compare, part);
		end_part(compare);
	}
	ExecDropSingleTupleTableSlot(compare->slot);
	SPI_finish();
	MemoryContextSwitchTo(old);
	MemoryContextDelete(context);
}
