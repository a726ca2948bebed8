/*-------------------------------------------------------------------------
 *
 * http_multi.c
 *	  The process's one curl_multi handle, and the wait for it.
 *
 * libcurl says by callbacks which sockets it waits for, and when it wants to
 * be called without any; the wait itself is a WaitEventSet of ours that also
 * holds the process's latch.  It is rebuilt whenever a socket was added,
 * changed or removed, because a closed socket leaves epoll without a word
 * and its number is used again.
 *
 * libcurl looks up names in a thread of its own.  To clean up a handle while
 * that thread runs, many versions of libcurl join it, which takes as long as
 * the name servers do not answer.  Such a handle is abandoned instead: it is
 * stripped of everything of ours and stays in the multi handle, is not
 * allowed a socket once the name is known, and so ends by itself.  For the
 * same reason the time limit of the lookup is kept here and not by libcurl.
 *
 * Connections count as external file descriptors from the moment libcurl
 * opens a socket until it closes it, in the pool or not.
 *
 * Floor 2: of http.c only.
 *
 * IDENTIFICATION
 *	  src/http_multi.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include "miscadmin.h"
#include "portability/instr_time.h"
#include "storage/fd.h"
#include "utils/memutils.h"

#include "http.h"
#include "http_multi.h"

/* While transfers run the wait ends after that time, in milliseconds. */
#define LONGEST_SLICE 1000

/* Milliseconds that an abandoned lookup may take: as good as for ever. */
#define NO_TIME_LIMIT (24L * 60 * 60 * 1000)

typedef struct JoorHttpSocket
{
	curl_socket_t fd;
	uint32		  events; /* WL_SOCKET_*; 0: none for now */
} JoorHttpSocket;

/* NULL until the first use. */
static CURLM *multi = NULL;

/* Handles that were started and neither finished nor closed. */
static dlist_head running = DLIST_STATIC_INIT(running);

/*
 * The sockets that libcurl waits for.  Belongs to malloc, since it grows
 * where no error may be thrown.
 */
static JoorHttpSocket *sockets = NULL;
static int			   nsockets = 0;
static int			   max_sockets = 0;

/* When libcurl wants to be called, by joor_http_clock(); -1: never. */
static int64 timer_due = -1;

/* The latch and the sockets; NULL or stale: has to be built. */
static WaitEventSet *wait_set = NULL;
static bool			 wait_set_stale = true;

int64
joor_http_clock(void)
{
	instr_time now;

	INSTR_TIME_SET_CURRENT(now);
	return (int64) INSTR_TIME_GET_MICROSEC(now);
}

/* Before and after every use of libcurl; see http_multi.h. */
static void
enter_libcurl(sigset_t *saved)
{
	sigset_t all;

	HOLD_INTERRUPTS();
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, saved);
}

static void
leave_libcurl(const sigset_t *saved)
{
	pthread_sigmask(SIG_SETMASK, saved, NULL);
	RESUME_INTERRUPTS();
}

/*
 * Callbacks of the multi handle.
 */

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

static void
forget_socket(curl_socket_t fd)
{
	int i = find_socket(fd);

	wait_set_stale = true;
	if (i < nsockets)
		sockets[i] = sockets[--nsockets];
}

