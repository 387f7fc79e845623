/* SPDX-License-Identifier: MIT */
/*
 * http_rig.h - a proxy with one HTTP line, read from the text that a user would write, to listening sockets of the test's; and the
 * words that clients and servers say on real sockets. All sockets block, with a time limit that only a failing test meets.
 */
#ifndef TEST_HTTP_RIG_H
#define TEST_HTTP_RIG_H

#include "base/buf.h"
#include "fault/http_fault.h"
#include "io/clock.h"
#include "io/io.h"
#include "proto/yaml.h"
#include "proxy/cluster.h"
#include "proxy/http_conf.h"
#include "proxy/http_record.h"
#include "proxy/proxy.h"
#include "proxy/worker.h"
#include "conf/http_doc.h"
#include "conf/http_keep.h"
#include "unit.h"

#include <errno.h>
#include <poll.h>
#include <sys/socket.h>

#ifndef RIG_SERVERS
#define RIG_SERVERS 3
#endif
#define RIG_PATIENCE_S 20

struct rig_bed {
	struct proxy *proxy;
	struct line *line;
	struct line_conf *conf;
	struct http_keep *keep;
	int servers[RIG_SERVERS];
	char server[RIG_SERVERS][ADDR_TEXT_MAX];
	struct io_addr at;              /* where the line listens */
	unsigned workers;
	struct line_wire *wire;         /* TLS and PROXY headers; NULL: none */
	struct resolver *resolver;      /* NULL: none */
	const struct fault_spec *specs; /* of the next configuration */
	uint32_t spec_count;
	struct fl_listener listener;    /* of policies' changes; event NULL: none */
};

/* A message that was read: its head as it came, its body without framing. */
struct rig_msg {
	int status;                     /* of an answer */
	char head[32768];
	char *body;
	size_t body_bytes;
	bool chunked, closed;           /* closed: the connection ended with it */
};

static inline int
rig_listen(struct io_addr *ret_addr)
{
	struct io_addr any;
	int fd;
	assert_int_equal(addr_parse("127.0.0.1:0", &any), 0);
	assert_int_equal(io_bind(&any, &fd, ret_addr), 0);
	return fd;
}

/* $0, $1, $2 in text stand for the servers. */
static inline struct http_conf *
rig_http(struct rig_bed *b, const char *text)
{
	struct http_doc_env env = { .keep = b->keep, .seed = 7, .workers = b->workers, .wire = b->wire,
		.resolver = b->resolver, .listener = b->listener, .now = clock_mono() };
	struct http_conf *conf = NULL;
	struct doc *doc = NULL;
	struct doc_diag d;
	struct buf y;
	buf_init(&y, 65536);
	buf_puts(&y, "protocol: http\n");
	for (const char *p = text; *p != '\0'; p++) {
		if (*p == '$' && p[1] >= '0' && p[1] < '0' + RIG_SERVERS)
			buf_puts(&y, b->server[*++p - '0']);
		else
			buf_putc(&y, *p);
	}
	doc_diag_init(&d, "test.yaml");
	if (yaml_parse(buf_str(&y), strlen(buf_str(&y)), &d, &doc) != 0 || http_doc_read(doc->root, "test", NULL, &env, &d, &conf) != 0)
		fail_msg("%s", buf_str(&d.text));
	doc_diag_fini(&d);
	doc_free(doc);
	buf_fini(&y);
	return conf;
}

static inline struct line_conf *
rig_conf(struct rig_bed *b, const char *text)
{
	struct line_conf *c = line_conf_new("test");
	assert_non_null(c);
	c->faults = spec_set_new(b->specs, b->spec_count);
	assert_non_null(c->faults);
	c->http = rig_http(b, text);
	c->wire = b->wire != NULL ? line_wire_ref(b->wire) : NULL;
	assert_int_equal(http_fault_set_new(c->faults, &c->http_faults), 0);
	return c;
}

