/* SPDX-License-Identifier: MIT */
/* load_redis.c - the clients of a Redis load. */
#include "run/load_redis.h"

#include "base/assert.h"
#include "base/hash.h"
#include "base/rng.h"
#include "io/clock.h"
#include "io/thread.h"
#include "run/redis_client.h"
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

/* After an operation that got no answer a client waits, so that a server that is down is not stormed. */
#define PAUSE_NS (20 * FL_MS)
#define TEXT_BYTES_MAX 120

/* Values travel as ten digits: what a client sends has the same length whatever it knows, so a replay sends the same bytes. */
#define VALUE_FORMAT "%010" PRId64
#define VALUE_DIGITS 10

/* One command, so that it happens as a whole. An absent key compares as 0, which nobody writes. */
static const char cas_script[] =
    "if (redis.call('GET',KEYS[1]) or '0000000000')==ARGV[1] then redis.call('SET',KEYS[1],ARGV[2]) return 1 else return 0 end";

struct client {
	struct load_redis *load;
	uint32_t number;
	struct redis_client redis;
	struct oplog *log;
	int64_t *known;                 /* by key: the value it saw last; 0: nil */
	bool full;
	pthread_t thread;
};
struct load_redis {
	struct experiment_load conf;
	struct io_addr server;
	uint64_t seed;
	fl_ns epoch, until;
	uint32_t clients, started, logs;
	int stop_fd, done_fd;
	atomic_uint running;
	struct client *client;
	struct oplog **log;             /* clients + 1 */
};

struct load_redis_choice
load_redis_choose(const struct experiment_load *l, uint64_t seed, uint32_t client, uint64_t n)
{
	struct rng128 r = rng_block(rng_key(rng_key(seed, hash_name("load redis")), client), n, 0);
	uint64_t draw = rng_below(r.lo, (uint64_t)l->mix[0] + l->mix[1] + l->mix[2]);
	struct load_redis_choice c = { .f = HISTORY_CAS, .key = (uint32_t)rng_below(r.hi, l->keys) };

	if (draw < l->mix[HISTORY_READ])
		c.f = HISTORY_READ;
	else if (draw < (uint64_t)l->mix[HISTORY_READ] + l->mix[HISTORY_WRITE])
		c.f = HISTORY_WRITE;
	return c;
}

/* (2): 127.1.x.y for client c; the system's choice elsewhere. */
static struct io_addr
source_of(const struct io_addr *server, uint32_t c)
{
	struct io_addr a = { .len = 0 };
	char text[32];

	if (server->sa.sa_family != AF_INET || ntohl(server->in.sin_addr.s_addr) >> 24 != 127)
		return a;
	snprintf(text, sizeof(text), "127.1.%u.%u:0", c / 250, c % 250 + 1);
	if (addr_parse(text, &a) != 0)
		a.len = 0;
	return a;
}

/* A text of the server's as it can be shown: printable ASCII, cut. */
static const char *
keep_text(struct oplog *log, const char *s, size_t n)
{
	char text[TEXT_BYTES_MAX + 8];
	size_t out = 0;

	for (size_t i = 0; i < n && out < TEXT_BYTES_MAX; i++) {
		if (s[i] >= 0x20 && s[i] < 0x7f && s[i] != '\\')
			text[out++] = s[i];
		else
			out += (size_t)snprintf(text + out, 5, "\\x%02x", (unsigned char)s[i]);
	}
	text[out] = '\0';
	return arena_strdup(&log->texts, text);
}

static bool
parse_value(const char *s, size_t n, int64_t *ret)
{
	if (n != VALUE_DIGITS || strspn(s, "0123456789") != n)
		return false;
	*ret = strtoll(s, NULL, 10);
	return *ret > 0;
}

static enum oplog_error
server_error(const redisReply *r)
{
	return strncmp(r->str, "LOADING", 7) == 0 ? OPLOG_LOADING : OPLOG_REFUSED;
}

