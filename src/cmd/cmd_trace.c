/* SPDX-License-Identifier: MIT */
/* cmd_trace.c - faultline trace: which message came of which, what went wrong with it, and where two runs part. */
#include "base/units.h"
#include "cmd/cmd.h"
#include "control/cli_api.h"
#include "control/cli_table.h"
#include "io/file.h"
#include "run/publish.h"
#include "run/trace_file.h"
#include "run/trace_json.h"
#include "run/trace_pick.h"
#include "run/trace_say.h"
#include "run/trace_svg.h"
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define OUTPUT_BYTES_MAX ((size_t)256 << 20)
#define SVG_BYTES_MAX ((size_t)8 << 20)
#define MEMORY_DEFAULT ((int64_t)8 << 30)
#define FINDS_MAX 200u
#define LIST_DEFAULT 50
#define DIFFS_DEFAULT 10

/* ---- a store, and its messages as trees ---- */

struct source {
	struct trace_map map;
	struct http_answer answer;      /* of a daemon: map's bytes lie in it */
	bool asked;
	struct arena mem;
	struct lineage lineage;
};

static void
source_free(struct source *s)
{
	if (s == NULL)
		return;
	trace_map_fini(&s->map);
	arena_fini(&s->mem);
	if (s->asked)
		http_answer_fini(&s->answer);
	free(s);
}

static size_t
memory_max(const struct cli_args *a)
{
	const char *text = cli_args_value(a, "memory");
	int64_t n = MEMORY_DEFAULT;

	return text != NULL && (units_parse_bytes(text, &n) != 0 || n <= 0) ? 0 : (size_t)n;
}

/* What a daemon has in memory. returns CLI_OK, or the exit code after a message. */
static int
ask_daemon(const struct cli_args *a, struct source *s)
{
	struct http_client c;
	int rc;

	if (cli_api_open(a, &c) < 0)
		return CLI_USAGE;
	s->asked = true;
	rc = http_client_call(&c, "GET", "/v1/trace", NULL, 0, &s->answer);
	if (rc != 0 || s->answer.status != 200) {
		struct cli_answer wrong = { .http = s->answer };

		snprintf(wrong.error, sizeof(wrong.error), "%s", rc != 0 ? s->answer.error : "it does not know /v1/trace");
		fprintf(stderr, "faultline %s: no trace was given, so the daemon is asked\n", a->command);
		return cli_api_failed(a, &c, &wrong);
	}
	if (buf_len(&s->answer.body) == 0) {
		fprintf(stderr, "faultline %s: the daemon has recorded no messages: no line of it has a trace:\n", a->command);
		return CLI_UNKNOWN;
	}
	rc = trace_map_bytes(&s->map, "the daemon", s->answer.body.mem + s->answer.body.start, buf_len(&s->answer.body), memory_max(a));
	return rc == 0 ? CLI_OK : cli_args_wrong(a, "the daemon answered with something that is no trace");
}

static int
open_file(const struct cli_args *a, const char *path, struct source *s)
{
	const int rc = trace_map_open(&s->map, path, memory_max(a));

	if (rc == -EBADMSG)
		return cli_args_wrong(a, "%s is no trace: found no whole block, expected a run's directory or a trace.bin", s->map.path);
	return rc == 0 ? CLI_OK : cli_args_wrong(a, "%s: %s", s->map.path, strerror(-rc));
}

/* path NULL: the daemon's. returns CLI_OK with *ret set, or the exit code after a message. */
static int
source_open(const struct cli_args *a, const char *path, struct source **ret)
{
	struct source *s = calloc(1, sizeof(*s));
	const struct trace_query all = { .kinds = 0 };
	int r;

	if (memory_max(a) == 0) {
		free(s);
		return cli_args_wrong(a, "--memory is \"%s\", expected a size such as 512MiB", cli_args_value(a, "memory"));
	}
	if (s == NULL)
		return CLI_UNKNOWN;
	arena_init(&s->mem, memory_max(a));
	r = path == NULL ? ask_daemon(a, s) : open_file(a, path, s);
	if (r == CLI_OK && lineage_build(&s->lineage, &s->map.store, &all, &s->mem) != 0) {
		fprintf(stderr, "faultline %s: %" PRIu64 " events do not fit into the memory that is allowed; see --memory\n", a->command,
		    s->map.store.events);
		r = CLI_UNKNOWN;
	}
	if (r != CLI_OK) {
		source_free(s);
		return r;
	}
	*ret = s;
	return CLI_OK;
}

