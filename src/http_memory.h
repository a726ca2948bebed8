/*-------------------------------------------------------------------------
 *
 * http_memory.h
 *	  Memory of libcurl's, wiped before it is freed.
 *
 * Floor 2: of http_multi.c only.
 *
 * IDENTIFICATION
 *	  src/http_memory.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef JOOR_HTTP_MEMORY_H
#define JOOR_HTTP_MEMORY_H

#include "compat.h"

/* curl_global_init(), with memory that is wiped. */
extern CURLcode joor_http_global_init(void);

#endif /* JOOR_HTTP_MEMORY_H */
