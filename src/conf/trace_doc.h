/* SPDX-License-Identifier: MIT */
/*
 * trace_doc.h - `trace:` of a line, as it stands in faultline.yaml and in experiments.
 *
 *      trace: true                       # of an HTTP line: W3C traceparent is continued or begun (the default)
 *      trace: lines                      # of a TCP line: its messages are recorded; how they are framed
 *      trace:
 *        frames: u32                     # of a TCP line: lines, u8, u16, u32, u64, u16le, u32le, u64le, varint
 *        answers: lines                  # frames of what the server sends; default: as frames
 *        context: true                   # of an HTTP line: as trace: true
 *        id: {field: order.id}           # what names a message: content, stream, {field: NAME}, {word: N}; of HTTP also
 *                                        # {header: NAME} and path
 *        key: {header: x-user}           # or what a group of messages have in common, that come one out of the other
 *        from: front                     # the services at its ends
 *        to: billing
 */
#ifndef CONF_TRACE_DOC_H
#define CONF_TRACE_DOC_H

#include "proto/doc.h"
#include "proto/jsonw.h"
#include "proxy/trace_conf.h"

struct trace_doc {
	bool on;                        /* messages are recorded, with ids and hashes */
	bool context;                   /* HTTP: traceparent */
	struct trace_frame_conf frame[2];
	char from[64], to[64];
};

/* n NULL: nothing is said. Complaints go to d. */
void trace_doc_read(const struct doc_node *n, bool http, struct doc_diag *d, struct trace_doc *ret);
/* The value of `trace`, in the words that are read. */
void trace_doc_json(struct jsonw *w, const struct trace_doc *t, bool http);
/* For the data path: NULL when !on, or without memory. One reference. */
struct trace_conf *trace_doc_conf(const struct trace_doc *t);

#endif
