/* SPDX-License-Identifier: MIT */
/* equal.c - see equal.h. */
#include "equal.h"
#include "mark.h"
#include "base/assert.h"
#include "proxy/proxy.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define RUNS 3
/* Clients start so far apart that the network cannot change their order. */
#define SPACING_NS (2 * FL_SEC)
#define SLOW_NS_MAX (200 * FL_MS)

struct decision {
	char line[16];
	const char *what;
	uint64_t key, fault_id, offset;
	int64_t value;
	uint64_t order;
	uint8_t dir;
};

struct story {
	struct swarm swarm;
	struct decision *list;
	size_t count, cap;
};

static bool
is_decision(const struct proxy_event *e)
{
	static const char *const whats[] = { "applies", "cut", "flip", "duplicate", "drop", "limit", "stall", "refuse", "connect_delay" };

	for (size_t i = 0; e->fault_id != 0 && i < FL_ARRAY_LEN(whats); i++)
		if (strcmp(e->what, whats[i]) == 0)
			return true;
	return false;
}

static void
on_event(void *ud, const struct proxy_event *e)
{
	struct story *s = ud;

	if (!is_decision(e))
		return;
	if (s->count == s->cap) {
		s->cap = s->cap ? s->cap * 2 : 1024;
		s->list = realloc(s->list, s->cap * sizeof(*s->list));
		fl_assert(s->list != NULL);
	}
	struct decision *d = &s->list[s->count];
	*d = (struct decision){ .what = e->what, .key = e->conn_key, .fault_id = e->fault_id, .offset = e->offset,
		.value = e->value, .order = s->count++, .dir = e->dir };
	snprintf(d->line, sizeof(d->line), "%.15s", e->line);
}

/* Lists of one group stand together, each in the order in which it was told. */
static int
by_group(const struct decision *a, const struct decision *b)
{
	int c = strcmp(a->line, b->line);

	if (c == 0)
		c = (a->key > b->key) - (a->key < b->key);
	if (c == 0)
		c = (a->dir > b->dir) - (a->dir < b->dir);
	return c != 0 ? c : (a->fault_id > b->fault_id) - (a->fault_id < b->fault_id);
}

static int
compare(const void *x, const void *y)
{
	const struct decision *a = x, *b = y;
	int c = by_group(a, b);

	return c != 0 ? c : (a->order > b->order) - (a->order < b->order);
}

static void
print(const char *which, const struct decision *d, bool there)
{
	if (!there)
		fprintf(stderr, "  %s: no more decisions\n", which);
	else
		fprintf(stderr, "  %s: %s connection %llx %s fault %llu: %s at %llu, value %lld\n", which, d->line,
		    (unsigned long long)d->key, d->dir == FL_C2S ? "c2s" : "s2c", (unsigned long long)d->fault_id, d->what,
		    (unsigned long long)d->offset, (long long)d->value);
}

static bool
same(const struct decision *a, const struct decision *b)
{
	return a->offset == b->offset && a->value == b->value && strcmp(a->what, b->what) == 0;
}

static _Noreturn void
differ(const struct story *a, const struct story *b, size_t i, bool has_a, size_t k, bool has_b, const char *repeat)
{
	print("one run", has_a ? &a->list[i] : NULL, has_a);
	print("another", has_b ? &b->list[k] : NULL, has_b);
	fprintf(stderr, "FAILED seed %llu: with %u and %u workers the faults decide differently\nrepeat: %s\n",
	    (unsigned long long)a->swarm.seed, a->swarm.workers, b->swarm.workers, repeat);
	_exit(WORLD_EXIT_FAILED);
}

/* complete: every connection ended by itself, so that every list is whole. */
static void
compare_stories(const struct story *a, const struct story *b, bool complete, const char *repeat)
{
	size_t i = 0, k = 0;

	while (i < a->count || k < b->count) {
		int c = i == a->count ? 1 : k == b->count ? -1 : by_group(&a->list[i], &b->list[k]);
		const struct decision *group = c <= 0 ? &a->list[i] : &b->list[k];

		for (;;) {
			bool has_a = i < a->count && by_group(&a->list[i], group) == 0;
			bool has_b = k < b->count && by_group(&b->list[k], group) == 0;

			if (!has_a && !has_b)
				break;
			if (has_a && has_b ? !same(&a->list[i], &b->list[k]) : complete)
				differ(a, b, i, has_a, k, has_b, repeat);
			mark_hit(MARK_DECISIONS, has_a && has_b);
			i += has_a;
			k += has_b;
		}
	}
}

/* Faults that let every byte pass in the end. */
static const enum fault_kind harmless[] = {
	FAULT_LATENCY, FAULT_SLICER, FAULT_NOOP, FAULT_CORRUPT, FAULT_DUPLICATE_CHUNK, FAULT_DROP_CHUNK, FAULT_CONNECT_DELAY,
};

