/*-------------------------------------------------------------------------
 *
 * feed_sync.c
 *	  joor.sync(feed, ...) and joor.drift(feed).
 *
 * A sync queues keys, not quantities: what the worker sends is read when it
 * is sent, as after any change.  What JOOR has just rejected with the same
 * quantity is left out for an hour, or it would be sent by every sync.
 *
 * Floor 8.
 *
 * IDENTIFICATION
 *	  src/feed_sync.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "account.h"
#include "argument.h"
#include "change_writer.h"
#include "feed_compare.h"
#include "item_row.h"
#include "key_index.h"
#include "request_log.h"
#include "tables.h"
#include "wake.h"

/* Keys that are remembered so as not to be queued twice. */
#define KEYS_REMEMBERED 100000

PG_FUNCTION_INFO_V1(joor_inventory_sync);
PG_FUNCTION_INFO_V1(joor_inventory_drift);

/* Columns of joor.drift's result, counted from 0. */
enum
{
	DRIFT_DIFFERENCE,
	DRIFT_KEY,
	DRIFT_FIELDS, /* of the feed's item; the others follow */
	DRIFT_PUBLISHED_INVENTORY = DRIFT_FIELDS + JOOR_FIELD_COUNT,
	DRIFT_PUBLISHED_MADE_TO_ORDER,
	DRIFT_REASON,
	DRIFT_COLUMNS
};

typedef struct Sync
{
	JoorChangeWriter *writer; /* NULL: nothing was written yet */
	const JoorFeed	 *feed;
	MemoryContext	  context; /* of writer and keys */
	MemoryContext	  keys;	   /* of the index */
	JoorKeyIndex	 *index;
	int				  nkeys; /* in the index */
	JoorKeyIndex	 *fresh; /* rejections; NULL: there are none */
	int64			  count; /* differences */
	int64			  invalid;
	StringInfoData	  first; /* the first invalid row */
} Sync;

/* The feed's account, if the caller may read the one and use the other. */
static JoorAccount *
open_feed(const char *name, JoorFeed **feed)
{
	*feed = joor_feed_open(name);
	joor_feed_check_select(*feed);
	return joor_account_open((*feed)->server);
}

/*
 * joor.sync
 */

/* Whether a key has been queued; a very long list is forgotten at times. */
static bool
is_queued(Sync *sync, const char *key)
{
	MemoryContext old;

	if (sync->index != NULL && joor_key_index_find(sync->index, key) >= 0)
		return true;
	if (sync->nkeys == KEYS_REMEMBERED)
	{
		MemoryContextReset(sync->keys);
		sync->index = NULL;
		sync->nkeys = 0;
	}
	old = MemoryContextSwitchTo(sync->keys);
	if (sync->index == NULL)
		sync->index = joor_key_index_create(1024);
	(void) joor_key_index_add(sync->index, pstrdup(key), sync->nkeys++);
	MemoryContextSwitchTo(old);
	return false;
}

/* Callback of the comparison: queues the key of a difference. */
static void
queue_difference(void *arg, JoorDifference difference, const JoorItem *item,
				 const JoorPublishedRow *published)
{
	Sync	   *sync = arg;
	const char *key = item != NULL ? item->key : published->item.key;

	if (item != NULL && sync->fresh != NULL &&
		joor_rejection_is_fresh(sync->fresh, item))
		return;
	sync->count++;
	if (key == NULL || is_queued(sync, key))
		return;
	if (sync->writer == NULL)
	{
		MemoryContext old = MemoryContextSwitchTo(sync->context);

		sync->writer = joor_change_begin(sync->feed->name);
		MemoryContextSwitchTo(old);
	}
	joor_change_add(sync->writer, key, (int) strlen(key));
}

/* Callback of the comparison for everything: counts only. */
static void
ignore_difference(void *arg, JoorDifference difference, const JoorItem *item,
				  const JoorPublishedRow *published)
{
}

/* Callback of the comparison: a row that breaks a rule. */
static void
count_invalid(void *arg, JoorItem *item, const JoorViolation *violation)
{
	Sync *sync = arg;

	if (sync->invalid++ == 0)
		joor_violation_append(&sync->first, violation);
}

static void
init_sync(Sync *sync, const JoorFeed *feed)
{
	JoorTables tables;

	MemSet(sync, 0, sizeof(*sync));
	sync->feed = feed;
	sync->context = CurrentMemoryContext;
	sync->keys = AllocSetContextCreate(
		CurrentMemoryContext, "joor_inventory keys", ALLOCSET_DEFAULT_SIZES);
	initStringInfo(&sync->first);
	joor_tables_open(&tables);
	MemoryContextSwitchTo(sync->context);
	sync->fresh = joor_rejections_fresh(feed->serverid);
	joor_tables_close(&tables);
	MemoryContextSwitchTo(sync->context);
}

