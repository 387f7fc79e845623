/* SPDX-License-Identifier: MIT */
/*
 * tried.c - see tried.h.
 *
 * Invariants
 *  (1) Times are within 0..TIME_MAX, so that sums of two do not overflow.
 *  (2) The work is bounded: at most TRIALS_MAX faults and SPANS_MAX findings are looked at, against the nodes of one document.
 */
#include "map/tried.h"

#include "base/types.h"
#include "graph/coverage.h"
#include "proto/json.h"
#include "map/graph_when.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define TRIALS_MAX 4096u
#define SPANS_MAX 4096u
#define TIME_MAX (INT64_MAX / 4)
#define SLACK 0.01                      /* so much larger may the share of failures be and still be the same */
#define MEMORY ((size_t)16 << 20)

enum fate { FATE_SURVIVED, FATE_HEALED, FATE_UNTOLD, FATE_BROKE };      /* the worse, the higher */

struct trial {
	const char *name, *place, *kind;
	const char *from, *to;          /* NULL: it is not on a line */
	int64_t begin, end;
	enum fate fate;
	bool told;
};
struct finding {
	int64_t begin, end;
};
struct reading {
	const struct doc_node *root;
	const char *run_dir;
	int64_t when;                   /* the end of the run */
	bool found;                     /* the verdict: a finding; else it held */
	bool anytime;                   /* something was found that has no time */
	int64_t first, last;            /* begin of the first fault, end of the last */
	struct trial *trials;
	struct finding *findings;
	uint32_t trial_count, finding_count;
	struct arena mem;
};

/* ---- words and numbers of the document ---- */

/* A text that is not empty; NULL. */
static const char *
text_of(const struct doc_node *map, const char *key)
{
	const struct doc_node *n = doc_get(map, key);

	return n != NULL && n->kind == DOC_SCALAR && n->text[0] != '\0' ? n->text : NULL;
}

static bool
is(const struct doc_node *map, const char *key, const char *word)
{
	const char *text = text_of(map, key);

	return text != NULL && strcmp(text, word) == 0;
}

/* (1) */
static int64_t
number_of(const struct doc_node *map, const char *key, int64_t otherwise)
{
	const struct doc_node *n = doc_get(map, key);
	int64_t v;

	return n != NULL && doc_is_int(n, &v) ? FL_MIN(FL_MAX(v, 0), TIME_MAX) : otherwise;
}

/* The items of a list; 0 when it is none. */
static uint32_t
list_of(const struct doc_node *map, const char *key, const struct doc_node *const **ret)
{
	const struct doc_node *n = doc_get(map, key);

	if (n == NULL || n->kind != DOC_LIST)
		return 0;
	*ret = (const struct doc_node *const *)n->items;
	return n->count;
}

/* ---- the trials ---- */

/* "line NAME", "line NAME, c2s": which of the lines? */
static void
find_line(const struct reading *r, struct trial *t)
{
	const struct doc_node *const *lines = NULL;
	uint32_t n = list_of(r->root, "lines", &lines);

	if (strncmp(t->place, "line ", 5) != 0)
		return;
	for (uint32_t i = 0; i < n; i++) {
		const char *name = text_of(lines[i], "name"), *end;

		if (name == NULL || strncmp(t->place + 5, name, strlen(name)) != 0)
			continue;
		end = t->place + 5 + strlen(name);
		if (*end != '\0' && *end != ',')
			continue;
		t->from = text_of(lines[i], "from") != NULL ? text_of(lines[i], "from") : "client";
		t->to = text_of(lines[i], "to") != NULL ? text_of(lines[i], "to") : name;
		return;
	}
}

static int
read_trials(struct reading *r)
{
	const struct doc_node *const *faults = NULL;
	uint32_t n = list_of(r->root, "faults", &faults);

	if (n > TRIALS_MAX)
		return -E2BIG;
	r->trials = arena_alloc(&r->mem, ((size_t)n + 1) * sizeof(*r->trials));
	if (r->trials == NULL)
		return -ENOMEM;
	r->first = TIME_MAX;
	for (uint32_t i = 0; i < n; i++) {
		struct trial t = { .name = text_of(faults[i], "name"), .place = text_of(faults[i], "place"), .kind = text_of(faults[i], "kind"),
			.begin = number_of(faults[i], "from", 0), .end = number_of(faults[i], "to", TIME_MAX) };

		if (t.name == NULL || t.place == NULL || t.kind == NULL || !is(faults[i], "landed", "true"))
			continue;
		find_line(r, &t);
		r->first = FL_MIN(r->first, t.begin);
		r->last = FL_MAX(r->last, t.end);
		r->trials[r->trial_count++] = t;
	}
	return 0;
}

