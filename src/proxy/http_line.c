/* SPDX-License-Identifier: MIT */
/* http_line.c - configurations of HTTP lines in use, and the choice of a route. */
#include "proxy/http_line.h"
#include "proxy/cluster_use.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

int
http_line_worker_new(uint32_t conns_max, size_t conn_bytes, uint32_t records_max, struct http_worker **ret)
{
	struct http_worker *h = malloc(sizeof(*h));
	if (h == NULL)
		return -ENOMEM;
	memset(h, 0, offsetof(struct http_worker, head));
	list_init(&h->settle);
	if (pool_init(&h->conns, conn_bytes, conns_max) < 0) {
		free(h);
		return -ENOMEM;
	}
	if (records_max > 0 && http_ring_new(records_max, &h->ring) < 0) {
		http_line_worker_free(h);
		return -ENOMEM;
	}
	*ret = h;
	return 0;
}

void
http_line_worker_free(struct http_worker *h)
{
	if (h == NULL)
		return;
	http_ring_free(h->ring);
	pool_fini(&h->conns);
	free(h);
}

struct http_line *
http_line_begin(struct worker *w, struct http_conf *conf)
{
	struct http_line *l = malloc(sizeof(*l));
	if (l == NULL)
		return NULL;
	*l = (struct http_line){ .conf = http_conf_ref(conf), .users = 1 };
	for (unsigned i = 0; i < conf->route_count; i++) {
		cluster_use(w, conf->routes[i].cluster);
		if (conf->routes[i].policies->fallback_cluster != NULL)
			cluster_use(w, conf->routes[i].policies->fallback_cluster);
	}
	return l;
}

void
http_line_let_go(struct worker *w, struct http_line *l)
{
	if (--l->users > 0)
		return;
	for (unsigned i = 0; i < l->conf->route_count; i++) {
		cluster_use_end(w, l->conf->routes[i].cluster);
		if (l->conf->routes[i].policies->fallback_cluster != NULL)
			cluster_use_end(w, l->conf->routes[i].policies->fallback_cluster);
	}
	http_conf_unref(l->conf);
	free(l);
}

/* ---- routes ---- */

/* Does the text fit a pattern with * (any run) and ? (any one)? Linear but for the last star. */
static bool
globs(const char *pat, const char *s, size_t n)
{
	const char *star = NULL;
	size_t i = 0, mark = 0;
	while (i < n) {
		if (*pat == '*') {
			star = pat++;
			mark = i;
		} else if (*pat != '\0' && (*pat == '?' || *pat == s[i])) {
			pat++;
			i++;
		} else if (star != NULL) {
			pat = star + 1;
			i = ++mark;
		} else {
			return false;
		}
	}
	while (*pat == '*')
		pat++;
	return *pat == '\0';
}

static bool
path_fits(const struct http_route *r, const char *p, struct h1_text path)
{
	const char *s = path.len > 0 ? p + path.at : "/";
	size_t n = path.len > 0 ? path.len : 1, want = strlen(r->path);
	switch (r->path_kind) {
	case HTTP_MATCH_ANY: return true;
	case HTTP_MATCH_EXACT: return n == want && memcmp(s, r->path, n) == 0;
	/* A prefix ends where a segment does: /cart fits /cart and /cart/1, not /cartoon. */
	case HTTP_MATCH_PREFIX:
		return n >= want && memcmp(s, r->path, want) == 0 && (n == want || want == 0 || r->path[want - 1] == '/' || s[want] == '/');
	case HTTP_MATCH_GLOB: return globs(r->path, s, n);
	}
	return false;
}

static bool
host_fits(const char *want, const char *p, struct h1_text host)
{
	size_t n = host.len, k = strlen(want);
	const char *s = p + host.at;
	if (k == 0)
		return true;
	/* Without the port; not the colons of an IPv6 literal. */
	for (size_t i = n; i > 0 && s[i - 1] != ']'; i--)
		if (s[i - 1] == ':') {
			n = i - 1;
			break;
		}
	if (want[0] == '*' && want[1] == '.')
		return n >= k && strncasecmp(s + n - (k - 1), want + 1, k - 1) == 0;
	return n == k && strncasecmp(s, want, n) == 0;
}

static bool
method_fits(const struct http_route *r, const char *p, struct h1_text method)
{
	if (r->methods[0][0] == '\0')
		return true;
	for (unsigned i = 0; i < FL_ARRAY_LEN(r->methods) && r->methods[i][0] != '\0'; i++)
		if (h1_text_is(p, method, r->methods[i]))
			return true;
	return false;
}

static bool
header_fits(const struct http_route *r, const char *p, const struct h1_head *h)
{
	const struct h1_field *f = NULL;
	if (r->header[0] == '\0')
		return true;
	while ((f = h1_field_named(h, p, r->header, strlen(r->header), f)) != NULL)
		if (r->header_value[0] == '\0' || h1_text_is(p, f->value, r->header_value))
			return true;
	return false;
}

const struct http_route *
http_line_route(const struct http_conf *c, const char *p, const struct h1_head *h)
{
	unsigned last = c->route_count - 1;
	for (unsigned i = 0; i < last; i++) {
		const struct http_route *r = &c->routes[i];
		if (path_fits(r, p, h->path) && method_fits(r, p, h->method_text) && host_fits(r->host, p, h->host) && header_fits(r, p, h))
			return r;
	}
	return &c->routes[last];
}
