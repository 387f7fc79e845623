/* SPDX-License-Identifier: MIT */
/* cmd_collect.c - faultline collect: receive messages that can be audited, and keep what arrived. */
#include "base/units.h"
#include "cmd/args.h"
#include "cmd/cmd.h"
#include "io/clock.h"
#include "io/term.h"
#include "proto/jsonw.h"
#include "stream/collect.h"
#include "stream/stream_place.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define DRAW_EVERY (200 * FL_MS)

static const char usage[] =
	"usage: faultline collect PLACE --log FILE [flags]\n"
	"\n"
	"Receive the messages of faultline feed at PLACE, and keep in FILE what arrived, before answering; faultline match tells what became\n"
	"of them. Ends at Ctrl-C, or as the flags say.\n"
	"\n"
	"PLACE: tcp://HOST:PORT            messages as lines, or with --frame length; port 0: a free one, which is printed\n"
	"       http://HOST:PORT           a request each\n"
	"       syslog://HOST:PORT         RFC 5424 with octet counting\n"
	"       redis://HOST:PORT/STREAM   read a stream of Redis, from its beginning\n"
	"       exec:COMMAND               the lines of a program's standard output; answers to its input: for any other system\n"
	"\n"
	"      --log FILE       where the log goes\n"
	"      --append         go on in the log, if it is there: for a receiver that is started again\n"
	"      --count N        end after so many messages\n"
	"      --for DURATION   end after that time\n"
	"      --quiet-for DURATION  end when nothing has arrived for so long after the first message\n"
	"      --frame WHAT     of tcp and exec: lines (default) or length (32 bits, big-endian)\n"
	"      --no-answers     do not answer\n"
	"      --outputs        what arrives are results of a service, to be judged by an oracle\n"
	"      --json           one JSON document on standard output, at the end; and a first line with the address\n"
	"  -q, --quiet          no progress\n"
	"  -h, --help           this text\n"
	"\n"
	"exit code: 0, 2 usage or bad input, 4 nothing could be received\n"
	"\n"
	"examples:\n"
	"  faultline collect tcp://127.0.0.1:9000 --log received.log --quiet-for 5s\n"
	"  faultline collect redis://127.0.0.1:6379/orders --log received.log --for 40s\n";

struct collect_cmd {
	struct args args;
	struct collect_conf conf;
	struct collect_stats stats;
	struct stream_place place;
	bool json, quiet, terminal;
	fl_ns drawn;
};

static int
bad_usage(const char *format, const char *what)
{
	fputs("faultline collect: ", stderr);
	fprintf(stderr, format, what);
	fputs("\ntry faultline collect --help\n", stderr);
	return CMD_USAGE;
}

struct words {
	const char *log, *count, *duration, *quiet_for, *frame;
	bool no_answers;
};

static int
read_amounts(const struct words *w, struct collect_conf *c)
{
	char *end;

	c->duration = c->quiet = FL_NEVER;
	if (w->duration != NULL && (units_parse_duration(w->duration, &c->duration) != 0 || c->duration < 0))
		return bad_usage("--for is \"%s\", expected a duration such as 30s", w->duration);
	if (w->quiet_for != NULL && (units_parse_duration(w->quiet_for, &c->quiet) != 0 || c->quiet <= 0))
		return bad_usage("--quiet-for is \"%s\", expected a duration such as 5s", w->quiet_for);
	if (w->count != NULL) {
		errno = 0;
		c->count = strtoull(w->count, &end, 10);
		if (*w->count < '0' || *w->count > '9' || *end != '\0' || errno != 0 || c->count == 0)
			return bad_usage("--count is \"%s\", expected a positive number", w->count);
	}
	return -1;
}

static int
read_address(struct collect_cmd *c)
{
	struct resolve_answer answer;
	char error[STREAM_PLACE_ERROR];

	if (c->place.exec) {
		c->conf.command = c->place.command;
		return -1;
	}
	if (stream_place_resolve(&c->place, &answer, error) != 0) {
		fprintf(stderr, "faultline collect: %s\n", error);
		return CMD_USAGE;
	}
	c->conf.listen = answer.addrs[0];
	if (c->place.framing == MATCH_FRAME_REDIS) {
		c->conf.redis_host = c->place.host;
		c->conf.redis_port = addr_port(&answer.addrs[0]);
		c->conf.redis_stream = c->place.path;
	}
	return -1;
}

static int
read_place(struct collect_cmd *c, const struct words *w)
{
	char error[STREAM_PLACE_ERROR];

	if (c->args.count != 1)
		return bad_usage("%s", c->args.count == 0 ? "no place given" : "more than one place given");
	if (w->log == NULL)
		return bad_usage("%s", "--log is missing");
	if (stream_place_parse(c->args.words[0], &c->place, error) != 0)
		return bad_usage("%s", error);
	c->conf.framing = c->place.framing;
	if (w->frame != NULL) {
		if (c->place.framing != MATCH_FRAME_LINES || (strcmp(w->frame, "lines") != 0 && strcmp(w->frame, "length") != 0))
			return bad_usage("--frame is \"%s\", expected lines or length, for tcp:// and exec: only", w->frame);
		if (strcmp(w->frame, "length") == 0)
			c->conf.framing = MATCH_FRAME_LENGTH;
	}
	if (c->conf.append && c->place.framing == MATCH_FRAME_REDIS)
		return bad_usage("%s", "--append is not for redis://, which is read from its beginning");
	c->conf.log = w->log;
	c->conf.answers = !w->no_answers && c->place.framing != MATCH_FRAME_SYSLOG;
	return read_address(c);
}

