/*-------------------------------------------------------------------------
 *
 * item.c
 *	  The field table, positions, and how values are shown.
 *
 * Rules: nothing is trimmed, folded, padded or rounded, here or elsewhere:
 * JOOR compares byte by byte, and so do we.  Texts are UTF-8 until a message
 * shows them, in the server's encoding and cut to a length that fits.
 *
 * Floor 1.
 *
 * IDENTIFICATION
 *	  src/item.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "common/hashfn.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "port/pg_bitutils.h"
#include "utils/builtins.h"
#include "utils/datetime.h"
#include "utils/json.h"

#include "item.h"

/* Characters of a value that a violation shows. */
#define VALUE_SHOWN 100

#define TEXT_FIELD(name, longest)                                 \
	{                                                             \
		name, JOOR_TYPE_TEXT, longest,                            \
			"is longer than " CppAsString2(longest) " characters" \
	}

const JoorField joor_fields[JOOR_FIELD_COUNT] = {
	[JOOR_FIELD_WAREHOUSE] = TEXT_FIELD("warehouse", 150),
	[JOOR_FIELD_INVENTORY_DATE] = {"inventory_date", JOOR_TYPE_DATE, 0, NULL},
	[JOOR_FIELD_STYLE_NUMBER] = TEXT_FIELD("style_number", 45),
	[JOOR_FIELD_STYLE_IDENTIFIER] = TEXT_FIELD("style_identifier", 100),
	[JOOR_FIELD_STYLE_ID] = {"style_id", JOOR_TYPE_INTEGER, 0, NULL},
	[JOOR_FIELD_COLOR_CODE] = TEXT_FIELD("color_code", 100),
	[JOOR_FIELD_STYLE_COLOR_ID] = {"style_color_id", JOOR_TYPE_INTEGER, 0,
								   NULL},
	[JOOR_FIELD_SIZE] = TEXT_FIELD("size", 100),
	[JOOR_FIELD_SIZE_CODE] = TEXT_FIELD("size_code", 100),
	[JOOR_FIELD_UPC] = TEXT_FIELD("upc", 100),
	[JOOR_FIELD_INVENTORY] = {"inventory", JOOR_TYPE_INTEGER, 0, NULL},
	[JOOR_FIELD_MADE_TO_ORDER] = {"made_to_order", JOOR_TYPE_BOOLEAN, 0, NULL},
};

int
joor_field_by_name(const char *name)
{
	int field;

	for (field = 0; field < JOOR_FIELD_COUNT; field++)
		if (strcmp(joor_fields[field].name, name) == 0)
			return field;
	return JOOR_FIELD_NONE;
}

void
joor_item_copy(JoorItem *target, const JoorItem *source)
{
	uint32 rest = source->present | source->sent;

	*target = *source;
	for (; rest != 0; rest &= rest - 1)
	{
		int		  field = pg_rightmost_one_pos32(rest);
		JoorText *text = &target->value[field].text;

		if (joor_fields[field].type == JOOR_TYPE_TEXT)
			text->data = pnstrdup(text->data, text->length);
	}
	if (source->key != NULL)
		target->key = pstrdup(source->key);
}

/*
 * Positions.
 */

bool
joor_text_equal(const JoorText *a, const JoorText *b)
{
	return a->length == b->length && memcmp(a->data, b->data, b->length) == 0;
}

uint64
joor_item_hash(const JoorItem *item)
{
	uint32 rest = item->sent & JOOR_POSITION_FIELDS;
	uint64 hash = rest;

	for (; rest != 0; rest &= rest - 1)
	{
		int				 field = pg_rightmost_one_pos32(rest);
		const JoorValue *value = &item->value[field];
		const void		*data = &value->integer;
		int				 length = sizeof(value->integer);

		if (joor_fields[field].type == JOOR_TYPE_TEXT)
		{
			data = value->text.data;
			length = value->text.length;
		}
		else if (joor_fields[field].type == JOOR_TYPE_DATE)
		{
			data = &value->date;
			length = sizeof(value->date);
		}
		hash = hash_bytes_extended(data, length, hash);
	}
	return hash;
}

bool
joor_item_same_position(const JoorItem *a, const JoorItem *b)
{
	uint32 rest = a->sent & JOOR_POSITION_FIELDS;

	if (rest != (b->sent & JOOR_POSITION_FIELDS))
		return false;
	for (; rest != 0; rest &= rest - 1)
	{
		int				 field = pg_rightmost_one_pos32(rest);
		const JoorValue *x = &a->value[field];
		const JoorValue *y = &b->value[field];
		JoorFieldType	 type = joor_fields[field].type;

		if (type == JOOR_TYPE_TEXT && !joor_text_equal(&x->text, &y->text))
			return false;
		if (type == JOOR_TYPE_DATE && x->date != y->date)
			return false;
		if (type == JOOR_TYPE_INTEGER && x->integer != y->integer)
			return false;
	}
	return true;
}

