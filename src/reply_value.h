/*-------------------------------------------------------------------------
 *
 * reply_value.h
 *	  The values of an answer: texts, numbers, statuses.
 *
 * Floor 2: of reply.c only.
 *
 * IDENTIFICATION
 *	  src/reply_value.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef JOOR_REPLY_VALUE_H
#define JOOR_REPLY_VALUE_H

#include "reply.h"

/*
 * A copy of a text in UTF-8 without blanks around it and with spaces in place
 * of control characters, cut between characters to `longest` bytes; NULL if
 * nothing is left.  Allocated in that context.  Errors: out of memory.
 */
extern char *joor_reply_text(MemoryContext context, const char *data,
							 int length, int longest);

/* 0, also as 00, +0, -0 or 0.0; as a text that is what JOOR calls success. */
extern bool joor_reply_is_zero(const char *text);

/* A whole number that is not negative; false: anything else. */
extern bool joor_reply_count(const char *text, int64 *count);

/* The status that a word stands for, whatever its case. */
extern JoorItemStatus joor_reply_status(const char *text);

#endif /* JOOR_REPLY_VALUE_H */
