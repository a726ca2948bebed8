/*
 * target_header.c
 *	  The header of an HTTP answer: the first four bytes are the time, the
 *	  others lines, and all of them besides the value of a Retry-After.
 *
 * What is kept is printable ASCII without query strings.
 */
#include "fuzz.h"

#include "http_header.h"

static void
check_text(const char *text, Size size, char also)
{
	const char *c;

	FUZZ_REQUIRE(strnlen(text, size) < size);
	for (c = text; *c != '\0'; c++)
		FUZZ_REQUIRE((*c >= ' ' && *c <= '~' && *c != '?') || *c == also);
}

/* A user name stands between two slashes and an at sign, before the path. */
static bool
has_user_name(const char *location)
{
	const char *authority = strstr(location, "//");

	if (authority == NULL)
		return false;
	authority += 2;
	return authority[strcspn(authority, "/@")] == '@';
}

static void
check_header(const JoorHttpHeader *header)
{
	FUZZ_REQUIRE(header->retry_after >= -1);
	check_text(header->content_type, sizeof(header->content_type), ' ');
	check_text(header->location, sizeof(header->location), ' ');
	check_text(header->throttling, sizeof(header->throttling), '\n');
	FUZZ_REQUIRE(!has_user_name(header->location));
}

void
fuzz_header(const char *data, Size size)
{
	JoorHttpHeader header;
	uint32		   now;
	const char	  *end = data + size;
	char		  *value;

	if (size < sizeof(now))
		return;
	memcpy(&now, data, sizeof(now));
	data += sizeof(now);
	joor_http_header_init(&header);
	value = pnstrdup(data, end - data);
	FUZZ_REQUIRE(joor_http_retry_after(value, now) >= -1);
	while (data < end)
	{
		const char *newline = memchr(data, '\n', end - data);
		Size		length = newline == NULL ? end - data : newline + 1 - data;
		char	   *line = palloc(length);

		/* A block of its own, so that a byte too many is seen. */
		memcpy(line, data, length);
		joor_http_header_line(&header, line, length, now);
		check_header(&header);
		data += length;
	}
}
