/*-------------------------------------------------------------------------
 *
 * overwrite.c
 *	  What an overwrite must be, so that it does not oversell.
 *
 * Floor 5.
 *
 * IDENTIFICATION
 *	  src/overwrite.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "utils/builtins.h"

#include "overwrite.h"
#include "published.h"
#include "settings.h"
#include "tables.h"

void
joor_overwrite_check_items(const JoorItemList *list)
{
	joor_item_list_refuse(list);
	if (joor_item_list_valid(list) == 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("cannot overwrite with a query that returns no rows"),
				 errdetail("An overwrite without items might empty the "
						   "account.")));
}

void
joor_overwrite_check_fits(const JoorAccount *account, bool fits)
{
	if (fits)
		return;
	ereport(
		ERROR,
		(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
		 errmsg("cannot overwrite: the items do not fit one request"),
		 errdetail("A request of server \"%s\" holds %d items and %lld bytes "
				   "at most; an overwrite in two requests would lose the "
				   "first.",
				   account->server, account->max_items,
				   (long long) account->max_bytes),
		 errhint("Raise max_items and max_bytes by ALTER SERVER %s OPTIONS, "
				 "or push without overwrite.",
				 quote_identifier(account->server))));
}

void
joor_overwrite_check_drop(const JoorAccount *account, const int64 *hashes,
						  int count, int elevel)
{
	JoorTables tables;
	int64	   all;
	int64	   among;

	joor_tables_open(&tables);
	joor_published_count(account->serverid, hashes, count, &all, &among);
	joor_tables_close(&tables);
	if ((all - among) * 100.0 <= all * joor_overwrite_max_drop)
		return;
	ereport(
		elevel,
		(errcode(ERRCODE_CONFIGURATION_LIMIT_EXCEEDED),
		 elevel >= ERROR
			 ? errmsg("cannot overwrite: too much of what is published would "
					  "be dropped")
			 : errmsg("an overwrite would be refused: too much of what is "
					  "published would be dropped"),
		 errdetail_plural(
			 "Of %lld position that JOOR acknowledged for server \"%s\", the "
			 "overwrite leaves out %lld; joor_inventory.overwrite_max_drop "
			 "permits %g percent.",
			 "Of %lld positions that JOOR acknowledged for server \"%s\", the "
			 "overwrite leaves out %lld; joor_inventory.overwrite_max_drop "
			 "permits %g percent.",
			 (unsigned long) all, (long long) all, account->server,
			 (long long) (all - among), joor_overwrite_max_drop),
		 errhint("Check the query's rows, warehouses and dates against "
				 "joor.published; if they are right, push with force => "
				 "true.")));
}