/* ---- output ---- */

static int
print(const struct cli_args *a, struct buf *out, int code)
{
	if (out->overflowed || fwrite(buf_data(out), 1, buf_len(out), stdout) != buf_len(out) || fflush(stdout) != 0) {
		fprintf(stderr, "faultline %s: the answer could not be written\n", a->command);
		code = CLI_USAGE;
	}
	buf_fini(out);
	return code;
}

/* The picture that --svg asks for. returns code, or that of a failure. */
static int
put_svg(const struct cli_args *a, const struct lineage *l, uint32_t root, uint32_t mark, int code)
{
	const char *path = cli_args_value(a, "svg");
	uint32_t calls[TRACE_SVG_CALLS_MAX];
	char name[LINEAGE_NAME_MAX];
	struct buf out;
	uint32_t n;
	int rc;

	if (path == NULL)
		return code;
	n = lineage_tree(l, root, calls, TRACE_SVG_CALLS_MAX);
	for (uint32_t i = 0, shown = n; i < shown; i++)         /* what went into the same results belongs to the picture */
		for (uint32_t j = 0; i < TRACE_SVG_CALLS_MAX && j < l->calls[calls[i]].joins && n < TRACE_SVG_CALLS_MAX; j++)
			calls[n++] = l->joins[l->calls[calls[i]].join + j];
	buf_init(&out, SVG_BYTES_MAX);
	trace_svg(l, calls, n, mark, lineage_flow_name(l, mark, name, sizeof(name)), &out);
	rc = out.overflowed ? -EFBIG : file_replace(path, buf_data(&out), buf_len(&out), 0644);
	buf_fini(&out);
	if (rc == 0)
		return code;
	fprintf(stderr, "faultline %s: %s: %s\n", a->command, path, strerror(-rc));
	return CLI_USAGE;
}

static bool
is_whole(const struct trace_store *s)
{
	return s->torn_bytes == 0 && s->damaged_bytes == 0 && s->missing == 0 && s->lost == 0;
}

/* There is no message of that name. */
static int
not_found(const struct cli_args *a, const struct source *s, const char *name)
{
	struct buf out;

	buf_init(&out, 1 << 16);
	buf_printf(&out, "no message is called %s, among %" PRIu32 " on %" PRIu32 " lines", name, s->lineage.count, s->lineage.line_count);
	for (uint32_t i = 0; i < FL_MIN(s->lineage.line_count, 10u); i++) {
		buf_puts(&out, i == 0 ? ": " : ", ");
		trace_say_text(s->lineage.lines[i].name, &out);
	}
	buf_puts(&out, ".\nIf it was sent, it reached none of these lines. Names are LINE/CONNECTION/NUMBER, an id, a trace id, #HASH of a content:\n"
	    "see faultline trace list\n");
	trace_say_state(&s->map.store, &out);
	cli_table_say("%s", buf_str(&out));
	if (cli_args_has(a, "json"))
		fprintf(stderr, "faultline %s: no such message\n", a->command);
	buf_fini(&out);
	return CLI_UNKNOWN;
}

/* ---- why ---- */

static uint32_t
wrong_ones(const struct trace_find *finds, uint32_t n)
{
	uint32_t wrong = 0;

	for (uint32_t i = 0; i < n; i++)
		wrong += trace_find_wrong(&finds[i]);
	return wrong;
}

static void
say_finds(const struct lineage *l, const struct trace_find *finds, uint32_t n, bool wrong, const char *title, struct buf *out)
{
	bool any = false;

	for (uint32_t i = 0; i < n; i++) {
		if (trace_find_wrong(&finds[i]) != wrong)
			continue;
		buf_puts(out, any ? "" : title);
		any = true;
		buf_puts(out, "  ");
		trace_find_say(l, &finds[i], out);
		buf_putc(out, '\n');
	}
}

static uint32_t
say_why(const struct source *s, uint32_t root, uint32_t mark, struct buf *out)
{
	struct trace_find finds[FINDS_MAX];
	const uint32_t n = FL_MIN(trace_find(&s->lineage, root, finds, FINDS_MAX), FINDS_MAX), wrong = wrong_ones(finds, n);

	trace_say_tree(&s->lineage, root, mark, out);
	say_finds(&s->lineage, finds, n, true, "\nwhat is wrong\n", out);
	say_finds(&s->lineage, finds, n, false, "\nworth knowing\n", out);
	if (wrong == 0)
		buf_puts(out, "\nnothing is wrong with it on the lines that are recorded\n");
	return wrong;
}

