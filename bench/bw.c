/* SPDX-License-Identifier: MIT */
/*
 * bw.c - how exact and how smooth a bandwidth fault is: reads from a source through a line that should pass --rate bytes/s.
 *
 * Prints for the window after --warm
 *   mean_error      bytes arrived / (rate * window) - 1
 *   worst_10ms      most bytes in any 10 ms, as a multiple of 10 ms worth
 *   burst_ms        the deepest burst: by how many ms worth the bytes ran ahead of the rate, over all stretches of the window
 */
#include "lib.h"

#define READ_MAX (1 << 20)

struct arrival {
	int64_t at;
	int64_t bytes;          /* until now, this one included */
};

static struct arrival *arrivals;
static size_t arrival_count, arrival_cap;

static void
arrived(int64_t at, int64_t total)
{
	if (arrival_count == arrival_cap) {
		arrival_cap = arrival_cap == 0 ? 1 << 16 : arrival_cap * 2;
		arrivals = realloc(arrivals, arrival_cap * sizeof(*arrivals));
		if (arrivals == NULL)
			die("no memory");
	}
	arrivals[arrival_count++] = (struct arrival){ .at = at, .bytes = total };
}

static void
receive(int fd, int64_t until)
{
	int64_t total = 0, now;

	do {
		ssize_t n = recv(fd, NULL, READ_MAX, MSG_TRUNC);

		now = now_ns();
		if (n <= 0)
			die("the stream ended: %s", n < 0 ? strerror(errno) : "closed");
		total += n;
		arrived(now, total);
	} while (now < until);
}

/* Most bytes that arrived within any 10 ms, as a multiple of what the rate allows. */
static double
worst_10ms(size_t first, double rate)
{
	int64_t most = 0;
	size_t tail = first;

	for (size_t i = first; i < arrival_count; i++) {
		int64_t in;

		while (arrivals[i].at - arrivals[tail].at > 10 * MS)
			tail++;
		in = arrivals[i].bytes - (tail == 0 ? 0 : arrivals[tail - 1].bytes);
		most = in > most ? in : most;
	}
	return (double)most / (rate / 100);
}

/* Depth in ms of the leaky bucket that would just let the arrivals pass. */
static double
burst_ms(size_t first, double rate)
{
	double level = 0, most = 0;

	for (size_t i = first + 1; i < arrival_count; i++) {
		level -= (double)(arrivals[i].at - arrivals[i - 1].at) * rate / 1e9;
		level = level < 0 ? 0 : level;
		level += (double)(arrivals[i].bytes - arrivals[i - 1].bytes);
		most = level > most ? level : most;
	}
	return most / rate * 1e3;
}

int
main(int argc, char **argv)
{
	struct sockaddr_in to = addr_of(opt_text(argc, argv, "--to", ""));
	const char *pids = opt_text(argc, argv, "--pids", NULL);
	double rate = opt_num(argc, argv, "--rate", 1e6);
	int64_t warm = (int64_t)(opt_num(argc, argv, "--warm", 0.5) * 1e9);
	int64_t window = (int64_t)(opt_num(argc, argv, "--seconds", 2) * 1e9), start;
	size_t first = 0;
	struct usage used;
	double spanned;
	int fd;

	place(opt_num(argc, argv, "--cpu", -1));
	fd = dial(&to, 0, false);
	if (send(fd, "x", 1, MSG_NOSIGNAL) != 1)
		die("send: %s", strerror(errno));
	used = usage_read(pids);
	start = now_ns();
	receive(fd, start + warm + window);
	used = usage_since(&used, pids);
	while (first + 1 < arrival_count && arrivals[first].at < start + warm)
		first++;
	if (first + 2 > arrival_count)
		die("nothing arrived in the window");
	spanned = (double)(arrivals[arrival_count - 1].at - arrivals[first].at) / 1e9;
	printf("{\"rate\":%.0f,\"mean_error\":%.6f,\"worst_10ms\":%.3f,\"burst_ms\":%.3f,\"reads\":%zu,", rate,
	    (double)(arrivals[arrival_count - 1].bytes - arrivals[first].bytes) / (rate * spanned) - 1, worst_10ms(first, rate),
	    burst_ms(first, rate), arrival_count - first);
	usage_print(&used, (double)(now_ns() - start) / 1e9);
	printf("}\n");
	close(fd);
	return 0;
}
