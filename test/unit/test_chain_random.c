/* SPDX-License-Identifier: MIT */
/*
 * test_chain_random.c - thousands of seeds: random faults, added, changed, moved and removed in any order while bytes flow,
 * memory runs out and the receiver stops. The invariants are those of chain.h.
 */
#include "chain_rig.h"

#define BUDGET (8u << 20)
#define SEEDS 600
#define STEPS 60
#define PUT_MAX 100000

struct roll {
	uint64_t seed, n;
};

static uint64_t
roll(struct roll *d, uint64_t below)
{
	return rng_below(rng_draw(d->seed, d->n++, 0), below);
}

static const enum fault_kind harmless[] = {
	FAULT_LATENCY, FAULT_LATENCY, FAULT_BANDWIDTH, FAULT_BANDWIDTH, FAULT_SLOW_CLOSE, FAULT_SLICER, FAULT_NOOP, FAULT_STALL,
};

static void
random_attrs(struct roll *d, struct fault_spec *f)
{
	switch (f->kind) {
	case FAULT_LATENCY:
		f->values[LATENCY_LATENCY].i = (int64_t)roll(d, 20);
		f->values[LATENCY_JITTER].i = (int64_t)roll(d, 3) * 5;
		f->values[LATENCY_DISTRIBUTION].i = (int64_t)roll(d, DIST_SAMPLES);
		break;
	case FAULT_BANDWIDTH:
		f->values[BANDWIDTH_RATE].i = (int64_t[]){ 0, 1, 100, 10000, 10000000 }[roll(d, 5)];
		break;
	case FAULT_SLICER:
		f->values[SLICER_AVERAGE_SIZE].i = (int64_t[]){ 1, 20, 3000, 100000 }[roll(d, 4)];
		f->values[SLICER_SIZE_VARIATION].i = (int64_t)roll(d, (uint64_t)f->values[0].i + 1);
		f->values[SLICER_DELAY].i = (int64_t)roll(d, 2) * 100;
		break;
	case FAULT_CORRUPT:
		f->values[CORRUPT_RATE].f = (double[]){ 0, 1e-5, 0.01, 1 }[roll(d, 4)];
		f->values[CORRUPT_BITS].i = 1 + (int64_t)roll(d, 8);
		f->values[CORRUPT_OFFSET].i = (int64_t)roll(d, 2) * 1000;
		f->values[CORRUPT_LENGTH].i = (int64_t)roll(d, 2) * 100000;
		break;
	case FAULT_DUPLICATE_CHUNK:
	case FAULT_DROP_CHUNK:
		f->values[DROP_RATE].f = (double[]){ 0, 0.1, 0.5, 1 }[roll(d, 4)];
		f->values[DROP_SIZE].i = (int64_t[]){ 5, 100, 1024, 65536 }[roll(d, 4)];
		break;
	case FAULT_STALL:
		f->values[STALL_AFTER].i = (int64_t)roll(d, 100000);
		f->values[STALL_DURATION].i = (int64_t)roll(d, 3) * 10;
		break;
	case FAULT_LIMIT_DATA:
		f->values[0].i = (int64_t)roll(d, 500000);
		break;
	default:
		f->values[0].i = (int64_t)roll(d, 100);
	}
}

static void
random_scope(struct roll *d, struct fault_spec *f)
{
	f->toxicity = roll(d, 3) == 0 ? (float)roll(d, 100) / 100 : 1;
	f->scope.window_from = roll(d, 4) == 0 ? (fl_ns)roll(d, 50) * FL_MS : 0;
	f->scope.window_to = roll(d, 4) == 0 ? f->scope.window_from + 1 + (fl_ns)roll(d, 50) * FL_MS : 0;
	f->scope.duty_period = roll(d, 4) == 0 ? 1 + (fl_ns)roll(d, 20) * FL_MS : 0;
	f->scope.duty_on = (fl_ns)roll(d, (uint64_t)f->scope.duty_period + 1);
}

static void
random_add(struct roll *d, struct rig *r, bool damage)
{
	enum fault_kind kind = damage ? (enum fault_kind)roll(d, FAULT_TCP_COUNT) : harmless[roll(d, FL_ARRAY_LEN(harmless))];
	struct fault_spec *f, new;

	if (r->count == 6)
		return;
	f = rig_want(r, kind, 0, 0, 0);
	random_attrs(d, f);
	random_scope(d, f);
	new = *f;
	f = &r->specs[roll(d, r->count)];       /* at any place */
	memmove(f + 1, f, (size_t)(&r->specs[r->count - 1] - f) * sizeof(*f));
	*f = new;
}

