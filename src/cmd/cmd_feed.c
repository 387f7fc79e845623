/* SPDX-License-Identifier: MIT */
/* cmd_feed.c - faultline feed: send messages that can be audited. */
#include "audit/match_msg.h"
#include "base/units.h"
#include "cmd/args.h"
#include "cmd/cmd.h"
#include "io/clock.h"
#include "io/term.h"
#include "proto/jsonw.h"
#include "stream/feed.h"
#include "stream/stream_place.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define DRAW_EVERY (200 * FL_MS)
#define RATE_MAX 10e6

static const char usage[] =
	"usage: faultline feed PLACE --log FILE [flags]\n"
	"\n"
	"Send numbered messages to PLACE at a set rate, and keep in FILE what was sent and what was acknowledged; faultline match\n"
	"tells what became of them. Messages that are not answered are sent again, as a client would.\n"
	"\n"
	"PLACE: tcp://HOST:PORT            messages as lines, or with --frame length\n"
	"       http://HOST:PORT/PATH      one POST each\n"
	"       syslog://HOST:PORT         RFC 5424 with octet counting; has no acknowledgements\n"
	"       redis://HOST:PORT/STREAM   XADD to a stream\n"
	"       exec:COMMAND               lines to a program's standard input, answers from its output: for any other system\n"
	"\n"
	"      --log FILE       where the log goes\n"
	"      --rate N         messages a second (default 1000); 0: as fast as they go\n"
	"      --count N        how many (default 1000, or no bound when --for is given)\n"
	"      --for DURATION   stop making messages after that time\n"
	"      --keys N         keys the messages are spread over (default 16)\n"
	"      --spread WHAT    even (default): one key after the other; random\n"
	"      --values WHAT    what a message carries: number (default): its number in the flow; count: its number in its key;\n"
	"                       random: below one million\n"
	"      --flow N         number of the flow, for several senders into one receiver (default 1)\n"
	"      --first N        number of the first message (default 1), to go on where another run ended\n"
	"      --size BYTES     of a message (default 64)\n"
	"      --seed N         of keys, values and padding (default 1)\n"
	"      --frame WHAT     of tcp and exec: lines (default) or length (32 bits, big-endian)\n"
	"      --no-acks        expect no answers; what was sent counts as promised\n"
	"      --attempts N     how often a message is sent at most (default 10; 0: no bound)\n"
	"      --timeout DURATION  without an answer for so long the connection is given up (default 5s)\n"
	"      --drain DURATION how long to wait for the last answers, and while nothing moves at all (default 10s)\n"
	"      --connections N  messages of one key keep to one of them (default 1)\n"
	"      --window N       messages under way on a connection (default 10000)\n"
	"      --json           one JSON document on standard output\n"
	"  -q, --quiet          no progress\n"
	"  -h, --help           this text\n"
	"\n"
	"exit code: 0 all sent (acknowledged or not), 2 usage or the log cannot be written, 4 nothing could be sent, it could not go on, or\n"
	"interrupted\n"
	"\n"
	"examples:\n"
	"  faultline feed tcp://127.0.0.1:9000 --log sent.log --rate 5000 --count 100000\n"
	"  faultline feed redis://127.0.0.1:6379/orders --log sent.log --for 30s\n";

struct feed_cmd {
	struct args args;
	struct feed_conf conf;
	struct feed_stats stats;
	struct stream_place place;
	bool json, quiet, terminal;
	fl_ns drawn;
};

static int
bad_usage(const char *format, const char *what)
{
	fputs("faultline feed: ", stderr);
	fprintf(stderr, format, what);
	fputs("\ntry faultline feed --help\n", stderr);
	return CMD_USAGE;
}

struct words {
	const char *log, *rate, *count, *duration, *keys, *spread, *values, *flow, *first, *size, *seed, *frame, *attempts, *timeout, *drain,
	    *connections, *window;
	bool no_acks;
};

