/*-------------------------------------------------------------------------
 *
 * push_sku.c
 *	  joor.push_sku(...): JOOR's call for a single SKU.
 *
 * It costs as many credits as a bulk call of any size, and knows neither
 * overwrite nor made_to_order.  Its identity is the style's number and
 * identifier in the address, and a UPC, or a colour code and a size.
 *
 * Floor 8.
 *
 * IDENTIFICATION
 *	  src/push_sku.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "fmgr.h"
#include "funcapi.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/date.h"

#include "argument.h"
#include "arming.h"
#include "call.h"
#include "queue.h"
#include "request_row.h"

/* The arguments, in the order of the function's declaration. */
enum
{
	ARG_STYLE_NUMBER,
	ARG_STYLE_IDENTIFIER,
	ARG_INVENTORY,
	ARG_UPC,
	ARG_COLOR_CODE,
	ARG_SIZE,
	ARG_INVENTORY_DATE,
	ARG_WAREHOUSE,
	ARG_SERVER,
	ARG_DEC_PENDING
};

PG_FUNCTION_INFO_V1(joor_inventory_push_sku);

/* Sets a text of the item from an argument, unless that is null. */
static void
set_text(JoorItem *item, JoorFieldId field, FunctionCallInfo fcinfo, int arg)
{
	text *value;
	char *utf8;

	if (PG_ARGISNULL(arg))
		return;
	value = PG_GETARG_TEXT_PP(arg);
	utf8 =
		pg_server_to_any(VARDATA_ANY(value), VARSIZE_ANY_EXHDR(value), PG_UTF8);
	item->value[field].text.data = utf8;
	item->value[field].text.length = utf8 == VARDATA_ANY(value)
										 ? (int) VARSIZE_ANY_EXHDR(value)
										 : (int) strlen(utf8);
	item->present |= JOOR_FIELD_BIT(field);
}

static void
read_arguments(FunctionCallInfo fcinfo, JoorItem *item)
{
	memset(item, 0, sizeof(*item));
	set_text(item, JOOR_FIELD_STYLE_NUMBER, fcinfo, ARG_STYLE_NUMBER);
	set_text(item, JOOR_FIELD_STYLE_IDENTIFIER, fcinfo, ARG_STYLE_IDENTIFIER);
	set_text(item, JOOR_FIELD_UPC, fcinfo, ARG_UPC);
	set_text(item, JOOR_FIELD_COLOR_CODE, fcinfo, ARG_COLOR_CODE);
	set_text(item, JOOR_FIELD_SIZE, fcinfo, ARG_SIZE);
	set_text(item, JOOR_FIELD_WAREHOUSE, fcinfo, ARG_WAREHOUSE);
	if (!PG_ARGISNULL(ARG_INVENTORY))
	{
		item->value[JOOR_FIELD_INVENTORY].integer =
			PG_GETARG_INT64(ARG_INVENTORY);
		item->present |= JOOR_FIELD_BIT(JOOR_FIELD_INVENTORY);
	}
	if (!PG_ARGISNULL(ARG_INVENTORY_DATE))
	{
		item->value[JOOR_FIELD_INVENTORY_DATE].date =
			PG_GETARG_DATEADT(ARG_INVENTORY_DATE);
		item->present |= JOOR_FIELD_BIT(JOOR_FIELD_INVENTORY_DATE);
	}
}

/*
 * Whether a text can be a segment of the call's address, where it stands even
 * if a UPC identifies the item.  "." and ".." name other addresses.
 */
static bool
check_segment(const JoorItem *item, JoorFieldId field, JoorViolation *violation)
{
	const JoorText *text = &item->value[field].text;
	int				longest = joor_fields[field].longest;
	const char	   *rule = NULL;

	if (text->length == 0)
		rule = "is empty";
	else if (joor_text_clip(text->data, text->length, longest) < text->length)
		rule = joor_fields[field].too_long;
	else if (text->length <= 2 && strncmp(text->data, "..", text->length) == 0)
		rule = "cannot be part of an address";
	if (rule != NULL)
		joor_violation_set(violation, item, field,
						   text->length > 0 ? text->data : NULL, text->length,
						   rule, NULL);
	return rule == NULL;
}

/* Errors out unless the item is valid. */
static void
check_item(JoorItem *item, const JoorAccount *account)
{
	JoorViolation  violation;
	StringInfoData message;

	if (joor_item_check(item, &account->rules, &violation) &&
		check_segment(item, JOOR_FIELD_STYLE_NUMBER, &violation) &&
		check_segment(item, JOOR_FIELD_STYLE_IDENTIFIER, &violation))
		return;
	initStringInfo(&message);
	joor_violation_append(&message, &violation);
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("%s", message.data),
			 violation.hint != NULL ? errhint("%s", violation.hint) : 0));
}

/* JOOR's word on the only item there is, as a failure. */
static void
raise_rejection(const JoorAccount *account, JoorDelivery *delivery, int64 id)
{
	if (delivery->rejected > 0 && delivery->sqlerrcode == 0)
	{
		delivery->sqlerrcode = ERRCODE_FDW_ERROR;
		if (delivery->reason[0] != NULL)
			delivery->message =
				psprintf("%s: %s", delivery->message, delivery->reason[0]);
	}
	if (delivery->sqlerrcode != 0)
		joor_call_raise(account, delivery, id, NULL);
}

/*
 * joor.push_sku(style_number, style_identifier, inventory, upc, color_code,
 * size, inventory_date, warehouse, server, dec_pending)
 */
Datum
joor_inventory_push_sku(PG_FUNCTION_ARGS)
{
	JoorAccount	  *account;
	JoorItem	   item;
	JoorCall	   call = {JOOR_SKU_INVENTORY, false, false, &item, 1, NULL};
	JoorDelivery  *delivery;
	ReturnSetInfo *result;
	JoorRun		   run = {0};
	int64		   id;

	run.source = "push_sku";
	run.items = 1;
	joor_init_materialized_srf(fcinfo);
	result = (ReturnSetInfo *) fcinfo->resultinfo;
	account =
		joor_account_open(joor_argument_text(fcinfo, ARG_SERVER, "server"));
	joor_argument_check(fcinfo, ARG_STYLE_NUMBER, "style_number");
	joor_argument_check(fcinfo, ARG_STYLE_IDENTIFIER, "style_identifier");
	read_arguments(fcinfo, &item);
	check_item(&item, account);
	call.dec_pending = PG_ARGISNULL(ARG_DEC_PENDING)
						   ? account->dec_pending
						   : PG_GETARG_BOOL(ARG_DEC_PENDING);

	joor_arming_check_cluster();
	joor_account_lock(account);
	joor_account_authorize(account, GetUserId());
	joor_arming_check(account, true);
	run.snapshot = joor_queue_snapshot();
	do
	{
		delivery = joor_call_perform(account, &call, &run, &id);
		joor_request_row_put(result, id, &call, delivery, delivery->message);
	} while (delivery->outcome == JOOR_THROTTLED);
	raise_rejection(account, delivery, id);
	joor_account_unlock(account);
	return (Datum) 0;
}
