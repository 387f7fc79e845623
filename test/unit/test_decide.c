/* SPDX-License-Identifier: MIT */
/* test_decide.c - draws: what they depend on, their distributions, scopes, time windows, connecting. */
#include "fault/decide.h"
#include "unit.h"

#include <math.h>

#define DRAWS 200000

static struct fault_spec
fault(enum fault_kind kind, int64_t a, int64_t b)
{
	struct fault_spec f;

	spec_init(&f, kind);
	f.id = 1;
	f.key = spec_key(1, "line", "fault");
	f.values[0].i = a;
	f.values[1].i = b;
	return f;
}

static const struct decide_conn conn = { .key = 3, .ordinal = 3 };

static int
by_value(const void *a, const void *b)
{
	fl_ns x = *(const fl_ns *)a, y = *(const fl_ns *)b;

	return (x > y) - (x < y);
}

/* DRAWS latencies, sorted. */
static fl_ns *
draw_latencies(const struct fault_spec *f, double *ret_mean)
{
	static fl_ns v[DRAWS];

	*ret_mean = 0;
	for (size_t i = 0; i < DRAWS; i++) {
		v[i] = decide_latency(f, &conn, i * 1460);
		*ret_mean += (double)v[i] / DRAWS;
	}
	qsort(v, DRAWS, sizeof(v[0]), by_value);
	return v;
}

/* Quantile q in ms. */
static double
at(const fl_ns *v, double q)
{
	return (double)v[(size_t)(q * DRAWS)] / 1e6;
}

#define assert_near(value, expected, tolerance) do { \
	double value_ = (value), expected_ = (expected); \
	if (fabs(value_ - expected_) > (tolerance)) \
		fail_msg("%s is %g, expected %g", #value, value_, expected_); \
} while (0)

static void
test_pinned(void **state)
{
	struct fault_spec f = fault(FAULT_LATENCY, 100, 50);

	(void)state;
	f.key = spec_key(1, "redis", "cut");
	assert_int_equal(decide_latency(&f, &conn, 65536), 94484910);
	assert_near(decide_toxicity_draw(&f, &conn), 0.60569487417891998, 0);
}

static void
test_depends_on_keys_only(void **state)
{
	struct fault_spec f = fault(FAULT_LATENCY, 100, 50), g = f;
	struct decide_conn other = conn;
	unsigned equal_fault = 0, equal_conn = 0, equal_offset = 0;

	(void)state;
	g.id = 99;
	g.version = 7;
	g.since_ns = 12345;
	g.dir = FL_C2S;
	other.ordinal = 77;
	other.has_ip = true;
	for (uint64_t i = 0; i < 1000; i++)
		assert_int_equal(decide_latency(&f, &conn, i), decide_latency(&g, &other, i));
	g.key++;
	other.key++;
	for (uint64_t i = 0; i < 1000; i++) {
		equal_fault += decide_latency(&f, &conn, i) == decide_latency(&g, &conn, i);
		equal_conn += decide_latency(&f, &conn, i) == decide_latency(&f, &other, i);
		equal_offset += decide_latency(&f, &conn, i) == decide_latency(&f, &conn, i + 1);
	}
	assert_int_equal(equal_fault + equal_conn + equal_offset, 0);
}

static void
test_latency_uniform(void **state)
{
	struct fault_spec f = fault(FAULT_LATENCY, 100, 20);
	double mean;
	const fl_ns *v = draw_latencies(&f, &mean);

	(void)state;
	assert_near(mean / 1e6, 100, 0.1);
	assert_true(v[0] >= 80 * FL_MS && v[DRAWS - 1] < 120 * FL_MS);
	assert_near(at(v, 0.1), 84, 0.2);
	assert_near(at(v, 0.5), 100, 0.2);
	assert_near(at(v, 0.9), 116, 0.2);
	f = fault(FAULT_LATENCY, 10, 20);       /* as Toxiproxy: what would be negative is none */
	v = draw_latencies(&f, &mean);
	assert_int_equal(v[0], 0);
	assert_near(at(v, 0.5), 10, 0.2);
	f = fault(FAULT_LATENCY, 100, -20);
	assert_int_equal(decide_latency(&f, &conn, 0), 100 * FL_MS);
	f = fault(FAULT_LATENCY, INT64_MIN, 0);
	assert_int_equal(decide_latency(&f, &conn, 0), 0);
}

