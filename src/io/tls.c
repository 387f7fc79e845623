/* SPDX-License-Identifier: MIT */
/*
 * tls.c - contexts of TLS: certificates, authorities, protocols, and the sessions that can be resumed.
 *
 * A server has one SSL_CTX for each of its certificates, equal in everything else; the name that a client asks for chooses
 * among them. Certificates for the same names with keys of different kinds share one, and OpenSSL takes the one that the client
 * can check. A client has one SSL_CTX, and the latest session of each place it connected to.
 *
 * Invariants
 *  (1) Nothing is left in the thread's queue of OpenSSL's errors when a function of this file returns.
 *  (2) Sessions that are kept are copies: no connection uses, and so changes, the one in the table.
 */
#include "io/tls.h"
#include "base/assert.h"
#include "base/hash.h"
#include "proto/client_hello.h"

#include <arpa/inet.h>
#include <errno.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ALPN_BYTES_MAX 512
#define SESSION_SECONDS 3600
#define SESSIONS_MAX 20000              /* of TLS 1.2 clients without tickets */
#define KEPT_MAX 256                    /* power of two: sessions that a client context keeps */
#define SYSTEM_BUNDLE "/etc/ssl/certs/ca-certificates.crt"

/* A name of a certificate, "*." in front for any label. */
struct host {
	char name[TLS_NAME_MAX];
	uint32_t ctx;
};

struct kept {
	uint64_t key;
	SSL_SESSION *session;           /* NULL: free */
};

struct tls_ctx {
	atomic_uint refs;
	bool server, verify;
	SSL_CTX **ctxs;                 /* the first is the default */
	uint32_t ctx_count;
	struct host *hosts;
	uint32_t host_count, host_room;
	uint8_t alpn[ALPN_BYTES_MAX];
	uint32_t alpn_bytes;
	pthread_mutex_t lock;           /* of kept */
	struct kept *kept;              /* KEPT_MAX; NULL for a server */
};

/* ---- complaints ---- */

static int
complain(struct tls_complaint *c, enum tls_part part, uint32_t index, const char *fmt, ...) __attribute__((format(printf, 4, 5)));

/* Say what is wrong, with OpenSSL's latest reason where the text ends in a colon. */
static int
complain(struct tls_complaint *c, enum tls_part part, uint32_t index, const char *fmt, ...)
{
	const char *reason = ERR_reason_error_string(ERR_peek_last_error());
	va_list ap;

	c->part = part;
	c->index = index;
	va_start(ap, fmt);
	int n = vsnprintf(c->text, sizeof(c->text), fmt, ap);
	va_end(ap);
	if (n > 0 && (size_t)n < sizeof(c->text) && c->text[n - 1] == ':')
		snprintf(c->text + n, sizeof(c->text) - (size_t)n, " %s", reason != NULL ? reason : "OpenSSL does not say why");
	ERR_clear_error();              /* (1) */
	return -EINVAL;
}

/* ---- texts in PEM ---- */

/* Nobody is asked for a pass phrase; ud notes that one is needed. */
static int
no_phrase(char *buf, int size, int writing, void *ud)
{
	(void)buf;
	(void)size;
	(void)writing;
	*(bool *)ud = true;
	return -1;
}

/* All certificates of a text. NULL and a complaint when there is none or one is broken. */
static STACK_OF(X509) *
read_certs(struct tls_pem pem, enum tls_part part, uint32_t index, struct tls_complaint *c)
{
	STACK_OF(X509) *all = sk_X509_new_null();
	BIO *b = pem.n <= INT32_MAX ? BIO_new_mem_buf(pem.p, (int)pem.n) : NULL;
	X509 *x;

	if (all == NULL || b == NULL) {
		complain(c, part, index, "it cannot be read:");
		goto fail;
	}
	while ((x = PEM_read_bio_X509(b, NULL, NULL, NULL)) != NULL) {
		if (sk_X509_push(all, x) <= 0) {
			X509_free(x);
			complain(c, part, index, "out of memory");
			goto fail;
		}
	}
	if (ERR_GET_REASON(ERR_peek_last_error()) != PEM_R_NO_START_LINE) {
		complain(c, part, index, "certificate %d in it is broken:", sk_X509_num(all) + 1);
		goto fail;
	}
	if (sk_X509_num(all) == 0) {
		complain(c, part, index, "no certificate in it (a text with -----BEGIN CERTIFICATE-----)");
		goto fail;
	}
	ERR_clear_error();
	BIO_free(b);
	return all;
fail:
	BIO_free(b);
	sk_X509_pop_free(all, X509_free);
	return NULL;
}

