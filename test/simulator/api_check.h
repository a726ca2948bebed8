/*-------------------------------------------------------------------------
 *
 * api_check.h
 *	  The rules that hold for a call before its items are looked at.
 *
 * Under the lock.  Whatever refuses a call has filled its answer.
 *
 * IDENTIFICATION
 *	  test/simulator/api_check.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef SIMULATOR_API_CHECK_H
#define SIMULATOR_API_CHECK_H

#include "api.h"

/* Who calls, with which method, headers and query.  False: it is refused. */
extern bool api_check(Exchange *exchange, Answer *answer);

/* Answers with an error; of api.c. */
extern void api_refuse(Exchange *exchange, Answer *answer, int status,
					   int64_t code, const char *comment);

/* Notes a violation; detail may be NULL. */
extern void api_violate(Exchange *exchange, const char *rule,
						const char *detail);

/* Does both, and returns false. */
extern bool api_refuse_violation(Exchange *exchange, Answer *answer, int status,
								 const char *rule, const char *detail);

#endif /* SIMULATOR_API_CHECK_H */
