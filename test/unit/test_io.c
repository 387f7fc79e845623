/* SPDX-License-Identifier: MIT */
/* test_io.c - the epoll backend keeps the rules of io.h. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "io/io.h"

struct pair {
	struct io *io;
	struct io_sock *listener, *a, *b;       /* a connected, b was accepted; ud is "a" or "b" */
};

/* The next event of this kind; others are not expected. */
static struct io_event
next(struct io *io, enum io_kind kind)
{
	struct io_event ev;
	while (!io_next(io, &ev))
		io_wait(io, FL_NEVER);
	assert_int_equal(ev.kind, kind);
	return ev;
}

static void
nothing(struct io *io)
{
	struct io_event ev;
	io_wait(io, io_clock(io) + 2 * FL_MS);
	assert_false(io_next(io, &ev));
}

static void
pair_over(struct pair *p, const char *where)
{
	struct io_opts opts = { .socks_max = 8, .spin_ns_max = 50 * FL_US };
	struct io_addr addr, bound;
	int token;
	assert_int_equal(io_new(&opts, &p->io), 0);
	assert_int_equal(addr_parse(where, &addr), 0);
	assert_int_equal(io_bind(&addr, &token, &bound), 0);
	assert_int_equal(io_listen(p->io, token, "l", &p->listener), 0);
	assert_int_equal(io_connect(p->io, &bound, "a", &p->a), 0);
	bool connected = false;
	p->b = NULL;
	while (!connected || p->b == NULL) {
		struct io_event ev;
		while (!io_next(p->io, &ev))
			io_wait(p->io, FL_NEVER);
		assert_true(ev.res >= 0);
		if (ev.kind == IO_CONNECT)
			connected = true;
		else
			assert_int_equal(io_attach(p->io, ev.res, "b", &p->b), 0);
	}
}

static void
pair_close(struct pair *p)
{
	io_close(p->io, p->listener, false);
	next(p->io, IO_CLOSED);
	io_free(p->io);
}

static void
relay_and_half_close(void **state)
{
	struct pair p;
	pair_over(&p, *state);
	assert_int_equal(io_push(p.io, p.a, "hello", 5), 5);
	nothing(p.io);                                          /* receiving is stopped at first */
	io_recv_start(p.io, p.b, 3);                            /* rounded up to 64 */
	struct io_event ev = next(p.io, IO_RECV);
	assert_int_equal(ev.res, 5);
	assert_memory_equal(ev.data, "hello", 5);
	assert_string_equal(ev.ud, "b");
	io_shutdown(p.io, p.a);
	assert_int_equal(next(p.io, IO_RECV).res, 0);           /* the end, once */
	assert_int_equal(io_push(p.io, p.b, "still", 5), 5);    /* the other direction lives */
	io_recv_start(p.io, p.a, 100);
	assert_int_equal(next(p.io, IO_RECV).res, 5);
	nothing(p.io);
	io_close(p.io, p.a, false);
	io_close(p.io, p.b, false);
	next(p.io, IO_CLOSED);
	next(p.io, IO_CLOSED);
	nothing(p.io);
	pair_close(&p);
}

static void
data_before_end_is_not_lost(void **state)
{
	struct pair p;
	pair_over(&p, *state);
	char big[5000];
	memset(big, 'x', sizeof(big));
	assert_int_equal(io_push(p.io, p.a, big, sizeof(big)), sizeof(big));
	io_close(p.io, p.a, false);
	next(p.io, IO_CLOSED);
	io_recv_start(p.io, p.b, 640);
	size_t got = 0;
	for (;;) {
		struct io_event ev = next(p.io, IO_RECV);
		if (ev.res == 0)
			break;
		assert_true(ev.res > 0 && ev.res <= 640);
		got += (size_t)ev.res;
	}
	assert_int_equal(got, sizeof(big));
	io_close(p.io, p.b, false);
	next(p.io, IO_CLOSED);
	pair_close(&p);
}

static void
big_send_in_the_background(void **state)
{
	struct pair p;
	pair_over(&p, *state);
	size_t n = 8 << 20, got = 0;
	uint8_t *big = malloc(n);
	assert_non_null(big);
	for (size_t i = 0; i < n; i++)
		big[i] = (uint8_t)(i * 7 + i / 251);
	io_send(p.io, p.a, big, n);
	nothing(p.io);                                          /* nobody reads: not sent */
	io_recv_start(p.io, p.b, IO_SCRATCH_BYTES);
	bool sent = false;
	while (!sent || got < n) {
		struct io_event ev;
		while (!io_next(p.io, &ev))
			io_wait(p.io, FL_NEVER);
		if (ev.kind == IO_SENT) {
			assert_int_equal(ev.res, 0);
			sent = true;
			continue;
		}
		assert_true(ev.res > 0);
		assert_memory_equal(ev.data, big + got, (size_t)ev.res);
		got += (size_t)ev.res;
	}
	free(big);
	io_close(p.io, p.a, false);
	io_close(p.io, p.b, false);
	next(p.io, IO_CLOSED);
	next(p.io, IO_CLOSED);
	pair_close(&p);
}

