/*-------------------------------------------------------------------------
 *
 * arming.c
 *	  Whether an account may be sent to from this database; pause and resume.
 *
 * Floor 4: the SQL text of joor.account and joor.stop stands here.
 *
 * IDENTIFICATION
 *	  src/arming.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xlog.h"
#include "commands/dbcommands.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "arming.h"
#include "settings.h"
#include "tables.h"
#include "wake.h"

PG_FUNCTION_INFO_V1(joor_inventory_pause);
PG_FUNCTION_INFO_V1(joor_inventory_resume);
PG_FUNCTION_INFO_V1(joor_inventory_deactivate);

void
joor_arming_check_cluster(void)
{
	if (!joor_enabled)
		ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
						errmsg("sending to JOOR is switched off"),
						errhint("Switch it on by ALTER SYSTEM SET "
								"joor_inventory.enabled = on and SELECT "
								"pg_reload_conf().")));
	if (RecoveryInProgress())
		ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
						errmsg("cannot send to JOOR during recovery"),
						errhint("Send from the primary server.")));
}

static void
pg_attribute_noreturn()
	not_active(const JoorAccount *account, const char *detail)
{
	ereport(ERROR,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			 errmsg("account \"%s\" is not active", account->server),
			 errdetail("%s", detail),
			 errhint("Test and arm it by SELECT * FROM joor.activate(%s).",
					 quote_literal_cstr(account->server))));
}

/* Errors out unless activation was here, and the account is not paused. */
static void
check_activation(const JoorAccount *account)
{
	JoorArgs args = {0};
	Datum	 value;

	joor_args_oid(&args, account->serverid);
	joor_args_text(&args, account->server);
	joor_args_int(&args, (int64) GetSystemIdentifier());
	joor_args_oid(&args, MyDatabaseId);
	joor_tables_execute(
		"SELECT serverid = $1 AND system_identifier = $3 AND database = $4,"
		"  pg_catalog.format('%s by %s', paused_at, paused_by),"
		"  paused_at IS NOT NULL"
		" FROM joor.account WHERE serverid = $1 OR server = $2"
		" ORDER BY 1 DESC LIMIT 1",
		&args, SPI_OK_SELECT);
	if (!joor_tables_value(1, &value))
		not_active(account, "It has not been activated in this database.");
	if (!DatumGetBool(value))
		not_active(account,
				   "It was activated in another cluster or database, of "
				   "which this one is a copy.");
	if (joor_tables_value(3, &value) && DatumGetBool(value))
		ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
						errmsg("account \"%s\" is paused", account->server),
						errdetail("It was paused at %s.",
								  SPI_getvalue(SPI_tuptable->vals[0],
											   SPI_tuptable->tupdesc, 2)),
						errhint("Go on by SELECT joor.resume(%s).",
								quote_literal_cstr(account->server))));
}

/* Errors out when the account was stopped as it is configured now. */
static void
check_stop(const JoorAccount *account)
{
	JoorArgs args = {0};
	Datum	 value;

	joor_args_oid(&args, account->serverid);
	joor_args_text(&args, account->configuration);
	joor_tables_execute(
		"SELECT pg_catalog.format('%s (%s)', s.reason, s.stopped_at)"
		" FROM joor.stop s JOIN joor.account a USING (serverid)"
		" WHERE s.serverid = $1 AND s.configuration = $2"
		" AND s.stopped_at > COALESCE(a.resumed_at, '-infinity')",
		&args, SPI_OK_SELECT);
	if (joor_tables_value(1, &value))
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("account \"%s\" is stopped", account->server),
				 errdetail("%s", TextDatumGetCString(value)),
				 errhint("Correct its token or address, or try again by SELECT "
						 "joor.resume(%s).",
						 quote_literal_cstr(account->server))));
}

void
joor_arming_check(const JoorAccount *account, bool needs_arming)
{
	JoorTables tables;

	joor_arming_check_cluster();
	if (!needs_arming)
		return;
	joor_tables_open(&tables);
	check_activation(account);
	check_stop(account);
	joor_tables_close(&tables);
}

