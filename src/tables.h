/*-------------------------------------------------------------------------
 *
 * tables.h
 *	  The extension's own tables, reached by SPI with its owner's rights.
 *
 * The tables of schema joor are written by the C code only, after its own
 * checks, whoever calls.  Between open and close the current user is the
 * owner of the extension and the search_path is pg_catalog; the caller passes
 * constant SQL text with parameters.  An error restores both, as the end of
 * the (sub)transaction does.
 *
 * Floor 2: knows no table.
 *
 * IDENTIFICATION
 *	  src/tables.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef JOOR_TABLES_H
#define JOOR_TABLES_H

#include "compat.h"

#include "executor/spi.h"

typedef struct JoorTables
{
	Oid			  userid;	   /* of the caller */
	int			  sec_context; /* likewise */
	int			  nest_level;  /* of configuration parameters */
	MemoryContext context;	   /* of the caller of begin */
} JoorTables;

/* Most parameters that a statement has. */
#define JOOR_TABLES_MAX_ARGS 24

/* Parameters of a statement, in the order of $1, $2, ... */
typedef struct JoorArgs
{
	int	  count;
	Oid	  types[JOOR_TABLES_MAX_ARGS];
	Datum values[JOOR_TABLES_MAX_ARGS];
	char  nulls[JOOR_TABLES_MAX_ARGS];
} JoorArgs;

/* Connects to SPI; errors if the extension is not there. */
extern void joor_tables_open(JoorTables *tables);
extern void joor_tables_close(JoorTables *tables);

/*
 * Gives the planner back what open() took from it, at the current nest level
 * of configuration parameters: for queries that are not ours.
 */
extern void joor_tables_reset_planner(void);

/*
 * Settings of a background process that are not left to the database's:
 * transactions that may write, each statement with a snapshot of its own, and
 * a commit that is on disk when it returns, since what was written down before
 * a request leaves must outlive a crash.
 */
extern void joor_tables_settings(const char *lock_timeout);

/*
 * A short transaction of a background process, with the tables open, and with
 * what pg_stat_activity shows of it.  DROP EXTENSION waits for its end.  The
 * memory context is the caller's again after the commit.
 */
extern void joor_tables_begin(JoorTables *tables);
extern void joor_tables_commit(JoorTables *tables);

/* Adds a parameter; text may be NULL. */
extern void joor_args_oid(JoorArgs *args, Oid value);
extern void joor_args_int(JoorArgs *args, int64 value);
extern void joor_args_bool(JoorArgs *args, bool value);
extern void joor_args_text(JoorArgs *args, const char *value);
extern void joor_args_time(JoorArgs *args, TimestampTz value);
extern void joor_args_null(JoorArgs *args, Oid type);
/* Arrays of bigint and of text; the texts are in the server's encoding. */
extern void joor_args_ints(JoorArgs *args, const int64 *values, int count);
extern void joor_args_texts(JoorArgs *args, char *const *values, int count);
extern void joor_args_datum(JoorArgs *args, Oid type, Datum value);

/*
 * Runs a statement and checks its SPI_OK_* result; rows in SPI_processed.
 * The current memory context stays the caller's.
 */
extern void joor_tables_execute(const char *sql, JoorArgs *args, int expected);

/* A column of a result's first row; false: no row, or null. */
extern bool joor_tables_value(int column, Datum *value);

#endif /* JOOR_TABLES_H */
