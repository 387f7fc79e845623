/* SPDX-License-Identifier: MIT */
/*
 * jaeger.h - reads traces of Jaeger in JSON where they lie: what its API and its pages give, and what it stores
 *
 * {"data":[trace...]}, a trace, a list of traces, or spans behind one another with their process in them. References may hold whole spans,
 * nested as deep as the trace: they are stepped over. FOLLOWS_FROM becomes a link.
 */
#ifndef PROTO_JAEGER_H
#define PROTO_JAEGER_H

#include "proto/jpull.h"

#define JAEGER_PROCESSES_MAX 1024u      /* of a trace; spans of further ones have no name */
#define JAEGER_SLOTS 2048u

struct jaeger_process {
	struct span_text key;
	struct jpull_place place;       /* where it stands */
};

struct jaeger {
	const char *error;      /* a constant, when the text is refused */
	size_t error_at;        /* byte of the text */
	struct span_counts counts;
	bool recognised;        /* there was something that only Jaeger has */
	struct span_keys keys;
	struct span_attrs resource;
	struct span span;
	struct jaeger_process processes[JAEGER_PROCESSES_MAX];
	uint16_t slots[JAEGER_SLOTS];   /* process + 1 */
	unsigned process_count, current;        /* current: the process last handed out, or process_count */
	struct jpull pull;
};

/* As otlp_pb_read(). */
int jaeger_read(struct jaeger *w, const char *p, size_t n, const struct span_sink *sink);

#endif
