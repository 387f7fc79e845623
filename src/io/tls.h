/* SPDX-License-Identifier: MIT */
/*
 * tls.h - what a side of a connection needs to speak TLS: certificates, authorities, protocols (OpenSSL 3).
 *
 * The control side makes a struct tls_ctx from texts in PEM; it never changes afterwards and is shared by reference among
 * threads. New certificates are a new context: connections keep the one they began with. io.h has the calls that use it.
 *
 * Invariants
 *  (1) A context is immutable but for its caches of sessions, which have locks of their own.
 *  (2) Whatever is wrong with a text is said in the complaint, with the part it is about; nothing is printed or prompted for.
 */
#ifndef IO_TLS_H
#define IO_TLS_H

#include "base/types.h"
#include <stdbool.h>

#define TLS_NAME_MAX 256                /* bytes of a server's name, with its NUL */
#define TLS_ALPN_MAX 64                 /* likewise of a protocol's name that is told */
#define TLS_CERTS_MAX 1024
#define TLS_ALPNS_MAX 16

struct tls_ctx;

/* A text in PEM. p NULL: none. */
struct tls_pem {
	const char *p;
	size_t n;
};

struct tls_cert {
	struct tls_pem cert;            /* the certificate, then those that lead to the authority */
	struct tls_pem key;             /* its private key, not encrypted; may be the same text */
};

enum tls_auth {
	TLS_AUTH_NONE,                  /* clients are not asked for a certificate */
	TLS_AUTH_REQUEST,               /* they may show one; one that is wrong is refused */
	TLS_AUTH_REQUIRE,
};

enum tls_version { TLS_1_2, TLS_1_3 };

struct tls_server_opts {
	const struct tls_cert *certs;   /* the first is for clients that name no server, or one that none has */
	uint32_t cert_count;            /* 1 to TLS_CERTS_MAX */
	const char *const *alpn;        /* protocols, the preferred first; a client that offers none of them is refused */
	uint32_t alpn_count;            /* 0: the client's offer is ignored */
	struct tls_pem client_ca;       /* authorities of clients */
	enum tls_auth client_auth;
	enum tls_version min_version;
};

struct tls_client_opts {
	struct tls_pem ca;              /* authorities; none: the system's */
	bool no_verify;                 /* take any certificate */
	struct tls_cert cert;           /* for servers that ask; cert.p NULL: none */
	const char *const *alpn;
	uint32_t alpn_count;
	enum tls_version min_version;
};

/* What a complaint is about. */
enum tls_part { TLS_PART_CERT, TLS_PART_KEY, TLS_PART_CA, TLS_PART_ALPN, TLS_PART_OTHER };

struct tls_complaint {
	enum tls_part part;
	uint32_t index;                 /* of the certificate, for CERT and KEY */
	char text[256];                 /* "" : none */
};

/*
 * tls_server_new, tls_client_new - a context. A millisecond or some; control side.
 *
 * ret_complaint   after a failure: what is wrong. After success: a warning (a certificate that has expired), or text "".
 * returns         0, -EINVAL, or -ENOMEM; the context is the caller's, with one reference
 */
int tls_server_new(const struct tls_server_opts *opts, struct tls_complaint *ret_complaint, struct tls_ctx **ret_ctx);
int tls_client_new(const struct tls_client_opts *opts, struct tls_complaint *ret_complaint, struct tls_ctx **ret_ctx);
struct tls_ctx *tls_ctx_ref(struct tls_ctx *c);         /* any thread; returns c */
void tls_ctx_unref(struct tls_ctx *c);                  /* any thread; NULL is fine */

/*
 * tls_ctx_ssl - an OpenSSL connection of this context, ready for a BIO and a handshake: for tls_conn.c alone.
 *
 * server_name   as in io_connect_tls(); place: says where the connection leads, so that sessions are offered there alone
 * returns       NULL: no memory. The context must outlive it.
 */
struct ssl_st *tls_ctx_ssl(struct tls_ctx *c, const char *server_name, uint64_t place);
bool tls_ctx_is_server(const struct tls_ctx *c);

/* What the two ends agreed on. Texts are cut to fit. */
struct tls_info {
	char version[16];               /* "TLSv1.3" */
	char cipher[64];                /* "TLS_AES_256_GCM_SHA384" */
	char alpn[TLS_ALPN_MAX];        /* "" : none */
	char sni[TLS_NAME_MAX];         /* the server the client asked for; "" : none */
	bool resumed;                   /* without a full handshake */
	bool peer_cert;                 /* the other end has shown a certificate */
	bool verified;                  /* and it was checked and good */
	char peer_subject[256];         /* "CN = a, O = b"; "" : none */
};

#endif
