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
	ROW(CONNECT_REFUSE,  "connect_refuse",  "",               CONNECT)      \
	ROW(HTTP_DELAY,      "http_delay",      "",               HTTP)         \
	ROW(HTTP_ABORT,      "http_abort",      "",               HTTP)         \
	ROW(HTTP_RESET,      "http_reset",      "",               HTTP)         \
	ROW(HTTP_TRUNCATE,   "http_truncate",   "",               HTTP)         \
	ROW(HTTP_CORRUPT,    "http_corrupt",    "",               HTTP)         \
	ROW(HTTP_HEADER,     "http_header",     "",               HTTP)         \
	ROW(HTTP_BODY,       "http_body",       "",               HTTP)         \
	ROW(HTTP_SLOW,       "http_slow",       "",               HTTP)         \
	ROW(HTTP_LENGTH,     "http_length",     "",               HTTP)

enum fault_kind {
#define FAULT_ROW(id, name, go, place) FAULT_##id,
	FAULT_KINDS(FAULT_ROW)
#undef FAULT_ROW
	FAULT_KIND_COUNT
};

/* Those of HTTP messages stand behind all others. */
#define FAULT_TCP_COUNT FAULT_HTTP_DELAY

/* STREAM faults act on the bytes of one direction; CONNECT faults on the opening of a connection; HTTP faults on messages. */
enum kind_place { KIND_STREAM, KIND_CONNECT, KIND_HTTP };

enum kind_attr_type { ATTR_INT, ATTR_FLOAT, ATTR_BOOL, ATTR_ENUM, ATTR_FILE, ATTR_TEXT };

#define KIND_ATTRS_MAX 7

/* Longest texts of ATTR_TEXT, by place. */
#define KIND_TEXT_BYTES 2000
#define KIND_LABEL_BYTES 120

/*
 * One attribute. min and max are inclusive; for ATTR_ENUM, values is a NULL-terminated list and the value its index. For ATTR_TEXT
 * max is its length and def its place: 0 fault_spec.text, 1 fault_spec.label; "" is the default of both.
 */
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

/* The first five as those of latency: decide_latency() reads them. */
enum { HTTP_DELAY_DELAY, HTTP_DELAY_JITTER, HTTP_DELAY_DISTRIBUTION, HTTP_DELAY_SHAPE, HTTP_DELAY_SAMPLES, HTTP_DELAY_AT, HTTP_DELAY_PACE };
enum { HTTP_ABORT_STATUS, HTTP_ABORT_WHEN, HTTP_ABORT_RETRY_AFTER, HTTP_ABORT_BODY, HTTP_ABORT_TYPE };
enum { HTTP_RESET_AT, HTTP_RESET_BYTES, HTTP_RESET_HOW };
enum { HTTP_TRUNCATE_BYTES, HTTP_TRUNCATE_SHARE };
/* As those of corrupt. */
enum { HTTP_CORRUPT_RATE, HTTP_CORRUPT_BITS, HTTP_CORRUPT_OFFSET, HTTP_CORRUPT_LENGTH };
enum { HTTP_HEADER_NAME, HTTP_HEADER_VALUE, HTTP_HEADER_OP };
enum { HTTP_BODY_BODY, HTTP_BODY_BYTES, HTTP_BODY_TYPE };
enum { HTTP_SLOW_PACE, HTTP_SLOW_PIECE, HTTP_SLOW_PART };
enum { HTTP_LENGTH_DELTA, HTTP_LENGTH_VALUE };

enum kind_http_at { HTTP_AT_HEAD, HTTP_AT_BODY };
enum kind_http_when { HTTP_WHEN_BEFORE, HTTP_WHEN_AFTER };
enum kind_http_reset { HTTP_RESET_BEFORE_HEAD, HTTP_RESET_AFTER_HEAD, HTTP_RESET_IN_BODY };
enum kind_http_how { HTTP_HOW_RST, HTTP_HOW_FIN };
enum kind_http_op { HTTP_OP_SET, HTTP_OP_ADD, HTTP_OP_REMOVE };
enum kind_http_part { HTTP_PART_BOTH, HTTP_PART_HEAD, HTTP_PART_BODY };

enum kind_distribution { DIST_UNIFORM, DIST_NORMAL, DIST_PARETO, DIST_LOGNORMAL, DIST_SAMPLES };

const struct kind_info *kind_info(enum fault_kind k);
/* The kind of a name (case matters), or FAULT_KIND_COUNT. */
enum fault_kind kind_find(const char *name);
/* NULL-terminated list of all names, for "did you mean". */
const char *const *kind_names(void);

#endif
