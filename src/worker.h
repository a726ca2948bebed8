/*-------------------------------------------------------------------------
 *
 * worker.h
 *	  The background worker that sends what is queued in a database.
 *
 * Floor 7.
 *
 * IDENTIFICATION
 *	  src/worker.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef JOOR_WORKER_H
#define JOOR_WORKER_H

#include "compat.h"

/* Entry point of the background worker; main_arg is the database. */
extern PGDLLEXPORT void joor_worker_main(Datum main_arg);

#endif /* JOOR_WORKER_H */
