/* SPDX-License-Identifier: MIT */
/*
 * poison.h - tell AddressSanitizer which bytes of our own pools nobody may touch.
 *
 * Without the sanitizer all of it is nothing. Whoever poisons must clear before the memory goes back
 * to the system: the shadow outlives a mapping.
 */
#ifndef BASE_POISON_H
#define BASE_POISON_H

#include <stdbool.h>
#include <stddef.h>

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define POISON_ON 1
#endif
#endif
#if defined(__SANITIZE_ADDRESS__) && !defined(POISON_ON)
#define POISON_ON 1
#endif

#ifdef POISON_ON
#include <sanitizer/asan_interface.h>
/* For the few functions that keep their own books inside poisoned memory. */
#define POISON_EXEMPT __attribute__((no_sanitize_address, noinline))
static inline void poison_set(const void *p, size_t n) { __asan_poison_memory_region(p, n); }
static inline void poison_clear(const void *p, size_t n) { __asan_unpoison_memory_region(p, n); }
static inline bool poison_has(const void *p) { return __asan_address_is_poisoned(p) != 0; }
#else
#define POISON_EXEMPT
static inline void poison_set(const void *p, size_t n) { (void)p, (void)n; }
static inline void poison_clear(const void *p, size_t n) { (void)p, (void)n; }
static inline bool poison_has(const void *p) { (void)p; return false; }
#endif

#endif
