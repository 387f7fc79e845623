/* SPDX-License-Identifier: MIT */
/* api_server.c - the HTTP server of the API. */
#include "control/api_server.h"
#include "base/assert.h"
#include "base/heap.h"
#include "base/list.h"
#include "base/pool.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#define RECV_BYTES 65536u
#define LINGER (2 * FL_SEC)
#define SPARE 64                /* places for newcomers while those who make room are still closing */
#define KEEP_BYTES 4096

enum conn_state {
	CONN_READING,           /* between requests or inside one */
	CONN_PARKED,            /* a request waits to be offered again */
	CONN_SENDING,
	CONN_LINGERING,         /* all is sent; the rest of what the client sends is thrown away, then close */
	CONN_CLOSING,           /* io_close() was called */
};

struct conn {
	struct api_server *server;
	struct io_sock *sock;
	enum conn_state state;
	bool reading;           /* receiving is on */
	bool eof;               /* the client ended its side */
	bool last;              /* close after what is in out */
	bool continued;         /* 100 Continue was sent for this request */
	struct http1 http;
	struct buf in;          /* came while an answer was being sent */
	struct buf out;
	struct heap_node timer;
	struct list link;       /* in conns, least recently active first */
};

struct api_server {
	struct io *io;
	struct io_sock *listener;
	api_handler_fn *handler;
	void *ud;
	struct pool conns;
	uint32_t conns_max;
	struct heap timers;
	struct list order;
	unsigned sending, parked;
};

int
api_server_new(const struct api_server_opts *opts, struct api_server **ret_server)
{
	struct api_server *s = calloc(1, sizeof(*s));
	int rc = -ENOMEM;

	if (s == NULL)
		return -ENOMEM;
	s->io = opts->io;
	s->handler = opts->handler;
	s->ud = opts->ud;
	list_init(&s->order);
	s->conns_max = opts->conns_max;
	rc = pool_init(&s->conns, sizeof(struct conn), opts->conns_max + SPARE);
	if (rc == 0)
		rc = heap_init(&s->timers, opts->conns_max + SPARE);
	if (rc != 0) {
		api_server_free(s);
		return rc;
	}
	*ret_server = s;
	return 0;
}

static void
conn_free(struct conn *c)
{
	struct api_server *s = c->server;

	heap_del(&s->timers, &c->timer);
	list_del(&c->link);
	http1_fini(&c->http);
	buf_fini(&c->in);
	buf_fini(&c->out);
	pool_give(&s->conns, c);
}

void
api_server_free(struct api_server *s)
{
	if (s == NULL)
		return;
	list_for_safe(link, &s->order)
		conn_free(list_entry(link, struct conn, link));
	heap_fini(&s->timers);
	pool_fini(&s->conns);
	free(s);
}

int
api_server_listen(struct api_server *s, int token)
{
	fl_assert(s->listener == NULL);
	return io_listen(s->io, token, s, &s->listener);
}

bool
api_server_busy(const struct api_server *s)
{
	return s->sending > 0;
}

/* ---- a connection's states ---- */

static void
set_timer(struct conn *c, fl_ns after)
{
	heap_set(&c->server->timers, &c->timer, io_now(c->server->io) + after);
	list_del(&c->link);
	list_add_tail(&c->server->order, &c->link);
}

static void
set_state(struct conn *c, enum conn_state state)
{
	struct api_server *s = c->server;

	s->sending = s->sending - (c->state == CONN_SENDING) + (state == CONN_SENDING);
	s->parked = s->parked - (c->state == CONN_PARKED) + (state == CONN_PARKED);
	c->state = state;
}

static void
close_conn(struct conn *c, bool reset)
{
	if (c->state == CONN_CLOSING)
		return;
	set_state(c, CONN_CLOSING);
	heap_del(&c->server->timers, &c->timer);
	io_close(c->server->io, c->sock, reset);
}

static void
set_reading(struct conn *c, bool on)
{
	if (c->reading == on)
		return;
	c->reading = on;
	if (on)
		io_recv_start(c->server->io, c->sock, RECV_BYTES);
	else
		io_recv_stop(c->server->io, c->sock);
}

/* The answer says "close": end our side, and wait a little for the client's end so that it can read the answer. */
static void
linger(struct conn *c)
{
	if (c->eof) {
		close_conn(c, false);
		return;
	}
	set_state(c, CONN_LINGERING);
	io_shutdown(c->server->io, c->sock);
	set_timer(c, LINGER);
	set_reading(c, true);
}

/* Send what is in out. true: all is gone, the connection goes on. */
static bool
flush(struct conn *c)
{
	struct api_server *s = c->server;
	int64_t sent;

	if (buf_len(&c->out) > 0) {
		sent = io_push(s->io, c->sock, buf_data(&c->out), buf_len(&c->out));
		if (sent < 0) {
			close_conn(c, false);
			return false;
		}
		buf_consume(&c->out, (size_t)sent);
	}
	if (buf_len(&c->out) > 0) {
		set_state(c, CONN_SENDING);
		set_reading(c, false);
		set_timer(c, API_SERVER_WRITE);
		io_send(s->io, c->sock, buf_data(&c->out), buf_len(&c->out));
		return false;
	}
	buf_clear(&c->out);
	if (c->out.cap > KEEP_BYTES) {
		buf_fini(&c->out);
		buf_init(&c->out, API_REPLY_MAX + 65536);
	}
	set_state(c, CONN_READING);
	if (!c->last)
		return true;
	linger(c);
	return false;
}

