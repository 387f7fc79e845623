/* SPDX-License-Identifier: MIT */
/* status.c - `faultline status`: the daemon at a glance, once or again and again. */
#include "base/map.h"
#include "base/units.h"
#include "cmd/cmd.h"
#include "control/cli_api.h"
#include "control/cli_http.h"
#include "control/cli_table.h"
#include "io/dial.h"
#include "io/term.h"
#include "proxy/line.h"

#include <stdio.h>
#include <string.h>

#define FRAME_MAX (64u << 20)
#define INTERVAL_MIN (100 * FL_MS)
#define INTERVAL_MAX (86400 * FL_SEC)

/* What the daemon said at one moment. Zeroed: nothing yet. */
struct sample {
	struct cli_answer status, lines;
	fl_ns at;
};

static void
sample_fini(struct sample *s)
{
	cli_answer_fini(&s->status);
	cli_answer_fini(&s->lines);
}

/* returns CLI_OK; else the exit code, told unless quiet (then *ret_error says why). */
static int
sample_take(struct cli_call *c, bool quiet, struct sample *ret_sample, char *ret_error, size_t error_bytes)
{
	struct sample s = { .at = 0 };
	bool ok = cli_api_ask(&c->client, "GET", "/v1/status", NULL, &s.status) &&
	    cli_api_ask(&c->client, "GET", "/v1/lines?instances=1&histogram=1", NULL, &s.lines);
	const struct cli_answer *failed = s.status.ok ? &s.lines : &s.status;
	int r = CLI_UNKNOWN;

	s.at = dial_clock();
	if (ok) {
		*ret_sample = s;
		return CLI_OK;
	}
	if (quiet)
		snprintf(ret_error, error_bytes, "%s", failed->error);
	else
		r = cli_api_failed(c->args, &c->client, failed);
	sample_fini(&s);
	return r;
}

/* ---- one line's row ---- */

static int64_t
errors_of(const struct doc_node *line)
{
	const struct doc_node *closed = cli_api_items(line, "closed");
	int64_t sum = 0;

	for (unsigned i = 0; i < LINE_CLOSE_COUNT; i++)
		if (line_close_is_error((enum line_close)i))
			sum += cli_api_int(closed, line_close_name((enum line_close)i));
	return sum;
}

static double
sent(const struct doc_node *line, const char *direction)
{
	return cli_api_float(doc_get(line, direction), "sent_bytes");
}

/* "latency_downstream, cut": their names, the first few. */
static void
put_faults(struct cli_table *t, const struct doc_node *toxics)
{
	struct buf text;

	buf_init(&text, 1 << 16);
	for (uint32_t i = 0; toxics->kind == DOC_LIST && i < toxics->count && i < 4; i++)
		buf_printf(&text, "%s%.40s", i > 0 ? ", " : "", cli_api_text(toxics->items[i], "name"));
	if (toxics->count > 4)
		buf_printf(&text, ", %u more", toxics->count - 4);
	cli_table_cell(t, CLI_YELLOW, "%s", buf_str(&text));
	buf_fini(&text);
}

/* A sum, and how fast it grew since the sample before when there is one. */
static void
put_traffic(struct cli_table *t, double now, double before, double seconds)
{
	char sum[32], rate[32];

	units_bytes(sum, sizeof(sum), now);
	if (seconds > 0)
		cli_table_cell(t, CLI_PLAIN, "%s  %s/s", sum, units_bytes(rate, sizeof(rate),
		    FL_MAX(now - before, 0.0) / seconds));
	else
		cli_table_cell(t, CLI_PLAIN, "%s", sum);
}

static void
put_row(struct cli_table *t, const struct doc_node *line, const struct doc_node *before, double seconds)
{
	bool on = cli_api_bool(line, "enabled");
	int64_t errors = errors_of(line);

	if (before == NULL)
		seconds = 0;
	cli_table_cell(t, CLI_BOLD, "%s", cli_api_text(line, "name"));
	cli_table_cell(t, CLI_PLAIN, "%s", cli_api_text(line, "listen"));
	cli_table_cell(t, CLI_PLAIN, "%s", cli_api_text(line, "upstream"));
	cli_table_cell(t, on ? CLI_GREEN : CLI_RED, "%s", on ? "enabled" : "disabled");
	cli_table_cell(t, CLI_PLAIN, "%lld", (long long)cli_api_int(line, "connections"));
	cli_table_cell(t, CLI_PLAIN, "%lld", (long long)cli_api_int(line, "accepted"));
	put_traffic(t, sent(line, "upstream_traffic"), sent(before, "upstream_traffic"), seconds);
	put_traffic(t, sent(line, "downstream_traffic"), sent(before, "downstream_traffic"), seconds);
	cli_table_cell(t, errors > 0 ? CLI_RED : CLI_PLAIN, "%lld", (long long)errors);
	put_faults(t, cli_api_items(line, "toxics"));
}

