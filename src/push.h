/*-------------------------------------------------------------------------
 *
 * push.h
 *	  A push, whatever it takes its items from.
 *
 * Floor 8.
 *
 * IDENTIFICATION
 *	  src/push.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef JOOR_PUSH_H
#define JOOR_PUSH_H

#include "account.h"
#include "feed.h"

#include "fmgr.h"

typedef struct JoorPushOrder
{
	const char	   *source; /* the SQL function, as joor.request shows it */
	JoorAccount	   *account;
	const char	   *query;
	const JoorFeed *feed; /* whose query it is; NULL: the caller's own */
	bool			overwrite;
	bool			dec_pending;
	const char	   *on_failure; /* error or report */
	bool			force;		/* whatever an overwrite drops */
} JoorPushOrder;

/* Sends, and puts a row for each request into the function's result. */
extern void joor_push(FunctionCallInfo fcinfo, const JoorPushOrder *order);

#endif /* JOOR_PUSH_H */
