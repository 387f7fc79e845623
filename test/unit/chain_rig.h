/* SPDX-License-Identifier: MIT */
/* chain_rig.h - a chain on a simulated clock, with a sender that follows a pattern and a receiver that records. */
#ifndef TEST_CHAIN_RIG_H
#define TEST_CHAIN_RIG_H

#include "base/rng.h"
#include "fault/chain.h"
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define RIG_FAULTS 16
#define RIG_SENDS 100000
#define RIG_EVENTS 100000

struct rig_send {
	fl_ns at;
	size_t offset, len;             /* in the bytes that came out */
};
struct rig_event {
	uint64_t fault_id, offset;
	int64_t value;
	const char *what;
};
struct rig {
	struct slab *mem;
	struct chain_env env;
	struct chain c;
	struct decide_conn conn;
	struct fault_set *set;
	struct fault_spec specs[RIG_FAULTS];
	uint32_t count;
	uint64_t ids;
	fl_ns since, now, wake;
	uint64_t in;                    /* bytes put */
	uint8_t *out;                   /* bytes that came out */
	size_t out_len, out_cap;
	struct rig_send *sends;         /* the first RIG_SENDS; so are events */
	size_t send_count;
	struct rig_event *events;
	size_t event_count;
	bool closed_window;             /* the receiver takes nothing */
};

static inline uint8_t
rig_pattern(uint64_t offset)
{
	return (uint8_t)((offset * UINT64_C(0x9E3779B97F4A7C15)) >> 56);
}

static inline void
rig_on_event(void *ud, const struct chain_event *ev)
{
	struct rig *r = ud;

	if (r->event_count < RIG_EVENTS)
		r->events[r->event_count++] = (struct rig_event){ ev->fault->id, ev->offset, ev->value, ev->what };
}

static inline struct rig *
rig_new(size_t budget, uint32_t bound)
{
	struct rig *r = calloc(1, sizeof(*r));

	assert_int_equal(slab_new(budget, &r->mem), 0);
	r->env = (struct chain_env){ .mem = r->mem, .bound_bytes = bound, .on_event = rig_on_event, .ud = r };
	r->c.dir = FL_S2C;
	r->conn = (struct decide_conn){ .key = 7, .ordinal = 7 };
	r->set = spec_set_new(NULL, 0);
	r->since = r->now = 1000 * FL_SEC;
	r->wake = FL_NEVER;
	r->out_cap = 1 << 20;
	r->out = malloc(r->out_cap);
	r->sends = malloc(RIG_SENDS * sizeof(r->sends[0]));
	r->events = malloc(RIG_EVENTS * sizeof(r->events[0]));
	return r;
}

/* Everything must come back. */
static inline void
rig_free(struct rig *r)
{
	chain_fini(&r->c, &r->env);
	assert_true(chain_idle(&r->c));
	assert_int_equal(slab_used(r->mem), 0);
	spec_set_unref(r->set);
	slab_free_all(r->mem);
	free(r->out);
	free(r->sends);
	free(r->events);
	free(r);
}

static inline struct fault_spec *
rig_fault(struct rig *r, uint64_t id)
{
	for (uint32_t i = 0; i < r->count; i++)
		if (r->specs[i].id == id)
			return &r->specs[i];
	return NULL;
}

/* Give the chain the faults of r->specs. */
static inline int
rig_apply(struct rig *r)
{
	struct fault_set *set = spec_set_new(r->specs, r->count);
	int e = chain_set(&r->c, &r->env, set, &r->conn, r->since, r->now);

	spec_set_unref(e == 0 ? r->set : set);
	if (e == 0)
		r->set = set;
	return e;
}

/* A fault with the first attributes set, at the end of the list; not yet applied. */
static inline struct fault_spec *
rig_want(struct rig *r, enum fault_kind kind, int64_t a, int64_t b, int64_t c)
{
	struct fault_spec *f = &r->specs[r->count++];

	assert_true(r->count <= RIG_FAULTS);
	spec_init(f, kind);
	f->id = ++r->ids;
	f->version = 1;
	f->since_ns = r->now;
	snprintf(f->name, sizeof(f->name), "fault%d", (int)f->id);
	f->key = spec_key(42, "line", f->name);
	f->values[0].i = a;
	f->values[1].i = b;
	if (kind != FAULT_CORRUPT || c != 0)
		f->values[2].i = c;
	return f;
}

