/* SPDX-License-Identifier: MIT */
/* pictures.c - the list of pictures. */
#include "pictures.h"

#include <stdio.h>
#include <stdlib.h>

#include "draw.h"
#include "draw_audit.h"
#include "draw_maps.h"
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
	{ "map.svg", draw_maps_whole },
	{ "map-degraded.svg", draw_maps_degraded },
	{ "map-impact.svg", draw_maps_impact },
	{ "outlier.svg", draw_outlier },
	{ "retry.svg", draw_retry },
	{ "shedder.svg", draw_shedder },
	{ "tracing.svg", draw_tracing },
};

const char *
pictures_name(unsigned i)
{
	static char name[64];

	if (i < FL_ARRAY_LEN(all))
		return all[i].name;
	i -= (unsigned)FL_ARRAY_LEN(all);
	if (i >= draw_audit_count())
		return draw_txn_name(i - draw_audit_count());
	snprintf(name, sizeof(name), "audit-%s.svg", draw_audit_name(i));
	return name;
}

static void
draw_rest(unsigned i, struct buf *out)
{
	if (i < draw_audit_count())
		draw_audit(i, out);
	else
		draw_txn(i - draw_audit_count(), out);
}

void
pictures_draw(unsigned i, struct buf *out)
{
	if (i < FL_ARRAY_LEN(all))
		all[i].draw(out);
	else
		draw_rest(i - (unsigned)FL_ARRAY_LEN(all), out);
}
