/* SPDX-License-Identifier: MIT */
/*
 * http_doc_policies.c - the policies of an HTTP line or route.
 *
 * Each kind may be a map of what differs from its defaults, true (the defaults), false (none), or the one value that matters
 * most: `retry: 3`, `bulkhead: 100`, `rate_limit: 100/s`, `hedge: p95`, `timeout: 3s`.
 */
#include "conf/http_doc_policies.h"
#include "conf/http_doc_retry.h"
#include "conf/http_doc_fallback.h"
#include "conf/http_field.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DAY ((double)(86400 * FL_SEC))
#define NUMBER(struct_, key, member, min, max) { key, HTTP_FIELD_NUMBER, HTTP_FIELD_AT(struct_, member), min, max, NULL }
#define TIME(struct_, key, member, min) { key, HTTP_FIELD_NS, HTTP_FIELD_AT(struct_, member), min, DAY, NULL }
#define ENFORCE(struct_) { "enforce", HTTP_FIELD_ENFORCE, HTTP_FIELD_AT(struct_, o.enforce), 0, 1, NULL }
#define RATIO(struct_, key, member, min, max) { key, HTTP_FIELD_SHARE, HTTP_FIELD_AT(struct_, member), min, max, NULL }

static const char *const per_words[] = { "instance", "route", NULL };
static const char *const mode_words[] = { "auto", "forced_open", "disabled", NULL };

static const struct http_field timeout_fields[] = {
	TIME(struct http_timeouts, "total", total, 0),
	TIME(struct http_timeouts, "queue", queue, 0),
	TIME(struct http_timeouts, "connect", connect, 0),
	TIME(struct http_timeouts, "first_byte", first_byte, 0),
	TIME(struct http_timeouts, "per_try", per_try, 0),
	TIME(struct http_timeouts, "idle", idle, 0),
	HTTP_FIELD_END
};
const struct http_field http_doc_policies_breaker[] = {
	{ "per", HTTP_FIELD_CHOICE, HTTP_FIELD_AT(struct http_ask_breaker, per), 0, 0, per_words },
	{ "mode", HTTP_FIELD_CHOICE, HTTP_FIELD_AT(struct http_ask_breaker, mode), 0, 0, mode_words },
	TIME(struct http_ask_breaker, "window", o.window, 100 * FL_MS),
	NUMBER(struct http_ask_breaker, "window_calls", o.count, 0, FL_BREAKER_COUNT_MAX),
	RATIO(struct http_ask_breaker, "failure_rate", o.failure_rate, 0.001, 1),
	NUMBER(struct http_ask_breaker, "min_calls", o.volume_min, 1, 1000000),
	RATIO(struct http_ask_breaker, "confidence", o.confidence, 0, 0.9999),
	TIME(struct http_ask_breaker, "slow", o.slow_after, 0),
	RATIO(struct http_ask_breaker, "slow_rate", o.slow_rate, 0.001, 1),
	TIME(struct http_ask_breaker, "open", o.open, FL_MS),
	TIME(struct http_ask_breaker, "open_max", o.open_max, FL_MS),
	RATIO(struct http_ask_breaker, "jitter", o.jitter, 0, 1),
	TIME(struct http_ask_breaker, "stable", o.stable, 0),
	NUMBER(struct http_ask_breaker, "probes", o.probes, 1, FL_BREAKER_PROBES_MAX),
	NUMBER(struct http_ask_breaker, "successes", o.successes, 1, 1000),
	TIME(struct http_ask_breaker, "lease", o.lease, 0),
	{ "overload_fails", HTTP_FIELD_BOOL, HTTP_FIELD_AT(struct http_ask_breaker, o.overload_fails), 0, 0, NULL },
	ENFORCE(struct http_ask_breaker),
	HTTP_FIELD_END
};
const struct http_field http_doc_policies_bulkhead[] = {
	NUMBER(struct http_ask_bulkhead, "max", o.max, 1, 1000000),
	NUMBER(struct http_ask_bulkhead, "queue", o.queue, 0, 1000000),
	TIME(struct http_ask_bulkhead, "target", o.target, FL_US),
	TIME(struct http_ask_bulkhead, "interval", o.interval, FL_MS),
	TIME(struct http_ask_bulkhead, "lifo_after", o.lifo_after, FL_MS),
	TIME(struct http_ask_bulkhead, "expected", o.expected, 0),
	ENFORCE(struct http_ask_bulkhead),
	HTTP_FIELD_END
};
const struct http_field http_doc_policies_rate[] = {
	{ "rate", HTTP_FIELD_RATE, HTTP_FIELD_AT(struct http_ask_rate, o.rate), 0.001, 1e9, NULL },
	{ "burst", HTTP_FIELD_FLOAT, HTTP_FIELD_AT(struct http_ask_rate, o.burst), 1, 1e9, NULL },
	ENFORCE(struct http_ask_rate),
	HTTP_FIELD_END
};
const struct http_field http_doc_policies_adaptive[] = {
	NUMBER(struct http_ask_adaptive, "min", o.min, 1, 1000000),
	NUMBER(struct http_ask_adaptive, "initial", o.initial, 1, 1000000),
	NUMBER(struct http_ask_adaptive, "max", o.max, 1, 1000000),
	{ "tolerance", HTTP_FIELD_FLOAT, HTTP_FIELD_AT(struct http_ask_adaptive, o.tolerance), 1, 100, NULL },
	TIME(struct http_ask_adaptive, "window", o.window, FL_MS),
	NUMBER(struct http_ask_adaptive, "min_samples", o.samples_min, 1, 64),
	RATIO(struct http_ask_adaptive, "backoff", o.backoff, 0.01, 0.99),
	RATIO(struct http_ask_adaptive, "smoothing", o.smoothing, 0.01, 1),
	ENFORCE(struct http_ask_adaptive),
	HTTP_FIELD_END
};
const struct http_field http_doc_policies_shed[] = {
	TIME(struct http_ask_shed, "target", o.target, 0),
	TIME(struct http_ask_shed, "window", o.window, FL_MS),
	RATIO(struct http_ask_shed, "step_down", o.step_down, 0.001, 1),
	RATIO(struct http_ask_shed, "step_up", o.step_up, 0.001, 1),
	{ "accepts", HTTP_FIELD_FLOAT, HTTP_FIELD_AT(struct http_ask_shed, o.k), 0, 1000, NULL },
	TIME(struct http_ask_shed, "accepts_window", o.k_window, FL_SEC),
	ENFORCE(struct http_ask_shed),
	HTTP_FIELD_END
};
static const struct http_field single_fields[] = {
	{ "pass_deadline", HTTP_FIELD_BOOL, HTTP_FIELD_AT(struct http_ask_policies, pass_deadline), 0, 0, NULL },
	NUMBER(struct http_ask_policies, "priority", priority, 0, 127),
	NUMBER(struct http_ask_policies, "refuse_status", refuse_status, 400, 599),
	HTTP_FIELD_END
};

