/* SPDX-License-Identifier: MIT */
/* import_mesh.c - see import_mesh.h. A node that the source itself calls unknown is no node: lines from and to it are left out. */
#include "graph/import_mesh.h"
#include "graph/import_log_line.h"
#include "graph/import_ref.h"
#include "graph/import_tally.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define IDS_MAX 200000u

static bool
is_known(const char *s)
{
	return s != NULL && s[0] != '\0' && strcmp(s, "unknown") != 0;
}

/* Kiali */

struct kiali_node {
	const char *name, *space;
	enum sight_kind kind;
};

static struct kiali_node *
kiali_node(struct import *im, const struct doc_node *n)
{
	static const char *const names[] = { "app", "service", "workload" };
	const struct doc_node *data = doc_get(n, "data");
	struct kiali_node *out = import_alloc(im, sizeof(*out));
	const char *id = import_word(data, "id");

	for (size_t i = 0; out != NULL && i < FL_ARRAY_LEN(names) && out->name == NULL; i++) {
		if (is_known(import_word(data, names[i])))
			out->name = import_keep(im, import_word(data, names[i]));
	}
	if (out == NULL || out->name == NULL || id[0] == '\0')
		return NULL;
	out->space = is_known(import_word(data, "namespace")) ? import_keep(im, import_word(data, "namespace")) : NULL;
	out->kind = doc_get(data, "isServiceEntry") != NULL ? SIGHT_EXTERNAL : SIGHT_SERVICE;
	return out;
}

static void
kiali_edge(struct import *im, const struct doc_node *e, const struct map *ids)
{
	const struct doc_node *data = doc_get(e, "data"), *traffic = doc_get(data, "traffic");
	const struct kiali_node *from = map_get(ids, import_word(data, "source")), *to = map_get(ids, import_word(data, "target"));
	struct sight s = import_sight(SIGHT_LINE, "kiali");
	const char *protocol = import_word(traffic, "protocol");

	if (from == NULL || to == NULL)
		return;
	s.from = from->name;
	s.from_space = from->space;
	s.from_kind = from->kind;
	s.to = to->name;
	s.to_space = to->space;
	s.to_kind = to->kind;
	s.protocol = strcmp(protocol, "grpc") == 0 ? "rpc" : protocol[0] != '\0' ? protocol : NULL;
	s.first = im->file->when != 0 ? im->file->when : im->opts.now;
	import_tally_add(im, &s, import_here(im, data));
}

static void
kiali_doc(struct import *im, const struct doc_node *root)
{
	const struct doc_node *nodes = IMPORT_PATH(root, "elements", "nodes"), *edges = IMPORT_PATH(root, "elements", "edges");
	struct map ids;

	map_init(&ids, 6, (uint64_t)im->opts.now);
	for (uint32_t i = 0; nodes != NULL && nodes->kind == DOC_LIST && i < nodes->count && im->failed == 0; i++) {
		struct kiali_node *n = kiali_node(im, nodes->items[i]);

		if (n != NULL && map_put(&ids, import_word(doc_get(nodes->items[i], "data"), "id"), n, NULL) != 0)
			import_drop(im);
	}
	for (uint32_t i = 0; edges != NULL && edges->kind == DOC_LIST && i < edges->count && im->failed == 0; i++)
		kiali_edge(im, edges->items[i], &ids);
	map_fini(&ids);
}

void
import_kiali_add(struct import *im)
{
	import_json(im, kiali_doc);
}

/* Hubble */

/* The value of one of an endpoint's labels: "k8s:app=cart". */
static const char *
label(const struct doc_node *end, const char *key)
{
	const struct doc_node *labels = doc_get(end, "labels");
	size_t n = strlen(key);

	for (uint32_t i = 0; labels != NULL && labels->kind == DOC_LIST && i < labels->count; i++) {
		const char *l = labels->items[i]->text;

		if (strncmp(l, key, n) == 0 && (l[n] == '=' || l[n] == '\0'))
			return l[n] == '=' ? l + n + 1 : l;
	}
	return NULL;
}