static void
warn_invalid(const Sync *sync)
{
	if (sync->invalid > 0)
		ereport(WARNING,
				(errmsg_plural("%lld row of feed \"%s\" is not valid and left "
							   "out",
							   "%lld rows of feed \"%s\" are not valid and "
							   "left out",
							   sync->invalid, (long long) sync->invalid,
							   sync->feed->name),
				 errdetail("The first one: %s.", sync->first.data),
				 errhint("SELECT * FROM joor.drift(%s) WHERE difference = "
						 "'invalid' lists them.",
						 quote_literal_cstr(sync->feed->name))));
}

/*
 * joor.sync(name, everything): queues the differences between a feed and what
 * is published, or all of the feed; number of items.
 */
Datum
joor_inventory_sync(PG_FUNCTION_ARGS)
{
	char		  *name = joor_argument_text(fcinfo, 0, "name");
	bool		   everything = joor_argument_bool(fcinfo, 1, "everything");
	JoorComparison comparison = {0};
	JoorFeed	  *feed;
	JoorAccount	  *account;
	Sync		   sync;

	PreventCommandIfReadOnly("joor.sync()");
	account = open_feed(name, &feed);
	init_sync(&sync, feed);
	comparison.feed = feed;
	comparison.rules = &account->rules;
	comparison.differs = everything ? ignore_difference : queue_difference;
	comparison.invalid = count_invalid;
	comparison.arg = &sync;
	joor_feed_compare(&comparison);
	warn_invalid(&sync);
	if (everything)
	{
		sync.count = comparison.items + comparison.gone;
		(void) joor_change_everything(feed->name);
	}
	else if (sync.writer != NULL)
		(void) joor_change_end(sync.writer);
	if (sync.count > 0)
		joor_wake_at_commit();
	PG_RETURN_INT64(sync.count);
}

/*
 * joor.drift
 */

static void
put_row(ReturnSetInfo *result, const char *difference, const JoorItem *item,
		uint32 fields, const JoorItem *published, const char *reason)
{
	Datum		values[DRIFT_COLUMNS];
	bool		nulls[DRIFT_COLUMNS];
	const char *key = item->key;

	memset(nulls, true, sizeof(nulls));
	values[DRIFT_DIFFERENCE] = CStringGetTextDatum(difference);
	nulls[DRIFT_DIFFERENCE] = false;
	nulls[DRIFT_KEY] = key == NULL;
	if (key != NULL)
		values[DRIFT_KEY] = CStringGetTextDatum(key);
	joor_item_row_fill(item, fields, values + DRIFT_FIELDS,
					   nulls + DRIFT_FIELDS);
	if (published != NULL &&
		(published->present & JOOR_FIELD_BIT(JOOR_FIELD_INVENTORY)) != 0)
	{
		values[DRIFT_PUBLISHED_INVENTORY] =
			Int64GetDatum(published->value[JOOR_FIELD_INVENTORY].integer);
		nulls[DRIFT_PUBLISHED_INVENTORY] = false;
	}
	if (published != NULL &&
		(published->present & JOOR_FIELD_BIT(JOOR_FIELD_MADE_TO_ORDER)) != 0)
	{
		values[DRIFT_PUBLISHED_MADE_TO_ORDER] =
			BoolGetDatum(published->value[JOOR_FIELD_MADE_TO_ORDER].boolean);
		nulls[DRIFT_PUBLISHED_MADE_TO_ORDER] = false;
	}
	if (reason != NULL)
	{
		values[DRIFT_REASON] = CStringGetTextDatum(reason);
		nulls[DRIFT_REASON] = false;
	}
	tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
}

/* Callback of the comparison. */
static void
put_difference(void *arg, JoorDifference difference, const JoorItem *item,
			   const JoorPublishedRow *published)
{
	static const char *const names[] = {"missing", "different", "gone"};

	if (item != NULL)
		put_row(arg, names[difference], item, item->sent,
				published != NULL ? &published->item : NULL, NULL);
	else
		put_row(arg, names[difference], &published->item,
				published->item.present & JOOR_POSITION_FIELDS,
				&published->item, NULL);
}

/* Callback of the comparison. */
static void
put_invalid(void *arg, JoorItem *item, const JoorViolation *violation)
{
	StringInfoData reason;

	initStringInfo(&reason);
	joor_violation_append(&reason, violation);
	put_row(arg, "invalid", item, item->present, NULL, reason.data);
}

/*
 * joor.drift(name): what differs between a feed and what is published.
 */
Datum
joor_inventory_drift(PG_FUNCTION_ARGS)
{
	char		  *name = joor_argument_text(fcinfo, 0, "name");
	JoorComparison comparison = {0};
	JoorFeed	  *feed;

	joor_init_materialized_srf(fcinfo);
	comparison.rules = &open_feed(name, &feed)->rules;
	comparison.feed = feed;
	comparison.differs = put_difference;
	comparison.invalid = put_invalid;
	comparison.arg = fcinfo->resultinfo;
	joor_feed_compare(&comparison);
	return (Datum) 0;
}
