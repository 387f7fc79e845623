/* SPDX-License-Identifier: MIT */
/* tls_config.c - TLS, PROXY headers and routes by name of a line, in the words of faultline.yaml. */
#include "control/tls_config.h"
#include "base/arena.h"
#include "base/buf.h"
#include "base/hash.h"
#include "io/file.h"
#include "io/tls.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PEM_BYTES_MAX (4u << 20)
#define MEM_MAX (64u << 20)
#define ROUTES_MAX 4096
#define ROUTE_NAMES_MAX 1024

/* A map that becomes a context: its files, and the nodes that complaints are about. */
struct reader {
	const char *beside;
	struct doc_diag *d;
	struct arena mem;               /* texts of files */
	uint64_t digest;
	const struct doc_node *map, *ca, *alpn;
	const struct doc_node **certs, **keys;          /* of each certificate */
	struct tls_cert *pems;
	uint32_t cert_count;
	const char *protocols[TLS_ALPNS_MAX];
	uint32_t protocol_count;
	bool http;
};

static void
add_digest(uint64_t *digest, const void *p, size_t n)
{
	*digest = hash_bytes(*digest, n, p, n);
}

/* Everything a node says, in its order. */
static void
digest_node(uint64_t *digest, const struct doc_node *n)
{
	add_digest(digest, &n->kind, sizeof(n->kind));
	if (n->kind == DOC_SCALAR)
		add_digest(digest, n->text, strlen(n->text));
	for (uint32_t i = 0; i < n->count; i++) {
		if (n->kind == DOC_MAP)
			digest_node(digest, n->pairs[i].key);
		digest_node(digest, n->kind == DOC_MAP ? n->pairs[i].value : n->items[i]);
	}
}

static const struct doc_node *
get(const struct doc_node *map, const char *key)
{
	const struct doc_node *n = doc_get(map, key);

	return n == NULL || n->kind == DOC_NULL ? NULL : n;
}

/* ---- files ---- */

/* The text of the file that a node names. p NULL after a complaint. */
static struct tls_pem
read_file(struct reader *r, const struct doc_node *n)
{
	const char *slash = r->beside != NULL && n->text[0] != '/' ? strrchr(r->beside, '/') : NULL;
	struct tls_pem pem = { .p = NULL };
	char path[4096];
	struct buf b;
	int rc;

	if (!doc_expect(r->d, n, DOC_SCALAR, "the path of a file in PEM"))
		return pem;
	if (r->beside == NULL) {
		doc_complain(r->d, n, "found the file %.200s, expected none: files are named in the configuration file alone", n->text);
		return pem;
	}
	snprintf(path, sizeof(path), "%.*s%s", slash != NULL ? (int)(slash - r->beside + 1) : 0, r->beside, n->text);
	buf_init(&b, PEM_BYTES_MAX);
	rc = file_read_regular(path, &b);
	if (rc == 0)
		pem = (struct tls_pem){ arena_strndup(&r->mem, buf_data(&b), buf_len(&b)), buf_len(&b) };
	if (rc != 0)
		doc_complain(r->d, n, "%.300s: %s", path, rc == -EINVAL ? "not a regular file" : rc == -EFBIG ? "larger than 4 MB" : strerror(-rc));
	else if (pem.p == NULL)
		doc_complain(r->d, n, "%.300s: out of memory", path);
	else
		add_digest(&r->digest, pem.p, pem.n);
	buf_fini(&b);
	return pem;
}

/* cert and key of a map; the key may stand in the same file. */
static void
read_cert(struct reader *r, const struct doc_node *map)
{
	const struct doc_node *cert = get(map, "cert"), *key = get(map, "key");
	uint32_t i = r->cert_count;

	if (cert == NULL) {
		doc_complain(r->d, map, "found no cert, expected cert: FILE (and key: FILE, unless the key is in it too)");
		return;
	}
	r->certs[i] = cert;
	r->keys[i] = key != NULL ? key : cert;
	r->pems[i].cert = read_file(r, cert);
	r->pems[i].key = key != NULL ? read_file(r, key) : r->pems[i].cert;
	r->cert_count++;
}

