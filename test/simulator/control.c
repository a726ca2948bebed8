/*-------------------------------------------------------------------------
 *
 * control.c
 *	  The control side: what a test orders and asks.
 *
 * Each order is one entry of a table: method, first segment of the path,
 * and a function.  The block below is also what --help prints.
 *
 * IDENTIFICATION
 *	  test/simulator/control.c
 *
 *-------------------------------------------------------------------------
 */

/* MANUAL
 *
 * The JOOR side has /v2/bulk-inventory, /v2/style-number/{}/{}/inventory/
 * and /v2/style.  The control side speaks JSON over plain HTTP, on a port of
 * its own.  Booleans may be given as 0 and 1, numbers as strings; times are
 * in seconds, with a fraction if need be.
 *
 * PUT /account/{name}		make the account or change what is named:
 *	 token					what its clients send
 *	 auth					oauth2 (default), bearer, both
 *	 disabled				answer 403
 *	 credits, window		of a window: 300, and its seconds: 300
 *	 retry_after			with a 429: off (default), seconds, date
 *	 style_identifier_field spelling in the bulk body: documented (default),
 *							corrected, both
 *	 json_shape				either (default), nested, flat
 *	 warehouses				list of names; default ["Default"]
 *	 any_warehouse			know any; else unknown ones are booked as lost
 *	 any_sku				know any SKU
 *	 upcs, skus				know these too: list of UPCs; list of objects
 *							with upc, style_number, style_identifier,
 *							style_id, color_code, style_color_id, size,
 *							size_code, found by any identity they give
 *	 pending				held by orders: a number for every position, or a
 *							list of items whose inventory is what is held
 *	 allow_negative			take a negative inventory
 *	 tolerant				take an item with several identities
 *	 made_to_order_inventory	demand an inventory there too
 *	 max_bytes, max_items	of a body; larger ones get 413; 0: any
 *	 bad_item_refuses		an item that breaks a rule refuses its body, 400;
 *							else it fails in the answer
 *	 empty_allowed			take a body without items
 *	 reject					list of SKUs (joined by "-") that fail
 *	 poison					list of SKUs that refuse the body they are in,
 *	 poison_status, poison_code		with these: 400, 1
 *	 answer					how answers are worded, an object of:
 *		 root				name of the outermost element: inventory
 *		 wrapped			JSON has it too: true
 *		 code				of success: 0
 *		 code_type			number (default), string; JSON only
 *		 comment, log_id, sku	present (default), missing
 *		 comment_text
 *		 response			object (default), text: the log id, missing
 *		 log				inventory_log: full (default), missing, short,
 *							reversed, empty
 *		 single_list		a list of one is a list in JSON: true
 *		 sku_count			right (default), fewer, string, missing
 *		 pass, fail			statuses: pass, fail
 * GET /account/{name}		credits left, seconds until the next window
 * DELETE /account/{name}
 * GET /state/{account}		JSON array of positions: warehouse,
 *							inventory_date, sku, the identity's fields,
 *							inventory (null: none), made_to_order, lost, call
 *							(number of the one that wrote it)
 * GET /state/{account}?format=tsv	the same as lines of COPY's text format:
 *							warehouse, inventory_date, sku, upc,
 *							style_number, style_identifier, style_id,
 *							color_code, style_color_id, size, size_code,
 *							inventory, made_to_order, lost
 * POST /state/{account}	array of items: JOOR itself changes positions
 *
 * POST /fault				queue a fault, an object of:
 *	 name					shown with the calls that it hit
 *	 operation				any (default), bulk, sku, read
 *	 account				default any
 *	 after					calls that pass before: 0
 *	 times					calls that it hits: 1; 0: for ever
 *	 applied				whether the call takes effect: true, false, "late"
 *							(after the pause, whoever is still there);
 *							default true, but false with a status and with a
 *							cut before the answer is made
 *	 delay, hold			pause before the answer or the cut: seconds, and
 *							until POST /release
 *	 early					answer before the body is read
 *	 status					any number
 *	 content_type			of the answer, whatever it is; "none": no header
 *	 retry_after, location, headers		the last an object of more headers;
 *							the location of a 3xx defaults to the trap
 *	 answer					as of an account, for these calls only
 *	 body, body_base64		text, bytes
 *	 body_kind				usual, empty, garbage, html, invalid_utf8, nul,
 *							deep, entity_bomb, external_entity, huge, endless
 *	 size					bytes or depth of such a body
 *	 target					of external_entity; default the trap
 *	 cut					break the connection: before_body, in_body,
 *							before_answer, in_headers, in_answer,
 *							after_answer
 *	 how					reset (default), close, half_close
 *	 cut_after				in_answer: bytes of its body; default half
 *	 slow_bytes, slow_interval	so many bytes, then so many seconds (0.01)
 *	 content_length			announced, whatever is true
 *	 http10, chunked		HTTP/1.0 answer, chunked answer
 *	 The queue is a script: a call looks at the first fault that matches it,
 *	 and at that one only.  Calls refused for want of credits meet no fault.
 * GET /fault				what is still in the queue
 * DELETE /fault			empty it
 * POST /release			let go the calls that are held now
 *
 * GET /calls				array of calls, oldest first: number, connection,
 *							arrived, booked, ended (epoch, microseconds; 0:
 *							not), operation, account, method, path, query,
 *							authorization (ok, wrong, missing), content_type,
 *							accept, user_agent, expect, transfer_encoding,
 *							bytes, items, failed, status, fault, applied,
 *							refused (out of credits), broken, credits (left),
 *							abreast (others of the account then under way),
 *							log_id
 *	 ?account= &operation= &status= &since=		only those; since: numbers
 *							above it.  Also with what follows.
 *	 ?summary=1				calls, ended, under_way, held, items, bytes,
 *							refused (429), most_abreast, violations, and
 *							counts by operation and status
 * GET /wait?arrived=N, ended=N, under_way=N or held=N, &timeout=S (10)
 *							wait until there are at least so many such calls:
 *							under_way have their headers read and their fault
 *							claimed, held are in its pause; {"met"}
 * GET /violations			array of: call, account, operation, rule, item
 *							(from 0), detail
 * GET /body/{number}		body of a call; of the last 100, up to 256 kB
 * POST /refill				every account's next call begins a new window
 * POST /reset				forget everything, calls under way, too, which
 *							go on; ?what=calls,violations,faults,credits,
 *							inventory,accounts: these only
 * GET /health				ports, and how often the trap was visited
 * any method /trap			where no client must ever come
 * END OF MANUAL
 */
