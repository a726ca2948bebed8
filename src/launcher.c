/*-------------------------------------------------------------------------
 *
 * launcher.c
 *	  The background worker that starts the databases' workers.
 *
 * At its own start, and every few minutes, it has a worker look into each
 * database; one that finds neither the extension nor work leaves at once.
 * That discovers what no commit of this server announced: after a restart, a
 * crash, a promotion, a restore, or COMMIT PREPARED.  Otherwise it sleeps
 * until a commit announces work in a database without a worker, or a worker
 * ended that did not take its leave.
 *
 * It is connected to no database, so it keeps none from being dropped.
 *
 * Floor 7.
 *
 * IDENTIFICATION
 *	  src/launcher.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/heapam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "catalog/pg_database.h"
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
#include "utils/rel.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

#include "launcher.h"
#include "settings.h"
#include "wake.h"

/* How often all databases are looked into, in milliseconds. */
#define DISCOVER_EVERY (5 * 60 * 1000)

/* A worker that ends at once is started again after a pause, in ms. */
#define RESTART_MIN 1000
#define RESTART_MAX 60000

/* A worker that lived this long, in ms, ended for a reason of its own. */
#define LIVED_LONG 10000

/* What the launcher knows of a database's worker. */
typedef struct Launch
{
	Oid						database;
	BackgroundWorkerHandle *handle; /* NULL: none was started */
	TimestampTz				started_at;
	long					pause; /* before the next start, in milliseconds */
} Launch;

static List	 *launches = NIL;

static uint32 launcher_wait_event = 0;

void
joor_launcher_init(void)
{
	BackgroundWorker worker;

	memset(&worker, 0, sizeof(worker));
	worker.bgw_flags =
		BGWORKER_SHMEM_ACCESS | BGWORKER_BACKEND_DATABASE_CONNECTION;
	worker.bgw_start_time = BgWorkerStart_RecoveryFinished;
	worker.bgw_restart_time = 5;
	strlcpy(worker.bgw_library_name, "joor_inventory", BGW_MAXLEN);
	strlcpy(worker.bgw_function_name, "joor_launcher_main", BGW_MAXLEN);
	strlcpy(worker.bgw_name, "joor_inventory launcher", BGW_MAXLEN);
	strlcpy(worker.bgw_type, "joor_inventory launcher", BGW_MAXLEN);
	RegisterBackgroundWorker(&worker);
}

/* Databases that one can connect to. */
static List *
list_databases(void)
{
	MemoryContext context = CurrentMemoryContext;
	Relation	  relation;
	TableScanDesc scan;
	HeapTuple	  tuple;
	List		 *databases = NIL;

	StartTransactionCommand();
	relation = table_open(DatabaseRelationId, AccessShareLock);
	scan = table_beginscan_catalog(relation, 0, NULL);
	while ((tuple = heap_getnext(scan, ForwardScanDirection)) != NULL)
	{
		Form_pg_database database = (Form_pg_database) GETSTRUCT(tuple);
		MemoryContext	 old;

		if (!database->datallowconn || database->datistemplate)
			continue;
		old = MemoryContextSwitchTo(context);
		databases = lappend_oid(databases, database->oid);
		MemoryContextSwitchTo(old);
	}
	table_endscan(scan);
	table_close(relation, AccessShareLock);
	CommitTransactionCommand();
	MemoryContextSwitchTo(context);
	return databases;
}

/* Whether it has not been dropped meanwhile, and takes connections. */
static bool
database_exists(Oid database)
{
	List *databases = list_databases();
	bool  exists = list_member_oid(databases, database);

	list_free(databases);
	return exists;
}

static Launch *
find_launch(Oid database)
{
	Launch	 *launch;
	ListCell *cell;

	foreach (cell, launches)
	{
		launch = lfirst(cell);
		if (launch->database == database)
			return launch;
	}
	launch = palloc0(sizeof(Launch));
	launch->database = database;
	launches = lappend(launches, launch);
	return launch;
}

