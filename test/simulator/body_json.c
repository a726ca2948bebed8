/*-------------------------------------------------------------------------
 *
 * body_json.c
 *	  JSON bodies: the list of items in either of its two shapes.
 *
 * IDENTIFICATION
 *	  test/simulator/body_json.c
 *
 *-------------------------------------------------------------------------
 */
#include "body.h"
#include "encoding.h"

#include <stdio.h>
#include <string.h>

/* The only member of an object, NULL when it is another or not the only. */
static json_t *
only_member(const json_t *object, const char *name)
{
	if (!json_is_object(object) || json_object_size(object) != 1)
		return NULL;
	return json_object_get(object, name);
}

static json_t *
find_items(json_t *root, JsonShape shape)
{
	json_t *items = only_member(root, "inventory_items");

	if (shape != JSON_FLAT && json_is_object(items))
		items = only_member(items, "inventory_item");
	else if (shape == JSON_NESTED)
		items = NULL;
	return json_is_array(items) ? items : NULL;
}

static bool
set_field(ItemList *list, Item *item, const char *name, json_t *value)
{
	ValueKind	kind = VALUE_STRANGE;
	const char *text = "";
	char		number[32];

	switch (json_typeof(value))
	{
		case JSON_STRING:
			kind = VALUE_TEXT;
			text = json_string_value(value);
			break;
		case JSON_INTEGER:
			kind = VALUE_NUMBER;
			snprintf(number, sizeof(number), "%lld",
					 (long long) json_integer_value(value));
			text = number;
			break;
		case JSON_TRUE:
		case JSON_FALSE:
			kind = VALUE_BOOLEAN;
			text = json_is_true(value) ? "true" : "false";
			break;
		default:
			break;
	}
	return item_set(list, item, name, strlen(name), kind, text, strlen(text));
}

static bool
add_item(ItemList *list, json_t *object)
{
	Item	   *item;
	const char *name;
	json_t	   *value;

	if (!json_is_object(object))
	{
		item_list_refuse(list, "structure", "an item is not an object");
		return false;
	}
	item = item_list_add(list);
	json_object_foreach(object, name, value)
	{
		if (!set_field(list, item, name, value))
			return false;
	}
	return true;
}

void
body_json_items(ItemList *list, json_t *array)
{
	json_t *object;
	size_t	i;

	json_array_foreach(array, i, object)
	{
		if (!add_item(list, object))
			break;
	}
}

void
body_json_parse(ItemList *list, const char *body, size_t length,
				JsonShape shape)
{
	json_error_t error;
	json_t		*root;
	json_t		*items;
	json_t		*object;
	size_t		 i;

	if (!utf8_valid(body, length))
	{
		item_list_refuse(list, "utf8", "body");
		return;
	}
	root = json_loadb(body, length, JSON_REJECT_DUPLICATES, &error);
	if (root == NULL)
	{
		item_list_refuse(list, "json", error.text);
		return;
	}
	items = find_items(root, shape);
	if (items == NULL)
		item_list_refuse(list, "structure", "no list of items");
	json_array_foreach(items, i, object)
	{
		if (!add_item(list, object))
			break;
	}
	json_decref(root);
}
