/* SPDX-License-Identifier: MIT */
/*
 * import_log_json.c - see import_log_json.h. Who sets up such a log names its keys himself, mostly as the proxy's variables: they are
 * compared without case, dashes and underscores, wherever they stand.
 *
 * (1) Headers of requests are not looked at: what a caller writes is no evidence.
 * (2) Whom the proxy called is an address, a server of a backend, or the name that a control plane wrote; the name that the caller
 *     asked for counts for Envoy only, where a service's name is one.
 */
#include "graph/import_log_json.h"
#include "graph/import_log_call.h"
#include "graph/import_log_line.h"
#include "graph/import_tally.h"
#include "proto/json.h"
#include <stdio.h>
#include <string.h>

#define DEPTH_MAX 3
#define KEY_MAX 48
#define RECORD_MAX ((size_t)1 << 20)

enum field { TIME, CLIENT, STATUS, UPSTREAM, UPSTREAM_STATUS, UPSTREAM_TIME, UPSTREAM_MS, UPSTREAM_NS, AUTHORITY, PROXY_HOST, INGRESS, CLUSTER,
	UPSTREAM_LOCAL, FLAGS, BACKEND, SERVER, SPACE, SERVICE, SERVICE_HOST, INGRESS_NAME, REQUEST, MESSAGE, FIELD_COUNT };

struct key_of {
	const char *key;        /* as normal() makes it; "parent.key" goes before "key" */
	enum field field;
};

static const struct key_of keys[] = {
	{ "time", TIME }, { "timestamp", TIME }, { "timeiso8601", TIME }, { "timelocal", TIME }, { "starttime", TIME }, { "startutc", TIME },
	{ "ts", TIME }, { "msec", TIME }, { "date", TIME }, { "datetime", TIME }, { "startedat", TIME }, { "acceptdate", TIME },
	{ "requestdate", TIME }, { "requesttimestamp", TIME }, { "starttimestamp", TIME },
	{ "remoteaddr", CLIENT }, { "remoteip", CLIENT }, { "clientip", CLIENT }, { "clientaddr", CLIENT }, { "clientaddress", CLIENT },
	{ "client", CLIENT }, { "clienthost", CLIENT }, { "downstreamremoteaddress", CLIENT }, { "downstreamdirectremoteaddress", CLIENT },
	{ "downstreamremoteaddresswithoutport", CLIENT }, { "sourceip", CLIENT }, { "srcip", CLIENT }, { "remoteaddress", CLIENT },
	{ "remote", CLIENT },
	{ "status", STATUS }, { "statuscode", STATUS }, { "responsecode", STATUS }, { "downstreamstatus", STATUS }, { "httpstatus", STATUS },
	{ "httpstatuscode", STATUS }, { "responsestatus", STATUS }, { "code", STATUS },
	{ "upstreamaddr", UPSTREAM }, { "upstream", UPSTREAM }, { "upstreamhost", UPSTREAM }, { "serviceaddr", UPSTREAM }, { "serviceurl", UPSTREAM },
	{ "upstreamaddress", UPSTREAM }, { "upstreamremoteaddress", UPSTREAM }, { "upstreamurl", UPSTREAM }, { "backendaddr", UPSTREAM },
	{ "backendaddress", UPSTREAM }, { "backendurl", UPSTREAM }, { "serviceurl.host", UPSTREAM },
	{ "upstreamstatus", UPSTREAM_STATUS }, { "originstatus", UPSTREAM_STATUS }, { "upstreamstatuscode", UPSTREAM_STATUS },
	{ "upstreamresponsetime", UPSTREAM_TIME }, { "upstreamtime", UPSTREAM_TIME }, { "upstreamservicetime", UPSTREAM_MS },
	{ "originduration", UPSTREAM_NS },
	{ "authority", AUTHORITY }, { "host", AUTHORITY }, { "httphost", AUTHORITY }, { "requestauthority", AUTHORITY },
	{ "reqauthority", AUTHORITY },
	{ "proxyhost", PROXY_HOST }, { "upstreamname", PROXY_HOST }, { "proxyupstreamname", INGRESS },
	{ "upstreamcluster", CLUSTER }, { "upstreamclustername", CLUSTER }, { "upstreamlocaladdress", UPSTREAM_LOCAL }, { "responseflags", FLAGS },
	{ "backend", BACKEND }, { "backendname", BACKEND }, { "haproxybackend", BACKEND }, { "haproxybackendname", BACKEND },
	{ "server", SERVER }, { "servername", SERVER }, { "haproxyserver", SERVER }, { "haproxyservername", SERVER }, { "srvname", SERVER },
	{ "namespace", SPACE }, { "k8snamespace", SPACE }, { "kubernetesnamespace", SPACE }, { "ingressnamespace", SPACE },
	{ "ingressname", INGRESS_NAME },
	{ "servicename", SERVICE }, { "service.name", SERVICE }, { "service.host", SERVICE_HOST },
	{ "request", REQUEST }, { "method", REQUEST }, { "requestmethod", REQUEST }, { "requesturi", REQUEST }, { "uri", REQUEST },
	{ "path", REQUEST },
	{ "requestpath", REQUEST }, { "httprequest", REQUEST }, { "httpmethod", REQUEST }, { "protocol", REQUEST }, { "originalpath", REQUEST },
	{ "msg", MESSAGE }, { "message", MESSAGE },
};

