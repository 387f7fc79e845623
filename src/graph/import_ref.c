/* SPDX-License-Identifier: MIT */
/* import_ref.c - see import_ref.h. A value is cut into words; each word is a reference by its own form or by what stands before it. */
#include "graph/import_ref.h"
#include "base/types.h"
#include "proto/json.h"
#include <arpa/inet.h>
#include <string.h>
#include <strings.h>

#define KEY_WORDS_MAX 12
#define WORD_MAX 24
#define PROBE_WORDS 6
#define VALUE_MAX 65536         /* longer values are looked at up to here */

struct key_words {
	char w[KEY_WORDS_MAX][WORD_MAX];
	unsigned count;
};

static bool
is_one_of(const char *s, const char *const *list)
{
	for (; *list != NULL; list++) {
		if (strcmp(s, *list) == 0)
			return true;
	}
	return false;
}

static bool is_upper(char c) { return c >= 'A' && c <= 'Z'; }
static bool is_digit(char c) { return c >= '0' && c <= '9'; }
static char lower(char c) { return is_upper(c) ? (char)(c + 32) : c; }
static bool is_letter(char c) { return lower(c) >= 'a' && lower(c) <= 'z'; }

/* KAFKA_BOOTSTRAP-servers, spring.data.redis.host, catalogServiceUrl: words in lower case. */
static void
key_split(const char *key, struct key_words *k)
{
	size_t len = 0;

	k->count = 0;
	for (const char *p = key; *p != '\0' && k->count < KEY_WORDS_MAX; p++) {
		bool hump = is_upper(*p) && p > key && !is_upper(p[-1]) && (is_letter(p[-1]) || is_digit(p[-1]));

		if (hump && len > 0) {
			k->w[k->count++][len] = '\0';
			len = 0;
			if (k->count == KEY_WORDS_MAX)
				return;
		}
		if (is_letter(*p) || (is_digit(*p) && len > 0)) {
			if (len < WORD_MAX - 1)
				k->w[k->count][len++] = lower(*p);
		} else if (len > 0 && !is_digit(*p)) {
			k->w[k->count++][len] = '\0';
			len = 0;
		}
	}
	if (len > 0 && k->count < KEY_WORDS_MAX)
		k->w[k->count++][len] = '\0';
}

static bool
ends_with(const char *s, const char *tail)
{
	size_t n = strlen(s), m = strlen(tail);

	return n >= m && strcmp(s + n - m, tail) == 0;
}

/* Where somebody is perhaps reached himself: APP_URL, SITE_HOST, BASE_URL, NEXTAUTH_URL; but ORDERS_BASE_URL is another's. */
static bool
is_own(const struct key_words *k)
{
	static const char *const places[] = { "url", "uri", "host", "hostname", "address", "domain", NULL };
	static const char *const owners[] = { "root", "site", "own", "nextauth", "letsencrypt", "canonical", "callback", "instance", "frontend", "kc",
	    "keycloak", NULL };
	static const char *const first[] = { "app", "base", "web", "site", NULL };
	const char *last = k->w[k->count - 1], *owner = k->count > 1 ? k->w[k->count - 2] : "";

	if (!is_one_of(last, places))
		return false;
	if (strcmp(owner, "keycloak") == 0)
		return strcmp(last, "hostname") == 0;
	return is_one_of(owner, owners) || (k->count == 2 && is_one_of(owner, first)) || (k->count == 3 && strcmp(owner, "base") == 0 &&
	    is_one_of(k->w[0], first));
}

/* What a key says of its value: it is no host that is called, nothing, it is a host, it is a host and perhaps the service's own. */
enum key_says { KEY_NEVER = -1, KEY_NOTHING, KEY_HOST, KEY_OWN };

