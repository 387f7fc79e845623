/* SPDX-License-Identifier: MIT */
/* check_txn.c - faultline check --txn: which isolation levels does a history of transactions have, and which does it break? */
#include "audit/tape_read.h"
#include "audit/txn_bank.h"
#include "audit/txn_read.h"
#include "audit/txn_say.h"
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

#define FILE_BYTES_MAX ((size_t)8 << 30)
#define MEMORY_DEFAULT (INT64_C(4) << 30)
#define OUTPUT_BYTES_MAX ((size_t)256 << 20)

static const char usage[] =
	"usage: faultline check HISTORY --txn [flags]\n"
	"\n"
	"Audit a history of transactions: JSON lines or Jepsen's EDN, recognised by content; - reads standard input. The value of an\n"
	"operation is a list of [f, key, value] with f r, append (lists), w (registers) or add (sets).\n"
	"\n"
	"      --level LEVEL    the level to judge (default strict-serializable): read-uncommitted, read-committed, read-atomic,\n"
	"                       causal, parallel-snapshot-isolation, repeatable-read, snapshot-isolation,\n"
	"                       strong-session-snapshot-isolation, strong-snapshot-isolation, serializable,\n"
	"                       strong-session-serializable, strict-serializable\n"
	"      --model MODEL    list-append, rw-register, set-add, bank (default: as its writes are)\n"
	"      --total N        bank: what there is in all (default: what the first read shows)\n"
	"      --negative       bank: balances may be below zero\n"
	"      --json           one JSON document on standard output\n"
	"      --svg FILE       draw the cycles\n"
	"      --effort N       steps of search for an order of versions before the answer is \"unknown\" (default 400 million)\n"
	"      --memory SIZE    memory for the audit (default 4GiB)\n"
	"  -h, --help           this text\n"
	"\n"
	"exit code: 0 valid, 1 invalid, 2 usage or bad input, 4 unknown\n"
	"\n"
	"example:\n"
	"  faultline check history.edn --txn --level serializable\n";

static const char *const models[] = { "list-append", "rw-register", "set-add", "bank", NULL };
#define MODEL_BANK 3

struct check {
	const char *path, *model, *svg;
	enum txn_level level;
	bool json, level_given;
	struct txn_bank_options bank;
	struct txn_options options;
	struct tape tape;
	struct txn_hist hist;
};

static int
bad_usage(const char *format, const char *what)
{
	fputs("faultline check: ", stderr);
	fprintf(stderr, format, what);
	fputs("\ntry faultline check --txn --help\n", stderr);
	return CMD_USAGE;
}

static int
bad_name(const char *kind, const char *name, const char *const *known)
{
	const char *near = text_nearest(name, known);

	fprintf(stderr, "faultline check: there is no %s \"%s\"; known:", kind, name);
	for (size_t i = 0; known[i] != NULL; i++)
		fprintf(stderr, "%s %s", i > 0 ? "," : "", known[i]);
	if (near != NULL)
		fprintf(stderr, "; did you mean \"%s\"?", near);
	fputc('\n', stderr);
	return CMD_USAGE;
}

static int
read_numbers(struct check *c, const char *effort, const char *memory, const char *total)
{
	int64_t bytes = MEMORY_DEFAULT;
	char *end;

	if (memory != NULL && (units_parse_bytes(memory, &bytes) != 0 || bytes <= 0))
		return bad_usage("--memory is \"%s\", expected a size such as 512MiB", memory);
	c->options.memory_bytes_max = (size_t)bytes;
	errno = 0;
	if (total != NULL) {
		c->bank.has_total = true;
		c->bank.total = strtoll(total, &end, 10);
		if (*total == '\0' || *end != '\0' || errno != 0)
			return bad_usage("--total is \"%s\", expected a whole number", total);
	}
	if (effort != NULL) {
		c->options.effort = strtoull(effort, &end, 10);
		if (*effort < '0' || *effort > '9' || *end != '\0' || errno != 0 || c->options.effort == 0)
			return bad_usage("--effort is \"%s\", expected a positive number", effort);
	}
	return -1;
}

