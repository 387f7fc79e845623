/* SPDX-License-Identifier: MIT */
/* test_proxy_wire.c - lines with TLS, PROXY headers and routes by name, seen from real sockets at both ends. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "io/io.h"
#include "proto/proxy_header.h"
#include "proxy/proxy.h"
#include "tls_rig.h"

/* A proxy with one line, which has a wire, to one of two listening sockets of the test's. */
struct bed {
	struct proxy *proxy;
	struct line *line;
	struct line_conf *conf;
	int servers[2];
	char server_text[2][ADDR_TEXT_MAX];
	struct io_addr at;              /* where the line listens */
};

/* An end of a connection: a socket, and TLS on it or not. */
struct end {
	int fd;
	SSL *ssl;
};

static int
listen_somewhere(struct io_addr *ret_addr)
{
	struct io_addr any;
	int fd;
	assert_int_equal(addr_parse("127.0.0.1:0", &any), 0);
	assert_int_equal(io_bind(&any, &fd, ret_addr), 0);
	return fd;
}

static struct line_wire *
wire(void)
{
	struct line_wire *w = line_wire_new();
	assert_non_null(w);
	return w;
}

static struct line_conf *
conf_of(const struct bed *b, struct line_wire *w, const struct fault_spec *specs, uint32_t n)
{
	struct line_conf *c = line_conf_new("test");
	assert_non_null(c);
	c->faults = spec_set_new(specs, n);
	assert_non_null(c->faults);
	c->wire = w;
	assert_int_equal(line_conf_upstream(c, b->server_text[0]), 0);
	return c;
}

/* Takes the reference to w over. */
static void
bed_start(struct bed *b, struct line_wire *w, const struct fault_spec *specs, uint32_t n)
{
	struct proxy_opts opts = { .workers = 2, .conns_max = 200, .events_max = 4096 };
	assert_int_equal(proxy_new(&opts, &b->proxy), 0);
	for (int i = 0; i < 2; i++) {
		struct io_addr server;
		b->servers[i] = listen_somewhere(&server);
		addr_format(&server, b->server_text[i], sizeof(b->server_text[i]));
	}
	b->conf = conf_of(b, w, specs, n);
	int token = listen_somewhere(&b->at);
	assert_int_equal(proxy_line_open(b->proxy, b->conf, token, &b->line), 0);
}

static void
bed_stop(struct bed *b)
{
	proxy_free(b->proxy);
	line_conf_unref(b->conf);
	close(b->servers[0]);
	close(b->servers[1]);
}

static struct end
dial(const struct bed *b)
{
	struct end e = { .fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0) };
	assert_true(e.fd >= 0);
	assert_int_equal(connect(e.fd, &b->at.sa, b->at.len), 0);
	return e;
}

static struct end
take(const struct bed *b, int server)
{
	struct pollfd p = { .fd = b->servers[server], .events = POLLIN };
	assert_int_equal(poll(&p, 1, 20000), 1);
	struct end e = { .fd = accept4(b->servers[server], NULL, NULL, SOCK_CLOEXEC) };
	assert_true(e.fd >= 0);
	return e;
}

static void
drop(struct end *e)
{
	if (e->ssl != NULL) {
		if ((SSL_get_shutdown(e->ssl) & SSL_SENT_SHUTDOWN) == 0)
			SSL_shutdown(e->ssl);
		SSL_free(e->ssl);
	}
	close(e->fd);
	*e = (struct end){ .fd = -1 };
}

static void
say(struct end *e, const void *p, size_t n)
{
	if (e->ssl != NULL)
		assert_int_equal(SSL_write(e->ssl, p, (int)n), n);
	else
		assert_int_equal(send(e->fd, p, n, MSG_NOSIGNAL), n);
}

static void
hear(struct end *e, const void *p, size_t n)
{
	char got[4096];
	size_t at = 0;
	assert_true(n <= sizeof(got));
	while (at < n) {
		ssize_t r = e->ssl != NULL ? SSL_read(e->ssl, got + at, (int)(n - at)) : recv(e->fd, got + at, n - at, 0);
		if (r <= 0)
			fail_msg("the end after %zu of %zu bytes", at, n);
		at += (size_t)r;
	}
	assert_memory_equal(got, p, n);
}

