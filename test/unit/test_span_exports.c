/* SPDX-License-Identifier: MIT */
/* test_span_exports.c - what real SDKs of 2023 and 2026 exported of one estate (test/data/spans) comes out as its true lines. */
#include "spans_rig.h"

#include "io/dir.h"
#include "map/span_import.h"

static const char *const truth[] = {
	"user > gateway http", "gateway > cart http", "gateway > checkout http", "checkout > payment http", "payment > bank.example http",
	"cart > redis-cart.db db", "checkout > kafka.mq messaging", "fulfilment > kafka.mq messaging", "checkout > fulfilment async",
	"fulfilment > mail.svc http",
};

static int
import(void *ud, const char *path)
{
	return span_import_file(ud, path);
}

static void
exports_give(const char *folder, const char *suffix)
{
	struct rig *r = rig_new(FL_NEVER, SPANS_MEMORY_MIN, 1);
	struct span_import_opts o = { .memory_bytes = SPANS_MEMORY_MIN, .where = folder, .tell = rig_take, .arg = r };
	struct span_import *im;
	bool dir_error = false;

	assert_int_equal(span_import_new(&o, &im), 0);
	if (dir_each(folder, suffix, import, im, &dir_error) != 0)
		fail_msg("%s: %s", folder, span_import_error(im));
	assert_int_equal(span_import_finish(im), 0);
	rig_expect(r, truth, FL_ARRAY_LEN(truth));
	assert_int_equal(rig_find(r, "gateway > cart http")->count, 3);
	assert_int_equal(rig_find(r, "checkout > fulfilment async")->count, 3);
	assert_int_equal(rig_find(r, "cart > redis-cart.db db")->to_kind, SIGHT_DATASTORE);

	struct span_import_counts c = span_import_count(im);

	assert_int_equal(c.documents, 5);
	assert_int_equal(c.rejected + c.spans.orphans + c.spans.nameless + c.spans.links_lost + c.spans.bad_times, 0);
	span_import_free(im);
	rig_free(r);
}

static void
node_2026(void **state)
{
	(void)state;
	exports_give("test/data/spans/js-2026", ".pb");
	exports_give("test/data/spans/js-2026-json", ".json.gz");
}

static void
node_2023(void **state)
{
	(void)state;
	exports_give("test/data/spans/js-2023", ".pb");
}

int
main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(node_2026), cmocka_unit_test(node_2023) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
