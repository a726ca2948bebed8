/*-------------------------------------------------------------------------
 *
 * secret.c
 *	  Memory for a token, which does not outlive its use.
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
