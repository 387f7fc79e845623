/* SPDX-License-Identifier: MIT */
/*
 * past_write.c - sightings become claims, and those of observers episodes
 *
 * Invariants
 *  (1) Of a thing that has one value per source (a fact, what a line is like) one claim is open at a time; another value ends it.
 *  (2) Pieces of a claim lie within a day of UTC, unless they were told as one of more than SPLIT_DAYS_MAX days.
 *  (3) What was recorded more than RESOLUTION ago is not moved backward: an earlier beginning learned later is a piece of its own.
 */
#include "base/assert.h"
#include "base/buf.h"
#include "store/past.h"
#include "store/past_claim.h"
#include "store/past_db.h"
#include "store/past_groups.h"
#include "store/past_half.h"
#include "store/past_pack.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TEXT_MAX 4096u
#define GROUP_TEXT_MAX (256u << 10)
#define FUTURE_MAX (300 * FL_SEC)       /* clocks differ by so much */
#define RESOLUTION (600 * FL_SEC)       /* of the axis of recorded time */
#define SPLIT_DAYS_MAX 400
#define COUNT_MAX (UINT64_C(1) << 60)
#define PART_CLAIMS 1024
#define RIPE_AFTER (2 * PAST_DAY)
#define SEALED_MAX (32u << 20)

static const char *const declaring[] = { "declared", "kubernetes", "istio", "compose", "backstage", "csv", "json", "manual", "velero", NULL };

bool
past_declares(const char *source)
{
	for (size_t i = 0; source != NULL && declaring[i] != NULL; i++)
		if (strcmp(source, declaring[i]) == 0)
			return true;
	return false;
}

/* ---- numbers of texts, nodes, lines ---- */

/* NULL and "" are 0. */
static int
text_id(struct past *p, const char *text, int64_t *ret)
{
	sqlite3_stmt *s = NULL;
	int64_t id;
	int rc;

	if (text == NULL || text[0] == '\0') {
		*ret = 0;
		return 0;
	}
	id = (int64_t)(intptr_t)map_get(&p->texts, text);
	if (id == 0) {
		rc = past_ask(p, PAST_TEXT_GET, &s, "t", text);
		if (rc == 0 && (rc = past_row(p, s)) == 1) {
			id = sqlite3_column_int64(s, 0);
			past_done(s);
			rc = 0;
		} else if (rc == 0) {
			rc = past_do(p, PAST_TEXT_ADD, "t", text);
			id = sqlite3_last_insert_rowid(p->db);
		}
		if (rc != 0)
			return rc;
		rc = map_put(&p->texts, text, (void *)(intptr_t)id, NULL);
		if (rc != 0)
			return past_fail(p, rc, "out of memory");
	}
	*ret = id;
	return 0;
}

static int
pair_id(struct past *p, enum past_statement get, enum past_statement add, int64_t a, int64_t b, int64_t *ret)
{
	int64_t key[3] = { get, a, b }, id = (int64_t)(intptr_t)map_getn(&p->pairs, key, sizeof(key));
	sqlite3_stmt *s = NULL;
	int rc;

	if (id == 0) {
		rc = past_ask(p, get, &s, "ii", a, b);
		if (rc == 0 && (rc = past_row(p, s)) == 1) {
			id = sqlite3_column_int64(s, 0);
			past_done(s);
			rc = 0;
		} else if (rc == 0) {
			rc = past_do(p, add, "ii", a, b);
			id = sqlite3_last_insert_rowid(p->db);
		}
		if (rc != 0)
			return rc;
		rc = map_putn(&p->pairs, key, sizeof(key), (void *)(intptr_t)id, NULL);
		if (rc != 0)
			return past_fail(p, rc, "out of memory");
	}
	*ret = id;
	return 0;
}

static int
node_id(struct past *p, const char *name, const char *space, int64_t *ret)
{
	int64_t n, sp;
	int rc = text_id(p, name, &n);

	if (rc == 0)
		rc = text_id(p, space, &sp);
	return rc == 0 ? pair_id(p, PAST_NODE_GET, PAST_NODE_ADD, n, sp, ret) : rc;
}

