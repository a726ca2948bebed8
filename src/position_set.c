/*-------------------------------------------------------------------------
 *
 * position_set.c
 *	  Finds out whether two items of a query are the same position.
 *
 * The table is an array of hashes with linear probing, doubled when it is
 * three quarters full; 0 marks a free place.  A sort alone would do, but took
 * three times as long for the queries that fit the table, which are nearly
 * all.  A large table is in no cache: hashes are put into it some at a time,
 * while the processor fetches the places of all of them.
 *
 * Floor 2.
 *
 * IDENTIFICATION
 *	  src/position_set.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_operator.h"
#include "catalog/pg_type.h"
#include "utils/tuplesort.h"

#include "position_set.h"

#define TABLE_SIZE_MIN 1024

/* 16 MB of hashes; doubling holds both tables for a moment. */
#define TABLE_SIZE_MAX (2 * 1024 * 1024)

/* So many are put into the table at a time. */
#define PENDING 16

/*
 * Memory of the sort that takes over, in kB: with the last table no more than
 * two tables took before.
 */
#define SORT_MEMORY 4096

struct JoorPositionSet
{
	MemoryContext	context;
	uint64		   *table; /* NULL once the sort has taken over */
	uint32			size;  /* places in the table, a power of two */
	uint32			used;
	uint64			pending[PENDING]; /* not yet in the table */
	int				npending;
	Tuplesortstate *sort;	  /* NULL until then */
	bool			repeated; /* found already */
	uint64			repeated_hash;
};

JoorPositionSet *
joor_position_set_create(void)
{
	JoorPositionSet *set = palloc0(sizeof(JoorPositionSet));

	set->context = CurrentMemoryContext;
	set->size = TABLE_SIZE_MIN;
	set->table = palloc0(sizeof(uint64) * set->size);
	return set;
}

/* Puts a hash into the table, which has room; false: it was there. */
static bool
table_insert(uint64 *table, uint32 size, uint64 hash)
{
	uint32 place = (uint32) hash & (size - 1);

	while (table[place] != 0)
	{
		if (table[place] == hash)
			return false;
		place = (place + 1) & (size - 1);
	}
	table[place] = hash;
	return true;
}

static void
enlarge_table(JoorPositionSet *set)
{
	uint32	size = set->size * 2;
	uint64 *table = MemoryContextAllocZero(set->context, sizeof(uint64) * size);
	uint32	i;

	for (i = 0; i < set->size; i++)
		if (set->table[i] != 0)
			table_insert(table, size, set->table[i]);
	pfree(set->table);
	set->table = table;
	set->size = size;
}

static void
sort_put(JoorPositionSet *set, uint64 hash)
{
	tuplesort_putdatum(set->sort, Int64GetDatum((int64) hash), false);
}

/* The table is as large as it may be: the sort takes over. */
static void
switch_to_sort(JoorPositionSet *set)
{
	MemoryContext old = MemoryContextSwitchTo(set->context);
	uint32		  i;

	set->sort = tuplesort_begin_datum(INT8OID, Int8LessOperator, InvalidOid,
									  false, SORT_MEMORY, NULL, 0);
	for (i = 0; i < set->size; i++)
		if (set->table[i] != 0)
			sort_put(set, set->table[i]);
	pfree(set->table);
	set->table = NULL;
	MemoryContextSwitchTo(old);
}

static void
put_hash(JoorPositionSet *set, uint64 hash)
{
	if (set->table != NULL && set->used >= set->size / 4 * 3)
	{
		if (set->size < TABLE_SIZE_MAX)
			enlarge_table(set);
		else
			switch_to_sort(set);
	}
	if (set->table == NULL)
		sort_put(set, hash);
	else if (table_insert(set->table, set->size, hash))
		set->used++;
	else if (!set->repeated)
	{
		set->repeated = true;
		set->repeated_hash = hash;
	}
}

static void
put_pending(JoorPositionSet *set)
{
	int i;

	for (i = 0; i < set->npending; i++)
		put_hash(set, set->pending[i]);
	set->npending = 0;
}

void
joor_position_set_add(JoorPositionSet *set, uint64 hash)
{
	if (hash == 0)
		hash = 1;
	if (set->table != NULL)
		__builtin_prefetch(&set->table[(uint32) hash & (set->size - 1)], 1);
	set->pending[set->npending++] = hash;
	if (set->npending == PENDING)
		put_pending(set);
}

/* Two equal hashes lie side by side once they are sorted. */
static void
search_sort(JoorPositionSet *set)
{
	Datum  datum;
	bool   isnull;
	uint64 previous = 0;

	tuplesort_performsort(set->sort);
	while (!set->repeated &&
		   joor_tuplesort_getdatum(set->sort, &datum, &isnull))
	{
		uint64 hash = (uint64) DatumGetInt64(datum);

		if (hash == previous)
		{
			set->repeated = true;
			set->repeated_hash = hash;
		}
		previous = hash;
	}
	tuplesort_end(set->sort);
	set->sort = NULL;
}

bool
joor_position_set_repeated(JoorPositionSet *set, uint64 *hash)
{
	put_pending(set);
	if (set->sort != NULL)
		search_sort(set);
	else if (set->table != NULL)
		pfree(set->table);
	set->table = NULL;
	*hash = set->repeated_hash;
	return set->repeated;
}
