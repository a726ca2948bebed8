/*-------------------------------------------------------------------------
 *
 * worker.c
 *	  The background worker that sends what is queued in a database.
 *
 * One process serves all accounts of its database: each has a drain, which
 * is stepped when it is due, when its request has been answered, or when a
 * commit announced new entries.  In between the worker sleeps, on its latch
 * and on the sockets of the requests in flight, outside of any transaction.
 *
 * A worker with nothing to do leaves after a moment, shorter than the five
 * seconds for which DROP DATABASE waits for others; the next commit that
 * queues something starts another one.  It never asks for a restart by its
 * exit code: the launcher sees to that, with growing pauses.
 *
 * Floor 7.
 *
 * IDENTIFICATION
 *	  src/worker.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "commands/extension.h"
#include "libpq/pqsignal.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "postmaster/bgworker.h"
#include "postmaster/interrupt.h"
#include "storage/ipc.h"
#include "storage/latch.h"
#include "tcop/tcopprot.h"
#include "utils/guc.h"
#include "utils/memutils.h"

#include "change_queue.h"
#include "drain.h"
#include "http.h"
#include "queue.h"
#include "request_log.h"
#include "settings.h"
#include "tables.h"
#include "wake.h"
#include "worker.h"

/* A worker without work leaves after this time, in milliseconds. */
#define LINGER 3000

/* How often old requests are deleted, in milliseconds. */
#define EXPIRE_EVERY (60 * 60 * 1000)

/* Longest sleep, in milliseconds. */
#define LONGEST_SLEEP 60000

/*
 * While announcements keep coming, a look at the queue is followed by a pause,
 * in milliseconds: so many times what the look took, within bounds.  One that
 * found nothing to be sent at once doubles it, since the next one hardly will.
 */
#define LOOK_PAUSE_MIN 20
#define LOOK_PAUSE_MAX 100
#define LOOK_PAUSE_TIMES 20
#define LOOK_PAUSE_IN_VAIN 500

static uint32 idle_wait_event = 0;
static uint32 answer_wait_event = 0;

/* All drains of this worker. */
static List *drains = NIL;

/* Where they live. */
static MemoryContext drain_context = NULL;

/* Since when there has been no work. */
static TimestampTz idle_since = 0;

static TimestampTz expired_at = 0;

/* Somebody has announced something since the last turn. */
static bool woken = false;

/* There may be new entries: the queue has to be looked at. */
static bool look = true;

/* When the last look ended, and the pause after it in milliseconds. */
static instr_time looked_at;
static double	  look_pause = 0;

static bool
extension_is_there(void)
{
	bool there;

	StartTransactionCommand();
	there = OidIsValid(get_extension_oid("joor_inventory", true));
	CommitTransactionCommand();
	return there;
}

/*
 * Whether the extension has been dropped, or never was there.  What was
 * announced for it until then is forgotten, so that no worker is wanted.
 */
static bool
extension_is_gone(void)
{
	if (extension_is_there())
		return false;
	(void) joor_wake_acknowledge();
	return !extension_is_there();
}

/* Claims the database; false: another worker has it. */
static bool
enter(void)
{
	bool entered;

	StartTransactionCommand();
	entered = joor_wake_enter();
	CommitTransactionCommand();
	return entered;
}

/*
 * Drains.
 */

static JoorDrain *
find_drain(Oid serverid)
{
	MemoryContext old;
	JoorDrain	 *drain;
	ListCell	 *cell;

	foreach (cell, drains)
		if (joor_drain_serverid(lfirst(cell)) == serverid)
			return lfirst(cell);
	old = MemoryContextSwitchTo(drain_context);
	drain = joor_drain_create(serverid);
	drains = lappend(drains, drain);
	MemoryContextSwitchTo(old);
	return drain;
}

/* Whether a drain has anything to do, now or later. */
static bool
has_due_drain(void)
{
	ListCell *cell;

	foreach (cell, drains)
	{
		JoorDrain *drain = lfirst(cell);

		if (joor_drain_in_flight(drain) || joor_drain_due(drain) != DT_NOEND)
			return true;
	}
	return false;
}

/*
 * Wakes the drain of each account that has entries, those that are blocked if
 * asked to; false: there is none that could be sent.
 */