static const char *
hubble_name(struct import *im, const struct doc_node *end, const struct doc_node *names, const char *ip, bool *ret_outside)
{
	static const char *const keys[] = { "k8s:app.kubernetes.io/name", "k8s:app", "k8s:k8s-app", "k8s:io.kubernetes.pod.label/app" };
	const struct doc_node *work = doc_get(end, "workloads");
	const char *w = work != NULL && work->kind == DOC_LIST && work->count > 0 ? import_word(work->items[0], "name") : "";

	*ret_outside = false;
	if (w[0] != '\0')
		return w;
	for (size_t i = 0; i < FL_ARRAY_LEN(keys); i++) {
		if (is_known(label(end, keys[i])))
			return label(end, keys[i]);
	}
	if (import_word(end, "pod_name")[0] != '\0')
		return import_keepn(im, import_word(end, "pod_name"), import_log_pod_owner(import_word(end, "pod_name")));
	if (label(end, "reserved:kube-apiserver") != NULL)
		return "kube-apiserver";
	*ret_outside = true;
	if (names != NULL && names->kind == DOC_LIST && names->count > 0)
		return names->items[0]->text;
	return ip;
}

/* The kubelet's probes and the mesh's own health checks are no dependency of anybody. */
static bool
is_host(const struct doc_node *end)
{
	return label(end, "reserved:host") != NULL || label(end, "reserved:health") != NULL || label(end, "reserved:remote-node") != NULL;
}

static void
hubble_flow(struct import *im, const struct doc_node *root)
{
	const struct doc_node *f = doc_get(root, "flow") != NULL ? doc_get(root, "flow") : root, *from = doc_get(f, "source"), *to = doc_get(f,
	    "destination");
	const struct doc_node *ip = doc_get(f, "IP"), *l4 = doc_get(f, "l4"), *port;
	struct sight s = import_sight(SIGHT_LINE, "hubble");
	const char *when = import_word(f, "time"), *verdict = import_word(f, "verdict");
	bool outside;
	int64_t n;

	if (from == NULL && to == NULL) {
		/* Other records of the same stream: lost events, the status of a node. */
		if (doc_get(root, "node_status") == NULL && doc_get(root, "lost_events") == NULL)
			import_drop(im);
		return;
	}
	if (strcmp(import_word(f, "is_reply"), "true") == 0 || strcmp(import_word(f, "reply"), "true") == 0 || is_host(from) || is_host(to))
		return;
	s.from = hubble_name(im, from, doc_get(f, "source_names"), import_word(ip, "source"), &outside);
	s.from_space = import_word(from, "namespace");
	s.from_kind = outside ? SIGHT_KIND_UNKNOWN : SIGHT_SERVICE;
	s.to = hubble_name(im, to, doc_get(f, "destination_names"), import_word(ip, "destination"), &outside);
	s.to_space = import_word(to, "namespace");
	s.to_kind = outside ? SIGHT_EXTERNAL : SIGHT_SERVICE;
	if (s.from == NULL || s.to == NULL || s.from[0] == '\0' || s.to[0] == '\0')
		return;
	port = IMPORT_PATH(l4, "TCP", "destination_port");
	if (port == NULL)
		port = IMPORT_PATH(l4, "UDP", "destination_port");
	s.protocol = port != NULL && doc_is_int(port, &n) ? import_protocol("", (unsigned)n) : NULL;
	if (s.protocol == NULL)
		s.protocol = doc_get(l4, "UDP") != NULL ? "udp" : "tcp";
	(void)import_time(when, strlen(when), &s.first);
	s.count = 1;
	s.errors = strcmp(verdict, "DROPPED") == 0 || strcmp(verdict, "ERROR") == 0;
	import_tally_add(im, &s, import_here(im, root));
}

void
import_hubble_add(struct import *im)
{
	import_docs(im, hubble_flow);
}

/* Prometheus */

#define LABELS_MAX 32