/* The end, by close_notify where there is TLS; a reset is told apart. */
static void
hear_end(struct end *e)
{
	char c;
	if (e->ssl != NULL) {
		assert_int_equal(SSL_read(e->ssl, &c, 1), 0);
		assert_int_equal(SSL_get_error(e->ssl, 0), SSL_ERROR_ZERO_RETURN);
	} else {
		assert_int_equal(recv(e->fd, &c, 1, 0), 0);
	}
}

static void
finish(struct end *e)
{
	if (e->ssl != NULL)
		assert_true(SSL_shutdown(e->ssl) >= 0);
	shutdown(e->fd, SHUT_WR);
}

/* Both ways, then each end in turn. */
static void
talk(struct end *c, struct end *s)
{
	say(c, "question", 8);
	hear(s, "question", 8);
	say(s, "answer", 6);
	hear(c, "answer", 6);
	finish(c);
	hear_end(s);
	say(s, "still", 5);
	hear(c, "still", 5);
	finish(s);
	hear_end(c);
}

static void
talk_and_drop(struct end *c, struct end *s)
{
	talk(c, s);
	drop(c);
	drop(s);
}

/* Wait until a connection was closed for this reason. */
static void
closed_as(const struct bed *b, enum line_close reason, uint64_t n)
{
	struct line_counters k;
	do {
		proxy_line_counters(b->line, &k);
		uint64_t others = 0;
		for (int i = 0; i < LINE_CLOSE_COUNT; i++)
			others += i == (int)reason ? 0 : k.closed[i];
		if (others > 0 && k.active == 0 && k.closed[reason] < n)
			for (int i = 0; i < LINE_CLOSE_COUNT; i++)
				if (k.closed[i] > 0)
					fail_msg("closed as %s", line_close_name((enum line_close)i));
	} while (k.closed[reason] < n || k.active > 0);
}

/* OpenSSL's own ends. */
static SSL_CTX *
plain_client(void)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
	assert_non_null(ctx);
	return ctx;
}

static SSL_CTX *
plain_server(const struct rig_id *id)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
	assert_int_equal(SSL_CTX_use_certificate(ctx, id->x), 1);
	assert_int_equal(SSL_CTX_use_PrivateKey(ctx, id->key), 1);
	return ctx;
}

/* Shake hands, blocking: the proxy has threads of its own. */
static int
shake(struct end *e, SSL_CTX *ctx, bool server, const char *name)
{
	e->ssl = SSL_new(ctx);
	SSL_set_fd(e->ssl, e->fd);
	if (name != NULL)
		SSL_set_tlsext_host_name(e->ssl, name);
	return server ? SSL_accept(e->ssl) : SSL_connect(e->ssl);
}

static void
peer_is(const struct end *e, const char *name)
{
	char got[64];
	X509 *x = SSL_get0_peer_certificate(e->ssl);
	assert_non_null(x);
	X509_NAME_get_text_by_NID(X509_get_subject_name(x), NID_commonName, got, sizeof(got));
	assert_string_equal(got, name);
}

/* ---- TLS ---- */

static void
terminated(void **state)
{
	const struct rig *r = *state;
	struct line_wire *w = wire();
	struct bed b;
	w->tls_server = tls_ctx_ref(r->server_ctx);
	bed_start(&b, w, NULL, 0);
	SSL_CTX *ctx = plain_client();
	for (int i = 0; i < 4; i++) {
		struct end c = dial(&b);
		assert_int_equal(shake(&c, ctx, false, "server.example"), 1);
		peer_is(&c, "server");
		struct end s = take(&b, 0);
		talk_and_drop(&c, &s);
	}
	closed_as(&b, LINE_CLOSE_FINISHED, 4);
	/* One that speaks no TLS, and one that goes in the middle of it. */
	struct end c = dial(&b);
	say(&c, "GET / HTTP/1.1\r\n\r\n", 18);
	hear_end(&c);
	drop(&c);
	closed_as(&b, LINE_CLOSE_CLIENT_TLS, 1);
	c = dial(&b);
	say(&c, "\x16\3\1\2", 4);
	shutdown(c.fd, SHUT_WR);
	hear_end(&c);
	drop(&c);
	closed_as(&b, LINE_CLOSE_CLIENT_TLS, 2);
	SSL_CTX_free(ctx);
	bed_stop(&b);
}