#include "control.h"
#include "memory.h"
#include "order.h"
#include "server.h"
#include "simulator.h"

#include <stdlib.h>
#include <string.h>

typedef struct OrderRule
{
	const char *method;
	const char *path;
	void (*carry_out)(Order *order);
} OrderRule;

/* NULL for the method: any. */
static const OrderRule order_rules[] = {
	{"PUT", "account", order_put_account},
	{"GET", "account", order_get_account},
	{"DELETE", "account", order_delete_account},
	{"GET", "state", order_get_state},
	{"POST", "state", order_post_state},
	{"POST", "fault", order_post_fault},
	{"GET", "fault", order_get_fault},
	{"DELETE", "fault", order_delete_fault},
	{"POST", "release", order_post_release},
	{"GET", "calls", order_get_calls},
	{"GET", "violations", order_get_violations},
	{"GET", "wait", order_get_wait},
	{"GET", "body", order_get_body},
	{"POST", "refill", order_post_refill},
	{"POST", "reset", order_post_reset},
	{"GET", "health", order_get_health},
	{NULL, "trap", order_visit_trap},
};

static const OrderRule *
find_rule(const char *method, const char *path)
{
	size_t length = strcspn(path, "/");

	for (size_t i = 0; i < sizeof(order_rules) / sizeof(order_rules[0]); i++)
	{
		const OrderRule *rule = &order_rules[i];

		if (strlen(rule->path) == length &&
			strncmp(rule->path, path, length) == 0 &&
			(rule->method == NULL || strcmp(rule->method, method) == 0))
			return rule;
	}
	return NULL;
}

static void
order_carry_out(Order *order, const char *method, const char *url)
{
	const OrderRule *rule = find_rule(method, url + (*url == '/'));
	const char		*name = strchr(url + 1, '/');

	order->status = 200;
	order->content_type = "application/json";
	buffer_byte(&order->output, '{');
	buffer_text(&order->name, name ? name + 1 : "");
	buffer_terminate(&order->name);
	simulator_lock();
	if (rule == NULL)
		order_fail(order, 404, "no such order");
	else
		rule->carry_out(order);
	simulator_unlock();

	if (order->problem != NULL)
	{
		order->output.length = 1;
		buffer_json_text(&order->output, "error", order->problem);
	}
	if (!order->whole)
		buffer_byte(&order->output, '}');
}

static enum MHD_Result
order_answer(Order *order)
{
	struct MHD_Response *response = MHD_create_response_from_buffer(
		order->output.length, order->output.data, MHD_RESPMEM_MUST_FREE);
	enum MHD_Result result;

	memset(&order->output, 0, sizeof(order->output));
	MHD_add_response_header(response, "Content-Type", order->content_type);
	result = MHD_queue_response(order->connection, (unsigned) order->status,
								response);
	MHD_destroy_response(response);
	return result;
}

/* Called for the headers, for each piece of the body, and at its end. */
static enum MHD_Result
order_go_on(void *user, struct MHD_Connection *connection, const char *url,
			const char *method, const char *version, const char *data,
			size_t *length, void **context)
{
	Order *order = *context;

	(void) user;
	(void) version;
	if (order == NULL)
	{
		*context = order = must_alloc(sizeof(Order));
		order->connection = connection;
		server_hurry(connection);
		return MHD_YES;
	}
	if (*length > 0)
	{
		buffer_append(&order->input, data, *length);
		*length = 0;
		return MHD_YES;
	}
	order_carry_out(order, method, url);
	return order_answer(order);
}

static void
order_close(void *user, struct MHD_Connection *connection, void **context,
			enum MHD_RequestTerminationCode code)
{
	Order *order = *context;

	(void) user;
	(void) connection;
	(void) code;
	if (order == NULL)
		return;
	buffer_free(&order->name);
	buffer_free(&order->input);
	buffer_free(&order->output);
	free(order);
	*context = NULL;
}

struct MHD_Daemon *
control_start(uint16_t port)
{
	struct MHD_OptionItem items[] = {
		{MHD_OPTION_NOTIFY_COMPLETED, (intptr_t) order_close, NULL},
		{MHD_OPTION_END, 0, NULL}};

	return server_listen(port, 0, order_go_on, items);
}
