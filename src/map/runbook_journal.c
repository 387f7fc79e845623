/* SPDX-License-Identifier: MIT */
/* runbook_journal.c - what a runbook has done, on disk. */
#include "map/runbook_journal.h"

#include "base/buf.h"
#include "io/clock.h"
#include "io/file.h"
#include "proto/jsonw.h"
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#define LINE_BYTES_MAX (1u << 20)
#define JOURNAL_BYTES_MAX (256u << 20)

static int
put(struct runbook_journal *j, const struct buf *line)
{
	const char *at = buf_data(line);
	size_t n = buf_len(line);

	while (n > 0 && j->err == 0) {
		ssize_t k = write(j->fd, at, n);
		if (k < 0 && errno != EINTR)
			j->err = -errno;
		at += k > 0 ? k : 0;
		n -= k > 0 ? (size_t)k : 0;
	}
	if (j->err == 0 && fdatasync(j->fd) < 0 && errno != EINVAL)
		j->err = -errno;
	return j->err;
}

static void
open_line(struct jsonw *w, struct buf *b, const char *event)
{
	buf_init(b, LINE_BYTES_MAX);
	jsonw_init(w, b);
	jsonw_object(w);
	jsonw_num(w, "at", clock_wall());
	jsonw_str(w, "event", event);
}

static int
close_line(struct runbook_journal *j, struct jsonw *w, struct buf *b)
{
	jsonw_end(w);
	buf_putc(b, '\n');
	if (b->overflowed && j->err == 0)
		j->err = -E2BIG;
	int r = put(j, b);
	buf_fini(b);
	return r;
}

int
runbook_journal_put(struct runbook_journal *j, const char *event, const char *step, fl_ns took, const char *why)
{
	struct jsonw w;
	struct buf b;

	if (j == NULL || j->fd < 0)
		return 0;
	open_line(&w, &b, event);
	if (step != NULL)
		jsonw_str(&w, "step", step);
	if (took >= 0)
		jsonw_num(&w, "took", took);
	if (why != NULL)
		jsonw_str(&w, "why", why);
	return close_line(j, &w, &b);
}

static int
open_locked(const char *path, int flags)
{
	int fd = open(path, flags | O_RDWR | O_APPEND | O_CLOEXEC, 0600);

	if (fd < 0)
		return -errno;
	if (flock(fd, LOCK_EX | LOCK_NB) < 0) {
		int err = -errno;
		close(fd);
		return err;
	}
	return fd;
}

int
runbook_journal_new(struct runbook_journal *j, const char *path, const struct runbook *b, bool drill)
{
	int fd = open_locked(path, O_CREAT | O_EXCL);
	struct jsonw w;
	struct buf line;

	*j = (struct runbook_journal){ .fd = fd < 0 ? -1 : fd };
	if (fd < 0)
		return fd;
	open_line(&w, &line, "begin");
	jsonw_num(&w, "steps", b->count);
	jsonw_key(&w, "runbook");
	jsonw_printf(&w, "%016" PRIx64, runbook_hash(b));
	jsonw_flag(&w, "drill", drill);
	int r = close_line(j, &w, &line);
	if (r < 0)
		runbook_journal_close(j);
	return r;
}

void
runbook_journal_close(struct runbook_journal *j)
{
	if (j->fd >= 0)
		close(j->fd);
	j->fd = -1;
}

/* ---- reading it ---- */

/* What the journal says of each step: the last of start, done, failed. */
enum said { SAID_NOTHING, SAID_START, SAID_DONE, SAID_FAILED };

struct fold {
	struct runbook *b;
	enum said *said;
	fl_ns *took;
	struct runbook_past *past;
	bool begun;
};

static void
take_begin(struct fold *f, const json_t *line)
{
	const char *hash = json_string_value(json_object_get(line, "runbook"));

	f->begun = true;
	f->past->drill = json_is_true(json_object_get(line, "drill"));
	f->past->changed = hash == NULL || strtoull(hash, NULL, 16) != runbook_hash(f->b);
}

