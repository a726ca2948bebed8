/*-------------------------------------------------------------------------
 *
 * payload_json.c
 *	  Items as JSON, in either of two shapes.
 *
 * JOOR documents the structure for XML only.  The nested shape reads that
 * tree literally, the flat one is how JOOR's own answers show lists; both
 * always hold an array.  Texts and dates are quoted, integers and booleans
 * are not.
 *
 * Floor 2.
 *
 * IDENTIFICATION
 *	  src/payload_json.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "port/pg_bitutils.h"

#include "payload.h"

typedef struct Key
{
	const char *text; /* quoted, with the colon after it */
	int			length;
} Key;

#define KEY(name)                                    \
	{                                                \
		"\"" name "\":", sizeof("\"" name "\":") - 1 \
	}

/* Indexed by JoorFieldId. */
static const Key field_keys[JOOR_FIELD_COUNT] = {
	[JOOR_FIELD_WAREHOUSE] = KEY("warehouse"),
	[JOOR_FIELD_INVENTORY_DATE] = KEY("inventory_date"),
	[JOOR_FIELD_STYLE_NUMBER] = KEY("style_number"),
	[JOOR_FIELD_STYLE_IDENTIFIER] = KEY("style_identifier"),
	[JOOR_FIELD_STYLE_ID] = KEY("style_id"),
	[JOOR_FIELD_COLOR_CODE] = KEY("color_code"),
	[JOOR_FIELD_STYLE_COLOR_ID] = KEY("style_color_id"),
	[JOOR_FIELD_SIZE] = KEY("size"),
	[JOOR_FIELD_SIZE_CODE] = KEY("size_code"),
	[JOOR_FIELD_UPC] = KEY("upc"),
	[JOOR_FIELD_INVENTORY] = KEY("inventory"),
	[JOOR_FIELD_MADE_TO_ORDER] = KEY("made_to_order"),
};

/* style_identifier as the page of the bulk call spells it. */
static const Key documented_key = KEY("style_identifer");

const char *
joor_payload_json_head(JoorJsonShape shape)
{
	return shape == JOOR_JSON_NESTED
			   ? "{\"inventory_items\":{\"inventory_item\":["
			   : "{\"inventory_items\":[";
}

const char *
joor_payload_json_tail(JoorJsonShape shape)
{
	return shape == JOOR_JSON_NESTED ? "]}}" : "]}";
}

/* Appends a member, and the brace or comma before it. */
static void
append_member(StringInfo out, char *separator, const Key *key,
			  JoorFieldId field, const JoorValue *value)
{
	appendStringInfoCharMacro(out, *separator);
	appendBinaryStringInfo(out, key->text, key->length);
	joor_value_append_json(out, field, value);
	*separator = ',';
}

/* style_identifier goes by two names. */
static void
append_identifier(StringInfo out, char *separator, const JoorValue *value,
				  JoorIdentifierField identifier)
{
	if (identifier != JOOR_IDENTIFIER_CORRECTED)
		append_member(out, separator, &documented_key,
					  JOOR_FIELD_STYLE_IDENTIFIER, value);
	if (identifier != JOOR_IDENTIFIER_DOCUMENTED)
		append_member(out, separator, &field_keys[JOOR_FIELD_STYLE_IDENTIFIER],
					  JOOR_FIELD_STYLE_IDENTIFIER, value);
}

void
joor_payload_json_item(StringInfo out, const JoorItem *item,
					   JoorIdentifierField identifier, bool first)
{
	char   separator = '{';
	uint32 rest;

	if (!first)
		appendStringInfoCharMacro(out, ',');
	if (item->sent == 0) /* one that broke a rule, for its rejection */
		appendStringInfoCharMacro(out, separator);
	for (rest = item->sent; rest != 0; rest &= rest - 1)
	{
		JoorFieldId field = (JoorFieldId) pg_rightmost_one_pos32(rest);

		if (field == JOOR_FIELD_STYLE_IDENTIFIER)
			append_identifier(out, &separator, &item->value[field], identifier);
		else
			append_member(out, &separator, &field_keys[field], field,
						  &item->value[field]);
	}
	appendStringInfoCharMacro(out, '}');
}
