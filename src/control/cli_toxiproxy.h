/* SPDX-License-Identifier: MIT */
/*
 * cli_toxiproxy.h - the command line of toxiproxy-cli: its commands, aliases, flags and help pages, and the way in which Go reads
 * flags (they end at the first word that is none; one dash or two; a value may be any word).
 */
#ifndef CONTROL_CLI_TOXIPROXY_H
#define CONTROL_CLI_TOXIPROXY_H

#include "base/buf.h"
#include <stdbool.h>

#define CLI_TOXIPROXY_VERSION "2.12.0"
#define CLI_TOXIPROXY_GIVEN_MAX 256

enum cli_toxiproxy_verb {
	CLI_TOXIPROXY_LIST, CLI_TOXIPROXY_INSPECT, CLI_TOXIPROXY_CREATE, CLI_TOXIPROXY_TOGGLE, CLI_TOXIPROXY_DELETE,
	CLI_TOXIPROXY_TOXIC_ADD, CLI_TOXIPROXY_TOXIC_UPDATE, CLI_TOXIPROXY_TOXIC_REMOVE,
	CLI_TOXIPROXY_NONE,             /* nothing to do: help or version was asked for, or there was a mistake */
};

struct cli_toxiproxy_flag;
struct cli_toxiproxy_given {
	const struct cli_toxiproxy_flag *flag;
	const char *value;              /* "true" or "false" for a switch */
};

/* A command line, taken apart. Strings are argv's. */
struct cli_toxiproxy {
	enum cli_toxiproxy_verb verb;
	const char *host;               /* --host; NULL: not given */
	const char *word;               /* the first argument behind the flags; "" when there is none */
	unsigned given_count;
	struct cli_toxiproxy_given given[CLI_TOXIPROXY_GIVEN_MAX];
	int exit;                       /* with CLI_TOXIPROXY_NONE */
	struct buf out, err;            /* with CLI_TOXIPROXY_NONE: what to print */
};

/* Take argv[1..] apart. cli_toxiproxy_fini() it afterwards. */
void cli_toxiproxy_parse(struct cli_toxiproxy *t, int argc, char **argv);
void cli_toxiproxy_fini(struct cli_toxiproxy *t);

/* The last value of a flag by its long name; "" when it was not given. */
const char *cli_toxiproxy_value(const struct cli_toxiproxy *t, const char *name);
bool cli_toxiproxy_flag(const struct cli_toxiproxy *t, const char *name);       /* a switch */
bool cli_toxiproxy_is(const struct cli_toxiproxy_given *g, const char *name);
/* Append the help of the command, as it is shown with a mistake. */
void cli_toxiproxy_help(enum cli_toxiproxy_verb verb, struct buf *out);

/* "1e3", "0x1p4", "inf": a number as Go's strconv.ParseFloat reads it. false: none, or too large. */
bool cli_toxiproxy_number(const char *s, double *ret);

#endif
