/* SPDX-License-Identifier: MIT */
/* test_yaml.c - the tree of doc.h from YAML text, and what its readers complain about. */
#include "proto/yaml.h"
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static struct doc_diag diag;

static int
start(void **state)
{
	(void)state;
	doc_diag_init(&diag, "t.yaml");
	return 0;
}

static int
stop(void **state)
{
	(void)state;
	doc_diag_fini(&diag);
	return 0;
}

static struct doc *
parse(const char *text)
{
	struct doc *doc = NULL;
	int rc = yaml_parse(text, strlen(text), &diag, &doc);

	if (rc != 0)
		print_error("%s\n", buf_str(&diag.text));
	assert_int_equal(rc, 0);
	return doc;
}

static void
refuses(const char *text, const char *complaint)
{
	struct doc *doc = (struct doc *)1;
	int rc = yaml_parse(text, strlen(text), &diag, &doc);

	assert_true(rc < 0);
	assert_ptr_equal(doc, (struct doc *)1);
	assert_string_equal(buf_str(&diag.text), complaint);
	buf_clear(&diag.text);
	diag.count = 0;
}

static void
test_tree(void **state)
{
	struct doc *doc = parse("seed: 7\nlines:\n  - {name: a, on: true}\n  - name: 'b'\n    note: \"q\\u00e9\"\nempty:\ntilde: ~\n");
	const struct doc_node *lines = doc_get(doc->root, "lines");
	int64_t v;
	bool b;

	(void)state;
	assert_int_equal(doc->root->kind, DOC_MAP);
	assert_int_equal(doc->root->count, 4);
	assert_true(doc_is_int(doc_get(doc->root, "seed"), &v));
	assert_int_equal(v, 7);
	assert_int_equal(lines->kind, DOC_LIST);
	assert_int_equal(lines->count, 2);
	assert_true(doc_is_bool(doc_get(lines->items[0], "on"), &b) && b);
	assert_string_equal(doc_get(lines->items[1], "name")->text, "b");
	assert_false(doc_get(lines->items[1], "name")->plain);
	assert_string_equal(doc_get(lines->items[1], "note")->text, "q\xc3\xa9");
	assert_int_equal(doc_get(doc->root, "empty")->kind, DOC_NULL);
	assert_int_equal(doc_get(doc->root, "empty")->line, 6);
	assert_int_equal(doc_get(doc->root, "tilde")->kind, DOC_NULL);
	assert_null(doc_get(doc->root, "nothing"));
	assert_int_equal(lines->items[1]->line, 4);
	assert_int_equal(lines->items[1]->column, 5);
	doc_free(doc);
}

static void
test_json_is_yaml(void **state)
{
	struct doc *doc = parse("{\n\t\"a\": \"\\ud83d\\ude00\\/x\",\n\t\"b\": [1,\t2.5e3, null, false]\n}\n");
	const struct doc_node *b = doc_get(doc->root, "b");
	double f;

	(void)state;
	assert_string_equal(doc_get(doc->root, "a")->text, "\xf0\x9f\x98\x80/x");
	assert_true(doc_is_float(b->items[1], &f));
	assert_true(f == 2500);
	assert_int_equal(b->items[2]->kind, DOC_NULL);
	doc_free(doc);
}

static void
test_empty(void **state)
{
	struct doc *doc = parse("");

	(void)state;
	assert_int_equal(doc->root->kind, DOC_NULL);
	doc_free(doc);
	doc = parse("# only a remark\n");
	assert_int_equal(doc->root->kind, DOC_NULL);
	doc_free(doc);
}

static void
test_anchors(void **state)
{
	struct doc *doc = parse("base: &b {x: 1, y: 2}\nuse: *b\nmerged:\n  <<: *b\n  y: 3\n  z: 4\nlisted:\n  <<: [{p: 1}, {p: 2, q: 5}]\n");
	const struct doc_node *m = doc_get(doc->root, "merged");

	(void)state;
	assert_ptr_equal(doc_get(doc->root, "base"), doc_get(doc->root, "use"));
	assert_int_equal(m->count, 3);
	assert_string_equal(doc_get(m, "x")->text, "1");
	assert_string_equal(doc_get(m, "y")->text, "3");
	assert_null(doc_get(m, "<<"));
	assert_string_equal(doc_get(doc_get(doc->root, "listed"), "p")->text, "1");
	assert_string_equal(doc_get(doc_get(doc->root, "listed"), "q")->text, "5");
	doc_free(doc);
}

static void
test_refusals(void **state)
{
	(void)state;
	refuses("a: [1\n", "t.yaml:2:1: found flow sequence without a closing bracket, expected YAML or JSON");
	refuses("a: 1\na: 2\n", "t.yaml:2:1: found the key \"a\" twice, expected it once");
	refuses("a: 1\n---\nb: 2\n", "t.yaml: found a second document behind ---, expected one");
	refuses("a: *x\n", "t.yaml:1:5: found an alias, expected its anchor (&name) before it");
	refuses("a: &x [*x]\n", "t.yaml:1:9: found an alias, expected its anchor (&name) before it");
	refuses("a: !foo 1\n", "t.yaml:1:9: found a tag, expected a plain value: tags such as !name are not used here");
	refuses("a: \"x\\0y\"\n", "t.yaml:1:5: found a NUL character, expected none");
	refuses("a: b\xff\n", "t.yaml:1:5: found byte 0xff, expected text in UTF-8");
	refuses("\xff\xfe" "a\n", "t.yaml:1:1: found byte 0xff, expected text in UTF-8");
	refuses("? [1, 2]\n: x\n", "t.yaml:1:3: found a key that is not text, expected text");
	refuses("a: 1\nb: {<<: 5}\n", "t.yaml:2:9: found no map, expected one behind <<");
}

