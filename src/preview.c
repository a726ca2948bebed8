/*-------------------------------------------------------------------------
 *
 * preview.c
 *	  joor.preview(query, ...): the requests that joor.push would make.
 *
 * Bodies are built while the query runs, so that a preview of any size needs
 * no more memory than one request.  Nothing is sent and no token is read.
 *
 * Floor 8.
 *
 * IDENTIFICATION
 *	  src/preview.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "executor/spi.h"
#include "fmgr.h"
#include "funcapi.h"
#include "mb/pg_wchar.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

#include "argument.h"
#include "item_list.h"
#include "joor_api.h"
#include "overwrite.h"

/* Columns, in the order of the function's RETURNS TABLE. */
enum
{
	COLUMN_NUMBER,
	COLUMN_METHOD,
	COLUMN_URL,
	COLUMN_ITEMS,
	COLUMN_BYTES,
	COLUMN_BODY,
	COLUMNS
};

PG_FUNCTION_INFO_V1(joor_inventory_preview);

typedef struct Preview
{
	JoorAccount	  *account;
	JoorCall	   call;
	JoorPayload	   payload;
	ReturnSetInfo *result;
	int			   number; /* of requests so far */
	int64		  *hashes; /* of an overwrite's positions */
} Preview;

/* The body as text in the server's encoding. */
static Datum
body_text(const StringInfoData *body)
{
	char *converted = pg_any_to_server(body->data, body->len, PG_UTF8);
	text *result;

	if (converted == body->data)
		return PointerGetDatum(cstring_to_text_with_len(body->data, body->len));
	result = cstring_to_text(converted);
	pfree(converted);
	return PointerGetDatum(result);
}

/* The request is complete: a row of the result. */
static void
put_request(Preview *preview)
{
	Datum		 values[COLUMNS];
	bool		 nulls[COLUMNS] = {false};
	JoorPayload *payload = &preview->payload;
	char		*url = joor_call_url(preview->account, &preview->call, true);

	joor_payload_end(payload);
	values[COLUMN_NUMBER] = Int32GetDatum(++preview->number);
	values[COLUMN_METHOD] =
		CStringGetTextDatum(joor_call_method(preview->account, &preview->call));
	values[COLUMN_URL] = CStringGetTextDatum(url);
	values[COLUMN_ITEMS] = Int32GetDatum(payload->items);
	values[COLUMN_BYTES] = Int64GetDatum(payload->body.len);
	values[COLUMN_BODY] = body_text(&payload->body);
	tuplestore_putvalues(preview->result->setResult, preview->result->setDesc,
						 values, nulls);
	pfree(DatumGetPointer(values[COLUMN_BODY]));
	pfree(url);
}

/* Callback of the item list: another item. */
static void
add_item(void *arg, JoorItem *item)
{
	Preview		*preview = arg;
	JoorPayload *payload = &preview->payload;

	if (payload->items < preview->account->max_items &&
		joor_payload_add(payload, item))
	{
		if (preview->call.overwrite)
			preview->hashes[payload->items - 1] = (int64) joor_item_hash(item);
		return;
	}
	if (preview->call.overwrite)
		joor_overwrite_check_fits(preview->account, false);
	put_request(preview);
	joor_payload_begin(payload);
	if (!joor_payload_add(payload, item))
		elog(ERROR, "an item exceeds the limit of a request");
}

/* The format that the caller asks for instead of the account's. */
static void
set_format(JoorAccount *account, const char *format)
{
	if (strcmp(format, "xml") == 0)
		account->style.format = JOOR_FORMAT_XML;
	else if (strcmp(format, "json") == 0)
		account->style.format = JOOR_FORMAT_JSON;
	else
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("invalid value for argument \"format\": \"%s\"",
							   format),
						errhint("Valid values are: \"xml\", \"json\".")));
}

/* Runs the query and makes the rows. */
static void
preview_query(Preview *preview, const char *query)
{
	JoorItemListReader reader = {0};
	JoorItemList	  *list;

	joor_payload_init(&preview->payload, &preview->account->style,
					  preview->account->max_bytes);
	joor_payload_begin(&preview->payload);
	if (preview->call.overwrite)
		preview->hashes = palloc_extended(
			sizeof(int64) * preview->account->max_items, MCXT_ALLOC_HUGE);
	reader.rules = &preview->account->rules;
	reader.valid = add_item;
	reader.arg = preview;
	list = joor_item_list_read(query, &reader);
	joor_item_list_refuse(list);
	if (preview->call.overwrite)
	{
		joor_overwrite_check_items(list);
		joor_overwrite_check_drop(preview->account, preview->hashes,
								  preview->payload.items, WARNING);
	}
	if (preview->payload.items > 0)
		put_request(preview);
	joor_item_list_close(list);
}

/*
 * joor.preview(query, server, overwrite, dec_pending, format)
 */
Datum
joor_inventory_preview(PG_FUNCTION_ARGS)
{
	char   *query = joor_argument_text(fcinfo, 0, "query");
	char   *server = joor_argument_text(fcinfo, 1, "server");
	Preview preview = {0};

	joor_init_materialized_srf(fcinfo);
	preview.result = (ReturnSetInfo *) fcinfo->resultinfo;
	preview.account = joor_account_open(server);
	preview.call.operation = JOOR_BULK_INVENTORY;
	preview.call.overwrite = joor_argument_bool(fcinfo, 2, "overwrite");
	preview.call.dec_pending =
		PG_ARGISNULL(3) ? preview.account->dec_pending : PG_GETARG_BOOL(3);
	if (!PG_ARGISNULL(4))
		set_format(preview.account, text_to_cstring(PG_GETARG_TEXT_PP(4)));

	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "SPI_connect failed");
	preview_query(&preview, query);
	SPI_finish();
	return (Datum) 0;
}
