/* SPDX-License-Identifier: MIT */
/*
 * connects.h - which process opens which connection of TCP, however short it lives: the kernel's tracepoint inet_sock_set_state, read
 * by perf_event_open(2), of all network namespaces. Read-only; nothing stays when it is closed.
 *
 * Wants CAP_PERFMON and CAP_SYS_ADMIN, or root. What does not fit into the buffers between two calls is counted as lost.
 */
#ifndef IO_CONNECTS_H
#define IO_CONNECTS_H

#include "io/sockdiag.h"

struct connects_event {
	struct sockdiag_end local, peer;        /* local.port is 0 when the kernel has not chosen one yet */
	int pid;
};
typedef void connects_fn(void *arg, const struct connects_event *e);

struct connects;
/* 0, -ENOMEM, -EPERM, -ENOENT: the kernel has no such tracepoint. */
int connects_new(struct connects **ret);
void connects_free(struct connects *c);         /* NULL is fine */
/* What was opened since the last time; does not wait. */
void connects_read(struct connects *c, connects_fn *fn, void *arg, uint64_t *ret_lost);

#endif
