/* SPDX-License-Identifier: MIT */
/* test_past.c - the map's store: what was told is read again, of when it was and of when it was known. */
#include "unit.h"

#include "base/types.h"
#include "store/past.h"
#include "store/past_db.h"
#include "store/past_read.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sys/stat.h>

#define SEC FL_SEC
#define DAY (86400 * FL_SEC)
#define T0 (INT64_C(1700000000) * FL_SEC / DAY * DAY)   /* a midnight */

struct rig {
	char dir[64], path[96];
	struct past *p;
	char said[65536];               /* what was read, one line each */
	size_t n;
};

static int
set_up(void **state)
{
	static struct rig r;
	char error[256];

	memset(&r, 0, sizeof(r));
	snprintf(r.dir, sizeof(r.dir), "/tmp/past.XXXXXX");
	assert_non_null(mkdtemp(r.dir));
	snprintf(r.path, sizeof(r.path), "%s/deep/map.db", r.dir);
	assert_int_equal(past_open(&(struct past_opts){ .path = r.path }, error, &r.p), 0);
	*state = &r;
	return 0;
}

static int
tear_down(void **state)
{
	struct rig *r = *state;
	char command[128];

	past_close(r->p);
	snprintf(command, sizeof(command), "rm -rf %s", r->dir);
	return system(command) != 0;
}

static void
tell_at(struct rig *r, int64_t now, const struct sight *s, size_t n)
{
	assert_int_equal(past_begin(r->p, &(struct past_batch){ .now = now }), 0);
	for (size_t i = 0; i < n; i++)
		assert_int_equal(past_sight(r->p, &s[i]), 0);
	assert_int_equal(past_commit(r->p, NULL), 0);
}

static struct sight
seen(const char *from, const char *to, int64_t first, int64_t last, uint64_t count)
{
	return (struct sight){ .what = SIGHT_LINE, .source = "otlp", .where = "spans", .from = from, .to = to, .protocol = "http", .first = first,
		.last = last, .count = count };
}

static struct sight
declared(const char *from, const char *to)
{
	return (struct sight){ .what = SIGHT_LINE, .source = "declared", .where = "a.yaml:3", .from = from, .to = to, .protocol = "http",
		.strength = SIGHT_HARD };
}

static int
note_sight(void *arg, const struct sight *s)
{
	struct rig *r = arg;
	static const char *const words[] = { "node", "line", "group", "fact", "instance", "alias", "rule", "cover" };
	const char *a = s->name != NULL ? s->name : s->from, *b = s->to != NULL ? s->to : s->key != NULL ? s->key : "";

	r->n += (size_t)snprintf(r->said + r->n, sizeof(r->said) - r->n, "%s %s %s %s %" PRId64 " %" PRId64 " %" PRIu64 "\n", words[s->what], a, b,
	    s->source, s->first == 0 ? 0 : (s->first - T0) / SEC, s->last == 0 ? 0 : (s->last - T0) / SEC, s->count);
	return 0;
}

static const char *
read_view(struct rig *r, int64_t from, int64_t until, int64_t known)
{
	r->n = 0;
	r->said[0] = '\0';
	assert_int_equal(past_read(r->p, &(struct past_view){ .from = from, .until = until, .known = known }, note_sight, r), 0);
	return r->said;
}

static void
reads_what_was_told(void **state)
{
	struct rig *r = *state;
	const struct sight s[] = { seen("web", "cart", T0 + 10 * SEC, T0 + 20 * SEC, 5), seen("web", "cart", T0 + 15 * SEC, T0 + 40 * SEC, 7),
		{ .what = SIGHT_FACT, .source = "manual", .name = "cart", .key = "tier", .value = "1", .first = T0 },
		{ .what = SIGHT_FACT, .source = "otlp", .from = "web", .to = "cart", .key = "team", .value = "x", .first = T0 } };

	tell_at(r, T0 + DAY, s, 4);
	assert_string_equal(read_view(r, 0, 0, 0), "line web cart otlp 10 40 12\nfact cart tier manual 0 0 0\nfact web cart otlp 0 0 1\n");
	assert_string_equal(read_view(r, T0 + 30 * SEC, T0 + 60 * SEC, 0),
	    "line web cart otlp 30 40 12\nfact cart tier manual 0 0 0\nfact web cart otlp 0 0 1\n");
	assert_string_equal(read_view(r, T0 + 41 * SEC, T0 + 60 * SEC, 0), "fact cart tier manual 0 0 0\nfact web cart otlp 0 0 1\n");
}

