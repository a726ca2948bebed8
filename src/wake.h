/*-------------------------------------------------------------------------
 *
 * wake.h
 *	  Who sends for a database, and how it is told that there is work.
 *
 * Words: the worker of a database sends what is queued there; the launcher
 * starts workers.  A database that has work and no worker wants one.
 *
 * With the library preloaded, shared memory holds the launcher and a slot for
 * each database; a commit sets the latch of the worker, or of the launcher,
 * unless an earlier commit did so and the worker has not looked since.
 * Without it, a commit signals the worker whose PID was looked up, or starts
 * one; a lock then keeps the worker from leaving between the two.
 *
 * Only PIDs and flags lie in shared memory.  A backend registers one
 * transaction callback, at its first request.
 *
 * Floor 3: knows no table.
 *
 * IDENTIFICATION
 *	  src/wake.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef JOOR_WAKE_H
#define JOOR_WAKE_H

#include "compat.h"

#include "postmaster/bgworker.h"

/* Databases that can have a worker at the same time. */
#define JOOR_WAKE_SLOTS 64

/* Asks for shared memory; called from _PG_init() while preloading. */
extern void joor_wake_init(void);

/* Whether the library was preloaded, so that there is a launcher. */
extern bool joor_wake_is_preloaded(void);

/*
 * After the current transaction commits, the database's worker looks at its
 * queue; it is started if there is none.  Errors: none, but those of a lock
 * on the way (cancel).
 */
extern void joor_wake_at_commit(void);

/*
 * Starts a worker for the current database unless there is one.  False: there
 * is no free slot for a background worker.
 */
extern bool joor_wake_start_worker(void);

/*
 * Ends the current database's worker; with a launcher, none is started until
 * joor_wake_start_worker().  False: there was none.
 */
extern bool joor_wake_stop_worker(void);

/* PID of the current database's worker; 0: none. */
extern int joor_wake_worker_pid(void);

/*
 * Before a worker connects: until it has acknowledged that, one is wanted
 * there, whatever ends it.
 */
extern void joor_wake_expect(Oid database);

/*
 * The worker's side.  Enter claims the current database for this process;
 * false: another process has it.  Leave gives it up, unless work has been
 * announced in the meantime (false); the caller then looks for work a last
 * time, and may change its mind by stay.  All in a transaction.
 */
extern bool joor_wake_enter(void);
extern bool joor_wake_leave(void);
extern void joor_wake_stay(void);

/*
 * Takes the worker's claim, which it has, once more: for the transaction, or
 * for the session, if that may have lost it meanwhile.
 */
extern void joor_wake_lock_claim(bool session);

/*
 * Forgets announcements up to now, for the caller is about to look; whether
 * there were any, as far as shared memory tells.
 */
extern bool joor_wake_acknowledge(void);

/* Whether there is an announcement to acknowledge; likewise. */
extern bool joor_wake_is_announced(void);

/*
 * The launcher's side: announces itself, and goes through the databases that
 * want a worker; *index begins at 0; InvalidOid: no more.  left: the last one
 * took its leave, so that there is no reason to wait with another.
 */
extern void joor_wake_launcher(void);
extern Oid	joor_wake_next_wanted(int *index, bool *left);

/* The database has been dropped: nothing is wanted there. */
extern void joor_wake_forget(Oid database);

/* Registers a worker for a database, with the launcher as its parent. */
extern bool joor_wake_register_worker(Oid					   database,
									  BackgroundWorkerHandle **handle);

#endif /* JOOR_WAKE_H */
