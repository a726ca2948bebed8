/*-------------------------------------------------------------------------
 *
 * tables.c
 *	  The extension's own tables, reached by SPI with its owner's rights.
 *
 * Floor 2.
 *
 * IDENTIFICATION
 *	  src/tables.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "access/xact.h"
#include "catalog/indexing.h"
#include "catalog/pg_extension.h"
#include "catalog/pg_type.h"
#include "commands/extension.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "storage/lmgr.h"
#include "tcop/tcopprot.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

#include "tables.h"
#include "tables_plan.h"

/*
 * What holds for our own statements.  They look up rows by an index, and in
 * the index's order, and must go on doing so when a million rows came since
 * the last ANALYZE, as they do in a queue: so the planner is not left to guess.
 */
static const struct
{
	const char *name;
	const char *value;
} tables_settings[] = {
	{"search_path", "pg_catalog, pg_temp"},
	{"enable_seqscan", "off"},
	{"enable_bitmapscan", "off"},
	{"enable_hashjoin", "off"},
	{"enable_mergejoin", "off"},
	{"enable_material", "off"},
	{"enable_sort", "off"},
	{"enable_incremental_sort", "off"},
	{"jit", "off"},
};

/* The owner of this extension; it may be another role after each ALTER. */
static Oid
extension_owner(void)
{
	Relation	relation = table_open(ExtensionRelationId, AccessShareLock);
	ScanKeyData key;
	SysScanDesc scan;
	HeapTuple	tuple;
	Oid			owner = InvalidOid;

	ScanKeyInit(&key, Anum_pg_extension_extname, BTEqualStrategyNumber,
				F_NAMEEQ, CStringGetDatum("joor_inventory"));
	scan =
		systable_beginscan(relation, ExtensionNameIndexId, true, NULL, 1, &key);
	tuple = systable_getnext(scan);
	if (HeapTupleIsValid(tuple))
		owner = ((Form_pg_extension) GETSTRUCT(tuple))->extowner;
	systable_endscan(scan);
	table_close(relation, AccessShareLock);

	if (!OidIsValid(owner))
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("extension \"joor_inventory\" is not there, or not "
						"committed yet"),
				 errhint("Run CREATE EXTENSION joor_inventory in a "
						 "transaction of its own.")));
	return owner;
}

void
joor_tables_open(JoorTables *tables)
{
	Size i;

	GetUserIdAndSecContext(&tables->userid, &tables->sec_context);
	SetUserIdAndSecContext(extension_owner(),
						   tables->sec_context | SECURITY_LOCAL_USERID_CHANGE);
	tables->nest_level = NewGUCNestLevel();
	for (i = 0; i < lengthof(tables_settings); i++)
		(void) set_config_option(
			tables_settings[i].name, tables_settings[i].value, PGC_USERSET,
			PGC_S_SESSION, GUC_ACTION_SAVE, true, 0, false);
	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "SPI_connect failed");
}

void
joor_tables_close(JoorTables *tables)
{
	if (SPI_finish() != SPI_OK_FINISH)
		elog(ERROR, "SPI_finish failed");
	AtEOXact_GUC(true, tables->nest_level);
	SetUserIdAndSecContext(tables->userid, tables->sec_context);
}

void
joor_tables_reset_planner(void)
{
	Size i;

	for (i = 0; i < lengthof(tables_settings); i++)
		if (strncmp(tables_settings[i].name, "enable_", 7) == 0)
			(void) set_config_option(tables_settings[i].name, NULL, PGC_USERSET,
									 PGC_S_SESSION, GUC_ACTION_SAVE, true, 0,
									 false);
}

static void
override_setting(const char *name, const char *value)
{
	SetConfigOption(name, value, PGC_SUSET, PGC_S_OVERRIDE);
}

void
joor_tables_settings(const char *lock_timeout)
{
	override_setting("lock_timeout", lock_timeout);
	override_setting("default_transaction_read_only", "off");
	override_setting("default_transaction_isolation", "read committed");
	/* whether to wait for standbys, too, is the database's to say */
	if (synchronous_commit < SYNCHRONOUS_COMMIT_LOCAL_FLUSH)
		override_setting("synchronous_commit", "local");
}

/*
 * Meets DROP EXTENSION here, which locks the extension before anything of it,
 * and not between two tables, which it goes through in an order of its own.
 */
