/* SPDX-License-Identifier: MIT */
/* graph.c - `faultline graph`: the map in a store on this machine: what there is, what was, and what would be. */
#include "cmd/cmd.h"
#include "cmd/graph_verbs.h"
#include "control/cli_args.h"
#include "control/cli_api.h"
#include "control/graph_text.h"
#include "io/clock.h"
#include "proto/json.h"
#include "map/graph_alerts.h"
#include "map/graph_draw.h"
#include "map/graph_impact.h"
#include "map/graph_import.h"
#include "map/graph_judge.h"
#include "map/graph_plan.h"
#include "map/graph_show.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PATH_BYTES 4096

/* Where the map is kept unless --store says otherwise. */
static bool
default_store(char *path)
{
	const char *own = getenv("FAULTLINE_GRAPH"), *state = getenv("XDG_STATE_HOME"), *home = getenv("HOME");
	int n;

	if (own != NULL && own[0] != '\0')
		n = snprintf(path, PATH_BYTES, "%s", own);
	else if (state != NULL && state[0] == '/')
		n = snprintf(path, PATH_BYTES, "%s/faultline/map.db", state);
	else if (home != NULL && home[0] == '/')
		n = snprintf(path, PATH_BYTES, "%s/.local/state/faultline/map.db", home);
	else
		return false;
	return n > 0 && n < PATH_BYTES;
}

/* Of PATH_BYTES. 0, or -EINVAL after a message. */
static int
store_path(const struct cli_args *a, char *path)
{
	const char *given = cli_args_value(a, "store");

	if (given != NULL ? snprintf(path, PATH_BYTES, "%s", given) < PATH_BYTES : default_store(path))
		return 0;
	return cli_args_refuse(a, "there is no HOME to keep the map in: say --store FILE");
}

static int
open_store(const struct cli_args *a, bool write, struct past **ret)
{
	char path[PATH_BYTES], error[256];
	struct past_opts o = { .path = path, .read_only = !write };

	if (store_path(a, path) != 0)
		return -EINVAL;
	if (past_open(&o, error, ret) != 0)
		return cli_args_refuse(a, "%s", error);
	return 0;
}

static int
print_answer(const struct cli_args *a, const struct graph_reply *r, graph_text_fn *text)
{
	char error[JSON_ERROR_MAX];
	struct doc *doc = NULL;

	if (cli_args_has(a, "json") || strcmp(r->type, "application/json") != 0) {
		fwrite(buf_data(&r->body), 1, buf_len(&r->body), stdout);
		if (buf_len(&r->body) > 0 && buf_data(&r->body)[buf_len(&r->body) - 1] != '\n')
			putchar('\n');
		return 0;
	}
	if (json_parse(buf_data(&r->body), buf_len(&r->body), error, &doc) != 0)
		return cli_args_wrong(a, "the answer is too large to show; ask for --json (%s)", error);
	text(doc->root);
	doc_free(doc);
	return 0;
}

static int
answer(const struct cli_args *a, graph_fn *fn, graph_text_fn *text, bool write)
{
	struct graph_ask *ask = calloc(1, sizeof(*ask));
	struct graph_reply r;
	int rc, code = CMD_USAGE;

	if (ask == NULL)
		return cli_args_wrong(a, "out of memory");
	graph_reply_init(&r);
	ask->now = clock_wall();
	cmd_graph_options(a, ask);
	rc = open_store(a, write, &ask->past);
	if (rc == 0) {
		rc = fn(ask, &r);
		if (rc == 0 && r.body.overflowed)
			rc = graph_reply_fail(&r, -ENOMEM, "the answer is too large");
		if (rc == 0)
			code = print_answer(a, &r, text);
		else
			cli_args_wrong(a, "%s", r.error);
		if (rc == 0 && code == 0)
			code = r.finding ? CMD_FINDING : CMD_HELD;
	}
	past_close(ask->past);
	graph_reply_fini(&r);
	free(ask);
	return code;
}

/* ---- verbs ---- */

