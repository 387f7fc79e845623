/* SPDX-License-Identifier: MIT */
/* test_chain_damage.c - slicer, corrupt, duplicate_chunk, drop_chunk: where they strike, whatever way the bytes are read. */
#include "chain_rig.h"

#define BUDGET (64u << 20)
#define BOUND (1u << 20)
#define STREAM 300000

/* Put n bytes in pieces drawn from a seed (0: at once). */
static void
put_cut(struct rig *r, size_t n, uint64_t seed)
{
	for (uint64_t i = 0; n > 0; i++) {
		size_t max = i % 5 == 0 ? 70000 : i % 5 == 1 ? 3 : 2000;
		size_t part = seed == 0 ? n : FL_MIN(n, 1 + rng_below(rng_draw(seed, i, 0), max));

		rig_put(r, part);
		n -= part;
		r->now += 10;
	}
}

static void
assert_same(const struct rig *a, const struct rig *b, const char *what)
{
	size_t n = rig_count(a, what);

	assert_int_equal(a->out_len, b->out_len);
	assert_memory_equal(a->out, b->out, a->out_len);
	assert_int_equal(n, rig_count(b, what));
	for (size_t i = 0, j = 0; n > 0; n--, i++, j++) {
		while (strcmp(a->events[i].what, what) != 0)
			i++;
		while (strcmp(b->events[j].what, what) != 0)
			j++;
		assert_int_equal(a->events[i].offset, b->events[j].offset);
		assert_int_equal(a->events[i].value, b->events[j].value);
	}
}

static void
test_slicer_pieces(void **state)
{
	struct rig *r = rig_new(BUDGET, BOUND);
	size_t sum = 0;

	(void)state;
	rig_add(r, FAULT_SLICER, 100, 30, 0);
	rig_put(r, 60000);
	rig_assert_out(r, 60000);
	for (size_t i = 0; i + 1 < r->send_count; i++) {
		assert_in_range(r->sends[i].len, 70, 130);
		sum += r->sends[i].len;
	}
	assert_in_range(sum / (r->send_count - 1), 99, 101);
	assert_in_range(r->send_count, 595, 605);
	rig_free(r);
}

static void
test_slicer_waits_after_each_piece(void **state)
{
	struct rig *r = rig_new(BUDGET, BOUND);

	(void)state;
	rig_add(r, FAULT_SLICER, 10, 0, 500);
	rig_put(r, 25);
	rig_put_eof(r);
	rig_pass(r, FL_SEC);
	assert_int_equal(r->send_count, 3);
	for (size_t i = 0; i < 3; i++)
		assert_int_equal(r->sends[i].at, r->since + (fl_ns)i * 500 * FL_US);
	rig_assert_out(r, 25);
	assert_true(r->c.eof_out);
	rig_free(r);
}

/* What read() gave of a piece goes out at once, and the piece ends where it would have ended. */
static void
test_slicer_split_piece(void **state)
{
	struct rig *r = rig_new(BUDGET, BOUND);

	(void)state;
	rig_add(r, FAULT_SLICER, 10, 0, 1000);
	rig_put(r, 4);
	rig_assert_out(r, 4);
	rig_put(r, 16);
	rig_assert_out(r, 10);
	rig_pass(r, FL_MS);
	rig_assert_out(r, 20);
	rig_pass(r, FL_MS);
	rig_put(r, 10);                 /* exactly a piece */
	rig_put(r, 10);
	rig_assert_out(r, 30);
	assert_int_equal(rig_count(r, "cut"), 3);
	assert_int_equal(rig_hits(r, 0), 3);
	rig_free(r);
}

static void
test_slicer_cuts_are_the_same_however_read(void **state)
{
	struct rig *r[3];

	(void)state;
	for (uint64_t v = 0; v < 3; v++) {
		r[v] = rig_new(BUDGET, BOUND);
		rig_add(r[v], FAULT_SLICER, 500, 500, 0);
		put_cut(r[v], STREAM, v);
		rig_assert_out(r[v], STREAM);
	}
	assert_true(rig_count(r[0], "cut") > 500);
	assert_same(r[0], r[1], "cut");
	assert_same(r[0], r[2], "cut");
	for (int v = 0; v < 3; v++)
		rig_free(r[v]);
}

