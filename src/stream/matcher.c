/* SPDX-License-Identifier: MIT */
/* matcher.c - passes over the logs of a stream, as many as the memory asks for. */
#include "stream/matcher.h"

#include "base/assert.h"
#include "base/region.h"
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SPAN_PER_RECORD_MAX 64          /* numbers of a flow may be that sparse */
#define SPAN_FREE (UINT64_C(1) << 20)
#define SLICES_MAX 10000
#define LOOK_EVERY 65536u               /* records, at the clock and at who may stop it */
#define ENTRIES_MIN 65536u

static int
fail(struct matcher *m, int rc, const char *format, const char *path, const char *what)
{
	snprintf(m->error, sizeof(m->error), format, path, what);
	return rc;
}

static int
by_flow(const void *a, const void *b)
{
	const struct match_flow *x = a, *y = b;

	return x->flow < y->flow ? -1 : x->flow > y->flow;
}

/* The flow of that number, which may be new; NULL: there are too many. */
static struct match_flow *
flow_of(struct matcher *m, uint32_t flow)
{
	struct match_flow *f;

	for (uint32_t i = m->flow_count; i > 0; i--)
		if (m->flows[i - 1].flow == flow)
			return &m->flows[i - 1];
	if (m->flow_count == MATCH_FLOWS_MAX)
		return NULL;
	f = &m->flows[m->flow_count++];
	*f = (struct match_flow){ .flow = flow, .n_min = UINT64_MAX };
	return f;
}

/* What a sender's log is about: from the heads of its blocks where they name one flow. */
struct survey {
	struct matcher *m;
	bool cut, overflow;
};

static void
widen(struct survey *s, uint32_t flow, uint64_t low, uint64_t high)
{
	struct match_flow *f = flow_of(s->m, flow);

	if (f == NULL) {
		s->overflow = true;
		return;
	}
	f->cut |= s->cut;
	f->n_min = FL_MIN(f->n_min, low);
	f->n_max = FL_MAX(f->n_max, high);
}

static bool
survey_block(void *ud, const struct match_block *b)
{
	struct survey *s = ud;

	if (b->flow_min < b->flow_max)
		return true;
	if (b->flow_min == b->flow_max)
		widen(s, b->flow_min, b->n_min, b->n_max);
	return false;
}

static int
survey(struct matcher *m)
{
	uint64_t records = 0, place;
	bool nameless = false;
	struct match_rec r;

	for (uint32_t i = 0; i < m->sent_count; i++) {
		struct survey s = { .m = m, .cut = m->sent[i].cut };
		int rc;

		stream_reader_rewind(&m->sent[i]);
		m->sent[i].wants = survey_block;
		m->sent[i].wants_ud = &s;
		while ((rc = stream_reader_next(&m->sent[i], &r, &place)) == 1)
			if (r.kind <= MATCH_REFUSED)
				widen(&s, r.flow, r.n, r.n);
		if (rc < 0)
			return fail(m, -EINVAL, "%s: %s", m->sent[i].path, m->sent[i].error);
		if (s.overflow)
			return fail(m, -EINVAL, "%s: there are more than 4096 flows%s", m->sent[i].path, "");
		records += m->sent[i].records;
		nameless |= m->sent[i].cut && m->sent[i].records == 0;
	}
	qsort(m->flows, m->flow_count, sizeof(m->flows[0]), by_flow);
	if (match_judge_init(&m->judge, m->flows, m->flow_count, m->memory_bytes / 4, m->result) != 0 ||
	    m->judge.total / SPAN_PER_RECORD_MAX > records + SPAN_FREE)
		return fail(m, -EINVAL, "%s: the numbers of its messages are too far apart to be those of flows that count from one on%s",
		    m->sent[0].path, "");
	m->judge.nameless = nameless;
	return 0;
}

/* Times of two files can be compared when one machine's monotonic clock gave both. */
static void
compare_clocks(struct matcher *m)
{
	uint64_t machine = m->sent_count > 0 ? m->sent[0].head.machine : 0;

	m->clocks = machine != 0;
	m->acks = false;
	m->base = FL_NEVER;
	for (uint32_t i = 0; i < m->sent_count; i++) {
		m->clocks &= m->sent[i].head.machine == machine;
		m->acks |= m->sent[i].head.acks;
		m->base = FL_MIN(m->base, m->sent[i].head.mono);
	}
	for (uint32_t i = 0; i < m->received_count; i++)
		m->clocks &= m->received[i].head.machine == machine;
}

