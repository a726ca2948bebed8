/*-------------------------------------------------------------------------
 *
 * api.c
 *	  JOOR's three calls, and the rules that hold for all of them.
 *
 * The body is parsed without the lock; all else that reads the account is
 * done under it.
 *
 * IDENTIFICATION
 *	  test/simulator/api.c
 *
 *-------------------------------------------------------------------------
 */
#include "api.h"
#include "api_check.h"
#include "body.h"
#include "booking.h"
#include "simulator.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COST_OF_READ 1
#define COST_OF_WRITE 5
#define MOST_STYLES 100

/* The style of the account, with what the fault wants else. */
static AnswerStyle
answer_style(const Exchange *exchange)
{
	AnswerStyle style;
	Buffer		error = {0};

	if (exchange->account != NULL)
		style = exchange->account->answer;
	else
		answer_style_defaults(&style);
	if (exchange->fault != NULL && exchange->fault->answer != NULL)
		options_apply(answer_style_options, &style, exchange->fault->answer,
					  &error);
	buffer_free(&error);
	return style;
}

static void
throttling_headers(const Exchange *exchange, Answer *answer)
{
	const Account *account = exchange->account;
	char		   number[32];

	if (account == NULL)
		return;
	snprintf(number, sizeof(number), "%d", account->number);
	answer_header(answer, "X-Throttling-Account-Id", number);
	snprintf(number, sizeof(number), "%lld",
			 (long long) credit_window_left(&account->credits));
	answer_header(answer, "X-Throttling-Remaining", number);
	snprintf(number, sizeof(number), "%lld",
			 (long long) (credit_window_rest(&account->credits) / 1000000));
	answer_header(answer, "X-Throttling-Reset", number);
}

void
api_refuse(Exchange *exchange, Answer *answer, int status, int64_t code,
		   const char *comment)
{
	AnswerStyle style = answer_style(exchange);

	answer_envelope(answer, exchange->format, &style, status, code, comment,
					exchange->call->log_id, NULL);
}

void
api_begin(Exchange *exchange)
{
	const Request *request = &exchange->request;
	Call		  *call = exchange->call;
	Account		  *account = NULL;

	simulator_lock();
	call_log_headers(call, request);
	random_uuid(call->log_id);
	exchange->format = request->accept_format	 ? request->accept_format
					   : request->content_format ? request->content_format
												 : FORMAT_JSON;
	if (request->authorization != NULL)
	{
		account = account_by_authorization(request->authorization);
		call->authorization = account ? "ok" : "wrong";
	}
	exchange->account = account;
	if (account != NULL)
	{
		call->refused = !credit_window_charge(
			&account->credits,
			strcmp(request->method, "GET") ? COST_OF_WRITE : COST_OF_READ);
		call->credits = credit_window_left(&account->credits);
		call_log_account(call, account->name);
	}
	if (!call->refused)
		exchange->fault = fault_claim(request->operation, call->account);
	if (exchange->fault != NULL)
		strcpy(call->fault, exchange->fault->name);
	simulator_unlock();
}

void
api_body(Exchange *exchange, const char *data, size_t length)
{
	const Account *account = exchange->account;

	exchange->call->bytes += length;
	if (account != NULL && account->max_bytes > 0 &&
		exchange->call->bytes > (size_t) account->max_bytes)
		exchange->too_large = true;
	if (!exchange->too_large)
		buffer_append(&exchange->body, data, length);
}

static bool
flag_parameter(const Request *request, const char *name)
{
	const char *value = request_parameter(request, name);

	return value != NULL && strcmp(value, "1") == 0;
}

/* Checks and books the items, and answers. */
static void
carry_out(Exchange *exchange, ItemList *list, Answer *answer)
{
	BookingOptions options = {
		.overwrite = flag_parameter(&exchange->request, "overwrite"),
		.dec_pending = flag_parameter(&exchange->request, "dec_pending")};
	AnswerStyle style = answer_style(exchange);
	Refusal		refusal;

	exchange->call->items = list->count;
	if (!booking_check(exchange->account, list, exchange->call, &refusal))
	{
		api_refuse(exchange, answer, refusal.status, refusal.code,
				   refusal.comment);
		return;
	}
	booking_apply(exchange->account, list, exchange->call, &options);
	answer_envelope(answer, exchange->format, &style, 200, style.code,
					style.comment_text, exchange->call->log_id, list);
}

