/* SPDX-License-Identifier: MIT */
/* listen.c - where a line listens. */
#include "control/listen.h"
#include "io/io.h"
#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HOST_MAX 256

/* Go's net.SplitHostPort with its complaints. */
static int
split(const char *text, char *host, char *port, char *error)
{
	const char *colon = strrchr(text, ':'), *why = NULL, *from = text, *to = colon;

	if (colon == NULL) {
		why = "missing port in address";
	} else if (text[0] == '[') {
		to = strchr(text, ']');
		from = text + 1;
		if (to == NULL)
			why = "missing ']' in address";
		else if (to[1] == '\0')
			why = "missing port in address";
		else if (to + 1 != colon)
			why = to[1] == ':' ? "too many colons in address" : "missing port in address";
	} else if (memchr(text, ':', (size_t)(colon - text)) != NULL) {
		why = "too many colons in address";
	}
	if (why == NULL && (strchr(from, '[') != NULL))
		why = "unexpected '[' in address";
	if (why == NULL && strchr(text[0] == '[' ? to + 1 : text, ']') != NULL)
		why = "unexpected ']' in address";
	if (why == NULL && ((size_t)(to - from) >= HOST_MAX || strlen(colon + 1) >= 64))
		why = "address too long";
	if (why != NULL) {
		snprintf(error, LISTEN_ERROR_MAX, "address %.300s: %s", text, why);
		return -EINVAL;
	}
	memcpy(host, from, (size_t)(to - from));
	host[to - from] = '\0';
	memcpy(port, colon + 1, strlen(colon + 1) + 1);
	return 0;
}

/* A number from 0 to 65535, "" for 0, or the name of a service. */
static int
parse_port(const char *text, char *error, uint16_t *ret_port)
{
	struct servent entry, *found = NULL;
	char mem[1024], *end;
	long v;

	errno = 0;
	v = strtol(text, &end, 10);
	if (*text == '\0' || (*end == '\0' && !isspace((unsigned char)*text))) {
		if (errno != 0 || v < 0 || v > 65535) {
			snprintf(error, LISTEN_ERROR_MAX, "address %s: invalid port", text);
			return -EINVAL;
		}
		*ret_port = (uint16_t)v;
		return 0;
	}
	if (getservbyname_r(text, "tcp", &entry, mem, sizeof(mem), &found) != 0 || found == NULL) {
		snprintf(error, LISTEN_ERROR_MAX, "lookup tcp/%s: unknown port", text);
		return -EINVAL;
	}
	*ret_port = ntohs((uint16_t)found->s_port);
	return 0;
}

static void
wildcard(struct io_addr *a)
{
	memset(a, 0, sizeof(*a));
	a->in6.sin6_family = AF_INET6;
	a->in6.sin6_addr = in6addr_any;
	a->len = sizeof(a->in6);
}

static void
set_port(struct io_addr *a, uint16_t port)
{
	if (a->sa.sa_family == AF_INET)
		a->in.sin_port = htons(port);
	else
		a->in6.sin6_port = htons(port);
}

static bool
is_wildcard(const struct io_addr *a)
{
	return (a->sa.sa_family == AF_INET && a->in.sin_addr.s_addr == htonl(INADDR_ANY)) ||
	       (a->sa.sa_family == AF_INET6 && IN6_IS_ADDR_UNSPECIFIED(&a->in6.sin6_addr));
}

static void
on_answer(void *ud, uint64_t ticket, const struct resolve_answer *answer)
{
	const struct listen_lookup *lookup = ud;

	(void)ticket;
	(void)answer;
	lookup->done(lookup->ud);
}

/* A host name to its address, IPv4 preferred as Go does. */
static int
look_up(const struct listen_lookup *lookup, const char *host, char *error, struct io_addr *ret_addr)
{
	struct resolve_answer answer = { .res = 0 };
	char text[64];
	int rc;

	rc = resolver_ask(lookup->resolver, host, "0", on_answer, (void *)(uintptr_t)lookup, 0, &answer);
	if (rc == 0)
		return -EINPROGRESS;
	if (rc < 0 || answer.res <= 0) {
		rc = rc < 0 ? -rc : -answer.res;
		snprintf(error, LISTEN_ERROR_MAX, "lookup %.255s: %s", host, rc == ENOENT || rc == 0 ? "no such host" : listen_errno_text(rc, text));
		return -EINVAL;
	}
	*ret_addr = answer.addrs[0];
	for (int i = 0; i < answer.res; i++) {
		if (answer.addrs[i].sa.sa_family == AF_INET) {
			*ret_addr = answer.addrs[i];
			break;
		}
	}
	return 0;
}

