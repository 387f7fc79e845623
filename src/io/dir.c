/* SPDX-License-Identifier: MIT */
/* dir.c - directories. */
#include "io/dir.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

int
dir_make_new(const char *path)
{
	return mkdir(path, 0755) < 0 ? -errno : 0;
}

int
dir_make(const char *path)
{
	char part[PATH_MAX];
	size_t n = strlen(path);
	int rc = 0;

	if (n == 0 || n >= sizeof(part))
		return n == 0 ? -ENOENT : -ENAMETOOLONG;
	memcpy(part, path, n + 1);
	for (size_t i = 1; i <= n; i++) {
		if (part[i] != '/' && part[i] != '\0')
			continue;
		char end = part[i];
		part[i] = '\0';
		rc = dir_make_new(part);
		if (rc < 0 && rc != -EEXIST)
			return rc;
		part[i] = end;
	}
	return 0;
}

static int
remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path) < 0 ? errno : 0;
}

int
dir_remove(const char *path)
{
	int rc = nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS | FTW_MOUNT);

	if (rc < 0)
		return errno == ENOENT ? 0 : -errno;
	return -rc;
}

bool
dir_is(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

int
dir_each(const char *path, const char *suffix, dir_fn *fn, void *ud, bool *ret_dir_error)
{
	struct dirent **entries = NULL;
	size_t suffix_bytes = strlen(suffix);
	int count = scandir(path, &entries, NULL, alphasort), rc = count < 0 ? -errno : 0;

	*ret_dir_error = count < 0;
	for (int i = 0; i < count; i++) {
		const char *name = entries[i]->d_name;
		size_t n = strlen(name);
		char full[PATH_MAX];

		if (rc == 0 && n > suffix_bytes && strcmp(name + n - suffix_bytes, suffix) == 0) {
			if ((size_t)snprintf(full, sizeof(full), "%s/%s", path, name) >= sizeof(full)) {
				rc = -ENAMETOOLONG;
				*ret_dir_error = true;
			} else {
				rc = fn(ud, full);
			}
		}
		free(entries[i]);
	}
	free(entries);
	return rc;
}

int
dir_absolute(const char *path, char *ret, size_t max)
{
	char full[PATH_MAX];

	if (realpath(path, full) == NULL)
		return -errno;
	if (strlen(full) >= max)
		return -ENAMETOOLONG;
	memcpy(ret, full, strlen(full) + 1);
	return 0;
}

size_t
dir_file_tail(const char *path, char *ret, size_t max, uint64_t *ret_size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	struct stat st;
	off_t from = 0;
	ssize_t n = 0;

	*ret_size = 0;
	if (fd >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode)) {
		*ret_size = (uint64_t)st.st_size;
		from = st.st_size > (off_t)(max - 1) ? st.st_size - (off_t)(max - 1) : 0;
		n = pread(fd, ret, max - 1, from);
	}
	if (fd >= 0)
		close(fd);
	n = n < 0 ? 0 : n;
	ret[n] = '\0';
	if (from > 0) {
		char *line = memchr(ret, '\n', (size_t)n);
		size_t skip = line == NULL ? 0 : (size_t)(line + 1 - ret);
		memmove(ret, ret + skip, (size_t)n - skip + 1);
		n -= (ssize_t)skip;
	}
	return (size_t)n;
}
