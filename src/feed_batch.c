/*-------------------------------------------------------------------------
 *
 * feed_batch.c
 *	  What a feed has to say of its changed keys, as the items of a request.
 *
 * Floor 5.
 *
 * IDENTIFICATION
 *	  src/feed_batch.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "storage/lock.h"
#include "utils/guc.h"
#include "utils/memutils.h"
#include "utils/timeout.h"

#include "feed_batch.h"
#include "feed_evaluation.h"
#include "published.h"
#include "queue.h"
#include "settings.h"
#include "wake.h"

/* The pause after a failure, in milliseconds; doubled each time up to MAX. */
#define PAUSE_FAILED 5000
#define PAUSE_FAILED_MAX 300000

/* Longest wait for a lock on a feed, or on a table that it reads. */
#define LOCK_TIMEOUT "1s"

/* Longest failure that is remembered, in bytes. */
#define FAILURE_LENGTH 1000

/* Keys that are looked up for each item that fits, and for all, at most. */
#define KEYS_PER_ITEM_MAX 20
#define KEYS_MAX 1000000

/*
 * Sources.
 */

static JoorFeedSource *
make_source(const JoorFeedName *feed, MemoryContext parent)
{
	MemoryContext context = AllocSetContextCreate(
		parent, "joor_inventory feed source", ALLOCSET_SMALL_SIZES);
	JoorFeedSource *source =
		MemoryContextAllocZero(context, sizeof(JoorFeedSource));

	source->context = context;
	source->name = MemoryContextStrdup(context, feed->name);
	source->created_at = feed->created_at;
	source->part_context = AllocSetContextCreate(
		context, "joor_inventory feed part", ALLOCSET_SMALL_SIZES);
	source->items_per_key = 1;
	source->noted = !feed->failing;
	return source;
}

static JoorFeedSource *
find_source(List *sources, const JoorFeedName *feed)
{
	ListCell *cell;

	foreach (cell, sources)
	{
		JoorFeedSource *source = lfirst(cell);

		if (strcmp(source->name, feed->name) == 0 &&
			source->created_at == feed->created_at)
			return source;
	}
	return NULL;
}

/* Adds a source to a list that is in that context. */
static List *
add_source(List *sources, JoorFeedSource *source, MemoryContext context)
{
	MemoryContext old = MemoryContextSwitchTo(context);

	sources = lappend(sources, source);
	MemoryContextSwitchTo(old);
	return sources;
}

List *
joor_feed_sources(List *sources, Oid serverid, MemoryContext context)
{
	int			  count;
	JoorFeedName *names = joor_feed_names(serverid, &count);
	ListCell	 *cell;
	int			  i;

	foreach (cell, sources)
		((JoorFeedSource *) lfirst(cell))->seen = false;
	for (i = 0; i < count; i++)
	{
		JoorFeedSource *source = find_source(sources, &names[i]);

		if (source == NULL)
		{
			source = make_source(&names[i], context);
			sources = add_source(sources, source, context);
		}
		source->seen = true;
		/* altering a feed clears what the definition says */
		if (names[i].failing != (source->failure != NULL))
			source->noted = false;
	}
	foreach (cell, sources)
	{
		JoorFeedSource *source = lfirst(cell);

		if (source->seen)
			continue;
		sources = foreach_delete_current(sources, cell);
		MemoryContextDelete(source->context);
	}
	return sources;
}

void
joor_feed_sources_note(List *sources)
{
	ListCell *cell;

	foreach (cell, sources)
	{
		JoorFeedSource *source = lfirst(cell);
		JoorTables		tables;

		if (source->noted)
			continue;
		joor_tables_begin(&tables);
		source->noted = joor_feed_note_failure(source->name, source->failure);
		joor_tables_commit(&tables);
	}
}

void
joor_feed_sources_retry(List *sources)
{
	ListCell *cell;

	foreach (cell, sources)
	{
		JoorFeedSource *source = lfirst(cell);

		source->failures = 0;
		source->retry_at = 0;
	}
}

