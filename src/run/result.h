/* SPDX-License-Identifier: MIT */
/*
 * result.h - everything that is to be said of one finished run. The reports are pictures of this and of nothing else.
 *
 * Plain data: strings and arrays belong to whoever filled it in (an arena of the run, as a rule) and outlive the reports.
 * All points in time are nanoseconds since the run started (the same clock as the history's times), except start_wall_ns.
 * A count of 0 and a NULL string mean "there is none" everywhere; reports leave the part out.
 */
#ifndef RUN_RESULT_H
#define RUN_RESULT_H

#include "audit/verdict.h"
#include "base/hist.h"
#include "run/metric.h"

enum result_verdict {
	RESULT_HELD,            /* exit code 0 */
	RESULT_FINDING,         /* 1 */
	RESULT_ABORTED,         /* 3: a guard stopped it */
	RESULT_UNKNOWN,         /* 4: could not judge */
};

/* A name and a text, for versions, files and the like. */
struct result_pair {
	const char *name, *text;
};

/* The load in one bucket of time. A bucket without operations has zeros everywhere. */
struct result_bucket {
	fl_ns at;                       /* where the bucket starts */
	uint32_t ok, fail, info;        /* by time of completion */
	fl_ns p50, p95, p99, max;       /* of the completed operations */
	/* Of an HTTP load: */
	uint32_t asked, asked_ok;       /* due in this bucket; and of those, how many ended well, whenever that was */
	uint32_t attempts;              /* begun, retries included */
	uint32_t late, refused;         /* of fail: answered after the user's patience; refused by a server or a policy */
};
struct result_load {
	const char *what;               /* "8 clients: read, write, cas on 5 keys through line redis" */
	fl_ns bucket_ns;                /* 100 ms .. 1 s */
	const struct result_bucket *buckets;
	uint32_t bucket_count;
	uint64_t ok, fail, info;
	const struct hist *latency;     /* NULL: none */
	const struct result_pair *errors;       /* error text -> "12 times", most frequent first */
	uint32_t error_count;
	/* Of an HTTP load: */
	bool open;                      /* it is one: requests were due at their times, whatever became of those before */
	uint64_t asked, attempts, late, refused;
	const struct hist *latency_ok;  /* of the requests that ended well; NULL: none */
	fl_ns start;                    /* of the load */
	fl_ns length;                   /* so long requests were due */
};

/* One fault on the timeline. An instant (a kill) has from == to. */
struct result_fault {
	const char *name;
	const char *place;              /* "line redis, c2s", "process redis" */
	const char *kind;               /* latency, reset_peer, kill, ... */
	const char *text;               /* attributes, share, scope: "latency 50 ms, jitter 20 ms, on 30 % of connections" */
	fl_ns from, to;                 /* to FL_NEVER: until the end */
	bool landed;                    /* it did something; if not, the run proves nothing about it */
	uint64_t connections;           /* connections it touched */
	uint64_t times;                 /* times it acted */
	const struct result_pair *did;  /* what it did: event name -> "1,204 times on 8 connections, 50 ms .. 70 ms" */
	uint32_t did_count;
};

/* A moment to be drawn as a vertical line: "redis killed (SIGKILL)", "redis accepts connections again". */
struct result_mark {
	fl_ns at;
	const char *text;
	bool bad;                       /* drawn as damage; else as recovery or news */
};

struct result_sample {
	fl_ns at;
	bool held;
	const char *text;               /* what was seen; may be NULL when held */
};
struct result_probe {
	const char *name;
	const char *want;               /* the tolerance in words: "PING answers PONG within 1 s" */
	const char *when;               /* "before, during, after" */
	bool held;                      /* the tolerance as a whole (some failures during a fault may be allowed) */
	bool known;                     /* false: could never be measured */
	const char *worst;              /* the worst value seen */
	const struct result_sample *samples;
	uint32_t sample_count;
};

/* A limit on the load: "error rate <= 1 %", "p99 <= 250 ms after the faults". */
struct result_tolerance {
	const char *name, *want, *got;
	bool held, known;
};

/* How connections of a line ended. */
struct result_close {
	const char *line, *reason;
	uint64_t count;
	bool is_error;
};