/* A kind of policy that is a table of fields alone. */
struct kind {
	const char *key;
	const struct http_field *fields;
	unsigned base;                  /* of its struct in struct http_ask_policies */
	unsigned at, on, own, enforce;  /* in its struct */
	const char *value;              /* the field that a bare value stands for; NULL: none */
	bool needs;                     /* ... and that has no default */
};
#define KIND(key, member, type, value, needs) { key, http_doc_policies_##member, offsetof(struct http_ask_policies, member), \
	offsetof(type, at), offsetof(type, on), offsetof(type, own), offsetof(type, o.enforce), value, needs }

static const struct kind kinds[] = {
	KIND("breaker", breaker, struct http_ask_breaker, NULL, false),
	KIND("bulkhead", bulkhead, struct http_ask_bulkhead, "max", true),
	KIND("rate_limit", rate, struct http_ask_rate, "rate", true),
	KIND("adaptive", adaptive, struct http_ask_adaptive, NULL, false),
	KIND("shed", shed, struct http_ask_shed, "target", false),
};

void
http_doc_policies_init(struct http_ask_policies *p, const char *name)
{
	*p = (struct http_ask_policies){
		.timeouts = { .total = 15 * FL_SEC, .queue = FL_SEC, .connect = FL_SEC, .idle = 30 * FL_SEC },
		.pass_deadline = true,
		.refuse_status = 503,
		.enforce = 1,
	};
	snprintf(p->name, sizeof(p->name), "%s", name);
	fl_breaker_opts_init(&p->breaker.o);
	fl_bulkhead_opts_init(&p->bulkhead.o);
	p->bulkhead.o.max = 0;
	fl_limiter_opts_init(&p->rate.o);
	p->rate.o.burst = 0;
	fl_adaptive_opts_init(&p->adaptive.o);
	fl_shedder_opts_init(&p->shed.o);
	http_doc_retry_init(p);
	http_doc_fallback_init(&p->fallback);
}

