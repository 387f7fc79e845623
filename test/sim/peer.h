/* SPDX-License-Identifier: MIT */
/*
 * peer.h - a simulated client or server: sends a stream and reads one, by a plan.
 *
 * Invariants
 *  (1) What a peer sends is stream_byte(key, 0...), nothing else.
 *  (2) A peer that is over has closed its end and does nothing any more.
 *  (3) After peer_finish() a peer does all it can to end its connection in good order.
 */
#ifndef SIM_PEER_H
#define SIM_PEER_H

#include "net.h"

enum peer_ending {
	PEER_FIN_WHEN_SENT,     /* half close: FIN behind the last byte, goes on reading */
	PEER_FIN_AFTER_EOF,     /* FIN when the other side has ended */
	PEER_CLOSE_WHEN_SENT,   /* close both directions, what comes later is answered by a reset */
	PEER_RESET_WHEN_SENT,
	PEER_STAYS,             /* until the end of the trouble */
	PEER_ENDINGS
};

struct peer_plan {
	uint64_t send_bytes;
	uint32_t chunk_bytes_max, read_bytes_max;
	fl_ns gap_ns_max, read_gap_ns_max;
	uint64_t stall_at;              /* stops reading there; UINT64_MAX never */
	uint32_t reply_share;           /* may send got * share / 16 bytes only; 0: sends freely */
	uint64_t reset_at;              /* resets after having sent that much; UINT64_MAX never */
	enum peer_ending ending;
};

struct peer;
/* News of a peer, for the one who checks. n == 0: the stream ended; p == NULL: it was reset. */
typedef void peer_got_fn(struct peer *p, const uint8_t *bytes, size_t n);

struct peer {
	struct net *net;
	struct end *end;
	struct rnd rnd;
	uint32_t id;
	bool server;
	struct peer_plan plan;
	uint64_t key;
	uint64_t sent, got;
	bool fin_sent, eof_got, reset_got, reset_sent, closed_early, connect_failed, over;
	bool finishing, scheduled;
	fl_ns read_at;                  /* not before */
	fl_ns reset_sent_at;
	peer_got_fn *on_got;
	void *conn;                     /* of the one who checks */
};

/* A client that opens a connection. */
struct peer *peer_connect(struct net *n, const struct io_addr *from, const struct io_addr *to, uint64_t key, const struct peer_plan *plan);
/* A server on an accepted end. */
struct peer *peer_accept(struct net *n, struct end *e, uint64_t key, const struct peer_plan *plan);
void peer_finish(struct peer *p);
/* The peer at this end, or NULL when it belongs to the proxy. */
struct peer *peer_at(const struct end *e);
/* The peer at the far end of the proxied connection(s), or NULL when it is not known (yet). */
struct peer *peer_far(const struct peer *p);

#endif
