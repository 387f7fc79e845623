/* SPDX-License-Identifier: MIT */
/* cmd_run.c - faultline run: one experiment, a verdict, a run directory. */
#include "cmd/cmd.h"
#include "cmd/run_note.h"

#include "base/text.h"
#include "io/dir.h"
#include "run/events.h"
#include "run/vary.h"
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#define TEXT_BYTES_MAX (16u << 20)
#define COMMAND_BYTES_MAX 4096

static const char usage[] =
    "usage: faultline run [options] EXPERIMENT.yaml\n"
    "\n"
    "Start the experiment's system, put it under load and faults, judge it, and leave a run directory.\n"
    "\n"
    "  --seed N         decisions are drawn from this seed (default: the file's, else a random one)\n"
    "  --variant NAME   run one variant of the experiment (default: all, one after the other)\n"
    "  --runs-dir DIR   where run directories are made (default: runs)\n"
    "  --graph FILE     note in the map in FILE what came of each fault on a line: survived, healed or broke;\n"
    "                   without this nothing is noted, whatever $FAULTLINE_GRAPH says\n"
    "  --json           print one JSON document instead of text\n"
    "  --keep           keep the files of the processes in the run directory\n"
    "  -v, --verbose    tell on standard error what happens\n"
    "  -q, --quiet      no status line\n"
    "  -h, --help       this text\n"
    "\n"
    "exit code: 0 held, 1 a finding, 2 the file or the command line is wrong, 3 aborted, 4 could not judge\n"
    "\n"
    "examples:\n"
    "  faultline run examples/redis-held.yaml\n"
    "  faultline run --seed 7 --json examples/redis-lost-writes.yaml\n";

struct run_flags {
	const char *file, *runs_dir, *variant, *graph;
	uint64_t seed;
	bool has_seed, json, keep, verbose, quiet;
};

static bool
parse_seed(const char *s, uint64_t *ret)
{
	char *end;

	errno = 0;
	*ret = strtoull(s, &end, 10);
	return s[0] >= '0' && s[0] <= '9' && *end == '\0' && errno == 0 && *ret <= INT64_MAX;
}

/* -1: go on; else the exit code. */
static int
parse_flags(int argc, char **argv, struct run_flags *f)
{
	static const struct option options[] = {
		{ "seed", required_argument, NULL, 's' }, { "variant", required_argument, NULL, 'V' },
		{ "runs-dir", required_argument, NULL, 'r' }, { "graph", required_argument, NULL, 'g' }, { "json", no_argument, NULL, 'j' },
		{ "keep", no_argument, NULL, 'k' }, { "verbose", no_argument, NULL, 'v' }, { "quiet", no_argument, NULL, 'q' },
		{ "help", no_argument, NULL, 'h' }, { NULL, 0, NULL, 0 },
	};
	int c;

	*f = (struct run_flags){ .runs_dir = "runs" };
	while ((c = getopt_long(argc, argv, "vqh", options, NULL)) != -1) {
		switch (c) {
		case 's':
			f->has_seed = true;
			if (parse_seed(optarg, &f->seed))
				break;
			fprintf(stderr, "faultline run: --seed: found \"%s\", expected a whole number from 0 to 9223372036854775807\n", optarg);
			return 2;
		case 'V':
			f->variant = optarg;
			break;
		case 'r':
			f->runs_dir = optarg;
			break;
		case 'g':
			f->graph = optarg;
			break;
		case 'j':
			f->json = true;
			break;
		case 'k':
			f->keep = true;
			break;
		case 'v':
			f->verbose = true;
			break;
		case 'q':
			f->quiet = true;
			break;
		case 'h':
			fputs(usage, stdout);
			return 0;
		default:
			fputs("try faultline run --help\n", stderr);
			return 2;
		}
	}
	if (optind + 1 != argc) {
		fprintf(stderr, "faultline run: %s\ntry faultline run --help\n", optind == argc ? "no experiment given" : "more than one file given");
		return 2;
	}
	f->file = argv[optind];
	return -1;
}

/* Short enough to be read out, and to stand in the name of a directory. */
static uint64_t
random_seed(void)
{
	uint32_t seed = 0;

	if (getrandom(&seed, sizeof(seed), 0) != (ssize_t)sizeof(seed))
		seed = (uint32_t)getpid();
	return seed;
}

static char *
join_command(int argc, char **argv)
{
	struct buf b;
	char *text;

	buf_init(&b, COMMAND_BYTES_MAX);
	buf_puts(&b, "faultline");
	for (int i = 0; i < argc; i++)
		buf_printf(&b, " %s", argv[i]);
	text = strdup(buf_str(&b));
	buf_fini(&b);
	return text;
}

