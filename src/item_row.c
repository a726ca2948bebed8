/*-------------------------------------------------------------------------
 *
 * item_row.c
 *	  An item as columns of a table row, and back.
 *
 * Floor 2.
 *
 * IDENTIFICATION
 *	  src/item_row.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "mb/pg_wchar.h"
#include "utils/builtins.h"

#include "item_row.h"

/* A column's value as an item has it. */
static void
set_field(JoorItem *item, JoorFieldId field, Datum datum)
{
	JoorValue *value = &item->value[field];
	text	  *data;
	char	  *utf8;

	item->present |= JOOR_FIELD_BIT(field);
	switch (joor_fields[field].type)
	{
		case JOOR_TYPE_DATE:
			value->date = DatumGetDateADT(datum);
			return;
		case JOOR_TYPE_INTEGER:
			value->integer = DatumGetInt64(datum);
			return;
		case JOOR_TYPE_BOOLEAN:
			value->boolean = DatumGetBool(datum);
			return;
		case JOOR_TYPE_TEXT:
			break;
	}
	data = DatumGetTextPCopy(datum);
	utf8 = pg_server_to_any(VARDATA(data), VARSIZE(data) - VARHDRSZ, PG_UTF8);
	value->text.data = utf8;
	value->text.length = utf8 == VARDATA(data)
							 ? (int) (VARSIZE(data) - VARHDRSZ)
							 : (int) strlen(utf8);
}

void
joor_item_row_read(JoorItem *item, const Datum *values, const bool *nulls)
{
	int field;

	memset(item, 0, sizeof(*item));
	for (field = 0; field < JOOR_FIELD_COUNT; field++)
		if (!nulls[field])
			set_field(item, field, values[field]);
}

/* A field's value as a column has it. */
static Datum
field_datum(JoorFieldId field, const JoorValue *value)
{
	char *converted;

	switch (joor_fields[field].type)
	{
		case JOOR_TYPE_DATE:
			return DateADTGetDatum(value->date);
		case JOOR_TYPE_INTEGER:
			return Int64GetDatum(value->integer);
		case JOOR_TYPE_BOOLEAN:
			return BoolGetDatum(value->boolean);
		case JOOR_TYPE_TEXT:
			break;
	}
	converted = pg_any_to_server(value->text.data, value->text.length, PG_UTF8);
	if (converted != value->text.data)
		return CStringGetTextDatum(converted);
	return PointerGetDatum(
		cstring_to_text_with_len(value->text.data, value->text.length));
}

void
joor_item_row_fill(const JoorItem *item, uint32 fields, Datum *values,
				   bool *nulls)
{
	int field;

	for (field = 0; field < JOOR_FIELD_COUNT; field++)
	{
		nulls[field] = (fields & JOOR_FIELD_BIT(field)) == 0;
		if (!nulls[field])
			values[field] = field_datum(field, &item->value[field]);
	}
}
