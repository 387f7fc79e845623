/* SPDX-License-Identifier: MIT */
/* test_trace_doc.c - `trace:` of a line: what is read, what is refused and where; it is written as it is read. */
#include "conf/trace_doc.h"

#include "proto/yaml.h"
#include "unit.h"

static struct trace_doc got;

/* The complaints about `trace: TEXT`; "" none. */
static const char *
read_it(const char *text, bool http)
{
	static char complaints[512];
	char yaml[256];
	struct doc_diag d;
	struct doc *doc = NULL;

	snprintf(yaml, sizeof(yaml), "trace: %s\n", text);
	doc_diag_init(&d, "f.yaml");
	assert_int_equal(yaml_parse(yaml, strlen(yaml), &d, &doc), 0);
	trace_doc_read(doc_get(doc->root, "trace"), http, &d, &got);
	snprintf(complaints, sizeof(complaints), "%s", buf_str(&d.text));
	doc_free(doc);
	doc_diag_fini(&d);
	return complaints;
}

static void
assert_again(bool http)
{
	const struct trace_doc before = got;
	struct jsonw w;
	struct buf b;

	buf_init(&b, 4096);
	jsonw_init(&w, &b);
	trace_doc_json(&w, &got, http);
	assert_string_equal(read_it(buf_str(&b), http), "");
	assert_int_equal(before.on, got.on);
	assert_int_equal(before.context, got.context);
	assert_memory_equal(before.frame, got.frame, sizeof(got.frame));
	assert_string_equal(before.from, got.from);
	assert_string_equal(before.to, got.to);
	buf_fini(&b);
}

static void
test_tcp(void **state)
{
	(void)state;
	assert_string_equal(read_it("null", false), "");
	assert_false(got.on);
	assert_null(trace_doc_conf(&got));
	assert_string_equal(read_it("false", false), "");
	assert_false(got.on);
	assert_string_equal(read_it("true", false), "");
	assert_true(got.on && got.frame[0].framing == TRACE_FRAME_LINES);
	assert_string_equal(read_it("u32", false), "");
	assert_true(got.on && got.frame[0].framing == TRACE_FRAME_U32 && got.frame[1].framing == TRACE_FRAME_U32);
	assert_again(false);
	assert_string_equal(read_it("{frames: varint, answers: lines, id: {field: order.id}, from: shop, to: billing}", false), "");
	assert_true(got.frame[0].framing == TRACE_FRAME_VARINT && got.frame[1].framing == TRACE_FRAME_LINES);
	assert_true(got.frame[0].id.kind == TRACE_ID_FIELD && !got.frame[0].id.group && strcmp(got.frame[1].id.field, "order.id") == 0);
	assert_string_equal(got.to, "billing");
	assert_again(false);
	struct trace_conf *c = trace_doc_conf(&got);

	assert_non_null(c);
	assert_string_equal(c->from, "shop");
	trace_conf_unref(c);
	assert_string_equal(read_it("{key: {word: 3}}", false), "");
	assert_true(got.frame[0].id.group && got.frame[0].id.kind == TRACE_ID_WORD && got.frame[0].id.word == 3);
	assert_again(false);
	assert_string_equal(read_it("{id: stream}", false), "");
	assert_again(false);
}

static void
test_http(void **state)
{
	(void)state;
	assert_string_equal(read_it("null", true), "");
	assert_true(!got.on && got.context);
	assert_string_equal(read_it("false", true), "");
	assert_true(!got.on && !got.context);
	assert_again(true);
	assert_string_equal(read_it("{id: {header: X-Order}, context: false}", true), "");
	assert_true(got.on && !got.context && strcmp(got.frame[0].id.field, "x-order") == 0);
	assert_again(true);
	assert_string_equal(read_it("{id: path}", true), "");
	assert_again(true);
	assert_string_equal(read_it("{}", true), "");
	assert_true(got.on && got.context);
}

static void
test_refused(void **state)
{
	static const struct { const char *text, *word; bool http; } bad[] = {
		{ "sideways", "sideways", false }, { "[lines]", "how messages are framed", false }, { "{frames: u33}", "u33", false },
		{ "{id: path}", "content, stream", false }, { "{id: {header: x}}", "content, stream", false }, { "{id: {word: 0}}", "0", false },
		{ "{id: {word: 1, field: x}}", "content, stream", false }, { "{id: content, key: content}", "both id and key", false },
		{ "{from: \"\"}", "1 to 63", false }, { "{fron: x}", "fron", false }, { "{frames: lines}", "frames", true }, { "lines", "lines",
		    true },
		{ "{id: [1]}", "content, stream", true }, { "{context: maybe}", "maybe", true },
	};

	(void)state;
	for (size_t i = 0; i < FL_ARRAY_LEN(bad); i++) {
		const char *said = read_it(bad[i].text, bad[i].http);

		if (strstr(said, bad[i].word) == NULL || strncmp(said, "f.yaml:1:", 9) != 0)
			fail_msg("%s: %s", bad[i].text, said);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_tcp), cmocka_unit_test(test_http), cmocka_unit_test(test_refused) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
