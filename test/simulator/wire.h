/*-------------------------------------------------------------------------
 *
 * wire.h
 *	  Answers written by hand, broken connections, pauses.
 *
 * libmicrohttpd sends only what is right.  In the thread of its connection,
 * while it waits for the handler, its socket can be written to and broken:
 * the handler then returns MHD_NO, and libmicrohttpd closes what is left.
 * Never under the lock.
 *
 * IDENTIFICATION
 *	  test/simulator/wire.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef SIMULATOR_WIRE_H
#define SIMULATOR_WIRE_H

#include "fault.h"

/*
 * Waits that long, and when held until simulator_releases() is another number
 * than releases.  False when the client has gone meanwhile, or the simulator
 * ends.
 */
extern bool wire_pause(struct MHD_Connection *connection, int64_t microseconds,
					   bool hold, unsigned releases);

/* Ends the connection as the fault says. */
extern void wire_cut(struct MHD_Connection *connection, CutHow how);

/* Sends the answer as the fault says; the connection is of no use then. */
extern void wire_answer(struct MHD_Connection *connection, const Fault *fault,
						const Answer *answer);

#endif /* SIMULATOR_WIRE_H */
