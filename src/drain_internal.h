/*-------------------------------------------------------------------------
 *
 * drain_internal.h
 *	  What drain.c and drain_outcome.c share.
 *
 * Floor 6.
 *
 * IDENTIFICATION
 *	  src/drain_internal.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef JOOR_DRAIN_INTERNAL_H
#define JOOR_DRAIN_INTERNAL_H

#include "drain.h"
#include "drain_state.h"
#include "joor_api.h"
#include "queue.h"
#include "request_log.h"

/* A part of a refused body; the hashes of its positions. */
typedef struct Suspects
{
	int	   count;
	int64 *hashes;
} Suspects;

struct JoorDrain
{
	Oid				  serverid;
	MemoryContext	  context; /* as long as the drain */
	MemoryContext	  request; /* of one request; reset before the next */
	TimestampTz		  due;
	JoorQueueScan	  scan;
	JoorAccount		 *account;
	bool			  locked; /* we have the account's lock */
	JoorQueueBatch	  batch;  /* what the request carries */
	JoorPayload		  payload;
	JoorCall		  call;
	JoorHttpTransfer *transfer; /* NULL: nothing is in flight */
	int64			  request_id;
	int64			  run; /* first request since there was nothing to send */
	bool			  open_rejections;
	int				  max_items; /* that get through; 0: as the account says */
	bool			  shrunk;	 /* by a time-out, which may pass */
	int				  failures;	 /* in a row, of JOOR's or the network's */
	int				  refusals;	 /* in a row, of whole bodies */
	bool			  probe;	 /* next, ask whether the address is right */
	List			 *suspects;	 /* of Suspects, the next one first */
	JoorDrainState	  state;	 /* as joor.drain has it */
};

/* Not stepped again before somebody has acted. */
extern void joor_drain_block(JoorDrain *drain, const char *reason);

/* Steps again after a pause, for that reason. */
extern void joor_drain_pause(JoorDrain *drain, long milliseconds,
							 JoorDrainKind kind, const char *reason);

/* Most items of a request, as far as is known. */
extern int joor_drain_batch_limit(const JoorDrain *drain);

/*
 * What an outcome means for the queue, and for what comes next.  Called in
 * the transaction that records it; may fill in stop_reason and items.
 */
extern void joor_drain_conclude(JoorDrain *drain, const JoorDelivery *delivery,
								JoorRequestFinish *finish);

#endif /* JOOR_DRAIN_INTERNAL_H */
