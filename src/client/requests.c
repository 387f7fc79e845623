/* SPDX-License-Identifier: MIT */
/*
 * requests.c - the HTTP client: requests through a plan, over a transport.
 *
 * Invariants
 *  (1) A request lives from fl_client_start() until its call was released; done() is called once, when its outcome is known.
 *  (2) An attempt has a handle exactly while the transport works on it.
 *  (3) done functions are called outside of the walk over the requests: they may start and free others, not the client.
 */
#include "faultline/client.h"
#include "base/list.h"
#include "client/response.h"
#include "client/transport.h"
#include "policy/common.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#define PLUGINS_MAX 16
#define MORE_MAX 4

struct job;

struct attempt {
	struct job *job;
	void *handle;                           /* (2) */
	unsigned index;
	fl_ns until;
	struct fl_response *response;           /* its answer, until somebody takes it */
};

struct job {
	struct list link;
	struct fl_client *client;
	const struct fl_request *req;
	fl_client_done_fn *done;
	void *ud;
	struct fl_call call;
	struct attempt attempts[FL_CALL_ATTEMPTS_MAX];
	struct fl_response *result;
	_Atomic int grant_state;
	int grant_res;
	struct fl_refusal grant_why;
	fl_ns until, start;
	bool finished, told, fallback_told;
	int error;                              /* of the last attempt without an answer */
	char text[256];
};

struct fl_client {
	struct fl_client_opts o;
	struct fl_transport t;
	struct list jobs;
	unsigned count;
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

int
fl_client_new(const struct fl_client_opts *opts, struct fl_client **ret_client, const char **ret_field)
{
	static const unsigned usual[] = { 429, 502, 503, 504 };
	struct fl_client_opts o;
	fl_client_opts_init(&o);
	memcpy(&o, opts, FL_MIN(opts->size, sizeof(o)));
	if (!common_check(o.plan != NULL, "plan", ret_field) || !common_check(o.body_bytes_max > 0, "body_bytes_max", ret_field) ||
	    !common_check(o.retry_statuses == NULL || o.retry_status_count <= 32, "retry_status_count", ret_field))
		return -EINVAL;
	struct fl_client *c = calloc(1, sizeof(*c));
	if (c == NULL)
		return -ENOMEM;
	c->o = o;
	list_init(&c->jobs);
	const unsigned *statuses = o.retry_statuses != NULL ? o.retry_statuses : usual;
	c->retry_status_count = o.retry_statuses != NULL ? o.retry_status_count : FL_ARRAY_LEN(usual);
	memcpy(c->retry_statuses, statuses, c->retry_status_count * sizeof(*statuses));
	if (o.transport != NULL) {
		o.transport->done = transport_done;
		c->t = *o.transport;
	} else if (transport_new(&o, &c->t) < 0) {
		free(c);
		return -ENOMEM;
	}
	c->t.done = transport_done;
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
	list_del(&j->link);
	j->client->count--;
	free(j);
}

/* ---- plugins ---- */

static void
plugins_start(const struct fl_client *c, const struct fl_request *req)
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
			c->plugins[i].on_retry(c->plugins[i].ud, j->req, attempt, j->call.last_wait, why);
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
	if (v == NULL || *v == '\0' || strlen(v) > 6)
		return 0;
	for (; *v != '\0'; v++) {
		if (*v < '0' || *v > '9')
			return 0;
		s = s * 10 + (*v - '0');
	}
	return s * FL_SEC;
}

static void
transport_done(void *token, const struct fl_transport_result *result)
{
	struct attempt *a = token;
	struct job *j = a->job;
	struct fl_attempt_result r = { .outcome = FL_FAILED, .sent = result->sent, .retryable = true };
	a->handle = NULL;
	if (result->error == 0) {
		fl_response_free(a->response);
		a->response = result->response;
		r.outcome = outcome_of(a->response);
		r.sent = FL_ANSWERED;
		r.retryable = is_retryable(j->client, a->response->status);
		if (r.outcome == FL_OK && r.retryable)
			r.outcome = FL_FAILED;
		r.retry_after = retry_after(a->response);
		r.no_retry = fl_response_header(a->response, "x-faultline-no-retry") != NULL;
	} else {
		j->error = result->error;
		r.retryable = result->error != -EINVAL && result->error != -EMSGSIZE && result->error != -ENOMEM;
		snprintf(j->text, sizeof(j->text), "%s", result->text);
	}
	fl_call_done(&j->call, a->index, &r, clock_of(j->client));
	j->until = 0;
}

