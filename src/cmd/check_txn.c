/* SPDX-License-Identifier: MIT */
/* check_txn.c - faultline check --txn: which isolation levels does a history of transactions have, and which does it break? */
#include "audit/tape_read.h"
#include "audit/txn_bank.h"
#include "audit/txn_draw.h"
#include "audit/txn_foreign.h"
#include "audit/txn_read.h"
#include "audit/txn_say.h"
#include "base/text.h"
#include "base/units.h"
#include "cmd/args.h"
#include "cmd/cmd.h"
#include "io/dir.h"
#include "io/pieces.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FILE_BYTES_MAX ((size_t)8 << 30)
#define MEMORY_DEFAULT (INT64_C(4) << 30)
#define LOOK_BYTES ((size_t)4096)               /* enough to see the format */
#define FORMAT_OPEN (-1)
#define OUTPUT_BYTES_MAX ((size_t)256 << 20)

static const char usage[] =
	"usage: faultline check HISTORY --txn [flags]\n"
	"\n"
	"Audit a history of transactions: JSON lines or Jepsen's EDN, recognised by content; - reads standard input. The value of an\n"
	"operation is a list of [f, key, value] with f r, append (lists), w (registers) or add (sets). Histories of Plume, PolySI,\n"
	"AWDIT and dbcop are read too, and directories of logs of Cobra.\n"
	"\n"
	"      --level LEVEL    the level to judge (default strict-serializable): read-uncommitted, read-committed, read-atomic,\n"
	"                       causal, parallel-snapshot-isolation, repeatable-read, snapshot-isolation,\n"
	"                       strong-session-snapshot-isolation, strong-snapshot-isolation, serializable,\n"
	"                       strong-session-serializable, strict-serializable\n"
	"      --model MODEL    list-append, rw-register, set-add, bank (default: as its writes are)\n"
	"      --total N        bank: what there is in all (default: what the first read shows)\n"
	"      --negative       bank: balances may be below zero\n"
	"      --json           one JSON document on standard output\n"
	"      --svg FILE       draw the anomalies\n"
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
	struct tape_read reader;
	struct txn_hist hist;
	int format;                     /* enum txn_foreign, or FORMAT_OPEN */
	int64_t session;                /* of logs of a session each: the next one */
	struct txn_read_info info;
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

static int
feed(void *ud, const char *text, size_t bytes, bool last, size_t *ret_used)
{
	struct check *c = ud;

	*ret_used = 0;
	if (c->format == FORMAT_OPEN && !last && bytes < LOOK_BYTES)
		return 0;
	if (c->format == FORMAT_OPEN)
		c->format = (int)txn_foreign_of(text, bytes);
	if (c->format == TXN_FOREIGN_NONE)
		return tape_read_feed(&c->reader, text, bytes, last, ret_used);
	if (!last)
		return 0;               /* those are read as a whole */
	*ret_used = bytes;
	return txn_foreign_read(&c->hist, (enum txn_foreign)c->format, c->session++, text, bytes, &c->info);
}

static int
refused(const char *path, const struct txn_read_info *info)
{
	if (info->line > 0)
		fprintf(stderr, "%s:%" PRIu32 ": %s\n", path, info->line, info->error);
	else
		fprintf(stderr, "%s: %s\n", path, info->error);
	return CMD_USAGE;
}

/* One file: into the tape, or if it is in a format of others, into the history. 0, or -1 after a complaint. */
static int
read_file(void *ud, const char *path)
{
	struct check *c = ud;
	const struct tape_read_info *info = &c->reader.info;
	bool file_error = false;
	int rc = pieces_each(path, FILE_BYTES_MAX, feed, c, &file_error);

	if (file_error)
		fprintf(stderr, "faultline check: %s cannot be read: %s\n", path, strerror(-rc));
	else if (rc != 0 && c->format > TXN_FOREIGN_NONE)
		refused(path, &c->info);
	else if (rc != 0)
		fprintf(stderr, "%s:%" PRIu32 ":%" PRIu32 ": %s\n", path, info->line, info->column, info->error);
	else if (info->cut)
		fprintf(stderr, "%s:%" PRIu32 ": the end is cut off and left out\n", path, info->lines);
	return rc == 0 ? 0 : -1;
}

/* A file of a directory must be of this format. */
static int
read_member(void *ud, const char *path)
{
	struct check *c = ud;
	int want = c->session == 0 ? FORMAT_OPEN : c->format;

	c->format = FORMAT_OPEN;
	if (read_file(c, path) != 0)
		return -1;
	if (c->format > TXN_FOREIGN_NONE && (want == FORMAT_OPEN || want == c->format))
		return 0;
	fprintf(stderr, "faultline check: %s is no log of a session as the others are\n", path);
	return -1;
}

/* A directory holds the logs of Cobra's sessions, or a history of dbcop. */
static int
read_directory(struct check *c)
{
	bool dir_error = false;
	int rc = dir_each(c->path, ".log", read_member, c, &dir_error);

	if (rc == 0 && c->session == 0)
		rc = dir_each(c->path, ".bincode", read_member, c, &dir_error);
	if (dir_error)
		fprintf(stderr, "faultline check: %s cannot be read: %s\n", c->path, strerror(-rc));
	else if (rc == 0 && c->session == 0)
		fprintf(stderr, "faultline check: there is neither a .log nor a .bincode file in %s\n", c->path);
	return rc != 0 || c->session == 0 ? CMD_USAGE : -1;
}

/* Read what there is. -1: go on; else the exit code. */
static int
read_input(struct check *c)
{
	struct tape_read_options options = { .lone_completions = true };
	int code = -1;

	c->format = FORMAT_OPEN;
	txn_hist_init(&c->hist, TXN_RW_REGISTER, c->options.memory_bytes_max);
	tape_read_init(&c->reader, &c->tape, &options);
	if (dir_is(c->path))
		code = read_directory(c);
	else if (read_file(c, c->path) != 0)
		code = CMD_USAGE;
	tape_read_fini(&c->reader);
	if (code < 0 && c->format > TXN_FOREIGN_NONE && c->model != NULL && strcmp(c->model, txn_model_name(TXN_RW_REGISTER)) != 0)
		return bad_usage("a history in this format is of registers, not \"%s\"", c->model);
	return code;
}

/* The history from the tape. */
static int
read_tape(struct check *c)
{
	enum txn_model model = txn_read_model(&c->tape);

	for (unsigned i = 0; i < MODEL_BANK && c->model != NULL; i++)
		if (strcmp(models[i], c->model) == 0)
			model = (enum txn_model)i;
	txn_hist_fini(&c->hist);
	txn_hist_init(&c->hist, model, c->options.memory_bytes_max);
	if (txn_read_tape(&c->hist, &c->tape, &c->info) != 0)
		return refused(c->path, &c->info);
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
	txn_draw_all(outcome, &out);
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
	code = read_input(&c);
	if (code < 0 && c.format <= TXN_FOREIGN_NONE) {
		if (c.model == NULL ? txn_bank_is(&c.tape) : strcmp(c.model, models[MODEL_BANK]) == 0)
			code = judge_bank(&c);
		if (code < 0)
			code = read_tape(&c);
	}
	if (code < 0)
		code = judge(&c);
	txn_hist_fini(&c.hist);
	tape_fini(&c.tape);
	return code;
}