/* A slicer that joins late cuts where one that was there from the start does. */
static void
test_slicer_joins_late(void **state)
{
	struct rig *a = rig_new(BUDGET, BOUND), *b = rig_new(BUDGET, BOUND);

	(void)state;
	rig_add(a, FAULT_SLICER, 500, 200, 0);
	rig_put(a, 20000);
	rig_put(b, 12345);
	rig_add(b, FAULT_SLICER, 500, 200, 0);
	rig_put(b, 20000 - 12345);
	for (size_t i = 1; i <= rig_count(b, "cut"); i++) {
		const struct rig_event *x = rig_event(a, "cut", rig_count(a, "cut") - i), *y = rig_event(b, "cut", rig_count(b, "cut") - i);

		assert_int_equal(x->offset, y->offset);
	}
	assert_in_range(rig_count(b, "cut"), 13, 17);
	rig_free(a);
	rig_free(b);
}

/* What ought to come out, from the decisions alone: gaps start anew every 64 KB. */
static void
assert_corrupted(const struct rig *r, const struct fault_spec *f, size_t from, size_t to)
{
	uint8_t *want = malloc(STREAM + 65536);

	for (size_t i = 0; i < STREAM + 65536; i++)
		want[i] = rig_pattern(i);
	for (uint64_t start = 0; start < STREAM; start += 65536)
		for (uint64_t k = start, pos = start + decide_flip_gap(f, &r->conn, k); pos < start + 65536;
		     pos += 1 + decide_flip_gap(f, &r->conn, ++k))
			if (pos >= from && pos < to)
				want[pos] ^= decide_flip_mask(f, &r->conn, k);
	assert_memory_equal(r->out, want, STREAM);
	free(want);
}

static void
test_corrupt(void **state)
{
	struct rig *r[4];
	size_t flips, i = 0;

	(void)state;
	for (uint64_t v = 0; v < 4; v++) {
		struct fault_spec *f;

		r[v] = rig_new(BUDGET, BOUND);
		f = rig_want_rate(r[v], FAULT_CORRUPT, 0.01, 2);
		f->values[CORRUPT_OFFSET].i = 1000;
		f->values[CORRUPT_LENGTH].i = 200000;
		if (v < 3)
			assert_int_equal(rig_apply(r[v]), 0);
		put_cut(r[v], 100000, v);
		assert_int_equal(rig_apply(r[v]), 0);
		put_cut(r[v], STREAM - 100000, v);
		assert_int_equal(r[v]->out_len, STREAM);
	}
	assert_same(r[0], r[1], "flip");
	assert_same(r[0], r[2], "flip");
	assert_corrupted(r[0], &r[0]->specs[0], 1000, 201000);
	assert_memory_equal(r[0]->out + 100000, r[3]->out + 100000, STREAM - 100000);   /* joined late */
	flips = rig_count(r[0], "flip");
	assert_int_equal(rig_hits(r[0], 0), flips);
	assert_in_range(flips, 1800, 2200);
	for (size_t off = 0; off < STREAM; off++) {
		uint8_t mask = r[0]->out[off] ^ rig_pattern(off);

		if (mask == 0)
			continue;
		assert_in_range(off, 1000, 200999);
		assert_int_equal(__builtin_popcount(mask), 2);
		assert_int_equal(rig_event(r[0], "flip", i)->offset, off);
		assert_int_equal(rig_event(r[0], "flip", i)->value, mask);
		i++;
	}
	assert_int_equal(i, flips);
	for (int v = 0; v < 4; v++)
		rig_free(r[v]);
}

