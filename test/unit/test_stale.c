/* SPDX-License-Identifier: MIT */
/* test_stale.c - the last good answers: what is kept, for how long, in how much memory. */
#include "faultline/fallback.h"

#include "base/types.h"
#include "unit.h"
#include "threads.h"
#include <errno.h>
#include <stdatomic.h>

#define SEC FL_SEC
#define KB 1024u

static struct fl_stale_opts
small(void)
{
	struct fl_stale_opts o;
	fl_stale_opts_init(&o);
	o.bytes_max = 64 * KB;
	o.entry_max = 16 * KB;
	return o;
}

static struct fl_stale *
make(const struct fl_stale_opts *o)
{
	struct fl_stale *s;
	assert_int_equal(fl_stale_new(o, &s, NULL), 0);
	return s;
}

static void
expect_refused(struct fl_stale_opts o, const char *field)
{
	struct fl_stale *s = NULL;
	const char *got = "";
	assert_int_equal(fl_stale_new(&o, &s, &got), -EINVAL);
	assert_string_equal(got, field);
	assert_null(s);
}

/* An allocator that counts, and gives nothing beyond a number of blocks. */
struct till {
	unsigned left, out;
	size_t bytes;
};

static void *
till_alloc(void *ud, size_t n)
{
	struct till *t = ud;
	if (t->left == 0)
		return NULL;
	t->left--;
	t->out++;
	t->bytes += n;
	return malloc(n);
}

static void
till_free(void *ud, void *p)
{
	((struct till *)ud)->out--;
	free(p);
}

static void
test_options(void **state)
{
	struct fl_stale_opts o;
	(void)state;
#define BAD(field, value) do { o = small(); o.field = value; expect_refused(o, #field); } while (0)
	BAD(bytes_max, 65535);
	BAD(bytes_max, ((size_t)1 << 36) + 1);
	BAD(entry_max, 0);
	BAD(entry_max, 16 * KB + 1);                    /* more than a quarter of all */
	BAD(age_max, 0);
#undef BAD
	fl_stale_free(NULL);
	/* All memory is taken at once, and given back; when there is not enough, nothing is left over. */
	for (unsigned blocks = 0; blocks < 5; blocks++) {
		struct till t = { .left = blocks };
		struct fl_alloc a = { till_alloc, till_free, &t };
		struct fl_stale *s = NULL;
		o = small();
		o.alloc = &a;
		int r = fl_stale_new(&o, &s, NULL);
		assert_int_equal(r, blocks < 3 ? -ENOMEM : 0);
		size_t taken = t.bytes;
		for (uint64_t k = 0; r == 0 && k < 1000; k++)
			assert_int_equal(fl_stale_put(s, k, 0, &k, sizeof(k), 0), 0);
		assert_int_equal(t.bytes, taken);
		fl_stale_free(s);
		assert_int_equal(t.out, 0);
	}
}

