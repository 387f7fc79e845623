/* SPDX-License-Identifier: MIT */
/* pictures.c - the list of pictures. */
#include "pictures.h"

#include <stdio.h>
#include <stdlib.h>

#include "draw.h"
#include "draw_audit.h"
#include "draw_txn.h"

static const struct {
	const char *name;
	void (*draw)(struct buf *out);
} all[] = {
	{ "adaptive.svg", draw_adaptive },
	{ "balance.svg", draw_balance },
	{ "breaker.svg", draw_breaker },
	{ "bulkhead.svg", draw_bulkhead },
	{ "call.svg", draw_call },
	{ "deadline.svg", draw_deadline },
	{ "fallback.svg", draw_fallback },
	{ "hedge.svg", draw_hedge },
	{ "limiter.svg", draw_limiter },
	{ "outlier.svg", draw_outlier },
	{ "retry.svg", draw_retry },
	{ "shedder.svg", draw_shedder },
};

static unsigned
audits_count(void)
{
	unsigned n = 0;

	while (draw_audit_name(n) != NULL)
		n++;
	return n;
}

const char *
pictures_name(unsigned i)
{
	static char name[64];
	unsigned at = i - (unsigned)FL_ARRAY_LEN(all), audits = audits_count();

	if (i < FL_ARRAY_LEN(all))
		return all[i].name;
	if (at >= audits)
		return draw_txn_name(at - audits);
	snprintf(name, sizeof(name), "audit-%s.svg", draw_audit_name(at));
	return name;
}

void
pictures_draw(unsigned i, struct buf *out)
{
	if (i < FL_ARRAY_LEN(all))
		all[i].draw(out);
	else if (i < FL_ARRAY_LEN(all) + audits_count())
		draw_audit(i - (unsigned)FL_ARRAY_LEN(all), out);
	else
		draw_txn(i - (unsigned)FL_ARRAY_LEN(all) - audits_count(), out);
}
