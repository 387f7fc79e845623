/* SPDX-License-Identifier: MIT */
/* test_io_tls_shake.c - handshakes of TLS sockets, good and bad; what contexts are made of. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tls_pair.h"

/* ---- handshakes ---- */

static void
expect_info(const struct io_sock *s, const char *version, const char *alpn, const char *sni, bool resumed)
{
	struct tls_info i;
	assert_int_equal(io_tls_info(s, &i), 0);
	assert_string_equal(i.version, version);
	assert_string_equal(i.alpn, alpn);
	assert_string_equal(i.sni, sni);
	assert_int_equal(i.resumed, resumed);
	assert_string_not_equal(i.cipher, "");
}

/* A byte there, so that the tickets of the server, which come before it, are read. */
static void
exchange(struct pair *p)
{
	assert_int_equal(io_push(p->io, p->b, "x", 1), 1);
	io_recv_start(p->io, p->a, 64);
	assert_int_equal(next(p->io, IO_RECV).res, 1);
	assert_int_equal(io_push(p->io, p->a, "y", 1), 1);
	io_recv_start(p->io, p->b, 64);
	assert_int_equal(next(p->io, IO_RECV).res, 1);
}

/* The same place again, several times: a full handshake and then short ones. */
static void
sessions_are_resumed(void **state)
{
	const struct rig *r = *state;
	struct tls_ctx *client = rig_client((struct tls_client_opts){ .ca = rig_text(r->ca.cert_pem) });
	struct pair p;
	struct ends e = ends_of(r);
	e.client = client;
	e.where = "unix:@faultline-tls-resume";
	for (int round = 0; round < 4; round++) {
		good_pair(&p, e);
		exchange(&p);
		expect_info(p.a, "TLSv1.3", "", "server.example", round > 0);
		expect_info(p.b, "TLSv1.3", "", "server.example", round > 0);
		struct tls_info i;
		assert_int_equal(io_tls_info(p.a, &i), 0);
		assert_true(i.peer_cert && i.verified);
		assert_string_equal(i.peer_subject, "CN=server");
		assert_int_equal(io_tls_info(p.b, &i), 0);
		assert_false(i.peer_cert || i.verified);
		close_pair(&p);                                 /* by a reset, which takes nothing out of the caches */
	}
	e.name = "127.0.0.1";                                   /* another server, as far as the client knows */
	good_pair(&p, e);
	expect_info(p.a, "TLSv1.3", "", "", false);
	close_pair(&p);
	tls_ctx_unref(client);
}

static void
protocols(void **state)
{
	const struct rig *r = *state;
	struct tls_cert cert = rig_cert(&r->server);
	struct tls_ctx *server = rig_server((struct tls_server_opts){ .certs = &cert, .cert_count = 1,
		.alpn = (const char *const[]){ "one", "two" }, .alpn_count = 2 });
	static const struct { const char *offer[3]; uint32_t n; const char *chosen; } rows[] = {
		{ { "two", "one" }, 2, "one" }, { { "zero", "two" }, 2, "two" }, { { NULL }, 0, "" }, { { "zero", "on" }, 2, NULL },
	};
	for (size_t i = 0; i < FL_ARRAY_LEN(rows); i++) {
		struct tls_ctx *client = rig_client((struct tls_client_opts){ .ca = rig_text(r->ca.cert_pem),
			.alpn = rows[i].offer, .alpn_count = rows[i].n });
		struct pair p;
		open_pair(&p, (struct ends){ .client = client, .server = server, .name = "server.example" });
		if (rows[i].chosen != NULL) {
			expect_info(p.a, "TLSv1.3", rows[i].chosen, "server.example", false);
			expect_info(p.b, "TLSv1.3", rows[i].chosen, "server.example", false);
		} else {
			assert_int_equal(p.a_res, -EPROTO);
			assert_int_equal(p.b_res, -EPROTO);
			assert_non_null(strstr(io_tls_error(p.a), "no application protocol"));
		}
		close_pair(&p);
		tls_ctx_unref(client);
	}
	tls_ctx_unref(server);
}

