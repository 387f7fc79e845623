/* SPDX-License-Identifier: MIT */
/* trace_file.c - see trace_file.h. */
#include "run/trace_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

struct trace_file {
	int fd;
	int err, untold;                /* the first error; what is to be told next: an error, or 1: it can be written again */
	bool failing;
	uint64_t lost, lost_all;        /* since the last block that was written; ever */
	uint8_t *tail;
	size_t tail_n, tail_max;
	fl_ns since;                    /* when the block's first event was seen by kick; 0: none yet */
	struct trace_block block;
};

static void
file_free(struct trace_file *f)
{
	if (f->fd >= 0)
		close(f->fd);
	free(f->tail);
	free(f);
}

int
trace_file_new(const char *path, size_t tail_max, struct trace_file **ret)
{
	struct trace_file *f = calloc(1, sizeof(*f));
	uint64_t number = 0;
	int rc = 0;

	if (f == NULL)
		return -ENOMEM;
	f->fd = path == NULL ? -1 : open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
	f->tail_max = tail_max > 0 ? FL_MAX(tail_max, 2 * (size_t)TRACE_BLOCK_BYTES) : 0;
	f->tail = tail_max > 0 ? malloc(f->tail_max) : NULL;
	if (path != NULL && f->fd < 0)
		rc = -errno;
	else if (tail_max > 0 && f->tail == NULL)
		rc = -ENOMEM;
	if (rc != 0) {
		file_free(f);
		return rc;
	}
	if (getrandom(&number, sizeof(number), GRND_NONBLOCK) != (ssize_t)sizeof(number))
		number = (uint64_t)getpid();
	trace_block_init(&f->block, number);
	*ret = f;
	return 0;
}

static int
write_all(int fd, const uint8_t *p, size_t n)
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

/* Keep the block in memory (2): the oldest go, half of them at a time. */
static void
keep_tail(struct trace_file *f, const uint8_t *p, size_t n)
{
	struct trace_block_view v;
	size_t at = 0;

	if (f->tail == NULL)
		return;
	while (f->tail_n - at + n > (at > 0 ? f->tail_max / 2 : f->tail_max)) {
		if (trace_block_view(f->tail + at, f->tail_n - at, &v) != 0)
			break;
		at += v.bytes;
	}
	memmove(f->tail, f->tail + at, f->tail_n - at);
	f->tail_n -= at;
	memcpy(f->tail + f->tail_n, p, n);
	f->tail_n += n;
}

/* All of it or nothing (1). */
static int
append(struct trace_file *f, const uint8_t *p, size_t n)
{
	struct stat before;
	int rc;

	if (f->fd < 0)
		return 0;
	if (fstat(f->fd, &before) != 0)
		return -errno;
	rc = write_all(f->fd, p, n);
	if (rc != 0 && S_ISREG(before.st_mode))
		(void)!ftruncate(f->fd, before.st_size);        /* else readers find it torn */
	return rc;
}

static void
write_block(struct trace_file *f)
{
	const uint32_t events = f->block.events, lost = (uint32_t)FL_MIN(f->lost, UINT32_MAX);
	const uint8_t *p;
	const size_t n = trace_block_seal(&f->block, lost, &p);
	int rc;

	f->since = 0;
	if (n == 0)
		return;
	keep_tail(f, p, n);
	rc = append(f, p, n);
	if (rc == 0) {
		f->lost -= lost;
		f->untold = f->failing ? 1 : f->untold;
		f->failing = false;
		return;
	}
	f->lost += events;
	f->lost_all += events;
	if (!f->failing)
		f->untold = rc;
	f->failing = true;
	f->err = f->err == 0 ? rc : f->err;
}

void
trace_file_put(struct trace_file *f, const struct trace_event *e)
{
	if (trace_block_put(&f->block, e))
		return;
	write_block(f);
	(void)trace_block_put(&f->block, e);
}

int
trace_file_kick(struct trace_file *f, uint64_t lost, fl_ns now)
{
	int rc;

	f->lost += lost;
	f->lost_all += lost;
	if (f->block.events > 0 && f->since == 0)
		f->since = now;
	else if (f->block.events > 0 && now - f->since >= TRACE_FILE_WAIT)
		write_block(f);
	rc = f->untold;
	f->untold = 0;
	return rc;
}

int
trace_file_flush(struct trace_file *f)
{
	write_block(f);
	return f->err;
}

int
trace_file_free(struct trace_file *f)
{
	int rc;

	if (f == NULL)
		return 0;
	rc = trace_file_flush(f);
	file_free(f);
	return rc;
}

size_t
trace_file_tail(const struct trace_file *f, const uint8_t **ret_p)
{
	*ret_p = f->tail;
	return f->tail_n;
}

uint64_t
trace_file_lost(const struct trace_file *f)
{
	return f->lost_all;
}

/* ---- reading ---- */

static int
map_fd(struct trace_map *m, int fd)
{
	struct stat st;

	if (fstat(fd, &st) != 0)
		return -errno;
	if (!S_ISREG(st.st_mode) || st.st_size <= 0)
		return -EBADMSG;
	m->n = (size_t)st.st_size;
	m->p = mmap(NULL, m->n, PROT_READ, MAP_PRIVATE, fd, 0);
	if (m->p == MAP_FAILED) {
		m->p = NULL;
		return -errno;
	}
	m->mapped = true;
	return trace_store_open(&m->store, m->p, m->n, &m->mem);
}

int
trace_map_open(struct trace_map *m, const char *path, size_t memory_max)
{
	struct stat st;
	int fd, rc;

	*m = (struct trace_map){ .p = NULL };
	arena_init(&m->mem, memory_max);
	rc = snprintf(m->path, sizeof(m->path), "%s%s", path, stat(path, &st) == 0 && S_ISDIR(st.st_mode) ? "/trace.bin" : "");
	if (rc >= (int)sizeof(m->path))
		return -ENAMETOOLONG;
	fd = open(m->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0)
		return -errno;
	rc = map_fd(m, fd);
	close(fd);
	return rc;
}

int
trace_map_bytes(struct trace_map *m, const char *name, void *p, size_t n, size_t memory_max)
{
	*m = (struct trace_map){ .p = p, .n = n };
	arena_init(&m->mem, memory_max);
	snprintf(m->path, sizeof(m->path), "%s", name);
	return trace_store_open(&m->store, p, n, &m->mem);
}

void
trace_map_fini(struct trace_map *m)
{
	if (m->mapped)
		munmap(m->p, m->n);
	arena_fini(&m->mem);
	m->p = NULL;
	m->mapped = false;
}
