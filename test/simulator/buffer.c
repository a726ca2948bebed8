/*-------------------------------------------------------------------------
 *
 * buffer.c
 *	  Bytes that grow at their end, and how texts are written into them.
 *
 * IDENTIFICATION
 *	  test/simulator/buffer.c
 *
 *-------------------------------------------------------------------------
 */
#include "buffer.h"
#include "encoding.h"
#include "memory.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void
buffer_reserve(Buffer *buffer, size_t more)
{
	size_t wanted = buffer->length + more;

	if (wanted <= buffer->capacity)
		return;
	if (wanted < buffer->capacity * 2)
		wanted = buffer->capacity * 2;
	if (wanted < 256)
		wanted = 256;
	buffer->data = must_realloc(buffer->data, wanted);
	buffer->capacity = wanted;
}

void
buffer_append(Buffer *buffer, const void *data, size_t length)
{
	if (length == 0)
		return;
	buffer_reserve(buffer, length);
	memcpy(buffer->data + buffer->length, data, length);
	buffer->length += length;
}

void
buffer_repeat(Buffer *buffer, const char *text, size_t times)
{
	size_t length = strlen(text);

	buffer_reserve(buffer, length * times);
	while (times-- > 0)
		buffer_append(buffer, text, length);
}

void
buffer_text(Buffer *buffer, const char *text)
{
	buffer_append(buffer, text, strlen(text));
}

void
buffer_byte(Buffer *buffer, char byte)
{
	buffer_append(buffer, &byte, 1);
}

void
buffer_integer(Buffer *buffer, int64_t number)
{
	char text[32];

	snprintf(text, sizeof(text), "%lld", (long long) number);
	buffer_text(buffer, text);
}

void
buffer_format(Buffer *buffer, const char *format, ...)
{
	va_list arguments;
	int		length;

	va_start(arguments, format);
	length = vsnprintf(NULL, 0, format, arguments);
	va_end(arguments);

	buffer_reserve(buffer, (size_t) length + 1);
	va_start(arguments, format);
	vsnprintf(buffer->data + buffer->length, (size_t) length + 1, format,
			  arguments);
	va_end(arguments);
	buffer->length += (size_t) length;
}

void
buffer_json(Buffer *buffer, const char *text)
{
	unsigned char highest;

	if (text == NULL)
	{
		buffer_text(buffer, "null");
		return;
	}

	/* What is not UTF-8 is shown byte by byte, as if it were Latin-1. */
	highest = utf8_valid(text, strlen(text)) ? 0xff : 0x7f;
	buffer_byte(buffer, '"');
	while (*text != '\0')
	{
		size_t plain = 0;

		while ((unsigned char) text[plain] >= 0x20 &&
			   (unsigned char) text[plain] <= highest && text[plain] != '"' &&
			   text[plain] != '\\')
			plain++;
		buffer_append(buffer, text, plain);
		text += plain;
		if (*text == '\0')
			break;
		if (*text == '"' || *text == '\\')
			buffer_format(buffer, "\\%c", *text);
		else
			buffer_format(buffer, "\\u%04x", (unsigned) (unsigned char) *text);
		text++;
	}
	buffer_byte(buffer, '"');
}

void
buffer_json_name(Buffer *buffer, const char *name)
{
	char last = buffer->length ? buffer->data[buffer->length - 1] : '{';

	if (last != '{' && last != '[')
		buffer_byte(buffer, ',');
	buffer_json(buffer, name);
	buffer_byte(buffer, ':');
}

void
buffer_json_text(Buffer *buffer, const char *name, const char *text)
{
	buffer_json_name(buffer, name);
	buffer_json(buffer, text);
}

void
buffer_json_integer(Buffer *buffer, const char *name, int64_t number)
{
	buffer_json_name(buffer, name);
	buffer_integer(buffer, number);
}

void
buffer_json_boolean(Buffer *buffer, const char *name, int value)
{
	buffer_json_name(buffer, name);
	buffer_text(buffer, value ? "true" : "false");
}

void
buffer_xml(Buffer *buffer, const char *text)
{
	for (; *text != '\0'; text++)
	{
		switch (*text)
		{
			case '&':
				buffer_text(buffer, "&amp;");
				break;
			case '<':
				buffer_text(buffer, "&lt;");
				break;
			case '>':
				buffer_text(buffer, "&gt;");
				break;
			case '\r':
				buffer_text(buffer, "&#13;");
				break;
			default:
				if ((unsigned char) *text < 0x20 && *text != '\n' &&
					*text != '\t')
					buffer_byte(buffer, '?');
				else
					buffer_byte(buffer, *text);
		}
	}
}

void
buffer_copy_field(Buffer *buffer, const char *text)
{
	if (text == NULL)
	{
		buffer_text(buffer, "\\N");
		return;
	}
	for (; *text != '\0'; text++)
	{
		switch (*text)
		{
			case '\\':
				buffer_text(buffer, "\\\\");
				break;
			case '\t':
				buffer_text(buffer, "\\t");
				break;
			case '\n':
				buffer_text(buffer, "\\n");
				break;
			case '\r':
				buffer_text(buffer, "\\r");
				break;
			default:
				buffer_byte(buffer, *text);
		}
	}
}

char *
buffer_terminate(Buffer *buffer)
{
	buffer_reserve(buffer, 1);
	buffer->data[buffer->length] = '\0';
	return buffer->data;
}

void
buffer_free(Buffer *buffer)
{
	free(buffer->data);
	memset(buffer, 0, sizeof(*buffer));
}
