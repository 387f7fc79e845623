/* SPDX-License-Identifier: MIT */
/* tls_rig.h - authorities and certificates made on the spot, as texts in PEM, and contexts of them. */
#ifndef TEST_TLS_RIG_H
#define TEST_TLS_RIG_H

#include <openssl/ec.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <string.h>

#include "io/tls.h"

/* A certificate with its key: of an authority, or signed by one. */
struct rig_id {
	X509 *x;
	EVP_PKEY *key;
	char *cert_pem, *key_pem;
};

struct rig_want {
	const char *name;               /* common name */
	const char *alt;                /* subjectAltName in OpenSSL's words; NULL: none */
	const struct rig_id *signer;    /* NULL: itself, as an authority */
	long from_s, to_s;              /* seconds from now; 0, 0: an hour around now */
	bool rsa;
	bool authority;                 /* may sign others (an intermediate) */
};

static inline char *
rig_pem(X509 *x, EVP_PKEY *key)
{
	BIO *b = BIO_new(BIO_s_mem());
	char *p, *copy;
	assert_non_null(b);
	assert_int_equal(x != NULL ? PEM_write_bio_X509(b, x) : PEM_write_bio_PrivateKey(b, key, NULL, NULL, 0, NULL, NULL), 1);
	long n = BIO_get_mem_data(b, &p);
	copy = calloc(1, (size_t)n + 1);
	assert_non_null(copy);
	memcpy(copy, p, (size_t)n);             /* not strndup(): strict checks want the end of a string within the buffer */
	BIO_free(b);
	return copy;
}

static inline void
rig_extend(X509 *x, X509 *signer, int nid, const char *value)
{
	X509V3_CTX ctx;
	X509V3_set_ctx(&ctx, signer, x, NULL, NULL, 0);
	X509_EXTENSION *e = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
	assert_non_null(e);
	X509_add_ext(x, e, -1);
	X509_EXTENSION_free(e);
}

static inline struct rig_id
rig_make(struct rig_want w)
{
	struct rig_id id = { .key = w.rsa ? EVP_RSA_gen(2048) : EVP_EC_gen("P-256"), .x = X509_new() };
	bool own = w.signer == NULL;
	if (w.from_s == 0 && w.to_s == 0) {
		w.from_s = -3600;
		w.to_s = 3600;
	}
	assert_true(id.key != NULL && id.x != NULL);
	X509_set_version(id.x, 2);
	ASN1_INTEGER_set_uint64(X509_get_serialNumber(id.x), (uint64_t)(uintptr_t)id.x & 0xffffffff);
	X509_gmtime_adj(X509_getm_notBefore(id.x), w.from_s);
	X509_gmtime_adj(X509_getm_notAfter(id.x), w.to_s);
	X509_set_pubkey(id.x, id.key);
	X509_NAME_add_entry_by_txt(X509_get_subject_name(id.x), "CN", MBSTRING_ASC, (const unsigned char *)w.name, -1, -1, 0);
	X509_set_issuer_name(id.x, X509_get_subject_name(own ? id.x : w.signer->x));
	rig_extend(id.x, own ? id.x : w.signer->x, NID_basic_constraints, own || w.authority ? "critical,CA:TRUE" : "CA:FALSE");
	if (w.alt != NULL)
		rig_extend(id.x, own ? id.x : w.signer->x, NID_subject_alt_name, w.alt);
	assert_true(X509_sign(id.x, own ? id.key : w.signer->key, EVP_sha256()) > 0);
	id.cert_pem = rig_pem(id.x, NULL);
	id.key_pem = rig_pem(NULL, id.key);
	return id;
}

static inline void
rig_drop(struct rig_id *id)
{
	X509_free(id->x);
	EVP_PKEY_free(id->key);
	free(id->cert_pem);
	free(id->key_pem);
	*id = (struct rig_id){ .x = NULL };
}

static inline struct tls_pem
rig_text(const char *p)
{
	return (struct tls_pem){ p, p == NULL ? 0 : strlen(p) };
}

static inline struct tls_cert
rig_cert(const struct rig_id *id)
{
	return (struct tls_cert){ rig_text(id->cert_pem), rig_text(id->key_pem) };
}

/* What everybody needs: an authority, a server "server.example" (and 127.0.0.1) of it, contexts of both ends. */
struct rig {
	struct rig_id ca, server;
	struct tls_ctx *server_ctx, *client_ctx;
};

static inline struct tls_ctx *
rig_server(struct tls_server_opts o)
{
	struct tls_complaint c;
	struct tls_ctx *ctx = NULL;
	if (tls_server_new(&o, &c, &ctx) != 0)
		fail_msg("server: %s", c.text);
	return ctx;
}

static inline struct tls_ctx *
rig_client(struct tls_client_opts o)
{
	struct tls_complaint c;
	struct tls_ctx *ctx = NULL;
	if (tls_client_new(&o, &c, &ctx) != 0)
		fail_msg("client: %s", c.text);
	return ctx;
}

static inline void
rig_init(struct rig *r)
{
	r->ca = rig_make((struct rig_want){ .name = "an authority" });
	r->server = rig_make((struct rig_want){ .name = "server", .alt = "DNS:server.example,IP:127.0.0.1,IP:::1", .signer = &r->ca });
	struct tls_cert cert = rig_cert(&r->server);
	r->server_ctx = rig_server((struct tls_server_opts){ .certs = &cert, .cert_count = 1 });
	r->client_ctx = rig_client((struct tls_client_opts){ .ca = rig_text(r->ca.cert_pem) });
}

static inline void
rig_fini(struct rig *r)
{
	tls_ctx_unref(r->server_ctx);
	tls_ctx_unref(r->client_ctx);
	rig_drop(&r->ca);
	rig_drop(&r->server);
}

#endif
