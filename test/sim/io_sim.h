/* SPDX-License-Identifier: MIT */
/*
 * io_sim.h - what the harness needs of the simulated io, beyond io.h.
 *
 * A struct io never blocks: io_wait() with nothing to report notes until when it would sleep and returns. The harness
 * decides whose turn it is: a struct io is runnable when it has something to report, was woken, its deadline has come, or
 * when its last turn did something (so it may have a new deadline).
 */
#ifndef SIM_IO_SIM_H
#define SIM_IO_SIM_H

#include "net.h"
#include "io/io.h"

struct io_sim_stats {
	uint64_t events, waits, sends, pushes;
};

/* The i-th struct io made on this network that is still open, in the order of io_new(); NULL past the last. */
struct io *io_sim_at(unsigned i);
bool io_sim_runnable(const struct io *io);
/* When it wants to run: now if runnable, else its deadline. */
fl_ns io_sim_due(const struct io *io);
/* It stays asleep until then although it is runnable: a busy processor. */
void io_sim_lag(struct io *io, fl_ns until);
/* Sockets that are not closed. */
uint32_t io_sim_open(const struct io *io);

/*
 * Which client connection does a new server connection belong to? Told by what the caller gave as ud of both.
 * Set before the first io_connect().
 */
typedef bool io_sim_mate_fn(void *server_ud, void *client_ud);
void io_sim_set_mate(io_sim_mate_fn *fn);
/* No world will step any more: what is closed from now on is told as closed at once, as by the kernel. Until the next network. */
void io_sim_end(void);
/* Called when the proxy reads from or writes to a connection, with the bytes: for checks on the spot. */
struct io_sim_stats io_sim_stats(void);

#endif
