/* SPDX-License-Identifier: MIT */
/* access_log.c - lines appended to files by a thread of their own. */
#include "control/access_log.h"
#include "base/buf.h"
#include "io/thread.h"
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define KEEP_BYTES 65536

struct file {
	char path[PATH_MAX];
	struct buf fill;                /* put and not yet taken by the writer; under the mutex */
	uint64_t lines;                 /* in fill */
	/* of the writer */
	int fd;                         /* -1: not open */
	unsigned opened;                /* in which generation */
	struct buf out;
	uint64_t out_lines;
	/* under the mutex */
	int result;                     /* of the last write: 0 or -errno */
	int told;                       /* and what was logged of it */
};

struct access_log {
	struct log *log;
	pthread_t thread;
	pthread_mutex_t mutex;
	pthread_cond_t more;
	/* under the mutex */
	struct file *files[ACCESS_LOG_FILES_MAX];
	unsigned count;
	unsigned generation;            /* grows when files are to be opened again */
	uint64_t written, dropped;
	bool stopping;
	/* of the caller */
	bool kicked;                    /* there is something for the writer */
};

/* ---- the writer ---- */

static uint64_t
count_lines(const char *p, size_t n)
{
	uint64_t lines = 0;

	for (const char *end = p + n; (p = memchr(p, '\n', (size_t)(end - p))) != NULL; p++)
		lines++;
	return lines;
}

/* A line was cut by a full disk: take its part out again, so that the file holds whole lines. returns bytes that stay. */
static size_t
trim(int fd, const char *p, size_t written)
{
	const char *last = written > 0 ? memrchr(p, '\n', written) : NULL;
	size_t whole = last != NULL ? (size_t)(last - p) + 1 : 0;
	struct stat st;

	if (whole < written && fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && (size_t)st.st_size >= written - whole &&
	    ftruncate(fd, st.st_size - (off_t)(written - whole)) != 0)
		return written;
	return whole;
}

/* ret_lines: lines that are in the file. 0 or -errno. */
static int
write_lines(int fd, const char *p, size_t n, uint64_t *ret_lines)
{
	size_t done = 0;
	int rc = 0;

	while (done < n && rc == 0) {
		ssize_t w = write(fd, p + done, n - done);

		if (w >= 0)
			done += (size_t)w;
		else if (errno != EINTR)
			rc = -errno;
	}
	*ret_lines = count_lines(p, rc == 0 ? n : trim(fd, p, done));
	return rc;
}

static int
open_file(struct file *f, unsigned generation)
{
	if (f->fd >= 0 && f->opened == generation)
		return 0;
	if (f->fd >= 0)
		close(f->fd);
	/* A pipe that nobody reads is refused instead of waited for. */
	f->fd = open(f->path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NONBLOCK, 0640);
	f->opened = generation;
	return f->fd >= 0 ? 0 : -errno;
}

/* Called with the mutex held, which is let go meanwhile. true: something was written. */
static bool
write_file(struct access_log *a, struct file *f)
{
	unsigned generation = a->generation;
	struct buf swap = f->out;
	uint64_t lines = 0;
	int rc;

	if (buf_len(&f->fill) == 0)
		return false;
	f->out = f->fill;
	f->out_lines = f->lines;
	f->fill = swap;
	f->lines = 0;
	pthread_mutex_unlock(&a->mutex);
	rc = open_file(f, generation);
	if (rc == 0)
		rc = write_lines(f->fd, buf_data(&f->out), buf_len(&f->out), &lines);
	if (f->out.cap > KEEP_BYTES) {
		buf_fini(&f->out);
		buf_init(&f->out, ACCESS_LOG_BUFFER_BYTES);
	}
	buf_clear(&f->out);
	pthread_mutex_lock(&a->mutex);
	a->written += lines;
	a->dropped += f->out_lines - FL_MIN(lines, f->out_lines);
	f->result = rc;
	return true;
}