static void
reset_is_told_while_stopped(void **state)
{
	(void)state;
	struct pair p;
	pair_over(&p, "127.0.0.1:0");
	io_close(p.io, p.a, true);
	next(p.io, IO_CLOSED);
	struct io_event ev = next(p.io, IO_RECV);
	assert_int_equal(ev.res, -ECONNRESET);
	assert_string_equal(ev.ud, "b");
	nothing(p.io);
	assert_true(io_push(p.io, p.b, "x", 1) < 0);
	io_close(p.io, p.b, false);
	next(p.io, IO_CLOSED);
	pair_close(&p);
}

static void
reset_after_end_is_told(void **state)
{
	(void)state;
	struct pair p;
	pair_over(&p, "127.0.0.1:0");
	io_recv_start(p.io, p.b, 100);
	io_shutdown(p.io, p.a);
	assert_int_equal(next(p.io, IO_RECV).res, 0);
	io_close(p.io, p.a, true);
	next(p.io, IO_CLOSED);
	assert_true(next(p.io, IO_RECV).res < 0);
	io_close(p.io, p.b, false);
	next(p.io, IO_CLOSED);
	pair_close(&p);
}

static void
connect_refused(void **state)
{
	(void)state;
	struct io_opts opts = { .socks_max = 2 };
	struct io_addr addr, bound;
	struct io *io;
	struct io_sock *s;
	int token;
	assert_int_equal(io_new(&opts, &io), 0);
	assert_int_equal(addr_parse("127.0.0.1:0", &addr), 0);
	assert_int_equal(io_bind(&addr, &token, &bound), 0);
	int again;
	assert_int_equal(io_bind(&bound, &again, NULL), -EADDRINUSE);
	io_discard(token, false);                               /* now nobody listens there */
	assert_int_equal(io_connect(io, &bound, "a", &s), 0);
	assert_int_equal(next(io, IO_CONNECT).res, -ECONNREFUSED);
	io_close(io, s, false);
	next(io, IO_CLOSED);
	io_free(io);
}

static void
full_table(void **state)
{
	(void)state;
	struct io_opts opts = { .socks_max = 1 };
	struct io_addr addr;
	struct io *io;
	struct io_sock *s, *t;
	int one, two;
	assert_int_equal(io_new(&opts, &io), 0);
	assert_int_equal(addr_parse("127.0.0.1:0", &addr), 0);
	assert_int_equal(io_bind(&addr, &one, NULL), 0);
	assert_int_equal(io_bind(&addr, &two, NULL), 0);
	assert_int_equal(io_listen(io, one, "1", &s), 0);
	assert_int_equal(io_listen(io, two, "2", &t), -ENFILE);
	io_discard(two, false);
	io_free(io);                                            /* closes what is open */
}

static void
deadlines(void **state)
{
	(void)state;
	struct io_opts opts = { .socks_max = 1, .spin_ns_max = 100 * FL_US };
	struct io *io;
	assert_int_equal(io_new(&opts, &io), 0);
	for (int i = 0; i < 20; i++) {
		fl_ns at = io_clock(io) + i * 100 * FL_US;
		io_wait(io, at);
		assert_true(io_now(io) >= at);                  /* never early */
	}
	io_wake(io);
	io_wait(io, FL_NEVER);                                  /* a wake-up before the wait counts */
	io_free(io);
}

static void
stale_unix_socket(void **state)
{
	(void)state;
	char path[] = "/tmp/fl-test-io-XXXXXX", text[64];
	struct io_addr addr;
	int token, again;
	assert_non_null(mkdtemp(path));
	snprintf(text, sizeof(text), "unix:%s/s", path);
	assert_int_equal(addr_parse(text, &addr), 0);
	assert_int_equal(io_bind(&addr, &token, NULL), 0);
	assert_int_equal(io_bind(&addr, &again, NULL), -EADDRINUSE);
	io_discard(token, false);                               /* the file stays, as after a kill -9 */
	assert_int_equal(io_bind(&addr, &token, NULL), 0);
	struct io_opts opts = { .socks_max = 1 };
	struct io *io;
	struct io_sock *s;
	assert_int_equal(io_new(&opts, &io), 0);
	assert_int_equal(io_listen(io, token, "l", &s), 0);
	io_close(io, s, false);                                 /* a listener that ends in order removes it */
	assert_int_equal(access(text + 5, F_OK), -1);
	io_free(io);
	rmdir(path);
}

int
main(void)
{
	char tcp4[] = "127.0.0.1:0", tcp6[] = "[::1]:0", un[] = "unix:@fl-test-io";
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_prestate(relay_and_half_close, tcp4),
		cmocka_unit_test_prestate(relay_and_half_close, tcp6),
		cmocka_unit_test_prestate(relay_and_half_close, un),
		cmocka_unit_test_prestate(data_before_end_is_not_lost, tcp4),
		cmocka_unit_test_prestate(data_before_end_is_not_lost, un),
		cmocka_unit_test_prestate(big_send_in_the_background, tcp4),
		cmocka_unit_test_prestate(big_send_in_the_background, un),
		cmocka_unit_test(reset_is_told_while_stopped),
		cmocka_unit_test(reset_after_end_is_told),
		cmocka_unit_test(connect_refused),
		cmocka_unit_test(full_table),
		cmocka_unit_test(deadlines),
		cmocka_unit_test(stale_unix_socket),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
