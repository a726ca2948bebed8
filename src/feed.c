/*-------------------------------------------------------------------------
 *
 * feed.c
 *	  A feed: an item query with a name and a key, and how it is read.
 *
 * The text of a feed's query names every type and operator with its schema,
 * since the search_path under which it is run has pg_catalog only.  Keys are
 * compared by the equality of the key's own type, which is what an index on
 * the column behind it is made for.
 *
 * Floor 4.
 *
 * IDENTIFICATION
 *	  src/feed.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/relation.h"
#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "catalog/pg_operator.h"
#include "catalog/pg_type.h"
#include "foreign/foreign.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/syscache.h"
#include "utils/typcache.h"

#include "feed.h"

/* What texts of items and keys depend on, and what names in functions mean. */
static const struct
{
	const char *name;
	const char *value;
} feed_settings[] = {
	{"search_path", "pg_catalog, pg_temp"},
	{"DateStyle", "ISO, MDY"},
	{"IntervalStyle", "postgres"},
	{"extra_float_digits", "1"},
	{"bytea_output", "hex"},
};

/*
 * Opening.
 */

char *
joor_feed_view_name(const char *name)
{
	return psprintf("%s%s", JOOR_FEED_PREFIX, name);
}

/* A column of the definition as text, in that memory context. */
static char *
definition_text(int column, MemoryContext context)
{
	char *value =
		SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, column);

	return MemoryContextStrdup(context, value);
}

/* Reads the feed's row of joor.feed_definition. */
static void
read_definition(JoorFeed *feed, const char *name)
{
	MemoryContext context = GetMemoryChunkContext(feed);
	JoorArgs	  args = {0};
	Datum		  serverid;

	joor_args_text(&args, name);
	joor_tables_execute("SELECT name, serverid, server, key_column"
						" FROM joor.feed_definition WHERE name = $1",
						&args, SPI_OK_SELECT);
	if (!joor_tables_value(2, &serverid))
		ereport(ERROR, (errcode(ERRCODE_UNDEFINED_OBJECT),
						errmsg("feed \"%s\" does not exist", name)));
	feed->serverid = DatumGetObjectId(serverid);
	feed->name = definition_text(1, context);
	feed->server = definition_text(3, context);
	feed->key_column = definition_text(4, context);
}

/*
 * The server by its OID, so that it can be renamed; in a restored database,
 * where that is of no use, by its name.
 */
static void
find_server(JoorFeed *feed)
{
	ForeignServer *server =
		GetForeignServerExtended(feed->serverid, FSV_MISSING_OK);

	if (server != NULL)
		feed->server = server->servername;
	else
		feed->serverid = get_foreign_server_oid(feed->server, true);
}

/* Reads owner, columns and the key's type off the view. */
static void
read_view(JoorFeed *feed)
{
	Relation	   view = relation_open(feed->view, NoLock);
	TupleDesc	   desc = RelationGetDescr(view);
	StringInfoData columns;
	int			   i;

	feed->owner = view->rd_rel->relowner;
	initStringInfo(&columns);
	for (i = 0; i < desc->natts; i++)
	{
		Form_pg_attribute attribute = TupleDescAttr(desc, i);
		const char		 *name = NameStr(attribute->attname);

		appendStringInfo(&columns, "%s%s", i > 0 ? ", " : "",
						 quote_identifier(name));
		if (strcmp(name, feed->key_column) != 0)
			continue;
		feed->key_typmod = attribute->atttypmod;
		feed->key_type =
			getBaseTypeAndTypmod(attribute->atttypid, &feed->key_typmod);
	}
	feed->columns = columns.data;
	relation_close(view, NoLock);
}

JoorFeed *
joor_feed_find(const char *name)
{
	JoorFeed  *feed = palloc0(sizeof(JoorFeed));
	JoorTables tables;

	joor_tables_open(&tables);
	read_definition(feed, name);
	feed->view =
		RangeVarGetRelid(makeRangeVar("joor", joor_feed_view_name(name), -1),
						 AccessShareLock, true);
	joor_tables_close(&tables);

	find_server(feed);
	if (OidIsValid(feed->view))
		read_view(feed);
	return feed;
}

/* Finds a feed that still has its view. */
static JoorFeed *
find_viewed(const char *name)
{
	JoorFeed *feed = joor_feed_find(name);

	if (!OidIsValid(feed->view))
		ereport(ERROR, (errcode(ERRCODE_UNDEFINED_OBJECT),
						errmsg("the view of feed \"%s\" was dropped", name),
						errhint("Remove the rest of the feed by SELECT "
								"joor.drop_feed(%s).",
								quote_literal_cstr(name))));
	return feed;
}

