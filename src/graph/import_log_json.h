/* SPDX-License-Identifier: MIT */
/* import_log_json.h - access logs as JSON lines, whichever proxy wrote them, with the keys in use: nginx, Envoy, HAProxy, Traefik, Caddy, Kong. */
#ifndef GRAPH_IMPORT_LOG_JSON_H
#define GRAPH_IMPORT_LOG_JSON_H

#include "graph/import_say.h"

/* Is this line, or the part of it from its first { on, a record of such a log? */
bool import_log_json_is(const char *line, size_t n);
void import_log_json_add(struct import *im);

#endif