/* ---- answers ---- */

static const char *
status_text(unsigned status)
{
	static const struct { unsigned status; const char *text; } texts[] = {
		{ 200, "OK" }, { 201, "Created" }, { 202, "Accepted" }, { 204, "No Content" }, { 301, "Moved Permanently" },
		{ 400, "Bad Request" }, { 401, "Unauthorized" }, { 403, "Forbidden" }, { 404, "Not Found" }, { 405, "Method Not Allowed" },
		{ 409, "Conflict" }, { 413, "Request Entity Too Large" }, { 415, "Unsupported Media Type" },
		{ 417, "Expectation Failed" }, { 429, "Too Many Requests" }, { 431, "Request Header Fields Too Large" },
		{ 500, "Internal Server Error" }, { 501, "Not Implemented" },
		{ 503, "Service Unavailable" }, { 505, "HTTP Version Not Supported" },
	};

	for (size_t i = 0; i < FL_ARRAY_LEN(texts); i++) {
		if (texts[i].status == status)
			return texts[i].text;
	}
	return "Unknown";
}

static void
put_date(struct buf *out)
{
	time_t now = time(NULL);
	struct tm tm;
	char text[64];

	gmtime_r(&now, &tm);
	strftime(text, sizeof(text), "Date: %a, %d %b %Y %H:%M:%S GMT\r\n", &tm);
	buf_puts(out, text);
}

static void
put_answer(struct conn *c, const struct api_reply *r)
{
	bool head = c->http.method != NULL && strcmp(c->http.method, "HEAD") == 0;

	buf_printf(&c->out, "HTTP/1.1 %u %s\r\n", r->status, status_text(r->status));
	if (r->content_type != NULL)
		buf_printf(&c->out, "Content-Type: %s\r\n", r->content_type);
	if (buf_len(&r->headers) > 0)
		buf_append(&c->out, buf_data(&r->headers), buf_len(&r->headers));
	put_date(&c->out);
	if (r->status != 204)
		buf_printf(&c->out, "Content-Length: %zu\r\n", buf_len(&r->body));
	if (c->last)
		buf_puts(&c->out, "Connection: close\r\n");
	else if (c->http.version_minor == 0)
		buf_puts(&c->out, "Connection: keep-alive\r\n");
	buf_puts(&c->out, "\r\n");
	if (!head && r->status != 204 && buf_len(&r->body) > 0)
		buf_append(&c->out, buf_data(&r->body), buf_len(&r->body));
	if (c->out.overflowed)
		c->last = true;
}

static void
reply_init(struct api_reply *r)
{
	*r = (struct api_reply){ .status = 500 };
	buf_init(&r->headers, 16384);
	buf_init(&r->body, API_REPLY_MAX);
}

static void
reply_fini(struct api_reply *r)
{
	buf_fini(&r->headers);
	buf_fini(&r->body);
}

/* A request that is none: say so and close. */
static void
answer_bad(struct conn *c, unsigned status, const char *error)
{
	struct api_reply r;

	reply_init(&r);
	r.status = status;
	r.content_type = "text/plain; charset=utf-8";
	buf_printf(&r.body, "%u %s: %s", status, status_text(status), error);
	c->last = true;
	put_answer(c, &r);
	reply_fini(&r);
}

/* Ask the handler. false: it put the request off. */
static bool
answer(struct conn *c)
{
	struct url_path path;
	struct api_request q = { .http = &c->http, .path = &path };
	struct api_reply r;
	int rc;

	if (url_path_parse(c->http.target, &path) != 0) {
		answer_bad(c, 400, "malformed request target");
		return true;
	}
	reply_init(&r);
	rc = c->server->handler(c->server->ud, &q, &r);
	if (rc == 0) {
		c->last = !c->http.keep_alive;
		if (r.body.overflowed) {
			buf_clear(&r.body);
			r.status = 503;
		}
		put_answer(c, &r);
	}
	reply_fini(&r);
	return rc == 0;
}

/* ---- requests ---- */

static void
want_body(struct conn *c)
{
	static const char text[] = "HTTP/1.1 100 Continue\r\n\r\n";

	if (!c->http.expect_continue || c->continued || buf_len(&c->http.body) > 0)
		return;
	c->continued = true;
	buf_append(&c->out, text, sizeof(text) - 1);
	flush(c);
}

