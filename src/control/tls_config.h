/* SPDX-License-Identifier: MIT */
/*
 * tls_config.h - TLS, PROXY headers and routes by name of a line, in the words of faultline.yaml (doc/tls.md).
 *
 *      accept_proxy: true
 *      send_proxy: v2
 *      greeting_timeout: 10s
 *      tls: {certificates: [{cert: a.pem, key: a.key}], alpn: [http/1.1], client_ca: ca.pem, client_cert: require, min_version: "1.2"}
 *      upstream_tls: {ca: ca.pem, name: server.example, cert: c.pem, key: c.key, verify: true, alpn: [http/1.1]}
 *      sni: [{names: ["*.a.example"], upstream: 127.0.0.1:9443}]
 */
#ifndef CONTROL_TLS_CONFIG_H
#define CONTROL_TLS_CONFIG_H

#include "proto/doc.h"
#include "proxy/line.h"

/* The keys of a line that tls_config_read() reads. */
#define TLS_CONFIG_KEYS "accept_proxy", "send_proxy", "greeting_timeout", "tls", "upstream_tls", "sni"

struct tls_config {
	struct line_wire *wire;         /* a reference; NULL: the line has none of these keys */
	uint64_t digest;                /* of all that was said, and of the files that were named; 0 without a wire */
	char *warning;                  /* for the log, to be freed; NULL: none */
	bool http;                      /* the line speaks HTTP: of the protocols, http/1.1 */
};

/*
 * tls_config_read - read these keys of a line, and the files they name.
 *
 * beside    the file it stands in, where relative paths begin; NULL: it came from the network, where none of these keys may stand
 * d         gets every mistake with its place; ret->wire is NULL after one
 * No upstream and a route: clients without a route are refused.
 */
void tls_config_read(const struct doc_node *line, const char *beside, struct doc_diag *d, struct tls_config *ret);

/*
 * A context from one of the maps `tls` or `upstream_tls` alone. NULL after a complaint. digest and warning as above, of ret, whose
 * http says what is spoken.
 */
struct tls_ctx *tls_config_server(const struct doc_node *map, const char *beside, struct doc_diag *d, struct tls_config *ret);
struct tls_ctx *tls_config_client(const struct doc_node *map, const char *beside, struct doc_diag *d, struct tls_config *ret);

#endif
