/*-------------------------------------------------------------------------
 *
 * request_row.c
 *	  The rows that joor.push and joor.push_sku return.
 *
 * Floor 5.
 *
 * IDENTIFICATION
 *	  src/request_row.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "request_row.h"

/* Columns, in the order of the functions' RETURNS TABLE. */
enum
{
	COLUMN_ID,
	COLUMN_ITEMS,
	COLUMN_BYTES,
	COLUMN_HTTP_STATUS,
	COLUMN_OUTCOME,
	COLUMN_SKU_COUNT,
	COLUMN_REJECTED,
	COLUMN_LOG_ID,
	COLUMN_DURATION,
	COLUMN_MESSAGE,
	COLUMNS
};

static void
set_text(Datum *values, bool *nulls, int column, const char *text)
{
	nulls[column] = text == NULL;
	if (text != NULL)
		values[column] = CStringGetTextDatum(text);
}

void
joor_request_row_put(ReturnSetInfo *result, int64 id, const JoorCall *call,
					 const JoorDelivery *delivery, const char *message)
{
	Datum	 values[COLUMNS];
	bool	 nulls[COLUMNS] = {false};
	Interval duration = {delivery->duration, 0, 0};

	values[COLUMN_ID] = Int64GetDatum(id);
	values[COLUMN_ITEMS] = Int64GetDatum(call->nitems);
	values[COLUMN_BYTES] =
		Int64GetDatum(call->payload != NULL ? call->payload->body.len : 0);
	values[COLUMN_HTTP_STATUS] = Int32GetDatum(delivery->http_status);
	nulls[COLUMN_HTTP_STATUS] = delivery->http_status == 0;
	set_text(values, nulls, COLUMN_OUTCOME,
			 joor_outcome_name(delivery->outcome));
	values[COLUMN_SKU_COUNT] = Int64GetDatum(delivery->sku_count);
	nulls[COLUMN_SKU_COUNT] = delivery->sku_count < 0;
	values[COLUMN_REJECTED] = Int32GetDatum(delivery->rejected);
	set_text(values, nulls, COLUMN_LOG_ID, delivery->log_id);
	values[COLUMN_DURATION] = IntervalPGetDatum(&duration);
	set_text(values, nulls, COLUMN_MESSAGE, message);
	tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
}

void
joor_request_row_put_unsent(ReturnSetInfo *result, int64 items,
							const char *outcome, int rejected,
							const char *message)
{
	Datum values[COLUMNS] = {0};
	bool  nulls[COLUMNS];

	memset(nulls, true, sizeof(nulls));
	values[COLUMN_ITEMS] = Int64GetDatum(items);
	nulls[COLUMN_ITEMS] = false;
	set_text(values, nulls, COLUMN_OUTCOME, outcome);
	values[COLUMN_REJECTED] = Int32GetDatum(rejected);
	nulls[COLUMN_REJECTED] = false;
	set_text(values, nulls, COLUMN_MESSAGE, message);
	tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
}
