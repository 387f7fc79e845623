/* SPDX-License-Identifier: MIT */
/* test_http_shape.c - faults on an HTTP line, seen from real sockets: on messages, on the stream, on connections; on either side. */
#include "http_rig.h"

#include "conf/fault_doc.h"

#define SPECS_MAX 8

/* Faults as a user writes them, one a string. */
struct faults {
	struct fault_spec specs[SPECS_MAX];
	uint32_t count;
};

static void
add_fault(struct faults *f, const char *text)
{
	struct fault_spec *s = &f->specs[f->count];
	struct doc *doc = NULL;
	struct doc_diag d;
	doc_diag_init(&d, "fault");
	if (yaml_parse(text, strlen(text), &d, &doc) != 0 || fault_doc_read(doc->root, NULL, &d, s) != 0)
		fail_msg("%s", buf_str(&d.text));
	doc_free(doc);
	doc_diag_fini(&d);
	s->id = ++f->count;
	s->version = 1;
	snprintf(s->name, sizeof(s->name), "f%u", f->count);
	s->key = spec_key(1, "test", s->name);
}

/* A bed whose line has these faults (a NULL ends them). */
static void
begin(struct rig_bed *b, struct faults *f, const char *text, const char *const *faults)
{
	*f = (struct faults){ .count = 0 };
	for (; *faults != NULL; faults++)
		add_fault(f, *faults);
	*b = (struct rig_bed){ .specs = f->specs, .spec_count = f->count };
	rig_start(b, &(struct proxy_opts){ .workers = 1, .records_max = 1024 }, text);
}

#define BEGIN(b, f, text, ...) begin(b, f, text, (const char *const[]){ __VA_ARGS__, NULL })

static void
test_abort(void **state)
{
	struct rig_bed b;
	struct faults f;
	(void)state;
	BEGIN(&b, &f, "upstream: $0\n", "{type: http_abort, scope: {path: /no}, attributes: {status: 418, body: 'no', retry_after: 3s}}",
	    "{type: http_abort, scope: {path: /after}, attributes: {status: 500, when: after}}");
	int c = rig_dial(&b);
	rig_say(c, RIG_GET("/no"));
	rig_expect_field(c, 418, "retry-after", "3");
	assert_true(rig_idle(&b, 0));                   /* nobody was asked */
	rig_say(c, "POST /no HTTP/1.1\r\nhost: x\r\ncontent-length: 3\r\n\r\nabc");
	rig_expect(c, 418, "no");
	rig_say(c, RIG_GET("/after"));
	int s = rig_take(&b, 0);
	rig_serve(s, "GET /after ", RIG_OK(2, "ok"));   /* its work is done, and lost */
	rig_expect(c, 500, "");
	rig_say(c, RIG_GET("/yes"));
	rig_serve(s, "GET /yes ", RIG_OK(2, "ok"));
	rig_expect(c, 200, "ok");
	struct http_record r = rig_record(&b);
	assert_int_equal(r.status, 418);
	assert_int_equal(r.fault, 1);
	close(c);
	close(s);
	rig_end(&b);
}

/* On the server's side the line's policies see it, and mend it. */
static void
test_abort_upstream(void **state)
{
	struct rig_bed b;
	struct faults f;
	(void)state;
	BEGIN(&b, &f, "upstream: $0\npolicies: {retry: {attempts: 2, on: [503], backoff: {base: 1ms, max: 2ms}}}\n",
	    "{type: http_abort, stream: upstream, scope: {first: 1}, attributes: {status: 503}}");
	int c = rig_dial(&b);
	/* The draw is of the request: both attempts are the line's first request. */
	rig_say(c, RIG_GET("/1"));
	rig_expect(c, 503, "");
	assert_true(rig_idle(&b, 0));
	rig_say(c, RIG_GET("/2"));
	int s = rig_take(&b, 0);
	rig_serve(s, "GET /2 ", RIG_OK(2, "ok"));
	rig_expect(c, 200, "ok");
	struct http_record r = rig_record(&b);
	assert_int_equal(r.attempts, 2);
	assert_int_equal(r.fault, 1);
	close(c);
	close(s);
	rig_end(&b);
}

