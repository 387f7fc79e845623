/* SPDX-License-Identifier: MIT */
/* import_k8s_read.c - one document of a cluster into import_k8s.h's lists. Kinds that say nothing of the map are passed over. */
#include "graph/import_k8s.h"
#include <stdio.h>
#include <string.h>

#define CONFIG_VALUE_MAX 65536

static struct import_k8s *
state(struct import *im)
{
	struct import_k8s *k = im->parts->k8s;

	if (k != NULL)
		return k;
	k = import_alloc(im, sizeof(*k));
	if (k == NULL)
		return NULL;
	k->workloads_end = &k->workloads;
	k->services_end = &k->services;
	k->configs_end = &k->configs;
	k->rules_end = &k->rules;
	k->pods_end = &k->pods;
	k->calls_end = &k->calls;
	k->exposed_end = &k->exposed;
	struct map *const maps[] = { &k->by_host, &k->by_config, &k->by_label, &k->by_route, &k->spaces, &k->told };
	for (size_t i = 0; i < FL_ARRAY_LEN(maps); i++)
		map_init(maps[i], i, (uint64_t)im->opts.now);
	im->parts->k8s = k;
	return k;
}

static const struct doc_node *
item(const struct doc_node *list, uint32_t i)
{
	return list != NULL && list->kind == DOC_LIST && i < list->count ? list->items[i] : NULL;
}

static const char *
meta_word(const struct doc_node *root, const char *key)
{
	return import_word(doc_get(root, "metadata"), key);
}

static void
read_service(struct import *im, struct import_k8s *k, const struct doc_node *root)
{
	const struct doc_node *spec = doc_get(root, "spec");
	struct k8s_service *s = import_alloc(im, sizeof(*s));
	const char *ip = import_word(spec, "clusterIP");

	if (s == NULL)
		return;
	s->name = import_keep(im, meta_word(root, "name"));
	s->ns = import_keep(im, meta_word(root, "namespace"));
	s->selector = import_k8s_labels(im, doc_get(spec, "selector"));
	s->external = strcmp(import_word(spec, "type"), "ExternalName") == 0 ? import_keep(im, import_word(spec, "externalName")) : NULL;
	s->cluster_ip = import_host_is_address(ip) ? import_keep(im, ip) : NULL;
	s->at = import_here(im, root);
	*k->services_end = s;
	k->services_end = &s->next;
}

static const char base64_letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/* Decoded text into out; what is no base64 ends it. */
static void
base64(const char *s, char *out, size_t out_bytes)
{
	uint32_t bits = 0;
	unsigned have = 0;
	size_t n = 0;

	for (; *s != '\0' && n < out_bytes - 1; s++) {
		const char *at = strchr(base64_letters, *s);

		if (at == NULL)
			break;
		bits = bits << 6 | (uint32_t)(at - base64_letters);
		have += 6;
		if (have >= 8) {
			have -= 8;
			out[n++] = (char)(bits >> have & 0xff);
			if (out[n - 1] == '\0')
				n--;
		}
	}
	out[n] = '\0';
}

struct hosts {
	struct buf *out;
};

static void
keep_host(void *arg, const struct import_ref *r)
{
	struct hosts *h = arg;
	bool v6 = strchr(r->host, ':') != NULL;

	if (buf_len(h->out) > 0)
		buf_putc(h->out, ' ');
	if (r->scheme[0] != '\0')
		buf_printf(h->out, "%s://", r->scheme);
	buf_printf(h->out, "%s%s%s", v6 ? "[" : "", r->host, v6 ? "]" : "");
	if (r->port != 0)
		buf_printf(h->out, ":%u", r->port);
}

/* Of a secret's value the hosts that it names, written as references again; nothing else of it is kept. */
static void
push_secret(struct import *im, struct import_text **data, const char *key, const char *value)
{
	struct buf hosts;
	struct hosts h = { .out = &hosts };

	buf_init(&hosts, 4096);
	import_refs(key, value, false, keep_host, &h);
	if (buf_len(&hosts) > 0)
		import_push(im, data, key, buf_str(&hosts));
	buf_fini(&hosts);
}

