/* SPDX-License-Identifier: MIT */
/*
 * exp_load.c - the load of an experiment and how it is judged.
 *
 *      load:
 *        type: redis
 *        line: redis
 *        clients: 8
 *        keys: 5
 *        mix: {read: 50, write: 30, cas: 20}
 *        rate: 100                       # operations per second and client; without it, as fast as answers come
 *        duration: 15s
 *      audit: {model: register}
 *      expect: {errors: 30%, p99: 500ms, operations: 1000}
 *      abort_if:
 *        - {errors: 95%, for: 5s}
 *      heal_within: 10s
 */
#include "run/exp_load.h"

#include "audit/history.h"
#include "run/exp_audit.h"
#include "run/exp_http.h"
#include "run/exp_system.h"
#include <string.h>

#define OPS_DEFAULT 1000000
#define OPS_MAX 4000000

static void
read_mix(struct exp_reader *r, const struct doc_node *map, struct experiment_load *l)
{
	static const char *const known[] = { "read", "write", "cas", NULL };
	const struct doc_node *n = doc_get(map, "mix");
	unsigned sum = 0;

	if (n == NULL) {
		l->mix[HISTORY_READ] = 50;
		l->mix[HISTORY_WRITE] = 30;
		l->mix[HISTORY_CAS] = 20;
		return;
	}
	if (!doc_expect(r->d, n, DOC_MAP, "a map of weights such as {read: 50, write: 30, cas: 20}"))
		return;
	doc_keys(r->d, n, known);
	for (int f = HISTORY_READ; f <= HISTORY_CAS; f++) {
		int64_t v = 0;
		exp_field_int(r, n, known[f], 0, 1000000, &v);
		l->mix[f] = (unsigned)v;
		sum += l->mix[f];
	}
	if (sum == 0)
		doc_complain(r->d, n, "found a mix of nothing, expected a weight over 0 for read, write or cas");
}

static void
read_numbers(struct exp_reader *r, const struct doc_node *map, struct experiment_load *l)
{
	const struct doc_node *rate = doc_get(map, "rate");
	int64_t v;

	if (exp_field_int(r, map, "clients", 1, EXPERIMENT_CLIENTS_MAX, &v))
		l->clients = (uint32_t)v;
	if (exp_field_int(r, map, "keys", 1, EXPERIMENT_KEYS_MAX, &v))
		l->keys = (uint32_t)v;
	if (exp_field_int(r, map, "operations_max", 1, OPS_MAX, &v))
		l->ops_max = (uint64_t)v;
	if (rate != NULL)
		doc_float(r->d, rate, 0.01, 100000, &l->rate);
	exp_field_duration(r, map, "think", 0, 60 * FL_SEC, &l->think);
	exp_field_bool(r, map, "final_reads", &l->final_reads);
}

static void
read_prefix(struct exp_reader *r, const struct doc_node *map, struct experiment_load *l)
{
	const struct doc_node *n = doc_get(map, "prefix");

	if (exp_field_text(r, map, "prefix", NULL, &l->prefix) && strlen(l->prefix) > 100)
		doc_complain(r->d, n, "found a prefix of %zu bytes, expected at most 100", strlen(l->prefix));
}

static void
read_redis(struct exp_reader *r, const struct doc_node *n, struct experiment_load *l)
{
	if (doc_get(n, "line") == NULL)
		doc_complain(r->d, n, "found a load without line, expected line: NAME of the line to go through");
	read_mix(r, n, l);
	read_numbers(r, n, l);
	read_prefix(r, n, l);
}