static void
test_delay(void **state)
{
	struct rig_bed b;
	struct faults f;
	(void)state;
	BEGIN(&b, &f, "upstream: $0\n", "{type: http_delay, scope: {path: /late}, attributes: {delay: 60ms}}",
	    "{type: http_delay, stream: upstream, scope: {path: /body}, attributes: {delay: 60ms, at: body}}");
	int c = rig_dial(&b);
	fl_ns start = clock_mono();
	rig_say(c, RIG_GET("/late"));
	int s = rig_take(&b, 0);
	rig_serve(s, "GET /late ", RIG_OK(2, "ok"));
	rig_expect(c, 200, "ok");
	assert_true(clock_mono() - start >= 60 * FL_MS);
	start = clock_mono();
	rig_say(c, "POST /body HTTP/1.1\r\nhost: x\r\ncontent-length: 5\r\n\r\nhello");
	rig_serve(s, "POST /body ", RIG_OK(2, "ok"));
	rig_expect(c, 200, "ok");
	assert_true(clock_mono() - start >= 60 * FL_MS);
	close(c);
	close(s);
	rig_end(&b);
}

static void
test_ends(void **state)
{
	struct rig_bed b;
	struct faults f;
	struct rig_msg *m = calloc(1, sizeof(*m));
	(void)state;
	BEGIN(&b, &f, "upstream: $0\n", "{type: http_reset, scope: {path: /head}}",
	    "{type: http_truncate, scope: {path: /cut}, attributes: {bytes: 4}}",
	    "{type: http_reset, scope: {path: /body}, attributes: {at: body, bytes: 3, how: fin}}");
	int c = rig_dial(&b), s;
	rig_say(c, RIG_GET("/head"));
	s = rig_take(&b, 0);
	rig_serve(s, "GET /head ", RIG_OK(2, "ok"));
	assert_int_equal(rig_byte(c), -2);              /* a reset */
	close(c);
	rig_closed(&b, LINE_CLOSE_FAULT_RESET, 1);
	close(s);
	c = rig_dial(&b);
	rig_say(c, RIG_GET("/cut"));
	s = rig_take(&b, 0);
	rig_serve(s, "GET /cut ", RIG_OK(4, "four"));   /* not longer: left alone */
	rig_expect(c, 200, "four");
	rig_say(c, RIG_GET("/cut"));
	rig_serve(s, "GET /cut ", RIG_OK(6, "sixsix"));
	assert_true(rig_head(c, m));
	rig_is(m, "content-length", "6");
	rig_hear(c, "sixs");
	rig_hear_end(c);
	close(c);
	close(s);
	c = rig_dial(&b);
	rig_say(c, RIG_GET("/body"));
	s = rig_take(&b, 0);
	rig_serve(s, "GET /body ", "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nab\r\n3\r\ncde\r\n0\r\n\r\n");
	assert_true(rig_head(c, m));
	rig_hear(c, "3\r\nabc\r\n");            /* and no last chunk */
	rig_hear_end(c);
	close(c);
	rig_msg_free(m);
	close(s);
	rig_end(&b);
}

