/* SPDX-License-Identifier: MIT */
/* threads.h - a function in several threads that begin together. */
#ifndef TEST_THREADS_H
#define TEST_THREADS_H

#include <pthread.h>
#include <stdint.h>

#define THREADS_MAX 8

struct threads_one {
	void (*body)(void *ud, unsigned i);
	void *ud;
	unsigned i;
	pthread_barrier_t *begin;
};

static inline void *
threads_main(void *arg)
{
	struct threads_one *t = arg;
	pthread_barrier_wait(t->begin);
	t->body(t->ud, t->i);
	return NULL;
}

/* Runs body(ud, 0 .. n-1), each in a thread of its own, and waits for all. */
static inline void
threads_run(unsigned n, void (*body)(void *ud, unsigned i), void *ud)
{
	pthread_t id[THREADS_MAX];
	struct threads_one one[THREADS_MAX];
	pthread_barrier_t begin;
	pthread_barrier_init(&begin, NULL, n);
	for (unsigned i = 0; i < n; i++) {
		one[i] = (struct threads_one){ body, ud, i, &begin };
		assert_int_equal(pthread_create(&id[i], NULL, threads_main, &one[i]), 0);
	}
	for (unsigned i = 0; i < n; i++)
		pthread_join(id[i], NULL);
	pthread_barrier_destroy(&begin);
}

#endif
