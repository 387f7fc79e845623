/* SPDX-License-Identifier: MIT */
/* model_user.h - a model that a user wrote in C (faultline/model.h) as one of ours. */
#ifndef AUDIT_MODEL_USER_H
#define AUDIT_MODEL_USER_H

#include "audit/model.h"

#include <faultline/model.h>

struct model_user {
	struct model model;             /* its self is the plugin */
	const struct fl_model *plugin;
};

/* NULL: fine; else what is wrong with the plugin. It must outlive the model. */
const char *model_user_init(struct model_user *m, const struct fl_model *plugin);

#endif
