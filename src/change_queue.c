/*-------------------------------------------------------------------------
 *
 * change_queue.c
 *	  Reads and deletes what joor.queue_change holds of a feed.
 *
 * Floor 4.
 *
 * IDENTIFICATION
 *	  src/change_queue.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/xid8.h"

#include "change_queue.h"
#include "key_index.h"

/* Rows that are read at a time, and that changes have at most. */
#define CHUNK 500
#define ROWS_MAX 100000

/*
 * When there is no room for more keys, rows are still taken up for those that
 * were, as long as they are frequent: keys that are looked at for each of them,
 * and in all; and rows that keep others, which are written anew.
 */
#define LOOKS_PER_KEY 20
#define LOOKS_MAX 100000
#define PARTLY_MAX 1000

/* Rows that get a number at a time. */
#define NUMBERED_MAX 10000

/* Rows, and keys, that there is room for at first. */
#define FIRST_ALLOCATED 64

/* A transaction's number as a parameter of the type xid8. */
static void
args_xid(JoorArgs *args, uint64 xid)
{
	joor_args_datum(args, XID8OID,
					FullTransactionIdGetDatum(FullTransactionIdFromU64(xid)));
}

/*
 * The rows are found by reading the whole table, most of whose rows have no
 * number yet when there are many; what is numbered is compact.  A number is
 * taken by a transaction that has an xid; see JoorQueueScan.
 */
void
joor_changes_number(Oid serverid)
{
	JoorArgs args = {0};

	joor_args_oid(&args, serverid);
	joor_args_int(&args, NUMBERED_MAX);
	joor_tables_execute(
		"UPDATE joor.queue_change"
		" SET id = pg_catalog.nextval('joor.queue_id_seq'::regclass)"
		" WHERE ctid = ANY (ARRAY(SELECT c.ctid FROM joor.queue_change c"
		"  WHERE c.id IS NULL AND c.feed = ANY (ARRAY("
		"   SELECT name FROM joor.feed_definition WHERE serverid = $1))"
		"  LIMIT $2 FOR UPDATE SKIP LOCKED))",
		&args, SPI_OK_UPDATE);
}

bool
joor_changes_unnumbered(Oid serverid, uint64 before_xid)
{
	JoorArgs args = {0};

	joor_args_oid(&args, serverid);
	args_xid(&args, before_xid);
	joor_tables_execute("SELECT 1 FROM joor.queue_change c"
						" WHERE c.id IS NULL AND c.xid < $2"
						"  AND c.feed = ANY (ARRAY(SELECT name"
						"   FROM joor.feed_definition WHERE serverid = $1))"
						" LIMIT 1",
						&args, SPI_OK_SELECT);
	return SPI_processed > 0;
}

int64
joor_changes_first(const char *feed, const JoorQueueScan *scan)
{
	JoorArgs args = {0};
	Datum	 value;

	joor_args_text(&args, feed);
	joor_args_int(&args, scan->begin);
	joor_tables_execute("SELECT id FROM joor.queue_change"
						" WHERE feed = $1 AND id > $2"
						" ORDER BY feed, id, part LIMIT 1",
						&args, SPI_OK_SELECT);
	return joor_tables_value(1, &value) ? DatumGetInt64(value) : 0;
}

/*
 * Reading.
 */

/* What a walk over the rows has gathered. */
typedef struct Walk
{
	JoorChanges	 *changes;
	int			  max_keys;
	int			  allocated;	  /* rows */
	int			  keys_allocated; /* keys */
	JoorKeyIndex *index;
	MemoryContext context;	/* of the result */
	int64		  first_id; /* of all rows; 0: there are none */
	bool		  full;		/* there was no room for a key */
	int			  looked;	/* keys that were looked at since */
	int			  known;	/* of which had been taken up */
	int			  npartly;	/* rows of which others have to wait */
	bool		  ended;
} Walk;

static void
add_key(Walk *walk, char *key)
{
	JoorChanges *changes = walk->changes;

	if (changes->nkeys == walk->keys_allocated)
	{
		walk->keys_allocated *= 2;
		changes->keys =
			repalloc(changes->keys, sizeof(char *) * walk->keys_allocated);
	}
	changes->keys[changes->nkeys++] = key;
}

/* Notes a key that is looked at when there is no room for others any more. */
static void
count_look(Walk *walk, bool known)
{
	walk->full = true;
	walk->looked++;
	walk->known += known ? 1 : 0;
}

/*
 * Whether rows that come after are worth a look.  Keys of theirs that are taken
 * up are done with this batch, and not sent once more by the next ones.
 */
static bool
is_worth_a_look(const Walk *walk)
{
	return walk->looked < LOOKS_MAX && walk->npartly < PARTLY_MAX &&
		   walk->looked <=
			   ((double) walk->known + walk->max_keys) * LOOKS_PER_KEY;
}

