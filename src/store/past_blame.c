/* SPDX-License-Identifier: MIT */
/* past_blame.c - who saw a line, and when: every episode of every evidence. */
#include "store/past_db.h"
#include "store/past_groups.h"
#include "store/past_pack.h"
#include "store/past_read.h"
#include "store/past_world.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define PART_CLAIMS 1024

struct stretch {
	int64_t first, last, known;
	uint64_t count, errors;
};
struct blaming {
	struct past *p;
	struct past_world w;
	struct buf stretches;           /* of struct stretch, of one claim */
	int64_t claim, day, rec_day;
	past_episode_fn *take;
	void *arg;
};

static bool
is_mine(void *arg, const struct past_day *d)
{
	return ((struct blaming *)arg)->claim == d->claim;
}

static void
take_piece(void *arg, int64_t claim, uint32_t first, uint32_t last)
{
	struct blaming *b = arg;
	struct stretch s = { b->day * PAST_DAY + first * PAST_MINUTE, b->day * PAST_DAY + last * PAST_MINUTE, b->rec_day * PAST_DAY, 0, 0 };

	if (claim == b->claim)
		buf_append(&b->stretches, &s, sizeof(s));
}

static int
take_sealed(struct blaming *b)
{
	sqlite3_stmt *s = NULL;
	int rc = past_ask(b->p, PAST_SEALED_OF, &s, "ii", b->claim / PART_CLAIMS, PAST_NEVER);

	while (rc == 0 && (rc = past_row(b->p, s)) == 1) {
		b->day = past_day_at(s, 0);
		b->rec_day = past_day_at(s, 2);
		rc = past_unpack(sqlite3_column_blob(s, 3), (size_t)sqlite3_column_bytes(s, 3), is_mine, take_piece, b);
		if (rc != 0)
			past_fail(b->p, rc, "the store is damaged: episodes of a day do not add up");
	}
	past_done(s);
	return rc;
}

static int
take_rows(struct blaming *b)
{
	sqlite3_stmt *s = NULL;
	int rc = past_ask(b->p, PAST_PIECE_OF, &s, "i", b->claim);

	while (rc == 0 && (rc = past_row(b->p, s)) == 1) {
		struct stretch t = { past_time_at(s, 1), past_time_at(s, 2), past_time_at(s, 3),
			(uint64_t)sqlite3_column_int64(s, 5), (uint64_t)sqlite3_column_int64(s, 6) };

		rc = buf_append(&b->stretches, &t, sizeof(t));
	}
	past_done(s);
	return rc;
}

static int
by_first(const void *pa, const void *pb)
{
	const struct stretch *a = pa, *b = pb;

	return a->first != b->first ? (a->first < b->first ? -1 : 1) : 0;
}

/* Who says what, without when. */
static struct past_episode
about(const struct blaming *b, const struct past_claim *c)
{
	struct past_episode e = { .source = past_text(&b->w, c->source), .where = past_text(&b->w, c->place), .protocol = "" };

	if (c->what == SIGHT_LINE)
		e.protocol = past_text(&b->w, c->key);
	else if (past_is_membership(c)) {
		e.k = (uint32_t)(c->b & 0xffff);
		e.of = (uint32_t)(c->b >> 16 & 0xffff);
	}
	return e;
}

/* Pieces that no pause of `gap` parts are one episode. */
static int
tell_episodes(struct blaming *b, const struct past_claim *c)
{
	size_t n = buf_len(&b->stretches) / sizeof(struct stretch);
	struct stretch *t = NULL;
	struct past_episode e = about(b, c);
	int rc = 0;

	if (n == 0)
		return 0;
	t = malloc(n * sizeof(*t));
	if (t == NULL)
		return past_fail(b->p, -ENOMEM, "out of memory");
	memcpy(t, buf_data(&b->stretches), n * sizeof(*t));
	qsort(t, n, sizeof(*t), by_first);
	for (size_t i = 0, k; i < n && rc == 0; i = k) {
		e.first = t[i].first;
		e.last = t[i].last;
		e.count = t[i].count;
		e.errors = t[i].errors;
		e.known = t[i].known;
		for (k = i + 1; k < n && t[k].first <= e.last + b->p->gap; k++) {
			e.last = FL_MAX(e.last, t[k].last);
			e.known = FL_MIN(e.known, t[k].known);
			e.count += t[k].count;
			e.errors += t[k].errors;
		}
		rc = b->take(b->arg, &e);
	}
	free(t);
	return rc;
}

static int
blame_claim(struct blaming *b, const struct past_claim *c)
{
	struct past_episode e = about(b, c);
	int rc;

	if (!past_has_episodes(c)) {
		e.first = e.known = c->first;
		e.last = c->until;
		e.count = c->count;
		e.errors = c->errors;
		return b->take(b->arg, &e);
	}
	b->claim = c->id;
	buf_clear(&b->stretches);
	rc = take_sealed(b);
	if (rc == 0)
		rc = take_rows(b);
	if (rc == 0 && b->stretches.overflowed)
		rc = past_fail(b->p, -ENOMEM, "out of memory");
	return rc == 0 ? tell_episodes(b, c) : rc;
}

static bool
is_called(const struct past_world *w, int64_t node, const char *name)
{
	const struct past_node *own = &w->nodes[node], *root = &w->nodes[own->root];
	const char *space = past_text(w, root->space);
	size_t n = strlen(space);

	if (strcmp(name, past_text(w, own->name)) == 0 || strcmp(name, past_text(w, root->name)) == 0)
		return true;
	return n > 0 && strncmp(name, space, n) == 0 && name[n] == '/' && strcmp(name + n + 1, past_text(w, root->name)) == 0;
}

/* Is the claim about that line, or the membership of its server in a group? */
static bool
is_between(const struct past_world *w, const struct past_claim *c, const char *from, const char *to)
{
	if (c->what == SIGHT_LINE)
		return is_called(w, w->lines[c->a].a, from) && is_called(w, w->lines[c->a].b, to);
	return past_is_membership(c) && is_called(w, c->a, from) && is_called(w, c->value, to);
}

int
past_blame(struct past *p, const char *from, const char *to, past_episode_fn *take, void *arg)
{
	struct blaming b = { .p = p, .take = take, .arg = arg };
	bool found = false;
	int rc = past_world_init(&b.w, p, 0);

	buf_init(&b.stretches, 1u << 30);
	for (int64_t i = 1; i < b.w.claim_count && rc == 0; i++) {
		const struct past_claim *c = &b.w.claims[i];

		if (c->id == 0 || !is_between(&b.w, c, from, to))
			continue;
		found = true;
		rc = blame_claim(&b, c);
	}
	buf_fini(&b.stretches);
	past_world_fini(&b.w);
	return rc == 0 && !found ? past_fail(p, -ENOENT, "there is no line from %.80s to %.80s", from, to) : rc;
}
