/*-------------------------------------------------------------------------
 *
 * body_xml.c
 *	  XML bodies: inventory_items > inventory_item > field, nothing else.
 *
 * libxml2's SAX interface, so that no tree is built.  Callbacks do not
 * longjmp; the first refusal stops the parser.  No document type is read,
 * hence no entity but the five of XML itself.
 *
 * IDENTIFICATION
 *	  test/simulator/body_xml.c
 *
 *-------------------------------------------------------------------------
 */
#include "body.h"
#include "buffer.h"
#include "encoding.h"

#include <libxml/parser.h>
#include <string.h>

typedef struct XmlReader
{
	xmlParserCtxtPtr context;
	ItemList		*list;
	Item			*item;	/* the one that is open */
	int				 depth; /* of the open elements */
	Buffer			 text;	/* of the open field */
} XmlReader;

static void
refuse(XmlReader *reader, const char *rule, const char *detail)
{
	item_list_refuse(reader->list, rule, detail);
	xmlStopParser(reader->context);
}

static void
element_begins(void *user, const xmlChar *name, const xmlChar *prefix,
			   const xmlChar *uri, int namespace_count,
			   const xmlChar **namespaces, int attribute_count,
			   int defaulted_count, const xmlChar **attributes)
{
	static const char *const expected[] = {"inventory_items", "inventory_item"};
	XmlReader				*reader = user;
	const char				*element = (const char *) name;

	(void) uri;
	(void) namespaces;
	(void) defaulted_count;
	(void) attributes;

	if (prefix != NULL || namespace_count > 0 || attribute_count > 0)
		refuse(reader, "structure", "attribute or namespace");
	else if (reader->depth > 2 ||
			 (reader->depth < 2 && strcmp(element, expected[reader->depth])))
		refuse(reader, "structure", element);
	else if (reader->depth == 1)
		reader->item = item_list_add(reader->list);
	reader->text.length = 0;
	reader->depth++;
}

static void
element_ends(void *user, const xmlChar *name, const xmlChar *prefix,
			 const xmlChar *uri)
{
	XmlReader  *reader = user;
	const char *element = (const char *) name;

	(void) prefix;
	(void) uri;

	reader->depth--;
	if (reader->list->rule != NULL || reader->depth != 2)
		return;
	if (!item_set(reader->list, reader->item, element, strlen(element),
				  VALUE_UNTYPED, reader->text.data, reader->text.length))
		xmlStopParser(reader->context);
	reader->text.length = 0;
}

static void
characters(void *user, const xmlChar *text, int length)
{
	XmlReader *reader = user;

	if (reader->depth == 3)
	{
		buffer_append(&reader->text, text, (size_t) length);
		return;
	}
	for (int i = 0; i < length; i++)
	{
		if (strchr(" \t\r\n", text[i]) == NULL)
		{
			refuse(reader, "structure", "text between elements");
			return;
		}
	}
}

static void
document_type(void *user, const xmlChar *name, const xmlChar *public_id,
			  const xmlChar *system_id)
{
	(void) public_id;
	(void) system_id;
	refuse(user, "structure", (const char *) name);
}

static void
processing_instruction(void *user, const xmlChar *target, const xmlChar *data)
{
	(void) data;
	refuse(user, "structure", (const char *) target);
}

static void
entity_reference(void *user, const xmlChar *name)
{
	refuse(user, "xml", (const char *) name);
}

/* The rule of a structured error, and of a warning: a namespace, say. */
static void
parser_error(void *user, xmlErrorPtr error)
{
	XmlReader *reader = user;

	item_list_refuse(reader->list, "xml",
					 error->message ? error->message : "not well-formed");
}

/* JOOR's samples all begin with it; an encoding but UTF-8 is refused. */
static void
check_declaration(ItemList *list, const char *body, size_t length)
{
	static const char begin[] = "<?xml version=\"1.0\"";
	const char		 *end = memchr(body, '>', length);
	char			  line[100] = "";

	if (end == NULL || length < sizeof(begin) ||
		memcmp(body, begin, sizeof(begin) - 1) != 0)
	{
		list->no_declaration = true;
		return;
	}
	if ((size_t) (end - body) < sizeof(line))
		memcpy(line, body, (size_t) (end - body));
	if (strstr(line, "encoding=") != NULL &&
		strstr(line, "encoding=\"UTF-8\"") == NULL)
		item_list_refuse(list, "encoding", line);
}

void
body_xml_parse(ItemList *list, const char *body, size_t length)
{
	xmlSAXHandler handler = {.initialized = XML_SAX2_MAGIC,
							 .startElementNs = element_begins,
							 .endElementNs = element_ends,
							 .characters = characters,
							 .cdataBlock = characters,
							 .internalSubset = document_type,
							 .processingInstruction = processing_instruction,
							 .reference = entity_reference,
							 .serror = parser_error};
	XmlReader	  reader = {.list = list};

	if (!utf8_valid(body, length))
	{
		item_list_refuse(list, "utf8", "body");
		return;
	}
	check_declaration(list, body, length);
	if (list->rule != NULL)
		return;

	reader.context = xmlCreatePushParserCtxt(&handler, &reader, NULL, 0, NULL);
	if (reader.context == NULL)
	{
		item_list_refuse(list, "xml", "no parser");
		return;
	}
	xmlCtxtUseOptions(reader.context, XML_PARSE_NONET);
	reader.context->userData = &reader;
	while (length > 0 && list->rule == NULL)
	{
		size_t piece = length < 1 << 20 ? length : 1 << 20;

		xmlParseChunk(reader.context, body, (int) piece, 0);
		body += piece;
		length -= piece;
	}
	if (list->rule == NULL)
		xmlParseChunk(reader.context, NULL, 0, 1);
	if (!reader.context->wellFormed)
		item_list_refuse(list, "xml", "not well-formed");
	xmlFreeParserCtxt(reader.context);
	buffer_free(&reader.text);
}
