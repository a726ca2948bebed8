/*-------------------------------------------------------------------------
 *
 * http.c
 *	  HTTP transfers that never hold up the backend.
 *
 * A transfer has a memory context of its own below the caller's, whose
 * deletion, by joor_http_end() or by whatever deletes the caller's, ends the
 * handle of libcurl's that belongs to it.  The answer's body grows in the
 * caller's context from the start, so that it need not be copied.
 *
 * The callbacks here run inside of libcurl: what goes wrong in them sets a
 * flag and ends the transfer, and is told by joor_http_end().
 *
 * Floor 2: knows neither JOOR nor tables.
 *
 * IDENTIFICATION
 *	  src/http.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <time.h>

#include "miscadmin.h"
#include "utils/memutils.h"

#include "http.h"
#include "http_header.h"
#include "http_multi.h"
#include "http_request.h"

struct JoorHttpTransfer
{
	MemoryContext  context; /* its own */
	MemoryContext  owner;	/* where the answer goes */
	JoorHttpHandle handle;
	JoorHttpHeader header;
	StringInfoData body;	  /* in owner; data is NULL before the first byte */
	bool		   encrypted; /* the URL's scheme is https */
	bool		   too_large; /* the answer exceeds its cap */
	bool		   no_memory; /* there was none for it */
	int64		   started_at; /* joor_http_clock() */
	MemoryContextCallback callback;
};

/*
 * Callbacks of libcurl.
 */

/* Makes room for `more` bytes and a NUL; false: out of memory. */
static bool
enlarge_body(JoorHttpTransfer *transfer, Size more)
{
	StringInfo body = &transfer->body;
	Size	   needed = (Size) body->len + more + 1;
	Size	   size;
	char	  *data;

	if (needed <= (Size) body->maxlen)
		return true;
	size = Max(needed, Max(1024, (Size) body->maxlen * 2));
	data = MemoryContextAllocExtended(transfer->owner, size, MCXT_ALLOC_NO_OOM);
	if (data == NULL)
		return false;
	if (body->data != NULL)
	{
		memcpy(data, body->data, body->len);
		pfree(body->data);
	}
	body->data = data;
	body->maxlen = (int) size;
	return true;
}

/* CURLOPT_WRITEFUNCTION; any other result than the length is an error. */
static size_t
receive_body(char *data, size_t size, size_t count, void *arg)
{
	JoorHttpTransfer *transfer = arg;
	Size			  length = size * count;

	if (length > (Size) (JOOR_HTTP_ANSWER_MAX - transfer->body.len))
	{
		transfer->too_large = true;
		return 0;
	}
	if (!enlarge_body(transfer, length))
	{
		transfer->no_memory = true;
		return 0;
	}
	memcpy(transfer->body.data + transfer->body.len, data, length);
	transfer->body.len += (int) length;
	transfer->body.data[transfer->body.len] = '\0';
	return length;
}

/* CURLOPT_HEADERFUNCTION; called for each line. */
static size_t
receive_header(char *data, size_t size, size_t count, void *arg)
{
	JoorHttpTransfer *transfer = arg;

	joor_http_header_line(&transfer->header, data, size * count,
						  (int64) time(NULL));
	return size * count;
}

/*
 * Beginning.
 */

static void
close_transfer(void *arg)
{
	JoorHttpTransfer *transfer = arg;

	joor_http_handle_close(&transfer->handle);
}

static JoorHttpTransfer *
create_transfer(void)
{
	MemoryContext context = AllocSetContextCreate(
		CurrentMemoryContext, "joor_inventory transfer", ALLOCSET_SMALL_SIZES);
	JoorHttpTransfer *transfer =
		MemoryContextAllocZero(context, sizeof(JoorHttpTransfer));

	transfer->context = context;
	transfer->owner = CurrentMemoryContext;
	transfer->started_at = joor_http_clock();
	joor_http_header_init(&transfer->header);
	transfer->callback.func = close_transfer;
	transfer->callback.arg = transfer;
	MemoryContextRegisterResetCallback(context, &transfer->callback);
	joor_http_multi_open();
	joor_http_handle_create(&transfer->handle);
	return transfer;
}

static void
set_callbacks(JoorHttpTransfer *transfer)
{
	CURL *easy = transfer->handle.easy;

	joor_http_require(
		curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, receive_body));
	joor_http_require(curl_easy_setopt(easy, CURLOPT_WRITEDATA, transfer));
	joor_http_require(
		curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, receive_header));
	joor_http_require(curl_easy_setopt(easy, CURLOPT_HEADERDATA, transfer));
}

JoorHttpTransfer *
joor_http_begin(const JoorHttpRequest *request)
{
	JoorHttpTransfer *transfer = create_transfer();

	transfer->encrypted = pg_strncasecmp(request->url, "https:", 6) == 0;
	joor_http_set_request(&transfer->handle, request);
	set_callbacks(transfer);
	joor_http_handle_start(&transfer->handle);
	return transfer;
}

bool
joor_http_finished(const JoorHttpTransfer *transfer)
{
	return transfer->handle.finished;
}

/*
 * Ending.
 */

/*
 * Whether any byte of the request may have reached the peer: the connection
 * was complete, its encryption included, or bytes were handed over.  libcurl
 * sets CURLINFO_PRETRANSFER_TIME only after the first of them, and in recent
 * versions also when there was no connection at all.
 */
