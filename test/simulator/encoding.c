/*-------------------------------------------------------------------------
 *
 * encoding.c
 *	  UTF-8, Base64 and percent-encoding.
 *
 * IDENTIFICATION
 *	  test/simulator/encoding.c
 *
 *-------------------------------------------------------------------------
 */
#include "encoding.h"

#include <stdint.h>
#include <string.h>

static const char base64_alphabet[] =
	"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/* Length of the character at text, 0 when it is none. */
static size_t
utf8_character(const unsigned char *text, size_t left)
{
	unsigned char first = text[0];
	unsigned char low = 0x80;
	unsigned char high = 0xbf;
	size_t		  length;

	if (first < 0x80)
		return first == 0 ? 0 : 1;
	if (first >= 0xc2 && first <= 0xdf)
		length = 2;
	else if (first >= 0xe0 && first <= 0xef)
		length = 3;
	else if (first >= 0xf0 && first <= 0xf4)
		length = 4;
	else
		return 0;
	if (length > left)
		return 0;

	/* No overlong form, no surrogate, nothing above U+10FFFF. */
	if (first == 0xe0)
		low = 0xa0;
	else if (first == 0xed)
		high = 0x9f;
	else if (first == 0xf0)
		low = 0x90;
	else if (first == 0xf4)
		high = 0x8f;
	if (text[1] < low || text[1] > high)
		return 0;
	for (size_t i = 2; i < length; i++)
	{
		if ((text[i] & 0xc0) != 0x80)
			return 0;
	}
	return length;
}

bool
utf8_valid(const char *text, size_t length)
{
	size_t at = 0;

	while (at < length)
	{
		size_t step =
			utf8_character((const unsigned char *) text + at, length - at);

		if (step == 0)
			return false;
		at += step;
	}
	return true;
}

size_t
utf8_length(const char *text)
{
	size_t characters = 0;

	for (; *text != '\0'; text++)
	{
		if (((unsigned char) *text & 0xc0) != 0x80)
			characters++;
	}
	return characters;
}

void
base64_encode(Buffer *out, const char *data, size_t length)
{
	const unsigned char *bytes = (const unsigned char *) data;

	for (size_t i = 0; i < length; i += 3)
	{
		uint32_t group = (uint32_t) bytes[i] << 16;

		if (i + 1 < length)
			group |= (uint32_t) bytes[i + 1] << 8;
		if (i + 2 < length)
			group |= bytes[i + 2];
		buffer_byte(out, base64_alphabet[group >> 18]);
		buffer_byte(out, base64_alphabet[(group >> 12) & 63]);
		buffer_byte(out,
					i + 1 < length ? base64_alphabet[(group >> 6) & 63] : '=');
		buffer_byte(out, i + 2 < length ? base64_alphabet[group & 63] : '=');
	}
}

bool
base64_decode(Buffer *out, const char *text)
{
	size_t length = strlen(text);
	size_t padding = 0;

	if (length % 4 != 0)
		return false;
	while (padding < 2 && padding < length && text[length - 1 - padding] == '=')
		padding++;
	for (size_t i = 0; i < length; i += 4)
	{
		uint32_t group = 0;
		size_t	 bytes = i + 4 == length ? 3 - padding : 3;

		for (size_t j = i; j < i + 4; j++)
		{
			const char *digit = NULL;

			if (j < length - padding)
				digit = memchr(base64_alphabet, text[j], 64);
			if (digit == NULL && j < length - padding)
				return false;
			group =
				group << 6 | (digit ? (uint32_t) (digit - base64_alphabet) : 0);
		}
		for (size_t j = 0; j < bytes; j++)
			buffer_byte(out, (char) (group >> (16 - 8 * j)));
	}
	return true;
}

static int
hexadecimal(char digit)
{
	if (digit >= '0' && digit <= '9')
		return digit - '0';
	if (digit >= 'a' && digit <= 'f')
		return digit - 'a' + 10;
	if (digit >= 'A' && digit <= 'F')
		return digit - 'A' + 10;
	return -1;
}

bool
percent_decode(Buffer *out, const char *text, size_t length, bool in_query)
{
	size_t start = out->length;

	for (size_t i = 0; i < length; i++)
	{
		char byte = text[i];

		if (byte == '+' && in_query)
			byte = ' ';
		else if (byte == '%')
		{
			int high = length - i > 2 ? hexadecimal(text[i + 1]) : -1;
			int low = length - i > 2 ? hexadecimal(text[i + 2]) : -1;

			if (high < 0 || low < 0)
				return false;
			byte = (char) (high << 4 | low);
			i += 2;
		}
		buffer_byte(out, byte);
	}
	return utf8_valid(out->data + start, out->length - start);
}
