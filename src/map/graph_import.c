/* SPDX-License-Identifier: MIT */
/*
 * graph_import.c - files into the store.
 *
 * All files of one command are read as a set (manifests refer to each other, spans of one trace lie in several exports) and are one batch.
 */
#include "map/graph_import.h"
#include "graph/import.h"
#include "io/dir.h"
#include "map/graph_map.h"
#include "map/graph_source.h"
#include "map/span_halves.h"
#include "map/span_import.h"
#include "map/tried.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define BESIDE_MAX 4096u        /* files that compose files name */
#define HALVES_AT_ONCE (INT64_C(1) << 20)      /* that one command can leave */

struct importing {
	const struct graph_ask *a;
	struct graph_reply *r;
	struct graph_source files;      /* what the words stand for */
	struct import im;
	struct span_import *spans;
	struct span_halves halves;      /* when there are spans */
	int64_t when;                   /* 0: each file's own time */
	char cwd[4096];
	uint64_t again;                 /* files taken before */
	uint64_t skipped;               /* files of folders that are of no format */
	uint64_t untold;                /* faults of runs from which nothing follows */
};

/* ---- spans ---- */

static int
take_half(void *arg, const void *p, size_t n)
{
	return span_import_left_take(((struct importing *)arg)->spans, p, n);
}

/* How many spans may wait for the other side of their call, and how long: a setting of the store. */
static int
set_halves(struct importing *t)
{
	const char *text = graph_ask_text(t->a, "halves");
	int64_t max = -1;
	fl_ns age = -1;
	char *end;
	int rc;

	if (text != NULL) {
		max = strtoll(text, &end, 10);
		if (end == text || *end != '\0' || max < 0 || max > PAST_HALF_MAX_MOST)
			return graph_reply_fail(t->r, -EINVAL, "halves: found \"%.40s\", expected a number up to %d", text, PAST_HALF_MAX_MOST);
	}
	rc = graph_ask_duration(t->a, t->r, "halves-for", &age);
	if (rc == 0 && (rc = past_half_limit(t->a->past, max, age)) != 0)
		return graph_reply_past(t->r, rc, t->a->past);
	return rc;
}

static int
begin_spans(struct importing *t, const char *name)
{
	struct span_import_opts opts = { .where = name, .tell = past_sight, .arg = t->a->past };
	struct past_half_counts c;
	int rc;

	rc = past_half_count(t->a->past, &c);
	if (rc == 0)
		rc = span_halves_begin(&t->halves);
	if (rc != 0)
		return graph_reply_past(t->r, rc, t->a->past);
	if (c.max > 0) {
		opts.left = span_halves_left;
		opts.seek = span_halves_seek;
		opts.take_back = span_halves_back;
		opts.left_arg = &t->halves;
		opts.left_max = (uint32_t)FL_MIN(c.max, HALVES_AT_ONCE);
	}
	rc = span_import_new(&opts, &t->spans);
	return rc == 0 ? 0 : graph_reply_fail(t->r, rc, "out of memory");
}

static int
read_spans(struct importing *t, const char *name, const char *p, size_t n)
{
	int rc = t->spans == NULL ? begin_spans(t, name) : 0;

	if (rc != 0)
		return rc;
	rc = span_import_text(t->spans, name, p, n);
	return rc == 0 ? 0 : graph_reply_fail(t->r, rc, "%s", span_import_error(t->spans));
}

/* ---- reports of runs ---- */

static int
read_run(struct importing *t, const char *name, const char *p, size_t n)
{
	char error[TRIED_ERROR];
	struct tried_counts c;
	int rc = tried_text(name, p, n, past_sight, t->a->past, error, &c);

	t->untold += c.untold;
	if (rc == 0)
		return 0;
	return error[0] != '\0' ? graph_reply_fail(t->r, rc, "%s", error) : graph_reply_past(t->r, rc, t->a->past);
}

/* ---- files ---- */

static bool
declares(enum import_format f)
{
	return f == IMPORT_DECLARED || f == IMPORT_KUBERNETES || f == IMPORT_COMPOSE || f == IMPORT_CSV || f == IMPORT_JSON_GRAPH;
}

static bool
holds_spans(enum import_format f)
{
	return f == IMPORT_OTLP_JSON || f == IMPORT_OTLP_PROTO || f == IMPORT_ZIPKIN || f == IMPORT_JAEGER;
}

static void
put_file(struct importing *t, const char *name, const char *format, bool again)
{
	struct jsonw *w = &t->r->w;

	jsonw_object(w);
	jsonw_str(w, "name", name);
	jsonw_str(w, "format", format);
	if (again)
		jsonw_flag(w, "again", true);
	jsonw_end(w);
}