struct record {
	const char *v[FIELD_COUNT];     /* "" when not said */
	bool has[FIELD_COUNT];
};

/* Letters and digits, in lower case. */
static void
normal(const char *key, char *out)
{
	size_t n = 0;

	for (; *key != '\0' && n < KEY_MAX - 1; key++) {
		if (*key >= 'A' && *key <= 'Z')
			out[n++] = (char)(*key + 32);
		else if ((*key >= 'a' && *key <= 'z') || (*key >= '0' && *key <= '9'))
			out[n++] = *key;
	}
	out[n] = '\0';
}

static enum field
field_of(const char *parent, const char *key)
{
	size_t n = strlen(parent);

	for (size_t i = 0; n > 0 && i < FL_ARRAY_LEN(keys); i++) {
		if (strncmp(keys[i].key, parent, n) == 0 && keys[i].key[n] == '.' && strcmp(keys[i].key + n + 1, key) == 0)
			return keys[i].field;
	}
	for (size_t i = 0; i < FL_ARRAY_LEN(keys); i++) {
		if (strcmp(keys[i].key, key) == 0)
			return keys[i].field;
	}
	return FIELD_COUNT;
}

/* Other people's words: of a caller, of a cookie, of a token. */
static bool
is_foreign(const char *key)
{
	static const char *const words[] = { "headers", "respheaders", "requestheaders", "responseheaders", "cookies", "querystring", "args", "tls",
		"authenticatedentity", "consumer", "kubernetes", "labels" };

	for (size_t i = 0; i < FL_ARRAY_LEN(words); i++) {
		if (strcmp(words[i], key) == 0)
			return true;
	}
	return false;
}

/* What is said first, and further out, stands. */
static void
gather(struct record *r, const struct doc_node *map, const char *parent, unsigned depth)
{
	char key[KEY_MAX];

	for (uint32_t i = 0; i < map->count; i++) {
		const struct doc_node *v = map->pairs[i].value;
		enum field f;

		normal(map->pairs[i].key->text, key);
		f = field_of(parent, key);
		if (v->kind == DOC_MAP || f == FIELD_COUNT || (depth > 0 && f == TIME))
			continue;
		r->has[f] = r->has[f] || v->kind == DOC_SCALAR || v->kind == DOC_NULL;
		if (v->kind == DOC_SCALAR && r->v[f][0] == '\0')
			r->v[f] = v->text;
	}
	for (uint32_t i = 0; i < map->count && depth < DEPTH_MAX; i++) {
		const struct doc_node *v = map->pairs[i].value;

		if (v->kind != DOC_MAP)
			continue;
		normal(map->pairs[i].key->text, key);
		if (strcmp(key, "request") == 0 || strcmp(key, "httprequest") == 0)
			r->has[REQUEST] = true;
		if (!is_foreign(key))
			gather(r, v, key, depth + 1);
	}
}