static void
test_depth(void **state)
{
	char text[200];

	(void)state;
	memset(text, '[', sizeof(text));
	text[sizeof(text) - 1] = '\0';
	refuses(text, "t.yaml:1:41: found lists and maps nested more than 40 deep");
}

/* Ten levels of ten aliases each would be 10^10 values. */
static void
test_alias_bomb(void **state)
{
	char text[4096] = "a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n";
	size_t n = strlen(text);

	(void)state;
	for (int i = 1; i < 10; i++) {
		n += (size_t)snprintf(text + n, sizeof(text) - n, "a%d: &a%d [", i, i);
		for (int k = 0; k < 10; k++)
			n += (size_t)snprintf(text + n, sizeof(text) - n, "%s*a%d", k ? "," : "", i - 1);
		n += (size_t)snprintf(text + n, sizeof(text) - n, "]\n");
	}
	refuses(text, "t.yaml:6:9: found more values than allowed (400000, each use of an alias counted)");
}

static void
test_complaints(void **state)
{
	static const char *const known[] = { "listen", "upstream", NULL };
	static const char *const modes[] = { "ordinal", "client", NULL };
	struct doc *doc = parse("listne: 1\nmode: clinet\nwait: 5\nsize: 10KB\nrate: 2.5\nname: [a]\nport: 70000\n");
	fl_ns ns = 77;
	int64_t v = 77;
	double f;
	bool b = true;
	const char *s;

	(void)state;
	doc_keys(&diag, doc_get(doc->root, "mode"), known);
	assert_int_equal(diag.count, 0);
	doc_keys(&diag, doc->root, known);
	assert_int_equal(diag.count, 7);
	assert_memory_equal(buf_str(&diag.text), "t.yaml:1:1: found the key \"listne\", expected one of listen, upstream; "
	    "did you mean \"listen\"?\n", 90);
	buf_clear(&diag.text);
	assert_int_equal(doc_choice(&diag, doc_get(doc->root, "mode"), modes), -1);
	assert_string_equal(buf_str(&diag.text), "t.yaml:2:7: found \"clinet\", expected one of ordinal, client; did you mean \"client\"?");
	buf_clear(&diag.text);
	assert_false(doc_duration(&diag, doc_get(doc->root, "wait"), &ns));
	assert_int_equal(ns, 77);
	assert_string_equal(buf_str(&diag.text), "t.yaml:3:7: found the number 5, expected a duration such as 250ms, 5s or 1m30s");
	buf_clear(&diag.text);
	assert_true(doc_bytes(&diag, doc_get(doc->root, "size"), &v));
	assert_int_equal(v, 10000);
	assert_true(doc_float(&diag, doc_get(doc->root, "rate"), 0, 5, &f));
	assert_false(doc_text(&diag, doc_get(doc->root, "name"), "a name", &s));
	assert_string_equal(buf_str(&diag.text), "t.yaml:6:7: found a list, expected a name");
	buf_clear(&diag.text);
	assert_false(doc_int(&diag, doc_get(doc->root, "port"), 0, 65535, &v));
	assert_string_equal(buf_str(&diag.text), "t.yaml:7:7: found the number 70000, expected a whole number from 0 to 65535");
	assert_false(doc_bool(&diag, doc_get(doc->root, "port"), &b));
	doc_free(doc);
}

static void
test_numbers(void **state)
{
	struct doc *doc = parse("[1, -5, +3, '4', 9223372036854775807, 9223372036854775808, 1e3, .5, 0x10, nan, inf, '', 1_000]");
	const bool ints[] = { true, true, true, false, true, false, false, false, false, false, false, false, false };
	const bool floats[] = { true, true, true, false, true, true, true, true, false, false, false, false, false };
	int64_t v;
	double f;

	(void)state;
	assert_int_equal(doc->root->count, FL_ARRAY_LEN(ints));
	for (uint32_t i = 0; i < doc->root->count; i++) {
		assert_int_equal(doc_is_int(doc->root->items[i], &v), ints[i]);
		assert_int_equal(doc_is_float(doc->root->items[i], &f), floats[i]);
	}
	doc_free(doc);
}

static void
test_too_many_complaints(void **state)
{
	struct doc_node n = { .kind = DOC_NULL, .text = "" };

	(void)state;
	for (int i = 0; i < 100; i++)
		doc_complain(&diag, &n, "x");
	assert_int_equal(diag.count, 100);
	assert_int_equal(buf_len(&diag.text), 20 * strlen("t.yaml: x") + 19);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_tree, start, stop),
		cmocka_unit_test_setup_teardown(test_json_is_yaml, start, stop),
		cmocka_unit_test_setup_teardown(test_empty, start, stop),
		cmocka_unit_test_setup_teardown(test_anchors, start, stop),
		cmocka_unit_test_setup_teardown(test_refusals, start, stop),
		cmocka_unit_test_setup_teardown(test_depth, start, stop),
		cmocka_unit_test_setup_teardown(test_alias_bomb, start, stop),
		cmocka_unit_test_setup_teardown(test_complaints, start, stop),
		cmocka_unit_test_setup_teardown(test_numbers, start, stop),
		cmocka_unit_test_setup_teardown(test_too_many_complaints, start, stop),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
