/* SPDX-License-Identifier: MIT */
/*
 * match.c - write logs of a sender and a receiver with many messages and a few known defects, for measuring faultline match.
 *
 *      match --count N --keys N --sent FILE --received FILE
 *
 * One message in a million is lost, one arrives twice, one arrives late in the order. Prints one JSON line.
 */
#include "run/stream_file.h"

#include "base/rng.h"
#include "io/clock.h"
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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

int
main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "count", required_argument, NULL, 'c' }, { "keys", required_argument, NULL, 'k' }, { "sent", required_argument, NULL, 's' },
		{ "received", required_argument, NULL, 'r' }, { NULL, 0, NULL, 0 },
	};
	struct plan p = { .count = 1000000, .keys = 1000 };
	const char *sent = NULL, *received = NULL;
	int o;

	while ((o = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (o == 'c')
			p.count = strtoull(optarg, NULL, 10);
		else if (o == 'k')
			p.keys = (uint32_t)strtoul(optarg, NULL, 10);
		else if (o == 's')
			sent = optarg;
		else if (o == 'r')
			received = optarg;
		else
			return 2;
	}
	if (sent == NULL || received == NULL || p.keys == 0 || write_sent(&p, sent) != 0 || write_received(&p, received) != 0) {
		fputs("match: the logs cannot be written; flags: --count N --keys N --sent FILE --received FILE\n", stderr);
		return 2;
	}
	printf("{\"count\":%" PRIu64
	       ",\"lost\":%" PRIu64 ",\"duplicate\":%" PRIu64 ",\"reordered\":%" PRIu64 "}\n", p.count, p.lost, p.twice, p.behind);
	return 0;
}
