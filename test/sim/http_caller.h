/* SPDX-License-Identifier: MIT */
/*
 * http_caller.h - a simulated HTTP client: a connection to a line, requests on it by a plan, and what comes back.
 *
 * Invariants
 *  (1) Requests are said whole and in order, answers are awaited in that order: waiting[0] is the one that is due.
 *  (2) A client that is over has closed its end and does nothing any more.
 */
#ifndef SIM_HTTP_CALLER_H
#define SIM_HTTP_CALLER_H

#include "http_sim.h"

#define CALLER_WAITING_MAX 8

struct web_client {
	struct web *web;
	struct web_line *line;
	struct web_client *next;
	struct end *end;
	struct rnd rnd;
	unsigned number;
	/* The plan. */
	unsigned requests, depth, minor;
	uint32_t chunk_bytes_max, read_bytes_max;
	fl_ns gap_ns_max, read_gap_ns_max, think_ns_max;
	uint64_t reset_at, stall_at;    /* bytes sent; UINT64_MAX: never */
	bool fin_after, probe;
	/* Requests. */
	struct web_request *waiting[CALLER_WAITING_MAX];
	unsigned waiting_count, asked;
	struct web_request *saying;     /* not wholly said; it is among those waiting, or its answer came early */
	struct wire_out out;
	struct wire_in in;
	fl_ns go_on_at;                 /* Expect: say the body then, at the latest; 0: said */
	fl_ns ask_at, read_at, write_at, scheduled_at;
	uint64_t sent, got;
	fl_ns quiet_since;              /* nothing was under way from then on */
	bool over, finishing, fin_sent, eof_got, reset_got, reset_sent, said_close, told_end, cut, tunnel, closed_first, deaf;
	uint64_t tunnel_said, tunnel_got;
};

/* Open a connection. probe: one request of phase 3, in good order. */
struct web_client *caller_new(struct web *x, struct web_line *l, unsigned number, bool probe);
/* No new requests; do what is needed to end in good order. */
void caller_finish(struct web_client *c);
/* The end of the proxy on this connection. */
static inline struct end *caller_near(const struct web_client *c) { return end_other(c->end); }

#endif