static void
originated(void **state)
{
	const struct rig *r = *state;
	SSL_CTX *ctx = plain_server(&r->server);
	/* The name is the address's own, one that is said, or one that does not fit. */
	static const struct { const char *name, *sni; bool fits; } rows[] = {
		{ "", NULL, true }, { "server.example", "server.example", true }, { "other.example", "other.example", false },
	};
	for (size_t i = 0; i < FL_ARRAY_LEN(rows); i++) {
		struct line_wire *w = wire();
		struct bed b;
		w->tls_client = tls_ctx_ref(r->client_ctx);
		snprintf(w->tls_name, sizeof(w->tls_name), "%s", rows[i].name);
		bed_start(&b, w, NULL, 0);
		struct end c = dial(&b), s = take(&b, 0);
		int shaken = shake(&s, ctx, true, NULL);
		if (rows[i].sni != NULL)
			assert_string_equal(SSL_get_servername(s.ssl, TLSEXT_NAMETYPE_host_name), rows[i].sni);
		else
			assert_null(SSL_get_servername(s.ssl, TLSEXT_NAMETYPE_host_name));
		assert_int_equal(shaken == 1, rows[i].fits);    /* an alert tells it */
		if (rows[i].fits) {
			talk_and_drop(&c, &s);
			closed_as(&b, LINE_CLOSE_FINISHED, 1);
		} else {
			hear_end(&c);
			drop(&c);
			drop(&s);
			closed_as(&b, LINE_CLOSE_SERVER_TLS, 1);
		}
		bed_stop(&b);
	}
	SSL_CTX_free(ctx);
}

/* A server that accepts and says nothing, and one that is no TLS server. */
static void
originated_in_vain(void **state)
{
	const struct rig *r = *state;
	for (int silent = 0; silent < 2; silent++) {
		struct line_wire *w = wire();
		struct bed b;
		w->tls_client = tls_ctx_ref(r->client_ctx);
		bed_start(&b, w, NULL, 0);
		struct line_conf *quick = conf_of(&b, line_wire_ref(w), NULL, 0);
		quick->connect_timeout = 30 * FL_MS;
		if (silent)
			proxy_line_set(b.proxy, b.line, quick);
		struct end c = dial(&b), s = take(&b, 0);
		if (!silent)
			say(&s, "220 hello\r\n", 11);
		hear_end(&c);
		closed_as(&b, silent ? LINE_CLOSE_CONNECT_TIMEOUT : LINE_CLOSE_SERVER_TLS, 1);
		drop(&c);
		drop(&s);
		line_conf_unref(quick);
		bed_stop(&b);
	}
}

struct pump {
	struct end *from, *to;
	size_t n;
	pthread_t thread;
};

static uint8_t
pattern(size_t i)
{
	return (uint8_t)(i * 31 + i / 509);
}

static void *
pump_out(void *ud)
{
	struct pump *p = ud;
	uint8_t block[50000];
	for (size_t at = 0; at < p->n;) {
		size_t k = FL_MIN(sizeof(block), p->n - at);
		for (size_t i = 0; i < k; i++)
			block[i] = pattern(at + i);
		say(p->from, block, k);
		at += k;
	}
	finish(p->from);
	return NULL;
}

/* TLS on both sides, large, both ways at once on two connections. */
static void
large_through_tls_on_both_sides(void **state)
{
	const struct rig *r = *state;
	struct line_wire *w = wire();
	struct bed b;
	w->tls_server = tls_ctx_ref(r->server_ctx);
	w->tls_client = tls_ctx_ref(r->client_ctx);
	bed_start(&b, w, NULL, 0);
	SSL_CTX *cc = plain_client(), *sc = plain_server(&r->server);
	struct end c[2], s[2];
	struct pump p[2];
	for (int i = 0; i < 2; i++) {
		c[i] = dial(&b);
		assert_int_equal(shake(&c[i], cc, false, "server.example"), 1);
		s[i] = take(&b, 0);
		assert_int_equal(shake(&s[i], sc, true, NULL), 1);
		p[i] = (struct pump){ .from = i == 0 ? &c[i] : &s[i], .to = i == 0 ? &s[i] : &c[i], .n = 6 << 20 };
		assert_int_equal(pthread_create(&p[i].thread, NULL, pump_out, &p[i]), 0);
	}
	for (int i = 0; i < 2; i++) {
		uint8_t got[30000];
		size_t at = 0;
		int k;
		while ((k = SSL_read(p[i].to->ssl, got, sizeof(got))) > 0) {
			for (int j = 0; j < k; j++)
				if (got[j] != pattern(at + (size_t)j))
					fail_msg("byte %zu", at + (size_t)j);
			at += (size_t)k;
		}
		assert_int_equal(SSL_get_error(p[i].to->ssl, k), SSL_ERROR_ZERO_RETURN);
		assert_int_equal(at, p[i].n);
		assert_int_equal(pthread_join(p[i].thread, NULL), 0);
		drop(&c[i]);
		drop(&s[i]);
	}
	SSL_CTX_free(cc);
	SSL_CTX_free(sc);
	bed_stop(&b);
}