static uint32_t
json_why(const struct source *s, uint32_t root, struct jsonw *w)
{
	struct trace_find finds[FINDS_MAX];
	const uint32_t n = FL_MIN(trace_find(&s->lineage, root, finds, FINDS_MAX), FINDS_MAX);
	uint32_t *order = calloc(TRACE_SAY_CALLS_MAX, sizeof(*order));
	const uint32_t calls = order == NULL ? 0 : lineage_tree(&s->lineage, root, order, TRACE_SAY_CALLS_MAX);

	jsonw_object(w);
	jsonw_key(w, "messages");
	jsonw_array(w);
	for (uint32_t i = 0; i < FL_MIN(calls, TRACE_SAY_CALLS_MAX); i++)
		trace_json_call(&s->lineage, order[i], w);
	jsonw_end(w);
	jsonw_key(w, "findings");
	jsonw_array(w);
	for (uint32_t i = 0; i < n; i++)
		trace_json_find(&s->lineage, &finds[i], w);
	jsonw_end(w);
	jsonw_end(w);
	free(order);
	return wrong_ones(finds, n);
}

static int
trace_why(const struct cli_args *a)
{
	struct source *s;
	struct trace_pick p;
	struct buf out;
	struct jsonw w;
	uint32_t wrong = 0, trees;
	int r = source_open(a, a->word_count > 1 ? a->words[1] : NULL, &s);

	if (r != CLI_OK)
		return r;
	trace_pick(&s->lineage, a->words[0], &p);
	if (p.call == LINEAGE_NONE) {
		r = not_found(a, s, a->words[0]);
		source_free(s);
		return r;
	}
	buf_init(&out, OUTPUT_BYTES_MAX);
	jsonw_init(&w, &out);
	trees = FL_MIN(p.tree_count, TRACE_PICK_TREES_MAX);
	if (cli_args_has(a, "json")) {
		jsonw_object(&w);
		trace_json_state(&s->map.store, &w);
		jsonw_key(&w, "trees");
		jsonw_array(&w);
		for (uint32_t i = 0; i < trees; i++)
			wrong += json_why(s, p.roots[i], &w);
		jsonw_end(&w);
		jsonw_end(&w);
		buf_putc(&out, '\n');
	} else {
		if (p.tree_count > 1)
			buf_printf(&out, "%" PRIu32 " messages are called so, in %" PRIu32 " trees\n\n", p.count, p.tree_count);
		for (uint32_t i = 0; i < trees; i++) {
			buf_puts(&out, i > 0 ? "\n" : "");
			wrong += say_why(s, p.roots[i], p.call, &out);
		}
		trace_say_state(&s->map.store, &out);
	}
	r = put_svg(a, &s->lineage, lineage_root(&s->lineage, p.call), p.call,
	    wrong > 0 ? CLI_FINDING : is_whole(&s->map.store) ? CLI_OK : CLI_UNKNOWN);
	source_free(s);
	return print(a, &out, r);
}

/* ---- show ---- */

static void
say_details(const struct source *s, uint32_t i, struct buf *out)
{
	const struct lineage *l = &s->lineage;
	const struct lineage_call *c = &l->calls[i];
	const struct trace_text from = lineage_from(l, i), to = lineage_to(l, i);

	trace_say_call(l, i, out);
	buf_puts(out, "\n  from ");
	trace_say_text(from.n > 0 ? from : (struct trace_text){ .p = "a client", .n = 8 }, out);
	buf_puts(out, " to ");
	trace_say_text(to, out);
	if (c->asked && c->request.hash != 0)
		buf_printf(out, "\n  content #%016" PRIx64, c->request.hash);
	if (c->answered && c->answer.hash != 0)
		buf_printf(out, c->framed ? ", went out as #%016" PRIx64 : "\n  answer  #%016" PRIx64, c->answer.hash);
	if (c->framed)
		buf_printf(out, "\n  bytes %" PRId64 " and on of its stream", c->request.value);
	if (c->parent != LINEAGE_NONE) {
		buf_puts(out, "\n  came of ");
		trace_say_name(l, c->parent, out);
	}
	buf_putc(out, '\n');
	for (uint32_t h = 0; h < FL_MIN(c->hits, TRACE_SAY_HITS_MAX); h++) {
		buf_puts(out, "  ");
		trace_say_moment(l->hits[c->hit + h].at, lineage_start(c), out);
		buf_putc(out, ' ');
		trace_say_hit(&l->hits[c->hit + h], out);
		buf_putc(out, '\n');
	}
}

