/* SPDX-License-Identifier: MIT */
/*
 * line_body.h - what a request's body says of a line or a toxic, read as Toxiproxy reads it.
 *
 * Field names in any case, the last of several wins, null keeps the default, unknown fields are passed over, and the first
 * value of a wrong type is named in the words of Go's encoding/json. Beyond Toxiproxy's fields: `toxics`, `half_close`, `key`,
 * `connect_timeout` of a line; `scope` and `ttl` of a toxic. Times are milliseconds or texts such as "30s".
 */
#ifndef CONTROL_LINE_BODY_H
#define CONTROL_LINE_BODY_H

#include "control/lines.h"
#include "proto/doc.h"

/* What Toxiproxy assumes of a line of which nothing is said. */
void line_body_init(struct lines_ask *ask);

/*
 * line_body_line - lay what the body says over *ask, which holds the defaults. Strings point into the tree.
 * go_type   what Go calls the struct, for its errors: "Proxy" with go_full "toxiproxy.Proxy"; "" in a list
 * returns   0, or -EINVAL with *e set (400), *ask then to be freed as well
 */
int line_body_line(const struct doc_node *n, const char *go_type, const char *go_full, struct lines_ask *ask, struct lines_error *e);
/* Give back what line_body_line() allocated. */
void line_body_free(struct lines_ask *ask);

/*
 * line_body_list - a list of lines, as /populate and Toxiproxy's configuration file have it. Each needs a name and an upstream.
 * returns   0, or -errno with *e set. line_body_list_free() gives back.
 */
int line_body_list(const struct doc_node *n, struct lines_ask **ret_asks, uint32_t *ret_count, struct lines_error *e);
void line_body_list_free(struct lines_ask *asks, uint32_t count);

/*
 * line_body_toxic - a new toxic. l: the line it is for (409 when it has one of that name), or NULL.
 * returns   0, or -errno with *e set. spec->samples is the caller's reference.
 */
int line_body_toxic(const struct doc_node *n, const struct lines_line *l, struct fault_spec *ret_spec, struct lines_error *e);
/* Lay an update over *spec, a copy of the toxic's. spec->samples may be replaced by a new reference. ret_lease: ttl was said. */
int line_body_toxic_update(const struct doc_node *n, struct fault_spec *spec, bool *ret_lease, struct lines_error *e);

/* Go's word for what a node is: "string", "number", "bool", "array", "object". */
const char *line_body_kind(const struct doc_node *n);

#endif
