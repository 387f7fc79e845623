/* SPDX-License-Identifier: MIT */
/* test_match_judge.c - random streams with planted defects of every kind, against a reference that keeps everything. */
#include "audit/match_judge.h"
#include "audit/match_say.h"

#include "unit.h"

#include <errno.h>

#define FLOWS 3u
#define MESSAGES_MAX 60u
#define ARRIVALS_MAX 400u
#define SINKS 2u
#define STREAMS 3000
#define LATE 500

struct sent {
	bool sent, acked, refused, again;
	uint32_t key, hash;
	fl_ns at;
};

struct arrival {
	struct match_rec rec;
	uint32_t sink;
	uint64_t place;
};

struct stream {
	bool acks;
	uint64_t first[FLOWS];
	uint32_t count[FLOWS];
	bool cut[FLOWS];
	struct sent sent[FLOWS][MESSAGES_MAX];
	uint32_t arrivals;
	struct arrival arrived[ARRIVALS_MAX];
};

static void
arrive(struct stream *s, const struct match_rec *r, struct dice *d, uint64_t *places)
{
	uint32_t sink = dice_roll(d, SINKS);

	assert_true(s->arrivals < ARRIVALS_MAX);
	s->arrived[s->arrivals++] = (struct arrival){ .rec = *r, .sink = sink, .place = places[sink]++ };
}

static void
send(struct stream *s, struct dice *d, uint32_t f, uint32_t i, struct match_rec *ret)
{
	struct sent *m = &s->sent[f][i];

	*m = (struct sent){ .sent = i == 0 || i + 1 == s->count[f] || dice_roll(d, 12) != 0, .acked = dice_roll(d, 4) != 0,
		.again = dice_roll(d, 5) == 0, .key = dice_roll(d, 3), .hash = (uint32_t)dice_bits(d), .at = (fl_ns)(1000 * i) };
	m->refused = !m->acked && dice_roll(d, 2) == 0;
	*ret = (struct match_rec){ .kind = MATCH_GOT, .flow = f * 7, .key = m->key, .n = s->first[f] + i, .hash = m->hash,
		.at = m->at + dice_roll(d, 2 * LATE) };
}

/* Messages flow by flow, their arrivals damaged in every way, and then moved about. */
static void
make(struct stream *s, struct dice *d)
{
	struct match_rec all[ARRIVALS_MAX];
	uint64_t places[SINKS] = { 0 };
	uint32_t n = 0;

	*s = (struct stream){ .acks = dice_roll(d, 4) != 0 };
	for (uint32_t f = 0; f < FLOWS; f++) {
		s->first[f] = 1 + dice_roll(d, 1000);
		s->count[f] = 1 + dice_roll(d, MESSAGES_MAX);
		s->cut[f] = dice_roll(d, 4) == 0;
		for (uint32_t i = 0; i < s->count[f]; i++) {
			struct match_rec r;
			uint32_t what = dice_roll(d, 20);

			send(s, d, f, i, &r);
			if (what == 0)
				continue;
			if (what == 1)
				r.hash++;
			if (what == 2)
				r.kind = MATCH_CORRUPT;
			r.claimed = r.kind == MATCH_CORRUPT && dice_roll(d, 2) == 0;
			if (what == 3)
				r.n += 1000000;
			if (what == 4)
				r.flow = 5;
			all[n++] = r;
			if (what == 5 || what == 6)
				all[n++] = r;
		}
	}
	for (uint32_t k = dice_roll(d, 3) * n / 4; k > 0; k--) {
		uint32_t a = dice_roll(d, n), b = dice_roll(d, 4) == 0 ? dice_roll(d, n) : (a + 1) % n;
		struct match_rec t = all[a];

		all[a] = all[b];
		all[b] = t;
	}
	for (uint32_t i = 0; i < n; i++)
		arrive(s, &all[i], d, places);
	assert_true(n <= 2 * FLOWS * MESSAGES_MAX);
}

/* ---- the reference: everything compared with everything ---- */

static struct sent *
sent_of(struct stream *s, const struct match_rec *r)
{
	uint32_t f = r->flow / 7;

	if (r->flow % 7 != 0 || f >= FLOWS || r->n < s->first[f] || r->n >= s->first[f] + s->count[f])
		return NULL;
	return &s->sent[f][r->n - s->first[f]];
}

