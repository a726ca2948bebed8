/*-------------------------------------------------------------------------
 *
 * retry.c
 *	  Rejected items go back to the queue.
 *
 * What a feed publishes is read from the feed again: its key is marked.  Other
 * items are sent again as they were; where a quantity may have changed since,
 * pushing or enqueuing the query again is the better way.
 *
 * Floor 6.
 *
 * IDENTIFICATION
 *	  src/retry.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "foreign/foreign.h"
#include "miscadmin.h"
#include "nodes/pg_list.h"
#include "utils/acl.h"
#include "utils/builtins.h"

#include "account.h"
#include "change_writer.h"
#include "item_list.h"
#include "published.h"
#include "queue.h"
#include "retry.h"
#include "tables.h"

/* The servers that the rejections are of. */
static List *
rejection_servers(Datum ids)
{
	JoorTables	  tables;
	JoorArgs	  args = {0};
	List		 *servers = NIL;
	MemoryContext context = CurrentMemoryContext;
	uint64		  i;

	joor_tables_open(&tables);
	joor_args_datum(&args, INT8ARRAYOID, ids);
	joor_tables_execute("SELECT DISTINCT serverid FROM joor.rejection"
						" WHERE id = ANY ($1) AND closed_at IS NULL",
						&args, SPI_OK_SELECT);
	for (i = 0; i < SPI_processed; i++)
	{
		MemoryContext old = MemoryContextSwitchTo(context);
		bool		  isnull;

		servers = lappend_oid(servers, DatumGetObjectId(SPI_getbinval(
										   SPI_tuptable->vals[i],
										   SPI_tuptable->tupdesc, 1, &isnull)));
		MemoryContextSwitchTo(old);
	}
	joor_tables_close(&tables);
	return servers;
}

/* Marks the key of an item that a feed publishes; false: none does. */
static bool
mark_key(Oid serverid, const JoorItem *item)
{
	JoorChangeWriter *writer;
	char			 *feed;
	char			 *key;

	if (!joor_published_find_key(serverid, (int64) joor_item_hash(item), &feed,
								 &key))
		return false;
	writer = joor_change_begin(feed);
	joor_change_add(writer, key, (int) strlen(key));
	return joor_change_end(writer);
}

/* Queues the open rejections of one server. */
static int64
retry_server(Oid serverid, Datum ids)
{
	JoorAccount *account =
		joor_account_open(GetForeignServer(serverid)->servername);
	JoorQueueWriter *writer;
	JoorTables		 tables;
	JoorArgs		 args = {0};
	int64			 count;
	JoorQueueBatch	 batch;
	int				 i;

	joor_tables_open(&tables);
	joor_args_oid(&args, serverid);
	joor_args_datum(&args, INT8ARRAYOID, ids);
	joor_queue_read_rejections(&args, &batch);
	writer =
		joor_queue_begin(serverid, account->server, account->dec_pending, 0);
	count = 0;
	for (i = 0; i < batch.count; i++)
	{
		JoorViolation violation;

		if (!joor_item_check(&batch.items[i], &account->rules, &violation))
			continue;
		if (!mark_key(serverid, &batch.items[i]))
			joor_queue_add(writer, &batch.items[i]);
		count++;
	}
	joor_queue_end(writer);
	joor_tables_close(&tables);
	return count;
}

int64
joor_retry_rejections(Datum ids)
{
	int64	  count = 0;
	ListCell *cell;
	List	 *servers = rejection_servers(ids);

	foreach (cell, servers)
		count += retry_server(lfirst_oid(cell), ids);
	return count;
}
