/* SPDX-License-Identifier: MIT */
/*
 * import_tally.h - many records, few lines: calls of logs and flows are summed up by their two ends before they are told; and names of
 * addresses, from files of hosts and from whoever else knows, which are put in then.
 */
#ifndef GRAPH_IMPORT_TALLY_H
#define GRAPH_IMPORT_TALLY_H

#include "graph/import_say.h"

/* Add a line that was seen (s->what is SIGHT_LINE). Names are copied; first, last, count, errors and latency are summed up. */
void import_tally_add(struct import *im, const struct sight *s, struct import_at at);
/* The same, but left out in the end if `from` is still an address: another record names the caller. */
void import_tally_add_named(struct import *im, const struct sight *s, struct import_at at);
int import_tally_finish(struct import *im);
void import_tally_fini(struct import *im);

/* Address ("10.0.0.5", "10.0.0.5:80", "2001:db8::1") is of name. What was said first stays. */
void import_tally_name(struct import *im, const char *address, const char *name);
/* What address may be called if nobody says better. */
void import_tally_hint(struct import *im, const char *address, const char *name);
/* The name of an address with or without a port; the address itself when it has none. */
const char *import_tally_name_of(struct import *im, const char *address);
/* True when an address has a name of its own, not by its host alone. */
bool import_tally_knows(struct import *im, const char *address);

/* Lines of /etc/hosts: names become those of their addresses, further ones aliases. */
void import_hosts_add(struct import *im);

#endif
