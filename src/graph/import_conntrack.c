/* SPDX-License-Identifier: MIT */
/*
 * import_conntrack.c - text of conntrack -L, conntrack -E (also with -o timestamp, extended, id) and /proc/net/nf_conntrack.
 *
 * The first tuple is as the client sent it, the second as the answer comes: its source is who was really reached.
 */
#include "graph/import_sockets.h"
#include <stdlib.h>
#include <string.h>

/* The number or address behind key= from p on; moves p behind it. */
static bool
value(const char **p, const char *end, const char *key, const char **ret, size_t *ret_n)
{
	size_t n = strlen(key);
	const char *at = memmem(*p, (size_t)(end - *p), key, n), *stop;

	if (at == NULL)
		return false;
	at += n;
	for (stop = at; stop < end && *stop != ' '; stop++)
		;
	*ret = at;
	*ret_n = (size_t)(stop - at);
	*p = stop;
	return stop > at;
}

static bool
port_of(const char *s, size_t n, uint16_t *ret)
{
	unsigned v = 0;

	for (size_t i = 0; i < n; i++) {
		if (s[i] < '0' || s[i] > '9' || v > 65535)
			return false;
		v = v * 10 + (unsigned)(s[i] - '0');
	}
	*ret = (uint16_t)v;
	return n > 0 && v <= 65535;
}

/* src=, dst=, sport=, dport= in this order. */
static bool
tuple(const char **p, const char *end, struct import_addr *src, struct import_addr *dst)
{
	const char *s;
	size_t n;

	return value(p, end, "src=", &s, &n) && import_addr_parse(s, n, src) && value(p, end, "dst=", &s, &n) && import_addr_parse(s, n, dst) &&
	    value(p, end, "sport=", &s, &n) && port_of(s, n, &src->port) && value(p, end, "dport=", &s, &n) && port_of(s, n, &dst->port);
}

/* The word "tcp" or "udp" before the tuples. */
static bool
has_word(const char *line, const char *end, const char *word)
{
	size_t n = strlen(word);

	for (const char *p = line; p + n <= end; p++) {
		if (memcmp(p, word, n) == 0 && (p == line || p[-1] == ' ' || p[-1] == '\t') && (p + n == end || p[n] == ' '))
			return true;
	}
	return false;
}

/* "[1795212777.264123]" at the beginning. */
static int64_t
time_of(const char *line, size_t len)
{
	char copy[32];
	double v;

	if (len < 12 || line[0] != '[' || line[1] < '0' || line[1] > '9')
		return 0;
	memcpy(copy, line + 1, FL_MIN(len - 1, sizeof(copy) - 1));
	copy[FL_MIN(len - 1, sizeof(copy) - 1)] = '\0';
	v = strtod(copy, NULL);
	return v > 0 && v < 9e9 ? (int64_t)(v * 1e6) * 1000 : 0;
}

/* Ports by which names, addresses and times are asked for: of every machine, and nobody's dependency. */
static bool
is_housekeeping(uint16_t port)
{
	static const uint16_t ports[] = { 53, 67, 68, 123, 137, 138, 546, 547, 1900, 5353, 5355 };

	for (size_t i = 0; i < FL_ARRAY_LEN(ports); i++) {
		if (ports[i] == port)
			return true;
	}
	return false;
}

void
import_conntrack_add(struct import *im)
{
	const char *p = im->file->text, *end = p + im->file->n, *line;
	struct import_host *h = import_sockets_file_host(im, "conntrack");
	uint32_t number = 0;
	size_t len;

	while (h != NULL && import_next_line(&p, end, &line, &len) && im->failed == 0) {
		const char *stop = line + len, *src = memmem(line, len, "src=", 4), *at = line;
		struct import_track t = { .answered = true };

		number++;
		if (src == NULL)
			continue;       /* a header, a count at the end */
		t.udp = has_word(line, src, "udp");
		if (!t.udp && !has_word(line, src, "tcp"))
			continue;
		if (!tuple(&at, stop, &t.from, &t.to)) {
			import_drop(im);
			continue;
		}
		t.when = time_of(line, len);
		t.answered = memmem(line, len, "[UNREPLIED]", 11) == NULL;
		/* Events of some kinds carry the first tuple only. */
		if (!tuple(&at, stop, &t.reached, &t.returned)) {
			t.reached = t.to;
			t.returned = t.from;
		}
		if (!t.udp || !is_housekeeping(t.to.port))
			import_sockets_tracked(im, h, &t, import_line(im, number));
	}
}
