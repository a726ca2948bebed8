/*-------------------------------------------------------------------------
 *
 * reply_value.c
 *	  The values of an answer: texts, numbers, statuses.
 *
 * Floor 2: of reply.c only.
 *
 * IDENTIFICATION
 *	  src/reply_value.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "mb/pg_wchar.h"

#include "reply_value.h"

/* C1 control characters are C2 80 to C2 9F in UTF-8. */
char *
joor_reply_text(MemoryContext context, const char *data, int length,
				int longest)
{
	char *text;
	int	  i;

	for (; length > 0 && (unsigned char) *data <= ' '; length--)
		data++;
	while (length > 0 && (unsigned char) data[length - 1] <= ' ')
		length--;
	if (length > longest)
		length = pg_encoding_mbcliplen(PG_UTF8, data, length, longest);
	if (length == 0)
		return NULL;
	text = MemoryContextAlloc(context, length + 1);
	for (i = 0; i < length; i++)
	{
		unsigned char c = (unsigned char) data[i];
		unsigned char next = i + 1 < length ? (unsigned char) data[i + 1] : 0;

		text[i] = c < ' ' || c == 0x7f ? ' ' : data[i];
		if (c == 0xc2 && next >= 0x80 && next <= 0x9f)
		{
			text[i++] = ' ';
			text[i] = ' ';
		}
	}
	text[length] = '\0';
	return text;
}

bool
joor_reply_is_zero(const char *text)
{
	Size zeros;

	if (*text == '+' || *text == '-')
		text++;
	zeros = strspn(text, "0");
	text += zeros;
	if (*text == '.')
		text += 1 + strspn(text + 1, "0");
	return zeros > 0 && *text == '\0';
}

bool
joor_reply_count(const char *text, int64 *count)
{
	Size digits = strspn(text, "0123456789");

	if (digits == 0 || digits > 18 || text[digits] != '\0')
		return false;
	*count = strtoll(text, NULL, 10);
	return true;
}

JoorItemStatus
joor_reply_status(const char *text)
{
	static const struct
	{
		const char	  *word;
		JoorItemStatus status;
	} words[] = {
		{"pass", JOOR_STATUS_PASS},	   {"passed", JOOR_STATUS_PASS},
		{"success", JOOR_STATUS_PASS}, {"ok", JOOR_STATUS_PASS},
		{"fail", JOOR_STATUS_FAIL},	   {"failed", JOOR_STATUS_FAIL},
		{"error", JOOR_STATUS_FAIL},
	};
	Size i;

	for (i = 0; i < lengthof(words); i++)
		if (pg_strcasecmp(text, words[i].word) == 0)
			return words[i].status;
	return JOOR_STATUS_UNKNOWN;
}
