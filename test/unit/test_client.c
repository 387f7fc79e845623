/* SPDX-License-Identifier: MIT */
/* test_client.c - the HTTP client: over a transport of its own that answers as told, and over libcurl to a real socket. */
#include "answerer.h"
#include "faultline/client.h"

#include <errno.h>

/* ---- a transport with a clock of its own ---- */

struct script {
	fl_ns now;
	struct { int error; unsigned status; fl_ns after; const char *retry_after; } steps[16];
	unsigned step, live;
	struct { void *token; fl_ns at; int error; unsigned status; const char *retry_after; bool on; } flying[8];
	struct fl_transport t;
	char urls[16][64];
};

static int
script_start(void *ud, const struct fl_request *req, const char *url, const struct fl_header *more, size_t more_count, fl_ns connect_timeout,
    void *token, void **ret_handle)
{
	struct script *s = ud;
	(void)req;
	(void)more;
	(void)more_count;
	(void)connect_timeout;
	for (size_t i = 0; i < FL_ARRAY_LEN(s->flying); i++) {
		if (s->flying[i].on)
			continue;
		unsigned n = s->step++;
		snprintf(s->urls[n], sizeof(s->urls[n]), "%s", url);
		s->flying[i].on = true;
		s->flying[i].token = token;
		s->flying[i].at = s->now + s->steps[n].after;
		s->flying[i].error = s->steps[n].error;
		s->flying[i].status = s->steps[n].status;
		s->flying[i].retry_after = s->steps[n].retry_after;
		s->live++;
		*ret_handle = &s->flying[i];
		return 0;
	}
	return -EAGAIN;
}

static void
script_cancel(void *ud, void *handle)
{
	struct script *s = ud;
	for (size_t i = 0; i < FL_ARRAY_LEN(s->flying); i++)
		if (&s->flying[i] == handle) {
			s->flying[i].on = false;
			s->live--;
		}
}

static int
script_poll(void *ud, fl_ns timeout)
{
	struct script *s = ud;
	fl_ns next = s->now + timeout;
	for (size_t i = 0; i < FL_ARRAY_LEN(s->flying); i++)
		if (s->flying[i].on)
			next = FL_MIN(next, s->flying[i].at);
	s->now = FL_MAX(s->now, next);
	for (size_t i = 0; i < FL_ARRAY_LEN(s->flying); i++) {
		if (!s->flying[i].on || s->flying[i].at > s->now)
			continue;
		s->flying[i].on = false;
		s->live--;
		struct fl_transport_result r = { .error = s->flying[i].error, .sent = FL_SENT_UNKNOWN, .text = "scripted" };
		struct fl_header h = { "Retry-After", s->flying[i].retry_after };
		if (r.error == 0)
			assert_int_equal(fl_response_new(s->flying[i].status, &h, s->flying[i].retry_after != NULL, "hello", 5, &r.response), 0);
		s->t.done(s->flying[i].token, &r);
	}
	return 0;
}

static fl_ns
script_clock(void *ud)
{
	return ((struct script *)ud)->now;
}

static struct fl_client *
rig(struct script *s, const struct fl_plan *plan)
{
	struct fl_client_opts o;
	struct fl_client *c;
	s->now = FL_SEC;
	s->t = (struct fl_transport){ .ud = s, .start = script_start, .cancel = script_cancel, .poll = script_poll };
	fl_client_opts_init(&o);
	o.plan = plan;
	o.transport = &s->t;
	o.clock = script_clock;
	o.clock_ud = s;
	assert_int_equal(fl_client_new(&o, &c, NULL), 0);
	return c;
}

static void
an_answer_is_an_answer(void **state)
{
	struct script s = { .steps = { { .status = 200, .after = 3 * FL_MS } } };
	struct fl_plan plan;
	struct fl_response *r;
	(void)state;
	fl_plan_init(&plan);
	struct fl_client *c = rig(&s, &plan);
	assert_int_equal(fl_client_get(c, "http://a/", NULL, 0, &r), 0);
	assert_int_equal(r->status, 200);
	assert_string_equal(r->body, "hello");
	assert_int_equal(r->attempts, 1);
	assert_true(r->took == 3 * FL_MS);
	assert_int_equal(r->end, FL_END_ANSWERED);
	fl_response_free(r);
	fl_client_free(c);
}

