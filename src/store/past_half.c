/* SPDX-License-Identifier: MIT */
/* past_half.c - halves of calls that wait for the other one. */
#include "store/past_half.h"
#include "base/assert.h"
#include "store/past_db.h"

#include <errno.h>

/* A number among the settings; not there, or no good: otherwise. */
static int
setting(struct past *p, const char *key, int64_t least, int64_t most, int64_t otherwise, int64_t *ret)
{
	sqlite3_stmt *s = NULL;
	int rc = past_ask(p, PAST_META_GET, &s, "t", key);

	*ret = otherwise;
	if (rc != 0 || (rc = past_row(p, s)) != 1)
		return rc;
	*ret = sqlite3_column_int64(s, 0);
	past_done(s);
	if (*ret < least || *ret > most)
		*ret = otherwise;
	return 0;
}

int
past_half_limit(struct past *p, int64_t max, fl_ns age)
{
	int rc = max >= 0 ? past_do(p, PAST_META_SET, "ti", "half.max", FL_MIN(max, (int64_t)PAST_HALF_MAX_MOST)) : 0;

	return rc == 0 && age >= 0 ? past_do(p, PAST_META_SET, "ti", "half.age", age) : rc;
}

int
past_half_count(struct past *p, struct past_half_counts *ret)
{
	struct past_half_counts c = { .waiting = 0 };
	sqlite3_stmt *s = NULL;
	int64_t dropped = 0;
	int rc = setting(p, "half.max", 0, PAST_HALF_MAX_MOST, PAST_HALF_MAX, &c.max);

	if (rc == 0)
		rc = setting(p, "half.age", 0, INT64_MAX, PAST_HALF_AGE, &c.age);
	if (rc == 0)
		rc = setting(p, "half.dropped", 0, INT64_MAX, 0, &dropped);
	if (rc == 0)
		rc = past_ask(p, PAST_HALF_COUNT, &s, "");
	if (rc != 0)
		return rc;
	rc = past_row(p, s);
	c.waiting = rc == 1 ? sqlite3_column_int64(s, 0) : 0;
	past_done(s);
	c.dropped = (uint64_t)dropped;
	if (rc >= 0)
		*ret = c;
	return FL_MIN(rc, 0);
}

int
past_half_keep(struct past *p, const uint64_t *traces, unsigned count, const void *body, size_t n)
{
	int64_t id;
	int rc;

	fl_assert(p->open_batch && count > 0);
	if (n > PAST_HALF_BYTES)
		return past_fail(p, -EINVAL, "a span is too large to wait");
	rc = past_do(p, PAST_HALF_KEEP, "ib", p->now, body, n);
	id = sqlite3_last_insert_rowid(p->db);
	for (unsigned i = 0; i < count && rc == 0; i++)
		rc = past_do(p, PAST_HALF_TRACE, "ii", (int64_t)traces[i], id);
	return rc;
}

int
past_half_each(struct past *p, int64_t after, past_half_trace_fn *fn, void *arg)
{
	sqlite3_stmt *s = NULL;
	int rc = past_ask(p, PAST_HALF_EACH, &s, "i", after);

	while (rc == 0 && (rc = past_row(p, s)) == 1)
		rc = fn(arg, sqlite3_column_int64(s, 0), (uint64_t)sqlite3_column_int64(s, 1));
	if (s != NULL)
		past_done(s);
	return rc;
}

int
past_half_find(struct past *p, uint64_t trace, past_half_fn *fn, void *arg)
{
	sqlite3_stmt *s = NULL;
	int rc = past_ask(p, PAST_HALF_FIND, &s, "i", (int64_t)trace);

	while (rc == 0 && (rc = past_row(p, s)) == 1) {
		const void *body = sqlite3_column_blob(s, 1);

		rc = fn(arg, sqlite3_column_int64(s, 0), body != NULL ? body : "", (size_t)sqlite3_column_bytes(s, 1));
	}
	if (s != NULL)
		past_done(s);
	return rc;
}

int
past_half_drop(struct past *p, int64_t id)
{
	fl_assert(p->open_batch);
	return past_do(p, PAST_HALF_DROP, "i", id);
}

int
past_half_prune(struct past *p, uint64_t more)
{
	struct past_half_counts c;
	int rc;

	fl_assert(p->open_batch);
	rc = past_half_count(p, &c);
	if (rc == 0 && c.waiting > 0) {
		rc = past_do(p, PAST_HALF_OLD, "i", p->now - FL_MIN(c.age, p->now));
		more += rc == 0 ? (uint64_t)sqlite3_changes(p->db) : 0;
	}
	if (rc == 0 && c.waiting > c.max) {
		rc = past_do(p, PAST_HALF_OVER, "i", c.max);
		more += rc == 0 ? (uint64_t)sqlite3_changes(p->db) : 0;
	}
	if (rc != 0 || more == 0)
		return rc;
	return past_do(p, PAST_META_SET, "ti", "half.dropped", (int64_t)(c.dropped + more));
}