static void
test_latency_normal(void **state)
{
	struct fault_spec f = fault(FAULT_LATENCY, 100, 20);
	double mean;
	const fl_ns *v;

	(void)state;
	f.values[LATENCY_DISTRIBUTION].i = DIST_NORMAL;
	v = draw_latencies(&f, &mean);
	assert_near(mean / 1e6, 100, 0.2);
	assert_near(at(v, 0.1587), 80, 0.3);
	assert_near(at(v, 0.5), 100, 0.3);
	assert_near(at(v, 0.9772), 140, 0.5);
}

static void
test_latency_pareto(void **state)
{
	struct fault_spec f = fault(FAULT_LATENCY, 100, 20);
	double mean;
	const fl_ns *v;

	(void)state;
	f.values[LATENCY_DISTRIBUTION].i = DIST_PARETO;
	v = draw_latencies(&f, &mean);
	assert_true(v[0] >= 100 * FL_MS);
	assert_near(mean / 1e6, 120, 0.5);
	assert_near(at(v, 0.5), 100 + 40 * (pow(0.5, -1 / 3.0) - 1), 0.2);
	assert_near(at(v, 0.99), 100 + 40 * (pow(0.01, -1 / 3.0) - 1), 3);
	f.values[LATENCY_SHAPE].f = 1.1;
	v = draw_latencies(&f, &mean);
	assert_int_equal(v[DRAWS - 1], 2100 * FL_MS);
}

static void
test_latency_lognormal(void **state)
{
	struct fault_spec f = fault(FAULT_LATENCY, 100, 20);
	double mean;
	const fl_ns *v;

	(void)state;
	f.values[LATENCY_DISTRIBUTION].i = DIST_LOGNORMAL;
	v = draw_latencies(&f, &mean);
	assert_true(v[0] >= 100 * FL_MS);
	assert_near(mean / 1e6, 120, 0.5);
	assert_near(at(v, 0.5), 100 + 20 * exp(-0.5), 0.2);
	f.values[LATENCY_SHAPE].f = 0.25;
	v = draw_latencies(&f, &mean);
	assert_near(at(v, 0.8413), 100 + 20 * exp(0.25 - 0.25 * 0.25 / 2), 0.3);
}

static void
test_latency_samples(void **state)
{
	struct fault_spec f = fault(FAULT_LATENCY, 100, 20);
	fl_ns values[] = { 30 * FL_MS, 10 * FL_MS, 20 * FL_MS };
	size_t seen[3] = { 0 };

	(void)state;
	f.values[LATENCY_DISTRIBUTION].i = DIST_SAMPLES;
	f.samples = spec_samples_new("f", values, 3);
	for (uint64_t i = 0; i < 30000; i++) {
		fl_ns v = decide_latency(&f, &conn, i) / FL_MS - 110;

		assert_true(v == 0 || v == 10 || v == 20);
		seen[v / 10]++;
	}
	for (int i = 0; i < 3; i++)
		assert_in_range(seen[i], 9600, 10400);
	spec_samples_unref(f.samples);
	f.samples = spec_samples_new("f", values, 0);
	assert_int_equal(decide_latency(&f, &conn, 0), 100 * FL_MS);
	spec_samples_unref(f.samples);
}

/* The same draw for the life of a connection: raising the share only adds connections. */
static void
test_toxicity_is_monotone(void **state)
{
	struct fault_spec f = fault(FAULT_NOOP, 0, 0);
	unsigned hit = 0;

	(void)state;
	for (uint64_t key = 1; key <= 20000; key++) {
		struct decide_conn c = { .key = key, .ordinal = key };
		bool before = false;

		for (int percent = -10; percent <= 110; percent += 10) {
			bool applies;

			f.toxicity = (float)percent / 100;
			applies = decide_applies(&f, &c);
			assert_true(applies || !before);
			assert_true(percent > 0 || !applies);
			assert_true(percent < 100 || applies);
			hit += percent == 30 && applies;
			before = applies;
		}
	}
	assert_in_range(hit, 5700, 6300);
}