static int import(const struct cli_args *a) { return answer(a, graph_import, graph_text_import, true); }
static int query(const struct cli_args *a) { return answer(a, graph_query, graph_text_query, false); }
static int lint(const struct cli_args *a) { return answer(a, graph_lint, graph_text_tables, false); }
static int drift(const struct cli_args *a) { return answer(a, graph_drift, graph_text_tables, false); }
static int alerts(const struct cli_args *a) { return answer(a, graph_alerts, graph_text_tables, false); }
static int ack(const struct cli_args *a) { return answer(a, graph_ack, graph_text_tables, true); }
static int fact(const struct cli_args *a) { return answer(a, graph_fact, graph_text_tables, true); }
static int export(const struct cli_args *a) { return answer(a, graph_export, graph_text_show, false); }
static int coverage(const struct cli_args *a) { return answer(a, graph_coverage, graph_text_tables, false); }
static int show(const struct cli_args *a) { return answer(a, graph_show, graph_text_show, false); }
static int diff(const struct cli_args *a) { return answer(a, graph_diff, graph_text_diff, false); }
static int blame(const struct cli_args *a) { return answer(a, graph_blame, graph_text_blame, false); }
static int impact(const struct cli_args *a) { return answer(a, graph_impact, graph_text_impact, false); }

static int
plan(const struct cli_args *a)
{
	static const char *const conducted[] = { "run", "dry-run", "markdown", "html" };
	struct past *p = NULL;
	bool paper = false;
	int code;

	for (size_t i = 0; i < FL_ARRAY_LEN(conducted); i++)
		paper = paper || cli_args_has(a, conducted[i]);
	if (!paper)
		return answer(a, graph_plan, graph_text_plan, false);
	code = open_store(a, cli_args_has(a, "drill"), &p) == 0 ? cmd_graph_conduct(a, p) : CMD_USAGE;
	past_close(p);
	return code;
}

static int
watch(const struct cli_args *a)
{
	char path[PATH_BYTES];

	return store_path(a, path) == 0 ? cmd_graph_watch(a, path) : CMD_USAGE;
}

#define STORE { 0, "store", "FILE", "the map; default $FAULTLINE_GRAPH, else $XDG_STATE_HOME/faultline/map.db" }
#define VIEW \
	STORE, { 0, "at", "TIME", "the map as of then: what was seen in the window before it" }, \
	{ 0, "window", "DURATION", "that window; default 24h" }, { 0, "since", "DURATION", "what was seen since then" }, \
	{ 0, "known", "TIME", "as we knew it then" }, { 0, "fold", NULL, "leave load balancers and the like out" }

#define PICTURES { 0, "svg", NULL, "a picture, as SVG" }, { 0, "dot", NULL, "a file for Graphviz" }, { 0, "title", "TEXT", "above the picture" }
static const struct cli_opt import_opts[] = { STORE, { 0, "time", "TIME", "when it was so, for files that do not say; default: their own time" },
	{ 0, "halves", "N", "so many spans may wait for the other side of their call, from now on; default 100000, 0 none" },
	{ 0, "halves-for", "DURATION", "so long; default 7d" }, { .name = NULL } };
static const struct cli_opt view_opts[] = { VIEW, { .name = NULL } };
static const struct cli_opt plan_opts[] = { VIEW,
	{ 0, "serving", NULL, "until all serve: wait for what is needed to run, not only to start" },
	{ 0, "up", "SERVICE", "runs already; may be repeated" }, { 0, "crews", "N", "so many steps at once" },
	{ 0, "assume", "DURATION", "how long those take of whom nobody says; default 30s" },
	{ 0, "simulate", "RUNS", "draw durations so many times, and say how long it takes then" }, { 0, "seed", "N", "of that; default 1" },
	{ 0, "shutdown", NULL, "the order in which to stop everything instead" },
	{ 0, "keep", "SERVICE", "keeps running, with all that it needs; may be repeated" },
	{ 0, "run", NULL, "conduct it: commands and checks from the facts recover.command, .check, .precheck, .manual, .timeout" },
	{ 0, "dry-run", NULL, "say what would be done" }, { 0, "markdown", NULL, "the runbook to print" }, { 0, "html", NULL, "likewise, one page" },
	{ 0, "journal", "FILE", "note there what is done" }, { 0, "resume", "FILE", "go on from that" },
	{ 0, "drill", NULL, "keep how long steps take, for later plans" }, { 0, "logs", "FOLDER", "output of commands" },
	{ 0, "done", "SERVICE", "a person has done that step; may be repeated" },
	{ 0, "again", "SERVICE", "run that step again; may be repeated" }, { .name = NULL } };