/* Takes up the keys of a row as far as there is room. */
static void
take_keys(Walk *walk, JoorChangeRow *row, Datum value)
{
	JoorChanges *changes = walk->changes;
	ArrayType	*array = DatumGetArrayTypeP(value);
	Datum		*keys;
	int			 nkeys;
	int			 i;

	deconstruct_array(array, TEXTOID, -1, false, TYPALIGN_INT, &keys, NULL,
					  &nkeys);
	row->first_key = INT_MAX;
	row->last_key = -1;
	for (i = 0; i < nkeys; i++)
	{
		char *key = TextDatumGetCString(keys[i]);
		int	  number = joor_key_index_find(walk->index, key);

		if (walk->full || (number < 0 && changes->nkeys == walk->max_keys))
			count_look(walk, number >= 0);
		if (number < 0 && walk->full)
			number = INT_MAX;
		else if (number < 0)
		{
			number = joor_key_index_add(walk->index, key, changes->nkeys);
			add_key(walk, key);
			key = NULL;
		}
		if (key != NULL)
			pfree(key);
		row->first_key = Min(row->first_key, number);
		row->last_key = Max(row->last_key, number);
	}
	pfree(keys);
	if (array != (ArrayType *) DatumGetPointer(value))
		pfree(array);
}

/* Takes up what there is room for of a row; false: it ends the walk. */
static bool
take_row(Walk *walk, HeapTuple tuple, TupleDesc desc)
{
	JoorChanges	 *changes = walk->changes;
	JoorChangeRow row = {0};
	bool		  isnull;
	Datum		  keys;

	row.id = DatumGetInt64(SPI_getbinval(tuple, desc, 1, &isnull));
	row.part = DatumGetInt32(SPI_getbinval(tuple, desc, 2, &isnull));
	keys = SPI_getbinval(tuple, desc, 3, &isnull);
	if (isnull && changes->nrows > 0)
		return false;
	changes->everything = isnull;
	walk->ended = isnull;
	if (!isnull)
		take_keys(walk, &row, keys);
	if (row.first_key == INT_MAX && row.last_key == INT_MAX)
		return true; /* no room for any of its keys */
	if (changes->nrows == walk->allocated)
	{
		walk->allocated *= 2;
		changes->rows =
			repalloc(changes->rows, sizeof(JoorChangeRow) * walk->allocated);
	}
	changes->rows[changes->nrows++] = row;
	walk->npartly += row.last_key == INT_MAX ? 1 : 0;
	return true;
}

/* Reads the rows after one, and takes them up. */
static void
read_chunk(Walk *walk, const char *feed, int64 *last_id, int *last_part)
{
	JoorArgs args = {0};
	uint64	 i;

	joor_args_text(&args, feed);
	joor_args_int(&args, *last_id);
	joor_args_int(&args, *last_part);
	joor_args_int(&args, CHUNK);
	joor_tables_execute("SELECT id, part, keys FROM joor.queue_change"
						" WHERE feed = $1 AND id IS NOT NULL"
						"  AND (id, part) > ($2, $3::integer)"
						" ORDER BY feed, id, part LIMIT $4",
						&args, SPI_OK_SELECT);
	MemoryContextSwitchTo(walk->context);
	for (i = 0; i < SPI_processed && !walk->ended; i++)
	{
		HeapTuple tuple = SPI_tuptable->vals[i];
		TupleDesc desc = SPI_tuptable->tupdesc;
		bool	  isnull;

		if (walk->first_id == 0)
			walk->first_id =
				DatumGetInt64(SPI_getbinval(tuple, desc, 1, &isnull));
		if (!take_row(walk, tuple, desc))
			walk->ended = true;
		else
		{
			*last_id = DatumGetInt64(SPI_getbinval(tuple, desc, 1, &isnull));
			*last_part = DatumGetInt32(SPI_getbinval(tuple, desc, 2, &isnull));
			walk->ended |= !is_worth_a_look(walk);
		}
	}
	if (SPI_processed < CHUNK || walk->changes->nrows >= ROWS_MAX)
		walk->ended = true;
	SPI_freetuptable(SPI_tuptable);
}

void
joor_changes_read(const char *feed, int max_keys, JoorQueueScan *scan,
				  JoorChanges *changes)
{
	Walk  walk = {0};
	int64 last_id = scan->begin;
	int	  last_part = INT_MAX;

	MemSet(changes, 0, sizeof(*changes));
	walk.changes = changes;
	walk.max_keys = max_keys;
	walk.context = CurrentMemoryContext;
	walk.allocated = walk.keys_allocated = FIRST_ALLOCATED;
	walk.index = joor_key_index_create(FIRST_ALLOCATED);
	changes->keys = palloc(sizeof(char *) * walk.keys_allocated);
	changes->rows = palloc(sizeof(JoorChangeRow) * walk.allocated);
	while (!walk.ended)
		read_chunk(&walk, feed, &last_id, &last_part);
	joor_queue_scan_advance(scan, walk.first_id, last_id);
}

/*
 * Deleting.
 */

