/*-------------------------------------------------------------------------
 *
 * change_spill.c
 *	  Keys that did not fit into memory, in a temporary file.
 *
 * Each key stands there as it stands in memory; a varlena begins with its
 * size anyway.
 *
 * Floor 4.
 *
 * IDENTIFICATION
 *	  src/change_spill.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "storage/fd.h"
#include "utils/memutils.h"
#include "utils/resowner.h"

#include "change_spill.h"

BufFile *
joor_spill_create(void)
{
	ResourceOwner owner = CurrentResourceOwner;
	MemoryContext old = MemoryContextSwitchTo(TopTransactionContext);
	BufFile		 *file = NULL;

	CurrentResourceOwner = TopTransactionResourceOwner;
	PG_TRY();
	{
		file = BufFileCreateTemp(false);
	}
	PG_FINALLY();
	{
		CurrentResourceOwner = owner;
	}
	PG_END_TRY();
	MemoryContextSwitchTo(old);
	return file;
}

void
joor_spill_add(BufFile *file, const JoorKeyType *type, Datum key)
{
	if (type->length == JOOR_KEY_BY_VALUE)
		BufFileWrite(file, &key, sizeof(key));
	else
		BufFileWrite(file, DatumGetPointer(key), joor_key_size(type, key));
}

void
joor_spill_rewind(BufFile *file)
{
	if (BufFileSeek(file, 0, 0, SEEK_SET) != 0)
		ereport(ERROR, (errcode_for_file_access(),
						errmsg("could not rewind temporary file of changed "
							   "keys")));
}

/* Reads so many bytes; false: there are none left. */
static bool
read_bytes(BufFile *file, void *target, Size size)
{
	Size done = BufFileRead(file, target, size);

	if (done != 0 && done != size)
		ereport(ERROR,
				(errcode_for_file_access(),
				 errmsg("could not read temporary file of changed keys: read "
						"only %zu of %zu bytes",
						done, size)));
	return done == size;
}

bool
joor_spill_next(BufFile *file, const JoorKeyType *type, Datum *key)
{
	char *data;

	if (type->length == JOOR_KEY_BY_VALUE)
		return read_bytes(file, key, sizeof(*key));
	if (type->length > 0)
	{
		data = palloc(type->length);
		*key = PointerGetDatum(data);
		return read_bytes(file, data, type->length);
	}
	data = palloc(VARHDRSZ);
	if (!read_bytes(file, data, VARHDRSZ))
		return false;
	data = repalloc(data, VARSIZE(data));
	*key = PointerGetDatum(data);
	return VARSIZE(data) == VARHDRSZ ||
		   read_bytes(file, VARDATA(data), VARSIZE(data) - VARHDRSZ);
}

void
joor_spill_close(BufFile *file)
{
	BufFileClose(file);
}
