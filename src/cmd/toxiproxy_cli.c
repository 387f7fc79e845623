/* SPDX-License-Identifier: MIT */
/*
 * toxiproxy_cli.c - what a link named toxiproxy-cli does: the words of that program on the code of `faultline line` and
 * `faultline toxic`. Flags may stand before or behind the name.
 */
#include "base/version.h"
#include "cmd/args.h"
#include "cmd/cli_line.h"
#include "cmd/cli_toxic.h"
#include "cmd/cmd.h"
#include <string.h>

static const char help[] =
    "NAME:\n"
    "   toxiproxy-cli - Simulate network and system conditions\n"
    "\n"
    "USAGE:\n"
    "   toxiproxy-cli [global options] command [command options] [arguments...]\n"
    "\n"
    "VERSION:\n"
    "   " VERSION_TOXIPROXY "\n"
    "\n"
    "COMMANDS:\n"
    "   list, l, li, ls  list all proxies\n"
    "   inspect, i, ins  inspect a single proxy:  inspect <proxyName>\n"
    "   create, c, new   create a new proxy:      create --listen <addr> --upstream <addr> <proxyName>\n"
    "   toggle, tog      toggle enabled status:   toggle <proxyName>\n"
    "   delete, d        delete a proxy:          delete <proxyName>\n"
    "   toxic, t         add, remove or update a toxic: see 'toxiproxy-cli toxic'\n"
    "\n"
    "GLOBAL OPTIONS:\n"
    "   --host value, -h value  toxiproxy host to connect to (default: \"http://localhost:8474\") [$TOXIPROXY_URL]\n"
    "   --help                  show help\n"
    "   --version, -v           print the version\n";

static const char toxic_help[] =
    "NAME:\n"
    "   toxiproxy-cli toxic - add, remove or update a toxic\n"
    "\n"
    "COMMANDS:\n"
    "   add, a                add --type <toxicType> [--downstream|--upstream] [--toxicName <toxicName>]\n"
    "                             [--toxicity <float>] --attribute <key=value> [...] <proxyName>\n"
    "   update, u             update --toxicName <toxicName> [--toxicity <float>] --attribute <key=value> [...] <proxyName>\n"
    "   remove, r, delete, d  remove --toxicName <toxicName> <proxyName>\n"
    "\n"
    "TOXICS:\n"
    "   latency      latency=<ms>,jitter=<ms>\n"
    "   bandwidth    rate=<KB/s>\n"
    "   slow_close   delay=<ms>\n"
    "   timeout      timeout=<ms>\n"
    "   reset_peer   timeout=<ms>\n"
    "   slicer       average_size=<bytes>,size_variation=<bytes>,delay=<microseconds>\n"
    "   limit_data   bytes=<bytes>\n"
    "\n"
    "   example: toxiproxy-cli toxic add -t latency -n myToxic -a latency=100 -a jitter=50 myProxy\n";

enum command { LIST, INSPECT, CREATE, TOGGLE, DELETE, TOXIC, TOXIC_ADD, TOXIC_UPDATE, TOXIC_REMOVE, NONE };

static const struct word { const char *text; enum command command; } words[] = {
	{ "list", LIST }, { "l", LIST }, { "li", LIST }, { "ls", LIST }, { "inspect", INSPECT }, { "i", INSPECT }, { "ins", INSPECT },
	{ "create", CREATE }, { "c", CREATE }, { "new", CREATE }, { "toggle", TOGGLE }, { "tog", TOGGLE }, { "delete", DELETE }, { "d", DELETE },
	{ "toxic", TOXIC }, { "t", TOXIC }, { NULL, NONE },
};
static const struct word toxic_words[] = {
	{ "add", TOXIC_ADD }, { "a", TOXIC_ADD }, { "update", TOXIC_UPDATE }, { "u", TOXIC_UPDATE }, { "remove", TOXIC_REMOVE },
	{ "r", TOXIC_REMOVE }, { "delete", TOXIC_REMOVE }, { "d", TOXIC_REMOVE }, { NULL, NONE },
};

static enum command
find(const struct word *list, const char *text)
{
	while (list->text != NULL && strcmp(list->text, text) != 0)
		list++;
	return list->command;
}

/* Where the command stands: behind the flags that come first. --host takes a value. */
static int
first_word(int argc, char **argv)
{
	int i = 1;

	while (i < argc && argv[i][0] == '-') {
		bool value = strcmp(argv[i], "-h") == 0 || strcmp(argv[i], "--host") == 0 || strcmp(argv[i], "-host") == 0;

		i += value ? 2 : 1;
	}
	return i;
}

