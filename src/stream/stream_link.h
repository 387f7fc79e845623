/* SPDX-License-Identifier: MIT */
/*
 * stream_link.h - one connection of a sender: a socket, or a program's standard input and output, opened again when it breaks. One thread.
 *
 * Invariants
 *  (1) queued - written = buf_len(&out): both count bytes since the link came up.
 */
#ifndef STREAM_STREAM_LINK_H
#define STREAM_STREAM_LINK_H

#include "base/buf.h"
#include "io/resolve.h"
#include <poll.h>
#include <stdbool.h>
#include <sys/types.h>

#define STREAM_LINK_OUT_MAX (4u << 20)
#define STREAM_LINK_IN_MAX (256u << 10)

struct stream_target {
	const char *command;            /* a program, by /bin/sh; NULL: connect */
	struct resolve_answer to;
};

enum stream_state { STREAM_DOWN, STREAM_OPENING, STREAM_UP };

struct stream_link {
	const struct stream_target *target;
	enum stream_state state;
	int fd_in, fd_out;              /* the same for a socket; -1: none */
	pid_t pid;                      /* of the program; 0: none */
	fl_ns retry_at, backoff, deadline;      /* deadline: to be up by */
	uint32_t turn;                  /* which address is next */
	struct buf out, in;
	uint64_t queued, written;
	uint64_t written_last;          /* what written was when the link broke */
	uint64_t opened, broken;
	int err;                        /* of the last failure, negative */
};

void stream_link_init(struct stream_link *l, const struct stream_target *target);
void stream_link_fini(struct stream_link *l);
/* Open it if it is down and the time has come to try. */
void stream_link_wake(struct stream_link *l, fl_ns now);
/* What to poll for: fills up to two; returns how many. */
unsigned stream_link_polls(const struct stream_link *l, struct pollfd *ret);
/* When stream_link_wake() wants to be called; FL_NEVER: not. */
fl_ns stream_link_due(const struct stream_link *l);
/* After a poll: connect, read what has come into in, write what stands in out. false: the link was up and is broken. */
bool stream_link_turn(struct stream_link *l, const struct pollfd *polled, unsigned count, fl_ns now);
/* Write at once as much as goes. false: broken. */
bool stream_link_push(struct stream_link *l, fl_ns now);
/* Give the connection up; it is tried again later. */
void stream_link_break(struct stream_link *l, fl_ns now, int err);
/* No more will be written: tell the other side, so that it comes to its end. */
void stream_link_end(struct stream_link *l);

/*
 * stream_link_spawn - start a command with pipes as its standard input and output, in a process group of its own that dies with us.
 * ret_in    to read its output; ret_out to write its input; both non-blocking
 */
int stream_link_spawn(const char *command, pid_t *ret_pid, int *ret_in, int *ret_out);
/* End it if it still runs, and wait for it; pid 0 is fine. Its status as waitpid() gives it; 0 when there is none. */
int stream_link_reap(pid_t pid);

#endif
