/* SPDX-License-Identifier: MIT */
/*
 * graph_service.c - the daemon's map.
 *
 * Invariants
 *  (1) Only the thread uses the store. Jobs and waiting sightings are shared under the mutex.
 *  (2) A job is found again by its request: method, target, body. The first who asks for the answer of a job that is done takes it.
 *  (3) That sightings are dropped is told when it begins, and how many there were when there is room again; not one by one.
 */
#include "control/graph_service.h"
#include "base/assert.h"
#include "base/hash.h"
#include "base/list.h"
#include "control/api_env.h"
#include "control/sight_queue.h"
#include "io/clock.h"
#include "io/thread.h"
#include "map/graph_answers.h"
#include "map/graph_notify.h"
#include "store/past.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define JOBS_MAX 64u
#define JOB_KEPT (60 * FL_SEC)          /* an answer that nobody takes */
#define SEAL_EVERY (3600 * FL_SEC)
#define NOTIFY_LIMIT (10 * FL_SEC)
#define TURN (FL_SEC)

struct job {
	struct list link;
	char *key;                      /* (2) */
	char *words[GRAPH_WORDS_MAX];
	unsigned word_count;
	struct {
		char *key, *value;
	} opts[GRAPH_OPTS_MAX];
	unsigned opt_count;
	struct buf body;
	const struct graph_verb *verb;
	bool taken, done;
	int rc;
	fl_ns done_at;
	struct graph_reply reply;
};
struct graph_service {
	struct graph_service_opts o;
	struct past *past;
	pthread_t thread;
	pthread_mutex_t mutex;
	pthread_cond_t cond;
	bool stop;
	struct list jobs;
	unsigned job_count;
	struct sight_queue waiting;
	uint64_t dropped_told;          /* (3) the thread's, with the next two */
	bool dropping, alarmed;
	fl_ns seal_at, alerts_at;
};

/* ---- jobs ---- */

static void
job_free(struct job *j)
{
	if (j == NULL)
		return;
	free(j->key);
	for (unsigned i = 0; i < j->word_count; i++)
		free(j->words[i]);
	for (unsigned i = 0; i < j->opt_count; i++) {
		free(j->opts[i].key);
		free(j->opts[i].value);
	}
	buf_fini(&j->body);
	graph_reply_fini(&j->reply);
	free(j);
}

static void
drop_job(struct graph_service *s, struct job *j)
{
	list_del(&j->link);
	s->job_count--;
	job_free(j);
}

/* %41 and + undone. NULL: out of memory. */
static char *
decoded(const char *text, size_t n)
{
	char *out = malloc(n + 1);
	size_t k = 0;

	for (size_t i = 0; out != NULL && i < n; i++) {
		unsigned v;
		char hex[3] = "";

		if (text[i] == '%' && i + 2 < n && memcpy(hex, text + i + 1, 2) != NULL && sscanf(hex, "%2x", &v) == 1 && v != 0) {
			out[k++] = (char)v;
			i += 2;
		} else {
			out[k++] = text[i] == '+' ? ' ' : text[i];
		}
	}
	if (out != NULL)
		out[k] = '\0';
	return out;
}

static bool
add_word(struct job *j, char *word)
{
	if (word == NULL || j->word_count == GRAPH_WORDS_MAX) {
		free(word);
		return false;
	}
	j->words[j->word_count++] = word;
	return true;
}

static bool
add_query(struct job *j, const char *query)
{
	for (const char *p = query; *p != '\0'; p += *p == '&') {
		size_t len = strcspn(p, "&"), name = FL_MIN(strcspn(p, "="), len);
		char *key = decoded(p, name), *value = decoded(name < len ? p + name + 1 : "", name < len ? len - name - 1 : 0);
		bool ok = key != NULL && value != NULL;

		p += len;
		if (ok && (strcmp(key, "word") == 0 || strcmp(key, "q") == 0)) {
			free(key);
			if (!add_word(j, value))
				return false;
		} else if (ok && j->opt_count < GRAPH_OPTS_MAX) {
			j->opts[j->opt_count].key = key;
			j->opts[j->opt_count++].value = value;
		} else {
			free(key);
			free(value);
			return false;
		}
	}
	return true;
}

