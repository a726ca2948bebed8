/*-------------------------------------------------------------------------
 *
 * settings.h
 *	  Configuration parameters, joor_inventory.*.
 *
 * Floor 1: knows nothing of their use.
 *
 * IDENTIFICATION
 *	  src/settings.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef JOOR_SETTINGS_H
#define JOOR_SETTINGS_H

#include "compat.h"

/* enabled: whether this cluster sends anything at all. */
extern bool joor_enabled;

/* request_retention: minutes that a finished request is kept; 0: no limit. */
extern int joor_request_retention;

/* request_max_rows: finished requests kept at most; 0: no limit. */
extern int joor_request_max_rows;

/*
 * overwrite_max_drop: percent of what is published that an overwrite may
 * leave out.  Who may push may set it, as he may push with force: it keeps
 * from mistakes, not from persons.
 */
extern double joor_overwrite_max_drop;

/* joor_inventory.feed_timeout: how long the worker reads a feed, in
 * milliseconds. */
extern int joor_feed_timeout;

/* Defines the parameters; called once from _PG_init(). */
extern void joor_settings_init(void);

#endif /* JOOR_SETTINGS_H */
