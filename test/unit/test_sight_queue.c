/* SPDX-License-Identifier: MIT */
/* test_sight_queue.c - what waits is whole, in order and within its bound. */
#include "unit.h"

#include "base/types.h"
#include "control/sight_queue.h"

static struct sight
line(const char *from, const char *to)
{
	return (struct sight){ .what = SIGHT_LINE, .source = "proxied", .from = from, .to = to };
}

static void
assert_taken(struct sight_kept *taken, const char *const *from, size_t n)
{
	for (size_t i = 0; i < n; i++, taken = taken->next) {
		assert_non_null(taken);
		assert_string_equal(taken->s.from, from[i]);
	}
	assert_null(taken);
}

static void
every_field_is_kept(void **state)
{
	char words[14][8];
	const char *members[] = { words[12], NULL, words[13] };
	struct sight_queue q;
	struct sight_kept *k;
	struct sight s;

	(void)state;
	for (unsigned i = 0; i < FL_ARRAY_LEN(words); i++)
		snprintf(words[i], sizeof(words[i]), "w%u", i);
	s = (struct sight){ .what = SIGHT_GROUP, .source = words[0], .where = words[1], .first = 3, .last = 4, .count = 5, .errors = 6, .latency = 7,
		.name = words[2], .space = words[3], .app = words[4], .kind = SIGHT_BROKER, .from = words[5], .to = words[6], .from_space = words[7],
		.to_space = words[8], .from_kind = SIGHT_USER, .to_kind = SIGHT_HOST, .protocol = words[9], .strength = SIGHT_SOFT,
		.phase = SIGHT_BOTH, .mode = SIGHT_ASYNC, .through = true, .members = members, .member_count = 3, .k = 2, .key = words[10],
		.value = words[11], .address = NULL };
	sight_queue_init(&q, 0);
	assert_int_equal(q.bytes_max, SIGHT_QUEUE_BYTES);
	assert_true(sight_queue_put(&q, &s));
	/* (1) of sight_queue.h: nothing of the teller's is needed. */
	memset(words, 'x', sizeof(words));
	memset(members, 0, sizeof(members));
	k = sight_queue_take(&q);
	assert_non_null(k);
	assert_string_equal(k->s.source, "w0");
	assert_string_equal(k->s.where, "w1");
	assert_string_equal(k->s.name, "w2");
	assert_string_equal(k->s.space, "w3");
	assert_string_equal(k->s.app, "w4");
	assert_string_equal(k->s.from, "w5");
	assert_string_equal(k->s.to, "w6");
	assert_string_equal(k->s.from_space, "w7");
	assert_string_equal(k->s.to_space, "w8");
	assert_string_equal(k->s.protocol, "w9");
	assert_string_equal(k->s.key, "w10");
	assert_string_equal(k->s.value, "w11");
	assert_null(k->s.address);
	assert_string_equal(k->s.members[0], "w12");
	assert_null(k->s.members[1]);
	assert_string_equal(k->s.members[2], "w13");
	assert_true(k->s.what == SIGHT_GROUP && k->s.kind == SIGHT_BROKER && k->s.from_kind == SIGHT_USER && k->s.to_kind == SIGHT_HOST);
	assert_true(k->s.strength == SIGHT_SOFT && k->s.phase == SIGHT_BOTH && k->s.mode == SIGHT_ASYNC && k->s.through);
	assert_true(k->s.first == 3 && k->s.last == 4 && k->s.count == 5 && k->s.errors == 6 && k->s.latency == 7);
	assert_true(k->s.member_count == 3 && k->s.k == 2);
	sight_queue_release(&q, k);
	sight_queue_fini(&q);
}

static void
what_is_given_back_goes_first(void **state)
{
	static const char *const all[] = { "a", "b", "c", "d" };
	const struct sight a = line("a", "x"), b = line("b", "x"), c = line("c", "x"), d = line("d", "x");
	struct sight_queue q;
	struct sight_kept *taken;

	(void)state;
	sight_queue_init(&q, 0);
	assert_null(sight_queue_take(&q));
	sight_queue_give_back(&q, NULL);
	assert_true(sight_queue_put(&q, &a) && sight_queue_put(&q, &b));
	taken = sight_queue_take(&q);
	assert_true(sight_queue_put(&q, &c));
	sight_queue_give_back(&q, taken);
	assert_true(sight_queue_put(&q, &d));
	assert_int_equal(q.count, 4);
	taken = sight_queue_take(&q);
	assert_taken(taken, all, 4);
	sight_queue_give_back(&q, taken);       /* to an empty list */
	assert_true(sight_queue_put(&q, &a));
	taken = sight_queue_take(&q);
	sight_queue_release(&q, taken);
	assert_true(q.count == 0 && q.bytes == 0 && q.released == 5 && q.dropped == 0);
	sight_queue_fini(&q);
}

static void
the_bound_holds_also_for_what_was_taken(void **state)
{
	const struct sight s = line("cart", "cart-db");
	struct sight_kept *taken;
	struct sight_queue q;
	uint64_t fit;

	(void)state;
	sight_queue_init(&q, 4096);
	while (sight_queue_put(&q, &s))
		assert_true(q.bytes <= 4096);
	fit = q.count;
	assert_true(fit > 0 && q.dropped == 1);
	taken = sight_queue_take(&q);
	assert_false(sight_queue_put(&q, &s));
	assert_int_equal(q.dropped, 2);
	sight_queue_release(&q, taken);
	assert_true(q.bytes == 0 && q.released == fit);
	assert_true(sight_queue_put(&q, &s));
	sight_queue_fini(&q);
	assert_true(q.bytes == 0 && q.count == 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_field_is_kept),
		cmocka_unit_test(what_is_given_back_goes_first),
		cmocka_unit_test(the_bound_holds_also_for_what_was_taken),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
