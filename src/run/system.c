/* SPDX-License-Identifier: MIT */
/*
 * system.c - the processes of an experiment.
 *
 * Invariants
 *  (1) pid != 0 exactly while the process has been started and its end was not reported; alive says the same to other threads.
 *  (2) A process that is to be started again is started only after its end was reported, so there are never two.
 */
#include "run/system.h"

#include "base/arena.h"
#include "base/assert.h"
#include "base/buf.h"
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#define EVENTS_MAX 256
#define MEM_BYTES_MAX (4u << 20)

struct member {
	const struct experiment_process *conf;
	const char *const *argv, *const *env;
	const char *cwd, *log, *command;
	pid_t pid;
	atomic_bool alive;
	bool expected;                  /* its end, by a fault or by us */
	bool start_again;
	bool paused;
	bool by_fault;                  /* a fault ended it: healing starts it again */
	bool stopping;                  /* in its orderly way */
	fl_ns kill_at;                  /* FL_NEVER: not */
	unsigned starts, faulted, crashed;
	int status;                     /* of its last end */
};
struct system {
	struct arena mem;
	struct process_set *set;
	bool lost;
	uint32_t count, event_count;
	struct member members[EXPERIMENT_PROCESSES_MAX];
	struct system_event events[EVENTS_MAX];
};

static const char *const *
expand_list(struct system *s, const char *const *list, const struct subst_values *values)
{
	const char **out;
	size_t n = 0;

	while (list != NULL && list[n] != NULL)
		n++;
	out = arena_alloc(&s->mem, (n + 1) * sizeof(*out));
	for (size_t i = 0; out != NULL && i < n; i++)
		out[i] = subst_expand(&s->mem, list[i], values);
	return out;
}

/* The command as one line for people. */
static const char *
describe(struct system *s, const char *const *argv)
{
	struct buf b;
	const char *text;

	buf_init(&b, 4096);
	for (size_t i = 0; argv[i] != NULL; i++)
		buf_printf(&b, strpbrk(argv[i], " \t\"'") != NULL || argv[i][0] == '\0' ? "%s'%s'" : "%s%s", i == 0 ? "" : " ", argv[i]);
	text = arena_strdup(&s->mem, buf_str(&b));
	buf_fini(&b);
	return text;
}

int
system_new(const struct experiment *x, const struct subst_values *values, const char *logs_dir, struct process_set *set,
    struct system **ret_system)
{
	struct system *s = calloc(1, sizeof(*s));

	if (s == NULL)
		return -ENOMEM;
	arena_init(&s->mem, MEM_BYTES_MAX);
	s->set = set;
	s->count = x->process_count;
	for (uint32_t i = 0; i < s->count; i++) {
		struct member *m = &s->members[i];
		m->conf = &x->processes[i];
		m->argv = expand_list(s, m->conf->argv, values);
		m->env = expand_list(s, m->conf->env, values);
		m->cwd = subst_expand(&s->mem, m->conf->cwd, values);
		m->log = arena_printf(&s->mem, "%s/%s.log", logs_dir, m->conf->name);
		m->command = s->mem.overflowed ? NULL : describe(s, m->argv);
		m->kill_at = FL_NEVER;
	}
	if (s->mem.overflowed) {
		system_free(s);
		return -ENOMEM;
	}
	*ret_system = s;
	return 0;
}

void
system_free(struct system *s)
{
	if (s == NULL)
		return;
	arena_fini(&s->mem);
	free(s);
}

int
system_fd(const struct system *s)
{
	return process_set_fd(s->set);
}

static void
tell(struct system *s, enum system_what what, const struct member *m, bool expected, const char *text)
{
	struct system_event *e;

	if (s->event_count == EVENTS_MAX)
		return;                 /* nobody listens any more */
	e = &s->events[s->event_count++];
	*e = (struct system_event){ .what = what, .process = m == NULL ? 0 : (uint32_t)(m - s->members), .expected = expected };
	snprintf(e->text, sizeof(e->text), "%s", text);
}

static struct member *
member(struct system *s, uint32_t process)
{
	fl_assert(process < s->count);
	return &s->members[process];
}

int
system_start(struct system *s, uint32_t process, char *error)
{
	struct member *m = member(s, process);
	struct process_start start = { .id = process, .argv = m->argv, .env = m->env, .cwd = m->cwd, .log = m->log };
	char why[PROCESS_ERROR_MAX];
	int rc;

	fl_assert(m->pid == 0);
	rc = process_start(s->set, &start, &m->pid, why);
	if (rc < 0) {
		snprintf(error, SYSTEM_ERROR_MAX, "%s cannot be started: %.60s: %s", m->conf->name, m->argv[0], why);
		m->pid = 0;
		return rc;
	}
	m->expected = m->start_again = m->by_fault = m->stopping = m->paused = false;
	m->kill_at = FL_NEVER;
	m->starts++;
	atomic_store(&m->alive, true);
	tell(s, SYSTEM_STARTED, m, true, m->starts > 1 ? "started again" : "started");
	return 0;
}

