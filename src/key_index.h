/*-------------------------------------------------------------------------
 *
 * key_index.h
 *	  Numbers for keys: which place in a list a text has.
 *
 * Floor 1: knows texts only.
 *
 * IDENTIFICATION
 *	  src/key_index.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef JOOR_KEY_INDEX_H
#define JOOR_KEY_INDEX_H

#include "compat.h"

typedef struct JoorKeyIndex JoorKeyIndex;

/* Makes an index in the current memory context; size: a guess. */
extern JoorKeyIndex *joor_key_index_create(int size);

/*
 * The number of a key; one that is not there yet gets `number`.  The index
 * refers to the text.
 */
extern int joor_key_index_add(JoorKeyIndex *index, const char *key, int number);

/* The number of a key; -1: it is not there. */
extern int joor_key_index_find(JoorKeyIndex *index, const char *key);

#endif /* JOOR_KEY_INDEX_H */
