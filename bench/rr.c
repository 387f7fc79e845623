/* SPDX-License-Identifier: MIT */
/*
 * rr.c - request and response of --size bytes over --conns keep-alive connections to an echo server; with --http, requests of HTTP
 * whose answers end with a body of --size bytes, one at a time on a connection.
 *
 *   closed loop (no --rate)   each connection sends its next request when it has the answer
 *   open loop (--rate R)      request k is due at start + k / R on connection k mod N, whether or not answers have come
 *
 *  (1) Open loop: `p50_us` and `p99_us` count from the moment a request was due (no coordinated omission), `sent_p50_us` and
 *      `sent_p99_us` from the moment it was sent. Requests that were due in the window and are still unanswered 5 s after it
 *      enter with the time they have waited, and are counted in `lost`.
 *  (2) Closed loop: both are the same.
 *  (3) --delay-us D: quantiles of |latency - D| from the moment of sending are printed as err_*: what a latency fault is off.
 *      --base-us B is taken off first: the round trip without the fault.
 */
#include "lib.h"

#define QUEUE 256               /* requests on their way per connection, a power of two */

struct req {
	int64_t due, sent;
};

struct conn {
	int fd;
	uint32_t head, tail;    /* of queue, running numbers */
	size_t got;             /* bytes of the answer at head; http: of its body */
	unsigned line_end;      /* http: how much of its head's end has come; 4: all */
	size_t unsent;          /* bytes of requests the socket did not take yet */
	struct req *queue;
};

static struct {
	struct sockaddr_in to;
	const char *pids;
	int conns;
	size_t size;            /* of an answer */
	size_t ask;             /* of a request */
	bool http;
	double rate;
	int64_t delay, base;
} opt;

static struct conn *conns;
static struct samples from_due, from_sent, errors;
static char block[256 * 1024];
static const char http_ask[] = "GET /bench HTTP/1.1\r\nHost: bench.example\r\nUser-Agent: bench\r\nAccept: */*\r\n\r\n";
static int64_t window_start, window_end;
static uint64_t done;           /* in the window */
static uint64_t flying;         /* requests without answer, all connections */

static void
flush(int ep, struct conn *c, bool waiting)
{
	while (c->unsent > 0) {
		size_t part = c->unsent % opt.ask;
		ssize_t n = opt.http ? send(c->fd, http_ask + (opt.ask - part) % opt.ask, part > 0 ? part : opt.ask,
		                           MSG_NOSIGNAL)
		                     : send(c->fd, block, c->unsent < sizeof(block) ? c->unsent : sizeof(block), MSG_NOSIGNAL);

		if (n < 0 && errno != EAGAIN)
			die("send: %s", strerror(errno));
		if (n < 0)
			break;
		c->unsent -= (size_t)n;
	}
	if (waiting != (c->unsent > 0)) {
		struct epoll_event ev = { .events = EPOLLIN | (c->unsent > 0 ? EPOLLOUT : 0u), .data.ptr = c };

		if (epoll_ctl(ep, EPOLL_CTL_MOD, c->fd, &ev) != 0)
			die("epoll_ctl: %s", strerror(errno));
	}
}

static void
request(int ep, struct conn *c, int64_t due)
{
	bool waiting = c->unsent > 0;

	if (c->tail - c->head >= QUEUE)
		die("%d requests without answer on one connection: the rate is too high for the server", QUEUE);
	c->queue[c->tail++ % QUEUE] = (struct req){ .due = due, .sent = now_ns() };
	if (!opt.http || c->tail - c->head == 1)
		c->unsent += opt.ask;   /* http: one at a time; the others wait here */
	flying++;
	flush(ep, c, waiting);
}

static void
record(const struct req *r, int64_t now)
{
	int64_t off;

	if (r->due < window_start || r->due >= window_end)
		return;
	sample_add(&from_due, now - r->due);
	sample_add(&from_sent, now - r->sent);
	if (opt.delay > 0) {
		off = now - r->sent - opt.base - opt.delay;
		sample_add(&errors, off < 0 ? -off : off);
	}
}

/* How many of n bytes in the block are body: what is before them ends a head. */
static size_t
http_body(struct conn *c, size_t n)
{
	static const char end[] = "\r\n\r\n";
	size_t i = 0;

	while (c->line_end < 4 && i < n) {
		c->line_end = block[i] == end[c->line_end] ? c->line_end + 1 : block[i] == '\r';
		i++;
	}
	return n - i;
}

/* Take what came. returns answers completed. */
static int
answers(struct conn *c)
{
	ssize_t n = recv(c->fd, block, sizeof(block), 0);
	int64_t now = now_ns();
	int count = 0;

	if (n == 0)
		die("the other side closed a connection");
	if (n < 0 && errno != EAGAIN)
		die("recv: %s", strerror(errno));
	if (opt.http && n > 0)
		n = (ssize_t)http_body(c, (size_t)n);
	c->got += n > 0 ? (size_t)n : 0;
	for (; c->got >= opt.size; count++) {
		if (c->head == c->tail)
			die("more answers than requests");
		record(&c->queue[c->head++ % QUEUE], now);
		c->got -= opt.size;
		c->line_end = 0;
		flying--;
		done += now >= window_start && now < window_end;
	}
	return count;
}

