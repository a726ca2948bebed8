/*-------------------------------------------------------------------------
 *
 * wake.c
 *	  Who sends for a database, and how it is told that there is work.
 *
 * The claim on a database is a session lock on the extension, with an
 * objsubid that core does not use: it is exclusive, shown by pg_locks, and
 * gone with its process, however that ends.  Another one, the door, is a lock
 * on the schema, which is found without reading a catalog: it is held in share
 * mode by a transaction that will wake, and taken exclusively by a worker that
 * is about to leave; it is needed only where no shared memory tells the worker
 * of work.
 *
 * Floor 3.
 *
 * IDENTIFICATION
 *	  src/wake.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <signal.h>

#include "access/xact.h"
#include "catalog/namespace.h"
#include "catalog/pg_extension.h"
#include "catalog/pg_namespace.h"
#include "commands/extension.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "postmaster/bgworker.h"
#include "storage/ipc.h"
#include "storage/latch.h"
#include "storage/lmgr.h"
#include "storage/proc.h"
#include "storage/procarray.h"
#include "storage/shmem.h"
#include "storage/spin.h"

#include "wake.h"

/* As pg_stat_activity shows it. */
#define WORKER_TYPE "joor_inventory worker"

/* Both locks' objsubid, which core does not use. */
#define LOCK_SUBID 1

typedef struct WakeSlot
{
	Oid	 database; /* InvalidOid: the slot is free */
	int	 pid;	   /* of its worker; 0: none */
	bool wanted;   /* there is work that the worker has not seen */
	bool held;	   /* joor.stop_worker(): none until start_worker() */
	bool left;	   /* its last worker took its leave */
} WakeSlot;

typedef struct WakeShared
{
	slock_t	 mutex; /* protects all below */
	int		 launcher;
	WakeSlot slots[JOOR_WAKE_SLOTS];
} WakeShared;

/* NULL: not preloaded. */
static WakeShared *shared = NULL;

/* Hooks that were there before ours. */
static shmem_startup_hook_type previous_startup_hook = NULL;

/* This transaction wakes when it commits. */
static bool wake_at_commit = false;

/* Whether the callback has been registered in this backend. */
static bool callback_registered = false;

/* Not preloaded: the worker that this transaction found; 0: start one. */
static int found_pid = 0;

/*
 * Shared memory.
 */

static void
startup_shared(void)
{
	bool found;

	if (previous_startup_hook != NULL)
		previous_startup_hook();
	LWLockAcquire(AddinShmemInitLock, LW_EXCLUSIVE);
	shared =
		ShmemInitStruct("joor_inventory workers", sizeof(WakeShared), &found);
	if (!found)
	{
		memset(shared, 0, sizeof(WakeShared));
		SpinLockInit(&shared->mutex);
	}
	LWLockRelease(AddinShmemInitLock);
}

JOOR_DEFINE_SHARED_MEMORY_REQUEST(request_shared, sizeof(WakeShared))

void
joor_wake_init(void)
{
	request_shared();
	previous_startup_hook = shmem_startup_hook;
	shmem_startup_hook = startup_shared;
}

bool
joor_wake_is_preloaded(void)
{
	return shared != NULL;
}

/* The slot of a database; make: takes a free one.  Mutex held. */
static WakeSlot *
find_slot(Oid database, bool make)
{
	WakeSlot *free_slot = NULL;
	int		  i;

	for (i = 0; i < JOOR_WAKE_SLOTS; i++)
	{
		WakeSlot *slot = &shared->slots[i];

		if (slot->database == database)
			return slot;
		if (free_slot == NULL &&
			(slot->database == InvalidOid ||
			 (slot->pid == 0 && !slot->wanted && !slot->held)))
			free_slot = slot;
	}
	if (!make || free_slot == NULL)
		return NULL;
	memset(free_slot, 0, sizeof(WakeSlot));
	free_slot->database = database;
	return free_slot;
}

/* Sets the latch of a process of this server, if it is still there. */
static void
set_latch_of(int pid)
{
	PGPROC *proc = pid != 0 ? BackendPidGetProc(pid) : NULL;

	if (proc != NULL)
		SetLatch(&proc->procLatch);
}

/*
 * Locks.
 */

/* An advisory lock, so that a session can hold it; see account.c. */
static LOCKTAG
object_locktag(Oid class, Oid object)
{
	LOCKTAG tag;

	SET_LOCKTAG_OBJECT(tag, MyDatabaseId, class, object, LOCK_SUBID);
	tag.locktag_lockmethodid = USER_LOCKMETHOD;
	return tag;
}

/* false: it is taken, or there is no such object. */
static bool
lock_object(Oid class, Oid object, LOCKMODE mode, bool session, bool wait)
{
	LOCKTAG tag = object_locktag(class, object);

	return OidIsValid(object) &&
		   LockAcquire(&tag, mode, session, !wait) != LOCKACQUIRE_NOT_AVAIL;
}

