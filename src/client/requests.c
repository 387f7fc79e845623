/* SPDX-License-Identifier: MIT */
/*
 * requests.c - the HTTP client: requests through a plan, over a transport.
 *
 * Invariants
 *  (1) A request lives from fl_client_start() until its call was released; done() is called once, when its outcome is known.
 *  (2) An attempt has a handle exactly while the transport works on it.
 *  (3) A request that is over is taken out of the list before its done function is called; who comes back to a walk over the list after
 *      others' code ran (`stirs` has changed) begins anew, and a request that is being driven (`busy`) is not driven from within. So done
 *      and fallback functions may start others and wait for them; they may not free the client.
 */
#include "faultline/client.h"
#include "base/list.h"
#include "client/client_memory.h"
#include "client/request_copy.h"
#include "client/response.h"
#include "client/transport.h"
#include "policy/common.h"

#include <curl/curl.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#define PLUGINS_MAX 16
#define MORE_MAX 4
#define PATIENCE_MAX 1000000            /* seconds that a server may ask for; more is as much */

struct job;

struct attempt {
	struct job *job;
	void *handle;                           /* (2) */
	unsigned index;
	fl_ns at, phase_at, moved_at;
	enum fl_phase phase;
	fl_ns until;                            /* when `limit` ends it */
	enum fl_limit limit;
	struct fl_breaker *breaker;             /* the instance's; NULL: none, or it has its vote */
	struct fl_permit permit;
	struct fl_response *response;           /* its answer, until somebody takes it */
};

struct job {
	struct list link;
	struct fl_client *client;
	const struct fl_request *asked;         /* the caller's */
	struct request_copy copy;               /* what plugins made of it */
	fl_client_done_fn *done;
	void *ud;
	struct fl_call call;
	struct attempt attempts[FL_CALL_ATTEMPTS_MAX];
	struct fl_response *result;
	_Atomic int grant_state;
	int grant_res;
	struct fl_refusal grant_why;
	fl_ns until, start;
	bool finished, told, busy, gone;        /* gone: its call was released */
	bool stirred;                           /* something happened: look at it, whatever the time */
	int answered;                           /* index of the attempt with the latest answer; -1: none, or a later one failed */
	int error;                              /* of the last attempt without an answer */
	char text[256];
};

struct fl_client {
	struct fl_client_opts o;
	struct fl_transport t;
	struct list jobs;
	struct list over;                       /* finished, and their callers not told yet */
	unsigned count;
	unsigned stirs;                         /* counts each change of the lists */
	uint64_t number;
	struct fl_plugin plugins[PLUGINS_MAX];
	unsigned plugin_count;
	unsigned retry_statuses[32];
	size_t retry_status_count;
};

/* ---- life ---- */

void
fl_client_opts_init_size(struct fl_client_opts *o, size_t size)
{
	struct fl_client_opts d = { .size = size, .body_bytes_max = 64u << 20 };
	memcpy(o, &d, size < sizeof(d) ? size : sizeof(d));
}

static void transport_done(void *token, const struct fl_transport_result *result);
static void transport_moved(void *token, enum fl_phase phase);

int
fl_client_new(const struct fl_client_opts *opts, struct fl_client **ret_client, const char **ret_field)
{
	static const unsigned usual[] = { 429, 502, 503, 504 };
	struct fl_client_opts o;
	fl_client_opts_init(&o);
	memcpy(&o, opts, FL_MIN(opts->size, sizeof(o)));
	if (!common_check(o.plan != NULL, "plan", ret_field) ||
	    !common_check(o.fallback == NULL || o.plan->fallback != NULL, "fallback", ret_field) ||
	    !common_check(o.body_bytes_max > 0, "body_bytes_max", ret_field) ||
	    !common_check(o.retry_statuses == NULL || o.retry_status_count <= 32, "retry_status_count", ret_field))
		return -EINVAL;
	struct fl_client *c = client_memory_take(o.alloc, sizeof(*c));
	if (c == NULL)
		return -ENOMEM;
	c->o = o;
	list_init(&c->jobs);
	list_init(&c->over);
	const unsigned *statuses = o.retry_statuses != NULL ? o.retry_statuses : usual;
	c->retry_status_count = o.retry_statuses != NULL ? o.retry_status_count : FL_ARRAY_LEN(usual);
	memcpy(c->retry_statuses, statuses, c->retry_status_count * sizeof(*statuses));
	if (o.transport != NULL) {
		o.transport->done = transport_done;
		o.transport->moved = transport_moved;
		c->t = *o.transport;
	} else if (transport_new(&o, &c->t) < 0) {
		client_memory_give(o.alloc, c);
		return -ENOMEM;
	}
	c->t.done = transport_done;
	c->t.moved = transport_moved;
	*ret_client = c;
	return 0;
}

