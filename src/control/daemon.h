/* SPDX-License-Identifier: MIT */
/* daemon.h - `faultline serve`: proxy, table of lines, API, events and state, and the control loop that holds them together. */
#ifndef CONTROL_DAEMON_H
#define CONTROL_DAEMON_H

#include "control/config.h"
#include "control/log.h"

struct alert_target;

struct daemon_opts {
	const char *program;            /* "faultline serve", "toxiproxy-server": for messages */
	bool toxiproxy;                 /* behave as toxiproxy-server where the two differ */
	const char *host, *port;        /* of the API */
	const char *token;              /* NULL: none */
	const char *config_path;        /* NULL: none */
	struct config *config;          /* read from it; NULL when there is none or it is wrong (toxiproxy) */
	const char *state_path, *events_path, *trace_path;   /* NULL: none */
	const char *graph_path;         /* the map's store; NULL: none is kept */
	size_t graph_bytes;             /* of sightings that wait to be written to it; 0: 16 MiB */
	int otlp_port, zipkin_port;     /* receivers of spans for it; -1: none */
	const struct alert_target *alert_targets;       /* borrowed */
	unsigned alert_target_count;
	bool has_seed;
	uint64_t seed;
	bool proxy_metrics, runtime_metrics;
	unsigned workers;               /* 0: the proxy's choice, as below */
	uint32_t conns_max;
	size_t buffer_bytes;
	uint32_t pipe_bytes;
	uint32_t handshakes_max;        /* of TLS with clients, at once; 0: no limit of their own */
	fl_ns drain;                    /* how long to wait for open connections at the end */
	enum log_level log_level;
	int log_fd;
};

/* Run until a signal ends it. returns the exit code; messages about a failed start go to stderr. */
int daemon_run(const struct daemon_opts *opts);

#endif
