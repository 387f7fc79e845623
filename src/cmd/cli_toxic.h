/* SPDX-License-Identifier: MIT */
/* cli_toxic.h - the commands on toxics, spelt by `faultline toxic` and by toxiproxy-cli alike. All return an exit code. */
#ifndef CMD_CLI_TOXIC_H
#define CMD_CLI_TOXIC_H

#include "cmd/args.h"
#include "cmd/client.h"

struct cli_toxic {
	const char *line, *name;        /* name NULL: not said */
	const char *type;
	const char *toxicity;           /* NULL: not said */
	bool upstream, downstream;
	struct args_list attributes;    /* "key=value" or several with commas */
	const char *ttl, *client, *every, *first, *window, *duty;       /* NULL: not said */
};

int cli_toxic_add(const struct client *c, const struct cli_toxic *t);
int cli_toxic_update(const struct client *c, const struct cli_toxic *t);
int cli_toxic_remove(const struct client *c, const struct cli_toxic *t);

#endif
