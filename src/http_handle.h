/*-------------------------------------------------------------------------
 *
 * http_handle.h
 *	  An easy handle of libcurl's, and how it opens connections.
 *
 * Words: a handle is one easy handle and what has to be known of it while it
 * runs.  It is created, gets its options, runs in the multi handle
 * (http_multi.h), and is read when it is finished.
 *
 * Floor 2: of http.c only.
 *
 * IDENTIFICATION
 *	  src/http_handle.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef JOOR_HTTP_HANDLE_H
#define JOOR_HTTP_HANDLE_H

#include "compat.h"

#include "lib/ilist.h"

typedef struct JoorHttpHandle
{
	CURL			  *easy;	 /* NULL: none, or no longer */
	struct curl_slist *headers;	 /* of the request; freed with it */
	int64	   resolve_deadline; /* joor_http_clock() by which the host's name
								   * has to be resolved */
	bool	   resolving;		 /* a thread looks it up */
	bool	   broken;			 /* its connection broke after it was sent */
	bool	   running;			 /* in the multi handle, and not finished */
	bool	   finished;
	CURLcode   code;		/* first error of an option; then its result */
	int64	   finished_at; /* joor_http_clock(), once it is finished */
	char	   error[CURL_ERROR_SIZE]; /* libcurl's words; may be empty */
	dlist_node node;				   /* in the list of running handles */
} JoorHttpHandle;

/*
 * Errors out unless libcurl did what was asked: out of memory, else
 * ERRCODE_FDW_ERROR.
 */
extern void joor_http_require(CURLcode code);

/*
 * Fills in a zeroed handle, which has to stay where it is.  Errors as above,
 * and when there are too many open files (ERRCODE_INSUFFICIENT_RESOURCES);
 * joor_http_handle_close() is due even then.
 */
extern void joor_http_handle_create(JoorHttpHandle *handle);

/*
 * Leaves a running handle's easy handle, whose name is being looked up, to
 * the multi handle, which has to clean it up once it is finished; its
 * CURLINFO_PRIVATE is then NULL.
 */
extern void joor_http_handle_abandon(JoorHttpHandle *handle);

#endif /* JOOR_HTTP_HANDLE_H */
