/* SPDX-License-Identifier: MIT */
/*
 * spans.c - how many spans a second one core turns into lines: OTLP in protobuf and in JSON, parsed, paired and told.
 *
 * Traces of --services services, see span_corpus.h. Time is that of the thread on a processor, so what else runs on the machine counts little; the
 * best of --rounds counts.
 */
#include "span_corpus.h"

#include "proto/otlp_json.h"
#include "proto/otlp_pb.h"
#include <malloc.h>
#include <time.h>

/* ---- measuring ---- */

static int64_t
cpu_now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (int64_t)t.tv_sec * SEC + t.tv_nsec;
}

/* What the process has in memory, bytes. */
static int64_t
resident(void)
{
	char self[16];

	snprintf(self, sizeof(self), "%d", getpid());
	return memory_bytes(self);
}

struct told {
	uint64_t lines, calls;
};

static int
take(void *arg, const struct sight *s)
{
	struct told *t = arg;

	if (s->what == SIGHT_LINE) {
		t->lines++;
		t->calls += s->count;
	}
	return 0;
}

static struct otlp_pb pb;
static struct otlp_json json;

static void
feed(struct spans *s, const struct bodies *b, bool as_json)
{
	struct span_sink sink = { .resource = spans_resource, .span = spans_add, .arg = s };

	for (unsigned k = 0; k < b->count; k++) {
		const char *p = buf_data(&b->mem) + b->at[k];

		spans_begin(s, 0);
		if ((as_json ? otlp_json_read(&json, p, b->n[k], &sink) : otlp_pb_read(&pb, p, b->n[k], &sink)) != 0)
			die("a request was refused: %s", as_json ? json.error : pb.error);
		spans_commit(s);
		if (spans_tell(s) != 0)
			die("telling failed");
		spans_told(s);
	}
}

/* Spans a second of CPU time, the best round. */
static double
measure(struct corpus *c, struct bodies *b, bool as_json, unsigned rounds, struct spans *s, double *ret_bytes)
{
	double best = 0;

	for (unsigned r = 0; r < rounds; r++) {
		int64_t start;

		corpus_fill(c, r * 2 + as_json + 1);
		encode_all(c, as_json ? encode_json : encode_pb, b);
		start = cpu_now();
		feed(s, b, as_json);
		double rate = (double)c->count / ((double)(cpu_now() - start) / 1e9);

		best = rate > best ? rate : best;
	}
	*ret_bytes = (double)buf_len(&b->mem) / (double)c->count;
	return best;
}

int
main(int argc, char **argv)
{
	unsigned rounds = 5, memory_mb = 128;
	struct corpus c = { .services = 100, .depth = 4, .cap = 200000 };
	static struct bodies b;
	struct told told = { 0 };
	struct spans *s;
	double pb_rate, json_rate, pb_bytes_each, json_bytes_each, peak_mib;
	int64_t before;

	for (int i = 1; i + 1 < argc; i += 2) {
		long v = strtol(argv[i + 1], NULL, 10);

		if (strcmp(argv[i], "--cpu") == 0)
			place((double)v);
		else if (strcmp(argv[i], "--rounds") == 0 && v > 0)
			rounds = (unsigned)v;
		else if (strcmp(argv[i], "--spans") == 0 && v > 0)
			c.cap = (size_t)v;
		else if (strcmp(argv[i], "--services") == 0 && v > 1 && v < SERVICES_MAX)
			c.services = (unsigned)v;
		else if (strcmp(argv[i], "--memory") == 0 && v >= 4)
			memory_mb = (unsigned)v;
		else
			die("usage: spans [--cpu N] [--rounds N] [--spans N] [--services N] [--memory MB]");
	}
	c.items = calloc(c.cap, sizeof(c.items[0]));
	buf_init(&b.mem, (size_t)1 << 31);
	before = resident();
	struct spans_opts opts = { .memory_bytes = (size_t)memory_mb << 20, .hold = FL_NEVER, .tell = take, .arg = &told };
	if (c.items == NULL || spans_new(&opts, &s) != 0)
		die("no memory");
	pb_rate = measure(&c, &b, false, rounds, s, &pb_bytes_each);
	json_rate = measure(&c, &b, true, rounds, s, &json_bytes_each);
	/* Without what the requests themselves take. */
	buf_fini(&b.mem);
	free(c.items);
	malloc_trim(0);
	peak_mib = (double)(resident() - before) / (1 << 20);
	spans_finish(s);
	if (spans_tell(s) != 0)
		die("telling failed");
	printf("{\"pb_per_s\":%.0f,\"json_per_s\":%.0f,\"pb_bytes\":%.0f,\"json_bytes\":%.0f,", pb_rate, json_rate, pb_bytes_each, json_bytes_each);
	printf("\"spans\":%llu,\"lines\":%llu,\"calls\":%llu,\"peak_mib\":%.1f}\n", (unsigned long long)spans_count(s).spans,
	    (unsigned long long)told.lines, (unsigned long long)told.calls, peak_mib);
	spans_free(s);
	return 0;
}