/* The directory of a file that can be read, absolute. */
static int
directory_of(const char *path, char *ret, size_t max)
{
	char *slash;
	int rc = dir_absolute(path, ret, max);

	if (rc < 0)
		return rc;
	slash = strrchr(ret, '/');
	if (slash != NULL)
		slash[slash == ret ? 1 : 0] = '\0';
	return 0;
}

/* A document in any case: programs that asked for JSON get JSON. */
static void
print_error_json(int exit_code, const char *run_dir, const char *error)
{
	struct buf b;

	buf_init(&b, 1u << 20);
	buf_printf(&b, "{\"verdict\":\"unknown\",\"exit_code\":%d,\"run_dir\":", exit_code);
	if (run_dir[0] == '\0')
		buf_puts(&b, "null");
	else
		events_put_text(&b, run_dir);
	buf_puts(&b, ",\"error\":");
	events_put_text(&b, error);
	buf_puts(&b, "}\n");
	fputs(buf_str(&b), stdout);
	buf_fini(&b);
}

static void
print(const struct run_flags *f, struct vary_outcome *o)
{
	if (o->error[0] != '\0')
		fprintf(stderr, "faultline run: %s\n", o->error);
	if (!f->json)
		fputs(buf_str(&o->text), stdout);
	else if (buf_len(&o->json) > 0)
		fputs(buf_str(&o->json), stdout);
	else
		print_error_json(o->exit_code, o->run_dir, o->error);
}

/* The variant that was asked for; -1: all; -2 after a complaint. */
static int
find_variant(const struct run_flags *f, const struct variant_set *set)
{
	const char *near;
	int i;

	if (f->variant == NULL)
		return -1;
	if (!variant_varied(set)) {
		fprintf(stderr, "faultline run: --variant: %s has no variants\n", f->file);
		return -2;
	}
	i = variant_find(set, f->variant);
	if (i >= 0)
		return i;
	near = text_nearest(f->variant, set->names);
	fprintf(stderr, "faultline run: --variant: there is no variant \"%s\"%s%s%s\n", f->variant, near != NULL ? "; did you mean \"" : "",
	    near != NULL ? near : "", near != NULL ? "\"?" : "");
	return -2;
}

static int
run_it(const struct run_flags *f, const struct variant_set *set, struct buf *text, const char *command)
{
	const struct experiment *x = set->variants[0].x;
	char here[CONDUCT_PATH_MAX];
	struct vary_opts opts = { .set = set, .only = find_variant(f, set), .run = {
		.text = buf_str(text), .text_bytes = buf_len(text), .path = f->file, .here = here, .command = command,
		.seed = f->has_seed ? f->seed : x->has_seed ? x->seed : random_seed(), .runs_dir = f->runs_dir, .keep = f->keep,
		.verbose = f->verbose, .quiet = f->quiet, .colour = !f->json && isatty(STDOUT_FILENO),
	} };
	struct vary_outcome o;
	int code;

	if (opts.only < -1)
		return CMD_USAGE;
	if (directory_of(f->file, here, sizeof(here)) < 0) {
		fprintf(stderr, "faultline run: %s: %s\n", f->file, strerror(errno));
		return CMD_USAGE;
	}
	if (f->verbose)
		fprintf(stderr, "seed %" PRIu64 "\n", opts.run.seed);
	if (f->graph != NULL && cmd_run_note_check(f->graph) != 0)
		return CMD_USAGE;
	vary_run(&opts, &o);
	print(f, &o);
	code = o.exit_code;
	if (f->graph != NULL && o.run_dir[0] != '\0' && cmd_run_note(f->graph, o.run_dir, opts.only < 0 ? set : NULL) != 0 && code == CMD_HELD)
		code = CMD_UNKNOWN;
	if (fflush(stdout) != 0)
		code = CMD_UNKNOWN;
	vary_fini(&o);
	return code;
}

int
cmd_run(int argc, char **argv)
{
	struct run_flags f;
	struct variant_set *set = NULL;
	struct doc_diag d;
	struct buf text;
	char *command = join_command(argc, argv);
	int code = command == NULL ? 4 : parse_flags(argc, argv, &f);

	if (code >= 0) {
		free(command);
		return code;
	}
	buf_init(&text, TEXT_BYTES_MAX);
	doc_diag_init(&d, f.file);
	if (variant_from_file(f.file, &d, &text, &set) == 0) {
		code = run_it(&f, set, &text, command);
	} else {
		const char *error = d.count > 0 ? buf_str(&d.text) : "faultline run: no memory";
		code = d.count > 0 ? CMD_USAGE : CMD_UNKNOWN;
		fprintf(stderr, "%s\n", error);
		if (f.json)
			print_error_json(code, "", error);
	}
	variant_free(set);
	doc_diag_fini(&d);
	buf_fini(&text);
	free(command);
	return code;
}
