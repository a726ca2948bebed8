/*-------------------------------------------------------------------------
 *
 * body_xml.c
 *	  XML bodies: inventory_items > inventory_item > field, nothing else.
 *
 * libxml2's SAX interface, so that no tree is built.  After the first refusal
 * the callbacks do nothing.  No document type is read, hence there is no
 * entity but the five of XML itself.
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

#define PIECE ((size_t) 256 * 1024)

#if LIBXML_VERSION >= 21200
#define PARSER_ERROR const xmlError *
#else
#define PARSER_ERROR xmlErrorPtr
#endif

typedef struct XmlReader
{
	ItemList *list;
	Item	 *item;	 /* the one that is open */
	int		  depth; /* of the open elements */
	Buffer	  text;	 /* of the open field */
} XmlReader;

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

	if (reader->list->rule != NULL)
		return;
	if (prefix != NULL || namespace_count > 0 || attribute_count > 0)
		item_list_refuse(reader->list, "structure", "attribute or namespace");
	else if (reader->depth > 2 ||
			 (reader->depth < 2 && strcmp(element, expected[reader->depth])))
		item_list_refuse(reader->list, "structure", element);
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
	item_set(reader->list, reader->item, element, strlen(element),
			 VALUE_UNTYPED, reader->text.data, reader->text.length);
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
			item_list_refuse(reader->list, "structure",
							 "text between elements");
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
	item_list_refuse(((XmlReader *) user)->list, "structure",
					 (const char *) name);
}

static void
processing_instruction(void *user, const xmlChar *target, const xmlChar *data)
{
	(void) data;
	item_list_refuse(((XmlReader *) user)->list, "structure",
					 (const char *) target);
}

static void
entity_reference(void *user, const xmlChar *name)
{
	item_list_refuse(((XmlReader *) user)->list, "xml", (const char *) name);
}

/* The rule of a structured error, and of a warning: a namespace, say. */
static void
parser_error(void *user, PARSER_ERROR error)
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
	xmlSAXHandler	 handler = {.initialized = XML_SAX2_MAGIC,
								.startElementNs = element_begins,
								.endElementNs = element_ends,
								.characters = characters,
								.cdataBlock = characters,
								.internalSubset = document_type,
								.processingInstruction = processing_instruction,
								.reference = entity_reference,
								.serror = parser_error};
	XmlReader		 reader = {.list = list};
	xmlParserCtxtPtr parser;
	int				 error = 0;

	if (!utf8_valid(body, length))
	{
		item_list_refuse(list, "utf8", "body");
		return;
	}
	check_declaration(list, body, length);
	parser = xmlCreatePushParserCtxt(&handler, &reader, NULL, 0, NULL);
	if (parser == NULL)
	{
		item_list_refuse(list, "xml", "no parser");
		return;
	}
	xmlCtxtUseOptions(parser, XML_PARSE_NONET);
	while (length > 0 && error == 0 && list->rule == NULL)
	{
		size_t piece = length < PIECE ? length : PIECE;

		error = xmlParseChunk(parser, body, (int) piece, 0);
		body += piece;
		length -= piece;
	}
	if (error == 0 && list->rule == NULL)
		error = xmlParseChunk(parser, NULL, 0, 1);
	if (error != 0)
		item_list_refuse(list, "xml", "not well-formed");
	xmlFreeParserCtxt(parser);
	buffer_free(&reader.text);
}
