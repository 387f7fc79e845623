/* SPDX-License-Identifier: MIT */
/* stream_file.c - logs of streams on disk. */
#include "stream/stream_file.h"

#include "base/assert.h"
#include "base/buf.h"
#include "base/hash.h"
#include "io/clock.h"
#include "io/file.h"
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define PIECE_BYTES ((size_t)1 << 20)   /* read at a time; more than the largest block */

uint64_t
stream_file_machine(void)
{
	struct buf b;
	uint64_t id = 0;

	buf_init(&b, 4096);
	if (file_read("/proc/sys/kernel/random/boot_id", &b) == 0 && buf_len(&b) > 0)
		id = hash_name(buf_str(&b)) | 1;
	buf_fini(&b);
	return id;
}

static int
write_all(int fd, const void *p, size_t n)
{
	const char *at = p;

	while (n > 0) {
		ssize_t k = write(fd, at, n);

		if (k < 0 && errno == EINTR)
			continue;
		if (k <= 0)
			return k == 0 ? -ENOSPC : -errno;
		at += k;
		n -= (size_t)k;
	}
	return 0;
}

static int
open_temporary(void)
{
	const char *folder = getenv("TMPDIR");
	char path[4096];
	int fd;

	if (folder == NULL || folder[0] == '\0')
		folder = "/tmp";
	fd = open(folder, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	if (fd >= 0 || (errno != EOPNOTSUPP && errno != EISDIR))
		return fd < 0 ? -errno : fd;
	if ((size_t)snprintf(path, sizeof(path), "%s/faultline-XXXXXX", folder) >= sizeof(path))
		return -ENAMETOOLONG;
	fd = mkostemp(path, O_CLOEXEC);
	if (fd < 0)
		return -errno;
	(void)unlink(path);
	return fd;
}

/* Emptied only when nobody else writes it: two writers would leave a log of neither. */
static int
open_named(const char *path)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644), err;

	if (fd < 0)
		return -errno;
	if (flock(fd, LOCK_EX | LOCK_NB) < 0 && errno == EWOULDBLOCK) {
		close(fd);
		return -EBUSY;
	}
	/* What is no file (a pipe, a device) has no length. */
	if (ftruncate(fd, 0) == 0 || errno == EINVAL)
		return fd;
	err = -errno;
	close(fd);
	return err;
}

int
stream_writer_open(struct stream_writer *w, const char *path, const struct match_log_head *head)
{
	uint8_t bytes[MATCH_LOG_HEAD_BYTES];

	*w = (struct stream_writer){ .fd = -1, .head = *head };
	w->head.wall_ns = clock_wall();
	w->head.mono = clock_mono();
	w->head.machine = stream_file_machine();
	w->pack = malloc(sizeof(*w->pack));
	if (w->pack == NULL)
		return w->err = -ENOMEM;
	match_log_begin(w->pack, 0);
	w->fd = path == NULL ? open_temporary() : open_named(path);
	if (w->fd < 0)
		return w->err = w->fd;
	match_log_put_head(&w->head, bytes);
	w->err = write_all(w->fd, bytes, sizeof(bytes));
	return w->err;
}

int
stream_writer_flush(struct stream_writer *w)
{
	uint32_t bytes = w->err == 0 ? match_log_seal(w->pack) : 0;

	if (bytes > 0) {
		w->err = write_all(w->fd, w->pack->mem, bytes);                                                 /* (1) */
		match_log_begin(w->pack, w->records);
	}
	return w->err;
}

int
stream_writer_put(struct stream_writer *w, const struct match_rec *r)
{
	struct match_rec own = *r;

	if (w->err != 0)
		return w->err;
	own.at = r->at - w->head.mono;
	if (!match_log_put(w->pack, &own)) {
		if (stream_writer_flush(w) != 0)
			return w->err;
		fl_assert(match_log_put(w->pack, &own));
	}
	w->records++;
	return 0;
}

int
stream_writer_finish(struct stream_writer *w, int *ret_fd)
{
	struct match_rec end = { .kind = MATCH_END, .at = clock_mono() };

	if (w->fd >= 0 && w->pack != NULL) {
		(void)stream_writer_put(w, &end);
		(void)stream_writer_flush(w);
	}
	free(w->pack);
	w->pack = NULL;
	*ret_fd = w->fd;
	w->fd = -1;
	return w->err;
}