static void
start_or_tell(struct system *s, struct member *m)
{
	char error[SYSTEM_ERROR_MAX];

	m->start_again = false;
	if (system_start(s, (uint32_t)(m - s->members), error) < 0)
		tell(s, SYSTEM_FAILED, m, false, error);
}

void
system_kill(struct system *s, uint32_t process, int sig)
{
	struct member *m = member(s, process);

	if (m->pid == 0)
		return;
	m->expected = m->by_fault = true;
	(void)process_signal(s->set, process, sig);
}

void
system_pause(struct system *s, uint32_t process, bool pause)
{
	struct member *m = member(s, process);

	if (m->pid == 0 || m->paused == pause)
		return;
	m->paused = pause;
	(void)process_signal(s->set, process, pause ? SIGSTOP : SIGCONT);
}

void
system_start_again(struct system *s, uint32_t process)
{
	struct member *m = member(s, process);

	if (m->pid == 0)
		start_or_tell(s, m);
	else if (m->expected)
		m->start_again = true;
}

void
system_stop(struct system *s, uint32_t process, fl_ns now)
{
	struct member *m = member(s, process);

	m->start_again = false;
	if (m->pid == 0 || m->stopping)
		return;
	system_pause(s, process, false);
	m->expected = m->stopping = true;
	m->kill_at = now + m->conf->stop_grace;
	(void)process_signal(s->set, process, m->conf->stop_grace > 0 ? m->conf->stop_signal : SIGKILL);
}

void
system_heal(struct system *s)
{
	for (uint32_t i = 0; i < s->count; i++) {
		system_pause(s, i, false);
		if (!s->members[i].conf->load && (s->members[i].by_fault || s->members[i].stopping))
			system_start_again(s, i);
	}
}

static void
take_exit(struct system *s, const struct process_exit *e)
{
	struct member *m = member(s, e->id);
	char text[64];

	if (m->pid != e->pid)
		return;                 /* it could not be started after all */
	m->pid = 0;
	atomic_store(&m->alive, false);
	m->status = e->status;
	m->kill_at = FL_NEVER;
	m->expected = m->expected || (m->conf->ends && e->status == 0);
	m->faulted += m->expected && m->by_fault;
	m->crashed += !m->expected;
	tell(s, SYSTEM_EXITED, m, m->expected, process_status_text(e->status, text, sizeof(text)));
	if (m->start_again)
		start_or_tell(s, m);
}

fl_ns
system_tick(struct system *s, fl_ns now)
{
	struct process_exit e;
	fl_ns next = FL_NEVER;
	int rc = 0;

	while (!s->lost && (rc = process_exited(s->set, &e)) > 0)
		take_exit(s, &e);
	if (rc < 0) {
		s->lost = true;
		for (uint32_t i = 0; i < s->count; i++) {
			s->members[i].pid = 0;
			atomic_store(&s->members[i].alive, false);
		}
		tell(s, SYSTEM_LOST, NULL, false, "the supervisor of the processes was killed");
	}
	for (uint32_t i = 0; i < s->count; i++) {
		struct member *m = &s->members[i];
		if (m->kill_at <= now) {
			m->kill_at = FL_NEVER;
			(void)process_signal(s->set, i, SIGKILL);
		}
		next = FL_MIN(next, m->kill_at);
	}
	return next;
}

bool
system_next(struct system *s, struct system_event *ret)
{
	if (s->event_count == 0)
		return false;
	*ret = s->events[0];
	s->event_count--;
	memmove(&s->events[0], &s->events[1], s->event_count * sizeof(s->events[0]));
	return true;
}

const atomic_bool *
system_alive(const struct system *s, uint32_t process)
{
	fl_assert(process < s->count);
	return &s->members[process].alive;
}

pid_t
system_pid(const struct system *s, uint32_t process)
{
	return s->members[process].pid;
}

const char *
system_command(const struct system *s, uint32_t process)
{
	return s->members[process].command;
}

const char *
system_log(const struct system *s, uint32_t process)
{
	return s->members[process].log;
}

char *
system_fate(const struct system *s, uint32_t process, char *buf, size_t buf_bytes)
{
	const struct member *m = &s->members[process];
	char status[64], faults[64] = "";

	if (m->faulted > 0)
		snprintf(faults, sizeof(faults), "; ended by faults %u time%s, started %u times", m->faulted, m->faulted == 1 ? "" : "s", m->starts);
	process_status_text(m->status, status, sizeof(status));
	if (m->starts == 0)
		snprintf(buf, buf_bytes, "never started");
	else if (m->pid != 0)
		snprintf(buf, buf_bytes, "still running%s", faults);
	else if (m->crashed > 0)
		snprintf(buf, buf_bytes, "%s by itself%s", status, faults);
	else
		snprintf(buf, buf_bytes, "%s at the end%s", m->stopping ? "stopped by us" : status, faults);
	return buf;
}
