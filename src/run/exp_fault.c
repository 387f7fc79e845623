/* SPDX-License-Identifier: MIT */
/*
 * exp_fault.c - the timeline of an experiment.
 *
 *      faults:
 *        - {at: 2s, for: 4s, on: redis, type: latency, attributes: {latency: 50ms}}      # see fault_doc.h
 *        - {at: 3s, cut: redis, reset: true}             # all connections of a line
 *        - {at: 5s, down: redis, for: 1s}                # the line refuses and has none
 *        - {at: 7s, kill: redis, signal: KILL, for: 500ms}       # and is started again after that
 *        - {at: 8s, pause: redis, for: 300ms}
 *        - {at: 9s, restart: redis}
 *          repeat: {every: 1s, times: 3}
 *        - {at: 9s, for: 2s, call: "http://127.0.0.1:{port:a}/control?work=1s", undo: "http://127.0.0.1:{port:a}/control?work=5ms"}
 */
#include "run/exp_fault.h"

#include "base/units.h"
#include "conf/fault_doc.h"
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* By action: the key that names it, and the others that go with it. */
static const struct {
	const char *key;
	const char *keys[8];
} actions[] = {
	[ACTION_FAULT] = { "on", { "at", "for", "on", "repeat", NULL } },
	[ACTION_CUT] = { "cut", { "name", "at", "cut", "reset", "repeat", NULL } },
	[ACTION_DOWN] = { "down", { "name", "at", "down", "for", "repeat", NULL } },
	[ACTION_KILL] = { "kill", { "name", "at", "kill", "signal", "for", "repeat", NULL } },
	[ACTION_RESTART] = { "restart", { "name", "at", "restart", "repeat", NULL } },
	[ACTION_PAUSE] = { "pause", { "name", "at", "pause", "for", "repeat", NULL } },
	[ACTION_CALL] = { "call", { "name", "at", "call", "undo", "for", "repeat", NULL } },
};
static const char *const all_keys[] = { "name", "at", "for", "repeat", "on", "type", "stream", "toxicity", "attributes", "scope", "ttl",
	"cut", "reset", "down", "kill", "signal", "restart", "pause", "call", "undo", NULL };

/* The one action that the map names; -1 after a complaint. */
static int
find_action(struct exp_reader *r, const struct doc_node *n)
{
	int found = -1;

	for (int a = ACTION_FAULT; a <= ACTION_CALL; a++) {
		if (doc_get(n, actions[a].key) == NULL)
			continue;
		if (found >= 0) {
			doc_complain(r->d, n, "found both %s and %s, expected one of them", actions[found].key, actions[a].key);
			return -1;
		}
		found = a;
	}
	if (found >= 0)
		return found;
	doc_keys(r->d, n, all_keys);
	if (doc_get(n, "type") != NULL)
		doc_complain(r->d, n, "found a fault without on, expected on: NAME of the line it is on");
	else
		doc_complain(r->d, n, "found a fault that does nothing, expected one of on, cut, down, kill, restart, pause, call");
	return -1;
}

static void
read_repeat(struct exp_reader *r, const struct doc_node *map, struct experiment_fault *f)
{
	static const char *const known[] = { "every", "times", NULL };
	const struct doc_node *n = doc_get(map, "repeat");
	int64_t times, fit;

	f->times = 1;
	if (n == NULL || !doc_expect(r->d, n, DOC_MAP, "a map with every and times"))
		return;
	doc_keys(r->d, n, known);
	if (doc_get(n, "every") == NULL) {
		doc_complain(r->d, n, "found repeat without every, expected one such as every: 2s");
		return;
	}
	if (!exp_field_duration(r, n, "every", 10 * FL_MS, EXPERIMENT_NS_MAX, &f->every))
		return;
	if (f->length >= f->every)
		doc_complain(r->d, doc_get(n, "every"), "found a repetition before the one before it has ended, expected every to be more than for");
	fit = f->at < r->x->duration ? (r->x->duration - f->at - 1) / f->every + 1 : 1;
	times = FL_MIN(fit, 10000);
	if (exp_field_int(r, n, "times", 1, 10000, &times) && times > fit)
		doc_complain(r->d, doc_get(n, "times"), "found %lld times, but only %lld fit before the end", (long long)times, (long long)fit);
	f->times = (uint32_t)times;
}

static void
read_times(struct exp_reader *r, const struct doc_node *n, struct experiment_fault *f)
{
	const struct doc_node *at = doc_get(n, "at"), *length = doc_get(n, "for");
	char end[32];

	if (at == NULL)
		doc_complain(r->d, n, "found a fault without at, expected at: TIME after the load started");
	if (exp_field_duration(r, n, "at", 0, EXPERIMENT_NS_MAX, &f->at) && f->at >= r->x->duration && r->x->duration > 0) {
		units_duration(end, sizeof(end), r->x->duration);
		doc_complain(r->d, at, "found a fault at %s, but the run ends at %s", at->text, end);
	}
	if (exp_field_duration(r, n, "for", 0, EXPERIMENT_NS_MAX, &f->length) && f->length == 0)
		doc_unexpected(r->d, length, "a duration over 0");
	if (doc_get(n, "repeat") != NULL && length == NULL && (f->action == ACTION_FAULT || f->action == ACTION_PAUSE ||
	    f->action == ACTION_DOWN || f->action == ACTION_KILL))
		doc_complain(r->d, doc_get(n, "repeat"), "found repeat without for, expected for: how long each lasts");
	read_repeat(r, n, f);
}

