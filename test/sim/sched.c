/* SPDX-License-Identifier: MIT */
/* sched.c - see sched.h. */
#include "sched.h"
#include "io_sim.h"

#define TURNS_MAX 20000000

/* A runnable worker, or -1. */
static int
pick_worker(struct sched *s)
{
	int found[16], count = 0;
	struct io *io;

	for (unsigned i = 0; (io = io_sim_at(i)) != NULL && count < (int)FL_ARRAY_LEN(found); i++)
		if (io_sim_runnable(io))
			found[count++] = (int)i;
	return count == 0 ? -1 : found[rnd_below(&s->net->rnd, (uint64_t)count)];
}

static fl_ns
next_due(const struct sched *s)
{
	fl_ns due = world_next(s->world);
	struct io *io;

	for (unsigned i = 0; (io = io_sim_at(i)) != NULL; i++)
		due = FL_MIN(due, io_sim_due(io));
	return due;
}

static void
turn(struct sched *s, unsigned worker)
{
	s->turn(s->ud, worker);
	if (++s->turns > TURNS_MAX)
		world_fail(s->world, "worker %u turns and turns: something is never done", worker);
	if (s->cpu_ns_max > 0)
		world_advance(s->world, s->world->now + rnd_log(&s->net->rnd, 0, s->cpu_ns_max));
	if (rnd_chance(&s->net->rnd, s->lag))
		io_sim_lag(io_sim_at(worker), s->world->now + rnd_log(&s->net->rnd, 0, s->lag_ns_max));
}

bool
sched_step(struct sched *s, fl_ns until)
{
	fl_ns due;
	int worker;

	if (world_step(s->world))
		return true;
	worker = pick_worker(s);
	if (worker >= 0) {
		turn(s, (unsigned)worker);
		return s->world->now < until;
	}
	due = next_due(s);
	if (due >= until) {
		world_advance(s->world, FL_MAX(until, s->world->now));
		return false;
	}
	world_advance(s->world, FL_MAX(due, s->world->now));
	return true;
}

void
sched_run(struct sched *s, fl_ns until)
{
	while (sched_step(s, until))
		;
}
