/* SPDX-License-Identifier: MIT */
/* collect_redis.h - the entries of a Redis stream as messages. */
#ifndef STREAM_COLLECT_REDIS_H
#define STREAM_COLLECT_REDIS_H

#include "stream/collect_note.h"

/* Read the stream from its beginning on until it is over; connects again when the connection breaks. 0; -errno with error. */
int collect_redis(struct collect_note *n, char *error);

#endif
