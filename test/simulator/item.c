/*-------------------------------------------------------------------------
 *
 * item.c
 *	  The items of a call, and the rules for each of them.
 *
 * The lengths are those of JOOR's documentation, or of what is assumed where
 * it is silent.
 *
 * IDENTIFICATION
 *	  test/simulator/item.c
 *
 *-------------------------------------------------------------------------
 */
#include "item.h"
#include "encoding.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define LARGEST_INVENTORY 2147483647

const char *const field_names[FIELD_COUNT] = {
	"upc",
	"style_number",
	"style_identifier",
	"style_id",
	"color_code",
	"style_color_id",
	"size",
	"size_code",
	"warehouse",
	"inventory_date",
	"inventory",
	"made_to_order",
	"style_identifer",
};

/* Characters of the longest text; 0: not a text. */
static const unsigned char longest[FIELD_COUNT] = {
	[FIELD_UPC] = 100,
	[FIELD_STYLE_NUMBER] = 45,
	[FIELD_STYLE_IDENTIFIER] = 100,
	[FIELD_STYLE_IDENTIFER] = 100,
	[FIELD_COLOR_CODE] = 100,
	[FIELD_SIZE] = 100,
	[FIELD_SIZE_CODE] = 100,
	[FIELD_WAREHOUSE] = 150,
};

Item *
item_list_add(ItemList *list)
{
	Item *item;

	list->items =
		array_grow(list->items, list->count, &list->capacity, sizeof(Item));
	item = &list->items[list->count++];
	memset(item, 0, sizeof(*item));
	return item;
}

static int
field_by_name(const char *name, size_t length)
{
	for (int field = 0; field < FIELD_COUNT; field++)
	{
		if (strlen(field_names[field]) == length &&
			memcmp(field_names[field], name, length) == 0)
			return field;
	}
	return -1;
}

bool
item_set(ItemList *list, Item *item, const char *name, size_t name_length,
		 ValueKind kind, const char *text, size_t length)
{
	int field = field_by_name(name, name_length);

	if (field < 0 || item->text[field] != NULL)
	{
		item_list_refuse(list, field < 0 ? "unknown_field" : "field_twice",
						 arena_copy(&list->arena, name, name_length));
		return false;
	}
	item->text[field] = arena_copy(&list->arena, text, length);
	item->kind[field] = (unsigned char) kind;
	return true;
}

void
item_list_refuse(ItemList *list, const char *rule, const char *detail)
{
	if (list->rule != NULL)
		return;
	list->rule = rule;
	list->detail = arena_copy(&list->arena, detail, strlen(detail));
}

void
item_list_free(ItemList *list)
{
	free(list->items);
	arena_clear(&list->arena);
	memset(list, 0, sizeof(*list));
}

/* JOOR's two spellings of one field become one. */
static Verdict
merge_style_identifier(Item *item, StyleIdentifierField spelled,
					   const char **rule, const char **detail)
{
	const char *documented = item->text[FIELD_STYLE_IDENTIFER];
	const char *corrected = item->text[FIELD_STYLE_IDENTIFIER];
	int			wrong = -1;

	if (spelled == SPELLED_DOCUMENTED && corrected != NULL)
		wrong = FIELD_STYLE_IDENTIFIER;
	else if (spelled == SPELLED_CORRECTED && documented != NULL)
		wrong = FIELD_STYLE_IDENTIFER;
	if (wrong >= 0)
	{
		*rule = "unknown_field";
		*detail = field_names[wrong];
		return VERDICT_REFUSED;
	}
	if (documented != NULL && corrected != NULL &&
		strcmp(documented, corrected) != 0)
	{
		*rule = "style_identifier_differs";
		*detail = documented;
		return VERDICT_FAILS;
	}
	if (documented != NULL)
	{
		item->text[FIELD_STYLE_IDENTIFIER] = documented;
		item->kind[FIELD_STYLE_IDENTIFIER] = item->kind[FIELD_STYLE_IDENTIFER];
	}
	return VERDICT_FINE;
}

static bool
text_fits(const Item *item, int field, const char **rule)
{
	const char *text = item->text[field];

	if (item->kind[field] != VALUE_TEXT && item->kind[field] != VALUE_UNTYPED)
		*rule = "text_type";
	else if (*text == '\0')
		*rule = "text_empty";
	else if (utf8_length(text) > longest[field])
		*rule = "text_length";
	else
		return true;
	return false;
}

/* A whole number as JOOR's samples write one: no sign but "-", no zeros. */
static bool
read_integer(const Item *item, int field, int64_t *number)
{
	const char *text = item->text[field];
	const char *digits = text + (*text == '-');
	char	   *end;

	if (item->kind[field] != VALUE_NUMBER && item->kind[field] != VALUE_UNTYPED)
		return false;
	if (*digits < '0' || *digits > '9' ||
		(*digits == '0' && (digits[1] != '\0' || digits != text)))
		return false;
	errno = 0;
	*number = strtoll(text, &end, 10);
	return errno == 0 && *end == '\0';
}