static void
test_corrupt_extremes(void **state)
{
	struct rig *r = rig_new(BUDGET, BOUND);
	uint64_t id;

	(void)state;
	id = rig_want_rate(r, FAULT_CORRUPT, 1, 8)->id;
	assert_int_equal(rig_apply(r), 0);
	rig_put(r, 10000);
	for (size_t i = 0; i < 10000; i++)
		assert_int_equal(r->out[i], (uint8_t)~rig_pattern(i));
	for (size_t i = 0; i < 2; i++) {
		rig_fault(r, id)->values[CORRUPT_RATE].f = i == 0 ? 0 : 1e-300;
		rig_fault(r, id)->version++;
		assert_int_equal(rig_apply(r), 0);
		rig_put(r, 200000);
		for (size_t off = r->out_len - 200000; off < r->out_len; off++)
			assert_int_equal(r->out[off], rig_pattern(off));
	}
	rig_free(r);
}

/* Damage of a copy leaves its original alone, and the other way round. */
static void
test_corrupt_copies(void **state)
{
	struct rig *r = rig_new(BUDGET, BOUND);

	(void)state;
	r->closed_window = true;
	rig_want_rate(r, FAULT_DUPLICATE_CHUNK, 1, 100);
	rig_want_rate(r, FAULT_CORRUPT, 0.5, 1);
	assert_int_equal(rig_apply(r), 0);
	rig_put(r, 1000);
	r->closed_window = false;
	rig_turn(r);
	assert_int_equal(r->out_len, 2000);
	for (size_t i = 0; i < 2000; i++) {
		size_t off = i / 200 * 100 + i % 100;

		assert_true(__builtin_popcount(r->out[i] ^ rig_pattern(off)) <= 1);
		assert_int_equal(r->out[i], r->out[i / 200 * 200 + i % 100]);   /* decided by offset: both alike */
	}
	assert_in_range(rig_count(r, "flip"), 850, 1150);
	rig_free(r);
}

static void
test_duplicate(void **state)
{
	struct rig *r[3];
	const uint64_t size = 1000;
	size_t pos = 0;

	(void)state;
	for (uint64_t v = 0; v < 3; v++) {
		r[v] = rig_new(BUDGET, BOUND);
		rig_want_rate(r[v], FAULT_DUPLICATE_CHUNK, 0.3, (int64_t)size);
		assert_int_equal(rig_apply(r[v]), 0);
		put_cut(r[v], STREAM + 500, v);
		rig_put_eof(r[v]);
		assert_true(r[v]->c.eof_out);
	}
	assert_same(r[0], r[1], "duplicate");
	assert_same(r[0], r[2], "duplicate");
	assert_in_range(rig_count(r[0], "duplicate"), 60, 120);
	assert_int_equal(rig_hits(r[0], 0), rig_count(r[0], "duplicate"));
	for (uint64_t cell = 0; cell * size < STREAM + 500; cell++) {
		size_t n = FL_MIN(size, STREAM + 500 - cell * size);

		for (int k = decide_duplicate(&r[0]->specs[0], &r[0]->conn, cell) ? 2 : 1; k > 0; k--)
			for (size_t i = 0; i < n; i++)
				assert_int_equal(r[0]->out[pos++], rig_pattern(cell * size + i));
	}
	assert_int_equal(pos, r[0]->out_len);
	for (int v = 0; v < 3; v++)
		rig_free(r[v]);
}

/* The first of two comes at once; the second when its cell ends, or the stream does. */
static void
test_duplicate_in_time(void **state)
{
	struct rig *r = rig_new(BUDGET, BOUND);
	uint64_t id;

	(void)state;
	id = rig_want_rate(r, FAULT_DUPLICATE_CHUNK, 1, 10)->id;
	assert_int_equal(rig_apply(r), 0);
	rig_put(r, 4);
	assert_int_equal(r->out_len, 4);
	rig_put(r, 9);
	assert_int_equal(r->out_len, 23);
	rig_put_eof(r);
	assert_int_equal(r->out_len, 26);
	assert_true(r->c.eof_out);
	rig_remove(r, id);
	rig_free(r);
}

static void
test_duplicate_removed_in_a_cell(void **state)
{
	struct rig *r = rig_new(BUDGET, BOUND);
	uint64_t id;

	(void)state;
	id = rig_want_rate(r, FAULT_DUPLICATE_CHUNK, 1, 10)->id;
	assert_int_equal(rig_apply(r), 0);
	rig_put(r, 14);
	rig_remove(r, id);
	rig_put(r, 10);
	assert_int_equal(r->out_len, 34);
	rig_free(r);
}