static bool
is_whole(struct stream *s, const struct arrival *a)
{
	struct sent *m = sent_of(s, &a->rec);

	return a->rec.kind == MATCH_GOT && m != NULL && m->sent && m->hash == a->rec.hash;
}

/* Arrivals are read sink by sink. */
static bool
reads_before(const struct arrival *a, const struct arrival *b)
{
	return a->sink != b->sink ? a->sink < b->sink : a->place < b->place;
}

static bool
is_first(struct stream *s, uint32_t k)
{
	for (uint32_t i = 0; i < s->arrivals; i++)
		if (i != k && is_whole(s, &s->arrived[i]) && s->arrived[i].rec.flow == s->arrived[k].rec.flow &&
		    s->arrived[i].rec.n == s->arrived[k].rec.n && reads_before(&s->arrived[i], &s->arrived[k]))
			return false;
	return true;
}

static bool
is_behind(struct stream *s, uint32_t k, bool same_key)
{
	const struct arrival *a = &s->arrived[k];

	for (uint32_t i = 0; i < s->arrivals; i++) {
		const struct arrival *b = &s->arrived[i];

		if (b->sink == a->sink && b->place < a->place && is_whole(s, b) && b->rec.flow == a->rec.flow && b->rec.n > a->rec.n &&
		    (!same_key || b->rec.key == a->rec.key) && is_first(s, i))
			return true;
	}
	return false;
}

struct figures {
	uint64_t sent, again, acked, refused, promised, got, first, missing, beyond, repeated, repeated_again, lost_corrupt;
	uint64_t defects[MATCH_DEFECT_COUNT];
};

static void
refer_arrivals(struct stream *s, struct figures *g)
{
	for (uint32_t k = 0; k < s->arrivals; k++) {
		const struct arrival *a = &s->arrived[k];
		struct sent *m = sent_of(s, &a->rec);

		g->got += a->rec.kind == MATCH_GOT;
		if (a->rec.kind == MATCH_CORRUPT) {
			g->defects[MATCH_DEFECT_CORRUPT]++;
		} else if (m == NULL || !m->sent) {
			uint32_t f = a->rec.flow / 7;
			bool beyond = a->rec.flow % 7 == 0 && s->cut[f] && a->rec.n >= s->first[f] + s->count[f];

			g->beyond += beyond;
			g->defects[MATCH_DEFECT_PHANTOM] += !beyond;
		} else if (m->hash != a->rec.hash) {
			g->defects[MATCH_DEFECT_CHANGED]++;
		} else if (!is_first(s, k)) {
			g->defects[MATCH_DEFECT_DUPLICATE]++;
		} else {
			g->first++;
			g->defects[MATCH_DEFECT_REORDERED] += is_behind(s, k, true);
			g->defects[MATCH_DEFECT_OVERTAKEN] += is_behind(s, k, false);
			g->defects[MATCH_DEFECT_LATE] += a->rec.at - m->at > LATE;
		}
	}
}

static void
refer_message(struct stream *s, uint32_t f, uint32_t i, struct figures *g)
{
	const struct sent *m = &s->sent[f][i];
	uint32_t whole = 0, damaged = 0;
	bool promised = s->acks ? m->acked : !m->refused;

	for (uint32_t k = 0; k < s->arrivals; k++) {
		const struct arrival *a = &s->arrived[k];

		if (a->rec.flow != f * 7 || a->rec.n != s->first[f] + i)
			continue;
		whole += is_whole(s, a);
		damaged += (a->rec.kind == MATCH_CORRUPT && a->rec.claimed) || (a->rec.kind == MATCH_GOT && !is_whole(s, a));
	}
	if (!m->sent)
		return;
	g->sent++;
	g->again += m->again;
	g->acked += m->acked;
	g->refused += m->refused;
	g->promised += promised;
	g->defects[MATCH_DEFECT_LOST] += whole == 0 && promised;
	g->lost_corrupt += whole == 0 && promised && damaged > 0;
	g->missing += whole == 0 && !promised;
	g->defects[MATCH_DEFECT_REFUSED] += whole > 0 && m->refused;
	g->repeated += whole > 1;
	g->repeated_again += whole > 1 && m->again;
}

/* ---- the engine ---- */