static bool
read_date(const char *text, uint32_t *date)
{
	static const unsigned char days[] = {31, 28, 31, 30, 31, 30,
										 31, 31, 30, 31, 30, 31};
	unsigned				   number = 0;
	unsigned				   year;
	unsigned				   month;
	unsigned				   day;
	bool					   leap;

	if (strlen(text) != 10 || text[4] != '-' || text[7] != '-')
		return false;
	for (int i = 0; i < 10; i++)
	{
		if (i == 4 || i == 7)
			continue;
		if (text[i] < '0' || text[i] > '9')
			return false;
		number = number * 10 + (unsigned) (text[i] - '0');
	}
	year = number / 10000;
	month = number / 100 % 100;
	day = number % 100;
	leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
	*date = number;
	return year > 0 && month >= 1 && month <= 12 && day >= 1 &&
		   day <= days[month - 1] + (unsigned) (month == 2 && leap);
}

static bool
check_inventory(Item *item, const ItemRules *rules, const char **rule)
{
	if (item->text[FIELD_INVENTORY] == NULL)
	{
		*rule = "inventory_missing";
		return item->made_to_order == 1 && !rules->made_to_order_inventory;
	}
	if (!read_integer(item, FIELD_INVENTORY, &item->inventory))
		*rule = "integer";
	else if (item->inventory < 0 && !rules->allow_negative)
		*rule = "inventory_negative";
	else if (item->inventory > LARGEST_INVENTORY ||
			 item->inventory < -LARGEST_INVENTORY - 1)
		*rule = "inventory_range";
	else
		return true;
	return false;
}

static bool
check_made_to_order(Item *item)
{
	const char *text = item->text[FIELD_MADE_TO_ORDER];
	int			kind = item->kind[FIELD_MADE_TO_ORDER];

	item->made_to_order = -1;
	if (text == NULL)
		return true;
	if (kind != VALUE_BOOLEAN && kind != VALUE_UNTYPED)
		return false;
	if (strcmp(text, "true") == 0)
		item->made_to_order = 1;
	else if (strcmp(text, "false") == 0)
		item->made_to_order = 0;
	return item->made_to_order >= 0;
}

/* Types, lengths and ranges of the fields that are there. */
static bool
check_values(Item *item, const ItemRules *rules, const char **rule,
			 const char **detail)
{
	int64_t id;

	for (int field = 0; field < FIELD_COUNT; field++)
	{
		*detail = field_names[field];
		if (item->text[field] != NULL && longest[field] > 0 &&
			!text_fits(item, field, rule))
			return false;
		if ((field == FIELD_STYLE_ID || field == FIELD_STYLE_COLOR_ID) &&
			item->text[field] != NULL && !read_integer(item, field, &id))
		{
			*rule = "integer";
			return false;
		}
	}
	*detail = field_names[FIELD_INVENTORY_DATE];
	*rule = "date";
	if (item->text[FIELD_INVENTORY_DATE] != NULL &&
		((item->kind[FIELD_INVENTORY_DATE] != VALUE_TEXT &&
		  item->kind[FIELD_INVENTORY_DATE] != VALUE_UNTYPED) ||
		 !read_date(item->text[FIELD_INVENTORY_DATE], &item->date)))
		return false;
	*detail = field_names[FIELD_MADE_TO_ORDER];
	*rule = "boolean";
	if (!check_made_to_order(item))
		return false;
	*detail = field_names[FIELD_INVENTORY];
	return check_inventory(item, rules, rule);
}

#define BIT(field) (1u << (field))

/*
 * Chooses the identity: UPC before style keys, the first key of each sort
 * before the second.
 */
static Verdict
choose_identity(Item *item, const ItemRules *rules, const char **rule,
				const char **detail)
{
	unsigned present = 0;
	unsigned style;
	unsigned color;
	unsigned size;

	for (int field = 0; field < IDENTITY_FIELDS; field++)
	{
		if (item->text[field] != NULL)
			present |= BIT(field);
	}
	*detail = "identity";
	style = BIT(FIELD_STYLE_NUMBER) | BIT(FIELD_STYLE_IDENTIFIER);
	if ((present & style) != style)
		style = BIT(FIELD_STYLE_ID);
	color = present & BIT(FIELD_COLOR_CODE) ? BIT(FIELD_COLOR_CODE)
											: BIT(FIELD_STYLE_COLOR_ID);
	size = present & BIT(FIELD_SIZE) ? BIT(FIELD_SIZE) : BIT(FIELD_SIZE_CODE);
	if (present & BIT(FIELD_UPC))
		item->identity = (uint8_t) BIT(FIELD_UPC);
	else
		item->identity = (uint8_t) (style | color | size);

	if ((present & item->identity) != item->identity)
	{
		*rule = "identity_missing";
		return VERDICT_FAILS;
	}
	if (present != item->identity)
	{
		*rule = "identity_twice";
		return rules->tolerant ? VERDICT_FLAGGED : VERDICT_FAILS;
	}
	return VERDICT_FINE;
}

Verdict
item_check(Item *item, const ItemRules *rules, const char **rule,
		   const char **detail)
{
	Verdict verdict;

	verdict = merge_style_identifier(
		item, (StyleIdentifierField) rules->style_identifier_field, rule,
		detail);
	if (verdict != VERDICT_FINE)
		return verdict;
	if (!check_values(item, rules, rule, detail))
		return VERDICT_FAILS;
	return choose_identity(item, rules, rule, detail);
}
