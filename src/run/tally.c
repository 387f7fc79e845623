/* SPDX-License-Identifier: MIT */
/* tally.c - counting operations. */
#include "run/tally.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define BUCKETS_AIM 150

int
tally_init(struct tally *t)
{
	*t = (struct tally){ .now = malloc(sizeof(struct hist)), .before = malloc(sizeof(struct hist)) };
	if (t->now == NULL || t->before == NULL) {
		tally_fini(t);
		return -ENOMEM;
	}
	hist_init(t->now);
	hist_init(t->before);
	return 0;
}

void
tally_fini(struct tally *t)
{
	free(t->now);
	free(t->before);
	t->now = t->before = NULL;
}

static void
turn(struct tally *t, fl_ns at)
{
	struct hist *old = t->before;

	if (at < t->second + FL_SEC)
		return;
	t->before = t->now;
	t->now = old;
	hist_init(t->now);
	t->ok[1] = t->ok[0];
	t->bad[1] = t->bad[0];
	t->ok[0] = t->bad[0] = 0;
	if (at >= t->second + 2 * FL_SEC) {
		hist_init(t->before);
		t->ok[1] = t->bad[1] = 0;
	}
	t->second = at / FL_SEC * FL_SEC;
}

void
tally_op(struct tally *t, const struct oplog_op *op)
{
	bool ok = tally_is_ok(op);

	turn(t, op->complete);
	hist_record(t->now, op->complete - op->due);
	t->ok[0] += ok;
	t->bad[0] += !ok;
	t->ok_total += ok;
	t->bad_total += !ok;
}

void
tally_slot(struct tally *t, const struct load_live_slot *s)
{
	turn(t, s->at);
	coarse_to_hist(&s->latency, t->now);
	t->ok[0] += s->ok;
	t->bad[0] += s->bad;
	t->ok_total += s->ok;
	t->bad_total += s->bad;
}

struct tally_rates
tally_rates(struct tally *t, fl_ns now)
{
	double span;

	turn(t, now);
	span = (double)(now - t->second + FL_SEC) / (double)FL_SEC;
	return (struct tally_rates){
		.ok = (t->ok[0] + t->ok[1]) / span,
		.bad = (t->bad[0] + t->bad[1]) / span,
		.p99 = FL_MAX(hist_quantile(t->now, 0.99), hist_quantile(t->before, 0.99)),
	};
}

/* One operation, for sorting into buckets. */
struct point {
	uint32_t bucket;
	fl_ns latency;
};

static int
point_order(const void *pa, const void *pb)
{
	const struct point *a = pa, *b = pb;

	if (a->bucket != b->bucket)
		return a->bucket < b->bucket ? -1 : 1;
	return a->latency < b->latency ? -1 : a->latency > b->latency;
}

/* Exact percentiles of n sorted points. */
static void
percentiles(const struct point *p, size_t n, struct result_bucket *b)
{
	b->p50 = p[(n - 1) / 2].latency;
	b->p95 = p[(n - 1) * 95 / 100].latency;
	b->p99 = p[(n - 1) * 99 / 100].latency;
	b->max = p[n - 1].latency;
}

static void
fill_buckets(struct point *points, size_t n, struct result_bucket *buckets)
{
	size_t from = 0;

	qsort(points, n, sizeof(*points), point_order);
	for (size_t i = 1; i <= n; i++) {
		if (i < n && points[i].bucket == points[from].bucket)
			continue;
		percentiles(&points[from], i - from, &buckets[points[from].bucket]);
		from = i;
	}
}

struct error_count {
	enum oplog_error error;
	uint64_t count;
};

static int
error_order(const void *pa, const void *pb)
{
	const struct error_count *a = pa, *b = pb;

	return a->count > b->count ? -1 : a->count < b->count;
}

static int
list_errors(struct error_count *errors, struct arena *mem, struct result_load *ret)
{
	struct result_pair *pairs = arena_alloc(mem, OPLOG_ERROR_COUNT * sizeof(*pairs));
	uint32_t n = 0;

	if (pairs == NULL)
		return -ENOMEM;
	qsort(errors, OPLOG_ERROR_COUNT, sizeof(*errors), error_order);
	for (uint32_t i = 0; i < OPLOG_ERROR_COUNT && errors[i].count > 0; i++) {
		pairs[n].name = oplog_error_text(errors[i].error);
		pairs[n++].text = arena_printf(mem, "%" PRIu64 " time%s", errors[i].count, errors[i].count == 1 ? "" : "s");
	}
	ret->errors = pairs;
	ret->error_count = n;
	return mem->overflowed ? -ENOMEM : 0;
}

/* Count one operation everywhere. */
static void
count_op(const struct oplog_op *op, struct result_bucket *b, struct error_count *errors, struct result_load *ret)
{
	if (tally_is_ok(op)) {
		b->ok++;
		ret->ok++;
	} else if (op->outcome == HISTORY_FAIL) {
		b->fail++;
		ret->fail++;
	} else {
		b->info++;
		ret->info++;
	}
	if (op->error != OPLOG_NONE && op->error != OPLOG_MISMATCH)
		errors[op->error].count++;
}

int
tally_load(struct oplog *const *logs, uint32_t count, fl_ns duration, struct arena *mem, struct hist *hist, struct result_load *ret)
{
	struct result_load load = { .bucket_ns = FL_MIN(FL_MAX(duration / BUCKETS_AIM, 100 * FL_MS), FL_SEC), .latency = hist };
	struct error_count errors[OPLOG_ERROR_COUNT];
	struct result_bucket *buckets;
	struct point *points;
	size_t total = 0, n = 0;
	fl_ns last = 0;
	int rc;

	for (uint32_t i = 0; i < OPLOG_ERROR_COUNT; i++)
		errors[i] = (struct error_count){ .error = (enum oplog_error)i };
	for (uint32_t c = 0; c < count; c++) {
		total += atomic_load(&logs[c]->count);
		last = FL_MAX(last, logs[c]->last);
	}
	load.bucket_ns = load.bucket_ns / (50 * FL_MS) * (50 * FL_MS);
	load.bucket_count = (uint32_t)(last / load.bucket_ns) + 1;
	hist_init(hist);
	points = malloc((total + 1) * sizeof(*points));
	buckets = arena_alloc(mem, load.bucket_count * sizeof(*buckets));
	if (points == NULL || buckets == NULL) {
		free(points);
		return -ENOMEM;
	}
	for (uint32_t i = 0; i < load.bucket_count; i++)
		buckets[i].at = (fl_ns)i * load.bucket_ns;
	for (uint32_t c = 0; c < count; c++) {
		uint32_t ops = (uint32_t)atomic_load(&logs[c]->count);
		for (uint32_t i = 0; i < ops; i++) {
			const struct oplog_op *op = &logs[c]->ops[i];
			points[n] = (struct point){ .bucket = (uint32_t)(op->complete / load.bucket_ns), .latency = op->complete - op->due };
			count_op(op, &buckets[points[n].bucket], errors, &load);
			hist_record(hist, points[n++].latency);
		}
	}
	fill_buckets(points, n, buckets);
	free(points);
	load.buckets = buckets;
	rc = list_errors(errors, mem, &load);
	if (rc == 0)
		*ret = load;
	return rc;
}
