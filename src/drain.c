/*-------------------------------------------------------------------------
 *
 * drain.c
 *	  Sends what is queued for one account.
 *
 * Spending credits: a request after a quiet time goes at once; after it, the
 * next one waits for as long as a window's writes, evenly spread, are apart.
 * So the window is never exhausted, and under load each request carries as
 * much as has gathered.  The ledger of all requests has the last word.
 *
 * What the outcome of a request means is in drain_outcome.c.
 *
 * Floor 6.
 *
 * IDENTIFICATION
 *	  src/drain.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "access/xact.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "tcop/tcopprot.h"
#include "utils/memutils.h"

#include "arming.h"
#include "drain_internal.h"
#include "item_report.h"
#include "joor_api.h"
#include "queue.h"
#include "request_log.h"
#include "tables.h"

/* Pauses, in milliseconds. */
#define PAUSE_LOCKED 200	/* another process sends for the account */
#define PAUSE_ERROR 60000	/* after an error that may pass by itself */
#define PAUSE_BLOCKED 10000 /* after one that somebody has to act on */

/* A step that others feel, in milliseconds. */
#define LONG_STEP 1000

JoorDrain *
joor_drain_create(Oid serverid)
{
	JoorDrain *drain = palloc0(sizeof(JoorDrain));

	drain->serverid = serverid;
	drain->context = CurrentMemoryContext;
	drain->request = AllocSetContextCreate(
		CurrentMemoryContext, "joor_inventory drain", ALLOCSET_DEFAULT_SIZES);
	drain->due = DT_NOBEGIN;
	joor_hunt_init(drain);
	return drain;
}

Oid
joor_drain_serverid(const JoorDrain *drain)
{
	return drain->serverid;
}

bool
joor_drain_in_flight(const JoorDrain *drain)
{
	return drain->transfer != NULL;
}

TimestampTz
joor_drain_due(const JoorDrain *drain)
{
	if (drain->transfer != NULL)
		return joor_http_finished(drain->transfer) ? DT_NOBEGIN : DT_NOEND;
	return drain->due;
}

/* Whether somebody has resumed the account since something failed. */
static bool
is_resumed(JoorDrain *drain)
{
	return drain->transfer == NULL &&
		   (drain->failures > 0 || drain->state.kind == JOOR_DRAIN_BLOCKED ||
			joor_drain_failing_feed(drain) != NULL) &&
		   joor_arming_resumed_at(drain->serverid) != drain->resumed_at;
}

/* Somebody may have acted: what is blocked is tried, but not all the time. */
static void
unblock(JoorDrain *drain)
{
	drain->due =
		Max(GetCurrentTimestamp(),
			TimestampTzPlusMilliseconds(drain->blocked_at, PAUSE_BLOCKED));
}

void
joor_drain_wake(JoorDrain *drain, bool blocked)
{
	if (is_resumed(drain))
	{
		drain->failures = 0;
		joor_feed_sources_retry(drain->sources);
		drain->due = DT_NOBEGIN;
	}
	if (drain->due != DT_NOEND)
		return;
	if (drain->state.kind != JOOR_DRAIN_BLOCKED)
		drain->due = DT_NOBEGIN;
	else if (blocked)
		unblock(drain);
}

/* Not stepped again before somebody has acted. */
void
joor_drain_block(JoorDrain *drain, const char *reason)
{
	drain->due = DT_NOEND;
	drain->blocked_at = GetCurrentTimestamp();
	joor_drain_state_set(&drain->state, JOOR_DRAIN_BLOCKED, reason, 0);
}

/* Steps again after a pause, for that reason. */
void
joor_drain_pause(JoorDrain *drain, long milliseconds, JoorDrainKind kind,
				 const char *reason)
{
	drain->due =
		TimestampTzPlusMilliseconds(GetCurrentTimestamp(), milliseconds);
	joor_drain_state_set(&drain->state, kind, reason, drain->due);
}

static void
unlock_account(JoorDrain *drain)
{
	if (drain->locked)
		joor_account_unlock_session(drain->serverid);
	drain->locked = false;
}

/* What is of a request ends with it, the account's token first of all. */
static void
end_request(JoorDrain *drain)
{
	MemoryContextReset(drain->request);
	drain->account = NULL;
	drain->feed_batch = NULL;
}

/* Writes the state down, and since when a later resume counts. */
static void
save_state(JoorDrain *drain)
{
	if (drain->state.kind == JOOR_DRAIN_BLOCKED)
		drain->resumed_at = joor_arming_resumed_at(drain->serverid);
	joor_drain_state_save(&drain->state, drain->serverid);
}

/*
 * Starting a request.
 */

/* Opens the account as its owner has it, if it may be sent to. */
static void
open_account(JoorDrain *drain)
{
	drain->account = joor_account_open_owned(drain->serverid);
	joor_account_authorize(drain->account, drain->account->ownerid);
	joor_arming_check(drain->account, true);
}

int
joor_drain_batch_limit(const JoorDrain *drain)
{
	int limit = drain->account->max_items;

	return drain->max_items > 0 ? Min(limit, drain->max_items) : limit;
}

