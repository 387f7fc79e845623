/* SPDX-License-Identifier: MIT */
/* import_table.h - nodes and lines as CSV and as JSON, our own and others': columns and keys are recognised by their names. */
#ifndef GRAPH_IMPORT_TABLE_H
#define GRAPH_IMPORT_TABLE_H

#include "graph/import_say.h"

void import_csv_add(struct import *im);
/*
 * {"services":[...],"lines":[...]} as `graph show --json` prints it, {"nodes":[...],"edges":[...]} (or links), and the lists of
 * dependencies that Zipkin and Jaeger give: [{"parent":...,"child":...,"callCount":...}].
 */
void import_graph_json_add(struct import *im);

/* A field of a line or a node by its name; what is none of either is a fact of the node. line may hold only ends that were copied. */
enum import_field {
	IMPORT_FIELD_OTHER, IMPORT_FIELD_FROM, IMPORT_FIELD_TO, IMPORT_FIELD_PROTOCOL, IMPORT_FIELD_STRENGTH, IMPORT_FIELD_PHASE, IMPORT_FIELD_MODE,
	IMPORT_FIELD_COUNT, IMPORT_FIELD_ERRORS, IMPORT_FIELD_FIRST, IMPORT_FIELD_LAST, IMPORT_FIELD_NAME, IMPORT_FIELD_KIND, IMPORT_FIELD_APP,
	IMPORT_FIELD_SPACE, IMPORT_FIELD_ADDRESS, IMPORT_FIELD_ID,
};
/* import_field.c */
enum import_field import_field(const char *name);
/* Put value into s, as of a line or as of a node. false: it cannot be that. */
bool import_field_set(struct sight *s, enum import_field f, const char *value);

#endif
