/* SPDX-License-Identifier: MIT */
/*
 * import_k8s.c - a cluster's manifests, all of them read, made into sightings.
 *
 * A workload is called by the service that selects it and nothing else, since that is what others call it; versions behind one service
 * (reviews-v1, reviews-v2) are one node. Where a service leads to several nodes that have names of their own, it is a group of them.
 */
#include "graph/import_image.h"
#include "graph/import_k8s.h"
#include "graph/import_tally.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MEMBERS_MAX 64
#define SELECTED_MAX 256u       /* workloads of one service */
#define RULE_PAIRS_MAX 65536u

static void
link_service(struct import *im, struct import_k8s *k, struct k8s_service *s)
{
	const struct k8s_pick *all = import_k8s_pick(k, s->ns, s->selector);
	uint32_t n = 0;

	for (const struct k8s_pick *p = all; p != NULL && n < SELECTED_MAX; p = p->next)
		n += import_k8s_selects(s->selector, p->w->labels);
	s->to = import_alloc(im, (n + 1) * sizeof(struct k8s_workload *));
	for (const struct k8s_pick *p = all; p != NULL && s->to != NULL && s->to_count < n; p = p->next) {
		if (import_k8s_selects(s->selector, p->w->labels))
			s->to[s->to_count++] = p->w;
	}
}

static void
link_all(struct import *im, struct import_k8s *k)
{
	char key[600];

	import_k8s_index(im);
	for (struct k8s_service *s = k->services; s != NULL && im->failed == 0; s = s->next) {
		link_service(im, k, s);
		snprintf(key, sizeof(key), "%.250s/%.253s", s->ns, s->name);
		if (map_get(&k->by_host, key) == NULL && map_put(&k->by_host, key, s, NULL) != 0)
			im->failed = -ENOMEM;
	}
	for (struct k8s_config *c = k->configs; c != NULL && im->failed == 0; c = c->next) {
		snprintf(key, sizeof(key), "%c/%.250s/%.253s", c->secret ? 's' : 'c', c->ns, c->name);
		if (map_get(&k->by_config, key) == NULL && map_put(&k->by_config, key, c, NULL) != 0)
			im->failed = -ENOMEM;
	}
}

static bool
is_prefix(const char *p, const char *s)
{
	size_t n = strlen(p);

	return strncmp(p, s, n) == 0 && (s[n] == '\0' || s[n] == '-');
}

/* Does name a say better than b what w is called? b may be NULL. */
static bool
is_better(const struct k8s_workload *w, const char *a, const char *b)
{
	bool a_same = strcmp(a, w->name) == 0, b_same = b != NULL && strcmp(b, w->name) == 0;

	if (b == NULL || a_same != b_same)
		return b == NULL || a_same;
	if (strlen(a) != strlen(b))
		return strlen(a) < strlen(b);
	return strcmp(a, b) < 0;
}

static bool
is_label_of(const struct k8s_workload *w, const char *name)
{
	for (const struct import_text *l = w->labels; l != NULL; l = l->next) {
		if ((strcmp(l->key, "app") == 0 || strcmp(l->key, "app.kubernetes.io/name") == 0) && strcmp(l->value, name) == 0)
			return true;
	}
	return false;
}

static void
name_workloads(struct import_k8s *k)
{
	for (struct k8s_service *s = k->services; s != NULL; s = s->next) {
		for (uint32_t i = 0; s->to_count == 1 && i < 1; i++) {
			if (is_better(s->to[0], s->name, s->to[0]->node))
				s->to[0]->node = s->name;
		}
	}
	for (struct k8s_service *s = k->services; s != NULL; s = s->next) {
		for (uint32_t i = 0; s->to_count > 1 && i < s->to_count; i++) {
			if (s->to[i]->node == NULL && (is_prefix(s->name, s->to[i]->name) || is_label_of(s->to[i], s->name)))
				s->to[i]->node = s->name;
		}
	}
	for (struct k8s_workload *w = k->workloads; w != NULL; w = w->next) {
		/* A patch of a workload is of the same name, and has no labels. */
		for (const struct k8s_pick *p = w->node == NULL ? import_k8s_pick_named(k, w->ns, w->name,
			strlen(w->name)) : NULL; p != NULL; p = p->next) {
			if (w->node == NULL && w->labels == NULL && strcmp(p->w->kind, w->kind) == 0)
				w->node = p->w->node;
		}
		if (w->node == NULL || is_prefix(w->name, w->node))
			w->node = w->name;
	}
}

