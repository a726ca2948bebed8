/*-------------------------------------------------------------------------
 *
 * feed_expand.c
 *	  Makes of "everything may have changed" the keys that there are.
 *
 * Keys of the feed and keys that were published for it are sorted together,
 * in bounded memory, and written as rows of the same entry, so that what was
 * queued before everything stays before it.
 *
 * Floor 5.
 *
 * IDENTIFICATION
 *	  src/feed_expand.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_collation.h"
#include "catalog/pg_operator.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
#include "utils/tuplesort.h"

#include "feed_evaluation.h"

/* Keys that are read at a time, and that a row of the queue has. */
#define CHUNK 1000

/* Sorts the first column of a portal's rows, by its output function. */
static void
sort_keys(Tuplesortstate *sort, Portal portal, Oid type)
{
	MemoryContext context = AllocSetContextCreate(
		CurrentMemoryContext, "joor_inventory keys", ALLOCSET_DEFAULT_SIZES);
	MemoryContext old;
	FmgrInfo	  output;
	Oid			  function;
	bool		  isvarlena;
	uint64		  i;

	getTypeOutputInfo(type, &function, &isvarlena);
	fmgr_info(function, &output);
	do
	{
		SPI_cursor_fetch(portal, true, CHUNK);
		old = MemoryContextSwitchTo(context);
		for (i = 0; i < SPI_processed; i++)
		{
			bool  isnull;
			Datum key = SPI_getbinval(SPI_tuptable->vals[i],
									  SPI_tuptable->tupdesc, 1, &isnull);

			tuplesort_putdatum(
				sort, CStringGetTextDatum(OutputFunctionCall(&output, key)),
				false);
		}
		i = SPI_processed;
		SPI_freetuptable(SPI_tuptable);
		MemoryContextSwitchTo(old);
		MemoryContextReset(context);
		CHECK_FOR_INTERRUPTS();
	} while (i > 0);
	SPI_cursor_close(portal);
	MemoryContextDelete(context);
}

/* The keys of the feed, read as its owner. */
static void
sort_feed_keys(Tuplesortstate *sort, const JoorFeed *feed)
{
	const char	 *key = quote_identifier(feed->key_column);
	JoorFeedState state;

	joor_feed_enter(feed, &state);
	PushActiveSnapshot(GetTransactionSnapshot());
	sort_keys(
		sort,
		SPI_cursor_open_with_args(
			NULL,
			psprintf("SELECT DISTINCT %s FROM joor.%s WHERE %s IS NOT NULL",
					 key, quote_identifier(joor_feed_view_name(feed->name)),
					 key),
			0, NULL, NULL, NULL, true, CURSOR_OPT_NO_SCROLL),
		feed->key_type);
	PopActiveSnapshot();
	joor_feed_leave(&state);
}

/* The keys that something was published for. */
static void
sort_published_keys(Tuplesortstate *sort, const JoorFeed *feed, Oid serverid)
{
	JoorArgs args = {0};

	joor_args_oid(&args, serverid);
	joor_args_text(&args, feed->name);
	sort_keys(
		sort,
		SPI_cursor_open_with_args(NULL,
								  "SELECT DISTINCT key FROM joor.published_item"
								  " WHERE serverid = $1"
								  "  AND feed = $2 AND key IS NOT NULL",
								  args.count, args.types, args.values,
								  args.nulls, false, CURSOR_OPT_NO_SCROLL),
		TEXTOID);
}

/* Writes the distinct keys; how many. */
static int64
write_keys(Tuplesortstate *sort, const JoorFeed *feed, const JoorChangeRow *row)
{
	MemoryContext context = AllocSetContextCreate(
		CurrentMemoryContext, "joor_inventory keys", ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(context);
	char		 *last = NULL;
	char		 *keys[CHUNK];
	int64		  total = 0;
	int			  count = 0;
	int			  part = 1;
	Datum		  key;
	bool		  isnull;

	while (joor_tuplesort_getdatum(sort, &key, &isnull))
	{
		char *name = TextDatumGetCString(key);

		if (last != NULL && strcmp(name, last) == 0)
			continue;
		if (count == CHUNK)
		{
			joor_changes_put(feed->name, row, part++, keys, count);
			count = 0;
			MemoryContextReset(context);
			name = TextDatumGetCString(key);
		}
		last = name;
		keys[count++] = name;
		total++;
	}
	if (count > 0)
		joor_changes_put(feed->name, row, part, keys, count);
	MemoryContextSwitchTo(old);
	MemoryContextDelete(context);
	return total;
}

int64
joor_feed_expand(const JoorFeed *feed, Oid serverid, const JoorChangeRow *row)
{
	MemoryContext	context = CurrentMemoryContext;
	Tuplesortstate *sort;
	int64			total;

	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "SPI_connect failed");
	sort = tuplesort_begin_datum(TEXTOID, TextLessOperator, C_COLLATION_OID,
								 false, work_mem, NULL, false);
	sort_feed_keys(sort, feed);
	sort_published_keys(sort, feed, serverid);
	tuplesort_performsort(sort);
	total = write_keys(sort, feed, row);
	tuplesort_end(sort);
	SPI_finish();
	MemoryContextSwitchTo(context);
	return total;
}
