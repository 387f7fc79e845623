/* SPDX-License-Identifier: MIT */
/*
 * trace.c - a trace store: --events events written to a file in --dir, read back, one of them looked for.
 *
 * Of ten events four are a call of an HTTP line (request and answer, twice), four a message on a line with frames (in and out, twice,
 * with ids of their own), one is a decision of a fault, one the end of a connection. Events are made before the clock starts, a batch of
 * them; what is measured is what a recorder does: pack, seal, write(). Prints one JSON line; seconds are CPU time of this process.
 */
#include "lib.h"

#include "run/trace_file.h"

#include <inttypes.h>

#define BATCH 100000u

static double
cpu(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static struct trace_text
text(const char *s)
{
	return (struct trace_text){ .p = s, .n = (uint32_t)strlen(s) };
}

static uint64_t
mixed(uint64_t x)
{
	x *= 0x9e3779b97f4a7c15u;
	return x ^ x >> 29;
}

/* Event i, whose id lies in room. */
static void
make(uint64_t i, char room[24], struct trace_event *e)
{
	static const char *const lines[] = { "front", "stock", "orders", "ledger" };
	static const char *const paths[] = { "/cart", "/order", "/order/items", "/price" };
	const uint64_t n = i / 10, k = i % 10;

	*e = (struct trace_event){ .at = (fl_ns)(1700000000 * SEC + (fl_ns)i * 1000), .line = text(lines[k < 4 ? k / 2 : 2 + (k / 2) % 2]),
		.conn = n % 64 + 1, .number = n / 64 + 1, .bytes = 200 + i % 300 };
	if (k < 4) {
		const uint64_t trace[2] = { mixed(n), mixed(n + 1) };

		memcpy(e->trace, trace, sizeof(e->trace));
		e->span = mixed(2 * n + k / 2 + 77) | 1;
		e->parent = k >= 2 ? mixed(2 * n + 77) | 1 : 0;
		e->kind = k % 2 == 0 ? TRACE_REQUEST : TRACE_ANSWER;
		e->dir = k % 2 == 1;
		e->hash = mixed(i);
		e->what = text(k % 2 == 0 ? "POST" : "answered");
		e->text = text(k % 2 == 0 ? paths[n % 4] : "");
		e->status = k % 2 == 0 ? 0 : 200;
		e->attempts = 1;
		e->place = text(k % 2 == 0 ? "" : "10.0.0.1:8080");
	} else if (k < 8) {
		snprintf(room, 24, "o-%" PRIu64, n);
		e->id = text(room);
		e->kind = k % 2 == 0 ? TRACE_IN : TRACE_OUT;
		e->hash = mixed(n + k / 2);
		e->value = (int64_t)(n * 64);
	} else {
		e->kind = k == 8 ? TRACE_FAULT : TRACE_NOTE;
		e->what = text(k == 8 ? "delay" : TRACE_NOTE_CLOSE);
		e->place = text(k == 8 ? "slow" : "");
		e->fault = k == 8;
		e->text = text(k == 8 ? "" : "finished");
	}
}

static double
write_all(const char *path, uint64_t events)
{
	struct trace_event *batch = calloc(BATCH, sizeof(*batch));
	char (*ids)[24] = calloc(BATCH, sizeof(*ids));
	struct trace_file *f;
	double seconds = 0;

	if (batch == NULL || ids == NULL || trace_file_new(path, 0, &f) != 0)
		die("%s cannot be written", path);
	for (uint64_t at = 0; at < events; at += BATCH) {
		double from;

		for (uint32_t i = 0; i < BATCH; i++)
			make(at + i, ids[i], &batch[i]);
		from = cpu();
		for (uint32_t i = 0; i < BATCH; i++)
			trace_file_put(f, &batch[i]);
		seconds += cpu() - from;
	}
	if (trace_file_free(f) != 0)
		die("%s cannot be written", path);
	free(batch);
	free(ids);
	return seconds;
}

static bool
count(void *ud, const struct trace_event *e)
{
	*(uint64_t *)ud += e->kind < TRACE_KINDS;
	return true;
}

int
main(int argc, char **argv)
{
	struct { uint64_t events; const char *dir; } a = { 10000000, "/tmp" };
	const struct trace_query all = { .kinds = 0 }, one = { .id = text("o-4711") };
	struct trace_map m;
	char path[512];
	uint64_t n = 0, found = 0;
	double written, opened, read, asked;

	for (int i = 1; i + 1 < argc; i += 2) {
		if (strcmp(argv[i], "--events") == 0)
			a.events = strtoull(argv[i + 1], NULL, 10);
		else if (strcmp(argv[i], "--dir") == 0)
			a.dir = argv[i + 1];
		else if (strcmp(argv[i], "--cpu") != 0)
			die("flags: --events N --dir DIR");
	}
	a.events = (a.events + BATCH - 1) / BATCH * BATCH;
	snprintf(path, sizeof(path), "%s/faultline-bench-trace-%d.bin", a.dir, (int)getpid());
	written = write_all(path, a.events);
	opened = cpu();
	if (trace_map_open(&m, path, (size_t)1 << 30) != 0)
		die("%s cannot be read", path);
	opened = cpu() - opened;
	read = cpu();
	trace_store_each(&m.store, &all, count, &n);
	read = cpu() - read;
	asked = cpu();
	trace_store_each(&m.store, &one, count, &found);
	asked = cpu() - asked;
	(void)unlink(path);
	if (n != a.events)
		die("%" PRIu64 " events came back of %" PRIu64, n, a.events);
	printf("{\"events\":%" PRIu64 ",\"bytes\":%zu,\"write_s\":%.4f,\"open_s\":%.4f,\"read_s\":%.4f,\"find_s\":%.6f,\"found\":%" PRIu64 "}\n",
	    n, m.n,
	    written, opened, read, asked, found);
	trace_map_fini(&m);
	return 0;
}
