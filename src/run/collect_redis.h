/* SPDX-License-Identifier: MIT */
/* collect_redis.h - the entries of a Redis stream as messages. */
#ifndef RUN_COLLECT_REDIS_H
#define RUN_COLLECT_REDIS_H

#include "run/collect_note.h"

/* Read the stream from its beginning on until it is over; connects again when the connection breaks. 0; -errno with error. */
int collect_redis(struct collect_note *n, char *error);

#endif
