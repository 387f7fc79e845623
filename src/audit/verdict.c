/* SPDX-License-Identifier: MIT */
/* verdict.c - see verdict.h. */
#include "audit/verdict.h"

const char *
verdict_name(enum verdict v)
{
	static const char *const names[] = { "valid", "invalid", "unknown" };

	return names[v];
}

void
verdict_fini(struct verdict_outcome *o)
{
	if (o == NULL)
		return;
	arena_fini(&o->mem);
	*o = (struct verdict_outcome){ 0 };
}