JoorFeed *
joor_feed_open_own(const char *name)
{
	JoorFeed *feed = find_viewed(name);

	joor_feed_check_owner(feed);
	return feed;
}

JoorFeed *
joor_feed_open(const char *name)
{
	JoorFeed *feed = find_viewed(name);

	if (!OidIsValid(feed->serverid))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("server \"%s\" of feed \"%s\" does not exist",
						feed->server, name),
				 errhint("Give it another one by SELECT joor.alter_feed(%s, "
						 "server => '...').",
						 quote_literal_cstr(name))));
	if (!OidIsValid(feed->key_type))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_COLUMN),
				 errmsg("the view of feed \"%s\" has no key column \"%s\"",
						name, feed->key_column),
				 errhint("Name its key by SELECT joor.alter_feed(%s, key => "
						 "'...').",
						 quote_literal_cstr(name))));
	return feed;
}

JoorFeedName *
joor_feed_names(Oid serverid, int *count)
{
	MemoryContext context = CurrentMemoryContext;
	JoorArgs	  args = {0};
	JoorFeedName *names;
	int			  i;

	joor_args_oid(&args, serverid);
	joor_tables_execute("SELECT name, failed_at IS NOT NULL, created_at"
						" FROM joor.feed_definition WHERE serverid = $1"
						" ORDER BY name",
						&args, SPI_OK_SELECT);
	*count = (int) SPI_processed;
	names = palloc(sizeof(JoorFeedName) * (*count + 1));
	for (i = 0; i < *count; i++)
	{
		HeapTuple tuple = SPI_tuptable->vals[i];
		TupleDesc desc = SPI_tuptable->tupdesc;
		bool	  isnull;

		names[i].name =
			MemoryContextStrdup(context, SPI_getvalue(tuple, desc, 1));
		names[i].failing = DatumGetBool(SPI_getbinval(tuple, desc, 2, &isnull));
		names[i].created_at =
			DatumGetTimestampTz(SPI_getbinval(tuple, desc, 3, &isnull));
	}
	return names;
}

bool
joor_feed_note_failure(const char *name, const char *failure)
{
	JoorArgs args = {0};

	joor_args_text(&args, name);
	joor_args_text(&args, failure);
	joor_tables_execute(
		"UPDATE joor.feed_definition SET failure = $2,"
		"  failed_at = CASE WHEN $2 IS NOT NULL"
		"   THEN COALESCE(failed_at, pg_catalog.clock_timestamp()) END"
		" WHERE name = (SELECT name FROM joor.feed_definition"
		"  WHERE name = $1 FOR UPDATE SKIP LOCKED)",
		&args, SPI_OK_UPDATE);
	return SPI_processed > 0;
}

void
joor_feed_lock(const char *name)
{
	JoorTables tables;
	JoorArgs   args = {0};

	joor_tables_open(&tables);
	joor_args_text(&args, name);
	joor_tables_execute("SELECT 1 FROM joor.feed_definition"
						" WHERE name = $1 FOR UPDATE",
						&args, SPI_OK_SELECT);
	joor_tables_close(&tables);
}

void
joor_feed_adopt(Oid serverid, const char *server)
{
	JoorArgs args = {0};

	joor_args_oid(&args, serverid);
	joor_args_text(&args, server);
	/* of another server's feeds, which had this OID where they were dumped */
	joor_tables_execute(
		"UPDATE joor.feed_definition f SET serverid = 0"
		" WHERE f.serverid = $1 AND f.server <> $2"
		" AND EXISTS (SELECT FROM pg_catalog.pg_foreign_server s"
		"  WHERE s.srvname = f.server)",
		&args, SPI_OK_UPDATE);
	/* the other names are old ones of this server's */
	joor_tables_execute("UPDATE joor.feed_definition"
						" SET serverid = $1, server = $2"
						" WHERE (server = $2) <> (serverid = $1)",
						&args, SPI_OK_UPDATE);
}

/*
 * Rights.
 */

void
joor_feed_check_owner(const JoorFeed *feed)
{
	if (!has_privs_of_role(GetUserId(), feed->owner))
		ereport(ERROR, (errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
						errmsg("must be owner of feed \"%s\"", feed->name)));
}

void
joor_feed_check_usage(const JoorFeed *feed, Oid userid)
{
	AclResult aclresult =
		joor_foreign_server_aclcheck(feed->serverid, userid, ACL_USAGE);

	if (aclresult != ACLCHECK_OK)
		aclcheck_error(aclresult, OBJECT_FOREIGN_SERVER, feed->server);
}