/* Names of faults on a line are what their decisions are keyed by: they must differ. */
static void
check_name(struct exp_reader *r, const struct doc_node *n, const struct experiment_fault *f)
{
	for (uint32_t i = 0; i < r->x->fault_count; i++) {
		const struct experiment_fault *g = &r->x->faults[i];
		if (g->action == ACTION_FAULT && g->name != NULL && g->line == f->line && strcmp(g->name, f->name) == 0)
			doc_complain(r->d, doc_get(n, "name") != NULL ? doc_get(n, "name") : n,
			    "found a second fault called \"%.60s\" on line %s, expected a name: ... of its own", f->name,
			    f->line >= 0 ? r->x->line_names[f->line] : "?");
	}
}

static void
read_line_fault(struct exp_reader *r, const struct doc_node *n, struct experiment_fault *f)
{
	exp_field_ref(r, n, "on", "line", r->x->line_names, &f->line);
	if (fault_doc_read(n, actions[ACTION_FAULT].keys, r->d, &f->spec) != 0)
		return;
	/* A lease ends it like `for`, whichever is shorter. */
	if (f->spec.ttl_ns > 0)
		f->length = f->length > 0 ? FL_MIN(f->length, f->spec.ttl_ns) : f->spec.ttl_ns;
	if (kind_info(f->spec.kind)->place == KIND_HTTP && f->line >= 0 && r->x->lines[f->line].http == NULL)
		doc_complain(r->d, doc_get(n, "type"), "found %s, which acts on HTTP messages, but line %s is not an HTTP line",
		    kind_info(f->spec.kind)->name, r->x->line_names[f->line]);
	f->name = exp_field_dup(r, f->spec.name);
	if (f->name != NULL)
		check_name(r, n, f);
}

static void
read_call(struct exp_reader *r, const struct doc_node *n, struct experiment_fault *f)
{
	exp_field_url(r, n, "call", NULL, &f->call.target, &f->call.path);
	exp_field_url(r, n, "undo", NULL, &f->undo.target, &f->undo.path);
}

static void
read_other(struct exp_reader *r, const struct doc_node *n, struct experiment_fault *f)
{
	const char *key = actions[f->action].key;
	const struct doc_node *name = doc_get(n, "name");

	doc_keys(r->d, n, actions[f->action].keys);
	if (f->action == ACTION_CALL)
		read_call(r, n, f);
	else if (f->action == ACTION_CUT || f->action == ACTION_DOWN)
		exp_field_ref(r, n, key, "line", r->x->line_names, &f->line);
	else
		exp_field_ref(r, n, key, "process", r->x->process_names, &f->process);
	f->reset = true;
	f->sig = SIGKILL;
	exp_field_bool(r, n, "reset", &f->reset);
	exp_field_signal(r, n, "signal", &f->sig);
	f->name = arena_printf(&r->x->mem, "%s %s", key,
	    f->line >= 0 ? r->x->line_names[f->line] : f->process >= 0 ? r->x->process_names[f->process] : f->call.path != NULL ? f->call.path : "?");
	if (exp_field_text(r, n, "name", NULL, &f->name) && (f->name[0] == '\0' || strlen(f->name) > 120))
		doc_complain(r->d, name, "found a name of %zu bytes, expected 1 to 120", strlen(f->name));
}

static void
read_fault(struct exp_reader *r, const struct doc_node *n)
{
	struct experiment_fault *f = &r->x->faults[r->x->fault_count];
	int action;

	if (!doc_expect(r->d, n, DOC_MAP, "a fault: a map with at and what happens"))
		return;
	action = find_action(r, n);
	if (action < 0)
		return;
	*f = (struct experiment_fault){ .action = (enum experiment_action)action, .line = -1, .process = -1 };
	read_times(r, n, f);
	if (f->action == ACTION_FAULT)
		read_line_fault(r, n, f);
	else
		read_other(r, n, f);
	r->x->fault_count++;
}

void
exp_fault_list(struct exp_reader *r, const struct doc_node *root)
{
	struct experiment *x = r->x;
	const struct doc_node *list = exp_field_list(r, root, "faults", EXPERIMENT_FAULTS_MAX, "faults");

	if (list == NULL || list->count == 0)
		return;
	x->faults = calloc(list->count, sizeof(*x->faults));
	if (x->faults == NULL) {
		doc_complain(r->d, list, "found more faults than memory");
		return;
	}
	for (uint32_t i = 0; i < list->count; i++)
		read_fault(r, list->items[i]);
	for (uint32_t i = 0; i < x->fault_count; i++) {
		x->faults[i].first = x->rounds;
		x->rounds += x->faults[i].times;
	}
	if (x->rounds > EXPERIMENT_ROUNDS_MAX)
		doc_complain(r->d, list, "found faults that happen %u times together, expected at most %d", x->rounds, EXPERIMENT_ROUNDS_MAX);
}
