/*-------------------------------------------------------------------------
 *
 * retry.c
 *	  Rejected items go back to the queue.
 *
 * The rejected quantity is sent again as it was; where it may have changed
 * since, pushing or enqueuing the query again is the better way.
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
#include "item_list.h"
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
	writer = joor_queue_begin(serverid, account->server, account->dec_pending);
	count = 0;
	for (i = 0; i < batch.count; i++)
	{
		JoorViolation violation;

		if (!joor_item_check(&batch.items[i], &account->rules, &violation))
			continue;
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
