/* SPDX-License-Identifier: MIT */
/*
 * rig.h - what a run stands on: its directory, the supervisor, ports, the data plane, lines, processes, probes made ready to
 * use, and the signals that end it. Built and taken down as one.
 */
#ifndef RUN_RIG_H
#define RUN_RIG_H

#include "io/resolve.h"
#include "run/line_set.h"
#include "run/measure.h"
#include "run/rundir.h"
#include "run/system.h"

#define RIG_ERROR_MAX 640

struct rig_opts {
	const struct experiment *x;
	const char *runs_dir;
	const char *dir_name;           /* of the run directory in it; NULL: NAME-DATE-SEED */
	const char *here;               /* directory of the experiment's file */
	uint64_t seed;
	int64_t wall_ns;
};
struct trace_recorder;
struct rig {
	const struct experiment *x;
	struct arena mem;
	struct rundir dir;
	int signal_fd;                  /* SIGINT, SIGTERM, SIGHUP; readable when one came */
	struct process_set *set;
	struct resolver *resolver;
	struct proxy *proxy;
	struct http_keep *keep;         /* of HTTP lines */
	struct http_news *news;
	struct trace_recorder *trace;   /* NULL: no line is traced */
	struct line_set *lines;
	struct system *system;
	struct subst_values values;
	char program[4096];             /* path of this one */
	uint16_t ports[EXPERIMENT_PORTS_MAX];
	int port_locks[EXPERIMENT_PORTS_MAX];
	uint32_t port_count;
	struct measure probes[EXPERIMENT_PROBES_MAX];
	struct measure ready[EXPERIMENT_PROCESSES_MAX];       /* conf NULL: started is ready */
};

/*
 * rig_up - make everything; no process is started yet. Call it while there is one thread.
 * returns    0, or -errno with error (RIG_ERROR_MAX bytes). rig_down() is needed in any case.
 */
int rig_up(struct rig *r, const struct rig_opts *opts, char *error);
/* Take it down: lines close, everything that still runs is killed. The run directory stays, without data/ unless it is kept. */
void rig_down(struct rig *r, bool keep_data);
/* The number of signals that came since the last call; *ret_sig the last of them. */
unsigned rig_signals(struct rig *r, int *ret_sig);
/* Let signals do what they usually do, from now on. */
void rig_signals_default(struct rig *r);

#endif