static void
read_data(struct import *im, struct k8s_config *c, const struct doc_node *map, bool encoded)
{
	char *plain;

	for (uint32_t i = 0; map != NULL && map->kind == DOC_MAP && i < map->count; i++) {
		const char *key = map->pairs[i].key->text, *value = map->pairs[i].value->text;

		if (strlen(value) > CONFIG_VALUE_MAX)
			continue;
		if (!c->secret) {
			import_push(im, &c->data, key, value);
			continue;
		}
		plain = NULL;
		if (encoded) {
			struct buf b;

			buf_init(&b, CONFIG_VALUE_MAX + 1);
			plain = buf_reserve(&b, strlen(value) + 1);
			if (plain != NULL) {
				base64(value, plain, strlen(value) + 1);
				push_secret(im, &c->data, key, plain);
				explicit_bzero(plain, strlen(value) + 1);
			}
			buf_fini(&b);
		} else {
			push_secret(im, &c->data, key, value);
		}
	}
}

static void
read_config(struct import *im, struct import_k8s *k, const struct doc_node *root, bool secret)
{
	struct k8s_config *c = import_alloc(im, sizeof(*c));

	if (c == NULL)
		return;
	c->name = import_keep(im, meta_word(root, "name"));
	c->ns = import_keep(im, meta_word(root, "namespace"));
	c->secret = secret;
	read_data(im, c, doc_get(root, "data"), secret);
	read_data(im, c, doc_get(root, "stringData"), false);
	*k->configs_end = c;
	k->configs_end = &c->next;
}

static void
read_budget(struct import *im, struct import_k8s *k, const struct doc_node *root)
{
	const struct doc_node *spec = doc_get(root, "spec");
	struct k8s_budget *b = import_alloc(im, sizeof(*b));

	if (b == NULL)
		return;
	b->ns = import_keep(im, meta_word(root, "namespace"));
	b->min = import_keep(im, import_word(spec, "minAvailable"));
	b->max = import_keep(im, import_word(spec, "maxUnavailable"));
	b->selector = import_k8s_labels(im, IMPORT_PATH(spec, "selector", "matchLabels"));
	b->at = import_here(im, root);
	b->next = k->budgets;
	k->budgets = b;
}

static struct k8s_rule *
add_rule(struct import *im, struct import_k8s *k, const struct doc_node *root, struct import_text *to)
{
	struct k8s_rule *r = import_alloc(im, sizeof(*r));

	if (r == NULL)
		return NULL;
	r->ns = import_keep(im, meta_word(root, "namespace"));
	r->from_ns = r->ns;
	r->to = to;
	r->at = import_here(im, root);
	*k->rules_end = r;
	k->rules_end = &r->next;
	return r;
}

/* The peers of one direction of a NetworkPolicy: those with a pod selector name workloads. */
static void
read_peers(struct import *im, struct import_k8s *k, const struct doc_node *root, const char *direction, const char *peers_key)
{
	const struct doc_node *spec = doc_get(root, "spec"), *list = doc_get(spec, direction), *peer;
	struct import_text *own = import_k8s_labels(im, IMPORT_PATH(spec, "podSelector", "matchLabels"));
	bool egress = strcmp(direction, "egress") == 0;

	for (uint32_t i = 0; item(list, i) != NULL; i++) {
		const struct doc_node *peers = doc_get(item(list, i), peers_key);

		for (uint32_t j = 0; (peer = item(peers, j)) != NULL; j++) {
			struct import_text *labels = import_k8s_labels(im, IMPORT_PATH(peer, "podSelector", "matchLabels"));
			const char *ns = import_word(IMPORT_PATH(peer, "namespaceSelector", "matchLabels"), "kubernetes.io/metadata.name");
			bool plain = IMPORT_PATH(peer, "podSelector", "matchExpressions") == NULL && doc_get(peer, "namespaceSelector") == NULL;
			struct k8s_rule *r = labels != NULL && own != NULL && (plain || ns[0] != '\0') ? add_rule(im, k, root,
				egress ? labels : own) : NULL;

			if (r == NULL)
				continue;
			r->from = egress ? own : labels;
			r->egress = egress;
			if (ns[0] != '\0')
				r->from_ns = import_keep(im, ns);
		}
	}
}

