/* SPDX-License-Identifier: MIT */
/* check.c - faultline check: is there an order of these operations that explains what their clients saw? */
#include "audit/checker.h"
#include "audit/ruling_svg.h"
#include "audit/tape_read.h"
#include "base/units.h"
#include "cmd/args.h"
#include "cmd/check_model.h"
#include "cmd/cmd.h"
#include "io/file.h"
#include "io/pieces.h"
#include "io/thread.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define EVENT_BYTES_MAX ((size_t)4 << 30)
#define HISTORY_BYTES_MAX ((size_t)64 << 30)
#define THREADS_MAX 16
#define MEMORY_DEFAULT ((size_t)512 << 20)
#define OUTPUT_BYTES_MAX ((size_t)256 << 20)

static const char usage_before[] =
	"usage: faultline check HISTORY --model MODEL [flags]\n"
	"\n"
	"Audit a history: JSON lines or Jepsen's EDN, told apart by content, as doc/audit.md describes them; - reads standard input.\n"
	"\n"
	"      --model MODEL    what the keys should behave like:\n";
static const char usage_after[] =
	"                         ./FILE.so, ./FILE.yaml     your own: a plugin in C, a table of transitions\n"
	"      --consistency C  linearizable (default); sequential; of registers also causal, causal-convergence, and staleness: the\n"
	"                       smallest k for which every read returned one of the last k values\n"
	"      --initial VALUE  what registers begin as: nil or 0 (default: nil, unless that cannot be; doc/audit.md)\n"
	"      --whole          all keys as one object, not each alone (the same answer, at a price)\n"
	"      --json           one JSON document on standard output\n"
	"      --svg FILE       draw what each client saw, the operation that cannot be marked\n"
	"      --configs N      configurations that may be explored before the answer is \"unknown\" (default 1000 million)\n"
	"      --memory SIZE    memory for them (default 512MiB)\n"
	"      --txn            audit transactions instead; faultline check --txn --help says how\n"
	"  -h, --help           this text\n"
	"\n"
	"exit code: 0 valid, 1 invalid, 2 usage or bad input, 4 unknown\n"
	"\n"
	"example:\n"
	"  faultline check runs/redis-lost-20250101-120000-7/history.jsonl --model cas-register\n";

static const char *const orders[] = { [CHECKER_LINEARIZABLE] = "linearizable", [CHECKER_SEQUENTIAL] = "sequential",
	[CHECKER_STALE] = "staleness", [CHECKER_CONVERGENT] = "causal-convergence", [CHECKER_CAUSAL] = "causal", NULL };

struct check {
	const char *path, *model_name, *svg;
	struct check_model model;
	bool json;
	struct checker_options options;
	struct tape tape;
	struct tape_read reader;
};

static int
bad_usage(const char *format, const char *what)
{
	fputs("faultline check: ", stderr);
	fprintf(stderr, format, what);
	fputs("\ntry faultline check --help\n", stderr);
	return CMD_USAGE;
}

static void
print_usage(void)
{
	const struct model *const *all = model_all();

	fputs(usage_before, stdout);
	for (size_t i = 0; all[i] != NULL; i++)
		printf("                         %-26s %s\n", all[i]->name, all[i]->help);
	fputs(usage_after, stdout);
}

/* -1: go on; else the exit code. */
static int
read_values(struct check *c, const char *order, const char *configs, const char *memory)
{
	int64_t bytes = 0;
	unsigned which = 0;
	char *end;

	while (order != NULL && orders[which] != NULL && strcmp(order, orders[which]) != 0)
		which++;
	if (orders[which] == NULL)
		return bad_usage("--consistency is \"%s\", expected linearizable, sequential, causal, causal-convergence or staleness", order);
	c->options.order = (enum checker_order)which;
	if (memory != NULL && (units_parse_bytes(memory, &bytes) != 0 || bytes <= 0))
		return bad_usage("--memory is \"%s\", expected a size such as 512MiB", memory);
	c->options.memory_bytes_max = (size_t)bytes;
	errno = 0;
	if (configs != NULL) {
		c->options.configs_max = strtoull(configs, &end, 10);
		if (*configs < '0' || *configs > '9' || *end != '\0' || errno != 0 || c->options.configs_max == 0)
			return bad_usage("--configs is \"%s\", expected a positive number", configs);
	}
	return -1;
}

