/*-------------------------------------------------------------------------
 *
 * push.c
 *	  joor.push(query, ...): sends what a query says, or a feed, now.
 *
 * The account is locked before the query's snapshot is taken, so that no
 * older quantity can follow a newer one of another push.  The whole query is
 * read and checked before the first request; then the items go out, one
 * request after the other.  An overwrite is one request or none, and none if
 * it would drop too much of what is published.
 *
 * Failures: a request that JOOR or the network failed ends the push with an
 * error, or, with on_failure => 'report', with rows that say so.  Items that
 * JOOR rejects one by one inside a success are no failure: they are counted,
 * recorded in joor.rejection and warned about.
 *
 * Floor 8.
 *
 * IDENTIFICATION
 *	  src/push.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/memutils.h"

#include "argument.h"
#include "arming.h"
#include "batch.h"
#include "call.h"
#include "feed_gone.h"
#include "item_report.h"
#include "overwrite.h"
#include "push.h"
#include "recorder.h"
#include "queue.h"
#include "request_row.h"

/* Invalid rows are recorded in messages of about this size. */
#define REPORT_SIZE (1024 * 1024)

PG_FUNCTION_INFO_V1(joor_inventory_push);

typedef struct Push
{
	const JoorPushOrder *order;
	JoorAccount			*account;
	bool				 report; /* on_failure => 'report' */
	ReturnSetInfo		*result;
	JoorItemList		*list;
	JoorBatch			*batch;
	MemoryContext		 call_context; /* reset after each request */
	JoorItemReport		 invalid;	   /* not yet recorded */
	JoorGone			*gone;		   /* of a feed */
	JoorRun				 run;
	int64				 requests;	/* that JOOR took, wholly or in part */
	int64				 handled;	/* items of all requests made */
	int64				 delivered; /* items that JOOR took */
	int64				 rejected;	/* items that JOOR rejected one by one */
	int64				 unknown;	/* requests accepted, of unknown outcome */
	bool				 failed;	/* a request did; report mode only */
	bool				 ended;		/* by a failure; likewise */
} Push;

static bool
report_failures(const char *on_failure)
{
	if (strcmp(on_failure, "report") == 0)
		return true;
	if (strcmp(on_failure, "error") != 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("invalid value for argument \"on_failure\": \"%s\"",
						on_failure),
				 errhint("Valid values are: \"error\", \"report\".")));
	return false;
}

/* Hands invalid rows to the recorder. */
static void
record_invalid(Push *push)
{
	char *items = joor_item_report_finish(&push->invalid);

	if (items != NULL)
		joor_recorder_reject(push->account->serverid, push->account->server,
							 items);
	resetStringInfo(&push->invalid.list);
	push->invalid.count = 0;
}

/* Callback of the item list, in report mode: a row that is not valid. */
static void
report_invalid(void *arg, JoorItem *item, const JoorViolation *violation)
{
	Push		  *push = arg;
	StringInfoData reason;

	initStringInfo(&reason);
	joor_violation_append(&reason, violation);
	joor_request_row_put_unsent(push->result, 1, "invalid", 1, reason.data);
	(void) joor_item_complete_position(item, &push->account->rules, violation);
	joor_item_report_fail(&push->invalid, item, "validation", reason.data);
	if (push->invalid.list.len > REPORT_SIZE)
		record_invalid(push);
	pfree(reason.data);
}

/* Callback of the item list: the feed has the position. */
static void
note_seen(void *arg, const JoorItem *item)
{
	joor_gone_note(((Push *) arg)->gone, (int64) joor_item_hash(item));
}

/* Callback of the walk over what is gone: sends it, too. */
static void
append_gone(void *arg, JoorItem *item)
{
	joor_item_list_append(((Push *) arg)->list, item);
}

/*
 * Reads a feed, as its owner, and what is gone of it; for an overwrite all
 * that ever was, since what it leaves out could be ordered without limit.
 */
static void
read_feed(Push *push, JoorItemListReader *reader)
{
	const JoorFeed *feed = push->order->feed;
	JoorFeedState	state;

	reader->key_column = feed->key_column;
	reader->seen = note_seen;
	push->gone = joor_gone_create();
	joor_feed_enter(feed, &state);
	push->list = joor_item_list_read(push->order->query, reader);
	joor_feed_leave(&state);
	joor_gone_walk(push->gone, feed, &push->account->rules,
				   push->order->overwrite, append_gone, push);
}

