/*-------------------------------------------------------------------------
 *
 * sku_match.h
 *	  Which entry of JOOR's inventory_log belongs to which item.
 *
 * Rules (JOOR API contract, "The answer"): by position when there are as many
 * entries as items, unless an entry's `sku` is that of an item at another
 * position; else by `sku`, JOOR's joined text of what was sent, where exactly
 * one item and one entry fit; all others remain unknown.
 *
 * Floor 3: knows no HTTP.
 *
 * IDENTIFICATION
 *	  src/sku_match.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef JOOR_SKU_MATCH_H
#define JOOR_SKU_MATCH_H

#include "item.h"
#include "reply.h"

/*
 * Fills in the status of each of nitems items, and the reason (pointing into
 * the reply, UTF-8) of those that failed.
 */
extern void joor_sku_match(const JoorItem *items, int nitems,
						   const JoorReply *reply, JoorItemStatus *status,
						   char **reason);

#endif /* JOOR_SKU_MATCH_H */
