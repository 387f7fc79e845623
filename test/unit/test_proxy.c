/* SPDX-License-Identifier: MIT */
/* test_proxy.c - the data plane with its threads, on loopback: what lines promise, seen from real sockets. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "io/io.h"
#include "io/thread.h"
#include "proxy/proxy.h"

/* A proxy with one line to a listening socket of the test's. */
struct bed {
	struct proxy *proxy;
	struct line *line;
	struct line_conf *conf;
	int server;
	struct io_addr at;              /* where the line listens */
};

static struct fault_set *
faults(const struct fault_spec *specs, uint32_t n)
{
	struct fault_set *set = spec_set_new(specs, n);
	assert_non_null(set);
	return set;
}

static int
listen_somewhere(struct io_addr *ret_addr)
{
	struct io_addr any;
	int fd;
	assert_int_equal(addr_parse("127.0.0.1:0", &any), 0);
	assert_int_equal(io_bind(&any, &fd, ret_addr), 0);
	return fd;
}

static void
bed_start(struct bed *b, unsigned workers, bool half_close, uint32_t conns_max, enum line_key key, struct fault_set *set)
{
	struct proxy_opts opts = { .workers = workers, .conns_max = 200, .events_max = 4096 };
	struct io_addr server;
	char text[ADDR_TEXT_MAX];
	assert_int_equal(proxy_new(&opts, &b->proxy), 0);
	b->server = listen_somewhere(&server);
	b->conf = line_conf_new("test");
	b->conf->half_close = half_close;
	b->conf->conns_max = conns_max;
	b->conf->key = key;
	b->conf->faults = set;
	assert_int_equal(line_conf_upstream(b->conf, addr_format(&server, text, sizeof(text))), 0);
	int token = listen_somewhere(&b->at);
	assert_int_equal(proxy_line_open(b->proxy, b->conf, token, &b->line), 0);
}

static void
bed_stop(struct bed *b)
{
	proxy_free(b->proxy);
	line_conf_unref(b->conf);
	close(b->server);
}

static int
dial_from(const struct bed *b, const char *source)
{
	struct io_addr from;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_true(fd >= 0);
	assert_int_equal(addr_parse(source, &from), 0);
	assert_int_equal(bind(fd, &from.sa, from.len), 0);
	assert_int_equal(connect(fd, &b->at.sa, b->at.len), 0);
	return fd;
}

static int
dial(const struct bed *b)
{
	return dial_from(b, "127.0.0.1:0");
}

static int
take(const struct bed *b)
{
	struct pollfd p = { .fd = b->server, .events = POLLIN };
	assert_int_equal(poll(&p, 1, 20000), 1);
	int fd = accept4(b->server, NULL, NULL, SOCK_CLOEXEC);
	assert_true(fd >= 0);
	return fd;
}

static void
say(int fd, const char *s)
{
	assert_int_equal(send(fd, s, strlen(s), MSG_NOSIGNAL), strlen(s));
}

static void
hear(int fd, const char *s)
{
	char got[64];
	size_t n = strlen(s), at = 0;
	while (at < n) {
		ssize_t r = recv(fd, got + at, n - at, 0);
		assert_true(r > 0);
		at += (size_t)r;
	}
	assert_memory_equal(got, s, n);
}

static void
hear_end(int fd)
{
	char c;
	assert_int_equal(recv(fd, &c, 1, 0), 0);
}

static void
hear_reset(int fd)
{
	char c;
	assert_int_equal(recv(fd, &c, 1, 0), -1);
	assert_int_equal(errno, ECONNRESET);
}

static void
close_with_reset(int fd)
{
	io_discard(fd, true);
}

