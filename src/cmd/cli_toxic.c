/* SPDX-License-Identifier: MIT */
/* cli_toxic.c - the commands on toxics. */
#include "cmd/cli_toxic.h"
#include "base/units.h"
#include "cmd/cmd.h"
#include "proto/jsonw.h"
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static const char help[] =
    "usage: faultline toxic COMMAND [flags] LINE\n"
    "\n"
    "Toxics (faults) on a line of a running daemon.\n"
    "\n"
    "  add                    put a toxic on the line\n"
    "  update                 change it; what is not said stays\n"
    "  remove                 take it off\n"
    "\n"
    "  -t, --type TYPE        latency bandwidth slow_close timeout reset_peer slicer limit_data noop\n"
    "                         limit_time corrupt duplicate_chunk drop_chunk stall half_open\n"
    "                         connect_delay connect_refuse\n"
    "  -n, --toxicName NAME   its name (TYPE_STREAM)\n"
    "  -a, --attribute K=V    an attribute; may be given several times\n"
    "  -u, --upstream         from the client to the server\n"
    "  -d, --downstream       from the server to the client (the default)\n"
    "  --toxicity SHARE       share of the connections, 0 to 1 (1)\n"
    "  --ttl TIME             lease, after which it goes by itself\n"
    "  --client SUBNET        only connections from there\n"
    "  --every N, --first N   only every Nth, only the first N connections\n"
    "  --window FROM-TO       only that long after it was installed: 1s-5s\n"
    "  --duty ON/PERIOD       only so long in each period: 200ms/1s\n"
    "\n"
    "  -h, --host URL         the daemon (FAULTLINE_URL, TOXIPROXY_URL; http://localhost:8474)\n"
    "  --token TOKEN          its token (FAULTLINE_TOKEN)\n"
    "  --json                 print what the daemon says\n"
    "\n"
    "examples:\n"
    "  faultline toxic add -t latency -a latency=100 -a jitter=50 redis\n"
    "  faultline toxic add -t bandwidth -a rate=1000 --upstream --ttl 30s redis\n"
    "  faultline toxic update -n latency_downstream -a jitter=25 redis\n"
    "  faultline toxic remove -n latency_downstream redis\n";

/* ---- bodies ---- */

/* A value as JSON: a number where it reads as one, true and false, else text. */
static void
put_value(struct jsonw *w, const char *text, size_t n)
{
	char copy[256], *end;
	double v;

	if (n == 0 || n >= sizeof(copy)) {
		jsonw_stringn(w, text, n);
		return;
	}
	memcpy(copy, text, n);
	copy[n] = '\0';
	v = strtod(copy, &end);
	if (strspn(copy, "0123456789") == n && n < 19)
		jsonw_int(w, strtoll(copy, NULL, 10));
	else if (copy[strspn(copy, "0123456789+-.eE")] != '\0' || *end != '\0' || !isfinite(v))
		(strcmp(copy, "true") == 0 || strcmp(copy, "false") == 0) ? jsonw_bool(w, copy[0] == 't') : jsonw_string(w, copy);
	else if (v == floor(v) && fabs(v) < 0x1p53)
		jsonw_int(w, (int64_t)v);
	else
		jsonw_float(w, v);
}

static int
put_attributes(struct jsonw *w, const struct args_list *list)
{
	char key[128];

	jsonw_key(w, "attributes");
	jsonw_object(w);
	for (unsigned i = 0; i < list->count; i++) {
		const char *p = list->items[i];

		while (*p != '\0') {
			size_t n = strcspn(p, ","), k = strcspn(p, "=,");

			if (p[k] != '=' || k == 0 || k >= sizeof(key)) {
				client_fail("found the attribute \"%.*s\", expected key=value", (int)n, p);
				return -EINVAL;
			}
			memcpy(key, p, k);
			key[k] = '\0';
			jsonw_key(w, key);
			put_value(w, p + k + 1, n - k - 1);
			p += n + (p[n] == ',');
		}
	}
	jsonw_end(w);
	return 0;
}

static int
put_toxicity(struct jsonw *w, const char *text)
{
	char *end;
	double v;

	if (text == NULL)
		return 0;
	v = strtod(text, &end);
	if (*text == '\0' || *end != '\0' || !(v >= 0 && v <= 1)) {
		client_fail("toxicity should be a float between 0 and 1.");
		return -EINVAL;
	}
	jsonw_key(w, "toxicity");
	jsonw_float32(w, (float)v);
	return 0;
}

static int
put_count(struct jsonw *w, const char *key, const char *text)
{
	char *end;
	long long v;

	if (text == NULL)
		return 0;
	v = strtoll(text, &end, 10);
	if (*text == '\0' || *end != '\0' || v < 0) {
		client_fail("--%s: found \"%s\", expected a whole number", key, text);
		return -EINVAL;
	}
	jsonw_num(w, key, v);
	return 0;
}

