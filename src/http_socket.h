/*-------------------------------------------------------------------------
 *
 * http_socket.h
 *	  The sockets that libcurl waits for, and the wait for them.
 *
 * libcurl says by a callback which sockets it waits for; they are kept in a
 * table, and put into a WaitEventSet together with the process's latch.
 *
 * Floor 2: of http_multi.c only.
 *
 * IDENTIFICATION
 *	  src/http_socket.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef JOOR_HTTP_SOCKET_H
#define JOOR_HTTP_SOCKET_H

#include "compat.h"

/* CURLMOPT_SOCKETFUNCTION: adds, changes or removes a socket. */
extern int joor_http_socket_changed(CURL *easy, curl_socket_t fd, int what,
									void *arg, void *socket_arg);

/* Once libcurl waits for none, since its multi handle is gone. */
extern void joor_http_forget_sockets(void);

/*
 * Waits for the latch or a socket, timeout_ms milliseconds or (-1) for ever;
 * exits if the postmaster dies.  The number of events, 0 after the time-out.
 */
extern int joor_http_wait_for_sockets(long timeout_ms, WaitEvent *events,
									  int size, uint32 wait_event);

#endif /* JOOR_HTTP_SOCKET_H */