/* Draw a change to the set; when there is no memory for it, the set stays. */
static void
random_set(struct roll *d, struct rig *r, bool damage)
{
	struct fault_spec old[RIG_FAULTS], *f;
	uint32_t count = r->count;

	memcpy(old, r->specs, sizeof(old));
	f = r->count == 0 ? NULL : &r->specs[roll(d, r->count)];
	switch (f == NULL ? 0 : roll(d, 4)) {
	case 0:
		random_add(d, r, damage);
		break;
	case 1:
		random_attrs(d, f);
		if (roll(d, 2) == 0)
			random_scope(d, f);
		f->version++;
		break;
	case 2:
		memmove(f, f + 1, (size_t)(&r->specs[r->count] - (f + 1)) * sizeof(*f));
		r->count--;
		break;
	case 3:
		*f = r->specs[0];
		r->specs[0] = old[f - r->specs];
		break;
	}
	if (rig_apply(r) != 0) {
		memcpy(r->specs, old, sizeof(old));
		r->count = count;
	}
}

static void
random_put(struct roll *d, struct rig *r)
{
	static uint8_t bytes[PUT_MAX];
	size_t n = (size_t)roll(d, (uint64_t[]){ 2, 100, 5000, PUT_MAX }[roll(d, 4)]);
	struct chain before = r->c;

	for (size_t i = 0; i < n; i++)
		bytes[i] = rig_pattern(r->in + i);
	if (chain_put(&r->c, &r->env, bytes, n, r->now) == 0)
		r->in += n;
	else
		assert_memory_equal(&before, &r->c, sizeof(before));
}

/* (1), (3), (4), and that the books are right. */
static void
check(const struct rig *r, bool damage, enum chain_verdict before)
{
	struct chain_report rep;
	uint64_t held = r->c.out.bytes;

	for (unsigned i = 0; chain_report(&r->c, i, r->now, &rep); i++)
		held += rep.held_bytes;
	assert_int_equal(held, r->c.held_bytes);
	assert_true(r->c.held_bytes <= r->env.bound_bytes + PUT_MAX);                           /* (4) */
	if (!damage) {
		assert_int_equal(r->c.verdict, CHAIN_OPEN);
		assert_int_equal(r->c.in_bytes, r->in);
		assert_int_equal(r->out_len + r->c.held_bytes, r->in);
	}
	if (before == CHAIN_CLOSE || before == CHAIN_HALF_OPEN)
		assert_true(r->c.verdict == before || r->c.verdict == CHAIN_RESET);             /* (5) */
	if (before == CHAIN_RESET)
		assert_int_equal(r->c.verdict, CHAIN_RESET);
	if (chain_idle(&r->c))
		assert_int_equal(r->c.segs, 0);
	assert_true(!r->c.eof_out || r->c.eof_in);
}

struct hog {
	void *blocks[64];
	size_t count;
};

/* Take nearly all memory, or give it back. */
static void
random_hog(struct roll *d, struct rig *r, struct hog *h)
{
	static const size_t sizes[] = { SLAB_BLOCK_MAX, SLAB_BLOCK_MAX / 8, 256, 64 };
	size_t size = sizes[roll(d, FL_ARRAY_LEN(sizes))];
	void *p;

	while (h->count > 0) {
		size_t n = *(size_t *)h->blocks[--h->count];

		slab_give(r->mem, h->blocks[h->count], n);
	}
	if (roll(d, 2) == 0)
		return;
	while (h->count < 64 && (p = slab_alloc(r->mem, SLAB_BLOCK_MAX)) != NULL) {
		*(size_t *)p = SLAB_BLOCK_MAX;
		h->blocks[h->count++] = p;
	}
	while (h->count < 64 && (p = slab_alloc(r->mem, size)) != NULL) {
		*(size_t *)p = size;
		h->blocks[h->count++] = p;
	}
}

static void
unhog(struct rig *r, struct hog *h)
{
	while (h->count > 0) {
		size_t n = *(size_t *)h->blocks[--h->count];

		slab_give(r->mem, h->blocks[h->count], n);
	}
}

static void
step(struct roll *d, struct rig *r, struct hog *h, bool damage)
{
	enum chain_verdict before = (enum chain_verdict)r->c.verdict;

	switch (roll(d, 9)) {
	case 0:
	case 1:
	case 2:
		if (chain_wants(&r->c, &r->env))
			random_put(d, r);
		break;
	case 3:
		random_set(d, r, damage);
		break;
	case 4:
		rig_until(r, r->now + (fl_ns)roll(d, (uint64_t[]){ 1, FL_MS, 30 * FL_MS }[roll(d, 3)]));
		break;
	case 5:
		r->now += (fl_ns)roll(d, 20 * FL_MS);
		break;
	case 6:
		r->closed_window = roll(d, 3) == 0;
		break;
	case 7:
		random_hog(d, r, h);
		break;
	case 8:
		if (roll(d, 10) == 0 && !r->c.eof_in)
			(void)chain_put_eof(&r->c, &r->env, r->now);
		break;
	}
	if (roll(d, 2) == 0)
		rig_turn(r);
	r->event_count = r->send_count = 0;
	check(r, damage, before);
}

