/*-------------------------------------------------------------------------
 *
 * call_log.c
 *	  Every call that came, and every rule that one broke.
 *
 * Of the Authorization header only a verdict is kept, never a value.
 *
 * IDENTIFICATION
 *	  test/simulator/call_log.c
 *
 *-------------------------------------------------------------------------
 */
#include "call_log.h"
#include "simulator.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CALLS_KEPT 200000
#define BODIES_KEPT 100
#define BODY_KEPT ((size_t) 256 * 1024)
#define VIOLATIONS_KEPT 10000

typedef struct Violation
{
	uint64_t	call;
	char		account[64];
	Operation	operation;
	const char *rule;
	long		item;
	char	   *detail;
} Violation;

static Call		**calls; /* in the order of their numbers */
static size_t	  call_count;
static size_t	  call_capacity;
static uint64_t	  last_number;
static uint64_t	  body_calls[BODIES_KEPT]; /* numbers, a ring */
static size_t	  body_next;
static Violation *violations;
static size_t	  violation_count;
static size_t	  violation_capacity;

static void
free_call(Call *call)
{
	free(call->path);
	free(call->query);
	free(call->body);
	free(call);
}

/* Drops the calls that have ended, of the first `among`. */
static void
drop_calls(size_t among)
{
	size_t kept = 0;

	for (size_t i = 0; i < call_count; i++)
	{
		if (i < among && calls[i]->ended != 0)
			free_call(calls[i]);
		else
			calls[kept++] = calls[i];
	}
	call_count = kept;
}

Call *
call_log_begin(const Request *request, unsigned connection)
{
	Call *call = must_alloc(sizeof(Call));

	if (call_count >= CALLS_KEPT)
		drop_calls(CALLS_KEPT / 2);
	calls = array_grow(calls, call_count, &call_capacity, sizeof(Call *));
	calls[call_count++] = call;
	call->number = ++last_number;
	call->connection = connection;
	call->arrived = clock_epoch();
	call->operation = request->operation;
	call->path = must_copy(request->path);
	call->query = request->query ? must_copy(request->query) : NULL;
	call->authorization = "missing";
	simulator_changed();
	return call;
}

void
call_log_account(Call *call, const char *account)
{
	for (size_t i = call_count; i > 0; i--)
	{
		const Call *other = calls[i - 1];

		if (other->ended == 0 && strcmp(other->account, account) == 0)
			call->abreast++;
		else if (call_count - i > 1000)
			break;
	}
	snprintf(call->account, sizeof(call->account), "%s", account);
	simulator_changed();
}

void
call_log_held(Call *call, bool held)
{
	call->held = held;
	simulator_changed();
}

static void
copy_header(char *copy, size_t size, const char *value)
{
	snprintf(copy, size, "%s", value ? value : "");
}

void
call_log_headers(Call *call, const Request *request)
{
	call->begun = true;
	copy_header(call->method, sizeof(call->method), request->method);
	copy_header(call->content_type, sizeof(call->content_type),
				request->content_type);
	copy_header(call->accept, sizeof(call->accept), request->accept);
	copy_header(call->user_agent, sizeof(call->user_agent),
				request->user_agent);
	copy_header(call->expect, sizeof(call->expect), request->expect);
	copy_header(call->transfer_encoding, sizeof(call->transfer_encoding),
				request->transfer_encoding);
}

void
call_log_body(Call *call, Buffer *body)
{
	Call *oldest;

	if (body->length > BODY_KEPT)
	{
		buffer_free(body);
		return;
	}
	oldest = (Call *) call_log_find(body_calls[body_next]);
	if (oldest != NULL)
	{
		free(oldest->body);
		oldest->body = NULL;
	}
	body_calls[body_next] = call->number;
	body_next = (body_next + 1) % BODIES_KEPT;
	buffer_terminate(body);
	call->body = must_realloc(body->data, body->length + 1);
	call->body_length = body->length;
	memset(body, 0, sizeof(*body));
}

void
call_log_end(Call *call, bool complete)
{
	call->ended = clock_epoch();
	call->broken = !complete;
	simulator_changed();
}

void
call_log_violation(const Call *call, const char *rule, long item,
				   const char *detail)
{
	Violation *violation;

	if (violation_count >= VIOLATIONS_KEPT)
		return;
	violations = array_grow(violations, violation_count, &violation_capacity,
							sizeof(Violation));
	violation = &violations[violation_count++];
	violation->call = call->number;
	strcpy(violation->account, call->account);
	violation->operation = call->operation;
	violation->rule = rule;
	violation->item = item;
	violation->detail = must_copy(detail);
}

void
call_log_clear(void)
{
	drop_calls(call_count);
	for (size_t i = 0; i < call_count; i++)
		calls[i]->forgotten = true;
}

void
call_log_clear_violations(void)
{
	for (size_t i = 0; i < violation_count; i++)
		free(violations[i].detail);
	violation_count = 0;
}

const Call *
call_log_find(uint64_t number)
{
	size_t low = 0;
	size_t high = call_count;

	while (low < high)
	{
		size_t middle = (low + high) / 2;

		if (calls[middle]->number < number)
			low = middle + 1;
		else
			high = middle;
	}
	if (low < call_count && calls[low]->number == number)
		return calls[low];
	return NULL;
}

static bool
is_asked_for(const CallFilter *filter, uint64_t number, const char *account,
			 Operation operation)
{
	return number > filter->since &&
		   (filter->account == NULL || strcmp(filter->account, account) == 0) &&
		   (filter->operation == NULL ||
			strcmp(filter->operation, operation_names[operation]) == 0);
}

