/* SPDX-License-Identifier: MIT */
/* proxy_header.c - the PROXY protocol, versions 1 and 2. */
#include "proto/proxy_header.h"
#include "base/assert.h"

#include <arpa/inet.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#define V1_BYTES_MAX 107
#define V2_HEAD 16
#define V2_IP4 12
#define V2_IP6 36
#define V2_UNIX 216

static const uint8_t v2_signature[12] = { 0x0d, 0x0a, 0x0d, 0x0a, 0x00, 0x0d, 0x0a, 0x51, 0x55, 0x49, 0x54, 0x0a };

/* ---- version 1 ---- */

/* The next word of a line that ends at `end`; words are parted by one space. false: none, or too long. */
static bool
word(const uint8_t **at, const uint8_t *end, char *out, size_t out_bytes)
{
	size_t n = 0;
	while (*at + n < end && (*at)[n] != ' ')
		n++;
	if (n == 0 || n >= out_bytes)
		return false;
	memcpy(out, *at, n);
	out[n] = '\0';
	*at += n;
	return strlen(out) == n;
}

static bool
space(const uint8_t **at, const uint8_t *end)
{
	if (*at == end || **at != ' ')
		return false;
	++*at;
	return true;
}

/* Decimal without zeros in front. */
static bool
port(const char *text, uint16_t *ret)
{
	unsigned v = 0;
	size_t n = strlen(text);
	if (n > 5 || (text[0] == '0' && n > 1))
		return false;
	for (size_t i = 0; i < n; i++) {
		if (text[i] < '0' || text[i] > '9')
			return false;
		v = v * 10 + (unsigned)(text[i] - '0');
	}
	*ret = (uint16_t)v;
	return v <= 65535;
}

static bool
v1_line(const uint8_t *at, const uint8_t *end, struct proxy_header *h)
{
	char proto[8], ips[2][INET6_ADDRSTRLEN], ports[2][6];
	if (!word(&at, end, proto, sizeof(proto)) || strcmp(proto, "PROXY") != 0 || !space(&at, end) ||
	    !word(&at, end, proto, sizeof(proto)))
		return false;
	if (strcmp(proto, "UNKNOWN") == 0)
		return at == end || *at == ' ';         /* the rest of the line means nothing */
	int family = strcmp(proto, "TCP4") == 0 ? AF_INET : strcmp(proto, "TCP6") == 0 ? AF_INET6 : AF_UNSPEC;
	if (family == AF_UNSPEC)
		return false;
	for (int i = 0; i < 2; i++)
		if (!space(&at, end) || !word(&at, end, ips[i], sizeof(ips[i])))
			return false;
	for (int i = 0; i < 2; i++)
		if (!space(&at, end) || !word(&at, end, ports[i], sizeof(ports[i])))
			return false;
	h->family = family == AF_INET ? PROXY_HEADER_IP4 : PROXY_HEADER_IP6;
	return at == end && inet_pton(family, ips[0], h->client.ip) == 1 && inet_pton(family, ips[1], h->server.ip) == 1 &&
	    port(ports[0], &h->client.port) && port(ports[1], &h->server.port);
}

static enum proxy_header_got
v1_parse(const uint8_t *p, size_t n, struct proxy_header *h, size_t *ret_bytes)
{
	const uint8_t *cr = memchr(p, '\r', FL_MIN(n, (size_t)V1_BYTES_MAX - 1)), *end = cr;
	if (cr == NULL)
		return n >= V1_BYTES_MAX - 1 || memchr(p, '\n', n) != NULL ? PROXY_HEADER_BAD : PROXY_HEADER_MORE;
	if (memchr(p, '\n', (size_t)(cr - p)) != NULL || !v1_line(p, end, h))
		return PROXY_HEADER_BAD;
	if (cr + 1 == p + n)
		return PROXY_HEADER_MORE;
	*ret_bytes = (size_t)(cr - p) + 2;
	return cr[1] == '\n' ? PROXY_HEADER_OK : PROXY_HEADER_BAD;
}

/* ---- version 2 ---- */

static unsigned
be16(const uint8_t *p)
{
	return (unsigned)p[0] << 8 | p[1];
}

/* Type, length, value: do they fill the rest? */
static bool
tlvs_fit(const uint8_t *p, size_t n)
{
	while (n > 0) {
		if (n < 3 || be16(p + 1) > n - 3)
			return false;
		size_t step = 3 + be16(p + 1);
		p += step;
		n -= step;
	}
	return true;
}

static void
ips(const uint8_t *p, size_t ip_bytes, struct proxy_header *h)
{
	memcpy(h->client.ip, p, ip_bytes);
	memcpy(h->server.ip, p + ip_bytes, ip_bytes);
	h->client.port = (uint16_t)be16(p + 2 * ip_bytes);
	h->server.port = (uint16_t)be16(p + 2 * ip_bytes + 2);
}

/* The addresses of a PROXY command. returns their length, or -1. */
static int
v2_ends(uint8_t family, const uint8_t *p, size_t n, struct proxy_header *h)
{
	switch (family) {
	case 0x00:
		return 0;
	case 0x11:
		if (n < V2_IP4)
			return -1;
		h->family = PROXY_HEADER_IP4;
		ips(p, 4, h);
		return V2_IP4;
	case 0x21:
		if (n < V2_IP6)
			return -1;
		h->family = PROXY_HEADER_IP6;
		ips(p, 16, h);
		return V2_IP6;
	case 0x31:
		if (n < V2_UNIX)
			return -1;
		h->family = PROXY_HEADER_UNIX;
		memcpy(h->client.path, p, sizeof(h->client.path));
		memcpy(h->server.path, p + sizeof(h->client.path), sizeof(h->server.path));
		return V2_UNIX;
	default:
		return -1;
	}
}