/* With all faults gone, everything comes out at once. */
static void
finish(struct rig *r, bool damage)
{
	r->closed_window = false;
	r->count = 0;
	assert_int_equal(rig_apply(r), 0);
	rig_turn(r);
	if (!damage) {
		rig_assert_out(r, r->in);
		assert_int_equal(r->c.eof_out, r->c.eof_in);
	}
	if (r->c.verdict == CHAIN_OPEN || r->c.verdict == CHAIN_HALF_OPEN) {
		assert_true(chain_idle(&r->c));
		assert_int_equal(r->c.held_bytes, 0);
		assert_int_equal(r->c.segs, 0);
		assert_int_equal(slab_used(r->mem), 0);
	}
}

static void
one_seed(uint64_t seed, bool damage)
{
	struct roll d = { .seed = seed };
	struct rig *r = rig_new(BUDGET, (uint32_t[]){ 10000, 100000, 1 << 20 }[roll(&d, 3)]);
	struct hog h = { .count = 0 };

	r->conn.key = r->conn.ordinal = seed;
	for (int i = 0; i < STEPS; i++)
		step(&d, r, &h, damage);
	unhog(r, &h);
	finish(r, damage);
	rig_free(r);
}

static uint64_t failing_seed;

/* FAULTLINE_SEEDS=20000 looks further. */
static uint64_t
seeds(void)
{
	const char *s = getenv("FAULTLINE_SEEDS");

	return s == NULL ? SEEDS : strtoull(s, NULL, 10);
}

static int
tell_seed(void **state)
{
	(void)state;
	print_message("last seed: %llu\n", (unsigned long long)failing_seed);
	return 0;
}

static void
test_harmless(void **state)
{
	(void)state;
	for (failing_seed = 1; failing_seed <= seeds(); failing_seed++)
		one_seed(failing_seed, false);
}

static void
test_anything(void **state)
{
	(void)state;
	for (failing_seed = 1; failing_seed <= seeds(); failing_seed++)
		one_seed(failing_seed | UINT64_C(1) << 40, true);
}

/* (2): the same faults and the same bytes, read in other pieces at other times, to a receiver of other moods: the same result. */
static void
run_fixed(struct rig *r, uint64_t faults_seed, uint64_t reads_seed)
{
	static const enum fault_kind kinds[] = {
		FAULT_CORRUPT, FAULT_DUPLICATE_CHUNK, FAULT_DROP_CHUNK, FAULT_SLICER, FAULT_LATENCY, FAULT_LIMIT_DATA, FAULT_NOOP,
	};
	struct roll f = { .seed = faults_seed }, d = { .seed = reads_seed };
	size_t total = 1 + (size_t)roll(&f, 400000);

	for (uint64_t n = 1 + roll(&f, 4); n > 0; n--)
		random_attrs(&f, rig_want(r, kinds[roll(&f, FL_ARRAY_LEN(kinds))], 0, 0, 0));
	for (uint32_t i = 0; i < r->count; i++)
		if (r->specs[i].kind == FAULT_SLICER)
			r->specs[i].values[SLICER_DELAY].i = 0;
	assert_int_equal(rig_apply(r), 0);
	r->env.on_event = NULL;
	while (r->in < total && r->c.verdict == CHAIN_OPEN) {
		size_t n = 1 + (size_t)roll(&d, (uint64_t[]){ 30, 3000, PUT_MAX }[roll(&d, 3)]);

		if (chain_wants(&r->c, &r->env))
			rig_put(r, FL_MIN(n, total - r->in));
		r->closed_window = roll(&d, 3) == 0;
		rig_until(r, r->now + (fl_ns)roll(&d, 3) * FL_MS);
		r->send_count = 0;
	}
	r->closed_window = false;
	if (r->c.verdict == CHAIN_OPEN)
		rig_put_eof(r);
	rig_until(r, r->now + 10 * FL_SEC);
	assert_true(r->c.eof_out || r->c.verdict == CHAIN_CLOSE);
}

static void
test_same_damage(void **state)
{
	(void)state;
	for (failing_seed = 1; failing_seed <= seeds() / 10; failing_seed++) {
		struct rig *a = rig_new(64u << 20, 1 << 20), *b = rig_new(64u << 20, 150000);

		run_fixed(a, failing_seed, 1);
		run_fixed(b, failing_seed, 2);
		assert_int_equal(a->out_len, b->out_len);
		assert_memory_equal(a->out, b->out, a->out_len);
		assert_int_equal(a->c.verdict, b->c.verdict);
		rig_free(a);
		rig_free(b);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(test_harmless, tell_seed),
		cmocka_unit_test_teardown(test_anything, tell_seed),
		cmocka_unit_test_teardown(test_same_damage, tell_seed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
