/* SPDX-License-Identifier: MIT */
/* lint.c - what is wrong with an estate before anything fails. */
#include "graph/lint.h"
#include "base/buf.h"
#include "base/units.h"
#include "graph/cron.h"
#include "graph/moment.h"
#include "graph/needs.h"
#include "graph/rto.h"
#include "graph/scc.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DAY (86400 * FL_SEC)
#define UNTESTED_AFTER (90 * DAY)
#define SKEW_MAX (3600 * FL_SEC)
#define CIRCLE_NAMES 12u
#define INVERSIONS_MAX 10000

struct linting {
	const struct estate *e;
	const struct lint_options *o;
	struct arena *keep, *scratch;
	struct buf findings;            /* of struct lint_finding */
	int64_t *point;                 /* by node: last recovery point; 0: none */
	bool *stateful;
	int rc;
};

static const char *const rule_words[] = {
#define X(id, word, error) word,
	LINT_RULES(X)
#undef X
};
static const bool rule_errors[] = {
#define X(id, word, error) error,
	LINT_RULES(X)
#undef X
};

const char *
lint_rule_word(enum lint_rule r)
{
	return rule_words[r];
}

bool
lint_rule_is_error(enum lint_rule r)
{
	return rule_errors[r];
}

static const char *
name_of(const struct linting *l, uint32_t v)
{
	return l->o->names != NULL ? l->o->names[v] : l->e->nodes[v].name;
}

static void found(struct linting *l, enum lint_rule rule, uint32_t node, uint32_t other, const char *subject, const char *fmt, ...)
    __attribute__((format(printf, 6, 7)));

static void
found(struct linting *l, enum lint_rule rule, uint32_t node, uint32_t other, const char *subject, const char *fmt, ...)
{
	struct lint_finding f = { .rule = rule, .node = node, .other = other, .subject = subject };
	char text[1024];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	f.text = arena_strdup(l->keep, text);
	if (f.text == NULL || buf_append(&l->findings, &f, sizeof(f)) != 0)
		l->rc = -ENOMEM;
}

/* ---- backups ---- */

static bool
is_true(const char *text)
{
	return text != NULL && (strcmp(text, "true") == 0 || strcmp(text, "yes") == 0 || strcmp(text, "1") == 0);
}

static bool
is_false(const char *text)
{
	return text != NULL && (strcmp(text, "false") == 0 || strcmp(text, "no") == 0 || strcmp(text, "0") == 0);
}

/* A fact that is a time, 0 when there is none. */
static int64_t
time_fact(const struct linting *l, uint32_t v, const char *key)
{
	const char *text = estate_node_text(l->e, v, key);
	int64_t when = 0;

	return text != NULL && moment_parse(text, &when) == 0 ? when : 0;
}

static bool
is_stateful(const struct estate *e, uint32_t v)
{
	const char *said = estate_node_text(e, v, "stateful");

	if (said != NULL)
		return is_true(said);
	return e->nodes[v].kind == SIGHT_DATASTORE || e->nodes[v].kind == SIGHT_BROKER;
}

static char *
say(char *buf, fl_ns d)
{
	/* Whole days, hours and minutes are told as such. */
	fl_ns unit = d >= 10 * DAY ? DAY : d >= 10 * 3600 * FL_SEC ? 3600 * FL_SEC : 60 * FL_SEC;

	return units_duration(buf, 40, d >= unit ? d / unit * unit : d);
}

static void
lint_schedule(struct linting *l, uint32_t v, fl_ns rpo)
{
	const char *text = estate_node_text(l->e, v, "backup.schedule"), *took = estate_node_text(l->e, v, "backup.seconds");
	fl_ns gap, lasts = took != NULL ? (fl_ns)(FL_MIN(FL_MAX(strtod(took, NULL), 0.0), 1e8) * 1e9) : 0;
	char a[40], b[40];
	struct cron c;

	if (text == NULL || time_fact(l, v, "backup.archived") != 0)
		return;
	if (cron_parse(text, &c) != 0) {
		found(l, LINT_BAD_SCHEDULE, v, ESTATE_NONE, name_of(l, v), "its backup schedule \"%.100s\" cannot be read", text);
		return;
	}
	gap = cron_longest_gap(&c);
	if (rpo == FL_NEVER || (gap != FL_NEVER && gap + lasts <= rpo))
		return;
	if (gap == FL_NEVER)
		found(l, LINT_SCHEDULE, v, ESTATE_NONE, name_of(l, v), "its backup schedule \"%.100s\" never runs twice; its RPO is %s", text,
		    say(b, rpo));
	else
		found(l, LINT_SCHEDULE, v, ESTATE_NONE, name_of(l, v), "backups by \"%.100s\" are up to %s apart, its RPO is %s", text,
		    say(a, gap + lasts), say(b, rpo));
}

