/*-------------------------------------------------------------------------
 *
 * credit_window.c
 *	  The credits of an account: so many a window.
 *
 * IDENTIFICATION
 *	  test/simulator/credit_window.c
 *
 *-------------------------------------------------------------------------
 */
#include "credit_window.h"
#include "simulator.h"

static bool
is_over(const CreditWindow *window)
{
	return window->start == 0 ||
		   clock_monotonic() - window->start >= window->length;
}

bool
credit_window_charge(CreditWindow *window, int64_t cost)
{
	if (is_over(window))
	{
		window->start = clock_monotonic();
		window->used = 0;
	}
	window->used += cost;
	return window->used <= window->limit;
}

int64_t
credit_window_left(const CreditWindow *window)
{
	if (is_over(window))
		return window->limit;
	return window->used < window->limit ? window->limit - window->used : 0;
}

int64_t
credit_window_rest(const CreditWindow *window)
{
	if (is_over(window))
		return 0;
	return window->start + window->length - clock_monotonic();
}

void
credit_window_refill(CreditWindow *window)
{
	window->start = 0;
	window->used = 0;
}
