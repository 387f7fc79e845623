/* SPDX-License-Identifier: MIT */
/*
 * deadline.h - one absolute deadline for a call, split into limits for its phases, and passed on to the next hop.
 *
 * Every phase's limit is a part of the whole: whichever ends first, ends it, and is named. What is left travels with the call, so
 * that nobody works for a caller who has gone.
 */
#ifndef FAULTLINE_DEADLINE_H
#define FAULTLINE_DEADLINE_H

#include <faultline/base.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Limits; 0: none. */
struct fl_timeouts {
	fl_ns total;                    /* of the call: every attempt, wait, and the answer to its last byte */
	fl_ns queue;                    /* waiting for a permit */
	fl_ns connect;                  /* of an attempt: until connected, handshake included */
	fl_ns first_byte;               /* of an attempt: from the request sent to the first byte of the answer */
	fl_ns per_try;                  /* of an attempt, whole */
	fl_ns idle;                     /* nothing moved */
};

/* Which limit it was. */
#define FL_LIMITS(ROW)							\
	ROW(NONE,       "none",       "no limit")			\
	ROW(TOTAL,      "total",      "the whole call took too long")	\
	ROW(CALLER,     "caller",     "the caller's deadline passed")	\
	ROW(QUEUE,      "queue",      "it waited too long for a permit")	\
	ROW(CONNECT,    "connect",    "connecting took too long")	\
	ROW(FIRST_BYTE, "first-byte", "the answer did not begin in time")	\
	ROW(PER_TRY,    "per-try",    "the attempt took too long")	\
	ROW(IDLE,       "idle",       "nothing moved for too long")

enum fl_limit {
#define FL_LIMIT_ROW(id, word, text) FL_LIMIT_##id,
	FL_LIMITS(FL_LIMIT_ROW)
#undef FL_LIMIT_ROW
	FL_LIMIT_COUNT
};
FL_API const char *fl_limit_name(enum fl_limit l);
FL_API const char *fl_limit_text(enum fl_limit l);

/* What an attempt is doing, for the limits that apply to it. */
enum fl_phase { FL_PHASE_QUEUE, FL_PHASE_CONNECT, FL_PHASE_SEND, FL_PHASE_FIRST_BYTE, FL_PHASE_BODY };

/*
 * fl_deadline_next - which limit ends the call or attempt next, and when.
 * call_end  of the call: fl_deadline_of(); limit TOTAL or CALLER is told for it
 * try_at    when the attempt began; phase_at: when its phase did; moved_at: when a byte moved last
 * ret_limit which it is
 * returns   a point in time, FL_NEVER: none
 */
struct fl_deadline {
	fl_ns at;                       /* FL_NEVER: none */
	enum fl_limit limit;            /* TOTAL or CALLER */
};
/* The call's: its own total from `start`, or the caller's deadline (0: none), whichever is earlier. */
FL_API struct fl_deadline fl_deadline_of(const struct fl_timeouts *t, fl_ns start, fl_ns caller);
FL_API fl_ns fl_deadline_next(const struct fl_timeouts *t, struct fl_deadline call, enum fl_phase phase, fl_ns try_at, fl_ns phase_at,
    fl_ns moved_at, enum fl_limit *ret_limit);
/* Is there time for work that takes `expected`? 0; -ETIMEDOUT with *ret_why. */
FL_API int fl_deadline_check(struct fl_deadline call, fl_ns expected, fl_ns now, struct fl_refusal *ret_why);

/*
 * Headers that say how much time is left. n bytes at text.
 * returns  0 with the time in *ret_left (0 is possible); -EINVAL: not of the grammar
 */
FL_API int fl_deadline_parse_grpc(const char *text, size_t n, fl_ns *ret_left);        /* grpc-timeout: 1 to 8 digits, one of HMSmun */
FL_API int fl_deadline_parse_ms(const char *text, size_t n, fl_ns *ret_left);          /* x-faultline-deadline, x-envoy-expected-rq-timeout-ms: ms */
/* The same the other way; rounded down, at most 8 digits for gRPC. returns bytes written (buf has room for 32). */
FL_API size_t fl_deadline_write_grpc(fl_ns left, char *buf);
FL_API size_t fl_deadline_write_ms(fl_ns left, char *buf);

#ifdef __cplusplus
}
#endif

#endif
