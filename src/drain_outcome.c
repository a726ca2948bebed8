/*-------------------------------------------------------------------------
 *
 * drain_outcome.c
 *	  What the outcome of a request means for the queue.
 *
 * Refused bodies: a body that JOOR refuses as a whole is tried in halves, the
 * first half first, until the guilty items stand alone and are rejected.
 * When refusal follows refusal without any success, it is not the items: the
 * account is stopped.
 *
 * Floor 6.
 *
 * IDENTIFICATION
 *	  src/drain_outcome.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "utils/memutils.h"

#include "drain_internal.h"
#include "item_report.h"

/* Pauses, in milliseconds. */
#define PAUSE_FAILED 1000		/* the first one after a failure ... */
#define PAUSE_FAILED_MAX 300000 /* ... doubled each time, up to this one */

/* The entries of the request are done: delivered, or rejected for good. */
static void
delete_batch(JoorDrain *drain)
{
	joor_queue_delete(drain->serverid, drain->batch.hashes, drain->batch.ids,
					  drain->batch.count);
}

/* The request was of the first suspects: they are done, or replaced. */
static void
drop_suspects(JoorDrain *drain)
{
	Suspects *suspects;

	if (drain->suspects == NIL)
		return;
	suspects = linitial(drain->suspects);
	drain->suspects = list_delete_first(drain->suspects);
	pfree(suspects->hashes);
	pfree(suspects);
}

static void
add_suspects(JoorDrain *drain, int from, int count)
{
	MemoryContext old = MemoryContextSwitchTo(drain->context);
	Suspects	 *suspects = palloc(sizeof(Suspects));

	suspects->count = count;
	suspects->hashes = palloc(sizeof(int64) * count);
	memcpy(suspects->hashes, drain->batch.hashes + from, sizeof(int64) * count);
	drain->suspects = lcons(suspects, drain->suspects);
	MemoryContextSwitchTo(old);
}

/* More refusals than looking for one guilty item could explain. */
static bool
refuses_everything(const JoorDrain *drain)
{
	return drain->refusals >
		   2 * log2(Max(joor_drain_batch_limit(drain), 2)) + 6;
}

/* JOOR took the body. */
static void
conclude_accepted(JoorDrain *drain)
{
	if (drain->probe)
	{
		drain->probe = false;
		return;
	}
	delete_batch(drain);
	drop_suspects(drain);
	drain->failures = 0;
	drain->refusals = 0;
	if (drain->shrunk)
	{
		drain->max_items *= 2;
		drain->shrunk = drain->max_items < drain->account->max_items;
		if (!drain->shrunk)
			drain->max_items = 0;
	}
}

/* The only item of a refused body is guilty. */
static void
reject_item(JoorDrain *drain, const JoorDelivery *delivery,
			JoorRequestFinish *finish)
{
	JoorItemReport report;

	joor_item_report_init(&report);
	joor_item_report_fail(&report, drain->call.items, "joor",
						  delivery->message);
	finish->items = joor_item_report_finish(&report);
	delete_batch(drain);
}

/* JOOR refused the whole body: which item is guilty? */
static void
conclude_refused(JoorDrain *drain, const JoorDelivery *delivery,
				 JoorRequestFinish *finish)
{
	int count = drain->batch.count;

	drain->refusals++;
	if (refuses_everything(drain))
	{
		finish->stop_reason =
			psprintf("JOOR refuses every request: %s", delivery->message);
		/* whoever resumes the account begins anew */
		drain->refusals = 0;
		drain->probe = false;
		while (drain->suspects != NIL)
			drop_suspects(drain);
		return;
	}
	if (drain->probe)
	{
		/* it is JOOR that answers; what is wrong, the bodies will show */
		drain->probe = false;
		return;
	}
	drain->probe = delivery->http_status == 404 && drain->refusals == 1;
	drop_suspects(drain);
	if (count == 1)
	{
		reject_item(drain, delivery, finish);
		return;
	}
	add_suspects(drain, count / 2, count - count / 2);
	add_suspects(drain, 0, count / 2);
}

/* The body is too large, or takes too long: smaller ones from now on. */
static void
conclude_too_large(JoorDrain *drain, bool may_pass)
{
	drain->max_items = Max(1, drain->batch.count / 2);
	drain->shrunk = may_pass;
}

/* JOOR's trouble: a pause that grows, with jitter. */
static void
conclude_failed(JoorDrain *drain, const JoorDelivery *delivery)
{
	double		pause = PAUSE_FAILED * pow(2, Min(drain->failures, 20));
	TimestampTz spaced = drain->due;

	drain->failures++;
	pause = Min(pause, PAUSE_FAILED_MAX) * (0.5 + 0.5 * joor_random());
	if (delivery->too_large)
		conclude_too_large(drain, true);
	joor_drain_pause(drain, (long) pause, JOOR_DRAIN_FAILED, delivery->message);
	if (drain->due < spaced)
	{
		drain->due = spaced;
		joor_drain_state_set(&drain->state, JOOR_DRAIN_FAILED,
							 delivery->message, spaced);
	}
}

/* What the outcome means for the queue, and for what comes next. */
void
joor_drain_conclude(JoorDrain *drain, const JoorDelivery *delivery,
					JoorRequestFinish *finish)
{
	if (delivery->stop_reason != NULL)
		joor_drain_block(drain, delivery->stop_reason);
	else if (delivery->outcome == JOOR_THROTTLED)
		joor_drain_state_set(&drain->state, JOOR_DRAIN_CREDITS,
							 delivery->message, drain->due);
	else if (delivery->sqlerrcode == 0)
		conclude_accepted(drain);
	else if (delivery->outcome != JOOR_REFUSED)
		conclude_failed(drain, delivery);
	else if (delivery->too_large)
		conclude_too_large(drain, false);
	else
		conclude_refused(drain, delivery, finish);
	if (finish->stop_reason != NULL && delivery->stop_reason == NULL)
		joor_drain_block(drain, finish->stop_reason);
	if (drain->state.kind == JOOR_DRAIN_SENDING)
		joor_drain_state_set(&drain->state, JOOR_DRAIN_SPACING, NULL,
							 drain->due);
}