static void
half_close_is_passed_on(void **state)
{
	(void)state;
	struct bed b;
	bed_start(&b, 2, true, 0, LINE_KEY_ORDINAL, faults(NULL, 0));
	int c = dial(&b), s = take(&b);
	say(c, "question");
	hear(s, "question");
	shutdown(c, SHUT_WR);
	hear_end(s);
	say(s, "answer");
	hear(c, "answer");
	close(s);
	hear_end(c);
	close(c);
	bed_stop(&b);
}

static void
toxiproxys_way_closes_both(void **state)
{
	(void)state;
	struct bed b;
	bed_start(&b, 1, false, 0, LINE_KEY_ORDINAL, faults(NULL, 0));
	int c = dial(&b), s = take(&b);
	say(c, "x");
	hear(s, "x");
	shutdown(c, SHUT_WR);
	hear_end(s);
	hear_end(c);
	close(c);
	close(s);
	bed_stop(&b);
}

static void
resets_are_passed_on(void **state)
{
	(void)state;
	struct bed b;
	bed_start(&b, 2, true, 0, LINE_KEY_ORDINAL, faults(NULL, 0));
	for (int client = 0; client < 2; client++) {
		int c = dial(&b), s = take(&b);
		say(c, "x");
		hear(s, "x");
		close_with_reset(client ? c : s);
		hear_reset(client ? s : c);
		close(client ? s : c);
	}
	bed_stop(&b);
}

static void
refused_upstream_and_full_line(void **state)
{
	(void)state;
	struct bed b;
	bed_start(&b, 2, true, 1, LINE_KEY_ORDINAL, faults(NULL, 0));
	int c = dial(&b), s = take(&b);
	int extra = dial(&b);
	hear_reset(extra);                              /* one connection is allowed */
	close(extra);
	close(s);
	hear_end(c);
	close(c);
	close(b.server);
	struct line_counters n;
	do
		proxy_line_counters(b.line, &n);
	while (n.closed[LINE_CLOSE_FINISHED] == 0);     /* the slot is free again when the first has gone */
	c = dial(&b);
	hear_end(c);                                    /* nobody listens upstream any more */
	close(c);
	do
		proxy_line_counters(b.line, &n);
	while (n.closed[LINE_CLOSE_CONNECT_FAILED] == 0);
	assert_int_equal(n.closed[LINE_CLOSE_FULL], 1);
	assert_int_equal(n.accepted, 3);
	b.server = dup(0);
	bed_stop(&b);
}

static void
faults_reach_live_connections(void **state)
{
	(void)state;
	struct bed b;
	bed_start(&b, 2, true, 0, LINE_KEY_ORDINAL, faults(NULL, 0));
	int c = dial(&b), s = take(&b);
	say(c, "before");
	hear(s, "before");
	struct fault_spec f;
	spec_init(&f, FAULT_LIMIT_DATA);
	f.id = 7;
	f.dir = FL_C2S;
	f.values[LIMIT_DATA_BYTES].i = 3;
	snprintf(f.name, sizeof(f.name), "limit");
	f.key = spec_key(1, "test", "limit");
	struct line_conf *conf = line_conf_new("test");
	memcpy(&conf->upstream, &b.conf->upstream, sizeof(conf->upstream));
	conf->faults = faults(&f, 1);
	assert_int_equal(proxy_line_set(b.proxy, b.line, conf), 0);
	struct proxy_conn report;
	assert_int_equal(proxy_line_conns(b.proxy, b.line, &report, 1), 1);
	assert_int_equal(report.ordinal, 1);
	assert_int_equal(report.received_bytes[FL_C2S], 6);
	assert_int_equal(report.fault_count, 1);
	assert_int_equal(report.faults[0].fault_id, 7);
	say(c, "after");
	hear(s, "aft");
	hear_end(s);
	hear_end(c);
	close(c);
	close(s);
	line_conf_unref(conf);
	bed_stop(&b);
}

