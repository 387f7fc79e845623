/* SPDX-License-Identifier: MIT */
/*
 * span_import.c - files of spans into sightings.
 *
 * Bytes go through three steps: unpack, cut into documents, parse. JSON is cut where a value at the outside ends; the brackets of a list
 * at the outside are stepped over, so that each of its items is a document. Protobuf is one request, or requests each behind its length
 * in four bytes, as a collector's file exporter writes them.
 *
 * Invariants
 *  (1) doc holds what is not parsed yet; scan <= buf_len(doc), and what is before it was looked at.
 */
#include "map/span_import.h"

#include "base/assert.h"
#include "proto/jaeger.h"
#include "proto/otlp_json.h"
#include "proto/otlp_pb.h"
#include "proto/unpack.h"
#include "proto/zipkin.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PIECE (256u * 1024)
#define LOOK_BYTES 65536u       /* enough to recognise a format by */

struct span_import {
	struct span_import_opts opts;
	struct spans *spans;
	struct span_import_counts counts;
	char error[SPAN_IMPORT_ERROR];
	union {                         /* scratch of the parser at work */
		struct otlp_pb pb;
		struct otlp_json json;
		struct zipkin zipkin;
		struct jaeger jaeger;
	} parser;
	/* the file */
	const char *name;
	enum span_format format;
	bool prefixed;                  /* protobuf behind lengths */
	struct buf doc;
	size_t scan;                    /* (1) */
	size_t begin;                   /* where the document begins, when depth > 0 */
	uint32_t depth;
	bool in_text, escaped, in_list;
	uint64_t line, column;          /* of the first byte of doc */
	uint64_t documents;             /* of this file */
	char piece[PIECE];
};

int
span_import_new(const struct span_import_opts *opts, struct span_import **ret)
{
	struct span_import *im = calloc(1, sizeof(*im));
	struct spans_opts so = { .memory_bytes = opts->memory_bytes != 0 ? opts->memory_bytes : SPAN_IMPORT_MEMORY, .hold = FL_NEVER,
		.seed = UINT64_C(0x7370616e73), .where = opts->where, .tell = opts->tell, .arg = opts->arg, .left = opts->left, .seek = opts->seek,
		.take_back = opts->take_back, .left_arg = opts->left_arg, .left_max = opts->left_max };
	int rc;

	if (im == NULL)
		return -ENOMEM;
	im->opts = *opts;
	buf_init(&im->doc, opts->document_bytes != 0 ? opts->document_bytes : SPAN_IMPORT_DOCUMENT);
	rc = spans_new(&so, &im->spans);
	if (rc != 0) {
		span_import_free(im);
		return rc;
	}
	*ret = im;
	return 0;
}

void
span_import_free(struct span_import *im)
{
	if (im == NULL)
		return;
	spans_free(im->spans);
	buf_fini(&im->doc);
	free(im);
}

int
span_import_left_take(struct span_import *im, const void *p, size_t n)
{
	return span_left_take(im->spans, p, n);
}

const char *
span_import_error(const struct span_import *im)
{
	return im->error;
}

struct span_import_counts
span_import_count(const struct span_import *im)
{
	struct span_import_counts c = im->counts;

	c.spans = spans_count(im->spans);
	return c;
}

const char *
span_import_format_name(enum span_format f)
{
	static const char *const names[] = { "unknown", "otlp-json", "otlp-protobuf", "zipkin", "jaeger" };

	return names[f];
}

/* ---- what is it? ---- */

static bool
holds(const char *p, size_t n, const char *word)
{
	return memmem(p, n, word, strlen(word)) != NULL;
}

/* The first fields of a request: resource spans that hold something that begins like a field of theirs. */
static bool
is_otlp_pb(const unsigned char *p, size_t n)
{
	size_t at = 1;

	if (n < 3 || p[0] != 0x0a)
		return false;
	while (at < n && at < 6 && p[at] >= 0x80)
		at++;
	at++;
	return at < n && (p[at] == 0x0a || p[at] == 0x12 || p[at] == 0x1a);
}

