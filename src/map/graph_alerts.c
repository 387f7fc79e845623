/* SPDX-License-Identifier: MIT */
/* graph_alerts.c - lines that somebody should look at. */
#include "map/graph_alerts.h"
#include "base/map.h"
#include "graph/drift.h"
#include "map/graph_map.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DAY (86400 * FL_SEC)
#define AGE_MIN (7 * DAY)
#define GONE (1 * DAY)
#define UNSEEN_MAX 0.01
#define HOLD (60 * FL_SEC)              /* an address is given so long to become a name */
#define HABIT 0.5                       /* seen in so many windows: it is missed when it is not there */
#define HABIT_WINDOWS 3u
#define ACK_DEFAULT (30 * DAY)
#define BASELINE "baseline"
#define ACK "ack"

struct alerting {
	struct graph_ask *a;
	struct graph_map m;
	struct drift_rule *rules;
	struct past_learning learned;
	int64_t now, baseline;          /* 0: as learned */
	int64_t baseline_known;         /* > 0: what was known then is not new */
	fl_ns gone;
	struct buf habits;              /* of struct past_habit, texts in m.keep */
	struct map acks;                /* id -> something, of those that hold */
};

static const char *const kind_words[] = {
#define X(id, word, severity) word,
	GRAPH_ALERT_KINDS(X)
#undef X
};
static const char *const kind_severities[] = {
#define X(id, word, severity) severity,
	GRAPH_ALERT_KINDS(X)
#undef X
};

const char *
graph_alert_word(enum graph_alert_kind k)
{
	return kind_words[k];
}

/* ---- what is known ---- */

static int
take_habit(void *arg, const struct past_habit *h)
{
	struct alerting *t = arg;
	struct past_habit own = *h;

	own.from = arena_strdup(&t->m.keep, h->from);
	own.from_space = arena_strdup(&t->m.keep, h->from_space);
	own.to = arena_strdup(&t->m.keep, h->to);
	own.to_space = arena_strdup(&t->m.keep, h->to_space);
	own.protocol = arena_strdup(&t->m.keep, h->protocol);
	own.source = arena_strdup(&t->m.keep, h->source);
	return t->m.keep.overflowed ? -ENOMEM : buf_append(&t->habits, &own, sizeof(own));
}

static int
take_ack(void *arg, const char *key, int64_t made, int64_t until, const char *body)
{
	struct alerting *t = arg;

	(void)made, (void)body;
	return until > t->now ? map_put(&t->acks, key, t, NULL) : 0;
}

static int
take_baseline(void *arg, const char *key, int64_t made, int64_t until, const char *body)
{
	struct alerting *t = arg;

	(void)key, (void)until, (void)body;
	t->baseline_known = made;
	return 0;
}

static int
learn(struct alerting *t, struct graph_reply *r)
{
	struct past_habits_opts o = { .age_min = AGE_MIN, .unseen_max = UNSEEN_MAX };
	const char *unseen = graph_ask_text(t->a, "unseen");
	char *end;
	int rc;

	t->now = t->a->now;
	t->gone = GONE;
	rc = graph_ask_when(t->a, r, "at", &t->now);
	if (rc == 0)
		rc = graph_ask_when(t->a, r, "baseline", &t->baseline);
	if (rc == 0)
		rc = graph_ask_duration(t->a, r, "learn", &o.age_min);
	if (rc == 0)
		rc = graph_ask_duration(t->a, r, "gone", &t->gone);
	if (rc == 0 && unseen != NULL) {
		o.unseen_max = strtod(unseen, &end);
		if (end == unseen || *end != '\0' || !(o.unseen_max > 0 && o.unseen_max <= 1))
			rc = graph_reply_fail(r, -EINVAL, "unseen: found \"%.40s\", expected a share such as 0.01", unseen);
	}
	if (rc != 0)
		return rc;
	o.now = t->now;
	o.recent = t->gone;
	rc = past_habits(t->a->past, &o, &t->learned, take_habit, t);
	if (rc == 0)
		rc = past_notes(t->a->past, ACK, take_ack, t);
	if (rc == 0 && t->baseline == 0)
		rc = past_notes(t->a->past, BASELINE, take_baseline, t);
	return rc == 0 ? 0 : graph_reply_past(r, rc, t->a->past);
}

/* ---- one line ---- */

