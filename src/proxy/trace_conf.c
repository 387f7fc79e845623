/* SPDX-License-Identifier: MIT */
/* trace_conf.c - see trace_conf.h. */
#include "proxy/trace_conf.h"

#include <stdlib.h>

struct trace_conf *
trace_conf_new(void)
{
	struct trace_conf *c = calloc(1, sizeof(*c));

	if (c != NULL)
		atomic_init(&c->refs, 1);
	return c;
}

struct trace_conf *
trace_conf_ref(struct trace_conf *c)
{
	if (c != NULL)
		atomic_fetch_add_explicit(&c->refs, 1, memory_order_relaxed);
	return c;
}

void
trace_conf_unref(struct trace_conf *c)
{
	if (c != NULL && atomic_fetch_sub_explicit(&c->refs, 1, memory_order_acq_rel) == 1)
		free(c);
}
