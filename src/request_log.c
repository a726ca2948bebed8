/*-------------------------------------------------------------------------
 *
 * request_log.c
 *	  joor.request: every call to JOOR, and by it the ledger of credits.
 *
 * Floor 5.
 *
 * IDENTIFICATION
 *	  src/request_log.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "utils/builtins.h"

#include "account.h"
#include "arming.h"
#include "counter.h"
#include "item_report.h"
#include "change_queue.h"
#include "published.h"
#include "queue.h"
#include "request_log.h"
#include "settings.h"
#include "tables.h"

#define USECS_PER_SECOND INT64CONST(1000000)

/* JOOR's Retry-After is believed from 1 s to 900 s. */
#define RETRY_AFTER_MIN 1
#define RETRY_AFTER_MAX 900

void
joor_request_start_fill(JoorRequestStart *start, const JoorAccount *account,
						const JoorCall *call, Oid userid, const char *source,
						int limit)
{
	MemSet(start, 0, sizeof(*start));
	start->serverid = account->serverid;
	start->server = account->server;
	start->user_name = GetUserNameFromId(userid, false);
	start->source = pstrdup(source);
	start->operation = pstrdup(joor_operation_name(call->operation));
	start->method = pstrdup(joor_call_method(account, call));
	start->url = joor_call_url(account, call, false);
	start->overwrite = call->overwrite;
	start->dec_pending = call->dec_pending;
	start->items = call->nitems;
	start->bytes = call->payload != NULL ? call->payload->body.len : 0;
	start->credits = joor_operation_credits(call->operation);
	start->limit = limit;
	start->window = account->window;
	start->timeout = account->timeout * INT64CONST(1000);
	start->pid = MyProcPid;
}

/* What becomes of open rejections, and which items to record as new ones. */
static char *
report_items(const JoorCall *call, const JoorDelivery *delivery,
			 bool open_rejections)
{
	JoorItemReport report;
	int			   i;

	joor_item_report_init(&report);
	for (i = 0; i < call->nitems; i++)
	{
		if (delivery->status[i] == JOOR_STATUS_FAIL)
			joor_item_report_fail(&report, &call->items[i], "joor",
								  delivery->reason[i]);
		else if (delivery->status[i] == JOOR_STATUS_PASS && open_rejections)
			joor_item_report_pass(&report, &call->items[i]);
	}
	return joor_item_report_finish(&report);
}

/*
 * The items that are JOOR's now, and those that it did not take.  Of others,
 * as when no answer came, nothing is known.
 */
static void
divide_items(JoorRequestFinish *finish, const JoorCall *call,
			 const JoorDelivery *delivery)
{
	bool none = delivery->free_of_charge || delivery->outcome == JOOR_THROTTLED;
	int	 i;

	if (!delivery->acknowledged && !none)
		return;
	finish->acknowledged = palloc_extended(
		sizeof(JoorItem *) * (call->nitems + 1), MCXT_ALLOC_HUGE);
	finish->untaken =
		palloc_extended(sizeof(int64) * (call->nitems + 1), MCXT_ALLOC_HUGE);
	for (i = 0; i < call->nitems; i++)
		if (none || delivery->status[i] == JOOR_STATUS_FAIL)
			finish->untaken[finish->nuntaken++] =
				(int64) joor_item_hash(&call->items[i]);
		else
			finish->acknowledged[finish->nacknowledged++] = &call->items[i];
}

void
joor_request_finish_fill(JoorRequestFinish *finish, int64 id,
						 const JoorAccount *account, const JoorCall *call,
						 const JoorDelivery *delivery, bool open_rejections)
{
	MemSet(finish, 0, sizeof(*finish));
	finish->id = id;
	finish->serverid = account->serverid;
	finish->server = account->server;
	finish->outcome = pstrdup(joor_outcome_name(delivery->outcome));
	finish->http_status = delivery->http_status;
	finish->sku_count = delivery->sku_count;
	finish->rejected = delivery->rejected;
	finish->log_id = delivery->log_id;
	finish->throttling = delivery->throttling;
	finish->message = delivery->message;
	finish->answer = delivery->answer;
	finish->duration = delivery->duration;
	finish->free_of_charge = delivery->free_of_charge;
	finish->throttled = delivery->outcome == JOOR_THROTTLED;
	finish->retry_after = delivery->retry_after;
	finish->window = account->window;
	finish->stop_reason = delivery->stop_reason;
	finish->configuration = account->configuration;
	finish->items = report_items(call, delivery, open_rejections);
	finish->overwrite = call->overwrite;
	divide_items(finish, call, delivery);
}

