/*-------------------------------------------------------------------------
 *
 * order.c
 *	  The orders that the control side takes, one function each.
 *
 * What is long to write is written by the module that owns it.
 *
 * IDENTIFICATION
 *	  test/simulator/order.c
 *
 *-------------------------------------------------------------------------
 */
#include "order.h"
#include "body.h"
#include "booking.h"
#include "fault.h"
#include "simulator.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static uint16_t	  api_port;
static uint16_t	  control_port;
static atomic_int trap_visits;

void
order_ports(uint16_t api, uint16_t control)
{
	simulator_lock();
	api_port = api;
	control_port = control;
	simulator_unlock();
}

static const char *
query(const Order *order, const char *name)
{
	return MHD_lookup_connection_value(order->connection, MHD_GET_ARGUMENT_KIND,
									   name);
}

static CallFilter
query_filter(const Order *order)
{
	const char *status = query(order, "status");
	const char *since = query(order, "since");
	CallFilter	filter = {.account = query(order, "account"),
						  .operation = query(order, "operation"),
						  .status = status ? atoi(status) : -1,
						  .since = since ? strtoull(since, NULL, 10) : 0};

	return filter;
}

/* The output is something else than the members of an object. */
static Buffer *
begin_output(Order *order)
{
	order->output.length = 0;
	order->whole = true;
	return &order->output;
}

void
order_fail(Order *order, int status, const char *problem)
{
	order->status = status;
	order->problem = problem;
}

/* NULL when the input is none, and the order fails. */
static json_t *
read_json(Order *order)
{
	json_error_t error;
	json_t		*json = json_loadb(order->input.data ? order->input.data : "",
							  order->input.length, JSON_ALLOW_NUL, &error);

	if (json == NULL)
		order_fail(order, 400, "the body is not JSON");
	return json;
}

static Account *
find_account(Order *order)
{
	Account *account = account_by_name(order->name.data);

	if (account == NULL)
		order_fail(order, 404, "no such account");
	return account;
}

void
order_put_account(Order *order)
{
	json_t *json = read_json(order);
	Buffer	error = {0};

	if (json != NULL && !account_put(order->name.data, json, &error))
	{
		order->status = 400;
		buffer_json_text(&order->output, "error", buffer_terminate(&error));
	}
	json_decref(json);
	buffer_free(&error);
}

void
order_get_account(Order *order)
{
	const Account *account = find_account(order);
	Buffer		  *out = &order->output;

	if (account == NULL)
		return;
	buffer_json_text(out, "name", account->name);
	buffer_json_integer(out, "credits", credit_window_left(&account->credits));
	buffer_json_name(out, "rest");
	buffer_format(out, "%.6f",
				  (double) credit_window_rest(&account->credits) / 1e6);
}

void
order_delete_account(Order *order)
{
	Account *account = find_account(order);

	if (account != NULL)
		account_drop(account);
}

void
order_get_state(Order *order)
{
	const char	  *format = query(order, "format");
	const Account *account = find_account(order);
	Buffer		  *out;

	if (account == NULL)
		return;
	out = begin_output(order);
	if (format != NULL && strcmp(format, "tsv") == 0)
	{
		order->content_type = "text/tab-separated-values; charset=utf-8";
		inventory_write_tsv(&account->inventory, out);
	}
	else
		inventory_write_json(&account->inventory, out);
}

void
order_post_state(Order *order)
{
	Account *account = find_account(order);
	json_t	*json = account ? read_json(order) : NULL;
	ItemList list = {0};

	if (json == NULL)
		return;
	body_json_items(&list, json);
	if (list.rule != NULL || !booking_set(account, &list))
		order_fail(order, 400, "an item is not right");
	item_list_free(&list);
	json_decref(json);
}

/* What a client must not follow leads to the trap unless it is said where. */
static void
set_trap(json_t *fault)
{
	const char *kind = json_string_value(json_object_get(fault, "body_kind"));
	int64_t		status = 0;
	char		trap[64];

	snprintf(trap, sizeof(trap), "http://127.0.0.1:%u/trap", control_port);
	option_integer(json_object_get(fault, "status"), &status);
	if (status >= 300 && status < 400 && status != 304 &&
		json_object_get(fault, "location") == NULL)
		json_object_set_new(fault, "location", json_string(trap));
	if (kind != NULL && strcmp(kind, "external_entity") == 0 &&
		json_object_get(fault, "target") == NULL)
		json_object_set_new(fault, "target", json_string(trap));
}

