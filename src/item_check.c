/*-------------------------------------------------------------------------
 *
 * item_check.c
 *	  The rules that an item must keep before it goes out.
 *
 * Rules: only what goes out is checked, so columns that an identity makes
 * superfluous may hold anything.  What XML 1.0 cannot carry is refused for
 * JSON as well, so that the format is no part of the rules.  The first rule
 * that an item breaks is the one that is told.
 *
 * The check runs for every row of every push.  A text that is plain (ASCII
 * that no format escapes) is seen with one table look-up per byte; only the
 * others are looked at again.
 *
 * Floor 1.
 *
 * IDENTIFICATION
 *	  src/item_check.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "port/pg_bitutils.h"
#include "utils/datetime.h"

#include "item.h"

/* The years that YYYY-MM-DD can say, as DateADT. */
#define FIRST_DATE (date2j(1, 1, 1) - POSTGRES_EPOCH_JDATE)
#define LAST_DATE (date2j(9999, 12, 31) - POSTGRES_EPOCH_JDATE)

/* Sets of fields. */
#define WAREHOUSE JOOR_FIELD_BIT(JOOR_FIELD_WAREHOUSE)
#define STYLE_NUMBER JOOR_FIELD_BIT(JOOR_FIELD_STYLE_NUMBER)
#define STYLE_IDENTIFIER JOOR_FIELD_BIT(JOOR_FIELD_STYLE_IDENTIFIER)
#define STYLE_ID JOOR_FIELD_BIT(JOOR_FIELD_STYLE_ID)
#define COLOR_CODE JOOR_FIELD_BIT(JOOR_FIELD_COLOR_CODE)
#define STYLE_COLOR_ID JOOR_FIELD_BIT(JOOR_FIELD_STYLE_COLOR_ID)
#define SIZE JOOR_FIELD_BIT(JOOR_FIELD_SIZE)
#define SIZE_CODE JOOR_FIELD_BIT(JOOR_FIELD_SIZE_CODE)
#define UPC JOOR_FIELD_BIT(JOOR_FIELD_UPC)
#define INVENTORY JOOR_FIELD_BIT(JOOR_FIELD_INVENTORY)
#define MADE_TO_ORDER JOOR_FIELD_BIT(JOOR_FIELD_MADE_TO_ORDER)
#define IDENTITY                                               \
	(STYLE_NUMBER | STYLE_IDENTIFIER | STYLE_ID | COLOR_CODE | \
	 STYLE_COLOR_ID | SIZE | SIZE_CODE | UPC)

/* 1: a byte of plain text.  Not: controls, " & ' < > \ and beyond ASCII. */
static const uint8 plain_byte[256] = {
	0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, /* 0x00 */
	0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, /* 0x10 */
	1, 1, 0, 1, 1, 1, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1, /* space */
	1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0, 1, 0, 1, /* 0 */
	1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, /* @ */
	1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0, 1, 1, 1, /* P */
	1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, /* ` */
	1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0, /* p */
};

/*
 * Identity.
 */

/* The first key if all of it is there, else the second, else nothing. */
static uint32
pick_key(uint32 present, uint32 first, uint32 second)
{
	return (present & first) == first ? first : present & second;
}

static uint32
style_key(uint32 present)
{
	return pick_key(present, STYLE_NUMBER | STYLE_IDENTIFIER, STYLE_ID);
}

static uint32
color_key(uint32 present)
{
	return pick_key(present, COLOR_CODE, STYLE_COLOR_ID);
}

static uint32
size_key(uint32 present)
{
	return pick_key(present, SIZE, SIZE_CODE);
}

uint32
joor_identity_fields(uint32 present)
{
	uint32 style = style_key(present);
	uint32 color = color_key(present);
	uint32 size = size_key(present);

	if ((present & UPC) != 0)
		return UPC;
	if (style == 0 || color == 0 || size == 0)
		return 0;
	return style | color | size;
}

/* What an item lacks that has no identity. */
static const char *
missing_identity(uint32 present)
{
	if ((present & IDENTITY) == 0)
		return "has no identity";
	if (style_key(present) != 0)
		return color_key(present) == 0 ? "has no colour key"
									   : "has no size key";
	if ((present & STYLE_NUMBER) != 0)
		return "has a style_number but no style_identifier";
	if ((present & STYLE_IDENTIFIER) != 0)
		return "has a style_identifier but no style_number";
	return "has no style key";
}