static int
line_id(struct past *p, const struct sight *s, int64_t *ret)
{
	int64_t from, to;
	int rc = node_id(p, s->from, s->from_space, &from);

	if (rc == 0)
		rc = node_id(p, s->to, s->to_space, &to);
	return rc == 0 ? pair_id(p, PAST_LINE_GET, PAST_LINE_ADD, from, to, ret) : rc;
}

/* ---- what makes sense ---- */

static bool
is_name(const char *s)
{
	return s != NULL && s[0] != '\0' && strnlen(s, TEXT_MAX + 1) <= TEXT_MAX;
}

static bool
is_text(const char *s)
{
	return s == NULL || strnlen(s, TEXT_MAX + 1) <= TEXT_MAX;
}

static bool
makes_sense(const struct sight *s)
{
	bool texts = is_name(s->source) && is_text(s->where) && is_text(s->space) && is_text(s->app) && is_text(s->from_space) &&
	    is_text(s->to_space) && is_text(s->protocol);

	if (!texts || s->first < 0 || s->last < 0 || s->count > COUNT_MAX || s->errors > COUNT_MAX)
		return false;
	switch (s->what) {
	case SIGHT_NODE:
	case SIGHT_COVER:
		return is_name(s->name);
	case SIGHT_LINE:
	case SIGHT_RULE:
		return is_name(s->from) && is_name(s->to) && is_text(s->value);
	case SIGHT_GROUP:
		return is_name(s->from) && s->member_count > 0 && s->member_count <= PAST_MEMBERS_MAX && s->k > 0 && s->k <= s->member_count;
	case SIGHT_FACT:
		return is_name(s->key) && is_text(s->value) && (is_name(s->name) || (is_name(s->from) && is_name(s->to)));
	case SIGHT_INSTANCE:
		return is_name(s->name) && is_name(s->address);
	case SIGHT_ALIAS:
		return is_name(s->name) && is_name(s->to) && is_text(s->value);
	}
	return false;
}

/* ---- episodes ---- */

struct stretch {
	int64_t claim, first, last;
	uint64_t count, errors;
};

static bool
same_day(int64_t a, int64_t b)
{
	return a / PAST_DAY == b / PAST_DAY;
}

static int
add_piece(struct past *p, const struct stretch *t)
{
	return past_do(p, PAST_PIECE_ADD, "iiiiii", t->claim, t->first, p->now, t->last, (int64_t)t->count, (int64_t)t->errors);
}

/* The piece at `first` takes t in, or t becomes one of its own (3). */
static int
join_piece(struct past *p, const struct stretch *t, int64_t first, int64_t rec_first)
{
	int rc;

	if (t->first >= first)
		return past_do(p, PAST_PIECE_GROW, "iiiiiii", t->claim, first, rec_first, t->last, p->now, (int64_t)t->count, (int64_t)t->errors);
	if (p->now - rec_first > RESOLUTION)
		return add_piece(p, t);
	rc = past_do(p, PAST_PIECE_BACK, "iiiiiiii", t->claim, first, rec_first, t->first, t->last, p->now, (int64_t)t->count,
	    (int64_t)t->errors);
	return rc != 0 || sqlite3_changes(p->db) > 0 ? rc : add_piece(p, t);
}

/* Into the pieces of one day. */
static int
fold_day(struct past *p, const struct stretch *t)
{
	static const enum past_statement sides[] = { PAST_PIECE_NEAR, PAST_PIECE_NEXT };
	int64_t first, last, rec_first;

	for (size_t i = 0; i < FL_ARRAY_LEN(sides); i++) {
		sqlite3_stmt *s = NULL;
		int rc = past_ask(p, sides[i], &s, "ii", t->claim, t->last);

		if (rc == 0)
			rc = past_row(p, s);
		if (rc < 0)
			return rc;
		if (rc == 0)
			continue;
		first = past_time_at(s, 0);
		last = past_time_at(s, 1);
		rec_first = past_time_at(s, 2);
		past_done(s);
		if (same_day(first, t->first) && same_day(first, last) && last >= t->first - p->gap && first <= t->last + p->gap)
			return join_piece(p, t, first, rec_first);
	}
	return add_piece(p, t);
}