static void
record_of(struct record *r, const struct doc_node *root)
{
	memset(r, 0, sizeof(*r));
	for (int f = 0; f < FIELD_COUNT; f++)
		r->v[f] = "";
	gather(r, root, "", 0);
}

/* A request, and somebody at one end of it or the other. */
static bool
is_call(const struct record *r)
{
	bool upstream = r->has[UPSTREAM] || r->has[CLUSTER] || r->has[BACKEND] || r->has[SERVICE_HOST];

	return r->has[STATUS] ? r->has[CLIENT] || upstream : upstream && (r->has[CLIENT] || r->has[REQUEST]);
}

/* A string from its quote on; \\xHH, which nginx writes unless told escape=json, as JSON has it. returns its end. */
static const char *
copy_string(const char *p, const char *end, struct buf *out)
{
	buf_putc(out, *p++);
	while (p < end && *p != '"') {
		if (*p == '\\' && p + 1 < end && p[1] == 'x') {
			buf_puts(out, "\\u00");
			p += 2;
		} else if (*p == '\\' && p + 1 < end) {
			buf_append(out, p, 2);
			p += 2;
		} else {
			buf_putc(out, *p++);
		}
	}
	if (p < end)
		buf_putc(out, *p++);
	return p;
}

static bool
is_next_key(const char *p, const char *end)
{
	while (p < end && *p == ' ')
		p++;
	return p < end && *p == '"';
}

/* A value without quotes from p on, up to the next key or the end: "-", "0.001, 0.002" and nothing at all are texts. */
static const char *
copy_bare(const char *p, const char *end, struct buf *out)
{
	const char *stop = p;
	size_t n;

	while (stop < end && *stop != '}' && !(*stop == ',' && is_next_key(stop + 1, end)))
		stop++;
	for (n = (size_t)(stop - p); n > 0 && p[n - 1] == ' '; n--)
		;
	if (n == 0 || (memchr("-.0123456789", *p, 13) != NULL && (n == 1 || memchr(p, ',', n) != NULL || memchr(p, ' ', n) != NULL || *p == '.')))
		buf_printf(out, "\"%.*s\"", (int)n, p);
	else
		buf_append(out, p, n);
	return stop;
}

/* What a format written by hand made of values that are not said, of lists, of strange bytes. */
static void
mend(const char *p, const char *end, struct buf *out)
{
	while (p < end) {
		if (*p == '"') {
			p = copy_string(p, end, out);
			continue;
		}
		buf_putc(out, *p);
		if (*p++ != ':')
			continue;
		while (p < end && *p == ' ')
			p++;
		if (p < end && *p != '"' && *p != '{' && *p != '[')
			p = copy_bare(p, end, out);
	}
}

static struct doc *
parse(const char *line, size_t n, const char **ret_from)
{
	char error[JSON_ERROR_MAX];
	const char *from = memchr(line, '{', n), *end = line + n;
	struct doc *doc;

	if (from == NULL || n > RECORD_MAX)
		return NULL;
	*ret_from = from;
	if (json_parse(from, (size_t)(end - from), error, &doc) != 0) {
		struct buf b;

		buf_init(&b, 2 * RECORD_MAX);
		doc = NULL;
		mend(from, end, &b);    /* past its bound it is cut, and refused */
		(void)json_parse(buf_data(&b), buf_len(&b), error, &doc);
		buf_fini(&b);
		if (doc == NULL)
			return NULL;
	}
	if (doc->root->kind == DOC_MAP)
		return doc;
	doc_free(doc);
	return NULL;
}