static void
test_scope(void **state)
{
	struct fault_spec f = fault(FAULT_NOOP, 0, 0);
	struct decide_conn c = { .key = 1, .ordinal = 6 };
	char error[SPEC_ERROR_MAX];
	static const struct {
		const char *net;
		uint8_t ip[4];
		bool in;
	} nets[] = {
		{ "10.0.0.0/8", { 10, 255, 0, 1 }, true }, { "10.0.0.0/8", { 11, 0, 0, 1 }, false },
		{ "10.1.2.3", { 10, 1, 2, 3 }, true }, { "10.1.2.3", { 10, 1, 2, 2 }, false },
		{ "10.1.2.3/30", { 10, 1, 2, 1 }, true }, { "10.1.2.3/30", { 10, 1, 2, 4 }, false },
		{ "0.0.0.0/0", { 1, 2, 3, 4 }, true }, { "::/0", { 1, 2, 3, 4 }, true }, { "fd00::/8", { 10, 0, 0, 1 }, false },
	};

	(void)state;
	f.scope.every = 3;
	assert_true(decide_applies(&f, &c));
	c.ordinal = 7;
	assert_false(decide_applies(&f, &c));
	f.scope.every = 0;
	f.scope.first = 7;
	assert_true(decide_applies(&f, &c));
	f.scope.first = 6;
	assert_false(decide_applies(&f, &c));
	f.scope.first = 0;
	for (size_t i = 0; i < FL_ARRAY_LEN(nets); i++) {
		memset(c.ip, 0, 10);
		memset(c.ip + 10, 0xff, 2);
		memcpy(c.ip + 12, nets[i].ip, 4);
		assert_int_equal(spec_set_client(&f.scope, nets[i].net, error), 0);
		c.has_ip = true;
		assert_int_equal(decide_applies(&f, &c), nets[i].in);
		c.has_ip = false;
		assert_false(decide_applies(&f, &c));
	}
}

static void
test_active(void **state)
{
	struct fault_spec f = fault(FAULT_NOOP, 0, 0);
	fl_ns until;

	(void)state;
	f.since_ns = 1000;
	assert_true(decide_active(&f, 0, &until));
	assert_int_equal(until, FL_NEVER);
	f.scope.window_from = 100;
	f.scope.window_to = 500;
	assert_false(decide_active(&f, 1099, &until));
	assert_int_equal(until, 1100);
	assert_true(decide_active(&f, 1100, &until));
	assert_int_equal(until, 1500);
	assert_false(decide_active(&f, 1500, &until));
	assert_int_equal(until, FL_NEVER);
	f.scope.duty_period = 150;
	f.scope.duty_on = 50;
	assert_true(decide_active(&f, 1149, &until));
	assert_int_equal(until, 1150);
	assert_false(decide_active(&f, 1150, &until));
	assert_int_equal(until, 1250);
	assert_true(decide_active(&f, 1250, &until));
	assert_true(decide_active(&f, 1410, &until));
	assert_int_equal(until, 1450);
	assert_false(decide_active(&f, 1450, &until));
	assert_int_equal(until, 1500);
	f.scope.duty_on = 0;
	assert_false(decide_active(&f, 1410, &until));
	assert_int_equal(until, 1500);
	/* Followed from change to change, the answer is the same as asked at any time. */
	f.scope = (struct spec_scope){ .duty_period = 7, .duty_on = 3, .window_from = 10 };
	for (fl_ns now = 0, next = 0; now < 2000; now++) {
		static bool on;

		if (now == next)
			on = decide_active(&f, now, &next);
		assert_int_equal(decide_active(&f, now, NULL), on);
		assert_true(next > now);
	}
}

static void
test_cut(void **state)
{
	struct fault_spec f = fault(FAULT_SLICER, 100, 30);
	unsigned seen[61] = { 0 };

	(void)state;
	for (uint64_t k = 0; k < 61000; k += 2) {
		uint32_t a = decide_cut(&f, &conn, k), b = decide_cut(&f, &conn, k + 1);

		assert_in_range(a, 70, 130);
		assert_int_equal(a + b, 200);
		seen[a - 70]++;
		seen[b - 70]++;
	}
	for (int i = 0; i < 61; i++)
		assert_in_range(seen[i], 850, 1150);
	f = fault(FAULT_SLICER, 1, 1);
	for (uint64_t k = 0; k < 100; k++)
		assert_int_equal(decide_cut(&f, &conn, k), 1);
	f = fault(FAULT_SLICER, INT32_MAX, INT32_MAX);
	for (uint64_t k = 0; k < 100; k++)
		assert_true(decide_cut(&f, &conn, k) >= 1);
}

