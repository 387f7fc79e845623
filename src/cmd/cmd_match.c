/* SPDX-License-Identifier: MIT */
/* cmd_match.c - faultline match: did what was sent arrive, once, in order, and as it was? */
#include "audit/match_say.h"
#include "base/text.h"
#include "base/units.h"
#include "cmd/args.h"
#include "cmd/cmd.h"
#include "io/clock.h"
#include "io/term.h"
#include "stream/match_oracle.h"
#include "stream/matcher.h"
#include "stream/stream_import.h"
#include "stream/stream_lines.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define OUTPUT_BYTES_MAX ((size_t)64 << 20)
#define MEMORY_DEFAULT ((size_t)1 << 30)
#define MEMORY_MIN ((int64_t)16 << 20)
#define DRAW_EVERY (200 * FL_MS)

static const char usage[] =
	"usage: faultline match SENT RECEIVED... [flags]\n"
	"\n"
	"Audit a stream: did the messages of the log SENT arrive in the logs RECEIVED, once, in order, and as they were sent?\n"
	"The logs are those of faultline feed and faultline collect, or text (doc/streams.md); - reads standard input.\n"
	"\n"
	"      --delivery WHAT  exactly-once (default), at-least-once, at-most-once, any\n"
	"      --order WHAT     key (default): in order within each key of a flow; total: within each flow; none\n"
	"      --late DURATION  messages may take that long (default: as long as they like)\n"
	"      --promised WHAT  what must arrive: acked (default, where acknowledgements were recorded) or sent\n"
	"      --allow LIST     defects that count for nothing here: lost duplicate refused-arrived corrupt changed phantom\n"
	"                       reordered reordered-total late wrong-value, separated by commas\n"
	"      --expect WHAT    match (default); nomatch: there must be a finding, as a test of the detector; or a list of\n"
	"                       defects that must be among the findings\n"
	"      --function F     RECEIVED are results of a service, one after each message of a key, to be compared with F of them:\n"
	"                       count, sum, last:N (the last N values, zeros before the first), join:A,B (of two flows)\n"
	"      --oracle COMMAND the same with what COMMAND makes of the messages: it reads lines \"KEY NUMBER VALUE FLOW\" and writes\n"
	"                       results; a result is \"KEY VALUE...\" or JSON (doc/streams.md)\n"
	"      --lines          all files are plain text: each line is a message, known by what it says\n"
	"      --sent FILE      the log of one more sender; may be given several times\n"
	"      --memory SIZE    memory to use (default 1GiB); more messages take more passes over the files, not more memory\n"
	"      --examples N     messages named for each kind of defect (default 5, at most 32)\n"
	"      --json           one JSON document on standard output\n"
	"  -q, --quiet          no progress\n"
	"  -h, --help           this text\n"
	"\n"
	"exit code: 0 as expected, 1 a finding, 2 usage or bad input, 4 could not judge\n"
	"\n"
	"examples:\n"
	"  faultline match sent.log received.log\n"
	"  faultline match sent.log received.log --delivery at-least-once --expect duplicate\n"
	"  faultline match sent.log windows.txt --function last:4\n";

struct match_cmd {
	struct args args;
	struct args_list more;
	bool json, quiet, plain;
	struct stream_lines *lines;
	uint32_t examples;
	size_t memory;
	fl_ns late, drawn;
	bool promised_sent, terminal, values;
	struct match_oracle oracle;
	const char *command;
	struct match_expect expect;
	uint32_t sent_count, received_count;
	const char *sent[MATCHER_SENT_MAX], *received[MATCHER_RECEIVED_MAX];
	struct stream_reader sent_logs[MATCHER_SENT_MAX], received_logs[MATCHER_RECEIVED_MAX];
	struct match_result result;
	struct matcher matcher;
	struct match_oracle_job job;
};

static int
bad_usage(const char *format, const char *what)
{
	fputs("faultline match: ", stderr);
	fprintf(stderr, format, what);
	fputs("\ntry faultline match --help\n", stderr);
	return CMD_USAGE;
}

