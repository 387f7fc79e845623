/* SPDX-License-Identifier: MIT */
/*
 * match.c - faultline match on logs of many messages with a few known defects: what it takes.
 *
 *      match [--count N] [--keys N] [--dir DIR] [--program FILE]
 *
 * One message in a million is lost, one arrives twice, one arrives late in the order. The logs go to DIR (22 bytes a message) and are
 * taken away again. Prints one JSON line.
 */
#include "stream/stream_file.h"

#include "base/rng.h"
#include "io/clock.h"
#include <fcntl.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#define SEED 7
#define EVERY 1000000u
#define LAG 100u                        /* acknowledgements come that many messages later */

struct plan {
	uint64_t count, lost, twice, behind;
	uint32_t keys;
};

static struct match_rec
message(const struct plan *p, enum match_kind kind, uint64_t n)
{
	return (struct match_rec){ .kind = kind, .flow = 1, .key = (uint32_t)(n % p->keys), .n = n, .value = (int64_t)n,
		.hash = (uint32_t)rng_draw(SEED, n, 0), .at = clock_mono() };
}

static int
write_sent(const struct plan *p, const char *path)
{
	struct match_log_head head = { .side = MATCH_SIDE_SENT, .acks = true, .seed = SEED };
	struct stream_writer w;

	(void)stream_writer_open(&w, path, &head);
	for (uint64_t n = 1; n <= p->count + LAG; n++) {
		struct match_rec r = message(p, MATCH_SENT, n);

		if (n <= p->count)
			(void)stream_writer_put(&w, &r);
		r.kind = MATCH_ACK;
		r.n = n - LAG;
		if (n > LAG)
			(void)stream_writer_put(&w, &r);
	}
	return stream_writer_close(&w);
}

static int
write_received(struct plan *p, const char *path)
{
	struct match_log_head head = { .side = MATCH_SIDE_RECEIVED };
	struct stream_writer w;

	(void)stream_writer_open(&w, path, &head);
	for (uint64_t n = 1; n <= p->count; n++) {
		struct match_rec r = message(p, MATCH_GOT, n);

		if (n % EVERY == 1) {
			p->lost++;
			continue;
		}
		if (n % EVERY == EVERY / 2 && n + p->keys <= p->count) {
			struct match_rec later = message(p, MATCH_GOT, n + p->keys);

			(void)stream_writer_put(&w, &later);    /* it arrives once more in its own place */
			p->twice++;
			p->behind++;
		}
		(void)stream_writer_put(&w, &r);
	}
	return stream_writer_close(&w);
}

/* Run the program on the logs: what it took, and whether it found exactly what was planted. */
static int
judge(const struct plan *p, const char *program, const char *sent, const char *received, struct rusage *ret, double *ret_wall)
{
	fl_ns start = clock_mono();
	int status, null = open("/dev/null", O_WRONLY);
	pid_t pid = fork();

	if (pid == 0) {
		(void)dup2(null, STDOUT_FILENO);
		execl(program, program, "match", sent, received, "--json", "-q", "--expect", "lost,duplicate,reordered", (char *)NULL);
		_exit(127);
	}
	close(null);
	if (pid < 0 || wait4(pid, &status, 0, ret) != pid)
		return -1;
	*ret_wall = (double)(clock_mono() - start) / (double)FL_SEC;
	return WIFEXITED(status) && WEXITSTATUS(status) == (p->lost > 0 ? 0 : 1) ? 0 : -1;
}

static double
seconds(struct timeval t)
{
	return (double)t.tv_sec + (double)t.tv_usec / 1e6;
}

int
main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "count", required_argument, NULL, 'c' }, { "keys", required_argument, NULL, 'k' }, { "dir", required_argument, NULL, 'd' },
		{ "program", required_argument, NULL, 'p' }, { "cpu", required_argument, NULL, 'u' }, { NULL, 0, NULL, 0 },
	};
	struct plan p = { .count = 100000000, .keys = 10000 };
	const char *dir = "/tmp", *program = "build/release/faultline";
	char sent[512], received[512];
	struct rusage used;
	double wall = 0;
	int o, rc;

	while ((o = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (o == 'c')
			p.count = strtoull(optarg, NULL, 10);
		else if (o == 'k')
			p.keys = (uint32_t)strtoul(optarg, NULL, 10);
		else if (o == 'd')
			dir = optarg;
		else if (o == 'p')
			program = optarg;
		else if (o != 'u')              /* it keeps to no CPU: the system's writing back of files goes on beside it */
			return 2;
	}
	snprintf(sent, sizeof(sent), "%.400s/bench-match-%d.sent", dir, (int)getpid());
	snprintf(received, sizeof(received), "%.400s/bench-match-%d.received", dir, (int)getpid());
	rc = p.keys == 0 || write_sent(&p, sent) != 0 || write_received(&p, received) != 0;
	if (rc == 0)
		rc = judge(&p, program, sent, received, &used, &wall);
	(void)unlink(sent);
	(void)unlink(received);
	if (rc != 0) {
		fputs("match: it could not be measured; flags: --count N --keys N --dir DIR --program FILE\n", stderr);
		return 2;
	}
	printf("{\"count\":%" PRIu64 ",\"cpu_s\":%.3f,\"wall_s\":%.3f,\"peak_mib\":%.0f,\"lost\":%" PRIu64
	       ",\"duplicate\":%" PRIu64 ",\"reordered\":%" PRIu64 "}\n", p.count, seconds(used.ru_utime) + seconds(used.ru_stime), wall,
	    (double)used.ru_maxrss / 1024.0, p.lost, p.twice, p.behind);
	return 0;
}
