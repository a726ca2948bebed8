/*-------------------------------------------------------------------------
 *
 * published.c
 *	  joor.published_item: writing what JOOR acknowledged.
 *
 * Each change is one statement for all items of a request.  They are handed
 * to it as a tuplestore under the name "items", as a trigger gets its
 * transition tables: no array of each column is made, nor taken apart again.
 *
 * A row is rewritten at each acknowledgement, equal or not, since its request
 * and its time are new.  No indexed column changes, and the table's fillfactor
 * leaves room for the new version beside the old one, so no index is written.
 *
 * Floor 4.
 *
 * IDENTIFICATION
 *	  src/published.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_collation.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"
#include "utils/tuplestore.h"

#include "item_row.h"
#include "published.h"
#include "tables.h"

/* The columns of "items", counted from 0. */
enum
{
	ITEMS_HASH,
	ITEMS_KEY,
	ITEMS_FIELDS, /* the first field; the others follow in their order */
	ITEMS_COLUMNS = ITEMS_FIELDS + JOOR_FIELD_COUNT
};

/* An item and its place in the order of writing. */
typedef struct Ordered
{
	int64			hash;
	const JoorItem *item;
} Ordered;

/* What a statement reads as "items". */
typedef struct Staged
{
	EphemeralNamedRelationData relation;
	Tuplestorestate			  *tuples;
	TupleDesc				   desc;
} Staged;

/*
 * Staging the items of a statement.
 */

static int
compare_hashes(const void *a, const void *b)
{
	int64 x = ((const Ordered *) a)->hash;
	int64 y = ((const Ordered *) b)->hash;

	return x < y ? -1 : x > y;
}

/* Of items of one hash the first is left; how many there are then. */
static int
sort_items(Ordered *ordered, int count)
{
	int kept = 0;
	int i;

	qsort(ordered, count, sizeof(Ordered), compare_hashes);
	for (i = 0; i < count; i++)
		if (kept == 0 || ordered[i].hash != ordered[kept - 1].hash)
			ordered[kept++] = ordered[i];
	return kept;
}

static TupleDesc
staged_desc(void)
{
	static const Oid types[] = {
		[JOOR_TYPE_TEXT] = TEXTOID,
		[JOOR_TYPE_DATE] = DATEOID,
		[JOOR_TYPE_INTEGER] = INT8OID,
		[JOOR_TYPE_BOOLEAN] = BOOLOID,
	};
	TupleDesc desc = CreateTemplateTupleDesc(ITEMS_COLUMNS);
	int		  field;

	TupleDescInitEntry(desc, ITEMS_HASH + 1, "hash", INT8OID, -1, 0);
	TupleDescInitEntry(desc, ITEMS_KEY + 1, "key", TEXTOID, -1, 0);
	TupleDescInitEntryCollation(desc, ITEMS_KEY + 1, C_COLLATION_OID);
	for (field = 0; field < JOOR_FIELD_COUNT; field++)
		TupleDescInitEntry(desc, ITEMS_FIELDS + field + 1,
						   joor_fields[field].name,
						   types[joor_fields[field].type], -1, 0);
	return desc;
}

/* The fields of an item that its row holds. */
static uint32
stored_fields(const JoorItem *item)
{
	uint32 made_to_order = JOOR_FIELD_BIT(JOOR_FIELD_MADE_TO_ORDER);

	if ((item->sent & made_to_order) != 0 &&
		item->value[JOOR_FIELD_MADE_TO_ORDER].boolean)
		return item->sent & ~JOOR_FIELD_BIT(JOOR_FIELD_INVENTORY);
	return item->sent;
}

static void
put_items(Staged *staged, const Ordered *ordered, int count)
{
	MemoryContext row = AllocSetContextCreate(CurrentMemoryContext,
											  "joor_inventory published row",
											  ALLOCSET_SMALL_SIZES);
	MemoryContext old = MemoryContextSwitchTo(row);
	Datum		  values[ITEMS_COLUMNS];
	bool		  nulls[ITEMS_COLUMNS];
	int			  i;

	for (i = 0; i < count; i++)
	{
		const JoorItem *item = ordered[i].item;

		values[ITEMS_HASH] = Int64GetDatum(ordered[i].hash);
		nulls[ITEMS_HASH] = false;
		nulls[ITEMS_KEY] = item->key == NULL;
		if (item->key != NULL)
			values[ITEMS_KEY] = CStringGetTextDatum(item->key);
		joor_item_row_fill(item, stored_fields(item), values + ITEMS_FIELDS,
						   nulls + ITEMS_FIELDS);
		tuplestore_putvalues(staged->tuples, staged->desc, values, nulls);
		MemoryContextReset(row);
	}
	MemoryContextSwitchTo(old);
	MemoryContextDelete(row);
}

