/*-------------------------------------------------------------------------
 *
 * server.h
 *	  The JOOR side: calls come in, answers go out.
 *
 * IDENTIFICATION
 *	  test/simulator/server.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef SIMULATOR_SERVER_H
#define SIMULATOR_SERVER_H

#include <microhttpd.h>
#include <stdint.h>

typedef struct ServerOptions
{
	uint16_t	port;	  /* 0: any that is free */
	const char *tls_cert; /* PEM; NULL: plain HTTP */
	const char *tls_key;
	const char *tls_priorities; /* of GnuTLS; NULL: its own */
} ServerOptions;

/* NULL when it cannot listen. */
extern struct MHD_Daemon *server_start(const ServerOptions *options);

/* An address of this machine that nobody else can reach. */
extern struct MHD_Daemon *server_listen(uint16_t port, unsigned flags,
										MHD_AccessHandlerCallback	 handler,
										const struct MHD_OptionItem *items);

/*
 * Sends at once, and acknowledges the headers at once: a client that sends
 * them apart from the body may wait for that, for 40 ms otherwise.
 */
extern void		server_hurry(struct MHD_Connection *connection);
extern uint16_t server_port(struct MHD_Daemon *daemon);

#endif /* SIMULATOR_SERVER_H */
