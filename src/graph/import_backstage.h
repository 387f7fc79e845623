/* SPDX-License-Identifier: MIT */
/* import_backstage.h - Backstage's catalog: components, resources, APIs and what they say of each other. */
#ifndef GRAPH_IMPORT_BACKSTAGE_H
#define GRAPH_IMPORT_BACKSTAGE_H

#include "graph/import_say.h"

/* One entity; kinds that are no part of the map (User, Group, Location, Template) are passed over. */
void import_backstage_doc(struct import *im, const struct doc_node *root);
int import_backstage_finish(struct import *im);
void import_backstage_fini(struct import *im);

#endif
