/* SPDX-License-Identifier: MIT */
/* trace_conf.h - what of a line's messages is recorded. Immutable once in use; shared by reference. */
#ifndef PROXY_TRACE_CONF_H
#define PROXY_TRACE_CONF_H

#include "audit/trace_frame.h"
#include <stdatomic.h>

struct trace_conf {
	atomic_uint refs;
	struct trace_frame_conf frame[2];       /* by direction; of an HTTP line only the id of the first */
	char from[64], to[64];                  /* services at its ends; "": not said */
};
struct trace_conf *trace_conf_new(void);        /* zeroed but for refs 1; NULL: no memory */
struct trace_conf *trace_conf_ref(struct trace_conf *c);        /* NULL is fine */
void trace_conf_unref(struct trace_conf *c);                    /* NULL is fine */

#endif