static enum key_says
key_says(const char *key)
{
	static const char *const never[] = { "origin", "origins", "cors", "allowed", "allow", "advertised", "advertise", "trusted", "redirect",
	    "docs",
		"doc", "documentation", "virtual", "noproxy", "whitelist", "allowlist", "denylist", "blacklist", "ignore", "exclude", "referer",
		"listen", "listener", "listeners", "bind", "homepage", "help", "support", "terms", "privacy", "license", "schema", "xmlns", "image",
		"external", "public", "advertisedhost", "self", "user", "username", "password", "passwd", "namespaces", "logo", "issuers", "san",
		"sans",
		"nodename", NULL };
	static const char *const bare[] = { "zone", "domain", "domains", "version", NULL };     /* a URL behind it is one all the same */
	static const char *const host[] = { "host", "hosts", "hostname", "hostnames", "addr", "addrs", "address", "addresses", "url", "urls",
	    "uri", "uris",
		"endpoint", "endpoints", "server", "servers", "service", "svc", "broker", "brokers", "bootstrap", "upstream", "upstreams", "target",
		"targets", "peer", "peers", "dsn", "backend", "backends", "connect", "connection", "connectionstring", "seeds", "gateway", "api",
		"proxy",
		"master", "primary", "replica", "replicas", "datasource", "nameserver", "hostaddr", "sentinels", "quorum", "ip", "webhook",
			"webhooks", NULL };
	static const char *const tails[] = { "host", "hosts", "addr", "url", "uri", "dsn", "endpoint", "server", "address", "hostname", NULL };
	struct key_words k;
	const char *last;

	key_split(key, &k);
	if (k.count == 0)
		return KEY_NOTHING;
	for (unsigned i = 0; i < k.count; i++) {
		if (is_one_of(k.w[i], never) || (strcmp(k.w[i], "no") == 0 && i + 1 < k.count && strcmp(k.w[i + 1], "proxy") == 0))
			return KEY_NEVER;
	}
	for (unsigned i = 0; i < k.count; i++) {
		if (is_one_of(k.w[i], bare))
			return KEY_NOTHING;
	}
	last = k.w[k.count - 1];
	if (strcmp(key, "HOSTNAME") == 0)
		return KEY_NOTHING;     /* a container's own, always */
	if (is_own(&k))
		return KEY_OWN;
	if (is_one_of(last, host))
		return KEY_HOST;
	if (strcmp(last, "base") == 0 && k.count > 1 && (strcmp(k.w[k.count - 2], "api") == 0 || strcmp(k.w[k.count - 2], "url") == 0))
		return KEY_HOST;
	if (strcmp(last, "name") == 0 && k.count > 1 && strcmp(k.w[k.count - 2], "host") == 0)
		return KEY_HOST;
	if (strcmp(last, "string") == 0 && k.count > 1 && strcmp(k.w[k.count - 2], "connection") == 0)
		return KEY_HOST;
	for (const char *const *t = tails; *t != NULL; t++) {
		if (ends_with(last, *t))
			return KEY_HOST;
	}
	return KEY_NOTHING;
}

int
import_ref_key(const char *key)
{
	enum key_says says = key_says(key);

	return says == KEY_OWN ? KEY_HOST : (int)says;
}

bool
import_host_is_address(const char *host)
{
	struct in6_addr a6;
	struct in_addr a4;

	return inet_pton(AF_INET, host, &a4) == 1 || inet_pton(AF_INET6, host, &a6) == 1;
}

bool
import_host_is_self(const char *host)
{
	return strcmp(host, "localhost") == 0 || strncmp(host, "127.", 4) == 0 || strcmp(host, "0.0.0.0") == 0 || strcmp(host, "::") == 0 ||
	    strcmp(host, "::1") == 0 || strncmp(host, "169.254.", 8) == 0 || strncmp(host, "fe80:", 5) == 0 || strcmp(host, "*") == 0 ||
	    strcmp(host, "localhost.localdomain") == 0 || strncmp(host, "224.", 4) == 0 || strncmp(host, "255.", 4) == 0;
}

struct protocol_of {
	const char *scheme;
	unsigned port;
	const char *protocol;
};