void
order_post_fault(Order *order)
{
	json_t		*json = read_json(order);
	Buffer		 error = {0};
	const Fault *fault;

	if (json == NULL)
		return;
	set_trap(json);
	fault = fault_add(json, &error);
	if (fault != NULL)
		buffer_json_integer(&order->output, "number", fault->number);
	else
	{
		order->status = 400;
		buffer_json_text(&order->output, "error", buffer_terminate(&error));
	}
	json_decref(json);
	buffer_free(&error);
}

void
order_get_fault(Order *order)
{
	fault_write(begin_output(order));
}

void
order_delete_fault(Order *order)
{
	(void) order;
	fault_clear();
}

void
order_post_release(Order *order)
{
	(void) order;
	simulator_release();
}

void
order_get_calls(Order *order)
{
	CallFilter filter = query_filter(order);

	if (query(order, "summary") != NULL)
		call_log_write_summary(begin_output(order), &filter);
	else
		call_log_write(begin_output(order), &filter);
}

void
order_get_violations(Order *order)
{
	CallFilter filter = query_filter(order);

	call_log_write_violations(begin_output(order), &filter);
}

static bool
enough(const Order *order)
{
	CallFilter	filter = query_filter(order);
	CallCount	count = call_log_count(&filter);
	const char *arrived = query(order, "arrived");
	const char *ended = query(order, "ended");
	const char *under_way = query(order, "under_way");
	const char *held = query(order, "held");

	return (!arrived || count.arrived >= strtoull(arrived, NULL, 10)) &&
		   (!ended || count.ended >= strtoull(ended, NULL, 10)) &&
		   (!under_way || count.under_way >= strtoull(under_way, NULL, 10)) &&
		   (!held || count.held >= strtoull(held, NULL, 10));
}

void
order_get_wait(Order *order)
{
	const char *timeout = query(order, "timeout");
	int64_t		deadline;
	bool		met;

	deadline = clock_monotonic() +
			   (int64_t) ((timeout ? strtod(timeout, NULL) : 10.0) * 1e6);
	while (!(met = enough(order)) && clock_monotonic() < deadline &&
		   !simulator_stopping())
		simulator_wait(deadline);
	buffer_json_boolean(&order->output, "met", met);
}

void
order_get_body(Order *order)
{
	const Call *call = call_log_find(strtoull(order->name.data, NULL, 10));

	if (call == NULL || call->body == NULL)
	{
		order_fail(order, 404, "no such body");
		return;
	}
	order->content_type = "application/octet-stream";
	buffer_append(begin_output(order), call->body, call->body_length);
}

void
order_post_refill(Order *order)
{
	(void) order;
	account_refill();
}

/* Is it in the comma-separated list, or is there none? */
static bool
is_meant(const char *what, const char *name)
{
	const char *found = what ? strstr(what, name) : NULL;

	return what == NULL ||
		   (found != NULL && (found == what || found[-1] == ',') &&
			strchr(",", found[strlen(name)]) != NULL);
}

void
order_post_reset(Order *order)
{
	const char *what = query(order, "what");

	if (is_meant(what, "calls"))
		call_log_clear();
	if (is_meant(what, "violations"))
		call_log_clear_violations();
	if (is_meant(what, "faults"))
		fault_clear();
	if (is_meant(what, "credits"))
		account_refill();
	if (is_meant(what, "inventory"))
		account_forget_inventory();
	if (is_meant(what, "accounts"))
		account_drop_all();
	if (what == NULL)
	{
		trap_visits = 0;
		simulator_release();
	}
}

void
order_get_health(Order *order)
{
	buffer_json_integer(&order->output, "port", api_port);
	buffer_json_integer(&order->output, "control_port", control_port);
	buffer_json_integer(&order->output, "trap", trap_visits);
}

void
order_visit_trap(Order *order)
{
	trap_visits++;
	order_fail(order, 410, "this is the trap");
}
