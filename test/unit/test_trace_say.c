/* SPDX-License-Identifier: MIT */
/* test_trace_say.c - what is said of a message: the tree, what is wrong and by which fault, its names, the drawing, the JSON. */
#include "trace_rig.h"

#include "proto/json.h"
#include "run/trace_json.h"
#include "run/trace_pick.h"
#include "run/trace_say.h"
#include "run/trace_svg.h"

#include "markup.h"

#define FINDS 32

static struct buf out;

static int
up(void **state)
{
	(void)state;
	buf_init(&out, 16u << 20);
	return 0;
}

static int
down(void **state)
{
	(void)state;
	buf_fini(&out);
	return 0;
}

/* orders (shop to billing), ledger (billing to archive): n orders with a result each, but for the one that something happens to. */
static void
chain(struct rig *r, unsigned n, unsigned which, const char *what)
{
	char id[16];
	uint64_t back = 0;

	rig_init(r);
	rig_line(r, "orders", "shop", "billing");
	rig_line(r, "ledger", "billing", "archive");
	for (unsigned i = 1; i <= n; i++) {
		const bool lost = i == which && strcmp(what, "lost") == 0, copied = i == which && strcmp(what, "copied") == 0;

		snprintf(id, sizeof(id), "o-%u", i);
		rig_message(r, TRACE_IN, "orders", 1, 0, i, id, i);
		if (lost || copied)
			rig_fault(r, lost ? "hole" : "echo", lost ? "drop" : "duplicate", "orders", 1, 0, 0, 10 * (i - 1));
		if (lost)
			continue;
		rig_message(r, TRACE_OUT, "orders", 1, 0, ++back, id, i);
		if (copied)
			rig_message(r, TRACE_OUT, "orders", 1, 0, ++back, id, i);
		if (i == which && strcmp(what, "swallowed") == 0)
			continue;
		rig_message(r, TRACE_IN, "ledger", 1, 0, i, id, i);
		if (i == which && strcmp(what, "changed") == 0)
			rig_fault(r, "rot", "flip", "ledger", 1, 0, 0, 10 * (i - 1) + 3);
		rig_message(r, TRACE_OUT, "ledger", 1, 0, i, id, i == which && strcmp(what, "changed") == 0 ? 999 : i);
		if (copied)
			rig_through(r, "ledger", 2, 1, id, i);
	}
	rig_build(r);
}

/* The findings about message o-WHICH, one a line. */
static const char *
findings(struct rig *r, const char *name)
{
	struct trace_find finds[FINDS];
	struct trace_pick p;
	uint32_t n;

	trace_pick(&r->lineage, name, &p);
	assert_int_not_equal(p.call, LINEAGE_NONE);
	n = trace_find(&r->lineage, lineage_root(&r->lineage, p.call), finds, FINDS);
	assert_true(n <= FINDS);
	buf_clear(&out);
	for (uint32_t i = 0; i < n; i++) {
		buf_printf(&out, "%s%s: ", trace_find_wrong(&finds[i]) ? "" : "(", trace_find_word((enum trace_find_kind)finds[i].kind));
		trace_find_say(&r->lineage, &finds[i], &out);
		buf_putc(&out, '\n');
	}
	return buf_str(&out);
}

static void
test_findings(void **state)
{
	struct rig r;

	(void)state;
	chain(&r, 12, 7, "nothing");
	assert_string_equal(findings(&r, "o-7"), "");
	rig_fini(&r);
	chain(&r, 12, 7, "lost");
	assert_string_equal(findings(&r, "o-7"),
	    "lost: orders/1/7 (id o-7) was lost on the line orders, from shop to billing; fault hole: drop of 10 "
	    "bytes from byte 60 on (client to server) at +0\n");
	assert_string_equal(findings(&r, "o-8"), "");
	rig_fini(&r);
	chain(&r, 12, 7, "copied");
	assert_string_equal(findings(&r, "o-7"), "copied: orders/1/7 (id o-7) went out 2 times on the line orders, from shop to billing; fault echo: "
	    "duplicate of 10 bytes from byte 60 on (client to server) at +0\nduplicate: ledger/2/1 (id o-7) is a duplicate: the same had been sent 1 "
	    "time before, because what it came of went out more than once: orders/1/7 (id o-7)\n");
	rig_fini(&r);
	chain(&r, 12, 7, "changed");
	assert_string_equal(findings(&r, "o-7"),
	    "changed: ledger/1/7 (id o-7) was changed: #0000000000000007 (10 bytes) came in, #00000000000003e7 (10 "
	    "bytes) went out on the line ledger, from billing to archive; fault rot: flip of bits 0a in byte 63 (client to server) at +0\n");
	rig_fini(&r);
	chain(&r, 12, 7, "swallowed");
	assert_string_equal(findings(&r, "o-7"),
	    "missing: nothing came of orders/1/7 (id o-7) on the line ledger, though something did of 11 of 12 like "
	    "it: billing had it and sent nothing on\n");
	rig_fini(&r);
}

