/*-------------------------------------------------------------------------
 *
 * booking.c
 *	  Items are checked against an account and become its positions.
 *
 * IDENTIFICATION
 *	  test/simulator/booking.c
 *
 *-------------------------------------------------------------------------
 */
#include "booking.h"
#include "simulator.h"

#include <string.h>

#define BIT(field) (1u << (field))

/* The SKU data of the item: its identity, or all it has when that is none. */
static uint8_t
sku_data(const Item *item)
{
	unsigned present = 0;

	for (int field = 0; field < IDENTITY_FIELDS; field++)
	{
		if (item->text[field] != NULL)
			present |= BIT(field);
	}
	if (item->identity != 0 && (present & item->identity) == item->identity)
		return item->identity;
	return (uint8_t) present;
}

static const Sku *
find_sku(Account *account, const Item *item, Buffer *key)
{
	key->length = 0;
	sku_key(key, item->text, item->identity);
	return catalogue_find(&account->catalogue, key->data, key->length);
}

static void
join_sku(ItemList *list, Item *item, Buffer *key)
{
	Buffer joined = {0};

	key->length = 0;
	sku_key(key, item->text, sku_data(item));
	sku_join(&joined, key->data);
	item->sku = arena_copy(&list->arena, joined.data, joined.length);
	buffer_free(&joined);
}

static bool
refuse(Refusal *refusal, int status, int64_t code, const char *comment)
{
	refusal->status = status;
	refusal->code = code;
	refusal->comment = comment;
	return false;
}

static bool
check_item(Account *account, ItemList *list, size_t i, const Call *call,
		   Buffer *key, Refusal *refusal)
{
	Item	   *item = &list->items[i];
	const char *rule = NULL;
	const char *detail = NULL;
	Verdict		verdict;

	verdict = item_check(item, &account->rules, &rule, &detail);
	if (verdict != VERDICT_FINE)
		call_log_violation(call, rule, (long) i, detail);
	if (verdict == VERDICT_REFUSED ||
		(verdict == VERDICT_FAILS && account->bad_item_refuses))
		return refuse(refusal, 400, 1, rule);

	join_sku(list, item, key);
	if (string_set_has(&account->poison, item->sku))
		return refuse(refusal, (int) account->poison_status,
					  account->poison_code, "Invalid item");
	item->failed = verdict == VERDICT_FAILS ||
				   string_set_has(&account->reject, item->sku) ||
				   find_sku(account, item, key) == NULL;
	return true;
}

bool
booking_check(Account *account, ItemList *list, const Call *call,
			  Refusal *refusal)
{
	Buffer key = {0};
	bool   good = true;

	if (account->max_items > 0 && list->count > (size_t) account->max_items)
		return refuse(refusal, 413, 1, "Too many items");
	if (list->count == 0)
	{
		call_log_violation(call, "empty", -1, "no item");
		if (!account->empty_allowed)
			return refuse(refusal, 400, 1, "No items");
	}
	for (size_t i = 0; good && i < list->count; i++)
		good = check_item(account, list, i, call, &key, refusal);
	buffer_free(&key);
	return good;
}

static Position *
item_position(Account *account, const Item *item, Buffer *key)
{
	Inventory  *inventory = &account->inventory;
	const Sku  *sku = find_sku(account, item, key);
	const char *name = item->text[FIELD_WAREHOUSE];
	uint32_t	warehouse;
	Position   *position;

	if (sku == NULL)
		return NULL;
	warehouse = inventory_warehouse(inventory, name ? name : "Default");
	position = inventory_position(inventory, sku, warehouse, item->date);
	position->lost =
		!inventory->warehouses[warehouse].known && !account->any_warehouse;
	return position;
}

/* made_to_order left out leaves it as it is; true clears the inventory. */
static void
write_position(const Account *account, Position *position, const Item *item,
			   bool dec_pending)
{
	position->touched = true;
	if (item->made_to_order >= 0)
		position->made_to_order = item->made_to_order == 1;
	if (item->made_to_order == 1)
	{
		position->counted = false;
		return;
	}
	position->counted = true;
	position->inventory = item->inventory;
	if (dec_pending)
		position->inventory -=
			position->pending ? position->pending : account->pending;
}

void
booking_apply(Account *account, ItemList *list, Call *call,
			  const BookingOptions *options)
{
	Buffer key = {0};

	for (size_t i = 0; i < list->count; i++)
	{
		const Item *item = &list->items[i];
		Position   *position;

		if (item->failed)
		{
			call->failed++;
			continue;
		}
		position = item_position(account, item, &key);
		if (position == NULL)
			continue;
		if (position->call == call->number)
			call_log_violation(call, "position_twice", (long) i, item->sku);
		position->call = call->number;
		write_position(account, position, item, options->dec_pending);
	}
	if (options->overwrite)
		inventory_overwrite(&account->inventory, call->number);
	call->booked = clock_epoch();
	buffer_free(&key);
}

/* The position of an item that no call sent; NULL when it is not right. */
static Position *
own_position(Account *account, Item *item, Buffer *key)
{
	ItemRules	rules = {.style_identifier_field = SPELLED_BOTH,
						 .allow_negative = true};
	const char *rule;
	const char *detail;

	if (item_check(item, &rules, &rule, &detail) != VERDICT_FINE)
		return NULL;
	return item_position(account, item, key);
}

bool
booking_pending(Account *account, ItemList *list)
{
	Buffer key = {0};
	bool   good = true;

	for (size_t i = 0; good && i < list->count; i++)
	{
		Position *position = own_position(account, &list->items[i], &key);

		good = position != NULL;
		if (good)
			position->pending = (int32_t) list->items[i].inventory;
	}
	buffer_free(&key);
	return good;
}

bool
booking_set(Account *account, ItemList *list)
{
	Buffer key = {0};
	bool   good = true;

	for (size_t i = 0; good && i < list->count; i++)
	{
		Position *position = own_position(account, &list->items[i], &key);

		good = position != NULL;
		if (good)
		{
			position->call = 0;
			write_position(account, position, &list->items[i], false);
		}
	}
	buffer_free(&key);
	return good;
}
