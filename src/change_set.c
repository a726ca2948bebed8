/*-------------------------------------------------------------------------
 *
 * change_set.c
 *	  The keys that the current transaction has marked as changed.
 *
 * A set is a hash table of keys.  When it has grown to about work_mem, and
 * not less than 4 MB, its keys go to a temporary file, and it begins anew; a
 * key may then be written twice, which is harmless.  Integers that come one
 * after the other, as in a bulk change of a table that lies in the order of
 * its keys, are kept as runs, which cost next to nothing.  Where temporary files
 * are limited, and for a key of absurd length, everything of the feed is
 * marked instead: a change is never refused for the room its keys take.
 *
 * Each backend registers one transaction callback, at its first mark.
 *
 * Floor 4.
 *
 * IDENTIFICATION
 *	  src/change_set.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "miscadmin.h"
#include "utils/guc.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"

#include "change_key.h"
#include "change_set.h"
#include "change_spill.h"
#include "change_writer.h"
#include "wake.h"

/* Least memory of a set, in kilobytes. */
#define LEAST_MEMORY 4096

/* Bytes of the longest key that is kept. */
#define LONGEST_KEY (1024 * 1024)

/* Integers that follow each other are kept as a run from this length on. */
#define SHORTEST_RUN 8

/* Runs that a set has at most, and at first. */
#define MOST_RUNS 65536
#define FIRST_RUNS 16

/* Places of a new table: most transactions change little. */
#define FIRST_PLACES 16

typedef struct ChangedKey
{
	Datum  key;
	uint32 hash;
	char   status;
} ChangedKey;

#define SH_PREFIX keys
#define SH_ELEMENT_TYPE ChangedKey
#define SH_KEY_TYPE Datum
#define SH_KEY key
#define SH_HASH_KEY(table, key) \
	joor_key_hash((const JoorKeyType *) (table)->private_data, key)
#define SH_EQUAL(table, a, b) \
	joor_key_equal((const JoorKeyType *) (table)->private_data, a, b)
#define SH_STORE_HASH
#define SH_GET_HASH(table, element) ((element)->hash)
#define SH_SCOPE static inline
#define SH_DECLARE
#define SH_DEFINE
#include "lib/simplehash.h"

/* All integers from one to another. */
typedef struct KeyRun
{
	int64 first;
	int64 last; /* lower than first: there are none */
} KeyRun;

/* A feed of which something was marked. */
typedef struct ChangedFeed
{
	struct ChangedFeed *next;
	char			   *name;
	bool				everything; /* the sets do not matter any more */
	JoorChangeSet	   *sets;
} ChangedFeed;

struct JoorChangeSet
{
	JoorChangeSet *next; /* of the same feed, with another type */
	ChangedFeed	  *feed;
	JoorKeyType	   type;
	keys_hash	  *keys;	  /* NULL: there was none to add as yet */
	uint32		   most_keys; /* that the table may hold */
	Size		   most_bytes;
	MemoryContext  copies;	/* of the keys; NULL: they are Datums */
	BufFile		  *spilled; /* NULL: nothing was */
	bool		   integer; /* keys may be runs: a bulk change often goes up */
	KeyRun		   run;		/* the one that goes on */
	KeyRun		  *runs;	/* those that have ended */
	int			   nruns;
	int			   runs_allocated;
};

/* Of the current transaction. */
static ChangedFeed	*changed_feeds = NULL;
static MemoryContext set_context = NULL;

/* Whether the callback has been registered in this backend. */
static bool callback_registered = false;

static void at_transaction_end(XactEvent event, void *arg);

/* The feed of a name, made at the first call. */
static ChangedFeed *
find_feed(const char *name)
{
	ChangedFeed *feed;

	for (feed = changed_feeds; feed != NULL; feed = feed->next)
		if (strcmp(feed->name, name) == 0)
			return feed;
	if (!callback_registered)
		RegisterXactCallback(at_transaction_end, NULL);
	callback_registered = true;
	if (changed_feeds == NULL)
		set_context = AllocSetContextCreate(TopTransactionContext,
											"joor_inventory changed keys",
											ALLOCSET_DEFAULT_SIZES);
	feed = MemoryContextAllocZero(set_context, sizeof(ChangedFeed));
	feed->name = MemoryContextStrdup(set_context, name);
	feed->next = changed_feeds;
	changed_feeds = feed;
	return feed;
}

