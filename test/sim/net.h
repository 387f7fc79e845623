/* SPDX-License-Identifier: MIT */
/*
 * net.h - a virtual network: connections made of two flows of bytes, listeners, and everything that goes wrong with them.
 *
 * A connection is a wire with two ends: 0 opened it, 1 was connected to. Each end belongs to the proxy (through io_sim.c)
 * or to the harness (peer.c); both use the same functions, which behave as the kernel's sockets do: bounded buffers on
 * both sides, delays, FIN behind the data, RST that may overtake it.
 *
 * Invariants
 *  (1) flow: read <= arrived <= written; written - arrived <= snd_max; arrived - read <= rcv_max.
 *  (2) Bytes of a flow are read in the order and with the values they were written, or not at all after a reset.
 *  (3) An end is told of news by its notify function, from net's own steps, never from inside a call it made.
 */
#ifndef SIM_NET_H
#define SIM_NET_H

#include "world.h"
#include "io/addr.h"

/* Shares are in 1/1000. All zero but the buffer sizes: a calm network without delays. */
struct net_trouble {
	fl_ns delay_ns_max;             /* of every delivery, SYN, RST and notice */
	uint32_t snd_bytes_min, snd_bytes_max, rcv_bytes_min, rcv_bytes_max;
	uint32_t segment_bytes_max;     /* per delivery; 0: any */
	unsigned rst;                   /* per delivery: both ends are reset */
	unsigned rst_other;             /* share of those that show as another error (ETIMEDOUT, EHOSTUNREACH) */
	unsigned rst_overtakes, rst_purges, rst_unnoticed, rst_error_once;
	unsigned connect_fails_now, connect_refused, connect_silent, syn_lost;
	unsigned names_busy, names_fail, names_late;
	fl_ns names_late_ns_max;
	/* What the system calls of the proxy do. */
	unsigned short_recv, short_push, zero_push;
	unsigned late;                  /* events of the proxy come late, by up to late_ns_max */
	fl_ns late_ns_max;
	unsigned extra_recv;            /* one more IO_RECV after io_recv_stop() */
	unsigned accept_fails, attach_fails;
	unsigned early_end;             /* io_next() says "none now" although there is more */
	/* Not of nature: a defect of the network itself, to see that it is found. */
	bool lose_a_byte;
};

typedef void net_notify_fn(void *owner);
struct end;
/* The proxy received (or sent) n bytes at this end of its. */
typedef void net_moved_fn(struct end *e, bool received, size_t n);

struct flow {
	uint8_t *ring;
	uint32_t ring_bytes, snd_max, rcv_max;
	uint64_t written, arrived, read;
	uint64_t purged;                /* arrived but thrown away by a reset */
	bool fin, fin_arrived;
	bool moving;                    /* a delivery is scheduled */
	bool dead;                      /* a reset passed; nothing arrives any more */
};

enum end_state { END_CONNECTING, END_OPEN, END_FAILED, END_CLOSED };

struct wire;
struct end {
	struct wire *wire;
	struct end *mate;               /* end of the proxy's other connection of the same session, as io_sim learnt it */
	uint8_t side;
	enum end_state state;
	int err;                        /* why connecting failed, or the reset, -errno; 0 none */
	bool err_told;                  /* and it was reported once */
	bool rst_sent;                  /* by this end */
	bool rst_seen;                  /* by this end; stays */
	uint64_t unsent;                /* bytes written by sends that did not become IO_SENT (yet) */
	bool told;                      /* io_sim told the proxy that it is open */
	struct listener *accepted_by;   /* NULL: nobody accepted it (yet) */
	uint64_t accept_number;         /* of that listener, from 1 */
	struct io_addr addr;
	net_notify_fn *notify;
	void *owner;
};

struct wire {
	struct net *net;
	uint32_t id;
	struct flow flow[2];            /* [side of the sender] */
	struct end end[2];
	bool broken;                    /* the network itself reset it */
	int broken_err;                 /* what its ends see, -errno */
	unsigned syn_tries;
};

#define LISTENER_BACKLOG 64
struct listener {
	struct net *net;
	uint32_t id;
	struct io_addr addr;
	bool open;
	struct end *backlog[LISTENER_BACKLOG];
	uint32_t count;
	uint64_t accepted;              /* taken from the backlog */
	net_notify_fn *notify;
	void *owner;
	struct listener *next;
};

/* See resolve_sim.h. */
struct net_name {
	unsigned number, dead;
	struct io_addr addr;
	struct net_name *next;
};

struct net_token;
struct net {
	struct world *world;
	struct rnd rnd;
	struct net_trouble trouble;
	struct listener *listeners;
	struct net_name *names;
	struct net_token *tokens;
	uint32_t token_count, token_cap;
	uint32_t wire_count, listener_count;
	uint16_t next_port;
	bool byte_lost;
	net_moved_fn *on_moved;         /* may be NULL */
};

/* There is one network at a time: io_bind() and its like do not say which. */
struct net *net_new(struct world *w, uint64_t seed);
void net_free(struct net *n);
struct net *net_current(void);

/* A delay of the network. */
fl_ns net_delay(struct net *n);

/* 0 or -EADDRINUSE. Port 0 gets a port. */
int net_listen(struct net *n, const struct io_addr *addr, struct listener **ret_listener);
/* Those in the backlog are reset. */
void listener_close(struct listener *l);
/* The oldest connection that waits, or NULL. */
struct end *listener_accept(struct listener *l);

/* Open a connection; news come by notify. Never fails at once: see end->state. */
struct end *net_connect(struct net *n, const struct io_addr *from, const struct io_addr *to, net_notify_fn *notify, void *owner);

/* Bytes that can be read now. */
size_t end_readable(const struct end *e);
/* The sender ended the stream and all of it was read. */
bool end_at_eof(const struct end *e);
/* Read up to n bytes; returns how many. */
size_t end_read(struct end *e, uint8_t *p, size_t n);
/* Room for bytes. */
size_t end_room(const struct end *e);
/* Write n <= end_room() bytes. */
void end_write(struct end *e, const uint8_t *p, size_t n);
/* The error that waits, as a system call would report and clear it; 0 none. */
int end_take_error(struct end *e);
void end_fin(struct end *e);
void end_close(struct end *e);
void end_reset(struct end *e);
/* The network resets the connection: both ends see it. */
void wire_break(struct wire *w);
static inline struct end *end_other(struct end *e) { return &e->wire->end[!e->side]; }
static inline struct flow *end_in(const struct end *e) { return &e->wire->flow[!e->side]; }
static inline struct flow *end_out(const struct end *e) { return &e->wire->flow[e->side]; }

/* Tokens: what io.h calls unattached listeners and connections. */
int net_token_add(struct net *n, struct listener *l, struct end *e);
/* Look one up; both NULL when it is not (or no longer) one. */
void net_token_get(const struct net *n, int token, struct listener **ret_l, struct end **ret_e);
void net_token_drop(struct net *n, int token);
/* Tokens that nobody attached or discarded. */
uint32_t net_tokens_open(const struct net *n);

#endif
