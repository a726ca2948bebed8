/*-------------------------------------------------------------------------
 *
 * sku_match.c
 *	  Which entry of JOOR's inventory_log belongs to which item.
 *
 * How JOOR joins SKU data into one string is not documented.  So both sides
 * are reduced to what any way of joining leaves: the values of the identity,
 * one after the other, without blanks and punctuation.
 *
 * Floor 3.
 *
 * IDENTIFICATION
 *	  src/sku_match.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "utils/hsearch.h"
#include "utils/memutils.h"

#include "sku_match.h"

/* Longest reduced SKU that is compared; longer ones stay unknown. */
#define SKU_KEY_SIZE 512

typedef struct SkuEntry
{
	char key[SKU_KEY_SIZE]; /* reduced SKU, NUL-padded; must be first */
	int	 item;				/* its index; -1: more than one */
	int	 reply;				/* index of its entry; -1: none; -2: more
									* than one */
} SkuEntry;

/* Appends the letters and digits of a text; bytes beyond ASCII count. */
static int
append_reduced(char *key, int length, const char *data, int size)
{
	int i;

	for (i = 0; i < size && length < SKU_KEY_SIZE - 1; i++)
	{
		unsigned char c = (unsigned char) data[i];

		if (c >= 0x80 || (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') ||
			(c >= 'a' && c <= 'z'))
			key[length++] = (char) c;
	}
	return length;
}

/* The reduced SKU of an item: the values of its identity in JOOR's order. */
static void
item_key(const JoorItem *item, char *key)
{
	int length = 0;
	int field;

	memset(key, 0, SKU_KEY_SIZE);
	for (field = JOOR_FIELD_STYLE_NUMBER; field <= JOOR_FIELD_UPC; field++)
	{
		const JoorValue *value = &item->value[field];
		char			 number[32];

		if ((item->sent & JOOR_FIELD_BIT(field)) == 0)
			continue;
		if (joor_fields[field].type == JOOR_TYPE_TEXT)
			length = append_reduced(key, length, value->text.data,
									value->text.length);
		else
		{
			snprintf(number, sizeof(number), INT64_FORMAT, value->integer);
			length = append_reduced(key, length, number, strlen(number));
		}
	}
}

static HTAB *
index_items(const JoorItem *items, int nitems)
{
	HASHCTL info = {0};
	HTAB   *table;
	int		i;

	info.keysize = SKU_KEY_SIZE;
	info.entrysize = sizeof(SkuEntry);
	info.hcxt = CurrentMemoryContext;
	table = hash_create("joor_inventory SKUs", nitems, &info,
						HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	for (i = 0; i < nitems; i++)
	{
		char	  key[SKU_KEY_SIZE];
		SkuEntry *entry;
		bool	  found;

		item_key(&items[i], key);
		entry = hash_search(table, key, HASH_ENTER, &found);
		entry->item = found ? -1 : i;
		entry->reply = -1;
	}
	return table;
}

/* Notes for each entry of the log which item it may belong to. */
static void
assign_entries(HTAB *table, const JoorReply *reply)
{
	int i;

	for (i = 0; i < reply->nentries; i++)
	{
		char		key[SKU_KEY_SIZE] = {0};
		const char *sku = reply->entries[i].sku;
		SkuEntry   *entry;

		if (sku == NULL)
			continue;
		append_reduced(key, 0, sku, strlen(sku));
		entry = hash_search(table, key, HASH_FIND, NULL);
		if (entry != NULL)
			entry->reply = entry->reply == -1 ? i : -2;
	}
}

static void
take(const JoorReplyEntry *entry, JoorItemStatus *status, char **reason)
{
	*status = entry->status;
	*reason = entry->status == JOOR_STATUS_FAIL ? entry->reason : NULL;
}

static void
match_by_sku(const JoorItem *items, int nitems, const JoorReply *reply,
			 JoorItemStatus *status, char **reason)
{
	HTAB		   *table = index_items(items, nitems);
	HASH_SEQ_STATUS scan;
	SkuEntry	   *entry;

	assign_entries(table, reply);
	hash_seq_init(&scan, table);
	while ((entry = hash_seq_search(&scan)) != NULL)
		if (entry->item >= 0 && entry->reply >= 0)
			take(&reply->entries[entry->reply], &status[entry->item],
				 &reason[entry->item]);
	hash_destroy(table);
}

/*
 * Whether the log tells by its SKUs that it is in another order than the
 * items: an entry is certainly that of an item at another position.
 */
static bool
is_reordered(const JoorItem *items, int nitems, const JoorReply *reply)
{
	HTAB *table = NULL;
	bool  reordered = false;
	int	  i;

	for (i = 0; i < nitems && !reordered; i++)
	{
		char		key[SKU_KEY_SIZE] = {0};
		char		expected[SKU_KEY_SIZE];
		const char *sku = reply->entries[i].sku;
		SkuEntry   *entry;

		if (sku == NULL)
			continue;
		append_reduced(key, 0, sku, strlen(sku));
		item_key(&items[i], expected);
		if (memcmp(key, expected, SKU_KEY_SIZE) == 0)
			continue;
		if (table == NULL)
			table = index_items(items, nitems);
		entry = hash_search(table, key, HASH_FIND, NULL);
		reordered = entry != NULL && entry->item >= 0;
	}
	if (table != NULL)
		hash_destroy(table);
	return reordered;
}

void
joor_sku_match(const JoorItem *items, int nitems, const JoorReply *reply,
			   JoorItemStatus *status, char **reason)
{
	int i;

	if (reply->nentries != nitems || is_reordered(items, nitems, reply))
	{
		match_by_sku(items, nitems, reply, status, reason);
		return;
	}
	for (i = 0; i < nitems; i++)
		take(&reply->entries[i], &status[i], &reason[i]);
}