/* The certificate that the name asks for, as the client sees it. */
static void
certificates_by_name(void **state)
{
	const struct rig *r = *state;
	struct rig_id ids[] = {
		rig_make((struct rig_want){ .name = "first", .alt = "DNS:first.example", .signer = &r->ca }),
		rig_make((struct rig_want){ .name = "second", .alt = "DNS:second.example,DNS:*.wild.example", .signer = &r->ca }),
		rig_make((struct rig_want){ .name = "third.example", .signer = &r->ca }),
		rig_make((struct rig_want){ .name = "second rsa", .alt = "DNS:second.example", .signer = &r->ca, .rsa = true }),
	};
	struct tls_cert certs[FL_ARRAY_LEN(ids)];
	for (size_t i = 0; i < FL_ARRAY_LEN(ids); i++)
		certs[i] = rig_cert(&ids[i]);
	struct tls_ctx *server = rig_server((struct tls_server_opts){ .certs = certs, .cert_count = FL_ARRAY_LEN(ids) });
	struct tls_ctx *client = rig_client((struct tls_client_opts){ .no_verify = true });
	static const struct { const char *name, *subject; } rows[] = {
		{ "first.example", "CN=first" }, { "second.example", "CN=second" }, { "SECOND.example", "CN=second" },
		{ "a.wild.example", "CN=second" }, { "a.b.wild.example", "CN=first" }, { "wild.example", "CN=first" },
		{ "third.example", "CN=third.example" }, { "nobody.example", "CN=first" }, { NULL, "CN=first" }, { "127.0.0.1", "CN=first" },
	};
	for (size_t i = 0; i < FL_ARRAY_LEN(rows); i++) {
		struct pair p;
		struct tls_info info;
		good_pair(&p, (struct ends){ .client = client, .server = server, .name = rows[i].name });
		assert_int_equal(io_tls_info(p.a, &info), 0);
		assert_string_equal(info.peer_subject, rows[i].subject);
		assert_false(info.verified);
		close_pair(&p);
	}
	tls_ctx_unref(server);
	tls_ctx_unref(client);
	for (size_t i = 0; i < FL_ARRAY_LEN(ids); i++)
		rig_drop(&ids[i]);
}

/* What a client refuses, what it says, and that the server hears of it. */
static void
client_refuses(void **state)
{
	const struct rig *r = *state;
	struct rig_id other = rig_make((struct rig_want){ .name = "another authority" });
	struct rig_id old = rig_make((struct rig_want){ .name = "old", .alt = "DNS:server.example", .signer = &r->ca,
		.from_s = -7200, .to_s = -60 });
	struct rig_id early = rig_make((struct rig_want){ .name = "early", .alt = "DNS:server.example", .signer = &r->ca,
		.from_s = 3600, .to_s = 7200 });
	struct rig_id alone = rig_make((struct rig_want){ .name = "alone", .alt = "DNS:server.example" });
	const struct {
		const struct rig_id *server, *ca;
		const char *name, *says;        /* says NULL: it is good */
	} rows[] = {
		{ &r->server, &r->ca, "server.example", NULL },
		{ &r->server, &r->ca, "127.0.0.1", NULL },
		{ &r->server, &r->ca, "::1", NULL },
		{ &r->server, &r->ca, "", NULL },
		{ &alone, &alone, "server.example", NULL },
		{ &r->server, &r->server, "server.example", NULL },     /* trusted by itself */
		{ &r->server, &other, "server.example", "unable to get local issuer certificate" },
		{ &r->server, &r->ca, "other.example", "hostname mismatch" },
		{ &r->server, &r->ca, "127.0.0.2", "IP address mismatch" },
		{ &old, &r->ca, "server.example", "certificate has expired" },
		{ &early, &r->ca, "server.example", "certificate is not yet valid" },
		{ &alone, &r->ca, "server.example", "self-signed certificate" },
	};
	for (size_t i = 0; i < FL_ARRAY_LEN(rows); i++) {
		struct tls_cert cert = rig_cert(rows[i].server);
		struct tls_ctx *server = rig_server((struct tls_server_opts){ .certs = &cert, .cert_count = 1 });
		struct tls_ctx *client = rig_client((struct tls_client_opts){ .ca = rig_text(rows[i].ca->cert_pem) });
		struct pair p;
		open_pair(&p, (struct ends){ .client = client, .server = server, .name = rows[i].name });
		if (rows[i].says == NULL) {
			assert_int_equal(p.a_res, 0);
		} else {
			assert_int_equal(p.a_res, -EKEYREJECTED);
			if (strstr(io_tls_error(p.a), rows[i].says) == NULL)
				fail_msg("row %zu: %s", i, io_tls_error(p.a));
			assert_int_equal(p.b_res, -EPROTO);
			assert_non_null(strstr(io_tls_error(p.b), "alert"));
		}
		close_pair(&p);
		tls_ctx_unref(server);
		tls_ctx_unref(client);
	}
	rig_drop(&other);
	rig_drop(&old);
	rig_drop(&early);
	rig_drop(&alone);
}

