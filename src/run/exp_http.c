/* SPDX-License-Identifier: MIT */
/*
 * exp_http.c - the HTTP load of an experiment.
 *
 *      load:
 *        type: http
 *        line: cart                      # or target: "127.0.0.1:{port:web}"
 *        rate: 500                       # requests per second, all together
 *        arrivals: poisson               # or even
 *        steps: [{at: 5s, rate: 800, over: 2s}]
 *        surge: {at: 10s, for: 3s, rate: 5000}
 *        path: /cart                     # or a list: [{path: /a, weight: 9}, {path: /b, method: POST, body: 1KB}]
 *        headers: {x-faultline: {value: cart-slow, share: 10%}}
 *        timeout: 500ms                  # of an attempt
 *        patience: 1s                    # an answer after that is late
 *        connections: 200
 *        retry: {attempts: 3, backoff: 100ms, factor: 2, jitter: true, on: [5xx, refused, connect, reset, timeout]}
 *        duration: 20s
 */
#include "run/exp_http.h"

#include "run/load_stats.h"
#include <string.h>
#include <strings.h>

#define RATE_MAX 200000.0
#define CONNECTIONS_DEFAULT 1000
#define CONNECTIONS_MAX 20000
#define OUTSTANDING_DEFAULT 50000
#define OUTSTANDING_MAX 1000000
#define THREADS_MAX 16
#define ATTEMPTS_MAX 20
#define WEIGHT_MAX 1000000