/* Makes the items readable as "items" until unstage(). */
static void
stage(Staged *staged, Ordered *ordered, int count)
{
	count = sort_items(ordered, count);
	MemSet(staged, 0, sizeof(*staged));
	staged->desc = staged_desc();
	staged->tuples = tuplestore_begin_heap(false, false, work_mem);
	put_items(staged, ordered, count);
	staged->relation.md.name = "items";
	staged->relation.md.tupdesc = staged->desc;
	staged->relation.md.enrtype = ENR_NAMED_TUPLESTORE;
	staged->relation.md.enrtuples = count;
	staged->relation.reldata = staged->tuples;
	if (SPI_register_relation(&staged->relation) != SPI_OK_REL_REGISTER)
		elog(ERROR, "SPI_register_relation failed");
}

static void
unstage(Staged *staged)
{
	if (SPI_unregister_relation("items") != SPI_OK_REL_UNREGISTER)
		elog(ERROR, "SPI_unregister_relation failed");
	tuplestore_end(staged->tuples);
	FreeTupleDesc(staged->desc);
}

/*
 * Writing.
 */

/*
 * That it is a row of account $1 and one of the hashes $2, for which a
 * condition holds.  Of "hash = ANY ($2)" the planner might think that it is
 * cheaper to read all rows of the account than to look up each hash.
 */
#define IS_ROW_WHERE(condition)                                      \
	"ctid = ANY (ARRAY("                                             \
	" SELECT q.ctid FROM pg_catalog.unnest($2::bigint[]) AS d(hash)" \
	" CROSS JOIN LATERAL (SELECT e.ctid FROM joor.published_item e"  \
	"  WHERE e.serverid = $1 AND e.hash = d.hash AND " condition     \
	"  OFFSET 0) q))"

void
joor_published_intend(Oid serverid, const char *server, int64 request_id,
					  const char *feed, const JoorItem *items, int count)
{
	Ordered *ordered =
		palloc_extended(sizeof(Ordered) * (count + 1), MCXT_ALLOC_HUGE);
	JoorArgs args = {0};
	Staged	 staged;
	int		 i;

	for (i = 0; i < count; i++)
	{
		ordered[i].hash = (int64) joor_item_hash(&items[i]);
		ordered[i].item = &items[i];
	}
	stage(&staged, ordered, count);
	joor_args_oid(&args, serverid);
	joor_args_text(&args, server);
	joor_args_int(&args, request_id);
	joor_args_text(&args, feed);
	/* a conflict writes to the row in any case, so the common case is none */
	joor_tables_execute(
		"INSERT INTO joor.published_item AS p (serverid, server, request_id,"
		"  feed, key, hash, " JOOR_POSITION_COLUMNS(
			"") ")"
				" SELECT $1, $2, $3, $4, i.key, i.hash, " JOOR_POSITION_COLUMNS(
					"i.") " FROM items i WHERE NOT EXISTS (SELECT FROM joor.published_item r"
						  "  WHERE r.serverid = $1 AND r.hash = i.hash AND r.feed = $4"
						  "   AND r.key = i.key AND (r.published_at IS NOT NULL"
						  "    OR r.request_id IS NOT NULL))"
						  " ON CONFLICT (serverid, hash)"
						  " DO UPDATE SET feed = EXCLUDED.feed, key = EXCLUDED.key,"
						  "  request_id = CASE WHEN p.published_at IS NULL"
						  "   THEN COALESCE(p.request_id, EXCLUDED.request_id)"
						  "   ELSE p.request_id END",
		&args, SPI_OK_INSERT);
	unstage(&staged);
	pfree(ordered);
}

void
joor_published_refuse(Oid serverid, int64 request_id, const int64 *hashes,
					  int count)
{
	JoorArgs args = {0};

	if (count == 0)
		return;
	joor_args_oid(&args, serverid);
	joor_args_ints(&args, hashes, count);
	joor_args_int(&args, request_id);
	joor_tables_execute("UPDATE joor.published_item SET request_id = NULL"
						" WHERE " IS_ROW_WHERE("e.request_id = $3"
											   " AND e.published_at IS NULL"),
						&args, SPI_OK_UPDATE);
}

