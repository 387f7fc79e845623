/* SPDX-License-Identifier: MIT */
/* import_log.h - access logs of proxies, as streams of lines: caller to proxy, and proxy to whoever it chose. */
#ifndef GRAPH_IMPORT_LOG_H
#define GRAPH_IMPORT_LOG_H

#include "graph/import_say.h"

void import_nginx_add(struct import *im);
void import_haproxy_add(struct import *im);
void import_envoy_add(struct import *im);

#endif
