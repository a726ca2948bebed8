/*-------------------------------------------------------------------------
 *
 * call_log.h
 *	  Every call that came, and every rule that one broke.
 *
 * Life: call_log_begin() gives a call its number when its first line has
 * come, call_log_end() closes it when its answer has been sent or its
 * connection is gone.  Calls are kept until call_log_clear(), the bodies of
 * the last hundred as long as they are not large; of very many calls only
 * the later ones.  Under the lock.
 *
 * IDENTIFICATION
 *	  test/simulator/call_log.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef SIMULATOR_CALL_LOG_H
#define SIMULATOR_CALL_LOG_H

#include "request.h"

typedef struct Call
{
	uint64_t	number;
	unsigned	connection; /* number of the connection it came on */
	bool		begun;		/* its headers have come */
	bool		held;		/* in the pause of a fault */
	bool		forgotten;	/* by call_log_clear(): goes on, is not told */
	int64_t		arrived;	/* epoch, microseconds */
	int64_t		booked;		/* when it took effect; 0: it did not */
	int64_t		ended;		/* 0: still under way */
	Operation	operation;
	char		account[64]; /* empty: none */
	char		method[16];
	char	   *path;
	char	   *query;			  /* NULL: none */
	const char *authorization;	  /* ok, wrong or missing */
	char		content_type[80]; /* headers: empty when not there */
	char		accept[80];
	char		user_agent[80];
	char		expect[32];
	char		transfer_encoding[32];
	size_t		bytes; /* of the body */
	size_t		items;
	size_t		failed; /* items */
	int			status; /* 0: not answered */
	char		fault[64];
	bool		refused; /* for want of credits */
	bool		broken;	 /* the connection ended before the answer did */
	int64_t		credits; /* left */
	unsigned	abreast; /* others of its account that were under way */
	char		log_id[37];
	char	   *body; /* NULL: not kept */
	size_t		body_length;
} Call;

/* Which calls are asked for. */
typedef struct CallFilter
{
	const char *account;   /* NULL: any */
	const char *operation; /* NULL: any */
	int			status;	   /* -1: any */
	uint64_t	since;	   /* numbers above it */
} CallFilter;

/* How many of each sort there are; held is part of under_way. */
typedef struct CallCount
{
	size_t arrived;
	size_t ended;
	size_t under_way;
	size_t held;
} CallCount;

extern Call *call_log_begin(const Request *request, unsigned connection);

/* Knows the account now; counts those that are under way beside it. */
extern void call_log_account(Call *call, const char *account);
extern void call_log_held(Call *call, bool held);
extern void call_log_headers(Call *call, const Request *request);

/* Keeps the body, which it takes over. */
extern void call_log_body(Call *call, Buffer *body);
extern void call_log_end(Call *call, bool complete);

/* item: its index, -1: the whole call. */
extern void call_log_violation(const Call *call, const char *rule, long item,
							   const char *detail);
/* Forgets all; calls under way go on, but nobody hears of them any more. */
extern void call_log_clear(void);
extern void call_log_clear_violations(void);

/* NULL: no such call. */
extern const Call *call_log_find(uint64_t number);
extern CallCount   call_log_count(const CallFilter *filter);
extern void		   call_log_write(Buffer *out, const CallFilter *filter);
extern void call_log_write_summary(Buffer *out, const CallFilter *filter);
extern void call_log_write_violations(Buffer *out, const CallFilter *filter);

#endif /* SIMULATOR_CALL_LOG_H */
