/* SPDX-License-Identifier: MIT */
/* load_stats.c - counting the requests of an HTTP load. */
#include "run/load_stats.h"

#include "base/assert.h"
#include "base/hash.h"
#include "base/rng.h"
#include "proto/jsonw.h"
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define BUCKETS_AIM 2000
#define BUCKET_NS_MIN (100 * FL_MS)
#define SAMPLES_MAX (2 * LOAD_SAMPLES_AIM)
#define ERRORS_MAX 64

static const struct {
	const char *word, *text;
	bool unknown;                   /* it may have been done */
} outcomes[] = {
#define LOAD_ROW(id, word, unknown, text) { word, text, unknown },
	LOAD_OUTCOMES(LOAD_ROW)
#undef LOAD_ROW
};

const char *
load_outcome_word(enum load_outcome o)
{
	fl_assert(o < LOAD_OUTCOME_COUNT);
	return outcomes[o].word;
}

const char *
load_outcome_text(enum load_outcome o)
{
	fl_assert(o < LOAD_OUTCOME_COUNT);
	return outcomes[o].text;
}

int
load_stats_init(struct load_stats *s, const struct load_stats_conf *conf)
{
	fl_ns aim = (conf->duration / BUCKETS_AIM + BUCKET_NS_MIN - 1) / BUCKET_NS_MIN * BUCKET_NS_MIN;
	void *mem;

	*s = (struct load_stats){ .origin = conf->origin, .bucket_ns = FL_MAX(aim, BUCKET_NS_MIN) };
	s->bucket_count = (uint32_t)(conf->duration / s->bucket_ns) + 1;
	s->sample_key = rng_key(conf->seed, hash_name("load sample"));
	s->sample_share = conf->requests > LOAD_SAMPLES_AIM ? LOAD_SAMPLES_AIM / conf->requests : 1;
	s->sample_max = SAMPLES_MAX;
	hist_init(&s->latency);
	hist_init(&s->latency_ok);
	/* Pages are touched as they are written. */
	mem = mmap(NULL, s->bucket_count * sizeof(*s->buckets), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	s->buckets = mem == MAP_FAILED ? NULL : mem;
	s->samples = malloc(s->sample_max * sizeof(*s->samples));
	if (s->buckets == NULL || s->samples == NULL) {
		load_stats_fini(s);
		return -ENOMEM;
	}
	return 0;
}

void
load_stats_fini(struct load_stats *s)
{
	if (s->buckets != NULL)
		munmap(s->buckets, s->bucket_count * sizeof(*s->buckets));
	free(s->samples);
	s->buckets = NULL;
	s->samples = NULL;
}

/* The bucket of a time; what is outside of all stands in the first or the last. */
static struct load_bucket *
bucket_at(struct load_stats *s, fl_ns at)
{
	fl_ns since = FL_MAX(at - s->origin, 0) / s->bucket_ns;
	uint32_t i = (uint32_t)FL_MIN(since, (fl_ns)s->bucket_count - 1);

	s->used = FL_MAX(s->used, i + 1);
	return &s->buckets[i];
}

void
load_stats_asked(struct load_stats *s, fl_ns due)
{
	s->asked++;
	bucket_at(s, due)->asked++;
}

void
load_stats_attempt(struct load_stats *s, fl_ns at)
{
	s->attempts++;
	bucket_at(s, at)->attempts++;
}

static void
count_refuser(struct load_stats *s, const char *name, uint64_t times)
{
	uint32_t i = 0;

	while (i < s->refuser_count && strncmp(s->refusers[i].name, name, LOAD_REFUSER_BYTES - 1) != 0)
		i++;
	if (i == LOAD_REFUSERS_MAX)
		return;                 /* still counted as refused, by its status */
	if (i == s->refuser_count) {
		snprintf(s->refusers[i].name, LOAD_REFUSER_BYTES, "%s", name);
		s->refuser_count++;
	}
	s->refusers[i].count += times;
}

static void
keep_sample(struct load_stats *s, const struct load_ended *d)
{
	struct load_sample *k = &s->samples[s->sample_count];

	if (s->sample_count == s->sample_max || rng_unit(rng_draw(s->sample_key, d->n, 0)) >= s->sample_share)
		return;
	*k = (struct load_sample){ .n = d->n, .due = d->due, .done = d->at, .status = (uint16_t)d->status, .outcome = (uint8_t)d->outcome,
		.attempts = (uint8_t)FL_MIN(d->attempts, 255u), .request = (uint8_t)d->request };
	if (d->refused_by != NULL)
		snprintf(k->refused_by, sizeof(k->refused_by), "%.*s", (int)sizeof(k->refused_by) - 1, d->refused_by);
	s->sample_count++;
}

void
load_stats_done(struct load_stats *s, const struct load_ended *d)
{
	struct load_bucket *b = bucket_at(s, d->at);
	const fl_ns latency = FL_MAX(d->at - d->due, 0);

	fl_assert(d->outcome < LOAD_OUTCOME_COUNT && d->status < LOAD_STATUS_MAX);
	s->outcomes[d->outcome]++;
	b->outcomes[d->outcome]++;
	coarse_record(&b->latency, latency);
	hist_record(&s->latency, latency);
	if (d->outcome == LOAD_STATUS)
		s->statuses[d->status]++;
	if (d->outcome == LOAD_OK) {
		bucket_at(s, d->due)->asked_ok++;
		hist_record(&s->latency_ok, latency);
	}
	if (d->outcome == LOAD_REFUSED && d->refused_by != NULL)
		count_refuser(s, d->refused_by, 1);
	keep_sample(s, d);
}

static void
merge_bucket(struct load_bucket *into, const struct load_bucket *from)
{
	into->asked += from->asked;
	into->asked_ok += from->asked_ok;
	into->attempts += from->attempts;
	for (int o = 0; o < LOAD_OUTCOME_COUNT; o++)
		into->outcomes[o] += from->outcomes[o];
	coarse_merge(&into->latency, &from->latency);
}

void
load_stats_merge(struct load_stats *into, const struct load_stats *from)
{
	fl_assert(into->bucket_ns == from->bucket_ns && into->bucket_count == from->bucket_count);
	for (uint32_t i = 0; i < from->used; i++)
		merge_bucket(&into->buckets[i], &from->buckets[i]);
	into->used = FL_MAX(into->used, from->used);
	into->asked += from->asked;
	into->attempts += from->attempts;
	into->connections += from->connections;
	for (int o = 0; o < LOAD_OUTCOME_COUNT; o++)
		into->outcomes[o] += from->outcomes[o];
	for (int i = 0; i < LOAD_STATUS_MAX; i++)
		into->statuses[i] += from->statuses[i];
	for (uint32_t i = 0; i < from->refuser_count; i++)
		count_refuser(into, from->refusers[i].name, from->refusers[i].count);
	hist_merge(&into->latency, &from->latency);
	hist_merge(&into->latency_ok, &from->latency_ok);
	for (uint32_t i = 0; i < from->sample_count && into->sample_count < into->sample_max; i++)
		into->samples[into->sample_count++] = from->samples[i];
}

/* ---- for reports ---- */

struct error_line {
	const char *name;
	uint64_t count;
};
struct error_list {
	struct arena *mem;
	uint32_t count;
	struct error_line lines[ERRORS_MAX];
};

static void
add_error(struct error_list *l, const char *name, uint64_t count)
{
	if (count > 0 && name != NULL && l->count < ERRORS_MAX)
		l->lines[l->count++] = (struct error_line){ name, count };
}

static int
error_order(const void *pa, const void *pb)
{
	const struct error_line *a = pa, *b = pb;

	return a->count > b->count ? -1 : a->count < b->count;
}

/* Statuses one by one, refusals by who refused; other outcomes as they are. */
static void
gather_errors(const struct load_stats *s, struct error_list *l)
{
	uint64_t named = 0;

	for (int o = LOAD_OK + 1; o < LOAD_OUTCOME_COUNT; o++)
		if (o != LOAD_STATUS && o != LOAD_REFUSED)
			add_error(l, outcomes[o].text, s->outcomes[o]);
	for (unsigned i = 0; i < LOAD_STATUS_MAX; i++)
		if (s->statuses[i] > 0)
			add_error(l, arena_printf(l->mem, "answered with status %u", i), s->statuses[i]);
	for (uint32_t i = 0; i < s->refuser_count; i++) {
		named += s->refusers[i].count;
		add_error(l, arena_printf(l->mem, "refused by %s", s->refusers[i].name), s->refusers[i].count);
	}
	add_error(l, "refused (status 503 or 429)", s->outcomes[LOAD_REFUSED] - FL_MIN(named, s->outcomes[LOAD_REFUSED]));
	qsort(l->lines, l->count, sizeof(l->lines[0]), error_order);
}

static int
list_errors(const struct load_stats *s, struct arena *mem, struct result_load *ret)
{
	struct error_list l = { .mem = mem };
	struct result_pair *pairs;

	gather_errors(s, &l);
	pairs = arena_alloc(mem, (l.count + 1) * sizeof(*pairs));
	if (pairs == NULL)
		return -ENOMEM;
	for (uint32_t i = 0; i < l.count; i++)
		pairs[i] = (struct result_pair){ l.lines[i].name,
			arena_printf(mem, "%" PRIu64 " time%s", l.lines[i].count, l.lines[i].count == 1 ? "" : "s") };
	ret->errors = pairs;
	ret->error_count = l.count;
	return mem->overflowed ? -ENOMEM : 0;
}

static void
show_bucket(const struct load_stats *s, uint32_t i, struct result_bucket *r)
{
	const struct load_bucket *b = &s->buckets[i];

	*r = (struct result_bucket){
		.at = s->origin + (fl_ns)i * s->bucket_ns, .ok = b->outcomes[LOAD_OK], .asked = b->asked, .asked_ok = b->asked_ok,
		.attempts = b->attempts, .late = b->outcomes[LOAD_LATE], .refused = b->outcomes[LOAD_REFUSED],
		.p50 = coarse_quantile(&b->latency, 0.5), .p95 = coarse_quantile(&b->latency, 0.95),
		.p99 = coarse_quantile(&b->latency, 0.99), .max = b->latency.max,
	};
	for (int o = LOAD_OK + 1; o < LOAD_OUTCOME_COUNT; o++) {
		if (outcomes[o].unknown)
			r->info += b->outcomes[o];
		else
			r->fail += b->outcomes[o];
	}
}

int
load_stats_result(const struct load_stats *s, struct arena *mem, struct result_load *ret)
{
	struct result_load load = { .open = true, .bucket_ns = s->bucket_ns, .bucket_count = s->used, .asked = s->asked,
		.attempts = s->attempts, .ok = s->outcomes[LOAD_OK], .late = s->outcomes[LOAD_LATE], .refused = s->outcomes[LOAD_REFUSED],
		.latency = &s->latency, .latency_ok = &s->latency_ok, .start = s->origin };
	struct result_bucket *buckets = arena_alloc(mem, (s->used + 1) * sizeof(*buckets));
	int rc;

	if (buckets == NULL)
		return -ENOMEM;
	for (uint32_t i = 0; i < s->used; i++)
		show_bucket(s, i, &buckets[i]);
	for (int o = LOAD_OK + 1; o < LOAD_OUTCOME_COUNT; o++) {
		if (outcomes[o].unknown)
			load.info += s->outcomes[o];
		else
			load.fail += s->outcomes[o];
	}
	load.buckets = buckets;
	rc = list_errors(s, mem, &load);
	if (rc == 0)
		*ret = load;
	return rc;
}

static int
sample_order(const void *pa, const void *pb)
{
	const struct load_sample *a = pa, *b = pb;

	return a->n < b->n ? -1 : a->n > b->n;
}

int
load_stats_put_samples(struct load_stats *s, const char *const *paths, struct buf *out)
{
	struct jsonw w;

	qsort(s->samples, s->sample_count, sizeof(s->samples[0]), sample_order);
	for (uint32_t i = 0; i < s->sample_count; i++) {
		const struct load_sample *k = &s->samples[i];
		jsonw_init(&w, out);
		jsonw_object(&w);
		jsonw_key(&w, "n");
		jsonw_uint(&w, k->n);
		jsonw_num(&w, "due", k->due);
		jsonw_num(&w, "latency", k->done - k->due);
		jsonw_str(&w, "path", paths[k->request]);
		jsonw_str(&w, "outcome", outcomes[k->outcome].word);
		if (k->status != 0)
			jsonw_num(&w, "status", k->status);
		jsonw_num(&w, "attempts", k->attempts);
		if (k->refused_by[0] != '\0')
			jsonw_str(&w, "refused_by", k->refused_by);
		jsonw_end(&w);
		buf_putc(out, '\n');
	}
	return out->overflowed ? -ENOBUFS : 0;
}
