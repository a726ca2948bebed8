/*-------------------------------------------------------------------------
 *
 * answer.h
 *	  The answer to a call, and the ways in which JOOR may word it.
 *
 * Life: a zeroed Answer is filled once, sent, and freed by answer_free().
 *
 * IDENTIFICATION
 *	  test/simulator/answer.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef SIMULATOR_ANSWER_H
#define SIMULATOR_ANSWER_H

#include "buffer.h"
#include "item.h"
#include "option.h"

#define ANSWER_HEADERS 24

typedef enum Format
{
	FORMAT_NONE,
	FORMAT_XML,
	FORMAT_JSON
} Format;

extern const char *const format_types[]; /* media types, by Format */

typedef enum CodeType
{
	CODE_NUMBER,
	CODE_STRING
} CodeType;

typedef enum Presence
{
	PRESENT,
	MISSING
} Presence;

typedef enum ResponseShape
{
	RESPONSE_OBJECT,
	RESPONSE_TEXT, /* the log id alone */
	RESPONSE_MISSING
} ResponseShape;

typedef enum LogShape
{
	LOG_FULL,
	LOG_MISSING,
	LOG_SHORT, /* without its last entry */
	LOG_REVERSED,
	LOG_EMPTY
} LogShape;

typedef enum CountShape
{
	COUNT_RIGHT,
	COUNT_FEWER, /* one less */
	COUNT_STRING,
	COUNT_MISSING
} CountShape;

typedef struct AnswerStyle
{
	char	root[64];  /* name of the outermost element */
	bool	wrapped;   /* JSON has it too */
	int64_t code;	   /* of success */
	int		code_type; /* a CodeType */
	int		comment;   /* a Presence */
	char	comment_text[256];
	int		log_id;		 /* a Presence */
	int		response;	 /* a ResponseShape */
	int		log;		 /* a LogShape */
	bool	single_list; /* a list of one is a list in JSON */
	int		sku_count;	 /* a CountShape */
	int		sku;		 /* a Presence */
	char	pass[32];	 /* status of an item */
	char	fail[32];
} AnswerStyle;

extern const Option answer_style_options[];

typedef struct AnswerHeader
{
	char *name;
	char *value;
} AnswerHeader;

typedef struct Answer
{
	int			 status;
	char		 content_type[128]; /* empty: none is announced */
	Buffer		 body;
	AnswerHeader headers[ANSWER_HEADERS];
	int			 header_count;
} Answer;

extern void answer_style_defaults(AnswerStyle *style);

/* Copies both; those over ANSWER_HEADERS are dropped. */
extern void answer_header(Answer *answer, const char *name, const char *value);

/*
 * JOOR's envelope.  items: those of a call that was carried out, booked; NULL
 * when it was refused.
 */
extern void answer_envelope(Answer *answer, Format format,
							const AnswerStyle *style, int status, int64_t code,
							const char *comment, const char *log_id,
							const ItemList *items);

/* The answer of the call that reads styles. */
extern void answer_styles(Answer *answer, Format format, int count);
extern void answer_free(Answer *answer);

#endif /* SIMULATOR_ANSWER_H */