static void
read_certs(struct reader *r)
{
	static const char *const known[] = { "cert", "key", NULL };
	const struct doc_node *list = get(r->map, "certificates");
	bool direct = get(r->map, "cert") != NULL || get(r->map, "key") != NULL;
	uint32_t count = 1;

	if (list != NULL && !doc_expect(r->d, list, DOC_LIST, "a list of certificates"))
		return;
	if (list != NULL && direct) {
		doc_complain(r->d, list, "found certificates beside cert and key, expected one of them");
		return;
	}
	if (list != NULL)
		count = list->count;
	if (count == 0 || count > TLS_CERTS_MAX) {
		doc_complain(r->d, list, "found %u certificates, expected 1 to %d", count, TLS_CERTS_MAX);
		return;
	}
	r->certs = arena_alloc(&r->mem, count * sizeof(struct doc_node *));
	r->keys = arena_alloc(&r->mem, count * sizeof(struct doc_node *));
	r->pems = arena_alloc(&r->mem, count * sizeof(*r->pems));
	if (r->pems == NULL || r->keys == NULL || r->certs == NULL)
		return;
	if (list == NULL)
		read_cert(r, r->map);
	for (uint32_t i = 0; list != NULL && i < count; i++) {
		if (!doc_expect(r->d, list->items[i], DOC_MAP, "a map with cert and key"))
			continue;
		doc_keys(r->d, list->items[i], known);
		read_cert(r, list->items[i]);
	}
}

/* ---- what both maps have ---- */

/* HTTP lines speak HTTP/1.1 and say so: a client that could do HTTP/2 as well does not try. */
static void
read_protocols(struct reader *r)
{
	static const char *const spoken[] = { "http/1.1", "http/1.0", NULL };

	r->alpn = get(r->map, "alpn");
	if (r->alpn == NULL && r->http)
		r->protocols[r->protocol_count++] = spoken[0];
	if (r->alpn == NULL || !doc_expect(r->d, r->alpn, DOC_LIST, "a list of protocols such as [http/1.1]"))
		return;
	if (r->alpn->count > TLS_ALPNS_MAX) {
		doc_complain(r->d, r->alpn, "found %u protocols, expected at most %d", r->alpn->count, TLS_ALPNS_MAX);
		return;
	}
	for (uint32_t i = 0; i < r->alpn->count; i++) {
		if (r->http && doc_choice(r->d, r->alpn->items[i], spoken) < 0)
			continue;
		if (doc_text(r->d, r->alpn->items[i], "a protocol such as http/1.1", &r->protocols[r->protocol_count]))
			r->protocol_count++;
	}
}

static enum tls_version
read_version(struct reader *r)
{
	static const char *const versions[] = { "1.2", "1.3", NULL };
	const struct doc_node *n = get(r->map, "min_version");

	return n != NULL && doc_choice(r->d, n, versions) == 1 ? TLS_1_3 : TLS_1_2;
}

/* Say what a context complains of where the file stands that it is about. */
static void
pass_on(const struct reader *r, const struct tls_complaint *c)
{
	const struct doc_node *n = r->map;

	if (c->part == TLS_PART_CERT && c->index < r->cert_count)
		n = r->certs[c->index];
	else if (c->part == TLS_PART_KEY && c->index < r->cert_count)
		n = r->keys[c->index];
	else if (c->part == TLS_PART_CA && r->ca != NULL)
		n = r->ca;
	else if (c->part == TLS_PART_ALPN && r->alpn != NULL)
		n = r->alpn;
	if (n->kind == DOC_SCALAR)
		doc_complain(r->d, n, "%.300s: %s", n->text, c->text);
	else
		doc_complain(r->d, n, "%s", c->text);
}

static void
begin(struct reader *r, const struct doc_node *map, const char *beside, struct doc_diag *d)
{
	*r = (struct reader){ .beside = beside, .d = d, .map = map };
	arena_init(&r->mem, MEM_MAX);
	digest_node(&r->digest, map);
}

/* The context, unless something was wrong: before, or in what it says of itself. */
static struct tls_ctx *
end(struct reader *r, int rc, const struct tls_complaint *c, struct tls_ctx *ctx, struct tls_config *ret)
{
	if (rc == -ENOMEM || r->mem.overflowed)
		doc_complain(r->d, r->map, "out of memory");
	else if (rc < 0 && c->text[0] != '\0')
		pass_on(r, c);
	if (rc == 0 && c->text[0] != '\0' && ret->warning == NULL && c->index < r->cert_count &&
	    asprintf(&ret->warning, "%s: %s", r->certs[c->index]->text, c->text) < 0)
		ret->warning = NULL;
	add_digest(&ret->digest, &r->digest, sizeof(r->digest));
	arena_fini(&r->mem);
	return rc == 0 ? ctx : NULL;
}

