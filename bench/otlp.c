/* SPDX-License-Identifier: MIT */
/*
 * otlp.c - how many spans a second the receiver of the map takes over HTTP, answered and kept in the store: spans per second of its CPU time.
 *
 * The receiver is a process of its own with an empty store; requests are those of span_corpus.h, made before the clock starts. Each connection
 * sends its next request when its last one is answered. In protobuf and in JSON, plain and packed by gzip, over one connection and over
 * --conns of them.
 */
#include "span_corpus.h"

#include "control/span_receiver.h"

#include <signal.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <zlib.h>

#define CONNS_MAX 64
#define ANSWER_MAX 4096

struct receiver {
	pid_t pid;
	int to;                         /* it ends when this is closed */
	int port;
	char dir[64];
};

/* ---- the receiver ---- */

static _Noreturn void
receive(struct receiver *r, int from, int port_to)
{
	struct span_receiver_opts o = { .otlp_port = 0, .zipkin_port = -1 };
	struct span_receiver *rx;
	char store[128], error[SPAN_RECEIVER_ERROR], c;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	snprintf(store, sizeof(store), "%s/map.db", r->dir);
	o.store = store;
	if (span_receiver_start(&o, error, &rx) != 0)
		die("%s", error);
	r->port = span_receiver_otlp_port(rx);
	if (write(port_to, &r->port, sizeof(r->port)) != (ssize_t)sizeof(r->port))
		die("nobody wants to know the port");
	while (read(from, &c, 1) > 0)
		;
	span_receiver_stop(rx);
	_exit(0);
}

static void
receiver_start(struct receiver *r, double cpu)
{
	int down[2], up[2];

	snprintf(r->dir, sizeof(r->dir), "/tmp/faultline-otlp.XXXXXX");
	if (mkdtemp(r->dir) == NULL || pipe(down) != 0 || pipe(up) != 0)
		die("no place for a store: %s", strerror(errno));
	r->pid = fork();
	if (r->pid < 0)
		die("fork: %s", strerror(errno));
	if (r->pid == 0) {
		close(down[1]);
		close(up[0]);
		place(cpu);
		receive(r, down[0], up[1]);
	}
	close(down[0]);
	close(up[1]);
	r->to = down[1];
	if (read(up[0], &r->port, sizeof(r->port)) != (ssize_t)sizeof(r->port))
		die("the receiver did not start");
	close(up[0]);
}

static void
receiver_stop(struct receiver *r)
{
	DIR *d = opendir(r->dir);
	struct dirent *e;

	close(r->to);
	waitpid(r->pid, NULL, 0);
	while (d != NULL && (e = readdir(d)) != NULL)
		unlinkat(dirfd(d), e->d_name, 0);
	if (d != NULL)
		closedir(d);
	rmdir(r->dir);
}

/* ---- requests ---- */

static void
pack(struct buf *out, const char *p, size_t n)
{
	size_t most = deflateBound(NULL, n) + 64;
	char *room = malloc(most);
	z_stream z = { .next_in = (Bytef *)(uintptr_t)p, .avail_in = (uInt)n };

	if (room == NULL || deflateInit2(&z, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) != Z_OK)
		die("no memory");
	z.next_out = (Bytef *)room;
	z.avail_out = (uInt)most;
	if (deflate(&z, Z_FINISH) != Z_STREAM_END)
		die("gzip failed");
	buf_append(out, room, most - z.avail_out);
	deflateEnd(&z);
	free(room);
}

/* Whole requests of HTTP, one for each body. */
static void
make_requests(const struct bodies *b, bool json, bool gzip, struct bodies *ret)
{
	struct buf body;

	buf_init(&body, 64u << 20);
	buf_clear(&ret->mem);
	ret->count = b->count;
	for (unsigned k = 0; k < b->count; k++) {
		const char *p = buf_data(&b->mem) + b->at[k];

		buf_clear(&body);
		if (gzip)
			pack(&body, p, b->n[k]);
		else
			buf_append(&body, p, b->n[k]);
		ret->at[k] = buf_len(&ret->mem);
		buf_printf(&ret->mem, "POST /v1/traces HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/%s\r\n%sContent-Length: %zu\r\n\r\n",
		    json ? "json" : "x-protobuf", gzip ? "Content-Encoding: gzip\r\n" : "", buf_len(&body));
		buf_append(&ret->mem, buf_data(&body), buf_len(&body));
		ret->n[k] = buf_len(&ret->mem) - ret->at[k];
	}
	buf_fini(&body);
	if (ret->mem.overflowed)
		die("more requests than there is room for");
}

static void
send_all(int fd, const char *p, size_t n)
{
	while (n > 0) {
		ssize_t sent = send(fd, p, n, MSG_NOSIGNAL);

		if (sent <= 0)
			die("send: %s", strerror(errno));
		p += sent;
		n -= (size_t)sent;
	}
}

