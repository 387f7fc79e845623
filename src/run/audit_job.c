/* SPDX-License-Identifier: MIT */
/* audit_job.c - one command, from its words to its verdict. */
#include "run/audit_job.h"

#include "base/assert.h"
#include "io/clock.h"
#include "io/dir.h"
#include "io/file.h"
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#define WORDS_MAX 120u
#define DOCUMENT_BYTES_MAX (32u << 20)
#define HISTORY_BYTES_MAX (64u << 20)
#define DRAWING_BYTES_MAX (2u << 20)
#define COMMAND_BYTES_MAX 16384
#define TAIL_BYTES 400

/* The shell only puts standard output where it belongs. */
static const char *const shell[] = { "sh", "-c", "out=$1; shift; exec \"$@\" >\"$out\"", "audit" };

struct job {
	struct rig *rig;
	const struct experiment_audit *audit;
	struct arena *mem;
	uint32_t n;
	const char *document, *drawing, *log;   /* paths */
	const char *argv[WORDS_MAX];
	uint32_t count, first;                  /* first: the word that is this program */
};

static void
put(struct job *j, const char *word)
{
	fl_assert(j->count + 1 < WORDS_MAX);
	j->argv[j->count++] = word;
}

static int
make_words(struct job *j)
{
	const char *const *argv = j->audit->argv;

	j->document = arena_printf(j->mem, "%s/audit-%u.json", j->rig->dir.path, j->n + 1);
	j->drawing = arena_printf(j->mem, "%s/audit-%u.svg", j->rig->dir.path, j->n + 1);
	j->log = arena_printf(j->mem, "%s/audit-%u.log", j->rig->dir.logs, j->n + 1);
	for (size_t i = 0; i < FL_ARRAY_LEN(shell); i++)
		put(j, shell[i]);
	put(j, j->document);
	j->first = j->count;
	put(j, j->rig->program);
	for (; *argv != NULL && j->count + 6 < WORDS_MAX; argv++)
		put(j, subst_expand(j->mem, *argv, &j->rig->values));
	put(j, "--json");
	if (j->audit->kind != EXPERIMENT_AUDIT_STREAM) {
		put(j, "--svg");
		put(j, j->drawing);
	}
	j->argv[j->count] = NULL;
	return j->mem->overflowed ? -ENOMEM : 0;
}

/* Wait for the end of the process. 0 with its status; -ECANCELED. */
static int
await(struct job *j, uint32_t id, pid_t pid, int *ret_status)
{
	struct process_exit e;
	int rc, stopped = 0;

	for (;;) {
		while ((rc = process_exited(j->rig->set, &e)) > 0) {
			if (e.id != id || e.pid != pid)
				continue;
			*ret_status = e.status;
			return stopped;
		}
		if (rc < 0)
			return rc;
		if (clock_wait(process_set_fd(j->rig->set), POLLIN, stopped != 0 ? -1 : j->rig->signal_fd, FL_NEVER) < 0) {
			stopped = -ECANCELED;
			(void)process_signal(j->rig->set, id, SIGKILL);
		}
	}
}

static const char *
read_text(struct job *j, const char *path, size_t max)
{
	const char *text = NULL;
	struct buf b;

	buf_init(&b, max);
	if (file_read(path, &b) == 0 && buf_len(&b) > 0)
		text = arena_strdup(j->mem, buf_str(&b));
	buf_fini(&b);
	return text;
}

/* The command as one types it, in the run directory. */
static const char *
say_command(struct job *j)
{
	const char *command;
	struct buf b;
	size_t n = strlen(j->rig->dir.path);

	buf_init(&b, COMMAND_BYTES_MAX);
	buf_puts(&b, "faultline");
	for (uint32_t i = j->first + 1; i < j->count && strcmp(j->argv[i], "--json") != 0; i++) {
		const char *word = j->argv[i];

		if (strncmp(word, j->rig->dir.path, n) == 0 && word[n] == '/')
			word += n + 1;
		buf_printf(&b, strpbrk(word, " \t\"'$") != NULL || *word == '\0' ? " '%s'" : " %s", word);
	}
	command = arena_strdup(j->mem, buf_str(&b));
	buf_fini(&b);
	return command;
}

/* What stands in its log, when there is no verdict. */
static const char *
say_failure(struct job *j, int status)
{
	char tail[TAIL_BYTES], text[64];
	uint64_t all;
	size_t n = dir_file_tail(j->log, tail, sizeof(tail), &all);

	while (n > 0 && (tail[n - 1] == '\n' || tail[n - 1] == ' '))
		n--;
	if (n == 0)
		return arena_printf(j->mem, "it could not be carried out: %s", process_status_text(status, text, sizeof(text)));
	for (size_t i = 0; i < n; i++)
		if (tail[i] == '\n')
			tail[i] = ' ';
	return arena_printf(j->mem, "it could not be carried out: %.*s", (int)n, tail);
}