static void
lint_backup(struct linting *l, uint32_t v)
{
	const struct estate *e = l->e;
	int64_t last = time_fact(l, v, "backup.last"), failed = time_fact(l, v, "backup.failed");
	int64_t verified = time_fact(l, v, "backup.verified");
	const char *bytes = estate_node_text(e, v, "backup.bytes"), *name = name_of(l, v), *ran = estate_node_text(e, v, "backup.ran");
	bool configured = estate_node_text(e, v, "backup.by") != NULL || estate_node_text(e, v, "backup.schedule") != NULL || ran != NULL ||
	    l->point[v] != 0 || failed != 0;
	fl_ns rpo = FL_NEVER, untested = l->o->untested_after > 0 ? l->o->untested_after : UNTESTED_AFTER;
	char a[40], b[40];

	estate_node_ns(e, v, ESTATE_FACT_RPO, &rpo);
	if (!configured || is_false(estate_node_text(e, v, "backup"))) {
		found(l, LINT_NO_BACKUP, v, ESTATE_NONE, name, "it keeps state and has no backup");
		return;
	}
	lint_schedule(l, v, rpo);
	if (l->point[v] == 0) {
		if (failed != 0 || is_false(estate_node_text(e, v, "backup.ok")))
			found(l, LINT_FAILED, v, ESTATE_NONE, name, "its last backup failed, and no good one is known");
		else
			found(l, LINT_NEVER_RAN, v, ESTATE_NONE, name, "a backup is configured and never ran");
		return;
	}
	if (is_true(estate_node_text(e, v, "backup.paused")))
		found(l, LINT_PAUSED, v, ESTATE_NONE, name, "its backups are paused");
	if (is_false(estate_node_text(e, v, "backup.ok")) || failed > last)
		found(l, LINT_FAILED, v, ESTATE_NONE, name, "its last backup failed");
	if (bytes != NULL && strcmp(bytes, "0") == 0)
		found(l, LINT_EMPTY, v, ESTATE_NONE, name, "its last backup holds nothing");
	if (rpo != FL_NEVER && l->o->now - l->point[v] > rpo)
		found(l, LINT_STALE, v, ESTATE_NONE, name, "its recovery point is %s old, its RPO is %s", say(a, l->o->now - l->point[v]),
		    say(b, rpo));
	if (verified == 0)
		found(l, LINT_UNTESTED, v, ESTATE_NONE, name, "restoring its backup was never tested");
	else if (l->o->now - verified > untested)
		found(l, LINT_UNTESTED, v, ESTATE_NONE, name, "restoring its backup was last tested %s ago", say(a, l->o->now - verified));
}

/* ---- functions ---- */

/* Stores that an entry of the function needs, directly or not. */
static void
reach(const struct needs *n, const struct functions *f, uint32_t function, uint32_t *queue, uint32_t *seen)
{
	uint32_t count = 0, mark = function + 1;

	for (uint32_t i = f->entry_at[function]; i < f->entry_at[function + 1]; i++)
		if (seen[f->entries[i]] != mark) {
			seen[f->entries[i]] = mark;
			queue[count++] = f->entries[i];
		}
	for (uint32_t i = 0; i < count; i++) {
		for (uint32_t k = n->dep_at[queue[i]]; k < n->dep_at[queue[i] + 1]; k++) {
			uint32_t id = needs_id(n->dep[k]), group = needs_tag(n->dep[k]) == NEEDS_GROUP;
			const uint32_t *to = group ? n->members + n->groups[id].first : &id;
			uint32_t to_count = group ? n->groups[id].count : 1;

			for (uint32_t j = 0; j < to_count; j++)
				if (seen[to[j]] != mark) {
					seen[to[j]] = mark;
					queue[count++] = to[j];
				}
		}
	}
}

