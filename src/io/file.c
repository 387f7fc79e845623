/* SPDX-License-Identifier: MIT */
/* file.c - whole files in and out. */
#include "io/file.h"
#include "base/assert.h"
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define READ_BYTES 65536

/* Read to the end and close. */
static int
read_all(int fd, struct buf *b)
{
	size_t before = buf_len(b);
	int rc = 0;

	for (;;) {
		char chunk[READ_BYTES];
		ssize_t n = read(fd, chunk, sizeof(chunk));

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			rc = -errno;
		else if (n > 0 && buf_append(b, chunk, (size_t)n) != 0)
			rc = -EFBIG;
		if (rc != 0 || n <= 0)
			break;
	}
	close(fd);
	if (rc != 0)
		b->end = b->start + before;
	return rc;
}

int
file_read(const char *path, struct buf *b)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	return fd < 0 ? -errno : read_all(fd, b);
}

int
file_read_regular(const char *path, struct buf *b)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	struct stat st;

	if (fd < 0)
		return -errno;
	if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode)) {
		close(fd);
		return -EINVAL;
	}
	return read_all(fd, b);
}

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

/* A rename is lost in a power cut unless the directory is written too. Not all file systems can; that is no error. */
static void
sync_directory(const char *path)
{
	char copy[PATH_MAX];
	int fd;

	snprintf(copy, sizeof(copy), "%s", path);
	fd = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return;
	(void)!fsync(fd);
	close(fd);
}

/* A terminal, a pipe, a device: nothing that could be replaced. */
static int
write_in_place(const char *path, const void *p, size_t n)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC), rc;

	if (fd < 0)
		return -errno;
	rc = write_all(fd, p, n);
	if (close(fd) != 0 && rc == 0)
		rc = -errno;
	return rc;
}

int
file_replace(const char *path, const void *p, size_t n, unsigned mode)
{
	char tmp[PATH_MAX];
	struct stat st;
	int fd, rc;

	fl_assert(path[0] != '\0');
	if (stat(path, &st) == 0 && !S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode))
		return write_in_place(path, p, n);
	if (snprintf(tmp, sizeof(tmp), "%s.tmp", path) >= (int)sizeof(tmp))
		return -ENAMETOOLONG;
	fd = open(tmp, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, mode);
	if (fd < 0)
		return -errno;
	rc = write_all(fd, p, n);
	if (rc == 0 && fsync(fd) != 0)
		rc = -errno;
	if (close(fd) != 0 && rc == 0)
		rc = -errno;
	if (rc == 0 && rename(tmp, path) != 0)
		rc = -errno;
	if (rc != 0) {
		unlink(tmp);
		return rc;
	}
	sync_directory(path);
	return 0;
}
