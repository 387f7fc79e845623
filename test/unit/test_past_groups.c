/* SPDX-License-Identifier: MIT */
/* test_past_groups.c - groups that were observed have a past: what was seen at which moment, whatever the order in which it was told. */
#include "unit.h"

#include "base/types.h"
#include "store/past.h"
#include "store/past_db.h"
#include "store/past_read.h"

#include <errno.h>
#include <inttypes.h>

#define SEC FL_SEC
#define HOUR (3600 * FL_SEC)
#define DAY (86400 * FL_SEC)
#define T0 (INT64_C(1700000000) * FL_SEC / DAY * DAY)   /* a midnight */

struct rig {
	char dir[64], path[96];
	struct past *p;
	char said[16384];               /* what was read, one line each */
	size_t n;
};

static void
start(struct rig *r)
{
	char error[256];

	memset(r, 0, sizeof(*r));
	snprintf(r->dir, sizeof(r->dir), "/tmp/groups.XXXXXX");
	assert_non_null(mkdtemp(r->dir));
	snprintf(r->path, sizeof(r->path), "%s/map.db", r->dir);
	assert_int_equal(past_open(&(struct past_opts){ .path = r->path }, error, &r->p), 0);
}

static void
stop(struct rig *r)
{
	char command[128];

	past_close(r->p);
	snprintf(command, sizeof(command), "rm -rf %s", r->dir);
	assert_int_equal(system(command), 0);
}

/* "a b c": client needs k of them, seen from first to last. */
static void
tell(struct rig *r, int64_t now, const char *source, const char *client, uint32_t k, const char *words, int64_t first, int64_t last)
{
	char text[256], *save = NULL;
	const char *members[32];
	struct sight s = { .what = SIGHT_GROUP, .source = source, .where = "dump:1", .from = client, .members = members, .k = k, .first = first,
		.last = last };

	snprintf(text, sizeof(text), "%s", words);
	for (char *w = strtok_r(text, " ", &save); w != NULL; w = strtok_r(NULL, " ", &save))
		members[s.member_count++] = w;
	assert_int_equal(past_begin(r->p, &(struct past_batch){ .now = now }), 0);
	assert_int_equal(past_sight(r->p, &s), 0);
	assert_int_equal(past_commit(r->p, NULL), 0);
}

static int
note_group(void *arg, const struct sight *s)
{
	struct rig *r = arg;

	if (s->what != SIGHT_GROUP)
		return 0;
	r->n += (size_t)snprintf(r->said + r->n, sizeof(r->said) - r->n, "%s %u:", s->from, s->k);
	for (uint32_t i = 0; i < s->member_count; i++)
		r->n += (size_t)snprintf(r->said + r->n, sizeof(r->said) - r->n, " %s", s->members[i]);
	r->n += (size_t)snprintf(r->said + r->n, sizeof(r->said) - r->n, " %s %" PRId64 "-%" PRId64 " %" PRIu64 "\n", s->source,
	    (s->first - T0) / SEC, (s->last - T0) / SEC, s->count);
	return 0;
}

static const char *
view(struct rig *r, int64_t from, int64_t until, int64_t known)
{
	r->n = 0;
	r->said[0] = '\0';
	assert_int_equal(past_read(r->p, &(struct past_view){ .from = from, .until = until, .known = known }, note_group, r), 0);
	return r->said;
}

static void
moments_of_one_group_are_one(void **state)
{
	struct rig r;

	(void)state;
	start(&r);
	tell(&r, T0 + HOUR, "sockets", "web", 1, "r1 r2", T0 + 10 * SEC, T0 + 10 * SEC);
	tell(&r, T0 + HOUR, "sockets", "web", 1, "r2 r3", T0 + 20 * SEC, T0 + 20 * SEC);
	tell(&r, T0 + HOUR, "sockets", "web", 1, "k1 k2", T0 + 20 * SEC, T0 + 20 * SEC);
	tell(&r, T0 + HOUR, "sockets", "app", 1, "r1 r2", T0 + 20 * SEC, T0 + 20 * SEC);
	assert_string_equal(view(&r, 0, 0, 0), "web 1: k1 k2 sockets 20-20 1\nweb 1: r1 r2 r3 sockets 10-20 2\napp 1: r1 r2 sockets 20-20 1\n");
	stop(&r);
}

