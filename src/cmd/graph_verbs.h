/* SPDX-License-Identifier: MIT */
/* graph_verbs.h - those verbs of `faultline graph` that are more than a question and its answer. */
#ifndef CMD_GRAPH_VERBS_H
#define CMD_GRAPH_VERBS_H

#include "cmd/cmd.h"
#include "control/cli_args.h"
#include "map/graph_ask.h"

/* The options and words of a command line, as a question has them. */
void cmd_graph_options(const struct cli_args *a, struct graph_ask *ask);

/* plan --run, --dry-run, --markdown, --html. returns the exit code. */
int cmd_graph_conduct(const struct cli_args *a, struct past *p);

/* watch. store: the path of the map. returns the exit code. */
int cmd_graph_watch(const struct cli_args *a, const char *store);

#endif