/* Cut at midnight, so that each day can be packed alone. */
static int
fold(struct past *p, const struct stretch *whole)
{
	int64_t days = whole->last / PAST_DAY - whole->first / PAST_DAY + 1;
	struct stretch rest = *whole;
	int rc = 0;

	if (days > SPLIT_DAYS_MAX)
		return add_piece(p, whole);
	for (int64_t i = days; i > 0 && rc == 0; i--) {
		struct stretch part = rest;

		if (i > 1) {
			part.last = (rest.first / PAST_DAY + 1) * PAST_DAY - 1;
			part.count = rest.count / (uint64_t)i;
			part.errors = rest.errors / (uint64_t)i;
			rest.first = part.last + 1;
			rest.count -= part.count;
			rest.errors -= part.errors;
		}
		rc = fold_day(p, &part);
	}
	return rc;
}

/* ---- claims ---- */

struct claim {
	int64_t what, a, b, key, value, bits, source, origin, place, first, last;
	uint64_t count, errors, latency;
	bool many;                      /* a thing that may have several values at once */
};

struct found {
	int64_t id, value, bits, first, batch, count;
};

static int
find_claim(struct past *p, const struct claim *c, struct found *ret)
{
	sqlite3_stmt *s = NULL;
	int rc;

	if (c->many)
		rc = past_ask(p, PAST_CLAIM_GET_VALUE, &s, "iiiiiii", c->what, c->a, c->b, c->key, c->source, c->origin, c->value);
	else
		rc = past_ask(p, PAST_CLAIM_GET, &s, "iiiiii", c->what, c->a, c->b, c->key, c->source, c->origin);
	if (rc == 0 && (rc = past_row(p, s)) == 1) {
		*ret = (struct found){ sqlite3_column_int64(s, 0), sqlite3_column_int64(s, 1), sqlite3_column_int64(s, 2), sqlite3_column_int64(s, 3),
			sqlite3_column_int64(s, 4), sqlite3_column_int64(s, 5) };
		past_done(s);
	}
	return rc;
}

static int
insert_claim(struct past *p, const struct claim *c, int64_t until, int64_t *ret_id)
{
	int rc = past_do(p, PAST_CLAIM_ADD, "iiiiiiiiiiiiiiiii", c->what, c->a, c->b, c->key, c->value, c->bits, c->source, c->origin, c->place,
	    c->first, c->last, until, p->now, (int64_t)c->count, (int64_t)c->errors, (int64_t)c->latency, p->batch);

	*ret_id = sqlite3_last_insert_rowid(p->db);
	return rc;
}

/* Say it (again). *ret_id is the claim that now says so. */
static int
put_claim(struct past *p, struct claim *c, int64_t *ret_id)
{
	struct found f = { 0 };
	int rc = find_claim(p, c, &f);

	if (rc < 0)
		return rc;
	if (rc == 0)
		return insert_claim(p, c, PAST_NEVER, ret_id);
	/* A file says all of what it declares: what it leaves out now is not known any more. */
	if (!c->many && (c->origin == 0 || f.batch == p->batch)) {
		c->bits = past_claim_merge(c->bits, f.bits);
		if (c->what == SIGHT_NODE && c->value == 0)
			c->value = f.value;
	}
	/* An older word that comes late ends where the present one begins. */
	if (!c->many && (c->value != f.value || past_claim_differs(c->bits, f.bits))) {
		if (c->first < f.first)
			return insert_claim(p, c, f.first, ret_id);
		rc = past_do(p, PAST_CLAIM_END, "iii", f.id, c->first, p->now);
		return rc == 0 ? insert_claim(p, c, PAST_NEVER, ret_id) : rc;
	}
	*ret_id = f.id;
	return past_do(p, PAST_CLAIM_AGAIN, "iiiiiiiiiii", f.id, c->first, c->last, p->now, (int64_t)c->count, (int64_t)c->errors,
	    (int64_t)c->latency, p->batch, c->place, c->bits, c->value);
}

/* The times of a sighting, with what is not known filled in. */
static void
set_times(struct past *p, const struct sight *s, struct claim *c)
{
	c->first = s->first != 0 ? s->first : s->last != 0 ? s->last : p->now;
	c->last = s->last != 0 ? FL_MAX(s->last, c->first) : c->first;
	if (c->last > p->now) {
		p->sums.future += c->last - p->now > FUTURE_MAX;
		c->last = p->now;
		c->first = FL_MIN(c->first, p->now);
	}
}

