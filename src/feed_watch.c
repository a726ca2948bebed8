/*-------------------------------------------------------------------------
 *
 * feed_watch.c
 *	  joor.watch(), joor.unwatch().
 *
 * A watch is nothing but triggers that call joor.mark_changed(feed, key): they
 * go with their table when it is renamed, dumped or dropped, and are found
 * again in pg_trigger, by view joor.watch_trigger.  Row triggers of a
 * partitioned table reach its partitions by themselves; those for TRUNCATE,
 * and all of an inheritance parent's, are put on each child.
 *
 * They are created with the rights of the extension's owner, after the
 * caller was found to have those that CREATE TRIGGER asks for, so that nobody
 * needs EXECUTE on joor.mark_changed(), who could mark keys of any feed by
 * it.  The statements consist of names and of casts to text; they are parsed,
 * not run.
 *
 * A condition on columns compares what is stored before and after, so that a
 * change made by a BEFORE trigger or by a generated column counts as well,
 * which UPDATE OF would not see.
 *
 * Floor 8.
 *
 * IDENTIFICATION
 *	  src/feed_watch.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/relation.h"
#include "access/xact.h"
#include "catalog/catalog.h"
#include "catalog/pg_class.h"
#include "catalog/pg_inherits.h"
#include "catalog/pg_namespace.h"
#include "catalog/pg_operator.h"
#include "catalog/pg_type.h"
#include "commands/defrem.h"
#include "commands/trigger.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/syscache.h"
#include "utils/typcache.h"

#include "argument.h"
#include "feed_watch.h"

PG_FUNCTION_INFO_V1(joor_inventory_watch);
PG_FUNCTION_INFO_V1(joor_inventory_unwatch);

/* What is to be watched. */
typedef struct Watch
{
	JoorFeed *feed;
	Oid		  table;
	char	 *key;	   /* column of the table */
	List	 *columns; /* names, char *; NIL: all */
} Watch;

/*
 * Checks.
 */

static void
pg_attribute_noreturn()
	refuse_table(Relation table, const char *detail, const char *hint)
{
	ereport(ERROR,
			(errcode(ERRCODE_WRONG_OBJECT_TYPE),
			 errmsg("cannot watch \"%s\"", RelationGetRelationName(table)),
			 errdetail("%s", detail), hint != NULL ? errhint("%s", hint) : 0));
}

/* Errors out unless it is a table that can have our triggers. */
static void
check_table(Relation table)
{
	switch (table->rd_rel->relkind)
	{
		case RELKIND_RELATION:
		case RELKIND_PARTITIONED_TABLE:
			break;
		case RELKIND_VIEW:
		case RELKIND_MATVIEW:
			refuse_table(table, "It is a view, which stores no changes.",
						 "Watch the tables that it reads.");
		case RELKIND_FOREIGN_TABLE:
			refuse_table(table,
						 "It is a foreign table, whose changes happen "
						 "elsewhere.",
						 NULL);
		default:
			refuse_table(table, "It is not a table.", NULL);
	}
	if (table->rd_rel->relpersistence == RELPERSISTENCE_TEMP)
		refuse_table(table,
					 "It is a temporary table, which others do not "
					 "see.",
					 NULL);
	if (IsSystemRelation(table))
		refuse_table(table, "It is a system catalog.", NULL);
}

static void
check_trigger_right(Oid table)
{
	AclResult aclresult = pg_class_aclcheck(table, GetUserId(), ACL_TRIGGER);

	if (aclresult != ACLCHECK_OK)
		aclcheck_error(aclresult, OBJECT_TABLE, get_rel_name(table));
}

/* The number of a column of a table; errors out when there is none. */
static AttrNumber
check_column(Oid table, const char *name)
{
	AttrNumber attnum = get_attnum(table, name);

	if (attnum <= 0)
		ereport(ERROR, (errcode(ERRCODE_UNDEFINED_COLUMN),
						errmsg("column \"%s\" of table \"%s\" does not exist",
							   name, get_rel_name(table))));
	return attnum;
}