/* A number in [min, max] when the flag was given. false after a complaint. */
static bool
number(const char *flag, const char *text, uint64_t min, uint64_t max, uint64_t *ret)
{
	char *end;
	uint64_t v;

	if (text == NULL)
		return true;
	errno = 0;
	v = strtoull(text, &end, 10);
	if (*text >= '0' && *text <= '9' && *end == '\0' && errno == 0 && v >= min && v <= max) {
		*ret = v;
		return true;
	}
	fprintf(stderr, "faultline feed: --%s is \"%s\", expected a number from %" PRIu64 " to %" PRIu64 "\ntry faultline feed --help\n", flag,
	    text, min, max);
	return false;
}

static bool
small(const char *flag, const char *text, uint32_t min, uint32_t max, uint32_t *ret)
{
	uint64_t v = *ret;

	if (!number(flag, text, min, max, &v))
		return false;
	*ret = (uint32_t)v;
	return true;
}

static bool
duration(const char *flag, const char *text, fl_ns *ret)
{
	if (text == NULL || (units_parse_duration(text, ret) == 0 && *ret >= 0))
		return true;
	fprintf(stderr, "faultline feed: --%s is \"%s\", expected a duration such as 5s\ntry faultline feed --help\n", flag, text);
	return false;
}

static bool
choice(const char *flag, const char *text, const char *a, const char *b, const char *c, int *ret)
{
	const char *all[] = { a, b, c };

	for (int i = 0; i < 3; i++) {
		if (text != NULL && all[i] != NULL && strcmp(text, all[i]) == 0)
			*ret = i;
		else
			continue;
		return true;
	}
	if (text == NULL)
		return true;
	fprintf(stderr, "faultline feed: --%s is \"%s\", expected %s or %s%s%s\ntry faultline feed --help\n", flag, text, a, b,
	    c != NULL ? " or " : "", c != NULL ? c : "");
	return false;
}

static bool
read_rate(const struct words *w, struct feed_conf *c)
{
	char *end;

	if (w->rate == NULL)
		return true;
	c->rate = strtod(w->rate, &end);
	if (end != w->rate && *end == '\0' && isfinite(c->rate) && c->rate >= 0 && c->rate <= RATE_MAX)
		return true;
	fprintf(stderr, "faultline feed: --rate is \"%s\", expected messages a second, up to 10000000\ntry faultline feed --help\n", w->rate);
	return false;
}

static bool
read_amounts(const struct words *w, struct feed_conf *c)
{
	*c = (struct feed_conf){
		.rate = 1000, .count = 1000, .duration = FL_NEVER, .first = 1, .flow = 1, .keys = 16, .size = 64, .links = 1,
		.window = 10000, .seed = 1, .attempts = 10, .timeout = 5 * FL_SEC, .drain = 10 * FL_SEC, .log = w->log,
	};
	if (w->duration != NULL && w->count == NULL)
		c->count = 0;
	return read_rate(w, c) && number("count", w->count, 1, UINT64_C(1) << 48, &c->count) && duration("for", w->duration, &c->duration) &&
	       small("keys", w->keys, 1, FEED_KEYS_MAX, &c->keys) && small("flow", w->flow, 0, UINT32_MAX, &c->flow) &&
	       number("first", w->first, 1, UINT64_C(1) << 60, &c->first) && small("size", w->size, 1, MATCH_MSG_BYTES_MAX, &c->size) &&
	       number("seed", w->seed, 0, UINT64_MAX, &c->seed) && small("attempts", w->attempts, 0, 1000000, &c->attempts) &&
	       duration("timeout", w->timeout, &c->timeout) && duration("drain", w->drain, &c->drain) &&
	       small("connections", w->connections, 1, FEED_LINKS_MAX, &c->links) && small("window", w->window, 1, FEED_WINDOW_MAX, &c->window);
}

