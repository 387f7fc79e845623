/* SPDX-License-Identifier: MIT */
/* test_variant.c - trees laid over each other, variants of an experiment read from a file, and what is said of them together. */
#include "unit.h"

#include "proto/graft.h"
#include "proto/yaml.h"
#include "run/variant.h"
#include <errno.h>
#include <math.h>

#define LOAD "load: {type: http, line: l, rate: 5, duration: 5s}\n"
#define BASE "name: t\nseed: 3\nlines: {l: {upstream: \"h:1\"}}\n" LOAD

/* ---- graft ---- */

static struct doc *
tree(const char *text)
{
	struct doc *doc = NULL;
	struct doc_diag d;

	doc_diag_init(&d, "x");
	assert_int_equal(yaml_parse(text, strlen(text), &d, &doc), 0);
	doc_diag_fini(&d);
	return doc;
}

static bool
same(const struct doc_node *a, const struct doc_node *b)
{
	bool equal = a->kind == b->kind && a->count == b->count && strcmp(a->text, b->text) == 0 && a->weight == b->weight;

	for (uint32_t i = 0; equal && i < a->count; i++) {
		if (a->kind == DOC_LIST)
			equal = same(a->items[i], b->items[i]);
		else
			equal = same(a->pairs[i].key, b->pairs[i].key) && same(a->pairs[i].value, b->pairs[i].value);
	}
	return equal;
}

static void
merged(const char *base, const char *over, const char *expected)
{
	struct doc *a = tree(base), *b = tree(over), *e = tree(expected);
	struct arena mem;

	arena_init(&mem, 1u << 20);
	if (!same(graft_merge(&mem, a->root, b->root), e->root))
		fail_msg("%s + %s is not %s", base, over, expected);
	arena_fini(&mem);
	doc_free(a);
	doc_free(b);
	doc_free(e);
}

static void
test_merge(void **state)
{
	(void)state;
	merged("{a: 1, b: {c: 2, d: 3}}", "{b: {c: 4, e: 5}, f: 6}", "{a: 1, b: {c: 4, d: 3, e: 5}, f: 6}");
	merged("{a: [1, 2]}", "{a: [3]}", "{a: [3]}");
	merged("{a: {b: 1}}", "{a: 5}", "{a: 5}");
	merged("{a: 5}", "{a: {b: 1}}", "{a: {b: 1}}");
	merged("{a: 1, b: 2}", "{a: null, c: null}", "{b: 2}");
	merged("{a: 1}", "{}", "{a: 1}");
}

static const char *
shout(void *ud, const char *text)
{
	return arena_printf(ud, "<%s>", text);
}

static void
test_copy_and_without(void **state)
{
	static const char *const keys[] = { "b", "z", NULL };
	struct doc *a = tree("{a: [x, {k: y}], b: 1}"), *e = tree("{a: [\"<x>\", {k: \"<y>\"}], b: \"<1>\"}"), *w = tree("{a: [x, {k: y}]}");
	const struct doc_node *copy;
	struct arena mem, small;

	(void)state;
	arena_init(&mem, 1u << 20);
	arena_init(&small, 64);
	copy = graft_copy(&mem, a->root, shout, &mem);
	assert_true(same(copy, e->root));
	assert_int_equal(copy->pairs[0].value->items[1]->column, a->root->pairs[0].value->items[1]->column);
	assert_true(same(graft_without(&mem, a->root, keys), w->root));
	assert_null(graft_copy(&small, a->root, NULL, NULL));
	assert_null(graft_merge(&small, a->root, e->root));
	doc_free(a);
	assert_string_equal(copy->pairs[0].key->text, "a");     /* it shares nothing */
	arena_fini(&small);
	arena_fini(&mem);
	doc_free(e);
	doc_free(w);
}

/* ---- variants ---- */

static void
wrong(const char *text, const char *complaint)
{
	struct variant_set *s = NULL;
	struct doc_diag d;

	doc_diag_init(&d, "x");
	assert_int_equal(variant_parse(text, strlen(text), &d, &s), -EINVAL);
	assert_null(s);
	assert_string_equal(buf_str(&d.text), complaint);
	doc_diag_fini(&d);
}

static struct variant_set *
right(const char *text)
{
	struct variant_set *s = NULL;
	struct doc_diag d;

	doc_diag_init(&d, "x");
	if (variant_parse(text, strlen(text), &d, &s) != 0)
		fail_msg("%s", buf_str(&d.text));
	doc_diag_fini(&d);
	return s;
}

static void
test_without_variants(void **state)
{
	struct variant_set *s = right(BASE);

	(void)state;
	assert_int_equal(s->count, 1);
	assert_false(variant_varied(s));
	assert_int_equal(variant_find(s, "x"), -1);
	variant_free(s);
}

static void
test_variants_are_experiments(void **state)
{
	struct variant_set *s = right(BASE "variants:\n  bare:\n  more: {load: {rate: 50}, expect: {goodput: 90%}}\n"
	    "  other: {lines: {l: {upstream: \"h:2\"}}}\n"
	    "compare:\n  - more.goodput >= 2 * bare.goodput\n  - other.heal < 5s\n");

	(void)state;
	assert_int_equal(s->count, 3);
	assert_true(variant_varied(s));
	assert_string_equal(s->variants[1].name, "more");
	assert_int_equal(variant_find(s, "other"), 2);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(s->variants[i].x->seed, 3);
		assert_string_equal(s->variants[i].x->name, "t");
	}
	assert_true(s->variants[0].x->load.http.pace.rate < 6 && s->variants[1].x->load.http.pace.rate > 49);
	assert_int_equal(s->variants[0].x->limit_count, 0);
	assert_int_equal(s->variants[1].x->limit_count, 1);
	assert_string_equal(s->variants[2].x->lines[0].upstream, "h:2");
	assert_int_equal(s->claim_count, 2);
	assert_int_equal(s->claims[0].op, CLAIM_GE);
	assert_int_equal(s->claims[0].left.variant, 1);
	assert_true(s->claims[0].right.factor > 1.9);
	variant_free(s);
}

