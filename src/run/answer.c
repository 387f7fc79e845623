/* SPDX-License-Identifier: MIT */
/* answer.c - a server with a set capacity, for experiments. */
#include "run/answer.h"

#include "base/assert.h"
#include "base/heap.h"
#include "base/list.h"
#include "base/pool.h"
#include "base/rng.h"
#include "base/units.h"
#include "io/io.h"
#include "proto/http1.h"
#include "proto/jsonw.h"
#include "stream/outgo.h"
#include <errno.h>
#include <inttypes.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define CONNS_MAX 20000
#define JOBS_MAX (ANSWER_CAPACITY_MAX + ANSWER_QUEUE_MAX)
#define RECV_BYTES 65536u
#define HEAD_BYTES_MAX 16384
#define BEHIND_BYTES_MAX (2 * RECV_BYTES)       /* of requests that come before the answer to the one before */
#define EVENTS_PER_TURN 256
#define PAUSE_MAX (60 * FL_SEC)

enum conn_state { CONN_READING, CONN_WORKING, CONN_SENDING, CONN_CLOSING };

struct job;
struct conn {
	struct answer *answer;
	struct io_sock *sock;
	enum conn_state state;
	bool last;                      /* close after this answer */
	bool ended;                     /* the client has ended its side */
	struct job *job;                /* CONN_WORKING */
	struct outgo out;
	struct http1 http;
	struct buf behind;              /* bytes of later requests */
};
struct job {
	struct heap_node timer;         /* when it is done; not armed while it waits */
	struct list link;               /* in queue */
	struct conn *conn;              /* NULL: the client has left */
	uint64_t n;
};
struct answer {
	struct io *io;
	struct io_sock *listener;
	struct answer_conf conf;
	char name[64];
	atomic_bool stop;
	fl_ns paused_until;
	struct pool conns, jobs;
	struct heap timers;
	struct list queue;
	char *block;                    /* ANSWER_BODY_MAX bytes, written as far as they were asked for */
	int64_t block_filled;
	struct answer_counts counts;
};

static void read_on(struct conn *c);

/* ---- answers ---- */

static const char *
reason(unsigned status)
{
	return status == 200 ? "OK" : status == 404 ? "Not Found" : status == 400 ? "Bad Request" : status == 503 ? "Service Unavailable" :
	    status >= 500 ? "Server Error" : "Error";
}

static void
close_conn(struct conn *c, bool reset)
{
	if (c->state == CONN_CLOSING)
		return;
	if (c->job != NULL)
		c->job->conn = NULL;
	c->job = NULL;
	c->state = CONN_CLOSING;
	io_close(c->answer->io, c->sock, reset);
}

static void
sent(struct conn *c, int rc)
{
	if (rc == 0)
		return;
	if (rc < 0 || c->last || (c->ended && buf_len(&c->behind) == 0)) {
		close_conn(c, false);
		return;
	}
	http1_next(&c->http);
	c->state = CONN_READING;
	read_on(c);
}

/* type NULL: the body is the block. */
static void
send_answer(struct conn *c, unsigned status, const char *type, const char *body, uint64_t body_bytes)
{
	struct answer *a = c->answer;
	bool head = c->http.method != NULL && strcmp(c->http.method, "HEAD") == 0;

	c->state = CONN_SENDING;
	c->last = c->last || c->http.state != HTTP1_DONE || !c->http.keep_alive;
	outgo_begin(&c->out);
	buf_printf(&c->out.head, "HTTP/1.1 %u %s\r\nX-Answer: %s\r\nContent-Type: %s\r\nContent-Length: %" PRIu64 "\r\n%s%s\r\n", status,
	    reason(status), a->name, type == NULL ? "text/plain" : type, body_bytes, status == 503 && type == NULL ? "Retry-After: 1\r\n" : "",
	    c->last ? "Connection: close\r\n" : c->http.version_minor == 0 ? "Connection: keep-alive\r\n" : "");
	if (type != NULL && !head)
		buf_append(&c->out.head, body, (size_t)body_bytes);
	outgo_body(&c->out, a->block, ANSWER_BODY_MAX, type == NULL && !head ? body_bytes : 0);
	sent(c, outgo_run(&c->out, a->io, c->sock));
}