int
fl_client_add_plugin(struct fl_client *c, const struct fl_plugin *p)
{
	if (c->plugin_count == PLUGINS_MAX)
		return -ENOSPC;
	c->plugins[c->plugin_count++] = *p;
	return 0;
}

static fl_ns
clock_of(const struct fl_client *c)
{
	struct timespec ts;
	if (c->o.clock != NULL)
		return c->o.clock(c->o.clock_ud);
	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (fl_ns)ts.tv_sec * FL_SEC + ts.tv_nsec;
}

static void
job_free(struct job *j)
{
	for (unsigned i = 0; i < FL_CALL_ATTEMPTS_MAX; i++)
		fl_response_free(j->attempts[i].response);
	fl_response_free(j->result);
	request_copy_fini(&j->copy);
	list_del(&j->link);
	j->client->stirs++;
	j->client->count--;
	client_memory_give(j->client->o.alloc, j);
}

/* ---- plugins ---- */

static void
plugins_start(const struct fl_client *c, struct fl_request *req)
{
	for (unsigned i = 0; i < c->plugin_count; i++)
		if (c->plugins[i].on_request_start != NULL)
			c->plugins[i].on_request_start(c->plugins[i].ud, req);
}

static void
plugins_end(const struct fl_client *c, const struct fl_request *req, const struct fl_response *resp)
{
	for (unsigned i = c->plugin_count; i-- > 0;) {
		const struct fl_plugin *p = &c->plugins[i];
		if (resp->error != 0 && p->on_error != NULL)
			p->on_error(p->ud, req, resp);
		if (resp->error == 0 && p->on_request_end != NULL)
			p->on_request_end(p->ud, req, resp);
	}
}

static void
plugins_retry(const struct fl_client *c, const struct job *j, unsigned attempt, const char *why)
{
	for (unsigned i = 0; i < c->plugin_count; i++)
		if (c->plugins[i].on_retry != NULL)
			c->plugins[i].on_retry(c->plugins[i].ud, &j->copy.req, attempt, j->call.last_wait, why);
}

/* ---- attempts ---- */

/* What an answer says of the server; as the proxy judges it. */
static enum fl_outcome
outcome_of(const struct fl_response *r)
{
	if (r->status == 429 || (r->status == 503 && fl_response_header(r, "retry-after") != NULL))
		return FL_OVERLOADED;
	return r->status >= 500 && r->status != 501 && r->status != 505 ? FL_FAILED : FL_OK;
}

static bool
is_retryable(const struct fl_client *c, unsigned status)
{
	for (size_t i = 0; i < c->retry_status_count; i++)
		if (c->retry_statuses[i] == status)
			return true;
	return false;
}

static fl_ns
retry_after(const struct fl_response *r)
{
	const char *v = fl_response_header(r, "retry-after");
	fl_ns s = 0;
	if (v == NULL || *v == '\0')
		return 0;
	if (v[strspn(v, "0123456789")] != '\0') {
		time_t now = time(NULL), at = curl_getdate(v, NULL);            /* a date, or nothing that means anything */
		return at > now ? FL_MIN((fl_ns)(at - now), PATIENCE_MAX) * FL_SEC : 0;
	}
	for (; *v != '\0' && s < PATIENCE_MAX; v++)
		s = s * 10 + (*v - '0');
	return FL_MIN(s, PATIENCE_MAX) * FL_SEC;
}

/* Is there an instance whose breaker would let another attempt? */
static bool
any_ready(const struct fl_request *req, fl_ns now)
{
	bool ready = req->breakers == NULL;
	for (size_t i = 0; !ready && i <= req->url_count; i++)
		ready = req->breakers[i] == NULL || fl_breaker_ready(req->breakers[i], now);
	return ready;
}

/* What became of it, to the instance's breaker and to the call. */
static void
attempt_over(struct job *j, struct attempt *a, const struct fl_attempt_result *r, fl_ns now)
{
	struct fl_attempt_result mine = *r;
	if (a->breaker != NULL)
		fl_breaker_record(a->breaker, j->client->o.cell, &a->permit, r->outcome, now - a->at, now);
	a->breaker = NULL;
	a->handle = NULL;
	j->stirred = true;
	mine.breaker_open = !any_ready(&j->copy.req, now);              /* no waiting for what will be refused */
	fl_call_done(&j->call, a->index, &mine, now);
}

