/* SPDX-License-Identifier: MIT */
/* fetch.c - see fetch.h. */
#include "run/fetch.h"

#include "io/resolve.h"
#include "proto/http1.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define READ_BYTES 16384

static int
failed(int rc, const char *what, char *say)
{
	snprintf(say, FETCH_SAY_MAX, "%s: %s", what, rc == -ETIMEDOUT ? "not in time" : strerror(-rc));
	return rc;
}

static int
find(const char *target, struct io_addr *ret, char *say)
{
	char host[256], port[32];
	struct resolve_answer answer;
	int rc = addr_parse(target, ret);

	if (rc == 0)
		return 0;
	rc = addr_split(target, host, sizeof(host), port, sizeof(port));
	if (rc == 0)
		rc = resolver_wait(host, port, &answer);
	if (rc < 0)
		return failed(rc, "its address", say);
	*ret = answer.addrs[0];
	return 0;
}

static int
read_answer(int fd, const struct client_wait *w, struct http1 *h, char *say)
{
	char bytes[READ_BYTES];

	while (h->state == HTTP1_HEAD || h->state == HTTP1_BODY) {
		int64_t n = client_recv(fd, bytes, sizeof(bytes), w);
		if (n < 0)
			return failed((int)n, "the answer", say);
		if (n == 0)
			http1_eof(h);
		else
			(void)http1_feed(h, bytes, (size_t)n);
		if (h->state == HTTP1_DONE && h->status / 100 == 1)
			http1_next(h);
	}
	if (h->state == HTTP1_DONE)
		return (int)h->status;
	snprintf(say, FETCH_SAY_MAX, "the answer is not HTTP: %.100s", h->error);
	return -EPROTO;
}

int
fetch(const struct fetch *f, const struct client_wait *w, struct buf *body, char *say)
{
	struct io_addr to;
	struct http1 *h;
	struct buf out;
	int fd, rc = find(f->target, &to, say);

	if (rc < 0)
		return rc;
	rc = client_connect(&to, NULL, w, &fd);
	if (rc < 0)
		return failed(rc, "connecting", say);
	buf_init(&out, READ_BYTES);
	buf_printf(&out, "%s %s HTTP/1.1\r\nHost: %s\r\nUser-Agent: faultline\r\nContent-Length: 0\r\nConnection: close\r\n\r\n", f->method, f->path,
	    to.sa.sa_family == AF_UNIX ? "localhost" : f->target);
	rc = out.overflowed ? -E2BIG : client_send(fd, buf_data(&out), buf_len(&out), w, NULL);
	if (rc < 0)
		(void)failed(rc, "asking", say);
	buf_fini(&out);
	h = rc < 0 ? NULL : malloc(sizeof(*h));
	if (rc >= 0 && h == NULL)
		rc = failed(-ENOMEM, "the answer", say);
	if (h != NULL) {
		http1_init(h, HTTP1_RESPONSE, f->body_max);
		rc = read_answer(fd, w, h, say);
		if (rc >= 0)
			buf_append(body, buf_data(&h->body), buf_len(&h->body));
		http1_fini(h);
		free(h);
	}
	close(fd);
	return rc;
}
