/* SPDX-License-Identifier: MIT */
/* import_mesh.h - graphs that others have made: Kiali's, Hubble's flows, service graphs and Istio's metrics in Prometheus; logs of DNS queries. */
#ifndef GRAPH_IMPORT_MESH_H
#define GRAPH_IMPORT_MESH_H

#include "graph/import_say.h"

void import_kiali_add(struct import *im);
void import_hubble_add(struct import *im);
void import_prometheus_add(struct import *im);
/* import_dns.c: names that were asked for are lines to them; only questions for addresses, and only those that were answered. */
void import_dns_add(struct import *im);

#endif
