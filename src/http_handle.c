/*-------------------------------------------------------------------------
 *
 * http_handle.c
 *	  An easy handle of libcurl's, and how it opens connections.
 *
 * libcurl looks up names in a thread of its own.  To clean up a handle while
 * that thread runs, many versions of libcurl join it, which takes as long as
 * the name servers do not answer.  Such a handle is abandoned instead: it is
 * stripped of everything of ours and stays in the multi handle, is not
 * allowed a socket once the name is known, and so ends by itself.
 *
 * A handle counts as one external file descriptor while it has an easy
 * handle.  What libcurl really opens and closes cannot be counted, since
 * CURLOPT_CLOSESOCKETFUNCTION is not called for every socket.
 *
 * Floor 2: of http.c only.
 *
 * IDENTIFICATION
 *	  src/http_handle.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <fcntl.h>
#include <sys/socket.h>

#include "storage/fd.h"

#include "http_handle.h"
#include "secret.h"

/* Milliseconds that an abandoned lookup may take: as good as for ever. */
#define NO_TIME_LIMIT (24L * 60 * 60 * 1000)

/*
 * Callbacks of libcurl.
 */

/*
 * CURLOPT_RESOLVER_START_FUNCTION.  The thread that looks up the name inherits
 * the registers, and with them what was copied last: parts of a token.  Where
 * it has the dynamic linker look for a function, they get onto its stack, which
 * the C library keeps for the next thread.
 */
static int
resolver_starts(void *resolver, void *reserved, void *arg)
{
	JoorHttpHandle *handle = arg;

	(void) resolver;
	(void) reserved;
	joor_secret_forget_registers();
	handle->resolving = true;
	return 0;
}

/*
 * CURLOPT_OPENSOCKETFUNCTION.  When a connection that was used before breaks
 * without an answer, libcurl would send the request again on a new one: a
 * second call, which nobody counts.  It gets no socket for that.
 */
static curl_socket_t
open_socket(void *arg, curlsocktype purpose, struct curl_sockaddr *address)
{
	JoorHttpHandle *handle = arg;
	curl_socket_t	fd;
	long			sent = 0;

	(void) purpose;
	handle->resolving = false;
	curl_easy_getinfo(handle->easy, CURLINFO_REQUEST_SIZE, &sent);
	if (sent > 0)
	{
		handle->broken = true;
		return CURL_SOCKET_BAD;
	}
	fd = socket(address->family, address->socktype, address->protocol);
	if (fd != CURL_SOCKET_BAD)
		(void) fcntl(fd, F_SETFD, FD_CLOEXEC); /* COPY ... PROGRAM forks */
	return fd;
}

/* Likewise, of an abandoned handle. */
static curl_socket_t
refuse_socket(void *arg, curlsocktype purpose, struct curl_sockaddr *address)
{
	(void) arg;
	(void) purpose;
	(void) address;
	return CURL_SOCKET_BAD;
}

/* CURLOPT_WRITEFUNCTION and _HEADERFUNCTION of an abandoned handle. */
static size_t
refuse_data(char *data, size_t size, size_t count, void *arg)
{
	(void) data;
	(void) size;
	(void) count;
	(void) arg;
	return 0;
}

/*
 * Life of a handle.
 */

void
joor_http_require(CURLcode code)
{
	if (code == CURLE_OUT_OF_MEMORY)
		ereport(ERROR,
				(errcode(ERRCODE_OUT_OF_MEMORY), errmsg("out of memory")));
	if (code != CURLE_OK)
		ereport(ERROR, (errcode(ERRCODE_FDW_ERROR),
						errmsg("could not prepare an HTTP request"),
						errdetail_internal("%s", curl_easy_strerror(code))));
}

void
joor_http_handle_create(JoorHttpHandle *handle)
{
	CURL *easy;

	if (!AcquireExternalFD())
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_RESOURCES),
				 errmsg("could not open a connection"),
				 errdetail("There are too many open files on the local "
						   "server."),
				 errhint("Raise the server's max_files_per_process and/or "
						 "\"ulimit -n\" limits.")));
	easy = curl_easy_init();
	if (easy == NULL)
	{
		ReleaseExternalFD();
		joor_http_require(CURLE_OUT_OF_MEMORY);
	}
	handle->easy = easy;
	joor_http_require(curl_easy_setopt(easy, CURLOPT_PRIVATE, handle));
	joor_http_require(
		curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, handle->error));
	joor_http_require(curl_easy_setopt(easy, CURLOPT_RESOLVER_START_FUNCTION,
									   resolver_starts));
	joor_http_require(
		curl_easy_setopt(easy, CURLOPT_RESOLVER_START_DATA, handle));
	joor_http_require(
		curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, open_socket));
	joor_http_require(curl_easy_setopt(easy, CURLOPT_OPENSOCKETDATA, handle));
}

void
joor_http_handle_abandon(JoorHttpHandle *handle)
{
	CURL *easy = handle->easy;

	handle->easy = NULL;
	ReleaseExternalFD();
	curl_easy_setopt(easy, CURLOPT_PRIVATE, NULL);
	curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, NULL);
	curl_easy_setopt(easy, CURLOPT_RESOLVER_START_FUNCTION, NULL);
	curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, refuse_socket);
	curl_easy_setopt(easy, CURLOPT_POSTFIELDS, NULL);
	curl_easy_setopt(easy, CURLOPT_HTTPGET, 1L);
	curl_easy_setopt(easy, CURLOPT_HTTPHEADER, NULL);
	curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, refuse_data);
	curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, refuse_data);
	curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, 0L);
	curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, NO_TIME_LIMIT);
}
