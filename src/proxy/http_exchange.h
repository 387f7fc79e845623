/* SPDX-License-Identifier: MIT */
/*
 * http_exchange.h - one request and what becomes of it: the state that http_conn.c, http_try.c and http_msg.c share.
 *
 * An exchange is taken from the worker's slab when a request's head is complete, and given back when its answer is out and all its
 * work has ended.
 */
#ifndef PROXY_HTTP_EXCHANGE_H
#define PROXY_HTTP_EXCHANGE_H

#include "audit/trace_id.h"
#include "fault/http_fault.h"
#include "faultline/call.h"
#include "proto/h1_body.h"
#include "proxy/cluster.h"
#include "proxy/http_line.h"
#include "proxy/http_out.h"
#include "proxy/upconn.h"

#define HTTP_RECV_BYTES (64 * 1024)     /* at most, of one IO_RECV */

struct http_conn;
struct http_exchange;
struct http_gate;
struct http_hold;

/* Where an attempt stands. */
enum http_try_phase {
	HTTP_TRY_CONNECTING,
	HTTP_TRY_SENDING,               /* the request's body is not all sent */
	HTTP_TRY_WAITING,               /* for the head of the answer */
	HTTP_TRY_BODY,                  /* the head is there */
	HTTP_TRY_OVER,                  /* its connection is gone, or given back */
};

struct http_try {
	struct upconn_user user;
	struct http_exchange *ex;
	struct upconn *conn;            /* NULL: none (any more) */
	struct instance *instance;      /* counted in flight until it was voted; a reference */
	struct fl_permit permit;
	uint8_t index;                  /* of the attempt */
	uint8_t phase;
	uint8_t waits;                  /* for a connection that another worker closes */
	bool fallback;                  /* to the fallback's cluster */
	bool voted, reused, any_sent, any_received, tunnel, head_sent;
	bool shut;                      /* tunnel: the client's end was passed on */
	bool paused;                    /* receiving was stopped: the client does not keep up */
	bool faulted;                   /* a fault has ended its connection: nothing is hidden by another one */
	bool spent;                     /* the connection is of no use for another request */
	bool unwanted;                  /* the answer is nobody's: the connection is given back when it is whole and in hand */
	fl_ns started, phase_at, moved_at;
	fl_ns first_byte;               /* from started; 0: not yet */
	uint64_t body_at;               /* bytes of the request's body (as on the wire) that were given to the connection */
	/* the answer */
	char *held;                     /* of its head, while it comes in pieces */
	uint32_t held_n, held_room;
	struct h1_scan scan;
	struct h1_body body;
	uint16_t status;
	uint8_t framing;                /* enum h1_framing */
	bool keep_alive, body_done;
	/* faults */
	struct http_fault_plan *plan;   /* on the request's way to the instance; NULL: none acts */
	struct http_gate *gate;         /* carries it out; NULL: nothing to carry out */
	struct http_hold *hold;         /* it waits before it begins; NULL: not */
};

struct http_exchange {
	struct http_conn *conn;
	struct http_line *line;         /* counted */
	const struct http_route *route;
	struct http_cell *cell;
	struct fl_call call;
	atomic_int grant_state;         /* 1: a bulkhead has answered; grant_* say what */
	int grant_res;
	struct fl_refusal grant_why;
	struct http_try *tries[FL_CALL_ATTEMPTS_MAX];
	struct http_try *fallback;
	struct http_try *winner;        /* whose answer goes to the client */
	struct instance *tried[CLUSTER_TRIED_MAX];      /* references */
	uint8_t tried_count;
	/* the request */
	const struct io_addr *client;   /* the connection's; NULL: nobody needs it */
	bool tls;                       /* it came over TLS */
	char *head;                     /* its bytes, as they came */
	uint32_t head_bytes;
	uint8_t method, version_minor;
	bool client_keeps;              /* the client lets the connection go on */
	bool expects, upgrade, has_body, has_trace;
	uint8_t framing;
	struct h1_body body;
	bool body_done;
	char *kept;                     /* the body so far, for (another) attempt */
	uint32_t kept_n, kept_room;
	bool keeps;                     /* what comes is kept; false: it goes to the one attempt alone */
	uint64_t body_bytes;            /* that came, as on the wire */
	uint64_t number, ordinal, draws;
	uint8_t trace[16], span[8], parent[8];
	bool trace_began;
	char trace_flags[2];
	fl_ns caller_left;              /* the caller's deadline as it was said; 0: none */
	bool said_grpc, said_envoy;
	/* the answer */
	bool answering;                 /* its head is on its way to the client */
	bool answered;                  /* all of it is */
	bool committed;                 /* fl_call_commit() was called for the winner */
	bool dechunk;                   /* a chunked answer to a client of HTTP/1.0 */
	bool close_after;
	bool finished;                  /* FL_DO_FINISH was seen */
	bool holds;                     /* the answer of a failed attempt goes out: the call is released when it has */
	bool released;                  /* FL_DO_RELEASE was seen */
	bool degraded, own;             /* the answer is the fallback's; it is ours */
	const char *head_p;             /* the head of the answer in hand, while drive() decides; NULL: none */
	bool head_more;
	uint32_t composed;              /* bytes of its head that stand in w->http->compose, to go out with the first of its body */
	struct h1_body payload;         /* dechunk: walks the answer a second time */
	fl_ns until;                    /* when the call wants to be asked again */
	uint16_t status;
	fl_ns start, queue, connect, first_byte, answer_at;    /* queue, connect, first_byte: -1 none */
	uint64_t request_bytes, response_bytes;
	char broke[96];                 /* what was wrong with the last attempt that broke; "": nothing, or a time limit */
	/* a copy for the stale cache */
	uint64_t stale_key[2];
	bool personal;                  /* the request says who asks: its answer is for nobody else */
	char *copy;
	uint32_t copy_n, copy_room;
	/* a trace */
	bool traced;
	char trace_id[TRACE_ID_MAX];
	struct trace_hash said[2];      /* by direction: of the bodies so far */
	/* faults */
	struct http_fault_set *faults;  /* as they were when it began; a reference; NULL: none */
	struct http_fault_plan *plan;   /* on the answer's way to the client; NULL: none acts */
	struct http_gate *gate;         /* carries it out, once there is an answer */
	uint64_t on_line;               /* its number on the line, where faults count requests */
	uint64_t fault_id;              /* of the first fault that hit it; 0: none */
};

static inline fl_ns http_now(const struct worker *w) { return io_now(w->io); }

#endif
