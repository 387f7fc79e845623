/* SPDX-License-Identifier: MIT */
/*
 * backend.c - the server behind the proxies: echo, sink and source, each on a port of its own.
 *
 *   echo      sends back what it gets, at once
 *   sink      drops what it gets; at the end of the stream it sends the number of bytes as 8 bytes, little endian
 *   source    sends for ever after the first byte it gets
 *   http      answers each request without a body with 1 KB
 *
 * Prints the ports, runs until its standard input ends, so it never outlives who started it.
 *
 *  (1) One thread, level-triggered; the bytes echo could not send wait in the socket they came from, not here.
 */
#include "lib.h"
#include <endian.h>

#define SCRATCH (256 * 1024)

enum role { ECHO, SINK, SOURCE, HTTP, ROLES };
#define HTTP_BODY 1024

struct peer {
	int fd;
	enum role role;
	bool listener;
	uint32_t events;        /* what epoll watches */
	uint64_t bytes;         /* http: how much of an empty line's "\r\n\r\n" has come */
	char *rest;             /* echo: read but not yet sent */
	size_t rest_len, rest_cap;
};

static char scratch[SCRATCH];

static void
peer_free(struct peer *p)
{
	close(p->fd);
	free(p->rest);
	free(p);
}

static void
peer_watch(int ep, struct peer *p, uint32_t events)
{
	struct epoll_event ev = { .events = events, .data.ptr = p };

	if (p->events != events && epoll_ctl(ep, EPOLL_CTL_MOD, p->fd, &ev) != 0)
		die("epoll_ctl: %s", strerror(errno));
	p->events = events;
}

static void
accept_all(int ep, struct peer *l)
{
	int fd, one = 1;

	while ((fd = accept4(l->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
		struct peer *p = calloc(1, sizeof(*p));

		if (p == NULL)
			die("no memory");
		*p = (struct peer){ .fd = fd, .role = l->role, .events = EPOLLIN };
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
		poll_add(ep, fd, EPOLLIN, p);
	}
}

/* false: the connection is over. */
static bool
echo_run(int ep, struct peer *p)
{
	ssize_t n, sent;

	if (p->rest_len > 0) {
		sent = send(p->fd, p->rest, p->rest_len, MSG_NOSIGNAL);
		if (sent < 0)
			return errno == EAGAIN;
		p->rest_len -= (size_t)sent;
		memmove(p->rest, p->rest + sent, p->rest_len);
		if (p->rest_len == 0)
			peer_watch(ep, p, EPOLLIN);
		return true;
	}
	n = recv(p->fd, scratch, SCRATCH, 0);
	if (n <= 0)
		return n < 0 && errno == EAGAIN;
	sent = send(p->fd, scratch, (size_t)n, MSG_NOSIGNAL);
	if (sent < 0 && errno != EAGAIN)
		return false;
	if (sent < n) {
		sent = sent < 0 ? 0 : sent;
		p->rest_len = (size_t)(n - sent);
		if (p->rest_len > p->rest_cap && (p->rest = realloc(p->rest, p->rest_cap = p->rest_len)) == NULL)
			die("no memory");
		memcpy(p->rest, scratch + sent, p->rest_len);
		peer_watch(ep, p, EPOLLOUT);
	}
	return true;
}

static char http_answer[HTTP_BODY + 128];
static size_t http_answer_len;

static bool
http_run(struct peer *p)
{
	static const char end[] = "\r\n\r\n";
	ssize_t n = recv(p->fd, scratch, SCRATCH, 0);

	if (n <= 0)
		return n < 0 && errno == EAGAIN;
	for (ssize_t i = 0; i < n; i++) {
		p->bytes = scratch[i] == end[p->bytes] ? p->bytes + 1 : scratch[i] == '\r';
		if (p->bytes < 4)
			continue;
		p->bytes = 0;
		/* One answer at a time is under way on a connection: its socket takes it whole. */
		if (send(p->fd, http_answer, http_answer_len, MSG_NOSIGNAL) != (ssize_t)http_answer_len)
			return false;
	}
	return true;
}

/* MSG_TRUNC drops the bytes without copying them: the sink should cost as little as it can. */
static bool
sink_run(struct peer *p)
{
	ssize_t n = recv(p->fd, NULL, 8 << 20, MSG_TRUNC);
	uint64_t count;

	if (n > 0) {
		p->bytes += (uint64_t)n;
		return true;
	}
	if (n < 0 && errno == EAGAIN)
		return true;
	count = htole64(p->bytes);
	if (n == 0)
		(void)send(p->fd, &count, sizeof(count), MSG_NOSIGNAL);
	return false;
}

static bool
source_run(int ep, struct peer *p, uint32_t events)
{
	ssize_t n;

	if (events & EPOLLIN) {
		n = recv(p->fd, scratch, 64, 0);
		if (n <= 0)
			return n < 0 && errno == EAGAIN;
		peer_watch(ep, p, EPOLLIN | EPOLLOUT);
	}
	n = send(p->fd, scratch, SCRATCH / 2, MSG_NOSIGNAL);
	return n >= 0 || errno == EAGAIN;
}

static void
serve(int ep, struct peer *p, uint32_t events)
{
	bool more;

	if (p->listener) {
		accept_all(ep, p);
		return;
	}
	if (events & (EPOLLERR | EPOLLHUP))
		more = false;
	else if (p->role == ECHO)
		more = echo_run(ep, p);
	else if (p->role == HTTP)
		more = http_run(p);
	else if (p->role == SINK)
		more = sink_run(p);
	else
		more = source_run(ep, p, events);
	if (!more)
		peer_free(p);
}

static unsigned
listen_on(int ep, struct peer *p, enum role role)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(a);

	*p = (struct peer){ .role = role, .listener = true, .fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0) };
	if (p->fd < 0 || bind(p->fd, (struct sockaddr *)&a, sizeof(a)) != 0 || listen(p->fd, 4096) != 0 ||
	    getsockname(p->fd, (struct sockaddr *)&a, &len) != 0)
		die("listening: %s", strerror(errno));
	poll_add(ep, p->fd, EPOLLIN, p);
	return ntohs(a.sin_port);
}

int
main(int argc, char **argv)
{
	static struct peer listeners[ROLES];
	static struct epoll_event ev[256];
	unsigned ports[ROLES];
	int ep = poll_new();

	place(opt_num(argc, argv, "--cpu", -1));
	need_files((unsigned long)opt_num(argc, argv, "--files", 1024));
	for (int r = 0; r < ROLES; r++)
		ports[r] = listen_on(ep, &listeners[r], (enum role)r);
	http_answer_len = (size_t)snprintf(http_answer, sizeof(http_answer),
	    "HTTP/1.1 200 OK\r\nServer: bench\r\nContent-Type: text/plain\r\nContent-Length: %d\r\n\r\n", HTTP_BODY);
	memset(http_answer + http_answer_len, 'x', HTTP_BODY);
	http_answer_len += HTTP_BODY;
	printf("{\"echo\":%u,\"sink\":%u,\"source\":%u,\"http\":%u}\n", ports[ECHO], ports[SINK], ports[SOURCE], ports[HTTP]);
	fflush(stdout);
	poll_add(ep, STDIN_FILENO, EPOLLIN, NULL);
	for (;;) {
		int n = poll_until(ep, ev, (int)(sizeof(ev) / sizeof(ev[0])), INT64_MAX);

		for (int i = 0; i < n; i++) {
			if (ev[i].data.ptr == NULL)
				return 0;
			serve(ep, ev[i].data.ptr, ev[i].events);
		}
	}
}
