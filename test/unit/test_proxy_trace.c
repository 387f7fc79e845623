/* SPDX-License-Identifier: MIT */
/*
 * test_proxy_trace.c - what the data plane hears of the messages of a traced line, with its threads, on loopback: each message once as it
 * came and once as it left, whatever the pieces, the receiver's pace and the faults.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "io/io.h"
#include "proxy/proxy.h"
#include "proxy/trace_conf.h"
#include "proxy/trace_ring.h"

#define MARKS_MAX 60000u

struct bed {
	struct proxy *proxy;
	struct line *line;
	struct trace_conf *trace;
	int server;
	struct io_addr at, to;
	struct trace_mark *marks;
	size_t count;
	uint64_t lost;
};

static int
listen_somewhere(struct io_addr *ret_addr)
{
	struct io_addr any;
	int fd;

	assert_int_equal(addr_parse("127.0.0.1:0", &any), 0);
	assert_int_equal(io_bind(&any, &fd, ret_addr), 0);
	return fd;
}

static struct line_conf *
conf_of(struct bed *b, const struct fault_spec *specs, uint32_t n, bool traced)
{
	struct line_conf *c = line_conf_new("orders");
	char text[ADDR_TEXT_MAX];

	assert_non_null(c);
	assert_int_equal(line_conf_faults(c, specs, n), 0);
	assert_int_equal(line_conf_upstream(c, addr_format(&b->to, text, sizeof(text))), 0);
	c->trace = traced ? trace_conf_ref(b->trace) : NULL;
	return c;
}

static void
start(struct bed *b, enum trace_framing framing, const struct fault_spec *specs, uint32_t n, bool traced, uint32_t marks_max)
{
	struct proxy_opts opts = { .workers = 2, .conns_max = 100, .traces_max = marks_max };
	struct line_conf *c;

	*b = (struct bed){ .marks = calloc(MARKS_MAX, sizeof(*b->marks)) };
	assert_non_null(b->marks);
	assert_int_equal(proxy_new(&opts, &b->proxy), 0);
	b->server = listen_somewhere(&b->to);
	b->trace = trace_conf_new();
	assert_non_null(b->trace);
	b->trace->frame[0] = b->trace->frame[1] = (struct trace_frame_conf){ .framing = (uint8_t)framing, .id = { .kind = TRACE_ID_WORD,
	    .word = 1 } };
	c = conf_of(b, specs, n, traced);
	assert_int_equal(proxy_line_open(b->proxy, c, listen_somewhere(&b->at), &b->line), 0);
	line_conf_unref(c);
}

static void
stop(struct bed *b)
{
	proxy_free(b->proxy);
	trace_conf_unref(b->trace);
	free(b->marks);
	close(b->server);
}

static int
dial(const struct bed *b)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	assert_int_equal(connect(fd, &b->at.sa, b->at.len), 0);
	return fd;
}

static int
take(const struct bed *b)
{
	struct pollfd p = { .fd = b->server, .events = POLLIN };
	int fd;

	assert_int_equal(poll(&p, 1, 20000), 1);
	fd = accept4(b->server, NULL, NULL, SOCK_CLOEXEC);
	assert_true(fd >= 0);
	return fd;
}

static void
say(int fd, const void *p, size_t n)
{
	const char *at = p;

	while (n > 0) {
		ssize_t k = send(fd, at, n, MSG_NOSIGNAL);

		assert_true(k > 0);
		at += k;
		n -= (size_t)k;
	}
}

/* To the end of the stream. returns bytes. */
static size_t
hear_all(int fd)
{
	char got[4096];
	size_t n = 0;
	ssize_t k;

	while ((k = recv(fd, got, sizeof(got), 0)) > 0)
		n += (size_t)k;
	assert_int_equal(k, 0);
	return n;
}