/* ---- what was found, and when ---- */

static void
add_finding(struct reading *r, int64_t begin, int64_t end)
{
	if (r->finding_count == SPANS_MAX)
		r->anytime = true;
	else
		r->findings[r->finding_count++] = (struct finding){ begin, end };
}

static void
read_audit(struct reading *r, const struct doc_node *audit)
{
	const struct doc_node *const *evidence = NULL;
	uint32_t n = list_of(audit, "evidence", &evidence);

	if (!is(audit, "verdict", "finding"))
		return;
	r->anytime = r->anytime || n == 0;
	for (uint32_t i = 0; i < n; i++) {
		int64_t begin = number_of(evidence[i], "from", -1), end = number_of(evidence[i], "to", -1);

		if (begin < 0 || end < 0)
			r->anytime = true;
		else
			add_finding(r, begin, end);
	}
}

static void
read_probe(struct reading *r, const struct doc_node *probe)
{
	const struct doc_node *const *failures = NULL;
	uint32_t n = list_of(probe, "failures", &failures);

	if (!is(probe, "held", "false") || !is(probe, "known", "true"))
		return;
	r->anytime = r->anytime || n == 0;
	for (uint32_t i = 0; i < n; i++)
		add_finding(r, number_of(failures[i], "at", 0), number_of(failures[i], "at", 0));
}

/* Of the audit of registers: from the first of the operations that show it to the last. */
static void
read_registers(struct reading *r, const struct doc_node *audit)
{
	const struct doc_node *const *evidence = NULL, *const *ops = NULL;
	uint32_t n = list_of(audit, "evidence", &evidence);

	if (!is(audit, "verdict", "invalid"))
		return;
	r->anytime = r->anytime || n == 0;
	for (uint32_t i = 0; i < n; i++) {
		uint32_t op_count = list_of(evidence[i], "operations", &ops);
		int64_t begin = TIME_MAX, end = 0;

		for (uint32_t k = 0; k < op_count; k++) {
			int64_t invoked = number_of(ops[k], "invoked", 0);

			begin = FL_MIN(begin, invoked);
			end = FL_MAX(end, number_of(ops[k], "completed", invoked));
		}
		if (op_count == 0)
			r->anytime = true;
		else
			add_finding(r, begin, end);
	}
}

static int
read_findings(struct reading *r)
{
	const struct doc_node *const *items = NULL;
	uint32_t n;

	r->findings = arena_alloc(&r->mem, SPANS_MAX * sizeof(*r->findings));
	if (r->findings == NULL)
		return -ENOMEM;
	n = list_of(r->root, "audits", &items);
	for (uint32_t i = 0; i < n; i++)
		read_audit(r, items[i]);
	n = list_of(r->root, "probes", &items);
	for (uint32_t i = 0; i < n; i++)
		read_probe(r, items[i]);
	n = list_of(r->root, "tolerances", &items);
	for (uint32_t i = 0; i < n; i++)
		r->anytime = r->anytime || (is(items[i], "held", "false") && is(items[i], "known", "true"));
	read_registers(r, doc_get(r->root, "audit"));
	/* What else can be found, a process that died for one, tells nothing but a reason. */
	r->anytime = r->anytime || r->finding_count == 0;
	return 0;
}

/* The faults that were there then; when none was, the last before. */
static void
blame(struct reading *r, const struct finding *f)
{
	struct trial *last = NULL;
	bool any = false;

	for (uint32_t i = 0; i < r->trial_count; i++) {
		struct trial *t = &r->trials[i];

		if (t->begin <= f->end && t->end >= f->begin) {
			t->fate = FATE_BROKE;
			any = true;
		} else if (t->end < f->begin && (last == NULL || t->end > last->end)) {
			last = t;
		}
	}
	if (!any && last != NULL)
		last->fate = FATE_BROKE;
}