/* CURLMOPT_SOCKETFUNCTION */
static int
socket_changed(CURL *easy, curl_socket_t fd, int what, void *arg,
			   void *socket_arg)
{
	int i = find_socket(fd);

	(void) easy;
	(void) arg;
	(void) socket_arg;
	wait_set_stale = true;
	if (what == CURL_POLL_REMOVE)
	{
		forget_socket(fd);
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

/* CURLMOPT_TIMERFUNCTION */
static int
timer_changed(CURLM *m, long timeout_ms, void *arg)
{
	(void) m;
	(void) arg;
	timer_due =
		timeout_ms < 0 ? -1 : joor_http_clock() + (int64) timeout_ms * 1000;
	return 0;
}

/*
 * Callbacks of the easy handles.
 */

/* CURLOPT_RESOLVER_START_FUNCTION */
static int
resolver_starts(void *resolver, void *reserved, void *arg)
{
	JoorHttpHandle *handle = arg;

	(void) resolver;
	(void) reserved;
	handle->resolving = true;
	return 0;
}

/* CURLOPT_OPENSOCKETFUNCTION */
static curl_socket_t
open_socket(void *arg, curlsocktype purpose, struct curl_sockaddr *address)
{
	JoorHttpHandle *handle = arg;
	curl_socket_t	fd;

	(void) purpose;
	handle->resolving = false;
	handle->no_descriptor = !AcquireExternalFD();
	if (handle->no_descriptor)
		return CURL_SOCKET_BAD;
	fd = socket(address->family, address->socktype, address->protocol);
	if (fd == CURL_SOCKET_BAD)
		ReleaseExternalFD();
	else
		(void) fcntl(fd, F_SETFD, FD_CLOEXEC); /* COPY ... PROGRAM forks */
	return fd;
}

/* Likewise, of an abandoned handle. */
static curl_socket_t
refuse_socket(void *arg, curlsocktype purpose, struct curl_sockaddr *address)
{
	(void) arg;
	(void) purpose;
	(void) address;
	return CURL_SOCKET_BAD;
}

/* CURLOPT_CLOSESOCKETFUNCTION; a connection may outlive its handle. */
static int
close_socket(void *arg, curl_socket_t fd)
{
	(void) arg;
	forget_socket(fd);
	ReleaseExternalFD();
	return close(fd);
}

/* CURLOPT_WRITEFUNCTION and _HEADERFUNCTION of an abandoned handle. */
static size_t
refuse_data(char *data, size_t size, size_t count, void *arg)
{
	(void) data;
	(void) size;
	(void) count;
	(void) arg;
	return 0;
}

/*
 * The multi handle.
 */

static void
require_libcurl(bool condition, const char *detail)
{
	if (!condition)
		ereport(ERROR, (errcode(ERRCODE_FDW_ERROR),
						errmsg("could not prepare an HTTP request"),
						detail ? errdetail_internal("%s", detail) : 0));
}

/* Never in the postmaster, whose children would inherit it. */
static void
open_multi(void)
{
	static bool				initialized = false;
	curl_version_info_data *version;
	CURLM				   *m;

	if (multi != NULL)
		return;
	if (!IsUnderPostmaster)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("cannot send HTTP requests in single-user mode")));
	if (!initialized)
		require_libcurl(curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK,
						NULL);
	initialized = true;
	version = curl_version_info(CURLVERSION_NOW);
	require_libcurl((version->features & CURL_VERSION_SSL) != 0,
					"libcurl was built without TLS.");
	m = curl_multi_init();
	require_libcurl(m != NULL, NULL);
	curl_multi_setopt(m, CURLMOPT_SOCKETFUNCTION, socket_changed);
	curl_multi_setopt(m, CURLMOPT_TIMERFUNCTION, timer_changed);
	curl_multi_setopt(m, CURLMOPT_MAXCONNECTS, (long) JOOR_HTTP_CONNECTIONS);
	curl_multi_setopt(m, CURLMOPT_PIPELINING, (long) CURLPIPE_NOTHING);
	multi = m;
}

/* Lets libcurl work on a socket, or on what its timer has brought. */
static void
drive(curl_socket_t fd, int events)
{
	sigset_t saved;
	int		 still_running;

	enter_libcurl(&saved);
	(void) curl_multi_socket_action(multi, fd, events, &still_running);
	leave_libcurl(&saved);
}

/*
 * Handles.
 */

void
joor_http_handle_create(JoorHttpHandle *handle)
{
	CURLcode code;

	open_multi();
	handle->easy = curl_easy_init();
	require_libcurl(handle->easy != NULL, NULL);
	code = curl_easy_setopt(handle->easy, CURLOPT_PRIVATE, handle);
	if (code == CURLE_OK)
		code =
			curl_easy_setopt(handle->easy, CURLOPT_ERRORBUFFER, handle->error);
	if (code == CURLE_OK)
		code = curl_easy_setopt(handle->easy, CURLOPT_RESOLVER_START_FUNCTION,
								resolver_starts);
	if (code == CURLE_OK)
		code =
			curl_easy_setopt(handle->easy, CURLOPT_RESOLVER_START_DATA, handle);
	if (code == CURLE_OK)
		code = curl_easy_setopt(handle->easy, CURLOPT_OPENSOCKETFUNCTION,
								open_socket);
	if (code == CURLE_OK)
		code = curl_easy_setopt(handle->easy, CURLOPT_OPENSOCKETDATA, handle);
	if (code == CURLE_OK)
		code = curl_easy_setopt(handle->easy, CURLOPT_CLOSESOCKETFUNCTION,
								close_socket);
	require_libcurl(code == CURLE_OK, curl_easy_strerror(code));
}

void
joor_http_handle_start(JoorHttpHandle *handle)
{
	sigset_t  saved;
	CURLMcode code;

	enter_libcurl(&saved);
	code = curl_multi_add_handle(multi, handle->easy);
	leave_libcurl(&saved);
	require_libcurl(code == CURLM_OK, curl_multi_strerror(code));
	handle->started = true;
	dlist_push_tail(&running, &handle->node);
}

/* Takes nothing away from libcurl but what is ours; see above. */
static void
abandon(CURL *easy)
{
	curl_easy_setopt(easy, CURLOPT_PRIVATE, NULL);
	curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, NULL);
	curl_easy_setopt(easy, CURLOPT_RESOLVER_START_FUNCTION, NULL);
	curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, refuse_socket);
	curl_easy_setopt(easy, CURLOPT_POSTFIELDS, NULL);
	curl_easy_setopt(easy, CURLOPT_HTTPGET, 1L);
	curl_easy_setopt(easy, CURLOPT_HTTPHEADER, NULL);
	curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, refuse_data);
	curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, refuse_data);
	curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, 0L);
	curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, NO_TIME_LIMIT);
}