/* ---- the two maps ---- */

static enum tls_auth
read_auth(struct reader *r)
{
	static const char *const words[] = { "none", "request", "require", NULL };
	const struct doc_node *n = get(r->map, "client_cert");
	int i = n != NULL ? doc_choice(r->d, n, words) : r->ca != NULL ? (int)TLS_AUTH_REQUIRE : (int)TLS_AUTH_NONE;

	if (i > 0 && r->ca == NULL)
		doc_complain(r->d, n, "found client_cert: %s without client_ca, expected client_ca: FILE with the authorities of clients", words[i]);
	return i < 0 ? TLS_AUTH_NONE : (enum tls_auth)i;
}

struct tls_ctx *
tls_config_server(const struct doc_node *map, const char *beside, struct doc_diag *d, struct tls_config *ret)
{
	static const char *const known[] = { "certificates", "cert", "key", "alpn", "client_ca", "client_cert", "min_version", NULL };
	struct tls_complaint c = { .text = "" };
	struct tls_ctx *ctx = NULL;
	unsigned before = d->count;
	struct reader r;
	int rc = -EINVAL;

	if (!doc_expect(d, map, DOC_MAP, "a map with cert and key"))
		return NULL;
	begin(&r, map, beside, d);
	r.http = ret->http;
	doc_keys(d, map, known);
	read_certs(&r);
	read_protocols(&r);
	r.ca = get(map, "client_ca");
	struct tls_server_opts o = { .certs = r.pems, .cert_count = r.cert_count, .alpn = r.protocols, .alpn_count = r.protocol_count,
		.client_auth = read_auth(&r), .min_version = read_version(&r) };
	if (r.ca != NULL)
		o.client_ca = read_file(&r, r.ca);
	if (d->count == before && !r.mem.overflowed)
		rc = tls_server_new(&o, &c, &ctx);
	return end(&r, rc, &c, ctx, ret);
}

struct tls_ctx *
tls_config_client(const struct doc_node *map, const char *beside, struct doc_diag *d, struct tls_config *ret)
{
	static const char *const known[] = { "ca", "name", "cert", "key", "verify", "alpn", "min_version", NULL };
	struct tls_complaint c = { .text = "" };
	struct tls_ctx *ctx = NULL;
	unsigned before = d->count;
	const struct doc_node *n;
	bool verify = true;
	struct reader r;
	int rc = -EINVAL;

	if (!doc_expect(d, map, DOC_MAP, "a map, {} for one that checks the server with the system's authorities"))
		return NULL;
	begin(&r, map, beside, d);
	r.http = ret->http;
	doc_keys(d, map, known);
	if (get(map, "cert") != NULL || get(map, "key") != NULL)
		read_certs(&r);
	read_protocols(&r);
	if ((n = get(map, "verify")) != NULL)
		doc_bool(d, n, &verify);
	struct tls_client_opts o = { .alpn = r.protocols, .alpn_count = r.protocol_count, .no_verify = !verify, .min_version = read_version(&r) };
	r.ca = get(map, "ca");
	if (r.ca != NULL)
		o.ca = read_file(&r, r.ca);
	if (r.ca != NULL && !verify)
		doc_complain(d, r.ca, "found ca beside verify: false, expected one of them");
	if (r.cert_count > 0)
		o.cert = r.pems[0];
	if (d->count == before && !r.mem.overflowed)
		rc = tls_client_new(&o, &c, &ctx);
	return end(&r, rc, &c, ctx, ret);
}

/* ---- routes ---- */

