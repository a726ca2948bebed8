/*-------------------------------------------------------------------------
 *
 * http_request.c
 *	  The options of libcurl that make a request.
 *
 * Floor 2: of http.c only.
 *
 * IDENTIFICATION
 *	  src/http_request.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "http_multi.h"
#include "http_request.h"

#ifndef JOOR_INVENTORY_VERSION
#error "the Makefile defines JOOR_INVENTORY_VERSION"
#endif

/* Options that are the same for every transfer. */
static const struct
{
	CURLoption option;
	long	   value;
} fixed_options[] = {
	{CURLOPT_NOSIGNAL, 1},
	{CURLOPT_HTTP_VERSION, CURL_HTTP_VERSION_1_1},
	{CURLOPT_FOLLOWLOCATION, 0},
	{CURLOPT_NETRC, CURL_NETRC_IGNORED},
	{CURLOPT_DISALLOW_USERNAME_IN_URL, 1},
	{CURLOPT_PATH_AS_IS, 1},
	{CURLOPT_SSL_VERIFYPEER, 1},
	{CURLOPT_SSL_VERIFYHOST, 2},
	{CURLOPT_SSLVERSION, CURL_SSLVERSION_TLSv1_2},
	{CURLOPT_TCP_NODELAY, 1},
	{CURLOPT_TCP_KEEPALIVE, 1},
	{CURLOPT_MAXAGE_CONN, 30}, /* servers close idle ones after a minute */
};

/* Sets an option unless an earlier one has failed. */
#define SET_OPTION(handle, option, value)                                     \
	do                                                                        \
	{                                                                         \
		if ((handle)->code == CURLE_OK)                                       \
			(handle)->code = curl_easy_setopt((handle)->easy, option, value); \
	} while (0)

/*
 * Adds a header line; "Name:" without a value keeps libcurl from sending its
 * own.  Whoever made the value has checked it; here it is only made sure that
 * it cannot end the line.
 */
static void
add_header(JoorHttpHandle *handle, const char *name, const char *value)
{
	Size			   size = strlen(name) + strlen(value) + sizeof(": ");
	struct curl_slist *longer;
	char			  *line;

	if (strpbrk(value, "\r\n") != NULL)
		elog(ERROR, "value of HTTP header %s has a line end", name);
	line = palloc(size);
	snprintf(line, size, "%s:%s%s", name, value[0] != '\0' ? " " : "", value);
	longer = curl_slist_append(handle->headers, line);
	explicit_bzero(line, size); /* it may hold a token */
	pfree(line);
	if (longer == NULL)
		joor_http_require(CURLE_OUT_OF_MEMORY);
	handle->headers = longer;
}

static void
set_headers(JoorHttpHandle *handle, const JoorHttpRequest *request)
{
	if (request->authorization != NULL)
		add_header(handle, "Authorization", request->authorization);
	if (request->accept != NULL)
		add_header(handle, "Accept", request->accept);
	add_header(handle, "Content-Type",
			   request->content_type ? request->content_type : "");
	add_header(handle, "Expect", "");
	SET_OPTION(handle, CURLOPT_HTTPHEADER, handle->headers);
}

/*
 * POST and PUT go the same way, so that the length is sent with any body, an
 * empty one included; CURLOPT_UPLOAD would send a PUT in chunks.
 */
static void
set_method(JoorHttpHandle *handle, const JoorHttpRequest *request)
{
	if (strcmp(request->method, "GET") == 0)
	{
		SET_OPTION(handle, CURLOPT_HTTPGET, 1L);
		return;
	}
	Assert(strcmp(request->method, "POST") == 0 ||
		   strcmp(request->method, "PUT") == 0);
	SET_OPTION(handle, CURLOPT_POSTFIELDSIZE_LARGE,
			   (curl_off_t) (request->body ? request->body_length : 0));
	SET_OPTION(handle, CURLOPT_POSTFIELDS, request->body ? request->body : "");
	SET_OPTION(handle, CURLOPT_CUSTOMREQUEST, request->method);
}

/* The system's certificates are a file, a folder, or both. */
static void
set_trust(JoorHttpHandle *handle, const JoorHttpRequest *request)
{
	if (request->ca_file == NULL)
		return;
	SET_OPTION(handle, CURLOPT_CAINFO, request->ca_file);
	SET_OPTION(handle, CURLOPT_CAPATH, NULL);
}

static void
set_options(JoorHttpHandle *handle, const JoorHttpRequest *request)
{
	Size i;

	for (i = 0; i < lengthof(fixed_options); i++)
		SET_OPTION(handle, fixed_options[i].option, fixed_options[i].value);
	SET_OPTION(handle, JOOR_CURLOPT_PROTOCOLS,
			   joor_http_is_loopback(request->url) ? JOOR_CURL_HTTP_OR_HTTPS
												   : JOOR_CURL_HTTPS);
	SET_OPTION(handle, CURLOPT_URL, request->url);
	SET_OPTION(handle, CURLOPT_PROXY, "");
	SET_OPTION(handle, CURLOPT_USERAGENT,
			   "joor_inventory/" JOOR_INVENTORY_VERSION);
	SET_OPTION(handle, CURLOPT_CONNECTTIMEOUT_MS,
			   (long) request->connect_timeout);
	SET_OPTION(handle, CURLOPT_TIMEOUT_MS, (long) request->timeout);
}

void
joor_http_set_request(JoorHttpHandle *handle, const JoorHttpRequest *request)
{
	Assert(request->connect_timeout > 0 && request->timeout > 0);
	handle->resolve_deadline =
		joor_http_clock() +
		(int64) Min(request->connect_timeout, request->timeout) * 1000;
	set_options(handle, request);
	set_trust(handle, request);
	set_headers(handle, request);
	set_method(handle, request);
	joor_http_require(handle->code);
}
