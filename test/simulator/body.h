/*-------------------------------------------------------------------------
 *
 * body.h
 *	  The body of the bulk call becomes a list of items.
 *
 * Both parsers stop at the first thing that JOOR's contract does not have
 * and leave its rule in the list; the items before it are then of no use.
 *
 * IDENTIFICATION
 *	  test/simulator/body.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef SIMULATOR_BODY_H
#define SIMULATOR_BODY_H

#include "item.h"

#include <jansson.h>

typedef enum JsonShape
{
	JSON_EITHER,
	JSON_NESTED, /* {"inventory_items":{"inventory_item":[{...}]}} */
	JSON_FLAT	 /* {"inventory_items":[{...}]} */
} JsonShape;

extern void body_xml_parse(ItemList *list, const char *body, size_t length);
extern void body_json_parse(ItemList *list, const char *body, size_t length,
							JsonShape shape);

/* The items of a JSON array alone. */
extern void body_json_items(ItemList *list, json_t *array);

#endif /* SIMULATOR_BODY_H */
