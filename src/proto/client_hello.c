/* SPDX-License-Identifier: MIT */
/*
 * client_hello.c - what a TLS client says first.
 *
 * A ClientHello is one handshake message, cut into records wherever the sender liked. A cursor walks its bytes over the heads
 * of the records, so that nothing is copied or kept between calls.
 *
 * Invariants
 *  (1) The cursor never passes the bytes that are there; running out of them is MORE, unless the message says otherwise.
 *  (2) The message has at most CLIENT_HELLO_BYTES_MAX bytes with the heads of its records.
 */
#include "proto/client_hello.h"
#include "base/assert.h"
#include <string.h>
#include <strings.h>

#define RECORD_HEAD 5
#define RECORD_HANDSHAKE 22
#define RECORD_BYTES_MAX 16384
#define MESSAGE_CLIENT_HELLO 1
#define EXTENSION_SERVER_NAME 0
#define EXTENSION_ALPN 16
#define NAME_HOST 0

struct cursor {
	const uint8_t *p;
	size_t n;               /* bytes there are */
	size_t at;
	size_t record;          /* bytes left of the current record */
	size_t left;            /* bytes left of the message */
	enum client_hello_got stop;     /* why it cannot go on; OK: it can */
};

static bool
stop(struct cursor *c, enum client_hello_got why)
{
	if (c->stop == CLIENT_HELLO_OK)
		c->stop = why;
	return false;
}

/* Step over the head of the next record. */
static bool
enter_record(struct cursor *c)
{
	const uint8_t *h = c->p + c->at;
	size_t there = c->n - c->at;
	if ((there > 0 && h[0] != RECORD_HANDSHAKE) || (there > 1 && h[1] != 3) || (there > 2 && h[2] > 4))
		return stop(c, CLIENT_HELLO_BAD);
	if (there < RECORD_HEAD)
		return stop(c, CLIENT_HELLO_MORE);
	c->record = (size_t)h[3] << 8 | h[4];
	c->at += RECORD_HEAD;
	if (c->record == 0 || c->record > RECORD_BYTES_MAX)
		return stop(c, CLIENT_HELLO_BAD);
	return true;
}

/* The next k bytes of the message; out NULL: skip them. */
static bool
take(struct cursor *c, uint8_t *out, size_t k)
{
	if (c->stop != CLIENT_HELLO_OK || k > c->left)
		return stop(c, CLIENT_HELLO_BAD);
	c->left -= k;
	while (k > 0) {
		if (c->record == 0 && !enter_record(c))
			return false;
		size_t step = FL_MIN(FL_MIN(k, c->record), c->n - c->at);
		if (step == 0)
			return stop(c, CLIENT_HELLO_MORE);
		fl_assert(c->at + step <= c->n);        /* (1) */
		if (out != NULL) {
			memcpy(out, c->p + c->at, step);
			out += step;
		}
		c->at += step;
		c->record -= step;
		k -= step;
	}
	return true;
}

/* A number of one to three bytes. */
static size_t
number(struct cursor *c, unsigned bytes)
{
	uint8_t b[3];
	size_t v = 0;
	if (!take(c, b, bytes))
		return 0;
	for (unsigned i = 0; i < bytes; i++)
		v = v << 8 | b[i];
	return v;
}

/* A vector: its length in `bytes` bytes, checked against what the message has left. */
static size_t
vector(struct cursor *c, unsigned bytes)
{
	size_t n = number(c, bytes);
	if (n > c->left)
		stop(c, CLIENT_HELLO_BAD);
	return c->stop == CLIENT_HELLO_OK ? n : 0;
}

/* Lower case, no dot at the end; only what a host name may hold. */
static bool
set_name(struct cursor *c, struct client_hello *h, size_t n)
{
	char name[sizeof(h->sni)];
	if (n == 0 || n >= sizeof(name))
		return stop(c, CLIENT_HELLO_BAD);
	if (!take(c, (uint8_t *)name, n))
		return false;
	for (size_t i = 0; i < n; i++) {
		if (name[i] >= 'A' && name[i] <= 'Z')
			name[i] = (char)(name[i] + 32);
		else if (name[i] <= ' ' || name[i] >= 127)
			return stop(c, CLIENT_HELLO_BAD);
	}
	if (name[n - 1] == '.')
		n--;
	memcpy(h->sni, name, n);
	h->sni[n] = '\0';
	return true;
}

