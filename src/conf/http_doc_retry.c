/* SPDX-License-Identifier: MIT */
/* http_doc_retry.c - retries, hedges and their budget. */
#include "conf/http_doc_retry.h"
#include "conf/http_field.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DAY ((double)(86400 * FL_SEC))
#define TIME(struct_, key, member, min) { key, HTTP_FIELD_NS, HTTP_FIELD_AT(struct_, member), min, DAY, NULL }
#define ENFORCE(struct_) { "enforce", HTTP_FIELD_ENFORCE, HTTP_FIELD_AT(struct_, o.enforce), 0, 1, NULL }

const char *const http_doc_retry_words[] = { "connect", "reset", "timeout", "5xx", "gateway", "429", "status", "refused", NULL };
static const char *const jitter_words[] = { "full", "decorrelated", NULL };

static const struct http_field retry_fields[] = {
	{ "attempts", HTTP_FIELD_NUMBER, HTTP_FIELD_AT(struct http_ask_retry, o.attempts_max), 1, HTTP_ATTEMPTS_MAX, NULL },
	{ "unsafe", HTTP_FIELD_BOOL, HTTP_FIELD_AT(struct http_ask_retry, o.unsafe), 0, 0, NULL },
	{ "replay", HTTP_FIELD_BYTES, HTTP_FIELD_AT(struct http_ask_retry, replay_bytes), 0, 1 << 24, NULL },
	TIME(struct http_ask_retry, "retry_after_max", o.retry_after_max, 0),
	HTTP_FIELD_END
};
static const struct http_field backoff_fields[] = {
	TIME(struct http_ask_retry, "base", o.base, 0),
	TIME(struct http_ask_retry, "max", o.max, 0),
	{ "jitter", HTTP_FIELD_CHOICE, HTTP_FIELD_AT(struct http_ask_retry, jitter), 0, 0, jitter_words },
	HTTP_FIELD_END
};
const struct http_field http_doc_retry_budget[] = {
	{ "share", HTTP_FIELD_SHARE, HTTP_FIELD_AT(struct http_ask_budget, o.ratio), 0, 1, NULL },
	{ "reserve_per_second", HTTP_FIELD_FLOAT, HTTP_FIELD_AT(struct http_ask_budget, o.reserve), 0, 1e6, NULL },
	{ "max", HTTP_FIELD_FLOAT, HTTP_FIELD_AT(struct http_ask_budget, o.max), 1, 1e9, NULL },
	ENFORCE(struct http_ask_budget),
	HTTP_FIELD_END
};
const struct http_field http_doc_retry_hedge[] = {
	{ "max", HTTP_FIELD_NUMBER, HTTP_FIELD_AT(struct http_ask_hedge, max), 1, HTTP_ATTEMPTS_MAX - 1, NULL },
	TIME(struct http_ask_hedge, "min_delay", o.delay_min, 0),
	TIME(struct http_ask_hedge, "max_delay", o.delay_max, FL_MS),
	{ "min_samples", HTTP_FIELD_NUMBER, HTTP_FIELD_AT(struct http_ask_hedge, o.samples_min), 1, 1000000, NULL },
	TIME(struct http_ask_hedge, "window", o.window, FL_SEC),
	ENFORCE(struct http_ask_hedge),
	HTTP_FIELD_END
};

void
http_doc_retry_init(struct http_ask_policies *p)
{
	fl_retry_opts_init(&p->retry.o);
	p->retry.replay_bytes = 65536;
	p->retry.conditions = HTTP_RETRY_CONNECT | HTTP_RETRY_RESET | HTTP_RETRY_TIMEOUT | HTTP_RETRY_GATEWAY | HTTP_RETRY_REFUSED;
	fl_budget_opts_init(&p->budget.o);
	p->budget.on = true;
	fl_hedge_opts_init(&p->hedge.o);
	p->hedge.max = 1;
}

/* ---- conditions ---- */

