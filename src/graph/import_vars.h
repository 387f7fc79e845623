/* SPDX-License-Identifier: MIT */
/* import_vars.h - variables of a compose file: a .env, and ${VAR:-default} put in, by the rules of the Compose specification. */
#ifndef GRAPH_IMPORT_VARS_H
#define GRAPH_IMPORT_VARS_H

#include "graph/import_say.h"

/* NULL: there is no such variable. */
typedef const char *import_var_fn(void *arg, const char *name, size_t n);

/*
 * import_interpolate - append s to out with its variables put in: $V, ${V}, ${V:-d}, ${V-d}, ${V:+a}, ${V+a}, ${V:?e}, ${V?e}, and $$
 * for a dollar; defaults may hold variables. One that is missing is nothing.
 */
void import_interpolate(const char *s, import_var_fn *fn, void *arg, struct buf *out);
/*
 * The variables of a .env text, in order, values as written but without quotes; '...' is marked by a key that ends in '\'' and is not to be
 * interpolated.
 */
void import_dotenv(struct import *im, const char *text, size_t n, struct import_text **ret_vars);

#endif