static int
run_line(enum command command, struct client *c, int argc, char **argv)
{
	struct cli_line_create create = { .listen = NULL };
	const struct args_flag flags[] = {
		{ "host h", ARGS_TEXT, { .text = &c->url } }, { "listen l", ARGS_TEXT, { .text = &create.listen } },
		{ "upstream u", ARGS_TEXT, { .text = &create.upstream } }, { NULL, ARGS_FLAG, { .flag = NULL } },
	};
	struct args a;

	if (args_parse(flags, argc, argv, &a) != 0)
		return client_fail("Incorrect Usage: %s", a.error);
	client_init(c);
	if (command == LIST)
		return cli_line_list(c);
	if (a.count == 0) {
		fputs(help, stdout);
		return client_fail("Proxy name is required as the first argument.\n");
	}
	switch (command) {
	case INSPECT:
		return cli_line_inspect(c, a.words[0]);
	case TOGGLE:
		return cli_line_toggle(c, a.words[0]);
	case DELETE:
		return cli_line_delete(c, a.words[0]);
	default:
		break;
	}
	if (create.listen == NULL || create.listen[0] == '\0')
		return client_fail("Required argument 'listen' was empty.\n");
	if (create.upstream == NULL || create.upstream[0] == '\0')
		return client_fail("Required argument 'upstream' was empty.\n");
	return cli_line_create(c, a.words[0], &create);
}

static int
run_toxic(enum command command, struct client *c, int argc, char **argv)
{
	struct cli_toxic t = { .line = NULL };
	const struct args_flag flags[] = {
		{ "host h", ARGS_TEXT, { .text = &c->url } }, { "toxicName n", ARGS_TEXT, { .text = &t.name } },
		{ "type t", ARGS_TEXT, { .text = &t.type } }, { "toxicity tox", ARGS_TEXT, { .text = &t.toxicity } },
		{ "attribute a", ARGS_LIST, { .list = &t.attributes } }, { "upstream u", ARGS_FLAG, { .flag = &t.upstream } },
		{ "downstream d", ARGS_FLAG, { .flag = &t.downstream } }, { NULL, ARGS_FLAG, { .flag = NULL } },
	};
	struct args a;

	if (args_parse(flags, argc, argv, &a) != 0)
		return client_fail("Incorrect Usage: %s", a.error);
	if (a.count == 0) {
		fputs(toxic_help, stdout);
		return client_fail("Proxy name is missing.\n");
	}
	client_init(c);
	t.line = a.words[0];
	if (command == TOXIC_ADD)
		return cli_toxic_add(c, &t);
	return command == TOXIC_UPDATE ? cli_toxic_update(c, &t) : cli_toxic_remove(c, &t);
}

static int
toxiproxy_cli_run(int argc, char **argv)
{
	struct client c = { .program = "toxiproxy-cli", .agent = "toxiproxy-cli/" VERSION_TOXIPROXY " (linux/amd64)" };
	bool version = false, want_help = false;
	const struct args_flag flags[] = {
		{ "host h", ARGS_TEXT, { .text = &c.url } }, { "version v", ARGS_FLAG, { .flag = &version } },
		{ "help", ARGS_FLAG, { .flag = &want_help } }, { NULL, ARGS_FLAG, { .flag = NULL } },
	};
	int at = first_word(argc, argv);
	enum command command;
	struct args a;

	if (args_parse(flags, at < argc ? at : argc, argv, &a) != 0)
		return client_fail("Incorrect Usage: %s", a.error);
	if (version) {
		puts("toxiproxy-cli version " VERSION_TOXIPROXY);
		return CMD_HELD;
	}
	if (want_help || at >= argc || strcmp(argv[at], "help") == 0) {
		fputs(help, stdout);
		return CMD_HELD;
	}
	command = find(words, argv[at]);
	if (command == TOXIC) {
		if (at + 1 >= argc || strcmp(argv[at + 1], "--help") == 0 || strcmp(argv[at + 1], "help") == 0) {
			fputs(toxic_help, stdout);
			return CMD_HELD;
		}
		command = find(toxic_words, argv[++at]);
	}
	if (command == NONE) {
		client_fail("No help topic for '%s'", argv[at]);
		return 3;
	}
	return command >= TOXIC_ADD ? run_toxic(command, &c, argc - at, argv + at) : run_line(command, &c, argc - at, argv + at);
}

const struct cmd toxiproxy_cli_cmd = { "toxiproxy-cli", "the client of Toxiproxy", help, toxiproxy_cli_run };
