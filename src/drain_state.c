/*-------------------------------------------------------------------------
 *
 * drain_state.c
 *	  joor.drain: what a worker is doing for an account, for joor.status.
 *
 * Floor 5.
 *
 * IDENTIFICATION
 *	  src/drain_state.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"

#include "drain_state.h"
#include "tables.h"

static const char *
kind_name(JoorDrainKind kind)
{
	static const char *const names[] = {"empty",   "sending", "spacing",
										"credits", "push",	  "failed",
										"feed",	   "blocked"};

	return names[kind];
}

void
joor_drain_state_set(JoorDrainState *state, JoorDrainKind kind,
					 const char *reason, TimestampTz next_at)
{
	int length = 0;

	if (reason != NULL)
		length = pg_mbcliplen(reason, strlen(reason), JOOR_DRAIN_REASON - 1);
	if (state->kind == kind && state->next_at == next_at &&
		strncmp(state->reason, reason ? reason : "", length) == 0 &&
		state->reason[length] == '\0')
		return;
	state->kind = kind;
	if (length > 0)
		memcpy(state->reason, reason, length);
	state->reason[length] = '\0';
	state->next_at = next_at;
	state->saved = false;
}

void
joor_drain_state_save(JoorDrainState *state, Oid serverid)
{
	JoorArgs args = {0};

	if (state->saved)
		return;
	joor_args_oid(&args, serverid);
	joor_args_text(&args, kind_name(state->kind));
	joor_args_text(&args, state->reason[0] != '\0' ? state->reason : NULL);
	if (state->next_at != 0)
		joor_args_time(&args, state->next_at);
	else
		joor_args_null(&args, TIMESTAMPTZOID);
	joor_args_int(&args, MyProcPid);
	joor_tables_execute(
		"INSERT INTO joor.drain (serverid, state, reason, next_at, pid,"
		"  changed_at)"
		" VALUES ($1, $2, $3, $4, $5, pg_catalog.clock_timestamp())"
		" ON CONFLICT (serverid) DO UPDATE SET state = EXCLUDED.state,"
		"  reason = EXCLUDED.reason, next_at = EXCLUDED.next_at,"
		"  pid = EXCLUDED.pid, changed_at = EXCLUDED.changed_at",
		&args, SPI_OK_INSERT);
	state->saved = true;
}
