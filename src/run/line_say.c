/* SPDX-License-Identifier: MIT */
/* line_say.c - see line_say.h. */
#include "run/line_say.h"

#include "base/buf.h"
#include "run/words.h"
#include <errno.h>

#define PAIRS_MAX (16 + FL_WHO_COUNT)

struct saying {
	struct arena *mem;
	struct result_pair *pairs;
	uint32_t count;
};

static void
add(struct saying *s, const char *what, uint64_t n)
{
	struct buf b;

	if (n == 0 || s->count == PAIRS_MAX)
		return;
	buf_init(&b, 64);
	words_count(n, &b);
	s->pairs[s->count++] = (struct result_pair){ what, arena_strdup(s->mem, buf_str(&b)) };
	buf_fini(&b);
}

/* What is told of, added up. */
static void
add_up(const struct http_conf *c, struct http_sum *all)
{
	*all = (struct http_sum){ .requests = 0 };
	for (unsigned i = 0; i < c->route_count; i++) {
		struct http_sum s;
		if (c->routes[i].stats == NULL)
			continue;
		http_stats_sum(c->routes[i].stats, &s);
		all->requests += s.requests;
		all->attempts += s.attempts;
		all->retries += s.retries;
		all->hedges += s.hedges;
		all->hedges_won += s.hedges_won;
		all->fallbacks += s.fallbacks;
		all->faults += s.faults;
		all->client_gone += s.client_gone;
		all->upstream_broke += s.upstream_broke;
		for (int w = 0; w < FL_WHO_COUNT; w++)
			all->refused[w] += s.refused[w];
		all->ends[FL_END_TIMED_OUT] += s.ends[FL_END_TIMED_OUT];
	}
}

int
line_say(const struct http_conf *c, struct arena *mem, const struct result_pair **ret_did, uint32_t *ret_count)
{
	struct saying s = { .mem = mem, .pairs = arena_alloc(mem, PAIRS_MAX * sizeof(*s.pairs)) };
	struct http_sum all;

	if (s.pairs == NULL)
		return -ENOMEM;
	add_up(c, &all);
	add(&s, "requests", all.requests);
	add(&s, "attempts", all.attempts);
	add(&s, "retries", all.retries);
	add(&s, "hedges", all.hedges);
	add(&s, "hedges that won", all.hedges_won);
	add(&s, "answered by the fallback", all.fallbacks);
	for (int w = FL_WHO_NONE + 1; w < FL_WHO_COUNT; w++)
		add(&s, arena_printf(mem, "refused by the %s", fl_who_name((enum fl_who)w)), all.refused[w]);
	add(&s, "ended by a time limit", all.ends[FL_END_TIMED_OUT]);
	add(&s, "hit by a fault", all.faults);
	add(&s, "whose client had left", all.client_gone);
	add(&s, "that broke at the server", all.upstream_broke);
	*ret_did = s.pairs;
	*ret_count = s.count;
	return mem->overflowed ? -ENOMEM : 0;
}
