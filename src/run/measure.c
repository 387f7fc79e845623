/* SPDX-License-Identifier: MIT */
/* measure.c - checks by TCP and HTTP, and of processes. */
#include "run/measure.h"

#include "base/assert.h"
#include "base/units.h"
#include "io/client.h"
#include "io/clock.h"
#include "io/resolve.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#define ANSWER_BYTES_MAX 65536

static int
resolve(const char *target, struct io_addr *ret, char *say)
{
	char host[256], port[32];
	struct resolve_answer answer;
	int rc = addr_parse(target, ret);

	if (rc == 0)
		return 0;
	rc = addr_split(target, host, sizeof(host), port, sizeof(port));
	if (rc == 0)
		rc = resolver_wait(host, port, &answer);
	if (rc < 0) {
		snprintf(say, MEASURE_SAY_MAX, "%.100s: not an address that can be found", target);
		return rc;
	}
	*ret = answer.addrs[0];
	return 0;
}

static int
failed(int rc, const char *what, char *say)
{
	if (rc == -ECANCELED)
		return rc;
	snprintf(say, MEASURE_SAY_MAX, "%s: %s", what, rc == -ETIMEDOUT ? "not within the timeout" : strerror(-rc));
	return 0;
}

/* Fill answer (ANSWER_BYTES_MAX + 1) until `enough` says so, the end, or the deadline. 1: enough; 0: no, with say; -ECANCELED. */
typedef bool enough_fn(const struct measure *job, const char *answer, size_t n, bool ended);

static int
receive(const struct measure *job, int fd, const struct client_wait *w, enough_fn *enough, char *answer, char *say)
{
	size_t n = 0;

	for (;;) {
		int64_t k = client_recv(fd, answer + n, ANSWER_BYTES_MAX - n, w);
		if (k < 0)
			return failed((int)k, n == 0 ? "no answer" : "no complete answer", say);
		n += (size_t)k;
		answer[n] = '\0';
		if (enough(job, answer, n, k == 0))
			return 1;
		if (k == 0 || n == ANSWER_BYTES_MAX) {
			snprintf(say, MEASURE_SAY_MAX, n == 0 ? "connection closed without an answer" : "another answer: %.60s", answer);
			say[strcspn(say, "\r\n")] = '\0';
			return 0;
		}
	}
}

static bool
tcp_enough(const struct measure *job, const char *answer, size_t n, bool ended)
{
	(void)ended;
	return memmem(answer, n, job->conf->expect, strlen(job->conf->expect)) != NULL;
}

static int
check_tcp(const struct measure *job, int fd, const struct client_wait *w, char *answer, char *say)
{
	int rc = 1;

	if (job->send != NULL) {
		int sent = client_send(fd, job->send, strlen(job->send), w, NULL);
		if (sent < 0)
			return failed(sent, "sending", say);
	}
	if (job->conf->expect != NULL)
		rc = receive(job, fd, w, tcp_enough, answer, say);
	return rc;
}

/* The header is there, and as much of the body as its length says. */
static bool
http_enough(const struct measure *job, const char *answer, size_t n, bool ended)
{
	const char *body = strstr(answer, "\r\n\r\n");
	const char *length = strcasestr(answer, "\r\ncontent-length:");

	if (body == NULL)
		return false;
	body += 4;
	if (ended || job->conf->expect == NULL || strstr(body, job->conf->expect) != NULL)
		return true;
	return length != NULL && length < body && (size_t)(answer + n - body) >= strtoul(length + 17, NULL, 10);
}