/* Fill c from the command line. -1: go on; else the exit code. */
static int
read_flags(struct check *c, int argc, char **argv)
{
	const char *effort = NULL, *memory = NULL, *total = NULL, *level = NULL;
	bool help = false, txn = false;
	const struct args_flag flags[] = {
		{ "model m", ARGS_TEXT, { .text = &c->model } }, { "json", ARGS_FLAG, { .flag = &c->json } },
		{ "txn", ARGS_FLAG, { .flag = &txn } }, { "level", ARGS_TEXT, { .text = &level } },
		{ "svg", ARGS_TEXT, { .text = &c->svg } }, { "effort", ARGS_TEXT, { .text = &effort } },
		{ "memory", ARGS_TEXT, { .text = &memory } }, { "total", ARGS_TEXT, { .text = &total } },
		{ "negative", ARGS_FLAG, { .flag = &c->bank.negative_allowed } }, { "help h", ARGS_FLAG, { .flag = &help } },
		{ NULL, ARGS_FLAG, { .flag = NULL } },
	};
	struct args args;
	bool known = c->model == NULL;

	if (args_parse(flags, argc, argv, &args) != 0)
		return bad_usage("%s", args.error);
	if (help) {
		fputs(usage, stdout);
		return CMD_HELD;
	}
	if (args.count != 1)
		return bad_usage(args.count == 0 ? "no history given%s" : "one history at a time, please: \"%s\"",
		    args.count == 0 ? "" : args.words[1]);
	c->level_given = level != NULL;
	if (!txn_level_find(level == NULL ? "strict-serializable" : level, &c->level))
		return bad_name("level", level, txn_level_names());
	known = c->model == NULL;
	for (size_t i = 0; models[i] != NULL; i++)
		known |= c->model != NULL && strcmp(models[i], c->model) == 0;
	if (!known)
		return bad_name("model", c->model, models);
	c->path = args.words[0];
	return read_numbers(c, effort, memory, total);
}

/* Read the file into the tape. -1: go on; else the exit code. */
static int
read_tape(struct check *c)
{
	struct tape_read_options options = { .lone_completions = true };
	struct tape_read_info info;
	struct buf text;
	int code = -1;

	buf_init(&text, FILE_BYTES_MAX);
	int rc = file_read(strcmp(c->path, "-") == 0 ? "/dev/stdin" : c->path, &text);

	if (rc != 0) {
		fprintf(stderr, "faultline check: %s cannot be read: %s\n", c->path, strerror(-rc));
		code = CMD_USAGE;
	} else if (tape_read_all(&c->tape, &options, buf_data(&text), buf_len(&text), &info) != 0) {
		fprintf(stderr, "%s:%" PRIu32 ":%" PRIu32 ": %s\n", c->path, info.line, info.column, info.error);
		code = CMD_USAGE;
	} else if (info.cut) {
		fprintf(stderr, "%s:%" PRIu32 ": the end is cut off and left out\n", c->path, info.lines);
	}
	buf_fini(&text);
	return code;
}

static int
read_history(struct check *c)
{
	struct txn_read_info info;
	enum txn_model model;

	model = txn_read_model(&c->tape);
	for (unsigned i = 0; i < MODEL_BANK && c->model != NULL; i++)
		if (strcmp(models[i], c->model) == 0)
			model = (enum txn_model)i;
	txn_hist_init(&c->hist, model, c->options.memory_bytes_max);
	if (txn_read_tape(&c->hist, &c->tape, &info) != 0) {
		fprintf(stderr, "%s:%" PRIu32 ": %s\n", c->path, info.line, info.error);
		return CMD_USAGE;
	}
	tape_fini(&c->tape);
	tape_init(&c->tape, 0);
	return -1;
}

