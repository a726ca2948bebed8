/*-------------------------------------------------------------------------
 *
 * secret.c
 *	  Memory for a token, which does not outlive its use; and registers.
 *
 * Floor 1.
 *
 * IDENTIFICATION
 *	  src/secret.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "utils/palloc.h"

#include "secret.h"

/* Longer copies use no other registers. */
#define LONGEST_COPY 2048

/* Called by a pointer that may change, it is not compiled into anything else. */
static void *(*volatile copy)(void *, const void *, size_t) = memcpy;

typedef struct Secret
{
	MemoryContextCallback callback;
	Size				  size;
	char				  bytes[FLEXIBLE_ARRAY_MEMBER];
} Secret;

static void
wipe(void *arg)
{
	Secret *secret = arg;

	explicit_bzero(secret->bytes, secret->size);
}

char *
joor_secret_alloc(Size size)
{
	Secret *secret = palloc(offsetof(Secret, bytes) + size);

	secret->size = size;
	secret->callback.func = wipe;
	secret->callback.arg = secret;
	MemoryContextRegisterResetCallback(CurrentMemoryContext, &secret->callback);
	return secret->bytes;
}

/*
 * The C library copies by vector registers, of which it takes more for more
 * bytes, and what was copied last stays in them.
 */
void
joor_secret_forget_registers(void)
{
	static char bytes[2 * LONGEST_COPY];
	Size		length;

	for (length = 16; length <= LONGEST_COPY; length *= 2)
		copy(bytes + LONGEST_COPY, bytes, length);
}
