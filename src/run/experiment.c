/* SPDX-License-Identifier: MIT */
/* experiment.c - an experiment from its file: names first, then the parts, each checked against the names. */
#include "run/experiment.h"

#include "io/file.h"
#include "proto/yaml.h"
#include "run/exp_counter.h"
#include "run/exp_fault.h"
#include "run/exp_load.h"
#include "run/exp_probe.h"
#include "run/exp_system.h"
#include "conf/fault_doc.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define MEM_BYTES_MAX (16u << 20)

void
experiment_free(struct experiment *x)
{
	if (x == NULL)
		return;
	for (uint32_t i = 0; i < x->fault_count; i++)
		fault_doc_fini(&x->faults[i].spec);
	free(x->faults);
	arena_fini(&x->mem);
	free(x);
}

static void
read_head(struct exp_reader *r, const struct doc_node *root)
{
	static const char *const known[] = { "name", "description", "seed", "duration", "system", "lines", "load", "faults", "probes", "audit",
		"expect", "abort_if", "heal_within", "counters", "variants", "compare", NULL };
	const struct doc_node *name = doc_get(root, "name");
	struct experiment *x = r->x;
	int64_t seed;

	doc_keys(r->d, root, known);
	if (exp_field_text(r, root, "name", "found an experiment without a name, expected name: ...", &x->name) &&
	    (x->name[0] == '\0' || strlen(x->name) > 200))
		doc_complain(r->d, name, "found a name of %zu bytes, expected 1 to 200", strlen(x->name));
	exp_field_text(r, root, "description", NULL, &x->description);
	if (exp_field_int(r, root, "seed", 0, INT64_MAX, &seed)) {
		x->seed = (uint64_t)seed;
		x->has_seed = true;
	}
}

int
experiment_read(const struct doc_node *root, struct doc_diag *d, struct experiment **ret_x)
{
	struct exp_reader r = { .x = calloc(1, sizeof(*r.x)), .d = d };
	unsigned before = d->count;

	if (r.x == NULL)
		return -ENOMEM;
	arena_init(&r.x->mem, MEM_BYTES_MAX);
	if (!doc_expect(d, root, DOC_MAP, "an experiment: a map with name, system, lines, load, faults, ...")) {
		experiment_free(r.x);
		return -EINVAL;
	}
	read_head(&r, root);
	exp_system_names(&r, root);
	exp_system_read(&r, root);
	exp_load_read(&r, root);
	exp_fault_list(&r, root);
	exp_probe_list(&r, root);
	exp_counter_list(&r, root);
	exp_load_judges(&r, root);
	if (r.x->mem.overflowed)
		doc_complain(d, NULL, "found an experiment too large, expected less text");
	if (d->count != before) {
		experiment_free(r.x);
		return -EINVAL;
	}
	*ret_x = r.x;
	return 0;
}

int
experiment_parse(const char *text, size_t text_bytes, struct doc_diag *d, struct experiment **ret_x)
{
	struct doc *doc = NULL;
	int rc = yaml_parse(text, text_bytes, d, &doc);

	if (rc == 0)
		rc = experiment_read(doc->root, d, ret_x);
	doc_free(doc);
	return rc == -E2BIG ? -EINVAL : rc;
}

int
experiment_from_file(const char *path, struct doc_diag *d, struct buf *text, struct experiment **ret_x)
{
	int rc = file_read(path, text);

	if (rc < 0) {
		doc_complain(d, NULL, "cannot be read: %s", strerror(-rc));
		return -EINVAL;
	}
	return experiment_parse(buf_str(text), buf_len(text), d, ret_x);
}
