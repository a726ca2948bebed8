/*-------------------------------------------------------------------------
 *
 * counter.c
 *	  joor.counter: what was sent to each account, added up for joor.stat.
 *
 * Floor 4.
 *
 * IDENTIFICATION
 *	  src/counter.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/namespace.h"
#include "catalog/pg_type.h"
#include "fmgr.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"

#include "account.h"
#include "counter.h"
#include "tables.h"

PG_FUNCTION_INFO_V1(joor_inventory_stat_reset);

/* Whether there is the table, which came with 1.1. */
static bool
table_exists(void)
{
	return OidIsValid(
		get_relname_relid("counter", get_namespace_oid("joor", false)));
}

/*
 * Adds request $1 to its account's newest row; $2: items acknowledged, $3:
 * microseconds waited for credits, $4: stops.
 */
static const char *const count_request =
	"INSERT INTO joor.counter AS c (serverid, since, requests, delivered,"
	"  partly_rejected, refused, unknown, failed, unreachable, throttled,"
	"  stopped, retries, items, items_accepted, items_rejected,"
	"  items_drained, bytes, credits, timed, total_time, max_time,"
	"  credit_wait_time)"
	" SELECT r.serverid, COALESCE((SELECT pg_catalog.max(l.since)"
	"    FROM joor.counter l WHERE l.serverid = r.serverid),"
	"   pg_catalog.clock_timestamp()), 1,"
	"  (r.outcome = 'delivered')::integer,"
	"  (r.outcome = 'partly_rejected')::integer,"
	"  (r.outcome = 'refused')::integer,"
	"  (r.outcome = 'unknown')::integer, (r.outcome = 'failed')::integer,"
	"  (r.outcome = 'failed' AND r.http_status IS NULL)::integer,"
	"  (r.outcome = 'throttled')::integer, $4,"
	"  COALESCE(p.outcome IN ('failed', 'throttled')"
	"   OR p.outcome = 'unknown' AND p.http_status IS NULL,"
	"   false)::integer,"
	"  r.items, $2, COALESCE(r.rejected, 0),"
	"  CASE WHEN r.source = 'worker' THEN $2 + COALESCE(r.rejected, 0)"
	"   ELSE 0 END,"
	"  r.bytes, r.credits, (r.duration IS NOT NULL)::integer, d.ms, d.ms,"
	"  $3 / 1000.0"
	" FROM joor.request r"
	" CROSS JOIN LATERAL (SELECT COALESCE(EXTRACT(epoch FROM r.duration)"
	"   * 1000, 0)::float8 AS ms) d"
	" LEFT JOIN LATERAL (SELECT q.outcome, q.http_status"
	"  FROM joor.request q"
	"  WHERE q.serverid = r.serverid AND q.id < r.id"
	"  ORDER BY q.serverid DESC, q.id DESC LIMIT 1) p ON true"
	" WHERE r.id = $1"
	" ON CONFLICT (serverid, since) DO UPDATE SET"
	"  requests = c.requests + EXCLUDED.requests,"
	"  delivered = c.delivered + EXCLUDED.delivered,"
	"  partly_rejected = c.partly_rejected + EXCLUDED.partly_rejected,"
	"  refused = c.refused + EXCLUDED.refused,"
	"  unknown = c.unknown + EXCLUDED.unknown,"
	"  failed = c.failed + EXCLUDED.failed,"
	"  unreachable = c.unreachable + EXCLUDED.unreachable,"
	"  throttled = c.throttled + EXCLUDED.throttled,"
	"  stopped = c.stopped + EXCLUDED.stopped,"
	"  retries = c.retries + EXCLUDED.retries,"
	"  items = c.items + EXCLUDED.items,"
	"  items_accepted = c.items_accepted + EXCLUDED.items_accepted,"
	"  items_rejected = c.items_rejected + EXCLUDED.items_rejected,"
	"  items_drained = c.items_drained + EXCLUDED.items_drained,"
	"  bytes = c.bytes + EXCLUDED.bytes,"
	"  credits = c.credits + EXCLUDED.credits,"
	"  timed = c.timed + EXCLUDED.timed,"
	"  total_time = c.total_time + EXCLUDED.total_time,"
	"  max_time = GREATEST(c.max_time, EXCLUDED.max_time),"
	"  credit_wait_time = c.credit_wait_time"
	"   + EXCLUDED.credit_wait_time";

void
joor_counter_add(int64 request_id, int64 accepted, int64 waited, bool stopped)
{
	JoorArgs args = {0};

	if (!table_exists())
		return;
	joor_args_int(&args, request_id);
	joor_args_int(&args, accepted);
	joor_args_int(&args, waited);
	joor_args_int(&args, stopped);
	joor_tables_execute(count_request, &args, SPI_OK_INSERT);
}

void
joor_counter_expire(void)
{
	JoorArgs args = {0};

	if (table_exists())
		joor_tables_execute(
			"DELETE FROM joor.counter c WHERE EXISTS (SELECT"
			"  FROM joor.counter l WHERE l.serverid = c.serverid"
			"   AND l.since > c.since)",
			&args, SPI_OK_DELETE);
}

/*
 * joor.stat_reset(server): the counters of an account, NULL: of all, begin
 * anew when the caller's transaction commits.  A clock that was set back does
 * not hide the new row behind the old one.
 */
Datum
joor_inventory_stat_reset(PG_FUNCTION_ARGS)
{
	JoorTables tables;
	JoorArgs   args = {0};

	if (PG_ARGISNULL(0))
		joor_args_null(&args, OIDOID);
	else
		joor_args_oid(&args,
					  joor_account_server(text_to_cstring(PG_GETARG_TEXT_PP(0)))
						  ->serverid);
	joor_tables_open(&tables);
	joor_tables_execute(
		"INSERT INTO joor.counter (serverid, since)"
		" SELECT s.oid, GREATEST(pg_catalog.clock_timestamp(),"
		"   (SELECT pg_catalog.max(l.since) + interval '1 us'"
		"    FROM joor.counter l WHERE l.serverid = s.oid))"
		" FROM pg_catalog.pg_foreign_server s"
		" JOIN pg_catalog.pg_foreign_data_wrapper w ON w.oid = s.srvfdw"
		" WHERE w.fdwname = 'joor_inventory' AND (s.oid = $1 OR $1 IS NULL)"
		" ON CONFLICT DO NOTHING",
		&args, SPI_OK_INSERT);
	joor_tables_close(&tables);
	PG_RETURN_VOID();
}