struct sample {
	char text[4096];                /* labels' values, NUL-terminated */
	const char *name, *keys[LABELS_MAX], *values[LABELS_MAX];
	unsigned count;
	double value;
};

static const char *
label_of(const struct sample *m, const char *key)
{
	for (unsigned i = 0; i < m->count; i++) {
		if (strcmp(m->keys[i], key) == 0)
			return m->values[i];
	}
	return "";
}

/* The first of the labels that says something; the list ends with NULL. */
static const char *
label_first(const struct sample *m, const char *const *keys)
{
	for (; *keys != NULL; keys++) {
		if (is_known(label_of(m, *keys)))
			return label_of(m, *keys);
	}
	return "";
}

/* name{key="value",...} value, as text format 0.0.4 has it. */
static bool
sample_read(const char *line, size_t len, struct sample *m)
{
	char *out = m->text, *end = m->text + sizeof(m->text) - 1;
	size_t n = 0, i;

	if (len + 1 > sizeof(m->text))
		return false;
	while (n < len && line[n] != '{' && line[n] != ' ')
		n++;
	if (n == len || line[n] != '{')
		return false;
	memcpy(out, line, n);
	out[n] = '\0';
	m->name = out;
	out += n + 1;
	m->count = 0;
	for (i = n + 1; i < len && line[i] != '}' && m->count < LABELS_MAX;) {
		m->keys[m->count] = out;
		while (i < len && line[i] != '=' && out < end) {
			if (line[i] != ' ' && line[i] != ',')
				*out++ = line[i];
			i++;
		}
		*out++ = '\0';
		if (i + 1 >= len || line[i + 1] != '"' || out >= end)
			return false;
		m->values[m->count++] = out;
		for (i += 2; i < len && line[i] != '"' && out < end; i++) {
			if (line[i] == '\\' && i + 1 < len)
				i++;
			*out++ = line[i];
		}
		*out++ = '\0';
		if (i >= len || out >= end)
			return false;
		i++;
		while (i < len && (line[i] == ',' || line[i] == ' '))
			i++;
	}
	if (i >= len || line[i] != '}')
		return false;
	m->value = import_log_number(line + i + 1, len - i - 1);
	return m->value >= 0 && m->value < 1e18;
}

static void
sample_line(struct import *im, struct sight *s, uint32_t line)
{
	if (s->from == NULL || s->to == NULL || s->from[0] == '\0' || s->to[0] == '\0')
		return;
	s->first = im->file->when != 0 ? im->file->when : im->opts.now;
	import_tally_add(im, s, import_line(im, line));
}

/* The spans' connector, Tempo's and Beyla's: {client,server,connection_type}. */
static bool
sample_graph(struct import *im, const struct sample *m, uint32_t line)
{
	struct sight s = import_sight(SIGHT_LINE, "service-graph");
	const char *type = label_of(m, "connection_type");
	size_t n = strlen(m->name);
	bool total = strstr(m->name, "service_graph_request_total") != NULL || (n > 21 && strcmp(m->name + n - 21, "service_graph_request") == 0);
	bool failed = strstr(m->name, "service_graph_request_failed_total") != NULL, sum = strstr(m->name,
	    "service_graph_request_server_seconds_sum") != NULL;

	if (!total && !failed && !sum)
		return false;
	s.from = label_of(m, "client");
	s.to = label_of(m, "server");
	s.from_space = label_of(m, "client_service_namespace");
	s.to_space = label_of(m, "server_service_namespace");
	if (!is_known(s.from) || !is_known(s.to))
		return true;
	s.from_kind = strcmp(s.from, "user") == 0 ? SIGHT_USER : SIGHT_SERVICE;
	s.to_kind = strcmp(type, "database") == 0 ? SIGHT_DATASTORE : strcmp(type, "virtual_node") == 0 ? SIGHT_KIND_UNKNOWN : SIGHT_SERVICE;
	s.protocol = strcmp(type, "database") == 0 ? "db" : strcmp(type, "messaging_system") == 0 ? "messaging" : NULL;
	s.mode = strcmp(type, "messaging_system") == 0 ? SIGHT_ASYNC : SIGHT_MODE_UNKNOWN;
	if (total)
		s.count = (uint64_t)m->value;
	else if (failed)
		s.errors = (uint64_t)m->value;
	else if (m->value < 1e9)
		s.latency = (uint64_t)(m->value * 1e9);
	sample_line(im, &s, line);
	return true;
}

