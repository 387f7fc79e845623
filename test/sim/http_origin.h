/* SPDX-License-Identifier: MIT */
/*
 * http_origin.h - a simulated HTTP server: one instance, its connections, and what it does with each request.
 *
 * Invariants
 *  (1) It answers requests of a connection one after the other; a byte of the next one before that is a fault of the proxy.
 *  (2) What it says of an answer in its head is true, but for SHORT, EXTRA, RESET, CUT and RUBBISH: those are noted in web_answer.
 */
#ifndef SIM_HTTP_ORIGIN_H
#define SIM_HTTP_ORIGIN_H

#include "http_sim.h"

#define ORIGIN_SINS_NONE UINT32_MAX

struct origin_conn;
struct web_server {
	struct web *web;
	unsigned number;
	struct io_addr addr;
	char text[64], name[64];        /* its address; a name that stands for it */
	struct listener *listener;      /* NULL: it is down */
	struct rnd rnd;
	bool sick;
	struct origin_conn *conns;      /* list; they stay when they are over */
};

/* One connection. */
struct origin_conn {
	struct web_server *server;
	struct origin_conn *next;
	struct end *end;
	struct rnd rnd;
	struct wire_in in;
	struct wire_out out;
	struct web_request *request;    /* in hand; NULL: none */
	struct web_answer *answer;      /* begun */
	uint32_t sin;                   /* enum web_sin, or ORIGIN_SINS_NONE */
	uint64_t break_at;              /* bytes of the answer */
	bool health, whole, answering, answered, tunnel, told_close, over, fin_sent;
	unsigned requests, interims;
	fl_ns answer_at, say_at, read_at, leave_at, scheduled_at;
	uint64_t tunnel_got;
};

void origin_init(struct web *x, struct web_server *s, unsigned number);
void origin_up(struct web_server *s);
/* It stops listening; crash: its connections are reset. */
void origin_down(struct web_server *s, bool crash);
/* No more sins; what waits is done. */
void origin_finish(struct web_server *s);

#endif
