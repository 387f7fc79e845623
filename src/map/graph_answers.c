/* SPDX-License-Identifier: MIT */
/* graph_answers.c - every question about the map by its name. */
#include "map/graph_answers.h"
#include "map/graph_alerts.h"
#include "map/graph_draw.h"
#include "map/graph_impact.h"
#include "map/graph_import.h"
#include "map/graph_judge.h"
#include "map/graph_plan.h"
#include "map/graph_show.h"

#include <string.h>

static const struct graph_verb verbs[] = {
	{ "show", graph_show, false }, { "query", graph_query, false }, { "impact", graph_impact, false }, { "plan", graph_plan, false },
	{ "lint", graph_lint, false }, { "drift", graph_drift, false }, { "diff", graph_diff, false }, { "blame", graph_blame, false },
	{ "coverage", graph_coverage, false }, { "alerts", graph_alerts, false }, { "ack", graph_ack, true }, { "fact", graph_fact, true },
	{ "import", graph_import, true }, { "export", graph_export, false },
};

const struct graph_verb *
graph_answers_find(const char *name)
{
	for (size_t i = 0; i < FL_ARRAY_LEN(verbs); i++)
		if (strcmp(verbs[i].name, name) == 0)
			return &verbs[i];
	return NULL;
}