static EVP_PKEY *
read_key(struct tls_pem pem, uint32_t index, struct tls_complaint *c)
{
	BIO *b = pem.p != NULL && pem.n <= INT32_MAX ? BIO_new_mem_buf(pem.p, (int)pem.n) : NULL;
	bool phrase = false;
	EVP_PKEY *key = b != NULL ? PEM_read_bio_PrivateKey(b, NULL, no_phrase, &phrase) : NULL;

	BIO_free(b);
	if (key == NULL && phrase)
		complain(c, TLS_PART_KEY, index, "the key is encrypted; expected one without a pass phrase");
	else if (key == NULL)
		complain(c, TLS_PART_KEY, index, "no private key in it (a text with -----BEGIN PRIVATE KEY-----)");
	ERR_clear_error();
	return key;
}

/* ---- one SSL_CTX ---- */

static int
set_chain(SSL_CTX *ctx, STACK_OF(X509) *certs)
{
	if (SSL_CTX_use_certificate(ctx, sk_X509_value(certs, 0)) != 1 || SSL_CTX_clear_chain_certs(ctx) != 1)
		return -1;
	for (int i = 1; i < sk_X509_num(certs); i++)
		if (SSL_CTX_add1_chain_cert(ctx, sk_X509_value(certs, i)) != 1)
			return -1;
	return 0;
}

/* A certificate that is no good now works, but nobody will like it. */
static void
look_at_dates(const X509 *x, uint32_t index, struct tls_complaint *c)
{
	BIO *b = BIO_new(BIO_s_mem());
	const ASN1_TIME *end = X509_get0_notAfter(x), *begin = X509_get0_notBefore(x);
	bool over = X509_cmp_current_time(end) < 0, early = X509_cmp_current_time(begin) > 0;
	char when[64] = "?";

	if (b != NULL && (over || early) && ASN1_TIME_print(b, over ? end : begin) == 1) {
		int n = BIO_read(b, when, sizeof(when) - 1);
		when[n > 0 ? n : 0] = '\0';
	}
	BIO_free(b);
	if ((over || early) && c->text[0] == '\0')
		complain(c, TLS_PART_CERT, index, over ? "the certificate has expired on %s" : "the certificate is not valid before %s", when);
}

/* Put a certificate with its key into ctx. */
static int
set_cert(SSL_CTX *ctx, const struct tls_cert *cert, STACK_OF(X509) *certs, uint32_t index, struct tls_complaint *c)
{
	EVP_PKEY *key = read_key(cert->key, index, c);
	int r = 0;

	if (key == NULL)
		return -EINVAL;
	if (X509_check_private_key(sk_X509_value(certs, 0), key) != 1)
		r = complain(c, TLS_PART_KEY, index, "the key does not belong to the certificate");
	else if (set_chain(ctx, certs) < 0)
		r = complain(c, TLS_PART_CERT, index, "the certificate cannot be used:");
	else if (SSL_CTX_use_PrivateKey(ctx, key) != 1)
		r = complain(c, TLS_PART_KEY, index, "the key cannot be used:");
	EVP_PKEY_free(key);
	if (r == 0)
		look_at_dates(sk_X509_value(certs, 0), index, c);
	return r;
}

/* What both sides have in common. */
static SSL_CTX *
base_ctx(struct tls_ctx *t, enum tls_version min)
{
	SSL_CTX *ctx = SSL_CTX_new(t->server ? TLS_server_method() : TLS_client_method());
	if (ctx == NULL)
		return NULL;
	SSL_CTX_set_app_data(ctx, t);
	SSL_CTX_set_min_proto_version(ctx, min == TLS_1_3 ? TLS1_3_VERSION : TLS1_2_VERSION);
	SSL_CTX_set_options(ctx, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | SSL_OP_CIPHER_SERVER_PREFERENCE |
	    SSL_OP_PRIORITIZE_CHACHA);
	/* AUTO_RETRY stays on: SSL_read wants more only when the socket has none, which the ready list of io relies on. */
	SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
	    SSL_MODE_NO_AUTO_CHAIN | SSL_MODE_AUTO_RETRY);
	SSL_CTX_set_read_ahead(ctx, 1);
	SSL_CTX_set_timeout(ctx, SESSION_SECONDS);
	return ctx;
}

