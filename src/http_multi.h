/*-------------------------------------------------------------------------
 *
 * http_multi.h
 *	  The process's one curl_multi handle, in which transfers run.
 *
 * Life of a handle: open - joor_http_handle_create() - options - start -
 * joor_http_wait() until finished - read what it brought - close.  Closing is
 * allowed at any time, and more than once; it never waits.
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

#include "http_handle.h"

/* Microseconds of a clock that is never set back. */
extern int64 joor_http_clock(void);

/*
 * Makes libcurl ready for use.  Errors: in single-user mode
 * (ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE), and as joor_http_require().
 */
extern void joor_http_multi_open(void);

/* Lets a handle run.  Errors as joor_http_require(). */
extern void joor_http_handle_start(JoorHttpHandle *handle);

/* Ends it, whatever its state.  Throws nothing. */
extern void joor_http_handle_close(JoorHttpHandle *handle);

#endif /* JOOR_HTTP_MULTI_H */
