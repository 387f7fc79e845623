/* SPDX-License-Identifier: MIT */
/*
 * load_ask.h - what the nth request of an HTTP load is, and its bytes. Pure functions of (configuration, seed, n, attempt).
 *
 * All attempts of a request have the same trace and the same idempotency key; their spans differ.
 */
#ifndef RUN_LOAD_ASK_H
#define RUN_LOAD_ASK_H

#include "base/arena.h"
#include "base/buf.h"
#include "run/experiment.h"
#include "run/subst.h"

struct load_ask_kind {
	const char *head;               /* request line and all fields that never change, without the empty line */
	size_t head_bytes;
	uint64_t body_bytes;
	bool no_body;                   /* the answer has none: HEAD */
	bool idempotent;                /* by its method */
};
/* The requests of a load, ready to be sent; immutable, shared by threads. */
struct load_asks {
	const struct experiment_http *conf;
	uint64_t seed;
	uint32_t weight;                /* of all kinds */
	struct load_ask_kind kinds[EXPERIMENT_REQUESTS_MAX];
	const char *paths[EXPERIMENT_REQUESTS_MAX];     /* filled in */
	const char *values[EXPERIMENT_HEADERS_MAX];     /* filled in */
};

/* host: for the field Host, unless the headers have one. Texts in mem. 0, -ENOMEM; -EINVAL: a text that was filled in is not fit for HTTP. */
int load_ask_init(struct load_asks *a, const struct experiment_http *conf, uint64_t seed, const char *host, const struct subst_values *values,
    struct arena *mem);
/* Which kind the nth request is. */
uint32_t load_ask_choose(const struct load_asks *a, uint64_t n);
/* The head of an attempt (from 1) of the nth request, appended. */
void load_ask_put_head(const struct load_asks *a, uint64_t n, uint32_t kind, uint32_t attempt, struct buf *out);
/* How long to wait before the attempt after this one. */
fl_ns load_ask_backoff(const struct load_asks *a, uint64_t n, uint32_t attempt);

#endif
