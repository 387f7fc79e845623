/* SPDX-License-Identifier: MIT */
/* test_io_tls.c - TLS sockets keep the rules of io.h: bytes both ways, ends, errors. */
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

#include "tls_pair.h"

/* ---- bytes ---- */

static void
relay_and_half_close(void **state)
{
	struct rig *r = *state;
	static const char *const places[] = { "127.0.0.1:0", "[::1]:0", "unix:@faultline-tls-test" };
	for (size_t i = 0; i < FL_ARRAY_LEN(places); i++) {
		struct pair p;
		struct ends e = ends_of(r);
		e.where = places[i];
		good_pair(&p, e);
		assert_int_equal(io_push(p.io, p.a, "hello", 5), 5);
		nothing(p.io);                                          /* receiving is stopped at first */
		io_recv_start(p.io, p.b, 3);                            /* rounded up to 64 */
		struct io_event ev = next(p.io, IO_RECV);
		assert_int_equal(ev.res, 5);
		assert_memory_equal(ev.data, "hello", 5);
		assert_string_equal(ev.ud, "b");
		io_shutdown(p.io, p.a);
		assert_int_equal(next(p.io, IO_RECV).res, 0);           /* the end, once */
		assert_false(io_tls_truncated(p.b));
		assert_int_equal(io_push(p.io, p.b, "still", 5), 5);    /* the other direction lives */
		io_recv_start(p.io, p.a, 100);
		assert_int_equal(next(p.io, IO_RECV).res, 5);
		nothing(p.io);
		io_shutdown(p.io, p.b);
		assert_int_equal(next(p.io, IO_RECV).res, 0);
		nothing(p.io);
		close_pair(&p);
	}
}

/* A record larger than what is received at once leaves plaintext without an edge to come. */
static void
small_receives(void **state)
{
	struct pair p;
	good_pair(&p, ends_of(*state));
	char big[3000];
	for (size_t i = 0; i < sizeof(big); i++)
		big[i] = (char)('a' + i % 23);
	assert_int_equal(io_push(p.io, p.a, big, sizeof(big)), sizeof(big));
	io_recv_start(p.io, p.b, 64);
	size_t got = 0;
	for (int n = 0; got < sizeof(big); n++) {
		struct io_event ev = next(p.io, IO_RECV);
		assert_true(ev.res > 0 && ev.res <= 64);
		assert_memory_equal(ev.data, big + got, (size_t)ev.res);
		got += (size_t)ev.res;
		if (n % 3 == 0) {
			io_recv_stop(p.io, p.b);
			if (n == 0)
				nothing(p.io);
			io_recv_start(p.io, p.b, 64);
		}
	}
	nothing(p.io);
	close_pair(&p);
}

static uint8_t
pattern(size_t i)
{
	return (uint8_t)(i * 7 + i / 251);
}

/* One direction of a large transfer: io_push, and io_send for the rest, as a pipe does it. */
struct flow {
	struct io_sock *from, *to;
	const uint8_t *bytes;
	size_t n, taken, sending, got;
	bool ended;
};

static void
flow_push(struct io *io, struct flow *f)
{
	while (f->sending == 0 && f->taken < f->n) {
		size_t want = FL_MIN(f->n - f->taken, (size_t)300001);
		int64_t k = io_push(io, f->from, f->bytes + f->taken, want);
		assert_true(k >= 0);
		f->taken += (size_t)k;
		if ((size_t)k < want) {
			f->sending = want - (size_t)k;
			io_send(io, f->from, f->bytes + f->taken, f->sending);
		}
	}
	if (f->sending == 0 && f->taken == f->n && !f->ended) {
		f->ended = true;
		io_shutdown(io, f->from);
	}
}

static void
large_both_ways(void **state)
{
	static const int buffers[] = { 0, 4096 };
	size_t n = 3 << 20;
	uint8_t *bytes = malloc(n);
	assert_non_null(bytes);
	for (size_t i = 0; i < n; i++)
		bytes[i] = pattern(i);
	for (size_t b = 0; b < FL_ARRAY_LEN(buffers); b++) {
		struct pair p;
		struct ends e = ends_of(*state);
		e.buffer = buffers[b];
		good_pair(&p, e);
		struct flow f[2] = { { .from = p.a, .to = p.b, .bytes = bytes, .n = n }, { .from = p.b, .to = p.a, .bytes = bytes, .n = n } };
		unsigned over = 0;
		io_recv_start(p.io, p.a, IO_SCRATCH_BYTES);
		io_recv_start(p.io, p.b, 5000);
		flow_push(p.io, &f[0]);
		flow_push(p.io, &f[1]);
		while (over < 2) {
			struct io_event ev = any(p.io);
			struct flow *in = &f[ev.sock == p.a], *out = &f[ev.sock == p.b];
			if (ev.kind == IO_SENT) {
				assert_int_equal(ev.res, 0);
				out->taken += out->sending;
				out->sending = 0;
				flow_push(p.io, out);
			} else if (ev.res > 0) {
				assert_true(in->got + (size_t)ev.res <= n);
				assert_memory_equal(ev.data, bytes + in->got, (size_t)ev.res);
				in->got += (size_t)ev.res;
			} else {
				assert_int_equal(ev.res, 0);
				assert_int_equal(in->got, n);
				over++;
			}
		}
		assert_false(io_tls_truncated(p.a) || io_tls_truncated(p.b));
		close_pair(&p);
	}
	free(bytes);
}

