/* SPDX-License-Identifier: MIT */
/*
 * runbook_run.c - conduct a runbook.
 *
 * Invariants
 *  (1) A job stands for a step that is under way, or is held for a person; steps under way are jobs.
 *  (2) The journal says `start` before a step's first command runs, and `done` after its check has passed.
 */
#include "map/runbook_run.h"

#include "base/assert.h"
#include "base/buf.h"
#include "io/clock.h"
#include "io/command.h"
#include "io/process.h"
#include "io/term.h"
#include "run/words.h"
#include <ctype.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define LOOK (50 * FL_MS)
#define CHECK_AGAIN FL_SEC
#define PATH_BYTES 1024
#define ANSWER_MAX 64

enum stage { STAGE_LOOK, STAGE_PRE, STAGE_COMMAND, STAGE_PERSON, STAGE_POST };

struct job {
	uint32_t step;
	enum stage stage;
	bool asks_again;                /* STAGE_PERSON: may the command run a second time? */
	bool asked;                     /* the person */
	bool told_stuck;
	struct command command;
	fl_ns began, deadline, next;    /* next: when to check again */
};

struct conductor {
	struct runbook *b;
	const struct runbook_opts *o;
	struct job *jobs;
	uint32_t count;                 /* of jobs */
	bool pausing, aborted, failed;
	char answer[ANSWER_MAX];
	size_t answer_bytes;
	bool person;                    /* still there */
};

/* ---- words ---- */

static void
say(const struct conductor *c, const char *colour, const char *word, uint32_t step, const char *more)
{
	int64_t wall = clock_wall();
	unsigned s = (unsigned)(wall / FL_SEC % 86400);

	fprintf(c->o->out, "%02u:%02u:%02u  %s%-7s%s  %s%s%s\n", s / 3600, s / 60 % 60, s % 60, c->o->colour ? colour : "", word,
	    c->o->colour ? "\033[0m" : "", c->b->steps[step].name, more[0] != '\0' ? "  " : "", more);
	fflush(c->o->out);
}

static void
say_time(const struct conductor *c, const char *colour, const char *word, uint32_t step, const char *before, fl_ns t, const char *after)
{
	struct buf b;

	buf_init(&b, 512);
	buf_puts(&b, before);
	words_duration(t, &b);
	buf_puts(&b, after);
	say(c, colour, word, step, buf_str(&b));
	buf_fini(&b);
}

static bool
is_listed(const char *const *list, const char *name)
{
	for (; list != NULL && *list != NULL; list++)
		if (strcmp(*list, name) == 0)
			return true;
	return false;
}

/* ---- one step ---- */

static const struct runbook_step *
step_of(const struct conductor *c, const struct job *j)
{
	return &c->b->steps[j->step];
}

static void
forget(struct conductor *c, struct job *j)
{
	*j = c->jobs[--c->count];
}

static void
end(struct conductor *c, struct job *j, bool ok, const char *why)
{
	fl_ns took = clock_mono() - j->began;
	uint32_t step = j->step;

	command_kill(&j->command);
	(void)runbook_journal_put(c->o->journal, ok ? "done" : "failed", c->b->steps[step].name, took, why);
	runbook_end(c->b, step, ok, took);
	c->failed |= !ok;
	if (ok)
		say_time(c, "\033[32m", "done", step, why != NULL ? why : "", took, "");
	else
		say(c, "\033[31m", "failed", step, why);
	if (c->o->on_end != NULL)
		c->o->on_end(c->o->ud, step, took, ok);
	forget(c, j);
}

static void
fail_status(struct conductor *c, struct job *j, const char *what, int status)
{
	char why[160], text[64];

	snprintf(why, sizeof(why), "%s %s", what, process_status_text(status, text, sizeof(text)));
	end(c, j, false, why);
}