/* The places of a table double: how many fit into so many bytes. */
static uint32
places(Size bytes)
{
	uint32 count = FIRST_PLACES;

	while (count < PG_UINT32_MAX / 2 &&
		   (Size) count * 2 * sizeof(ChangedKey) <= bytes)
		count *= 2;
	return count;
}

JoorChangeSet *
joor_change_set(const char *name, Form_pg_attribute column)
{
	ChangedFeed	  *feed = find_feed(name);
	Oid			   base = joor_key_base_type(column->atttypid);
	Size		   memory = (Size) Max(work_mem, LEAST_MEMORY) * 1024;
	JoorChangeSet *set;

	for (set = feed->sets; set != NULL; set = set->next)
		if (set->type.type == base)
			return set;
	set = MemoryContextAllocZero(set_context, sizeof(JoorChangeSet));
	set->feed = feed;
	joor_key_type_init(&set->type, base, column->attbyval, column->attlen,
					   set_context);
	set->most_bytes = memory / 2;
	if (set->type.length != JOOR_KEY_BY_VALUE)
	{
		memory -= set->most_bytes;
		set->copies =
			AllocSetContextCreate(set_context, "joor_inventory key copies", 0,
								  ALLOCSET_SMALL_INITSIZE, 64 * 1024);
	}
	set->most_keys = (uint32) (places(memory) * 0.9) - 1;
	set->integer = set->type.text == JOOR_KEY_INT2 ||
				   set->type.text == JOOR_KEY_INT4 ||
				   set->type.text == JOOR_KEY_INT8;
	set->run.last = -1;
	set->next = feed->sets;
	feed->sets = set;
	return set;
}

/* Forgets the keys that are in memory. */
static void
empty(JoorChangeSet *set)
{
	if (set->keys != NULL)
		keys_reset(set->keys);
	if (set->copies != NULL)
		MemoryContextReset(set->copies);
	set->nruns = 0;
	set->run.first = 0;
	set->run.last = -1;
}

/* Everything of a feed is marked: the keys are not needed any more. */
static void
mark_everything(ChangedFeed *feed)
{
	JoorChangeSet *set;

	feed->everything = true;
	for (set = feed->sets; set != NULL; set = set->next)
	{
		BufFile *spilled = set->spilled;

		empty(set);
		set->spilled = NULL;
		if (spilled != NULL)
			joor_spill_close(spilled);
	}
}

void
joor_change_set_everything(const char *name)
{
	ChangedFeed *feed = find_feed(name);

	if (!feed->everything)
		mark_everything(feed);
}

/* Moves the keys of a set into its temporary file. */
static void
spill(JoorChangeSet *set)
{
	keys_iterator iterator;
	ChangedKey	 *entry;

	if (temp_file_limit >= 0)
	{
		mark_everything(set->feed);
		return;
	}
	/* so it stays if an error leaves half a key in the file */
	set->feed->everything = true;
	if (set->spilled == NULL)
		set->spilled = joor_spill_create();
	keys_start_iterate(set->keys, &iterator);
	while ((entry = keys_iterate(set->keys, &iterator)) != NULL)
		joor_spill_add(set->spilled, &set->type, entry->key);
	keys_reset(set->keys);
	if (set->copies != NULL)
		MemoryContextReset(set->copies);
	set->feed->everything = false;
}

/*
 * The table.
 */

static bool
is_full(const JoorChangeSet *set)
{
	return set->keys->members >= set->most_keys ||
		   MemoryContextMemAllocated(set->copies, false) > set->most_bytes;
}

/* Adds a key that is a Datum of its own. */
static void
add_value(JoorChangeSet *set, Datum value)
{
	bool found;

	if (set->keys->members >= set->most_keys)
		spill(set);
	if (!set->feed->everything)
		(void) keys_insert(set->keys, value, &found);
}