static bool
is_address(const char *name)
{
	return name[0] == '[' || (name[strspn(name, "0123456789.")] == '\0' && strchr(name, '.') != NULL) ||
	    (strchr(name, ':') != NULL && name[strspn(name, "0123456789.:abcdef")] == '\0');
}

/* Since when is a line new? */
static bool
is_new(const struct alerting *t, const struct past_habit *h)
{
	if (h->first > t->now)
		return false;
	if (is_address(h->to) && t->now - h->first < HOLD)
		return false;
	if (t->baseline != 0)
		return h->first > t->baseline;
	if (t->baseline_known != 0)
		return h->known > t->baseline_known;
	return t->learned.complete != 0 && h->first >= t->learned.complete;
}

static bool
is_vanished(const struct alerting *t, const struct past_habit *h)
{
	uint32_t since = h->windows_since, silent = (uint32_t)FL_MAX((t->now - h->last) / t->learned.width, 0);

	/* While it was there, it was there more often than not; its client still is. */
	if (t->now - h->last < t->gone || !h->client_seen || since <= silent)
		return false;
	return h->windows >= HABIT_WINDOWS && h->windows >= HABIT * (since - silent);
}

static uint32_t
node_of(const struct alerting *t, const char *name, const char *space)
{
	return estate_find(t->m.e, name, space[0] != '\0' ? space : NULL);
}

static int64_t
tier_of(const struct alerting *t, uint32_t node)
{
	int64_t tier;

	return node != ESTATE_NONE && estate_node_number(t->m.e, node, ESTATE_FACT_TIER, &tier) == 0 ? tier : INT64_MAX;
}

/* What is wrong with it? -1: nothing. */
static int
judge(const struct alerting *t, const struct past_habit *h, uint32_t from, uint32_t to, uint32_t *ret_rule)
{
	const char *from_name = from != ESTATE_NONE ? t->m.names[from] : h->from;
	const char *to_name = to != ESTATE_NONE ? t->m.names[to] : h->to;
	int64_t a = tier_of(t, from), b = tier_of(t, to);

	*ret_rule = drift_denied(t->rules, t->m.rule_count, from_name, to_name);
	if (*ret_rule != ESTATE_NONE)
		return GRAPH_ALERT_FORBIDDEN;
	if (is_vanished(t, h))
		return GRAPH_ALERT_VANISHED;
	if (!is_new(t, h) || h->declared)
		return -1;
	return a != INT64_MAX && b != INT64_MAX && a < b ? GRAPH_ALERT_TIER : GRAPH_ALERT_NEW;
}

static const char *
severity_of(const struct alerting *t, int kind, uint32_t to)
{
	bool external = to != ESTATE_NONE && t->m.e->nodes[to].kind == SIGHT_EXTERNAL;

	if (kind == GRAPH_ALERT_NEW && (external || tier_of(t, to) <= 1))
		return "warning";
	return kind_severities[kind];
}

static int
tell_habit(struct alerting *t, const struct past_habit *h, graph_alert_fn *fn, void *arg)
{
	uint32_t from = node_of(t, h->from, h->from_space), to = node_of(t, h->to, h->to_space), rule;
	int kind = judge(t, h, from, to, &rule);
	struct graph_alert alert = { .from = from != ESTATE_NONE ? t->m.names[from] : h->from, .to = to != ESTATE_NONE ? t->m.names[to] : h->to,
		.source = h->source, .first = h->first, .last = h->last, .count = h->count };
	struct arena *keep = &t->m.keep;

	if (kind < 0)
		return 0;
	alert.kind = (enum graph_alert_kind)kind;
	alert.id = arena_printf(keep, "%s -> %s", alert.from, alert.to);
	alert.severity = severity_of(t, kind, to);
	switch (alert.kind) {
	case GRAPH_ALERT_FORBIDDEN:
		alert.text = arena_printf(keep, "%s calls %s, which \"deny %s -> %s\" forbids", alert.from, alert.to, t->m.rules[rule].from,
		    t->m.rules[rule].to);
		break;
	case GRAPH_ALERT_TIER:
		alert.text = arena_printf(keep, "%s of tier %lld has begun to call %s of tier %lld", alert.from, (long long)tier_of(t, from),
		    alert.to, (long long)tier_of(t, to));
		break;
	case GRAPH_ALERT_NEW:
		alert.text = arena_printf(keep, "%s has begun to call %s", alert.from, alert.to);
		break;
	default:
		alert.text = arena_printf(keep, "%s does not call %s any more", alert.from, alert.to);
	}
	if (alert.id == NULL || alert.text == NULL)
		return -ENOMEM;
	alert.acknowledged = map_get(&t->acks, alert.id) != NULL;
	return fn(arg, &alert);
}