bool
import_log_json_is(const char *line, size_t n)
{
	struct record r;
	const char *from;
	struct doc *doc = parse(line, n, &from);
	bool is = false;

	if (doc != NULL) {
		record_of(&r, doc->root);
		is = is_call(&r);
	}
	doc_free(doc);
	return is;
}

/* RFC 3339, the log's own way, or seconds since 1970, or ms, us, ns by their size. */
static bool
when_of(const char *s, int64_t *ret)
{
	size_t n = strlen(s);
	double v;

	if (import_time(s, n, ret) || import_log_time(s, n, ret))
		return true;
	v = n > 0 && strspn(s, "0123456789.eE+") == n ? import_log_number(s, n) : 0;
	while (v >= 1e11)
		v /= 1000;
	if (!(v > 1e8))
		return false;
	*ret = (int64_t)(v * 1e6) * 1000;
	return true;
}

static bool
is_said(const char *s)
{
	return s[0] != '\0' && strcmp(s, "-") != 0;
}

static uint64_t
latency_of(const struct record *r)
{
	double ms = import_log_number(r->v[UPSTREAM_MS], strlen(r->v[UPSTREAM_MS])), ns = import_log_number(r->v[UPSTREAM_NS],
		strlen(r->v[UPSTREAM_NS]));

	if (ms > 0 && ms < 1e9)
		return (uint64_t)(ms * 1e6);
	return ns > 0 && ns < 1e15 ? (uint64_t)ns : 0;
}

static void
envoy(struct import *im, struct import_log_call *c, const struct record *r)
{
	struct import_log_envoy e = { .cluster = r->v[CLUSTER], .upstream = r->v[UPSTREAM], .authority = r->v[AUTHORITY],
		.upstream_local = r->v[UPSTREAM_LOCAL], .caller = r->v[CLIENT], .tcp = c->status == 0, .latency = latency_of(r) };

	c->source = "envoy";
	import_log_envoy(im, c, &e);
}

static void
haproxy(struct import *im, struct import_log_call *c, const struct record *r)
{
	char name[256];
	bool http = c->status != 0 || r->has[STATUS];
	struct import_log_to to = { .name = name, .protocol = http ? "http" : "tcp", .error = http && (c->status >= 500 || c->status == 0) };

	c->source = "haproxy";
	import_log_caller(im, c, r->v[CLIENT], to.protocol);
	if (!is_said(r->v[SERVER]) || r->v[SERVER][0] == '<' || strlen(r->v[SERVER]) >= sizeof(name))
		return;
	import_log_server(r->v[BACKEND], strlen(r->v[BACKEND]), r->v[SERVER], strlen(r->v[SERVER]), name, sizeof(name));
	import_log_callee(im, c, &to);
}

/* Traefik's "cart@docker", "shop-cart-80@kubernetes". Without a provider it may as well be whose log this is. */
static void
service(struct import_log_tries *t, const struct record *r, char *name, size_t name_bytes)
{
	const char *at = strchr(r->v[SERVICE], '@');

	if (at == NULL || at == r->v[SERVICE] || strcmp(at, "@internal") == 0)
		return;
	snprintf(name, name_bytes, "%.*s", (int)FL_MIN((size_t)(at - r->v[SERVICE]), name_bytes - 1), r->v[SERVICE]);
	if (strncmp(at, "@kubernetes", 11) == 0)
		t->ingress = name;
	else
		t->hint = name;
}

