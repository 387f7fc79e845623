/* SPDX-License-Identifier: MIT */
/* counter.c - reading servers' own numbers. */
#include "run/counter.h"

#include "io/clock.h"
#include "io/thread.h"
#include "run/fetch.h"
#include <errno.h>
#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define ANSWER_BYTES_MAX (1u << 20)

struct reader {
	const struct experiment_counter *conf;
	struct counters *all;
	const char *target, *path, *url;
	struct counter_series series;
	pthread_t thread;
};
struct counters {
	struct arena mem;
	fl_ns epoch;
	int stop_fd;
	uint32_t count, started;
	bool stopped;
	struct reader *readers;
};

/* ---- one server's numbers ---- */

static void
drop_every_second(struct counter_series *s)
{
	uint32_t kept = 0;

	for (uint32_t i = 0; i < s->sample_count; i += 2, kept++) {
		s->at[kept] = s->at[i];
		memcpy(s->values[kept], s->values[i], sizeof(s->values[kept]));
	}
	s->sample_count = kept;
	s->skip = 2 * s->skip + 1;
}

static void
take_member(struct counter_series *s, uint32_t m, double v, double *row)
{
	row[m] = v;
	s->highest[m] = FL_MAX(s->highest[m], v);
	if (!isnan(s->last[m]))
		s->increase[m] += v >= s->last[m] ? v - s->last[m] : v;         /* (1) */
	s->last[m] = v;
}

/* The first object says which members there are. */
static void
find_members(struct counter_series *s, json_t *root)
{
	const char *key;
	json_t *value;

	json_object_foreach(root, key, value) {
		if (!json_is_number(value) || strlen(key) >= sizeof(s->members[0]) || s->member_count == COUNTER_MEMBERS_MAX)
			continue;
		memcpy(s->members[s->member_count], key, strlen(key) + 1);
		s->last[s->member_count++] = NAN;
	}
}

/* Which numbers fell while others stayed? (1) */
static void
find_levels(struct counter_series *s, json_t *root)
{
	bool fell[COUNTER_MEMBERS_MAX] = { false }, stayed = false;

	for (uint32_t m = 0; m < s->member_count; m++) {
		json_t *v = json_object_get(root, s->members[m]);
		if (!json_is_number(v) || !(s->last[m] > 0))
			continue;
		fell[m] = json_number_value(v) < s->last[m];
		stayed = stayed || !fell[m];
	}
	for (uint32_t m = 0; stayed && m < s->member_count; m++)
		s->level[m] = s->level[m] || fell[m];
}

bool
counter_take(struct counter_series *s, fl_ns at, const char *json, size_t n)
{
	json_error_t e;
	json_t *root = json_loadb(json, n, 0, &e);
	double row[COUNTER_MEMBERS_MAX];

	if (!json_is_object(root)) {
		json_decref(root);
		s->failures++;
		return false;
	}
	if (s->member_count == 0)
		find_members(s, root);
	find_levels(s, root);
	for (uint32_t m = 0; m < COUNTER_MEMBERS_MAX; m++) {
		json_t *v = m < s->member_count ? json_object_get(root, s->members[m]) : NULL;
		row[m] = NAN;
		if (json_is_number(v))
			take_member(s, m, json_number_value(v), row);
	}
	json_decref(root);
	if (s->skipped < s->skip) {
		s->skipped++;
		return true;
	}
	s->skipped = 0;
	if (s->sample_count == COUNTER_SAMPLES_MAX)
		drop_every_second(s);
	s->at[s->sample_count] = at;
	memcpy(s->values[s->sample_count++], row, sizeof(row));
	return true;
}

/* ---- threads ---- */

/* 0, or -ECANCELED. */
static int
read_once(struct reader *r, int stop_fd)
{
	const fl_ns now = clock_mono();
	const struct fetch f = { .method = "GET", .target = r->target, .path = r->path, .body_max = ANSWER_BYTES_MAX };
	const struct client_wait w = { .deadline = now + r->conf->timeout, .stop_fd = stop_fd };
	char say[FETCH_SAY_MAX];
	struct buf body;
	int rc;

	buf_init(&body, ANSWER_BYTES_MAX);
	rc = fetch(&f, &w, &body, say);
	if (rc == 200)
		(void)counter_take(&r->series, clock_mono() - r->all->epoch, buf_str(&body), buf_len(&body));
	else if (rc != -ECANCELED)
		r->series.failures++;
	buf_fini(&body);
	return rc == -ECANCELED ? rc : 0;
}

static void *
run_reader(void *ud)
{
	struct reader *r = ud;
	fl_ns next = clock_mono();

	for (;;) {
		next = FL_MAX(next + r->conf->every, clock_mono());
		if (clock_wait(-1, 0, r->all->stop_fd, next) < 0 || read_once(r, r->all->stop_fd) < 0)
			return NULL;
	}
}

