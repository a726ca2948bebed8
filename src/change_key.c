/*-------------------------------------------------------------------------
 *
 * change_key.c
 *	  Keys of watched tables: compared as they are, written as texts.
 *
 * Floor 4.
 *
 * IDENTIFICATION
 *	  src/change_key.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/transam.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"

#include "change_key.h"

Oid
joor_key_base_type(Oid type)
{
	return type < FirstNormalObjectId ? type : getBaseType(type);
}

/* Types that need no output function, and those whose own is textout(). */
static JoorKeyText
text_of(JoorKeyType *type, MemoryContext context)
{
	Oid	 function;
	bool varlena;

	switch (type->type)
	{
		case INT2OID:
			return JOOR_KEY_INT2;
		case INT4OID:
			return JOOR_KEY_INT4;
		case INT8OID:
			return JOOR_KEY_INT8;
		case TEXTOID:
		case VARCHAROID:
		case BPCHAROID:
			return JOOR_KEY_IS_TEXT;
		default:
			getTypeOutputInfo(type->type, &function, &varlena);
			fmgr_info_cxt(function, &type->output, context);
			return type->output.fn_addr == textout ? JOOR_KEY_IS_TEXT
												   : JOOR_KEY_OUTPUT;
	}
}

void
joor_key_type_init(JoorKeyType *type, Oid base, bool by_value, int length,
				   MemoryContext context)
{
	type->type = base;
	type->length = by_value ? JOOR_KEY_BY_VALUE : length;
	type->text = text_of(type, context);
	type->at_once =
		type->text == JOOR_KEY_OUTPUT && base >= FirstNormalObjectId;
	type->plain = !type->at_once || type_is_enum(base);
	if (type->at_once)
		type->length = -1;
}

Datum
joor_key_take(JoorKeyType *type, Datum value)
{
	int	  settings;
	char *output;

	if (!type->at_once)
		return type->length == -1
				   ? PointerGetDatum(PG_DETOAST_DATUM_PACKED(value))
				   : value;
	settings = type->plain ? 0 : joor_key_settings_begin();
	output = OutputFunctionCall(&type->output, value);
	joor_key_settings_end(settings);
	return CStringGetTextDatum(output);
}

Size
joor_key_size(const JoorKeyType *type, Datum key)
{
	if (type->length > 0)
		return type->length;
	return VARSIZE_ANY_EXHDR(DatumGetPointer(key)) + VARHDRSZ;
}

Datum
joor_key_copy(const JoorKeyType *type, Datum key, MemoryContext context)
{
	Size  size = joor_key_size(type, key);
	char *copy = MemoryContextAlloc(context, size);

	if (type->length > 0)
		memcpy(copy, DatumGetPointer(key), size);
	else
	{
		SET_VARSIZE(copy, size);
		memcpy(VARDATA(copy), VARDATA_ANY(DatumGetPointer(key)),
			   size - VARHDRSZ);
	}
	return PointerGetDatum(copy);
}

const char *
joor_key_text(JoorKeyType *type, Datum key, char *buffer, int *length)
{
	if (type->at_once || type->text == JOOR_KEY_IS_TEXT)
		return joor_key_bytes(type, key, length);
	if (type->text == JOOR_KEY_INT2)
		pg_itoa(DatumGetInt16(key), buffer);
	else if (type->text == JOOR_KEY_INT4)
		pg_ltoa(DatumGetInt32(key), buffer);
	else if (type->text == JOOR_KEY_INT8)
		pg_lltoa(DatumGetInt64(key), buffer);
	else
		buffer = OutputFunctionCall(&type->output, key);
	*length = (int) strlen(buffer);
	return buffer;
}

/*
 * Mostly they are so already, and then a commit is spared the cost.
 */
int
joor_key_settings_begin(void)
{
	static const char *const settings[][2] = {
		{"datestyle", "ISO, MDY"},
		{"intervalstyle", "postgres"},
	};
	int nest_level;
	int i;

	if (DateStyle == USE_ISO_DATES && DateOrder == DATEORDER_MDY &&
		IntervalStyle == INTSTYLE_POSTGRES)
		return 0;
	nest_level = NewGUCNestLevel();
	for (i = 0; i < lengthof(settings); i++)
		(void) set_config_option(settings[i][0], settings[i][1], PGC_USERSET,
								 PGC_S_SESSION, GUC_ACTION_SAVE, true, 0,
								 false);
	return nest_level;
}

void
joor_key_settings_end(int nest_level)
{
	if (nest_level > 0)
		AtEOXact_GUC(true, nest_level);
}
