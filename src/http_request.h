/*-------------------------------------------------------------------------
 *
 * http_request.h
 *	  The options of libcurl that make a request.
 *
 * Floor 2: of http.c only.
 *
 * IDENTIFICATION
 *	  src/http_request.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef JOOR_HTTP_REQUEST_H
#define JOOR_HTTP_REQUEST_H

#include "http.h"
#include "http_handle.h"

/*
 * Sets a handle's options for a request that starts now.  libcurl copies all
 * but the body.  Errors: out of memory, ERRCODE_FDW_ERROR.
 */
extern void joor_http_set_request(JoorHttpHandle		*handle,
								  const JoorHttpRequest *request);

#endif /* JOOR_HTTP_REQUEST_H */