/* nginx, Traefik, Caddy, Kong, and whoever names things alike. */
static void
plain(struct import *im, struct import_log_call *c, const struct record *r)
{
	const char *upstream = r->v[UPSTREAM], *scheme = strstr(upstream, "://");
	struct import_log_tries t = { .upstream = scheme != NULL ? scheme + 3 : upstream, .status = r->v[UPSTREAM_STATUS],
		.times = r->v[UPSTREAM_TIME],
		.ingress = is_said(r->v[INGRESS]) ? r->v[INGRESS] : NULL, .space = r->v[SPACE], .latency = latency_of(r), .error = c->status >= 500 };
	char name[IMPORT_HOST_MAX], host[IMPORT_HOST_MAX];

	import_log_caller(im, c, r->v[CLIENT], "http");
	if (r->v[SERVICE_HOST][0] != '\0') {
		struct import_log_to to = { .name = r->v[SERVICE_HOST], .protocol = "http", .error = c->status >= 500 };

		import_log_callee(im, c, &to);
		return;
	}
	service(&t, r, name, sizeof(name));
	if (is_said(r->v[PROXY_HOST]))
		t.hint = r->v[PROXY_HOST];
	/* An Ingress' service and namespace, each said: nothing is left to guess. */
	if ((t.ingress != NULL || is_said(r->v[INGRESS_NAME])) && is_said(r->v[SERVICE]) && is_said(r->v[SPACE]) && strchr(r->v[SERVICE],
		'@') == NULL) {
		snprintf(host, sizeof(host), "%.120s-%.120s-0", r->v[SPACE], r->v[SERVICE]);
		t.ingress = host;
	}
	t.upstream_n = scheme != NULL ? strcspn(t.upstream, "/") : strlen(t.upstream);
	t.status_n = strlen(t.status);
	t.times_n = strlen(t.times);
	t.ingress_n = t.ingress != NULL ? strlen(t.ingress) : 0;
	import_log_tries(im, c, &t);
}

static bool
record_read(struct import *im, struct import_log_call *c, const struct doc_node *root)
{
	struct record r;
	double v;

	record_of(&r, root);
	if (!is_call(&r))
		return r.v[MESSAGE][0] != '\0';  /* what the proxy says of itself, in the same file */
	c->when = 0;
	(void)when_of(r.v[TIME], &c->when);
	v = import_log_number(r.v[STATUS], strlen(r.v[STATUS]));
	c->status = v > 0 && v < 1000 ? (unsigned)v : 0;
	c->source = "nginx";
	if (r.has[CLUSTER] || r.has[FLAGS])
		envoy(im, c, &r);
	else if (r.has[BACKEND] && r.has[SERVER] && !r.has[UPSTREAM])
		haproxy(im, c, &r);
	else
		plain(im, c, &r);
	return true;
}

/* "Nov 20 22:31:06 lb haproxy[123]: " before a record: whose it is. */
static void
name_of(const char *prefix, size_t n, const char *fallback, char *out, size_t out_bytes)
{
	struct log_words w;

	import_log_split(prefix, n, &w);
	if (w.count >= 5 && w.p[w.count - 1][w.n[w.count - 1] - 1] == ':')
		snprintf(out, out_bytes, "%.*s", (int)FL_MIN(w.n[w.count - 2], out_bytes - 1), w.p[w.count - 2]);
	else
		snprintf(out, out_bytes, "%s", fallback);
}

void
import_log_json_add(struct import *im)
{
	const char *p = im->file->text, *end = p + im->file->n, *line, *from;
	struct import_log_call c = { .when = 0 };
	char fallback[256];
	uint32_t number = 0;
	size_t len;

	import_log_name(im, fallback, sizeof(fallback));
	while (import_next_line(&p, end, &line, &len) && im->failed == 0) {
		struct doc *doc;

		number++;
		if (len == 0)
			continue;
		doc = parse(line, len, &from);
		c.at = import_line(im, number);
		if (doc != NULL)
			name_of(line, (size_t)(from - line), fallback, c.proxy, sizeof(c.proxy));
		if (doc == NULL || !record_read(im, &c, doc->root))
			import_drop(im);
		doc_free(doc);
	}
}
