/* SPDX-License-Identifier: MIT */
/*
 * http_client.c - one request, one answer, one connection.
 *
 * Invariants
 *  (1) A call ends: looking up is bounded by the system's resolver, all else by the two deadlines.
 *  (2) What the server sends takes no more memory than HTTP1_HEAD_MAX + body_max, and a scratch.
 */
#include "control/http_client.h"
#include "base/assert.h"
#include "io/dial.h"
#include "proto/http1.h"

#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#define SCRATCH_BYTES 16384
#define INTERIM_MAX 16          /* answers of 1xx before the real one */

static int fail(struct http_answer *a, enum http_stage stage, int err, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));

static int
fail(struct http_answer *a, enum http_stage stage, int err, const char *fmt, ...)
{
	va_list ap;

	fl_assert(err < 0);
	a->stage = stage;
	va_start(ap, fmt);
	vsnprintf(a->error, sizeof(a->error), fmt, ap);
	va_end(ap);
	return err;
}

/* The system's words in Go's spelling: a small letter first. */
static const char *
errno_words(int err, char *buf, size_t bytes)
{
	if (err == -ETIMEDOUT)
		return "i/o timeout";
	snprintf(buf, bytes, "%s", strerrordesc_np(-err) != NULL ? strerrordesc_np(-err) : "unknown error");
	buf[0] = (char)tolower((unsigned char)buf[0]);
	return buf;
}

static bool
is_header_text(const char *s)
{
	for (; *s != '\0'; s++)
		if (!isgraph((unsigned char)*s))
			return false;
	return true;
}

int
http_client_init(struct http_client *c, const char *url, const char *token, const char *user_agent, const char **ret_error)
{
	struct url_server server;
	int r = url_server_parse(url, &server, ret_error);

	if (r < 0)
		return r;
	if (token != NULL && (!is_header_text(token) || strlen(token) > 4096)) {
		*ret_error = "expected a token of visible ASCII characters";
		return -EINVAL;
	}
	*c = (struct http_client){
		.server = server, .token = token, .user_agent = user_agent,
		.connect_timeout = 5 * FL_SEC, .answer_timeout = 30 * FL_SEC, .body_max = 64u << 20,
	};
	return 0;
}

static bool
write_request(const struct http_client *c, const char *method, const char *target, const char *body, size_t body_bytes,
    struct buf *out)
{
	bool v6 = strchr(c->server.host, ':') != NULL;

	buf_printf(out, "%s %s%s HTTP/1.1\r\n", method, c->server.base, target);
	buf_printf(out, "Host: %s%s%s:%s\r\n", v6 ? "[" : "", c->server.host, v6 ? "]" : "", c->server.port);
	buf_printf(out, "User-Agent: %s\r\n", c->user_agent);
	if (c->token != NULL)
		buf_printf(out, "Authorization: Bearer %s\r\n", c->token);
	if (body != NULL || strcmp(method, "GET") != 0)
		buf_printf(out, "Content-Type: application/json\r\nContent-Length: %zu\r\n", body_bytes);
	buf_puts(out, "Accept: application/json\r\nConnection: close\r\n\r\n");
	if (body != NULL)
		buf_append(out, body, body_bytes);
	return !out->overflowed;
}

static int
connect_to(const struct http_client *c, struct http_answer *a, int *ret_fd)
{
	struct resolve_answer found;
	struct io_addr at;
	char where[ADDR_TEXT_MAX], words[128];
	int r = resolver_wait(c->server.host, c->server.port, &found);

	if (r < 0)
		return fail(a, HTTP_STAGE_RESOLVE, r, "dial tcp: lookup %s: %s", c->server.host,
		    r == -ENOENT ? "no such host" : errno_words(r, words, sizeof(words)));
	r = dial_open(&found, dial_clock() + c->connect_timeout, &at, ret_fd);
	if (r < 0)
		return fail(a, HTTP_STAGE_CONNECT, r, "dial tcp %s: %s%s", addr_format(&at, where, sizeof(where)),
		    r == -ETIMEDOUT ? "" : "connect: ", errno_words(r, words, sizeof(words)));
	return 0;
}

