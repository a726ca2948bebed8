/*-------------------------------------------------------------------------
 *
 * fault.h
 *	  Misbehaviour on command.
 *
 * Words: a fault is claimed by a call that matches it; a claim keeps it in
 * memory until it is given back.  The queue is a script: a call looks at the
 * first fault that matches it, and at that one only.  While that still waits
 * for calls to pass (`after`), the call passes unharmed.
 *
 * A claimed fault is read without the lock, since it is never changed but
 * for its counters.
 *
 * IDENTIFICATION
 *	  test/simulator/fault.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef SIMULATOR_FAULT_H
#define SIMULATOR_FAULT_H

#include "request.h"

/* Whether the call takes effect. */
typedef enum Applied
{
	APPLIED_DEFAULT, /* unless the fault has a status, or cuts the request */
	APPLIED_FIRST,
	APPLIED_LATE, /* after the pause, even though the client may be gone */
	APPLIED_NEVER
} Applied;

/* Where the connection breaks. */
typedef enum Cut
{
	CUT_NONE,
	CUT_BEFORE_BODY,
	CUT_IN_BODY,
	CUT_BEFORE_ANSWER,
	CUT_IN_HEADERS,
	CUT_IN_ANSWER,
	CUT_AFTER_ANSWER
} Cut;

/* How it does. */
typedef enum CutHow
{
	CUT_RESET,	   /* RST */
	CUT_CLOSE,	   /* FIN */
	CUT_HALF_CLOSE /* FIN, and the socket stays open until the client's */
} CutHow;

typedef enum BodyKind
{
	BODY_USUAL, /* what the call's answer, or an error, would be */
	BODY_TEXT,	/* `body` or `body_base64` */
	BODY_EMPTY,
	BODY_GARBAGE,
	BODY_HTML,
	BODY_INVALID_UTF8,
	BODY_NUL,
	BODY_DEEP,
	BODY_ENTITY_BOMB,
	BODY_EXTERNAL_ENTITY,
	BODY_HUGE,
	BODY_ENDLESS
} BodyKind;

typedef struct Fault
{
	struct Fault *next;
	int64_t		  number;
	int			  claims;
	char		  name[64];

	/* Which calls. */
	int		operation; /* an Operation; OPERATION_NONE: any */
	char	account[64];
	int64_t after;
	int64_t times; /* 0: for ever */
	int64_t used;

	/* When. */
	int		applied; /* an Applied */
	int64_t delay;	 /* microseconds */
	bool	hold;	 /* until the control side says go */
	bool	early;	 /* answer before the body is read */

	/* What. */
	int64_t status; /* 0: as it would be */
	char	content_type[128];
	char	retry_after[64];
	char	location[1024];
	char	target[1024]; /* of the external entity */
	json_t *headers;
	json_t *answer;	   /* members of AnswerStyle */
	int		body_kind; /* a BodyKind */
	Buffer	body;
	int64_t size; /* of a body that is made; -1: its default */

	/* On the wire. */
	int		cut;			/* a Cut */
	int		how;			/* a CutHow */
	int64_t cut_after;		/* bytes of the answer's body; -1: half of it */
	int64_t slow_bytes;		/* at once; 0: all */
	int64_t slow_interval;	/* microseconds */
	int64_t content_length; /* announced; -1: the true one */
	bool	http10;
	bool	chunked;
} Fault;

/* Queues a fault.  NULL when json is not one; error then says why. */
extern const Fault *fault_add(json_t *json, Buffer *error);

/* The fault of this call, or NULL.  Under the lock. */
extern Fault *fault_claim(Operation operation, const char *account);
extern void	  fault_give_back(Fault *fault);

/* Under the lock. */
extern void fault_clear(void);
extern void fault_write(Buffer *out);

/* Does the call take effect? */
extern Applied fault_applied(const Fault *fault);

/* Can the answer be sent only by hand? */
extern bool fault_needs_wire(const Fault *fault);

/* Makes of the answer what the fault wants of it. */
extern void fault_shape(const Fault *fault, Format format, Answer *answer);

#endif /* SIMULATOR_FAULT_H */
