/*-------------------------------------------------------------------------
 *
 * fault_body.c
 *	  Misbehaviour on command: the answers that it wants.
 *
 * A huge and an endless body are not made here: wire.c makes them while it
 * sends them.
 *
 * IDENTIFICATION
 *	  test/simulator/fault_body.c
 *
 *-------------------------------------------------------------------------
 */
#include "fault.h"
#include "simulator.h"

#include <stdio.h>
#include <string.h>

static const char xml_begin[] = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n";

static void
make_garbage(Buffer *body, int64_t size)
{
	for (int64_t i = 0; i < size; i++)
		buffer_byte(body, (char) random_number());
}

static void
make_html(Buffer *body)
{
	buffer_text(body, "<!DOCTYPE html>\n<html><head><title>Error</title>"
					  "<meta charset=\"utf-8\"></head>\n<body><h1>Error</h1>"
					  "<p>Try again later.<br></body></html>\n");
}

/* A whole envelope whose comment has the bytes in it. */
static void
make_comment(Buffer *body, Format format, const char *bytes, size_t length)
{
	if (format == FORMAT_XML)
		buffer_format(body, "%s<inventory><response><code>0</code><comment>",
					  xml_begin);
	else
		buffer_text(body, "{\"inventory\":{\"response\":{\"code\":0,"
						  "\"comment\":\"");
	buffer_append(body, bytes, length);
	if (format == FORMAT_XML)
		buffer_text(body, "</comment></response></inventory>\n");
	else
		buffer_text(body, "\"}}}");
}

static void
make_deep(Buffer *body, Format format, int64_t depth)
{
	if (format == FORMAT_XML)
		buffer_text(body, xml_begin);
	buffer_repeat(body, format == FORMAT_XML ? "<a>" : "[", (size_t) depth);
	buffer_repeat(body, format == FORMAT_XML ? "</a>" : "]", (size_t) depth);
}

/* Ten entities, each of ten of the one before: 3 GB when expanded. */
static void
make_entity_bomb(Buffer *body)
{
	buffer_format(body, "%s<!DOCTYPE inventory [<!ENTITY e0 \"lol\">",
				  xml_begin);
	for (int i = 1; i < 10; i++)
	{
		buffer_format(body, "<!ENTITY e%d \"", i);
		for (int j = 0; j < 10; j++)
			buffer_format(body, "&e%d;", i - 1);
		buffer_text(body, "\">");
	}
	buffer_text(body, "]>\n<inventory><response><code>0</code>"
					  "<comment>&e9;</comment></response></inventory>\n");
}

static void
make_external_entity(Buffer *body, const char *target)
{
	buffer_format(body,
				  "%s<!DOCTYPE inventory [<!ENTITY e SYSTEM \"%s\">]>\n"
				  "<inventory><response><code>0</code><comment>&e;</comment>"
				  "</response></inventory>\n",
				  xml_begin, target);
}

static void
make_body(const Fault *fault, Format format, Buffer *body)
{
	int64_t size = fault->size;

	body->length = 0;
	switch ((BodyKind) fault->body_kind)
	{
		case BODY_TEXT:
			buffer_append(body, fault->body.data, fault->body.length);
			break;
		case BODY_GARBAGE:
			make_garbage(body, size < 0 ? 1000 : size);
			break;
		case BODY_HTML:
			make_html(body);
			break;
		case BODY_INVALID_UTF8:
			make_comment(body, format, "\xc3\x28 \xff \xed\xa0\x80", 8);
			break;
		case BODY_NUL:
			make_comment(body, format, "a\0b", 3);
			break;
		case BODY_DEEP:
			make_deep(body, format, size < 0 ? 100000 : size);
			break;
		case BODY_ENTITY_BOMB:
			make_entity_bomb(body);
			break;
		case BODY_EXTERNAL_ENTITY:
			make_external_entity(body, fault->target);
			break;
		default:
			break;
	}
}

void
fault_shape(const Fault *fault, Format format, Answer *answer)
{
	const char *name;
	json_t	   *value;

	if (fault->status != 0)
		answer->status = (int) fault->status;
	if (fault->body_kind != BODY_USUAL)
	{
		make_body(fault, format, &answer->body);
		if (fault->body_kind == BODY_HTML)
			strcpy(answer->content_type, "text/html; charset=utf-8");
	}
	if (strcmp(fault->content_type, "none") == 0)
		answer->content_type[0] = '\0';
	else if (fault->content_type[0] != '\0')
		strcpy(answer->content_type, fault->content_type);
	if (fault->retry_after[0] != '\0')
		answer_header(answer, "Retry-After", fault->retry_after);
	if (fault->location[0] != '\0')
		answer_header(answer, "Location", fault->location);
	json_object_foreach(fault->headers, name, value)
		answer_header(answer, name, json_string_value(value));
}
