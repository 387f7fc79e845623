/* SPDX-License-Identifier: MIT */
/* common.h - small things that the policies share: padded memory, one-writer counters, a lock for slow paths, enforcement. */
#ifndef POLICY_COMMON_H
#define POLICY_COMMON_H

#include "base/assert.h"
#include "base/rng.h"
#include "base/types.h"
#include "faultline/base.h"
#include <stdatomic.h>

/* Longer times are not options but mistakes; a year's nanoseconds can be doubled and added to any time without overflow. */
#define COMMON_TIME_MAX (365 * 86400 * FL_SEC)

/* Zeroed memory of n bytes aligned to a cache line, or NULL. */
void *common_take(const struct fl_alloc *a, size_t n);
void common_give(const struct fl_alloc *a, void *p);    /* NULL is fine */

/* One writer, any reader: a plain add that may be seen at any time. As one instruction where the compiler would make three of it. */
static inline void
common_add(_Atomic uint64_t *c, uint64_t n)
{
#if defined(__GNUC__) && defined(__x86_64__)
	__asm__("addq %1, %0" : "+m"(*c) : "er"(n) : "cc");
#else
	atomic_store_explicit(c, atomic_load_explicit(c, memory_order_relaxed) + n, memory_order_relaxed);
#endif
}

static inline uint64_t
common_get(const _Atomic uint64_t *c)
{
	return atomic_load_explicit(c, memory_order_relaxed);
}

/* Kept out of the way of what is called all the time, whose prologue it would burden. */
#if defined(__GNUC__)
#define COMMON_APART __attribute__((noinline))
#define COMMON_HOT __attribute__((aligned(64)))         /* within as few lines of code as it can be */
#define COMMON_RARE(cond) __builtin_expect(!!(cond), 0)
#else
#define COMMON_APART
#define COMMON_HOT
#define COMMON_RARE(cond) (cond)
#endif

/* Tell the processor that this thread waits for another one. */
static inline void
common_pause(void)
{
#if defined(__x86_64__) || defined(__i386__)
	__builtin_ia32_pause();
#endif
}

/* For slow paths that are a few instructions long. */
static inline void
common_lock(atomic_flag *f)
{
	while (atomic_flag_test_and_set_explicit(f, memory_order_acquire))
		common_pause();
}

static inline void
common_unlock(atomic_flag *f)
{
	atomic_flag_clear_explicit(f, memory_order_release);
}

/* Is the nth would-be refusal of a policy enforced? */
static inline bool
common_enforced(double enforce, uint64_t seed, uint64_t nth)
{
	return enforce >= 1 || (enforce > 0 && rng_unit(rng_draw(seed, nth, 0x656e66)) < enforce);
}

/* Copy a name, cut to fit. */
void common_name(char to[FL_NAME_MAX], const char *from);
/* Fill a refusal. ret NULL: nobody asked. */
void common_refuse(struct fl_refusal *ret, enum fl_who by, enum fl_reason reason, const char *name, fl_ns retry_after, double n0,
    double n1, double n2, double n3, double n4);
/* Check an option; false with its name in *ret_field (which may be NULL). */
bool common_check(bool good, const char *field, const char **ret_field);
/* 1 - error of the normal distribution's quantile: how many sigmas a two-sided confidence is (Acklam's approximation). */
double common_sigmas(double confidence);
/* Bounds of the true share when `hits` of `n` were seen (Wilson, JASA 1927). */
double common_wilson_low(double hits, double n, double sigmas);
/* "2.1s", "40ms", "never": for sentences. returns buf. */
char *common_time(fl_ns t, char *buf, size_t buf_bytes);

#endif
