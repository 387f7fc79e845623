/* SPDX-License-Identifier: MIT */
/*
 * line_doc.h - a line in the words of faultline.yaml, which are those of POST /v1/lines as well: a TCP line, or with
 * `protocol: http` an HTTP line (doc/http-lines.md).
 */
#ifndef CONTROL_LINE_DOC_H
#define CONTROL_LINE_DOC_H

#include "control/lines.h"
#include "proto/doc.h"

/*
 * line_doc_read - fill *ask; texts point into the tree. line_body_free() it, whatever was complained about.
 * name      the node that names the line
 * beside    the file it stands in, where the paths of files begin that it names; NULL: it came from the network, and names none
 * d         gets every mistake
 */
void line_doc_read(const struct doc_node *map, const struct doc_node *name, const char *beside, struct doc_diag *d,
    struct lines_ask *ask);

/*
 * What was said of an HTTP line before (lines_ask.source, read again), with a patch laid over it: fills http, source and upstream
 * of *ask, whose other fields are left alone.
 * patch     NULL: none. Its keys are those of the line but for listen, enabled, key and faults, which are read from a patch of
 *           their own
 * mem       the merged tree is of it; *ask points there
 * returns   0; -EINVAL after complaints; -ENOMEM
 */
int line_doc_again(const struct doc_node *source, const struct doc_node *patch, struct arena *mem, struct doc_diag *d, struct lines_ask *ask);

/* The part of a patch that line_doc_again() leaves alone: listen, enabled and key, each only if it is there. */
void line_doc_place(const struct doc_node *patch, struct doc_diag *d, struct lines_ask *ask);

/* *ask is an HTTP line as it is (http and source of it); from now on it leads to one instance, at `upstream`. As line_doc_again(). */
int line_doc_lead(const char *upstream, struct doc_diag *d, struct lines_ask *ask);

/*
 * line_doc_policies_patch - the patch of a line that lays `policies` over those of the line, or of its route of that name.
 * route     NULL: the line's
 * returns   NULL when memory ran out
 */
const struct doc_node *line_doc_policies_patch(const struct doc_node *source, const char *route, const struct doc_node *policies,
    struct arena *mem);

#endif
