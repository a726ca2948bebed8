/*-------------------------------------------------------------------------
 *
 * api_check.c
 *	  The rules that hold for a call before its items are looked at.
 *
 * The order of the checks is that of a server: address, token, credits,
 * method, headers, size, query.
 *
 * IDENTIFICATION
 *	  test/simulator/api_check.c
 *
 *-------------------------------------------------------------------------
 */
#include "api_check.h"
#include "simulator.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

/* The query parameters of an operation, and the values of flags. */
typedef struct ParameterRule
{
	Operation	operation;
	const char *name;
	const char *values; /* one character each; NULL: any */
} ParameterRule;

static const ParameterRule parameter_rules[] = {
	{OPERATION_BULK, "overwrite", "1"},
	{OPERATION_BULK, "dec_pending", "01"},
	{OPERATION_SKU, "dec_pending", "01"},
	{OPERATION_SKU, "inventory", NULL},
	{OPERATION_SKU, "upc", NULL},
	{OPERATION_SKU, "color_code", NULL},
	{OPERATION_SKU, "size", NULL},
	{OPERATION_SKU, "inventory_date", NULL},
	{OPERATION_SKU, "warehouse", NULL},
	{OPERATION_READ, "count", NULL},
};

void
api_violate(Exchange *exchange, const char *rule, const char *detail)
{
	call_log_violation(exchange->call, rule, -1, detail ? detail : "");
}

static bool
refuse(Exchange *exchange, Answer *answer, int status, const char *comment)
{
	api_refuse(exchange, answer, status, status, comment);
	return false;
}

/* A rule is broken, and that refuses the call. */
bool
api_refuse_violation(Exchange *exchange, Answer *answer, int status,
					 const char *rule, const char *detail)
{
	api_violate(exchange, rule, detail);
	return refuse(exchange, answer, status, rule);
}

static void
retry_after_header(const Account *account, Answer *answer)
{
	int64_t rest = credit_window_rest(&account->credits);
	char	text[64];

	if (account->retry_after == RETRY_AFTER_OFF)
		return;
	if (account->retry_after == RETRY_AFTER_SECONDS)
		snprintf(text, sizeof(text), "%lld",
				 (long long) ((rest + 999999) / 1000000));
	else
	{
		time_t	  at = (time_t) ((clock_epoch() + rest + 999999) / 1000000);
		struct tm parts;

		gmtime_r(&at, &parts);
		strftime(text, sizeof(text), "%a, %d %b %Y %H:%M:%S GMT", &parts);
	}
	answer_header(answer, "Retry-After", text);
}

/* Who calls, and whether it may now. */
static bool
check_account(Exchange *exchange, Answer *answer)
{
	const Account *account = exchange->account;

	if (account == NULL || account->dropped)
		return refuse(exchange, answer, 401, "Invalid token");
	if (account->disabled)
		return refuse(exchange, answer, 403, "Forbidden");
	if (exchange->call->refused)
	{
		retry_after_header(account, answer);
		return refuse(exchange, answer, 429, "Out of credits");
	}
	return true;
}

static bool
check_method(Exchange *exchange, Answer *answer)
{
	const char *method = exchange->request.method;
	bool		put = strcmp(method, "PUT") == 0;
	bool		good = false;

	switch (exchange->request.operation)
	{
		case OPERATION_BULK:
			good = put || strcmp(method, "POST") == 0;
			break;
		case OPERATION_SKU:
			good = put;
			break;
		case OPERATION_READ:
			good = strcmp(method, "GET") == 0;
			break;
		case OPERATION_NONE:
			break;
	}
	if (!good)
		return api_refuse_violation(exchange, answer, 405, "method", method);
	return true;
}

/* A read has no body, hence no need for a Content-Type. */
static bool
check_headers(Exchange *exchange, Answer *answer)
{
	const Request *request = &exchange->request;

	if (request->expect != NULL)
		api_violate(exchange, "expect", request->expect);
	if (request->header_twice != NULL)
		return api_refuse_violation(exchange, answer, 400, "header_twice",
									request->header_twice);
	if (request->operation != OPERATION_READ && request->content_type == NULL)
		return api_refuse_violation(exchange, answer, 400, "content_type",
									"missing");
	if (request->content_type != NULL && request->content_format == FORMAT_NONE)
		return api_refuse_violation(exchange, answer, 415, "content_type",
									request->content_type);
	if (request->accept == NULL || strcmp(request->accept, "*/*") == 0)
		api_violate(exchange, "accept", "missing");
	else if (request->accept_format == FORMAT_NONE)
		return api_refuse_violation(exchange, answer, 406, "accept",
									request->accept);
	return true;
}

static bool
check_parameter(Exchange *exchange, Answer *answer, const Parameter *parameter)
{
	size_t rules = sizeof(parameter_rules) / sizeof(parameter_rules[0]);

	for (size_t i = 0; i < rules; i++)
	{
		const ParameterRule *rule = &parameter_rules[i];

		if (rule->operation != exchange->request.operation ||
			strcmp(rule->name, parameter->name) != 0)
			continue;
		if (rule->values != NULL &&
			(strlen(parameter->value) != 1 ||
			 strchr(rule->values, parameter->value[0]) == NULL))
			return api_refuse_violation(exchange, answer, 400, "query_value",
										parameter->name);
		return true;
	}
	return api_refuse_violation(exchange, answer, 400, "query_unknown",
								parameter->name);
}

bool
api_check(Exchange *exchange, Answer *answer)
{
	const Request *request = &exchange->request;

	if (request->operation == OPERATION_NONE)
		return api_refuse_violation(exchange, answer, 404, "path",
									request->path);
	if (!check_account(exchange, answer))
		return false;
	if (request->broken != NULL)
		return api_refuse_violation(
			exchange, answer,
			strcmp(request->broken, "trailing_slash") == 0 ? 404 : 400,
			request->broken, request->path);
	if (!check_method(exchange, answer) || !check_headers(exchange, answer))
		return false;
	if (exchange->too_large)
		return api_refuse_violation(exchange, answer, 413, "too_large",
									request->content_length);
	for (size_t i = 0; i < request->parameter_count; i++)
	{
		if (!check_parameter(exchange, answer, &request->parameters[i]))
			return false;
	}
	return true;
}
