/* SPDX-License-Identifier: MIT */
/*
 * spec.h - one fault as asked for: kind, attributes, stream, share (toxicity), scope, lease; and immutable sets of them.
 *
 * A spec is a plain value. The API and the experiment reader fill it with the spec_set_* functions, which check every value and
 * change nothing on refusal, then spec_check() for what depends on several values.
 */
#ifndef FAULT_SPEC_H
#define FAULT_SPEC_H

#include "fault/kind.h"
#include <stdatomic.h>

#define SPEC_NAME_MAX 256
#define SPEC_ERROR_MAX 256

/* Which requests an HTTP fault touches; "" any. Set by spec_set_http(). */
struct spec_http {
	char methods[64];               /* "GET", "GET,HEAD" */
	char path[192];                 /* pattern: * is anything but "/", ** anything at all, ? one byte but "/" */
	char host[128];                 /* pattern; with a port only when the host of the request shall have it */
	char header[64];                /* the request has this header, ... */
	bool has_header_value;
	char header_value[128];         /* ... with this value */
	char experiment[64];            /* x-faultline lists this experiment */
	bool by_trace;                  /* decisions are keyed by the trace id, not by connection and number */
};

/*
 * Which connections a fault touches (an HTTP fault: which requests), and when. All conditions must hold; a zeroed scope is "all,
 * always".
 */
struct spec_scope {
	bool has_client;
	uint8_t client_ip[16];          /* IPv4 mapped */
	uint8_t client_prefix;          /* bits of the 128 */
	char client_text[64];           /* as given: "10.0.0.0/8" */
	uint64_t every;                 /* every nth connection (ordinal % every == 0, ordinals from 1); 0 = any */
	uint64_t first;                 /* only the first N connections accepted on the line; 0 = any */
	fl_ns window_from, window_to;   /* active from..to after the fault was installed; to 0 = no end */
	fl_ns duty_period, duty_on;     /* active for duty_on at the start of each period; period 0 = always */
	struct spec_http http;
	uint64_t member;                /* only who is one of these (decide_conn.members); 0: anybody. Not for users: fault/http_fault.h */
};

/* Latencies to draw from: sorted nanoseconds, shared by reference. */
struct spec_samples {
	atomic_uint refs;
	uint32_t count;
	char path[256];
	fl_ns values[];
};

/* The state of a `shared` bandwidth fault. One per fault id; survives updates. */
struct spec_shared {
	atomic_uint refs;
	_Atomic int64_t free_at_ns;     /* virtual clock: when the line has sent all it promised */
	_Atomic uint32_t version;       /* of the fault when the clock was last fitted to its rate */
};

struct fault_spec {
	uint64_t id;                    /* of the fault, in this process; kept over updates; never 0 when installed */
	uint32_t version;               /* grows with every update of the fault */
	enum fault_kind kind;
	enum fl_dir dir;
	char name[SPEC_NAME_MAX];
	char stream_text[16];           /* as typed by the client of the API */
	float toxicity;                 /* share of connections, as given; <= 0 none, >= 1 all */
	struct spec_scope scope;
	fl_ns ttl_ns;                   /* lease; 0 = none */
	fl_ns since_ns;                 /* when it was installed (io clock) */
	uint64_t key;                   /* decision key: of seed, line and name; see spec_key() */
	union { int64_t i; double f; } values[KIND_ATTRS_MAX];
	char text[KIND_TEXT_BYTES + 1], label[KIND_LABEL_BYTES + 1];    /* attributes of type ATTR_TEXT */
	struct spec_samples *samples;   /* LATENCY with DIST_SAMPLES, else NULL */
	struct spec_shared *shared;     /* BANDWIDTH with shared, else NULL */
};

/* Defaults of the kind: toxicity 1, dir S2C, stream_text "downstream", name "". */
void spec_init(struct fault_spec *f, enum fault_kind kind);

/* One attribute value as it came from a file or a request. */
enum spec_value_type { VALUE_INT, VALUE_FLOAT, VALUE_BOOL, VALUE_TEXT, VALUE_NULL, VALUE_OTHER };
struct spec_value {
	enum spec_value_type type;
	int64_t i;
	double f;
	bool b;
	const char *text;
};

/*
 * spec_set_attr - set one attribute by name.
 * error     at least SPEC_ERROR_MAX bytes; set on refusal: what was found, what was expected
 * returns   0; -ENOENT no such attribute (the API ignores those, files refuse them); -EINVAL wrong type; -ERANGE out of range
 * VALUE_NULL keeps the value. ATTR_FILE is refused here (-EINVAL): the caller loads the file and sets f->samples from
 * spec_samples_new(). Integers must be VALUE_INT; ATTR_FLOAT takes both.
 */
int spec_set_attr(struct fault_spec *f, const char *name, const struct spec_value *v, char *error);
/* Number of the attribute in kind_info.attrs, letters in any case (as Go's JSON), or -ENOENT. */
int spec_attr_index(enum fault_kind kind, const char *name);
/* Parse "10.1.2.3", "10.0.0.0/8", "fd00::/8" into scope. 0 or -EINVAL with error set. */
int spec_set_client(struct spec_scope *s, const char *text, char *error);
/* The text of an attribute of type ATTR_TEXT. */
const char *spec_text(const struct fault_spec *f, size_t attr);
/*
 * spec_set_http - set one condition on requests: key is "method", "path", "host", "header" ("name" or "name: value"), "experiment"
 * or "key" ("request" or "trace"). "" takes the condition away.
 * returns   0; -ENOENT no such key; -EINVAL with error set
 */
int spec_set_http(struct spec_scope *s, const char *key, const char *text, char *error);
/* NULL-terminated list of the keys. */
const char *const *spec_http_keys(void);
/* The condition as spec_set_http() takes it, into buf of SPEC_HTTP_TEXT_MAX bytes; NULL: none under that key. */
#define SPEC_HTTP_TEXT_MAX 256
const char *spec_http_text(const struct spec_scope *s, const char *key, char *buf);
/* Is any condition on requests set? */
bool spec_http_any(const struct spec_scope *s);
/* What depends on several values of an HTTP fault. 0 or -EINVAL. Called by spec_check(). */
int spec_http_check(const struct fault_spec *f, char *error);
/* What depends on several values (slicer variation < average, duty <= period, samples given, ...). 0 or -EINVAL. */
int spec_check(const struct fault_spec *f, char *error);

/* Sorted copy of values (ns), refs 1; NULL when out of memory. spec_samples_unref frees at 0. */
struct spec_samples *spec_samples_new(const char *path, const fl_ns *values, uint32_t count);
void spec_samples_unref(struct spec_samples *s);        /* NULL is fine */
struct spec_shared *spec_shared_new(void);
void spec_shared_unref(struct spec_shared *s);

/* The decision key of a fault: a pure function of seed, line name and fault name. */
uint64_t spec_key(uint64_t seed, const char *line, const char *fault);

/* The faults of a line, immutable once shared. Upstream (c2s) first, then downstream, each in order of insertion. */
struct fault_set {
	atomic_uint refs;
	uint32_t count;
	struct fault_spec specs[];
};
/* Copies specs (and takes references to samples and shared). NULL when out of memory. refs 1. */
struct fault_set *spec_set_new(const struct fault_spec *specs, uint32_t count);
struct fault_set *spec_set_ref(struct fault_set *s);
void spec_set_unref(struct fault_set *s);               /* NULL is fine */

#endif
