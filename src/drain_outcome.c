/*-------------------------------------------------------------------------
 *
 * drain_outcome.c
 *	  What the outcome of a request means for the queue.
 *
 * The guilty items of a body that was refused as a whole are found by
 * drain_hunt.c.
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

#include "arming.h"
#include "drain_internal.h"
#include "item_report.h"

/* Pauses, in milliseconds. */
#define PAUSE_FAILED 1000		/* the first one after a failure ... */
#define PAUSE_FAILED_MAX 300000 /* ... doubled each time, up to this one */

/*
 * What JOOR has none of, and what the feed has no more, is rejected for good:
 * nobody has to do anything about it.
 */
static void
close_rejections(JoorDrain *drain, const bool *rejected)
{
	const JoorFeedBatch *batch = drain->feed_batch;
	JoorItemReport		 report;
	int					 i;

	joor_item_report_init(&report);
	for (i = 0; i < batch->count; i++)
		if (rejected[i] && batch->gone[i] && batch->untaken[i])
			joor_item_report_pass(&report, &batch->items[i]);
	joor_drain_record_rejections(drain, joor_item_report_finish(&report));
}

/* The entries of the request are done: delivered, or rejected for good. */
static void
delete_batch(JoorDrain *drain, const JoorDelivery *delivery)
{
	JoorQueueBatch *batch = &drain->batch;
	bool		   *rejected;
	int				i;

	if (drain->feed_batch == NULL)
	{
		joor_queue_delete(drain->serverid, batch->hashes, batch->ids,
						  batch->count);
		return;
	}
	rejected = palloc(sizeof(bool) * (batch->count + 1));
	for (i = 0; i < batch->count; i++)
		rejected[i] = delivery->status[i] == JOOR_STATUS_FAIL;
	joor_feed_batch_accept(drain->feed_batch, drain->serverid,
						   delivery->acknowledged ? rejected : NULL);
	if (delivery->acknowledged)
		close_rejections(drain, rejected);
}

/* JOOR took the body. */
static void
conclude_accepted(JoorDrain *drain, const JoorDelivery *delivery)
{
	if (drain->probe)
	{
		drain->probe = false;
		return;
	}
	delete_batch(drain, delivery);
	joor_hunt_accepted(drain);
	drain->failures = 0;
	if (drain->shrunk)
	{
		drain->max_items *= 2;
		drain->shrunk = drain->max_items < drain->account->max_items;
		if (!drain->shrunk)
			drain->max_items = 0;
	}
}

/* JOOR refused the whole body. */
static void
conclude_refused(JoorDrain *drain, const JoorDelivery *delivery)
{
	if (drain->probe)
	{
		drain->probe = false; /* it is JOOR; what is wrong, bodies will show */
		return;
	}
	if (drain->feed_batch != NULL)
		joor_feed_batch_hand_over(drain->feed_batch, drain->account);
	joor_hunt_refused(drain, delivery);
}

/* The body is too large, or takes too long: smaller ones from now on. */
static void
conclude_too_large(JoorDrain *drain, bool may_pass)
{
	drain->max_items = Max(1, drain->batch.count / 2);
	drain->shrunk = may_pass;
}

void
joor_drain_pause_failed(JoorDrain *drain, const char *reason)
{
	double		pause = PAUSE_FAILED * pow(2, Min(drain->failures, 20));
	TimestampTz spaced = drain->due;

	drain->failures++;
	drain->resumed_at = joor_arming_resumed_at(drain->serverid);
	pause = Min(pause, PAUSE_FAILED_MAX) * (0.5 + 0.5 * joor_random());
	joor_drain_pause(drain, (long) pause, JOOR_DRAIN_FAILED, reason);
	if (drain->due < spaced)
	{
		drain->due = spaced;
		joor_drain_state_set(&drain->state, JOOR_DRAIN_FAILED, reason, spaced);
	}
}

/* JOOR's or the network's trouble. */
static void
conclude_failed(JoorDrain *drain, const JoorDelivery *delivery)
{
	if (delivery->too_large)
		conclude_too_large(drain, true);
	joor_drain_pause_failed(drain, delivery->message);
}

/* What the outcome means for the queue, and for what comes next. */
void
joor_drain_conclude(JoorDrain *drain, const JoorDelivery *delivery)
{
	if (delivery->stop_reason != NULL)
		joor_drain_block(drain, delivery->stop_reason);
	else if (delivery->outcome == JOOR_THROTTLED)
		joor_drain_state_set(&drain->state, JOOR_DRAIN_CREDITS,
							 delivery->message, drain->due);
	else if (delivery->sqlerrcode == 0)
		conclude_accepted(drain, delivery);
	else if (delivery->outcome != JOOR_REFUSED)
		conclude_failed(drain, delivery);
	else if (delivery->too_large)
		conclude_too_large(drain, false);
	else
		conclude_refused(drain, delivery);
	if (drain->state.kind == JOOR_DRAIN_SENDING)
		joor_drain_state_set(&drain->state, JOOR_DRAIN_SPACING, NULL,
							 drain->due);
}
