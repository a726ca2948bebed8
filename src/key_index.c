/*-------------------------------------------------------------------------
 *
 * key_index.c
 *	  Numbers for keys: which place in a list a text has.
 *
 * Floor 1.
 *
 * IDENTIFICATION
 *	  src/key_index.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "common/hashfn.h"
#include "utils/hsearch.h"
#include "utils/memutils.h"

#include "key_index.h"

typedef struct KeyEntry
{
	const char *key; /* hashed and compared as the text it points to */
	int			number;
} KeyEntry;

struct JoorKeyIndex
{
	HTAB *table;
};

static uint32
hash_key(const void *key, Size size)
{
	const char *text = *(const char *const *) key;

	return hash_bytes((const unsigned char *) text, (int) strlen(text));
}

static int
match_keys(const void *a, const void *b, Size size)
{
	return strcmp(*(const char *const *) a, *(const char *const *) b);
}

JoorKeyIndex *
joor_key_index_create(int size)
{
	JoorKeyIndex *index = palloc(sizeof(JoorKeyIndex));
	HASHCTL		  info = {0};

	info.keysize = sizeof(const char *);
	info.entrysize = sizeof(KeyEntry);
	info.hash = hash_key;
	info.match = match_keys;
	info.hcxt = CurrentMemoryContext;
	index->table =
		hash_create("joor_inventory keys", Max(size, 16), &info,
					HASH_ELEM | HASH_FUNCTION | HASH_COMPARE | HASH_CONTEXT);
	return index;
}

int
joor_key_index_add(JoorKeyIndex *index, const char *key, int number)
{
	bool	  found;
	KeyEntry *entry = hash_search(index->table, &key, HASH_ENTER, &found);

	if (!found)
		entry->number = number;
	return entry->number;
}

int
joor_key_index_find(JoorKeyIndex *index, const char *key)
{
	KeyEntry *entry = hash_search(index->table, &key, HASH_FIND, NULL);

	return entry != NULL ? entry->number : -1;
}
