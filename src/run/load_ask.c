/* SPDX-License-Identifier: MIT */
/* load_ask.c - the requests of an HTTP load. */
#include "run/load_ask.h"

#include "base/hash.h"
#include "base/rng.h"
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <string.h>
#include <strings.h>

#define HEAD_BYTES_MAX 65536

/* Neither ends a line nor hides anything. */
static bool
is_clean(const char *s, bool spaces)
{
	for (; *s != '\0'; s++)
		if ((unsigned char)*s < 0x20 || *s == 0x7f || (*s == ' ' && !spaces))
			return false;
	return true;
}

static bool
is_idempotent(const char *method)
{
	static const char *const methods[] = { "GET", "HEAD", "PUT", "DELETE", "OPTIONS", "TRACE" };

	for (size_t i = 0; i < FL_ARRAY_LEN(methods); i++)
		if (strcmp(methods[i], method) == 0)
			return true;
	return false;
}

static bool
has_header(const struct experiment_http *c, const char *name)
{
	for (uint32_t i = 0; i < c->header_count; i++)
		if (strcasecmp(c->headers[i].name, name) == 0)
			return true;
	return false;
}

static int
init_kind(struct load_asks *a, uint32_t i, const char *host, struct arena *mem)
{
	const struct experiment_request *q = &a->conf->requests[i];
	struct load_ask_kind *k = &a->kinds[i];
	struct buf b;

	buf_init(&b, HEAD_BYTES_MAX);
	buf_printf(&b, "%s %s HTTP/1.1\r\n", q->method, a->paths[i]);
	if (!has_header(a->conf, "host"))
		buf_printf(&b, "Host: %s\r\n", host);
	if (!has_header(a->conf, "user-agent"))
		buf_puts(&b, "User-Agent: faultline\r\n");
	for (uint32_t h = 0; h < a->conf->header_count; h++)
		if (a->conf->headers[h].share >= 1)
			buf_printf(&b, "%s: %s\r\n", a->conf->headers[h].name, a->values[h]);
	if (q->body_bytes > 0 || strcmp(q->method, "POST") == 0 || strcmp(q->method, "PUT") == 0 || strcmp(q->method, "PATCH") == 0)
		buf_printf(&b, "Content-Length: %" PRIu64 "\r\n", q->body_bytes);
	k->head_bytes = buf_len(&b);
	k->head = b.overflowed ? NULL : arena_strdup(mem, buf_str(&b));
	k->body_bytes = q->body_bytes;
	k->no_body = strcmp(q->method, "HEAD") == 0;
	k->idempotent = is_idempotent(q->method);
	buf_fini(&b);
	return k->head == NULL ? -ENOMEM : 0;
}

int
load_ask_init(struct load_asks *a, const struct experiment_http *conf, uint64_t seed, const char *host, const struct subst_values *values,
    struct arena *mem)
{
	int rc = 0;

	*a = (struct load_asks){ .conf = conf, .seed = rng_key(seed, hash_name("load http")) };
	for (uint32_t i = 0; i < conf->header_count; i++) {
		a->values[i] = subst_expand(mem, conf->headers[i].value, values);
		if (a->values[i] == NULL || !is_clean(a->values[i], true))
			return a->values[i] == NULL ? -ENOMEM : -EINVAL;
	}
	for (uint32_t i = 0; rc == 0 && i < conf->request_count; i++) {
		a->paths[i] = subst_expand(mem, conf->requests[i].path, values);
		if (a->paths[i] == NULL || !is_clean(a->paths[i], false))
			return a->paths[i] == NULL ? -ENOMEM : -EINVAL;
		a->weight += conf->requests[i].weight;
		rc = init_kind(a, i, host, mem);
	}
	return rc;
}

uint32_t
load_ask_choose(const struct load_asks *a, uint64_t n)
{
	uint64_t draw = rng_below(rng_draw(rng_key(a->seed, hash_name("kind")), n, 0), a->weight);
	uint32_t i = 0;

	while (i + 1 < a->conf->request_count && draw >= a->conf->requests[i].weight)
		draw -= a->conf->requests[i++].weight;
	return i;
}

/* Does the nth request carry this header? All of its attempts do, or none. */
static bool
carries(const struct load_asks *a, uint64_t n, uint32_t header)
{
	const struct experiment_header *h = &a->conf->headers[header];

	return h->share < 1 && rng_unit(rng_draw(rng_key(a->seed, hash_name(h->name)), n, header)) < h->share;
}

void
load_ask_put_head(const struct load_asks *a, uint64_t n, uint32_t kind, uint32_t attempt, struct buf *out)
{
	buf_append(out, a->kinds[kind].head, a->kinds[kind].head_bytes);
	for (uint32_t h = 0; h < a->conf->header_count; h++)
		if (carries(a, n, h))
			buf_printf(out, "%s: %s\r\n", a->conf->headers[h].name, a->values[h]);
	if (a->conf->traceparent) {
		struct rng128 trace = rng_block(rng_key(a->seed, hash_name("trace")), n, 0);
		uint64_t span = rng_draw(rng_key(a->seed, hash_name("span")), n, attempt);
		/* Ids of zeros are not valid. */
		buf_printf(out, "traceparent: 00-%016" PRIx64 "%016" PRIx64 "-%016" PRIx64 "-01\r\n", trace.hi, trace.lo | 1, span | 1);
	}
	if (a->conf->idempotency_key) {
		struct rng128 key = rng_block(rng_key(a->seed, hash_name("idempotency")), n, 0);
		buf_printf(out, "Idempotency-Key: %016" PRIx64 "%016" PRIx64 "\r\n", key.hi, key.lo);
	}
	buf_puts(out, "\r\n");
}

fl_ns
load_ask_backoff(const struct load_asks *a, uint64_t n, uint32_t attempt)
{
	const struct experiment_http *c = a->conf;
	double wait = (double)c->backoff * pow(c->backoff_factor, attempt - 1.0);

	wait = fmin(wait, (double)c->backoff_max);
	if (c->backoff_jitter)
		wait *= rng_unit(rng_draw(rng_key(a->seed, hash_name("backoff")), n, attempt));
	return (fl_ns)wait;
}
