/* SPDX-License-Identifier: MIT */
/* breaker_rig.h - a breaker without confidence and jitter, and calls of it that take no time. */
#ifndef TEST_BREAKER_RIG_H
#define TEST_BREAKER_RIG_H

#include "policy_rig.h"

#include <faultline/breaker.h>

static inline struct fl_breaker_opts
plain(void)
{
	struct fl_breaker_opts o;
	fl_breaker_opts_init(&o);
	o.name = "b";
	o.confidence = 0;
	o.jitter = 0;
	return o;
}

static inline struct fl_breaker *
make(const struct fl_breaker_opts *o)
{
	struct fl_breaker *b = NULL;
	const char *field = "";
	if (fl_breaker_new(o, &b, &field) != 0)
		fail_msg("wrong: %s", field);
	return b;
}

/* One call that takes no time. returns what record() said; -EAGAIN: it was refused. */
static inline int
call(struct fl_breaker *b, enum fl_outcome o, fl_ns latency, fl_ns now)
{
	struct fl_permit p;
	return fl_breaker_admit(b, 0, now, &p, NULL) != 0 ? -EAGAIN : fl_breaker_record(b, 0, &p, o, latency, now);
}

#endif