static void
judge_broken(struct reading *r)
{
	for (uint32_t i = 0; i < r->trial_count; i++)
		r->trials[i].fate = r->anytime ? FATE_BROKE : FATE_UNTOLD;
	for (uint32_t i = 0; i < r->finding_count && !r->anytime; i++)
		blame(r, &r->findings[i]);
}

/* ---- did it get worse, did it recover ---- */

struct share {
	double bad, all;
};

static void
add_bucket(struct share *s, const struct doc_node *b)
{
	if (doc_get(b, "asked") != NULL) {
		double asked = (double)number_of(b, "asked", 0);

		s->bad += FL_MAX(asked - (double)number_of(b, "asked_ok", 0), 0);
		s->all += asked;
	} else {
		double bad = (double)number_of(b, "fail", 0) + (double)number_of(b, "info", 0);

		s->bad += bad;
		s->all += bad + (double)number_of(b, "ok", 0);
	}
}

/* Of the buckets whose middle is in begin..end; a time shorter than a bucket has that in which it begins. */
static struct share
share_of(const struct reading *r, int64_t begin, int64_t end)
{
	const struct doc_node *load = doc_get(r->root, "load"), *const *buckets = NULL;
	int64_t length = number_of(load, "bucket", 0);
	uint32_t n = list_of(load, "buckets", &buckets);
	struct share s = { 0 };

	for (uint32_t i = 0; i < n; i++) {
		int64_t at = number_of(buckets[i], "at", 0), middle = at + length / 2;

		if ((middle >= begin && middle <= end) || (end - begin < length && begin >= at && begin < at + length))
			add_bucket(&s, buckets[i]);
	}
	return s;
}

static bool
exceeds(struct share s, struct share base)
{
	return s.all > 0 && s.bad / s.all > (base.all > 0 ? base.bad / base.all : 0) + SLACK;
}

static int64_t
load_end(const struct reading *r)
{
	const struct doc_node *load = doc_get(r->root, "load"), *const *buckets = NULL;
	uint32_t n = list_of(load, "buckets", &buckets);

	return n == 0 ? 0 : number_of(buckets[n - 1], "at", 0) + number_of(load, "bucket", 0);
}

/* A request that a fault held up may fail after it: so long is what fails the fault's, until another is there. */
static int64_t
reach_of(const struct reading *r, const struct trial *t, int64_t rest)
{
	int64_t reach = rest;

	for (uint32_t i = 0; i < r->trial_count; i++) {
		const struct trial *o = &r->trials[i];

		if (o != t && o->end > t->end)
			reach = FL_MIN(reach, o->begin);
	}
	return FL_MAX(reach, t->end);
}

/* What failed before the faults is usual; recovered is who is there again in the second half of the time after them. */
static void
judge_held(struct reading *r)
{
	struct share before = { 0 }, after = { 0 };
	int64_t end = load_end(r), rest = r->last;

	if (r->first > 0)
		before = share_of(r, 0, r->first - 1);
	if (end > r->last) {
		rest = r->last + (end - r->last) / 2;
		after = share_of(r, rest, end);
	}
	for (uint32_t i = 0; i < r->trial_count; i++) {
		struct trial *t = &r->trials[i];

		if (!exceeds(share_of(r, t->begin, reach_of(r, t, rest)), before))
			t->fate = FATE_SURVIVED;
		else
			t->fate = after.all > 0 && !exceeds(after, before) ? FATE_HEALED : FATE_UNTOLD;
	}
}

/* ---- telling ---- */

static bool
same(const struct trial *a, const struct trial *b)
{
	return b->to != NULL && strcmp(a->from, b->from) == 0 && strcmp(a->to, b->to) == 0 && strcmp(a->kind, b->kind) == 0;
}

/* The run's directory, and the faults of other kinds or places that were there at the same time. */
static void
say_where(const struct reading *r, const struct trial *t, struct buf *out)
{
	const char *between = "; at once with ";

	buf_puts(out, r->run_dir);
	for (uint32_t i = 0; i < r->trial_count && buf_len(out) < 2048; i++) {
		const struct trial *o = &r->trials[i];

		if (o == t || o->begin > t->end || o->end < t->begin || (o->to != NULL && same(t, o)))
			continue;
		buf_printf(out, "%s%.200s on %.200s", between, o->name, o->place);
		between = ", ";
	}
}

