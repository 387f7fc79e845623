/* SPDX-License-Identifier: MIT */
/* import_velero.h - Velero's schedules and backups: facts of the stateful workloads that they cover, whose manifests are needed too. */
#ifndef GRAPH_IMPORT_VELERO_H
#define GRAPH_IMPORT_VELERO_H

#include "graph/import_say.h"

void import_velero_doc(struct import *im, const struct doc_node *root);
int import_velero_finish(struct import *im);    /* after import_k8s_finish() */

#endif
