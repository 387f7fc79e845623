/* SPDX-License-Identifier: MIT */
/* mark.c - see mark.h. */
#include "mark.h"
#include "base/assert.h"
#include <stdio.h>
#include <sys/mman.h>

static uint64_t *counts;

void
mark_init(void)
{
	counts = mmap(NULL, MARK_COUNT * sizeof(*counts), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	fl_assert(counts != MAP_FAILED);
}

void
mark_hit(unsigned mark, uint64_t n)
{
	counts[mark] += n;
}

uint64_t
mark_count(unsigned mark)
{
	return counts[mark];
}

void
mark_text(unsigned mark, char *buf, size_t buf_bytes)
{
	static const char *const texts[] = {
#define MARK_ROW(id, text) text,
		MARKS(MARK_ROW)
#undef MARK_ROW
	};

	if (mark < MARK_CLOSE)
		snprintf(buf, buf_bytes, "%s", texts[mark]);
	else if (mark < MARK_FAULT)
		snprintf(buf, buf_bytes, "connections that ended with %s", line_close_name((enum line_close)(mark - MARK_CLOSE)));
	else
		snprintf(buf, buf_bytes, "times that %s applied", kind_info((enum fault_kind)(mark - MARK_FAULT))->name);
}

bool
mark_optional(unsigned mark)
{
	return mark == MARK_CLOSE + LINE_CLOSE_NONE || mark == MARK_CLOSE + LINE_CLOSE_DRAINED;
}
