/* SPDX-License-Identifier: MIT */
/* thread.h - threads and a gate to wait at. */
#ifndef IO_THREAD_H
#define IO_THREAD_H

#include "base/types.h"
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

typedef void *thread_fn(void *ud);

/* Start a thread with all signals blocked, so that signals reach the main thread. name: 15 characters at most. 0 or -errno. */
int thread_start(pthread_t *ret_thread, const char *name, thread_fn *run, void *ud);
void thread_join(pthread_t t);
/*
 * Ask the scheduler for short slices for this thread (EEVDF, Linux 6.12): it does little at a time, and is to be let in soon when
 * a busy thread holds the processor. Without effect on older kernels.
 */
void thread_short_slices(void);
unsigned thread_cores(void);    /* that this process may use, >= 1 */

/* Wait until *n is zero or `limit` has passed, looking every few milliseconds. returns *n. */
uint64_t thread_wait_zero(atomic_uint_fast64_t *n, fl_ns limit);

/* A counter to wait for: opens when it has come down to zero. */
struct thread_gate {
	pthread_mutex_t mutex;
	pthread_cond_t cond;
	unsigned closed;
};
void thread_gate_init(struct thread_gate *g, unsigned closed);
void thread_gate_fini(struct thread_gate *g);
void thread_gate_done(struct thread_gate *g);         /* one less; any thread */
void thread_gate_wait(struct thread_gate *g);

#endif