static int
resolve_tcp(const struct listen_lookup *lookup, const char *text, char *error, struct io_addr *ret_addr)
{
	char host[HOST_MAX] = "", port[64] = "";
	struct io_addr a = { .len = 0 };
	uint16_t number;
	int rc;

	if (text[0] != '\0' && (rc = split(text, host, port, error)) != 0)
		return rc;
	if ((rc = parse_port(port, error, &number)) != 0)
		return rc;
	if (host[0] == '\0') {
		wildcard(&a);
	} else if (inet_pton(AF_INET, host, &a.in.sin_addr) == 1) {
		a.in.sin_family = AF_INET;
		a.len = sizeof(a.in);
	} else if (inet_pton(AF_INET6, host, &a.in6.sin6_addr) == 1) {
		a.in6.sin6_family = AF_INET6;
		a.len = sizeof(a.in6);
	} else if ((rc = look_up(lookup, host, error, &a)) != 0) {
		return rc;
	}
	if (is_wildcard(&a))
		wildcard(&a);
	set_port(&a, number);
	*ret_addr = a;
	return 0;
}

int
listen_resolve(const struct listen_lookup *lookup, const char *text, char *error, struct io_addr *ret_addr)
{
	if (strncmp(text, "unix:", 5) != 0)
		return resolve_tcp(lookup, text, error, ret_addr);
	if (addr_parse(text, ret_addr) == 0)
		return 0;
	snprintf(error, LISTEN_ERROR_MAX, "address %.300s: expected unix: and a path of at most 107 bytes", text);
	return -EINVAL;
}

/* The address as Go names it in an error: without a host when none was given. */
static void
name_place(const char *text, const struct io_addr *addr, char *out, size_t out_bytes)
{
	if (addr->sa.sa_family == AF_UNIX)
		snprintf(out, out_bytes, "unix %s", text + 5);
	else if (is_wildcard(addr) && (text[0] == '\0' || text[0] == ':'))
		snprintf(out, out_bytes, "tcp :%u", addr_port(addr));
	else if (is_wildcard(addr) && text[0] != '[')
		snprintf(out, out_bytes, "tcp 0.0.0.0:%u", addr_port(addr));
	else
		addr_format(addr, out + snprintf(out, out_bytes, "tcp "), out_bytes - 4);
}

int
listen_bind(const char *text, const struct io_addr *addr, char *error, int *ret_token, struct io_addr *ret_bound)
{
	char place[ADDR_TEXT_MAX + 16], why[64];
	int rc = io_bind(addr, ret_token, ret_bound);

	if (rc == -EAFNOSUPPORT && is_wildcard(addr) && addr->sa.sa_family == AF_INET6) {
		struct io_addr v4 = { .len = sizeof(v4.in) };

		v4.in.sin_family = AF_INET;
		v4.in.sin_port = addr->in6.sin6_port;
		rc = io_bind(&v4, ret_token, ret_bound);
	}
	if (rc == 0)
		return 0;
	name_place(text, addr, place, sizeof(place));
	snprintf(error, LISTEN_ERROR_MAX, "listen %s: %s: %s", place, rc == -EMFILE || rc == -ENFILE ? "socket" : "bind",
	    listen_errno_text(-rc, why));
	return rc;
}

bool
listen_same(const struct io_addr *a, const struct io_addr *b)
{
	if (a->len == 0 || b->len == 0)
		return false;
	if (a->sa.sa_family == AF_UNIX || b->sa.sa_family == AF_UNIX)
		return addr_equal(a, b);
	if (addr_port(a) != addr_port(b) || addr_port(a) == 0)
		return false;
	return (is_wildcard(a) && is_wildcard(b)) || addr_equal(a, b);
}

const char *
listen_errno_text(int err, char *buf)
{
	snprintf(buf, 64, "%s", strerrordesc_np(err) != NULL ? strerrordesc_np(err) : "unknown error");
	if (isupper((unsigned char)buf[0]) && islower((unsigned char)buf[1]))
		buf[0] = (char)tolower((unsigned char)buf[0]);
	return buf;
}