/* By the image of the first container that is one we know. */
static void
find_kinds(struct import_k8s *k)
{
	for (struct k8s_workload *w = k->workloads; w != NULL; w = w->next) {
		for (const struct k8s_container *c = w->containers; c != NULL && w->node_kind <= SIGHT_SERVICE; c = c->next) {
			if (!c->init)
				w->node_kind = import_image_kind(c->image);
		}
		if (w->node_kind <= SIGHT_SERVICE)
			w->node_kind = import_image_kind(w->node);
	}
}

/* What a caller of the service depends on. */
static void
name_service(struct import *im, struct import_k8s *k, struct k8s_service *s)
{
	uint32_t nodes = 0;

	s->node = s->name;
	s->node_ns = s->ns;
	if (s->external != NULL) {
		struct k8s_service *to = import_k8s_lookup(k, s->external, s->ns);

		s->node = to != NULL ? to->name : s->external;
		s->node_ns = to != NULL ? to->ns : NULL;
		s->node_kind = to != NULL ? to->node_kind : SIGHT_EXTERNAL;
		if (to == NULL && import_k8s_foreign(im, s->external, &s->node, &s->node_ns))
			s->node_kind = SIGHT_KIND_UNKNOWN;
		return;
	}
	for (uint32_t i = 0; i < s->to_count; i++) {
		bool seen = false;

		for (uint32_t j = 0; j < i; j++)
			seen = seen || strcmp(s->to[i]->node, s->to[j]->node) == 0;
		if (!seen)
			s->to[nodes++] = s->to[i];
	}
	s->to_count = nodes;
	if (nodes == 1) {
		s->node = s->to[0]->node;
		s->node_kind = s->to[0]->node_kind;
	} else if (nodes > 1) {
		s->node_kind = SIGHT_GROUPING;
	}
}

static void
tell_alias(struct import *im, const char *name, const char *ns, const char *to, const char *to_ns, const char *why, struct import_at at)
{
	struct sight s = import_sight(SIGHT_ALIAS, K8S_SOURCE);

	if (name == NULL || strcmp(name, to) == 0)
		return;
	s.name = name;
	s.space = ns;
	s.to = to;
	s.to_space = to_ns;
	s.value = why;
	import_tell(im, &s, at);
}

static void
tell_group(struct import *im, const struct k8s_service *s)
{
	const char *members[MEMBERS_MAX];
	struct sight g = import_sight(SIGHT_GROUP, K8S_SOURCE), n = import_sight(SIGHT_NODE, K8S_SOURCE);

	n.name = s->name;
	n.space = s->ns;
	n.kind = SIGHT_GROUPING;
	import_tell(im, &n, s->at);
	for (uint32_t i = 0; i < s->to_count && i < MEMBERS_MAX; i++) {
		members[i] = s->to[i]->node;
		g.member_count++;
	}
	g.from = s->name;
	g.from_space = s->ns;
	g.to_space = s->ns;
	g.members = members;
	g.k = 1;
	g.phase = SIGHT_BOTH;
	import_tell(im, &g, s->at);
}

static void
tell_service(struct import *im, const struct k8s_service *s)
{
	char why[600];

	if (s->to_count > 1)
		tell_group(im, s);
	if (s->to_count == 1) {
		snprintf(why, sizeof(why), "service %s selects %s", s->name, s->to[0]->name);
		tell_alias(im, s->name, s->ns, s->node, s->node_ns, why, s->at);
	}
	if (s->cluster_ip != NULL && (s->to_count > 0 || s->external == NULL)) {
		snprintf(why, sizeof(why), "cluster address of service %s", s->name);
		tell_alias(im, s->cluster_ip, NULL, s->node, s->node_ns, why, s->at);
		import_tally_name(im, s->cluster_ip, s->node);
	}
}

/* Whatever leads in from outside. */
static void
tell_exposed(struct import *im, struct import_k8s *k)
{
	for (const struct import_text *e = k->exposed; e != NULL && im->failed == 0; e = e->next) {
		const struct k8s_service *s = map_get(&k->by_host, e->key);

		if (s != NULL)
			import_fact(im, K8S_SOURCE, s->node, s->node_ns, "exposed", e->value, s->at);
	}
}

static void
number_fact(struct import *im, const struct k8s_workload *w, const char *key, int64_t v, const char *unit)
{
	char text[40];

	snprintf(text, sizeof(text), "%lld%s", (long long)v, unit);
	import_fact(im, K8S_SOURCE, w->node, w->ns, key, text, w->at);
}

