/* SPDX-License-Identifier: MIT */
/* test_span_receiver.c - spans over HTTP into a store: the answers, what is kept, and what a kill leaves. */
#include "spans_rig.h"

#include "control/span_receiver.h"
#include "io/dir.h"
#include "proto/http1.h"
#include "store/past.h"
#include "store/past_read.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <zlib.h>

struct fixture {
	char dir[64], store[96];
	struct span_receiver *rx;
};

static struct fixture
fixture_new(void)
{
	struct fixture f = { .dir = "/tmp/test-span-receiver-XXXXXX" };

	assert_non_null(mkdtemp(f.dir));
	snprintf(f.store, sizeof(f.store), "%s/map.db", f.dir);
	return f;
}

static void
start(struct fixture *f)
{
	char error[SPAN_RECEIVER_ERROR];
	struct span_receiver_opts o = { .store = f->store, .memory_bytes = SPANS_MEMORY_MIN };
	int rc = span_receiver_start(&o, error, &f->rx);

	if (rc != 0)
		fail_msg("%s", error);
}

static void
fixture_free(struct fixture *f)
{
	span_receiver_stop(f->rx);
	assert_int_equal(dir_remove(f->dir), 0);
}

/* ---- a client ---- */

struct answer {
	unsigned status;
	char type[64], retry[16];
	char body[4096];
	size_t body_bytes;
};

static struct answer
ask(int port, const char *method, const char *target, const char *headers, const void *body, size_t n)
{
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	struct answer a = { .status = 0 };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	char head[512], piece[4096];
	struct http1 h;
	ssize_t got;

	assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof(to)), 0);
	int m = snprintf(head, sizeof(head), "%s %s HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: %zu\r\n%s\r\n", method, target, n,
	    headers);

	assert_int_equal(send(fd, head, (size_t)m, MSG_NOSIGNAL), m);
	for (size_t sent = 0; sent < n;) {
		got = send(fd, (const char *)body + sent, n - sent, MSG_NOSIGNAL);
		if (got <= 0)
			break;          /* it was refused before it was whole */
		sent += (size_t)got;
	}
	http1_init(&h, HTTP1_RESPONSE, sizeof(a.body) - 1);
	while (h.state != HTTP1_DONE && h.state != HTTP1_BAD && (got = recv(fd, piece, sizeof(piece), 0)) > 0)
		http1_feed(&h, piece, (size_t)got);
	close(fd);
	assert_int_equal(h.state, HTTP1_DONE);
	a.status = h.status;
	snprintf(a.type, sizeof(a.type), "%s", rig_text(http1_field(&h, "Content-Type")));
	snprintf(a.retry, sizeof(a.retry), "%s", rig_text(http1_field(&h, "Retry-After")));
	a.body_bytes = buf_len(&h.body);
	memcpy(a.body, buf_data(&h.body), a.body_bytes);
	http1_fini(&h);
	return a;
}

#define JSON_TYPE "Content-Type: application/json\r\n"
#define PB_TYPE "Content-Type: application/x-protobuf\r\n"

static struct answer
post(const struct fixture *f, const char *headers, const void *body, size_t n)
{
	return ask(span_receiver_otlp_port(f->rx), "POST", "/v1/traces", headers, body, n);
}

static struct answer
post_zipkin(const struct fixture *f, const char *headers, const char *body)
{
	return ask(span_receiver_zipkin_port(f->rx), "POST", "/api/v2/spans", headers, body, strlen(body));
}

/* ---- batches ---- */

/* One span of a service: n tells traces apart. */
static void
span_json(char *text, size_t bytes, const char *service, unsigned n, unsigned id, unsigned parent, int kind, const char *host)
{
	snprintf(text, bytes, "{\"resourceSpans\":[{\"resource\":{\"attributes\":[{\"key\":\"service.name\",\"value\":{\"stringValue\":\"%s\"}}]},"
	    "\"scopeSpans\":[{\"spans\":[{\"traceId\":\"%032x\",\"spanId\":\"%016x\",\"parentSpanId\":\"%016x\",\"kind\":%d,\"name\":\"x\","
	    "\"startTimeUnixNano\":\"1795212777000000000\",\"endTimeUnixNano\":\"1795212777000000100\",\"attributes\":["
	    "{\"key\":\"server.address\",\"value\":{\"stringValue\":\"%s\"}},{\"key\":\"server.port\",\"value\":{\"intValue\":80}}]}]}]}]}",
	    service, n, id, parent, kind, host);
}

