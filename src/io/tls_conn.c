/* SPDX-License-Identifier: MIT */
/* tls_conn.c - one TLS connection over a non-blocking socket. */
#include "io/tls_conn.h"
#include "base/assert.h"

#include <errno.h>
#include <openssl/err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define RECORD_BYTES 16384              /* the most plaintext a record holds */
/*
 * After a pause records are small, so that the other end can use the first bytes before a whole large one arrived; in a long
 * burst they are as large as they can be.
 */
#define RECORD_FIRST 4096
#define BURST_BYTES (32 * 1024)
#define BURST_PAUSE FL_SEC
#define DRAIN_BYTES 8192
#define READ_BUFFER_BIG (4 * (RECORD_BYTES + 256))

/* ---- the BIO ---- */

/* Keep bytes that the system does not take. */
static bool
hold(struct tls_conn *c, const uint8_t *p, size_t n)
{
	if (c->held_at > 0 && c->held_n > 0)
		memmove(c->held, c->held + c->held_at, c->held_n);
	c->held_at = 0;
	if (c->held_n + n > TLS_HELD_MAX) {
		c->io_err = -ENOBUFS;   /* (2): it makes us write and does not read */
		return false;
	}
	if (c->held_n + n > c->held_room) {
		size_t room = FL_MAX(c->held_n + n, (size_t)RECORD_BYTES + 1024);
		uint8_t *more = realloc(c->held, room);
		if (more == NULL) {
			c->io_err = -ENOMEM;
			return false;
		}
		c->held = more;
		c->held_room = (uint32_t)room;
	}
	memcpy(c->held + c->held_n, p, n);
	c->held_n += (uint32_t)n;
	return true;
}

/* What the system takes of n bytes now; errors are noted. */
static size_t
send_some(struct tls_conn *c, const uint8_t *p, size_t n)
{
	size_t done = 0;
	while (done < n && c->io_err == 0) {
		ssize_t r = send(c->fd, p + done, n - done, MSG_NOSIGNAL | MSG_DONTWAIT);
		if (r >= 0)
			done += (size_t)r;
		else if (errno == EAGAIN)
			break;
		else if (errno != EINTR)
			c->io_err = -errno;
		if (r >= 0 && done < n)
			break;          /* full: an edge will tell when there is room again */
	}
	return done;
}

/* Send what was gathered; the rest is held. */
static bool
push_out(struct tls_conn *c)
{
	struct tls_wire *w = c->wire;
	size_t n = w->out_n, done = c->held_n == 0 ? send_some(c, w->out, n) : 0;
	w->out_n = 0;                   /* (1) */
	if (c->io_err != 0)
		return false;
	return done == n || hold(c, w->out + done, n - done);
}

static int
bio_write(BIO *b, const char *p, int n)
{
	struct tls_conn *c = BIO_get_data(b);
	struct tls_wire *w = c->wire;
	BIO_clear_retry_flags(b);
	if (n <= 0 || c->io_err != 0)
		return -1;
	if ((size_t)n > sizeof(w->out) - w->out_n && !push_out(c))
		return -1;
	if ((size_t)n > sizeof(w->out))
		return hold(c, (const uint8_t *)p, (size_t)n) ? n : -1;
	memcpy(w->out + w->out_n, p, (size_t)n);
	w->out_n += (size_t)n;
	return n;
}

static int
bio_read(BIO *b, char *p, int n)
{
	struct tls_conn *c = BIO_get_data(b);
	ssize_t r;
	BIO_clear_retry_flags(b);
	if (n <= 0 || c->io_err != 0)
		return -1;
	if (c->first != NULL) {
		uint32_t k = FL_MIN((uint32_t)n, c->first_n);
		memcpy(p, c->first + c->first_at, k);
		c->first_at += k;
		c->first_n -= k;
		if (c->first_n == 0) {
			free(c->first);
			c->first = NULL;
		}
		return (int)k;
	}
	if (c->eof)
		return 0;
	if (c->drained) {
		BIO_set_retry_read(b);
		return -1;
	}
	do
		r = recv(c->fd, p, (size_t)n, MSG_DONTWAIT);
	while (r < 0 && errno == EINTR);
	if (r > 0) {
		c->drained = r < n && !c->hung_up;
		return (int)r;
	}
	if (r == 0) {
		c->eof = true;
		return 0;
	}
	if (errno == EAGAIN) {
		c->drained = true;
		BIO_set_retry_read(b);
	} else {
		c->io_err = -errno;
	}
	return -1;
}