void
joor_feed_source_clear(JoorFeedSource *source)
{
	source->failures = 0;
	source->retry_at = 0;
	if (source->failure == NULL)
		return;
	pfree(source->failure);
	source->failure = NULL;
	source->noted = false;
}

static void
note_failure(JoorFeedSource *source, const char *message)
{
	long pause = PAUSE_FAILED << Min(source->failures, 10);

	source->failures++;
	source->retry_at = TimestampTzPlusMilliseconds(
		GetCurrentTimestamp(), Min(pause, PAUSE_FAILED_MAX));
	source->noted =
		source->failure != NULL && strcmp(source->failure, message) == 0;
	source->failure = MemoryContextStrdup(source->context, message);
}

/*
 * A key that goes out in parts.
 */

static void
forget_part(JoorFeedSource *source)
{
	MemoryContextReset(source->part_context);
	MemSet(&source->part, 0, sizeof(source->part));
}

void
joor_feed_sources_rewind(List *sources)
{
	ListCell *cell;

	foreach (cell, sources)
	{
		JoorFeedSource *source = lfirst(cell);

		MemSet(&source->scan, 0, sizeof(source->scan));
		forget_part(source);
	}
}

/* Keeps the changes of a batch whose first key is not done yet. */
static void
keep_part(JoorFeedSource *source, const JoorFeedBatch *batch)
{
	MemoryContext old = MemoryContextSwitchTo(source->part_context);
	int64		  hash = batch->hashes[batch->count - 1];
	JoorChanges	 *part = &source->part;

	if (part->nkeys == 0)
	{
		*part = batch->changes;
		part->nkeys = 1;
		part->keys = palloc(sizeof(char *));
		part->keys[0] = pstrdup(batch->changes.keys[0]);
		part->rows = palloc(sizeof(JoorChangeRow) * part->nrows);
		memcpy(part->rows, batch->changes.rows,
			   sizeof(JoorChangeRow) * part->nrows);
	}
	source->part_hash = hash;
	MemoryContextSwitchTo(old);
}

/*
 * Reading.
 */

/* How many keys to look up so that their items fill a request. */
static int
keys_wanted(const JoorFeedSource *source, int limit)
{
	double keys = limit / Max(source->items_per_key, 0.001);

	keys = Min(keys, (double) limit * KEYS_PER_ITEM_MAX);
	return (int) Min(Max(keys, 1), KEYS_MAX);
}

/* Learns how many items a key has, for the next batch. */
static void
learn_ratio(JoorFeedSource *source, const JoorFeedBatch *batch)
{
	double ratio = (double) batch->count / Max(batch->done, 1);

	source->items_per_key = (source->items_per_key + ratio) / 2;
}

/* The feed, if its owner may still send for the account. */
static JoorFeed *
open_feed(const JoorFeedSource *source)
{
	JoorFeed *feed = joor_feed_open(source->name);

	joor_feed_check_usage(feed, feed->owner);
	return feed;
}

static JoorFeedResult
read_keys(JoorFeedSource *source, const JoorAccount *account, int limit,
		  JoorFeedBatch *batch)
{
	JoorFeedQuestion question = {0};

	batch->snapshot = joor_queue_snapshot();
	question.feed = open_feed(source);
	question.rules = &account->rules;
	question.serverid = account->serverid;
	question.limit = limit;
	question.nkeys = batch->changes.nkeys;
	question.after = source->part.nkeys > 0;
	question.hash = source->part_hash;
	question.part =
		source->known_keys > 0 && question.nkeys * 2 >= source->known_keys
			? JOOR_FEED_ALL_BY_KEY
			: JOOR_FEED_BY_KEY;
	joor_feed_evaluate(&question, batch);
	learn_ratio(source, batch);
	if (batch->count > 0)
		return JOOR_FEED_ITEMS;
	joor_changes_delete(source->name, &batch->changes, batch->done);
	forget_part(source);
	return JOOR_FEED_AGAIN;
}