static bool
is_prefixed(const char *p, size_t n)
{
	return n > 7 && p[0] == '\0' && is_otlp_pb((const unsigned char *)p + 4, n - 4);
}

enum span_format
span_import_recognise(const char *p, size_t n)
{
	size_t at = 0;

	n = FL_MIN(n, LOOK_BYTES);
	if (is_prefixed(p, n) || (is_otlp_pb((const unsigned char *)p, n) && memchr(p, '{', FL_MIN(n, 2)) == NULL))
		return SPAN_FORMAT_OTLP_PB;
	while (at < n && strchr(" \t\r\n", p[at]) != NULL && p[at] != '\0')
		at++;
	if (at == n || (p[at] != '{' && p[at] != '['))
		return SPAN_FORMAT_UNKNOWN;
	if (holds(p, n, "\"resourceSpans\"") || holds(p, n, "\"resource_spans\"") || holds(p, n, "\"scopeSpans\"") ||
	    holds(p, n, "\"instrumentationLibrarySpans\""))
		return SPAN_FORMAT_OTLP_JSON;
	if (holds(p, n, "\"spanID\"") || holds(p, n, "\"operationName\""))
		return SPAN_FORMAT_JAEGER;
	if (holds(p, n, "\"traceId\"") && (holds(p, n, "\"id\"") || holds(p, n, "\"localEndpoint\"")))
		return SPAN_FORMAT_ZIPKIN;
	return SPAN_FORMAT_UNKNOWN;
}

/* ---- a document ---- */

static int __attribute__((format(printf, 3, 4)))
fail(struct span_import *im, int rc, const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = snprintf(im->error, sizeof(im->error), "%s:", im->name);
	if (n > 0 && (size_t)n < sizeof(im->error))
		vsnprintf(im->error + n, sizeof(im->error) - (size_t)n, fmt, ap);
	va_end(ap);
	return rc;
}

/* Count lines and columns of n bytes that are done with. */
static void
pass(struct span_import *im, size_t n)
{
	const char *p = buf_data(&im->doc), *end = p + n, *nl;

	while ((nl = memchr(p, '\n', (size_t)(end - p))) != NULL) {
		im->line++;
		im->column = 1;
		p = nl + 1;
	}
	im->column += (uint64_t)(end - p);
	buf_consume(&im->doc, n);
}

static int
parse(struct span_import *im, const char *p, size_t n, const char **ret_error, size_t *ret_at)
{
	struct span_sink sink = { .resource = spans_resource, .span = spans_add, .arg = im->spans };
	struct span_counts c = { .spans = 0 };
	int rc = 0;

	switch (im->format) {
#define PARSE(fn, m) \
		rc = fn(&im->parser.m, p, n, &sink); \
		*ret_error = im->parser.m.error; \
		*ret_at = im->parser.m.error_at; \
		c = im->parser.m.counts;
	case SPAN_FORMAT_OTLP_JSON:
		PARSE(otlp_json_read, json)
		break;
	case SPAN_FORMAT_OTLP_PB:
		PARSE(otlp_pb_read, pb)
		break;
	case SPAN_FORMAT_ZIPKIN:
		PARSE(zipkin_read, zipkin)
		break;
	case SPAN_FORMAT_JAEGER:
		PARSE(jaeger_read, jaeger)
		break;
#undef PARSE
	default:
		fl_assert(!"the format is known here");
	}
	im->counts.rejected += c.rejected;
	return rc;
}

/* Parse the document in doc[from, from + n) and be done with all up to its end. */
static int
document(struct span_import *im, size_t from, size_t n)
{
	const char *error = NULL;
	size_t at = 0;
	int rc;

	spans_begin(im->spans, 0);
	rc = parse(im, buf_data(&im->doc) + from, n, &error, &at);
	if (rc != 0) {
		spans_rollback(im->spans);
		if (error == NULL)
			return fail(im, rc, " %s", strerror(-rc));
		if (im->format == SPAN_FORMAT_OTLP_PB)
			return fail(im, rc, " byte %zu of request %llu: %s", at, (unsigned long long)im->documents + 1, error);
		pass(im, FL_MIN(from + at, buf_len(&im->doc)));
		return fail(im, rc, "%llu:%llu: %s", (unsigned long long)im->line, (unsigned long long)im->column, error);
	}
	spans_commit(im->spans);
	im->documents++;
	im->counts.documents++;
	pass(im, from + n);
	return 0;
}

