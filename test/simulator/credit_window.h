/*-------------------------------------------------------------------------
 *
 * credit_window.h
 *	  The credits of an account: so many a window.
 *
 * The window is fixed.  It starts with its first call and is refilled whole
 * by the next, which is that of the first call after its end.  Calls that
 * are refused for want of credits count too.  Under the lock.
 *
 * IDENTIFICATION
 *	  test/simulator/credit_window.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef SIMULATOR_CREDIT_WINDOW_H
#define SIMULATOR_CREDIT_WINDOW_H

#include <stdbool.h>
#include <stdint.h>

typedef struct CreditWindow
{
	int64_t limit;	/* credits of a window */
	int64_t length; /* microseconds */
	int64_t start;	/* by clock_monotonic(); 0: no window yet */
	int64_t used;
} CreditWindow;

/* Takes a call's cost.  False when the window does not have it. */
extern bool credit_window_charge(CreditWindow *window, int64_t cost);

/* What is left, never below 0, and the microseconds until the next window. */
extern int64_t credit_window_left(const CreditWindow *window);
extern int64_t credit_window_rest(const CreditWindow *window);

/* Ends the window, as if its time were over. */
extern void credit_window_refill(CreditWindow *window);

#endif /* SIMULATOR_CREDIT_WINDOW_H */
