/*-------------------------------------------------------------------------
 *
 * reply_builder.h
 *	  What the two formats of an answer give to reply.c.
 *
 * Words: a node is an element of XML, or a field of an object or an element
 * of a list of JSON, which has no name.  Format readers open each node, give
 * its value if it holds no other nodes, and close it.
 *
 * Floor 2: of reply.c only.
 *
 * IDENTIFICATION
 *	  src/reply_builder.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef JOOR_REPLY_BUILDER_H
#define JOOR_REPLY_BUILDER_H

#include "reply.h"

/* Nodes within nodes; an answer that goes deeper is unreadable. */
#define JOOR_REPLY_DEPTH 64

/* No text of an answer is kept longer, in bytes. */
#define JOOR_REPLY_TEXT_MAX 1000

typedef struct JoorReplyBuilder JoorReplyBuilder;

/*
 * A builder that fills in a zeroed reply, in the current memory context; what
 * it finds is allocated where the reply is.
 */
extern JoorReplyBuilder *joor_reply_builder(JoorReply *reply);

/* Opens a node; name NULL: it has none.  Errors: query cancel. */
extern void joor_reply_open(JoorReplyBuilder *builder, const char *name);

/*
 * Gives the value of the node that was opened last, in UTF-8.  is_string: it
 * is a text, and not a number or a boolean of JSON.  Errors: out of memory.
 */
extern void joor_reply_value(JoorReplyBuilder *builder, const char *data,
							 int length, bool is_string);

/* Closes the node that was opened last.  Errors: out of memory. */
extern void joor_reply_close(JoorReplyBuilder *builder);

/* Whether it went too deep or had too many entries: it is unreadable. */
extern bool joor_reply_failed(const JoorReplyBuilder *builder);

/*
 * Read an answer; false: unreadable.  What they allocate in the current
 * memory context may go when they return.  Errors: as above.
 */
extern bool joor_reply_read_xml(JoorReplyBuilder *builder, const char *data,
								int length);
extern bool joor_reply_read_json(JoorReplyBuilder *builder, const char *data,
								 int length);

#endif /* JOOR_REPLY_BUILDER_H */