/* Istio: principals "cluster.local/ns/shop/sa/cart" may, or may not, call what the selector chooses. */
static void
read_authorization(struct import *im, struct import_k8s *k, const struct doc_node *root)
{
	const struct doc_node *spec = doc_get(root, "spec"), *rules = doc_get(spec, "rules");
	struct import_text *to = import_k8s_labels(im, IMPORT_PATH(spec, "selector", "matchLabels"));
	const char *action = import_word(spec, "action");

	if (to == NULL || (action[0] != '\0' && strcmp(action, "ALLOW") != 0 && strcmp(action, "DENY") != 0))
		return;
	for (uint32_t i = 0; item(rules, i) != NULL; i++) {
		const struct doc_node *from = doc_get(item(rules, i), "from");

		for (uint32_t j = 0; item(from, j) != NULL; j++) {
			const struct doc_node *who = IMPORT_PATH(item(from, j), "source", "principals");

			for (uint32_t p = 0; item(who, p) != NULL; p++) {
				const char *sa = strstr(item(who, p)->text, "/sa/"), *ns = strstr(item(who, p)->text, "/ns/");
				struct k8s_rule *r = sa != NULL && ns != NULL && sa > ns ? add_rule(im, k, root, to) : NULL;

				if (r == NULL)
					continue;
				r->from_ns = import_keepn(im, ns + 4, (size_t)(sa - ns - 4));
				r->account = import_keep(im, sa + 4);
				r->deny = strcmp(action, "DENY") == 0;
			}
		}
	}
}

static void
read_service_entry(struct import *im, const struct doc_node *root)
{
	const struct doc_node *spec = doc_get(root, "spec"), *hosts = doc_get(spec, "hosts"), *h;
	bool inside = strcmp(import_word(spec, "location"), "MESH_INTERNAL") == 0;

	for (uint32_t i = 0; (h = item(hosts, i)) != NULL; i++) {
		if (h->text[0] != '\0' && h->text[0] != '*')
			import_k8s_host(im, root, h->text, NULL, inside);
	}
}

static void
read_virtual_service(struct import *im, const struct doc_node *root)
{
	static const char *const protocols[] = { "http", "tcp", "tls" };
	const struct doc_node *spec = doc_get(root, "spec"), *hosts = doc_get(spec, "hosts"), *gateways = doc_get(spec, "gateways"), *h;
	bool outside = item(gateways, 0) != NULL && strcmp(item(gateways, 0)->text, "mesh") != 0;

	for (size_t p = 0; p < FL_ARRAY_LEN(protocols); p++) {
		const struct doc_node *routes = doc_get(spec, protocols[p]);

		for (uint32_t i = 0; item(routes, i) != NULL; i++) {
			const struct doc_node *to = doc_get(item(routes, i), "route");

			for (uint32_t j = 0; item(to, j) != NULL; j++) {
				const char *host = import_word(doc_get(item(to, j), "destination"), "host");

				for (uint32_t n = 0; host[0] != '\0' && (h = item(hosts, n)) != NULL; n++) {
					if (outside)
						import_k8s_expose(im, meta_word(root, "namespace"), host, h->text);
					else if (strcmp(h->text, host) != 0)
						import_k8s_host(im, root, h->text, host, true);
				}
			}
		}
	}
}