/* "shop.yaml" of "shop.yaml:12:3", from where we were when it was read. */
static int
origin_id(struct past *p, const char *where, int64_t *ret)
{
	char text[2 * TEXT_MAX + 2];
	size_t n = where == NULL ? 0 : strlen(where);

	for (int i = 0; i < 2; i++) {
		size_t k = n;

		while (k > 0 && where[k - 1] >= '0' && where[k - 1] <= '9')
			k--;
		if (k < n && k > 1 && where[k - 1] == ':')
			n = k - 1;
	}
	if (n == 0) {
		*ret = 0;
		return 0;
	}
	if (p->cwd != NULL && where[0] != '/')
		snprintf(text, sizeof(text), "%.*s/%.*s", (int)TEXT_MAX, p->cwd, (int)n, where);
	else
		snprintf(text, sizeof(text), "%.*s", (int)n, where);
	return text_id(p, text, ret);
}

/* "2|a\nb\nc": K of members, each "name". */
static int
group_value(struct past *p, const struct sight *s, int64_t *ret)
{
	struct buf text;
	int rc;

	buf_init(&text, GROUP_TEXT_MAX);
	buf_printf(&text, "%u|", s->k);
	for (uint32_t i = 0; i < s->member_count; i++)
		buf_printf(&text, "%s%s", i > 0 ? "\n" : "", s->members[i] != NULL ? s->members[i] : "");
	rc = text.overflowed ? -EINVAL : text_id(p, buf_str(&text), ret);
	buf_fini(&text);
	return rc;
}

/* What the claim is about: a, b, key, value. */
static int
set_subject(struct past *p, const struct sight *s, struct claim *c)
{
	int rc = 0;

	switch (s->what) {
	case SIGHT_NODE:
		rc = node_id(p, s->name, s->space, &c->a);
		return rc == 0 ? text_id(p, s->app, &c->value) : rc;
	case SIGHT_LINE:
		rc = line_id(p, s, &c->a);
		return rc == 0 ? text_id(p, s->protocol, &c->key) : rc;
	case SIGHT_GROUP:
		c->many = true;
		rc = node_id(p, s->from, s->from_space, &c->a);
		return rc == 0 ? group_value(p, s, &c->value) : rc;
	case SIGHT_FACT:
		c->b = !is_name(s->name);
		rc = c->b != 0 ? line_id(p, s, &c->a) : node_id(p, s->name, s->space, &c->a);
		if (rc == 0)
			rc = text_id(p, s->key, &c->key);
		return rc == 0 ? text_id(p, s->value, &c->value) : rc;
	case SIGHT_INSTANCE:
		c->many = true;
		rc = node_id(p, s->name, s->space, &c->a);
		return rc == 0 ? text_id(p, s->address, &c->value) : rc;
	case SIGHT_ALIAS:
		rc = node_id(p, s->name, s->space, &c->a);
		if (rc == 0)
			rc = node_id(p, s->to, s->to_space, &c->b);
		return rc == 0 ? text_id(p, s->value, &c->value) : rc;
	case SIGHT_RULE:
		rc = text_id(p, s->from, &c->a);
		if (rc == 0)
			rc = text_id(p, s->to, &c->b);
		return rc == 0 ? text_id(p, s->value, &c->value) : rc;
	case SIGHT_COVER:
		return node_id(p, s->name, s->space, &c->a);
	}
	return -EINVAL;
}

/* What is so, and of when. declares: it holds until it is withdrawn. */
static int
begin_claim(struct past *p, const struct sight *s, bool declares, struct claim *c)
{
	int rc;

	*c = (struct claim){ .what = s->what };
	set_times(p, s, c);
	c->bits = past_claim_bits(s);
	c->count = declares ? s->count : FL_MAX(s->count, 1);
	c->errors = s->errors;
	c->latency = FL_MIN(s->latency, COUNT_MAX);
	rc = text_id(p, s->source, &c->source);
	if (rc == 0)
		rc = text_id(p, s->where, &c->place);
	return rc == 0 && declares ? origin_id(p, s->where, &c->origin) : rc;
}

static int
put_episode(struct past *p, struct claim *c)
{
	int64_t id = 0;
	int rc = put_claim(p, c, &id);

	return rc == 0 ? fold(p, &(struct stretch){ id, c->first, c->last, c->count, c->errors }) : rc;
}