/* What a fault does to the request shows at the server, and a reset there is retried. */
static void
test_upstream_reset(void **state)
{
	struct rig_bed b;
	struct faults f;
	(void)state;
	BEGIN(&b, &f, "upstream: $0\noutlier: false\n"
	    "policies: {budget: false, breaker: false, retry: {attempts: 3, backoff: {base: 1ms, max: 2ms}}}\n",
	    "{type: http_reset, stream: upstream, toxicity: 0.5}");
	int c = rig_dial(&b), s = -1;
	unsigned retried = 0, good = 0;
	for (int i = 0; i < 24; i++) {
		char ask[64];
		snprintf(ask, sizeof(ask), "GET /%d HTTP/1.1\r\nhost: x\r\n\r\n", i);
		rig_say(c, ask);
		struct pollfd p[3] = { { .fd = b.servers[0], .events = POLLIN }, { .fd = s, .events = POLLIN }, { .fd = c, .events = POLLIN } };
		for (;;) {
			assert_true(poll(p, 3, RIG_PATIENCE_S * 1000) > 0);
			if (p[2].revents != 0)
				break;
			if (p[0].revents != 0) {
				if (s >= 0)
					close(s);
				p[1].fd = s = rig_take(&b, 0);
				continue;
			}
			char c1;
			ssize_t k = recv(s, &c1, 1, MSG_PEEK);
			if (k <= 0) {
				close(s);
				p[1].fd = s = -1;
				continue;
			}
			rig_serve(s, "GET /", RIG_OK(2, "ok"));
		}
		struct rig_msg *m = rig_answer_to(c, false);
		good += m->status == 200;
		rig_msg_free(m);
		retried += rig_record(&b).attempts > 1;
	}
	assert_in_range(good, 15, 24);                  /* an eighth is hit three times */
	assert_in_range(retried, 4, 20);
	close(c);
	if (s >= 0)
		close(s);
	rig_end(&b);
}

static void
test_header_and_body(void **state)
{
	struct rig_bed b;
	struct faults f;
	(void)state;
	BEGIN(&b, &f, "upstream: $0\n", "{type: http_header, attributes: {name: X-New, value: here}}",
	    "{type: http_header, stream: upstream, attributes: {name: X-Secret, op: remove}}",
	    "{type: http_body, scope: {path: /body}, attributes: {body: abc, bytes: 7, content_type: text/x}}",
	    "{type: http_body, stream: upstream, scope: {path: /ask}, attributes: {body: other}}");
	int c = rig_dial(&b);
	rig_say(c, "GET /1 HTTP/1.1\r\nhost: x\r\nx-secret: 1\r\nx-open: 2\r\n\r\n");
	int s = rig_take(&b, 0);
	struct rig_msg *m = rig_request(s);
	assert_null(rig_field(m, "x-secret"));
	rig_is(m, "x-open", "2");
	rig_msg_free(m);
	rig_say(s, RIG_OK(2, "ok"));
	rig_expect_field(c, 200, "x-new", "here");
	rig_say(c, RIG_GET("/body"));
	rig_serve(s, "GET /body ", "HTTP/1.1 200 OK\r\ncontent-type: a/b\r\ntransfer-encoding: chunked\r\n\r\n2\r\nab\r\n0\r\n\r\n");
	m = rig_answer_to(c, false);
	rig_is(m, "content-type", "text/x");
	rig_is(m, "content-length", "7");
	assert_string_equal(m->body, "abcabca");
	rig_msg_free(m);
	rig_say(c, "POST /ask HTTP/1.1\r\nhost: x\r\ncontent-length: 3\r\n\r\nabc");
	m = rig_request(s);
	assert_string_equal(m->body, "other");
	rig_msg_free(m);
	rig_say(s, RIG_OK(2, "ok"));
	rig_expect(c, 200, "ok");
	rig_say(c, "HEAD /body HTTP/1.1\r\nhost: x\r\n\r\n");
	rig_serve(s, "HEAD /body ", "HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n");
	rig_msg_free(rig_answer_to(c, true));
	close(c);
	close(s);
	rig_end(&b);
}

static void
test_length(void **state)
{
	struct rig_bed b;
	struct faults f;
	struct rig_msg *m = calloc(1, sizeof(*m));
	(void)state;
	BEGIN(&b, &f, "upstream: $0\n", "{type: http_length, attributes: {delta: 5}}");
	int c = rig_dial(&b);
	rig_say(c, RIG_GET("/1"));
	int s = rig_take(&b, 0);
	rig_serve(s, "GET /1 ", RIG_OK(2, "ok"));
	assert_true(rig_head(c, m));
	rig_is(m, "content-length", "7");
	rig_is(m, "connection", "close");
	rig_hear(c, "ok");
	rig_hear_end(c);
	close(c);
	close(s);
	rig_msg_free(m);
	rig_end(&b);
}

