/*-------------------------------------------------------------------------
 *
 * call.c
 *	  A call to JOOR from a session, with its credits and its record.
 *
 * Floor 7.
 *
 * IDENTIFICATION
 *	  src/call.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"
#include "storage/latch.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "call.h"
#include "recorder.h"

/* Longest sleep of a wait for credits, in milliseconds. */
#define SLICE 1000

static uint32 answer_wait_event = 0;
static uint32 credits_wait_event = 0;

/* Sleeps until then; cancellable. */
static void
sleep_until(TimestampTz until)
{
	for (;;)
	{
		long wait = joor_milliseconds_between(GetCurrentTimestamp(), until);

		CHECK_FOR_INTERRUPTS();
		if (wait <= 0)
			return;
		(void) WaitLatch(
			MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH,
			Min(wait, SLICE),
			joor_wait_event(&credits_wait_event, "JoorInventoryCredits"));
		ResetLatch(MyLatch);
	}
}

/* Waits for the credits and starts the request. */
static void
get_permit(const JoorAccount *account, const JoorRequestStart *start,
		   JoorRequestPermit *permit)
{
	TimestampTz told = 0;
	TimestampTz asked = 0;

	permit->waited = 0;
	for (;;)
	{
		joor_recorder_start(start, permit);
		if (asked == 0)
			asked = GetCurrentTimestamp();
		else
			permit->waited = GetCurrentTimestamp() - asked;
		if (permit->id != 0)
			return;
		if (permit->not_before > told + SLICE * INT64CONST(1000))
			ereport(NOTICE,
					(errmsg("waiting for credits of account \"%s\" until %s",
							account->server,
							timestamptz_to_str(permit->not_before))));
		told = permit->not_before;
		sleep_until(permit->not_before);
	}
}

/* A push supersedes what is queued for the items that JOOR took. */
static void
supersede(JoorRequestFinish *finish, const JoorCall *call,
		  const JoorDelivery *delivery)
{
	int i;

	finish->hashes =
		palloc_extended(sizeof(int64) * (call->nitems + 1), MCXT_ALLOC_HUGE);
	for (i = 0; i < call->nitems; i++)
		if (delivery->status[i] != JOOR_STATUS_FAIL)
			finish->hashes[finish->nhashes++] =
				(int64) joor_item_hash(&call->items[i]);
}

JoorDelivery *
joor_call_perform(const JoorAccount *account, const JoorCall *call,
				  JoorRun *run, int64 *request_id)
{
	JoorRequestStart  start;
	JoorRequestPermit permit;
	JoorRequestFinish finish;
	JoorHttpRequest	  request;
	JoorDelivery *volatile delivery = NULL;

	joor_request_start_fill(&start, account, call, GetUserId(), run->source,
							account->credits);
	start.run = run->id;
	start.run_items = run->items;
	start.snapshot_at = run->snapshot_at;
	if (run->feed != NULL)
	{
		start.feed = run->feed;
		start.feed_items = call->items;
		start.nfeed_items = call->nitems;
	}
	joor_call_request(account, call, &request);
	get_permit(account, &start, &permit);
	PG_TRY();
	{
		JoorHttpAnswer *answer =
			joor_http_perform(&request, joor_wait_event(&answer_wait_event,
														"JoorInventoryAnswer"));

		delivery = joor_call_delivery(call, answer);
		joor_request_finish_fill(&finish, permit.id, account, call, delivery,
								 permit.open_rejections);
		finish.waited = permit.waited;
		finish.snapshot = run->snapshot;
		if (permit.queued && run->snapshot != NULL && delivery->sqlerrcode == 0)
			supersede(&finish, call, delivery);
		if (run->feed != NULL && run->completes && delivery->sqlerrcode == 0)
			finish.feed = (char *) run->feed;
		joor_recorder_finish(&finish);
	}
	PG_CATCH();
	{
		joor_recorder_abandon();
		PG_RE_THROW();
	}
	PG_END_TRY();
	*request_id = permit.id;
	if (run->id == 0)
		run->id = permit.id;
	return delivery;
}

void
joor_call_raise(const JoorAccount *account, const JoorDelivery *delivery,
				int64 id, const char *detail)
{
	ereport(
		ERROR,
		(errcode(delivery->sqlerrcode),
		 errmsg("could not send to account \"%s\": %s", account->server,
				delivery->message),
		 detail != NULL ? errdetail_internal("%s", detail) : 0,
		 delivery->stop_reason != NULL
			 ? errhint("Correct the server's url or ca_file, or the "
					   "token, and try it by SELECT * FROM "
					   "joor.activate(%s).  SELECT * FROM joor.request "
					   "WHERE id = " INT64_FORMAT " tells more.",
					   quote_literal_cstr(account->server), id)
			 : errhint(
				   "Quantities are absolute, so sending again is "
				   "safe.  SELECT * FROM joor.request WHERE id = " INT64_FORMAT
				   " tells more.",
				   id)));
}
