/* SPDX-License-Identifier: MIT */
/*
 * fault_doc.h - a fault as it stands in a file: a doc node to a struct fault_spec. Experiments and faultline.yaml share it.
 *
 *      - type: latency             # a kind of fault/kind.h
 *        name: slow                # default: TYPE_STREAM, as in Toxiproxy
 *        stream: downstream        # or upstream; the default is downstream
 *        toxicity: 0.5             # share of connections, 0 to 1
 *        attributes: {latency: 100ms, jitter: 20}      # bare numbers are in the unit of Toxiproxy; or with a unit
 *        scope:
 *          client: 10.0.0.0/8      # connections from there
 *          every: 3                # every third connection
 *          first: 10               # the first ten only
 *          window: {from: 1s, to: 5s}                    # after it was installed
 *          duty: {period: 1s, on: 200ms}
 *          method: [GET, HEAD]     # of faults on HTTP messages, that count requests where others count connections:
 *          path: /cart/?           # a pattern; spec_set_http() has these
 *          host: "*.example"
 *          header: "x-canary: 1"
 *          experiment: checkout-slow
 *          key: trace
 *        ttl: 30s                  # lease
 */
#ifndef CONF_FAULT_DOC_H
#define CONF_FAULT_DOC_H

#include "fault/spec.h"
#include "proto/doc.h"

/*
 * fault_doc_read - fill a spec from a map.
 * extra     NULL-terminated further keys that the caller reads itself ("at", "for", ...); NULL: none
 * returns   0; -EINVAL after complaints in d. Samples files are loaded (a relative path starts at the directory of
 *           d->name); spec_samples_unref() them with fault_doc_fini().
 * id, version, key, since_ns and shared are left zero: they belong to whoever installs the fault.
 */
int fault_doc_read(const struct doc_node *n, const char *const *extra, struct doc_diag *d, struct fault_spec *ret_spec);
/* Drop what a read spec refers to. */
void fault_doc_fini(struct fault_spec *f);

/* The parts, for the API. Bare numbers in times are milliseconds there and refused in files (`bare_ms`). 0 or -EINVAL. */
int fault_doc_scope(const struct doc_node *n, bool bare_ms, struct doc_diag *d, struct spec_scope *ret_scope);
int fault_doc_time(const struct doc_node *n, bool bare_ms, struct doc_diag *d, fl_ns *ret_ns);

/*
 * fault_doc_samples - read a file of latencies, one per line: milliseconds as a number, or with a unit ("1.5ms"). # starts a comment.
 * error     SPEC_ERROR_MAX bytes, set on failure; says nothing of what the file holds
 * returns   0 or -errno
 */
int fault_doc_samples(const char *path, char *error, struct spec_samples **ret_samples);

#endif
