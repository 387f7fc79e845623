/* SPDX-License-Identifier: MIT */
/*
 * span_receiver.c - takes spans over HTTP.
 *
 * Invariants
 *  (1) Everything but stop and counts belongs to the receiver's thread.
 *  (2) An answer of success is given after span_intake_put() has returned 0, never before.
 */
#include "control/span_receiver.h"

#include "control/api_server.h"
#include "io/clock.h"
#include "io/thread.h"
#include "proto/jsonw.h"
#include "map/span_intake.h"

#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define CONNS_MAX 512u
#define RETRY_AFTER "Retry-After: 5\r\n"
#define LOOK_EVERY FL_SEC
#define LOOKBACK_MS INT64_C(86400000)

struct span_receiver {
	struct span_receiver_opts opts;
	struct io *io;
	struct api_server *otlp, *zipkin;
	int otlp_token, zipkin_token;   /* bound, not yet the server's; -1 */
	int otlp_port, zipkin_port;
	struct span_intake *intake;
	pthread_t thread;
	bool started, alarmed;
	atomic_bool stop;
	pthread_mutex_t mutex;          /* of shown */
	struct span_receiver_counts counts, shown;
};

static void
say(struct span_receiver *r, bool alarm, const char *text)
{
	if (r->alarmed == alarm || r->opts.say == NULL)
		return;
	r->alarmed = alarm;
	r->opts.say(r->opts.arg, alarm, text);
}

/* ---- requests ---- */

enum media { MEDIA_PB, MEDIA_JSON, MEDIA_OTHER };

/* "type/subtype" without its parameters. */
static bool
is_type(const char *field, const char *type)
{
	size_t n = strlen(type);

	return strncasecmp(field, type, n) == 0 && (field[n] == '\0' || field[n] == ';' || field[n] == ' ');
}

static enum media
media_of(const struct api_request *q)
{
	const char *type = http1_field(q->http, "Content-Type");

	if (type == NULL)
		return MEDIA_OTHER;
	if (is_type(type, "application/json"))
		return MEDIA_JSON;
	return is_type(type, "application/x-protobuf") || is_type(type, "application/protobuf") ? MEDIA_PB : MEDIA_OTHER;
}

/* false: no encoding that we read. */
static bool
packing_of(const struct api_request *q, enum unpack_kind *ret)
{
	static const struct { const char *name; enum unpack_kind kind; } kinds[] = {
		{ "identity", UNPACK_PLAIN }, { "gzip", UNPACK_GZIP }, { "x-gzip", UNPACK_GZIP }, { "deflate", UNPACK_ZLIB }, { "zstd", UNPACK_ZSTD },
	};
	const char *encoding = http1_field(q->http, "Content-Encoding");

	*ret = UNPACK_PLAIN;
	if (encoding == NULL || encoding[0] == '\0')
		return true;
	for (size_t i = 0; i < FL_ARRAY_LEN(kinds); i++)
		if (strcasecmp(encoding, kinds[i].name) == 0) {
			*ret = kinds[i].kind;
			return true;
		}
	return false;
}

static void
answer_text(struct api_reply *r, unsigned status, const char *text)
{
	r->status = status;
	r->content_type = "text/plain; charset=utf-8";
	buf_puts(&r->body, text);
}

/* ---- OTLP's answers ---- */

static void
put_varint(struct buf *b, uint64_t v)
{
	for (; v >= 0x80; v >>= 7)
		buf_putc(b, (char)(v | 0x80));
	buf_putc(b, (char)v);
}

static void
put_bytes(struct buf *b, unsigned field, const char *p, size_t n)
{
	put_varint(b, field << 3 | 2);
	put_varint(b, n);
	buf_append(b, p, n);
}

/* A google.rpc.Status: code=1, message=2. */
static void
otlp_error(struct api_reply *r, enum media media, unsigned status, const char *text)
{
	unsigned code = status == 503 ? 14 : status == 429 ? 8 : 3;      /* UNAVAILABLE, RESOURCE_EXHAUSTED, INVALID_ARGUMENT */
	struct jsonw w;

	r->status = status;
	if (status == 503 || status == 429)
		buf_puts(&r->headers, RETRY_AFTER);
	if (media == MEDIA_PB) {
		r->content_type = "application/x-protobuf";
		put_varint(&r->body, 1 << 3);
		put_varint(&r->body, code);
		put_bytes(&r->body, 2, text, strlen(text));
		return;
	}
	r->content_type = "application/json";
	jsonw_init(&w, &r->body);
	jsonw_object(&w);
	jsonw_num(&w, "code", code);
	jsonw_str(&w, "message", text);
	jsonw_end(&w);
}

