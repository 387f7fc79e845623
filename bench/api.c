/* SPDX-License-Identifier: MIT */
/*
 * api.c - how long calls of the control API take: GET /proxies, POST and DELETE of a toxic, in turn, for --seconds.
 *
 *  (1) One keep-alive connection; --pause-ms between rounds, so that the calls and not the caller load the machine.
 *  (2) A status that is not the expected one is a failure, not a result.
 */
#include "lib.h"

#include <sys/resource.h>

static char reply[1 << 20];

/* The whole reply has come: its length, or 0 when more is needed. */
static size_t
reply_length(void)
{
	const char *end = strstr(reply, "\r\n\r\n"), *length;
	size_t head;

	if (end == NULL)
		return 0;
	head = (size_t)(end - reply) + 4;
	length = strcasestr(reply, "content-length:");
	if (length == NULL || length > end) {
		if (strncmp(reply + 9, "204", 3) != 0)
			die("a reply without Content-Length:\n%.200s", reply);
		return head;
	}
	return head + strtoul(length + 15, NULL, 10);
}

/* One call; its time in ns. */
static int64_t
call(int fd, const char *method, const char *path, const char *body, int expect)
{
	char text[2048];
	int n = snprintf(text, sizeof(text), "%s %s HTTP/1.1\r\nHost: localhost\r\nContent-Length: %zu\r\n\r\n%s", method, path,
	    strlen(body), body);
	int64_t start = now_ns();
	size_t have = 0, whole;

	if (n < 0 || (size_t)n >= sizeof(text))
		die("the request is too long");
	if (send(fd, text, (size_t)n, MSG_NOSIGNAL) != n)
		die("send: %s", strerror(errno));
	reply[0] = '\0';
	while ((whole = reply_length()) == 0 || have < whole) {
		ssize_t got = recv(fd, reply + have, sizeof(reply) - 1 - have, 0);

		if (got <= 0)
			die("%s %s: no answer: %s", method, path, got < 0 ? strerror(errno) : "closed");
		have += (size_t)got;
		reply[have] = '\0';
	}
	start = now_ns() - start;
	if (strtol(reply + 9, NULL, 10) != expect)
		die("%s %s: expected %d:\n%.400s", method, path, expect, reply);
	return start;
}

static void
print_quantiles(const char *name, struct samples *s)
{
	printf("\"%s_p50_us\":%.1f,\"%s_p99_us\":%.1f,\"%s_max_us\":%.1f,", name, sample_us(s, 0.5), name, sample_us(s, 0.99), name,
	    sample_us(s, 1));
}

int
main(int argc, char **argv)
{
	struct sockaddr_in to = addr_of(opt_text(argc, argv, "--to", ""));
	const char *line = opt_text(argc, argv, "--line", "bench");
	int64_t until, pause = (int64_t)(opt_num(argc, argv, "--pause-ms", 5) * 1e6);
	struct samples get = { 0 }, post = { 0 }, del = { 0 }, all = { 0 };
	struct timespec t = { .tv_nsec = pause };
	struct timeval limit = { .tv_sec = 20 };
	static const char body[] = "{\"name\":\"probe\",\"type\":\"latency\",\"attributes\":{\"latency\":1}}";
	char toxics[256], toxic[300];
	int fd;

	/* The caller's own wait for a processor that the load keeps busy is not the server's doing: be let in first. */
	(void)setpriority(PRIO_PROCESS, 0, -20);
	snprintf(toxics, sizeof(toxics), "/proxies/%s/toxics", line);
	snprintf(toxic, sizeof(toxic), "%s/probe", toxics);
	place(opt_num(argc, argv, "--cpu", -1));
	fd = dial(&to, 0, false);
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	for (until = now_ns() + (int64_t)(opt_num(argc, argv, "--seconds", 2) * 1e9); now_ns() < until;) {
		sample_add(&get, call(fd, "GET", "/proxies", "", 200));
		sample_add(&post, call(fd, "POST", toxics, body, 200));
		sample_add(&del, call(fd, "DELETE", toxic, "", 204));
		sample_add(&all, get.v[get.n - 1]);
		sample_add(&all, post.v[post.n - 1]);
		sample_add(&all, del.v[del.n - 1]);
		nanosleep(&t, NULL);
	}
	printf("{\"calls\":%zu,", all.n);
	print_quantiles("get", &get);
	print_quantiles("post", &post);
	print_quantiles("delete", &del);
	printf("\"p50_us\":%.1f,\"p99_us\":%.1f}\n", sample_us(&all, 0.5), sample_us(&all, 0.99));
	return 0;
}
