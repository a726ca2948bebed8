/*-------------------------------------------------------------------------
 *
 * control.h
 *	  The control side: what a test orders and asks.
 *
 * IDENTIFICATION
 *	  test/simulator/control.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef SIMULATOR_CONTROL_H
#define SIMULATOR_CONTROL_H

#include <microhttpd.h>
#include <stdint.h>

/* Plain HTTP.  NULL when it cannot listen. */
extern struct MHD_Daemon *control_start(uint16_t port);

/* The block of control.c that describes it. */
extern const char control_manual[];

#endif /* SIMULATOR_CONTROL_H */