static void
server_name(struct cursor *c, struct client_hello *h, size_t n)
{
	size_t list = vector(c, 2);
	if (list + 2 != n || list < 3) {
		stop(c, CLIENT_HELLO_BAD);
		return;
	}
	while (list > 0 && c->stop == CLIENT_HELLO_OK) {
		size_t type = number(c, 1), bytes = vector(c, 2);
		if (bytes + 3 > list)
			stop(c, CLIENT_HELLO_BAD);
		else if (type == NAME_HOST && h->sni[0] == '\0')
			set_name(c, h, bytes);
		else if (type == NAME_HOST)
			stop(c, CLIENT_HELLO_BAD);      /* RFC 6066: one of a type */
		else
			take(c, NULL, bytes);
		list -= FL_MIN(list, bytes + 3);
	}
}

static void
protocols(struct cursor *c, struct client_hello *h, size_t n)
{
	size_t list = vector(c, 2);
	if (list + 2 != n || list < 2) {
		stop(c, CLIENT_HELLO_BAD);
		return;
	}
	while (list > 0 && c->stop == CLIENT_HELLO_OK) {
		uint8_t name[255];
		size_t bytes = number(c, 1);
		if (bytes == 0 || bytes + 1 > list) {
			stop(c, CLIENT_HELLO_BAD);
			return;
		}
		if (take(c, name, bytes) && h->alpn_bytes + 1 + bytes <= sizeof(h->alpn)) {
			h->alpn[h->alpn_bytes] = (uint8_t)bytes;
			memcpy(h->alpn + h->alpn_bytes + 1, name, bytes);
			h->alpn_bytes += (uint32_t)bytes + 1;
		}
		list -= bytes + 1;
	}
}

static void
extensions(struct cursor *c, struct client_hello *h)
{
	bool seen_name = false, seen_alpn = false;
	if (c->left == 0)
		return;                 /* TLS 1.2 without any */
	size_t list = vector(c, 2);
	if (list != c->left)
		stop(c, CLIENT_HELLO_BAD);
	while (c->left > 0 && c->stop == CLIENT_HELLO_OK) {
		size_t type = number(c, 2), n = vector(c, 2);
		bool *seen = type == EXTENSION_SERVER_NAME ? &seen_name : &seen_alpn;
		if (c->stop != CLIENT_HELLO_OK)
			return;
		if (type != EXTENSION_SERVER_NAME && type != EXTENSION_ALPN) {
			take(c, NULL, n);
			continue;
		}
		size_t after = c->left - n;
		if (*seen)
			stop(c, CLIENT_HELLO_BAD);
		*seen = true;
		if (type == EXTENSION_SERVER_NAME)
			server_name(c, h, n);
		else
			protocols(c, h, n);
		if (c->stop == CLIENT_HELLO_OK && c->left != after)
			stop(c, CLIENT_HELLO_BAD);
	}
}

enum client_hello_got
client_hello_parse(const uint8_t *p, size_t n, struct client_hello *ret)
{
	struct cursor c = { .p = p, .n = FL_MIN(n, (size_t)CLIENT_HELLO_BYTES_MAX), .left = 4, .stop = CLIENT_HELLO_OK };
	struct client_hello h = { .alpn_bytes = 0 };

	if (number(&c, 1) != MESSAGE_CLIENT_HELLO)
		stop(&c, CLIENT_HELLO_BAD);
	size_t bytes = number(&c, 3);
	if (bytes > CLIENT_HELLO_BYTES_MAX)
		stop(&c, CLIENT_HELLO_BAD);
	c.left = bytes;
	take(&c, NULL, 2 + 32);                 /* version, random */
	take(&c, NULL, vector(&c, 1));          /* session id */
	take(&c, NULL, vector(&c, 2));          /* cipher suites */
	take(&c, NULL, vector(&c, 1));          /* compression */
	extensions(&c, &h);
	fl_assert(c.at <= c.n);                 /* (1) */
	if (c.stop == CLIENT_HELLO_MORE && n >= CLIENT_HELLO_BYTES_MAX)
		return CLIENT_HELLO_BAD;        /* (2) */
	if (c.stop == CLIENT_HELLO_OK)
		*ret = h;
	return c.stop;
}

bool
client_hello_offers(const struct client_hello *h, const char *protocol)
{
	size_t n = strlen(protocol);
	for (uint32_t at = 0; at < h->alpn_bytes; at += 1u + h->alpn[at])
		if (h->alpn[at] == n && memcmp(h->alpn + at + 1, protocol, n) == 0)
			return true;
	return false;
}

bool
client_hello_matches(const char *pattern, const char *name)
{
	if (strcmp(pattern, "*") == 0)
		return true;
	if (strncmp(pattern, "*.", 2) == 0) {
		const char *dot = strchr(name, '.');
		return dot != NULL && dot > name && strcasecmp(dot, pattern + 1) == 0;
	}
	return name[0] != '\0' && strcasecmp(pattern, name) == 0;
}
