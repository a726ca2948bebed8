/*-------------------------------------------------------------------------
 *
 * joor_api.h
 *	  JOOR's calls: what is sent for an account, and what an answer means.
 *
 * Words: a call is what is to be done at JOOR; a delivery is what became of
 * it.  Outcomes: delivered; partly_rejected (some items refused in an answer
 * that is a success); refused (the whole body, or every item); unknown (sent,
 * but no answer that says what became of it); failed (JOOR's trouble, or not
 * reached); throttled (out of credits).
 *
 * Source: JOOR's Style Inventory pages; the rules for reading and for what an
 * answer means are in reply.h and at the functions.
 *
 * Floor 4: knows neither queue nor worker nor tables.
 *
 * IDENTIFICATION
 *	  src/joor_api.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef JOOR_JOOR_API_H
#define JOOR_JOOR_API_H

#include "account.h"
#include "http.h"
#include "reply.h"

/* Credits that a call costs, whatever its size. */
#define JOOR_CREDITS_READ 1
#define JOOR_CREDITS_WRITE 5

typedef enum JoorOperation
{
	JOOR_BULK_INVENTORY,
	JOOR_SKU_INVENTORY,
	JOOR_READ_STYLES
} JoorOperation;

typedef struct JoorCall
{
	JoorOperation	   operation;
	bool			   overwrite;	/* bulk only */
	bool			   dec_pending; /* bulk and SKU */
	const JoorItem	  *items;		/* checked items; none when reading */
	int				   nitems;
	const JoorPayload *payload; /* bulk only: the complete body */
} JoorCall;

typedef enum JoorOutcome
{
	JOOR_DELIVERED,
	JOOR_PARTLY_REJECTED,
	JOOR_REFUSED,
	JOOR_UNKNOWN,
	JOOR_FAILED,
	JOOR_THROTTLED
} JoorOutcome;

/* Texts are in the server's encoding and hold no secret. */
typedef struct JoorDelivery
{
	JoorOutcome		outcome;
	int				sqlerrcode;	 /* for raising what is no success; 0: success,
								* perhaps with rejections */
	int				http_status; /* 0: none */
	int64			sku_count;	 /* -1: none */
	int				rejected;	 /* items with status fail */
	char		   *log_id;		 /* NULL: none */
	char		   *message;	 /* NULL: nothing to say */
	char		   *throttling;	 /* X-Throttling-* headers; NULL: none */
	char		   *answer;		 /* beginning of the answer; NULL: none */
	int				retry_after; /* seconds; -1: not said */
	int64			duration;	 /* microseconds */
	bool			free_of_charge; /* nothing reached JOOR */
	bool			too_large;		/* a smaller body may get through */
	bool			acknowledged;	/* a success that was read to its end: items
									 * that were not rejected are JOOR's now */
	char		   *stop_reason; /* nothing will get through until someone acts;
								* NULL: no */
	JoorItemStatus *status;		 /* of each item */
	char		  **reason;		 /* of each item that failed; may be NULL */
} JoorDelivery;

/* As in joor.request: bulk_inventory, sku_inventory, read_styles. */
extern const char *joor_operation_name(JoorOperation operation);

/* As in joor.request: delivered, partly_rejected, ... */
extern const char *joor_outcome_name(JoorOutcome outcome);

/* Credits that a call of that operation costs. */
extern int joor_operation_credits(JoorOperation operation);

/* HTTP method of a call. */
extern const char *joor_call_method(const JoorAccount *account,
									const JoorCall	  *call);

/*
 * Address of a call, in the current memory context: without the query string
 * it is fit for a log, with it for sending.
 */
extern char *joor_call_url(const JoorAccount *account, const JoorCall *call,
						   bool with_query);

/* Fills in a request for an authorized account; it refers to the call. */
extern void joor_call_request(const JoorAccount *account, const JoorCall *call,
							  JoorHttpRequest *request);

/*
 * What an answer means for a call.  Allocated in the current memory context.
 * Throws out of memory only.
 */
extern JoorDelivery *joor_call_delivery(const JoorCall		 *call,
										const JoorHttpAnswer *answer);

#endif /* JOOR_JOOR_API_H */
