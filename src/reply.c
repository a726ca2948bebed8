/*-------------------------------------------------------------------------
 *
 * reply.c
 *	  JOOR's answer to a call, read from its bytes.
 *
 * Finds out the format and has it read; what the answer says is gathered in
 * reply_builder.c.
 *
 * Floor 2: knows no HTTP.
 *
 * IDENTIFICATION
 *	  src/reply.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "utils/memutils.h"

#include "reply_builder.h"

/* Whether a media type, up to its parameters, contains a word. */
static bool
type_contains(const char *content_type, const char *word)
{
	Size length = strlen(word);

	for (;
		 content_type != NULL && *content_type != '\0' && *content_type != ';';
		 content_type++)
		if (pg_strncasecmp(content_type, word, length) == 0)
			return true;
	return false;
}

/* Reads an answer that begins with its first character that is no blank. */
static bool
read_content(JoorReplyBuilder *builder, const char *data, int length,
			 const char *content_type)
{
	/* Neither format has it; C strings end there. */
	if (length == 0 || memchr(data, '\0', length) != NULL)
		return false;
	if (type_contains(content_type, "json"))
		return joor_reply_read_json(builder, data, length);
	if (type_contains(content_type, "xml") || data[0] == '<')
		return joor_reply_read_xml(builder, data, length);
	if (data[0] == '{' || data[0] == '[')
		return joor_reply_read_json(builder, data, length);
	return false;
}

/* Skips a byte order mark and blanks, which either format may do without. */
static void
skip_blanks(const char **data, Size *length)
{
	if (*length >= 3 && memcmp(*data, "\xef\xbb\xbf", 3) == 0)
	{
		*data += 3;
		*length -= 3;
	}
	for (; *length > 0 && strchr(" \t\r\n", **data) != NULL && **data != '\0';
		 (*length)--)
		(*data)++;
}

JoorReply *
joor_reply_read(const char *data, Size length, const char *content_type)
{
	JoorReply	 *reply = palloc0(sizeof(JoorReply));
	MemoryContext work = AllocSetContextCreate(
		CurrentMemoryContext, "joor_inventory answer", ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(work);
	bool		  readable = false;

	reply->success = true;
	skip_blanks(&data, &length);
	if (length < MaxAllocSize)
		readable = read_content(joor_reply_builder(reply), data, (int) length,
								content_type);
	MemoryContextSwitchTo(old);
	MemoryContextDelete(work);

	/* What was read before the trouble is as doubtful as the rest. */
	if (!readable)
		memset(reply, 0, sizeof(JoorReply));
	reply->readable = readable;
	return reply;
}
