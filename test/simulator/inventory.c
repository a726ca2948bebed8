/*-------------------------------------------------------------------------
 *
 * inventory.c
 *	  The positions of an account: what JOOR would show.
 *
 * Made for a million of them: an array of positions, and a hash table of
 * their indexes, at most half full.
 *
 * IDENTIFICATION
 *	  test/simulator/inventory.c
 *
 *-------------------------------------------------------------------------
 */
#include "inventory.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

uint32_t
inventory_warehouse(Inventory *inventory, const char *name)
{
	uintptr_t  found = (uintptr_t) string_table_get(&inventory->warehouse_index,
													name, strlen(name));
	Warehouse *warehouse;

	if (found != 0)
		return (uint32_t) (found - 1);
	inventory->warehouses =
		array_grow(inventory->warehouses, inventory->warehouse_count,
				   &inventory->warehouse_capacity, sizeof(Warehouse));
	warehouse = &inventory->warehouses[inventory->warehouse_count++];
	warehouse->name = must_copy(name);
	warehouse->known = false;
	string_table_put(&inventory->warehouse_index, warehouse->name, strlen(name),
					 (void *) inventory->warehouse_count);
	return (uint32_t) inventory->warehouse_count - 1;
}

static size_t
position_hash(const Sku *sku, uint32_t warehouse, uint32_t date)
{
	uint64_t hash = (uint64_t) (uintptr_t) sku;

	hash ^= ((uint64_t) warehouse << 32 | date) * UINT64_C(0x9e3779b97f4a7c15);
	hash = (hash ^ (hash >> 33)) * UINT64_C(0xff51afd7ed558ccd);
	hash = (hash ^ (hash >> 33)) * UINT64_C(0xc4ceb9fe1a85ec53);
	return (size_t) (hash ^ (hash >> 33));
}

/* The slot of the position, or the free one where it belongs. */
static uint32_t *
find_slot(const Inventory *inventory, const Sku *sku, uint32_t warehouse,
		  uint32_t date)
{
	size_t mask = inventory->slot_count - 1;
	size_t at = position_hash(sku, warehouse, date) & mask;

	while (inventory->slots[at] != 0)
	{
		const Position *position =
			&inventory->positions[inventory->slots[at] - 1];

		if (position->sku == sku && position->warehouse == warehouse &&
			position->date == date)
			break;
		at = (at + 1) & mask;
	}
	return &inventory->slots[at];
}

static void
grow_slots(Inventory *inventory)
{
	size_t doubled = inventory->slot_count ? inventory->slot_count * 2 : 64;

	free(inventory->slots);
	inventory->slot_count = doubled;
	inventory->slots = must_alloc(doubled * sizeof(uint32_t));
	for (size_t i = 0; i < inventory->count; i++)
	{
		const Position *position = &inventory->positions[i];

		*find_slot(inventory, position->sku, position->warehouse,
				   position->date) = (uint32_t) i + 1;
	}
}

Position *
inventory_position(Inventory *inventory, const Sku *sku, uint32_t warehouse,
				   uint32_t date)
{
	Position *position;
	uint32_t *slot;

	if (inventory->count * 2 >= inventory->slot_count)
		grow_slots(inventory);
	slot = find_slot(inventory, sku, warehouse, date);
	if (*slot != 0)
		return &inventory->positions[*slot - 1];

	inventory->positions = array_grow(inventory->positions, inventory->count,
									  &inventory->capacity, sizeof(Position));
	position = &inventory->positions[inventory->count++];
	*slot = (uint32_t) inventory->count;
	memset(position, 0, sizeof(*position));
	position->sku = sku;
	position->warehouse = warehouse;
	position->date = date;
	return position;
}

void
inventory_overwrite(Inventory *inventory, uint64_t call)
{
	for (size_t i = 0; i < inventory->count; i++)
	{
		Position *position = &inventory->positions[i];

		if (!position->touched || position->call == call)
			continue;
		position->call = call;
		position->counted = false;
		position->made_to_order = true;
	}
}

