/* SPDX-License-Identifier: MIT */
/*
 * span_journal.c - what a receiver of spans was sent and has not settled yet.
 *
 * A segment is BASE-NNNNNNNN.journal: a head of 16 bytes, then records of a head of 24 bytes and a body, little-endian as the machine is.
 */
#include "store/span_journal.h"

#include "base/assert.h"
#include "base/buf.h"
#include "io/dir.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#define BASE_MAX 480
#define PATH_MAX_HERE 520
#define BODY_MAX (64u << 20)

static const char magic[8] = "FLSPANJ";

struct head {
	char magic[8];
	uint64_t id;                    /* random: marks of two journals differ */
};

struct record_head {
	uint32_t n, crc;                /* crc: of what follows in the head, and the body */
	int64_t now;
	uint8_t type, pad[7];
};

struct span_journal {
	char base[BASE_MAX];
	int fd, lock_fd;
	uint32_t segment;               /* being written; 0 none */
	uint32_t oldest;                /* that exists; 0 none */
	uint32_t newest;
	uint64_t id, bytes, count;      /* of the segment being written */
};

static void
path_of(const struct span_journal *j, uint32_t segment, char *ret)
{
	snprintf(ret, PATH_MAX_HERE, "%s-%08u.journal", j->base, segment);
}

/* ---- which segments are there? ---- */

static int
note_segment(void *ud, const char *path)
{
	struct span_journal *j = ud;
	const char *p = strrchr(path, '/'), *name = strrchr(j->base, '/');
	char *end;
	size_t n;

	p = p != NULL ? p + 1 : path;
	name = name != NULL ? name + 1 : j->base;
	n = strlen(name);
	if (strncmp(p, name, n) != 0 || p[n] != '-')
		return 0;
	unsigned long v = strtoul(p + n + 1, &end, 10);

	if (strcmp(end, ".journal") != 0 || v == 0 || v >= UINT32_MAX)
		return 0;
	if (j->oldest == 0 || v < j->oldest)
		j->oldest = (uint32_t)v;
	if (v > j->newest)
		j->newest = (uint32_t)v;
	return 0;
}

static int
find_segments(struct span_journal *j)
{
	char folder[BASE_MAX];
	char *slash;
	bool dir_error;

	snprintf(folder, sizeof(folder), "%s", j->base);
	slash = strrchr(folder, '/');
	if (slash == NULL)
		snprintf(folder, sizeof(folder), ".");
	else
		slash[slash == folder] = '\0';
	return dir_each(folder, ".journal", note_segment, j, &dir_error);
}

int
span_journal_open(const char *base, struct span_journal **ret)
{
	struct span_journal *j = calloc(1, sizeof(*j));
	char path[PATH_MAX_HERE];
	int rc;

	if (j == NULL || strlen(base) >= BASE_MAX) {
		free(j);
		return j == NULL ? -ENOMEM : -ENAMETOOLONG;
	}
	memcpy(j->base, base, strlen(base) + 1);
	j->fd = -1;
	snprintf(path, sizeof(path), "%s.lock", base);
	j->lock_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	rc = j->lock_fd < 0 ? -errno : flock(j->lock_fd, LOCK_EX | LOCK_NB) != 0 ? -EBUSY : find_segments(j);
	if (rc != 0) {
		span_journal_close(j, false);
		return rc;
	}
	*ret = j;
	return 0;
}

static void
delete_before(struct span_journal *j, uint32_t segment)
{
	char path[PATH_MAX_HERE];

	for (; j->oldest != 0 && j->oldest < segment; j->oldest++) {
		path_of(j, j->oldest, path);
		unlink(path);
	}
}

void
span_journal_close(struct span_journal *j, bool done)
{
	if (j == NULL)
		return;
	if (j->fd >= 0)
		close(j->fd);
	if (done && j->oldest != 0)
		delete_before(j, j->newest + 1);
	if (j->lock_fd >= 0)
		close(j->lock_fd);      /* the lock file stays: deleting it would let two in */
	free(j);
}

uint64_t
span_journal_bytes(const struct span_journal *j)
{
	return j->bytes;
}

uint32_t
span_journal_segment(const struct span_journal *j)
{
	return j->segment != 0 ? j->segment : j->oldest;
}

/* ---- reading ---- */

static uint32_t
crc_of(const struct record_head *h, const void *body)
{
	uLong crc = crc32(0, (const Bytef *)&h->now, sizeof(*h) - offsetof(struct record_head, now));

	return (uint32_t)(h->n > 0 ? crc32(crc, body, h->n) : crc);
}

static void
mark_of(uint64_t id, uint64_t count, char *ret)
{
	snprintf(ret, SPAN_JOURNAL_MARK, "spans %016llx %llu", (unsigned long long)id, (unsigned long long)count);
}

