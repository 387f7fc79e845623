/* SPDX-License-Identifier: MIT */
/* import_k8s_pod.c - a pod template: containers, their settings and where those come from, volumes, probes, where it may run. */
#include "graph/import_k8s.h"
#include <string.h>

#define SCRIPT_MAX 16384

struct import_text *
import_k8s_labels(struct import *im, const struct doc_node *map)
{
	struct import_text *out = NULL;

	for (uint32_t i = 0; map != NULL && map->kind == DOC_MAP && i < map->count; i++) {
		if (map->pairs[i].value->kind == DOC_SCALAR)
			import_push(im, &out, map->pairs[i].key->text, map->pairs[i].value->text);
	}
	return out;
}

static const char *
keep_word(struct import *im, const struct doc_node *map, const char *key)
{
	const char *w = import_word(map, key);

	return w[0] != '\0' ? import_keep(im, w) : NULL;
}

static int64_t
number(const struct doc_node *map, const char *key, int64_t otherwise)
{
	const struct doc_node *n = doc_get(map, key);
	int64_t v;

	return n != NULL && doc_is_int(n, &v) && v >= 0 && v < 1000000000 ? v : otherwise;
}

static uint32_t
count_of(const struct doc_node *n)
{
	return n != NULL && n->kind == DOC_LIST ? n->count : 0;
}

static struct k8s_env *
add_env(struct import *im, struct k8s_container *c, const struct doc_node *at)
{
	struct k8s_env *e = import_alloc(im, sizeof(*e)), **end = &c->env;

	if (e == NULL)
		return NULL;
	e->key = "";
	e->at = import_here(im, at);
	while (*end != NULL)
		end = &(*end)->next;
	*end = e;
	return e;
}

static void
read_env(struct import *im, struct k8s_container *c, const struct doc_node *list)
{
	for (uint32_t i = 0; i < count_of(list); i++) {
		const struct doc_node *n = list->items[i], *value = doc_get(n, "value"), *from = doc_get(n, "valueFrom");
		const struct doc_node *map = doc_get(from, "configMapKeyRef"), *secret = doc_get(from, "secretKeyRef");
		struct k8s_env *e;

		if (value == NULL && map == NULL && secret == NULL)
			continue;
		e = add_env(im, c, n);
		if (e == NULL)
			return;
		e->key = import_keep(im, import_word(n, "name"));
		if (value != NULL) {
			e->value = import_keep(im, value->text);
			continue;
		}
		e->secret = map == NULL;
		e->from = import_keep(im, import_word(e->secret ? secret : map, "name"));
		e->from_key = import_keep(im, import_word(e->secret ? secret : map, "key"));
	}
}

static void
read_env_from(struct import *im, struct k8s_container *c, const struct doc_node *list)
{
	for (uint32_t i = 0; i < count_of(list); i++) {
		const struct doc_node *map = doc_get(list->items[i], "configMapRef"), *secret = doc_get(list->items[i], "secretRef");
		struct k8s_env *e;

		if (map == NULL && secret == NULL)
			continue;
		e = add_env(im, c, list->items[i]);
		if (e == NULL)
			return;
		e->secret = map == NULL;
		e->from = import_keep(im, import_word(e->secret ? secret : map, "name"));
		e->prefix = import_keep(im, import_word(list->items[i], "prefix"));
	}
}

/* Is volume `name` mounted by this container? */
static bool
is_mounted(const struct doc_node *container, const char *name)
{
	const struct doc_node *mounts = doc_get(container, "volumeMounts");

	for (uint32_t i = 0; i < count_of(mounts); i++) {
		if (strcmp(import_word(mounts->items[i], "name"), name) == 0)
			return true;
	}
	return false;
}

static void
read_file_from(struct import *im, struct k8s_container *c, const struct doc_node *source, const char *name_key, bool secret)
{
	struct k8s_env *e;

	if (source == NULL || import_word(source, name_key)[0] == '\0')
		return;
	e = add_env(im, c, source);
	if (e == NULL)
		return;
	e->file = true;
	e->secret = secret;
	e->from = import_keep(im, import_word(source, name_key));
}

/* ConfigMaps and Secrets that are mounted, also by way of a projected volume. */
static void
read_mounts(struct import *im, struct k8s_container *c, const struct doc_node *container, const struct doc_node *volumes)
{
	for (uint32_t i = 0; i < count_of(volumes); i++) {
		const struct doc_node *v = volumes->items[i], *sources = IMPORT_PATH(v, "projected", "sources");

		if (!is_mounted(container, import_word(v, "name")))
			continue;
		read_file_from(im, c, doc_get(v, "configMap"), "name", false);
		read_file_from(im, c, doc_get(v, "secret"), "secretName", true);
		for (uint32_t j = 0; j < count_of(sources); j++) {
			read_file_from(im, c, doc_get(sources->items[j], "configMap"), "name", false);
			read_file_from(im, c, doc_get(sources->items[j], "secret"), "name", true);
		}
	}
}

static void
join(struct buf *b, const struct doc_node *list)
{
	for (uint32_t i = 0; i < count_of(list); i++) {
		if (list->items[i]->kind != DOC_SCALAR)
			continue;
		buf_putc(b, ' ');
		buf_puts(b, list->items[i]->text);
	}
}

