/*-------------------------------------------------------------------------
 *
 * overwrite.h
 *	  What an overwrite must be, so that it does not oversell.
 *
 * An overwrite replaces all inventory of the account by what one call
 * carries; what it leaves out becomes made to order, which buyers can order
 * without limit (JOOR's flat-file pages).  So it is one request or none: never
 * empty, never split, never without the rows that were not valid, and never
 * without most of what JOOR has, unless that is said to be meant.
 *
 * Floor 5.
 *
 * IDENTIFICATION
 *	  src/overwrite.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef JOOR_OVERWRITE_H
#define JOOR_OVERWRITE_H

#include "account.h"
#include "item_list.h"

/*
 * Errors out when a list has no items, or had invalid rows
 * (ERRCODE_INVALID_PARAMETER_VALUE).
 */
extern void joor_overwrite_check_items(const JoorItemList *list);

/*
 * Errors out unless the items fit one request
 * (ERRCODE_PROGRAM_LIMIT_EXCEEDED).
 */
extern void joor_overwrite_check_fits(const JoorAccount *account, bool fits);

/*
 * Tells, as an error (ERRCODE_CONFIGURATION_LIMIT_EXCEEDED) or a warning, when
 * an overwrite drops more of the account's published positions than
 * joor_inventory.overwrite_max_drop permits.  hashes: those of its items.
 */
extern void joor_overwrite_check_drop(const JoorAccount *account,
									  const int64 *hashes, int count,
									  int elevel);

#endif /* JOOR_OVERWRITE_H */
