/* SPDX-License-Identifier: MIT */
/* check.c - faultline check: is there an order of these operations that explains what their clients saw? */
#include "audit/evidence.h"
#include "audit/history_read.h"
#include "audit/register.h"
#include "base/text.h"
#include "base/units.h"
#include "cmd/args.h"
#include "cmd/cmd.h"
#include "io/file.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FILE_BYTES_MAX ((size_t)4 << 30)
#define HISTORY_BYTES_MAX ((size_t)4 << 30)
#define OUTPUT_BYTES_MAX ((size_t)256 << 20)

static const char usage[] =
	"usage: faultline check HISTORY --model MODEL [flags]\n"
	"\n"
	"Audit a history: JSON lines, one event a line, as doc/report.md describes them; - reads standard input.\n"
	"\n"
	"      --model MODEL    what the keys should behave like:\n"
	"                         register       a linearizable register: read and write\n"
	"                         cas-register   the same with compare-and-set\n"
	"      --json           one JSON document on standard output\n"
	"      --configs N      configurations that may be explored before the answer is \"unknown\" (default 1000 million)\n"
	"      --memory SIZE    memory for them (default 512MiB)\n"
	"  -h, --help           this text\n"
	"\n"
	"exit code: 0 valid, 1 invalid, 2 usage or bad input, 4 unknown\n"
	"\n"
	"example:\n"
	"  faultline check runs/redis-lost-20250101-120000-7/history.jsonl --model cas-register\n";

static const char *const models[] = { "register", "cas-register", NULL };

struct check {
	const char *path, *model;
	bool json;
	struct register_options options;
	struct buf text;
	struct history history;
};

static int
bad_usage(const char *format, const char *what)
{
	fputs("faultline check: ", stderr);
	fprintf(stderr, format, what);
	fputs("\ntry faultline check --help\n", stderr);
	return CMD_USAGE;
}

static int
bad_model(const char *model)
{
	const char *near = text_nearest(model, models);

	fprintf(stderr, "faultline check: there is no model \"%s\"; models: ", model);
	for (size_t i = 0; models[i] != NULL; i++)
		fprintf(stderr, "%s%s", i > 0 ? ", " : "", models[i]);
	if (near != NULL)
		fprintf(stderr, "; did you mean \"%s\"?", near);
	fputc('\n', stderr);
	return CMD_USAGE;
}

/* Fill c from the command line. -1: go on; else the exit code. */
static int
read_flags(struct check *c, int argc, char **argv)
{
	const char *configs = NULL, *memory = NULL;
	bool help = false;
	const struct args_flag flags[] = {
		{ "model m", ARGS_TEXT, { .text = &c->model } }, { "json", ARGS_FLAG, { .flag = &c->json } },
		{ "configs", ARGS_TEXT, { .text = &configs } }, { "memory", ARGS_TEXT, { .text = &memory } },
		{ "help h", ARGS_FLAG, { .flag = &help } }, { NULL, ARGS_FLAG, { .flag = NULL } },
	};
	struct args args;
	int64_t bytes = 0;
	char *end;

	if (args_parse(flags, argc, argv, &args) != 0)
		return bad_usage("%s", args.error);
	if (help) {
		fputs(usage, stdout);
		return CMD_HELD;
	}
	if (args.count != 1)
		return bad_usage(args.count == 0 ? "no history given%s" : "one history at a time, please: \"%s\"",
		    args.count == 0 ? "" : args.words[1]);
	if (c->model == NULL)
		return bad_usage("%s", "--model is missing: register or cas-register");
	if (strcmp(c->model, models[0]) != 0 && strcmp(c->model, models[1]) != 0)
		return bad_model(c->model);
	if (memory != NULL && (units_parse_bytes(memory, &bytes) != 0 || bytes <= 0))
		return bad_usage("--memory is \"%s\", expected a size such as 512MiB", memory);
	c->options.memory_bytes_max = (size_t)bytes;
	errno = 0;
	if (configs != NULL) {
		c->options.configs_max = strtoull(configs, &end, 10);
		if (*configs < '0' || *configs > '9' || *end != '\0' || errno != 0 || c->options.configs_max == 0)
			return bad_usage("--configs is \"%s\", expected a positive number", configs);
	}
	c->path = args.words[0];
	return -1;
}

/* Read the history. -1: go on; else the exit code. */
static int
read_history(struct check *c)
{
	struct history_read_info info;
	int rc = file_read(strcmp(c->path, "-") == 0 ? "/dev/stdin" : c->path, &c->text);

	if (rc != 0) {
		fprintf(stderr, "faultline check: %s cannot be read: %s\n", c->path, strerror(-rc));
		return CMD_USAGE;
	}
	rc = history_read(&c->history, buf_str(&c->text), buf_len(&c->text), &info);
	if (rc != 0) {
		fprintf(stderr, "%s:%" PRIu32 ":%" PRIu32 ": %s\n", c->path, info.line, info.column, info.error);
		return CMD_USAGE;
	}
	if (info.cut)
		fprintf(stderr, "%s:%" PRIu32 ": the last line is cut off and left out\n", c->path, info.lines);
	for (uint32_t i = 0; i < c->history.count && strcmp(c->model, "register") == 0; i++) {
		if (c->history.ops[i].f != HISTORY_CAS)
			continue;
		fprintf(stderr, "%s: there are cas operations in it, which a register does not have; use --model cas-register\n", c->path);
		return CMD_USAGE;
	}
	return -1;
}

static int
judge(struct check *c)
{
	static const int codes[] = { [VERDICT_VALID] = CMD_HELD, [VERDICT_INVALID] = CMD_FINDING, [VERDICT_UNKNOWN] = CMD_UNKNOWN };
	struct verdict_outcome outcome;
	struct buf out;
	int code = CMD_UNKNOWN;

	if (register_check(&c->history, &c->options, &outcome) != 0) {
		fputs("faultline check: there is not enough memory to judge this history\n", stderr);
		return CMD_UNKNOWN;
	}
	outcome.model = c->model;
	buf_init(&out, OUTPUT_BYTES_MAX);
	if (c->json) {
		struct jsonw w;

		jsonw_init(&w, &out);
		evidence_json(&outcome, &w);
		buf_putc(&out, '\n');
	} else {
		evidence_text(&outcome, &out);
	}
	code = codes[outcome.verdict];
	if (out.overflowed || fwrite(buf_data(&out), 1, buf_len(&out), stdout) != buf_len(&out) || fflush(stdout) != 0) {
		fputs("faultline check: the answer could not be written\n", stderr);
		code = CMD_USAGE;
	}
	buf_fini(&out);
	verdict_fini(&outcome);
	return code;
}

int
cmd_check(int argc, char **argv)
{
	struct check c = { .path = NULL };
	int code;

	for (int i = 1; i < argc; i++)
		if (strcmp(argv[i], "--txn") == 0 || strcmp(argv[i], "-txn") == 0)
			return cmd_check_txn(argc, argv);
	code = read_flags(&c, argc, argv);

	if (code >= 0)
		return code;
	buf_init(&c.text, FILE_BYTES_MAX);
	history_init(&c.history, HISTORY_BYTES_MAX);
	code = read_history(&c);
	if (code < 0)
		code = judge(&c);
	history_fini(&c.history);
	buf_fini(&c.text);
	return code;
}