int
stream_writer_close(struct stream_writer *w)
{
	int fd, rc = stream_writer_finish(w, &fd);

	/* Some file systems say only here that the disk is full. */
	if (fd >= 0 && close(fd) < 0 && rc == 0)
		rc = w->err = -errno;
	return rc;
}

/* What stands there is kept, up to its last whole block. */
static int
adopt(struct stream_writer *w, const char *path)
{
	struct stream_reader r;
	int rc = stream_reader_open(&r, path);

	if (rc == 0 && r.head.side != w->head.side)
		rc = -EINVAL;
	else if (rc == 0 && (r.head.machine == 0 || r.head.machine != stream_file_machine()))
		rc = -EXDEV;
	if (rc == 0 && (ftruncate(w->fd, (off_t)r.bytes) < 0 || lseek(w->fd, 0, SEEK_END) < 0))
		rc = -errno;
	if (rc == 0) {
		w->head = r.head;
		w->records = r.records;
		match_log_begin(w->pack, w->records);
	}
	stream_reader_close(&r);
	return rc;
}

int
stream_writer_append(struct stream_writer *w, const char *path, const struct match_log_head *head)
{
	struct stat st;
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	if (fd < 0 || fstat(fd, &st) < 0 || st.st_size == 0) {
		if (fd >= 0)
			close(fd);
		return stream_writer_open(w, path, head);
	}
	*w = (struct stream_writer){ .fd = fd, .head = *head, .pack = malloc(sizeof(*w->pack)) };
	if (flock(fd, LOCK_EX | LOCK_NB) < 0 && errno == EWOULDBLOCK)
		w->err = -EBUSY;
	else
		w->err = w->pack == NULL ? -ENOMEM : adopt(w, path);
	return w->err;
}

/* Have n bytes at `at` of the file in memory. NULL: there are not so many. ret_err: the read failed. */
static const uint8_t *
piece(struct stream_reader *r, uint64_t at, size_t n, int *ret_err)
{
	fl_assert(n <= PIECE_BYTES);
	if (at < r->mem_at || at + n > r->mem_at + r->mem_bytes) {
		r->mem_at = at;
		r->mem_bytes = 0;
		while (r->mem_bytes < PIECE_BYTES) {
			ssize_t k = pread(r->fd, r->mem + r->mem_bytes, PIECE_BYTES - r->mem_bytes, (off_t)(at + r->mem_bytes));

			if (k < 0 && errno == EINTR)
				continue;
			if (k < 0) {
				*ret_err = -errno;
				return NULL;
			}
			if (k == 0)
				break;
			r->mem_bytes += (size_t)k;
		}
	}
	return at + n <= r->mem_at + r->mem_bytes ? r->mem + (at - r->mem_at) : NULL;
}

static int
damaged(struct stream_reader *r, uint64_t at)
{
	snprintf(r->error, sizeof(r->error), "the block at byte %" PRIu64 " is damaged", at);
	return -EBADMSG;
}

/* Only the heads are read, so the memory is not filled with what stands between them. */
static int
scan(struct stream_reader *r, uint64_t file_bytes)
{
	uint8_t head[MATCH_LOG_HEAD_BYTES];
	struct match_block b;

	for (r->bytes = MATCH_LOG_HEAD_BYTES; r->bytes + MATCH_LOG_HEAD_BYTES <= file_bytes; r->bytes += MATCH_LOG_HEAD_BYTES + b.bytes) {
		ssize_t k = pread(r->fd, head, sizeof(head), (off_t)r->bytes);

		if (k != (ssize_t)sizeof(head))
			return k < 0 ? -errno : -EIO;
		if (match_log_get_block(head, &b) != 0 || b.first != r->records)
			return damaged(r, r->bytes);
		if (r->bytes + MATCH_LOG_HEAD_BYTES + b.bytes > file_bytes)
			break;
		r->blocks++;
		r->records += b.count;
		r->at = r->bytes;
	}
	r->cut = r->bytes != file_bytes;                                                                        /* (2) */
	return 0;
}