/* Reads and checks the query. */
static void
read_items(Push *push)
{
	JoorItemListReader reader = {0};

	reader.rules = &push->account->rules;
	reader.invalid = push->report ? report_invalid : NULL;
	reader.arg = push;
	joor_item_report_init(&push->invalid);
	if (push->order->feed != NULL)
		read_feed(push, &reader);
	else
		push->list = joor_item_list_read(push->order->query, &reader);
	if (!push->report)
		joor_item_list_refuse(push->list);
	record_invalid(push);
}

/* What was delivered before a failure, for its detail. */
static char *
before_failure(const Push *push, int nitems)
{
	int64 left = joor_item_list_valid(push->list) - push->handled - nitems;

	return psprintf("Before it, " INT64_FORMAT " requests with " INT64_FORMAT
					" items were delivered; the failed request has %d items, "
					"and " INT64_FORMAT " more were not sent.",
					push->requests, push->delivered, nitems, left);
}

/*
 * A request failed.  In report mode a body that JOOR refused does not keep
 * the others back; anything else would befall them too.
 */
static void
fail(Push *push, const JoorCall *call, const JoorDelivery *delivery, int64 id)
{
	if (!push->report)
		joor_call_raise(push->account, delivery, id,
						before_failure(push, call->nitems));
	push->failed = true;
	push->handled += call->nitems;
	push->ended =
		delivery->outcome != JOOR_REFUSED || delivery->stop_reason != NULL;
}

static void
count_delivery(Push *push, const JoorCall *call, const JoorDelivery *delivery)
{
	push->requests++;
	push->handled += call->nitems;
	push->delivered += call->nitems - delivery->rejected;
	push->rejected += delivery->rejected;
	push->unknown += delivery->outcome == JOOR_UNKNOWN;
}

/*
 * Makes the call until JOOR has credits for it; each try is a row.  True: the
 * body is too large, try it in halves.
 */
static bool
make_call(Push *push, const JoorCall *call)
{
	JoorDelivery *delivery;
	int64		  id;
	bool		  halve;

	push->run.completes = !push->failed && push->handled + call->nitems ==
											   joor_item_list_valid(push->list);
	do
	{
		delivery = joor_call_perform(push->account, call, &push->run, &id);
		joor_request_row_put(push->result, id, call, delivery,
							 delivery->message);
	} while (delivery->outcome == JOOR_THROTTLED);

	halve = delivery->too_large && delivery->http_status == 413 &&
			!push->order->overwrite;
	if (halve)
		return true;
	if (delivery->sqlerrcode != 0)
		fail(push, call, delivery, id);
	else
		count_delivery(push, call, delivery);
	return false;
}

/* Sends a part of the batch, in halves if JOOR finds it too large. */
static void
send_part(Push *push, int from, int count)
{
	JoorBatch	 *batch = push->batch;
	JoorCall	  call = {JOOR_BULK_INVENTORY,
						  push->order->overwrite,
						  push->order->dec_pending,
						  batch->items + from,
						  count,
						  &batch->payload};
	MemoryContext old;
	bool		  halve;

	check_stack_depth();
	if (push->ended)
		return;
	if (count != batch->payload.items)
		joor_batch_build(batch, from, count);
	old = MemoryContextSwitchTo(push->call_context);
	halve = make_call(push, &call);
	MemoryContextSwitchTo(old);
	MemoryContextReset(push->call_context);
	if (!halve)
		return;
	batch->max_items = Max(1, count / 2);
	send_part(push, from, count / 2);
	joor_batch_build(batch, from + count / 2, count - count / 2);
	send_part(push, from + count / 2, count - count / 2);
}

