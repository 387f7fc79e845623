/* SPDX-License-Identifier: MIT */
/*
 * cli_toxiproxy.c - the command line of toxiproxy-cli.
 *
 * The rules are those of Go's flag package and of the library that toxiproxy-cli is made with: a command is found by name or
 * alias at the first word behind the flags; "help" and "h" are commands on every level; an unknown command ends with exit code
 * 3. Two things are otherwise on purpose: a flag that is unknown ends with exit code 1, not 0, and `help toxic` is complete.
 */
#include "control/cli_toxiproxy.h"
#include "base/assert.h"
#include "fault/kind.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FLAGS_MAX 8
#define OUT_MAX 65536u

struct cli_toxiproxy_flag {
	const char *name, *alias;
	bool is_switch, is_list;
	const char *help;
};

struct command {
	const char *names[5];           /* the name and its aliases */
	const char *title;              /* in its help, behind the name */
	const char *listing;            /* in the list of commands */
	const char *args;               /* its arguments in the usage line */
	enum cli_toxiproxy_verb verb;
	const struct command *commands; /* NULL: none */
	struct cli_toxiproxy_flag flags[FLAGS_MAX];
};

#define SWITCH(name, alias, help) { name, alias, true, false, help }
#define VALUE(name, alias, help) { name, alias, false, false, help }
#define TOXIC_NAME VALUE("toxicName", "n", "name of the toxic")
#define TOXICITY VALUE("toxicity", "tox", "toxicity of toxic should be a float between 0 and 1 (default: 1.0)")
#define ATTRIBUTE { "attribute", "a", false, true, "toxic attribute in key=value format" }
#define HELP SWITCH("help", NULL, "show help (default: false)")

static const struct command toxic_commands[] = {
	{ { "add", "a" }, "add a new toxic", "add a new toxic", " <proxyName>", CLI_TOXIPROXY_TOXIC_ADD, NULL,
	  { TOXIC_NAME, VALUE("type", "t", "type of toxic"), TOXICITY, ATTRIBUTE,
	    SWITCH("upstream", "u", "add toxic to upstream (default: false)"),
	    SWITCH("downstream", "d", "add toxic to downstream (default: true)"), HELP } },
	{ { "update", "u" }, "update an enabled toxic", "update an enabled toxic", " <proxyName>",
	  CLI_TOXIPROXY_TOXIC_UPDATE, NULL,
	  { TOXIC_NAME, TOXICITY, ATTRIBUTE, HELP } },
	{ { "remove", "r", "delete", "d" }, "remove an enabled toxic", "remove an enabled toxic", " <proxyName>",
	  CLI_TOXIPROXY_TOXIC_REMOVE, NULL,
	  { TOXIC_NAME, HELP } },
	{ .names = { NULL } },
};

/* Where texts have a line of their own, it stands where the original's tabulators put it. */
static const struct command commands[] = {
	{ { "list", "l", "li", "ls" }, "list all proxies\n                          usage: 'toxiproxy-cli list'\n",
	  "list all proxies\n                      usage: 'toxiproxy-cli list'\n", "", CLI_TOXIPROXY_LIST, NULL, { HELP } },
	{ { "inspect", "i", "ins" },
	  "inspect a single proxy\n                             usage: 'toxiproxy-cli inspect <proxyName>'\n",
	  "inspect a single proxy\n                      usage: 'toxiproxy-cli inspect <proxyName>'\n", "",
	  CLI_TOXIPROXY_INSPECT, NULL, { HELP } },
	{ { "create", "c", "new" },
	  "create a new proxy\n                            usage: 'toxiproxy-cli create --listen <addr> --upstream <addr> <proxyName>'\n",
	  "create a new proxy\n                      usage: 'toxiproxy-cli create --listen <addr> --upstream <addr> <proxyName>'\n", "",
	  CLI_TOXIPROXY_CREATE, NULL, { VALUE("listen", "l", "proxy will listen on this address"),
	  VALUE("upstream", "u", "proxy will forward to this address"), HELP } },
	{ { "toggle", "tog" },
	  "  toggle enabled status on a proxy\n                              usage: 'toxiproxy-cli toggle <proxyName>'\n",
	  "  toggle enabled status on a proxy\n                        usage: 'toxiproxy-cli toggle <proxyName>'\n", "",
	  CLI_TOXIPROXY_TOGGLE, NULL, { HELP } },
	{ { "delete", "d" }, "  delete a proxy\n                              usage: 'toxiproxy-cli delete <proxyName>'\n",
	  "  delete a proxy\n                        usage: 'toxiproxy-cli delete <proxyName>'\n", "",
	  CLI_TOXIPROXY_DELETE, NULL, { HELP } },
	{ { "toxic", "t" },
	  "  add, remove or update a toxic\n                             usage: see 'toxiproxy-cli toxic'\n",
	  "  add, remove or update a toxic\n                        usage: see 'toxiproxy-cli toxic'\n", "",
	  CLI_TOXIPROXY_NONE, toxic_commands, { HELP } },
	{ .names = { NULL } },
};

