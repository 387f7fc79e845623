/* SPDX-License-Identifier: MIT */
/*
 * kind.h - the kinds of fault a line can have, and their attributes: one table that drives the API, the experiment files,
 * the checks, the documentation and the engine.
 */
#ifndef FAULT_KIND_H
#define FAULT_KIND_H

#include "base/types.h"
#include <stdbool.h>

/* enum name, name in files and in the API, Go type name in Toxiproxy's error texts ("" when it is ours), where it acts */
#define FAULT_KINDS(ROW)                                                        \
	ROW(LATENCY,         "latency",         "LatencyToxic",   STREAM)       \
	ROW(BANDWIDTH,       "bandwidth",       "BandwidthToxic", STREAM)       \
	ROW(SLOW_CLOSE,      "slow_close",      "SlowCloseToxic", STREAM)       \
	ROW(TIMEOUT,         "timeout",         "TimeoutToxic",   STREAM)       \
	ROW(RESET_PEER,      "reset_peer",      "ResetToxic",     STREAM)       \
	ROW(SLICER,          "slicer",          "SlicerToxic",    STREAM)       \
	ROW(LIMIT_DATA,      "limit_data",      "LimitDataToxic", STREAM)       \
	ROW(NOOP,            "noop",            "NoopToxic",      STREAM)       \
	ROW(LIMIT_TIME,      "limit_time",      "",               STREAM)       \
	ROW(CORRUPT,         "corrupt",         "",               STREAM)       \
	ROW(DUPLICATE_CHUNK, "duplicate_chunk", "",               STREAM)       \
	ROW(DROP_CHUNK,      "drop_chunk",      "",               STREAM)       \
	ROW(STALL,           "stall",           "",               STREAM)       \
	ROW(HALF_OPEN,       "half_open",       "",               STREAM)       \
	ROW(CONNECT_DELAY,   "connect_delay",   "",               CONNECT)      \
	ROW(CONNECT_REFUSE,  "connect_refuse",  "",               CONNECT)

enum fault_kind {
#define FAULT_ROW(id, name, go, place) FAULT_##id,
	FAULT_KINDS(FAULT_ROW)
#undef FAULT_ROW
	FAULT_KIND_COUNT
};

/* STREAM faults act on the bytes of one direction; CONNECT faults on the opening of a connection. */
enum kind_place { KIND_STREAM, KIND_CONNECT };

enum kind_attr_type { ATTR_INT, ATTR_FLOAT, ATTR_BOOL, ATTR_ENUM, ATTR_FILE };

#define KIND_ATTRS_MAX 6

/* One attribute. min and max are inclusive; for ATTR_ENUM, values is a NULL-terminated list and the value its index. */
struct kind_attr {
	const char *name;
	enum kind_attr_type type;
	bool always;            /* shown even when it has its default (the attributes that Toxiproxy has) */
	double min, max, def;
	const char *const *values;
	const char *doc;        /* unit and meaning, one line */
};

struct kind_info {
	const char *name;
	const char *go_type;
	enum kind_place place;
	const char *doc;        /* one line */
	size_t attr_count;
	struct kind_attr attrs[KIND_ATTRS_MAX];
};

/* Attribute numbers, by kind: indexes into kind_info.attrs and fault_spec.values. */
enum { LATENCY_LATENCY, LATENCY_JITTER, LATENCY_DISTRIBUTION, LATENCY_SHAPE, LATENCY_SAMPLES };
enum { BANDWIDTH_RATE, BANDWIDTH_SHARED };
enum { SLOW_CLOSE_DELAY };
enum { TIMEOUT_TIMEOUT };
enum { RESET_PEER_TIMEOUT };
enum { SLICER_AVERAGE_SIZE, SLICER_SIZE_VARIATION, SLICER_DELAY };
enum { LIMIT_DATA_BYTES };
enum { LIMIT_TIME_TIME };
enum { CORRUPT_RATE, CORRUPT_BITS, CORRUPT_OFFSET, CORRUPT_LENGTH };
enum { DUPLICATE_RATE, DUPLICATE_SIZE };
enum { DROP_RATE, DROP_SIZE };
enum { STALL_AFTER, STALL_DURATION };
enum { HALF_OPEN_AFTER };
enum { CONNECT_DELAY_DELAY, CONNECT_DELAY_JITTER };
enum { CONNECT_REFUSE_RESET };

enum kind_distribution { DIST_UNIFORM, DIST_NORMAL, DIST_PARETO, DIST_LOGNORMAL, DIST_SAMPLES };

const struct kind_info *kind_info(enum fault_kind k);
/* The kind of a name (case matters), or FAULT_KIND_COUNT. */
enum fault_kind kind_find(const char *name);
/* NULL-terminated list of all names, for "did you mean". */
const char *const *kind_names(void);

#endif
