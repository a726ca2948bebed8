/*-------------------------------------------------------------------------
 *
 * joor_api.c
 *	  JOOR's calls: what is sent for an account, and what an answer means.
 *
 * Floor 4.
 *
 * IDENTIFICATION
 *	  src/joor_api.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "mb/pg_wchar.h"
#include "utils/builtins.h"
#include "utils/date.h"
#include "utils/datetime.h"

#include "joor_api.h"
#include "sku_match.h"

/* Bytes of an answer that are kept for JOOR's support. */
#define ANSWER_KEPT 8192

/* Characters of a text of JOOR's that a message shows. */
#define MESSAGE_SHOWN 500

const char *
joor_operation_name(JoorOperation operation)
{
	static const char *const names[] = {"bulk_inventory", "sku_inventory",
										"read_styles"};

	return names[operation];
}

const char *
joor_outcome_name(JoorOutcome outcome)
{
	static const char *const names[] = {"delivered", "partly_rejected",
										"refused",	 "unknown",
										"failed",	 "throttled"};

	return names[outcome];
}

int
joor_operation_credits(JoorOperation operation)
{
	return operation == JOOR_READ_STYLES ? JOOR_CREDITS_READ
										 : JOOR_CREDITS_WRITE;
}

/*
 * What is sent.
 */

const char *
joor_call_method(const JoorAccount *account, const JoorCall *call)
{
	switch (call->operation)
	{
		case JOOR_BULK_INVENTORY:
			return account->method;
		case JOOR_SKU_INVENTORY:
			return "PUT";
		case JOOR_READ_STYLES:
			break;
	}
	return "GET";
}

/* Appends a query parameter; separator is ? for the first, & for others. */
static void
append_parameter(StringInfo url, char *separator, const char *name,
				 const char *value, Size length)
{
	appendStringInfo(url, "%c%s=", *separator, name);
	joor_http_append_encoded(url, value, length);
	*separator = '&';
}

static void
append_text_field(StringInfo url, char *separator, const JoorItem *item,
				  JoorFieldId field)
{
	if ((item->sent & JOOR_FIELD_BIT(field)) != 0)
		append_parameter(url, separator, joor_fields[field].name,
						 item->value[field].text.data,
						 item->value[field].text.length);
}

/* The single-SKU call has everything in its query string. */
static void
append_sku_query(StringInfo url, char *separator, const JoorItem *item)
{
	char text[MAXDATELEN + 1];

	snprintf(text, sizeof(text), INT64_FORMAT,
			 item->value[JOOR_FIELD_INVENTORY].integer);
	append_parameter(url, separator, "inventory", text, strlen(text));
	append_text_field(url, separator, item, JOOR_FIELD_UPC);
	append_text_field(url, separator, item, JOOR_FIELD_COLOR_CODE);
	append_text_field(url, separator, item, JOOR_FIELD_SIZE);
	append_text_field(url, separator, item, JOOR_FIELD_WAREHOUSE);
	if ((item->sent & JOOR_FIELD_BIT(JOOR_FIELD_INVENTORY_DATE)) != 0)
	{
		joor_date_text(item->value[JOOR_FIELD_INVENTORY_DATE].date, text);
		append_parameter(url, separator, "inventory_date", text, strlen(text));
	}
}

/* style-number/{style_number}/{style_identifier}/inventory/ */
static void
append_sku_path(StringInfo url, const JoorItem *item)
{
	const JoorText *number = &item->value[JOOR_FIELD_STYLE_NUMBER].text;
	const JoorText *identifier = &item->value[JOOR_FIELD_STYLE_IDENTIFIER].text;

	appendStringInfoString(url, "/style-number/");
	joor_http_append_encoded(url, number->data, number->length);
	appendStringInfoChar(url, '/');
	joor_http_append_encoded(url, identifier->data, identifier->length);
	appendStringInfoString(url, "/inventory/");
}

char *
joor_call_url(const JoorAccount *account, const JoorCall *call, bool with_query)
{
	StringInfoData url;
	char		   separator = '?';

	initStringInfo(&url);
	appendStringInfoString(&url, account->url);
	switch (call->operation)
	{
		case JOOR_BULK_INVENTORY:
			appendStringInfoString(&url, "/bulk-inventory");
			break;
		case JOOR_SKU_INVENTORY:
			append_sku_path(&url, call->items);
			break;
		case JOOR_READ_STYLES:
			appendStringInfoString(&url, "/style");
			break;
	}
	if (!with_query)
		return url.data;
	if (call->operation == JOOR_READ_STYLES)
		append_parameter(&url, &separator, "count", "1", 1);
	if (call->operation == JOOR_SKU_INVENTORY)
		append_sku_query(&url, &separator, call->items);
	if (call->overwrite)
		append_parameter(&url, &separator, "overwrite", "1", 1);
	if (call->dec_pending)
		append_parameter(&url, &separator, "dec_pending", "1", 1);
	return url.data;
}

