/* SPDX-License-Identifier: MIT */
/* publish.c - the files of a run directory that are written at the start and at the end. */
#include "run/publish.h"

#include "base/assert.h"
#include "base/version.h"
#include "io/dir.h"
#include "io/file.h"
#include "run/events.h"
#include "run/line_say.h"
#include "run/load_say.h"
#include "run/report.h"
#include "run/trace_recorder.h"
#include "run/trace_report.h"
#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>
#include <time.h>

#define TAIL_BYTES_MAX 4096
#define HTML_BYTES_MAX (16u << 20)
#define TEXT_BYTES_MAX (4u << 20)
#define ORIGIN_BYTES_MAX 65536

/* ---- at the start ---- */

int
publish_start(struct rundir *d, const struct conduct_opts *opts, const char *name, const char *variant, int64_t wall_ns)
{
	time_t seconds = (time_t)(wall_ns / FL_SEC);
	struct tm tm;
	char date[32];
	struct buf b;
	int rc = rundir_write(d, "experiment.yaml", opts->text, opts->text_bytes);

	gmtime_r(&seconds, &tm);
	strftime(date, sizeof(date), "%Y-%m-%dT%H:%M:%SZ", &tm);
	buf_init(&b, ORIGIN_BYTES_MAX);
	buf_puts(&b, "{\"faultline\":\"" VERSION_FAULTLINE "\",\"name\":");
	events_put_text(&b, name);
	buf_printf(&b, ",\"seed\":%" PRIu64 ",\"experiment\":", opts->seed);
	events_put_text(&b, opts->path);
	buf_puts(&b, ",\"here\":");
	events_put_text(&b, opts->here);
	buf_puts(&b, ",\"command\":");
	events_put_text(&b, opts->command);
	if (variant != NULL) {
		buf_puts(&b, ",\"variant\":");
		events_put_text(&b, variant);
	}
	buf_printf(&b, ",\"started\":\"%s\"}\n", date);
	if (rc == 0)
		rc = rundir_write(d, "run.json", buf_str(&b), buf_len(&b));
	buf_fini(&b);
	return rc;
}

int
publish_origin_read(const char *run_dir, struct publish_origin *ret, char *error, size_t error_bytes)
{
	char path[CONDUCT_PATH_MAX];
	const char *experiment = NULL, *here = NULL, *variant = "";
	json_int_t seed = 0;
	json_error_t je;
	json_t *root;
	struct buf b;
	int rc;

	snprintf(path, sizeof(path), "%s/run.json", run_dir);
	buf_init(&b, ORIGIN_BYTES_MAX);
	rc = file_read(path, &b);
	if (rc < 0) {
		snprintf(error, error_bytes, "%.200s: %s; expected the directory of a run", path, strerror(-rc));
		buf_fini(&b);
		return rc;
	}
	root = json_loadb(buf_data(&b), buf_len(&b), 0, &je);
	buf_fini(&b);
	if (json_unpack(root, "{s:I,s:s,s:s,s?s}", "seed", &seed, "experiment", &experiment, "here", &here, "variant", &variant) != 0 ||
	    seed < 0 || strlen(variant) >= sizeof(ret->variant) ||
	    strlen(experiment) >= sizeof(ret->path) || strlen(here) >= sizeof(ret->here)) {
		snprintf(error, error_bytes, "%.200s: found something else, expected seed, experiment and here", path);
		json_decref(root);
		return -EINVAL;
	}
	ret->seed = (uint64_t)seed;
	snprintf(ret->path, sizeof(ret->path), "%s", experiment);
	snprintf(ret->here, sizeof(ret->here), "%s", here);
	snprintf(ret->variant, sizeof(ret->variant), "%s", variant);
	json_decref(root);
	return 0;
}

/* ---- what the rig knows ---- */

