/*-------------------------------------------------------------------------
 *
 * answer.c
 *	  The answer to a call, and the ways in which JOOR may word it.
 *
 * IDENTIFICATION
 *	  test/simulator/answer.c
 *
 *-------------------------------------------------------------------------
 */
#include "answer.h"
#include "simulator.h"

#include <stdlib.h>
#include <string.h>

const char *const format_types[] = {"", "application/xml", "application/json"};

static const char *const code_types[] = {"number", "string", NULL};
static const char *const presences[] = {"present", "missing", NULL};
static const char *const responses[] = {"object", "text", "missing", NULL};
static const char *const logs[] = {"full",	   "missing", "short",
								   "reversed", "empty",	  NULL};
static const char *const counts[] = {"right", "fewer", "string", "missing",
									 NULL};

#define PLAIN(member, sort)                                                    \
	{                                                                          \
		.name = #member, .kind = sort, .offset = offsetof(AnswerStyle, member) \
	}
#define TEXT(member)                                \
	{                                               \
		.name = #member, .kind = OPTION_TEXT,       \
		.offset = offsetof(AnswerStyle, member),    \
		.size = sizeof(((AnswerStyle *) 0)->member) \
	}
#define CHOICE(member, words)                                     \
	{                                                             \
		.name = #member, .kind = OPTION_CHOICE,                   \
		.offset = offsetof(AnswerStyle, member), .choices = words \
	}

const Option answer_style_options[] = {
	TEXT(root),
	PLAIN(wrapped, OPTION_BOOLEAN),
	PLAIN(code, OPTION_INTEGER),
	CHOICE(code_type, code_types),
	CHOICE(comment, presences),
	TEXT(comment_text),
	CHOICE(log_id, presences),
	CHOICE(response, responses),
	CHOICE(log, logs),
	PLAIN(single_list, OPTION_BOOLEAN),
	CHOICE(sku_count, counts),
	CHOICE(sku, presences),
	TEXT(pass),
	TEXT(fail),
	{.name = NULL},
};

/* What one envelope says. */
typedef struct Envelope
{
	const AnswerStyle *style;
	int64_t			   code;
	const char		  *comment;
	const char		  *log_id;
	const ItemList	  *items;
	size_t			   entries; /* of the log */
	int64_t			   passed;	/* as it is told */
} Envelope;

void
answer_style_defaults(AnswerStyle *style)
{
	memset(style, 0, sizeof(*style));
	strcpy(style->root, "inventory");
	style->wrapped = true;
	style->single_list = true;
	strcpy(style->pass, "pass");
	strcpy(style->fail, "fail");
}

void
answer_header(Answer *answer, const char *name, const char *value)
{
	AnswerHeader *header;

	if (answer->header_count == ANSWER_HEADERS)
		return;
	header = &answer->headers[answer->header_count++];
	header->name = must_copy(name);
	header->value = must_copy(value);
}

static const Item *
log_entry(const Envelope *envelope, size_t i)
{
	if (envelope->style->log == LOG_REVERSED)
		i = envelope->items->count - 1 - i;
	return &envelope->items->items[i];
}

static void
json_response(Buffer *body, const Envelope *envelope)
{
	const AnswerStyle *style = envelope->style;

	if (style->response == RESPONSE_MISSING)
		return;
	if (style->response == RESPONSE_TEXT)
	{
		buffer_json_text(body, "response", envelope->log_id);
		return;
	}
	buffer_json_name(body, "response");
	buffer_byte(body, '{');
	if (style->code_type == CODE_NUMBER)
		buffer_json_integer(body, "code", envelope->code);
	else
		buffer_format(body, "\"code\":\"%lld\"", (long long) envelope->code);
	if (style->comment == PRESENT)
		buffer_json_text(body, "comment", envelope->comment);
	if (style->log_id == PRESENT)
		buffer_json_text(body, "log_id", envelope->log_id);
	buffer_byte(body, '}');
}

static void
json_log(Buffer *body, const Envelope *envelope)
{
	const AnswerStyle *style = envelope->style;
	bool			   list = style->single_list || envelope->entries != 1;
	char			   uuid[37];

	buffer_json_name(body, "inventory_log");
	if (list)
		buffer_byte(body, '[');
	for (size_t i = 0; i < envelope->entries; i++)
	{
		const Item *item = log_entry(envelope, i);

		if (i > 0)
			buffer_byte(body, ',');
		random_uuid(uuid);
		buffer_byte(body, '{');
		if (style->sku == PRESENT)
			buffer_json_text(body, "sku", item->sku);
		buffer_json_text(body, "inventory_log_id", uuid);
		buffer_json_text(body, "status",
						 item->failed ? style->fail : style->pass);
		buffer_byte(body, '}');
	}
	if (list)
		buffer_byte(body, ']');
}