/* Without the lock. */
static void
parse_body(Exchange *exchange, ItemList *list)
{
	const Buffer *body = &exchange->body;
	JsonShape	  shape = JSON_EITHER;

	if (exchange->account != NULL)
		shape = (JsonShape) exchange->account->json_shape;
	if (exchange->request.content_format == FORMAT_XML)
		body_xml_parse(list, body->data ? body->data : "", body->length);
	else if (exchange->request.content_format == FORMAT_JSON)
		body_json_parse(list, body->data ? body->data : "", body->length,
						shape);
}

static void
answer_bulk(Exchange *exchange, ItemList *list, Answer *answer)
{
	if (list->no_declaration)
		api_violate(exchange, "xml_declaration", "missing");
	if (list->rule != NULL)
		api_refuse_violation(exchange, answer, 400, list->rule, list->detail);
	else
		carry_out(exchange, list, answer);
}

static void
set_text(ItemList *list, ItemField field, const char *text)
{
	if (text == NULL)
		return;
	list->items[0].text[field] = text;
	list->items[0].kind[field] = VALUE_UNTYPED;
}

/* With a UPC, JOOR ignores all that else says which SKU it is. */
static void
answer_sku(Exchange *exchange, Answer *answer)
{
	const Request *request = &exchange->request;
	const char	  *upc = request_parameter(request, "upc");
	ItemList	   list = {0};

	if (exchange->call->bytes > 0)
	{
		api_refuse_violation(exchange, answer, 400, "body", "not expected");
		return;
	}
	if (request_parameter(request, "inventory") == NULL)
	{
		api_refuse_violation(exchange, answer, 400, "inventory_missing",
							 "query");
		return;
	}
	item_list_add(&list);
	set_text(&list, FIELD_UPC, upc);
	if (upc == NULL)
	{
		ItemField spelled = FIELD_STYLE_IDENTIFIER;

		if (exchange->account->rules.style_identifier_field ==
			SPELLED_DOCUMENTED)
			spelled = FIELD_STYLE_IDENTIFER;
		set_text(&list, FIELD_STYLE_NUMBER, request->style_number);
		set_text(&list, spelled, request->style_identifier);
		set_text(&list, FIELD_COLOR_CODE,
				 request_parameter(request, "color_code"));
		set_text(&list, FIELD_SIZE, request_parameter(request, "size"));
	}
	set_text(&list, FIELD_WAREHOUSE, request_parameter(request, "warehouse"));
	set_text(&list, FIELD_INVENTORY_DATE,
			 request_parameter(request, "inventory_date"));
	set_text(&list, FIELD_INVENTORY, request_parameter(request, "inventory"));
	carry_out(exchange, &list, answer);
	item_list_free(&list);
}

static void
answer_read(Exchange *exchange, Answer *answer)
{
	const char *text = request_parameter(&exchange->request, "count");
	char	   *end;
	long		count = text ? strtol(text, &end, 10) : 10;

	if (text != NULL && (*text == '\0' || *end != '\0' || count < 1))
		api_refuse_violation(exchange, answer, 400, "query_value", "count");
	else
		answer_styles(answer, exchange->format,
					  count < MOST_STYLES ? (int) count : MOST_STYLES);
}

void
api_answer(Exchange *exchange, Answer *answer)
{
	ItemList list = {0};

	if (exchange->request.operation == OPERATION_BULK && !exchange->too_large)
		parse_body(exchange, &list);
	simulator_lock();
	if (api_check(exchange, answer))
	{
		if (exchange->request.operation == OPERATION_BULK)
			answer_bulk(exchange, &list, answer);
		else if (exchange->request.operation == OPERATION_SKU)
			answer_sku(exchange, answer);
		else
			answer_read(exchange, answer);
	}
	throttling_headers(exchange, answer);
	simulator_unlock();
	item_list_free(&list);
}

void
api_error(Exchange *exchange, Answer *answer, int status)
{
	simulator_lock();
	api_refuse(exchange, answer, status, status,
			   MHD_get_reason_phrase_for((unsigned) status));
	throttling_headers(exchange, answer);
	simulator_unlock();
}
