/*-------------------------------------------------------------------------
 *
 * overwrite.c
 *	  What an overwrite must be, so that it does not oversell.
 *
 * Floor 4.
 *
 * IDENTIFICATION
 *	  src/overwrite.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "overwrite.h"

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
		 errhint("Raise the server's options max_items and max_bytes, or "
				 "push without overwrite.")));
}
