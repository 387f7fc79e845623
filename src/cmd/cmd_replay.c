/* SPDX-License-Identifier: MIT */
/* cmd_replay.c - faultline replay: a run once more, from its directory. */
#include "cmd/cmd.h"

#include "run/replay.h"
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char usage[] =
    "usage: faultline replay [options] RUNDIR\n"
    "\n"
    "Run the experiment of a run directory again with its seed; say whether the outcome recurred, and whether the faults\n"
    "decided alike where the traffic was the same.\n"
    "\n"
    "  --runs-dir DIR   where the new run directory is made (default: runs)\n"
    "  --json           print one JSON document instead of text\n"
    "  --keep           keep the files of the processes in the run directory\n"
    "  -v, --verbose    tell on standard error what happens\n"
    "  -q, --quiet      no status line\n"
    "  -h, --help       this text\n"
    "\n"
    "exit code: that of the new run (see faultline run --help); 2 when RUNDIR is no run directory\n"
    "\n"
    "example:\n"
    "  faultline replay runs/redis-lost-writes-20260101T120000Z-42\n";

struct replay_flags {
	struct replay_opts opts;
	bool json;
};

/* -1: go on; else the exit code. */
static int
parse_flags(int argc, char **argv, struct replay_flags *f)
{
	static const struct option options[] = {
		{ "runs-dir", required_argument, NULL, 'r' }, { "json", no_argument, NULL, 'j' }, { "keep", no_argument, NULL, 'k' },
		{ "verbose", no_argument, NULL, 'v' }, { "quiet", no_argument, NULL, 'q' }, { "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	int c;

	*f = (struct replay_flags){ .opts.runs_dir = "runs" };
	while ((c = getopt_long(argc, argv, "vqh", options, NULL)) != -1) {
		switch (c) {
		case 'r':
			f->opts.runs_dir = optarg;
			break;
		case 'j':
			f->json = true;
			break;
		case 'k':
			f->opts.keep = true;
			break;
		case 'v':
			f->opts.verbose = true;
			break;
		case 'q':
			f->opts.quiet = true;
			break;
		case 'h':
			fputs(usage, stdout);
			return 0;
		default:
			fputs("try faultline replay --help\n", stderr);
			return 2;
		}
	}
	if (optind + 1 != argc) {
		fprintf(stderr, "faultline replay: %s\ntry faultline replay --help\n",
		    optind == argc ? "no run directory given" : "more than one directory given");
		return 2;
	}
	f->opts.run_dir = argv[optind];
	return -1;
}

static void
print(const struct replay_flags *f, struct replay_outcome *o)
{
	struct buf b;

	buf_init(&b, 4u << 20);
	if (f->json) {
		(void)replay_json(o, f->opts.run_dir, &b);
	} else {
		buf_puts(&b, buf_str(&o->now.text));
		(void)replay_say(o, f->opts.run_dir, &b);
	}
	fputs(buf_str(&b), stdout);
	buf_fini(&b);
}

int
cmd_replay(int argc, char **argv)
{
	struct replay_outcome *o;
	struct replay_flags f;
	char command[5000];
	int code = parse_flags(argc, argv, &f);

	if (code >= 0)
		return code;
	o = calloc(1, sizeof(*o));
	if (o == NULL)
		return 4;
	snprintf(command, sizeof(command), "faultline replay %s", f.opts.run_dir);
	f.opts.command = command;
	f.opts.colour = !f.json && isatty(STDOUT_FILENO);
	replay(&f.opts, o);
	if (o->ran && o->now.error[0] != '\0')
		fprintf(stderr, "faultline replay: %s\n", o->now.error);
	if (!o->ran)
		fprintf(stderr, "faultline replay: %s\n", o->error);
	if (o->ran || f.json)
		print(&f, o);
	code = fflush(stdout) != 0 ? 4 : o->exit_code;
	replay_fini(o);
	free(o);
	return code;
}