/* Complaints of the importers, without the last newline. */
static int
refused(struct importing *t, int rc)
{
	const char *text = buf_str(&t->im.diag.text);
	size_t n = strlen(text);

	if (n > 0)
		return graph_reply_fail(t->r, rc, "%.*s", (int)(n - (text[n - 1] == '\n')), text);
	return past_error(t->a->past)[0] != '\0' ? graph_reply_past(t->r, rc, t->a->past) : graph_reply_fail(t->r, rc, "%s", strerror(-rc));
}

static int
take_file(struct importing *t, const struct graph_source_file *file)
{
	const char *text = buf_data(&file->bytes);
	size_t n = buf_len(&file->bytes);
	enum import_format format = import_recognise(file->name, text, n);
	const struct import_file f = { .name = file->name, .text = text, .n = n, .when = t->when != 0 ? t->when : file->mtime };
	int rc = 0;

	if (format == IMPORT_UNKNOWN && span_import_recognise(text, n) != SPAN_FORMAT_UNKNOWN)
		format = IMPORT_OTLP_JSON;
	if (format == IMPORT_UNKNOWN && file->found) {
		t->skipped++;
		return 0;
	}
	if (format == IMPORT_UNKNOWN)
		return graph_reply_fail(t->r, -EINVAL, "%s: this is none of the formats that are known; see doc/graph.md", file->name);
	if (!declares(format) && format != IMPORT_DOTENV && format != IMPORT_HOSTS && format != IMPORT_EMPTY)
		rc = past_once(t->a->past, text, n);
	if (rc == -EALREADY) {
		t->again++;
		put_file(t, file->name, import_format_name(format), true);
		return 0;
	}
	if (rc != 0)
		return graph_reply_past(t->r, rc, t->a->past);
	if (holds_spans(format))
		rc = read_spans(t, file->name, text, n);
	else if (format == IMPORT_RUN)
		rc = read_run(t, file->name, text, n);
	else if ((rc = import_add(&t->im, &f, &format)) != 0)
		rc = refused(t, rc == -ENOTSUP ? -EINVAL : rc);
	if (rc == 0)
		put_file(t, file->name, import_format_name(format), false);
	return rc;
}

static int
finish(struct importing *t)
{
	int rc = import_finish(&t->im);

	if (rc != 0)
		return refused(t, rc);
	if (t->im.diag.count > 0)
		return refused(t, -EINVAL);
	if (t->spans != NULL) {
		rc = span_import_finish(t->spans);
		if (rc == 0)
			rc = span_halves_end(&t->halves, span_import_count(t->spans).spans.left_dropped);
		if (rc != 0)
			return graph_reply_past(t->r, rc, t->a->past);
	}
	/* What a file declared before and does not say any more is over. */
	for (unsigned i = 0; i < t->files.count && rc == 0; i++)
		rc = past_withdraw(t->a->past, t->files.files[i].name, t->when);
	return rc != 0 ? graph_reply_past(t->r, rc, t->a->past) : 0;
}

struct beside {
	struct importing *t;
	unsigned i;                     /* the file that names them */
	unsigned count;
	int rc;
};

static void
read_beside(void *arg, const char *path)
{
	struct beside *b = arg;

	if (b->rc == 0 && b->count++ < BESIDE_MAX)
		b->rc = graph_source_beside(&b->t->files, b->i, path, b->t->r);
}

/* A compose file goes on in others, and those do; each is read once. */
static int
read_rest(struct importing *t)
{
	struct beside b = { .t = t };

	for (; b.i < t->files.count && b.rc == 0; b.i++) {
		const struct graph_source_file *f = &t->files.files[b.i];

		if (import_recognise(f->name, buf_data(&f->bytes), buf_len(&f->bytes)) == IMPORT_COMPOSE)
			import_named_files(buf_data(&f->bytes), buf_len(&f->bytes), read_beside, &b);
	}
	return b.rc;
}

static int
take_all(struct importing *t)
{
	int rc = 0;

	jsonw_key(&t->r->w, "files");
	jsonw_array(&t->r->w);
	for (unsigned i = 0; i < t->files.count && rc == 0; i++)
		rc = take_file(t, &t->files.files[i]);
	jsonw_end(&t->r->w);
	return rc == 0 ? finish(t) : rc;
}

