/* SPDX-License-Identifier: MIT */
/* test_doc_patch.c - merge patches (the table of RFC 7396, appendix A), and trees written as JSON. */
#include "proto/doc_patch.h"
#include "proto/json.h"
#include "proto/yaml.h"
#include "unit.h"

#include <errno.h>

static struct doc *
parse(const char *text)
{
	char error[JSON_ERROR_MAX];
	struct doc *doc = NULL;

	assert_int_equal(json_parse(text, strlen(text), error, &doc), 0);
	return doc;
}

static void
writes(const struct doc_node *n, const char *expected)
{
	struct jsonw w;
	struct buf b;

	buf_init(&b, 1 << 16);
	jsonw_init(&w, &b);
	assert_int_equal(doc_patch_json(&w, n, NULL), 0);
	assert_string_equal(buf_str(&b), expected);
	buf_fini(&b);
}

static void
test_merge(void **state)
{
	static const struct { const char *base, *patch, *merged; } rows[] = {
		{ "{\"a\":\"b\"}", "{\"a\":\"c\"}", "{\"a\":\"c\"}" },
		{ "{\"a\":\"b\"}", "{\"b\":\"c\"}", "{\"a\":\"b\",\"b\":\"c\"}" },
		{ "{\"a\":\"b\"}", "{\"a\":null}", "{}" },
		{ "{\"a\":\"b\",\"b\":\"c\"}", "{\"a\":null}", "{\"b\":\"c\"}" },
		{ "{\"a\":[\"b\"]}", "{\"a\":\"c\"}", "{\"a\":\"c\"}" },
		{ "{\"a\":\"c\"}", "{\"a\":[\"b\"]}", "{\"a\":[\"b\"]}" },
		{ "{\"a\":{\"b\":\"c\"}}", "{\"a\":{\"b\":\"d\",\"c\":null}}", "{\"a\":{\"b\":\"d\"}}" },
		{ "{\"a\":[{\"b\":\"c\"}]}", "{\"a\":[1]}", "{\"a\":[1]}" },
		{ "[\"a\",\"b\"]", "[\"c\",\"d\"]", "[\"c\",\"d\"]" },
		{ "{\"a\":\"b\"}", "[\"c\"]", "[\"c\"]" },
		{ "{\"a\":\"foo\"}", "null", "null" },
		{ "{\"a\":\"foo\"}", "\"bar\"", "\"bar\"" },
		{ "{\"e\":null}", "{\"a\":1}", "{\"e\":null,\"a\":1}" },
		{ "[1,2]", "{\"a\":\"b\",\"c\":null}", "{\"a\":\"b\"}" },
		{ "{}", "{\"a\":{\"bb\":{\"ccc\":null}}}", "{\"a\":{\"bb\":{}}}" },
	};
	struct arena mem;

	(void)state;
	for (size_t i = 0; i < FL_ARRAY_LEN(rows); i++) {
		struct doc *base = parse(rows[i].base), *patch = parse(rows[i].patch);

		arena_init(&mem, 1 << 16);
		writes(doc_patch_merge(&mem, base->root, patch->root), rows[i].merged);
		arena_fini(&mem);
		doc_free(base);
		doc_free(patch);
	}
}

/* Patches one after the other, or both in one: the same comes of it. */
static void
test_join(void **state)
{
	struct doc *a = parse("{\"x\":{\"y\":1,\"z\":null},\"w\":2}"), *b = parse("{\"x\":{\"y\":null},\"w\":3,\"v\":{}}");
	struct arena mem;

	(void)state;
	arena_init(&mem, 1 << 16);
	writes(doc_patch_join(&mem, a->root, b->root), "{\"x\":{\"z\":null,\"y\":null},\"w\":3,\"v\":{}}");
	arena_fini(&mem);
	doc_free(a);
	doc_free(b);
}

static void
test_merge_without_memory(void **state)
{
	struct doc *base = parse("{\"a\":{\"b\":1}}"), *patch = parse("{\"a\":{\"c\":1}}");
	struct arena mem;

	(void)state;
	arena_init(&mem, 100);
	assert_null(doc_patch_merge(&mem, base->root, patch->root));
	arena_fini(&mem);
	doc_free(base);
	doc_free(patch);
}

/* What YAML means survives. */
static void
test_from_yaml(void **state)
{
	static const char yaml[] = "a: 1.50\nb: +5\nc: 'true'\nd: yes\ne: True\nf: .5\ng: 007\nh: ~\ni: [1e3, 30%]\nj: -0\nk: \"5\"\n";
	struct doc_diag d;
	struct doc *doc;

	(void)state;
	doc_diag_init(&d, NULL);
	assert_int_equal(yaml_parse(yaml, sizeof(yaml) - 1, &d, &doc), 0);
	writes(doc->root, "{\"a\":1.50,\"b\":5,\"c\":\"true\",\"d\":\"yes\",\"e\":true,\"f\":0.5,\"g\":7,"
	    "\"h\":null,\"i\":[1e3,\"30%\"],\"j\":-0,\"k\":\"5\"}");
	doc_free(doc);
	doc_diag_fini(&d);
}

static void
test_without(void **state)
{
	static const char *const without[] = { "b", NULL };
	struct doc *doc = parse("{\"a\":{\"b\":1},\"b\":2}");
	struct jsonw w;
	struct buf b;

	(void)state;
	buf_init(&b, 1 << 16);
	jsonw_init(&w, &b);
	assert_int_equal(doc_patch_json(&w, doc->root, without), 0);
	assert_string_equal(buf_str(&b), "{\"a\":{\"b\":1}}");
	buf_fini(&b);
	doc_free(doc);
}

static void
test_too_deep(void **state)
{
	char text[80] = "";
	struct doc *doc;
	struct jsonw w;
	struct buf b;

	(void)state;
	memset(text, '[', 36);
	memset(text + 36, ']', 36);
	doc = parse(text);
	buf_init(&b, 1 << 16);
	jsonw_init(&w, &b);
	assert_int_equal(doc_patch_json(&w, doc->root, NULL), -E2BIG);
	assert_int_equal(buf_len(&b), 0);
	buf_fini(&b);
	doc_free(doc);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_merge),
		cmocka_unit_test(test_join),
		cmocka_unit_test(test_merge_without_memory),
		cmocka_unit_test(test_from_yaml),
		cmocka_unit_test(test_without),
		cmocka_unit_test(test_too_deep),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