static void
bytes_count_once(void **state)
{
	struct rig *r = *state;
	const struct past_batch b = { .now = T0 + DAY };

	for (int i = 0; i < 3; i++) {
		struct sight s = seen("a", "b", T0, T0, 1);

		assert_int_equal(past_begin(r->p, &b), 0);
		assert_int_equal(past_once(r->p, "the bytes", 9), i == 0 ? 0 : -EALREADY);
		if (i == 0)
			assert_int_equal(past_sight(r->p, &s), 0);
		assert_int_equal(past_commit(r->p, NULL), 0);
	}
	assert_string_equal(read_view(r, 0, 0, 0), "line a b otlp 0 0 1\n");
}

static void
rolled_back_leaves_nothing(void **state)
{
	struct rig *r = *state;
	struct sight s = seen("a", "b", T0, T0, 1);

	assert_int_equal(past_begin(r->p, &(struct past_batch){ .now = T0 + DAY }), 0);
	assert_int_equal(past_sight(r->p, &s), 0);
	past_rollback(r->p);
	assert_string_equal(read_view(r, 0, 0, 0), "");
	/* The numbers of names that were given in it are not used again for others. */
	s = seen("c", "a", T0, T0, 1);
	tell_at(r, T0 + DAY, &s, 1);
	assert_string_equal(read_view(r, 0, 0, 0), "line c a otlp 0 0 1\n");
}

static void
declared_until_withdrawn(void **state)
{
	struct rig *r = *state;
	const struct sight both[] = { declared("web", "cart"), declared("web", "pay") };

	tell_at(r, T0 + 100 * SEC, both, 2);
	assert_int_equal(past_begin(r->p, &(struct past_batch){ .now = T0 + 500 * SEC }), 0);
	assert_int_equal(past_sight(r->p, &both[0]), 0);
	assert_int_equal(past_withdraw(r->p, "a.yaml", 0), 0);
	assert_int_equal(past_commit(r->p, NULL), 0);
	assert_string_equal(read_view(r, 0, 0, 0), "line web cart declared 100 500 0\n");
	assert_string_equal(read_view(r, T0, T0 + 99 * SEC, 0), "");
	assert_non_null(strstr(read_view(r, T0, T0 + 200 * SEC, 0), "line web pay declared"));
	assert_null(strstr(read_view(r, T0, T0 + 600 * SEC, 0), "pay"));
	/* As it was known before the file changed. */
	assert_non_null(strstr(read_view(r, 0, 0, T0 + 400 * SEC), "line web pay declared"));
	assert_string_equal(read_view(r, 0, 0, T0 + 50 * SEC), "");
}

static void
late_data_is_known_late(void **state)
{
	struct rig *r = *state;
	struct sight s = seen("a", "b", T0 + 50000 * SEC, T0 + 50000 * SEC, 1);

	tell_at(r, T0 + 50001 * SEC, &s, 1);
	s = seen("a", "b", T0 + 100 * SEC, T0 + 200 * SEC, 4);
	tell_at(r, T0 + 60000 * SEC, &s, 1);
	assert_string_equal(read_view(r, T0, T0 + 300 * SEC, 0), "line a b otlp 100 200 4\n");
	assert_string_equal(read_view(r, T0, T0 + 300 * SEC, T0 + 55000 * SEC), "");
	assert_string_equal(read_view(r, 0, 0, 0), "line a b otlp 100 50000 5\n");
}