static void
judge_function(struct linting *l, const struct functions *f, uint32_t i, const uint32_t *seen, struct lint_function *ret)
{
	int64_t early = INT64_MAX, late = 0;
	char a[40], b[40];

	*ret = (struct lint_function){ .name = f->names[i], .rpo = FL_NEVER, .worst = ESTATE_NONE };
	for (uint32_t k = f->entry_at[i]; k < f->entry_at[i + 1]; k++) {
		fl_ns rpo;

		if (estate_node_ns(l->e, f->entries[k], ESTATE_FACT_RPO, &rpo) == 0)
			ret->rpo = FL_MIN(ret->rpo, rpo);
	}
	for (uint32_t v = 0; v < l->e->node_count; v++) {
		if (seen[v] != i + 1 || !l->stateful[v])
			continue;
		ret->stores++;
		if (l->point[v] < early) {
			early = l->point[v];
			ret->worst = v;
		}
		late = FL_MAX(late, l->point[v]);
	}
	if (ret->stores == 0)
		return;
	ret->exposure = early == 0 ? FL_NEVER : l->o->now - early;
	ret->skew = early == 0 ? FL_NEVER : late - early;
	if (ret->rpo != FL_NEVER && ret->exposure == FL_NEVER)
		found(l, LINT_FUNCTION_RPO, ESTATE_NONE, ret->worst, ret->name, "its RPO is %s, but %.100s has no recovery point",
		    say(b, ret->rpo), name_of(l, ret->worst));
	else if (ret->rpo != FL_NEVER && ret->exposure > ret->rpo)
		found(l, LINT_FUNCTION_RPO, ESTATE_NONE, ret->worst, ret->name, "its RPO is %s, but with %.100s it would lose %s",
		    say(b, ret->rpo), name_of(l, ret->worst), say(a, ret->exposure));
	if (ret->stores > 1 && ret->skew != FL_NEVER && ret->skew > (l->o->skew_max > 0 ? l->o->skew_max : SKEW_MAX))
		found(l, LINT_SKEW, ESTATE_NONE, ret->worst, ret->name, "restored, its stores would be %s apart; %.100s is the oldest",
		    say(a, ret->skew), name_of(l, ret->worst));
}

static int
lint_functions(struct linting *l, struct lint *ret)
{
	const struct needs_view view = { .phase = SIGHT_RUNTIME };
	uint32_t *queue = arena_alloc(l->scratch, (l->e->node_count + 1) * sizeof(*queue));
	uint32_t *seen = arena_alloc(l->scratch, (l->e->node_count + 1) * sizeof(*seen));
	struct lint_function *all;
	struct functions f;
	struct needs *n;
	int rc = needs_of_estate(l->e, &view, l->scratch, l->scratch, &n);

	if (rc == 0)
		rc = functions_of_estate(l->e, l->keep, l->scratch, &f);
	if (rc != 0 || queue == NULL || seen == NULL)
		return rc != 0 ? rc : -ENOMEM;
	all = arena_alloc(l->keep, (f.count + 1) * sizeof(*all));
	if (all == NULL)
		return -ENOMEM;
	for (uint32_t i = 0; i < f.count; i++) {
		reach(n, &f, i, queue, seen);
		judge_function(l, &f, i, seen, &all[i]);
	}
	ret->functions = all;
	ret->function_count = f.count;
	return 0;
}

/* ---- lines ---- */

static void
lint_line(struct linting *l, const struct estate_line *line)
{
	const struct estate *e = l->e;
	const char *assumed = (line->assumed & ESTATE_ASSUMED_STRENGTH) != 0 ? " (hard is assumed)" : "", *to = name_of(l, line->to);
	int64_t tier[2];

	if (estate_node_number(e, line->from, ESTATE_FACT_TIER, &tier[0]) == 0 && estate_node_number(e, line->to, ESTATE_FACT_TIER, &tier[1]) == 0 &&
	    tier[0] < tier[1])
		found(l, LINT_TIER, line->from, line->to, name_of(l, line->from), "tier %lld leans hard on %.100s of tier %lld%s",
		    (long long)tier[0], to, (long long)tier[1], assumed);
}

static void
lint_lines(struct linting *l)
{
	for (uint32_t i = 0; i < l->e->line_count; i++) {
		const struct estate_line *line = &l->e->lines[i];

		if (!line->grouped && line->strength == SIGHT_HARD && line->from != line->to)
			lint_line(l, line);
	}
}

static int
lint_objectives(struct linting *l)
{
	const struct needs_view view = { .phase = SIGHT_STARTUP, .hard_only = true };
	struct rto_inversion *all = arena_alloc(l->scratch, INVERSIONS_MAX * sizeof(*all));
	struct needs *n;
	int64_t count;
	int rc = needs_of_estate(l->e, &view, l->scratch, l->scratch, &n);

	if (rc != 0 || all == NULL)
		return rc != 0 ? rc : -ENOMEM;
	count = rto_inversions(l->e, n, l->scratch, all, INVERSIONS_MAX);
	for (int64_t i = 0; i < FL_MIN(count, INVERSIONS_MAX); i++) {
		char a[40], b[40];

		found(l, LINT_RTO, all[i].node, all[i].need, name_of(l, all[i].node), "its RTO of %s cannot be met: it needs %.100s, whose RTO is %s",
		    say(a, all[i].rto), name_of(l, all[i].need), say(b, all[i].promise));
	}
	return count < 0 ? (int)count : 0;
}