/* A large cell that comes byte by byte neither fills the chain with its copies nor costs much more than its size. */
static void
test_duplicate_byte_by_byte(void **state)
{
	struct rig *r = rig_new(BUDGET, BOUND);
	size_t used = 0;

	(void)state;
	rig_want_rate(r, FAULT_DUPLICATE_CHUNK, 1, 65536);
	assert_int_equal(rig_apply(r), 0);
	for (int i = 0; i < 65536; i++) {
		assert_true(chain_wants(&r->c, &r->env));
		rig_put(r, 1);
		r->now++;
		used = FL_MAX(used, slab_used(r->mem));
	}
	assert_int_equal(r->out_len, 131072);
	assert_memory_equal(r->out, r->out + 65536, 65536);
	assert_true(used < 2 * 65536);
	rig_free(r);
}

/* A copy arrives where its cell ended, and faults below delay it from there. */
static void
test_duplicate_delayed(void **state)
{
	struct rig *r = rig_new(BUDGET, BOUND);

	(void)state;
	rig_want_rate(r, FAULT_DUPLICATE_CHUNK, 1, 10);
	rig_want(r, FAULT_LATENCY, 100, 0, 0);
	assert_int_equal(rig_apply(r), 0);
	rig_put(r, 5);
	rig_pass(r, 50 * FL_MS);
	rig_put(r, 5);
	rig_pass(r, 50 * FL_MS);
	assert_int_equal(r->out_len, 5);
	rig_pass(r, 50 * FL_MS - 1);
	assert_int_equal(r->out_len, 5);
	rig_pass(r, 1);
	assert_int_equal(r->out_len, 20);
	rig_free(r);
}

/* An update forgets the cell that is passing: what comes is decided anew. */
static void
test_duplicate_updated_in_a_cell(void **state)
{
	struct rig *r = rig_new(BUDGET, BOUND);
	struct fault_spec *f = rig_want_rate(r, FAULT_DUPLICATE_CHUNK, 1, 10);

	(void)state;
	assert_int_equal(rig_apply(r), 0);
	rig_put(r, 4);
	f->values[DUPLICATE_RATE].f = 0;
	f->version++;
	assert_int_equal(rig_apply(r), 0);
	rig_put(r, 16);
	rig_assert_out(r, 20);
	rig_free(r);
}

static void
test_slicer_update_shortens_the_wait(void **state)
{
	struct rig *r = rig_new(BUDGET, BOUND);
	uint64_t id = rig_add(r, FAULT_SLICER, 10, 0, 1000000);

	(void)state;
	rig_put(r, 30);
	rig_assert_out(r, 10);
	rig_change(r, id, SLICER_DELAY, 1000);
	rig_pass(r, FL_MS - 1);
	rig_assert_out(r, 10);
	rig_pass(r, 1);
	rig_assert_out(r, 20);
	rig_free(r);
}

static void
test_drop(void **state)
{
	struct rig *r[3];
	const uint64_t size = 700;
	size_t pos = 0, drops = 0;

	(void)state;
	for (uint64_t v = 0; v < 3; v++) {
		r[v] = rig_new(BUDGET, BOUND);
		rig_want_rate(r[v], FAULT_DROP_CHUNK, 0.5, (int64_t)size);
		assert_int_equal(rig_apply(r[v]), 0);
		put_cut(r[v], STREAM, v);
		rig_put_eof(r[v]);
		assert_true(r[v]->c.eof_out);
		assert_int_equal(r[v]->c.held_bytes, 0);
	}
	assert_same(r[0], r[1], "drop");
	assert_same(r[0], r[2], "drop");
	for (uint64_t off = 0; off < STREAM; off++) {
		bool drop = decide_drop(&r[0]->specs[0], &r[0]->conn, off / size);

		if (!drop)
			assert_int_equal(r[0]->out[pos++], rig_pattern(off));
		else if (off % size == 0)
			assert_int_equal(rig_event(r[0], "drop", drops++)->offset, off);
	}
	assert_int_equal(pos, r[0]->out_len);
	assert_int_equal(drops, rig_count(r[0], "drop"));
	assert_int_equal(drops, rig_hits(r[0], 0));
	for (int v = 0; v < 3; v++)
		rig_free(r[v]);
}

