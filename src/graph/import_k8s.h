/* SPDX-License-Identifier: MIT */
/*
 * import_k8s.h - what of a cluster's manifests is kept until all of them are read. Inside of import_k8s*.c and import_velero.c
 * only, but for the three functions at the end.
 *
 * Of a Secret only the hosts that its values name are kept, never a value.
 */
#ifndef GRAPH_IMPORT_K8S_H
#define GRAPH_IMPORT_K8S_H

#include "graph/import_ref.h"
#include "graph/import_say.h"

#define K8S_SOURCE "kubernetes"

/* A setting of a container, with what it is worth or where its worth stands. */
struct k8s_env {
	struct k8s_env *next;
	const char *key, *value;        /* value: NULL with from */
	const char *from, *from_key;    /* name of a ConfigMap or Secret, and a key of it; from_key NULL: all of it */
	const char *prefix;             /* envFrom's */
	bool secret, file;              /* file: mounted, read as a text with lines */
	struct import_at at;
};

struct k8s_container {
	struct k8s_container *next;
	const char *image, *script;     /* command and arguments, joined */
	bool init;
	struct k8s_env *env;
	int64_t start_max;              /* s until its probes give up, 0: none */
	struct import_at at;
};

struct k8s_workload {
	struct k8s_workload *next;
	const char *kind, *name, *ns, *app, *owner, *account;
	struct import_text *labels;     /* of its pods */
	struct k8s_container *containers;
	int64_t replicas;               /* -1: not said */
	bool stateful;
	const char *schedule, *spread, *zone;
	const char *service_name;       /* a StatefulSet's */
	struct import_at at;
	/* Found in the end: */
	const char *node;               /* what it is called on the map */
	enum sight_kind node_kind;
};

struct k8s_service {
	struct k8s_service *next;
	const char *name, *ns, *external, *cluster_ip;
	struct import_text *selector;
	struct import_at at;
	/* Found in the end: */
	struct k8s_workload **to;
	uint32_t to_count;
	const char *node, *node_ns;     /* of the map */
	enum sight_kind node_kind;
};

struct k8s_config {
	struct k8s_config *next;
	const char *name, *ns;
	bool secret;
	struct import_text *data;
};

struct k8s_budget {
	struct k8s_budget *next;
	const char *ns, *min, *max;
	struct import_text *selector;
	struct import_at at;
};

/* Who may call whom: a NetworkPolicy's peer or an AuthorizationPolicy's. */
struct k8s_rule {
	struct k8s_rule *next;
	const char *ns, *from_ns;
	struct import_text *to, *from;  /* labels; NULL: all of the namespace */
	const char *account;            /* instead of from */
	bool deny, egress;
	struct import_at at;
};

struct k8s_host {
	struct k8s_host *next;
	const char *host, *ns, *to;     /* to: NULL: an external host; else the host it is routed to */
	bool inside;
	struct import_at at;
};

/* Who delivers to whom: a source, broker or channel of events to its sink. */
struct k8s_call {
	struct k8s_call *next;
	const char *from, *ns, *to, *to_ns;     /* to: a service's name, or a host */
	enum sight_kind from_kind;
	struct import_at at;
};

/* A pod or replica set that something else made: its address belongs to the owner. */
struct k8s_pod {
	struct k8s_pod *next;
	const char *name, *ns, *ip;
	struct import_text *labels;
	struct import_at at;
};

/* Workloads that have something in common. */
struct k8s_pick {
	struct k8s_pick *next;
	struct k8s_workload *w;
};
struct k8s_picked {
	struct k8s_pick *first, *last;
	uint32_t count;
};

struct import_k8s {
	struct k8s_workload *workloads, **workloads_end;
	struct k8s_service *services, **services_end;
	struct k8s_config *configs, **configs_end;
	struct k8s_budget *budgets;
	struct k8s_rule *rules, **rules_end;
	struct k8s_host *hosts;
	struct k8s_pod *pods, **pods_end;
	struct k8s_call *calls, **calls_end;
	struct import_text *exposed, **exposed_end;     /* key: "ns/service", value: the host it is reached by from outside */
	struct map by_host;             /* "ns/service" to k8s_service */
	struct map by_config;           /* "c/ns/name", "s/ns/name" */
	struct map by_label;            /* to k8s_picked, import_k8s_index.c */
	struct map spaces;              /* namespaces that something is in */
	struct map by_route;            /* a k8s_host's host to it */
	struct map told;                /* lines that were told */
};

/* One document of a cluster, its kind known to be none of Backstage's or Velero's. */
void import_k8s_doc(struct import *im, const struct doc_node *root);
int import_k8s_finish(struct import *im);
void import_k8s_fini(struct import *im);

/* import_k8s_pod.c: the workload of a pod template; NULL without containers or memory. */
struct k8s_workload *import_k8s_workload(struct import *im, const struct doc_node *root, const struct doc_node *pod);
/* Labels of a map of scalars. */
struct import_text *import_k8s_labels(struct import *im, const struct doc_node *map);

/* import_k8s_route.c: a host that leads to `to`, or is external with NULL; a service that is reached from outside by host. */
void import_k8s_host(struct import *im, const struct doc_node *root, const char *host, const char *to, bool inside);
void import_k8s_expose(struct import *im, const char *ns, const char *service, const char *host);
/* Routes from outside, and events' ways, of Gateway API, OpenShift, Traefik, Contour and Knative. false: root is none. */
bool import_k8s_route(struct import *im, const struct doc_node *root, const char *kind, const char *version);

/* import_k8s_index.c: by_label and by_route of all that was read. */
void import_k8s_index(struct import *im);
bool import_k8s_selects(const struct import_text *selector, const struct import_text *labels);
/* Workloads of ns that selector may choose, in the order read; import_k8s_selects() decides. NULL: none. */
const struct k8s_pick *import_k8s_pick(const struct import_k8s *k, const char *ns, const struct import_text *selector);
/* Workloads by the first n bytes of name; by their service account. */
const struct k8s_pick *import_k8s_pick_named(const struct import_k8s *k, const char *ns, const char *name, size_t n);
const struct k8s_pick *import_k8s_pick_account(const struct import_k8s *k, const char *ns, const char *account);

/* import_k8s_refs.c: tells the lines of one workload. by_host and by_config are complete. */
void import_k8s_refs(struct import *im, struct k8s_workload *w);
/* The service and namespace of a host that is none of ours but of a cluster; false: it is none. Both are kept. */
bool import_k8s_foreign(struct import *im, const char *host, const char **ret_name, const char **ret_ns);
/* The service that host means to somebody in namespace ns, NULL: none of ours. ret_pod: it named one pod of it. */
struct k8s_service *import_k8s_lookup(struct import_k8s *k, const char *host, const char *ns);

#endif
