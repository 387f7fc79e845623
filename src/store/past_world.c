/* SPDX-License-Identifier: MIT */
/* past_world.c - the claims of the store in memory. */
#include "store/past_world.h"
#include "base/assert.h"
#include "store/past_claim.h"
#include "store/past_db.h"
#include "store/past_pack.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define PART_CLAIMS 1024
#define IDS_MAX (INT64_C(1) << 31)
#define ROW_BYTES 4

/* ---- tables ---- */

/* One number that a query answers. */
static int
ask_number(struct past *p, const char *sql, int64_t *ret)
{
	sqlite3_stmt *s = NULL;
	int rc = past_sqlite(p, sqlite3_prepare_v2(p->db, sql, -1, &s, NULL));

	if (rc == 0)
		rc = sqlite3_step(s) == SQLITE_ROW ? 0 : past_sqlite(p, sqlite3_errcode(p->db));
	if (rc == 0)
		*ret = sqlite3_column_int64(s, 0);
	sqlite3_finalize(s);
	return rc;
}

/*
 * The highest number of a table, and one. Numbers are given without gaps, and a row takes more than ROW_BYTES: so a small file cannot make us
 * take much memory.
 */
static int
highest(struct past *p, const char *table, int64_t *ret)
{
	int64_t id = 0, pages = 0, page_bytes = 0;
	char sql[64];
	int rc;

	snprintf(sql, sizeof(sql), "SELECT coalesce(max(id), 0) FROM %s", table);
	rc = ask_number(p, sql, &id);
	if (rc == 0)
		rc = ask_number(p, "PRAGMA page_count", &pages);
	if (rc == 0)
		rc = ask_number(p, "PRAGMA page_size", &page_bytes);
	if (rc != 0)
		return rc;
	if (id < 0 || id >= IDS_MAX || id > pages * page_bytes / ROW_BYTES)
		return past_fail(p, -EBADMSG, "the store is damaged: numbers out of bounds");
	*ret = id + 1;
	return 0;
}

static int
read_texts(struct past_world *w, struct past *p)
{
	sqlite3_stmt *s = NULL;
	int rc = past_ask(p, PAST_TEXT_ALL, &s, "");

	while (rc == 0 && (rc = past_row(p, s)) == 1) {
		int64_t id = sqlite3_column_int64(s, 0);
		const char *text = (const char *)sqlite3_column_text(s, 1);

		rc = 0;
		if (id <= 0 || id >= w->text_count || text == NULL)
			continue;
		w->texts[id] = arena_strndup(&w->mem, text, (size_t)sqlite3_column_bytes(s, 1));
		if (w->texts[id] == NULL)
			rc = past_fail(p, -ENOMEM, "out of memory");
	}
	past_done(s);
	return rc;
}

static int
read_pairs(struct past_world *w, struct past *p, bool nodes)
{
	sqlite3_stmt *s = NULL;
	int rc = past_ask(p, nodes ? PAST_NODE_ALL : PAST_LINE_ALL, &s, "");

	while (rc == 0 && (rc = past_row(p, s)) == 1) {
		int64_t id = sqlite3_column_int64(s, 0), a = sqlite3_column_int64(s, 1), b = sqlite3_column_int64(s, 2);

		rc = 0;
		if (nodes && id > 0 && id < w->node_count)
			w->nodes[id] = (struct past_node){ .name = a, .space = b, .root = id };
		else if (!nodes && id > 0 && id < w->line_count && a > 0 && b > 0 && a < w->node_count && b < w->node_count)
			w->lines[id] = (struct past_line){ a, b };
	}
	past_done(s);
	return rc;
}

static bool
node_is_there(const struct past_world *w, int64_t node)
{
	return node > 0 && node < w->node_count && w->nodes[node].name != 0;
}

/* Is what the claim is about there? A damaged store must not lead us astray. */
static bool
subject_is_there(const struct past_world *w, const struct past_claim *c)
{
	bool line = c->what == SIGHT_LINE || (c->what == SIGHT_FACT && c->b != 0);

	if (c->what == SIGHT_RULE)
		return c->a > 0 && c->b > 0;
	if (line)
		return c->a > 0 && c->a < w->line_count && w->lines[c->a].a != 0;
	if (c->what == SIGHT_ALIAS && !node_is_there(w, c->b))
		return false;
	if (c->what == SIGHT_GROUP && c->b != 0 && (!node_is_there(w, c->key) || !node_is_there(w, c->value)))
		return false;
	return node_is_there(w, c->a);
}