/* Faults see plaintext: exactly so many bytes of it pass. */
static void
faults_act_on_plaintext(void **state)
{
	const struct rig *r = *state;
	struct line_wire *w = wire();
	struct bed b;
	struct fault_spec f;
	spec_init(&f, FAULT_LIMIT_DATA);
	f.id = 1;
	f.dir = FL_C2S;
	f.values[LIMIT_DATA_BYTES].i = 5;
	f.key = 1;
	w->tls_server = tls_ctx_ref(r->server_ctx);
	w->tls_client = tls_ctx_ref(r->client_ctx);
	bed_start(&b, w, &f, 1);
	SSL_CTX *cc = plain_client(), *sc = plain_server(&r->server);
	struct end c = dial(&b);
	assert_int_equal(shake(&c, cc, false, NULL), 1);
	struct end s = take(&b, 0);
	assert_int_equal(shake(&s, sc, true, NULL), 1);
	say(&c, "123456789", 9);
	hear(&s, "12345", 5);
	hear_end(&s);
	closed_as(&b, LINE_CLOSE_FAULT_CLOSED, 1);
	drop(&c);
	drop(&s);
	SSL_CTX_free(cc);
	SSL_CTX_free(sc);
	bed_stop(&b);
}

/* A new certificate is for new connections; the old ones go on as they are. */
static void
certificate_is_replaced(void **state)
{
	const struct rig *r = *state;
	struct rig_id fresh = rig_make((struct rig_want){ .name = "fresh", .alt = "DNS:server.example", .signer = &r->ca });
	struct tls_cert cert = rig_cert(&fresh);
	struct line_wire *w = wire(), *next = wire();
	struct bed b;
	w->tls_server = tls_ctx_ref(r->server_ctx);
	next->tls_server = rig_server((struct tls_server_opts){ .certs = &cert, .cert_count = 1 });
	bed_start(&b, w, NULL, 0);
	SSL_CTX *ctx = plain_client();
	struct end old = dial(&b);
	assert_int_equal(shake(&old, ctx, false, NULL), 1);
	struct end old_s = take(&b, 0);
	struct line_conf *conf = conf_of(&b, next, NULL, 0);
	assert_int_equal(proxy_line_set(b.proxy, b.line, conf), 0);
	line_conf_unref(conf);
	struct end c = dial(&b);
	assert_int_equal(shake(&c, ctx, false, NULL), 1);
	peer_is(&old, "server");
	peer_is(&c, "fresh");
	struct end s = take(&b, 0);
	talk_and_drop(&old, &old_s);
	talk_and_drop(&c, &s);
	SSL_CTX_free(ctx);
	bed_stop(&b);
	rig_drop(&fresh);
}

/* ---- PROXY headers ---- */

static const uint8_t v2_header[] = "\r\n\r\n\0\r\nQUIT\n\x21\x11\0\xc" "\xc0\0\2\7" "\xc6\x33\x64\1" "\x30\x39" "\1\xbb";
#define V2_BYTES 28
static const char v1_header[] = "PROXY TCP4 192.0.2.7 198.51.100.1 12345 443\r\n";