/* Numbers that a server told of itself while the run went on. */
struct result_counter {
	const char *name, *url;
	const char *const *members;     /* of its JSON: those that are numbers */
	uint32_t member_count;
	const double *increase;         /* by member, over restarts of the server; NaN: it goes up and down */
	const double *highest;          /* by member */
	const fl_ns *at;                /* by sample */
	const double *values;           /* by sample, then member; NaN: not there */
	uint32_t sample_count;
	uint32_t failures;              /* times it did not answer */
	double requests, worked, wasted;        /* increase of the members that mean that; NaN: there is none */
	int requests_member;            /* -1: none */
};

struct result_process {
	const char *name, *command;
	const char *fate;               /* "stopped by us", "exited 1 at 3.2 s", "killed by the fault, restarted" */
	const char *log_path;
	const char *log_tail;           /* last lines, as they are */
	size_t log_tail_bytes;
	uint64_t log_bytes;
};

struct result_line {
	const char *name, *listen, *upstream;
	const char *from, *to;          /* the services at its ends, as `trace` names them; NULL: it does not */
	uint64_t connections, c2s_bytes, s2c_bytes;
	const struct result_pair *did;          /* of an HTTP line: "retries" -> "1,204" */
	uint32_t did_count;
};

/* One of an audit's pieces of evidence. */
struct result_evidence {
	const char *what;               /* "lost", "G2-item", "key 3" */
	const char *say;                /* the sentence */
	const char *const *ops;         /* operations, transactions or messages, one line each */
	uint32_t op_count;
	fl_ns from, to;                 /* when: of all its operations; FL_NEVER: not known */
	const char *during;             /* faults that were active then, with commas; NULL: none */
};
/* An audit that was carried out by a command, apart from the one of registers. */
struct result_audit {
	const char *name, *what;        /* as in the experiment; "queue", "serializable", "match" */
	enum result_verdict verdict;    /* HELD, FINDING or UNKNOWN */
	const char *reason;             /* one line */
	const char *document;           /* what it said, as JSON; NULL: nothing */
	const char *svg;                /* its drawing; NULL: none */
	const char *command;            /* shows it again, from the run directory */
	const char *lines;              /* lines that the run's traffic took: "orders (3 connections), ..." ; NULL: none */
	const struct result_evidence *evidence;
	uint32_t evidence_count;
	uint64_t ok, fail, info;        /* operations it saw: acknowledged, refused, in doubt */
};

struct run_result {
	const char *name, *description;         /* of the experiment */
	const char *variant;                    /* of the experiment; NULL: it has none */
	const char *experiment_path;            /* as given on the command line */
	const char *run_dir;
	const char *command;                    /* as typed */
	const char *replay;                     /* command that shows it again */
	const char *trace;                      /* command that says what went wrong with its messages; NULL: none were recorded */
	uint32_t trace_wrong;                   /* messages that something is wrong with */
	const char *trace_message, *trace_text, *trace_svg;     /* the first of them, what is wrong with it, its drawing; NULL: none */
	uint64_t seed;
	int64_t start_wall_ns;                  /* since 1970, UTC */
	fl_ns duration_ns;
	const struct result_pair *versions;     /* faultline, redis, kernel, ... */
	uint32_t version_count;

	enum result_verdict verdict;
	int exit_code;
	const char *headline;                   /* one sentence; NULL: the report makes one */
	const char *const *reasons;             /* why, most important first */
	uint32_t reason_count;

	struct result_load load;
	struct metric_set metrics;
	const struct result_line *lines;
	uint32_t line_count;
	const struct result_fault *faults;
	uint32_t fault_count;
	const struct result_mark *marks;
	uint32_t mark_count;
	const struct result_probe *probes;
	uint32_t probe_count;
	const struct result_tolerance *tolerances;
	uint32_t tolerance_count;
	const struct verdict_outcome *audit;    /* NULL: no audit was asked for */
	const char *audit_name;                 /* as in the experiment; NULL: the model */
	const struct result_audit *audits;      /* the others */
	uint32_t audit_count;
	const struct result_close *closes;
	uint32_t close_count;
	const struct result_process *processes;
	uint32_t process_count;
	const struct result_counter *counters;
	uint32_t counter_count;
	const struct result_pair *files;        /* of the run directory: relative path -> what it is */
	uint32_t file_count;
};

#endif