static void
test_flips(void **state)
{
	struct fault_spec f = fault(FAULT_CORRUPT, 0, 3);
	double sum = 0, above = 0;
	unsigned bits[8] = { 0 };

	(void)state;
	f.values[CORRUPT_RATE].f = 0.01;
	for (uint64_t k = 0; k < DRAWS; k++) {
		uint64_t gap = decide_flip_gap(&f, &conn, k);
		uint8_t mask = decide_flip_mask(&f, &conn, k);

		sum += (double)gap;
		above += gap >= 100;
		assert_int_equal(__builtin_popcount(mask), 3);
		for (int i = 0; i < 8; i++)
			bits[i] += mask >> i & 1;
	}
	assert_near(sum / DRAWS, 99, 1);
	assert_near(above / DRAWS, pow(0.99, 100), 0.005);
	for (int i = 0; i < 8; i++)
		assert_near(bits[i] / (double)DRAWS, 3 / 8.0, 0.005);
	f.values[CORRUPT_RATE].f = 1;
	assert_int_equal(decide_flip_gap(&f, &conn, 5), 0);
	f.values[CORRUPT_RATE].f = 0;
	assert_true(decide_flip_gap(&f, &conn, 5) == UINT64_MAX);
	f.values[CORRUPT_RATE].f = 1e-300;
	assert_true(decide_flip_gap(&f, &conn, 5) == UINT64_MAX);
	f.values[CORRUPT_BITS].i = 8;
	assert_int_equal(decide_flip_mask(&f, &conn, 1), 0xff);
}

static void
test_cells(void **state)
{
	struct fault_spec f = fault(FAULT_DROP_CHUNK, 0, 0), g = f;
	unsigned drops = 0, duplicates = 0, both = 0;

	(void)state;
	f.values[DROP_RATE].f = 0.25;
	g.kind = FAULT_DUPLICATE_CHUNK;
	g.values[DUPLICATE_RATE].f = 0.25;
	for (uint64_t i = 0; i < 40000; i++) {
		drops += decide_drop(&f, &conn, i);
		duplicates += decide_duplicate(&g, &conn, i);
		both += decide_drop(&f, &conn, i) && decide_duplicate(&g, &conn, i);
	}
	assert_in_range(drops, 9700, 10300);
	assert_in_range(duplicates, 9700, 10300);
	assert_in_range(both, 2300, 2700);
	f.values[DROP_RATE].f = 1;
	assert_true(decide_drop(&f, &conn, 1));
	f.values[DROP_RATE].f = 0;
	assert_false(decide_drop(&f, &conn, 1));
}

static void
test_connect(void **state)
{
	struct fault_spec f[5] = {
		fault(FAULT_LATENCY, 1000, 0), fault(FAULT_CONNECT_DELAY, 100, 0), fault(FAULT_CONNECT_DELAY, 30, 10),
		fault(FAULT_CONNECT_REFUSE, 1, 0), fault(FAULT_CONNECT_REFUSE, 0, 0),
	};
	struct fault_set *set;
	struct decide_connect d;

	(void)state;
	f[3].toxicity = 0;
	set = spec_set_new(f, 4);
	for (uint64_t i = 1; i < 1000; i++) {
		struct decide_conn c = { .key = i, .ordinal = i };

		d = decide_connect(set, &c, 0);
		assert_false(d.refuse);
		assert_in_range(d.delay_ns, 120 * FL_MS, 140 * FL_MS - 1);
		assert_ptr_equal(d.delay_by, &set->specs[2]);
	}
	spec_set_unref(set);
	f[3].toxicity = 1;
	f[3].scope.window_to = 100;
	set = spec_set_new(f, 5);
	d = decide_connect(set, &conn, 99);
	assert_true(d.refuse && d.refuse_reset);
	assert_ptr_equal(d.refuse_by, &set->specs[3]);
	d = decide_connect(set, &conn, 100);
	assert_true(d.refuse && !d.refuse_reset);
	spec_set_unref(set);
	d = decide_connect(NULL, &conn, 0);
	assert_false(d.refuse || d.delay_ns != 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_pinned),
		cmocka_unit_test(test_depends_on_keys_only),
		cmocka_unit_test(test_latency_uniform),
		cmocka_unit_test(test_latency_normal),
		cmocka_unit_test(test_latency_pareto),
		cmocka_unit_test(test_latency_lognormal),
		cmocka_unit_test(test_latency_samples),
		cmocka_unit_test(test_toxicity_is_monotone),
		cmocka_unit_test(test_scope),
		cmocka_unit_test(test_active),
		cmocka_unit_test(test_cut),
		cmocka_unit_test(test_flips),
		cmocka_unit_test(test_cells),
		cmocka_unit_test(test_connect),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
