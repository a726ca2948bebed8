/*-------------------------------------------------------------------------
 *
 * call.h
 *	  A call to JOOR from a session, with its credits and its record.
 *
 * The caller holds joor_account_lock().  Rhythm: the recorder grants the
 * credits and writes the request row, or the session waits (NOTICE until
 * when, cancellable); then HTTP; then the recorder writes the outcome.
 *
 * Floor 7.
 *
 * IDENTIFICATION
 *	  src/call.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef JOOR_CALL_H
#define JOOR_CALL_H

#include "joor_api.h"

#include "utils/timestamp.h"

/* Calls that belong together: those of one push. */
typedef struct JoorRun
{
	const char *source; /* the SQL function, as joor.request shows it */
	int64		id;		/* of its first request; 0: none yet */
	int64		items;	/* of all its requests */
	char *snapshot; /* no later than what is sent was read in; entries of its
					 * items that it sees are superseded by what JOOR takes;
					 * NULL: none are */
	TimestampTz snapshot_at; /* the query was read as of then; 0: as of now */
	const char
		*feed;		/* whose items are sent, each with its key; NULL: of none */
	bool completes; /* the call carries all that is left of the feed, and all
					 * before it was taken: keys that had changed by the
					 * snapshot need not be sent any more */
} JoorRun;

/*
 * Makes one call.  request_id: that of its row in joor.request.  What JOOR or
 * the network did is in the delivery; errors are those of the recorder and a
 * cancel, after which the request is recorded as unknown.  Allocated in the
 * current memory context.
 */
extern JoorDelivery *joor_call_perform(const JoorAccount *account,
									   const JoorCall *call, JoorRun *run,
									   int64 *request_id);

/*
 * Raises what a delivery says (its sqlerrcode is not 0).  detail: what was
 * delivered before, or NULL.
 */
extern void joor_call_raise(const JoorAccount  *account,
							const JoorDelivery *delivery, int64 id,
							const char *detail) pg_attribute_noreturn();

#endif /* JOOR_CALL_H */
