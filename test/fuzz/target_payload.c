/*
 * target_payload.c
 *	  Items as a body, read again by parsers that had no part in writing it.
 *
 * The bytes make items, good ones and bad ones.  Those that joor_item_check()
 * accepts are written as XML and as JSON; libxml2's tree and jansson must find
 * the same fields with the same values in it, byte by byte.
 */
#include "fuzz.h"

#include <jansson.h>
#include <libxml/parser.h>

#include "mb/pg_wchar.h"
#include "port/pg_bitutils.h"
#include "utils/datetime.h"

#include "payload.h"

#define ITEMS_MAX 8

/* What is left of the bytes. */
typedef struct Input
{
	const char *data;
	Size		size;
} Input;

typedef struct Sent
{
	JoorPayloadStyle style;
	JoorItem		 items[ITEMS_MAX];
	int				 count;
} Sent;

/* 0 after the end. */
static uint8
take_byte(Input *input)
{
	if (input->size == 0)
		return 0;
	input->size--;
	return (uint8) *input->data++;
}

static int64
take_integer(Input *input)
{
	int	   bytes = take_byte(input) % 9;
	uint64 value = 0;

	while (bytes-- > 0)
		value = value << 8 | take_byte(input);
	return (int64) value;
}

/* Any UTF-8 without NUL; bytes that are none become ASCII. */
static JoorText
take_text(Input *input)
{
	JoorText text;
	Size	 wanted = take_byte(input);
	int		 length = (int) Min(wanted, input->size);
	char	*copy = palloc(length);
	int		 i;

	memcpy(copy, input->data, length);
	input->data += length;
	input->size -= length;
	if (pg_verify_mbstr_len(PG_UTF8, copy, length, true) < 0)
		for (i = 0; i < length; i++)
			copy[i] = (char) ((copy[i] & 0x7f) == 0 ? 'x' : copy[i] & 0x7f);
	text.data = copy;
	text.length = length;
	text.plain = false;
	return text;
}

/* Dates are what PostgreSQL's type holds. */
static DateADT
take_date(Input *input)
{
	int64 days = take_integer(input);

	if (days == 1)
		return DATEVAL_NOEND;
	return IS_VALID_DATE(days) ? (DateADT) days : (DateADT) (days % 3000000);
}

static void
take_value(Input *input, int field, JoorValue *value)
{
	switch (joor_fields[field].type)
	{
		case JOOR_TYPE_TEXT:
			value->text = take_text(input);
			break;
		case JOOR_TYPE_DATE:
			value->date = take_date(input);
			break;
		case JOOR_TYPE_INTEGER:
			value->integer = take_integer(input);
			break;
		case JOOR_TYPE_BOOLEAN:
			value->boolean = (take_byte(input) & 1) != 0;
			break;
	}
}

static void
take_item(Input *input, JoorItem *item)
{
	int field;

	memset(item, 0, sizeof(*item));
	item->row = 1;
	item->present = take_byte(input);
	item->present |= (uint32) take_byte(input) << 8;
	item->present &= JOOR_FIELD_BIT(JOOR_FIELD_COUNT) - 1;
	for (field = 0; field < JOOR_FIELD_COUNT; field++)
		if ((item->present & JOOR_FIELD_BIT(field)) != 0)
			take_value(input, field, &item->value[field]);
}

/* A value as both formats have it, written in another way than item.c does. */
static char *
expected_text(const JoorItem *item, int field)
{
	const JoorValue *value = &item->value[field];
	int				 year, month, day;

	switch (joor_fields[field].type)
	{
		case JOOR_TYPE_TEXT:
			return pnstrdup(value->text.data, value->text.length);
		case JOOR_TYPE_DATE:
			j2date(value->date + POSTGRES_EPOCH_JDATE, &year, &month, &day);
			return psprintf("%04d-%02d-%02d", year, month, day);
		case JOOR_TYPE_INTEGER:
			return psprintf(INT64_FORMAT, value->integer);
		default:
			return pstrdup(value->boolean ? "true" : "false");
	}
}

/* What a name of a field in a body may stand for; the spelling included. */
static int
field_of(const char *name, JoorIdentifierField identifier)
{
	if (strcmp(name, "style_identifer") == 0)
	{
		FUZZ_REQUIRE(identifier != JOOR_IDENTIFIER_CORRECTED);
		return JOOR_FIELD_STYLE_IDENTIFIER;
	}
	if (strcmp(name, "style_identifier") == 0)
		FUZZ_REQUIRE(identifier != JOOR_IDENTIFIER_DOCUMENTED);
	return joor_field_by_name(name);
}

/* How many fields an item has in a body. */
static int
fields_expected(const Sent *sent, const JoorItem *item)
{
	int fields = pg_popcount32(item->sent);

	if (sent->style.identifier == JOOR_IDENTIFIER_BOTH &&
		(item->sent & JOOR_FIELD_BIT(JOOR_FIELD_STYLE_IDENTIFIER)) != 0)
		fields++;
	return fields;
}

static void
check_field(const Sent *sent, const JoorItem *item, const char *name,
			const char *text)
{
	int field = field_of(name, sent->style.identifier);

	FUZZ_REQUIRE(field != JOOR_FIELD_NONE);
	FUZZ_REQUIRE((item->sent & JOOR_FIELD_BIT(field)) != 0);
	FUZZ_REQUIRE(strcmp(text, expected_text(item, field)) == 0);
}