#define REJECTED_TEXT "spans without a trace id of 16 bytes and a span id of 8"

/* An ExportTraceServiceResponse: partial_success=1 { rejected_spans=1, error_message=2 }. */
static void
otlp_success(struct api_reply *r, enum media media, uint64_t rejected)
{
	char mem[128];
	struct buf part;

	r->status = 200;
	r->content_type = media == MEDIA_PB ? "application/x-protobuf" : "application/json";
	if (media == MEDIA_JSON) {
		if (rejected == 0)
			buf_puts(&r->body, "{}");
		else
			buf_printf(&r->body, "{\"partialSuccess\":{\"rejectedSpans\":\"%" PRIu64 "\",\"errorMessage\":\"%s\"}}",
			    rejected, REJECTED_TEXT);
		return;
	}
	if (rejected == 0)
		return;
	buf_init(&part, sizeof(mem));
	put_varint(&part, 1 << 3);
	put_varint(&part, rejected);
	put_bytes(&part, 2, REJECTED_TEXT, strlen(REJECTED_TEXT));
	put_bytes(&r->body, 1, buf_data(&part), buf_len(&part));
	buf_fini(&part);
}

/* ---- batches ---- */

/* Give a body to the store. Returns the status to answer with; text: why it is none of success. */
static unsigned
take(struct span_receiver *r, const struct api_request *q, enum span_intake_format f, enum unpack_kind packed,
    struct span_intake_outcome *ret)
{
	const struct buf *body = &q->http->body;
	int rc = span_intake_put(r->intake, f, packed, buf_data(body), buf_len(body), io_now(r->io), ret);

	if (rc == 0) {
		r->counts.batches++;
		r->counts.repeated += ret->repeated;
		r->counts.rejected += ret->rejected;
		say(r, false, "spans are kept again");
		return 200;
	}
	if (rc == -EINVAL || rc == -EFBIG) {
		r->counts.refused++;
		return rc == -EINVAL ? 400 : 413;
	}
	r->counts.put_off++;
	say(r, true, ret->error);
	return 503;
}

static bool
at(const struct api_request *q, const char *a, const char *b, const char *c)
{
	unsigned n = c != NULL ? 3 : 2;

	return q->path->count == n && strcmp(q->path->segments[0], a) == 0 && strcmp(q->path->segments[1], b) == 0 &&
	    (c == NULL || strcmp(q->path->segments[2], c) == 0);
}

static bool
allows(const struct api_request *q, struct api_reply *r, const char *method)
{
	if (strcmp(q->http->method, method) == 0)
		return true;
	buf_printf(&r->headers, "Allow: %s\r\n", method);
	answer_text(r, 405, "405 method not allowed");
	return false;
}

static int
handle_otlp(void *ud, const struct api_request *q, struct api_reply *r)
{
	struct span_receiver *rx = ud;
	struct span_intake_outcome o;
	enum media media = media_of(q);
	enum unpack_kind packed;
	unsigned status;

	rx->counts.requests++;
	if (!at(q, "v1", "traces", NULL)) {
		answer_text(r, 404, "404 page not found: traces are sent to /v1/traces");
		return 0;
	}
	if (!allows(q, r, "POST"))
		return 0;
	if (media == MEDIA_OTHER || !packing_of(q, &packed)) {
		rx->counts.refused++;
		if (media != MEDIA_OTHER)
			buf_puts(&r->headers, "Accept-Encoding: gzip, zstd, deflate\r\n");
		otlp_error(r, media, 415, media == MEDIA_OTHER ? "expected application/x-protobuf or application/json" :
		    "expected no Content-Encoding, or gzip, zstd or deflate");
		return 0;
	}
	status = take(rx, q, media == MEDIA_PB ? SPAN_INTAKE_PB : SPAN_INTAKE_JSON, packed, &o);
	if (status == 200)
		otlp_success(r, media, o.rejected);
	else
		otlp_error(r, media, status, o.error);
	return 0;
}

/* ---- Zipkin ---- */

/* A whole number of a query, or -1. */
static int64_t
query_number(const char *query, const char *name)
{
	size_t n = strlen(name);

	for (const char *p = query; *p != '\0'; p += strcspn(p, "&"), p += *p == '&') {
		char *end;

		if (strncmp(p, name, n) != 0 || p[n] != '=' || p[n + 1] < '0' || p[n + 1] > '9')
			continue;
		errno = 0;
		long long v = strtoll(p + n + 1, &end, 10);

		return errno == 0 && (*end == '\0' || *end == '&') ? v : -1;
	}
	return -1;
}