static void
note_error(struct job *j, int error, const char *text)
{
	j->error = error;
	j->answered = -1;
	snprintf(j->text, sizeof(j->text), "%s", text);
}

static void
transport_done(void *token, const struct fl_transport_result *result)
{
	struct attempt *a = token;
	struct job *j = a->job;
	struct fl_attempt_result r = { .outcome = FL_FAILED, .sent = result->sent, .retryable = true };
	if (result->error == 0) {
		fl_response_free(a->response);
		a->response = result->response;
		j->answered = (int)a->index;
		j->error = 0;
		snprintf(j->text, sizeof(j->text), "the answer was %u", a->response->status);
		r.outcome = outcome_of(a->response);
		r.sent = FL_ANSWERED;
		r.retryable = is_retryable(j->client, a->response->status);
		if (r.outcome == FL_OK && r.retryable)
			r.outcome = FL_FAILED;
		r.retry_after = retry_after(a->response);
		r.no_retry = fl_response_header(a->response, "x-faultline-no-retry") != NULL;
	} else {
		note_error(j, result->error, result->text);
		r.retryable = result->error != -EINVAL && result->error != -EMSGSIZE && result->error != -ENOMEM && result->error != -ELOOP;
		if (result->error == -ENOMEM || result->error == -EINVAL)
			r.outcome = FL_CANCELLED;       /* ours, not the server's */
	}
	attempt_over(j, a, &r, clock_of(j->client));
}

/* When the attempt has to end, in the phase that it is in, and why. */
static void
set_limit(struct job *j, struct attempt *a)
{
	const struct fl_timeouts *t = &j->client->o.plan->timeouts;
	struct fl_timeouts alone = { .per_try = t->per_try };
	a->until = fl_deadline_next(j->client->t.tells_phases ? t : &alone, j->call.deadline, a->phase, a->at, a->phase_at, a->moved_at,
	    &a->limit);
}

static void
transport_moved(void *token, enum fl_phase phase)
{
	struct attempt *a = token;
	fl_ns now = clock_of(a->job->client);
	if (phase != a->phase)
		a->phase_at = now;
	a->phase = phase;
	a->moved_at = now;
	set_limit(a->job, a);
	a->job->until = FL_MIN(a->job->until, a->until);
}

/*
 * The instance for an attempt, in turn from url on, whose breaker lets it: its number, with a permit in *a. -1: none does, and
 * *ret_why is the last one's reason.
 */
static int
choose(struct job *j, struct attempt *a, fl_ns now, struct fl_refusal *ret_why)
{
	const struct fl_request *req = &j->copy.req;
	size_t n = req->url_count + 1, first = a->index == 0 || req->url_count == 0 ? 0 : 1 + (a->index - 1) % req->url_count;
	for (size_t k = 0; k < n; k++) {
		size_t i = (first + k) % n;
		struct fl_breaker *b = req->breakers != NULL ? req->breakers[i] : NULL;
		if (b != NULL && fl_breaker_admit(b, j->client->o.cell, now, &a->permit, ret_why) != 0)
			continue;
		a->breaker = b;
		return (int)i;
	}
	return -1;
}

static void
start_attempt(struct job *j, const struct fl_todo *todo, fl_ns now)
{
	struct fl_client *c = j->client;
	struct attempt *a = &j->attempts[todo->attempt];
	const struct fl_plan *p = c->o.plan;
	const struct fl_request *req = &j->copy.req;
	struct fl_refusal why = { .by = FL_WHO_NONE };
	struct fl_attempt_result failed = { .outcome = FL_CANCELLED, .sent = FL_NEVER_SENT };
	char left[32], number[16];
	struct fl_header more[MORE_MAX];
	size_t n = 0;
	*a = (struct attempt){ .job = j, .index = todo->attempt, .at = now, .phase_at = now, .moved_at = now, .phase = FL_PHASE_CONNECT };
	set_limit(j, a);
	if (!c->o.no_deadline_header && j->call.deadline.at != FL_NEVER) {
		fl_deadline_write_ms(j->call.deadline.at - now, left);
		more[n++] = (struct fl_header){ "x-faultline-deadline", left };
	}
	if (todo->attempt > 0) {
		snprintf(number, sizeof(number), "%u", todo->attempt + 1);
		more[n++] = (struct fl_header){ "x-faultline-attempt", number };
		plugins_retry(c, j, todo->attempt + 1, j->text);
	}
	int i = choose(j, a, now, &why);
	if (i < 0) {
		failed = (struct fl_attempt_result){ .outcome = FL_FAILED, .sent = FL_NEVER_SENT, .retryable = true, .refused = true,
			.why = &why };
		note_error(j, -EAGAIN, "the breakers of all instances are open");
		attempt_over(j, a, &failed, now);
		return;
	}
	int r = c->t.start(c->t.ud, req, i == 0 ? req->url : req->urls[i - 1], more, n, p->timeouts.connect, a, &a->handle);
	if (r == 0)
		return;
	note_error(j, r, r == -EINVAL ? "the request cannot be sent as it is" : strerror(-r));
	attempt_over(j, a, &failed, now);
}

