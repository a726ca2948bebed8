/*-------------------------------------------------------------------------
 *
 * recorder.h
 *	  Writes the record of a send outside of the caller's transaction.
 *
 * What was sent to JOOR cannot be rolled back, so neither may its record be:
 * request rows, rejections and spent credits are written by a recorder, a
 * background worker with transactions of its own that a session starts for
 * its first send.  It ends by itself when the session has ended or has had
 * nothing to say for a moment.
 *
 * A session that ends in the middle of a call, in whatever way, leaves the
 * recorder behind, which then records that the outcome is unknown.
 *
 * The functions below are the session's side: they hand a message over, wait
 * for the answer (cancellable) and throw what the recorder threw; or, if no
 * background worker becomes free in five seconds, ERRCODE_INSUFFICIENT_RESOURCES.
 *
 * Floor 6.
 *
 * IDENTIFICATION
 *	  src/recorder.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef JOOR_RECORDER_H
#define JOOR_RECORDER_H

#include "request_log.h"

/* As their namesakes in request_log.h. */
extern void joor_recorder_start(const JoorRequestStart *start,
								JoorRequestPermit	   *permit);
extern void joor_recorder_finish(const JoorRequestFinish *finish);
extern void joor_recorder_reject(Oid serverid, const char *server,
								 const char *items);

/*
 * Leaves the recorder alone, for an error between start and finish: it
 * records that the outcome is unknown.  Throws nothing.
 */
extern void joor_recorder_abandon(void);

/* Entry point of the background worker. */
extern PGDLLEXPORT void joor_recorder_main(Datum main_arg);

#endif /* JOOR_RECORDER_H */