static bool
lock_claim(bool session, bool wait)
{
	return lock_object(ExtensionRelationId,
					   get_extension_oid("joor_inventory", true), ExclusiveLock,
					   session, wait);
}

static bool
lock_door(LOCKMODE mode, bool session, bool wait)
{
	return lock_object(NamespaceRelationId, get_namespace_oid("joor", true),
					   mode, session, wait);
}

static void
unlock_door(LOCKMODE mode)
{
	Oid		schema = get_namespace_oid("joor", true);
	LOCKTAG tag = object_locktag(NamespaceRelationId, schema);

	if (OidIsValid(schema))
		LockRelease(&tag, mode, true);
}

/*
 * Finding and starting workers.
 */

static bool
is_worker(int pid)
{
	const char *type = GetBackgroundWorkerTypeByPid(pid);

	return type != NULL && strcmp(type, WORKER_TYPE) == 0;
}

int
joor_wake_worker_pid(void)
{
	int pid = 0;
	int i;

	if (shared != NULL)
	{
		WakeSlot *slot;

		SpinLockAcquire(&shared->mutex);
		slot = find_slot(MyDatabaseId, false);
		if (slot != NULL)
			pid = slot->pid;
		SpinLockRelease(&shared->mutex);
		return pid;
	}
	pgstat_clear_snapshot();
	for (i = 1; i <= pgstat_fetch_stat_numbackends() && pid == 0; i++)
	{
		PgBackendStatus *status = joor_backend_status(i);

		if (status != NULL && status->st_backendType == B_BG_WORKER &&
			status->st_databaseid == MyDatabaseId &&
			is_worker(status->st_procpid))
			pid = status->st_procpid;
	}
	return pid;
}

bool
joor_wake_register_worker(Oid database, BackgroundWorkerHandle **handle)
{
	BackgroundWorker worker;

	memset(&worker, 0, sizeof(worker));
	worker.bgw_flags =
		BGWORKER_SHMEM_ACCESS | BGWORKER_BACKEND_DATABASE_CONNECTION;
	worker.bgw_start_time = BgWorkerStart_RecoveryFinished;
	/* the launcher brings a worker back; without it, the next commit does */
	worker.bgw_restart_time = BGW_NEVER_RESTART;
	strlcpy(worker.bgw_library_name, "joor_inventory", BGW_MAXLEN);
	strlcpy(worker.bgw_function_name, "joor_worker_main", BGW_MAXLEN);
	snprintf(worker.bgw_name, BGW_MAXLEN,
			 "joor_inventory worker for database %u", database);
	strlcpy(worker.bgw_type, WORKER_TYPE, BGW_MAXLEN);
	worker.bgw_main_arg = ObjectIdGetDatum(database);
	worker.bgw_notify_pid = shared != NULL ? MyProcPid : 0;
	return RegisterDynamicBackgroundWorker(&worker, handle);
}

/*
 * Notes that a database wants a worker, and tells who can see to it.  again:
 * even if that has been told already, and not acknowledged yet.  A commit need
 * not tell again: who acknowledges looks after that, and so sees it.
 */
static bool
announce(Oid database, bool again)
{
	WakeSlot *slot;
	bool	  tell = true;
	int		  pid;

	SpinLockAcquire(&shared->mutex);
	slot = find_slot(database, true);
	if (slot != NULL)
	{
		tell = again || !slot->wanted;
		slot->wanted = true;
	}
	pid = slot != NULL && slot->pid != 0 ? slot->pid : shared->launcher;
	SpinLockRelease(&shared->mutex);
	if (tell)
		set_latch_of(pid);
	return slot != NULL;
}

/* Whether joor.stop_worker() holds the database's worker back. */
static void
set_held(bool held)
{
	WakeSlot *slot;

	SpinLockAcquire(&shared->mutex);
	slot = find_slot(MyDatabaseId, true);
	if (slot != NULL)
		slot->held = held;
	SpinLockRelease(&shared->mutex);
}

bool
joor_wake_stop_worker(void)
{
	int pid = joor_wake_worker_pid();

	if (shared != NULL)
		set_held(true);
	return pid != 0 && kill(pid, SIGTERM) == 0;
}

bool
joor_wake_start_worker(void)
{
	BackgroundWorkerHandle *handle;

	if (shared != NULL)
	{
		set_held(false);
		return announce(MyDatabaseId, true);
	}
	return joor_wake_worker_pid() != 0 ||
		   joor_wake_register_worker(MyDatabaseId, &handle);
}

/*
 * At commit.
 */

/* Nothing here may throw: the transaction has committed. */
static void
wake_committed(void)
{
	BackgroundWorkerHandle *handle;

	if (shared != NULL)
		(void) announce(MyDatabaseId, false);
	else if (found_pid == 0 || kill(found_pid, SIGUSR1) != 0)
		(void) joor_wake_register_worker(MyDatabaseId, &handle);
}