/* Reads the next entries; false: there are none. */
static bool
read_batch(JoorDrain *drain)
{
	do
	{
		if ((joor_hunt_has_turn(drain) && joor_hunt_read(drain)) ||
			joor_drain_read_rest(drain) || joor_hunt_read(drain))
			return true;
	} while (joor_hunt_settle(drain));
	return false;
}

/* Fills the body with the batch's first items; how many. */
static int
fill_body(JoorDrain *drain, int limit)
{
	JoorQueueBatch *batch = &drain->batch;
	int				count = 0;

	joor_payload_begin(&drain->payload);
	while (count < batch->count && count < limit &&
		   joor_payload_add(&drain->payload, &batch->items[count]))
		count++;
	joor_payload_end(&drain->payload);
	return count;
}

/*
 * Builds the body; what does not fit it waits for the next request, of a feed
 * together with all of its key.
 */
static void
build_body(JoorDrain *drain)
{
	JoorQueueBatch *batch = &drain->batch;
	int				count;

	joor_payload_init(&drain->payload, &drain->account->style,
					  drain->account->max_bytes);
	count = fill_body(drain, joor_drain_batch_limit(drain));
	if (drain->feed_batch != NULL &&
		joor_feed_batch_fit(drain->feed_batch, count) != count)
		count = fill_body(drain, drain->feed_batch->count);
	batch->count = count;
	drain->call.operation = JOOR_BULK_INVENTORY;
	drain->call.overwrite = false;
	drain->call.dec_pending = batch->dec_pending;
	drain->call.items = batch->items;
	drain->call.nitems = count;
	drain->call.payload = &drain->payload;
}

/* A call that only asks whether the address is JOOR's. */
static void
build_probe(JoorDrain *drain)
{
	MemSet(&drain->batch, 0, sizeof(drain->batch));
	MemSet(&drain->call, 0, sizeof(drain->call));
	drain->call.operation = JOOR_READ_STYLES;
}

/* How long a request has waited for credits. */
static void
note_wait(JoorDrain *drain, bool granted)
{
	TimestampTz now = GetCurrentTimestamp();

	if (!granted && drain->asked_at == 0)
		drain->asked_at = now;
	if (!granted)
		return;
	drain->waited = drain->asked_at != 0 ? now - drain->asked_at : 0;
	drain->asked_at = 0;
}

/* Asks the ledger, and writes the request row. */
static bool
start_request(JoorDrain *drain)
{
	JoorAccount		 *account = drain->account;
	JoorRequestStart  start;
	JoorRequestPermit permit;

	joor_request_start_fill(&start, account, &drain->call, account->ownerid,
							"worker", account->credits - account->reserve);
	start.run = drain->run;
	if (drain->feed_batch != NULL)
	{
		start.feed = drain->feed_batch->source->name;
		start.feed_items = drain->batch.items;
		start.nfeed_items = drain->batch.count;
	}
	joor_request_start(&start, &permit);
	drain->request_id = permit.id;
	if (drain->run == 0)
		drain->run = permit.id;
	drain->open_rejections = permit.open_rejections;
	note_wait(drain, permit.id != 0);
	if (permit.id == 0)
	{
		drain->due = permit.not_before;
		joor_drain_state_set(&drain->state, JOOR_DRAIN_CREDITS, NULL,
							 permit.not_before);
	}
	else if (drain->feed_batch != NULL)
		joor_drain_record_rejections(drain, drain->feed_batch->invalid);
	return permit.id != 0;
}

/* There is nothing to send: until when. */
static void
rest(JoorDrain *drain)
{
	const JoorFeedSource *failing = joor_drain_failing_feed(drain);

	drain->run = 0;
	drain->asked_at = 0;
	if (drain->again)
		drain->due = DT_NOBEGIN;
	else if (failing != NULL)
	{
		drain->due = failing->retry_at;
		joor_drain_state_set(
			&drain->state, JOOR_DRAIN_FEED,
			psprintf("feed \"%s\" fails: %s", failing->name, failing->failure),
			drain->due);
	}
	else
	{
		drain->due = DT_NOEND;
		joor_drain_state_set(&drain->state, JOOR_DRAIN_EMPTY, NULL, 0);
	}
}

/* Reads, builds and starts; true: the request is to be sent. */
static bool
prepare_request(JoorDrain *drain)
{
	open_account(drain);
	if (!joor_account_lock_session(drain->serverid))
	{
		joor_drain_pause(drain, PAUSE_LOCKED, JOOR_DRAIN_PUSH, NULL);
		return false;
	}
	drain->locked = true;
	if (drain->probe)
		build_probe(drain);
	else if (read_batch(drain))
		build_body(drain);
	else
	{
		rest(drain);
		return false;
	}
	return start_request(drain);
}

/* The next request waits until a window's writes, evenly spread, allow it. */
static void
space_next(JoorDrain *drain)
{
	const JoorAccount *account = drain->account;
	double share = (double) joor_operation_credits(drain->call.operation) /
				   (account->credits - account->reserve);

	drain->due = GetCurrentTimestamp() + (int64) ceil(account->window * share);
}

