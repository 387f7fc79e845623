/* SPDX-License-Identifier: MIT */
/*
 * session.h - one connection on a line: a client's socket, a server's socket, two pipes.
 */
#ifndef PROXY_SESSION_H
#define PROXY_SESSION_H

#include "proxy/worker.h"

enum session_side { SIDE_CLIENT = 0, SIDE_SERVER = 1 };

/* The side a direction comes from, and the one it goes to. */
static inline enum session_side side_from(enum fl_dir d) { return d == FL_C2S ? SIDE_CLIENT : SIDE_SERVER; }
static inline enum session_side side_to(enum fl_dir d) { return d == FL_C2S ? SIDE_SERVER : SIDE_CLIENT; }
static inline enum fl_dir dir_other(enum fl_dir d) { return d == FL_C2S ? FL_S2C : FL_C2S; }

/* Per direction. */
enum {
	DIR_EOF_IN = 1 << 0,            /* the source said that it ended (or broke) */
	DIR_DONE = 1 << 1,              /* the end was passed on: nothing moves any more */
	DIR_DISCARD = 1 << 2,           /* what still arrives is dropped */
	DIR_RESET = 1 << 3,             /* pass the end on as a RST */
	DIR_BROKEN_FROM = 1 << 4,       /* the source's connection is broken, but may hold bytes to be read */
};

struct dial;
struct pipe;

/* 136 bytes: an idle connection costs this, two io sockets, and nothing else in user space. */
struct session {
	struct io_sock *socks[2];       /* by side; NULL: none, or IO_CLOSED was seen */
	struct wline *wline;
	struct list link;               /* in wline->sessions */
	struct heap_node timer;
	union {
		struct pipe *pipes[2];  /* by direction; NULL: no faults and nothing held */
		struct dial *dial;      /* while dialing: until it relays */
	};
	uint64_t received[2], sent[2];  /* bytes, by direction */
	uint64_t ordinal, key;
	fl_ns opened;
	uint8_t step;
	uint8_t reason;                 /* enum line_close */
	uint8_t flags[2];               /* by direction */
	bool closing[2];                /* by side: io_close() was called */
	bool half_opened : 1;
	bool has_peer : 1;              /* worker->peers has the client's address */
	bool dialing : 1;               /* the union holds dial */
	bool traced : 1;                /* worker->taps has who listens to it */
};

static inline struct wpeer *
session_peer(const struct session *s)
{
	struct worker *w = s->wline->worker;
	return &w->peers[(uint32_t)pool_handle(&w->sessions, s) - 1];   /* the low half of a handle is the slot + 1 */
}

/* Who the client is: as its PROXY header said, or the other end of its connection. */
static inline bool
session_client(const struct session *s, struct io_addr *ret_addr)
{
	if (s->has_peer) {
		addr_from_ip16(session_peer(s)->ip, session_peer(s)->port, ret_addr);
		return true;
	}
	return s->socks[SIDE_CLIENT] != NULL && !s->closing[SIDE_CLIENT] && io_peer_addr(s->socks[SIDE_CLIENT], ret_addr) == 0;
}

/* An accepted connection. The token is taken over in any case. */
void session_open(struct worker *w, struct wline *wl, int token, uint64_t ordinal, uint64_t key);
/* An event of one of its sockets. The session may be gone afterwards. */
void session_event(struct worker *w, struct session *s, enum session_side side, const struct io_event *ev);
/* Its timer went off. */
void session_timer(struct worker *w, struct session *s);
/* The line's configuration changed: wline->conf is the new one, the old one is still alive. */
void session_conf(struct worker *w, struct session *s);
/* End it now. */
void session_stop(struct worker *w, struct session *s, enum line_close reason, bool reset);
/* Memory pressure began or ended: read less or more. */
void session_pressure(struct worker *w, struct session *s);
void session_report(struct worker *w, struct session *s, struct proxy_conn *ret);
/* Free at the end of the worker: its sockets are closed by io_free(). */
void session_abandon(struct worker *w, struct session *s);

#endif