/* Errors out unless the batch, the first one, may replace all there is. */
static void
check_overwrite(Push *push)
{
	JoorBatch *batch = push->batch;
	int64	  *hashes;
	int		   i;

	joor_overwrite_check_fits(push->account,
							  joor_batch_is_last(batch, push->list));
	if (push->order->force)
		return;
	hashes = palloc_extended(sizeof(int64) * batch->count, MCXT_ALLOC_HUGE);
	for (i = 0; i < batch->count; i++)
		hashes[i] = (int64) joor_item_hash(&batch->items[i]);
	joor_overwrite_check_drop(push->account, hashes, batch->count, ERROR);
	pfree(hashes);
}

static void
send_all(Push *push)
{
	while (!push->ended && joor_batch_fill(push->batch, push->list))
	{
		if (push->order->overwrite)
			check_overwrite(push);
		send_part(push, 0, push->batch->count);
	}
}

/* What is worth saying, though it is no failure. */
static void
say_results(const Push *push)
{
	int64 left = joor_item_list_valid(push->list) - push->handled;
	int64 clamped = joor_item_list_clamped(push->list);

	if (left > 0)
		joor_request_row_put_unsent(push->result, left, "not_sent", 0,
									"not sent after the failure before");
	if (clamped > 0)
		ereport(NOTICE,
				(errmsg_plural("%lld negative quantity was sent as 0",
							   "%lld negative quantities were sent as 0",
							   clamped, (long long) clamped)));
	if (push->unknown > 0)
		ereport(WARNING,
				(errmsg_plural("JOOR accepted %lld request without saying "
							   "what became of its items",
							   "JOOR accepted %lld requests without saying "
							   "what became of their items",
							   push->unknown, (long long) push->unknown),
				 errhint("SELECT id, message, answer FROM joor.request WHERE "
						 "outcome = 'unknown' ORDER BY id DESC shows them.")));
	if (push->rejected > 0)
		ereport(WARNING,
				(errmsg_plural("JOOR rejected %lld item",
							   "JOOR rejected %lld items", push->rejected,
							   (long long) push->rejected),
				 errhint("SELECT * FROM joor.rejection WHERE server = %s AND "
						 "closed_at IS NULL tells why.",
						 quote_literal_cstr(push->account->server))));
}

static void
init_run(Push *push)
{
	push->run.source = push->order->source;
	if (push->order->feed != NULL)
		push->run.feed = push->order->feed->name;
	if (IsolationUsesXactSnapshot())
		push->run.snapshot_at = GetCurrentTransactionStartTimestamp();
	push->run.snapshot = joor_queue_snapshot();
}

void
joor_push(FunctionCallInfo fcinfo, const JoorPushOrder *order)
{
	Push push = {0};

	push.order = order;
	push.account = order->account;
	push.report = report_failures(order->on_failure);
	joor_init_materialized_srf(fcinfo);
	push.result = (ReturnSetInfo *) fcinfo->resultinfo;

	joor_arming_check_cluster();
	joor_account_lock(push.account);
	joor_account_authorize(push.account, GetUserId());
	joor_arming_check(push.account, true);
	init_run(&push);

	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "SPI_connect failed");
	push.batch = joor_batch_create(push.account);
	push.call_context = AllocSetContextCreate(
		CurrentMemoryContext, "joor_inventory call", ALLOCSET_DEFAULT_SIZES);
	read_items(&push);
	push.run.items = joor_item_list_valid(push.list);
	if (order->overwrite)
		joor_overwrite_check_items(push.list);
	send_all(&push);
	say_results(&push);
	joor_item_list_close(push.list);
	SPI_finish();
	joor_account_unlock(push.account);
}

/*
 * joor.push(query, server, overwrite, dec_pending, on_failure, force)
 */
Datum
joor_inventory_push(PG_FUNCTION_ARGS)
{
	JoorPushOrder order = {0};

	order.source = "push";
	order.query = joor_argument_text(fcinfo, 0, "query");
	order.account = joor_account_open(joor_argument_text(fcinfo, 1, "server"));
	order.overwrite = joor_argument_bool(fcinfo, 2, "overwrite");
	order.dec_pending =
		PG_ARGISNULL(3) ? order.account->dec_pending : PG_GETARG_BOOL(3);
	order.on_failure = joor_argument_text(fcinfo, 4, "on_failure");
	order.force = joor_argument_bool(fcinfo, 5, "force");
	joor_push(fcinfo, &order);
	return (Datum) 0;
}