/* ---- a frame ---- */

static void
index_lines(struct map *m, const struct doc_node *lines)
{
	map_init(m, 0, 0);
	for (uint32_t i = 0; lines->kind == DOC_LIST && i < lines->count; i++)
		(void)map_put(m, cli_api_text(lines->items[i], "name"), (void *)(uintptr_t)lines->items[i], NULL);
}

static void
put_head(struct buf *out, const struct sample *s, uint64_t faults)
{
	const struct doc_node *root = cli_answer_root(&s->status);
	char uptime[32];

	buf_puts(out, "faultline ");
	cli_table_clean(out, cli_api_text(root, "version"));
	buf_printf(out, "  up %s  %lld workers  seed ",
	    units_duration(uptime, sizeof(uptime), (fl_ns)FL_MIN(FL_MAX(cli_api_float(root, "uptime_ms"), 0.0), 1e12) * FL_MS),
	    (long long)cli_api_int(root, "workers"));
	cli_table_clean(out, cli_api_text(root, "seed"));
	buf_printf(out, "%s\nlines %lld  connections %lld of %lld  faults active %llu  events %lld, lost %lld\n\n",
	    cli_api_bool(root, "draining") ? "  DRAINING" : "", (long long)cli_api_int(root, "lines"),
	    (long long)cli_api_int(root, "connections"), (long long)cli_api_int(root, "connections_max"),
	        (unsigned long long)faults,
	    (long long)cli_api_int(root, "events"), (long long)cli_api_int(root, "events_lost"));
}

/* before: the sample to take rates from; NULL: none. */
static void
put_frame(struct buf *out, const struct sample *s, const struct sample *before, bool terminal)
{
	static const char *const header[] = {
		"LINE", "LISTEN", "UPSTREAM", "STATE", ">OPEN", ">ACCEPTED", ">UP", ">DOWN", ">ERRORS", "FAULTS",
	};
	const struct doc_node *lines = cli_answer_root(&s->lines);
	double seconds = before != NULL ? (double)(s->at - before->at) / (double)FL_SEC : 0;
	struct cli_table t;
	struct map old;
	uint64_t faults = 0;

	map_init(&old, 0, 0);
	if (before != NULL)
		index_lines(&old, cli_answer_root(&before->lines));
	cli_table_init(&t, header, FL_ARRAY_LEN(header));
	for (uint32_t i = 0; lines->kind == DOC_LIST && i < lines->count; i++) {
		const struct doc_node *line = lines->items[i];

		put_row(&t, line, map_get(&old, cli_api_text(line, "name")), seconds);
		faults += cli_api_items(line, "toxics")->count;
	}
	if (terminal)
		put_head(out, s, faults);
	cli_table_render(&t, terminal, out);
	if (terminal)
		cli_http_tables(lines, before != NULL ? cli_answer_root(&before->lines) : NULL, seconds, terminal, out);
	cli_table_fini(&t);
	map_fini(&old);
}

/* ---- again and again ---- */

/* Print what fits into the window: rows and columns are cut, escapes have no width. */
static void
print_fitting(struct buf *frame)
{
	const char *p = buf_str(frame);
	unsigned rows, columns, row = 0, column = 0;
	bool escape = false;

	term_size(&rows, &columns);
	fputs("\x1b[H", stdout);
	for (; *p != '\0' && row + 1 < rows; p++) {
		bool start = !escape && ((unsigned char)*p & 0xc0) != 0x80;

		if (*p == '\n') {
			fputs("\x1b[0m\x1b[K\n", stdout);
			row++, column = 0;
			continue;
		}
		if (*p == '\x1b')
			escape = true;
		else if (start && !escape)
			column++;
		if (escape || column <= columns)
			putchar(*p);
		if (escape && *p == 'm')
			escape = false;
	}
	fputs("\x1b[0m\x1b[J", stdout);
	fflush(stdout);
}

