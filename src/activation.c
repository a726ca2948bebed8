/*-------------------------------------------------------------------------
 *
 * activation.c
 *	  joor.activate(server): tests host and token, then arms the account.
 *
 * The test is the cheapest call there is, reading one style.  The arming is
 * part of the caller's transaction, the record of the call is not.
 *
 * Floor 8.
 *
 * IDENTIFICATION
 *	  src/activation.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "arming.h"
#include "call.h"
#include "feed.h"
#include "published.h"
#include "queue.h"
#include "wake.h"

/* Columns, in the order of the function's RETURNS TABLE. */
enum
{
	COLUMN_ACCOUNT,
	COLUMN_URL,
	COLUMN_HTTP_STATUS,
	COLUMN_DURATION,
	COLUMNS
};

PG_FUNCTION_INFO_V1(joor_inventory_activate);

/* Reads one style; errors out unless JOOR answers as JOOR. */
static JoorDelivery *
test_account(const JoorAccount *account)
{
	JoorCall	  call = {JOOR_READ_STYLES, false, false, NULL, 0, NULL};
	JoorRun		  run = {0};
	JoorDelivery *delivery;
	int64		  id;

	run.source = "activate";
	do
		delivery = joor_call_perform(account, &call, &run, &id);
	while (delivery->outcome == JOOR_THROTTLED);

	if (delivery->outcome == JOOR_DELIVERED)
		return delivery;
	if (delivery->sqlerrcode == 0)
		delivery->sqlerrcode = ERRCODE_FDW_ERROR;
	joor_call_raise(account, delivery, id, NULL);
}

/* What a restored database says of a server is of that name's. */
static void
adopt_restored(const JoorAccount *account)
{
	JoorTables tables;

	joor_tables_open(&tables);
	joor_feed_adopt(account->serverid, account->server);
	joor_queue_adopt(account->serverid, account->server);
	joor_published_adopt(account->serverid, account->server);
	joor_tables_close(&tables);
}

/*
 * joor.activate(server)
 */
Datum
joor_inventory_activate(PG_FUNCTION_ARGS)
{
	JoorAccount *account =
		joor_account_open(text_to_cstring(PG_GETARG_TEXT_PP(0)));
	JoorDelivery  *delivery;
	ReturnSetInfo *result;
	Datum		   values[COLUMNS];
	bool		   nulls[COLUMNS] = {false};
	Interval	   duration = {0, 0, 0};

	joor_init_materialized_srf(fcinfo);
	result = (ReturnSetInfo *) fcinfo->resultinfo;
	joor_account_check_owner(account);
	joor_arming_check_cluster();
	joor_account_lock(account);
	joor_account_authorize(account, GetUserId());
	joor_arming_check(account, false);
	delivery = test_account(account);
	if (joor_arming_activate(account))
		adopt_restored(account);
	joor_wake_at_commit();
	joor_account_unlock(account);

	values[COLUMN_ACCOUNT] = CStringGetTextDatum(account->server);
	values[COLUMN_URL] = CStringGetTextDatum(account->url);
	values[COLUMN_HTTP_STATUS] = Int32GetDatum(delivery->http_status);
	duration.time = delivery->duration;
	values[COLUMN_DURATION] = IntervalPGetDatum(&duration);
	tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
	return (Datum) 0;
}
