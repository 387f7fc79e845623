/* SPDX-License-Identifier: MIT */
/*
 * otlp_json.h - reads OTLP traces in JSON where they lie, and hands out their resources and spans
 *
 * A text is one request or several behind one another (a collector's file has one a line), or a list of them. Beside what the
 * specification says, what senders and stores are known to write is read: names of enums, base64 ids, numbers where it says text, names
 * with underscores, instrumentationLibrarySpans, Tempo's batches and trace.
 */
#ifndef PROTO_OTLP_JSON_H
#define PROTO_OTLP_JSON_H

#include "proto/jpull.h"

struct otlp_json {
	const char *error;      /* a constant, when the text is refused */
	size_t error_at;        /* byte of the text */
	struct span_counts counts;
	bool recognised;        /* there was something that only OTLP has */
	struct span_keys keys;
	struct span_attrs resource;
	struct span_text scope;
	struct span span;
	struct jpull pull;
};

/* As otlp_pb_read(). */
int otlp_json_read(struct otlp_json *w, const char *p, size_t n, const struct span_sink *sink);

#endif
