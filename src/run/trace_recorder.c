/* SPDX-License-Identifier: MIT */
/* trace_recorder.c - see trace_recorder.h. */
#include "run/trace_recorder.h"

#include "base/map.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BATCH 256

struct trace_recorder {
	struct trace_file *file;
	struct map lines;               /* names as they are cut: how often each was opened */
	fl_ns epoch;
	uint64_t lost, events;          /* lost: not yet told to the file */
	struct trace_mark batch[BATCH];
};

int
trace_recorder_new(const char *path, size_t tail_max, fl_ns epoch, struct trace_recorder **ret)
{
	struct trace_recorder *r = calloc(1, sizeof(*r));
	int rc;

	if (r == NULL)
		return -ENOMEM;
	r->epoch = epoch;
	map_init(&r->lines, 0, 0);
	rc = trace_file_new(path, tail_max, &r->file);
	if (rc != 0) {
		(void)trace_recorder_free(r);
		return rc;
	}
	*ret = r;
	return 0;
}

int
trace_recorder_free(struct trace_recorder *r)
{
	int rc;

	if (r == NULL)
		return 0;
	rc = trace_file_free(r->file);
	map_fini(&r->lines);
	free(r);
	return rc;
}

static void
put(struct trace_recorder *r, const struct trace_event *e)
{
	trace_file_put(r->file, e);
	r->events++;
}

static struct trace_text
text_of(const char *s)
{
	return (struct trace_text){ .p = s, .n = (uint32_t)strlen(s) };
}

void
trace_recorder_line(struct trace_recorder *r, const char *line, const struct trace_conf *conf, bool opened, fl_ns at)
{
	struct trace_event e = { .kind = TRACE_NOTE, .what = text_of(TRACE_NOTE_LINE) };
	char name[TRACE_FEED_LINE + 1];

	if (r == NULL)
		return;
	snprintf(name, sizeof(name), "%s", line);
	/* Without memory its faults are missing, no more. */
	(void)map_put(&r->lines, name, (void *)((uintptr_t)map_get(&r->lines, name) + opened), NULL);
	e.at = at - r->epoch;
	e.line = text_of(name);
	if (conf != NULL) {
		e.text = text_of(conf->from);
		e.place = text_of(conf->to);
	}
	put(r, &e);
}

/* Connections are numbered from 1 each time a line is opened: which time it is goes into the number. */
static void
put_on_line(struct trace_recorder *r, struct trace_event *e)
{
	const uintptr_t lives = (uintptr_t)map_getn(&r->lines, e->line.p, e->line.n);

	e->conn |= lives > 1 ? (uint64_t)(lives - 1) << TRACE_LIFE_SHIFT : 0;
	put(r, e);
}

void
trace_recorder_call(struct trace_recorder *r, const struct http_record *call)
{
	struct trace_event request, answer;

	if (r == NULL || map_getn(&r->lines, call->line, strnlen(call->line, sizeof(call->line))) == NULL)
		return;
	trace_feed_call(call, r->epoch, &request, &answer);
	put_on_line(r, &request);
	put_on_line(r, &answer);
}

void
trace_recorder_event(struct trace_recorder *r, const struct proxy_event *ev)
{
	struct trace_event e;

	if (r != NULL && r->lines.count > 0 && trace_feed_event(ev, r->epoch, &e) && map_getn(&r->lines, e.line.p, e.line.n) != NULL)
		put_on_line(r, &e);
}

void
trace_recorder_fault(struct trace_recorder *r, const char *name, bool on, fl_ns at)
{
	struct trace_event e = { .kind = TRACE_NOTE, .what = text_of(on ? TRACE_NOTE_ON : TRACE_NOTE_OFF), .place = text_of(name) };

	if (r == NULL)
		return;
	e.at = at - r->epoch;
	put(r, &e);
}

int
trace_recorder_take(struct trace_recorder *r, struct proxy *p, unsigned rounds, fl_ns now)
{
	struct trace_event e;
	uint64_t lost;
	size_t n = BATCH;
	int rc;

	if (r == NULL)
		return 0;
	for (unsigned i = 0; i < rounds && n == BATCH; i++) {
		n = proxy_traces(p, r->batch, BATCH, &lost);
		r->lost += lost;
		for (size_t k = 0; k < n; k++) {
			trace_feed_mark(&r->batch[k], r->epoch, &e);
			put_on_line(r, &e);
		}
	}
	rc = trace_file_kick(r->file, r->lost, now);
	r->lost = 0;
	return rc;
}

void
trace_recorder_drain(struct trace_recorder *r, struct proxy *p)
{
	struct http_record call;
	struct proxy_event ev;
	uint64_t lost;

	if (r == NULL || p == NULL)
		return;
	while (proxy_events(p, &ev, 1, &lost) == 1)
		trace_recorder_event(r, &ev);
	while (proxy_http_records(p, &call, 1, &lost) == 1)
		trace_recorder_call(r, &call);
	(void)trace_recorder_take(r, p, UINT32_MAX, 0);
}

size_t
trace_recorder_tail(struct trace_recorder *r, const uint8_t **ret_p)
{
	*ret_p = NULL;
	if (r == NULL)
		return 0;
	(void)trace_file_flush(r->file);
	return trace_file_tail(r->file, ret_p);
}

uint64_t
trace_recorder_lost(const struct trace_recorder *r)
{
	return r == NULL ? 0 : trace_file_lost(r->file) + r->lost;
}

uint64_t
trace_recorder_events(const struct trace_recorder *r)
{
	return r == NULL ? 0 : r->events;
}