static void
header_is_taken(void **state)
{
	(void)state;
	struct line_wire *w = wire();
	struct bed b;
	w->accept_proxy = true;
	bed_start(&b, w, NULL, 0);
	for (int version = 1; version <= 2; version++) {
		const void *h = version == 1 ? (const void *)v1_header : (const void *)v2_header;
		size_t n = version == 1 ? strlen(v1_header) : V2_BYTES;
		/* With the first bytes behind it, and byte by byte. */
		for (int slow = 0; slow < 2; slow++) {
			struct end c = dial(&b);
			char first[100];
			memcpy(first, h, n);
			memcpy(first + n, "early", 5);
			for (size_t i = 0; slow && i < n + 5; i++)
				say(&c, first + i, 1);
			if (!slow)
				say(&c, first, n + 5);
			struct end s = take(&b, 0);
			hear(&s, "early", 5);
			struct proxy_conn conn;
			char text[ADDR_TEXT_MAX];
			while (proxy_line_conns(b.proxy, b.line, &conn, 1) != 1)
				continue;
			assert_string_equal(addr_format(&conn.client, text, sizeof(text)), "192.0.2.7:12345");
			talk_and_drop(&c, &s);
			closed_as(&b, LINE_CLOSE_FINISHED, (uint64_t)((version - 1) * 2 + slow + 1));
		}
	}
	/* The client's end comes with the header already. */
	struct end c = dial(&b);
	say(&c, "PROXY UNKNOWN\r\nlast words", 25);
	shutdown(c.fd, SHUT_WR);
	struct end s = take(&b, 0);
	hear(&s, "last words", 10);
	hear_end(&s);
	drop(&c);
	drop(&s);
	closed_as(&b, LINE_CLOSE_FINISHED, 5);
	bed_stop(&b);
}

static void
header_is_wrong_or_late(void **state)
{
	(void)state;
	struct line_wire *w = wire();
	struct bed b;
	w->accept_proxy = true;
	bed_start(&b, w, NULL, 0);
	struct end c = dial(&b);
	say(&c, "GET / HTTP/1.1\r\n", 16);
	hear_end(&c);
	drop(&c);
	closed_as(&b, LINE_CLOSE_BAD_PROXY_HEADER, 1);
	c = dial(&b);
	say(&c, "PROXY TCP4 1.2", 14);
	shutdown(c.fd, SHUT_WR);
	hear_end(&c);
	drop(&c);
	closed_as(&b, LINE_CLOSE_BAD_PROXY_HEADER, 2);
	c = dial(&b);
	shutdown(c.fd, SHUT_WR);                                /* somebody only looks whether the port is open */
	hear_end(&c);
	drop(&c);
	closed_as(&b, LINE_CLOSE_FINISHED, 1);
	struct line_wire *hasty = wire();
	hasty->accept_proxy = true;
	hasty->greeting_timeout = 300 * FL_MS;
	struct line_conf *conf = conf_of(&b, hasty, NULL, 0);
	proxy_line_set(b.proxy, b.line, conf);
	line_conf_unref(conf);
	c = dial(&b);
	say(&c, "PROXY TCP4 1.2", 14);
	hear_end(&c);
	drop(&c);
	closed_as(&b, LINE_CLOSE_GREETING_TIMEOUT, 1);
	bed_stop(&b);
}

/* A fault for one client finds the client that the header names. */
static void
scopes_see_the_client_of_the_header(void **state)
{
	(void)state;
	struct line_wire *w = wire();
	struct bed b;
	struct fault_spec f[2];
	for (int i = 0; i < 2; i++) {
		spec_init(&f[i], i == 0 ? FAULT_CONNECT_REFUSE : FAULT_LIMIT_DATA);
		f[i].id = (uint64_t)i + 1;
		f[i].key = 1;
		f[i].dir = FL_C2S;
		char error[SPEC_ERROR_MAX];
		assert_int_equal(spec_set_client(&f[i].scope, i == 0 ? "192.0.2.7" : "192.0.2.8/32", error), 0);
	}
	f[1].values[LIMIT_DATA_BYTES].i = 4;
	w->accept_proxy = true;
	bed_start(&b, w, f, 2);
	struct end c = dial(&b);
	say(&c, v1_header, strlen(v1_header));
	hear_end(&c);
	drop(&c);
	closed_as(&b, LINE_CLOSE_FAULT_REFUSED, 1);
	c = dial(&b);
	say(&c, "PROXY TCP4 192.0.2.8 198.51.100.1 12345 443\r\n123456", 51);
	struct end s = take(&b, 0);
	hear(&s, "1234", 4);
	hear_end(&s);
	drop(&c);
	drop(&s);
	c = dial(&b);
	say(&c, "PROXY TCP4 192.0.2.9 198.51.100.1 12345 443\r\n123456", 51);
	s = take(&b, 0);
	hear(&s, "123456", 6);
	talk_and_drop(&c, &s);
	bed_stop(&b);
}

