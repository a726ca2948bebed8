/*-------------------------------------------------------------------------
 *
 * http_header.h
 *	  What is kept of the header of an HTTP answer.
 *
 * Words: a line is one header line as it came from the network, with or
 * without its line end.  An answer may have several headers, interim ones
 * (1xx) before the final one; each starts with its status line, and only the
 * last one counts.
 *
 * Invariants: all texts are NUL-terminated printable ASCII and never hold a
 * query string or user name; of a field that comes twice the first counts.
 * Nothing is allocated, so that a line can be read where no error may be
 * thrown.
 *
 * Floor 2: knows no libcurl.
 *
 * IDENTIFICATION
 *	  src/http_header.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef JOOR_HTTP_HEADER_H
#define JOOR_HTTP_HEADER_H

#include "compat.h"

typedef struct JoorHttpHeader
{
	bool complete;			/* the empty line after it has come */
	int	 retry_after;		/* seconds from now; -1: none */
	char content_type[128]; /* empty: none */
	char location[1024];	/* likewise */
	char throttling[2048];	/* lines of X-Throttling-* fields, without a
									 * line end after the last; those that do
									 * not fit are left out */
} JoorHttpHeader;

/* Makes it the header of an answer that has not come yet. */
extern void joor_http_header_init(JoorHttpHeader *header);

/* Takes the next line in; `now` is in seconds since 1970. */
extern void joor_http_header_line(JoorHttpHeader *header, const char *line,
								  Size length, int64 now);

/*
 * The value of a Retry-After field as seconds from `now`: a number of
 * seconds, or one of the three date formats of RFC 9110 5.6.7, of which a
 * past one is 0.  -1: neither.
 */
extern int joor_http_retry_after(const char *value, int64 now);

/*
 * Copies text to a buffer of `size` bytes as printable ASCII, dots in place
 * of other characters, and leaves out what follows a question mark up to the
 * next space or quote: query strings hold data and do not belong into logs.
 */
extern void joor_http_copy_printable(char *target, Size size, const char *text,
									 Size length);

#endif /* JOOR_HTTP_HEADER_H */