static void
a_group_has_a_past(void **state)
{
	struct rig r;

	(void)state;
	start(&r);
	tell(&r, T0 + HOUR, "sockets", "web", 2, "e1 e2 e3", T0, T0 + HOUR);
	tell(&r, T0 + 30 * HOUR, "sockets", "web", 3, "e2 e3 e4 e5 e6", T0 + 29 * HOUR, T0 + 30 * HOUR);
	assert_string_equal(view(&r, T0, T0 + 2 * HOUR, 0), "web 2: e1 e2 e3 sockets 0-3600 1\n");
	assert_string_equal(view(&r, T0 + 3 * HOUR, T0 + 4 * HOUR, 0), "");
	assert_string_equal(view(&r, T0 + 28 * HOUR, T0 + 40 * HOUR, 0), "web 3: e2 e3 e4 e5 e6 sockets 104400-108000 1\n");
	/* The K of who saw most members, over all who were there. */
	assert_string_equal(view(&r, 0, 0, 0), "web 3: e1 e2 e3 e4 e5 e6 sockets 0-108000 2\n");
	/* As it was known before the second was told. */
	assert_string_equal(view(&r, 0, 0, T0 + 2 * HOUR), "web 2: e1 e2 e3 sockets 0-3600 1\n");
	/* Sealed days say the same. */
	assert_true(past_seal(r.p, T0 + 10 * DAY) > 0);
	assert_string_equal(view(&r, T0 + 28 * HOUR, T0 + 40 * HOUR, 0), "web 3: e2 e3 e4 e5 e6 sockets 104400-108000 1\n");
	assert_string_equal(view(&r, T0 + 3 * HOUR, T0 + 4 * HOUR, 0), "");
	stop(&r);
}

static void
a_moment_that_saw_less_does_not_weaken(void **state)
{
	struct rig r;

	(void)state;
	start(&r);
	tell(&r, T0 + HOUR, "sockets", "web", 2, "e1 e2 e3", T0 + 10 * SEC, T0 + 10 * SEC);
	tell(&r, T0 + HOUR, "sockets", "web", 1, "e1 e3", T0 + 20 * SEC, T0 + 20 * SEC);
	assert_string_equal(view(&r, 0, 0, 0), "web 2: e1 e2 e3 sockets 10-20 2\n");
	/* And one of a cluster all of whose members were two asks for both only while nobody saw more. */
	tell(&r, T0 + HOUR, "conntrack", "web", 2, "e1 e2", T0 + 30 * SEC, T0 + 30 * SEC);
	assert_string_equal(view(&r, 0, 0, 0), "web 2: e1 e2 e3 sockets 10-30 3\n");
	stop(&r);
}

static void
what_was_declared_stands(void **state)
{
	struct rig r;

	(void)state;
	start(&r);
	tell(&r, T0 + HOUR, "declared", "web", 1, "e1 e2 e3", 0, 0);
	tell(&r, T0 + HOUR, "sockets", "web", 2, "e1 e2", T0 + 10 * SEC, T0 + 10 * SEC);
	assert_string_equal(view(&r, 0, 0, 0), "web 1: e1 e2 e3 declared 3600-3600 0\n");
	tell(&r, T0 + HOUR, "sockets", "web", 1, "e3 e4", T0 + 10 * SEC, T0 + 10 * SEC);
	assert_non_null(strstr(view(&r, 0, 0, 0), "web 1: e3 e4 sockets"));
	stop(&r);
}

static void
names_that_fold_are_one_member(void **state)
{
	struct rig r;
	struct sight s[] = { { .what = SIGHT_INSTANCE, .source = "sockets", .name = "redis-a", .address = "10.0.0.1:6379" },
		{ .what = SIGHT_ALIAS, .source = "manual", .name = "r2", .to = "redis-a" } };

	(void)state;
	start(&r);
	tell(&r, T0 + HOUR, "sockets", "web", 1, "10.0.0.1:6379 redis-b", T0, T0);
	tell(&r, T0 + HOUR, "sockets", "web", 1, "r2 redis-a", T0, T0);
	assert_string_equal(view(&r, 0, 0, 0), "web 1: 10.0.0.1:6379 redis-b sockets 0-0 1\nweb 1: r2 redis-a sockets 0-0 1\n");
	assert_int_equal(past_begin(r.p, &(struct past_batch){ .now = T0 + HOUR }), 0);
	assert_int_equal(past_sight(r.p, &s[0]), 0);
	assert_int_equal(past_sight(r.p, &s[1]), 0);
	assert_int_equal(past_commit(r.p, NULL), 0);
	assert_string_equal(view(&r, 0, 0, 0), "web 1: redis-a redis-b sockets 0-0 3\n");
	stop(&r);
}

static int
note_difference(void *arg, const struct past_difference *d)
{
	struct rig *r = arg;

	if (d->k == 0 && d->k_before == 0)
		return 0;
	r->n += (size_t)snprintf(r->said + r->n, sizeof(r->said) - r->n, "%c %s %u/%u %u/%u\n", "+-~"[d->change], d->from, d->k_before,
	    d->member_count_before, d->k, d->member_count);
	return 0;
}