static const struct cli_opt lint_opts[] = { VIEW, { 0, "now", "TIME", "how old things were then" },
	{ 0, "untested-after", "DURATION", "a restore test may be so old; default 90d" },
	{ 0, "skew", "DURATION", "stores of one function may be so far apart; default 1h" }, { .name = NULL } };
static const struct cli_opt drift_opts[] = { VIEW, { 0, "no-fold", NULL, "keep load balancers and the like" },
	{ 0, "covered", "DURATION", "a client must have been looked at so long before its line is stale; default 0" }, { .name = NULL } };
static const struct cli_opt alerts_opts[] = { STORE, { 0, "at", "TIME", "as of then; default now" },
	{ 0, "learn", "DURATION", "learn so long before anything is new; default 7d" },
	{ 0, "unseen", "SHARE", "and until so little is unseen; default 0.01" },
	{ 0, "baseline", "TIME", "what was first seen after that is new, whatever was learned" },
	{ 0, "gone", "DURATION", "a regular line that was not seen for so long has vanished; default 24h" }, { .name = NULL } };
static const struct cli_opt export_opts[] = { VIEW, PICTURES, { 0, "csv", NULL, "lines as CSV" },
	{ 0, "apps", NULL, "applications instead of services" }, { .name = NULL } };
static const struct cli_opt watch_opts[] = { STORE, { 0, "every", "DURATION", "how often to look; default 10s" },
	{ 0, "for", "DURATION", "so long; default until Ctrl-C" }, { 0, "otlp-port", "PORT", "take OTLP traces (4318 is usual; 0: any)" },
	{ 0, "zipkin-port", "PORT", "take Zipkin v2 spans (9411 is usual; 0: any)" },
	{ 0, "no-sockets", NULL, "do not look at the sockets of this host" },
	{ 0, "host", "NAME", "what to call this host" },
	{ 0, "alert", "TARGET", "webhook=URL, alertmanager=URL, command=TEXT, syslog[=HOST:PORT]; may be repeated" },
	{ 0, "learn", "DURATION", "learn so long before anything is new; default 7d" },
	{ 0, "unseen", "SHARE", "and until so little is unseen; default 0.01" },
	{ 0, "baseline", "TIME", "what was first seen after that is new, whatever was learned" },
	{ 0, "gone", "DURATION", "a regular line that was not seen for so long has vanished; default 24h" }, { .name = NULL } };
static const struct cli_opt ack_opts[] = { STORE, { 0, "for", "DURATION", "until then; default 30d" }, { 0, "why", "TEXT", "the reason" },
	{ 0, "all", NULL, "every alert there is" }, { 0, "drop", NULL, "take it back" },
	{ 0, "baseline", "TIME", "what is known by then (\"now\") is not new, whatever was learned" }, { .name = NULL } };
static const struct cli_opt show_opts[] = { VIEW,
	{ 0, "apps", NULL, "applications instead of services" },
	{ 0, "evidence", NULL, "all evidence of each line (with --json)" }, { .name = NULL } };
static const struct cli_opt diff_opts[] = { STORE, { 0, "window", "DURATION", "what was seen so long before each time; default 24h" },
	{ 0, "recorded", NULL, "compare what was known at the two times, not what was so" }, { .name = NULL } };
static const struct cli_opt blame_opts[] = { STORE, { .name = NULL } };
static const struct cli_opt impact_opts[] = { VIEW,
	{ 0, "down", "FACT=VALUE", "all services that are only there fail, such as zone=a; may be repeated" },
	{ 0, "spof", NULL, "every single failure, the worst first" }, { 0, "top", "N", "so many of them; default 20" },
	{ 0, "shared", NULL, "what redundant groups have in common after all" },
	{ 0, "by", "FACTS", "facts that members may share; default zone,host,rack" },
	{ 0, "cuts", "FUNCTION", "the smallest sets of failures that take a function or a service down" },
	{ 0, "size", "N", "of so many at most; default 3" },
	PICTURES, { 0, "startup", NULL, "of what is needed to start, instead of to run" },
	{ 0, "soft-spreads", NULL, "what is degraded degrades those that need it softly, too" }, { .name = NULL } };

