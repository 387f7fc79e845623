/* SPDX-License-Identifier: MIT */
/* status.c - `faultline status`: how a running daemon is. */
#include "base/units.h"
#include "cmd/args.h"
#include "cmd/client.h"
#include "cmd/cmd.h"
#include <stdlib.h>
#include <string.h>

static const char help[] =
    "usage: faultline status [flags]\n"
    "\n"
    "How a running daemon is: its version, lines, connections, what faults did.\n"
    "\n"
    "  -h, --host URL       the daemon (FAULTLINE_URL, TOXIPROXY_URL; http://localhost:8474)\n"
    "  --token TOKEN        its token (FAULTLINE_TOKEN)\n"
    "  --json               print what the daemon says\n"
    "\n"
    "example:\n"
    "  faultline status --json\n";

static double
number(const struct doc_node *map, const char *key)
{
	const struct doc_node *n = doc_get(map, key);
	double v = 0;

	if (n != NULL)
		doc_is_float(n, &v);
	return v;
}

static void
print_daemon(const struct doc_node *s)
{
	char text[32];

	printf("faultline %s, up for %s%s\n", client_text(s, "version"),
	    units_duration(text, sizeof(text), (fl_ns)number(s, "uptime_ms") / 1000 * FL_SEC), client_is_true(s, "draining") ? ", draining" : "");
	printf("seed %s, %s workers\n", client_text(s, "seed"), client_text(s, "workers"));
	printf("%s of %s connections on %s lines\n", client_text(s, "connections"), client_text(s, "connections_max"), client_text(s, "lines"));
	printf("%s events, %s lost\n", client_text(s, "events"), client_text(s, "events_lost"));
}

static void
print_line(const struct client *c, const struct doc_node *l)
{
	const struct doc_node *toxics = doc_get(l, "toxics");
	char up[32], down[32];

	units_bytes(up, sizeof(up), number(doc_get(l, "upstream_traffic"), "sent_bytes"));
	units_bytes(down, sizeof(down), number(doc_get(l, "downstream_traffic"), "sent_bytes"));
	printf("%s%s%s\t%s -> %s\t%s\t%s connections\t%s up\t%s down\t%u toxics\n",
	    client_colour(c, client_is_true(l, "enabled") ? CLIENT_GREEN : CLIENT_RED), client_text(l, "name"), client_colour(c, CLIENT_PLAIN),
	    client_text(l, "listen"), client_text(l, "upstream"), client_is_true(l, "enabled") ? "enabled" : "disabled",
	    client_text(l, "connections"), up, down, toxics != NULL ? toxics->count : 0);
}

static int
show(const struct client *c)
{
	struct client_answer status, lines;
	char error[CLIENT_ERROR_MAX];

	if (client_call(c, "GET", "/v1/status", NULL, &status, error) != 0)
		return client_fail("%s: %s", c->program, error);
	if (client_call(c, "GET", "/v1/lines", NULL, &lines, error) != 0) {
		client_fini(&status);
		return client_fail("%s: %s", c->program, error);
	}
	if (c->json) {
		printf("{\"status\":%.*s,\"lines\":%.*s}\n", (int)buf_len(&status.http.body), buf_data(&status.http.body),
		    (int)buf_len(&lines.http.body), buf_data(&lines.http.body));
	} else if (status.doc != NULL && lines.doc != NULL) {
		print_daemon(status.doc->root);
		for (uint32_t i = 0; lines.doc->root->kind == DOC_LIST && i < lines.doc->root->count; i++)
			print_line(c, lines.doc->root->items[i]);
	}
	client_fini(&status);
	client_fini(&lines);
	return CMD_HELD;
}

static int
status_run(int argc, char **argv)
{
	struct client c = { .program = argv[0] };
	bool want_help = false;
	const struct args_flag flags[] = {
		{ "host h", ARGS_TEXT, { .text = &c.url } }, { "token", ARGS_TEXT, { .text = &c.token } },
		{ "json", ARGS_FLAG, { .flag = &c.json } }, { "help", ARGS_FLAG, { .flag = &want_help } },
		{ NULL, ARGS_FLAG, { .flag = NULL } },
	};
	struct args a;

	if (args_parse(flags, argc, argv, &a) != 0 || a.count > 0) {
		fprintf(stderr, "%s: %s\n%s", argv[0], a.count > 0 ? "status takes flags only" : a.error, help);
		return CMD_USAGE;
	}
	if (want_help) {
		fputs(help, stdout);
		return CMD_HELD;
	}
	client_init(&c);
	return show(&c);
}

const struct cmd status_cmd = { "status", "how a running daemon is", help, status_run };
