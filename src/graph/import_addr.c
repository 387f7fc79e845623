/* SPDX-License-Identifier: MIT */
/* import_addr.c - addresses of sockets, always as 16 bytes: an IPv4 address and the same mapped into IPv6 are one. */
#include "graph/import_sockets.h"
#include "base/types.h"
#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

static const uint8_t mapped[12] = { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff };

static bool
is_v4(const struct import_addr *a)
{
	return memcmp(a->ip, mapped, 12) == 0;
}

bool
import_addr_parse(const char *s, size_t n, struct import_addr *ret)
{
	char copy[64];
	const char *percent;
	struct in_addr v4;

	if (n >= 2 && s[0] == '[' && s[n - 1] == ']') {
		s++;
		n -= 2;
	}
	percent = memchr(s, '%', n);
	if (percent != NULL)
		n = (size_t)(percent - s);
	if (n == 0 || n >= sizeof(copy))
		return false;
	if (n == 1 && s[0] == '*') {
		memset(ret->ip, 0, 16);
		return true;
	}
	memcpy(copy, s, n);
	copy[n] = '\0';
	/* "[::ffff:10.0.0.5]" may have lost its end to the interface: "[::1%lo]". */
	if (copy[0] == '[')
		memmove(copy, copy + 1, n);
	if (inet_pton(AF_INET, copy, &v4) == 1) {
		memcpy(ret->ip, mapped, 12);
		memcpy(ret->ip + 12, &v4, 4);
		return true;
	}
	return inet_pton(AF_INET6, copy, ret->ip) == 1;
}

char *
import_addr_text(const struct import_addr *a, char *out)
{
	char ip[INET6_ADDRSTRLEN];

	if (is_v4(a))
		inet_ntop(AF_INET, a->ip + 12, ip, sizeof(ip));
	else
		inet_ntop(AF_INET6, a->ip, ip, sizeof(ip));
	if (a->port == 0)
		snprintf(out, 64, "%s", ip);
	else
		snprintf(out, 64, is_v4(a) ? "%s:%u" : "[%s]:%u", ip, a->port);
	return out;
}

bool
import_addr_is_loopback(const struct import_addr *a)
{
	static const uint8_t one[16] = { [15] = 1 };

	return is_v4(a) ? a->ip[12] == 127 : memcmp(a->ip, one, 16) == 0;
}

bool
import_addr_is_any(const struct import_addr *a)
{
	static const uint8_t none[16];

	return is_v4(a) ? memcmp(a->ip + 12, none, 4) == 0 : memcmp(a->ip, none, 16) == 0;
}

bool
import_addr_is_private(const struct import_addr *a)
{
	const uint8_t *p = a->ip + 12;

	if (!is_v4(a))
		return (a->ip[0] & 0xfe) == 0xfc || (a->ip[0] == 0xfe && (a->ip[1] & 0xc0) == 0x80);
	return p[0] == 10 || (p[0] == 172 && (p[1] & 0xf0) == 16) || (p[0] == 192 && p[1] == 168) || p[0] == 127 || (p[0] == 169 && p[1] == 254) ||
	    (p[0] == 100 && (p[1] & 0xc0) == 64);
}

struct port_name {
	const char *name;
	uint16_t port;
};
/* What ss prints without -n, of /etc/services. */
static const struct port_name port_names[] = {
	{ "http", 80 }, { "https", 443 }, { "domain", 53 }, { "ssh", 22 }, { "smtp", 25 }, { "postgresql", 5432 }, { "mysql", 3306 }, { "redis",
	6379 },
	{ "http-alt", 8080 }, { "webcache", 8080 }, { "amqp", 5672 }, { "ldap", 389 }, { "ldaps", 636 }, { "mongodb", 27017 }, { "memcache", 11211 },
	{ "zookeeper", 2181 }, { "imaps", 993 }, { "submission", 587 }, { "nfs", 2049 }, { "sunrpc", 111 }, { "bootps", 67 }, { "ntp", 123 },
	{ "ms-sql-s", 1433 }, { "kerberos", 88 }, { "microsoft-ds", 445 }, { "x11", 6000 }, { "rsync", 873 }, { "mqtt", 1883 }, { "etcd-client",
	2379 },
};

static bool
port_parse(const char *s, size_t n, uint16_t *ret)
{
	unsigned v = 0;

	if (n == 1 && *s == '*') {
		*ret = 0;
		return true;
	}
	for (size_t i = 0; i < FL_ARRAY_LEN(port_names); i++) {
		if (strlen(port_names[i].name) == n && memcmp(port_names[i].name, s, n) == 0) {
			*ret = port_names[i].port;
			return true;
		}
	}
	if (n == 0 || n > 5)
		return false;
	for (size_t i = 0; i < n; i++) {
		if (s[i] < '0' || s[i] > '9')
			return false;
		v = v * 10 + (unsigned)(s[i] - '0');
	}
	*ret = (uint16_t)v;
	return v <= 65535;
}

bool
import_addr_end(const char *s, size_t n, struct import_addr *ret)
{
	const char *colon = memrchr(s, ':', n);

	return colon != NULL && colon > s && import_addr_parse(s, (size_t)(colon - s), ret) &&
	    port_parse(colon + 1, n - (size_t)(colon + 1 - s), &ret->port);
}
