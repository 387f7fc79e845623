/* SPDX-License-Identifier: MIT */
/* rig.c - building and taking down what a run stands on. */
#include "run/rig.h"

#include "io/clock.h"
#include "io/dir.h"
#include "io/port.h"
#include "conf/http_keep.h"
#include "conf/http_news.h"
#include "run/trace_recorder.h"
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

#define MEM_BYTES_MAX (4u << 20)
#define EVENTS_PER_WORKER 65536
#define RECORDS_PER_WORKER 16384
#define TRACES_PER_WORKER 65536
#define CONNS_MAX 4096
#define RESOLVER_THREADS 2

static void
ending_signals(sigset_t *ret)
{
	sigemptyset(ret);
	sigaddset(ret, SIGINT);
	sigaddset(ret, SIGTERM);
	sigaddset(ret, SIGHUP);
}

/* From here on signals are read, not suffered; writing to a closed pipe or over a limit is an error, not an end. */
static int
take_signals(struct rig *r)
{
	sigset_t set;

	ending_signals(&set);
	(void)signal(SIGPIPE, SIG_IGN);
	(void)signal(SIGXFSZ, SIG_IGN);
	sigprocmask(SIG_BLOCK, &set, NULL);
	r->signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	return r->signal_fd < 0 ? -errno : 0;
}

unsigned
rig_signals(struct rig *r, int *ret_sig)
{
	struct signalfd_siginfo info;
	unsigned n = 0;

	while (r->signal_fd >= 0 && read(r->signal_fd, &info, sizeof(info)) == (ssize_t)sizeof(info)) {
		*ret_sig = (int)info.ssi_signo;
		n++;
	}
	return n;
}

void
rig_signals_default(struct rig *r)
{
	sigset_t set;

	if (r->signal_fd < 0)
		return;
	close(r->signal_fd);
	r->signal_fd = -1;
	ending_signals(&set);
	sigprocmask(SIG_UNBLOCK, &set, NULL);
}

static int
reserve_ports(struct rig *r)
{
	for (uint32_t i = 0; i < r->x->port_count; i++) {
		int port = port_reserve(&r->port_locks[i]);
		if (port < 0)
			return port;
		r->ports[i] = (uint16_t)port;
		r->port_count = i + 1;
	}
	r->values.port_names = r->x->ports;
	r->values.line_names = r->x->line_names;
	r->values.ports = r->ports;
	r->values.dir = r->dir.data;
	r->values.run = r->dir.path;
	return 0;
}

static int
fail(int rc, const char *what, char *error)
{
	if (rc < 0)
		snprintf(error, RIG_ERROR_MAX, "%s: %s", what, strerror(-rc));
	return rc;
}

/* Is there a line whose messages are to be recorded? HTTP lines are, unless trace: false is said. */
static bool
is_traced(const struct experiment *x)
{
	for (uint32_t i = 0; i < x->line_count; i++) {
		const struct doc_node *n = x->lines[i].http == NULL ? NULL : doc_get(x->lines[i].http, "trace");
		bool on = true;

		if (x->lines[i].trace.on || (x->lines[i].http != NULL && (n == NULL || !doc_is_bool(n, &on) || on)))
			return true;
	}
	return false;
}

static int
start_trace(struct rig *r)
{
	struct timespec wall;

	if (!is_traced(r->x))
		return 0;
	clock_gettime(CLOCK_REALTIME, &wall);
	return trace_recorder_new(rundir_file(&r->dir, "trace.bin"), 0, clock_mono() - (wall.tv_sec * FL_SEC + wall.tv_nsec), &r->trace);
}

static int
start_plane(struct rig *r)
{
	struct proxy_opts opts = { .conns_max = CONNS_MAX, .events_max = EVENTS_PER_WORKER };
	int rc = resolver_new(RESOLVER_THREADS, &r->resolver);

	if (rc == 0)
		rc = http_keep_new(&r->keep);
	if (rc == 0)
		rc = http_news_new(&r->news);
	if (rc == 0)
		rc = start_trace(r);
	if (r->trace != NULL) {
		opts.records_max = RECORDS_PER_WORKER;
		opts.traces_max = TRACES_PER_WORKER;
	}
	opts.resolver = r->resolver;
	return rc < 0 ? rc : proxy_new(&opts, &r->proxy);
}

