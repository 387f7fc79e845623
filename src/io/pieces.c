/* SPDX-License-Identifier: MIT */
/* pieces.c - see pieces.h. */
#include "io/pieces.h"
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define READ_BYTES ((size_t)4 << 20)

static int
mapped(int fd, size_t bytes, pieces_fn *fn, void *ud, bool *ret_file_error)
{
	size_t used;
	char *p = mmap(NULL, bytes, PROT_READ, MAP_PRIVATE, fd, 0);

	if (p == MAP_FAILED)
		return -errno;
	(void)madvise(p, bytes, MADV_SEQUENTIAL);
	*ret_file_error = false;
	int rc = fn(ud, p, bytes, true, &used);

	munmap(p, bytes);
	return rc;
}

/* Bytes read behind those that are there; 0 at the end. */
static ssize_t
read_more(int fd, char *p, size_t bytes)
{
	ssize_t n;

	do
		n = read(fd, p, bytes);
	while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : n;
}

static int
piped(int fd, size_t bytes_max, pieces_fn *fn, void *ud, bool *ret_file_error)
{
	size_t have = 0, cap = 0, used;
	char *mem = NULL;
	int rc = 0;

	for (bool last = false; rc == 0 && !last;) {
		/* What was not taken is asked for again only with as much behind it, so that a long event costs no more than twice. */
		size_t want = have + FL_MAX(READ_BYTES, have);

		if (want > cap) {
			char *more = want > bytes_max ? NULL : realloc(mem, want);

			if (more == NULL) {
				rc = -EFBIG;
				break;
			}
			mem = more;
			cap = want;
		}
		while (!last && have < want) {
			ssize_t n = read_more(fd, mem + have, want - have);

			if (n < 0) {
				rc = (int)n;
				break;
			}
			last = n == 0;
			have += (size_t)n;
		}
		if (rc != 0)
			break;
		*ret_file_error = false;
		rc = fn(ud, mem, have, last, &used);
		if (rc != 0)
			break;
		*ret_file_error = true;
		memmove(mem, mem + used, have - used);
		have -= used;
	}
	if (rc == 0)
		*ret_file_error = false;
	free(mem);
	return rc;
}

int
pieces_each(const char *path, size_t bytes_max, pieces_fn *fn, void *ud, bool *ret_file_error)
{
	bool standard = strcmp(path, "-") == 0;
	int fd = standard ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
	struct stat st;
	int rc;

	*ret_file_error = true;
	if (fd < 0 || fstat(fd, &st) != 0) {
		rc = -errno;
		if (fd >= 0 && !standard)
			close(fd);
		return rc;
	}
	bool regular = S_ISREG(st.st_mode) && st.st_size > 0 && (!standard || lseek(fd, 0, SEEK_CUR) == 0);

	rc = regular ? mapped(fd, (size_t)st.st_size, fn, ud, ret_file_error) : piped(fd, bytes_max, fn, ud, ret_file_error);
	if (!standard)
		close(fd);
	return rc;
}