static inline void
rig_start(struct rig_bed *b, const struct proxy_opts *opts, const char *text)
{
	struct proxy_opts o = *opts;
	o.conns_max = o.conns_max > 0 ? o.conns_max : 200;
	o.resolver = b->resolver;
	assert_int_equal(proxy_new(&o, &b->proxy), 0);
	b->workers = proxy_workers(b->proxy);
	assert_int_equal(http_keep_new(&b->keep), 0);
	for (int i = 0; i < RIG_SERVERS; i++) {
		struct io_addr a;
		b->servers[i] = rig_listen(&a);
		addr_format(&a, b->server[i], sizeof(b->server[i]));
	}
	b->conf = rig_conf(b, text);
	int token = rig_listen(&b->at);
	assert_int_equal(proxy_line_open(b->proxy, b->conf, token, &b->line), 0);
}

/* One worker, records kept, a line with this text. */
static inline void
rig_begin(struct rig_bed *b, const char *text)
{
	*b = (struct rig_bed){ .specs = NULL };
	rig_start(b, &(struct proxy_opts){ .workers = 1, .records_max = 1024 }, text);
}

static inline void
rig_change(struct rig_bed *b, const char *text)
{
	struct line_conf *c = rig_conf(b, text);
	assert_int_equal(proxy_line_set(b->proxy, b->line, c), 0);
	line_conf_unref(b->conf);
	b->conf = c;
}

static inline void
rig_end(struct rig_bed *b)
{
	proxy_free(b->proxy);
	line_conf_unref(b->conf);
	http_keep_free(b->keep);
	for (int i = 0; i < RIG_SERVERS; i++)
		if (b->servers[i] >= 0)
			close(b->servers[i]);
}

static inline void
rig_patience(int fd)
{
	struct timeval t = { .tv_sec = RIG_PATIENCE_S };
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &t, sizeof(t));
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &t, sizeof(t));
}

/* A client. */
static inline int
rig_dial(const struct rig_bed *b)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_true(fd >= 0);
	rig_patience(fd);
	assert_int_equal(connect(fd, &b->at.sa, b->at.len), 0);
	return fd;
}

/* A server's end of the next connection of the proxy. */
static inline int
rig_take(const struct rig_bed *b, int server)
{
	struct pollfd p = { .fd = b->servers[server], .events = POLLIN };
	if (poll(&p, 1, RIG_PATIENCE_S * 1000) != 1)
		fail_msg("nobody connects to server %d", server);
	int fd = accept4(b->servers[server], NULL, NULL, SOCK_CLOEXEC);
	assert_true(fd >= 0);
	rig_patience(fd);
	return fd;
}

/* Is nobody waiting to be accepted? */
static inline bool
rig_idle(const struct rig_bed *b, int server)
{
	struct pollfd p = { .fd = b->servers[server], .events = POLLIN };
	return poll(&p, 1, 0) == 0;
}

static inline void
rig_say_bytes(int fd, const void *p, size_t n)
{
	const char *at = p;
	while (n > 0) {
		ssize_t r = send(fd, at, n, MSG_NOSIGNAL);
		if (r <= 0)
			fail_msg("cannot send: %s", strerror(errno));
		at += r;
		n -= (size_t)r;
	}
}

static inline void
rig_say(int fd, const char *text)
{
	rig_say_bytes(fd, text, strlen(text));
}

/* One byte; -1 at the end, a reset told apart. */
static inline int
rig_byte(int fd)
{
	unsigned char c;
	ssize_t r = recv(fd, &c, 1, 0);
	if (r < 0 && errno != ECONNRESET)
		fail_msg("nothing comes: %s", strerror(errno));
	return r == 1 ? c : r == 0 ? -1 : -2;
}

static inline void
rig_hear_bytes(int fd, char *to, size_t n)
{
	for (size_t at = 0; at < n;) {
		ssize_t r = recv(fd, to + at, n - at, 0);
		if (r <= 0)
			fail_msg("%s after %zu of %zu bytes", r == 0 ? "the end" : strerror(errno), at, n);
		at += (size_t)r;
	}
}

static inline void
rig_hear(int fd, const char *text)
{
	char got[4096];
	assert_true(strlen(text) < sizeof(got));
	rig_hear_bytes(fd, got, strlen(text));
	assert_memory_equal(got, text, strlen(text));
}

/* The end of the stream, without a reset. */
static inline void
rig_hear_end(int fd)
{
	int c = rig_byte(fd);
	if (c != -1)
		fail_msg("%s %d instead of the end", c == -2 ? "a reset" : "byte", c);
}