/* The log of a step: its name, with nothing in it that a path would make something of. */
static const char *
log_of(const struct conductor *c, const struct job *j, char path[PATH_BYTES])
{
	int n = c->o->logs == NULL ? 0 : snprintf(path, PATH_BYTES, "%s/", c->o->logs);

	if (n <= 0 || n >= PATH_BYTES - 8)
		return NULL;
	for (const char *s = step_of(c, j)->name; *s != '\0' && n < PATH_BYTES - 8; s++)
		path[n++] = isalnum((unsigned char)*s) || strchr("-_@+", *s) != NULL || (*s == '.' && s != step_of(c, j)->name) ? *s : '_';
	memcpy(path + n, ".log", 5);
	return path;
}

/* false: the step has failed, and the job is gone. */
static bool
start(struct conductor *c, struct job *j, const char *command)
{
	char path[PATH_BYTES];
	int r = command_start(&j->command, command, NULL, 0, log_of(c, j, path));

	if (r == 0)
		return true;
	snprintf(path, sizeof(path), "its command could not be started: %s", strerror(-r));
	end(c, j, false, path);
	return false;
}

/* Go on to the first stage from `stage` on that there is something to do in. false: the job is gone. */
static bool
enter(struct conductor *c, struct job *j, enum stage stage)
{
	const struct runbook_step *s = step_of(c, j);

	if (stage == STAGE_PRE && s->pre == NULL)
		stage = STAGE_COMMAND;
	if (stage == STAGE_COMMAND && s->command == NULL)
		stage = STAGE_PERSON;
	if (stage == STAGE_PERSON && (s->manual == NULL || is_listed(c->o->confirmed, s->name)))
		stage = STAGE_POST;
	j->stage = stage;
	j->asked = false;
	switch (stage) {
	case STAGE_LOOK:
		return start(c, j, s->post);
	case STAGE_PRE:
		return start(c, j, s->pre);
	case STAGE_COMMAND:
		return start(c, j, s->command);
	case STAGE_PERSON:
		return true;
	case STAGE_POST:
		if (s->manual != NULL)
			j->deadline = clock_mono() + (s->timeout > 0 ? s->timeout : RUNBOOK_TIMEOUT);
		if (s->post != NULL)
			return start(c, j, s->post);
		end(c, j, true, NULL);
		return false;
	}
	return false;
}

/* It was under way when the last conductor ended, and no check can say how far it came. */
static bool
asks_again(const struct conductor *c, const struct runbook_step *s, const struct runbook_item *i)
{
	return i->begun_before && s->post == NULL && s->command != NULL && !is_listed(c->o->again, s->name);
}

static void
begin(struct conductor *c, uint32_t step)
{
	const struct runbook_step *s = &c->b->steps[step];
	struct runbook_item *i = &c->b->items[step];
	struct job *j = &c->jobs[c->count++];
	fl_ns now = clock_mono();

	*j = (struct job){ .step = step, .began = now, .deadline = now + (s->timeout > 0 ? s->timeout : RUNBOOK_TIMEOUT), .next = now };
	runbook_begin(c->b, step);
	if (asks_again(c, s, i)) {
		j->stage = STAGE_PERSON;
		j->asks_again = true;
		if (is_listed(c->o->confirmed, s->name))
			end(c, j, true, "as it was said, ");
		return;
	}
	(void)runbook_journal_put(c->o->journal, "start", s->name, -1, NULL);
	if (s->p50 > 0)
		say_time(c, "", "start", step, "usually ", s->p50, "");
	else
		say(c, "", "start", step, "");
	(void)enter(c, j, i->begun_before && s->post != NULL ? STAGE_LOOK : STAGE_PRE);
}

/* A command of the job has ended. */
static void
ended(struct conductor *c, struct job *j, int status)
{
	switch (j->stage) {
	case STAGE_LOOK:
		if (status == 0)
			end(c, j, true, "found done, ");
		else
			(void)enter(c, j, STAGE_PRE);
		return;
	case STAGE_PRE:
		if (status != 0)
			fail_status(c, j, "the check before it", status);
		else
			(void)enter(c, j, STAGE_COMMAND);
		return;
	case STAGE_COMMAND:
		if (status != 0)
			fail_status(c, j, "its command", status);
		else
			(void)enter(c, j, STAGE_PERSON);
		return;
	case STAGE_PERSON:
		break;
	case STAGE_POST:
		if (status == 0)
			end(c, j, true, NULL);
		else
			j->next = clock_mono() + CHECK_AGAIN;
		return;
	}
	fl_assert(false);
}

