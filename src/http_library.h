/*-------------------------------------------------------------------------
 *
 * http_library.h
 *	  Which libcurl this is, and what it can do.
 *
 * Floor 2.
 *
 * IDENTIFICATION
 *	  src/http_library.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef JOOR_HTTP_LIBRARY_H
#define JOOR_HTTP_LIBRARY_H

#include "compat.h"

typedef struct JoorHttpLibrary
{
	const char *version;  /* that runs */
	const char *built;	  /* that the library was built with */
	const char *tls;	  /* its TLS library; NULL: it has none */
	bool		https;	  /* it speaks HTTPS */
	bool		resolves; /* names without blocking the process */
} JoorHttpLibrary;

/* Static strings; needs no network, and no joor_http_begin() before. */
extern void joor_http_library(JoorHttpLibrary *library);

#endif /* JOOR_HTTP_LIBRARY_H */