/* Read an answer to its end, and insist on 200. */
static void
await_answer(int fd)
{
	char text[ANSWER_MAX + 1];
	size_t n = 0, whole = SIZE_MAX;

	while (n < whole) {
		ssize_t got = recv(fd, text + n, ANSWER_MAX - n, 0);
		char *end, *length;

		if (got <= 0)
			die("recv: %s", got == 0 ? "the receiver hung up" : strerror(errno));
		n += (size_t)got;
		text[n] = '\0';
		if (whole != SIZE_MAX || (end = strstr(text, "\r\n\r\n")) == NULL)
			continue;
		length = strcasestr(text, "\r\nContent-Length:");
		whole = (size_t)(end - text) + 4 + (length != NULL && length < end ? strtoul(length + 17, NULL, 10) : 0);
		if (strncmp(text, "HTTP/1.1 200 ", 13) != 0 || whole > ANSWER_MAX)
			die("refused: %.200s", text);
	}
}

/* ---- measuring ---- */

static double
measure(const struct bodies *requests, size_t spans, unsigned conns, double cpu, double *ret_wall)
{
	struct receiver r;
	char to[32], pid[16];
	int fds[CONNS_MAX];

	receiver_start(&r, cpu);
	snprintf(to, sizeof(to), "127.0.0.1:%d", r.port);
	snprintf(pid, sizeof(pid), "%d", (int)r.pid);
	struct sockaddr_in addr = addr_of(to);

	for (unsigned i = 0; i < conns; i++)
		fds[i] = dial(&addr, 0, false);
	struct usage before = usage_read(pid);
	int64_t start = now_ns();

	for (unsigned k = 0; k < requests->count; k += conns) {
		for (unsigned i = 0; i < conns && k + i < requests->count; i++)
			send_all(fds[i], buf_data(&requests->mem) + requests->at[k + i], requests->n[k + i]);
		for (unsigned i = 0; i < conns && k + i < requests->count; i++)
			await_answer(fds[i]);
	}
	*ret_wall = (double)spans / ((double)(now_ns() - start) / 1e9);
	struct usage used = usage_since(&before, pid);

	for (unsigned i = 0; i < conns; i++)
		close(fds[i]);
	receiver_stop(&r);
	return (double)spans / ((double)used.run_ns / 1e9);
}

static void
best_of(const struct bodies *requests, size_t spans, unsigned conns, double cpu, int rounds, const char *name)
{
	double best = 0, best_wall = 0;

	for (int k = 0; k < rounds; k++) {
		double wall, rate = measure(requests, spans, conns, cpu, &wall);

		best = rate > best ? rate : best;
		best_wall = wall > best_wall ? wall : best_wall;
	}
	printf(",\"%s_per_cpu_s\":%.0f,\"%s_per_s\":%.0f", name, best, name, best_wall);
}

int
main(int argc, char **argv)
{
	static struct bodies bodies, requests;
	unsigned conns = (unsigned)opt_num(argc, argv, "--conns", 8);
	int rounds = (int)opt_num(argc, argv, "--rounds", 3);
	double cpu = opt_num(argc, argv, "--receiver-cpu", -1);
	const char *only = opt_text(argc, argv, "--only", "");
	struct corpus c = { .services = 100, .depth = 4, .cap = (size_t)opt_num(argc, argv, "--spans", 200000) };

	if (conns < 1 || conns > CONNS_MAX || rounds < 1)
		die("--conns 1 to %d, --rounds at least 1", CONNS_MAX);
	place(opt_num(argc, argv, "--cpu", -1));
	signal(SIGPIPE, SIG_IGN);
	c.items = calloc(c.cap, sizeof(c.items[0]));
	if (c.items == NULL)
		die("no memory");
	buf_init(&bodies.mem, (size_t)1 << 31);
	buf_init(&requests.mem, (size_t)1 << 31);
	printf("{\"conns\":%u", conns);
	for (unsigned way = 0; way < 4; way++) {
		bool json = way & 1, gzip = way & 2;
		char name[32];

		corpus_fill(&c, way + 1);
		encode_all(&c, json ? encode_json : encode_pb, &bodies);
		make_requests(&bodies, json, gzip, &requests);
		for (unsigned many = 0; many < 2; many++) {
			snprintf(name, sizeof(name), "%s%s%s", json ? "json" : "pb", gzip ? "_gzip" : "", many ? "_conns" : "");
			if (*only == '\0' || strcmp(only, name) == 0)
				best_of(&requests, c.count, many ? conns : 1, cpu, rounds, name);
		}
	}
	printf("}\n");
	buf_fini(&bodies.mem);
	buf_fini(&requests.mem);
	free(c.items);
	return 0;
}