static int
trace_show(const struct cli_args *a)
{
	struct source *s;
	struct trace_pick p;
	struct buf out;
	struct jsonw w;
	int r = source_open(a, a->word_count > 1 ? a->words[1] : NULL, &s);

	if (r != CLI_OK)
		return r;
	trace_pick(&s->lineage, a->words[0], &p);
	if (p.call == LINEAGE_NONE) {
		r = not_found(a, s, a->words[0]);
		source_free(s);
		return r;
	}
	buf_init(&out, OUTPUT_BYTES_MAX);
	if (cli_args_has(a, "json")) {
		jsonw_init(&w, &out);
		trace_json_call(&s->lineage, p.call, &w);
		buf_putc(&out, '\n');
	} else {
		say_details(s, p.call, &out);
	}
	r = put_svg(a, &s->lineage, lineage_root(&s->lineage, p.call), p.call, CLI_OK);
	source_free(s);
	return print(a, &out, r);
}

/* ---- list ---- */

static bool
is_wrong(const struct lineage_call *c)
{
	return lineage_bad(c) || c->doubles > 0 || c->copies > 0;
}

static bool
was_hit_by(const struct lineage *l, const struct lineage_call *c, const char *fault)
{
	for (uint32_t h = 0; h < c->hits; h++)
		if (trace_text_is(l->hits[c->hit + h].place, fault))
			return true;
	return false;
}

static bool
is_listed(const struct cli_args *a, const struct lineage *l, const struct lineage_call *c)
{
	const char *line = cli_args_value(a, "line"), *id = cli_args_value(a, "id"), *fault = cli_args_value(a, "fault");

	return (line == NULL || trace_text_is(lineage_event(c)->line, line)) && (id == NULL || trace_text_is(lineage_event(c)->id, id)) &&
	       (fault == NULL || was_hit_by(l, c, fault)) && (!cli_args_has(a, "wrong") || is_wrong(c));
}

static int
by_start(const void *x, const void *y, void *ud)
{
	const struct lineage *l = ud;
	const uint32_t i = *(const uint32_t *)x, k = *(const uint32_t *)y;
	const fl_ns s = lineage_start(&l->calls[i]), t = lineage_start(&l->calls[k]);

	return s != t ? (s > t) - (s < t) : (i > k) - (i < k);
}

/* Those that fit, in order of time. returns how many; NULL in *ret: no memory. */
static uint32_t
gather(const struct cli_args *a, const struct lineage *l, uint32_t **ret)
{
	uint32_t *order = calloc((size_t)l->count + 1, sizeof(*order)), n = 0;

	*ret = order;
	for (uint32_t i = 0; order != NULL && i < l->count; i++)
		if (is_listed(a, l, &l->calls[i]))
			order[n++] = i;
	if (order != NULL)
		qsort_r(order, n, sizeof(*order), by_start, (void *)(uintptr_t)l);
	return n;
}

static void
say_list(const struct source *s, const uint32_t *order, uint32_t n, uint32_t shown, struct buf *out)
{
	const struct lineage *l = &s->lineage;
	uint32_t wrong = 0;

	for (uint32_t i = 0; i < l->count; i++)
		wrong += is_wrong(&l->calls[i]);
	buf_printf(out, "%" PRIu32 " messages on %" PRIu32 " lines, %" PRIu32 " of them lost, changed, doubled or broken; %" PRIu32
	    " hit%s of faults\n",
	    l->count, l->line_count, wrong, l->hit_count, l->hit_count == 1 ? "" : "s");
	for (uint32_t i = 0; i < shown; i++) {
		buf_puts(out, is_wrong(&l->calls[order[i]]) ? "! " : "  ");
		trace_say_moment(lineage_start(&l->calls[order[i]]), s->map.store.time_min, out);
		buf_puts(out, "  ");
		trace_say_call(l, order[i], out);
		buf_puts(out, l->calls[order[i]].doubles > 0 ? "  AGAIN\n" : "\n");
	}
	if (n > shown)
		buf_printf(out, "  and %" PRIu32 " more; see --limit\n", n - shown);
	trace_say_state(&s->map.store, out);
}