/* Through an intermediate: the server must send it. */
static void
chains(void **state)
{
	const struct rig *r = *state;
	struct rig_id middle = rig_make((struct rig_want){ .name = "middle", .signer = &r->ca, .authority = true });
	struct rig_id leaf = rig_make((struct rig_want){ .name = "leaf", .alt = "DNS:server.example", .signer = &middle });
	char both[8192];
	snprintf(both, sizeof(both), "a comment\n%s%s", leaf.cert_pem, middle.cert_pem);
	for (int whole = 0; whole < 2; whole++) {
		struct tls_cert cert = { rig_text(whole ? both : leaf.cert_pem), rig_text(leaf.key_pem) };
		struct tls_ctx *server = rig_server((struct tls_server_opts){ .certs = &cert, .cert_count = 1 });
		struct pair p;
		open_pair(&p, (struct ends){ .client = r->client_ctx, .server = server, .name = "server.example" });
		assert_int_equal(p.a_res, whole ? 0 : -EKEYREJECTED);
		close_pair(&p);
		tls_ctx_unref(server);
	}
	rig_drop(&middle);
	rig_drop(&leaf);
}

static void
certificates_of_clients(void **state)
{
	const struct rig *r = *state;
	struct rig_id ca = rig_make((struct rig_want){ .name = "authority of clients" });
	struct rig_id good = rig_make((struct rig_want){ .name = "a client", .signer = &ca });
	struct rig_id bad = rig_make((struct rig_want){ .name = "a stranger" });
	struct tls_cert cert = rig_cert(&r->server);
	const struct rig_id *shown[] = { NULL, &good, &bad };
	for (enum tls_auth auth = TLS_AUTH_NONE; auth <= TLS_AUTH_REQUIRE; auth++) {
		struct tls_ctx *server = rig_server((struct tls_server_opts){ .certs = &cert, .cert_count = 1,
			.client_ca = rig_text(ca.cert_pem), .client_auth = auth });
		for (size_t i = 0; i < FL_ARRAY_LEN(shown); i++) {
			struct tls_client_opts co = { .ca = rig_text(r->ca.cert_pem) };
			if (shown[i] != NULL)
				co.cert = rig_cert(shown[i]);
			struct tls_ctx *client = rig_client(co);
			bool fine = auth == TLS_AUTH_NONE || shown[i] == &good || (shown[i] == NULL && auth == TLS_AUTH_REQUEST);
			for (int round = 0; round < (fine ? 2 : 1); round++) {
				struct pair p;
				struct tls_info info;
				open_pair(&p, (struct ends){ .client = client, .server = server, .name = "server.example",
					.where = "unix:@faultline-tls-clients" });
				if (!fine) {
					assert_true(p.b_res < 0 && p.b_res != -ECONNRESET);
					assert_string_not_equal(io_tls_error(p.b), "");
					close_pair(&p);
					continue;
				}
				assert_int_equal(p.b_res, 0);
				exchange(&p);
				assert_int_equal(io_tls_info(p.b, &info), 0);
				assert_int_equal(info.resumed, round > 0);
				assert_int_equal(info.peer_cert, auth != TLS_AUTH_NONE && shown[i] != NULL);
				assert_int_equal(info.verified, info.peer_cert);
				assert_string_equal(info.peer_subject, info.peer_cert ? "CN=a client" : "");
				close_pair(&p);
			}
			tls_ctx_unref(client);
		}
		tls_ctx_unref(server);
	}
	rig_drop(&ca);
	rig_drop(&good);
	rig_drop(&bad);
}

