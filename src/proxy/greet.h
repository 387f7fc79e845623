/* SPDX-License-Identifier: MIT */
/*
 * greet.h - what happens on a connection before its bytes are relayed, on lines that have a struct line_wire: the client's PROXY
 * header, its TLS handshake or the name in its ClientHello, the route that follows from it; then the header for the upstream.
 *
 * It belongs to a session from its start until it relays. It acts on the client's socket and never on the session: the
 * session asks it how it stands, and tells it what arrives.
 *
 * Invariants
 *  (1) Bytes that were read and not used are kept in their order, at most GREET_BYTES_MAX of them.
 *  (2) Receiving is on only while it waits for bytes.
 */
#ifndef PROXY_GREET_H
#define PROXY_GREET_H

#include "base/slab.h"
#include "io/io.h"
#include "proto/client_hello.h"
#include "proto/proxy_header.h"
#include "proxy/line.h"

#define GREET_BYTES_MAX 32768           /* a PROXY header and a ClientHello, and what a client sent too early */

struct greet {
	struct line_wire *wire;                 /* a reference */
	const struct line_target *target;       /* of the route; NULL: the line's upstream */
	fl_ns deadline;
	uint8_t *bytes;                         /* n bytes from at; NULL: none */
	uint32_t at, n, room;
	int shaken;                             /* result of the client's handshake; 1: not yet */
	uint8_t state;
	bool eof;                               /* the client's stream ended meanwhile */
	bool sent;                              /* the header went out to the upstream */
	struct proxy_header client;             /* what the client's PROXY header said */
	uint32_t out_n;
	uint8_t out[PROXY_HEADER_WRITE_MAX];    /* the header for the upstream */
	char sni[256];                          /* the server the client asked for; "": none */
};

/* NULL: no memory. A reference to wire is taken. */
struct greet *greet_new(struct slab *mem, struct line_wire *wire, fl_ns now);
void greet_free(struct slab *mem, struct greet *g);             /* NULL is fine */
/* Attach the client's connection, plain or TLS as it begins: io_attach() or io_attach_tls(). */
int greet_attach(const struct line_wire *wire, struct io *io, int token, void *ud, struct io_sock **ret_sock);

/*
 * greet_run - go on as far as possible.
 *
 * returns   LINE_CLOSE_NONE: see greet_over(); else why the connection has to end
 */
enum line_close greet_run(struct greet *g, struct slab *mem, struct io *io, struct io_sock *client);
bool greet_over(const struct greet *g);
/* An IO_RECV of the client: n bytes, or 0 for the end of its stream. 0; -ENOBUFS, -ENOMEM. */
int greet_data(struct greet *g, struct slab *mem, const uint8_t *p, size_t n);
/* Whose connection it is, as its PROXY header said. false: there was none, or it did not say. */
bool greet_client(const struct greet *g, uint8_t ret_ip[16], uint16_t *ret_port);
/* The two ends of a connection as a header says them. */
void greet_ends(const struct io_addr *client, const struct io_addr *server, struct proxy_header *ret_header);
/* Make the header for the upstream in out, out_n. */
void greet_header(struct greet *g, const struct io_sock *client);
/* What the upstream's certificate must be for. host: "" when the upstream is a literal, at addr. Returns buf or a text of the wire. */
const char *greet_tls_name(const struct greet *g, const char *host, const struct io_addr *addr, char *buf, size_t buf_bytes);

#endif