/* Trust these authorities. Whatever certificate is named is trusted, at the top of a chain or not. */
static int
set_authorities(SSL_CTX *ctx, struct tls_pem pem, bool tell_clients, struct tls_complaint *c)
{
	STACK_OF(X509) *all = read_certs(pem, TLS_PART_CA, 0, c);
	X509_STORE *store = SSL_CTX_get_cert_store(ctx);
	int r = 0;

	if (all == NULL)
		return -EINVAL;
	for (int i = 0; r == 0 && i < sk_X509_num(all); i++)
		if (X509_STORE_add_cert(store, sk_X509_value(all, i)) != 1 ||
		    (tell_clients && SSL_CTX_add_client_CA(ctx, sk_X509_value(all, i)) != 1))
			r = complain(c, TLS_PART_CA, 0, "certificate %d in it cannot be used:", i + 1);
	X509_STORE_set_flags(store, X509_V_FLAG_PARTIAL_CHAIN);
	sk_X509_pop_free(all, X509_free);
	return r;
}

/* Names of protocols as they go over the wire. */
static int
set_protocols(struct tls_ctx *t, const char *const *names, uint32_t count, struct tls_complaint *c)
{
	if (count > TLS_ALPNS_MAX)
		return complain(c, TLS_PART_ALPN, 0, "more than %d protocols", TLS_ALPNS_MAX);
	for (uint32_t i = 0; i < count; i++) {
		size_t n = strlen(names[i]);
		if (n == 0 || n >= TLS_ALPN_MAX || t->alpn_bytes + 1 + n > sizeof(t->alpn))
			return complain(c, TLS_PART_ALPN, i, "a protocol of %zu bytes, expected 1 to %d", n, TLS_ALPN_MAX - 1);
		t->alpn[t->alpn_bytes] = (uint8_t)n;
		memcpy(t->alpn + t->alpn_bytes + 1, names[i], n);
		t->alpn_bytes += 1 + (uint32_t)n;
	}
	return 0;
}

/* ---- servers ---- */

/* The most preferred protocol of ours that the client offers. */
static int
on_protocols(SSL *ssl, const unsigned char **out, unsigned char *out_bytes, const unsigned char *in, unsigned in_bytes, void *arg)
{
	const struct tls_ctx *t = arg;
	(void)ssl;
	for (uint32_t at = 0; at < t->alpn_bytes; at += 1u + t->alpn[at])
		for (unsigned i = 0; i + 1 < in_bytes; i += 1u + in[i])
			if (in[i] == t->alpn[at] && i + 1 + in[i] <= in_bytes && memcmp(in + i + 1, t->alpn + at + 1, in[i]) == 0) {
				*out = in + i + 1;
				*out_bytes = in[i];
				return SSL_TLSEXT_ERR_OK;
			}
	return SSL_TLSEXT_ERR_ALERT_FATAL;
}

static int
on_server_name(SSL *ssl, int *alert, void *arg)
{
	const struct tls_ctx *t = arg;
	const char *name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
	(void)alert;
	for (uint32_t i = 0; name != NULL && i < t->host_count; i++) {
		if (!client_hello_matches(t->hosts[i].name, name))
			continue;
		fl_assert(t->hosts[i].ctx < t->ctx_count);
		SSL_set_SSL_CTX(ssl, t->ctxs[t->hosts[i].ctx]);
		return SSL_TLSEXT_ERR_OK;
	}
	return SSL_TLSEXT_ERR_NOACK;    /* the default certificate; whether it will do is the client's to say */
}

static int
add_host(struct tls_ctx *t, const char *name, size_t n, uint32_t ctx)
{
	if (n == 0 || n >= TLS_NAME_MAX || strlen(name) != n || strcmp(name, "*") == 0)
		return 0;               /* nobody can ask for it */
	if (t->host_count == t->host_room) {
		uint32_t room = t->host_room == 0 ? 16 : t->host_room * 2;
		struct host *more = realloc(t->hosts, room * sizeof(*more));
		if (more == NULL)
			return -ENOMEM;
		t->hosts = more;
		t->host_room = room;
	}
	struct host *h = &t->hosts[t->host_count++];
	memcpy(h->name, name, n + 1);
	h->ctx = ctx;
	return 0;
}

