/* SPDX-License-Identifier: MIT */
/*
 * exp_probe.c - probes of an experiment.
 *
 *      - name: redis answers
 *        tcp: 127.0.0.1:{port:redis}     # or http: http://..., or process: NAME
 *        send: "PING\r\n"
 *        expect: "+PONG"
 *        timeout: 1s                     # of one check
 *        every: 500ms
 *        when: [before, during, after]   # or always
 *        tolerance: 90%                  # of the checks during the faults
 */
#include "run/exp_probe.h"

#include <stdio.h>
#include <string.h>

#define EVERY_DEFAULT (500 * FL_MS)
#define TIMEOUT_DEFAULT FL_SEC

static void
when_word(struct exp_reader *r, const struct doc_node *n, unsigned *when)
{
	static const char *const words[] = { "before", "during", "after", "always", NULL };
	static const unsigned bits[] = { PROBE_BEFORE, PROBE_DURING, PROBE_AFTER, PROBE_BEFORE | PROBE_DURING | PROBE_AFTER };
	int i = doc_choice(r->d, n, words);

	if (i >= 0)
		*when |= bits[i];
}

static void
read_when(struct exp_reader *r, const struct doc_node *map, struct experiment_probe *p)
{
	const struct doc_node *n = doc_get(map, "when");

	if (n == NULL) {
		p->when = PROBE_BEFORE | PROBE_DURING | PROBE_AFTER;
		return;
	}
	if (n->kind == DOC_LIST && n->count > 0)
		for (uint32_t i = 0; i < n->count; i++)
			when_word(r, n->items[i], &p->when);
	else if (n->kind == DOC_SCALAR)
		when_word(r, n, &p->when);
	else
		doc_unexpected(r->d, n, "before, during, after, always, or a list of them");
}

static void
read_target(struct exp_reader *r, const struct doc_node *map, struct experiment_probe *p)
{
	const struct doc_node *tcp = doc_get(map, "tcp"), *http = doc_get(map, "http"), *process = doc_get(map, "process");
	int64_t status;

	if ((tcp != NULL) + (http != NULL) + (process != NULL) != 1) {
		doc_complain(r->d, map, "found a probe of %s, expected one of tcp, http, process",
		    tcp == NULL && http == NULL && process == NULL ? "nothing" : "several things");
		return;
	}
	if (tcp != NULL) {
		p->kind = PROBE_TCP;
		exp_field_template(r, map, "tcp", NULL, &p->target);
		exp_field_template(r, map, "send", NULL, &p->send);
	} else if (http != NULL) {
		p->kind = PROBE_HTTP;
		exp_field_url(r, map, "http", NULL, &p->target, &p->path);
		if (exp_field_int(r, map, "status", 100, 599, &status))
			p->status = (int)status;
	} else {
		p->kind = PROBE_PROCESS;
		exp_field_ref(r, map, "process", "process", r->x->process_names, &p->process);
	}
	if (process == NULL)
		exp_field_text(r, map, "expect", NULL, &p->expect);
}

/* Keys that mean something for this kind of probe. */
static void
check_keys(struct exp_reader *r, const struct doc_node *map, bool ready)
{
	static const char *const tcp[] = { "name", "tcp", "send", "expect", "timeout", "every", "when", "tolerance", NULL };
	static const char *const http[] = { "name", "http", "status", "expect", "timeout", "every", "when", "tolerance", NULL };
	static const char *const process[] = { "name", "process", "every", "when", "tolerance", NULL };
	static const char *const all[] = { "name", "tcp", "send", "http", "status", "process", "expect", "timeout", "every", "when",
		"tolerance", NULL };
	static const char *const tcp_ready[] = { "tcp", "send", "expect", "timeout", "every", "within", NULL };
	static const char *const http_ready[] = { "http", "status", "expect", "timeout", "every", "within", NULL };
	static const char *const any_ready[] = { "tcp", "send", "http", "status", "expect", "timeout", "every", "within", NULL };
	bool is_tcp = doc_get(map, "tcp") != NULL, is_http = doc_get(map, "http") != NULL;

	if (ready)
		doc_keys(r->d, map, is_tcp == is_http ? any_ready : is_tcp ? tcp_ready : http_ready);
	else if (is_tcp + is_http + (doc_get(map, "process") != NULL) != 1)
		doc_keys(r->d, map, all);
	else
		doc_keys(r->d, map, is_tcp ? tcp : is_http ? http : process);
}

static void
read_common(struct exp_reader *r, const struct doc_node *map, struct experiment_probe *p)
{
	p->process = -1;
	p->timeout = TIMEOUT_DEFAULT;
	exp_field_duration(r, map, "timeout", FL_MS, 60 * FL_SEC, &p->timeout);
	exp_field_duration(r, map, "every", 10 * FL_MS, 60 * FL_SEC, &p->every);
	read_target(r, map, p);
}

static void
read_probe(struct exp_reader *r, const struct doc_node *map, struct experiment_probe *p)
{
	const struct doc_node *name = doc_get(map, "name");

	if (!doc_expect(r->d, map, DOC_MAP, "a probe: a map with name and one of tcp, http, process"))
		return;
	check_keys(r, map, false);
	p->every = EVERY_DEFAULT;
	p->tolerance = 1;
	if (!exp_field_text(r, map, "name", "found a probe without a name, expected name: ...", &p->name))
		p->name = "";
	else if (p->name[0] == '\0' || strlen(p->name) > 120)
		doc_complain(r->d, name, "found a name of %zu bytes, expected 1 to 120", strlen(p->name));
	for (uint32_t i = 0; i < r->x->probe_count; i++)
		if (strcmp(r->x->probes[i].name, p->name) == 0 && p->name[0] != '\0')
			doc_complain(r->d, name, "found a second probe called \"%.60s\", expected names that differ", p->name);
	read_common(r, map, p);
	read_when(r, map, p);
	if (exp_field_share(r, map, "tolerance", &p->tolerance) && (p->when & PROBE_DURING) == 0)
		doc_complain(r->d, doc_get(map, "tolerance"), "found a tolerance on a probe that does not run during the faults");
}

void
exp_probe_list(struct exp_reader *r, const struct doc_node *root)
{
	struct experiment *x = r->x;
	const struct doc_node *list = exp_field_list(r, root, "probes", EXPERIMENT_PROBES_MAX, "probes");

	for (uint32_t i = 0; list != NULL && i < list->count; i++) {
		read_probe(r, list->items[i], &x->probes[i]);
		x->probe_names[i] = x->probes[i].name == NULL ? "" : x->probes[i].name;
		x->probe_count++;
	}
}

const struct experiment_probe *
exp_probe_ready(struct exp_reader *r, const struct doc_node *n, const char *process, fl_ns *ret_within)
{
	struct experiment_probe *p = arena_alloc(&r->x->mem, sizeof(*p));

	if (p == NULL || !doc_expect(r->d, n, DOC_MAP, "a map with tcp or http"))
		return NULL;
	if (doc_get(n, "tcp") == NULL && doc_get(n, "http") == NULL && doc_get(n, "process") != NULL) {
		doc_complain(r->d, doc_get(n, "process"), "found a process, expected tcp or http to tell when it is ready");
		return NULL;
	}
	check_keys(r, n, true);
	p->name = process;
	p->every = 20 * FL_MS;
	read_common(r, n, p);
	exp_field_duration(r, n, "within", FL_MS, 600 * FL_SEC, ret_within);
	return p;
}