/* The same sightings in any order and in any batches give the same map. */
static void
order_does_not_matter(void **state)
{
	struct rig *r = *state;
	struct dice d = { .seed = 3 };
	struct sight s[200];
	char first[64] = "", path[128], error[256];

	for (int i = 0; i < 200; i++) {
		static const char *const names[] = { "a", "b", "c", "d" };
		int64_t at = T0 + (int64_t)dice_roll(&d, 300000) * SEC;

		s[i] = seen(names[dice_roll(&d, 4)], names[dice_roll(&d, 4)], at, at + (int64_t)dice_roll(&d, 4000) * SEC, 1 + dice_roll(&d, 9));
	}
	for (int turn = 0; turn < 12; turn++) {
		struct rig own = *r;
		size_t at = 0, sum = 0;
		uint64_t calls = 0;

		for (uint32_t i = 200; i > 1; i--) {
			uint32_t k = dice_roll(&d, i);
			struct sight t = s[k];

			s[k] = s[i - 1];
			s[i - 1] = t;
		}
		snprintf(path, sizeof(path), "%s/turn%d.db", r->dir, turn);
		assert_int_equal(past_open(&(struct past_opts){ .path = path }, error, &own.p), 0);
		while (at < 200) {
			size_t n = FL_MIN(1 + (size_t)turn * 7, 200 - at);

			tell_at(&own, T0 + 9 * DAY, s + at, n);
			at += n;
		}
		for (int64_t day = 0; day < 5; day++) {
			char *line, *rest = own.said;

			read_view(&own, T0 + day * DAY + 3600 * SEC, T0 + day * DAY + 9000 * SEC, 0);
			while ((line = strsep(&rest, "\n")) != NULL) {
				/* The order of claims is that of their first mention: sum what does not depend on it. */
				for (size_t i = 0, word = 0; line[i] != '\0'; i++) {
					word += line[i] == ' ';
					sum += (size_t)line[i] * (word + 1) * (word < 6);
				}
			}
			calls += own.n;
		}
		snprintf(own.said, sizeof(first), "%zu %" PRIu64, sum, calls);
		if (turn == 0)
			memcpy(first, own.said, sizeof(first));
		assert_string_equal(own.said, first);
		past_close(own.p);
	}
}

static void
names_are_folded(void **state)
{
	struct rig *r = *state;
	const struct sight s[] = { seen("web", "10.0.0.5:6379", T0, T0, 2), seen("web", "redis", T0, T0, 3), seen("old-web", "redis", T0, T0, 1),
		{ .what = SIGHT_INSTANCE, .source = "sockets", .name = "redis", .address = "10.0.0.5:6379", .first = T0 },
		{ .what = SIGHT_ALIAS, .source = "declared", .name = "old-web", .to = "web", .value = "renamed" } };

	tell_at(r, T0 + DAY, s, 3);
	assert_non_null(strstr(read_view(r, 0, 0, 0), "line web 10.0.0.5:6379"));
	tell_at(r, T0 + DAY, s + 3, 2);
	assert_string_equal(read_view(r, 0, 0, 0), "line web redis otlp 0 0 2\nline web redis otlp 0 0 3\nline web redis otlp 0 0 1\n"
	    "instance redis  sockets 0 0 1\nalias old-web web declared 86400 86400 0\n");
}

static void
namespaces_part_names(void **state)
{
	struct rig *r = *state;
	struct sight s[] = { { .what = SIGHT_NODE, .source = "kubernetes", .name = "db", .space = "blue" }, seen("web", "db", T0, T0, 1),
		{ .what = SIGHT_NODE, .source = "kubernetes", .name = "db", .space = "green" } };
	int blue = 0;

	tell_at(r, T0 + DAY, s, 2);
	blue = strstr(read_view(r, 0, 0, 0), "line web db") != NULL;
	assert_int_equal(blue, 1);
	tell_at(r, T0 + DAY, s + 2, 1);
	read_view(r, 0, 0, 0);
	assert_non_null(strstr(r->said, "node db"));
}