/* What waits for the other side of its call, and what had waited. */
static int
put_halves(struct importing *t, const struct spans_counts *c)
{
	struct jsonw *w = &t->r->w;
	struct past_half_counts h;
	int rc = past_half_count(t->a->past, &h);

	if (rc != 0)
		return graph_reply_past(t->r, rc, t->a->past);
	jsonw_key(w, "halves");
	jsonw_object(w);
	jsonw_num(w, "left", (int64_t)c->left);
	jsonw_num(w, "taken", (int64_t)c->left_taken);
	jsonw_num(w, "paired", (int64_t)c->left_paired);
	jsonw_num(w, "waiting", h.waiting);
	jsonw_num(w, "dropped", (int64_t)h.dropped);
	jsonw_end(w);
	return 0;
}

static int
put_sums(struct importing *t, const struct past_taken *taken)
{
	struct jsonw *w = &t->r->w;
	struct past_view v = { .until = 0 };
	struct graph_map m;
	int rc;

	jsonw_num(w, "sightings", (int64_t)taken->told);
	jsonw_num(w, "dropped", (int64_t)(t->im.dropped + (t->spans != NULL ? span_import_count(t->spans).rejected : 0)));
	jsonw_num(w, "bad", (int64_t)taken->bad);
	jsonw_num(w, "future", (int64_t)taken->future);
	if (t->skipped > 0)
		jsonw_num(w, "skipped", (int64_t)t->skipped);
	if (t->untold > 0)
		jsonw_num(w, "untold", (int64_t)t->untold);
	if (t->spans != NULL) {
		struct spans_counts c = span_import_count(t->spans).spans;

		jsonw_key(w, "spans");
		jsonw_object(w);
		jsonw_num(w, "taken", (int64_t)c.spans);
		jsonw_num(w, "duplicates", (int64_t)c.duplicates);
		jsonw_num(w, "orphans", (int64_t)c.orphans);
		jsonw_num(w, "nameless", (int64_t)c.nameless);
		jsonw_num(w, "early", (int64_t)c.early);
		jsonw_num(w, "bad_times", (int64_t)c.bad_times);
		rc = put_halves(t, &c);
		jsonw_end(w);
		if (rc != 0)
			return rc;
	}
	rc = graph_map_of(&m, t->a->past, &v, t->r);
	if (rc == 0) {
		jsonw_num(w, "services", m.e->node_count);
		jsonw_num(w, "lines", m.e->line_count);
	}
	graph_map_fini(&m);
	return rc;
}

static int
run(struct importing *t)
{
	const struct past_batch batch = { .now = t->a->now, .cwd = t->cwd };
	struct past_taken taken;
	int64_t sealed;
	int rc = past_begin(t->a->past, &batch);

	if (rc != 0)
		return graph_reply_past(t->r, rc, t->a->past);
	jsonw_object(&t->r->w);
	rc = set_halves(t);
	if (rc == 0)
		rc = take_all(t);
	if (rc != 0) {
		past_rollback(t->a->past);
		return rc;
	}
	rc = past_commit(t->a->past, &taken);
	if (rc != 0)
		return graph_reply_past(t->r, rc, t->a->past);
	sealed = past_seal(t->a->past, t->a->now);
	rc = put_sums(t, &taken);
	jsonw_end(&t->r->w);
	return sealed < 0 ? graph_reply_past(t->r, (int)sealed, t->a->past) : rc;
}

int
graph_import(struct graph_ask *a, struct graph_reply *r)
{
	struct importing *t = calloc(1, sizeof(*t));
	const struct import_opts opts = { .take = past_sight, .arg = a->past, .now = a->now };
	int rc;

	if (t == NULL)
		return graph_reply_fail(r, -ENOMEM, "out of memory");
	t->a = a;
	t->r = r;
	span_halves_init(&t->halves, a->past, take_half, t);
	import_init(&t->im, &opts);
	if (dir_absolute(".", t->cwd, sizeof(t->cwd)) != 0)
		t->cwd[0] = '\0';
	rc = graph_ask_when(a, r, "time", &t->when);
	if (rc == 0 && a->remote && (a->body == NULL || a->word_count > 0))
		rc = graph_reply_fail(r, -EINVAL, "expected what to import as the body, and no names of files");
	if (rc == 0 && a->body != NULL)
		rc = graph_source_body(&t->files, graph_ask_text(a, "name"), a->body, r);
	else if (rc == 0)
		rc = graph_source_read(&t->files, a->words, a->word_count, r);
	if (rc == 0 && a->body == NULL)
		rc = read_rest(t);
	if (rc == 0)
		rc = run(t);
	graph_source_fini(&t->files);
	span_import_free(t->spans);
	span_halves_fini(&t->halves);
	import_fini(&t->im);
	free(t);
	return rc;
}