static void
give_sent(struct stream *s, struct match_judge *j)
{
	for (uint32_t f = 0; f < FLOWS; f++) {
		for (uint32_t i = 0; i < s->count[f]; i++) {
			const struct sent *m = &s->sent[f][i];
			struct match_rec r = { .kind = MATCH_SENT, .flow = f * 7, .key = m->key, .n = s->first[f] + i, .hash = m->hash, .at = m->at };

			if (!m->sent)
				continue;
			match_judge_sent(j, &r, r.at);
			r.kind = MATCH_AGAIN;
			if (m->again)
				match_judge_sent(j, &r, r.at);
			r.kind = m->acked ? MATCH_ACK : MATCH_REFUSED;
			if (m->acked || m->refused)
				match_judge_sent(j, &r, r.at);
		}
	}
}

static void
give_arrivals(struct stream *s, struct match_judge *j)
{
	for (uint32_t sink = 0; sink < SINKS; sink++)
		for (uint32_t k = 0; k < s->arrivals; k++)
			if (s->arrived[k].sink == sink)
				match_judge_got(j, &s->arrived[k].rec, sink, s->arrived[k].place, s->arrived[k].rec.at);
}

static void
judge(struct stream *s, uint64_t slice, struct match_result *result)
{
	struct match_entry entries[FLOWS * MESSAGES_MAX];
	struct match_flow flows[FLOWS];
	struct match_judge j;

	for (uint32_t f = 0; f < FLOWS; f++)
		flows[f] = (struct match_flow){ .flow = f * 7, .cut = s->cut[f], .n_min = s->first[f], .n_max = s->first[f] + s->count[f] - 1 };
	match_result_init(result);
	assert_int_equal(match_judge_init(&j, flows, FLOWS, 1u << 20, result), 0);
	j.late = LATE;
	j.acks = s->acks;
	j.clocks = true;
	for (uint64_t high = j.total; high > 0; high -= FL_MIN(high, slice)) {
		memset(entries, 0, sizeof(entries));
		match_judge_slice(&j, high - FL_MIN(high, slice), high, entries);
		give_sent(s, &j);
		give_arrivals(s, &j);
		match_judge_close(&j);
	}
	match_judge_fini(&j);
}

static void
compare(struct stream *s, const struct match_result *r)
{
	struct figures g = { .sent = 0 };

	refer_arrivals(s, &g);
	for (uint32_t f = 0; f < FLOWS; f++)
		for (uint32_t i = 0; i < s->count[f]; i++)
			refer_message(s, f, i, &g);
	assert_int_equal(r->sent, g.sent);
	assert_int_equal(r->again, g.again);
	assert_int_equal(r->acked, g.acked);
	assert_int_equal(r->refused, g.refused);
	assert_int_equal(r->promised, g.promised);
	assert_int_equal(r->got, g.got);
	assert_int_equal(r->first, g.first);
	assert_int_equal(r->missing_unpromised, g.missing);
	assert_int_equal(r->beyond, g.beyond);
	assert_int_equal(r->repeated, g.repeated);
	assert_int_equal(r->repeated_again, g.repeated_again);
	assert_int_equal(r->lost_corrupt, g.lost_corrupt);
	for (int d = 0; d < MATCH_DEFECT_VALUE; d++)
		assert_int_equal(r->defects[d], g.defects[d]);
}

static void
test_random(void **state)
{
	struct match_result *a = malloc(sizeof(*a)), *b = malloc(sizeof(*b));
	struct stream *s = malloc(sizeof(*s));
	struct dice d = { .seed = 4 };
	uint64_t seen[MATCH_DEFECT_COUNT] = { 0 };

	(void)state;
	for (int k = 0; k < STREAMS; k++) {
		make(s, &d);
		judge(s, UINT64_MAX, a);
		compare(s, a);
		judge(s, 1 + dice_roll(&d, 40), b);
		for (int i = 0; i < MATCH_DEFECT_VALUE; i++)
			for (uint32_t e = 0; e < b->example_counts[i]; e++)
				b->examples[i][e].other = a->examples[i][e].other;      /* any message before it will do */
		assert_memory_equal(a, b, sizeof(*a));          /* the cut into slices shows nowhere */
		for (int i = 0; i < MATCH_DEFECT_COUNT; i++)
			seen[i] += a->defects[i] > 0;
	}
	for (int i = 0; i < MATCH_DEFECT_VALUE; i++)
		assert_true(seen[i] > STREAMS / 20);
	free(a);
	free(b);
	free(s);
}