/* The names a certificate is for: those of its subjectAltName; without any, its common name. */
static int
add_hosts(struct tls_ctx *t, X509 *x, uint32_t ctx)
{
	GENERAL_NAMES *names = X509_get_ext_d2i(x, NID_subject_alt_name, NULL, NULL);
	char common[TLS_NAME_MAX];
	int r = 0;

	if (names == NULL) {
		int n = X509_NAME_get_text_by_NID(X509_get_subject_name(x), NID_commonName, common, sizeof(common));
		return n > 0 ? add_host(t, common, (size_t)n, ctx) : 0;
	}
	for (int i = 0; r == 0 && i < sk_GENERAL_NAME_num(names); i++) {
		const GENERAL_NAME *g = sk_GENERAL_NAME_value(names, i);
		if (g->type == GEN_DNS)
			r = add_host(t, (const char *)ASN1_STRING_get0_data(g->d.dNSName), (size_t)ASN1_STRING_length(g->d.dNSName), ctx);
	}
	GENERAL_NAMES_free(names);
	return r;
}

/* The SSL_CTX whose names begin with the same one but whose key is of another kind, or ctx_count. */
static uint32_t
twin(const struct tls_ctx *t, uint32_t first_host, X509 *x)
{
	int kind = EVP_PKEY_get_base_id(X509_get0_pubkey(x));
	for (uint32_t i = 0; first_host < t->host_count && i < first_host; i++) {
		const struct host *h = &t->hosts[i];
		X509 *other = SSL_CTX_get0_certificate(t->ctxs[h->ctx]);
		if (strcasecmp(h->name, t->hosts[first_host].name) == 0 && EVP_PKEY_get_base_id(X509_get0_pubkey(other)) != kind)
			return h->ctx;
	}
	return t->ctx_count;
}

static SSL_CTX *
server_ctx(struct tls_ctx *t, const struct tls_server_opts *o, struct tls_complaint *c)
{
	static const unsigned char id[] = "faultline";
	SSL_CTX *ctx = base_ctx(t, o->min_version);
	if (ctx == NULL)
		return NULL;
	SSL_CTX_set_dh_auto(ctx, 1);
	SSL_CTX_set_session_id_context(ctx, id, sizeof(id) - 1);
	SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_SERVER);
	SSL_CTX_sess_set_cache_size(ctx, SESSIONS_MAX);
	SSL_CTX_set_tlsext_servername_callback(ctx, on_server_name);
	SSL_CTX_set_tlsext_servername_arg(ctx, t);
	if (t->alpn_bytes > 0)
		SSL_CTX_set_alpn_select_cb(ctx, on_protocols, t);
	if (o->client_auth != TLS_AUTH_NONE) {
		SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER | (o->client_auth == TLS_AUTH_REQUIRE ? SSL_VERIFY_FAIL_IF_NO_PEER_CERT : 0), NULL);
		if (set_authorities(ctx, o->client_ca, true, c) < 0) {
			SSL_CTX_free(ctx);
			return NULL;
		}
	}
	return ctx;
}

static int
add_cert(struct tls_ctx *t, const struct tls_server_opts *o, uint32_t i, struct tls_complaint *c)
{
	STACK_OF(X509) *certs = read_certs(o->certs[i].cert, TLS_PART_CERT, i, c);
	uint32_t first_host = t->host_count;

	if (certs == NULL)
		return -EINVAL;
	int r = add_hosts(t, sk_X509_value(certs, 0), t->ctx_count);
	uint32_t at = r == 0 ? twin(t, first_host, sk_X509_value(certs, 0)) : t->ctx_count;
	if (r == 0 && at == t->ctx_count) {
		t->ctxs[at] = server_ctx(t, o, c);
		if (t->ctxs[at] == NULL)
			r = c->text[0] != '\0' ? -EINVAL : -ENOMEM;
		else
			t->ctx_count++;
	} else if (r == 0) {
		t->host_count = first_host;
	}
	if (r == 0)
		r = set_cert(t->ctxs[at], &o->certs[i], certs, i, c);
	sk_X509_pop_free(certs, X509_free);
	ERR_clear_error();
	return r;
}

