/* SPDX-License-Identifier: MIT */
/*
 * exp_system.c - the processes and the lines of an experiment.
 *
 *      system:
 *        redis:
 *          command: [redis-server, --port, "{port:redis}"]       # or a text for the shell
 *          env: {LANG: C}
 *          cwd: "{dir}"
 *          ready: {tcp: "127.0.0.1:{port:redis}", within: 10s}
 *          stop: {signal: TERM, grace: 3s}
 *          ends: true                      # by itself, with exit code 0
 *      lines:
 *        redis: {upstream: "127.0.0.1:{port:redis}", key: client}
 *
 * Both may also be lists of maps with a name.
 */
#include "run/exp_system.h"

#include "run/exp_line.h"
#include "run/exp_probe.h"
#include <signal.h>
#include <stdio.h>
#include <string.h>

#define ARGS_MAX 256
#define READY_WITHIN_DEFAULT (10 * FL_SEC)
#define GRACE_DEFAULT (3 * FL_SEC)

static void
names_of(struct exp_reader *r, const struct doc_node *named, const char *what, const char **names, uint32_t *count)
{
	for (uint32_t i = 0; named != NULL && i < named->count; i++) {
		const char *name = "";
		char expected[64];
		snprintf(expected, sizeof(expected), "what the %s is: a map", what);
		if (doc_expect(r->d, exp_field_named_item(named, i), DOC_MAP, expected))
			name = exp_field_name(r, named, i, what, names);
		names[i] = name == NULL ? "" : name;
		*count = i + 1;
	}
}

void
exp_system_names(struct exp_reader *r, const struct doc_node *root)
{
	struct experiment *x = r->x;

	names_of(r, exp_field_named(r, root, "lines", EXPERIMENT_LINES_MAX, "lines"), "line", x->line_names, &x->line_count);
	names_of(r, exp_field_named(r, root, "system", EXPERIMENT_PROCESSES_MAX, "processes"), "process", x->process_names,
	    &x->process_count);
}

/* A text is for the shell, a list is executed as it stands. */
static const char *const *
read_command(struct exp_reader *r, const struct doc_node *map)
{
	const struct doc_node *n = doc_get(map, "command");
	const char **argv;
	uint32_t count;

	if (n == NULL) {
		doc_complain(r->d, map, "found a process without a command, expected command: [program, argument, ...]");
		return NULL;
	}
	if (n->kind != DOC_LIST && n->kind != DOC_SCALAR) {
		doc_unexpected(r->d, n, "a list [program, argument, ...] or a text for the shell");
		return NULL;
	}
	count = n->kind == DOC_LIST ? n->count : 3;
	if (count == 0 || count > ARGS_MAX) {
		doc_complain(r->d, n, "found %u words, expected 1 to %d", count, ARGS_MAX);
		return NULL;
	}
	argv = arena_alloc(&r->x->mem, (count + 1) * sizeof(*argv));
	if (argv == NULL)
		return NULL;
	if (n->kind == DOC_SCALAR) {
		argv[0] = "sh";
		argv[1] = "-c";
		argv[2] = exp_field_template_node(r, n);
		return argv;
	}
	for (uint32_t i = 0; i < count; i++)
		argv[i] = exp_field_template_node(r, n->items[i]);
	return argv;
}

static const char *const *
read_env(struct exp_reader *r, const struct doc_node *map)
{
	const struct doc_node *n = doc_get(map, "env");
	const char **env;

	if (n == NULL || !doc_expect(r->d, n, DOC_MAP, "a map of names to texts"))
		return NULL;
	if (n->count > ARGS_MAX) {
		doc_complain(r->d, n, "found %u variables, expected at most %d", n->count, ARGS_MAX);
		return NULL;
	}
	env = arena_alloc(&r->x->mem, (n->count + 1) * sizeof(*env));
	for (uint32_t i = 0; env != NULL && i < n->count; i++) {
		const struct doc_node *key = n->pairs[i].key;
		const char *value = exp_field_template_node(r, n->pairs[i].value);
		if (key->text[0] == '\0' || strchr(key->text, '=') != NULL || strchr(key->text, '{') != NULL)
			doc_unexpected(r->d, key, "the name of an environment variable");
		env[i] = arena_printf(&r->x->mem, "%s=%s", key->text, value == NULL ? "" : value);
	}
	return env;
}

static void
read_stop(struct exp_reader *r, const struct doc_node *map, struct experiment_process *p)
{
	static const char *const known[] = { "signal", "grace", NULL };
	const struct doc_node *n = doc_get(map, "stop");

	p->stop_signal = SIGTERM;
	p->stop_grace = GRACE_DEFAULT;
	if (n == NULL || !doc_expect(r->d, n, DOC_MAP, "a map with signal and grace"))
		return;
	doc_keys(r->d, n, known);
	exp_field_signal(r, n, "signal", &p->stop_signal);
	exp_field_duration(r, n, "grace", 0, 60 * FL_SEC, &p->stop_grace);
}

static void
read_program(struct exp_reader *r, const struct doc_node *map, struct experiment_process *p)
{
	p->cwd = "{dir}";
	p->ready_timeout = READY_WITHIN_DEFAULT;
	p->argv = read_command(r, map);
	p->env = read_env(r, map);
	exp_field_template(r, map, "cwd", NULL, &p->cwd);
	read_stop(r, map, p);
}

static void
read_process(struct exp_reader *r, const struct doc_node *map, struct experiment_process *p)
{
	static const char *const known[] = { "name", "command", "env", "cwd", "ready", "stop", "ends", NULL };
	const struct doc_node *ready = doc_get(map, "ready");

	if (map->kind != DOC_MAP)
		return;
	doc_keys(r->d, map, known);
	read_program(r, map, p);
	exp_field_bool(r, map, "ends", &p->ends);
	if (ready != NULL)
		p->ready = exp_probe_ready(r, ready, p->name, &p->ready_timeout);
}

uint32_t
exp_system_load(struct exp_reader *r, const struct doc_node *load)
{
	struct experiment *x = r->x;
	struct experiment_process *p = &x->processes[x->process_count];

	for (uint32_t i = 0; i < x->process_count; i++)
		if (strcmp(x->process_names[i], "load") == 0) {
			doc_complain(r->d, load, "found a load that is a program and a process called \"load\", expected another name");
			return i;
		}
	if (x->process_count == EXPERIMENT_PROCESSES_MAX) {
		doc_complain(r->d, load, "found %u processes and a load that is one, expected one less", x->process_count);
		return 0;
	}
	p->name = x->process_names[x->process_count] = "load";
	p->load = p->ends = true;
	read_program(r, load, p);
	return x->process_count++;
}

void
exp_system_read(struct exp_reader *r, const struct doc_node *root)
{
	struct experiment *x = r->x;
	const struct doc_node *lines = doc_get(root, "lines"), *system = doc_get(root, "system");

	for (uint32_t i = 0; i < x->line_count; i++) {
		x->lines[i].name = x->line_names[i];
		exp_line_read(r, exp_field_named_item(lines, i), &x->lines[i]);
	}
	for (uint32_t i = 0; i < x->process_count; i++) {
		x->processes[i].name = x->process_names[i];
		read_process(r, exp_field_named_item(system, i), &x->processes[i]);
	}
}