/*
 * What took long, as reading a feed may, is not begun again before as much time
 * has passed: the other accounts have at least half of the worker's.  They can
 * wait for what does not.
 */
static void
yield_to_others(JoorDrain *drain, TimestampTz begun)
{
	TimestampTz now = GetCurrentTimestamp();

	if (TimestampDifferenceExceeds(begun, now, LONG_STEP))
		drain->due = Max(drain->due, now + (now - begun));
}

static void
begin_request(JoorDrain *drain)
{
	TimestampTz		begun = GetCurrentTimestamp();
	MemoryContext	old;
	JoorHttpRequest request;
	JoorTables		tables;
	bool			send;

	old = MemoryContextSwitchTo(drain->request);
	joor_tables_begin(&tables);
	MemoryContextSwitchTo(drain->request);
	send = prepare_request(drain);
	if (send)
	{
		space_next(drain);
		joor_drain_state_set(&drain->state, JOOR_DRAIN_SENDING, NULL,
							 drain->due);
	}
	save_state(drain);
	joor_tables_commit(&tables);
	joor_feed_sources_note(drain->sources);
	yield_to_others(drain, begun);
	MemoryContextSwitchTo(drain->request);
	if (send)
	{
		joor_call_request(drain->account, &drain->call, &request);
		drain->transfer = joor_http_begin(&request);
	}
	else
		unlock_account(drain);
	MemoryContextSwitchTo(old);
	if (!send)
		end_request(drain);
}

/*
 * Finishing it.
 */

/* Records the outcome; the answer is read in the request's own context. */
static void
finish_request(JoorDrain *drain)
{
	MemoryContext	  old = MemoryContextSwitchTo(drain->request);
	JoorHttpAnswer	 *answer = joor_http_end(drain->transfer);
	JoorDelivery	 *delivery;
	JoorRequestFinish finish;
	JoorTables		  tables;

	drain->transfer = NULL;
	delivery = joor_call_delivery(&drain->call, answer);
	joor_request_finish_fill(&finish, drain->request_id, drain->account,
							 &drain->call, delivery, drain->open_rejections);
	finish.waited = drain->waited;
	joor_tables_begin(&tables);
	MemoryContextSwitchTo(drain->request);
	joor_request_finish(&finish);
	joor_drain_conclude(drain, delivery);
	save_state(drain);
	joor_tables_commit(&tables);
	unlock_account(drain);
	MemoryContextSwitchTo(old);
	end_request(drain);
}

/*
 * Steps.
 */

/* Whether an error may be gone without anybody having acted on the account. */
static bool
may_pass(int sqlerrcode)
{
	switch (ERRCODE_TO_CATEGORY(sqlerrcode))
	{
		case ERRCODE_TRANSACTION_ROLLBACK:
		case ERRCODE_INSUFFICIENT_RESOURCES:
		case ERRCODE_OPERATOR_INTERVENTION:
		case ERRCODE_SYSTEM_ERROR:
		case ERRCODE_INTERNAL_ERROR:
			return true;
		default:
			return sqlerrcode == ERRCODE_LOCK_NOT_AVAILABLE;
	}
}

/* What was done with entries in a transaction that failed was not done. */
static void
rewind_sources(JoorDrain *drain)
{
	MemSet(&drain->scan, 0, sizeof(drain->scan));
	joor_feed_sources_rewind(drain->sources);
}

/* An error of the account's: remember it, and try again later. */
static void
note_error(JoorDrain *drain, MemoryContext context)
{
	ErrorData *error;
	JoorTables tables;

	MemoryContextSwitchTo(context);
	error = CopyErrorData();
	FlushErrorState();
	AbortOutOfAnyTransaction();
	MemoryContextSwitchTo(context);
	rewind_sources(drain);
	unlock_account(drain);
	if (drain->transfer != NULL)
		(void) joor_http_end(drain->transfer);
	drain->transfer = NULL;
	end_request(drain);
	if (error->sqlerrcode == ERRCODE_QUERY_CANCELED)
		drain->due = DT_NOBEGIN;
	else
	{
		if (drain->state.kind != JOOR_DRAIN_BLOCKED ||
			strcmp(drain->state.reason, error->message) != 0)
			ereport(LOG, (errmsg("not sending for server %u: %s",
								 drain->serverid, error->message),
						  error->detail ? errdetail("%s", error->detail) : 0));
		if (may_pass(error->sqlerrcode))
			joor_drain_pause(drain, PAUSE_ERROR, JOOR_DRAIN_BLOCKED,
							 error->message);
		else
			joor_drain_block(drain, error->message);
		joor_tables_begin(&tables);
		save_state(drain);
		joor_tables_commit(&tables);
	}
	MemoryContextSwitchTo(context);
	FreeErrorData(error);
}

void
joor_drain_step(JoorDrain *drain)
{
	MemoryContext context = CurrentMemoryContext;

	PG_TRY();
	{
		if (drain->transfer != NULL)
			finish_request(drain);
		else
			begin_request(drain);
		MemoryContextSwitchTo(context);
	}
	PG_CATCH();
	{
		note_error(drain, context);
	}
	PG_END_TRY();
}
