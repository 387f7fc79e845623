/* SPDX-License-Identifier: MIT */
/* graph_options.c - a command line of `faultline graph` as a question about the map. */
#include "cmd/graph_verbs.h"

#include <string.h>

void
cmd_graph_options(const struct cli_args *a, struct graph_ask *ask)
{
	for (unsigned i = 0; i < a->given_count; i++)
		if (strcmp(a->given[i].opt->name, "store") != 0 && strcmp(a->given[i].opt->name, "json") != 0)
			graph_ask_add(ask, a->given[i].opt->name, a->given[i].value != NULL ? a->given[i].value : "");
	for (unsigned i = 0; i < a->word_count && i < GRAPH_WORDS_MAX; i++)
		ask->words[ask->word_count++] = a->words[i];
}
