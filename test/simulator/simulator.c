/*-------------------------------------------------------------------------
 *
 * simulator.c
 *	  What all of the simulator shares: one lock, one clock, one end.
 *
 * IDENTIFICATION
 *	  test/simulator/simulator.c
 *
 *-------------------------------------------------------------------------
 */
#include "simulator.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <time.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t  change; /* of what the lock guards */
static pthread_once_t  change_once = PTHREAD_ONCE_INIT;
static atomic_bool	   stopping;
static atomic_uint	   releases; /* how often simulator_release() was called */

/* The condition waits by the clock that clock_monotonic() reads. */
static void
change_init(void)
{
	pthread_condattr_t attributes;

	pthread_condattr_init(&attributes);
	pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
	pthread_cond_init(&change, &attributes);
	pthread_condattr_destroy(&attributes);
}

void
simulator_lock(void)
{
	pthread_mutex_lock(&lock);
}

void
simulator_unlock(void)
{
	pthread_mutex_unlock(&lock);
}

void
simulator_changed(void)
{
	pthread_once(&change_once, change_init);
	pthread_cond_broadcast(&change);
}

bool
simulator_wait(int64_t deadline)
{
	struct timespec until = {.tv_sec = deadline / 1000000,
							 .tv_nsec = deadline % 1000000 * 1000};

	pthread_once(&change_once, change_init);
	return pthread_cond_timedwait(&change, &lock, &until) == 0;
}

void
simulator_stop(void)
{
	simulator_lock();
	stopping = true;
	simulator_changed();
	simulator_unlock();
}

bool
simulator_stopping(void)
{
	return stopping;
}

void
simulator_release(void)
{
	releases++;
}

unsigned
simulator_releases(void)
{
	return releases;
}

static int64_t
clock_read(clockid_t id)
{
	struct timespec now;

	clock_gettime(id, &now);
	return (int64_t) now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

int64_t
clock_epoch(void)
{
	return clock_read(CLOCK_REALTIME);
}

int64_t
clock_monotonic(void)
{
	return clock_read(CLOCK_MONOTONIC);
}

/* SplitMix64 per thread, seeded by the time and the thread. */
uint64_t
random_number(void)
{
	static _Thread_local uint64_t state;
	uint64_t					  mixed;

	if (state == 0)
		state = (uint64_t) clock_epoch() * 2654435761u ^
				(uint64_t) (uintptr_t) &state;
	mixed = state += UINT64_C(0x9e3779b97f4a7c15);
	mixed = (mixed ^ (mixed >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	mixed = (mixed ^ (mixed >> 27)) * UINT64_C(0x94d049bb133111eb);
	return mixed ^ (mixed >> 31);
}

void
random_uuid(char *uuid)
{
	static const char digits[] = "0123456789abcdef";
	uint64_t		  bits[2] = {random_number(), random_number()};
	char			 *out = uuid;

	for (int i = 0; i < 32; i++)
	{
		unsigned digit = bits[i / 16] >> (i % 16 * 4) & 15;

		if (i == 8 || i == 12 || i == 16 || i == 20)
			*out++ = '-';
		if (i == 12)
			digit = 4;
		else if (i == 16)
			digit = 8 | (digit & 3);
		*out++ = digits[digit];
	}
	*out = '\0';
}
