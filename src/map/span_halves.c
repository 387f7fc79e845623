/* SPDX-License-Identifier: MIT */
/* span_halves.c - between an engine of spans and the store: halves of calls that wait for the other one. */
#include "map/span_halves.h"

#include "base/types.h"

#include <errno.h>
#include <string.h>

#define GONE_MAX ((size_t)64 << 20)
#define TRACES_MAX 2000000

void
span_halves_init(struct span_halves *h, struct past *p, span_halves_take_fn *take, void *arg)
{
	*h = (struct span_halves){ .past = p, .take = take, .arg = arg };
	map_init(&h->traces, 0, 0);
	map_init(&h->gone_ids, 0, 0);
	buf_init(&h->gone, GONE_MAX);
}

void
span_halves_fini(struct span_halves *h)
{
	map_fini(&h->traces);
	map_fini(&h->gone_ids);
	buf_fini(&h->gone);
}

static int
note_trace(void *arg, int64_t id, uint64_t trace)
{
	struct span_halves *h = arg;

	h->seen = FL_MAX(h->seen, id);
	return map_putn(&h->traces, &trace, sizeof(trace), h, NULL);
}

int
span_halves_begin(struct span_halves *h)
{
	/* Traces of what was dropped stay; forget all when there are too many. */
	if (h->traces.count > TRACES_MAX) {
		map_fini(&h->traces);
		map_init(&h->traces, 0, 0);
		h->seen = 0;
	}
	h->failed = 0;
	h->any = false;
	return past_half_each(h->past, h->seen, note_trace, h);
}

static int
give(void *arg, int64_t id, const void *body, size_t n)
{
	struct span_halves *h = arg;
	int rc;

	if (map_getn(&h->gone_ids, &id, sizeof(id)) != NULL)
		return 0;
	rc = h->take(h->arg, body, n);
	/* What is broken is dropped, too. */
	if (rc != 0 && rc != -EINVAL)
		return rc;
	rc = map_putn(&h->gone_ids, &id, sizeof(id), h, NULL);
	return rc != 0 || buf_append(&h->gone, &id, sizeof(id)) != 0 ? -ENOMEM : 0;
}

void
span_halves_seek(void *arg, uint64_t trace_lo)
{
	struct span_halves *h = arg;
	int rc;

	if (h->failed != 0 || map_getn(&h->traces, &trace_lo, sizeof(trace_lo)) == NULL)
		return;
	rc = past_half_find(h->past, trace_lo, give, h);
	/* What there is no room for now stays where it is, to be found another time. */
	if (rc != 0 && rc != -ENOBUFS)
		h->failed = rc;
	else if (rc == 0)
		map_deln(&h->traces, &trace_lo, sizeof(trace_lo));
}

int
span_halves_left(void *arg, const uint64_t *traces, unsigned count, const void *p, size_t n)
{
	struct span_halves *h = arg;

	h->any = true;
	return past_half_keep(h->past, traces, count, p, n);
}

int
span_halves_back(void *arg, const struct sight *s)
{
	return past_take_back(((struct span_halves *)arg)->past, s);
}

int
span_halves_end(struct span_halves *h, uint64_t dropped)
{
	const char *p = buf_data(&h->gone);
	int64_t id;
	int rc = h->failed;

	for (size_t i = 0; i + sizeof(id) <= buf_len(&h->gone) && rc == 0; i += sizeof(id)) {
		memcpy(&id, p + i, sizeof(id));
		rc = past_half_drop(h->past, id);
	}
	if (rc == 0 && (h->any || dropped > h->lost))
		rc = past_half_prune(h->past, dropped - h->lost);
	if (rc == 0)
		h->lost = dropped;
	return rc;
}

void
span_halves_done(struct span_halves *h)
{
	buf_clear(&h->gone);
	if (h->gone_ids.count > 0) {
		map_fini(&h->gone_ids);
		map_init(&h->gone_ids, 0, 0);
	}
}