/* "A<separator>B", both durations, as {first: A, second: B}. */
static int
put_times(struct jsonw *w, const char *key, const char *text, char separator, const char *first, const char *second)
{
	const char *at = text != NULL ? strchr(text, separator) : NULL;
	char one[64];
	fl_ns a, b;

	if (text == NULL)
		return 0;
	if (at != NULL && (size_t)(at - text) < sizeof(one)) {
		memcpy(one, text, (size_t)(at - text));
		one[at - text] = '\0';
	}
	if (at == NULL || (size_t)(at - text) >= sizeof(one) || units_parse_duration(one, &a) != 0 || units_parse_duration(at + 1, &b) != 0) {
		client_fail("--%s: found \"%s\", expected two durations such as 1s%c5s", key, text, separator);
		return -EINVAL;
	}
	jsonw_key(w, key);
	jsonw_object(w);
	jsonw_str(w, first, one);
	jsonw_str(w, second, at + 1);
	jsonw_end(w);
	return 0;
}

static int
put_scope(struct jsonw *w, const struct cli_toxic *t)
{
	int rc = 0;

	if (t->ttl != NULL)
		jsonw_str(w, "ttl", t->ttl);
	if (t->client == NULL && t->every == NULL && t->first == NULL && t->window == NULL && t->duty == NULL)
		return 0;
	jsonw_key(w, "scope");
	jsonw_object(w);
	if (t->client != NULL)
		jsonw_str(w, "client", t->client);
	rc = put_count(w, "every", t->every);
	if (rc == 0)
		rc = put_count(w, "first", t->first);
	if (rc == 0)
		rc = put_times(w, "window", t->window, '-', "from", "to");
	if (rc == 0)
		rc = put_times(w, "duty", t->duty, '/', "on", "period");
	if (rc == 0)
		jsonw_end(w);
	return rc;
}

static int
put_body(struct buf *b, const struct cli_toxic *t, bool new)
{
	struct jsonw w;
	int rc;

	jsonw_init(&w, b);
	jsonw_object(&w);
	if (new) {
		jsonw_str(&w, "name", t->name != NULL ? t->name : "");
		jsonw_str(&w, "type", t->type);
		jsonw_str(&w, "stream", t->upstream ? "upstream" : "downstream");
	}
	rc = put_toxicity(&w, t->toxicity);
	if (rc == 0)
		rc = put_attributes(&w, &t->attributes);
	if (rc == 0)
		rc = put_scope(&w, t);
	if (rc == 0)
		jsonw_end(&w);
	return rc;
}

/* ---- commands ---- */

/* Is the line there? toxiproxy-cli asks first, and so its users know the message. */
static int
check_line(const struct client *c, const char *line, char *error)
{
	struct client_answer a;
	char why[CLIENT_ERROR_MAX];
	struct buf path;
	int rc;

	buf_init(&path, 4096);
	client_path(&path, line, NULL);
	rc = client_call(c, "GET", buf_str(&path), NULL, &a, why);
	buf_fini(&path);
	if (rc == 0)
		client_fini(&a);
	else
		snprintf(error, CLIENT_ERROR_MAX, "failed to retrieve proxy with name `%.250s`: %.600s", line, why);
	return rc;
}

static int
call_toxic(const struct client *c, const char *method, const struct cli_toxic *t, const char *name, const char *body, struct client_answer *ret,
    char *error)
{
	struct buf path;
	int rc;

	buf_init(&path, 8192);
	client_path(&path, t->line, name);
	rc = client_call(c, method, buf_str(&path), body, ret, error);
	buf_fini(&path);
	return rc;
}

static void
show(const struct client *c, struct client_answer *a)
{
	if (c->json)
		client_print_json(a);
	client_fini(a);
}

int
cli_toxic_add(const struct client *c, const struct cli_toxic *t)
{
	struct client_answer a;
	char error[CLIENT_ERROR_MAX];
	struct buf body;
	int rc;

	if (t->type == NULL || t->type[0] == '\0')
		return client_fail("Required argument 'type' was empty.");
	if (t->upstream && t->downstream)
		return client_fail("Only one should be specified: upstream or downstream.");
	buf_init(&body, 65536);
	rc = put_body(&body, t, true);
	if (rc != 0) {
		buf_fini(&body);
		return CMD_FINDING;
	}
	rc = check_line(c, t->line, error);
	if (rc != 0) {
		buf_fini(&body);
		return client_fail("Failed to add toxic: %s", error);
	}
	rc = call_toxic(c, "POST", t, "", buf_str(&body), &a, error);
	buf_fini(&body);
	if (rc != 0)
		return client_fail("Failed to add toxic: failed to add toxic to proxy %s: AddToxic: %s", t->line, error);
	if (!c->json && a.doc != NULL)
		printf("Added %s %s toxic '%s' on proxy '%s'\n", client_text(a.doc->root, "stream"), client_text(a.doc->root, "type"),
		    client_text(a.doc->root, "name"), t->line);
	show(c, &a);
	return CMD_HELD;
}

