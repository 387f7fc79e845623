/* SPDX-License-Identifier: MIT */
/* fuzz_proxy_header.c - any bytes as a PROXY header: more bytes never change a verdict; what was read is written and read again. */
#include "base/assert.h"
#include "proto/proxy_header.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct proxy_header h = { .family = PROXY_HEADER_NONE }, again = h;
	size_t bytes = 0, bytes_again = 0;
	enum proxy_header_got got = proxy_header_parse(data, size, &h, &bytes);
	uint8_t out[PROXY_HEADER_WRITE_MAX];

	for (size_t n = size > 300 ? size - 300 : 0; n < size; n++) {
		uint8_t *part = malloc(n + 1);
		fl_assert(part != NULL);
		memcpy(part + 1, data, n);
		enum proxy_header_got early = proxy_header_parse(part + 1, n, &again, &bytes_again);
		free(part);
		fl_assert(early == PROXY_HEADER_MORE || early == got);
		fl_assert((early == PROXY_HEADER_OK) == (got == PROXY_HEADER_OK && n >= bytes));
	}
	if (got != PROXY_HEADER_OK)
		return 0;
	fl_assert(bytes > 0 && bytes <= size && bytes <= PROXY_HEADER_BYTES_MAX);
	for (unsigned version = 1; version <= 2; version++) {
		size_t n = proxy_header_write(&h, version, out);
		fl_assert(n <= sizeof(out) && proxy_header_parse(out, n, &again, &bytes_again) == PROXY_HEADER_OK && bytes_again == n);
		if (version == 2 || h.family != PROXY_HEADER_UNIX)
			fl_assert(memcmp(&h, &again, sizeof(h)) == 0);
	}
	return 0;
}
