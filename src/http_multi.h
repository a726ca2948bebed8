/*-------------------------------------------------------------------------
 *
 * http_multi.h
 *	  The process's one curl_multi handle, and the wait for it.
 *
 * Words: a handle is one easy handle of libcurl's and what has to be known
 * of it while it runs.  The pool is libcurl's: the open connections that wait
 * for their next use, at most JOOR_HTTP_CONNECTIONS.
 *
 * Life: create - set options on `easy` - start - joor_http_wait() until
 * finished - read what it brought from `easy` - close.  Closing is allowed at
 * any time, also more than once; it never waits, and throws nothing.
 *
 * Rules: libcurl runs between enter and leave only, with signals blocked, for
 * the sake of the threads that it starts, and interrupts held off, since a
 * callback must not throw.  The wait happens outside of that.
 *
 * Floor 2: of http.c only.
 *
 * IDENTIFICATION
 *	  src/http_multi.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef JOOR_HTTP_MULTI_H
#define JOOR_HTTP_MULTI_H

#include "compat.h"

#include "lib/ilist.h"

#include <curl/curl.h>

/* Connections that stay open without being in use. */
#define JOOR_HTTP_CONNECTIONS 4

typedef struct JoorHttpHandle
{
	CURL			  *easy;	 /* NULL: none, or no longer */
	struct curl_slist *headers;	 /* of the request; freed with it */
	int64	   resolve_deadline; /* microseconds of joor_http_clock() by which
								   * the host's name has to be resolved */
	bool	   started;			 /* it is in the list of running handles */
	bool	   resolving;		 /* a thread looks up the host's name */
	bool	   no_descriptor;	 /* it was refused a file descriptor */
	bool	   finished;
	CURLcode   code;				   /* once it is finished */
	int64	   finished_at;			   /* likewise */
	char	   error[CURL_ERROR_SIZE]; /* libcurl's words; may be empty */
	dlist_node node;				   /* in the list of running handles */
} JoorHttpHandle;

/* Microseconds of a clock that is never set back. */
extern int64 joor_http_clock(void);

/*
 * Fills in a zeroed handle, which has to stay where it is until closed.
 * Errors: ERRCODE_FDW_ERROR when libcurl cannot be used, out of memory.
 */
extern void joor_http_handle_create(JoorHttpHandle *handle);

/* Lets it run.  Errors: ERRCODE_FDW_ERROR. */
extern void joor_http_handle_start(JoorHttpHandle *handle);

/* Ends it, whatever its state. */
extern void joor_http_handle_close(JoorHttpHandle *handle);

#endif /* JOOR_HTTP_MULTI_H */
