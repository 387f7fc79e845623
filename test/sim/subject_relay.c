/* SPDX-License-Identifier: MIT */
/* subject_relay.c - the harness's own relay as the subject of a run. */
#include "relay.h"
#include "run.h"
#include "base/assert.h"

static void
start(struct run *r)
{
	r->state = relay_new(4096);
}

static int
line_open(struct run *r, struct sim_line *l)
{
	struct io_addr nowhere = { .len = sizeof(nowhere.in), .in = { .sin_family = AF_INET, .sin_port = htons(1) } };
	int token, res = io_bind(&l->wanted, &token, &l->listen);

	l->half_close = true;
	if (res == 0)
		res = relay_line(r->state, token, l->server != NULL ? &l->server->addr : &nowhere);
	l->open = res == 0;
	return res;
}

static void
turn(struct run *r, unsigned worker)
{
	fl_assert(worker == 0);
	relay_turn(r->state);
}

static uint64_t
open_conns(struct run *r)
{
	return relay_conns(r->state);
}

static void
finish(struct run *r)
{
	relay_free(r->state);
}

const struct subject subject_relay = {
	.name = "the relay",
	.start = start,
	.line_open = line_open,
	.turn = turn,
	.open_conns = open_conns,
	.finish = finish,
	.mate = relay_mate,
};
