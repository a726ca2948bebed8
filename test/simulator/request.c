/*-------------------------------------------------------------------------
 *
 * request.c
 *	  What a call asks for: its first line and its headers.
 *
 * libmicrohttpd would decode the address before it is taken apart, and so
 * could not tell a style number with a slash from two segments: the address
 * is read as it came on the wire.
 *
 * IDENTIFICATION
 *	  test/simulator/request.c
 *
 *-------------------------------------------------------------------------
 */
#include "request.h"
#include "encoding.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define BASE "/v2/"

const char *const operation_names[] = {"none", "bulk", "sku", "read", NULL};

/* NULL when it is not well encoded; the request is then broken. */
static const char *
decode(Request *request, const char *text, size_t length, bool in_query)
{
	Buffer		decoded = {0};
	const char *copy = NULL;

	if (percent_decode(&decoded, text, length, in_query))
		copy = arena_copy(&request->arena, decoded.data, decoded.length);
	else
		request->broken = "percent_encoding";
	buffer_free(&decoded);
	return copy;
}

static void
add_parameter(Request *request, const char *text, size_t length)
{
	const char *equals = memchr(text, '=', length);
	size_t		name_length = equals ? (size_t) (equals - text) : length;
	Parameter  *parameter;

	request->parameters =
		array_grow(request->parameters, request->parameter_count,
				   &request->parameter_capacity, sizeof(Parameter));
	parameter = &request->parameters[request->parameter_count];
	parameter->name = decode(request, text, name_length, true);
	parameter->value = "";
	if (equals != NULL)
		parameter->value =
			decode(request, equals + 1, length - name_length - 1, true);
	if (parameter->name == NULL || parameter->value == NULL)
		return;
	if (request_parameter(request, parameter->name) != NULL)
		request->broken = "query_twice";
	request->parameter_count++;
}

static void
read_query(Request *request)
{
	const char *rest = request->query;

	while (rest != NULL && *rest != '\0')
	{
		size_t length = strcspn(rest, "&");

		add_parameter(request, rest, length);
		rest += length + (rest[length] == '&');
	}
}

/* style-number/{style_number}/{style_identifier}/inventory/ */
static void
read_sku_path(Request *request, const char *path)
{
	const char *first = path + strlen("style-number/");
	const char *second = strchr(first, '/');
	const char *third = second ? strchr(second + 1, '/') : NULL;

	if (third == NULL || strncmp(third, "/inventory", 10) != 0 ||
		(third[10] != '\0' && strcmp(third + 10, "/") != 0))
		return;
	request->operation = OPERATION_SKU;
	if (third[10] == '\0')
		request->broken = "trailing_slash";
	request->style_number =
		decode(request, first, (size_t) (second - first), false);
	request->style_identifier =
		decode(request, second + 1, (size_t) (third - second - 1), false);
}

void
request_begin(Request *request, const char *uri)
{
	size_t		length = strcspn(uri, "?");
	const char *path;

	request->path = arena_copy(&request->arena, uri, length);
	if (uri[length] == '?')
		request->query = arena_copy(&request->arena, uri + length + 1,
									strlen(uri + length + 1));
	read_query(request);

	if (strncmp(request->path, BASE, strlen(BASE)) != 0)
		return;
	path = request->path + strlen(BASE);
	if (strcmp(path, "bulk-inventory") == 0)
		request->operation = OPERATION_BULK;
	else if (strcmp(path, "style") == 0)
		request->operation = OPERATION_READ;
	else if (strncmp(path, "style-number/", 13) == 0)
		read_sku_path(request, path);
}

/* The media type, with any parameters but a charset that is not UTF-8. */
static Format
read_format(const char *text)
{
	size_t		length = text ? strcspn(text, " \t;") : 0;
	const char *charset = text ? strcasestr(text, "charset=") : NULL;

	if (charset != NULL && strcasecmp(charset + 8, "utf-8") != 0 &&
		strcasecmp(charset + 8, "\"utf-8\"") != 0)
		return FORMAT_NONE;
	for (int format = FORMAT_XML; format <= FORMAT_JSON; format++)
	{
		if (length == strlen(format_types[format]) &&
			strncasecmp(text, format_types[format], length) == 0)
			return (Format) format;
	}
	return FORMAT_NONE;
}

/* Where the value of a header belongs; NULL: nowhere. */
static const char **
header_member(Request *request, const char *name)
{
	struct
	{
		const char	*name;
		const char **member;
	} members[] = {
		{"Authorization", &request->authorization},
		{"Content-Type", &request->content_type},
		{"Content-Length", &request->content_length},
		{"Accept", &request->accept},
		{"User-Agent", &request->user_agent},
		{"Expect", &request->expect},
		{"Transfer-Encoding", &request->transfer_encoding},
	};

	for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++)
	{
		if (strcasecmp(members[i].name, name) == 0)
			return members[i].member;
	}
	return NULL;
}

static enum MHD_Result
read_header(void *user, enum MHD_ValueKind kind, const char *name,
			const char *value)
{
	Request		*request = user;
	const char **member = header_member(request, name);

	(void) kind;
	if (member == NULL)
		return MHD_YES;
	if (value == NULL)
		value = "";
	if (*member != NULL)
		request->header_twice = arena_copy(&request->arena, name, strlen(name));
	*member = arena_copy(&request->arena, value, strlen(value));
	return MHD_YES;
}

void
request_headers(Request *request, struct MHD_Connection *connection,
				const char *method)
{
	request->method = arena_copy(&request->arena, method, strlen(method));
	MHD_get_connection_values(connection, MHD_HEADER_KIND, read_header,
							  request);
	request->content_format = read_format(request->content_type);
	request->accept_format = read_format(request->accept);
}

const char *
request_parameter(const Request *request, const char *name)
{
	for (size_t i = 0; i < request->parameter_count; i++)
	{
		if (strcmp(request->parameters[i].name, name) == 0)
			return request->parameters[i].value;
	}
	return NULL;
}

void
request_free(Request *request)
{
	free(request->parameters);
	arena_clear(&request->arena);
}
