/* SPDX-License-Identifier: MIT */
/* graph_text.h - answers about the map (map/graph_ask.h) for people: tables and sentences on standard output. */
#ifndef CONTROL_GRAPH_TEXT_H
#define CONTROL_GRAPH_TEXT_H

#include "proto/doc.h"

typedef void graph_text_fn(const struct doc_node *root);

graph_text_fn graph_text_show, graph_text_diff, graph_text_blame, graph_text_impact, graph_text_import, graph_text_query;
graph_text_fn graph_text_plan, graph_text_shutdown;     /* graph_text_plan.c */
/* Lists of findings: lint, drift, alerts, coverage, facts: every list in the document as a table. */
graph_text_fn graph_text_tables;

#endif