static enum proxy_header_got
v2_parse(const uint8_t *p, size_t n, struct proxy_header *h, size_t *ret_bytes)
{
	if ((n > 12 && p[12] != 0x20 && p[12] != 0x21) || (n > 13 && ((p[13] & 0xf) > 2 || p[13] >> 4 > 3)))
		return PROXY_HEADER_BAD;
	if (n < V2_HEAD)
		return PROXY_HEADER_MORE;
	size_t bytes = be16(p + 14);
	if (bytes > PROXY_HEADER_BYTES_MAX - V2_HEAD)
		return PROXY_HEADER_BAD;
	if (n < V2_HEAD + bytes)
		return PROXY_HEADER_MORE;
	*ret_bytes = V2_HEAD + bytes;
	if (p[12] == 0x20)
		return PROXY_HEADER_OK;         /* LOCAL: whatever else it says is to be ignored */
	int ends = v2_ends(p[13], p + V2_HEAD, bytes, h);
	if (ends < 0 || (p[13] != 0x00 && !tlvs_fit(p + V2_HEAD + ends, bytes - (size_t)ends)))
		return PROXY_HEADER_BAD;
	return PROXY_HEADER_OK;
}

enum proxy_header_got
proxy_header_parse(const uint8_t *p, size_t n, struct proxy_header *ret, size_t *ret_bytes)
{
	struct proxy_header h = { .family = PROXY_HEADER_NONE };
	enum proxy_header_got got;
	size_t bytes = 0;
	if (n == 0)
		return PROXY_HEADER_MORE;
	if (p[0] == 'P')
		got = memcmp(p, "PROXY ", FL_MIN(n, 6)) != 0 ? PROXY_HEADER_BAD : v1_parse(p, n, &h, &bytes);
	else
		got = memcmp(p, v2_signature, FL_MIN(n, sizeof(v2_signature))) != 0 ? PROXY_HEADER_BAD : v2_parse(p, n, &h, &bytes);
	if (got == PROXY_HEADER_OK) {
		fl_assert(bytes <= n && bytes <= PROXY_HEADER_BYTES_MAX);
		*ret = h;
		*ret_bytes = bytes;
	}
	return got;
}

/* ---- writing ---- */

static size_t
v1_write(const struct proxy_header *h, uint8_t *out)
{
	char client[INET6_ADDRSTRLEN], server[INET6_ADDRSTRLEN];
	int family = h->family == PROXY_HEADER_IP4 ? AF_INET : AF_INET6, n;
	if (h->family != PROXY_HEADER_IP4 && h->family != PROXY_HEADER_IP6) {
		n = snprintf((char *)out, PROXY_HEADER_WRITE_MAX, "PROXY UNKNOWN\r\n");
	} else {
		inet_ntop(family, h->client.ip, client, sizeof(client));
		inet_ntop(family, h->server.ip, server, sizeof(server));
		n = snprintf((char *)out, PROXY_HEADER_WRITE_MAX, "PROXY %s %s %s %u %u\r\n", family == AF_INET ? "TCP4" : "TCP6",
		    client, server, h->client.port, h->server.port);
	}
	fl_assert(n > 0 && n <= V1_BYTES_MAX);
	return (size_t)n;
}

static void
put16(uint8_t *p, unsigned v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

static size_t
v2_write(const struct proxy_header *h, uint8_t *out)
{
	size_t ip_bytes = h->family == PROXY_HEADER_IP4 ? 4 : 16, bytes = 0;
	memcpy(out, v2_signature, sizeof(v2_signature));
	out[12] = h->family == PROXY_HEADER_NONE ? 0x20 : 0x21;
	out[13] = 0x00;
	switch (h->family) {
	case PROXY_HEADER_NONE:
		break;
	case PROXY_HEADER_IP4: case PROXY_HEADER_IP6:
		out[13] = h->family == PROXY_HEADER_IP4 ? 0x11 : 0x21;
		memcpy(out + V2_HEAD, h->client.ip, ip_bytes);
		memcpy(out + V2_HEAD + ip_bytes, h->server.ip, ip_bytes);
		put16(out + V2_HEAD + 2 * ip_bytes, h->client.port);
		put16(out + V2_HEAD + 2 * ip_bytes + 2, h->server.port);
		bytes = 2 * ip_bytes + 4;
		break;
	case PROXY_HEADER_UNIX:
		out[13] = 0x31;
		memcpy(out + V2_HEAD, h->client.path, sizeof(h->client.path));
		memcpy(out + V2_HEAD + sizeof(h->client.path), h->server.path, sizeof(h->server.path));
		bytes = V2_UNIX;
		break;
	}
	put16(out + 14, (unsigned)bytes);
	return V2_HEAD + bytes;
}

size_t
proxy_header_write(const struct proxy_header *h, unsigned version, uint8_t *out)
{
	fl_assert(version == 1 || version == 2);
	return version == 1 ? v1_write(h, out) : v2_write(h, out);
}
