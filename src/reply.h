/*-------------------------------------------------------------------------
 *
 * reply.h
 *	  JOOR's answer to a call, read from its bytes.
 *
 * Reading rules (JOOR API contract, "The answer"): response, sku_count and
 * inventory_log are looked for at any depth; the answer's own content type
 * decides how it is read, else its first character; `code` may be a number
 * or a string, `response` may be a bare string that is the log id, a list of
 * one may be an object; a status is compared without case.  What cannot be
 * read is unreadable, never an error: the bytes come from outside.
 *
 * Floor 2: knows no HTTP.
 *
 * IDENTIFICATION
 *	  src/reply.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef JOOR_REPLY_H
#define JOOR_REPLY_H

#include "compat.h"

typedef enum JoorItemStatus
{
	JOOR_STATUS_UNKNOWN, /* any other word, or none */
	JOOR_STATUS_PASS,	 /* pass, passed, success, ok */
	JOOR_STATUS_FAIL	 /* fail, failed, error */
} JoorItemStatus;

typedef struct JoorReplyEntry
{
	char		  *sku; /* the SKU data sent, joined by JOOR; NULL: missing */
	char		  *log_id; /* inventory_log_id; NULL: missing */
	char		  *reason; /* text of a comment, message, error or reason field
						 * of the entry; NULL: missing */
	JoorItemStatus status;
} JoorReplyEntry;

/* Texts are UTF-8, NUL-terminated, without control characters. */
typedef struct JoorReply
{
	bool			readable; /* it is XML or JSON and was read to its end */
	bool			has_code;
	bool			success; /* readable, and no code, or code is 0 */
	char		   *code;	 /* as text; NULL: missing */
	char		   *comment; /* NULL: missing */
	char		   *log_id;	 /* NULL: missing */
	bool			has_sku_count;
	int64			sku_count;
	bool			has_log; /* there was an inventory_log, perhaps empty */
	int				nentries;
	JoorReplyEntry *entries;
} JoorReply;

/*
 * Reads an answer of `length` bytes; content_type may be NULL.  The result
 * and all it points to are allocated in the current memory context.  Errors:
 * out of memory and query cancel only.
 */
extern JoorReply *joor_reply_read(const char *data, Size length,
								  const char *content_type);

#endif /* JOOR_REPLY_H */