/* Whether the worker that was started last is still there. */
static bool
is_running(Launch *launch)
{
	pid_t pid;

	if (launch->handle == NULL)
		return false;
	if (GetBackgroundWorkerPid(launch->handle, &pid) != BGWH_STOPPED)
		return true;
	pfree(launch->handle);
	launch->handle = NULL;
	if (TimestampDifferenceExceeds(launch->started_at, GetCurrentTimestamp(),
								   LIVED_LONG))
		launch->pause = 0;
	return false;
}

/*
 * Starts a worker unless there is one, or the last one ended too soon.  How
 * long to wait before another try, in milliseconds; 0: there is no need.
 */
static long
start_worker(Oid database)
{
	Launch	   *launch = find_launch(database);
	TimestampTz now = GetCurrentTimestamp();
	long		rest;

	if (is_running(launch))
		return 0;
	rest = launch->pause - joor_milliseconds_between(launch->started_at, now);
	if (rest > 0)
		return rest;
	if (!joor_wake_register_worker(database, &launch->handle))
	{
		launch->handle = NULL;
		return RESTART_MIN; /* no free slot */
	}
	launch->started_at = now;
	launch->pause = Min(RESTART_MAX, Max(RESTART_MIN, launch->pause * 2));
	return 0;
}

/* Starts what is wanted; how long to sleep, in milliseconds. */
static long
start_wanted(List **databases, long sleep)
{
	List	 *later = NIL;
	ListCell *cell;
	Oid		  database;
	int		  index = 0;
	bool	  left;

	foreach (cell, *databases)
	{
		long rest = start_worker(lfirst_oid(cell));

		/* the pause is for workers that end against their will */
		if (rest == 0)
			find_launch(lfirst_oid(cell))->pause = 0;
		else
		{
			later = lappend_oid(later, lfirst_oid(cell));
			sleep = Min(sleep, rest);
		}
	}
	list_free(*databases);
	*databases = later;
	while (OidIsValid(database = joor_wake_next_wanted(&index, &left)))
	{
		long rest;

		if (!database_exists(database))
		{
			joor_wake_forget(database);
			continue;
		}
		if (left)
			find_launch(database)->pause = 0;
		rest = start_worker(database);
		if (rest > 0)
			sleep = Min(sleep, rest);
	}
	return sleep;
}

void
joor_launcher_main(Datum main_arg)
{
	MemoryContext context;
	List		 *databases = NIL;
	TimestampTz	  discovered_at = 0;

	pqsignal(SIGTERM, die);
	pqsignal(SIGHUP, SignalHandlerForConfigReload);
	BackgroundWorkerUnblockSignals();
	BackgroundWorkerInitializeConnection(NULL, NULL, 0);
	context = AllocSetContextCreate(TopMemoryContext, "joor_inventory launcher",
									ALLOCSET_DEFAULT_SIZES);
	MemoryContextSwitchTo(context);
	joor_wake_launcher();
	for (;;)
	{
		long		sleep = DISCOVER_EVERY;
		TimestampTz now = GetCurrentTimestamp();

		CHECK_FOR_INTERRUPTS();
		if (ConfigReloadPending)
		{
			bool was_enabled = joor_enabled;

			ConfigReloadPending = false;
			ProcessConfigFile(PGC_SIGHUP);
			if (joor_enabled && !was_enabled)
				discovered_at = 0;
		}
		if (TimestampDifferenceExceeds(discovered_at, now, DISCOVER_EVERY))
		{
			discovered_at = now;
			list_free(databases);
			databases = list_databases();
		}
		if (joor_enabled)
			sleep = start_wanted(&databases, sleep);
		(void) WaitLatch(
			MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH, sleep,
			joor_wait_event(&launcher_wait_event, "JoorInventoryLauncher"));
		ResetLatch(MyLatch);
	}
}