/* Array parameters of the ids and parts of some rows. */
static void
add_rows(JoorArgs *args, const JoorChangeRow *const *rows, int count)
{
	int64 *ids = palloc(sizeof(int64) * (count + 1));
	int64 *parts = palloc(sizeof(int64) * (count + 1));
	int	   i;

	for (i = 0; i < count; i++)
	{
		ids[i] = rows[i]->id;
		parts[i] = rows[i]->part;
	}
	joor_args_ints(args, ids, count);
	joor_args_ints(args, parts, count);
	pfree(ids);
	pfree(parts);
}

/* The rows of these ids and parts, $2 and $3. */
#define ROWS_FOUND                                                   \
	"SELECT q.ctid FROM ROWS FROM (pg_catalog.unnest($2::bigint[])," \
	"  pg_catalog.unnest($3::bigint[])) AS d(id, part)"              \
	" CROSS JOIN LATERAL (SELECT e.ctid FROM joor.queue_change e"    \
	"  WHERE e.feed = $1 AND e.id = d.id AND e.part = d.part"        \
	"  ORDER BY e.feed, e.id, e.part OFFSET 0) q"

static void
delete_rows(const char *feed, const JoorChangeRow *const *rows, int count)
{
	JoorArgs args = {0};

	if (count == 0)
		return;
	joor_args_text(&args, feed);
	add_rows(&args, rows, count);
	joor_tables_execute("DELETE FROM joor.queue_change"
						" WHERE ctid = ANY (ARRAY(" ROWS_FOUND "))",
						&args, SPI_OK_DELETE);
}

/*
 * Takes keys out of rows that have others, too.  NOT IN looks them up in a hash
 * table, whereas NOT EXISTS would compare each with each, since the planner may
 * not join by hashes here; see joor_tables_open().
 */
static void
shorten_rows(const char *feed, const JoorChangeRow *const *rows, int count,
			 char *const *keys, int nkeys)
{
	JoorArgs args = {0};

	if (count == 0)
		return;
	joor_args_text(&args, feed);
	add_rows(&args, rows, count);
	joor_args_texts(&args, keys, nkeys);
	joor_tables_execute(
		"UPDATE joor.queue_change c SET keys = ARRAY("
		" SELECT k.key FROM pg_catalog.unnest(c.keys) WITH ORDINALITY AS k(key, n)"
		" WHERE k.key NOT IN (SELECT pg_catalog.unnest($4::text[]))"
		" ORDER BY k.n)"
		" WHERE c.ctid = ANY (ARRAY(" ROWS_FOUND "))",
		&args, SPI_OK_UPDATE);
}

void
joor_changes_delete(const char *feed, const JoorChanges *changes, int done)
{
	const JoorChangeRow **whole =
		palloc(sizeof(JoorChangeRow *) * (changes->nrows + 1));
	const JoorChangeRow **partly =
		palloc(sizeof(JoorChangeRow *) * (changes->nrows + 1));
	int nwhole = 0;
	int npartly = 0;
	int i;

	for (i = 0; i < changes->nrows; i++)
	{
		const JoorChangeRow *row = &changes->rows[i];

		if (changes->everything || row->last_key < done)
			whole[nwhole++] = row;
		else if (row->first_key < done)
			partly[npartly++] = row;
	}
	delete_rows(feed, whole, nwhole);
	shorten_rows(feed, partly, npartly, changes->keys, done);
	pfree(whole);
	pfree(partly);
}

void
joor_changes_supersede(const char *feed, const char *snapshot, int64 entry)
{
	JoorArgs args = {0};

	joor_args_text(&args, feed);
	joor_args_text(&args, snapshot);
	joor_args_int(&args, entry);
	joor_tables_execute("DELETE FROM joor.queue_change WHERE feed = $1"
						" AND pg_catalog.pg_visible_in_snapshot(xid,"
						"  $2::pg_snapshot)"
						" AND (id IS DISTINCT FROM $3 OR keys IS NULL)",
						&args, SPI_OK_DELETE);
}

void
joor_changes_expire(void)
{
	JoorArgs args = {0};

	joor_tables_execute("DELETE FROM joor.queue_change c"
						" WHERE c.queued_at < pg_catalog.clock_timestamp()"
						"   - interval '1 hour'"
						"  AND NOT EXISTS (SELECT FROM joor.feed_definition f"
						"   WHERE f.name = c.feed)",
						&args, SPI_OK_DELETE);
}

void
joor_changes_put(const char *feed, const JoorChangeRow *row, int part,
				 char *const *keys, int nkeys)
{
	JoorArgs args = {0};

	joor_args_text(&args, feed);
	joor_args_int(&args, row->id);
	joor_args_int(&args, row->part);
	joor_args_int(&args, part);
	joor_args_texts(&args, keys, nkeys);
	joor_tables_execute(
		"INSERT INTO joor.queue_change (feed, id, part, queued_at, xid, keys)"
		" SELECT feed, id, $4, queued_at, xid, $5 FROM joor.queue_change"
		" WHERE feed = $1 AND id = $2 AND part = $3",
		&args, SPI_OK_INSERT);
}