/* What the reply says of the operation; the outcome is ok until it says otherwise. */
static void
take_reply(struct client *c, const redisReply *r, struct oplog_op *op)
{
	op->outcome = HISTORY_OK;
	if (r->type == REDIS_REPLY_ERROR) {
		/* Each command writes once and last, so a refused one wrote nothing. */
		op->outcome = HISTORY_FAIL;
		op->error = (uint8_t)server_error(r);
	} else if (op->f == HISTORY_READ && r->type == REDIS_REPLY_NIL) {
		op->got_nil = true;
	} else if (op->f == HISTORY_READ && r->type == REDIS_REPLY_STRING) {
		if (!parse_value(r->str, (size_t)r->len, &op->got)) {
			op->got_text = keep_text(c->log, r->str, (size_t)r->len);
			if (op->got_text == NULL)
				op->outcome = HISTORY_INFO;
		}
	} else if (op->f == HISTORY_WRITE && r->type == REDIS_REPLY_STATUS && strcmp(r->str, "OK") == 0) {
		/* done */
	} else if (op->f == HISTORY_CAS && r->type == REDIS_REPLY_INTEGER && (r->integer == 0 || r->integer == 1)) {
		if (r->integer == 0) {
			op->outcome = HISTORY_FAIL;
			op->error = OPLOG_MISMATCH;
		}
	} else {
		op->outcome = op->f == HISTORY_READ ? HISTORY_FAIL : HISTORY_INFO;
		op->error = OPLOG_PROTOCOL;
	}
}

/* What to expect at a key from now on. */
static void
remember(struct client *c, const struct oplog_op *op)
{
	if (op->outcome != HISTORY_OK)
		return;
	if (op->f != HISTORY_READ)
		c->known[op->key] = op->value;
	else if (op->got_text == NULL)
		c->known[op->key] = op->got_nil ? 0 : op->got;
}

static enum oplog_error
call(struct client *c, const struct oplog_op *op, redisReply **ret_reply)
{
	char key[128], value[32], expect[32];
	const char *const get[] = { "GET", key };
	const char *const set[] = { "SET", key, value };
	const char *const cas[] = { "EVAL", cas_script, "1", key, expect, value };

	snprintf(key, sizeof(key), "%s%u", c->load->conf.prefix, op->key);
	snprintf(value, sizeof(value), VALUE_FORMAT, op->value);
	snprintf(expect, sizeof(expect), VALUE_FORMAT, op->expect);
	if (op->f == HISTORY_READ)
		return redis_client_call(&c->redis, 2, get, ret_reply);
	if (op->f == HISTORY_WRITE)
		return redis_client_call(&c->redis, 3, set, ret_reply);
	return redis_client_call(&c->redis, 6, cas, ret_reply);
}

/* Times grow strictly within a client, whatever the clock's grain. */
static fl_ns
now_after(const struct client *c, fl_ns t)
{
	return FL_MAX(clock_mono() - c->load->epoch, t + 1);
}

/* Do it and log it. false: no answer came. */
static bool
perform(struct client *c, struct oplog_op *op)
{
	redisReply *reply = NULL;
	enum oplog_error e;

	op->expect_nil = op->f == HISTORY_CAS && c->known[op->key] == 0;
	op->expect = op->f == HISTORY_CAS ? c->known[op->key] : 0;
	op->invoke = now_after(c, c->log->last);
	e = call(c, op, &reply);
	op->complete = now_after(c, op->invoke);
	op->due = FL_MIN(op->due, op->invoke);
	op->error = (uint8_t)e;
	if (e == OPLOG_NONE) {
		take_reply(c, reply, op);
		if (op->error == OPLOG_PROTOCOL)
			redis_client_close(&c->redis);
		freeReplyObject(reply);
	} else {
		op->outcome = op->f == HISTORY_READ || e == OPLOG_NOT_CONNECTED || e == OPLOG_NOT_SENT ? HISTORY_FAIL : HISTORY_INFO;
	}
	remember(c, op);
	if (!oplog_add(c->log, op))
		fl_assert(!"there was room for it");
	return e == OPLOG_NONE;
}

