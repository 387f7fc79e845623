/* SPDX-License-Identifier: MIT */
/*
 * effects.h - what each fault did in a run, summed up from its events: how often, on how many connections, from what value to
 * what value. A fault that did nothing shows here: a run that held proves nothing about it.
 */
#ifndef RUN_EFFECTS_H
#define RUN_EFFECTS_H

#include "base/arena.h"
#include "base/map.h"
#include "proxy/proxy.h"
#include "run/result.h"

#define EFFECTS_WHATS_MAX 12

struct effects_did {
	char what[24];
	uint64_t times, connections;
	int64_t min, max;
};
struct effects_fault {
	uint64_t times;                 /* "applies" does not count: only what changed something */
	uint64_t connections;           /* that it touched, "applies" included */
	uint32_t did_count;
	struct effects_did did[EFFECTS_WHATS_MAX];
};
struct effects {
	struct effects_fault *faults;   /* by fault id - 1 */
	uint32_t count;
	struct map seen;                /* (fault, what, life, connection) */
};

int effects_init(struct effects *e, uint32_t fault_count);      /* 0 or -ENOMEM */
void effects_fini(struct effects *e);
/* life: of the line, so that connections of different lives differ. 0 or -ENOMEM. */
int effects_add(struct effects *e, const struct proxy_event *ev, unsigned life);
/* Fill the counts of a fault of the result, texts in mem. 0 or -ENOMEM. */
int effects_report(const struct effects *e, uint32_t fault, struct arena *mem, struct result_fault *ret);

#endif
