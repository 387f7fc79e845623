/* SPDX-License-Identifier: MIT */
/* client_memory.c - where the HTTP client's memory comes from: the user's functions, or malloc() and free(). */
#include "client/client_memory.h"

#include <stdlib.h>
#include <string.h>

void *
client_memory_take(const struct fl_alloc *a, size_t n)
{
	if (a == NULL || a->alloc == NULL)
		return calloc(1, n);
	void *p = a->alloc(a->ud, n);
	if (p != NULL)
		memset(p, 0, n);
	return p;
}

void
client_memory_give(const struct fl_alloc *a, void *p)
{
	if (p == NULL)
		return;
	if (a == NULL || a->alloc == NULL)
		free(p);
	else if (a->free != NULL)
		a->free(a->ud, p);
}

char *
client_memory_text(const struct fl_alloc *a, const char *text)
{
	size_t n = strlen(text) + 1;
	char *p = client_memory_take(a, n);
	if (p != NULL)
		memcpy(p, text, n);
	return p;
}

void *
client_memory_grow(const struct fl_alloc *a, void *p, size_t used, size_t n)
{
	void *more = client_memory_take(a, n);
	if (more == NULL)
		return NULL;
	if (used > 0)
		memcpy(more, p, used);
	client_memory_give(a, p);
	return more;
}
