/*-------------------------------------------------------------------------
 *
 * drain_hunt.c
 *	  Finds the guilty items of a body that JOOR refused as a whole.
 *
 * Words: suspects are the parts of refused bodies that have not been tried
 * yet; they are tried in the order in which they were cut, each refused one
 * becoming two halves.  An item that is refused alone is guilty, and leaves
 * the queue as a rejection, if JOOR has been seen to take another body since
 * the hunt began: that is the evidence.  Without it the item is only accused,
 * since JOOR may refuse everything, and then no item is to blame; it stays in
 * the queue and is tried again when the evidence is there.
 *
 * Suspects and the rest of the queue take turns, so that the rest is delivered
 * meanwhile, and brings the evidence.
 *
 * Patience bounds what a hunt costs: refusals use it up, an acceptance renews
 * it.  When it has run out, JOOR refuses everything as far as we can see; all
 * items stay queued, and single items are tried after growing pauses until
 * one is taken.
 *
 * Floor 6.
 *
 * IDENTIFICATION
 *	  src/drain_hunt.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "utils/memutils.h"

#include "drain_internal.h"
#include "item_report.h"

/*
 * Refusals that are borne without any evidence: more than it takes to find one
 * guilty item among a thousand.  With evidence, what one acceptance is good
 * for.
 */
#define PATIENCE_UNPROVEN 24
#define PATIENCE_PROVEN 128

typedef struct Suspects
{
	bool   paired; /* the next suspects are the other half */
	int	   count;
	int64 *hashes; /* of their positions */
} Suspects;

typedef struct Accused
{
	int64 hash;
	int64 id; /* of the entry that was refused */
	int64 request_id;
	char *message; /* what JOOR said */
} Accused;

void
joor_hunt_init(JoorDrain *drain)
{
	drain->hunt.patience = PATIENCE_UNPROVEN;
}

static bool
has_evidence(const JoorHunt *hunt)
{
	return hunt->patience > PATIENCE_UNPROVEN;
}

/*
 * Suspects.
 */

static Suspects *
make_suspects(const int64 *hashes, int count, bool paired)
{
	Suspects *suspects = palloc(sizeof(Suspects));

	suspects->paired = paired;
	suspects->count = count;
	suspects->hashes = palloc(sizeof(int64) * count);
	memcpy(suspects->hashes, hashes, sizeof(int64) * count);
	return suspects;
}

/* Adds two halves at the end, or what cannot be halved. */
static void
add_halves(JoorDrain *drain, const int64 *hashes, int count)
{
	MemoryContext old = MemoryContextSwitchTo(drain->context);
	JoorHunt	 *hunt = &drain->hunt;
	int			  half = count / 2;

	if (half > 0)
		hunt->suspects =
			lappend(hunt->suspects, make_suspects(hashes, half, true));
	hunt->suspects = lappend(hunt->suspects,
							 make_suspects(hashes + half, count - half, false));
	MemoryContextSwitchTo(old);
}

static void
drop_first(JoorHunt *hunt)
{
	Suspects *suspects = linitial(hunt->suspects);

	hunt->suspects = list_delete_first(hunt->suspects);
	pfree(suspects->hashes);
	pfree(suspects);
}

/* The first suspects have been tried; whether the next are the other half. */
static bool
finish_first(JoorHunt *hunt)
{
	bool paired = ((Suspects *) linitial(hunt->suspects))->paired;

	drop_first(hunt);
	return paired && hunt->suspects != NIL;
}

/* One half was innocent, so the other is not: it need not be tried whole. */
static void
cut_other_half(JoorDrain *drain)
{
	Suspects *suspects = linitial(drain->hunt.suspects);

	if (suspects->count == 1)
		return; /* it is to be refused alone, for JOOR's own words */
	add_halves(drain, suspects->hashes, suspects->count);
	drop_first(&drain->hunt);
}

bool
joor_hunt_has_turn(const JoorDrain *drain)
{
	return drain->hunt.suspects != NIL && !drain->hunt.rest_next;
}

bool
joor_hunt_read(JoorDrain *drain)
{
	JoorHunt *hunt = &drain->hunt;

	while (hunt->suspects != NIL)
	{
		Suspects *suspects = linitial(hunt->suspects);

		joor_queue_read_positions(drain->serverid, suspects->hashes,
								  suspects->count, &drain->batch);
		joor_drain_reject_invalid(drain);
		if (drain->batch.count > 0)
			break;
		drop_first(hunt); /* superseded, or sent otherwise */
	}
	hunt->under_way = hunt->suspects != NIL;
	hunt->rest_next = hunt->under_way;
	return hunt->under_way;
}

/*
 * What reading the rest of the queue leaves out.
 */
