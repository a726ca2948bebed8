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
#include "feed_batch.h"
#include "joor_api.h"
#include "queue.h"
#include "request_log.h"

/* Looking for the guilty items of refused bodies; see drain_hunt.c. */
typedef struct JoorHunt
{
	List *suspects;	 /* parts of refused bodies, the next one first */
	List *accused;	 /* entries that were refused alone */
	int	  patience;	 /* refusals to bear before giving up */
	bool  probed;	 /* the address has been found right */
	bool  under_way; /* the batch is of the first suspects */
	bool  rest_next; /* the rest of the queue has its turn */
	bool  sampling;	 /* nothing gets through; single items are tried */
} JoorHunt;

struct JoorDrain
{
	Oid				  serverid;
	MemoryContext	  context; /* as long as the drain */
	MemoryContext	  request; /* of one request; reset at its end */
	TimestampTz		  due;
	JoorQueueScan	  scan;
	JoorAccount		 *account;
	bool			  locked;	  /* we have the account's lock */
	JoorQueueBatch	  batch;	  /* what the request carries */
	JoorFeedBatch	 *feed_batch; /* of which feed it is; NULL: of none */
	List			 *sources;	  /* the account's feeds, JoorFeedSource */
	bool			  again;	  /* reading has not come to its end */
	JoorPayload		  payload;
	JoorCall		  call;
	JoorHttpTransfer *transfer; /* NULL: nothing is in flight */
	int64			  request_id;
	TimestampTz		  asked_at; /* for credits, in vain; 0: not */
	int64			  waited;	/* the request did, for them, microseconds */
	int64			  run; /* first request since there was nothing to send */
	bool			  open_rejections;
	int				  max_items;  /* that get through; 0: as the account says */
	bool			  shrunk;	  /* by a time-out, which may pass */
	int				  failures;	  /* in a row, of JOOR's or the network's */
	TimestampTz		  resumed_at; /* the account was, at the last of them */
	TimestampTz		  blocked_at;
	bool			  probe; /* next, ask whether the address is right */
	JoorHunt		  hunt;
	JoorDrainState	  state; /* as joor.drain has it */
};

/* Not stepped again before somebody has acted. */
extern void joor_drain_block(JoorDrain *drain, const char *reason);

/* Steps again after a pause, for that reason. */
extern void joor_drain_pause(JoorDrain *drain, long milliseconds,
							 JoorDrainKind kind, const char *reason);

/* The same for trouble at JOOR's end: the pause grows, with jitter. */
extern void joor_drain_pause_failed(JoorDrain *drain, const char *reason);

/* Most items of a request, as far as is known. */
extern int joor_drain_batch_limit(const JoorDrain *drain);

/*
 * Reads the next entries that no hunt holds, or keys of a feed, whichever has
 * waited longest; false: there are none now.
 */
extern bool joor_drain_read_rest(JoorDrain *drain);

/* The feed that is tried again first, of those that fail; NULL: none does. */
extern const JoorFeedSource *joor_drain_failing_feed(const JoorDrain *drain);

/* Records a list as joor_rejection_record() takes; NULL: nothing. */
extern void joor_drain_record_rejections(JoorDrain *drain, const char *items);

/* Entries of the batch that break the account's rules become rejections. */
extern void joor_drain_reject_invalid(JoorDrain *drain);

/* The hunt knows nothing, as at the beginning of a drain. */
extern void joor_hunt_init(JoorDrain *drain);

/* Whether suspects are to be tried next, before the rest of the queue. */
extern bool joor_hunt_has_turn(const JoorDrain *drain);

/* Reads the next suspects into the batch; false: there are none. */
extern bool joor_hunt_read(JoorDrain *drain);

/*
 * Hashes of the positions that are suspects or accused, which the rest of the
 * queue is without; in the current memory context.
 */
extern int64 *joor_hunt_held(const JoorDrain *drain, int *count);

/* JOOR took the batch, or refused it as a whole; as joor_drain_conclude(). */
extern void joor_hunt_accepted(JoorDrain *drain);
extern void joor_hunt_refused(JoorDrain *drain, const JoorDelivery *delivery);

/*
 * Nothing but accused entries is left in the queue.  All of it has been tried,
 * so they are guilty, even if JOOR took nothing else; but when nothing got
 * through for long, all begin anew.  False: there are none.
 */
extern bool joor_hunt_settle(JoorDrain *drain);

/*
 * What an outcome means for the queue, and for what comes next.  Called in
 * the transaction that records it.
 */
extern void joor_drain_conclude(JoorDrain *drain, const JoorDelivery *delivery);

#endif /* JOOR_DRAIN_INTERNAL_H */