static void
tell_stuck(struct conductor *c, struct job *j, fl_ns now)
{
	const struct runbook_step *s = step_of(c, j);

	if (j->told_stuck || now - j->began <= runbook_stuck_after(s))
		return;
	j->told_stuck = true;
	(void)runbook_journal_put(c->o->journal, "stuck", s->name, now - j->began, NULL);
	say_time(c, "\033[33m", "stuck", j->step, "it has taken longer than it ever should: usually ", FL_MAX(s->p75, s->p50), " at most");
}

static void
look(struct conductor *c, struct job *j, fl_ns now)
{
	int status;

	if (j->stage == STAGE_PERSON)
		return;
	if (j->command.pid > 0 && command_ended(&j->command, &status)) {
		ended(c, j, status);
		return;
	}
	if (now >= j->deadline) {
		end(c, j, false, j->stage == STAGE_POST ? "the check after it did not pass in time" : "it did not end in time");
		return;
	}
	tell_stuck(c, j, now);
	if (j->stage == STAGE_POST && j->command.pid == 0 && now >= j->next)
		(void)start(c, j, step_of(c, j)->post);
}

/* ---- people ---- */

static struct job *
asking(struct conductor *c)
{
	for (uint32_t i = 0; i < c->count; i++)
		if (c->jobs[i].stage == STAGE_PERSON && c->jobs[i].asked)
			return &c->jobs[i];
	for (uint32_t i = 0; i < c->count; i++)
		if (c->jobs[i].stage == STAGE_PERSON)
			return &c->jobs[i];
	return NULL;
}

static void
ask(struct conductor *c, struct job *j)
{
	const struct runbook_step *s = step_of(c, j);

	j->asked = true;
	if (j->asks_again)
		say(c, "\033[36m", "you", j->step,
		    "it was under way when the last run ended. Is it done (d), to be run again (a), or has it failed (f)?");
	else {
		say(c, "\033[36m", "you", j->step, s->manual);
		fprintf(c->o->out, "          Enter when it is done, f and Enter if it failed\n");
		fflush(c->o->out);
	}
}

static void
answered(struct conductor *c, struct job *j, char what)
{
	if (what == 'f') {
		if (j->asks_again)
			(void)runbook_journal_put(c->o->journal, "start", step_of(c, j)->name, -1, NULL);
		end(c, j, false, "somebody said that it failed");
	} else if (j->asks_again && what == 'd') {
		end(c, j, true, "as it was said, ");
	} else if (j->asks_again && what == 'a') {
		j->asks_again = false;
		j->began = clock_mono();
		j->deadline = j->began + (step_of(c, j)->timeout > 0 ? step_of(c, j)->timeout : RUNBOOK_TIMEOUT);
		(void)runbook_journal_put(c->o->journal, "start", step_of(c, j)->name, -1, NULL);
		say(c, "", "start", j->step, "again");
		(void)enter(c, j, STAGE_PRE);
	} else if (!j->asks_again && (what == '\n' || what == 'd' || what == 'y')) {
		(void)enter(c, j, STAGE_POST);
	} else {
		j->asked = false;
	}
}

