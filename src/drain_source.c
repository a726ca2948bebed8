/*-------------------------------------------------------------------------
 *
 * drain_source.c
 *	  Where the items of an account's next request come from.
 *
 * Items that were enqueued are one source, each feed of the account is
 * another.  The one whose oldest entry has waited longest is read.
 *
 * Floor 6.
 *
 * IDENTIFICATION
 *	  src/drain_source.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "utils/memutils.h"

#include "arming.h"
#include "change_queue.h"
#include "drain_internal.h"
#include "item_report.h"
#include "settings.h"

/* How often a feed may have no items for its keys in one transaction. */
#define AGAIN_MAX 20

void
joor_drain_record_rejections(JoorDrain *drain, const char *items)
{
	if (items != NULL)
		joor_rejection_record(drain->serverid, drain->account->server, 0,
							  items);
}

/* They leave the queue. */
void
joor_drain_reject_invalid(JoorDrain *drain)
{
	JoorQueueBatch *batch = &drain->batch;
	JoorItemReport	report;
	int				kept = 0;
	int				i;

	joor_item_report_init(&report);
	for (i = 0; i < batch->count; i++)
	{
		JoorViolation  violation;
		StringInfoData reason;

		if (joor_item_check(&batch->items[i], &drain->account->rules,
							&violation))
		{
			batch->items[kept] = batch->items[i];
			batch->ids[kept] = batch->ids[i];
			batch->hashes[kept++] = batch->hashes[i];
			continue;
		}
		initStringInfo(&reason);
		joor_violation_append(&reason, &violation);
		joor_item_report_fail(&report, &batch->items[i], "validation",
							  reason.data);
		joor_queue_delete(drain->serverid, &batch->hashes[i], &batch->ids[i],
						  1);
	}
	batch->count = kept;
	joor_drain_record_rejections(drain, joor_item_report_finish(&report));
}

/* Reads enqueued items that no hunt holds. */
static bool
read_items(JoorDrain *drain, int limit)
{
	int	   nheld;
	int64 *held = joor_hunt_held(drain, &nheld);

	do
	{
		joor_queue_read(drain->serverid, limit, held, nheld, &drain->scan,
						&drain->batch);
		if (drain->batch.count == 0)
			return false;
		joor_drain_reject_invalid(drain);
	} while (drain->batch.count == 0);
	return true;
}

/* Makes the feed's batch the drain's. */
static void
take_feed_batch(JoorDrain *drain, const JoorFeedBatch *feed_batch)
{
	drain->feed_batch = palloc(sizeof(JoorFeedBatch));
	*drain->feed_batch = *feed_batch;
	MemSet(&drain->batch, 0, sizeof(drain->batch));
	drain->batch.items = feed_batch->items;
	drain->batch.hashes = feed_batch->hashes;
	drain->batch.count = feed_batch->count;
	drain->batch.dec_pending = drain->account->dec_pending;
}

/* Whether reading since then has taken as long as a feed may. */
static bool
is_late(TimestampTz begun)
{
	return joor_feed_timeout > 0 &&
		   TimestampDifferenceExceeds(begun, GetCurrentTimestamp(),
									  joor_feed_timeout);
}

static bool
read_feed(JoorDrain *drain, JoorFeedSource *source, int limit,
		  TimestampTz begun)
{
	JoorFeedBatch feed_batch;
	int			  i;

	for (i = 0; i < AGAIN_MAX && !is_late(begun); i++)
	{
		switch (
			joor_feed_batch_read(source, drain->account, limit, &feed_batch))
		{
			case JOOR_FEED_ITEMS:
				take_feed_batch(drain, &feed_batch);
				return true;
			case JOOR_FEED_AGAIN:
				joor_drain_record_rejections(drain, feed_batch.invalid);
				break;
			case JOOR_FEED_NOTHING:
				if (source->failures > 0)
					drain->resumed_at = joor_arming_resumed_at(drain->serverid);
				return false;
		}
	}
	drain->again = true;
	return false;
}

/* A source that has entries. */
typedef struct Waiting
{
	int64			id;		/* of the oldest */
	JoorFeedSource *source; /* NULL: enqueued items */
} Waiting;

static int
compare_waiting(const void *a, const void *b)
{
	int64 x = ((const Waiting *) a)->id;
	int64 y = ((const Waiting *) b)->id;

	return x < y ? -1 : x > y;
}

/* The sources that have entries, the one that has waited longest first. */
static Waiting *
find_waiting(JoorDrain *drain, int *count)
{
	TimestampTz now = GetCurrentTimestamp();
	Waiting	   *waiting;
	ListCell   *cell;

	drain->sources =
		joor_feed_sources(drain->sources, drain->serverid, drain->context);
	joor_changes_number(drain->serverid);
	waiting = palloc(sizeof(Waiting) * (list_length(drain->sources) + 1));
	*count = 0;
	foreach (cell, drain->sources)
	{
		JoorFeedSource *source = lfirst(cell);

		waiting[*count].source = source;
		waiting[*count].id = joor_changes_first(source->name, &source->scan);
		if (waiting[*count].id == 0)
			joor_feed_source_clear(source); /* nobody waits for its end */
		else if (source->retry_at <= now)
			(*count)++;
	}
	waiting[*count].source = NULL;
	/* where they stand in line matters only to others */
	waiting[*count].id =
		*count > 0 ? joor_queue_first(drain->serverid, &drain->scan) : 1;
	if (waiting[*count].id > 0)
		(*count)++;
	qsort(waiting, *count, sizeof(Waiting), compare_waiting);
	return waiting;
}

bool
joor_drain_read_rest(JoorDrain *drain)
{
	int limit = drain->hunt.sampling ? 1 : joor_drain_batch_limit(drain);
	TimestampTz begun = GetCurrentTimestamp();
	int			count;
	Waiting	   *waiting = find_waiting(drain, &count);
	int			i;

	drain->again = false;
	drain->hunt.under_way = false;
	drain->hunt.rest_next = false;
	/* those that are not reached have waited longest next time */
	for (i = 0; i < count && !is_late(begun); i++)
		if (waiting[i].source == NULL
				? read_items(drain, limit)
				: read_feed(drain, waiting[i].source, limit, begun))
			return true;
	drain->again |= i < count;
	MemSet(&drain->batch, 0, sizeof(drain->batch));
	return false;
}

const JoorFeedSource *
joor_drain_failing_feed(const JoorDrain *drain)
{
	const JoorFeedSource *first = NULL;
	ListCell			 *cell;

	foreach (cell, drain->sources)
	{
		const JoorFeedSource *source = lfirst(cell);

		if (source->failure != NULL && source->retry_at != 0 &&
			(first == NULL || source->retry_at < first->retry_at))
			first = source;
	}
	return first;
}