static void
test_put_get(void **state)
{
	struct fl_stale_opts o = small();
	char buf[64], say[256];
	size_t n = 99;
	fl_ns age = 99;
	(void)state;
	o.age_max = 60 * SEC;
	struct fl_stale *s = make(&o);
	assert_int_equal(fl_stale_get(s, 1, 2, buf, sizeof(buf), SEC, &n, &age), -ENOENT);
	assert_true(n == 99 && age == 99);
	assert_int_equal(fl_stale_put(s, 1, 2, "hello", 5, SEC), 0);
	assert_int_equal(fl_stale_get(s, 1, 2, buf, sizeof(buf), 4 * SEC, &n, &age), 0);
	assert_true(n == 5 && age == 3 * SEC && memcmp(buf, "hello", 5) == 0);
	assert_int_equal(fl_stale_get(s, 2, 1, buf, sizeof(buf), 4 * SEC, &n, &age), -ENOENT);          /* both halves are the key */
	assert_int_equal(fl_stale_get(s, 1, 2, buf, 4, 4 * SEC, &n, &age), -ENOSPC);
	assert_int_equal(n, 5);
	/* The last one counts; empty is an answer too. */
	assert_int_equal(fl_stale_put(s, 1, 2, "", 0, 5 * SEC), 0);
	assert_int_equal(fl_stale_get(s, 1, 2, buf, 0, 5 * SEC, &n, &age), 0);
	assert_true(n == 0 && age == 0 && fl_stale_entries(s) == 1);
	/* Until it is too old. */
	assert_int_equal(fl_stale_get(s, 1, 2, buf, sizeof(buf), 65 * SEC, &n, &age), 0);
	assert_int_equal(fl_stale_get(s, 1, 2, buf, sizeof(buf), 65 * SEC + 1, &n, &age), -ENOENT);
	fl_stale_drop(s, 1, 2);
	fl_stale_drop(s, 1, 2);
	assert_int_equal(fl_stale_entries(s), 0);
	assert_int_equal(fl_stale_put(s, 3, 3, buf, 16 * KB + 1, SEC), -EMSGSIZE);
	struct fl_stale_counters c;
	fl_stale_counters(s, &c);
	assert_true(c.kept == 2 && c.hits == 3 && c.misses == 4 && c.too_old == 1 && c.overwritten == 0 && c.entries == 0);
	assert_string_equal(fl_stale_explain(s, say, sizeof(say)),
	    "0 answers of up to 60s kept, 0 of 64 KB; asked 7 times, there 3 times, too old 1 times");
	fl_stale_free(s);
}

#define KEYS 400

/* What must be in the cache: the latest of each key, as far as it can still be there. */
struct model {
	struct { bool there; uint32_t bytes, version; fl_ns at; uint64_t order; } k[KEYS];
	uint64_t order;
};

static void
fill(char *p, uint32_t n, uint64_t key, uint32_t version)
{
	for (uint32_t i = 0; i < n; i++)
		p[i] = (char)(key * 31 + version * 7 + i);
}

/* Gets what the model says, or nothing: never an older version, another key's bytes, or something too old. */
static bool
expect_key(struct fl_stale *s, const struct model *m, const struct fl_stale_opts *o, uint64_t key, fl_ns now)
{
	static char buf[16 * KB], want[16 * KB];
	size_t n;
	fl_ns age;
	int r = fl_stale_get(s, key % 7, key, buf, sizeof(buf), now, &n, &age);
	bool may = m->k[key].there && now - m->k[key].at <= o->age_max;
	if (r != 0)
		return false;
	assert_true(may);
	assert_int_equal(n, m->k[key].bytes);
	assert_int_equal(age, now - m->k[key].at);
	fill(want, m->k[key].bytes, key, m->k[key].version);
	assert_memory_equal(buf, want, n);
	return true;
}

/* Random puts, drops and gets, against a model. The newest, as much as surely fits, is always there. */
static void
test_walk(void **state)
{
	static char bytes[16 * KB];
	(void)state;
	for (uint64_t seed = 1; seed <= 12; seed++) {
		struct dice d = { .seed = seed };
		struct fl_stale_opts o = small();
		static struct model m;
		fl_ns now = SEC;
		uint32_t largest = dice_roll(&d, 2) ? 200 : 16 * KB;
		memset(&m, 0, sizeof(m));
		o.age_max = 100 * SEC;
		struct fl_stale *s = make(&o);
		for (int n = 0; n < 6000; n++) {
			uint64_t key = dice_roll(&d, KEYS);
			now += (fl_ns)dice_roll(&d, 100) * FL_MS;
			switch (dice_roll(&d, 8)) {
			case 0:
				fl_stale_drop(s, key % 7, key);
				m.k[key].there = false;
				break;
			case 1: case 2: case 3:
				m.k[key].there = true;
				m.k[key].bytes = dice_roll(&d, largest + 1);
				m.k[key].version++;
				m.k[key].at = now;
				m.k[key].order = ++m.order;
				fill(bytes, m.k[key].bytes, key, m.k[key].version);
				assert_int_equal(fl_stale_put(s, key % 7, key, bytes, m.k[key].bytes, now), 0);
				assert_true(expect_key(s, &m, &o, key, now));
				break;
			default:
				expect_key(s, &m, &o, key, now);
			}
			struct fl_stale_counters c;
			fl_stale_counters(s, &c);
			assert_true(c.bytes <= c.bytes_max && c.bytes_max <= o.bytes_max);
		}
		/* The newest first, until half of the memory: those must be there. */
		size_t sum = 0;
		for (uint64_t order = m.order; order > 0 && sum < 32 * KB - largest; order--)
			for (uint64_t key = 0; key < KEYS; key++) {
				if (m.k[key].order != order)
					continue;
				sum += (m.k[key].bytes + 48 + 63) / 64 * 64;
				if (m.k[key].there && now - m.k[key].at <= o.age_max)
					assert_true(expect_key(s, &m, &o, key, now));
			}
		unsigned there = 0;
		for (uint64_t key = 0; key < KEYS; key++)
			there += expect_key(s, &m, &o, key, m.k[key].at);
		assert_int_equal(there, fl_stale_entries(s));
		fl_stale_free(s);
	}
}

