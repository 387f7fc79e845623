/* SPDX-License-Identifier: MIT */
/* span_keys.c - finds the attributes that matter by their keys, and reads what formats of traces have in common. */
#include "proto/span.h"

#include "base/assert.h"

#include <string.h>
#include <strings.h>

struct key {
	const char *text;
	uint8_t n;
};

static const struct key keys[SPAN_KEY_COUNT] = {
#define X(name, text) [SPAN_KEY_##name] = { text, sizeof(text) - 1 },
	SPAN_KEYS(X)
#undef X
};

/* Over the last 8 bytes, the first 4 and the length: enough to tell most keys apart, and cheap. n >= 5. */
static uint32_t
slot_of(const char *p, size_t n)
{
	uint64_t tail = 0;
	uint32_t head;

	memcpy(&head, p, 4);
	if (n >= 8)
		memcpy(&tail, p + n - 8, 8);
	else
		memcpy(&tail, p + n - 4, 4);
	return (uint32_t)((tail ^ (uint64_t)head << 17 ^ n) * UINT64_C(0x9e3779b97f4a7c15) >> 56);
}

void
span_keys_init(struct span_keys *k)
{
	memset(k, 0, sizeof(*k));
	for (unsigned i = 0; i < SPAN_KEY_COUNT; i++) {
		fl_assert(keys[i].n >= 5);
		uint32_t slot = slot_of(keys[i].text, keys[i].n);

		while (k->slots[slot] != 0)
			slot = (slot + 1) % SPAN_SLOTS;
		k->slots[slot] = (uint8_t)(i + 1);
	}
}

enum span_key
span_key_of(const struct span_keys *k, const char *p, size_t n)
{
	if (n < 5)
		return SPAN_KEY_NONE;
	for (uint32_t slot = slot_of(p, n); k->slots[slot] != 0; slot = (slot + 1) % SPAN_SLOTS) {
		unsigned i = k->slots[slot] - 1u;

		if (keys[i].n == n && memcmp(keys[i].text, p, n) == 0)
			return (enum span_key)i;
	}
	return SPAN_KEY_NONE;
}

const char *
span_key_text(enum span_key k)
{
	fl_assert(k < SPAN_KEY_COUNT);
	return keys[k].text;
}

bool
span_hex(const char *p, size_t n, uint64_t *ret_hi, uint64_t *ret_lo)
{
	uint64_t hi = 0, lo = 0;

	while (n > 1 && p[0] == '0') {
		p++;
		n--;
	}
	if (n == 0 || n > (ret_hi != NULL ? 32 : 16))
		return false;
	for (size_t i = 0; i < n; i++) {
		unsigned char c = (unsigned char)p[i], low = c | 32;
		unsigned v;

		if (c >= '0' && c <= '9')
			v = c - '0';
		else if (low >= 'a' && low <= 'f')
			v = low - 'a' + 10u;
		else
			return false;
		hi = hi << 4 | lo >> 60;
		lo = lo << 4 | v;
	}
	if ((hi | lo) == 0)
		return false;
	if (ret_hi != NULL)
		*ret_hi = hi;
	*ret_lo = lo;
	return true;
}

enum span_kind
span_kind_of(const char *p, size_t n)
{
	static const char *const names[] = { "unspecified", "internal", "server", "client", "producer", "consumer" };

	if (n > 10 && strncasecmp(p, "SPAN_KIND_", 10) == 0) {
		p += 10;
		n -= 10;
	}
	for (unsigned i = 1; i < FL_ARRAY_LEN(names); i++)
		if (strlen(names[i]) == n && strncasecmp(p, names[i], n) == 0)
			return (enum span_kind)i;
	return SPAN_UNSPECIFIED;
}