void
joor_call_request(const JoorAccount *account, const JoorCall *call,
				  JoorHttpRequest *request)
{
	memset(request, 0, sizeof(*request));
	request->method = joor_call_method(account, call);
	request->url = joor_call_url(account, call, true);
	request->authorization = account->authorization;
	request->content_type = joor_format_content_type(account->style.format);
	request->accept = request->content_type;
	if (call->payload != NULL)
	{
		request->body = call->payload->body.data;
		request->body_length = call->payload->body.len;
	}
	request->ca_file = account->ca_file;
	request->connect_timeout = account->connect_timeout;
	request->timeout = account->timeout;
}

/*
 * What an answer means.
 */

/*
 * Bytes from outside as text in the server's encoding: what is not valid
 * UTF-8, or not ASCII where the server has another encoding, becomes question
 * marks; at most `longest` bytes.
 */
static char *
outside_text(const char *data, Size length, Size longest)
{
	int	  size = (int) Min(length, longest);
	char *text = palloc(size + 1);
	char *c;

	if (length > longest)
		size = pg_encoding_mbcliplen(PG_UTF8, data, size + 1, size);
	memcpy(text, data, size);
	text[size] = '\0';
	if (GetDatabaseEncoding() == PG_UTF8 &&
		pg_verify_mbstr(PG_UTF8, text, size, true))
		return text;
	for (c = text; c < text + size; c++)
		if ((unsigned char) *c >= 0x7f || *c == '\0')
			*c = '?';
	return text;
}

static char *
shown(const char *text)
{
	return text == NULL ? NULL
						: outside_text(text, strlen(text), MESSAGE_SHOWN);
}

/* Sets what happened, and how to raise it. */
static void
conclude(JoorDelivery *delivery, JoorOutcome outcome, int sqlerrcode,
		 const char *message)
{
	delivery->outcome = outcome;
	delivery->sqlerrcode = sqlerrcode;
	if (message != NULL)
		delivery->message = pstrdup(message);
}

/* Our words, and JOOR's if it has given a comment. */
static char *
with_comment(const char *words, const JoorReply *reply)
{
	if (reply->comment == NULL || reply->comment[0] == '\0')
		return pstrdup(words);
	return psprintf("%s: %s", words, shown(reply->comment));
}

/* No complete answer came. */
static void
read_broken(JoorDelivery *delivery, const JoorCall *call,
			const JoorHttpAnswer *answer)
{
	char *error = shown(answer->error);
	bool  accepted = answer->status >= 200 && answer->status < 300;

	switch (answer->result)
	{
		case JOOR_HTTP_UNREACHED:
			conclude(delivery, JOOR_FAILED, ERRCODE_CONNECTION_FAILURE,
					 psprintf("JOOR was not reached: %s", error));
			delivery->free_of_charge = true;
			return;
		case JOOR_HTTP_TLS:
			conclude(delivery, JOOR_FAILED, ERRCODE_CONNECTION_FAILURE,
					 psprintf("the address cannot be trusted: %s", error));
			delivery->free_of_charge = true;
			delivery->stop_reason = delivery->message;
			return;
		default:
			break;
	}
	conclude(delivery, JOOR_UNKNOWN, accepted ? 0 : ERRCODE_CONNECTION_FAILURE,
			 psprintf("%s: %s",
					  accepted ? "accepted, but the answer broke off"
							   : "sent, but no answer came",
					  error));
	delivery->too_large =
		answer->result == JOOR_HTTP_TIMEOUT && call->nitems > 1;
}

/* How many items have that status. */
static int
count_status(const JoorDelivery *delivery, int nitems, JoorItemStatus status)
{
	int count = 0;
	int i;

	for (i = 0; i < nitems; i++)
		if (delivery->status[i] == status)
			count++;
	return count;
}

/* A document that says nothing of a call, {} for example. */
static bool
says_nothing(const JoorReply *reply)
{
	return !reply->has_code && !reply->has_sku_count && !reply->has_log &&
		   reply->log_id == NULL && reply->comment == NULL;
}

/*
 * A success: the items one by one.  Without a log of them the sku_count
 * tells, and without both the code does.
 */
