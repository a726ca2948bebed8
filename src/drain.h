/*-------------------------------------------------------------------------
 *
 * drain.h
 *	  Sends what is queued for one account.
 *
 * Words: a drain is the state of an account in its worker.  Rhythm: a short
 * transaction reads the latest entries, builds the body and starts the
 * request, HTTP goes on without one, and a second short transaction records
 * the outcome and deletes what was acknowledged.  Between start and finish
 * the drain holds the account's lock for its session.
 *
 * A failed delivery is data here, not an error: what keeps an account from
 * being sent to is remembered in joor.drain, and tried again when it is due.
 *
 * Floor 6.
 *
 * IDENTIFICATION
 *	  src/drain.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef JOOR_DRAIN_H
#define JOOR_DRAIN_H

#include "compat.h"

#include "utils/timestamp.h"

typedef struct JoorDrain JoorDrain;

/* Makes a drain in the current memory context, with nothing in flight. */
extern JoorDrain *joor_drain_create(Oid serverid);
extern Oid		  joor_drain_serverid(const JoorDrain *drain);

/*
 * There may be new entries: look again.  blocked: somebody may have acted, so
 * that what was blocked is so no longer.  A pause after a failure goes on,
 * unless the account has been resumed.  With joor_tables_open().
 */
extern void joor_drain_wake(JoorDrain *drain, bool blocked);

/* Whether a request is in flight. */
extern bool joor_drain_in_flight(const JoorDrain *drain);

/*
 * When the drain wants to be stepped again: DT_NOBEGIN at once, DT_NOEND not
 * before it is woken.
 */
extern TimestampTz joor_drain_due(const JoorDrain *drain);

/*
 * Goes on by one step: finishes a request that was answered, or starts one
 * that is due.  Runs transactions of its own.  Errors of an account become
 * its state; a cancel leaves all as it was.
 */
extern void joor_drain_step(JoorDrain *drain);

#endif /* JOOR_DRAIN_H */