void
joor_feed_check_select(const JoorFeed *feed)
{
	if (pg_class_aclcheck(feed->view, GetUserId(), ACL_SELECT) != ACLCHECK_OK)
		ereport(
			ERROR,
			(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
			 errmsg("permission denied for feed \"%s\"", feed->name),
			 errhint("Its owner may GRANT SELECT ON joor.%s TO %s.",
					 quote_identifier(joor_feed_view_name(feed->name)),
					 quote_identifier(GetUserNameFromId(GetUserId(), false)))));
	joor_feed_check_usage(feed, GetUserId());
}

/*
 * Queries.
 */

/*
 * The array type of the key's type.  format_type() would make of bpchar a
 * character(1), so the name is that of the catalog.
 */
static char *
key_array_name(const JoorFeed *feed)
{
	Oid			 array = get_array_type(feed->key_type);
	HeapTuple	 tuple = SearchSysCache1(TYPEOID, ObjectIdGetDatum(array));
	Form_pg_type type;
	char		*name;

	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for type %u", array);
	type = (Form_pg_type) GETSTRUCT(tuple);
	name = quote_qualified_identifier(get_namespace_name(type->typnamespace),
									  NameStr(type->typname));
	ReleaseSysCache(tuple);
	return name;
}

/* OPERATOR(schema.=) of the key's type. */
static char *
key_equality(const JoorFeed *feed)
{
	Oid equality = lookup_type_cache(feed->key_type, TYPECACHE_EQ_OPR)->eq_opr;
	HeapTuple tuple = SearchSysCache1(OPEROID, ObjectIdGetDatum(equality));
	Form_pg_operator form;
	char			*text;

	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for operator %u", equality);
	form = (Form_pg_operator) GETSTRUCT(tuple);
	text = psprintf("OPERATOR(%s.%s)",
					quote_identifier(get_namespace_name(form->oprnamespace)),
					NameStr(form->oprname));
	ReleaseSysCache(tuple);
	return text;
}

bool
joor_feed_key_is_possible(const JoorFeed *feed, const char *key)
{
	char *end;
	int64 value;

	if (feed->key_type != INT2OID && feed->key_type != INT4OID)
		return true;
	errno = 0;
	value = strtoll(key, &end, 10);
	if (errno != 0 || end == key || *end != '\0')
		return false;
	if (feed->key_type == INT2OID)
		return value >= PG_INT16_MIN && value <= PG_INT16_MAX;
	return value >= PG_INT32_MIN && value <= PG_INT32_MAX;
}

/* The keys as the text of an array. */
static char *
key_array(const JoorFeed *feed, char *const *keys, int count)
{
	StringInfoData array;
	const char	  *character;
	int			   i;

	initStringInfo(&array);
	appendStringInfoChar(&array, '{');
	for (i = 0; i < count; i++)
	{
		if (!joor_feed_key_is_possible(feed, keys[i]))
			continue;
		appendStringInfoString(&array, array.len > 1 ? ",\"" : "\"");
		for (character = keys[i]; *character != '\0'; character++)
		{
			if (*character == '"' || *character == '\\')
				appendStringInfoChar(&array, '\\');
			appendStringInfoChar(&array, *character);
		}
		appendStringInfoChar(&array, '"');
	}
	appendStringInfoChar(&array, '}');
	return array.data;
}

char *
joor_feed_query(const JoorFeed *feed, JoorFeedPart part, char *const *keys,
				int count)
{
	StringInfoData query;

	initStringInfo(&query);
	appendStringInfo(&query, "SELECT %s FROM joor.%s", feed->columns,
					 quote_identifier(joor_feed_view_name(feed->name)));
	if (part != JOOR_FEED_ALL)
		appendStringInfo(
			&query,
			part == JOOR_FEED_BY_KEY
				? " WHERE %s %s ANY (%s::%s)"
				: " WHERE %s %s ANY (SELECT pg_catalog.unnest(%s::%s))",
			quote_identifier(feed->key_column), key_equality(feed),
			quote_literal_cstr(key_array(feed, keys, count)),
			key_array_name(feed));
	return query.data;
}

/*
 * Reading.
 */

void
joor_feed_enter(const JoorFeed *feed, JoorFeedState *state)
{
	Size i;

	GetUserIdAndSecContext(&state->userid, &state->sec_context);
	SetUserIdAndSecContext(feed->owner, state->sec_context |
											SECURITY_LOCAL_USERID_CHANGE |
											SECURITY_RESTRICTED_OPERATION);
	state->nest_level = NewGUCNestLevel();
	joor_tables_reset_planner();
	for (i = 0; i < lengthof(feed_settings); i++)
		(void) set_config_option(feed_settings[i].name, feed_settings[i].value,
								 PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE,
								 true, 0, false);
}

void
joor_feed_leave(const JoorFeedState *state)
{
	/* also what the feed's functions have SET, as if it had failed */
	AtEOXact_GUC(false, state->nest_level);
	SetUserIdAndSecContext(state->userid, state->sec_context);
}