static void
lock_extension(void)
{
	Oid extension = get_extension_oid("joor_inventory", true);

	if (OidIsValid(extension))
		LockDatabaseObject(ExtensionRelationId, extension, 0, AccessShareLock);
}

void
joor_tables_begin(JoorTables *tables)
{
	tables->context = CurrentMemoryContext;
	SetCurrentStatementStartTimestamp();
	StartTransactionCommand();
	lock_extension();
	PushActiveSnapshot(GetTransactionSnapshot());
	pgstat_report_activity(STATE_RUNNING, debug_query_string);
	joor_tables_open(tables);
}

void
joor_tables_commit(JoorTables *tables)
{
	joor_tables_close(tables);
	PopActiveSnapshot();
	CommitTransactionCommand();
	pgstat_report_stat(false);
	pgstat_report_activity(STATE_IDLE, NULL);
	MemoryContextSwitchTo(tables->context);
}

/* Adds a parameter of any type. */
static void
add_arg(JoorArgs *args, Oid type, Datum value, bool isnull)
{
	Assert(args->count < JOOR_TABLES_MAX_ARGS);
	args->types[args->count] = type;
	args->values[args->count] = value;
	args->nulls[args->count] = isnull ? 'n' : ' ';
	args->count++;
}

void
joor_args_oid(JoorArgs *args, Oid value)
{
	add_arg(args, OIDOID, ObjectIdGetDatum(value), false);
}

void
joor_args_int(JoorArgs *args, int64 value)
{
	add_arg(args, INT8OID, Int64GetDatum(value), false);
}

void
joor_args_bool(JoorArgs *args, bool value)
{
	add_arg(args, BOOLOID, BoolGetDatum(value), false);
}

void
joor_args_text(JoorArgs *args, const char *value)
{
	if (value == NULL)
		joor_args_null(args, TEXTOID);
	else
		add_arg(args, TEXTOID, CStringGetTextDatum(value), false);
}

void
joor_args_time(JoorArgs *args, TimestampTz value)
{
	add_arg(args, TIMESTAMPTZOID, TimestampTzGetDatum(value), false);
}

/* Adds an array, and frees its datums. */
static void
add_array(JoorArgs *args, Oid array_type, Datum *datums, int count, Oid type,
		  int16 length, bool by_value, char alignment)
{
	joor_args_datum(args, array_type,
					PointerGetDatum(construct_array(datums, count, type, length,
													by_value, alignment)));
	pfree(datums);
}

void
joor_args_ints(JoorArgs *args, const int64 *values, int count)
{
	Datum *datums =
		palloc_extended(sizeof(Datum) * (count + 1), MCXT_ALLOC_HUGE);
	int i;

	for (i = 0; i < count; i++)
		datums[i] = Int64GetDatum(values[i]);
	add_array(args, INT8ARRAYOID, datums, count, INT8OID, sizeof(int64),
			  FLOAT8PASSBYVAL, TYPALIGN_DOUBLE);
}

void
joor_args_texts(JoorArgs *args, char *const *values, int count)
{
	Datum *datums =
		palloc_extended(sizeof(Datum) * (count + 1), MCXT_ALLOC_HUGE);
	int i;

	for (i = 0; i < count; i++)
		datums[i] = CStringGetTextDatum(values[i]);
	add_array(args, TEXTARRAYOID, datums, count, TEXTOID, -1, false,
			  TYPALIGN_INT);
}

void
joor_args_null(JoorArgs *args, Oid type)
{
	add_arg(args, type, (Datum) 0, true);
}

void
joor_args_datum(JoorArgs *args, Oid type, Datum value)
{
	add_arg(args, type, value, false);
}

void
joor_tables_execute(const char *sql, JoorArgs *args, int expected)
{
	MemoryContext context = CurrentMemoryContext;
	int			  result;

	if (expected == SPI_OK_UTILITY)
		result = SPI_execute(sql, false, 0);
	else
		result = SPI_execute_plan(joor_tables_plan(sql, args), args->values,
								  args->nulls, false, 0);
	/* SPI leaves us in a context of its own, gone with joor_tables_close() */
	MemoryContextSwitchTo(context);
	if (result != expected)
		elog(ERROR, "SPI returned %s for: %s", SPI_result_code_string(result),
			 sql);
}

bool
joor_tables_value(int column, Datum *value)
{
	bool isnull;

	if (SPI_processed == 0)
		return false;
	*value = SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, column,
						   &isnull);
	return !isnull;
}
