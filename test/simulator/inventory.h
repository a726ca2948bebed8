/*-------------------------------------------------------------------------
 *
 * inventory.h
 *	  The positions of an account: what JOOR would show.
 *
 * Words: a position is what a quantity is kept for: warehouse, date and SKU.
 * It is lost when the warehouse is none that the account knows: JOOR answers
 * that it passed, and nobody will see it.  It is touched when a call or the
 * control side wrote it; positions that only hold pending orders are not,
 * and are not shown.
 *
 * Positions are kept in the order in which they came, and are never removed
 * one by one; pointers to them are good until the next one is added.  A
 * zeroed Inventory is an empty one.  Under the lock.
 *
 * IDENTIFICATION
 *	  test/simulator/inventory.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef SIMULATOR_INVENTORY_H
#define SIMULATOR_INVENTORY_H

#include "catalogue.h"

typedef struct Position
{
	const Sku *sku;
	uint32_t   warehouse; /* index of its name */
	uint32_t   date;	  /* yyyymmdd, 0: available now */
	int64_t	   inventory; /* meaningless unless counted */
	uint64_t   call;	  /* that wrote it last; 0: the control side */
	int32_t	   pending;	  /* held by orders */
	bool	   counted;	  /* it has an inventory */
	bool	   made_to_order;
	bool	   lost;
	bool	   touched;
} Position;

typedef struct Warehouse
{
	char *name;
	bool  known;
} Warehouse;

typedef struct Inventory
{
	Position   *positions;
	size_t		count;
	size_t		capacity;
	uint32_t   *slots; /* hash table: index of the position + 1, 0: free */
	size_t		slot_count;
	Warehouse  *warehouses;
	size_t		warehouse_count;
	size_t		warehouse_capacity;
	StringTable warehouse_index; /* values are indexes + 1 */
} Inventory;

extern uint32_t inventory_warehouse(Inventory *inventory, const char *name);

/* Finds the position or adds it, with no quantity. */
extern Position *inventory_position(Inventory *inventory, const Sku *sku,
									uint32_t warehouse, uint32_t date);

/*
 * What an overwrite leaves out, that is what the call has not written,
 * becomes made to order.
 */
extern void inventory_overwrite(Inventory *inventory, uint64_t call);

/* Forgets the positions; warehouses stay. */
extern void inventory_clear(Inventory *inventory);
extern void inventory_free(Inventory *inventory);

/* A JSON array, or lines of COPY's text format, one for each position. */
extern void inventory_write_json(const Inventory *inventory, Buffer *out);
extern void inventory_write_tsv(const Inventory *inventory, Buffer *out);

#endif /* SIMULATOR_INVENTORY_H */
