/* SPDX-License-Identifier: MIT */
/*
 * import_log_envoy.c - access logs of Envoy and of what is made with it: Istio's sidecars and gateways, Contour, Consul, Kuma.
 *
 * Whom it chose stands in the name of the cluster where a control plane wrote that; else the address of the upstream host is called as
 * something else of the command says, or as the authority if that is a service's name, or as the cluster.
 */
#include "graph/import_log.h"
#include "graph/import_log_call.h"
#include "graph/import_log_line.h"
#include "graph/import_tally.h"
#include <stdio.h>
#include <string.h>

static bool
is_said(const char *s)
{
	return s[0] != '\0' && strcmp(s, "-") != 0;
}

/* The parts of s between c, at most four. returns how many there are. */
static unsigned
parts(const char *s, char c, const char **p, int *n)
{
	unsigned count = 0;

	for (;; s++) {
		const char *end = strchrnul(s, c);

		if (count < 4) {
			p[count] = s;
			n[count] = (int)(end - s);
		}
		count++;
		s = end;
		if (*s == '\0')
			return count;
	}
}

static bool
is_number(const char *s, int n)
{
	return n > 0 && strspn(s, "0123456789") >= (size_t)n;
}

/*
 * What a control plane wrote as a cluster's name: outbound|9080|v1|reviews.default.svc.cluster.local (Istio), default_web_80 and
 * default/web/80/hash (Contour), web_shop_svc_80 (Kuma), web.default.dc1.internal.<id>.consul. host and space have IMPORT_HOST_MAX bytes.
 */
static bool
cluster_service(const char *cluster, char *host, char *space)
{
	const char *p[4] = { "", "", "", "" };
	int n[4] = { 0 };
	bool by_line, by_slash;
	unsigned count;

	if (strlen(cluster) >= IMPORT_HOST_MAX)
		return false;
	if (strncmp(cluster, "outbound|", 9) == 0) {
		snprintf(host, IMPORT_HOST_MAX, "%s", strrchr(cluster, '|') + 1);
		import_log_split_host(host, space);
		return host[0] != '\0';
	}
	if (strlen(cluster) > 7 && strcmp(cluster + strlen(cluster) - 7, ".consul") == 0 && strstr(cluster, ".internal.") != NULL) {
		snprintf(host, IMPORT_HOST_MAX, "%.*s", (int)strcspn(cluster, "."), cluster);
		return true;
	}
	count = parts(cluster, '_', p, n);
	if (count == 4 && n[2] == 3 && strncmp(p[2], "svc", 3) == 0 && is_number(p[3], n[3])) {
		snprintf(host, IMPORT_HOST_MAX, "%.*s", n[0], p[0]);
		snprintf(space, IMPORT_HOST_MAX, "%.*s", n[1], p[1]);
		return true;
	}
	by_line = count == 3 && is_number(p[2], n[2]);
	if (!by_line)
		count = parts(cluster, '/', p, n);
	by_slash = !by_line && count == 4 && is_number(p[2], n[2]);
	if (!by_line && !by_slash)
		return false;
	snprintf(space, IMPORT_HOST_MAX, "%.*s", n[0], p[0]);
	snprintf(host, IMPORT_HOST_MAX, "%.*s", n[1], p[1]);
	return true;
}

/* "cart_cluster" is called for cart; a route's name is none of a service. */
static void
hint_cluster(struct import *im, const char *upstream, const char *cluster)
{
	size_t n = strlen(cluster);
	char name[IMPORT_HOST_MAX];

	if (!is_said(cluster) || n >= sizeof(name) || strpbrk(cluster, "/|") != NULL || strcmp(cluster, "PassthroughCluster") == 0)
		return;
	if (n > 8 && (strcmp(cluster + n - 8, "_cluster") == 0 || strcmp(cluster + n - 8, "-cluster") == 0))
		n -= 8;
	snprintf(name, sizeof(name), "%.*s", (int)n, cluster);
	import_tally_hint(im, upstream, name);
}

static void
hint_authority(struct import *im, const struct import_log_envoy *e)
{
	char name[IMPORT_HOST_MAX], space[IMPORT_HOST_MAX] = "";

	snprintf(name, sizeof(name), "%s", e->authority);
	name[strcspn(name, ":")] = '\0';
	if (!is_said(name) || import_host_is_address(name) || import_host_is_self(name))
		return;
	if (strchr(name, '.') != NULL && strstr(name, ".svc") == NULL && strcmp(e->cluster, "PassthroughCluster") != 0)
		return;
	import_log_split_host(name, space);
	import_tally_hint(im, e->upstream, name);
}

/* The address without its port; false: it is none. */
static bool
bare(const char *address, char *out)
{
	const char *colon = strrchr(address, ':');

	snprintf(out, 64, "%.*s", (int)FL_MIN(colon != NULL ? colon - address : (ptrdiff_t)strlen(address), 63), address);
	return colon != NULL && strlen(out) > 2;
}

