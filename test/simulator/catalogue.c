/*-------------------------------------------------------------------------
 *
 * catalogue.c
 *	  The SKUs that an account knows.
 *
 * IDENTIFICATION
 *	  test/simulator/catalogue.c
 *
 *-------------------------------------------------------------------------
 */
#include "catalogue.h"

#include <string.h>

#define BIT(field) (1u << (field))

void
sku_key(Buffer *key, const char *const texts[IDENTITY_FIELDS], uint8_t mask)
{
	buffer_byte(key, (char) mask);
	for (int field = 0; field < IDENTITY_FIELDS; field++)
	{
		if (mask & BIT(field))
			buffer_append(key, texts[field], strlen(texts[field]) + 1);
	}
}

void
sku_texts(const char *key, const char *texts[IDENTITY_FIELDS])
{
	unsigned mask = (unsigned char) *key++;

	for (int field = 0; field < IDENTITY_FIELDS; field++)
	{
		texts[field] = NULL;
		if (mask & BIT(field))
		{
			texts[field] = key;
			key += strlen(key) + 1;
		}
	}
}

void
sku_join(Buffer *joined, const char *key)
{
	const char *texts[IDENTITY_FIELDS];
	bool		first = true;

	sku_texts(key, texts);
	for (int field = 0; field < IDENTITY_FIELDS; field++)
	{
		if (texts[field] == NULL)
			continue;
		if (!first)
			buffer_byte(joined, '-');
		buffer_text(joined, texts[field]);
		first = false;
	}
}

static Sku *
make_sku(Catalogue *catalogue, const char *key, size_t length)
{
	Sku *sku = arena_alloc(&catalogue->arena, sizeof(Sku) + length);

	sku->length = (uint32_t) length;
	memcpy(sku->key, key, length);
	return sku;
}

const Sku *
catalogue_find(Catalogue *catalogue, const char *key, size_t length)
{
	Sku *sku = string_table_get(&catalogue->index, key, length);

	if (sku == NULL && catalogue->any)
	{
		sku = make_sku(catalogue, key, length);
		string_table_put(&catalogue->index, sku->key, length, sku);
	}
	return sku;
}

/* Lets the SKU be found by the identity of those fields, if it has them. */
static void
index_identity(Catalogue *catalogue, Sku *sku, unsigned mask)
{
	const char *texts[IDENTITY_FIELDS];
	Buffer		key = {0};

	if (((unsigned char) sku->key[0] & mask) != mask)
		return;
	sku_texts(sku->key, texts);
	sku_key(&key, texts, (uint8_t) mask);
	string_table_put(&catalogue->index,
					 arena_copy(&catalogue->arena, key.data, key.length),
					 key.length, sku);
	buffer_free(&key);
}

void
catalogue_add(Catalogue *catalogue, const char *const texts[IDENTITY_FIELDS])
{
	static const unsigned style_keys[] = {BIT(FIELD_STYLE_NUMBER) |
											  BIT(FIELD_STYLE_IDENTIFIER),
										  BIT(FIELD_STYLE_ID)};
	static const unsigned color_keys[] = {BIT(FIELD_COLOR_CODE),
										  BIT(FIELD_STYLE_COLOR_ID)};
	static const unsigned size_keys[] = {BIT(FIELD_SIZE), BIT(FIELD_SIZE_CODE)};
	Buffer				  key = {0};
	unsigned			  mask = 0;
	Sku					 *sku;

	for (int field = 0; field < IDENTITY_FIELDS; field++)
	{
		if (texts[field] != NULL)
			mask |= BIT(field);
	}
	sku_key(&key, texts, (uint8_t) mask);
	sku = make_sku(catalogue, key.data, key.length);
	buffer_free(&key);

	index_identity(catalogue, sku, BIT(FIELD_UPC));
	for (int i = 0; i < 8; i++)
		index_identity(catalogue, sku,
					   style_keys[i & 1] | color_keys[i >> 1 & 1] |
						   size_keys[i >> 2]);
}

void
catalogue_clear(Catalogue *catalogue)
{
	string_table_clear(&catalogue->index);
	arena_clear(&catalogue->arena);
}
