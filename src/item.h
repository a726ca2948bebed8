/*-------------------------------------------------------------------------
 *
 * item.h
 *	  An item: one inventory_item of JOOR's bulk call.
 *
 * Words: a field is one of JOOR's item fields; its name is also the column
 * name of an item query.  An identity says which SKU an item is: its UPC, or
 * one style key, one colour key and one size key.  A position is what JOOR
 * keeps a quantity for: warehouse, date and identity.  A violation is a
 * reason of ours to refuse an item before anything is sent.
 *
 * Invariants: texts of an item are UTF-8, not NUL-terminated, and belong to
 * whoever made the item.  After joor_item_check() said true, `sent` names
 * the fields that go out: the warehouse, exactly one identity, and the other
 * fields that are present.
 *
 * Floor 1: knows neither where items come from nor where they go to.
 *
 * IDENTIFICATION
 *	  src/item.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef JOOR_ITEM_H
#define JOOR_ITEM_H

#include "compat.h"

#include "lib/stringinfo.h"
#include "utils/date.h"

/* In the order in which they are sent: that of JOOR's sample. */
typedef enum JoorFieldId
{
	JOOR_FIELD_WAREHOUSE,
	JOOR_FIELD_INVENTORY_DATE,
	JOOR_FIELD_STYLE_NUMBER,
	JOOR_FIELD_STYLE_IDENTIFIER,
	JOOR_FIELD_STYLE_ID,
	JOOR_FIELD_COLOR_CODE,
	JOOR_FIELD_STYLE_COLOR_ID,
	JOOR_FIELD_SIZE,
	JOOR_FIELD_SIZE_CODE,
	JOOR_FIELD_UPC,
	JOOR_FIELD_INVENTORY,
	JOOR_FIELD_MADE_TO_ORDER
} JoorFieldId;

#define JOOR_FIELD_COUNT (JOOR_FIELD_MADE_TO_ORDER + 1)
#define JOOR_FIELD_NONE (-1)

#define JOOR_FIELD_BIT(field) ((uint32) 1 << (field))

/* What makes a position: all but the quantity and made_to_order. */
#define JOOR_POSITION_FIELDS (JOOR_FIELD_BIT(JOOR_FIELD_INVENTORY) - 1)

typedef enum JoorFieldType
{
	JOOR_TYPE_TEXT,
	JOOR_TYPE_DATE,
	JOOR_TYPE_INTEGER,
	JOOR_TYPE_BOOLEAN
} JoorFieldType;

typedef struct JoorField
{
	const char	 *name; /* JOOR's name for it, and the column's */
	JoorFieldType type;
	int			  longest;	/* characters; texts only */
	const char	 *too_long; /* the rule that a longer text breaks */
} JoorField;

/* The field table, indexed by JoorFieldId. */
extern const JoorField joor_fields[JOOR_FIELD_COUNT];

typedef struct JoorText
{
	const char *data;	/* UTF-8, not NUL-terminated */
	int			length; /* bytes */
	bool		plain;	/* set by joor_item_check(): ASCII without a byte that
						 * XML or JSON would have to escape */
} JoorText;

typedef union JoorValue
{
	JoorText text;
	DateADT	 date;
	int64	 integer;
	bool	 boolean;
} JoorValue;

typedef struct JoorItem
{
	int64	  row;	   /* number of its row in the item query, from 1 */
	uint32	  present; /* JOOR_FIELD_BIT of each field that has a value */
	uint32	  sent;	   /* those that go out; set by joor_item_check() */
	bool	  clamped; /* a negative quantity was made 0; starts false, set by
						  * joor_item_check() and never cleared */
	char	 *key;	   /* of a feed's row: its key as text, in the server's
						* encoding; NULL: none */
	JoorValue value[JOOR_FIELD_COUNT];
} JoorItem;

/* What an account does with a negative quantity; its option `negative`. */
typedef enum JoorNegative
{
	JOOR_NEGATIVE_CLAMP,  /* send 0 and count it */
	JOOR_NEGATIVE_REJECT, /* a violation */
	JOOR_NEGATIVE_SEND	  /* as it is */
} JoorNegative;