static int
put_dependency(void *arg, const struct sight *s)
{
	struct jsonw *w = arg;
	bool spans = s->source != NULL && (strcmp(s->source, "otlp") == 0 || strcmp(s->source, "zipkin") == 0 || strcmp(s->source, "jaeger") == 0);

	if (s->what != SIGHT_LINE || !spans)
		return 0;
	jsonw_object(w);
	jsonw_str(w, "parent", s->from);
	jsonw_str(w, "child", s->to);
	jsonw_num(w, "callCount", (int64_t)s->count);
	if (s->errors > 0)
		jsonw_num(w, "errorCount", (int64_t)s->errors);
	jsonw_end(w);
	return w->out->overflowed ? -ENOBUFS : 0;
}

static int
dependencies(struct span_receiver *r, const struct api_request *q, struct api_reply *reply)
{
	int64_t end = query_number(q->path->query, "endTs"), back = query_number(q->path->query, "lookback");
	struct jsonw w;

	if (!allows(q, reply, "GET"))
		return 0;
	if (end < 0 || end > INT64_MAX / FL_MS) {
		answer_text(reply, 400, "endTs: expected milliseconds since 1970");
		return 0;
	}
	back = back < 0 ? LOOKBACK_MS : FL_MIN(back, end);
	jsonw_init(&w, &reply->body);
	jsonw_array(&w);
	if (span_intake_read(r->intake, (end - back) * FL_MS, end * FL_MS, put_dependency, &w) != 0) {
		buf_clear(&reply->body);
		answer_text(reply, 503, "the store of the map cannot be read");
		return 0;
	}
	jsonw_end(&w);
	reply->status = 200;
	reply->content_type = "application/json";
	return 0;
}

static int
handle_zipkin(void *ud, const struct api_request *q, struct api_reply *r)
{
	struct span_receiver *rx = ud;
	struct span_intake_outcome o;
	enum unpack_kind packed;
	unsigned status;

	rx->counts.requests++;
	if (at(q, "api", "v2", "dependencies"))
		return dependencies(rx, q, r);
	if (q->path->count == 1 && strcmp(q->path->segments[0], "health") == 0) {
		r->status = 200;
		r->content_type = "application/json";
		buf_puts(&r->body, "{\"status\":\"UP\"}");
		return 0;
	}
	if (!at(q, "api", "v2", "spans")) {
		answer_text(r, 404, "404 page not found: spans are sent to /api/v2/spans");
		return 0;
	}
	if (!allows(q, r, "POST"))
		return 0;
	if ((http1_field(q->http, "Content-Type") != NULL && media_of(q) != MEDIA_JSON) || !packing_of(q, &packed)) {
		rx->counts.refused++;
		answer_text(r, 415, "expected application/json, plain or packed by gzip, zstd or deflate");
		return 0;
	}
	status = take(rx, q, SPAN_INTAKE_ZIPKIN, packed, &o);
	if (status == 200) {
		r->status = 202;
		return 0;
	}
	if (status == 503)
		buf_puts(&r->headers, RETRY_AFTER);
	answer_text(r, status, o.error);
	return 0;
}

/* ---- the thread ---- */

static void
show_counts(struct span_receiver *r)
{
	r->counts.spans = span_intake_count(r->intake);
	pthread_mutex_lock(&r->mutex);
	r->shown = r->counts;
	pthread_mutex_unlock(&r->mutex);
}

static fl_ns
next_deadline(struct span_receiver *r)
{
	fl_ns next = FL_MIN(span_intake_next(r->intake), io_now(r->io) + LOOK_EVERY);

	if (r->otlp != NULL)
		next = FL_MIN(next, api_server_next(r->otlp));
	return r->zipkin != NULL ? FL_MIN(next, api_server_next(r->zipkin)) : next;
}

/* A connection's events find its server by themselves; only who accepts must be told apart. */
static void
dispatch(struct span_receiver *r, const struct io_event *ev)
{
	api_server_event(r->otlp == NULL || ev->ud == r->zipkin ? r->zipkin : r->otlp, ev);
}

static void *
run(void *ud)
{
	struct span_receiver *r = ud;
	char error[256];
	struct io_event ev;

	while (!atomic_load(&r->stop)) {
		io_wait(r->io, next_deadline(r));
		while (io_next(r->io, &ev))
			dispatch(r, &ev);
		if (r->otlp != NULL)
			api_server_tick(r->otlp, io_now(r->io));
		if (r->zipkin != NULL)
			api_server_tick(r->zipkin, io_now(r->io));
		if (span_intake_tick(r->intake, io_now(r->io), error) != 0)
			say(r, true, error);
		show_counts(r);
	}
	return NULL;
}