static void
test_mistakes(void **state)
{
	(void)state;
	/* What the variants share is told once. */
	wrong("name: t\nlines: {l: {upstrem: \"h:1\"}}\n" LOAD "variants: {a: {}, b: {}}\n",
	    "x:2:13: found the key \"upstrem\", expected one of name, protocol, listen, upstream, half_close, key, connect_timeout, "
	    "connections_max, trace; did you mean \"upstream\"?\nx:2:12: found a line without upstream, expected upstream: HOST:PORT");
	/* What is in one of them has its place. */
	wrong(BASE "variants:\n  a: {}\n  b: {load: {rate: fast}}\n", "x:7:20: found \"fast\", expected a number from 0.01 to 200000");
	wrong(BASE "variants: {a: {name: b}}\n", "x:5:22: found name in a variant, expected it for all of them");
	wrong(BASE "variants: {\"a b\": {}}\n", "x:5:13: found the variant \"a b\", expected a name of 1 to 40 letters, digits, _ and -");
	wrong(BASE "variants: {a: 5}\n", "x:5:15: found the number 5, expected what the variant changes: a map");
	wrong(BASE "variants: {}\n", "x:5:11: found 0 variants, expected 1 to 8");
	wrong(BASE "variants: [a]\n",
	    "x:5:11: found a list, expected a map from names to what each changes, as in {bare: {}, protected: {lines: ...}}");
	wrong(BASE "compare: [a.goodput > b.goodput]\n", "x:5:10: found comparisons, but no variants to compare");
	wrong(BASE "variants: {bare: {}}\ncompare: [bore.goodput > 1%]\n",
	    "x:6:11: found the variant \"bore\", but there is none of that name; did you mean \"bare\"?");
}

/* ---- claims ---- */

static const char *const names[] = { "bare", "v1.2", NULL };

static void
test_claims_that_are_none(void **state)
{
	static const char *const texts[] = { "", "bare.goodput", "bare.goodput = 1", "1 > 2", "bare.goodput > 5s", "bare.heal > 5", "bare > 1",
		"bare.goodpt > 1%", "x * bare.goodput > 1%", "2 * 3 > bare.goodput", "bare.goodput > bare.heal", "bare.goodput >= <= 1%",
		".goodput > 1%", "-2 * bare.goodput > 1%", "nan * bare.goodput > 1%", "bare.goodput > 1% > 2%" };
	char error[CLAIM_ERROR_MAX];
	struct claim c;

	(void)state;
	for (size_t i = 0; i < FL_ARRAY_LEN(texts); i++) {
		error[0] = '\0';
		if (claim_parse(texts[i], names, &c, error) != -EINVAL)
			fail_msg("\"%s\" was taken", texts[i]);
		assert_non_null(strstr(error, "found "));
	}
}

static void
check(const char *text, bool known, bool held, const char *got)
{
	struct metric_set a, b;
	const struct metric_set *sets[] = { &a, &b };
	struct claim_outcome o;
	struct claim c;
	char error[CLAIM_ERROR_MAX];

	for (int m = 0; m < METRIC_COUNT; m++)
		a.of[m] = b.of[m] = NAN;
	a.of[METRIC_GOODPUT] = 0.4;
	b.of[METRIC_GOODPUT] = 0.9;
	a.of[METRIC_HEAL] = INFINITY;
	b.of[METRIC_HEAL] = 1.5 * FL_SEC;
	a.of[METRIC_AMPLIFICATION] = 3;
	if (claim_parse(text, names, &c, error) != 0)
		fail_msg("%s: %s", text, error);
	claim_judge(&c, sets, &o);
	if (o.known != known || o.held != held || strcmp(o.got, got) != 0)
		fail_msg("%s: known %d, held %d, %s", text, o.known, o.held, o.got);
}

static void
test_claims(void **state)
{
	(void)state;
	check("v1.2.goodput >= 2 * bare.goodput", true, true, "90% against 80%");
	check("v1.2.goodput>=2.5*bare.goodput", true, false, "90% against 100%");
	check("  bare.goodput   <  50% ", true, true, "40% against 50%");
	check("0.5 <= bare.goodput", true, false, "50% against 40%");
	check("v1.2.heal <= 2s", true, true, "1.5 s against 2 s");
	check("v1.2.heal < bare.heal", true, true, "1.5 s against never");
	check("bare.heal <= 1h", true, false, "never against 1h");
	check("bare.amplification > 2.9", true, true, "3 against 2.9");
	check("v1.2.amplification <= 1.1", false, false, "unknown against 1.1");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_merge),
		cmocka_unit_test(test_copy_and_without),
		cmocka_unit_test(test_without_variants),
		cmocka_unit_test(test_variants_are_experiments),
		cmocka_unit_test(test_mistakes),
		cmocka_unit_test(test_claims_that_are_none),
		cmocka_unit_test(test_claims),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
