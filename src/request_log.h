/*-------------------------------------------------------------------------
 *
 * request_log.h
 *	  joor.request: every call to JOOR, and by it the ledger of credits.
 *
 * Words: a request is one HTTP call; it is started before the call, with the
 * outcome `sending`, and finished after it.  Its credits count against the
 * account's window from start to `window` after its finish: JOOR's window is
 * fixed and its beginning unknown to us, so no stretch of that length may
 * hold more than the limit.  A permit says whether a call may go out now.
 *
 * Invariants: at most one request of an account is being sent, since its
 * sender holds joor_account_lock(); an older row that still says `sending`
 * belongs to a sender that is gone, and becomes `unknown`.  Each function is
 * called in a short transaction of the recorder's, with the tables open, and
 * commits by its end, whatever becomes of the caller's transaction.  Texts
 * are in the server's encoding.
 *
 * Floor 5: the SQL text of joor.request and joor.rejection stands here.
 *
 * IDENTIFICATION
 *	  src/request_log.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef JOOR_REQUEST_LOG_H
#define JOOR_REQUEST_LOG_H

#include "joor_api.h"
#include "key_index.h"

#include "utils/timestamp.h"

typedef struct JoorRequestStart
{
	Oid	  serverid;
	char *server;
	char *user_name; /* who asked for it */
	char *source;	 /* SQL function, or worker */
	char *operation; /* bulk_inventory, sku_inventory, read_styles */
	char *method;
	char *url; /* without query string */
	bool  overwrite;
	bool  dec_pending;
	int64 items;
	int64 bytes;	 /* of the body */
	int64 credits;	 /* that the call costs */
	int64 limit;	 /* credits of a window that may be spent */
	int64 window;	 /* microseconds */
	int64 timeout;	 /* microseconds; the call is over by then */
	int64 pid;		 /* of the sender */
	int64 run;		 /* first request of the same push or drain; 0: itself */
	int64 run_items; /* of all of these; 0: not known */
	TimestampTz
		snapshot_at;	  /* what is sent was read as of then; 0: as of now */
	const char	   *feed; /* whose items they are; NULL: of none */
	int				nfeed_items;
	const JoorItem *feed_items;
} JoorRequestStart;

typedef struct JoorRequestPermit
{
	int64		id;				 /* of the started request; 0: not now */
	TimestampTz not_before;		 /* when to ask again, if not now */
	bool		open_rejections; /* the account has some: say what passed */
	bool		queued;			 /* likewise, and a push asks: entries in the
								  * queue */
	int64		waited;			 /* for the credits, microseconds; measured by
								  * who asked */
} JoorRequestPermit;

typedef struct JoorRequestFinish
{
	int64			 id;
	Oid				 serverid;
	char			*server;
	char			*outcome;
	int64			 http_status; /* 0: none */
	int64			 sku_count;	  /* -1: none */
	int64			 rejected;
	char			*log_id;
	char			*throttling;
	char			*message;
	char			*answer;		 /* beginning of JOOR's answer */
	int64			 duration;		 /* microseconds */
	int64			 waited;		 /* for credits, microseconds */
	bool			 free_of_charge; /* it never left, so it cost nothing */
	bool			 throttled;
	int64			 retry_after; /* seconds to wait after a 429; -1: unknown */
	int64			 window;	  /* microseconds; the wait if it is unknown */
	char			*stop_reason; /* stops the account; NULL: no */
	char			*configuration; /* as which it is stopped */
	char			*items;	   /* JSON list for joor.rejection; NULL: nothing */
	char			*feed;	   /* of which all was sent: keys that changed and
								* that the snapshot sees leave the queue; NULL:
								* of none */
	char			*snapshot; /* a push: entries that it sees ... */
	int				 nhashes;  /* ... of these positions leave the queue */
	int64			*hashes;
	bool			 overwrite;
	int				 nacknowledged; /* items that JOOR acknowledged */
	const JoorItem **acknowledged;
	int				 nuntaken; /* hashes of items that JOOR did not take */
	int64			*untaken;
} JoorRequestFinish;

/*
 * Fills in what a call of an account is; source: what made it, limit: credits
 * of a window that it may spend.  Allocated in the current memory context.
 */
extern void joor_request_start_fill(JoorRequestStart  *start,
									const JoorAccount *account,
									const JoorCall *call, Oid userid,
									const char *source, int limit);

/*
 * Fills in what became of it, and of its items; refers to all of them.
 * open_rejections: as the permit said.
 */
extern void joor_request_finish_fill(JoorRequestFinish *finish, int64 id,
									 const JoorAccount	*account,
									 const JoorCall		*call,
									 const JoorDelivery *delivery,
									 bool				 open_rejections);

/*
 * Asks for the credits of a request and, if they are there, starts it.
 * Error: the account was sent something newer than snapshot_at
 * (ERRCODE_T_R_SERIALIZATION_FAILURE).
 */
extern void joor_request_start(const JoorRequestStart *start,
							   JoorRequestPermit	  *permit);

/* Records the outcome of a request, and what it says of its items. */
extern void joor_request_finish(const JoorRequestFinish *finish);

/* The sender is gone before an answer came: outcome unknown. */
extern void joor_request_abandon(int64 id);

/*
 * The same for all requests of accounts for which nobody sends now: after a
 * crash, or a promotion.  For a worker that has just begun, and holds no
 * account's place.  Tables are open.
 */
extern void joor_request_abandon_gone(void);

/*
 * Records items in joor.rejection.  `items` is a JSON list of objects:
 * position (text), status (pass: closes an open rejection; fail: opens or
 * renews one), source (validation, joor), reason, row, fields (object).
 */
extern void joor_rejection_record(Oid serverid, const char *server,
								  int64 request_id, const char *items);

/*
 * What JOOR rejected less than an hour ago and has not taken since, in the
 * current memory context; NULL: nothing.  Tables are open.
 */
extern JoorKeyIndex *joor_rejections_fresh(Oid serverid);

/* Whether an item, checked, is among them with the very same quantity. */
extern bool joor_rejection_is_fresh(JoorKeyIndex *fresh, const JoorItem *item);

/*
 * Deletes what joor_inventory.request_retention and _max_rows let go, and
 * counters from before resets.
 */
extern void joor_request_expire(void);

#endif /* JOOR_REQUEST_LOG_H */
