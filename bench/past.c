/* SPDX-License-Identifier: MIT */
/*
 * past.c - a year of the map: how large its store is, and how fast two dates of it are compared.
 *
 *     past [--nodes 12000] [--lines 30000] [--days 365] [--episodes 10] [--rounds 5] [--dir /tmp]
 *
 * Episodes are drawn as a line that is busy now and then has them: lengths and pauses of an hour or so, each day anew. They go through
 * past_pack() into the table of days, as past_seal() puts them there; the claims go through past_sight().
 */
#include "lib.h"

#include "base/rng.h"
#include "store/past.h"
#include "store/past_db.h"
#include "store/past_pack.h"
#include "store/past_read.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define DAY PAST_DAY
#define FIRST_DAY INT64_C(20000)
#define PART 1024

static uint64_t drawn;

static double
cpu(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static uint32_t
draw(uint32_t n)
{
	return (uint32_t)rng_below(rng_draw(42, drawn++, 0), n);
}

static void
must(int rc, const char *what, const struct past *p)
{
	if (rc != 0)
		die("%s: %s", what, past_error(p));
}

static void
fill_claims(struct past *p, uint32_t nodes, uint32_t lines)
{
	const struct past_batch b = { .now = FIRST_DAY * DAY + 1 };
	char from[32], to[32];

	must(past_begin(p, &b), "begin", p);
	for (uint32_t i = 0; i < lines; i++) {
		struct sight s = { .what = SIGHT_LINE, .source = "otlp", .where = "bench", .from = from, .to = to, .protocol = "http", .count = 1,
			.first = b.now, .last = b.now };

		/* The last ones begin half way through the year, so that there is something to find. */
		snprintf(from, sizeof(from), "service-%u", i % nodes);
		snprintf(to, sizeof(to), "service-%u", (i * 7919u + i / nodes + 1) % nodes);
		must(past_sight(p, &s), "sight", p);
	}
	must(past_commit(p, NULL), "commit", p);
}

static size_t
draw_line(struct past_piece *at, int64_t claim, uint32_t episodes)
{
	uint32_t minute = draw(60);
	size_t n = 0;

	for (uint32_t i = 0; i < episodes && minute < PAST_DAY_MINUTES; i++) {
		uint32_t length = 1 + draw(1440 / episodes);
		uint32_t last = minute + length < PAST_DAY_MINUTES ? minute + length : PAST_DAY_MINUTES;

		at[n++] = (struct past_piece){ claim, minute, last, 1 + draw(5000), draw(20) == 0 };
		minute = last + 2 + draw(1440 / episodes - 2);
	}
	return n;
}

static uint64_t
fill_day(struct past *p, int64_t day, uint32_t lines, uint32_t episodes, struct past_piece *pieces, struct buf *body)
{
	uint64_t count = 0;
	size_t n = 0;

	for (uint32_t claim = 1; claim <= lines; claim++) {
		bool late = claim % 1000 == 0;

		if (!late || day > FIRST_DAY + 180)
			n += draw_line(pieces + n, claim, episodes);
		if (claim % PART != PART - 1 && claim != lines)
			continue;
		buf_clear(body);
		if (n > 0 && (past_pack(pieces, n, body) != 0 ||
		    past_do(p, PAST_SEALED_ADD, "iiib", day, (int64_t)(claim / PART), day, buf_data(body), buf_len(body)) != 0))
			die("a day cannot be packed: %s", past_error(p));
		count += n;
		n = 0;
	}
	return count;
}

static int
count_one(void *arg, const struct past_difference *d)
{
	*(unsigned *)arg += d->to[0] != '\0';
	return 0;
}

int
main(int argc, char **argv)
{
	uint32_t nodes = (uint32_t)opt_num(argc, argv, "--nodes", 12000), lines = (uint32_t)opt_num(argc, argv, "--lines", 30000);
	int64_t days = (int64_t)opt_num(argc, argv, "--days", 365);
	uint32_t episodes = (uint32_t)opt_num(argc, argv, "--episodes", 10), rounds = (uint32_t)opt_num(argc, argv, "--rounds", 5);
	struct past_piece *pieces = malloc((size_t)PART * (episodes + 1) * sizeof(*pieces));
	char path[512], more[520], error[256];
	uint64_t count = 0;
	double best = 0, began;
	unsigned found = 0;
	struct stat st;
	struct past *p;
	struct buf body;

	snprintf(path, sizeof(path), "%.400s/faultline-bench-past-%d.db", opt_text(argc, argv, "--dir", "/tmp"), (int)getpid());
	if (pieces == NULL || past_open(&(struct past_opts){ .path = path }, error, &p) != 0)
		die("%s", error);
	buf_init(&body, 1u << 28);
	fill_claims(p, nodes, lines);
	began = (double)now_ns();
	for (int64_t day = 0; day < days; day++) {
		must(past_do(p, PAST_BEGIN, ""), "begin", p);
		count += fill_day(p, FIRST_DAY + day, lines, episodes, pieces, &body);
		must(past_do(p, PAST_COMMIT, ""), "commit", p);
	}
	sqlite3_exec(p->db, "PRAGMA wal_checkpoint(TRUNCATE)", NULL, NULL, NULL);
	began = ((double)now_ns() - began) / 1e9;
	if (stat(path, &st) != 0)
		die("%s is not there", path);
	printf("{\"episodes\":%" PRIu64 ",\"bytes\":%lld,\"bytes_per_episode\":%.3f,\"fill_s\":%.1f,", count, (long long)st.st_size,
	    (double)st.st_size / (double)count, began);
	for (uint32_t i = 0; i < rounds; i++) {
		int64_t half = days / 2 > 180 ? 180 : days / 2;
		const struct past_view a = { (FIRST_DAY + half - 30) * DAY + DAY / 3, (FIRST_DAY + half - 29) * DAY + DAY / 3, 0, false };
		const struct past_view b = { (FIRST_DAY + days - 10) * DAY + DAY / 3, (FIRST_DAY + days - 9) * DAY + DAY / 3, 0, false };
		double from = cpu();

		found = 0;
		must(past_diff(p, &a, &b, count_one, &found), "diff", p);
		from = cpu() - from;
		best = i == 0 || from < best ? from : best;
	}
	printf("\"diff_ms\":%.2f,\"differences\":%u}\n", best * 1e3, found);
	past_close(p);
	buf_fini(&body);
	free(pieces);
	unlink(path);
	snprintf(more, sizeof(more), "%s-wal", path);
	unlink(more);
	snprintf(more, sizeof(more), "%s-shm", path);
	unlink(more);
	return 0;
}
