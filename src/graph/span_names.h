/* SPDX-License-Identifier: MIT */
/* span_names.h - names of services, peers and addresses in the engine of spans.h, and what an address means. */
#ifndef GRAPH_SPAN_NAMES_H
#define GRAPH_SPAN_NAMES_H

#include "graph/span_state.h"

int span_names_init(struct spans *s, uint64_t seed);     /* 0 or -ENOMEM */
void span_names_fini(struct spans *s);
void span_names_clear(struct spans *s);

/* The service of a resource; 0: it has no name, or there is no room. */
uint32_t span_names_service(struct spans *s, const struct span_attrs *resource);
/* Remember what else the resource says: version, owner's words, the instance. */
void span_names_note(struct spans *s, uint32_t service, const struct span_attrs *resource);
/* The id of a peer; 0: no room. */
uint32_t span_names_peer(struct spans *s, const struct span_peer *p);
/* A server says that it was called at this address. */
void span_names_own(struct spans *s, uint32_t service, const struct span_peer *p);
/* The service answered a call to the peer. */
void span_names_paired(struct spans *s, uint32_t peer, uint32_t service);
/* The address of a broker that gives none: of its destination, or of the only broker of its kind. 0: not known. */
uint32_t span_names_broker(const struct spans *s, uint32_t peer);
/* What an address means: a service, 0, or SPAN_AMBIGUOUS. */
uint32_t span_names_meaning(const struct spans *s, uint32_t address);

static inline const char *span_names_space(const struct spans *s, uint32_t service) { return span_intern_text(&s->services, service); }
const char *span_names_name(const struct spans *s, uint32_t service);
const char *span_names_port(const struct spans *s, uint32_t address);   /* "" when not known */

#endif