static void
send_span(const struct fixture *f, const char *service, unsigned n, unsigned id, unsigned parent, int kind)
{
	char text[2048];

	span_json(text, sizeof(text), service, n, id, parent, kind, "b.svc");
	assert_int_equal(post(f, JSON_TYPE, text, strlen(text)).status, 200);
}

/* What the store has, into a rig's lines. */
static struct rig *
read_store(const struct fixture *f)
{
	struct past_opts o = { .path = f->store, .read_only = true };
	struct past_view v = { .from = 0 };
	struct rig *r = rig_new(FL_NEVER, SPANS_MEMORY_MIN, 1);
	char error[256];
	struct past *p;

	assert_int_equal(past_open(&o, error, &p), 0);
	assert_int_equal(past_read(p, &v, rig_take, r), 0);
	past_close(p);
	return r;
}

/* ---- the answers ---- */

static void
answers_of_otlp(void **state)
{
	struct fixture f = fixture_new();
	char text[2048];
	struct answer a;

	(void)state;
	start(&f);
	span_json(text, sizeof(text), "a", 1, 1, 0, 3, "b.svc");
	a = post(&f, JSON_TYPE, text, strlen(text));
	assert_int_equal(a.status, 200);
	assert_string_equal(a.type, "application/json");
	assert_string_equal(a.body, "{}");
	a = post(&f, "content-type: Application/JSON; charset=utf-8\r\n", text, strlen(text));        /* again: it counts once */
	assert_int_equal(a.status, 200);

	/* Nothing at all is a request of protobuf. */
	a = post(&f, PB_TYPE, "", 0);
	assert_int_equal(a.status, 200);
	assert_string_equal(a.type, "application/x-protobuf");
	assert_int_equal(a.body_bytes, 0);

	/* Part of it is taken. */
	span_json(text, sizeof(text), "a", 1, 2, 0, 3, "b.svc");
	memcpy(strstr(text, "\"spanId\":\"") + 10, "0000000000000000", 16);
	a = post(&f, JSON_TYPE, text, strlen(text));
	assert_int_equal(a.status, 200);
	assert_non_null(strstr(a.body, "{\"partialSuccess\":{\"rejectedSpans\":\"1\",\"errorMessage\":\""));

	a = post(&f, JSON_TYPE, "{\"resourceSpans\":[", 18);
	assert_int_equal(a.status, 400);
	assert_string_equal(a.type, "application/json");
	assert_string_equal(a.body, "{\"code\":3,\"message\":\"byte 18: expected an object\"}");
	a = post(&f, PB_TYPE, "\x0a\x05x", 3);
	assert_int_equal(a.status, 400);
	assert_string_equal(a.type, "application/x-protobuf");
	assert_memory_equal(a.body, "\x08\x03\x12", 3);
	assert_string_equal(a.retry, "");

	assert_int_equal(post(&f, "", text, strlen(text)).status, 415);
	assert_int_equal(post(&f, "Content-Type: text/plain\r\n", text, strlen(text)).status, 415);
	assert_int_equal(post(&f, JSON_TYPE "Content-Encoding: br\r\n", text, strlen(text)).status, 415);
	assert_int_equal(post(&f, JSON_TYPE "Content-Encoding: gzip\r\n", text, strlen(text) - 1).status, 400);
	a = ask(span_receiver_otlp_port(f.rx), "GET", "/v1/traces", "", "", 0);
	assert_int_equal(a.status, 405);
	assert_int_equal(ask(span_receiver_otlp_port(f.rx), "POST", "/v1/metrics", JSON_TYPE, "{}", 2).status, 404);
	fixture_free(&f);
}