/* Until when a container must have come up: its startup probe's patience, or what liveness allows. */
static int64_t
start_max(const struct doc_node *container)
{
	static const char *const probes[] = { "startupProbe", "livenessProbe", "readinessProbe" };

	for (size_t i = 0; i < FL_ARRAY_LEN(probes); i++) {
		const struct doc_node *p = doc_get(container, probes[i]);

		if (p != NULL && p->kind == DOC_MAP)
			return number(p, "initialDelaySeconds", 0) + number(p, "periodSeconds", 10) * number(p, "failureThreshold", 3);
	}
	return 0;
}

static void
read_containers(struct import *im, struct k8s_workload *w, const struct doc_node *pod, const char *key, bool init)
{
	const struct doc_node *list = doc_get(pod, key);
	struct k8s_container **end = &w->containers;

	while (*end != NULL)
		end = &(*end)->next;
	for (uint32_t i = 0; i < count_of(list); i++) {
		const struct doc_node *n = list->items[i];
		struct k8s_container *c = import_alloc(im, sizeof(*c));
		struct buf script;

		if (c == NULL)
			return;
		/* One that restarts always is a sidecar, which runs on (KEP-753). */
		c->init = init && strcmp(import_word(n, "restartPolicy"), "Always") != 0;
		c->image = import_keep(im, import_word(n, "image"));
		c->at = import_here(im, n);
		c->start_max = start_max(n);
		buf_init(&script, SCRIPT_MAX);
		join(&script, doc_get(n, "command"));
		join(&script, doc_get(n, "args"));
		c->script = import_keep(im, buf_str(&script));
		buf_fini(&script);
		read_env_from(im, c, doc_get(n, "envFrom"));
		read_env(im, c, doc_get(n, "env"));
		read_mounts(im, c, n, doc_get(pod, "volumes"));
		*end = c;
		end = &c->next;
	}
}

static bool
has_claim(const struct doc_node *pod)
{
	const struct doc_node *volumes = doc_get(pod, "volumes");

	for (uint32_t i = 0; i < count_of(volumes); i++) {
		if (doc_get(volumes->items[i], "persistentVolumeClaim") != NULL || doc_get(volumes->items[i], "ephemeral") != NULL)
			return true;
	}
	return false;
}

/* "zone", "host", or the last part of the key that replicas are spread over. */
static const char *
spread_of(const struct doc_node *pod)
{
	const struct doc_node *list = doc_get(pod, "topologySpreadConstraints"), *anti = IMPORT_PATH(pod, "affinity", "podAntiAffinity",
	    "requiredDuringSchedulingIgnoredDuringExecution");
	const char *key = count_of(list) > 0 ? import_word(list->items[0], "topologyKey") : count_of(anti) > 0 ?
	    import_word(anti->items[0], "topologyKey") : "";
	const char *slash = strrchr(key, '/');

	return slash != NULL ? slash + 1 : key;
}

static const char *
zone_of(const struct doc_node *pod)
{
	const struct doc_node *sel = doc_get(pod, "nodeSelector");
	const char *zone = import_word(sel, "topology.kubernetes.io/zone");

	return zone[0] != '\0' ? zone : import_word(sel, "failure-domain.beta.kubernetes.io/zone");
}

/* Who owns it, by the labels and annotations in use. */
static const char *
owner_of(const struct doc_node *root)
{
	static const char *const keys[] = { "owner", "team", "app.kubernetes.io/team", "backstage.io/owner", "a8r.io/owner" };
	const struct doc_node *meta = doc_get(root, "metadata");

	for (size_t i = 0; i < FL_ARRAY_LEN(keys); i++) {
		const char *w = import_word(doc_get(meta, "labels"), keys[i]);

		if (w[0] == '\0')
			w = import_word(doc_get(meta, "annotations"), keys[i]);
		if (w[0] != '\0')
			return w;
	}
	return "";
}

struct k8s_workload *
import_k8s_workload(struct import *im, const struct doc_node *root, const struct doc_node *pod)
{
	const struct doc_node *meta = doc_get(root, "metadata"), *spec = doc_get(pod, "spec"), *labels = IMPORT_PATH(pod, "metadata", "labels");
	struct k8s_workload *w;

	if (spec == NULL || doc_get(spec, "containers") == NULL || import_word(meta, "name")[0] == '\0')
		return NULL;
	w = import_alloc(im, sizeof(*w));
	if (w == NULL)
		return NULL;
	w->kind = import_keep(im, import_word(root, "kind"));
	w->name = import_keep(im, import_word(meta, "name"));
	w->ns = import_keep(im, import_word(meta, "namespace"));
	w->at = import_here(im, root);
	w->labels = import_k8s_labels(im, labels);
	w->app = keep_word(im, labels, "app.kubernetes.io/part-of");
	if (w->app == NULL)
		w->app = keep_word(im, doc_get(meta, "labels"), "app.kubernetes.io/part-of");
	w->owner = import_keep(im, owner_of(root));
	w->account = keep_word(im, spec, "serviceAccountName");
	w->replicas = number(doc_get(root, "spec"), "replicas", -1);
	w->service_name = keep_word(im, doc_get(root, "spec"), "serviceName");
	w->stateful = count_of(IMPORT_PATH(root, "spec", "volumeClaimTemplates")) > 0 || has_claim(spec);
	w->schedule = strcmp(w->kind != NULL ? w->kind : "", "CronJob") == 0 ? keep_word(im, doc_get(root, "spec"), "schedule") : NULL;
	w->spread = import_keep(im, spread_of(spec));
	w->zone = import_keep(im, zone_of(spec));
	read_containers(im, w, spec, "initContainers", true);
	read_containers(im, w, spec, "containers", false);
	return im->failed == 0 ? w : NULL;
}