void
joor_published_record(Oid serverid, const char *server, int64 request_id,
					  bool overwrite, const JoorItem *const *items, int count)
{
	Ordered *ordered =
		palloc_extended(sizeof(Ordered) * (count + 1), MCXT_ALLOC_HUGE);
	JoorArgs args = {0};
	Staged	 staged;
	int		 i;

	for (i = 0; i < count; i++)
	{
		ordered[i].hash = (int64) joor_item_hash(items[i]);
		ordered[i].item = items[i];
	}
	stage(&staged, ordered, count);
	joor_args_oid(&args, serverid);
	joor_args_text(&args, server);
	joor_args_int(&args, request_id);
	joor_args_time(&args, GetCurrentTimestamp());
	joor_tables_execute(
		"INSERT INTO joor.published_item AS p (serverid, server, request_id,"
		"  published_at, hash, " JOOR_ITEM_COLUMNS(
			"") ")"
				" SELECT $1, $2, $3, $4, i.hash, " JOOR_ITEM_COLUMNS(
					"i.") " FROM items i ON CONFLICT (serverid, hash)"
						  " DO UPDATE SET server = EXCLUDED.server,"
						  "  inventory = EXCLUDED.inventory,"
						  "  made_to_order = EXCLUDED.made_to_order,"
						  "  request_id = EXCLUDED.request_id,"
						  "  published_at = EXCLUDED.published_at",
		&args, SPI_OK_INSERT);
	unstage(&staged);
	pfree(ordered);
	if (overwrite)
	{
		args.count = 0;
		joor_args_oid(&args, serverid);
		joor_args_int(&args, request_id);
		joor_tables_execute("DELETE FROM joor.published_item"
							" WHERE serverid = $1"
							"  AND request_id IS DISTINCT FROM $2",
							&args, SPI_OK_DELETE);
	}
}

void
joor_published_detach(Oid serverid, const int64 *hashes, int count)
{
	JoorArgs args = {0};

	if (count == 0)
		return;
	joor_args_oid(&args, serverid);
	joor_args_ints(&args, hashes, count);
	joor_tables_execute("UPDATE joor.published_item SET key = NULL"
						" WHERE " IS_ROW_WHERE("e.key IS NOT NULL"),
						&args, SPI_OK_UPDATE);
}

void
joor_published_forget(const char *feed)
{
	JoorArgs args = {0};

	joor_args_text(&args, feed);
	joor_tables_execute("WITH mine AS (SELECT serverid, hash"
						"  FROM joor.published_item WHERE feed = $1"
						"  ORDER BY serverid, hash FOR UPDATE)"
						" UPDATE joor.published_item p SET feed = NULL,"
						"  key = NULL FROM mine m"
						" WHERE p.serverid = m.serverid AND p.hash = m.hash",
						&args, SPI_OK_UPDATE);
}

void
joor_published_count(Oid serverid, const int64 *hashes, int count, int64 *all,
					 int64 *among)
{
	JoorArgs args = {0};
	Datum	 value;

	joor_args_oid(&args, serverid);
	joor_args_ints(&args, hashes, count);
	joor_tables_execute(
		"SELECT (SELECT pg_catalog.count(*) FROM joor.published_item"
		"  WHERE serverid = $1 AND published_at IS NOT NULL),"
		" (SELECT pg_catalog.count(p.hash)"
		"  FROM pg_catalog.unnest($2::bigint[]) AS h(hash)"
		"  CROSS JOIN LATERAL (SELECT r.hash FROM joor.published_item r"
		"   WHERE r.serverid = $1 AND r.hash = h.hash"
		"    AND r.published_at IS NOT NULL OFFSET 0) p)",
		&args, SPI_OK_SELECT);
	*all = joor_tables_value(1, &value) ? DatumGetInt64(value) : 0;
	*among = joor_tables_value(2, &value) ? DatumGetInt64(value) : 0;
}

/*
 * All rows move to the servers of their names at once, whichever server is
 * activated first: server ids may have changed places.  The sort lets all of
 * them leave before the first one arrives.
 */
void
joor_published_adopt(Oid serverid, const char *server)
{
	JoorArgs args = {0};

	joor_tables_execute(
		"WITH moved AS (DELETE FROM joor.published_item p"
		"  USING pg_catalog.pg_foreign_server s"
		"  WHERE s.srvname = p.server AND s.oid <> p.serverid"
		"  RETURNING s.oid AS home, p.*)"
		" INSERT INTO joor.published_item (serverid, server, hash, feed, key,"
		"  " JOOR_ITEM_COLUMNS(
			"") ", request_id, published_at)"
				" SELECT home, server, hash, feed, key, " JOOR_ITEM_COLUMNS(
					"") ", request_id, published_at"
						" FROM moved ORDER BY home, hash ON CONFLICT DO NOTHING",
		&args, SPI_OK_INSERT);
	joor_args_oid(&args, serverid);
	joor_args_text(&args, server);
	/* what still stands here under another name is of a server renamed */
	joor_tables_execute("UPDATE joor.published_item"
						" SET server = $2, request_id = CASE WHEN published_at"
						"  IS NULL AND request_id IS NOT NULL THEN 0 END"
						" WHERE serverid = $1"
						"  AND (request_id IS NOT NULL OR server <> $2)",
						&args, SPI_OK_UPDATE);
}