/* The end of the stream is told by us: if OpenSSL knew of it, it would end the other direction too. */
static long
bio_ctrl(BIO *b, int command, long num, void *ptr)
{
	(void)b;
	(void)num;
	(void)ptr;
	return command == BIO_CTRL_FLUSH ? 1 : 0;
}

int
tls_wire_new(struct tls_wire **ret_wire)
{
	struct tls_wire *w = malloc(sizeof(*w));
	if (w == NULL)
		return -ENOMEM;
	w->out_n = 0;
	w->method = BIO_meth_new(BIO_TYPE_SOURCE_SINK | BIO_TYPE_DESCRIPTOR, "faultline socket");
	if (w->method == NULL || BIO_meth_set_write(w->method, bio_write) != 1 || BIO_meth_set_read(w->method, bio_read) != 1 ||
	    BIO_meth_set_ctrl(w->method, bio_ctrl) != 1) {
		tls_wire_free(w);
		return -ENOMEM;
	}
	*ret_wire = w;
	return 0;
}

void
tls_wire_free(struct tls_wire *w)
{
	if (w == NULL)
		return;
	BIO_meth_free(w->method);
	free(w);
}

/* ---- life ---- */

int
tls_conn_new(const struct tls_conn_opts *o, struct tls_conn **ret_conn)
{
	struct tls_conn *c = calloc(1, sizeof(*c));
	BIO *b = NULL;
	if (c == NULL)
		return -ENOMEM;
	c->ctx = tls_ctx_ref(o->ctx);
	c->wire = o->wire;
	c->fd = o->fd;
	c->batch = TLS_BATCH_MAX;
	list_init(&c->linger);
	c->more = true;
	fl_assert(o->already_n <= INT32_MAX);
	if (o->already_n > 0) {
		c->first = malloc(o->already_n);
		if (c->first == NULL)
			goto fail;
		memcpy(c->first, o->already, o->already_n);
		c->first_n = (uint32_t)o->already_n;
	}
	c->ssl = tls_ctx_ssl(o->ctx, o->server_name, o->place);
	b = c->ssl != NULL ? BIO_new(c->wire->method) : NULL;
	if (b == NULL)
		goto fail;
	BIO_set_data(b, c);
	BIO_set_init(b, 1);
	SSL_set_bio(c->ssl, b, b);
	*ret_conn = c;
	return 0;
fail:
	tls_conn_free(c);
	ERR_clear_error();
	return -ENOMEM;
}

