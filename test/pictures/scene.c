/* SPDX-License-Identifier: MIT */
/* scene.c - see scene.h. */
#define SERVICE_JOBS_MAX 32768
#include "scene.h"

#include "../unit/service_sim.h"
#include "base/rng.h"
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define SLOTS 32768
#define STEP FL_MS
#define QUEUE_MAX 20000          /* of a service, beyond which it turns requests away */

struct slot {
	struct fl_call call;
	bool live, granted;
	uint32_t generation;
	uint64_t number;
	fl_ns began, wake;
	int grant;
	struct fl_refusal why;
	struct { bool flying; unsigned instance; fl_ns began, limit; enum fl_outcome outcome; } tries[FL_CALL_ATTEMPTS_MAX];
	unsigned attempts;
};

/* Of an instance, for its service. */
struct place {
	struct scene *s;
	unsigned instance;
};

struct scene_inner {
	struct place places[SCENE_INSTANCES_MAX];
	struct service *services[SCENE_INSTANCES_MAX];
	struct slot *slots;
	unsigned *list, live;           /* slots in use */
	unsigned free_from;
	fl_ns next;
	uint64_t calls, tries;
};

double
scene_draw(const struct scene *s, uint64_t what, uint64_t ordinal)
{
	return rng_unit(rng_draw(s->conf->seed, ordinal, what));
}

double
scene_time(const struct scene *s, unsigned i)
{
	return ((double)i + 0.5) * (double)s->conf->bucket / 1e9;
}

double
scene_rate(const struct scene *s, unsigned n)
{
	return n * 1e9 / (double)s->conf->bucket;
}

static struct scene_count *
count_now(struct scene *s)
{
	return &s->count[FL_MIN((unsigned)(s->now / s->conf->bucket), s->buckets - 1)];
}

/* ---- attempts ---- */

static void
attempt_over(struct scene *s, struct slot *k, unsigned attempt, enum fl_outcome outcome, bool limit)
{
	struct fl_attempt_result r = { .outcome = outcome, .sent = FL_ANSWERED, .retryable = s->conf->retryable };
	unsigned i = k->tries[attempt].instance;
	k->tries[attempt].flying = false;
	s->inflight[i]--;
	if (outcome == FL_FAILED)
		count_now(s)->failed++;
	if (s->conf->ended != NULL)
		s->conf->ended(s, i, outcome, k->tries[attempt].began);
	if (limit) {
		fl_call_limit(&k->call, FL_LIMIT_PER_TRY);
		r.sent = FL_SENT_UNKNOWN;
	}
	fl_call_done(&k->call, attempt, &r, s->now);
	k->wake = s->now;
}

/* It is asked when a server begins the work, which may be much later. */
static fl_ns
work_of(void *ud, const struct service_job *j, fl_ns now)
{
	struct place *p = ud;
	struct scene_work w = { .work = FL_MS };
	(void)now;
	p->s->conf->serve(p->s, p->instance, j->tag, &w);
	return w.work;
}

static void
attempt_begin(struct scene *s, struct slot *k, unsigned attempt)
{
	struct scene_inner *in = s->inner;
	struct scene_work w = { .work = FL_MS };
	uint64_t ordinal = in->tries++;
	int i = s->conf->pick != NULL ? s->conf->pick(s, ordinal) : 0;
	if (i < 0) {
		struct fl_refusal why = { .by = FL_WHO_NO_INSTANCE, .reason = FL_REASON_ALL_OUT };
		struct fl_attempt_result r = { .outcome = FL_CANCELLED, .refused = true, .why = &why };
		fl_call_done(&k->call, attempt, &r, s->now);
		return;
	}
	count_now(s)->attempts++;
	count_now(s)->begun[i]++;
	s->conf->serve(s, (unsigned)i, ordinal, &w);
	k->tries[attempt].flying = true;
	k->tries[attempt].instance = (unsigned)i;
	k->tries[attempt].began = s->now;
	k->tries[attempt].outcome = w.outcome;
	k->tries[attempt].limit = s->conf->plan->timeouts.per_try > 0 ? s->now + s->conf->plan->timeouts.per_try : FL_NEVER;
	k->attempts = FL_MAX(k->attempts, attempt + 1);
	s->inflight[i]++;
	if (in->services[i]->waiting >= (s->conf->queue_max > 0 ? s->conf->queue_max : QUEUE_MAX))
		attempt_over(s, k, attempt, FL_FAILED, false);
	else
		service_give(in->services[i], (struct service_job){ .tag = ordinal,
		    .id = (uint64_t)(k - in->slots) | (uint64_t)attempt << 20 | (uint64_t)k->generation << 24 }, s->now);
}

