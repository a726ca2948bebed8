/*-------------------------------------------------------------------------
 *
 * fault.c
 *	  Misbehaviour on command: the queue, and who claims what.
 *
 * IDENTIFICATION
 *	  test/simulator/fault.c
 *
 *-------------------------------------------------------------------------
 */
#include "fault.h"
#include "encoding.h"

#include <stdlib.h>
#include <string.h>

static const char *const operations[] = {"any", "bulk", "sku", "read", NULL};
static const char *const cuts[] = {"none",			"before_body", "in_body",
								   "before_answer", "in_headers",  "in_answer",
								   "after_answer",	NULL};
static const char *const hows[] = {"reset", "close", "half_close", NULL};
static const char *const body_kinds[] = {
	"usual",		"text",	   "empty", "garbage",	   "html",
	"invalid_utf8", "nul",	   "deep",	"entity_bomb", "external_entity",
	"huge",			"endless", NULL};

static Fault  *faults; /* the queue, first one first */
static int64_t last_number;

static bool
set_body(void *object, json_t *value)
{
	Fault *fault = object;

	if (!json_is_string(value))
		return false;
	fault->body_kind = BODY_TEXT;
	fault->body.length = 0;
	buffer_append(&fault->body, json_string_value(value),
				  json_string_length(value));
	return true;
}

static bool
set_body_base64(void *object, json_t *value)
{
	Fault *fault = object;

	fault->body_kind = BODY_TEXT;
	fault->body.length = 0;
	return json_is_string(value) &&
		   base64_decode(&fault->body, json_string_value(value));
}

/* true, false or "late" */
static bool
set_applied(void *object, json_t *value)
{
	Fault *fault = object;
	bool   applied;

	if (json_is_string(value) && strcmp(json_string_value(value), "late") == 0)
		fault->applied = APPLIED_LATE;
	else if (option_boolean(value, &applied))
		fault->applied = applied ? APPLIED_FIRST : APPLIED_NEVER;
	else
		return false;
	return true;
}

static bool
set_headers(void *object, json_t *value)
{
	Fault	   *fault = object;
	const char *name;
	json_t	   *header;

	if (!json_is_object(value))
		return false;
	json_object_foreach(value, name, header)
	{
		if (!json_is_string(header))
			return false;
	}
	json_decref(fault->headers);
	fault->headers = json_incref(value);
	return true;
}

/* Tried on a style at once, so that a wrong one is told to its author. */
static bool
set_answer(void *object, json_t *value)
{
	Fault	   *fault = object;
	AnswerStyle style;
	Buffer		error = {0};
	bool		good;

	answer_style_defaults(&style);
	good = options_apply(answer_style_options, &style, value, &error);
	buffer_free(&error);
	json_decref(fault->answer);
	fault->answer = json_incref(value);
	return good;
}

static bool
set_retry_after(void *object, json_t *value)
{
	Fault  *fault = object;
	int64_t seconds;
	Buffer	text = {0};

	if (json_is_string(value) &&
		json_string_length(value) < sizeof(fault->retry_after))
		strcpy(fault->retry_after, json_string_value(value));
	else if (option_integer(value, &seconds))
	{
		buffer_integer(&text, seconds);
		strcpy(fault->retry_after, buffer_terminate(&text));
		buffer_free(&text);
	}
	else
		return false;
	return true;
}

#define PLAIN(member, sort)                                              \
	{                                                                    \
		.name = #member, .kind = sort, .offset = offsetof(Fault, member) \
	}
#define TEXT(member)                          \
	{                                         \
		.name = #member, .kind = OPTION_TEXT, \
		.offset = offsetof(Fault, member),    \
		.size = sizeof(((Fault *) 0)->member) \
	}
#define CHOICE(member, words)                               \
	{                                                       \
		.name = #member, .kind = OPTION_CHOICE,             \
		.offset = offsetof(Fault, member), .choices = words \
	}
#define CUSTOM(member, function)                                \
	{                                                           \
		.name = #member, .kind = OPTION_CUSTOM, .set = function \
	}

