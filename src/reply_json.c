/*-------------------------------------------------------------------------
 *
 * reply_json.c
 *	  An answer in JSON, by PostgreSQL's own parser.
 *
 * The parser works in the encoding of the database: it converts \u escapes
 * into it, and throws an error where that has no such character.  And it
 * throws one when its stack runs out.  Answers are UTF-8 whatever the
 * database is, and must not throw.  So they are prepared: escapes of what is
 * not ASCII are replaced by the characters themselves, which the parser
 * passes on as they are, and depth is counted beforehand.
 *
 * Floor 2: of reply.c only.
 *
 * IDENTIFICATION
 *	  src/reply_json.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "mb/pg_wchar.h"

#include "reply_builder.h"

/* The four digits of a \u escape that starts at text; -1: there is none. */
static int
read_escape(const char *text, const char *end)
{
	int code = 0;
	int i;

	if (end - text < 6 || text[0] != '\\' || text[1] != 'u')
		return -1;
	for (i = 2; i < 6; i++)
	{
		char c = text[i];

		if (c >= '0' && c <= '9')
			code = code * 16 + c - '0';
		else if (c >= 'a' && c <= 'f')
			code = code * 16 + c - 'a' + 10;
		else if (c >= 'A' && c <= 'F')
			code = code * 16 + c - 'A' + 10;
		else
			return -1;
	}
	return code;
}

/*
 * Moves an escape from *in to *out, which may be the same; the result is
 * never longer.  What the parser would object to is left to it.
 */
static void
move_escape(const char **in, const char *end, char **out)
{
	pg_wchar code;
	int		 first = read_escape(*in, end);
	int		 size = 6;

	code = (pg_wchar) first;
	if (first >= 0 && is_utf16_surrogate_first(code))
	{
		int second = read_escape(*in + 6, end);

		size = 12;
		if (second >= 0 && is_utf16_surrogate_second((pg_wchar) second))
			code = surrogate_pair_to_codepoint(code, (pg_wchar) second);
		else
			first = -1;
	}
	if (first < 0x80 || is_utf16_surrogate_second(code))
	{
		/* Backslash and what follows it, which may be a quote. */
		size = (int) Min(2, end - *in);
		memmove(*out, *in, size);
		*out += size;
	}
	else
	{
		unicode_to_utf8(code, (unsigned char *) *out);
		*out += pg_utf_mblen((unsigned char *) *out);
	}
	*in += size;
}

/* Prepares a text in place; false: it is nested too deep. */
static bool
prepare(char *text, int *length)
{
	const char *in = text;
	const char *end = text + *length;
	char	   *out = text;
	bool		in_string = false;
	int			depth = 0;

	while (in < end)
	{
		if (in_string && *in == '\\')
		{
			move_escape(&in, end, &out);
			continue;
		}
		if (*in == '"')
			in_string = !in_string;
		else if (!in_string && (*in == '{' || *in == '['))
			depth++;
		else if (!in_string && (*in == '}' || *in == ']'))
			depth--;
		if (depth > JOOR_REPLY_DEPTH)
			return false;
		*out++ = *in++;
	}
	*length = (int) (out - text);
	return true;
}

/*
 * Actions of the parser.
 */

static JoorJsonResult
field_start(void *builder, char *name, bool is_null)
{
	(void) is_null;
	joor_reply_open(builder, name);
	JOOR_JSON_RETURN;
}

static JoorJsonResult
field_end(void *builder, char *name, bool is_null)
{
	(void) name;
	(void) is_null;
	joor_reply_close(builder);
	JOOR_JSON_RETURN;
}

static JoorJsonResult
element_start(void *builder, bool is_null)
{
	(void) is_null;
	joor_reply_open(builder, NULL);
	JOOR_JSON_RETURN;
}

static JoorJsonResult
element_end(void *builder, bool is_null)
{
	(void) is_null;
	joor_reply_close(builder);
	JOOR_JSON_RETURN;
}

/* The token is ours; there may be millions of them. */
static JoorJsonResult
scalar(void *builder, char *token, JsonTokenType type)
{
	if (type != JSON_TOKEN_NULL)
		joor_reply_value(builder, token, (int) strlen(token),
						 type == JSON_TOKEN_STRING);
	pfree(token);
	JOOR_JSON_RETURN;
}

bool
joor_reply_read_json(JoorReplyBuilder *builder, const char *data, int length)
{
	JsonSemAction actions;
	char		 *text;

	if (pg_verify_mbstr_len(PG_UTF8, data, length, true) < 0)
		return false;
	text = palloc(length + 1);
	memcpy(text, data, length);
	if (!prepare(text, &length))
		return false;
	text[length] = '\0';

	memset(&actions, 0, sizeof(actions));
	actions.semstate = builder;
	actions.object_field_start = field_start;
	actions.object_field_end = field_end;
	actions.array_element_start = element_start;
	actions.array_element_end = element_end;
	actions.scalar = scalar;
	return pg_parse_json(joor_make_json_lexer(text, length, PG_UTF8),
						 &actions) == JSON_SUCCESS &&
		   !joor_reply_failed(builder);
}