static void
send_body(struct conn *c, unsigned status)
{
	struct answer *a = c->answer;

	if (a->conf.body > a->block_filled) {
		memset(a->block + a->block_filled, 'x', (size_t)(a->conf.body - a->block_filled));
		a->block_filled = a->conf.body;
	}
	send_answer(c, status, NULL, NULL, (uint64_t)a->conf.body);
}

/* ---- work ---- */

/* Uniform in [0, 1) for the nth request (3). */
static double
draw(const struct answer *a, uint64_t n, uint64_t what)
{
	return rng_unit(rng_draw(rng_key(a->conf.seed, what), n, 0));
}

static fl_ns
work_of(const struct answer *a, uint64_t n)
{
	fl_ns work = draw(a, n, 1) < a->conf.slow_share ? a->conf.slow_work : a->conf.work;

	return FL_MAX(work + (fl_ns)((2 * draw(a, n, 2) - 1) * (double)a->conf.jitter), 0);
}

static void
begin_job(struct answer *a, struct job *j)
{
	const fl_ns now = io_now(a->io);

	list_del(&j->link);
	a->counts.busy++;
	heap_set(&a->timers, &j->timer, FL_MAX(now, a->paused_until) + work_of(a, j->n));
}

/* Those who wait go on, as far as there is room. */
static void
begin_waiting(struct answer *a)
{
	while (a->counts.busy < a->conf.capacity && !list_empty(&a->queue)) {
		a->counts.queued--;
		begin_job(a, list_entry(a->queue.next, struct job, link));
	}
}

static void
end_job(struct answer *a, struct job *j)
{
	struct conn *c = j->conn;
	bool fails = draw(a, j->n, 3) < a->conf.fail_rate;

	a->counts.busy--;
	if (fails)
		a->counts.failed++;
	else
		a->counts.worked++;
	a->counts.abandoned += c == NULL;
	pool_give(&a->jobs, j);
	if (c != NULL) {
		c->job = NULL;
		send_body(c, fails ? a->conf.fail_status : 200);
	}
	begin_waiting(a);
}

/* Its client has left. */
static void
cancel_job(struct answer *a, struct job *j)
{
	if (heap_armed(&j->timer))
		a->counts.busy--;
	else
		a->counts.queued--;
	heap_del(&a->timers, &j->timer);
	list_del(&j->link);
	a->counts.cancelled++;
	pool_give(&a->jobs, j);
	begin_waiting(a);
}

static void
take_job(struct conn *c)
{
	struct answer *a = c->answer;
	const uint64_t n = a->counts.requests++;
	bool room = a->counts.busy < a->conf.capacity || a->counts.queued < a->conf.queue;
	struct job *j = room ? pool_take(&a->jobs, NULL) : NULL;

	if (j == NULL) {
		a->counts.rejected++;
		send_answer(c, 503, NULL, NULL, 0);
		return;
	}
	j->n = n;
	j->conn = c;
	list_init(&j->link);
	c->job = j;
	c->state = CONN_WORKING;
	if (a->counts.busy < a->conf.capacity) {
		begin_job(a, j);
	} else {
		a->counts.queued++;
		list_add_tail(&a->queue, &j->link);
	}
}

/* ---- its own pages ---- */

static void
put_stats(const struct answer *a, struct buf *out)
{
	const struct answer_counts *n = &a->counts;
	struct jsonw w;

	jsonw_init(&w, out);
	jsonw_object(&w);
	jsonw_str(&w, "name", a->name);
	jsonw_num(&w, "requests", (int64_t)n->requests);
	jsonw_num(&w, "worked", (int64_t)n->worked);
	jsonw_num(&w, "failed", (int64_t)n->failed);
	jsonw_num(&w, "abandoned", (int64_t)n->abandoned);
	jsonw_num(&w, "rejected", (int64_t)n->rejected);
	jsonw_num(&w, "cancelled", (int64_t)n->cancelled);
	jsonw_num(&w, "bad", (int64_t)n->bad);
	jsonw_num(&w, "connections", (int64_t)n->connections);
	jsonw_num(&w, "queued", n->queued);
	jsonw_num(&w, "busy", n->busy);
	jsonw_num(&w, "open", n->open);
	jsonw_end(&w);
	buf_putc(out, '\n');
}