/* What io_push() took arrives although the socket is closed at once, and close_notify behind it. */
static void
pushed_bytes_outlive_close(void **state)
{
	struct pair p;
	struct ends e = ends_of(*state);
	e.buffer = 4096;
	good_pair(&p, e);
	size_t n = 8 << 20, taken = 0, got = 0;
	uint8_t *bytes = malloc(n);
	assert_non_null(bytes);
	for (size_t i = 0; i < n; i++)
		bytes[i] = pattern(i);
	for (;;) {
		int64_t k = io_push(p.io, p.a, bytes + taken, n - taken);
		assert_true(k >= 0);
		taken += (size_t)k;
		if (k == 0 || taken == n)
			break;
	}
	assert_true(taken > 0 && taken < n);
	io_close(p.io, p.a, false);
	nothing(p.io);                                          /* nobody reads: IO_CLOSED waits */
	io_recv_start(p.io, p.b, IO_SCRATCH_BYTES);
	bool closed = false, ended = false;
	while (!closed || !ended) {
		struct io_event ev = any(p.io);
		if (ev.kind == IO_CLOSED) {
			assert_string_equal(ev.ud, "a");
			closed = true;
			continue;
		}
		assert_int_equal(ev.kind, IO_RECV);
		assert_true(ev.res >= 0);
		ended = ev.res == 0;
		if (!ended)
			assert_memory_equal(ev.data, bytes + got, (size_t)ev.res);
		got += (size_t)ev.res;
	}
	assert_int_equal(got, taken);
	assert_false(io_tls_truncated(p.b));
	p.a = NULL;
	free(bytes);
	close_pair(&p);
}

/* The same, but the other end goes away instead of reading. */
static void
linger_ends_when_it_breaks(void **state)
{
	struct pair p;
	struct ends e = ends_of(*state);
	e.buffer = 4096;
	good_pair(&p, e);
	static uint8_t bytes[1 << 20];
	while (io_push(p.io, p.a, bytes, sizeof(bytes)) > 0)
		continue;
	io_close(p.io, p.a, false);
	nothing(p.io);
	io_close(p.io, p.b, true);
	assert_int_equal(any(p.io).kind, IO_CLOSED);
	assert_int_equal(any(p.io).kind, IO_CLOSED);
	p.a = p.b = NULL;
	close_pair(&p);
}

static void
send_in_flight_is_cut_by_close(void **state)
{
	struct pair p;
	struct ends e = ends_of(*state);
	e.buffer = 4096;
	good_pair(&p, e);
	uint8_t *bytes = calloc(1, 4 << 20);
	assert_non_null(bytes);
	io_send(p.io, p.a, bytes, 4 << 20);
	nothing(p.io);
	io_close(p.io, p.a, false);
	assert_int_equal(next(p.io, IO_CLOSED).sock == p.a, true);
	free(bytes);
	io_recv_start(p.io, p.b, IO_SCRATCH_BYTES);
	struct io_event ev;
	do
		ev = next(p.io, IO_RECV);
	while (ev.res > 0);
	assert_true(ev.res < 0 || io_tls_truncated(p.b));       /* it cannot be taken for the whole */
	p.a = NULL;
	close_pair(&p);
}

/* ---- ends and errors ---- */

static void
truncation_is_told(void **state)
{
	struct pair p;
	struct rig *r = *state;
	struct ends e = ends_of(r);
	e.client = NULL;
	listen_on(&p, &e);
	/* A client that does the handshake and then closes the socket without a word. */
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(connect(fd, &p.addr.sa, p.addr.len), 0);
	SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
	SSL *ssl = SSL_new(ctx);
	SSL_set_fd(ssl, fd);
	BIO_socket_nbio(fd, 1);
	SSL_set_connect_state(ssl);
	while (p.b_res == 1) {
		struct io_event ev;
		SSL_do_handshake(ssl);
		io_wait(p.io, io_clock(p.io) + FL_MS);
		while (io_next(p.io, &ev)) {
			if (ev.kind == IO_ACCEPT)
				take_accept(&p, &e, &ev);
			else
				p.b_res = ev.res;
		}
	}
	assert_int_equal(p.b_res, 0);
	assert_int_equal(SSL_write(ssl, "part", 4), 4);
	shutdown(fd, SHUT_WR);
	io_recv_start(p.io, p.b, 1000);
	assert_int_equal(next(p.io, IO_RECV).res, 4);
	assert_int_equal(next(p.io, IO_RECV).res, 0);
	assert_true(io_tls_truncated(p.b));
	assert_int_equal(io_push(p.io, p.b, "still", 5), 5);    /* the other direction lives */
	char got[6] = "";
	BIO_socket_nbio(fd, 0);
	assert_int_equal(SSL_read(ssl, got, 5), 5);
	assert_string_equal(got, "still");
	SSL_free(ssl);
	SSL_CTX_free(ctx);
	close(fd);
	close_pair(&p);
}