/* The service at an end of a line, "from" or "to", as its `trace` says; NULL: it does not. */
static const char *
end_of(const struct experiment_line *l, const char *which)
{
	const char *text = strcmp(which, "from") == 0 ? l->trace.from : l->trace.to;
	const struct doc_node *n = l->http != NULL ? doc_get(doc_get(l->http, "trace"), which) : NULL;

	if (n != NULL)
		text = n->text;
	return text[0] != '\0' ? text : NULL;
}

static int
describe_lines(const struct experiment *x, const struct rig *rig, struct arena *mem, struct run_result *r)
{
	struct result_line *lines = arena_alloc(mem, (x->line_count + 1) * sizeof(*lines));
	struct result_close *closes = arena_alloc(mem, (x->line_count * LINE_CLOSE_COUNT + 1) * sizeof(*closes));
	uint32_t n = 0;

	if (lines == NULL || closes == NULL)
		return -ENOMEM;
	for (uint32_t i = 0; i < x->line_count; i++) {
		struct line_counters c;
		line_set_counters(rig->lines, i, &c);
		lines[i] = (struct result_line){
			.name = x->line_names[i],
			.listen = arena_strdup(mem, line_set_address(rig->lines, i)),
			.upstream = arena_strdup(mem, line_set_upstream(rig->lines, i)),
			.from = end_of(&x->lines[i], "from"),
			.to = end_of(&x->lines[i], "to"),
			.connections = c.accepted,
			.c2s_bytes = c.received_bytes[FL_C2S],
			.s2c_bytes = c.received_bytes[FL_S2C],
		};
		if (line_set_http(rig->lines, i) != NULL && line_say(line_set_http(rig->lines, i), mem, &lines[i].did, &lines[i].did_count) < 0)
			return -ENOMEM;
		for (int k = LINE_CLOSE_NONE + 1; k < LINE_CLOSE_COUNT; k++) {
			if (c.closed[k] == 0)
				continue;
			closes[n++] = (struct result_close){
				.line = x->line_names[i],
				.reason = line_close_text((enum line_close)k),
				.count = c.closed[k],
				.is_error = line_close_is_error((enum line_close)k),
			};
		}
	}
	r->lines = lines;
	r->line_count = x->line_count;
	r->closes = closes;
	r->close_count = n;
	return 0;
}

static int
describe_processes(const struct experiment *x, const struct rig *rig, struct arena *mem, struct run_result *r)
{
	struct result_process *list = arena_alloc(mem, (x->process_count + 1) * sizeof(*list));
	char tail[TAIL_BYTES_MAX], fate[200];

	if (list == NULL)
		return -ENOMEM;
	for (uint32_t i = 0; i < x->process_count; i++) {
		struct result_process *p = &list[i];
		*p = (struct result_process){
			.name = x->process_names[i],
			.command = arena_strdup(mem, system_command(rig->system, i)),
			.fate = arena_strdup(mem, system_fate(rig->system, i, fate, sizeof(fate))),
			.log_path = arena_printf(mem, "logs/%s.log", x->process_names[i]),
		};
		p->log_tail_bytes = dir_file_tail(system_log(rig->system, i), tail, sizeof(tail), &p->log_bytes);
		p->log_tail = arena_strndup(mem, tail, p->log_tail_bytes);
	}
	r->processes = list;
	r->process_count = x->process_count;
	return 0;
}

static int
describe_versions(struct arena *mem, struct run_result *r)
{
	struct result_pair *list = arena_alloc(mem, 2 * sizeof(*list));
	struct utsname u;

	if (list == NULL)
		return -ENOMEM;
	list[0] = (struct result_pair){ "faultline", VERSION_FAULTLINE };
	r->version_count = 1;
	if (uname(&u) == 0)
		list[r->version_count++] = (struct result_pair){ "kernel", arena_printf(mem, "%s %s %s", u.sysname, u.release, u.machine) };
	r->versions = list;
	return 0;
}

