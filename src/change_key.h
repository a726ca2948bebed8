/*-------------------------------------------------------------------------
 *
 * change_key.h
 *	  Keys of watched tables: compared as they are, written as texts.
 *
 * A key is compared by its bytes, which is finer than the type's equality:
 * two forms of an equal value are two keys, and cost a lookup, no more.
 *
 * A key of a built-in type becomes text when it is written, once, however
 * often it was marked.  One of a type that somebody created becomes text when
 * it is marked: by the end of the transaction the type may have been dropped,
 * or its creation rolled back.
 *
 * Floor 4.
 *
 * IDENTIFICATION
 *	  src/change_key.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef JOOR_CHANGE_KEY_H
#define JOOR_CHANGE_KEY_H

#include "compat.h"

#include "common/hashfn.h"
#include "fmgr.h"

/* How a key is turned into text. */
typedef enum JoorKeyText
{
	JOOR_KEY_IS_TEXT,
	JOOR_KEY_INT2,
	JOOR_KEY_INT4,
	JOOR_KEY_INT8,
	JOOR_KEY_OUTPUT /* by the output function */
} JoorKeyText;

/* As length: the key is a Datum of its own. */
#define JOOR_KEY_BY_VALUE 0

typedef struct JoorKeyType
{
	Oid			type;	/* never a domain */
	int			length; /* bytes; JOOR_KEY_BY_VALUE; -1: a varlena */
	JoorKeyText text;
	bool		at_once; /* becomes text when it is marked */
	bool		plain;	 /* whatever DateStyle and its like say */
	FmgrInfo	output;	 /* where needed */
} JoorKeyType;

/* A column's type without domains around it. */
extern Oid joor_key_base_type(Oid type);

/* Fills in a type; by_value and length are the column's. */
extern void joor_key_type_init(JoorKeyType *type, Oid base, bool by_value,
							   int length, MemoryContext context);

/*
 * A column's value, not null, as a key: not toasted, not compressed, text if
 * it has to be so at once.  Allocated in the current memory context, or the
 * value itself.
 */
extern Datum joor_key_take(JoorKeyType *type, Datum value);

/* Bytes of a key that is not a Datum of its own, with a varlena's header. */
extern Size joor_key_size(const JoorKeyType *type, Datum key);

/* A copy of such a key; a varlena gets a four-byte header. */
extern Datum joor_key_copy(const JoorKeyType *type, Datum key,
						   MemoryContext context);

/*
 * The text of a key, not terminated: in the key itself, in a buffer of
 * JOOR_KEY_BUFFER bytes, or palloc'd.
 */
#define JOOR_KEY_BUFFER 32
extern const char *joor_key_text(JoorKeyType *type, Datum key, char *buffer,
								 int *length);

/*
 * Configuration parameters under which keys become text, of whole types; the
 * end takes what the begin gave.  An error in between restores them with the
 * (sub)transaction.
 */
extern int	joor_key_settings_begin(void);
extern void joor_key_settings_end(int nest_level);

/* What is compared of a key that is not a Datum of its own. */
static inline const char *
joor_key_bytes(const JoorKeyType *type, Datum key, int *length)
{
	if (type->length > 0)
	{
		*length = type->length;
		return DatumGetPointer(key);
	}
	*length = (int) VARSIZE_ANY_EXHDR(DatumGetPointer(key));
	return VARDATA_ANY(DatumGetPointer(key));
}

static inline uint32
joor_key_hash(const JoorKeyType *type, Datum key)
{
	const char *bytes;
	int			length;

	if (type->length == JOOR_KEY_BY_VALUE)
		return murmurhash32((uint32) key ^
							(uint32) ((uint64) key >> 32) * 0x9E3779B9u);
	bytes = joor_key_bytes(type, key, &length);
	return hash_bytes((const unsigned char *) bytes, length);
}

static inline bool
joor_key_equal(const JoorKeyType *type, Datum a, Datum b)
{
	const char *bytes_a;
	const char *bytes_b;
	int			length_a;
	int			length_b;

	if (type->length == JOOR_KEY_BY_VALUE)
		return a == b;
	bytes_a = joor_key_bytes(type, a, &length_a);
	bytes_b = joor_key_bytes(type, b, &length_b);
	return length_a == length_b && memcmp(bytes_a, bytes_b, length_a) == 0;
}

#endif /* JOOR_CHANGE_KEY_H */
