/* SPDX-License-Identifier: MIT */
/* spans_check.h - for fuzz drivers of formats of spans: what must hold of every span that comes out, and of every line made of them. */
#ifndef FUZZ_SPANS_CHECK_H
#define FUZZ_SPANS_CHECK_H

#include "base/assert.h"
#include "graph/spans.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Every byte of a text can be read. */
static inline void
check_text(const char *p, size_t n)
{
	volatile char sum = 0;

	for (size_t i = 0; i < n; i++)
		sum = (char)(sum + p[i]);
}

static inline int
check_span(void *arg, const struct span *s)
{
	fl_assert(s->id != 0 && (s->trace_hi | s->trace_lo) != 0 && s->kind <= SPAN_CONSUMER && s->link_count <= SPAN_LINKS_MAX);
	check_text(s->name.p, s->name.n);
	check_text(s->scope.p, s->scope.n);
	for (unsigned k = 0; k < SPAN_KEY_COUNT; k++)
		if (span_has(&s->attrs, (enum span_key)k) && s->attrs.value[k].p != NULL)
			check_text(s->attrs.value[k].p, s->attrs.value[k].n);
	return spans_add(arg, s);
}

static inline int
check_sight(void *arg, const struct sight *s)
{
	(void)arg;
	if (s->what == SIGHT_LINE) {
		fl_assert(s->from[0] != '\0' && s->to[0] != '\0' && s->errors <= s->count && s->count > 0 && s->first <= s->last);
		fl_assert(strncmp(s->to, "unknown", 7) != 0 && strncmp(s->from, "unknown", 7) != 0);
	}
	return 0;
}

static inline struct spans *
check_new(void)
{
	struct spans_opts o = { .memory_bytes = SPANS_MEMORY_MIN, .hold = FL_NEVER, .tell = check_sight };
	struct spans *s;

	fl_assert(spans_new(&o, &s) == 0);
	return s;
}

static inline void
check_finish(struct spans *s, int rc, uint64_t spans)
{
	if (rc == 0)
		spans_commit(s);
	else
		spans_rollback(s);
	fl_assert(rc != 0 || spans_count(s).spans == spans);
	spans_finish(s);
	fl_assert(spans_tell(s) == 0 && spans_count(s).held == 0);
	spans_free(s);
}

#endif
