/* SPDX-License-Identifier: MIT */
/*
 * fuzz_past.c - a map's database that somebody else wrote: read, compared, blamed, packed and written on, without a crash and in bounds, and
 * what cannot be is refused with words.
 *
 * The first byte chooses: 0 and 1 the rest is the file itself (1: written to as well); else the rest are rows that are put into the tables of a
 * good one.
 */
#include "base/assert.h"
#include "store/past_db.h"
#include "store/past_half.h"
#include "store/past_read.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define T0 (INT64_C(19675) * PAST_DAY)  /* a midnight of 2023 */
#define ROWS_MAX 64

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct input {
	const uint8_t *p, *end;
};

static uint8_t
next(struct input *in)
{
	return in->p < in->end ? *in->p++ : 0;
}

/* ---- rows ---- */

static const struct {
	const char *into;
	int columns;
} tables[] = {
	{ "text(id, s)", 2 }, { "node(id, name, space)", 3 }, { "line(id, a, b)", 3 }, { "claim", 20 }, { "piece", 7 }, { "sealed", 5 },
	{ "note", 5 }, { "meta", 2 }, { "batch(hash, recorded, stream)", 3 }, { "half", 3 }, { "half_trace", 2 },
};

/* One value: a small number mostly, for numbers must meet; else a time, something extreme, a text, bytes, or nothing. */
static void
bind_value(sqlite3_stmt *s, int i, struct input *in)
{
	static const int64_t extreme[] = { INT64_MAX, INT64_MIN, -1, INT64_C(1) << 31, INT64_C(1) << 32, INT64_MAX - 1, 1 << 20, PAST_DAY };
	uint8_t tag = next(in);
	size_t n;

	if (tag < 0xa0) {
		sqlite3_bind_int64(s, i, tag);
	} else if (tag < 0xc0) {
		sqlite3_bind_int64(s, i, T0 + (int64_t)(tag - 0xa0) * PAST_DAY / 8 + next(in) * PAST_MINUTE);
	} else if (tag < 0xc8) {
		sqlite3_bind_int64(s, i, extreme[tag & 7]);
	} else if (tag < 0xcc) {
		sqlite3_bind_int64(s, i, T0 / PAST_DAY + (tag & 3));
	} else if (tag < 0xd0) {
		sqlite3_bind_int64(s, i, (int64_t)next(in) | (int64_t)next(in) << 16);
	} else if (tag == 0xff) {
		sqlite3_bind_null(s, i);
	} else {
		n = next(in);
		n = FL_MIN(n, (size_t)(in->end - in->p));
		if (tag < 0xe8)
			sqlite3_bind_text(s, i, (const char *)in->p, (int)n, SQLITE_TRANSIENT);
		else
			sqlite3_bind_blob(s, i, in->p, (int)n, SQLITE_TRANSIENT);
		in->p += n;
	}
}

static void
put_rows(struct past *p, struct input *in)
{
	for (int rows = 0; rows < ROWS_MAX && in->p < in->end; rows++) {
		unsigned t = next(in) % FL_ARRAY_LEN(tables);
		sqlite3_stmt *s = NULL;
		char sql[160];
		int n = snprintf(sql, sizeof(sql), "INSERT OR REPLACE INTO %s VALUES(", tables[t].into);

		for (int i = 1; i <= tables[t].columns; i++)
			n += snprintf(sql + n, sizeof(sql) - (size_t)n, "%s?%d", i > 1 ? "," : "", i);
		snprintf(sql + n, sizeof(sql) - (size_t)n, ")");
		fl_assert(sqlite3_prepare_v2(p->db, sql, -1, &s, NULL) == SQLITE_OK);
		for (int i = 1; i <= tables[t].columns; i++)
			bind_value(s, i, in);
		(void)sqlite3_step(s);
		sqlite3_finalize(s);
	}
}

/* ---- what is told ---- */

static void
check_name(const char *s)
{
	fl_assert(s != NULL && strlen(s) < (64u << 20));
}

static int
take(void *arg, const struct sight *s)
{
	uint64_t *told = arg;

	check_name(s->source);
	fl_assert(s->what <= SIGHT_COVER);
	if (s->what == SIGHT_GROUP) {
		fl_assert(s->k > 0 && s->k <= s->member_count);
		for (uint32_t i = 0; i < s->member_count; i++)
			check_name(s->members[i]);
	} else if (s->what == SIGHT_LINE) {
		check_name(s->from);
		check_name(s->to);
	}
	return ++*told > 100000 ? -E2BIG : 0;
}

static int
take_episode(void *arg, const struct past_episode *e)
{
	uint64_t *told = arg;

	check_name(e->source);
	check_name(e->protocol);
	return ++*told > 100000 ? -E2BIG : 0;
}

static int
take_difference(void *arg, const struct past_difference *d)
{
	uint64_t *told = arg;

	check_name(d->from);
	check_name(d->to);
	for (uint32_t i = 0; i < d->member_count; i++)
		check_name(d->members[i]);
	for (uint32_t i = 0; i < d->member_count_before; i++)
		check_name(d->members_before[i]);
	return ++*told > 100000 ? -E2BIG : 0;
}

static int
take_habit(void *arg, const struct past_habit *h)
{
	uint64_t *told = arg;

	check_name(h->from);
	check_name(h->to);
	return ++*told > 100000 ? -E2BIG : 0;
}