static void
packed_and_large(void **state)
{
	struct fixture f = fixture_new();
	const size_t n = 80u << 20;
	char *text = calloc(1, n), *packed = malloc(1 << 20);
	uLong m;
	z_stream z = { .zalloc = NULL };

	(void)state;
	assert_true(text != NULL && packed != NULL);
	start(&f);
	/* 80 MB of spaces in 80 KB: more than may be unpacked. */
	memset(text, ' ', n);
	for (int k = 0; k < 2; k++) {
		assert_int_equal(deflateInit2(&z, 1, Z_DEFLATED, 31, 9, Z_DEFAULT_STRATEGY), Z_OK);
		if (k == 1)
			span_json(text, 2048, "a", 1, 1, 0, 3, "b.svc");
		z.next_in = (Bytef *)text;
		z.avail_in = (uInt)(k == 0 ? n : strlen(text));
		z.next_out = (Bytef *)packed;
		z.avail_out = 1 << 20;
		assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
		m = (1 << 20) - z.avail_out;
		deflateEnd(&z);
		assert_int_equal(post(&f, JSON_TYPE "Content-Encoding: gzip\r\n", packed, m).status, k == 0 ? 413 : 200);
	}
	/* A body of a gigabyte is refused by its length alone. */
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons((uint16_t)span_receiver_otlp_port(f.rx)),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	static const char head[] = "POST /v1/traces HTTP/1.1\r\nHost: x\r\n" PB_TYPE "Content-Length: 1073741824\r\n\r\n";

	assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof(to)), 0);
	assert_int_equal(send(fd, head, sizeof(head) - 1, MSG_NOSIGNAL), sizeof(head) - 1);
	assert_true(recv(fd, packed, 64, MSG_WAITALL) == 64);
	assert_memory_equal(packed, "HTTP/1.1 413", 12);
	close(fd);
	free(text);
	free(packed);
	fixture_free(&f);
}

static void
answers_of_zipkin(void **state)
{
	static const char text[] = "[{\"traceId\":\"1\",\"id\":\"1\",\"kind\":\"CLIENT\",\"timestamp\":1795213015560000,"
	    "\"localEndpoint\":{\"serviceName\":\"a\"}},"
	    "{\"traceId\":\"1\",\"id\":\"1\",\"kind\":\"SERVER\",\"shared\":true,\"tags\":{\"error\":\"500\"},\"timestamp\":1795213015560000,"
	    "\"localEndpoint\":{\"serviceName\":\"b\"}}]";
	struct fixture f = fixture_new();
	struct answer a;
	int port;

	(void)state;
	start(&f);
	port = span_receiver_zipkin_port(f.rx);
	a = post_zipkin(&f, JSON_TYPE, text);
	assert_int_equal(a.status, 202);
	assert_int_equal(a.body_bytes, 0);
	assert_int_equal(post_zipkin(&f, "", text).status, 202);
	assert_int_equal(post_zipkin(&f, JSON_TYPE, "[{]").status, 400);
	assert_int_equal(post_zipkin(&f, "Content-Type: application/x-protobuf\r\n", text).status, 415);
	a = ask(port, "GET", "/api/v2/dependencies?endTs=1795213020000&lookback=60000", "", "", 0);
	assert_int_equal(a.status, 200);
	assert_string_equal(a.body, "[{\"parent\":\"a\",\"child\":\"b\",\"callCount\":1,\"errorCount\":1}]");
	a = ask(port, "GET", "/api/v2/dependencies?endTs=1795212020000&lookback=60000", "", "", 0);
	assert_string_equal(a.body, "[]");
	assert_int_equal(ask(port, "GET", "/api/v2/dependencies", "", "", 0).status, 400);
	assert_int_equal(ask(port, "GET", "/health", "", "", 0).status, 200);
	assert_int_equal(ask(port, "GET", "/api/v2/traces", "", "", 0).status, 404);
	fixture_free(&f);
}

/* ---- what is kept ---- */

static void
what_is_acknowledged_is_in_the_store(void **state)
{
	struct fixture f = fixture_new();
	struct rig *r;

	(void)state;
	start(&f);
	send_span(&f, "a", 1, 1, 0, SPAN_CLIENT);
	send_span(&f, "b", 1, 2, 1, SPAN_SERVER);
	r = read_store(&f);             /* the receiver is still running */
	RIG_EXPECT(r, "a > b ?");
	rig_free(r);
	span_receiver_stop(f.rx);
	f.rx = NULL;
	r = read_store(&f);
	RIG_EXPECT(r, "a > b ?");
	assert_int_equal(rig_find(r, "a > b ?")->count, 1);
	rig_free(r);
	fixture_free(&f);
}

/* A receiver in a process of its own; its ports come through a pipe. */
static pid_t
start_child(const struct fixture *f, int *ret_port)
{
	int fds[2];
	pid_t child;

	assert_int_equal(pipe(fds), 0);
	fflush(NULL);
	child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		struct fixture mine = *f;
		int port;

		start(&mine);
		port = span_receiver_otlp_port(mine.rx);
		if (write(fds[1], &port, sizeof(port)) != sizeof(port))
			_exit(1);
		for (;;)
			pause();
	}
	close(fds[1]);
	assert_int_equal(read(fds[0], ret_port, sizeof(*ret_port)), sizeof(*ret_port));
	close(fds[0]);
	return child;
}