/* The index of word in the list; -1 after a complaint. */
static int
choose(const char *flag, const char *word, const char *const *words)
{
	const char *near = text_nearest(word, words);

	for (int i = 0; words[i] != NULL; i++)
		if (strcmp(word, words[i]) == 0)
			return i;
	fprintf(stderr, "faultline match: --%s is \"%s\", expected", flag, word);
	for (int i = 0; words[i] != NULL; i++)
		fprintf(stderr, "%s %s", i > 0 ? "," : "", words[i]);
	if (near != NULL)
		fprintf(stderr, "; did you mean \"%s\"?", near);
	fputs("\ntry faultline match --help\n", stderr);
	return -1;
}

struct words {
	const char *delivery, *order, *late, *promised, *allow, *expect, *memory, *examples, *function;
};

static int
read_expectation(struct match_cmd *c, const struct words *w)
{
	static const char *const deliveries[] = { "at-most-once", "at-least-once", "exactly-once", "any", NULL };
	static const char *const orders[] = { "none", "key", "total", NULL };
	static const char *const promises[] = { "acked", "sent", NULL };
	int delivery = choose("delivery", w->delivery, deliveries), order, promised;
	char word[32];

	if (delivery < 0 || (order = choose("order", w->order, orders)) < 0 || (promised = choose("promised", w->promised, promises)) < 0)
		return CMD_USAGE;
	c->expect.delivery = (enum match_delivery)delivery;
	c->expect.order = (enum match_ordering)order;
	c->promised_sent = promised == 1;
	if (w->allow != NULL && !match_result_set(w->allow, &c->expect.allowed, word))
		return bad_usage("--allow: there is no defect \"%s\"", word);
	c->expect.nomatch = strcmp(w->expect, "match") != 0;
	if (c->expect.nomatch && strcmp(w->expect, "nomatch") != 0 && !match_result_set(w->expect, &c->expect.these, word))
		return bad_usage("--expect: expected match, nomatch or defects, found \"%s\"", word);
	if ((c->expect.these & c->expect.allowed) != 0)
		return bad_usage("a defect cannot both be expected and allowed%s", "");
	return -1;
}

static int
read_amounts(struct match_cmd *c, const struct words *w)
{
	int64_t bytes = (int64_t)MEMORY_DEFAULT;
	char *end;

	c->late = FL_NEVER;
	if (w->late != NULL && (units_parse_duration(w->late, &c->late) != 0 || c->late < 0))
		return bad_usage("--late is \"%s\", expected a duration such as 250ms", w->late);
	if (w->memory != NULL && (units_parse_bytes(w->memory, &bytes) != 0 || bytes < MEMORY_MIN))
		return bad_usage("--memory is \"%s\", expected a size from 16MiB on, such as 2GiB", w->memory);
	c->memory = (size_t)bytes;
	c->examples = 5;
	if (w->examples != NULL) {
		unsigned long n = strtoul(w->examples, &end, 10);

		if (*w->examples < '0' || *w->examples > '9' || *end != '\0' || n > MATCH_EXAMPLES_MAX)
			return bad_usage("--examples is \"%s\", expected a number from 0 to 32", w->examples);
		c->examples = (uint32_t)n;
	}
	return -1;
}

static int
read_oracle(struct match_cmd *c, const struct words *w)
{
	if (w->function != NULL && c->command != NULL)
		return bad_usage("--function and --oracle: one of them, please%s", "");
	if (w->function != NULL && !match_value_function(w->function, &c->oracle))
		return bad_usage("--function is \"%s\", expected count, sum, last:N with N up to 16, or join:A,B with the numbers of two flows",
		    w->function);
	if (c->command != NULL)
		c->oracle.function = MATCH_GIVEN;
	c->values = w->function != NULL || c->command != NULL;
	if (c->values && c->plain)
		return bad_usage("--lines: lines have no keys and values that an oracle could judge%s", "");
	return -1;
}

static int
read_files(struct match_cmd *c)
{
	unsigned standard = 0;

	if (c->args.count < 2)
		return bad_usage("%s", c->args.count == 0 ? "no logs given: expected SENT RECEIVED" : "no log of a receiver given");
	if (c->more.count >= MATCHER_SENT_MAX)
		return bad_usage("too many logs of senders%s", "");
	c->sent[c->sent_count++] = c->args.words[0];
	for (unsigned i = 0; i < c->more.count; i++)
		c->sent[c->sent_count++] = c->more.items[i];
	for (unsigned i = 1; i < c->args.count; i++)
		c->received[c->received_count++] = c->args.words[i];
	for (uint32_t i = 0; i < c->sent_count; i++)
		standard += strcmp(c->sent[i], "-") == 0;
	for (uint32_t i = 0; i < c->received_count; i++)
		standard += strcmp(c->received[i], "-") == 0;
	return standard > 1 ? bad_usage("standard input can only be read once%s", "") : -1;
}

