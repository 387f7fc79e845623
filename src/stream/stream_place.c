/* SPDX-License-Identifier: MIT */
/* stream_place.c - reading the places of streams. */
#include "stream/stream_place.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static const struct {
	const char *scheme;
	enum match_framing framing;
	const char *port;
} schemes[] = {
	{ "tcp://", MATCH_FRAME_LINES, NULL }, { "http://", MATCH_FRAME_HTTP, "80" }, { "syslog://", MATCH_FRAME_SYSLOG, "601" },
	{ "redis://", MATCH_FRAME_REDIS, "6379" },
};

static int
bad(char *error, const char *text, const char *what)
{
	snprintf(error, STREAM_PLACE_ERROR, "\"%.100s\": %s", text, what);
	return -EINVAL;
}

/* No spaces and no control characters: it stands in a line of a protocol. */
static bool
is_plain(const char *s)
{
	for (; *s != '\0'; s++)
		if (*s <= ' ' || *s == 127)
			return false;
	return true;
}

static int
parse_rest(const char *text, const char *rest, const char *port, struct stream_place *p, char *error)
{
	size_t n = strcspn(rest, "/");
	char *path = p->path;

	if (n == 0 || n >= sizeof(p->authority) || strlen(rest + n) >= sizeof(p->path) || !is_plain(rest))
		return bad(error, text, "expected a host and a port behind ://");
	memcpy(p->authority, rest, n);
	p->authority[n] = '\0';
	if (addr_split(p->authority, p->host, sizeof(p->host), p->port, sizeof(p->port)) != 0) {
		if (port == NULL || n >= sizeof(p->host) || strchr(p->authority, ':') != NULL)
			return bad(error, text, "expected HOST:PORT");
		snprintf(p->host, sizeof(p->host), "%.*s", (int)sizeof(p->host) - 1, p->authority);
		snprintf(p->port, sizeof(p->port), "%s", port);
	}
	memcpy(path, rest + n, strlen(rest + n) + 1);
	if (p->framing == MATCH_FRAME_HTTP && path[0] == '\0')
		memcpy(path, "/", 2);
	if (p->framing == MATCH_FRAME_REDIS) {
		if (path[0] == '\0' || path[1] == '\0')
			return bad(error, text, "expected redis://HOST:PORT/STREAM");
		memmove(path, path + 1, strlen(path));
	} else if (p->framing != MATCH_FRAME_HTTP && path[0] != '\0' && path[1] != '\0') {
		return bad(error, text, "there is no path here");
	}
	return 0;
}

int
stream_place_parse(const char *text, struct stream_place *ret, char *error)
{
	*ret = (struct stream_place){ .framing = MATCH_FRAME_LINES };
	if (strncmp(text, "exec:", 5) == 0) {
		ret->exec = true;
		ret->command = text + 5;
		return text[5] == '\0' ? bad(error, text, "expected a command behind exec:") : 0;
	}
	for (size_t i = 0; i < FL_ARRAY_LEN(schemes); i++) {
		size_t n = strlen(schemes[i].scheme);

		if (strncmp(text, schemes[i].scheme, n) != 0)
			continue;
		ret->framing = schemes[i].framing;
		return parse_rest(text, text + n, schemes[i].port, ret, error);
	}
	return bad(error, text, "expected tcp://, http://, syslog://, redis:// or exec:");
}

int
stream_place_resolve(const struct stream_place *p, struct resolve_answer *ret, char *error)
{
	int rc = resolver_wait(p->host[0] == '\0' ? "localhost" : p->host, p->port, ret);

	if (rc == 0 && ret->res <= 0)
		rc = ret->res < 0 ? ret->res : -ENOENT;
	if (rc != 0)
		snprintf(error, STREAM_PLACE_ERROR, "%.150s: it has no address: %.80s", p->authority, rc == -ENOENT ? "no such name" : strerror(-rc));
	return rc;
}
