/*-------------------------------------------------------------------------
 *
 * queue.c
 *	  joor.queue_item: reading and deleting entries; who has any.
 *
 * A batch is found in two steps.  Walking the entries of an account in the
 * order of their ids gives the positions that have waited longest; then the
 * latest entry of each of them is looked up by the position's hash, so that a
 * quantity that is outdated already is not sent.  Both go by an index and
 * cost what the batch costs, however long the queue is.
 *
 * What concerns an account as a whole also counts the entries of its feeds, in
 * joor.queue_change.
 *
 * Floor 4: the SQL text of joor.queue_item stands here.
 *
 * IDENTIFICATION
 *	  src/queue.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "utils/builtins.h"
#include "utils/hsearch.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"

#include "item_row.h"
#include "queue.h"
#include "queue_column.h"

/* Entries that a walk reads at a time, and at most for each position. */
#define WALK_CHUNK_MIN 100
#define WALK_CHUNK_MAX 1000
#define WALK_PER_POSITION 20

/* The columns of an entry, as take_entry() reads them. */
#define ENTRY_COLUMNS "q.id, q.hash, q.dec_pending, " JOOR_ITEM_COLUMNS("q.")

/* Their places. */
enum
{
	ENTRY_ID,
	ENTRY_HASH,
	ENTRY_DEC_PENDING,
	ENTRY_ITEM, /* the first field; the others follow in their order */
	ENTRY_COUNT = ENTRY_ITEM + JOOR_FIELD_COUNT
};

/*
 * From the newest entry down, here and in joor_queue_has(): what has been
 * consumed lies at the other end of the index.
 */
List *
joor_queue_servers(void)
{
	JoorArgs	  args = {0};
	MemoryContext context;
	List		 *servers = NIL;
	uint64		  i;

	joor_tables_execute("WITH RECURSIVE s AS ("
						" (SELECT serverid FROM joor.queue_item"
						"   ORDER BY serverid DESC, id DESC LIMIT 1)"
						" UNION ALL"
						" SELECT (SELECT q.serverid FROM joor.queue_item q"
						"  WHERE q.serverid < s.serverid"
						"  ORDER BY q.serverid DESC, q.id DESC LIMIT 1)"
						" FROM s WHERE s.serverid IS NOT NULL)"
						" SELECT serverid FROM s WHERE serverid IS NOT NULL"
						" UNION SELECT f.serverid FROM joor.feed_definition f"
						" CROSS JOIN LATERAL ((SELECT FROM joor.queue_change c"
						"   WHERE c.feed = f.name AND c.id IS NOT NULL"
						"   ORDER BY c.feed DESC, c.id DESC LIMIT 1)"
						"  UNION ALL (SELECT FROM joor.queue_change c"
						"   WHERE c.feed = f.name AND c.id IS NULL LIMIT 1)"
						"  LIMIT 1) q",
						&args, SPI_OK_SELECT);
	context = MemoryContextSwitchTo(TopTransactionContext);
	for (i = 0; i < SPI_processed; i++)
	{
		bool  isnull;
		Datum serverid = SPI_getbinval(SPI_tuptable->vals[i],
									   SPI_tuptable->tupdesc, 1, &isnull);

		servers = lappend_oid(servers, DatumGetObjectId(serverid));
	}
	MemoryContextSwitchTo(context);
	return servers;
}

