/* SPDX-License-Identifier: MIT */
/*
 * otlp_pb.h - reads an OTLP ExportTraceServiceRequest in protobuf where it lies, and hands out its resources and spans
 *
 * The subset of the wire format that is read stands in otlp_pb.c; every other field is stepped over by its wire type. Nothing is
 * allocated, nothing recurses: attribute values that are lists or maps are not looked into. TracesData, which collectors write to files,
 * has the same shape. A request costs O(bytes).
 */
#ifndef PROTO_OTLP_PB_H
#define PROTO_OTLP_PB_H

#include "proto/span.h"

struct otlp_pb {
	const char *error;      /* a constant, when the request is refused */
	size_t error_at;        /* byte of the request */
	struct span_counts counts;
	struct span_keys keys;
	struct span_attrs resource;
	struct span span;
};

/*
 * otlp_pb_read - all of a request.
 * w         scratch and outcome; large, so the caller keeps one. Needs no initialisation
 * returns   0; -EINVAL: w->error at w->error_at, and what was handed out before stays handed out; or what the sink returned
 */
int otlp_pb_read(struct otlp_pb *w, const void *p, size_t n, const struct span_sink *sink);

#endif
