/* SPDX-License-Identifier: MIT */
/*
 * conn.h - one client's connection as the harness sees it, and whether what comes out of it is right.
 *
 * The rules
 *  (1) What a peer gets is a prefix of what the other sent, unless a damaging fault was ever on that direction; then it is
 *      what the oracle computes, when that can be known, else anything.
 *  (2) The end of a stream tells that everything was delivered, unless something cut the connection: a fault, a control
 *      operation, or the peer's own end on a line without half close.
 *  (3) A reset by one peer is never shown to the other as an orderly end.
 *  (4) With half close and nothing in the way, both streams arrive whole.
 *  (5) Through a limit_data, and nothing else that cuts, come exactly as many bytes as it lets pass.
 *  (6) Bytes are passed on no sooner than latency and bandwidth faults allow.
 *  (7) A direction holds no more than its bound, one read, and one read that followed a stop.
 */
#ifndef SIM_CONN_H
#define SIM_CONN_H

#include "oracle.h"
#include "peer.h"
#include "timing.h"

struct run;
struct sim_line;

struct conn {
	struct run *run;
	struct sim_line *line;          /* the one the client connected to */
	struct peer *client, *server;   /* server: NULL until one accepted */
	struct oracle oracle[2];        /* by direction */
	struct timing timing[2];
	bool half_close;                /* all the time so far */
	bool cut_off;                   /* something may have ended it early: rules (2) to (4) do not hold */
	struct conn *next;
};

/* A client connects to the line. */
struct conn *conn_open(struct run *run, struct sim_line *line, const struct io_addr *from, uint64_t key, const struct peer_plan *plan);
/* A server accepted the connection of some client: find it and check from now on. */
void conn_accepted(struct run *run, struct peer *server);
/* The faults of its line are about to change. */
void conn_faults(struct conn *c);
/* net.on_moved: the timing of what the proxy passes on. */
void conn_moved(struct end *e, bool received, size_t n);
/* At the end of the run: rule (4). */
void conn_check_end(struct conn *c);
/* A peer has not ended yet. */
bool conn_alive(const struct conn *c);
/* Both peers were there and have ended: nothing that happens now can matter to it. */
bool conn_done(const struct conn *c);

#endif
