/* SPDX-License-Identifier: MIT */
/*
 * zipkin.h - reads spans of Zipkin v2 in JSON where they lie
 *
 * A list of spans, a list of lists (traces), or spans behind one another. The local endpoint becomes the resource, the remote endpoint and the
 * tags become the attributes of the same meaning.
 */
#ifndef PROTO_ZIPKIN_H
#define PROTO_ZIPKIN_H

#include "proto/jpull.h"

struct zipkin {
	const char *error;      /* a constant, when the text is refused */
	size_t error_at;        /* byte of the text */
	struct span_counts counts;
	bool recognised;        /* there was something that only Zipkin has */
	struct span_keys keys;
	struct span_attrs resource;
	struct span span;
	struct jpull pull;
};

/* As otlp_pb_read(). */
int zipkin_read(struct zipkin *w, const char *p, size_t n, const struct span_sink *sink);

#endif
