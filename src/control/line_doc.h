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
 * line_doc_again - the same from what was said of an HTTP line before (lines_ask.source), with a patch laid over it.
 * patch     NULL: none; what may not be patched is for the caller to look at
 * ret_doc   owns the texts of *ask besides patch; the caller's in any case, NULL when there is none
 * returns   0; -EINVAL after complaints; -ENOMEM
 */
int line_doc_again(const char *source, const struct doc_node *patch, const struct doc_node *name, struct doc_diag *d, struct lines_ask *ask,
    struct doc **ret_doc);

#endif
