/*-------------------------------------------------------------------------
 *
 * launcher.h
 *	  The background worker that starts the databases' workers.
 *
 * Floor 7.
 *
 * IDENTIFICATION
 *	  src/launcher.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef JOOR_LAUNCHER_H
#define JOOR_LAUNCHER_H

#include "compat.h"

/* Registers the launcher; called from _PG_init() while preloading. */
extern void joor_launcher_init(void);

/* Entry point of the background worker. */
extern PGDLLEXPORT void joor_launcher_main(Datum main_arg);

#endif /* JOOR_LAUNCHER_H */
