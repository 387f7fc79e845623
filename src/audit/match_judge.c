/* SPDX-License-Identifier: MIT */
/* match_judge.c - one entry a message, in slices. */
#include "audit/match_judge.h"

#include "base/assert.h"
#include <errno.h>
#include <string.h>

/* The lowest byte of at_state; the time is what stands above it. */
#define SENT 0x01u
#define ACKED 0x02u
#define REFUSED 0x04u
#define AGAIN 0x08u
#define CORRUPT 0x10u
#define GOT_ONE 0x20u                   /* how often it arrived: 0 to 2 and more */
#define GOT_MASK 0x60u
#define STATE_MASK 0xffu
#define STATE_BITS 8

int
match_judge_init(struct match_judge *j, struct match_flow *flows, uint32_t flow_count, size_t order_bytes, struct match_result *result)
{
	uint64_t base = 0;

	*j = (struct match_judge){ .flows = flows, .flow_count = flow_count, .late = FL_NEVER, .result = result };
	for (uint32_t i = 0; i < flow_count; i++) {
		uint64_t span = flows[i].n_max - flows[i].n_min;

		fl_assert(flows[i].n_min <= flows[i].n_max && (i == 0 || flows[i - 1].flow < flows[i].flow));
		flows[i].base = base;
		if (span >= UINT64_C(1) << 62 || base + span >= UINT64_C(1) << 62)
			return -ERANGE;
		base += span + 1;
	}
	j->total = base;
	match_order_init(&j->keys, order_bytes);
	match_order_init(&j->all, (size_t)MATCH_FLOWS_MAX * 1024 * sizeof(struct match_order_key));
	return 0;
}

void
match_judge_fini(struct match_judge *j)
{
	match_order_fini(&j->keys);
	match_order_fini(&j->all);
}

void
match_judge_slice(struct match_judge *j, uint64_t low, uint64_t high, struct match_entry *entries)
{
	fl_assert(low <= high && high <= j->total && (j->slice == 0 || high <= j->low));
	j->low = low;
	j->high = high;
	j->entries = entries;
	j->slice++;
}

/* Its index, or flow_count. */
static uint32_t
find_flow(struct match_judge *j, uint32_t flow)
{
	uint32_t low = 0, high = j->flow_count;

	if (j->flow_last < j->flow_count && j->flows[j->flow_last].flow == flow)
		return j->flow_last;
	while (low < high) {
		uint32_t mid = low + (high - low) / 2;

		if (j->flows[mid].flow < flow)
			low = mid + 1;
		else
			high = mid;
	}
	if (low == j->flow_count || j->flows[low].flow != flow)
		return j->flow_count;
	j->flow_last = low;
	return low;
}

bool
match_judge_wants(const struct match_judge *j, const struct match_block *b)
{
	if (j->slice == 1)
		return true;                                                                                    /* (1) */
	for (uint32_t i = 0; i < j->flow_count; i++) {
		const struct match_flow *f = &j->flows[i];

		if (f->flow < b->flow_min || f->flow > b->flow_max || b->n_max < f->n_min || b->n_min > f->n_max)
			continue;
		if (f->base + (FL_MAX(b->n_min, f->n_min) - f->n_min) < j->high && f->base + (FL_MIN(b->n_max, f->n_max) - f->n_min) >= j->low)
			return true;
	}
	return false;
}

/* The entry of a message of this slice; NULL: it lies in another. ret_outside: it is none that can have been sent. */
static struct match_entry *
entry_of(struct match_judge *j, const struct match_rec *r, bool *ret_outside)
{
	uint32_t i = find_flow(j, r->flow);
	uint64_t at;

	*ret_outside = i == j->flow_count || r->n < j->flows[i].n_min || r->n > j->flows[i].n_max;
	if (*ret_outside)
		return NULL;
	at = j->flows[i].base + (r->n - j->flows[i].n_min);
	return at >= j->low && at < j->high ? &j->entries[at - j->low] : NULL;
}

void
match_judge_sent(struct match_judge *j, const struct match_rec *r, fl_ns at)
{
	bool outside;
	struct match_entry *e;

	if (r->kind > MATCH_REFUSED)
		return;
	e = entry_of(j, r, &outside);
	if (e == NULL)
		return;
	if (r->kind == MATCH_SENT) {
		if ((e->at_state & SENT) != 0) {
			j->result->conflicts += e->hash != r->hash;
			e->at_state |= AGAIN;
			return;
		}
		e->hash = r->hash;
		e->key = r->key;
		e->at_state = (e->at_state & STATE_MASK) | SENT | (uint64_t)FL_MAX(at, 0) << STATE_BITS;
	} else {
		e->at_state |= r->kind == MATCH_ACK ? ACKED : r->kind == MATCH_REFUSED ? REFUSED : AGAIN;
	}
	j->result->again += r->kind == MATCH_AGAIN;
}

static struct match_example
example_of(const struct match_rec *r, uint32_t sink, uint64_t place, fl_ns at)
{
	return (struct match_example){
		.rank = (uint64_t)sink << 48 | FL_MIN(place, (UINT64_C(1) << 48) - 1), .sink = sink, .flow = r->flow, .key = r->key,
		.named = r->n > 0 || r->flow != UINT32_MAX, .n = r->n, .place = place + 1, .at = at,
	};
}