/* ---- start and stop ---- */

static int
bind_port(struct span_receiver *r, int port, char *error, int *ret_token, int *ret_port)
{
	const char *host = r->opts.host != NULL ? r->opts.host : "127.0.0.1";
	struct io_addr addr, bound;
	char text[300];
	int rc;

	if (port < 0)
		return 0;
	snprintf(text, sizeof(text), strchr(host, ':') != NULL && host[0] != '[' ? "[%.250s]:%d" : "%.250s:%d",
	    strcmp(host, "localhost") == 0 ? "127.0.0.1" : host, port);
	rc = addr_parse(text, &addr);
	if (rc == 0)
		rc = io_bind(&addr, ret_token, &bound);
	if (rc != 0) {
		snprintf(error, SPAN_RECEIVER_ERROR, "spans cannot be taken on %.250s: %s", text,
		    rc == -EINVAL ? "expected an IP address and a port" : strerror(-rc));
		return rc;
	}
	*ret_port = addr_port(&bound);
	return 0;
}

static int
open_server(struct span_receiver *r, api_handler_fn *handler, int *token, struct api_server **ret)
{
	struct api_server_opts o = { .io = r->io, .conns_max = CONNS_MAX, .handler = handler, .ud = r };
	int rc = 0;

	if (*token < 0)
		return 0;
	rc = api_server_new(&o, ret);
	if (rc == 0)
		rc = api_server_listen(*ret, *token);
	if (rc == 0)
		*token = -1;
	return rc;
}

static int
start(struct span_receiver *r, char *error)
{
	struct io_opts io_opts = { .socks_max = 2 * CONNS_MAX + 256 };
	struct span_intake_opts io = { .store = r->opts.store, .memory_bytes = r->opts.memory_bytes, .hold = r->opts.hold,
		.unpacked_bytes_max = SPAN_RECEIVER_UNPACKED_MAX, .where = "received", .also = r->opts.also, .arg = r->opts.arg };
	int rc = bind_port(r, r->opts.otlp_port, error, &r->otlp_token, &r->otlp_port);

	if (rc == 0)
		rc = bind_port(r, r->opts.zipkin_port, error, &r->zipkin_token, &r->zipkin_port);
	if (rc != 0)
		return rc;
	snprintf(error, SPAN_RECEIVER_ERROR, "spans cannot be taken: out of memory or descriptors");
	rc = io_new(&io_opts, &r->io);
	if (rc != 0)
		return rc;
	rc = span_intake_open(&io, io_clock(r->io), error, &r->intake);
	if (rc == 0)
		rc = open_server(r, handle_otlp, &r->otlp_token, &r->otlp);
	if (rc == 0)
		rc = open_server(r, handle_zipkin, &r->zipkin_token, &r->zipkin);
	if (rc == 0)
		rc = thread_start(&r->thread, "spans", run, r);
	r->started = rc == 0;
	return rc;
}

int
span_receiver_start(const struct span_receiver_opts *opts, char *error, struct span_receiver **ret)
{
	struct span_receiver *r = calloc(1, sizeof(*r));
	int rc;

	if (r == NULL)
		return -ENOMEM;
	r->opts = *opts;
	r->otlp_token = r->zipkin_token = r->otlp_port = r->zipkin_port = -1;
	pthread_mutex_init(&r->mutex, NULL);
	rc = start(r, error);
	if (rc != 0) {
		span_receiver_stop(r);
		return rc;
	}
	*ret = r;
	return 0;
}

void
span_receiver_stop(struct span_receiver *r)
{
	if (r == NULL)
		return;
	if (r->started) {
		atomic_store(&r->stop, true);
		io_wake(r->io);
		thread_join(r->thread);
	}
	span_intake_close(r->intake, r->io != NULL ? io_clock(r->io) : 0);
	api_server_free(r->otlp);
	api_server_free(r->zipkin);
	if (r->otlp_token >= 0)
		io_discard(r->otlp_token, false);
	if (r->zipkin_token >= 0)
		io_discard(r->zipkin_token, false);
	io_free(r->io);
	pthread_mutex_destroy(&r->mutex);
	free(r);
}

int
span_receiver_otlp_port(const struct span_receiver *r)
{
	return r->otlp_port;
}

int
span_receiver_zipkin_port(const struct span_receiver *r)
{
	return r->zipkin_port;
}

struct span_receiver_counts
span_receiver_count(struct span_receiver *r)
{
	struct span_receiver_counts c;

	pthread_mutex_lock(&r->mutex);
	c = r->shown;
	pthread_mutex_unlock(&r->mutex);
	return c;
}