static void
sealed_days_say_the_same(void **state)
{
	struct rig *r = *state;
	const struct sight s[] = { seen("a", "b", T0 + 600 * SEC, T0 + 1200 * SEC, 3), seen("a", "b", T0 + 40020 * SEC, T0 + 40080 * SEC, 2),
		seen("c", "d", T0 + 80000 * SEC, T0 + DAY + 600 * SEC, 8) }, late = seen("late", "b", T0 + 5 * SEC, T0 + 5 * SEC, 1);

	tell_at(r, T0 + DAY + 700 * SEC, s, 3);
	assert_int_equal(past_seal(r->p, T0 + DAY + 800 * SEC), 0);
	assert_true(past_seal(r->p, T0 + 9 * DAY) > 0);
	assert_int_equal(past_seal(r->p, T0 + 9 * DAY), 0);
	/* A minute's rounding apart the same. */
	assert_string_equal(read_view(r, T0 + 1260 * SEC, T0 + 40000 * SEC, 0), "");
	assert_non_null(strstr(read_view(r, T0 + 900 * SEC, T0 + 1000 * SEC, 0), "line a b otlp 900 1000"));
	assert_string_equal(read_view(r, T0 + DAY + 601 * SEC + 60 * SEC, T0 + 2 * DAY, 0), "");
	assert_non_null(strstr(read_view(r, T0, T0 + DAY - 1, 0), "line c d otlp 79980"));
	/* Late words about a sealed day. */
	tell_at(r, T0 + 9 * DAY, &late, 1);
	assert_non_null(strstr(read_view(r, T0, T0 + DAY - 1, 0), "line late b"));
	assert_true(past_seal(r->p, T0 + 20 * DAY) > 0);
	assert_non_null(strstr(read_view(r, T0, T0 + DAY - 1, 0), "line late b"));
	assert_null(strstr(read_view(r, T0, T0 + DAY - 1, T0 + 3 * DAY), "line late b"));
}

static int
note_difference(void *arg, const struct past_difference *d)
{
	struct rig *r = arg;

	r->n += (size_t)snprintf(r->said + r->n, sizeof(r->said) - r->n, "%c%s>%s(%s)\n", "+-~"[d->change], d->from, d->to, d->sources);
	return 0;
}

static void
tells_differences(void **state)
{
	struct rig *r = *state;
	struct past_view a = { T0, T0 + DAY - 1, 0, false }, b = { T0 + DAY, T0 + 2 * DAY - 1, 0, false };
	const struct sight s[] = { seen("a", "b", T0 + SEC, T0 + SEC, 1), seen("a", "b", T0 + DAY + SEC, T0 + DAY + SEC, 1),
		seen("a", "old", T0 + SEC, T0 + SEC, 1), seen("a", "new", T0 + DAY + SEC, T0 + DAY + SEC, 1) };

	tell_at(r, T0 + 2 * DAY, s, 4);
	for (int turn = 0; turn < 2; turn++) {
		r->n = 0;
		assert_int_equal(past_diff(r->p, &a, &b, note_difference, r), 0);
		assert_string_equal(r->said, "-a>old(otlp)\n+a>new(otlp)\n-old>()\n+new>()\n");
		assert_true(past_seal(r->p, T0 + 20 * DAY) >= 0);
	}
	/* Of what was known: nothing before, all of it after. */
	a = (struct past_view){ .known = T0 + DAY };
	b = (struct past_view){ .known = T0 + 3 * DAY };
	r->n = 0;
	assert_int_equal(past_diff(r->p, &a, &b, note_difference, r), 0);
	assert_non_null(strstr(r->said, "+a>b(otlp)"));
	assert_null(strstr(r->said, "-a"));
}

static int
note_episode(void *arg, const struct past_episode *e)
{
	struct rig *r = arg;

	r->n += (size_t)snprintf(r->said + r->n, sizeof(r->said) - r->n, "%s %" PRId64 "-%" PRId64 " %" PRIu64 "\n", e->source, (e->first - T0) / SEC,
	    e->last == PAST_FOREVER ? -1 : (e->last - T0) / SEC, e->count);
	return 0;
}

static void
blames(void **state)
{
	struct rig *r = *state;
	const struct sight s[] = { declared("a", "b"), seen("a", "b", T0 + 60 * SEC, T0 + 600 * SEC, 1),
		seen("a", "b", T0 + 3000 * SEC, T0 + 3600 * SEC, 2), seen("a", "b", T0 + 43200 * SEC, T0 + DAY + 1200 * SEC, 10) };

	tell_at(r, T0 + DAY + 1300 * SEC, s, 4);
	for (int turn = 0; turn < 2; turn++) {
		r->n = 0;
		assert_int_equal(past_blame(r->p, "a", "b", note_episode, r), 0);
		assert_string_equal(r->said, turn == 0 ? "declared 87700--1 0\notlp 60-3600 3\notlp 43200-87600 10\n" :
		    "declared 87700--1 0\notlp 60-3600 0\notlp 43200-87600 0\n");
		assert_true(past_seal(r->p, T0 + 20 * DAY) >= 0);
	}
	assert_int_equal(past_blame(r->p, "a", "zzz", note_episode, r), -ENOENT);
}

