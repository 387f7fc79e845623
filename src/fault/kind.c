/* SPDX-License-Identifier: MIT */
/*
 * kind.c - the table of fault kinds and their attributes.
 *
 * Invariants
 *  (1) The order of attributes is that of the enums in kind.h; Toxiproxy's come first, in Toxiproxy's order.
 *  (2) No time may make nanosecond arithmetic overflow: amounts of time end at 100 years.
 *  (3) Every bound is a double that holds the integer exactly.
 */
#include "fault/kind.h"
#include <string.h>

#define YEARS_100_MS 3153600000000.0
#define YEARS_100_US 3153600000000000.0
#define INT_MIN_EXACT (-9223372036854775808.0)
#define INT_MAX_EXACT 9223372036854775808.0
#define CELL_MAX 65536.0
#define RATE_MAX 1e12

#define TOXIPROXY true
#define OURS false
#define INTEGER(name, shown, min, max, def, doc) { name, ATTR_INT, shown, min, max, def, NULL, doc }
#define NUMBER(name, min, max, def, doc) { name, ATTR_FLOAT, OURS, min, max, def, NULL, doc }
#define FLAG(name, doc) { name, ATTR_BOOL, OURS, 0, 1, 0, NULL, doc }
#define CHOICE(name, max, list, doc) { name, ATTR_ENUM, OURS, 0, max, 0, list, doc }
#define TEXT(name, max, place, doc) { name, ATTR_TEXT, OURS, 0, max, place, NULL, doc }
#define PATH(name, doc) { name, ATTR_FILE, OURS, 0, 0, 0, NULL, doc }

static const char *const distributions[] = { "uniform", "normal", "pareto", "lognormal", "samples", NULL };
static const char *const delayed[] = { "head", "body", NULL };
static const char *const whens[] = { "before", "after", NULL };
static const char *const reset_places[] = { "before_head", "after_head", "body", NULL };
static const char *const hows[] = { "rst", "fin", NULL };
static const char *const header_ops[] = { "set", "add", "remove", NULL };
static const char *const parts[] = { "both", "head", "body", NULL };

/* name_LATENCY, go_LATENCY, place_LATENCY and so on, from the rows of kind.h */
#define FAULT_ROW(id, text, go, where) static const char name_##id[] = text, go_##id[] = go; enum { place_##id = KIND_##where };
FAULT_KINDS(FAULT_ROW)
#undef FAULT_ROW
#define HEAD(id) .name = name_##id, .go_type = go_##id, .place = (enum kind_place)place_##id