static void
test_memory_of_tiny_cells_is_bounded(void **state)
{
	struct rig *r = rig_new(BUDGET, BOUND);

	(void)state;
	r->closed_window = true;
	r->env.on_event = NULL;
	rig_want_rate(r, FAULT_DROP_CHUNK, 0.5, 1);
	rig_want_rate(r, FAULT_DUPLICATE_CHUNK, 1, 1);
	rig_want(r, FAULT_SLICER, 1, 0, 0);
	assert_int_equal(rig_apply(r), 0);
	while (chain_wants(&r->c, &r->env))
		rig_put(r, 60000);
	assert_true(slab_used(r->mem) < 8 * BOUND);
	rig_free(r);
}

/* Without memory for a split or a copy, damage waits, and falls on the same bytes when memory comes back block by block. */
static void
test_damage_waits_for_memory(void **state)
{
	static const enum fault_kind kinds[] = { FAULT_DUPLICATE_CHUNK, FAULT_DROP_CHUNK, FAULT_LIMIT_DATA };

	(void)state;
	for (size_t k = 0; k < FL_ARRAY_LEN(kinds); k++) {
		struct rig *a = rig_new(BUDGET, BOUND), *b = rig_new(1u << 20, BOUND);
		void *blocks[20000];
		uint8_t bytes[1000];
		size_t n = 0;

		for (size_t i = 0; i < sizeof(bytes); i++)
			bytes[i] = rig_pattern(i);
		for (int i = 0; i < 2; i++) {
			struct rig *r = i == 0 ? a : b;

			if (kinds[k] == FAULT_LIMIT_DATA)
				rig_want(r, kinds[k], 999, 0, 0);
			else
				rig_want_rate(r, kinds[k], 0.5, 10);
			rig_want_rate(r, FAULT_CORRUPT, 0.5, 1);
			assert_int_equal(rig_apply(r), 0);
			assert_int_equal(chain_put(&r->c, &r->env, bytes, sizeof(bytes), r->now), 0);
		}
		rig_pass(a, FL_SEC);
		while (n < 20000 && (blocks[n] = slab_alloc(b->mem, 64)) != NULL)
			n++;
		rig_turn(b);
		assert_true(b->out_len < a->out_len);
		assert_int_equal(b->wake, b->now + FL_MS);
		while (n > 0) {
			slab_give(b->mem, blocks[--n], 64);
			rig_pass(b, FL_MS);
		}
		assert_same(a, b, "flip");
		assert_int_equal(a->c.verdict, b->c.verdict);
		rig_free(a);
		rig_free(b);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_slicer_pieces),
		cmocka_unit_test(test_slicer_waits_after_each_piece),
		cmocka_unit_test(test_slicer_split_piece),
		cmocka_unit_test(test_slicer_cuts_are_the_same_however_read),
		cmocka_unit_test(test_slicer_joins_late),
		cmocka_unit_test(test_corrupt),
		cmocka_unit_test(test_corrupt_extremes),
		cmocka_unit_test(test_corrupt_copies),
		cmocka_unit_test(test_duplicate),
		cmocka_unit_test(test_duplicate_in_time),
		cmocka_unit_test(test_duplicate_removed_in_a_cell),
		cmocka_unit_test(test_duplicate_byte_by_byte),
		cmocka_unit_test(test_duplicate_delayed),
		cmocka_unit_test(test_duplicate_updated_in_a_cell),
		cmocka_unit_test(test_slicer_update_shortens_the_wait),
		cmocka_unit_test(test_drop),
		cmocka_unit_test(test_memory_of_tiny_cells_is_bounded),
		cmocka_unit_test(test_damage_waits_for_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
