/* SPDX-License-Identifier: MIT */
/* replay.c - the same again. */
#include "run/replay.h"

#include "io/file.h"
#include "run/events.h"
#include "run/publish.h"
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TEXT_BYTES_MAX (16u << 20)
#define REPORT_BYTES_MAX (64u << 20)
#define EVENTS_BYTES_MAX (1u << 30)

/* What a report.json says of the outcome. */
struct outcome {
	char verdict[16], audit[16];
	char audits[16 * EXPERIMENT_AUDITS_MAX];        /* verdicts of the others, one behind the other */
};

static void
parse_outcome(const char *text, size_t bytes, struct outcome *ret)
{
	const char *verdict = NULL, *audit = NULL;
	json_error_t je;
	json_t *root = json_loadb(text, bytes, 0, &je), *audits;

	memset(ret, 0, sizeof(*ret));
	if (json_unpack(root, "{s:s}", "verdict", &verdict) == 0)
		snprintf(ret->verdict, sizeof(ret->verdict), "%s", verdict);
	if (json_unpack(root, "{s:{s:s}}", "audit", "verdict", &audit) == 0)
		snprintf(ret->audit, sizeof(ret->audit), "%s", audit);
	audits = json_object_get(root, "audits");
	for (size_t i = 0; i < json_array_size(audits) && i < EXPERIMENT_AUDITS_MAX; i++)
		if (json_unpack(json_array_get(audits, i), "{s:s}", "verdict", &audit) == 0)
			snprintf(ret->audits + strlen(ret->audits), 16, "%s ", audit);
	json_decref(root);
}

static int
read_in(const char *dir, const char *name, struct buf *b)
{
	char path[CONDUCT_PATH_MAX + 64];

	snprintf(path, sizeof(path), "%.*s/%s", CONDUCT_PATH_MAX, dir, name);
	return file_read(path, b);
}

/* Compare the events of two run directories; in group, when they are one of several pairs. false: not to be done. */
static bool
compare_pair(const char *dir_then, const char *dir_now, const char *group, struct replay_outcome *ret)
{
	struct compare_result *one = calloc(1, sizeof(*one));
	struct buf then, now;
	char error[COMPARE_ERROR_MAX] = "cannot be read";
	bool done = false;

	buf_init(&then, EVENTS_BYTES_MAX);
	buf_init(&now, EVENTS_BYTES_MAX);
	if (one != NULL && read_in(dir_then, "events.jsonl", &then) == 0 && read_in(dir_now, "events.jsonl", &now) == 0)
		done = compare_events(buf_str(&then), buf_len(&then), buf_str(&now), buf_len(&now), one, error) == 0;
	if (!done)
		snprintf(ret->error, sizeof(ret->error), "events.jsonl: %s: the decisions cannot be compared", error);
	else if (group == NULL)
		ret->compare = *one;
	else
		compare_add(&ret->compare, one, group);
	buf_fini(&then);
	buf_fini(&now);
	free(one);
	return done;
}

static void
compare_runs(const struct replay_opts *opts, const struct variant_set *set, bool all, struct replay_outcome *ret)
{
	char then[CONDUCT_PATH_MAX + 64], now[CONDUCT_PATH_MAX + 64];

	if (!all) {
		ret->compared = compare_pair(opts->run_dir, ret->now.run_dir, NULL, ret);
		return;
	}
	ret->compared = true;
	for (uint32_t i = 0; i < set->count && ret->compared; i++) {
		snprintf(then, sizeof(then), "%.*s/%s", CONDUCT_PATH_MAX, opts->run_dir, set->variants[i].name);
		snprintf(now, sizeof(now), "%.*s/%s", CONDUCT_PATH_MAX, ret->now.run_dir, set->variants[i].name);
		ret->compared = compare_pair(then, now, set->variants[i].name, ret);
	}
}

static void
run_again(const struct replay_opts *opts, const struct publish_origin *origin, const struct variant_set *set, struct buf *text,
    struct replay_outcome *ret)
{
	struct vary_opts vo = { .set = set, .only = variant_find(set, origin->variant), .run = {
		.text = buf_str(text), .text_bytes = buf_len(text), .path = origin->path, .here = origin->here,
		.command = opts->command, .seed = origin->seed, .runs_dir = opts->runs_dir, .keep = opts->keep, .verbose = opts->verbose,
		.quiet = opts->quiet, .colour = opts->colour, .columns = opts->columns,
	} };
	struct outcome then, now;
	struct buf report;