static struct job *
job_new(const struct api_request *q, const struct graph_verb *verb, const char *key)
{
	struct job *j = calloc(1, sizeof(*j));
	const struct buf *body = &q->http->body;
	bool ok = j != NULL;

	if (!ok)
		return NULL;
	j->verb = verb;
	j->key = strdup(key);
	buf_init(&j->body, FL_MAX(buf_len(body), 1));
	graph_reply_init(&j->reply);
	ok = j->key != NULL && (buf_len(body) == 0 || buf_append(&j->body, buf_data(body), buf_len(body)) == 0);
	for (unsigned i = 3; i < q->path->count && ok; i++)
		ok = add_word(j, strdup(q->path->segments[i]));
	ok = ok && add_query(j, q->path->query);
	if (!ok) {
		job_free(j);
		return NULL;
	}
	return j;
}

static void
run_job(struct graph_service *s, struct job *j)
{
	struct graph_ask *a = calloc(1, sizeof(*a));

	if (a == NULL) {
		j->rc = graph_reply_fail(&j->reply, -ENOMEM, "out of memory");
		return;
	}
	a->past = s->past;
	a->now = clock_wall();
	a->body = buf_len(&j->body) > 0 ? &j->body : NULL;
	a->remote = true;
	for (unsigned i = 0; i < j->word_count; i++)
		a->words[a->word_count++] = j->words[i];
	for (unsigned i = 0; i < j->opt_count; i++)
		graph_ask_add(a, j->opts[i].key, j->opts[i].value);
	j->rc = j->verb->run(a, &j->reply);
	if (j->rc == 0 && j->reply.body.overflowed)
		j->rc = graph_reply_fail(&j->reply, -ENOMEM, "the answer is too large");
	free(a);
}

/* ---- what we see ourselves ---- */

void
graph_service_sight(struct graph_service *s, const struct sight *sights, unsigned count)
{
	pthread_mutex_lock(&s->mutex);
	for (unsigned i = 0; i < count; i++)
		(void)sight_queue_put(&s->waiting, &sights[i]);
	pthread_cond_signal(&s->cond);
	pthread_mutex_unlock(&s->mutex);
}

struct graph_service_counts
graph_service_count(struct graph_service *s)
{
	struct graph_service_counts c;

	pthread_mutex_lock(&s->mutex);
	c = (struct graph_service_counts){ .waiting = s->waiting.count, .waiting_bytes = s->waiting.bytes, .waiting_max = s->waiting.bytes_max,
		.kept = s->waiting.released, .dropped = s->waiting.dropped };
	pthread_mutex_unlock(&s->mutex);
	return c;
}

static void
alarm_if(struct graph_service *s, int rc, const char *text)
{
	if (rc != 0 && !s->alarmed)
		s->o.say(s->o.ud, true, text);
	else if (rc == 0 && s->alarmed)
		s->o.say(s->o.ud, false, "the map is written again");
	s->alarmed = rc != 0;
}

/* (3) */
static void
tell_dropped(struct graph_service *s, int rc, uint64_t dropped)
{
	char text[160];

	if (dropped > s->dropped_told && !s->dropping) {
		snprintf(text, sizeof(text), "no room for more sightings until others are written: %llu dropped so far", (unsigned long long)dropped);
		s->o.say(s->o.ud, true, text);
		s->dropping = true;
	} else if (rc == 0 && s->dropping) {
		snprintf(text, sizeof(text), "there is room for sightings again: %llu were dropped in all", (unsigned long long)dropped);
		s->o.say(s->o.ud, false, text);
		s->dropping = false;
	} else {
		return;
	}
	s->dropped_told = dropped;
}

static int
write_sights(struct graph_service *s, const struct sight_kept *first)
{
	const struct past_batch batch = { .now = clock_wall() };
	int rc = past_begin(s->past, &batch);

	for (const struct sight_kept *k = first; k != NULL && rc == 0; k = k->next)
		rc = past_sight(s->past, &k->s);
	if (rc == 0)
		rc = past_commit(s->past, NULL);
	else
		past_rollback(s->past);
	return rc;
}