static void
start_attempt(struct job *j, const struct fl_todo *todo, fl_ns now)
{
	struct fl_client *c = j->client;
	struct attempt *a = &j->attempts[todo->attempt];
	const struct fl_plan *p = c->o.plan;
	char left[32], number[16];
	struct fl_header more[MORE_MAX];
	size_t n = 0;
	*a = (struct attempt){ .job = j, .index = todo->attempt, .until = j->call.deadline.at };
	if (p->timeouts.per_try > 0)
		a->until = FL_MIN(a->until, now + p->timeouts.per_try);
	if (!c->o.no_deadline_header && j->call.deadline.at != FL_NEVER) {
		fl_deadline_write_ms(j->call.deadline.at - now, left);
		more[n++] = (struct fl_header){ "x-faultline-deadline", left };
	}
	if (todo->attempt > 0) {
		snprintf(number, sizeof(number), "%u", todo->attempt + 1);
		more[n++] = (struct fl_header){ "x-faultline-attempt", number };
		plugins_retry(c, j, todo->attempt + 1, j->text);
	}
	/* The instances in turn: the first attempt goes to url. */
	const char *url = todo->attempt == 0 || j->req->url_count == 0 ? j->req->url : j->req->urls[(todo->attempt - 1) % j->req->url_count];
	int r = c->t.start(c->t.ud, j->req, url, more, n, p->timeouts.connect, a, &a->handle);
	if (r == 0)
		return;
	struct fl_attempt_result failed = { .outcome = FL_FAILED, .sent = FL_NEVER_SENT };
	j->error = r;
	a->handle = NULL;
	snprintf(j->text, sizeof(j->text), "%s", r == -EINVAL ? "the request cannot be sent as it is" : strerror(-r));
	fl_call_done(&j->call, todo->attempt, &failed, now);
}

static void
cancel_attempt(struct job *j, unsigned index, fl_ns now)
{
	struct attempt *a = &j->attempts[index];
	struct fl_attempt_result r = { .outcome = FL_CANCELLED, .sent = FL_SENT_UNKNOWN };
	if (a->handle != NULL)
		j->client->t.cancel(j->client->t.ud, a->handle);
	a->handle = NULL;
	fl_call_done(&j->call, index, &r, now);
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
		j->client->t.cancel(j->client->t.ud, a->handle);
		a->handle = NULL;
		j->error = -ETIMEDOUT;
		snprintf(j->text, sizeof(j->text), "%s", fl_limit_text(FL_LIMIT_PER_TRY));
		fl_call_limit(&j->call, FL_LIMIT_PER_TRY);
		fl_call_done(&j->call, i, &r, now);
	}
}

/* ---- outcomes ---- */

static struct fl_response *
failure(int error, const char *text)
{
	struct response *r = response_alloc();
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
			j->result = failure(j->call.limit != FL_LIMIT_NONE ? -ETIMEDOUT : j->error != 0 ? j->error : -EIO, j->text);
		}
		break;
	case FL_END_FALLBACK:
		break;                                  /* result is the fallback's */
	case FL_END_REFUSED:
		j->result = failure(-EAGAIN, fl_refusal_say(&j->call.refusal, say, sizeof(say)));
		break;
	case FL_END_TIMED_OUT:
		j->result = failure(-ETIMEDOUT, fl_call_explain(&j->call, say, sizeof(say)));
		break;
	default:
		j->result = failure(-ECANCELED, "cancelled");
	}
	if (j->result == NULL)
		return;
	j->result->attempts = j->call.attempts;
	j->result->hedged = todo->end == FL_END_ANSWERED && j->call.tries[todo->attempt].hedge;
	j->result->degraded = todo->end == FL_END_FALLBACK;
	j->result->end = todo->end;
	if (todo->end == FL_END_REFUSED || todo->end == FL_END_TIMED_OUT)
		j->result->refusal = j->call.refusal;
	j->result->took = now - j->start;
}

static void
take_fallback(struct job *j, fl_ns now)
{
	struct fl_client *c = j->client;
	char say[400];
	struct fl_response *failed = failure(j->error != 0 ? j->error : -EAGAIN, fl_call_explain(&j->call, say, sizeof(say)));
	struct fl_response *instead = NULL;
	bool good = c->o.fallback != NULL && failed != NULL && c->o.fallback(c->o.fallback_ud, j->req, failed, &instead) == 0 && instead != NULL;
	fl_response_free(failed);
	if (good)
		j->result = instead;
	fl_call_fallback_done(&j->call, good, now);
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

/* Tell the caller, once. */
static void
tell(struct job *j)
{
	struct fl_response *r = j->result;
	j->told = true;
	j->result = NULL;
	if (r != NULL)
		plugins_end(j->client, j->req, r);
	j->done(j->ud, j->req, r);
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

int
fl_client_start(struct fl_client *c, const struct fl_request *req, fl_client_done_fn *done, void *ud)
{
	if (req->method == NULL || req->method[0] == '\0' || req->url == NULL || done == NULL || (req->body == NULL && req->body_bytes > 0))
		return -EINVAL;
	struct job *j = calloc(1, sizeof(*j));
	if (j == NULL)
		return -ENOMEM;
	j->client = c;
	j->req = req;
	j->done = done;
	j->ud = ud;
	j->start = clock_of(c);
	struct fl_call_info info = { .key = ++c->number, .cell = c->o.cell, .priority = req->priority, .idempotent = is_idempotent(req),
		.deadline = req->timeout > 0 ? j->start + req->timeout : 0 };
	list_add_tail(&c->jobs, &j->link);
	c->count++;
	plugins_start(c, req);
	fl_call_start(&j->call, c->o.plan, &info, granted, j->start);
	return 0;
}

/* Everything that is due. returns when something is due next. */
static fl_ns
advance(struct fl_client *c)
{
	fl_ns next = FL_NEVER;
	bool told = true;
	while (told) {
		told = false;
		next = FL_NEVER;
		list_for_safe(l, &c->jobs) {
			struct job *j = list_entry(l, struct job, link);
			if (atomic_exchange(&j->grant_state, 0) != 0)
				fl_call_granted(&j->call, j->grant_res, &j->grant_why, clock_of(c));
			check_limits(j, clock_of(c));
			bool gone = drive(j);
			if (j->finished && !j->told) {
				/* The caller may start others: look at all again (3). */
				tell(j);
				told = true;
			}
			if (gone)
				job_free(j);
			else
				next = FL_MIN(next, j->until);
			if (told)
				break;
		}
	}
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
			if (j->finished && !j->told)
				tell(j);
		}
		job_free(j);
	}
	if (c->t.free != NULL)
		c->t.free(c->t.ud);
	free(c);
}