/* ---- cutting ---- */

/* Look on from scan. *ret_end: where a document ends, 0: more is needed. -EINVAL: no JSON. */
static int
find_end(struct span_import *im, size_t *ret_end)
{
	const char *p = buf_data(&im->doc);
	size_t n = buf_len(&im->doc);

	for (*ret_end = 0; im->scan < n; im->scan++) {
		char c = p[im->scan];

		if (im->in_text) {
			im->in_text = im->escaped || c != '"';
			im->escaped = !im->escaped && c == '\\';
		} else if (c == '"') {
			im->in_text = true;
		} else if (c == '{' || c == '[') {
			if (im->depth == 0 && c == '[' && !im->in_list) {
				im->in_list = true;
				continue;
			}
			if (im->depth++ == 0)
				im->begin = im->scan;
		} else if ((c == '}' || c == ']') && im->depth > 0 && --im->depth == 0) {
			*ret_end = ++im->scan;
			return 0;
		} else if (im->depth == 0 && c == ']' && im->in_list) {
			im->in_list = false;
		} else if (im->depth == 0 && strchr(" \t\r\n,", c) == NULL) {
			pass(im, im->scan);
			return fail(im, -EINVAL, "%llu:%llu: expected an object or a list", (unsigned long long)im->line,
			    (unsigned long long)im->column);
		}
	}
	return 0;
}

static int
cut_json(struct span_import *im)
{
	size_t end;
	int rc;

	while ((rc = find_end(im, &end)) == 0 && end != 0) {
		rc = document(im, im->begin, end - im->begin);
		if (rc != 0)
			return rc;
		im->scan = im->begin = 0;
	}
	if (rc == 0 && im->depth == 0) {
		pass(im, im->scan);
		im->scan = 0;
	}
	return rc;
}

static int
cut_prefixed(struct span_import *im)
{
	int rc = 0;

	while (rc == 0 && buf_len(&im->doc) >= 4) {
		const unsigned char *p = (const unsigned char *)buf_data(&im->doc);
		size_t n = (size_t)p[0] << 24 | (size_t)p[1] << 16 | (size_t)p[2] << 8 | p[3];

		if (n + 4 > im->doc.max_bytes)
			return fail(im, -EFBIG, " request %llu is larger than %zu bytes", (unsigned long long)im->documents + 1, im->doc.max_bytes);
		if (buf_len(&im->doc) < n + 4)
			break;
		rc = document(im, 4, n);
	}
	return rc;
}

/* Unpacked bytes of the file. last: there are no more. */
static int
take(struct span_import *im, const char *p, size_t n, bool last)
{
	if (n > 0 && buf_append(&im->doc, p, n) != 0)
		return fail(im, -EFBIG, "%llu:%llu: the document that begins here is larger than %zu bytes", (unsigned long long)im->line,
		    (unsigned long long)im->column, im->doc.max_bytes);
	if (im->format == SPAN_FORMAT_UNKNOWN) {
		if (buf_len(&im->doc) < LOOK_BYTES && !last)
			return 0;
		im->format = span_import_recognise(buf_data(&im->doc), buf_len(&im->doc));
		im->prefixed = is_prefixed(buf_data(&im->doc), buf_len(&im->doc));
		if (im->format == SPAN_FORMAT_UNKNOWN)
			return fail(im, -ENOTSUP, " expected spans: OTLP (JSON or protobuf), Zipkin v2 or Jaeger");
	}
	if (im->format != SPAN_FORMAT_OTLP_PB)
		return cut_json(im);
	if (im->prefixed)
		return cut_prefixed(im);
	return last ? document(im, 0, buf_len(&im->doc)) : 0;
}

