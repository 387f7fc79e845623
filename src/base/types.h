/* SPDX-License-Identifier: MIT */
/* types.h - the units every module shares. */
#ifndef BASE_TYPES_H
#define BASE_TYPES_H

#include <stddef.h>
#include <stdint.h>

/* A time or a duration in nanoseconds. Points in time are monotonic unless the name says `wall`. */
typedef int64_t fl_ns;

#define FL_US  INT64_C(1000)
#define FL_MS  INT64_C(1000000)
#define FL_SEC INT64_C(1000000000)
/* Later than every point in time: "no deadline". */
#define FL_NEVER INT64_MAX

/* The two directions of a connection. The Toxiproxy API says upstream (c2s) and downstream (s2c). */
enum fl_dir { FL_C2S = 0, FL_S2C = 1 };

#define FL_ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))
#define FL_CONTAINER_OF(p, type, member) ((type *)(void *)((char *)(p) - offsetof(type, member)))
#define FL_MIN(a, b) ((a) < (b) ? (a) : (b))
#define FL_MAX(a, b) ((a) > (b) ? (a) : (b))

#endif