static int64_t
start_max(const struct k8s_workload *w)
{
	int64_t max = 0;

	for (const struct k8s_container *c = w->containers; c != NULL; c = c->next)
		max = FL_MAX(max, c->start_max);
	return max;
}

static void
tell_workload(struct import *im, const struct k8s_workload *w)
{
	struct sight s = import_sight(SIGHT_NODE, K8S_SOURCE);
	char why[600];
	int64_t start = start_max(w);

	s.name = w->node;
	s.space = w->ns;
	s.app = w->app;
	s.kind = w->node_kind;
	import_tell(im, &s, w->at);
	snprintf(why, sizeof(why), "%s %s", w->kind, w->name);
	tell_alias(im, w->name, w->ns, w->node, w->ns, why, w->at);
	import_fact(im, K8S_SOURCE, w->node, w->ns, "kubernetes.kind", w->kind, w->at);
	import_fact(im, K8S_SOURCE, w->node, w->ns, "owner", w->owner, w->at);
	import_fact(im, K8S_SOURCE, w->node, w->ns, "schedule", w->schedule, w->at);
	import_fact(im, K8S_SOURCE, w->node, w->ns, "spread", w->spread, w->at);
	import_fact(im, K8S_SOURCE, w->node, w->ns, "zone", w->zone, w->at);
	if (w->stateful)
		import_fact(im, K8S_SOURCE, w->node, w->ns, "stateful", "true", w->at);
	if (w->replicas >= 0)
		number_fact(im, w, "replicas", w->replicas, "");
	if (start > 0)
		number_fact(im, w, "recover.probe", start, "s");
}

/* How many of its replicas must stay: minAvailable or maxUnavailable, as a number or a share. */
static void
tell_budget(struct import *im, const struct k8s_budget *b, const struct k8s_workload *w)
{
	char *end;
	const char *text = b->min[0] != '\0' ? b->min : b->max;
	long long v = strtoll(text, &end, 10);
	int64_t n = w->replicas >= 0 ? w->replicas : 1;

	if (end == text || v < 0 || v > 1000000)
		return;
	if (*end == '%')
		v = b->min[0] != '\0' ? (n * v + 99) / 100 : n * v / 100;
	v = b->min[0] != '\0' ? v : n - v;
	if (v > 0)
		number_fact(im, w, "replicas.min", v, "");
}

/* The workloads of the rule's two ends, each with each. */
static void
tell_rule(struct import *im, struct import_k8s *k, const struct k8s_rule *r)
{
	const char *from_ns = r->egress ? r->ns : r->from_ns, *to_ns = r->egress ? r->from_ns : r->ns;
	const struct k8s_pick *from = r->account != NULL ? import_k8s_pick_account(k, from_ns, r->account) : import_k8s_pick(k, from_ns, r->from);
	uint32_t pairs = 0;

	for (; from != NULL; from = from->next) {
		const struct k8s_workload *a = from->w;

		if (r->account == NULL && !import_k8s_selects(r->from, a->labels))
			continue;
		for (const struct k8s_pick *p = import_k8s_pick(k, to_ns, r->to); p != NULL; p = p->next) {
			struct sight s = import_sight(SIGHT_RULE, K8S_SOURCE);

			if (a == p->w || !import_k8s_selects(r->to, p->w->labels))
				continue;
			if (pairs++ == RULE_PAIRS_MAX) {
				import_drop(im);
				return;
			}
			s.from = a->node;
			s.from_space = a->ns;
			s.to = p->w->node;
			s.to_space = p->w->ns;
			s.value = r->deny ? "deny" : "allow";
			import_tell(im, &s, r->at);
		}
	}
}

/* By its own name, or its maker's with what makers put behind that: the longest that bears its labels. */
static const struct k8s_workload *
maker_of(const struct import_k8s *k, const struct k8s_pod *p)
{
	const struct k8s_pick *w = import_k8s_pick_named(k, p->ns, p->name, strlen(p->name));

	if (w != NULL)
		return w->w;
	for (size_t n = strlen(p->name); n > 0; n--) {
		if (p->name[n] != '-')
			continue;
		for (w = import_k8s_pick_named(k, p->ns, p->name, n); w != NULL; w = w->next) {
			if (import_k8s_selects(w->w->labels, p->labels))
				return w->w;
		}
	}
	return NULL;
}

