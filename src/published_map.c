/*-------------------------------------------------------------------------
 *
 * published_map.c
 *	  What JOOR acknowledged last, in memory, to be looked up by position.
 *
 * A large map is in no cache: entries are put into it some at a time, while
 * the processor fetches the places of all of them.
 *
 * Floor 4.
 *
 * IDENTIFICATION
 *	  src/published_map.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/table.h"
#include "access/tableam.h"
#include "catalog/namespace.h"
#include "executor/tuptable.h"
#include "miscadmin.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"

#include "published_map.h"

/*
 * Entries of a part: what a table of 50 MB holds.  With assertions fewer, so
 * that tests have several parts.
 */
#ifdef USE_ASSERT_CHECKING
#define MOST_ENTRIES 40
#else
#define MOST_ENTRIES 1800000
#endif

/* So many are put into the map at a time. */
#define PENDING 16

#define SH_PREFIX entries
#define SH_ELEMENT_TYPE JoorPublishedEntry
#define SH_KEY_TYPE int64
#define SH_KEY hash
/* it is a hash; its low bits choose the part */
#define PLACE_OF(hash) ((uint32) ((uint64) (hash) >> 32))
#define SH_HASH_KEY(table, key) PLACE_OF(key)
#define SH_EQUAL(table, a, b) ((a) == (b))
#define SH_SCOPE static inline
#define SH_DECLARE
#define SH_DEFINE
#include "lib/simplehash.h"

struct JoorPublishedMap
{
	MemoryContext	   context;
	entries_hash	  *entries;
	JoorPublishedEntry pending[PENDING]; /* not yet among the entries */
	int				   npending;
};

/* The columns that are read, numbers of joor.published_item. */
typedef struct Columns
{
	AttrNumber serverid;
	AttrNumber hash;
	AttrNumber feed;
	AttrNumber key;
	AttrNumber inventory;
	AttrNumber made_to_order;
	AttrNumber published_at;
} Columns;

static Relation
open_table(void)
{
	return table_open(
		get_relname_relid("published_item", get_namespace_oid("joor", false)),
		AccessShareLock);
}

static void
find_columns(Columns *columns, Oid table)
{
	columns->serverid = get_attnum(table, "serverid");
	columns->hash = get_attnum(table, "hash");
	columns->feed = get_attnum(table, "feed");
	columns->key = get_attnum(table, "key");
	columns->inventory = get_attnum(table, "inventory");
	columns->made_to_order = get_attnum(table, "made_to_order");
	columns->published_at = get_attnum(table, "published_at");
}

void
joor_published_parts_init(JoorPublishedParts *parts, Oid serverid,
						  const char *feed)
{
	Relation table = open_table();

	parts->serverid = serverid;
	parts->feed = feed;
	/* as of the last VACUUM or ANALYZE; -1 before */
	parts->rows = (int64) Min(Max(table->rd_rel->reltuples, 0), MOST_ENTRIES);
	parts->count = 1;
	table_close(table, AccessShareLock);
}

int
joor_published_part(const JoorPublishedParts *parts, int64 hash)
{
	return (int) (hash & (parts->count - 1));
}

static entries_hash *
create_entries(const JoorPublishedMap *map, const JoorPublishedParts *parts)
{
	return entries_create(map->context,
						  (uint32) (parts->rows / parts->count + 16), NULL);
}

/* The first part is too large: there are twice as many, it holds half of it. */
static void
split(JoorPublishedMap *map, JoorPublishedParts *parts)
{
	entries_hash	   *all = map->entries;
	entries_iterator	iterator;
	JoorPublishedEntry *entry;

	parts->count *= 2;
	map->entries = create_entries(map, parts);
	entries_start_iterate(all, &iterator);
	while ((entry = entries_iterate(all, &iterator)) != NULL)
	{
		bool found;

		if (joor_published_part(parts, entry->hash) == 0)
			*entries_insert(map->entries, entry->hash, &found) = *entry;
	}
	entries_destroy(all);
}

static bool
is_null(TupleTableSlot *slot, AttrNumber column)
{
	return slot->tts_isnull[column - 1];
}

static Datum
value_of(TupleTableSlot *slot, AttrNumber column)
{
	return slot->tts_values[column - 1];
}

static bool
is_kept(TupleTableSlot *slot, const Columns *columns, const char *feed)
{
	struct varlena *name;

	if (is_null(slot, columns->key) || is_null(slot, columns->feed))
		return false;
	name = (struct varlena *) DatumGetPointer(value_of(slot, columns->feed));
	return VARSIZE_ANY_EXHDR(name) == strlen(feed) &&
		   memcmp(VARDATA_ANY(name), feed, strlen(feed)) == 0;
}