/* Keep what waits. The mutex is held; it is let go meanwhile: what was taken is ours alone. */
static void
keep_waiting(struct graph_service *s)
{
	struct sight_kept *taken = sight_queue_take(&s->waiting);
	uint64_t dropped = s->waiting.dropped;
	int rc;

	if (taken == NULL && dropped == s->dropped_told && !s->dropping)
		return;
	pthread_mutex_unlock(&s->mutex);
	rc = taken != NULL ? write_sights(s, taken) : 0;
	alarm_if(s, rc, past_error(s->past));
	tell_dropped(s, rc, dropped);
	pthread_mutex_lock(&s->mutex);
	if (rc == 0)
		sight_queue_release(&s->waiting, taken);
	else
		sight_queue_give_back(&s->waiting, taken);
}

/* ---- the thread ---- */

static void
tell_alerts(struct graph_service *s)
{
	struct graph_ask *a = calloc(1, sizeof(*a));
	struct graph_notice notice = { .alerts = 0 };
	struct graph_reply r;

	if (a == NULL)
		return;
	graph_reply_init(&r);
	a->past = s->past;
	a->now = clock_wall();
	if (graph_notify(a, &r, s->o.targets, s->o.target_count, NOTIFY_LIMIT, &notice) != 0)
		s->o.say(s->o.ud, true, r.error);
	else if (notice.failed > 0)
		s->o.say(s->o.ud, true, notice.error);
	graph_reply_fini(&r);
	free(a);
}

/* Things that are due by the clock. Without the mutex. */
static void
look_at_clock(struct graph_service *s, fl_ns now)
{
	if (now >= s->seal_at) {
		int64_t rc = past_seal(s->past, clock_wall());

		s->seal_at = now + SEAL_EVERY;
		if (rc < 0)
			s->o.say(s->o.ud, true, past_error(s->past));
	}
	if (s->o.target_count > 0 && now >= s->alerts_at) {
		tell_alerts(s);
		s->alerts_at = clock_mono() + (s->o.alerts_every > 0 ? s->o.alerts_every : 60 * FL_SEC);
	}
}

static struct job *
next_job(struct graph_service *s)
{
	list_for(l, &s->jobs) {
		struct job *j = list_entry(l, struct job, link);

		if (!j->taken)
			return j;
	}
	return NULL;
}

static void *
serve(void *ud)
{
	struct graph_service *s = ud;
	char text[80];
	uint64_t left;

	pthread_mutex_lock(&s->mutex);
	while (!s->stop) {
		struct job *j = next_job(s);
		struct timespec until;

		keep_waiting(s);
		if (j != NULL) {
			j->taken = true;
			pthread_mutex_unlock(&s->mutex);
			run_job(s, j);
			pthread_mutex_lock(&s->mutex);
			j->done = true;
			j->done_at = clock_mono();
			s->o.ready(s->o.ud);
			continue;
		}
		pthread_mutex_unlock(&s->mutex);
		look_at_clock(s, clock_mono());
		pthread_mutex_lock(&s->mutex);
		clock_gettime(CLOCK_REALTIME, &until);
		until.tv_sec += TURN / FL_SEC;
		if (!s->stop && next_job(s) == NULL)
			pthread_cond_timedwait(&s->cond, &s->mutex, &until);
	}
	keep_waiting(s);
	left = s->waiting.count;
	pthread_mutex_unlock(&s->mutex);
	if (left > 0) {
		snprintf(text, sizeof(text), "%llu sightings could not be written", (unsigned long long)left);
		s->o.say(s->o.ud, true, text);
	}
	return NULL;
}

int
graph_service_start(const struct graph_service_opts *o, char *error, struct graph_service **ret)
{
	const struct past_opts past = { .path = o->store };
	struct graph_service *s = calloc(1, sizeof(*s));
	int rc;

	fl_assert(o->ready != NULL && o->say != NULL);
	if (s == NULL) {
		snprintf(error, GRAPH_SERVICE_ERROR, "out of memory");
		return -ENOMEM;
	}
	s->o = *o;
	list_init(&s->jobs);
	sight_queue_init(&s->waiting, o->waiting_bytes);
	rc = past_open(&past, error, &s->past);
	if (rc != 0) {
		free(s);
		return rc;
	}
	pthread_mutex_init(&s->mutex, NULL);
	pthread_cond_init(&s->cond, NULL);
	rc = thread_start(&s->thread, "map", serve, s);
	if (rc != 0) {
		snprintf(error, GRAPH_SERVICE_ERROR, "%s", strerror(-rc));
		past_close(s->past);
		free(s);
		return rc;
	}
	*ret = s;
	return 0;
}

