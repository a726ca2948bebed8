/*-------------------------------------------------------------------------
 *
 * argument.h
 *	  Arguments of SQL functions that are not strict.
 *
 * Floor 1.
 *
 * IDENTIFICATION
 *	  src/argument.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef JOOR_ARGUMENT_H
#define JOOR_ARGUMENT_H

#include "compat.h"

#include "fmgr.h"
#include "utils/builtins.h"

/* Errors out if an argument is null. */
static inline void
joor_argument_check(FunctionCallInfo fcinfo, int arg, const char *name)
{
	if (PG_ARGISNULL(arg))
		ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
						errmsg("argument \"%s\" must not be null", name)));
}

/* A text argument that must not be null, palloc'd. */
static inline char *
joor_argument_text(FunctionCallInfo fcinfo, int arg, const char *name)
{
	joor_argument_check(fcinfo, arg, name);
	return text_to_cstring(PG_GETARG_TEXT_PP(arg));
}

/* A boolean argument that must not be null. */
static inline bool
joor_argument_bool(FunctionCallInfo fcinfo, int arg, const char *name)
{
	joor_argument_check(fcinfo, arg, name);
	return PG_GETARG_BOOL(arg);
}

#endif /* JOOR_ARGUMENT_H */
