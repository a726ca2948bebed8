/*-------------------------------------------------------------------------
 *
 * http_memory.c
 *	  Memory of libcurl's, wiped before it is freed.
 *
 * libcurl copies the Authorization header into its list of headers and into
 * the request that it sends, and frees both without wiping them.  It still
 * uses the C library's memory, so that what it was given by others, and others
 * by it, can be freed either way.
 *
 * libcurl takes these functions from whoever uses it first in a process: if
 * that is another extension, its own remain.
 *
 * Floor 2: of http_multi.c only.
 *
 * IDENTIFICATION
 *	  src/http_memory.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <malloc.h>

#include "http_memory.h"

static void
wipe_and_free(void *data)
{
	if (data != NULL)
		explicit_bzero(data, malloc_usable_size(data));
	free(data);
}

/* Like realloc(), which may move the data and leave them behind. */
static void *
resize(void *old, size_t size)
{
	void *data = malloc(size);

	if (data == NULL || old == NULL)
		return data;
	memcpy(data, old, Min(malloc_usable_size(old), size));
	wipe_and_free(old);
	return data;
}

CURLcode
joor_http_global_init(void)
{
	return curl_global_init_mem(CURL_GLOBAL_DEFAULT, malloc, wipe_and_free,
								resize, strdup, calloc);
}
