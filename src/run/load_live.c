/* SPDX-License-Identifier: MIT */
/* load_live.c - see load_live.h. A slot is written before `written` passes it, and read before `taken` does. */
#include "run/load_live.h"

#include <string.h>

void
load_live_turn(struct load_live *l, fl_ns now)
{
	uint32_t n = atomic_load_explicit(&l->written, memory_order_relaxed);

	if (!l->open || now < l->slots[n % LOAD_LIVE_SLOTS].at + LOAD_LIVE_NS)
		return;
	/* The slot behind it must be free to be opened; until then this one grows. */
	if (n + 1 - atomic_load_explicit(&l->taken, memory_order_acquire) >= LOAD_LIVE_SLOTS)
		return;
	l->open = false;
	atomic_store_explicit(&l->written, n + 1, memory_order_release);
}

void
load_live_add(struct load_live *l, fl_ns at, bool ok, fl_ns latency)
{
	struct load_live_slot *s;

	load_live_turn(l, at);
	s = &l->slots[atomic_load_explicit(&l->written, memory_order_relaxed) % LOAD_LIVE_SLOTS];
	if (!l->open) {
		memset(s, 0, sizeof(*s));
		s->at = at / LOAD_LIVE_NS * LOAD_LIVE_NS;
		l->open = true;
	}
	s->ok += ok;
	s->bad += !ok;
	coarse_record(&s->latency, latency);
}

bool
load_live_take(struct load_live *l, struct load_live_slot *ret)
{
	uint32_t n = atomic_load_explicit(&l->taken, memory_order_relaxed);

	if (n == atomic_load_explicit(&l->written, memory_order_acquire))
		return false;
	*ret = l->slots[n % LOAD_LIVE_SLOTS];
	atomic_store_explicit(&l->taken, n + 1, memory_order_release);
	return true;
}
