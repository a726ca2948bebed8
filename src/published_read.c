/*-------------------------------------------------------------------------
 *
 * published_read.c
 *	  joor.published_item: reading the rows of a feed.
 *
 * Floor 4.
 *
 * IDENTIFICATION
 *	  src/published_read.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/portal.h"

#include "item_row.h"
#include "published.h"
#include "tables.h"

/* Rows that a cursor reads at a time. */
#define CURSOR_CHUNK 500

/* The columns of a row, as read_row() reads them. */
#define ROW_COLUMNS                                                         \
	"p.hash, p.published_at IS NOT NULL, p.key,"                            \
	" p.feed IS NOT DISTINCT FROM $2,"                                      \
	" p.published_at IS NULL AND p.request_id IS NULL, " JOOR_ITEM_COLUMNS( \
		"p.")

/* Their places. */
enum
{
	ROW_HASH,
	ROW_ACKNOWLEDGED,
	ROW_KEY,
	ROW_OF_FEED,
	ROW_UNTAKEN,
	ROW_ITEM, /* the first field; the others follow in their order */
	ROW_COUNT = ROW_ITEM + JOOR_FIELD_COUNT
};

struct JoorPublishedCursor
{
	char			 *portal; /* its name; NULL: it has come to its end */
	MemoryContext	  chunk;  /* of the rows that were read last */
	JoorPublishedRow *rows;
	int				  count;
	int				  next; /* of these rows */
};

/* Reads a row of ROW_COLUMNS into the current memory context. */
static void
read_row(JoorPublishedRow *row, HeapTuple tuple, TupleDesc desc)
{
	Datum values[ROW_COUNT];
	bool  nulls[ROW_COUNT];

	heap_deform_tuple(tuple, desc, values, nulls);
	row->hash = DatumGetInt64(values[ROW_HASH]);
	row->acknowledged = DatumGetBool(values[ROW_ACKNOWLEDGED]);
	row->of_feed = DatumGetBool(values[ROW_OF_FEED]);
	row->untaken = DatumGetBool(values[ROW_UNTAKEN]);
	joor_item_row_read(&row->item, values + ROW_ITEM, nulls + ROW_ITEM);
	row->item.key =
		nulls[ROW_KEY] ? NULL : TextDatumGetCString(values[ROW_KEY]);
}

/* Takes all rows of a result into a memory context, and frees the result. */
static JoorPublishedRow *
read_rows(MemoryContext context, int *count)
{
	MemoryContext	  old = MemoryContextSwitchTo(context);
	JoorPublishedRow *rows;
	int				  i;

	*count = (int) SPI_processed;
	rows = palloc_extended(sizeof(JoorPublishedRow) * (*count + 1),
						   MCXT_ALLOC_HUGE);
	for (i = 0; i < *count; i++)
		read_row(&rows[i], SPI_tuptable->vals[i], SPI_tuptable->tupdesc);
	SPI_freetuptable(SPI_tuptable);
	MemoryContextSwitchTo(old);
	return rows;
}

JoorPublishedRow *
joor_published_of_keys(Oid serverid, const char *feed, char *const *keys,
					   int nkeys, int *count)
{
	JoorArgs args = {0};

	joor_args_oid(&args, serverid);
	joor_args_text(&args, feed);
	joor_args_texts(&args, keys, nkeys);
	joor_tables_execute(
		"SELECT " ROW_COLUMNS " FROM (SELECT DISTINCT k COLLATE \"C\" FROM"
		"  pg_catalog.unnest($3::text[]) AS k) AS u(key)"
		" CROSS JOIN LATERAL (SELECT * FROM joor.published_item r"
		"  WHERE r.feed = $2 AND r.key = u.key AND r.key IS NOT NULL"
		"  OFFSET 0) p"
		" WHERE p.serverid = $1 ORDER BY p.hash",
		&args, SPI_OK_SELECT);
	return read_rows(CurrentMemoryContext, count);
}

JoorPublishedRow *
joor_published_of_hashes(Oid serverid, const char *feed, const int64 *hashes,
						 int nhashes, int *count)
{
	MemoryContext context = CurrentMemoryContext;
	JoorArgs	  args = {0};

	joor_args_oid(&args, serverid);
	joor_args_text(&args, feed);
	joor_args_ints(&args, hashes, nhashes);
	joor_tables_execute(
		"SELECT " ROW_COLUMNS " FROM pg_catalog.unnest($3::bigint[]) AS h(hash)"
		" CROSS JOIN LATERAL (SELECT * FROM joor.published_item r"
		"  WHERE r.serverid = $1 AND r.hash = h.hash OFFSET 0) p",
		&args, SPI_OK_SELECT);
	return read_rows(context, count);
}

bool
joor_published_find_key(Oid serverid, int64 hash, char **feed, char **key)
{
	JoorArgs args = {0};
	Datum	 value;

	joor_args_oid(&args, serverid);
	joor_args_int(&args, hash);
	joor_tables_execute("SELECT feed::text, key FROM joor.published_item"
						" WHERE serverid = $1 AND hash = $2",
						&args, SPI_OK_SELECT);
	if (!joor_tables_value(1, &value))
		return false;
	*feed = TextDatumGetCString(value);
	if (!joor_tables_value(2, &value))
		return false;
	*key = TextDatumGetCString(value);
	return true;
}

JoorPublishedCursor *
joor_published_open(Oid serverid, const char *feed)
{
	JoorPublishedCursor *cursor = palloc0(sizeof(JoorPublishedCursor));
	MemoryContext		 context = CurrentMemoryContext;
	JoorArgs			 args = {0};
	Portal				 portal;

	cursor->chunk = AllocSetContextCreate(
		context, "joor_inventory published rows", ALLOCSET_DEFAULT_SIZES);
	joor_args_oid(&args, serverid);
	joor_args_text(&args, feed);
	portal = SPI_cursor_open_with_args(
		NULL,
		"SELECT " ROW_COLUMNS " FROM joor.published_item p"
		" WHERE p.serverid = $1 ORDER BY p.serverid, p.hash",
		args.count, args.types, args.values, args.nulls, false,
		CURSOR_OPT_NO_SCROLL);
	MemoryContextSwitchTo(context);
	cursor->portal = pstrdup(portal->name);
	return cursor;
}

/* Reads the next rows; none: the portal is closed. */
static void
read_chunk(JoorPublishedCursor *cursor)
{
	Portal portal = SPI_cursor_find(cursor->portal);

	if (portal == NULL)
		elog(ERROR, "cursor \"%s\" is closed", cursor->portal);
	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "SPI_connect failed");
	SPI_cursor_fetch(portal, true, CURSOR_CHUNK);
	MemoryContextReset(cursor->chunk);
	cursor->rows = read_rows(cursor->chunk, &cursor->count);
	cursor->next = 0;
	SPI_finish();
}

const JoorPublishedRow *
joor_published_next(JoorPublishedCursor *cursor)
{
	if (cursor->next < cursor->count)
		return &cursor->rows[cursor->next++];
	if (cursor->portal == NULL)
		return NULL;
	read_chunk(cursor);
	if (cursor->count > 0)
		return &cursor->rows[cursor->next++];
	SPI_cursor_close(SPI_cursor_find(cursor->portal));
	cursor->portal = NULL;
	return NULL;
}

void
joor_published_close(JoorPublishedCursor *cursor)
{
	if (cursor->portal != NULL)
		SPI_cursor_close(SPI_cursor_find(cursor->portal));
	MemoryContextDelete(cursor->chunk);
	pfree(cursor);
}
