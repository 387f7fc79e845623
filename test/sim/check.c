/* SPDX-License-Identifier: MIT */
/* check.c - see check.h. */
#include "check.h"
#include "equal.h"
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define REPEAT_EVERY 8
#define EQUAL_EVERY 8

static void
repeat_command(uint64_t seed, const struct check_opts *o, char *buf, size_t buf_bytes)
{
	int n = snprintf(buf, buf_bytes, "%s --seed %llu --verbose%s%s", o->program, (unsigned long long)seed,
	    o->relay ? " --relay" : "", o->lose_a_byte ? " --canary --seeds 1" : "");

	if (o->ops != SWARM_OPS_AUTO)
		snprintf(buf + n, buf_bytes - (size_t)n, " --ops %u", o->ops);
}

static void
check_repeats(const struct swarm *s, const struct subject *subject, const struct run_opts *opts, struct run_result first)
{
	struct run_result second = run_seed(s, subject, opts);

	if (first.hash == second.hash && first.notes == second.notes)
		return;
	fprintf(stderr, "FAILED seed %llu: two runs of it differ (%llu and %llu events, hashes %016llx and %016llx)\nrepeat: %s\n",
	    (unsigned long long)s->seed, (unsigned long long)first.notes, (unsigned long long)second.notes,
	    (unsigned long long)first.hash, (unsigned long long)second.hash, opts->repeat);
	_exit(WORLD_EXIT_FAILED);
}

void
check_seed(uint64_t seed, const struct check_opts *o)
{
	const struct subject *subject = o->relay ? &subject_relay : &subject_proxy;
	char repeat[512];
	struct run_opts opts = { .verbose = o->verbose, .repeat = repeat, .lose_a_byte = o->lose_a_byte };
	struct swarm s;

	repeat_command(seed, o, repeat, sizeof(repeat));
	if (!o->relay && !o->lose_a_byte && seed % EQUAL_EVERY == 4) {
		equal_check(seed, &opts);
		return;
	}
	swarm_draw(&s, seed, o->ops);
	if (o->relay)
		s.ops = 0;
	if (o->verbose)
		swarm_print(&s);
	struct run_result r = run_seed(&s, subject, &opts);
	if (o->verbose)
		fprintf(stderr, "seed %llu: %llu events in %.3f virtual s\n", (unsigned long long)seed, (unsigned long long)r.notes,
		    (double)r.took / 1e9);
	if (seed % REPEAT_EVERY == 0)
		check_repeats(&s, subject, &opts, r);
}
