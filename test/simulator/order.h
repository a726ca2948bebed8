/*-------------------------------------------------------------------------
 *
 * order.h
 *	  The orders that the control side takes, one function each.
 *
 * The manual in control.c says what each of them does.  A function reads the
 * name, the query and the input, and fills the output or fails.  Under the
 * lock, which only order_get_wait() lets go meanwhile.
 *
 * IDENTIFICATION
 *	  test/simulator/order.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef SIMULATOR_ORDER_H
#define SIMULATOR_ORDER_H

#include "buffer.h"

#include <microhttpd.h>
#include <stdbool.h>

/* One order, and what is told back. */
typedef struct Order
{
	struct MHD_Connection *connection;
	Buffer				   name; /* second segment of the path, decoded */
	Buffer				   input;
	Buffer		output; /* begins as an object, unless begin_output() */
	bool		whole;	/* the output is not to be closed as an object */
	int			status;
	const char *content_type;
	const char *problem; /* made into the output when set */
} Order;

/* What order_get_health() tells; before the first order. */
extern void order_ports(uint16_t api_port, uint16_t control_port);

extern void order_fail(Order *order, int status, const char *problem);

extern void order_put_account(Order *order);
extern void order_get_account(Order *order);
extern void order_delete_account(Order *order);
extern void order_get_state(Order *order);
extern void order_post_state(Order *order);
extern void order_post_fault(Order *order);
extern void order_get_fault(Order *order);
extern void order_delete_fault(Order *order);
extern void order_post_release(Order *order);
extern void order_get_calls(Order *order);
extern void order_get_violations(Order *order);
extern void order_get_wait(Order *order);
extern void order_get_body(Order *order);
extern void order_post_refill(Order *order);
extern void order_post_reset(Order *order);
extern void order_get_health(Order *order);
extern void order_visit_trap(Order *order);

#endif /* SIMULATOR_ORDER_H */