static bool
call_matches(const CallFilter *filter, const Call *call)
{
	return !call->forgotten &&
		   (filter->status < 0 || filter->status == call->status) &&
		   is_asked_for(filter, call->number, call->account, call->operation);
}

CallCount
call_log_count(const CallFilter *filter)
{
	CallCount count = {0, 0, 0, 0};

	for (size_t i = 0; i < call_count; i++)
	{
		if (!call_matches(filter, calls[i]))
			continue;
		count.arrived++;
		if (calls[i]->ended != 0)
			count.ended++;
		else if (calls[i]->begun)
			count.under_way++;
		if (calls[i]->held)
			count.held++;
	}
	return count;
}

static void
write_call(Buffer *out, const Call *call)
{
	buffer_byte(out, '{');
	buffer_json_integer(out, "number", (int64_t) call->number);
	buffer_json_integer(out, "connection", call->connection);
	buffer_json_integer(out, "arrived", call->arrived);
	buffer_json_integer(out, "booked", call->booked);
	buffer_json_integer(out, "ended", call->ended);
	buffer_json_text(out, "operation", operation_names[call->operation]);
	buffer_json_text(out, "account", call->account);
	buffer_json_text(out, "method", call->method);
	buffer_json_text(out, "path", call->path);
	buffer_json_text(out, "query", call->query ? call->query : "");
	buffer_json_text(out, "authorization", call->authorization);
	buffer_json_text(out, "content_type", call->content_type);
	buffer_json_text(out, "accept", call->accept);
	buffer_json_text(out, "user_agent", call->user_agent);
	buffer_json_text(out, "expect", call->expect);
	buffer_json_text(out, "transfer_encoding", call->transfer_encoding);
	buffer_json_integer(out, "bytes", (int64_t) call->bytes);
	buffer_json_integer(out, "items", (int64_t) call->items);
	buffer_json_integer(out, "failed", (int64_t) call->failed);
	buffer_json_integer(out, "status", call->status);
	buffer_json_text(out, "fault", call->fault);
	buffer_json_boolean(out, "applied", call->booked != 0);
	buffer_json_boolean(out, "refused", call->refused);
	buffer_json_boolean(out, "broken", call->broken);
	buffer_json_integer(out, "credits", call->credits);
	buffer_json_integer(out, "abreast", call->abreast);
	buffer_json_text(out, "log_id", call->log_id);
	buffer_byte(out, '}');
}

void
call_log_write(Buffer *out, const CallFilter *filter)
{
	bool first = true;

	buffer_byte(out, '[');
	for (size_t i = 0; i < call_count; i++)
	{
		if (!call_matches(filter, calls[i]))
			continue;
		buffer_text(out, first ? "\n" : ",\n");
		write_call(out, calls[i]);
		first = false;
	}
	buffer_text(out, "\n]");
}

void
call_log_write_summary(Buffer *out, const CallFilter *filter)
{
	size_t	  by_operation[OPERATION_READ + 1] = {0};
	size_t	  by_status[600] = {0};
	CallCount count = call_log_count(filter);
	size_t	  bytes = 0;
	size_t	  items = 0;
	unsigned  abreast = 0;

	for (size_t i = 0; i < call_count; i++)
	{
		const Call *call = calls[i];

		if (!call_matches(filter, call))
			continue;
		by_operation[call->operation]++;
		by_status[call->status >= 0 && call->status < 600 ? call->status : 0]++;
		bytes += call->bytes;
		items += call->items;
		if (call->abreast > abreast)
			abreast = call->abreast;
	}
	buffer_byte(out, '{');
	buffer_json_integer(out, "calls", (int64_t) count.arrived);
	buffer_json_integer(out, "ended", (int64_t) count.ended);
	buffer_json_integer(out, "under_way", (int64_t) count.under_way);
	buffer_json_integer(out, "held", (int64_t) count.held);
	buffer_json_integer(out, "items", (int64_t) items);
	buffer_json_integer(out, "bytes", (int64_t) bytes);
	buffer_json_integer(out, "refused", (int64_t) by_status[429]);
	buffer_json_integer(out, "most_abreast", abreast);
	buffer_json_integer(out, "violations", (int64_t) violation_count);
	buffer_json_name(out, "operations");
	buffer_byte(out, '{');
	for (int i = 0; i <= OPERATION_READ; i++)
		buffer_json_integer(out, operation_names[i], (int64_t) by_operation[i]);
	buffer_byte(out, '}');
	buffer_json_name(out, "statuses");
	buffer_byte(out, '{');
	for (int status = 0; status < 600; status++)
	{
		char name[12];

		snprintf(name, sizeof(name), "%d", status);
		if (by_status[status] > 0)
			buffer_json_integer(out, name, (int64_t) by_status[status]);
	}
	buffer_text(out, "}}");
}

void
call_log_write_violations(Buffer *out, const CallFilter *filter)
{
	bool first = true;

	buffer_byte(out, '[');
	for (size_t i = 0; i < violation_count; i++)
	{
		const Violation *violation = &violations[i];

		if (!is_asked_for(filter, violation->call, violation->account,
						  violation->operation))
			continue;
		buffer_text(out, first ? "\n{" : ",\n{");
		buffer_json_integer(out, "call", (int64_t) violation->call);
		buffer_json_text(out, "account", violation->account);
		buffer_json_text(out, "operation",
						 operation_names[violation->operation]);
		buffer_json_text(out, "rule", violation->rule);
		if (violation->item >= 0)
			buffer_json_integer(out, "item", violation->item);
		buffer_json_text(out, "detail", violation->detail);
		buffer_byte(out, '}');
		first = false;
	}
	buffer_text(out, "\n]");
}