static void
versions(void **state)
{
	const struct rig *r = *state;
	struct tls_cert cert = rig_cert(&r->server);
	struct tls_ctx *server = rig_server((struct tls_server_opts){ .certs = &cert, .cert_count = 1, .min_version = TLS_1_3 });
	struct pair p;
	struct ends e = { .server = server };
	/* OpenSSL's client, held down to 1.2: refused by one, taken by the other, and there resumed by ticket and by cache. */
	for (int round = 0; round < 2; round++) {
		SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
		SSL_SESSION *session = NULL;
		SSL_CTX_set_max_proto_version(ctx, TLS1_2_VERSION);
		if (round == 1)
			SSL_CTX_set_options(ctx, SSL_OP_NO_TICKET);
		for (int k = 0; k < 3; k++) {
			e.server = k == 0 ? server : r->server_ctx;
			listen_on(&p, &e);
			BIO *b = BIO_new(BIO_s_connect());
			char port[8];
			snprintf(port, sizeof(port), "%u", addr_port(&p.addr));
			BIO_set_conn_hostname(b, "127.0.0.1");
			BIO_set_conn_port(b, port);
			BIO_set_nbio(b, 1);
			SSL *ssl = SSL_new(ctx);
			SSL_set_bio(ssl, b, b);
			if (session != NULL)
				SSL_set_session(ssl, session);
			int done = 0;
			while (p.b_res == 1 || (p.b_res == 0 && done != 1)) {
				struct io_event ev;
				done = SSL_connect(ssl);
				io_wait(p.io, io_clock(p.io) + FL_MS);
				while (io_next(p.io, &ev)) {
					if (ev.kind == IO_ACCEPT)
						take_accept(&p, &e, &ev);
					else
						p.b_res = ev.res;
				}
			}
			assert_int_equal(p.b_res, k == 0 ? -EPROTO : 0);
			if (k > 0) {
				expect_info(p.b, "TLSv1.2", "", "", k == 2);
				SSL_SESSION_free(session);
				session = SSL_get1_session(ssl);
			}
			SSL_set_shutdown(ssl, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
			SSL_free(ssl);
			close_pair(&p);
		}
		SSL_SESSION_free(session);
		SSL_CTX_free(ctx);
	}
	tls_ctx_unref(server);
}

/* ---- handshakes that do not happen ---- */

static void
other_end_is_plain(void **state)
{
	struct rig *r = *state;
	struct pair p;
	struct ends e = ends_of(r);
	/* The client speaks no TLS. */
	e.client = NULL;
	listen_on(&p, &e);
	assert_int_equal(io_connect(p.io, &p.addr, "a", &p.a), 0);
	while (p.b_res == 1) {
		struct io_event ev = any(p.io);
		if (ev.kind == IO_ACCEPT)
			take_accept(&p, &e, &ev);
		else if (ev.sock == p.b)
			p.b_res = ev.res;
		else if (ev.kind == IO_CONNECT)
			assert_int_equal(io_push(p.io, p.a, "GET / HTTP/1.1\r\n\r\n", 18), 18);
		else
			fail_msg("event %d", ev.kind);
	}
	assert_int_equal(p.b_res, -EPROTO);
	assert_string_not_equal(io_tls_error(p.b), "");
	close_pair(&p);
	/* The server speaks none, and closes; then, one that is not there. */
	e = ends_of(r);
	e.server = NULL;
	listen_on(&p, &e);
	assert_int_equal(io_connect_tls(p.io, &p.addr, e.client, e.name, "a", &p.a), 0);
	while (p.a_res == 1) {
		struct io_event ev = any(p.io);
		if (ev.kind == IO_ACCEPT) {
			take_accept(&p, &e, &ev);
			io_shutdown(p.io, p.b);
		} else {
			p.a_res = ev.res;
		}
	}
	assert_int_equal(p.a_res, -ECONNRESET);
	assert_string_equal(io_tls_error(p.a), "the connection was closed during the handshake");
	struct io_addr gone = p.addr;
	close_pair(&p);
	listen_on(&p, &e);
	assert_int_equal(io_connect_tls(p.io, &gone, e.client, e.name, "a", &p.a), 0);
	assert_int_equal(next(p.io, IO_CONNECT).res, -ECONNREFUSED);
	assert_string_equal(io_tls_error(p.a), "");
	close_pair(&p);
}

/* A client's whole side of a handshake, recorded, then given to a server byte by byte, and cut short at each byte. */
static void
byte_by_byte(void **state)
{
	struct rig *r = *state;
	struct pair p;
	struct ends e = ends_of(r);
	SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
	SSL *ssl = SSL_new(ctx);
	BIO *in = BIO_new(BIO_s_mem()), *out = BIO_new(BIO_s_mem());
	char buf[16384];
	BIO_set_mem_eof_return(in, -1);
	SSL_set_bio(ssl, in, out);
	e.client = NULL;
	listen_on(&p, &e);
	assert_int_equal(io_connect(p.io, &p.addr, "a", &p.a), 0);
	while (p.b_res == 1 || SSL_in_init(ssl)) {
		struct io_event ev;
		SSL_connect(ssl);
		io_wait(p.io, io_clock(p.io) + FL_MS / 10);
		while (io_next(p.io, &ev)) {
			if (ev.kind == IO_ACCEPT)
				take_accept(&p, &e, &ev);
			else if (ev.kind == IO_CONNECT && ev.sock == p.b)
				p.b_res = ev.res;
			else if (ev.kind == IO_CONNECT)
				io_recv_start(p.io, p.a, 1);
			else
				BIO_write(in, ev.data, ev.res);
		}
		if (p.b != NULL && BIO_read(out, buf, 1) == 1)
			assert_int_equal(io_push(p.io, p.a, buf, 1), 1);
	}
	assert_int_equal(p.b_res, 0);
	SSL_free(ssl);
	SSL_CTX_free(ctx);
	close_pair(&p);
}

static void
handshakes_are_bounded(void **state)
{
	struct rig *r = *state;
	struct pair p;
	struct ends e = ends_of(r);
	struct io_sock *in[8], *out[8];
	unsigned n = 0, busy = 0;
	listen_on(&p, &e);
	for (int i = 0; i < 6; i++)
		assert_int_equal(io_connect(p.io, &p.addr, "a", &out[i]), 0);
	while (n + busy < 6) {
		struct io_event ev = any(p.io);
		if (ev.kind != IO_ACCEPT)
			continue;
		int res = io_attach_tls(p.io, ev.res, e.server, "b", &in[n]);
		if (res == 0) {
			n++;
		} else {
			assert_int_equal(res, -EBUSY);
			io_discard(ev.res, true);
			busy++;
		}
	}
	assert_int_equal(n, 4);
	assert_int_equal(io_tls_handshakes(p.io), 4);
	io_close(p.io, in[0], false);                           /* one that is given up makes room */
	assert_int_equal(io_tls_handshakes(p.io), 3);
	for (int i = 1; i < 4; i++)
		io_close(p.io, in[i], true);
	close_pair(&p);
}

/* Bytes that were read before, and a server that was connected to before: going over to TLS in the middle. */
static void
start_in_the_middle(void **state)
{
	struct rig *r = *state;
	struct pair p;
	struct ends e = { .client = NULL };
	open_pair(&p, e);
	while (p.a_res == 1)
		p.a_res = next(p.io, IO_CONNECT).res;
	assert_int_equal(io_push(p.io, p.a, "HELLO\r\n", 7), 7);
	assert_int_equal(io_start_tls_client(p.io, p.a, r->client_ctx, "server.example"), 0);
	struct io_event ev;
	assert_false(io_next(p.io, &ev));                       /* it has sent its ClientHello */
	io_recv_start(p.io, p.b, 64);
	ev = next(p.io, IO_RECV);
	assert_true(ev.res > 7);
	assert_memory_equal(ev.data, "HELLO\r\n", 7);
	io_recv_stop(p.io, p.b);
	assert_int_equal(io_start_tls_server(p.io, p.b, r->server_ctx, ev.data + 7, (size_t)ev.res - 7), 0);
	assert_int_equal(io_tls_info(p.b, &(struct tls_info){ .resumed = false }), -ENOTCONN);
	p.a_res = p.b_res = 1;
	while (p.a_res == 1 || p.b_res == 1) {
		ev = next(p.io, IO_CONNECT);
		*(ev.sock == p.a ? &p.a_res : &p.b_res) = ev.res;
	}
	assert_int_equal(p.a_res, 0);
	assert_int_equal(p.b_res, 0);
	exchange(&p);
	close_pair(&p);
}

/* ---- contexts ---- */

static void
complaints(void **state)
{
	struct rig *r = *state;
	struct rig_id old = rig_make((struct rig_want){ .name = "old", .signer = &r->ca, .from_s = -7200, .to_s = -60 });
	struct rig_id rsa = rig_make((struct rig_want){ .name = "rsa", .signer = &r->ca, .rsa = true });
	struct tls_ctx *ctx = NULL;
	struct tls_complaint c;
	char cut[3000], locked[4000];
	snprintf(cut, sizeof(cut), "%.200s\n-----END CERTIFICATE-----\n", r->server.cert_pem);
	BIO *b = BIO_new(BIO_s_mem());
	assert_int_equal(PEM_write_bio_PKCS8PrivateKey(b, r->server.key, EVP_aes_128_cbc(), "secret", 6, NULL, NULL), 1);
	int n = BIO_read(b, locked, sizeof(locked) - 1);
	locked[n] = '\0';
	BIO_free(b);
	const struct { const char *cert, *key, *ca; int part; const char *says; } rows[] = {
		{ "", r->server.key_pem, NULL, TLS_PART_CERT, "no certificate in it" },
		{ r->server.key_pem, r->server.key_pem, NULL, TLS_PART_CERT, "no certificate in it" },
		{ cut, r->server.key_pem, NULL, TLS_PART_CERT, "certificate 1 in it is broken" },
		{ r->server.cert_pem, "", NULL, TLS_PART_KEY, "no private key" },
		{ r->server.cert_pem, NULL, NULL, TLS_PART_KEY, "no private key" },
		{ r->server.cert_pem, r->server.cert_pem, NULL, TLS_PART_KEY, "no private key" },
		{ r->server.cert_pem, r->ca.key_pem, NULL, TLS_PART_KEY, "does not belong" },
		{ r->server.cert_pem, rsa.key_pem, NULL, TLS_PART_KEY, "does not belong" },
		{ r->server.cert_pem, locked, NULL, TLS_PART_KEY, "is encrypted" },
		{ r->server.cert_pem, r->server.key_pem, "nothing", TLS_PART_CA, "no certificate in it" },
	};
	for (size_t i = 0; i < FL_ARRAY_LEN(rows); i++) {
		struct tls_cert certs[2] = { rig_cert(&r->server), { rig_text(rows[i].cert), rig_text(rows[i].key) } };
		struct tls_server_opts o = { .certs = certs, .cert_count = 2, .client_ca = rig_text(rows[i].ca),
			.client_auth = rows[i].ca != NULL ? TLS_AUTH_REQUIRE : TLS_AUTH_NONE };
		assert_int_equal(tls_server_new(&o, &c, &ctx), -EINVAL);
		if (strstr(c.text, rows[i].says) == NULL || (int)c.part != rows[i].part)
			fail_msg("row %zu: %d %s", i, c.part, c.text);
		assert_int_equal(c.index, c.part == TLS_PART_CA ? 0 : 1);
		assert_null(ctx);
	}
	struct tls_cert expired = rig_cert(&old);
	struct tls_server_opts o = { .certs = &expired, .cert_count = 1 };
	assert_int_equal(tls_server_new(&o, &c, &ctx), 0);
	assert_non_null(strstr(c.text, "has expired on "));
	tls_ctx_unref(ctx);
	o.cert_count = 0;
	assert_int_equal(tls_server_new(&o, &c, &ctx), -EINVAL);
	struct tls_client_opts bad_alpn = { .no_verify = true, .alpn = (const char *const[]){ "" }, .alpn_count = 1 };
	assert_int_equal(tls_client_new(&bad_alpn, &c, &ctx), -EINVAL);
	assert_int_equal(c.part, TLS_PART_ALPN);
	struct tls_client_opts system = { .no_verify = false };
	assert_int_equal(tls_client_new(&system, &c, &ctx), 0);         /* the system's authorities do not know ours */
	struct pair p;
	open_pair(&p, (struct ends){ .client = ctx, .server = r->server_ctx, .name = "server.example" });
	assert_int_equal(p.a_res, -EKEYREJECTED);
	close_pair(&p);
	tls_ctx_unref(ctx);
	rig_drop(&old);
	rig_drop(&rsa);
}

/* A context goes with the last connection that uses it. */
static void
context_outlives_its_owner(void **state)
{
	struct rig *r = *state;
	struct tls_cert cert = rig_cert(&r->server);
	struct tls_ctx *server = rig_server((struct tls_server_opts){ .certs = &cert, .cert_count = 1 });
	struct tls_ctx *client = rig_client((struct tls_client_opts){ .ca = rig_text(r->ca.cert_pem) });
	struct pair p;
	struct ends e = { .client = client, .server = server, .name = "server.example" };
	listen_on(&p, &e);
	assert_int_equal(io_connect_tls(p.io, &p.addr, client, e.name, "a", &p.a), 0);
	tls_ctx_unref(client);
	struct io_event ev = next(p.io, IO_ACCEPT);
	take_accept(&p, &e, &ev);
	tls_ctx_unref(server);
	while (p.a_res == 1 || p.b_res == 1) {
		ev = next(p.io, IO_CONNECT);
		*(ev.sock == p.a ? &p.a_res : &p.b_res) = ev.res;
	}
	exchange(&p);
	io_free(p.io);                                          /* with all that is open */
}

int
main(void)
{
	struct rig r;
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_prestate(sessions_are_resumed, &r),
		cmocka_unit_test_prestate(protocols, &r),
		cmocka_unit_test_prestate(certificates_by_name, &r),
		cmocka_unit_test_prestate(client_refuses, &r),
		cmocka_unit_test_prestate(chains, &r),
		cmocka_unit_test_prestate(certificates_of_clients, &r),
		cmocka_unit_test_prestate(versions, &r),
		cmocka_unit_test_prestate(other_end_is_plain, &r),
		cmocka_unit_test_prestate(byte_by_byte, &r),
		cmocka_unit_test_prestate(handshakes_are_bounded, &r),
		cmocka_unit_test_prestate(start_in_the_middle, &r),
		cmocka_unit_test_prestate(complaints, &r),
		cmocka_unit_test_prestate(context_outlives_its_owner, &r),
	};
	rig_init(&r);
	int failed = cmocka_run_group_tests(tests, NULL, NULL);
	rig_fini(&r);
	return failed;
}