static JoorFeedResult
read_everything(JoorFeedSource *source, const JoorAccount *account,
				JoorFeedBatch *batch)
{
	const JoorChangeRow *row = &batch->changes.rows[0];
	char				*snapshot = joor_queue_snapshot();

	source->known_keys =
		joor_feed_expand(open_feed(source), account->serverid, row);
	joor_changes_supersede(source->name, snapshot, row->id);
	return JOOR_FEED_AGAIN;
}

static JoorFeedResult
read_changes(JoorFeedSource *source, const JoorAccount *account, int limit,
			 JoorFeedBatch *batch)
{
	if (source->part.nkeys > 0)
		batch->changes = source->part;
	else
		joor_changes_read(source->name, keys_wanted(source, limit),
						  &source->scan, &batch->changes);
	if (batch->changes.nrows == 0)
		return JOOR_FEED_NOTHING;
	if (batch->changes.everything)
		return read_everything(source, account, batch);
	return read_keys(source, account, limit, batch);
}

/*
 * The deadline.  Core's timeout cancels once, and a function may catch that
 * and go on for ever: so from then on each subtransaction that is rolled back,
 * which is what catching an error does, brings the cancel back.  It is raised
 * where the function goes on, outside of the block that caught it.
 */

/* DT_NOEND: there is none. */
static TimestampTz deadline = DT_NOEND;

/* SubXactCallback */
static void
cancel_again(SubXactEvent event, SubTransactionId subid,
			 SubTransactionId parent, void *arg)
{
	if (event != SUBXACT_EVENT_ABORT_SUB || GetCurrentTimestamp() < deadline)
		return;
	QueryCancelPending = true;
	InterruptPending = true;
}

static void
begin_deadline(void)
{
	static bool registered = false;

	if (joor_feed_timeout == 0)
		return;
	if (!registered)
		RegisterSubXactCallback(cancel_again, NULL);
	registered = true;
	deadline =
		TimestampTzPlusMilliseconds(GetCurrentTimestamp(), joor_feed_timeout);
	enable_timeout_after(STATEMENT_TIMEOUT, joor_feed_timeout);
}

static void
end_deadline(void)
{
	disable_timeout(STATEMENT_TIMEOUT, false);
	if (deadline != DT_NOEND)
		QueryCancelPending = false;
	deadline = DT_NOEND;
}

/* Does not wait long for anybody, for other accounts wait for us. */
static JoorFeedResult
read_batch(JoorFeedSource *source, const JoorAccount *account, int limit,
		   JoorFeedBatch *batch)
{
	int			   nest_level = NewGUCNestLevel();
	JoorFeedResult result;

	(void) set_config_option("lock_timeout", LOCK_TIMEOUT, PGC_USERSET,
							 PGC_S_SESSION, GUC_ACTION_SAVE, true, 0, false);
	begin_deadline();
	result = read_changes(source, account, limit, batch);
	end_deadline();
	AtEOXact_GUC(false, nest_level);
	return result;
}

/* What an error said, in one line, and no more than fits a view. */
static char *
error_text(const ErrorData *error)
{
	char *text;
	int	  length;

	if (error->sqlerrcode == ERRCODE_QUERY_CANCELED &&
		GetCurrentTimestamp() >= deadline)
		return pstrdup("reading it took longer than "
					   "joor_inventory.feed_timeout");
	text = error->detail != NULL
			   ? psprintf("%s (%s)", error->message, error->detail)
			   : pstrdup(error->message);
	length = strlen(text);
	text[pg_mbcliplen(text, length, FAILURE_LENGTH)] = '\0';
	return text;
}

/*
 * The subtransaction has failed: ends it, and remembers why.  Each error is
 * the feed's, whatever its SQLSTATE, for a function can raise any of them.  A
 * cancel by hand is meant for the feed as well; what ends the process is no
 * error that could be caught.
 */