static bool
find_work(bool blocked)
{
	JoorTables tables;
	List	  *servers;
	ListCell  *cell;

	joor_tables_begin(&tables);
	servers = joor_queue_servers();
	foreach (cell, servers)
		joor_drain_wake(find_drain(lfirst_oid(cell)), blocked);
	joor_tables_commit(&tables);
	return joor_enabled && has_due_drain();
}

/* After a crash: requests whose senders are gone. */
static void
abandon_gone(void)
{
	JoorTables tables;

	joor_tables_begin(&tables);
	joor_request_abandon_gone();
	joor_tables_commit(&tables);
}

/* Whether a drain is to be stepped at once. */
static bool
has_drain_due_now(void)
{
	TimestampTz now = GetCurrentTimestamp();
	ListCell   *cell;

	foreach (cell, drains)
		if (joor_drain_due(lfirst(cell)) <= now)
			return true;
	return false;
}

/*
 * The pause after a look that took so many milliseconds; announced: somebody
 * had asked for it.
 */
static double
pause_after_look(double took, bool announced)
{
	double pause =
		Min(Max(took * LOOK_PAUSE_TIMES, LOOK_PAUSE_MIN), LOOK_PAUSE_MAX);

	if (!announced || has_drain_due_now())
		return pause;
	return Max(pause, Min(look_pause * 2, LOOK_PAUSE_IN_VAIN));
}

/* Milliseconds since a moment. */
static double
elapsed_since(instr_time moment)
{
	instr_time now;

	INSTR_TIME_SET_CURRENT(now);
	INSTR_TIME_SUBTRACT(now, moment);
	return INSTR_TIME_GET_MILLISEC(now);
}

/*
 * Looks around unless the last look was just now: is the extension still
 * there, has anything been announced, where is work?  Ends the process when
 * the extension is gone.
 */
static void
look_around(void)
{
	instr_time began;
	bool	   announced;

	if (elapsed_since(looked_at) < look_pause)
		return;
	woken |= joor_wake_acknowledge();
	look |= woken;
	if (extension_is_gone() && (!joor_wake_is_preloaded() || joor_wake_leave()))
		proc_exit(0);
	if (!look)
		return;
	if (woken)
		idle_since = GetCurrentTimestamp();
	INSTR_TIME_SET_CURRENT(began);
	(void) find_work(woken);
	announced = woken;
	look = woken = false;
	look_pause = pause_after_look(elapsed_since(began), announced);
	INSTR_TIME_SET_CURRENT(looked_at);
}

/* Milliseconds until the next look is due; -1: nothing asks for one. */
static long
next_look(void)
{
	double rest = look_pause - elapsed_since(looked_at);

	if (!look && !joor_wake_is_announced())
		return -1;
	return rest > 0 ? (long) rest + 1 : 0;
}

/* Steps the drains that are due; when the next one is. */
static TimestampTz
step_drains(bool *in_flight)
{
	TimestampTz next = DT_NOEND;
	ListCell   *cell;

	*in_flight = false;
	foreach (cell, drains)
	{
		JoorDrain *drain = lfirst(cell);

		/* what is in flight is finished even when sending is switched off */
		while (joor_drain_due(drain) <= GetCurrentTimestamp() &&
			   (joor_enabled || joor_drain_in_flight(drain)))
			joor_drain_step(drain);
		if (joor_enabled || joor_drain_in_flight(drain))
			next = Min(next, joor_drain_due(drain));
		*in_flight |= joor_drain_in_flight(drain);
	}
	return next;
}

/* What is of no use goes, whether there is traffic or not. */
static void
expire(void)
{
	JoorTables	tables;
	TimestampTz now = GetCurrentTimestamp();

	if (!TimestampDifferenceExceeds(expired_at, now, EXPIRE_EVERY))
		return;
	expired_at = now;
	joor_tables_begin(&tables);
	joor_request_expire();
	joor_changes_expire();
	joor_tables_commit(&tables);
}

/*
 * Sleeping and leaving.
 */

/* Leaves if there has been no work for a while; does not return then. */
static void
maybe_leave(void)
{
	bool leave;

	if (!TimestampDifferenceExceeds(idle_since, GetCurrentTimestamp(), LINGER))
		return;
	StartTransactionCommand();
	leave = joor_wake_leave();
	CommitTransactionCommand();
	if (!leave)
		return;
	if (!find_work(false))
		proc_exit(0);
	StartTransactionCommand();
	joor_wake_stay();
	CommitTransactionCommand();
}