static void
read_items(JoorDelivery *delivery, const JoorCall *call, JoorReply *reply)
{
	int unknown;
	int i;

	delivery->acknowledged = true;
	if (reply->has_log && reply->nentries > 0)
		joor_sku_match(call->items, call->nitems, reply, delivery->status,
					   delivery->reason);
	else if (!reply->has_sku_count || reply->sku_count >= call->nitems)
		for (i = 0; i < call->nitems; i++)
			delivery->status[i] = JOOR_STATUS_PASS;
	for (i = 0; i < call->nitems; i++)
		delivery->reason[i] = shown(delivery->reason[i]);

	delivery->rejected = count_status(delivery, call->nitems, JOOR_STATUS_FAIL);
	unknown = count_status(delivery, call->nitems, JOOR_STATUS_UNKNOWN);
	if (unknown > 0)
		conclude(
			delivery, JOOR_UNKNOWN, 0,
			psprintf("the outcome of %d of %d items is unknown%s", unknown,
					 call->nitems,
					 delivery->rejected > 0 ? ", others were rejected" : ""));
	else if (delivery->rejected == 0)
		conclude(delivery, JOOR_DELIVERED, 0, NULL);
	else
		conclude(delivery,
				 delivery->rejected == call->nitems ? JOOR_REFUSED
													: JOOR_PARTLY_REJECTED,
				 0,
				 psprintf("JOOR rejected %d of %d items", delivery->rejected,
						  call->nitems));
	if (unknown == 0 && reply->has_sku_count &&
		reply->sku_count < call->nitems - delivery->rejected)
		delivery->message = psprintf(
			"%s%sJOOR counts " INT64_FORMAT " of %d items",
			delivery->message ? delivery->message : "",
			delivery->message ? "; " : "", reply->sku_count, call->nitems);
}

/* A 2xx answer: success is what its code says. */
static void
read_success(JoorDelivery *delivery, const JoorCall *call, JoorReply *reply)
{
	if (!reply->readable || (call->nitems > 0 && says_nothing(reply)))
		conclude(delivery, JOOR_UNKNOWN, 0,
				 "accepted, but the answer cannot be read");
	else if (!reply->success)
		conclude(delivery, JOOR_REFUSED, ERRCODE_FDW_ERROR,
				 with_comment(psprintf("JOOR refused the request with code %s",
									   shown(reply->code)),
							  reply));
	else
		read_items(delivery, call, reply);
}

/* Any other status; the rules are those of JOOR's pages on answers. */
static void
read_status(JoorDelivery *delivery, const JoorCall *call, int status,
			const char *location, const JoorReply *reply)
{
	switch (status)
	{
		case 401:
		case 403:
			conclude(
				delivery, JOOR_REFUSED,
				ERRCODE_INVALID_AUTHORIZATION_SPECIFICATION,
				with_comment(psprintf("JOOR refused the token (%d)", status),
							 reply));
			delivery->stop_reason = delivery->message;
			return;
		case 413:
			delivery->too_large = call->nitems > 1;
			break;
		case 408:
			conclude(delivery, JOOR_FAILED, ERRCODE_CONNECTION_FAILURE,
					 "JOOR timed out (408)");
			return;
		case 429:
			conclude(delivery, JOOR_THROTTLED, 0,
					 "JOOR says that the credits are spent (429)");
			return;
	}
	if (status >= 500)
		conclude(
			delivery, JOOR_FAILED, ERRCODE_CONNECTION_FAILURE,
			with_comment(psprintf("JOOR has trouble (%d)", status), reply));
	else if (status >= 300 && status < 400)
	{
		conclude(delivery, JOOR_REFUSED, ERRCODE_FDW_ERROR,
				 psprintf("the address is wrong: it redirects (%d)%s%s", status,
						  location ? " to " : "",
						  location ? shown(location) : ""));
		delivery->stop_reason = delivery->message;
	}
	else
		conclude(delivery, JOOR_REFUSED, ERRCODE_FDW_ERROR,
				 with_comment(psprintf("JOOR refused the request (%d)", status),
							  reply));
	if (status == 404 && call->operation == JOOR_READ_STYLES)
		delivery->stop_reason = delivery->message;
}

JoorDelivery *
joor_call_delivery(const JoorCall *call, const JoorHttpAnswer *answer)
{
	JoorDelivery *delivery = palloc0(sizeof(JoorDelivery));
	JoorReply	 *reply;

	delivery->http_status = answer->status;
	delivery->sku_count = -1;
	delivery->retry_after = answer->retry_after;
	delivery->duration = answer->duration;
	delivery->throttling = answer->throttling;
	delivery->status = palloc0(sizeof(JoorItemStatus) * (call->nitems + 1));
	delivery->reason = palloc0(sizeof(char *) * (call->nitems + 1));
	if (answer->body.len > 0)
		delivery->answer =
			outside_text(answer->body.data, answer->body.len, ANSWER_KEPT);
	if (answer->result != JOOR_HTTP_ANSWERED)
	{
		read_broken(delivery, call, answer);
		return delivery;
	}

	reply = joor_reply_read(answer->body.data, answer->body.len,
							answer->content_type);
	delivery->log_id = shown(reply->log_id);
	if (reply->has_sku_count)
		delivery->sku_count = reply->sku_count;
	if (answer->status >= 200 && answer->status < 300)
		read_success(delivery, call, reply);
	else
		read_status(delivery, call, answer->status, answer->location, reply);
	return delivery;
}