/* n bytes, or -EPIPE when they are not there. */
static int
read_whole(int fd, void *p, size_t n)
{
	for (size_t have = 0; have < n;) {
		ssize_t r = read(fd, (char *)p + have, n - have);

		if (r < 0 && errno == EINTR)
			continue;
		if (r <= 0)
			return r < 0 ? -errno : -EPIPE;
		have += (size_t)r;
	}
	return 0;
}

/* Read one record into body. -EPIPE: there is none any more, or not a whole one. */
static int
read_record(int fd, struct buf *body, struct record_head *h)
{
	char *to;
	int rc = read_whole(fd, h, sizeof(*h));

	buf_clear(body);
	if (rc != 0)
		return rc;
	if (h->n > BODY_MAX)
		return -EPIPE;
	to = buf_reserve(body, (size_t)h->n + 1);
	if (to == NULL)
		return -ENOMEM;
	rc = read_whole(fd, to, h->n);
	if (rc != 0)
		return rc;
	buf_claim(body, h->n);
	return crc_of(h, to) == h->crc ? 0 : -EPIPE;
}

static int
replay_segment(int fd, span_journal_fn *fn, void *arg)
{
	struct span_journal_record r;
	struct record_head h;
	struct head head;
	struct buf body;
	uint64_t count = 0;
	int rc = read_whole(fd, &head, sizeof(head));

	if (rc != 0 || memcmp(head.magic, magic, sizeof(magic)) != 0)
		return rc == -EPIPE || rc == 0 ? 0 : rc;
	buf_init(&body, BODY_MAX + 1);
	while ((rc = read_record(fd, &body, &h)) == 0) {
		r = (struct span_journal_record){ .type = h.type, .now = h.now, .body = buf_data(&body), .n = h.n };
		mark_of(head.id, count++, r.mark);
		rc = fn(arg, &r);
		if (rc != 0)
			break;
	}
	buf_fini(&body);
	return rc == -EPIPE ? 0 : rc;                                     /* (1) */
}

int
span_journal_replay(struct span_journal *j, span_journal_fn *fn, void *arg)
{
	char path[PATH_MAX_HERE];
	int rc = 0;

	fl_assert(j->segment == 0);
	for (uint32_t s = j->oldest; s != 0 && s <= j->newest && rc == 0; s++) {
		path_of(j, s, path);
		int fd = open(path, O_RDONLY | O_CLOEXEC);

		if (fd < 0) {
			rc = errno == ENOENT ? 0 : -errno;
			continue;
		}
		rc = replay_segment(fd, fn, arg);
		close(fd);
	}
	return rc;
}

/* ---- writing ---- */

static int
write_whole(int fd, const void *p, size_t n)
{
	for (size_t done = 0; done < n;) {
		ssize_t r = write(fd, (const char *)p + done, n - done);

		if (r < 0 && errno == EINTR)
			continue;
		if (r < 0)
			return -errno;
		done += (size_t)r;
	}
	return 0;
}

int
span_journal_turn(struct span_journal *j, uint32_t keep_from)
{
	struct head head;
	char path[PATH_MAX_HERE];
	uint32_t segment = j->newest + 1;
	int fd, rc;

	memcpy(head.magic, magic, sizeof(magic));
	if (getrandom(&head.id, sizeof(head.id), 0) != (ssize_t)sizeof(head.id))
		return -EIO;
	path_of(j, segment, path);
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0)
		return -errno;
	rc = write_whole(fd, &head, sizeof(head));
	if (rc != 0) {
		close(fd);
		unlink(path);
		return rc;
	}
	if (j->fd >= 0)
		close(j->fd);
	j->fd = fd;
	j->id = head.id;
	j->bytes = sizeof(head);
	j->count = 0;
	j->segment = j->newest = segment;
	if (j->oldest == 0)
		j->oldest = segment;
	delete_before(j, FL_MIN(keep_from, segment));
	return 0;
}

int
span_journal_append(struct span_journal *j, uint8_t type, int64_t now, const void *p, size_t n, char *ret_mark)
{
	struct record_head h = { .n = (uint32_t)n, .now = now, .type = type };
	int rc = n > BODY_MAX ? -EFBIG : j->fd < 0 ? span_journal_turn(j, j->oldest) : 0;

	if (rc != 0)
		return rc;
	h.crc = crc_of(&h, p);
	rc = write_whole(j->fd, &h, sizeof(h));
	if (rc == 0 && n > 0)
		rc = write_whole(j->fd, p, n);
	if (rc == 0 && fdatasync(j->fd) != 0)
		rc = -errno;
	if (rc != 0) {
		/* Take back what was written, so that the next record stands where this one would. */
		if (ftruncate(j->fd, (off_t)j->bytes) != 0 || lseek(j->fd, (off_t)j->bytes, SEEK_SET) < 0) {
			close(j->fd);
			j->fd = -1;
		}
		return rc;
	}
	if (ret_mark != NULL)
		mark_of(j->id, j->count, ret_mark);
	j->count++;
	j->bytes += sizeof(h) + n;
	return 0;
}