static int
by_text(const void *pa, const void *pb)
{
	return strcmp(*(const char *const *)pa, *(const char *const *)pb);
}

/* Who was seen to use several members of a cluster at once: a membership each (past_groups.h). */
static int
put_memberships(struct past *p, const struct sight *s, struct claim *c)
{
	const char *names[PAST_MEMBERS_MAX];
	uint32_t n = 0;
	int rc;

	for (uint32_t i = 0; i < s->member_count; i++)
		if (is_name(s->members[i]))
			names[n++] = s->members[i];
	if (n < s->member_count)
		return -EINVAL;
	qsort(names, n, sizeof(names[0]), by_text);
	c->many = true;
	rc = node_id(p, s->from, s->from_space, &c->a);
	if (rc == 0)
		rc = node_id(p, names[0], s->to_space, &c->key);
	c->b = past_group_size(s->k, s->member_count);
	for (uint32_t i = 0; i < n && rc == 0; i++) {
		if (i > 0 && strcmp(names[i - 1], names[i]) == 0)
			continue;
		rc = node_id(p, names[i], s->to_space, &c->value);
		if (rc == 0)
			rc = put_episode(p, c);
	}
	return rc;
}

int
past_sight(void *arg, const struct sight *s)
{
	struct past *p = arg;
	bool declares = past_declares(s->source);
	struct claim c;
	int64_t id;
	int rc;

	fl_assert(p->open_batch);
	if (!makes_sense(s)) {
		p->sums.bad++;
		return 0;
	}
	rc = begin_claim(p, s, declares, &c);
	if (rc == 0 && s->what == SIGHT_GROUP && !declares) {
		rc = put_memberships(p, s, &c);
	} else if (rc == 0) {
		rc = set_subject(p, s, &c);
		if (rc == 0)
			rc = !declares && (s->what == SIGHT_LINE || s->what == SIGHT_COVER) ? put_episode(p, &c) : put_claim(p, &c, &id);
	}
	if (rc == -EINVAL) {
		p->sums.bad++;
		return 0;
	}
	p->sums.told += rc == 0;
	return rc;
}

int
past_withdraw(struct past *p, const char *file, int64_t when)
{
	int64_t origin;
	int rc;

	fl_assert(p->open_batch);
	rc = origin_id(p, file, &origin);
	if (rc != 0 || origin == 0)
		return rc;
	return past_do(p, PAST_CLAIM_WITHDRAW, "iiii", origin, p->batch, when > 0 ? FL_MIN(when, p->now) : p->now, p->now);
}

/* ---- what is not so after all ---- */

/* A line of which nothing is left: what this source said of it as a line goes with it. */
static int
end_line(struct past *p, const struct claim *c, int64_t id)
{
	int rc = past_do(p, PAST_CLAIM_NONE, "ii", id, p->now);

	return rc == 0 ? past_do(p, PAST_FACTS_NONE, "iiii", c->a, c->source, p->now, (int64_t)SIGHT_FACT) : rc;
}

/* The piece that the calls stood in, if it is not packed yet. */
static int
lessen_piece(struct past *p, const struct claim *c, int64_t id)
{
	sqlite3_stmt *s = NULL;
	int64_t first, rec_first;
	int rc = past_ask(p, PAST_PIECE_NEAR, &s, "ii", id, c->first);

	if (rc == 0)
		rc = past_row(p, s);
	if (rc <= 0)
		return rc;
	first = sqlite3_column_int64(s, 0);
	rec_first = sqlite3_column_int64(s, 2);
	past_done(s);
	return past_do(p, PAST_PIECE_LESS, "iiiii", id, first, rec_first, (int64_t)c->count, (int64_t)c->errors);
}

int
past_take_back(struct past *p, const struct sight *s)
{
	struct claim c;
	struct found f;
	int rc;

	fl_assert(p->open_batch);
	if (s->what != SIGHT_LINE || past_declares(s->source) || !makes_sense(s))
		return 0;
	rc = begin_claim(p, s, false, &c);
	if (rc == 0)
		rc = set_subject(p, s, &c);
	if (rc == 0)
		rc = find_claim(p, &c, &f);
	if (rc <= 0)
		return rc;
	if (f.count <= (int64_t)c.count)
		return end_line(p, &c, f.id);
	rc = past_do(p, PAST_CLAIM_LESS, "iiii", f.id, (int64_t)c.count, (int64_t)c.errors, (int64_t)c.latency);
	return rc == 0 ? lessen_piece(p, &c, f.id) : rc;
}