static void
nonsense_is_counted(void **state)
{
	struct rig *r = *state;
	const struct sight s[] = { { .what = SIGHT_LINE, .source = "x", .from = "a" }, { .what = SIGHT_LINE, .source = "x", .from = "a", .to = "" },
		{ .what = SIGHT_NODE, .name = "n" }, { .what = SIGHT_GROUP, .source = "x", .from = "a", .k = 3, .member_count = 2 },
		{ .what = SIGHT_LINE, .source = "x", .from = "a", .to = "b", .first = -5 },
		{ .what = SIGHT_LINE, .source = "x", .from = "a", .to = "b", .first = T0 + 99 * DAY } };
	struct past_taken taken;

	assert_int_equal(past_begin(r->p, &(struct past_batch){ .now = T0 + DAY }), 0);
	for (size_t i = 0; i < FL_ARRAY_LEN(s); i++)
		assert_int_equal(past_sight(r->p, &s[i]), 0);
	assert_int_equal(past_commit(r->p, &taken), 0);
	assert_int_equal(taken.bad, 5);
	assert_int_equal(taken.told, 1);
	assert_int_equal(taken.future, 1);
	assert_string_equal(read_view(r, 0, 0, 0), "line a b x 86400 86400 1\n");
}

static int
fold_sight(void *arg, const struct sight *s)
{
	return s->what == SIGHT_LINE ? note_sight(arg, s) : 0;
}

static void
intermediaries_are_left_out(void **state)
{
	struct rig *r = *state;
	struct sight s[] = { seen("web", "lb", T0, T0, 5), seen("lb", "cart", T0, T0, 5), seen("lb", "inner", T0, T0, 1),
		seen("inner", "pay", T0, T0, 1), seen("inner", "lb", T0, T0, 1) };

	s[0].through = true;
	s[2].through = true;
	tell_at(r, T0 + DAY, s, 5);
	r->n = 0;
	assert_int_equal(past_read(r->p, &(struct past_view){ .fold = true }, fold_sight, r), 0);
	assert_string_equal(r->said, "line web cart otlp 0 0 5\nline web pay otlp 0 0 5\n");
}

/* A writer killed at any moment leaves whole batches: each has as many lines as it began with. */
static void
killed_writer_loses_no_committed_batch(void **state)
{
	struct rig *r = *state;
	int tell[2];

	past_close(r->p);
	r->p = NULL;
	for (int turn = 0; turn < 6; turn++) {
		char error[256], said[8];
		uint32_t done = 0;
		pid_t child;

		assert_int_equal(pipe(tell), 0);
		child = fork();
		if (child == 0) {
			struct past *p;

			if (past_open(&(struct past_opts){ .path = r->path }, error, &p) != 0)
				_exit(1);
			for (uint32_t i = 0;; i++) {
				char to[32];

				past_begin(p, &(struct past_batch){ .now = T0 + DAY });
				for (int k = 0; k < 20; k++) {
					struct sight s = seen("w", to, T0, T0, 1);

					snprintf(to, sizeof(to), "t%d-%u", turn, i);
					past_sight(p, &s);
				}
				if (past_commit(p, NULL) != 0 || write(tell[1], "x", 1) != 1)
					_exit(1);
			}
		}
		close(tell[1]);
		while (done < 5 + (uint32_t)turn)
			done += read(tell[0], said, 1) == 1;
		kill(child, SIGKILL);
		waitpid(child, NULL, 0);
		while (read(tell[0], said, 1) == 1)
			done++;
		close(tell[0]);
		assert_int_equal(past_open(&(struct past_opts){ .path = r->path }, error, &r->p), 0);
		for (uint32_t i = 0; i < done; i++) {
			char want[64];

			snprintf(want, sizeof(want), "line w t%d-%u otlp 0 0 20\n", turn, i);
			assert_non_null(strstr(read_view(r, 0, 0, 0), want));
		}
		past_close(r->p);
		r->p = NULL;
	}
}

