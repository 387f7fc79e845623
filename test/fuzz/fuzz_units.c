/* SPDX-License-Identifier: MIT */
/* fuzz_units.c - any text as an amount: no crash, nothing negative, and what is printed reads back near the same. */
#include "base/assert.h"
#include "base/buf.h"
#include "base/text.h"
#include "base/units.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const words[] = { "latency", "bandwidth", "timeout", NULL };
	int64_t value = -1, again = -1;
	char text[32];
	char *s = malloc(size + 1);
	struct buf html;

	fl_assert(s != NULL);
	memcpy(s, data, size);
	s[size] = '\0';
	if (units_parse_bytes(s, &value) == 0)
		fl_assert(value >= 0);
	else
		fl_assert(value == -1);
	value = -1;
	if (units_parse_duration(s, &value) == 0 && value < INT64_MAX - 86400 * FL_SEC) {
		fl_assert(value >= 0);
		fl_assert(units_parse_duration(units_duration(text, sizeof(text), value), &again) == 0);
		fl_assert(llabs(again - value) <= value / 32);
	}
	text_nearest(s, words);
	buf_init(&html, 1000);
	if (text_html(&html, s, size) == 0)
		fl_assert(buf_len(&html) >= size && strpbrk(buf_str(&html), "<>\"'") == NULL);
	buf_fini(&html);
	free(s);
	return 0;
}
