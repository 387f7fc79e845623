/* SPDX-License-Identifier: MIT */
/* graph_ask.c - questions about the map and their answers. */
#include "map/graph_ask.h"
#include "base/units.h"
#include "graph/moment.h"
#include "map/graph_when.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void
graph_ask_add(struct graph_ask *a, const char *key, const char *value)
{
	if (a->opt_count == GRAPH_OPTS_MAX)
		return;
	a->opts[a->opt_count].key = key;
	a->opts[a->opt_count].value = value != NULL ? value : "";
	a->opt_count++;
}

const char *
graph_ask_text(const struct graph_ask *a, const char *key)
{
	for (unsigned i = a->opt_count; i > 0; i--)
		if (strcmp(a->opts[i - 1].key, key) == 0)
			return a->opts[i - 1].value;
	return NULL;
}

bool
graph_ask_has(const struct graph_ask *a, const char *key)
{
	const char *value = graph_ask_text(a, key);

	return value != NULL && strcmp(value, "false") != 0 && strcmp(value, "0") != 0;
}

int
graph_ask_when(const struct graph_ask *a, struct graph_reply *r, const char *key, int64_t *ret)
{
	const char *text = graph_ask_text(a, key);

	if (text == NULL || graph_when_parse(text, a->now, ret) == 0)
		return 0;
	return graph_reply_fail(r, -EINVAL, "%s: found \"%.80s\", expected " GRAPH_WHEN_EXPECTED, key, text);
}

int
graph_ask_duration(const struct graph_ask *a, struct graph_reply *r, const char *key, fl_ns *ret)
{
	const char *text = graph_ask_text(a, key);

	if (text == NULL || (units_parse_duration(text, ret) == 0 && *ret > 0))
		return 0;
	return graph_reply_fail(r, -EINVAL, "%s: found \"%.80s\", expected a duration such as 24h", key, text);
}

int
graph_ask_number(const struct graph_ask *a, struct graph_reply *r, const char *key, int64_t min, int64_t max, int64_t *ret)
{
	const char *text = graph_ask_text(a, key);
	char *end;
	long long v;

	if (text == NULL)
		return 0;
	errno = 0;
	v = strtoll(text, &end, 10);
	if (errno != 0 || end == text || *end != '\0' || v < min || v > max)
		return graph_reply_fail(r, -EINVAL, "%s: found \"%.80s\", expected a whole number from %" PRId64 " to %" PRId64, key, text, min, max);
	*ret = v;
	return 0;
}

void
graph_reply_init(struct graph_reply *r)
{
	*r = (struct graph_reply){ .type = "application/json" };
	buf_init(&r->body, GRAPH_ANSWER_MAX);
	jsonw_init(&r->w, &r->body);
}

void
graph_reply_fini(struct graph_reply *r)
{
	buf_fini(&r->body);
}

int
graph_reply_fail(struct graph_reply *r, int rc, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(r->error, sizeof(r->error), fmt, ap);
	va_end(ap);
	return rc;
}

int
graph_reply_past(struct graph_reply *r, int rc, const struct past *p)
{
	const char *why = past_error(p);

	return graph_reply_fail(r, rc, "%s", why[0] != '\0' ? why : strerror(-rc));
}

void
graph_put_when(struct jsonw *w, const char *key, int64_t when)
{
	char text[40];

	if (when > 0 && when != PAST_FOREVER)
		jsonw_str(w, key, moment_text(when, text));
}

void
graph_put_text(struct jsonw *w, const char *key, const char *text)
{
	if (text != NULL && text[0] != '\0')
		jsonw_str(w, key, text);
}

void
graph_put_seconds(struct jsonw *w, const char *key, fl_ns duration)
{
	jsonw_key(w, key);
	if (duration == FL_NEVER)
		jsonw_null(w);
	else
		jsonw_float(w, (double)duration / 1e9);
}