/* Feed n bytes; n 0 is the end of the stream. false: h is DONE or BAD. */
static bool
feed(struct http1 *h, const char *p, size_t n, unsigned *interim)
{
	if (n == 0) {
		http1_eof(h);
		return false;
	}
	while (n > 0) {
		size_t took = http1_feed(h, p, n);

		p += took;
		n -= took;
		if (h->state == HTTP1_DONE && h->status / 100 == 1 && h->status != 101 && ++*interim <= INTERIM_MAX)
			http1_next(h);
		else if (h->state == HTTP1_DONE || h->state == HTTP1_BAD)
			return false;
	}
	return true;
}

static int
receive(int fd, struct http1 *h, fl_ns deadline, struct http_answer *a)
{
	char scratch[SCRATCH_BYTES], words[128];
	unsigned interim = 0;
	bool any = false;

	for (;;) {
		int64_t n = dial_receive(fd, scratch, sizeof(scratch), deadline);

		if (n < 0)
			return fail(a, HTTP_STAGE_ANSWER, (int)n, "read tcp: %s", errno_words((int)n, words, sizeof(words)));
		any = any || n > 0;
		if (!any)
			return fail(a, HTTP_STAGE_ANSWER, -EPIPE, "EOF");
		if (!feed(h, scratch, (size_t)n, &interim))
			break;
	}
	if (h->state != HTTP1_DONE)
		return fail(a, HTTP_STAGE_ANSWER, -EPROTO, "malformed HTTP response: %s",
		    h->error != NULL ? h->error : "it ends too early");
	if (h->status / 100 == 1)
		return fail(a, HTTP_STAGE_ANSWER, -EPROTO, "malformed HTTP response: nothing but status %u", h->status);
	return 0;
}

static void
take_answer(struct http1 *h, struct http_answer *a)
{
	const char *type = http1_field(h, "Content-Type");

	a->stage = HTTP_STAGE_DONE;
	a->status = h->status;
	a->json = type != NULL && strncasecmp(type, "application/json", 16) == 0;
	a->body = h->body;
	buf_init(&h->body, 0);
}

int
http_client_call(const struct http_client *c, const char *method, const char *target, const char *body, size_t body_bytes,
    struct http_answer *answer)
{
	struct http1 h;
	struct buf request;
	char words[128];
	int fd = -1, r;

	fl_assert(target[0] == '/');
	*answer = (struct http_answer){ .stage = HTTP_STAGE_RESOLVE };
	buf_init(&answer->body, 0);
	buf_init(&request, (16u << 20) + HTTP1_HEAD_MAX);
	http1_init(&h, HTTP1_RESPONSE, c->body_max);
	if (!write_request(c, method, target, body, body_bytes, &request)) {
		r = fail(answer, HTTP_STAGE_SEND, -E2BIG, "the request is too large");
		goto done;
	}
	r = connect_to(c, answer, &fd);
	if (r < 0)
		goto done;
	fl_ns deadline = dial_clock() + c->answer_timeout;
	int sent = dial_send(fd, buf_data(&request), buf_len(&request), deadline);

	/* A server that refuses early may answer and reset before it has read all: its answer counts. */
	r = receive(fd, &h, deadline, answer);
	if (r == 0)
		take_answer(&h, answer);
	else if (sent < 0)
		r = fail(answer, HTTP_STAGE_SEND, sent, "write tcp: %s", errno_words(sent, words, sizeof(words)));
done:
	dial_close(fd);
	http1_fini(&h);
	buf_fini(&request);
	return r;
}

void
http_answer_fini(struct http_answer *a)
{
	buf_fini(&a->body);
}
