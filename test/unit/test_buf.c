/* SPDX-License-Identifier: MIT */
/* test_buf.c - the buffer against a plain string of everything that went in. */
#include "unit.h"

#include "base/buf.h"

#include <errno.h>

enum { STEPS = 40000, MAX = 1000 };

struct model {
	struct buf b;
	char data[MAX + 1];
	size_t len;
	bool overflowed;
};

static void
model_add(struct model *m, struct dice *d)
{
	char text[201];
	uint32_t n = dice_roll(d, 200);
	int r;

	for (uint32_t i = 0; i < n; i++)
		text[i] = (char)('a' + dice_roll(d, 26));
	text[n] = '\0';
	switch (dice_roll(d, 4)) {
	case 0: r = buf_append(&m->b, text, n); break;
	case 1: r = buf_puts(&m->b, text); break;
	case 2: r = buf_printf(&m->b, "%s", text); break;
	default: {
		char *to = buf_reserve(&m->b, n);

		r = to == NULL ? -ENOBUFS : 0;
		if (to != NULL) {
			memcpy(to, text, n);
			buf_claim(&m->b, n);
		}
	}
	}
	if (n > MAX - m->len) {
		assert_int_equal(r, -ENOBUFS);
		m->overflowed = true;
		return;
	}
	assert_int_equal(r, 0);
	memcpy(m->data + m->len, text, n);
	m->len += n;
}

static void
agrees_with_model(void **state)
{
	static struct model m;
	struct dice d = { .seed = 5 };
	int overflows = 0;

	(void)state;
	buf_init(&m.b, MAX);
	for (int step = 0; step < STEPS; step++) {
		uint32_t what = dice_roll(&d, 100);

		if (what < 55) {
			model_add(&m, &d);
		} else if (what < 99) {
			size_t n = dice_roll(&d, (uint32_t)FL_MIN(m.len, 250) + 1);

			buf_consume(&m.b, n);
			memmove(m.data, m.data + n, m.len - n);
			m.len -= n;
		} else {
			buf_clear(&m.b);
			overflows += m.overflowed;
			m.len = 0;
			m.overflowed = false;
		}
		assert_int_equal(buf_len(&m.b), m.len);
		assert_memory_equal(buf_data(&m.b), m.data, m.len);
		assert_int_equal(m.b.overflowed, m.overflowed);
		m.data[m.len] = '\0';
		assert_string_equal(buf_str(&m.b), m.data);
		assert_true(m.b.cap <= MAX);
	}
	assert_true(overflows > 0);
	buf_fini(&m.b);
}

static void
starts_with_nothing(void **state)
{
	struct buf b;

	(void)state;
	buf_init(&b, 10);
	assert_null(b.mem);
	assert_string_equal(buf_str(&b), "");
	assert_non_null(buf_data(&b));
	assert_int_equal(buf_append(&b, NULL, 0), 0);
	assert_int_equal(buf_puts(&b, ""), 0);
	assert_int_equal(buf_printf(&b, "%s", ""), 0);
	assert_null(b.mem);
	buf_fini(&b);
	buf_init(&b, 0);
	assert_int_equal(buf_putc(&b, 'x'), -ENOBUFS);
	assert_true(b.overflowed);
	buf_fini(&b);
}

static void
exactly_full(void **state)
{
	struct buf b;

	(void)state;
	buf_init(&b, 10);
	assert_int_equal(buf_printf(&b, "%d", 1234567890), 0);
	assert_false(b.overflowed);
	assert_string_equal(buf_str(&b), "1234567890");
	assert_int_equal(buf_printf(&b, "%c", 'x'), -ENOBUFS);
	assert_true(b.overflowed);
	buf_consume(&b, 1);
	assert_int_equal(buf_putc(&b, 'x'), 0);
	assert_true(b.overflowed);      /* until clear */
	assert_string_equal(buf_str(&b), "234567890x");
	buf_clear(&b);
	assert_false(b.overflowed);
	buf_fini(&b);
}

static void
consume_too_much(void *subject)
{
	buf_consume(subject, 3);
}

static void
claim_too_much(void *subject)
{
	buf_claim(subject, 1000);
}

static void
misuse_is_a_bug(void **state)
{
	struct buf b;

	(void)state;
	buf_init(&b, 100);
	assert_int_equal(buf_puts(&b, "ab"), 0);
	assert_true(unit_aborts(consume_too_much, &b));
	assert_true(unit_aborts(claim_too_much, &b));
	buf_fini(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(agrees_with_model),
		cmocka_unit_test(starts_with_nothing),
		cmocka_unit_test(exactly_full),
		cmocka_unit_test(misuse_is_a_bug),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