static void
json_list(const struct source *s, const uint32_t *order, uint32_t n, uint32_t shown, struct buf *out)
{
	struct jsonw w;

	jsonw_init(&w, out);
	jsonw_object(&w);
	trace_json_state(&s->map.store, &w);
	jsonw_num(&w, "count", n);
	jsonw_key(&w, "messages");
	jsonw_array(&w);
	for (uint32_t i = 0; i < shown; i++)
		trace_json_call(&s->lineage, order[i], &w);
	jsonw_end(&w);
	jsonw_end(&w);
	buf_putc(out, '\n');
}

/* -1 after a message. */
static int64_t
limit_of(const struct cli_args *a, int64_t def)
{
	const char *text = cli_args_value(a, "limit");
	char *end;
	long long n = def;

	if (text == NULL)
		return def;
	errno = 0;
	n = strtoll(text, &end, 10);
	if (*text >= '0' && *text <= '9' && *end == '\0' && errno == 0)
		return n;
	cli_args_wrong(a, "--limit is \"%s\", expected a number", text);
	return -1;
}

static int
trace_list(const struct cli_args *a)
{
	const int64_t limit = limit_of(a, LIST_DEFAULT);
	struct source *s;
	uint32_t *order, n, shown;
	struct buf out;
	int r;

	if (limit < 0)
		return CLI_USAGE;
	r = source_open(a, a->word_count > 0 ? a->words[0] : NULL, &s);
	if (r != CLI_OK)
		return r;
	buf_init(&out, OUTPUT_BYTES_MAX);
	n = gather(a, &s->lineage, &order);
	shown = (uint32_t)FL_MIN((int64_t)n, limit);
	if (cli_args_has(a, "json"))
		json_list(s, order, n, shown, &out);
	else
		say_list(s, order, n, shown, &out);
	free(order);
	source_free(s);
	return print(a, &out, CLI_OK);
}

/* ---- compare ---- */

/* Runs of two seeds are no fair comparison. */
static void
warn_seeds(const struct cli_args *a)
{
	struct publish_origin x, y;
	char error[512];

	if (publish_origin_read(a->words[0], &x, error, sizeof(error)) == 0 && publish_origin_read(a->words[1], &y, error, sizeof(error)) == 0 &&
	    x.seed != y.seed)
		fprintf(stderr, "faultline %s: these runs have different seeds, %" PRIu64 " and %" PRIu64 ": they differ for that alone\n",
		    a->command, x.seed, y.seed);
}

static void
say_compare(const struct source *x, const struct source *y, const struct trace_compare *c, uint32_t shown, struct buf *out)
{
	if (c->count == 0) {
		buf_printf(out, "the same: %" PRIu32 " trees of messages, none of which parts\n", c->same);
		return;
	}
	buf_puts(out, "first divergence\n\n");
	for (uint32_t i = 0; i < shown; i++) {
		buf_puts(out, i == 1 ? "\nthen\n\n" : "");
		trace_say_diff(&x->lineage, &y->lineage, &c->diffs[i], out);
	}
	if (c->count > shown)
		buf_printf(out, "and %" PRIu32 " more\n", c->count - shown);
	buf_printf(out, "\n%" PRIu32 " trees part, %" PRIu32 " are the same\n", c->count, c->same);
	if (c->diffs[0].root_b != LINEAGE_NONE) {
		buf_puts(out, "\nthe second run there\n");
		(void)say_why(y, c->diffs[0].root_b, c->diffs[0].b, out);
	}
}

static void
json_compare(const struct source *x, const struct source *y, const struct trace_compare *c, uint32_t shown, struct buf *out)
{
	struct jsonw w;

	jsonw_init(&w, out);
	jsonw_object(&w);
	jsonw_flag(&w, "same", c->count == 0);
	jsonw_num(&w, "parted", c->count);
	jsonw_num(&w, "equal", c->same);
	jsonw_key(&w, "differences");
	jsonw_array(&w);
	for (uint32_t i = 0; i < shown; i++)
		trace_json_diff(&x->lineage, &y->lineage, &c->diffs[i], &w);
	jsonw_end(&w);
	if (c->count > 0 && c->diffs[0].root_b != LINEAGE_NONE) {
		jsonw_key(&w, "second");
		(void)json_why(y, c->diffs[0].root_b, &w);
	}
	jsonw_end(&w);
	buf_putc(out, '\n');
}