/* Ingress, old and new: the paths' services are reached from outside by the rule's host. */
static void
read_ingress(struct import *im, const struct doc_node *root)
{
	const struct doc_node *rules = IMPORT_PATH(root, "spec", "rules"), *spec = doc_get(root, "spec"), *path;
	const char *rest = import_word(IMPORT_PATH(spec, "defaultBackend", "service"), "name");

	if (rest[0] == '\0')
		rest = import_word(doc_get(spec, "backend"), "serviceName");
	if (rest[0] != '\0')
		import_k8s_expose(im, meta_word(root, "namespace"), rest, "*");
	for (uint32_t i = 0; item(rules, i) != NULL; i++) {
		const struct doc_node *paths = IMPORT_PATH(item(rules, i), "http", "paths");
		const char *host = import_word(item(rules, i), "host");

		for (uint32_t j = 0; (path = item(paths, j)) != NULL; j++) {
			const char *to = import_word(IMPORT_PATH(path, "backend", "service"), "name");

			if (to[0] == '\0')
				to = import_word(doc_get(path, "backend"), "serviceName");
			if (to[0] != '\0')
				import_k8s_expose(im, meta_word(root, "namespace"), to, host[0] != '\0' ? host : "*");
		}
	}
}

static void
read_pod(struct import *im, struct import_k8s *k, const struct doc_node *root)
{
	struct k8s_pod *p = import_alloc(im, sizeof(*p));
	const char *ip = import_word(doc_get(root, "status"), "podIP");

	if (p == NULL)
		return;
	p->name = import_keep(im, meta_word(root, "name"));
	p->ns = import_keep(im, meta_word(root, "namespace"));
	p->ip = strcmp(import_word(doc_get(root, "spec"), "hostNetwork"), "true") != 0 && import_host_is_address(ip) ? import_keep(im, ip) : NULL;
	p->labels = import_k8s_labels(im, IMPORT_PATH(root, "metadata", "labels"));
	p->at = import_here(im, root);
	*k->pods_end = p;
	k->pods_end = &p->next;
}

static void
add_made_service(struct import *im, struct import_k8s *k, const struct k8s_workload *w, const char *tail)
{
	struct k8s_service *s = import_alloc(im, sizeof(*s));

	if (s == NULL)
		return;
	*s = (struct k8s_service){ .name = import_printf(im, "%s%s", w->name, tail), .ns = w->ns, .at = w->at, .selector = w->labels };
	*k->services_end = s;
	k->services_end = &s->next;
}

/* Knative makes the service that leads to it. */
static void
add_workload(struct import *im, struct import_k8s *k, const struct doc_node *root, const struct doc_node *pod)
{
	struct k8s_workload *w = import_k8s_workload(im, root, pod);

	if (w == NULL)
		return;
	*k->workloads_end = w;
	k->workloads_end = &w->next;
	if (strncmp(import_word(root, "apiVersion"), "serving.knative.dev/", 20) != 0)
		return;
	import_push(im, &w->labels, "serving.knative.dev/service", w->name);
	add_made_service(im, k, w, "");
}

/* Custom resources whose operator makes a cluster, and the services that it makes. */
struct operated {
	const char *kind, *group;
	const char *names[4];           /* of services: the resource's name and these */
	enum sight_kind is;
	const char *replicas;           /* key of spec */
};
static const struct operated operated[] = {
	{ "Cluster", "postgresql.cnpg.io", { "-rw", "-ro", "-r" }, SIGHT_DATASTORE, "instances" },
	{ "postgresql", "acid.zalan.do", { "", "-repl" }, SIGHT_DATASTORE, "numberOfInstances" },
	{ "PostgresCluster", "postgres-operator.crunchydata.com", { "-primary", "-replicas", "-pgbouncer" }, SIGHT_DATASTORE, NULL },
	{ "Kafka", "kafka.strimzi.io", { "-kafka-bootstrap", "-kafka-brokers" }, SIGHT_BROKER, NULL },
	{ "RabbitmqCluster", "rabbitmq.com", { "", "-nodes" }, SIGHT_BROKER, "replicas" },
	{ "Elasticsearch", "elasticsearch.k8s.elastic.co", { "-es-http", "-es-transport" }, SIGHT_DATASTORE, NULL },
	{ "MongoDBCommunity", "mongodbcommunity.mongodb.com", { "-svc" }, SIGHT_DATASTORE, "members" },
	{ "RedisCluster", "redis.redis.opstreelabs.in", { "-leader", "-follower" }, SIGHT_DATASTORE, "clusterSize" },
	{ "Redis", "redis.redis.opstreelabs.in", { "" }, SIGHT_DATASTORE, NULL },
};