static const struct protocol_of protocols[] = {
	{ "http", 80, "http" }, { "https", 443, "http" }, { "ws", 8080, "http" }, { "wss", 8443, "http" }, { "grpc", 50051, "rpc" },
	{ "grpcs", 0, "rpc" }, { "thrift", 9090, NULL }, { "dubbo", 20880, "rpc" }, { "postgres", 5432, "db" }, { "postgresql", 5433, "db" },
	{ "mysql", 3306, "db" }, { "mariadb", 3307, "db" }, { "mongodb", 27017, "db" }, { "mongodb+srv", 27018, "db" }, { "redis", 6379, "db" },
	{ "rediss", 6380, "db" }, { "valkey", 26379, "db" }, { "memcached", 11211, "db" }, { "memcache", 0, "db" }, { "cassandra", 9042, "db" },
	{ "clickhouse", 8123, "db" }, { "elasticsearch", 9200, "db" }, { "bolt", 7687, "db" }, { "neo4j", 7474, "db" }, { "sqlserver", 1433, "db" },
	{ "mssql", 1434, "db" }, { "oracle", 1521, "db" }, { "etcd", 2379, "db" }, { "influxdb", 8086, "db" }, { "couchdb", 5984, "db" },
	{ "amqp", 5672, "messaging" }, { "amqps", 5671, "messaging" }, { "kafka", 9092, "messaging" }, { "plaintext", 9093, "messaging" },
	{ "sasl_plaintext", 29092, "messaging" }, { "sasl_ssl", 9094, "messaging" }, { "nats", 4222, "messaging" }, { "mqtt", 1883, "messaging" },
	{ "mqtts", 8883, "messaging" }, { "pulsar", 6650, "messaging" }, { "stomp", 61613, "messaging" }, { "activemq", 61616, "messaging" },
	{ "smtp", 25, "smtp" }, { "smtps", 465, "smtp" }, { "ldap", 389, "ldap" }, { "ldaps", 636, "ldap" }, { "dns", 53, "dns" },
};

const char *
import_protocol(const char *scheme, unsigned port)
{
	for (size_t i = 0; i < FL_ARRAY_LEN(protocols); i++) {
		if (scheme[0] != '\0' && strcmp(scheme, protocols[i].scheme) == 0)
			return protocols[i].protocol;
	}
	for (size_t i = 0; i < FL_ARRAY_LEN(protocols); i++) {
		if (port != 0 && port == protocols[i].port && port != 80 && port != 8080)
			return protocols[i].protocol;
	}
	return port == 80 || port == 8080 ? "http" : NULL;
}

/* Schemes of what is no network service. */
static bool
scheme_is_local(const char *scheme)
{
	static const char *const local[] = { "file", "unix", "sqlite", "sqlite3", "s3", "gs", "s3a", "abfs", "data", "classpath", "oci", "docker",
	    "urn",
		"containerd", "npipe", "vault", "secret", "arn", "chrome-extension", "git", "fd", "unixgram", "memory", "mem", NULL };

	return is_one_of(scheme, local);
}

struct scan {
	const char *key;
	int key_says;
	bool script;
	unsigned probing;               /* words that may still follow a command that tries to connect: nc -z -w 2 HOST PORT */
	import_ref_fn *fn;
	void *arg;
};

/* A host of n bytes in lower case. false: it cannot be one. */
static bool
host_copy(const char *s, size_t n, char *out)
{
	bool letter = false, address;

	while (n > 0 && s[n - 1] == '.')
		n--;
	if (n == 0 || n >= IMPORT_HOST_MAX)
		return false;
	for (size_t i = 0; i < n; i++) {
		char c = lower(s[i]);

		if (!is_letter(c) && !is_digit(c) && c != '.' && c != '-' && c != '_' && c != ':' && c != '*')
			return false;
		letter = letter || is_letter(c);
		out[i] = c;
	}
	out[n] = '\0';
	address = import_host_is_address(out);
	return (letter && memchr(s, ':', n) == NULL && s[0] != '-' && s[0] != '.') || address;
}

