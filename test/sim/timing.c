/* SPDX-License-Identifier: MIT */
/* timing.c - see timing.h. */
#include "timing.h"
#include "mark.h"

/* A rate is kept over any time but for pieces that are caught up with. */
#define RATE_SLACK_NS (50 * FL_MS)
#define RATE_SLACK_BYTES 4096

struct timing_part {
	struct timing_part *next;
	uint64_t end;                   /* offset behind it */
	fl_ns at;
};

static bool
plain(const struct fault_spec *f)
{
	const struct spec_scope *s = &f->scope;

	return f->toxicity >= 1 && !s->has_client && s->every == 0 && s->first == 0 && s->window_from == 0 && s->window_to == 0 &&
	    s->duty_period == 0;
}

/* Bytes that it takes are neither held nor sent. */
static bool
swallows(const struct fault_spec *f)
{
	return f->kind == FAULT_TIMEOUT || f->kind == FAULT_RESET_PEER || f->kind == FAULT_LIMIT_DATA || f->kind == FAULT_LIMIT_TIME ||
	    f->kind == FAULT_HALF_OPEN;
}

void
timing_faults(struct timing *t, const struct fault_set *set, enum fl_dir dir)
{
	uint64_t faults = 0;
	fl_ns delay = 0;
	int64_t rate = -1;

	for (uint32_t i = 0; i < set->count; i++) {
		const struct fault_spec *f = &set->specs[i];

		if (f->dir != dir)
			continue;
		if (f->kind == FAULT_DROP_CHUNK || f->kind == FAULT_DUPLICATE_CHUNK || swallows(f))
			t->off = true;
		if (f->kind != FAULT_LATENCY && f->kind != FAULT_BANDWIDTH)
			continue;
		faults = (faults ^ f->id) * UINT64_C(0x9fb21c651e98df25) + f->version;
		if (!plain(f))
			continue;
		if (f->kind == FAULT_LATENCY && f->values[LATENCY_DISTRIBUTION].i == DIST_UNIFORM && f->values[LATENCY_JITTER].i <= 0)
			delay += FL_MAX(f->values[LATENCY_LATENCY].i, 0) * FL_MS;
		if (f->kind == FAULT_BANDWIDTH)
			rate = rate < 0 ? f->values[BANDWIDTH_RATE].i : FL_MIN(rate, f->values[BANDWIDTH_RATE].i);
	}
	t->off = t->off || (t->born && faults != t->faults);
	t->born = true;
	t->faults = faults;
	t->delay_min = delay;
	t->rate = rate;
}

bool
timing_received(struct timing *t, struct world *w, uint64_t n)
{
	struct timing_part *p;

	if (t->received == 0)
		t->first = w->now;
	t->received += n;
	if (t->off)
		return true;
	if (t->received - t->sent > t->bound)
		return false;
	if (t->delay_min == 0)
		return true;
	p = world_alloc(w, sizeof(*p));
	p->end = t->received;
	p->at = w->now;
	if (t->head == NULL)
		t->head = p;
	else
		t->tail->next = p;
	t->tail = p;
	return true;
}

bool
timing_sent(struct timing *t, struct world *w, uint64_t n)
{
	t->sent += n;
	if (t->off)
		return true;
	while (t->head != NULL && t->head->end < t->sent)
		t->head = t->head->next;
	if (t->head != NULL && t->delay_min > 0) {
		mark_hit(MARK_LATENCIES, 1);
		if (w->now < t->head->at + t->delay_min)
			return false;
	}
	if (t->rate >= 0) {
		double may = (double)t->rate * 1000 * (double)(w->now - t->first + RATE_SLACK_NS) / 1e9 + RATE_SLACK_BYTES;

		mark_hit(MARK_RATES, 1);
		if ((double)t->sent > may || t->rate == 0)
			return false;
	}
	return true;
}
