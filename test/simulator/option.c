/*-------------------------------------------------------------------------
 *
 * option.c
 *	  Members of a JSON object become members of a struct, by a table.
 *
 * IDENTIFICATION
 *	  test/simulator/option.c
 *
 *-------------------------------------------------------------------------
 */
#include "option.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

bool
option_integer(json_t *value, int64_t *number)
{
	const char *text = json_string_value(value);
	char	   *end;

	if (json_is_integer(value))
		*number = json_integer_value(value);
	else if (text == NULL || *text == '\0')
		return false;
	else
	{
		errno = 0;
		*number = strtoll(text, &end, 10);
		return errno == 0 && *end == '\0';
	}
	return true;
}

bool
option_boolean(json_t *value, bool *truth)
{
	int64_t number = -1;

	if (json_is_boolean(value))
		number = json_is_true(value);
	else if (!option_integer(value, &number))
		return false;
	*truth = number == 1;
	return number == 0 || number == 1;
}

static bool
set_seconds(json_t *value, int64_t *microseconds)
{
	double seconds;
	char  *end;

	if (json_is_number(value))
		seconds = json_number_value(value);
	else if (json_is_string(value))
	{
		seconds = strtod(json_string_value(value), &end);
		if (*end != '\0')
			return false;
	}
	else
		return false;
	*microseconds = (int64_t) (seconds * 1e6);
	return seconds >= 0;
}

static bool
set_text(json_t *value, char *text, size_t size)
{
	const char *string = json_string_value(value);

	if (string == NULL || strlen(string) >= size)
		return false;
	strcpy(text, string);
	return true;
}

static bool
set_choice(json_t *value, const char *const *choices, int *choice)
{
	const char *word = json_string_value(value);

	for (int i = 0; word != NULL && choices[i] != NULL; i++)
	{
		if (strcmp(word, choices[i]) == 0)
		{
			*choice = i;
			return true;
		}
	}
	return false;
}

static bool
set_option(const Option *option, void *object, json_t *value)
{
	char *member = (char *) object + option->offset;

	switch (option->kind)
	{
		case OPTION_BOOLEAN:
			return option_boolean(value, (bool *) member);
		case OPTION_INTEGER:
			return option_integer(value, (int64_t *) member);
		case OPTION_SECONDS:
			return set_seconds(value, (int64_t *) member);
		case OPTION_TEXT:
			return set_text(value, member, option->size);
		case OPTION_CHOICE:
			return set_choice(value, option->choices, (int *) member);
		case OPTION_CUSTOM:
			return option->set(object, value);
	}
	return false;
}

bool
options_apply(const Option *options, void *object, json_t *json, Buffer *error)
{
	const char *name;
	json_t	   *value;

	if (!json_is_object(json))
	{
		buffer_text(error, "not a JSON object");
		return false;
	}
	json_object_foreach(json, name, value)
	{
		const Option *option = options;

		while (option->name != NULL && strcmp(option->name, name) != 0)
			option++;
		if (option->name == NULL)
		{
			buffer_format(error, "there is no \"%s\", but", name);
			for (option = options; option->name != NULL; option++)
				buffer_format(error, " %s", option->name);
			return false;
		}
		if (!set_option(option, object, value))
		{
			buffer_format(error, "\"%s\" cannot have this value", name);
			for (int i = 0;
				 option->kind == OPTION_CHOICE && option->choices[i] != NULL;
				 i++)
				buffer_format(error, "%s %s", i ? "," : ":",
							  option->choices[i]);
			return false;
		}
	}
	return true;
}