/* When the nth operation is due by the schedule. */
static fl_ns
due_at(const struct experiment_load *l, uint64_t n, fl_ns now)
{
	return l->rate > 0 ? (fl_ns)((double)n / l->rate * (double)FL_SEC) : now;
}

static void *
run_client(void *ud)
{
	struct client *c = ud;
	struct load_redis *l = c->load;
	const fl_ns start = clock_mono() - l->epoch;
	bool stopped = false;

	for (uint64_t n = 0; !stopped && !c->full; n++) {
		struct load_redis_choice choice = load_redis_choose(&l->conf, l->seed, c->number, n);
		struct oplog_op op = { .f = (uint8_t)choice.f, .key = choice.key, .value = (int64_t)(n * l->clients + c->number + 1) };
		fl_ns pause = l->conf.think;
		op.due = start + due_at(&l->conf, n, clock_mono() - l->epoch - start);
		if (op.due >= l->until || clock_wait(-1, 0, l->stop_fd, l->epoch + op.due) < 0 || clock_mono() - l->epoch >= l->until)
			break;
		if (!perform(c, &op))
			pause = FL_MAX(pause, PAUSE_NS);
		if (pause > 0)
			stopped = clock_wait(-1, 0, l->stop_fd, clock_mono() + pause) < 0;
		c->full = oplog_full(c->log);
	}
	redis_client_close(&c->redis);
	if (atomic_fetch_sub(&l->running, 1) == 1)
		(void)eventfd_write(l->done_fd, 1);
	return NULL;
}

static int
client_init(struct load_redis *l, uint32_t number, uint32_t log_cap)
{
	struct client *c = &l->client[number];
	struct oplog *log = calloc(1, sizeof(*log));

	*c = (struct client){ .load = l, .number = number, .log = log };
	l->log[number] = log;
	if (log == NULL || oplog_init(log, log_cap) != 0)
		return -ENOMEM;
	l->logs = number + 1;
	c->known = calloc(l->conf.keys, sizeof(*c->known));
	c->redis = (struct redis_client){
		.server = l->server,
		.from = source_of(&l->server, number),
		.connect_timeout = l->conf.connect_timeout,
		.timeout = l->conf.timeout,
		.stop_fd = l->stop_fd,
	};
	return c->known == NULL ? -ENOMEM : 0;
}

static int
load_new(const struct load_redis_opts *opts, struct load_redis **ret_load)
{
	struct load_redis *l = calloc(1, sizeof(*l));

	if (l == NULL)
		return -ENOMEM;
	l->conf = *opts->load;
	l->server = opts->server;
	l->seed = opts->seed;
	l->epoch = opts->epoch;
	l->clients = l->conf.clients;
	l->stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	l->done_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	l->client = calloc(l->clients + 1, sizeof(*l->client));
	l->log = calloc(l->clients + 1, sizeof(*l->log));
	if (l->stop_fd < 0 || l->done_fd < 0 || l->client == NULL || l->log == NULL) {
		load_redis_free(l);
		return l->stop_fd < 0 || l->done_fd < 0 ? -EMFILE : -ENOMEM;
	}
	*ret_load = l;
	return 0;
}

int
load_redis_start(const struct load_redis_opts *opts, struct load_redis **ret_load)
{
	uint64_t cap = opts->load->ops_max / opts->load->clients + 1;
	struct load_redis *l;
	int rc = load_new(opts, &l);

	if (rc < 0)
		return rc;
	for (uint32_t c = 0; rc == 0 && c < l->clients; c++)
		rc = client_init(l, c, (uint32_t)cap);
	l->until = clock_mono() - l->epoch + l->conf.duration;
	atomic_store(&l->running, l->clients);
	while (rc == 0 && l->started < l->clients) {
		rc = thread_start(&l->client[l->started].thread, "load", run_client, &l->client[l->started]);
		l->started += rc == 0;
	}
	if (rc < 0) {
		load_redis_free(l);
		return rc;
	}
	*ret_load = l;
	return 0;
}

