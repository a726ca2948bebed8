/*-------------------------------------------------------------------------
 *
 * drain_state.h
 *	  joor.drain: what a worker is doing for an account, for joor.status.
 *
 * Floor 5: the SQL text of joor.drain stands here.
 *
 * IDENTIFICATION
 *	  src/drain_state.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef JOOR_DRAIN_STATE_H
#define JOOR_DRAIN_STATE_H

#include "compat.h"

#include "utils/timestamp.h"

typedef enum JoorDrainKind
{
	JOOR_DRAIN_EMPTY,	/* nothing is queued */
	JOOR_DRAIN_SENDING, /* a request is in flight */
	JOOR_DRAIN_SPACING, /* the next request keeps its distance */
	JOOR_DRAIN_CREDITS, /* out of credits */
	JOOR_DRAIN_PUSH,	/* another process sends for the account */
	JOOR_DRAIN_FAILED,	/* JOOR's or the network's trouble */
	JOOR_DRAIN_FEED,	/* nothing is left but keys of a feed that fails */
	JOOR_DRAIN_BLOCKED	/* nothing gets through until someone acts */
} JoorDrainKind;

#define JOOR_DRAIN_REASON 512

typedef struct JoorDrainState
{
	JoorDrainKind kind;
	char		  reason[JOOR_DRAIN_REASON]; /* "": none */
	TimestampTz	  next_at;					 /* 0: not before new work */
	bool		  saved;					 /* joor.drain says the same */
} JoorDrainState;

/* Sets a state; reason may be NULL. */
extern void joor_drain_state_set(JoorDrainState *state, JoorDrainKind kind,
								 const char *reason, TimestampTz next_at);

/* Writes it to joor.drain unless it is there; with joor_tables_open(). */
extern void joor_drain_state_save(JoorDrainState *state, Oid serverid);

#endif /* JOOR_DRAIN_STATE_H */