/* ---- calls ---- */

static void
call_ended(struct scene *s, struct slot *k, enum fl_end end)
{
	count_now(s)->ends[end]++;
	s->ends[s->end_count++] = (struct scene_end){ s->now, s->now - k->began, end, k->attempts };
	if (end == FL_END_ANSWERED && s->conf->answered != NULL)
		s->conf->answered(s, k->number);
	if (end != FL_END_REFUSED && s->conf->priority != NULL)
		count_now(s)->admitted_of[s->conf->priority(k->number) / 4]++;
}

/* Let a call go on until it waits. */
static void
advance(struct scene *s, struct slot *k)
{
	struct fl_todo todo;
	if (k->granted) {
		k->granted = false;
		fl_call_granted(&k->call, k->grant, &k->why, s->now);
	}
	for (;;) {
		switch (fl_call_next(&k->call, s->now, &todo)) {
		case FL_DO_ATTEMPT:
			attempt_begin(s, k, todo.attempt);
			break;
		case FL_DO_CANCEL:
			attempt_over(s, k, todo.attempt, FL_CANCELLED, false);
			break;
		case FL_DO_FALLBACK:
			fl_call_fallback_done(&k->call, s->conf->fallback != NULL && s->conf->fallback(s, k->number), s->now);
			break;
		case FL_DO_WAIT:
			k->wake = todo.until;
			return;
		case FL_DO_FINISH:
			call_ended(s, k, todo.end);
			break;
		case FL_DO_RELEASE:
			k->live = false;
			k->generation++;
			return;
		}
	}
}

/* In the middle of the release of another call: it is looked at when its turn comes. */
static void
granted(struct fl_call *c, int res, const struct fl_refusal *why, fl_ns now)
{
	struct slot *k = FL_CONTAINER_OF(c, struct slot, call);
	k->granted = true;
	k->grant = res;
	if (why != NULL)
		k->why = *why;
	k->wake = now;
}

static void
arrive(struct scene *s)
{
	struct scene_inner *in = s->inner;
	unsigned n = 0;
	while (in->slots[in->free_from].live && n++ < SLOTS)
		in->free_from = (in->free_from + 1) % SLOTS;
	fl_assert(n < SLOTS);
	struct slot *k = &in->slots[in->free_from];
	uint32_t generation = k->generation;
	*k = (struct slot){ .live = true, .generation = generation, .number = in->calls++, .began = s->now };
	in->list[in->live++] = in->free_from;
	struct fl_call_info info = { .key = k->number, .idempotent = s->conf->idempotent,
		.priority = s->conf->priority != NULL ? s->conf->priority(k->number) : 0 };
	count_now(s)->asked++;
	count_now(s)->asked_of[info.priority / 4]++;
	fl_call_start(&k->call, s->conf->plan, &info, granted, s->now);
	advance(s, k);
}

/* ---- time ---- */

static void
serve_until_now(struct scene *s)
{
	struct scene_inner *in = s->inner;
	for (unsigned i = 0; i < s->conf->instances; i++) {
		while (service_next(in->services[i]) <= s->now) {
			struct service_job j = service_done(in->services[i]);
			struct slot *k = &in->slots[j.id & (SLOTS - 1)];
			unsigned attempt = (unsigned)(j.id >> 20 & 15);
			if (k->live && k->generation == j.id >> 24 && k->tries[attempt].flying)
				attempt_over(s, k, attempt, k->tries[attempt].outcome, false);
		}
	}
}

/* Those that wait in the service's queue and would not be served any more are answered so, before a server looks at them. */
static void
sweep_queues(struct scene *s)
{
	struct scene_inner *in = s->inner;
	for (unsigned i = 0; s->conf->begins != NULL && i < s->conf->instances; i++) {
		struct service *v = in->services[i];
		while (v->waiting > 0) {
			struct service_job j = v->queue[v->head];
			struct slot *k = &in->slots[j.id & (SLOTS - 1)];
			bool stale = !k->live || k->generation != j.id >> 24 || !k->tries[j.id >> 20 & 15].flying;
			if (!stale && s->conf->begins(s, k->began))
				break;
			v->head = (v->head + 1) % SERVICE_JOBS_MAX;
			v->waiting--;
			if (!stale)
				attempt_over(s, k, (unsigned)(j.id >> 20 & 15), FL_OVERLOADED, false);
		}
	}
}