/* Is MATCH_END the last record of the last block? */
static int
find_end(struct stream_reader *r)
{
	struct match_rec rec;
	bool ended = false;
	uint64_t place;
	int rc = 1;

	if (r->blocks > 0)
		while ((rc = stream_reader_next(r, &rec, &place)) == 1)
			ended = rec.kind == MATCH_END;
	r->cut |= !ended;
	return rc < 0 ? rc : 0;
}

static int
open_fd(struct stream_reader *r)
{
	struct stat st;
	const uint8_t *head;
	int rc = 0;

	r->mem = malloc(PIECE_BYTES);
	if (r->mem == NULL)
		return -ENOMEM;
	if (fstat(r->fd, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode)) {
		snprintf(r->error, sizeof(r->error), "it is no regular file");
		return -EINVAL;
	}
	head = piece(r, 0, MATCH_LOG_HEAD_BYTES, &rc);
	if (rc != 0)
		return rc;
	rc = head == NULL ? -EINVAL : match_log_get_head(head, &r->head);
	if (rc != 0) {
		snprintf(r->error, sizeof(r->error), "%s", rc == -EPROTO ? "it was written by another version of this program" :
		    rc == -EBADMSG ? "its first 64 bytes are damaged" : "it is no log of faultline feed or collect");
		return rc;
	}
	rc = scan(r, (uint64_t)st.st_size);
	return rc != 0 ? rc : find_end(r);
}

int
stream_reader_take(struct stream_reader *r, int fd, const char *path)
{
	int rc;

	*r = (struct stream_reader){ .path = path, .fd = fd };
	rc = open_fd(r);
	if (rc != 0 && r->error[0] == '\0')
		snprintf(r->error, sizeof(r->error), "%s", strerror(-rc));
	stream_reader_rewind(r);
	return rc;
}

int
stream_reader_open(struct stream_reader *r, const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

	if (fd >= 0)
		return stream_reader_take(r, fd, path);
	*r = (struct stream_reader){ .path = path, .fd = -1 };
	snprintf(r->error, sizeof(r->error), "%s", strerror(errno));
	return -errno;
}

void
stream_reader_close(struct stream_reader *r)
{
	if (r->fd >= 0)
		close(r->fd);
	free(r->mem);
	r->mem = NULL;
	r->fd = -1;
}

void
stream_reader_rewind(struct stream_reader *r)
{
	r->at = MATCH_LOG_HEAD_BYTES;
	r->in_block = false;
}

/* The next block that is wanted. 1, 0 the end, negative: error is set. */
static int
next_block(struct stream_reader *r)
{
	const uint8_t *head, *payload;
	int err = 0;

	for (; r->at < r->bytes; r->at += MATCH_LOG_HEAD_BYTES + r->block.bytes) {
		head = piece(r, r->at, MATCH_LOG_HEAD_BYTES, &err);
		if (head == NULL || match_log_get_block(head, &r->block) != 0)
			return damaged(r, r->at);
		if (r->wants != NULL && !r->wants(r->wants_ud, &r->block))
			continue;
		head = piece(r, r->at, MATCH_LOG_HEAD_BYTES + r->block.bytes, &err);
		if (head == NULL)
			return damaged(r, r->at);
		payload = head + MATCH_LOG_HEAD_BYTES;
		if (match_log_open(&r->block, head, payload, &r->cursor) != 0)
			return damaged(r, r->at);
		r->at += MATCH_LOG_HEAD_BYTES + r->block.bytes;
		r->in_block = true;
		return 1;
	}
	return 0;
}

int
stream_reader_next(struct stream_reader *r, struct match_rec *ret, uint64_t *ret_place)
{
	for (;;) {
		int rc = r->in_block ? match_log_next(&r->cursor, ret) : 0;

		if (rc < 0)
			return damaged(r, r->at - MATCH_LOG_HEAD_BYTES - r->block.bytes);
		if (rc > 0) {
			*ret_place = r->block.first + (r->block.count - r->cursor.left - 1);
			return 1;
		}
		r->in_block = false;
		rc = next_block(r);
		if (rc <= 0)
			return rc;
	}
}
