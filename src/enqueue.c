/*-------------------------------------------------------------------------
 *
 * enqueue.c
 *	  joor.enqueue(query, ...) and what goes with the queue.
 *
 * Entries are part of the caller's transaction: rolled back with it, and
 * seen by the worker when it commits.  An account need not be active to
 * collect them.
 *
 * Floor 8.
 *
 * IDENTIFICATION
 *	  src/enqueue.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "storage/latch.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

#include "account.h"
#include "argument.h"
#include "change_queue.h"
#include "item_list.h"
#include "queue.h"
#include "retry.h"
#include "tables.h"
#include "wake.h"

/* joor.wait() looks this often, in milliseconds. */
#define WAIT_SLICE 50

PG_FUNCTION_INFO_V1(joor_inventory_enqueue);
PG_FUNCTION_INFO_V1(joor_inventory_wait);
PG_FUNCTION_INFO_V1(joor_inventory_retry);
PG_FUNCTION_INFO_V1(joor_inventory_start_worker);
PG_FUNCTION_INFO_V1(joor_inventory_stop_worker);

static uint32 wait_event = 0;

/* Adds the items of a list that was read and found valid. */
static void
add_items(JoorItemList *list, const JoorAccount *account, bool dec_pending)
{
	JoorQueueWriter *writer =
		joor_queue_begin(account->serverid, account->server, dec_pending, 0);
	MemoryContext context = AllocSetContextCreate(
		CurrentMemoryContext, "joor_inventory item", ALLOCSET_SMALL_SIZES);
	JoorItem item;

	for (;;)
	{
		MemoryContext old = MemoryContextSwitchTo(context);
		bool		  more = joor_item_list_next(list, &item);

		if (more)
			joor_queue_add(writer, &item);
		MemoryContextSwitchTo(old);
		MemoryContextReset(context);
		if (!more)
			break;
		CHECK_FOR_INTERRUPTS();
	}
	joor_queue_end(writer);
}

/*
 * joor.enqueue(query, server, dec_pending)
 */
Datum
joor_inventory_enqueue(PG_FUNCTION_ARGS)
{
	char		*query = joor_argument_text(fcinfo, 0, "query");
	JoorAccount *account =
		joor_account_open(joor_argument_text(fcinfo, 1, "server"));
	bool dec_pending =
		PG_ARGISNULL(2) ? account->dec_pending : PG_GETARG_BOOL(2);
	JoorItemListReader reader = {0};
	JoorItemList	  *list;
	int64			   count;

	PreventCommandIfReadOnly("joor.enqueue()");
	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "SPI_connect failed");
	reader.rules = &account->rules;
	list = joor_item_list_read(query, &reader);
	joor_item_list_refuse(list);
	count = joor_item_list_valid(list);
	if (count > 0)
	{
		add_items(list, account, dec_pending);
		joor_wake_at_commit();
	}
	joor_item_list_close(list);
	SPI_finish();
	PG_RETURN_INT64(count);
}

/*
 * joor.retry(rejection ids): queues what was rejected once more.
 */
Datum
joor_inventory_retry(PG_FUNCTION_ARGS)
{
	int64 count;

	PreventCommandIfReadOnly("joor.retry()");
	count = joor_retry_rejections(PG_GETARG_DATUM(0));
	if (count > 0)
		joor_wake_at_commit();
	PG_RETURN_INT64(count);
}

/* What joor.wait() waits for. */
typedef struct Awaited
{
	Oid	   serverid;
	uint64 before_xid; /* keys without a number, of transactions before it;
						* 0: they have their numbers */
	int64  last_id;	   /* entries up to it */
} Awaited;

/*
 * Whether any of it is still there, as of now.  Keys that had no number at
 * the call have one that was given out until they are found to have it.
 */
static bool
is_queued(Awaited *awaited)
{
	JoorTables tables;
	bool	   queued = false;

	PushActiveSnapshot(GetLatestSnapshot());
	joor_tables_open(&tables);
	if (awaited->before_xid != 0)
	{
		queued =
			joor_changes_unnumbered(awaited->serverid, awaited->before_xid);
		if (!queued)
		{
			awaited->before_xid = 0;
			awaited->last_id = joor_queue_last_id();
		}
	}
	queued = queued || joor_queue_has(awaited->serverid, awaited->last_id);
	joor_tables_close(&tables);
	PopActiveSnapshot();
	return queued;
}

/*
 * joor.wait(server, timeout): whether all that was queued before the call
 * has been sent or rejected before the time was out.
 */
Datum
joor_inventory_wait(PG_FUNCTION_ARGS)
{
	JoorAccount *account =
		joor_account_open(text_to_cstring(PG_GETARG_TEXT_PP(0)));
	TimestampTz until = DatumGetTimestampTz(DirectFunctionCall2(
		timestamptz_pl_interval, TimestampTzGetDatum(GetCurrentTimestamp()),
		PG_GETARG_DATUM(1)));
	Awaited		awaited = {
			.serverid = account->serverid,
			.before_xid = U64FromFullTransactionId(ReadNextFullTransactionId()),
	};

	while (is_queued(&awaited))
	{
		long rest = joor_milliseconds_between(GetCurrentTimestamp(), until);

		if (rest <= 0)
			PG_RETURN_BOOL(false);
		(void) WaitLatch(MyLatch,
						 WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH,
						 Min(rest, WAIT_SLICE),
						 joor_wait_event(&wait_event, "JoorInventoryWait"));
		ResetLatch(MyLatch);
		CHECK_FOR_INTERRUPTS();
	}
	PG_RETURN_BOOL(true);
}

/*
 * joor.start_worker(), joor.stop_worker()
 */
Datum
joor_inventory_start_worker(PG_FUNCTION_ARGS)
{
	if (!joor_wake_start_worker())
		ereport(ERROR, (errcode(ERRCODE_INSUFFICIENT_RESOURCES),
						errmsg("could not start a worker"),
						errhint("You may need to increase "
								"\"max_worker_processes\".")));
	PG_RETURN_VOID();
}

Datum
joor_inventory_stop_worker(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(joor_wake_stop_worker());
}