static void
cancel_attempt(struct job *j, unsigned index, fl_ns now)
{
	struct attempt *a = &j->attempts[index];
	struct fl_attempt_result r = { .outcome = FL_CANCELLED, .sent = FL_SENT_UNKNOWN };
	if (a->handle != NULL)
		j->client->t.cancel(j->client->t.ud, a->handle);
	/* As the call judges for its own breaker: who was stopped by a limit was too slow; who lost to another, or was left, was not. */
	if (a->breaker != NULL && j->call.limit != FL_LIMIT_NONE && j->call.end != FL_END_ANSWERED && j->call.end != FL_END_ABANDONED) {
		fl_breaker_record(a->breaker, j->client->o.cell, &a->permit, FL_FAILED, now - a->at, now);
		a->breaker = NULL;
	}
	attempt_over(j, a, &r, now);
}

/* An attempt that took too long is over; the call decides whether there is another. */
static void
check_limits(struct job *j, fl_ns now)
{
	for (unsigned i = 0; i < j->call.attempts; i++) {
		struct attempt *a = &j->attempts[i];
		struct fl_attempt_result r = { .outcome = FL_FAILED, .sent = FL_SENT_UNKNOWN, .retryable = true };
		if (a->handle == NULL || now < a->until || now >= j->call.deadline.at)
			continue;
		if (a->limit == FL_LIMIT_CONNECT)
			r.sent = FL_NEVER_SENT;
		j->client->t.cancel(j->client->t.ud, a->handle);
		note_error(j, -ETIMEDOUT, fl_limit_text(a->limit));
		fl_call_limit(&j->call, a->limit);
		attempt_over(j, a, &r, now);
	}
}

/* ---- outcomes ---- */

static struct fl_response *
failure(const struct job *j, int error, const char *text)
{
	struct response *r = response_alloc(j->client->o.alloc);
	if (r == NULL)
		return NULL;
	response_fail(r, error, text);
	return &r->pub;
}

static void
finish(struct job *j, const struct fl_todo *todo, fl_ns now)
{
	char say[400];
	struct attempt *a = todo->attempt < FL_CALL_ATTEMPTS_MAX ? &j->attempts[todo->attempt] : NULL;
	j->finished = true;
	switch (todo->end) {
	case FL_END_ANSWERED: case FL_END_FAILED:
		if (a != NULL && a->response != NULL) {
			j->result = a->response;
			a->response = NULL;
		} else {
			j->result = failure(j, j->error != 0 ? j->error : -EIO, j->text);
		}
		break;
	case FL_END_FALLBACK:
		break;                                  /* result is the fallback's */
	case FL_END_REFUSED:
		j->result = failure(j, -EAGAIN, fl_refusal_say(&j->call.refusal, say, sizeof(say)));
		break;
	case FL_END_TIMED_OUT:
		j->result = failure(j, -ETIMEDOUT, fl_call_explain(&j->call, say, sizeof(say)));
		break;
	default:
		j->result = failure(j, -ECANCELED, "cancelled");
	}
	if (j->result == NULL)
		return;
	j->result->attempts = j->call.attempts;
	j->result->hedged = todo->end == FL_END_ANSWERED && j->call.tries[todo->attempt].hedge;
	j->result->degraded = todo->end == FL_END_FALLBACK;
	j->result->end = todo->end;
	bool refused = todo->end == FL_END_REFUSED || todo->end == FL_END_TIMED_OUT;
	j->result->refusal = refused ? j->call.refusal : (struct fl_refusal){ .by = FL_WHO_NONE };
	j->result->limit = j->result->error != 0 ? (enum fl_limit)j->call.limit : FL_LIMIT_NONE;
	j->result->took = now - j->start;
}

