/* SPDX-License-Identifier: MIT */
/* import_ss.c - text of ss, whatever columns it was asked for, and of /proc/net/tcp and tcp6. Only TCP; other families are passed over. */
#include "graph/import_sockets.h"
#include <string.h>

#define WORDS_MAX 24

struct words {
	const char *p[WORDS_MAX];
	size_t n[WORDS_MAX];
	unsigned count;
};

static void
split(const char *line, size_t len, struct words *w)
{
	const char *end = line + len;

	w->count = 0;
	while (w->count < WORDS_MAX) {
		while (line < end && (*line == ' ' || *line == '\t'))
			line++;
		if (line == end)
			return;
		w->p[w->count] = line;
		while (line < end && *line != ' ' && *line != '\t')
			line++;
		w->n[w->count] = (size_t)(line - w->p[w->count]);
		w->count++;
	}
}

static bool
is(const struct words *w, unsigned i, const char *s)
{
	return i < w->count && strlen(s) == w->n[i] && memcmp(w->p[i], s, w->n[i]) == 0;
}

struct state_word {
	const char *word;
	bool listening, failed, skip, accepted;
};
static const struct state_word states[] = {
	{ .word = "ESTAB" }, { .word = "ESTABLISHED" }, { .word = "LISTEN", .listening = true }, { .word = "SYN-SENT", .failed = true },
	{ .word = "TIME-WAIT" }, { .word = "CLOSE-WAIT" }, { .word = "FIN-WAIT-1" }, { .word = "FIN-WAIT-2" }, { .word = "LAST-ACK" },
	{ .word = "CLOSING" },
	{ .word = "SYN-RECV", .accepted = true }, { .word = "SYN_RECV", .accepted = true }, { .word = "TIME_WAIT" }, { .word = "CLOSE_WAIT" },
	{ .word = "FIN_WAIT1" }, { .word = "FIN_WAIT2" }, { .word = "LAST_ACK" },
	{ .word = "SYN_SENT", .failed = true }, { .word = "UNCONN", .skip = true }, { .word = "CLOSED", .skip = true },
};

/* The lowest number is that of the first of processes that share a socket: its master. */
static uint32_t
lowest_pid(const char *p, const char *end)
{
	uint32_t lowest = 0;

	while ((p = memmem(p, (size_t)(end - p), "pid=", 4)) != NULL) {
		uint32_t pid = 0;

		for (p += 4; p < end && *p >= '0' && *p <= '9'; p++)
			pid = pid * 10 + (uint32_t)(*p - '0');
		if (lowest == 0 || pid < lowest)
			lowest = pid;
	}
	return lowest;
}

/* "812/redis-server 12", "990/nginx: master" of netstat: the first word that is a number, a slash and text. */
static void
program_of(struct import *im, const struct words *w, unsigned from, struct import_socket *s)
{
	for (unsigned i = from; i < w->count; i++) {
		const char *p = w->p[i], *end = p + w->n[i], *stop;
		uint32_t pid = 0;

		for (; p < end && *p >= '0' && *p <= '9'; p++)
			pid = pid * 10 + (uint32_t)(*p - '0');
		if (p == w->p[i] || p + 1 >= end || *p != '/')
			continue;
		stop = memchr(p, ':', (size_t)(end - p));
		p = import_keepn(im, p + 1, (size_t)((stop != NULL ? stop : end) - p - 1));
		s->process = p != NULL ? p : "";
		s->pid = pid;
		return;
	}
}

/* users:(("redis-server",pid=812,fd=7),...) and cgroup:/system.slice/redis.service, wherever they stand in the line. */
static void
process_of(struct import *im, const char *line, size_t len, struct import_socket *s)
{
	const char *end = line + len, *users = memmem(line, len, "users:((\"", 9), *quote, *cgroup = memmem(line, len, "cgroup:", 7), *p;

	s->process = s->unit = "";
	if (users != NULL && (quote = memchr(users + 9, '"', (size_t)(end - users - 9))) != NULL) {
		p = import_keepn(im, users + 9, (size_t)(quote - users - 9));
		s->process = p != NULL ? p : "";
		s->pid = lowest_pid(quote, end);
	}
	if (cgroup != NULL) {
		for (p = cgroup; p < end && *p != ' '; p++)
			;
		s->unit = import_keepn(im, cgroup + 7, (size_t)(p - cgroup - 7));
		if (s->unit == NULL)
			s->unit = "";
	}
}

