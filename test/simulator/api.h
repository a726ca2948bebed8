/*-------------------------------------------------------------------------
 *
 * api.h
 *	  JOOR's three calls, and the rules that hold for all of them.
 *
 * Life of an exchange: server.c makes it, reads the first line into its
 * request and begins its call; api_begin() when the headers are there;
 * api_body() for each piece of the body; api_answer() carries the call out,
 * or api_error() does not.  The functions take the lock themselves.
 *
 * IDENTIFICATION
 *	  test/simulator/api.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef SIMULATOR_API_H
#define SIMULATOR_API_H

#include "account.h"
#include "call_log.h"
#include "fault.h"

typedef struct Exchange
{
	Request	 request;
	Call	*call;	  /* NULL: it has ended */
	Account *account; /* NULL: none has that token */
	Fault	*fault;	  /* claimed; NULL: none */
	Buffer	 body;
	bool	 begun; /* the headers have been read */
	bool	 too_large;
	Format	 format; /* of the answer */
} Exchange;

extern void api_begin(Exchange *exchange);
extern void api_body(Exchange *exchange, const char *data, size_t length);
extern void api_answer(Exchange *exchange, Answer *answer);

/* An error that JOOR might give, with nothing done. */
extern void api_error(Exchange *exchange, Answer *answer, int status);

#endif /* SIMULATOR_API_H */
