/* SPDX-License-Identifier: MIT */
/*
 * lines.h - the table of lines: what each is called, where it listens and leads, its toxics; and the hand that carries every
 * change over to the proxy.
 *
 * A change is checked in full before anything happens, applied to a copy, and then swapped in. Whatever is refused changes
 * nothing, except where Toxiproxy's contract says so: when an address that a line is moved to cannot be bound, the line stays,
 * disabled, with its new address.
 *
 * Invariants
 *  (1) line->line != NULL exactly when line->enabled.
 *  (2) toxics are ordered: upstream first, then downstream, each in order of insertion; their names differ.
 *  (3) A toxic's id is never used again in this process; its key depends on seed, line name and toxic name alone.
 *  (4) Pointers to lines are valid until lines_delete() of that line.
 *
 * One thread: the control loop.
 */
#ifndef CONTROL_LINES_H
#define CONTROL_LINES_H

#include "base/heap.h"
#include "base/list.h"
#include "base/map.h"
#include "control/listen.h"
#include "control/log.h"
#include "proxy/proxy.h"

#define LINES_TOXICS_MAX 256            /* of one line */
#define LINES_LEASES_MAX 65536
#define LINES_ADDRESS_MAX 512           /* bytes of a listen or upstream text */

struct http_conf;
struct http_doc;
struct http_keep;
struct http_news;
struct lines_line;

struct lines_toxic {
	struct fault_spec spec;         /* holds references to samples and shared */
	fl_ns expires;                  /* io clock; FL_NEVER: no lease */
	struct heap_node lease;
	struct lines_line *line;
};

struct lines_line {
	char name[LINE_NAME_MAX];
	char listen[LINES_ADDRESS_MAX]; /* as reported: the real address once bound */
	char upstream[LINES_ADDRESS_MAX];
	char *origin;                   /* digest of its entry in the configuration file; NULL: made through the API */
	bool enabled, half_close;
	enum line_key key;
	fl_ns connect_timeout;
	uint32_t toxic_count;
	struct lines_toxic **toxics;
	struct line *line;              /* the proxy's, while enabled */
	struct http_doc *http;          /* an HTTP line: what was asked of it; NULL: a TCP line */
	char *source;                   /* with it: what was said, as JSON */
	struct http_conf *conf;         /* with it: what it is to the data path; a reference */
	uint64_t wire_digest;           /* of what the wire was made of */
	struct line_wire *wire;         /* a reference; NULL: plain TCP on both sides */
	struct trace_conf *trace;       /* a reference; NULL: a TCP line whose messages are not recorded, or an HTTP line */
	bool wire_missing;              /* it came from the state file, which holds no wires: disabled until the configuration brings its one */
	bool wire_enabled;              /* and then enabled */
	struct line_counters past;      /* of earlier times it was enabled; active is 0 */
	struct list link;               /* in order of creation */
};

struct lines {
	struct proxy *proxy;
	struct io *io;                  /* for its clock */
	struct log *log;
	struct listen_lookup lookup;
	uint64_t seed;
	uint64_t next_id;
	uint64_t changes;               /* grows with every change that the state file should hold */
	bool draining;                  /* nothing new is accepted */
	struct map by_name;
	struct list order;
	struct heap leases;
	struct http_keep *keep;         /* live objects of HTTP lines */
	struct http_news *news;         /* changes of their states */
	void (*opening)(void *ud, const struct lines_line *l, bool opened);     /* it is about to be opened, or was changed; may be NULL */
	void *opening_ud;
};

/* What a line should be. Strings are borrowed. */
struct lines_ask {
	const char *name, *listen, *upstream;
	const char *origin;             /* NULL: API */
	bool enabled, half_close;
	enum line_key key;
	fl_ns connect_timeout;
	bool has_half_close, has_key, has_connect_timeout;      /* said, not defaults */
	bool has_toxics;
	uint32_t toxic_count;
	struct fault_spec *toxics;      /* name, kind, attributes, scope, ttl; samples are the asker's reference */
	struct http_doc *http;          /* an HTTP line: the asker's reference; NULL: a TCP line, or unchanged */
	char *source;                   /* with it: what was said of the line, as JSON */
	bool has_wire;                  /* said: false leaves the line's as it is */
	struct line_wire *wire;         /* the asker's reference; NULL: none */
	uint64_t wire_digest;           /* of what it was made of */
	bool has_trace;                 /* said: false leaves the line's as it is */
	struct trace_conf *trace;       /* of a TCP line: the asker's reference; NULL: its messages are not recorded */
	char *wire_warning;             /* for the log; the asker's, NULL: none */
};

struct lines_error {
	unsigned status;                /* of HTTP */
	char text[LISTEN_ERROR_MAX + 128];
};
/* Set *e. returns -err. */
int lines_refuse(struct lines_error *e, int err, unsigned status, const char *fmt, ...) __attribute__((format(printf, 4, 5)));

struct lines_opts {
	struct proxy *proxy;
	struct io *io;
	struct log *log;
	struct listen_lookup lookup;
	uint64_t seed;
};
int lines_init(struct lines *t, const struct lines_opts *opts);         /* 0 or -ENOMEM */
/* Forget all lines. The proxy has ended before. Accepts a zeroed table. */
void lines_fini(struct lines *t);

struct lines_line *lines_find(const struct lines *t, const char *name); /* NULL: not found */
struct lines_toxic *lines_toxic_find(const struct lines_line *l, const char *name);
void lines_counters(const struct lines_line *l, struct line_counters *ret);     /* live and past */

/*
 * All below: 0; -EINPROGRESS: a name is being looked up, nothing has changed, ask again when lookup.done was called;
 * else -errno with *e set.
 */
int lines_create(struct lines *t, const struct lines_ask *ask, struct lines_error *e, struct lines_line **ret_line);
int lines_update(struct lines *t, struct lines_line *l, const struct lines_ask *ask, struct lines_error *e);
void lines_delete(struct lines *t, struct lines_line *l);
/* Enable every line and remove all toxics. The first address that cannot be bound ends it. */
int lines_reset(struct lines *t, struct lines_error *e);
/*
 * Toxiproxy's /populate: make what is new, leave what is the same, replace what differs; in order, until one fails.
 * ret_lines   room for count; filled with the lines done
 */
int lines_populate(struct lines *t, const struct lines_ask *asks, uint32_t count, struct lines_error *e, struct lines_line **ret_lines,
    uint32_t *ret_done);

/* spec: checked already. The table takes its own reference to samples. */
int lines_toxic_add(struct lines *t, struct lines_line *l, const struct fault_spec *spec, struct lines_error *e, struct lines_toxic **ret_toxic);
/* The toxic becomes spec (same name, kind, stream). lease: start the lease anew from spec->ttl_ns. */
int lines_toxic_set(struct lines *t, struct lines_toxic *x, const struct fault_spec *spec, bool lease, struct lines_error *e);
/* The lease ends at `at` (io clock), FL_NEVER: there is none. */
void lines_toxic_expire(struct lines *t, struct lines_toxic *x, fl_ns at);
void lines_toxic_remove(struct lines *t, struct lines_toxic *x);

/* Remove toxics whose lease is over. */
void lines_tick(struct lines *t, fl_ns now);
fl_ns lines_next(const struct lines *t);        /* when to tick next */
/* No more new connections: see proxy_drain(). */
void lines_drain(struct lines *t);

#endif
