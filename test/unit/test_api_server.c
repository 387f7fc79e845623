/* SPDX-License-Identifier: MIT */
/* test_api_server.c - the HTTP server against sockets of the test's, turned by hand: order, bounds, overdue clients, parking. */
#include "control/api_server.h"
#include "unit.h"

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <sys/socket.h>

#define CONNS 4

static struct io *io;
static struct api_server *server;
static struct io_addr bound;
static bool parked;             /* the handler puts requests for /wait off */
static unsigned asked;

/* Answers with the path, "/big" with much, "/wait" when it may. */
static int
handler(void *ud, const struct api_request *q, struct api_reply *r)
{
	(void)ud;
	asked++;
	if (strcmp(q->path->segments[0], "wait") == 0 && parked)
		return -EINPROGRESS;
	r->status = 200;
	r->content_type = "text/plain";
	if (strcmp(q->path->segments[0], "big") == 0) {
		char block[65536];

		memset(block, 'x', sizeof(block));
		for (int i = 0; i < 300; i++)
			buf_append(&r->body, block, sizeof(block));
	} else {
		buf_printf(&r->body, "<%s %zu>", q->path->segments[0], buf_len(&q->http->body));
	}
	return 0;
}

static int
start(void **state)
{
	struct io_opts io_opts = { .socks_max = 256 };
	struct api_server_opts opts = { .conns_max = CONNS, .handler = handler };
	struct io_addr any;
	int token;

	(void)state;
	parked = false;
	asked = 0;
	assert_int_equal(io_new(&io_opts, &io), 0);
	opts.io = io;
	assert_int_equal(api_server_new(&opts, &server), 0);
	assert_int_equal(addr_parse("127.0.0.1:0", &any), 0);
	assert_int_equal(io_bind(&any, &token, &bound), 0);
	assert_int_equal(api_server_listen(server, token), 0);
	return 0;
}

static int
stop(void **state)
{
	(void)state;
	api_server_free(server);
	io_free(io);
	return 0;
}

/* One turn of the loop: what is there now, without waiting long. */
static void
turn(void)
{
	struct io_event ev;

	io_wait(io, io_clock(io) + FL_MS);
	while (io_next(io, &ev))
		api_server_event(server, &ev);
}

static int
dial(void)
{
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	assert_int_equal(connect(fd, &bound.sa, bound.len), 0);
	return fd;
}

static void
say(int fd, const char *text)
{
	assert_int_equal(send(fd, text, strlen(text), MSG_NOSIGNAL), strlen(text));
}

/* Turn the server until `count` times `word` came, or the end; what came stands in text. false: the end came first. */
static bool
hear(int fd, char *text, size_t text_bytes, const char *word, unsigned count)
{
	size_t n = 0;

	text[0] = '\0';
	for (;;) {
		unsigned found = 0;
		ssize_t got;

		for (const char *p = strstr(text, word); p != NULL; p = strstr(p + 1, word))
			found++;
		if (found >= count)
			return true;
		turn();
		got = recv(fd, text + n, text_bytes - n - 1, MSG_DONTWAIT);
		if (got == 0 || (got < 0 && errno != EAGAIN))
			return false;
		n += got > 0 ? (size_t)got : 0;
		text[n] = '\0';
	}
}

/* Turn until the server has closed. */
static bool
closes(int fd)
{
	char c[4096];

	for (;;) {
		ssize_t got = recv(fd, c, sizeof(c), MSG_DONTWAIT);

		if (got == 0 || (got < 0 && errno != EAGAIN))
			return true;
		turn();
	}
}

