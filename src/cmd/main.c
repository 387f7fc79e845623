/* SPDX-License-Identifier: MIT */
/* main.c - finds the sub-command, by the first argument or by the name of the program. */
#include "base/text.h"
#include "base/types.h"
#include "base/version.h"
#include "cmd/cmd.h"

#include <stdio.h>
#include <string.h>

static const struct command {
	const char *name;
	cmd_fn *run;
	const char *summary;
} commands[] = {
	{ "run", cmd_run, "one experiment: verdict, run directory, report" },
	{ "replay", cmd_replay, "a run once more: did outcome and decisions recur" },
	{ "check", cmd_check, "is a recorded history right: linearizable, serializable, a queue ..." },
	{ "match", cmd_match, "did a stream of messages arrive: once, in order, as it was sent" },
	{ "feed", cmd_feed, "send messages that can be audited, at a set rate" },
	{ "collect", cmd_collect, "receive them, and keep what arrived" },
	{ "trace", cmd_trace, "which message came of which, and what went wrong with it" },
	{ "answer", cmd_answer, "a small HTTP server to experiment with" },
	{ "lint", cmd_lint, "what is wrong with an experiment or a configuration" },
	{ "serve", cmd_serve, "the daemon: lines, faults, API" },
	{ "line", cmd_line, "create, list, change and inspect lines of the daemon" },
	{ "toxic", cmd_toxic, "add, change and remove faults on its lines" },
	{ "policy", cmd_policy, "how the calls of HTTP lines are protected: explain, show, set" },
	{ "status", cmd_status, "the daemon at a glance, once or live" },
	{ "graph", cmd_graph, "the map: services and lines, their past, what follows from a failure, how to recover" },
	{ "doctor", cmd_doctor, "what this kernel and these rights allow" },
};

static const struct command *
find(const char *name)
{
	for (size_t i = 0; i < FL_ARRAY_LEN(commands); i++)
		if (strcmp(commands[i].name, name) == 0)
			return &commands[i];
	return NULL;
}

static void
print_commands(FILE *to)
{
	fputs("usage: faultline COMMAND [flags] [arguments]\n\n", to);
	for (size_t i = 0; i < FL_ARRAY_LEN(commands); i++)
		fprintf(to, "  %-10s %s\n", commands[i].name, commands[i].summary);
	fputs("\n  faultline help COMMAND      flags and examples of a command\n"
	      "  faultline --version\n\n"
	      "examples:\n"
	      "  faultline serve &\n"
	      "  faultline line create --listen localhost:26379 --upstream localhost:6379 redis\n"
	      "  faultline toxic add --type latency --attribute latency=100 redis\n"
	      "  faultline run examples/redis-held.yaml\n", to);
}

static int
unknown(const char *name)
{
	const char *names[FL_ARRAY_LEN(commands) + 1] = { NULL };
	for (size_t i = 0; i < FL_ARRAY_LEN(commands); i++)
		names[i] = commands[i].name;
	const char *near = text_nearest(name, names);
	if (near != NULL)
		fprintf(stderr, "faultline: unknown command \"%s\", did you mean \"%s\"?\n", name, near);
	else
		fprintf(stderr, "faultline: unknown command \"%s\"; see faultline help\n", name);
	return CMD_USAGE;
}

static int
help(const char *name)
{
	if (name == NULL) {
		print_commands(stdout);
		return CMD_HELD;
	}
	const struct command *c = find(name);
	if (c == NULL)
		return unknown(name);
	char ask[] = "--help", own[32];
	snprintf(own, sizeof(own), "%s", c->name);
	char *argv[] = { own, ask, NULL };
	return c->run(2, argv);
}

static const char *
base_name(const char *path)
{
	const char *slash = strrchr(path, '/');
	return slash == NULL ? path : slash + 1;
}

int
main(int argc, char **argv)
{
	/* A link named as one of Toxiproxy's programs behaves as that. */
	const char *program = base_name(argc > 0 ? argv[0] : "");
	if (strcmp(program, "toxiproxy-server") == 0) {
		char name[] = "toxiproxy-server";
		argv[0] = name;
		return cmd_serve(argc, argv);
	}
	if (strcmp(program, "toxiproxy-cli") == 0)
		return cmd_toxiproxy_cli(argc, argv);
	if (argc < 2) {
		print_commands(stderr);
		return CMD_USAGE;
	}
	const char *word = argv[1];
	if (strcmp(word, "--version") == 0 || strcmp(word, "-version") == 0 || strcmp(word, "version") == 0) {
		puts("faultline " VERSION_FAULTLINE);
		return CMD_HELD;
	}
	if (strcmp(word, "help") == 0 || strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0)
		return help(argc > 2 ? argv[2] : NULL);
	const struct command *c = find(word);
	return c == NULL ? unknown(word) : c->run(argc - 1, argv + 1);
}
