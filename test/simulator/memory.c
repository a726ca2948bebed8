/*-------------------------------------------------------------------------
 *
 * memory.c
 *	  Memory that is always there, and arenas.
 *
 * A block of an arena is 64 kB, or as large as the one thing that it holds.
 *
 * IDENTIFICATION
 *	  test/simulator/memory.c
 *
 *-------------------------------------------------------------------------
 */
#include "memory.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BLOCK_SIZE ((size_t) 64 * 1024)
#define ALIGNED(size) (((size) + 15) & ~(size_t) 15)

struct ArenaBlock
{
	ArenaBlock *next;
	size_t		size;
	_Alignas(16) char data[];
};

static void
out_of_memory(void)
{
	fputs("joor_simulator: out of memory\n", stderr);
	abort();
}

void *
must_alloc(size_t size)
{
	void *memory = calloc(1, size ? size : 1);

	if (memory == NULL)
		out_of_memory();
	return memory;
}

void *
must_realloc(void *memory, size_t size)
{
	memory = realloc(memory, size);
	if (memory == NULL)
		out_of_memory();
	return memory;
}

char *
must_copy(const char *text)
{
	size_t size = strlen(text) + 1;

	return memcpy(must_alloc(size), text, size);
}

void *
array_grow(void *array, size_t count, size_t *capacity, size_t element)
{
	if (count < *capacity)
		return array;
	*capacity = *capacity ? *capacity * 2 : 16;
	return must_realloc(array, *capacity * element);
}

void *
arena_alloc(Arena *arena, size_t size)
{
	size_t wanted = ALIGNED(size);
	void  *memory;

	if (arena->blocks == NULL || arena->blocks->size - arena->used < wanted)
	{
		size_t		block_size = wanted > BLOCK_SIZE ? wanted : BLOCK_SIZE;
		ArenaBlock *block;

		block = must_realloc(NULL, sizeof(ArenaBlock) + block_size);
		block->next = arena->blocks;
		block->size = block_size;
		arena->blocks = block;
		arena->used = 0;
	}
	memory = arena->blocks->data + arena->used;
	arena->used += wanted;
	return memory;
}

char *
arena_copy(Arena *arena, const void *data, size_t length)
{
	char *copy = arena_alloc(arena, length + 1);

	if (length > 0)
		memcpy(copy, data, length);
	copy[length] = '\0';
	return copy;
}

char *
arena_format(Arena *arena, const char *format, ...)
{
	va_list arguments;
	int		length;
	char   *text;

	va_start(arguments, format);
	length = vsnprintf(NULL, 0, format, arguments);
	va_end(arguments);

	text = arena_alloc(arena, (size_t) length + 1);
	va_start(arguments, format);
	vsnprintf(text, (size_t) length + 1, format, arguments);
	va_end(arguments);
	return text;
}

void
arena_clear(Arena *arena)
{
	while (arena->blocks != NULL)
	{
		ArenaBlock *next = arena->blocks->next;

		free(arena->blocks);
		arena->blocks = next;
	}
	arena->used = 0;
}
