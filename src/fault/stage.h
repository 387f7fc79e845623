/* SPDX-License-Identifier: MIT */
/*
 * stage.h - one fault at work in a chain: what all kinds have in common.
 *
 * Segments arrive in the queue of a stage; its run() looks at the head, decides, and passes it on, drops it or waits. A
 * stage whose time window is closed runs stage_pass_all() instead. stage_delay.c, stage_cut.c, stage_damage.c and
 * stage_stop.c hold the kinds.
 *
 * Invariants
 *  (1) A stage passes its head only when the one below has room, and never passes anything out of order.
 *  (2) What a stage decides depends on the fault, the connection and stream offsets; how the bytes are cut into segments
 *      decides nothing but which byte a latency is drawn for.
 *  (3) run() may be called at any time, and calling it twice at one time changes nothing.
 *  (4) When memory for a split is missing, run() leaves its head alone and marks the turn as starved: it is tried again.
 */
#ifndef FAULT_STAGE_H
#define FAULT_STAGE_H

#include "fault/chain.h"

/* One call into the chain. */
struct stage_turn {
	struct chain *c;
	const struct chain_env *env;
	const struct decide_conn *conn;
	fl_ns now;
	bool moved;             /* a segment went on, or a stage lets in again: those above may go on */
	bool blocked;           /* a stage had something due and the one below no room */
	bool starved;           /* no memory: try again soon */
};

/* Held by a stage that has no reason to hold more, when the one below is full. */
#define STAGE_CAP_BYTES (64 * 1024)

struct stage_ops {
	/* Begins to act: installed, or its window opened. May be NULL. */
	void (*start)(struct stage_turn *t, struct chain_stage *s);
	/* Its fault was updated while it acts; s->fault is the new one. May be NULL. */
	void (*change)(struct stage_turn *t, struct chain_stage *s, const struct fault_spec *old);
	/* Ceases to act, because its window closed or its fault is gone; the queue then passes. May be NULL. */
	void (*stop)(struct stage_turn *t, struct chain_stage *s, bool gone);
	/* Move what is due. returns when to run next, however the chain moves; FL_NEVER: no time of its own. */
	fl_ns (*run)(struct stage_turn *t, struct chain_stage *s);
};

struct chain_stage {
	struct chain_stage *next;
	const struct stage_ops *ops;
	const struct fault_spec *fault;
	struct seg_queue queue;
	struct seg_queue copies;        /* duplicate_chunk: of the cell that is passing */
	uint64_t in_bytes, hits;
	fl_ns since;                    /* when the connection was opened */
	fl_ns until;                    /* when the window opens or closes next */
	fl_ns open_at;                  /* when the stage below last had room again */
	const struct fault_spec *renewed;       /* chain_set() only: the fault in the new set */
	uint32_t cap;                   /* holds no more than about this */
	bool active, blocked;
	bool shut;                      /* lets nothing in at all */
	union {
		struct {
			fl_ns due, last;        /* of the head, when planned; of the one before */
			fl_ns at;               /* the last chunk planned: when it came, where it ends */
			uint64_t end;
			bool planned;
		} latency;
		struct {
			fl_ns due, free_at;     /* of the piece in hand, when planned; the virtual clock */
			uint64_t rest;          /* of the division that gave the last cost */
			uint32_t piece;
			bool planned, throttled;
		} bandwidth;
		struct {
			bool told;
		} slow_close;
		struct {
			fl_ns last;             /* chunk */
		} timeout;
		struct {
			fl_ns at;               /* first chunk */
			uint64_t offset;
			bool struck;
		} reset_peer;
		struct {
			fl_ns ready_at;         /* next piece */
		} slicer;
		struct {
			uint64_t passed;
			bool struck;
		} limit_data;
		struct {
			uint64_t cell, ordinal, from, pos;      /* pos is the first hit at or after from, in its cell */
			bool valid;
		} corrupt;
		struct {
			uint64_t cell, expect;
			bool open, twice;
		} duplicate;
		struct {
			uint64_t told;          /* cell + 1 */
		} drop;
		struct {
			uint64_t passed;
			fl_ns at;
			bool struck, over;
		} stall;
		struct {
			fl_ns from;
			bool struck;
		} half_open;
	};
};
_Static_assert(sizeof(struct chain_stage) <= 256, "four to a kilobyte");

extern const struct stage_ops stage_delay_latency, stage_delay_bandwidth, stage_delay_slow_close;
extern const struct stage_ops stage_cut_slicer, stage_cut_limit_data, stage_cut_noop;
extern const struct stage_ops stage_damage_corrupt, stage_damage_duplicate, stage_damage_drop;
extern const struct stage_ops stage_stop_timeout, stage_stop_reset_peer, stage_stop_limit_time, stage_stop_stall, stage_stop_half_open;

static inline fl_ns
stage_time_add(fl_ns a, fl_ns b)
{
	fl_ns sum;

	return __builtin_add_overflow(a, b, &sum) ? FL_NEVER : sum;
}

/* Does the chain hold its bound? */
static inline bool
stage_chain_full(const struct chain *c, const struct chain_env *env)
{
	return c->held_bytes + (uint64_t)SEG_COST * c->segs >= env->bound_bytes;
}

static inline void
stage_tell(const struct stage_turn *t, const struct chain_stage *s, const char *what, uint64_t offset, int64_t value)
{
	if (t->env->on_event != NULL) {
		struct chain_event ev = { s->fault, (enum fl_dir)t->c->dir, what, offset, value };

		t->env->on_event(t->env->ud, &ev);
	}
}

/* Append to a queue of the chain (a stage's, or out when s is NULL), joined with the tail where possible. */
void stage_take(struct chain *c, const struct chain_env *env, struct chain_stage *s, struct chain_seg *seg);
/* After out changed: turn ends at its head into eof_out or a verdict. */
void stage_settle(struct chain *c, const struct chain_env *env);
/* Close, reset or half-open the connection on behalf of s. */
void stage_verdict(struct stage_turn *t, struct chain_stage *s, enum chain_verdict v);

/* Has the stage below room for the head of s, which is due? Asked just before passing it. */
bool stage_room(struct stage_turn *t, struct chain_stage *s);
/* Pass the head on; due: when it should have passed. */
void stage_pass(struct stage_turn *t, struct chain_stage *s, fl_ns due);
/* Pass another segment on, behind everything that was passed. It must be counted already. */
void stage_give(struct stage_turn *t, struct chain_stage *s, struct chain_seg *seg);
/* Drop the head. */
void stage_drop(struct stage_turn *t, struct chain_stage *s);
/* Make the head n bytes long (0 < n <= len). false: no memory (4). */
bool stage_cut_head(struct stage_turn *t, struct chain_stage *s, uint32_t n);
/* Pass everything there is room for. */
fl_ns stage_pass_all(struct stage_turn *t, struct chain_stage *s);
/* Open or close the window if its time has come. */
void stage_window(struct stage_turn *t, struct chain_stage *s);
/* Pass everything on at once, room or not. */
void stage_flush(struct stage_turn *t, struct chain_stage *s);

/* Work out c->wants anew. */
void stage_refresh_wants(struct chain *c, const struct chain_env *env);
/* Give back a stage and what it holds. */
void stage_free(struct slab *mem, struct chain_stage *s);

#endif
