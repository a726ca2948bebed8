/*-------------------------------------------------------------------------
 *
 * feed_definition.c
 *	  joor.create_feed(), joor.alter_feed(), joor.drop_feed().
 *
 * A feed is read once when it is made or changed, in the way in which it will
 * be read ever after: through its view, as its owner, under the fixed
 * settings.  So what cannot be a feed fails here and not at night.
 *
 * The definition's row is written before the view, so that of two sessions
 * with the same name one waits for the other and then sees it.  Who changes or
 * drops a feed locks that row first, then the view, and tables last, as those
 * who read it do.
 *
 * Floor 8.
 *
 * IDENTIFICATION
 *	  src/feed_definition.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "parser/parse_coerce.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/typcache.h"

#include "account.h"
#include "argument.h"
#include "change_set.h"
#include "feed_view.h"
#include "feed_watch.h"
#include "item_list.h"
#include "published.h"
#include "wake.h"

PG_FUNCTION_INFO_V1(joor_inventory_create_feed);
PG_FUNCTION_INFO_V1(joor_inventory_alter_feed);
PG_FUNCTION_INFO_V1(joor_inventory_drop_feed);

/*
 * Validation.
 */

static void
check_name(const char *name)
{
	if (*name == '\0' || strlen(name) > JOOR_FEED_NAME_MAX)
		ereport(ERROR, (errcode(ERRCODE_INVALID_NAME),
						errmsg("invalid name of a feed: \"%s\"", name),
						errdetail("It must have from 1 to %d bytes.",
								  JOOR_FEED_NAME_MAX)));
}

/* Errors out unless the text is an item query with that key column. */
static void
check_query(const char *query, const char *key)
{
	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "SPI_connect failed");
	joor_item_query_close(joor_item_query_open(query, key));
	SPI_finish();
}

/*
 * Whether values of a type, not a domain, can be keys: they have one text
 * each, whatever the settings of a session, and can be searched for.
 */
static bool
can_be_key(Oid type)
{
	char category;
	bool preferred;

	switch (type)
	{
		case INT2OID:
		case INT4OID:
		case INT8OID:
		case NUMERICOID:
		case DATEOID:
		case TIMESTAMPOID:
		case BOOLOID:
		case CHAROID:
			return true;
		case BYTEAOID:
			return false;
	}
	get_type_category_preferred(type, &category, &preferred);
	return (category == TYPCATEGORY_STRING || category == TYPCATEGORY_ENUM ||
			category == TYPCATEGORY_USER) &&
		   OidIsValid(get_array_type(type)) &&
		   OidIsValid(lookup_type_cache(type, TYPECACHE_EQ_OPR)->eq_opr);
}

/* Callback of the item list: valid items are not kept. */
static void
ignore_row(void *arg, JoorItem *item)
{
}

/* Reads the feed; its errors are those of its type of key and of its rows. */
static void
check_feed(JoorFeed *feed, const JoorAccount *account)
{
	JoorItemListReader reader = {0};
	JoorFeedState	   state;
	JoorItemList	  *list;

	if (!can_be_key(feed->key_type))
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("column \"%s\" of type %s cannot be the key of a feed",
						feed->key_column, format_type_be(feed->key_type)),
				 errdetail("A key has one text, whatever the settings are, "
						   "and can be compared for equality."),
				 errhint("Cast it to text in the query, for example "
						 "%s::text.",
						 quote_identifier(feed->key_column))));
	reader.rules = &account->rules;
	reader.key_column = feed->key_column;
	reader.valid = ignore_row;
	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "SPI_connect failed");
	joor_feed_enter(feed, &state);
	list = joor_item_list_read(joor_feed_query(feed, JOOR_FEED_ALL, NULL, 0),
							   &reader);
	joor_item_list_refuse(list);
	joor_item_list_close(list);
	joor_feed_leave(&state);
	SPI_finish();
}

/*
 * joor.create_feed(name, query, server, key)
 */

static void
insert_definition(const char *name, const JoorAccount *account, const char *key)
{
	JoorTables tables;
	JoorArgs   args = {0};

	joor_args_text(&args, name);
	joor_args_oid(&args, account->serverid);
	joor_args_text(&args, account->server);
	joor_args_text(&args, key);
	joor_tables_open(&tables);
	joor_tables_execute(
		"INSERT INTO joor.feed_definition (name, serverid, server,"
		"  key_column, created_at)"
		" VALUES ($1, $2, $3, $4, pg_catalog.clock_timestamp())"
		" ON CONFLICT (name) DO NOTHING",
		&args, SPI_OK_INSERT);
	if (SPI_processed == 0)
		ereport(ERROR, (errcode(ERRCODE_DUPLICATE_OBJECT),
						errmsg("feed \"%s\" already exists", name)));
	joor_tables_close(&tables);
}

