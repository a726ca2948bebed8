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

/*
 * Makes one call.  source: the SQL function, as joor.request shows it; id:
 * that of the request row.  Entries of the items that were queued up to the
 * id queued_to are superseded by it.  What JOOR or the network did is in the delivery;
 * errors are those of the recorder and a cancel, after which the request is
 * recorded as unknown.  Allocated in the current memory context.
 */
extern JoorDelivery *joor_call_perform(const JoorAccount *account,
									   const JoorCall *call, const char *source,
									   int64 queued_to, int64 *id);

/*
 * Raises what a delivery says (its sqlerrcode is not 0).  detail: what was
 * delivered before, or NULL.
 */
extern void joor_call_raise(const JoorAccount  *account,
							const JoorDelivery *delivery, int64 id,
							const char *detail) pg_attribute_noreturn();

#endif /* JOOR_CALL_H */