static void
test_keys_bounded(void **state)
{
	struct match_order o;
	uint64_t other;
	int rc = 0;

	(void)state;
	match_order_init(&o, 1u << 20);
	for (uint64_t i = 0; i < 100000 && rc == 0; i++)
		rc = match_order_arrived(&o, 1, 0, i << 20, 1, i, &other);
	assert_int_equal(rc, -ENOMEM);
	assert_true(o.count > 5000 && o.cap * sizeof(struct match_order_key) <= 1u << 20);
	match_order_fini(&o);
	match_order_fini(&o);
}

static enum match_verdict
verdict(const struct match_result *r, struct match_expect e, uint32_t *findings)
{
	const char *why;
	enum match_verdict v = match_result_judge(r, &e, findings, &why);

	assert_true((v == MATCH_UNKNOWN) == (why != NULL));
	return v;
}

static void
test_verdicts(void **state)
{
	struct match_result *r = malloc(sizeof(*r));
	struct match_expect once = { .delivery = MATCH_EXACTLY_ONCE, .order = MATCH_ORDER_KEY }, e;
	struct match_example x = { .named = true, .n = 1 };
	uint32_t found;

	(void)state;
	match_result_init(r);
	assert_int_equal(verdict(r, once, &found), MATCH_UNKNOWN);              /* nothing was promised */
	r->promised = 5;
	assert_int_equal(verdict(r, once, &found), MATCH_HELD);
	e = once;
	e.nomatch = true;
	assert_int_equal(verdict(r, e, &found), MATCH_FINDING);                 /* the detector did not fire */
	match_result_add(r, MATCH_DEFECT_DUPLICATE, &x);
	assert_int_equal(verdict(r, once, &found), MATCH_FINDING);
	assert_int_equal(found, MATCH_BIT(DUPLICATE));
	assert_int_equal(verdict(r, e, &found), MATCH_HELD);
	e.these = MATCH_BIT(LOST);
	assert_int_equal(verdict(r, e, &found), MATCH_FINDING);
	e = once;
	e.delivery = MATCH_AT_LEAST_ONCE;
	assert_int_equal(verdict(r, e, &found), MATCH_HELD);
	e = once;
	e.allowed = MATCH_BIT(DUPLICATE);
	assert_int_equal(verdict(r, e, &found), MATCH_HELD);
	match_result_add(r, MATCH_DEFECT_LOST, &x);
	assert_int_equal(verdict(r, e, &found), MATCH_FINDING);
	e.received_cut = true;
	assert_int_equal(verdict(r, e, &found), MATCH_UNKNOWN);                 /* it may have come after the last block */
	match_result_add(r, MATCH_DEFECT_OVERTAKEN, &x);
	assert_int_equal(verdict(r, e, &found), MATCH_UNKNOWN);
	e.order = MATCH_ORDER_TOTAL;
	assert_int_equal(verdict(r, e, &found), MATCH_FINDING);                 /* whatever else is not known */
	e = once;
	e.late_blind = true;
	assert_int_equal(verdict(r, e, &found), MATCH_FINDING);
	e.allowed = MATCH_BIT(LOST) | MATCH_BIT(DUPLICATE);
	assert_int_equal(verdict(r, e, &found), MATCH_UNKNOWN);
	free(r);
}

static void
test_examples(void **state)
{
	struct match_result *r = malloc(sizeof(*r));
	char word[32];
	uint32_t bits;

	(void)state;
	match_result_init(r);
	for (uint64_t i = 0; i < 1000; i++)
		match_result_add(r, MATCH_DEFECT_LATE, &(struct match_example){ .rank = i * 37 % 1000, .n = i });
	assert_int_equal(r->defects[MATCH_DEFECT_LATE], 1000);
	assert_int_equal(r->example_counts[MATCH_DEFECT_LATE], MATCH_EXAMPLES_MAX);
	for (uint64_t i = 0; i < MATCH_EXAMPLES_MAX; i++)
		assert_int_equal(r->examples[MATCH_DEFECT_LATE][i].rank, i);
	assert_true(match_result_set("lost,late", &bits, word));
	assert_int_equal(bits, MATCH_BIT(LOST) | MATCH_BIT(LATE));
	assert_false(match_result_set("lost,", &bits, word));
	assert_string_equal(word, "");
	assert_false(match_result_set("lost,lots", &bits, word));
	assert_string_equal(word, "lots");
	free(r);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_random), cmocka_unit_test(test_keys_bounded), cmocka_unit_test(test_verdicts), cmocka_unit_test(test_examples),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
