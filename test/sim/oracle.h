/* SPDX-License-Identifier: MIT */
/*
 * oracle.h - what must come out of one direction of a connection, computed from what was sent and the decisions alone.
 *
 * Knows only fault/decide.h and the meaning of the attributes; shares no code with the engine (fault/chain.c).
 */
#ifndef SIM_ORACLE_H
#define SIM_ORACLE_H

#include "fault/decide.h"

enum oracle_mode {
	ORACLE_EXACT,           /* the bytes sent */
	ORACLE_DAMAGE,          /* the bytes sent, damaged by one fault for the whole life of the connection */
	ORACLE_FREE,            /* not known */
};

struct oracle {
	enum oracle_mode mode;
	bool born;                      /* the faults at the start are known */
	bool cutting;                   /* a fault that ends streams early was there at some time */
	bool only_limit;                /* and it was one limit_data, the same all the time, for all connections */
	uint64_t cutters;               /* a sum over those faults, to see changes */
	uint64_t limit;                 /* no more than that may come out; UINT64_MAX no limit */
	uint64_t damaging;              /* a sum over the damaging faults, to see changes */
	/* ORACLE_DAMAGE */
	struct fault_spec fault;
	bool has_conn;                  /* conn is known */
	struct decide_conn conn;
	uint64_t in, out;               /* offsets: what comes next */
	uint64_t end;                   /* length of the stream, when it has ended; set by the owner */
	bool broken;                    /* a reset may have ended it before that; set by the owner */
	uint64_t flip_k, flip_at;       /* the next corrupted byte */
	bool second;                    /* duplicate: the second copy of the cell is coming out */
};

/* The faults of the line are now these (dir: of this oracle). Called at the birth of the connection and for every change. */
void oracle_faults(struct oracle *o, const struct fault_set *set, enum fl_dir dir);
/* From now on nothing can be said of the bytes. */
void oracle_give_up(struct oracle *o);
/* Does the mode need to know who the connection is? */
bool oracle_needs_conn(const struct oracle *o);
/* Check the next n bytes that came out of stream `key`. returns the place of the first wrong byte, or n. */
size_t oracle_check(struct oracle *o, uint64_t key, const uint8_t *p, size_t n);
/* How many bytes come out when `sent` went in; UINT64_MAX: not known. */
uint64_t oracle_total(const struct oracle *o, uint64_t sent);

#endif