/* The fallback function sees the answer that failed, if there was one, or what came instead. */
static void
take_fallback(struct job *j, fl_ns now)
{
	struct fl_client *c = j->client;
	char refused[400];
	const char *say = j->call.limit != FL_LIMIT_NONE ? fl_limit_text((enum fl_limit)j->call.limit) : j->error != 0 ? j->text
	    : fl_refusal_say(&j->call.refusal, refused, sizeof(refused));
	bool answer = j->answered >= 0 && j->call.limit == FL_LIMIT_NONE && j->attempts[j->answered].response != NULL;
	struct fl_response *made = answer ? NULL : failure(j, j->error != 0 ? j->error : -EAGAIN, say);
	struct fl_response *failed = answer ? j->attempts[j->answered].response : made, *instead = NULL;
	if (failed != NULL) {
		failed->attempts = j->call.attempts;
		failed->refusal = j->call.refusal;
		failed->end = j->call.attempts == 0 ? FL_END_REFUSED : FL_END_FAILED;
		failed->limit = (enum fl_limit)j->call.limit;
		failed->took = now - j->start;
	}
	bool good = c->o.fallback != NULL && failed != NULL && c->o.fallback(c->o.fallback_ud, j->asked, failed, &instead) == 0 &&
	    instead != NULL;
	fl_response_free(made);
	if (good)
		j->result = instead;
	fl_call_fallback_done(&j->call, good, clock_of(c));
}

/* Do what the call asks for. returns whether the job is gone. */
static bool
drive(struct job *j)
{
	struct fl_todo todo;
	for (;;) {
		fl_ns now = clock_of(j->client);
		switch (fl_call_next(&j->call, now, &todo)) {
		case FL_DO_ATTEMPT: start_attempt(j, &todo, now); break;
		case FL_DO_CANCEL: cancel_attempt(j, todo.attempt, now); break;
		case FL_DO_FALLBACK: take_fallback(j, now); break;
		case FL_DO_FINISH: finish(j, &todo, now); break;
		case FL_DO_WAIT:
			j->until = todo.until;
			for (unsigned i = 0; i < j->call.attempts; i++)
				if (j->attempts[i].handle != NULL)
					j->until = FL_MIN(j->until, j->attempts[i].until);
			return false;
		case FL_DO_RELEASE:
			return true;
		}
	}
}

/* Tell the caller, once; then the request may be gone. */
static void
tell(struct job *j, bool gone)
{
	struct fl_response *r = j->result;
	j->told = true;
	j->result = NULL;
	j->client->stirs++;
	list_del(&j->link);                             /* (3) */
	if (!gone)
		list_add_tail(&j->client->jobs, &j->link);
	if (r != NULL)
		plugins_end(j->client, &j->copy.req, r);
	j->done(j->ud, j->asked, r);
	if (gone)
		job_free(j);
}

/* ---- requests ---- */

static void
granted(struct fl_call *call, int res, const struct fl_refusal *why, fl_ns now)
{
	struct job *j = FL_CONTAINER_OF(call, struct job, call);
	struct fl_client *c = j->client;
	(void)now;
	j->grant_res = res;
	j->grant_why = *why;
	atomic_store(&j->grant_state, 1);
	if (c->t.wake != NULL)
		c->t.wake(c->t.ud);
}

static bool
is_idempotent(const struct fl_request *req)
{
	static const char *const methods[] = { "GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE" };
	if (req->idempotent != 0)
		return req->idempotent > 0;
	for (size_t i = 0; i < req->header_count; i++)
		if (strcasecmp(req->headers[i].name, "Idempotency-Key") == 0)
			return true;
	for (size_t i = 0; i < FL_ARRAY_LEN(methods); i++)
		if (strcmp(req->method, methods[i]) == 0)
			return true;
	return false;
}

/* A method is a token; libcurl would put anything into the request's first line. */
static bool
is_method(const char *m)
{
	size_t n = strcspn(m, " \t\r\n\v\f\"(),/:;<=>?@[\\]{}\177");
	for (size_t i = 0; i < n; i++)
		if (m[i] < '!' || m[i] > '~')
			return false;
	return n > 0 && m[n] == '\0';
}