static void
wake(struct scene *s)
{
	struct scene_inner *in = s->inner;
	for (unsigned n = 0; n < in->live; n++) {
		struct slot *k = &in->slots[in->list[n]];
		for (unsigned a = 0; k->live && a < k->attempts; a++)
			if (k->tries[a].flying && k->tries[a].limit <= s->now)
				attempt_over(s, k, a, FL_FAILED, true);
		if (k->live && k->wake <= s->now)
			advance(s, k);
		if (!k->live)
			in->list[n--] = in->list[--in->live];
	}
}

static int
by_size(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;
	return (x > y) - (x < y);
}

/* Quantiles of the answers of each bucket. */
static void
quantiles(struct scene *s)
{
	double *took = malloc((s->end_count + 1) * sizeof(*took));
	fl_assert(took != NULL);
	size_t at = 0;
	for (unsigned b = 0; b < s->buckets; b++) {
		size_t n = 0;
		for (; at < s->end_count && s->ends[at].at < (fl_ns)(b + 1) * s->conf->bucket; at++)
			if (s->ends[at].end == FL_END_ANSWERED)
				took[n++] = (double)s->ends[at].took / 1e6;
		qsort(took, n, sizeof(*took), by_size);
		s->count[b].p50 = n > 0 ? took[n / 2] : NAN;
		s->count[b].p99 = n > 0 ? took[FL_MIN((size_t)(0.99 * (double)n), n - 1)] : NAN;
	}
	free(took);
}

static void
end_bucket(struct scene *s, unsigned b)
{
	for (unsigned i = 0; i < s->conf->instances; i++) {
		s->count[b].at_service += s->inner->services[i]->busy + s->inner->services[i]->waiting;
		s->count[b].waiting += s->inner->services[i]->waiting;
	}
	if (s->conf->sample != NULL)
		s->conf->sample(s, b);
}

struct scene *
scene_run(const struct scene_conf *conf)
{
	struct scene *s = calloc(1, sizeof(*s));
	fl_assert(s != NULL && conf->instances <= SCENE_INSTANCES_MAX);
	struct scene_inner *in = s->inner = calloc(1, sizeof(*in));
	fl_assert(in != NULL);
	s->conf = conf;
	s->buckets = FL_MIN((unsigned)(conf->length / conf->bucket), SCENE_BUCKETS_MAX);
	in->slots = calloc(SLOTS, sizeof(*in->slots));
	in->list = calloc(SLOTS, sizeof(*in->list));
	s->ends = calloc(1u << 19, sizeof(*s->ends));
	fl_assert(in->slots != NULL && in->list != NULL && s->ends != NULL);
	for (unsigned i = 0; i < conf->instances; i++) {
		in->services[i] = calloc(1, sizeof(struct service));
		fl_assert(in->services[i] != NULL);
		in->services[i]->servers = conf->servers;
		in->places[i] = (struct place){ s, i };
		in->services[i]->work_of = work_of;
		in->services[i]->ud = &in->places[i];
	}
	for (; s->now < conf->length; s->now += STEP) {
		sweep_queues(s);
		serve_until_now(s);
		for (; in->next <= s->now; in->next += (fl_ns)(-log(1 - scene_draw(s, 1, in->calls)) * 1e9 / FL_MAX(conf->rate(s->now), 0.01)))
			arrive(s);
		wake(s);
		if ((s->now + STEP) % conf->bucket == 0)
			end_bucket(s, (unsigned)(s->now / conf->bucket));
	}
	quantiles(s);
	return s;
}

void
scene_free(struct scene *s)
{
	if (s == NULL)
		return;
	/* What is still under way ends, so that every permit is back. */
	struct scene_inner *in = s->inner;
	for (unsigned n = 0; n < in->live; n++) {
		struct slot *k = &in->slots[in->list[n]];
		if (!k->live)
			continue;
		fl_call_abandon(&k->call, s->now);
		advance(s, k);
	}
	for (unsigned i = 0; i < SCENE_INSTANCES_MAX; i++)
		free(in->services[i]);
	free(in->slots);
	free(in->list);
	free(in);
	free(s->ends);
	free(s);
}
