/* SPDX-License-Identifier: MIT */
/*
 * chain.h - the faults of one direction of one connection, and the bytes they hold.
 *
 *      chain_put() -> stage 1 -> stage 2 -> ... -> out -> chain_peek()/chain_sent()
 *
 * Bytes travel as segments (references into slab blocks) and are never copied between stages. A stage holds a queue and
 * passes on what is due; the end of the stream travels as a segment of its own, so faults can hold it back. With no
 * faults the chain is a bounded queue for bytes that the receiver's socket did not take yet.
 *
 * Invariants
 *  (1) Without damaging faults (corrupt, duplicate_chunk, drop_chunk, timeout, reset_peer, limit_data, limit_time,
 *      half_open) the bytes that come out are the bytes that went in, in order, whatever stages are added, changed, moved
 *      and removed meanwhile.
 *  (2) Damage and cuts fall on stream offsets that depend on the decisions alone, never on how chain_put() was called.
 *  (3) A chain without segments and stages owns no memory.
 *  (4) held_bytes never exceeds bound_bytes by more than one chain_put().
 *  (5) Once verdict is not CHAIN_OPEN it only moves to CHAIN_RESET.
 */
#ifndef FAULT_CHAIN_H
#define FAULT_CHAIN_H

#include "fault/decide.h"
#include "fault/seg.h"

struct chain_stage;

enum chain_verdict {
	CHAIN_OPEN,
	CHAIN_CLOSE,            /* close both ends, what is held is dropped */
	CHAIN_RESET,            /* reset both ends */
	CHAIN_HALF_OPEN,        /* the sending side of this direction goes away, unnoticed by the receiver */
};

/* What a fault did, told as it happens. */
struct chain_event {
	const struct fault_spec *fault;
	enum fl_dir dir;
	const char *what;       /* a constant: "applies", "delay", "cut", ...: doc/faults.md names them all */
	uint64_t offset;        /* stream offset the decision is about */
	int64_t value;          /* ns, bytes, mask, or the draw behind "applies" in 10^-9 */
};

/* What a chain works with: the worker's, the same for many chains. */
struct chain_env {
	struct slab *mem;
	uint32_t bound_bytes;                   /* held per direction */
	void (*on_event)(void *ud, const struct chain_event *ev);       /* NULL: nobody listens, events cost nothing */
	void *ud;                               /* the connection, for on_event; set by the caller before each call */
};

/* Embedded in a connection, twice. All zero is an idle chain. 64 bytes at most. */
struct chain {
	struct chain_stage *stages;             /* first of the list, NULL: none */
	struct seg_queue out;                   /* what may be sent; its head is data */
	uint64_t in_bytes;                      /* stream offset: bytes put so far */
	uint32_t held_bytes;                    /* put and neither sent nor dropped yet; copies made by a fault count nothing */
	uint32_t segs;                          /* in all stages and out */
	uint8_t dir;                            /* enum fl_dir; the caller sets it in a zeroed chain */
	uint8_t verdict;                        /* enum chain_verdict */
	bool eof_in, eof_out;                   /* end put in; end arrived at out and all bytes before it were sent */
	bool wants;                             /* cached answer of chain_wants() */
	bool starved;                           /* a stage could not go on in the last chain_run() for want of memory */
	const struct fault_spec *verdict_by;    /* whose doing the verdict is; NULL when that fault is gone */
};
_Static_assert(sizeof(struct chain) <= 64, "two of them in every connection");

/*
 * chain_set - install, change and remove stages so that they are those of `set` for this direction and connection.
 *
 * Stages are matched by fault id. A stage whose fault is gone hands what it holds to the next stage at once, in order.
 * Removing timeout that acted closes the connection, as Toxiproxy does; removing reset_peer or half_open that has struck
 * resets it. A changed stage keeps its state (bytes counted, offsets) and re-times what it holds. The set must outlive the
 * chain's use of it: the caller keeps a reference, and keeps the one before until this returns. Call chain_run() next.
 * since      when the connection was opened
 * returns    0, or -ENOMEM: the chain is unchanged
 */
int chain_set(struct chain *c, const struct chain_env *env, const struct fault_set *set, const struct decide_conn *conn,
    fl_ns since, fl_ns now);
/* Give back everything. The chain is idle (all zero) afterwards. */
void chain_fini(struct chain *c, const struct chain_env *env);

static inline bool chain_idle(const struct chain *c) { return c->stages == NULL && c->out.head == NULL; }

/*
 * chain_put - n bytes that were received at now. They are copied.
 * returns 0, or -ENOMEM: nothing was taken (the caller sheds the connection)
 */
int chain_put(struct chain *c, const struct chain_env *env, const uint8_t *p, size_t n, fl_ns now);
/* The sender ended the stream. Once. 0 or -ENOMEM. */
int chain_put_eof(struct chain *c, const struct chain_env *env, fl_ns now);
/* May more be put? False when the first stage is full, stalled, or the chain holds its bound. */
bool chain_wants(const struct chain *c, const struct chain_env *env);

/*
 * Move everything that is due at now. Call it again when something was put or sent, or when the time comes that it returns
 * (FL_NEVER: none). When memory for a split is missing it asks to be called again in 1 ms.
 */
fl_ns chain_run(struct chain *c, const struct chain_env *env, const struct decide_conn *conn, fl_ns now);

/* The first run of bytes that may be sent now; 0 when there is none. Stays valid until it is sent. */
size_t chain_peek(const struct chain *c, const uint8_t **ret_p);
/* n of the peeked bytes were sent. The last bytes may bring the verdict of a limit_data, or eof_out. */
void chain_sent(struct chain *c, const struct chain_env *env, size_t n);

/* For reports: walk the stages. what a fault did to this direction so far. */
struct chain_report {
	const struct fault_spec *fault;
	bool active;
	uint64_t in_bytes, hits;        /* bytes it saw; times it acted (chunks delayed, bytes flipped, pieces cut, ...) */
	uint32_t held_bytes;
};
/* The i-th stage, or false past the last. */
bool chain_report(const struct chain *c, unsigned i, fl_ns now, struct chain_report *ret);

#endif
