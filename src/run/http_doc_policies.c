/* SPDX-License-Identifier: MIT */
/*
 * http_doc_policies.c - the policies of an HTTP line or route.
 *
 * Each kind may be a map of what differs from its defaults, true (the defaults), false (none), or the one value that matters
 * most: `retry: 3`, `bulkhead: 100`, `rate_limit: 100/s`, `hedge: p95`, `timeout: 3s`.
 */
#include "run/http_doc_policies.h"
#include "io/file.h"
#include "run/http_doc_retry.h"
#include "run/http_doc_fallback.h"
#include "run/http_field.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DAY ((double)(86400 * FL_SEC))
#define NUMBER(struct_, key, member, min, max) { key, HTTP_FIELD_NUMBER, HTTP_FIELD_AT(struct_, member), min, max, NULL }
#define TIME(struct_, key, member, min) { key, HTTP_FIELD_NS, HTTP_FIELD_AT(struct_, member), min, DAY, NULL }
#define SHARE(struct_, key, member) { key, HTTP_FIELD_SHARE, HTTP_FIELD_AT(struct_, member), 0, 1, NULL }
#define ENFORCE(struct_) { "enforce", HTTP_FIELD_ENFORCE, HTTP_FIELD_AT(struct_, enforce), 0, 1, NULL }

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
static const struct http_field breaker_fields[] = {
	{ "per", HTTP_FIELD_CHOICE, HTTP_FIELD_AT(struct http_ask_breaker, per), 0, 0, per_words },
	{ "mode", HTTP_FIELD_CHOICE, HTTP_FIELD_AT(struct http_ask_breaker, mode), 0, 0, mode_words },
	TIME(struct http_ask_breaker, "window", window, 100 * FL_MS),
	NUMBER(struct http_ask_breaker, "window_calls", window_calls, 0, 65536),
	SHARE(struct http_ask_breaker, "failure_rate", failure_rate),
	NUMBER(struct http_ask_breaker, "min_calls", min_calls, 1, 1000000),
	SHARE(struct http_ask_breaker, "confidence", confidence),
	TIME(struct http_ask_breaker, "slow", slow, 0),
	SHARE(struct http_ask_breaker, "slow_rate", slow_rate),
	TIME(struct http_ask_breaker, "open", open, FL_MS),
	TIME(struct http_ask_breaker, "open_max", open_max, FL_MS),
	{ "backoff", HTTP_FIELD_FLOAT, HTTP_FIELD_AT(struct http_ask_breaker, backoff), 1, 10, NULL },
	NUMBER(struct http_ask_breaker, "probes", probes, 1, 64),
	NUMBER(struct http_ask_breaker, "successes", successes, 1, 64),
	TIME(struct http_ask_breaker, "lease", lease, 0),
	ENFORCE(struct http_ask_breaker),
	HTTP_FIELD_END
};
static const struct http_field bulkhead_fields[] = {
	NUMBER(struct http_ask_bulkhead, "max", max, 1, 1000000),
	NUMBER(struct http_ask_bulkhead, "queue", queue, 0, 1000000),
	TIME(struct http_ask_bulkhead, "target", target, 0),
	TIME(struct http_ask_bulkhead, "interval", interval, FL_MS),
	TIME(struct http_ask_bulkhead, "lifo_after", lifo_after, 0),
	ENFORCE(struct http_ask_bulkhead),
	HTTP_FIELD_END
};
static const struct http_field rate_fields[] = {
	{ "rate", HTTP_FIELD_RATE, HTTP_FIELD_AT(struct http_ask_rate, rate), 0.001, 1e9, NULL },
	NUMBER(struct http_ask_rate, "burst", burst, 1, 1000000000),
	ENFORCE(struct http_ask_rate),
	HTTP_FIELD_END
};
static const struct http_field adaptive_fields[] = {
	NUMBER(struct http_ask_adaptive, "min", min, 1, 1000000),
	NUMBER(struct http_ask_adaptive, "initial", initial, 1, 1000000),
	NUMBER(struct http_ask_adaptive, "max", max, 1, 1000000),
	{ "tolerance", HTTP_FIELD_FLOAT, HTTP_FIELD_AT(struct http_ask_adaptive, tolerance), 1, 100, NULL },
	SHARE(struct http_ask_adaptive, "smoothing", smoothing),
	SHARE(struct http_ask_adaptive, "backoff", backoff),
	ENFORCE(struct http_ask_adaptive),
	HTTP_FIELD_END
};
static const struct http_field shed_fields[] = {
	TIME(struct http_ask_shed, "target", target, FL_US),
	TIME(struct http_ask_shed, "interval", interval, FL_MS),
	NUMBER(struct http_ask_shed, "levels", levels, 1, 256),
	ENFORCE(struct http_ask_shed),
	HTTP_FIELD_END
};
static const struct http_field single_fields[] = {
	{ "pass_deadline", HTTP_FIELD_BOOL, HTTP_FIELD_AT(struct http_ask_policies, pass_deadline), 0, 0, NULL },
	NUMBER(struct http_ask_policies, "priority", priority, 0, 255),
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
#define KIND(key, member, type, value, needs) { key, member##_fields, offsetof(struct http_ask_policies, member), \
	offsetof(type, at), offsetof(type, on), offsetof(type, own), offsetof(type, enforce), value, needs }

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
		.breaker = { .window = 10 * FL_SEC, .failure_rate = 0.5, .min_calls = 20, .confidence = 0.95, .slow_rate = 1, .open = 5 * FL_SEC,
			.open_max = 60 * FL_SEC, .backoff = 2, .probes = 3, .successes = 3, .enforce = 1 },
		.bulkhead = { .target = 5 * FL_MS, .interval = 100 * FL_MS, .lifo_after = 100 * FL_MS, .enforce = 1 },
		.rate = { .enforce = 1 },
		.adaptive = { .min = 4, .initial = 20, .max = 1000, .tolerance = 1.5, .smoothing = 0.2, .backoff = 0.9, .enforce = 1 },
		.shed = { .target = 5 * FL_MS, .interval = 100 * FL_MS, .levels = 8, .enforce = 1 },
	};
	snprintf(p->name, sizeof(p->name), "%s", name);
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
	static const struct http_field all[] = { ENFORCE(struct http_ask_policies), HTTP_FIELD_END };

	(void)map;
	if (!http_field_value(n, &all[0], d, p))
		return;
	for (size_t i = 0; i < FL_ARRAY_LEN(kinds); i++) {
		char *base = (char *)p + kinds[i].base;

		*(double *)(void *)(base + kinds[i].enforce) = p->enforce;
		*(bool *)(base + kinds[i].own) = true;
	}
	p->retry.enforce = p->budget.enforce = p->hedge.enforce = p->fallback.enforce = p->enforce;
}

/* A tenth of a second's worth, when nothing is said. */
static void
settle_burst(struct http_ask_rate *r)
{
	if (r->on && r->burst == 0)
		r->burst = (uint32_t)FL_MAX(r->rate / 10, 1.0);
}

static void
check(const struct http_ask_policies *p, const struct doc_node *map, struct doc_diag *d)
{
	const struct doc_node *breaker = doc_get(map, "breaker"), *adaptive = doc_get(map, "adaptive");

	if (breaker != NULL && p->breaker.open > p->breaker.open_max)
		doc_complain(d, breaker, "found open longer than open_max, expected at most that");
	if (breaker != NULL && p->breaker.successes > p->breaker.probes && doc_get(breaker, "successes") != NULL)
		doc_complain(d, breaker, "found %u successes out of %u probes, expected at most as many", p->breaker.successes, p->breaker.probes);
	if (adaptive != NULL && (p->adaptive.min > p->adaptive.initial || p->adaptive.initial > p->adaptive.max))
		doc_complain(d, adaptive, "found min %u, initial %u, max %u, expected them in this order", p->adaptive.min, p->adaptive.initial,
		    p->adaptive.max);
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
	return a->on == b->on && http_field_same(breaker_fields, a, b);
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