static bool
is_integer(Oid type)
{
	return type == INT2OID || type == INT4OID || type == INT8OID;
}

static bool
is_text(Oid type)
{
	return type == TEXTOID || type == VARCHAROID || type == NAMEOID;
}

/*
 * Whether the text of a column's value is that of the same key of the feed.
 * Numbers with decimals and padded strings are the same value with another
 * text when they have another modifier.  A feed whose key is text has made it
 * by a cast, if the table has another type.
 */
static bool
keys_match(const JoorFeed *feed, Oid type, int32 typmod)
{
	if (is_integer(type) && is_integer(feed->key_type))
		return true;
	if (is_text(feed->key_type))
		return is_text(type) || is_integer(type) || type == NUMERICOID ||
			   type == UUIDOID || type == DATEOID || type == TIMESTAMPOID ||
			   get_typtype(type) == TYPTYPE_ENUM;
	if (type == NUMERICOID || type == BPCHAROID)
		return type == feed->key_type && typmod == feed->key_typmod;
	return type == feed->key_type;
}

static void
check_key(const Watch *watch)
{
	AttrNumber attnum = check_column(watch->table, watch->key);
	Oid		   type;
	int32	   typmod;
	Oid		   collation;

	get_atttypetypmodcoll(watch->table, attnum, &type, &typmod, &collation);
	type = getBaseTypeAndTypmod(type, &typmod);
	if (!keys_match(watch->feed, type, typmod))
		ereport(
			ERROR,
			(errcode(ERRCODE_DATATYPE_MISMATCH),
			 errmsg("column \"%s\" of table \"%s\" does not fit the key of "
					"feed \"%s\"",
					watch->key, get_rel_name(watch->table), watch->feed->name),
			 errdetail("The column is of type %s, the key of type %s.",
					   format_type_with_typemod(type, typmod),
					   format_type_with_typemod(watch->feed->key_type,
												watch->feed->key_typmod)),
			 errhint("Cast the key in the feed's query to text, or to the "
					 "type of this column.")));
}

/* Errors out unless the caller may, and the table can be watched this way. */
static void
check_watch(const Watch *watch)
{
	Relation  table;
	ListCell *cell;

	joor_feed_check_owner(watch->feed);
	check_trigger_right(watch->table);
	table = relation_open(watch->table, ShareRowExclusiveLock);
	check_table(table);
	relation_close(table, NoLock);
	check_key(watch);
	foreach (cell, watch->columns)
		(void) check_column(watch->table, lfirst(cell));
}

/*
 * Statements.
 */

static char *
table_name(Oid table)
{
	return quote_qualified_identifier(
		get_namespace_name(get_rel_namespace(table)), get_rel_name(table));
}

/* Runs a statement of no more than names; tables are open. */
static void
run_statement(const char *sql)
{
	JoorArgs args = {0};

	joor_tables_execute(sql, &args, SPI_OK_UTILITY);
	CommandCounterIncrement();
}

/*
 * Drops the feed's triggers, with those that core has put on partitions, from
 * a table or, if InvalidOid, from all; how many there were.  Tables are open.
 */
static int
drop_triggers(const char *feed, Oid table)
{
	JoorArgs  args = {0};
	List	 *statements = NIL;
	ListCell *cell;
	uint64	  i;

	joor_args_text(&args, feed);
	joor_args_oid(&args, table);
	joor_tables_execute(
		"SELECT pg_catalog.format('DROP TRIGGER %I ON %I.%I', w.\"trigger\","
		"  n.nspname, c.relname)"
		" FROM joor.watch_trigger w"
		" JOIN pg_catalog.pg_class c ON c.oid = w.\"table\""
		" JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace"
		" WHERE w.feed = $1 AND ($2 = 0 OR c.oid = $2)",
		&args, SPI_OK_SELECT);
	for (i = 0; i < SPI_processed; i++)
		statements =
			lappend(statements, SPI_getvalue(SPI_tuptable->vals[i],
											 SPI_tuptable->tupdesc, 1));
	foreach (cell, statements)
		run_statement(lfirst(cell));
	return list_length(statements);
}