/* Pods know their addresses: they are instances of the workload whose labels they bear. */
static void
tell_pod(struct import *im, struct import_k8s *k, const struct k8s_pod *p)
{
	const struct k8s_workload *w = p->ip != NULL ? maker_of(k, p) : NULL;
	struct sight s = import_sight(SIGHT_INSTANCE, K8S_SOURCE);

	if (w == NULL)
		return;
	s.name = w->node;
	s.space = w->ns;
	s.kind = w->node_kind;
	s.address = p->ip;
	import_tell(im, &s, p->at);
	import_tally_name(im, p->ip, w->node);
}

static void
tell_externals(struct import *im, struct import_k8s *k)
{
	for (const struct k8s_host *h = k->hosts; h != NULL; h = h->next) {
		struct sight s = import_sight(SIGHT_NODE, K8S_SOURCE);

		if (h->to != NULL)
			continue;
		s.name = h->host;
		s.kind = h->inside ? SIGHT_SERVICE : SIGHT_EXTERNAL;
		import_tell(im, &s, h->at);
	}
}

/* A workload's name, a service's, or its own. */
static void
find_end(struct import_k8s *k, const char *name, const char *ns, const char **ret_node, const char **ret_ns, enum sight_kind *kind)
{
	const struct k8s_service *s = import_k8s_lookup(k, name, ns != NULL ? ns : "");
	const struct k8s_pick *w = s == NULL ? import_k8s_pick_named(k, ns != NULL ? ns : "", name, strlen(name)) : NULL;

	*ret_node = s != NULL ? s->node : w != NULL ? w->w->node : name;
	*ret_ns = s != NULL ? s->node_ns : ns;
	if (s != NULL || w != NULL)
		*kind = s != NULL ? s->node_kind : w->w->node_kind;
}

static void
tell_call(struct import *im, struct import_k8s *k, const struct k8s_call *c)
{
	struct sight s = import_sight(SIGHT_LINE, K8S_SOURCE);

	s.from_kind = c->from_kind;
	s.to_kind = c->to_ns == NULL && strchr(c->to, '.') != NULL ? SIGHT_EXTERNAL : SIGHT_KIND_UNKNOWN;
	find_end(k, c->from, c->ns, &s.from, &s.from_space, &s.from_kind);
	find_end(k, c->to, c->to_ns, &s.to, &s.to_space, &s.to_kind);
	s.protocol = "http";
	s.mode = SIGHT_ASYNC;
	s.phase = SIGHT_RUNTIME;
	if (s.from[0] != '\0' && s.to[0] != '\0')
		import_tell(im, &s, c->at);
}

int
import_k8s_finish(struct import *im)
{
	struct import_k8s *k = im->parts->k8s;

	if (k == NULL || im->failed != 0)
		return im->failed;
	link_all(im, k);
	if (im->failed != 0)
		return im->failed;
	name_workloads(k);
	find_kinds(k);
	for (struct k8s_service *s = k->services; s != NULL; s = s->next)
		name_service(im, k, s);
	for (struct k8s_workload *w = k->workloads; w != NULL && im->failed == 0; w = w->next)
		tell_workload(im, w);
	tell_externals(im, k);
	for (struct k8s_service *s = k->services; s != NULL && im->failed == 0; s = s->next)
		tell_service(im, s);
	tell_exposed(im, k);
	for (struct k8s_workload *w = k->workloads; w != NULL && im->failed == 0; w = w->next)
		import_k8s_refs(im, w);
	for (const struct k8s_budget *b = k->budgets; b != NULL; b = b->next) {
		for (const struct k8s_pick *p = import_k8s_pick(k, b->ns, b->selector); p != NULL && im->failed == 0; p = p->next) {
			if (import_k8s_selects(b->selector, p->w->labels))
				tell_budget(im, b, p->w);
		}
	}
	for (const struct k8s_call *c = k->calls; c != NULL && im->failed == 0; c = c->next)
		tell_call(im, k, c);
	for (const struct k8s_rule *r = k->rules; r != NULL && im->failed == 0; r = r->next)
		tell_rule(im, k, r);
	for (const struct k8s_pod *p = k->pods; p != NULL && im->failed == 0; p = p->next)
		tell_pod(im, k, p);
	return im->failed;
}

void
import_k8s_fini(struct import *im)
{
	struct import_k8s *k = im->parts != NULL ? im->parts->k8s : NULL;

	if (k == NULL)
		return;
	map_fini(&k->by_host);
	map_fini(&k->by_config);
	map_fini(&k->by_label);
	map_fini(&k->by_route);
	map_fini(&k->spaces);
	map_fini(&k->told);
}
