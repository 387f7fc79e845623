/* SPDX-License-Identifier: MIT */
/* test_answer.c - the server with a set capacity: who waits, who is refused, what is done for nobody, and that its counts balance. */
#include "unit.h"

#include "io/client.h"
#include "io/clock.h"
#include "io/thread.h"
#include "run/answer.h"
#include <poll.h>

#define HELD (3000 * FL_SEC)    /* work that does not end while a test runs */

struct server {
	struct answer *answer;
	struct io_addr at;
	pthread_t thread;
};

static void *
run_thread(void *ud)
{
	answer_run(ud);
	return NULL;
}

static void
start(struct server *s, const struct answer_conf *conf)
{
	struct answer_opts o = { .name = "t", .conf = *conf };

	assert_int_equal(addr_parse("127.0.0.1:0", &o.listen), 0);
	assert_int_equal(answer_new(&o, &s->at, &s->answer), 0);
	assert_int_equal(thread_start(&s->thread, "answer", run_thread, s->answer), 0);
}

static void
stop(struct server *s)
{
	struct answer_counts n;

	answer_stop(s->answer);
	thread_join(s->thread);
	answer_counts(s->answer, &n);
	assert_int_equal(n.requests, n.worked + n.failed + n.rejected + n.cancelled + n.queued + n.busy);
	answer_free(s->answer);
}

static int
dial(const struct server *s)
{
	struct client_wait w = { .deadline = FL_NEVER, .stop_fd = -1 };
	int fd;

	assert_int_equal(client_connect(&s->at, NULL, &w, &fd), 0);
	return fd;
}

static void
say(int fd, const char *text)
{
	struct client_wait w = { .deadline = FL_NEVER, .stop_fd = -1 };

	assert_int_equal(client_send(fd, text, strlen(text), &w, NULL), 0);
}

/* What comes until the text ends with `tail`; in a static buffer. */
static char *
hear(int fd, const char *tail)
{
	static char text[65536];
	struct client_wait w = { .deadline = clock_mono() + 60 * FL_SEC, .stop_fd = -1 };
	size_t n = 0, end = strlen(tail);

	do {
		int64_t k = client_recv(fd, text + n, sizeof(text) - 1 - n, &w);
		if (k <= 0)
			fail_msg("%lld after \"%.*s\"", (long long)k, (int)n, text);
		n += (size_t)k;
		text[n] = '\0';
	} while (n < end || strcmp(text + n - end, tail) != 0);
	return text;
}

/* One of its own pages. */
static char *
page(const struct server *s, const char *request)
{
	int fd = dial(s);
	char *text;

	say(fd, request);
	text = hear(fd, "\n");
	close(fd);
	return text;
}

static void
await_stat(const struct server *s, const char *stat)
{
	while (strstr(page(s, "GET /stats HTTP/1.1\r\nHost: t\r\n\r\n"), stat) == NULL)
		(void)poll(NULL, 0, 1);
}

static void
check_has(const char *text, const char *part)
{
	if (strstr(text, part) == NULL)
		fail_msg("no \"%s\" in \"%s\"", part, text);
}

static void
test_pages_and_settings(void **state)
{
	struct answer_conf conf = answer_conf_default;
	struct server s;

	(void)state;
	start(&s, &conf);
	check_has(page(&s, "GET /health HTTP/1.1\r\nHost: t\r\n\r\n"), "200 OK");
	check_has(page(&s, "POST /control?healthy=false&work=1ms&capacity=3 HTTP/1.1\r\nHost: t\r\nContent-Length: 0\r\n\r\n"), "\"capacity\":3");
	check_has(page(&s, "GET /health HTTP/1.1\r\nHost: t\r\n\r\n"), "503 Service");
	check_has(page(&s, "POST /control?work=1ms&capasity=4 HTTP/1.1\r\nHost: t\r\nContent-Length: 0\r\n\r\n"), "did you mean \"capacity\"?");
	check_has(page(&s, "POST /control?pause=61s HTTP/1.1\r\nHost: t\r\nContent-Length: 0\r\n\r\n"), "400 Bad");
	check_has(page(&s, "POST /control?fail_rate=50%25&body=1KB HTTP/1.1\r\nHost: t\r\nContent-Length: 0\r\n\r\n"), "\"capacity\":3");
	check_has(page(&s, "GET /control HTTP/1.1\r\nHost: t\r\n\r\n"), " 405 ");
	check_has(page(&s, "GET /stats HTTP/1.1\r\nHost: t\r\n\r\n"), "\"requests\":0,");
	stop(&s);
}

