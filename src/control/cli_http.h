/* SPDX-License-Identifier: MIT */
/* cli_http.h - HTTP lines, their instances and policies as tables, from what the daemon says of them. */
#ifndef CONTROL_CLI_HTTP_H
#define CONTROL_CLI_HTTP_H

#include "base/buf.h"
#include "proto/doc.h"

/*
 * Append a table of the HTTP lines among `lines` and one of their instances; nothing when there are none.
 * before    the same list at an earlier time, for rates; NULL: there is none
 * seconds   between the two
 */
void cli_http_tables(const struct doc_node *lines, const struct doc_node *before, double seconds, bool terminal, struct buf *out);
/* A table of the policies of a line, as GET /v1/lines/NAME/policies has them. */
void cli_http_policies(const struct doc_node *line, bool terminal, struct buf *out);

/* How they changed lately, on standard output. */
void cli_http_changes(const struct doc_node *line);

#endif