/* Bits of the body flip, framing and head stay; slow messages come whole. */
static void
test_corrupt_and_slow(void **state)
{
	struct rig_bed b;
	struct faults f;
	char zeros[4000] = { 0 }, head[80];
	(void)state;
	BEGIN(&b, &f, "upstream: $0\n", "{type: http_corrupt, scope: {path: /bad}, attributes: {rate: 0.01}}",
	    "{type: http_slow, scope: {path: /slow}, attributes: {pace: 2000, piece: 7}}");
	int c = rig_dial(&b);
	rig_say(c, RIG_GET("/bad"));
	int s = rig_take(&b, 0);
	struct rig_msg *m = rig_request(s);
	rig_msg_free(m);
	snprintf(head, sizeof(head), "HTTP/1.1 200 OK\r\ncontent-length: %zu\r\n\r\n", sizeof(zeros));
	rig_say(s, head);
	rig_say_bytes(s, zeros, sizeof(zeros));
	m = rig_answer_to(c, false);
	unsigned hit = 0;
	for (size_t i = 0; i < m->body_bytes; i++)
		hit += m->body[i] != 0;
	assert_int_equal(m->body_bytes, sizeof(zeros));
	assert_in_range(hit, 10, 100);
	rig_msg_free(m);
	fl_ns start = clock_mono();
	rig_say(c, RIG_GET("/slow"));
	rig_serve(s, "GET /slow ", "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n64\r\n"
	    "0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789\r\n0\r\nx-t: 1\r\n\r\n");
	m = rig_answer_to(c, false);
	assert_int_equal(m->body_bytes, 100);
	assert_true(m->chunked);
	assert_true(clock_mono() - start >= 50 * FL_MS);        /* 150 bytes at 2,000 a second */
	rig_msg_free(m);
	close(c);
	close(s);
	rig_end(&b);
}

/* The faults of connections and streams, on the side that their stream says. */
static void
test_stream(void **state)
{
	struct rig_bed b;
	struct faults f;
	(void)state;
	BEGIN(&b, &f, "upstream: $0\n", "{type: latency, attributes: {latency: 30ms}}",
	    "{type: latency, stream: upstream, attributes: {latency: 30ms}}");
	int c = rig_dial(&b);
	fl_ns start = clock_mono();
	rig_say(c, RIG_GET("/1"));
	int s = rig_take(&b, 0);
	rig_serve(s, "GET /1 ", RIG_OK(2, "ok"));
	rig_expect(c, 200, "ok");
	assert_true(clock_mono() - start >= 60 * FL_MS);
	/* Without them, the same connections are quick; with others they are cut. */
	b.spec_count = 0;
	rig_change(&b, "upstream: $0\n");
	rig_say(c, RIG_GET("/2"));
	rig_serve(s, "GET /2 ", RIG_OK(2, "ok"));
	rig_expect(c, 200, "ok");
	f.count = 0;
	add_fault(&f, "{type: limit_data, attributes: {bytes: 40}}");
	f.specs[0].id = 9;
	b.spec_count = 1;
	rig_change(&b, "upstream: $0\n");
	rig_say(c, RIG_GET("/3"));
	rig_serve(s, "GET /3 ", "HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n" "0123456789012345678901234567890123456789");
	char got[64];
	rig_hear_bytes(c, got, 40);
	rig_hear_broken(c);
	close(c);
	rig_closed(&b, LINE_CLOSE_FAULT_CLOSED, 1);
	close(s);
	rig_end(&b);
}

