/*-------------------------------------------------------------------------
 *
 * feed_evaluation.c
 *	  Reads a part of a feed, and keeps the items that a request can hold.
 *
 * The feed is read once, into an item store that spills to disk; in memory
 * there is a candidate for each row, with its key and its hash.  When all
 * rows and all published positions are known, candidates are ordered and the
 * first ones are picked, key by key.
 *
 * Floor 5.
 *
 * IDENTIFICATION
 *	  src/feed_evaluation.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "utils/builtins.h"
#include "utils/hsearch.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"

#include "feed_evaluation.h"
#include "feed_gone.h"
#include "item_query.h"
#include "item_report.h"
#include "key_index.h"
#include "published.h"

/* A row of the feed, or a published position. */
typedef struct Candidate
{
	int	  key; /* number */
	int	  row; /* of the kept rows, from 0; of the published ones, if gone */
	int64 hash;
	bool  gone;
} Candidate;

typedef struct Evaluation
{
	const JoorFeedQuestion *question;
	JoorFeedBatch		   *batch;
	MemoryContext			context; /* of the result */
	MemoryContext			scratch; /* of the rest */
	char				  **keys;	 /* as the feed writes them */
	JoorKeyIndex		   *index;
	HTAB				   *present; /* hashes of positions that are there */
	Candidate			   *candidates;
	int						count;
	int						allocated;
	int						kept; /* rows in the item store */
	JoorPublishedRow	   *published;
	JoorItemReport			invalid;
} Evaluation;

/*
 * Keys.
 */

/*
 * Keys as the feed itself writes them: a watched table may write the same
 * value in another way, and what was published is found by the feed's.
 */
static void
write_keys(Evaluation *evaluation)
{
	const JoorFeedQuestion *question = evaluation->question;
	char				  **marked = evaluation->batch->changes.keys;
	Oid						input;
	Oid						output;
	Oid						parameter;
	bool					isvarlena;
	int						i;

	getTypeInputInfo(question->feed->key_type, &input, &parameter);
	getTypeOutputInfo(question->feed->key_type, &output, &isvarlena);
	evaluation->keys = palloc(sizeof(char *) * question->nkeys);
	evaluation->index = joor_key_index_create(question->nkeys);
	for (i = 0; i < question->nkeys; i++)
	{
		evaluation->keys[i] = marked[i];
		if (joor_feed_key_is_possible(question->feed, marked[i]))
			evaluation->keys[i] = OidOutputFunctionCall(
				output, OidInputFunctionCall(input, marked[i], parameter,
											 question->feed->key_typmod));
		(void) joor_key_index_add(evaluation->index, evaluation->keys[i], i);
	}
}

/* The number of a row's key; one that is written in yet another way: last. */
static int
key_number(Evaluation *evaluation, const char *key)
{
	int number = key == NULL ? -1 : joor_key_index_find(evaluation->index, key);

	return number >= 0 ? number : evaluation->question->nkeys - 1;
}

/*
 * Candidates.
 */

static void
add_candidate(Evaluation *evaluation, int key, int64 hash, int row, bool gone)
{
	Candidate *candidate;

	if (evaluation->count == evaluation->allocated)
	{
		evaluation->allocated *= 2;
		evaluation->candidates =
			repalloc_huge(evaluation->candidates,
						  sizeof(Candidate) * (Size) evaluation->allocated);
	}
	candidate = &evaluation->candidates[evaluation->count++];
	candidate->key = key;
	candidate->row = row;
	candidate->hash = hash;
	candidate->gone = gone;
}

/* Remembers that a position is there; whether it was already. */
static bool
note_present(Evaluation *evaluation, int64 hash)
{
	bool found;

	(void) hash_search(evaluation->present, &hash, HASH_ENTER, &found);
	return found;
}

static void
report_invalid(Evaluation *evaluation, JoorItem *item,
			   const JoorViolation *violation)
{
	StringInfoData reason;

	initStringInfo(&reason);
	joor_violation_append(&reason, violation);
	joor_item_report_fail(&evaluation->invalid, item, "validation",
						  reason.data);
}

/*
 * JoorItemVisitor: a row of the feed.  An item that breaks a rule is not sent,
 * nor is it gone.
 */
static bool
visit_row(void *arg, JoorItem *item, JoorViolation *violation)
{
	Evaluation			   *evaluation = arg;
	const JoorFeedQuestion *question = evaluation->question;
	JoorViolation			broken;
	int64					hash;

	if (violation == NULL && !joor_item_check(item, question->rules, &broken))
		violation = &broken;
	if (violation != NULL)
	{
		if (joor_item_complete_position(item, question->rules, violation))
			(void) note_present(evaluation, (int64) joor_item_hash(item));
		report_invalid(evaluation, item, violation);
		return false;
	}
	hash = (int64) joor_item_hash(item);
	if (note_present(evaluation, hash))
	{
		joor_violation_set(&broken, item, JOOR_FIELD_NONE, NULL, 0,
						   "is one of several rows for the same warehouse, "
						   "date and SKU; only the first of them was sent",
						   NULL);
		report_invalid(evaluation, item, &broken);
		return false;
	}
	if (question->after && hash <= question->hash)
		return false;
	add_candidate(evaluation, key_number(evaluation, item->key), hash,
				  evaluation->kept++, false);
	return true;
}

/* Adds what was published for the keys and is there no more. */
static void
add_gone(Evaluation *evaluation)
{
	const JoorFeedQuestion *question = evaluation->question;
	int						count;
	int						i;

	evaluation->published =
		joor_published_of_keys(question->serverid, question->feed->name,
							   evaluation->keys, question->nkeys, &count);
	for (i = 0; i < count; i++)
	{
		const JoorPublishedRow *row = &evaluation->published[i];

		if (hash_search(evaluation->present, &row->hash, HASH_FIND, NULL) ||
			(question->after && row->hash <= question->hash))
			continue;
		add_candidate(evaluation, key_number(evaluation, row->item.key),
					  row->hash, i, true);
	}
}

