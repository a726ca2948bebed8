/*-------------------------------------------------------------------------
 *
 * wire.c
 *	  Answers written by hand, broken connections, pauses.
 *
 * Over TLS the bytes go through the session of libmicrohttpd, which nobody
 * else uses meanwhile; the cuts are those of the TCP connection below.
 *
 * IDENTIFICATION
 *	  test/simulator/wire.c
 *
 *-------------------------------------------------------------------------
 */
#include "wire.h"
#include "simulator.h"

#include <errno.h>
#include <gnutls/gnutls.h>
#include <linux/sockios.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#define SLICE 20000 /* microseconds between two looks at the clock */
#define HALF_CLOSED (INT64_C(60) * 1000000)
#define HUGE_SIZE (INT64_C(64) * 1024 * 1024)
#define CHUNK 1000

typedef struct Wire
{
	struct MHD_Connection *connection;
	int					   socket;
	gnutls_session_t	   tls; /* NULL: there is none */
	const Fault			  *fault;
	int64_t				   left; /* bytes until the cut, -1: no cut */
} Wire;

static int
connection_socket(struct MHD_Connection *connection)
{
	return MHD_get_connection_info(connection,
								   MHD_CONNECTION_INFO_CONNECTION_FD)
		->connect_fd;
}

/* NULL: no TLS.  What libmicrohttpd tells is good until the next question. */
static gnutls_session_t
connection_tls(struct MHD_Connection *connection)
{
	const union MHD_ConnectionInfo *session =
		MHD_get_connection_info(connection, MHD_CONNECTION_INFO_GNUTLS_SESSION);

	return session != NULL ? (gnutls_session_t) session->tls_session : NULL;
}

/* Waits at most a slice, and no longer than until the client is gone. */
static bool
client_is_there(int socket, int64_t microseconds)
{
	struct pollfd client = {.fd = socket, .events = POLLRDHUP};
	int64_t		  wait = microseconds < SLICE ? microseconds : SLICE;

	return poll(&client, 1, (int) ((wait + 999) / 1000)) <= 0;
}

bool
wire_pause(struct MHD_Connection *connection, int64_t microseconds, bool hold,
		   unsigned releases)
{
	int		socket = connection_socket(connection);
	int64_t until = clock_monotonic() + microseconds;

	while (!simulator_stopping())
	{
		int64_t rest = until - clock_monotonic();

		if (hold && releases == simulator_releases())
			rest = SLICE;
		if (rest <= 0)
			return true;
		if (!client_is_there(socket, rest))
			return false;
	}
	return false;
}

void
wire_cut(struct MHD_Connection *connection, CutHow how)
{
	struct sockaddr nowhere = {.sa_family = AF_UNSPEC};
	int				socket = connection_socket(connection);

	/* Unconnecting a TCP socket sends RST and drops what is unsent. */
	if (how == CUT_RESET)
		(void) !connect(socket, &nowhere, sizeof(nowhere));
	else
		shutdown(socket, SHUT_WR);
	if (how == CUT_HALF_CLOSE)
		wire_pause(connection, HALF_CLOSED, false, 0);
}

/* Sends what the socket takes now; -1: the client is gone. */
static ssize_t
send_some(Wire *wire, const char *data, size_t length)
{
	ssize_t sent;

	if (wire->tls != NULL)
	{
		sent = gnutls_record_send(wire->tls, data, length);
		if (sent == GNUTLS_E_AGAIN || sent == GNUTLS_E_INTERRUPTED)
			return 0;
	}
	else
	{
		sent = send(wire->socket, data, length, MSG_NOSIGNAL);
		if (sent < 0 && (errno == EAGAIN || errno == EINTR))
			return 0;
	}
	return sent < 0 ? -1 : sent;
}

static bool
send_all(Wire *wire, const char *data, size_t length)
{
	while (length > 0)
	{
		ssize_t sent = send_some(wire, data, length);

		if (sent < 0 || simulator_stopping())
			return false;
		if (sent == 0)
		{
			struct pollfd client = {.fd = wire->socket, .events = POLLOUT};

			(void) !poll(&client, 1, SLICE / 1000);
		}
		data += sent;
		length -= (size_t) sent;
	}
	return true;
}

/* Sends at the fault's pace, up to its cut.  False when it is over. */
static bool
wire_send(Wire *wire, const char *data, size_t length)
{
	while (length > 0)
	{
		size_t piece = length;

		if (wire->fault->slow_bytes > 0 &&
			piece > (size_t) wire->fault->slow_bytes)
			piece = (size_t) wire->fault->slow_bytes;
		if (wire->left >= 0 && piece > (size_t) wire->left)
			piece = (size_t) wire->left;
		if (piece == 0 || !send_all(wire, data, piece))
			return false;
		if (wire->left >= 0)
			wire->left -= (int64_t) piece;
		if (wire->fault->slow_bytes > 0 &&
			!wire_pause(wire->connection, wire->fault->slow_interval, false, 0))
			return false;
		data += piece;
		length -= piece;
	}
	return wire->left != 0;
}