void
http_doc_policies_inherit(struct http_ask_policies *p, const char *name)
{
	snprintf(p->name, sizeof(p->name), "%s", name);
	for (size_t i = 0; i < FL_ARRAY_LEN(kinds); i++)
		*(bool *)((char *)p + kinds[i].base + kinds[i].own) = false;
	p->retry.own = p->budget.own = p->hedge.own = p->fallback.own = false;
}

/* ---- reading ---- */

static void
read_timeout(const struct doc_node *n, struct doc_diag *d, struct http_ask_policies *p)
{
	p->timeout_at = (struct http_ask_mark){ n->line, n->column };
	if (n->kind == DOC_MAP)
		http_field_read(n, timeout_fields, NULL, d, &p->timeouts);
	else if (n->kind == DOC_SCALAR)
		http_field_value(n, &timeout_fields[0], d, &p->timeouts);
	else
		doc_unexpected(d, n, "a duration, or a map such as {total: 3s, connect: 200ms}");
}

static void
read_value(const struct doc_node *n, const struct kind *k, struct doc_diag *d, void *base)
{
	char text[96];

	for (const struct http_field *f = k->fields; k->value != NULL && f->key != NULL; f++) {
		if (strcmp(f->key, k->value) == 0) {
			http_field_value(n, f, d, base);
			return;
		}
	}
	snprintf(text, sizeof(text), "a map, true or false");
	doc_unexpected(d, n, text);
}

static bool
has_value(const struct kind *k, const void *base)
{
	for (const struct http_field *f = k->fields; f->key != NULL; f++) {
		static const char zero[8] = { 0 };

		if (strcmp(f->key, k->value) == 0)
			return memcmp((const char *)base + f->offset, zero, f->width) != 0;
	}
	return false;
}

static void
read_kind(const struct doc_node *n, const struct kind *k, struct doc_diag *d, struct http_ask_policies *p)
{
	char *base = (char *)p + k->base;
	bool *on = (bool *)(base + k->on), given;

	*(struct http_ask_mark *)(void *)(base + k->at) = (struct http_ask_mark){ n->line, n->column };
	*(bool *)(base + k->own) = true;
	if (doc_is_bool(n, &given)) {
		*on = given;
	} else {
		*on = true;
		if (n->kind == DOC_MAP)
			http_field_read(n, k->fields, NULL, d, base);
		else
			read_value(n, k, d, base);
	}
	if (*on && k->needs && !has_value(k, base) && doc_get(n, k->value) == NULL && n->kind != DOC_SCALAR)
		doc_complain(d, n, "found a %s without %s, expected one such as %s: %s", k->key, k->value, k->value,
		    strcmp(k->value, "rate") == 0 ? "100/s" : "100");
	else if (doc_is_bool(n, &given) && given && k->needs && !has_value(k, base))
		doc_unexpected(d, n, strcmp(k->value, "rate") == 0 ? "a rate such as 100/s, or a map" : "a number such as 100, or a map");
}

/* enforce for all: each kind that has said nothing itself, here or before, takes it. */
static void
read_enforce(const struct doc_node *n, const struct doc_node *map, struct doc_diag *d, struct http_ask_policies *p)
{
	static const struct http_field all[] = {
		{ "enforce", HTTP_FIELD_ENFORCE, HTTP_FIELD_AT(struct http_ask_policies, enforce), 0, 1, NULL }, HTTP_FIELD_END
	};

	(void)map;
	if (!http_field_value(n, &all[0], d, p))
		return;
	for (size_t i = 0; i < FL_ARRAY_LEN(kinds); i++) {
		char *base = (char *)p + kinds[i].base;

		*(double *)(void *)(base + kinds[i].enforce) = p->enforce;
		*(bool *)(base + kinds[i].own) = true;
	}
	p->budget.o.enforce = p->hedge.o.enforce = p->fallback.o.enforce = p->enforce;
	p->budget.own = p->hedge.own = p->fallback.own = true;
}