/* Fill c from the command line. -1: go on; else the exit code. */
static int
read_flags(struct match_cmd *c, int argc, char **argv)
{
	struct words w = { .delivery = "exactly-once", .order = "key", .promised = "acked", .expect = "match" };
	bool help = false;
	const struct args_flag flags[] = {
		{ "delivery", ARGS_TEXT, { .text = &w.delivery } }, { "order", ARGS_TEXT, { .text = &w.order } },
		{ "late", ARGS_TEXT, { .text = &w.late } }, { "promised", ARGS_TEXT, { .text = &w.promised } },
		{ "allow", ARGS_TEXT, { .text = &w.allow } }, { "expect", ARGS_TEXT, { .text = &w.expect } },
		{ "sent", ARGS_LIST, { .list = &c->more } }, { "memory", ARGS_TEXT, { .text = &w.memory } },
		{ "function", ARGS_TEXT, { .text = &w.function } }, { "oracle", ARGS_TEXT, { .text = &c->command } },
		{ "lines", ARGS_FLAG, { .flag = &c->plain } }, { "examples", ARGS_TEXT, { .text = &w.examples } }, { "json", ARGS_FLAG,
		    { .flag = &c->json } },
		{ "quiet q", ARGS_FLAG, { .flag = &c->quiet } }, { "help h", ARGS_FLAG, { .flag = &help } },
		{ NULL, ARGS_FLAG, { .flag = NULL } },
	};
	int code;

	if (args_parse(flags, argc, argv, &c->args) != 0)
		return bad_usage("%s", c->args.error);
	if (help) {
		fputs(usage, stdout);
		return CMD_HELD;
	}
	code = read_expectation(c, &w);
	if (code < 0)
		code = read_amounts(c, &w);
	if (code < 0)
		code = read_oracle(c, &w);
	return code < 0 ? read_files(c) : code;
}

static bool
stop(void)
{
	return term_wait(0) != 0;
}

static void
draw(void *ud, double share)
{
	struct match_cmd *c = ud;
	fl_ns now = clock_mono();

	if (!c->terminal || now < c->drawn)
		return;
	c->drawn = now + DRAW_EVERY;
	fprintf(stderr, "\r\033[Kmatching %5.1f %%", share * 100);
	fflush(stderr);
}

static void
wipe(struct match_cmd *c)
{
	if (c->terminal && c->drawn > 0)
		fputs("\r\033[K", stderr);
	c->drawn = 0;
}

/* A log of one of the ways there are. */
static int
open_log(struct match_cmd *c, struct stream_reader *r, const char *path, enum match_side side, uint32_t index, char *error)
{
	if (c->plain)
		return stream_lines_open(c->lines, r, path, side, index, stop, error);
	return stream_import_open(r, path, side, side == MATCH_SIDE_RECEIVED && c->values, stop, error);
}

static int
open_logs(struct match_cmd *c)
{
	char error[STREAM_IMPORT_ERROR];
	int rc = 0;

	c->lines = stream_lines_new(c->memory / 2);
	if (c->lines == NULL)
		return CMD_UNKNOWN;
	for (uint32_t i = 0; i < c->sent_count; i++)
		c->sent_logs[i].fd = -1;
	for (uint32_t i = 0; i < c->received_count; i++)
		c->received_logs[i].fd = -1;
	for (uint32_t i = 0; i < c->sent_count && rc == 0; i++) {
		rc = open_log(c, &c->sent_logs[i], c->sent[i], MATCH_SIDE_SENT, i, error);
		c->expect.sent_cut |= c->sent_logs[i].cut;
	}
	for (uint32_t i = 0; i < c->received_count && rc == 0; i++) {
		rc = open_log(c, &c->received_logs[i], c->received[i], MATCH_SIDE_RECEIVED, i, error);
		c->expect.received_cut |= c->received_logs[i].cut;
	}
	stream_lines_free(c->lines);
	if (rc != 0)
		fprintf(stderr, "%s\n", error);
	return rc == 0 ? -1 : rc == -ECANCELED ? CMD_UNKNOWN : CMD_USAGE;
}

