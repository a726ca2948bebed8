/*-------------------------------------------------------------------------
 *
 * http_multi.c
 *	  The process's one curl_multi handle, in which transfers run.
 *
 * libcurl says by callbacks which sockets it waits for (http_socket.c), and
 * when it wants to be called without any.
 *
 * libcurl itself runs between enter and leave only: signals are blocked, for
 * the sake of the threads that it starts, which would otherwise run
 * PostgreSQL's handlers; and interrupts are held off, since nothing may throw
 * in its callbacks.  The wait happens outside of that.
 *
 * The time limit of a name's lookup is kept here: libcurl's own may end in a
 * wait for the thread that looks it up (http_handle.c).
 *
 * Floor 2: of http.c only.
 *
 * IDENTIFICATION
 *	  src/http_multi.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <signal.h>

#include "miscadmin.h"
#include "portability/instr_time.h"
#include "storage/fd.h"

#include "http.h"
#include "http_memory.h"
#include "http_multi.h"
#include "http_socket.h"

/* While transfers run the wait ends after that time, in milliseconds. */
#define LONGEST_SLICE 1000

/* Connections that stay open without being in use. */
#define IDLE_CONNECTIONS 4

/* NULL until the first use. */
static CURLM *multi = NULL;

/* Handles that were started and neither finished nor closed. */
static dlist_head running = DLIST_STATIC_INIT(running);

/* libcurl has failed as a whole, which nobody has been told yet. */
static bool given_up = false;

/* When libcurl wants to be called, by joor_http_clock(); -1: never. */
static int64 timer_due = -1;

int64
joor_http_clock(void)
{
	instr_time now;

	INSTR_TIME_SET_CURRENT(now);
	return (int64) INSTR_TIME_GET_MICROSEC(now);
}

/* Before and after libcurl runs; see above. */
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
 * The multi handle.
 */

/* Never in the postmaster, whose children would inherit it. */
void
joor_http_multi_open(void)
{
	static bool initialized = false;
	int			i;
	CURLM	   *m;

	if (multi != NULL)
		return;
	if (!IsUnderPostmaster)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("cannot send HTTP requests in single-user mode")));
	if (!initialized)
		joor_http_require(joor_http_global_init());
	initialized = true;
	m = curl_multi_init();
	if (m == NULL)
		joor_http_require(CURLE_OUT_OF_MEMORY);
	curl_multi_setopt(m, CURLMOPT_SOCKETFUNCTION, joor_http_socket_changed);
	curl_multi_setopt(m, CURLMOPT_TIMERFUNCTION, timer_changed);
	curl_multi_setopt(m, CURLMOPT_MAXCONNECTS, (long) IDLE_CONNECTIONS);
	curl_multi_setopt(m, CURLMOPT_PIPELINING, (long) CURLPIPE_NOTHING);
	multi = m;
	for (i = 0; i < IDLE_CONNECTIONS; i++)
		ReserveExternalFD();
}

/*
 * Handles.
 */

void
joor_http_handle_start(JoorHttpHandle *handle)
{
	sigset_t  saved;
	CURLMcode code;

	enter_libcurl(&saved);
	code = curl_multi_add_handle(multi, handle->easy);
	leave_libcurl(&saved);
	joor_http_require(code == CURLM_OK				? CURLE_OK
					  : code == CURLM_OUT_OF_MEMORY ? CURLE_OUT_OF_MEMORY
													: CURLE_FAILED_INIT);
	handle->running = true;
	dlist_push_tail(&running, &handle->node);
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
	handle->running = false;
	handle->finished = true;
	handle->finished_at = joor_http_clock();
	handle->code = code;
}

void
joor_http_handle_close(JoorHttpHandle *handle)
{
	if (handle->running)
		dlist_delete(&handle->node);
	if (handle->running && handle->resolving)
		joor_http_handle_abandon(handle);
	handle->running = false;
	if (handle->easy != NULL)
	{
		clean_up(handle->easy);
		ReleaseExternalFD();
	}
	handle->easy = NULL;
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
		joor_http_handle_abandon(handle);
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
	bool	 found = given_up;
	CURLMsg *message;
	int		 left;

	given_up = false;
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
 * Ends all transfers and the multi handle; the next use opens another.  Where
 * libcurl finds no memory for its tables of sockets it leaves them in pieces:
 * 7.88 divides by zero at the next call that works on them.
 */
static void
give_up(CURLcode code)
{
	sigset_t		   saved;
	dlist_mutable_iter iter;
	int				   i;

	(void) collect_finished();
	enter_libcurl(&saved);
	dlist_foreach_modify(iter, &running)
	{
		JoorHttpHandle *handle =
			dlist_container(JoorHttpHandle, node, iter.cur);

		curl_multi_remove_handle(multi, handle->easy);
		finish(handle, code);
	}
	curl_multi_cleanup(multi);
	leave_libcurl(&saved);
	multi = NULL;
	timer_due = -1;
	joor_http_forget_sockets();
	for (i = 0; i < IDLE_CONNECTIONS; i++)
		ReleaseExternalFD();
	given_up = true;
}

/* Lets libcurl work on a socket, or on what its timer has brought. */
static void
drive(curl_socket_t fd, int events)
{
	sigset_t  saved;
	CURLMcode code;
	int		  still_running;

	if (multi == NULL)
		return;
	enter_libcurl(&saved);
	code = curl_multi_socket_action(multi, fd, events, &still_running);
	leave_libcurl(&saved);
	if (code != CURLM_OK)
		give_up(code == CURLM_OUT_OF_MEMORY ? CURLE_OUT_OF_MEMORY
											: CURLE_FAILED_INIT);
}

/*
 * The wait.
 */

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

		nevents = joor_http_wait_for_sockets(slice(give_up), events,
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
