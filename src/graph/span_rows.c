/* SPDX-License-Identifier: MIT */
/* span_rows.c - what calls add up to between two tellings. */
#include "graph/span_rows.h"

#include "base/assert.h"
#include "base/region.h"

#include <errno.h>
#include <string.h>

int
span_rows_init(struct span_rows *t, uint32_t max)
{
	fl_assert(max > 0 && max < 1u << 28);
	*t = (struct span_rows){ .max = max, .mask = 15 };
	while (t->mask < 2 * max)
		t->mask = t->mask * 2 + 1;
	t->rows = region_reserve(max * sizeof(t->rows[0]));
	t->index = region_reserve(((size_t)t->mask + 1) * sizeof(t->index[0]));
	return t->rows != NULL && t->index != NULL ? 0 : -ENOMEM;
}

void
span_rows_fini(struct span_rows *t)
{
	region_release(t->rows, t->max * sizeof(t->rows[0]));
	region_release(t->index, ((size_t)t->mask + 1) * sizeof(t->index[0]));
	*t = (struct span_rows){ .rows = NULL };
}

static uint32_t
place_of(const struct span_rows *t, const struct span_call *c)
{
	uint64_t key = (uint64_t)c->from << 32 | c->to;
	uint64_t h = (key ^ (uint64_t)(c->protocol << 8 | c->source) << 40) * UINT64_C(0x9e3779b97f4a7c15);
	uint32_t place = (uint32_t)(h >> 32) & t->mask;

	for (; t->index[place] != 0; place = (place + 1) & t->mask) {
		const struct span_row *r = &t->rows[t->index[place] - 1];

		if (r->from == c->from && r->to == c->to && r->protocol == c->protocol && r->source == c->source)
			break;
	}
	return place;
}

void
span_rows_clear(struct span_rows *t)
{
	if (t->count > t->max / 16) {
		memset(t->index, 0, ((size_t)t->mask + 1) * sizeof(t->index[0]));
	} else {
		/* From the last to the first, so that each is still found where it was put. */
		for (uint32_t i = t->count; i > 0; i--) {
			const struct span_row *r = &t->rows[i - 1];
			struct span_call c = { .from = r->from, .to = r->to, .protocol = r->protocol, .source = r->source };

			t->index[place_of(t, &c)] = 0;
		}
	}
	t->count = 0;
}

bool
span_rows_add(struct span_rows *t, const struct span_call *c)
{
	uint32_t place = place_of(t, c);

	if (t->index[place] == 0) {
		if (t->count == t->max)
			return false;
		t->rows[t->count] = (struct span_row){ .from = c->from, .to = c->to, .protocol = c->protocol, .source = c->source };
		t->index[place] = ++t->count;
	}
	struct span_row *r = &t->rows[t->index[place] - 1];

	r->seen |= c->seen;
	if (!c->again) {
		r->count++;
		r->errors += c->error;
		r->latency += c->latency;
	}
	if (c->at != 0) {
		r->first = r->first == 0 ? c->at : FL_MIN(r->first, c->at);
		r->last = FL_MAX(r->last, c->at);
	}
	return true;
}
