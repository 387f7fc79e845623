/* SPDX-License-Identifier: MIT */
/* fuzz_experiment.c - any text as an experiment: read or refused with a place, never a crash; what is read holds its invariants. */
#include "base/assert.h"
#include "run/doubt.h"
#include "run/timeline.h"
#include "run/variant.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
const char *__lsan_default_suppressions(void);

/* libfyaml 0.7 loses its scratch when a quoted text with very many quotes in it cannot be the key it seems to be. */
const char *
__lsan_default_suppressions(void)
{
	return "leak:libfyaml";
}

static void
check(const struct experiment *x)
{
	struct timeline_step *steps;
	uint32_t count;
	struct buf doubts;

	fl_assert(x->name != NULL && x->duration > 0 && x->rounds <= EXPERIMENT_ROUNDS_MAX);
	for (uint32_t i = 0; i < x->fault_count; i++) {
		const struct experiment_fault *f = &x->faults[i];
		fl_assert(f->action == ACTION_CALL ? f->line < 0 && f->process < 0 && f->call.path != NULL : (f->line >= 0) != (f->process >= 0));
		fl_assert(f->line < (int)x->line_count && f->process < (int)x->process_count && f->at < x->duration);
	}
	fl_assert(!x->has_load || x->load.line < (int)x->line_count);
	fl_assert(!x->has_load || x->load.line >= 0 || (x->load.type == EXPERIMENT_HTTP && x->load.http.target != NULL));
	fl_assert(timeline_new(x, &steps, &count) == 0 && count <= 2 * x->rounds);
	free(steps);
	buf_init(&doubts, 1u << 20);
	doubt_experiment(x, "x", false, &doubts);
	buf_fini(&doubts);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct variant_set *set = NULL;
	struct doc_diag d;

	doc_diag_init(&d, "x");
	if (variant_parse((const char *)data, size, &d, &set) == 0) {
		fl_assert(d.count == 0 && set->count > 0 && set->count <= VARIANT_MAX);
		for (uint32_t i = 0; i < set->count; i++)
			check(set->variants[i].x);
	} else {
		fl_assert(set == NULL && d.count > 0 && strncmp(buf_str(&d.text), "x:", 2) == 0);
	}
	variant_free(set);
	doc_diag_fini(&d);
	return 0;
}