static void
failures_are_repeated_within_the_budget(void **state)
{
	struct script s = { .steps = { { .status = 503 }, { .error = -ECONNRESET }, { .status = 200 }, { .status = 503 }, { .status = 503 } } };
	struct fl_plan plan;
	struct fl_budget_opts bo;
	struct fl_response *r;
	(void)state;
	fl_plan_init(&plan);
	plan.retry.attempts_max = 3;
	fl_budget_opts_init(&bo);
	bo.max = 2;
	bo.reserve = 0;
	bo.ratio = 0;
	assert_int_equal(fl_budget_new(&bo, &plan.budget, NULL), 0);
	struct fl_client *c = rig(&s, &plan);
	assert_int_equal(fl_client_get(c, "http://a/", NULL, 0, &r), 0);
	assert_int_equal(r->status, 200);
	assert_int_equal(r->attempts, 3);
	fl_response_free(r);
	/* Both tokens are spent: the next failure is the last word, and comes with its answer. */
	assert_int_equal(fl_client_get(c, "http://a/", NULL, 0, &r), 0);
	assert_int_equal(r->status, 503);
	assert_int_equal(r->attempts, 1);
	assert_int_equal(r->end, FL_END_FAILED);
	fl_response_free(r);
	fl_client_free(c);
	fl_budget_free(plan.budget);
}

static void
a_post_is_not_sent_twice(void **state)
{
	struct script s = { .steps = { { .error = -ECONNRESET }, { .status = 200 } } };
	struct fl_plan plan;
	struct fl_response *r;
	(void)state;
	fl_plan_init(&plan);
	plan.retry.attempts_max = 3;
	struct fl_client *c = rig(&s, &plan);
	assert_int_equal(fl_client_post(c, "http://a/", "x", 1, NULL, 0, &r), -ECONNRESET);
	assert_int_equal(s.step, 1);
	assert_string_equal(r->text, "scripted");
	fl_response_free(r);
	/* With a key that lets the server tell, it is. */
	struct fl_header key = { "Idempotency-Key", "7" };
	s.step = 0;
	assert_int_equal(fl_client_post(c, "http://a/", "x", 1, &key, 1, &r), 0);
	assert_int_equal(s.step, 2);
	fl_response_free(r);
	fl_client_free(c);
}

static void
retry_after_is_honoured(void **state)
{
	struct script s = { .steps = { { .status = 503, .retry_after = "2" }, { .status = 200 } } };
	struct fl_plan plan;
	struct fl_response *r;
	(void)state;
	fl_plan_init(&plan);
	plan.retry.attempts_max = 2;
	struct fl_client *c = rig(&s, &plan);
	assert_int_equal(fl_client_get(c, "http://a/", NULL, 0, &r), 0);
	assert_true(r->took >= 2 * FL_SEC);
	assert_int_equal(r->attempts, 2);
	fl_response_free(r);
	fl_client_free(c);
}

static void
the_whole_call_ends_in_time(void **state)
{
	struct script s = { .steps = { { .status = 200, .after = 60 * FL_SEC }, { .status = 200, .after = 60 * FL_SEC }, { .after = FL_SEC * 60 } } };
	struct fl_plan plan;
	struct fl_response *r;
	(void)state;
	fl_plan_init(&plan);
	plan.retry.attempts_max = 3;
	plan.timeouts.total = FL_SEC;
	plan.timeouts.per_try = 400 * FL_MS;
	struct fl_client *c = rig(&s, &plan);
	assert_int_equal(fl_client_get(c, "http://a/", NULL, 0, &r), -ETIMEDOUT);
	assert_true(r->took <= FL_SEC + FL_MS);
	assert_true(r->attempts >= 2);
	assert_int_equal(s.live, 0);
	fl_response_free(r);
	fl_client_free(c);
}

static void
an_open_breaker_answers_at_once(void **state)
{
	struct script s = { 0 };
	struct fl_plan plan;
	struct fl_breaker_opts bo;
	struct fl_response *r;
	(void)state;
	fl_plan_init(&plan);
	plan.retry.attempts_max = 4;
	plan.retry.base = 200 * FL_MS;
	fl_breaker_opts_init(&bo);
	bo.name = "b";
	assert_int_equal(fl_breaker_new(&bo, &plan.breaker, NULL), 0);
	struct fl_client *c = rig(&s, &plan);
	fl_breaker_force(plan.breaker, FL_BREAKER_OPEN, s.now);
	fl_ns from = s.now;
	assert_int_equal(fl_client_get(c, "http://a/", NULL, 0, &r), -EAGAIN);
	assert_true(s.now == from);
	assert_int_equal(s.step, 0);
	assert_int_equal(r->refusal.by, FL_WHO_BREAKER);
	assert_true(r->refusal.retry_after > 0);
	fl_response_free(r);
	fl_client_free(c);
	fl_breaker_free(plan.breaker);
}