/* ---- all ---- */

static int
each(struct alerting *t, struct graph_reply *r, graph_alert_fn *fn, void *arg)
{
	const struct past_habit *habits;
	size_t n;
	int rc = graph_map_init(&t->m, t->a, r);

	if (rc == 0)
		rc = learn(t, r);
	if (rc != 0)
		return rc;
	t->rules = arena_alloc(&t->m.scratch, (t->m.rule_count + 1) * sizeof(*t->rules));
	habits = (const void *)buf_data(&t->habits);
	n = buf_len(&t->habits) / sizeof(*habits);
	if (t->rules == NULL)
		return graph_reply_fail(r, -ENOMEM, "out of memory");
	for (uint32_t i = 0; i < t->m.rule_count; i++)
		t->rules[i] = (struct drift_rule){ t->m.rules[i].from, t->m.rules[i].to, strcmp(t->m.rules[i].verdict, "allow") != 0 };
	for (size_t i = 0; i < n && rc == 0; i++)
		rc = tell_habit(t, &habits[i], fn, arg);
	return rc;
}

static void
alerting_init(struct alerting *t, struct graph_ask *a)
{
	*t = (struct alerting){ .a = a };
	buf_init(&t->habits, (size_t)1 << 32);
	map_init(&t->acks, 0, 0);
}

static void
alerting_fini(struct alerting *t)
{
	buf_fini(&t->habits);
	map_fini(&t->acks);
	graph_map_fini(&t->m);
}

int
graph_alerts_each(struct graph_ask *a, struct graph_reply *r, graph_alert_fn *fn, void *arg)
{
	struct alerting t;
	int rc;

	alerting_init(&t, a);
	rc = each(&t, r, fn, arg);
	alerting_fini(&t);
	return rc;
}

struct listing {
	struct jsonw *w;
	bool acknowledged;
	unsigned count;
};

static int
put_alert(void *arg, const struct graph_alert *alert)
{
	struct listing *l = arg;
	struct jsonw *w = l->w;

	if (alert->acknowledged != l->acknowledged)
		return 0;
	l->count++;
	jsonw_object(w);
	jsonw_str(w, "kind", kind_words[alert->kind]);
	jsonw_str(w, "severity", alert->severity);
	jsonw_str(w, "from", alert->from);
	jsonw_str(w, "to", alert->to);
	jsonw_str(w, "text", alert->text);
	graph_put_text(w, "source", alert->source);
	graph_put_when(w, "first", alert->first);
	graph_put_when(w, "last", alert->last);
	jsonw_num(w, "count", (int64_t)alert->count);
	jsonw_end(w);
	return 0;
}

static void
put_learning(struct jsonw *w, const struct alerting *t)
{
	const struct past_learning *l = &t->learned;

	jsonw_key(w, "learning");
	jsonw_object(w);
	jsonw_flag(w, "complete", t->baseline != 0 || t->baseline_known != 0 || l->complete != 0);
	graph_put_when(w, "since", l->start);
	graph_put_when(w, "complete_since", t->baseline != 0 ? t->baseline : t->baseline_known != 0 ? t->baseline_known : l->complete);
	jsonw_key(w, "unseen_mass");
	jsonw_float(w, l->unseen);
	jsonw_num(w, "seen_once", (int64_t)l->once);
	jsonw_num(w, "observations", (int64_t)l->observations);
	jsonw_num(w, "windows", l->windows);
	jsonw_end(w);
}

int
graph_alerts(struct graph_ask *a, struct graph_reply *r)
{
	struct listing l = { .w = &r->w };
	struct alerting t;
	int rc;

	alerting_init(&t, a);
	jsonw_object(&r->w);
	jsonw_key(&r->w, "alerts");
	jsonw_array(&r->w);
	rc = each(&t, r, put_alert, &l);
	jsonw_end(&r->w);
	r->finding = l.count > 0;
	if (rc == 0) {
		const struct past_habit *habits = (const void *)buf_data(&t.habits);

		l.acknowledged = true;
		jsonw_key(&r->w, "acknowledged");
		jsonw_array(&r->w);
		for (size_t i = 0; i < buf_len(&t.habits) / sizeof(*habits) && rc == 0; i++)
			rc = tell_habit(&t, &habits[i], put_alert, &l);
		jsonw_end(&r->w);
		put_learning(&r->w, &t);
	}
	jsonw_end(&r->w);
	alerting_fini(&t);
	return rc;
}

