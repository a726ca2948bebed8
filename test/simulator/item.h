/*-------------------------------------------------------------------------
 *
 * item.h
 *	  The items of a call, and the rules for each of them.
 *
 * Words: a field is one of an item's, as JOOR names it.  An identity says
 * which SKU an item is: its UPC, or one style key, one colour key and one
 * size key.
 *
 * Life: a parser fills an ItemList, with item_list_add() and item_set(), all
 * of whose texts belong to its arena; item_check() tells what is wrong with
 * an item and works out its numbers.  A zeroed ItemList is an empty one.
 *
 * IDENTIFICATION
 *	  test/simulator/item.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef SIMULATOR_ITEM_H
#define SIMULATOR_ITEM_H

#include "memory.h"

#include <stdbool.h>
#include <stdint.h>

typedef enum ItemField
{
	/* The first eight say which SKU it is. */
	FIELD_UPC,
	FIELD_STYLE_NUMBER,
	FIELD_STYLE_IDENTIFIER,
	FIELD_STYLE_ID,
	FIELD_COLOR_CODE,
	FIELD_STYLE_COLOR_ID,
	FIELD_SIZE,
	FIELD_SIZE_CODE,
	FIELD_WAREHOUSE,
	FIELD_INVENTORY_DATE,
	FIELD_INVENTORY,
	FIELD_MADE_TO_ORDER,
	FIELD_STYLE_IDENTIFER, /* the other spelling; item_check() merges it */
	FIELD_COUNT
} ItemField;

#define IDENTITY_FIELDS (FIELD_SIZE_CODE + 1)

/* What the value was in the body. */
typedef enum ValueKind
{
	VALUE_TEXT,	   /* a quoted string of JSON, an element of XML */
	VALUE_NUMBER,  /* of JSON */
	VALUE_BOOLEAN, /* of JSON */
	VALUE_UNTYPED, /* XML and query parameters: text that may be anything */
	VALUE_STRANGE  /* null, a fraction, a list or an object */
} ValueKind;

typedef struct Item
{
	const char	 *text[FIELD_COUNT]; /* NULL: left out */
	unsigned char kind[FIELD_COUNT];

	/* Worked out by item_check(). */
	uint32_t date;			/* yyyymmdd, 0: none */
	int64_t	 inventory;		/* meaningless when left out */
	int		 made_to_order; /* -1: left out */
	uint8_t	 identity;		/* bit of each field of the identity chosen */

	/* Worked out when it is booked. */
	const char *sku; /* its identity as one string */
	bool		failed;
} Item;

typedef struct ItemList
{
	Arena  arena;
	Item  *items;
	size_t count;
	size_t capacity;

	/* Why the body as a whole cannot be read; NULL: it can. */
	const char *rule;
	const char *detail;
	bool		no_declaration; /* XML without its first line */
} ItemList;

typedef enum StyleIdentifierField
{
	SPELLED_DOCUMENTED, /* style_identifer */
	SPELLED_CORRECTED,	/* style_identifier */
	SPELLED_BOTH		/* either, or both with the same value */
} StyleIdentifierField;

/* How strict an account is. */
typedef struct ItemRules
{
	int	 style_identifier_field; /* a StyleIdentifierField */
	bool allow_negative;
	bool tolerant;				  /* of several identities */
	bool made_to_order_inventory; /* demand it there too */
} ItemRules;

/* What becomes of an item, or of the body that carries it. */
typedef enum Verdict
{
	VERDICT_FINE,
	VERDICT_FLAGGED, /* a violation, but it is taken */
	VERDICT_FAILS,	 /* a violation, and the item fails */
	VERDICT_REFUSED	 /* a violation, and the body is refused */
} Verdict;

extern const char *const field_names[FIELD_COUNT];

extern Item				*item_list_add(ItemList *list);

/*
 * Sets the field of that name.  False when there is no such field or it is
 * there already; list->rule then says so.  The text is copied.
 */
extern bool item_set(ItemList *list, Item *item, const char *name,
					 size_t name_length, ValueKind kind, const char *text,
					 size_t length);

/* Notes why the body cannot be read, unless that is known already. */
extern void item_list_refuse(ItemList *list, const char *rule,
							 const char *detail);
extern void item_list_free(ItemList *list);

/* On any verdict but VERDICT_FINE, *rule and *detail say what it broke. */
extern Verdict item_check(Item *item, const ItemRules *rules, const char **rule,
						  const char **detail);

#endif /* SIMULATOR_ITEM_H */