static int
read_place(struct feed_cmd *f, const struct words *w)
{
	int frame = 0, spread = 0, values = 0;
	char error[STREAM_PLACE_ERROR];

	if (f->args.count != 1)
		return bad_usage("%s", f->args.count == 0 ? "no place given" : "more than one place given");
	if (w->log == NULL)
		return bad_usage("%s", "--log is missing");
	if (!choice("frame", w->frame, "lines", "length", NULL, &frame) || !choice("spread", w->spread, "even", "random", NULL, &spread) ||
	    !choice("values", w->values, "number", "count", "random", &values))
		return CMD_USAGE;
	if (stream_place_parse(f->args.words[0], &f->place, error) != 0)
		return bad_usage("%s", error);
	if (w->frame != NULL && f->place.framing != MATCH_FRAME_LINES)
		return bad_usage("%s", "--frame is for tcp:// and exec: only");
	f->conf.random_keys = spread == 1;
	f->conf.values = (enum feed_values)values;
	f->conf.frame = (struct match_frame){
		.framing = frame == 1 ? MATCH_FRAME_LENGTH : f->place.framing, .host = f->place.authority, .path = f->place.path,
	};
	f->conf.acks = !w->no_acks && f->place.framing != MATCH_FRAME_SYSLOG;
	f->conf.target.command = f->place.command;
	if (!f->place.exec && stream_place_resolve(&f->place, &f->conf.target.to, error) != 0) {
		fprintf(stderr, "faultline feed: %s\n", error);
		return CMD_USAGE;
	}
	return -1;
}

static int
read_flags(struct feed_cmd *f, int argc, char **argv)
{
	struct words w = { .log = NULL };
	bool help = false;
	const struct args_flag flags[] = {
		{ "log", ARGS_TEXT, { .text = &w.log } }, { "rate", ARGS_TEXT, { .text = &w.rate } }, { "count", ARGS_TEXT, { .text = &w.count } },
		{ "for", ARGS_TEXT, { .text = &w.duration } }, { "keys", ARGS_TEXT, { .text = &w.keys } },
		{ "spread", ARGS_TEXT, { .text = &w.spread } }, { "values", ARGS_TEXT, { .text = &w.values } },
		{ "flow", ARGS_TEXT, { .text = &w.flow } }, { "first", ARGS_TEXT, { .text = &w.first } },
		{ "size", ARGS_TEXT, { .text = &w.size } }, { "seed", ARGS_TEXT, { .text = &w.seed } },
		{ "frame", ARGS_TEXT, { .text = &w.frame } }, { "no-acks", ARGS_FLAG, { .flag = &w.no_acks } },
		{ "attempts", ARGS_TEXT, { .text = &w.attempts } }, { "timeout", ARGS_TEXT, { .text = &w.timeout } },
		{ "drain", ARGS_TEXT, { .text = &w.drain } }, { "connections", ARGS_TEXT, { .text = &w.connections } },
		{ "window", ARGS_TEXT, { .text = &w.window } },
		{ "json", ARGS_FLAG, { .flag = &f->json } },
		{ "quiet q", ARGS_FLAG, { .flag = &f->quiet } }, { "help h", ARGS_FLAG, { .flag = &help } }, { NULL, ARGS_FLAG, { .flag = NULL } },
	};

	if (args_parse(flags, argc, argv, &f->args) != 0)
		return bad_usage("%s", f->args.error);
	if (help) {
		fputs(usage, stdout);
		return CMD_HELD;
	}
	return read_amounts(&w, &f->conf) ? read_place(f, &w) : CMD_USAGE;
}

static bool
stop(void)
{
	return term_wait(0) != 0;
}

static void
draw(void *ud, const struct feed_conf *conf, uint64_t sent, fl_ns since)
{
	struct feed_cmd *f = ud;

	if (!f->terminal || since < f->drawn)
		return;
	f->drawn = since + DRAW_EVERY;
	fprintf(stderr, "\r\033[Ksent %" PRIu64, sent);
	if (conf->count > 0)
		fprintf(stderr, " of %" PRIu64, conf->count);
	fprintf(stderr, ", acknowledged %" PRIu64 ", %.1f s", f->stats.acked, (double)since / (double)FL_SEC);
	fflush(stderr);
}