/* ---- acknowledgements ---- */

struct acking {
	struct graph_ask *a;
	struct graph_reply *r;
	int64_t until;
	const char *why;
	unsigned count;
};

static int
ack_one(struct acking *k, const char *id)
{
	int rc = past_note_set(k->a->past, ACK, id, k->a->now, k->until, k->why);

	if (rc != 0)
		return graph_reply_past(k->r, rc, k->a->past);
	k->count++;
	jsonw_string(&k->r->w, id);
	return 0;
}

static int
ack_alert(void *arg, const struct graph_alert *alert)
{
	return alert->acknowledged ? 0 : ack_one(arg, alert->id);
}

static int
list_ack(void *arg, const char *key, int64_t made, int64_t until, const char *body)
{
	struct acking *k = arg;
	struct jsonw *w = &k->r->w;

	if (until <= k->a->now)
		return 0;
	jsonw_object(w);
	jsonw_str(w, "line", key);
	graph_put_when(w, "since", made);
	graph_put_when(w, "until", until);
	graph_put_text(w, "why", body);
	jsonw_end(w);
	return 0;
}

/* "a -> b" as alerts name it. */
static int
ack_word(struct acking *k)
{
	const struct graph_ask *a = k->a;
	struct graph_map m;
	char id[8300];
	uint32_t line;
	int rc = graph_map_init(&m, a, k->r);

	if (rc == 0)
		rc = graph_map_line(&m, a, k->r, &line);
	if (rc == 0) {
		snprintf(id, sizeof(id), "%s -> %s", m.names[m.e->lines[line].from], m.names[m.e->lines[line].to]);
		if (graph_ask_has(a, "drop")) {
			rc = past_note_drop(a->past, ACK, id);
			if (rc == -ENOENT)
				graph_reply_fail(k->r, rc, "%.200s is not acknowledged", id);
			else if (rc != 0)
				graph_reply_past(k->r, rc, a->past);
			else
				jsonw_string(&k->r->w, id);
		} else {
			rc = ack_one(k, id);
		}
	}
	graph_map_fini(&m);
	return rc;
}

static int
set_baseline(struct acking *k)
{
	int64_t when = k->a->now;
	int rc = graph_ask_when(k->a, k->r, "baseline", &when);

	if (rc == 0 && (rc = past_note_set(k->a->past, BASELINE, "all", when, PAST_FOREVER, k->why)) != 0)
		rc = graph_reply_past(k->r, rc, k->a->past);
	if (rc == 0) {
		jsonw_object(&k->r->w);
		graph_put_when(&k->r->w, "baseline", when);
		jsonw_end(&k->r->w);
	}
	return rc;
}

int
graph_ack(struct graph_ask *a, struct graph_reply *r)
{
	struct acking k = { .a = a, .r = r, .why = graph_ask_text(a, "why") != NULL ? graph_ask_text(a, "why") : "" };
	fl_ns lasts = ACK_DEFAULT;
	int rc = graph_ask_duration(a, r, "for", &lasts);

	if (rc != 0)
		return rc;
	k.until = a->now + lasts;
	if (graph_ask_text(a, "baseline") != NULL)
		return set_baseline(&k);
	jsonw_object(&r->w);
	jsonw_key(&r->w, a->word_count == 0 && !graph_ask_has(a, "all") ? "acknowledged" : graph_ask_has(a, "drop") ? "dropped" : "acknowledged");
	jsonw_array(&r->w);
	if (a->word_count > 0)
		rc = ack_word(&k);
	else if (graph_ask_has(a, "all"))
		rc = graph_alerts_each(a, r, ack_alert, &k);
	else if ((rc = past_notes(a->past, ACK, list_ack, &k)) != 0)
		rc = graph_reply_past(r, rc, a->past);
	jsonw_end(&r->w);
	jsonw_end(&r->w);
	return rc;
}