static const struct kind_info kinds[FAULT_KIND_COUNT] = {
	[FAULT_LATENCY] = { HEAD(LATENCY), .doc = "every chunk arrives later", .attr_count = 5, .attrs = {
		INTEGER("latency", TOXIPROXY, INT_MIN_EXACT, YEARS_100_MS, 0, "ms added to every chunk; negative is none"),
		INTEGER("jitter", TOXIPROXY, INT_MIN_EXACT, YEARS_100_MS, 0, "ms of random spread; negative is none"),
		CHOICE("distribution", DIST_SAMPLES, distributions, "how the spread is drawn"),
		NUMBER("shape", 0, 100, 0, "pareto: tail index above 1, lognormal: sigma; 0 is 3 for pareto, 1 for lognormal"),
		PATH("samples", "file of latencies to draw from, added to latency, for distribution samples"),
	} },
	[FAULT_BANDWIDTH] = { HEAD(BANDWIDTH), .doc = "bytes pass at a limited rate", .attr_count = 2, .attrs = {
		INTEGER("rate", TOXIPROXY, 0, INT_MAX_EXACT, 0, "KB (1000 bytes) per second; 0 lets nothing pass"),
		FLAG("shared", "one rate for all connections of the line together"),
	} },
	[FAULT_SLOW_CLOSE] = { HEAD(SLOW_CLOSE), .doc = "the end of the stream arrives later", .attr_count = 1, .attrs = {
		INTEGER("delay", TOXIPROXY, 0, YEARS_100_MS, 0, "ms for which the end is held back"),
	} },
	[FAULT_TIMEOUT] = { HEAD(TIMEOUT), .doc = "data is swallowed, then the connection is closed", .attr_count = 1, .attrs = {
		INTEGER("timeout", TOXIPROXY, 0, YEARS_100_MS, 0, "ms without a chunk until the connection is closed; 0 never"),
	} },
	[FAULT_RESET_PEER] = { HEAD(RESET_PEER), .doc = "the connection is reset at its first chunk or end", .attr_count = 1, .attrs = {
		INTEGER("timeout", TOXIPROXY, 0, YEARS_100_MS, 0, "ms from the first chunk to the reset"),
	} },
	[FAULT_SLICER] = { HEAD(SLICER), .doc = "data arrives in small pieces", .attr_count = 3, .attrs = {
		INTEGER("average_size", TOXIPROXY, 1, 2147483647, 0, "bytes of a piece on average, at least 1"),
		INTEGER("size_variation", TOXIPROXY, 0, 2147483647, 0, "bytes by which pieces differ from it, at most average_size"),
		INTEGER("delay", TOXIPROXY, 0, YEARS_100_US, 0, "microseconds after each piece"),
	} },
	[FAULT_LIMIT_DATA] = { HEAD(LIMIT_DATA), .doc = "the connection is closed after a number of bytes", .attr_count = 1, .attrs = {
		INTEGER("bytes", TOXIPROXY, 0, INT_MAX_EXACT, 0, "bytes that pass; 0 closes at the first chunk"),
	} },
	[FAULT_NOOP] = { HEAD(NOOP), .doc = "everything passes" },
	[FAULT_LIMIT_TIME] = { HEAD(LIMIT_TIME), .doc = "the connection is closed after a time, traffic or not", .attr_count = 1, .attrs = {
		INTEGER("time", OURS, 0, YEARS_100_MS, 0, "ms after the connection was opened"),
	} },
	[FAULT_CORRUPT] = { HEAD(CORRUPT), .doc = "bits of the stream are flipped", .attr_count = 4, .attrs = {
		NUMBER("rate", 0, 1, 0.001, "share of bytes that are hit"),
		INTEGER("bits", OURS, 1, 8, 1, "bits flipped in a byte that is hit"),
		INTEGER("offset", OURS, 0, INT_MAX_EXACT, 0, "bytes at the start of the stream that are left alone"),
		INTEGER("length", OURS, 0, INT_MAX_EXACT, 0, "bytes after offset that may be hit; 0 is no end"),
	} },
	[FAULT_DUPLICATE_CHUNK] = { HEAD(DUPLICATE_CHUNK), .doc = "pieces of the stream are sent twice", .attr_count = 2, .attrs = {
		NUMBER("rate", 0, 1, 0.1, "share of pieces that are sent twice"),
		INTEGER("size", OURS, 1, CELL_MAX, 1024, "bytes of a piece"),
	} },
	[FAULT_DROP_CHUNK] = { HEAD(DROP_CHUNK), .doc = "pieces of the stream are left out", .attr_count = 2, .attrs = {
		NUMBER("rate", 0, 1, 0.1, "share of pieces that are left out"),
		INTEGER("size", OURS, 1, CELL_MAX, 1024, "bytes of a piece"),
	} },
	[FAULT_STALL] = { HEAD(STALL), .doc = "nothing is read or passed, so that the sender's window closes", .attr_count = 2, .attrs = {
		INTEGER("after", OURS, 0, INT_MAX_EXACT, 0, "bytes that pass before"),
		INTEGER("duration", OURS, 0, YEARS_100_MS, 0, "ms; 0 is as long as the fault lives"),
	} },
	[FAULT_HALF_OPEN] = { HEAD(HALF_OPEN), .doc = "the sender goes away and the receiver does not notice", .attr_count = 1, .attrs = {
		INTEGER("after", OURS, 0, YEARS_100_MS, 0, "ms after the fault was installed or the connection opened"),
	} },
	[FAULT_CONNECT_DELAY] = { HEAD(CONNECT_DELAY), .doc = "the connection to the server is opened later", .attr_count = 2, .attrs = {
		INTEGER("delay", OURS, 0, YEARS_100_MS, 0, "ms"),
		INTEGER("jitter", OURS, 0, YEARS_100_MS, 0, "ms of uniform spread around delay"),
	} },
	[FAULT_CONNECT_REFUSE] = { HEAD(CONNECT_REFUSE), .doc = "the connection is refused", .attr_count = 1, .attrs = {
		FLAG("reset", "with a reset instead of an ordinary close"),
	} },
	[FAULT_HTTP_DELAY] = { HEAD(HTTP_DELAY), .doc = "a message, or its body, goes out later", .attr_count = 7, .attrs = {
		INTEGER("delay", OURS, 0, YEARS_100_MS, 0, "ms before the head, or before the body's first byte"),
		INTEGER("jitter", OURS, 0, YEARS_100_MS, 0, "ms of random spread"),
		CHOICE("distribution", DIST_SAMPLES, distributions, "how the spread is drawn"),
		NUMBER("shape", 0, 100, 0, "pareto: tail index above 1, lognormal: sigma; 0 is 3 for pareto, 1 for lognormal"),
		PATH("samples", "file of delays to draw from, added to delay, for distribution samples"),
		CHOICE("at", HTTP_AT_BODY, delayed, "what waits: head, or body (the head goes out at once)"),
		INTEGER("pace", OURS, 0, RATE_MAX, 0, "bytes per second at which the body goes out; 0 is as it comes"),
	} },
	[FAULT_HTTP_ABORT] = { HEAD(HTTP_ABORT), .doc = "another answer is given", .attr_count = 5, .attrs = {
		INTEGER("status", OURS, 200, 599, 503, "status of the answer"),
		CHOICE("when", HTTP_WHEN_AFTER, whens, "before the server is asked, or after it answered (which is thrown away)"),
		INTEGER("retry_after", OURS, 0, 31536000, 0, "seconds in Retry-After; 0 is none"),
		TEXT("body", KIND_TEXT_BYTES, 0, "body of the answer"),
		TEXT("content_type", KIND_LABEL_BYTES, 1, "Content-Type of the answer; text/plain when there is a body and none is said"),
	} },
	[FAULT_HTTP_RESET] = { HEAD(HTTP_RESET), .doc = "the connection ends at a place in the message", .attr_count = 3, .attrs = {
		CHOICE("at", HTTP_RESET_IN_BODY, reset_places, "before_head, after_head, or body (behind `bytes` of it)"),
		INTEGER("bytes", OURS, 0, INT_MAX_EXACT, 0, "bytes of the body that pass, for at: body"),
		CHOICE("how", HTTP_HOW_FIN, hows, "rst, or fin: an ordinary close"),
	} },
	[FAULT_HTTP_TRUNCATE] = { HEAD(HTTP_TRUNCATE), .doc = "the body is cut off and the connection closed", .attr_count = 2, .attrs = {
		INTEGER("bytes", OURS, 0, INT_MAX_EXACT, 0, "bytes of the body that pass"),
		NUMBER("share", 0, 1, 1, "share of the body that passes, if less than 1; bytes does not count then"),
	} },
	[FAULT_HTTP_CORRUPT] = { HEAD(HTTP_CORRUPT), .doc = "bits of the body are flipped", .attr_count = 4, .attrs = {
		NUMBER("rate", 0, 1, 0.001, "share of bytes that are hit"),
		INTEGER("bits", OURS, 1, 8, 1, "bits flipped in a byte that is hit"),
		INTEGER("offset", OURS, 0, INT_MAX_EXACT, 0, "bytes at the start of the body that are left alone"),
		INTEGER("length", OURS, 0, INT_MAX_EXACT, 0, "bytes after offset that may be hit; 0 is no end"),
	} },
	[FAULT_HTTP_HEADER] = { HEAD(HTTP_HEADER), .doc = "a header is changed", .attr_count = 3, .attrs = {
		TEXT("name", KIND_LABEL_BYTES, 1, "of the header"),
		TEXT("value", KIND_TEXT_BYTES, 0, "that it gets"),
		CHOICE("op", HTTP_OP_REMOVE, header_ops, "set: instead of all of that name; add: one more; remove"),
	} },
	[FAULT_HTTP_BODY] = { HEAD(HTTP_BODY), .doc = "the body is replaced", .attr_count = 3, .attrs = {
		TEXT("body", KIND_TEXT_BYTES, 0, "that goes out"),
		INTEGER("bytes", OURS, 0, RATE_MAX, 0, "size to which body is repeated; 0 is once"),
		TEXT("content_type", KIND_LABEL_BYTES, 1, "that goes with it; as it was when none is said"),
	} },
	[FAULT_HTTP_SLOW] = { HEAD(HTTP_SLOW), .doc = "a message goes out a few bytes at a time", .attr_count = 3, .attrs = {
		INTEGER("pace", OURS, 1, 1e9, 10, "bytes per second"),
		INTEGER("piece", OURS, 1, CELL_MAX, 1, "bytes sent at a time"),
		CHOICE("part", HTTP_PART_BODY, parts, "of the message: both, head or body"),
	} },
	[FAULT_HTTP_LENGTH] = { HEAD(HTTP_LENGTH), .doc = "Content-Length is wrong", .attr_count = 2, .attrs = {
		INTEGER("delta", OURS, -INT_MAX_EXACT / 2, INT_MAX_EXACT / 2, 0, "added to the length"),
		INTEGER("value", OURS, -1, INT_MAX_EXACT / 2, -1, "instead of the length; -1 is none"),
	} },
};

static const char *const names[FAULT_KIND_COUNT + 1] = {
#define FAULT_ROW(id, text, go, where) text,
	FAULT_KINDS(FAULT_ROW)
#undef FAULT_ROW
};

const struct kind_info *
kind_info(enum fault_kind k)
{
	return (unsigned)k < FAULT_KIND_COUNT ? &kinds[k] : NULL;
}

enum fault_kind
kind_find(const char *name)
{
	for (unsigned k = 0; k < FAULT_KIND_COUNT; k++)
		if (strcmp(names[k], name) == 0)
			return (enum fault_kind)k;
	return FAULT_KIND_COUNT;
}

const char *const *
kind_names(void)
{
	return names;
}