static void
read_condition(const struct doc_node *n, struct doc_diag *d, struct http_ask_retry *r)
{
	int64_t status;
	int i;

	if (doc_is_int(n, &status) && status >= 100 && status <= 599 && status != 429) {
		r->conditions |= HTTP_RETRY_STATUS;
		if (r->status_count == FL_ARRAY_LEN(r->status))
			doc_complain(d, n, "found more than %zu statuses, expected at most as many", FL_ARRAY_LEN(r->status));
		else
			r->status[r->status_count++] = (uint16_t)status;
		return;
	}
	if (n->kind == DOC_SCALAR && strcmp(n->text, "status") == 0) {
		doc_unexpected(d, n, "the statuses themselves, such as 503");
		return;
	}
	i = doc_choice(d, n, http_doc_retry_words);
	if (i >= 0)
		r->conditions |= 1u << i;
}

static void
read_conditions(const struct doc_node *n, struct doc_diag *d, struct http_ask_retry *r)
{
	if (!doc_expect(d, n, DOC_LIST, "a list such as [connect, reset, 503]"))
		return;
	if (n->count == 0)
		doc_complain(d, n, "found an empty list, expected at least one of connect, reset, timeout, 5xx, gateway, 429, refused, or a status");
	r->conditions = 0;
	r->status_count = 0;
	for (uint32_t i = 0; i < n->count; i++)
		read_condition(n->items[i], d, r);
}

static void
read_backoff(const struct doc_node *n, struct doc_diag *d, struct http_ask_retry *r)
{
	if (n->kind == DOC_SCALAR) {
		http_field_value(n, &backoff_fields[0], d, r);
		r->o.max = FL_MAX(r->o.max, r->o.base);
		return;
	}
	if (!doc_expect(d, n, DOC_MAP, "a duration, or a map such as {base: 25ms, max: 250ms}"))
		return;
	http_field_read(n, backoff_fields, NULL, d, r);
	r->o.decorrelated = r->jitter == 1;
	if (r->o.base > r->o.max)
		doc_complain(d, n, "found a base longer than max, expected at most that");
}

/* ---- kinds ---- */

static void
read_budget(const struct doc_node *n, struct doc_diag *d, struct http_ask_budget *b)
{
	bool on;

	b->at = (struct http_ask_mark){ n->line, n->column };
	b->own = true;
	if (doc_is_bool(n, &on)) {
		b->on = on;
	} else if (n->kind == DOC_SCALAR) {
		b->on = true;
		http_field_value(n, &http_doc_retry_budget[0], d, b);
	} else if (doc_expect(d, n, DOC_MAP, "a share such as 10%, a map such as {share: 10%}, or false")) {
		b->on = true;
		http_field_read(n, http_doc_retry_budget, NULL, d, b);
	}
}

static void
read_retry(const struct doc_node *n, struct doc_diag *d, struct http_ask_policies *p)
{
	static const char *const extra[] = { "on", "backoff", "budget", NULL };
	struct http_ask_retry *r = &p->retry;
	const struct doc_node *v;
	bool on;

	r->at = (struct http_ask_mark){ n->line, n->column };
	r->own = true;
	if (doc_is_bool(n, &on)) {
		r->on = on;
		return;
	}
	r->on = true;
	if (n->kind == DOC_SCALAR) {
		http_field_value(n, &retry_fields[0], d, r);
	} else if (doc_expect(d, n, DOC_MAP, "the number of attempts, a map such as {attempts: 3}, or false")) {
		http_field_read(n, retry_fields, extra, d, r);
		if ((v = doc_get(n, "on")) != NULL && v->kind != DOC_NULL)
			read_conditions(v, d, r);
		if ((v = doc_get(n, "backoff")) != NULL && v->kind != DOC_NULL)
			read_backoff(v, d, r);
		if ((v = doc_get(n, "budget")) != NULL && v->kind != DOC_NULL)
			read_budget(v, d, &p->budget);
	}
}

/* "p95" to 0.95, "p99.9" to 0.999; 0: not such a word. */
static double
quantile_of(const char *text)
{
	char *end;
	double v;

	if (text[0] != 'p' || text[1] < '0' || text[1] > '9' || text[1 + strspn(text + 1, "0123456789.")] != '\0')
		return 0;
	v = strtod(text + 1, &end);
	return *end == '\0' && v >= 1 && v < 100 ? v / 100 : 0;
}