static const char token_chars[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789!#$%&'*+-.^_`|~";

const char *const *
exp_http_keys(void)
{
	static const char *const known[] = { "type", "line", "target", "duration", "rate", "arrivals", "steps", "surge", "method", "path", "body",
		"headers", "timeout", "connect_timeout", "patience", "connections", "outstanding_max", "threads", "retry", "traceparent",
		"idempotency_key", NULL };

	return known;
}

/* ---- when ---- */

static bool
read_rate(struct exp_reader *r, const struct doc_node *map, double min, double *ret)
{
	const struct doc_node *n = doc_get(map, "rate");

	if (n != NULL)
		return doc_float(r->d, n, min, RATE_MAX, ret);
	doc_complain(r->d, map, "found no rate, expected rate: requests per second");
	return false;
}

static void
read_steps(struct exp_reader *r, const struct doc_node *map, struct pace_conf *p)
{
	static const char *const known[] = { "at", "rate", "over", NULL };
	const struct doc_node *list = exp_field_list(r, map, "steps", PACE_STEPS_MAX, "steps");
	fl_ns free_from = 0;

	for (uint32_t i = 0; list != NULL && i < list->count; i++) {
		const struct doc_node *n = list->items[i];
		struct pace_step *s = &p->steps[p->step_count];
		if (!doc_expect(r->d, n, DOC_MAP, "a map such as {at: 5s, rate: 800, over: 2s}"))
			continue;
		doc_keys(r->d, n, known);
		if (doc_get(n, "at") == NULL)
			doc_complain(r->d, n, "found a step without at, expected at: TIME after the load started");
		exp_field_duration(r, n, "at", 0, EXPERIMENT_NS_MAX, &s->at);
		exp_field_duration(r, n, "over", 0, EXPERIMENT_NS_MAX, &s->over);
		read_rate(r, n, 0, &s->rate);
		if (s->at < free_from)
			doc_complain(r->d, n, "found a step before the one before it has been taken, expected them in order of time");
		free_from = s->at + s->over;
		p->step_count++;
	}
}

static void
read_surge(struct exp_reader *r, const struct doc_node *n, struct pace_conf *p)
{
	static const char *const known[] = { "at", "for", "rate", NULL };
	struct pace_surge *s = &p->surges[p->surge_count];

	if (!doc_expect(r->d, n, DOC_MAP, "a map such as {at: 5s, for: 3s, rate: 5000}"))
		return;
	doc_keys(r->d, n, known);
	if (doc_get(n, "at") == NULL || doc_get(n, "for") == NULL)
		doc_complain(r->d, n, "found a surge without at and for, expected both, as in {at: 5s, for: 3s, rate: 5000}");
	if (exp_field_duration(r, n, "at", 0, EXPERIMENT_NS_MAX, &s->at) && s->at >= p->duration && p->duration > 0)
		doc_complain(r->d, doc_get(n, "at"), "found a surge that begins when the load has ended");
	if (exp_field_duration(r, n, "for", 0, EXPERIMENT_NS_MAX, &s->length) && s->length == 0)
		doc_unexpected(r->d, doc_get(n, "for"), "a duration over 0");
	read_rate(r, n, 0, &s->rate);
	p->surge_count++;
}

static void
read_pace(struct exp_reader *r, const struct doc_node *map, struct experiment_load *l)
{
	static const char *const arrivals[] = { "poisson", "even", NULL };
	const struct doc_node *a = doc_get(map, "arrivals"), *surge = doc_get(map, "surge");
	struct pace_conf *p = &l->http.pace;

	p->duration = l->duration;
	read_rate(r, map, 0.01, &p->rate);
	if (a != NULL)
		p->even = doc_choice(r->d, a, arrivals) == 1;
	read_steps(r, map, p);
	if (surge != NULL && surge->kind == DOC_LIST && surge->count > PACE_SURGES_MAX)
		doc_complain(r->d, surge, "found %u surges, expected at most %d", surge->count, PACE_SURGES_MAX);
	else if (surge != NULL && surge->kind == DOC_LIST)
		for (uint32_t i = 0; i < surge->count; i++)
			read_surge(r, surge->items[i], p);
	else if (surge != NULL)
		read_surge(r, surge, p);
}

/* ---- what ---- */

static void
check_method(struct exp_reader *r, const struct doc_node *map, const char *method)
{
	if (method[0] == '\0' || strlen(method) > 32 || method[strspn(method, token_chars)] != '\0' || strcmp(method, "CONNECT") == 0)
		doc_unexpected(r->d, doc_get(map, "method"), "a method such as GET or POST");
}

static void
check_path(struct exp_reader *r, const struct doc_node *n, const char *path)
{
	bool fine = path[0] == '/' || strcmp(path, "*") == 0;

	for (const char *p = path; *p != '\0'; p++)
		fine = fine && (unsigned char)*p > 0x20 && *p != 0x7f;
	if (!fine)
		doc_unexpected(r->d, n, "a path such as /cart?id=1, without spaces");
}

static void
read_body(struct exp_reader *r, const struct doc_node *map, uint64_t *ret)
{
	const struct doc_node *n = doc_get(map, "body");
	int64_t bytes;

	if (n == NULL || !doc_bytes(r->d, n, &bytes))
		return;
	if (bytes > (int64_t)EXPERIMENT_BODY_MAX)
		doc_complain(r->d, n, "found a body of %lld bytes, expected at most %u", (long long)bytes, EXPERIMENT_BODY_MAX);
	else
		*ret = (uint64_t)bytes;
}

static void
read_request(struct exp_reader *r, const struct doc_node *n, struct experiment_request *q)
{
	static const char *const known[] = { "path", "weight", "method", "body", NULL };
	int64_t weight = 1;

	if (n->kind == DOC_SCALAR) {
		const char *path = exp_field_template_node(r, n);
		if (path != NULL)
			q->path = path;
		check_path(r, n, q->path);
		return;
	}
	if (!doc_expect(r->d, n, DOC_MAP, "a path, or a map such as {path: /a, weight: 9}"))
		return;
	doc_keys(r->d, n, known);
	if (exp_field_template(r, n, "path", "found a request without a path, expected path: /...", &q->path))
		check_path(r, doc_get(n, "path"), q->path);
	if (exp_field_text(r, n, "method", NULL, &q->method))
		check_method(r, n, q->method);
	if (exp_field_int(r, n, "weight", 1, WEIGHT_MAX, &weight))
		q->weight = (uint32_t)weight;
	read_body(r, n, &q->body_bytes);
}

static void
read_requests(struct exp_reader *r, const struct doc_node *map, struct experiment_http *h)
{
	const struct doc_node *n = doc_get(map, "path");
	struct experiment_request usual = { .method = "GET", .path = "/", .weight = 1 };

	if (exp_field_text(r, map, "method", NULL, &usual.method))
		check_method(r, map, usual.method);
	read_body(r, map, &usual.body_bytes);
	h->requests[0] = usual;
	h->request_count = 1;
	if (n == NULL)
		return;
	if (n->kind != DOC_LIST) {
		read_request(r, n, &h->requests[0]);
		return;
	}
	if (n->count == 0 || n->count > EXPERIMENT_REQUESTS_MAX) {
		doc_complain(r->d, n, "found %u paths, expected 1 to %d", n->count, EXPERIMENT_REQUESTS_MAX);
		return;
	}
	h->request_count = n->count;
	for (uint32_t i = 0; i < n->count; i++) {
		h->requests[i] = usual;
		read_request(r, n->items[i], &h->requests[i]);
	}
}

static void
check_header(struct exp_reader *r, const struct doc_node *key, const struct doc_node *n, const struct experiment_header *h)
{
	static const char *const ours[] = { "content-length", "transfer-encoding", "connection", "expect", "upgrade", "te", "trailer" };

	if (key->text[0] == '\0' || strlen(key->text) > 200 || key->text[strspn(key->text, token_chars)] != '\0')
		doc_unexpected(r->d, key, "the name of a header");
	for (size_t i = 0; i < FL_ARRAY_LEN(ours); i++)
		if (strcasecmp(key->text, ours[i]) == 0)
			doc_complain(r->d, key, "found the header %s, expected none of those by which messages are told apart", key->text);
	for (const char *p = h->value; p != NULL && *p != '\0'; p++)
		if ((unsigned char)*p < 0x20 || *p == 0x7f) {
			doc_unexpected(r->d, n, "a text without control characters");
			return;
		}
}

static void
read_headers(struct exp_reader *r, const struct doc_node *map, struct experiment_http *h)
{
	static const char *const known[] = { "value", "share", NULL };
	const struct doc_node *n = doc_get(map, "headers");

	if (n == NULL || !doc_expect(r->d, n, DOC_MAP, "a map from names to texts"))
		return;
	if (n->count > EXPERIMENT_HEADERS_MAX) {
		doc_complain(r->d, n, "found %u headers, expected at most %d", n->count, EXPERIMENT_HEADERS_MAX);
		return;
	}
	for (uint32_t i = 0; i < n->count; i++) {
		const struct doc_node *v = n->pairs[i].value;
		struct experiment_header *e = &h->headers[h->header_count++];
		e->name = exp_field_dup(r, n->pairs[i].key->text);
		e->value = "";
		e->share = 1;
		if (v->kind == DOC_MAP) {
			doc_keys(r->d, v, known);
			exp_field_template(r, v, "value", "found a header without a value, expected value: ...", &e->value);
			exp_field_share(r, v, "share", &e->share);
		} else {
			e->value = exp_field_template_node(r, v);
		}
		check_header(r, n->pairs[i].key, v, e);
	}
}

/* ---- again ---- */

static void
read_retry_on(struct exp_reader *r, const struct doc_node *map, struct experiment_http *h)
{
	static const char *const words[] = { "5xx", "refused", "connect", "reset", "timeout", "blocked", NULL };
	static const unsigned bits[] = { 1u << LOAD_STATUS, 1u << LOAD_REFUSED, 1u << LOAD_CONNECT, 1u << LOAD_RESET, 1u << LOAD_TIMEOUT,
		1u << LOAD_BLOCKED };
	const struct doc_node *n = doc_get(map, "on");

	h->retry_on = bits[0] | bits[1] | bits[2] | bits[3] | bits[4];
	if (n == NULL || !doc_expect(r->d, n, DOC_LIST, "a list of 5xx, refused, connect, reset, timeout, blocked"))
		return;
	h->retry_on = 0;
	for (uint32_t i = 0; i < n->count; i++) {
		int k = doc_choice(r->d, n->items[i], words);
		if (k >= 0)
			h->retry_on |= bits[k];
	}
}

static void
read_retry(struct exp_reader *r, const struct doc_node *map, struct experiment_http *h)
{
	static const char *const known[] = { "attempts", "backoff", "backoff_max", "factor", "jitter", "on", NULL };
	const struct doc_node *n = doc_get(map, "retry"), *factor;
	int64_t attempts = 3;

	h->attempts = 1;
	h->backoff_max = 60 * FL_SEC;
	h->backoff_factor = 1;
	if (n == NULL || !doc_expect(r->d, n, DOC_MAP, "a map such as {attempts: 3, backoff: 100ms}"))
		return;
	doc_keys(r->d, n, known);
	exp_field_int(r, n, "attempts", 1, ATTEMPTS_MAX, &attempts);
	h->attempts = (uint32_t)attempts;
	exp_field_duration(r, n, "backoff", 0, 60 * FL_SEC, &h->backoff);
	exp_field_duration(r, n, "backoff_max", 0, 600 * FL_SEC, &h->backoff_max);
	factor = doc_get(n, "factor");
	if (factor != NULL)
		doc_float(r->d, factor, 1, 100, &h->backoff_factor);
	exp_field_bool(r, n, "jitter", &h->backoff_jitter);
	read_retry_on(r, n, h);
}

/* ---- where ---- */

static void
read_target(struct exp_reader *r, const struct doc_node *map, struct experiment_load *l)
{
	const struct doc_node *n = doc_get(map, "target");
	const char *s;
	size_t len;

	if (n == NULL)
		return;
	if (doc_get(map, "line") != NULL) {
		doc_complain(r->d, n, "found both line and target, expected one of them");
		return;
	}
	s = exp_field_template_node(r, n);
	if (s == NULL)
		return;
	if (strncmp(s, "http://", 7) == 0)
		s += 7;
	len = strlen(s);
	if (len > 0 && s[len - 1] == '/')
		len--;
	if (len == 0 || strncmp(s, "https:", 6) == 0 || memchr(s, '/', len) != NULL) {
		doc_unexpected(r->d, n, "HOST:PORT or http://HOST:PORT; the path stands in path");
		return;
	}
	l->http.target = arena_strndup(&r->x->mem, s, len);
	l->line = -1;
}

void
exp_http_read(struct exp_reader *r, const struct doc_node *n, struct experiment_load *l)
{
	struct experiment_http *h = &l->http;
	int64_t v;

	*h = (struct experiment_http){ .conns_max = CONNECTIONS_DEFAULT, .outstanding_max = OUTSTANDING_DEFAULT, .threads = 1, .patience = FL_NEVER };
	read_target(r, n, l);
	read_pace(r, n, l);
	read_requests(r, n, h);
	read_headers(r, n, h);
	read_retry(r, n, h);
	exp_field_duration(r, n, "patience", FL_MS, 600 * FL_SEC, &h->patience);
	if (exp_field_int(r, n, "connections", 1, CONNECTIONS_MAX, &v))
		h->conns_max = (uint32_t)v;
	if (exp_field_int(r, n, "outstanding_max", 1, OUTSTANDING_MAX, &v))
		h->outstanding_max = (uint32_t)v;
	if (exp_field_int(r, n, "threads", 1, THREADS_MAX, &v))
		h->threads = (uint32_t)v;
	exp_field_bool(r, n, "traceparent", &h->traceparent);
	exp_field_bool(r, n, "idempotency_key", &h->idempotency_key);
}
