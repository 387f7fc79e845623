/* SPDX-License-Identifier: MIT */
/*
 * test_load_http.c - an HTTP load against servers that behave in every way: each request ends once, as what it was, and no request waits
 * for another.
 */
#include "unit.h"

#include "io/clock.h"
#include "io/thread.h"
#include "run/answer.h"
#include "run/load_http.h"

#include "answerer.h"

static struct experiment_load conf;

static int
setup(void **state)
{
	(void)state;
	conf = (struct experiment_load){ .type = EXPERIMENT_HTTP, .duration = 500 * FL_MS, .timeout = 10 * FL_SEC, .connect_timeout = 10 * FL_SEC };
	conf.http = (struct experiment_http){ .request_count = 1, .conns_max = 100, .threads = 1, .outstanding_max = 10000, .patience = FL_NEVER,
		.attempts = 1, .backoff_factor = 1, .backoff_max = FL_SEC };
	conf.http.requests[0] = (struct experiment_request){ .method = "GET", .path = "/", .weight = 1 };
	conf.http.pace = (struct pace_conf){ .rate = 400, .even = true, .duration = conf.duration };
	return 0;
}

/* Run the load to its end; *ret holds its numbers until load_http_free(). */
static struct load_http *
run_load(const struct io_addr *at, struct load_stats **ret)
{
	struct load_http_opts o = { .load = &conf, .server = *at, .host = "t", .seed = 5, .epoch = clock_mono() };
	struct load_live_slot slot;
	struct subst_values v = { .dir = "" };
	struct load_http *l;
	uint64_t told = 0, all = 0;

	o.values = &v;
	assert_int_equal(load_http_start(&o, &l), 0);
	while (!load_http_done(l)) {
		(void)clock_wait(load_http_fd(l), POLLIN, -1, clock_mono() + 10 * FL_MS);
		while (load_http_live(l, &slot))
			told += slot.ok + slot.bad;
	}
	while (load_http_live(l, &slot))
		told += slot.ok + slot.bad;
	*ret = load_http_stats(l);
	for (int i = 0; i < LOAD_OUTCOME_COUNT; i++)
		all += (*ret)->outcomes[i];
	assert_int_equal(all, (*ret)->asked);
	assert_int_equal(told, all);
	return l;
}

static void *
run_answer(void *ud)
{
	answer_run(ud);
	return NULL;
}

static struct answer *
start_answer(const struct answer_conf *c, struct io_addr *at, pthread_t *thread)
{
	struct answer_opts o = { .name = "t", .conf = *c };
	struct answer *a;

	assert_int_equal(addr_parse("127.0.0.1:0", &o.listen), 0);
	assert_int_equal(answer_new(&o, at, &a), 0);
	assert_int_equal(thread_start(thread, "answer", run_answer, a), 0);
	return a;
}

static void
stop_answer(struct answer *a, pthread_t thread, struct answer_counts *ret)
{
	answer_stop(a);
	thread_join(thread);
	answer_counts(a, ret);
	answer_free(a);
}

static void
test_every_request_is_asked_and_answered(void **state)
{
	struct answer_conf c = answer_conf_default;
	struct answer_counts n;
	struct load_stats *s;
	struct load_http *l;
	struct io_addr at;
	pthread_t thread;
	struct answer *a;

	(void)state;
	c.work = 0;
	a = start_answer(&c, &at, &thread);
	conf.http.threads = 2;
	conf.http.request_count = 2;
	conf.http.requests[1] = (struct experiment_request){ .method = "POST", .path = "/up", .weight = 1, .body_bytes = 300000 };
	conf.http.traceparent = true;
	l = run_load(&at, &s);
	stop_answer(a, thread, &n);
	assert_int_equal(s->asked, 200);
	assert_int_equal(s->outcomes[LOAD_OK], 200);
	assert_int_equal(s->attempts, 200);
	assert_int_equal(n.requests, 200);
	assert_int_equal(n.bad, 0);
	assert_true(s->connections < 200);              /* they are kept */
	load_http_free(l);
}

/* Work that never ends: the schedule goes on, every request is given up at its time. */
static void
test_no_request_waits_for_another(void **state)
{
	struct answer_conf c = answer_conf_default;
	struct answer_counts n;
	struct load_stats *s;
	struct load_http *l;
	struct io_addr at;
	pthread_t thread;
	struct answer *a;

	(void)state;
	c.work = 3600 * FL_SEC;
	a = start_answer(&c, &at, &thread);
	conf.timeout = 100 * FL_MS;
	conf.http.conns_max = 10;
	conf.http.outstanding_max = 20;
	l = run_load(&at, &s);
	stop_answer(a, thread, &n);
	assert_int_equal(s->asked, 200);
	assert_int_equal(s->outcomes[LOAD_OK], 0);
	assert_true(s->outcomes[LOAD_TIMEOUT] > 0);
	assert_true(s->outcomes[LOAD_BLOCKED] > 0);     /* those beyond twenty */
	/* On a machine that does nothing else for 100 ms some do not get as far as being connected. */
	assert_int_equal(s->outcomes[LOAD_TIMEOUT] + s->outcomes[LOAD_BLOCKED] + s->outcomes[LOAD_CONNECT], 200);
	load_http_free(l);
}