/* Without a fault that hit it: those in force on its connection, those on in the run, how its connection ended. */
static void
test_circumstances(void **state)
{
	struct rig r;

	(void)state;
	rig_init(&r);
	rig_message(&r, TRACE_IN, "orders", 1, 0, 1, "", 1);
	rig_fault(&r, "stalled", "applies", "orders", 1, 0, 0, 0);
	rig_note(&r, TRACE_NOTE_ON, "", 0, "kill-billing");
	rig_message(&r, TRACE_IN, "orders", 2, 0, 1, "", 1);
	rig_note(&r, TRACE_NOTE_OFF, "", 0, "kill-billing");
	rig_message(&r, TRACE_IN, "orders", 3, 0, 1, "", 1);
	for (unsigned conn = 1; conn <= 3; conn++)
		rig_note(&r, TRACE_NOTE_CLOSE, "orders", conn, conn == 2 ? "server_reset" : "finished");
	rig_build(&r);
	assert_string_equal(findings(&r, "orders/1/1"), "lost: orders/1/1 was lost on the line orders; in force on its connection: fault stalled\n");
	assert_string_equal(findings(&r, "orders/2/1"),
	    "lost: orders/2/1 was lost on the line orders; the fault on at that time: kill-billing (since "
	    "-1.00 ms); its connection ended: server_reset\n");
	assert_string_equal(findings(&r, "orders/3/1"), "lost: orders/3/1 was lost on the line orders; no fault is known to have hit it there\n");
	rig_fini(&r);
}

static void
test_calls(void **state)
{
	struct rig r;

	(void)state;
	rig_init(&r);
	rig_half(&r, TRACE_REQUEST, "front", 1, 1, 0xa, 0, 0);
	rig_half(&r, TRACE_REQUEST, "back", 1, 1, 0xb, 0xa, 0);
	rig_fault(&r, "no", "abort", "back", 1, 1, 1, 0);
	rig_half(&r, TRACE_ANSWER, "back", 1, 1, 0xb, 0xa, 503);
	rig_half(&r, TRACE_ANSWER, "front", 1, 1, 0xa, 0, 200);
	rig_build(&r);
	assert_string_equal(findings(&r, "front/1/1"), "(spread: front/1/1 was answered well though something below it was not\n"
	    "broke: it went wrong at back/1/1  GET / -> 503 in 1.00 ms; fault no: abort with 10 (server to client) at +0\n");
	buf_clear(&out);
	trace_say_tree(&r.lineage, r.lineage.roots[0], 1, &out);
	assert_string_equal(buf_str(&out), "  +0  front/1/1  GET / -> 200 in 3.00 ms\n"
	    ">   +1.00 ms  back/1/1  GET / -> 503 in 1.00 ms\n"
	    "        +1.00 ms fault no: abort with 10 (server to client)\n");
	rig_fini(&r);
}

static void
assert_pick(struct rig *r, const char *name, const char *flow)
{
	char found[LINEAGE_NAME_MAX];
	struct trace_pick p;

	trace_pick(&r->lineage, name, &p);
	if (flow == NULL) {
		assert_int_equal(p.call, LINEAGE_NONE);
		return;
	}
	assert_int_not_equal(p.call, LINEAGE_NONE);
	assert_string_equal(lineage_flow_name(&r->lineage, p.call, found, sizeof(found)), flow);
	assert_true(p.tree_count >= 1 && p.roots[0] < r->lineage.count);
}