/*
 * Refusing.
 */

/* The item, or a field that shows nothing, breaks a rule.  Always false. */
static bool
refuse_item(JoorViolation *violation, const JoorItem *item, int field,
			const char *rule, const char *hint)
{
	joor_violation_set(violation, item, field, NULL, 0, rule, hint);
	return false;
}

/* The value of a field breaks a rule.  Always false. */
static bool
refuse_value(JoorViolation *violation, const JoorItem *item, int field,
			 const char *rule, const char *hint)
{
	const JoorValue *value = &item->value[field];
	StringInfoData	 text;

	if (joor_fields[field].type == JOOR_TYPE_TEXT)
	{
		joor_violation_set(violation, item, field, value->text.data,
						   value->text.length, rule, hint);
		return false;
	}
	initStringInfo(&text);
	joor_value_append(&text, field, value);
	joor_violation_set(violation, item, field, text.data, text.len, rule, hint);
	pfree(text.data);
	return false;
}

/*
 * Rules for the value of a field.
 */

static bool
is_plain(const JoorText *text)
{
	const unsigned char *c = (const unsigned char *) text->data;
	const unsigned char *end = c + text->length;
	uint8				 plain = 1;

	while (c < end)
		plain &= plain_byte[*c++];
	return plain != 0;
}

/* Whether a text is within XML 1.0's Char, production 2. */
static bool
is_xml(const JoorText *text)
{
	const unsigned char *c = (const unsigned char *) text->data;
	const unsigned char *end = c + text->length;

	for (; c < end; c++)
	{
		if (*c < 0x20 && *c != '\t' && *c != '\n' && *c != '\r')
			return false;
		/* U+FFFE and U+FFFF; valid UTF-8 has two bytes more after 0xEF */
		if (*c == 0xEF && c[1] == 0xBF && c[2] >= 0xBE)
			return false;
	}
	return true;
}

static bool
check_text(JoorItem *item, int field, JoorViolation *violation)
{
	JoorText *text = &item->value[field].text;
	int		  longest = joor_fields[field].longest;

	if (text->length == 0)
		return refuse_item(violation, item, field, "is empty",
						   "NULL leaves a field out.");
	if (text->length > longest &&
		joor_text_clip(text->data, text->length, longest) < text->length)
		return refuse_value(violation, item, field, joor_fields[field].too_long,
							NULL);
	text->plain = is_plain(text);
	if (!text->plain && !is_xml(text))
		return refuse_value(violation, item, field,
							"has a character that XML cannot carry",
							"Of the control characters XML 1.0 knows tab, "
							"line feed and carriage return; it does not know "
							"U+FFFE and U+FFFF.");
	return true;
}

/* JOOR does not refuse a warehouse that it does not know, so we do. */
static bool
check_warehouse(JoorItem *item, const JoorItemRules *rules,
				JoorViolation *violation)
{
	const JoorText *text = &item->value[JOOR_FIELD_WAREHOUSE].text;
	int				i;

	if (!check_text(item, JOOR_FIELD_WAREHOUSE, violation))
		return false;
	if (rules->warehouses == NULL || joor_text_equal(text, &rules->warehouse))
		return true;
	for (i = 0; i < rules->nwarehouses; i++)
		if (joor_text_equal(text, &rules->warehouses[i]))
			return true;
	return refuse_value(violation, item, JOOR_FIELD_WAREHOUSE,
						"is not a warehouse of the account",
						"The server's option \"warehouses\" lists the names "
						"that are allowed.");
}

static bool
check_date(const JoorItem *item, int field, JoorViolation *violation)
{
	DateADT date = item->value[field].date;

	if (DATE_NOT_FINITE(date))
		return refuse_value(violation, item, field, "is not finite",
							"NULL means stock that is available now.");
	if (date < FIRST_DATE || date > LAST_DATE)
		return refuse_value(violation, item, field,
							"is outside of the years 1 to 9999", NULL);
	return true;
}

