/*-------------------------------------------------------------------------
 *
 * catalogue.h
 *	  The SKUs that an account knows.
 *
 * Words: a key is an identity as bytes: one byte with the bit of each field
 * that is there, then their texts in the order of the fields, each with a
 * NUL behind it.  A SKU is the key of all that is known of it; it is found
 * by each of the identities that can be made of that.
 *
 * A catalogue that knows any SKU adds what it is asked for and does not
 * know.  SKUs live as long as their catalogue.  Under the lock.
 *
 * IDENTIFICATION
 *	  test/simulator/catalogue.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef SIMULATOR_CATALOGUE_H
#define SIMULATOR_CATALOGUE_H

#include "buffer.h"
#include "item.h"
#include "string_table.h"

typedef struct Sku
{
	uint32_t length; /* of the key */
	char	 key[];
} Sku;

typedef struct Catalogue
{
	Arena		arena;
	StringTable index; /* keys of identities, values are Sku */
	bool		any;   /* knows any SKU */
} Catalogue;

/* Writes the key of those fields whose bit is in mask. */
extern void sku_key(Buffer *key, const char *const texts[IDENTITY_FIELDS],
					uint8_t mask);

/* Points texts at the fields of a key; NULL where there is none. */
extern void sku_texts(const char *key, const char *texts[IDENTITY_FIELDS]);

/* Writes the texts of a key joined by "-". */
extern void sku_join(Buffer *joined, const char *key);

/* NULL: not known. */
extern const Sku *catalogue_find(Catalogue *catalogue, const char *key,
								 size_t length);

/* Adds a SKU, whose texts are NULL where it has none. */
extern void catalogue_add(Catalogue		   *catalogue,
						  const char *const texts[IDENTITY_FIELDS]);
extern void catalogue_clear(Catalogue *catalogue);

#endif /* SIMULATOR_CATALOGUE_H */