static void
clean_up(CURL *easy)
{
	sigset_t saved;

	enter_libcurl(&saved);
	curl_multi_remove_handle(multi, easy);
	curl_easy_cleanup(easy);
	leave_libcurl(&saved);
}

/* It no longer runs. */
static void
finish(JoorHttpHandle *handle, CURLcode code)
{
	dlist_delete(&handle->node);
	handle->started = false;
	handle->finished = true;
	handle->finished_at = joor_http_clock();
	handle->code = code;
}

void
joor_http_handle_close(JoorHttpHandle *handle)
{
	CURL *easy = handle->easy;

	handle->easy = NULL;
	if (handle->started)
		dlist_delete(&handle->node);
	if (easy != NULL && handle->started && handle->resolving)
		abandon(easy);
	else if (easy != NULL)
		clean_up(easy);
	handle->started = false;
	curl_slist_free_all(handle->headers);
	handle->headers = NULL;
}

/* Ends lookups that take too long; whether there was one. */
static bool
expire_lookups(void)
{
	int64			   now = joor_http_clock();
	bool			   expired = false;
	dlist_mutable_iter iter;

	dlist_foreach_modify(iter, &running)
	{
		JoorHttpHandle *handle =
			dlist_container(JoorHttpHandle, node, iter.cur);

		if (!handle->resolving || now < handle->resolve_deadline)
			continue;
		abandon(handle->easy);
		handle->easy = NULL;
		strlcpy(handle->error, "Resolving timed out", sizeof(handle->error));
		finish(handle, CURLE_OPERATION_TIMEDOUT);
		expired = true;
	}
	return expired;
}

/* Takes note of what libcurl is done with; whether there was any of ours. */
static bool
collect_finished(void)
{
	bool	 found = false;
	CURLMsg *message;
	int		 left;

	while (multi != NULL &&
		   (message = curl_multi_info_read(multi, &left)) != NULL)
	{
		CURL		   *easy = message->easy_handle;
		CURLcode		code = message->data.result;
		JoorHttpHandle *handle = NULL;

		if (message->msg != CURLMSG_DONE)
			continue;
		curl_easy_getinfo(easy, CURLINFO_PRIVATE, (char **) &handle);
		if (handle == NULL)
		{
			clean_up(easy);
			continue;
		}
		finish(handle, code);
		found = true;
	}
	return found;
}

/*
 * The wait.
 */

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

/* The earlier of two points in time, of which -1 is never. */
static int64
earlier(int64 a, int64 b)
{
	return a < 0 ? b : b < 0 ? a : Min(a, b);
}

/* Milliseconds to wait for; -1: for ever. */
static long
slice(int64 give_up)
{
	int64	   now = joor_http_clock();
	int64	   due = earlier(give_up, timer_due);
	dlist_iter iter;

	dlist_foreach(iter, &running)
	{
		JoorHttpHandle *handle =
			dlist_container(JoorHttpHandle, node, iter.cur);

		due = earlier(due, now + LONGEST_SLICE * 1000);
		if (handle->resolving)
			due = earlier(due, handle->resolve_deadline);
	}
	if (due < 0)
		return -1;
	return (long) Min(Max(0, (due - now + 999) / 1000), PG_INT32_MAX);
}

/* Lets libcurl work on what has happened; whether the latch was set. */
static bool
handle_events(const WaitEvent *events, int nevents)
{
	bool latch_set = false;
	int	 i;

	for (i = 0; i < nevents; i++)
	{
		int mask = 0;

		if ((events[i].events & WL_LATCH_SET) != 0)
		{
			ResetLatch(MyLatch);
			latch_set = true;
		}
		if ((events[i].events & WL_SOCKET_READABLE) != 0)
			mask |= CURL_CSELECT_IN;
		if ((events[i].events & WL_SOCKET_WRITEABLE) != 0)
			mask |= CURL_CSELECT_OUT;
		if (mask != 0)
			drive(events[i].fd, mask);
	}
	return latch_set;
}

void
joor_http_wait(long timeout_ms, uint32 wait_event)
{
	int64 give_up =
		timeout_ms < 0 ? -1 : joor_http_clock() + (int64) timeout_ms * 1000;
	bool done = false;

	while (!done)
	{
		WaitEvent events[8];
		int		  nevents;

		refresh_wait_set();
		nevents = WaitEventSetWait(wait_set, slice(give_up), events,
								   lengthof(events), wait_event);
		done = handle_events(events, nevents);
		done |= expire_lookups();
		if (timer_due >= 0 && joor_http_clock() >= timer_due)
		{
			timer_due = -1;
			drive(CURL_SOCKET_TIMEOUT, 0);
		}
		else if (nevents == 0 && !dlist_is_empty(&running))
			drive(CURL_SOCKET_TIMEOUT, 0);
		done |= collect_finished();
		if (give_up >= 0 && joor_http_clock() >= give_up)
			done = true;
	}
}
