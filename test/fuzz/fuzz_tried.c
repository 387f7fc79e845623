/* SPDX-License-Identifier: MIT */
/*
 * fuzz_tried.c - any bytes as a report of a run: nothing crashes, what is told is whole and of that source, a refusal says why, and the same bytes
 * come to the same.
 */
#include "base/assert.h"
#include "graph/coverage.h"
#include "map/tried.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct told {
	uint64_t facts, lines, sum;
};

static void
mix(struct told *t, const char *s)
{
	for (; s != NULL && *s != '\0'; s++)
		t->sum = t->sum * 31 + (unsigned char)*s;
}

static int
take(void *arg, const struct sight *s)
{
	struct told *t = arg;

	fl_assert(s->source != NULL && strcmp(s->source, TRIED_SOURCE) == 0);
	fl_assert(s->what == SIGHT_FACT || s->what == SIGHT_LINE);
	fl_assert(s->from != NULL && s->from[0] != '\0' && s->to != NULL && s->to[0] != '\0');
	fl_assert(s->first >= 0 && s->last >= s->first);
	if (s->what == SIGHT_FACT) {
		fl_assert(s->key != NULL && strncmp(s->key, "coverage.", 9) == 0 && s->key[9] != '\0');
		fl_assert(s->value != NULL);
		fl_assert(strcmp(s->value, "survived") == 0 || strcmp(s->value, "healed") == 0 || strcmp(s->value, "broke") == 0);
		t->facts++;
	} else {
		t->lines++;
	}
	mix(t, s->from);
	mix(t, s->to);
	mix(t, s->key);
	mix(t, s->value);
	mix(t, s->where);
	return 0;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct told told[2] = { { 0 }, { 0 } };
	struct tried_counts counts = { 0 };
	char error[TRIED_ERROR], *copy = malloc(size + (size == 0));
	int rc[2];

	memcpy(copy, data, size);
	for (int i = 0; i < 2; i++) {
		memset(error, 'x', sizeof(error));
		rc[i] = tried_text("runs/x/report.json", copy, size, take, &told[i], error, &counts);
		fl_assert(rc[i] == 0 || rc[i] == -EINVAL || rc[i] == -E2BIG || rc[i] == -ENOMEM);
		fl_assert(rc[i] == 0 || (memchr(error, '\0', sizeof(error)) != NULL && error[0] != '\0'));
	}
	fl_assert(rc[0] == rc[1] && told[0].sum == told[1].sum && told[0].facts == told[1].facts && told[0].lines == told[1].lines);
	free(copy);
	return 0;
}