/* It names no message that was sent. */
static void
phantom(struct match_judge *j, const struct match_rec *r, struct match_example *x)
{
	uint32_t i = find_flow(j, r->flow);

	if (i < j->flow_count ? j->flows[i].cut && r->n > j->flows[i].n_max : j->nameless)
		j->result->beyond++;
	else
		match_result_add(j->result, MATCH_DEFECT_PHANTOM, x);
}

static void
check_order(struct match_judge *j, const struct match_rec *r, struct match_example *x, uint32_t sink, uint64_t place)
{
	int key = match_order_arrived(&j->keys, j->slice, sink, (uint64_t)r->flow << 32 | r->key, r->n, place, &x->other);

	if (key > 0)
		match_result_add(j->result, MATCH_DEFECT_REORDERED, x);
	j->result->keys_overflowed |= key < 0;
	if (match_order_arrived(&j->all, j->slice, sink, r->flow, r->n, place, &x->other) > 0)
		match_result_add(j->result, MATCH_DEFECT_OVERTAKEN, x);
}

static void
check_time(struct match_judge *j, struct match_example *x, const struct match_entry *e, fl_ns at)
{
	fl_ns took = at - (fl_ns)(e->at_state >> STATE_BITS);

	if (!j->clocks)
		return;
	if (took < 0) {
		j->result->backwards++;
		return;
	}
	hist_record(&j->result->latency, took);
	x->took = took;
	if (took > j->late)
		match_result_add(j->result, MATCH_DEFECT_LATE, x);
}

static void
arrived(struct match_judge *j, struct match_entry *e, const struct match_rec *r, uint32_t sink, uint64_t place, fl_ns at)
{
	struct match_result *result = j->result;
	struct match_example x;

	if ((e->at_state & GOT_MASK) == 0) {
		e->at_state += GOT_ONE;
		result->first++;
		x = example_of(r, sink, place, at);
		check_order(j, r, &x, sink, place);
		check_time(j, &x, e, at);
		return;
	}
	if ((e->at_state & GOT_MASK) == GOT_ONE) {
		e->at_state += GOT_ONE;
		result->repeated++;
		result->repeated_again += (e->at_state & AGAIN) != 0;
	}
	x = example_of(r, sink, place, at);
	match_result_add(result, MATCH_DEFECT_DUPLICATE, &x);
}

static void
damaged(struct match_judge *j, const struct match_rec *r, uint32_t sink, uint64_t place, fl_ns at)
{
	struct match_example x = example_of(r, sink, place, at);
	bool outside = true;
	struct match_entry *e = r->claimed ? entry_of(j, r, &outside) : NULL;

	x.named = r->claimed;
	if (e != NULL)
		e->at_state |= CORRUPT;
	if (e != NULL || (outside && j->slice == 1))
		match_result_add(j->result, MATCH_DEFECT_CORRUPT, &x);
}

void
match_judge_got(struct match_judge *j, const struct match_rec *r, uint32_t sink, uint64_t place, fl_ns at)
{
	struct match_entry *e;
	struct match_example x;
	bool outside;

	if (r->kind == MATCH_CORRUPT) {
		damaged(j, r, sink, place, at);
		return;
	}
	if (r->kind == MATCH_OUTPUT)
		j->result->outputs += j->slice == 1;
	if (r->kind != MATCH_GOT)
		return;
	e = entry_of(j, r, &outside);
	if (e == NULL && !(outside && j->slice == 1))
		return;
	j->result->got++;
	if (e != NULL && (e->at_state & SENT) != 0 && e->hash == r->hash) {
		arrived(j, e, r, sink, place, at);
		return;
	}
	x = example_of(r, sink, place, at);
	if (e == NULL || (e->at_state & SENT) == 0) {
		phantom(j, r, &x);
		return;
	}
	x.hash_sent = e->hash;
	x.hash_got = r->hash;
	e->at_state |= CORRUPT;
	match_result_add(j->result, MATCH_DEFECT_CHANGED, &x);
}

/* Count what became of a message that was sent. */
static void
settle(struct match_judge *j, const struct match_flow *f, uint64_t at, const struct match_entry *e)
{
	struct match_result *r = j->result;
	struct match_example x = { .rank = at, .flow = f->flow, .key = e->key, .named = true, .n = f->n_min + (at - f->base),
		.at = (fl_ns)(e->at_state >> STATE_BITS) };
	bool promised = j->acks ? (e->at_state & ACKED) != 0 : (e->at_state & REFUSED) == 0;

	r->sent++;
	r->acked += (e->at_state & ACKED) != 0;
	r->refused += (e->at_state & (ACKED | REFUSED)) == REFUSED;
	r->promised += promised;
	if ((e->at_state & GOT_MASK) != 0) {
		if ((e->at_state & (ACKED | REFUSED)) == REFUSED)
			match_result_add(r, MATCH_DEFECT_REFUSED, &x);
	} else if (promised) {
		match_result_add(r, MATCH_DEFECT_LOST, &x);
		r->lost_corrupt += (e->at_state & CORRUPT) != 0;
	} else {
		r->missing_unpromised++;
	}
}

void
match_judge_close(struct match_judge *j)
{
	for (uint32_t i = 0; i < j->flow_count; i++) {
		const struct match_flow *f = &j->flows[i];
		uint64_t from = FL_MAX(j->low, f->base), to = FL_MIN(j->high, f->base + (f->n_max - f->n_min) + 1);

		for (uint64_t at = from; at < to; at++)
			if ((j->entries[at - j->low].at_state & SENT) != 0)
				settle(j, f, at, &j->entries[at - j->low]);
	}
}
