/* SPDX-License-Identifier: MIT */
/* test_trace_block.c - blocks of a trace store: events come back as they were, whatever is cut or damaged is never taken for whole. */
#include "trace_rig.h"

#include <errno.h>

/* Texts that a random event may have; they outlive it. */
static struct trace_text
some_text(struct dice *d, char *room, size_t max)
{
	const uint32_t n = dice_roll(d, 4) == 0 ? 0 : dice_roll(d, 8) == 0 ? dice_roll(d, (uint32_t)max) : 1 + dice_roll(d, 12);

	for (uint32_t i = 0; i < n; i++)
		room[i] = (char)('a' + dice_roll(d, 4));
	return (struct trace_text){ .p = room, .n = n };
}

/* Of any size. */
static uint64_t
some_number(struct dice *d)
{
	const uint64_t bits = dice_bits(d);

	return bits >> dice_roll(d, 64);
}

struct sample {
	struct trace_event e;
	char room[5][TRACE_TEXT_MAX];
};

static void
some_event(struct dice *d, struct sample *s)
{
	struct trace_event *e = &s->e;

	*e = (struct trace_event){ .at = (fl_ns)(some_number(d) >> 1) };
	e->kind = (uint8_t)dice_roll(d, TRACE_KINDS);
	e->dir = dice_roll(d, 2) == 1;
	e->conn = some_number(d);
	e->number = some_number(d);
	e->bytes = some_number(d);
	e->value = (int64_t)some_number(d);
	if (dice_roll(d, 2) == 0) {
		e->span = dice_bits(d);
		e->parent = dice_roll(d, 2) == 0 ? dice_bits(d) : 0;
		memset(e->trace, (int)dice_roll(d, 3), sizeof(e->trace));
		e->hash = dice_bits(d);
		e->fault = dice_roll(d, 5);
		e->status = dice_roll(d, 600);
		e->flags = (uint8_t)dice_roll(d, 64);
		e->attempts = (uint8_t)dice_roll(d, 4);
	}
	e->line = some_text(d, s->room[0], TRACE_TEXT_MAX);
	e->place = some_text(d, s->room[1], TRACE_TEXT_MAX);
	e->what = some_text(d, s->room[2], TRACE_TEXT_MAX);
	e->text = some_text(d, s->room[3], TRACE_TEXT_MAX);
	e->id = some_text(d, s->room[4], TRACE_TEXT_MAX);
}

static void
assert_same(const struct trace_event *a, const struct trace_event *b)
{
	assert_int_equal(a->at, b->at);
	assert_memory_equal(a->trace, b->trace, 16);
	assert_true(a->span == b->span && a->parent == b->parent && a->conn == b->conn && a->number == b->number && a->bytes == b->bytes);
	assert_true(a->hash == b->hash && a->fault == b->fault && a->value == b->value && a->status == b->status);
	assert_true(a->kind == b->kind && a->dir == b->dir && a->flags == b->flags && a->attempts == b->attempts);
	assert_true(trace_text_same(a->line, b->line) && trace_text_same(a->id, b->id) && trace_text_same(a->place, b->place));
	assert_true(trace_text_same(a->what, b->what) && trace_text_same(a->text, b->text));
}

struct reading {
	struct sample *s;
	struct dice d;
	uint32_t n;
};

static bool
compare_next(void *ud, const struct trace_event *e)
{
	struct reading *r = ud;

	some_event(&r->d, r->s);
	assert_same(e, &r->s->e);
	r->n++;
	return true;
}

static void
test_round_trip(void **state)
{
	const struct trace_query all = { .kinds = 0 };
	struct reading read = { .d = { .seed = 3 }, .s = malloc(sizeof(struct sample)) };
	struct dice d = { .seed = 3 };
	struct rig r;

	(void)state;
	assert_non_null(read.s);
	rig_init(&r);
	for (unsigned i = 0; i < 20000; i++) {
		some_event(&d, read.s);
		rig_put(&r, &read.s->e);
	}
	rig_seal(&r);
	assert_int_equal(trace_store_open(&r.store, r.bytes, r.n, &r.mem), 0);
	assert_int_equal(r.store.events, 20000);
	assert_true(r.store.count > 3 && r.store.torn_bytes == 0 && r.store.damaged_bytes == 0 && r.store.missing == 0 && r.store.files == 1);
	trace_store_each(&r.store, &all, compare_next, &read);
	assert_int_equal(read.n, 20000);
	free(read.s);
	rig_fini(&r);
}

static bool
count(void *ud, const struct trace_event *e)
{
	(void)e;
	(*(uint32_t *)ud)++;
	return true;
}