static const struct command root = {
	.names = { "toxiproxy-cli" }, .verb = CLI_TOXIPROXY_NONE, .commands = commands,
	.flags = {
		VALUE("host", "h", "toxiproxy host to connect to (default: \"http://localhost:8474\") [$TOXIPROXY_URL]"), HELP,
		SWITCH("version", "v", "print the version"),
	},
};

/* ---- help ---- */

static const struct command *
find_command(const struct command *list, const char *word)
{
	for (const struct command *c = list; c != NULL && c->names[0] != NULL; c++)
		for (size_t i = 0; i < FL_ARRAY_LEN(c->names) && c->names[i] != NULL; i++)
			if (strcmp(c->names[i], word) == 0)
				return c;
	return NULL;
}

static void
put_padded(struct buf *out, const char *left, size_t width, const char *right)
{
	buf_printf(out, "   %-*s%s\n", (int)width, left, right);
}

static char *
join_names(const struct command *c, char *buf, size_t bytes)
{
	buf[0] = '\0';
	for (size_t i = 0; i < FL_ARRAY_LEN(c->names) && c->names[i] != NULL; i++) {
		size_t n = strlen(buf);

		snprintf(buf + n, bytes - n, "%s%s", i > 0 ? ", " : "", c->names[i]);
	}
	return buf;
}

static void
put_commands(struct buf *out, const struct command *list)
{
	static const char help_names[] = "help, h";
	size_t width = strlen(help_names);
	char names[64];

	for (const struct command *c = list; c != NULL && c->names[0] != NULL; c++)
		width = FL_MAX(width, strlen(join_names(c, names, sizeof(names))));
	buf_puts(out, "COMMANDS:\n");
	for (const struct command *c = list; c != NULL && c->names[0] != NULL; c++)
		put_padded(out, join_names(c, names, sizeof(names)), width + 2, c->listing);
	put_padded(out, help_names, width + 2, "Shows a list of commands or help for one command");
}

/* "--host value, -h value" */
static char *
flag_text(const struct cli_toxiproxy_flag *f, char *buf, size_t bytes)
{
	const char *value = f->is_switch ? "" : " value";
	char one[64];

	if (f->alias == NULL)
		snprintf(one, sizeof(one), "--%s%s", f->name, value);
	else
		snprintf(one, sizeof(one), "--%s%s, %s%s%s", f->name, value, f->alias[1] == '\0' ? "-" : "--", f->alias, value);
	if (f->is_list)
		snprintf(buf, bytes, "%s [ %s ]", one, one);
	else
		snprintf(buf, bytes, "%s", one);
	return buf;
}

static void
put_flags(struct buf *out, const struct command *c)
{
	char text[160];
	size_t width = 0;

	for (const struct cli_toxiproxy_flag *f = c->flags; f->name != NULL; f++)
		width = FL_MAX(width, strlen(flag_text(f, text, sizeof(text))));
	for (const struct cli_toxiproxy_flag *f = c->flags; f->name != NULL; f++)
		put_padded(out, flag_text(f, text, sizeof(text)), width + 2, f->help);
}

static void
put_toxics(struct buf *out)
{
	buf_puts(out, "\nDESCRIPTION:\n   Toxics and their attributes:\n");
	for (unsigned k = 0; k < FAULT_KIND_COUNT; k++) {
		const struct kind_info *info = kind_info((enum fault_kind)k);

		buf_printf(out, "\n   %s: %s\n", info->name, info->doc);
		for (size_t i = 0; i < info->attr_count; i++)
			buf_printf(out, "      %-15s %s\n", info->attrs[i].name, info->attrs[i].doc);
	}
	buf_puts(out, "\n   examples:\n"
	    "      toxiproxy-cli toxic add -t latency -n myToxic -a latency=100 -a jitter=50 myProxy\n"
	    "      toxiproxy-cli toxic update -n myToxic -a jitter=25 myProxy\n"
	    "      toxiproxy-cli toxic delete -n myToxic myProxy\n");
}

static void
put_root_help(struct buf *out)
{
	buf_puts(out, "NAME:\n   toxiproxy-cli - Simulate network and system conditions\n\n"
	    "USAGE:\n   toxiproxy-cli [global options] command [command options]\n\n"
	    "VERSION:\n   " CLI_TOXIPROXY_VERSION "\n\n");
	put_commands(out, commands);
	buf_puts(out, "\nGLOBAL OPTIONS:\n");
	put_flags(out, &root);
}