static int
read_flags(struct collect_cmd *c, int argc, char **argv)
{
	struct words w = { .log = NULL };
	bool help = false;
	const struct args_flag flags[] = {
		{ "log", ARGS_TEXT, { .text = &w.log } }, { "count", ARGS_TEXT, { .text = &w.count } }, { "for", ARGS_TEXT, { .text = &w.duration } },
		{ "quiet-for", ARGS_TEXT, { .text = &w.quiet_for } }, { "frame", ARGS_TEXT, { .text = &w.frame } },
		{ "append", ARGS_FLAG, { .flag = &c->conf.append } },
		{ "no-answers", ARGS_FLAG, { .flag = &w.no_answers } }, { "outputs", ARGS_FLAG, { .flag = &c->conf.outputs } },
		{ "json", ARGS_FLAG, { .flag = &c->json } }, { "quiet q", ARGS_FLAG, { .flag = &c->quiet } },
		{ "help h", ARGS_FLAG, { .flag = &help } }, { NULL, ARGS_FLAG, { .flag = NULL } },
	};
	int code;

	if (args_parse(flags, argc, argv, &c->args) != 0)
		return bad_usage("%s", c->args.error);
	if (help) {
		fputs(usage, stdout);
		return CMD_HELD;
	}
	code = read_amounts(&w, &c->conf);
	return code < 0 ? read_place(c, &w) : code;
}

static bool
stop(void)
{
	return term_wait(0) != 0;
}

/* Scripts read the address from the first line. */
static void
listening(void *ud, const struct io_addr *at)
{
	struct collect_cmd *c = ud;
	char text[ADDR_TEXT_MAX];

	if (at == NULL)
		return;
	if (c->json)
		printf("{\"listening\":\"%s\"}\n", addr_format(at, text, sizeof(text)));
	else
		printf("listening on %s\n", addr_format(at, text, sizeof(text)));
	fflush(stdout);
}

static void
draw(void *ud, uint64_t got)
{
	struct collect_cmd *c = ud;

	if (!c->terminal || clock_mono() < c->drawn)
		return;
	c->drawn = clock_mono() + DRAW_EVERY;
	fprintf(stderr, "\r\033[Kreceived %" PRIu64, got);
	fflush(stderr);
}

static void
print_json(const struct collect_cmd *c)
{
	const struct collect_stats *s = &c->stats;
	struct jsonw w;
	struct buf out;

	buf_init(&out, 65536);
	jsonw_init(&w, &out);
	jsonw_object(&w);
	jsonw_num(&w, "received", (int64_t)s->got);
	jsonw_num(&w, "corrupt", (int64_t)s->corrupt);
	jsonw_num(&w, "results", (int64_t)s->outputs);
	jsonw_num(&w, "connections", (int64_t)s->connections);
	jsonw_num(&w, "bad_frames", (int64_t)s->bad_frames);
	jsonw_flag(&w, "interrupted", s->stopped);
	jsonw_str(&w, "log", c->conf.log);
	jsonw_end(&w);
	puts(buf_str(&out));
	buf_fini(&out);
}

static int
finish(struct collect_cmd *c, int rc, const char *error)
{
	const struct collect_stats *s = &c->stats;

	if (c->terminal)
		fputs("\r\033[K", stderr);
	if (rc != 0)
		fprintf(stderr, "faultline collect: %s\n", error[0] != '\0' ? error : strerror(-rc));
	if (c->json)
		print_json(c);
	else
		printf("received %" PRIu64 " messages, %" PRIu64 " damaged, %" PRIu64 " results, on %" PRIu64 " connections\n", s->got, s->corrupt,
		    s->outputs, s->connections);
	if (rc != 0)
		return rc == -ECONNREFUSED ? CMD_UNKNOWN : CMD_USAGE;
	return fflush(stdout) == 0 ? CMD_HELD : CMD_USAGE;
}

int
cmd_collect(int argc, char **argv)
{
	struct collect_cmd *c = calloc(1, sizeof(*c));
	char error[COLLECT_ERROR_MAX] = "";
	int code;

	if (c == NULL)
		return CMD_UNKNOWN;
	code = read_flags(c, argc, argv);
	if (code < 0) {
		(void)signal(SIGPIPE, SIG_IGN);
		term_hold_signals();
		c->terminal = !c->quiet && isatty(STDERR_FILENO);
		c->conf.stop = stop;
		c->conf.listening = listening;
		c->conf.progress = draw;
		c->conf.ud = c;
		code = finish(c, collect_run(&c->conf, &c->stats, error), error);
	}
	free(c);
	return code;
}