void
joor_item_append_position(StringInfo out, const JoorItem *item)
{
	uint32 rest = item->sent & JOOR_POSITION_FIELDS;
	char   separator = '{';

	if (rest == 0) /* of an item that broke a rule */
		appendStringInfoChar(out, separator);
	for (; rest != 0; rest &= rest - 1)
	{
		int field = pg_rightmost_one_pos32(rest);

		appendStringInfo(out, "%c\"%s\":", separator, joor_fields[field].name);
		joor_value_append_json(out, field, &item->value[field]);
		separator = ',';
	}
	appendStringInfoChar(out, '}');
}

/*
 * Values as text.
 */

int
joor_date_text(DateADT date, char *text)
{
	struct pg_tm tm = {0};

	if (DATE_NOT_FINITE(date))
	{
		EncodeSpecialDate(date, text);
		return strlen(text);
	}
	j2date(date + POSTGRES_EPOCH_JDATE, &tm.tm_year, &tm.tm_mon, &tm.tm_mday);
	EncodeDateOnly(&tm, USE_ISO_DATES, text);
	return strlen(text);
}

void
joor_value_append(StringInfo out, JoorFieldId field, const JoorValue *value)
{
	char text[MAXDATELEN + 1];
	int	 length;

	switch (joor_fields[field].type)
	{
		case JOOR_TYPE_TEXT:
			appendBinaryStringInfo(out, value->text.data, value->text.length);
			return;
		case JOOR_TYPE_DATE:
			length = joor_date_text(value->date, text);
			break;
		case JOOR_TYPE_INTEGER:
			pg_lltoa(value->integer, text);
			length = strlen(text);
			break;
		default:
			appendStringInfoString(out, value->boolean ? "true" : "false");
			return;
	}
	appendBinaryStringInfo(out, text, length);
}

/* Text that JSON may have to escape. */
static void
append_escaped(StringInfo out, const JoorText *text)
{
	char *copy = pnstrdup(text->data, text->length);

	escape_json(out, copy);
	pfree(copy);
}

void
joor_value_append_json(StringInfo out, JoorFieldId field,
					   const JoorValue *value)
{
	JoorFieldType type = joor_fields[field].type;
	bool		  quoted = type == JOOR_TYPE_TEXT || type == JOOR_TYPE_DATE;

	if (type == JOOR_TYPE_TEXT && !value->text.plain)
	{
		append_escaped(out, &value->text);
		return;
	}
	if (quoted)
		appendStringInfoCharMacro(out, '"');
	joor_value_append(out, field, value);
	if (quoted)
		appendStringInfoCharMacro(out, '"');
}

/*
 * Violations.
 */

int
joor_text_clip(const char *data, int length, int characters)
{
	int i;

	for (i = 0; i < length; i++)
		if (((unsigned char) data[i] & 0xC0) != 0x80 && characters-- == 0)
			break;
	return i;
}

/*
 * UTF-8 as a message shows it: on one line.  Bytes that came out of the
 * database go back into its encoding; SQL_ASCII converts nothing, and takes
 * any.
 */
static char *
show_text(const char *data, int length)
{
	int	  shown = joor_text_clip(data, length, VALUE_SHOWN);
	char *text = pnstrdup(data, shown);
	char *c;

	if (GetDatabaseEncoding() != PG_SQL_ASCII)
		text = pg_any_to_server(text, shown, PG_UTF8);
	for (c = text; *c != '\0'; c++)
		if ((unsigned char) *c < ' ' || *c == 0x7f)
			*c = '?';
	return shown < length ? psprintf("%s...", text) : text;
}

void
joor_violation_set(JoorViolation *violation, const JoorItem *item, int field,
				   const char *data, int length, const char *rule,
				   const char *hint)
{
	violation->row = item->row;
	violation->field = field;
	violation->value = data == NULL ? NULL : show_text(data, length);
	violation->rule = rule;
	violation->hint = hint;
}

void
joor_violation_append(StringInfo out, const JoorViolation *violation)
{
	if (violation->row > 0)
		appendStringInfo(out, "row " INT64_FORMAT, violation->row);
	else
		appendStringInfoString(out, "item");
	if (violation->field != JOOR_FIELD_NONE)
		appendStringInfo(out, ", column \"%s\"",
						 joor_fields[violation->field].name);
	if (violation->value != NULL)
		appendStringInfo(out, ": value \"%s\"", violation->value);
	appendStringInfo(out, " %s", violation->rule);
}
