/*-------------------------------------------------------------------------
 *
 * push_feed.c
 *	  joor.push_feed(name, ...): sends all that a feed says, now.
 *
 * Floor 8.
 *
 * IDENTIFICATION
 *	  src/push_feed.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"

#include "argument.h"
#include "push.h"

PG_FUNCTION_INFO_V1(joor_inventory_push_feed);

/*
 * Errors out in a transaction that has changed anything: the feed would be
 * read with that, and the marks of it be superseded.  A rollback would take
 * both back here, but not at JOOR, and nobody would know.
 */
static void
check_transaction(void)
{
	if (TransactionIdIsValid(GetTopTransactionIdIfAny()))
		ereport(ERROR,
				(errcode(ERRCODE_ACTIVE_SQL_TRANSACTION),
				 errmsg("joor.push_feed() cannot run in a transaction that "
						"has changed something"),
				 errdetail("JOOR would keep what a rollback takes back."),
				 errhint("Commit first, or leave it to the worker to send "
						 "what has changed.")));
}

/*
 * joor.push_feed(name, overwrite, on_failure, force)
 */
Datum
joor_inventory_push_feed(PG_FUNCTION_ARGS)
{
	JoorPushOrder order = {0};
	JoorFeed	 *feed = joor_feed_open(joor_argument_text(fcinfo, 0, "name"));

	joor_feed_check_select(feed);
	check_transaction();
	order.source = "push_feed";
	order.account = joor_account_open(feed->server);
	order.query = joor_feed_query(feed, JOOR_FEED_ALL, NULL, 0);
	order.feed = feed;
	order.overwrite = joor_argument_bool(fcinfo, 1, "overwrite");
	order.dec_pending = order.account->dec_pending;
	order.on_failure = joor_argument_text(fcinfo, 2, "on_failure");
	order.force = joor_argument_bool(fcinfo, 3, "force");
	joor_push(fcinfo, &order);
	return (Datum) 0;
}
