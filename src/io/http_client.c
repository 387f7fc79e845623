/* SPDX-License-Identifier: MIT */
/* http_client.c - one HTTP request over one connection. */
#include "io/http_client.h"
#include "base/assert.h"
#include "io/addr.h"
#include <ctype.h>
#include <errno.h>
#include <netdb.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define ANSWER_MAX (256u << 20)

static fl_ns
now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * FL_SEC + t.tv_nsec;
}

/* An errno as Go words it. */
static int
fail(char *error, int err, const char *what)
{
	char text[96];

	snprintf(text, sizeof(text), "%s", strerror(err));
	text[0] = (char)tolower((unsigned char)text[0]);
	snprintf(error, HTTP_CLIENT_ERROR_MAX, "%.140s: %s", what, text);
	return -err;
}

/* Wait until fd is ready for that, or the deadline. 0 or -errno. */
static int
wait_ready(int fd, short events, fl_ns deadline)
{
	struct pollfd p = { .fd = fd, .events = events };

	for (;;) {
		fl_ns left = deadline - now();
		int n;

		if (left <= 0)
			return -ETIMEDOUT;
		n = poll(&p, 1, (int)FL_MIN(left / FL_MS + 1, 60000));
		if (n > 0)
			return 0;
		if (n < 0 && errno != EINTR)
			return -errno;
	}
}

static int
dial_one(const struct addrinfo *a, fl_ns deadline, char *error)
{
	struct io_addr addr = { .len = a->ai_addrlen };
	char where[ADDR_TEXT_MAX], what[ADDR_TEXT_MAX + 32];
	int fd = socket(a->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	socklen_t len = sizeof(int);
	int rc = 0;

	fl_assert(a->ai_addrlen <= sizeof(addr.un));
	memcpy(&addr.sa, a->ai_addr, a->ai_addrlen);
	snprintf(what, sizeof(what), "dial tcp %s: connect", addr_format(&addr, where, sizeof(where)));
	if (fd < 0)
		return fail(error, errno, what);
	if (connect(fd, a->ai_addr, a->ai_addrlen) != 0)
		rc = -errno;
	if (rc == -EINPROGRESS)
		rc = wait_ready(fd, POLLOUT, deadline);
	if (rc == 0) {
		int err = 0;

		getsockopt(fd, SOL_SOCKET, SO_ERROR, &err, &len);
		rc = -err;
	}
	if (rc == 0)
		return fd;
	close(fd);
	return fail(error, -rc, what);
}

static int
dial(const struct url_server *server, fl_ns deadline, char *error)
{
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM }, *list = NULL;
	int rc = getaddrinfo(server->host, server->port, &hints, &list), fd = -ENOENT;

	if (rc != 0) {
		snprintf(error, HTTP_CLIENT_ERROR_MAX, "dial tcp: lookup %.120s: %s", server->host, rc == EAI_NONAME ? "no such host" : gai_strerror(rc));
		return -ENOENT;
	}
	for (const struct addrinfo *a = list; a != NULL && fd < 0; a = a->ai_next)
		fd = dial_one(a, deadline, error);
	freeaddrinfo(list);
	return fd;
}

static void
put_request(struct buf *b, const struct http_client_request *q)
{
	bool v6 = strchr(q->server->host, ':') != NULL;

	buf_printf(b, "%s %s%s HTTP/1.1\r\nHost: %s%s%s:%s\r\nUser-Agent: %s\r\nConnection: close\r\n", q->method, q->server->base, q->path,
	    v6 ? "[" : "", q->server->host, v6 ? "]" : "", q->server->port, q->agent);
	if (q->token != NULL)
		buf_printf(b, "Authorization: Bearer %s\r\n", q->token);
	if (q->body != NULL)
		buf_printf(b, "Content-Type: application/json\r\nContent-Length: %zu\r\n", strlen(q->body));
	buf_printf(b, "\r\n%s", q->body != NULL ? q->body : "");
}

static int
send_all(int fd, struct buf *b, fl_ns deadline)
{
	while (buf_len(b) > 0) {
		ssize_t n = send(fd, buf_data(b), buf_len(b), MSG_NOSIGNAL);
		int rc = 0;

		if (n > 0)
			buf_consume(b, (size_t)n);
		else if (errno == EAGAIN)
			rc = wait_ready(fd, POLLOUT, deadline);
		else if (errno != EINTR)
			rc = -errno;
		if (rc != 0)
			return rc;
	}
	return 0;
}

static int
receive(int fd, struct http1 *h, fl_ns deadline)
{
	char chunk[16384];

	while (h->state != HTTP1_DONE) {
		ssize_t n;
		int rc = wait_ready(fd, POLLIN, deadline);

		if (rc != 0)
			return rc;
		n = recv(fd, chunk, sizeof(chunk), 0);
		if (n < 0 && (errno == EINTR || errno == EAGAIN))
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			http1_eof(h);
		for (size_t used = 0; used < (size_t)n && h->state != HTTP1_DONE && h->state != HTTP1_BAD;) {
			used += http1_feed(h, chunk + used, (size_t)n - used);
			if (h->state == HTTP1_DONE && h->status / 100 == 1)
				http1_next(h);  /* 100 Continue: the answer is still to come */
		}
		if (h->state == HTTP1_BAD)
			return -EBADMSG;
	}
	return 0;
}

int
http_client_call(const struct http_client_request *q, struct http1 *ret_answer, char *error)
{
	fl_ns deadline = now() + q->timeout;
	struct http1 answer;
	struct buf b;
	int rc, fd = dial(q->server, deadline, error);

	if (fd < 0)
		return fd;
	http1_init(&answer, HTTP1_RESPONSE, ANSWER_MAX);
	answer.no_body = strcmp(q->method, "HEAD") == 0;
	buf_init(&b, ANSWER_MAX);
	put_request(&b, q);
	rc = b.overflowed ? -E2BIG : send_all(fd, &b, deadline);
	buf_fini(&b);
	if (rc == 0)
		rc = receive(fd, &answer, deadline);
	close(fd);
	if (rc == 0) {
		*ret_answer = answer;
		return 0;
	}
	if (rc == -EBADMSG)
		snprintf(error, HTTP_CLIENT_ERROR_MAX, "the answer is no HTTP: %s", answer.error);
	else
		fail(error, -rc, "the answer");
	http1_fini(&answer);
	return rc;
}