/* New keys in the middle of a stream, asked for by the other end, again and again, while bytes go both ways. */
static void
key_updates(void **state)
{
	struct pair p;
	struct rig *r = *state;
	struct ends e = ends_of(r);
	e.client = NULL;
	listen_on(&p, &e);
	SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
	SSL *ssl = SSL_new(ctx);
	BIO *in = BIO_new(BIO_s_mem()), *out = BIO_new(BIO_s_mem());
	uint8_t buf[4096];
	BIO_set_mem_eof_return(in, -1);
	SSL_set_bio(ssl, in, out);
	SSL_set_connect_state(ssl);
	assert_int_equal(io_connect(p.io, &p.addr, "a", &p.a), 0);
	unsigned asked = 0, echoed = 0;
	bool connected = false;
	while (echoed < 20) {
		struct io_event ev;
		SSL_do_handshake(ssl);
		if (p.b_res == 0 && !SSL_in_init(ssl) && asked == echoed) {
			assert_int_equal(SSL_key_update(ssl, SSL_KEY_UPDATE_REQUESTED), 1);
			assert_int_equal(SSL_write(ssl, "ping", 4), 4);
			asked++;
		}
		int n = connected ? BIO_read(out, buf, sizeof(buf)) : 0;
		if (n > 0)
			assert_int_equal(io_push(p.io, p.a, buf, (size_t)n), n);
		io_wait(p.io, io_clock(p.io) + FL_MS / 10);
		while (io_next(p.io, &ev)) {
			if (ev.kind == IO_ACCEPT) {
				take_accept(&p, &e, &ev);
			} else if (ev.kind == IO_CONNECT && ev.sock == p.b) {
				assert_int_equal(ev.res, 0);
				p.b_res = 0;
				io_recv_start(p.io, p.b, 1000);
			} else if (ev.kind == IO_CONNECT) {
				connected = true;
				io_recv_start(p.io, p.a, 4096);
			} else if (ev.sock == p.a) {
				assert_true(ev.res > 0);
				BIO_write(in, ev.data, ev.res);
			} else {
				assert_int_equal(ev.res, 4);
				assert_int_equal(io_push(p.io, p.b, "pong", 4), 4);
			}
		}
		if (SSL_read(ssl, buf, sizeof(buf)) == 4)
			echoed++;
	}
	SSL_free(ssl);
	SSL_CTX_free(ctx);
	close_pair(&p);
}

static void
reset_is_told_while_stopped(void **state)
{
	struct pair p;
	good_pair(&p, ends_of(*state));
	io_close(p.io, p.a, true);
	next(p.io, IO_CLOSED);
	p.a = NULL;
	struct io_event ev = next(p.io, IO_RECV);
	assert_int_equal(ev.res, -ECONNRESET);
	assert_string_equal(ev.ud, "b");
	nothing(p.io);
	assert_true(io_push(p.io, p.b, "x", 1) < 0);
	close_pair(&p);
}

/* Bytes that are no TLS, in the middle of a connection: told once, with a reason. */
static void
garbage_after_handshake(void **state)
{
	struct pair p;
	good_pair(&p, ends_of(*state));
	static const char garbage[] = "\x17\3\3\0\x20 this is not what was agreed on..";
	struct io_addr mine, peer;
	io_recv_start(p.io, p.b, 1000);
	/* Through the descriptor of the other end, behind io's back. */
	for (int fd = 3; fd < 64; fd++) {
		struct io_addr a = { .len = sizeof(a.un) };
		if (getsockname(fd, &a.sa, &a.len) == 0 && io_local_addr(p.a, &mine) == 0 && io_peer_addr(p.a, &peer) == 0 &&
		    addr_equal(&a, &mine) && !addr_equal(&a, &p.addr))
			assert_int_equal(write(fd, garbage, sizeof(garbage) - 1), sizeof(garbage) - 1);
	}
	struct io_event ev = next(p.io, IO_RECV);
	assert_int_equal(ev.res, -EPROTO);
	assert_string_not_equal(io_tls_error(p.b), "");
	nothing(p.io);
	assert_true(io_push(p.io, p.b, "x", 1) < 0);
	close_pair(&p);
}

int
main(void)
{
	struct rig r;
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_prestate(relay_and_half_close, &r),
		cmocka_unit_test_prestate(small_receives, &r),
		cmocka_unit_test_prestate(large_both_ways, &r),
		cmocka_unit_test_prestate(pushed_bytes_outlive_close, &r),
		cmocka_unit_test_prestate(linger_ends_when_it_breaks, &r),
		cmocka_unit_test_prestate(send_in_flight_is_cut_by_close, &r),
		cmocka_unit_test_prestate(truncation_is_told, &r),
		cmocka_unit_test_prestate(key_updates, &r),
		cmocka_unit_test_prestate(reset_is_told_while_stopped, &r),
		cmocka_unit_test_prestate(garbage_after_handshake, &r),
	};
	rig_init(&r);
	int failed = cmocka_run_group_tests(tests, NULL, NULL);
	rig_fini(&r);
	return failed;
}