static void
take_claim(struct past_world *w, sqlite3_stmt *s)
{
	struct past_claim c = { .id = sqlite3_column_int64(s, 0), .what = sqlite3_column_int64(s, 1), .a = sqlite3_column_int64(s, 2),
		.b = sqlite3_column_int64(s, 3), .key = sqlite3_column_int64(s, 4), .value = sqlite3_column_int64(s, 5),
		.bits = sqlite3_column_int64(s, 6), .source = sqlite3_column_int64(s, 7), .place = sqlite3_column_int64(s, 8),
		.first = past_time_at(s, 9), .last = past_time_at(s, 10), .until = sqlite3_column_int64(s, 11),
		.count = (uint64_t)sqlite3_column_int64(s, 12), .errors = (uint64_t)sqlite3_column_int64(s, 13),
		.latency = (uint64_t)sqlite3_column_int64(s, 14), .origin = sqlite3_column_int64(s, 18) };
	int64_t rec_first = past_time_at(s, 15), rec_last = sqlite3_column_int64(s, 16), rec_until = sqlite3_column_int64(s, 17);

	if (rec_first > w->known || c.id <= 0 || c.id >= w->claim_count || c.what < 0 || c.what > SIGHT_COVER || !subject_is_there(w, &c))
		return;
	if (rec_until > w->known)
		c.until = PAST_NEVER;
	if (rec_last > w->known)
		c.last = FL_MAX(c.first, FL_MIN(c.last, w->known));
	c.rec_first = rec_first;
	/* A few sources say it all. */
	if (c.source != w->last_source) {
		w->last_source = c.source;
		w->last_declares = past_declares(past_text(w, c.source));
	}
	c.declared = w->last_declares;
	/* It was taken back. */
	if (c.until < 0)
		return;
	w->claims[c.id] = c;
}

static int
read_claims(struct past_world *w, struct past *p)
{
	sqlite3_stmt *s = NULL;
	int rc = past_ask(p, PAST_CLAIM_ALL, &s, "");

	while (rc == 0 && (rc = past_row(p, s)) == 1) {
		take_claim(w, s);
		rc = 0;
	}
	past_done(s);
	return rc;
}

static int
read_all(struct past_world *w, struct past *p)
{
	int rc = highest(p, "text", &w->text_count);

	if (rc == 0)
		rc = highest(p, "node", &w->node_count);
	if (rc == 0)
		rc = highest(p, "line", &w->line_count);
	if (rc == 0)
		rc = highest(p, "claim", &w->claim_count);
	if (rc != 0)
		return rc;
	w->texts = arena_alloc(&w->mem, (size_t)w->text_count * sizeof(*w->texts));
	w->nodes = arena_alloc(&w->mem, (size_t)w->node_count * sizeof(*w->nodes));
	w->lines = arena_alloc(&w->mem, (size_t)w->line_count * sizeof(*w->lines));
	w->claims = arena_alloc(&w->mem, (size_t)w->claim_count * sizeof(*w->claims));
	if (w->mem.overflowed)
		return past_fail(p, -ENOMEM, "the map is larger than the memory it may take");
	rc = read_texts(w, p);
	if (rc == 0)
		rc = read_pairs(w, p, true);
	if (rc == 0)
		rc = read_pairs(w, p, false);
	return rc == 0 ? read_claims(w, p) : rc;
}

int
past_world_init(struct past_world *w, struct past *p, int64_t known)
{
	int rc;

	*w = (struct past_world){ .known = known > 0 ? known : PAST_NEVER };
	arena_init(&w->mem, PAST_MEMORY_MAX);
	/* One moment for all tables, whoever writes meanwhile. */
	rc = past_sqlite(p, sqlite3_exec(p->db, "SAVEPOINT world", NULL, NULL, NULL));
	if (rc == 0) {
		rc = read_all(w, p);
		sqlite3_exec(p->db, "RELEASE world", NULL, NULL, NULL);
	}
	if (rc == 0 && past_names(w) != 0)
		rc = past_fail(p, -ENOMEM, "out of memory");
	return rc;
}

void
past_world_fini(struct past_world *w)
{
	arena_fini(&w->mem);
}

/* ---- when was it seen ---- */

struct looking {
	struct past_world *w;
	struct past_seen *seen;
	int64_t from, until, day;
};

