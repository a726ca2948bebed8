/*-------------------------------------------------------------------------
 *
 * option.h
 *	  Members of a JSON object become members of a struct, by a table.
 *
 * Booleans may come as 0 and 1 and numbers as strings, as Perl writes them.
 *
 * IDENTIFICATION
 *	  test/simulator/option.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef SIMULATOR_OPTION_H
#define SIMULATOR_OPTION_H

#include "buffer.h"

#include <jansson.h>
#include <stdbool.h>

typedef enum OptionKind
{
	OPTION_BOOLEAN, /* bool */
	OPTION_INTEGER, /* int64_t */
	OPTION_SECONDS, /* int64_t, microseconds; a fraction is welcome */
	OPTION_TEXT,	/* char [size] */
	OPTION_CHOICE,	/* int, the index of a word in choices */
	OPTION_CUSTOM	/* whatever set() does with it */
} OptionKind;

typedef struct Option
{
	const char		  *name; /* NULL ends the table */
	OptionKind		   kind;
	size_t			   offset;	/* of the member */
	size_t			   size;	/* of a text with its NUL */
	const char *const *choices; /* words, then NULL */
	bool (*set)(void *object, json_t *value);
} Option;

/* The integer, or the digits in the string. */
extern bool option_integer(json_t *value, int64_t *number);
extern bool option_boolean(json_t *value, bool *truth);

/*
 * Sets what json has.  False when it has what the table has not, or a value
 * of the wrong kind; error then says so, and some members may be set.
 */
extern bool options_apply(const Option *options, void *object, json_t *json,
						  Buffer *error);

#endif /* SIMULATOR_OPTION_H */