static void
cut_close_and_reopen(void **state)
{
	(void)state;
	struct bed b;
	bed_start(&b, 2, true, 0, LINE_KEY_ORDINAL, faults(NULL, 0));
	int c[4], s[4];
	for (int i = 0; i < 4; i++) {
		c[i] = dial(&b);
		s[i] = take(&b);
	}
	assert_int_equal(proxy_line_cut(b.proxy, b.line, true), 4);
	for (int i = 0; i < 4; i++) {
		hear_reset(c[i]);
		hear_reset(s[i]);
		close(c[i]);
		close(s[i]);
	}
	c[0] = dial(&b);
	s[0] = take(&b);
	proxy_line_close(b.proxy, b.line);
	hear_end(c[0]);
	hear_end(s[0]);
	close(c[0]);
	close(s[0]);
	int token;
	assert_int_equal(io_bind(&b.at, &token, NULL), 0);      /* the port is free as soon as the call returns */
	assert_int_equal(proxy_line_open(b.proxy, b.conf, token, &b.line), 0);
	c[0] = dial(&b);
	s[0] = take(&b);
	say(c[0], "again");
	hear(s[0], "again");
	assert_int_equal(proxy_drain(b.proxy, FL_MS), 1);
	close(c[0]);
	close(s[0]);
	assert_int_equal(proxy_drain(b.proxy, 20 * FL_SEC), 0);
	bed_stop(&b);
}

/* Which of 40 connections a fault of share 0.5 hits, by connection key, as the events say. */
static void
who_is_hit(unsigned workers, enum line_key key, bool hit[40])
{
	struct fault_spec f;
	spec_init(&f, FAULT_NOOP);
	f.id = 1;
	f.toxicity = 0.5f;
	snprintf(f.name, sizeof(f.name), "half");
	f.key = spec_key(99, "test", "half");
	struct bed b;
	bed_start(&b, workers, true, 0, key, faults(&f, 1));
	int c[40], s[40];
	for (int i = 0; i < 40; i++) {
		char from[32];
		snprintf(from, sizeof(from), "127.0.2.%d:0", key == LINE_KEY_CLIENT ? (i * 7) % 40 + 1 : 1);
		c[i] = dial_from(&b, from);
	}
	for (int i = 0; i < 40; i++)
		s[i] = take(&b);
	struct proxy_conn conns[40];
	int relaying = 0;
	while (relaying < 40) {
		assert_int_equal(proxy_line_conns(b.proxy, b.line, conns, 40), 40);
		relaying = 0;
		for (int i = 0; i < 40; i++)
			relaying += strcmp(conns[i].state, "relaying") == 0;
	}
	for (int i = 0; i < 40; i++) {
		int at = i;
		if (key == LINE_KEY_CLIENT) {
			uint8_t ip[16];
			assert_true(addr_ip16(&conns[i].client, ip));
			at = ip[15] - 1;
		}
		hit[at] = conns[i].fault_count == 1;
	}
	for (int i = 0; i < 40; i++) {
		close(c[i]);
		close(s[i]);
	}
	bed_stop(&b);
}

static void
workers_do_not_change_decisions(void **state)
{
	(void)state;
	bool one[40], two[40], three[40];
	for (int key = 0; key < 2; key++) {
		who_is_hit(1, (enum line_key)key, one);
		who_is_hit(2, (enum line_key)key, two);
		who_is_hit(3, (enum line_key)key, three);
		assert_memory_equal(one, two, sizeof(one));
		assert_memory_equal(one, three, sizeof(one));
		int n = 0;
		for (int i = 0; i < 40; i++)
			n += one[i];
		assert_in_range(n, 5, 35);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(half_close_is_passed_on),
		cmocka_unit_test(toxiproxys_way_closes_both),
		cmocka_unit_test(resets_are_passed_on),
		cmocka_unit_test(refused_upstream_and_full_line),
		cmocka_unit_test(faults_reach_live_connections),
		cmocka_unit_test(cut_close_and_reopen),
		cmocka_unit_test(workers_do_not_change_decisions),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