static void
test_connect(void **state)
{
	struct rig_bed b;
	struct faults f;
	(void)state;
	BEGIN(&b, &f, "upstream: $0\npolicies: {timeout: {connect: 5s}}\n", "{type: connect_refuse}");
	int c = rig_dial(&b);
	rig_say(c, RIG_GET("/1"));
	rig_expect(c, 502, NULL);
	assert_true(rig_idle(&b, 0));
	f.count = 0;
	add_fault(&f, "{type: connect_delay, attributes: {delay: 50ms}}");
	b.spec_count = 1;
	rig_change(&b, "upstream: $0\npolicies: {timeout: {connect: 5s}}\n");
	fl_ns start = clock_mono();
	rig_say(c, RIG_GET("/2"));
	int s = rig_take(&b, 0);
	assert_true(clock_mono() - start >= 50 * FL_MS);
	rig_serve(s, "GET /2 ", RIG_OK(2, "ok"));
	rig_expect(c, 200, "ok");
	close(c);
	close(s);
	rig_end(&b);
}

/* A refusal of the line's own is an answer on its way to the client as well; and a tag scopes a fault. */
static void
test_own_answers_and_tags(void **state)
{
	struct rig_bed b;
	struct faults f;
	(void)state;
	BEGIN(&b, &f, "upstream: $0\npolicies: {rate_limit: {rate: 1/m, burst: 1}}\n",
	    "{type: http_header, scope: {experiment: tagged}, attributes: {name: X-Hit, value: 'yes'}}");
	int c = rig_dial(&b);
	rig_say(c, "GET /1 HTTP/1.1\r\nhost: x\r\nx-faultline: other, tagged\r\n\r\n");
	int s = rig_take(&b, 0);
	struct rig_msg *m = rig_request(s);
	rig_is(m, "x-faultline", "other, tagged");      /* it travels on */
	rig_msg_free(m);
	rig_say(s, RIG_OK(2, "ok"));
	rig_expect_field(c, 200, "x-hit", "yes");
	rig_say(c, "GET /2 HTTP/1.1\r\nhost: x\r\nx-faultline: tagged\r\n\r\n");
	rig_expect_field(c, 429, "x-hit", "yes");
	rig_say(c, RIG_GET("/3"));
	rig_expect_field(c, 429, "x-hit", NULL);
	close(c);
	close(s);
	rig_end(&b);
}

/* A body in progress follows when its fault goes. */
static void
test_change_in_progress(void **state)
{
	struct rig_bed b;
	struct faults f;
	static char body[100001];
	char head[80];
	(void)state;
	BEGIN(&b, &f, "upstream: $0\n", "{type: http_delay, attributes: {pace: 1000}}");
	memset(body, 'x', sizeof(body) - 1);
	int c = rig_dial(&b);
	rig_say(c, RIG_GET("/1"));
	int s = rig_take(&b, 0);
	struct rig_msg *m = rig_request(s);
	rig_msg_free(m);
	snprintf(head, sizeof(head), "HTTP/1.1 200 OK\r\ncontent-length: %zu\r\n\r\n", strlen(body));
	rig_say(s, head);
	rig_say(s, body);
	m = calloc(1, sizeof(*m));
	assert_true(rig_head(c, m));
	rig_byte(c);
	b.spec_count = 0;
	rig_change(&b, "upstream: $0\n");
	rig_body_add(m, c, strlen(body) - 1);           /* 100 s at that pace: the socket's patience is 20 */
	rig_msg_free(m);
	rig_say(c, RIG_GET("/2"));
	rig_serve(s, "GET /2 ", RIG_OK(2, "ok"));
	rig_expect(c, 200, "ok");
	close(c);
	close(s);
	rig_end(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_abort),
		cmocka_unit_test(test_abort_upstream),
		cmocka_unit_test(test_delay),
		cmocka_unit_test(test_ends),
		cmocka_unit_test(test_upstream_reset),
		cmocka_unit_test(test_header_and_body),
		cmocka_unit_test(test_length),
		cmocka_unit_test(test_corrupt_and_slow),
		cmocka_unit_test(test_stream),
		cmocka_unit_test(test_connect),
		cmocka_unit_test(test_own_answers_and_tags),
		cmocka_unit_test(test_change_in_progress),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
