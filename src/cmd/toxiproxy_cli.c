/* SPDX-License-Identifier: MIT */
/*
 * toxiproxy_cli.c - what a link named toxiproxy-cli does: the command line, output and exit codes of that program.
 *
 * Not taken over: an update without --toxicity leaves the toxicity alone, update and remove without a name say so, an attribute
 * without "=" is warned of, and answers that are no JSON are named by their status.
 */
#include "cmd/cmd.h"
#include "control/cli_api.h"
#include "control/cli_toxic.h"
#include "control/cli_toxiproxy.h"
#include "fault/kind.h"
#include "io/term.h"
#include "proto/jsonw.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define URL_DEFAULT "http://localhost:8474"
#define USER_AGENT "toxiproxy-cli/" CLI_TOXIPROXY_VERSION " (linux/amd64)"

#define RED "\x1b[31m"
#define GREEN "\x1b[32m"
#define YELLOW "\x1b[33m"
#define BLUE "\x1b[34m"
#define PURPLE "\x1b[35m"
#define NONE "\x1b[0m"

struct run {
	const struct cli_toxiproxy *line;
	const char *url;                /* with its scheme */
	const char *no_client;          /* why there is no client; NULL: there is one */
	struct http_client client;
	bool terminal;
	struct cli_answer answer;
	char error[2048];               /* why the last question failed */
};

/* ---- output ---- */

static const char *
colour(const struct run *t, const char *escape)
{
	return t->terminal ? escape : "";
}

static const char *
colour_enabled(const struct run *t, bool enabled)
{
	return colour(t, enabled ? GREEN : RED);
}

static const char *
enabled_text(bool enabled)
{
	return enabled ? "enabled" : "disabled";
}

/* A server's text; on a terminal without what would steer it. */
static void
put_text(const struct run *t, const char *s)
{
	for (; *s != '\0'; s++)
		putchar(t->terminal && iscntrl((unsigned char)*s) ? '?' : *s);
}

static void
put_column(const struct run *t, const char *escape, const char *s, int tabs)
{
	fputs(colour(t, escape), stdout);
	put_text(t, s);
	fputs(colour(t, NONE), stdout);
	putchar('\t');
	tabs -= (int)FL_MIN(strlen(s), (size_t)4096) / 8 + 1;
	for (int i = 0; t->terminal && i < tabs; i++)
		putchar('\t');
}

static void
put_hint(const struct run *t, const char *text)
{
	if (t->terminal)
		printf("\n%sHint: %s\n", NONE, text);
}

