/*-------------------------------------------------------------------------
 *
 * http_library.c
 *	  Which libcurl this is, and what it can do.
 *
 * Floor 2.
 *
 * IDENTIFICATION
 *	  src/http_library.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <curl/curl.h>

#include "http_library.h"

void
joor_http_library(JoorHttpLibrary *library)
{
	const curl_version_info_data *info = curl_version_info(CURLVERSION_NOW);
	const char *const			 *protocol;

	library->version = info->version;
	library->built = LIBCURL_VERSION;
	library->tls = info->ssl_version;
	library->https = false;
	for (protocol = info->protocols; *protocol != NULL; protocol++)
		if (strcmp(*protocol, "https") == 0)
			library->https = true;
	library->resolves = (info->features & CURL_VERSION_ASYNCHDNS) != 0;
}