static struct tls_ctx *
ctx_new(bool server, uint32_t ctxs)
{
	struct tls_ctx *t = calloc(1, sizeof(*t));
	if (t == NULL)
		return NULL;
	atomic_init(&t->refs, 1);
	t->server = server;
	pthread_mutex_init(&t->lock, NULL);
	t->ctxs = calloc(ctxs, sizeof(*t->ctxs));
	t->kept = server ? NULL : calloc(KEPT_MAX, sizeof(*t->kept));
	if (t->ctxs == NULL || (!server && t->kept == NULL)) {
		tls_ctx_unref(t);
		return NULL;
	}
	return t;
}

int
tls_server_new(const struct tls_server_opts *opts, struct tls_complaint *ret_complaint, struct tls_ctx **ret_ctx)
{
	struct tls_ctx *t;
	int r;

	*ret_complaint = (struct tls_complaint){ .part = TLS_PART_OTHER };
	if (opts->cert_count == 0 || opts->cert_count > TLS_CERTS_MAX)
		return complain(ret_complaint, TLS_PART_OTHER, 0, "%u certificates, expected 1 to %d", opts->cert_count, TLS_CERTS_MAX);
	if (opts->client_auth != TLS_AUTH_NONE && opts->client_ca.p == NULL)
		return complain(ret_complaint, TLS_PART_CA, 0, "no authority to check certificates of clients with");
	t = ctx_new(true, opts->cert_count);
	if (t == NULL)
		return -ENOMEM;
	t->verify = opts->client_auth != TLS_AUTH_NONE;
	r = set_protocols(t, opts->alpn, opts->alpn_count, ret_complaint);
	for (uint32_t i = 0; r == 0 && i < opts->cert_count; i++)
		r = add_cert(t, opts, i, ret_complaint);
	ERR_clear_error();
	if (r < 0) {
		tls_ctx_unref(t);
		return r;
	}
	*ret_ctx = t;
	return 0;
}

/* ---- clients ---- */

static struct kept *
kept_slot(struct tls_ctx *t, uint64_t key)
{
	return &t->kept[key & (KEPT_MAX - 1)];
}

/* A session that can be resumed: keep it in place of the one before. */
static int
on_session(SSL *ssl, SSL_SESSION *session)
{
	struct tls_ctx *t = SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl));
	uint64_t key = (uint64_t)(uintptr_t)SSL_get_app_data(ssl);
	SSL_SESSION *copy = SSL_SESSION_dup(session), *old;     /* (2) */

	fl_assert(!t->server);
	if (copy == NULL)
		return 0;
	pthread_mutex_lock(&t->lock);
	struct kept *k = kept_slot(t, key);
	old = k->session;
	*k = (struct kept){ key, copy };
	pthread_mutex_unlock(&t->lock);
	SSL_SESSION_free(old);
	return 0;
}

static void
offer_session(struct tls_ctx *t, SSL *ssl, uint64_t key)
{
	SSL_SESSION *copy = NULL;

	pthread_mutex_lock(&t->lock);
	const struct kept *k = kept_slot(t, key);
	if (k->session != NULL && k->key == key)
		copy = SSL_SESSION_dup(k->session);     /* (2) */
	pthread_mutex_unlock(&t->lock);
	if (copy != NULL)
		SSL_set_session(ssl, copy);
	SSL_SESSION_free(copy);
}

/* The system's authorities, read now and not while a connection waits; where they are elsewhere, OpenSSL's usual places. */
static int
set_system_authorities(SSL_CTX *ctx, struct tls_complaint *c)
{
	bool said = getenv(X509_get_default_cert_file_env()) != NULL || getenv(X509_get_default_cert_dir_env()) != NULL;
	if (!said && access(SYSTEM_BUNDLE, R_OK) == 0 && SSL_CTX_load_verify_file(ctx, SYSTEM_BUNDLE) == 1)
		return 0;
	ERR_clear_error();
	if (SSL_CTX_set_default_verify_paths(ctx) == 1)
		return 0;
	return complain(c, TLS_PART_CA, 0, "the system's authorities cannot be read:");
}