static int
plan_b(void *ud, const struct fl_request *req, const struct fl_response *failed, struct fl_response **ret)
{
	(void)ud;
	(void)req;
	assert_true(failed->error < 0);
	return fl_response_new(203, NULL, 0, "instead", 7, ret);
}

static void
the_fallback_gives_an_answer(void **state)
{
	struct script s = { .steps = { { .error = -ECONNREFUSED } } };
	struct fl_plan plan;
	struct fl_fallback_opts fo;
	struct fl_client_opts o;
	struct fl_client *c;
	struct fl_response *r;
	(void)state;
	fl_plan_init(&plan);
	fl_fallback_opts_init(&fo);
	assert_int_equal(fl_fallback_new(&fo, &plan.fallback, NULL), 0);
	s.t = (struct fl_transport){ .ud = &s, .start = script_start, .cancel = script_cancel, .poll = script_poll };
	fl_client_opts_init(&o);
	o.plan = &plan;
	o.transport = &s.t;
	o.clock = script_clock;
	o.clock_ud = &s;
	o.fallback = plan_b;
	assert_int_equal(fl_client_new(&o, &c, NULL), 0);
	assert_int_equal(fl_client_get(c, "http://a/", NULL, 0, &r), 0);
	assert_int_equal(r->status, 203);
	assert_true(r->degraded);
	assert_string_equal(r->body, "instead");
	fl_response_free(r);
	fl_client_free(c);
	fl_fallback_free(plan.fallback);
}

static void
a_hedge_that_is_faster_wins(void **state)
{
	struct script s = { .steps = { { .status = 200, .after = FL_SEC }, { .status = 200, .after = 10 * FL_MS } } };
	const char *others[] = { "http://b/" };
	struct fl_plan plan;
	struct fl_hedge_opts ho;
	struct fl_response *r;
	(void)state;
	fl_plan_init(&plan);
	fl_hedge_opts_init(&ho);
	ho.fixed = 50 * FL_MS;
	assert_int_equal(fl_hedge_new(&ho, &plan.hedge, NULL), 0);
	plan.hedges_max = 1;
	struct fl_client *c = rig(&s, &plan);
	struct fl_request req = { .method = "GET", .url = "http://a/", .urls = others, .url_count = 1 };
	assert_int_equal(fl_client_do(c, &req, &r), 0);
	assert_true(r->hedged);
	assert_true(r->took == 60 * FL_MS);
	assert_string_equal(s.urls[1], "http://b/");
	assert_int_equal(s.live, 0);            /* the loser was cancelled */
	fl_response_free(r);
	fl_client_free(c);
	fl_hedge_free(plan.hedge);
}

struct seen {
	unsigned starts, ends, errors, retries;
	char line[512];
};

static void
see_start(void *ud, const struct fl_request *req)
{
	(void)req;
	((struct seen *)ud)->starts++;
}

static void
see_end(void *ud, const struct fl_request *req, const struct fl_response *resp)
{
	(void)req;
	assert_int_equal(resp->error, 0);
	((struct seen *)ud)->ends++;
}

static void
see_retry(void *ud, const struct fl_request *req, unsigned attempt, fl_ns wait, const char *why)
{
	(void)req;
	(void)wait;
	assert_int_equal(attempt, 2);
	assert_non_null(why);
	((struct seen *)ud)->retries++;
}

static void
see_line(void *ud, const char *line)
{
	snprintf(((struct seen *)ud)->line, sizeof(((struct seen *)ud)->line), "%s", line);
}