static int
print(struct match_cmd *c, const struct match_report *report)
{
	struct buf out;
	int rc = 0;

	buf_init(&out, OUTPUT_BYTES_MAX);
	if (c->json) {
		struct jsonw w;

		jsonw_init(&w, &out);
		match_say_json(report, &w);
		buf_putc(&out, '\n');
	} else {
		match_say_text(report, &out);
	}
	if (out.overflowed || fwrite(buf_data(&out), 1, buf_len(&out), stdout) != buf_len(&out) || fflush(stdout) != 0) {
		fputs("faultline match: the answer could not be written\n", stderr);
		rc = -EIO;
	}
	buf_fini(&out);
	return rc;
}

static int
report(struct match_cmd *c)
{
	static const int codes[] = { [MATCH_HELD] = CMD_HELD, [MATCH_FINDING] = CMD_FINDING, [MATCH_UNKNOWN] = CMD_UNKNOWN };
	struct match_report m = {
		.result = &c->result, .expect = &c->expect, .acks = c->matcher.acks, .clocks = c->matcher.clocks,
		    .flow_count = c->matcher.flow_count,
		.file_count = c->received_count, .examples_max = c->examples, .files = c->received, .values = c->values,
	};

	if (c->values) {
		m.acks = c->job.acks && !c->promised_sent;
		m.flow_count = c->job.flow_count;
		m.clocks = true;        /* nobody asks */
	}
	c->expect.late_blind = c->late != FL_NEVER && !c->matcher.clocks;
	c->expect.values = c->values;
	c->expect.sent_doubt = c->expect.sent_cut && (c->promised_sent || !m.acks);
	m.verdict = match_result_judge(&c->result, &c->expect, &m.findings, &m.why);
	return print(c, &m) != 0 ? CMD_USAGE : codes[m.verdict];
}

static int
judge(struct match_cmd *c)
{
	int rc;

	c->terminal = !c->quiet && isatty(STDERR_FILENO);
	c->matcher = (struct matcher){
		.sent_count = c->sent_count, .received_count = c->received_count, .sent = c->sent_logs, .received = c->received_logs,
		.memory_bytes = c->memory, .late = c->late, .promised_sent = c->promised_sent, .stop = stop, .progress = draw, .progress_ud = c,
		.result = &c->result,
	};
	rc = matcher_run(&c->matcher);
	wipe(c);
	if (rc == 0)
		return report(c);
	fprintf(stderr, "faultline match: %s\n", rc == -ECANCELED ? "interrupted: nothing was judged" : c->matcher.error);
	return rc == -EINVAL ? CMD_USAGE : CMD_UNKNOWN;
}

/* Results instead of messages. */
static int
judge_values(struct match_cmd *c)
{
	int rc;

	c->job = (struct match_oracle_job){
		.oracle = &c->oracle, .command = c->command, .sent_count = c->sent_count, .received_count = c->received_count, .sent = c->sent_logs,
		.received = c->received_logs, .promised_sent = c->promised_sent, .memory_bytes = c->memory, .stop = stop, .result = &c->result,
	};
	rc = match_oracle_run(&c->job);
	if (rc == 0)
		return report(c);
	fprintf(stderr, "faultline match: %s\n", rc == -ECANCELED ? "interrupted: nothing was judged" : c->job.error);
	return rc == -EINVAL ? CMD_USAGE : CMD_UNKNOWN;
}

int
cmd_match(int argc, char **argv)
{
	struct match_cmd *c = calloc(1, sizeof(*c));
	int code;

	if (c == NULL) {
		fputs("faultline match: there is not enough memory\n", stderr);
		return CMD_UNKNOWN;
	}
	code = read_flags(c, argc, argv);
	if (code < 0) {
		(void)signal(SIGPIPE, SIG_IGN);
		term_hold_signals();
		code = open_logs(c);
		if (code < 0)
			code = c->values ? judge_values(c) : judge(c);
		matcher_fini(&c->matcher);
		for (uint32_t i = 0; i < c->sent_count; i++)
			stream_reader_close(&c->sent_logs[i]);
		for (uint32_t i = 0; i < c->received_count; i++)
			stream_reader_close(&c->received_logs[i]);
	}
	free(c);
	return code;
}