static int fail(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* The message and a newline on stderr. returns the exit code. */
static int
fail(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
	return 1;
}

/* A mistake in the command: its help on stdout first. */
static int
fail_with_help(const struct run *t, const char *message)
{
	struct buf help;

	buf_init(&help, 1 << 16);
	cli_toxiproxy_help(t->line->verb, &help);
	fputs(buf_str(&help), stdout);
	fflush(stdout);
	buf_fini(&help);
	return fail("%s", message);
}

/* ---- questions ---- */

static const char *
go_method(const char *method)
{
	static const char *const names[][2] = { { "GET", "Get" }, { "POST", "Post" }, { "PATCH", "Patch" },
	    { "DELETE", "Delete" } };

	for (size_t i = 0; i < FL_ARRAY_LEN(names); i++)
		if (strcmp(names[i][0], method) == 0)
			return names[i][1];
	return method;
}

/* Ask. false: t->error says why, in the words of the Go client. */
static bool
ask(struct run *t, const char *method, struct buf *target, struct buf *body)
{
	const struct cli_answer *a = &t->answer;
	bool ok = false;

	cli_answer_fini(&t->answer);
	if (t->no_client != NULL) {
		snprintf(t->error, sizeof(t->error), "fail to request: %s \"%.1000s\": %s", go_method(method), t->url,
		    t->no_client);
	} else if (target->overflowed || (body != NULL && body->overflowed)) {
		snprintf(t->error, sizeof(t->error), "a name or a value is too long");
	} else {
		ok = cli_api_ask(&t->client, method, buf_str(target), body, &t->answer);
		if (!ok && a->http.stage != HTTP_STAGE_DONE)
			snprintf(t->error, sizeof(t->error), "fail to request: %s \"%.500s%.500s\": %s", go_method(method),
			    t->url,
			    buf_str(target), a->error);
		else if (!ok && a->http.status / 100 == 2)
			snprintf(t->error, sizeof(t->error), "%s", a->error);
		else if (!ok)
			snprintf(t->error, sizeof(t->error), "HTTP %u: %s", a->http.status, a->error);
	}
	buf_clear(target);
	return ok;
}

/* The proxy that the command is about. */
static bool
get_proxy(struct run *t)
{
	struct buf target;
	bool ok;

	buf_init(&target, 1 << 14);
	cli_api_target(&target, "proxies", t->line->word, NULL);
	ok = ask(t, "GET", &target, NULL);
	buf_fini(&target);
	return ok;
}

/* ---- proxies ---- */

static void
put_proxy_row(const struct run *t, const struct doc_node *proxy)
{
	bool enabled = cli_api_bool(proxy, "enabled");
	uint32_t toxics = cli_api_items(proxy, "toxics")->count;

	put_column(t, enabled ? GREEN : RED, cli_api_text(proxy, "name"), 3);
	put_column(t, BLUE, cli_api_text(proxy, "listen"), 2);
	put_column(t, YELLOW, cli_api_text(proxy, "upstream"), 3);
	put_column(t, PURPLE, enabled_text(enabled), 2);
	if (toxics == 0 && t->terminal)
		printf("%sNone%s\n", RED, NONE);
	else
		printf("%s%u%s\n", colour(t, RED), toxics, colour(t, NONE));
}

static int
list(struct run *t)
{
	const struct doc_pair **sorted;
	const struct doc_node *root;
	struct buf target;
	bool ok;

	buf_init(&target, 64);
	buf_puts(&target, "/proxies");
	ok = ask(t, "GET", &target, NULL);
	buf_fini(&target);
	if (!ok)
		return fail("Failed to retrieve proxies: %s", t->error);
	root = cli_answer_root(&t->answer);
	sorted = cli_toxic_sorted(root);
	if (t->terminal) {
		printf("%sName\t\t\t%sListen\t\t%sUpstream\t\t%sEnabled\t\t%sToxics\n%s", GREEN, BLUE, YELLOW, PURPLE, RED, NONE);
		printf("%s======================================================================================\n", NONE);
	}
	if (t->terminal && sorted == NULL) {
		printf("%sno proxies\n%s", RED, NONE);
		put_hint(t, "create a proxy with `toxiproxy-cli create`");
		return 0;
	}
	for (uint32_t i = 0; sorted != NULL && i < root->count; i++)
		put_proxy_row(t, sorted[i]->value);
	put_hint(t, "inspect toxics with `toxiproxy-cli inspect <proxyName>`");
	free(sorted);
	return 0;
}

static void
put_attributes(const struct run *t, const struct doc_node *attributes)
{
	const struct doc_pair **sorted = cli_toxic_sorted(attributes);

	printf("attributes=[");
	for (uint32_t i = 0; sorted != NULL && i < attributes->count; i++) {
		const struct doc_node *v = sorted[i]->value;
		char text[32];
		double number;

		putchar('\t');
		put_text(t, sorted[i]->key->text);
		putchar('=');
		put_text(t, doc_is_float(v, &number) ? jsonw_format_g(text, number) : v->text);
	}
	printf("\t]\n");
	free(sorted);
}

/* Those of one stream, under a title; title NULL: all. */
static void
put_toxics(const struct run *t, const struct doc_node *toxics, const char *title)
{
	bool up = title != NULL && strcmp(title, "Upstream") == 0, any = false;

	if (title != NULL)
		printf("%s%s toxics:\n%s", GREEN, title, NONE);
	for (uint32_t i = 0; toxics->kind == DOC_LIST && i < toxics->count; i++) {
		const struct doc_node *x = toxics->items[i];

		if (title != NULL && (strcmp(cli_api_text(x, "stream"), "upstream") == 0) != up)
			continue;
		any = true;
		fputs(colour(t, BLUE), stdout);
		put_text(t, cli_api_text(x, "name"));
		printf("%s%s\ttype=", t->terminal ? ":" : "", colour(t, NONE));
		put_text(t, cli_api_text(x, "type"));
		printf("\tstream=");
		put_text(t, cli_api_text(x, "stream"));
		printf("\ttoxicity=%.2f\t", (double)(float)cli_api_float(x, "toxicity"));
		put_attributes(t, cli_api_items(x, "attributes"));
	}
	if (title != NULL && !any)
		printf("%sProxy has no %s toxics enabled.\n%s", RED, title, NONE);
}

static int
inspect(struct run *t)
{
	const struct doc_node *proxy, *toxics;

	if (t->line->word[0] == '\0')
		return fail_with_help(t, "Proxy name is required as the first argument.\n");
	if (!get_proxy(t))
		return fail("Failed to retrieve proxy %s: %s\n", t->line->word, t->error);
	proxy = cli_answer_root(&t->answer);
	toxics = cli_api_items(proxy, "toxics");
	if (!t->terminal) {
		put_toxics(t, toxics, NULL);
		return 0;
	}
	printf("%sName: %s", PURPLE, NONE);
	put_text(t, cli_api_text(proxy, "name"));
	printf("\t%sListen: %s", BLUE, NONE);
	put_text(t, cli_api_text(proxy, "listen"));
	printf("\t%sUpstream: %s", YELLOW, NONE);
	put_text(t, cli_api_text(proxy, "upstream"));
	printf("\n%s======================================================================\n", NONE);
	if (toxics->count == 0) {
		printf("%sProxy has no toxics enabled.\n%s", RED, NONE);
	} else {
		put_toxics(t, toxics, "Upstream");
		putchar('\n');
		put_toxics(t, toxics, "Downstream");
	}
	put_hint(t, "add a toxic with `toxiproxy-cli toxic add`");
	return 0;
}

/* One question with a body that is written by `put`. */
static bool
ask_with(struct run *t, const char *method, struct buf *target, void (*put)(struct run *t, struct jsonw *w))
{
	struct buf body;
	struct jsonw w;
	bool ok;

	buf_init(&body, 1 << 20);
	jsonw_init(&w, &body);
	jsonw_object(&w);
	put(t, &w);
	jsonw_end(&w);
	ok = ask(t, method, target, &body);
	buf_fini(&body);
	return ok;
}

static void
put_create(struct run *t, struct jsonw *w)
{
	jsonw_str(w, "name", t->line->word);
	jsonw_str(w, "listen", cli_toxiproxy_value(t->line, "listen"));
	jsonw_str(w, "upstream", cli_toxiproxy_value(t->line, "upstream"));
	jsonw_flag(w, "enabled", true);
}

static int
create(struct run *t)
{
	struct buf target;
	bool ok;

	if (t->line->word[0] == '\0')
		return fail_with_help(t, "Proxy name is required as the first argument.\n");
	if (cli_toxiproxy_value(t->line, "listen")[0] == '\0')
		return fail_with_help(t, "Required argument 'listen' was empty.\n");
	if (cli_toxiproxy_value(t->line, "upstream")[0] == '\0')
		return fail_with_help(t, "Required argument 'upstream' was empty.\n");
	buf_init(&target, 64);
	buf_puts(&target, "/proxies");
	ok = ask_with(t, "POST", &target, put_create);
	buf_fini(&target);
	if (!ok)
		return fail("Failed to create proxy: create: %s\n", t->error);
	printf("Created new proxy %s\n", t->line->word);
	return 0;
}

static void
put_toggle(struct run *t, struct jsonw *w)
{
	jsonw_flag(w, "enabled", !cli_api_bool(cli_answer_root(&t->answer), "enabled"));
}

static int
toggle(struct run *t)
{
	const char *name = t->line->word;
	struct buf target;
	bool ok, enabled;

	if (name[0] == '\0')
		return fail_with_help(t, "Proxy name is required as the first argument.\n");
	if (!get_proxy(t))
		return fail("Failed to retrieve proxy %s: %s\n", name, t->error);
	buf_init(&target, 1 << 14);
	cli_api_target(&target, "proxies", name, NULL);
	ok = ask_with(t, "POST", &target, put_toggle);
	buf_fini(&target);
	if (!ok)
		return fail("Failed to toggle proxy %s: %s\n", name, t->error);
	enabled = cli_api_bool(cli_answer_root(&t->answer), "enabled");
	printf("Proxy %s%s%s is now %s%s%s\n", colour_enabled(t, enabled), name, colour(t, NONE), colour_enabled(t, enabled),
	    enabled_text(enabled), colour(t, NONE));
	return 0;
}

static int
delete(struct run *t)
{
	struct buf target;
	bool ok;

	if (t->line->word[0] == '\0')
		return fail_with_help(t, "Proxy name is required as the first argument.\n");
	if (!get_proxy(t))
		return fail("Failed to retrieve proxy %s: %s\n", t->line->word, t->error);
	buf_init(&target, 1 << 14);
	cli_api_target(&target, "proxies", t->line->word, NULL);
	ok = ask(t, "DELETE", &target, NULL);
	buf_fini(&target);
	if (!ok)
		return fail("Failed to delete proxy: Delete: %s\n", t->error);
	printf("Deleted proxy %s\n", t->line->word);
	return 0;
}

/* ---- toxics ---- */

/* A number as a number, "true" and "false" as such where the toxic has a switch of that name, all else as text. */
static void
put_attribute(const struct run *t, struct jsonw *w, const char *key, const char *value)
{
	enum fault_kind kind = kind_find(cli_toxiproxy_value(t->line, "type"));
	const struct kind_info *info = kind != FAULT_KIND_COUNT ? kind_info(kind) : NULL;
	double number;

	jsonw_key(w, key);
	if (cli_toxiproxy_number(value, &number) && number - number == 0) {
		jsonw_float(w, number);
		return;
	}
	for (size_t i = 0; info != NULL && i < info->attr_count; i++) {
		if (info->attrs[i].type == ATTR_BOOL && strcmp(info->attrs[i].name, key) == 0 &&
		    (strcmp(value, "true") == 0 || strcmp(value, "false") == 0)) {
			jsonw_bool(w, strcmp(value, "true") == 0);
			return;
		}
	}
	jsonw_string(w, value);
}

/* "key=value" or several with commas between; spaces around each are dropped. The server takes the last of equal ones. */
static void
put_given(const struct run *t, struct jsonw *w, const char *text)
{
	char *copy = strdup(text), *next = copy, *part;

	while (copy != NULL && (part = strsep(&next, ",")) != NULL) {
		size_t n;
		char *equals;

		part += strspn(part, " \t\n\r");
		for (n = strlen(part); n > 0 && strchr(" \t\n\r", part[n - 1]) != NULL; n--)
			part[n - 1] = '\0';
		equals = strchr(part, '=');
		if (equals == NULL) {
			fprintf(stderr, "toxiproxy-cli: ignored the attribute \"%s\": expected key=value\n", part);
			continue;
		}
		*equals = '\0';
		put_attribute(t, w, part, equals + 1);
	}
	free(copy);
}

static void
put_effect(struct run *t, struct jsonw *w)
{
	const char *toxicity = cli_toxiproxy_value(t->line, "toxicity");
	double share;

	if (toxicity[0] != '\0' && cli_toxiproxy_number(toxicity, &share)) {
		jsonw_key(w, "toxicity");
		jsonw_float32(w, (float)share);
	}
	jsonw_key(w, "attributes");
	jsonw_object(w);
	for (unsigned i = 0; i < t->line->given_count; i++)
		if (cli_toxiproxy_is(&t->line->given[i], "attribute"))
			put_given(t, w, t->line->given[i].value);
	jsonw_end(w);
}

static void
put_toxic(struct run *t, struct jsonw *w)
{
	jsonw_str(w, "name", cli_toxiproxy_value(t->line, "toxicName"));
	jsonw_str(w, "type", cli_toxiproxy_value(t->line, "type"));
	jsonw_str(w, "stream", cli_toxiproxy_flag(t->line, "upstream") ? "upstream" : "downstream");
	put_effect(t, w);
}

/* What is wrong with the command, seen without asking. 0: nothing, else the exit code. */
static int
check_toxic(const struct run *t)
{
	const char *toxicity = cli_toxiproxy_value(t->line, "toxicity");
	double share = 0;

	if (t->line->word[0] == '\0')
		return fail_with_help(t, "Proxy name is missing.\n");
	if (t->line->verb == CLI_TOXIPROXY_TOXIC_ADD && cli_toxiproxy_value(t->line, "type")[0] == '\0')
		return fail_with_help(t, "Required argument 'type' was empty.\n");
	if (t->line->verb != CLI_TOXIPROXY_TOXIC_ADD && cli_toxiproxy_value(t->line, "toxicName")[0] == '\0')
		return fail_with_help(t, "Required argument 'toxicName' was empty.\n");
	if (cli_toxiproxy_flag(t->line, "upstream") && cli_toxiproxy_flag(t->line, "downstream"))
		return fail("Only one should be specified: upstream or downstream.\n");
	if (toxicity[0] != '\0' && (!cli_toxiproxy_number(toxicity, &share) || !(share >= 0 && share <= 1)))
		return fail("toxicity should be a float between 0 and 1.\n");
	return 0;
}

static int
toxic_add(struct run *t)
{
	const char *name = t->line->word;
	const struct doc_node *toxic;
	struct buf target;
	bool ok;
	int r = check_toxic(t);

	if (r != 0)
		return r;
	if (!get_proxy(t))
		return fail("Failed to add toxic: failed to retrieve proxy with name `%s`: %s\n", name, t->error);
	buf_init(&target, 1 << 14);
	cli_api_target(&target, "proxies", name, "toxics", NULL);
	ok = ask_with(t, "POST", &target, put_toxic);
	buf_fini(&target);
	if (!ok)
		return fail("Failed to add toxic: failed to add toxic to proxy %s: AddToxic: %s\n", name, t->error);
	toxic = cli_answer_root(&t->answer);
	printf("Added ");
	put_text(t, cli_api_text(toxic, "stream"));
	putchar(' ');
	put_text(t, cli_api_text(toxic, "type"));
	printf(" toxic '");
	put_text(t, cli_api_text(toxic, "name"));
	printf("' on proxy '%s'\n", name);
	return 0;
}

static int
toxic_update(struct run *t)
{
	const char *name = t->line->word, *toxic_name = cli_toxiproxy_value(t->line, "toxicName");
	struct buf target;
	bool ok;
	int r = check_toxic(t);

	if (r != 0)
		return r;
	if (!get_proxy(t))
		return fail("Failed to update toxic: failed to retrieve proxy with name `%s`: %s\n", name, t->error);
	buf_init(&target, 1 << 14);
	cli_api_target(&target, "proxies", name, "toxics", toxic_name, NULL);
	ok = ask_with(t, "PATCH", &target, put_effect);
	buf_fini(&target);
	if (!ok)
		return fail("Failed to update toxic: failed to update toxic '%s' of proxy '%s': %s\n", toxic_name, name,
		    t->error);
	printf("Updated toxic '");
	put_text(t, cli_api_text(cli_answer_root(&t->answer), "name"));
	printf("' on proxy '%s'\n", name);
	return 0;
}

static int
toxic_remove(struct run *t)
{
	const char *name = t->line->word, *toxic_name = cli_toxiproxy_value(t->line, "toxicName");
	struct buf target;
	bool ok;
	int r = check_toxic(t);

	if (r != 0)
		return r;
	if (!get_proxy(t))
		return fail("Failed to remove toxic: failed to retrieve proxy with name `%s`: %s\n", name, t->error);
	buf_init(&target, 1 << 14);
	cli_api_target(&target, "proxies", name, "toxics", toxic_name, NULL);
	ok = ask(t, "DELETE", &target, NULL);
	buf_fini(&target);
	if (!ok)
		return fail("Failed to remove toxic: failed to remove toxic '%s' from proxy '%s': %s\n", toxic_name, name,
		    t->error);
	printf("Removed toxic '%s' on proxy '%s'\n", toxic_name, name);
	return 0;
}

/* ---- the program ---- */

static void
open_client(struct run *t, char *url, size_t url_bytes)
{
	const char *given = t->line->host != NULL ? t->line->host : getenv("TOXIPROXY_URL");
	bool scheme;

	if (given == NULL || given[0] == '\0')
		given = URL_DEFAULT;
	scheme = strncmp(given, "http://", 7) == 0 || strncmp(given, "https://", 8) == 0;
	snprintf(url, url_bytes, "%s%s", scheme ? "" : "http://", given);
	t->url = url;
	if (http_client_init(&t->client, url, getenv("FAULTLINE_TOKEN"), USER_AGENT, &t->no_client) == 0)
		t->no_client = NULL;
}

int
cmd_toxiproxy_cli(int argc, char **argv)
{
	static int (*const verbs[])(struct run *t) = {
		[CLI_TOXIPROXY_LIST] = list, [CLI_TOXIPROXY_INSPECT] = inspect, [CLI_TOXIPROXY_CREATE] = create,
		[CLI_TOXIPROXY_TOGGLE] = toggle, [CLI_TOXIPROXY_DELETE] = delete, [CLI_TOXIPROXY_TOXIC_ADD] = toxic_add,
		[CLI_TOXIPROXY_TOXIC_UPDATE] = toxic_update, [CLI_TOXIPROXY_TOXIC_REMOVE] = toxic_remove,
	};
	struct cli_toxiproxy line;
	struct run t = { .line = &line, .terminal = term_is_output() };
	char url[1024];
	int r;

	cli_toxiproxy_parse(&line, argc, argv);
	if (line.verb == CLI_TOXIPROXY_NONE) {
		fputs(buf_str(&line.out), stdout);
		fflush(stdout);
		fputs(buf_str(&line.err), stderr);
		r = line.exit;
	} else {
		open_client(&t, url, sizeof(url));
		r = verbs[line.verb](&t);
	}
	cli_answer_fini(&t.answer);
	cli_toxiproxy_fini(&line);
	return r;
}
