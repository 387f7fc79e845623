/* SPDX-License-Identifier: MIT */
/*
 * cli_toxic.h - toxics on a command line: attributes, scope and lease to the body of a request, checked here with the table of
 * kinds, so that a mistake is told before anything is asked of the daemon.
 */
#ifndef CONTROL_CLI_TOXIC_H
#define CONTROL_CLI_TOXIC_H

#include "control/cli_args.h"
#include "base/buf.h"
#include "proto/doc.h"

#define CLI_TOXIC_ATTRIBUTES_MAX 64

/*
 * cli_toxic_body - the body that adds or changes a toxic.
 * a         with the options type, name, stream or upstream and downstream, toxicity, attribute, scope-client, every, first,
 *           window, duty, ttl, as far as given
 * current   the toxic as the daemon shows it, for a change: its attributes count where a value depends on several; NULL: a new one
 * out       gets a JSON object with what was given (and type, stream of a new one)
 * returns   0, or -EINVAL after messages
 */
int cli_toxic_body(const struct cli_args *a, const struct doc_node *current, struct buf *out);

/* "latency=100 jitter=20" of the attributes of a toxic as the daemon shows it, in order of name; scope and lease behind. */
void cli_toxic_describe(const struct doc_node *toxic, struct buf *out);

/* A table of the toxics of a list on standard output. */
void cli_toxic_print(const struct doc_node *toxics);

/* The pairs of a map sorted by key; free() it. NULL when there are none (or no memory). */
const struct doc_pair **cli_toxic_sorted(const struct doc_node *map);

#endif
