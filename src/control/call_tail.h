/* SPDX-License-Identifier: MIT */
/*
 * call_tail.h - the calls of HTTP lines, taken from the proxy: the latest in memory for /v1/requests, those that are asked for in
 * the lines' access logs.
 *
 * A call is one JSON object, the same in both places (doc/http-lines.md):
 *
 *      {"n":7,"time":"2026-11-21T05:57:47.094123Z","line":"cart","route":"default","method":"GET","path":"/", ... }
 */
#ifndef CONTROL_CALL_TAIL_H
#define CONTROL_CALL_TAIL_H

#include "control/access_log.h"
#include "control/lines.h"
#include "proto/jsonw.h"
#include "proxy/http_record.h"
#include "run/trace_recorder.h"

#define CALL_TAIL_MAX 8192u

struct call_tail {
	struct lines *lines;
	struct access_log *log;         /* NULL: none could be made */
	struct trace_recorder *trace;   /* gets calls too, where it wants to; NULL: nobody does */
	struct http_record *ring;       /* call n is at n % CALL_TAIL_MAX */
	uint64_t next;                  /* number of the next call */
	uint64_t lost;                  /* calls for which the proxy had no room */
	fl_ns epoch;                    /* io clock at 1970 */
	struct buf text;
};

int call_tail_init(struct call_tail *t, struct lines *lines, struct log *log, fl_ns now);       /* 0 or -errno */
/* Accepts a zeroed one. */
void call_tail_fini(struct call_tail *t);
/* Take what the proxy has recorded. Bounded work; true: there may be more. */
bool call_tail_take(struct call_tail *t);
/* One call as an object. */
void call_tail_json(const struct call_tail *t, uint64_t n, struct jsonw *w);

/* Which calls; what is not said is "" or 0. */
struct call_tail_filter {
	char line[LINE_NAME_MAX], route[64], trace[33];
	unsigned status;                /* 503; 5: the class */
	bool refused;                   /* by a policy */
	uint64_t from;                  /* not older than this number */
};
bool call_tail_fits(const struct call_tail *t, uint64_t n, const struct call_tail_filter *f);
/* The oldest number that is still there. */
uint64_t call_tail_first(const struct call_tail *t);

#endif