static int
open_lines(struct rig *r, const struct rig_opts *opts, char *error)
{
	struct line_set_opts lo = { .proxy = r->proxy, .x = r->x, .seed = opts->seed, .keep = r->keep, .news = r->news,
		.trace = r->trace };

	lo.beside = arena_printf(&r->mem, "%s/experiment.yaml", opts->here);
	return lo.beside == NULL ? fail(-ENOMEM, "the lines", error) : line_set_open(&lo, &r->values, &r->lines, error);
}

static int
fill_job(struct rig *r, const struct experiment_probe *p, struct measure *job)
{
	job->conf = p;
	if (p->kind == PROBE_PROCESS) {
		job->alive = system_alive(r->system, (uint32_t)p->process);
		return 0;
	}
	job->target = subst_expand(&r->mem, p->target, &r->values);
	if (p->path != NULL)
		job->path = subst_expand(&r->mem, p->path, &r->values);
	if (p->send != NULL)
		job->send = subst_expand(&r->mem, p->send, &r->values);
	return r->mem.overflowed ? -ENOMEM : 0;
}

static int
fill_jobs(struct rig *r)
{
	int rc = 0;

	for (uint32_t i = 0; rc == 0 && i < r->x->probe_count; i++)
		rc = fill_job(r, &r->x->probes[i], &r->probes[i]);
	for (uint32_t i = 0; rc == 0 && i < r->x->process_count; i++)
		if (r->x->processes[i].ready != NULL)
			rc = fill_job(r, r->x->processes[i].ready, &r->ready[i]);
	return rc;
}

int
rig_up(struct rig *r, const struct rig_opts *opts, char *error)
{
	int rc;

	*r = (struct rig){ .x = opts->x, .signal_fd = -1 };
	arena_init(&r->mem, MEM_BYTES_MAX);
	r->values.here = opts->here;
	r->values.program = r->program;
	if (readlink("/proc/self/exe", r->program, sizeof(r->program) - 1) < 0)
		snprintf(r->program, sizeof(r->program), "faultline");
	rc = rundir_new(opts->runs_dir, opts->dir_name, opts->x->name, opts->seed, opts->wall_ns, &r->dir, error);
	if (rc < 0)
		return rc;
	rc = fail(take_signals(r), "signals", error);
	if (rc == 0)
		rc = fail(process_set_new(&r->set), "the supervisor of the processes cannot be started", error);
	if (rc == 0)
		rc = fail(reserve_ports(r), "no free port", error);
	if (rc == 0)
		rc = fail(start_plane(r), "the data plane cannot be started", error);
	if (rc == 0)
		rc = open_lines(r, opts, error);
	if (rc == 0)
		rc = fail(system_new(r->x, &r->values, r->dir.logs, r->set, &r->system), "the processes", error);
	if (rc == 0)
		rc = fail(fill_jobs(r), "the probes", error);
	return rc;
}

void
rig_down(struct rig *r, bool keep_data)
{
	line_set_free(r->lines);
	trace_recorder_drain(r->trace, r->proxy);
	(void)trace_recorder_free(r->trace);
	resolver_stop(r->resolver);
	proxy_free(r->proxy);
	resolver_free(r->resolver);
	http_keep_free(r->keep);
	http_news_free(r->news);        /* with the proxy the last of those are gone who could tell */
	process_set_free(r->set);
	system_free(r->system);
	for (uint32_t i = 0; i < r->port_count; i++)
		close(r->port_locks[i]);
	rig_signals_default(r);
	if (r->dir.path != NULL && !keep_data)
		(void)dir_remove(r->dir.data);
	if (r->dir.path != NULL)
		rundir_fini(&r->dir);
	arena_fini(&r->mem);
	*r = (struct rig){ .signal_fd = -1 };
}
