/* SPDX-License-Identifier: MIT */
/* url.c - targets of requests and addresses of servers. */
#include "proto/url.h"
#include <ctype.h>
#include <errno.h>
#include <string.h>
#include <strings.h>

static int
hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

/* In place. NUL and broken escapes are refused. */
static bool
decode(char *s)
{
	char *out = s;

	for (; *s != '\0'; s++) {
		int hi, lo;

		if (*s != '%') {
			*out++ = *s;
			continue;
		}
		hi = hex_digit(s[1]);
		lo = hi >= 0 ? hex_digit(s[2]) : -1;
		if (lo < 0 || hi * 16 + lo == 0)
			return false;
		*out++ = (char)(hi * 16 + lo);
		s += 2;
	}
	*out = '\0';
	return true;
}

int
url_path_parse(const char *target, struct url_path *ret_path)
{
	struct url_path *p = ret_path;
	const char *scheme = strstr(target, "://");
	char *next, *query;

	if (target[0] != '/' && scheme != NULL && strcspn(target, "/?#") == (size_t)(scheme - target) + 1) {
		target = scheme + 3;
		target += strcspn(target, "/?");
	} else if (target[0] != '/') {
		return -EINVAL;
	}
	if (strlen(target) + 2 > sizeof(p->mem))
		return -E2BIG;
	p->mem[0] = '/';
	memcpy(p->mem + (*target != '/'), target, strlen(target) + 1);
	p->mem[strcspn(p->mem, "#")] = '\0';
	query = strchr(p->mem, '?');
	if (query != NULL)
		*query++ = '\0';
	p->query = query != NULL ? query : "";
	p->count = 0;
	for (next = p->mem + 1; next != NULL;) {
		char *segment = strsep(&next, "/");

		if (p->count == URL_SEGMENTS_MAX)
			return -E2BIG;
		if (!decode(segment))
			return -EINVAL;
		p->segments[p->count++] = segment;
	}
	return 0;
}

static bool
is_dot(const char *s)
{
	return strcmp(s, ".") == 0 || strcmp(s, "..") == 0;
}

bool
url_path_dirty(const struct url_path *p)
{
	for (unsigned i = 0; i < p->count; i++) {
		if (is_dot(p->segments[i]) || (p->segments[i][0] == '\0' && i + 1 < p->count))
			return true;
	}
	return false;
}

void
url_path_clean(const struct url_path *p, struct buf *out)
{
	const char *kept[URL_SEGMENTS_MAX];
	unsigned n = 0;

	for (unsigned i = 0; i < p->count; i++) {
		if (strcmp(p->segments[i], "..") == 0)
			n -= n > 0;
		else if (p->segments[i][0] != '\0' && strcmp(p->segments[i], ".") != 0)
			kept[n++] = p->segments[i];
	}
	for (unsigned i = 0; i < n; i++) {
		buf_putc(out, '/');
		url_escape(out, kept[i]);
	}
	if (n == 0 || p->segments[p->count - 1][0] == '\0')
		buf_putc(out, '/');
	if (p->query[0] != '\0')
		buf_printf(out, "?%s", p->query);
}

void
url_escape(struct buf *out, const char *s)
{
	for (; *s != '\0'; s++) {
		unsigned char c = (unsigned char)*s;

		if (c < 0x80 && (isalnum(c) || strchr("-_.~$&+,:;=@", c) != NULL))
			buf_putc(out, *s);
		else
			buf_printf(out, "%%%02X", c);
	}
}

/* "host:port", "[v6]:port", "host" into their parts; the port is `port` when none is given. */
static bool
split_host(char *text, const char *port, struct url_server *s)
{
	char *host = text, *end, *colon;

	if (text[0] == '[') {
		host = text + 1;
		end = strchr(host, ']');
		if (end == NULL || (end[1] != ':' && end[1] != '\0'))
			return false;
		colon = end[1] == ':' ? end + 1 : NULL;
		*end = '\0';
	} else {
		colon = strrchr(text, ':');
	}
	if (colon != NULL) {
		*colon = '\0';
		port = colon + 1;
	}
	if (host[0] == '\0' || strlen(host) >= sizeof(s->host) || strlen(port) >= sizeof(s->port) || port[0] == '\0')
		return false;
	if (port[strspn(port, "0123456789")] != '\0')
		return false;
	memcpy(s->host, host, strlen(host) + 1);
	memcpy(s->port, port, strlen(port) + 1);
	return true;
}

int
url_server_parse(const char *text, struct url_server *ret_server, const char **ret_error)
{
	struct url_server s = { .base = "" };
	char copy[512];
	const char *rest;
	size_t n;

	*ret_error = "expected a server such as http://localhost:8474";
	if (strncasecmp(text, "https://", 8) == 0) {
		*ret_error = "https is not supported, expected a server such as http://localhost:8474";
		return -EINVAL;
	}
	if (strncasecmp(text, "http://", 7) == 0)
		text += 7;
	rest = text + strcspn(text, "/?#");
	n = (size_t)(rest - text);
	if (n >= sizeof(copy) || strlen(rest) >= sizeof(s.base))
		return -EINVAL;
	memcpy(copy, text, n);
	copy[n] = '\0';
	if (!split_host(copy, "80", &s) || rest[strspn(rest, "/")] == '?' || strpbrk(rest, "?# ") != NULL)
		return -EINVAL;
	memcpy(s.base, rest, strlen(rest) + 1);
	for (n = strlen(s.base); n > 0 && s.base[n - 1] == '/'; n--)
		s.base[n - 1] = '\0';
	*ret_server = s;
	return 0;
}