static void
read_load(struct exp_reader *r, const struct doc_node *n)
{
	static const char *const redis[] = { "type", "line", "clients", "keys", "mix", "rate", "duration", "timeout", "connect_timeout",
		"think", "operations_max", "prefix", "final_reads", NULL };
	static const char *const program[] = { "type", "command", "env", "cwd", "stop", "duration", NULL };
	static const char *const types[] = { "redis", "http", "program", NULL };
	const struct doc_node *type = doc_get(n, "type");
	struct experiment_load *l = &r->x->load;

	*l = (struct experiment_load){ .clients = 8, .keys = 5, .timeout = FL_SEC, .connect_timeout = FL_SEC, .ops_max = OPS_DEFAULT,
		.prefix = "k", .final_reads = true };
	if (!doc_expect(r->d, n, DOC_MAP, "a load: a map with type, line and duration"))
		return;
	if (type == NULL)
		doc_complain(r->d, n, "found a load without type, expected type: redis, type: http or type: program");
	else
		l->type = (enum experiment_load_type)FL_MAX(doc_choice(r->d, type, types), 0);
	doc_keys(r->d, n, l->type == EXPERIMENT_HTTP ? exp_http_keys() : l->type == EXPERIMENT_PROGRAM ? program : redis);
	exp_field_ref(r, n, "line", "line", r->x->line_names, &l->line);
	if (doc_get(n, "duration") == NULL && r->x->duration == 0)
		doc_complain(r->d, n, "found a load without duration, expected one such as duration: 15s");
	if (exp_field_duration(r, n, "duration", 100 * FL_MS, EXPERIMENT_NS_MAX, &l->duration))
		r->x->duration = FL_MAX(r->x->duration, l->duration);
	else
		l->duration = r->x->duration;
	exp_field_duration(r, n, "timeout", FL_MS, 60 * FL_SEC, &l->timeout);
	exp_field_duration(r, n, "connect_timeout", FL_MS, 60 * FL_SEC, &l->connect_timeout);
	if (l->type == EXPERIMENT_HTTP && doc_get(n, "line") == NULL && doc_get(n, "target") == NULL)
		doc_complain(r->d, n, "found a load without line and target, expected line: NAME of the line to go through, or target: HOST:PORT");
	if (l->type == EXPERIMENT_HTTP) {
		exp_http_read(r, n, l);
	} else if (l->type == EXPERIMENT_PROGRAM) {
		l->line = -1;
		l->process = exp_system_load(r, n);
	} else {
		read_redis(r, n, l);
	}
}

void
exp_load_read(struct exp_reader *r, const struct doc_node *root)
{
	const struct doc_node *n = doc_get(root, "load");

	exp_field_duration(r, root, "duration", 100 * FL_MS, EXPERIMENT_NS_MAX, &r->x->duration);
	if (n != NULL) {
		r->x->has_load = true;
		read_load(r, n);
	} else if (doc_get(root, "duration") == NULL) {
		doc_complain(r->d, root, "found neither a load nor a duration, expected one that says how long the run lasts");
	}
}

/* A limit: a value, at most or at least by what is better; or ">= 90%", "<= 5s". */
static void
read_limit(struct exp_reader *r, const struct doc_node *n, enum metric m)
{
	const struct metric_info *info = metric_info(m);
	struct metric_limit l = { .metric = m, .least = info->more_is_better };
	const char *text;

	if (!doc_text(r->d, n, metric_expected(info->unit), &text))
		return;
	if (strncmp(text, ">=", 2) == 0 || strncmp(text, "<=", 2) == 0) {
		l.least = text[0] == '>';
		text += 2;
		text += strspn(text, " ");
	}
	if (metric_parse(info->unit, text, &l.value))
		r->x->limits[r->x->limit_count++] = l;
	else
		doc_unexpected(r->d, n, metric_expected(info->unit));
}

static void
read_expect(struct exp_reader *r, const struct doc_node *n)
{
	if (!doc_expect(r->d, n, DOC_MAP, "a map of limits such as {errors: 30%, p99: 500ms}"))
		return;
	doc_keys(r->d, n, metric_names());
	for (int m = 0; m < METRIC_COUNT; m++) {
		const struct doc_node *v = doc_get(n, metric_names()[m]);
		if (v != NULL)
			read_limit(r, v, (enum metric)m);
	}
	if (!r->x->has_load)
		doc_complain(r->d, n, "found expectations, but no load that could meet them");
}

