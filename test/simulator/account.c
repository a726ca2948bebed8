/*-------------------------------------------------------------------------
 *
 * account.c
 *	  The accounts: what JOOR keeps for a token, and how it behaves for it.
 *
 * IDENTIFICATION
 *	  test/simulator/account.c
 *
 *-------------------------------------------------------------------------
 */
#include "account.h"
#include "body.h"
#include "booking.h"
#include "encoding.h"

#include <string.h>

static const char *const auth_schemes[] = {"oauth2", "bearer", "both", NULL};
static const char *const retry_afters[] = {"off", "seconds", "date", NULL};
static const char *const spellings[] = {"documented", "corrected", "both",
										NULL};
static const char *const shapes[] = {"either", "nested", "flat", NULL};

static Account			*accounts; /* newest first, the dropped ones too */
static int				 account_count;

bool
string_set_has(const StringSet *set, const char *text)
{
	return string_table_get(&set->table, text, strlen(text)) != NULL;
}

static void
string_set_clear(StringSet *set)
{
	string_table_clear(&set->table);
	arena_clear(&set->arena);
}

/* Replaces the set by a JSON array of strings. */
static bool
string_set_read(StringSet *set, json_t *array)
{
	json_t *value;
	size_t	i;

	string_set_clear(set);
	if (!json_is_array(array))
		return false;
	json_array_foreach(array, i, value)
	{
		size_t length = json_string_length(value);
		char  *text;

		if (!json_is_string(value))
			return false;
		text = arena_copy(&set->arena, json_string_value(value), length);
		string_table_put(&set->table, text, length, text);
	}
	return true;
}

static bool
set_reject(void *object, json_t *value)
{
	return string_set_read(&((Account *) object)->reject, value);
}

static bool
set_poison(void *object, json_t *value)
{
	return string_set_read(&((Account *) object)->poison, value);
}

static bool
set_warehouses(void *object, json_t *value)
{
	Inventory *inventory = &((Account *) object)->inventory;
	json_t	  *name;
	size_t	   i;

	if (!json_is_array(value))
		return false;
	for (i = 0; i < inventory->warehouse_count; i++)
		inventory->warehouses[i].known = false;
	json_array_foreach(value, i, name)
	{
		uint32_t warehouse;

		if (!json_is_string(name))
			return false;
		warehouse = inventory_warehouse(inventory, json_string_value(name));
		inventory->warehouses[warehouse].known = true;
	}
	return true;
}

static bool
set_upcs(void *object, json_t *value)
{
	json_t *upc;
	size_t	i;

	if (!json_is_array(value))
		return false;
	json_array_foreach(value, i, upc)
	{
		const char *texts[IDENTITY_FIELDS] = {NULL};

		if (!json_is_string(upc))
			return false;
		texts[FIELD_UPC] = json_string_value(upc);
		catalogue_add(&((Account *) object)->catalogue, texts);
	}
	return true;
}

/* Each an object of the fields that say which SKU it is. */
static bool
set_skus(void *object, json_t *value)
{
	ItemList list = {0};

	if (!json_is_array(value))
		return false;
	body_json_items(&list, value);
	for (size_t i = 0; list.rule == NULL && i < list.count; i++)
	{
		const char **texts = list.items[i].text;

		if (texts[FIELD_STYLE_IDENTIFIER] == NULL)
			texts[FIELD_STYLE_IDENTIFIER] = texts[FIELD_STYLE_IDENTIFER];
		catalogue_add(&((Account *) object)->catalogue, texts);
	}
	if (list.rule != NULL)
		value = NULL;
	item_list_free(&list);
	return value != NULL;
}

/* A number for all, or a list of items whose inventory is what is held. */
static bool
set_pending(void *object, json_t *value)
{
	Account *account = object;
	ItemList list = {0};
	bool	 good;

	if (option_integer(value, &account->pending))
		return true;
	if (!json_is_array(value))
		return false;
	body_json_items(&list, value);
	good = list.rule == NULL && booking_pending(account, &list);
	item_list_free(&list);
	return good;
}

static bool
set_answer(void *object, json_t *value)
{
	Buffer error = {0};
	bool   good = options_apply(answer_style_options,
								&((Account *) object)->answer, value, &error);

	buffer_free(&error);
	return good;
}

#define PLAIN(option, sort, member)                                       \
	{                                                                     \
		.name = option, .kind = sort, .offset = offsetof(Account, member) \
	}
#define CHOICE(option, member, words)                         \
	{                                                         \
		.name = option, .kind = OPTION_CHOICE,                \
		.offset = offsetof(Account, member), .choices = words \
	}
#define CUSTOM(option, function)                               \
	{                                                          \
		.name = option, .kind = OPTION_CUSTOM, .set = function \
	}