static int
tell(const struct reading *r, const struct trial *t, enum fate fate, sight_fn *take, void *arg)
{
	static const enum coverage_outcome outcomes[] = { [FATE_SURVIVED] = COVERAGE_SURVIVED, [FATE_HEALED] = COVERAGE_HEALED,
		[FATE_BROKE] = COVERAGE_BROKE };
	char key[128];
	struct buf where;
	int rc;

	buf_init(&where, 8192);
	snprintf(key, sizeof(key), COVERAGE_KEY "%.100s", t->kind);
	say_where(r, t, &where);
	/* The line itself, too: traffic went over it. */
	rc = take(arg, &(struct sight){ .what = SIGHT_LINE, .source = TRIED_SOURCE, .where = r->run_dir, .first = r->when, .last = r->when,
		.from = t->from, .to = t->to });
	if (rc == 0)
		rc = take(arg, &(struct sight){ .what = SIGHT_FACT, .source = TRIED_SOURCE, .where = buf_str(&where), .first = r->when,
			.last = r->when, .from = t->from, .to = t->to, .key = key, .value = coverage_word(outcomes[fate]) });
	buf_fini(&where);
	return rc;
}

static int
tell_all(struct reading *r, sight_fn *take, void *arg, struct tried_counts *ret)
{
	int rc = 0;

	for (uint32_t i = 0; i < r->trial_count && rc == 0; i++) {
		struct trial *worst = &r->trials[i];

		if (worst->to == NULL || worst->told)
			continue;
		for (uint32_t k = i + 1; k < r->trial_count; k++) {
			struct trial *t = &r->trials[k];

			if (!same(&r->trials[i], t))
				continue;
			t->told = true;
			worst = t->fate > worst->fate ? t : worst;
		}
		ret->untold += worst->fate == FATE_UNTOLD;
		if (worst->fate == FATE_UNTOLD)
			continue;
		rc = tell(r, worst, worst->fate, take, arg);
		ret->facts++;
	}
	return rc;
}

/* ---- the document ---- */

static int
read_head(struct reading *r, const char *name, char *error)
{
	const char *started = text_of(r->root, "started"), *wrong = NULL;

	r->run_dir = text_of(r->root, "run_dir");
	if (doc_get(r->root, "variants") != NULL)
		wrong = "this is of several variants: take the report.json in the directory of each";
	else if (doc_get(r->root, "faults") == NULL || doc_get(r->root, "lines") == NULL || r->run_dir == NULL || text_of(r->root, "verdict") == NULL)
		wrong = "this is no whole report of a run: expected verdict, run_dir, faults and lines";
	else if (started == NULL || graph_when_parse(started, 0, &r->when) != 0 || r->when <= 0 || r->when > INT64_MAX / 2)
		wrong = "started: expected a time such as 2026-03-01T12:00:00Z";
	if (wrong != NULL) {
		snprintf(error, TRIED_ERROR, "%.300s: %s", name, wrong);
		return -EINVAL;
	}
	r->when += number_of(r->root, "duration", 0);
	r->found = is(r->root, "verdict", "finding");
	return 0;
}

static int
judge(struct reading *r)
{
	int rc = read_trials(r);

	if (rc != 0 || r->trial_count == 0)
		return rc;
	if (!r->found) {
		judge_held(r);
		return 0;
	}
	rc = read_findings(r);
	if (rc == 0)
		judge_broken(r);
	return rc;
}

int
tried_text(const char *name, const char *text, size_t n, sight_fn *take, void *arg, char *error, struct tried_counts *ret)
{
	struct reading r = { 0 };
	struct doc *doc = NULL;
	char why[JSON_ERROR_MAX] = "";
	int rc = json_parse(text, n, why, &doc);

	error[0] = '\0';
	*ret = (struct tried_counts){ 0 };
	if (rc != 0) {
		snprintf(error, TRIED_ERROR, "%.300s: %s", name, why);
		return rc;
	}
	arena_init(&r.mem, MEMORY);
	r.root = doc->root;
	rc = read_head(&r, name, error);
	if (rc == 0 && (r.found || is(r.root, "verdict", "held"))) {
		rc = judge(&r);
		if (rc != 0)
			snprintf(error, TRIED_ERROR, "%.300s: %s", name, rc == -E2BIG ? "it has too many faults" : "out of memory");
		else
			rc = tell_all(&r, take, arg, ret);
	}
	arena_fini(&r.mem);
	doc_free(doc);
	return rc;
}
