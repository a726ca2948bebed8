/*-------------------------------------------------------------------------
 *
 * change_writer.h
 *	  Adds changed keys to joor.queue_change.
 *
 * Words: an entry is what a transaction says of a feed, keys that changed or
 * that everything may have; it has a row for each 1000 keys or 8 kB of them,
 * without a number yet: see joor_changes_number().  Keys are texts in the
 * server's encoding, as the type's output function makes them under DateStyle
 * ISO, MDY.
 *
 * Floor 4.
 *
 * IDENTIFICATION
 *	  src/change_writer.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef JOOR_CHANGE_WRITER_H
#define JOOR_CHANGE_WRITER_H

#include "compat.h"

typedef struct JoorChangeWriter JoorChangeWriter;

/*
 * Writes an entry in the current transaction, past SPI and rights, in the
 * current memory context: begin, any number of add, end; an error in between
 * ends it with the transaction.  A feed need not exist.  Begin gives NULL
 * when the queue is not there, because the extension has been dropped.  End
 * says whether there was anything to write.
 */
extern JoorChangeWriter *joor_change_begin(const char *feed);
extern void joor_change_add(JoorChangeWriter *writer, const char *key,
							int length);
extern bool joor_change_end(JoorChangeWriter *writer);

/* Writes the entry that everything of a feed may have changed; likewise. */
extern bool joor_change_everything(const char *feed);

#endif /* JOOR_CHANGE_WRITER_H */
