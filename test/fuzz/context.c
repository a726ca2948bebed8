/*
 * context.c
 *	  A memory context whose every chunk is a block of malloc's.
 *
 * By the rules of PostgreSQL 15 and before: the word ahead of a chunk is its
 * context, and a context brings its own methods.
 */
#include "fuzz.h"

#include "lib/ilist.h"
#include "nodes/memnodes.h"
#include "utils/memutils.h"

typedef struct CheckedContext
{
	MemoryContextData header;
	dlist_head		  chunks;
} CheckedContext;

/* The context is its last member: it stands ahead of what the caller gets. */
typedef struct Chunk
{
	dlist_node	  node;
	Size		  size;
	MemoryContext context;
} Chunk;

static Chunk *
chunk_of(void *pointer)
{
	return (Chunk *) pointer - 1;
}

static void *
checked_alloc(MemoryContext context, Size size)
{
	Chunk *chunk = malloc(sizeof(Chunk) + size);

	if (chunk == NULL)
		return NULL;
	dlist_push_tail(&((CheckedContext *) context)->chunks, &chunk->node);
	chunk->size = size;
	chunk->context = context;
	return chunk + 1;
}

static void
checked_free(MemoryContext context, void *pointer)
{
	Chunk *chunk = chunk_of(pointer);

	FUZZ_REQUIRE(chunk->context == context);
	dlist_delete(&chunk->node);
	free(chunk);
}

static void *
checked_realloc(MemoryContext context, void *pointer, Size size)
{
	void *moved = checked_alloc(context, size);

	if (moved == NULL)
		return NULL;
	memcpy(moved, pointer, Min(size, chunk_of(pointer)->size));
	checked_free(context, pointer);
	return moved;
}

static void
checked_reset(MemoryContext context)
{
	CheckedContext	  *checked = (CheckedContext *) context;
	dlist_mutable_iter iter;

	dlist_foreach_modify(iter, &checked->chunks)
		checked_free(context, dlist_container(Chunk, node, iter.cur) + 1);
}

static void
checked_delete(MemoryContext context)
{
	checked_reset(context);
	free(context);
}

static Size
checked_space(MemoryContext context, void *pointer)
{
	(void) context;
	return chunk_of(pointer)->size + sizeof(Chunk);
}

static bool
checked_is_empty(MemoryContext context)
{
	return dlist_is_empty(&((CheckedContext *) context)->chunks);
}

static void
checked_stats(MemoryContext context, MemoryStatsPrintFunc print, void *arg,
			  MemoryContextCounters *totals, bool to_stderr)
{
	(void) context;
	(void) print;
	(void) arg;
	(void) totals;
	(void) to_stderr;
}

static const MemoryContextMethods methods = {
	checked_alloc,	checked_free,  checked_realloc,	 checked_reset,
	checked_delete, checked_space, checked_is_empty, checked_stats};

MemoryContext
fuzz_context_create(MemoryContext parent, const char *name, Size min_size,
					Size init_size, Size max_size)
{
	CheckedContext *checked = malloc(sizeof(CheckedContext));

	(void) min_size;
	(void) init_size;
	(void) max_size;
	FUZZ_REQUIRE(checked != NULL);
	dlist_init(&checked->chunks);
	MemoryContextCreate(&checked->header, T_AllocSetContext, &methods, parent,
						name);
	return &checked->header;
}
