/*-------------------------------------------------------------------------
 *
 * published_map.c
 *	  What JOOR acknowledged last, in memory, to be looked up by position.
 *
 * Floor 4.
 *
 * IDENTIFICATION
 *	  src/published_map.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "utils/memutils.h"
#include "utils/portal.h"

#include "published_map.h"
#include "tables.h"

/*
 * Entries of a part: what a table of 50 MB holds.  With assertions fewer, so
 * that tests have several parts.
 */
#ifdef USE_ASSERT_CHECKING
#define MOST_ENTRIES 40
#else
#define MOST_ENTRIES 1800000
#endif

/* Rows that are read at a time. */
#define CHUNK 1000

#define SH_PREFIX entries
#define SH_ELEMENT_TYPE JoorPublishedEntry
#define SH_KEY_TYPE int64
#define SH_KEY hash
/* it is a hash; its low bits choose the part */
#define SH_HASH_KEY(table, key) ((uint32) ((uint64) (key) >> 32))
#define SH_EQUAL(table, a, b) ((a) == (b))
#define SH_SCOPE static inline
#define SH_DECLARE
#define SH_DEFINE
#include "lib/simplehash.h"

struct JoorPublishedMap
{
	MemoryContext context;
	entries_hash *entries;
};

/* The columns that are read. */
enum
{
	COLUMN_HASH,
	COLUMN_ACKNOWLEDGED,
	COLUMN_KEPT,
	COLUMN_INVENTORY,
	COLUMN_MADE_TO_ORDER,
	COLUMNS
};

/* Rows of the table, as of the last VACUUM or ANALYZE. */
static int64
estimate_rows(void)
{
	JoorArgs args = {0};
	Datum	 value;

	joor_tables_execute("SELECT GREATEST(reltuples, 0)::bigint"
						" FROM pg_catalog.pg_class"
						" WHERE oid = 'joor.published_item'::regclass",
						&args, SPI_OK_SELECT);
	return joor_tables_value(1, &value) ? DatumGetInt64(value) : 0;
}

void
joor_published_parts_init(JoorPublishedParts *parts, Oid serverid,
						  const char *feed)
{
	parts->serverid = serverid;
	parts->feed = feed;
	parts->rows = Min(estimate_rows(), MOST_ENTRIES);
	parts->count = 1;
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

static void
add_row(JoorPublishedMap *map, HeapTuple tuple, TupleDesc desc,
		const JoorPublishedParts *parts, int part)
{
	JoorPublishedEntry *entry;
	Datum				values[COLUMNS];
	bool				nulls[COLUMNS];
	bool				found;
	int64				hash;

	heap_deform_tuple(tuple, desc, values, nulls);
	hash = DatumGetInt64(values[COLUMN_HASH]);
	if (joor_published_part(parts, hash) != part)
		return;
	entry = entries_insert(map->entries, hash, &found);
	entry->flags = 0;
	if (DatumGetBool(values[COLUMN_ACKNOWLEDGED]))
		entry->flags |= JOOR_PUBLISHED_ACKNOWLEDGED;
	if (DatumGetBool(values[COLUMN_KEPT]))
		entry->flags |= JOOR_PUBLISHED_KEPT;
	if (!nulls[COLUMN_INVENTORY])
	{
		entry->flags |= JOOR_PUBLISHED_INVENTORY;
		entry->inventory = DatumGetInt64(values[COLUMN_INVENTORY]);
	}
	if (!nulls[COLUMN_MADE_TO_ORDER])
	{
		entry->flags |= JOOR_PUBLISHED_MADE_TO_ORDER_SAID;
		if (DatumGetBool(values[COLUMN_MADE_TO_ORDER]))
			entry->flags |= JOOR_PUBLISHED_MADE_TO_ORDER;
	}
}

/* All of an account is read, which the planner may do as it likes. */
static Portal
open_rows(const JoorPublishedParts *parts)
{
	JoorArgs args = {0};

	joor_tables_reset_planner();
	joor_args_oid(&args, parts->serverid);
	joor_args_text(&args, parts->feed);
	return SPI_cursor_open_with_args(
		NULL,
		"SELECT hash, published_at IS NOT NULL,"
		" feed IS NOT DISTINCT FROM $2 AND key IS NOT NULL,"
		" inventory, made_to_order FROM joor.published_item"
		" WHERE serverid = $1",
		args.count, args.types, args.values, args.nulls, false,
		CURSOR_OPT_NO_SCROLL);
}

JoorPublishedMap *
joor_published_map_load(JoorPublishedParts *parts, int part)
{
	MemoryContext context = AllocSetContextCreate(
		CurrentMemoryContext, "joor_inventory published map",
		ALLOCSET_DEFAULT_SIZES);
	MemoryContext	  old = CurrentMemoryContext;
	JoorPublishedMap *map =
		MemoryContextAlloc(context, sizeof(JoorPublishedMap));
	Portal portal = open_rows(parts);
	uint64 i;

	map->context = context;
	map->entries = create_entries(map, parts);
	do
	{
		CHECK_FOR_INTERRUPTS();
		SPI_cursor_fetch(portal, true, CHUNK);
		for (i = 0; i < SPI_processed; i++)
			add_row(map, SPI_tuptable->vals[i], SPI_tuptable->tupdesc, parts,
					part);
		SPI_freetuptable(SPI_tuptable);
		if (part == 0 && map->entries->members > MOST_ENTRIES)
			split(map, parts);
	} while (SPI_processed > 0);
	SPI_cursor_close(portal);
	MemoryContextSwitchTo(old);
	return map;
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