static int
compare_candidates(const void *a, const void *b)
{
	const Candidate *x = a;
	const Candidate *y = b;

	if (x->key != y->key)
		return x->key < y->key ? -1 : 1;
	return x->hash < y->hash ? -1 : x->hash > y->hash;
}

/*
 * Picks the items of whole keys up to the limit, or the first items of the
 * first key; how many.
 */
static int
pick(Evaluation *evaluation)
{
	JoorFeedBatch *batch = evaluation->batch;
	Candidate	  *candidates = evaluation->candidates;
	int			   limit = evaluation->question->limit;
	int			   count = evaluation->count;

	qsort(candidates, count, sizeof(Candidate), compare_candidates);
	batch->done = evaluation->question->nkeys;
	batch->unfinished = false;
	if (count <= limit)
		return count;
	batch->done = candidates[limit].key;
	count = limit;
	while (count > 0 && candidates[count - 1].key == batch->done)
		count--;
	if (count > 0)
		return count;
	batch->unfinished = true;
	return limit;
}

/*
 * Taking.
 */

/* Reads the kept rows again, and takes those that were picked. */
static void
take_rows(Evaluation *evaluation, JoorItemQuery *query, Candidate *picked,
		  int count)
{
	MemoryContext row = AllocSetContextCreate(
		evaluation->scratch, "joor_inventory feed row", ALLOCSET_SMALL_SIZES);
	Candidate **by_row = palloc0(sizeof(Candidate *) * (evaluation->kept + 1));
	JoorItem	item;
	int			i;

	for (i = 0; i < count; i++)
		if (!picked[i].gone)
			by_row[picked[i].row] = &picked[i];
	for (i = 0; i < evaluation->kept; i++)
	{
		MemoryContextSwitchTo(row);
		if (!joor_item_query_next(query, &item))
			elog(ERROR, "a kept row of a feed is missing");
		MemoryContextSwitchTo(evaluation->context);
		if (by_row[i] != NULL)
			joor_item_copy(&evaluation->batch->items[by_row[i] - picked],
						   &item);
		MemoryContextReset(row);
	}
}

static void
take_picked(Evaluation *evaluation, JoorItemQuery *query, int count)
{
	JoorFeedBatch *batch = evaluation->batch;
	int			   i;

	MemoryContextSwitchTo(evaluation->context);
	batch->count = count;
	batch->items = palloc0(sizeof(JoorItem) * (count + 1));
	batch->hashes = palloc(sizeof(int64) * (count + 1));
	batch->keys = palloc(sizeof(int) * (count + 1));
	batch->gone = palloc(sizeof(bool) * (count + 1));
	batch->untaken = palloc0(sizeof(bool) * (count + 1));
	for (i = 0; i < count; i++)
	{
		Candidate *candidate = &evaluation->candidates[i];

		batch->hashes[i] = candidate->hash;
		batch->keys[i] = candidate->key;
		batch->gone[i] = candidate->gone;
		if (!candidate->gone)
			continue;
		batch->untaken[i] = evaluation->published[candidate->row].untaken;
		joor_gone_item(&batch->items[i], &evaluation->published[candidate->row],
					   evaluation->question->rules);
	}
	MemoryContextSwitchTo(evaluation->scratch);
	take_rows(evaluation, query, evaluation->candidates, count);
}

static void
init_evaluation(Evaluation *evaluation, const JoorFeedQuestion *question,
				JoorFeedBatch *batch)
{
	HASHCTL info = {0};

	MemSet(evaluation, 0, sizeof(*evaluation));
	evaluation->question = question;
	evaluation->batch = batch;
	evaluation->context = CurrentMemoryContext;
	evaluation->scratch = AllocSetContextCreate(
		CurrentMemoryContext, "joor_inventory feed", ALLOCSET_DEFAULT_SIZES);
	joor_item_report_init(&evaluation->invalid);
	MemoryContextSwitchTo(evaluation->scratch);
	evaluation->allocated = Max(question->nkeys, 64);
	evaluation->candidates = palloc_extended(
		sizeof(Candidate) * (Size) evaluation->allocated, MCXT_ALLOC_HUGE);
	info.keysize = sizeof(int64);
	info.entrysize = sizeof(int64);
	info.hcxt = evaluation->scratch;
	evaluation->present =
		hash_create("joor_inventory feed positions", evaluation->allocated,
					&info, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
}

void
joor_feed_evaluate(const JoorFeedQuestion *question, JoorFeedBatch *batch)
{
	Evaluation	   evaluation;
	JoorFeedState  state;
	JoorItemQuery *query;

	init_evaluation(&evaluation, question, batch);
	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "SPI_connect failed");
	MemoryContextSwitchTo(evaluation.scratch);
	joor_feed_enter(question->feed, &state);
	write_keys(&evaluation);
	PushActiveSnapshot(GetTransactionSnapshot());
	query = joor_item_query_open(joor_feed_query(question->feed, question->part,
												 batch->changes.keys,
												 question->nkeys),
								 question->feed->key_column);
	(void) joor_item_query_scan(query, visit_row, &evaluation);
	PopActiveSnapshot();
	joor_feed_leave(&state);
	add_gone(&evaluation);
	take_picked(&evaluation, query, pick(&evaluation));
	joor_item_query_close(query);
	SPI_finish();
	MemoryContextSwitchTo(evaluation.context);
	batch->invalid = joor_item_report_finish(&evaluation.invalid);
	MemoryContextDelete(evaluation.scratch);
}