static void
json_envelope(Buffer *body, const Envelope *envelope)
{
	const AnswerStyle *style = envelope->style;

	buffer_byte(body, '{');
	if (style->wrapped)
	{
		buffer_json_name(body, style->root);
		buffer_byte(body, '{');
	}
	json_response(body, envelope);
	if (envelope->items != NULL && style->sku_count == COUNT_STRING)
	{
		buffer_json_name(body, "sku_count");
		buffer_format(body, "\"%lld\"", (long long) envelope->passed);
	}
	else if (envelope->items != NULL && style->sku_count != COUNT_MISSING)
		buffer_json_integer(body, "sku_count", envelope->passed);
	if (envelope->items != NULL && style->log != LOG_MISSING)
		json_log(body, envelope);
	buffer_text(body, style->wrapped ? "}}" : "}");
}

static void
xml_element(Buffer *body, const char *name, const char *text)
{
	buffer_format(body, "<%s>", name);
	buffer_xml(body, text);
	buffer_format(body, "</%s>", name);
}

static void
xml_response(Buffer *body, const Envelope *envelope)
{
	const AnswerStyle *style = envelope->style;

	if (style->response == RESPONSE_MISSING)
		return;
	if (style->response == RESPONSE_TEXT)
	{
		xml_element(body, "response", envelope->log_id);
		return;
	}
	buffer_format(body, "<response><code>%lld</code>",
				  (long long) envelope->code);
	if (style->comment == PRESENT)
		xml_element(body, "comment", envelope->comment);
	if (style->log_id == PRESENT)
		xml_element(body, "log_id", envelope->log_id);
	buffer_text(body, "</response>");
}

static void
xml_log_entry(Buffer *body, const AnswerStyle *style, const Item *item)
{
	char uuid[37];

	random_uuid(uuid);
	buffer_text(body, "<inventory_log>");
	if (style->sku == PRESENT)
	{
		buffer_text(body, "<sku>");
		buffer_xml(body, item->sku);
		buffer_text(body, "</sku>");
	}
	buffer_text(body, "<inventory_log_id>");
	buffer_text(body, uuid);
	buffer_text(body, "</inventory_log_id><status>");
	buffer_xml(body, item->failed ? style->fail : style->pass);
	buffer_text(body, "</status></inventory_log>");
}

static void
xml_envelope(Buffer *body, const Envelope *envelope)
{
	const AnswerStyle *style = envelope->style;

	buffer_format(body, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<%s>",
				  style->root);
	xml_response(body, envelope);
	if (envelope->items != NULL && style->sku_count != COUNT_MISSING)
		buffer_format(body, "<sku_count>%lld</sku_count>",
					  (long long) envelope->passed);
	if (envelope->items != NULL && style->log != LOG_MISSING)
	{
		for (size_t i = 0; i < envelope->entries; i++)
			xml_log_entry(body, style, log_entry(envelope, i));
	}
	buffer_format(body, "</%s>\n", style->root);
}

static void
count_entries(Envelope *envelope)
{
	const ItemList *items = envelope->items;

	for (size_t i = 0; i < items->count; i++)
		envelope->passed += !items->items[i].failed;
	if (envelope->style->sku_count == COUNT_FEWER && envelope->passed > 0)
		envelope->passed--;
	if (envelope->style->log != LOG_EMPTY)
		envelope->entries = items->count;
	if (envelope->style->log == LOG_SHORT && envelope->entries > 0)
		envelope->entries--;
}

void
answer_envelope(Answer *answer, Format format, const AnswerStyle *style,
				int status, int64_t code, const char *comment,
				const char *log_id, const ItemList *items)
{
	Envelope envelope = {style, code, comment, log_id, items, 0, 0};

	if (items != NULL)
		count_entries(&envelope);
	answer->status = status;
	answer->body.length = 0;
	strcpy(answer->content_type,
		   format_types[format == FORMAT_XML ? FORMAT_XML : FORMAT_JSON]);
	if (format == FORMAT_XML)
		xml_envelope(&answer->body, &envelope);
	else
		json_envelope(&answer->body, &envelope);
}

void
answer_styles(Answer *answer, Format format, int count)
{
	Buffer *body = &answer->body;

	answer->status = 200;
	strcpy(answer->content_type, format_types[format]);
	buffer_text(body,
				format == FORMAT_XML
					? "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<styles>"
					: "{\"styles\":[");
	for (int i = 1; i <= count; i++)
	{
		if (format == FORMAT_XML)
			buffer_format(body,
						  "<style><style_id>%d</style_id>"
						  "<style_number>S-%03d</style_number></style>",
						  i, i);
		else
			buffer_format(body,
						  "%s{\"style_id\":%d,\"style_number\":\"S-%03d\"}",
						  i > 1 ? "," : "", i, i);
	}
	buffer_text(body, format == FORMAT_XML ? "</styles>\n" : "]}");
}

void
answer_free(Answer *answer)
{
	for (int i = 0; i < answer->header_count; i++)
	{
		free(answer->headers[i].name);
		free(answer->headers[i].value);
	}
	buffer_free(&answer->body);
	memset(answer, 0, sizeof(*answer));
}