static int
describe_files(const struct experiment *x, const struct rig *rig, struct arena *mem, struct run_result *r)
{
	static const struct result_pair always[] = {
		{ "experiment.yaml", "the experiment as it was run" },
		{ "run.json", "its seed and where it came from: what replay needs" },
		{ "events.jsonl", "what happened: every decision of a fault, every probe that changed its mind" },
		{ "report.json", "this report for programs" },
		{ "junit.xml", "this report for a test runner" },
	};
	struct result_pair *files = arena_alloc(mem, (FL_ARRAY_LEN(always) + 2) * sizeof(*files));

	if (files == NULL)
		return -ENOMEM;
	memcpy(files, always, sizeof(always));
	r->files = files;
	r->file_count = FL_ARRAY_LEN(always);
	if (rig->trace != NULL)
		files[r->file_count++] = (struct result_pair){ "trace.bin",
		    "which messages crossed lines, and which faults hit them: for faultline trace" };
	if (!x->has_load)
		return 0;
	if (x->load.type == EXPERIMENT_PROGRAM)
		return 0;
	if (x->load.type == EXPERIMENT_HTTP)
		files[r->file_count++] = (struct result_pair){ "requests.jsonl", "requests that were drawn to be kept, and how each ended" };
	else
		files[r->file_count++] = (struct result_pair){ "history.jsonl", "every operation of the clients and what came back" };
	return 0;
}

/* What the messages show, when something is wrong with one of them. Without a trace, or memory for it, nothing. */
static void
describe_trace(const struct rig *rig, struct arena *mem, struct run_result *r)
{
	struct trace_report t;
	const uint8_t *unused;

	if (rig->trace == NULL)
		return;
	(void)trace_recorder_tail(rig->trace, &unused);         /* all of it is on disk now */
	r->trace = arena_printf(mem, "faultline trace list --wrong %s", rig->dir.path);
	if (trace_report(arena_printf(mem, "%s/trace.bin", rig->dir.path), mem, &t) != 0)
		return;
	r->trace_wrong = t.wrong;
	r->trace_message = t.message;
	r->trace_text = t.text;
	r->trace_svg = t.svg;
}

int
publish_describe(const struct experiment *x, const struct rig *rig, struct arena *mem, struct run_result *r)
{
	int rc = describe_lines(x, rig, mem, r);

	if (rc == 0)
		rc = describe_processes(x, rig, mem, r);
	if (rc == 0)
		rc = describe_versions(mem, r);
	if (rc == 0)
		rc = describe_files(x, rig, mem, r);
	r->load.what = load_say(x, mem);
	r->replay = arena_printf(mem, "faultline replay %s", rig->dir.path);
	describe_trace(rig, mem, r);
	return rc < 0 || mem->overflowed ? -ENOMEM : 0;
}

/* ---- at the end ---- */

typedef int render_fn(const struct run_result *r, struct buf *out);

static int
write_one(struct rundir *d, const char *name, render_fn *render, const struct run_result *r, char *error, size_t error_bytes)
{
	struct buf b;
	int rc;

	buf_init(&b, HTML_BYTES_MAX);
	rc = render(r, &b);
	if (rc == 0)
		rc = rundir_write(d, name, buf_str(&b), buf_len(&b));
	if (rc < 0 && error[0] == '\0')
		snprintf(error, error_bytes, "%.600s/%s cannot be written: %s", d->path, name, strerror(-rc));
	buf_fini(&b);
	return rc;
}

int
publish_write(struct rundir *d, const struct run_result *r, char *error, size_t error_bytes)
{
	int json = write_one(d, "report.json", report_json, r, error, error_bytes);
	int junit = write_one(d, "junit.xml", report_junit, r, error, error_bytes);
	int html = write_one(d, "report.html", report_html, r, error, error_bytes);

	return json < 0 ? json : junit < 0 ? junit : html;
}

void
publish_say(const struct run_result *r, bool colour, unsigned columns, struct buf *text, struct buf *json)
{
	struct report_text_options opt = { .colour = colour, .columns = columns };

	(void)report_text(r, &opt, text);
	(void)report_json(r, json);
}