static void
catch_failure(JoorFeedSource *source, MemoryContext context,
			  ResourceOwner owner)
{
	ErrorData *error;
	char	  *text;

	MemoryContextSwitchTo(context);
	error = CopyErrorData();
	FlushErrorState();
	text = error_text(error);
	FreeErrorData(error);
	end_deadline();
	RollbackAndReleaseCurrentSubTransaction();
	MemoryContextSwitchTo(context);
	CurrentResourceOwner = owner;
	note_failure(source, text);
}

/*
 * Locks.  Advisory locks of a session outlive the transaction: a feed must
 * leave none behind, and must not be able to give up the worker's own, which
 * are of that kind, too.  So the transaction holds the latter as well while
 * the feed is read; then all of the session's are released, and these taken
 * again.
 */

static void
guard_locks(void)
{
	joor_account_guard_sessions();
	joor_wake_lock_claim(false);
}

static void
restore_locks(void)
{
	LockReleaseSession(USER_LOCKMETHOD);
	joor_account_restore_sessions();
	joor_wake_lock_claim(true);
}

JoorFeedResult
joor_feed_batch_read(JoorFeedSource *source, const JoorAccount *account,
					 int limit, JoorFeedBatch *batch)
{
	MemoryContext			context = CurrentMemoryContext;
	ResourceOwner			owner = CurrentResourceOwner;
	volatile JoorFeedResult result = JOOR_FEED_NOTHING;

	MemSet(batch, 0, sizeof(*batch));
	batch->source = source;
	guard_locks();
	BeginInternalSubTransaction(NULL);
	MemoryContextSwitchTo(context);
	PG_TRY();
	{
		result = read_batch(source, account, limit, batch);
		ReleaseCurrentSubTransaction();
		MemoryContextSwitchTo(context);
		CurrentResourceOwner = owner;
		if (result != JOOR_FEED_NOTHING)
			joor_feed_source_clear(source);
	}
	PG_CATCH();
	{
		catch_failure(source, context, owner);
		result = JOOR_FEED_NOTHING;
	}
	PG_END_TRY();
	restore_locks();
	return result;
}

int
joor_feed_batch_fit(JoorFeedBatch *batch, int count)
{
	int whole = count;

	if (count >= batch->count)
		return batch->count;
	batch->done = batch->keys[count];
	while (whole > 0 && batch->keys[whole - 1] == batch->done)
		whole--;
	batch->unfinished = whole == 0;
	batch->count = batch->unfinished ? count : whole;
	return batch->count;
}

/*
 * Outcomes.
 */

/* The keys are done, or a part of the first one is. */
static void
finish_keys(JoorFeedBatch *batch)
{
	JoorFeedSource *source = batch->source;

	if (batch->unfinished)
	{
		keep_part(source, batch);
		return;
	}
	joor_changes_delete(source->name, &batch->changes, batch->done);
	forget_part(source);
}

void
joor_feed_batch_accept(JoorFeedBatch *batch, Oid serverid, const bool *rejected)
{
	int64 *hashes = palloc(sizeof(int64) * (batch->count + 1));
	int	   count = 0;
	int	   i;

	for (i = 0; i < batch->count; i++)
		if (rejected != NULL && batch->gone[i] &&
			(!rejected[i] || batch->untaken[i]))
			hashes[count++] = batch->hashes[i];
	joor_published_detach(serverid, hashes, count);
	joor_queue_supersede(serverid, batch->hashes, batch->count,
						 batch->snapshot);
	finish_keys(batch);
	pfree(hashes);
}

void
joor_feed_batch_hand_over(JoorFeedBatch *batch, const JoorAccount *account)
{
	JoorQueueWriter *writer =
		joor_queue_begin(account->serverid, account->server,
						 account->dec_pending, batch->changes.rows[0].id);
	int i;

	for (i = 0; i < batch->count; i++)
		joor_queue_add(writer, &batch->items[i]);
	joor_queue_end(writer);
	finish_keys(batch);
}