static bool
may_have_sent(const JoorHttpTransfer *transfer)
{
	CURL	  *easy = transfer->handle.easy;
	curl_off_t connected = 0;
	long	   sent = 0;

	if (easy == NULL)
		return false; /* its name was never resolved */
	curl_easy_getinfo(easy, CURLINFO_REQUEST_SIZE, &sent);
	curl_easy_getinfo(easy,
					  transfer->encrypted ? CURLINFO_APPCONNECT_TIME_T
										  : CURLINFO_CONNECT_TIME_T,
					  &connected);
	return sent > 0 || connected > 0;
}

/*
 * Whether the peer showed who it is and cannot be trusted, or there is
 * nothing to check it with.  CURLE_SSL_CONNECT_ERROR does not belong here:
 * that is also a connection that broke off during the handshake.
 */
static bool
is_trust_failure(CURLcode code)
{
	switch (code)
	{
		case CURLE_PEER_FAILED_VERIFICATION:
		case CURLE_SSL_CACERT_BADFILE:
		case CURLE_SSL_ISSUER_ERROR:
		case CURLE_SSL_CRL_BADFILE:
		case CURLE_SSL_INVALIDCERTSTATUS:
			return true;
		default:
			return false;
	}
}

static JoorHttpResult
classify(const JoorHttpTransfer *transfer, int status)
{
	CURLcode code = transfer->handle.code;

	/* To libcurl a connection that ends within the header is no error. */
	if (transfer->handle.finished && code == CURLE_OK)
		return status >= 200 ? JOOR_HTTP_ANSWERED : JOOR_HTTP_BROKEN;
	if (transfer->too_large)
		return JOOR_HTTP_TOO_LARGE;
	if (!may_have_sent(transfer))
		return is_trust_failure(code) ? JOOR_HTTP_TLS : JOOR_HTTP_UNREACHED;
	if (code == CURLE_OPERATION_TIMEDOUT)
		return JOOR_HTTP_TIMEOUT;
	return JOOR_HTTP_BROKEN;
}

/* What went wrong; a static text or one of the transfer's. */
static const char *
failure(const JoorHttpTransfer *transfer)
{
	if (!transfer->handle.finished)
		return "Transfer was aborted";
	if (transfer->too_large)
		return "Answer is too large";
	if (transfer->no_memory)
		return "Out of memory for the answer";
	if (transfer->handle.broken)
		return "Connection broke before an answer came";
	if (transfer->handle.code == CURLE_OK)
		return "Connection closed before the answer was complete";
	if (transfer->handle.error[0] != '\0')
		return transfer->handle.error;
	return curl_easy_strerror(transfer->handle.code);
}

static char *
failure_text(const JoorHttpTransfer *transfer)
{
	char		text[CURL_ERROR_SIZE];
	const char *words = failure(transfer);

	joor_http_copy_printable(text, sizeof(text), words, strlen(words));
	return pstrdup(text);
}

static char *
text_or_null(const char *text)
{
	return text[0] != '\0' ? pstrdup(text) : NULL;
}

/* Fills in the answer, in the current memory context. */
static void
fill_answer(JoorHttpAnswer *answer, const JoorHttpTransfer *transfer)
{
	const JoorHttpHandle *handle = &transfer->handle;
	const JoorHttpHeader *header = &transfer->header;
	long				  status = 0;

	/*
	 * An answer whose header broke off is none: some versions of libcurl keep
	 * its status to themselves if the connection was used before.
	 */
	if (handle->easy != NULL && header->complete)
		curl_easy_getinfo(handle->easy, CURLINFO_RESPONSE_CODE, &status);
	answer->result = classify(transfer, (int) status);
	answer->status = (int) status;
	answer->content_type = text_or_null(header->content_type);
	answer->retry_after = header->retry_after;
	answer->throttling = text_or_null(header->throttling);
	if (status >= 300 && status < 400)
		answer->location = text_or_null(header->location);
	if (answer->result != JOOR_HTTP_ANSWERED)
		answer->error = failure_text(transfer);
	answer->duration =
		(handle->finished ? handle->finished_at : joor_http_clock()) -
		transfer->started_at;
	if (transfer->body.data != NULL)
		answer->body = transfer->body;
	else
		initStringInfo(&answer->body);
}

JoorHttpAnswer *
joor_http_end(JoorHttpTransfer *transfer)
{
	MemoryContext	old = MemoryContextSwitchTo(transfer->owner);
	JoorHttpAnswer *answer = palloc0(sizeof(JoorHttpAnswer));

	fill_answer(answer, transfer);
	MemoryContextSwitchTo(old);
	MemoryContextDelete(transfer->context);
	return answer;
}

JoorHttpAnswer *
joor_http_perform(const JoorHttpRequest *request, uint32 wait_event)
{
	JoorHttpTransfer *transfer = joor_http_begin(request);

	PG_TRY();
	{
		while (!joor_http_finished(transfer))
		{
			joor_http_wait(-1, wait_event);
			CHECK_FOR_INTERRUPTS();
		}
	}
	PG_CATCH();
	{
		MemoryContextDelete(transfer->context);
		PG_RE_THROW();
	}
	PG_END_TRY();
	return joor_http_end(transfer);
}
