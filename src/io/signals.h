/* SPDX-License-Identifier: MIT */
/*
 * signals.h - signals as something an io loop can look at: a thread waits for them, notes them and wakes the loop.
 *
 * To be started before any other thread, so that all of them have these signals blocked.
 */
#ifndef IO_SIGNALS_H
#define IO_SIGNALS_H

#include "io/io.h"

struct signals;
/* Wait for these signals (ended by 0) from now on, and ignore SIGPIPE. 0 or -errno. */
int signals_new(struct io *io, const int *numbers, struct signals **ret_signals);
void signals_free(struct signals *s);           /* NULL is fine; the signals stay blocked */
/* How often signal number has come since the last time it was asked for. */
unsigned signals_take(struct signals *s, int number);

#endif
