/*-------------------------------------------------------------------------
 *
 * tables_plan.h
 *	  Plans of the extension's own statements, kept for as long as the process.
 *
 * PostgreSQL makes a plan anew when what it depends on has changed.
 *
 * Floor 2.
 *
 * IDENTIFICATION
 *	  src/tables_plan.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef JOOR_TABLES_PLAN_H
#define JOOR_TABLES_PLAN_H

#include "tables.h"

#include "executor/spi.h"

/* The plan of a statement with parameters of these types; connected to SPI. */
extern SPIPlanPtr joor_tables_plan(const char *sql, JoorArgs *args);

#endif /* JOOR_TABLES_PLAN_H */