bool
joor_arming_activate(const JoorAccount *account)
{
	bool		is_new;
	JoorTables	tables;
	JoorArgs	args = {0};
	const char *user = GetUserNameFromId(GetUserId(), false);

	joor_tables_open(&tables);
	joor_args_oid(&args, account->serverid);
	joor_args_text(&args, account->server);
	joor_args_int(&args, (int64) GetSystemIdentifier());
	joor_args_oid(&args, MyDatabaseId);
	joor_args_text(&args, user);
	joor_tables_execute("SELECT 1 FROM joor.account WHERE serverid = $1"
						" AND system_identifier = $3 AND database = $4",
						&args, SPI_OK_SELECT);
	is_new = SPI_processed == 0;
	joor_tables_execute(
		"DELETE FROM joor.account WHERE server = $2 AND serverid <> $1", &args,
		SPI_OK_DELETE);
	joor_tables_execute(
		"INSERT INTO joor.account AS a (serverid, server, system_identifier,"
		"  database, activated_at, activated_by, resumed_at)"
		" VALUES ($1, $2, $3, $4, pg_catalog.clock_timestamp(), $5,"
		"  pg_catalog.clock_timestamp())"
		" ON CONFLICT (serverid) DO UPDATE SET server = EXCLUDED.server,"
		"  system_identifier = EXCLUDED.system_identifier,"
		"  database = EXCLUDED.database,"
		"  activated_at = EXCLUDED.activated_at,"
		"  activated_by = EXCLUDED.activated_by, paused_at = NULL,"
		"  paused_by = NULL, resumed_at = EXCLUDED.resumed_at",
		&args, SPI_OK_INSERT);
	joor_tables_close(&tables);
	return is_new;
}

TimestampTz
joor_arming_resumed_at(Oid serverid)
{
	JoorArgs args = {0};
	Datum	 value;

	joor_args_oid(&args, serverid);
	joor_tables_execute("SELECT resumed_at FROM joor.account"
						" WHERE serverid = $1",
						&args, SPI_OK_SELECT);
	return joor_tables_value(1, &value) ? DatumGetTimestampTz(value) : 0;
}

void
joor_arming_stop(Oid serverid, const char *server, const char *reason,
				 const char *configuration)
{
	JoorArgs args = {0};

	joor_args_oid(&args, serverid);
	joor_args_text(&args, server);
	joor_args_text(&args, reason);
	joor_args_text(&args, configuration);
	joor_tables_execute(
		"INSERT INTO joor.stop (serverid, server, stopped_at, reason,"
		"  configuration)"
		" VALUES ($1, $2, pg_catalog.clock_timestamp(), $3, $4)"
		" ON CONFLICT (serverid) DO UPDATE SET server = EXCLUDED.server,"
		"  stopped_at = EXCLUDED.stopped_at, reason = EXCLUDED.reason,"
		"  configuration = EXCLUDED.configuration",
		&args, SPI_OK_INSERT);
}

/* Changes the row of an account that the caller owns. */
static void
change_account(FunctionCallInfo fcinfo, const char *sql, int expected)
{
	JoorAccount *account =
		joor_account_open(text_to_cstring(PG_GETARG_TEXT_PP(0)));
	const char *user = GetUserNameFromId(GetUserId(), false);
	JoorTables	tables;
	JoorArgs	args = {0};

	joor_account_check_owner(account);
	joor_tables_open(&tables);
	joor_args_oid(&args, account->serverid);
	joor_args_text(&args, user);
	joor_tables_execute(sql, &args, expected);
	if (SPI_processed == 0)
		not_active(account, "It has not been activated in this database.");
	joor_tables_close(&tables);
}

/* joor.pause(server): nothing is sent until joor.resume(). */
Datum
joor_inventory_pause(PG_FUNCTION_ARGS)
{
	change_account(fcinfo,
				   "UPDATE joor.account SET"
				   "  paused_at = pg_catalog.clock_timestamp(),"
				   "  paused_by = $2 WHERE serverid = $1",
				   SPI_OK_UPDATE);
	PG_RETURN_VOID();
}

/* joor.resume(server): ends a pause, and a stop. */
Datum
joor_inventory_resume(PG_FUNCTION_ARGS)
{
	change_account(fcinfo,
				   "UPDATE joor.account SET paused_at = NULL,"
				   "  paused_by = NULL,"
				   "  resumed_at = pg_catalog.clock_timestamp()"
				   " WHERE serverid = $1",
				   SPI_OK_UPDATE);
	joor_wake_at_commit();
	PG_RETURN_VOID();
}

/* joor.deactivate(server): nothing is sent until joor.activate(). */
Datum
joor_inventory_deactivate(PG_FUNCTION_ARGS)
{
	change_account(fcinfo, "DELETE FROM joor.account WHERE serverid = $1",
				   SPI_OK_DELETE);
	PG_RETURN_VOID();
}
