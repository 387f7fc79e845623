/* SPDX-License-Identifier: MIT */
/* pictures.c - the list of pictures. */
#include "pictures.h"

#include <stdlib.h>

#include "draw.h"
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
	{ "outlier.svg", draw_outlier },
	{ "retry.svg", draw_retry },
	{ "shedder.svg", draw_shedder },
};

#define OWN ((unsigned)FL_ARRAY_LEN(all))

/* The maps come behind the policies, the transactions behind the maps. */
static unsigned
map_count(void)
{
	unsigned n = 0;

	while (draw_maps_name(n) != NULL)
		n++;
	return n;
}

const char *
pictures_name(unsigned i)
{
	if (i < OWN)
		return all[i].name;
	return i < OWN + map_count() ? draw_maps_name(i - OWN) : draw_txn_name(i - OWN - map_count());
}

void
pictures_draw(unsigned i, struct buf *out)
{
	if (i < OWN)
		all[i].draw(out);
	else if (i < OWN + map_count())
		draw_maps(i - OWN, out);
	else
		draw_txn(i - OWN - map_count(), out);
}
