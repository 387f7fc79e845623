/* SPDX-License-Identifier: MIT */
/* runbook.c - steps and what is known of each. */
#include "map/runbook.h"

#include "base/assert.h"
#include "base/hash.h"
#include <stdlib.h>
#include <string.h>

static int
by_name(const void *a, const void *b)
{
	return strcmp((*(const struct runbook_step *const *)a)->name, (*(const struct runbook_step *const *)b)->name);
}

/* The names must tell the steps apart; in a journal they are all there is. */
static enum runbook_error
check_names(const struct runbook *b, uint32_t *ret_step)
{
	const struct runbook_step **sorted = malloc((b->count + 1) * sizeof(*sorted));
	enum runbook_error bad = RUNBOOK_OK;

	fl_assert(sorted != NULL);
	for (uint32_t i = 0; i < b->count; i++) {
		sorted[i] = &b->steps[i];
		if (b->steps[i].name == NULL || b->steps[i].name[0] == '\0') {
			*ret_step = i;
			free(sorted);
			return RUNBOOK_NO_NAME;
		}
	}
	qsort(sorted, b->count, sizeof(*sorted), by_name);
	for (uint32_t i = 1; i < b->count && bad == RUNBOOK_OK; i++)
		if (strcmp(sorted[i - 1]->name, sorted[i]->name) == 0) {
			*ret_step = (uint32_t)(sorted[i] - b->steps);
			bad = RUNBOOK_SAME_NAME;
		}
	free(sorted);
	return bad;
}

static void
release(struct runbook *b, uint32_t step)
{
	for (uint32_t i = 0; i < b->count; i++)
		for (uint32_t k = 0; k < b->steps[i].after_count; k++)
			b->items[i].waits -= b->steps[i].after[k] == step;
}

/* Go through it once as if every step went well: what is left over stands in a circle. */
static enum runbook_error
check_order(struct runbook *b, uint32_t *ret_step)
{
	uint32_t gone = 0;

	for (bool more = true; more;) {
		more = false;
		for (uint32_t i = 0; i < b->count; i++) {
			if (b->items[i].state != RUNBOOK_WAITING || b->items[i].waits > 0)
				continue;
			b->items[i].state = RUNBOOK_DONE;
			release(b, i);
			gone++;
			more = true;
		}
	}
	for (uint32_t i = 0; i < b->count; i++)
		if (b->items[i].state == RUNBOOK_WAITING)
			*ret_step = i;
	return gone == b->count ? RUNBOOK_OK : RUNBOOK_CIRCLE;
}

static void
all_waiting(struct runbook *b)
{
	for (uint32_t i = 0; i < b->count; i++)
		b->items[i] = (struct runbook_item){ .waits = b->steps[i].after_count, .took = -1 };
}

enum runbook_error
runbook_init(struct runbook *b, const struct runbook_step *steps, uint32_t count, struct runbook_item *items, uint32_t *ret_step)
{
	*b = (struct runbook){ .steps = steps, .items = items, .count = count };
	*ret_step = 0;
	for (uint32_t i = 0; i < count; i++)
		for (uint32_t k = 0; k < steps[i].after_count; k++)
			if (steps[i].after[k] >= count) {
				*ret_step = i;
				return RUNBOOK_NO_SUCH_STEP;
			}
	enum runbook_error bad = check_names(b, ret_step);
	if (bad != RUNBOOK_OK)
		return bad;
	all_waiting(b);
	bad = check_order(b, ret_step);
	all_waiting(b);
	return bad;
}

uint32_t
runbook_ready(const struct runbook *b, uint32_t from)
{
	while (from < b->count && (b->items[from].state != RUNBOOK_WAITING || b->items[from].waits > 0))
		from++;
	return FL_MIN(from, b->count);
}

void
runbook_begin(struct runbook *b, uint32_t step)
{
	struct runbook_item *i = &b->items[step];

	fl_assert(step < b->count && i->state == RUNBOOK_WAITING && i->waits == 0);
	i->state = RUNBOOK_UNDER_WAY;
	i->attempts++;
	b->under_way++;
}

void
runbook_end(struct runbook *b, uint32_t step, bool ok, fl_ns took)
{
	struct runbook_item *i = &b->items[step];

	fl_assert(step < b->count && i->state == RUNBOOK_UNDER_WAY);
	b->under_way--;
	i->state = ok ? RUNBOOK_DONE : RUNBOOK_FAILED;
	i->begun_before = false;
	i->took = took;
	if (ok) {
		b->done++;
		release(b, step);
	} else {
		b->failed++;
	}
}

void
runbook_again(struct runbook *b, uint32_t step)
{
	struct runbook_item *i = &b->items[step];

	fl_assert(step < b->count && (i->state == RUNBOOK_UNDER_WAY || i->state == RUNBOOK_FAILED));
	if (i->state == RUNBOOK_UNDER_WAY)
		b->under_way--;
	else
		b->failed--;
	i->state = RUNBOOK_WAITING;
}

uint32_t
runbook_find(const struct runbook *b, const char *name)
{
	uint32_t i = 0;

	while (i < b->count && strcmp(b->steps[i].name, name) != 0)
		i++;
	return i;
}

static uint64_t
add_text(uint64_t h, const char *s)
{
	return s == NULL ? hash_bytes(h, 1, "", 0) : hash_bytes(h, 0, s, strlen(s));
}

uint64_t
runbook_hash(const struct runbook *b)
{
	uint64_t h = b->count;

	for (uint32_t i = 0; i < b->count; i++) {
		const struct runbook_step *s = &b->steps[i];
		h = add_text(add_text(add_text(add_text(add_text(h, s->name), s->command), s->pre), s->post), s->manual);
		for (uint32_t k = 0; k < s->after_count; k++)
			h = add_text(h, b->steps[s->after[k]].name);
	}
	return h;
}

fl_ns
runbook_stuck_after(const struct runbook_step *s)
{
	fl_ns usual = FL_MAX(s->p75, s->p50);

	return usual > 0 ? usual * RUNBOOK_STUCK_FACTOR : FL_NEVER;
}