/* The file a check was about, for the times in it. It goes when mem does. */
static const char *
read_history(struct job *j)
{
	return j->audit->kind == EXPERIMENT_AUDIT_TXN ? read_text(j, j->argv[j->first + 2], HISTORY_BYTES_MAX) : NULL;
}

static int
take_verdict(struct job *j, int status, const struct audit_tell_clock *clock, struct result_audit *ret)
{
	static const enum result_verdict verdicts[] = { [0] = RESULT_HELD, [1] = RESULT_FINDING, [4] = RESULT_UNKNOWN };
	int code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;

	ret->verdict = RESULT_UNKNOWN;
	ret->document = code == 0 || code == 1 || code == 4 ? read_text(j, j->document, DOCUMENT_BYTES_MAX) : NULL;
	if (ret->document == NULL || audit_tell(j->audit->kind, ret->document, read_history(j), clock, j->mem, ret) != 0) {
		ret->document = NULL;
		ret->reason = say_failure(j, status);
		return 0;
	}
	ret->verdict = verdicts[code];
	if (ret->verdict == RESULT_FINDING && j->audit->kind != EXPERIMENT_AUDIT_STREAM)
		ret->svg = read_text(j, j->drawing, DRAWING_BYTES_MAX);
	return 0;
}

int
audit_job_run(struct rig *rig, uint32_t n, const struct audit_tell_clock *clock, struct arena *mem, struct result_audit *ret)
{
	struct job j = { .rig = rig, .audit = &rig->x->audits[n], .mem = mem, .n = n };
	struct process_start start = { .id = EXPERIMENT_PROCESSES_MAX + n, .argv = j.argv, .cwd = rig->dir.path };
	char error[PROCESS_ERROR_MAX];
	int status = 0, rc = make_words(&j);
	pid_t pid;

	if (rc < 0)
		return rc;
	*ret = (struct result_audit){ .what = j.audit->what, .name = j.audit->name != NULL ? j.audit->name : j.audit->what };
	ret->command = say_command(&j);
	start.log = j.log;
	rc = process_start(rig->set, &start, &pid, error);
	if (rc == 0)
		rc = await(&j, start.id, pid, &status);
	if (rc == 0)
		rc = take_verdict(&j, status, clock, ret);
	return rc == 0 && mem->overflowed ? -ENOMEM : rc;
}

/* ---- what else was so then ---- */

static bool
overlap(const struct result_fault *f, const struct result_evidence *e)
{
	return e->from != FL_NEVER && f->from <= e->to && (f->to == FL_NEVER || f->to >= e->from);
}

static const char *
active_faults(const struct run_result *r, const struct result_evidence *e, struct arena *mem)
{
	const struct result_fault *last = NULL;
	const char *text;
	struct buf b;

	buf_init(&b, COMMAND_BYTES_MAX);
	for (uint32_t i = 0; i < r->fault_count && buf_len(&b) < COMMAND_BYTES_MAX / 2; i++) {
		const struct result_fault *f = &r->faults[i];

		if (overlap(f, e))
			buf_printf(&b, "%s%s on %s", buf_len(&b) > 0 ? ", " : "", f->name, f->place);
		else if (e->from != FL_NEVER && f->to < e->from && (last == NULL || f->to > last->to))
			last = f;
	}
	if (buf_len(&b) == 0 && last != NULL)
		buf_printf(&b, "none; the last before was %s on %s, which ended %.3f s earlier", last->name, last->place,
		    (double)(e->from - last->to) / (double)FL_SEC);
	text = buf_len(&b) > 0 ? arena_strdup(mem, buf_str(&b)) : NULL;
	buf_fini(&b);
	return text;
}

static const char *
busy_lines(const struct run_result *r, struct arena *mem)
{
	const char *text;
	struct buf b;

	buf_init(&b, COMMAND_BYTES_MAX);
	for (uint32_t i = 0; i < r->line_count && buf_len(&b) < COMMAND_BYTES_MAX / 2; i++)
		if (r->lines[i].connections > 0)
			buf_printf(&b, "%s%s (%" PRIu64 " connection%s)", buf_len(&b) > 0 ? ", " : "", r->lines[i].name, r->lines[i].connections,
			    r->lines[i].connections == 1 ? "" : "s");
	text = buf_len(&b) > 0 ? arena_strdup(mem, buf_str(&b)) : NULL;
	buf_fini(&b);
	return text;
}

int
audit_job_explain(struct run_result *r, struct result_audit *audits, struct arena *mem)
{
	const char *lines = busy_lines(r, mem);

	for (uint32_t i = 0; i < r->audit_count; i++) {
		struct result_evidence *list = arena_alloc(mem, (audits[i].evidence_count + 1) * sizeof(*list));

		if (list == NULL)
			return -ENOMEM;
		audits[i].lines = lines;
		for (uint32_t k = 0; k < audits[i].evidence_count; k++) {
			list[k] = audits[i].evidence[k];
			list[k].during = active_faults(r, &list[k], mem);
		}
		audits[i].evidence = list;
	}
	return mem->overflowed ? -ENOMEM : 0;
}