/* list: with its commands, as it is shown with a mistake. */
static void
put_command_help(struct buf *out, const struct command *c, bool list)
{
	bool in_toxic = find_command(toxic_commands, c->names[0]) == c;
	char name[64];

	snprintf(name, sizeof(name), "toxiproxy-cli %s%s", in_toxic ? "toxic " : "", c->names[0]);
	buf_printf(out, "NAME:\n   %s - %s\n\nUSAGE:\n   %s [command options]%s\n", name, c->title, name, c->args);
	if (c->commands != NULL)
		put_toxics(out);
	if (list || c->commands != NULL) {
		buf_putc(out, '\n');
		put_commands(out, c->commands);
	}
	buf_puts(out, "\nOPTIONS:\n");
	put_flags(out, c);
}

void
cli_toxiproxy_help(enum cli_toxiproxy_verb verb, struct buf *out)
{
	const struct command *tables[] = { commands, toxic_commands };

	fl_assert(verb < CLI_TOXIPROXY_NONE);
	for (size_t t = 0; t < FL_ARRAY_LEN(tables); t++)
		for (const struct command *c = tables[t]; c->names[0] != NULL; c++)
			if (c->verb == verb)
				put_command_help(out, c, true);
}

/* ---- flags ---- */

static const struct cli_toxiproxy_flag *
find_flag(const struct command *c, const char *name, size_t n)
{
	for (const struct cli_toxiproxy_flag *f = c->flags; f->name != NULL; f++) {
		if (strlen(f->name) == n && memcmp(f->name, name, n) == 0)
			return f;
		if (f->alias != NULL && strlen(f->alias) == n && memcmp(f->alias, name, n) == 0)
			return f;
	}
	return NULL;
}

/* As strconv.ParseBool: "true", "false" or NULL. */
static const char *
parse_bool(const char *s)
{
	static const char *const yes[] = { "1", "t", "T", "TRUE", "true", "True" };
	static const char *const no[] = { "0", "f", "F", "FALSE", "false", "False" };

	for (size_t i = 0; i < FL_ARRAY_LEN(yes); i++) {
		if (strcmp(s, yes[i]) == 0)
			return "true";
		if (strcmp(s, no[i]) == 0)
			return "false";
	}
	return NULL;
}

/* One flag at argv[*i]. false: *error says what is wrong. */
static bool
take_flag(struct cli_toxiproxy *t, const struct command *c, int *i, int argc, char **argv, char *error, size_t error_bytes)
{
	const char *name = argv[*i] + 1 + (argv[*i][1] == '-'), *value = NULL;
	size_t n = name[0] != '\0' ? 1 + strcspn(name + 1, "=") : 0;
	const struct cli_toxiproxy_flag *f;

	if (n == 0 || name[0] == '-' || name[0] == '=') {
		snprintf(error, error_bytes, "bad flag syntax: %s", argv[*i]);
		return false;
	}
	f = find_flag(c, name, n);
	if (f == NULL) {
		snprintf(error, error_bytes, "flag provided but not defined: -%.*s", (int)FL_MIN(n, (size_t)200), name);
		return false;
	}
	if (name[n] == '=')
		value = name + n + 1;
	if (f->is_switch && value != NULL && parse_bool(value) == NULL) {
		snprintf(error, error_bytes, "invalid boolean value \"%.100s\" for -%.*s: parse error", value, (int)n, name);
		return false;
	}
	if (!f->is_switch && value == NULL && *i + 1 >= argc) {
		snprintf(error, error_bytes, "flag needs an argument: -%.*s", (int)n, name);
		return false;
	}
	if (f->is_switch)
		value = value != NULL ? parse_bool(value) : "true";
	else if (value == NULL)
		value = argv[++*i];
	if (t->given_count == CLI_TOXIPROXY_GIVEN_MAX) {
		snprintf(error, error_bytes, "more than %d flags", CLI_TOXIPROXY_GIVEN_MAX);
		return false;
	}
	t->given[t->given_count++] = (struct cli_toxiproxy_given){ .flag = f, .value = value };
	return true;
}

/* The flags of one level, from argv[*i] on; *i ends at the first word that is none. */
static bool
take_flags(struct cli_toxiproxy *t, const struct command *c, int *i, int argc, char **argv, char *error, size_t error_bytes)
{
	t->given_count = 0;
	for (; *i < argc; ++*i) {
		if (strcmp(argv[*i], "--") == 0) {
			++*i;
			return true;
		}
		if (argv[*i][0] != '-' || argv[*i][1] == '\0')
			return true;
		if (!take_flag(t, c, i, argc, argv, error, error_bytes))
			return false;
	}
	return true;
}