/* ---- files ---- */

static void
begin_file(struct span_import *im, const char *name)
{
	im->name = name;
	im->format = SPAN_FORMAT_UNKNOWN;
	im->prefixed = im->in_text = im->escaped = im->in_list = false;
	im->depth = 0;
	im->scan = im->begin = 0;
	im->line = im->column = 1;
	im->documents = 0;
	im->error[0] = '\0';
	buf_clear(&im->doc);
}

/* A writer that was stopped leaves half a document behind many whole ones: it is left out. A lone half is refused. */
static int
end_file(struct span_import *im)
{
	int rc = take(im, NULL, 0, true);

	if (rc != 0 || buf_len(&im->doc) == 0)
		return rc;
	if (im->documents == 0)
		return fail(im, -EINVAL, "%llu:%llu: the document that begins here does not end", (unsigned long long)im->line,
		    (unsigned long long)im->column);
	im->counts.cut++;
	return 0;
}

/* Unpack n bytes and take what comes. */
static int
take_packed(struct span_import *im, struct unpack *u, const char *p, size_t n)
{
	size_t at = 0, used, came;
	int rc = 0;

	do {
		if (unpack_step(u, p + at, n - at, &used, im->piece, PIECE, &came) != 0)
			return fail(im, -EINVAL, " it is packed, but broken");
		at += used;
		rc = came > 0 ? take(im, im->piece, came, false) : 0;
	} while (rc == 0 && (at < n || came == PIECE) && (used > 0 || came > 0));
	return rc;
}

int
span_import_text(struct span_import *im, const char *name, const void *p, size_t n)
{
	struct unpack *u;
	int rc = unpack_new(unpack_kind_of(p, n), &u);

	begin_file(im, name);
	if (rc != 0)
		return fail(im, rc, " out of memory");
	rc = take_packed(im, u, p, n);
	if (rc == 0 && !unpack_whole(u))
		rc = fail(im, -EINVAL, " it is packed, and cut off");
	if (rc == 0)
		rc = end_file(im);
	unpack_free(u);
	return rc;
}

/* Up to PIECE bytes, and at least enough to recognise what is packed unless there are no more; 0 at the end, -errno. */
static ssize_t
read_piece(int fd, char *raw)
{
	size_t have = 0;

	while (have < 4) {
		ssize_t n = read(fd, raw + have, PIECE - have);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			break;
		have += (size_t)n;
	}
	return (ssize_t)have;
}

static int
read_all(struct span_import *im, int fd)
{
	struct unpack *u = NULL;
	char *raw = malloc(PIECE);
	ssize_t n = 0;
	int rc = raw == NULL ? -ENOMEM : 0;

	while (rc == 0 && (n = read_piece(fd, raw)) != 0) {
		if (n < 0) {
			rc = fail(im, (int)n, " %s", strerror((int)-n));
			break;
		}
		if (u == NULL)
			rc = unpack_new(unpack_kind_of(raw, (size_t)n), &u);
		if (rc == 0)
			rc = take_packed(im, u, raw, (size_t)n);
	}
	if (rc == 0 && u != NULL && !unpack_whole(u))
		rc = fail(im, -EINVAL, " it is packed, and cut off");
	if (rc == 0)
		rc = end_file(im);
	unpack_free(u);
	free(raw);
	return rc;
}

int
span_import_file(struct span_import *im, const char *path)
{
	bool standard = strcmp(path, "-") == 0;
	int fd, rc;

	begin_file(im, standard ? "standard input" : path);
	fd = standard ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return fail(im, -errno, " %s", strerror(errno));
	rc = read_all(im, fd);
	if (!standard)
		close(fd);
	return rc;
}

int
span_import_finish(struct span_import *im)
{
	int rc;

	spans_finish(im->spans);
	rc = spans_tell(im->spans);
	if (rc == 0)
		spans_told(im->spans);
	else
		snprintf(im->error, sizeof(im->error), "the map cannot be kept: %s", strerror(-rc));
	return rc;
}