#define ABANDON                                            \
	"UPDATE joor.request SET outcome = 'unknown',"         \
	"  finished_at = pg_catalog.clock_timestamp(),"        \
	"  message = 'the sender ended before an answer came'" \
	" WHERE outcome = 'sending'"

/*
 * What a sender that is gone left behind is of unknown outcome: a request, or
 * all of an account's.
 */
static void
abandon(const char *sql, JoorArgs *args)
{
	SPITupleTable *table;
	uint64		   count;
	uint64		   i;

	joor_tables_execute(sql, args, SPI_OK_UPDATE_RETURNING);
	table = SPI_tuptable;
	count = SPI_processed;
	for (i = 0; i < count; i++)
	{
		bool  isnull;
		Datum id = SPI_getbinval(table->vals[i], table->tupdesc, 1, &isnull);

		joor_counter_add(DatumGetInt64(id), 0, 0, false);
	}
}

static void
abandon_older(Oid serverid)
{
	JoorArgs args = {0};

	joor_args_oid(&args, serverid);
	abandon(ABANDON " AND serverid = $1 RETURNING id", &args);
}

/*
 * When the credits for a call will be there; false: they are.  The newest
 * request that, with all later ones and ours, exceeds the limit has to leave
 * the window first; it is looked for only if all of them together exceed it.
 */
static bool
must_wait(const JoorRequestStart *start, TimestampTz *not_before)
{
	JoorArgs args = {0};
	Datum	 value;

	joor_args_oid(&args, start->serverid);
	joor_args_int(&args, start->limit - start->credits);
	/* a parameter, since no index is searched for a volatile function's */
	joor_args_time(&args, GetCurrentTimestamp());
	joor_tables_execute(
		"SELECT pg_catalog.max(again) FROM ("
		" SELECT counts_until AS again, pg_catalog.sum(credits) OVER"
		"    (ORDER BY counts_until DESC, id DESC ROWS UNBOUNDED PRECEDING)"
		"    > $2 AS exceeds"
		" FROM joor.request WHERE serverid = $1 AND counts_until > $3"
		"  AND (SELECT pg_catalog.sum(credits) FROM joor.request"
		"    WHERE serverid = $1 AND counts_until > $3) > $2"
		" UNION ALL"
		" SELECT retry_at, true FROM joor.request"
		" WHERE serverid = $1 AND retry_at > $3) s"
		" WHERE exceeds",
		&args, SPI_OK_SELECT);
	if (!joor_tables_value(1, &value))
		return false;
	*not_before = DatumGetTimestampTz(value);
	return true;
}

/* Writes the row of a request that goes out now; its id. */
static int64
insert_request(const JoorRequestStart *start)
{
	JoorArgs args = {0};
	Datum	 id;

	joor_args_oid(&args, start->serverid);
	joor_args_text(&args, start->server);
	joor_args_text(&args, start->user_name);
	joor_args_text(&args, start->source);
	joor_args_text(&args, start->operation);
	joor_args_text(&args, start->method);
	joor_args_text(&args, start->url);
	joor_args_bool(&args, start->overwrite);
	joor_args_bool(&args, start->dec_pending);
	joor_args_int(&args, start->items);
	joor_args_int(&args, start->bytes);
	joor_args_int(&args, start->credits);
	joor_args_int(&args, start->pid);
	joor_args_int(&args, start->run);
	joor_args_int(&args, start->run_items);
	joor_args_int(&args, start->window + start->timeout);
	joor_tables_execute(
		"INSERT INTO joor.request (serverid, server, user_name, source,"
		"  operation, method, url, overwrite, dec_pending, items, bytes,"
		"  credits, pid, run, run_items, outcome, started_at,"
		"  counts_until)"
		" VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13,"
		"  NULLIF($14, 0), NULLIF($15, 0), 'sending',"
		"  pg_catalog.clock_timestamp(), pg_catalog.clock_timestamp()"
		"    + $16 * interval '1 us') RETURNING id",
		&args, SPI_OK_INSERT_RETURNING);
	if (!joor_tables_value(1, &id))
		elog(ERROR, "a request got no id");
	return DatumGetInt64(id);
}

static bool
has_open_rejections(Oid serverid)
{
	JoorArgs args = {0};

	joor_args_oid(&args, serverid);
	joor_tables_execute("SELECT 1 FROM joor.rejection WHERE serverid = $1"
						" AND closed_at IS NULL LIMIT 1",
						&args, SPI_OK_SELECT);
	return SPI_processed > 0;
}

/*
 * No older quantity may follow a newer one of another sender.  What the same
 * session sent since then it read in the same snapshot.
 */