static bool
wants_block(void *ud, const struct match_block *b)
{
	const struct matcher *m = ud;

	return match_judge_wants(&m->judge, b);
}

static int
look(struct matcher *m, uint64_t records)
{
	m->done += records;
	if (m->progress != NULL && m->work > 0)
		m->progress(m->progress_ud, FL_MIN((double)m->done / (double)m->work, 1.0));
	return m->stop != NULL && m->stop() ? -ECANCELED : 0;
}

/* One file in one slice. sink < 0: a sender's. */
static int
pass(struct matcher *m, struct stream_reader *r, int sink)
{
	fl_ns shift = r->head.mono - m->base;
	struct match_rec rec;
	uint64_t place, count = 0;
	int rc;

	stream_reader_rewind(r);
	r->wants = wants_block;
	r->wants_ud = m;
	while ((rc = stream_reader_next(r, &rec, &place)) == 1) {
		fl_ns at = (fl_ns)((uint64_t)rec.at + (uint64_t)shift);

		if (sink < 0)
			match_judge_sent(&m->judge, &rec, at);
		else
			match_judge_got(&m->judge, &rec, (uint32_t)sink, place, at);
		if (++count % LOOK_EVERY == 0 && look(m, LOOK_EVERY) != 0)
			return -ECANCELED;
	}
	if (rc < 0)
		return fail(m, -EINVAL, "%s: %s", r->path, r->error);
	return look(m, count % LOOK_EVERY);
}

static int
slice(struct matcher *m, uint64_t low, uint64_t high, struct match_entry *entries)
{
	int rc = 0;

	match_judge_slice(&m->judge, low, high, entries);
	for (uint32_t i = 0; i < m->sent_count && rc == 0; i++)
		rc = pass(m, &m->sent[i], -1);
	for (uint32_t i = 0; i < m->received_count && rc == 0; i++)
		rc = pass(m, &m->received[i], (int)i);
	if (rc == 0)
		match_judge_close(&m->judge);
	return rc;
}

/* The row in equal slices, the highest first. */
static int
slices(struct matcher *m)
{
	uint64_t total = m->judge.total, room = FL_MAX(m->memory_bytes / 4 * 3 / sizeof(struct match_entry), (size_t)ENTRIES_MIN);
	uint64_t count = FL_MAX((total + room - 1) / room, 1), each = (total + count - 1) / count, high = total;
	size_t bytes = (size_t)FL_MAX(each, 1) * sizeof(struct match_entry);
	struct match_entry *entries;
	int rc = 0;

	if (count > SLICES_MAX)
		return fail(m, -ENOMEM, "%s: so little memory would ask for more than 10000 passes; give more --memory%s", m->sent[0].path, "");
	for (m->slices = 0; m->slices < count && rc == 0; m->slices++) {
		uint64_t low = high > each ? high - each : 0;

		entries = region_reserve(bytes);
		if (entries == NULL)
			return fail(m, -ENOMEM, "%s: there is not enough memory%s", m->sent[0].path, "");
		rc = slice(m, low, high, entries);
		region_release(entries, bytes);
		high = low;
	}
	return rc;
}

int
matcher_run(struct matcher *m)
{
	int rc;

	fl_assert(m->sent_count > 0 && m->received_count > 0);
	match_result_init(m->result);
	compare_clocks(m);
	rc = survey(m);
	if (rc != 0)
		return rc;
	m->judge.late = m->late;
	m->judge.acks = m->acks && !m->promised_sent;
	m->judge.clocks = m->clocks;
	m->result->base = m->base;
	for (uint32_t i = 0; i < m->sent_count; i++)
		m->work += m->sent[i].records;
	for (uint32_t i = 0; i < m->received_count; i++)
		m->work += m->received[i].records;
	rc = slices(m);
	if (rc == 0 && m->result->conflicts > 0)
		return fail(m, -EINVAL, "%s: two different messages were sent under one name, that is flow and number; give each sender a --flow "
		    "of its own%s", m->sent[m->sent_count - 1].path, "");
	return rc;
}

void
matcher_fini(struct matcher *m)
{
	match_judge_fini(&m->judge);
}