/* Take marks until as many are there of each side of a direction. */
static void
await(struct bed *b, unsigned dir, bool out, size_t many)
{
	for (unsigned turn = 0; turn < 20000; turn++) {
		uint64_t lost;
		size_t have = 0;

		b->count += proxy_traces(b->proxy, b->marks + b->count, MARKS_MAX - b->count, &lost);
		b->lost += lost;
		for (size_t i = 0; i < b->count; i++)
			have += b->marks[i].dir == dir && b->marks[i].out == out;
		if (have >= many)
			return;
		poll(NULL, 0, 1);
	}
	fail_msg("the messages did not come");
}

static const struct trace_mark *
mark(const struct bed *b, unsigned dir, bool out, uint64_t number)
{
	for (size_t i = 0; i < b->count; i++)
		if (b->marks[i].dir == dir && b->marks[i].out == out && b->marks[i].number == number)
			return &b->marks[i];
	return NULL;
}

static void
test_both_ways(void **state)
{
	struct bed b;
	int c, s;

	(void)state;
	start(&b, TRACE_FRAME_LINES, NULL, 0, true, 1024);
	c = dial(&b);
	s = take(&b);
	say(c, "one 1\ntwo", 9);
	say(s, "yes\n", 4);
	await(&b, FL_C2S, true, 1);
	await(&b, FL_S2C, true, 1);
	say(c, " 2\nhalf", 7);
	await(&b, FL_C2S, true, 2);
	assert_int_equal(recv(c, (char[4]){ 0 }, 4, MSG_WAITALL), 4);
	close(c);
	assert_int_equal(hear_all(s), 16);
	close(s);
	await(&b, FL_C2S, true, 3);
	assert_string_equal(mark(&b, FL_C2S, false, 1)->id, "one");
	assert_string_equal(mark(&b, FL_C2S, true, 2)->id, "two");
	assert_int_equal(mark(&b, FL_C2S, true, 2)->offset, 6);
	assert_int_equal(mark(&b, FL_C2S, false, 2)->bytes, 5);
	assert_true(mark(&b, FL_C2S, false, 2)->hash == mark(&b, FL_C2S, true, 2)->hash);
	assert_true(mark(&b, FL_C2S, false, 3)->cut && mark(&b, FL_C2S, true, 3)->cut);
	assert_string_equal(mark(&b, FL_S2C, false, 1)->id, "yes");
	assert_string_equal(mark(&b, FL_S2C, false, 1)->line, "orders");
	assert_true(mark(&b, FL_S2C, false, 1)->conn == 1 && b.lost == 0);
	stop(&b);
}

struct sending {
	int fd;
	unsigned messages;
};

static void *
send_many(void *ud)
{
	const struct sending *s = ud;
	char text[64];

	for (unsigned i = 1; i <= s->messages; i++)
		say(s->fd, text, (size_t)snprintf(text, sizeof(text), "%u some content of a message\n", i));
	shutdown(s->fd, SHUT_WR);
	return NULL;
}

/* A receiver that does not keep up, faults that cut the stream into pieces: all of it is heard on both sides, in order, and the same. */
static void
test_slow_and_sliced(void **state)
{
	struct fault_spec f;
	struct bed b;
	struct sending sending = { .messages = 20000 };
	pthread_t thread;
	int s;

	(void)state;
	spec_init(&f, FAULT_SLICER);
	f.id = 1;
	f.dir = FL_C2S;
	f.values[SLICER_AVERAGE_SIZE].i = 700;
	snprintf(f.name, sizeof(f.name), "slice");
	start(&b, TRACE_FRAME_LINES, &f, 1, true, MARKS_MAX);
	sending.fd = dial(&b);
	s = take(&b);
	assert_int_equal(pthread_create(&thread, NULL, send_many, &sending), 0);
	await(&b, FL_C2S, false, 50);
	hear_all(s);
	assert_int_equal(pthread_join(thread, NULL), 0);
	await(&b, FL_C2S, true, sending.messages);
	assert_int_equal(b.lost, 0);
	uint64_t in = 0, out = 0;

	for (size_t i = 0; i < b.count; i++)
		assert_int_equal(b.marks[i].number, b.marks[i].out ? ++out : ++in);
	assert_true(in == sending.messages && out == sending.messages);
	for (size_t i = 0, k = 0; i < b.count; i++) {
		if (!b.marks[i].out)
			continue;
		while (b.marks[k].out)
			k++;
		assert_true(b.marks[i].hash == b.marks[k].hash && b.marks[i].offset == b.marks[k].offset);
		assert_string_equal(b.marks[i].id, b.marks[k].id);
		k++;
	}
	close(sending.fd);
	close(s);
	stop(&b);
}

