/* SPDX-License-Identifier: MIT */
/*
 * past_habits.c - how regularly each line is seen, and whether we have seen enough to call another one new
 *
 * The probability that the next observation is of a line never seen before is about the share of observations that are of lines seen once
 * (Good, "The population frequencies of species and the estimation of population parameters", 1953). When that is small, and a
 * week has passed, so that what happens weekly has happened, the picture is complete.
 */
#include "store/past_db.h"
#include "store/past_pack.h"
#include "store/past_read.h"
#include "store/past_world.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define WIDTH_DEFAULT (3600 * FL_SEC)
#define WINDOWS_MAX 4096

struct row {
	int64_t from, to;               /* roots */
	int64_t first, last, known, protocol, source;
	uint64_t count;
	bool declared, seen;
	uint64_t *bits;                 /* of windows */
};
struct learning {
	struct past_world w;
	const struct past_habits_opts *o;
	struct row *rows;
	uint32_t *row_of;               /* by line of the store: row + 1 */
	uint32_t row_count;
	int64_t start, width, day;
	uint32_t windows;
	bool *client;                   /* by node */
};

static int
by_ends(const void *pa, const void *pb)
{
	const struct row *a = pa, *b = pb;

	if (a->from != b->from)
		return a->from < b->from ? -1 : 1;
	return a->to != b->to ? (a->to < b->to ? -1 : 1) : 0;
}

/* A row for each line of the map, whatever the names it was told under. */
static int
make_rows(struct learning *l)
{
	struct past_world *w = &l->w;
	uint32_t n = 0;

	l->rows = arena_alloc(&w->mem, (size_t)w->line_count * sizeof(*l->rows));
	l->row_of = arena_alloc(&w->mem, (size_t)w->line_count * sizeof(*l->row_of));
	l->client = arena_alloc(&w->mem, (size_t)w->node_count);
	if (w->mem.overflowed)
		return -ENOMEM;
	for (int64_t i = 1; i < w->line_count; i++)
		if (w->lines[i].a != 0)
			l->rows[n++] = (struct row){ .from = w->nodes[w->lines[i].a].root, .to = w->nodes[w->lines[i].b].root };
	qsort(l->rows, n, sizeof(*l->rows), by_ends);
	for (uint32_t i = 0; i < n; i++)
		if (i == 0 || by_ends(&l->rows[l->row_count - 1], &l->rows[i]) != 0)
			l->rows[l->row_count++] = l->rows[i];
	for (int64_t i = 1; i < w->line_count; i++) {
		struct row key = { .from = w->nodes[w->lines[i].a].root, .to = w->nodes[w->lines[i].b].root };
		const struct row *r = w->lines[i].a == 0 ? NULL : bsearch(&key, l->rows, l->row_count, sizeof(key), by_ends);

		l->row_of[i] = r == NULL ? 0 : (uint32_t)(r - l->rows) + 1;
	}
	return 0;
}

static void
take_claim(struct learning *l, const struct past_claim *c)
{
	struct row *r = c->id != 0 && c->what == SIGHT_LINE && l->row_of[c->a] != 0 ? &l->rows[l->row_of[c->a] - 1] : NULL;

	if (r == NULL)
		return;
	if (c->declared) {
		r->declared = r->declared || c->until == PAST_NEVER;
		return;
	}
	r->first = r->seen ? FL_MIN(r->first, c->first) : c->first;
	r->last = FL_MAX(r->last, c->last);
	r->known = r->seen ? FL_MIN(r->known, c->rec_first) : c->rec_first;
	r->protocol = r->protocol != 0 ? r->protocol : c->key;
	r->source = r->source != 0 ? r->source : c->source;
	r->count += c->count;
	r->seen = true;
	if (c->last >= l->o->now - l->o->recent)
		l->client[r->from] = true;
}

/* ---- windows ---- */

static void
mark(struct learning *l, int64_t claim, int64_t first, int64_t last)
{
	const struct past_claim *c = claim > 0 && claim < l->w.claim_count ? &l->w.claims[claim] : NULL;
	int64_t a = (first - l->start) / l->width, b = (last - l->start) / l->width;
	struct row *r;

	if (c == NULL || c->id == 0 || c->what != SIGHT_LINE || l->row_of[c->a] == 0 || last < l->start)
		return;
	r = &l->rows[l->row_of[c->a] - 1];
	for (a = FL_MAX(a, 0); a <= FL_MIN(b, (int64_t)l->windows - 1); a++)
		r->bits[a / 64] |= UINT64_C(1) << a % 64;
}

static bool
every_head(void *arg, const struct past_day *d)
{
	(void)arg, (void)d;
	return true;
}

static void
mark_packed(void *arg, int64_t claim, uint32_t first, uint32_t last)
{
	struct learning *l = arg;

	mark(l, claim, l->day * PAST_DAY + first * PAST_MINUTE, l->day * PAST_DAY + last * PAST_MINUTE);
}