int64 *
joor_hunt_held(const JoorDrain *drain, int *count)
{
	const JoorHunt *hunt = &drain->hunt;
	int64		   *hashes;
	ListCell	   *cell;
	int				n = list_length(hunt->accused);

	foreach (cell, hunt->suspects)
		n += ((Suspects *) lfirst(cell))->count;
	hashes = palloc(sizeof(int64) * (n + 1));
	n = 0;
	foreach (cell, hunt->accused)
		hashes[n++] = ((Accused *) lfirst(cell))->hash;
	foreach (cell, hunt->suspects)
	{
		Suspects *suspects = lfirst(cell);

		memcpy(hashes + n, suspects->hashes, sizeof(int64) * suspects->count);
		n += suspects->count;
	}
	*count = n;
	return hashes;
}

/*
 * Accusing and convicting.
 */

static void
accuse(JoorDrain *drain, const JoorDelivery *delivery)
{
	MemoryContext old = MemoryContextSwitchTo(drain->context);
	Accused		 *accused = palloc(sizeof(Accused));

	accused->hash = drain->batch.hashes[0];
	accused->id = drain->batch.ids[0];
	accused->request_id = drain->request_id;
	accused->message = pstrdup(delivery->message);
	drain->hunt.accused = lappend(drain->hunt.accused, accused);
	MemoryContextSwitchTo(old);
}

/* An entry leaves the queue as a rejection, unless a newer one came. */
static void
convict(JoorDrain *drain, const Accused *accused)
{
	JoorQueueBatch batch;
	JoorViolation  violation;
	JoorItemReport report;

	joor_queue_read_positions(drain->serverid, &accused->hash, 1, &batch);
	if (batch.count == 0 || batch.ids[0] != accused->id ||
		!joor_item_check(&batch.items[0], &drain->account->rules, &violation))
		return;
	joor_item_report_init(&report);
	joor_item_report_fail(&report, &batch.items[0], "joor", accused->message);
	joor_rejection_record(drain->serverid, drain->account->server,
						  accused->request_id,
						  joor_item_report_finish(&report));
	joor_queue_delete(drain->serverid, batch.hashes, batch.ids, 1);
}

static void
acquit(JoorHunt *hunt)
{
	ListCell *cell;

	foreach (cell, hunt->accused)
		pfree(((Accused *) lfirst(cell))->message);
	list_free_deep(hunt->accused);
	hunt->accused = NIL;
}

static void
convict_all(JoorDrain *drain)
{
	ListCell *cell;

	foreach (cell, drain->hunt.accused)
		convict(drain, lfirst(cell));
	acquit(&drain->hunt);
}

bool
joor_hunt_settle(JoorDrain *drain)
{
	if (drain->hunt.accused == NIL)
		return false;
	if (drain->hunt.sampling)
		acquit(&drain->hunt);
	else
	{
		convict_all(drain);
		drain->hunt.patience = PATIENCE_UNPROVEN;
		drain->hunt.probed = false;
	}
	return true;
}

/*
 * Outcomes.
 */

/* There is evidence now: those accused without it are tried again. */
static void
retry_accused(JoorDrain *drain)
{
	MemoryContext old = MemoryContextSwitchTo(drain->context);
	JoorHunt	 *hunt = &drain->hunt;
	ListCell	 *cell;

	foreach (cell, hunt->accused)
		hunt->suspects =
			lappend(hunt->suspects,
					make_suspects(&((Accused *) lfirst(cell))->hash, 1, false));
	acquit(hunt);
	MemoryContextSwitchTo(old);
}

void
joor_hunt_accepted(JoorDrain *drain)
{
	JoorHunt *hunt = &drain->hunt;

	hunt->patience = PATIENCE_PROVEN;
	hunt->probed = false;
	hunt->sampling = false;
	retry_accused(drain);
	if (hunt->under_way && finish_first(hunt))
		cut_other_half(drain);
}

/* Nothing gets through: single items are tried from now on, after pauses. */
static void
give_up(JoorDrain *drain, const JoorDelivery *delivery)
{
	JoorHunt *hunt = &drain->hunt;

	while (hunt->suspects != NIL)
		drop_first(hunt);
	hunt->sampling = true;
	hunt->patience = 0;
	joor_drain_pause_failed(
		drain, psprintf("it refuses every request: %s", delivery->message));
}

void
joor_hunt_refused(JoorDrain *drain, const JoorDelivery *delivery)
{
	JoorHunt *hunt = &drain->hunt;
	bool	  proven = has_evidence(hunt) && hunt->under_way;

	/* a body that had nothing to do with the hunt begins a new one */
	if (!hunt->under_way)
		hunt->patience = Min(hunt->patience, PATIENCE_UNPROVEN);
	hunt->patience--;
	drain->probe =
		delivery->http_status == 404 && !hunt->probed && !has_evidence(hunt);
	hunt->probed |= drain->probe;
	if (hunt->under_way)
		(void) finish_first(hunt);
	if (drain->batch.count == 1 && drain->feed_batch == NULL)
		accuse(drain, delivery);
	else
		add_halves(drain, drain->batch.hashes, drain->batch.count);
	if (proven)
		convict_all(drain);
	else if (hunt->patience <= 0)
		give_up(drain, delivery);
}