const char *
cli_toxiproxy_value(const struct cli_toxiproxy *t, const char *name)
{
	for (unsigned i = t->given_count; i > 0; i--)
		if (strcmp(t->given[i - 1].flag->name, name) == 0)
			return t->given[i - 1].value;
	return "";
}

bool
cli_toxiproxy_flag(const struct cli_toxiproxy *t, const char *name)
{
	return strcmp(cli_toxiproxy_value(t, name), "true") == 0;
}

bool
cli_toxiproxy_is(const struct cli_toxiproxy_given *g, const char *name)
{
	return strcmp(g->flag->name, name) == 0;
}

/* ---- commands ---- */

static bool
is_help(const char *word)
{
	return strcmp(word, "help") == 0 || strcmp(word, "h") == 0;
}

/* Help on level c, or on one of its commands. */
static void
show_help(struct cli_toxiproxy *t, const struct command *c, const char *word)
{
	const struct command *sub = find_command(c->commands, word);

	if (sub != NULL)
		put_command_help(&t->out, sub, false);
	else if (is_help(word))
		buf_puts(&t->out, "NAME:\n   help - Shows a list of commands or help for one command\n\n"
		    "USAGE:\n   help [command options] [command]\n\nOPTIONS:\n   --help  show help (default: false)\n");
	else if (word[0] != '\0') {
		buf_printf(&t->err, "No help topic for '%s'\n", word);
		t->exit = 3;
	} else if (c == &root) {
		put_root_help(&t->out);
	} else {
		put_command_help(&t->out, c, false);
	}
}

static void
show_mistake(struct cli_toxiproxy *t, const struct command *c, const char *error)
{
	buf_printf(&t->out, "Incorrect Usage: %s\n\n", error);
	if (c == &root)
		put_root_help(&t->out);
	else
		put_command_help(&t->out, c, true);
	t->exit = 1;
}

void
cli_toxiproxy_parse(struct cli_toxiproxy *t, int argc, char **argv)
{
	const struct command *level = &root;
	int i = 1;

	*t = (struct cli_toxiproxy){ .verb = CLI_TOXIPROXY_NONE, .word = "" };
	buf_init(&t->out, OUT_MAX);
	buf_init(&t->err, OUT_MAX);
	for (;;) {
		const struct command *next;
		char error[256];
		const char *word;

		if (!take_flags(t, level, &i, argc, argv, error, sizeof(error))) {
			show_mistake(t, level, error);
			return;
		}
		word = i < argc ? argv[i] : "";
		if (level == &root && cli_toxiproxy_value(t, "host")[0] != '\0')
			t->host = cli_toxiproxy_value(t, "host");
		if (cli_toxiproxy_flag(t, "help")) {
			show_help(t, level, word);
			return;
		}
		if (level == &root && cli_toxiproxy_flag(t, "version")) {
			buf_puts(&t->out, "toxiproxy-cli version " CLI_TOXIPROXY_VERSION "\n");
			return;
		}
		next = find_command(level->commands, word);
		if (next == NULL && is_help(word)) {
			show_help(t, level, i + 1 < argc ? argv[i + 1] : "");
			return;
		}
		if (next == NULL && level->verb == CLI_TOXIPROXY_NONE) {
			show_help(t, level, word);
			return;
		}
		if (next == NULL) {
			t->verb = level->verb;
			t->word = word;
			return;
		}
		level = next;
		i++;
	}
}

void
cli_toxiproxy_fini(struct cli_toxiproxy *t)
{
	buf_fini(&t->out);
	buf_fini(&t->err);
}

/* ---- numbers ---- */

bool
cli_toxiproxy_number(const char *s, double *ret)
{
	const char *digits;
	char plain[400];
	bool hex;
	char *end;
	double v;
	size_t n = 0;

	/* Underscores may separate digits. */
	for (const char *p = s; *p != '\0' && n + 1 < sizeof(plain); p++)
		if (*p != '_' || p == s || !isxdigit((unsigned char)p[-1]) || !isxdigit((unsigned char)p[1]))
			plain[n++] = *p;
	plain[n] = '\0';
	s = plain;
	digits = s + (*s == '-' || *s == '+');
	hex = digits[0] == '0' && (digits[1] == 'x' || digits[1] == 'X');

	/* What strtod() takes beyond Go: leading space, hexadecimals without an exponent, nan(...). */
	if (isspace((unsigned char)*s) || (hex && strpbrk(digits, "pP") == NULL) || strchr(s, '(') != NULL)
		return false;
	errno = 0;
	v = strtod(s, &end);
	if (end == s || *end != '\0' || (errno == ERANGE && isinf(v)))
		return false;
	*ret = v;
	return true;
}
