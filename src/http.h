/*-------------------------------------------------------------------------
 *
 * http.h
 *	  HTTP transfers that never hold up the backend.
 *
 * Words: a transfer is one call from begin to end.  All transfers of a
 * process share one curl_multi handle, and with it their connections, which
 * stay open between transactions.
 *
 * Rules: libcurl is called only from http*.c.  Waiting happens outside of
 * libcurl, in a WaitEventSet with the process's latch, so that a cancel, a
 * ProcSignalBarrier and the postmaster's death are seen at once.  Callbacks
 * of libcurl never throw.  Signals stay blocked while libcurl may start a
 * resolver thread, so that no handler of PostgreSQL runs on a foreign thread.
 * A transfer is freed with its memory context, whatever happens.  https only,
 * http to a loopback address; no redirects, no proxy, no netrc, no cookies,
 * no Expect header; HTTP/1.1.
 *
 * Floor 2: knows neither JOOR nor tables.
 *
 * IDENTIFICATION
 *	  src/http.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef JOOR_HTTP_H
#define JOOR_HTTP_H

#include "compat.h"

#include "lib/stringinfo.h"

typedef struct JoorHttpRequest
{
	const char *method;		   /* GET, POST or PUT */
	const char *url;		   /* complete, already percent-encoded */
	const char *authorization; /* value of the header, or NULL */
	const char *content_type;  /* NULL: none */
	const char *accept;
	const char *body;			 /* NULL: none; must outlive the transfer */
	Size		body_length;	 /* bytes */
	const char *ca_file;		 /* PEM file; NULL: the system's */
	int			connect_timeout; /* milliseconds */
	int			timeout;		 /* milliseconds, connecting included */
} JoorHttpRequest;

typedef enum JoorHttpResult
{
	JOOR_HTTP_ANSWERED,	 /* a complete answer, whatever its status */
	JOOR_HTTP_UNREACHED, /* no connection: name, refused, handshake broke
						  * off, connect time-out; nothing was sent */
	JOOR_HTTP_TLS,		 /* the peer could not be trusted; nothing was sent */
	JOOR_HTTP_TIMEOUT,	 /* no complete answer in time; outcome unknown */
	JOOR_HTTP_BROKEN,	 /* connection or answer broke off; unknown */
	JOOR_HTTP_TOO_LARGE	 /* the answer exceeded the cap; unknown */
} JoorHttpResult;

/* Answer bytes that are kept; a longer answer ends the transfer. */
#define JOOR_HTTP_ANSWER_MAX (16 * 1024 * 1024)

typedef struct JoorHttpAnswer
{
	JoorHttpResult result;
	int			   status;		 /* HTTP status; 0: none arrived */
	char		  *content_type; /* NULL: missing */
	StringInfoData body;		 /* raw bytes, perhaps incomplete */
	int			   retry_after; /* seconds from now, not clipped; -1: missing or
							   * unreadable; seconds or an HTTP date, RFC 9110
							   * 10.2.3 */
	char		  *throttling;	/* the X-Throttling-* header lines, one a line,
							   * ASCII only; NULL: none */
	char		  *location;	/* Location of a redirect, without query string;
							   * NULL: none */
	char		  *error;		/* libcurl's own words if not answered, else
							   * NULL; never holds a header or a query string */
	int64		   duration;	/* microseconds */
} JoorHttpAnswer;

typedef struct JoorHttpTransfer JoorHttpTransfer;

/*
 * Starts a transfer, allocated in the current memory context; the bytes of
 * the request's body must stay, all else is copied.  Errors: out of memory;
 * ERRCODE_INSUFFICIENT_RESOURCES without file descriptors, ERRCODE_FDW_ERROR
 * when libcurl cannot be used, ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE in
 * single-user mode.  A request is never sent twice: one whose connection
 * breaks without an answer is BROKEN, also on a connection used before.
 */
extern JoorHttpTransfer *joor_http_begin(const JoorHttpRequest *request);

/*
 * Drives all transfers of the process until one finishes, the latch is set
 * or timeout_ms ran out (-1: never).  Resets the latch and does not process
 * interrupts: the caller does, between calls.
 */
extern void joor_http_wait(long timeout_ms, uint32 wait_event);

extern bool joor_http_finished(const JoorHttpTransfer *transfer);

/*
 * What a finished transfer brought, or an unfinished one so far: that is
 * aborted.  The answer is allocated in the context of the transfer, which is
 * freed except for it.
 */
extern JoorHttpAnswer *joor_http_end(JoorHttpTransfer *transfer);

/*
 * One transfer from begin to end, in the current memory context.  Errors: as
 * joor_http_begin(), and a query cancel or time-out (57014), after which the
 * connection is closed.
 */
extern JoorHttpAnswer *joor_http_perform(const JoorHttpRequest *request,
										 uint32					wait_event);

/* Percent-encodes UTF-8 bytes as a URL component (RFC 3986 2.3). */
extern void joor_http_append_encoded(StringInfo out, const char *data,
									 Size length);

/* Whether a URL's host is a loopback address: 127.0.0.0/8, [::1], localhost. */
extern bool joor_http_is_loopback(const char *url);

#endif /* JOOR_HTTP_H */
