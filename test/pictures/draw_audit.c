/* SPDX-License-Identifier: MIT */
/* draw_audit.c - the pictures of doc/audit.md: what `faultline check --svg` draws of the histories in examples/audit. */
#include "draw_audit.h"

#include "audit/checker.h"
#include "audit/ruling_svg.h"
#include "audit/tape_read.h"
#include "base/assert.h"

#include <stdio.h>

#define HISTORY_BYTES_MAX ((size_t)1 << 20)

static const struct {
	const char *name, *model;
	enum checker_order order;
} all[] = {
	{ "register", "register", CHECKER_LINEARIZABLE }, { "cas-register", "cas-register", CHECKER_LINEARIZABLE },
	{ "unknown", "register", CHECKER_LINEARIZABLE }, { "key-value", "key-value", CHECKER_LINEARIZABLE },
	{ "multi-register", "multi-register", CHECKER_LINEARIZABLE }, { "counter", "counter", CHECKER_LINEARIZABLE },
	{ "set", "set", CHECKER_LINEARIZABLE }, { "g-set", "g-set", CHECKER_LINEARIZABLE }, { "queue", "queue", CHECKER_LINEARIZABLE },
	{ "stack", "stack", CHECKER_LINEARIZABLE }, { "priority-queue", "priority-queue", CHECKER_LINEARIZABLE },
	{ "unordered-queue", "unordered-queue", CHECKER_LINEARIZABLE }, { "total-queue", "total-queue", CHECKER_LINEARIZABLE },
	{ "exactly-once", "total-queue-exactly-once", CHECKER_LINEARIZABLE }, { "mutex", "mutex", CHECKER_LINEARIZABLE },
	{ "owner-mutex", "owner-mutex", CHECKER_LINEARIZABLE }, { "fenced-mutex", "fenced-mutex", CHECKER_LINEARIZABLE },
	{ "unique-ids", "unique-ids", CHECKER_LINEARIZABLE }, { "append-list", "append-list", CHECKER_LINEARIZABLE },
	{ "log", "log", CHECKER_LINEARIZABLE }, { "bank", "bank", CHECKER_LINEARIZABLE },
	{ "sequential", "register", CHECKER_SEQUENTIAL }, { "causal", "register", CHECKER_CAUSAL },
	{ "convergence", "register", CHECKER_CONVERGENT },
};

const char *
draw_audit_name(unsigned i)
{
	return all[i].name;
}

unsigned
draw_audit_count(void)
{
	return (unsigned)FL_ARRAY_LEN(all);
}

static void
read_history(const char *name, struct tape *t)
{
	char path[256];
	struct tape_read_info info;
	struct buf text;

	snprintf(path, sizeof(path), "examples/audit/%s.jsonl", name);
	FILE *f = fopen(path, "r");

	fl_assert(f != NULL);
	buf_init(&text, HISTORY_BYTES_MAX);
	for (size_t n = 1; n > 0;) {
		char *p = buf_reserve(&text, 4096);

		fl_assert(p != NULL);
		n = fread(p, 1, 4096, f);
		buf_claim(&text, n);
	}
	fclose(f);
	tape_init(t, HISTORY_BYTES_MAX);
	fl_assert(tape_read_all(t, NULL, buf_data(&text), buf_len(&text), &info) == 0);
	buf_fini(&text);
}

void
draw_audit(unsigned i, struct buf *out)
{
	struct checker_options options = { .order = all[i].order };
	struct ruling r;
	struct tape t;

	read_history(all[i].name, &t);
	fl_assert(checker_run(&t, model_find(all[i].model), &options, &r) == 0 && r.verdict == VERDICT_INVALID);
	ruling_svg(&r, out);
	ruling_fini(&r);
	tape_fini(&t);
}