static void
at_transaction_end(XactEvent event, void *arg)
{
	if (!wake_at_commit)
		return;
	switch (event)
	{
		case XACT_EVENT_COMMIT:
		case XACT_EVENT_PREPARE:
			wake_at_commit = false;
			wake_committed();
			break;
		case XACT_EVENT_ABORT:
			wake_at_commit = false;
			break;
		default:
			break;
	}
}

void
joor_wake_at_commit(void)
{
	if (!callback_registered)
		RegisterXactCallback(at_transaction_end, NULL);
	callback_registered = true;
	if (wake_at_commit)
		return;
	if (shared == NULL)
	{
		(void) lock_door(ShareLock, false, true);
		found_pid = joor_wake_worker_pid();
	}
	wake_at_commit = true;
}

/*
 * The worker's side.
 */

/*
 * At exit: the slot has no worker any more.  One that did not take its leave
 * was ended by somebody, and wants a successor.
 */
static void
vacate_slot(int code, Datum arg)
{
	WakeSlot *slot;
	int		  launcher;

	SpinLockAcquire(&shared->mutex);
	slot = find_slot(MyDatabaseId, false);
	if (slot != NULL && slot->pid == MyProcPid)
	{
		slot->pid = 0;
		slot->wanted = true;
	}
	launcher = shared->launcher;
	SpinLockRelease(&shared->mutex);
	set_latch_of(launcher);
}

void
joor_wake_expect(Oid database)
{
	if (shared != NULL)
		(void) announce(database, false);
}

bool
joor_wake_enter(void)
{
	WakeSlot *slot;

	if (!lock_claim(true, false))
		return false;
	if (shared == NULL)
		return true;
	SpinLockAcquire(&shared->mutex);
	slot = find_slot(MyDatabaseId, true);
	if (slot != NULL)
		slot->pid = MyProcPid;
	SpinLockRelease(&shared->mutex);
	before_shmem_exit(vacate_slot, (Datum) 0);
	return true;
}

void
joor_wake_lock_claim(bool session)
{
	(void) lock_claim(session, true);
}

bool
joor_wake_leave(void)
{
	WakeSlot *slot;
	bool	  leave = true;

	if (shared == NULL)
		return lock_door(ExclusiveLock, true, false);
	SpinLockAcquire(&shared->mutex);
	slot = find_slot(MyDatabaseId, false);
	if (slot != NULL && slot->wanted)
		leave = false;
	else if (slot != NULL)
	{
		slot->pid = 0;
		slot->left = true;
	}
	SpinLockRelease(&shared->mutex);
	return leave;
}

void
joor_wake_stay(void)
{
	WakeSlot *slot;

	if (shared == NULL)
	{
		unlock_door(ExclusiveLock);
		return;
	}
	SpinLockAcquire(&shared->mutex);
	slot = find_slot(MyDatabaseId, true);
	if (slot != NULL)
		slot->pid = MyProcPid;
	SpinLockRelease(&shared->mutex);
}

bool
joor_wake_acknowledge(void)
{
	WakeSlot *slot;
	bool	  announced = false;

	if (shared == NULL)
		return false;
	SpinLockAcquire(&shared->mutex);
	slot = find_slot(MyDatabaseId, false);
	if (slot != NULL)
	{
		announced = slot->wanted;
		slot->wanted = false;
	}
	SpinLockRelease(&shared->mutex);
	return announced;
}

bool
joor_wake_is_announced(void)
{
	WakeSlot *slot;
	bool	  announced;

	if (shared == NULL)
		return false;
	SpinLockAcquire(&shared->mutex);
	slot = find_slot(MyDatabaseId, false);
	announced = slot != NULL && slot->wanted;
	SpinLockRelease(&shared->mutex);
	return announced;
}

/*
 * The launcher's side.
 */

void
joor_wake_launcher(void)
{
	SpinLockAcquire(&shared->mutex);
	shared->launcher = MyProcPid;
	SpinLockRelease(&shared->mutex);
}

Oid
joor_wake_next_wanted(int *index, bool *left)
{
	Oid database = InvalidOid;

	SpinLockAcquire(&shared->mutex);
	while (*index < JOOR_WAKE_SLOTS && database == InvalidOid)
	{
		WakeSlot *slot = &shared->slots[(*index)++];

		if (slot->wanted && slot->pid == 0 && !slot->held)
		{
			database = slot->database;
			*left = slot->left;
			slot->left = false;
		}
	}
	SpinLockRelease(&shared->mutex);
	return database;
}

void
joor_wake_forget(Oid database)
{
	WakeSlot *slot;

	SpinLockAcquire(&shared->mutex);
	slot = find_slot(database, false);
	if (slot != NULL && slot->pid == 0)
		memset(slot, 0, sizeof(WakeSlot));
	SpinLockRelease(&shared->mutex);
}
