/* SPDX-License-Identifier: MIT */
/*
 * trace_tap.h - listens to the connections of a line with frames: which messages came in, which went out. A line that is not
 * traced pays one look at a bit of its session.
 *
 * Both sides of the faults are listened to: what came from the sender, what leaves for the receiver. A connection that was open
 * before its line was traced is listened to from then on only if nothing had passed; the memory of one that is traced is 5 KB.
 */
#ifndef PROXY_TRACE_TAP_H
#define PROXY_TRACE_TAP_H

#include "proxy/session.h"

/* The session begins to relay. */
void trace_tap_open(struct worker *w, struct session *s);
/* Bytes of a direction came in, or left; only for s->traced. */
void trace_tap_bytes(struct worker *w, struct session *s, enum fl_dir d, bool out, const void *p, size_t n);
/* The connection has ended; only for s->traced. */
void trace_tap_close(struct worker *w, struct session *s);

#endif
