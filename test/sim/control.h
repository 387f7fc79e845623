/* SPDX-License-Identifier: MIT */
/*
 * control.h - the control side of the simulated proxy: what lines there are and what faults they have, and random operations
 * on them, as the API would do them.
 */
#ifndef SIM_CONTROL_H
#define SIM_CONTROL_H

#include "proxy/proxy.h"
#include "run.h"

#define CONTROL_FAULTS_MAX 8

/* sim_line.subject. */
struct control_line {
	struct line *line;              /* NULL: closed */
	struct line_conf *conf;
	struct listener *listener;      /* of the present opening */
	uint32_t opened;                /* times */
	uint32_t fault_count;
	struct fault_spec faults[CONTROL_FAULTS_MAX];
	struct line_counters before;    /* of earlier openings */
};

/* run.state. */
struct control {
	struct proxy *proxy;
	uint64_t next_fault_id;
	uint64_t events, events_lost;
	uint64_t opens, closes;         /* of connections, told by events */
	struct resolver *resolver;
	uint8_t fault_kind[256];        /* by id; later ones are not told apart */
	void (*on_event)(void *ud, const struct proxy_event *e);        /* may be NULL */
	void *on_event_ud;
};

static inline struct control *control_of(struct run *r) { return r->state; }
static inline const struct line_conf *control_conf(const struct sim_line *l) { return ((struct control_line *)l->subject)->conf; }
/* Of its present opening: connections of earlier ones have numbers of their own. */
static inline const struct listener *control_listener(const struct sim_line *l) { return ((struct control_line *)l->subject)->listener; }

/* The workers take the time and have their turn, as a message from the control side would have it. */
void control_wake(struct run *r);
int control_line_open(struct run *r, struct sim_line *l);
void control_line_close(struct run *r, struct sim_line *l);
/* Give the line the faults it has in `faults`, and the configuration it has in conf. */
void control_line_set(struct run *r, struct sim_line *l);
/* A random fault of a kind in play, of version 1. false: the line has as many as it may. */
bool control_fault_add(struct run *r, struct sim_line *l);
/* Forget those of its faults that `which` names (control_line_set() then makes it so). returns how many. */
unsigned control_forget_faults(struct sim_line *l, bool (*which)(const struct fault_spec *f));
/* Counters of the line over all its openings. */
void control_counters(struct run *r, struct sim_line *l, struct line_counters *ret);
void control_take_events(struct run *r);
/* One random operation. */
void control_operate(struct run *r);

#endif