/* Many more keys than can stay: memory and index stay in their bounds, the newest are there. */
static void
test_flood(void **state)
{
	struct fl_stale_opts o = small();
	char buf[16];
	size_t n;
	fl_ns age;
	(void)state;
	struct fl_stale *s = make(&o);
	for (uint64_t k = 0; k < 200000; k++) {
		assert_int_equal(fl_stale_put(s, k, ~k, &k, k % 9, SEC), 0);
		assert_true(fl_stale_entries(s) <= 64 * KB / 64);
	}
	unsigned there = 0;
	for (uint64_t k = 0; k < 200000; k++)
		there += fl_stale_get(s, k, ~k, buf, sizeof(buf), SEC, &n, &age) == 0;
	assert_int_equal(there, fl_stale_entries(s));
	assert_in_range(there, 300, 1024);
	assert_int_equal(fl_stale_get(s, 199999, ~(uint64_t)199999, buf, sizeof(buf), SEC, &n, &age), 0);
	assert_int_equal(n, 199999 % 9);
	/* The same key again and again takes the place of the others, and no more. */
	for (uint64_t k = 0; k < 5000; k++)
		assert_int_equal(fl_stale_put(s, 1, 1, &k, 8, SEC), 0);
	assert_int_equal(fl_stale_entries(s), 1);
	fl_stale_free(s);
}

struct crowd {
	struct fl_stale *s;
	_Atomic uint64_t hits;
};

static void
crowd_body(void *ud, unsigned me)
{
	struct crowd *c = ud;
	struct dice d = { .seed = me };
	static _Thread_local char buf[2048];
	size_t n;
	fl_ns age;
	for (int i = 0; i < 4000; i++) {
		uint64_t key = dice_roll(&d, 200);
		unsigned char first;
		if (dice_roll(&d, 3) == 0) {
			memset(buf, (int)(key + me), sizeof(buf));
			fl_stale_put(c->s, key, 0, buf, 1 + dice_roll(&d, 2000), SEC);
		} else if (fl_stale_get(c->s, key, 0, buf, sizeof(buf), SEC, &n, &age) == 0) {
			/* Whole, and of one writer. */
			atomic_fetch_add(&c->hits, 1);
			first = (unsigned char)buf[0];
			assert_true((unsigned char)(first - key) < 4);
			for (size_t b = 0; b < n; b++)
				assert_true((unsigned char)buf[b] == first);
		}
	}
}

static void
test_threads(void **state)
{
	struct fl_stale_opts o = small();
	(void)state;
	struct crowd c = { .s = make(&o) };
	threads_run(4, crowd_body, &c);
	assert_true(c.hits > 100);
	fl_stale_free(c.s);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_options),
		cmocka_unit_test(test_put_get),
		cmocka_unit_test(test_walk),
		cmocka_unit_test(test_flood),
		cmocka_unit_test(test_threads),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
