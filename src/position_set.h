/*-------------------------------------------------------------------------
 *
 * position_set.h
 *	  Finds out whether two items of a query are the same position.
 *
 * What JOOR does with two items for one warehouse, date and SKU is not
 * documented, so they are found before anything is sent.  The set holds
 * hashes only, in bounded memory: a hash table up to a size, and beyond it a
 * sort that spills to disk.  It says which hash came twice; whether that was
 * the same position, and in which rows, is for the caller to look up.
 *
 * Floor 2: knows hashes only.
 *
 * IDENTIFICATION
 *	  src/position_set.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef JOOR_POSITION_SET_H
#define JOOR_POSITION_SET_H

#include "compat.h"

typedef struct JoorPositionSet JoorPositionSet;

/* Makes an empty set in the current memory context. */
extern JoorPositionSet *joor_position_set_create(void);

/* Adds the hash of a position. */
extern void joor_position_set_add(JoorPositionSet *set, uint64 hash);

/* A hash that was added more than once, if there is one; ends the set. */
extern bool joor_position_set_repeated(JoorPositionSet *set, uint64 *hash);

#endif /* JOOR_POSITION_SET_H */
