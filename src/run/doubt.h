/* SPDX-License-Identifier: MIT */
/*
 * doubt.h - what is allowed in an experiment but makes no sense: checks that can never fail, faults that can touch nothing. Pure.
 */
#ifndef RUN_DOUBT_H
#define RUN_DOUBT_H

#include "run/experiment.h"

/* Append one line "PATH: ..." per doubt. compared: it is a variant that others are compared with. returns how many. */
unsigned doubt_experiment(const struct experiment *x, const char *path, bool compared, struct buf *out);

#endif
