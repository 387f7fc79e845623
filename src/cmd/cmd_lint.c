/* SPDX-License-Identifier: MIT */
/* cmd_lint.c - faultline lint: what is wrong with a file, and what in it can never fail. */
#include "cmd/cmd.h"

#include "control/config.h"
#include "control/http_set.h"
#include "io/file.h"
#include "proto/yaml.h"
#include "run/doubt.h"
#include "run/events.h"
#include "run/variant.h"
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#define TEXT_BYTES_MAX (16u << 20)
#define SAID_BYTES_MAX (1u << 20)

static const char usage[] =
    "usage: faultline lint [options] FILE...\n"
    "\n"
    "Check files without running anything: is each a correct experiment or a correct configuration of faultline serve, is\n"
    "there something in an experiment that can never fail, and do the policies of an HTTP line contradict each other?\n"
    "\n"
    "  --json           print one JSON document instead of text\n"
    "  -h, --help       this text\n"
    "\n"
    "exit code: 0 all is well, 1 something is doubtful, 2 a file is wrong\n"
    "\n"
    "examples:\n"
    "  faultline lint examples/redis-held.yaml\n"
    "  faultline lint faultline.yaml\n";

/* A list is Toxiproxy's configuration; a map is what its keys say, an experiment unless one of them is only a configuration's. */
static bool
is_config(const struct doc_node *root)
{
	static const char *const ours[] = { "name", "system", "load", "faults", "probes", "audit", "expect",
		"abort_if", "duration", "variants", NULL };
	static const char *const config[] = { "api", "limits", "workers", "state", "events", "trace", "lines", NULL };

	if (root->kind != DOC_MAP)
		return root->kind == DOC_LIST;
	for (size_t i = 0; ours[i] != NULL; i++)
		if (doc_get(root, ours[i]) != NULL)
			return false;
	for (size_t i = 0; config[i] != NULL; i++)
		if (doc_get(root, config[i]) != NULL)
			return true;
	return false;
}

static int
lint_config(const char *path, struct buf *said)
{
	struct config *c = NULL;
	unsigned doubts;

	if (config_read(path, said, &c) < 0)
		return CMD_USAGE;
	doubts = http_set_doubts(c, path, said);
	config_free(c);
	return doubts > 0 ? CMD_FINDING : CMD_HELD;
}

static int
lint_experiment(const struct doc_node *root, const char *path, struct doc_diag *d, struct buf *said)
{
	struct variant_set *set = NULL;
	char name[4200];
	unsigned doubts = 0;

	if (variant_read(root, d, &set) < 0)
		return CMD_USAGE;
	for (uint32_t i = 0; i < set->count; i++) {
		snprintf(name, sizeof(name), variant_varied(set) ? "%s (%s)" : "%s", path, set->variants[i].name);
		doubts += doubt_experiment(set->variants[i].x, name, set->claim_count > 0, said);
	}
	variant_free(set);
	return doubts > 0 ? CMD_FINDING : CMD_HELD;
}

/* What there is to say about a file, in lines. */
static int
lint_file(const char *path, struct buf *said)
{
	struct doc *doc = NULL;
	struct doc_diag d;
	struct buf text;
	int code = CMD_USAGE, rc;

	buf_init(&text, TEXT_BYTES_MAX);
	doc_diag_init(&d, path);
	rc = file_read(path, &text);
	if (rc < 0)
		doc_complain(&d, NULL, "cannot be read: %s", strerror(-rc));
	else if (yaml_parse(buf_str(&text), buf_len(&text), &d, &doc) == 0)
		code = is_config(doc->root) ? lint_config(path, said) : lint_experiment(doc->root, path, &d, said);
	buf_puts(said, buf_str(&d.text));
	doc_free(doc);
	doc_diag_fini(&d);
	buf_fini(&text);
	return code;
}

static void
print_text(const char *path, int code, struct buf *said)
{
	const char *text = buf_str(said);
	size_t n = strlen(text);

	if (code == CMD_HELD)
		printf("%s: ok\n", path);
	else
		fprintf(code == CMD_USAGE ? stderr : stdout, "%s%s", text, n > 0 && text[n - 1] == '\n' ? "" : "\n");
}

static void
put_json(struct buf *out, const char *path, int code, struct buf *said)
{
	static const char *const verdicts[] = { [CMD_HELD] = "ok", [CMD_FINDING] = "doubtful", [CMD_USAGE] = "wrong" };
	char *next = (char *)(uintptr_t)buf_str(said), *line;
	bool first = true;

	buf_puts(out, "{\"file\":");
	events_put_text(out, path);
	buf_printf(out, ",\"verdict\":\"%s\",\"complaints\":[", verdicts[code]);
	while ((line = strsep(&next, "\n")) != NULL) {
		if (*line == '\0')
			continue;
		buf_puts(out, first ? "" : ",");
		events_put_text(out, line);
		first = false;
	}
	buf_puts(out, "]}");
}

static int
lint_files(int count, char **paths, bool json)
{
	struct buf out, said;
	int worst = CMD_HELD;

	buf_init(&out, 16 * SAID_BYTES_MAX);
	buf_init(&said, SAID_BYTES_MAX);
	for (int i = 0; i < count; i++) {
		int code;
		buf_clear(&said);
		code = lint_file(paths[i], &said);
		worst = code > worst ? code : worst;
		buf_puts(&out, i > 0 ? "," : "");
		if (json)
			put_json(&out, paths[i], code, &said);
		else
			print_text(paths[i], code, &said);
	}
	if (json)
		printf("{\"exit_code\":%d,\"files\":[%s]}\n", worst, buf_str(&out));
	buf_fini(&out);
	buf_fini(&said);
	return worst;
}

int
cmd_lint(int argc, char **argv)
{
	static const struct option options[] = { { "json", no_argument, NULL, 'j' }, { "help", no_argument, NULL, 'h' }, { NULL, 0, NULL, 0 } };
	bool json = false;
	int c;

	while ((c = getopt_long(argc, argv, "h", options, NULL)) != -1) {
		if (c == 'h') {
			fputs(usage, stdout);
			return CMD_HELD;
		}
		if (c != 'j') {
			fputs("try faultline lint --help\n", stderr);
			return CMD_USAGE;
		}
		json = true;
	}
	if (optind == argc) {
		fputs("faultline lint: no file given\ntry faultline lint --help\n", stderr);
		return CMD_USAGE;
	}
	return lint_files(argc - optind, argv + optind, json);
}
