/*-------------------------------------------------------------------------
 *
 * booking.h
 *	  Items are checked against an account and become its positions.
 *
 * A call is checked as a whole before any of it is booked: a body that is
 * refused changes nothing.  Under the lock.
 *
 * IDENTIFICATION
 *	  test/simulator/booking.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef SIMULATOR_BOOKING_H
#define SIMULATOR_BOOKING_H

#include "account.h"
#include "call_log.h"

typedef struct Refusal
{
	int			status;
	int64_t		code;
	const char *comment;
} Refusal;

typedef struct BookingOptions
{
	bool overwrite;
	bool dec_pending;
} BookingOptions;

/* Marks the items that fail.  False: the whole call is refused. */
extern bool booking_check(Account *account, ItemList *list, const Call *call,
						  Refusal *refusal);

extern void booking_apply(Account *account, ItemList *list, Call *call,
						  const BookingOptions *options);

/*
 * What orders hold, or what JOOR itself made of a position: written without
 * a call.  False when an item is not one, or its SKU is not known.
 */
extern bool booking_pending(Account *account, ItemList *list);
extern bool booking_set(Account *account, ItemList *list);

#endif /* SIMULATOR_BOOKING_H */
