/* SPDX-License-Identifier: MIT */
/*
 * proxy.h - the data plane as the control side sees it: workers that relay connections on lines.
 *
 * One thread (the control side) calls these functions. A call that changes lines returns when every worker has taken the
 * change, which takes microseconds to a few milliseconds: workers never wait for anything. A line's listener lives on one
 * worker, which numbers the connections and hands them to the least loaded one, so the ordinals that decisions are keyed by
 * do not depend on the number of workers.
 */
#ifndef PROXY_PROXY_H
#define PROXY_PROXY_H

#include "proxy/line.h"

struct proxy;
struct line;
struct worker;
struct proxy_event;
struct resolver;

struct proxy_opts {
	unsigned workers;               /* 0: as many as cores, at most 4 */
	uint32_t conns_max;             /* all lines together; 0: from the descriptor limit */
	uint32_t lines_max;             /* 0: 4096 */
	size_t buffer_bytes;            /* in flight, all workers together; 0: 256 MB */
	uint32_t pipe_bytes;            /* in flight per connection and direction; 0: 1 MB */
	uint32_t handshakes_max;        /* of TLS with clients at once, all workers together; more are refused as full; 0: no limit */
	uint32_t events_max;            /* ring of fault events per worker; 0: no events are recorded */
	uint32_t records_max;           /* ring of records of HTTP calls per worker; 0: none */
	uint32_t traces_max;            /* ring of messages of traced lines per worker; 0: none are recorded */
	fl_ns spin_ns;                  /* wake early and poll for exact timers; < 0: never; 0: 100 us */
	struct resolver *resolver;      /* for names; NULL: names are refused; to be stopped before the proxy is freed, and freed after */
	bool no_threads;                /* the caller runs the workers with worker_turn(): simulation */
};

/* Make and start the workers. 0 or -errno. */
int proxy_new(const struct proxy_opts *opts, struct proxy **ret_proxy);
/* Stop at once: open connections are closed. NULL is fine. */
void proxy_free(struct proxy *p);
/* Stop accepting on all lines, wait until the last connection ends or the limit passed. returns connections still open. */
uint64_t proxy_drain(struct proxy *p, fl_ns limit);
unsigned proxy_workers(const struct proxy *p);
struct worker *proxy_worker(struct proxy *p, unsigned i);       /* for no_threads */
uint32_t proxy_conns_max(const struct proxy *p);
uint64_t proxy_conns(const struct proxy *p);    /* open now, all lines */

/*
 * proxy_line_open - start a line on a bound listening token (see io_bind()).
 * conf      a reference is taken
 * returns   0, or -errno (-ENOSPC: lines_max); the token is the caller's again on failure
 */
int proxy_line_open(struct proxy *p, struct line_conf *conf, int token, struct line **ret_line);
/* New configuration (faults, limits, upstream of new connections); live ones follow at once. A reference is taken. 0. */
int proxy_line_set(struct proxy *p, struct line *l, struct line_conf *conf);
/*
 * Close the listener and all connections of the line (FIN; RST where unread data is pending), then forget it. Its counters may
 * be read once more, before the next proxy_line_open() or proxy_free(); connections still ending are counted as active there.
 */
void proxy_line_close(struct proxy *p, struct line *l);
/* The connections only; the line goes on. returns how many. */
uint64_t proxy_line_cut(struct proxy *p, struct line *l, bool reset);
void proxy_line_counters(const struct line *l, struct line_counters *ret);

/* One live connection, for GET /v1/lines/NAME/connections. */
#define PROXY_REPORT_FAULTS 12
struct proxy_conn_fault {
	uint64_t fault_id;                      /* 0: event of the connection itself ("open", "close") */
	enum fl_dir dir;
	bool active;
	uint64_t in_bytes, hits;
	uint32_t held_bytes;
};
struct proxy_conn {
	uint64_t ordinal;
	uint64_t key;
	fl_ns opened_ns;                        /* io clock */
	const char *state;                      /* "connecting", "relaying", ... a constant */
	struct io_addr client, proxy_client_side, proxy_server_side, server;    /* len 0 where not connected */
	uint64_t received_bytes[2], sent_bytes[2];
	uint32_t held_bytes[2];
	bool eof[2];                            /* that direction has ended */
	unsigned fault_count;                   /* entries of faults in use */
	struct proxy_conn_fault faults[PROXY_REPORT_FAULTS];
};
/* Up to max live connections of the line, by ordinal. returns how many there are (may be more than max). */
uint64_t proxy_line_conns(struct proxy *p, struct line *l, struct proxy_conn *ret_conns, uint64_t max);

/* A recorded decision or effect of a fault; strings are constants or live as long as the proxy. */
struct proxy_event {
	fl_ns at;                               /* io clock */
	uint64_t conn_ordinal, conn_key;
	uint64_t fault_id;                      /* 0: event of the connection itself ("open", "close") */
	uint64_t offset;
	uint64_t request;                       /* of an HTTP line: its number on the connection; 0: of the connection, or its bytes */
	int64_t value;
	const char *what;
	char line[64], fault_name[64];          /* cut to fit */
	uint8_t dir;
	uint8_t worker;
};
/* Take recorded events, oldest first per worker. returns how many; ret_lost: dropped because the ring was full, since the last call. */
size_t proxy_events(struct proxy *p, struct proxy_event *ret_events, size_t max, uint64_t *ret_lost);

struct trace_mark;
/* Take messages of traced lines, oldest first per worker. returns how many; ret_lost as above. */
size_t proxy_traces(struct proxy *p, struct trace_mark *ret_marks, size_t max, uint64_t *ret_lost);

struct http_record;
/* Take records of calls on HTTP lines, oldest first per worker. returns how many. */
size_t proxy_http_records(struct proxy *p, struct http_record *ret_records, size_t max, uint64_t *ret_lost);
/* What the workers have in common, for those who build configurations. */
struct crew *proxy_crew(struct proxy *p);

#endif