static int
mark_all(struct learning *l, struct past *p)
{
	sqlite3_stmt *s = NULL;
	int rc = past_ask(p, PAST_SEALED_IN, &s, "iii", l->start / PAST_DAY, l->o->now / PAST_DAY, PAST_NEVER);

	while (rc == 0 && (rc = past_row(p, s)) == 1) {
		l->day = past_day_at(s, 0);
		rc = past_unpack(sqlite3_column_blob(s, 3), (size_t)sqlite3_column_bytes(s, 3), every_head, mark_packed, l);
		if (rc != 0)
			past_fail(p, rc, "the store is damaged: episodes of a day do not add up");
	}
	past_done(s);
	if (rc == 0)
		rc = past_ask(p, PAST_PIECE_ALL, &s, "");
	while (rc == 0 && (rc = past_row(p, s)) == 1) {
		mark(l, sqlite3_column_int64(s, 0), past_time_at(s, 1), past_time_at(s, 2));
		rc = 0;
	}
	past_done(s);
	return rc;
}

static int
make_windows(struct learning *l)
{
	size_t words;

	l->start = l->o->now;
	l->width = l->o->width > 0 ? l->o->width : WIDTH_DEFAULT;
	for (uint32_t i = 0; i < l->row_count; i++)
		if (l->rows[i].seen)
			l->start = FL_MIN(l->start, l->rows[i].first);
	l->start = FL_MAX(l->start, l->o->now - WINDOWS_MAX * l->width);
	l->windows = (uint32_t)FL_MIN((l->o->now - l->start) / l->width + 1, WINDOWS_MAX);
	words = (l->windows + 63) / 64;
	for (uint32_t i = 0; i < l->row_count; i++) {
		l->rows[i].bits = arena_alloc(&l->w.mem, words * sizeof(uint64_t));
		if (l->rows[i].bits == NULL)
			return -ENOMEM;
	}
	return 0;
}

/* In how many windows it was seen, and in which first and second (windows: never). */
static uint32_t
sum_row(const struct learning *l, const struct row *r, uint32_t *ret_first, uint32_t *ret_second)
{
	uint32_t count = 0;

	*ret_first = *ret_second = l->windows;
	for (uint32_t i = 0; i < (l->windows + 63) / 64; i++) {
		uint64_t word = r->bits[i];

		for (; word != 0 && count < 2; word &= word - 1) {
			uint32_t at = i * 64 + (uint32_t)__builtin_ctzll(word);

			if (count++ == 0)
				*ret_first = at;
			else
				*ret_second = at;
		}
		count += (uint32_t)__builtin_popcountll(word);
	}
	return count;
}

/* When were both the age and the unseen mass reached for the first time? */
static int
judge(struct learning *l, struct past_learning *ret)
{
	int64_t *once = arena_alloc(&l->w.mem, (l->windows + 1) * sizeof(*once)), ones = 0, all = 0;
	int64_t *seen = arena_alloc(&l->w.mem, (l->windows + 1) * sizeof(*seen));

	if (once == NULL || seen == NULL)
		return -ENOMEM;
	for (uint32_t i = 0; i < l->row_count; i++) {
		uint32_t first, second;

		if (sum_row(l, &l->rows[i], &first, &second) == 0)
			continue;
		once[first]++;
		once[second]--;
		for (uint32_t k = 0; k < l->windows; k++)
			seen[k] += (int64_t)(l->rows[i].bits[k / 64] >> k % 64 & 1);
	}
	*ret = (struct past_learning){ .start = l->row_count > 0 ? l->start : 0, .windows = l->windows, .width = l->width };
	for (uint32_t k = 0; k < l->windows; k++) {
		int64_t end = l->start + (int64_t)(k + 1) * l->width;

		ones += once[k];
		all += seen[k];
		ret->unseen = all > 0 ? (double)ones / (double)all : 1;
		if (ret->complete == 0 && end - l->start >= l->o->age_min && all > 0 && ret->unseen < l->o->unseen_max)
			ret->complete = end;
	}
	ret->once = (uint64_t)ones;
	ret->observations = (uint64_t)all;
	return 0;
}

static int
tell(struct learning *l, past_habit_fn *take, void *arg)
{
	const struct past_world *w = &l->w;
	int rc = 0;

	for (uint32_t i = 0; i < l->row_count && rc == 0; i++) {
		const struct row *r = &l->rows[i];
		struct past_habit h = { .from = past_text(w, w->nodes[r->from].name), .from_space = past_text(w, w->nodes[r->from].space),
			.to = past_text(w, w->nodes[r->to].name), .to_space = past_text(w, w->nodes[r->to].space),
			.protocol = past_text(w, r->protocol), .source = past_text(w, r->source), .first = r->first, .last = r->last,
			.known = r->known, .count = r->count, .declared = r->declared, .client_seen = l->client[r->from] };
		uint32_t first, second;

		if (!r->seen || r->from == r->to)
			continue;
		h.windows = sum_row(l, r, &first, &second);
		h.windows_since = l->windows - FL_MIN(first, l->windows);
		rc = take(arg, &h);
	}
	return rc;
}

int
past_habits(struct past *p, const struct past_habits_opts *o, struct past_learning *ret, past_habit_fn *take, void *arg)
{
	struct learning l = { .o = o };
	int rc = past_world_init(&l.w, p, 0);

	if (rc == 0)
		rc = make_rows(&l);
	for (int64_t i = 1; i < l.w.claim_count && rc == 0; i++)
		take_claim(&l, &l.w.claims[i]);
	if (rc == 0)
		rc = make_windows(&l);
	if (rc == 0)
		rc = mark_all(&l, p);
	if (rc == 0)
		rc = judge(&l, ret);
	if (rc == 0)
		rc = tell(&l, take, arg);
	past_world_fini(&l.w);
	return rc == -ENOMEM ? past_fail(p, rc, "out of memory") : rc;
}