static int
compare(const struct cli_args *a, struct source *x, struct source *y, uint32_t limit)
{
	struct trace_compare c;
	struct buf out;
	int r;

	if (trace_compare(&x->lineage, &y->lineage, &x->mem, &c) != 0) {
		fprintf(stderr, "faultline %s: the runs do not fit into the memory that is allowed; see --memory\n", a->command);
		return CLI_UNKNOWN;
	}
	buf_init(&out, OUTPUT_BYTES_MAX);
	if (cli_args_has(a, "json")) {
		json_compare(x, y, &c, FL_MIN(c.count, limit), &out);
	} else {
		say_compare(x, y, &c, FL_MIN(c.count, limit), &out);
		trace_say_state(&x->map.store, &out);
		trace_say_state(&y->map.store, &out);
	}
	r = c.count > 0 ? CLI_FINDING : is_whole(&x->map.store) && is_whole(&y->map.store) ? CLI_OK : CLI_UNKNOWN;
	if (c.count > 0 && c.diffs[0].root_b != LINEAGE_NONE)
		r = put_svg(a, &y->lineage, c.diffs[0].root_b, c.diffs[0].b != LINEAGE_NONE ? c.diffs[0].b : c.diffs[0].root_b, r);
	return print(a, &out, r);
}

static int
trace_parted(const struct cli_args *a)
{
	const int64_t limit = limit_of(a, DIFFS_DEFAULT);
	struct source *x = NULL, *y = NULL;
	int r = limit < 0 ? CLI_USAGE : source_open(a, a->words[0], &x);

	if (r == CLI_OK)
		r = source_open(a, a->words[1], &y);
	if (r == CLI_OK) {
		warn_seeds(a);
		r = compare(a, x, y, (uint32_t)FL_MIN(FL_MAX(limit, 1), (int64_t)UINT32_MAX));
	}
	source_free(x);
	source_free(y);
	return r;
}

/* ---- verbs ---- */

static const struct cli_opt why_opts[] = {
	{ 's', "svg", "FILE", "draw it as a space-time diagram" },
	{ 0, "memory", "SIZE", "memory for the messages (default 8GiB)" },
	{ 0, NULL, NULL, NULL },
};
static const struct cli_opt list_opts[] = {
	{ 'l', "line", "NAME", "of that line only" },
	{ 'w', "wrong", NULL, "only what was lost, changed, doubled or broken" },
	{ 'f', "fault", "NAME", "only what that fault hit" },
	{ 'i', "id", "ID", "only those with that id or key" },
	{ 'n', "limit", "N", "at most so many (default 50)" },
	{ 0, "memory", "SIZE", "memory for the messages (default 8GiB)" },
	{ 0, NULL, NULL, NULL },
};
static const struct cli_opt compare_opts[] = {
	{ 's', "svg", "FILE", "draw where the second run parts from the first" },
	{ 'n', "limit", "N", "differences shown (default 10)" },
	{ 0, "memory", "SIZE", "memory for the messages of each run (default 8GiB)" },
	{ 0, NULL, NULL, NULL },
};
static const char *const list_names[] = { "ls", NULL };
static const struct cli_verb verbs[] = {
	{ "why", NULL, "MESSAGE [TRACE]", 1, 2, "where a message came from, what came of it, and which fault hit it when", why_opts,
	    "  faultline trace why orders/1/17 runs/orders-20260101T120000Z-7\n  faultline trace why order-17 trace.bin --svg why.svg\n", trace_why },
	{ "compare", NULL, "FIRST SECOND", 2, 2, "where a run parts from a good one with the same seed", compare_opts,
	    "  faultline trace compare runs/good runs/bad\n", trace_parted },
	{ "list", list_names, "[TRACE]", 0, 1, "the messages, in order of time", list_opts,
	    "  faultline trace list --wrong runs/orders-20260101T120000Z-7\n", trace_list },
	{ "show", NULL, "MESSAGE [TRACE]", 1, 2, "all that is known of one message", why_opts,
	    "  faultline trace show front/1/3 trace.bin\n", trace_show },
	{ .name = NULL },
};
static const struct cli_group group = {
	.name = "trace", .help = "the messages that crossed lines: which came of which, and what went wrong with them", .verbs = verbs,
	.more = "MESSAGE is LINE/CONNECTION/NUMBER (sNUMBER: the server's), an id, a trace id, or #HASH of a content.\n"
	    "TRACE is the directory of a run, or a trace.bin; without it the daemon is asked.\n"
	    "Exit code: 1 when something is wrong with the message, or the runs part; 4 when that cannot be said.\n",
};

int
cmd_trace(int argc, char **argv)
{
	return cli_args_run(&group, argc, argv);
}
