/* SPDX-License-Identifier: MIT */
/* draw_audit.h - the pictures of doc/audit.md. */
#ifndef DRAW_AUDIT_H
#define DRAW_AUDIT_H

#include "base/buf.h"

unsigned draw_audit_count(void);
/* The name of history i. */
const char *draw_audit_name(unsigned i);
/* Judges it and draws what is wrong with it. The working directory is that of the repository. */
void draw_audit(unsigned i, struct buf *out);

#endif