static void
put_settings(const struct answer *a, struct buf *out)
{
	const struct answer_conf *c = &a->conf;
	struct jsonw w;

	jsonw_init(&w, out);
	jsonw_object(&w);
	jsonw_str(&w, "name", a->name);
	jsonw_num(&w, "work", c->work);
	jsonw_num(&w, "jitter", c->jitter);
	jsonw_key(&w, "slow_share");
	jsonw_float(&w, c->slow_share);
	jsonw_num(&w, "slow_work", c->slow_work);
	jsonw_num(&w, "capacity", c->capacity);
	jsonw_num(&w, "queue", c->queue);
	jsonw_key(&w, "fail_rate");
	jsonw_float(&w, c->fail_rate);
	jsonw_num(&w, "fail_status", c->fail_status);
	jsonw_num(&w, "body", c->body);
	jsonw_flag(&w, "notice_cancel", c->notice_cancel);
	jsonw_flag(&w, "healthy", c->healthy);
	jsonw_end(&w);
	buf_putc(out, '\n');
}

static void
pause_for(struct answer *a, fl_ns t)
{
	const fl_ns now = io_now(a->io);

	a->paused_until = now + t;
	for (uint32_t i = 0; i < a->jobs.touched; i++) {
		struct job *j = pool_at(&a->jobs, i);
		if (j != NULL && heap_armed(&j->timer))
			heap_set(&a->timers, &j->timer, FL_MAX(j->timer.at, now) + t);
	}
}

/* One "name=value" of the query; 0, or -EINVAL with error. */
static int
take_setting(struct answer_conf *c, char *word, fl_ns *pause, char *error)
{
	char *value = strchr(word, '=');
	size_t n;

	if (value == NULL) {
		snprintf(error, ANSWER_ERROR_MAX, "found \"%.40s\", expected name=value", word);
		return -EINVAL;
	}
	*value++ = '\0';
	n = strlen(value);
	if (n > 2 && strcmp(value + n - 3, "%25") == 0)         /* an escaped % */
		value[n - 2] = '\0';
	if (strcmp(word, "pause") != 0)
		return answer_conf_set(c, word, value, error) == 0 ? 0 : -EINVAL;
	if (units_parse_duration(value, pause) == 0 && *pause <= PAUSE_MAX)
		return 0;
	snprintf(error, ANSWER_ERROR_MAX, "pause: found \"%.40s\", expected a duration such as 2s, up to 60s", value);
	return -EINVAL;
}

static void
control(struct conn *c)
{
	struct answer *a = c->answer;
	struct answer_conf conf = a->conf;
	char query[1024], error[ANSWER_ERROR_MAX] = "", *next = query, *word;
	const char *mark = strchr(c->http.target, '?');
	struct buf out;
	fl_ns pause = 0;
	int rc = 0;

	snprintf(query, sizeof(query), "%s", mark == NULL ? "" : mark + 1);
	if (mark != NULL && strlen(mark + 1) >= sizeof(query)) {
		snprintf(error, sizeof(error), "found a query of %zu bytes, expected less than %zu", strlen(mark + 1), sizeof(query));
		rc = -EINVAL;
	}
	while (rc == 0 && (word = strsep(&next, "&")) != NULL)
		if (*word != '\0')
			rc = take_setting(&conf, word, &pause, error);
	buf_init(&out, HEAD_BYTES_MAX);
	if (rc == 0) {
		a->conf = conf;
		if (pause > 0)
			pause_for(a, pause);
		put_settings(a, &out);
		begin_waiting(a);
		send_answer(c, 200, "application/json", buf_str(&out), buf_len(&out));
	} else {
		buf_printf(&out, "%s\n", error);
		send_answer(c, 400, "text/plain; charset=utf-8", buf_str(&out), buf_len(&out));
	}
	buf_fini(&out);
}