/* The end, in whatever way. */
static inline void
rig_hear_broken(int fd)
{
	int c;
	while ((c = rig_byte(fd)) >= 0)
		;
}

/* The head, up to its empty line. false: the stream ended before its first byte. */
static inline bool
rig_head(int fd, struct rig_msg *m)
{
	size_t n = 0;
	int c;
	*m = (struct rig_msg){ .status = 0 };
	while ((c = rig_byte(fd)) >= 0) {
		assert_true(n + 1 < sizeof(m->head));
		m->head[n++] = (char)c;
		if (n >= 4 && memcmp(m->head + n - 4, "\r\n\r\n", 4) == 0)
			break;
	}
	m->head[n] = '\0';
	if (n == 0)
		return false;
	if (n < 4 || memcmp(m->head + n - 4, "\r\n\r\n", 4) != 0)
		fail_msg("a head was cut: %s", m->head);
	if (memcmp(m->head, "HTTP/1.", 7) == 0)
		m->status = (int)strtol(m->head + 9, NULL, 10);
	return true;
}

/* The value of a header, or NULL; in a buffer of the thread. */
static inline const char *
rig_field(const struct rig_msg *m, const char *name)
{
	static _Thread_local char value[4096];
	size_t k = strlen(name);
	for (const char *p = strstr(m->head, "\r\n"); p != NULL && p[2] != '\r'; p = strstr(p + 2, "\r\n")) {
		if (strncasecmp(p + 2, name, k) != 0 || p[2 + k] != ':')
			continue;
		const char *v = p + 3 + k;
		v += strspn(v, " \t");
		size_t n = strcspn(v, "\r");
		snprintf(value, sizeof(value), "%.*s", (int)n, v);
		return value;
	}
	return NULL;
}

/* A field has this value. */
static inline void
rig_is(const struct rig_msg *m, const char *name, const char *value)
{
	const char *v = rig_field(m, name);
	if (v == NULL || strcmp(v, value) != 0)
		fail_msg("no %s: %s in %s", name, value, m->head);
}

static inline void
rig_body_add(struct rig_msg *m, int fd, size_t n)
{
	m->body = realloc(m->body, m->body_bytes + n + 1);
	assert_non_null(m->body);
	rig_hear_bytes(fd, m->body + m->body_bytes, n);
	m->body_bytes += n;
	m->body[m->body_bytes] = '\0';
}

static inline size_t
rig_line(int fd, char *to, size_t cap)
{
	size_t n = 0;
	do {
		int c = rig_byte(fd);
		if (c < 0)
			fail_msg("the end within chunks");
		assert_true(n + 1 < cap);
		to[n++] = (char)c;
	} while (n < 2 || memcmp(to + n - 2, "\r\n", 2) != 0);
	to[n - 2] = '\0';
	return n - 2;
}

static inline void
rig_chunks(int fd, struct rig_msg *m)
{
	char line[1024];
	m->chunked = true;
	for (;;) {
		rig_line(fd, line, sizeof(line));
		size_t n = strtoul(line, NULL, 16);
		if (n == 0)
			break;
		rig_body_add(m, fd, n);
		assert_int_equal(rig_line(fd, line, sizeof(line)), 0);
	}
	while (rig_line(fd, line, sizeof(line)) > 0)
		;
}

/* The body behind a head. */
static inline void
rig_body(int fd, struct rig_msg *m, bool until_close)
{
	const char *te = rig_field(m, "transfer-encoding");
	if (te != NULL) {
		assert_string_equal(te, "chunked");
		rig_chunks(fd, m);
		return;
	}
	const char *cl = rig_field(m, "content-length");
	if (cl != NULL) {
		rig_body_add(m, fd, strtoul(cl, NULL, 10));
		return;
	}
	if (!until_close)
		return;
	int c;
	m->closed = true;
	while ((c = rig_byte(fd)) >= 0) {
		m->body = realloc(m->body, m->body_bytes + 2);
		m->body[m->body_bytes++] = (char)c;
		m->body[m->body_bytes] = '\0';
	}
	if (c == -2)
		fail_msg("reset within a body");
}