static void
test_keep_alive_and_pipelining(void **state)
{
	char text[8192];
	int fd = dial();

	(void)state;
	say(fd, "GET /one HTTP/1.1\r\nHost: x\r\n\r\nPOST /two HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabcGET /thr");
	assert_true(hear(fd, text, sizeof(text), "HTTP/1.1 200 OK", 2));
	assert_true(strstr(text, "<one 0>") < strstr(text, "<two 3>"));
	say(fd, "ee HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
	assert_true(hear(fd, text, sizeof(text), "<three 0>", 1));
	assert_non_null(strstr(text, "Connection: close\r\n"));
	assert_true(closes(fd));
	close(fd);
}

static void
test_bad_request_closes(void **state)
{
	char text[8192];
	int fd = dial();

	(void)state;
	say(fd, "nonsense\r\n\r\n");
	assert_true(hear(fd, text, sizeof(text), "\r\n\r\n", 1));
	assert_memory_equal(text, "HTTP/1.1 400 Bad Request\r\n", 26);
	assert_true(closes(fd));
	close(fd);
	assert_int_equal(asked, 0);
}

/* A client that reads nothing: its answer waits, nothing more of it is read, others are served; then it is closed. */
static void
test_slow_reader(void **state)
{
	char text[8192];
	int slow = dial(), other = dial();

	(void)state;
	say(slow, "GET /big HTTP/1.1\r\nHost: x\r\n\r\nGET /after HTTP/1.1\r\nHost: x\r\n\r\n");
	while (!api_server_busy(server))
		turn();
	say(other, "GET /other HTTP/1.1\r\nHost: x\r\n\r\n");
	assert_true(hear(other, text, sizeof(text), "<other 0>", 1));
	assert_int_equal(asked, 2);
	api_server_tick(server, io_clock(io) + API_SERVER_WRITE + FL_SEC);
	assert_false(api_server_busy(server));
	assert_true(closes(slow));
	close(slow);
	close(other);
}

/* The same client reads in the end: the second answer follows the first. */
static void
test_slow_reader_reads_on(void **state)
{
	static char text[300 * 65536 + 65536];
	int fd = dial();

	(void)state;
	say(fd, "GET /big HTTP/1.1\r\nHost: x\r\n\r\nGET /after HTTP/1.1\r\nHost: x\r\n\r\n");
	while (!api_server_busy(server))
		turn();
	assert_int_equal(asked, 1);
	assert_true(hear(fd, text, sizeof(text), "<after 0>", 1));
	close(fd);
}

static void
test_overdue(void **state)
{
	char text[8192];
	int idle = dial(), stuck = dial();

	(void)state;
	say(idle, "GET /idle HTTP/1.1\r\nHost: x\r\n\r\n");
	assert_true(hear(idle, text, sizeof(text), "<idle 0>", 1));
	say(stuck, "GET /stuck HT");
	for (int i = 0; i < 20; i++)
		turn();
	assert_true(api_server_next(server) <= io_clock(io) + API_SERVER_READ);
	api_server_tick(server, io_clock(io) + API_SERVER_READ + FL_SEC);
	assert_true(closes(stuck));
	say(idle, "GET /again HTTP/1.1\r\nHost: x\r\n\r\n");
	assert_true(hear(idle, text, sizeof(text), "<again 0>", 1));
	api_server_tick(server, io_clock(io) + API_SERVER_IDLE + FL_SEC);
	assert_true(closes(idle));
	assert_true(api_server_next(server) == FL_NEVER);
	close(idle);
	close(stuck);
}

static void
test_parking(void **state)
{
	char text[8192];
	int fd = dial(), other = dial();

	(void)state;
	parked = true;
	say(fd, "GET /wait HTTP/1.1\r\nHost: x\r\n\r\nGET /behind HTTP/1.1\r\nHost: x\r\n\r\n");
	while (asked == 0)
		turn();
	say(other, "GET /other HTTP/1.1\r\nHost: x\r\n\r\n");
	assert_true(hear(other, text, sizeof(text), "<other 0>", 1));
	api_server_retry(server);
	assert_int_equal(asked, 3);
	parked = false;
	api_server_retry(server);
	assert_true(hear(fd, text, sizeof(text), "<behind 0>", 1));
	assert_true(strstr(text, "<wait 0>") < strstr(text, "<behind 0>"));
	assert_int_equal(asked, 5);
	api_server_retry(server);
	assert_int_equal(asked, 5);
	close(fd);
	close(other);
}

static void
test_client_goes_while_parked(void **state)
{
	int fd = dial();

	(void)state;
	parked = true;
	say(fd, "GET /wait HTTP/1.1\r\nHost: x\r\n\r\n");
	while (asked == 0)
		turn();
	close(fd);
	for (int i = 0; i < 20; i++)
		turn();
	parked = false;
	api_server_retry(server);
	for (int i = 0; i < 20; i++)
		turn();
}

static void
test_full(void **state)
{
	char text[8192];
	int fds[CONNS + 3];

	(void)state;
	for (int i = 0; i < CONNS; i++) {
		fds[i] = dial();
		say(fds[i], "GET /x HTTP/1.1\r\nHost: x\r\n\r\n");
		assert_true(hear(fds[i], text, sizeof(text), "<x 0>", 1));
	}
	say(fds[0], "GET /y HTTP/1.1\r\nHost: x\r\n\r\n");        /* the first is now the one used last */
	assert_true(hear(fds[0], text, sizeof(text), "<y 0>", 1));
	for (int i = CONNS; i < CONNS + 3; i++) {
		fds[i] = dial();
		say(fds[i], "GET /new HTTP/1.1\r\nHost: x\r\n\r\n");
		assert_true(hear(fds[i], text, sizeof(text), "<new 0>", 1));
	}
	assert_true(closes(fds[1]) && closes(fds[2]) && closes(fds[3]));
	say(fds[0], "GET /still HTTP/1.1\r\nHost: x\r\n\r\n");
	assert_true(hear(fds[0], text, sizeof(text), "<still 0>", 1));
	for (int i = 0; i < CONNS + 3; i++)
		close(fds[i]);
}

static void
test_half_closed_client_gets_its_answer(void **state)
{
	char text[8192];
	int fd = dial();

	(void)state;
	say(fd, "GET /half HTTP/1.0\r\n\r\n");
	shutdown(fd, SHUT_WR);
	assert_true(hear(fd, text, sizeof(text), "<half 0>", 1));
	assert_true(closes(fd));
	close(fd);
}

static void
test_continue(void **state)
{
	char text[8192];
	int fd = dial();

	(void)state;
	say(fd, "POST /c HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\n");
	assert_true(hear(fd, text, sizeof(text), "HTTP/1.1 100 Continue\r\n\r\n", 1));
	say(fd, "body");
	assert_true(hear(fd, text, sizeof(text), "<c 4>", 1));
	assert_null(strstr(text, "100 Continue"));
	close(fd);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_keep_alive_and_pipelining, start, stop),
		cmocka_unit_test_setup_teardown(test_bad_request_closes, start, stop),
		cmocka_unit_test_setup_teardown(test_slow_reader, start, stop),
		cmocka_unit_test_setup_teardown(test_slow_reader_reads_on, start, stop),
		cmocka_unit_test_setup_teardown(test_overdue, start, stop),
		cmocka_unit_test_setup_teardown(test_parking, start, stop),
		cmocka_unit_test_setup_teardown(test_client_goes_while_parked, start, stop),
		cmocka_unit_test_setup_teardown(test_full, start, stop),
		cmocka_unit_test_setup_teardown(test_half_closed_client_gets_its_answer, start, stop),
		cmocka_unit_test_setup_teardown(test_continue, start, stop),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