static void
check_snapshot(const JoorRequestStart *start)
{
	JoorArgs args = {0};

	if (start->snapshot_at == 0)
		return;
	joor_args_oid(&args, start->serverid);
	joor_args_time(&args, start->snapshot_at);
	joor_args_int(&args, start->pid);
	joor_tables_execute(
		"SELECT 1 FROM joor.request WHERE serverid = $1"
		" AND started_at > $2 AND operation <> 'read_styles'"
		" AND pid <> $3 ORDER BY serverid DESC, id DESC LIMIT 1",
		&args, SPI_OK_SELECT);
	if (SPI_processed > 0)
		ereport(ERROR,
				(errcode(ERRCODE_T_R_SERIALIZATION_FAILURE),
				 errmsg("account \"%s\" was sent newer quantities since the "
						"transaction's snapshot was taken",
						start->server),
				 errhint("Retry the transaction, or push in READ "
						 "COMMITTED.")));
}

void
joor_request_start(const JoorRequestStart *start, JoorRequestPermit *permit)
{
	permit->id = 0;
	permit->open_rejections = false;
	permit->queued = false;
	permit->not_before = 0;
	abandon_older(start->serverid);
	check_snapshot(start);
	if (must_wait(start, &permit->not_before))
		return;
	permit->id = insert_request(start);
	if (start->feed != NULL)
		joor_published_intend(start->serverid, start->server, permit->id,
							  start->feed, start->feed_items,
							  start->nfeed_items);
	permit->open_rejections = has_open_rejections(start->serverid);
	permit->queued = start->run_items > 0 &&
					 (joor_queue_has(start->serverid, PG_INT64_MAX) ||
					  joor_changes_unnumbered(start->serverid, PG_UINT64_MAX));
}

/*
 * When to try again after a 429: what JOOR said, else when a window that
 * began with our first request of it will have ended; with some jitter, so
 * that those who share an account do not come back together.
 */
static void
set_retry_at(const JoorRequestFinish *finish)
{
	JoorArgs args = {0};

	joor_args_int(&args, finish->id);
	joor_args_int(&args, finish->window);
	if (finish->retry_after >= 0)
		joor_args_int(&args, Max(RETRY_AFTER_MIN,
								 Min(RETRY_AFTER_MAX, finish->retry_after)) *
								 USECS_PER_SECOND);
	else
		joor_args_null(&args, INT8OID);
	joor_tables_execute(
		"UPDATE joor.request r SET retry_at = COALESCE("
		"   r.finished_at + $3 * interval '1 us',"
		"   (SELECT pg_catalog.min(p.finished_at) + $2 * interval '1 us'"
		"    FROM joor.request p WHERE p.serverid = r.serverid"
		"     AND p.credits > 0 AND p.finished_at > r.finished_at"
		"       - $2 * interval '1 us'))"
		"  + pg_catalog.random() * interval '500 ms'"
		" WHERE id = $1",
		&args, SPI_OK_UPDATE);
}

/* Writes the outcome; whether the request had none before. */
static bool
update_request(const JoorRequestFinish *finish)
{
	JoorArgs args = {0};
	Datum	 was_sending;

	joor_args_int(&args, finish->id);
	joor_args_text(&args, finish->outcome);
	joor_args_int(&args, finish->http_status);
	joor_args_int(&args, finish->sku_count);
	joor_args_int(&args, finish->rejected);
	joor_args_text(&args, finish->log_id);
	joor_args_text(&args, finish->throttling);
	joor_args_text(&args, finish->message);
	joor_args_text(&args, finish->answer);
	joor_args_int(&args, finish->duration);
	joor_args_bool(&args, finish->free_of_charge);
	joor_args_int(&args, finish->window);
	joor_tables_execute(
		"UPDATE joor.request r SET outcome = $2,"
		"  http_status = NULLIF($3, 0), sku_count = NULLIF($4, -1),"
		"  rejected = $5, log_id = $6, throttling = $7, message = $8,"
		"  answer = $9, duration = $10 * interval '1 us',"
		"  credits = CASE WHEN $11 THEN 0 ELSE credits END,"
		"  finished_at = pg_catalog.clock_timestamp(),"
		"  counts_until = CASE WHEN NOT $11 THEN"
		"   pg_catalog.clock_timestamp() + $12 * interval '1 us' END"
		/* the row as it was when the statement began */
		" WHERE id = $1 RETURNING (SELECT o.outcome = 'sending'"
		"  FROM joor.request o WHERE o.id = r.id)",
		&args, SPI_OK_UPDATE_RETURNING);
	return joor_tables_value(1, &was_sending) && DatumGetBool(was_sending);
}

