/* SPDX-License-Identifier: MIT */
/* clock.h - the clocks, and waiting, for threads that have no struct io. */
#ifndef IO_CLOCK_H
#define IO_CLOCK_H

#include "base/types.h"

fl_ns clock_mono(void);                 /* the clock of io_now() */
int64_t clock_wall(void);               /* ns since 1970, UTC */
fl_ns clock_cpu(void);                  /* CPU time of this thread */

/*
 * clock_wait - wait until fd has any of the poll() `events`, or the deadline (FL_NEVER: none) passed, or stop_fd is readable.
 * fd, stop_fd   < 0: none
 * returns       1 fd is ready; 0 the deadline passed; -ECANCELED stop_fd is readable
 */
int clock_wait(int fd, short events, int stop_fd, fl_ns deadline);

#endif
