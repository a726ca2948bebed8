/*-------------------------------------------------------------------------
 *
 * http_header.c
 *	  What is kept of the header of an HTTP answer.
 *
 * The lines come from outside and are read where no error may be thrown, so
 * everything here is a copy into a buffer of fixed size.
 *
 * Floor 2: knows no libcurl, and nothing of the backend.
 *
 * IDENTIFICATION
 *	  src/http_header.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "http_header.h"

#define THROTTLING_PREFIX "X-Throttling-"

#define SECONDS_PER_DAY ((int64) 86400)

void
joor_http_header_init(JoorHttpHeader *header)
{
	header->complete = false;
	header->retry_after = -1;
	header->content_type[0] = '\0';
	header->location[0] = '\0';
	header->throttling[0] = '\0';
}

static bool
is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* What stands before the end of a query string in running text. */
static bool
ends_query(char c)
{
	return is_blank(c) || c == '\'' || c == '"';
}

void
joor_http_copy_printable(char *target, Size size, const char *text, Size length)
{
	Size used = 0;
	bool skipping = false;
	Size i;

	for (i = 0; i < length && used + 1 < size; i++)
	{
		if (text[i] == '?')
			skipping = true;
		else if (ends_query(text[i]))
			skipping = false;
		if (!skipping)
			target[used++] = text[i] >= ' ' && text[i] <= '~' ? text[i] : '.';
	}
	target[used] = '\0';
}

/* A field's value without the blanks around it. */
static void
trim(const char **value, Size *length)
{
	while (*length > 0 && is_blank((*value)[0]))
	{
		(*value)++;
		(*length)--;
	}
	while (*length > 0 && is_blank((*value)[*length - 1]))
		(*length)--;
}

/* Seconds since 1970 of a date of the Gregorian calendar, at midnight. */
static int64
date_seconds(int year, int month, int day)
{
	/* Years that begin in March have the leap day at their end. */
	int64 y = year - (month <= 2);
	int64 day_of_year =
		(153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;

	return (y * 365 + y / 4 - y / 100 + y / 400 + day_of_year - 719468) *
		   SECONDS_PER_DAY;
}

/* 1 to 12; 0: no month. */
static int
month_number(const char *name)
{
	static const char *const names[] = {"Jan", "Feb", "Mar", "Apr",
										"May", "Jun", "Jul", "Aug",
										"Sep", "Oct", "Nov", "Dec"};
	Size					 i;

	for (i = 0; i < lengthof(names); i++)
		if (strcmp(name, names[i]) == 0)
			return (int) i + 1;
	return 0;
}

/* The date formats of RFC 9110 5.6.7, the two obsolete ones included. */
static bool
parse_date(const char *value, int64 *seconds)
{
	char name[4];
	int	 year, day, hour, minute, second;
	int	 month;
	int	 end = 0;

	if (sscanf(value, "%*3[A-Za-z], %2d %3s %4d %2d:%2d:%2d GMT%n", &day, name,
			   &year, &hour, &minute, &second, &end) == 6 &&
		end > 0)
		/* IMF-fixdate */;
	else if (sscanf(value, "%*9[A-Za-z], %2d-%3[A-Za-z]-%2d %2d:%2d:%2d GMT%n",
					&day, name, &year, &hour, &minute, &second, &end) == 6 &&
			 end > 0)
		year += year < 70 ? 2000 : 1900; /* RFC 850 */
	else if (sscanf(value, "%*3[A-Za-z] %3s %2d %2d:%2d:%2d %4d%n", name, &day,
					&hour, &minute, &second, &year, &end) != 6) /* asctime */
		return false;
	month = month_number(name);
	if (end == 0 || value[end] != '\0' || month == 0 || day < 1 || day > 31 ||
		year < 1970 || hour < 0 || hour > 23 || minute < 0 || minute > 59 ||
		second < 0 || second > 60)
		return false;
	*seconds =
		date_seconds(year, month, day) + hour * 3600 + minute * 60 + second;
	return true;
}

int
joor_http_retry_after(const char *value, int64 now)
{
	Size  digits = strspn(value, "0123456789");
	int64 seconds;

	if (digits > 0 && value[digits] == '\0')
		return digits > 9 ? PG_INT32_MAX : (int) strtol(value, NULL, 10);
	if (!parse_date(value, &seconds))
		return -1;
	return (int) Max(0, Min(seconds - now, PG_INT32_MAX));
}

static void
take_retry_after(JoorHttpHeader *header, const char *value, Size length,
				 int64 now)
{
	char text[40]; /* the longest date has 33 bytes */

	if (header->retry_after >= 0 || length >= sizeof(text))
		return;
	joor_http_copy_printable(text, sizeof(text), value, length);
	header->retry_after = joor_http_retry_after(text, now);
}

/*
 * An address without user name, query string and fragment: these may hold
 * what nobody wants in a log.
 */
static void
take_location(JoorHttpHeader *header, const char *value, Size length)
{
	Size start = 0; /* of the authority */
	Size end;		/* of the path */
	Size slash;
	Size i;
	Size used;

	if (header->location[0] != '\0')
		return;
	for (end = 0; end < length && value[end] != '?' && value[end] != '#'; end++)
		;
	for (i = 0; i + 1 < end && start == 0; i++)
		if (value[i] == '/' && value[i + 1] == '/')
			start = i + 2;
	if (start > 0)
	{
		for (slash = start; slash < end && value[slash] != '/'; slash++)
			;
		joor_http_copy_printable(header->location, sizeof(header->location),
								 value, start);
		for (i = slash; i > start; i--)
			if (value[i - 1] == '@')
				break;
		start = i;
	}
	used = strlen(header->location);
	joor_http_copy_printable(header->location + used,
							 sizeof(header->location) - used, value + start,
							 end - start);
}

static void
add_throttling(JoorHttpHeader *header, const char *line, Size length)
{
	Size used = strlen(header->throttling);
	Size separator = used > 0 ? 1 : 0;

	if (used + separator + length >= sizeof(header->throttling))
		return;
	if (separator > 0)
		header->throttling[used++] = '\n';
	joor_http_copy_printable(header->throttling + used,
							 sizeof(header->throttling) - used, line, length);
}

static bool
is_field(const char *line, Size length, const char *name)
{
	return length == strlen(name) && pg_strncasecmp(line, name, length) == 0;
}

void
joor_http_header_line(JoorHttpHeader *header, const char *line, Size length,
					  int64 now)
{
	const char *colon = memchr(line, ':', length);
	const char *value;
	Size		name_length;
	Size		value_length;

	if (length >= 5 && memcmp(line, "HTTP/", 5) == 0)
	{
		joor_http_header_init(header);
		return;
	}
	if (length > 0 && (line[0] == '\r' || line[0] == '\n'))
		header->complete = true;
	if (colon == NULL)
		return;
	name_length = colon - line;
	value = colon + 1;
	value_length = length - name_length - 1;
	trim(&value, &value_length);

	if (is_field(line, name_length, "Retry-After"))
		take_retry_after(header, value, value_length, now);
	else if (is_field(line, name_length, "Location"))
		take_location(header, value, value_length);
	else if (is_field(line, name_length, "Content-Type"))
	{
		if (header->content_type[0] == '\0')
			joor_http_copy_printable(header->content_type,
									 sizeof(header->content_type), value,
									 value_length);
	}
	else if (name_length > strlen(THROTTLING_PREFIX) &&
			 pg_strncasecmp(line, THROTTLING_PREFIX,
							strlen(THROTTLING_PREFIX)) == 0)
		add_throttling(header, line, value + value_length - line);
}
