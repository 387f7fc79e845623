/* SPDX-License-Identifier: MIT */
/*
 * worker.h - one thread of the data plane: its loop, its memory, and the lines as it sees them.
 *
 * Everything in a struct worker belongs to its thread, but for what is atomic and the mailbox.
 */
#ifndef PROXY_WORKER_H
#define PROXY_WORKER_H

#include "base/heap.h"
#include "base/list.h"
#include "base/pool.h"
#include "base/slab.h"
#include "fault/chain.h"
#include "io/io.h"
#include "io/mailbox.h"
#include "io/resolve.h"
#include "proxy/line.h"
#include "proxy/record.h"

struct worker;

/* A line's counters at one worker: one writer, any reader. */
struct line_cell {
	_Alignas(64) atomic_uint_fast64_t accepted;
	atomic_uint_fast64_t active;
	atomic_uint_fast64_t received_bytes[2], sent_bytes[2];
	atomic_uint_fast64_t closed[LINE_CLOSE_COUNT];
};

static inline void
line_count(atomic_uint_fast64_t *c, uint64_t n)
{
	/* One writer: a plain add that readers may see at any time. */
	atomic_store_explicit(c, atomic_load_explicit(c, memory_order_relaxed) + n, memory_order_relaxed);
}

/* How many connections each client of a line has opened, for LINE_KEY_CLIENT. Home worker only. */
struct line_clients;
int line_clients_new(struct line_clients **ret_clients);        /* 0 or -ENOMEM */
void line_clients_free(struct line_clients *c);                 /* NULL is fine */
/* Count a connection of this client and return the key of it: of the address and the number of the connection among its. */
uint64_t line_clients_key(struct line_clients *c, const struct io_addr *client, uint64_t ordinal);

/*
 * Whatever else than a session's side or a line's listener owns a socket begins with this; the socket's ud is
 * worker_sink_ud() of it. Its event() may free it when the event is IO_CLOSED.
 */
struct sink {
	void (*event)(struct worker *w, struct sink *sink, const struct io_event *ev);
};
#define WORKER_UD_LISTENER 2            /* low bits of a socket's ud: 0 and 1 a session's side, or these */
#define WORKER_UD_SINK 3
static inline void *worker_sink_ud(struct sink *s) { return (void *)((uintptr_t)s | WORKER_UD_SINK); }

/* A timer of whatever is not a session: embed it, arm it with worker_timer(). fire() is called in the worker's turn. */
struct wtimer {
	struct heap_node node;
	void (*fire)(struct worker *w, struct wtimer *t, fl_ns now);
};

/* What all workers share of a line. */
struct line {
	uint32_t slot;                          /* in every worker's lines[] */
	unsigned home;                          /* the worker that listens and numbers connections */
	unsigned cell_count;
	char name[LINE_NAME_MAX];
	uint64_t ordinal;                       /* of the last connection accepted; home worker only */
	atomic_uint_fast64_t open;              /* connections accepted and not ended, all workers */
	atomic_uint_fast64_t requests;          /* of an HTTP line: counted while faults ask for it */
	atomic_uint holders;                    /* workers that still know it */
	struct line_clients *clients;           /* NULL unless keyed by client */
	struct line_cell *cells;                /* one per worker */
};

/* A line as one worker sees it. line NULL: the slot is not in use here. */
struct wline {
	struct line *line;
	struct worker *worker;
	struct line_conf *conf;
	struct line_cell *cell;
	struct io_sock *listener;               /* at home, while accepting */
	struct list sessions;
	struct list https;                      /* connections of an HTTP line */
	struct http_line *http;                 /* its configuration; NULL: a TCP line */
	bool draining;
	bool closing;                           /* forgotten as soon as its last session is gone */
};

/* A client's address that a PROXY header said. */
struct wpeer {
	uint8_t ip[16];
	uint16_t port;
};

/* What the workers of a proxy have in common. */
struct crew {
	unsigned count;
	struct worker *workers[LINE_WORKERS_MAX];
	uint64_t conns_max;
	atomic_uint_fast64_t open;              /* connections of all lines and workers */
	uint32_t lines_max;
	struct resolver *resolver;              /* may be NULL */
};

struct worker_opts {
	struct crew *crew;
	unsigned index;
	uint32_t conns_max;                     /* this worker's share is all of them, in the worst case */
	size_t buffer_bytes;
	uint32_t pipe_bytes;
	uint32_t handshakes_max;                /* of TLS with clients; 0: no limit */
	uint32_t events_max, records_max, traces_max;
	fl_ns spin_ns;
};

struct worker {
	struct io *io;
	struct slab *mem;
	struct pool sessions;
	struct wpeer *peers;                    /* by slot of the pool; of sessions with has_peer. Touched by those alone */
	struct heap timers;                     /* of sessions */
	struct heap wtimers;                    /* of everything else */
	struct wline *lines;                    /* crew->lines_max */
	uint32_t lines_used;                    /* slots ever used: for walks */
	uint32_t lines_closing;
	struct crew *crew;
	struct record *record;                  /* NULL: nobody wants events */
	struct trace_ring *traces;              /* NULL: nobody wants messages */
	struct trace_tap **taps;                /* by slot of the pool; of sessions with traced. Touched by those alone */
	struct upconn_pools *upools;            /* connections to instances */
	struct http_worker *http;
	struct chain_env env;
	atomic_uint_fast64_t active;            /* sessions here and on their way here */
	fl_ns accept_retry;                     /* listeners are paused until then; FL_NEVER: not paused */
	fl_ns trim_at;                          /* when idle memory goes back to the system; FL_NEVER: none was touched */
	unsigned index;
	bool pressed;                           /* buffer memory is nearly used up: read less */
	struct mailbox mail;
};

int worker_new(const struct worker_opts *opts, struct worker **ret_worker);     /* 0 or -errno */
void worker_free(struct worker *w);             /* open connections are closed; NULL is fine */
/* One turn of the loop; waits until `until` at the longest. */
void worker_turn(struct worker *w, fl_ns until);

/* Requests of the control side, run on the worker's thread. */
int worker_line_open(struct worker *w, struct line *l, struct line_conf *conf, int token);  /* token < 0: not the home worker */
void worker_line_set(struct worker *w, struct line *l, struct line_conf *conf);
void worker_line_deaf(struct worker *w, struct line *l);        /* stop accepting */
uint64_t worker_line_cut(struct worker *w, struct line *l, enum line_close reason, bool reset);
/* HTTP: no more requests but those in hand. */
void worker_line_drain(struct worker *w, struct line *l);
/* Cut (the listener is closed already) and forget: when the last session is gone, line->holders goes down by one. */
void worker_line_close(struct worker *w, struct line *l);
/* Memory was touched that is not needed for long: give it back a while later. */
static inline void
worker_trim_later(struct worker *w, fl_ns now)
{
	if (w->trim_at == FL_NEVER)
		w->trim_at = now + 100 * FL_MS;
}
/* Arm or re-arm; FL_NEVER disarms. */
static inline void worker_timer(struct worker *w, struct wtimer *t, fl_ns at) { heap_set(&w->wtimers, &t->node, at); }
/* Take the messages that are there. worker_turn() does; the control side does when workers have no threads. */
void worker_mail(struct worker *w);

#endif
