/*-------------------------------------------------------------------------
 *
 * http_socket.c
 *	  The sockets that libcurl waits for, and the wait for them.
 *
 * The WaitEventSet is rebuilt whenever a socket was added, changed or removed,
 * because a closed socket leaves epoll without a word and its number is used
 * again.
 *
 * Floor 2: of http_multi.c only.
 *
 * IDENTIFICATION
 *	  src/http_socket.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"
#include "utils/memutils.h"

#include "http_socket.h"

typedef struct JoorHttpSocket
{
	curl_socket_t fd;
	uint32		  events; /* WL_SOCKET_*; 0: none for now */
} JoorHttpSocket;

/*
 * The sockets that libcurl waits for.  Belongs to malloc, since it grows
 * where no error may be thrown.
 */
static JoorHttpSocket *sockets = NULL;
static int			   nsockets = 0;
static int			   max_sockets = 0;

/* The latch and the sockets; NULL or stale: has to be built. */
static WaitEventSet *wait_set = NULL;
static bool			 wait_set_stale = true;

static uint32
wait_events(int what)
{
	switch (what)
	{
		case CURL_POLL_IN:
			return WL_SOCKET_READABLE;
		case CURL_POLL_OUT:
			return WL_SOCKET_WRITEABLE;
		case CURL_POLL_INOUT:
			return WL_SOCKET_READABLE | WL_SOCKET_WRITEABLE;
		default:
			return 0;
	}
}

static bool
grow_sockets(void)
{
	int				size = Max(8, max_sockets * 2);
	JoorHttpSocket *grown = realloc(sockets, size * sizeof(JoorHttpSocket));

	if (grown == NULL)
		return false;
	sockets = grown;
	max_sockets = size;
	return true;
}

/* Index of a socket in the table; nsockets: it is not there. */
static int
find_socket(curl_socket_t fd)
{
	int i;

	for (i = 0; i < nsockets && sockets[i].fd != fd; i++)
		;
	return i;
}

/* CURLMOPT_SOCKETFUNCTION */
int
joor_http_socket_changed(CURL *easy, curl_socket_t fd, int what, void *arg,
						 void *socket_arg)
{
	int i = find_socket(fd);

	(void) easy;
	(void) arg;
	(void) socket_arg;
	wait_set_stale = true;
	if (what == CURL_POLL_REMOVE)
	{
		if (i < nsockets)
			sockets[i] = sockets[--nsockets];
		return 0;
	}
	if (i == nsockets)
	{
		if (nsockets == max_sockets && !grow_sockets())
			return -1; /* libcurl then gives up what is under way */
		sockets[nsockets++].fd = fd;
	}
	sockets[i].events = wait_events(what);
	return 0;
}

void
joor_http_forget_sockets(void)
{
	nsockets = 0;
	wait_set_stale = true;
}

/* A set that could not be completed stays stale and is freed here. */
static void
refresh_wait_set(void)
{
	int i;

	if (!wait_set_stale)
		return;
	if (wait_set != NULL)
		FreeWaitEventSet(wait_set);
	wait_set = NULL;
	wait_set = joor_create_wait_event_set(TopMemoryContext, nsockets + 2);
	AddWaitEventToSet(wait_set, WL_LATCH_SET, PGINVALID_SOCKET, MyLatch, NULL);
	AddWaitEventToSet(wait_set, WL_EXIT_ON_PM_DEATH, PGINVALID_SOCKET, NULL,
					  NULL);
	for (i = 0; i < nsockets; i++)
		if (sockets[i].events != 0)
			AddWaitEventToSet(wait_set, sockets[i].events, sockets[i].fd, NULL,
							  NULL);
	wait_set_stale = false;
}

int
joor_http_wait_for_sockets(long timeout_ms, WaitEvent *events, int size,
						   uint32 wait_event)
{
	refresh_wait_set();
	return WaitEventSetWait(wait_set, timeout_ms, events, size, wait_event);
}