/* A socket of TCP in this line. false: it is none, or nothing that can be read; ret_bad: the latter. */
static bool
ss_line(struct import *im, const char *line, size_t len, struct import_socket *s, bool *ret_bad)
{
	struct words w;
	unsigned at = 0, found = 0;
	const struct state_word *state = NULL;

	split(line, len, &w);
	*ret_bad = false;
	if (w.count == 0 || is(&w, 0, "State") || is(&w, 0, "Netid") || is(&w, 0, "Recv-Q") || is(&w, 0, "Active") || is(&w, 0, "Proto") ||
	    line[0] == '\t' || line[0] == '#')
		return false;
	if (is(&w, 0, "tcp") || is(&w, 0, "tcp6"))
		at++;
	else if (line[0] >= 'a' && line[0] <= 'z')
		return false;           /* another family */
	for (unsigned i = at; i < w.count && state == NULL; i++) {
		for (size_t k = 0; k < FL_ARRAY_LEN(states); k++) {
			if (is(&w, i, states[k].word))
				state = &states[k];
		}
	}
	for (unsigned i = at; i < w.count && found < 2; i++) {
		if (import_addr_end(w.p[i], w.n[i], found == 0 ? &s->local : &s->peer))
			found++;
	}
	if (found < 2 || (state != NULL && state->skip)) {
		*ret_bad = found < 2 && (state == NULL || !state->skip) && line[0] != ' ';
		return false;
	}
	s->listening = state != NULL && state->listening;
	s->failed = s->opened = state != NULL && state->failed;
	s->accepted = state != NULL && state->accepted;
	process_of(im, line, len, s);
	if (s->process[0] == '\0')
		program_of(im, &w, at, s);
	return im->failed == 0;
}

/* With -e, -i, -m, -p some of a socket stands in the lines behind it, which begin with space. */
static bool
is_continued(const char *p, const char *end)
{
	return p < end && (*p == '\t' || (*p == ' ' && end - p > 1 && (p[1] == ' ' || p[1] == '\t')));
}

void
import_ss_add(struct import *im)
{
	const char *p = im->file->text, *end = p + im->file->n, *line, *more;
	struct import_host *h = import_sockets_file_host(im, "sockets");
	uint32_t number = 0;
	size_t len, more_len;

	while (h != NULL && import_next_line(&p, end, &line, &len) && im->failed == 0) {
		struct import_socket s = { .process = "", .unit = "" };
		uint32_t at = ++number;
		bool bad;

		if (!ss_line(im, line, len, &s, &bad)) {
			im->dropped += bad;
			continue;
		}
		while (is_continued(p, end) && import_next_line(&p, end, &more, &more_len)) {
			number++;
			if (s.process[0] == '\0' && s.unit[0] == '\0')
				process_of(im, more, more_len, &s);
		}
		(void)import_sockets_seen(im, h, &s, import_line(im, at));
	}
}

static int
hex_digit(char c)
{
	return c >= '0' && c <= '9' ? c - '0' : c >= 'A' && c <= 'F' ? c - 'A' + 10 : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* "0B004D0A:1F90": words of 32 bits as a little-endian machine prints them, and the port. */
static bool
proc_end(const char *s, size_t n, struct import_addr *ret)
{
	size_t words = n == 13 ? 1 : n == 37 ? 4 : 0;
	uint8_t bytes[16];
	unsigned port = 0;

	if (words == 0 || s[words * 8] != ':')
		return false;
	for (size_t i = 0; i < words * 4; i++) {
		int high = hex_digit(s[i * 2]), low = hex_digit(s[i * 2 + 1]);

		if (high < 0 || low < 0)
			return false;
		bytes[i / 4 * 4 + 3 - i % 4] = (uint8_t)(high << 4 | low);
	}
	for (size_t i = words * 8 + 1; i < n; i++) {
		if (hex_digit(s[i]) < 0)
			return false;
		port = port << 4 | (unsigned)hex_digit(s[i]);
	}
	memset(ret->ip, 0, 10);
	memset(ret->ip + 10, 0xff, 2);
	memcpy(ret->ip + (words == 1 ? 12 : 0), bytes, words * 4);
	ret->port = (uint16_t)port;
	return true;
}

void
import_proc_net_add(struct import *im)
{
	const char *p = im->file->text, *end = p + im->file->n, *line;
	struct import_host *h = import_sockets_file_host(im, "sockets");
	uint32_t number = 0;
	size_t len;

	while (h != NULL && import_next_line(&p, end, &line, &len) && im->failed == 0) {
		struct import_socket s = { .process = "", .unit = "" };
		struct words w;

		number++;
		split(line, len, &w);
		if (w.count == 0 || is(&w, 0, "sl"))
			continue;
		if (w.count < 4 || !proc_end(w.p[1], w.n[1], &s.local) || !proc_end(w.p[2], w.n[2], &s.peer) || w.n[3] != 2) {
			import_drop(im);
			continue;
		}
		if (is(&w, 3, "07"))
			continue;       /* closed */
		s.listening = is(&w, 3, "0A");
		s.failed = s.opened = is(&w, 3, "02");
		s.accepted = is(&w, 3, "03");
		(void)import_sockets_seen(im, h, &s, import_line(im, number));
	}
}
