/* SPDX-License-Identifier: MIT */
/* vary.c - the variants of an experiment, one after the other. */
#include "run/vary.h"

#include "base/assert.h"
#include "io/clock.h"
#include "run/contrast.h"
#include "run/page_contrast.h"
#include "run/publish.h"
#include "run/report_contrast.h"
#include "run/same.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HTML_BYTES_MAX (32u << 20)

_Static_assert(CONTRAST_SIDES_MAX == VARIANT_MAX && CONTRAST_CLAIMS_MAX == VARIANT_CLAIMS_MAX, "room for all");

struct vary {
	const struct vary_opts *opts;
	struct rundir dir;
	struct contrast contrast;
	uint32_t ran;
	char again[CONDUCT_PATH_MAX + 32];
	char same[VARIANT_MAX][320];    /* what is claimed of results */
	struct conduct_outcome outcomes[VARIANT_MAX];
};

static void
run_one(const struct vary_opts *opts, const struct variant *v, const char *runs_dir, const char *dir_name, struct conduct_outcome *ret)
{
	struct conduct_opts co = opts->run;

	co.x = v->x;
	co.variant = v->name;
	co.runs_dir = runs_dir;
	co.dir_name = dir_name;
	if (dir_name != NULL && co.verbose)
		fprintf(stderr, "---- variant %s\n", v->name);
	conduct(&co, ret);
}

/* One run, as if there were no variants. */
static void
run_alone(const struct vary_opts *opts, const struct variant *v, struct vary_outcome *ret)
{
	struct conduct_outcome *o = calloc(1, sizeof(*o));

	fl_assert(o != NULL);
	run_one(opts, v, opts->run.runs_dir, NULL, o);
	ret->exit_code = o->exit_code;
	memcpy(ret->run_dir, o->run_dir, sizeof(ret->run_dir));
	memcpy(ret->error, o->error, sizeof(ret->error));
	buf_append(&ret->text, buf_data(&o->text), buf_len(&o->text));
	buf_append(&ret->json, buf_data(&o->json), buf_len(&o->json));
	conduct_fini(o);
	free(o);
}

static void
run_all(struct vary *v)
{
	const struct variant_set *set = v->opts->set;
	struct contrast *c = &v->contrast;

	for (uint32_t i = 0; i < set->count; i++) {
		c->sides[i].name = set->variants[i].name;
		c->count = i + 1;
	}
	for (uint32_t i = 0; i < set->count; i++) {
		struct conduct_outcome *o = &v->outcomes[i];
		run_one(v->opts, &set->variants[i], v->dir.path, set->variants[i].name, o);
		v->ran = i + 1;
		c->sides[i].r = o->result;
		c->sides[i].error = o->error;
		if (o->by_signal)
			return;
	}
}

/* Did each variant leave the same results as the first? */
static void
judge_same(struct vary *v)
{
	const struct variant_set *set = v->opts->set;
	const struct experiment *x = set->variants[0].x;
	struct contrast *c = &v->contrast;
	char first[CONDUCT_PATH_MAX], other[CONDUCT_PATH_MAX];

	for (uint32_t i = 1; i < set->count && x->same != EXPERIMENT_SAME_NOT && c->claim_count < CONTRAST_CLAIMS_MAX; i++) {
		struct contrast_claim *claim = &c->claims[c->claim_count++];
		int rc;

		snprintf(v->same[i], sizeof(v->same[i]), "%s: %.200s is as in %s", set->variants[i].name, x->same_file, set->variants[0].name);
		snprintf(first, sizeof(first), "%.3000s/%s/%.200s", v->dir.path, set->variants[0].name, x->same_file);
		snprintf(other, sizeof(other), "%.3000s/%s/%.200s", v->dir.path, set->variants[i].name, x->same_file);
		rc = same_files(first, other, x->same, claim->outcome.got);
		claim->text = v->same[i];
		claim->outcome.known = rc >= 0;
		claim->outcome.held = rc > 0;
		if (rc < 0)
			snprintf(claim->outcome.got, sizeof(claim->outcome.got), "it cannot be read: %s", strerror(-rc));
	}
}

