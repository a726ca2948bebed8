/*-------------------------------------------------------------------------
 *
 * http_url.c
 *	  Addresses: what may go into one, and where one leads.
 *
 * Floor 2: of http.h.
 *
 * IDENTIFICATION
 *	  src/http_url.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include "http.h"

void
joor_http_append_encoded(StringInfo out, const char *data, Size length)
{
	static const char unreserved[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
									 "abcdefghijklmnopqrstuvwxyz"
									 "0123456789-._~";
	Size			  i;

	for (i = 0; i < length; i++)
	{
		if (data[i] != '\0' && strchr(unreserved, data[i]) != NULL)
			appendStringInfoChar(out, data[i]);
		else
			appendStringInfo(out, "%%%02X", (unsigned char) data[i]);
	}
}

static bool
is_loopback_host(const char *host)
{
	struct in_addr	v4;
	struct in6_addr v6;
	char			text[INET6_ADDRSTRLEN];
	Size			length = strlen(host);

	if (pg_strcasecmp(host, "localhost") == 0)
		return true;
	if (inet_pton(AF_INET, host, &v4) == 1)
		return ntohl(v4.s_addr) >> 24 == 127;
	/* libcurl leaves the brackets around an IPv6 address. */
	if (length < 2 || length - 2 >= sizeof(text) || host[0] != '[' ||
		host[length - 1] != ']')
		return false;
	memcpy(text, host + 1, length - 2);
	text[length - 2] = '\0';
	return inet_pton(AF_INET6, text, &v6) == 1 && IN6_IS_ADDR_LOOPBACK(&v6);
}

bool
joor_http_is_loopback(const char *url)
{
	CURLU *parsed = curl_url();
	char  *host = NULL;
	bool   loopback = false;

	if (parsed == NULL)
		return false;
	if (curl_url_set(parsed, CURLUPART_URL, url, 0) == CURLUE_OK &&
		curl_url_get(parsed, CURLUPART_HOST, &host, 0) == CURLUE_OK)
		loopback = is_loopback_host(host);
	curl_free(host);
	curl_url_cleanup(parsed);
	return loopback;
}
