/* SPDX-License-Identifier: MIT */
/* trace_tail.c - see trace_tail.h. */
#include "control/trace_tail.h"

#include "control/log.h"
#include "proxy/http_conf.h"
#include <string.h>
#include <time.h>

#define ROUNDS 256              /* batches of one look */

int
trace_tail_init(struct trace_tail *t, struct proxy *p, struct log *log, const char *path, fl_ns now)
{
	struct timespec wall;

	clock_gettime(CLOCK_REALTIME, &wall);
	*t = (struct trace_tail){ .proxy = p, .log = log, .file = path != NULL };
	return trace_recorder_new(path, TRACE_TAIL_BYTES, now - (wall.tv_sec * FL_SEC + wall.tv_nsec), &t->recorder);
}

static void
tell(struct trace_tail *t, int rc)
{
	if (rc < 0)
		log_event(t->log, LOG_ERROR, "the trace cannot be written; messages are not recorded until it can", "error", strerror(-rc), NULL);
	else if (rc > 0)
		log_event(t->log, LOG_INFO, "the trace can be written again", NULL);
}

void
trace_tail_fini(struct trace_tail *t)
{
	trace_recorder_drain(t->recorder, t->proxy);
	(void)trace_recorder_free(t->recorder);
	t->recorder = NULL;
}

void
trace_tail_line(struct trace_tail *t, const struct lines_line *l, bool opened, fl_ns now)
{
	const struct trace_conf *conf = l->conf != NULL ? l->conf->record : l->trace;

	if (conf != NULL || (l->conf != NULL && l->conf->trace && t->file))
		trace_recorder_line(t->recorder, l->name, conf, opened, now);
}

void
trace_tail_take(struct trace_tail *t, fl_ns now)
{
	tell(t, trace_recorder_take(t->recorder, t->proxy, ROUNDS, now));
}