static bool
is_path(const char *target, const char *path)
{
	size_t n = strlen(path);

	return strncmp(target, path, n) == 0 && (target[n] == '\0' || target[n] == '?');
}

static void
take_request(struct conn *c)
{
	struct answer *a = c->answer;
	const char *target = c->http.target;
	struct buf out;

	if (is_path(target, "/stats")) {
		buf_init(&out, HEAD_BYTES_MAX);
		put_stats(a, &out);
		send_answer(c, 200, "application/json", buf_str(&out), buf_len(&out));
		buf_fini(&out);
	} else if (is_path(target, "/health")) {
		send_answer(c, a->conf.healthy ? 200 : 503, "text/plain", a->conf.healthy ? "ok\n" : "unwell\n", a->conf.healthy ? 3 : 7);
	} else if (is_path(target, "/control")) {
		if (strcmp(c->http.method, "POST") == 0)
			control(c);
		else
			send_answer(c, 405, "text/plain", "POST it\n", 8);
	} else {
		take_job(c);
	}
}

/* ---- connections ---- */

/* Take what belongs to the request at hand. returns how many bytes it took. */
static size_t
take_bytes(struct conn *c, const char *p, size_t n)
{
	static const char go_on[] = "HTTP/1.1 100 Continue\r\n\r\n";
	bool had_head = c->http.state != HTTP1_HEAD;
	size_t used = http1_feed(&c->http, p, n);

	buf_clear(&c->http.body);
	if (c->http.state == HTTP1_BODY && !had_head && c->http.expect_continue)
		(void)io_push(c->answer->io, c->sock, go_on, sizeof(go_on) - 1);
	if (c->http.state == HTTP1_BAD) {
		c->answer->counts.bad++;
		c->last = true;
		send_answer(c, c->http.status, "text/plain", c->http.error, strlen(c->http.error));
	} else if (c->http.state == HTTP1_DONE) {
		take_request(c);
	}
	return used;
}

/* An answer is gone: the requests that came meanwhile. */
static void
read_on(struct conn *c)
{
	while (c->state == CONN_READING && buf_len(&c->behind) > 0) {
		struct buf now = c->behind;
		size_t used;
		buf_init(&c->behind, BEHIND_BYTES_MAX);
		used = take_bytes(c, buf_data(&now), buf_len(&now));
		/* While an answer was made nothing can have come: this turn holds the thread. */
		if (used < buf_len(&now) && c->state != CONN_CLOSING)
			buf_append(&c->behind, buf_data(&now) + used, buf_len(&now) - used);
		buf_fini(&now);
	}
	if (c->state == CONN_READING && c->ended)
		close_conn(c, false);
}

static void
on_recv(struct conn *c, const struct io_event *ev)
{
	struct answer *a = c->answer;
	struct job *j = c->job;

	if (ev->res > 0) {
		if (buf_append(&c->behind, ev->data, (size_t)ev->res) != 0)
			close_conn(c, true);
		else
			read_on(c);
		return;
	}
	c->ended = true;
	/* A client that ends its side has given up; one that still wants the answer keeps it open. */
	if (c->state == CONN_WORKING || c->state == CONN_READING || ev->res < 0) {
		close_conn(c, ev->res < 0);
		if (j != NULL && a->conf.notice_cancel)
			cancel_job(a, j);
	}
}

static void
on_accept(struct answer *a, int token)
{
	struct conn *c;

	if (token < 0)
		return;         /* out of descriptors, say: the next one may fare better */
	c = pool_take(&a->conns, NULL);
	if (c == NULL) {
		io_discard(token, true);
		return;
	}
	c->answer = a;
	if (io_attach(a->io, token, c, &c->sock) != 0) {
		io_discard(token, true);
		pool_give(&a->conns, c);
		return;
	}
	http1_init(&c->http, HTTP1_REQUEST, (size_t)ANSWER_BODY_MAX);
	buf_init(&c->behind, BEHIND_BYTES_MAX);
	outgo_init(&c->out, HEAD_BYTES_MAX);
	a->counts.connections++;
	a->counts.open++;
	io_recv_start(a->io, c->sock, RECV_BYTES);
}

