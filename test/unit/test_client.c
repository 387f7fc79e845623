/* SPDX-License-Identifier: MIT */
/* test_client.c - the HTTP client: over a transport of its own that answers as told, and over libcurl to a real socket. */
#include "answerer.h"
#include "faultline/client.h"

#include <errno.h>
#include <time.h>

/* ---- a transport with a clock of its own ---- */

struct script {
	fl_ns now;
	struct { int error; unsigned status; fl_ns after; const char *retry_after; } steps[16];
	unsigned step, live;
	struct { void *token; fl_ns at; int error; unsigned status; const char *retry_after; bool on, told; } flying[8];
	struct fl_transport t;
	char urls[16][64];
	char header[128];               /* the last request's first */
	enum fl_phase phase;            /* told once, where the transport tells any */
};

static int
script_start(void *ud, const struct fl_request *req, const char *url, const struct fl_header *more, size_t more_count, fl_ns connect_timeout,
    void *token, void **ret_handle)
{
	struct script *s = ud;
	if (req->header_count > 0)
		snprintf(s->header, sizeof(s->header), "%s=%s of %zu", req->headers[0].name, req->headers[0].value, req->header_count);
	(void)more;
	(void)more_count;
	(void)connect_timeout;
	for (size_t i = 0; i < FL_ARRAY_LEN(s->flying); i++) {
		if (s->flying[i].on)
			continue;
		unsigned n = s->step++;
		snprintf(s->urls[n], sizeof(s->urls[n]), "%s", url);
		s->flying[i].on = true;
		s->flying[i].told = false;
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
	for (size_t i = 0; s->t.tells_phases && i < FL_ARRAY_LEN(s->flying); i++)
		if (s->flying[i].on && !s->flying[i].told && s->phase != FL_PHASE_CONNECT) {
			s->flying[i].told = true;
			s->t.moved(s->flying[i].token, s->phase);
		}
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
see_start(void *ud, struct fl_request *req)
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
	assert_string_equal(why, "the answer was 503");
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

/* ---- what plugins and fallbacks may do ---- */

static void
sign(void *ud, struct fl_request *req)
{
	(void)ud;
	assert_int_equal(fl_request_set_header(req, "X-Old", NULL), 0);
	assert_int_equal(fl_request_set_header(req, "authorization", "Bearer 1"), 0);
	assert_int_equal(fl_request_set_header(req, "Authorization", "Bearer 2"), 0);
	assert_int_equal(fl_request_set_header(req, "X", "a\r\nb: c"), -EINVAL);
	assert_int_equal(fl_request_set_header(req, "X: y", "z"), -EINVAL);
	req->idempotent = 1;
}

static void
a_plugin_changes_the_request(void **state)
{
	struct script s = { .steps = { { .error = -ECONNRESET }, { .status = 200 } } };
	struct fl_plugin p = { .on_request_start = sign };
	struct fl_header old = { "x-old", "1" };
	struct fl_request req = { .method = "POST", .url = "http://a/", .headers = &old, .header_count = 1 };
	struct fl_plan plan;
	struct fl_response *r;
	(void)state;
	fl_plan_init(&plan);
	plan.retry.attempts_max = 2;
	struct fl_client *c = rig(&s, &plan);
	assert_int_equal(fl_client_add_plugin(c, &p), 0);
	assert_int_equal(fl_client_do(c, &req, &r), 0);
	assert_int_equal(r->attempts, 2);                       /* it said that this may be done twice */
	assert_string_equal(s.header, "Authorization=Bearer 2 of 1");
	assert_ptr_equal(req.headers, &old);                    /* the caller's is as it was */
	fl_response_free(r);
	fl_client_free(c);
}

static int
ask_again(void *ud, const struct fl_request *req, const struct fl_response *failed, struct fl_response **ret)
{
	struct fl_client **c = ud;
	assert_int_equal(failed->error, 0);
	assert_int_equal(failed->status, 503);
	assert_string_equal(failed->body, "hello");
	if (strcmp(req->url, "http://a/") != 0)
		return -ENOENT;
	return fl_client_get(*c, "http://b/", NULL, 0, ret);
}

struct chain {
	struct fl_client *c;
	unsigned done, last_status;
};

static void
ask_next(void *ud, const struct fl_request *req, struct fl_response *resp)
{
	struct chain *chain = ud;
	struct fl_response *r;
	(void)req;
	chain->done++;
	fl_response_free(resp);
	if (chain->done > 1)
		return;
	assert_int_equal(fl_client_get(chain->c, "http://next/", NULL, 0, &r), 0);
	chain->last_status = r->status;
	fl_response_free(r);
}

/* Done and fallback functions ask something themselves, and wait for it, while others are under way. */
static void
asked_from_within(void **state)
{
	struct script s = { .steps = { { .status = 503 }, { .status = 200 }, { .status = 200, .after = FL_MS }, { .status = 200, .after = 2 * FL_MS },
		{ .status = 204, .after = 50 * FL_MS } } };
	struct fl_request req = { .method = "GET", .url = "http://x/" };
	struct fl_plan plan;
	struct fl_fallback_opts fo;
	struct fl_client_opts o;
	struct fl_client *c = NULL;
	struct fl_response *r;
	const char *field = "";
	(void)state;
	fl_plan_init(&plan);
	s.t = (struct fl_transport){ .ud = &s, .start = script_start, .cancel = script_cancel, .poll = script_poll };
	fl_client_opts_init(&o);
	o.plan = &plan;
	o.transport = &s.t;
	o.clock = script_clock;
	o.clock_ud = &s;
	o.fallback = ask_again;
	o.fallback_ud = &c;
	assert_int_equal(fl_client_new(&o, &c, &field), -EINVAL);       /* nobody would call it */
	assert_string_equal(field, "fallback");
	fl_fallback_opts_init(&fo);
	assert_int_equal(fl_fallback_new(&fo, &plan.fallback, NULL), 0);
	assert_int_equal(fl_client_new(&o, &c, NULL), 0);
	assert_int_equal(fl_client_get(c, "http://a/", NULL, 0, &r), 0);
	assert_true(r->degraded);
	assert_string_equal(s.urls[1], "http://b/");
	fl_response_free(r);
	struct chain chain = { .c = c };
	assert_int_equal(fl_client_start(c, &req, ask_next, &chain), 0);
	assert_int_equal(fl_client_start(c, &req, ask_next, &chain), 0);
	while (fl_client_poll(c, FL_SEC) > 0)
		continue;
	assert_int_equal(chain.done, 2);
	assert_int_equal(chain.last_status, 204);
	fl_client_free(c);
	fl_fallback_free(plan.fallback);
}

static void
a_caller_loses_patience(void **state)
{
	struct script s = { .steps = { { .after = FL_SEC } } };
	struct fl_request req = { .method = "GET", .url = "http://a/" };
	struct fl_plan plan;
	unsigned done = 0;
	(void)state;
	fl_plan_init(&plan);
	struct fl_client *c = rig(&s, &plan);
	assert_int_equal(fl_client_cancel(c, &req), -ENOENT);
	assert_int_equal(fl_client_start(c, &req, count_done, &done), 0);
	assert_int_equal(fl_client_poll(c, FL_MS), 1);
	assert_int_equal(s.live, 1);
	assert_int_equal(fl_client_cancel(c, &req), 0);
	assert_int_equal(fl_client_poll(c, FL_MS), 0);
	assert_int_equal(done, 1);
	assert_int_equal(s.live, 0);
	fl_client_free(c);
}

/* ---- limits and instances ---- */

static void
each_limit_is_held_and_named(void **state)
{
	static const struct { enum fl_phase phase; enum fl_limit limit; fl_ns took; } cases[] = {
		{ FL_PHASE_CONNECT, FL_LIMIT_CONNECT, 100 * FL_MS },
		{ FL_PHASE_SEND, FL_LIMIT_IDLE, 300 * FL_MS },
		{ FL_PHASE_FIRST_BYTE, FL_LIMIT_FIRST_BYTE, 200 * FL_MS },
		{ FL_PHASE_BODY, FL_LIMIT_IDLE, 300 * FL_MS },
	};
	struct fl_plan plan;
	struct fl_response *r;
	(void)state;
	fl_plan_init(&plan);
	plan.timeouts = (struct fl_timeouts){ .total = 10 * FL_SEC, .connect = 100 * FL_MS, .first_byte = 200 * FL_MS, .idle = 300 * FL_MS };
	for (size_t i = 0; i < FL_ARRAY_LEN(cases); i++) {
		struct script s = { .steps = { { .after = 60 * FL_SEC } }, .phase = cases[i].phase };
		struct fl_client_opts o;
		struct fl_client *c;
		s.t = (struct fl_transport){ .ud = &s, .start = script_start, .cancel = script_cancel, .poll = script_poll, .tells_phases = true };
		fl_client_opts_init(&o);
		o.plan = &plan;
		o.transport = &s.t;
		o.clock = script_clock;
		o.clock_ud = &s;
		assert_int_equal(fl_client_new(&o, &c, NULL), 0);
		struct fl_request req = { .method = "GET", .url = "http://a/" };
		assert_int_equal(fl_client_do(c, &req, &r), -ETIMEDOUT);
		assert_int_equal(r->limit, cases[i].limit);
		assert_true(r->took == cases[i].took);
		assert_string_equal(r->text, fl_limit_text(cases[i].limit));
		assert_int_equal(s.live, 0);
		fl_response_free(r);
		fl_client_free(c);
	}
}

static void
a_sick_instance_does_not_take_the_others_out(void **state)
{
	struct script s = { .steps = { { .status = 200 }, { .status = 500 }, { .status = 500 } } };
	const char *others[] = { "http://b/" };
	struct fl_breaker *breakers[2];
	struct fl_breaker_opts bo;
	struct fl_breaker_counters n;
	struct fl_plan plan;
	struct fl_response *r;
	(void)state;
	fl_plan_init(&plan);
	plan.retry.attempts_max = 4;
	plan.retry.base = 200 * FL_MS;
	fl_breaker_opts_init(&bo);
	assert_int_equal(fl_breaker_new(&bo, &breakers[0], NULL), 0);
	assert_int_equal(fl_breaker_new(&bo, &breakers[1], NULL), 0);
	struct fl_client *c = rig(&s, &plan);
	struct fl_request req = { .method = "GET", .url = "http://a/", .urls = others, .url_count = 1, .breakers = breakers };
	fl_breaker_force(breakers[0], FL_BREAKER_OPEN, s.now);
	assert_int_equal(fl_client_do(c, &req, &r), 0);
	assert_string_equal(s.urls[0], "http://b/");
	assert_int_equal(r->attempts, 1);
	fl_response_free(r);
	fl_breaker_counters(breakers[1], &n);
	assert_int_equal(n.ok, 1);
	/* Nobody is left: that is said at once, without the waits of a retry. */
	fl_breaker_force(breakers[1], FL_BREAKER_OPEN, s.now);
	fl_ns from = s.now;
	assert_int_equal(fl_client_do(c, &req, &r), -EAGAIN);
	assert_true(s.now == from);
	assert_int_equal(r->end, FL_END_REFUSED);
	assert_int_equal(r->refusal.by, FL_WHO_BREAKER);
	assert_int_equal(s.step, 1);
	fl_response_free(r);
	fl_client_free(c);
	fl_breaker_free(breakers[0]);
	fl_breaker_free(breakers[1]);
}

static void
retry_after_may_be_a_date(void **state)
{
	struct script s = { .steps = { { .status = 503 }, { .status = 200 }, { .status = 200 } } };
	struct fl_plan plan;
	struct fl_response *r;
	char date[64];
	time_t later = time(NULL) + 1000;
	struct tm tm;
	(void)state;
	strftime(date, sizeof(date), "%a, %d %b %Y %H:%M:%S GMT", gmtime_r(&later, &tm));
	s.steps[0].retry_after = date;
	fl_plan_init(&plan);
	plan.retry.attempts_max = 2;
	struct fl_client *c = rig(&s, &plan);
	assert_int_equal(fl_client_get(c, "http://a/", NULL, 0, &r), 0);
	assert_int_equal(r->status, 503);                       /* more patience than there is */
	assert_int_equal(r->attempts, 1);
	fl_response_free(r);
	s.step = 0;
	s.steps[0].retry_after = "Sun, 06 Nov 1994 08:49:37 GMT";
	assert_int_equal(fl_client_get(c, "http://a/", NULL, 0, &r), 0);
	assert_int_equal(r->attempts, 2);
	fl_response_free(r);
	fl_client_free(c);
}

/* ---- memory ---- */

struct counted {
	unsigned given, back, until;    /* until: how many are given; UINT_MAX: all */
};

static void *
count_alloc(void *ud, size_t bytes)
{
	struct counted *n = ud;
	if (n->given == n->until)
		return NULL;
	n->given++;
	return malloc(bytes);
}

static void
count_free(void *ud, void *p)
{
	((struct counted *)ud)->back++;
	free(p);
}

static void
memory_is_the_users(void **state)
{
	struct answerer a;
	struct fl_plugin p = { .on_request_start = sign };
	struct fl_plan plan;
	char url[256];
	bool good = false;
	(void)state;
	answerer_start(&a, ANSWER, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX-A: b\r\n\r\nhi");
	snprintf(url, sizeof(url), "http://%s/", a.text);
	fl_plan_init(&plan);
	/* Whichever request for memory is not met: an error, no harm, and all of it comes back. */
	for (unsigned k = 0; !good; k++) {
		struct counted n = { .until = k };
		struct fl_alloc alloc = { count_alloc, count_free, &n };
		struct fl_client_opts o;
		struct fl_client *c = NULL;
		struct fl_response *r = NULL;
		fl_client_opts_init(&o);
		o.plan = &plan;
		o.alloc = &alloc;
		int rc = fl_client_new(&o, &c, NULL);
		if (rc == 0) {
			if (k > 20)
				assert_int_equal(fl_client_add_plugin(c, &p), 0);
			rc = fl_client_get(c, url, NULL, 0, &r);
			good = rc == 0 && k > 20;
			fl_response_free(r);
		}
		assert_true(rc == 0 || rc == -ENOMEM);
		fl_client_free(c);
		assert_int_equal(n.given, n.back);
		assert_true(k < 100);
	}
	answerer_stop(&a);
}

/* ---- libcurl ---- */

static void
what_is_no_method_is_refused(void **state)
{
	static const char *const bad[] = { "", "GET / HTTP/1.1\r\nX: y\r\n\r\n", "GE T", "G\tT", "GET:", "GE\xc3\xa9" };
	struct script s = { .steps = { { .status = 200 } } };
	struct fl_plan plan;
	struct fl_response *r;
	(void)state;
	fl_plan_init(&plan);
	struct fl_client *c = rig(&s, &plan);
	for (size_t i = 0; i < FL_ARRAY_LEN(bad); i++) {
		struct fl_request req = { .method = bad[i], .url = "http://a/" };
		assert_int_equal(fl_client_do(c, &req, &r), -EINVAL);
		assert_null(r);
	}
	assert_int_equal(s.step, 0);
	fl_client_free(c);
}

static void
redirects(void **state)
{
	static const struct { unsigned max; int error; unsigned status; } cases[] = { { 0, 0, 302 }, { 3, -ELOOP, 0 } };
	struct answerer a;
	struct fl_plan plan;
	char url[256], line[300];
	(void)state;
	answerer_start(&a, ANSWER, "HTTP/1.1 302 Found\r\nLocation: /again\r\nContent-Length: 0\r\n\r\n");
	snprintf(url, sizeof(url), "http://%s/", a.text);
	fl_plan_init(&plan);
	plan.retry.attempts_max = 3;
	for (size_t i = 0; i < FL_ARRAY_LEN(cases); i++) {
		struct fl_client_opts o;
		struct fl_client *c;
		struct fl_response *r;
		fl_client_opts_init(&o);
		o.plan = &plan;
		o.redirects_max = cases[i].max;
		assert_int_equal(fl_client_new(&o, &c, NULL), 0);
		assert_int_equal(fl_client_get(c, url, NULL, 0, &r), cases[i].error);
		assert_int_equal(r->status, cases[i].status);
		assert_int_equal(r->attempts, 1);
		fl_response_free(r);
		fl_client_free(c);
	}
	answerer_stop(&a);
	snprintf(line, sizeof(line), "GET /again HTTP/1.1\r\nHost: %s\r\n", a.text);
	assert_int_equal(strncmp(a.request, line, strlen(line)), 0);
}

/* A server that takes the request and says nothing: libcurl tells how far it is, so the limit of the first byte can be held. */
static void
the_first_byte_is_waited_for_as_long_as_it_may_take(void **state)
{
	struct answerer a;
	struct fl_plan plan;
	struct fl_client_opts o;
	struct fl_client *c;
	struct fl_response *r;
	char url[256];
	static char body[100000];
	(void)state;
	answerer_start(&a, ANSWER_NEVER, "");
	snprintf(url, sizeof(url), "http://%s/", a.text);
	fl_plan_init(&plan);
	plan.timeouts.total = 0;
	plan.timeouts.idle = 0;
	plan.timeouts.first_byte = 20 * FL_MS;
	fl_client_opts_init(&o);
	o.plan = &plan;
	assert_int_equal(fl_client_new(&o, &c, NULL), 0);
	assert_int_equal(fl_client_get(c, url, NULL, 0, &r), -ETIMEDOUT);
	assert_int_equal(r->limit, FL_LIMIT_FIRST_BYTE);
	fl_response_free(r);
	memset(body, 'x', sizeof(body));
	assert_int_equal(fl_client_post(c, url, body, sizeof(body), NULL, 0, &r), -ETIMEDOUT);
	assert_int_equal(r->limit, FL_LIMIT_FIRST_BYTE);
	fl_response_free(r);
	fl_client_free(c);
	answerer_stop(&a);
}

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
		cmocka_unit_test(a_plugin_changes_the_request),
		cmocka_unit_test(asked_from_within),
		cmocka_unit_test(a_caller_loses_patience),
		cmocka_unit_test(each_limit_is_held_and_named),
		cmocka_unit_test(a_sick_instance_does_not_take_the_others_out),
		cmocka_unit_test(retry_after_may_be_a_date),
		cmocka_unit_test(memory_is_the_users),
		cmocka_unit_test(what_is_no_method_is_refused),
		cmocka_unit_test(redirects),
		cmocka_unit_test(the_first_byte_is_waited_for_as_long_as_it_may_take),
		cmocka_unit_test(it_speaks_http),
		cmocka_unit_test(nobody_listens),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
