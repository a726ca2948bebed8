/*-------------------------------------------------------------------------
 *
 * change_writer.c
 *	  Adds changed keys to joor.queue_change.
 *
 * This runs in every commit that marked something, so it is made to cost
 * little: the array of keys is built in place, and the row goes straight into
 * the heap, without an executor state.  It has no number yet, and so no entry
 * in the table's only index, which is partial: the worker gives it one.  A row
 * fills a page and is not compressed, for which the table's storage
 * parameters see: pglz would cost more than all the rest.
 *
 * Nothing here waits for another transaction.
 *
 * Floor 4.
 *
 * IDENTIFICATION
 *	  src/change_writer.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/heapam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "access/xact.h"
#include "catalog/namespace.h"
#include "catalog/pg_type.h"
#include "lib/stringinfo.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/timestamp.h"
#include "utils/xid8.h"

#include "change_writer.h"

/*
 * Most keys of a row, and most bytes of their array unless it is a single one:
 * with all else in it, the row then fits into a page.
 */
#define ROW_KEYS 1000
#define ROW_BYTES 8040

/* The columns of joor.queue_change, counted from 0. */
enum
{
	CHANGE_FEED,
	CHANGE_ID,
	CHANGE_PART,
	CHANGE_QUEUED_AT,
	CHANGE_XID,
	CHANGE_KEYS,
	CHANGE_COLUMNS
};

struct JoorChangeWriter
{
	Relation	   relation;
	Datum		   values[CHANGE_COLUMNS]; /* of the row in the making */
	int			   parts;				   /* rows written */
	int			   count;				   /* keys in the row */
	StringInfoData keys; /* the array, its header not filled in */
};

/* Leaves room for the array's header. */
static void
clear_keys(JoorChangeWriter *writer)
{
	resetStringInfo(&writer->keys);
	enlargeStringInfo(&writer->keys, ARR_OVERHEAD_NONULLS(1));
	writer->keys.len = ARR_OVERHEAD_NONULLS(1);
	writer->count = 0;
}

JoorChangeWriter *
joor_change_begin(const char *feed)
{
	Oid				  schema = get_namespace_oid("joor", true);
	Oid				  queue = InvalidOid;
	JoorChangeWriter *writer;

	if (OidIsValid(schema))
		queue = get_relname_relid("queue_change", schema);
	if (!OidIsValid(queue))
		return NULL;
	writer = palloc(sizeof(JoorChangeWriter));
	writer->relation = table_open(queue, RowExclusiveLock);
	writer->values[CHANGE_FEED] = CStringGetTextDatum(feed);
	writer->values[CHANGE_XID] =
		FullTransactionIdGetDatum(GetTopFullTransactionId());
	writer->values[CHANGE_QUEUED_AT] =
		TimestampTzGetDatum(GetCurrentTimestamp());
	writer->parts = 0;
	initStringInfo(&writer->keys);
	clear_keys(writer);
	return writer;
}

/* Writes a row; without keys, it says that everything may have changed. */
static void
write_row(JoorChangeWriter *writer, bool everything)
{
	bool	   nulls[CHANGE_COLUMNS] = {false};
	ArrayType *array = (ArrayType *) writer->keys.data;
	HeapTuple  tuple;

	SET_VARSIZE(array, writer->keys.len);
	array->ndim = 1;
	array->dataoffset = 0;
	array->elemtype = TEXTOID;
	ARR_DIMS(array)[0] = writer->count;
	ARR_LBOUND(array)[0] = 1;
	writer->values[CHANGE_KEYS] = PointerGetDatum(array);
	nulls[CHANGE_ID] = true;
	nulls[CHANGE_KEYS] = everything;
	writer->values[CHANGE_PART] = Int32GetDatum(writer->parts);
	tuple = heap_form_tuple(RelationGetDescr(writer->relation), writer->values,
							nulls);
	heap_insert(writer->relation, tuple, GetCurrentCommandId(true), 0, NULL);
	heap_freetuple(tuple);
	writer->parts++;
	clear_keys(writer);
}

void
joor_change_add(JoorChangeWriter *writer, const char *key, int length)
{
	StringInfo keys = &writer->keys;
	int		   size = INTALIGN(VARHDRSZ + length);
	char	  *element;

	if (writer->count == ROW_KEYS ||
		(writer->count > 0 && keys->len + size > ROW_BYTES))
		write_row(writer, false);
	enlargeStringInfo(keys, size);
	element = keys->data + keys->len;
	SET_VARSIZE(element, VARHDRSZ + length);
	memcpy(VARDATA(element), key, length);
	memset(VARDATA(element) + length, 0, size - VARHDRSZ - length);
	keys->len += size;
	writer->count++;
}

bool
joor_change_end(JoorChangeWriter *writer)
{
	bool written;

	if (writer->count > 0)
		write_row(writer, false);
	written = writer->parts > 0;
	table_close(writer->relation, NoLock);
	pfree(DatumGetPointer(writer->values[CHANGE_FEED]));
	pfree(writer->keys.data);
	pfree(writer);
	return written;
}

bool
joor_change_everything(const char *feed)
{
	JoorChangeWriter *writer = joor_change_begin(feed);

	if (writer == NULL)
		return false;
	write_row(writer, true);
	return joor_change_end(writer);
}
