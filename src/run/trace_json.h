/* SPDX-License-Identifier: MIT */
/* trace_json.h - calls, what is wrong with them, and where two runs part, as JSON. Pure. */
#ifndef RUN_TRACE_JSON_H
#define RUN_TRACE_JSON_H

#include "audit/trace_compare.h"
#include "proto/jsonw.h"
#include "run/trace_find.h"

void trace_json_call(const struct lineage *l, uint32_t i, struct jsonw *w);             /* an object */
void trace_json_find(const struct lineage *l, const struct trace_find *f, struct jsonw *w);     /* an object */
void trace_json_diff(const struct lineage *a, const struct lineage *b, const struct trace_compare_diff *d, struct jsonw *w);
void trace_json_state(const struct trace_store *s, struct jsonw *w);                    /* members */

#endif
