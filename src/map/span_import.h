/* SPDX-License-Identifier: MIT */
/*
 * span_import.h - files of spans into sightings: OTLP (JSON, one request or one a line; protobuf), Zipkin v2, Jaeger; plain, gzip or zstd
 *
 *      span_import_new(&opts, &im);
 *      for each file: span_import_file(im, path)       or span_import_text() for what is in memory already
 *      span_import_finish(im);                         tells everything
 *      span_import_free(im);
 *
 * Files belong together: the two sides of a call may stand in two of them, or one of them in what a former import left. A file is read
 * piece by piece; what is held at once is one document, which is a line of a collector's file or an item of a list, and at most document_bytes.
 */
#ifndef MAP_SPAN_IMPORT_H
#define MAP_SPAN_IMPORT_H

#include "graph/spans.h"

#define SPAN_IMPORT_MEMORY ((size_t)512 << 20)
#define SPAN_IMPORT_DOCUMENT ((size_t)256 << 20)
#define SPAN_IMPORT_ERROR 512

struct span_import_opts {
	size_t memory_bytes;    /* of the engine, 0: SPAN_IMPORT_MEMORY; touched as it is needed */
	size_t document_bytes;  /* 0: SPAN_IMPORT_DOCUMENT */
	const char *where;      /* of sightings */
	sight_fn *tell;
	void *arg;
	/* Of spans without their other side, as spans.h has them; all NULL: none are kept. */
	spans_left_fn *left;
	spans_seek_fn *seek;
	sight_fn *take_back;
	void *left_arg;
	uint32_t left_max;
};

enum span_format { SPAN_FORMAT_UNKNOWN, SPAN_FORMAT_OTLP_JSON, SPAN_FORMAT_OTLP_PB, SPAN_FORMAT_ZIPKIN, SPAN_FORMAT_JAEGER };

/* What it is, by the first bytes after unpacking. */
enum span_format span_import_recognise(const char *p, size_t n);
const char *span_import_format_name(enum span_format f);

struct span_import;
/* To be called from seek(): spans.h. */
int span_import_left_take(struct span_import *im, const void *p, size_t n);
int span_import_new(const struct span_import_opts *opts, struct span_import **ret);     /* 0, -EINVAL, -ENOMEM */
void span_import_free(struct span_import *im);  /* NULL is fine */

/*
 * span_import_file - read a file; "-" is standard input.
 * returns   0; -EINVAL broken, -EFBIG a document larger than may be, -ENOTSUP no spans, -errno: span_import_error() says why and where
 */
int span_import_file(struct span_import *im, const char *path);
/* The same for n bytes at p, packed or not; name is for errors. */
int span_import_text(struct span_import *im, const char *name, const void *p, size_t n);
/* There are no more files: settle and tell. 0, or what tell() said. */
int span_import_finish(struct span_import *im);

const char *span_import_error(const struct span_import *im);    /* "FILE:LINE:COLUMN: expected ..." */
struct span_import_counts {
	uint64_t documents;
	uint64_t rejected;      /* spans without proper ids */
	uint64_t cut;           /* files whose last document was cut off and left out */
	struct spans_counts spans;
};
struct span_import_counts span_import_count(const struct span_import *im);

#endif