static int
check_http(const struct measure *job, int fd, const struct client_wait *w, char *answer, char *say)
{
	char request[4096];
	int n = snprintf(request, sizeof(request), "GET %s HTTP/1.1\r\nHost: %s\r\nUser-Agent: faultline\r\nConnection: close\r\n\r\n",
	    job->path, job->target);
	int status = 0, want = job->conf->status;
	int rc;

	if (n >= (int)sizeof(request)) {
		snprintf(say, MEASURE_SAY_MAX, "the URL is too long");
		return 0;
	}
	rc = client_send(fd, request, (size_t)n, w, NULL);
	if (rc < 0)
		return failed(rc, "sending", say);
	rc = receive(job, fd, w, http_enough, answer, say);
	if (rc != 1)
		return rc;
	if (sscanf(answer, "HTTP/1.%*1d %3d", &status) != 1) {
		snprintf(say, MEASURE_SAY_MAX, "the answer is not HTTP");
		return 0;
	}
	snprintf(say, MEASURE_SAY_MAX, "status %d", status);
	if (want == 0 ? status / 100 != 2 : status != want)
		return 0;
	if (job->conf->expect != NULL && strstr(strstr(answer, "\r\n\r\n"), job->conf->expect) == NULL) {
		snprintf(say, MEASURE_SAY_MAX, "status %d, but the body does not hold the text", status);
		return 0;
	}
	return 1;
}

int
measure_probe(const struct measure *job, int stop_fd, char *say)
{
	const fl_ns start = clock_mono();
	struct client_wait w = { .deadline = start + job->conf->timeout, .stop_fd = stop_fd };
	struct io_addr to;
	char *answer, took[32];
	int fd, rc;

	if (job->conf->kind == PROBE_PROCESS) {
		bool alive = atomic_load(job->alive);
		snprintf(say, MEASURE_SAY_MAX, alive ? "alive" : "not running");
		return alive;
	}
	if (resolve(job->target, &to, say) < 0)
		return 0;
	rc = client_connect(&to, NULL, &w, &fd);
	if (rc < 0)
		return failed(rc, "connecting", say);
	answer = malloc(ANSWER_BYTES_MAX + 1);
	fl_assert(answer != NULL);
	say[0] = '\0';
	rc = job->conf->kind == PROBE_TCP ? check_tcp(job, fd, &w, answer, say) : check_http(job, fd, &w, answer, say);
	free(answer);
	close(fd);
	if (rc == 1)
		snprintf(say, MEASURE_SAY_MAX, "%s", units_duration(took, sizeof(took), clock_mono() - start));
	return rc;
}

/* A text with control characters as they are written in files: \r\n. */
static void
quote(char *out, size_t out_bytes, const char *s)
{
	size_t n = 0;

	for (; *s != '\0' && n + 5 < out_bytes; s++) {
		if (*s == '\r' || *s == '\n')
			n += (size_t)snprintf(out + n, 3, *s == '\r' ? "\\r" : "\\n");
		else
			out[n++] = (unsigned char)*s < 0x20 ? '?' : *s;
	}
	out[n] = '\0';
}

char *
measure_want(const struct measure *job, char *buf, size_t buf_bytes)
{
	const struct experiment_probe *p = job->conf;
	char limit[32], expect[64], status[32] = "2xx", share[64] = "";

	units_duration(limit, sizeof(limit), p->timeout);
	quote(expect, sizeof(expect), p->expect == NULL ? "" : p->expect);
	if (p->status != 0)
		snprintf(status, sizeof(status), "%d", p->status);
	if (p->tolerance < 1)
		snprintf(share, sizeof(share), ", in %g%% of the checks during the faults", p->tolerance * 100);
	if (p->kind == PROBE_PROCESS)
		snprintf(buf, buf_bytes, "the process runs%s", share);
	else if (p->kind == PROBE_HTTP)
		snprintf(buf, buf_bytes, "http://%s%s answers %s%s%s%s within %s%s", job->target, job->path, status,
		    p->expect == NULL ? "" : " with \"", expect, p->expect == NULL ? "" : "\"", limit, share);
	else if (p->expect != NULL)
		snprintf(buf, buf_bytes, "%s answers \"%s\" within %s%s", job->target, expect, limit, share);
	else
		snprintf(buf, buf_bytes, "%s accepts a connection within %s%s", job->target, limit, share);
	return buf;
}