static void *
writer(void *ud)
{
	struct access_log *a = ud;

	pthread_mutex_lock(&a->mutex);
	for (;;) {
		bool any = false;

		for (unsigned i = 0; i < a->count; i++)
			any = write_file(a, a->files[i]) || any;
		if (any)
			continue;
		if (a->stopping)
			break;
		pthread_cond_wait(&a->more, &a->mutex);
	}
	pthread_mutex_unlock(&a->mutex);
	return NULL;
}

/* ---- the caller ---- */

int
access_log_new(struct log *log, struct access_log **ret_log)
{
	struct access_log *a = calloc(1, sizeof(*a));
	int rc;

	if (a == NULL)
		return -ENOMEM;
	a->log = log;
	pthread_mutex_init(&a->mutex, NULL);
	pthread_cond_init(&a->more, NULL);
	rc = thread_start(&a->thread, "fl-access", writer, a);
	if (rc != 0) {
		free(a);
		return rc;
	}
	*ret_log = a;
	return 0;
}

void
access_log_free(struct access_log *a)
{
	if (a == NULL)
		return;
	pthread_mutex_lock(&a->mutex);
	a->stopping = true;
	pthread_cond_signal(&a->more);
	pthread_mutex_unlock(&a->mutex);
	thread_join(a->thread);
	access_log_tell(a);
	for (unsigned i = 0; i < a->count; i++) {
		struct file *f = a->files[i];

		if (f->fd >= 0)
			close(f->fd);
		buf_fini(&f->fill);
		buf_fini(&f->out);
		free(f);
	}
	pthread_mutex_destroy(&a->mutex);
	pthread_cond_destroy(&a->more);
	free(a);
}

/* Under the mutex. NULL: no more files, or no memory. */
static struct file *
find(struct access_log *a, const char *path)
{
	struct file *f;

	for (unsigned i = 0; i < a->count; i++) {
		if (strcmp(a->files[i]->path, path) == 0)
			return a->files[i];
	}
	f = a->count < ACCESS_LOG_FILES_MAX ? calloc(1, sizeof(*f)) : NULL;
	if (f == NULL || strlen(path) >= sizeof(f->path)) {
		free(f);
		return NULL;
	}
	memcpy(f->path, path, strlen(path) + 1);
	f->fd = -1;
	buf_init(&f->fill, ACCESS_LOG_BUFFER_BYTES);
	buf_init(&f->out, ACCESS_LOG_BUFFER_BYTES);
	a->files[a->count++] = f;
	return f;
}

bool
access_log_put(struct access_log *a, const char *path, const char *line, size_t n)
{
	struct file *f;
	bool fits;

	pthread_mutex_lock(&a->mutex);
	f = find(a, path);
	fits = f != NULL && buf_append(&f->fill, line, n) == 0;
	if (fits)
		f->lines++;
	else
		a->dropped++;
	pthread_mutex_unlock(&a->mutex);
	a->kicked = true;
	return fits;
}

void
access_log_kick(struct access_log *a)
{
	if (!a->kicked)
		return;
	a->kicked = false;
	pthread_mutex_lock(&a->mutex);
	pthread_cond_signal(&a->more);
	pthread_mutex_unlock(&a->mutex);
}

void
access_log_reopen(struct access_log *a)
{
	pthread_mutex_lock(&a->mutex);
	a->generation++;
	pthread_mutex_unlock(&a->mutex);
}

void
access_log_tell(struct access_log *a)
{
	for (unsigned i = 0; i < a->count; i++) {
		struct file *f = a->files[i];
		int result;

		pthread_mutex_lock(&a->mutex);
		result = f->result;
		pthread_mutex_unlock(&a->mutex);
		if (result == f->told)
			continue;
		f->told = result;
		if (result == 0)
			log_event(a->log, LOG_INFO, "the access log can be written again", "path", f->path, NULL);
		else
			log_event(a->log, LOG_ERROR, "the access log cannot be written: lines are dropped", "path", f->path, "error",
			    strerror(-result), NULL);
	}
}

void
access_log_counters(struct access_log *a, struct access_log_counters *ret)
{
	pthread_mutex_lock(&a->mutex);
	ret->written = a->written;
	ret->dropped = a->dropped;
	pthread_mutex_unlock(&a->mutex);
}