/* A set of positions, which holds some already. */
static HTAB *
make_seen(int max_items, const int64 *held, int nheld)
{
	HASHCTL info = {0};
	HTAB   *seen;
	int		i;

	info.keysize = sizeof(int64);
	info.entrysize = sizeof(int64);
	info.hcxt = CurrentMemoryContext;
	seen = hash_create("joor_inventory positions", max_items + nheld, &info,
					   HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	for (i = 0; i < nheld; i++)
		(void) hash_search(seen, &held[i], HASH_ENTER, NULL);
	return seen;
}

/*
 * Walks the entries from the beginning of the scan until it has found
 * max_items positions besides those that are seen already; their hashes, in
 * the order of the walk.
 */
static int
walk(Oid serverid, int max_items, HTAB *seen, JoorQueueScan *scan,
	 int64 *hashes)
{
	int64 first_id = 0;
	int64 last_id = scan->begin;
	int	  count = 0;
	int	  entries = 0;

	for (;;)
	{
		uint64 chunk =
			Max(WALK_CHUNK_MIN, Min(WALK_CHUNK_MAX, max_items - count));
		JoorArgs args = {0};
		uint64	 i;

		joor_args_oid(&args, serverid);
		joor_args_int(&args, last_id);
		joor_args_int(&args, (int64) chunk);
		joor_tables_execute("SELECT id, hash FROM joor.queue_item"
							" WHERE serverid = $1 AND id > $2"
							" ORDER BY serverid, id LIMIT $3",
							&args, SPI_OK_SELECT);
		for (i = 0; i < SPI_processed && count < max_items; i++)
		{
			HeapTuple tuple = SPI_tuptable->vals[i];
			bool	  isnull;
			bool	  found;
			int64	  hash;

			last_id = DatumGetInt64(
				SPI_getbinval(tuple, SPI_tuptable->tupdesc, 1, &isnull));
			hash = DatumGetInt64(
				SPI_getbinval(tuple, SPI_tuptable->tupdesc, 2, &isnull));
			if (first_id == 0)
				first_id = last_id;
			hash_search(seen, &hash, HASH_ENTER, &found);
			if (!found)
				hashes[count++] = hash;
		}
		entries += (int) SPI_processed;
		SPI_freetuptable(SPI_tuptable);
		if (i < chunk || count == max_items ||
			(count > 0 && entries >= max_items * WALK_PER_POSITION))
			break;
	}
	joor_queue_scan_advance(scan, first_id, last_id);
	return count;
}

/* Reads a row of ENTRY_COLUMNS into the next place of the batch. */
static void
take_entry(JoorQueueBatch *batch, HeapTuple tuple, TupleDesc desc)
{
	Datum values[ENTRY_COUNT];
	bool  nulls[ENTRY_COUNT];
	bool  dec_pending;

	heap_deform_tuple(tuple, desc, values, nulls);
	dec_pending = DatumGetBool(values[ENTRY_DEC_PENDING]);
	if (batch->count == 0)
		batch->dec_pending = dec_pending;
	if (dec_pending != batch->dec_pending)
		return; /* for another request */
	batch->ids[batch->count] = DatumGetInt64(values[ENTRY_ID]);
	batch->hashes[batch->count] = DatumGetInt64(values[ENTRY_HASH]);
	joor_item_row_read(&batch->items[batch->count], values + ENTRY_ITEM,
					   nulls + ENTRY_ITEM);
	batch->count++;
}

/* Takes all rows of a result, and frees it. */
static void
take_entries(JoorQueueBatch *batch, MemoryContext context)
{
	Size   count = SPI_processed + 1;
	uint64 i;

	MemoryContextSwitchTo(context);
	batch->items = palloc_extended(sizeof(JoorItem) * count, MCXT_ALLOC_HUGE);
	batch->ids = palloc_extended(sizeof(int64) * count, MCXT_ALLOC_HUGE);
	batch->hashes = palloc_extended(sizeof(int64) * count, MCXT_ALLOC_HUGE);
	for (i = 0; i < SPI_processed; i++)
		take_entry(batch, SPI_tuptable->vals[i], SPI_tuptable->tupdesc);
	SPI_freetuptable(SPI_tuptable);
}

void
joor_queue_read_positions(Oid serverid, const int64 *hashes, int count,
						  JoorQueueBatch *batch)
{
	MemoryContext context = CurrentMemoryContext;
	JoorArgs	  args = {0};

	MemSet(batch, 0, sizeof(*batch));
	if (count == 0)
		return;
	joor_args_oid(&args, serverid);
	joor_args_ints(&args, hashes, count);
	joor_tables_execute(
		"SELECT " ENTRY_COLUMNS
		" FROM pg_catalog.unnest($2::bigint[]) WITH ORDINALITY AS h(hash, n)"
		" CROSS JOIN LATERAL (SELECT * FROM joor.queue_item e"
		"  WHERE e.serverid = $1 AND e.hash = h.hash"
		"  ORDER BY e.serverid DESC, e.hash DESC, e.id DESC LIMIT 1) q"
		" ORDER BY h.n",
		&args, SPI_OK_SELECT);
	take_entries(batch, context);
}

void
joor_queue_read_rejections(JoorArgs *args, JoorQueueBatch *batch)
{
	MemoryContext context = CurrentMemoryContext;

	MemSet(batch, 0, sizeof(*batch));
	joor_tables_execute(
		"SELECT q.id, 0::bigint, false, " JOOR_ITEM_COLUMNS(
			"q.") " FROM joor.rejection q WHERE q.serverid = $1 AND q.id = ANY ($2)"
				  "  AND q.closed_at IS NULL ORDER BY q.id",
		args, SPI_OK_SELECT);
	take_entries(batch, context);
}

void
joor_queue_read(Oid serverid, int max_items, const int64 *held, int nheld,
				JoorQueueScan *scan, JoorQueueBatch *batch)
{
	int64 *hashes = palloc(sizeof(int64) * max_items);
	HTAB  *seen = make_seen(max_items, held, nheld);
	int	   count = walk(serverid, max_items, seen, scan, hashes);

	hash_destroy(seen);
	joor_queue_read_positions(serverid, hashes, count, batch);
	pfree(hashes);
}

int64
joor_queue_first(Oid serverid, const JoorQueueScan *scan)
{
	JoorArgs args = {0};
	Datum	 value;

	joor_args_oid(&args, serverid);
	joor_args_int(&args, scan->begin);
	joor_tables_execute("SELECT id FROM joor.queue_item"
						" WHERE serverid = $1 AND id > $2"
						" ORDER BY serverid, id LIMIT 1",
						&args, SPI_OK_SELECT);
	return joor_tables_value(1, &value) ? DatumGetInt64(value) : 0;
}

void
joor_queue_delete(Oid serverid, const int64 *hashes, const int64 *ids,
				  int count)
{
	JoorArgs args = {0};

	if (count == 0)
		return;
	joor_args_oid(&args, serverid);
	joor_args_ints(&args, hashes, count);
	joor_args_ints(&args, ids, count);
	joor_tables_execute(
		"DELETE FROM joor.queue_item WHERE ctid = ANY (ARRAY("
		" SELECT q.ctid FROM ROWS FROM (pg_catalog.unnest($2::bigint[]),"
		"  pg_catalog.unnest($3::bigint[])) AS d(hash, id)"
		" CROSS JOIN LATERAL (SELECT e.ctid FROM joor.queue_item e"
		"  WHERE e.serverid = $1 AND e.hash = d.hash AND e.id <= d.id"
		"  ORDER BY e.serverid, e.hash, e.id OFFSET 0) q))",
		&args, SPI_OK_DELETE);
}

void
joor_queue_supersede(Oid serverid, const int64 *hashes, int count,
					 const char *snapshot)
{
	JoorArgs args = {0};

	joor_args_oid(&args, serverid);
	joor_args_ints(&args, hashes, count);
	joor_args_text(&args, snapshot);
	joor_tables_execute(
		"DELETE FROM joor.queue_item WHERE ctid = ANY (ARRAY("
		" SELECT q.ctid FROM pg_catalog.unnest($2::bigint[]) AS d(hash)"
		" CROSS JOIN LATERAL (SELECT e.ctid FROM joor.queue_item e"
		"  WHERE e.serverid = $1 AND e.hash = d.hash"
		"   AND pg_catalog.pg_visible_in_snapshot(e.xid, $3::pg_snapshot)"
		"  ORDER BY e.serverid, e.hash, e.id OFFSET 0) q))",
		&args, SPI_OK_DELETE);
}

char *
joor_queue_snapshot(void)
{
	MemoryContext context = CurrentMemoryContext;
	JoorTables	  tables;
	JoorArgs	  args = {0};
	Datum		  value;
	char		 *snapshot;

	joor_tables_open(&tables);
	joor_tables_execute("SELECT pg_catalog.pg_current_snapshot()::text", &args,
						SPI_OK_SELECT);
	if (!joor_tables_value(1, &value))
		elog(ERROR, "there is no current snapshot");
	snapshot = MemoryContextStrdup(context, TextDatumGetCString(value));
	joor_tables_close(&tables);
	return snapshot;
}

int64
joor_queue_last_id(void)
{
	JoorTables tables;
	JoorArgs   args = {0};
	Datum	   value;
	int64	   id = 0;

	joor_tables_open(&tables);
	joor_tables_execute("SELECT CASE WHEN is_called THEN last_value ELSE 0 END"
						" FROM joor.queue_id_seq",
						&args, SPI_OK_SELECT);
	if (joor_tables_value(1, &value))
		id = DatumGetInt64(value);
	joor_tables_close(&tables);
	return id;
}

bool
joor_queue_has(Oid serverid, int64 last_id)
{
	JoorArgs args = {0};

	joor_args_oid(&args, serverid);
	joor_args_int(&args, last_id);
	joor_tables_execute("(SELECT 1 FROM joor.queue_item WHERE serverid = $1"
						"  AND id <= $2"
						"  ORDER BY serverid DESC, id DESC LIMIT 1)"
						" UNION ALL (SELECT 1 FROM joor.queue_item"
						"  WHERE serverid = $1 AND since <= $2"
						"  AND since IS NOT NULL LIMIT 1)"
						" UNION ALL SELECT 1 FROM joor.feed_definition f"
						" CROSS JOIN LATERAL (SELECT FROM joor.queue_change c"
						"  WHERE c.feed = f.name AND c.id <= $2"
						"  ORDER BY c.feed DESC, c.id DESC LIMIT 1) q"
						" WHERE f.serverid = $1 LIMIT 1",
						&args, SPI_OK_SELECT);
	return SPI_processed > 0;
}

void
joor_queue_adopt(Oid serverid, const char *server)
{
	JoorArgs args = {0};

	joor_args_oid(&args, serverid);
	joor_args_text(&args, server);
	joor_tables_execute("UPDATE joor.queue_item SET serverid = 0"
						" WHERE serverid = $1 AND server <> $2",
						&args, SPI_OK_UPDATE);
	/* xids of another cluster mean nothing here */
	joor_tables_execute("UPDATE joor.queue_item SET serverid = $1,"
						"  xid = pg_catalog.pg_current_xact_id()"
						" WHERE server = $2",
						&args, SPI_OK_UPDATE);
	joor_tables_execute("UPDATE joor.queue_change c"
						" SET xid = pg_catalog.pg_current_xact_id()"
						" FROM joor.feed_definition f"
						" WHERE f.serverid = $1 AND c.feed = f.name",
						&args, SPI_OK_UPDATE);
}