static void
note(struct looking *l, int64_t claim, int64_t first, int64_t last)
{
	struct past_seen *s = &l->seen[claim];

	if (last < l->from || first > l->until)
		return;
	first = FL_MAX(first, l->from);
	last = FL_MIN(last, l->until);
	if (s->first == 0 || first < s->first)
		s->first = FL_MAX(first, 1);
	s->last = FL_MAX(s->last, last);
}

static void
note_piece(void *arg, int64_t claim, uint32_t first, uint32_t last)
{
	struct looking *l = arg;

	note(l, claim, l->day * PAST_DAY + first * PAST_MINUTE, l->day * PAST_DAY + last * PAST_MINUTE);
}

/* The head is enough, unless the window lies wholly within it: it may be in a pause. */
static bool
note_head(void *arg, const struct past_day *d)
{
	struct looking *l = arg;
	int64_t first = l->day * PAST_DAY + d->first * PAST_MINUTE, last = l->day * PAST_DAY + d->last * PAST_MINUTE;

	if (d->claim >= l->w->claim_count || last < l->from || first > l->until)
		return false;
	if (first < l->from && last > l->until)
		return d->pieces > 1 ? true : (note(l, d->claim, first, last), false);
	note(l, d->claim, first, last);
	l->seen[d->claim].count += d->count;
	l->seen[d->claim].errors += d->errors;
	return false;
}

static int
look_at_sealed(struct past *p, struct looking *l)
{
	sqlite3_stmt *s = NULL;
	int rc = past_ask(p, PAST_SEALED_IN, &s, "iii", l->from / PAST_DAY, l->until / PAST_DAY, l->w->known == PAST_NEVER ? l->w->known :
	    l->w->known / PAST_DAY);

	while (rc == 0 && (rc = past_row(p, s)) == 1) {
		const void *body = sqlite3_column_blob(s, 3);

		l->day = past_day_at(s, 0);
		rc = past_unpack(body, (size_t)sqlite3_column_bytes(s, 3), note_head, note_piece, l);
		if (rc != 0)
			past_fail(p, rc, "the store is damaged: episodes of a day do not add up");
	}
	past_done(s);
	return rc;
}

/* Pieces that were told in an unlucky order lie side by side: of one day and without a pause they are one. */
struct joined {
	int64_t claim, first, last;
	uint64_t count, errors;
};

static void
note_joined(struct looking *l, const struct joined *j)
{
	if (j->claim == 0 || j->last < l->from || j->first > l->until)
		return;
	note(l, j->claim, j->first, j->last);
	l->seen[j->claim].count += j->count;
	l->seen[j->claim].errors += j->errors;
}

static int
look_at_pieces(struct past *p, struct looking *l)
{
	struct joined j = { 0 };
	sqlite3_stmt *s = NULL;
	int rc = past_ask(p, PAST_PIECE_ALL, &s, "");

	while (rc == 0 && (rc = past_row(p, s)) == 1) {
		struct joined own = { sqlite3_column_int64(s, 0), past_time_at(s, 1), past_time_at(s, 2),
			(uint64_t)sqlite3_column_int64(s, 5), (uint64_t)sqlite3_column_int64(s, 6) };

		rc = 0;
		if (sqlite3_column_int64(s, 3) > l->w->known || own.claim <= 0 || own.claim >= l->w->claim_count)
			continue;
		if (sqlite3_column_int64(s, 4) > l->w->known)
			own.last = FL_MAX(own.first, FL_MIN(own.last, l->w->known));
		if (own.claim == j.claim && own.first <= j.last + p->gap && own.first / PAST_DAY == j.first / PAST_DAY) {
			j.last = FL_MAX(j.last, own.last);
			j.count += own.count;
			j.errors += own.errors;
			continue;
		}
		note_joined(l, &j);
		j = own;
	}
	note_joined(l, &j);
	past_done(s);
	return rc;
}

int
past_seen(struct past *p, struct past_world *w, int64_t from, int64_t until, struct past_seen **ret)
{
	struct looking l = { .w = w, .from = from, .until = until };
	int rc;

	fl_assert(from <= until);
	l.seen = arena_alloc(&w->mem, (size_t)w->claim_count * sizeof(*l.seen));
	if (l.seen == NULL)
		return past_fail(p, -ENOMEM, "out of memory");
	rc = look_at_sealed(p, &l);
	if (rc == 0)
		rc = look_at_pieces(p, &l);
	if (rc == 0)
		*ret = l.seen;
	return rc;
}