/* Is this model one that can be judged so? -1: yes; else the exit code. */
static int
fit_model(const struct check *c)
{
	const struct model *m = c->model.model;

	if (c->options.order >= CHECKER_STALE && !m->registers)
		return bad_usage("staleness and causality are of registers, not of the model %s", m->name);
	if (c->options.whole && (m->step == NULL || c->options.order > CHECKER_SEQUENTIAL))
		return bad_usage("--whole is of orders, which the model %s has none of, or not so", m->name);
	if (c->options.order == CHECKER_SEQUENTIAL && m->step == NULL)
		return bad_usage("the model %s has no order to be sequential in", m->name);
	return -1;
}

/* Fill c from the command line. -1: go on; else the exit code. */
static int
read_flags(struct check *c, int argc, char **argv)
{
	const char *configs = NULL, *memory = NULL, *order = NULL, *initial = NULL;
	bool help = false;
	const struct args_flag flags[] = {
		{ "model m", ARGS_TEXT, { .text = &c->model_name } }, { "json", ARGS_FLAG, { .flag = &c->json } },
		{ "consistency", ARGS_TEXT, { .text = &order } }, { "svg", ARGS_TEXT, { .text = &c->svg } },
		{ "initial", ARGS_TEXT, { .text = &initial } }, { "whole", ARGS_FLAG, { .flag = &c->options.whole } },
		{ "configs", ARGS_TEXT, { .text = &configs } }, { "memory", ARGS_TEXT, { .text = &memory } },
		{ "help h", ARGS_FLAG, { .flag = &help } }, { NULL, ARGS_FLAG, { .flag = NULL } },
	};
	struct args args;

	if (args_parse(flags, argc, argv, &args) != 0)
		return bad_usage("%s", args.error);
	if (help) {
		print_usage();
		return CMD_HELD;
	}
	if (args.count != 1)
		return bad_usage(args.count == 0 ? "no history given%s" : "one history at a time, please: \"%s\"",
		    args.count == 0 ? "" : args.words[1]);
	if (c->model_name == NULL)
		return bad_usage("%s", "--model is missing; faultline check --help lists the models");
	c->path = args.words[0];
	c->options.begin = initial == NULL ? CHECKER_BEGIN_FOUND : strcmp(initial, "0") == 0 ? CHECKER_BEGIN_ZERO : CHECKER_BEGIN_NIL;
	if (initial != NULL && strcmp(initial, "0") != 0 && strcmp(initial, "nil") != 0 && strcmp(initial, "null") != 0)
		return bad_usage("--initial is \"%s\", expected nil or 0", initial);
	int code = read_values(c, order, configs, memory);

	if (code < 0)
		code = cmd_check_model_find(&c->model, c->model_name);
	return code >= 0 || c->model.model == NULL ? code : fit_model(c);
}

static int
feed(void *ud, const char *text, size_t bytes, bool last, size_t *ret_used)
{
	struct check *c = ud;

	return tape_read_feed(&c->reader, text, bytes, last, ret_used);
}

/* Read the history. -1: go on; else the exit code. */
static int
read_history(struct check *c)
{
	const struct tape_read_info *info = &c->reader.info;
	bool file_error = false;
	int rc = pieces_each(c->path, EVENT_BYTES_MAX, feed, c, &file_error);

	if (file_error) {
		fprintf(stderr, "faultline check: %s cannot be read: %s\n", c->path, strerror(-rc));
		return CMD_USAGE;
	}
	if (rc != 0) {
		fprintf(stderr, "%s:%" PRIu32 ":%" PRIu32 ": %s\n", c->path, info->line, info->column, info->error);
		return CMD_USAGE;
	}
	if (info->cut)
		fprintf(stderr, "%s:%" PRIu32 ": the last line is cut off and left out\n", c->path, info->lines);
	if (info->times_back > 0)
		fprintf(stderr, "%s: the time goes back %" PRIu32 " times; the order of the events counts, not their times\n", c->path,
			info->times_back);
	for (uint32_t i = 0; i < c->tape.count && strcmp(c->model_name, "register") == 0; i++) {
		if (strcmp(tape_chars(&c->tape, c->tape.ops[i].f), "cas") != 0)
			continue;
		fprintf(stderr, "%s: there are cas operations in it, which a register does not have; use --model cas-register\n", c->path);
		return CMD_USAGE;
	}
	return -1;
}

/* The drawing, if it was asked for. */
static int
draw(const struct check *c, const struct ruling *r)
{
	struct buf out;
	int rc;

	if (c->svg == NULL)
		return 0;
	buf_init(&out, OUTPUT_BYTES_MAX);
	ruling_svg(r, &out);
	rc = out.overflowed ? -EFBIG : file_replace(c->svg, buf_data(&out), buf_len(&out), 0644);
	buf_fini(&out);
	if (rc != 0)
		fprintf(stderr, "faultline check: %s cannot be written: %s\n", c->svg, strerror(-rc));
	return rc;
}

