/*-------------------------------------------------------------------------
 *
 * payload.c
 *	  A body of a bulk call: what both formats share, and its limit.
 *
 * Floor 2.
 *
 * IDENTIFICATION
 *	  src/payload.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "payload.h"

const char *
joor_format_content_type(JoorFormat format)
{
	return format == JOOR_FORMAT_XML ? "application/xml" : "application/json";
}

static const char *
head(const JoorPayload *payload)
{
	if (payload->style.format == JOOR_FORMAT_XML)
		return joor_payload_xml_head();
	return joor_payload_json_head(payload->style.json_shape);
}

static const char *
tail(const JoorPayload *payload)
{
	if (payload->style.format == JOOR_FORMAT_XML)
		return joor_payload_xml_tail();
	return joor_payload_json_tail(payload->style.json_shape);
}

void
joor_payload_init(JoorPayload *payload, const JoorPayloadStyle *style,
				  Size limit)
{
	initStringInfo(&payload->body);
	payload->items = 0;
	payload->style = *style;
	payload->limit = limit;
	payload->tail_length = strlen(tail(payload));
}

void
joor_payload_begin(JoorPayload *payload)
{
	resetStringInfo(&payload->body);
	appendStringInfoString(&payload->body, head(payload));
	payload->items = 0;
}

bool
joor_payload_add(JoorPayload *payload, const JoorItem *item)
{
	StringInfo body = &payload->body;
	int		   length = body->len;

	if (payload->style.format == JOOR_FORMAT_XML)
		joor_payload_xml_item(body, item, payload->style.identifier);
	else
		joor_payload_json_item(body, item, payload->style.identifier,
							   payload->items == 0);
	if ((Size) body->len + payload->tail_length > payload->limit)
	{
		body->len = length;
		body->data[length] = '\0';
		return false;
	}
	payload->items++;
	return true;
}

void
joor_payload_end(JoorPayload *payload)
{
	appendStringInfoString(&payload->body, tail(payload));
}
