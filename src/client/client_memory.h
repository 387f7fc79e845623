/* SPDX-License-Identifier: MIT */
/* client_memory.h - where the HTTP client's memory comes from: the user's functions, or malloc() and free(). */
#ifndef CLIENT_CLIENT_MEMORY_H
#define CLIENT_CLIENT_MEMORY_H

#include "faultline/base.h"

void *client_memory_take(const struct fl_alloc *a, size_t n);           /* zeroed, or NULL */
void client_memory_give(const struct fl_alloc *a, void *p);             /* NULL is fine */
char *client_memory_text(const struct fl_alloc *a, const char *text);   /* a copy, or NULL */
/* A larger block with the first `used` bytes of p, which is given back; NULL: no memory, and p is as it was. */
void *client_memory_grow(const struct fl_alloc *a, void *p, size_t used, size_t n);

#endif
