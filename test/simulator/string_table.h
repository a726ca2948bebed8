/*-------------------------------------------------------------------------
 *
 * string_table.h
 *	  A hash table from bytes to pointers.
 *
 * A zeroed StringTable is an empty one.  The keys belong to the caller and
 * must outlive their entries; entries are never removed one by one.  A value
 * is never NULL.
 *
 * IDENTIFICATION
 *	  test/simulator/string_table.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef SIMULATOR_STRING_TABLE_H
#define SIMULATOR_STRING_TABLE_H

#include <stddef.h>
#include <stdint.h>

typedef struct StringSlot
{
	const char *key;
	void	   *value; /* NULL: the slot is free */
	uint32_t	length;
	uint32_t	hash;
} StringSlot;

typedef struct StringTable
{
	StringSlot *slots;
	size_t		capacity; /* a power of two, or 0 */
	size_t		count;
} StringTable;

extern uint32_t hash_bytes(const void *data, size_t length);

extern void	   *string_table_get(const StringTable *table, const char *key,
								 size_t length);

/* Adds the entry, or replaces the value of the one that is there. */
extern void string_table_put(StringTable *table, const char *key, size_t length,
							 void *value);
extern void string_table_clear(StringTable *table);

#endif /* SIMULATOR_STRING_TABLE_H */