/* The same, with a rate as first attribute. */
static inline struct fault_spec *
rig_want_rate(struct rig *r, enum fault_kind kind, double rate, int64_t b)
{
	struct fault_spec *f = rig_want(r, kind, 0, b, 0);

	f->values[0].f = rate;
	return f;
}

static inline uint64_t
rig_add(struct rig *r, enum fault_kind kind, int64_t a, int64_t b, int64_t c)
{
	uint64_t id = rig_want(r, kind, a, b, c)->id;

	assert_int_equal(rig_apply(r), 0);
	return id;
}

static inline void
rig_change(struct rig *r, uint64_t id, unsigned attr, int64_t value)
{
	struct fault_spec *f = rig_fault(r, id);

	f->values[attr].i = value;
	f->version++;
	assert_int_equal(rig_apply(r), 0);
}

static inline void
rig_remove(struct rig *r, uint64_t id)
{
	struct fault_spec *f = rig_fault(r, id);

	memmove(f, f + 1, (size_t)(r->specs + r->count - (f + 1)) * sizeof(*f));
	r->count--;
	assert_int_equal(rig_apply(r), 0);
}

/* Take n of the bytes that may be sent. */
static inline void
rig_take(struct rig *r, const uint8_t *p, size_t n)
{
	if (r->send_count < RIG_SENDS)
		r->sends[r->send_count++] = (struct rig_send){ r->now, r->out_len, n };
	while (r->out_len + n > r->out_cap)
		r->out = realloc(r->out, r->out_cap *= 2);
	memcpy(r->out + r->out_len, p, n);
	r->out_len += n;
	chain_sent(&r->c, &r->env, n);
}

/* Run at the present time until nothing moves. */
static inline void
rig_turn(struct rig *r)
{
	const uint8_t *p;
	size_t n;
	bool sent;

	do {
		sent = false;
		r->wake = chain_run(&r->c, &r->env, &r->conn, r->now);
		while (!r->closed_window && (n = chain_peek(&r->c, &p)) > 0) {
			rig_take(r, p, n);
			sent = true;
		}
	} while (sent);
	assert_true(r->wake > r->now);
	/* It had really come to rest. */
	assert_true(chain_run(&r->c, &r->env, &r->conn, r->now) >= r->wake);
	assert_true(r->closed_window || chain_peek(&r->c, &p) == 0);
}

/* Let time pass, waking exactly when the chain asks for it. */
static inline void
rig_until(struct rig *r, fl_ns to)
{
	rig_turn(r);
	while (r->wake <= to) {
		r->now = r->wake;
		rig_turn(r);
	}
	r->now = to;
	rig_turn(r);
}

static inline void
rig_pass(struct rig *r, fl_ns time)
{
	rig_until(r, r->now + time);
}

/* The next n bytes of the pattern arrive. */
static inline void
rig_put(struct rig *r, size_t n)
{
	uint8_t *p = malloc(n + 1);

	for (size_t i = 0; i < n; i++)
		p[i] = rig_pattern(r->in + i);
	assert_int_equal(chain_put(&r->c, &r->env, p, n, r->now), 0);
	r->in += n;
	memset(p, 0xee, n);
	free(p);
	rig_turn(r);
}

static inline void
rig_put_eof(struct rig *r)
{
	assert_int_equal(chain_put_eof(&r->c, &r->env, r->now), 0);
	rig_turn(r);
}

/* All that came out so far is a prefix of the pattern, n bytes of it. */
static inline void
rig_assert_out(const struct rig *r, size_t n)
{
	assert_int_equal(r->out_len, n);
	for (size_t i = 0; i < n; i++)
		if (r->out[i] != rig_pattern(i))
			fail_msg("byte %zu differs", i);
}

static inline size_t
rig_count(const struct rig *r, const char *what)
{
	size_t n = 0;

	for (size_t i = 0; i < r->event_count; i++)
		n += strcmp(r->events[i].what, what) == 0;
	return n;
}

/* How often the i-th fault acted. */
static inline uint64_t
rig_hits(const struct rig *r, unsigned i)
{
	struct chain_report rep;

	assert_true(chain_report(&r->c, i, r->now, &rep));
	return rep.hits;
}

static inline const struct rig_event *
rig_event(const struct rig *r, const char *what, size_t nth)
{
	for (size_t i = 0; i < r->event_count; i++)
		if (strcmp(r->events[i].what, what) == 0 && nth-- == 0)
			return &r->events[i];
	fail_msg("no event %s", what);
	return NULL;
}

#endif
