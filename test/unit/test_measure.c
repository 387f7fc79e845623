/* SPDX-License-Identifier: MIT */
/* test_measure.c - probes by TCP and HTTP, of processes, and probes at work. */
#include "answerer.h"

#include "io/clock.h"
#include "run/prober.h"

#include <errno.h>

#define SOON (20 * FL_SEC)              /* a timeout that only a hang reaches */

static int
check(const struct measure *job, const char *want_say)
{
	char say[MEASURE_SAY_MAX] = "nothing";
	int rc = measure_probe(job, -1, say);

	if (want_say != NULL)
		assert_string_equal(say, want_say);
	return rc;
}

static void
test_tcp(void **state)
{
	struct answerer a;
	struct experiment_probe p = { .kind = PROBE_TCP, .timeout = SOON };
	struct measure job = { .conf = &p };
	(void)state;

	answerer_start(&a, ANSWER, "hello +PONG\r\n");
	job.target = a.text;
	assert_int_equal(check(&job, NULL), 1);                 /* connecting is enough */
	p.expect = "+PONG";
	job.send = "PING\r\n";
	assert_int_equal(check(&job, NULL), 1);
	p.expect = "+PANG";
	atomic_store(&a.way, ANSWER_AND_CLOSE);
	assert_int_equal(check(&job, "another answer: hello +PONG"), 0);
	atomic_store(&a.way, ANSWER_CLOSE);
	assert_int_equal(check(&job, "connection closed without an answer"), 0);
	atomic_store(&a.way, ANSWER_RESET);
	assert_int_equal(check(&job, "no answer: Connection reset by peer"), 0);
	atomic_store(&a.way, ANSWER_NEVER);
	p.timeout = 50 * FL_MS;
	assert_int_equal(check(&job, "no answer: not within the timeout"), 0);
	answerer_stop(&a);
	assert_string_equal(a.request, "PING\r\n");
	p.timeout = SOON;
	assert_int_equal(check(&job, "connecting: Connection refused"), 0);
	job.target = "no address";
	assert_int_equal(check(&job, "no address: not an address that can be found"), 0);
}

static int
http(const char *answer, enum answerer_way way, struct experiment_probe p, const char *want_say)
{
	struct answerer a;
	struct measure job = { .conf = &p, .path = "/up?x=1" };
	int rc;

	answerer_start(&a, way, answer);
	job.target = a.text;
	rc = check(&job, want_say);
	answerer_stop(&a);
	assert_non_null(strstr(a.request, "GET /up?x=1 HTTP/1.1\r\n"));
	assert_non_null(strstr(a.request, a.text));
	return rc;
}

static void
test_http(void **state)
{
	struct experiment_probe p = { .kind = PROBE_HTTP, .timeout = SOON };
	(void)state;

	/* the connection stays open: the header, or the length of the body, says when it is enough */
	assert_int_equal(http("HTTP/1.1 200 OK\r\n\r\n", ANSWER, p, NULL), 1);
	assert_int_equal(http("HTTP/1.1 204 No\r\nX: y\r\n\r\n", ANSWER, p, NULL), 1);
	assert_int_equal(http("HTTP/1.1 302 Found\r\n\r\n", ANSWER, p, "status 302"), 0);
	p.status = 302;
	assert_int_equal(http("HTTP/1.1 302 Found\r\n\r\n", ANSWER, p, NULL), 1);
	p.status = 0;
	p.expect = "well";
	assert_int_equal(http("HTTP/1.0 200 OK\r\n\r\nall is well", ANSWER_AND_CLOSE, p, NULL), 1);
	assert_int_equal(http("HTTP/1.0 200 OK\r\nX: well\r\n\r\nno", ANSWER_AND_CLOSE, p, "status 200, but the body does not hold the text"), 0);
	assert_int_equal(http("HTTP/1.1 200 OK\r\ncontent-Length: 2\r\n\r\nno", ANSWER, p,
	    "status 200, but the body does not hold the text"), 0);
	assert_int_equal(http("SSH-2.0\r\n\r\nwell", ANSWER, p, "the answer is not HTTP"), 0);
	assert_int_equal(http("HTTP/1.1 200", ANSWER_AND_CLOSE, p, "another answer: HTTP/1.1 200"), 0);
}

static void
test_process(void **state)
{
	atomic_bool alive;
	struct experiment_probe p = { .kind = PROBE_PROCESS };
	struct measure job = { .conf = &p, .alive = &alive };
	(void)state;

	atomic_init(&alive, true);
	assert_int_equal(check(&job, "alive"), 1);
	atomic_store(&alive, false);
	assert_int_equal(check(&job, "not running"), 0);
}

static void
test_what_is_wanted_in_words(void **state)
{
	struct experiment_probe p = { .kind = PROBE_TCP, .timeout = FL_SEC, .tolerance = 1, .expect = "a\r\n" };
	struct measure job = { .conf = &p, .target = "h:1", .path = "/x" };
	char text[256];
	(void)state;

	assert_string_equal(measure_want(&job, text, sizeof(text)), "h:1 answers \"a\\r\\n\" within 1 s");
	p.expect = NULL;
	p.tolerance = 0.5;
	assert_string_equal(measure_want(&job, text, sizeof(text)),
	    "h:1 accepts a connection within 1 s, in 50% of the checks during the faults");
	p.kind = PROBE_HTTP;
	p.tolerance = 1;
	p.status = 201;
	assert_string_equal(measure_want(&job, text, sizeof(text)), "http://h:1/x answers 201 within 1 s");
}

static struct prober_result
await(struct prober *p, uint32_t tag)
{
	struct prober_result r;

	for (;;) {
		while (!prober_next(p, &r))
			assert_int_equal(clock_wait(prober_fd(p), POLLIN, -1, clock_mono() + SOON), 1);
		if (r.tag == tag)
			return r;
	}
}

static void
test_probes_at_work(void **state)
{
	atomic_bool alive;
	struct answerer a;
	struct experiment_probe up = { .kind = PROBE_PROCESS, .every = FL_MS };
	struct experiment_probe deaf = { .kind = PROBE_TCP, .timeout = 3600 * FL_SEC, .every = FL_MS, .expect = "x" };
	struct prober_item items[2];
	struct prober *p;
	(void)state;

	atomic_init(&alive, true);
	answerer_start(&a, ANSWER_NEVER, "");
	items[0] = (struct prober_item){ .job = { .conf = &up, .alive = &alive }, .tag = 7 };
	items[1] = (struct prober_item){ .job = { .conf = &deaf, .target = a.text }, .tag = 8 };
	assert_int_equal(prober_start(items, 2, &p), 0);
	assert_true(await(p, 7).held);
	atomic_store(&alive, false);
	struct prober_result r = await(p, 7);
	for (int i = 0; r.held && i < 5000; i++)
		r = await(p, 7);
	assert_false(r.held);
	assert_string_equal(r.say, "not running");
	/* the other is in the middle of an hour's wait: stopping does not wait for it */
	prober_free(p);
	answerer_stop(&a);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_tcp),
		cmocka_unit_test(test_http),
		cmocka_unit_test(test_process),
		cmocka_unit_test(test_what_is_wanted_in_words),
		cmocka_unit_test(test_probes_at_work),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