static int
take_note(void *arg, const char *key, int64_t made, int64_t until, const char *body)
{
	(void)made, (void)until;
	check_name(key);
	check_name(body);
	return ++*(uint64_t *)arg > 100000 ? -E2BIG : 0;
}

static int
take_trace(void *arg, int64_t id, uint64_t trace)
{
	(void)id, (void)trace;
	return ++*(uint64_t *)arg > 100000 ? -E2BIG : 0;
}

static int
take_half(void *arg, int64_t id, const void *body, size_t n)
{
	uint64_t *told = arg;

	(void)id;
	for (size_t i = 0; i < n; i++)
		*told += ((const char *)body)[i] == 'x';
	return ++*told > 100000 ? -E2BIG : 0;
}

/* Whatever goes wrong is told in words. */
static void
check_rc(const struct past *p, int64_t rc)
{
	fl_assert(rc >= 0 || rc == -E2BIG || past_error(p)[0] != '\0');
}

static void
ask_all(struct past *p, struct input *in)
{
	const struct past_view all = { .fold = (next(in) & 1) != 0 }, known = { .known = T0 + PAST_DAY },
		window = { .from = T0 + next(in) * PAST_MINUTE, .until = T0 + 3 * PAST_DAY }, later = { .from = T0 + PAST_DAY,
		.until = T0 + 2 * PAST_DAY, .known = T0 + 3 * PAST_DAY };
	const struct past_view *const views[] = { &all, &known, &window, &later };
	const struct past_habits_opts habits = { .now = T0 + 4 * PAST_DAY, .age_min = PAST_DAY, .unseen_max = 0.1, .recent = PAST_DAY };
	struct past_half_counts halves;
	struct past_learning learned;
	uint64_t told = 0;

	for (size_t i = 0; i < FL_ARRAY_LEN(views); i++)
		check_rc(p, past_read(p, views[i], take, &told));
	check_rc(p, past_diff(p, &window, &later, take_difference, &told));
	check_rc(p, past_diff(p, &known, &all, take_difference, &told));
	check_rc(p, past_blame(p, "a", "b", take_episode, &told));
	check_rc(p, past_habits(p, &habits, &learned, take_habit, &told));
	check_rc(p, past_notes(p, "ack", take_note, &told));
	check_rc(p, past_half_each(p, 0, take_trace, &told));
	check_rc(p, past_half_find(p, 1, take_half, &told));
	check_rc(p, past_half_count(p, &halves));
}

/* Go on with it, as if it were good. */
static void
write_on(struct past *p)
{
	static const char *const members[] = { "a", "b" };
	const struct sight s[] = { { .what = SIGHT_LINE, .source = "otlp", .from = "a", .to = "b", .protocol = "http", .first = T0 + PAST_DAY },
		{ .what = SIGHT_NODE, .source = "otlp", .name = "a", .first = T0 }, { .what = SIGHT_GROUP, .source = "sockets", .from = "c",
		.members = members, .member_count = 2, .k = 1 }, { .what = SIGHT_FACT, .source = "declared", .where = "f:1", .name = "a", .key = "k",
		.value = "v" } };
	int rc = past_begin(p, &(struct past_batch){ .now = T0 + 3 * PAST_DAY });

	for (size_t i = 0; i < FL_ARRAY_LEN(s) && rc == 0; i++)
		rc = past_sight(p, &s[i]);
	if (rc == 0)
		rc = past_withdraw(p, "f", 0);
	if (rc == 0)
		rc = past_take_back(p, &s[0]);
	if (rc == 0)
		rc = past_half_keep(p, (const uint64_t[]){ 1, 2 }, 2, "x", 1);
	if (rc == 0)
		rc = past_half_drop(p, 1);
	if (rc == 0)
		rc = past_half_prune(p, 1);
	check_rc(p, rc);
	if (rc == 0)
		check_rc(p, past_commit(p, NULL));
	else
		past_rollback(p);
	check_rc(p, past_seal(p, T0 + 10 * PAST_DAY));
}

static void
fuzz_rows(struct input *in)
{
	char error[PAST_ERROR_MAX];
	struct past *p = NULL;

	if (past_open(&(struct past_opts){ .path = ":memory:" }, error, &p) != 0)
		return;
	put_rows(p, in);
	ask_all(p, in);
	write_on(p);
	ask_all(p, in);
	past_close(p);
}

static void
fuzz_file(struct input *in, bool change)
{
	char path[64], beside[80], error[PAST_ERROR_MAX] = "";
	struct past *p = NULL;
	int fd, rc;

	snprintf(path, sizeof(path), "/dev/shm/fuzz-past-%d.db", (int)getpid());
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd < 0)
		return;
	rc = write(fd, in->p, (size_t)(in->end - in->p)) == (ssize_t)(in->end - in->p) ? 0 : -EIO;
	close(fd);
	if (rc == 0)
		rc = past_open(&(struct past_opts){ .path = path, .read_only = !change }, error, &p);
	fl_assert(rc == 0 || rc == -EIO || error[0] != '\0');
	if (rc == 0) {
		ask_all(p, in);
		if (change)
			write_on(p);
		past_close(p);
	}
	unlink(path);
	for (int i = 0; i < 2; i++) {
		snprintf(beside, sizeof(beside), "%s-%s", path, i == 0 ? "wal" : "shm");
		unlink(beside);
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = { data, data + size };
	uint8_t how = next(&in);

	if (how < 2)
		fuzz_file(&in, how == 1);
	else
		fuzz_rows(&in);
	return 0;
}