static void
test_pick(void **state)
{
	struct rig r;

	(void)state;
	rig_init(&r);
	rig_through(&r, "a/b", 1, 7, "o-7", 0xabc);
	rig_message(&r, TRACE_IN, "a/b", 1, 1, 7, "", 5);
	rig_through(&r, "a/b", 1ull << TRACE_LIFE_SHIFT | 1, 7, "o-8", 9);
	rig_half(&r, TRACE_REQUEST, "front", 3, 1, 0xaabb, 0, 0);
	rig_build(&r);
	assert_pick(&r, "a/b/1/7", "a/b/1/7");
	assert_pick(&r, "a/b/1/s7", "a/b/1/s7");
	assert_pick(&r, "a/b/2.1/7", "a/b/2.1/7");
	assert_pick(&r, "a/b/1.1/7", "a/b/1/7");
	assert_pick(&r, "o-7", "a/b/1/7");
	assert_pick(&r, "#0000000000000abc", "a/b/1/7");
	assert_pick(&r, "11111111111111111111111111111111", "front/3/1");
	assert_pick(&r, "00-11111111111111111111111111111111-000000000000aabb-01", "front/3/1");
	assert_pick(&r, "000000000000aabb", "front/3/1");
	static const char *const none[] = { "", "/", "//", "a/b", "a/b/1/8", "a/b/0.1/7", "a/b/x/7", "a/b/1/", "a/b/1/s",
	    "a/b/99999999999999999999/7", "#",
		"#00000000000000ff", "22222222222222222222222222222222", "000000000000ffff", "o-9", "a/b/.1/7", "a/b/1./7" };

	for (size_t i = 0; i < FL_ARRAY_LEN(none); i++)
		assert_pick(&r, none[i], NULL);
	rig_fini(&r);
}

/* Well-formed, with all services and what is wrong in it; texts of a store cannot break out of it. */
static void
test_svg(void **state)
{
	struct rig r;
	uint32_t calls[16], n;

	(void)state;
	rig_init(&r);
	rig_line(&r, "orders", "<shop>", "bill\"ing");
	rig_message(&r, TRACE_IN, "orders", 1, 0, 1, "</svg>", 1);
	rig_fault(&r, "h<o>le", "drop", "orders", 1, 0, 0, 0);
	rig_through(&r, "orders", 1, 2, "", 2);
	rig_build(&r);
	n = lineage_tree(&r.lineage, r.lineage.roots[0], calls, 16);
	buf_clear(&out);
	trace_svg(&r.lineage, calls, n, calls[0], "a & b", &out);
	assert_non_null(strstr(buf_str(&out), "<svg"));
	assert_null(strstr(buf_str(&out), "<shop>"));
	assert_non_null(strstr(buf_str(&out), "&lt;shop&gt;"));
	assert_true(markup_check(buf_str(&out)) > 10);
	rig_fini(&r);
}

static void
test_json(void **state)
{
	struct trace_find finds[FINDS];
	char error[JSON_ERROR_MAX];
	struct rig r, other;
	struct trace_compare c;
	struct jsonw w;
	struct doc *doc;
	uint32_t n;

	(void)state;
	chain(&r, 12, 7, "copied");
	chain(&other, 12, 3, "lost");
	assert_int_equal(trace_compare(&r.lineage, &other.lineage, &r.mem, &c), 0);
	buf_clear(&out);
	jsonw_init(&w, &out);
	jsonw_object(&w);
	trace_json_state(&r.store, &w);
	jsonw_key(&w, "calls");
	jsonw_array(&w);
	for (uint32_t i = 0; i < r.lineage.count; i++)
		trace_json_call(&r.lineage, i, &w);
	for (uint32_t i = 0; i < r.lineage.root_count; i++) {
		n = trace_find(&r.lineage, r.lineage.roots[i], finds, FINDS);
		for (uint32_t k = 0; k < n; k++)
			trace_json_find(&r.lineage, &finds[k], &w);
	}
	for (uint32_t i = 0; i < c.count; i++)
		trace_json_diff(&r.lineage, &other.lineage, &c.diffs[i], &w);
	jsonw_end(&w);
	jsonw_end(&w);
	assert_int_equal(json_parse(buf_str(&out), buf_len(&out), error, &doc), 0);
	doc_free(doc);
	assert_non_null(strstr(buf_str(&out), "\"fate\":\"lost\""));
	assert_non_null(strstr(buf_str(&out), "\"copies\":1"));
	rig_fini(&r);
	rig_fini(&other);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_findings), cmocka_unit_test(test_circumstances), cmocka_unit_test(test_calls), cmocka_unit_test(test_pick),
		cmocka_unit_test(test_svg), cmocka_unit_test(test_json),
	};
	return cmocka_run_group_tests(tests, up, down);
}
