/* SPDX-License-Identifier: MIT */
/* main.c - finds the sub-command, by the first argument or by the name of the program. */
#include "base/text.h"
#include "base/version.h"
#include "cmd/cmd.h"
#include <stdio.h>
#include <string.h>

static const struct cmd *const commands[] = { &serve_cmd, &line_cmd, &toxic_cmd, &status_cmd, NULL };

static const struct cmd *
find(const char *name)
{
	for (size_t i = 0; commands[i] != NULL; i++) {
		if (strcmp(commands[i]->name, name) == 0)
			return commands[i];
	}
	return NULL;
}

static void
print_commands(FILE *to)
{
	fputs("usage: faultline COMMAND [flags] [arguments]\n\n", to);
	for (size_t i = 0; commands[i] != NULL; i++)
		fprintf(to, "  %-10s %s\n", commands[i]->name, commands[i]->summary);
	fputs("\n  faultline help COMMAND      flags and examples of a command\n"
	      "  faultline --version\n\n"
	      "examples:\n"
	      "  faultline serve &\n"
	      "  faultline line create --listen localhost:26379 --upstream localhost:6379 redis\n"
	      "  faultline toxic add --type latency --attribute latency=100 redis\n", to);
}

static int
unknown(const char *name)
{
	const char *names[sizeof(commands) / sizeof(commands[0])] = { NULL };
	const char *near;

	for (size_t i = 0; commands[i] != NULL; i++)
		names[i] = commands[i]->name;
	near = text_nearest(name, names);
	if (near != NULL)
		fprintf(stderr, "faultline: unknown command \"%s\", did you mean \"%s\"?\n", name, near);
	else
		fprintf(stderr, "faultline: unknown command \"%s\"; see faultline help\n", name);
	return CMD_USAGE;
}

static int
help(const char *name)
{
	const struct cmd *c = name != NULL ? find(name) : NULL;

	if (name != NULL && c == NULL)
		return unknown(name);
	if (c != NULL && c->help == NULL)
		return c->run(2, (char *[]){ (char[]){ "help" }, (char[]){ "--help" }, NULL });
	if (c != NULL)
		fputs(c->help, stdout);
	else
		print_commands(stdout);
	return CMD_HELD;
}

/* A link named as one of Toxiproxy's programs behaves as that. */
static const struct cmd *
by_program_name(const char *path)
{
	const char *slash = strrchr(path, '/'), *name = slash != NULL ? slash + 1 : path;

	if (strcmp(name, "toxiproxy-cli") == 0)
		return &toxiproxy_cli_cmd;
	return strcmp(name, "toxiproxy-server") == 0 ? &serve_cmd : NULL;
}

int
main(int argc, char **argv)
{
	const struct cmd *c = argc > 0 ? by_program_name(argv[0]) : NULL;
	char program[] = "toxiproxy-server", name[64];

	if (c != NULL) {
		argv[0] = c == &serve_cmd ? program : argv[0];
		return c->run(argc, argv);
	}
	if (argc < 2) {
		print_commands(stderr);
		return CMD_USAGE;
	}
	if (strcmp(argv[1], "--version") == 0 || strcmp(argv[1], "-version") == 0 || strcmp(argv[1], "version") == 0) {
		puts("faultline " VERSION_FAULTLINE);
		return CMD_HELD;
	}
	if (strcmp(argv[1], "help") == 0 || strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0)
		return help(argc > 2 ? argv[2] : NULL);
	c = find(argv[1]);
	if (c == NULL)
		return unknown(argv[1]);
	snprintf(name, sizeof(name), "faultline %s", c->name);
	argv[1] = name;
	return c->run(argc - 1, argv + 1);
}