/* Digits up to n: a port. 0: none. */
static unsigned
port_of(const char *s, size_t n)
{
	unsigned v = 0;

	if (n == 0 || n > 5)
		return 0;
	for (size_t i = 0; i < n; i++) {
		if (!is_digit(s[i]))
			return 0;
		v = v * 10 + (unsigned)(s[i] - '0');
	}
	return v <= 65535 ? v : 0;
}

static void
emit(const struct scan *sc, const char *host, size_t n, enum import_ref_form form, const char *scheme, unsigned port, int says)
{
	char copy[IMPORT_HOST_MAX];
	struct import_ref r = { .host = copy, .scheme = scheme, .form = form, .port = port, .meant = says == KEY_HOST };

	if (host_copy(host, n, copy) && !import_host_is_self(copy))
		sc->fn(sc->arg, &r);
}

/* "db:1521:ORCL" of Oracle's: up to the port. */
static size_t
sid_cut(const char *s, size_t n)
{
	const char *first = memchr(s, ':', n), *last = first != NULL ? memrchr(s, ':', n) : NULL;

	if (first == last || s[0] == '[' || port_of(first + 1, (size_t)(last - first) - 1) == 0 || port_of(last + 1, n - (size_t)(last - s) - 1) != 0)
		return n;
	return (size_t)(last - s);
}

/* host, host:port, [v6]:port, user:pass@host:port, host:port/path. */
static void
authority(const struct scan *sc, const char *s, size_t n, const char *scheme, int says)
{
	size_t cut, colon;
	const char *at = memmem(s, n, "@//", 3);
	enum import_ref_form form = scheme[0] != '\0' ? IMPORT_REF_URL : IMPORT_REF_BARE;
	unsigned port = 0;

	if (at != NULL) {
		n -= (size_t)(at + 3 - s);      /* jdbc:oracle:thin:@//db:1521/x */
		s = at + 3;
	}
	cut = strcspn(s, "/?#\\");
	if (cut < n && scheme[0] == '\0' && cut > 0 && memchr(s, ':', cut) == NULL)
		return;                 /* a path, or an image */
	n = FL_MIN(n, cut);
	at = memrchr(s, '@', n);
	if (at != NULL) {
		if (scheme[0] == '\0' && memchr(s, ':', (size_t)(at - s)) == NULL && memchr(at, ':', n - (size_t)(at - s)) == NULL)
			return;         /* an address of mail */
		n -= (size_t)(at + 1 - s);
		s = at + 1;
	}
	colon = sid_cut(s, n);
	n = colon;
	if (n > 2 && s[0] == '[') {
		const char *close = memchr(s, ']', n);

		if (close != NULL) {
			size_t rest = n - (size_t)(close - s) - 1;

			port = rest > 1 && close[1] == ':' ? port_of(close + 2, rest - 1) : 0;
			emit(sc, s + 1, (size_t)(close - s) - 1, port != 0 ? FL_MAX(form, IMPORT_REF_PORT) : form, scheme, port, says);
		}
		return;
	}
	for (colon = n; colon > 0 && s[colon - 1] != ':'; colon--)
		;
	if (colon > 0) {
		port = port_of(s + colon, n - colon);
		if (port == 0)
			return;
		n = colon - 1;
		form = FL_MAX(form, IMPORT_REF_PORT);
	}
	emit(sc, s, n, form, scheme, port, says);
}

static bool
before_host(const char *word, size_t n)
{
	static const char *const words[] = { "-h", "--host", "-z", "-zv", "-vz", "-w", "nslookup", "host", "dig", "ping", "telnet", "nc", "hosts",
		"--url",
		"--server", "-H", "--hostname", "getent", "wait-for", "wait-for-it", "wait-for-it.sh", "./wait-for-it.sh", "-wait", "--wait",
		"--bootstrap-server",
		"--broker-list", "--endpoint", "--endpoints", "--addr", "--address", NULL };
	char copy[32];

	if (n >= sizeof(copy))
		return false;
	memcpy(copy, word, n);
	copy[n] = '\0';
	return is_one_of(copy, words) || (copy[0] == '-' && import_ref_key(copy) > 0);
}