static void
take_step(struct fold *f, enum said said, const json_t *line)
{
	const char *name = json_string_value(json_object_get(line, "step"));
	const json_t *took = json_object_get(line, "took");
	uint32_t step = name != NULL ? runbook_find(f->b, name) : f->b->count;

	if (step == f->b->count) {
		f->past->changed = true;
		return;
	}
	f->said[step] = said;
	f->took[step] = json_is_integer(took) ? json_integer_value(took) : -1;
}

static bool
take_line(struct fold *f, const char *p, size_t n)
{
	json_t *line = json_loadb(p, n, JSON_REJECT_DUPLICATES, NULL);
	const char *event = json_string_value(json_object_get(line, "event"));
	bool ok = event != NULL;

	if (ok && strcmp(event, "begin") == 0)
		take_begin(f, line);
	else if (ok && strcmp(event, "start") == 0)
		take_step(f, SAID_START, line);
	else if (ok && strcmp(event, "done") == 0)
		take_step(f, SAID_DONE, line);
	else if (ok && strcmp(event, "failed") == 0)
		take_step(f, SAID_FAILED, line);
	json_decref(line);
	return ok && f->begun;
}

static int
take_lines(struct fold *f, const char *p, size_t n)
{
	while (n > 0) {
		const char *end = memchr(p, '\n', n);
		if (end == NULL) {
			f->past->cut = true;
			return 0;
		}
		f->past->line++;
		if (!take_line(f, p, (size_t)(end - p)))
			return -EBADMSG;
		n -= (size_t)(end + 1 - p);
		p = end + 1;
	}
	return f->begun ? 0 : -EBADMSG;
}

/* Steps that were done are done if all they stand after are; the others begin again, knowing that they had begun. */
static void
apply(struct fold *f)
{
	struct runbook *b = f->b;

	for (bool more = true; more;) {
		more = false;
		for (uint32_t i = 0; (i = runbook_ready(b, i)) < b->count; i++) {
			if (f->said[i] != SAID_DONE)
				continue;
			runbook_begin(b, i);
			runbook_end(b, i, true, f->took[i]);
			more = true;
		}
	}
	f->past->done = b->done;
	for (uint32_t i = 0; i < b->count; i++) {
		f->past->redo += f->said[i] == SAID_DONE && b->items[i].state != RUNBOOK_DONE;
		f->past->under_way += f->said[i] == SAID_START;
		b->items[i].begun_before = f->said[i] == SAID_START || (f->said[i] == SAID_DONE && b->items[i].state != RUNBOOK_DONE);
	}
}

/* A line that was cut would spoil the next one. */
static int
cut_back(int fd, const struct buf *text)
{
	const char *p = buf_data(text), *end = memrchr(p, '\n', buf_len(text));

	return ftruncate(fd, end == NULL ? 0 : end + 1 - p) < 0 ? -errno : 0;
}

int
runbook_journal_resume(struct runbook_journal *j, const char *path, struct runbook *b, struct runbook_past *ret_past)
{
	int fd = open_locked(path, 0), r;
	struct fold f = { .b = b, .past = ret_past };
	struct buf text;

	*j = (struct runbook_journal){ .fd = -1 };
	*ret_past = (struct runbook_past){ .done = 0 };
	if (fd < 0)
		return fd;
	buf_init(&text, JOURNAL_BYTES_MAX);
	f.said = calloc(b->count + 1, sizeof(*f.said));
	f.took = calloc(b->count + 1, sizeof(*f.took));
	r = f.said == NULL || f.took == NULL ? -ENOMEM : file_read_regular(path, &text);
	if (r == 0)
		r = take_lines(&f, buf_data(&text), buf_len(&text));
	if (r == 0 && ret_past->cut)
		r = cut_back(fd, &text);
	if (r == 0)
		apply(&f);
	free(f.said);
	free(f.took);
	buf_fini(&text);
	if (r < 0)
		close(fd);
	else
		j->fd = fd;
	return r;
}
