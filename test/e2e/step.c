/* SPDX-License-Identifier: MIT */
/* step.c - see step.h. A table of steps; each runs on the connection p->fd. */
#include "step.h"
#include "fail.h"
#include "sock.h"
#include "vars.h"
#include <ctype.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define PIECE 65536

typedef void step_fn(struct peer *p, const struct command *c);

/* Bytes as they can be printed. */
static const char *
show(const uint8_t *b, size_t n)
{
	static _Thread_local char text[400];
	size_t at = 0;

	for (size_t i = 0; i < n && at + 8 < sizeof(text); i++)
		at += (size_t)snprintf(text + at, sizeof(text) - at, isprint(b[i]) ? "%c" : "\\x%02x", b[i]);
	text[at] = '\0';
	return text;
}

/* Up to n bytes; 0 at the end, -errno on error. */
static ssize_t
take(const struct peer *p, uint8_t *to, size_t n)
{
	ssize_t r;

	do
		r = recv(p->fd, to, n, 0);
	while (r < 0 && errno == EINTR);
	return r < 0 ? -errno : r;
}

/* n bytes, or the test fails. */
static void
take_all(const struct peer *p, uint8_t *to, size_t n, uint64_t before)
{
	for (size_t have = 0; have < n;) {
		ssize_t r = take(p, to + have, n - have);

		if (r <= 0)
			fail_test("%s after %llu bytes; %zu more were expected", r == 0 ? "the end came" : strerror((int)-r),
			    (unsigned long long)before + have, n - have);
		have += (size_t)r;
	}
}

/* false: not all was taken because of an error, which `any` allows. */
static bool
give(const struct peer *p, const uint8_t *from, size_t n, bool any)
{
	while (n > 0) {
		ssize_t r = send(p->fd, from, n, MSG_NOSIGNAL);

		if (r < 0 && errno == EINTR)
			continue;
		if (r < 0 && any)
			return false;
		if (r < 0)
			fail_test("send: %s", strerror(errno));
		from += r;
		n -= (size_t)r;
	}
	return true;
}

static void
step_accept(struct peer *p, const struct command *c)
{
	(void)c;
	if (p->listener < 0)
		fail_test("only a server accepts");
	if (p->fd >= 0)
		close(p->fd);
	do
		p->fd = accept(p->listener, NULL, NULL);
	while (p->fd < 0 && errno == EINTR);
	if (p->fd < 0)
		fail_test("accept: %s", strerror(errno));
}

static void
step_send(struct peer *p, const struct command *c)
{
	const char *text = words_need(c, 1, "text");

	give(p, (const uint8_t *)text, strlen(text), words_is(c, 2, "-any"));
}

static void
step_sendbytes(struct peer *p, const struct command *c)
{
	uint64_t n = (uint64_t)words_number(c, 1, "count"), seed = (uint64_t)words_number(c, 2, "seed");
	uint8_t piece[PIECE];

	for (uint64_t off = 0; off < n;) {
		size_t m = n - off < PIECE ? (size_t)(n - off) : PIECE;

		sock_pattern(piece, off, m, seed);
		if (!give(p, piece, m, words_is(c, 3, "-any")))
			return;
		off += m;
	}
}

static void
step_recv(struct peer *p, const struct command *c)
{
	uint64_t n = (uint64_t)words_number(c, 1, "count");
	uint8_t piece[PIECE];

	for (uint64_t off = 0; off < n;) {
		size_t m = n - off < PIECE ? (size_t)(n - off) : PIECE;

		take_all(p, piece, m, off);
		off += m;
	}
}

static void
step_expect(struct peer *p, const struct command *c)
{
	const char *text = words_need(c, 1, "text");
	size_t n = strlen(text);
	uint8_t *got = malloc(n + 1);

	if (got == NULL)
		fail_test("no memory");
	take_all(p, got, n, 0);
	if (memcmp(got, text, n) != 0)
		fail_test("expected \"%s\", got \"%s\"", text, show(got, n));
	free(got);
}

/* n bytes against the pattern. returns how many differ; ret_first: offset of the first that does. */
static uint64_t
compare(const struct peer *p, uint64_t n, uint64_t seed, uint64_t *ret_first)
{
	uint8_t got[PIECE], want[PIECE];
	uint64_t differ = 0;

	for (uint64_t off = 0; off < n;) {
		size_t m = n - off < PIECE ? (size_t)(n - off) : PIECE;

		take_all(p, got, m, off);
		sock_pattern(want, off, m, seed);
		for (size_t i = 0; i < m; i++)
			if (got[i] != want[i] && differ++ == 0)
				*ret_first = off + i;
		off += m;
	}
	return differ;
}

static void
step_recvbytes(struct peer *p, const struct command *c)
{
	uint64_t n = (uint64_t)words_number(c, 1, "count"), first = 0;
	uint64_t differ = compare(p, n, (uint64_t)words_number(c, 2, "seed"), &first);

	if (differ > 0)
		fail_test("%llu of %llu bytes are wrong, the first at offset %llu", (unsigned long long)differ, (unsigned long long)n,
		    (unsigned long long)first);
}

static void
step_diffbytes(struct peer *p, const struct command *c)
{
	uint64_t n = (uint64_t)words_number(c, 1, "count"), first;

	vars_set_number(words_need(c, 3, "variable"), (long long)compare(p, n, (uint64_t)words_number(c, 2, "seed"), &first));
}