static void
test_retries_of_refused_requests(void **state)
{
	struct answer_conf c = answer_conf_default;
	struct answer_counts n;
	struct load_stats *s;
	struct load_http *l;
	struct io_addr at;
	pthread_t thread;
	struct answer *a;

	(void)state;
	c.work = 3600 * FL_SEC;
	c.capacity = 1;
	c.queue = 0;
	a = start_answer(&c, &at, &thread);
	conf.http.attempts = 3;
	conf.http.retry_on = 1u << LOAD_REFUSED;
	conf.http.pace.rate = 40;
	conf.timeout = 2 * FL_SEC;
	l = run_load(&at, &s);
	stop_answer(a, thread, &n);
	assert_int_equal(s->asked, 20);
	/* One took the place and was given up; all others were refused three times, but for those that met the end of the load. */
	assert_true(s->outcomes[LOAD_REFUSED] >= 18);
	assert_true(s->attempts > 2 * s->asked && s->attempts <= 3 * s->asked);
	assert_int_equal(n.requests, s->attempts);
	load_http_free(l);
}

static void
outcome_of(enum answerer_way way, const char *text, enum load_outcome expected)
{
	struct answerer a;
	struct load_stats *s;
	struct load_http *l;

	answerer_start(&a, way, text);
	/* It serves one connection after the other. */
	conf.http.conns_max = 1;
	conf.http.pace.rate = 100;
	conf.duration = conf.http.pace.duration = 100 * FL_MS;
	conf.timeout = way == ANSWER_NEVER ? 2 * FL_SEC : 10 * FL_SEC;
	l = run_load(&a.addr, &s);
	if (s->outcomes[expected] != s->asked)
		fail_msg("%s: %llu of %llu", load_outcome_word(expected), (unsigned long long)s->outcomes[expected], (unsigned long long)s->asked);
	assert_int_equal(s->asked, 10);
	load_http_free(l);
	answerer_stop(&a);
}

static void
test_servers_of_all_kinds(void **state)
{
	(void)state;
	outcome_of(ANSWER, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", LOAD_OK);
	outcome_of(ANSWER, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n", LOAD_OK);
	outcome_of(ANSWER, "HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 304 Not Modified\r\n\r\n", LOAD_OK);
	outcome_of(ANSWER_AND_CLOSE, "HTTP/1.0 200 OK\r\n\r\nuntil the end", LOAD_OK);
	outcome_of(ANSWER_AND_CLOSE, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nnot all", LOAD_RESET);
	outcome_of(ANSWER, "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n", LOAD_STATUS);
	outcome_of(ANSWER, "HTTP/1.1 503 Busy\r\nContent-Length: 0\r\nX-Faultline-Refused: breaker cart\r\n\r\n", LOAD_REFUSED);
	outcome_of(ANSWER, "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nok", LOAD_BAD);
	outcome_of(ANSWER, "SSH-2.0-server\r\n\r\n", LOAD_BAD);
	outcome_of(ANSWER, "HTTP/1.1 101 Switching Protocols\r\n\r\n", LOAD_BAD);
	outcome_of(ANSWER_CLOSE, "", LOAD_RESET);
	outcome_of(ANSWER_RESET, "", LOAD_RESET);
	outcome_of(ANSWER_NEVER, "", LOAD_TIMEOUT);
}

static void
test_nobody_listens(void **state)
{
	struct answerer a;
	struct load_stats *s;
	struct load_http *l;

	(void)state;
	answerer_start(&a, ANSWER, "");
	answerer_stop(&a);
	l = run_load(&a.addr, &s);
	assert_int_equal(s->outcomes[LOAD_CONNECT], s->asked);
	load_http_free(l);
}

static void
test_late_is_not_ok(void **state)
{
	struct answerer a;
	struct load_stats *s;
	struct load_http *l;

	(void)state;
	answerer_start(&a, ANSWER, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
	conf.http.conns_max = 1;
	conf.http.patience = 1;                         /* of a nanosecond */
	l = run_load(&a.addr, &s);
	assert_int_equal(s->outcomes[LOAD_LATE], s->asked);
	load_http_free(l);
	answerer_stop(&a);
}

static void
test_stopped_in_the_middle(void **state)
{
	struct load_http_opts o = { .load = &conf, .host = "t", .seed = 5, .epoch = clock_mono() };
	struct answer_conf c = answer_conf_default;
	struct subst_values v = { .dir = "" };
	struct answer_counts n;
	struct load_live_slot slot;
	struct load_stats *s;
	struct load_http *l;
	pthread_t thread;
	struct answer *a;

	(void)state;
	c.work = 3600 * FL_SEC;
	a = start_answer(&c, &o.server, &thread);
	o.values = &v;
	conf.duration = conf.http.pace.duration = 3600 * FL_SEC;
	assert_int_equal(load_http_start(&o, &l), 0);
	load_http_stop(l);
	while (!load_http_done(l))
		(void)clock_wait(load_http_fd(l), POLLIN, -1, clock_mono() + 10 * FL_MS);
	s = load_http_stats(l);
	assert_int_equal(s->outcomes[LOAD_STOPPED], s->asked);
	while (load_http_live(l, &slot))
		assert_int_equal(slot.ok, 0);
	load_http_free(l);
	stop_answer(a, thread, &n);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_every_request_is_asked_and_answered, setup),
		cmocka_unit_test_setup(test_no_request_waits_for_another, setup),
		cmocka_unit_test_setup(test_retries_of_refused_requests, setup),
		cmocka_unit_test_setup(test_servers_of_all_kinds, setup),
		cmocka_unit_test_setup(test_nobody_listens, setup),
		cmocka_unit_test_setup(test_late_is_not_ok, setup),
		cmocka_unit_test_setup(test_stopped_in_the_middle, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