static int
client_set(struct tls_ctx *t, const struct tls_client_opts *o, struct tls_complaint *c)
{
	SSL_CTX *ctx = t->ctxs[0];
	int r = set_protocols(t, o->alpn, o->alpn_count, c);

	if (r == 0 && t->alpn_bytes > 0 && SSL_CTX_set_alpn_protos(ctx, t->alpn, t->alpn_bytes) != 0)
		r = complain(c, TLS_PART_ALPN, 0, "it cannot be used:");
	SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
	SSL_CTX_sess_set_new_cb(ctx, on_session);
	if (t->verify)
		SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, NULL);
	if (r == 0 && t->verify)
		r = o->ca.p != NULL ? set_authorities(ctx, o->ca, false, c) : set_system_authorities(ctx, c);
	if (r == 0 && o->cert.cert.p != NULL) {
		STACK_OF(X509) *certs = read_certs(o->cert.cert, TLS_PART_CERT, 0, c);
		r = certs == NULL ? -EINVAL : set_cert(ctx, &o->cert, certs, 0, c);
		sk_X509_pop_free(certs, X509_free);
	}
	return r;
}

int
tls_client_new(const struct tls_client_opts *opts, struct tls_complaint *ret_complaint, struct tls_ctx **ret_ctx)
{
	struct tls_ctx *t = ctx_new(false, 1);
	int r = -ENOMEM;

	*ret_complaint = (struct tls_complaint){ .part = TLS_PART_OTHER };
	if (t == NULL)
		return -ENOMEM;
	t->verify = !opts->no_verify;
	t->ctxs[0] = base_ctx(t, opts->min_version);
	if (t->ctxs[0] != NULL) {
		t->ctx_count = 1;
		r = client_set(t, opts, ret_complaint);
	}
	ERR_clear_error();
	if (r < 0) {
		tls_ctx_unref(t);
		return r;
	}
	*ret_ctx = t;
	return 0;
}

/* ---- life ---- */

struct tls_ctx *
tls_ctx_ref(struct tls_ctx *c)
{
	unsigned before = atomic_fetch_add_explicit(&c->refs, 1, memory_order_relaxed);
	fl_assert(before > 0);
	return c;
}

void
tls_ctx_unref(struct tls_ctx *c)
{
	if (c == NULL || atomic_fetch_sub_explicit(&c->refs, 1, memory_order_acq_rel) > 1)
		return;
	for (uint32_t i = 0; i < c->ctx_count; i++)
		SSL_CTX_free(c->ctxs[i]);
	for (uint32_t i = 0; c->kept != NULL && i < KEPT_MAX; i++)
		SSL_SESSION_free(c->kept[i].session);
	pthread_mutex_destroy(&c->lock);
	free(c->kept);
	free(c->hosts);
	free(c->ctxs);
	free(c);
}

bool
tls_ctx_is_server(const struct tls_ctx *c)
{
	return c->server;
}

/* What the server's certificate must be for: a host name, which is also asked for, or an IP address. */
static bool
set_server_name(SSL *ssl, const char *name)
{
	uint8_t ip[16];
	if (inet_pton(AF_INET, name, ip) == 1 || inet_pton(AF_INET6, name, ip) == 1)
		return X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), name) == 1;
	SSL_set_hostflags(ssl, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
	return SSL_set_tlsext_host_name(ssl, name) == 1 && SSL_set1_host(ssl, name) == 1;
}

struct ssl_st *
tls_ctx_ssl(struct tls_ctx *c, const char *server_name, uint64_t place)
{
	SSL *ssl = SSL_new(c->ctxs[0]);
	if (ssl == NULL)
		goto fail;
	if (c->server) {
		SSL_set_accept_state(ssl);
		return ssl;
	}
	SSL_set_connect_state(ssl);
	if (server_name == NULL)
		server_name = "";
	uint64_t key = hash_bytes(place, 0, server_name, strlen(server_name));
	SSL_set_app_data(ssl, (void *)(uintptr_t)key);
	if (server_name[0] != '\0' && !set_server_name(ssl, server_name))
		goto fail;
	offer_session(c, ssl, key);
	ERR_clear_error();
	return ssl;
fail:
	SSL_free(ssl);
	ERR_clear_error();
	return NULL;
}