/* A name for a trigger of the feed that the table does not have yet. */
static char *
trigger_name(const Watch *watch, Oid table, const char *label)
{
	char *name = makeObjectName("joor", watch->feed->name, label);
	int	  number = 0;

	while (OidIsValid(get_trigger_oid(table, name, true)))
		name = makeObjectName(
			"joor", watch->feed->name,
			psprintf("%s%d", label != NULL ? label : "", ++number));
	return name;
}

/*
 * Whether the parser finds a type's equality in pg_catalog.  Where it does
 * not, texts are compared: a dump of the trigger could not be restored, as
 * IS DISTINCT FROM cannot name an operator's schema.
 */
static bool
is_comparable(Oid type)
{
	Oid		  equality = lookup_type_cache(type, TYPECACHE_EQ_OPR)->eq_opr;
	HeapTuple tuple;
	bool	  result;

	if (!OidIsValid(equality))
		return false;
	tuple = SearchSysCache1(OPEROID, ObjectIdGetDatum(equality));
	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for operator %u", equality);
	result = ((Form_pg_operator) GETSTRUCT(tuple))->oprnamespace ==
			 PG_CATALOG_NAMESPACE;
	ReleaseSysCache(tuple);
	return result;
}

/* Appends: the column is not what it was. */
static void
append_condition(StringInfo sql, Oid table, const char *column)
{
	Oid			type = get_atttype(table, check_column(table, column));
	const char *name = quote_identifier(column);
	const char *cast =
		is_comparable(getBaseType(type)) ? "" : "::pg_catalog.text";

	appendStringInfo(sql, "OLD.%s%s IS DISTINCT FROM NEW.%s%s", name, cast,
					 name, cast);
}

/* The WHEN clause of an update trigger; empty: each update counts. */
static char *
update_condition(const Watch *watch, Oid table)
{
	StringInfoData sql;
	ListCell	  *cell;

	initStringInfo(&sql);
	if (watch->columns == NIL)
		return sql.data;
	appendStringInfoString(&sql, " WHEN (");
	append_condition(&sql, table, watch->key);
	foreach (cell, watch->columns)
	{
		appendStringInfoString(&sql, " OR ");
		append_condition(&sql, table, lfirst(cell));
	}
	appendStringInfoChar(&sql, ')');
	return sql.data;
}

/*
 * Creates a trigger that fires on subscribers of logical replication, too.
 * `when`: row or statement, with its condition.
 */
static void
create_trigger(const Watch *watch, Oid table, const char *label,
			   const char *event, const char *when)
{
	char *name = trigger_name(watch, table, label);

	run_statement(psprintf("CREATE TRIGGER %s AFTER %s ON %s FOR EACH %s"
						   " EXECUTE FUNCTION joor.mark_changed(%s, %s)",
						   quote_identifier(name), event, table_name(table),
						   when, quote_literal_cstr(watch->feed->name),
						   quote_literal_cstr(watch->key)));
	run_statement(psprintf("ALTER TABLE %s ENABLE ALWAYS TRIGGER %s",
						   table_name(table), quote_identifier(name)));
}

static void
create_row_triggers(const Watch *watch, Oid table)
{
	create_trigger(watch, table, NULL, "INSERT OR DELETE", "ROW");
	create_trigger(watch, table, "update", "UPDATE",
				   psprintf("ROW%s", update_condition(watch, table)));
}

/*
 * Triggers of the table and of its children.  Foreign tables and temporary
 * ones among them have none: their changes are not seen here.
 */
static void
create_triggers(const Watch *watch, List *tables)
{
	bool partitioned =
		get_rel_relkind(watch->table) == RELKIND_PARTITIONED_TABLE;
	ListCell *cell;

	foreach (cell, tables)
	{
		Oid table = lfirst_oid(cell);

		if (get_rel_relkind(table) == RELKIND_FOREIGN_TABLE ||
			get_rel_persistence(table) == RELPERSISTENCE_TEMP)
			continue;
		if (!partitioned || table == watch->table)
			create_row_triggers(watch, table);
		create_trigger(watch, table, "truncate", "TRUNCATE", "STATEMENT");
	}
}

