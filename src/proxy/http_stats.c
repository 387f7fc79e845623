/* SPDX-License-Identifier: MIT */
/* http_stats.c - counters and times of the calls of a route. */
#include "proxy/http_stats.h"

#include <stdlib.h>
#include <string.h>

#define SUB_BITS 3

const char *
http_phase_name(enum http_phase p)
{
	static const char *const names[] = {
#define HTTP_PHASE_ROW(id, word, text) word,
		HTTP_PHASES(HTTP_PHASE_ROW)
#undef HTTP_PHASE_ROW
	};
	return (unsigned)p < HTTP_PHASE_COUNT ? names[p] : "";
}

struct http_stats *
http_stats_new(unsigned workers)
{
	size_t n = sizeof(struct http_stats) + workers * sizeof(struct http_cell);
	struct http_stats *s = aligned_alloc(64, (n + 63) & ~(size_t)63);
	if (s == NULL)
		return NULL;
	memset(s, 0, n);
	atomic_init(&s->refs, 1);
	s->workers = workers;
	return s;
}

struct http_stats *
http_stats_ref(struct http_stats *s)
{
	atomic_fetch_add_explicit(&s->refs, 1, memory_order_relaxed);
	return s;
}

void
http_stats_unref(struct http_stats *s)
{
	if (s != NULL && atomic_fetch_sub_explicit(&s->refs, 1, memory_order_acq_rel) == 1)
		free(s);
}

static unsigned
step_of(fl_ns ns)
{
	uint64_t us = ns <= 0 ? 0 : (uint64_t)ns / 1000;
	if (us < 1u << SUB_BITS)
		return (unsigned)us;
	unsigned top = 63u - (unsigned)__builtin_clzll(us);
	unsigned n = ((top - SUB_BITS + 1) << SUB_BITS) + (unsigned)((us >> (top - SUB_BITS)) & ((1u << SUB_BITS) - 1));
	return FL_MIN(n, HTTP_TIMES_COUNTS - 1u);
}

/* The first value beyond a step. */
static fl_ns
step_end(unsigned n)
{
	if (n < 1u << SUB_BITS)
		return ((fl_ns)n + 1) * FL_US;
	unsigned shift = (n >> SUB_BITS) - 1;
	return (fl_ns)(((uint64_t)(1u << SUB_BITS) + (n & ((1u << SUB_BITS) - 1)) + 1) << shift) * FL_US;
}

static void
add(_Atomic uint64_t *c, uint64_t n)
{
	atomic_store_explicit(c, atomic_load_explicit(c, memory_order_relaxed) + n, memory_order_relaxed);
}

void
http_stats_time(struct http_times *t, fl_ns value)
{
	_Atomic uint32_t *c = &t->counts[step_of(value)];
	atomic_store_explicit(c, atomic_load_explicit(c, memory_order_relaxed) + 1, memory_order_relaxed);
	add(&t->total, 1);
	add(&t->sum_us, value > 0 ? (uint64_t)value / 1000 : 0);
}

void
http_stats_times(const struct http_stats *s, enum http_phase p, struct http_times_sum *ret)
{
	memset(ret, 0, sizeof(*ret));
	for (unsigned w = 0; w < s->workers; w++) {
		const struct http_times *t = &s->cells[w].times[p];
		for (unsigned i = 0; i < HTTP_TIMES_COUNTS; i++) {
			uint32_t n = atomic_load_explicit(&t->counts[i], memory_order_relaxed);
			ret->counts[i] += n;
			ret->total += n;                /* not t->total: the sum of what is seen here */
		}
		ret->sum_us += atomic_load_explicit(&t->sum_us, memory_order_relaxed);
	}
}

fl_ns
http_stats_quantile(const struct http_times_sum *t, double q)
{
	uint64_t want = (uint64_t)(q * (double)t->total), seen = 0;
	if (t->total == 0)
		return 0;
	for (unsigned i = 0; i < HTTP_TIMES_COUNTS; i++) {
		seen += t->counts[i];
		if (seen > want || seen == t->total) {
			fl_ns from = i == 0 ? 0 : step_end(i - 1);
			return (from + step_end(i)) / 2;
		}
	}
	return 0;
}

uint64_t
http_stats_within(const struct http_times_sum *t, fl_ns limit)
{
	uint64_t n = 0;
	for (unsigned i = 0; i < HTTP_TIMES_COUNTS && step_end(i) <= limit + FL_US; i++)
		n += t->counts[i];
	return n;
}

#define SUM(field) ret->field += atomic_load_explicit(&c->field, memory_order_relaxed)

void
http_stats_sum(const struct http_stats *s, struct http_sum *ret)
{
	memset(ret, 0, sizeof(*ret));
	for (unsigned w = 0; w < s->workers; w++) {
		const struct http_cell *c = &s->cells[w];
		ret->active += atomic_load_explicit(&c->active, memory_order_acquire);        /* first: at 0, all below is told */
		SUM(requests);
		SUM(attempts);
		SUM(retries);
		SUM(hedges);
		SUM(hedges_won);
		SUM(fallbacks);
		SUM(degraded);
		SUM(resent);
		SUM(faults);
		SUM(client_gone);
		SUM(upstream_broke);
		SUM(request_bytes);
		SUM(response_bytes);
		for (unsigned i = 0; i < FL_ARRAY_LEN(ret->status); i++)
			SUM(status[i]);
		for (unsigned i = 0; i < FL_WHO_COUNT; i++)
			SUM(refused[i]);
		for (unsigned i = 0; i < FL_LIMIT_COUNT; i++)
			SUM(limits[i]);
		for (unsigned i = 0; i < FL_END_COUNT; i++)
			SUM(ends[i]);
		for (unsigned i = 0; i < FL_RETRY_COUNT; i++)
			SUM(retry_stops[i]);
	}
}
