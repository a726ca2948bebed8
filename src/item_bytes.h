/*-------------------------------------------------------------------------
 *
 * item_bytes.h
 *	  An item as bytes, for a temporary file or another process of the server.
 *
 * The item's head, then each field that it has, a text as its length and
 * bytes, all else as eight bytes, then its key.  Nothing in it is aligned.
 *
 * Floor 2.
 *
 * IDENTIFICATION
 *	  src/item_bytes.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef JOOR_ITEM_BYTES_H
#define JOOR_ITEM_BYTES_H

#include "item.h"

/* Appends an item. */
extern void joor_item_bytes_put(StringInfo out, const JoorItem *item);

/*
 * Reads an item from its bytes, to which its texts and key then refer; where
 * the next one begins.
 */
extern const char *joor_item_bytes_take(const char *bytes, JoorItem *item);

#endif /* JOOR_ITEM_BYTES_H */
