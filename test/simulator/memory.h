/*-------------------------------------------------------------------------
 *
 * memory.h
 *	  Memory that is always there, and arenas.
 *
 * The simulator has nothing useful to do without memory: must_alloc() and
 * must_realloc() end the process rather than return NULL.
 *
 * An arena hands out memory that is freed all at once.  A zeroed Arena is an
 * empty one; arena_clear() makes it empty again.  Not thread-safe.
 *
 * IDENTIFICATION
 *	  test/simulator/memory.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef SIMULATOR_MEMORY_H
#define SIMULATOR_MEMORY_H

#include <stddef.h>

typedef struct ArenaBlock ArenaBlock;

typedef struct Arena
{
	ArenaBlock *blocks; /* newest first */
	size_t		used;	/* of the newest */
} Arena;

/* Zeroed memory; free() it. */
extern void *must_alloc(size_t size);
extern void *must_realloc(void *memory, size_t size);
extern char *must_copy(const char *text);

/* Room for one more element in an array that grows by doubling. */
extern void *array_grow(void *array, size_t count, size_t *capacity,
						size_t element);

/* Not zeroed, aligned for any type. */
extern void *arena_alloc(Arena *arena, size_t size);

/* A copy of length bytes, and a NUL behind them. */
extern char *arena_copy(Arena *arena, const void *data, size_t length);
extern char *arena_format(Arena *arena, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
extern void arena_clear(Arena *arena);

#endif /* SIMULATOR_MEMORY_H */