/* The header that the server gets: of this connection, or as it came. */
static void
header_is_sent(void **state)
{
	const struct rig *r = *state;
	SSL_CTX *ctx = plain_server(&r->server);
	for (int round = 0; round < 8; round++) {
		struct line_wire *w = wire();
		struct bed b;
		bool accept = (round & 1) != 0, tls = (round & 2) != 0;
		w->send_proxy = (uint8_t)(1 + (round >> 2));
		w->accept_proxy = accept;
		if (tls)
			w->tls_client = tls_ctx_ref(r->client_ctx);
		bed_start(&b, w, NULL, 0);
		struct end c = dial(&b);
		struct proxy_header h = { .family = PROXY_HEADER_IP4, .client = { .ip = { 192, 0, 2, 7 }, .port = 12345 },
			.server = { .ip = { 198, 51, 100, 1 }, .port = 443 } };
		if (accept) {
			say(&c, v2_header, V2_BYTES);
		} else {
			struct io_addr own;
			assert_int_equal(io_token_peer(c.fd, &own), 0);
			h.server.port = addr_port(&own);
			own.len = sizeof(own.un);
			assert_int_equal(getsockname(c.fd, &own.sa, &own.len), 0);
			h.client.port = addr_port(&own);
			memcpy(h.client.ip, (uint8_t[]){ 127, 0, 0, 1 }, 4);
			memcpy(h.server.ip, (uint8_t[]){ 127, 0, 0, 1 }, 4);
		}
		struct end s = take(&b, 0);
		uint8_t out[PROXY_HEADER_WRITE_MAX];
		size_t n = proxy_header_write(&h, w->send_proxy, out);
		hear(&s, out, n);
		if (tls)
			assert_int_equal(shake(&s, ctx, true, NULL), 1);
		talk_and_drop(&c, &s);
		closed_as(&b, LINE_CLOSE_FINISHED, 1);
		bed_stop(&b);
	}
	SSL_CTX_free(ctx);
}

/* A header, and behind it in the same segment a ClientHello, for us to take up. */
static void
header_before_tls(void **state)
{
	const struct rig *r = *state;
	struct line_wire *w = wire();
	struct bed b;
	w->accept_proxy = true;
	w->tls_server = tls_ctx_ref(r->server_ctx);
	bed_start(&b, w, NULL, 0);
	SSL_CTX *ctx = plain_client();
	struct end c = dial(&b);
	int cork = 1;
	setsockopt(c.fd, IPPROTO_TCP, 3 /* TCP_CORK */, &cork, sizeof(cork));
	say(&c, v2_header, V2_BYTES);
	SSL *ssl = SSL_new(ctx);
	SSL_set_fd(ssl, c.fd);
	SSL_set_connect_state(ssl);
	BIO_socket_nbio(c.fd, 1);
	assert_true(SSL_do_handshake(ssl) < 0);
	BIO_socket_nbio(c.fd, 0);
	cork = 0;
	setsockopt(c.fd, IPPROTO_TCP, 3, &cork, sizeof(cork));
	assert_int_equal(SSL_do_handshake(ssl), 1);
	c.ssl = ssl;
	struct end s = take(&b, 0);
	talk_and_drop(&c, &s);
	closed_as(&b, LINE_CLOSE_FINISHED, 1);
	SSL_CTX_free(ctx);
	bed_stop(&b);
}

/* ---- routes ---- */

/* Routes for *.second.example to the second server. */
static struct line_wire *
routed(const struct bed *b, struct line_wire *w)
{
	static const char *const names[] = { "second.example", "*.second.example" };
	w->routes = w->mem = calloc(1, sizeof(struct line_route));
	assert_non_null(w->mem);
	w->route_count = 1;
	w->routes[0] = (struct line_route){ .name_count = 2, .names = names };
	assert_int_equal(line_target_set(&w->routes[0].target, b->server_text[1]), 0);
	return w;
}

static void
set_wire(struct bed *b, struct line_wire *w)
{
	struct line_conf *conf = conf_of(b, w, NULL, 0);
	proxy_line_set(b->proxy, b->line, conf);
	line_conf_unref(conf);
}