static const struct cli_verb verbs[] = {
	{ "import", NULL, "FILE...", 1, CLI_WORDS_MAX,
	    "what files say of the map: manifests, traces, dumps, logs; formats are recognised",
	    import_opts,
	    "  faultline graph import faultline.yaml k8s/ traces.json\n  ss -tnp | faultline graph import -\n", import },
	{ "show", NULL, "[SERVICE...]", 0, CLI_WORDS_MAX, "services and lines, or those around some services", show_opts,
	    "  faultline graph show\n  faultline graph show cart --at 2026-03-01T12:00Z --json\n", show },
	{ "impact", NULL, "[SERVICE...]", 0, CLI_WORDS_MAX, "who goes down, who gets worse, who is at risk, and why", impact_opts,
	    "  faultline graph impact redis\n  faultline graph impact app=payments\n"
	    "  faultline graph impact --down zone=a\n  faultline graph impact --spof --top 10\n"
	    "  faultline graph impact --cuts checkout\n", impact },
	{ "plan", NULL, "[SERVICE...]", 0, CLI_WORDS_MAX, "in which order to start everything (or these) again, and when it is back", plan_opts,
	    "  faultline graph plan\n  faultline graph plan checkout --crews 4\n  faultline graph plan --shutdown --keep orchestrator\n"
	    "  faultline graph plan --html > runbook.html\n  faultline graph plan --run --journal recovery.jsonl --crews 4\n", plan },
	{ "lint", NULL, "", 0, 0, "what is wrong before anything fails: backups, objectives, circles, owners", lint_opts, NULL, lint },
	{ "drift", NULL, "", 0, 0, "what was declared against what was seen", drift_opts, "  faultline graph drift --since 7d\n", drift },
	{ "query", NULL, "QUESTION...", 1, CLI_WORDS_MAX, "which services or lines something is true of", view_opts,
	    "  faultline graph query 'stateful=true and not backup.last<24h'\n  faultline graph query 'from cart downstream hard depth 3'\n"
	    "  faultline graph query 'lines where errors > 0 and to.tier = 1'\n", query },
	{ "coverage", NULL, "", 0, 0, "which faults were tried on which line, and what came of it", view_opts, NULL, coverage },
	{ "export", NULL, "[SERVICE...]", 0, CLI_WORDS_MAX, "the map (or what is around some services) as a picture, or for other programs",
	    export_opts,
	    "  faultline graph export --svg > map.svg\n  faultline graph export --dot cart | dot -Tpng > cart.png\n"
	    "  faultline graph export --csv > lines.csv\n", export },
	{ "alerts", NULL, "", 0, 0, "lines that are new, vanished, forbidden or cross tiers", alerts_opts,
	    "  faultline graph alerts\n  faultline graph alerts --baseline 2026-03-01 --json\n", alerts },
	{ "watch", NULL, "", 0, 0, "take in what there is to see on this host, and tell alerts, until Ctrl-C", watch_opts,
	    "  faultline graph watch --otlp-port 4318 --alert webhook=http://127.0.0.1:9000/hook\n", watch },
	{ "ack", NULL, "[LINE]", 0, 2, "silence an alert for a while, or say what the baseline is; alone: list", ack_opts,
	    "  faultline graph ack 'cart -> bank' --for 7d --why 'on trial'\n  faultline graph ack --baseline now\n", ack },
	{ "fact", NULL, "[set SUBJECT KEY=VALUE... | register KEY TYPE [MEANING] | list]", 0, CLI_WORDS_MAX,
	    "facts of services and lines, set by hand", blame_opts,
	    "  faultline graph fact set redis backup.verified=2026-03-01\n  faultline graph fact set 'cart -> redis' team=shop\n"
	    "  faultline graph fact register pci boolean 'handles card data'\n", fact },
	{ "diff", NULL, "TIME [TIME]", 1, 2, "what is not the same at two times (the second: now)", diff_opts,
	    "  faultline graph diff -7d\n  faultline graph diff 2026-03-01 2026-03-08 --json\n", diff },
	{ "blame", NULL, "LINE", 1, 2, "who saw a line, when first, when last", blame_opts, "  faultline graph blame 'cart -> redis'\n", blame },
	{ .name = NULL },
};
static const struct cli_group group = {
	.name = "graph", .help = "the map: services, lines, their past, and what follows from it", .verbs = verbs, .local = true,
	.more = "Times: 2026-03-01T12:00Z, -2h, yesterday, now. Exit code 1: something was found that should be looked at.\n",
};

int
cmd_graph(int argc, char **argv)
{
	return cli_args_run(&group, argc, argv);
}