/* Adds a key that is copied if it is new. */
static void
add_copy(JoorChangeSet *set, Datum key)
{
	uint32 hash;
	bool   found;

	if (is_full(set))
		spill(set);
	if (set->feed->everything)
		return;
	if (joor_key_size(&set->type, key) > LONGEST_KEY)
	{
		mark_everything(set->feed);
		return;
	}
	hash = joor_key_hash(&set->type, key);
	if (keys_lookup_hash(set->keys, key, hash) == NULL)
		(void) keys_insert_hash(set->keys,
								joor_key_copy(&set->type, key, set->copies),
								hash, &found);
}

/* A bigint is no Datum of its own where pointers have 32 bits. */
static void
add_key(JoorChangeSet *set, Datum key)
{
	if (set->keys == NULL)
		set->keys = keys_create(set_context, FIRST_PLACES / 2, &set->type);
	if (set->copies == NULL)
		add_value(set, key);
	else
		add_copy(set, key);
}

/*
 * Integers.
 */

static int64
integer_key(const JoorChangeSet *set, Datum key)
{
	if (set->type.text == JOOR_KEY_INT2)
		return DatumGetInt16(key);
	if (set->type.text == JOOR_KEY_INT4)
		return DatumGetInt32(key);
	return DatumGetInt64(key);
}

static Datum
integer_datum(const JoorChangeSet *set, int64 key)
{
	if (set->type.text == JOOR_KEY_INT2)
		return Int16GetDatum((int16) key);
	if (set->type.text == JOOR_KEY_INT4)
		return Int32GetDatum((int32) key);
	return Int64GetDatum(key);
}

static int
compare_runs(const void *a, const void *b)
{
	int64 x = ((const KeyRun *) a)->first;
	int64 y = ((const KeyRun *) b)->first;

	return x < y ? -1 : x > y;
}

/* Makes one run of those that overlap. */
static void
unite_runs(JoorChangeSet *set)
{
	int kept = 0;
	int i;

	if (set->nruns < 2)
		return;
	qsort(set->runs, set->nruns, sizeof(KeyRun), compare_runs);
	for (i = 0; i < set->nruns; i++)
	{
		if (kept > 0 && set->runs[i].first <= set->runs[kept - 1].last)
			set->runs[kept - 1].last =
				Max(set->runs[kept - 1].last, set->runs[i].last);
		else
			set->runs[kept++] = set->runs[i];
	}
	set->nruns = kept;
}

/* Makes room for one more run; false: there is none. */
static bool
has_room_for_run(JoorChangeSet *set)
{
	int more = Max(set->runs_allocated * 2, FIRST_RUNS);

	if (set->nruns < set->runs_allocated)
		return true;
	unite_runs(set);
	if (set->nruns < set->runs_allocated / 2)
		return true;
	if (more > MOST_RUNS)
		return set->nruns < set->runs_allocated;
	set->runs = set->runs == NULL
					? MemoryContextAlloc(set_context, sizeof(KeyRun) * more)
					: repalloc(set->runs, sizeof(KeyRun) * more);
	set->runs_allocated = more;
	return true;
}

/* The run is over: a long one is kept as it is, of a short one the keys. */
static void
end_run(JoorChangeSet *set)
{
	int64 length = set->run.last - set->run.first + 1;
	int64 i;

	if (length >= SHORTEST_RUN && has_room_for_run(set))
		set->runs[set->nruns++] = set->run;
	else
		for (i = 0; i < length && !set->feed->everything; i++)
			add_key(set, integer_datum(set, set->run.first + i));
	set->run.first = 0;
	set->run.last = -1;
}

static void
add_integer(JoorChangeSet *set, int64 key)
{
	KeyRun *run = &set->run;

	if (key >= run->first && key <= run->last)
		return;
	if (run->last >= run->first && key > run->last && key - 1 == run->last)
	{
		run->last = key;
		return;
	}
	end_run(set);
	run->first = run->last = key;
}

void
joor_change_set_add(JoorChangeSet *set, Datum value)
{
	if (set->feed->everything)
		return;
	if (set->integer)
		add_integer(set, integer_key(set, value));
	else
		add_key(set, joor_key_take(&set->type, value));
}

/*
 * At the end of the transaction.
 */

static void
write_key(JoorChangeSet *set, Datum key, JoorChangeWriter *writer)
{
	char		buffer[JOOR_KEY_BUFFER];
	int			length;
	const char *text = joor_key_text(&set->type, key, buffer, &length);

	joor_change_add(writer, text, length);
}

