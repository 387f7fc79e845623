/* SPDX-License-Identifier: MIT */
/*
 * pipe.h - one direction of a session: receive, faults, send. The same code serves both directions.
 *
 * In the common case (no faults, the receiver keeps up) bytes go from the shared scratch straight to the other socket and no
 * struct pipe exists. One is made when faults apply or bytes must wait.
 *
 * Invariants
 *  (1) inflight_bytes > 0 exactly while an io_send of this direction is under way; those bytes are the chain's first.
 *  (2) A pipe without stages exists only while it holds bytes, or an end that was not passed on yet.
 */
#ifndef PROXY_PIPE_H
#define PROXY_PIPE_H

#include "proxy/session.h"

struct pipe {
	struct chain chain;
	fl_ns next;                     /* when the chain wants to run again */
	struct fault_set *set;          /* a reference to the faults the chain points to; NULL: none */
	fl_ns starved_at;               /* since when a fault wants memory and gets none; 0: it does not */
	uint32_t inflight_bytes;
	bool has_ip;                    /* the client's address, kept for when its socket is closed */
	uint8_t ip[16];
};

enum pipe_result {
	PIPE_OK,
	PIPE_FINISHED,                  /* the end of the stream came out and all before it was sent */
	PIPE_TO_BROKEN,                 /* the receiving connection is broken */
	PIPE_CLOSE,                     /* a fault closes the connection */
	PIPE_RESET,                     /* a fault resets it */
	PIPE_HALF_OPEN,                 /* a fault takes the sender away */
	PIPE_OVERLOAD,                  /* no memory */
};

/* Who the session is to a fault; with_ip: scopes by client address will be looked at. */
struct decide_conn pipe_identity(const struct session *s, bool with_ip);

enum pipe_result pipe_data(struct worker *w, struct session *s, enum fl_dir d, const uint8_t *p, size_t n, fl_ns now);
enum pipe_result pipe_eof(struct worker *w, struct session *s, enum fl_dir d, fl_ns now);
enum pipe_result pipe_sent(struct worker *w, struct session *s, enum fl_dir d, fl_ns now);
/* Move what is due. */
enum pipe_result pipe_run(struct worker *w, struct session *s, enum fl_dir d, fl_ns now);
/* Make its faults those of the line's configuration. */
enum pipe_result pipe_conf(struct worker *w, struct session *s, enum fl_dir d, fl_ns now);
/* Start or stop receiving, as there is room. */
void pipe_flow(struct worker *w, struct session *s, enum fl_dir d);
fl_ns pipe_next(const struct session *s, enum fl_dir d);
void pipe_free(struct worker *w, struct session *s, enum fl_dir d);

#endif