void
inventory_clear(Inventory *inventory)
{
	free(inventory->positions);
	free(inventory->slots);
	inventory->positions = NULL;
	inventory->slots = NULL;
	inventory->count = inventory->capacity = inventory->slot_count = 0;
}

void
inventory_free(Inventory *inventory)
{
	inventory_clear(inventory);
	for (size_t i = 0; i < inventory->warehouse_count; i++)
		free(inventory->warehouses[i].name);
	free(inventory->warehouses);
	string_table_clear(&inventory->warehouse_index);
	memset(inventory, 0, sizeof(*inventory));
}

/* NULL where there is no date. */
static const char *
date_text(uint32_t date, char *text, size_t size)
{
	if (date == 0)
		return NULL;
	snprintf(text, size, "%04u-%02u-%02u", date / 10000, date / 100 % 100,
			 date % 100);
	return text;
}

static void
write_json_position(const Inventory *inventory, const Position *position,
					Buffer *out, Buffer *joined)
{
	const char *texts[IDENTITY_FIELDS];
	char		date[20];

	joined->length = 0;
	sku_join(joined, position->sku->key);
	sku_texts(position->sku->key, texts);

	buffer_byte(out, '{');
	buffer_json_text(out, "warehouse",
					 inventory->warehouses[position->warehouse].name);
	buffer_json_text(out, "inventory_date",
					 date_text(position->date, date, sizeof(date)));
	buffer_json_text(out, "sku", buffer_terminate(joined));
	for (int field = 0; field < IDENTITY_FIELDS; field++)
	{
		if (texts[field] != NULL)
			buffer_json_text(out, field_names[field], texts[field]);
	}
	if (position->counted)
		buffer_json_integer(out, "inventory", position->inventory);
	else
		buffer_json_text(out, "inventory", NULL);
	buffer_json_boolean(out, "made_to_order", position->made_to_order);
	buffer_json_boolean(out, "lost", position->lost);
	buffer_json_integer(out, "call", (int64_t) position->call);
	buffer_byte(out, '}');
}

void
inventory_write_json(const Inventory *inventory, Buffer *out)
{
	Buffer joined = {0};
	bool   first = true;

	buffer_byte(out, '[');
	for (size_t i = 0; i < inventory->count; i++)
	{
		if (!inventory->positions[i].touched)
			continue;
		buffer_text(out, first ? "\n" : ",\n");
		write_json_position(inventory, &inventory->positions[i], out, &joined);
		first = false;
	}
	buffer_text(out, "\n]");
	buffer_free(&joined);
}

static void
write_tsv_position(const Inventory *inventory, const Position *position,
				   Buffer *out, Buffer *joined)
{
	const char *texts[IDENTITY_FIELDS];
	char		date[20];

	joined->length = 0;
	sku_join(joined, position->sku->key);
	sku_texts(position->sku->key, texts);

	buffer_copy_field(out, inventory->warehouses[position->warehouse].name);
	buffer_byte(out, '\t');
	buffer_copy_field(out, date_text(position->date, date, sizeof(date)));
	buffer_byte(out, '\t');
	buffer_copy_field(out, buffer_terminate(joined));
	buffer_byte(out, '\t');
	for (int field = 0; field < IDENTITY_FIELDS; field++)
	{
		buffer_copy_field(out, texts[field]);
		buffer_byte(out, '\t');
	}
	if (position->counted)
		buffer_integer(out, position->inventory);
	else
		buffer_copy_field(out, NULL);
	buffer_text(out, position->made_to_order ? "\tt" : "\tf");
	buffer_text(out, position->lost ? "\tt\n" : "\tf\n");
}

void
inventory_write_tsv(const Inventory *inventory, Buffer *out)
{
	Buffer joined = {0};

	for (size_t i = 0; i < inventory->count; i++)
	{
		if (inventory->positions[i].touched)
			write_tsv_position(inventory, &inventory->positions[i], out,
							   &joined);
	}
	buffer_free(&joined);
}
