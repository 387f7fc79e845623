/* SPDX-License-Identifier: MIT */
/* import_dns.c - query logs of BIND, CoreDNS, dnsmasq, unbound and Route 53, and the plain form "time client name type". */
#include "graph/import_mesh.h"
#include "graph/import_ref.h"
#include "graph/import_tally.h"
#include <stdio.h>
#include <string.h>
#include <strings.h>

struct query {
	char client[64], name[IMPORT_HOST_MAX];
	char type[12];
	int64_t when;
	bool answered;          /* false: NXDOMAIN and the like */
};

static bool
put(char *out, size_t out_bytes, const char *s, size_t n)
{
	if (n == 0 || n >= out_bytes)
		return false;
	memcpy(out, s, n);
	out[n] = '\0';
	return true;
}

/* The n-th word from p on. */
static bool
word(const char *p, const char *end, unsigned n, const char **ret, size_t *ret_n)
{
	for (;; n--) {
		while (p < end && (*p == ' ' || *p == '\t'))
			p++;
		*ret = p;
		while (p < end && *p != ' ' && *p != '\t')
			p++;
		*ret_n = (size_t)(p - *ret);
		if (*ret_n == 0 || n == 0)
			return *ret_n > 0;
	}
}

/* "10.0.0.5#53124", "10.0.0.5:41234" and "[::1]:5353" without what is behind the address. */
static bool
client(struct query *q, const char *s, size_t n)
{
	const char *hash = memchr(s, '#', n), *colon = memrchr(s, ':', n);

	if (hash != NULL)
		n = (size_t)(hash - s);
	else if (n > 0 && s[0] == '[' && colon != NULL)
		return put(q->client, sizeof(q->client), s + 1, (size_t)(colon - s) > 2 ? (size_t)(colon - s) - 2 : 0) &&
		    import_host_is_address(q->client);
	else if (colon != NULL && memchr(s, ':', n) == colon)
		n = (size_t)(colon - s);
	return put(q->client, sizeof(q->client), s, n) && import_host_is_address(q->client);
}

static bool
name(struct query *q, const char *s, size_t n)
{
	while (n > 0 && s[n - 1] == '.')
		n--;
	if (!put(q->name, sizeof(q->name), s, n))
		return false;
	for (char *c = q->name; *c != '\0'; c++)
		*c = (char)(*c >= 'A' && *c <= 'Z' ? *c + 32 : *c);
	return true;
}

/* [INFO] 10.244.0.5:41234 - 51032 "A IN api.example.com. udp 32 false 512" NOERROR qr,rd,ra 106 0.0012s */
static bool
coredns(const char *line, const char *end, struct query *q)
{
	const char *quote = memchr(line, '"', (size_t)(end - line)), *close, *w, *dash;
	size_t n;

	close = quote != NULL ? memchr(quote + 1, '"', (size_t)(end - quote - 1)) : NULL;
	dash = quote != NULL ? memmem(line, (size_t)(quote - line), " - ", 3) : NULL;
	if (close == NULL || dash == NULL)
		return false;
	for (w = dash; w > line && w[-1] != ' '; w--)
		;
	if (!client(q, w, (size_t)(dash - w)) || !word(quote + 1, close, 0, &w, &n) || !put(q->type, sizeof(q->type), w, n))
		return false;
	if (!word(quote + 1, close, 2, &w, &n) || !name(q, w, n))
		return false;
	q->answered = word(close + 1, end, 0, &w, &n) && n == 7 && memcmp(w, "NOERROR", 7) == 0;
	return true;
}

/* ... client @0x7f 10.0.0.5#53124 (api.example.com): query: api.example.com IN A +E(0)K (10.0.0.1) */
static bool
bind9(const char *line, const char *end, struct query *q)
{
	const char *query = memmem(line, (size_t)(end - line), "query: ", 7), *hash, *w;
	size_t n;

	hash = query != NULL ? memchr(line, '#', (size_t)(query - line)) : NULL;
	if (hash == NULL)
		return false;
	for (w = hash; w > line && w[-1] != ' '; w--)
		;
	return client(q, w, (size_t)(hash - w)) && word(query + 7, end, 0, &w, &n) && name(q, w, n) && word(query + 7, end, 2, &w, &n) &&
	    put(q->type, sizeof(q->type), w, n);
}

/* dnsmasq[123]: query[A] api.example.com from 10.0.0.5 */
static bool
dnsmasq(const char *line, const char *end, struct query *q)
{
	const char *query = memmem(line, (size_t)(end - line), "query[", 6), *close, *w;
	size_t n;

	close = query != NULL ? memchr(query, ']', (size_t)(end - query)) : NULL;
	return close != NULL && put(q->type, sizeof(q->type), query + 6, (size_t)(close - query) - 6) && word(close + 1, end, 0, &w, &n) &&
	    name(q, w, n) &&
	    word(close + 1, end, 2, &w, &n) && client(q, w, n);
}

