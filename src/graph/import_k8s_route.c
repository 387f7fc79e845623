/* SPDX-License-Identifier: MIT */
/* import_k8s_route.c - who is reached from outside, and where events go, by the custom resources in use for that. */
#include "graph/import_k8s.h"
#include <stdio.h>
#include <string.h>

static const struct doc_node *
item(const struct doc_node *list, uint32_t i)
{
	return list != NULL && list->kind == DOC_LIST && i < list->count ? list->items[i] : NULL;
}

static const char *
ns_of(const struct doc_node *root)
{
	return import_word(doc_get(root, "metadata"), "namespace");
}

static const char *
or_else(const char *s, const char *other)
{
	return s[0] != '\0' ? s : other;
}

void
import_k8s_host(struct import *im, const struct doc_node *root, const char *host, const char *to, bool inside)
{
	struct k8s_host *h = import_alloc(im, sizeof(*h));
	struct import_k8s *k = im->parts->k8s;

	if (h == NULL)
		return;
	h->host = import_keep(im, host);
	h->ns = import_keep(im, ns_of(root));
	h->to = to != NULL ? import_keep(im, to) : NULL;
	h->inside = inside;
	h->at = import_here(im, root);
	h->next = k->hosts;
	k->hosts = h;
}

void
import_k8s_expose(struct import *im, const char *ns, const char *service, const char *host)
{
	struct import_k8s *k = im->parts->k8s;
	char key[600];
	const char *dot = strchr(service, '.');

	snprintf(key, sizeof(key), "%.250s/%.*s", ns, (int)(dot != NULL ? dot - service : 253), service);
	import_push(im, k->exposed_end, key, host);
	if (*k->exposed_end != NULL)
		k->exposed_end = &(*k->exposed_end)->next;
}

/* Backends of one rule, by each of the route's hosts; a route of a service inside of the mesh leads nowhere new. */
static void
route_rule(struct import *im, const struct doc_node *root, const struct doc_node *rule)
{
	const struct doc_node *hosts = IMPORT_PATH(root, "spec", "hostnames"), *refs = doc_get(rule, "backendRefs"), *b;

	for (uint32_t i = 0; (b = item(refs, i)) != NULL; i++) {
		const char *kind = import_word(b, "kind"), *ns = or_else(import_word(b, "namespace"), ns_of(root));

		if (kind[0] != '\0' && strcmp(kind, "Service") != 0)
			continue;
		if (item(hosts, 0) == NULL)
			import_k8s_expose(im, ns, import_word(b, "name"), "*");
		for (uint32_t h = 0; item(hosts, h) != NULL; h++)
			import_k8s_expose(im, ns, import_word(b, "name"), item(hosts, h)->text);
	}
}

static void
gateway_route(struct import *im, const struct doc_node *root)
{
	const struct doc_node *rules = IMPORT_PATH(root, "spec", "rules"), *parents = IMPORT_PATH(root, "spec", "parentRefs"), *p;
	bool inside = item(parents, 0) != NULL;

	for (uint32_t i = 0; (p = item(parents, i)) != NULL; i++)
		inside = inside && strcmp(import_word(p, "kind"), "Service") == 0;
	for (uint32_t i = 0; item(rules, i) != NULL && !inside; i++)
		route_rule(im, root, item(rules, i));
}

/* OpenShift's Route: to, and alternateBackends. */
static void
openshift_route(struct import *im, const struct doc_node *root)
{
	const struct doc_node *spec = doc_get(root, "spec"), *more = doc_get(spec, "alternateBackends");
	const char *host = or_else(import_word(spec, "host"), "*");

	import_k8s_expose(im, ns_of(root), import_word(doc_get(spec, "to"), "name"), host);
	for (uint32_t i = 0; item(more, i) != NULL; i++)
		import_k8s_expose(im, ns_of(root), import_word(item(more, i), "name"), host);
}