void
joor_request_finish(const JoorRequestFinish *finish)
{
	if (update_request(finish))
		joor_counter_add(finish->id, finish->nacknowledged, finish->waited,
						 finish->stop_reason != NULL);
	if (finish->nhashes > 0)
		joor_queue_supersede(finish->serverid, finish->hashes, finish->nhashes,
							 finish->snapshot);
	if (finish->feed != NULL)
		joor_changes_supersede(finish->feed, finish->snapshot, 0);
	if (finish->nacknowledged > 0)
		joor_published_record(finish->serverid, finish->server, finish->id,
							  finish->overwrite, finish->acknowledged,
							  finish->nacknowledged);
	joor_published_refuse(finish->serverid, finish->id, finish->untaken,
						  finish->nuntaken);
	if (finish->throttled)
		set_retry_at(finish);
	if (finish->stop_reason != NULL)
		joor_arming_stop(finish->serverid, finish->server, finish->stop_reason,
						 finish->configuration);
	if (finish->items != NULL)
		joor_rejection_record(finish->serverid, finish->server, finish->id,
							  finish->items);
}

void
joor_request_abandon(int64 id)
{
	JoorArgs args = {0};

	joor_args_int(&args, id);
	abandon(ABANDON " AND id = $1 RETURNING id", &args);
}

void
joor_request_abandon_gone(void)
{
	JoorArgs	   args = {0};
	SPITupleTable *table;
	uint64		   count;
	uint64		   i;

	joor_tables_execute("SELECT DISTINCT serverid FROM joor.request"
						" WHERE outcome = 'sending'",
						&args, SPI_OK_SELECT);
	table = SPI_tuptable;
	count = SPI_processed;
	for (i = 0; i < count; i++)
	{
		bool isnull;
		Oid	 serverid = DatumGetObjectId(
			 SPI_getbinval(table->vals[i], table->tupdesc, 1, &isnull));

		if (!joor_account_lock_session(serverid))
			continue;
		abandon_older(serverid);
		joor_account_unlock_session(serverid);
	}
}

/* What a fresh rejection is found by: position and quantity, NULL: none. */
static char *
fresh_key(const char *position, const char *inventory)
{
	return psprintf("%s %s", position, inventory != NULL ? inventory : "");
}

JoorKeyIndex *
joor_rejections_fresh(Oid serverid)
{
	MemoryContext context = CurrentMemoryContext;
	JoorKeyIndex *index;
	JoorArgs	  args = {0};
	uint64		  i;

	joor_args_oid(&args, serverid);
	joor_tables_execute("SELECT \"position\", inventory FROM joor.rejection"
						" WHERE serverid = $1 AND closed_at IS NULL"
						"  AND source = 'joor'"
						"  AND rejected_at > pg_catalog.clock_timestamp()"
						"   - interval '1 hour'",
						&args, SPI_OK_SELECT);
	if (SPI_processed == 0)
		return NULL;
	MemoryContextSwitchTo(context);
	index = joor_key_index_create((int) Min(SPI_processed, 1000));
	for (i = 0; i < SPI_processed; i++)
	{
		HeapTuple tuple = SPI_tuptable->vals[i];
		TupleDesc desc = SPI_tuptable->tupdesc;

		(void) joor_key_index_add(index,
								  fresh_key(SPI_getvalue(tuple, desc, 1),
											SPI_getvalue(tuple, desc, 2)),
								  0);
	}
	return index;
}

bool
joor_rejection_is_fresh(JoorKeyIndex *fresh, const JoorItem *item)
{
	StringInfoData position;
	StringInfoData inventory;

	initStringInfo(&position);
	initStringInfo(&inventory);
	joor_item_append_position(&position, item);
	if ((item->sent & JOOR_FIELD_BIT(JOOR_FIELD_INVENTORY)) != 0)
		joor_value_append(&inventory, JOOR_FIELD_INVENTORY,
						  &item->value[JOOR_FIELD_INVENTORY]);
	return joor_key_index_find(
			   fresh,
			   fresh_key(pg_any_to_server(position.data, position.len, PG_UTF8),
						 inventory.data)) >= 0;
}

