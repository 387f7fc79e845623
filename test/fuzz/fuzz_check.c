/* SPDX-License-Identifier: MIT */
/* fuzz_check.c - any text as a history of every model: judged, or refused with a reason; the evidence holds together. */
#include "audit/checker.h"
#include "audit/ruling_svg.h"
#include "audit/tape_read.h"
#include "base/assert.h"

#include <errno.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
judge(const struct tape *t, const struct model *m, enum checker_order order)
{
	struct checker_options options = { .order = order, .stale_max = 3, .configs_max = 20000, .memory_bytes_max = 4u << 20,
		.minimise_configs_max = 20000 };
	struct ruling r;
	struct buf out;
	struct jsonw w;
	int rc = checker_run(t, m, &options, &r);

	fl_assert(rc == 0 || rc == -EINVAL);
	fl_assert(r.reason != NULL && r.reason[0] != '\0');
	for (uint32_t i = 0; rc == 0 && i < r.evidence_count; i++)
		fl_assert(r.evidence[i].op_count > 0 && r.evidence[i].culprit < r.evidence[i].op_count);
	if (rc == 0) {
		buf_init(&out, 16u << 20);
		jsonw_init(&w, &out);
		ruling_json(&r, &w);
		ruling_text(&r, &out);
		ruling_svg(&r, &out);
		buf_fini(&out);
	}
	ruling_fini(&r);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct model *const *all = model_all();
	struct tape_read_info info;
	struct tape t;

	tape_init(&t, 4u << 20);
	if (tape_read_all(&t, NULL, (const char *)data, size, &info) == 0)
		for (size_t i = 0; all[i] != NULL; i++) {
			judge(&t, all[i], CHECKER_LINEARIZABLE);
			if (all[i]->step != NULL)
				judge(&t, all[i], CHECKER_SEQUENTIAL);
			for (enum checker_order order = CHECKER_STALE; all[i]->registers && order <= CHECKER_CAUSAL; order++)
				judge(&t, all[i], order);
		}
	tape_fini(&t);
	return 0;
}