int
fl_client_start(struct fl_client *c, const struct fl_request *asked, fl_client_done_fn *done, void *ud)
{
	if (asked->method == NULL || !is_method(asked->method) || asked->url == NULL || done == NULL ||
	    (asked->body == NULL && asked->body_bytes > 0))
		return -EINVAL;
	struct job *j = client_memory_take(c->o.alloc, sizeof(*j));
	if (j == NULL)
		return -ENOMEM;
	j->client = c;
	j->asked = asked;
	j->done = done;
	j->ud = ud;
	j->stirred = true;
	j->answered = -1;
	request_copy_init(&j->copy, asked, c->o.alloc);
	plugins_start(c, &j->copy.req);
	const struct fl_request *req = &j->copy.req;
	j->start = clock_of(c);
	struct fl_call_info info = { .key = ++c->number, .cell = c->o.cell, .priority = req->priority, .idempotent = is_idempotent(req),
		.deadline = req->timeout > 0 ? j->start + FL_MIN(req->timeout, COMMON_TIME_MAX) : 0 };
	list_add_tail(&c->jobs, &j->link);
	c->count++;
	fl_call_start(&j->call, c->o.plan, &info, granted, j->start);
	return 0;
}

int
fl_client_cancel(struct fl_client *c, const struct fl_request *req)
{
	list_for(l, &c->jobs) {
		struct job *j = list_entry(l, struct job, link);
		if (j->asked != req || j->finished || j->busy)
			continue;
		fl_call_abandon(&j->call, clock_of(c));
		j->stirred = true;
		return 0;
	}
	return -ENOENT;
}

/* One request's turn. returns whether others' code may have changed the lists. */
static bool
turn(struct job *j, fl_ns now)
{
	struct fl_client *c = j->client;
	unsigned stirs = c->stirs;
	j->busy = true;
	j->stirred = false;
	if (atomic_exchange(&j->grant_state, 0) != 0)
		fl_call_granted(&j->call, j->grant_res, &j->grant_why, now);
	check_limits(j, now);
	bool gone = drive(j);
	bool stirred = c->stirs != stirs;
	j->busy = false;
	j->gone = gone;
	if (j->finished && !j->told) {
		list_del(&j->link);
		list_add_tail(&c->over, &j->link);
	} else if (gone) {
		job_free(j);
	}
	return stirred;
}

static void
tell_all(struct fl_client *c)
{
	while (!list_empty(&c->over)) {
		struct job *j = list_entry(c->over.next, struct job, link);
		tell(j, j->gone);
	}
}

/* Everything that is due. returns when something is due next. */
static fl_ns
advance(struct fl_client *c)
{
	fl_ns next;
	bool again;
	do {
		fl_ns now = clock_of(c);
		next = FL_NEVER;
		again = false;
		for (struct list *l = c->jobs.next, *after; l != &c->jobs && !again; l = after) {
			struct job *j = list_entry(l, struct job, link);
			after = l->next;
			if (j->busy)
				continue;
			if (j->stirred || now >= j->until || atomic_load(&j->grant_state) != 0)
				again = turn(j, now);           /* then `after` may be gone */
		}
		if (!again && !list_empty(&c->over)) {
			tell_all(c);
			again = true;
		}
	} while (again);
	list_for(l, &c->jobs)
		if (!list_entry(l, struct job, link)->busy)
			next = FL_MIN(next, list_entry(l, struct job, link)->until);
	return next;
}

int
fl_client_poll(struct fl_client *c, fl_ns timeout)
{
	fl_ns next = advance(c), now = clock_of(c);
	if (c->count == 0)
		return 0;
	fl_ns wait = next == FL_NEVER ? timeout : FL_MIN(timeout, FL_MAX(next - now, 0));
	int r = c->t.poll(c->t.ud, wait);
	advance(c);
	return r < 0 ? r : (int)c->count;
}

void
fl_client_free(struct fl_client *c)
{
	if (c == NULL)
		return;
	while (!list_empty(&c->jobs)) {
		struct job *j = list_entry(c->jobs.next, struct job, link);
		fl_call_abandon(&j->call, clock_of(c));
		/* A bulkhead's answer that is under way from another thread comes within moments. */
		for (bool gone = false; !gone;) {
			if (atomic_exchange(&j->grant_state, 0) != 0)
				fl_call_granted(&j->call, j->grant_res, &j->grant_why, clock_of(c));
			gone = drive(j);
			if (!gone)
				common_pause();
		}
		if (j->finished && !j->told)
			tell(j, true);
		else
			job_free(j);
	}
	if (c->t.free != NULL)
		c->t.free(c->t.ud);
	client_memory_give(c->o.alloc, c);
}
