/* SPDX-License-Identifier: MIT */
/* effects.c - counting what faults did. */
#include "run/effects.h"

#include "base/units.h"
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum unit { UNIT_NONE, UNIT_TIME, UNIT_BYTES };

/* What the value of an event counts. */
static enum unit
unit_of(const char *what)
{
	static const struct {
		const char *what;
		enum unit unit;
	} units[] = {
		{ "delay", UNIT_TIME }, { "hold", UNIT_TIME }, { "stall", UNIT_TIME }, { "connect_delay", UNIT_TIME }, { "cut", UNIT_BYTES },
		{ "limit", UNIT_BYTES }, { "duplicate", UNIT_BYTES }, { "drop", UNIT_BYTES },
	};

	for (size_t i = 0; i < FL_ARRAY_LEN(units); i++)
		if (strcmp(units[i].what, what) == 0)
			return units[i].unit;
	return UNIT_NONE;
}

int
effects_init(struct effects *e, uint32_t fault_count)
{
	*e = (struct effects){ .count = fault_count, .faults = calloc(fault_count + 1, sizeof(*e->faults)) };
	map_init(&e->seen, 0, 0);
	return e->faults == NULL ? -ENOMEM : 0;
}

void
effects_fini(struct effects *e)
{
	free(e->faults);
	e->faults = NULL;
	map_fini(&e->seen);
}

/* 1: not seen before; 0: seen; -ENOMEM. */
static int
first_time(struct effects *e, const struct proxy_event *ev, uint32_t did, unsigned life)
{
	const uint64_t key[] = { ev->fault_id, did, life, ev->conn_ordinal };

	if (map_getn(&e->seen, key, sizeof(key)) != NULL)
		return 0;
	return map_putn(&e->seen, key, sizeof(key), e, NULL) < 0 ? -ENOMEM : 1;
}

static struct effects_did *
find_did(struct effects_fault *f, const char *what)
{
	for (uint32_t i = 0; i < f->did_count; i++)
		if (strncmp(f->did[i].what, what, sizeof(f->did[i].what) - 1) == 0)
			return &f->did[i];
	if (f->did_count == EFFECTS_WHATS_MAX)
		return NULL;
	f->did[f->did_count] = (struct effects_did){ .min = INT64_MAX, .max = INT64_MIN };
	snprintf(f->did[f->did_count].what, sizeof(f->did[0].what), "%s", what);
	return &f->did[f->did_count++];
}

int
effects_add(struct effects *e, const struct proxy_event *ev, unsigned life)
{
	struct effects_fault *f;
	struct effects_did *d;
	int rc;

	if (ev->fault_id == 0 || ev->fault_id > e->count)
		return 0;
	f = &e->faults[ev->fault_id - 1];
	rc = first_time(e, ev, 0, life);
	if (rc < 0)
		return rc;
	f->connections += (uint64_t)rc;
	if (strcmp(ev->what, "applies") == 0 || (d = find_did(f, ev->what)) == NULL)
		return 0;
	rc = first_time(e, ev, (uint32_t)(d - f->did) + 1, life);
	if (rc < 0)
		return rc;
	d->connections += (uint64_t)rc;
	d->times++;
	d->min = FL_MIN(d->min, ev->value);
	d->max = FL_MAX(d->max, ev->value);
	f->times++;
	return 0;
}

static const char *
say(const struct effects_did *d, struct arena *mem)
{
	char a[32], b[32], range[80] = "";

	if (unit_of(d->what) == UNIT_TIME) {
		units_duration(a, sizeof(a), d->min);
		units_duration(b, sizeof(b), d->max);
	} else {
		units_bytes(a, sizeof(a), (double)d->min);
		units_bytes(b, sizeof(b), (double)d->max);
	}
	if (unit_of(d->what) != UNIT_NONE)
		snprintf(range, sizeof(range), ", %s%s%s", a, strcmp(a, b) == 0 ? "" : " .. ", strcmp(a, b) == 0 ? "" : b);
	return arena_printf(mem, "%" PRIu64 " time%s on %" PRIu64 " connection%s%s", d->times, d->times == 1 ? "" : "s", d->connections,
	    d->connections == 1 ? "" : "s", range);
}

int
effects_report(const struct effects *e, uint32_t fault, struct arena *mem, struct result_fault *ret)
{
	const struct effects_fault *f = &e->faults[fault];
	struct result_pair *did = arena_alloc(mem, (f->did_count + 1) * sizeof(*did));

	if (did == NULL)
		return -ENOMEM;
	for (uint32_t i = 0; i < f->did_count; i++) {
		did[i].name = arena_strdup(mem, f->did[i].what);
		did[i].text = say(&f->did[i], mem);
	}
	ret->times = f->times;
	ret->connections = f->connections;
	ret->landed = f->times > 0;
	ret->did = did;
	ret->did_count = f->did_count;
	return mem->overflowed ? -ENOMEM : 0;
}
