/* SPDX-License-Identifier: MIT */
/* http_end.h - the end of an exchange: counted, recorded, freed. */
#ifndef PROXY_HTTP_END_H
#define PROXY_HTTP_END_H

#include "proxy/http_side.h"

void http_end_exchange(struct worker *w, struct http_exchange *ex);

#endif
