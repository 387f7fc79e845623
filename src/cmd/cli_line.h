/* SPDX-License-Identifier: MIT */
/* cli_line.h - the commands on lines, spelt by `faultline line` and by toxiproxy-cli alike. All return an exit code. */
#ifndef CMD_CLI_LINE_H
#define CMD_CLI_LINE_H

#include "cmd/client.h"

struct cli_line_create {
	const char *listen, *upstream;
	const char *key, *connect_timeout;      /* NULL: not said */
	bool half_close, disabled;
};

int cli_line_list(const struct client *c);
int cli_line_inspect(const struct client *c, const char *name);
int cli_line_create(const struct client *c, const char *name, const struct cli_line_create *what);
int cli_line_toggle(const struct client *c, const char *name);
int cli_line_delete(const struct client *c, const char *name);
int cli_line_connections(const struct client *c, const char *name);

#endif