/* What is asked for is found, and blocks that cannot have it are not read. */
static void
test_index(void **state)
{
	struct rig r;
	char name[32];
	uint32_t found = 0;

	(void)state;
	rig_init(&r);
	for (unsigned i = 0; i < 50000; i++) {
		snprintf(name, sizeof(name), "order-%u", i);
		rig_message(&r, TRACE_IN, i % 2 == 0 ? "even" : "odd", i / 1000, 0, i, name, i + 1);
	}
	rig_seal(&r);
	assert_int_equal(trace_store_open(&r.store, r.bytes, r.n, &r.mem), 0);
	assert_true(r.store.count > 10);
	for (unsigned i = 0; i < 50000; i += 997) {
		struct trace_query q = { .id = { .p = name, .n = (uint32_t)snprintf(name, sizeof(name), "order-%u", i) } };
		uint32_t n = 0, blocks = trace_store_each(&r.store, &q, count, &n);

		assert_int_equal(n, 1);
		assert_true(blocks <= 1 + r.store.count / 4);
		found += n;
		q = (struct trace_query){ .line = rig_text(i % 2 == 0 ? "even" : "odd"), .has_conn = true, .conn = i / 1000, .has_number = true,
		    .number = i };
		n = 0;
		assert_true(trace_store_each(&r.store, &q, count, &n) <= 1 + r.store.count / 2);
		assert_int_equal(n, 1);
	}
	assert_int_equal(found, 51);
	rig_fini(&r);
}

/* Cut anywhere: all blocks before are there, and it is said that it was cut. */
static void
test_cut_at_every_byte(void **state)
{
	struct rig r;
	size_t ends[8], blocks = 0;

	(void)state;
	rig_init(&r);
	for (unsigned i = 0; i < 12; i++) {
		rig_through(&r, "orders", 1, i + 1, "id", i + 1);
		if (i % 3 == 2) {
			rig_seal(&r);
			ends[blocks++] = r.n;
		}
	}
	for (size_t n = 0; n <= r.n; n++) {
		struct arena mem;
		size_t whole = 0;
		uint8_t *copy = malloc(n + 1);          /* so that a sanitizer sees what is read behind it */

		assert_non_null(copy);
		memcpy(copy, r.bytes, n);
		arena_init(&mem, 1 << 20);
		while (whole < blocks && ends[whole] <= n)
			whole++;
		assert_int_equal(trace_store_open(&r.store, copy, n, &mem), whole == 0 ? -EBADMSG : 0);
		assert_int_equal(r.store.events, whole * 6);
		assert_int_equal(r.store.torn_bytes, n - (whole == 0 ? 0 : ends[whole - 1]));
		assert_int_equal(r.store.damaged_bytes, 0);
		arena_fini(&mem);
		free(copy);
	}
	rig_fini(&r);
}

/* One byte changed anywhere: the block it is in is left out, those around it are there. */
static void
test_damage_at_every_byte(void **state)
{
	struct rig r;
	size_t first;

	(void)state;
	rig_init(&r);
	rig_through(&r, "orders", 1, 1, "one", 1);
	rig_seal(&r);
	first = r.n;
	rig_through(&r, "orders", 1, 2, "two", 2);
	rig_seal(&r);
	rig_through(&r, "orders", 1, 3, "three", 3);
	rig_seal(&r);
	for (size_t at = 0; at < r.n; at++) {
		struct arena mem;

		r.bytes[at] ^= 0x40;
		arena_init(&mem, 1 << 20);
		assert_int_equal(trace_store_open(&r.store, r.bytes, r.n, &mem), 0);
		assert_int_equal(r.store.events, 4);
		assert_true(r.store.damaged_bytes + r.store.torn_bytes > 0);
		assert_int_equal(r.store.missing, at >= first && at < r.n && r.store.torn_bytes == 0 ? 1 : 0);
		arena_fini(&mem);
		r.bytes[at] ^= 0x40;
	}
	rig_fini(&r);
}

static void
test_lost_and_empty(void **state)
{
	struct rig r;
	const uint8_t *p;
	size_t n;

	(void)state;
	rig_init(&r);
	assert_int_equal(trace_block_seal(r.block, 0, &p), 0);
	n = trace_block_seal(r.block, 12, &p);          /* a block that only says what was lost */
	assert_true(n > 0);
	assert_int_equal(trace_store_open(&r.store, p, n, &r.mem), 0);
	assert_true(r.store.lost == 12 && r.store.events == 0);
	assert_int_equal(trace_store_open(&r.store, "", 0, &r.mem), -EBADMSG);
	assert_int_equal(trace_store_open(&r.store, "fltrace", 7, &r.mem), -EBADMSG);
	rig_fini(&r);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_index),
		cmocka_unit_test(test_cut_at_every_byte),
		cmocka_unit_test(test_damage_at_every_byte),
		cmocka_unit_test(test_lost_and_empty),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