	if (origin->variant[0] != '\0' && vo.only < 0) {
		snprintf(ret->error, sizeof(ret->error), "the experiment has no variant \"%s\", of which this is a run", origin->variant);
		return;
	}
	buf_init(&report, REPORT_BYTES_MAX);
	(void)read_in(opts->run_dir, "report.json", &report);
	parse_outcome(buf_str(&report), buf_len(&report), &then);
	buf_fini(&report);
	vary_run(&vo, &ret->now);
	ret->ran = true;
	ret->exit_code = ret->now.exit_code;
	parse_outcome(buf_str(&ret->now.json), buf_len(&ret->now.json), &now);
	memcpy(ret->verdict_then, then.verdict, sizeof(then.verdict));
	memcpy(ret->verdict_now, now.verdict, sizeof(now.verdict));
	ret->recurred = then.verdict[0] != '\0' && strcmp(then.verdict, now.verdict) == 0 && strcmp(then.audit, now.audit) == 0 &&
	    strcmp(then.audits, now.audits) == 0;
	if (ret->now.run_dir[0] != '\0')
		compare_runs(opts, set, variant_varied(set) && vo.only < 0, ret);
}

void
replay(const struct replay_opts *opts, struct replay_outcome *ret)
{
	struct publish_origin *origin = calloc(1, sizeof(*origin));
	struct variant_set *set = NULL;
	struct doc_diag d;
	struct buf text;
	char path[CONDUCT_PATH_MAX + 64], name[CONDUCT_PATH_MAX + 64];

	memset(ret, 0, sizeof(*ret));
	ret->exit_code = 2;
	if (origin == NULL) {
		snprintf(ret->error, sizeof(ret->error), "no memory");
		return;
	}
	snprintf(path, sizeof(path), "%.*s/experiment.yaml", CONDUCT_PATH_MAX, opts->run_dir);
	buf_init(&text, TEXT_BYTES_MAX);
	doc_diag_init(&d, name);
	if (publish_origin_read(opts->run_dir, origin, ret->error, sizeof(ret->error)) == 0) {
		/* Files it names are looked for where the experiment was; complaints say so. */
		snprintf(name, sizeof(name), "%.*s/experiment.yaml", CONDUCT_PATH_MAX, origin->here);
		if (variant_from_file(path, &d, &text, &set) == 0)
			run_again(opts, origin, set, &text, ret);
		else
			snprintf(ret->error, sizeof(ret->error), "%s", buf_str(&d.text));
	}
	variant_free(set);
	doc_diag_fini(&d);
	buf_fini(&text);
	free(origin);
}

void
replay_fini(struct replay_outcome *o)
{
	if (o->ran)
		vary_fini(&o->now);
}

int
replay_say(const struct replay_outcome *o, const char *run_dir, struct buf *out)
{
	if (o->verdict_then[0] == '\0')
		buf_printf(out, "\nReplay of %s: it left no verdict to compare with.\n", run_dir);
	else
		buf_printf(out, "\nReplay of %s: the outcome %s (then %s, now %s).\n", run_dir, o->recurred ? "recurred" : "did not recur",
		    o->verdict_then, o->verdict_now[0] != '\0' ? o->verdict_now : "none");
	return o->compared ? compare_say(&o->compare, out) : buf_printf(out, "%s\n", o->error);
}

int
replay_json(const struct replay_outcome *o, const char *run_dir, struct buf *out)
{
	buf_printf(out, "{\"verdict\":");
	events_put_text(out, o->verdict_now[0] != '\0' ? o->verdict_now : "unknown");
	buf_printf(out, ",\"exit_code\":%d,\"run_dir\":", o->exit_code);
	if (o->ran && o->now.run_dir[0] != '\0')
		events_put_text(out, o->now.run_dir);
	else
		buf_puts(out, "null");
	buf_puts(out, ",\"replay_of\":");
	events_put_text(out, run_dir);
	buf_printf(out, ",\"recurred\":%s,\"then\":", o->recurred ? "true" : "false");
	events_put_text(out, o->verdict_then);
	buf_puts(out, ",\"decisions\":");
	if (o->compared)
		compare_json(&o->compare, out);
	else
		buf_puts(out, "null");
	if (o->error[0] != '\0') {
		buf_puts(out, ",\"error\":");
		events_put_text(out, o->error);
	}
	return buf_puts(out, "}\n");
}
