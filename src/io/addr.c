/* SPDX-License-Identifier: MIT */
/* addr.c - socket addresses as text and back. */
#include "io/addr.h"
#include "base/text.h"
#include "base/types.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

static int
parse_unix(const char *path, struct io_addr *ret_addr)
{
	struct io_addr a = { .len = 0 };
	size_t n = strlen(path);
	if (n == 0 || n >= sizeof(a.un.sun_path))
		return -EINVAL;
	a.un.sun_family = AF_UNIX;
	memcpy(a.un.sun_path, path, n);
	a.len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n + 1);
	if (path[0] == '@') {
		if (n == 1)
			return -EINVAL;
		a.un.sun_path[0] = '\0';        /* abstract: the name is the bytes behind the NUL */
		a.len--;
	}
	*ret_addr = a;
	return 0;
}

static int
parse_port(const char *s, in_port_t *ret_port)
{
	if (*s == '\0')
		return -EINVAL;
	unsigned long v = 0;
	for (; *s != '\0'; s++) {
		if (*s < '0' || *s > '9')
			return -EINVAL;
		v = v * 10 + (unsigned long)(*s - '0');
		if (v > 65535)
			return -EINVAL;
	}
	*ret_port = htons((uint16_t)v);
	return 0;
}

int
addr_split(const char *s, char *ret_host, size_t host_max, char *ret_port, size_t port_max)
{
	const char *host = s, *host_end, *port;
	if (s[0] == '[') {
		host = s + 1;
		host_end = strchr(host, ']');
		if (host_end == NULL || host_end[1] != ':')
			return -EINVAL;
		port = host_end + 2;
	} else {
		host_end = strrchr(s, ':');
		if (host_end == NULL)
			return -EINVAL;
		if (memchr(s, ':', (size_t)(host_end - s)) != NULL)
			return -E2BIG;
		port = host_end + 1;
	}
	size_t host_len = (size_t)(host_end - host), port_len = strlen(port);
	if (host_len >= host_max || port_len >= port_max)
		return -E2BIG;
	memcpy(ret_host, host, host_len);
	ret_host[host_len] = '\0';
	memcpy(ret_port, port, port_len + 1);
	return 0;
}

int
addr_parse(const char *s, struct io_addr *ret_addr)
{
	char host[64], port[8];
	struct io_addr a = { .len = 0 };
	in_port_t p;

	if (strncmp(s, "unix:", 5) == 0)
		return parse_unix(s + 5, ret_addr);
	if (addr_split(s, host, sizeof(host), port, sizeof(port)) < 0 || parse_port(port, &p) < 0)
		return -EINVAL;
	if (inet_pton(AF_INET, host, &a.in.sin_addr) == 1) {
		a.in.sin_family = AF_INET;
		a.in.sin_port = p;
		a.len = sizeof(a.in);
	} else if (host[0] == '\0' || inet_pton(AF_INET6, host, &a.in6.sin6_addr) == 1) {
		a.in6.sin6_family = AF_INET6;
		a.in6.sin6_port = p;
		a.len = sizeof(a.in6);
	} else {
		return -EINVAL;
	}
	*ret_addr = a;
	return 0;
}

/* For each request with x-forwarded-for: inet_ntop() would be the dearest part of it. */
static void
put_v4(char *to, const uint8_t bytes[4])
{
	for (int i = 0; i < 4; i++) {
		to += text_decimal(to, bytes[i]);
		*to++ = i < 3 ? '.' : '\0';
	}
}

char *
addr_host(const struct io_addr *a, char *buf, size_t buf_bytes)
{
	char text[FL_MAX(INET6_ADDRSTRLEN, 4 * TEXT_DECIMAL_MAX)] = "";
	if (a->len > 0 && a->sa.sa_family == AF_INET)
		put_v4(text, (const uint8_t *)&a->in.sin_addr);
	else if (a->len > 0 && a->sa.sa_family == AF_INET6)
		inet_ntop(AF_INET6, &a->in6.sin6_addr, text, sizeof(text));
	size_t n = FL_MIN(strlen(text), buf_bytes - 1);
	memcpy(buf, text, n);
	buf[n] = '\0';
	return buf;
}

char *
addr_format(const struct io_addr *a, char *buf, size_t buf_bytes)
{
	char host[INET6_ADDRSTRLEN];
	addr_host(a, host, sizeof(host));
	if (a->len == 0)
		snprintf(buf, buf_bytes, "-");
	else if (a->sa.sa_family == AF_INET)
		snprintf(buf, buf_bytes, "%s:%u", host, addr_port(a));
	else if (a->sa.sa_family == AF_INET6)
		snprintf(buf, buf_bytes, "[%s]:%u", host, addr_port(a));
	else if (a->len <= offsetof(struct sockaddr_un, sun_path))
		snprintf(buf, buf_bytes, "unix:");
	else if (a->un.sun_path[0] == '\0')
		snprintf(buf, buf_bytes, "unix:@%.*s", (int)(a->len - offsetof(struct sockaddr_un, sun_path) - 1), a->un.sun_path + 1);
	else
		snprintf(buf, buf_bytes, "unix:%.*s", (int)sizeof(a->un.sun_path), a->un.sun_path);
	return buf;
}

uint16_t
addr_port(const struct io_addr *a)
{
	if (a->len > 0 && a->sa.sa_family == AF_INET)
		return ntohs(a->in.sin_port);
	if (a->len > 0 && a->sa.sa_family == AF_INET6)
		return ntohs(a->in6.sin6_port);
	return 0;
}

bool
addr_equal(const struct io_addr *a, const struct io_addr *b)
{
	if (a->len == 0 || b->len == 0)
		return a->len == b->len;
	if (a->sa.sa_family != b->sa.sa_family)
		return false;
	if (a->sa.sa_family == AF_INET)
		return a->in.sin_port == b->in.sin_port && a->in.sin_addr.s_addr == b->in.sin_addr.s_addr;
	if (a->sa.sa_family == AF_INET6)
		return a->in6.sin6_port == b->in6.sin6_port &&
		       memcmp(&a->in6.sin6_addr, &b->in6.sin6_addr, sizeof(a->in6.sin6_addr)) == 0;
	return a->len == b->len && memcmp(&a->un, &b->un, a->len) == 0;
}

bool
addr_ip16(const struct io_addr *a, uint8_t ret_ip[16])
{
	if (a->len > 0 && a->sa.sa_family == AF_INET) {
		memset(ret_ip, 0, 10);
		ret_ip[10] = ret_ip[11] = 0xff;
		memcpy(ret_ip + 12, &a->in.sin_addr, 4);
		return true;
	}
	if (a->len > 0 && a->sa.sa_family == AF_INET6) {
		memcpy(ret_ip, &a->in6.sin6_addr, 16);
		return true;
	}
	return false;
}

void
addr_from_ip16(const uint8_t ip[16], uint16_t port, struct io_addr *ret_addr)
{
	static const uint8_t v4_mapped[12] = { [10] = 0xff, [11] = 0xff };
	struct io_addr a;
	memset(&a, 0, sizeof(a));
	if (memcmp(ip, v4_mapped, sizeof(v4_mapped)) == 0) {
		a.len = sizeof(a.in);
		a.in.sin_family = AF_INET;
		a.in.sin_port = htons(port);
		memcpy(&a.in.sin_addr, ip + 12, 4);
	} else {
		a.len = sizeof(a.in6);
		a.in6.sin6_family = AF_INET6;
		a.in6.sin6_port = htons(port);
		memcpy(&a.in6.sin6_addr, ip, 16);
	}
	*ret_addr = a;
}