static void
passed_through_by_name(void **state)
{
	const struct rig *r = *state;
	struct bed b;
	bed_start(&b, wire(), NULL, 0);
	SSL_CTX *cc = plain_client(), *sc = plain_server(&r->server);
	static const struct { const char *name; int server; } rows[] = {
		{ "second.example", 1 }, { "a.second.example", 1 }, { "a.b.second.example", 0 }, { "first.example", 0 }, { NULL, 0 },
	};
	/* Seen in passing, and where TLS ends here. */
	for (int ends_here = 0; ends_here < 2; ends_here++) {
		struct line_wire *w = routed(&b, wire());
		if (ends_here)
			w->tls_server = tls_ctx_ref(r->server_ctx);
		set_wire(&b, w);
		for (size_t i = 0; i < FL_ARRAY_LEN(rows); i++) {
			struct end c = dial(&b);
			c.ssl = SSL_new(cc);
			SSL_set_fd(c.ssl, c.fd);
			if (rows[i].name != NULL)
				SSL_set_tlsext_host_name(c.ssl, rows[i].name);
			SSL_set_connect_state(c.ssl);
			if (ends_here) {
				assert_int_equal(SSL_do_handshake(c.ssl), 1);
				struct end s = take(&b, rows[i].server);
				talk_and_drop(&c, &s);
				continue;
			}
			BIO_socket_nbio(c.fd, 1);
			SSL_do_handshake(c.ssl);                /* the ClientHello is sent */
			struct end s = take(&b, rows[i].server);
			s.ssl = SSL_new(sc);
			SSL_set_fd(s.ssl, s.fd);
			SSL_set_accept_state(s.ssl);
			BIO_socket_nbio(s.fd, 1);
			while (SSL_do_handshake(s.ssl) != 1 || SSL_do_handshake(c.ssl) != 1)
				SSL_do_handshake(c.ssl);
			BIO_socket_nbio(c.fd, 0);
			BIO_socket_nbio(s.fd, 0);
			talk_and_drop(&c, &s);
		}
	}
	closed_as(&b, LINE_CLOSE_FINISHED, 10);
	SSL_CTX_free(cc);
	SSL_CTX_free(sc);
	bed_stop(&b);
}

static void
no_route(void **state)
{
	(void)state;
	struct bed b;
	bed_start(&b, wire(), NULL, 0);
	struct line_wire *w = routed(&b, wire());
	w->no_default = true;
	w->accept_proxy = true;
	set_wire(&b, w);
	SSL_CTX *ctx = plain_client();
	struct end c = dial(&b);
	say(&c, v2_header, V2_BYTES);
	assert_true(shake(&c, ctx, false, "first.example") <= 0);
	closed_as(&b, LINE_CLOSE_NO_ROUTE, 1);
	drop(&c);
	c = dial(&b);
	say(&c, v2_header, V2_BYTES);
	say(&c, "GET / HTTP/1.1\r\n", 16);
	hear_end(&c);
	drop(&c);
	closed_as(&b, LINE_CLOSE_BAD_HELLO, 1);
	c = dial(&b);
	say(&c, v2_header, V2_BYTES);
	say(&c, "\x16\3\1", 3);
	shutdown(c.fd, SHUT_WR);
	hear_end(&c);
	drop(&c);
	closed_as(&b, LINE_CLOSE_BAD_HELLO, 2);
	SSL_CTX_free(ctx);
	bed_stop(&b);
}

int
main(void)
{
	struct rig r;
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_prestate(terminated, &r),
		cmocka_unit_test_prestate(originated, &r),
		cmocka_unit_test_prestate(originated_in_vain, &r),
		cmocka_unit_test_prestate(large_through_tls_on_both_sides, &r),
		cmocka_unit_test_prestate(faults_act_on_plaintext, &r),
		cmocka_unit_test_prestate(certificate_is_replaced, &r),
		cmocka_unit_test_prestate(header_is_taken, &r),
		cmocka_unit_test_prestate(header_is_wrong_or_late, &r),
		cmocka_unit_test_prestate(scopes_see_the_client_of_the_header, &r),
		cmocka_unit_test_prestate(header_is_sent, &r),
		cmocka_unit_test_prestate(header_before_tls, &r),
		cmocka_unit_test_prestate(passed_through_by_name, &r),
		cmocka_unit_test_prestate(no_route, &r),
	};
	signal(SIGPIPE, SIG_IGN);
	rig_init(&r);
	int failed = cmocka_run_group_tests(tests, NULL, NULL);
	rig_fini(&r);
	return failed;
}