static void
step_hashbytes(struct peer *p, const struct command *c)
{
	uint64_t n = (uint64_t)words_number(c, 1, "count"), hash = UINT64_C(0xcbf29ce484222325);
	uint8_t piece[PIECE];

	for (uint64_t off = 0; off < n;) {
		size_t m = n - off < PIECE ? (size_t)(n - off) : PIECE;

		take_all(p, piece, m, off);
		for (size_t i = 0; i < m; i++)
			hash = (hash ^ piece[i]) * UINT64_C(0x100000001b3);
		off += m;
	}
	vars_set_number(words_need(c, 2, "variable"), (long long)(hash >> 1));
}

/* Read to the end. returns bytes; *ret_error: 0 or the errno of a broken connection. */
static uint64_t
read_out(const struct peer *p, int *ret_error)
{
	uint8_t piece[PIECE];
	uint64_t sum = 0;
	ssize_t r;

	while ((r = take(p, piece, sizeof(piece))) > 0)
		sum += (uint64_t)r;
	*ret_error = (int)-r;
	return sum;
}

static void
step_drain(struct peer *p, const struct command *c)
{
	const char *name = words_need(c, 1, "variable");
	char end[64];
	int error;
	uint64_t sum = read_out(p, &error);

	if (error != 0 && error != ECONNRESET)
		fail_test("recv: %s", strerror(error));
	snprintf(end, sizeof(end), "%s_end", name);
	vars_set(end, error == 0 ? "eof" : "rst");
	vars_set_number(name, (long long)sum);
}

static void
step_expect_eof(struct peer *p, const struct command *c)
{
	uint8_t piece[256];
	ssize_t r = take(p, piece, sizeof(piece));

	(void)c;
	if (r > 0)
		fail_test("expected the end, got \"%s\"", show(piece, (size_t)r));
	if (r < 0)
		fail_test("expected the end, got %s", strerror((int)-r));
}

static void
step_expect_rst(struct peer *p, const struct command *c)
{
	uint8_t piece[256];
	ssize_t r = take(p, piece, sizeof(piece));

	(void)c;
	if (r != -ECONNRESET)
		fail_test("expected a reset, got %s", r > 0 ? show(piece, (size_t)r) : r == 0 ? "the end" : strerror((int)-r));
}

static void
step_expect_end(struct peer *p, const struct command *c)
{
	int error;

	(void)c;
	read_out(p, &error);
	if (error != 0 && error != ECONNRESET)
		fail_test("recv: %s", strerror(error));
}

static void
step_echo(struct peer *p, const struct command *c)
{
	uint8_t piece[PIECE];
	ssize_t r;

	(void)c;
	while ((r = take(p, piece, sizeof(piece))) > 0)
		if (!give(p, piece, (size_t)r, true))
			return;
}

static void
step_shutdown(struct peer *p, const struct command *c)
{
	(void)c;
	if (shutdown(p->fd, SHUT_WR) != 0)
		fail_test("shutdown: %s", strerror(errno));
}

static void
step_close(struct peer *p, const struct command *c)
{
	(void)c;
	close(p->fd);
	p->fd = -1;
}

static void
step_rst(struct peer *p, const struct command *c)
{
	struct linger l = { .l_onoff = 1 };

	setsockopt(p->fd, SOL_SOCKET, SO_LINGER, &l, sizeof(l));
	step_close(p, c);
}

static void
step_noread(struct peer *p, const struct command *c)
{
	int bytes = 256 * 1024;         /* more than a segment of loopback, or its sender would wait for a timer each time */

	(void)c;
	setsockopt(p->fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof(bytes));
}

static void
step_mark(struct peer *p, const struct command *c)
{
	(void)p;
	vars_mark(words_need(c, 1, "name"));
}

static void
step_elapsed(struct peer *p, const struct command *c)
{
	(void)p;
	vars_set_elapsed(words_need(c, 1, "variable"), vars_since_mark(words_need(c, 2, "mark")));
}

static void
step_sync(struct peer *p, const struct command *c)
{
	(void)p;
	vars_sync(words_need(c, 1, "name"));
}

static void
step_expect_var(struct peer *p, const struct command *c)
{
	(void)p;
	vars_expect(c);
}

static const struct step {
	const char *name;
	step_fn *run;
	bool needs_connection;
} steps[] = {
	{ "accept", step_accept, false },
	{ "send", step_send, true },
	{ "sendbytes", step_sendbytes, true },
	{ "recv", step_recv, true },
	{ "expect", step_expect, true },
	{ "recvbytes", step_recvbytes, true },
	{ "diffbytes", step_diffbytes, true },
	{ "hashbytes", step_hashbytes, true },
	{ "drain", step_drain, true },
	{ "expect_eof", step_expect_eof, true },
	{ "expect_rst", step_expect_rst, true },
	{ "expect_end", step_expect_end, true },
	{ "echo", step_echo, true },
	{ "shutdown", step_shutdown, true },
	{ "close", step_close, true },
	{ "rst", step_rst, true },
	{ "noread", step_noread, true },
	{ "mark", step_mark, false },
	{ "elapsed", step_elapsed, false },
	{ "sync", step_sync, false },
	{ "expect_var", step_expect_var, false },
};

static void
step_one(struct peer *p, struct command *c)
{
	vars_expand_words(c);
	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		if (strcmp(steps[i].name, c->word[0].text) != 0)
			continue;
		if (steps[i].needs_connection && p->fd < 0)
			fail_test("%s: there is no connection", steps[i].name);
		steps[i].run(p, c);
		return;
	}
	fail_test("unknown step %s", c->word[0].text);
}

void
step_run(struct peer *p, const char *text, int line)
{
	struct words w = { .at = text, .line = line };
	struct command c;

	while (words_next(&w, &c)) {
		fail_at(p->name, c.line);
		step_one(p, &c);
	}
}
