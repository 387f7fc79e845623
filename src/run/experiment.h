/* SPDX-License-Identifier: MIT */
/*
 * experiment.h - an experiment as its file says it, checked: every name it uses exists and every value is in range.
 *
 * doc/experiments.md describes the file. Texts marked `template` may hold {port:NAME}, {line:NAME}, {dir}, ...; see subst.h.
 *
 * Invariants
 *  (1) Indexes (line, process, probe) are within their arrays, or -1 where that is said.
 *  (2) Names are unique within lines, processes, probes, and among the faults of one line.
 *  (3) Everything but samples of faults lives in mem; nothing points into the doc it was read from.
 */
#ifndef RUN_EXPERIMENT_H
#define RUN_EXPERIMENT_H

#include "fault/spec.h"
#include "proto/doc.h"
#include "proxy/line.h"
#include "run/metric.h"
#include "run/pace.h"
#include "conf/trace_doc.h"

#define EXPERIMENT_PORTS_MAX 64
#define EXPERIMENT_LINES_MAX 64
#define EXPERIMENT_PROCESSES_MAX 32
#define EXPERIMENT_PROBES_MAX 64
#define EXPERIMENT_FAULTS_MAX 256
#define EXPERIMENT_ROUNDS_MAX 2000      /* of all faults together */
#define EXPERIMENT_GUARDS_MAX 16
#define EXPERIMENT_CLIENTS_MAX 512
#define EXPERIMENT_COUNTERS_MAX 16
#define EXPERIMENT_AUDITS_MAX 8
#define EXPERIMENT_KEYS_MAX 10000
#define EXPERIMENT_NS_MAX (24 * 3600 * FL_SEC)

enum probe_kind { PROBE_PROCESS, PROBE_TCP, PROBE_HTTP };
enum { PROBE_BEFORE = 1, PROBE_DURING = 2, PROBE_AFTER = 4 };

/* A measurement with a tolerance. */
struct experiment_probe {
	const char *name;
	enum probe_kind kind;
	int process;                    /* PROBE_PROCESS: which must be alive; else -1 */
	const char *target;             /* template: host:port, unix:path; of the URL for PROBE_HTTP */
	const char *path;               /* template, PROBE_HTTP: what to GET */
	const char *send;               /* PROBE_TCP, template; NULL: nothing */
	const char *expect;             /* text the answer must hold; NULL: connecting (or the status) is enough */
	int status;                     /* PROBE_HTTP: 0 = any 2xx */
	fl_ns timeout, every;
	double tolerance;               /* share of the checks during the faults that must hold, 0..1 */
	unsigned when;                  /* PROBE_BEFORE | ... */
};

struct experiment_process {
	const char *name;
	const char *const *argv;        /* templates, NULL-terminated */
	const char *const *env;         /* templates "NAME=value", NULL-terminated */
	const char *cwd;                /* template */
	const struct experiment_probe *ready;   /* NULL: started is ready */
	fl_ns ready_timeout;
	int stop_signal;
	fl_ns stop_grace;
	bool load;                      /* it is the load: started when that starts */
	bool ends;                      /* it ends by itself, with exit code 0, and is waited for */
};

struct experiment_line {
	const char *name;
	const char *listen, *upstream;  /* templates; upstream of an HTTP line: all its instances, for reports */
	bool half_close;
	struct trace_doc trace;         /* of a TCP line; that of an HTTP line is in http */
	enum line_key key;
	fl_ns connect_timeout;
	uint32_t conns_max;
	const struct doc_node *http;    /* with protocol: http: its map, whose texts are templates (exp_line.h); NULL: connections */
};

/* What an HTTP load may ask for. */
struct experiment_request {
	const char *method, *path;      /* path is a template */
	uint32_t weight;
	uint64_t body_bytes;
};
struct experiment_header {
	const char *name, *value;       /* value is a template */
	double share;                   /* of the requests that carry it */
};
#define EXPERIMENT_REQUESTS_MAX 32
#define EXPERIMENT_HEADERS_MAX 32
#define EXPERIMENT_BODY_MAX (16u << 20)
struct experiment_http {
	const char *target;             /* template host:port; NULL: the line */
	struct pace_conf pace;
	uint32_t request_count, header_count;
	struct experiment_request requests[EXPERIMENT_REQUESTS_MAX];
	struct experiment_header headers[EXPERIMENT_HEADERS_MAX];
	uint32_t conns_max, threads;
	uint32_t outstanding_max;       /* requests under way and waiting */
	fl_ns patience;                 /* an answer after that is late; FL_NEVER: none is */
	uint32_t attempts;              /* of a request at most; 1: no retries */
	unsigned retry_on;              /* bits 1 << enum load_outcome */
	fl_ns backoff, backoff_max;
	double backoff_factor;
	bool backoff_jitter;
	bool traceparent, idempotency_key;
};

enum experiment_load_type { EXPERIMENT_REDIS, EXPERIMENT_HTTP, EXPERIMENT_PROGRAM };
struct experiment_load {
	enum experiment_load_type type;
	int line;                       /* to go through; EXPERIMENT_HTTP with a target, EXPERIMENT_PROGRAM: -1 */
	uint32_t process;               /* EXPERIMENT_PROGRAM */
	/* EXPERIMENT_REDIS */
	uint32_t clients, keys;
	unsigned mix[3];                /* weights by enum history_f: read, write, cas */
	double rate;                    /* operations per second and client; 0: as fast as answers come */
	fl_ns think;
	uint64_t ops_max;               /* all clients together: memory is taken for so many */
	const char *prefix;             /* of the keys */
	bool final_reads;               /* read every key once more after healing */
	/* both */
	fl_ns duration, timeout, connect_timeout;
	struct experiment_http http;
};

