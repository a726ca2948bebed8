/*-------------------------------------------------------------------------
 *
 * string_table.c
 *	  A hash table from bytes to pointers.
 *
 * Open addressing, linear probing, at most three quarters full.
 *
 * IDENTIFICATION
 *	  test/simulator/string_table.c
 *
 *-------------------------------------------------------------------------
 */
#include "string_table.h"
#include "memory.h"

#include <stdlib.h>
#include <string.h>

/* FNV-1a over 64 bits, folded with a last mixing step. */
uint32_t
hash_bytes(const void *data, size_t length)
{
	const unsigned char *bytes = data;
	uint64_t			 hash = UINT64_C(0xcbf29ce484222325);

	for (size_t i = 0; i < length; i++)
		hash = (hash ^ bytes[i]) * UINT64_C(0x100000001b3);
	hash = (hash ^ (hash >> 32)) * UINT64_C(0xd6e8feb86659fd93);
	return (uint32_t) (hash >> 32);
}

/* The slot of the key, or the free one where it belongs. */
static StringSlot *
find_slot(StringSlot *slots, size_t capacity, const char *key, size_t length,
		  uint32_t hash)
{
	size_t at = hash & (capacity - 1);

	while (slots[at].value != NULL)
	{
		if (slots[at].hash == hash && slots[at].length == length &&
			memcmp(slots[at].key, key, length) == 0)
			break;
		at = (at + 1) & (capacity - 1);
	}
	return &slots[at];
}

static void
grow(StringTable *table)
{
	size_t		capacity = table->capacity ? table->capacity * 2 : 64;
	StringSlot *slots = must_alloc(capacity * sizeof(StringSlot));

	for (size_t i = 0; i < table->capacity; i++)
	{
		StringSlot *old = &table->slots[i];

		if (old->value != NULL)
			*find_slot(slots, capacity, old->key, old->length, old->hash) =
				*old;
	}
	free(table->slots);
	table->slots = slots;
	table->capacity = capacity;
}

void *
string_table_get(const StringTable *table, const char *key, size_t length)
{
	if (table->capacity == 0)
		return NULL;
	return find_slot(table->slots, table->capacity, key, length,
					 hash_bytes(key, length))
		->value;
}

void
string_table_put(StringTable *table, const char *key, size_t length,
				 void *value)
{
	uint32_t	hash = hash_bytes(key, length);
	StringSlot *slot;

	if (table->count * 4 >= table->capacity * 3)
		grow(table);
	slot = find_slot(table->slots, table->capacity, key, length, hash);
	if (slot->value == NULL)
	{
		table->count++;
		slot->key = key;
		slot->length = (uint32_t) length;
		slot->hash = hash;
	}
	slot->value = value;
}

void
string_table_clear(StringTable *table)
{
	free(table->slots);
	memset(table, 0, sizeof(*table));
}