static void
conn_fini(struct conn *c)
{
	http1_fini(&c->http);
	buf_fini(&c->behind);
	outgo_fini(&c->out);
}

static void
on_event(struct answer *a, const struct io_event *ev)
{
	struct conn *c = ev->ud;

	if (ev->ud == a) {
		if (ev->kind == IO_ACCEPT)
			on_accept(a, ev->res);
	} else if (ev->kind == IO_CLOSED) {
		a->counts.open--;
		conn_fini(c);
		pool_give(&a->conns, c);
	} else if (c->state == CONN_CLOSING) {
		return;
	} else if (ev->kind == IO_RECV) {
		on_recv(c, ev);
	} else if (ev->kind == IO_SENT) {
		sent(c, ev->res < 0 ? ev->res : outgo_sent(&c->out, a->io, c->sock));
	}
}

/* ---- the whole ---- */

void
answer_run(struct answer *a)
{
	struct heap_node *timer;
	struct io_event ev;

	while (!atomic_load(&a->stop)) {
		io_wait(a->io, heap_next(&a->timers));
		while ((timer = heap_pop(&a->timers, io_now(a->io))) != NULL)
			end_job(a, FL_CONTAINER_OF(timer, struct job, timer));
		for (int i = 0; i < EVENTS_PER_TURN && io_next(a->io, &ev); i++)
			on_event(a, &ev);
	}
}

void
answer_stop(struct answer *a)
{
	atomic_store(&a->stop, true);
	io_wake(a->io);
}

void
answer_counts(const struct answer *a, struct answer_counts *ret)
{
	*ret = a->counts;
}

static int
open_listener(struct answer *a, const struct io_addr *at, struct io_addr *ret_bound)
{
	int token, rc = io_bind(at, &token, ret_bound);

	if (rc < 0)
		return rc;
	rc = io_listen(a->io, token, a, &a->listener);
	if (rc < 0)
		io_discard(token, false);
	return rc;
}

int
answer_new(const struct answer_opts *opts, struct io_addr *ret_bound, struct answer **ret_answer)
{
	struct answer *a = calloc(1, sizeof(*a));
	struct io_opts io_opts = { .socks_max = CONNS_MAX + 16 };
	void *block;
	int rc;

	if (a == NULL)
		return -ENOMEM;
	a->conf = opts->conf;
	snprintf(a->name, sizeof(a->name), "%s", opts->name);
	list_init(&a->queue);
	block = mmap(NULL, (size_t)ANSWER_BODY_MAX, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	a->block = block == MAP_FAILED ? NULL : block;
	rc = a->block == NULL ? -ENOMEM : io_new(&io_opts, &a->io);
	if (rc == 0)
		rc = pool_init(&a->conns, sizeof(struct conn), CONNS_MAX);
	if (rc == 0)
		rc = pool_init(&a->jobs, sizeof(struct job), JOBS_MAX);
	if (rc == 0)
		rc = heap_init(&a->timers, JOBS_MAX);
	if (rc == 0)
		rc = open_listener(a, &opts->listen, ret_bound);
	if (rc < 0) {
		answer_free(a);
		return rc;
	}
	*ret_answer = a;
	return 0;
}

void
answer_free(struct answer *a)
{
	if (a == NULL)
		return;
	for (uint32_t i = 0; i < a->conns.touched; i++) {
		struct conn *c = pool_at(&a->conns, i);
		if (c != NULL)
			conn_fini(c);
	}
	io_free(a->io);
	pool_fini(&a->conns);
	pool_fini(&a->jobs);
	heap_fini(&a->timers);
	if (a->block != NULL)
		munmap(a->block, (size_t)ANSWER_BODY_MAX);
	free(a);
}