static int
write_svg(const struct check *c, const struct txn_outcome_of *outcome)
{
	struct buf out;
	int rc = -ENOBUFS;

	buf_init(&out, OUTPUT_BYTES_MAX);
	txn_say_svg(outcome, &out);
	if (!out.overflowed) {
		FILE *f = fopen(c->svg, "w");

		rc = f == NULL ? -errno : 0;
		if (f != NULL && fwrite(buf_data(&out), 1, buf_len(&out), f) != buf_len(&out))
			rc = -EIO;
		if (f != NULL && fclose(f) != 0)
			rc = -EIO;
	}
	if (rc != 0)
		fprintf(stderr, "faultline check: %s cannot be written: %s\n", c->svg, strerror(-rc));
	buf_fini(&out);
	return rc;
}

static int
put_out(const struct buf *out, int code)
{
	if (!out->overflowed && fwrite(buf_data(out), 1, buf_len(out), stdout) == buf_len(out) && fflush(stdout) == 0)
		return code;
	fputs("faultline check: the answer could not be written\n", stderr);
	return CMD_USAGE;
}

static int
judge_bank(struct check *c)
{
	const char *level = c->level_given ? txn_level_name(c->level) : NULL;
	struct txn_bank bank;
	struct buf out;
	uint32_t line;

	if (txn_bank_check(&c->tape, &c->bank, &bank, &line) != 0) {
		fprintf(stderr, "%s:%" PRIu32 ": the answer to a read of a bank is a map of accounts to whole numbers\n", c->path, line);
		return CMD_USAGE;
	}
	buf_init(&out, OUTPUT_BYTES_MAX);
	if (c->json) {
		struct jsonw w;

		jsonw_init(&w, &out);
		txn_bank_json(&bank, level, &w);
		buf_putc(&out, '\n');
	} else {
		txn_bank_text(&bank, level, &out);
	}
	const char *verdict = txn_bank_verdict(&bank, level);
	int code = put_out(&out, *verdict == 'v' ? CMD_HELD : *verdict == 'i' ? CMD_FINDING : CMD_UNKNOWN);

	buf_fini(&out);
	return code;
}

static int
judge(struct check *c)
{
	static const int codes[] = { [TXN_HOLDS] = CMD_HELD, [TXN_BROKEN] = CMD_FINDING, [TXN_UNKNOWN] = CMD_UNKNOWN };
	struct txn_outcome_of outcome;
	struct buf out;
	int code;

	if (txn_check(&c->hist, &c->options, &outcome) != 0) {
		fputs("faultline check: there is not enough memory to judge this history; --memory allows more\n", stderr);
		txn_check_fini(&outcome);
		return CMD_UNKNOWN;
	}
	buf_init(&out, OUTPUT_BYTES_MAX);
	if (c->json) {
		struct jsonw w;

		jsonw_init(&w, &out);
		txn_say_json(&outcome, c->level, &w);
		buf_putc(&out, '\n');
	} else {
		txn_say_text(&outcome, c->level, &out);
	}
	code = put_out(&out, codes[outcome.status[c->level]]);
	if (c->svg != NULL && write_svg(c, &outcome) != 0)
		code = CMD_USAGE;
	buf_fini(&out);
	txn_check_fini(&outcome);
	return code;
}

int
cmd_check_txn(int argc, char **argv)
{
	struct check c = { .path = NULL };
	int code = read_flags(&c, argc, argv);

	if (code >= 0)
		return code;
	tape_init(&c.tape, c.options.memory_bytes_max);
	txn_hist_init(&c.hist, TXN_LIST_APPEND, c.options.memory_bytes_max);
	code = read_tape(&c);
	if (code < 0 && (c.model == NULL ? txn_bank_is(&c.tape) : strcmp(c.model, models[MODEL_BANK]) == 0))
		code = judge_bank(&c);
	if (code < 0)
		code = read_history(&c);
	if (code < 0)
		code = judge(&c);
	txn_hist_fini(&c.hist);
	tape_fini(&c.tape);
	return code;
}