static void
write_run(JoorChangeSet *set, const KeyRun *run, JoorChangeWriter *writer)
{
	int64 i;

	for (i = 0; i <= run->last - run->first; i++)
	{
		write_key(set, integer_datum(set, run->first + i), writer);
		MemoryContextReset(CurrentMemoryContext);
	}
}

static void
write_table(JoorChangeSet *set, JoorChangeWriter *writer)
{
	keys_iterator iterator;
	ChangedKey	 *entry;

	keys_start_iterate(set->keys, &iterator);
	while ((entry = keys_iterate(set->keys, &iterator)) != NULL)
	{
		write_key(set, entry->key, writer);
		MemoryContextReset(CurrentMemoryContext);
	}
}

static void
write_spilled(JoorChangeSet *set, JoorChangeWriter *writer)
{
	Datum key;

	joor_spill_rewind(set->spilled);
	while (joor_spill_next(set->spilled, &set->type, &key))
	{
		write_key(set, key, writer);
		MemoryContextReset(CurrentMemoryContext);
		CHECK_FOR_INTERRUPTS();
	}
}

/* Writes the keys of a set; the current memory context is reset for each. */
static void
write_set(JoorChangeSet *set, JoorChangeWriter *writer)
{
	int i;

	unite_runs(set);
	for (i = 0; i < set->nruns; i++)
		write_run(set, &set->runs[i], writer);
	write_run(set, &set->run, writer);
	if (set->keys != NULL)
		write_table(set, writer);
	if (set->spilled != NULL)
		write_spilled(set, writer);
}

/* Writes what was marked of a feed; false: nothing, or there is no queue. */
static bool
write_feed(ChangedFeed *feed)
{
	JoorChangeWriter *writer;
	JoorChangeSet	 *set;
	MemoryContext	  old;

	/* where there is no more than a run, as of a single key, it needs no table */
	for (set = feed->sets; set != NULL && !feed->everything; set = set->next)
		if (set->keys != NULL || set->nruns > 0)
			end_run(set);
	if (feed->everything)
		return joor_change_everything(feed->name);
	writer = joor_change_begin(feed->name);
	if (writer == NULL)
		return false;
	old = MemoryContextSwitchTo(AllocSetContextCreate(
		set_context, "joor_inventory key text", ALLOCSET_SMALL_SIZES));
	for (set = feed->sets; set != NULL; set = set->next)
		write_set(set, writer);
	MemoryContextSwitchTo(old);
	return joor_change_end(writer);
}

/* The transaction's sets are gone, or about to go with its memory. */
static void
forget(void)
{
	changed_feeds = NULL;
	set_context = NULL;
}

/*
 * Writes all that was marked.  The worker is woken by the commit.
 */
static void
write_all(void)
{
	ChangedFeed	  *feed;
	JoorChangeSet *set;
	MemoryContext  old = MemoryContextSwitchTo(set_context);
	int			   settings = joor_key_settings_begin();
	bool		   written = false;

	/* a large row is toasted, which asks for a snapshot */
	PushActiveSnapshot(GetTransactionSnapshot());
	for (feed = changed_feeds; feed != NULL; feed = feed->next)
		written |= write_feed(feed);
	PopActiveSnapshot();
	joor_key_settings_end(settings);
	MemoryContextSwitchTo(old);
	for (feed = changed_feeds; feed != NULL; feed = feed->next)
		for (set = feed->sets; set != NULL; set = set->next)
			if (set->spilled != NULL)
				joor_spill_close(set->spilled);
	MemoryContextDelete(set_context);
	forget();
	if (written)
		joor_wake_at_commit();
}

/*
 * Deferred triggers have fired when it is called; a parallel worker marks
 * nothing.
 */
static void
at_transaction_end(XactEvent event, void *arg)
{
	if (changed_feeds == NULL)
		return;
	switch (event)
	{
		case XACT_EVENT_PRE_COMMIT:
		case XACT_EVENT_PRE_PREPARE:
			write_all();
			break;
		case XACT_EVENT_COMMIT:
		case XACT_EVENT_PREPARE:
		case XACT_EVENT_ABORT:
			forget();
			break;
		default:
			break;
	}
}