/* A tenth of a second's worth, when nothing is said. */
static void
settle_burst(struct http_ask_rate *r)
{
	if (r->on && r->o.burst < 1)
		r->o.burst = floor(FL_MAX(r->o.rate / 10, 1.0));
}

static void
check(const struct http_ask_policies *p, const struct doc_node *map, struct doc_diag *d)
{
	const struct doc_node *breaker = doc_get(map, "breaker"), *adaptive = doc_get(map, "adaptive"), *bulkhead = doc_get(map, "bulkhead"),
	    *shed = doc_get(map, "shed");
	const struct fl_adaptive_opts *a = &p->adaptive.o;

	if (breaker != NULL && p->breaker.mode == HTTP_ASK_BREAKER_FORCED_OPEN && p->breaker.per == HTTP_ASK_PER_INSTANCE)
		doc_complain(d, breaker, "found mode: forced_open with per: instance, expected it with per: route");
	if (breaker != NULL && p->breaker.o.open > p->breaker.o.open_max)
		doc_complain(d, breaker, "found open longer than open_max, expected at most that");
	if (adaptive != NULL && (a->min > a->initial || a->initial > a->max))
		doc_complain(d, adaptive, "found min %u, initial %u, max %u, expected them in this order", a->min, a->initial, a->max);
	if (bulkhead != NULL && p->bulkhead.o.target > p->bulkhead.o.interval)
		doc_complain(d, bulkhead, "found target longer than interval, expected at most that");
	if (shed != NULL && p->shed.o.k > 0 && p->shed.o.k < 1)
		doc_complain(d, shed, "found accepts %g, expected 0 or 1 and more", p->shed.o.k);
}

bool
http_doc_policies_read(const struct doc_node *map, const struct http_doc_policies_env *env, struct http_ask_policies *p,
    const struct doc_node **ret_fallback)
{
	static const char *const extra[] = { "timeout", "retry", "budget", "hedge", "breaker", "bulkhead", "rate_limit", "adaptive", "shed",
		"fallback", "enforce", NULL };
	const struct doc_node *n;

	*ret_fallback = NULL;
	if (!doc_expect(env->d, map, DOC_MAP, "a map of policies such as {timeout: 3s, retry: 2}"))
		return true;
	p->at = (struct http_ask_mark){ map->line, map->column };
	http_field_read(map, single_fields, extra, env->d, p);
	if ((n = doc_get(map, "enforce")) != NULL && n->kind != DOC_NULL)
		read_enforce(n, map, env->d, p);
	if ((n = doc_get(map, "timeout")) != NULL && n->kind != DOC_NULL)
		read_timeout(n, env->d, p);
	for (size_t i = 0; i < FL_ARRAY_LEN(kinds); i++) {
		n = doc_get(map, kinds[i].key);
		if (n != NULL && n->kind != DOC_NULL)
			read_kind(n, &kinds[i], env->d, p);
	}
	settle_burst(&p->rate);
	http_doc_retry_read(map, env->d, p);
	check(p, map, env->d);
	if ((n = doc_get(map, "fallback")) != NULL && n->kind != DOC_NULL)
		return http_doc_fallback_read(n, env->mem, env->beside, env->d, &p->fallback, ret_fallback);
	return true;
}

bool
http_doc_policies_same_breaker(const struct http_ask_breaker *a, const struct http_ask_breaker *b)
{
	return a->on == b->on && http_field_same(http_doc_policies_breaker, a, b);
}

/* ---- as JSON ---- */

void
http_doc_policies_json(struct jsonw *w, const struct http_ask_policies *p)
{
	http_field_json(w, single_fields, p);
	jsonw_key(w, "timeout");
	jsonw_object(w);
	http_field_json(w, timeout_fields, &p->timeouts);
	jsonw_end(w);
	http_doc_retry_json(w, p);
	for (size_t i = 0; i < FL_ARRAY_LEN(kinds); i++) {
		const char *base = (const char *)p + kinds[i].base;

		jsonw_key(w, kinds[i].key);
		if (!*(const bool *)(base + kinds[i].on)) {
			jsonw_bool(w, false);
			continue;
		}
		jsonw_object(w);
		http_field_json(w, kinds[i].fields, base);
		jsonw_end(w);
	}
	http_doc_fallback_json(w, &p->fallback);
}
