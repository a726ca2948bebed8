/*-------------------------------------------------------------------------
 *
 * item_store.c
 *	  Items put aside, to be read again in the same order.
 *
 * A tuplestore of tuples with one bytea, which is the item's bytes.  So a kept
 * item costs no second conversion and no second check, and holds no reference
 * to what the query read.
 *
 * Floor 2.
 *
 * IDENTIFICATION
 *	  src/item_store.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/tupdesc.h"
#include "catalog/pg_type.h"
#include "executor/executor.h"
#include "executor/tuptable.h"
#include "miscadmin.h"
#include "utils/tuplestore.h"

#include "item_bytes.h"
#include "item_store.h"

struct JoorItemStore
{
	Tuplestorestate *tuples;
	TupleDesc		 desc;
	TupleTableSlot	*slot;
	StringInfoData	 record; /* scratch: the bytea of an item */
};

JoorItemStore *
joor_item_store_create(void)
{
	JoorItemStore *store = palloc(sizeof(JoorItemStore));

	store->desc = CreateTemplateTupleDesc(1);
	TupleDescInitEntry(store->desc, 1, "item", BYTEAOID, -1, 0);
	store->slot = MakeSingleTupleTableSlot(store->desc, &TTSOpsMinimalTuple);
	store->tuples = tuplestore_begin_heap(false, false, work_mem);
	tuplestore_set_eflags(store->tuples, EXEC_FLAG_REWIND);
	initStringInfo(&store->record);
	return store;
}

void
joor_item_store_put(JoorItemStore *store, const JoorItem *item)
{
	StringInfo record = &store->record;
	Datum	   datum;
	bool	   isnull = false;

	record->len = VARHDRSZ;
	joor_item_bytes_put(record, item);
	SET_VARSIZE(record->data, record->len);
	datum = PointerGetDatum(record->data);
	tuplestore_putvalues(store->tuples, store->desc, &datum, &isnull);
}

bool
joor_item_store_next(JoorItemStore *store, JoorItem *item)
{
	struct varlena *record;
	Size			length;
	char		   *copy;
	bool			isnull;

	if (!tuplestore_gettupleslot(store->tuples, true, false, store->slot))
		return false;
	record = (struct varlena *) DatumGetPointer(
		slot_getattr(store->slot, 1, &isnull));
	length = VARSIZE_ANY_EXHDR(record);
	copy = palloc(length);
	memcpy(copy, VARDATA_ANY(record), length);
	/* a tuple from the file lies in the caller's context, too */
	ExecClearTuple(store->slot);
	(void) joor_item_bytes_take(copy, item);
	return true;
}

void
joor_item_store_free(JoorItemStore *store)
{
	ExecDropSingleTupleTableSlot(store->slot);
	tuplestore_end(store->tuples);
	FreeTupleDesc(store->desc);
	pfree(store->record.data);
	pfree(store);
}
