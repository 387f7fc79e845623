/* SPDX-License-Identifier: MIT */
/*
 * exp_field.h - the fields of an experiment's maps: present or not, in range, names known; complaints with their place.
 *
 * All return true when *ret was set. A key that is missing leaves *ret alone; it is a complaint only when `need` is given, a
 * sentence such as "a line needs upstream: where connections go". Texts are copied into the experiment.
 */
#ifndef RUN_EXP_FIELD_H
#define RUN_EXP_FIELD_H

#include "run/experiment.h"

struct exp_reader {
	struct experiment *x;
	struct doc_diag *d;
};

bool exp_field_text(struct exp_reader *r, const struct doc_node *map, const char *key, const char *need, const char **ret);
/* A text with {port:NAME} and its like; ports are entered into the experiment, everything else is checked. */
bool exp_field_template(struct exp_reader *r, const struct doc_node *map, const char *key, const char *need, const char **ret);
/* A template "http://host:port/path", in two. */
bool exp_field_url(struct exp_reader *r, const struct doc_node *map, const char *key, const char *need, const char **ret_target,
    const char **ret_path);
bool exp_field_duration(struct exp_reader *r, const struct doc_node *map, const char *key, fl_ns min, fl_ns max, fl_ns *ret);
/* "30%" or 0.3. */
bool exp_field_share(struct exp_reader *r, const struct doc_node *map, const char *key, double *ret);
bool exp_field_int(struct exp_reader *r, const struct doc_node *map, const char *key, int64_t min, int64_t max, int64_t *ret);
bool exp_field_bool(struct exp_reader *r, const struct doc_node *map, const char *key, bool *ret);
/* The index of a name in a NULL-terminated list; `what` in the complaint: "line", "process". */
bool exp_field_ref(struct exp_reader *r, const struct doc_node *map, const char *key, const char *what, const char *const *names, int *ret);
/* A signal's name: TERM, SIGKILL, 9. */
bool exp_field_signal(struct exp_reader *r, const struct doc_node *map, const char *key, int *ret);

/* The checks of exp_field_template for one scalar that stands alone. NULL after a complaint. */
const char *exp_field_template_node(struct exp_reader *r, const struct doc_node *n);
/* Copy of s in the experiment; NULL (and a complaint) when memory is out. */
const char *exp_field_dup(struct exp_reader *r, const char *s);
/*
 * Things that have names: a map from names, or a list of maps that have a name. At most max; NULL when there are none or after
 * a complaint. `what`: "lines".
 */
const struct doc_node *exp_field_named(struct exp_reader *r, const struct doc_node *map, const char *key, uint32_t max, const char *what);
/* The i-th of them. */
const struct doc_node *exp_field_named_item(const struct doc_node *named, uint32_t i);
/*
 * Its name, by which things refer to each other: letters, digits, _ . - ; at most 60, not yet in `names`.
 * `what`: "line". NULL after a complaint.
 */
const char *exp_field_name(struct exp_reader *r, const struct doc_node *named, uint32_t i, const char *what, const char *const *names);
/* The items of a list of maps under key, at most max; NULL and count 0 when there are none. */
const struct doc_node *exp_field_list(struct exp_reader *r, const struct doc_node *map, const char *key, uint32_t max, const char *what);

#endif
