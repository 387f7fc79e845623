/* SPDX-License-Identifier: MIT */
/*
 * import_declared.h - services, rules and aliases as people declare them in faultline.yaml.
 *
 *      services:
 *        checkout:
 *          app: shop
 *          tier: 1                         any other word is a fact: owner, rto, rpo, recover, ...
 *          instances: ["10.0.0.5:8080"]
 *          needs:
 *            - orders-db                   hard
 *            - {to: cart, protocol: http, strength: soft, mode: sync, phase: runtime}
 *            - {any: [bank-a, bank-b], need: 1}
 *      rules:
 *        - {deny: "web-* -> *-db", why: through the API only}
 *      aliases:
 *        10.0.0.9: {is: orders-db, why: virtual address}
 */
#ifndef GRAPH_IMPORT_DECLARED_H
#define GRAPH_IMPORT_DECLARED_H

#include "graph/import_say.h"

/* Keys of faultline.yaml that import_declared() reads; other readers of the file pass them over. */
#define IMPORT_DECLARED_KEYS "services", "rules", "aliases"

/* Tell all that root declares; nothing when it holds a mistake, which is complained about with its place. */
void import_declared(struct import *im, const struct doc_node *root);

#endif
