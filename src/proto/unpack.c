/* SPDX-License-Identifier: MIT */
/*
 * unpack.c - gzip, zlib and zstd back to what was packed.
 *
 * Windows are bounded: zlib's is 32 KB, and a zstd frame that wants more than 2^WINDOW_LOG_MAX bytes is refused.
 */
#include "proto/unpack.h"

#include "base/assert.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>
#include <zstd.h>

#define WINDOW_LOG_MAX 27       /* 128 MB, what zstd -d takes without being asked */
#define STEP_BYTES (256u * 1024)

struct unpack {
	enum unpack_kind kind;
	bool whole;                     /* at the end of a member, or nothing came yet */
	bool begun;
	z_stream z;
	ZSTD_DStream *zstd;
};

enum unpack_kind
unpack_kind_of(const void *p, size_t n)
{
	if (n >= 2 && memcmp(p, "\x1f\x8b", 2) == 0)
		return UNPACK_GZIP;
	if (n >= 4 && memcmp(p, "\x28\xb5\x2f\xfd", 4) == 0)
		return UNPACK_ZSTD;
	return UNPACK_PLAIN;
}

int
unpack_new(enum unpack_kind kind, struct unpack **ret)
{
	struct unpack *u = calloc(1, sizeof(*u));
	bool good = true;

	if (u == NULL)
		return -ENOMEM;
	u->kind = kind;
	u->whole = kind == UNPACK_PLAIN;
	if (kind == UNPACK_ZSTD) {
		u->zstd = ZSTD_createDStream();
		good = u->zstd != NULL && !ZSTD_isError(ZSTD_DCtx_setParameter(u->zstd, ZSTD_d_windowLogMax, WINDOW_LOG_MAX));
	} else if (kind != UNPACK_PLAIN) {
		good = inflateInit2(&u->z, kind == UNPACK_GZIP ? 15 + 16 : 15) == Z_OK;
		u->begun = good;
	}
	if (!good) {
		unpack_free(u);
		return -ENOMEM;
	}
	*ret = u;
	return 0;
}

void
unpack_free(struct unpack *u)
{
	if (u == NULL)
		return;
	if (u->begun)
		inflateEnd(&u->z);
	ZSTD_freeDStream(u->zstd);
	free(u);
}

bool
unpack_whole(const struct unpack *u)
{
	return u->whole;
}

static int
step_zlib(struct unpack *u, const void *p, size_t n, size_t *ret_used, char *out, size_t out_bytes, size_t *ret_out)
{
	uInt in_max = (uInt)FL_MIN(n, (size_t)INT_MAX), out_max = (uInt)FL_MIN(out_bytes, (size_t)INT_MAX);
	int r;

	if (u->whole && n > 0) {
		/* Another member. */
		if (inflateReset(&u->z) != Z_OK)
			return -EINVAL;
		u->whole = false;
	}
	u->z.next_in = (z_const Bytef *)p;
	u->z.avail_in = in_max;
	u->z.next_out = (Bytef *)out;
	u->z.avail_out = out_max;
	r = n > 0 || !u->whole ? inflate(&u->z, Z_NO_FLUSH) : Z_BUF_ERROR;
	if (r != Z_OK && r != Z_STREAM_END && r != Z_BUF_ERROR)
		return -EINVAL;
	u->whole = u->whole || r == Z_STREAM_END;
	*ret_used = in_max - u->z.avail_in;
	*ret_out = out_max - u->z.avail_out;
	return 0;
}

static int
step_zstd(struct unpack *u, const void *p, size_t n, size_t *ret_used, char *out, size_t out_bytes, size_t *ret_out)
{
	ZSTD_inBuffer in = { p, n, 0 };
	ZSTD_outBuffer to = { out, out_bytes, 0 };
	size_t r;

	if (n == 0 && u->whole) {
		*ret_used = *ret_out = 0;
		return 0;
	}
	r = ZSTD_decompressStream(u->zstd, &to, &in);
	if (ZSTD_isError(r))
		return -EINVAL;
	u->whole = r == 0;
	*ret_used = in.pos;
	*ret_out = to.pos;
	return 0;
}

int
unpack_step(struct unpack *u, const void *p, size_t n, size_t *ret_used, char *out, size_t out_bytes, size_t *ret_out)
{
	fl_assert(out_bytes > 0);
	if (u->kind == UNPACK_ZSTD)
		return step_zstd(u, p, n, ret_used, out, out_bytes, ret_out);
	if (u->kind != UNPACK_PLAIN)
		return step_zlib(u, p, n, ret_used, out, out_bytes, ret_out);
	size_t both = FL_MIN(n, out_bytes);

	memcpy(out, p, both);
	*ret_used = *ret_out = both;
	return 0;
}

int
unpack_all(enum unpack_kind kind, const void *p, size_t n, struct buf *out)
{
	size_t start = buf_len(out), at = 0, used, came = 1;
	struct unpack *u;
	int rc = unpack_new(kind, &u);

	if (rc != 0)
		return rc;
	while (rc == 0 && (at < n || came > 0)) {
		size_t room = FL_MIN((size_t)STEP_BYTES, out->max_bytes - buf_len(out));
		char *to = room > 0 ? buf_reserve(out, room) : NULL;

		if (to == NULL) {
			rc = at == n && unpack_whole(u) ? 0 : -EFBIG;
			break;
		}
		rc = unpack_step(u, (const char *)p + at, n - at, &used, to, room, &came);
		if (rc != 0)
			break;
		buf_claim(out, came);
		at += used;
		if (used == 0 && came == 0)
			break;
	}
	if (rc == 0 && (at < n || !unpack_whole(u)))
		rc = -EINVAL;
	if (rc != 0) {
		out->end = out->start + start;
		out->overflowed = false;
	}
	unpack_free(u);
	return rc;
}