/* JOOR's own ids; what a bigint holds is the upper limit. */
static bool
check_id(const JoorItem *item, int field, JoorViolation *violation)
{
	if (item->value[field].integer < 1)
		return refuse_value(violation, item, field, "is below 1",
							"Ids are given by JOOR; NULL leaves one out.");
	return true;
}

static bool
check_quantity(JoorItem *item, const JoorItemRules *rules,
			   JoorViolation *violation)
{
	int64 *quantity = &item->value[JOOR_FIELD_INVENTORY].integer;

	if (*quantity > PG_INT32_MAX)
		return refuse_value(violation, item, JOOR_FIELD_INVENTORY,
							"is above 2147483647", NULL);
	if (*quantity >= 0)
		return true;
	switch (rules->negative)
	{
		case JOOR_NEGATIVE_CLAMP:
			*quantity = 0;
			item->clamped = true;
			return true;
		case JOOR_NEGATIVE_REJECT:
			return refuse_value(violation, item, JOOR_FIELD_INVENTORY,
								"is negative",
								"The server's option \"negative\" says what "
								"becomes of negative quantities.");
		case JOOR_NEGATIVE_SEND:
			break;
	}
	if (*quantity < PG_INT32_MIN)
		return refuse_value(violation, item, JOOR_FIELD_INVENTORY,
							"is below -2147483648", NULL);
	return true;
}

static bool
check_field(JoorItem *item, JoorFieldId field, const JoorItemRules *rules,
			JoorViolation *violation)
{
	switch (field)
	{
		case JOOR_FIELD_WAREHOUSE:
			return check_warehouse(item, rules, violation);
		case JOOR_FIELD_INVENTORY_DATE:
			return check_date(item, field, violation);
		case JOOR_FIELD_STYLE_ID:
		case JOOR_FIELD_STYLE_COLOR_ID:
			return check_id(item, field, violation);
		case JOOR_FIELD_INVENTORY:
			return check_quantity(item, rules, violation);
		case JOOR_FIELD_MADE_TO_ORDER:
			return true;
		default:
			return check_text(item, field, violation);
	}
}

/*
 * Rules for the item.
 */

bool
joor_item_check(JoorItem *item, const JoorItemRules *rules,
				JoorViolation *violation)
{
	uint32 identity = joor_identity_fields(item->present);
	uint32 rest;

	item->sent = 0;
	if (identity == 0)
		return refuse_item(violation, item, JOOR_FIELD_NONE,
						   missing_identity(item->present), JOOR_IDENTITY_HINT);
	if ((item->present & INVENTORY) == 0 &&
		((item->present & MADE_TO_ORDER) == 0 ||
		 !item->value[JOOR_FIELD_MADE_TO_ORDER].boolean))
		return refuse_item(violation, item, JOOR_FIELD_INVENTORY, "is missing",
						   "Only what is made to order has no quantity.");
	if ((item->present & WAREHOUSE) == 0)
		item->value[JOOR_FIELD_WAREHOUSE].text = rules->warehouse;
	item->sent = (item->present & ~IDENTITY) | identity | WAREHOUSE;

	for (rest = item->sent; rest != 0; rest &= rest - 1)
		if (!check_field(item, (JoorFieldId) pg_rightmost_one_pos32(rest),
						 rules, violation))
			return false;
	return true;
}

bool
joor_item_complete_position(JoorItem *item, const JoorItemRules *rules,
							const JoorViolation *violation)
{
	uint32 identity = joor_identity_fields(item->present);
	uint32 warehouse = JOOR_FIELD_BIT(JOOR_FIELD_WAREHOUSE);

	if (item->sent != 0)
		return true;
	if (identity == 0 ||
		(violation->field != JOOR_FIELD_NONE &&
		 (JOOR_FIELD_BIT(violation->field) & JOOR_POSITION_FIELDS) != 0))
		return false;
	if ((item->present & warehouse) == 0)
		item->value[JOOR_FIELD_WAREHOUSE].text = rules->warehouse;
	item->sent = identity | warehouse |
				 (item->present & JOOR_FIELD_BIT(JOOR_FIELD_INVENTORY_DATE));
	return true;
}
