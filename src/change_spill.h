/*-------------------------------------------------------------------------
 *
 * change_spill.h
 *	  Keys that did not fit into memory, in a temporary file.
 *
 * The file belongs to the top transaction: it outlives a savepoint that is
 * rolled back, and goes with the transaction if nobody closes it before.
 *
 * Floor 4.
 *
 * IDENTIFICATION
 *	  src/change_spill.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef JOOR_CHANGE_SPILL_H
#define JOOR_CHANGE_SPILL_H

#include "change_key.h"

#include "storage/buffile.h"

/* Makes an empty file. */
extern BufFile *joor_spill_create(void);

/* Appends a key. */
extern void joor_spill_add(BufFile *file, const JoorKeyType *type, Datum key);

/* Begins to read; then the next key, palloc'd; false: no more. */
extern void joor_spill_rewind(BufFile *file);
extern bool joor_spill_next(BufFile *file, const JoorKeyType *type, Datum *key);

extern void joor_spill_close(BufFile *file);

#endif /* JOOR_CHANGE_SPILL_H */
