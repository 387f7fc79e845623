/* SPDX-License-Identifier: MIT */
/*
 * span_receiver.h - takes spans over HTTP and keeps the lines they make: OTLP (POST /v1/traces) and Zipkin v2 (POST /api/v2/spans)
 *
 * A thread of its own, with its own loop, listeners, engine and connection to the store. A batch is acknowledged when everything that
 * it tells so far is in the store and the batch itself in a journal beside it; so a kill loses at most what was not acknowledged, and what
 * waits for its other half still waits after the next start. What is sent twice counts once.
 *
 * The rules of the answers are those of OTLP over HTTP: the request's type, partial success, 400 for what is broken, 413, 415, and
 * 503 with Retry-After when the store cannot take it.
 */
#ifndef CONTROL_SPAN_RECEIVER_H
#define CONTROL_SPAN_RECEIVER_H

#include "graph/spans.h"

#define SPAN_RECEIVER_OTLP_PORT 4318
#define SPAN_RECEIVER_ZIPKIN_PORT 9411
#define SPAN_RECEIVER_UNPACKED_MAX (64u << 20)  /* of one request */
#define SPAN_RECEIVER_ERROR 512

struct span_receiver_opts {
	const char *host;               /* an IP address; NULL: 127.0.0.1 */
	int otlp_port, zipkin_port;     /* 0: any; -1: do not listen */
	const char *store;              /* path of the map's store; the journal stands beside it */
	size_t memory_bytes;            /* of the engine; 0: SPANS_MEMORY */
	fl_ns hold;                     /* 0: SPANS_HOLD */
	/* Called by the receiver's thread; all may be NULL. */
	sight_fn *also;                 /* is told every sighting that the store took */
	void (*say)(void *arg, bool alarm, const char *text);   /* what went wrong, and that it is well again */
	void *arg;
};

struct span_receiver_counts {
	uint64_t requests, batches;     /* batches: acknowledged */
	uint64_t repeated;              /* batches that were there already */
	uint64_t refused;               /* 4xx */
	uint64_t put_off;               /* 503 */
	uint64_t rejected;              /* spans without proper ids */
	struct spans_counts spans;
};

struct span_receiver;
/* Bind, take up what a crash left, and start. error: SPAN_RECEIVER_ERROR bytes. 0 or -errno. */
int span_receiver_start(const struct span_receiver_opts *opts, char *error, struct span_receiver **ret);
/* Settle and tell everything that is held, and end. NULL is fine. */
void span_receiver_stop(struct span_receiver *r);
/* The ports really bound; -1: none. */
int span_receiver_otlp_port(const struct span_receiver *r);
int span_receiver_zipkin_port(const struct span_receiver *r);
struct span_receiver_counts span_receiver_count(struct span_receiver *r);       /* any thread */

#endif
