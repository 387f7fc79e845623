/* SPDX-License-Identifier: MIT */
/* graph_source.c - the files that the words of a command line stand for. */
#include "run/graph_source.h"
#include "io/file.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <zlib.h>
#include <zstd.h>

#define FILE_MAX ((size_t)4 << 30)
#define FILES_MAX 100000u
#define PATH_BYTES 4096
#define CHUNK ((size_t)1 << 18)

/* ---- compressed ones ---- */

/* Text of gzip members behind one another. */
static int
gunzip(const struct buf *in, struct buf *out)
{
	z_stream z = { .next_in = (Bytef *)(uintptr_t)buf_data(in) };
	size_t left = buf_len(in);
	int rc = inflateInit2(&z, 15 + 16);

	if (rc != Z_OK)
		return -ENOMEM;
	while (rc == Z_OK && (left > 0 || z.avail_in > 0)) {
		char *room = buf_reserve(out, CHUNK);

		if (room == NULL) {
			rc = Z_MEM_ERROR;
			break;
		}
		if (z.avail_in == 0) {
			z.avail_in = (uInt)FL_MIN(left, (size_t)1 << 30);
			left -= z.avail_in;
		}
		z.next_out = (Bytef *)room;
		z.avail_out = CHUNK;
		rc = inflate(&z, Z_NO_FLUSH);
		buf_claim(out, CHUNK - z.avail_out);
		if (rc == Z_STREAM_END && (left > 0 || z.avail_in > 0))
			rc = inflateReset(&z);
	}
	inflateEnd(&z);
	return rc == Z_STREAM_END ? 0 : rc == Z_MEM_ERROR ? -EFBIG : -EBADMSG;
}

static int
unzstd(const struct buf *in, struct buf *out)
{
	ZSTD_DStream *d = ZSTD_createDStream();
	ZSTD_inBuffer from = { buf_data(in), buf_len(in), 0 };
	size_t more = 1;
	int rc = d == NULL ? -ENOMEM : 0;

	while (rc == 0 && (from.pos < from.size || more > 0)) {
		ZSTD_outBuffer to = { buf_reserve(out, CHUNK), CHUNK, 0 };
		size_t before = from.pos;

		if (to.dst == NULL) {
			rc = -EFBIG;
			break;
		}
		more = ZSTD_decompressStream(d, &to, &from);
		if (ZSTD_isError(more) || (to.pos == 0 && from.pos == before && more > 0))
			rc = -EBADMSG;
		else
			buf_claim(out, to.pos);
		if (from.pos == from.size && to.pos < to.size && more > 0)
			rc = rc != 0 ? rc : -EBADMSG;
	}
	ZSTD_freeDStream(d);
	return rc;
}

/* By its first bytes, whatever its name. */
static int
expand(struct buf *b)
{
	const unsigned char *p = (const unsigned char *)buf_data(b);
	bool gzip = buf_len(b) > 2 && p[0] == 0x1f && p[1] == 0x8b, zstd = buf_len(b) > 4 && memcmp(p, "\x28\xb5\x2f\xfd", 4) == 0;
	struct buf out;
	int rc;

	if (!gzip && !zstd)
		return 0;
	buf_init(&out, FILE_MAX);
	rc = gzip ? gunzip(b, &out) : unzstd(b, &out);
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
	if (rc == -EBADMSG)
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
		    S_ISREG(st.st_mode))
			rc = read_one(s, path, r);
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
			rc = read_one(s, words[i], r);
	}
	return rc;
}

void
graph_source_fini(struct graph_source *s)
{
	for (unsigned i = 0; i < s->count; i++) {
		free(s->files[i].name);
		buf_fini(&s->files[i].bytes);
	}
	free(s->files);
	*s = (struct graph_source){ .count = 0 };
}