/* A line of standard input, if there is one: its first letter. */
static void
listen_to_person(struct conductor *c)
{
	struct job *j = c->person ? asking(c) : NULL;
	struct pollfd p = { .fd = STDIN_FILENO, .events = POLLIN };
	char byte;

	if (j != NULL && !j->asked)
		ask(c, j);
	while (j != NULL && poll(&p, 1, 0) > 0) {
		if (read(STDIN_FILENO, &byte, 1) != 1) {
			c->person = false;
			return;
		}
		if (byte != '\n') {
			if (c->answer_bytes < ANSWER_MAX)
				c->answer[c->answer_bytes++] = byte;
			continue;
		}
		char what = c->answer_bytes > 0 ? (char)tolower((unsigned char)c->answer[0]) : '\n';
		c->answer_bytes = 0;
		answered(c, j, what);
		return;
	}
}

/* ---- all of them ---- */

static uint32_t
running(const struct conductor *c)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < c->count; i++)
		n += c->jobs[i].stage != STAGE_PERSON;
	return n;
}

static bool
journal_is_broken(const struct conductor *c)
{
	return c->o->journal != NULL && c->o->journal->err < 0;
}

static void
begin_all(struct conductor *c)
{
	uint32_t most = c->o->parallel > 0 ? c->o->parallel : UINT32_MAX;

	/* One that ends at once lets others begin, also ones before it. */
	for (uint32_t i = 0; !c->pausing && !c->failed && !journal_is_broken(c) && running(c) < most;) {
		uint32_t done = c->b->done;
		i = runbook_ready(c->b, i);
		if (i >= c->b->count)
			break;
		begin(c, i);
		if (c->b->done > done)
			i = 0;
	}
}

static bool
is_over(struct conductor *c)
{
	bool stops = c->pausing || c->failed || journal_is_broken(c);
	bool waits = c->person && !stops && asking(c) != NULL;

	return c->aborted || (running(c) == 0 && !waits && (stops || runbook_ready(c->b, 0) == c->b->count));
}

static void
take_signal(struct conductor *c, int sig)
{
	if (sig <= 0)
		return;
	if (c->pausing) {
		c->aborted = true;
		return;
	}
	c->pausing = true;
	fprintf(c->o->out, "pausing: nothing new begins, %u under way %s let finish (again to kill %s)\n", running(c), running(c) == 1 ? "is" : "are",
	    running(c) == 1 ? "it" : "them");
	fflush(c->o->out);
}

/* What waits for a person has not begun for the next conductor, or has as it had before. */
static void
let_go(struct conductor *c)
{
	while (c->count > 0) {
		struct job *j = &c->jobs[0];
		bool held = j->stage == STAGE_PERSON;
		if (held)
			say(c, "\033[36m", "waits", j->step, j->asks_again ? "for somebody who says whether it is done" : step_of(c, j)->manual);
		command_kill(&j->command);
		runbook_again(c->b, j->step);
		forget(c, j);
	}
}

static enum runbook_outcome
outcome(const struct conductor *c)
{
	if (journal_is_broken(c))
		return RUNBOOK_NO_JOURNAL;
	if (c->aborted)
		return RUNBOOK_ABORTED;
	if (c->failed)
		return RUNBOOK_STEP_FAILED;
	return c->b->done == c->b->count ? RUNBOOK_ALL_DONE : RUNBOOK_PAUSED;
}

enum runbook_outcome
runbook_run(struct runbook *b, const struct runbook_opts *opts)
{
	static const char *const words[] = { "end", "paused", "paused", "aborted", "end" };
	struct conductor c = { .b = b, .o = opts, .person = opts->person };

	c.jobs = calloc(b->count + 1, sizeof(*c.jobs));
	fl_assert(c.jobs != NULL);
	for (;;) {
		begin_all(&c);
		listen_to_person(&c);
		if (is_over(&c))
			break;
		take_signal(&c, term_wait(LOOK));
		fl_ns now = clock_mono();
		for (uint32_t i = 0; i < c.count;) {
			uint32_t step = c.jobs[i].step, count = c.count;
			look(&c, &c.jobs[i], now);
			i += c.count == count && c.jobs[i].step == step;
		}
	}
	let_go(&c);
	free(c.jobs);
	(void)runbook_journal_put(opts->journal, words[outcome(&c)], NULL, -1, NULL);
	return outcome(&c);
}
