/* SPDX-License-Identifier: MIT */
/* import_log_line.c - see import_log_line.h. */
#include "graph/import_log_line.h"
#include "graph/import_sockets.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void
import_log_split(const char *line, size_t len, struct log_words *w)
{
	const char *end = line + len;

	w->count = 0;
	while (w->count < LOG_WORDS_MAX) {
		char close = '\0';

		while (line < end && (*line == ' ' || *line == '\t'))
			line++;
		if (line == end)
			return;
		w->p[w->count] = line;
		if (*line == '"' || *line == '[')
			close = *line++ == '"' ? '"' : ']';
		while (line < end && (close != '\0' ? *line != close : *line != ' ' && *line != '\t')) {
			/* name="a b" is one word, too. */
			if (close == '\0' && *line == '"' && line > w->p[w->count] && (line[-1] == '=' || line[-1] == ':'))
				close = '"';
			line += *line == '\\' && close == '"' && line + 1 < end ? 2 : 1;
		}
		line += line < end && close != '\0';
		w->n[w->count] = (size_t)(line - w->p[w->count]);
		w->count++;
	}
}

static bool
digits(const char *s, unsigned n, unsigned *ret)
{
	*ret = 0;
	for (unsigned i = 0; i < n; i++) {
		if (s[i] < '0' || s[i] > '9')
			return false;
		*ret = *ret * 10 + (unsigned)(s[i] - '0');
	}
	return true;
}

bool
import_log_time(const char *s, size_t n, int64_t *ret_ns)
{
	static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
	unsigned day, year, h, m, sec, zone = 0, zone_m = 0, ms = 0, month = 0;
	int64_t offset;

	if (n < 20 || !digits(s, 2, &day) || s[2] != '/' || s[6] != '/' || !digits(s + 7, 4, &year) || s[11] != ':' || !digits(s + 12, 2, &h) ||
	    !digits(s + 15, 2, &m) || !digits(s + 18, 2, &sec))
		return false;
	while (month < 12 && memcmp(months + (size_t)month * 3, s + 3, 3) != 0)
		month++;
	if (month == 12 || day < 1 || day > 31 || h > 24 || m > 59 || sec > 60 || year < 1970 || year > 2200)
		return false;
	if (n >= 24 && s[20] == '.')
		(void)digits(s + 21, 3, &ms);
	if (n >= 26 && s[20] == ' ' && (!digits(s + 22, 2, &zone) || !digits(s + 24, 2, &zone_m)))
		return false;
	offset = ((int64_t)zone * 3600 + (int64_t)zone_m * 60) * (n >= 26 && s[21] == '-' ? -1 : 1);
	*ret_ns = (import_days(year, month + 1, day) * 86400 + (int64_t)h * 3600 + (int64_t)m * 60 + (int64_t)sec - offset) * FL_SEC;
	*ret_ns += (int64_t)ms * FL_MS;
	return true;
}

static bool
is_generic(const char *w, size_t n)
{
	static const char *const words[] = { "access", "log", "txt", "json", "gz", "1", "current", "stdout", "logs", "accesslog", "out" };

	for (size_t i = 0; i < FL_ARRAY_LEN(words); i++) {
		if (strlen(words[i]) == n && memcmp(words[i], w, n) == 0)
			return true;
	}
	return false;
}

/* base without generic words at its end and at its beginning. */
static void
strip(const char *base, size_t n, char *out, size_t out_bytes)
{
	size_t from = 0, at;

	for (;;) {
		for (at = n; at > from && strchr("._-", base[at - 1]) == NULL; at--)
			;
		if (n == from || !is_generic(base + at, n - at))
			break;
		n = at > from ? at - 1 : from;
	}
	for (at = strcspn(base, "._-"); at < n && is_generic(base + from, at - from); at = from + strcspn(base + from, "._-"))
		from = at + 1;
	snprintf(out, out_bytes, "%.*s", (int)FL_MIN(n > from ? n - from : 0, out_bytes - 1), base + from);
}

size_t
import_log_pod_owner(const char *pod)
{
	size_t n = strlen(pod);

	for (int cut = 0; cut < 2; cut++) {
		const char *dash = memrchr(pod, '-', n);
		size_t tail = dash != NULL ? n - (size_t)(dash - pod) - 1 : 0;
		bool number = tail > 0 && strspn(dash + 1, "0123456789") >= tail;

		if (dash == NULL || !(number || (cut == 0 ? tail == 5 : tail >= 7 && tail <= 10)))
			break;
		n = (size_t)(dash - pod);
		if (number)
			break;
	}
	return n;
}

/* pod_namespace_container-<64 hexadecimal digits>.log: the kubelet's links in /var/log/containers. */
static bool
kubelet_name(const char *base, char *out, size_t out_bytes)
{
	const char *id = strrchr(base, '-'), *line = strchr(base, '_');
	char pod[256];

	if (id == NULL || line == NULL || strspn(id + 1, "0123456789abcdef") != 64 || strchr(line + 1, '_') == NULL)
		return false;
	snprintf(pod, sizeof(pod), "%.*s", (int)FL_MIN(line - base, 255), base);
	snprintf(out, out_bytes, "%.*s", (int)import_log_pod_owner(pod), pod);
	return out[0] != '\0';
}

void
import_log_name(struct import *im, char *out, size_t out_bytes)
{
	const char *path = im->parts->file, *end = path + strlen(path), *from;
	const char *slash = strrchr(path, '/');

	if (kubelet_name(slash != NULL ? slash + 1 : path, out, out_bytes))
		return;
	for (out[0] = '\0'; out[0] == '\0' && end > path; end = from > path ? from - 1 : path) {
		for (from = end; from > path && from[-1] != '/'; from--)
			;
		strip(from, (size_t)(end - from), out, out_bytes);
	}
	if (out[0] == '\0')
		snprintf(out, out_bytes, "proxy");
}

bool
import_log_is_outside(const char *address)
{
	struct import_addr a = { .port = 0 };

	return import_addr_parse(address, strlen(address), &a) && !import_addr_is_private(&a) && !import_addr_is_loopback(&a);
}

double
import_log_number(const char *s, size_t n)
{
	char copy[64];

	n = FL_MIN(n, sizeof(copy) - 1);
	memcpy(copy, s, n);
	copy[n] = '\0';
	return strtod(copy, NULL);
}