/*
 * joor.watch(feed, table, key, columns)
 */

/* The names of an array; NIL: it is null. */
static List *
column_names(FunctionCallInfo fcinfo, int arg)
{
	List  *names = NIL;
	Datum *values;
	bool  *nulls;
	int	   count;
	int	   i;

	if (PG_ARGISNULL(arg))
		return NIL;
	deconstruct_array(PG_GETARG_ARRAYTYPE_P(arg), TEXTOID, -1, false,
					  TYPALIGN_INT, &values, &nulls, &count);
	for (i = 0; i < count; i++)
	{
		if (nulls[i])
			ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
							errmsg("argument \"columns\" must not contain "
								   "nulls")));
		names = lappend(names, TextDatumGetCString(values[i]));
	}
	if (names == NIL)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("argument \"columns\" must not be empty"),
						errhint("Leave it out to watch all columns.")));
	return names;
}

Datum
joor_inventory_watch(PG_FUNCTION_ARGS)
{
	Watch	   watch = {0};
	JoorTables tables;
	List	  *children;
	ListCell  *cell;

	watch.feed = joor_feed_open(joor_argument_text(fcinfo, 0, "feed"));
	joor_argument_check(fcinfo, 1, "table");
	watch.table = PG_GETARG_OID(1);
	watch.key = joor_argument_text(fcinfo, 2, "key");
	watch.columns = column_names(fcinfo, 3);

	check_watch(&watch);
	children = find_all_inheritors(watch.table, ShareRowExclusiveLock, NULL);
	if (get_rel_relkind(watch.table) != RELKIND_PARTITIONED_TABLE)
		foreach (cell, children)
			check_trigger_right(lfirst_oid(cell));

	joor_tables_open(&tables);
	foreach (cell, children)
		(void) drop_triggers(watch.feed->name, lfirst_oid(cell));
	create_triggers(&watch, children);
	joor_tables_close(&tables);
	PG_RETURN_VOID();
}

/*
 * joor.unwatch(feed, table)
 */
Datum
joor_inventory_unwatch(PG_FUNCTION_ARGS)
{
	JoorFeed  *feed = joor_feed_open_own(text_to_cstring(PG_GETARG_TEXT_PP(0)));
	Oid		   table = PG_GETARG_OID(1);
	JoorTables tables;
	ListCell  *cell;
	int		   dropped = 0;

	joor_tables_open(&tables);
	/* no lock: DROP TRIGGER takes it, where there is something to drop */
	foreach (cell, find_all_inheritors(table, NoLock, NULL))
		dropped += drop_triggers(feed->name, lfirst_oid(cell));
	joor_tables_close(&tables);
	if (dropped == 0)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("feed \"%s\" does not watch that table", feed->name)));
	PG_RETURN_VOID();
}

void
joor_feed_unwatch_all(const char *feed)
{
	JoorTables tables;

	joor_tables_open(&tables);
	(void) drop_triggers(feed, InvalidOid);
	joor_tables_close(&tables);
}

void
joor_feed_check_watches(JoorFeed *feed)
{
	JoorTables tables;
	JoorArgs   args = {0};
	Watch	   watch = {0};
	uint64	   i;
	bool	   isnull;

	watch.feed = feed;
	joor_args_text(&args, feed->name);
	joor_tables_open(&tables);
	joor_tables_execute("SELECT \"table\"::oid, key FROM joor.watch_trigger"
						" WHERE feed = $1",
						&args, SPI_OK_SELECT);
	for (i = 0; i < SPI_processed; i++)
	{
		HeapTuple tuple = SPI_tuptable->vals[i];
		TupleDesc desc = SPI_tuptable->tupdesc;

		watch.table = DatumGetObjectId(SPI_getbinval(tuple, desc, 1, &isnull));
		watch.key = SPI_getvalue(tuple, desc, 2);
		if (get_attnum(watch.table, watch.key) > 0)
			check_key(&watch);
	}
	joor_tables_close(&tables);
}