enum experiment_action { ACTION_FAULT, ACTION_CUT, ACTION_DOWN, ACTION_KILL, ACTION_RESTART, ACTION_PAUSE, ACTION_CALL };

/* What to ask of a server by HTTP. Templates. */
struct experiment_call {
	const char *target, *path;      /* NULL: nothing */
};

/* One entry of the timeline. */
struct experiment_fault {
	enum experiment_action action;
	const char *name;
	fl_ns at, length;               /* length 0: an instant, or until the end for those that last */
	fl_ns every;                    /* 0: once */
	uint32_t times;                 /* how often in all; at least 1 */
	uint32_t first;                 /* rounds of the faults before it: its rounds are numbered from here */
	int line, process;              /* -1: the other one; ACTION_CALL: both */
	int sig;                        /* ACTION_KILL */
	bool reset;                     /* ACTION_CUT */
	struct experiment_call call, undo;      /* ACTION_CALL; no undo: it ends by itself, after length */
	struct fault_spec spec;         /* ACTION_FAULT; id, version, since_ns, key and shared are not set */
};

/* How the results of the load are audited: by this program, started once more with these words, which writes a verdict as JSON. */
enum experiment_audit_kind { EXPERIMENT_AUDIT_HISTORY, EXPERIMENT_AUDIT_TXN, EXPERIMENT_AUDIT_STREAM };
struct experiment_audit {
	enum experiment_audit_kind kind;
	const char *name, *what;        /* as it is called, or NULL; "queue", "serializable", "match" */
	const char *const *argv;        /* templates, NULL-terminated, without the program's name */
};
/* Files of the run that must be the same with faults and without. */
enum experiment_same { EXPERIMENT_SAME_NOT, EXPERIMENT_SAME_BYTES, EXPERIMENT_SAME_LINES, EXPERIMENT_SAME_LAST };

enum guard_kind { GUARD_ERRORS, GUARD_P99, GUARD_PROBE, GUARD_MEMORY, GUARD_EXIT };
/* When to stop everything. */
struct experiment_guard {
	enum guard_kind kind;
	double share;                   /* GUARD_ERRORS */
	fl_ns limit;                    /* GUARD_P99 */
	fl_ns window;                   /* GUARD_ERRORS, GUARD_P99: for this long */
	int probe, process;
	uint32_t fails;                 /* GUARD_PROBE: in a row */
	int64_t bytes;                  /* GUARD_MEMORY */
};

/* A server whose own numbers are read while the load runs: a JSON object. */
struct experiment_counter {
	const char *name;
	const char *target, *path;      /* templates */
	fl_ns every, timeout;
	const char *requests, *worked, *wasted; /* members that mean that */
};

struct experiment {
	struct arena mem;
	const char *name, *description;
	uint64_t seed;
	bool has_seed;
	fl_ns duration;                 /* of load and timeline */
	fl_ns heal_within;
	uint32_t rounds;                /* of all faults */
	uint32_t port_count, line_count, process_count, probe_count, fault_count, guard_count;
	const char *ports[EXPERIMENT_PORTS_MAX + 1];    /* names, NULL-terminated */
	const char *line_names[EXPERIMENT_LINES_MAX + 1], *process_names[EXPERIMENT_PROCESSES_MAX + 1],
	    *probe_names[EXPERIMENT_PROBES_MAX + 1];
	struct experiment_line lines[EXPERIMENT_LINES_MAX];
	struct experiment_process processes[EXPERIMENT_PROCESSES_MAX];
	struct experiment_probe probes[EXPERIMENT_PROBES_MAX];
	struct experiment_fault *faults;
	struct experiment_guard guards[EXPERIMENT_GUARDS_MAX];
	bool has_load;
	bool has_audit;                 /* the history of a Redis load must be one of registers */
	const char *audit_name;
	uint32_t audit_count;           /* of the others */
	struct experiment_audit audits[EXPERIMENT_AUDITS_MAX];
	enum experiment_same same;
	const char *same_file;          /* in the run directory */
	struct experiment_load load;
	uint32_t limit_count, counter_count;
	struct metric_limit limits[METRIC_COUNT];       /* that the load must keep */
	struct experiment_counter counters[EXPERIMENT_COUNTERS_MAX];
};

/*
 * experiment_read - an experiment from a parsed file.
 * returns    0; -EINVAL after complaints in d, all that were found; -ENOMEM
 */
int experiment_read(const struct doc_node *root, struct doc_diag *d, struct experiment **ret_x);
/* The same from the text of a file; d->name is what the complaints call it. */
int experiment_parse(const char *text, size_t text_bytes, struct doc_diag *d, struct experiment **ret_x);
/*
 * The same from a file. text (given initialised) gets what the file holds.
 * returns    as experiment_read(); a file that cannot be read is a complaint too
 */
int experiment_from_file(const char *path, struct doc_diag *d, struct buf *text, struct experiment **ret_x);
void experiment_free(struct experiment *x);     /* NULL is fine */

#endif