/* scheme://..., perhaps with something before it, as in jdbc:postgresql://. */
static bool
url(const struct scan *sc, const char *word, size_t n, int says)
{
	static const char *const resolvers[] = { "dns", "xds", "passthrough", "kubernetes", "discovery", NULL };
	char scheme[24];
	const char *p = memmem(word, n, "://", 3), *from = p, *known;
	size_t len = 0;

	if (p == NULL)
		return false;
	while (from > word && (is_letter(from[-1]) || is_digit(from[-1]) || from[-1] == '+' || from[-1] == '_' || from[-1] == '-' || from[-1] == '.'))
		from--;
	for (; from + len < p && len < sizeof(scheme) - 1; len++)
		scheme[len] = lower(from[len]);
	scheme[len] = '\0';
	p += 3;
	/* gRPC's dns:///cart:80. */
	if (p < word + n && *p == '/' && is_one_of(scheme, resolvers))
		p++;
	known = import_protocol(scheme, 0);
	if (known != NULL && strcmp(known, "http") != 0)
		says = FL_MAX(says, 1);
	if (len > 0 && !scheme_is_local(scheme) && p < word + n)
		authority(sc, p, n - (size_t)(p - word), scheme, says);
	return true;
}

static bool
is_probe(const char *word, size_t n)
{
	static const char *const words[] = { "nc", "ncat", "netcat", "telnet", "tcping", "wait-for", "wait-for-it", "/bin/nc" };

	for (size_t i = 0; i < FL_ARRAY_LEN(words); i++) {
		if (strlen(words[i]) == n && memcmp(words[i], word, n) == 0)
			return true;
	}
	return false;
}

/* One word, between separators; prev is the word before it. */
static void
word_refs(const struct scan *sc, const char *w, size_t n, const char *prev, size_t prev_n, const char *next)
{
	const char *eq = memchr(w, '=', n), *slashes = memmem(w, n, "://", 3);
	int says = sc->key_says;
	unsigned port;
	char key[64];

	if (eq != NULL && (slashes == NULL || eq < slashes) && eq > w) {
		size_t klen = FL_MIN((size_t)(eq - w), sizeof(key) - 1);
		struct scan inner = *sc;

		memcpy(key, w, klen);
		key[klen] = '\0';
		says = strcasecmp(key, "source") == 0 && prev_n == 4 && strncasecmp(prev, "data", 4) == 0 ? 1 : (int)key_says(key);
		inner.key_says = says == 0 && sc->key_says > 0 && slashes != NULL ? 1 : says;
		if (says >= 0)
			word_refs(&inner, eq + 1, n - (size_t)(eq + 1 - w), "", 0, next);
		return;
	}
	if (prev_n > 1 && prev[0] == '-' && prev_n < sizeof(key)) {
		memcpy(key, prev, prev_n);
		key[prev_n] = '\0';
		if (import_ref_key(key) < 0)
			return;
	}
	if (n > 4 && strncasecmp(w, "tcp:", 4) == 0 && w[4] != '/') {
		w += 4;
		n -= 4;
		says = 1;
	}
	if (n == 0 || url(sc, w, n, says))
		return;
	port = port_of(next, strspn(next, "0123456789"));
	if (n > 9 && memcmp(w, "/dev/tcp/", 9) == 0) {
		emit(sc, w + 9, strcspn(w + 9, "/ "), IMPORT_REF_PORT, "", 0, 1);
		return;
	}
	if (sc->probing > 0 && port != 0 && strchr(" \t\n;)\"'", next[strspn(next, "0123456789")]) != NULL && memchr(w, ':', n) == NULL &&
	    w[0] != '-') {
		emit(sc, w, n, IMPORT_REF_PORT, "", port, before_host(prev, prev_n));
		return;
	}
	if (memchr(w, ':', n) != NULL || memchr(w, '@', n) != NULL || w[0] == '[')
		authority(sc, w, n, "", says);
	else if (sc->script ? before_host(prev, prev_n) : says > 0)
		authority(sc, w, n, "", sc->script ? 1 : says);
	else if (sc->script && n > 2 && w[0] == '-' && w[1] == 'h')
		authority(sc, w + 2, n - 2, "", 0);     /* mysql -hdb: one if there is such a host */
	else if (memmem(w, n, ".svc", 4) != NULL)
		authority(sc, w, n, "", says);
}

