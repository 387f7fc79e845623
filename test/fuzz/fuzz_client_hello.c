/* SPDX-License-Identifier: MIT */
/* fuzz_client_hello.c - any bytes as the beginning of a TLS client: more bytes never change a verdict, texts stay texts. */
#include "base/assert.h"
#include "proto/client_hello.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct client_hello h = { .alpn_bytes = 0 }, again = { .alpn_bytes = 0 };
	enum client_hello_got got = client_hello_parse(data, size, &h);

	/* Of each beginning, in memory of just its size: MORE until the verdict, then the same for good. */
	for (size_t n = size > 300 ? size - 300 : 0; n < size; n++) {
		uint8_t *part = malloc(n + 1);
		fl_assert(part != NULL);
		memcpy(part + 1, data, n);
		enum client_hello_got early = client_hello_parse(part + 1, n, &again);
		free(part);
		fl_assert(early == CLIENT_HELLO_MORE || early == got);
		if (early == CLIENT_HELLO_OK)
			fl_assert(memcmp(&again, &h, sizeof(h)) == 0);
	}
	if (got != CLIENT_HELLO_OK)
		return 0;
	fl_assert(memchr(h.sni, '\0', sizeof(h.sni)) != NULL && h.alpn_bytes <= sizeof(h.alpn));
	for (const char *p = h.sni; *p != '\0'; p++)
		fl_assert(*p > ' ' && *p < 127 && !(*p >= 'A' && *p <= 'Z'));
	uint32_t at = 0;
	while (at < h.alpn_bytes)
		at += 1u + h.alpn[at];
	fl_assert(at == h.alpn_bytes);
	fl_assert(!client_hello_offers(&h, ""));
	fl_assert(h.sni[0] == '\0' || client_hello_matches(h.sni, h.sni) || h.sni[0] == '*');
	return 0;
}
