/*-------------------------------------------------------------------------
 *
 * item_row.h
 *	  An item as columns of a table row, and back.
 *
 * The tables that hold items have a column for each field, named after it and
 * in the order of JoorFieldId.  Texts are in the server's encoding there.
 *
 * Floor 2: knows no table.
 *
 * IDENTIFICATION
 *	  src/item_row.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef JOOR_ITEM_ROW_H
#define JOOR_ITEM_ROW_H

#include "item.h"

/* The columns of a position; p goes before each name: "", or "q." */
#define JOOR_POSITION_COLUMNS(p)                              \
	p "warehouse, " p "inventory_date, " p "style_number, " p \
	  "style_identifier, " p "style_id, " p "color_code, " p  \
	  "style_color_id, " p "size, " p "size_code, " p "upc"

/* The columns of an item. */
#define JOOR_ITEM_COLUMNS(p) \
	JOOR_POSITION_COLUMNS(p) ", " p "inventory, " p "made_to_order"

/*
 * Reads an item from the values of JOOR_ITEM_COLUMNS.  The item is not checked
 * yet; its texts are allocated in the current memory context.
 */
extern void joor_item_row_read(JoorItem *item, const Datum *values,
							   const bool *nulls);

/*
 * Fills in the columns of an item's fields in the set `fields`, and nulls for
 * the others.  Texts are allocated in the current memory context.
 */
extern void joor_item_row_fill(const JoorItem *item, uint32 fields,
							   Datum *values, bool *nulls);

#endif /* JOOR_ITEM_ROW_H */