static void
put_pending(JoorPublishedMap *map, JoorPublishedParts *parts, int part)
{
	int i;

	for (i = 0; i < map->npending; i++)
	{
		JoorPublishedEntry *entry;
		bool				found;

		entry = entries_insert(map->entries, map->pending[i].hash, &found);
		entry->inventory = map->pending[i].inventory;
		entry->flags = map->pending[i].flags;
	}
	map->npending = 0;
	if (part == 0 && map->entries->members > MOST_ENTRIES)
		split(map, parts);
}

/* Adds a row, all columns of which have been taken out, if it is of the part. */
static void
add_row(JoorPublishedMap *map, TupleTableSlot *slot, const Columns *columns,
		JoorPublishedParts *parts, int part)
{
	int64				hash = DatumGetInt64(value_of(slot, columns->hash));
	JoorPublishedEntry *entry;

	if (joor_published_part(parts, hash) != part)
		return;
	joor_published_map_prefetch(map, hash);
	entry = &map->pending[map->npending++];
	entry->hash = hash;
	entry->flags = 0;
	if (!is_null(slot, columns->published_at))
		entry->flags |= JOOR_PUBLISHED_ACKNOWLEDGED;
	if (is_kept(slot, columns, parts->feed))
		entry->flags |= JOOR_PUBLISHED_KEPT;
	if (!is_null(slot, columns->inventory))
	{
		entry->flags |= JOOR_PUBLISHED_INVENTORY;
		entry->inventory = DatumGetInt64(value_of(slot, columns->inventory));
	}
	if (!is_null(slot, columns->made_to_order))
	{
		entry->flags |= JOOR_PUBLISHED_MADE_TO_ORDER_SAID;
		if (DatumGetBool(value_of(slot, columns->made_to_order)))
			entry->flags |= JOOR_PUBLISHED_MADE_TO_ORDER;
	}
	if (map->npending == PENDING)
		put_pending(map, parts, part);
}

/* Reads the whole table, as of now, without an executor between. */
static void
load(JoorPublishedMap *map, JoorPublishedParts *parts, int part)
{
	Relation		table = open_table();
	TupleTableSlot *slot = table_slot_create(table, NULL);
	TableScanDesc	scan;
	Columns			columns;

	find_columns(&columns, RelationGetRelid(table));
	PushActiveSnapshot(GetTransactionSnapshot());
	scan = table_beginscan(table, GetActiveSnapshot(), 0, NULL);
	while (table_scan_getnextslot(scan, ForwardScanDirection, slot))
	{
		CHECK_FOR_INTERRUPTS();
		slot_getallattrs(slot);
		if (DatumGetObjectId(value_of(slot, columns.serverid)) !=
			parts->serverid)
			continue;
		add_row(map, slot, &columns, parts, part);
	}
	put_pending(map, parts, part);
	table_endscan(scan);
	PopActiveSnapshot();
	ExecDropSingleTupleTableSlot(slot);
	table_close(table, AccessShareLock);
}

JoorPublishedMap *
joor_published_map_load(JoorPublishedParts *parts, int part)
{
	MemoryContext context = AllocSetContextCreate(
		CurrentMemoryContext, "joor_inventory published map",
		ALLOCSET_DEFAULT_SIZES);
	JoorPublishedMap *map =
		MemoryContextAlloc(context, sizeof(JoorPublishedMap));

	map->context = context;
	map->entries = create_entries(map, parts);
	map->npending = 0;
	load(map, parts, part);
	return map;
}

void
joor_published_map_prefetch(const JoorPublishedMap *map, int64 hash)
{
	const entries_hash *entries = map->entries;

	__builtin_prefetch(&entries->data[PLACE_OF(hash) & entries->sizemask], 1);
}

JoorPublishedEntry *
joor_published_map_find(JoorPublishedMap *map, int64 hash)
{
	return entries_lookup(map->entries, hash);
}

void
joor_published_map_walk(JoorPublishedMap *map,
						void (*visit)(void					   *arg,
									  const JoorPublishedEntry *entry),
						void *arg)
{
	entries_iterator	iterator;
	JoorPublishedEntry *entry;

	entries_start_iterate(map->entries, &iterator);
	while ((entry = entries_iterate(map->entries, &iterator)) != NULL)
		visit(arg, entry);
}

void
joor_published_map_free(JoorPublishedMap *map)
{
	MemoryContextDelete(map->context);
}
