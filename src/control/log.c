/* SPDX-License-Identifier: MIT */
/* log.c - the daemon's log. */
#include "control/log.h"
#include "proto/jsonw.h"
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <strings.h>
#include <time.h>
#include <unistd.h>

/* A pipe that is ready takes this much at once (PIPE_BUF), so the write does not wait. */
#define LINE_BYTES_MAX 4096

static const char *const names[] = { "trace", "debug", "info", "warn", "error", "fatal", "panic", "disabled" };

void
log_init(struct log *l, int fd, enum log_level level)
{
	*l = (struct log){ .fd = fd, .level = level };
	buf_init(&l->line, LINE_BYTES_MAX);
}

void
log_fini(struct log *l)
{
	buf_fini(&l->line);
}

int
log_level_parse(const char *text, enum log_level *ret_level)
{
	for (unsigned i = 0; i < FL_ARRAY_LEN(names); i++) {
		if (strcasecmp(text, names[i]) == 0) {
			*ret_level = (enum log_level)i;
			return 0;
		}
	}
	if (strcasecmp(text, "warning") != 0)
		return -EINVAL;
	*ret_level = LOG_WARN;
	return 0;
}

static void
put_time(struct jsonw *w)
{
	struct timespec now;
	struct tm tm;
	char text[40];
	size_t n;

	clock_gettime(CLOCK_REALTIME, &now);
	gmtime_r(&now.tv_sec, &tm);
	n = strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &tm);
	snprintf(text + n, sizeof(text) - n, ".%03ldZ", now.tv_nsec / 1000000);
	jsonw_str(w, "time", text);
}

/* Write the line if that cannot block. */
static void
flush(struct log *l)
{
	struct pollfd p = { .fd = l->fd, .events = POLLOUT };

	buf_putc(&l->line, '\n');
	if (l->line.overflowed || poll(&p, 1, 0) != 1 || (p.revents & POLLOUT) == 0 ||
	    write(l->fd, buf_data(&l->line), buf_len(&l->line)) != (ssize_t)buf_len(&l->line))
		l->dropped++;
	else
		l->dropped = 0;
}

void
log_event(struct log *l, enum log_level level, const char *message, ...)
{
	struct jsonw w;
	const char *key;
	va_list ap;

	if (level < l->level)
		return;
	buf_clear(&l->line);
	jsonw_init(&w, &l->line);
	jsonw_object(&w);
	jsonw_str(&w, "level", names[level]);
	put_time(&w);
	va_start(ap, message);
	while ((key = va_arg(ap, const char *)) != NULL) {
		const char *value = va_arg(ap, const char *);

		jsonw_str(&w, key, value != NULL ? value : "");
	}
	va_end(ap);
	if (l->dropped > 0)
		jsonw_num(&w, "dropped_lines", (int64_t)l->dropped);
	jsonw_str(&w, "message", message);
	jsonw_end(&w);
	flush(l);
}