Datum
joor_inventory_create_feed(PG_FUNCTION_ARGS)
{
	char		*name = joor_argument_text(fcinfo, 0, "name");
	char		*query = joor_argument_text(fcinfo, 1, "query");
	char		*server = joor_argument_text(fcinfo, 2, "server");
	char		*key;
	JoorAccount *account;

	if (PG_ARGISNULL(3))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("a feed needs a key"),
				 errhint("Name the column of the query by which watched "
						 "tables say what has changed, for example key => "
						 "'sku_id'.")));
	key = text_to_cstring(PG_GETARG_TEXT_PP(3));
	check_name(name);
	account = joor_account_open(server);
	check_query(query, key);
	insert_definition(name, account, key);
	joor_feed_view_create(name, joor_feed_view_analyze(query), GetUserId());
	check_feed(joor_feed_open(name), account);
	PG_RETURN_VOID();
}

/*
 * joor.alter_feed(name, query, server, key)
 */

/* Writes what has changed; a failure belonged to what was before. */
static void
update_definition(const JoorFeed *feed, const JoorAccount *account,
				  const char *key)
{
	JoorTables tables;
	JoorArgs   args = {0};

	joor_args_text(&args, feed->name);
	joor_args_oid(&args, account->serverid);
	joor_args_text(&args, account->server);
	joor_args_text(&args, key);
	joor_tables_open(&tables);
	joor_tables_execute("UPDATE joor.feed_definition SET serverid = $2,"
						"  server = $3, key_column = $4, failed_at = NULL,"
						"  failure = NULL WHERE name = $1",
						&args, SPI_OK_UPDATE);
	joor_tables_close(&tables);
}

/*
 * Keys of the column that was the key mean nothing now, or something else:
 * keys in the queue become everything, and so does the next reading, which
 * gives what is published the keys of now.
 */
static void
change_key(const char *name)
{
	JoorTables tables;
	JoorArgs   args = {0};

	joor_args_text(&args, name);
	joor_tables_open(&tables);
	joor_tables_execute("UPDATE joor.queue_change SET keys = NULL"
						" WHERE feed = $1",
						&args, SPI_OK_UPDATE);
	joor_tables_close(&tables);
	joor_change_set_everything(name);
}

/* Reads the feed as it is now, which before had the key of `old`. */
static void
check_altered(const JoorFeed *old, const JoorAccount *account)
{
	JoorFeed *feed = joor_feed_open(old->name);

	check_feed(feed, account);
	joor_feed_check_watches(feed);
	if (strcmp(feed->key_column, old->key_column) != 0 ||
		feed->key_type != old->key_type || feed->key_typmod != old->key_typmod)
		change_key(feed->name);
}

Datum
joor_inventory_alter_feed(PG_FUNCTION_ARGS)
{
	char		*name = joor_argument_text(fcinfo, 0, "name");
	JoorFeed	*feed;
	JoorAccount *account;
	char		*query;
	char		*key;

	joor_feed_lock(name);
	feed = joor_feed_open_own(name);
	key = feed->key_column;
	if (PG_ARGISNULL(2))
	{
		if (!OidIsValid(feed->serverid))
			(void) joor_feed_open(name); /* says so */
		account = joor_account_open_owned(feed->serverid);
	}
	else
		account = joor_account_open(text_to_cstring(PG_GETARG_TEXT_PP(2)));
	if (!PG_ARGISNULL(3))
		key = text_to_cstring(PG_GETARG_TEXT_PP(3));
	update_definition(feed, account, key);
	if (!PG_ARGISNULL(1))
	{
		query = text_to_cstring(PG_GETARG_TEXT_PP(1));
		check_query(query, key);
		joor_feed_view_replace(feed, joor_feed_view_analyze(query));
	}
	check_altered(feed, account);
	joor_wake_at_commit();
	PG_RETURN_VOID();
}

/*
 * joor.drop_feed(name)
 */

/* Without its view a feed has no owner: that of its account may clear up. */
static void
check_may_drop(const JoorFeed *feed)
{
	if (OidIsValid(feed->view))
		joor_feed_check_owner(feed);
	else if (OidIsValid(feed->serverid))
		joor_account_check_owner(joor_account_open_owned(feed->serverid));
	else if (!superuser())
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("must be superuser to drop feed \"%s\"", feed->name),
				 errdetail("Its view and its server were dropped.")));
}

Datum
joor_inventory_drop_feed(PG_FUNCTION_ARGS)
{
	char	  *name = text_to_cstring(PG_GETARG_TEXT_PP(0));
	JoorFeed  *feed;
	JoorTables tables;
	JoorArgs   args = {0};

	joor_feed_lock(name);
	feed = joor_feed_find(name);
	check_may_drop(feed);
	if (OidIsValid(feed->view))
		joor_feed_view_drop(feed);
	joor_feed_unwatch_all(name);
	joor_args_text(&args, name);
	joor_tables_open(&tables);
	joor_tables_execute("DELETE FROM joor.queue_change WHERE feed = $1", &args,
						SPI_OK_DELETE);
	joor_published_forget(name);
	joor_tables_execute("DELETE FROM joor.feed_definition WHERE name = $1",
						&args, SPI_OK_DELETE);
	joor_tables_close(&tables);
	PG_RETURN_VOID();
}
