/* SPDX-License-Identifier: MIT */
/* thread.c - threads and a gate to wait at. */
#include "io/thread.h"
#include "base/assert.h"

#include <sched.h>
#include <signal.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define SLICE_NS 100000         /* the shortest there is */

int
thread_start(pthread_t *ret_thread, const char *name, thread_fn *run, void *ud)
{
	sigset_t all, old;
	pthread_t t;
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	int r = pthread_create(&t, NULL, run, ud);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (r != 0)
		return -r;
	pthread_setname_np(t, name);
	*ret_thread = t;
	return 0;
}

void
thread_join(pthread_t t)
{
	int r = pthread_join(t, NULL);
	fl_assert(r == 0);
}

/* The kernel's struct sched_attr, version 0; libc has none. */
struct slice_attr {
	uint32_t size, policy;
	uint64_t flags;
	int32_t nice;
	uint32_t priority;
	uint64_t runtime, deadline, period;
};

void
thread_short_slices(void)
{
	struct slice_attr a = { .size = sizeof(a), .policy = SCHED_OTHER, .runtime = SLICE_NS };
	syscall(SYS_sched_setattr, 0, &a, 0U);
}

unsigned
thread_cores(void)
{
	cpu_set_t set;
	if (sched_getaffinity(0, sizeof(set), &set) < 0)
		return 1;
	int n = CPU_COUNT(&set);
	return n < 1 ? 1 : (unsigned)n;
}

void
thread_gate_init(struct thread_gate *g, unsigned closed)
{
	pthread_mutex_init(&g->mutex, NULL);
	pthread_cond_init(&g->cond, NULL);
	g->closed = closed;
}

void
thread_gate_fini(struct thread_gate *g)
{
	pthread_mutex_destroy(&g->mutex);
	pthread_cond_destroy(&g->cond);
}

void
thread_gate_done(struct thread_gate *g)
{
	pthread_mutex_lock(&g->mutex);
	fl_assert(g->closed > 0);
	if (--g->closed == 0)
		pthread_cond_broadcast(&g->cond);
	pthread_mutex_unlock(&g->mutex);
}

void
thread_gate_wait(struct thread_gate *g)
{
	pthread_mutex_lock(&g->mutex);
	while (g->closed > 0)
		pthread_cond_wait(&g->cond, &g->mutex);
	pthread_mutex_unlock(&g->mutex);
}

uint64_t
thread_wait_zero(atomic_uint_fast64_t *n, fl_ns limit)
{
	const struct timespec step = { .tv_nsec = 2 * FL_MS };
	struct timespec ts;
	clock_gettime(CLOCK_MONOTONIC, &ts);
	fl_ns end = (fl_ns)ts.tv_sec * FL_SEC + ts.tv_nsec + limit;
	while (atomic_load(n) > 0) {
		clock_gettime(CLOCK_MONOTONIC, &ts);
		if ((fl_ns)ts.tv_sec * FL_SEC + ts.tv_nsec >= end)
			break;
		nanosleep(&step, NULL);
	}
	return atomic_load(n);
}