/*
 * Sleeps until a drain is due, a request is answered or somebody has announced
 * something.  With requests in flight only shared memory tells the latter;
 * without it, it may be so.  Who waits to look again after a pause need not be
 * told by the latch.
 */
static void
sleep_until(TimestampTz next, bool in_flight)
{
	TimestampTz now = GetCurrentTimestamp();
	long		rest = next_look();
	long		wait = LONGEST_SLEEP;
	int			events = WL_TIMEOUT | WL_EXIT_ON_PM_DEATH;

	if (next != DT_NOEND)
		wait = Min(wait, joor_milliseconds_between(now, next));
	else if (!in_flight)
		wait = LINGER + 1;
	if (rest >= 0)
		wait = Min(wait, rest);
	if (in_flight)
	{
		joor_http_wait(
			wait, joor_wait_event(&answer_wait_event, "JoorInventoryAnswer"));
		if (!joor_wake_is_preloaded())
			woken = look = true;
		return;
	}
	if (rest < 0)
		events |= WL_LATCH_SET;
	(void) WaitLatch(MyLatch, events, wait,
					 joor_wait_event(&idle_wait_event, "JoorInventoryQueue"));
	woken |= MyLatch->is_set;
	ResetLatch(MyLatch);
	look = true;
}

/* One turn of the loop: look, step, sleep. */
static void
turn(void)
{
	TimestampTz next;
	bool		in_flight;

	CHECK_FOR_INTERRUPTS();
	if (ConfigReloadPending)
	{
		ConfigReloadPending = false;
		ProcessConfigFile(PGC_SIGHUP);
	}
	look_around();
	next = step_drains(&in_flight);
	expire();
	if (in_flight || next != DT_NOEND)
		idle_since = GetCurrentTimestamp();
	else
		maybe_leave();
	sleep_until(next, in_flight);
}

/* Turns until an error, a cancel for example, ends one. */
static void
turn_safely(void)
{
	MemoryContext context = CurrentMemoryContext;

	PG_TRY();
	{
		for (;;)
			turn();
	}
	PG_CATCH();
	{
		MemoryContextSwitchTo(context);
		EmitErrorReport();
		FlushErrorState();
		AbortOutOfAnyTransaction();
		MemoryContextSwitchTo(context);
	}
	PG_END_TRY();
	(void) WaitLatch(MyLatch, WL_TIMEOUT | WL_EXIT_ON_PM_DEATH, 1000,
					 PG_WAIT_EXTENSION);
}

/* Settings that no function of a feed may change: they end the process. */
static const struct
{
	const char *name;
	const char *value;
} restricted_settings[] = {
	{"exit_on_error", "off"},
	{"transaction_timeout", "0"},
};

static void
fix_settings(void)
{
	Size i;

	joor_tables_settings("10s");
	for (i = 0; i < lengthof(restricted_settings); i++)
	{
		const char *name = restricted_settings[i].name;

		/* transaction_timeout is there from 17 on */
		if (GetConfigOption(name, true, false) == NULL)
			continue;
		SetConfigOption(name, restricted_settings[i].value, PGC_SUSET,
						PGC_S_OVERRIDE);
		joor_restrict_setting(name);
	}
}

void
joor_worker_main(Datum main_arg)
{
	Oid database = DatumGetObjectId(main_arg);

	pqsignal(SIGTERM, die);
	pqsignal(SIGHUP, SignalHandlerForConfigReload);
	BackgroundWorkerUnblockSignals();
	joor_wake_expect(database);
	BackgroundWorkerInitializeConnectionByOid(database, InvalidOid, 0);
	fix_settings();
	debug_query_string = "sending what is queued for JOOR";
	if (extension_is_gone() || !enter())
		proc_exit(0);

	drain_context = AllocSetContextCreate(
		TopMemoryContext, "joor_inventory drains", ALLOCSET_DEFAULT_SIZES);
	MemoryContextSwitchTo(drain_context);
	abandon_gone();
	if (!find_work(true))
		idle_since = GetCurrentTimestamp() - INT64CONST(1000) * LINGER;
	for (;;)
		turn_safely();
}
