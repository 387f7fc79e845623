/* SPDX-License-Identifier: MIT */
/* graph_conduct.c - `faultline graph plan --run`, and the plan on paper. */
#include "cmd/graph_verbs.h"
#include "graph/moment.h"
#include "io/clock.h"
#include "io/dir.h"
#include "io/term.h"
#include "map/graph_runbook.h"
#include "map/runbook_journal.h"
#include "map/runbook_print.h"
#include "map/runbook_run.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PAPER_MAX ((size_t)64 << 20)
#define NAMES_MAX 64u

struct conducting {
	const struct cli_args *args;
	struct past *past;
	struct graph_runbook b;
	bool drill;
};

static void
on_end(void *ud, uint32_t step, fl_ns took, bool ok)
{
	struct conducting *c = ud;

	if (c->drill && ok && graph_runbook_drilled(&c->b, c->past, clock_wall(), step, took) != 0)
		fprintf(stderr, "faultline graph plan: how long %s took could not be kept: %s\n", c->b.steps[step].name, past_error(c->past));
}

static int
print_paper(const struct cli_args *a, const struct runbook *b)
{
	const struct runbook_title title = { .name = "Recovery", .about = "In the order in which services can start; those of a wave at once.",
		.made = clock_wall() };
	struct buf out;
	int code = CMD_HELD;

	buf_init(&out, PAPER_MAX);
	if (cli_args_has(a, "html"))
		runbook_print_html(b, &title, &out);
	else if (cli_args_has(a, "markdown"))
		runbook_print_markdown(b, &title, &out);
	else
		runbook_print_text(b, &title, &out);
	if (out.overflowed)
		code = cli_args_wrong(a, "the runbook is too long");
	else
		fwrite(buf_data(&out), 1, buf_len(&out), stdout);
	buf_fini(&out);
	return code;
}

/* Names given by --done or --again, ended by NULL. */
static void
names_of(const struct cli_args *a, const char *option, const char **ret)
{
	unsigned n = 0;

	for (unsigned i = 0; i < a->given_count && n + 1 < NAMES_MAX; i++)
		if (strcmp(a->given[i].opt->name, option) == 0)
			ret[n++] = a->given[i].value;
	ret[n] = NULL;
}

static int
open_journal(const struct cli_args *a, struct conducting *c, struct runbook_journal *j)
{
	const char *resume = cli_args_value(a, "resume"), *path = cli_args_value(a, "journal");
	struct runbook_past before = { 0 };
	int rc;

	j->fd = -1;
	if (resume == NULL && path == NULL)
		return 0;
	if (resume == NULL) {
		rc = runbook_journal_new(j, path, &c->b.book, c->drill);
		if (rc == -EEXIST)
			return cli_args_refuse(a, "%s is there already; go on from it with --resume %s", path, path);
		return rc == 0 ? 0 : cli_args_refuse(a, "%s: %s", path, strerror(-rc));
	}
	rc = runbook_journal_resume(j, resume, &c->b.book, &before);
	if (rc == -EBADMSG)
		return cli_args_refuse(a, "%s:%u: this is not of a journal", resume, before.line);
	if (rc == -EWOULDBLOCK)
		return cli_args_refuse(a, "%s: somebody else conducts by it", resume);
	if (rc != 0)
		return cli_args_refuse(a, "%s: %s", resume, strerror(-rc));
	c->drill = c->drill || before.drill;
	fprintf(stderr, "%s: %u steps are done, %u were under way%s\n", resume, before.done, before.under_way,
	    before.changed ? "; the plan has changed since" : "");
	return 0;
}

static int
code_of(enum runbook_outcome o)
{
	switch (o) {
	case RUNBOOK_ALL_DONE:
		return CMD_HELD;
	case RUNBOOK_STEP_FAILED:
		return CMD_FINDING;
	case RUNBOOK_PAUSED:
	case RUNBOOK_ABORTED:
		return CMD_ABORTED;
	case RUNBOOK_NO_JOURNAL:
		return CMD_USAGE;
	}
	return CMD_UNKNOWN;
}

static int
conduct(const struct cli_args *a, struct conducting *c, struct graph_ask *ask, struct graph_reply *r)
{
	const char *done[NAMES_MAX], *again[NAMES_MAX], *logs = cli_args_value(a, "logs");
	struct runbook_opts o = { .out = stderr, .colour = false, .confirmed = done, .again = again, .on_end = on_end, .ud = c, .logs = logs };
	struct runbook_journal j = { .fd = -1 };
	int64_t crews = 0;
	int code;

	names_of(a, "done", done);
	names_of(a, "again", again);
	if (graph_ask_number(ask, r, "crews", 1, 100000, &crews) != 0)
		return cli_args_wrong(a, "%s", r->error);
	if (logs != NULL && dir_make(logs) != 0)
		return cli_args_wrong(a, "%s: %s", logs, strerror(errno));
	if (open_journal(a, c, &j) != 0)
		return CMD_USAGE;
	o.parallel = (uint32_t)crews;
	o.journal = j.fd >= 0 ? &j : NULL;
	o.person = isatty(STDIN_FILENO) != 0;
	term_hold_signals();
	code = code_of(runbook_run(&c->b.book, &o));
	if (j.err != 0)
		code = cli_args_wrong(a, "the journal cannot be written: %s", strerror(-j.err));
	runbook_journal_close(&j);
	return code;
}

int
cmd_graph_conduct(const struct cli_args *a, struct past *p)
{
	struct conducting c = { .args = a, .past = p, .drill = cli_args_has(a, "drill") };
	struct graph_ask *ask = calloc(1, sizeof(*ask));
	struct graph_reply r;
	int code;

	if (ask == NULL)
		return cli_args_wrong(a, "out of memory");
	graph_reply_init(&r);
	ask->now = clock_wall();
	ask->past = p;
	cmd_graph_options(a, ask);
	if (graph_runbook_init(&c.b, ask, &r) != 0)
		code = cli_args_wrong(a, "%s", r.error);
	else if (!cli_args_has(a, "run") || cli_args_has(a, "dry-run"))
		code = print_paper(a, &c.b.book);
	else
		code = conduct(a, &c, ask, &r);
	graph_runbook_fini(&c.b);
	graph_reply_fini(&r);
	free(ask);
	return code;
}