/* "a.example", "*.a.example" or "*". */
static bool
is_pattern(const char *s)
{
	size_t n;

	if (strcmp(s, "*") == 0)
		return true;
	if (strncmp(s, "*.", 2) == 0)
		s += 2;
	n = strlen(s);
	return n > 0 && n < 254 && s[0] != '.' && s[n - 1] != '.' &&
	    strspn(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.") == n;
}

/* The names of a route: a list, or one alone. */
static uint32_t
name_count(const struct doc_node *names)
{
	return names->kind == DOC_LIST ? names->count : 1;
}

static const struct doc_node *
name_at(const struct doc_node *names, uint32_t i)
{
	return names->kind == DOC_LIST ? names->items[i] : names;
}

/* How much memory the routes take; 0 after a complaint. */
static size_t
check_routes(const struct doc_node *list, struct doc_diag *d)
{
	static const char *const known[] = { "names", "upstream", NULL };
	size_t bytes = list->count * sizeof(struct line_route);
	unsigned before = d->count;

	for (uint32_t i = 0; i < list->count; i++) {
		const struct doc_node *n = list->items[i], *names, *upstream;
		struct line_target t;

		if (!doc_expect(d, n, DOC_MAP, "a map with names and upstream"))
			continue;
		doc_keys(d, n, known);
		names = get(n, "names");
		upstream = get(n, "upstream");
		if (names == NULL || name_count(names) == 0 || name_count(names) > ROUTE_NAMES_MAX)
			doc_complain(d, n, "found %u names, expected 1 to %d such as names: [a.example, \"*.b.example\"]",
			    names == NULL ? 0 : name_count(names), ROUTE_NAMES_MAX);
		for (uint32_t k = 0; names != NULL && k < name_count(names); k++) {
			const struct doc_node *name = name_at(names, k);

			if (name->kind != DOC_SCALAR || !is_pattern(name->text))
				doc_unexpected(d, name, "a host name, \"*.\" and a host name, or \"*\"");
			bytes += sizeof(char *) + strlen(name->text) + 1;
		}
		if (upstream == NULL)
			doc_complain(d, n, "found a route without upstream, expected one such as upstream: 127.0.0.1:9443");
		else if (upstream->kind != DOC_SCALAR || line_target_set(&t, upstream->text) != 0)
			doc_unexpected(d, upstream, "an address such as 127.0.0.1:9443 or unix:/run/x.sock");
	}
	return d->count == before ? bytes : 0;
}

static void
read_routes(const struct doc_node *list, struct doc_diag *d, struct line_wire *w)
{
	const char **names;
	size_t bytes, total = 0;
	char *text;

	if (!doc_expect(d, list, DOC_LIST, "a list of routes"))
		return;
	if (list->count == 0 || list->count > ROUTES_MAX) {
		doc_complain(d, list, "found %u routes, expected 1 to %d", list->count, ROUTES_MAX);
		return;
	}
	bytes = check_routes(list, d);
	w->mem = bytes > 0 ? calloc(1, bytes) : NULL;
	if (w->mem == NULL)
		return;
	w->routes = w->mem;
	w->route_count = list->count;
	for (uint32_t i = 0; i < list->count; i++)
		total += name_count(get(list->items[i], "names"));
	names = (const char **)(w->routes + w->route_count);
	text = (char *)(names + total);
	for (uint32_t i = 0; i < list->count; i++) {
		const struct doc_node *from = get(list->items[i], "names");
		struct line_route *r = &w->routes[i];

		r->names = names;
		r->name_count = name_count(from);
		line_target_set(&r->target, get(list->items[i], "upstream")->text);
		for (uint32_t k = 0; k < r->name_count; k++) {
			size_t n = strlen(name_at(from, k)->text) + 1;

			memcpy(text, name_at(from, k)->text, n);
			*names++ = text;
			text += n;
		}
	}
}

/* ---- a line ---- */

static bool
is_unix(const struct doc_node *n)
{
	return n != NULL && n->kind == DOC_SCALAR && strncmp(n->text, "unix:", 5) == 0;
}

/* An upstream of this map that has no name to check a certificate with, the routes of an HTTP line looked at too; NULL: none. */
static const struct doc_node *
find_nameless(const struct doc_node *map)
{
	const struct doc_node *one = get(map, "upstream"), *list = get(map, "upstreams"), *routes = get(map, "routes");

	if (is_unix(one))
		return one;
	for (uint32_t i = 0; list != NULL && list->kind == DOC_LIST && i < list->count; i++) {
		const struct doc_node *n = list->items[i]->kind == DOC_MAP ? get(list->items[i], "address") : list->items[i];
		if (is_unix(n))
			return n;
	}
	for (uint32_t i = 0; routes != NULL && routes->kind == DOC_LIST && i < routes->count; i++) {
		const struct doc_node *n = routes->items[i]->kind == DOC_MAP ? find_nameless(routes->items[i]) : NULL;
		if (n != NULL)
			return n;
	}
	return NULL;
}

static void
read_upstream_tls(const struct doc_node *line, const char *beside, struct doc_diag *d, struct tls_config *c)
{
	const struct doc_node *map = get(line, "upstream_tls"), *n;
	const char *name = "";
	bool verify = true;

	if (map == NULL)
		return;
	c->wire->tls_client = tls_config_client(map, beside, d, c);
	if ((n = get(map, "name")) != NULL && doc_text(d, n, "the server's name", &name) &&
	    (name[0] == '\0' || strlen(name) >= sizeof(c->wire->tls_name)))
		doc_unexpected(d, n, "a host name or an IP address");
	else
		snprintf(c->wire->tls_name, sizeof(c->wire->tls_name), "%s", name);
	if ((n = get(map, "verify")) != NULL)
		doc_is_bool(n, &verify);
	if (verify && name[0] == '\0' && (n = find_nameless(line)) != NULL)
		doc_complain(d, map, "found no name for the server behind %.100s, expected name: HOST, to check its certificate with", n->text);
}

/* What does not go together. */
static void
check_whole(const struct doc_node *line, bool http, struct doc_diag *d, const struct line_wire *w)
{
	const struct doc_node *key = get(line, "key"), *n;

	if (http && (n = get(line, "sni")) != NULL)
		doc_complain(d, n, "found sni on an HTTP line, expected it on a TCP line; routes of HTTP lines have match: {host: NAME}");
	if (w->route_count > 0 && w->tls_server == NULL && (n = get(line, "upstream_tls")) != NULL)
		doc_complain(d, n, "found upstream_tls beside sni without tls, expected one of them: what is passed through is TLS already");
	if (w->accept_proxy && key != NULL && strcmp(key->text, "client") == 0)
		doc_complain(d, key, "found key: client beside accept_proxy, expected key: ordinal, for connections are counted before their "
		    "headers are read");
}

void
tls_config_read(const struct doc_node *line, const char *beside, struct doc_diag *d, struct tls_config *ret)
{
	static const char *const keys[] = { TLS_CONFIG_KEYS, NULL };
	static const char *const versions[] = { "v1", "v2", NULL };
	unsigned before = d->count;
	const struct doc_node *n;
	bool any = false;

	n = get(line, "protocol");
	*ret = (struct tls_config){ .http = n != NULL && n->kind == DOC_SCALAR && strcmp(n->text, "http") == 0 };
	for (int i = 0; keys[i] != NULL; i++) {
		if ((n = get(line, keys[i])) == NULL)
			continue;
		any = true;
		if (beside == NULL)     /* the state file holds none of it, so nothing else could bring it back */
			doc_complain(d, n, "found %s, expected it in the configuration file alone", keys[i]);
		add_digest(&ret->digest, keys[i], strlen(keys[i]));
		digest_node(&ret->digest, n);
	}
	if (!any || beside == NULL)
		return;
	ret->wire = line_wire_new();
	if (ret->wire == NULL) {
		doc_complain(d, line, "out of memory");
		return;
	}
	if ((n = get(line, "accept_proxy")) != NULL)
		doc_bool(d, n, &ret->wire->accept_proxy);
	if ((n = get(line, "send_proxy")) != NULL)
		ret->wire->send_proxy = (uint8_t)(1 + doc_choice(d, n, versions));
	if ((n = get(line, "greeting_timeout")) != NULL && doc_duration(d, n, &ret->wire->greeting_timeout) && ret->wire->greeting_timeout <= 0)
		doc_unexpected(d, n, "more than 0");
	if ((n = get(line, "tls")) != NULL)
		ret->wire->tls_server = tls_config_server(n, beside, d, ret);
	read_upstream_tls(line, beside, d, ret);
	if ((n = get(line, "sni")) != NULL)
		read_routes(n, d, ret->wire);
	ret->wire->no_default = ret->wire->route_count > 0 && get(line, "upstream") == NULL;
	check_whole(line, ret->http, d, ret->wire);
	if (d->count == before)
		return;
	line_wire_unref(ret->wire);
	ret->wire = NULL;
}