int
cli_toxic_update(const struct client *c, const struct cli_toxic *t)
{
	struct client_answer a;
	char error[CLIENT_ERROR_MAX];
	struct buf body;
	int rc;

	if (t->name == NULL || t->name[0] == '\0')
		return client_fail("Required argument 'toxicName' was empty.");
	buf_init(&body, 65536);
	rc = put_body(&body, t, false);
	if (rc != 0) {
		buf_fini(&body);
		return CMD_FINDING;
	}
	rc = check_line(c, t->line, error);
	if (rc != 0) {
		buf_fini(&body);
		return client_fail("Failed to update toxic: %s", error);
	}
	rc = call_toxic(c, "PATCH", t, t->name, buf_str(&body), &a, error);
	buf_fini(&body);
	if (rc != 0)
		return client_fail("Failed to update toxic: failed to update toxic '%s' of proxy '%s': %s", t->name, t->line, error);
	if (!c->json)
		printf("Updated toxic '%s' on proxy '%s'\n", t->name, t->line);
	show(c, &a);
	return CMD_HELD;
}

int
cli_toxic_remove(const struct client *c, const struct cli_toxic *t)
{
	struct client_answer a;
	char error[CLIENT_ERROR_MAX];

	if (t->name == NULL || t->name[0] == '\0')
		return client_fail("Required argument 'toxicName' was empty.");
	if (check_line(c, t->line, error) != 0)
		return client_fail("Failed to remove toxic: %s", error);
	if (call_toxic(c, "DELETE", t, t->name, NULL, &a, error) != 0)
		return client_fail("Failed to remove toxic: failed to remove toxic '%s' from proxy '%s': %s", t->name, t->line, error);
	if (!c->json)
		printf("Removed toxic '%s' on proxy '%s'\n", t->name, t->line);
	show(c, &a);
	return CMD_HELD;
}

/* ---- faultline toxic ---- */

static int
usage(const char *program, const char *text)
{
	fprintf(stderr, "%s: %s\n%s", program, text, help);
	return CMD_USAGE;
}

static int
toxic_run(int argc, char **argv)
{
	struct client c = { .program = argv[0] };
	struct cli_toxic t = { .line = NULL };
	bool want_help = false;
	const struct args_flag flags[] = {
		{ "host h", ARGS_TEXT, { .text = &c.url } }, { "token", ARGS_TEXT, { .text = &c.token } },
		{ "json", ARGS_FLAG, { .flag = &c.json } }, { "help", ARGS_FLAG, { .flag = &want_help } },
		{ "toxicName name n", ARGS_TEXT, { .text = &t.name } }, { "type t", ARGS_TEXT, { .text = &t.type } },
		{ "toxicity tox", ARGS_TEXT, { .text = &t.toxicity } }, { "attribute a", ARGS_LIST, { .list = &t.attributes } },
		{ "upstream u", ARGS_FLAG, { .flag = &t.upstream } }, { "downstream d", ARGS_FLAG, { .flag = &t.downstream } },
		{ "ttl", ARGS_TEXT, { .text = &t.ttl } }, { "client", ARGS_TEXT, { .text = &t.client } },
		{ "every", ARGS_TEXT, { .text = &t.every } }, { "first", ARGS_TEXT, { .text = &t.first } },
		{ "window", ARGS_TEXT, { .text = &t.window } }, { "duty", ARGS_TEXT, { .text = &t.duty } },
		{ NULL, ARGS_FLAG, { .flag = NULL } },
	};
	struct args args;

	if (args_parse(flags, argc, argv, &args) != 0)
		return usage(argv[0], args.error);
	if (want_help) {
		fputs(help, stdout);
		return CMD_HELD;
	}
	if (args.count != 2)
		return usage(argv[0], "expected add, update or remove, and the name of a line");
	client_init(&c);
	t.line = args.words[1];
	if (strcmp(args.words[0], "add") == 0)
		return cli_toxic_add(&c, &t);
	if (strcmp(args.words[0], "update") == 0)
		return cli_toxic_update(&c, &t);
	if (strcmp(args.words[0], "remove") == 0 || strcmp(args.words[0], "delete") == 0)
		return cli_toxic_remove(&c, &t);
	return usage(argv[0], "expected add, update or remove");
}

const struct cmd toxic_cmd = { "toxic", "add, update, remove toxics on a line", help, toxic_run };