static void
judge_claims(struct vary *v)
{
	const struct variant_set *set = v->opts->set;
	const struct metric_set *sets[VARIANT_MAX] = { NULL };
	struct contrast *c = &v->contrast;

	for (uint32_t i = 0; i < c->count; i++)
		sets[i] = c->sides[i].r == NULL ? NULL : &c->sides[i].r->metrics;
	for (uint32_t i = 0; i < set->claim_count; i++) {
		c->claims[i].text = set->claims[i].text;
		claim_judge(&set->claims[i], sets, &c->claims[i].outcome);
	}
	c->claim_count = set->claim_count;
	judge_same(v);
	contrast_judge(c);
}

typedef int render_fn(const struct contrast *c, struct buf *out);

static void
write_one(struct vary *v, const char *name, render_fn *render, struct vary_outcome *ret)
{
	struct buf b;
	int rc;

	buf_init(&b, HTML_BYTES_MAX);
	rc = render(&v->contrast, &b);
	if (rc == 0)
		rc = rundir_write(&v->dir, name, buf_str(&b), buf_len(&b));
	buf_fini(&b);
	if (rc == 0)
		return;
	ret->exit_code = 4;
	if (ret->error[0] == '\0')
		snprintf(ret->error, sizeof(ret->error), "%.600s/%s cannot be written: %s", v->dir.path, name, strerror(-rc));
}

static void
conclude(struct vary *v, struct vary_outcome *ret)
{
	const struct conduct_opts *o = &v->opts->run;
	struct contrast *c = &v->contrast;

	snprintf(v->again, sizeof(v->again), "faultline replay %s", v->dir.path);
	c->description = v->opts->set->variants[0].x->description;
	c->experiment_path = o->path;
	c->run_dir = v->dir.path;
	c->command = o->command;
	c->replay = v->again;
	judge_claims(v);
	ret->exit_code = c->exit_code;
	write_one(v, "report.json", report_contrast_json, ret);
	write_one(v, "junit.xml", report_contrast_junit, ret);
	write_one(v, "report.html", page_contrast, ret);
	(void)report_contrast_text(c, o->colour, &ret->text);
	(void)report_contrast_json(c, &ret->json);
	for (uint32_t i = 0; i < v->ran && ret->error[0] == '\0'; i++)
		if (v->outcomes[i].error[0] != '\0')
			snprintf(ret->error, sizeof(ret->error), "%s: %.900s", c->sides[i].name, v->outcomes[i].error);
}

static void
run_group(struct vary *v, struct vary_outcome *ret)
{
	const struct conduct_opts *o = &v->opts->run;
	const char *name = v->opts->set->variants[0].x->name;
	char error[RUNDIR_ERROR_MAX];
	int rc;

	v->contrast.name = name;
	v->contrast.seed = o->seed;
	v->contrast.start_wall_ns = clock_wall();
	rc = rundir_group(o->runs_dir, name, o->seed, v->contrast.start_wall_ns, &v->dir, error);
	if (rc < 0) {
		snprintf(ret->error, sizeof(ret->error), "%s", error);
		return;
	}
	snprintf(ret->run_dir, sizeof(ret->run_dir), "%s", v->dir.path);
	rc = publish_start(&v->dir, o, name, NULL, v->contrast.start_wall_ns);
	if (rc == 0) {
		run_all(v);
		conclude(v, ret);
	} else {
		snprintf(ret->error, sizeof(ret->error), "%.600s cannot be written: %s", v->dir.path, strerror(-rc));
	}
	for (uint32_t i = 0; i < v->ran; i++)
		conduct_fini(&v->outcomes[i]);
	rundir_fini(&v->dir);
}

void
vary_run(const struct vary_opts *opts, struct vary_outcome *ret)
{
	struct vary *v;

	*ret = (struct vary_outcome){ .exit_code = 4 };
	buf_init(&ret->text, 1u << 20);
	buf_init(&ret->json, 64u << 20);
	if (!variant_varied(opts->set) || opts->only >= 0) {
		run_alone(opts, &opts->set->variants[FL_MAX(opts->only, 0)], ret);
		return;
	}
	v = calloc(1, sizeof(*v));
	fl_assert(v != NULL);
	v->opts = opts;
	run_group(v, ret);
	free(v);
}

void
vary_fini(struct vary_outcome *o)
{
	buf_fini(&o->text);
	buf_fini(&o->json);
}