static const Option fault_options[] = {
	TEXT(name),
	CHOICE(operation, operations),
	TEXT(account),
	PLAIN(after, OPTION_INTEGER),
	PLAIN(times, OPTION_INTEGER),
	CUSTOM(applied, set_applied),
	PLAIN(delay, OPTION_SECONDS),
	PLAIN(hold, OPTION_BOOLEAN),
	PLAIN(early, OPTION_BOOLEAN),
	PLAIN(status, OPTION_INTEGER),
	TEXT(content_type),
	CUSTOM(retry_after, set_retry_after),
	TEXT(location),
	TEXT(target),
	CUSTOM(headers, set_headers),
	CUSTOM(answer, set_answer),
	CHOICE(body_kind, body_kinds),
	CUSTOM(body, set_body),
	CUSTOM(body_base64, set_body_base64),
	PLAIN(size, OPTION_INTEGER),
	CHOICE(cut, cuts),
	CHOICE(how, hows),
	PLAIN(cut_after, OPTION_INTEGER),
	PLAIN(slow_bytes, OPTION_INTEGER),
	PLAIN(slow_interval, OPTION_SECONDS),
	PLAIN(content_length, OPTION_INTEGER),
	PLAIN(http10, OPTION_BOOLEAN),
	PLAIN(chunked, OPTION_BOOLEAN),
	{.name = NULL},
};

static void
free_fault(Fault *fault)
{
	json_decref(fault->headers);
	json_decref(fault->answer);
	buffer_free(&fault->body);
	free(fault);
}

const Fault *
fault_add(json_t *json, Buffer *error)
{
	Fault  *fault = must_alloc(sizeof(Fault));
	Fault **end = &faults;

	fault->times = 1;
	fault->size = fault->cut_after = fault->content_length = -1;
	fault->slow_interval = 10000;
	if (!options_apply(fault_options, fault, json, error))
	{
		free_fault(fault);
		return NULL;
	}
	fault->number = ++last_number;
	if (fault->name[0] == '\0')
	{
		Buffer name = {0};

		buffer_format(&name, "#%lld", (long long) fault->number);
		strcpy(fault->name, buffer_terminate(&name));
		buffer_free(&name);
	}
	while (*end != NULL)
		end = &(*end)->next;
	*end = fault;
	return fault;
}

static bool
fault_matches(const Fault *fault, Operation operation, const char *account)
{
	return (fault->operation == OPERATION_NONE ||
			fault->operation == (int) operation) &&
		   (fault->account[0] == '\0' || strcmp(fault->account, account) == 0);
}

Fault *
fault_claim(Operation operation, const char *account)
{
	Fault **link = &faults;
	Fault  *fault;

	while (*link != NULL && !fault_matches(*link, operation, account))
		link = &(*link)->next;
	fault = *link;
	if (fault == NULL)
		return NULL;
	if (fault->after > 0)
	{
		fault->after--;
		return NULL;
	}
	fault->claims++;
	fault->used++;
	if (fault->times > 0 && fault->used == fault->times)
	{
		*link = fault->next;
		fault->next = NULL;
		fault->number = 0; /* no longer in the queue */
	}
	return fault;
}

void
fault_give_back(Fault *fault)
{
	if (--fault->claims == 0 && fault->number == 0)
		free_fault(fault);
}

void
fault_clear(void)
{
	while (faults != NULL)
	{
		Fault *fault = faults;

		faults = fault->next;
		fault->next = NULL;
		fault->number = 0;
		if (fault->claims == 0)
			free_fault(fault);
	}
}

void
fault_write(Buffer *out)
{
	buffer_byte(out, '[');
	for (const Fault *fault = faults; fault != NULL; fault = fault->next)
	{
		buffer_text(out, fault == faults ? "{" : ",{");
		buffer_json_integer(out, "number", fault->number);
		buffer_json_text(out, "name", fault->name);
		buffer_json_text(out, "operation", operations[fault->operation]);
		buffer_json_text(out, "account", fault->account);
		buffer_json_integer(out, "after", fault->after);
		buffer_json_integer(out, "times", fault->times);
		buffer_json_integer(out, "used", fault->used);
		buffer_byte(out, '}');
	}
	buffer_byte(out, ']');
}

Applied
fault_applied(const Fault *fault)
{
	if (fault->cut == CUT_BEFORE_BODY || fault->cut == CUT_IN_BODY ||
		fault->early)
		return APPLIED_NEVER;
	if (fault->applied != APPLIED_DEFAULT)
		return (Applied) fault->applied;
	return fault->status == 0 ? APPLIED_FIRST : APPLIED_NEVER;
}

bool
fault_needs_wire(const Fault *fault)
{
	return fault->cut >= CUT_IN_HEADERS || fault->slow_bytes > 0 ||
		   fault->content_length >= 0 || fault->http10 || fault->chunked ||
		   fault->body_kind == BODY_HUGE || fault->body_kind == BODY_ENDLESS ||
		   (fault->status != 0 && (fault->status < 200 || fault->status > 599));
}