static void
two_writers_take_turns(void **state)
{
	struct rig *r = *state;
	char error[256], want[64];
	pid_t children[2];

	for (int w = 0; w < 2; w++) {
		children[w] = fork();
		if (children[w] == 0) {
			struct past *p;
			int bad = past_open(&(struct past_opts){ .path = r->path }, error, &p);

			for (int i = 0; i < 40 && bad == 0; i++) {
				char from[16];
				struct sight s = seen(from, "shared", T0 + i * SEC, T0 + i * SEC, 1);

				snprintf(from, sizeof(from), "w%d-%d", w, i % 4);
				bad = past_begin(p, &(struct past_batch){ .now = T0 + DAY });
				if (bad == 0)
					bad = past_sight(p, &s);
				if (bad == 0)
					bad = past_commit(p, NULL);
			}
			_exit(bad != 0);
		}
	}
	for (int w = 0; w < 2; w++) {
		int status;

		assert_int_equal(waitpid(children[w], &status, 0), children[w]);
		assert_int_equal(status, 0);
	}
	read_view(r, 0, 0, 0);
	for (int i = 0; i < 8; i++) {
		snprintf(want, sizeof(want), "line w%d-%d shared otlp %d %d 10\n", i / 4, i % 4, i % 4, 36 + i % 4);
		assert_non_null(strstr(r->said, want));
	}
}

static void
full_store_refuses_and_stays_whole(void **state)
{
	struct rig *r = *state;
	struct sight s = seen("a", "b", T0, T0, 1);
	int rc = 0, batches = 0;

	/* SQLite's own bound on pages says what a full disk says. */
	assert_int_equal(sqlite3_exec(r->p->db, "PRAGMA max_page_count = 40", NULL, NULL, NULL), SQLITE_OK);
	while (rc == 0 && batches < 100000) {
		char to[96];

		rc = past_begin(r->p, &(struct past_batch){ .now = T0 + DAY });
		for (int k = 0; k < 50 && rc == 0; k++) {
			snprintf(to, sizeof(to), "t%d-%d-%050d", batches, k, 0);
			s.to = to;
			rc = past_sight(r->p, &s);
		}
		if (rc == 0)
			rc = past_commit(r->p, NULL);
		else
			past_rollback(r->p);
		batches += rc == 0;
	}
	assert_int_equal(rc, -ENOSPC);
	assert_non_null(strstr(past_error(r->p), "full"));
	for (int i = 0; i < batches; i++) {
		char want[128];

		snprintf(want, sizeof(want), "t%d-49-", i);
		assert_non_null(strstr(read_view(r, 0, 0, 0), want));
	}
	/* There is room again: it goes on. */
	assert_int_equal(sqlite3_exec(r->p->db, "PRAGMA max_page_count = 100000", NULL, NULL, NULL), SQLITE_OK);
	s.to = "again";
	tell_at(r, T0 + DAY, &s, 1);
	assert_non_null(strstr(read_view(r, 0, 0, 0), "line a again"));
}

static void
other_files_are_refused(void **state)
{
	struct rig *r = *state;
	char path[128], error[256], text[200];
	struct past *p;
	int fd;

	memset(text, 'x', sizeof(text));
	snprintf(path, sizeof(path), "%s/other.db", r->dir);
	fd = open(path, O_CREAT | O_WRONLY, 0600);
	assert_true(fd >= 0 && write(fd, text, sizeof(text)) == sizeof(text));
	close(fd);
	assert_int_equal(past_open(&(struct past_opts){ .path = path }, error, &p), -EBADMSG);
	assert_non_null(strstr(error, "other.db"));
	assert_int_equal(past_open(&(struct past_opts){ .path = "/tmp/past-no-such/x.db", .read_only = true }, error, &p), -ENOENT);
	unlink(path);
	{
		sqlite3 *db;

		assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
		sqlite3_exec(db, "CREATE TABLE x(a)", NULL, NULL, NULL);
		sqlite3_close(db);
	}
	assert_int_equal(past_open(&(struct past_opts){ .path = path }, error, &p), -EINVAL);
	assert_int_equal(sqlite3_exec(r->p->db, "PRAGMA user_version = 99", NULL, NULL, NULL), SQLITE_OK);
	assert_int_equal(past_open(&(struct past_opts){ .path = r->path }, error, &p), -EPROTO);
	assert_non_null(strstr(error, "later version"));
}

