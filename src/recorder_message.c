/*-------------------------------------------------------------------------
 *
 * recorder_message.c
 *	  The messages between a session and its recorder, as bytes.
 *
 * Floor 6.
 *
 * IDENTIFICATION
 *	  src/recorder_message.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "libpq/pqformat.h"

#include "item_bytes.h"
#include "recorder_message.h"

void
joor_message_put_text(StringInfo message, const char *text)
{
	int length = text == NULL ? -1 : (int) strlen(text);

	pq_sendint32(message, (uint32) length);
	if (length > 0)
		pq_sendbytes(message, text, length);
}

char *
joor_message_get_text(StringInfo message)
{
	int length = (int) pq_getmsgint(message, 4);

	if (length < 0)
		return NULL;
	return pnstrdup(pq_getmsgbytes(message, length), length);
}

/* The next item, whose texts refer to the message. */
static void
get_item(StringInfo message, JoorItem *item)
{
	const char *begin = message->data + message->cursor;
	const char *end = joor_item_bytes_take(begin, item);

	(void) pq_getmsgbytes(message, (int) (end - begin));
}

/* The next items, and how many they are. */
static JoorItem *
get_items(StringInfo message, int *count)
{
	JoorItem *items;
	int		  i;

	*count = (int) pq_getmsgint(message, 4);
	items = palloc_extended(sizeof(JoorItem) * (*count + 1), MCXT_ALLOC_HUGE);
	for (i = 0; i < *count; i++)
		get_item(message, &items[i]);
	return items;
}

static void
put_hashes(StringInfo message, const int64 *hashes, int count)
{
	int i;

	pq_sendint32(message, (uint32) count);
	for (i = 0; i < count; i++)
		pq_sendint64(message, hashes[i]);
}

static int64 *
get_hashes(StringInfo message, int *count)
{
	int64 *hashes;
	int	   i;

	*count = (int) pq_getmsgint(message, 4);
	hashes = palloc_extended(sizeof(int64) * (*count + 1), MCXT_ALLOC_HUGE);
	for (i = 0; i < *count; i++)
		hashes[i] = pq_getmsgint64(message);
	return hashes;
}

void
joor_message_put_start(StringInfo message, const JoorRequestStart *start)
{
	int i;

	pq_sendint32(message, start->serverid);
	joor_message_put_text(message, start->server);
	joor_message_put_text(message, start->user_name);
	joor_message_put_text(message, start->source);
	joor_message_put_text(message, start->operation);
	joor_message_put_text(message, start->method);
	joor_message_put_text(message, start->url);
	pq_sendbyte(message, start->overwrite);
	pq_sendbyte(message, start->dec_pending);
	pq_sendint64(message, start->items);
	pq_sendint64(message, start->bytes);
	pq_sendint64(message, start->credits);
	pq_sendint64(message, start->limit);
	pq_sendint64(message, start->window);
	pq_sendint64(message, start->timeout);
	pq_sendint64(message, start->pid);
	pq_sendint64(message, start->run);
	pq_sendint64(message, start->run_items);
	pq_sendint64(message, start->snapshot_at);
	joor_message_put_text(message, start->feed);
	pq_sendint32(message, start->nfeed_items);
	for (i = 0; i < start->nfeed_items; i++)
		joor_item_bytes_put(message, &start->feed_items[i]);
}

void
joor_message_get_start(StringInfo message, JoorRequestStart *start)
{
	start->serverid = pq_getmsgint(message, 4);
	start->server = joor_message_get_text(message);
	start->user_name = joor_message_get_text(message);
	start->source = joor_message_get_text(message);
	start->operation = joor_message_get_text(message);
	start->method = joor_message_get_text(message);
	start->url = joor_message_get_text(message);
	start->overwrite = pq_getmsgbyte(message) != 0;
	start->dec_pending = pq_getmsgbyte(message) != 0;
	start->items = pq_getmsgint64(message);
	start->bytes = pq_getmsgint64(message);
	start->credits = pq_getmsgint64(message);
	start->limit = pq_getmsgint64(message);
	start->window = pq_getmsgint64(message);
	start->timeout = pq_getmsgint64(message);
	start->pid = pq_getmsgint64(message);
	start->run = pq_getmsgint64(message);
	start->run_items = pq_getmsgint64(message);
	start->snapshot_at = pq_getmsgint64(message);
	start->feed = joor_message_get_text(message);
	start->feed_items = get_items(message, &start->nfeed_items);
}