void
joor_rejection_record(Oid serverid, const char *server, int64 request_id,
					  const char *items)
{
	JoorArgs passed = {0};
	JoorArgs args = {0};

	joor_args_oid(&passed, serverid);
	joor_args_text(&passed, items);
	joor_args_oid(&args, serverid);
	joor_args_text(&args, server);
	joor_args_int(&args, request_id);
	joor_args_text(&args, items);
	/* each is looked up, however many the planner thinks there are */
	joor_tables_execute(
		"UPDATE joor.rejection SET closed_at = pg_catalog.clock_timestamp()"
		" WHERE ctid = ANY (ARRAY("
		"  SELECT q.ctid FROM pg_catalog.json_to_recordset($2::json)"
		"   AS i(\"position\" text, status text)"
		"  CROSS JOIN LATERAL (SELECT e.ctid FROM joor.rejection e"
		"   WHERE e.serverid = $1 AND e.closed_at IS NULL"
		"    AND pg_catalog.md5(e.\"position\") = pg_catalog.md5(i.\"position\")"
		"   OFFSET 0) q WHERE i.status = 'pass'))",
		&passed, SPI_OK_UPDATE);
	joor_tables_execute(
		"INSERT INTO joor.rejection AS r (serverid, server, request_id,"
		"  source, reason, \"row\", \"position\", warehouse, inventory_date,"
		"  style_number, style_identifier, style_id, color_code,"
		"  style_color_id, size, size_code, upc, inventory, made_to_order,"
		"  rejected_at)"
		" SELECT $1, $2, NULLIF($3, 0), i.source, i.reason, i.\"row\","
		"  i.\"position\", f.warehouse, f.inventory_date, f.style_number,"
		"  f.style_identifier, f.style_id, f.color_code, f.style_color_id,"
		"  f.size, f.size_code, f.upc, f.inventory, f.made_to_order,"
		"  pg_catalog.clock_timestamp()"
		" FROM (SELECT DISTINCT ON (pg_catalog.md5(j.\"position\")) j.*"
		"  FROM pg_catalog.json_to_recordset($4::json)"
		"   AS j(\"position\" text, status text, source text, reason text,"
		"        \"row\" bigint, fields json)"
		"  WHERE j.status = 'fail'"
		"  ORDER BY pg_catalog.md5(j.\"position\"), j.\"row\") i,"
		" LATERAL pg_catalog.json_to_record(i.fields)"
		"   AS f(warehouse text, inventory_date date, style_number text,"
		"        style_identifier text, style_id bigint, color_code text,"
		"        style_color_id bigint, size text, size_code text, upc text,"
		"        inventory bigint, made_to_order boolean)"
		" ON CONFLICT (serverid, (pg_catalog.md5(\"position\")))"
		"  WHERE closed_at IS NULL"
		" DO UPDATE SET request_id = EXCLUDED.request_id,"
		"  source = EXCLUDED.source, reason = EXCLUDED.reason,"
		"  \"row\" = EXCLUDED.\"row\", inventory = EXCLUDED.inventory,"
		"  made_to_order = EXCLUDED.made_to_order,"
		"  rejected_at = EXCLUDED.rejected_at, times = r.times + 1",
		&args, SPI_OK_INSERT);
}

/* Whether the oldest request is one to let go; costs nothing. */
static bool
must_expire(void)
{
	JoorArgs args = {0};
	Datum	 value;

	joor_args_int(&args, joor_request_retention);
	joor_args_int(&args, joor_request_max_rows);
	joor_tables_execute(
		"SELECT $1 > 0 AND o.started_at < pg_catalog.clock_timestamp()"
		"    - $1 * interval '1 min'"
		"  OR $2 > 0 AND n.id - o.id >= $2"
		" FROM (SELECT id, started_at FROM joor.request"
		"   ORDER BY id LIMIT 1) o,"
		"  (SELECT id FROM joor.request ORDER BY id DESC LIMIT 1) n",
		&args, SPI_OK_SELECT);
	return joor_tables_value(1, &value) && DatumGetBool(value);
}

/* What still counts for the credits stays in any case. */
void
joor_request_expire(void)
{
	JoorArgs args = {0};

	joor_args_int(&args, joor_request_retention);
	joor_args_int(&args, joor_request_max_rows);
	if (must_expire())
		joor_tables_execute(
			"DELETE FROM joor.request"
			" WHERE finished_at IS NOT NULL"
			"  AND COALESCE(GREATEST(counts_until, retry_at), '-infinity')"
			"    < pg_catalog.clock_timestamp()"
			"  AND ($1 > 0 AND started_at < pg_catalog.clock_timestamp()"
			"       - $1 * interval '1 min'"
			"   OR $2 > 0 AND id <= (SELECT pg_catalog.max(id) - $2"
			"       FROM joor.request))",
			&args, SPI_OK_DELETE);
	if (joor_request_retention > 0)
		joor_tables_execute("DELETE FROM joor.rejection"
							" WHERE closed_at < pg_catalog.clock_timestamp()"
							"    - $1 * interval '1 min'",
							&args, SPI_OK_DELETE);
	joor_counter_expire();
}