static void
plugins_look_on(void **state)
{
	struct script s = { .steps = { { .status = 503 }, { .status = 200 } } };
	struct seen seen = { 0 };
	struct fl_plugin p = { .on_request_start = see_start, .on_request_end = see_end, .on_retry = see_retry, .ud = &seen };
	struct fl_request_log log = { see_line, &seen };
	struct fl_plugin l = fl_request_log_plugin(&log);
	struct fl_plan plan;
	struct fl_response *r;
	(void)state;
	fl_plan_init(&plan);
	plan.retry.attempts_max = 2;
	struct fl_client *c = rig(&s, &plan);
	assert_int_equal(fl_client_add_plugin(c, &p), 0);
	assert_int_equal(fl_client_add_plugin(c, &l), 0);
	assert_int_equal(fl_client_get(c, "http://a/x", NULL, 0, &r), 0);
	assert_int_equal(seen.starts, 1);
	assert_int_equal(seen.ends, 1);
	assert_int_equal(seen.retries, 1);
	assert_non_null(strstr(seen.line, "GET http://a/x 200"));
	assert_non_null(strstr(seen.line, "2 attempts"));
	fl_response_free(r);
	fl_client_free(c);
}

static void
count_done(void *ud, const struct fl_request *req, struct fl_response *resp)
{
	(void)req;
	assert_int_equal(resp->error, -ECANCELED);
	++*(unsigned *)ud;
	fl_response_free(resp);
}

static void
free_cancels_what_runs(void **state)
{
	struct script s = { .steps = { { .after = FL_SEC }, { .after = FL_SEC } } };
	struct fl_request req = { .method = "GET", .url = "http://a/" };
	struct fl_plan plan;
	unsigned done = 0;
	(void)state;
	fl_plan_init(&plan);
	struct fl_client *c = rig(&s, &plan);
	assert_int_equal(fl_client_start(c, &req, count_done, &done), 0);
	assert_int_equal(fl_client_start(c, &req, count_done, &done), 0);
	assert_int_equal(fl_client_poll(c, FL_MS), 2);
	fl_client_free(c);
	assert_int_equal(done, 2);
	assert_int_equal(s.live, 0);
}

/* ---- libcurl ---- */

static void
it_speaks_http(void **state)
{
	struct answerer a;
	struct fl_client_opts o;
	struct fl_client *c;
	struct fl_plan plan;
	struct fl_response *r;
	char url[256];
	(void)state;
	answerer_start(&a, ANSWER, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX-A: b\r\n\r\nhi");
	snprintf(url, sizeof(url), "http://%s/p?q", a.text);
	fl_plan_init(&plan);
	fl_client_opts_init(&o);
	o.plan = &plan;
	assert_int_equal(fl_client_new(&o, &c, NULL), 0);
	struct fl_header h = { "X-Mine", "1" };
	assert_int_equal(fl_client_put(c, url, "body", 4, &h, 1, &r), 0);
	assert_int_equal(r->status, 200);
	assert_string_equal(r->body, "hi");
	assert_string_equal(fl_response_header(r, "x-a"), "b");
	fl_response_free(r);
	fl_client_free(c);
	answerer_stop(&a);
	assert_non_null(strstr(a.request, "PUT /p?q HTTP/1.1"));
	assert_non_null(strstr(a.request, "X-Mine: 1"));
	assert_non_null(strstr(a.request, "x-faultline-deadline: 1"));
	assert_non_null(strstr(a.request, "\r\n\r\nbody"));
}

static void
nobody_listens(void **state)
{
	struct fl_client_opts o;
	struct fl_client *c;
	struct fl_plan plan;
	struct fl_response *r;
	const char *field = NULL;
	(void)state;
	fl_plan_init(&plan);
	fl_client_opts_init(&o);
	assert_int_equal(fl_client_new(&o, &c, &field), -EINVAL);
	assert_string_equal(field, "plan");
	o.plan = &plan;
	assert_int_equal(fl_client_new(&o, &c, NULL), 0);
	assert_int_equal(fl_client_get(c, "http://127.0.0.1:1/", NULL, 0, &r), -ECONNREFUSED);
	assert_int_equal(r->status, 0);
	assert_true(r->text[0] != '\0');
	fl_response_free(r);
	fl_client_free(c);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_answer_is_an_answer),
		cmocka_unit_test(failures_are_repeated_within_the_budget),
		cmocka_unit_test(a_post_is_not_sent_twice),
		cmocka_unit_test(retry_after_is_honoured),
		cmocka_unit_test(the_whole_call_ends_in_time),
		cmocka_unit_test(an_open_breaker_answers_at_once),
		cmocka_unit_test(the_fallback_gives_an_answer),
		cmocka_unit_test(a_hedge_that_is_faster_wins),
		cmocka_unit_test(plugins_look_on),
		cmocka_unit_test(free_cancels_what_runs),
		cmocka_unit_test(it_speaks_http),
		cmocka_unit_test(nobody_listens),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