void
joor_message_put_finish(StringInfo message, const JoorRequestFinish *finish)
{
	int i;

	pq_sendint64(message, finish->id);
	pq_sendint32(message, finish->serverid);
	joor_message_put_text(message, finish->server);
	joor_message_put_text(message, finish->outcome);
	pq_sendint64(message, finish->http_status);
	pq_sendint64(message, finish->sku_count);
	pq_sendint64(message, finish->rejected);
	joor_message_put_text(message, finish->log_id);
	joor_message_put_text(message, finish->throttling);
	joor_message_put_text(message, finish->message);
	joor_message_put_text(message, finish->answer);
	pq_sendint64(message, finish->duration);
	pq_sendint64(message, finish->waited);
	pq_sendbyte(message, finish->free_of_charge);
	pq_sendbyte(message, finish->throttled);
	pq_sendint64(message, finish->retry_after);
	pq_sendint64(message, finish->window);
	joor_message_put_text(message, finish->stop_reason);
	joor_message_put_text(message, finish->configuration);
	joor_message_put_text(message, finish->items);
	joor_message_put_text(message, finish->feed);
	joor_message_put_text(message, finish->snapshot);
	put_hashes(message, finish->hashes, finish->nhashes);
	pq_sendbyte(message, finish->overwrite);
	pq_sendint32(message, finish->nacknowledged);
	for (i = 0; i < finish->nacknowledged; i++)
		joor_item_bytes_put(message, finish->acknowledged[i]);
	put_hashes(message, finish->untaken, finish->nuntaken);
}

void
joor_message_get_finish(StringInfo message, JoorRequestFinish *finish)
{
	JoorItem *items;
	int		  i;

	finish->id = pq_getmsgint64(message);
	finish->serverid = pq_getmsgint(message, 4);
	finish->server = joor_message_get_text(message);
	finish->outcome = joor_message_get_text(message);
	finish->http_status = pq_getmsgint64(message);
	finish->sku_count = pq_getmsgint64(message);
	finish->rejected = pq_getmsgint64(message);
	finish->log_id = joor_message_get_text(message);
	finish->throttling = joor_message_get_text(message);
	finish->message = joor_message_get_text(message);
	finish->answer = joor_message_get_text(message);
	finish->duration = pq_getmsgint64(message);
	finish->waited = pq_getmsgint64(message);
	finish->free_of_charge = pq_getmsgbyte(message) != 0;
	finish->throttled = pq_getmsgbyte(message) != 0;
	finish->retry_after = pq_getmsgint64(message);
	finish->window = pq_getmsgint64(message);
	finish->stop_reason = joor_message_get_text(message);
	finish->configuration = joor_message_get_text(message);
	finish->items = joor_message_get_text(message);
	finish->feed = joor_message_get_text(message);
	finish->snapshot = joor_message_get_text(message);
	finish->hashes = get_hashes(message, &finish->nhashes);
	finish->overwrite = pq_getmsgbyte(message) != 0;
	items = get_items(message, &finish->nacknowledged);
	finish->acknowledged = palloc_extended(
		sizeof(JoorItem *) * (finish->nacknowledged + 1), MCXT_ALLOC_HUGE);
	for (i = 0; i < finish->nacknowledged; i++)
		finish->acknowledged[i] = &items[i];
	finish->untaken = get_hashes(message, &finish->nuntaken);
}

void
joor_message_put_permit(StringInfo message, const JoorRequestPermit *permit)
{
	pq_sendint64(message, permit->id);
	pq_sendint64(message, permit->not_before);
	pq_sendbyte(message, permit->open_rejections);
	pq_sendbyte(message, permit->queued);
}

void
joor_message_get_permit(StringInfo message, JoorRequestPermit *permit)
{
	permit->id = pq_getmsgint64(message);
	permit->not_before = pq_getmsgint64(message);
	permit->open_rejections = pq_getmsgbyte(message) != 0;
	permit->queued = pq_getmsgbyte(message) != 0;
}

void
joor_message_put_error(StringInfo message, const ErrorData *error)
{
	pq_sendint32(message, error->sqlerrcode);
	joor_message_put_text(message, error->message);
	joor_message_put_text(message, error->hint);
}

void
joor_message_throw_error(StringInfo message)
{
	int	  sqlerrcode = (int) pq_getmsgint(message, 4);
	char *text = joor_message_get_text(message);
	char *hint = joor_message_get_text(message);

	if (sqlerrcode == ERRCODE_T_R_SERIALIZATION_FAILURE)
		ereport(ERROR, (errcode(sqlerrcode), errmsg("%s", text ? text : ""),
						hint ? errhint("%s", hint) : 0));
	ereport(ERROR, (errcode(sqlerrcode),
					errmsg("could not record the request to JOOR"),
					errdetail_internal("%s", text ? text : ""),
					hint ? errhint("%s", hint) : 0));
}