static void
take(int ep, struct conn *c, uint32_t events, bool closed)
{
	if (events & EPOLLOUT)
		flush(ep, c, true);
	if (!(events & (EPOLLIN | EPOLLERR | EPOLLHUP)))
		return;
	int n = answers(c);
	if (opt.http && n > 0 && c->head != c->tail) {
		c->unsent += opt.ask;
		flush(ep, c, false);
	}
	for (; n > 0 && closed; n--)
		request(ep, c, now_ns());
}

/* Run until a time; due/k: of the next request in an open loop. */
static void
run_until(int ep, int64_t until, int64_t start, uint64_t *k)
{
	static struct epoll_event ev[512];

	while (now_ns() < until) {
		int64_t due = opt.rate > 0 ? start + (int64_t)((double)*k * 1e9 / opt.rate) : INT64_MAX;
		int n = poll_until(ep, ev, 512, due < until ? due : until);

		for (int i = 0; i < n; i++)
			take(ep, ev[i].data.ptr, ev[i].events, opt.rate <= 0);
		for (; opt.rate > 0 && due <= now_ns() && due < until; due = start + (int64_t)((double)*k * 1e9 / opt.rate)) {
			request(ep, &conns[*k % (uint64_t)opt.conns], due);
			++*k;
		}
	}
}

/* Wait for the answers that are still on their way; what never comes enters as it is. returns how many. */
static uint64_t
drain(int ep)
{
	static struct epoll_event ev[512];
	int64_t until = now_ns() + 5 * SEC;
	uint64_t lost = 0;

	while (flying > 0 && now_ns() < until) {
		int n = poll_until(ep, ev, 512, until);

		for (int i = 0; i < n; i++)
			take(ep, ev[i].data.ptr, ev[i].events, false);
	}
	for (int i = 0; i < opt.conns; i++)
		for (; conns[i].head != conns[i].tail; lost++)
			record(&conns[i].queue[conns[i].head++ % QUEUE], now_ns());
	return lost;
}

static void
options(int argc, char **argv)
{
	opt.to = addr_of(opt_text(argc, argv, "--to", ""));
	opt.pids = opt_text(argc, argv, "--pids", NULL);
	opt.conns = (int)opt_num(argc, argv, "--conns", 1);
	opt.size = (size_t)opt_num(argc, argv, "--size", 1024);
	opt.rate = opt_num(argc, argv, "--rate", 0);
	opt.delay = (int64_t)(opt_num(argc, argv, "--delay-us", 0) * 1e3);
	opt.base = (int64_t)(opt_num(argc, argv, "--base-us", 0) * 1e3);
	for (int i = 1; i < argc; i++)
		opt.http |= strcmp(argv[i], "--http") == 0;
	opt.ask = opt.http ? sizeof(http_ask) - 1 : opt.size;
	if (opt.conns < 1 || opt.size < 1)
		die("--conns and --size must be 1 or more");
	place(opt_num(argc, argv, "--cpu", -1));
	need_files((unsigned long)opt.conns + 32);
}

static void
connect_all(int ep)
{
	conns = calloc((size_t)opt.conns, sizeof(*conns));
	if (conns == NULL)
		die("no memory");
	for (int i = 0; i < opt.conns; i++) {
		conns[i].fd = dial(&opt.to, (unsigned)i / 5000 + 1, false);
		conns[i].queue = calloc(QUEUE, sizeof(struct req));
		if (conns[i].queue == NULL)
			die("no memory");
		fcntl(conns[i].fd, F_SETFL, O_NONBLOCK);
		poll_add(ep, conns[i].fd, EPOLLIN, &conns[i]);
	}
}

static void
report(const struct usage *used, double seconds, uint64_t lost)
{
	printf("{\"requests\":%llu,\"lost\":%llu,", (unsigned long long)done, (unsigned long long)lost);
	printf("\"p50_us\":%.2f,\"p99_us\":%.2f,", sample_us(&from_due, 0.5), sample_us(&from_due, 0.99));
	printf("\"sent_min_us\":%.2f,\"sent_p50_us\":%.2f,\"sent_p99_us\":%.2f,", sample_us(&from_sent, 0), sample_us(&from_sent, 0.5),
	    sample_us(&from_sent, 0.99));
	if (opt.delay > 0)
		printf("\"err_p50_us\":%.2f,\"err_p90_us\":%.2f,\"err_p99_us\":%.2f,\"err_n\":%zu,", sample_us(&errors, 0.5),
		    sample_us(&errors, 0.9), sample_us(&errors, 0.99), errors.n);
	usage_print(used, seconds);
	printf("}\n");
}

int
main(int argc, char **argv)
{
	int64_t warm = (int64_t)(opt_num(argc, argv, "--warm", 0.3) * 1e9);
	int64_t window = (int64_t)(opt_num(argc, argv, "--seconds", 1) * 1e9), start, t0;
	struct usage used;
	uint64_t k = 0, lost;
	int ep = poll_new();

	options(argc, argv);
	connect_all(ep);
	start = now_ns();
	window_start = start + warm;
	window_end = window_start + window;
	for (int i = 0; i < opt.conns && opt.rate <= 0; i++)
		request(ep, &conns[i], now_ns());
	run_until(ep, window_start, start, &k);
	used = usage_read(opt.pids);
	t0 = now_ns();
	run_until(ep, window_end, start, &k);
	used = usage_since(&used, opt.pids);
	t0 = now_ns() - t0;
	lost = drain(ep);
	report(&used, (double)t0 / 1e9, lost);
	return 0;
}
