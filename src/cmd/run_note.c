/* SPDX-License-Identifier: MIT */
/* run_note.c - see run_note.h. The same as `faultline graph import RUNDIR/report.json`. */
#include "cmd/run_note.h"

#include "io/clock.h"
#include "map/graph_import.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define PATH_BYTES 4096

struct note {
	struct graph_ask ask;
	struct graph_reply reply;
	char paths[VARIANT_MAX][PATH_BYTES];
};

static int
open_map(const char *path, struct past **ret)
{
	char error[256];
	int rc = past_open(&(struct past_opts){ .path = path }, error, ret);

	if (rc != 0)
		fprintf(stderr, "faultline run: --graph: %s\n", error);
	return rc;
}

int
cmd_run_note_check(const char *path)
{
	struct past *p = NULL;
	int rc = open_map(path, &p);

	past_close(p);
	return rc;
}

/* A variant that did not run has no report. */
static void
add_report(struct note *n, const char *run_dir, const char *variant)
{
	char *path = n->paths[n->ask.word_count];

	if (snprintf(path, PATH_BYTES, "%s%s%s/report.json", run_dir, variant != NULL ? "/" : "", variant != NULL ? variant : "") >= PATH_BYTES)
		return;
	if (access(path, R_OK) == 0)
		n->ask.words[n->ask.word_count++] = path;
}

int
cmd_run_note(const char *path, const char *run_dir, const struct variant_set *set)
{
	struct note *n = calloc(1, sizeof(*n));
	int rc = n == NULL ? -ENOMEM : open_map(path, &n->ask.past);

	if (rc != 0) {
		free(n);
		return rc;
	}
	graph_reply_init(&n->reply);
	n->ask.now = clock_wall();
	if (set == NULL || !variant_varied(set))
		add_report(n, run_dir, NULL);
	for (uint32_t i = 0; set != NULL && variant_varied(set) && i < set->count; i++)
		add_report(n, run_dir, set->variants[i].name);
	rc = n->ask.word_count == 0 ? 0 : graph_import(&n->ask, &n->reply);
	if (rc != 0)
		fprintf(stderr, "faultline run: --graph: %s\n", n->reply.error);
	past_close(n->ask.past);
	graph_reply_fini(&n->reply);
	free(n);
	return rc;
}