/* ---- one at a time ---- */

static void
took(void *ud, const struct fl_request *req, struct fl_response *resp)
{
	struct fl_response **to = ud;
	(void)req;
	*to = resp;
}

int
fl_client_do(struct fl_client *c, const struct fl_request *req, struct fl_response **ret_response)
{
	static struct fl_response *const pending = (struct fl_response *)(uintptr_t)1;
	struct fl_response *resp = pending;
	*ret_response = NULL;
	int r = fl_client_start(c, req, took, &resp);
	if (r < 0)
		return r;
	while (resp == pending)
		if ((r = fl_client_poll(c, FL_SEC)) < 0 && resp == pending)
			return r;
	*ret_response = resp;
	return resp == NULL ? -ENOMEM : resp->error;
}

static int
simple(struct fl_client *c, const char *method, const char *url, const void *body, size_t body_bytes, const struct fl_header *headers,
    size_t header_count, struct fl_response **ret_response)
{
	struct fl_request req = { .method = method, .url = url, .headers = headers, .header_count = header_count, .body = body,
		.body_bytes = body_bytes };
	return fl_client_do(c, &req, ret_response);
}

int
fl_client_get(struct fl_client *c, const char *url, const struct fl_header *headers, size_t header_count, struct fl_response **ret_response)
{
	return simple(c, "GET", url, NULL, 0, headers, header_count, ret_response);
}

int
fl_client_delete(struct fl_client *c, const char *url, const struct fl_header *headers, size_t header_count, struct fl_response **ret_response)
{
	return simple(c, "DELETE", url, NULL, 0, headers, header_count, ret_response);
}

int
fl_client_post(struct fl_client *c, const char *url, const void *body, size_t body_bytes, const struct fl_header *headers, size_t header_count,
    struct fl_response **ret_response)
{
	return simple(c, "POST", url, body, body_bytes, headers, header_count, ret_response);
}

int
fl_client_put(struct fl_client *c, const char *url, const void *body, size_t body_bytes, const struct fl_header *headers, size_t header_count,
    struct fl_response **ret_response)
{
	return simple(c, "PUT", url, body, body_bytes, headers, header_count, ret_response);
}

int
fl_client_patch(struct fl_client *c, const char *url, const void *body, size_t body_bytes, const struct fl_header *headers, size_t header_count,
    struct fl_response **ret_response)
{
	return simple(c, "PATCH", url, body, body_bytes, headers, header_count, ret_response);
}

/* ---- the log ---- */

static void
log_end(void *ud, const struct fl_request *req, const struct fl_response *resp)
{
	struct fl_request_log *log = ud;
	char line[512];
	snprintf(line, sizeof(line), "%s %.200s %u %.1f ms, %u attempt%s%s%s", req->method, req->url, resp->status, (double)resp->took / 1e6,
	    resp->attempts, resp->attempts == 1 ? "" : "s", resp->degraded ? ", fallback" : "", resp->hedged ? ", hedged" : "");
	log->write(log->ud, line);
}

static void
log_error(void *ud, const struct fl_request *req, const struct fl_response *resp)
{
	struct fl_request_log *log = ud;
	char line[768];
	snprintf(line, sizeof(line), "%s %.200s %s: %.256s, %.1f ms, %u attempt%s", req->method, req->url, fl_end_name(resp->end), resp->text,
	    (double)resp->took / 1e6, resp->attempts, resp->attempts == 1 ? "" : "s");
	log->write(log->ud, line);
}

struct fl_plugin
fl_request_log_plugin(struct fl_request_log *log)
{
	return (struct fl_plugin){ .on_request_end = log_end, .on_error = log_error, .ud = log };
}