static void
child_put(int port, const char *service, unsigned n, unsigned id, unsigned parent, int kind)
{
	char text[2048];

	span_json(text, sizeof(text), service, n, id, parent, kind, "b.svc");
	assert_int_equal(ask(port, "POST", "/v1/traces", JSON_TYPE, text, strlen(text)).status, 200);
}

/* Killed again and again between the two sides of calls: none is lost, none counts twice. */
static void
killed_between_two_sides(void **state)
{
	struct fixture f = fixture_new();
	struct rig *r;
	int port, status;

	(void)state;
	for (unsigned round = 0; round < 5; round++) {
		pid_t child = start_child(&f, &port);

		/* the server's side of the round before, then pairs, then a client's side alone */
		if (round > 0)
			child_put(port, "b", round, 2, 1, SPAN_SERVER);
		child_put(port, "a", 100 + round, 1, 0, SPAN_CLIENT);
		child_put(port, "b", 100 + round, 2, 1, SPAN_SERVER);
		child_put(port, "a", round + 1, 1, 0, SPAN_CLIENT);
		assert_int_equal(kill(child, SIGKILL), 0);
		assert_int_equal(waitpid(child, &status, 0), child);
		r = read_store(&f);
		RIG_EXPECT(r, "a > b ?");
		assert_int_equal(rig_find(r, "a > b ?")->count, 2 * round + 1);
		rig_free(r);
	}
	start(&f);
	send_span(&f, "b", 5, 2, 1, SPAN_SERVER);
	span_receiver_stop(f.rx);
	f.rx = NULL;
	r = read_store(&f);
	RIG_EXPECT(r, "a > b ?");
	assert_int_equal(rig_find(r, "a > b ?")->count, 10);
	rig_free(r);
	/* After an orderly end nothing is left to take up. */
	start(&f);
	assert_int_equal(span_receiver_count(f.rx).spans.held, 0);
	fixture_free(&f);
}

/* A disk that takes no more: the sender is told to come again, and when there is room everything is there once. */
static void
a_full_disk(void **state)
{
	struct fixture f = fixture_new();
	struct rlimit was, little;
	char text[2048];
	struct answer a;
	struct rig *r;

	(void)state;
	signal(SIGXFSZ, SIG_IGN);
	start(&f);
	send_span(&f, "a", 1, 1, 0, SPAN_CLIENT);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &was), 0);
	little = (struct rlimit){ .rlim_cur = 100, .rlim_max = was.rlim_max };
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &little), 0);
	span_json(text, sizeof(text), "b", 1, 2, 1, 2, "b.svc");
	for (int k = 0; k < 3; k++) {
		a = post(&f, JSON_TYPE, text, strlen(text));
		assert_int_equal(a.status, 503);
		assert_string_equal(a.retry, "5");
		assert_non_null(strstr(a.body, "\"code\":14"));
	}
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &was), 0);
	assert_int_equal(post(&f, JSON_TYPE, text, strlen(text)).status, 200);
	assert_int_equal(post(&f, JSON_TYPE, text, strlen(text)).status, 200);
	span_receiver_stop(f.rx);
	f.rx = NULL;
	r = read_store(&f);
	RIG_EXPECT(r, "a > b ?");
	assert_int_equal(rig_find(r, "a > b ?")->count, 1);
	rig_free(r);
	fixture_free(&f);
}

static void
one_receiver_for_a_store(void **state)
{
	struct fixture f = fixture_new();
	struct span_receiver_opts o = { .store = f.store, .memory_bytes = SPANS_MEMORY_MIN };
	char error[SPAN_RECEIVER_ERROR];
	struct span_receiver *second;

	(void)state;
	start(&f);
	assert_int_equal(span_receiver_start(&o, error, &second), -EBUSY);
	assert_non_null(strstr(error, "another process takes spans for this store"));
	o.otlp_port = span_receiver_otlp_port(f.rx);
	assert_int_equal(span_receiver_start(&o, error, &second), -EADDRINUSE);
	o.host = "not an address";
	assert_int_equal(span_receiver_start(&o, error, &second), -EINVAL);
	fixture_free(&f);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(answers_of_otlp),
		cmocka_unit_test(packed_and_large),
		cmocka_unit_test(answers_of_zipkin),
		cmocka_unit_test(what_is_acknowledged_is_in_the_store),
		cmocka_unit_test(killed_between_two_sides),
		cmocka_unit_test(a_full_disk),
		cmocka_unit_test(one_receiver_for_a_store),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