/* What all runs have in common. returns whether nothing can cut a connection short. */
static bool
draw_common(struct swarm *s, uint64_t seed)
{
	struct rnd r = rnd_init(seed, 0xe9);
	bool complete = rnd_chance(&r, 500);

	swarm_draw(s, seed, 0);
	s->spacing_ns = SPACING_NS;
	s->conns = FL_MIN(s->conns, 8);
	s->trouble_ns = (s->conns + 4) * SPACING_NS;
	s->gap_ns_max = FL_MIN(s->gap_ns_max, FL_MS);
	s->read_gap_ns_max = FL_MIN(s->read_gap_ns_max, FL_MS);
	s->stall = s->reset = s->server_down = s->named_upstream = s->dead_upstream = 0;
	for (unsigned i = 0; i < PEER_ENDINGS; i++)
		s->ending_weight[i] = i == PEER_FIN_WHEN_SENT;
	s->conns_max = 1000;
	s->line_conns_max = 0;
	s->events_max = 1 << 17;
	s->bytes_max = FL_MIN(s->bytes_max, 5000);
	s->buffer_bytes = 64 << 20;
	s->connect_timeout = 20 * FL_SEC;
	s->faults_at_start = (unsigned)rnd_range(&r, 1, 4);
	s->fault_leased = 0;
	s->fault_timed = 0;
	s->stop_at_once = 0;
	s->fault_ms_max = 50;
	/* Where a stream may end early, the copy of a short cell comes at a place that depends on when. */
	s->fault_kinds &= ~(UINT32_C(1) << FAULT_DUPLICATE_CHUNK);
	s->fault_kinds |= UINT32_C(1) << FAULT_CORRUPT;
	if (complete) {
		s->half_close = 1000;
		s->fault_kinds = 0;
		for (size_t i = 0; i < FL_ARRAY_LEN(harmless); i++)
			s->fault_kinds |= UINT32_C(1) << harmless[i];
	}
	return complete;
}

/* What differs: the network's dice and moods, and the number of workers. */
static void
draw_circumstances(struct swarm *s, uint64_t seed, unsigned run)
{
	struct rnd r = rnd_init(seed, 0xc1 + run);
	struct swarm other;
	fl_ns slow = SLOW_NS_MAX / (fl_ns)(s->bytes_max + 1);    /* per event: each may bring but one byte */

	swarm_draw(&other, rnd_u64(&r), 0);
	s->net_seed = other.net_seed;
	s->workers = run + 1;
	s->lag = other.lag;
	s->lag_ns_max = other.lag_ns_max;
	s->cpu_ns_max = other.cpu_ns_max;
	s->trouble = (struct net_trouble){
		.snd_bytes_min = s->trouble.snd_bytes_min, .snd_bytes_max = s->trouble.snd_bytes_max,
		.rcv_bytes_min = s->trouble.rcv_bytes_min, .rcv_bytes_max = s->trouble.rcv_bytes_max,
		.delay_ns_max = FL_MIN(other.trouble.delay_ns_max, slow),
		.segment_bytes_max = other.trouble.segment_bytes_max,
		.short_recv = other.trouble.short_recv, .short_push = other.trouble.short_push, .zero_push = other.trouble.zero_push,
		.late = other.trouble.late, .late_ns_max = FL_MIN(other.trouble.late_ns_max, slow),
		.extra_recv = other.trouble.extra_recv, .accept_fails = other.trouble.accept_fails,
		.early_end = other.trouble.early_end,
	};
}

void
equal_check(uint64_t seed, const struct run_opts *opts)
{
	struct story stories[RUNS] = { 0 };
	bool complete = true;

	for (unsigned i = 0; i < RUNS; i++) {
		struct story *s = &stories[i];
		struct run_opts o = *opts;

		complete = draw_common(&s->swarm, seed) && complete;
		draw_circumstances(&s->swarm, seed, i);
		o.on_event = on_event;
		o.on_event_ud = s;
		struct run_result r = run_seed(&s->swarm, &subject_proxy, &o);
		complete = complete && r.over_before_calm;
		if (s->count > 1)
			qsort(s->list, s->count, sizeof(*s->list), compare);
		if (opts->verbose)
			fprintf(stderr, "seed %llu: %zu decisions with %u workers, complete %d\n", (unsigned long long)seed, s->count,
			    s->swarm.workers, complete);
	}
	for (unsigned i = 1; i < RUNS; i++)
		compare_stories(&stories[0], &stories[i], complete, opts->repeat);
	for (unsigned i = 0; i < RUNS; i++)
		free(stories[i].list);
}
