/*-------------------------------------------------------------------------
 *
 * item_report.c
 *	  What is to be recorded of items: the JSON list for joor.rejection.
 *
 * Floor 3.
 *
 * IDENTIFICATION
 *	  src/item_report.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "mb/pg_wchar.h"
#include "utils/datetime.h"
#include "utils/json.h"

#include "item_report.h"
#include "payload.h"

void
joor_item_report_init(JoorItemReport *report)
{
	initStringInfo(&report->list);
	report->count = 0;
}

/* Appends UTF-8 text in the server's encoding. */
static void
append_converted(StringInfo out, const StringInfoData *utf8)
{
	char *text = pg_any_to_server(utf8->data, utf8->len, PG_UTF8);

	appendStringInfoString(out, text);
	if (text != utf8->data)
		pfree(text);
}

static void
begin_entry(JoorItemReport *report, const JoorItem *item, const char *status)
{
	StringInfoData position;
	char		  *text;

	appendStringInfoString(&report->list, report->count++ > 0 ? "," : "[");
	appendStringInfo(&report->list, "{\"status\":\"%s\",\"position\":", status);
	initStringInfo(&position);
	joor_item_append_position(&position, item);
	text = pg_any_to_server(position.data, position.len, PG_UTF8);
	escape_json(&report->list, text);
	if (text != position.data)
		pfree(text);
	pfree(position.data);
}

void
joor_item_report_pass(JoorItemReport *report, const JoorItem *item)
{
	begin_entry(report, item, "pass");
	appendStringInfoChar(&report->list, '}');
}

/* All that the item says, which a refused one may not be able to send. */
static JoorItem
whole_item(const JoorItem *item)
{
	JoorItem whole = *item;
	int		 field;

	whole.sent |= whole.present;
	if ((whole.sent & JOOR_FIELD_BIT(JOOR_FIELD_INVENTORY_DATE)) != 0 &&
		DATE_NOT_FINITE(whole.value[JOOR_FIELD_INVENTORY_DATE].date))
		whole.sent &= ~JOOR_FIELD_BIT(JOOR_FIELD_INVENTORY_DATE);
	for (field = 0; field < JOOR_FIELD_COUNT; field++)
		if (joor_fields[field].type == JOOR_TYPE_TEXT)
			whole.value[field].text.plain = false;
	return whole;
}

void
joor_item_report_fail(JoorItemReport *report, const JoorItem *item,
					  const char *source, const char *reason)
{
	JoorItem	   whole = whole_item(item);
	StringInfoData fields;

	begin_entry(report, item->sent != 0 ? item : &whole, "fail");
	appendStringInfo(&report->list, ",\"source\":\"%s\",\"row\":" INT64_FORMAT,
					 source, item->row);
	appendStringInfoString(&report->list, ",\"reason\":");
	escape_json(&report->list, reason != NULL ? reason : "JOOR gave no reason");
	initStringInfo(&fields);
	joor_payload_json_item(&fields, &whole, JOOR_IDENTIFIER_CORRECTED, true);
	appendStringInfoString(&report->list, ",\"fields\":");
	append_converted(&report->list, &fields);
	appendStringInfoChar(&report->list, '}');
	pfree(fields.data);
}

char *
joor_item_report_finish(JoorItemReport *report)
{
	if (report->count == 0)
		return NULL;
	appendStringInfoChar(&report->list, ']');
	return report->list.data;
}
