/*-------------------------------------------------------------------------
 *
 * queue_writer.c
 *	  Adds items to joor.queue_item.
 *
 * Entries are inserted through the executor's simple interface, the one that
 * logical replication applies rows with: no planning, no SPI, no locks but
 * those of an INSERT.  Rights were checked by the caller.
 *
 * Floor 4.
 *
 * IDENTIFICATION
 *	  src/queue_writer.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/table.h"
#include "access/xact.h"
#include "catalog/namespace.h"
#include "executor/executor.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/timestamp.h"
#include "utils/xid8.h"

#include "item_row.h"
#include "queue.h"
#include "queue_column.h"
#include "sequence.h"

struct JoorQueueWriter
{
	Relation		 relation;
	Oid				 sequence;
	JoorSimpleInsert insert;
	MemoryContext	 row_context; /* of one entry's values; reset for each */
	Datum			 serverid;
	NameData		 server;
	NameData		 user_name;
	bool			 dec_pending;
	int64			 since;
};

/* A relation of schema joor by its name. */
static Oid
relation_by_name(const char *name)
{
	Oid schema = get_namespace_oid("joor", false);
	Oid relation = get_relname_relid(name, schema);

	if (!OidIsValid(relation))
		ereport(ERROR, (errcode(ERRCODE_UNDEFINED_TABLE),
						errmsg("relation \"joor.%s\" does not exist", name)));
	return relation;
}

JoorQueueWriter *
joor_queue_begin(Oid serverid, const char *server, bool dec_pending,
				 int64 since)
{
	JoorQueueWriter *writer = palloc0(sizeof(JoorQueueWriter));

	/* an xid before an id: see JoorQueueScan */
	(void) GetCurrentTransactionId();
	writer->relation =
		table_open(relation_by_name("queue_item"), RowExclusiveLock);
	writer->sequence = relation_by_name("queue_id_seq");
	joor_simple_insert_begin(&writer->insert, writer->relation);
	writer->row_context = AllocSetContextCreate(CurrentMemoryContext,
												"joor_inventory queue entry",
												ALLOCSET_SMALL_SIZES);
	writer->serverid = ObjectIdGetDatum(serverid);
	namestrcpy(&writer->server, server);
	namestrcpy(&writer->user_name, GetUserNameFromId(GetUserId(), false));
	writer->dec_pending = dec_pending;
	writer->since = since;
	return writer;
}

void
joor_queue_add(JoorQueueWriter *writer, const JoorItem *item)
{
	TupleTableSlot *slot = writer->insert.slot;
	MemoryContext	old;

	ExecClearTuple(slot);
	old = MemoryContextSwitchTo(writer->row_context);
	slot->tts_values[QUEUE_ID] =
		Int64GetDatum(joor_sequence_next(writer->sequence));
	slot->tts_values[QUEUE_SERVERID] = writer->serverid;
	slot->tts_values[QUEUE_SERVER] = NameGetDatum(&writer->server);
	slot->tts_values[QUEUE_USER_NAME] = NameGetDatum(&writer->user_name);
	slot->tts_values[QUEUE_QUEUED_AT] =
		TimestampTzGetDatum(GetCurrentTimestamp());
	slot->tts_values[QUEUE_DEC_PENDING] = BoolGetDatum(writer->dec_pending);
	slot->tts_values[QUEUE_XID] =
		FullTransactionIdGetDatum(GetTopFullTransactionId());
	slot->tts_values[QUEUE_HASH] = Int64GetDatum((int64) joor_item_hash(item));
	memset(slot->tts_isnull, false, sizeof(bool) * QUEUE_FIELDS);
	slot->tts_values[QUEUE_SINCE] = Int64GetDatum(writer->since);
	slot->tts_isnull[QUEUE_SINCE] = writer->since == 0;
	joor_item_row_fill(item, item->sent, slot->tts_values + QUEUE_FIELDS,
					   slot->tts_isnull + QUEUE_FIELDS);
	ExecStoreVirtualTuple(slot);
	joor_simple_insert(&writer->insert);
	MemoryContextSwitchTo(old);
	ExecClearTuple(slot);
	MemoryContextReset(writer->row_context);
}

void
joor_queue_end(JoorQueueWriter *writer)
{
	joor_simple_insert_end(&writer->insert);
	table_close(writer->relation, NoLock);
	MemoryContextDelete(writer->row_context);
	pfree(writer);
}
