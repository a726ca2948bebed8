/*-------------------------------------------------------------------------
 *
 * counter.h
 *	  joor.counter: what was sent to each account, added up for joor.stat.
 *
 * An account's newest row counts; a reset begins another one.  So a reset,
 * which is part of its caller's transaction, holds up no sender, and senders,
 * of which an account has one at a time, never wait for each other's row.
 *
 * A request is counted once, in the transaction that records its outcome:
 * what is counted is what joor.request says, and is as durable.
 *
 * Floor 4: the SQL text of joor.counter stands here.
 *
 * IDENTIFICATION
 *	  src/counter.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef JOOR_COUNTER_H
#define JOOR_COUNTER_H

#include "compat.h"

/*
 * Counts a request whose row has just got its outcome.  accepted: items that
 * JOOR acknowledged; waited: microseconds that it waited for credits; stopped:
 * its answer stopped the account.  Tables are open.  Does nothing while the
 * extension's SQL objects are older than the library.
 */
extern void joor_counter_add(int64 request_id, int64 accepted, int64 waited,
							 bool stopped);

/* Deletes the rows from before resets.  Tables are open. */
extern void joor_counter_expire(void);

#endif /* JOOR_COUNTER_H */