static int
note_episode(void *arg, const struct past_episode *e)
{
	struct rig *r = arg;

	r->n += (size_t)snprintf(r->said + r->n, sizeof(r->said) - r->n, "%s %u/%u %" PRId64 "-%" PRId64 " %" PRIu64 "\n", e->source, e->k, e->of,
	    (e->first - T0) / SEC, (e->last - T0) / SEC, e->count);
	return 0;
}

static void
diff_and_blame(void **state)
{
	struct rig r;

	(void)state;
	start(&r);
	tell(&r, T0 + DAY, "sockets", "web", 2, "e1 e2 e3", T0, T0 + HOUR);
	tell(&r, T0 + DAY, "sockets", "old", 1, "r1 r2", T0, T0 + HOUR);
	tell(&r, T0 + DAY, "sockets", "same", 1, "r1 r2", T0, T0 + HOUR);
	tell(&r, T0 + 3 * DAY, "sockets", "web", 3, "e1 e2 e3 e4 e5", T0 + 2 * DAY, T0 + 2 * DAY + HOUR);
	tell(&r, T0 + 3 * DAY, "sockets", "same", 1, "r1 r2", T0 + 2 * DAY, T0 + 2 * DAY + HOUR);
	tell(&r, T0 + 3 * DAY, "sockets", "new", 1, "r1 r2", T0 + 2 * DAY, T0 + 2 * DAY + HOUR);
	r.n = 0;
	assert_int_equal(past_diff(r.p, &(struct past_view){ .from = T0, .until = T0 + DAY }, &(struct past_view){ .from = T0 + 2 * DAY,
	    .until = T0 + 3 * DAY }, note_difference, &r), 0);
	assert_string_equal(r.said, "~ web 2/3 3/5\n- old 1/2 0/0\n+ new 0/0 1/2\n");
	/* What was known then against what is known now. */
	r.n = 0;
	assert_int_equal(past_diff(r.p, &(struct past_view){ .known = T0 + 2 * DAY }, &(struct past_view){ .known = T0 + 4 * DAY }, note_difference,
	    &r), 0);
	assert_string_equal(r.said, "~ web 2/3 3/5\n+ new 0/0 1/2\n");
	r.n = 0;
	assert_int_equal(past_blame(r.p, "web", "e1", note_episode, &r), 0);
	assert_string_equal(r.said, "sockets 2/3 0-3600 1\nsockets 3/5 172800-176400 1\n");
	r.n = 0;
	assert_int_equal(past_blame(r.p, "same", "r2", note_episode, &r), 0);
	assert_string_equal(r.said, "sockets 1/2 0-3600 1\nsockets 1/2 172800-176400 1\n");
	stop(&r);
}

/* ---- against brute force ---- */

enum { MEMBERS = 10, MOMENTS = 14 };

struct moment {
	uint32_t mask, k, of;
	int64_t at;
};

/* What a view must tell: sets that touch are one, K of who saw most, then latest, then greatest. */
static void
expect(const struct moment *m, unsigned n, int64_t from, int64_t until, char *text, size_t bytes)
{
	uint32_t sets[MOMENTS];
	char parts[MOMENTS][128];
	unsigned count = 0, part_count = 0;
	size_t used = 0;

	for (unsigned i = 0; i < n; i++)
		if (m[i].at >= from && m[i].at <= until)
			sets[count++] = m[i].mask;
	for (bool again = true; again;) {
		again = false;
		for (unsigned i = 0; i < count; i++)
			for (unsigned k = 0; k < count; k++)
				if (sets[i] != sets[k] && (sets[i] & sets[k]) != 0) {
					sets[i] = sets[k] = sets[i] | sets[k];
					again = true;
				}
	}
	for (unsigned b = 0; b < MEMBERS; b++)
		for (unsigned i = 0; i < count; i++) {
			const struct moment *best = NULL;
			size_t at;

			if ((sets[i] & ((1u << (b + 1)) - 1)) != 1u << b)
				continue;
			for (unsigned k = 0; k < n; k++)
				if (m[k].at >= from && m[k].at <= until && (m[k].mask & sets[i]) != 0 && (best == NULL || m[k].of > best->of ||
				    (m[k].of == best->of && (m[k].at > best->at || (m[k].at == best->at && m[k].k > best->k)))))
					best = &m[k];
			at = (size_t)snprintf(parts[part_count], sizeof(parts[0]), "c %u:", best->k);
			for (unsigned k = 0; k < MEMBERS; k++)
				if ((sets[i] >> k & 1) != 0)
					at += (size_t)snprintf(parts[part_count] + at, sizeof(parts[0]) - at, " m%u", k);
			part_count++;
			break;
		}
	text[0] = '\0';
	for (unsigned i = 0; i < part_count; i++)
		used += (size_t)snprintf(text + used, bytes - used, "%s\n", parts[i]);
}