/* The request at hand is complete or broken: answer it. true: go on with the next. */
static bool
finish_request(struct conn *c)
{
	if (c->http.state == HTTP1_BAD) {
		answer_bad(c, c->http.status, c->http.error);
	} else if (!answer(c)) {
		set_state(c, CONN_PARKED);
		set_reading(c, false);
		set_timer(c, API_SERVER_WRITE);
		return false;
	}
	if (!flush(c))
		return false;
	http1_next(&c->http);
	c->continued = false;
	set_timer(c, API_SERVER_IDLE);
	return true;
}

/* Take n bytes; what cannot be taken now waits in c->in. */
static void
take(struct conn *c, const char *p, size_t n)
{
	bool fresh;
	size_t used = 0;

	while (c->state == CONN_READING && used < n) {
		fresh = !http1_started(&c->http);
		used += http1_feed(&c->http, p + used, n - used);
		if (fresh && http1_started(&c->http))
			set_timer(c, API_SERVER_READ);
		if (c->http.state == HTTP1_DONE || c->http.state == HTTP1_BAD)
			finish_request(c);
		else if (c->http.state == HTTP1_BODY)
			want_body(c);
	}
	if ((c->state == CONN_SENDING || c->state == CONN_PARKED) && used < n && buf_append(&c->in, p + used, n - used) != 0)
		close_conn(c, false);
}

/* An answer is out: forget its request, take what came meanwhile, read on. */
static void
go_on(struct conn *c)
{
	struct buf waiting = c->in;

	if (c->http.state == HTTP1_DONE || c->http.state == HTTP1_BAD) {
		http1_next(&c->http);
		c->continued = false;
		set_timer(c, API_SERVER_IDLE);
	}
	buf_init(&c->in, 4 * RECV_BYTES);
	if (buf_len(&waiting) > 0)
		take(c, buf_data(&waiting), buf_len(&waiting));
	buf_fini(&waiting);
	if (c->state != CONN_READING)
		return;
	if (c->eof)
		close_conn(c, false);
	else
		set_reading(c, true);
}

void
api_server_retry(struct api_server *s)
{
	if (s->parked == 0)
		return;
	list_for_safe(link, &s->order) {
		struct conn *c = list_entry(link, struct conn, link);

		if (c->state != CONN_PARKED || !answer(c))
			continue;
		set_state(c, CONN_READING);
		if (flush(c))
			go_on(c);
	}
}

/* ---- events ---- */

/* All places are taken: the connection idle longest makes room. */
static void
make_room(struct api_server *s)
{
	list_for(link, &s->order) {
		struct conn *c = list_entry(link, struct conn, link);

		if (c->state == CONN_LINGERING || (c->state == CONN_READING && !http1_started(&c->http))) {
			close_conn(c, false);
			return;
		}
	}
}

static void
on_accept(struct api_server *s, int token)
{
	struct conn *c;

	if (token < 0)
		return;         /* out of descriptors, say: the next one may fare better */
	if (s->conns.count >= s->conns_max)
		make_room(s);
	c = pool_take(&s->conns, NULL);
	if (c == NULL) {
		io_discard(token, true);
		return;
	}
	c->server = s;
	c->state = CONN_READING;
	list_init(&c->link);
	http1_init(&c->http, HTTP1_REQUEST, API_SERVER_BODY_MAX);
	buf_init(&c->in, 4 * RECV_BYTES);
	buf_init(&c->out, API_REPLY_MAX + 65536);
	if (io_attach(s->io, token, c, &c->sock) != 0) {
		io_discard(token, false);
		conn_free(c);
		return;
	}
	set_timer(c, API_SERVER_READ);
	set_reading(c, true);
}

static void
on_recv(struct conn *c, const struct io_event *ev)
{
	if (c->state == CONN_CLOSING)
		return;
	if (ev->res < 0) {
		close_conn(c, false);
	} else if (ev->res > 0) {
		if (c->state != CONN_LINGERING)
			take(c, (const char *)ev->data, (size_t)ev->res);
	} else {
		c->eof = true;
		if (c->state == CONN_LINGERING || c->state == CONN_READING)
			close_conn(c, false);
	}
}

static void
on_sent(struct conn *c, int res)
{
	if (c->state == CONN_CLOSING)
		return;
	fl_assert(c->state == CONN_SENDING);
	if (res < 0) {
		close_conn(c, false);
		return;
	}
	buf_clear(&c->out);
	if (flush(c))
		go_on(c);
}

void
api_server_event(struct api_server *s, const struct io_event *ev)
{
	if (ev->ud == s) {
		if (ev->kind == IO_ACCEPT)
			on_accept(s, ev->res);
		return;
	}
	switch (ev->kind) {
	case IO_RECV:
		on_recv(ev->ud, ev);
		break;
	case IO_SENT:
		on_sent(ev->ud, ev->res);
		break;
	case IO_CLOSED:
		conn_free(ev->ud);
		break;
	default:
		break;
	}
}

void
api_server_tick(struct api_server *s, fl_ns now)
{
	struct heap_node *n;

	while ((n = heap_pop(&s->timers, now)) != NULL)
		close_conn(FL_CONTAINER_OF(n, struct conn, timer), false);
}

fl_ns
api_server_next(const struct api_server *s)
{
	return heap_next(&s->timers);
}