/* A sidecar is called by its own service, which is nobody else: then both of its ends have the pod's address. */
static bool
is_own(const struct import_log_envoy *e)
{
	char a[64], b[64];

	return !bare(e->upstream_local, a) || !bare(e->caller, b) || strcmp(a, b) == 0;
}

/* The caller of a sidecar's own service: told when its address has a name. */
static void
inbound(struct import *im, const struct import_log_call *c, const struct import_log_envoy *e)
{
	struct sight s = import_sight(SIGHT_LINE, c->source);

	if (!is_said(e->caller))
		return;
	s.from = e->caller;
	s.to = c->proxy;
	s.to_kind = SIGHT_SERVICE;
	s.protocol = e->tcp ? "tcp" : "http";
	s.first = c->when;
	s.count = 1;
	s.errors = c->status >= 500;
	import_tally_add_named(im, &s, c->at);
}

void
import_log_envoy(struct import *im, const struct import_log_call *c, const struct import_log_envoy *e)
{
	char host[IMPORT_HOST_MAX] = "", space[IMPORT_HOST_MAX] = "";
	struct import_log_to to = { .name = e->upstream, .space = space, .protocol = e->tcp ? "tcp" : "http", .error = c->status >= 500,
		.latency = e->latency };
	bool named;

	if (strncmp(e->cluster, "inbound|", 8) == 0 || strcmp(e->cluster, "InboundPassthroughCluster") == 0) {
		inbound(im, c, e);
		return;
	}
	if (strcmp(e->cluster, "BlackHoleCluster") == 0)
		return;
	named = cluster_service(e->cluster, host, space);
	if (named ? !is_own(e) : is_said(e->caller) && (!is_said(e->upstream_local) || !is_own(e)) && strcmp(e->cluster, "PassthroughCluster") != 0)
		import_log_caller(im, c, e->caller, to.protocol);
	if (named) {
		to.name = host;
	} else if (!is_said(e->upstream)) {
		return;                 /* nobody was chosen */
	} else {
		hint_authority(im, e);
		hint_cluster(im, e->upstream, e->cluster);
	}
	import_log_callee(im, c, &to);
}

/* A word without its quotes. */
static void
word(const struct log_words *w, unsigned i, char *out, size_t out_bytes)
{
	const char *p = i < w->count ? w->p[i] : "";
	size_t n = i < w->count ? w->n[i] : 0;

	if (n >= 2 && p[0] == '"') {
		p++;
		n -= 2;
	}
	snprintf(out, out_bytes, "%.*s", (int)FL_MIN(n, out_bytes - 1), p);
}

/* Time, request, status; and near the end five in quotes: forwarded for, agent, id, authority,
	upstream; behind them Istio's cluster and addresses. */
static bool
text_line(struct import *im, struct import_log_call *c, const struct log_words *w)
{
	char cluster[IMPORT_HOST_MAX], upstream[IMPORT_HOST_MAX], authority[IMPORT_HOST_MAX], local[64], caller[64];
	unsigned last, first = 0;
	double ms;

	while (first < w->count && w->p[first][0] != '[')
		first++;
	for (last = w->count; last > 0 && w->p[last - 1][0] != '"'; last--)
		;
	if (first + 2 >= w->count || last < first + 8 || w->n[first] < 22 || w->n[last - 1] < 2 || w->n[last - 2] < 2 ||
	    w->p[last - 2][0] != '"' || !import_time(w->p[first] + 1, w->n[first] - 2, &c->when))
		return false;
	ms = import_log_number(w->p[first + 2], w->n[first + 2]);
	c->status = ms > 0 && ms < 1000 ? (unsigned)ms : 0;
	ms = last > 5 ? import_log_number(w->p[last - 6], w->n[last - 6]) : 0;
	word(w, last - 2, authority, sizeof(authority));
	word(w, last - 1, upstream, sizeof(upstream));
	word(w, last, cluster, sizeof(cluster));
	word(w, last + 1, local, sizeof(local));
	word(w, last + 3, caller, sizeof(caller));
	struct import_log_envoy e = { .cluster = cluster, .upstream = upstream, .authority = authority, .upstream_local = local, .caller = caller,
		.tcp = c->status == 0, .latency = ms > 0 && ms < 1e9 ? (uint64_t)(ms * 1e6) : 0 };
	import_log_envoy(im, c, &e);
	return true;
}

void
import_envoy_add(struct import *im)
{
	const char *p = im->file->text, *end = p + im->file->n, *line;
	struct import_log_call c = { .source = "envoy" };
	uint32_t number = 0;
	size_t len;

	import_log_name(im, c.proxy, sizeof(c.proxy));
	while (import_next_line(&p, end, &line, &len) && im->failed == 0) {
		struct log_words w;

		number++;
		if (len == 0)
			continue;
		import_log_split(line, len, &w);
		c.at = import_line(im, number);
		if (!text_line(im, &c, &w))
			import_drop(im);
	}
}