static void
print_json(const struct feed_cmd *f)
{
	const struct feed_stats *s = &f->stats;
	struct jsonw w;
	struct buf out;

	buf_init(&out, 65536);
	jsonw_init(&w, &out);
	jsonw_object(&w);
	jsonw_num(&w, "sent", (int64_t)s->sent);
	jsonw_num(&w, "sent_again", (int64_t)s->again);
	jsonw_num(&w, "acknowledged", (int64_t)s->acked);
	jsonw_num(&w, "refused", (int64_t)s->refused);
	jsonw_num(&w, "in_doubt", (int64_t)s->in_doubt);
	jsonw_num(&w, "given_up", (int64_t)s->given_up);
	jsonw_num(&w, "odd_answers", (int64_t)s->odd);
	jsonw_num(&w, "connections", (int64_t)s->opened);
	jsonw_num(&w, "broken", (int64_t)s->broken);
	jsonw_num(&w, "behind_ns", s->behind_max);
	jsonw_num(&w, "took_ns", s->took);
	jsonw_flag(&w, "interrupted", s->stopped);
	jsonw_flag(&w, "stalled", s->stalled);
	jsonw_num(&w, "seed", (int64_t)f->conf.seed);
	jsonw_num(&w, "flow", f->conf.flow);
	jsonw_str(&w, "log", f->conf.log);
	jsonw_end(&w);
	puts(buf_str(&out));
	buf_fini(&out);
}

static void
print_text(const struct feed_cmd *f)
{
	const struct feed_stats *s = &f->stats;
	char took[32], behind[32];

	printf("flow %" PRIu32 ", seed %" PRIu64 ": sent %" PRIu64 " messages in %s", f->conf.flow, f->conf.seed, s->sent,
	    units_duration(took, sizeof(took), s->took));
	if (f->conf.acks)
		printf("; acknowledged %" PRIu64 ", refused %" PRIu64 ", in doubt %" PRIu64, s->acked, s->refused, s->in_doubt);
	if (s->again > 0)
		printf("; sent again %" PRIu64 " times", s->again);
	if (s->broken > 0)
		printf("; %" PRIu64 " connections broke", s->broken);
	if (s->odd > 0)
		printf("; %" PRIu64 " answers to nothing", s->odd);
	if (s->behind_max > 100 * FL_MS)
		printf("; up to %s behind its schedule", units_duration(behind, sizeof(behind), s->behind_max));
	printf("%s\n", s->stopped ? "; interrupted" : s->stalled ? "; then it could not go on" : "");
}

static int
finish(struct feed_cmd *f, int rc)
{
	if (f->terminal && f->drawn > 0)
		fputs("\r\033[K", stderr);
	if (f->json)
		print_json(f);
	else
		print_text(f);
	if (rc != 0)
		fprintf(stderr, "faultline feed: %s: it cannot be written: %s\n", f->conf.log, strerror(-rc));
	else if (f->stats.sent == 0)
		fprintf(stderr, "faultline feed: nothing could be sent: %s\n", f->stats.link_err != 0 ? strerror(-f->stats.link_err) : "interrupted");
	if (rc != 0 || fflush(stdout) != 0)
		return CMD_USAGE;
	return f->stats.sent == 0 || f->stats.stopped || f->stats.stalled ? CMD_UNKNOWN : CMD_HELD;
}

int
cmd_feed(int argc, char **argv)
{
	struct feed_cmd *f = calloc(1, sizeof(*f));
	int code;

	if (f == NULL)
		return CMD_UNKNOWN;
	code = read_flags(f, argc, argv);
	if (code < 0) {
		(void)signal(SIGPIPE, SIG_IGN);
		term_hold_signals();
		f->terminal = !f->quiet && isatty(STDERR_FILENO);
		f->conf.stop = stop;
		f->conf.progress = draw;
		f->conf.ud = f;
		code = finish(f, feed_run(&f->conf, &f->stats));
	}
	free(f);
	return code;
}