/* Passwords hold whatever they like: a URL goes on up to its @, if that comes before anything that ends a word for sure. */
static size_t
whole_url(const char *p, size_t n, const char *end)
{
	const char *slashes = memmem(p, n, "://", 3), *q = p + n, *at;

	if (slashes == NULL || q >= end || strchr("()<>|`{}&!", *q) == NULL || memchr(slashes, '@', n - (size_t)(slashes - p)) != NULL ||
	    memchr(slashes + 3, '/', n - (size_t)(slashes + 3 - p)) != NULL)
		return n;
	q += strcspn(q, " \t\r\n,;\"'/");
	q = FL_MIN(q, end);
	at = memrchr(p + n, '@', (size_t)(q - p) - n);
	return at != NULL && memchr(slashes + 3, ':', (size_t)(at - slashes - 3)) != NULL ? (size_t)(at - p) + 1 +
	    FL_MIN(strcspn(at + 1, " \t\r\n,;\"'()<>|`{}&!"), (size_t)(end - at - 1)) : n;
}

static void
text_refs(const struct scan *base, const char *value)
{
	static const char separators[] = " \t\r\n,;\"'()<>|`{}&!";
	struct scan sc = *base;
	const char *p = value, *end = value + strnlen(value, VALUE_MAX), *prev = "";
	size_t prev_n = 0;

	while (p < end) {
		size_t n;
		const char *next;

		p += strspn(p, separators);
		n = FL_MIN(strcspn(p, separators), (size_t)(end > p ? end - p : 0));
		if (n == 0)
			return;
		n = whole_url(p, n, end);
		next = p + n + strspn(p + n, " \t\"'");
		sc.probing = sc.script && is_probe(p, n) ? PROBE_WORDS : sc.probing - (sc.probing > 0);
		if (n < 1024)
			word_refs(&sc, p, n, prev, prev_n, next);
		prev = p;
		prev_n = n;
		p += n;
	}
}

/* Each text of a document by its own key; of a list by the list's. */
static void
json_refs(const struct scan *base, const struct doc_node *n, const char *key)
{
	struct scan sc = *base;

	if (n->kind == DOC_MAP) {
		for (uint32_t i = 0; i < n->count; i++)
			json_refs(base, n->pairs[i].value, n->pairs[i].key->text);
	} else if (n->kind == DOC_LIST) {
		for (uint32_t i = 0; i < n->count; i++)
			json_refs(base, n->items[i], key);
	} else if (n->kind == DOC_SCALAR) {
		sc.key = key;
		sc.key_says = (int)key_says(key);
		if (sc.key_says >= 0)
			text_refs(&sc, n->text);
	}
}

/* A setting that is JSON says by its keys what is a host. false: it is none. */
static bool
json_setting(const struct scan *sc, const char *value)
{
	const char *p = value + strspn(value, " \t\r\n");
	char error[JSON_ERROR_MAX];
	struct doc *doc;

	if ((*p != '{' && *p != '[') || json_parse(p, strnlen(p, VALUE_MAX), error, &doc) != 0)
		return false;
	json_refs(sc, doc->root, sc->key);
	doc_free(doc);
	return true;
}

void
import_refs(const char *key, const char *value, bool script, import_ref_fn *fn, void *arg)
{
	const struct scan sc = { .key = key, .key_says = (int)key_says(key), .script = script, .fn = fn, .arg = arg };

	if (sc.key_says >= 0 && (script || !json_setting(&sc, value)))
		text_refs(&sc, value);
}