/* Both ends report a call: the caller's count is taken, the callee's only says that there is a line. */
static bool
sample_istio(struct import *im, const struct sample *m, uint32_t line)
{
	static const char *const from[] = { "source_canonical_service", "source_app", "source_workload", NULL };
	static const char *const to[] = { "destination_canonical_service", "destination_app", "destination_service_name", "destination_workload",
	    NULL };
	struct sight s = import_sight(SIGHT_LINE, "istio");
	bool requests = strcmp(m->name, "istio_requests_total") == 0, tcp = strcmp(m->name, "istio_tcp_connections_opened_total") == 0;
	const char *code = label_of(m, "response_code");

	if (!requests && !tcp)
		return false;
	s.from = label_first(m, from);
	s.to = label_first(m, to);
	if (strcmp(s.to, "PassthroughCluster") == 0 || strcmp(s.to, "BlackHoleCluster") == 0 || strcmp(s.to, "InboundPassthroughCluster") == 0)
		return true;
	s.from_space = label_of(m, "source_workload_namespace");
	s.to_space = label_of(m, "destination_service_namespace");
	if (!is_known(s.to_space))
		s.to_space = NULL;
	s.from_kind = SIGHT_SERVICE;
	s.to_kind = strchr(s.to, '.') != NULL ? SIGHT_EXTERNAL : SIGHT_SERVICE;
	s.protocol = tcp ? "tcp" : strcmp(label_of(m, "request_protocol"), "grpc") == 0 ? "rpc" : "http";
	if (strcmp(label_of(m, "reporter"), "destination") != 0) {
		s.count = (uint64_t)m->value;
		s.errors = code[0] == '5' || code[0] == '0' ? s.count : 0;
	}
	sample_line(im, &s, line);
	return true;
}

static bool
sample_linkerd(struct import *im, const struct sample *m, uint32_t line)
{
	static const char *const from[] = { "deployment", "statefulset", "daemonset", "job", NULL };
	static const char *const to[] = { "dst_service", "dst_deployment", "dst_statefulset", "dst_daemonset", NULL };
	struct sight s = import_sight(SIGHT_LINE, "linkerd");

	if (strcmp(m->name, "response_total") != 0 || strcmp(label_of(m, "direction"), "outbound") != 0)
		return false;
	s.from = label_first(m, from);
	s.to = label_first(m, to);
	s.from_space = label_of(m, "namespace");
	s.to_space = label_of(m, "dst_namespace");
	s.protocol = "http";
	s.count = (uint64_t)m->value;
	s.errors = strcmp(label_of(m, "classification"), "failure") == 0 ? s.count : 0;
	sample_line(im, &s, line);
	return true;
}

void
import_prometheus_add(struct import *im)
{
	const char *p = im->file->text, *end = p + im->file->n, *line;
	struct sample m;
	uint32_t number = 0;
	size_t len;

	while (import_next_line(&p, end, &line, &len) && im->failed == 0) {
		number++;
		if (len == 0 || line[0] == '#')
			continue;
		if (memmem(line, len, "service_graph_request", 21) == NULL && strncmp(line, "istio_", FL_MIN(len, (size_t)6)) != 0 &&
		    strncmp(line, "response_total", FL_MIN(len, (size_t)14)) != 0)
			continue;
		if (!sample_read(line, len, &m))
			import_drop(im);
		else if (!sample_graph(im, &m, number) && !sample_istio(im, &m, number))
			(void)sample_linkerd(im, &m, number);
	}
}