/* What an account asks of its items. */
typedef struct JoorItemRules
{
	JoorText	 warehouse;	 /* for items that name none; plain is right */
	JoorText	*warehouses; /* names allowed besides, NULL: any */
	int			 nwarehouses;
	JoorNegative negative;
} JoorItemRules;

typedef struct JoorViolation
{
	int64		row;   /* as in JoorItem */
	int			field; /* a JoorFieldId; JOOR_FIELD_NONE: the whole item */
	char	   *value; /* in the server's encoding, shortened; NULL: none */
	const char *rule;  /* what it breaks, as a predicate: "is not a whole
						* number"; a constant */
	const char *hint;  /* a sentence and a constant, or NULL */
} JoorViolation;

#define JOOR_IDENTITY_HINT                                                   \
	"An item is identified by upc, or by style_number and style_identifier " \
	"(or style_id), color_code (or style_color_id) and size (or size_code)."

/* The field of that name, or JOOR_FIELD_NONE.  Case matters. */
extern int joor_field_by_name(const char *name);

/*
 * The fields that identify an item in which those fields are present (UPC
 * before style keys; style_number and style_identifier before style_id,
 * color_code before style_color_id, size before size_code); 0: incomplete.
 */
extern uint32 joor_identity_fields(uint32 present);

/*
 * Checks what of an item goes out: fills in its warehouse, picks its identity
 * and sets sent, clamped and the texts' plain.  Checking again changes
 * nothing.  False: the violation is filled in, its value palloc'd.  No
 * errors.
 */
extern bool joor_item_check(JoorItem *item, const JoorItemRules *rules,
							JoorViolation *violation);

/*
 * Fills in what is sent of the position of an item that broke a rule, as far
 * as its position is not what broke it; false: the position is not known.
 */
extern bool joor_item_complete_position(JoorItem			*item,
										const JoorItemRules *rules,
										const JoorViolation *violation);

/* Whether two texts are the same, byte by byte. */
extern bool joor_text_equal(const JoorText *a, const JoorText *b);

/* Bytes of the first characters of a text; takes any bytes. */
extern int joor_text_clip(const char *data, int length, int characters);

/* Copies an item; its texts and key are allocated in the current memory context. */
extern void joor_item_copy(JoorItem *target, const JoorItem *source);

/* Hash of a checked item's position; equal positions hash equal. */
extern uint64 joor_item_hash(const JoorItem *item);

/* Whether two checked items are the same position, byte by byte. */
extern bool joor_item_same_position(const JoorItem *a, const JoorItem *b);

/*
 * Appends a checked item's position as a JSON object in UTF-8, fields in the
 * order of the table: the key by which rejections and published quantities
 * find it again.
 */
extern void joor_item_append_position(StringInfo out, const JoorItem *item);

/* Writes a date as YYYY-MM-DD into MAXDATELEN + 1 bytes; its length. */
extern int joor_date_text(DateADT date, char *text);

/*
 * Appends a value in UTF-8: as it is, or as JSON has it (texts and dates
 * quoted).  Both take values that have not been checked.
 */
extern void joor_value_append(StringInfo out, JoorFieldId field,
							  const JoorValue *value);
extern void joor_value_append_json(StringInfo out, JoorFieldId field,
								   const JoorValue *value);

/*
 * Fills in a violation.  data: the value in UTF-8 as far as it is text, which
 * is copied and shortened; NULL: none.  No errors.
 */
extern void joor_violation_set(JoorViolation *violation, const JoorItem *item,
							   int field, const char *data, int length,
							   const char *rule, const char *hint);

/*
 * Appends a violation as one line in the server's encoding, without a full
 * stop: row 3, column "inventory": value "1.5" is not a whole number.
 */
extern void joor_violation_append(StringInfo		   out,
								  const JoorViolation *violation);

#endif /* JOOR_ITEM_H */
