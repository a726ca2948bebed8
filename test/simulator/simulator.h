/*-------------------------------------------------------------------------
 *
 * simulator.h
 *	  What all of the simulator shares: one lock, one clock, one end.
 *
 * Words: a call is one request to the JOOR side, from its first line to the
 * last byte of its answer.  An account is what JOOR keeps for one token.  A
 * fault is a misbehaviour that was ordered for calls to come.  A violation
 * is a rule of JOOR's contract that a call broke.
 *
 * Rules: each connection has a thread of its own.  Accounts, faults, calls
 * and violations are read and written only under the lock, which is held for
 * short whiles: never while a body is parsed, never while a socket is
 * written, never in a pause.  A function that expects it says so.
 *
 * IDENTIFICATION
 *	  test/simulator/simulator.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef SIMULATOR_H
#define SIMULATOR_H

#include <stdbool.h>
#include <stdint.h>

extern void simulator_lock(void);
extern void simulator_unlock(void);

/* Wakes those in simulator_wait(); under the lock. */
extern void simulator_changed(void);

/*
 * Waits for a change until that time of clock_monotonic().  Under the lock,
 * which is released meanwhile.  False when the time is over.
 */
extern bool simulator_wait(int64_t deadline);

/* Tells pauses and waits to end, since the process does. */
extern void simulator_stop(void);
extern bool simulator_stopping(void);

/* Ends the pauses of the calls that are held; those held later stay. */
extern void		simulator_release(void);
extern unsigned simulator_releases(void);

/* Microseconds: since the epoch, and since some start that never moves. */
extern int64_t clock_epoch(void);
extern int64_t clock_monotonic(void);

/* A number nobody can foresee; not for secrets.  A UUID fills 37 bytes. */
extern uint64_t random_number(void);
extern void		random_uuid(char *uuid);

#endif /* SIMULATOR_H */