static void
check_xml_item(const Sent *sent, const JoorItem *item, xmlNode *node)
{
	int		 fields = 0;
	xmlNode *child;

	FUZZ_REQUIRE(strcmp((const char *) node->name, "inventory_item") == 0);
	for (child = node->children; child != NULL; child = child->next, fields++)
	{
		xmlChar *text = xmlNodeGetContent(child);

		FUZZ_REQUIRE(child->type == XML_ELEMENT_NODE);
		check_field(sent, item, (const char *) child->name,
					(const char *) text);
		xmlFree(text);
	}
	FUZZ_REQUIRE(fields == fields_expected(sent, item));
}

static void
check_xml(const Sent *sent, StringInfo body)
{
	xmlDoc *document =
		xmlReadMemory(body->data, body->len, NULL, NULL, XML_PARSE_NONET);
	xmlNode *root;
	xmlNode *node;
	int		 count = 0;

	FUZZ_REQUIRE(document != NULL);
	root = xmlDocGetRootElement(document);
	FUZZ_REQUIRE(strcmp((const char *) root->name, "inventory_items") == 0);
	for (node = root->children; node != NULL; node = node->next, count++)
	{
		FUZZ_REQUIRE(count < sent->count);
		check_xml_item(sent, &sent->items[count], node);
	}
	FUZZ_REQUIRE(count == sent->count);
	xmlFreeDoc(document);
}

/* Checks that the type of a value fits as well. */
static const char *
json_text(int field, const json_t *value)
{
	switch (joor_fields[field].type)
	{
		case JOOR_TYPE_INTEGER:
			FUZZ_REQUIRE(json_is_integer(value));
			return psprintf("%lld", (long long) json_integer_value(value));
		case JOOR_TYPE_BOOLEAN:
			FUZZ_REQUIRE(json_is_boolean(value));
			return json_is_true(value) ? "true" : "false";
		default:
			FUZZ_REQUIRE(json_is_string(value));
			return json_string_value(value);
	}
}

static void
check_json_item(const Sent *sent, const JoorItem *item, json_t *object)
{
	const char *name;
	json_t	   *value;

	FUZZ_REQUIRE(json_is_object(object));
	json_object_foreach(object, name, value)
	{
		int field = field_of(name, sent->style.identifier);

		FUZZ_REQUIRE(field != JOOR_FIELD_NONE);
		check_field(sent, item, name, json_text(field, value));
	}
	FUZZ_REQUIRE((int) json_object_size(object) == fields_expected(sent, item));
}

static void
check_json(const Sent *sent, StringInfo body)
{
	json_t *root =
		json_loadb(body->data, body->len, JSON_REJECT_DUPLICATES, NULL);
	json_t *list;
	int		i;

	FUZZ_REQUIRE(root != NULL && json_object_size(root) == 1);
	list = json_object_get(root, "inventory_items");
	if (sent->style.json_shape == JOOR_JSON_NESTED)
		list = json_object_get(list, "inventory_item");
	FUZZ_REQUIRE(json_is_array(list));
	FUZZ_REQUIRE((int) json_array_size(list) == sent->count);
	for (i = 0; i < sent->count; i++)
		check_json_item(sent, &sent->items[i], json_array_get(list, i));
	json_decref(root);
}

/* A position is JSON, and an item's copy has the same. */
static void
check_position(const JoorItem *item)
{
	StringInfoData text;
	JoorItem	   copy;
	json_t		  *object;

	initStringInfo(&text);
	joor_item_append_position(&text, item);
	object = json_loadb(text.data, text.len, JSON_REJECT_DUPLICATES, NULL);
	FUZZ_REQUIRE(object != NULL);
	FUZZ_REQUIRE((int) json_object_size(object) ==
				 pg_popcount32(item->sent & JOOR_POSITION_FIELDS));
	json_decref(object);
	joor_item_copy(&copy, item);
	FUZZ_REQUIRE(joor_item_same_position(&copy, item));
	FUZZ_REQUIRE(joor_item_hash(&copy) == joor_item_hash(item));
}

/* Reads an item and adds it, unless it breaks a rule or does not fit. */
static void
add_item(Input *input, Sent *sent, JoorPayload *payload,
		 const JoorItemRules *rules)
{
	JoorItem	  *item = &sent->items[sent->count];
	JoorViolation  violation;
	StringInfoData text;

	take_item(input, item);
	if (!joor_item_check(item, rules, &violation))
	{
		initStringInfo(&text);
		joor_violation_append(&text, &violation);
		FUZZ_REQUIRE(
			pg_verify_mbstr(GetDatabaseEncoding(), text.data, text.len, true));
		return;
	}
	check_position(item);
	if (joor_payload_add(payload, item))
		sent->count++;
}

void
fuzz_payload(const char *data, Size size)
{
	Input		  input = {data, size};
	uint8		  choice = take_byte(&input);
	JoorItemRules rules = {{"main", 4, true}, NULL, 0, JOOR_NEGATIVE_CLAMP};
	JoorPayload	  payload;
	Sent		  sent;

	rules.negative = (JoorNegative) (take_byte(&input) % 3);
	sent.style.format = (JoorFormat) (choice & 1);
	sent.style.json_shape = (JoorJsonShape) (choice >> 1 & 1);
	sent.style.identifier = (JoorIdentifierField) ((choice >> 2 & 3) % 3);
	sent.count = 0;
	joor_payload_init(&payload, &sent.style,
					  200 + 8 * (Size) take_byte(&input));
	joor_payload_begin(&payload);
	while (input.size > 0 && sent.count < ITEMS_MAX)
		add_item(&input, &sent, &payload, &rules);
	joor_payload_end(&payload);
	FUZZ_REQUIRE((Size) payload.body.len <= payload.limit);
	FUZZ_REQUIRE(payload.items == sent.count);
	if (sent.style.format == JOOR_FORMAT_XML)
		check_xml(&sent, &payload.body);
	else
		check_json(&sent, &payload.body);
}
