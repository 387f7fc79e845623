/* SPDX-License-Identifier: MIT */
/*
 * unpack.h - gzip, zlib and zstd back to what was packed, piece by piece, with an end to how much that may be
 *
 * A bomb is some kilobytes that unpack to gigabytes. Who takes pieces as they come, and stops at a limit, is not hurt by one; nothing is
 * ever unpacked ahead of its taker. Several gzip members behind one another are one text, as gzip -d has it, and likewise zstd frames.
 */
#ifndef PROTO_UNPACK_H
#define PROTO_UNPACK_H

#include "base/buf.h"
#include <stdbool.h>

enum unpack_kind { UNPACK_PLAIN, UNPACK_GZIP, UNPACK_ZLIB, UNPACK_ZSTD };

/* By its first bytes: gzip and zstd say what they are; everything else is plain. 4 bytes are enough. */
enum unpack_kind unpack_kind_of(const void *p, size_t n);

struct unpack;
int unpack_new(enum unpack_kind kind, struct unpack **ret);     /* 0 or -ENOMEM */
void unpack_free(struct unpack *u);     /* NULL is fine */
/*
 * unpack_step - take some of n bytes, give some.
 * out, out_bytes  where to, and how much may come
 * ret_used        how many of the n bytes were taken
 * ret_out         how many came; less than out_bytes: more input is needed
 * returns         0; -EINVAL: not what its kind says
 */
int unpack_step(struct unpack *u, const void *p, size_t n, size_t *ret_used, char *out, size_t out_bytes, size_t *ret_out);
/* Did the input end where a member ends? */
bool unpack_whole(const struct unpack *u);

/* All of n bytes, appended to out. 0; -EINVAL broken or cut off; -EFBIG more than out may hold; -ENOMEM. out is as it was on failure. */
int unpack_all(enum unpack_kind kind, const void *p, size_t n, struct buf *out);

#endif