static int
note_sets(void *arg, const struct sight *s)
{
	struct rig *r = arg;

	if (s->what != SIGHT_GROUP)
		return 0;
	r->n += (size_t)snprintf(r->said + r->n, sizeof(r->said) - r->n, "%s %u:", s->from, s->k);
	for (uint32_t i = 0; i < s->member_count; i++)
		r->n += (size_t)snprintf(r->said + r->n, sizeof(r->said) - r->n, " %s", s->members[i]);
	r->n += (size_t)snprintf(r->said + r->n, sizeof(r->said) - r->n, "\n");
	return 0;
}

static int
by_line(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Lines in order of what comes behind the colon's K does not matter here: sort them. */
static void
sort_lines(char *text)
{
	char copy[4096], *lines[MOMENTS], *save = NULL;
	unsigned n = 0;
	size_t used = 0;

	snprintf(copy, sizeof(copy), "%s", text);
	for (char *l = strtok_r(copy, "\n", &save); l != NULL; l = strtok_r(NULL, "\n", &save))
		lines[n++] = l;
	qsort(lines, n, sizeof(lines[0]), by_line);
	for (unsigned i = 0; i < n; i++)
		used += (size_t)snprintf(text + used, 4096 - used, "%s\n", lines[i]);
}

static void
any_order_says_the_same(void **state)
{
	struct dice d = { .seed = 7 };

	(void)state;
	for (unsigned round = 0; round < 40; round++) {
		struct moment m[MOMENTS];
		struct rig r;
		char want[4096], words[128];

		for (unsigned i = 0; i < MOMENTS; i++) {
			uint32_t of = 2 + dice_roll(&d, 3);

			m[i] = (struct moment){ .of = of, .k = 1 + dice_roll(&d, of), .at = T0 + (int64_t)dice_roll(&d, 40) * 3 * HOUR };
			while ((uint32_t)__builtin_popcount(m[i].mask) < of)
				m[i].mask |= 1u << dice_roll(&d, MEMBERS);
		}
		start(&r);
		for (unsigned i = 0; i < MOMENTS; i++) {
			size_t at = 0;

			for (unsigned k = 0; k < MEMBERS; k++)
				if ((m[i].mask >> k & 1) != 0)
					at += (size_t)snprintf(words + at, sizeof(words) - at, "m%u ", k);
			tell(&r, T0 + 10 * DAY, "sockets", "c", m[i].k, words, m[i].at, m[i].at);
		}
		for (unsigned i = 0; i < 12; i++) {
			int64_t from = T0 + (int64_t)dice_roll(&d, 40) * 3 * HOUR, until = from + (int64_t)dice_roll(&d, 20) * 3 * HOUR;

			expect(m, MOMENTS, from, until, want, sizeof(want));
			r.n = 0;
			r.said[0] = '\0';
			assert_int_equal(past_read(r.p, &(struct past_view){ .from = from, .until = until }, note_sets, &r), 0);
			sort_lines(want);
			sort_lines(r.said);
			assert_string_equal(r.said, want);
		}
		stop(&r);
	}
}

/* ---- what makes no sense ---- */

static void
nonsense_is_left_out(void **state)
{
	const char *bad[] = { "a", "" }, *same[] = { "a", "a" };
	struct sight s = { .what = SIGHT_GROUP, .source = "sockets", .from = "web", .members = bad, .member_count = 2, .k = 1 };
	struct past_taken taken;
	struct rig r;

	(void)state;
	start(&r);
	assert_int_equal(past_begin(r.p, &(struct past_batch){ .now = T0 }), 0);
	assert_int_equal(past_sight(r.p, &s), 0);
	s.members = same;
	assert_int_equal(past_sight(r.p, &s), 0);
	assert_int_equal(past_commit(r.p, &taken), 0);
	assert_int_equal(taken.bad, 1);
	assert_string_equal(view(&r, 0, 0, 0), "");
	stop(&r);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = { cmocka_unit_test(moments_of_one_group_are_one), cmocka_unit_test(a_group_has_a_past),
		cmocka_unit_test(a_moment_that_saw_less_does_not_weaken), cmocka_unit_test(what_was_declared_stands),
		cmocka_unit_test(names_that_fold_are_one_member), cmocka_unit_test(diff_and_blame), cmocka_unit_test(any_order_says_the_same),
		cmocka_unit_test(nonsense_is_left_out) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