static int
one_note(void *arg, const char *key, int64_t made, int64_t until, const char *body)
{
	assert_string_equal(key, "k");
	assert_int_equal(made, 7);
	assert_int_equal(until, 9);
	*(const char **)arg = strcmp(body, "two") == 0 ? "two" : "other";
	return 0;
}

static void
notes_are_kept(void **state)
{
	struct rig *r = *state;
	const char *body = NULL;

	assert_int_equal(past_note_set(r->p, "ack", "k", 1, 2, "one"), 0);
	assert_int_equal(past_note_set(r->p, "ack", "k", 7, 9, "two"), 0);
	assert_int_equal(past_notes(r->p, "ack", one_note, &body), 0);
	assert_string_equal(body, "two");
	assert_int_equal(past_note_drop(r->p, "ack", "k"), 0);
	assert_int_equal(past_note_drop(r->p, "ack", "k"), -ENOENT);
}

/* A clock that jumps back a day, and forward again: everything is kept, counts once, and is found when it was told to be. */
static void
a_clock_that_jumps(void **state)
{
	static const int64_t nows[] = { 3 * DAY, 3 * DAY + 10 * SEC, 2 * DAY + 20 * SEC, 2 * DAY + 30 * SEC, 3 * DAY + 40 * SEC, 12 * DAY };
	struct rig *r = *state;

	for (size_t i = 0; i < FL_ARRAY_LEN(nows); i++) {
		const char value[] = { (char)('0' + i), '\0' };
		const struct sight s[] = { seen("web", "cart", T0 + nows[i], T0 + nows[i], 1),
			{ .what = SIGHT_FACT, .source = "manual", .name = "cart", .key = "turn", .value = value } };

		tell_at(r, T0 + nows[i], s, 2);
		assert_true(past_seal(r->p, T0 + nows[i]) >= 0);
	}
	assert_non_null(strstr(read_view(r, 0, 0, 0), "line web cart otlp 172820 1036800 6\n"));
	assert_non_null(strstr(read_view(r, T0 + 2 * DAY, T0 + 2 * DAY + DAY / 2, 0), "line web cart otlp 172800 172860 2\n"));
	assert_non_null(strstr(read_view(r, T0 + 3 * DAY, T0 + 3 * DAY + DAY / 2, 0), "line web cart otlp 259200 259260 3\n"));
	/* One value at a time, whatever the clock said. */
	assert_null(strstr(strstr(read_view(r, 0, 0, 0), "fact") + 1, "fact"));
	/* Times of a sender whose clock runs ahead are not kept as they are. */
	tell_at(r, T0 + 13 * DAY, (const struct sight[]){ seen("web", "cart", T0 + 40 * DAY, T0 + 40 * DAY, 1) }, 1);
	assert_non_null(strstr(read_view(r, 0, 0, 0), "line web cart otlp 172820 1123200 7\n"));
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(reads_what_was_told),
		CASE(bytes_count_once),
		CASE(rolled_back_leaves_nothing),
		CASE(declared_until_withdrawn),
		CASE(late_data_is_known_late),
		CASE(order_does_not_matter),
		CASE(names_are_folded),
		CASE(namespaces_part_names),
		CASE(sealed_days_say_the_same),
		CASE(tells_differences),
		CASE(blames),
		CASE(nonsense_is_counted),
		CASE(intermediaries_are_left_out),
		CASE(killed_writer_loses_no_committed_batch),
		CASE(two_writers_take_turns),
		CASE(full_store_refuses_and_stays_whole),
		CASE(other_files_are_refused),
		CASE(notes_are_kept),
		CASE(a_clock_that_jumps),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