void
load_redis_stop(struct load_redis *l)
{
	(void)eventfd_write(l->stop_fd, 1);
}

int
load_redis_fd(const struct load_redis *l)
{
	return l->done_fd;
}

bool
load_redis_done(const struct load_redis *l)
{
	return atomic_load(&l->running) == 0;
}

uint32_t
load_redis_full(const struct load_redis *l)
{
	uint32_t n = 0;

	for (uint32_t c = 0; c < l->clients; c++)
		n += l->client[c].full;
	return n;
}

static void
join_clients(struct load_redis *l)
{
	for (uint32_t c = 0; c < l->started; c++)
		thread_join(l->client[c].thread);
	l->started = 0;
}

int
load_redis_final(struct load_redis *l, int stop_fd)
{
	struct client *c = &l->client[l->clients];
	int rc;

	fl_assert(load_redis_done(l) && l->logs == l->clients);
	join_clients(l);
	rc = client_init(l, l->clients, l->conf.keys);
	c->redis.stop_fd = stop_fd;
	for (uint32_t k = 0; rc == 0 && k < l->conf.keys; k++) {
		struct oplog_op op = { .f = HISTORY_READ, .key = k, .due = FL_NEVER };
		if (!perform(c, &op) && clock_wait(-1, 0, stop_fd, clock_mono() + PAUSE_NS) < 0)
			rc = -ECANCELED;
	}
	redis_client_close(&c->redis);
	return rc;
}

struct oplog *const *
load_redis_logs(const struct load_redis *l, uint32_t *ret_count)
{
	*ret_count = l->logs;
	return l->log;
}

void
load_redis_free(struct load_redis *l)
{
	if (l == NULL)
		return;
	if (l->stop_fd >= 0)
		load_redis_stop(l);
	join_clients(l);
	for (uint32_t c = 0; c <= l->clients; c++) {
		if (l->client != NULL)
			free(l->client[c].known);
		if (l->log != NULL && l->log[c] != NULL)
			oplog_fini(l->log[c]);
		if (l->log != NULL)
			free(l->log[c]);
	}
	free(l->client);
	free(l->log);
	if (l->stop_fd >= 0)
		close(l->stop_fd);
	if (l->done_fd >= 0)
		close(l->done_fd);
	free(l);
}

int
load_redis_prepare(const struct load_redis_opts *opts, int stop_fd, char *error)
{
	struct redis_client c = {
		.server = opts->server,
		.from = source_of(&opts->server, opts->load->clients + 1),
		.connect_timeout = 5 * FL_SEC,
		.timeout = 5 * FL_SEC,
		.stop_fd = stop_fd,
	};
	enum oplog_error e = OPLOG_NONE;
	char key[128];
	const char *const del[] = { "DEL", key };

	error[0] = '\0';
	for (uint32_t k = 0; k < opts->load->keys && error[0] == '\0'; k++) {
		redisReply *r = NULL;
		snprintf(key, sizeof(key), "%s%u", opts->load->prefix, k);
		e = redis_client_call(&c, 2, del, &r);
		if (e != OPLOG_NONE)
			snprintf(error, LOAD_REDIS_ERROR_MAX, "DEL %s before the load: %s", key, oplog_error_text(e));
		else if (r->type != REDIS_REPLY_INTEGER)
			snprintf(error, LOAD_REDIS_ERROR_MAX, "DEL %s before the load: the server answered %.80s", key,
			    r->str != NULL ? r->str : "something else");
		if (r != NULL)
			freeReplyObject(r);
	}
	redis_client_close(&c);
	return error[0] == '\0' ? 0 : -EIO;
}
