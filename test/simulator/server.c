/*-------------------------------------------------------------------------
 *
 * server.c
 *	  The JOOR side: calls come in, answers go out.
 *
 * A thread for each connection, so that whatever is slow or held delays
 * itself only.  A call ends in the log just before its answer is sent: who
 * has read an answer finds its call ended.  Only an answer that is slow by
 * command ends when it has been sent.
 *
 * The whole body is read before any answer, but for a fault that wants it
 * otherwise: an answer in the midst of it would be lost in a reset.
 *
 * IDENTIFICATION
 *	  test/simulator/server.c
 *
 *-------------------------------------------------------------------------
 */
#include "server.h"
#include "api.h"
#include "simulator.h"
#include "wire.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define CONNECTION_MEMORY ((size_t) 128 * 1024)
#define MOST_CONNECTIONS 1000u
#define BACKLOG 512u

static atomic_uint connection_count; /* since the start */

static void
connection_notify(void *user, struct MHD_Connection *connection, void **context,
				  enum MHD_ConnectionNotificationCode code)
{
	(void) user;
	(void) connection;
	if (code == MHD_CONNECTION_NOTIFY_STARTED)
		*context = (void *) (uintptr_t) ++connection_count;
}

static unsigned
connection_number(struct MHD_Connection *connection)
{
	return (unsigned) (uintptr_t) MHD_get_connection_info(
			   connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT)
		->socket_context;
}

/* The first line has come. */
static void *
exchange_open(void *user, const char *uri, struct MHD_Connection *connection)
{
	Exchange *exchange = must_alloc(sizeof(Exchange));

	(void) user;
	request_begin(&exchange->request, uri);
	simulator_lock();
	exchange->call =
		call_log_begin(&exchange->request, connection_number(connection));
	simulator_unlock();
	return exchange;
}

static void
exchange_end(Exchange *exchange, int status, bool complete)
{
	simulator_lock();
	exchange->call->status = status;
	call_log_body(exchange->call, &exchange->body);
	call_log_end(exchange->call, complete);
	exchange->call = NULL;
	simulator_unlock();
}

static void
exchange_close(void *user, struct MHD_Connection *connection, void **context,
			   enum MHD_RequestTerminationCode code)
{
	Exchange *exchange = *context;

	(void) user;
	(void) connection;
	(void) code;
	if (exchange == NULL)
		return;
	*context = NULL;
	if (exchange->call != NULL)
		exchange_end(exchange, 0, false);
	if (exchange->fault != NULL)
	{
		simulator_lock();
		fault_give_back(exchange->fault);
		simulator_unlock();
	}
	request_free(&exchange->request);
	buffer_free(&exchange->body);
	free(exchange);
}

/* Lets libmicrohttpd send it. */
static enum MHD_Result
send_answer(struct MHD_Connection *connection, Answer *answer)
{
	struct MHD_Response *response;
	enum MHD_Result		 result;

	response = MHD_create_response_from_buffer(
		answer->body.length, answer->body.data, MHD_RESPMEM_MUST_FREE);
	memset(&answer->body, 0, sizeof(answer->body));
	if (answer->content_type[0] != '\0')
		MHD_add_response_header(response, "Content-Type", answer->content_type);
	for (int i = 0; i < answer->header_count; i++)
		MHD_add_response_header(response, answer->headers[i].name,
								answer->headers[i].value);
	result =
		MHD_queue_response(connection, (unsigned) answer->status, response);
	MHD_destroy_response(response);
	return result;
}

/*
 * The pause of its fault.  A call that is known to be held can be let go:
 * the number of releases is taken before.
 */
static bool
pause_call(Exchange *exchange, struct MHD_Connection *connection)
{
	const Fault *fault = exchange->fault;
	unsigned	 releases = simulator_releases();
	bool		 there;

	simulator_lock();
	call_log_held(exchange->call, true);
	simulator_unlock();
	there = wire_pause(connection, fault->delay, fault->hold, releases);
	simulator_lock();
	call_log_held(exchange->call, false);
	simulator_unlock();
	return there;
}

/* False when there is nobody left to answer. */
static bool
make_answer(Exchange *exchange, struct MHD_Connection *connection,
			Answer *answer)
{
	const Fault *fault = exchange->fault;
	Applied		 applied = fault ? fault_applied(fault) : APPLIED_FIRST;
	bool		 there = true;

	if (applied == APPLIED_FIRST)
		api_answer(exchange, answer);
	if (fault != NULL && (fault->delay > 0 || fault->hold))
		there = pause_call(exchange, connection);
	if (applied == APPLIED_LATE)
		api_answer(exchange, answer);
	if (fault == NULL)
		return true;

	/* Nothing was done, or it is not to be seen that it was. */
	if (applied == APPLIED_NEVER ||
		(fault->status >= 300 && answer->status < 300))
	{
		answer_free(answer);
		api_error(exchange, answer, fault->status ? (int) fault->status : 503);
	}
	fault_shape(fault, exchange->format, answer);
	return there;
}

/* An answer that libmicrohttpd would not send; the connection ends here. */
static void
send_by_hand(Exchange *exchange, struct MHD_Connection *connection,
			 const Answer *answer)
{
	const Fault *fault = exchange->fault;
	bool		 whole = fault->cut == CUT_NONE;
	bool takes_time = fault->slow_bytes > 0 || fault->body_kind == BODY_ENDLESS;

	if (!takes_time)
		exchange_end(exchange, answer->status, whole);
	wire_answer(connection, fault, answer);
	if (takes_time)
		exchange_end(exchange, answer->status, whole);
}

