/* SPDX-License-Identifier: MIT */
/*
 * http_keep.h - the live objects of HTTP lines (limiters, breakers, clusters, ...), kept over changes of the configuration.
 *
 * A line is built in a session: http_keep_begin(), then each object it needs is asked for by its place ("checkout/bulkhead") and by
 * a digest of what is asked of it, then http_keep_end(). An object whose digest is the same is taken over as it is, with
 * all that it has counted and learnt; what no session asked for any more is let go. A session that fails changes nothing.
 *
 * Invariants
 *  (1) An object lives as long as the registry or a configuration refers to it; it may be freed in any thread.
 *  (2) The registry holds what the last session of each line that ended well asked for.
 *
 * One thread, but for http_kept_unref().
 */
#ifndef CONF_HTTP_KEEP_H
#define CONF_HTTP_KEEP_H

#include "base/types.h"
#include <stdbool.h>

struct http_keep;
struct http_kept;                       /* one object, counted by reference */

int http_keep_new(struct http_keep **ret_keep);        /* 0 or -ENOMEM */
void http_keep_free(struct http_keep *k);              /* NULL is fine */

/* Begin a session for a line, whose name is borrowed until its end; one at a time. */
void http_keep_begin(struct http_keep *k, const char *line);
/*
 * http_keep_find - the object at this place.
 * ret_same  is its digest this one?
 * returns   NULL: there is none. Borrowed
 */
struct http_kept *http_keep_find(struct http_keep *k, const char *place, uint64_t digest, bool *ret_same);
/* In this session the object at the place is this one, found or new, with that digest. A reference is taken. 0 or -ENOMEM. */
int http_keep_use(struct http_keep *k, const char *place, uint64_t digest, struct http_kept *o);
/* The session is over: good: it counts; else it is as if it had not been. */
void http_keep_end(struct http_keep *k, bool good);
/* The line is gone. */
void http_keep_forget(struct http_keep *k, const char *line);
/* Objects of a line, by place. Walks in no order. */
void http_keep_each(const struct http_keep *k, const char *line, void (*each)(void *ud, const char *place, void *object), void *ud);
/* The object of a line at a place; NULL: none. Borrowed. */
void *http_keep_object(const struct http_keep *k, const char *line, const char *place);

/* A new object with one reference. free: frees it. 0 or -ENOMEM (the object is the caller's). */
int http_kept_new(void *object, void (*free)(void *object), struct http_kept **ret_kept);
struct http_kept *http_kept_ref(struct http_kept *o);
void http_kept_unref(struct http_kept *o);             /* any thread; NULL is fine */
void *http_kept_object(const struct http_kept *o);

#endif