/* Traefik's IngressRoute and Contour's HTTPProxy: routes of services. */
static void
routes_of_services(struct import *im, const struct doc_node *root)
{
	const struct doc_node *routes = IMPORT_PATH(root, "spec", "routes"), *services;
	const char *host = or_else(import_word(IMPORT_PATH(root, "spec", "virtualhost"), "fqdn"), "*");

	for (uint32_t i = 0; item(routes, i) != NULL; i++) {
		services = doc_get(item(routes, i), "services");
		for (uint32_t j = 0; item(services, j) != NULL; j++) {
			const struct doc_node *s = item(services, j);

			if (strcmp(or_else(import_word(s, "kind"), "Service"), "Service") == 0)
				import_k8s_expose(im, or_else(import_word(s, "namespace"), ns_of(root)), import_word(s, "name"), host);
		}
	}
}

/* A destination of events: {ref: {kind, name, namespace}} or {uri}. */
static void
add_call(struct import *im, const struct doc_node *root, const char *from, enum sight_kind kind, const struct doc_node *sink)
{
	const struct doc_node *ref = doc_get(sink, "ref");
	const char *to = import_word(ref, "name"), *uri = strstr(import_word(sink, "uri"), "://");
	struct import_k8s *k = im->parts->k8s;
	struct k8s_call *c;

	if (to[0] == '\0' && uri == NULL)
		return;
	c = import_alloc(im, sizeof(*c));
	if (c == NULL)
		return;
	c->from = import_keep(im, from);
	c->from_kind = kind;
	c->ns = import_keep(im, ns_of(root));
	c->to = to[0] != '\0' ? import_keep(im, to) : import_keepn(im, uri + 3, strcspn(uri + 3, ":/"));
	c->to_ns = to[0] != '\0' ? import_keep(im, or_else(import_word(ref, "namespace"), ns_of(root))) : NULL;
	c->at = import_here(im, root);
	if (im->failed != 0)
		return;
	*k->calls_end = c;
	k->calls_end = &c->next;
}

static void
events(struct import *im, const struct doc_node *root, const char *kind)
{
	const struct doc_node *spec = doc_get(root, "spec");
	const char *name = import_word(doc_get(root, "metadata"), "name");

	if (strcmp(kind, "Trigger") == 0)
		add_call(im, root, or_else(import_word(spec, "broker"), "default"), SIGHT_BROKER, doc_get(spec, "subscriber"));
	else if (strcmp(kind, "Subscription") == 0)
		add_call(im, root, import_word(doc_get(spec, "channel"), "name"), SIGHT_BROKER, doc_get(spec, "subscriber"));
	else if (strcmp(kind, "SinkBinding") == 0)
		add_call(im, root, import_word(doc_get(spec, "subject"), "name"), SIGHT_KIND_UNKNOWN, doc_get(spec, "sink"));
	else
		add_call(im, root, name, SIGHT_KIND_UNKNOWN, doc_get(spec, "sink"));
}

bool
import_k8s_route(struct import *im, const struct doc_node *root, const char *kind, const char *version)
{
	size_t n = strlen(kind);

	if (strncmp(version, "gateway.networking.", 19) == 0 && n > 5 && strcmp(kind + n - 5, "Route") == 0)
		gateway_route(im, root);
	else if (strcmp(kind, "Route") == 0 && strncmp(version, "serving.", 8) != 0)
		openshift_route(im, root);
	else if (strncmp(kind, "IngressRoute", 12) == 0 || strcmp(kind, "HTTPProxy") == 0)
		routes_of_services(im, root);
	else if (strncmp(version, "eventing.knative.", 17) == 0 || strncmp(version, "messaging.knative.", 18) == 0 || strncmp(version,
		"sources.knative.", 16) == 0)
		events(im, root, kind);
	else
		return false;
	return IMPORT_PATH(root, "spec", "template") == NULL;   /* a ContainerSource runs, too */
}
