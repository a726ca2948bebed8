/*-------------------------------------------------------------------------
 *
 * payload.h
 *	  Items as the body of a bulk call, in XML or JSON.
 *
 * A payload is begun once and used for one body after the other: its buffer
 * is kept.  Items must have passed joor_item_check().  Body bytes are UTF-8
 * and never exceed the limit.
 *
 * Floor 2: knows neither HTTP nor SPI.
 *
 * IDENTIFICATION
 *	  src/payload.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef JOOR_PAYLOAD_H
#define JOOR_PAYLOAD_H

#include "item.h"

/* Server option `format`. */
typedef enum JoorFormat
{
	JOOR_FORMAT_XML,
	JOOR_FORMAT_JSON
} JoorFormat;

/* Server option `json_shape`: what inventory_items holds. */
typedef enum JoorJsonShape
{
	JOOR_JSON_NESTED, /* {"inventory_items":{"inventory_item":[...]}} */
	JOOR_JSON_FLAT	  /* {"inventory_items":[...]} */
} JoorJsonShape;

/* Server option `style_identifier_field`: how that field is spelt. */
typedef enum JoorIdentifierField
{
	JOOR_IDENTIFIER_DOCUMENTED, /* style_identifer, as the bulk page has it */
	JOOR_IDENTIFIER_CORRECTED,	/* style_identifier */
	JOOR_IDENTIFIER_BOTH
} JoorIdentifierField;

typedef struct JoorPayloadStyle
{
	JoorFormat			format;
	JoorJsonShape		json_shape;
	JoorIdentifierField identifier;
} JoorPayloadStyle;

typedef struct JoorPayload
{
	StringInfoData	 body;	/* the bytes, complete after joor_payload_end() */
	int				 items; /* how many are in it */
	JoorPayloadStyle style;
	Size			 limit;		  /* bytes of a body, at most */
	Size			 tail_length; /* of the bytes that complete it */
} JoorPayload;

/* Content-Type of a format: "application/xml" or "application/json". */
extern const char *joor_format_content_type(JoorFormat format);

/* Allocates the buffer in the current memory context. */
extern void joor_payload_init(JoorPayload			 *payload,
							  const JoorPayloadStyle *style, Size limit);

/* Starts a new, empty body in the same buffer. */
extern void joor_payload_begin(JoorPayload *payload);

/*
 * Adds an item.  False when the finished body would exceed the limit; then
 * nothing was added.  No errors but out of memory.
 */
extern bool joor_payload_add(JoorPayload *payload, const JoorItem *item);

/* Completes the body. */
extern void joor_payload_end(JoorPayload *payload);

/*
 * What the two formats give to payload.c: constant text around the items,
 * and an item.  `first` tells whether it is the first of its body.
 */
extern const char *joor_payload_xml_head(void);
extern const char *joor_payload_xml_tail(void);
extern void		   joor_payload_xml_item(StringInfo out, const JoorItem *item,
										 JoorIdentifierField identifier);
extern const char *joor_payload_json_head(JoorJsonShape shape);
extern const char *joor_payload_json_tail(JoorJsonShape shape);
extern void		   joor_payload_json_item(StringInfo out, const JoorItem *item,
										  JoorIdentifierField identifier, bool first);

#endif /* JOOR_PAYLOAD_H */
