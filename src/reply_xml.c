/*-------------------------------------------------------------------------
 *
 * reply_xml.c
 *	  An answer in XML, by libxml2's reader.
 *
 * The reader is asked for one node after the other, so that nothing of ours
 * runs inside of libxml2 and an error of ours does not cross it.  It gives
 * UTF-8, whatever encoding the answer declares.  Entities are never replaced
 * and nothing is loaded; an answer with a document type is unreadable, since
 * JOOR's have none and all mischief with entities needs one.
 *
 * Floor 2: of reply.c only.
 *
 * IDENTIFICATION
 *	  src/reply_xml.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <libxml/xmlreader.h>

#include "lib/stringinfo.h"
#include "mb/pg_wchar.h"
#include "utils/xml.h"

#include "reply_builder.h"

typedef struct XmlAnswer
{
	JoorReplyBuilder *builder;
	xmlTextReaderPtr  reader;
	StringInfoData	  text;	   /* of the element that was opened last */
	bool			  is_leaf; /* that element holds no other so far */
} XmlAnswer;

/*
 * Errors show in the reader's result.  Without a handler of its own they
 * would go to PostgreSQL's, which shows warnings to the user.
 */
static void
ignore_error(void *arg, JoorXmlError error)
{
	(void) arg;
	(void) error;
}

/* What libxml2 has no error for it prints to stderr, which is the log. */
static void
ignore_message(void *arg, const char *format, ...)
{
	(void) arg;
	(void) format;
}

static void
open_element(XmlAnswer *answer)
{
	const char *name =
		(const char *) xmlTextReaderConstLocalName(answer->reader);

	joor_reply_open(answer->builder, name ? name : "");
	resetStringInfo(&answer->text);
	answer->is_leaf = true;
}

static void
close_element(XmlAnswer *answer)
{
	if (answer->is_leaf && answer->text.len > 0)
		joor_reply_value(answer->builder, answer->text.data, answer->text.len,
						 true);
	joor_reply_close(answer->builder);
	answer->is_leaf = false;
}

/*
 * A text may come in pieces; no more is collected than is kept of it.  False:
 * it is not UTF-8, since libxml2 lets characters pass that are encoded longer
 * than need be.
 */
static bool
add_text(XmlAnswer *answer)
{
	const char *text = (const char *) xmlTextReaderConstValue(answer->reader);
	int			room = 2 * JOOR_REPLY_TEXT_MAX - answer->text.len;

	if (text == NULL || !answer->is_leaf)
		return true;
	if (pg_verify_mbstr_len(PG_UTF8, text, (int) strlen(text), true) < 0)
		return false;
	if (answer->text.len == 0)
		text += strspn(text, " \t\r\n");
	appendBinaryStringInfo(&answer->text, text,
						   (int) strnlen(text, Max(0, room)));
	return true;
}

/* Whether it is a page for people, which may well be good XML. */
static bool
is_web_page(const XmlAnswer *answer)
{
	const char *name =
		(const char *) xmlTextReaderConstLocalName(answer->reader);

	return xmlTextReaderDepth(answer->reader) == 0 && name != NULL &&
		   pg_strcasecmp(name, "html") == 0;
}

/* Takes the node that the reader is at; false: the answer is unreadable. */
static bool
take_node(XmlAnswer *answer)
{
	switch (xmlTextReaderNodeType(answer->reader))
	{
		case XML_READER_TYPE_ELEMENT:
			if (is_web_page(answer))
				return false;
			open_element(answer);
			if (xmlTextReaderIsEmptyElement(answer->reader))
				close_element(answer);
			break;
		case XML_READER_TYPE_END_ELEMENT:
			close_element(answer);
			break;
		case XML_READER_TYPE_TEXT:
		case XML_READER_TYPE_CDATA:
		case XML_READER_TYPE_SIGNIFICANT_WHITESPACE:
			if (!add_text(answer))
				return false;
			break;
		case XML_READER_TYPE_DOCUMENT_TYPE:
		case XML_READER_TYPE_ENTITY_REFERENCE:
			return false;
		default:
			break;
	}
	return !joor_reply_failed(answer->builder);
}

static bool
read_nodes(XmlAnswer *answer)
{
	int result;

	xmlTextReaderSetStructuredErrorHandler(answer->reader, ignore_error, NULL);
	while ((result = xmlTextReaderRead(answer->reader)) == 1)
		if (!take_node(answer))
			return false;
	return result == 0;
}

bool
joor_reply_read_xml(JoorReplyBuilder *builder, const char *data, int length)
{
	/* Read again in PG_FINALLY. */
	volatile xmlTextReaderPtr reader = NULL;
	xmlGenericErrorFunc		  saved_handler = xmlGenericError;
	void					 *saved_arg = xmlGenericErrorContext;
	PgXmlErrorContext		 *errors;
	XmlAnswer				  answer;
	volatile bool			  readable = false;

	answer.builder = builder;
	answer.is_leaf = false;
	initStringInfo(&answer.text);
	errors = pg_xml_init(PG_XML_STRICTNESS_ALL);
	PG_TRY();
	{
		xmlSetGenericErrorFunc(NULL, ignore_message);
		reader = xmlReaderForMemory(data, length, NULL, NULL,
									XML_PARSE_NONET | XML_PARSE_COMPACT);
		answer.reader = reader;
		if (reader != NULL)
			readable = read_nodes(&answer);
	}
	PG_FINALLY();
	{
		if (reader != NULL)
			xmlFreeTextReader(reader);
		xmlSetGenericErrorFunc(saved_arg, saved_handler);
		pg_xml_done(errors, true); /* its errors were ours to judge */
	}
	PG_END_TRY();
	return readable;
}
