/*-------------------------------------------------------------------------
 *
 * item_column.h
 *	  The columns of an item query: which field each is, and how it is read.
 *
 * Types.  Text: text, varchar, name, "char", citext and other string types,
 * enums; character(n) without the blanks that pad it, as its own cast to text
 * has it.  Date: date, timestamp at midnight.  Number: smallint, integer,
 * bigint, numeric that is whole.  Boolean: boolean.  Domains count as what
 * they are made of.  A number is no text, since it has lost its leading
 * zeros, and a floating-point number is no quantity; a timestamp with time
 * zone is no date, since its day depends on who looks.
 *
 * Floor 2: knows no SPI.
 *
 * IDENTIFICATION
 *	  src/item_column.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef JOOR_ITEM_COLUMN_H
#define JOOR_ITEM_COLUMN_H

#include "item.h"

#include "access/tupdesc.h"
#include "fmgr.h"

/* Why a value cannot be converted. */
typedef struct JoorColumnRule
{
	const char *rule; /* as in JoorViolation */
	const char *hint;
} JoorColumnRule;

typedef struct JoorColumn JoorColumn;

/* Reads a value; NULL, or the rule that it breaks. */
typedef const JoorColumnRule *(*JoorColumnReader)(JoorColumn *column,
												  Datum		  datum,
												  JoorValue	 *value);

struct JoorColumn
{
	int				 field; /* a JoorFieldId; JOOR_FIELD_NONE: the key column */
	JoorColumnReader read;
	FmgrInfo		 output;	 /* output function of its type */
	bool			 is_key;	 /* the key column, which may be a field, too */
	FmgrInfo		 key_output; /* likewise, of the key column */
};

/*
 * The columns of a row type, in the current memory context.  key_column: the
 * name of the key column, which need not be a field, or NULL.  Errors:
 * unknown, repeated or wrongly typed columns, no possible identity, no
 * quantity, no key column.
 */
extern JoorColumn *joor_columns_match(TupleDesc desc, const char *key_column);

/*
 * Reads a column's value, which is not null, into its field of the item.
 * Texts refer to the datum or are allocated in the current memory context.
 * False: the violation is filled in and the field stays out.
 */
extern bool joor_column_read(JoorColumn *column, Datum datum, JoorItem *item,
							 JoorViolation *violation);

#endif /* JOOR_ITEM_COLUMN_H */