/* The keys that go with each kind of guard, the first of which names it. */
static const char *const guard_keys[][4] = {
	[GUARD_ERRORS] = { "errors", "for", NULL },
	[GUARD_P99] = { "p99", "for", NULL },
	[GUARD_PROBE] = { "probe", "fails", NULL },
	[GUARD_MEMORY] = { "memory", "over", NULL },
	[GUARD_EXIT] = { "exit", NULL },
};

static int
guard_kind(const struct doc_node *n)
{
	int kind = -1;

	for (int k = GUARD_ERRORS; k <= GUARD_EXIT; k++) {
		if (doc_get(n, guard_keys[k][0]) == NULL)
			continue;
		if (kind >= 0)
			return -1;
		kind = k;
	}
	return kind;
}

static void
read_guard_fields(struct exp_reader *r, const struct doc_node *n, struct experiment_guard *g)
{
	const struct doc_node *over = doc_get(n, "over");
	int64_t fails = 3;

	g->window = 3 * FL_SEC;
	exp_field_duration(r, n, "for", 500 * FL_MS, 3600 * FL_SEC, &g->window);
	exp_field_int(r, n, "fails", 1, 1000000, &fails);
	g->fails = (uint32_t)fails;
	if (g->kind == GUARD_ERRORS)
		exp_field_share(r, n, "errors", &g->share);
	else if (g->kind == GUARD_P99)
		exp_field_duration(r, n, "p99", 0, 3600 * FL_SEC, &g->limit);
	else if (g->kind == GUARD_PROBE)
		exp_field_ref(r, n, "probe", "probe", r->x->probe_names, &g->probe);
	else
		exp_field_ref(r, n, g->kind == GUARD_MEMORY ? "memory" : "exit", "process", r->x->process_names, &g->process);
	if (g->kind == GUARD_MEMORY && over == NULL)
		doc_complain(r->d, n, "found memory without a limit, expected over: 500MB or the like");
	else if (g->kind == GUARD_MEMORY)
		doc_bytes(r->d, over, &g->bytes);
	if (g->kind <= GUARD_P99 && !r->x->has_load)
		doc_complain(r->d, n, "found a limit on the load, but there is no load");
}

static void
read_guard(struct exp_reader *r, const struct doc_node *n, struct experiment_guard *g)
{
	static const char *const all[] = { "errors", "p99", "for", "probe", "fails", "memory", "over", "exit", NULL };
	int kind;

	if (!doc_expect(r->d, n, DOC_MAP, "a map such as {errors: 90%, for: 5s}"))
		return;
	kind = guard_kind(n);
	doc_keys(r->d, n, kind < 0 ? all : guard_keys[kind]);
	if (kind < 0) {
		doc_complain(r->d, n, "found no single condition, expected one of errors, p99, probe, memory, exit");
		return;
	}
	g->kind = (enum guard_kind)kind;
	g->probe = g->process = -1;
	read_guard_fields(r, n, g);
}

void
exp_load_judges(struct exp_reader *r, const struct doc_node *root)
{
	struct experiment *x = r->x;
	const struct doc_node *audit = doc_get(root, "audit"), *expect = doc_get(root, "expect");
	const struct doc_node *guards = exp_field_list(r, root, "abort_if", EXPERIMENT_GUARDS_MAX, "conditions");

	if (audit != NULL)
		exp_audit_read(r, audit);
	if (expect != NULL)
		read_expect(r, expect);
	for (uint32_t i = 0; guards != NULL && i < guards->count; i++)
		read_guard(r, guards->items[i], &x->guards[x->guard_count++]);
	x->heal_within = 10 * FL_SEC;
	exp_field_duration(r, root, "heal_within", 0, 3600 * FL_SEC, &x->heal_within);
}
