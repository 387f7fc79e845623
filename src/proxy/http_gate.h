/* SPDX-License-Identifier: MIT */
/*
 * http_gate.h - one message on its way out, as the faults on it want it: later, slower, damaged, with another body, or not whole.
 *
 *      head, body as on the wire -> wait -> (chain of the body) -> framing anew -> http_out
 *
 * Only messages that a fault acts on have one. What a plan (fault/http_fault.h) asks for before the message and instead of it is
 * done by whoever makes the gate.
 *
 * Invariants
 *  (1) Bytes go out in the order head, payload, end; nothing after ended() was told.
 *  (2) It never holds more than GATE_BOUND and one input.
 */
#ifndef PROXY_HTTP_GATE_H
#define PROXY_HTTP_GATE_H

#include "fault/http_fault.h"
#include "proxy/http_out.h"

struct http_gate;

/* How a message goes out: framing as it was, or another. */
struct http_frame {
	bool reframe;
	enum h1_framing framing;
	uint64_t length;
	bool lies;                      /* the length is not that of the body: the connection ends behind it */
};
/* The framing of message under the plan. dechunk: the reader knows no chunks. */
struct http_frame http_gate_frame(const struct http_fault_plan *plan, const struct h1_head *message, bool dechunk);

struct http_gate_ops {
	void (*moved)(struct worker *w, void *owner);                   /* there is room again, or all of it is out */
	void (*ended)(struct worker *w, void *owner, bool reset);       /* a fault ends the connection here */
};

/*
 * http_gate_new - begin a message.
 * head      n bytes of its head, as they are to go out: copied
 * message   the head as it came; frame as of http_gate_frame()
 * returns   NULL: no memory
 * No op is called from within this and http_gate_put(), http_gate_finish(): the first step is taken by http_gate_run().
 */
struct http_gate *http_gate_new(struct worker *w, const struct http_fault_plan *plan, struct http_fault_set *set, const struct http_who *who,
    const char *head, size_t n, const struct h1_head *message, const struct http_frame *frame);
/* Where it goes, and who is told. */
void http_gate_open(struct http_gate *g, struct http_out *out, struct io_sock *sock, const struct http_gate_ops *ops, void *owner);
void http_gate_free(struct worker *w, struct http_gate *g);     /* NULL is fine */

/* Bytes of the body, as on the wire. 0 or -ENOMEM. */
int http_gate_put(struct worker *w, struct http_gate *g, const char *p, size_t n);
/* That was all of it. */
void http_gate_finish(struct http_gate *g);
/* What is put from now on is not for this message: it has all that goes out. */
void http_gate_deafen(struct http_gate *g);
/* Move what may be moved. To be called after put and finish, and when out was sent. false: out is broken. */
bool http_gate_run(struct worker *w, struct http_gate *g);
/* The connection is being closed: nothing more goes out. NULL is fine. */
void http_gate_stop(struct worker *w, struct http_gate *g);
/* The faults have changed: pace and damage of the rest follow. */
void http_gate_renew(struct worker *w, struct http_gate *g, struct http_fault_set *set);

bool http_gate_busy(const struct http_gate *g);         /* put no more for now */
bool http_gate_idle(const struct http_gate *g);         /* all that was put went out */
bool http_gate_over(const struct http_gate *g);         /* the message is out */
bool http_gate_begun(const struct http_gate *g);        /* some of it is */

#endif
