/* SPDX-License-Identifier: MIT */
/* event_tail.c - what faults did. */
#include "control/event_tail.h"
#include "run/events.h"
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define BATCH 64
#define OUT_MAX (1u << 20)

int
event_tail_init(struct event_tail *e, struct proxy *p, struct log *log, const char *path, fl_ns now)
{
	struct timespec wall;

	clock_gettime(CLOCK_REALTIME, &wall);
	*e = (struct event_tail){ .proxy = p, .log = log, .fd = -1 };
	e->epoch = now - (wall.tv_sec * FL_SEC + wall.tv_nsec);
	buf_init(&e->out, OUT_MAX);
	e->ring = calloc(EVENT_TAIL_MAX, sizeof(*e->ring));
	if (e->ring == NULL)
		return -ENOMEM;
	for (size_t i = 0; i < EVENT_TAIL_MAX * sizeof(*e->ring); i += 4096)
		((volatile char *)e->ring)[i] = 0;      /* touched now, not as connections come */
	if (path == NULL)
		return 0;
	e->fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
	return e->fd < 0 ? -errno : 0;
}

void
event_tail_fini(struct event_tail *e)
{
	if (e->fd >= 0 && e->ring != NULL)
		close(e->fd);
	free(e->ring);
	buf_fini(&e->out);
	*e = (struct event_tail){ .fd = -1 };
}

static void
put_event(const struct event_tail *e, uint64_t n, struct buf *out)
{
	events_proxy(out, e->epoch, &e->ring[n % EVENT_TAIL_MAX], 1);
	if (out->overflowed || out->end - out->start < 2)
		return;
	out->end -= 2;          /* "}\n" */
	buf_printf(out, ",\"n\":%" PRIu64 "}\n", n);
}

/* Whole or not at all, as far as can be known. */
static int
write_all(int fd, const char *p, size_t n)
{
	while (n > 0) {
		ssize_t w = write(fd, p, n);

		if (w < 0 && errno == EINTR)
			continue;
		if (w < 0)
			return -errno;
		p += w;
		n -= (size_t)w;
	}
	return 0;
}

static void
write_file(struct event_tail *e, uint64_t from, uint64_t to)
{
	int rc;

	if (e->fd < 0)
		return;
	buf_clear(&e->out);
	for (uint64_t n = from; n < to; n++)
		put_event(e, n, &e->out);
	rc = e->out.overflowed ? -ENOBUFS : write_all(e->fd, buf_data(&e->out), buf_len(&e->out));
	if (rc != 0) {
		e->unwritten += to - from;
		if (!e->broken)
			log_event(e->log, LOG_ERROR, "the events file cannot be written", "error", strerror(-rc), NULL);
	} else if (e->broken) {
		log_event(e->log, LOG_INFO, "the events file can be written again", NULL);
	}
	e->broken = rc != 0;
}

bool
event_tail_take(struct event_tail *e)
{
	struct proxy_event batch[BATCH];
	uint64_t lost, from = e->next;
	size_t n = proxy_events(e->proxy, batch, BATCH, &lost);

	for (size_t i = 0; i < n; i++) {
		e->ring[e->next++ % EVENT_TAIL_MAX] = batch[i];
		trace_recorder_event(e->trace, &batch[i]);
	}
	if (lost > 0 && e->lost == 0 && e->fd >= 0)
		log_event(e->log, LOG_WARN, "events come faster than they are taken; some are lost", NULL);
	e->lost += lost;
	if (n > 0)
		write_file(e, from, e->next);
	return n == BATCH;
}

void
event_tail_write(const struct event_tail *e, uint64_t from, uint64_t max, const char *line, struct buf *out)
{
	uint64_t first = e->next > EVENT_TAIL_MAX ? e->next - EVENT_TAIL_MAX : 0, n, found = 0;

	first = FL_MAX(first, from);
	for (n = e->next; n > first && found < max; n--) {
		if (line == NULL || strcmp(e->ring[(n - 1) % EVENT_TAIL_MAX].line, line) == 0)
			found++;
	}
	for (; n < e->next; n++) {
		if (line == NULL || strcmp(e->ring[n % EVENT_TAIL_MAX].line, line) == 0)
			put_event(e, n, out);
	}
}
