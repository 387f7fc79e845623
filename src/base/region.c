/* SPDX-License-Identifier: MIT */
/*
 * region.c - address space taken at start, memory only when touched.
 *
 * Huge pages are refused: one touched object would take 2 MB, and "idle costs nothing" would be untrue.
 */
#include "base/region.h"

#include "base/assert.h"

#include <sys/mman.h>
#include <unistd.h>

void *
region_reserve(size_t n)
{
	fl_assert(n > 0);
	void *p = mmap(NULL, n, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (p == MAP_FAILED)
		return NULL;
	/* May fail on a kernel built without huge pages, which is what we want anyway. */
	(void)madvise(p, n, MADV_NOHUGEPAGE);
	return p;
}

void
region_release(void *p, size_t n)
{
	if (p == NULL)
		return;
	int r = munmap(p, n);

	fl_assert(r == 0);
}

void
region_discard(void *p, size_t n)
{
	int r = madvise(p, n, MADV_DONTNEED);

	fl_assert(r == 0);
}

void
region_discard_tail(void *p, size_t used_bytes, size_t n)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	size_t from = (used_bytes + page - 1) / page * page, to = (n + page - 1) / page * page;

	fl_assert(used_bytes <= n);
	if (from < to)
		region_discard((char *)p + from, to - from);
}
