/* SPDX-License-Identifier: MIT */
/* cmd_lint.c - faultline lint: what is wrong with a file, and what in it can never fail. */
#include "cmd/cmd.h"

#include "control/config.h"
#include "io/file.h"
#include "proto/yaml.h"
#include "run/doubt.h"
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#define TEXT_BYTES_MAX (16u << 20)

static const char usage[] =
    "usage: faultline lint FILE...\n"
    "\n"
    "Check files without running anything: is each a correct experiment or a correct configuration of faultline serve, and\n"
    "is there something in an experiment that can never fail?\n"
    "\n"
    "  -h, --help       this text\n"
    "\n"
    "exit code: 0 all is well, 1 something can never fail, 2 a file is wrong\n"
    "\n"
    "examples:\n"
    "  faultline lint examples/redis-held.yaml\n"
    "  faultline lint faultline.yaml\n";

static int
lint_experiment(const struct doc_node *root, const char *path, struct doc_diag *d)
{
	struct experiment *x = NULL;
	struct buf doubts;
	unsigned n;

	if (experiment_read(root, d, &x) < 0)
		return 2;
	buf_init(&doubts, 1u << 20);
	n = doubt_experiment(x, path, &doubts);
	fputs(buf_str(&doubts), stdout);
	buf_fini(&doubts);
	experiment_free(x);
	return n > 0;
}

/* A list is Toxiproxy's configuration; a map is what its keys say, an experiment unless one of them is only a configuration's. */
static bool
is_config(const struct doc_node *root)
{
	static const char *const ours[] = { "name", "system", "load", "faults", "probes", "audit", "expect", "abort_if", "duration", NULL };
	static const char *const config[] = { "api", "limits", "workers", "state", "events", "lines", NULL };

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
lint_config(const char *path)
{
	struct config *c = NULL;
	struct buf complaints;
	int rc;

	buf_init(&complaints, 1u << 20);
	rc = config_read(path, &complaints, &c);
	if (buf_len(&complaints) > 0)
		fprintf(stderr, "%s%s", buf_str(&complaints), buf_str(&complaints)[buf_len(&complaints) - 1] == '\n' ? "" : "\n");
	config_free(c);
	buf_fini(&complaints);
	return rc < 0 ? 2 : 0;
}

static int
lint_file(const char *path)
{
	struct doc *doc = NULL;
	struct doc_diag d;
	struct buf text;
	int code = 2, rc;

	buf_init(&text, TEXT_BYTES_MAX);
	doc_diag_init(&d, path);
	rc = file_read(path, &text);
	if (rc < 0)
		doc_complain(&d, NULL, "cannot be read: %s", strerror(-rc));
	else if (yaml_parse(buf_str(&text), buf_len(&text), &d, &doc) == 0)
		code = is_config(doc->root) ? lint_config(path) : lint_experiment(doc->root, path, &d);
	if (d.count > 0)
		fprintf(stderr, "%s\n", buf_str(&d.text));
	else if (code == 0)
		printf("%s: ok\n", path);
	doc_free(doc);
	doc_diag_fini(&d);
	buf_fini(&text);
	return code;
}

int
cmd_lint(int argc, char **argv)
{
	static const struct option options[] = { { "help", no_argument, NULL, 'h' }, { NULL, 0, NULL, 0 } };
	int worst = 0, c;

	while ((c = getopt_long(argc, argv, "h", options, NULL)) != -1) {
		if (c == 'h') {
			fputs(usage, stdout);
			return 0;
		}
		fputs("try faultline lint --help\n", stderr);
		return 2;
	}
	if (optind == argc) {
		fputs("faultline lint: no file given\ntry faultline lint --help\n", stderr);
		return 2;
	}
	for (int i = optind; i < argc; i++) {
		int code = lint_file(argv[i]);
		worst = code > worst ? code : worst;
	}
	return worst;
}