void
graph_service_stop(struct graph_service *s)
{
	if (s == NULL)
		return;
	pthread_mutex_lock(&s->mutex);
	s->stop = true;
	pthread_cond_signal(&s->cond);
	pthread_mutex_unlock(&s->mutex);
	thread_join(s->thread);
	while (!list_empty(&s->jobs))
		drop_job(s, list_entry(s->jobs.next, struct job, link));
	sight_queue_fini(&s->waiting);
	past_close(s->past);
	pthread_mutex_destroy(&s->mutex);
	pthread_cond_destroy(&s->cond);
	free(s);
}

/* ---- the API ---- */

static unsigned
status_of(int rc)
{
	switch (rc) {
	case -EINVAL:
		return 400;
	case -ENOENT:
		return 404;
	case -ENOSPC:
	case -EBUSY:
	case -ENOMEM:
		return 503;
	default:
		return 500;
	}
}

static void
give_answer(struct job *j, struct api_reply *r)
{
	if (j->rc != 0) {
		api_env_error_json(r, status_of(j->rc), j->reply.error);
		return;
	}
	buf_append(&r->body, buf_data(&j->reply.body), buf_len(&j->reply.body));
	r->status = 200;
	r->content_type = j->reply.type;
}

static struct job *
find_job(struct graph_service *s, const char *key)
{
	struct job *found = NULL;
	fl_ns now = clock_mono();

	list_for_safe(l, &s->jobs) {
		struct job *j = list_entry(l, struct job, link);

		if (strcmp(j->key, key) == 0)
			found = j;
		else if (j->done && now - j->done_at > JOB_KEPT)
			drop_job(s, j);
	}
	return found;
}

/* The mutex is held. */
static int
answer(struct graph_service *s, const struct graph_verb *verb, const char *key, const struct api_request *q, struct api_reply *r)
{
	struct job *j = find_job(s, key);

	if (j != NULL && !j->done)
		return -EINPROGRESS;
	if (j != NULL) {
		give_answer(j, r);
		drop_job(s, j);
		return 0;
	}
	if (s->job_count >= JOBS_MAX) {
		api_env_error_json(r, 503, "too many questions about the map at once");
		return 0;
	}
	j = job_new(q, verb, key);
	if (j == NULL) {
		api_env_error_json(r, 400, "too many words or options, or out of memory");
		return 0;
	}
	list_add_tail(&s->jobs, &j->link);
	s->job_count++;
	pthread_cond_signal(&s->cond);
	return -EINPROGRESS;
}

int
graph_service_answer(struct graph_service *s, const struct api_request *q, struct api_reply *r)
{
	const struct graph_verb *verb = q->path->count > 2 ? graph_answers_find(q->path->segments[2]) : NULL;
	struct buf key;
	int rc;

	if (verb == NULL)
		return 1;
	if (!api_env_is(q, verb->writes ? "POST" : "GET")) {
		api_env_error_json(r, 405, "the method does not fit the path");
		return 0;
	}
	buf_init(&key, 64u << 10);
	for (unsigned i = 2; i < q->path->count; i++)
		buf_printf(&key, "%s\n", q->path->segments[i]);
	/* Two who write the same are two. */
	buf_printf(&key, "?%s\n%zu\n%016llx", q->path->query, (size_t)(uintptr_t)(verb->writes ? q->http : NULL),
	    (unsigned long long)hash_bytes(0, 0, buf_data(&q->http->body), buf_len(&q->http->body)));
	pthread_mutex_lock(&s->mutex);
	rc = key.overflowed ? (api_env_error_json(r, 413, "the request is too long"), 0) : answer(s, verb, buf_str(&key), q, r);
	pthread_mutex_unlock(&s->mutex);
	buf_fini(&key);
	return rc;
}