/* [1637000000] unbound[1:0] info: 10.0.0.5 api.example.com. A IN */
static bool
unbound(const char *line, const char *end, struct query *q)
{
	const char *info = memmem(line, (size_t)(end - line), "info: ", 6), *w;
	size_t n;

	return info != NULL && word(info + 6, end, 0, &w, &n) && client(q, w, n) && word(info + 6, end, 1, &w, &n) && name(q, w, n) &&
	    word(info + 6, end, 2, &w, &n) && put(q->type, sizeof(q->type), w, n);
}

/* time client name type */
static bool
plain(const char *line, const char *end, struct query *q)
{
	const char *w;
	size_t n;

	return word(line, end, 0, &w, &n) && import_time(w, n, &q->when) && word(line, end, 1, &w, &n) && client(q, w, n) &&
	    word(line, end, 2, &w, &n) &&
	    name(q, w, n) && (!word(line, end, 3, &w, &n) || put(q->type, sizeof(q->type), w, n));
}

/* Names that a search list made out of another: their answer is never the service that was meant. */
static bool
is_search(const char *qname)
{
	static const char local[] = ".cluster.local", svc[] = ".svc";
	size_t n = strlen(qname), labels = 1;
	const char *at = n > sizeof(local) - 1 ? qname + n - (sizeof(local) - 1) : NULL;

	if (at == NULL || strcmp(at, local) != 0)
		return strchr(qname, '.') == NULL;
	if (at - qname < 4 || memcmp(at - 4, svc, 4) != 0)
		return true;
	for (const char *p = qname; p < at - 4; p++)
		labels += *p == '.';
	return labels != 2 && !(labels == 3 && strspn(strchr(qname, '.') - 1, "0123456789") == 1);
}

static bool
is_address_type(const char *type)
{
	return type[0] == '\0' || strcasecmp(type, "A") == 0 || strcasecmp(type, "AAAA") == 0 || strcasecmp(type, "SRV") == 0 ||
	    strcasecmp(type, "HTTPS") == 0;
}

static void
tell_query(struct import *im, struct query *q, struct import_at at)
{
	struct sight s = import_sight(SIGHT_LINE, "dns");
	char *dot, *space = NULL, *svc = strstr(q->name, ".svc.cluster.local");

	if (!q->answered || !is_address_type(q->type) || is_search(q->name))
		return;
	s.to_kind = svc != NULL ? SIGHT_SERVICE : SIGHT_EXTERNAL;
	if (svc != NULL) {
		*svc = '\0';
		dot = strrchr(q->name, '.');
		space = dot != NULL ? dot + 1 : NULL;
		if (dot != NULL)
			*dot = '\0';
		dot = strrchr(q->name, '.');
		if (dot != NULL)
			memmove(q->name, dot + 1, strlen(dot + 1) + 1);
	}
	s.from = q->client;
	s.to = q->name;
	s.to_space = space;
	s.count = 1;
	s.first = q->when;
	import_tally_add(im, &s, at);
}

static void
route53(struct import *im, const struct doc_node *root)
{
	struct query q = { .answered = true };
	const char *when = import_word(root, "query_timestamp"), *rcode = import_word(root, "rcode"), *addr = import_word(root, "srcaddr");

	(void)import_time(when, strlen(when), &q.when);
	q.answered = rcode[0] == '\0' || strcmp(rcode, "NOERROR") == 0;
	(void)put(q.type, sizeof(q.type), import_word(root, "query_type"), strlen(import_word(root, "query_type")));
	if (client(&q, addr, strlen(addr)) && name(&q, import_word(root, "query_name"), strlen(import_word(root, "query_name"))))
		tell_query(im, &q, import_here(im, root));
	else
		import_drop(im);
}

void
import_dns_add(struct import *im)
{
	const char *p = im->file->text, *end = p + im->file->n, *line;
	uint32_t number = 0;
	size_t len;

	if (im->file->n > 0 && (*p == '{' || *p == '[') && memmem(p, FL_MIN(im->file->n, (size_t)4096), "query_name", 10) != NULL) {
		import_docs(im, route53);
		return;
	}
	while (import_next_line(&p, end, &line, &len) && im->failed == 0) {
		struct query q = { .answered = true };
		const char *stop = line + len;

		number++;
		if (len == 0 || line[0] == '#')
			continue;
		if (coredns(line, stop, &q) || bind9(line, stop, &q) || dnsmasq(line, stop, &q) || plain(line, stop, &q) || unbound(line, stop, &q))
			tell_query(im, &q, import_line(im, number));
		else if (memmem(line, len, "dnsmasq", 7) == NULL && memmem(line, len, "unbound", 7) == NULL)
			import_drop(im);
	}
}
