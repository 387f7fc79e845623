/* SPDX-License-Identifier: MIT */
/* graph_source.c - the files that the words of a command line stand for. */
#include "map/graph_source.h"
#include "io/file.h"
#include "proto/unpack.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define FILE_MAX ((size_t)4 << 30)
#define FILES_MAX 100000u
#define PATH_BYTES 4096

/* By its first bytes, whatever its name. */
static int
expand(struct buf *b)
{
	enum unpack_kind kind = unpack_kind_of(buf_data(b), buf_len(b));
	struct buf out;
	int rc;

	if (kind == UNPACK_PLAIN)
		return 0;
	buf_init(&out, FILE_MAX);
	rc = unpack_all(kind, buf_data(b), buf_len(b), &out);
	if (rc != 0) {
		buf_fini(&out);
		return rc;
	}
	buf_fini(b);
	*b = out;
	return 0;
}

/* ---- files ---- */

static struct graph_source_file *
add(struct graph_source *s, const char *name)
{
	struct graph_source_file *f;

	if (s->count == s->room) {
		unsigned room = s->room > 0 ? s->room * 2 : 16;

		f = realloc(s->files, room * sizeof(*f));
		if (f == NULL)
			return NULL;
		s->files = f;
		s->room = room;
	}
	f = &s->files[s->count];
	*f = (struct graph_source_file){ .name = strdup(name) };
	buf_init(&f->bytes, FILE_MAX);
	if (f->name == NULL)
		return NULL;
	s->count++;
	return f;
}

static int
read_one(struct graph_source *s, const char *name, struct graph_reply *r)
{
	const char *path = strcmp(name, "-") == 0 ? "/dev/stdin" : name;
	struct graph_source_file *f = s->count < FILES_MAX ? add(s, name) : NULL;
	struct stat st;
	int rc;

	if (f == NULL)
		return graph_reply_fail(r, -ENOMEM, "too many files");
	rc = file_read(path, &f->bytes);
	if (rc == 0)
		rc = expand(&f->bytes);
	if (rc == -EINVAL)
		return graph_reply_fail(r, -EINVAL, "%s: the compressed file is damaged or cut off", name);
	if (rc != 0)
		return graph_reply_fail(r, rc, "%s: %s", name, strerror(-rc));
	if (path == name && stat(path, &st) == 0)
		f->mtime = st.st_mtim.tv_sec * FL_SEC + st.st_mtim.tv_nsec;
	return 0;
}

static int
visible(const struct dirent *d)
{
	return d->d_name[0] != '.' || strcmp(d->d_name, ".env") == 0;
}

/* What a folder or the user names: others that it names may lie beside and below it. */
static int
read_named(struct graph_source *s, const char *name, struct graph_reply *r)
{
	int rc = read_one(s, name, r);
	struct graph_source_file *f;

	if (rc != 0 || strcmp(name, "-") == 0)
		return rc;
	f = &s->files[s->count - 1];
	f->real = realpath(name, NULL);
	f->root = f->real != NULL ? strdup(f->real) : NULL;
	if (f->root != NULL)
		*strrchr(f->root, '/') = '\0';
	return 0;
}

static bool
is_read(const struct graph_source *s, const char *real)
{
	for (unsigned i = 0; i < s->count; i++) {
		if (s->files[i].real != NULL && strcmp(s->files[i].real, real) == 0)
			return true;
	}
	return false;
}

static bool
is_below(const char *real, const char *root)
{
	size_t n = strlen(root);

	return strncmp(real, root, n) == 0 && real[n] == '/';
}

int
graph_source_beside(struct graph_source *s, unsigned i, const char *path, struct graph_reply *r)
{
	const char *name = s->files[i].name, *slash = strrchr(name, '/');
	char whole[PATH_BYTES], *root = s->files[i].root, *real;
	struct stat st;
	int rc = 0;

	if (root == NULL || path[0] == '/' || path[0] == '\0' ||
	    snprintf(whole, sizeof(whole), "%.*s%s", slash != NULL ? (int)(slash - name) + 1 : 0, name, path) >= (int)sizeof(whole))
		return 0;
	real = realpath(whole, NULL);
	if (real != NULL && is_below(real, root) && stat(real, &st) == 0 && S_ISREG(st.st_mode) && !is_read(s, real)) {
		rc = read_one(s, whole, r);
		if (rc == 0) {
			s->files[s->count - 1].root = strdup(root);
			s->files[s->count - 1].real = real;
			s->files[s->count - 1].found = true;
			real = NULL;
		}
	}
	free(real);
	return rc;
}

/* Files of a folder in order of their names, without those in folders below it. */
static int
read_folder(struct graph_source *s, const char *name, struct graph_reply *r)
{
	struct dirent **list = NULL;
	int n = scandir(name, &list, visible, alphasort), rc = 0;

	if (n < 0)
		return graph_reply_fail(r, -errno, "%s: %s", name, strerror(errno));
	for (int i = 0; i < n; i++) {
		char path[PATH_BYTES];
		struct stat st;

		if (rc == 0 && snprintf(path, sizeof(path), "%s/%s", name, list[i]->d_name) < (int)sizeof(path) && stat(path, &st) == 0 &&
		    S_ISREG(st.st_mode)) {
			rc = read_named(s, path, r);
			if (rc == 0)
				s->files[s->count - 1].found = true;
		}
		free(list[i]);
	}
	free(list);
	return rc;
}

int
graph_source_read(struct graph_source *s, const char *const *words, unsigned count, struct graph_reply *r)
{
	int rc = 0;

	*s = (struct graph_source){ .count = 0 };
	for (unsigned i = 0; i < count && rc == 0; i++) {
		struct stat st;

		if (stat(words[i], &st) == 0 && S_ISDIR(st.st_mode))
			rc = read_folder(s, words[i], r);
		else
			rc = read_named(s, words[i], r);
	}
	return rc;
}

int
graph_source_body(struct graph_source *s, const char *name, const struct buf *body, struct graph_reply *r)
{
	struct graph_source_file *f = add(s, name != NULL && name[0] != '\0' ? name : "request");
	int rc = f == NULL ? -ENOMEM : buf_append(&f->bytes, buf_data(body), buf_len(body));

	if (rc == 0)
		rc = expand(&f->bytes);
	if (rc == 0)
		return 0;
	return graph_reply_fail(r, rc == -EINVAL ? rc : -ENOMEM, "%s", rc == -EINVAL ? "the compressed body is damaged or cut off" : "out of memory");
}

void
graph_source_fini(struct graph_source *s)
{
	for (unsigned i = 0; i < s->count; i++) {
		free(s->files[i].name);
		free(s->files[i].real);
		free(s->files[i].root);
		buf_fini(&s->files[i].bytes);
	}
	free(s->files);
	*s = (struct graph_source){ .count = 0 };
}
