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

	static const char *const web_texts[] = {
#define MARK_ROW(id, text) text,
		WEB_MARKS(MARK_ROW)
#undef MARK_ROW
	};

	if (mark < MARK_CLOSE)
		snprintf(buf, buf_bytes, "%s", texts[mark]);
	else if (mark < MARK_FAULT)
		snprintf(buf, buf_bytes, "connections that ended with %s", line_close_name((enum line_close)(mark - MARK_CLOSE)));
	else if (mark < MARK_WEB_FIRST)
		snprintf(buf, buf_bytes, "times that %s applied", kind_info((enum fault_kind)(mark - MARK_FAULT))->name);
	else if (mark < MARK_WEB_OWN)
		snprintf(buf, buf_bytes, "%s", web_texts[mark - MARK_WEB_FIRST]);
	else if (mark < MARK_WEB_SIN)
		snprintf(buf, buf_bytes, "own answers with %uxx", mark - MARK_WEB_OWN);
	else if (mark < MARK_WEB_END)
		snprintf(buf, buf_bytes, "times that a server %s", web_sin_text((enum web_sin)(mark - MARK_WEB_SIN)));
	else if (mark < MARK_WEB_WHO)
		snprintf(buf, buf_bytes, "calls that ended as %s", fl_end_name((enum fl_end)(mark - MARK_WEB_END)));
	else if (mark < MARK_WEB_LIMIT)
		snprintf(buf, buf_bytes, "calls refused by %s", fl_who_name((enum fl_who)(mark - MARK_WEB_WHO)));
	else
		snprintf(buf, buf_bytes, "calls that met the limit %s", fl_limit_name((enum fl_limit)(mark - MARK_WEB_LIMIT)));
}

bool
mark_optional(unsigned mark)
{
	/* Of the lists of words: those that nothing can end with, and those that another one always comes before. */
	if (mark >= MARK_WEB_OWN && mark < MARK_WEB_OWN + 4)
		return true;
	/* No world has TLS, PROXY headers or routes by name; faults on messages are not on TCP lines. */
	if (mark >= MARK_CLOSE + LINE_CLOSE_BAD_PROXY_HEADER && mark < MARK_FAULT)
		return true;
	if (mark >= MARK_FAULT + FAULT_TCP_COUNT && mark < MARK_WEB_FIRST)
		return true;
	return mark == MARK_CLOSE + LINE_CLOSE_NONE || mark == MARK_CLOSE + LINE_CLOSE_DRAINED || mark == MARK_WEB_END + FL_END_OPEN ||
	    mark == MARK_WEB_WHO + FL_WHO_NONE || mark == MARK_WEB_WHO + FL_WHO_DEADLINE || mark == MARK_WEB_WHO + FL_WHO_OUTLIER ||
	    mark == MARK_WEB_WHO + FL_WHO_FALLBACK || mark == MARK_WEB_LIMIT + FL_LIMIT_NONE || mark == MARK_WEB_LIMIT + FL_LIMIT_QUEUE;
}