static void
read_after(const struct doc_node *n, struct doc_diag *d, struct http_ask_hedge *h)
{
	double q = n->kind == DOC_SCALAR ? quantile_of(n->text) : 0;
	struct doc_diag quiet;
	fl_ns after = 0;

	if (q > 0) {
		h->o.quantile = q;
		h->o.fixed = 0;
		return;
	}
	doc_diag_init(&quiet, NULL);
	if (doc_duration(&quiet, n, &after) && after >= FL_US) {
		h->o.fixed = after;
	} else {
		doc_unexpected(d, n, "a quantile such as p95 (p1 to p99.99), or a duration such as 20ms");
	}
	doc_diag_fini(&quiet);
}

static void
read_hedge(const struct doc_node *n, struct doc_diag *d, struct http_ask_hedge *h)
{
	static const char *const extra[] = { "after", NULL };
	const struct doc_node *after;
	bool on;

	h->at = (struct http_ask_mark){ n->line, n->column };
	h->own = true;
	if (doc_is_bool(n, &on)) {
		h->on = on;
		return;
	}
	h->on = true;
	if (n->kind == DOC_SCALAR) {
		read_after(n, d, h);
		return;
	}
	if (!doc_expect(d, n, DOC_MAP, "when to send another, such as p95, a map such as {after: p95, max: 1}, or false"))
		return;
	http_field_read(n, http_doc_retry_hedge, extra, d, h);
	if ((after = doc_get(n, "after")) != NULL && after->kind != DOC_NULL)
		read_after(after, d, h);
	if (h->o.delay_min > h->o.delay_max)
		doc_complain(d, n, "found min_delay longer than max_delay, expected at most that");
}

void
http_doc_retry_read(const struct doc_node *map, struct doc_diag *d, struct http_ask_policies *p)
{
	const struct doc_node *retry = doc_get(map, "retry"), *hedge = doc_get(map, "hedge"), *budget = doc_get(map, "budget");

	if (retry != NULL && retry->kind != DOC_NULL)
		read_retry(retry, d, p);
	if (budget != NULL && budget->kind != DOC_NULL) {
		if (retry != NULL && doc_get(retry, "budget") != NULL)
			doc_complain(d, budget, "found a budget here and one in retry, expected one of them");
		read_budget(budget, d, &p->budget);
	}
	if (hedge != NULL && hedge->kind != DOC_NULL)
		read_hedge(hedge, d, &p->hedge);
}

/* ---- as JSON ---- */

static void
put_conditions(struct jsonw *w, const struct http_ask_retry *r)
{
	jsonw_key(w, "on");
	jsonw_array(w);
	for (unsigned i = 0; http_doc_retry_words[i] != NULL; i++) {
		if ((r->conditions & 1u << i) != 0 && 1u << i != HTTP_RETRY_STATUS)
			jsonw_string(w, http_doc_retry_words[i]);
	}
	for (uint32_t i = 0; i < r->status_count; i++)
		jsonw_uint(w, r->status[i]);
	jsonw_end(w);
}

static void
put_retry(struct jsonw *w, const struct http_ask_retry *r)
{
	jsonw_key(w, "retry");
	if (!r->on) {
		jsonw_bool(w, false);
		return;
	}
	jsonw_object(w);
	http_field_json(w, retry_fields, r);
	put_conditions(w, r);
	jsonw_key(w, "backoff");
	jsonw_object(w);
	http_field_json(w, backoff_fields, r);
	jsonw_end(w);
	jsonw_end(w);
}

static void
put_hedge(struct jsonw *w, const struct http_ask_hedge *h)
{
	char text[40];

	jsonw_key(w, "hedge");
	if (!h->on) {
		jsonw_bool(w, false);
		return;
	}
	jsonw_object(w);
	jsonw_key(w, "after");
	if (h->o.fixed == 0)
		jsonw_printf(w, "p%s", jsonw_format_g(text, round(h->o.quantile * 1e6) / 1e4));
	else
		jsonw_string(w, http_field_duration(text, h->o.fixed));
	http_field_json(w, http_doc_retry_hedge, h);
	jsonw_end(w);
}

void
http_doc_retry_json(struct jsonw *w, const struct http_ask_policies *p)
{
	put_retry(w, &p->retry);
	jsonw_key(w, "budget");
	if (p->budget.on) {
		jsonw_object(w);
		http_field_json(w, http_doc_retry_budget, &p->budget);
		jsonw_end(w);
	} else {
		jsonw_bool(w, false);
	}
	put_hedge(w, &p->hedge);
}
