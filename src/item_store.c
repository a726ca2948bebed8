/*-------------------------------------------------------------------------
 *
 * item_store.c
 *	  Items put aside, to be read again in the same order.
 *
 * A tuplestore of tuples with one bytea: the item's head, then each field
 * that it has, a text as its length and bytes, all else as eight bytes.
 * Nothing in it is aligned.  So a kept item costs no second conversion and no
 * second check, and holds no reference to what the query read.
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
#include "port/pg_bitutils.h"
#include "utils/tuplestore.h"

#include "item_store.h"

typedef struct ItemHead
{
	int64  row;
	uint32 present;
	uint32 sent;
	uint32 plain; /* the texts that are */
	uint32 clamped;
	int32  key_length; /* -1: no key */
} ItemHead;

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

static void
put_value(StringInfo record, JoorFieldType type, const JoorValue *value)
{
	int64 number;

	switch (type)
	{
		case JOOR_TYPE_TEXT:
			appendBinaryStringInfo(record, (const char *) &value->text.length,
								   sizeof(value->text.length));
			appendBinaryStringInfo(record, value->text.data,
								   value->text.length);
			return;
		case JOOR_TYPE_DATE:
			number = value->date;
			break;
		case JOOR_TYPE_BOOLEAN:
			number = value->boolean;
			break;
		default:
			number = value->integer;
			break;
	}
	appendBinaryStringInfo(record, (const char *) &number, sizeof(number));
}

void
joor_item_store_put(JoorItemStore *store, const JoorItem *item)
{
	StringInfo record = &store->record;
	ItemHead   head = {
		  item->row,	 item->present,
		  item->sent,	 0,
		  item->clamped, item->key != NULL ? (int32) strlen(item->key) : -1};
	uint32 rest;
	Datum  datum;
	bool   isnull = false;

	record->len = VARHDRSZ + sizeof(head); /* written last */
	for (rest = item->present | item->sent; rest != 0; rest &= rest - 1)
	{
		int			  field = pg_rightmost_one_pos32(rest);
		JoorFieldType type = joor_fields[field].type;

		if (type == JOOR_TYPE_TEXT && item->value[field].text.plain)
			head.plain |= JOOR_FIELD_BIT(field);
		put_value(record, type, &item->value[field]);
	}
	if (item->key != NULL)
		appendBinaryStringInfo(record, item->key, head.key_length + 1);
	memcpy(record->data + VARHDRSZ, &head, sizeof(head));
	SET_VARSIZE(record->data, record->len);
	datum = PointerGetDatum(record->data);
	tuplestore_putvalues(store->tuples, store->desc, &datum, &isnull);
}

/* Takes a value from the bytes at `from`; where the next one begins. */
static char *
take_value(char *from, JoorFieldType type, JoorValue *value)
{
	int64 number;

	if (type == JOOR_TYPE_TEXT)
	{
		memcpy(&value->text.length, from, sizeof(value->text.length));
		value->text.data = from + sizeof(value->text.length);
		return from + sizeof(value->text.length) + value->text.length;
	}
	memcpy(&number, from, sizeof(number));
	if (type == JOOR_TYPE_DATE)
		value->date = (DateADT) number;
	else if (type == JOOR_TYPE_BOOLEAN)
		value->boolean = number != 0;
	else
		value->integer = number;
	return from + sizeof(number);
}

/* Reads an item from its record, to which its texts and key then refer. */
static void
take_item(char *record, JoorItem *item)
{
	ItemHead head;
	uint32	 rest;

	memcpy(&head, record, sizeof(head));
	record += sizeof(head);
	item->row = head.row;
	item->present = head.present;
	item->sent = head.sent;
	item->clamped = head.clamped != 0;
	for (rest = item->present | item->sent; rest != 0; rest &= rest - 1)
	{
		int			  field = pg_rightmost_one_pos32(rest);
		JoorFieldType type = joor_fields[field].type;

		record = take_value(record, type, &item->value[field]);
		if (type == JOOR_TYPE_TEXT)
			item->value[field].text.plain =
				(head.plain & JOOR_FIELD_BIT(field)) != 0;
	}
	item->key = head.key_length >= 0 ? record : NULL;
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
	take_item(copy, item);
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