static bool
read_operated(struct import *im, struct import_k8s *k, const struct doc_node *root, const char *kind, const char *version)
{
	for (size_t i = 0; i < FL_ARRAY_LEN(operated); i++) {
		const struct operated *o = &operated[i];
		struct k8s_workload *w;
		const struct doc_node *count = o->replicas != NULL ? IMPORT_PATH(root, "spec", o->replicas) : NULL;

		if (strcmp(kind, o->kind) != 0 || strncmp(version, o->group, strlen(o->group)) != 0)
			continue;
		w = import_alloc(im, sizeof(*w));
		if (w == NULL)
			return true;
		*w = (struct k8s_workload){ .kind = o->kind, .name = import_keep(im, meta_word(root, "name")),
			.ns = import_keep(im, meta_word(root, "namespace")), .replicas = -1, .stateful = true, .spread = "", .zone = "", .owner = "",
			.at = import_here(im, root), .node_kind = o->is };
		if (count != NULL && !doc_is_int(count, &w->replicas))
			w->replicas = -1;
		import_push(im, &w->labels, "operated", w->name != NULL ? w->name : "");
		*k->workloads_end = w;
		k->workloads_end = &w->next;
		for (size_t j = 0; j < FL_ARRAY_LEN(o->names) && o->names[j] != NULL; j++)
			add_made_service(im, k, w, o->names[j]);
		return true;
	}
	return false;
}

/* A pod that only tests an installation calls what it tests; nobody depends on that. */
static bool
is_test(const struct doc_node *root)
{
	const char *hook = import_word(IMPORT_PATH(root, "metadata", "annotations"), "helm.sh/hook");

	return strncmp(hook, "test", 4) == 0;
}

/* What has pods, or a template of them. */
static void
read_runner(struct import *im, struct import_k8s *k, const struct doc_node *root, const char *kind)
{
	const struct doc_node *owners = IMPORT_PATH(root, "metadata", "ownerReferences"), *pod = IMPORT_PATH(root, "spec", "template");

	if (strcmp(kind, "CronJob") == 0)
		pod = IMPORT_PATH(root, "spec", "jobTemplate", "spec", "template");
	if (strcmp(kind, "Pod") == 0) {
		read_pod(im, k, root);
		pod = root;
	}
	/* What somebody else made is described by its maker. */
	if (item(owners, 0) == NULL && pod != NULL && !is_test(root))
		add_workload(im, k, root, pod);
}

void
import_k8s_doc(struct import *im, const struct doc_node *root)
{
	const char *kind = import_word(root, "kind"), *version = import_word(root, "apiVersion");
	bool istio = strstr(version, "istio.io/") != NULL;
	struct import_k8s *k = state(im);

	if (k == NULL || meta_word(root, "name")[0] == '\0')
		return;
	if (strstr(meta_word(root, "name"), "{{") != NULL) {
		import_drop(im);        /* a template that quotes hide */
		return;
	}
	if (strcmp(kind, "Service") == 0 && strcmp(version, "v1") == 0)
		read_service(im, k, root);
	else if (strcmp(kind, "ConfigMap") == 0 || (strcmp(kind, "Secret") == 0 && strcmp(version, "v1") == 0))
		read_config(im, k, root, kind[0] == 'S');
	else if (strcmp(kind, "PodDisruptionBudget") == 0)
		read_budget(im, k, root);
	else if (strcmp(kind, "Ingress") == 0)
		read_ingress(im, root);
	else if (istio && strcmp(kind, "ServiceEntry") == 0)
		read_service_entry(im, root);
	else if (istio && strcmp(kind, "VirtualService") == 0)
		read_virtual_service(im, root);
	else if (istio && strcmp(kind, "AuthorizationPolicy") == 0)
		read_authorization(im, k, root);
	else if (strcmp(kind, "NetworkPolicy") == 0) {
		read_peers(im, k, root, "ingress", "from");
		read_peers(im, k, root, "egress", "to");
	} else if (!import_k8s_route(im, root, kind, version) && !read_operated(im, k, root, kind, version)) {
		read_runner(im, k, root, kind);
	}
}