static const Option account_options[] = {
	{.name = "token",
	 .kind = OPTION_TEXT,
	 .offset = offsetof(Account, token),
	 .size = sizeof(((Account *) 0)->token)},
	CHOICE("auth", auth, auth_schemes),
	PLAIN("disabled", OPTION_BOOLEAN, disabled),
	PLAIN("credits", OPTION_INTEGER, credits.limit),
	PLAIN("window", OPTION_SECONDS, credits.length),
	CHOICE("retry_after", retry_after, retry_afters),
	CHOICE("style_identifier_field", rules.style_identifier_field, spellings),
	CHOICE("json_shape", json_shape, shapes),
	PLAIN("allow_negative", OPTION_BOOLEAN, rules.allow_negative),
	PLAIN("tolerant", OPTION_BOOLEAN, rules.tolerant),
	PLAIN("made_to_order_inventory", OPTION_BOOLEAN,
		  rules.made_to_order_inventory),
	PLAIN("max_bytes", OPTION_INTEGER, max_bytes),
	PLAIN("max_items", OPTION_INTEGER, max_items),
	PLAIN("bad_item_refuses", OPTION_BOOLEAN, bad_item_refuses),
	PLAIN("empty_allowed", OPTION_BOOLEAN, empty_allowed),
	CUSTOM("reject", set_reject),
	CUSTOM("poison", set_poison),
	PLAIN("poison_status", OPTION_INTEGER, poison_status),
	PLAIN("poison_code", OPTION_INTEGER, poison_code),
	PLAIN("any_sku", OPTION_BOOLEAN, catalogue.any),
	CUSTOM("upcs", set_upcs),
	CUSTOM("skus", set_skus),
	CUSTOM("warehouses", set_warehouses),
	PLAIN("any_warehouse", OPTION_BOOLEAN, any_warehouse),
	CUSTOM("pending", set_pending),
	CUSTOM("answer", set_answer),
	{.name = NULL},
};

static Account *
account_make(const char *name)
{
	Account *account = must_alloc(sizeof(Account));
	uint32_t warehouse;

	strcpy(account->name, name);
	account->number = ++account_count;
	account->credits.limit = 300;
	account->credits.length = INT64_C(300) * 1000000;
	account->poison_status = 400;
	account->poison_code = 1;
	answer_style_defaults(&account->answer);
	warehouse = inventory_warehouse(&account->inventory, "Default");
	account->inventory.warehouses[warehouse].known = true;
	account->next = accounts;
	accounts = account;
	return account;
}

Account *
account_put(const char *name, json_t *json, Buffer *error)
{
	Account *account = account_by_name(name);

	if (*name == '\0' || strlen(name) >= sizeof(account->name))
	{
		buffer_text(error, "the name of an account has 1 to 63 bytes");
		return NULL;
	}
	if (account == NULL)
		account = account_make(name);
	return options_apply(account_options, account, json, error) ? account
																: NULL;
}

Account *
account_by_name(const char *name)
{
	for (Account *account = accounts; account; account = account->next)
	{
		if (!account->dropped && strcmp(account->name, name) == 0)
			return account;
	}
	return NULL;
}

/* Is it, to the letter, what the account's clients have to send? */
static bool
authorizes(const Account *account, const char *authorization)
{
	Buffer expected = {0};
	bool   equal = false;

	if (account->auth != AUTH_BEARER)
	{
		buffer_text(&expected, "OAuth2 ");
		base64_encode(&expected, account->token, strlen(account->token));
		equal = strcmp(buffer_terminate(&expected), authorization) == 0;
		expected.length = 0;
	}
	if (!equal && account->auth != AUTH_OAUTH2)
	{
		buffer_text(&expected, "Bearer ");
		buffer_text(&expected, account->token);
		equal = strcmp(buffer_terminate(&expected), authorization) == 0;
	}
	buffer_free(&expected);
	return equal;
}

Account *
account_by_authorization(const char *authorization)
{
	for (Account *account = accounts; account; account = account->next)
	{
		if (!account->dropped && account->token[0] != '\0' &&
			authorizes(account, authorization))
			return account;
	}
	return NULL;
}

void
account_drop(Account *account)
{
	account->dropped = true;
	inventory_free(&account->inventory);
	catalogue_clear(&account->catalogue);
	string_set_clear(&account->reject);
	string_set_clear(&account->poison);
}

void
account_drop_all(void)
{
	for (Account *account = accounts; account; account = account->next)
		account_drop(account);
}

void
account_forget_inventory(void)
{
	for (Account *account = accounts; account; account = account->next)
		inventory_clear(&account->inventory);
}

void
account_refill(void)
{
	for (Account *account = accounts; account; account = account->next)
		credit_window_refill(&account->credits);
}
