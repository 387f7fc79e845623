/* SPDX-License-Identifier: MIT */
/*
 * exp_counter.c - counters: servers that tell numbers of themselves as a JSON object.
 *
 *      counters:
 *        a: "http://127.0.0.1:{port:a}/stats"
 *        b: {http: "http://127.0.0.1:{port:b}/numbers", every: 500ms, requests: hits, worked: done, wasted: thrown_away}
 */
#include "run/exp_counter.h"

#define EVERY_DEFAULT (200 * FL_MS)

static void
read_counter(struct exp_reader *r, const struct doc_node *named, uint32_t i, struct experiment_counter *c)
{
	static const char *const known[] = { "name", "http", "every", "timeout", "requests", "worked", "wasted", NULL };
	const struct doc_node *n = exp_field_named_item(named, i);

	*c = (struct experiment_counter){ .every = EVERY_DEFAULT, .timeout = FL_SEC, .requests = "requests", .worked = "worked",
		.wasted = "abandoned" };
	if (n->kind == DOC_SCALAR && named->kind == DOC_MAP) {
		exp_field_url(r, named, named->pairs[i].key->text, NULL, &c->target, &c->path);
		return;
	}
	if (!doc_expect(r->d, n, DOC_MAP, "a URL, or a map with http"))
		return;
	doc_keys(r->d, n, known);
	exp_field_url(r, n, "http", "found a counter without http, expected http: URL of a JSON object", &c->target, &c->path);
	exp_field_duration(r, n, "every", 20 * FL_MS, 3600 * FL_SEC, &c->every);
	exp_field_duration(r, n, "timeout", FL_MS, 60 * FL_SEC, &c->timeout);
	exp_field_text(r, n, "requests", NULL, &c->requests);
	exp_field_text(r, n, "worked", NULL, &c->worked);
	exp_field_text(r, n, "wasted", NULL, &c->wasted);
}

void
exp_counter_list(struct exp_reader *r, const struct doc_node *root)
{
	struct experiment *x = r->x;
	const struct doc_node *named = exp_field_named(r, root, "counters", EXPERIMENT_COUNTERS_MAX, "counters");
	const char *names[EXPERIMENT_COUNTERS_MAX + 1] = { NULL };

	for (uint32_t i = 0; named != NULL && i < named->count; i++) {
		const char *name = exp_field_name(r, named, i, "counter", names);
		read_counter(r, named, i, &x->counters[i]);
		names[i] = x->counters[i].name = name == NULL ? "" : name;
		x->counter_count = i + 1;
	}
}