static inline void
rig_msg_free(struct rig_msg *m)
{
	free(m->body);
	free(m);
}

/* A request as a server gets it. */
static inline struct rig_msg *
rig_request(int fd)
{
	struct rig_msg *m = malloc(sizeof(*m));
	assert_non_null(m);
	if (!rig_head(fd, m))
		fail_msg("the end instead of a request");
	rig_body(fd, m, false);
	return m;
}

/* An answer as a client gets it; to a HEAD request: no body. */
static inline struct rig_msg *
rig_answer_to(int fd, bool head_only)
{
	struct rig_msg *m = malloc(sizeof(*m));
	assert_non_null(m);
	if (!rig_head(fd, m))
		fail_msg("the end instead of an answer");
	if (!head_only && m->status >= 200 && m->status != 204 && m->status != 304)
		rig_body(fd, m, true);
	return m;
}

/* An answer with this status; body NULL: any. */
static inline void
rig_expect(int fd, int status, const char *body)
{
	struct rig_msg *m = rig_answer_to(fd, false);
	if (m->status != status || (body != NULL && strcmp(m->body != NULL ? m->body : "", body) != 0))
		fail_msg("instead of %d \"%s\": %s%s", status, body != NULL ? body : "*", m->head, m->body != NULL ? m->body : "");
	rig_msg_free(m);
}

/* The same; a field must have this value (NULL: must not be there). */
static inline void
rig_expect_field(int fd, int status, const char *name, const char *value)
{
	struct rig_msg *m = rig_answer_to(fd, false);
	const char *v = rig_field(m, name);
	bool same = v == NULL || value == NULL ? v == value : strcmp(v, value) == 0;
	if (m->status != status || !same)
		fail_msg("instead of %d with %s: %s: %s%s", status, name, value != NULL ? value : "none", m->head, m->body != NULL ? m->body : "");
	rig_msg_free(m);
}

/* A server's part: take a request whose head begins with this, and answer. */
static inline void
rig_serve(int fd, const char *begins, const char *answer)
{
	struct rig_msg *m = rig_request(fd);
	if (strncmp(m->head, begins, strlen(begins)) != 0)
		fail_msg("instead of %s: %s", begins, m->head);
	rig_msg_free(m);
	rig_say(fd, answer);
}

#define RIG_OK(body_bytes, body) "HTTP/1.1 200 OK\r\ncontent-length: " #body_bytes "\r\n\r\n" body
#define RIG_GET(path) "GET " path " HTTP/1.1\r\nhost: test\r\n\r\n"

/* Sums of a route, by its place, when no call is under way any more: a call is counted just after its answer was sent. */
static inline struct http_sum
rig_sum(const struct rig_bed *b, unsigned route)
{
	struct http_sum s;
	fl_ns end = clock_mono() + RIG_PATIENCE_S * FL_SEC;
	do
		http_stats_sum(b->conf->http->routes[route].stats, &s);
	while (s.active > 0 && clock_mono() < end);
	return s;
}

/* Wait until all connections of the line were closed, the last n for this reason among others. */
static inline void
rig_closed(const struct rig_bed *b, enum line_close reason, uint64_t n)
{
	struct line_counters k;
	fl_ns end = clock_mono() + RIG_PATIENCE_S * FL_SEC;
	do {
		proxy_line_counters(b->line, &k);
		if (clock_mono() > end) {
			for (int i = 0; i < LINE_CLOSE_COUNT; i++)
				if (k.closed[i] > 0)
					print_error("closed %s: %llu\n", line_close_name((enum line_close)i), (unsigned long long)k.closed[i]);
			fail_msg("%llu open, not closed as %s", (unsigned long long)k.active, line_close_name(reason));
		}
	} while (k.active > 0 || k.closed[reason] < n);
}

/* Wait for the next record. */
static inline struct http_record
rig_record(const struct rig_bed *b)
{
	struct http_record r;
	uint64_t lost;
	fl_ns end = clock_mono() + RIG_PATIENCE_S * FL_SEC;
	while (proxy_http_records(b->proxy, &r, 1, &lost) == 0)
		if (clock_mono() > end)
			fail_msg("no record");
	return r;
}

#endif