/* ---- packing what rests ---- */

struct sealing {
	int64_t day, part, rec_day;
	struct buf pieces;              /* of struct past_piece */
	struct buf body;
	int64_t done;
};

static int
seal_part(struct past *p, struct sealing *t)
{
	size_t n = buf_len(&t->pieces) / sizeof(struct past_piece);
	int rc;

	if (n == 0)
		return 0;
	buf_clear(&t->body);
	rc = t->pieces.overflowed ? -ENOMEM : past_pack((const void *)buf_data(&t->pieces), n, &t->body);
	if (rc == 0)
		rc = past_do(p, PAST_SEALED_ADD, "iiib", t->day, t->part, t->rec_day, buf_data(&t->body), buf_len(&t->body));
	else
		rc = past_fail(p, rc, "a day of episodes cannot be packed");
	t->done += (int64_t)n;
	buf_clear(&t->pieces);
	return rc;
}

/* Pieces without a pause between them are one, as they are to a reader. */
static void
add_ripe(struct sealing *t, const struct past_piece *piece, int64_t gap_minutes)
{
	struct past_piece *before = buf_len(&t->pieces) == 0 ? NULL : (void *)(t->pieces.mem + t->pieces.end - sizeof(*before));

	if (before == NULL || before->claim != piece->claim || piece->first > before->last + gap_minutes) {
		buf_append(&t->pieces, piece, sizeof(*piece));
		return;
	}
	before->last = FL_MAX(before->last, piece->last);
	before->count += piece->count;
	before->errors += piece->errors;
}

static int
seal_all(struct past *p, int64_t limit, struct sealing *t)
{
	sqlite3_stmt *s = NULL;
	int rc = past_ask(p, PAST_PIECE_RIPE, &s, "i", limit);

	while (rc == 0 && (rc = past_row(p, s)) == 1) {
		int64_t claim = sqlite3_column_int64(s, 0), first = sqlite3_column_int64(s, 1), last = sqlite3_column_int64(s, 2);
		int64_t day = first / PAST_DAY, part = claim / PART_CLAIMS, rec_day = sqlite3_column_int64(s, 4) / PAST_DAY;
		struct past_piece piece = { .claim = claim, .count = (uint64_t)sqlite3_column_int64(s, 5),
			.errors = (uint64_t)sqlite3_column_int64(s, 6) };

		rc = 0;
		if (day != t->day || part != t->part || rec_day != t->rec_day)
			rc = seal_part(p, t);
		t->day = day;
		t->part = part;
		t->rec_day = rec_day;
		piece.first = (uint32_t)(first % PAST_DAY / PAST_MINUTE);
		piece.last = (uint32_t)((last % PAST_DAY + PAST_MINUTE - 1) / PAST_MINUTE);
		add_ripe(t, &piece, p->gap / PAST_MINUTE);
	}
	if (rc < 0)
		past_done(s);
	return rc == 0 ? seal_part(p, t) : rc;
}

int64_t
past_seal(struct past *p, int64_t now)
{
	int64_t limit = (now - RIPE_AFTER) / PAST_DAY * PAST_DAY;
	struct sealing t = { .day = -1 };
	sqlite3_stmt *s = NULL;
	int rc;

	fl_assert(!p->open_batch);
	rc = past_ask(p, PAST_PIECE_ANY, &s, "i", limit);
	if (rc != 0 || (rc = past_row(p, s)) <= 0)
		return rc;
	past_done(s);
	buf_init(&t.pieces, 1u << 30);
	buf_init(&t.body, SEALED_MAX);
	rc = past_do(p, PAST_BEGIN, "");
	if (rc == 0) {
		p->open_batch = true;
		rc = seal_all(p, limit, &t);
		if (rc == 0)
			rc = past_do(p, PAST_PIECE_DROP, "i", limit);
		if (rc == 0)
			rc = past_commit(p, NULL);
		else
			past_rollback(p);
	}
	buf_fini(&t.pieces);
	buf_fini(&t.body);
	return rc == 0 ? t.done : rc;
}
