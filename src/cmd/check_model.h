/* SPDX-License-Identifier: MIT */
/* check_model.h - the model that --model names: one of ours, or a file with the user's own. */
#ifndef CMD_CHECK_MODEL_H
#define CMD_CHECK_MODEL_H

#include "audit/model_table.h"
#include "audit/model_user.h"
#include "io/plugin.h"

struct check_model {
	const struct model *model;      /* NULL until it is there */
	const char *table_path;         /* a table of transitions, to be read when the history is there */
	struct plugin plugin;
	struct model_user user;
	struct model_table *table;
};

/* Find the model. What is wrong is said on stderr. -1: go on; else the exit code. cmd_check_model_fini() it in any case. */
int cmd_check_model_find(struct check_model *m, const char *name);
/* Read the table, if it is one: its values become those of the history. The same. */
int cmd_check_model_bind(struct check_model *m, struct tape *t);
void cmd_check_model_fini(struct check_model *m);

#endif
