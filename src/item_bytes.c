/*-------------------------------------------------------------------------
 *
 * item_bytes.c
 *	  An item as bytes, for a temporary file or another process of the server.
 *
 * Floor 2.
 *
 * IDENTIFICATION
 *	  src/item_bytes.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "port/pg_bitutils.h"

#include "item_bytes.h"

typedef struct ItemHead
{
	int64  row;
	uint32 present;
	uint32 sent;
	uint32 plain; /* the texts that are */
	uint32 clamped;
	int32  key_length; /* -1: no key */
} ItemHead;

static void
put_value(StringInfo out, JoorFieldType type, const JoorValue *value)
{
	int64 number;

	switch (type)
	{
		case JOOR_TYPE_TEXT:
			appendBinaryStringInfo(out, (const char *) &value->text.length,
								   sizeof(value->text.length));
			appendBinaryStringInfo(out, value->text.data, value->text.length);
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
	appendBinaryStringInfo(out, (const char *) &number, sizeof(number));
}

void
joor_item_bytes_put(StringInfo out, const JoorItem *item)
{
	int		 start = out->len;
	ItemHead head;
	uint32	 rest;

	/* no byte of it undefined, between its fields neither */
	memset(&head, 0, sizeof(head));
	head.row = item->row;
	head.present = item->present;
	head.sent = item->sent;
	head.clamped = item->clamped;
	head.key_length = item->key != NULL ? (int32) strlen(item->key) : -1;
	enlargeStringInfo(out, sizeof(head));
	out->len += sizeof(head); /* written last */
	for (rest = item->present | item->sent; rest != 0; rest &= rest - 1)
	{
		int			  field = pg_rightmost_one_pos32(rest);
		JoorFieldType type = joor_fields[field].type;

		if (type == JOOR_TYPE_TEXT && item->value[field].text.plain)
			head.plain |= JOOR_FIELD_BIT(field);
		put_value(out, type, &item->value[field]);
	}
	if (item->key != NULL)
		appendBinaryStringInfo(out, item->key, head.key_length + 1);
	memcpy(out->data + start, &head, sizeof(head));
}

/* Takes a value from the bytes at `from`; where the next one begins. */
static const char *
take_value(const char *from, JoorFieldType type, JoorValue *value)
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

const char *
joor_item_bytes_take(const char *bytes, JoorItem *item)
{
	ItemHead head;
	uint32	 rest;

	memcpy(&head, bytes, sizeof(head));
	bytes += sizeof(head);
	item->row = head.row;
	item->present = head.present;
	item->sent = head.sent;
	item->clamped = head.clamped != 0;
	for (rest = item->present | item->sent; rest != 0; rest &= rest - 1)
	{
		int			  field = pg_rightmost_one_pos32(rest);
		JoorFieldType type = joor_fields[field].type;

		bytes = take_value(bytes, type, &item->value[field]);
		if (type == JOOR_TYPE_TEXT)
			item->value[field].text.plain =
				(head.plain & JOOR_FIELD_BIT(field)) != 0;
	}
	item->key = head.key_length >= 0 ? unconstify(char *, bytes) : NULL;
	return bytes + head.key_length + 1;
}