void
tls_conn_free(struct tls_conn *c)
{
	if (c == NULL)
		return;
	if (c->ssl != NULL)             /* however it ended, its session may be resumed: it is not to be taken out of the cache */
		SSL_set_shutdown(c->ssl, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
	SSL_free(c->ssl);
	tls_ctx_unref(c->ctx);
	free(c->held);
	free(c->first);
	free(c);
}

/* ---- errors ---- */

static void
clean_errors(void)
{
	if (ERR_peek_error() != 0)      /* what other code of this thread may have left */
		ERR_clear_error();
}

static void
say(struct tls_conn *c, const char *text)
{
	if (c->error[0] == '\0')
		snprintf(c->error, sizeof(c->error), "%s", text);
}

/* OpenSSL gave up: why, as -errno, and as text for people unless the socket is to blame. */
static int
fatal(struct tls_conn *c, int ssl_error)
{
	unsigned long e = ERR_peek_error();
	int r = -EPROTO;
	if (c->io_err != 0) {
		r = c->io_err;
	} else if (ssl_error == SSL_ERROR_SSL && e != 0) {
		const char *reason = ERR_reason_error_string(e);
		long verdict = SSL_get_verify_result(c->ssl);
		if (ERR_GET_LIB(e) == ERR_LIB_SSL && ERR_GET_REASON(e) == SSL_R_CERTIFICATE_VERIFY_FAILED) {
			snprintf(c->error, sizeof(c->error), "the certificate was refused: %s", X509_verify_cert_error_string(verdict));
			r = -EKEYREJECTED;
		} else {
			say(c, reason != NULL ? reason : "a mistake in the protocol");
		}
		c->failed = true;
	} else if (c->eof) {
		r = -ECONNRESET;
	} else {
		say(c, "OpenSSL stopped without a reason");
		c->failed = true;
	}
	ERR_clear_error();              /* (3) */
	return r;
}

/* ---- the handshake ---- */

int
tls_conn_shake(struct tls_conn *c)
{
	fl_assert(!c->open && c->wire->out_n == 0);     /* (1) */
	clean_errors();
	int r = SSL_do_handshake(c->ssl), e = r == 1 ? SSL_ERROR_NONE : SSL_get_error(c->ssl, r), res = 1;
	if (r != 1)
		res = e == SSL_ERROR_WANT_READ && c->io_err == 0 ? 0 : fatal(c, e);
	bool sent = push_out(c);        /* what was said so far, an alert included */
	if (res < 0) {
		if (c->eof && c->error[0] == '\0')
			say(c, "the connection was closed during the handshake");
		else if (c->error[0] == '\0')
			say(c, "the connection broke during the handshake");
		return res;
	}
	if (!sent) {
		say(c, "the connection broke during the handshake");
		return c->io_err;
	}
	if (res == 1)
		c->open = true;
	c->more = res == 1;
	return res;
}

/* ---- plaintext ---- */

/* The end of the stream, or an error; told when everything before it was. */
static void
end_reading(struct tls_conn *c, int ssl_error)
{
	c->more = false;
	if (ssl_error == SSL_ERROR_ZERO_RETURN) {
		c->read_end = 1;
	} else if (c->eof && c->io_err == 0 && ERR_peek_error() == 0) {
		c->truncated = true;
		c->read_end = 1;
	} else {
		c->read_end = fatal(c, ssl_error);
	}
}

int64_t
tls_conn_read(struct tls_conn *c, uint8_t *p, size_t max)
{
	size_t got = 0;
	fl_assert(c->open && max > 0 && c->wire->out_n == 0);
	clean_errors();
	while (got < max && c->read_end == 0) {
		int r = SSL_read(c->ssl, p + got, (int)FL_MIN(max - got, (size_t)INT32_MAX));
		if (r > 0) {
			got += (size_t)r;
			c->more = true;
			if (c->drained && SSL_has_pending(c->ssl) == 0 && c->first == NULL) {
				c->more = false;
				break;
			}
			continue;
		}
		int e = SSL_get_error(c->ssl, r);
		if (e == SSL_ERROR_WANT_READ && c->io_err == 0) {
			c->more = false;
			break;
		}
		end_reading(c, e);
	}
	if (!push_out(c) && c->read_end == 0)           /* answers to key updates, alerts */
		c->read_end = c->io_err;
	if (got >= RECORD_BYTES && !c->big_reads) {
		c->big_reads = true;
		SSL_set_default_read_buffer_len(c->ssl, READ_BUFFER_BIG);
	} else if (got < RECORD_BYTES && c->big_reads) {
		c->big_reads = false;   /* a connection that stops within a record should not keep a large buffer */
		SSL_set_default_read_buffer_len(c->ssl, 0);
	}
	if (got > 0) {
		c->more = c->more || c->read_end != 0;
		return (int64_t)got;
	}
	if (c->read_end == 0)
		return -EAGAIN;
	c->more = false;
	return c->read_end == 1 ? 0 : c->read_end;
}

static size_t
record_bytes(const struct tls_conn *c)
{
	return c->burst < BURST_BYTES ? RECORD_FIRST : RECORD_BYTES;
}

int64_t
tls_conn_write(struct tls_conn *c, const uint8_t *p, size_t n, fl_ns now)
{
	size_t done = 0, gathered = 0;
	fl_assert(c->open && c->held_n == 0 && c->wire->out_n == 0);
	if (c->io_err != 0 || c->failed || c->shut)
		return c->io_err != 0 ? c->io_err : -EPIPE;
	clean_errors();
	if (now - c->wrote_at > BURST_PAUSE)
		c->burst = 0;
	c->wrote_at = now;
	while (done < n && c->held_n == 0) {
		size_t k = FL_MIN(n - done, record_bytes(c));
		int r = SSL_write(c->ssl, p + done, (int)k);
		if (r <= 0) {
			int err = fatal(c, SSL_get_error(c->ssl, r));
			c->wire->out_n = 0;
			return err;
		}
		done += (size_t)r;
		gathered += (size_t)r;
		c->burst = FL_MIN(c->burst + (uint32_t)r, (uint32_t)BURST_BYTES);
		if (gathered >= c->batch) {
			gathered = 0;
			if (!push_out(c))
				return c->io_err;
			c->batch = c->held_n > 0 ? RECORD_BYTES : FL_MIN(c->batch * 2, (uint32_t)TLS_BATCH_MAX);
		}
	}
	if (!push_out(c))
		return c->io_err;
	fl_assert(done > 0 && done <= n);
	return (int64_t)done;
}

int
tls_conn_flush(struct tls_conn *c)
{
	if (c->held_n > 0) {
		size_t k = send_some(c, c->held + c->held_at, c->held_n);
		c->held_at += (uint32_t)k;
		c->held_n -= (uint32_t)k;
		if (c->io_err != 0)
			return c->io_err;
		if (c->held_n > 0)
			return 1;
	}
	free(c->held);
	c->held = NULL;
	c->held_at = c->held_room = 0;
	if (c->fin_wanted) {
		c->fin_wanted = false;
		shutdown(c->fd, SHUT_WR);
	}
	return 0;
}

void
tls_conn_shut(struct tls_conn *c, bool fin)
{
	if (!c->shut && c->open && !c->failed && c->io_err == 0) {
		clean_errors();
		SSL_shutdown(c->ssl);
		ERR_clear_error();
		push_out(c);
	}
	c->shut = true;
	c->fin_wanted = c->fin_wanted || fin;
	tls_conn_flush(c);
}

void
tls_conn_drain(struct tls_conn *c)
{
	ssize_t r = c->open ? recv(c->fd, c->wire->out, DRAIN_BYTES, MSG_DONTWAIT) : 0;
	(void)r;
}

void
tls_conn_info(const struct tls_conn *c, struct tls_info *ret_info)
{
	const unsigned char *alpn;
	unsigned alpn_n;
	const char *sni = SSL_get_servername(c->ssl, TLSEXT_NAMETYPE_host_name);
	X509 *peer = SSL_get0_peer_certificate(c->ssl);

	*ret_info = (struct tls_info){ .resumed = SSL_session_reused(c->ssl) == 1, .peer_cert = peer != NULL };
	snprintf(ret_info->version, sizeof(ret_info->version), "%s", SSL_get_version(c->ssl));
	snprintf(ret_info->cipher, sizeof(ret_info->cipher), "%s", SSL_get_cipher_name(c->ssl));
	SSL_get0_alpn_selected(c->ssl, &alpn, &alpn_n);
	if (alpn != NULL)
		snprintf(ret_info->alpn, sizeof(ret_info->alpn), "%.*s", (int)alpn_n, (const char *)alpn);
	if (sni != NULL)
		snprintf(ret_info->sni, sizeof(ret_info->sni), "%s", sni);
	if (peer != NULL) {
		BIO *b = BIO_new(BIO_s_mem());
		int n = 0;
		if (b != NULL && X509_NAME_print_ex(b, X509_get_subject_name(peer), 0, XN_FLAG_RFC2253) >= 0)
			n = BIO_read(b, ret_info->peer_subject, sizeof(ret_info->peer_subject) - 1);
		ret_info->peer_subject[n > 0 ? n : 0] = '\0';
		BIO_free(b);
		ret_info->verified = SSL_get_verify_mode(c->ssl) != SSL_VERIFY_NONE && SSL_get_verify_result(c->ssl) == X509_V_OK;
	}
	ERR_clear_error();
}
