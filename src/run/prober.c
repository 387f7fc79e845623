/* SPDX-License-Identifier: MIT */
/*
 * prober.c - threads that check probes, and the queue of what they found.
 *
 * Invariants
 *  (1) The event descriptor is readable exactly while results wait.
 *  (2) When nobody takes results the queue keeps the oldest; what does not fit is dropped: its reader lives in a loop that
 *      empties it many times a second.
 */
#include "run/prober.h"

#include "io/clock.h"
#include "io/thread.h"
#include <errno.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define QUEUE_MAX 2048

struct worker {
	struct prober *prober;
	struct prober_item item;
	pthread_t thread;
};
struct prober {
	int stop_fd, result_fd;
	uint32_t started;
	pthread_mutex_t mutex;
	struct prober_result queue[QUEUE_MAX];
	uint32_t head, count;
	struct worker workers[];
};

static void
report(struct prober *p, const struct prober_result *r)
{
	pthread_mutex_lock(&p->mutex);
	if (p->count < QUEUE_MAX) {
		p->queue[(p->head + p->count) % QUEUE_MAX] = *r;
		if (p->count++ == 0)
			(void)eventfd_write(p->result_fd, 1);
	}
	pthread_mutex_unlock(&p->mutex);
}

static void *
run_worker(void *ud)
{
	struct worker *w = ud;
	const struct experiment_probe *conf = w->item.job.conf;
	fl_ns next = clock_mono();
	int rc;

	for (;;) {
		struct prober_result r = { .tag = w->item.tag };
		rc = measure_probe(&w->item.job, w->prober->stop_fd, r.say);
		if (rc < 0)
			return NULL;
		r.held = rc == 1;
		r.at = clock_mono();
		report(w->prober, &r);
		next = FL_MAX(next + conf->every, clock_mono());
		if (clock_wait(-1, 0, w->prober->stop_fd, next) < 0)
			return NULL;
	}
}

int
prober_start(const struct prober_item *items, uint32_t count, struct prober **ret_prober)
{
	struct prober *p = calloc(1, sizeof(*p) + count * sizeof(p->workers[0]));
	int rc = 0;

	if (p == NULL)
		return -ENOMEM;
	pthread_mutex_init(&p->mutex, NULL);
	p->stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	p->result_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (p->stop_fd < 0 || p->result_fd < 0)
		rc = -errno;
	while (rc == 0 && p->started < count) {
		struct worker *w = &p->workers[p->started];
		w->prober = p;
		w->item = items[p->started];
		rc = thread_start(&w->thread, "probe", run_worker, w);
		p->started += rc == 0;
	}
	if (rc < 0) {
		prober_free(p);
		return rc;
	}
	*ret_prober = p;
	return 0;
}

int
prober_fd(const struct prober *p)
{
	return p->result_fd;
}

bool
prober_next(struct prober *p, struct prober_result *ret)
{
	bool some;

	pthread_mutex_lock(&p->mutex);
	some = p->count > 0;
	if (some) {
		*ret = p->queue[p->head];
		p->head = (p->head + 1) % QUEUE_MAX;
		if (--p->count == 0) {
			eventfd_t ignored;
			(void)eventfd_read(p->result_fd, &ignored);
		}
	}
	pthread_mutex_unlock(&p->mutex);
	return some;
}

void
prober_free(struct prober *p)
{
	if (p == NULL)
		return;
	if (p->stop_fd >= 0)
		(void)eventfd_write(p->stop_fd, 1);
	for (uint32_t i = 0; i < p->started; i++)
		thread_join(p->workers[i].thread);
	if (p->stop_fd >= 0)
		close(p->stop_fd);
	if (p->result_fd >= 0)
		close(p->result_fd);
	pthread_mutex_destroy(&p->mutex);
	free(p);
}