static void
test_bodies_heads_and_pipelines(void **state)
{
	struct answer_conf conf = answer_conf_default;
	struct server s;
	int fd;

	(void)state;
	conf.work = 0;
	conf.body = 20000;
	start(&s, &conf);
	fd = dial(&s);
	say(fd, "HEAD / HTTP/1.1\r\nHost: t\r\n\r\n");
	check_has(hear(fd, "\r\n\r\n"), "Content-Length: 20000");
	say(fd, "POST /a HTTP/1.1\r\nHost: t\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n");
	check_has(hear(fd, "\r\n\r\n"), "100 Continue");
	/* The rest of the first, a second, and a third that says it is the last. */
	say(fd, "abcGET /b HTTP/1.1\r\nHost: t\r\n\r\nHEAD /c HTTP/1.1\r\nHost: t\r\nConnection: close\r\n\r\n");
	check_has(hear(fd, "Connection: close\r\n\r\n"), "xHTTP/1.1 200 OK");
	close(fd);
	await_stat(&s, "\"worked\":4,");
	fd = dial(&s);
	say(fd, "GET / HTTP/1.1\r\nHost: t\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n");
	check_has(hear(fd, "more than one Content-Length"), "HTTP/1.1 400");
	close(fd);
	await_stat(&s, "\"bad\":1,");
	stop(&s);
}

static void
test_capacity_queue_and_refusal(void **state)
{
	struct answer_conf conf = answer_conf_default;
	struct server s;
	int fds[4];

	(void)state;
	conf.work = HELD;
	conf.capacity = 1;
	conf.queue = 2;
	start(&s, &conf);
	for (int i = 0; i < 4; i++)
		fds[i] = dial(&s);
	for (int i = 0; i < 3; i++) {
		char stat[64];
		say(fds[i], "GET / HTTP/1.1\r\nHost: t\r\n\r\n");
		snprintf(stat, sizeof(stat), "\"requests\":%d,", i + 1);
		await_stat(&s, stat);
	}
	check_has(page(&s, "GET /stats HTTP/1.1\r\nHost: t\r\n\r\n"), "\"queued\":2,\"busy\":1,");
	say(fds[3], "GET / HTTP/1.1\r\nHost: t\r\n\r\n");
	check_has(hear(fds[3], "\r\n\r\n"), "503 Service Unavailable");
	/* More room: the others begin. */
	check_has(page(&s, "POST /control?capacity=2 HTTP/1.1\r\nHost: t\r\nContent-Length: 0\r\n\r\n"), "200 OK");
	check_has(page(&s, "GET /stats HTTP/1.1\r\nHost: t\r\n\r\n"), "\"queued\":1,\"busy\":2,");
	for (int i = 0; i < 4; i++)
		close(fds[i]);
	stop(&s);
}

static void
test_work_for_those_who_left(void **state)
{
	struct answer_conf conf = answer_conf_default;
	struct server s;
	int fd;

	(void)state;
	conf.work = 0;
	conf.capacity = 1;
	start(&s, &conf);
	/* While it is paused a request is taken, and its client leaves. */
	check_has(page(&s, "POST /control?pause=50ms HTTP/1.1\r\nHost: t\r\nContent-Length: 0\r\n\r\n"), "200 OK");
	fd = dial(&s);
	say(fd, "GET / HTTP/1.1\r\nHost: t\r\n\r\n");
	await_stat(&s, "\"requests\":1,");
	close(fd);
	await_stat(&s, "\"abandoned\":1,");
	await_stat(&s, "\"worked\":1,");
	/* And one that takes note. */
	check_has(page(&s, "POST /control?notice_cancel=true&work=1h HTTP/1.1\r\nHost: t\r\nContent-Length: 0\r\n\r\n"), "200 OK");
	fd = dial(&s);
	say(fd, "GET / HTTP/1.1\r\nHost: t\r\n\r\n");
	await_stat(&s, "\"busy\":1,");
	close(fd);
	await_stat(&s, "\"cancelled\":1,");
	await_stat(&s, "\"busy\":0,");
	stop(&s);
}

static void
test_fails_as_often_as_told(void **state)
{
	struct answer_conf conf = answer_conf_default;
	struct answer_counts n;
	struct server s;
	int fd;

	(void)state;
	conf.work = 0;
	conf.body = 1;
	conf.fail_rate = 0.3;
	conf.fail_status = 502;
	start(&s, &conf);
	fd = dial(&s);
	for (int i = 0; i < 200; i++) {
		say(fd, "GET / HTTP/1.1\r\nHost: t\r\n\r\n");
		(void)hear(fd, "x");
	}
	close(fd);
	answer_stop(s.answer);
	thread_join(s.thread);
	answer_counts(s.answer, &n);
	assert_int_equal(n.requests, 200);
	assert_in_range(n.failed, 40, 80);      /* the seed decides: always the same */
	answer_free(s.answer);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_pages_and_settings),
		cmocka_unit_test(test_bodies_heads_and_pipelines),
		cmocka_unit_test(test_capacity_queue_and_refusal),
		cmocka_unit_test(test_work_for_those_who_left),
		cmocka_unit_test(test_fails_as_often_as_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