/* Everything that is to be read has been. */
static enum MHD_Result
exchange_answer(Exchange *exchange, struct MHD_Connection *connection)
{
	const Fault	   *fault = exchange->fault;
	Answer			answer = {0};
	enum MHD_Result result = MHD_NO;
	bool			there = make_answer(exchange, connection, &answer);

	if (!there || (fault != NULL && fault->cut == CUT_BEFORE_ANSWER))
	{
		exchange_end(exchange, 0, false);
		if (there)
			wire_cut(connection, (CutHow) fault->how);
	}
	else if (fault != NULL && fault_needs_wire(fault))
		send_by_hand(exchange, connection, &answer);
	else
	{
		exchange_end(exchange, answer.status, true);
		result = send_answer(connection, &answer);
	}
	answer_free(&answer);
	return result;
}

static enum MHD_Result
cut_request(Exchange *exchange, struct MHD_Connection *connection)
{
	const Fault *fault = exchange->fault;
	bool		 there = pause_call(exchange, connection);

	exchange_end(exchange, 0, false);
	if (there)
		wire_cut(connection, (CutHow) fault->how);
	return MHD_NO;
}

/* Called for the headers, for each piece of the body, and at its end. */
static enum MHD_Result
exchange_go_on(void *user, struct MHD_Connection *connection, const char *url,
			   const char *method, const char *version, const char *data,
			   size_t *length, void **context)
{
	Exchange *exchange = *context;

	(void) user;
	(void) url;
	(void) version;
	if (!exchange->begun)
	{
		exchange->begun = true;
		server_hurry(connection);
		request_headers(&exchange->request, connection, method);
		api_begin(exchange);
		if (exchange->fault == NULL)
			return MHD_YES;
		if (exchange->fault->cut == CUT_BEFORE_BODY)
			return cut_request(exchange, connection);
		if (exchange->fault->early)
			return exchange_answer(exchange, connection);
		return MHD_YES;
	}
	if (*length > 0)
	{
		api_body(exchange, data, *length);
		*length = 0;
		if (exchange->fault != NULL && exchange->fault->cut == CUT_IN_BODY)
			return cut_request(exchange, connection);
		return MHD_YES;
	}
	return exchange_answer(exchange, connection);
}

void
server_hurry(struct MHD_Connection *connection)
{
	int socket =
		MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD)
			->connect_fd;
	int on = 1;

	setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	setsockopt(socket, IPPROTO_TCP, TCP_QUICKACK, &on, sizeof(on));
}

struct MHD_Daemon *
server_listen(uint16_t port, unsigned flags, MHD_AccessHandlerCallback handler,
			  const struct MHD_OptionItem *items)
{
	struct sockaddr_in address = {.sin_family = AF_INET,
								  .sin_port = htons(port),
								  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};

	return MHD_start_daemon(flags | MHD_USE_THREAD_PER_CONNECTION |
								MHD_USE_AUTO_INTERNAL_THREAD | MHD_USE_ITC,
							port, NULL, NULL, handler, NULL,
							MHD_OPTION_SOCK_ADDR, &address,
							MHD_OPTION_CONNECTION_MEMORY_LIMIT,
							CONNECTION_MEMORY, MHD_OPTION_CONNECTION_LIMIT,
							MOST_CONNECTIONS, MHD_OPTION_LISTEN_BACKLOG_SIZE,
							BACKLOG, MHD_OPTION_ARRAY, items, MHD_OPTION_END);
}

struct MHD_Daemon *
server_start(const ServerOptions *options)
{
	struct MHD_OptionItem items[] = {
		{MHD_OPTION_NOTIFY_CONNECTION, (intptr_t) connection_notify, NULL},
		{MHD_OPTION_URI_LOG_CALLBACK, (intptr_t) exchange_open, NULL},
		{MHD_OPTION_NOTIFY_COMPLETED, (intptr_t) exchange_close, NULL},
		{MHD_OPTION_STRICT_FOR_CLIENT, 1, NULL},
		{MHD_OPTION_END, 0, NULL},
		{MHD_OPTION_END, 0, NULL},
		{MHD_OPTION_END, 0, NULL},
		{MHD_OPTION_END, 0, NULL}};
	int		 count = 4;
	unsigned flags = 0;

	if (options->tls_cert != NULL)
	{
		flags = MHD_USE_TLS;
		items[count++] = (struct MHD_OptionItem){MHD_OPTION_HTTPS_MEM_CERT, 0,
												 (void *) options->tls_cert};
		items[count++] = (struct MHD_OptionItem){MHD_OPTION_HTTPS_MEM_KEY, 0,
												 (void *) options->tls_key};
	}
	if (options->tls_priorities != NULL)
		items[count++] = (struct MHD_OptionItem){
			MHD_OPTION_HTTPS_PRIORITIES, 0, (void *) options->tls_priorities};
	return server_listen(options->port, flags, exchange_go_on, items);
}

uint16_t
server_port(struct MHD_Daemon *daemon)
{
	return MHD_get_daemon_info(daemon, MHD_DAEMON_INFO_BIND_PORT)->port;
}