static int
say(const struct check *c, const struct ruling *r)
{
	static const int codes[] = { [VERDICT_VALID] = CMD_HELD, [VERDICT_INVALID] = CMD_FINDING, [VERDICT_UNKNOWN] = CMD_UNKNOWN };
	int code = codes[r->verdict];
	struct buf out;

	buf_init(&out, OUTPUT_BYTES_MAX);
	if (c->json) {
		struct jsonw w;

		jsonw_init(&w, &out);
		ruling_json(r, &w);
		buf_putc(&out, '\n');
	} else {
		ruling_text(r, &out);
	}
	if (out.overflowed || fwrite(buf_data(&out), 1, buf_len(&out), stdout) != buf_len(&out) || fflush(stdout) != 0) {
		fputs("faultline check: the answer could not be written\n", stderr);
		code = CMD_USAGE;
	}
	buf_fini(&out);
	return draw(c, r) != 0 ? CMD_USAGE : code;
}

/* Some of the keys, judged by a thread of its own. */
struct part {
	const struct check *c;
	struct checker_options options;
	struct ruling *ruling;
	pthread_t thread;
	bool started;
	int rc;
};

static void *
judge_part(void *ud)
{
	struct part *p = ud;

	p->rc = checker_run(&p->c->tape, p->c->model.model, &p->options, p->ruling);
	return NULL;
}

/* All parts; where no thread can be had, one after the other. The first failure, by line where the history does not fit. */
static int
judge_parts(const struct check *c, struct ruling *rulings, uint32_t n, uint32_t *ret_failed)
{
	struct part parts[THREADS_MAX];
	int rc = 0;

	for (uint32_t i = 0; i < n; i++) {
		parts[i] = (struct part){ .c = c, .options = c->options, .ruling = &rulings[i] };
		parts[i].options.part = i;
		parts[i].options.parts = n;
		parts[i].options.memory_bytes_max = (c->options.memory_bytes_max > 0 ? c->options.memory_bytes_max : MEMORY_DEFAULT) / n;
		parts[i].started = i > 0 && thread_start(&parts[i].thread, "check", judge_part, &parts[i]) == 0;
	}
	for (uint32_t i = 0; i < n; i++)
		if (!parts[i].started)
			judge_part(&parts[i]);
	for (uint32_t i = 0; i < n; i++) {
		if (parts[i].started)
			thread_join(parts[i].thread);
		bool sooner = parts[i].rc == -EINVAL && rc == -EINVAL && rulings[i].refused_line < rulings[*ret_failed].refused_line;

		if (parts[i].rc != 0 && (rc == 0 || sooner)) {
			rc = parts[i].rc;
			*ret_failed = i;
		}
	}
	return rc;
}

static int
judge(struct check *c)
{
	struct ruling rulings[THREADS_MAX + 1];
	uint32_t n = checker_parts(&c->tape, c->model.model, &c->options, FL_MIN(thread_cores(), (unsigned)THREADS_MAX)), failed = 0;
	int rc = judge_parts(c, rulings, n, &failed), code;

	ruling_init(&rulings[n], &c->tape);
	if (rc == -EINVAL) {
		fprintf(stderr, "%s:%" PRIu32 ": %s\n", c->path, rulings[failed].refused_line, rulings[failed].reason);
		code = CMD_USAGE;
	} else if (rc != 0) {
		fputs("faultline check: there is not enough memory to judge this history\n", stderr);
		code = CMD_UNKNOWN;
	} else if (n == 1) {
		code = say(c, &rulings[0]);
	} else {
		checker_merge(rulings, n, c->model.model, &c->options, &rulings[n]);
		code = say(c, &rulings[n]);
	}
	for (uint32_t i = 0; i <= n; i++)
		ruling_fini(&rulings[i]);
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

	if (code >= 0) {
		cmd_check_model_fini(&c.model);
		return code;
	}
	tape_init(&c.tape, HISTORY_BYTES_MAX);
	tape_read_init(&c.reader, &c.tape, NULL);
	code = read_history(&c);
	tape_read_fini(&c.reader);
	if (code < 0)
		code = cmd_check_model_bind(&c.model, &c.tape);
	if (code < 0)
		code = fit_model(&c);
	if (code < 0)
		code = judge(&c);
	tape_fini(&c.tape);
	cmd_check_model_fini(&c.model);
	return code;
}