static int
lint_circles(struct linting *l)
{
	const struct estate *e = l->e;
	uint32_t n = e->node_count, count = 0, rows = 0;
	uint32_t *at = arena_alloc(l->scratch, (n + 1) * sizeof(*at)), *to = arena_alloc(l->scratch, (e->line_count + 1) * sizeof(*to));
	uint32_t *component = arena_alloc(l->scratch, (n + 1) * sizeof(*component)), *size;

	if (at == NULL || to == NULL || component == NULL)
		return -ENOMEM;
	for (uint32_t v = 0; v < n; v++) {
		at[v] = rows;
		for (uint32_t k = e->out[v]; k < e->out[v + 1]; k++)
			if (e->lines[k].strength == SIGHT_HARD && !e->lines[k].grouped && e->lines[k].to != v)
				to[rows++] = e->lines[k].to;
	}
	at[n] = rows;
	if (scc_find(l->scratch, n, at, to, component, &count) != 0 || (size = arena_alloc(l->scratch, (count + 1) * sizeof(*size))) == NULL)
		return -ENOMEM;
	for (uint32_t v = 0; v < n; v++)
		size[component[v]]++;
	for (uint32_t i = 0; i < n; i++) {
		uint32_t v = e->by_name[i], of = size[component[v]], told = 0;
		struct buf text;

		if (of < 2)
			continue;
		buf_init(&text, 4096);
		for (uint32_t k = i; k < n && told < CIRCLE_NAMES; k++)
			if (component[e->by_name[k]] == component[v])
				buf_printf(&text, "%s%.100s", told++ > 0 ? ", " : "", name_of(l, e->by_name[k]));
		found(l, LINT_CYCLE, v, ESTATE_NONE, name_of(l, v), "%u services need each other to run: %s%s", of, buf_str(&text),
		    told < of ? ", ..." : "");
		size[component[v]] = 0;
		buf_fini(&text);
	}
	return 0;
}

static void
lint_owners(struct linting *l)
{
	for (uint32_t i = 0; i < l->e->node_count; i++) {
		uint32_t v = l->e->by_name[i];
		enum sight_kind kind = l->e->nodes[v].kind;
		const char *owner = estate_node_text(l->e, v, ESTATE_FACT_OWNER);

		if (kind == SIGHT_EXTERNAL || kind == SIGHT_USER || kind == SIGHT_HOST || kind == SIGHT_GROUPING)
			continue;
		if (owner != NULL && owner[0] != '\0')
			continue;
		found(l, LINT_NO_OWNER, v, ESTATE_NONE, name_of(l, v), l->stateful[v] ? "it keeps state and nobody owns it" : "nobody owns it");
	}
}

/* ---- all of it ---- */

static int
by_rule(const void *pa, const void *pb)
{
	const struct lint_finding *a = pa, *b = pb;
	int order = (int)a->rule - (int)b->rule;

	if (order == 0)
		order = strcmp(a->subject, b->subject);
	return order != 0 ? order : strcmp(a->text, b->text);
}

static int
gather(struct linting *l, struct lint *ret)
{
	const struct estate *e = l->e;
	int rc;

	l->point = arena_alloc(l->scratch, (e->node_count + 1) * sizeof(*l->point));
	l->stateful = arena_alloc(l->scratch, e->node_count + 1);
	if (l->point == NULL || l->stateful == NULL)
		return -ENOMEM;
	for (uint32_t v = 0; v < e->node_count; v++) {
		l->stateful[v] = is_stateful(e, v);
		l->point[v] = FL_MAX(time_fact(l, v, "backup.last"), time_fact(l, v, "backup.archived"));
	}
	for (uint32_t v = 0; v < e->node_count; v++)
		if (l->stateful[v])
			lint_backup(l, v);
	rc = lint_functions(l, ret);
	if (rc == 0)
		rc = lint_objectives(l);
	if (rc == 0)
		rc = lint_circles(l);
	lint_lines(l);
	lint_owners(l);
	return rc == 0 ? l->rc : rc;
}

int
lint_run(const struct estate *e, const struct lint_options *o, struct arena *keep, struct arena *scratch, struct lint *ret)
{
	struct linting l = { .e = e, .o = o, .keep = keep, .scratch = scratch };
	struct lint answer = { .finding_count = 0 };
	struct lint_finding *all;
	int rc;

	buf_init(&l.findings, (size_t)1 << 32);
	rc = gather(&l, &answer);
	answer.finding_count = (uint32_t)(buf_len(&l.findings) / sizeof(*all));
	all = rc == 0 ? arena_alloc(keep, buf_len(&l.findings) + 1) : NULL;
	if (all != NULL) {
		memcpy(all, buf_data(&l.findings), buf_len(&l.findings));
		qsort(all, answer.finding_count, sizeof(*all), by_rule);
		for (uint32_t i = 0; i < answer.finding_count; i++)
			answer.errors += lint_rule_is_error(all[i].rule);
		answer.findings = all;
		*ret = answer;
	}
	buf_fini(&l.findings);
	return rc == 0 && all == NULL ? -ENOMEM : rc;
}