/* A fault that takes messages away: they came in, and did not go out. */
static void
test_dropped(void **state)
{
	struct fault_spec f;
	struct bed b;
	unsigned out = 0, missing = 0;
	int c, s;

	(void)state;
	spec_init(&f, FAULT_DROP_CHUNK);
	f.id = 1;
	f.dir = FL_C2S;
	f.key = spec_key(1, "orders", "hole");
	f.values[DROP_RATE].f = 0.3;
	f.values[DROP_SIZE].i = 16;
	snprintf(f.name, sizeof(f.name), "hole");
	start(&b, TRACE_FRAME_U32, &f, 1, true, 4096);
	c = dial(&b);
	s = take(&b);
	for (unsigned i = 1; i <= 200; i++) {
		char frame[17];

		snprintf(frame, sizeof(frame), "%c%c%c%c%04u 3456789", 0, 0, 0, 12, i);
		memcpy(frame, "\0\0\0\14", 4);
		say(c, frame, 16);
	}
	shutdown(c, SHUT_WR);
	const size_t arrived = hear_all(s) / 16;

	assert_true(arrived > 50 && arrived < 190);
	await(&b, FL_C2S, true, arrived);
	for (unsigned i = 1; i <= 200; i++) {
		const struct trace_mark *m = mark(&b, FL_C2S, false, i), *k = mark(&b, FL_C2S, true, out + 1);

		assert_non_null(m);
		if (k != NULL && k->hash == m->hash)
			out++;
		else
			missing++;
	}
	assert_true(out == arrived && missing == 200 - arrived);
	close(c);
	close(s);
	stop(&b);
}

/* Off means off; switched on while it runs, connections that come after are heard; a ring that is full counts. */
static void
test_switching(void **state)
{
	struct line_conf *on;
	struct bed b;
	uint64_t lost = 0, all = 0;
	int c[2], s[2];

	(void)state;
	start(&b, TRACE_FRAME_LINES, NULL, 0, false, 64);
	c[0] = dial(&b);
	s[0] = take(&b);
	say(c[0], "a\n", 2);
	assert_int_equal(recv(s[0], (char[2]){ 0 }, 2, MSG_WAITALL), 2);
	on = conf_of(&b, NULL, 0, true);
	assert_int_equal(proxy_line_set(b.proxy, b.line, on), 0);
	line_conf_unref(on);
	say(c[0], "b\n", 2);
	assert_int_equal(recv(s[0], (char[2]){ 0 }, 2, MSG_WAITALL), 2);
	c[1] = dial(&b);
	s[1] = take(&b);
	for (unsigned i = 0; i < 500; i++)
		say(c[1], "c\n", 2);
	shutdown(c[1], SHUT_WR);
	assert_int_equal(hear_all(s[1]), 1000);
	while (all + lost < 1000) {
		uint64_t more;

		all += proxy_traces(b.proxy, b.marks, MARKS_MAX, &more);
		for (size_t i = 0; i < FL_MIN(all, 64u); i++)
			assert_true(b.marks[i].conn == 0 || b.marks[i].conn == 2);
		lost += more;
	}
	assert_true(all >= 64 && lost > 0 && all + lost == 1000);
	for (unsigned i = 0; i < 2; i++) {
		close(c[i]);
		close(s[i]);
	}
	stop(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_both_ways), cmocka_unit_test(test_slow_and_sliced), cmocka_unit_test(test_dropped),
		    cmocka_unit_test(test_switching),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