/* The length of the body, -1 when it is endless. */
static int64_t
body_length(const Fault *fault, const Answer *answer)
{
	if (fault->body_kind == BODY_ENDLESS)
		return -1;
	if (fault->body_kind == BODY_HUGE)
		return fault->size < 0 ? HUGE_SIZE : fault->size;
	return (int64_t) answer->body.length;
}

static void
make_head(Buffer *head, const Fault *fault, const Answer *answer)
{
	int64_t		length = body_length(fault, answer);
	const char *reason = MHD_get_reason_phrase_for((unsigned) answer->status);
	bool		connection = false;

	buffer_format(head, "HTTP/1.%d %03d %s\r\n", fault->http10 ? 0 : 1,
				  answer->status, reason);
	if (answer->content_type[0] != '\0')
		buffer_format(head, "Content-Type: %s\r\n", answer->content_type);
	for (int i = 0; i < answer->header_count; i++)
	{
		buffer_format(head, "%s: %s\r\n", answer->headers[i].name,
					  answer->headers[i].value);
		if (strcasecmp(answer->headers[i].name, "Connection") == 0)
			connection = true;
	}
	if (fault->content_length >= 0)
		length = fault->content_length;
	if (fault->chunked)
		buffer_text(head, "Transfer-Encoding: chunked\r\n");
	else if (length >= 0)
		buffer_format(head, "Content-Length: %lld\r\n", (long long) length);
	buffer_text(head, connection ? "\r\n" : "Connection: close\r\n\r\n");
}

static bool
send_piece(Wire *wire, const char *data, size_t length)
{
	Buffer chunk = {0};
	bool   going;

	if (!wire->fault->chunked)
		return wire_send(wire, data, length);
	buffer_format(&chunk, "%zx\r\n", length);
	buffer_append(&chunk, data, length);
	buffer_text(&chunk, "\r\n");
	going = wire_send(wire, chunk.data, chunk.length);
	buffer_free(&chunk);
	return going;
}

/* A huge or an endless body is made of x. */
static bool
send_filling(Wire *wire, int64_t length)
{
	char filling[16 * 1024];

	memset(filling, 'x', sizeof(filling));
	while (length != 0)
	{
		size_t piece = sizeof(filling);

		if (length > 0 && (size_t) length < piece)
			piece = (size_t) length;
		if (!send_piece(wire, filling, piece))
			return false;
		if (length > 0)
			length -= (int64_t) piece;
	}
	return true;
}

static bool
send_body(Wire *wire, const Answer *answer)
{
	const char *data = answer->body.data;
	size_t		length = answer->body.length;

	if (wire->fault->body_kind == BODY_HUGE ||
		wire->fault->body_kind == BODY_ENDLESS)
	{
		if (!send_filling(wire, body_length(wire->fault, answer)))
			return false;
		length = 0;
	}
	while (length > 0)
	{
		size_t piece = length;

		if (wire->fault->chunked && piece > CHUNK)
			piece = CHUNK;
		if (!send_piece(wire, data, piece))
			return false;
		data += piece;
		length -= piece;
	}
	return !wire->fault->chunked || wire_send(wire, "0\r\n\r\n", 5);
}

/* Bytes of the whole answer until the cut, -1: there is none. */
static int64_t
cut_at(const Fault *fault, const Answer *answer, size_t head)
{
	int64_t body = body_length(fault, answer);

	if (fault->cut == CUT_IN_HEADERS)
		return (int64_t) head / 2;
	if (fault->cut != CUT_IN_ANSWER)
		return -1;
	if (fault->cut_after >= 0)
		body = fault->cut_after * 2;
	return (int64_t) head + body / 2;
}

/* Waits until the client's side has all that was sent: a reset drops it. */
static void
wait_for_client(const Wire *wire)
{
	int unsent = 0;

	while (!simulator_stopping() &&
		   ioctl(wire->socket, SIOCOUTQ, &unsent) == 0 && unsent > 0 &&
		   client_is_there(wire->socket, 1000))
		continue;
}

void
wire_answer(struct MHD_Connection *connection, const Fault *fault,
			const Answer *answer)
{
	Wire   wire = {.connection = connection,
				   .socket = connection_socket(connection),
				   .tls = connection_tls(connection),
				   .fault = fault};
	Buffer head = {0};

	make_head(&head, fault, answer);
	wire.left = cut_at(fault, answer, head.length);
	if (wire_send(&wire, head.data, head.length))
		send_body(&wire, answer);
	buffer_free(&head);
	if (fault->cut == CUT_NONE)
		return;
	wait_for_client(&wire);
	wire_cut(connection, (CutHow) fault->how);
}