static void
print_json(const struct sample *s)
{
	const struct buf *status = &s->status.http.body, *lines = &s->lines.http.body;

	printf("{\"status\":%.*s,\"lines\":%.*s}\n", (int)buf_len(status), buf_data(status), (int)buf_len(lines),
	    buf_data(lines));
	fflush(stdout);
}

static void
show(const struct cli_args *a, const struct sample *s, const struct sample *before, const char *error, bool screen)
{
	struct buf frame;

	if (cli_args_has(a, "json")) {
		if (error[0] == '\0')
			print_json(s);
		return;
	}
	buf_init(&frame, FRAME_MAX);
	if (error[0] != '\0') {
		buf_puts(&frame, "no answer: ");
		cli_table_clean(&frame, error);
		buf_puts(&frame, "; asking again\n");
	}
	if (error[0] == '\0' || screen)
		put_frame(&frame, s, before, term_is_output());
	if (screen)
		print_fitting(&frame);
	else
		fwrite(buf_data(&frame), 1, buf_len(&frame), error[0] != '\0' ? stderr : stdout);
	buf_fini(&frame);
	fflush(stdout);
}

static int
watch(struct cli_call *c, fl_ns interval)
{
	bool screen = term_is_output() && !cli_call_json(c);
	struct sample now = { .at = 0 }, before = { .at = 0 };
	struct term_keys keys;
	char error[HTTP_ERROR_MAX] = "";
	int r;

	term_hold_signals();
	r = sample_take(c, false, &now, NULL, 0);
	if (r != CLI_OK)
		return r;
	if (screen) {
		fputs("\x1b[?1049h\x1b[?25l", stdout);
		term_keys_on(&keys);
	}
	do {
		struct sample next;

		show(c->args, &now, before.at != 0 ? &before : NULL, error, screen);
		if (ferror(stdout) || term_wait_key(interval, screen ? "qQ" : NULL) != 0)
			break;
		error[0] = '\0';
		if (sample_take(c, true, &next, error, sizeof(error)) == CLI_OK) {
			sample_fini(&before);
			before = now;
			now = next;
		}
	} while (true);
	if (screen) {
		term_keys_off(&keys);
		fputs("\x1b[?25h\x1b[?1049l", stdout);
	}
	fflush(stdout);
	sample_fini(&before);
	sample_fini(&now);
	return CLI_OK;
}

static int
once(struct cli_call *c)
{
	struct sample s = { .at = 0 };
	int r = sample_take(c, false, &s, NULL, 0);

	if (r == CLI_OK)
		show(c->args, &s, NULL, "", false);
	sample_fini(&s);
	return r;
}

static int
status(const struct cli_args *a)
{
	const char *text = cli_args_value(a, "interval");
	fl_ns interval = FL_SEC;
	struct cli_call c;
	int r;

	if (text != NULL && (units_parse_duration(text, &interval) < 0 || interval < INTERVAL_MIN || interval > INTERVAL_MAX))
		return cli_args_wrong(a, "--interval: found \"%.60s\", expected a duration from 100ms to 1d", text);
	r = cli_call_init(&c, a);
	if (r == CLI_OK)
		r = cli_args_has(a, "watch") ? watch(&c, interval) : once(&c);
	cli_call_fini(&c);
	return r;
}

static const struct cli_opt opts[] = {
	{ 'w', "watch", NULL, "show it again and again until q or Ctrl-C; with --json one document a line" },
	{ 0, "interval", "TIME", "between two looks; default 1s" },
	{ 0, NULL, NULL, NULL },
};
static const struct cli_verb verbs[] = {
	{ "", NULL, "", 0, 0, "the daemon at a glance: lines, connections, bytes, faults, errors", opts,
	    "  faultline status\n  faultline status --watch --interval 500ms\n", status },
	{ .name = NULL },
};
static const struct cli_group group = {
	.name = "status", .help = "the daemon at a glance", .verbs = verbs,
	.more = "Bytes are those passed on, up to the server and down to the client. Errors are connections that ended by one.\n",
};

int
cmd_status(int argc, char **argv)
{
	return cli_args_run(&group, argc, argv);
}
