/* SPDX-License-Identifier: MIT */
/*
 * service_sim.h - a service as queueing theory sees it: so many servers, one queue, first come first served. Time is the caller's.
 */
#ifndef TEST_SERVICE_SIM_H
#define TEST_SERVICE_SIM_H

#include "base/assert.h"
#include "base/types.h"
#include "faultline/base.h"

#ifndef SERVICE_JOBS_MAX
#define SERVICE_JOBS_MAX 8192
#endif

struct service_job {
	uint64_t id, tag;                               /* the owner's */
	fl_ns came, work, ends;
};

struct service {
	unsigned servers, busy;
	unsigned head, waiting;                         /* of the queue, a ring */
	/* How long a job takes, asked when a server begins it; NULL: what it was given with. */
	fl_ns (*work_of)(void *ud, const struct service_job *j, fl_ns now);
	void *ud;
	struct service_job queue[SERVICE_JOBS_MAX];
	struct service_job running[SERVICE_JOBS_MAX];
};

static inline void
service_start(struct service *s, struct service_job j, fl_ns now)
{
	if (s->work_of != NULL)
		j.work = s->work_of(s->ud, &j, now);
	j.ends = now + j.work;
	s->running[s->busy++] = j;
}

/* A request. */
static inline void
service_give(struct service *s, struct service_job j, fl_ns now)
{
	j.came = now;
	if (s->busy < s->servers) {
		service_start(s, j, now);
		return;
	}
	fl_assert(s->waiting < SERVICE_JOBS_MAX);
	s->queue[(s->head + s->waiting++) % SERVICE_JOBS_MAX] = j;
}

/* A request that takes `work` when a server has it. */
static inline void
service_take(struct service *s, uint64_t id, fl_ns work, fl_ns now)
{
	service_give(s, (struct service_job){ .id = id, .work = work }, now);
}

/* When the next one is done; FL_NEVER: nothing is being done. */
static inline fl_ns
service_next(const struct service *s)
{
	fl_ns t = FL_NEVER;
	for (unsigned i = 0; i < s->busy; i++)
		t = FL_MIN(t, s->running[i].ends);
	return t;
}

/* Take out the one that is done first; the next of the queue begins. */
static inline struct service_job
service_done(struct service *s)
{
	unsigned first = 0;
	for (unsigned i = 1; i < s->busy; i++)
		if (s->running[i].ends < s->running[first].ends)
			first = i;
	struct service_job j = s->running[first];
	s->running[first] = s->running[--s->busy];
	while (s->busy < s->servers && s->waiting > 0) {
		service_start(s, s->queue[s->head], j.ends);
		s->head = (s->head + 1) % SERVICE_JOBS_MAX;
		s->waiting--;
	}
	return j;
}

#endif
