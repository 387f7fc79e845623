/* SPDX-License-Identifier: MIT */
/* guard.c - sliding windows over the load, and counters over probes and processes. */
#include "run/guard.h"

#include "base/assert.h"
#include "base/units.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#define WHY_MAX 160

int
guard_init(struct guard *g, const struct experiment_guard *conf)
{
	*g = (struct guard){ .conf = conf, .newest = -1 };
	if (conf->kind != GUARD_ERRORS && conf->kind != GUARD_P99)
		return 0;
	g->slot_count = (uint32_t)((conf->window + GUARD_SLOT_NS - 1) / GUARD_SLOT_NS);
	g->slots = calloc(g->slot_count, sizeof(*g->slots));
	return g->slots == NULL ? -ENOMEM : 0;
}

void
guard_fini(struct guard *g)
{
	free(g->slots);
	g->slots = NULL;
}

/* Move the ring on so that slot `number` is in it. */
static void
advance(struct guard *g, int64_t number)
{
	if (number <= g->newest)
		return;
	for (int64_t n = FL_MAX(g->newest + 1, number - g->slot_count + 1); n <= number; n++)
		g->slots[n % g->slot_count] = (struct guard_count){ 0 };
	g->newest = number;
}

static void
count(struct guard *g, fl_ns at, uint32_t total, uint32_t bad)
{
	int64_t number = at / GUARD_SLOT_NS;

	advance(g, number);
	if (number > g->newest - (int64_t)g->slot_count) {
		g->slots[number % g->slot_count].total += total;
		g->slots[number % g->slot_count].bad += bad;
	}
}

void
guard_op(struct guard *g, const struct oplog_op *op)
{
	bool bad;

	if (g->slots == NULL)
		return;
	/* A compare-and-set that met another value is an answer, not an error. */
	if (g->conf->kind == GUARD_ERRORS)
		bad = op->outcome != HISTORY_OK && op->error != OPLOG_MISMATCH;
	else
		bad = op->complete - op->due > g->conf->limit;
	count(g, op->complete, 1, bad);
}

void
guard_slot(struct guard *g, const struct load_live_slot *s)
{
	if (g->slots != NULL)
		count(g, s->at, s->ok + s->bad, g->conf->kind == GUARD_ERRORS ? s->bad : coarse_above(&s->latency, g->conf->limit));
}

void
guard_probe(struct guard *g, uint32_t probe, bool held)
{
	if (g->conf->kind == GUARD_PROBE && g->conf->probe == (int)probe)
		g->fails = held ? 0 : g->fails + 1;
}

void
guard_memory(struct guard *g, uint32_t process, int64_t bytes)
{
	if (g->conf->kind == GUARD_MEMORY && g->conf->process == (int)process)
		g->bytes = bytes;
}

void
guard_exit(struct guard *g, uint32_t process)
{
	if (g->conf->kind == GUARD_EXIT && g->conf->process == (int)process)
		g->exited = true;
}

static bool
load_tripped(const struct guard *g, fl_ns now, char *why)
{
	const struct experiment_guard *c = g->conf;
	uint64_t total = 0, bad = 0;
	int64_t oldest = now / GUARD_SLOT_NS - g->slot_count + 1;
	char window[32], limit[32];

	for (int64_t n = FL_MAX(oldest, g->newest - g->slot_count + 1); n >= 0 && n <= g->newest; n++) {
		total += g->slots[n % g->slot_count].total;
		bad += g->slots[n % g->slot_count].bad;
	}
	if (oldest < 0 || total < GUARD_OPS_MIN)
		return false;
	units_duration(window, sizeof(window), c->window);
	if (c->kind == GUARD_P99) {
		units_duration(limit, sizeof(limit), c->limit);
		snprintf(why, WHY_MAX, "p99 over %s for %s", limit, window);
		return (double)bad > 0.01 * (double)total;
	}
	snprintf(why, WHY_MAX, "%.1f%% of the operations failed for %s (limit %g%%)", 100.0 * (double)bad / (double)total, window,
	    c->share * 100);
	return (double)bad > c->share * (double)total;
}

bool
guard_tripped(const struct guard *g, const struct experiment *x, fl_ns now, char *why)
{
	const struct experiment_guard *c = g->conf;
	char bytes[32], limit[32];

	switch (c->kind) {
	case GUARD_ERRORS:
	case GUARD_P99:
		return load_tripped(g, now, why);
	case GUARD_PROBE:
		snprintf(why, WHY_MAX, "the probe \"%.60s\" failed %u times in a row", x->probe_names[c->probe], g->fails);
		return g->fails >= c->fails;
	case GUARD_MEMORY:
		snprintf(why, WHY_MAX, "%s uses %s of memory (limit %s)", x->process_names[c->process],
		    units_bytes(bytes, sizeof(bytes), (double)g->bytes), units_bytes(limit, sizeof(limit), (double)c->bytes));
		return g->bytes > c->bytes;
	case GUARD_EXIT:
		snprintf(why, WHY_MAX, "%s ended, and no fault made it", x->process_names[c->process]);
		return g->exited;
	}
	fl_assert(!"a kind of guard");
	return false;
}