static int
init_reader(struct counters *c, uint32_t i, const struct experiment_counter *conf, const struct subst_values *values)
{
	struct reader *r = &c->readers[i];

	r->conf = conf;
	r->all = c;
	r->target = subst_expand(&c->mem, conf->target, values);
	r->path = subst_expand(&c->mem, conf->path, values);
	r->url = arena_printf(&c->mem, "http://%s%s", r->target == NULL ? "" : r->target, r->path == NULL ? "" : r->path);
	return c->mem.overflowed ? -ENOMEM : 0;
}

int
counter_start(const struct experiment *x, const struct subst_values *values, fl_ns epoch, int stop_fd, struct counters **ret_counters)
{
	struct counters *c = calloc(1, sizeof(*c));
	int rc = 0;

	if (c == NULL)
		return -ENOMEM;
	arena_init(&c->mem, 1u << 20);
	c->epoch = epoch;
	c->stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	c->readers = calloc(x->counter_count + 1, sizeof(*c->readers));
	if (c->stop_fd < 0 || c->readers == NULL)
		rc = -ENOMEM;
	for (uint32_t i = 0; rc == 0 && i < x->counter_count; i++) {
		c->count = i + 1;
		rc = init_reader(c, i, &x->counters[i], values);
		if (rc == 0)
			rc = read_once(&c->readers[i], stop_fd);
	}
	while (rc == 0 && c->started < c->count) {
		rc = thread_start(&c->readers[c->started].thread, "counter", run_reader, &c->readers[c->started]);
		c->started += rc == 0;
	}
	if (rc < 0) {
		counter_free(c);
		return rc;
	}
	*ret_counters = c;
	return 0;
}

static void
join_all(struct counters *c)
{
	if (c->stop_fd >= 0)
		(void)eventfd_write(c->stop_fd, 1);
	for (uint32_t i = 0; i < c->started; i++)
		thread_join(c->readers[i].thread);
	c->started = 0;
}

void
counter_stop(struct counters *c)
{
	if (c->stopped)
		return;
	join_all(c);
	for (uint32_t i = 0; i < c->count; i++) {
		c->readers[i].series.skipped = c->readers[i].series.skip;       /* the last is kept */
		(void)read_once(&c->readers[i], -1);
	}
	c->stopped = true;
}

/* ---- for the report ---- */

static int
index_of(const struct counter_series *s, const char *member)
{
	for (uint32_t m = 0; m < s->member_count; m++)
		if (strcmp(s->members[m], member) == 0)
			return (int)m;
	return -1;
}

static double
increase_of(const struct counter_series *s, const char *member)
{
	int m = index_of(s, member);

	return m < 0 ? NAN : s->increase[m];
}

static int
show(const struct reader *r, struct arena *mem, struct result_counter *ret)
{
	const struct counter_series *s = &r->series;
	const char **members = arena_alloc(mem, (s->member_count + 1) * sizeof(*members));
	double *increase = arena_alloc(mem, (s->member_count + 1) * sizeof(*increase));
	double *highest = arena_alloc(mem, (s->member_count + 1) * sizeof(*highest));
	double *values = arena_alloc(mem, ((size_t)s->sample_count * s->member_count + 1) * sizeof(*values));
	fl_ns *at = arena_alloc(mem, (s->sample_count + 1) * sizeof(*at));

	if (members == NULL || increase == NULL || highest == NULL || values == NULL || at == NULL)
		return -ENOMEM;
	for (uint32_t m = 0; m < s->member_count; m++) {
		members[m] = arena_strdup(mem, s->members[m]);
		increase[m] = s->level[m] ? NAN : s->increase[m];
		highest[m] = s->highest[m];
	}
	for (uint32_t i = 0; i < s->sample_count; i++) {
		at[i] = s->at[i];
		memcpy(&values[i * s->member_count], s->values[i], s->member_count * sizeof(*values));
	}
	*ret = (struct result_counter){
		.name = r->conf->name, .url = arena_strdup(mem, r->url), .members = members, .member_count = s->member_count, .increase = increase,
		.highest = highest,
		.at = at, .values = values, .sample_count = s->sample_count, .failures = s->failures,
		.requests = increase_of(s, r->conf->requests), .worked = increase_of(s, r->conf->worked),
		.wasted = increase_of(s, r->conf->wasted), .requests_member = index_of(s, r->conf->requests),
	};
	return mem->overflowed ? -ENOMEM : 0;
}

int
counter_result(const struct counters *c, struct arena *mem, struct run_result *r)
{
	struct result_counter *list = arena_alloc(mem, (c->count + 1) * sizeof(*list));
	int rc = list == NULL ? -ENOMEM : 0;

	for (uint32_t i = 0; rc == 0 && i < c->count; i++)
		rc = show(&c->readers[i], mem, &list[i]);
	if (rc == 0) {
		r->counters = list;
		r->counter_count = c->count;
	}
	return rc;
}

void
counter_free(struct counters *c)
{
	if (c == NULL)
		return;
	join_all(c);
	if (c->stop_fd >= 0)
		close(c->stop_fd);
	arena_fini(&c->mem);
	free(c->readers);
	free(c);
}
