/* SPDX-License-Identifier: MIT */
/*
 * record.h - the ring in which a worker notes what faults did, for the control side to take.
 *
 * One writer (the worker), one reader (the control side). When the ring is full, events are counted as lost.
 */
#ifndef PROXY_RECORD_H
#define PROXY_RECORD_H

#include "proxy/proxy.h"

struct record;
int record_new(uint32_t events_max, struct record **ret_record);        /* 0 or -ENOMEM */
void record_free(struct record *r);                                     /* NULL is fine */
/* Note an event; its names are filled in from line and name, cut to fit. r NULL: nobody listens. Full: counted as lost. */
void record_add(struct record *r, const struct proxy_event *e, const char *line, const char *name);
/* Reader: take up to max. */
size_t record_take(struct record *r, struct proxy_event *ret_events, size_t max, uint64_t *ret_lost);

#endif
